# SPDX-License-Identifier: ISC
#
# What the integration and interop suites share: TAP, scratch folders, configuration files, the real
# daemon (its readiness is a real sd_notify datagram, nothing sleeps), and small clients of the four
# protocols. It knows nothing of Postfix or Dovecot. Python's standard library only.
"""Typical use:

    from harness import *

    suite = Suite("integration")

    @suite.case("a mailbox is found")
    def _(env):
        with scratch() as tmp:
            site = Site(env.build, tmp)                 # tmp/vmaild.conf, tmp/store/vmail.db, tmp/maps.sock ...
            site.init("example.com", users={"harry@example.com": "alohomora"})
            with site.start() as daemon:
                client = Socketmap(site.maps)
                check_eq(client.ask("mailboxes", "harry@example.com"), ("OK", "..."))

    sys.exit(suite.main())                              # run.py --build DIR [name-substring]
"""
import argparse
import base64
import codecs
import contextlib
import datetime
import grp
import itertools
import os
import pwd
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

# Seconds after which a wait has failed, never a measure of speed: more than the minute for which Postfix leaves alone
# what it takes for broken, and than the minute in which a machine with 40 things to do makes a database.
TIMEOUT = 150
EPHEMERAL = 32768  # Linux gives ports from here on to whoever connects


# --- TAP ------------------------------------------------------------------------------------------

class Skip(Exception):
    """Raise it in a case that cannot run here; the text says why, aloud."""


class Failed(AssertionError):
    """What check() and its sisters raise."""


def check(condition, *detail):
    """Fail the case unless CONDITION holds; DETAIL (any values) is shown."""
    if not condition:
        raise Failed(" ".join(str(d) for d in detail) or "condition does not hold")


def check_eq(got, expected, *detail):
    """Fail the case unless GOT == EXPECTED."""
    if got != expected:
        raise Failed("%s got %.2000r, expected %.2000r" % (" ".join(str(d) for d in detail), got, expected))


def check_in(part, whole, *detail):
    """Fail the case unless PART is in WHOLE."""
    if part not in whole:
        raise Failed("%s no %r in %.3000r" % (" ".join(str(d) for d in detail), part, whole))


def need_root():
    """Skip the case for an ordinary user."""
    if os.geteuid() != 0:
        raise Skip("needs root")


def is_sanitized(program):
    """Tell whether the file PROGRAM was built with AddressSanitizer."""
    with open(program, "rb") as f:
        return b"__asan_init" in f.read()


class Env:
    """What every case is handed: `build`, the folder with the programs, and the parsed `options`."""

    def __init__(self, options):
        self.options = options
        self.build = os.path.abspath(options.build)

    def program(self, name):
        """The path of a built program; the case is failed when it is not there."""
        path = os.path.join(self.build, name)
        check(os.access(path, os.X_OK), "not built:", path)
        return path


