# SPDX-License-Identifier: ISC
#
# Does it stay as it is? Two daemons under a mixed load, for minutes or hours. One is left alone but for edits, so that
# its processes grow old; the other is reloaded, has its workers killed and is restarted all the time. Memory (PSS),
# descriptors and latency are measured as time passes: a table and plots, and exit status 1 when memory or descriptors
# are more in the last third than in the first, or one answer was wrong.
#
#   run.py --build DIR --minutes N --out DIR
#
# Root sees the memory of all processes; anybody else his own, which is all of them too.

import argparse
import collections
import contextlib
import json
import os
import random
import signal
import statistics
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(HERE, os.pardir, name) for name in ("lib", "bench", "integration")]

from harness import Auth, Client, Failed, Site, Socketmap, TcpTable, Userdb, children, listener, process_name, scratch
from policy_cases import DUNNO, Policy
from report import Table, plot

PEOPLE = 2000
PATIENCE_S = 30  # a client that is hung up on comes back so long, as Postfix does
AGAIN_S = 0.02   # between two attempts of his
PAUSE_S = 0.002  # between two questions of one client: a load, and not a bench
GROWTH = 1.10    # memory: the last third may be so much of the first,
SLACK_KIB = 2048  # or so much more,
FILES = 4        # and there may be so many more descriptors
BUCKETS = 24     # points of a plot


def address(n):
    return "user%d@example.com" % n


def password(n):
    return "pass word %d" % n


# --- clients: ask what they know the answer of ----------------------------------------------------------------------

class Wrong(Exception):
    """An answer that is not true."""


def expect(got, wanted, *what):
    """GOT is WANTED, or says to try again: then True."""
    if got == wanted:
        return False
    if got[0] in ("TEMP", "400"):
        return True
    raise Wrong("%r instead of %r for %r" % (got, wanted, what))


def lookup(client, r):
    n, tag = r.randrange(PEOPLE), r.choice(("", "+tag%d" % r.randrange(50)))
    if r.random() < 0.2:
        return expect(client.ask("mailboxes", "nobody%d@example.com" % n), ("NOTFOUND", ""))
    if r.random() < 0.3:
        return expect(client.ask("mailboxes", address(n)), ("OK", address(n)), n)
    return expect(client.ask("aliases", "alias%d%s@example.com" % (n, tag)), ("OK", "user%d%s@example.com" % (n, tag)))


def table(client, r):
    n = r.randrange(PEOPLE)
    return expect(client.get("alias%d@example.com" % n), ("200", address(n)))


def policy(client, r):
    n = r.randrange(PEOPLE)
    got = client.ask("foe@elsewhere.example", "alias%d@example.com" % n)
    if got != DUNNO and not got.startswith("DEFER_IF_PERMIT"):
        raise Wrong("policy: %r" % got)
    return got != DUNNO


