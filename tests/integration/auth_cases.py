# SPDX-License-Identifier: ISC
#
# Logging in by the auth protocol, as Postfix and Dovecot do it. The order of answers is looked at, never the time
# they take.

import contextlib
import os
import re
import sqlite3
import time

from harness import Auth, check, check_eq, check_in, wait_until
from world import running, world

RIGHT, WRONG = "alohomora", "alohomorra"
DEADLINE = 9  # seconds: the login-deadline of every Site

LOGINS = [
    # what it shows, user, password, the user it is (None: refused)
    ("the right password", "harry@example.com", RIGHT, "harry@example.com"),
    ("the name in other letters", "Harry@Example.COM", RIGHT, "harry@example.com"),
    ("a wrong password", "harry@example.com", WRONG, None),
    ("the password in other letters", "harry@example.com", RIGHT.upper(), None),
    ("somebody else's password", "harry@example.com", "what she is having", None),
    ("a password with blanks", "sally@example.com", "what she is having", "sally@example.com"),
    ("an unknown user", "nobody@example.com", RIGHT, None),
    ("an unknown domain", "harry@elsewhere.example", RIGHT, None),
    ("a user without a password", "mute@example.com", RIGHT, None),
    ("an alias", "post@example.com", RIGHT, None),
    ("an extension", "harry+x@example.com", RIGHT, None),
    ("by an alias domain", "harry@example.net", RIGHT, None),
    ("a name without a domain", "harry", RIGHT, None),
    ("a name with a newline", "harry@example.com\nx", RIGHT, None),
    ("a name that is no UTF-8", "harr\udcff@example.com", RIGHT, None),
    ("SQL", "' OR '1'='1", RIGHT, None),
    ("a long password", "harry@example.com", "x" * 4000, None),
]


def raw(text):
    return text.encode("utf-8", "surrogateescape")


def logins(env):
    with running(env, failure_delay=0) as (site, daemon), Auth(site.auth) as client:
        for name, user, password, expected in LOGINS:
            for mechanism in ("PLAIN", "LOGIN"):
                if mechanism == "PLAIN":
                    client.start("PLAIN", b"\0" + raw(user) + b"\0" + raw(password))
                    reply = client.answer()
                elif "\udcff" in user:
                    continue
                else:
                    reply = client.login(user, password)
                if expected is None:
                    check_eq(reply.word, "FAIL", name, mechanism)
                    check("code" not in reply.named, name, reply)
                else:
                    check_eq((reply.word, reply.named["user"]), ("OK", expected), name, mechanism)


def log_lines(env):
    with running(env, failure_delay=0) as (site, daemon), Auth(site.auth) as client:
        for user, password, why in (("harry@example.com", WRONG, "wrong password"),
                                    ("nobody@example.com", RIGHT, "unknown user"),
                                    ("mute@example.com", RIGHT, "no password")):
            mark = daemon.mark()
            check_eq(client.plain(user, password, service="imap", parameters=("rip=192.0.2.7",)).word, "FAIL")
            line = daemon.wait_log("login refused.*", mark).group()
            for part in (user, "imap", "192.0.2.7", why):
                check_in(part, line)
        check_eq(client.plain("evil\n\x1b[31mname", RIGHT).word, "FAIL")
        check_eq(client.plain("harry@example.com", RIGHT).word, "OK")
        daemon.wait_log("debug: login: user 'harry@example.com'")
        check_eq(len(re.findall("login refused", daemon.log.text)), 4, "one line for each")
        check("\x1b" not in daemon.log.text and "\nname" not in daemon.log.text, "a raw name in the log")
        check(RIGHT not in daemon.log.text and WRONG not in daemon.log.text, "a password in the log")


