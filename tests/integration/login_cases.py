# SPDX-License-Identifier: ISC
#
# What a login leaves behind, and what it depends on besides the password: records, fresh hashes, app
# passwords, networks; and what it must not leave behind.

import contextlib
import hashlib
import json
import os
import re
import select
import signal
import sqlite3
import subprocess

import memory
from harness import Auth, Userdb, b64, check, check_eq, check_in, wait_gone, wait_until
from metrics_cases import Page, watched
from world import running, world

HARRY, SALLY = "harry@example.com", "sally@example.com"
RIGHT = {HARRY: "alohomora", SALLY: "what she is having"}
HERE, THERE = "192.0.2.7", "198.51.100.7"


@contextlib.contextmanager
def database(site):
    with contextlib.closing(sqlite3.connect(site.store)) as db, db:
        yield db


def rows(site, sql, *values):
    with database(site) as db:
        return db.execute(sql, values).fetchall()


def set_hash(site, user, stored):
    with database(site) as db:
        db.execute("UPDATE credential SET hash = ? WHERE mailbox = ? AND label = ''", (stored, user))


def hash_of(site, user):
    return rows(site, "SELECT hash FROM credential WHERE mailbox = ? AND label = ''", user)[0][0]


def plain_md5(password):
    return "{PLAIN-MD5}" + hashlib.md5(password.encode()).hexdigest()


def log_in(site, user=HARRY, password=None, service="imap", address=HERE, parameters=()):
    with Auth(site.auth) as client:
        return client.plain(user, password or RIGHT[user], service,
                            (("rip=" + address,) if address else ()) + parameters)


# --- what it leaves behind

def rehash(env):
    """An old hash is replaced after the login, whoever logged in; an up-to-date one is left."""
    with running(env) as (site, _):
        for i, stored in enumerate((plain_md5(RIGHT[HARRY]), "{PLAIN}" + RIGHT[HARRY],
                                    "{SHA256.HEX}" + hashlib.sha256(RIGHT[HARRY].encode()).hexdigest())):
            set_hash(site, HARRY, stored)
            check_eq(log_in(site).word, "OK", stored)
            wait_until(lambda: hash_of(site, HARRY).startswith("{ARGON2ID}$argon2id$"), "a fresh hash")
            check_eq(log_in(site).word, "OK", "by the fresh hash")
            check_eq(log_in(site, password="wrong").word, "FAIL")
        fresh = hash_of(site, HARRY)
        check_eq(log_in(site).word, "OK")
        what = [w for w, in rows(site, "SELECT what FROM change WHERE subject = ?", HARRY)]
        check_eq(what.count("user rehash"), 3, what)
    check_eq(hash_of(site, HARRY) if os.path.exists(site.store) else fresh, fresh)


def rehash_to_a_higher_cost(env):
    with world(env) as site:
        low = hash_of(site, HARRY)
        site.configure(hash_passes=2)
        with site.start():
            check_eq(log_in(site).word, "OK")
            wait_until(lambda: hash_of(site, HARRY) != low, "a fresh hash")
            check_in("m=8,t=2,", hash_of(site, HARRY))
            check_eq(log_in(site).word, "OK")


def no_rehash(env):
    with world(env, rehash=False) as site:
        set_hash(site, HARRY, plain_md5(RIGHT[HARRY]))
        with site.start():
            check_eq(log_in(site).word, "OK")
        check_eq(hash_of(site, HARRY), plain_md5(RIGHT[HARRY]))


def not_for_a_wrong_password(env):
    with world(env) as site:
        set_hash(site, HARRY, plain_md5(RIGHT[HARRY]))
        with site.start(), Userdb(site.userdb) as userdb:
            check_eq(log_in(site, password="wrong").word, "FAIL")
            check_eq(userdb.ask("USER", HARRY).word, "USER")
            check_eq(userdb.ask("PASS", HARRY).word, "PASS")
        check_eq(hash_of(site, HARRY), plain_md5(RIGHT[HARRY]))


