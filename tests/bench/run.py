#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# usage: run.py --build DIR [--full] [--rounds N] [--only PART] [--data DIR] [--out DIR]
#
# vmaild beside everybody else on the same data, all of them in turn within each round, so that a noisy minute hits
# everybody. Figures are medians of the rounds with their range; what counts is ratios.

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, os.pardir, "lib"), os.path.join(HERE, os.pardir, "interop")]

from contestants import (CLIENT_CPU, SERVER_CPU, Echo, Fixed, Postgres, Python, Vmaild, pinned, private_kib,  # noqa: E402
                         wait_idle)
from data import ASKED, Data  # noqa: E402
from harness import Site, check, ordinary_user, scratch  # noqa: E402
from postfix import Postfix  # noqa: E402
from report import Goal, Series, Table, plot, write  # noqa: E402

PARTS = []


def part(name):
    def register(function):
        PARTS.append((name, function))
        return function
    return register


class Bench:
    """What the parts share: options, data, and what has been found."""

    def __init__(self, options, folder):
        self.options = options
        self.build = os.path.abspath(options.build)
        self.folder = folder
        self.tables, self.goals, self.plots = [], [], []
        self.sizes = (1000, 100_000, 1_000_000) + ((5_000_000,) if options.full else ())
        self.main_size = 1_000_000

    @property
    def rounds(self):
        return range(self.options.rounds)

    def data(self, n):
        def init(path):
            shutil.chown(os.path.dirname(path), ordinary_user())
            with scratch() as tmp:
                Site(self.build, tmp, store="sqlite:" + path).ctl("init")
        return Data(self.options.data, n, init)

    def table(self, table):
        print("\n" + table.text(), flush=True)
        self.tables.append(table)

    def goal(self, *arguments, **more):
        self.goals.append(Goal(*arguments, **more))

    def load(self, to, keys, seconds=None, cpu=CLIENT_CPU, **options):
        """One run of the load generator; its numbers."""
        command = pinned(cpu, os.path.join(self.build, "tests/bench/load"), "--to", to, "--keys", keys, "--seconds",
                         str(seconds or (3 if self.options.full else 1)))
        for name, value in options.items():
            command += ["--" + name, str(value)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def close_all(things):
    for thing in reversed(things):
        thing.close()


# --- one connection, through Postfix's own client ----------------------------------------------------

def postmap_seconds(config, table, keys):
    """One client that waits for one server is quickest, and steadiest, on the same CPU: so every server is met."""
    with open(keys) as asked:
        began = time.monotonic()
        done = subprocess.run(pinned(SERVER_CPU, "postmap", "-c", config, "-q", "-", table), stdin=asked,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        check(done.returncode in (0, 1) and "fatal" not in done.stderr, table, done.stderr)
        return time.monotonic() - began


@part("postmap")
def postmap(bench):
    """A recipient resolved completely, as Postfix would ask: a fixed table once for each form of its key."""
    n = bench.main_size
    data = bench.data(n)
    count = 50_000
    with scratch() as tmp:
        postfix = Postfix(os.path.join(tmp, "p"))
        flat = os.path.join(tmp, "flat.cf")
        with open(flat, "w") as out:
            out.write("dbpath = %s\nquery = SELECT target FROM alias WHERE address = '%%s'\n" % data.sqlite())
        postgres = Postgres(bench.folder, ordinary_user())
        postgres.fill(data.copy_text())
        pgsql = postgres.table()
        postfix.configure("proxy_read_maps = proxy:sqlite:%s, proxy:pgsql:%s\nvirtual_alias_domains =\n" % (flat, pgsql))
        postfix.start()
        echo = Echo(bench.build, tmp)
        vmaild = Vmaild(bench.build, tmp, data.store())
        python = Python(tmp, data.sqlite())
        running = [postgres, postfix_closer(postfix), echo, vmaild, python]
        try:
            fixed = [Fixed(kind, data.table(kind, postfix.config)) for kind in ("cdb", "lmdb", "hash")]
            fixed += [Fixed("sqlite", "sqlite:" + flat), Fixed("pgsql", "pgsql:" + pgsql),
                      Fixed("proxy:sqlite", "proxy:sqlite:" + flat), Fixed("proxy:pgsql", "proxy:pgsql:" + pgsql)]
            found = {}
            empty = os.devnull
            whole, keys = data.keys("uniform", count), data.fixed("uniform", count)
            for _ in bench.rounds:
                for one in [echo, vmaild, python] + fixed:
                    wait_idle()
                    start = postmap_seconds(postfix.config, one.table, empty)
                    took = postmap_seconds(postfix.config, one.table, keys if one in fixed else whole)
                    found.setdefault(one.name, Series()).add((took - start) / count * 1e6)
        finally:
            close_all(running)
    limit = found["echo"].median
    ours = found["vmaild"].median
    table = Table("One connection, through postmap -q -, %d addresses" % n, "table", "us a recipient", "share of echo")
    for name, series in sorted(found.items(), key=lambda item: item[1].median):
        table.row(name, series.spread(), "%.2f" % (limit / series.median))
    bench.table(table)
    bench.goal("one connection, share of echo", limit / ours, 0.92)
    for name, wanted in (("proxy:sqlite", 4.5), ("pgsql", 3.5), ("proxy:pgsql", 9), ("python", 2.8), ("sqlite", 0.9)):
        bench.goal("one connection, times %s" % name, found[name].median / ours, wanted)


class postfix_closer:
    def __init__(self, postfix):
        self.close = postfix.stop


# --- many connections ---------------------------------------------------------------------------------

@part("connections")
def connections(bench):
    n = bench.main_size
    data = bench.data(n)
    counts = (1, 10, 100, 1000)
    found = {}
    with scratch() as tmp:
        echo, vmaild = Echo(bench.build, tmp), Vmaild(bench.build, tmp, data.store())
        try:
            for _ in bench.rounds:
                for law in ("uniform", "zipf"):
                    for count in counts:
                        for one in (echo, vmaild):
                            wait_idle()
                            got = bench.load(one.address, data.keys(law), connections=count,
                                             cpu=SERVER_CPU if count == 1 else CLIENT_CPU)
                            for what in ("rate", "p50_us", "p99_us"):
                                found.setdefault((law, count, one.name, what), Series()).add(got[what])
            memory = private_kib(vmaild.pids[0])
        finally:
            close_all([echo, vmaild])
    table = Table("Lookups a second, one lookup worker, %d addresses" % n, "clients, law", "echo", "vmaild", "share",
                  "p99 echo, us", "p99 vmaild, us", "times")
    for law in ("uniform", "zipf"):
        for count in counts:
            def of(name, what):
                return found[law, count, name, what]
            share = of("vmaild", "rate").median / of("echo", "rate").median
            tail = of("vmaild", "p99_us").median / of("echo", "p99_us").median
            table.row("%d, %s" % (count, law), of("echo", "rate").spread(0), of("vmaild", "rate").spread(0),
                      "%.2f" % share, "%.0f" % of("echo", "p99_us").median, "%.0f" % of("vmaild", "p99_us").median,
                      "%.2f" % tail)
            if count >= 100:
                bench.goal("%d connections, %s, share of echo" % (count, law), share, 0.9 if law == "zipf" else 0.65)
                bench.goal("%d connections, %s, p99 over echo's" % (count, law), tail, 1.5, at_most=True)
    table.note = "Private memory of the lookup worker after it: %.1f MiB." % (memory / 1024)
    bench.goal("private memory of a lookup worker, MiB", memory / 1024, 32, at_most=True)
    bench.table(table)
    bench.plots.append(("connections.svg", "Lookups a second by connections, Zipf", "connections", "lookups a second", {
        name: [(c, found["zipf", c, name, "rate"].median) for c in counts] for name in ("echo", "vmaild")}))
    bench.plots.append(("latency.svg", "99th percentile by connections, Zipf", "connections", "us", {
        name: [(c, found["zipf", c, name, "p99_us"].median) for c in counts] for name in ("echo", "vmaild")}))


@part("idle")
def idle(bench):
    """Ten thousand clients that are there, a hundred that ask."""
    data = bench.data(bench.main_size)
    found = {}
    with scratch() as tmp:
        vmaild = Vmaild(bench.build, tmp, data.store())
        try:
            before = private_kib(vmaild.pids[0])
            for _ in bench.rounds:
                for many in (0, 9900):
                    got = bench.load(vmaild.address, data.keys("zipf"), connections=100, idle=many)
                    found.setdefault(many, Series()).add(got["rate"])
            held = hold(vmaild.address, 9900, vmaild.pids[0])
        finally:
            vmaild.close()
    table = Table("10000 connections open, 100 of them ask", "open", "lookups a second")
    table.row("100", found[0].spread(0))
    table.row("10000", found[9900].spread(0))
    each = (held - before) / 9900
    table.note = "Memory of an idle connection: %.2f KiB of the worker's." % each
    bench.goal("10000 connections open, share of 100 alone", found[9900].median / found[0].median, 0.9)
    bench.goal("memory of an idle connection, KiB", each, 2, at_most=True)
    bench.table(table)


def hold(address, count, pid):
    """Private memory of the worker while COUNT clients are connected and silent."""
    import socket
    clients = []
    for _ in range(count):
        clients.append(socket.socket(socket.AF_UNIX))
        clients[-1].connect(address[5:])
    try:
        clients[-1].sendall(b"9:aliases a,")
        clients[-1].recv(100)
        return private_kib(pid)
    finally:
        for one in clients:
            one.close()


# --- the size of the store ---------------------------------------------------------------------------------

@part("size")
def size(bench):
    found, memory = {}, {}
    with scratch() as tmp:
        all_data = {n: bench.data(n) for n in bench.sizes}
        echo = Echo(bench.build, tmp)
        running = {n: Vmaild(bench.build, tmp, d.store(), name="v%d" % n) for n, d in all_data.items()}
        try:
            for _ in bench.rounds:
                for n, one in running.items():
                    for law in ("uniform", "zipf"):
                        wait_idle()
                        got = bench.load(one.address, all_data[n].keys(law), connections=100)
                        limit = bench.load(echo.address, all_data[n].keys(law), connections=100)
                        found.setdefault((n, law), Series()).add(got["rate"])
                        found.setdefault((n, law, "echo"), Series()).add(limit["rate"])
                    memory[n] = private_kib(one.pids[0]) / 1024
        finally:
            close_all([echo, *running.values()])
    table = Table("Lookups a second by the size of the store, 100 connections", "addresses", "uniform", "share of echo",
                  "zipf", "share of echo", "worker, MiB")
    for n in bench.sizes:
        table.row(n, found[n, "uniform"].spread(0),
                  "%.2f" % (found[n, "uniform"].median / found[n, "uniform", "echo"].median),
                  found[n, "zipf"].spread(0), "%.2f" % (found[n, "zipf"].median / found[n, "zipf", "echo"].median),
                  "%.1f" % memory[n])
    bench.table(table)
    small, large = bench.sizes[0], bench.sizes[-1]
    bench.goal("from %d to %d addresses, uniform" % (small, large),
               found[large, "uniform"].median / found[small, "uniform"].median, 0.85)
    bench.plots.append(("size.svg", "Lookups a second by addresses in the store", "addresses", "lookups a second", {
        law: [(n, found[n, law].median) for n in bench.sizes] for law in ("uniform", "zipf")}))


# --- a million edits beside it --------------------------------------------------------------------------------

class Writer:
    """Writes into a copy of the store while lookups go on, until it is stopped."""

    def __init__(self, script, path):
        self.process = subprocess.Popen(pinned(CLIENT_CPU, sys.executable, "-c", script, path))

    def close(self):
        self.process.terminate()
        self.process.wait()


EDITS = """
import sqlite3, sys, time
sq = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
sq.execute("PRAGMA synchronous = FULL")
start, done = time.monotonic(), 0
while True:
    sq.execute("UPDATE alias_target SET target = target WHERE address = ?", ("user%07d@d%05d.example" % (done, done // 1000),))
    done += 1
    ahead = start + done / 1000 - time.monotonic()
    if ahead > 0:
        time.sleep(ahead)
"""
IMPORT = """
import sqlite3, sys
sq = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
turn = 0
while True:
    turn += 1
    sq.execute("BEGIN IMMEDIATE")
    sq.execute("INSERT INTO domain (name, kind, created) VALUES (?, 'alias', 1)", ("new%d.example" % turn,))
    sq.executemany("INSERT INTO alias (address, domain, created) VALUES (?, ?, 1)",
                   (("u%d@new%d.example" % (i, turn), "new%d.example" % turn) for i in range(1000000)))
    sq.execute("COMMIT")
"""


@part("writers")
def writers(bench):
    data = bench.data(100_000)
    found = {}
    for _ in bench.rounds:
        for name, script in (("nothing", None), ("1000 single edits a second", EDITS), ("an import", IMPORT)):
            with scratch() as tmp:
                path = os.path.join(tmp, "vmail.db")
                shutil.copyfile(data.store(), path)
                shutil.chown(path, ordinary_user())
                shutil.chown(tmp, ordinary_user())
                vmaild = Vmaild(bench.build, tmp, path)
                running = [vmaild] + ([Writer(script, path)] if script else [])
                try:
                    got = bench.load(vmaild.address, data.keys("zipf"), seconds=3, connections=20, rate=5000)
                finally:
                    close_all(running)
                for what in ("p50_us", "p99_us", "max_us"):
                    found.setdefault((name, what), Series()).add(got[what])
                found.setdefault((name, "temp"), Series()).add(got["temp"])
    table = Table("5000 lookups a second over 20 connections, while others write", "writer", "median, us", "p99, us",
                  "longest, ms", "told to try again")
    quiet = found["nothing", "p99_us"].median
    for name in ("nothing", "1000 single edits a second", "an import"):
        table.row(name, found[name, "p50_us"].spread(0), found[name, "p99_us"].spread(0),
                  "%.1f" % (max(found[name, "max_us"].rounds) / 1000), "%d" % sum(found[name, "temp"].rounds))
        if name != "nothing":
            bench.goal("p99 beside %s, times idle's" % name, found[name, "p99_us"].median / quiet, 3, at_most=True)
            bench.goal("longest lookup beside %s, ms" % name, max(found[name, "max_us"].rounds) / 1000, 100, at_most=True)
    bench.table(table)


# --- two workers, start, system calls ----------------------------------------------------------------------------

def both(bench, address, keys):
    """Two load generators at once: together, how many a second."""
    command = [os.path.join(bench.build, "tests/bench/load"), "--to", address, "--keys", keys, "--connections", "50",
               "--seconds", "2"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return [json.loads(one.communicate()[0]) for one in running]


@part("workers")
def workers(bench):
    """Server and load share the two CPUs: what a lookup costs the server decides, not what the clients leave it."""
    data = bench.data(bench.main_size)
    found = {1: Series(), 2: Series()}
    with scratch() as tmp:
        for _ in bench.rounds:
            for n in found:
                vmaild = Vmaild(bench.build, tmp, data.store(), name="w%d" % n, workers=n,
                                cpus="0" if n == 1 else "0,1")
                try:
                    before = cpu_seconds(vmaild.pids)
                    got = both(bench, vmaild.address, data.keys("zipf"))
                    spent = cpu_seconds(vmaild.pids) - before
                finally:
                    vmaild.close()
                total = sum(one["rate"] for one in got)
                found[n].add(total if n == 1 else total * 2 * 2 / max(spent, 0.01))
    table = Table("Two lookup workers", "workers", "lookups a second")
    for n, series in found.items():
        table.row(n, series.spread(0))
    table.note = "With two workers the clients have no CPU of their own: the figure is per second of two CPUs spent in the workers."
    bench.goal("two workers, times one", found[2].median / found[1].median, 1.7)
    bench.table(table)


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        with open("/proc/%s/stat" % pid) as file:
            fields = file.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


@part("start")
def start(bench):
    data = bench.data(bench.main_size)
    first = Series()
    with scratch() as tmp:
        for _ in bench.rounds:
            vmaild = Vmaild(bench.build, tmp, data.store())
            first.add(vmaild.started * 1000)
            vmaild.close()
    table = Table("From start to ready, %d addresses" % bench.main_size, "what", "ms")
    table.row("ready to answer", first.spread())
    bench.goal("start to first answer, ms", first.median, 30, at_most=True)
    bench.table(table)


@part("calls")
def calls(bench):
    """System calls of the worker for each lookup, on the busy path."""
    if shutil.which("strace") is None:
        print("\nstrace is not here: system calls are not counted")
        return
    data = bench.data(bench.main_size)
    with scratch() as tmp:
        vmaild = Vmaild(bench.build, tmp, data.store())
        counts = os.path.join(tmp, "calls")
        try:
            trace = subprocess.Popen(["strace", "-f", "-c", "-o", counts, "-p", str(vmaild.pids[0])],
                                     stderr=subprocess.PIPE, text=True)
            trace.stderr.readline()
            got = bench.load(vmaild.address, data.keys("uniform"), connections=1, warm=0)
            trace.terminate()
            trace.wait()
        finally:
            vmaild.close()
        with open(counts) as file:
            rows = [line.split() for line in file if line.strip() and line.split()[0].replace(".", "").isdigit()]
    table = Table("System calls for a lookup, one connection", "call", "each lookup")
    total = 0
    for row in rows:
        if row[-1] != "total" and int(row[3]) >= got["lookups"] / 100:
            table.row(row[-1], "%.2f" % (int(row[3]) / got["lookups"]))
            total += int(row[3]) / got["lookups"]
    table.row("all", "%.2f" % total)
    bench.goal("system calls for a lookup", total, 3.1, at_most=True)
    bench.table(table)


# --- the whole ------------------------------------------------------------------------------------------------------

def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown CPU")
    return "%s, %d CPUs, Linux %s. The server runs on CPU 0, its clients on CPU 1. Load of the machine at the start: %.2f." % (
        model, os.cpu_count(), platform.release(), os.getloadavg()[0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--full", action="store_true", help="longer rounds, and 5 million addresses")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="the parts with that in their name")
    parser.add_argument("--data", default=os.path.join(tempfile.gettempdir(), "vmaild-bench"))
    parser.add_argument("--out", help="where to write the report")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: this needs root, for Postfix and for the users that servers run as")
    where = machine()
    print(where)
    with scratch() as folder:
        bench = Bench(options, folder)
        for name, function in PARTS:
            if options.only in name:
                function(bench)
    if options.out:
        print("\n" + write(options.out, "vmaild, measured", where, bench.tables, bench.goals).text())
        for name, *rest in bench.plots:
            plot(os.path.join(options.out, name), *rest)
    elif bench.goals:
        print()
        for goal in bench.goals:
            print("%-50s %8s   %s   %s" % goal.row())


if __name__ == "__main__":
    main()