def trouble_by_service(env):
    """Postfix takes any FAIL for a wrong password: it is told nothing. Dovecot is told what it is."""
    with running(env) as (site, _):
        os.rename(site.store, site.store + ".away")
        for service in ("imap", "pop3", "lmtp", "managesieve"):
            with Auth(site.auth) as client:
                reply = client.plain("harry@example.com", RIGHT, service)
                check_eq((reply.word, reply.named.get("code")), ("FAIL", "temp_fail"), service)
        for login in ("plain", "login"):
            with Auth(site.auth) as client:
                try:
                    reply = getattr(client, login)("harry@example.com", RIGHT, "smtp")
                    check(False, "answered", reply)
                except EOFError:
                    pass
                try:
                    client.send("AUTH\t2\tPLAIN\n")
                    check(False, "Postfix would not notice that it has to connect anew")
                except BrokenPipeError:
                    pass
        os.rename(site.store + ".away", site.store)
        with Auth(site.auth) as client:
            check_eq(client.plain("harry@example.com", RIGHT, "smtp").word, "OK")


def delay(env):
    """A refusal is held back; on the same connection and on others right logins overtake it."""
    with running(env, failure_delay=5000, hash_threads=1) as (site, _), Auth(site.auth) as client:
        refused = client.start("PLAIN", "\0harry@example.com\0" + WRONG)
        for _ in range(10):
            right = client.start("PLAIN", "\0harry@example.com\0" + RIGHT)
            reply = client.answer()
            check_eq((reply.word, reply.id), ("OK", right))
            with Auth(site.auth) as other:
                check_eq(other.plain("harry@example.com", RIGHT).word, "OK")
        quick = client.start("PLAIN", "\0harry@example.com\0" + WRONG, parameters=("no-penalty",))
        reply = client.answer()
        check_eq((reply.word, reply.id), ("FAIL", quick), "whoever delays himself is not delayed")
        reply = client.answer()
        check_eq((reply.word, reply.id), ("FAIL", refused))


def gone_too_early(env):
    """Clients leave while their passwords are hashed, and others while their refusals are held back."""
    with running(env, failure_delay=100, hash_threads=1) as (site, daemon):
        worker = daemon.workers("auth")
        for i in range(20):
            client = Auth(site.auth)
            for _ in range(5):
                client.start("PLAIN", "\0harry@example.com\0" + WRONG)
            if i % 2:  # judged last: the others are held by now
                client.start("PLAIN", "\0harry@example.com\0" + RIGHT)
                check_eq(client.answer().word, "OK")
            client.start("LOGIN")
            client.close()
        with Auth(site.auth) as client:  # its refusal comes after those of all that are gone would have
            check_eq(client.plain("harry@example.com", WRONG).word, "FAIL")
            check_eq(client.plain("harry@example.com", RIGHT).word, "OK")
        check_eq(daemon.workers("auth"), worker)


def half_closed(env):
    with running(env) as (site, _), Auth(site.auth) as client:
        client.start("PLAIN", "\0harry@example.com\0" + RIGHT)
        client.start("PLAIN", "\0harry@example.com\0" + WRONG)
        client.end_of_input()
        check_eq({client.answer().word, client.answer().word}, {"OK", "FAIL"})
        check(client.closed())


def peak_memory(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1])


def fifty_at_once(env):
    """50 logins of 32 MiB each, two at a time: all are answered, and not 1600 MiB are taken for it."""
    with running(env, hash_threads=2, hash_memory=32768, failure_delay=0) as (site, daemon), \
            contextlib.ExitStack() as stack:
        site.ctl("user", "passwd", "harry@example.com", "--password-stdin", stdin=RIGHT + "\n")
        clients, begin = [stack.enter_context(Auth(site.auth)) for _ in range(50)], time.monotonic()
        for i, client in enumerate(clients):
            client.start("PLAIN", "\0harry@example.com\0" + (RIGHT if i % 2 else WRONG))
        for i, client in enumerate(clients):
            reply = client.answer()
            if reply.named.get("code") == "temp_fail":  # right on a machine so busy, and not a moment before
                check(time.monotonic() - begin >= DEADLINE, "try again before the deadline:", reply)
            else:
                check_eq(reply.word, "OK" if i % 2 else "FAIL")
        peak = peak_memory(daemon.workers("auth")[0])
        check(peak < 600 * 1024, "peak memory", peak, "kB")


