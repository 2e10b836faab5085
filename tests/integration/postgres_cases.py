# SPDX-License-Identifier: ISC
#
# The daemon on a PostgreSQL store: shut in as ever, seeing edits at once, and told to try again when the
# server does not answer. The server is one of tests/lib/postgres, for the case alone.

import contextlib
import json
import os
import queue
import socket
import subprocess
import threading
import time

from harness import Auth, Site, Socketmap, check, check_eq, check_in, listener, scratch, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = os.path.join(HERE, os.pardir, "lib", "postgres")
PASSWORD = "alohomora"


@contextlib.contextmanager
def server(*options):
    """A server of its own; its URI."""
    with subprocess.Popen([SERVER, *options, "sh", "-c", 'echo "$VMAILD_TEST_STORE"; exec cat'],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            uri = process.stdout.readline().strip()
            check(uri.startswith("postgresql:"), "the server did not start")
            yield uri
        finally:
            process.stdin.close()
            process.wait(30)


def sql(uri, text, database="postgres"):
    done = subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", uri.partition(":")[2] + " dbname=" + database,
                           "-c", text], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    check_eq(done.returncode, 0, text, done.stderr)
    return done.stdout


@contextlib.contextmanager
def running(env, *options, uri_of=lambda uri: uri + " dbname=mail", **settings):
    with server(*options) as uri, scratch() as tmp:
        sql(uri, "CREATE DATABASE mail")
        site = Site(env.build, tmp, store=uri_of(uri), lookup_workers=1, **settings)
        site.init("example.com", users={"harry@example.com": PASSWORD},
                  aliases={"post@example.com": ["harry@example.com"]})
        with site.start() as daemon:
            yield site, daemon, uri


def answers(env):
    with running(env) as (site, _, uri), Socketmap(site.maps) as maps, Auth(site.auth) as auth:
        check_eq(maps.ask("aliases", "post@example.com"), ("OK", "harry@example.com"))
        check_eq(maps.ask("aliases", "nobody@example.com"), ("NOTFOUND", ""))
        site.ctl("alias", "add", "post@example.com", "sally@else.test")
        check_eq(maps.ask("aliases", "post@example.com"), ("OK", "harry@example.com, sally@else.test"))
        check_eq(auth.plain("harry@example.com", PASSWORD).word, "OK")
        check_eq(auth.plain("harry@example.com", "wrong").word, "FAIL")
        wait_until(lambda: sql(uri, "SELECT mailbox FROM vmaild.login", "mail") == "harry@example.com\n",
                   "the login to be recorded")


def over_tcp(env):
    """By a name, out of the sandbox, as users of their own."""
    def uri_of(uri):
        port = uri.partition("port=")[2].split()[0]
        return "postgresql://postgres@localhost:%s/mail" % port

    with running(env, "-t", uri_of=uri_of) as (site, daemon, uri):
        sql(uri, "CREATE USER mx_lookup IN ROLE vmaild_lookup; CREATE USER mx_login IN ROLE vmaild_recorder")
        own = {"store_" + role: uri_of(uri).replace("postgres@", "mx_%s@" % role) for role in ("lookup", "login")}
        site.configure(**own)
        daemon.reload()
        with Socketmap(site.maps) as maps, Auth(site.auth) as auth:
            check_eq(maps.ask("aliases", "post@example.com"), ("OK", "harry@example.com"))
            check_eq(auth.plain("harry@example.com", PASSWORD).word, "OK")
        users = sql(uri, "SELECT usename FROM pg_stat_activity WHERE datname = 'mail' AND application_name = 'vmaild'")
        check_in("mx_lookup", users)
        check_in("mx_login", users)