class Suite:
    """Named cases, one TAP line each, in order; run in order too, unless several processes share them (--jobs).
    Then each process takes the next case or, if BY_FILE, the next file's: its cases may share what they set up."""

    def __init__(self, name, by_file=False):
        self.name = name
        self.by_file = by_file
        self.cases = []
        self.last = []
        self.first = []

    def case(self, name):
        """Decorator: register FUNCTION(env) under NAME."""
        def register(function):
            self.add(name, function)
            return function
        return register

    def add(self, name, function):
        """Register FUNCTION(env) under NAME; for rows of a table."""
        self.cases.append((name, function))

    def in_each(self, function):
        """Have every process call FUNCTION() before its first case."""
        self.first.append(function)

    def at_end(self, name, function):
        """Register FUNCTION(env) as a case that every process runs after its last."""
        self.last.append((name, function))

    def groups(self, chosen):
        """CHOSEN cases as lists, each for one process."""
        if not self.by_file:
            return [[c] for c in chosen]
        return [list(g) for _, g in itertools.groupby(chosen, lambda c: c[2].__module__)]

    def run(self, env, only="", jobs=1):
        """Run the cases whose name contains ONLY, in JOBS processes; return the exit status. It returns in each
        of these processes, so that its caller can clean up there."""
        wanted = chosen_by(only)
        chosen = [(n, *c) for n, c in enumerate((c for c in self.cases if wanted(c[0])), 1)]
        last = [c for c in self.last if wanted(c[0])]
        groups = self.groups(chosen)
        jobs = max(1, min(jobs, len(groups)))
        ends = [[(len(chosen) + len(last) * j + i, *c) for i, c in enumerate(last, 1)] for j in range(jobs)]
        print("1..%d" % (len(chosen) + len(last) * jobs), flush=True)
        self.begin()
        if jobs > 1:
            return share(self, env, groups, ends)
        bad = [c for c in chosen + ends[0] if not judge(env, *c)]
        return 1 if bad or not chosen else 0

    def begin(self):
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # what a case has started ends
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # by a shell's &: whom we start would ignore it as well
            signal.signal(signal.SIGINT, signal.default_int_handler)
        for function in self.first:
            function()

    def main(self, extra=None, more=None):
        """Parse --build DIR [--jobs N] [name-substring] (EXTRA(parser) may add options, MORE(suite, env) cases
        that need the folder), run, return the status."""
        parser = argparse.ArgumentParser(description=self.name + " tests; speaks TAP")
        parser.add_argument("--build", required=True, metavar="DIR", help="folder with the programs")
        parser.add_argument("--jobs", type=int, default=1, metavar="N", help="share the cases among N processes")
        parser.add_argument("only", nargs="?", default="", help="run the cases whose name contains this")
        if extra:
            extra(parser)
        options = parser.parse_args()
        env = Env(options)
        if more:
            more(self, env)
        return self.run(env, options.only, options.jobs)


def printed(name):
    """NAME as it stands in TAP, where # begins a directive."""
    return name.replace("#", "no.")


def chosen_by(only):
    """A function that tells whether a case of a name is to be run: those with ONLY in it or, when tests/lib/tally
    looks a second time, those that it names."""
    again = os.environ.pop("AGAIN", None)
    if again is None:
        return lambda name: only in name
    return lambda name: printed(name) in again.splitlines()


def judge(env, number, name, function):
    """Run one case, print its verdict and how long it took; tell whether it passed."""
    name = printed(name)
    begin = time.monotonic()
    good = True
    try:
        function(env)
        print("ok %d - %s" % (number, name), flush=True)
    except Skip as why:
        print("ok %d - %s # SKIP %s" % (number, name, why), flush=True)
    except Exception:
        good = False
        print("not ok %d - %s" % (number, name), flush=True)
        kind, why, where = sys.exc_info()
        lines = traceback.format_exception_only(kind, why) + traceback.format_tb(where.tb_next)
        print(re.sub("(?m)^", "#   ", "".join(lines).rstrip()), flush=True)
    print("# %.1f s" % (time.monotonic() - begin), flush=True)
    return good


# --- several processes ----------------------------------------------------------------------------

def share(suite, env, groups, ends):
    """Run GROUPS of cases in as many processes as there are ENDS, the cases that each of them ends with; print
    all they say, in the order of the cases. Returns in each of them too."""
    every = groups + ends
    todo, done = os.pipe(), os.pipe()
    os.write(todo[1], b"".join(n.to_bytes(4, "big") for n in range(len(groups))))
    os.close(todo[1])
    spool = tempfile.mkdtemp(prefix="vm-tap-")
    parent, workers = os.getpid(), []
    try:
        for end in range(len(groups), len(every)):
            pid = os.fork()
            if pid == 0:
                return work(suite, env, every, end, spool, todo[0], done[1])
            workers.append(pid)
        os.close(done[1])
        return collect(every, spool, done[0])
    finally:
        if os.getpid() == parent:
            for pid in workers:
                os.kill(pid, signal.SIGTERM)
            for pid in workers:
                os.waitpid(pid, 0)
            shutil.rmtree(spool, ignore_errors=True)


def work(suite, env, every, end, spool, todo, done):
    """One of the processes: run the groups whose numbers it reads from TODO, then number END; write to DONE
    the number of each that has been run. What is printed goes to a file of that name."""
    suite.begin()
    for number in itertools.chain(iter(lambda: os.read(todo, 4), b""), [end.to_bytes(4, "big")]):
        index = int.from_bytes(number, "big")
        with open(os.path.join(spool, str(index)), "wb") as out:
            os.dup2(out.fileno(), 1)
        for case in every[index]:
            judge(env, *case)
        os.write(done, number)
    return 0