def records(env):
    """Written within the interval: one row for the same thing again."""
    with running(env, record_logins=1) as (site, _):
        for address, service in ((HERE, "imap"), ("192.0.2.99", "imap"), (HERE, "smtp"), (THERE, "imap"),
                                 ("2001:db8:1:2::3", "imap"), ("", "imap")):
            check_eq(log_in(site, address=address, service=service).word, "OK")
        log_in(site, SALLY, "wrong")

        def recorded():
            return sorted(rows(site, "SELECT mailbox, network, label, service FROM login"))
        expected = sorted((HARRY, network, "", service) for network, service in (
            ("192.0.2.0/24", "imap"), ("192.0.2.0/24", "smtp"), ("198.51.100.0/24", "imap"),
            ("2001:db8:1::/48", "imap"), ("", "imap")))
        wait_until(lambda: recorded() == expected, lambda: recorded())


def recorded_at_the_end(env):
    """An orderly end writes what is left, however long the interval."""
    with world(env, record_logins=3600) as site:
        with site.start():
            check_eq(log_in(site).word, "OK")
            check_eq(rows(site, "SELECT * FROM login"), [])
        check_eq(rows(site, "SELECT mailbox, network FROM login"), [(HARRY, "192.0.2.0/24")])


def not_recorded(env):
    with world(env, record_logins=0) as site:
        with site.start():
            check_eq(log_in(site).word, "OK")
        check_eq(rows(site, "SELECT * FROM login"), [])