def outage(env):
    """Nobody can connect: TEMP, and never that somebody does not exist. Then it goes on by itself."""
    with running(env) as (site, _, uri), Socketmap(site.maps) as maps:
        check_eq(maps.ask("aliases", "post@example.com"), ("OK", "harry@example.com"))
        sql(uri, "ALTER DATABASE mail ALLOW_CONNECTIONS false")
        sql(uri, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'mail'")
        for key in ("post@example.com", "nobody@example.com", "x@elsewhere.test") * 3:
            check_eq(maps.ask("aliases", key)[0], "TEMP")
        sql(uri, "ALTER DATABASE mail ALLOW_CONNECTIONS true")
        wait_until(lambda: maps.ask("aliases", "post@example.com") == ("OK", "harry@example.com"), "answers")
        check_eq(maps.ask("aliases", "nobody@example.com"), ("NOTFOUND", ""))


def looked_after(env):
    """Wrong passwords are counted beyond a restart, for this host; status tells what the tables take, and doctor who
    sees what."""
    with server("-t") as uri, scratch() as tmp:
        sql(uri, "CREATE DATABASE mail")
        metrics = os.path.join(tmp, "metrics.sock")
        site = Site(env.build, tmp, store=uri + " dbname=mail", lookup_workers=1, lookup_deadline=10000)
        site.listeners.append(listener("unix:" + metrics, "metrics", 0o666))
        site.configure()
        site.init("example.com", users={"harry@example.com": PASSWORD})
        with site.start(), Auth(site.auth) as auth:
            check_eq(auth.plain("harry@example.com", "wrong").word, "FAIL")
            check_in("harry@example.com", site.ctl("login", "throttled"))
            size = json.loads(site.ctl("status", "--json"))["store_bytes"]
            check(size > 100000, size)
        with site.start():
            check_in("harry@example.com", site.ctl("login", "throttled"))
            site.ctl("login", "clear", "harry@example.com")
            check("harry" not in site.ctl("login", "throttled"))
        passfile = os.path.join(tmp, "pass")
        with open(passfile, "w") as f:
            f.write("nothing")
        os.chmod(passfile, 0o644)
        site.configure(store=uri + " dbname=mail passfile=" + passfile)
        found = {f["code"]: f["severity"] for f in json.loads(site.ctl_run("doctor", "--json").stdout)}
        check_eq((found["store"], found["store-roles"], found["store-secrets"]), ("ok", "ok", "error"))
        check(not {"store-integrity", "store-permissions"} & set(found), found)


def who_is_what(env):
    """The owner may make no roles: a superuser's init makes them, and lets him be each of them. Doctor sees who is not."""
    with server("-t") as uri, scratch() as tmp:
        sql(uri, "CREATE USER keeper")
        sql(uri, "CREATE DATABASE mail OWNER keeper")
        above = uri + " dbname=mail"
        site = Site(env.build, tmp, store=above.replace("user=postgres", "user=keeper"), lookup_workers=1)

        def told(*options):
            done = site.ctl_run(*options, "init")
            check_eq(done.returncode, 0, done.stderr)
            return done.stderr

        def found():
            rows = [f for f in json.loads(site.ctl_run("doctor", "--json").stdout) if f["code"] == "store-roles"]
            return ["%s: %s" % (f["severity"], f["text"]) if f["severity"] != "ok" else "ok" for f in rows]

        check_in("this user may not make them", told())
        check_in("warning: the roles vmaild_lookup, ", found()[0])
        check_eq((told("--store", above), found()), ("", ["ok"]))
        check_eq(told(), "")
        sql(uri, "REVOKE vmaild_lookup, vmaild_login, vmaild_recorder, vmaild_admin FROM keeper")
        check_in("as 'keeper', and can read passwords", found()[0])
        check_in("owner 'keeper' is no member", told())
        sql(uri, "GRANT vmaild_lookup TO keeper")
        check_in("as 'keeper', and can change mailboxes", found()[0])
        check_eq((told("--store", above), found()), ("", ["ok"]))
        sql(uri, "REVOKE vmaild_lookup, vmaild_login, vmaild_recorder, vmaild_admin FROM keeper")
        sql(uri, "CREATE USER mx_lookup IN ROLE vmaild_lookup; CREATE USER mx_login IN ROLE vmaild_recorder")
        site.configure(**{"store_" + role: above.replace("user=postgres", "user=mx_" + role) for role in ("lookup", "login")})
        check_eq(found(), ["ok"])


def other_encodings(env):
    """A store is made in a database in UTF8 alone. One that is in another is told of, answers for what can be in it, and
    can be moved."""
    with server() as uri, scratch() as tmp:
        sql(uri, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        sql(uri, "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
        sql(uri, "CREATE DATABASE mail")
        latin, mail = (uri + " dbname=" + name for name in ("latin", "mail"))
        site = Site(env.build, tmp, store=latin, lookup_workers=1, lookup_deadline=10000)
        for name, encoding in (("latin", "LATIN1"), ("ascii", "SQL_ASCII")):
            done = site.ctl_run("--store", uri + " dbname=" + name, "init")
            check(done.returncode != 0, done.stdout)
            check_in("is in %s: a store wants one in UTF8" % encoding, done.stderr)
            check_eq(sql(uri, "SELECT count(*) FROM pg_namespace WHERE nspname = 'vmaild'", name), "0\n")
        # as an older release made it
        site.ctl("--store", mail, "init")
        dump = subprocess.run(["pg_dump", "-n", "vmaild", uri.partition(":")[2] + " dbname=mail"], stdout=subprocess.PIPE,
                              check=True).stdout
        subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", uri.partition(":")[2] + " dbname=latin"], input=dump,
                       stdout=subprocess.DEVNULL, check=True)
        sql(uri, "DROP SCHEMA vmaild CASCADE", "mail")
        site.init("example.com", users={"harry@example.com": PASSWORD}, aliases={"j\u00fcrgen@example.com": ["harry@example.com"]})
        found = {f["code"]: f["severity"] for f in json.loads(site.ctl_run("doctor", "--json").stdout)}
        check_eq((found["store"], found["store-encoding"]), ("ok", "warning"))
        check_in("is in a database that is not in UTF8", site.ctl_run("alias", "add", "\u0142@example.com", "harry@example.com").stderr)
        with site.start() as daemon, Socketmap(site.maps) as maps:
            for _ in range(2):
                check_eq(maps.ask("aliases", "j\u00fcrgen@example.com"), ("OK", "harry@example.com"))
                check_eq(maps.ask("aliases", "\u0142@example.com")[0], "TEMP")
            daemon.wait_log("told to try again.*moves the store to a database in UTF8")
        site.ctl("copy", latin, mail)
        site.configure(store=mail)
        found = {f["code"]: f["severity"] for f in json.loads(site.ctl_run("doctor", "--json").stdout)}
        check_eq((found["store"], found["store-encoding"]), ("ok", "ok"))
        check_in("j\u00fcrgen@example.com", site.ctl("alias", "list"))


def carry(source, sink, delay):
    """Pass on what comes from SOURCE, that much later."""
    line = queue.Queue()

    def deliver():
        while True:
            due, data = line.get()
            time.sleep(max(0, due - time.monotonic()))
            try:
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
            except OSError:
                return

    threading.Thread(target=deliver, daemon=True).start()
    data = b"?"
    while data:
        try:
            data = source.recv(65536)
        except OSError:
            data = b""
        line.put((time.monotonic() + delay, data))


@contextlib.contextmanager
def far_from(port, delay):
    """A port that leads to PORT of this host, DELAY seconds away."""
    def take():
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", port))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=carry, args=(*ends, delay), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=take, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def far_away(env):
    """The one server there is may take longer to connect to than one of several would be given."""
    with running(env, "-t") as (site, daemon, uri):
        port = int(uri.partition("port=")[2].split()[0])
        with far_from(port, 0.6) as far:
            site.configure(store_lookup="postgresql://postgres@127.0.0.1:%d/mail?connect_timeout=20" % far, lookup_deadline=6000)
            daemon.reload()
            with Socketmap(site.maps) as maps:
                wait_until(lambda: maps.ask("aliases", "post@example.com") == ("OK", "harry@example.com"), "the server that is far away")


def right_is_missing(env):
    """Who may not read a table says so, over the connection that he has, and reads it as soon as he may."""
    with running(env) as (site, daemon, uri), Socketmap(site.maps) as maps:
        check_eq(maps.ask("aliases", "post@example.com"), ("OK", "harry@example.com"))
        sql(uri, "REVOKE SELECT ON vmaild.alias FROM vmaild_lookup", "mail")
        for key in ("post@example.com", "nobody@example.com") * 10:
            status, text = maps.ask("aliases", key)
            check_eq(status, "TEMP")
            check_in("permission denied", text)
        sql(uri, "GRANT SELECT ON vmaild.alias TO vmaild_lookup", "mail")
        check_eq(maps.ask("aliases", "post@example.com"), ("OK", "harry@example.com"))
        check_eq(maps.ask("aliases", "nobody@example.com"), ("NOTFOUND", ""))
        check("no server of the store" not in daemon.log.text, daemon.log.text)


def too_many_passwords(env):
    """Those that a login looks at open the mailbox; for what is none of them the server is not to blame."""
    with running(env) as (site, daemon, uri), Auth(site.auth) as auth:
        sql(uri, "INSERT INTO vmaild.credential (mailbox, label, hash, created) SELECT 'harry@example.com', "
                 "'n' || lpad(i::text, 2, '0'), '{PLAIN}pw' || i, 1 FROM generate_series(0, 69) i", "mail")
        for password in (PASSWORD, "pw0", "pw62"):
            check_eq(auth.plain("harry@example.com", password).word, "OK", password)
        reply = auth.plain("harry@example.com", "pw69")
        check_eq((reply.word, reply.named.get("code")), ("FAIL", "temp_fail"), reply)
        daemon.wait_log("login failed: user 'harry@example.com', .*: temporary: it has more than 64 passwords")
        check("told to try again" not in daemon.log.text, daemon.log.text)
        done = site.ctl_run("check")
        check_eq((done.returncode, "it has 71 passwords" in done.stdout), (1, True), done.stdout, done.stderr)


def passwords(env):
    """One in the URI is for a file that not everybody can read, and is in no text."""
    with scratch() as tmp:
        site = Site(env.build, tmp, store="postgresql://me:geheim@localhost:1/mail")
        os.chmod(site.conf, 0o644)
        for done in (site.run("-t"), site.ctl_run("domain", "list"),
                     site.ctl_run("--store", "postgresql://me:geheim@x/y", "domain", "list")):
            check(done.returncode != 0, done.stdout)
            check_in(".pgpass", done.stderr)
            check("geheim" not in done.stdout + done.stderr, done.stderr)
        os.chmod(site.conf, 0o640)
        done = site.ctl_run("domain", "list")
        check_in("out of reach", done.stderr)
        check("geheim" not in done.stderr, done.stderr)


def register(suite):
    suite.add("postgres: the daemon answers from it", answers)
    suite.add("postgres: workers reach it by name, as users of their own", over_tcp)
    suite.add("postgres: an outage is TEMP and ends by itself", outage)
    suite.add("postgres: what an admin looks at: counts, size, doctor", looked_after)
    suite.add("postgres: a superuser's init lets the owner be what workers are, and doctor sees who is not", who_is_what)
    suite.add("postgres: a database that is not in UTF8", other_encodings)
    suite.add("postgres: a right that is missing costs no connection", right_is_missing)
    suite.add("postgres: one server that is far away", far_away)
    suite.add("postgres: more passwords than a login looks at", too_many_passwords)
    suite.add("postgres: a password stays where it belongs", passwords)