def collect(every, spool, done):
    """Print what was said of each group as soon as all before it are done; return the exit status."""
    bad = 0
    finished = set()
    for index, group in enumerate(every):
        while index not in finished and (number := os.read(done, 4)):
            finished.add(int.from_bytes(number, "big"))
        with contextlib.suppress(FileNotFoundError), open(os.path.join(spool, str(index)), errors="replace") as said:
            text = said.read()
            sys.stdout.write(text)
            bad += len(re.findall(r"(?m)^not ok ", text))
        if index not in finished:
            bad += 1
            print("not ok - the process that ran \"%s\" and what follows it ended" % group[0][1] if group else "")
        sys.stdout.flush()
    return 1 if bad else 0


# --- places and waiting ---------------------------------------------------------------------------

@contextlib.contextmanager
def scratch():
    """A folder of our own with a short path (socket paths are at most 107 bytes), 0755, removed at the end."""
    path = tempfile.mkdtemp(prefix="vm-", dir="/tmp")
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def wait_until(condition, what, timeout=TIMEOUT):
    """Wait until CONDITION() is true and return its value. For what gives no event to wait for."""
    end = time.monotonic() + timeout
    tick = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, "waited in vain for", what)
        tick.wait(0.01)


def clock(at=None):
    """AT (a time.time(), or now) as the daemon's log writes the time of day: 18:40:01.123."""
    return datetime.datetime.fromtimestamp(at or time.time()).strftime("%H:%M:%S.%f")[:-3]


def lines_of(log, begin, end):
    """Those lines of the daemon's LOG that were written from BEGIN to END, both a time.time()."""
    found = []
    for line in log.splitlines():
        with contextlib.suppress(ValueError):
            if begin <= datetime.datetime.strptime(line[:28], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() <= end:
                found.append(line)
    return found


def wait_gone(pid, timeout=TIMEOUT):
    """Wait until process PID (any process, not only a child) has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        check(select.select([fd], [], [], timeout)[0], "process", pid, "did not end")
    finally:
        os.close(fd)


def children(pid):
    """The process ids of PID's children."""
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(word) for word in f.read().split()]
    except FileNotFoundError:
        return []


def process_name(pid):
    """The name a process has given itself ("vmaild-lookup"), "" when it is gone."""
    try:
        with open("/proc/%d/comm" % pid) as f:
            return f.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


ports_given = {}


def free_port():
    """A TCP port on 127.0.0.1 that nobody listens on, that was not given before, to no other run of tests
    either (each holds a socket named after the port), and that no connection begins at."""
    while True:
        port = random.randrange(10000, EPHEMERAL)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind("\0vmaild-test-port-%d" % port)
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        ports_given[port] = claim
        return port


def ordinary_user():
    """Whom the daemon shall run as: nobody for root, ourselves otherwise."""
    if os.geteuid() == 0:
        return "nobody"
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def group_of(user):
    """The name of USER's own group."""
    entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    return grp.getgrgid(entry.pw_gid).gr_name


# --- configuration --------------------------------------------------------------------------------

def quoted(text):
    """TEXT as a string of the configuration file."""
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def value(v):
    """A Python value as the configuration file writes it."""
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, int):
        return str(v)
    if isinstance(v, (list, tuple)):
        return "{%s}" % ", ".join(quoted(x) for x in v)
    return quoted(v)


def listener(address, protocol="socketmap", mode=0o660, group=None, twin=False, map=None, peers=None):
    """One listen section. MODE, GROUP and TWIN are for unix sockets; MAP is for protocol "tcp"."""
    lines = ['listen %s {' % quoted(address), "\tprotocol = %s" % protocol]
    if address.startswith("unix:"):
        lines += ["\tmode = 0%o" % mode, "\tpostfix-twin = %s" % value(twin)]
        if group:
            lines.append("\tgroup = %s" % quoted(group))
        if peers is not None:
            lines.append("\tpeers = %s" % value(peers))
    if map:
        lines.append("\tmap = %s" % map)
    return "\n".join(lines + ["}"])