def pipelined(env):
    """More requests on one connection than are taken at a time."""
    with running(env, failure_delay=0, throttle_user=0) as (site, _), Auth(site.auth) as client:
        expected = {}
        for i in range(300):
            number = client.start("PLAIN", "\0harry@example.com\0" + (RIGHT if i % 3 else WRONG))
            expected[number] = "OK" if i % 3 else "FAIL"
        got = {}
        for _ in expected:
            reply = client.answer()
            check(reply.id not in got, "answered twice:", reply)
            check("code" not in reply.named, reply)
            got[reply.id] = reply.word
        check_eq(got, expected)


def full_queue(env):
    """More than can wait: the rest is told to try again at once, and all are answered."""
    with running(env, hash_threads=1, hash_memory=8192, failure_delay=0, remember_logins=0) as (site, _), \
            contextlib.ExitStack() as stack:
        site.ctl("user", "passwd", "harry@example.com", "--password-stdin", stdin=RIGHT + "\n")
        clients, begin = [stack.enter_context(Auth(site.auth)) for _ in range(8)], time.monotonic()
        for client in clients:
            for _ in range(60):
                client.start("PLAIN", "\0harry@example.com\0" + RIGHT)
        replies = [client.answer() for client in clients for _ in range(60)]
        right = [r for r in replies if r.word == "OK"]
        later = [r for r in replies if r.named.get("code") == "temp_fail"]
        check_eq(len(right) + len(later), len(replies))
        check(right and later, "right", len(right), "later", len(later))
        if time.monotonic() - begin < DEADLINE:  # or who could wait may have waited too long
            check(len(right) >= 200, "right", len(right), "later", len(later))
        check_eq(clients[0].plain("harry@example.com", RIGHT).word, "OK")


def deadline(env):
    """Who has waited too long is told to try again without a hash being spent on him."""
    with running(env, hash_threads=1, hash_memory=65536, hash_passes=3, login_deadline=500,
                 failure_delay=0) as (site, daemon), Auth(site.auth) as client:
        site.ctl("user", "passwd", "harry@example.com", "--password-stdin", stdin=RIGHT + "\n")
        for _ in range(60):
            client.start("PLAIN", "\0harry@example.com\0" + RIGHT)
        replies = [client.answer() for _ in range(60)]
        check("temp_fail" in [r.named.get("code") for r in replies])
        check(all(r.word == "OK" or r.named.get("code") == "temp_fail" for r in replies))
        daemon.wait_log("temporary: it waited too long")


HASHES = [
    # what it is, what is stored, what the log says
    ("malformed", "{ARGON2ID}$argon2id$v=19$m=8", "'{ARGON2ID}' is malformed"),
    ("of an unknown scheme", "{TEA-LEAVES}xyz", "'{TEA-LEAVES}' is not known"),
    ("of no scheme", "xyz", "has no {SCHEME}"),
    ("that wants a terabyte", "{ARGON2ID}$argon2id$v=19$m=1073741824,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
                              "c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g", "costs more than is allowed"),
]


def strange_hashes(env):
    """A stored hash that cannot be tried is never a wrong password."""
    with world(env) as site:
        with contextlib.closing(sqlite3.connect(site.store)) as db, db:
            for i, (_, stored, _) in enumerate(HASHES):
                address = "strange%d@example.com" % i
                db.execute("INSERT INTO mailbox (address, domain, created) VALUES (?, 'example.com', 0)", (address,))
                db.execute("INSERT INTO credential (mailbox, label, hash, created) VALUES (?, '', ?, 0)",
                           (address, stored))
            # and one beside it that can: any match counts
            db.execute("INSERT INTO credential (mailbox, label, hash, created)"
                       " SELECT 'strange0@example.com', 'phone', hash, 0 FROM credential"
                       " WHERE mailbox = 'harry@example.com'")
        with site.start() as daemon, Auth(site.auth) as client:
            for i, (name, stored, said) in enumerate(HASHES):
                reply = client.plain("strange%d@example.com" % i, WRONG)
                check_eq((reply.word, reply.named.get("code")), ("FAIL", "temp_fail"), name)
                daemon.wait_log("login failed: user 'strange%d@.*: temporary: .*%s" % (i, said))
            check_eq(client.plain("strange0@example.com", RIGHT).word, "OK")
            check(HASHES[0][1] not in daemon.log.text, "a hash in the log")


