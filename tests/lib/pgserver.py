# SPDX-License-Identifier: ISC
#
# PostgreSQL servers of the tests' own: made in a folder, on a port of the loopback, broken in all the ways that
# servers break. As root they run as the user postgres, for PostgreSQL refuses to be root.

import atexit
import contextlib
import functools
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from harness import Skip, TIMEOUT, check, check_eq, free_port, wait_gone, wait_until

SETTINGS = """listen_addresses = '%(host)s'
unix_socket_directories = '%(dir)s'
port = %(port)d
max_connections = 60
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
fsync = off
wal_level = replica
max_wal_senders = 8
wal_keep_size = 128MB
hot_standby = on
wal_retrieve_retry_interval = 100ms
wal_receiver_timeout = 3s
log_min_messages = fatal
"""


def programs():
    """The folder of the server's programs; the newest there is."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: int(p.split("/")[4]))
    if not found and shutil.which("initdb"):
        return os.path.dirname(shutil.which("initdb"))
    if not found:
        raise Skip("there is no PostgreSQL server here (make test-deps)")
    return os.path.dirname(found[-1])


def owner():
    """Who runs the servers: {} for ourselves."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def hand_over(path):
    """A folder becomes that of the servers' user."""
    os.chmod(path, 0o755)
    if owner():
        os.chown(path, owner()["user"], owner()["group"])


def run_as_owner(*command):
    return subprocess.run([*Server.as_owner(), *command], stdin=subprocess.DEVNULL, cwd="/", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT)


