# SPDX-License-Identifier: ISC
#
# The daemon as a program: its options, its sockets, its processes, and how it ends.

import contextlib
import grp
import os
import re
import select
import signal
import socket
import stat
import subprocess

from harness import (Asking, Auth, Site, Skip, Socketmap, b64, check, check_eq, check_in, children, free_port, group_of,
                     is_sanitized, listener, need_root, netstring, ordinary_user, process_name, scratch, wait_gone,
                     wait_until, write_file)
from world import PASSWORDS, fill, running, world

HARRY = ("OK", "harry@example.com")


# --- options ---------------------------------------------------------------------------------------

def options(env):
    program = env.program("vmaild")

    def run(*arguments):
        return subprocess.run([program, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    for flag in ("-h", "--help"):
        done = run(flag)
        check_eq((done.returncode, done.stderr), (0, ""), flag)
        check_in("usage: vmaild", done.stdout)
    for flag in ("-V", "--version"):
        check(re.fullmatch(r"vmaild \d+\.\d+\.\d+\n", run(flag).stdout), flag)
    for wrong in (["--nonsense"], ["-x"], ["-c"], ["extra"], ["-t", "extra"]):
        done = run(*wrong)
        check_eq((done.returncode, done.stdout), (2, ""), wrong)
        check_in("--help", done.stderr, wrong)


BAD_CONFIGURATIONS = [
    # what is wrong, the text that replaces the file (or is added to it), what must be said
    ("no syntax", "listen {{{\n", "vmaild.conf"),
    ("an unknown key", "colour = red\n", "colour"),
    ("a name that no map can have", listener("inet:127.0.0.1:1", "tcp", map="non!sense"), "non!sense"),
    ("no map", listener("inet:127.0.0.1:1", "tcp"), "map"),
    ("no group of that name", listener("unix:/tmp/vm-x/x.sock", group="nogroupofthatname"), "nogroupofthatname"),
    ("no address", listener("pigeon:7"), "pigeon"),
]


def check_option(env):
    with scratch() as tmp:
        site = Site(env.build, tmp)
        done = site.run("-t")
        check_eq((done.returncode, done.stdout, done.stderr), (0, "ok\n", ""))
        check(not os.path.exists(site.maps), "-t binds nothing")
        for name, text, said in BAD_CONFIGURATIONS:
            write_file(site.conf, 'store = "sqlite:%s"\nuser = "%s"\n%s\n' % (site.store, site.user, text))
            for arguments in (["-t"], []):
                done = site.run(*arguments)
                check_eq((done.returncode, done.stdout), (1, ""), name, arguments)
                check_in(said, done.stderr, name)
        os.unlink(site.conf)
        done = site.run("-t")
        check_eq(done.returncode, 1, "a file that was named must be there")
        check_in(site.conf, done.stderr)


def unknown_user(env):
    need_root()
    with scratch() as tmp:
        site = Site(env.build, tmp, user="nosuchuser")
        done = site.run()
        check_eq(done.returncode, 1)
        check_in("nosuchuser", done.stderr)
        check_in("useradd", done.stderr)


# --- processes -------------------------------------------------------------------------------------

def status_of(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def privileges(env):
    need_root()
    with running(env) as (site, daemon):
        for pid in [daemon.pid] + daemon.supervisors() + daemon.workers():
            s = status_of(pid)
            check("0" not in s["Uid"].split(), process_name(pid), "runs as root")
            check("0" not in s["Gid"].split() + s["Groups"].split(), process_name(pid), "is in group root")
            check_eq(int(s["CapEff"], 16) | int(s["CapPrm"], 16), 0, process_name(pid), "capabilities")


def limits_of(pid):
    with open("/proc/%d/limits" % pid) as f:
        return {line[:26].strip(): line[26:].split()[:2] for line in f}


def shut_in(env):
    """tests/store/test_sandbox.c has what each role may do; this is whether the daemon's are in it."""
    need_root()  # who cannot be dumped shows nothing to others
    if is_sanitized(env.program("vmaild")):
        raise Skip("built with sanitizers: no sandbox")
    with running(env) as (site, daemon):
        # the keeper has no filter, for it starts the next program, which would inherit it
        for depth, pid in [(0, daemon.pid)] + [(1, p) for p in daemon.supervisors()] + [(2, p) for p in daemon.workers()]:
            s, name = status_of(pid), process_name(pid)
            check_eq((s["NoNewPrivs"], s["Seccomp"]), ("1", "2" if depth else "0"), name)
            check_eq(s.get("Seccomp_filters", str(depth)), str(depth), name)
            check_eq(os.stat("/proc/%d/maps" % pid).st_uid, 0, name, "can be dumped and traced")
            check_eq(limits_of(pid)["Max core file size"], ["0", "0"], name)
            if name == "vmaild-lookup":
                check_eq(limits_of(pid)["Max processes"], ["0", "0"], name)
        check("sandbox:" not in daemon.log.text, daemon.log.text)


def bound_paths(pid):
    """The paths of the unix sockets that process PID listens on."""
    with open("/proc/net/unix") as f:
        rows = [line.split() for line in f]
    paths = {"socket:[%s]" % row[6]: row[7] for row in rows if len(row) == 8}
    held = set()
    for fd in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(FileNotFoundError):
            held.add(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
    return {paths[name] for name in held & set(paths)}


def opened_to_read(pid, fd):
    with open("/proc/%d/fdinfo/%s" % (pid, fd)) as f:
        flags = next(int(line.split()[1], 8) for line in f if line.startswith("flags:"))
    return flags & os.O_ACCMODE == os.O_RDONLY


def own_listeners(env):
    """A worker has the listeners of its own side, and cannot take the clients of another: passwords, for one."""
    need_root()
    with running(env) as (site, daemon):
        for kind, wanted in (("lookup", {site.maps}), ("auth", {site.auth, site.userdb})):
            for pid in daemon.workers(kind):
                check_eq(bound_paths(pid), wanted, kind)


def own_files(env):
    """What whoever starts it has open is not handed on to anybody; nor does one worker hear what others tell of
    themselves."""
    need_root()
    with world(env) as site:
        file, wrapper = os.path.join(site.tmp, "secret"), os.path.join(site.tmp, "start")
        write_file(file, "")
        write_file(wrapper, "#!/bin/sh\nexec 9<>'%s'\nexec '%s' \"$@\"\n" % (file, env.program("vmaild")), 0o755)
        with site.start(program=wrapper) as daemon:
            family = [daemon.pid, *daemon.supervisors(), *daemon.workers()]
            check_eq(len(family), 5)
            held = {}
            for pid in family:
                for fd in os.listdir("/proc/%d/fd" % pid):
                    with contextlib.suppress(FileNotFoundError):
                        held.setdefault(os.readlink("/proc/%d/fd/%s" % (pid, fd)), []).append((pid, fd))
            check(file not in held, held)
            readers = {}
            for name, ends in held.items():
                for pid, fd in ends:
                    if name.startswith("pipe:") and opened_to_read(pid, fd):
                        readers.setdefault(name, set()).add(pid)
            supervisor, = daemon.supervisors()
            alone = [name for name, pids in readers.items() if pids == {supervisor}]
            check(len(alone) >= 3, "the pipes of three workers", readers)


def forbidden_call(env):
    """What a forbidden system call does to a worker: it is told, and another one takes its place."""
    with running(env, lookup_workers=1) as (site, daemon):
        for kind in ("lookup", "auth"):
            worker, = daemon.workers(kind)
            os.kill(worker, signal.SIGSYS)
            daemon.wait_log(r"%s worker.* died of signal %d \(Bad system call\)" % (kind, signal.SIGSYS))
            wait_until(lambda: daemon.workers(kind) not in ([], [worker]), "another " + kind + " worker")
        wait_until(lambda: answers(site), "answers")
        with Auth(site.auth) as client:
            check_eq(client.plain("harry@example.com", PASSWORDS["harry@example.com"]).word, "OK")


def answers(site):
    with Socketmap(site.maps) as client:
        return client.ask("aliases", "post@example.com") == HARRY


def not_root(env):
    """Anybody may run it as himself; `user` is then only remarked upon."""
    if os.geteuid() == 0:
        raise Skip("needs an ordinary user")
    with running(env, user="somebodyelse", mail_user=ordinary_user()) as (site, daemon):
        daemon.wait_log("somebodyelse")
        with Socketmap(site.maps) as client:
            check_eq(client.ask("aliases", "post@example.com"), HARRY)


def which_workers(env):
    with running(env, lookup_workers=3) as (site, daemon):
        check_eq(sorted(process_name(p) for p in daemon.workers()), ["vmaild-auth"] + ["vmaild-lookup"] * 3)
    with scratch() as tmp:  # nobody to log in: no process that can read a password
        site = fill(Site(env.build, tmp, listeners=[listener("unix:%s/maps.sock" % tmp)], lookup_workers=1))
        with site.start() as daemon:
            check_eq([process_name(p) for p in daemon.workers()], ["vmaild-lookup"])


class Load(Asking):
    def __init__(self, path):
        super().__init__(path, "aliases", "post@example.com", HARRY)


def kill_lookup_workers(env, workers, rounds):
    with running(env, lookup_workers=workers) as (site, daemon):
        loads = [Load(site.maps) for _ in range(8)]
        for _ in range(rounds):
            before = daemon.workers("lookup")
            mark = daemon.mark()
            os.kill(before[0], signal.SIGKILL)
            daemon.wait_log("died of signal 9", mark)
            wait_until(lambda: len(daemon.workers("lookup")) == workers and
                       before[0] not in daemon.workers("lookup"), "a new worker")
            asked = [load.asked for load in loads]
            wait_until(lambda: all(l.asked > a + 5 or l.failure for l, a in zip(loads, asked)), "more answers")
        lost = sum(load.finish() for load in loads)
        check(lost > 0, "nobody noticed: the test killed nothing")


def kill_one_of_two(env):
    kill_lookup_workers(env, 2, 4)


def kill_the_only_one(env):
    kill_lookup_workers(env, 1, 4)


def kill_auth_worker(env):
    with running(env) as (site, daemon):
        before = daemon.workers("auth")
        client = Auth(site.auth)
        os.kill(before[0], signal.SIGKILL)
        check(client.closed())
        with Auth(site.auth) as client:  # waits in the backlog until somebody serves again
            check_eq(client.plain("harry@example.com", "alohomora").word, "OK")
        check(daemon.workers("auth") != before)


def orphans(env):
    """Without a supervisor nobody goes on."""
    with world(env) as site:
        daemon = site.start()
        try:
            workers = daemon.workers()
            check_eq(len(workers), 3)
            os.kill(daemon.pid, signal.SIGKILL)
            for pid in workers:
                wait_gone(pid)
        finally:
            daemon.kill()


# --- the end ---------------------------------------------------------------------------------------

def stopped(pid):
    """Hold a process up, as a busy machine might."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: status_of(pid)["State"].startswith("T"), "SIGSTOP")


def drains(env):
    """What was sent before SIGTERM is answered, though it was not read yet."""
    with running(env, lookup_workers=1) as (site, daemon):
        idle, client = Socketmap(site.maps), Socketmap(site.maps)
        check_eq(idle.ask("aliases", "post@example.com"), HARRY)
        check_eq(client.ask("aliases", "post@example.com"), HARRY)
        worker = daemon.workers("lookup")[0]
        requests = 3000
        stopped(worker)
        client.send(netstring("aliases post@example.com") * requests)
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: int(status_of(worker)["ShdPnd"], 16) & 1 << (signal.SIGTERM - 1), "SIGTERM")
        os.kill(worker, signal.SIGCONT)
        for _ in range(requests):
            check_eq(client.reply(), HARRY)
        check(client.closed() and idle.closed())
        check_eq(daemon.wait(), 0)
        daemon.notify.wait("STOPPING=1")


def connects(address):
    with socket.socket() as s:
        return s.connect_ex(address) == 0


def drains_alone(env):
    """Who comes by TCP while the last answers are given is turned away at once, and does not wait for nobody."""
    with running(env, failure_delay=2500) as (site, daemon), Auth(site.auth) as client:
        client.start("PLAIN", "\0harry@example.com\0wrong")
        wait_until(lambda: "login refused" in daemon.log.text, "the password to be found wrong")
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: not connects(site.tcp), "nobody to listen any more")
        check_eq(select.select([client.socket], [], [], 0)[0], [], "an answer came first")
        check_eq(client.answer().word, "FAIL")
        check_eq(daemon.wait(), 0)


def drains_newcomers(env):
    """Who connected and has not asked yet may ask once: his last connection was closed by another worker."""
    with running(env, lookup_workers=1) as (site, daemon):
        old = Socketmap(site.maps)
        check_eq(old.ask("aliases", "post@example.com"), HARRY)
        worker = daemon.workers("lookup")[0]
        stopped(worker)
        newcomer, silent = Socketmap(site.maps), Socketmap(site.maps)
        os.kill(worker, signal.SIGCONT)
        with Socketmap(site.maps) as last:  # accepted in order: so are those two
            check_eq(last.ask("aliases", "post@example.com"), HARRY)
        daemon.signal(signal.SIGTERM)
        check(old.closed())
        check_eq(newcomer.ask("aliases", "post@example.com"), HARRY)
        check(newcomer.closed() and silent.closed())
        check_eq(daemon.wait(), 0)


def drains_logins(env):
    """A login that was begun is answered, a refusal that is held back too."""
    with running(env, failure_delay=1000) as (site, daemon):
        client = Auth(site.auth)
        client.start("PLAIN", "\0harry@example.com\0wrong")
        number = client.start("PLAIN", "\0harry@example.com\0alohomora")
        reply = client.answer()
        check_eq((reply.word, reply.id), ("OK", number))
        daemon.signal(signal.SIGTERM)
        check_eq(client.answer().word, "FAIL")
        check(client.closed())
        check_eq(daemon.wait(), 0)


def drains_first_words(env):
    """The first word of a login by LOGIN came while the worker was being told to leave: it may be said to the end."""
    with world(env) as site:
        daemon = site.start()
        try:
            client = Auth(site.auth)
            check_eq(client.plain("harry@example.com", "alohomora").word, "OK")
            worker, supervisor = daemon.workers("auth")[0], daemon.supervisors()[0]
            stopped(worker)
            os.kill(supervisor, signal.SIGKILL)  # what is told so comes before the word; a signal would come behind it
            wait_gone(supervisor)
            number = client.start("LOGIN")
            os.kill(worker, signal.SIGCONT)
            for text in ("harry@example.com", "alohomora"):
                reply = client.answer()
                check_eq((reply.word, reply.id), ("CONT", number))
                client.send("CONT\t%s\t%s\n" % (number, b64(text)))
            reply = client.answer()
            check_eq((reply.word, reply.id), ("OK", number))
            check(client.closed())
        finally:
            daemon.kill()


def terminal(env):
    """Ctrl-C reaches all processes at once."""
    with running(env) as (site, daemon):
        with Socketmap(site.maps) as client:
            check_eq(client.ask("aliases", "post@example.com"), HARRY)
        os.killpg(daemon.pid, signal.SIGINT)
        check_eq(daemon.wait(), 0)


# --- sockets ---------------------------------------------------------------------------------------

def access(env):
    user = ordinary_user()
    group = "daemon" if os.geteuid() == 0 else group_of(user)
    with scratch() as tmp:
        paths = {"%s/a.sock" % tmp: (0o660, group), "%s/b.sock" % tmp: (0o600, None),
                 "%s/c.sock" % tmp: (0o666, None)}
        listeners = [listener("unix:" + path, mode=mode, group=g) for path, (mode, g) in paths.items()]
        site = fill(Site(env.build, tmp, listeners=listeners))
        with site.start():
            for path, (mode, g) in paths.items():
                s = os.stat(path)
                check_eq((stat.S_IMODE(s.st_mode), grp.getgrgid(s.st_gid).gr_name), (mode, g or group_of(user)), path)


def unlinked(env):
    """Where it may, it takes its sockets away; where it may not, the next start does."""
    with scratch() as tmp:
        os.mkdir(tmp + "/run")
        if os.geteuid() == 0:
            shutil_chown(tmp + "/run")
        path = tmp + "/run/maps.sock"
        site = fill(Site(env.build, tmp, listeners=[listener("unix:" + path)]))
        with site.start():
            check(os.path.exists(path))
        check(not os.path.exists(path))


def shutil_chown(path):
    import pwd
    entry = pwd.getpwnam(ordinary_user())
    os.chown(path, entry.pw_uid, entry.pw_gid)


def stale(env):
    with world(env) as site:
        daemon = site.start()
        daemon.kill()
        check(os.path.exists(site.maps), "a killed daemon leaves its sockets")
        with site.start(), Socketmap(site.maps) as client:
            check_eq(client.ask("aliases", "post@example.com"), HARRY)


def second_daemon(env):
    with running(env) as (site, daemon):
        done = site.run()
        check_eq(done.returncode, 1)
        check_in("another vmaild is listening", done.stderr)
        check_in(site.maps, done.stderr)
        with Socketmap(site.maps) as client:
            check_eq(client.ask("aliases", "post@example.com"), HARRY)


def port_in_use(env):
    with scratch() as tmp, socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        path = tmp + "/maps.sock"
        site = Site(env.build, tmp, listeners=[listener("unix:" + path),
                                               listener("inet:127.0.0.1:%d" % port, "tcp", map="aliases")])
        done = site.run()
        check_eq(done.returncode, 1)
        check_in("inet:127.0.0.1:%d" % port, done.stderr)
        check(not os.path.exists(path), "what was bound before is taken back")


def no_socket(env):
    """A file that is something else is never removed."""
    with world(env) as site:
        write_file(site.maps, "precious\n")
        done = site.run()
        check_eq(done.returncode, 1)
        check_in(site.maps, done.stderr)
        with open(site.maps) as f:
            check_eq(f.read(), "precious\n")


def long_path(env):
    with scratch() as tmp:
        site = Site(env.build, tmp, listeners=[listener("unix:%s/%s.sock" % (tmp, "x" * 120))])
        check_eq(site.run().returncode, 1)


def given_twice(env):
    with scratch() as tmp:
        path = "unix:%s/maps.sock" % tmp
        site = Site(env.build, tmp, listeners=[listener(path), listener(path, "auth")])
        done = site.run()
        check_eq(done.returncode, 1)
        check_in(path, done.stderr)


def inet_socketmap(env):
    with scratch() as tmp:
        port = free_port()
        site = fill(Site(env.build, tmp, listeners=[listener("inet:127.0.0.1:%d" % port)]))
        with site.start(), Socketmap(("127.0.0.1", port)) as client:
            check_eq(client.ask("aliases", "post@example.com"), HARRY)


def twins(env):
    with scratch() as tmp:
        queue = tmp + "/q"
        os.mkdir(queue, 0o755)
        path, alone = tmp + "/maps.sock", tmp + "/alone.sock"
        site = fill(Site(env.build, tmp, queue_directories=[queue, tmp + "/missing"],
                         listeners=[listener("unix:" + path, twin=True, mode=0o666), listener("unix:" + alone)]))
        with site.start():
            for place in (path, queue + path):
                with Socketmap(place) as client:
                    check_eq(client.ask("aliases", "post@example.com"), HARRY)
            check_eq(stat.S_IMODE(os.stat(queue + path).st_mode), 0o666)
            check_eq(stat.S_IMODE(os.stat(queue + tmp).st_mode), 0o755)
            check(not os.path.exists(queue + alone), "a twin nobody asked for")
            check(not os.path.exists(tmp + "/missing"), "a queue directory was made up")


def twin_stale(env):
    with scratch() as tmp:
        queue = tmp + "/q"
        os.mkdir(queue, 0o755)
        path = tmp + "/maps.sock"
        site = fill(Site(env.build, tmp, queue_directories=[queue + "//"],
                         listeners=[listener("unix:" + path, twin=True)]))
        site.start().kill()
        with site.start(), Socketmap(queue + path) as client:
            check_eq(client.ask("aliases", "post@example.com"), HARRY)


def register(suite):
    suite.add("daemon: options and usage errors", options)
    suite.add("daemon: -t finds what is wrong", check_option)
    suite.add("daemon: a user that does not exist", unknown_user)
    suite.add("daemon: no process keeps root", privileges)
    suite.add("daemon: every process is shut in", shut_in)
    suite.add("daemon: every worker has its own listeners only", own_listeners)
    suite.add("daemon: nobody has what another one has open", own_files)
    suite.add("daemon: a worker that made a forbidden call", forbidden_call)
    suite.add("daemon: started by an ordinary user", not_root)
    suite.add("daemon: which workers there are", which_workers)
    suite.add("daemon: one of two lookup workers is killed under load", kill_one_of_two)
    suite.add("daemon: the only lookup worker is killed under load", kill_the_only_one)
    suite.add("daemon: the auth worker is killed", kill_auth_worker)
    suite.add("daemon: workers leave when the supervisor is killed", orphans)
    suite.add("daemon: SIGTERM answers what was asked", drains)
    suite.add("daemon: SIGTERM turns away who comes later", drains_alone)
    suite.add("daemon: SIGTERM lets newcomers ask once", drains_newcomers)
    suite.add("daemon: SIGTERM answers logins that were begun", drains_logins)
    suite.add("daemon: a worker that leaves hears a login out whose first word was there", drains_first_words)
    suite.add("daemon: SIGINT from a terminal", terminal)
    suite.add("daemon: mode and group of its sockets", access)
    suite.add("daemon: sockets are taken away at the end", unlinked)
    suite.add("daemon: stale sockets are replaced", stale)
    suite.add("daemon: a second one is refused", second_daemon)
    suite.add("daemon: a port in use", port_in_use)
    suite.add("daemon: a file in the way is no socket", no_socket)
    suite.add("daemon: a path too long for a socket", long_path)
    suite.add("daemon: an address given twice", given_twice)
    suite.add("daemon: socketmap by TCP", inet_socketmap)
    suite.add("daemon: twins below a queue directory", twins)
    suite.add("daemon: stale twins are replaced", twin_stale)