def recorded_when_the_store_lets(env):
    """Somebody holds the store for writing: logins go on, and are recorded when he is done."""
    with running(env, record_logins=1, lookup_deadline=2000) as (site, daemon):
        set_hash(site, SALLY, plain_md5(RIGHT[SALLY]))
        with contextlib.closing(sqlite3.connect(site.store, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            for user in (HARRY, SALLY):
                check_eq(log_in(site, user).word, "OK")
            daemon.wait_log("warning: logins are recorded later: ")
            check_eq(log_in(site).word, "OK", "while it waits")
            db.execute("ROLLBACK")
        wait_until(lambda: len(rows(site, "SELECT * FROM login")) == 2, "the logins to be recorded")
        wait_until(lambda: hash_of(site, SALLY).startswith("{ARGON2ID}"), "the fresh hash")


KEPT, MORE = 10000, 1000


def oldest_dropped(env):
    """More logins than are kept while nothing can be written: they all succeed, and the last one is recorded."""
    with running(env, record_logins=1, log_level="info") as (site, daemon), Auth(site.auth) as client:
        check_eq(log_in(site).word, "OK")
        wait_until(lambda: rows(site, "SELECT * FROM login"), "the first one")
        with contextlib.closing(sqlite3.connect(site.store, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            for block in range((KEPT + MORE) // 50):
                for i in range(block * 50, block * 50 + 50):
                    client.start("PLAIN", "\0%s\0%s" % (HARRY, RIGHT[HARRY]),
                                 parameters=("rip=10.%d.%d.1" % (i // 256, i % 256),))
                check_eq({client.answer().word for _ in range(50)}, {"OK"})
            check_eq(log_in(site, SALLY).word, "OK")
            daemon.wait_log("warning: the store cannot be written: the oldest of %d logins" % KEPT)
            db.execute("ROLLBACK")
        wait_until(lambda: rows(site, "SELECT * FROM login WHERE mailbox = ?", SALLY), "the last one")
        check_eq(rows(site, "SELECT count(*) FROM login WHERE mailbox = ?", HARRY), [(32,)], "of one mailbox")


# --- what it depends on

def networks(env):
    """allow_nets, whoever asks; only who knows the password is told."""
    with running(env, failure_delay=0) as (site, daemon):
        with database(site) as db:
            db.execute("UPDATE mailbox SET networks = '192.0.2.0/24,2001:db8::/32' WHERE address = ?", (HARRY,))
        for service in ("imap", "smtp"):
            for address, word in ((HERE, "OK"), ("2001:db8::7", "OK"), ("::ffff:192.0.2.7", "OK"), (THERE, "FAIL"),
                                  ("", "FAIL"), ("junk", "FAIL")):
                reply = log_in(site, service=service, address=address)
                check_eq(reply.word, word, service, address)
                check_eq("reason" in reply.named, word == "FAIL", reply)
            check("reason" not in log_in(site, password="wrong", service=service, address=THERE).named)
        daemon.wait_log("login refused: user '%s', service smtp, from %s: not allowed from this network"
                        % (HARRY, THERE))
        with Userdb(site.userdb) as client:
            check_eq(client.ask("PASS", HARRY).named["allow_nets"], "192.0.2.0/24,2001:db8::/32")


def limited(env):
    """A new password works, whatever the old one was good for."""
    with running(env, failure_delay=0) as (site, _):
        with database(site) as db:
            db.execute("UPDATE credential SET expires = 1000000000, services = 'smtp' WHERE mailbox = ?", (HARRY,))
        check_eq(log_in(site).word, "FAIL")
        site.ctl("user", "passwd", "--password-stdin", HARRY, stdin="a new one\n")
        check_eq(log_in(site, password="a new one").word, "OK")


# What is imported as it is written elsewhere, and whether a login from there is let in.
HOST_NETWORKS = [
    ("192.0.2.5/24", {"192.0.2.77": "OK", "192.0.2.5": "OK", THERE: "FAIL"}),
    ("198.51.100.9, 2001:db8::5/32", {"198.51.100.9": "OK", THERE: "FAIL", "2001:db8:7::1": "OK"}),
]


def host_networks(env):
    """The bits of a host lock nobody out, whether an import brings them or they are there from an earlier one."""
    with running(env, failure_delay=0) as (site, _):
        for networks, expected in HOST_NETWORKS:
            line = json.dumps({"mailbox": HARRY, "networks": networks, "credentials": [
                {"hash": "{PLAIN}" + RIGHT[HARRY]}, {"label": "phone", "hash": "{PLAIN}phone's", "networks": networks}]})
            told = "networks '%s' of '%s' are kept as" % (networks, HARRY)
            done = site.ctl_run("import", "--from", "vmaild", "-", stdin=line + "\n")
            check_eq((done.returncode, told in done.stderr), (0, "/" in networks), done.stderr)
            done = site.ctl_run("apply", "--yes", "-", stdin="# one\n" + line + "\n")
            check_eq((done.returncode, done.stderr.count("standard input:2: " + told)),
                     (0, 2 * ("/" in networks)), done.stderr)
            check_eq(site.ctl("check"), "", networks)
            for stored in (None, networks):
                if stored:
                    with database(site) as db:
                        db.execute("UPDATE mailbox SET networks = ? WHERE address = ?", (stored, HARRY))
                        db.execute("UPDATE credential SET networks = ? WHERE label = 'phone'", (stored,))
                for address, word in expected.items():
                    for password in (RIGHT[HARRY], "phone's"):
                        check_eq(log_in(site, password=password, address=address).word, word, networks, address, stored)
        done = site.ctl_run("check")
        check_eq((done.returncode, done.stdout.count("names one host and the size of a network: write 2001:db8::/32")),
                 (1, 2), done.stdout)
        check_in("app password 'phone': '2001:db8::5/32'", done.stdout)
        site.ctl("apply", "--yes", "-", stdin=site.ctl("export"))
        check_eq(site.ctl("check"), "")


def states(env):
    with running(env, failure_delay=0) as (site, daemon):
        site.ctl("user", "state", HARRY, "suspended", "--reason", "unpaid bill")
        for service in ("imap", "smtp"):
            reply = log_in(site, service=service)
            check_eq((reply.word, reply.named.get("reason")), ("FAIL", "unpaid bill"))
            check("reason" not in log_in(site, service=service, password="wrong").named)
        daemon.wait_log("login refused: user '%s', service imap, from %s: suspended" % (HARRY, HERE))
        with Userdb(site.userdb) as client:
            reply = client.ask("PASS", HARRY, "service=imap")
            check("nologin" in reply.named, reply)
            check_eq(reply.named["reason"], "unpaid bill")
            check("nologin" not in client.ask("PASS", SALLY, "service=imap").named)
        site.ctl("user", "state", HARRY, "receive-only")
        check_eq(log_in(site).word, "OK")
        check_eq(log_in(site, service="smtp").word, "FAIL")
        check_eq(log_in(site, service="checkpassword").word, "FAIL", "it may be for sending")
        site.ctl("user", "state", HARRY, "send-only")
        check_eq([log_in(site, service=s).word for s in ("imap", "smtp", "submission", "checkpassword")],
                 ["FAIL", "OK", "OK", "FAIL"])
        site.ctl("user", "state", HARRY, "active")
        check_eq(log_in(site, service="checkpassword").word, "OK")


def locations(env):
    """One set of fields in OK, PASS and USER; what the mailbox has of its own goes first."""
    with running(env, mail_home="/srv/%d/%n", mail_location="maildir:~/Maildir") as (site, _):
        with database(site) as db:
            db.execute("UPDATE mailbox SET home = '/own/home', mail = 'mdbox:~/md', uid = 4001, gid = 4002"
                       " WHERE address = ?", (SALLY,))
        for user, home, mail, driver, path in (
                (HARRY, "/srv/example.com/harry", "maildir:~/Maildir", "maildir", "~/Maildir"),
                (SALLY, "/own/home", "mdbox:~/md", "mdbox", "~/md")):
            with Userdb(site.userdb) as client:
                fields = client.ask("USER", user).named
                passed = client.ask("PASS", user).named
            ok = log_in(site, user).named
            check_eq([fields[k] for k in ("home", "mail", "mail_driver", "mail_path")], [home, mail, driver, path])
            for reply in (ok, passed):
                check_eq({k[7:]: v for k, v in reply.items() if k.startswith("userdb_")}, fields)
            if user == SALLY:
                check_eq((fields["uid"], fields["gid"]), ("4001", "4002"))


# --- what the time tells

def peak_kib(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"(?m)^VmHWM:\s+(\d+) kB", file.read())[1])


def miss_costs_no_less(env):
    """A wrong password costs what it costs where there is nobody, also where the right one is kept in an old, fast form:
    whoever measures the time must not learn who exists. Told by the memory that the hashing takes."""
    memory = 64 << 10
    with running(env, hash_memory=memory, hash_passes=1, failure_delay=0) as (site, daemon), Auth(site.auth) as client:
        worker, = daemon.workers("auth")
        set_hash(site, HARRY, plain_md5(RIGHT[HARRY]))
        before = peak_kib(worker)
        check_eq(client.plain(HARRY, "wrong").word, "FAIL")
        check(peak_kib(worker) > before + memory // 2, "a wrong one took no hash", before, peak_kib(worker))


# --- a worker that leaves

def hurried_in_line(env):
    """Some wait in line to be heard, where their user is known, when the worker has to end: each is answered once, and
    the worker ends of itself."""
    with watched(env, throttle_user_network=1, failure_delay=0) as (site, daemon), Auth(site.auth) as client:
        with database(site) as db:
            db.execute("INSERT INTO login (mailbox, network, label, service, at) VALUES (?, '192.0.2.0/24', '', 'imap', 1)",
                       (HARRY,))
        tries = [client.start("PLAIN", "\0%s\0wrong %d" % (HARRY, i), parameters=("rip=" + HERE,)) for i in range(4)]
        tries.append(client.start("PLAIN", "\0%s\0wrong, too" % HARRY, parameters=("rip=192.0.2.99",)))
        answers = [client.answer() for _ in range(2)]
        check_eq([a.word for a in answers], ["FAIL"] * 2, "those that are free, and one behind them")
        old, = daemon.workers("auth")
        daemon.reload()
        answers += [client.answer() for _ in range(3)]
        with contextlib.suppress(ConnectionResetError):
            while client.more():
                pass
        check_eq(client.pending, b"", "more answers")
        check_eq(sorted(a.id for a in answers), sorted(tries))
        check([a.named.get("code") for a in answers].count("temp_fail") >= 2, answers)
        wait_gone(old)
        check_eq(Page(site.metrics).sum("vmaild_logins_total"), len(tries))
        check("died of signal" not in daemon.log.text, daemon.log.text)


def recorded_at_last(env):
    """A login waits to be recorded in a store that is locked, and the worker has to end: as long as it may it tries."""
    with world(env, record_logins=1) as site, site.start() as daemon:
        with database(site) as db, Auth(site.auth) as client:
            db.execute("BEGIN IMMEDIATE")
            check_eq(client.plain(HARRY, RIGHT[HARRY], parameters=("rip=" + HERE,)).word, "OK")
            daemon.wait_log("logins are recorded later")
            daemon.signal(signal.SIGTERM)
            with contextlib.suppress(ConnectionResetError):
                while client.more():
                    pass
            db.rollback()
        check_eq(daemon.wait(), 0)
        check("logins are not recorded" not in daemon.log.text, daemon.log.text)
        with database(site) as db:
            check_eq(db.execute("SELECT count(*) FROM login").fetchone()[0], 1)


def hurried_are_told(env):
    """Who is told to try again because his worker leaves is counted and logged as that, once, whatever his password is
    found to be."""
    many = 40
    with watched(env, hash_memory=65536, hash_passes=8, hash_threads=1, remember_logins=0, throttle_network=0, throttle_user=0,
                 throttle_user_network=0) as (site, daemon), Auth(site.auth) as client:
        for i in range(many):
            client.start("PLAIN", "\0%s\0%s" % (HARRY, RIGHT[HARRY]))
        check_eq(client.answer().word, "OK")
        old = daemon.workers("auth")
        daemon.reload()
        later = sum(client.answer().named.get("code") == "temp_fail" for _ in range(many - 1))
        for pid in old:
            wait_gone(pid)
        page = Page(site.metrics)
        check_eq(page.sum("vmaild_logins_total"), many)
        check_eq(page.sum("vmaild_logins_total", result="temporary"), later)
        check_eq(daemon.log.text.count(": temporary: "), later)


def hurried_all(env):
    """What lies behind as many logins as a connection may have under way is answered too when the worker leaves: names
    that can be somebody's, and those that are no addresses."""
    many = 64
    names = [HARRY if i % 2 else "no name %d" % i for i in range(20)]
    with watched(env, failure_delay=5000, throttle_network=0, throttle_user=0,
                 throttle_user_network=0) as (site, daemon), Auth(site.auth) as client:
        client.start("PLAIN", "\0%s\0%s" % (HARRY, RIGHT[HARRY]))
        for i in range(many):
            client.start("PLAIN", "\0%s\0wrong %d" % (SALLY, i))
        for name in names:
            client.start("PLAIN", "\0%s\0wrong" % name)
        check_eq(client.answer().word, "OK")
        old = daemon.workers("auth")
        daemon.reload()
        answers = [client.answer() for _ in range(many + len(names))]
        check_eq(sorted({a.id for a in answers}, key=int), [str(i + 2) for i in range(len(answers))])
        for pid in old:
            wait_gone(pid)
        check_eq(Page(site.metrics).sum("vmaild_logins_total"), 1 + len(answers))
        check_eq(daemon.log.text.count("user 'no name"), len(names) // 2)


# --- without a slow hash

SLOW = dict(hash_memory=65536, hash_passes=3, hash_threads=1, failure_delay=0)


def answered_before(client, right, others):
    """Send OTHERS (wrong ones that must be hashed) and RIGHT behind them: true when it is answered first."""
    for i in range(others):
        client.start("PLAIN", "\0%s\0wrong %d" % (SALLY, i), parameters=("rip=" + THERE,))
    number = client.start("PLAIN", "\0%s\0%s" % right, parameters=("rip=" + HERE,))
    replies = [client.answer() for _ in range(others + 1)]
    check_eq([r.word for r in replies if r.id == number], ["OK"])
    return replies[0].id == number


def remembered(env):
    """The second good login needs no hash; after a change of the password the old one is not good any more."""
    with running(env, **SLOW) as (site, _), Auth(site.auth) as client:
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin=RIGHT[HARRY] + "\n")
        check_eq(log_in(site).word, "OK")
        check(answered_before(client, (HARRY, RIGHT[HARRY]), 3), "it was hashed")
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin="new words\n")
        check_eq(log_in(site).word, "FAIL", "the old password")
        check_eq(log_in(site, password="new words").word, "OK")
        site.ctl("user", "state", HARRY, "suspended")
        check_eq(log_in(site, password="new words").word, "FAIL", "a remembered one of a suspended account")


def not_remembered(env):
    with running(env, remember_logins=0, **SLOW) as (site, _), Auth(site.auth) as client:
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin=RIGHT[HARRY] + "\n")
        check_eq(log_in(site).word, "OK")
        check(not answered_before(client, (HARRY, RIGHT[HARRY]), 3), "it was not hashed")


def app_password(site, user, label, *options):
    """Have one made: what vmailctl printed."""
    out = site.ctl("user", "app-password", "add", user, "--label", label, *options)
    return re.search(r"\b[a-z]{4}(?:-[a-z]{4}){5}\b", out)[0]


def app_passwords(env):
    """Good at once, in any spelling, where they may be used; and no longer than that."""
    with running(env, **SLOW) as (site, daemon), Auth(site.auth) as client:
        phone = app_password(site, HARRY, "phone", "--service", "imap")
        check(answered_before(client, (HARRY, phone), 3), "it was hashed slowly")
        check_eq(log_in(site, password=phone.upper().replace("-", "")).word, "OK", "typed by hand")
        check_eq(log_in(site).word, "OK", "the own password")
        reply = log_in(site, password=phone, service="smtp")
        check_eq((reply.word, reply.named["reason"]), ("FAIL", "this app password is not for this service"))
        daemon.wait_log("login refused: .*: app password not for this service")
        check_eq(log_in(site, SALLY, phone).word, "FAIL", "somebody else's")
        office = app_password(site, HARRY, "office", "--network", "192.0.2.0/24")
        check_eq(log_in(site, password=office).word, "OK")
        check_eq(log_in(site, password=office, address=THERE).word, "FAIL")
        daemon.wait_log("login refused: .*: app password not from this network")
        old = app_password(site, HARRY, "old", "--expires", "2099-01-01")
        check_eq(log_in(site, password=old).word, "OK")
        with database(site) as db:
            db.execute("UPDATE credential SET expires = 1 WHERE label = 'old'")
        check_eq(log_in(site, password=old).named["reason"], "this app password has expired")
        site.ctl("user", "app-password", "remove", HARRY, "phone")
        check_eq(log_in(site, password=phone).word, "FAIL", "a revoked one")
    check_eq(("phone" in hash_log(daemon), phone in hash_log(daemon)), (False, False))


def too_many(env):
    """Of one mailbox: what a login looks at opens it, all else may be right; and nobody else is the worse for it."""
    with running(env, failure_delay=0) as (site, daemon):
        with database(site) as db:
            db.executemany("INSERT INTO credential (mailbox, label, hash, created) VALUES (?, ?, ?, 1)",
                           [(HARRY, "n%02d" % i, "{PLAIN}pw%d" % i) for i in range(70)])
        for password in (RIGHT[HARRY], "pw0", "pw62"):
            check_eq(log_in(site, password=password).word, "OK", password)
        for password in ["pw69"] + ["wrong%d" % i for i in range(6)]:
            reply = log_in(site, password=password, address=THERE)
            check_eq((reply.word, reply.named.get("code")), ("FAIL", "temp_fail"), password, reply)
        daemon.wait_log("login failed: user '%s', .*: temporary: it has more than 64 passwords" % HARRY)
        throttled = json.loads(site.ctl("--json", "login", "throttled"))
        check_in(HARRY, [row["user"] for row in throttled], "guesses are counted")
        check_eq(log_in(site, SALLY).word, "OK")
        check("told to try again" not in daemon.log.text, "the store is not to blame")
        done = site.ctl_run("check")
        check_eq((done.returncode, "it has 71 passwords" in done.stdout), (1, True), done.stdout)


def hash_log(daemon):
    return daemon.log.text


def app_password_of_another_store(env):
    """A copy of the credentials is of no use without the store's key."""
    with running(env, failure_delay=0) as (site, _):
        phone = app_password(site, HARRY, "phone")
        check_eq(log_in(site, password=phone).word, "OK")
        with database(site) as db:
            db.execute("UPDATE secret SET value = lower(hex(randomblob(32)))")
        check_eq(log_in(site, password=phone).word, "FAIL")


# --- storms

def unread(client):
    """How many whole answers have come that nobody has read."""
    while select.select([client.socket], [], [], 0)[0] and client.more():
        pass
    return client.pending.count(b"\n")


def turns(env):
    """Somebody from elsewhere does not wait behind a storm from one network."""
    with running(env, hash_threads=1, hash_memory=8192, failure_delay=0, throttle_user_network=0, throttle_network=0,
                 throttle_user=0) as (site, _), contextlib.ExitStack() as stack:
        storm = [stack.enter_context(Auth(site.auth)) for _ in range(3)]
        for i, client in enumerate(storm):
            for j in range(60):
                client.start("PLAIN", "\0%s\0storm %d %d" % (HARRY, i, j), parameters=("rip=192.0.2.%d" % (i + 1),))
        check_eq(log_in(site, SALLY, address=THERE).word, "OK")
        check(sum(unread(client) for client in storm) < 90, "he waited for the storm")
        check_eq([client.answer().word for client in storm for _ in range(60)], ["FAIL"] * 180)


def crowded_out(env):
    """In a full queue a place is found for somebody from elsewhere."""
    with running(env, hash_threads=1, hash_memory=8192, failure_delay=0, throttle_user_network=0, throttle_network=0,
                 throttle_user=0) as (site, _), contextlib.ExitStack() as stack:
        storm = [stack.enter_context(Auth(site.auth)) for _ in range(6)]
        for i, client in enumerate(storm):
            for j in range(60):
                client.start("PLAIN", "\0%s\0storm %d %d" % (HARRY, i, j), parameters=("rip=192.0.2.1",))
        check_eq(log_in(site, SALLY, address=THERE).word, "OK")
        words = {r.named.get("code", r.word) for client in storm for r in [client.answer() for _ in range(60)]}
        check_eq(words, {"FAIL", "temp_fail"})


def told_as_it_was(env):
    """What had no room is no refusal, in the log neither: nobody is to be banned for it."""
    with running(env, hash_threads=1, hash_memory=8192, failure_delay=0, throttle_user_network=0, throttle_network=0,
                 throttle_user=0) as (site, daemon), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Auth(site.auth)) for _ in range(6)]
        for i, client in enumerate(clients):
            for j in range(60):
                client.start("PLAIN", "\0nobody@example.com\0%d %d" % (i, j), parameters=("rip=192.0.2.1",))
        replies = [client.answer() for client in clients for _ in range(60)]
        later = len([r for r in replies if r.named.get("code") == "temp_fail"])
        check(0 < later < len(replies), later)
        for said, number in (("failed", later), ("refused", len(replies) - later)):
            said = "login %s: user 'nobody@example.com'" % said
            wait_until(lambda s=said, n=number: daemon.log.text.count(s) >= n, "a line for each")
            check_eq(daemon.log.text.count(said), number, said)


# --- what it must not leave behind

def crypted(password, *options):
    """What openssl makes of it, as crypt(3) would."""
    return "{CRYPT}" + subprocess.run(["openssl", "passwd", "-stdin", *options], input=password, text=True,
                                      stdout=subprocess.PIPE, check=True).stdout.strip()


def pbkdf2(password):
    return "{PBKDF2}$1$salty$1000$" + hashlib.pbkdf2_hmac("sha1", password.encode(), b"salty", 1000).hex()


# {PLAIN} has no place here: what is in the store is in SQLite's pages as well.
SCHEMES = [plain_md5, lambda p: crypted(p, "-6"), lambda p: crypted(p, "-1"), pbkdf2]


def no_password_stays(env):
    """When the answer is there, no process of vmaild has the password any more, in clear or in base64: whatever
    was asked and however it was stored, while the connection is still open and after it."""
    memory.need_search(env.program("vmaild"))
    number = 0

    def clean(what, kind="auth"):
        check_eq(memory.traces(daemon.workers(kind), password), [], what)

    with running(env, failure_delay=0, throttle_user_network=0, throttle_user=0) as (site, daemon):
        check(memory.holds(daemon.workers("auth")[0], site.store.encode()), "the search finds nothing")
        for scheme in SCHEMES:
            for mechanism, service in (("plain", "imap"), ("login", "smtp")):
                number += 1
                password = memory.secret(number)
                with Auth(site.auth) as client:
                    set_hash(site, HARRY, scheme(password))
                    check_eq(getattr(client, mechanism)(HARRY, password, service).word, "OK")
                    wait_until(lambda: hash_of(site, HARRY).startswith("{ARGON2ID}"), "the fresh hash")
                    clean("a right password, hashed anew")
                    check_eq(client.plain(HARRY, password).word, "OK")
                    clean("one by the fresh hash, or remembered")
                    number += 1
                    password = memory.secret(number)
                    check_eq(getattr(client, mechanism)(HARRY, password, service).word, "FAIL")
                    clean("a wrong one")
                    check_eq(getattr(client, mechanism)("nobody@example.com", password, service).word, "FAIL")
                    clean("of an unknown user")
                clean("after the end", kind="")
        number += 1
        password = memory.secret(number)
        line = "AUTH\t77\tPLAIN\tservice=imap\tresp=%s\n" % b64("\0%s\0%s" % (HARRY, password))
        with Auth(site.auth) as client:
            client.send("AUTH\t76\tPLAIN\tservice=imap\tresp=" + b64("\0x\0y") + "\n" + line[:60])
            check_eq(client.answer().word, "FAIL")
            client.send(line[60:])
            check_eq(client.answer().word, "FAIL")
            clean("in two pieces")
            client.send(line.replace("PLAIN", "TEA-LEAVES"))
            check_eq(client.answer().word, "FAIL")
            clean("by a mechanism that there is not")
        with Auth(site.auth) as client:
            client.send(line[:-5])
            client.end_of_input()
            client.closed()
            clean("half a line")


def register(suite):
    suite.add("login: an old hash is replaced", rehash)
    suite.add("login: recorded when the store is free again, though the worker leaves", recorded_at_last)
    suite.add("login: those in line are answered once when their worker leaves", hurried_in_line)
    suite.add("login: those that a leaving worker sends away are counted and logged", hurried_are_told)
    suite.add("login: all that lies behind those is answered when their worker leaves", hurried_all)
    suite.add("login: a hash of a lower cost is replaced", rehash_to_a_higher_cost)
    suite.add("login: no hash is replaced where that is switched off", no_rehash)
    suite.add("login: no hash is replaced for a wrong password or a lookup", not_for_a_wrong_password)
    suite.add("login: good ones are recorded", records)
    suite.add("login: what is not recorded yet is at the end", recorded_at_the_end)
    suite.add("login: nothing is recorded where that is switched off", not_recorded)
    suite.add("login: recorded when the store lets, and nobody waits for it", recorded_when_the_store_lets)
    suite.add("login: of too many that cannot be recorded the oldest are dropped", oldest_dropped)
    suite.add("login: from the mailbox's networks only", networks)
    suite.add("login: a new password in place of one with limits", limited)
    suite.add("login: from networks with the bits of a host", host_networks)
    suite.add("login: what the account's state allows", states)
    suite.add("login: one set of fields in every answer", locations)
    suite.add("login: the same again is remembered", remembered)
    suite.add("login: nothing is remembered where that is switched off", not_remembered)
    suite.add("login: app passwords", app_passwords)
    suite.add("login: more passwords than a login looks at", too_many)
    suite.add("login: app passwords are this store's alone", app_password_of_another_store)
    suite.add("login: a storm from one network holds nobody else up", turns)
    suite.add("login: a full queue has room for somebody else", crowded_out)
    suite.add("login: one that found no room is not logged as refused", told_as_it_was)
    suite.add("login: a miss at an old form costs no less than at nobody", miss_costs_no_less)
    suite.add("login: no password stays in memory", no_password_stays)
