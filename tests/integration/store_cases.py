# SPDX-License-Identifier: ISC
#
# The store under the running daemon: edits are seen at once, bad days are TEMP and end by themselves.

import contextlib
import fcntl
import os
import shutil
import sqlite3
import time

from harness import (TIMEOUT, Auth, Failed, Site, Socketmap, TcpTable, Userdb, check, check_eq, group_of, is_sanitized,
                     listener, scratch, wait_until, write_file)
from world import fill, running, world

BEFORE = ("OK", "harry@example.com")


def edits(env):
    with running(env, lookup_workers=2) as (site, _), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Socketmap(site.maps)) for _ in range(8)]
        for i in range(5):
            address = "new%d@example.com" % i
            for client in clients:
                check_eq(client.ask("aliases", address), ("NOTFOUND", ""))
            site.ctl("alias", "add", address, "harry@example.com")
            for client in clients:
                check_eq(client.ask("aliases", address), BEFORE)
            site.ctl("alias", "add", address, "sally@example.com")
            for client in clients:
                check_eq(client.ask("aliases", address), ("OK", "harry@example.com, sally@example.com"))
            site.ctl("alias", "remove", address)
            for client in clients:
                check_eq(client.ask("aliases", address), ("NOTFOUND", ""))


def never_stale(env):
    """Answers are remembered and views kept, in quiet times above all: the next lookup after a commit knows better."""
    with running(env, lookup_workers=1) as (site, _), Socketmap(site.maps) as client:
        writer = sqlite3.connect(site.store, isolation_level=None, timeout=TIMEOUT)
        for i in range(1, 401):
            if i % 100 == 0:  # that long, and what was seen last is kept; nothing depends on when
                quiet = time.monotonic() + 0.4
                while time.monotonic() < quiet:
                    client.ask("aliases", "post@example.com")
            writer.execute("UPDATE alias_target SET target = ?, folded = ? WHERE address = 'post@example.com'",
                           ("h%d@example.com" % i, "h%d@example.com" % i))
            for _ in range(3):
                check_eq(client.ask("aliases", "post@example.com"), ("OK", "h%d@example.com" % i))
        writer.close()


def remembers_no_time(env):
    """What counts until a moment is not remembered: there is no edit when it comes."""
    with running(env, lookup_workers=1) as (site, _), Socketmap(site.maps) as client:
        with contextlib.closing(sqlite3.connect(site.store, isolation_level=None, timeout=TIMEOUT)) as writer:
            for ahead in (2, 10, 60):  # more on a machine that takes so long for an edit and a question
                moment = int(time.time()) + ahead
                writer.execute("UPDATE alias SET expires = ? WHERE address = 'post@example.com'", (moment,))
                answer = client.ask("aliases", "post@example.com")
                if time.time() < moment:
                    break
        check_eq(answer, BEFORE)
        wait_until(lambda: client.ask("aliases", "post@example.com")[0] == "NOTFOUND", "the alias to expire", 2 * TIMEOUT)


def password_edits(env):
    with running(env) as (site, _), Auth(site.auth) as client:
        check_eq(client.plain("harry@example.com", "alohomora").word, "OK")
        site.ctl("user", "passwd", "harry@example.com", "--password-stdin", stdin="open sesame\n")
        check_eq(client.plain("harry@example.com", "alohomora").word, "FAIL")
        check_eq(client.plain("harry@example.com", "open sesame").word, "OK")
        check_eq(client.plain("new@example.com", "brand new").word, "FAIL")
        site.user_add("new@example.com", "brand new")
        check_eq(client.plain("new@example.com", "brand new").word, "OK")


def everywhere(site, stack):
    """Connections made in good times, to be used in bad ones."""
    return (stack.enter_context(Socketmap(site.maps)), stack.enter_context(Auth(site.auth)),
            stack.enter_context(Userdb(site.userdb)))


def is_temporary(answer):
    """Tell whether one of the four protocols says "try again"."""
    if isinstance(answer, tuple):
        return answer[0] in ("TEMP", "400")
    return answer.word == "FAIL" and (answer.named.get("code") == "temp_fail" or not answer.named)


def mended(ask):
    """What ASK() says once a worker has found out that the store is well again. On its way there it gives a question
    but a blink (20 ms), which on a busy machine may not be enough: it may say "try again" then, and nothing else."""
    answers = []

    def settled():
        answers.append(ask())
        return not is_temporary(answers[-1])
    wait_until(settled, "the store to be read again")
    return answers[-1]


