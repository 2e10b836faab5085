# SPDX-License-Identifier: ISC
#
# The store changes and the daemon changes, and lookups go on: edits and imports, how long an import takes, the start,
# and a reload.

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

from contestants import CLIENT_CPU, pinned
from data import address
from harness import Site, Socketmap, check, ordinary_user, scratch
from parts import Load, close_all, part
from report import Table

HERE = os.path.dirname(os.path.abspath(__file__))
HASH = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b1dWRWJTmaaJObG2dYGRRFQ1aQ"
EDITS, LOOKUPS, CLIENTS = 1000, 5000, 20  # a second, a second, connections


@contextlib.contextmanager
def memory():
    """A folder in memory where there is one: a disk would be measured else."""
    shm = "/dev/shm"
    with contextlib.ExitStack() as stack:
        if os.path.ismount(shm) and os.access(shm, os.W_OK):
            path = stack.enter_context(tempfile.TemporaryDirectory(prefix="vm-", dir=shm, ignore_cleanup_errors=True))
            os.chmod(path, 0o755)
        else:
            path = stack.enter_context(scratch())
        yield path


def ours(path):
    """Give a file or a folder to the daemon."""
    shutil.chown(path, ordinary_user())
    return path


def copy_of(store, folder):
    """A store of our own to write to."""
    os.makedirs(folder)
    path = os.path.join(ours(folder), "vmail.db")
    shutil.copyfile(store, path)
    return ours(path)