def configuration(listeners, **settings):
    """The text of a configuration file: SETTINGS (recipient_delimiter="+" ...) and listen sections."""
    lines = ["%s = %s" % (k.replace("_", "-"), value(v)) for k, v in settings.items() if v is not None]
    return "\n".join(lines + list(listeners)) + "\n"


def write_file(path, text, mode=0o644):
    """Replace PATH as a whole."""
    with open(path + ".new", "w") as f:
        f.write(text)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)


# --- the daemon -----------------------------------------------------------------------------------

class Notify:
    """The service manager's end of sd_notify: a datagram socket."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.socket.bind(path)
        os.chmod(path, 0o777)  # the daemon has dropped root by the time it is ready

    def wait(self, word, alive=lambda: True, timeout=TIMEOUT):
        """Wait for a datagram that holds the line WORD ("READY=1") and return it as its lines."""
        end = time.monotonic() + timeout
        seen = []
        while True:
            self.socket.settimeout(0.1)
            try:
                lines = self.socket.recv(4096).decode().split("\n")
            except TimeoutError:
                check(alive(), "the daemon ended before it said", word)
                check(time.monotonic() < end, "no", word, "but", seen)
                continue
            seen += lines
            if word in lines:
                return lines

    def close(self):
        self.socket.close()


class Reader(threading.Thread):
    """Keeps all that comes out of a pipe, and lets others wait for a piece of it."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.pipe = pipe
        self.read = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self.ended = False
        self.changed = threading.Condition()
        self.start()

    def has_more(self, patience):
        """Wait PATIENCE ms (None: for ever) until there is something to be read. (select() knows no high descriptors.)"""
        poll = select.poll()
        poll.register(self.pipe, select.POLLIN)
        return bool(poll.poll(patience))

    def take(self):
        """Read once; False when there is nothing to be read now."""
        if self.ended or not self.has_more(0):
            return False
        piece = os.read(self.pipe.fileno(), 65536)
        self.ended = not piece
        self.read += self.decoder.decode(piece, self.ended)
        return True

    def run(self):
        while not self.ended:
            self.has_more(None)
            with self.changed:
                self.take()  # somebody who wanted all of it may have been first
                self.changed.notify_all()

    @property
    def text(self):
        """All that was written until now: who has had an answer finds here what was logged before it."""
        with self.changed:
            while self.take():
                self.changed.notify_all()
            return self.read

    def wait(self, pattern, start=0, timeout=TIMEOUT):
        """Wait until the regular expression PATTERN matches behind START; return the match."""
        with self.changed:
            match = None

            def found():
                nonlocal match
                match = re.compile(pattern, re.M).search(self.read, start)
                return match
            self.changed.wait_for(found, timeout)
            check(match, "no line like", repr(pattern), "in the log:", self.read[start:][-3000:])
            return match


SANITIZER = re.compile(r"(ERROR: (Address|Leak|Thread)Sanitizer|runtime error:).*", re.M)


