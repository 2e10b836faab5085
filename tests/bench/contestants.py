# SPDX-License-Identifier: ISC
#
# Who takes part: each is started on the same data, has a name for Postfix's client, and goes when it is closed.

import glob
import os
import re
import shutil
import subprocess
import sys
import time

from harness import Site, check, listener, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))

CPUS = sorted(os.sched_getaffinity(0))


def two_cores():
    """Two CPUs that share no core, where there are two."""
    def siblings(cpu):
        try:
            with open("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list" % cpu) as file:
                return file.read()
        except OSError:
            return cpu
    others = [cpu for cpu in CPUS[1:] if siblings(cpu) != siblings(CPUS[0])]
    return str(CPUS[0]), str((others or CPUS[1:] or CPUS)[0])


SERVER_CPU, CLIENT_CPU = two_cores()
ALL_CPUS = ",".join(str(cpu) for cpu in CPUS)


def pinned(cpu, *command):
    return ["taskset", "-c", cpu, *command]


def repin(cpus, pids):
    """Move running processes, with all of their threads."""
    for pid in pids:
        subprocess.run(["taskset", "-a", "-c", "-p", cpus, str(pid)], stdout=subprocess.DEVNULL, check=False)


class Server:
    """A program that says "ready" on its stdout."""

    def __init__(self, *command):
        self.process = subprocess.Popen(pinned(SERVER_CPU, *command), stdout=subprocess.PIPE, text=True)
        check("ready" in self.process.stdout.readline(), command)
        self.pids = [self.process.pid]

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Echo(Server):
    def __init__(self, build, folder, name="echo", address=None):
        self.name = name
        self.address = address or "unix:" + os.path.join(folder, name + ".sock")
        super().__init__(os.path.join(build, "tests/bench/echo"), self.address)
        self.table = "socketmap:%s:aliases" % self.address


class Python(Server):
    name = "python"

    def __init__(self, folder, database):
        self.address = "unix:" + os.path.join(folder, "python.sock")
        super().__init__(sys.executable, os.path.join(HERE, "socketmap.py"), self.address[5:], database)
        self.table = "socketmap:%s:aliases" % self.address


class Vmaild:
    """The daemon, with as many lookup workers as it is told, on the server's CPU unless CPUS says others."""

    def __init__(self, build, folder, store, name="vmaild", workers=1, cpus=SERVER_CPU, tcp=None, **settings):
        self.name = name
        self.folder = os.path.join(folder, name)
        self.cpus = cpus
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        path = os.path.join(self.folder, "maps.sock")
        self.auth = os.path.join(self.folder, "auth.sock")
        listeners = [listener("unix:" + path, "socketmap", 0o666), listener("unix:" + self.auth, "auth", 0o666)]
        if tcp:
            listeners.append(listener(tcp, "socketmap"))
        settings = dict({"log_level": "warning", "max_connections": 20000}, **settings)
        if not store.startswith("postgresql:"):
            store = "sqlite:" + store
        self.site = Site(build, self.folder, listeners=listeners, store=store, lookup_workers=workers, **settings)
        self.address = "unix:" + path
        self.tcp = tcp
        self.table = "socketmap:%s:aliases" % self.address

    def start(self):
        """Begin, and be ready: itself."""
        began = time.monotonic()
        self.daemon = self.site.start()
        self.started = time.monotonic() - began
        self.settle()
        return self

    def settle(self):
        """Keep to the CPUs that it was given: those of a start, and those of a reload."""
        repin(self.cpus, [self.daemon.pid, *self.daemon.supervisors(), *self.daemon.workers()])
        self.pids = self.daemon.workers("lookup")

    def close(self):
        self.daemon.stop()


class Fixed:
    """A table that Postfix reads by itself, or through its proxymap."""

    pids = ()

    def __init__(self, name, table):
        self.name = name
        self.table = table

    def close(self):
        pass


def shared_buffers():
    """What a server of its own would be given: a quarter of the memory, of which no more is touched than there are
    data; MiB."""
    return min(8192, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 ** 22)