def check_good(site, maps, auth, userdb, say=lambda ask: ask()):
    check_eq(say(lambda: maps.ask("aliases", "post@example.com")), BEFORE)
    check_eq(say(lambda: maps.ask("aliases", "nobody@example.com")), ("NOTFOUND", ""))

    def by_tcp():
        with TcpTable(site.tcp) as client:
            return client.get("post@example.com")
    check_eq(say(by_tcp), ("200", "harry@example.com"))
    check_eq(say(lambda: auth.plain("harry@example.com", "alohomora")).word, "OK")
    check_eq(say(lambda: userdb.ask("USER", "harry@example.com")).word, "USER")


def check_mended(site, *clients):
    """The same after bad times."""
    check_good(site, *clients, say=mended)


def check_bad(site, maps, auth, userdb):
    """No protocol takes "could not look" for "not there", nor for a wrong password."""
    for key in ("post@example.com", "nobody@example.com"):
        check_eq(maps.ask("aliases", key)[0], "TEMP", key)
        with TcpTable(site.tcp) as client:
            check_eq(client.get(key)[0], "400", key)
        reply = userdb.ask("USER", key)
        check_eq(reply.word, "FAIL", key, reply)
    for password in ("alohomora", "wrong"):
        reply = auth.plain("harry@example.com", password)
        check_eq((reply.word, reply.named.get("code")), ("FAIL", "temp_fail"), password)
    with Auth(site.auth) as client:  # Postfix knows only one word for this
        client.start("PLAIN", "\0harry@example.com\0alohomora", service="smtp")
        check(client.closed())
    check_eq(maps.ask("no:map", "x")[0], "PERM", "no store is needed to know that")
    check_eq(maps.ask("nonsense", "x")[0], "TEMP", "an admin may have made it")
    users, end = userdb.list()
    check_eq((users, end.word, end.words), ([], "DONE", ["fail"]), "list")


def missing(env):
    with running(env) as (site, daemon), contextlib.ExitStack() as stack:
        clients = everywhere(site, stack)
        check_good(site, *clients)
        os.rename(site.store_directory, site.store_directory + ".away")
        check_bad(site, *clients)
        os.rename(site.store_directory + ".away", site.store_directory)
        check_mended(site, *clients)
        daemon.wait_log("can be read again")


def missing_at_start(env):
    with world(env) as site:
        os.rename(site.store_directory, site.store_directory + ".away")
        with site.start() as daemon, contextlib.ExitStack() as stack:
            clients = everywhere(site, stack)
            check_bad(site, *clients)
            daemon.wait_log("warning: .*vmail.db")
            os.rename(site.store_directory + ".away", site.store_directory)
            check_mended(site, *clients)


def made_after_start(env):
    """The daemon first, the store second: as a package would do it."""
    with scratch() as tmp:
        site = Site(env.build, tmp)
        with site.start(), contextlib.ExitStack() as stack:
            clients = everywhere(site, stack)
            check_bad(site, *clients)
            fill(site)
            check_mended(site, *clients)


def put_over(site, path):
    """Put the file PATH in the store's place and leave alone what lies beside it, as those do who know no better."""
    status = os.stat(site.store)
    shutil.copyfile(path, site.store + ".new")
    if os.geteuid() == 0:
        os.chown(site.store + ".new", status.st_uid, status.st_gid)
    os.chmod(site.store + ".new", status.st_mode)
    os.rename(site.store + ".new", site.store)


def replace(site, path):
    """The same as somebody does it who restores a backup: without what belonged to the other."""
    for end in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(site.store + end)
    put_over(site, path)


def backup(site, path):
    """Copy the store, whole."""
    with contextlib.closing(sqlite3.connect(site.store)) as db, contextlib.closing(sqlite3.connect(path)) as to:
        db.backup(to)
        to.execute("PRAGMA journal_mode = WAL")


def corrupt(env):
    with running(env) as (site, daemon), contextlib.ExitStack() as stack:
        clients = everywhere(site, stack)
        good, bad = os.path.join(site.tmp, "good.db"), os.path.join(site.tmp, "bad.db")
        backup(site, good)
        for junk in ("this is no database\n" * 1000, ""):
            write_file(bad, junk)
            replace(site, bad)
            check_bad(site, *clients)
            replace(site, good)
            check_mended(site, *clients)


def torn(env):
    """The right head and junk behind it: nothing that is read from it may pass for an answer."""
    with running(env) as (site, _), contextlib.ExitStack() as stack:
        clients = everywhere(site, stack)
        good, bad = os.path.join(site.tmp, "good.db"), os.path.join(site.tmp, "bad.db")
        backup(site, good)
        with open(good, "rb") as f:
            data = f.read()
        with open(bad, "wb") as f:
            f.write(data[:4096] + b"\xa5" * (len(data) - 4096))
        replace(site, bad)
        for key in ("post@example.com", "nobody@example.com", "@catch.example"):
            check_eq(clients[0].ask("aliases", key)[0], "TEMP", key)
        replace(site, good)
        check_mended(site, *clients)