@functools.lru_cache(maxsize=None)
def fresh_data():
    """What initdb makes, which takes it seconds of a CPU: once for all servers of this process."""
    folder = tempfile.mkdtemp(prefix="vm-initdb-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    hand_over(folder)
    data = os.path.join(folder, "data")
    done = run_as_owner(os.path.join(programs(), "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                        "--locale=C.UTF-8", "-N")
    check_eq(done.returncode, 0, "initdb", done.stdout)
    return data


class Server:
    """One server below TMP; made by initdb, or as a standby OF another one."""

    def __init__(self, tmp, name, of=None, host="127.0.0.1", net=None, settings="", disk=None):
        """At HOST, in the network namespace NET; SETTINGS are more lines of its configuration, DISK ("300m") is
        all the room it has."""
        self.name = name
        self.host = host
        self.inside = ["ip", "netns", "exec", net] if net else []
        self.settings = settings
        self.bin = programs()
        self.dir = os.path.join(tmp, name)
        self.data = os.path.join(self.dir, "data")
        self.port = free_port()
        self.log = os.path.join(self.dir, "log")
        self.process = None
        os.mkdir(self.dir)
        if disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + disk, "tmpfs", self.dir], check=True)
        hand_over(self.dir)
        self.make(of)

    def make(self, of):
        """Its data: new ones, or those of the server OF."""
        if of is None:
            subprocess.run(["cp", "-a", fresh_data(), self.data], check=True)
            with open(os.path.join(self.data, "pg_hba.conf"), "a") as f:
                f.write("host all,replication all samenet trust\nhost all,replication all samehost trust\n")
            self.configure()
        else:
            self.follow(of)

    def call(self, program, *arguments, check_it=True):
        done = run_as_owner(os.path.join(self.bin, program), *arguments)
        if check_it:
            check_eq(done.returncode, 0, program, done.stdout)
        return done

    def start(self):
        """Start it, and wait until it takes questions."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.inside, *self.as_owner(), os.path.join(self.bin, "postgres"), "-D", self.data], cwd="/",
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait_until(self.is_ready, "server %s to be ready" % self.name)
        return self

    def configure(self):
        with open(os.path.join(self.data, "postgresql.conf"), "a") as f:
            f.write(SETTINGS % {"dir": self.dir, "port": self.port, "host": self.host} + self.settings)

    @staticmethod
    def as_owner():
        who = owner()
        if not who:
            return []
        return ["setpriv", "--reuid=%d" % who["user"], "--regid=%d" % who["group"], "--clear-groups", "--"]

    def is_ready(self):
        check(self.process.poll() is None, "the server ended:", self.tail())
        return self.call("pg_isready", "-h", self.dir, "-p", str(self.port), check_it=False).returncode == 0

    def tail(self):
        with open(self.log, errors="replace") as f:
            return f.read()[-3000:]

    def report(self):
        """What may tell why it is not what it should be."""
        return "server %s:\n%s" % (self.name, self.tail())

    def end(self, number):
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
            os.kill(self.process.pid, signal.SIGCONT)
        self.process.wait(TIMEOUT)
        self.process = None

    def close(self):
        """End it, and give back its disk."""
        self.end(signal.SIGQUIT)
        if os.path.ismount(self.dir):
            subprocess.run(["umount", "-l", self.dir], check=False)

    def stop(self):
        """In the way that drops everybody at once, but writes all down."""
        self.end(signal.SIGINT)

    def kill(self):
        """As a power cut would: the postmaster and all of its children."""
        if self.process is None:
            return
        children = self.children_of_stopped()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in children:
            wait_gone(pid)
        self.process.wait(TIMEOUT)
        self.process = None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.data, "postmaster.pid"))

    def children(self):
        """Each of them is the leader of a session of its own."""
        try:
            with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as f:
                return [int(pid) for pid in f.read().split()]
        except FileNotFoundError:
            return []

    def children_of_stopped(self):
        """The postmaster stands still, has no more children from now on, and these are still its own."""
        def stands_still():
            with open("/proc/%d/stat" % self.process.pid) as f:
                return f.read().rpartition(")")[2].split()[0] in "TZ"
        if self.process.poll() is not None:
            return []  # it has ended by itself
        os.kill(self.process.pid, signal.SIGSTOP)
        wait_until(stands_still, "the postmaster to stop")
        return self.children()

    def freeze(self, frozen=True):
        """It says nothing any more, to nobody, but hangs up on none; or it goes on."""
        children = self.children_of_stopped() if frozen else self.children()
        for pid in [self.process.pid, *children]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def sql(self, text):
        """What psql prints for TEXT, without frills."""
        done = subprocess.run([os.path.join(self.bin, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.dir, "-p", str(self.port),
                               "-U", "postgres", "-f", "-"], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=TIMEOUT)
        check_eq(done.returncode, 0, "psql", done.stderr)
        return done.stdout.strip()

    @contextlib.contextmanager
    def session(self):
        """A psql that stays: what is given tells it something, and waits until that is done. It rolls back at the end."""
        with subprocess.Popen([os.path.join(self.bin, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.dir, "-p", str(self.port),
                               "-U", "postgres"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
            def tell(text):
                psql.stdin.write(text + "\n\\echo done\n")
                psql.stdin.flush()
                check_eq(psql.stdout.readline(), "done\n", "psql", text)
            try:
                yield tell
            finally:
                psql.stdin.close()

    def promote(self):
        """A standby becomes the primary."""
        self.call("pg_ctl", "promote", "-D", self.data, "-w")

    def follow(self, primary):
        """Start over as a standby of PRIMARY."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.call("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast",
                  "-d", "host=%s port=%d user=postgres application_name=%s" % (primary.host, primary.port, self.name))
        self.configure()

    def has(self, other):
        """Tell whether all that OTHER has written so far was read here."""
        return self.sql("SELECT pg_last_wal_replay_lsn() >= '%s'" % other.sql("SELECT pg_current_wal_lsn()")) == "t"


def uri(*servers, options=""):
    """The store of SERVERS, in this order."""
    return "postgresql://postgres@%s/postgres%s" % (",".join("%s:%d" % (s.host, s.port) for s in servers), options)


@contextlib.contextmanager
def servers(tmp, *names):
    """Servers that run: the first is the primary, the others its standbys."""
    made = []
    try:
        for name in names:
            made.append(Server(tmp, name, of=made[0] if made else None))
            made[-1].start()
        yield made
    finally:
        for server in made:
            server.end(signal.SIGQUIT)
