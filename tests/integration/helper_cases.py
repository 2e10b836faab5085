# SPDX-License-Identifier: ISC
#
# vmail-checkpassword against an auth server of ours that says what a case wants said: every row of the
# exit code table, in Dovecot's mode and in the classic one, and what the program it runs is given. The
# real daemon has no part in it.
"""cases(build) gives (name, callable) pairs; a callable raises AssertionError when something is wrong."""
import base64
import contextlib
import fcntl
import os
import pwd
import resource
import select
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import memory  # noqa: E402
from harness import Skip, check, check_eq, check_in, scratch, wait_until  # noqa: E402

TIMEOUT = 30  # seconds after which a helper is taken for lost: it gives up by itself long before
USER, PASSWORD = "harry@example.com", "alohomora 5:Ginny"
REPLY = "/usr/lib/dovecot/checkpassword-reply"

AUTH_GREETING = ("VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t2\n"
                 "COOKIE\t00112233445566778899aabbccddeeff\nDONE\n")
USERDB_GREETING = "VERSION\t1\t2\nSPID\t1\n"
PLACE = "userdb_home=/var/mail/h\tuserdb_uid=5000\tuserdb_gid=5001"
QUOTA = "userdb_quota_rule=*:storage=10M\tuserdb_quota_storage_size=10M"
OK = "OK\t1\tuser=%s\t%s\t%s\n" % (USER, PLACE, QUOTA)
FOUND = "USER\t1\t" + USER + "\tuid=5000\tgid=5001\thome=/var/mail/h\n"

# What the helper runs in most cases: it tells on its standard output how it was started.
REPORT = r"""
for f in environ cmdline status limits; do cat /proc/$$/$f; printf '\n--8<--\n'; done
ls /proc/$$/fd; printf -- '--8<--\n'; readlink /proc/$$/cwd
[ -e /proc/$$/fd/4 ] && echo reply >&4
exit 0"""


# --- the server -----------------------------------------------------------------------------------

class Server:
    """A socket that greets, reads as far as the request, and answers it with ANSWER (text), hangs up
    instead (None), or never says a word again (HANG)."""

    HANG = object()

    def __init__(self, path, answer, greeting=AUTH_GREETING):
        self.answer, self.greeting = answer, greeting
        self.seen = []  # the lines of all clients
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        os.chmod(path, 0o777)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.socket.accept()[0]
                threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client):
        with client, client.makefile("rwb") as stream, contextlib.suppress(OSError):
            stream.write(self.greeting.encode())
            stream.flush()
            for line in stream:
                line = line.decode().rstrip("\n")
                self.seen.append(line)
                if line.startswith(("AUTH\t", "USER\t")):
                    if self.answer is Server.HANG:
                        continue
                    if self.answer is not None:
                        stream.write(self.answer.encode("utf-8", "surrogateescape"))
                    return

    def request(self):
        """The one request that came, as its fields."""
        requests = [s.split("\t") for s in self.seen if s.startswith(("AUTH\t", "USER\t"))]
        check_eq(len(requests), 1, "requests:", self.seen)
        return requests[0]

    def close(self):
        # a thread waits in accept(): only this wakes it
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


# --- the helper -----------------------------------------------------------------------------------

class Result:
    """How a helper ended. `report` is what REPORT told, when that was run."""

    def __init__(self, code, out, err, reply):
        self.code, self.out, self.err, self.reply = code, out, err, reply

    @property
    def report(self):
        environ, cmdline, status, limits, fds, cwd = self.out.split(b"--8<--\n")
        entries = environ.rstrip(b"\n").rstrip(b"\0").decode().split("\0")
        status = dict(line.split(":\t", 1) for line in status.decode().strip().split("\n"))
        return {
            "env": dict(e.split("=", 1) for e in entries),
            "argv": cmdline.rstrip(b"\n").rstrip(b"\0").decode().split("\0"),
            "uid": set(status["Uid"].split()), "gid": set(status["Gid"].split()),
            "groups": status["Groups"].split(),
            "core": [s for s in limits.decode().split("\n") if "core file" in s],
            "fds": sorted(int(f) for f in fds.split()),
            "cwd": cwd.decode().rstrip("\n"),
        }