def people(path, n):
    """Mailboxes as a passwd-file has them: N lines, that begin with names not in the data."""
    with open(path, "w") as out:
        out.writelines("new%07d@new%05d.example:%s:::::\n" % (i, i // 1000, HASH) for i in range(n))
    return path


def import_command(vmaild, path):
    return [vmaild.site.program("vmailctl"), "-c", vmaild.site.conf, "import", "--from", "passwd-file", path]


# --- while others write -------------------------------------------------------------------------------

class Edits:
    """Single edits, each followed by the lookup that must see it; its report when it is closed."""

    def __init__(self, store, vmaild):
        self.process = subprocess.Popen(
            pinned(CLIENT_CPU, sys.executable, os.path.join(HERE, "edits.py"), store, vmaild.address[5:], str(EDITS)),
            stdout=subprocess.PIPE, text=True)
        check("ready" in self.process.stdout.readline(), "edits.py")

    def end(self):
        self.process.terminate()
        with self.process:
            return json.loads(self.process.stdout.read())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def beside_nothing(bench, vmaild, store, keys, tmp):
    return bench.load(vmaild.address, keys, connections=CLIENTS, rate=LOOKUPS, first=1, seconds=4 * bench.form.load), {}


def beside_edits(bench, vmaild, store, keys, tmp):
    edits = Edits(store, vmaild)
    try:
        got, _ = beside_nothing(bench, vmaild, store, keys, tmp)
        return got, edits.end()
    finally:
        edits.close()


def beside_import(bench, vmaild, store, keys, tmp):
    """For as long as it takes; the last of what it brought is asked for at once when it is there."""
    n = bench.form.imported
    path = people(os.path.join(tmp, "people"), n)
    load = Load(bench, vmaild.address, keys, connections=CLIENTS, rate=LOOKUPS, first=1, seconds=600)
    try:
        subprocess.run(pinned(CLIENT_CPU, *import_command(vmaild, path)), check=True, stdout=subprocess.DEVNULL)
        with Socketmap(vmaild.address[5:]) as client:
            seen = client.ask("mailboxes", "new%07d@new%05d.example" % (n - 1, (n - 1) // 1000))[0] == "OK"
        return load.end(), {"edits": 1, "stale": int(not seen)}
    finally:
        load.close()


@part("writers", 50)
def writers(bench):
    data = bench.data(bench.form.edited)
    beside = {"nothing": beside_nothing, "%d single edits a second" % EDITS: beside_edits, "an import": beside_import}
    found = bench.series()
    for _ in bench.rounds:
        for name, run in beside.items():
            with memory() as tmp:
                store = copy_of(data.store(), os.path.join(tmp, "s"))
                vmaild = bench.vmaild(tmp, store).start()
                try:
                    got, edits = run(bench, vmaild, store, data.keys("zipf"), tmp)
                finally:
                    vmaild.close()
            for what in ("p50_us", "p99_us", "max_us", "temp"):
                found[name, what].add(got[what])
            for what in ("edits", "stale", "rate"):
                found[name, what].add(edits.get(what, 0))
    report_writers(bench, found, list(beside))


def report_writers(bench, found, names):
    table = Table("%d lookups a second over %d connections, while others write, %d addresses" % (
        LOOKUPS, CLIENTS, bench.form.edited), "writer", "median, us", "p99, us", "p99, times idle's", "longest, ms",
                  "told to try again", "edits asked for at once", "of them not seen")
    quiet = found["nothing", "p99_us"]
    for name in names:
        longest, edits, stale = (found[name, what].rounds for what in ("max_us", "edits", "stale"))
        times = found[name, "p99_us"].over(quiet)
        table.row(name, found[name, "p50_us"].spread(0), found[name, "p99_us"].spread(0), "%.2f" % times,
                  "%.1f" % (max(longest) / 1000), "%d" % sum(found[name, "temp"].rounds), sum(edits), sum(stale))
        if name != "nothing":
            bench.at_most("p99 beside %s, times idle's" % name, times, 3)
            bench.at_most("longest lookup beside %s, ms" % name, max(longest) / 1000, 100)
            bench.at_most("edits not in the next lookup, beside %s" % name, sum(stale), 0, minor=True)
    table.note = ("Lookups are sent at given moments whether or not answers come, so a stall counts in full. The "
                  "clients go first on their CPU, which they share with the writer. Edits done a second: %s. The "
                  "import: %d mailboxes, by vmailctl, in one transaction." % (
                      found[names[1], "rate"].spread(0), bench.form.imported))
    bench.table(table)


# --- an import ------------------------------------------------------------------------------------------

def empty_store(bench, tmp, name):
    """An initialised store, as `vmailctl init` makes it."""
    os.makedirs(os.path.join(tmp, name))
    path = os.path.join(ours(os.path.join(tmp, name)), "vmail.db")
    vmaild = bench.vmaild(tmp, path, name="site-" + name)
    vmaild.site.ctl("init")
    return path, vmaild


def rows_alone(path, n):
    """The same mailboxes and passwords into the same tables, by SQL in one transaction, and nothing else."""
    domains = [("new%05d.example" % d,) for d in range((n + 999) // 1000)]
    mailboxes = [("new%07d@new%05d.example" % (i, i // 1000), "new%05d.example" % (i // 1000)) for i in range(n)]
    credentials = [(address, HASH) for address, _ in mailboxes]
    sq = sqlite3.connect(path, isolation_level=None)
    began = time.monotonic()
    sq.execute("BEGIN")
    sq.executemany("INSERT INTO domain (name, kind, created) VALUES (?, 'mailbox', 1)", domains)
    sq.executemany("INSERT INTO mailbox (address, domain, created) VALUES (?, ?, 1)", mailboxes)
    sq.executemany("INSERT INTO credential (mailbox, label, hash, created) VALUES (?, '', ?, 1)", credentials)
    sq.execute("COMMIT")
    took = time.monotonic() - began
    sq.close()
    return took


@part("import", 18)
def importing(bench):
    n = bench.form.imported
    found = bench.series()
    with memory() as tmp:
        path = people(os.path.join(tmp, "people"), n)
        for number in bench.rounds:
            store, _ = empty_store(bench, tmp, "alone%d" % number)
            found["rows alone"].add(rows_alone(store, n))
            shutil.rmtree(os.path.dirname(store))
            store, vmaild = empty_store(bench, tmp, "import%d" % number)
            began = time.monotonic()
            subprocess.run(import_command(vmaild, path), check=True, stdout=subprocess.DEVNULL)
            found["vmailctl import"].add(time.monotonic() - began)
            found["MiB"].add(os.path.getsize(store) / 2 ** 20)
            shutil.rmtree(os.path.dirname(store))
    table = Table("Import of %d mailboxes with hashes, from a passwd-file" % n, "what", "s", "us each",
                  "times the rows alone")
    alone = found["rows alone"]
    for name in ("rows alone", "vmailctl import"):
        table.row(name, found[name].spread(2), "%.1f" % (found[name].median / n * 1e6),
                  "%.2f" % found[name].over(alone))
    table.note = ("Rows alone: the same mailboxes and credentials by plain SQL into the same tables, without the "
                  "change log and without looking at them. The store is in memory, and has %.0f MiB afterwards." % (
                      found["MiB"].median))
    bench.table(table)
    if n == 1_000_000:
        bench.at_most("import of 1 M mailboxes, s", found["vmailctl import"].median, 20)
    else:
        bench.at_most("import of %d mailboxes, s for each million" % n,
                      found["vmailctl import"].median / n * 1e6, 20)


# --- start and reload -----------------------------------------------------------------------------------------

@part("start", 2)
def start(bench):
    data = bench.data(bench.form.main)
    found = bench.series()
    with scratch() as tmp:
        for _ in bench.rounds:
            vmaild = bench.vmaild(tmp, data.store())
            began = time.monotonic()
            daemon = vmaild.site.start()
            try:
                found["ready"].add((time.monotonic() - began) * 1000)
                with Socketmap(vmaild.address[5:]) as client:
                    check(client.ask("aliases", address(0))[0] == "OK", "no answer")
                found["first answer"].add((time.monotonic() - began) * 1000)
            finally:
                daemon.stop()
    table = Table("From the start to the first answer, %d addresses" % bench.form.main, "what", "ms")
    table.row("says that it is ready", found["ready"].spread())
    table.row("has answered a lookup", found["first answer"].spread())
    bench.table(table)
    bench.at_most("start to first answer, ms", found["first answer"].median, 30)


@part("reload", 12)
def reload(bench):
    """Clients whose connection is closed come back and ask again, as Postfix does; their wait counts."""
    data = bench.data(bench.form.main)
    found = bench.series()
    with scratch() as tmp:
        vmaild = bench.vmaild(tmp, data.store()).start()
        try:
            for _ in bench.rounds:
                for name in ("nothing", "a reload"):
                    load = Load(bench, vmaild.address, data.keys("zipf"), connections=CLIENTS, rate=2000,
                                first=1, again=1, seconds=2 * bench.form.load)
                    try:
                        if name != "nothing":
                            time.sleep(bench.form.load)
                            began = time.monotonic()
                            vmaild.daemon.reload()
                            found["took"].add((time.monotonic() - began) * 1000)
                        got = load.end(early=False)
                    finally:
                        load.close()
                    vmaild.settle()
                    for what in ("p99_us", "max_us", "temp", "rejoined"):
                        found[name, what].add(got[what])
        finally:
            vmaild.close()
    table = Table("Reload of the configuration, 2000 lookups a second over %d connections beside it" % CLIENTS,
                  "beside", "p99, us", "longest, ms", "told to try again", "connections made again")
    for name in ("nothing", "a reload"):
        table.row(name, found[name, "p99_us"].spread(0), "%.1f" % (max(found[name, "max_us"].rounds) / 1000),
                  "%d" % sum(found[name, "temp"].rounds), "%d" % sum(found[name, "rejoined"].rounds))
    table.note = "From SIGHUP until the new workers answer: %s ms." % found["took"].spread()
    bench.table(table)
    bench.at_most("reload of the configuration, ms", found["took"].median, 50)
    bench.at_most("longest lookup during a reload, ms", max(found["a reload", "max_us"].rounds) / 1000, 10, minor=True)
