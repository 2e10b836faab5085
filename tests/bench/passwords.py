# SPDX-License-Identifier: ISC
#
# Logins: what the helper costs, what the auth worker makes of the CPUs, how many logins a second there are that need
# no slow hash, and lookups beside a storm.

import contextlib
import json
import os
import re
import selectors
import socket
import subprocess
import time

from contestants import ALL_CPUS, CLIENT_CPU, CPUS, pinned, private_kib
from harness import Auth, Site, b64, check, check_eq, listener, scratch, wait_until
from parts import Load, close_all, part
from report import Table

USER, PASSWORD = "user%d@example.com", "alohomora"
USERS = 20
DEFAULT = {"hash_memory": 65536, "hash_passes": 3}  # what a fresh installation has
QUICK = {"hash_memory": 19456, "hash_passes": 2}    # the least that is recommended anywhere: more of them in a second


@contextlib.contextmanager
def daemon(bench, users=USERS, **settings):
    """A daemon with users that can log in, on all CPUs, stopped at the end."""
    if bench.form_name == "smoke":
        settings.update(hash_memory=8, hash_passes=1)
    with scratch() as tmp:
        site = bench.vmaild(tmp, os.path.join(tmp, "vmaild", "store", "vmail.db"), cpus=ALL_CPUS,
                            **dict({"failure_delay": 0}, **settings))
        site.site.init("example.com", users={USER % i: PASSWORD for i in range(users)})
        site.start()
        try:
            yield site
        finally:
            site.close()


def request(number, user, password, ip):
    return "AUTH\t%d\tPLAIN\tservice=imap\trip=%s\tresp=%s\n" % (number, ip, b64("\0%s\0%s" % (user, password)))


def rate(path, user, password, seconds, connections=4, window=32):
    """Good logins a second, WINDOW of them under way on each connection."""
    clients = [Auth(path) for _ in range(connections)]
    text = request(1, user, password, "10.0.0.1")
    first, last, done = None, None, 0
    try:
        with selectors.DefaultSelector() as selector:
            for client in clients:
                client.send(text * window)
                selector.register(client.socket, selectors.EVENT_READ, client)
            ends = time.monotonic() + seconds
            while last is None or first == last or last < ends:
                for key, _ in selector.select():
                    client = key.data
                    client.more()
                    n = client.pending.count(b"\n")
                    check_eq(client.pending.count(b"OK\t"), n, client.pending[-200:])
                    client.pending = client.pending.rpartition(b"\n")[2]
                    last = time.monotonic()
                    if first is None:
                        first = last
                    else:
                        done += n
                    client.send(text * n)
        return done / (last - first)
    finally:
        close_all(clients)


# --- the helper ---------------------------------------------------------------------------------------

def spawn(bench, given, *command):
    """Run it again and again, where clients run: the numbers."""
    spawner = os.path.join(bench.build, "tests/bench/spawn")
    done = subprocess.run(pinned(CLIENT_CPU, spawner, str(bench.form.spawns), given, *command), check=True,
                          stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, ORIG_UID="0", SERVICE="imap", TCPREMOTEIP="10.0.0.1"))
    got = json.loads(done.stdout)
    check_eq(got["failed"], 0, command)
    return got