def pipe_above(least):
    """A pipe whose ends are numbered LEAST or more: they are in nobody's way when fds are placed."""
    ends = os.pipe()
    try:
        return [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, least) for fd in ends]
    finally:
        for fd in ends:
            os.close(fd)


class Helper:
    """A started vmail-checkpassword. It is given INPUT on descriptor 3 (None: there is no descriptor 3),
    kept open when HOLD; a pipe as descriptor 4; and EXTRA descriptors {number: ours}."""

    def __init__(self, argv, environment, input, hold=False, extra=None):
        self.in_r, self.in_w = pipe_above(100)
        self.reply_r, reply_w = pipe_above(100)
        self.out, self.err = [os.memfd_create(name) for name in ("out", "err")]
        null = os.open("/dev/null", os.O_RDONLY)
        wanted = {0: null, 1: self.out, 2: self.err, 4: reply_w, **(extra or {})}
        if input is not None:
            wanted[3] = self.in_r
        high = {to: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for to, fd in wanted.items()}
        self.pid = os.posix_spawn(argv[0], argv, environment,
                                  file_actions=[(os.POSIX_SPAWN_DUP2, fd, to) for to, fd in high.items()])
        for fd in [*high.values(), null, reply_w]:
            os.close(fd)
        with contextlib.suppress(BrokenPipeError):
            os.write(self.in_w, input or b"")
        os.close(self.in_r)
        self.held = self.in_w if hold else os.close(self.in_w)

    def wait(self):
        """Wait for its end, or for that of the program it has become."""
        pidfd = os.pidfd_open(self.pid)
        if not select.select([pidfd], [], [], TIMEOUT)[0]:
            os.kill(self.pid, signal.SIGKILL)
        os.close(pidfd)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with os.fdopen(self.reply_r, "rb") as f:
            reply = f.read()
        texts = []
        for fd in (self.out, self.err):
            with os.fdopen(fd, "rb") as f:
                f.seek(0)
                texts.append(f.read())
        if self.held is not None:
            os.close(self.held)
        check("Sanitizer" not in texts[1].decode("utf-8", "replace"), texts[1])
        return Result(code, texts[0], texts[1].decode(), reply)


def as_dovecot(**more):
    """The environment Dovecot gives; a None takes a variable away."""
    env = {"PROTO": "TCP", "ORIG_UID": str(os.getuid()), "SERVICE": "imap", "TCPREMOTEIP": "192.0.2.7",
           "AUTH_USER": USER, "CONFIG_FILE": "/run/dovecot/config"}
    env.update(more)
    return {k: v for k, v in env.items() if v is not None}


def as_lookup(**more):
    return as_dovecot(AUTHORIZED="1", **more)