def login(client, r):
    n, right = r.randrange(PEOPLE // 10), r.random() < 0.8
    reply = client.plain(address(n), password(n) if right else "wrong %d" % r.randrange(1000))
    if reply.named.get("code") == "temp_fail":
        return True
    if (reply.word == "OK") != right:
        raise Wrong("login of %d: %r" % (n, reply))
    return False


def place(client, r):
    reply = client.ask("USER", address(r.randrange(PEOPLE)))
    if reply.word == "FAIL":
        return True
    if reply.word != "USER":
        raise Wrong("userdb: %r" % reply)
    return False


def everybody(client, r):
    users, end = client.list()
    if end.word == "DONE" and len(users) < PEOPLE:
        raise Wrong("a list of %d users" % len(users))
    return end.word != "DONE"


class Watcher:
    """One who has a page of metrics now and then: a connection for each."""

    def __init__(self, path):
        self.path = path

    def close(self):
        pass


def page(client, r):
    with Client(client.path) as c:
        c.send("GET /%s HTTP/1.0\r\n\r\n" % r.choice(("metrics", "healthz")))
        while c.more():
            pass
        if not c.pending:
            raise EOFError("nothing said")
        code = c.pending.split(b" ")[1] if b" " in c.pending else b""
        if code not in (b"200", b"503"):  # it is unwell for a moment when somebody has killed a worker
            raise Wrong("metrics: %r" % c.pending[:200])
    return code == b"503"


KINDS = [
    # what it is called, how to connect, what to ask, how many such clients, seconds between two questions
    ("lookup", lambda s: Socketmap(s.maps), lookup, 3, PAUSE_S),
    ("tcp_table", lambda s: TcpTable(s.tcp), table, 1, PAUSE_S),
    ("policy", lambda s: Policy(s.policy), policy, 1, PAUSE_S),
    ("login", lambda s: Auth(s.auth), login, 2, 0.02),
    ("userdb", lambda s: Userdb(s.userdb), place, 1, PAUSE_S),
    ("metrics", lambda s: Watcher(s.metrics), page, 1, 0.2),
    ("list", lambda s: Userdb(s.userdb), everybody, 1, 2.0),
]


class Load:
    """All clients of one daemon."""

    def __init__(self, site):
        self.site, self.stop, self.wrong = site, threading.Event(), []
        self.took = {kind[0]: [] for kind in KINDS}  # seconds, since somebody looked last
        self.count = collections.Counter()
        self.threads = [threading.Thread(target=self.client, args=(i, *kind), daemon=True)
                        for kind in KINDS for i in range(kind[3])]
        for thread in self.threads:
            thread.start()

    def client(self, number, name, connect, ask, _, pause):
        r = random.Random("%s %d" % (name, number))
        client, patience = None, None
        while not self.stop.wait(AGAIN_S if patience else pause):
            begun = time.monotonic()
            try:
                if client is None:
                    client = connect(self.site)
                if r.random() < 0.01:  # who comes and goes
                    client.close()
                    client = connect(self.site)
                self.count["try again"] += bool(ask(client, r))
                self.took[name].append(time.monotonic() - (patience or begun))
                self.count[name] += 1
                patience = None
            except (OSError, EOFError, Failed):
                self.count["hung up"] += 1
                patience = patience or begun
                if client is not None:
                    client.close()
                client = None
                if time.monotonic() - patience > PATIENCE_S:
                    self.wrong.append("%s: nobody there for %d seconds" % (name, PATIENCE_S))
                    return
            except Wrong as why:
                self.wrong.append("%s: %s" % (name, why))
                return

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(PATIENCE_S)

    def latencies(self):
        """{kind: milliseconds}, of what was asked since the last call."""
        taken = {}
        for name in self.took:
            taken[name], self.took[name] = self.took[name], []
        return {name: sorted(1000 * t for t in took) for name, took in taken.items()}


# --- the daemons ----------------------------------------------------------------------------------------------------

def make_site(build, tmp):
    os.mkdir(tmp, 0o755)
    # the memory for answers is taken bit by bit until all of it is: so little that it soon is
    site = Site(build, tmp, log_level="error", answer_memory=256, hash_memory=1024, record_logins=1, failure_delay=0,
                throttle_network=0, throttle_user=0, throttle_user_network=0)
    site.policy = os.path.join(tmp, "policy.sock")
    site.metrics = os.path.join(tmp, "metrics.sock")
    site.listeners += [listener("unix:" + site.policy, "policy", 0o666),
                       listener("unix:" + site.metrics, "metrics", 0o666)]
    site.configure()
    site.ctl("init")
    lines = [{"vmaild": 1}, {"domain": "example.com"}]
    for n in range(PEOPLE):
        hashes = [{"hash": "{PLAIN-MD5}" + md5(password(n))}] if n < PEOPLE // 10 else []
        lines.append({"mailbox": address(n), "credentials": hashes})
        lines.append({"alias": "alias%d@example.com" % n, "targets": [address(n)]})
    site.ctl("import", "-", stdin="".join(json.dumps(line) + "\n" for line in lines))
    return site


def md5(text):
    import hashlib
    return hashlib.md5(text.encode()).hexdigest()


class Subject:
    """A daemon, its load, and what is done to it every so many seconds."""

    def __init__(self, name, site, deeds):
        self.name, self.site = name, site
        self.done = collections.Counter()
        self.deeds = [[every, every, deed] for every, deed in deeds]
        self.lock = threading.Lock()
        self.daemon = site.start()
        self.load = Load(site)
        self.stop = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self.disturb, daemon=True)
        self.thread.start()

    def disturb(self):
        start = time.monotonic()
        r = random.Random(self.name)
        try:
            while not self.stop.wait(0.05):
                for row in self.deeds:
                    if time.monotonic() - start >= row[1]:
                        row[1] = time.monotonic() - start + row[0]
                        row[2](self, r)
                        self.done[row[2].__name__] += 1
        except BaseException as why:
            self.failure = why

    def end(self):
        self.stop.set()
        self.thread.join(60)
        self.load.end()
        self.daemon.stop()
        if self.failure:
            raise self.failure


def edit(s, r):
    """What an admin does in a day, and undoes."""
    n = r.randrange(PEOPLE)
    new = "new%d@example.com" % n
    s.site.ctl("user", "add", "--no-password", new)
    s.site.ctl("alias", "add", "extra%d@example.com" % n, new, address(n))
    s.site.ctl("alias", "remove", "extra%d@example.com" % n)
    s.site.ctl("user", "remove", new)


def reload(s, r):
    with s.lock:
        s.daemon.reload()


def kill(s, r):
    with s.lock:
        workers = s.daemon.workers()
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(r.choice(workers), signal.SIGKILL)


def restart(s, r):
    with s.lock:
        s.daemon.stop()
        s.daemon = s.site.start()


SUBJECTS = [
    # the one that grows old, and the one that has no peace
    ("left alone", [(3, edit)]),
    ("shaken", [(5, edit), (4, reload), (3, kill), (25, restart)]),
]


# --- measuring ------------------------------------------------------------------------------------------------------