class HeldSockets:
    """Listening sockets that belong to a service manager, as systemd.socket(5) has them: at ADDRESSES (paths of unix
    sockets, closed to everybody, and (host, port)). They outlive every daemon that is given them."""

    def __init__(self, *addresses):
        self.sockets = []
        for address in addresses:
            s = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
            if isinstance(address, str):
                os.makedirs(os.path.dirname(address), exist_ok=True)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(address)
            else:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(address)
            if isinstance(address, str):
                os.chmod(address, 0o600)
            s.listen(4096)
            self.sockets.append(s)

    def fds(self):
        return [s.fileno() for s in self.sockets]

    def launcher(self):
        """The words of a command in front of the daemon's own."""
        return [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "activate.py"),
                ",".join(str(fd) for fd in self.fds())]

    def close(self):
        for s in self.sockets:
            s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Daemon:
    """A running vmaild. A context manager: at its end the daemon is stopped, must exit 0, must not have drawn a
    sanitizer's report and, unless it MAY_KILL, not have had to kill a worker that did not leave."""

    def __init__(self, program, conf, notify_path, arguments=(), environment=None, wait=True, before=None,
                 held=None):
        self.notify = Notify(notify_path)
        env = dict(os.environ, NOTIFY_SOCKET=notify_path, **(environment or {}))
        self.process = subprocess.Popen([*(held.launcher() if held else []), program, "-c", conf, *arguments], env=env,
                                        pass_fds=held.fds() if held else (),
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        start_new_session=True, preexec_fn=before)
        self.log = Reader(self.process.stderr)
        self.may_kill = False
        if wait:
            try:
                self.notify.wait("READY=1", lambda: self.process.poll() is None)
            except Failed as why:
                self.kill()
                raise Failed("%s; log: %s" % (why, self.log.text[-3000:])) from None

    @property
    def pid(self):
        return self.process.pid

    def supervisors(self):
        """The process ids of the supervisor and, while an upgrade is under way, of the other one."""
        return [p for p in children(self.pid) if process_name(p) == "vmaild-super"]

    def workers(self, kind=""):
        """The process ids of the workers whose name holds KIND ("lookup", "auth")."""
        return [p for s in self.supervisors() for p in children(s) if kind in process_name(p)]

    def mark(self):
        """Where the log ends now: a START for wait_log."""
        return len(self.log.text)

    def wait_log(self, pattern, start=0, timeout=TIMEOUT):
        """Wait for a log line that PATTERN (a regular expression) matches."""
        return self.log.wait(pattern, start, timeout)

    def signal(self, number):
        self.process.send_signal(number)

    def upgrade(self):
        """SIGUSR2, and wait until the daemon is ready again (with the new or the old program)."""
        self.signal(signal.SIGUSR2)
        self.notify.wait("RELOADING=1", lambda: self.process.poll() is None)
        self.notify.wait("READY=1", lambda: self.process.poll() is None)

    def reload(self):
        """SIGHUP, and wait until the daemon is ready again (with the new or the old configuration)."""
        self.signal(signal.SIGHUP)
        self.notify.wait("RELOADING=1", lambda: self.process.poll() is None)
        self.notify.wait("READY=1", lambda: self.process.poll() is None)

    def wait(self, timeout=TIMEOUT):
        """Wait until the daemon has ended; return its exit status."""
        status = self.process.wait(timeout)
        self.log.join(timeout)
        return status

    def kill(self):
        """End it and its workers at once, whatever state they are in. When this returns nobody listens any more: what
        is killed is still at it for a moment."""
        family = [*self.supervisors(), *self.workers()]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        for pid in family:
            wait_gone(pid)
        self.notify.close()

    def stop(self):
        """SIGTERM; check the exit status and the log."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            text = self.log.text
            self.kill()
            raise Failed("vmaild did not end on SIGTERM; log: " + text[-3000:]) from None
        self.notify.close()
        check(not SANITIZER.search(self.log.text), "sanitizer:", self.log.text[-6000:])
        check_eq(status, 0, "exit status of vmaild; log:", self.log.text[-3000:])
        check(self.may_kill or "did not leave in time" not in self.log.text, "workers were killed:", self.log.text[-3000:])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()
            print("#   log of vmaild:\n" + "".join("#     %s\n" % line for line in
                                                   self.log.text[-6000:].splitlines()), end="")


def is_sanitized(program):
    """Tell whether PROGRAM was built with a sanitizer that keeps a map of all memory."""
    with open(program, "rb") as f:
        text = f.read()
    return b"__asan_init" in text or b"__tsan_init" in text


class Site:
    """One private installation below TMP: configuration, store, sockets. The sockets (paths):
    `maps` socketmap, `auth` auth, `userdb` userdb; and `tcp`, a (host, port) for the map `tcp_map`.

    SETTINGS override the test's defaults (cheap hashes, a failure delay of 100 ms, deadlines that a busy
    machine keeps); the names are those of the configuration file with _ for -. LISTENERS, when given, replaces the four above: a list of
    listener() texts."""

    def __init__(self, build, tmp, tcp_map="aliases", listeners=None, **settings):
        self.build = os.path.abspath(build)
        self.tmp = tmp
        self.user = settings.get("user", ordinary_user())
        self.maps = os.path.join(tmp, "maps.sock")
        self.auth = os.path.join(tmp, "auth.sock")
        self.userdb = os.path.join(tmp, "userdb.sock")
        self.tcp = ("127.0.0.1", free_port()) if listeners is None else None
        self.conf = os.path.join(tmp, "vmaild.conf")
        self.store_directory = os.path.join(tmp, "store")
        self.store = os.path.join(self.store_directory, "vmail.db")
        self.listeners = listeners if listeners is not None else [
            listener("unix:" + self.maps, "socketmap", 0o666),
            listener("unix:" + self.auth, "auth", 0o666),
            listener("unix:" + self.userdb, "userdb", 0o666),
            listener("inet:%s:%d" % self.tcp, "tcp", map=tcp_map),
        ]
        self.settings = dict(store="sqlite:" + self.store, user=self.user, mail_user=self.user,
                             hash_memory=8, hash_passes=1, failure_delay=100, queue_directories=[],
                             lookup_deadline=10000, login_deadline=9000,
                             log="stderr", log_level="debug")
        self.settings.update(settings)
        if not self.settings["store"].startswith("sqlite:"):
            self.settings.setdefault("throttle_file", self.counts())
        self.configure()

    def counts(self):
        """A file for wrong passwords, in a directory that the daemon's user may write to."""
        directory = os.path.join(self.tmp, "counts")
        os.makedirs(directory, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(directory, self.user)
        return os.path.join(directory, "throttle")

    def configure(self, **settings):
        """Write the configuration file; SETTINGS are kept for the next time."""
        self.settings.update(settings)
        write_file(self.conf, configuration(self.listeners, **self.settings))

    def program(self, name):
        return os.path.join(self.build, name)

    def ctl_run(self, *arguments, stdin=""):
        """Run vmailctl on this site; return the CompletedProcess (text)."""
        return subprocess.run([self.program("vmailctl"), "-c", self.conf, *arguments], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)

    def ctl(self, *arguments, stdin=""):
        """The same; fail the case unless it exits 0, and return what it printed."""
        done = self.ctl_run(*arguments, stdin=stdin)
        check_eq(done.returncode, 0, "vmailctl", arguments, done.stdout, done.stderr)
        return done.stdout

    def init(self, *domains, users=None, aliases=None):
        """Make the store: mailbox DOMAINS, USERS {address: password or None}, ALIASES {address: [targets]}."""
        self.ctl("init")
        for domain in domains:
            self.ctl("domain", "add", domain)
        for address, password in (users or {}).items():
            self.user_add(address, password)
        for address, targets in (aliases or {}).items():
            self.ctl("alias", "add", address, *targets)

    def user_add(self, address, password):
        """Add a mailbox; PASSWORD None: nobody can log in."""
        if password is None:
            self.ctl("user", "add", "--no-password", address)
        else:
            self.ctl("user", "add", "--password-stdin", address, stdin=password + "\n")

    def start(self, wait=True, arguments=(), environment=None, before=None, held=None, program=None):
        """Start vmaild (PROGRAM in its place) and wait until it is ready; see Daemon. BEFORE() is called in the new
        process first; HELD are sockets that it is given."""
        return Daemon(program or self.program("vmaild"), self.conf, os.path.join(self.tmp, "notify"),
                      arguments, environment, wait, before, held)

    def run(self, *arguments):
        """Run vmaild to its end (for -t, and for starts that must fail); return the CompletedProcess."""
        return subprocess.run([self.program("vmaild"), "-c", self.conf, *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=TIMEOUT)


def another_program(site, number):
    """A vmaild below the site's folder that is not the file that was there: its path. What follows a program in its
    file is never looked at."""
    path = os.path.join(site.tmp, "bin", "vmaild")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # not by us: what another thread forks in this moment would hold it open for writing, and it could not be started
    subprocess.run(["sh", "-c", 'cp "$1" "$2.new" && printf "variant %d" "$3" >>"$2.new" && chmod 755 "$2.new" && mv "$2.new" "$2"',
                    "sh", site.program("vmaild"), path, str(number)], check=True, stdin=subprocess.DEVNULL)
    return path


# --- clients --------------------------------------------------------------------------------------

def octets(text):
    """Text as UTF-8; bytes as they are."""
    return text.encode() if isinstance(text, str) else text


class Client:
    """A connection to ADDRESS (the path of a unix socket, or (host, port)), with buffered reading."""

    def __init__(self, address, timeout=TIMEOUT):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.pending = b""

    def send(self, data):
        """Send all of DATA."""
        self.socket.sendall(octets(data))

    def more(self):
        """Read once; False at the end of the stream."""
        piece = self.socket.recv(65536)
        self.pending += piece
        return bool(piece)

    def take(self, n):
        """Read exactly N bytes."""
        while len(self.pending) < n:
            if not self.more():
                raise EOFError("closed after %r" % self.pending[:200])
        piece, self.pending = self.pending[:n], self.pending[n:]
        return piece

    def line(self):
        """Read one line, without its LF."""
        while b"\n" not in self.pending:
            if not self.more():
                raise EOFError("closed after %r" % self.pending[:200])
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode("utf-8", "surrogateescape")

    def closed(self):
        """Wait until the other side closes; what it still sent is dropped."""
        try:
            while self.more():
                self.pending = b""
        except ConnectionResetError:
            pass
        return True

    def end_of_input(self):
        """Tell the other side that nothing more comes."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def netstring(data):
    """DATA framed as one netstring."""
    return b"%d:%s," % (len(octets(data)), octets(data))


class Socketmap(Client):
    """socketmap_table(5), as Postfix speaks it."""

    def ask(self, map, key):
        """One lookup: ("OK", value), ("NOTFOUND", ""), ("TEMP", why), ("PERM", why)."""
        self.request(map, key)
        return self.reply()

    def request(self, map, key):
        """Send a request and do not wait."""
        self.send(netstring(octets(map) + b" " + octets(key)))

    def reply(self):
        """Read one reply."""
        digits = b""
        while not digits.endswith(b":"):
            digits += self.take(1)
        check(digits[:-1].isdigit(), "reply begins with", digits)
        payload = self.take(int(digits[:-1]))
        check_eq(self.take(1), b",")
        word, _, text = payload.decode("utf-8", "surrogateescape").partition(" ")
        return word, text


class Asking(threading.Thread):
    """Asks for KEY in MAP without pause, as Postfix does: a lost connection is made anew, and the question put once
    more, not twice. ANSWER is the one it must get."""

    def __init__(self, path, map, key, answer):
        super().__init__(daemon=True)
        self.path, self.map, self.key, self.answer = path, map, key, answer
        self.enough = threading.Event()
        self.asked = self.lost = 0
        self.hesitation = 0.0  # seconds, the longest from a connection to its first question: a busy machine
        self.failure = None
        self.failed_at = 0
        self.client = None
        self.steps = []  # what happened to the connection, and to the question that is asked
        self.start()

    def step(self, what):
        self.steps.append("%s %s" % (clock(), what))

    def ask(self):
        """Put the question once; false when the connection is lost."""
        sent = None
        try:
            fresh = self.client is None and time.monotonic()
            if fresh:
                self.client = Socketmap(self.path)
                self.step("connected")
            sent = time.time()
            self.client.request(self.map, self.key)
            if fresh:
                self.hesitation = max(self.hesitation, time.monotonic() - fresh)
            answer = self.client.reply()
        except (EOFError, ConnectionError) as why:
            self.step("%r, %s" % (why, "asked " + clock(sent) if sent else "connecting"))
            self.lost += 1
            if self.client:
                self.client.close()
            self.client = None
            return False
        check_eq(answer, self.answer)
        return True

    def run(self):
        try:
            while not self.enough.is_set():
                check(self.ask() or self.ask(), "no answer:", "; ".join(self.steps))
                self.asked += 1
                del self.steps[:-1]
        except Exception as why:
            self.failed_at = time.time()
            self.failure = Failed("%s: '%s' in '%s' at '%s': %s" % (clock(self.failed_at), self.key, self.map, self.path,
                                                                 why if isinstance(why, Failed) else repr(why)))
        finally:
            if self.client:
                self.client.close()

    def finish(self):
        """Stop; fail the case if a question was not answered. Returns how many connections were lost."""
        self.enough.set()
        self.join()
        if self.failure:
            raise self.failure
        check(self.asked > 0)
        return self.lost


class TcpTable(Client):
    """tcp_table(5)."""

    def get(self, key):
        """One lookup: ("200", value), ("500", text), ("400", text)."""
        self.send(b"get " + self.coded(octets(key)) + b"\n")
        return self.reply()

    @staticmethod
    def coded(key):
        return b"".join(b"%%%02X" % c if c <= 0x20 or c >= 0x7F or c == 0x25 else bytes([c]) for c in key)

    def reply(self):
        code, _, text = self.line().partition(" ")
        plain = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]),
                       text.encode("utf-8", "surrogateescape"))
        return code, plain.decode("utf-8", "surrogateescape")


ESCAPES = [("\1", "\0011"), ("\0", "\0010"), ("\t", "\001t"), ("\r", "\001r"), ("\n", "\001n")]


def escaped(text):
    """TEXT as one field of an auth line."""
    for plain, code in ESCAPES:
        text = text.replace(plain, code)
    return text


def fields(line):
    """The TAB-separated fields of an auth line, unescaped."""
    back = {code[1]: plain for plain, code in ESCAPES}
    return [re.sub("\1(.)", lambda m: back.get(m[1], m[1]), f) for f in line.split("\t")]


def b64(text):
    return base64.b64encode(octets(text)).decode()


class AuthReply:
    """An answer: `word` ("OK", "FAIL", "CONT", "USER", ...), `id`, positional `words`, `named` fields."""

    def __init__(self, line):
        self.line = line
        parts = fields(line)
        self.word = parts[0]
        self.id = parts[1] if len(parts) > 1 else ""
        rest = parts[2:]
        self.words = [p for p in rest if "=" not in p]
        self.named = dict(p.split("=", 1) for p in rest if "=" in p)

    def __repr__(self):
        return repr(self.line)


class Auth(Client):
    """auth-client: what Postfix's and Dovecot's login processes speak."""

    def __init__(self, address, timeout=TIMEOUT):
        super().__init__(address, timeout)
        self.send("VERSION\t1\t0\nCPID\t%d\n" % os.getpid())
        self.greeting = []
        while not self.greeting or self.greeting[-1] != "DONE":
            self.greeting.append(self.line())
        self.last_id = 0

    def start(self, mechanism, response=None, service="imap", parameters=()):
        """Send an AUTH request (RESPONSE is not yet base64) and return its id."""
        self.last_id += 1
        words = ["AUTH", str(self.last_id), mechanism, "service=" + service, *parameters]
        if response is not None:
            words.append("resp=" + b64(response))
        self.send("\t".join(words) + "\n")
        return str(self.last_id)

    def answer(self):
        """Read one answer, whatever request it belongs to."""
        return AuthReply(self.line())

    def plain(self, user, password, service="imap", parameters=()):
        """A whole PLAIN login; the AuthReply."""
        number = self.start("PLAIN", "\0%s\0%s" % (user, password), service, parameters)
        reply = self.answer()
        check_eq(reply.id, number)
        return reply

    def login(self, user, password, service="imap", parameters=()):
        """A whole LOGIN login; the AuthReply of its end."""
        number = self.start("LOGIN", None, service, parameters)
        for text in (user, password):
            reply = self.answer()
            if reply.word != "CONT":
                return reply
            self.send("CONT\t%s\t%s\n" % (number, b64(text)))
        return self.answer()


class Userdb(Client):
    """auth-userdb: what Dovecot's LMTP, doveadm and mail processes speak."""

    def __init__(self, address, timeout=TIMEOUT):
        super().__init__(address, timeout)
        self.send("VERSION\t1\t2\n")
        self.greeting = []
        while not self.greeting or not self.greeting[-1].startswith("SPID\t"):
            self.greeting.append(self.line())
        self.last_id = 0

    def request(self, word, *words):
        """Send a request and return its id."""
        self.last_id += 1
        self.send("\t".join([word, str(self.last_id), *[escaped(w) for w in words]]) + "\n")
        return str(self.last_id)

    def ask(self, word, user, *parameters):
        """A whole USER or PASS request; the AuthReply."""
        number = self.request(word, user, *(parameters or ("service=lmtp",)))
        reply = AuthReply(self.line())
        check_eq(reply.id, number)
        return reply

    def list(self):
        """A whole LIST request: (the users, the closing AuthReply)."""
        number = self.request("LIST", "service=doveadm")
        users = []
        while True:
            reply = AuthReply(self.line())
            check_eq(reply.id, number)
            if reply.word != "LIST":
                return users, reply
            users += reply.words