def dialogues(env):
    """LOGIN dialogues that interleave, are cancelled, or are left half way."""
    with running(env, failure_delay=0) as (site, _), Auth(site.auth) as client:
        first, second = client.start("LOGIN"), client.start("LOGIN")
        check_eq([client.answer().word for _ in range(2)], ["CONT", "CONT"])
        client.send("CONT\t%s\tc2FsbHlAZXhhbXBsZS5jb20=\n" % second)
        check_eq(client.answer().id, second)
        client.send("CANCEL\t%s\n" % first)
        client.send("CONT\t%s\td2hhdCBzaGUgaXMgaGF2aW5n\n" % second)
        reply = client.answer()
        check_eq((reply.word, reply.id, reply.named.get("user")), ("OK", second, "sally@example.com"))
        client.send("CONT\t%s\tc2FsbHlAZXhhbXBsZS5jb20=\n" % first)
        check_eq(client.answer().word, "FAIL", "a dialogue that was cancelled")
        number = client.start("CRAM-MD5")
        reply = client.answer()
        check_eq((reply.word, reply.id), ("FAIL", number), "a mechanism we do not have")
        client.send("AUTH\t99\tPLAIN\tservice=imap\tresp=!!!!\n")
        check_eq(client.answer().word, "FAIL", "no base64")
        check_eq(client.plain("harry@example.com", RIGHT).word, "OK")


def many_connections(env):
    with running(env) as (site, _), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Auth(site.auth)) for _ in range(300)]
        check_eq(len({c.greeting[-2] for c in clients}), 300, "each has a cookie of its own")
        check_eq(len({line for c in clients for line in c.greeting if line.startswith("CUID")}), 300)
        for client in clients:
            check_eq(client.plain("harry@example.com", RIGHT).word, "OK")


def crowd(env):
    with running(env, max_connections=16, max_connections_per_user=16) as (site, daemon):
        idle = [Auth(site.auth) for _ in range(16)]
        for client in idle:
            check_eq(client.plain("harry@example.com", RIGHT).word, "OK")
        late = Auth.__new__(Auth)
        super(Auth, late).__init__(site.auth)
        late.send("VERSION\t1\t0\nCPID\t1\n")
        daemon.wait_log("max-connections")
        idle.pop().close()
        wait_until(late.more, "the greeting")
        late.close()


def register(suite):
    suite.add("auth: PLAIN and LOGIN", logins)
    suite.add("auth: one log line for a refusal, and no password in it", log_lines)
    suite.add("auth: trouble is told to each client in its own way", trouble_by_service)
    suite.add("auth: a refusal is held back and holds up nobody", delay)
    suite.add("auth: clients that leave before their answer", gone_too_early)
    suite.add("auth: a half-closed client gets its answers", half_closed)
    suite.add("auth: 50 logins at once in bounded memory", fifty_at_once)
    suite.add("auth: 300 requests on one connection", pipelined)
    suite.add("auth: more logins than can wait", full_queue)
    suite.add("auth: a login that waited too long", deadline)
    suite.add("auth: stored hashes that cannot be tried", strange_hashes)
    suite.add("auth: dialogues", dialogues)
    suite.add("auth: 300 connections", many_connections)
    suite.add("auth: more connections than allowed wait their turn", crowd)