def replaced(env):
    with running(env) as (site, _), contextlib.ExitStack() as stack:
        clients = everywhere(site, stack)
        other = os.path.join(site.tmp, "other.db")
        backup(site, other)
        with contextlib.closing(sqlite3.connect(other)) as db, db:
            db.execute("UPDATE alias_target SET target = 'sally@example.com', folded = 'sally@example.com'"
                       " WHERE address = 'post@example.com'")
        check_good(site, *clients)
        replace(site, other)
        check_eq(clients[0].ask("aliases", "post@example.com"), ("OK", "sally@example.com"))
        check_eq(clients[1].plain("harry@example.com", "alohomora").word, "OK")


def log_size(site):
    try:
        return os.path.getsize(site.store + "-wal")
    except FileNotFoundError:
        return 0


def check_sound(site, *wanted):
    """The store is whole, and has just these aliases that begin with "kept" or "lost"."""
    with contextlib.closing(sqlite3.connect(site.store, timeout=TIMEOUT)) as db:
        check_eq(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        found = db.execute("SELECT address FROM alias WHERE address GLOB 'kept*' OR address GLOB 'lost*' ORDER BY 1")
        check_eq([row[0] for row in found], ["%s@example.com" % name for name in wanted])


def replaced_unasked(env):
    """A backup is put in the store's place and nobody asks for anything: the next edit goes into what is there, and
    nothing of the old store's log does."""
    with running(env, record_logins=1) as (site, _), contextlib.ExitStack() as stack:
        client, auth, userdb = everywhere(site, stack)
        for mode in ("DELETE", "WAL"):
            good = os.path.join(site.tmp, "good-%s.db" % mode)
            backup(site, good)
            with contextlib.closing(sqlite3.connect(good)) as db:
                db.execute("PRAGMA journal_mode = " + mode)
            check_good(site, client, auth, userdb)
            with contextlib.closing(sqlite3.connect(site.store, isolation_level=None)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM alias").fetchall()
                site.ctl("alias", "add", "lost@example.com", "harry@example.com")
                check(log_size(site) > 0, "the edit is in the file already")
            put_over(site, good)
            if mode == "WAL":  # of such a file only who watches it can tell
                wait_until(lambda: log_size(site) == 0, "the log to be put aside")
            site.ctl("alias", "add", "kept%s@example.com" % mode.lower(), "harry@example.com")
            check_sound(site, "kept" + mode.lower())
            check_eq(client.ask("aliases", "lost@example.com"), ("NOTFOUND", ""))
            check_eq(client.ask("aliases", "kept%s@example.com" % mode.lower()), BEFORE)
            check_eq(auth.plain("harry@example.com", "alohomora").word, "OK")
            site.ctl("alias", "remove", "kept%s@example.com" % mode.lower())


def inode(path):
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def replaced_unknown(env):
    """A bigger store is put in the place of one that is tidy, before anybody has asked anything of either worker."""
    for side in ("all", "auth"):
        with world(env) as site:
            if side == "auth":
                site.listeners = [each for each in site.listeners if "protocol = auth" in each]
                site.configure()
            big = os.path.join(site.tmp, "big.db")
            backup(site, big)
            with contextlib.closing(sqlite3.connect(big)) as db, db:
                db.execute("CREATE TABLE filler AS WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i "
                           "WHERE n < 500) SELECT n, hex(zeroblob(1000)) FROM i")
            with site.start():
                before = inode(site.store + "-shm")
                check(before is not None, "nobody has it open")
                put_over(site, big)
                wait_until(lambda: inode(site.store + "-shm") != before, "the index to be put aside")
                site.ctl("alias", "add", "kept@example.com", "harry@example.com")
                check_sound(site, "kept")
                with Auth(site.auth) as auth:
                    check_eq(auth.plain("harry@example.com", "alohomora").word, "OK")
                site.ctl("alias", "add", "kept2@example.com", "harry@example.com")
                check_sound(site, "kept2", "kept")


def replaced_before_logins(env):
    """Logins wait to be recorded, and a backup is put in the store's place: they go into that, and nothing else does."""
    with running(env, record_logins=1) as (site, _), Auth(site.auth) as auth:
        good = os.path.join(site.tmp, "good.db")
        backup(site, good)
        with contextlib.closing(sqlite3.connect(good)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
        for i in range(3):
            site.ctl("alias", "add", "lost%d@example.com" % i, "harry@example.com")
            check_eq(auth.plain("harry@example.com", "alohomora").word, "OK")
            put_over(site, good)
            wait_until(lambda: log_size(site) == 0, "the log to be put aside")

            def recorded():
                with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % site.store, uri=True)) as db:
                    return db.execute("SELECT count(*) FROM login").fetchone()[0] > 0
            wait_until(recorded, "the login to be recorded")
            check_sound(site)


def nothing_beside(env):
    """When the daemon is stopped all is in the file: a copy of it has everything, and another one in its place is not
    spoiled."""
    with world(env, record_logins=1) as site:
        with site.start(), Socketmap(site.maps) as client, Auth(site.auth) as auth:
            check_eq(client.ask("aliases", "post@example.com"), BEFORE)
            check_eq(auth.plain("harry@example.com", "alohomora").word, "OK")
            with contextlib.closing(sqlite3.connect(site.store, isolation_level=None)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM alias").fetchall()
                site.ctl("alias", "add", "kept@example.com", "harry@example.com")
                check(log_size(site) > 0, "the edit is in the file already")
        check_eq(log_size(site), 0)
        check_sound(site, "kept")


def in_quiet(client, seconds=0.4):
    """Ask for so long that the worker keeps its view of the store; nothing depends on when it does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        client.ask("aliases", "post@example.com")


def replaced_in_quiet(env):
    """A view that is kept ends with the file, for whoever asks next: also behind another question, and among many."""
    with running(env, lookup_workers=1) as (site, _), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Socketmap(site.maps)) for _ in range(100)]
        others = []
        for who in ("sally@example.com", "harry@example.com"):
            others.append(os.path.join(site.tmp, who))
            backup(site, others[-1])
            with contextlib.closing(sqlite3.connect(others[-1])) as db, db:
                db.execute("UPDATE alias_target SET target = ?, folded = ? WHERE address = 'post@example.com'", (who, who))
        for i in range(8):
            expected = ("OK", os.path.basename(others[i % 2]))
            in_quiet(clients[0])
            replace(site, others[i % 2])
            asking = clients if i >= 4 else clients[:1]
            for client in asking:
                client.request("aliases", "post@example.com")
                if i // 2 % 2:
                    client.request("aliases", "post@example.com")
            for client in asking:
                for _ in range(1 + i // 2 % 2):
                    check_eq(client.reply(), expected, i)


def copied_over(env):
    """A backup copied over the file cuts it short first, under the worker's eyes: it says "try again", and lives."""
    with running(env, lookup_workers=1) as (site, daemon), Socketmap(site.maps) as client:
        workers = daemon.workers("lookup")
        good = os.path.join(site.tmp, "good.db")
        backup(site, good)
        with open(good, "rb") as file:
            whole = file.read()
        for cut in (0, 4096, 20480):
            in_quiet(client)
            with open(site.store, "r+b", buffering=0) as file:
                file.truncate(cut)
                for key in ("post@example.com", "nobody@example.com", "fresh%d@example.com" % cut):
                    check_eq(client.ask("aliases", key)[0], "TEMP", key)
                file.write(whole)
            check_eq(mended(lambda: client.ask("aliases", "post@example.com")), BEFORE)
            check_eq(client.ask("aliases", "nobody@example.com"), ("NOTFOUND", ""))
        check_eq(daemon.workers("lookup"), workers)


def put_directory(site):
    """Put a copy in the place of the store's directory."""
    os.rename(site.store_directory, site.store_directory + ".old")
    shutil.copytree(site.store_directory + ".old", site.store_directory)
    if os.geteuid() == 0:
        for path in (".", *os.listdir(site.store_directory)):
            shutil.chown(os.path.join(site.store_directory, path), site.user, group_of(site.user))


def another_directory(env):
    """The sandbox of a worker is about the directory that was there: the worker makes way for another."""
    with running(env, lookup_workers=1) as (site, daemon):
        before = daemon.workers()
        put_directory(site)

        def good():
            with Socketmap(site.maps) as maps, Auth(site.auth) as auth:
                return (maps.ask("aliases", "post@example.com") == ("OK", "harry@example.com") and
                        auth.plain("harry@example.com", "alohomora").word == "OK")
        wait_until(lambda: with_patience(good), "right answers")
        if not is_sanitized(env.program("vmaild")):
            daemon.wait_log("directory of the store is another one now: leaving")
            check(not set(before) & set(daemon.workers()), "the old workers are still there")


def with_patience(ask):
    """What ASK says; false when its connection is closed by a worker that leaves."""
    with contextlib.suppress(OSError, Failed):
        return ask()
    return False


def older_and_newer(env):
    with running(env) as (site, _), contextlib.ExitStack() as stack:
        clients = everywhere(site, stack)
        other = os.path.join(site.tmp, "other.db")
        for version in (0, 9999):
            backup(site, other)
            with contextlib.closing(sqlite3.connect(other)) as db:
                known = db.execute("PRAGMA user_version").fetchone()[0]
                db.execute("PRAGMA user_version = %d" % version)
            replace(site, other)
            check_bad(site, *clients)
            with contextlib.closing(sqlite3.connect(other)) as db:
                db.execute("PRAGMA user_version = %d" % known)
            replace(site, other)
            check_mended(site, *clients)


@contextlib.contextmanager
def locked(site):
    """Be a process in the middle of recovering the write-ahead log: the index has no header, and the locks for
    writing, checkpoints and recovery are ours (https://sqlite.org/walformat.html, 2.3). Whoever reads must wait;
    afterwards the next one recovers."""
    with open(site.store + "-shm", "r+b") as f:
        def take():
            try:
                fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 3, 120)
            except BlockingIOError:
                return False
            return True
        wait_until(take, "the locks of the store")
        f.write(bytes(96))
        f.flush()
        yield


def locked_store(env):
    with running(env, lookup_deadline=1500, failure_delay=0) as (site, _), contextlib.ExitStack() as stack:
        clients = everywhere(site, stack)
        check_good(site, *clients)
        with locked(site):
            check_bad(site, *clients)
        wait_until(lambda: clients[0].ask("aliases", "post@example.com") == BEFORE, "recovery")
        wait_until(lambda: clients[1].plain("harry@example.com", "alohomora").word == "OK", "recovery")
        wait_until(lambda: TcpTable(site.tcp).get("post@example.com")[0] == "200", "recovery")
        check_mended(site, *clients)


def locked_with_many(env):
    """While the store is locked a hundred clients do not wait a hundred deadlines: Postfix gives up at 100 s."""
    with running(env, lookup_workers=1, lookup_deadline=3000) as (site, _), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Socketmap(site.maps, timeout=100)) for _ in range(100)]
        for client in clients:
            check_eq(client.ask("aliases", "post@example.com"), BEFORE)
        with locked(site):
            begin = time.monotonic()
            for client in clients:
                client.request("aliases", "post@example.com")
            for client in clients:
                check_eq(client.reply()[0], "TEMP")
            check(time.monotonic() - begin < 90, "Postfix would have given up")
        wait_until(lambda: all(c.ask("aliases", "post@example.com") == BEFORE for c in clients), "recovery")


