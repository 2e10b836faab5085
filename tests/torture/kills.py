# SPDX-License-Identifier: ISC
#
# kill -9 at any moment: of vmailctl while it changes the store, and of the daemon's processes meanwhile. What was told
# to be done is there, the rest is there as a whole or not at all, and nobody who is there is denied.

import contextlib
import glob
import os
import re
import signal
import sqlite3
import subprocess
import time

from harness import Site, check, check_eq, scratch, wait_until
from witness import PEOPLE, Watch, logs_in, must_be_sound, person, populate

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "schema", "sqlite")


def comment(text):
    print("#   " + text, flush=True)


class Host:
    """A site whose daemon is killed, in part or as a whole, and started again."""

    def __init__(self, env, site):
        self.rng = env.rng
        self.site = site
        self.daemon = site.start()
        self.killed = {"vmailctl": 0, "lookup worker": 0, "auth worker": 0, "supervisor": 0}

    def kill_somebody(self):
        """One of the daemon's processes, any time now and then."""
        kind = self.rng.choice(["lookup worker", "lookup worker", "auth worker", "supervisor", None, None])
        if kind == "supervisor":
            self.daemon.kill()
            self.daemon = self.site.start()
        elif kind:
            for pid in self.daemon.workers(kind.split()[0]):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if kind:
            self.killed[kind] += 1

    def run(self, arguments, within):
        """Run vmailctl, and kill it unless it is done sooner: tell whether it said that it was."""
        command = [self.site.program("vmailctl"), "-c", self.site.conf, "--yes", *arguments]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True) as process:
            try:
                process.wait(self.rng.uniform(0, within))
            except subprocess.TimeoutExpired:
                process.kill()
            said = process.communicate()[0]
            check(process.returncode in (0, -signal.SIGKILL), arguments, process.returncode, said)
            self.killed["vmailctl"] += process.returncode != 0
            return process.returncode == 0

    def summary(self):
        return "killed: " + ", ".join("%s %d" % pair for pair in self.killed.items())


@contextlib.contextmanager
def hosted(env, **settings):
    """(host, journal, watch): a store of some hundred people, a daemon, and witnesses who ask it all the time."""
    with scratch() as tmp:
        site = Site(env.build, tmp, lookup_workers=2, **settings)
        journal = populate(site)
        host = Host(env, site)
        try:
            with Watch(site, journal) as watch:
                watch.hold()
                yield host, journal, watch
                watch.hold()
            comment(host.summary() + "; " + watch.summary())
        except BaseException:
            comment("log: " + host.daemon.log.text[-2000:])
            host.daemon.kill()
            raise
        host.daemon.stop()


def duration(act):
    """How long ACT takes when nobody is killed; twice that is enough for one who may be."""
    begin = time.monotonic()
    act()
    return 2 * (time.monotonic() - begin)


# --- vmailctl -----------------------------------------------------------------------------------------------------

def imports(env):
    """An import is one transaction: all of a file or nothing of it."""
    with hosted(env) as (host, journal, _):
        path = os.path.join(host.site.tmp, "users")

        def write(name):
            new = ["%s-%04d@example.com" % (name, i) for i in range(500)]
            with open(path, "w") as f:
                f.writelines("%s:{PLAIN-MD5}0cc175b9c0f1b6a831c399e269772661::::::\n" % a for a in new)
            return new

        arguments = ("import", "--from", "passwd-file", path)
        first = write("first")
        within = duration(lambda: host.site.ctl(*arguments))
        journal.add(*first)
        done = 0
        for r in range(env.rounds(8)):
            new = write("r%d" % r)
            said = host.run(arguments, within)
            if said:
                journal.add(*new)
            host.kill_somebody()
            got = must_be_sound(host.site, journal) & set(new)
            check(len(got) in ((500,) if said else (0, 500)), "a part of an import:", len(got))
            done += len(got) > 0
        comment("%d of %d imports came to their end" % (done, env.rounds(8)))


def edits(env):
    """One after the other, while the daemon's processes are killed as well."""
    with hosted(env) as (host, journal, _):
        within = duration(lambda: host.site.ctl("user", "add", "--no-password", "first@example.com"))
        done = 0
        for r in range(env.rounds(25)):
            address = "edit%d@example.com" % r
            if host.run(("user", "add", "--no-password", address), within):
                journal.add(address)
                done += 1
            if r % 5 == 0:
                host.kill_somebody()
        must_be_sound(host.site, journal)
        comment("%d edits were told to be done, and are" % done)


def integrity(path):
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as db:
        check_eq(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)], path)
        return {a for a, in db.execute("SELECT address FROM mailbox")}