def waiting_kib(helper, tmp, given):
    """(all memory, that of its own alone) of the helper while it waits for an answer."""
    path = os.path.join(tmp, "silent.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen()
        site = Site(os.path.dirname(helper), tmp, listeners=[listener("unix:" + path, "auth", 0o666)])
        with open(given, "rb") as input:
            process = subprocess.Popen(["sh", "-c", 'exec "$0" -c "$1" /bin/true 3<&0 </dev/null', helper, site.conf],
                                       stdin=input, env=dict(os.environ, ORIG_UID="0"))
        try:
            peer = silent.accept()[0]
            peer.sendall(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t2\nCOOKIE\t00\nDONE\n")
            seen = b""
            while b"AUTH\t" not in seen:
                seen += peer.recv(4096)
            with open("/proc/%d/smaps_rollup" % process.pid) as file:
                rss = int(re.search(r"Rss:\s+(\d+)", file.read())[1])
            return rss, private_kib(process.pid)
        finally:
            process.kill()
            process.wait()


@part("helper", 5)
def helper(bench):
    """The login is one that the daemon remembers: no hash is in it. /bin/true is what the helper runs in the end."""
    program = os.path.join(bench.build, "vmail-checkpassword")
    found = bench.series()
    with daemon(bench, users=1, remember_logins=3600, **QUICK) as site, scratch() as tmp:
        given = os.path.join(tmp, "given")
        with open(given, "wb") as file:
            file.write(b"%s\0%s\0\0" % ((USER % 0).encode(), PASSWORD.encode()))
        command = [program, "-c", site.site.conf, "/bin/true"]
        spawn(bench, given, *command)
        for _ in bench.rounds:
            for name, what in (("true", ["/bin/true"]), ("helper", command)):
                got = spawn(bench, given, *what)
                for number in ("median_us", "mean_us", "peak_kib"):
                    found[name, number].add(got[number])
        rss, private = waiting_kib(program, tmp, given)
    more = [(h - t) / 1000 for h, t in zip(found["helper", "median_us"].rounds, found["true", "median_us"].rounds)]
    found["more, ms"].rounds += more
    table = Table("What vmail-checkpassword costs, a login without a hash", "program",
                  "us from start to end, median", "mean", "peak memory, KiB")
    for name, words in (("true", "/bin/true"), ("helper", "vmail-checkpassword /bin/true")):
        table.row(words, found[name, "median_us"].spread(0), "%.0f" % found[name, "mean_us"].median,
                  "%d" % found[name, "peak_kib"].median)
    table.note = ("While it waits for the answer the helper has %d KiB in memory, the pages of the C library that "
                  "everybody shares included; %d KiB are its own." % (rss, private))
    bench.table(table)
    bench.at_most("vmail-checkpassword, ms more than /bin/true", found["more, ms"].median, 0.8)
    bench.at_most("peak memory of vmail-checkpassword, MiB", found["helper", "peak_kib"].median / 1024, 2, minor=True)


# --- the auth worker ------------------------------------------------------------------------------------

@part("hashing", 22)
def hashing(bench):
    """Logins with a right password, each hashed, beside the hash function alone on as many threads."""
    found = bench.series()
    seconds = bench.form.storm
    with daemon(bench, remember_logins=0, **QUICK) as site:
        for _ in bench.rounds:
            bare = subprocess.run([os.path.join(bench.build, "tests/bench/hashes"), str(len(CPUS)), str(seconds),
                                   str(site.site.settings["hash_memory"]), str(site.site.settings["hash_passes"])],
                                  check=True, stdout=subprocess.PIPE, text=True)
            found["bare"].add(float(bare.stdout))
            found["worker"].add(rate(site.auth, USER % 0, PASSWORD, seconds, connections=2, window=2 * len(CPUS)))
    share = found["worker"].over(found["bare"])
    table = Table("Argon2id, %d MiB, %d passes, on %d CPUs" % (QUICK["hash_memory"] // 1024, QUICK["hash_passes"],
                                                              len(CPUS)), "what", "a second", "share")
    table.row("the bare hash function", found["bare"].spread(), "1.00")
    table.row("logins at the auth worker", found["worker"].spread(), "%.2f" % share)
    bench.table(table)
    bench.at_least("auth worker, share of the bare hash function", share, 0.95)


@part("quick logins", 12)
def quick(bench):
    found = bench.series()
    with daemon(bench, users=2, remember_logins=3600, **QUICK) as site:
        out = site.site.ctl("user", "app-password", "add", USER % 1, "--label", "phone")
        phone = re.search(r"\b[a-z]{4}(?:-[a-z]{4}){5}\b", out)[0]
        with Auth(site.auth) as client:
            check_eq(client.plain(USER % 0, PASSWORD, parameters=("rip=10.0.0.1",)).word, "OK")
        for _ in bench.rounds:
            found["remembered logins"].add(rate(site.auth, USER % 0, PASSWORD, 2 * bench.form.load))
            found["app passwords"].add(rate(site.auth, USER % 1, phone, 2 * bench.form.load))
    table = Table("Logins that need no slow hash", "what", "a second")
    for name, series in found.items():
        table.row(name, series.spread(0))
        bench.at_least("%s a second" % name, series.median, 10_000)
    table.note = "32 under way on each of 4 connections."
    bench.table(table)


# --- a storm -----------------------------------------------------------------------------------------------

class Storm:
    """So many clients with one login under way each, again and again, from a network each; the words that came back."""

    def __init__(self, path, count):
        self.words = []
        self.clients = {}
        for i in range(count):
            client = Auth(path)
            self.clients[client] = request(1, USER % (i % USERS), PASSWORD, "10.%d.%d.1" % (i // 256, i % 256))
        for client, text in self.clients.items():
            client.send(text)

    def run(self, seconds):
        ends = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for client in self.clients:
                selector.register(client.socket, selectors.EVENT_READ, client)
            while (left := ends - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    reply = key.data.answer()
                    self.words.append(reply.named.get("code", reply.word))
                    key.data.send(self.clients[key.data])

    def close(self):
        close_all(list(self.clients))


@part("storm", 28)
def storm(bench):
    """With the hash of a fresh installation. Two hashes, the lookup worker and the clients share the CPUs."""
    found, words = bench.series(), []
    data = bench.data(bench.form.sizes[0])
    with scratch() as tmp:
        keys = data.keys("zipf")
        with daemon(bench, remember_logins=0, **DEFAULT) as site:
            for _ in bench.rounds:
                for name in ("nothing", "logins"):
                    beside = Storm(site.auth, bench.form.logins) if name == "logins" else None
                    load = None
                    try:
                        if beside:
                            beside.run(bench.form.storm / 10)
                        load = Load(bench, site.address, keys, connections=10, rate=2000, first=1,
                                    seconds=bench.form.storm)
                        if beside:
                            beside.run(bench.form.storm)
                            words += beside.words
                            found["logins"].add(len(beside.words) / bench.form.storm)
                        got = load.end(early=False)
                    finally:
                        close_all([one for one in (load, beside) if one])
                    for what in ("p50_us", "p99_us", "max_us", "temp"):
                        found[name, what].add(got[what])
                # what the storm left in the queue is not to be in the next round
                wait_until(lambda: asleep(site.daemon.workers("auth")), "the auth worker to be done", 30)
    times = found["logins", "p99_us"].over(found["nothing", "p99_us"])
    table = Table("2000 lookups a second, while %d logins are under way" % bench.form.logins, "beside",
                  "median, us", "p99, us", "longest, ms", "told to try again")
    for name in ("nothing", "logins"):
        table.row(name, found[name, "p50_us"].spread(0), found[name, "p99_us"].spread(0),
                  "%.1f" % (max(found[name, "max_us"].rounds) / 1000), "%d" % sum(found[name, "temp"].rounds))
    table.note = "Argon2id, %d MiB, %d passes. Answers to logins: %s; %s a second." % (
        DEFAULT["hash_memory"] // 1024, DEFAULT["hash_passes"],
        ", ".join("%s %d" % (word, words.count(word)) for word in sorted(set(words))) or "none",
        found["logins"].spread())
    bench.table(table)
    bench.at_most("%d logins at once, p99 of lookups, times idle's" % bench.form.logins, times, 2)


def asleep(pids):
    """Whether no thread of them wants a CPU."""
    for pid in pids:
        for thread in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/stat" % (pid, thread)) as file:
                if file.read().rpartition(")")[2].split()[0] == "R":
                    return False
    return True