def pss(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def files(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def everybody(pid):
    """A process, and all that came from it."""
    return [pid, *(p for child in children(pid) for p in everybody(child))]


def processes(subject):
    """{role: (KiB, descriptors)} of the daemon just now; of several of one role the largest."""
    found = {}
    for pid in everybody(subject.daemon.pid):
        with contextlib.suppress(OSError, StopIteration):
            one = (pss(pid), files(pid))
            role = process_name(pid)
            was = found.get(role, (0, 0))
            found[role] = (max(one[0], was[0]), max(one[1], was[1]))
    return found


class Record:
    """Points over time, by what they are of."""

    def __init__(self):
        self.points = collections.defaultdict(list)

    def add(self, key, at, value):
        self.points[key].append((at, value))

    def third(self, key, which, whole):
        """The median in the first (0) or last (2) third; what comes before a tenth is warming up."""
        low, high = ((0.1, 0.4), None, (0.7, 1.01))[which]
        values = [v for at, v in self.points[key] if low * whole <= at < high * whole]
        return statistics.median(values) if values else None

    def smooth(self, key, whole):
        """Not more than BUCKETS points: (minute, median)."""
        buckets = collections.defaultdict(list)
        for at, v in self.points[key]:
            buckets[min(BUCKETS - 1, int(BUCKETS * at / whole))].append(v)
        return [(round((b + 0.5) * whole / BUCKETS / 60, 2), statistics.median(v)) for b, v in sorted(buckets.items())]


def sample(record, subject, at):
    for role, (kib, fds) in processes(subject).items():
        record.add((subject.name, role, "KiB"), at, kib)
        record.add((subject.name, role, "fds"), at, fds)
    for name, took in subject.load.latencies().items():
        if took:
            record.add((subject.name, name, "p50 ms"), at, took[len(took) // 2])
            record.add((subject.name, name, "p99 ms"), at, took[min(len(took) - 1, len(took) * 99 // 100)])


def is_grown(unit, first, last):
    if unit == "KiB":
        return last > max(first * GROWTH, first + SLACK_KIB)
    return unit == "fds" and last > first + FILES


def tables(record, whole):
    """The tables, and what has grown too much."""
    grown = []
    for title, units in (("Memory and descriptors", ("KiB", "fds")), ("Latency", ("p50 ms", "p99 ms"))):
        table = Table(title, "daemon", "of", "unit", "first third", "last third", "ratio")
        for key in sorted(k for k in record.points if k[2] in units):
            first, last = record.third(key, 0, whole), record.third(key, 2, whole)
            if first is None or last is None:
                continue
            bad = is_grown(key[2], first, last)
            table.row(*key, "%.4g" % first, "%.4g" % last, "%.2f%s" % (last / (first or 1), " GROWN" if bad else ""))
            if bad:
                grown.append("%s, %s: %g %s became %g" % (*key[:2], first, key[2], last))
        yield table, grown


def draw(record, whole, out):
    for name, unit, title in (("memory", "KiB", "Memory of each process"), ("descriptors", "fds", "Open descriptors"),
                              ("latency", "p99 ms", "The slowest of a hundred")):
        lines = {"%s: %s" % (k[0], k[1].replace("vmaild-", "")): record.smooth(k, whole)
                 for k in sorted(record.points) if k[2] == unit and k[1] != "list"}
        plot(os.path.join(out, name + ".svg"), title, "minutes", unit, lines, x_log=False)


def soak(build, tmp, seconds):
    """Run it; return (what was measured, the subjects)."""
    record, step = Record(), max(0.5, seconds / 600)
    subjects = [Subject(name, make_site(build, os.path.join(tmp, str(i))), deeds)
                for i, (name, deeds) in enumerate(SUBJECTS)]
    start, tick = time.monotonic(), threading.Event()
    while time.monotonic() - start < seconds:
        tick.wait(step)
        for subject in subjects:
            with subject.lock:  # not in the midst of a restart
                sample(record, subject, time.monotonic() - start)
        if any(s.failure or s.load.wrong for s in subjects):
            break
    for subject in subjects:
        subject.end()
    return record, subjects


def main():
    parser = argparse.ArgumentParser(description="a mixed load for a long time")
    parser.add_argument("--build", required=True, help="folder with the programs")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", required=True, help="folder for the plots and README.md")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    with scratch() as tmp:
        record, subjects = soak(options.build, tmp, options.minutes * 60)
        for subject in subjects:
            subject.site.ctl("check")
    pages, bad = [], []
    for subject in subjects:
        table = Table("What happened: " + subject.name, "what", "how often")
        for what, number in [*sorted(subject.load.count.items()), *sorted(subject.done.items())]:
            table.row(what, number)
        pages.append(table)
        bad += ["%s: %s" % (subject.name, w) for w in subject.load.wrong]
    for table, grown in tables(record, options.minutes * 60):
        pages.append(table)
        bad += [g for g in grown if g not in bad]
    draw(record, options.minutes * 60, options.out)
    with open(os.path.join(options.out, "README.md"), "w") as out:
        out.write("# %g minutes of soak\n\n" % options.minutes + "\n\n".join(t.markdown() for t in pages) + "\n")
    print("\n\n".join(t.text() for t in pages))
    print("\nplots: %s/*.svg" % options.out)
    for line in bad:
        print("NOT FLAT OR NOT RIGHT: " + line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