def backups(env):
    """A file of that name is the last whole backup, or the new one."""
    with hosted(env) as (host, journal, _):
        path = os.path.join(host.site.tmp, "backup.db")
        within = duration(lambda: host.site.ctl("backup", path))
        for r in range(env.rounds(8)):
            address = "backup%d@example.com" % r
            host.site.ctl("user", "add", "--no-password", address)
            journal.add(address)
            said = host.run(("backup", path), within)
            host.kill_somebody()
            check(not said or address in integrity(path), "not in the backup:", address)
            check(set(map(person, range(PEOPLE))) <= integrity(path), "less in the backup")
        must_be_sound(host.site, journal)


def kept_beside(store):
    """What restores have kept; who is killed may leave an empty name."""
    return [path for path in glob.glob(glob.escape(store) + ".before-restore*")
            if re.fullmatch(r".*\.before-restore(-\d+)?", path) and os.path.getsize(path) > 0]


def restores(env):
    """The old store or the other one; and when it is the other one, the old one is in a file beside it."""
    with hosted(env) as (host, journal, _):
        path = os.path.join(host.site.tmp, "backup.db")
        host.site.ctl("backup", path)
        within = duration(lambda: host.site.ctl("restore", "--yes", path))
        done = 0
        for r in range(env.rounds(8)):
            address = "restore%d@example.com" % r
            host.site.ctl("user", "add", "--no-password", address)
            said = host.run(("restore", path), within)
            host.kill_somebody()
            there = must_be_sound(host.site, journal)
            check(not (said and address in there), "told to be restored, and is not")
            if address not in there:
                check(any(address in integrity(kept) for kept in kept_beside(host.site.store)), "the old store is lost")
                done += 1
            check(set(map(person, range(PEOPLE))) <= integrity(path), "the backup has changed")
        comment("%d of %d restores came to their end" % (done, env.rounds(8)))


def first_release(path):
    """A store of the first release, with the same people in it."""
    with open(os.path.join(SCHEMA, "0001_initial.sql")) as f:
        text = f.read()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript("PRAGMA journal_mode = WAL; BEGIN;" + text + "COMMIT;")
        with db:
            db.execute("INSERT INTO domain VALUES ('example.com', 'mailbox', NULL, 1)")
            db.executemany("INSERT INTO mailbox VALUES (?, 'example.com', NULL, 0, 1)",
                           [(person(i),) for i in range(PEOPLE)])


def put_in_place(site, path):
    status = os.stat(site.store)
    if os.geteuid() == 0:
        os.chown(path, status.st_uid, status.st_gid)
    os.chmod(path, status.st_mode)
    for end in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(site.store + end)
    os.rename(path, site.store)


def migrations(env):
    with hosted(env) as (host, journal, _):
        path = os.path.join(host.site.tmp, "first.db")
        first_release(path)
        put_in_place(host.site, path)
        within = duration(lambda: host.site.ctl("migrate"))
        for _ in range(env.rounds(8)):
            first_release(path)
            put_in_place(host.site, path)
            host.run(("migrate",), within)
            host.kill_somebody()
            host.site.ctl("migrate")
            must_be_sound(host.site, journal)


# --- the daemon while it writes -----------------------------------------------------------------------------------

def rehashes(env):
    """Old hashes are replaced as people log in; whoever is killed meanwhile, their passwords stay theirs."""
    old = "{PLAIN-MD5}0cc175b9c0f1b6a831c399e269772661"  # a
    people = [person(i) for i in range(20)]
    with hosted(env, failure_delay=0) as (host, journal, _):
        fresh = 0
        for _ in range(env.rounds(3)):
            with contextlib.closing(sqlite3.connect(host.site.store, timeout=30)) as db, db:
                db.execute("DELETE FROM credential")
                db.executemany("INSERT INTO credential (mailbox, label, hash, created) VALUES (?, '', ?, 1)",
                               [(a, old) for a in people])
            for i, address in enumerate(people):
                check(logs_in(host.site, address, "a") is not False, "refused:", address)
                if i % 4 == 3:
                    host.kill_somebody()
            for address in people:
                wait_until(lambda a=address: logs_in(host.site, a, "a") is True, "a login")
            check(logs_in(host.site, people[0], "b") is not True, "a wrong password is good")
            must_be_sound(host.site, journal)
            with contextlib.closing(sqlite3.connect(host.site.store)) as db:
                fresh += db.execute("SELECT count(*) FROM credential WHERE hash <> ?", (old,)).fetchone()[0]
        check(fresh > 0, "nothing was hashed afresh")
        comment("%d hashes were replaced" % fresh)


def register(suite):
    suite.add("kill -9 during edits", edits)
    suite.add("kill -9 during imports", imports)
    suite.add("kill -9 during migrations", migrations)
    suite.add("kill -9 during backups", backups)
    suite.add("kill -9 during restores", restores)
    suite.add("kill -9 while hashes are replaced", rehashes)