def importing(env):
    """A long write transaction is nobody's trouble."""
    with running(env) as (site, _), Socketmap(site.maps) as client:
        with contextlib.closing(sqlite3.connect(site.store, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM alias_target WHERE address = 'post@example.com'")
            db.execute("DELETE FROM alias WHERE address = 'post@example.com'")
            for _ in range(100):
                check_eq(client.ask("aliases", "post@example.com"), BEFORE)
            db.execute("COMMIT")
        check_eq(client.ask("aliases", "post@example.com"), ("NOTFOUND", ""))


def register(suite):
    suite.add("store: an edit is seen by the very next lookup", edits)
    suite.add("store: the next lookup knows of an edit, though answers are remembered", never_stale)
    suite.add("store: an alias expires, though answers are remembered", remembers_no_time)
    suite.add("store: a new password counts at once", password_edits)
    suite.add("store: taken away and brought back", missing)
    suite.add("store: missing at the start", missing_at_start)
    suite.add("store: made after the start", made_after_start)
    suite.add("store: replaced by junk, and repaired", corrupt)
    suite.add("store: torn behind its first page", torn)
    suite.add("store: replaced by another one", replaced)
    suite.add("store: replaced while nobody asks", replaced_unasked)
    suite.add("store: replaced before anybody asked", replaced_unknown)
    suite.add("store: replaced while logins wait to be recorded", replaced_before_logins)
    suite.add("store: stopped, and nothing lies beside it", nothing_beside)
    suite.add("store: replaced in a quiet moment", replaced_in_quiet)
    suite.add("store: copied over while it is read", copied_over)
    suite.add("store: in another directory of the same name", another_directory)
    suite.add("store: of another schema version", older_and_newer)
    suite.add("store: locked", locked_store)
    suite.add("store: locked, with a hundred clients", locked_with_many)
    suite.add("store: during a long transaction", importing)