class Postgres:
    """A server as an ordinary user, on a unix socket in FOLDER. Its data are there as well, unless they are to be kept
    in DATA."""

    @staticmethod
    def installed():
        """Where the newest of its servers is."""
        return max(glob.glob("/usr/lib/postgresql/*/bin/initdb"), default=None)

    def __init__(self, folder, user, data=None, cpus=SERVER_CPU):
        self.bin = os.path.dirname(self.installed())
        self.folder = os.path.join(folder, "pg")
        self.user = user
        self.data = data or os.path.join(self.folder, "data")
        for path in (self.folder, os.path.dirname(self.data)):
            os.makedirs(path, exist_ok=True)
            shutil.chown(path, user)
        made = not os.path.exists(self.data)
        if made:
            self.run("initdb", "-D", self.data, "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        self.run("pg_ctl", "-D", self.data, "-w", "-l", os.path.join(self.folder, "log"), "-o",
                 "-k %s -c listen_addresses= -c fsync=off -c max_connections=200 -c shared_buffers=%dMB "
                 "-c max_wal_size=8GB" % (self.folder, shared_buffers()), "start")
        repin(cpus, self.pids())
        if made:
            self.sql("CREATE DATABASE mail")

    @property
    def uri(self):
        return "postgresql:host=%s user=%s dbname=mail" % (self.folder, self.user)

    def run(self, program, *arguments, stdin=None):
        subprocess.run(self.command(program, *arguments), check=True, stdin=stdin, stdout=subprocess.DEVNULL,
                       cwd=self.folder)

    def command(self, program, *arguments):
        return ["setpriv", "--reuid", self.user, "--clear-groups", os.path.join(self.bin, program), *arguments]

    def sql(self, text, database="postgres", stdin=None):
        self.run("psql", "-q", "-h", self.folder, "-d", database, "-v", "ON_ERROR_STOP=1", "-c", text, stdin=stdin)

    def fill(self, copy):
        self.sql("CREATE TABLE alias (address text PRIMARY KEY, target text NOT NULL)", "mail")
        with open(copy) as rows:
            self.sql("COPY alias FROM STDIN", "mail", rows)
        self.sql("VACUUM ANALYZE alias", "mail")

    def warm(self):
        """Have all of it in the server's memory, as far as it fits: or who is first pays for who comes behind."""
        self.sql("CREATE EXTENSION IF NOT EXISTS pg_prewarm", "mail")
        self.sql("SELECT sum(pg_prewarm(oid)) FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace IN "
                 "(SELECT oid FROM pg_namespace WHERE nspname IN ('vmaild', 'public'))", "mail")

    def pids(self):
        with open(os.path.join(self.data, "postmaster.pid")) as file:
            return [file.readline().strip()]

    def table(self, name="postfix", query="SELECT target FROM alias WHERE address = '%s'"):
        """The file that Postfix reads to find it."""
        path = os.path.join(self.folder, name + ".cf")
        with open(path, "w") as out:
            out.write("hosts = unix:%s\nuser = %s\npassword = x\ndbname = mail\nquery = %s\n" % (
                self.folder, self.user, query))
        return path

    def stop(self, how="fast"):
        self.run("pg_ctl", "-D", self.data, "-m", how, "-w", "stop")

    def close(self):
        self.stop("immediate" if self.data.startswith(self.folder) else "fast")
        shutil.rmtree(self.folder, ignore_errors=True)


def private_kib(pid):
    """What belongs to a process alone. A file that is mapped shared is not that: its pages are those in which the
    kernel keeps the file anyway, whether one process has mapped it or many, and goes without when memory is short."""
    kib, shared = 0, False
    with open("/proc/%s/smaps" % pid) as file:
        for line in file:
            mapping = re.match(r"[0-9a-f]+-[0-9a-f]+ ...([ps]) ", line)
            if mapping:
                shared = mapping[1] == "s"
            elif line.startswith("Private_") and not shared:
                kib += int(line.split()[1])
    return kib


def cpu_seconds(pid):
    """What a process with one thread has used, to the nanosecond."""
    with open("/proc/%s/schedstat" % pid) as file:
        return int(file.read().split()[0]) / 1e9


def wait_idle():
    """Until what the last contestant left behind is done. Not for long: other noise is reported, not waited for."""
    def calm():
        before = idle_ticks()
        time.sleep(0.02)
        return idle_ticks() - before >= len(CPUS)
    try:
        wait_until(calm, "a machine at rest", timeout=0.2)
    except AssertionError:
        pass


def idle_ticks():
    with open("/proc/stat") as file:
        fields = [int(x) for x in file.readline().split()[1:]]
    return fields[3] + fields[4]