def as_classic(**more):
    """The environment of a classic caller."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/", **more}


def told(user=USER, password=PASSWORD, timestamp=""):
    """Descriptor 3, as a caller fills it."""
    return b"".join(s.encode() + b"\0" for s in (user, password, timestamp))


class Bench:
    """A scratch folder with a configuration that names an auth and a userdb socket, and servers there."""

    def __init__(self, build, folder):
        self.build = os.path.abspath(build)
        self.program = os.path.join(self.build, "vmail-checkpassword")
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.conf = os.path.join(folder, "vmaild.conf")
        self.servers = []
        self.configure([("auth", "auth.sock"), ("userdb", "userdb.sock")])

    def path(self, name):
        return os.path.join(self.folder, name)

    def configure(self, listeners):
        with open(self.conf, "w") as f:
            for protocol, name in listeners:
                f.write('listen "unix:%s" {\n\tprotocol = %s\n}\n' % (self.path(name), protocol))

    def serve(self, answer, name="auth.sock", greeting=AUTH_GREETING):
        self.servers.append(Server(self.path(name), answer, greeting))
        return self.servers[-1]

    def serve_userdb(self, answer, greeting=USERDB_GREETING):
        return self.serve(answer, "userdb.sock", greeting)

    def start(self, environment, input=told(), program=("/bin/sh", "-c", REPORT), wrapper=(), **more):
        return Helper([*wrapper, self.program, "-c", self.conf, *program], environment, input, **more)

    def run(self, *args, **more):
        return self.start(*args, **more).wait()

    def close(self):
        for server in self.servers:
            server.close()


CASES = []


def case(name):
    def register(function):
        CASES.append((name, function))
        return function
    return register


def cases(build):
    """The cases, bound to the programs in folder BUILD."""
    def bound(function):
        def call():
            with scratch() as folder, contextlib.closing(Bench(build, folder)) as bench:
                function(bench)
        return call
    return [("checkpassword: " + name, bound(function)) for name, function in CASES]


def check_refused(result, code, words=None):
    """Ended with CODE, ran nothing, and said one line with WORDS in it, or nothing at all."""
    check_eq(result.code, code, "exit code; said:", result.err)
    check_eq(result.out, b"", "the program was run")
    check_eq(result.reply, b"", "descriptor 4 was written to")
    check(PASSWORD not in result.err, "the password is in", result.err)
    if words is None:
        check_eq(result.err, "", "said:")
        return
    check_eq(result.err.count("\n"), 1, "lines:", result.err)
    check(result.err.startswith("vmail-checkpassword: "), result.err)
    check(result.err[:-1].isascii() and result.err[:-1].isprintable(), "raw bytes:", result.err)
    check_in(words, result.err)


# --- Dovecot's mode: logins -----------------------------------------------------------------------

@case("a right password runs the program")
def _(bench):
    server = bench.serve(OK)
    result = bench.run(as_dovecot())
    check_eq((result.code, result.err, result.reply), (0, "", b"reply\n"))
    env = result.report["env"]
    for name, value in {"USER": USER, "HOME": "/var/mail/h", "userdb_uid": "5000", "userdb_gid": "5001",
                        "userdb_quota_rule": "*:storage=10M", "userdb_quota_storage_size": "10M",
                        "EXTRA": "userdb_uid userdb_gid userdb_quota_rule userdb_quota_storage_size",
                        **as_dovecot()}.items():
        check_eq(env.get(name), value, name)
    check("AUTHORIZED" not in env, env)
    check_eq(result.report["uid"], {str(os.getuid())})
    check_eq(server.seen[0], "VERSION\t1\t0")


@case("the request is one PLAIN login")
def _(bench):
    server = bench.serve(OK)
    bench.run(as_dovecot())
    plain = base64.b64encode(("\0%s\0%s" % (USER, PASSWORD)).encode()).decode()
    check_eq(server.request(), ["AUTH", "1", "PLAIN", "service=imap", "rip=192.0.2.7", "no-penalty",
                                "resp=" + plain])


@case("words from the environment are escaped in the request")
def _(bench):
    server = bench.serve(OK)
    bench.run(as_dovecot(SERVICE="im\tap\nUSER", TCPREMOTEIP=None))
    check_eq(server.request()[3:5], ["service=im\001tap\001nUSER", "no-penalty"])


@case("where the mail is is handed on, of a login and of a lookup")
def _(bench):
    bench.serve("OK\t1\tuser=%s\t%s\tuserdb_mail=maildir:~/Maildir\n" % (USER, PLACE))
    env = bench.run(as_dovecot()).report["env"]
    check_eq((env["EXTRA"], env["userdb_mail"]), ("userdb_uid userdb_gid userdb_mail", "maildir:~/Maildir"))
    bench.serve_userdb(FOUND[:-1] + "\tmail=mdbox:~/md\n")
    check_eq(bench.run(as_lookup()).report["env"]["userdb_mail"], "mdbox:~/md")


@case("the password is gone as soon as it is sent, however long the answer takes")
def _(bench):
    memory.need_search(bench.program)
    server = bench.serve(Server.HANG)
    password = memory.secret(1)
    helper = bench.start(as_dovecot(), told(password=password))
    try:
        wait_until(lambda: [line for line in server.seen if line.startswith("AUTH")], "the request")
        # it may not have come back from send() yet
        wait_until(lambda: not memory.traces([helper.pid], password), "the helper to forget it")
        check(memory.holds(helper.pid, bench.conf.encode()), "it has ended, or the search finds nothing")
    finally:
        os.kill(helper.pid, signal.SIGKILL)
        helper.wait()


@case("no quota, no quota fields")
def _(bench):
    bench.serve("OK\t1\tuser=%s\t%s\n" % (USER, PLACE))
    env = bench.run(as_dovecot(userdb_quota_rule="left over")).report["env"]
    check_eq(env["EXTRA"], "userdb_uid userdb_gid")
    check("userdb_quota_rule" not in env, env)


@case("the server may rename the user, and unknown fields are ignored")
def _(bench):
    bench.serve("OK\t1\tx\tuser=Ginny@Example.COM\tuserdb_hat=y\t%s\n" % PLACE)
    check_eq(bench.run(as_dovecot()).report["env"]["USER"], "Ginny@Example.COM")


@case("a login for smtp needs no home")
def _(bench):
    bench.serve("OK\t1\tuser=%s\n" % USER)
    env = bench.run(as_dovecot(SERVICE="smtp", HOME="/left/over")).report["env"]
    check_eq((env["USER"], env["EXTRA"], env.get("HOME")), (USER, "", None))
    bench.servers[0].answer = "OK\t1\n"
    check_refused(bench.run(as_dovecot(SERVICE="smtp")), 111, "sent no 'user'")


@case("Dovecot's own reply program takes it")
def _(bench):
    if not os.access(REPLY, os.X_OK):
        raise Skip("no " + REPLY)
    bench.serve(OK)
    bench.serve_userdb(FOUND)
    for environment, code in ((as_dovecot(), 0), (as_lookup(), 2)):
        result = bench.run(environment, program=[REPLY])
        check_eq((result.code, result.err), (code, ""))
        for field in ("user=" + USER, "userdb_home=/var/mail/h", "userdb_uid=5000", "userdb_gid=5001"):
            check_in(field, result.reply.decode().split("\t"))


@case("a wrong password is 1, and no line in the log")
def _(bench):
    bench.serve("FAIL\t1\tuser=%s\treason=no\n" % USER)
    check_refused(bench.run(as_dovecot()), 1)


@case("a temporary failure is 111")
def _(bench):
    bench.serve("FAIL\t1\tuser=%s\tcode=temp_fail\n" % USER)
    check_refused(bench.run(as_dovecot()), 111, "cannot tell just now")


@case("a server that hangs up is 111")
def _(bench):
    bench.serve(None)
    check_refused(bench.run(as_dovecot()), 111, "closed the connection")


@case("whatever hangs is 111, in time")
def _(bench):
    servers = [bench.serve(Server.HANG), bench.serve_userdb(Server.HANG)]
    mute = ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh"]
    other = Bench(bench.build, bench.path("other"))
    silent = other.serve(OK, greeting="VERSION\t1\t2\n")
    with contextlib.closing(other):
        hanging = [bench.start(as_dovecot()), bench.start(as_lookup()), bench.start(as_classic()),
                   bench.start(as_dovecot(), b"harry", hold=True), bench.start(as_classic(), b"", hold=True),
                   other.start(as_dovecot())]
        speechless = bench.start(as_dovecot(), wrapper=mute)
        for helper in hanging:
            check_refused(helper.wait(), 111, "no answer in time")
        check_refused(speechless.wait(), 111)
    check_eq([s for s in servers[0].seen if "vmail-checkpassword" in s], [], "a log line was sent to the server:")
    check_eq([s for s in silent.seen if "AUTH" in s], [], "told before the greeting's end:")


@case("no server is 111")
def _(bench):
    check_refused(bench.run(as_dovecot()), 111, "cannot connect to")
    bench.serve(OK).close()
    check_refused(bench.run(as_dovecot()), 111, "cannot connect to")


@case("the first socket that lets us in is asked")
def _(bench):
    bench.configure([("auth", "dead.sock"), ("socketmap", "maps.sock"), ("auth", "auth.sock"),
                     ("auth", "other.sock")])
    server, other = bench.serve(OK), bench.serve(None, "other.sock")
    check_eq(bench.run(as_dovecot()).code, 0)
    check_eq((len(server.request()), other.seen), (7, []))


@case("a configuration without the socket, with a mistake, or missing is 111")
def _(bench):
    bench.configure([("userdb", "userdb.sock")])
    check_refused(bench.run(as_dovecot()), 111, "no unix listener")
    with open(bench.conf, "w") as f:
        f.write("frobnicate = 1\n")
    check_refused(bench.run(as_dovecot()), 111, "frobnicate")
    os.unlink(bench.conf)
    check_refused(bench.run(as_dovecot()), 111, "vmaild.conf")


@case("answers that are none are 111")
def _(bench):
    for answer in ("OK\t2\tuser=%s\t%s\n" % (USER, PLACE), "OK\t1\t%s\n" % PLACE, "OK\t1\tuser=\t%s\n" % PLACE,
                   "OK\t1\tuser=%s\tuserdb_uid=5000\tuserdb_gid=5001\n" % USER, "OK\n", "\n", "CONT\t1\t\n",
                   "OK\t1\tuser=a\x01tb\t%s\n" % PLACE, "OK\t1\tuser=a\x01nb\t%s\n" % PLACE,
                   "OK\t1\tuser=a\x010b\t%s\n" % PLACE, OK.replace("5000", "-1"), OK.replace("5000", "4294967295"),
                   OK.replace("5000", "harry"), "FAIL\t2\n", "FAIL\n", "ok\t1\n", "VERSION\t1\t2\n",
                   "OK\t1\tuser=" + "x" * 5000 + "\t%s\n" % PLACE, "x" * 40000, "OK\t1\tuser=" + USER):
        server = bench.serve(answer)
        check_refused(bench.run(as_dovecot()), 111, "auth.sock")
        server.close()
        os.unlink(bench.path("auth.sock"))


@case("another protocol behind the socket is 111, and sees no password")
def _(bench):
    for greeting in ("VERSION\t2\t0\nDONE\n", "220 mail.example.com ESMTP\r\n", "DONE\n", "\n", "9:NOTFOUND ,\n"):
        server = bench.serve(OK, greeting=greeting)
        check_refused(bench.run(as_dovecot()), 111, "does not speak the protocol")
        check_eq([s for s in server.seen if "AUTH" in s], [])
        server.close()
        os.unlink(bench.path("auth.sock"))


@case("a program that cannot be run is 111")
def _(bench):
    bench.serve(OK)
    check_refused(bench.run(as_dovecot(), program=["/no/such\nprogram"]), 111, "/no/such?program")


@case("512 bytes are a login, 513 are misuse")
def _(bench):
    server = bench.serve(OK)
    long = "p" * (512 - len(USER) - 3)
    check_eq(bench.run(as_dovecot(), told(password=long)).code, 0)
    check_in(long.encode(), base64.b64decode(server.request()[-1][len("resp="):]))
    check_refused(bench.run(as_dovecot(), told(password=long + "p")), 2, "more than 512 bytes")
    check_refused(bench.run(as_dovecot(), b"x" * 60000), 2, "more than 512 bytes")


@case("fewer than two NULs, or no descriptor 3, is misuse")
def _(bench):
    server = bench.serve(OK)
    for input in (b"", b"harry", b"harry\0secret"):
        check_refused(bench.run(as_dovecot(), input), 2, "no name and password")
    check_refused(bench.run(as_dovecot(), None), 2, "descriptor 3")
    check_eq(server.seen, [])


@case("the third NUL ends the input, EOF or not, and what follows is ignored")
def _(bench):
    bench.serve(OK)
    check_eq(bench.run(as_dovecot(), hold=True).code, 0)
    check_eq(bench.run(as_dovecot(), told() + b"more\0", hold=True).code, 0)


@case("two NULs and EOF will do")
def _(bench):
    bench.serve(OK)
    check_eq(bench.run(as_dovecot(), told()[:-1]).code, 0)


@case("a master user's login is refused unasked")
def _(bench):
    server = bench.serve(OK)
    check_refused(bench.run(as_dovecot(MASTER_USER="root")), 1, "master")
    check_eq(server.seen, [])


@case("AUTHORIZED with any value but 1 is 111, unasked")
def _(bench):
    server, userdb = bench.serve(OK), bench.serve_userdb(FOUND)
    for value in ("", "0", "2", "11", "1\n", "yes"):
        check_refused(bench.run(as_dovecot(AUTHORIZED=value)), 111, "AUTHORIZED")
    check_eq(server.seen + userdb.seen, [])


# --- Dovecot's mode: lookups ----------------------------------------------------------------------

@case("a lookup finds a user without a password")
def _(bench):
    server, auth = bench.serve_userdb(FOUND), bench.serve(OK)
    result = bench.run(as_lookup(), told(password=""))
    check_eq((result.code, result.err, result.reply), (0, "", b"reply\n"))
    env = result.report["env"]
    for name, value in {**as_lookup(), "USER": USER, "HOME": "/var/mail/h", "EXTRA": "userdb_uid userdb_gid",
                        "userdb_uid": "5000", "userdb_gid": "5001", "AUTHORIZED": "2"}.items():
        check_eq(env.get(name), value, name)
    check_eq(server.request(), ["USER", "1", USER, "service=imap"])
    check_eq(auth.seen, [])


@case("a lookup gives the quota under both its names")
def _(bench):
    bench.serve_userdb(FOUND[:-1] + "\tquota_rule=*:bytes=7\tquota_storage_size=7B\n")
    env = bench.run(as_lookup()).report["env"]
    check_eq(env["EXTRA"], "userdb_uid userdb_gid userdb_quota_rule userdb_quota_storage_size")
    check_eq((env["userdb_quota_rule"], env["userdb_quota_storage_size"]), ("*:bytes=7", "7B"))


@case("the user of a lookup is escaped")
def _(bench):
    server = bench.serve_userdb("NOTFOUND\t1\n")
    bench.run(as_lookup(), told("a\tb\nUSER\t1\tc"))
    check_eq(server.request()[2], "a\001tb\001nUSER\001t1\001tc")


@case("an unknown user of a lookup is 3, and no line in the log")
def _(bench):
    bench.serve_userdb("NOTFOUND\t1\n")
    check_refused(bench.run(as_lookup()), 3)


@case("whatever else a lookup is told is 111, never 1")
def _(bench):
    for answer in ("FAIL\t1\n", "FAIL\t1\treason=no\n", "NOTFOUND\t2\n", "NOTFOUND\n", "OK\t1\tuser=%s\n" % USER,
                   "USER\t1\n", "USER\t1\t%s\n" % USER, FOUND.replace("home", "house"), FOUND.replace("5000", "x"),
                   "USER\t1\t\tuid=1\tgid=1\thome=/\n", "VERSION\t2\t0\n" + FOUND, "x" * 40000 + "\n", None):
        server = bench.serve_userdb(answer)
        check_refused(bench.run(as_lookup()), 111, "userdb.sock")
        server.close()
        os.unlink(bench.path("userdb.sock"))
    check_refused(bench.run(as_lookup()), 111, "cannot connect to")


@case("misuse of a lookup is 111: 2 would be found")
def _(bench):
    bench.serve_userdb(FOUND)
    for input in (None, b"", b"harry", b"x" * 600):
        check_refused(bench.run(as_lookup(), input), 111, "descriptor 3")


@case("a lookup with a program that cannot be run is 111")
def _(bench):
    bench.serve_userdb(FOUND)
    check_refused(bench.run(as_lookup(), program=["/no/such/program"]), 111, "/no/such/program")


@case("a credentials lookup without a scheme is a lookup")
def _(bench):
    bench.serve_userdb(FOUND)
    for scheme in (None, ""):
        result = bench.run(as_lookup(CREDENTIALS_LOOKUP="1", SCHEME=scheme))
        check_eq((result.code, result.report["env"]["AUTHORIZED"]), (0, "2"))


@case("a credentials lookup with a scheme is 111, unasked")
def _(bench):
    server = bench.serve_userdb(FOUND)
    check_refused(bench.run(as_lookup(CREDENTIALS_LOOKUP="1", SCHEME="CRAM-MD5")), 111, "CRAM-MD5")
    check_eq(server.seen, [])


@case("a lookup on behalf of a master user is a lookup")
def _(bench):
    bench.serve_userdb(FOUND)
    check_eq(bench.run(as_lookup(MASTER_USER="root")).code, 0)


# --- the classic mode -----------------------------------------------------------------------------

def nobody():
    return pwd.getpwnam("nobody")


def classic_ok(bench, uid=None, gid=None, home=None):
    return "OK\t1\tuser=%s\tuserdb_home=%s\tuserdb_uid=%s\tuserdb_gid=%s\n" % (
        USER, bench.folder if home is None else home,
        (nobody().pw_uid if os.geteuid() == 0 else os.getuid()) if uid is None else uid,
        (nobody().pw_gid if os.geteuid() == 0 else os.getgid()) if gid is None else gid)


def as_user(uid, gid):
    """A command that runs another one as UID."""
    if os.geteuid() != 0:
        raise Skip("needs root")
    return ["/usr/bin/setpriv", "--reuid=%d" % uid, "--regid=%d" % gid, "--clear-groups"]


@case("classic: the program runs as the user, at home, found by PATH")
def _(bench):
    server = bench.serve(classic_ok(bench))
    result = bench.run(as_classic(KEPT="1"), told(timestamp="<1.2@host>"), program=["sh", "-c", REPORT])
    check_eq((result.code, result.err), (0, ""))
    report = result.report
    for name, value in {"USER": USER, "HOME": bench.folder, "SHELL": "/bin/sh", "KEPT": "1",
                        "PATH": "/usr/bin:/bin"}.items():
        check_eq(report["env"].get(name), value, name)
    check_eq(report["cwd"], bench.folder)
    if os.geteuid() == 0:
        gid = str(nobody().pw_gid)
        check_eq((report["uid"], report["gid"], report["groups"]), ({str(nobody().pw_uid)}, {gid}, [gid]))
    check_eq(server.request()[3:4] + server.request()[4][:5].split(), ["service=checkpassword", "resp="])


@case("classic: who is that user already stays so")
def _(bench):
    uid, gid = nobody().pw_uid, nobody().pw_gid
    bench.serve(classic_ok(bench, uid, gid))
    result = bench.run(as_classic(), wrapper=as_user(uid, gid))
    check_eq((result.code, result.err, result.report["uid"]), (0, "", {str(uid)}))


@case("classic: who is somebody else and not root is 111")
def _(bench):
    bench.serve(classic_ok(bench))
    check_refused(bench.run(as_classic(), wrapper=as_user(12345, 12345)), 111, "only root")


@case("classic: nobody becomes root")
def _(bench):
    for uid, gid in ((0, 0), (0, 5000), (5000, 0)):
        server = bench.serve(classic_ok(bench, uid, gid))
        check_refused(bench.run(as_classic()), 111, "root")
        server.close()
        os.unlink(bench.path("auth.sock"))


@case("classic: no home, or none told, is 111")
def _(bench):
    bench.serve(classic_ok(bench, home="/no/such/home"))
    check_refused(bench.run(as_classic()), 111, "/no/such/home")
    os.unlink(bench.path("auth.sock"))
    bench.serve("OK\t1\tuser=%s\n" % USER)
    check_refused(bench.run(as_classic(SERVICE="smtp")), 111, "userdb_home")


@case("classic: a wrong password is 1, a temporary failure and a server that is down are 111")
def _(bench):
    check_refused(bench.run(as_classic()), 111, "cannot connect to")
    bench.serve("FAIL\t1\n")
    check_refused(bench.run(as_classic()), 1)
    os.unlink(bench.path("auth.sock"))
    bench.serve("FAIL\t1\tcode=temp_fail\n")
    check_refused(bench.run(as_classic()), 111, "cannot tell")


@case("classic: misuse is 2")
def _(bench):
    bench.serve(classic_ok(bench))
    for input in (None, b"harry\0secret", b"x" * 600):
        check_refused(bench.run(as_classic(), input), 2, "descriptor 3")
    check_refused(bench.run(as_classic(), program=[]), 2, "usage:")
    check_refused(bench.run(as_classic(), program=["--frobnicate", "/bin/true"]), 2, "usage:")


@case("classic: a program that cannot be run is 111")
def _(bench):
    bench.serve(classic_ok(bench))
    check_refused(bench.run(as_classic(), program=["no-such-program"]), 111, "no-such-program")


@case("classic: AUTHORIZED lets nobody in without a password")
def _(bench):
    server, userdb = bench.serve(classic_ok(bench)), bench.serve_userdb(FOUND)
    for value in ("", "1", "2"):
        check_refused(bench.run(as_classic(AUTHORIZED=value)), 111, "AUTHORIZED")
    check_eq(server.seen + userdb.seen, [])


@case("classic: the program's own options are not ours")
def _(bench):
    bench.serve(classic_ok(bench))
    for program in (["/bin/echo", "-c", "x", "--help"], ["--", "/bin/echo", "-c", "x", "--help"]):
        check_eq(bench.run(as_classic(), program=program).out, b"-c x --help\n")


# --- both -----------------------------------------------------------------------------------------

@case("the password reaches neither environment, arguments nor log")
def _(bench):
    bench.serve(OK)
    result = bench.run(as_dovecot())
    secrets = [PASSWORD, base64.b64encode(("\0%s\0%s" % (USER, PASSWORD)).encode()).decode()]
    for secret in secrets:
        check(secret not in str(result.report["env"]) + str(result.report["argv"]) + result.err, result.out)


@case("what the program inherits: 0 to 2, Dovecot's 4, no alarm, the old limit on core files")
def _(bench):
    bench.serve(OK)
    null = os.open("/dev/null", os.O_RDONLY)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        # the address sanitizer would set the limit itself
        result = bench.run(as_dovecot(ASAN_OPTIONS="disable_coredump=0"), extra={5: null, 6: null, 57: null})
        with open("/proc/self/limits") as f:
            check_eq(result.report["core"], [s.rstrip("\n") for s in f if "core file" in s])
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    check_eq(result.report["fds"], [0, 1, 2, 4])
    alarm = [sys.executable, "-c", "import signal; print(signal.alarm(0))"]
    check_eq(bench.run(as_dovecot(), program=alarm).out, b"0\n")
    bench.servers[0].answer = classic_ok(bench)
    check_eq(bench.run(as_classic(), extra={5: null, 57: null}).report["fds"], [0, 1, 2])
    os.close(null)


@case("inherited descriptors are closed before anything is waited for")
def _(bench):
    for environment, number in ((as_dovecot(), 5), (as_classic(), 4), (as_classic(), 77)):
        ours, theirs = pipe_above(100)
        helper = bench.start(environment, b"harry\0", hold=True, extra={number: theirs})
        os.close(theirs)
        closed = select.select([ours], [], [], TIMEOUT)[0]
        lives = os.waitid(os.P_PID, helper.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        os.kill(helper.pid, signal.SIGKILL)
        helper.wait()
        check(closed and lives, "descriptor", number, "is kept open")
        os.close(ours)


@case("help and version")
def _(bench):
    for option, words in (("--help", "usage: vmail-checkpassword [-c FILE]"), ("--version", "vmail-checkpassword ")):
        done = subprocess.run([bench.program, option], capture_output=True, text=True)
        check_eq((done.returncode, done.stderr), (0, ""))
        check_in(words, done.stdout)
