# SPDX-License-Identifier: ISC
#
# Lookups: through Postfix's own client and through ours, by connections, by the size of the store, with many
# clients that are silent, and with two workers.

import os
import resource
import socket
import subprocess
import time

from contestants import (ALL_CPUS, CLIENT_CPU, CPUS, SERVER_CPU, Echo, Fixed, Python, cpu_seconds, pinned, private_kib,
                         wait_idle)
from harness import check, free_port, scratch
from parts import Load, close_all, part
from postfix import Postfix
from report import Plot, Table


def postfix_tables():
    """What kinds of tables the Postfix here can read."""
    with scratch() as tmp:
        postfix = Postfix(os.path.join(tmp, "p"))
        postfix.configure("")
        return postfix.run("postconf", "-m").stdout.split()


# --- one connection, through Postfix's own client ----------------------------------------------------

def postmap_seconds(config, table, keys):
    """One client that waits for one server is quickest, and steadiest, on the same CPU: so every server is met."""
    with open(keys) as asked:
        began = time.monotonic()
        done = subprocess.run(pinned(SERVER_CPU, "postmap", "-c", config, "-q", "-", table), stdin=asked,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        check(done.returncode in (0, 1) and "fatal" not in done.stderr, table, done.stderr)
        return time.monotonic() - began


def flat_table(path, database):
    """What Postfix reads to find the table in SQLite."""
    with open(path, "w") as out:
        out.write("dbpath = %s\nquery = SELECT target FROM alias WHERE address = '%%s'\n" % database)
    return path


class Stopped:
    """A Postfix among the things to be closed."""

    def __init__(self, postfix):
        self.close = postfix.stop


@part("postmap", 45)
def postmap(bench):
    """A recipient resolved completely, as Postfix would ask: a fixed table once for each form of its key."""
    n, count = bench.form.main, bench.form.asked
    data = bench.data(n)
    kinds = postfix_tables()
    running = []
    with scratch() as tmp:
        postfix = Postfix(os.path.join(tmp, "p"))
        flat = flat_table(os.path.join(tmp, "flat.cf"), data.sqlite())
        try:
            postgres = bench.postgres(data) if "pgsql" in kinds else None
            running += [postgres] if postgres else []
            tables = {"sqlite": "sqlite:" + flat, "proxy:sqlite": "proxy:sqlite:" + flat}
            if postgres:
                pgsql = postgres.table()
                tables.update({"pgsql": "pgsql:" + pgsql, "proxy:pgsql": "proxy:pgsql:" + pgsql})
            postfix.configure("proxy_read_maps = %s\nvirtual_alias_domains =\n" % ", ".join(
                table for name, table in tables.items() if name.startswith("proxy")))
            postfix.start()
            running += [Stopped(postfix), echo := Echo(bench.build, tmp),
                        vmaild := bench.vmaild(tmp, data.store()).start(), python := Python(tmp, data.sqlite())]
            fixed = [Fixed(kind, data.table(kind)) for kind in ("cdb", "lmdb", "hash") if kind in kinds]
            fixed += [Fixed(name, table) for name, table in tables.items() if name.rpartition(":")[2] in kinds]
            for name in ("cdb", "lmdb", "hash", "sqlite", "pgsql"):
                if name not in kinds:
                    bench.note("Postfix here has no %s: left out" % name)
            found = bench.series()
            for number in bench.rounds:
                whole, keys = data.keys("uniform", count, number), data.fixed("uniform", count, number)
                for one in [echo, vmaild, python] + fixed:
                    wait_idle()
                    start = postmap_seconds(postfix.config, one.table, os.devnull)
                    took = postmap_seconds(postfix.config, one.table, keys if one in fixed else whole)
                    found[one.name].add((took - start) / count * 1e6)
        finally:
            close_all(running)
    limit, ours = found["echo"], found["vmaild"]
    table = Table("One connection, through postmap -q -, %d addresses" % n, "table", "us a recipient",
                  "vmaild is x times as fast", "share of echo")
    for name, series in sorted(found.items(), key=lambda item: item[1].median):
        table.row(name, series.spread(), "%.2f" % series.over(ours), "%.2f" % limit.over(series))
    bench.table(table)
    bench.at_least("one connection, share of echo", limit.over(ours), 0.92)
    for name, wanted in (("proxy:sqlite", 4.5), ("pgsql", 3.5), ("proxy:pgsql", 9), ("python", 2.8), ("sqlite", 0.9)):
        if name in found:
            bench.at_least("one connection, times as fast as %s" % name, found[name].over(ours), wanted)


PYTHON_MOST = 1000  # connections: with more it answers nobody in the time that there is


# --- many connections ---------------------------------------------------------------------------------

def rows_of(bench):
    """(law, connections, way) of every run: unix sockets with one lookup under way on each, TCP, and pipelined."""
    counts = [c for c in (1, 10, 100, 1000, 10_000) if c <= bench.form.crowd]
    return ([("uniform", c, "unix") for c in counts if c in (100, 1000)] + [("zipf", c, "unix") for c in counts] +
            [("strangers", 100, "unix"), ("zipf", 100, "tcp"), ("zipf", 10, "pipelined")])


@part("connections", 88)
def connections(bench):
    data = bench.data(bench.form.main)
    found = bench.series()
    rows = rows_of(bench)
    running = []
    with scratch() as tmp:
        ports = ["inet:127.0.0.1:%d" % free_port() for _ in range(2)]
        try:
            running.append(echo := Echo(bench.build, tmp))
            running.append(echo_tcp := Echo(bench.build, tmp, "echo-tcp", ports[0]))
            running.append(vmaild := bench.vmaild(tmp, data.store(), tcp=ports[1]).start())
            running.append(python := Python(tmp, data.sqlite()))
            bench.warm_up(vmaild, data)
            for _ in bench.rounds:
                for row in rows:
                    law, count, way = row
                    who = [("echo", echo_tcp if way == "tcp" else echo), ("vmaild", vmaild)]
                    if way == "unix" and law == "zipf" and count <= PYTHON_MOST:
                        who.append(("python", python))
                    for name, one in who:
                        wait_idle()
                        address = vmaild.tcp if way == "tcp" and one is vmaild else one.address
                        got = bench.load(address, data.keys(law), of=one, connections=count,
                                         depth=16 if way == "pipelined" else 1,
                                         cpu=SERVER_CPU if count == 1 else CLIENT_CPU)
                        check(got["other"] == 0 and got["temp"] == 0, name, got)
                        for what in ("rate", "cpu_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us"):
                            found[(*row, name, what)].add(got[what])
            memory = private_kib(vmaild.pids[0]) / 1024
        finally:
            close_all(running)
    table = Table("Lookups a second, one lookup worker, %d addresses" % bench.form.main, "clients, keys, way",
                  "echo", "vmaild", "share of echo", "CPU echo, us", "CPU vmaild", "p50 echo, us", "p50 vmaild",
                  "p99 echo, us", "p99 vmaild", "p99, times echo's")
    for row in rows:
        def of(name, what):
            return found[(*row, name, what)]
        share, tail = of("vmaild", "rate").over(of("echo", "rate")), of("vmaild", "p99_us").over(of("echo", "p99_us"))
        table.row("%d, %s, %s" % (row[1], row[0], row[2]), of("echo", "rate").spread(0), of("vmaild", "rate").spread(0),
                  "%.2f" % share, *("%.1f" % of(name, "cpu_us").median for name in ("echo", "vmaild")),
                  *("%.0f" % of(name, what).median for what in ("p50_us", "p99_us") for name in ("echo", "vmaild")),
                  "%.2f" % tail)
        if row[1] in (100, 1000) and row[2] == "unix" and row[0] != "strangers":
            bench.at_least("%d connections, %s, share of echo" % (row[1], row[0]), share,
                           0.9 if row[0] == "zipf" else 0.65)
            bench.at_most("%d connections, %s, p99, times echo's" % (row[1], row[0]), tail, 1.5, minor=True)
    table.note = ("unix and tcp: each client waits for its answer before it asks again, as Postfix does. pipelined: 16 "
                  "under way on each connection. strangers: Zipf, but who is caught by a catch-all and who is nobody "
                  "was never asked for before. CPU: of the server for each lookup, the making of connections "
                  "included; other work on the machine disturbs it least. Private memory of the worker behind all of "
                  "it: %.1f MiB." % memory)
    bench.table(table)
    plots(bench, found, [row[1] for row in rows if row[0] == "zipf" and row[2] == "unix"])


def plots(bench, found, counts):
    names = ("echo", "vmaild", "python")

    def points(name):
        keys = [("zipf", c, "unix", name, "rate") for c in counts]
        return [(key[1], found[key].median) for key in keys if key in found]
    bench.plots.append(Plot(
        "connections.svg", "Lookups a second by connections (Zipf, unix sockets)", "connections", "lookups a second",
        {name: points(name) for name in names}))
    many = max(c for c in counts if c <= 100)
    parts = (("p50_us", "50 %"), ("p90_us", "90 %"), ("p99_us", "99 %"), ("p999_us", "99.9 %"), ("max_us", "longest"))
    bench.plots.append(Plot(
        "latency.svg", "Latency, %d connections that ask without a pause (Zipf)" % many,
        "of the lookups are answered within", "microseconds",
        {name: [(i, found["zipf", many, "unix", name, what].median) for i, (what, _) in enumerate(parts)]
         for name in names},
        x_names=[word for _, word in parts], y_log=True))


@part("idle", 15)
def idle(bench):
    """A crowd that is there, a hundred that ask."""
    data = bench.data(bench.form.main)
    asking = 100
    silent = bench.form.crowd - asking
    found = bench.series()
    with scratch() as tmp:
        vmaild = bench.vmaild(tmp, data.store()).start()
        bench.warm_up(vmaild, data)
        try:
            for _ in bench.rounds:
                for many in (0, silent):
                    got = bench.load(vmaild.address, data.keys("zipf"), connections=asking, idle=many)
                    found[many].add(got["rate"])
                found["KiB"].add(silent_kib(bench, data, silent))
        finally:
            vmaild.close()
    each = found["KiB"].median
    table = Table("%d connections open, %d of them ask" % (bench.form.crowd, asking), "open", "lookups a second",
                  "share")
    share = found[silent].over(found[0])
    table.row(asking, found[0].spread(0), "1.00")
    table.row(asking + silent, found[silent].spread(0), "%.2f" % share)
    table.note = "Memory of a silent connection, beside the kernel's: %.2f KiB of the worker's." % each
    bench.table(table)
    bench.at_least("%d connections open, share of %d alone" % (asking + silent, asking), share, 0.9)
    bench.at_most("memory of a silent connection, KiB", each, 2)


def silent_kib(bench, data, count):
    """What a worker needs for each of COUNT clients that have asked once and are silent. It is a fresh one: what a
    crowd has needed once is kept for the next."""
    with scratch() as tmp:
        vmaild = bench.vmaild(tmp, data.store()).start()
        clients = []
        try:
            ask(vmaild.address, clients)
            before = private_kib(vmaild.pids[0])
            for _ in range(count):
                ask(vmaild.address, clients)
            return (private_kib(vmaild.pids[0]) - before) / count
        finally:
            close_all(clients)
            vmaild.close()


def ask(address, clients):
    clients.append(socket.socket(socket.AF_UNIX))
    clients[-1].connect(address[5:])
    clients[-1].sendall(b"9:aliases a,")
    clients[-1].recv(100)


def allow_descriptors():
    """A crowd needs more than what is allowed at first."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# --- the size of the store ---------------------------------------------------------------------------------


@part("size", 62)
def size(bench):
    """Uniform keys are about what the store costs: there no answer is remembered, or a small store would be all
    memory. Zipf is with strangers, as mail is."""
    form = bench.form
    data = {n: bench.data(n) for n in form.sizes}
    kinds = [kind for kind in ("lmdb", "hash") if kind in postfix_tables()]
    count = form.asked // 2
    found, running = bench.series(), []
    with scratch() as tmp:
        postfix = Postfix(os.path.join(tmp, "p"))
        postfix.configure("")
        try:
            running.append(echo := Echo(bench.build, tmp))
            vmailds, bare = {}, {}
            for n in form.sizes:
                vmailds[n] = bench.vmaild(tmp, data[n].store(), name="v%d" % n).start()
                running.append(vmailds[n])
                bare[n] = bench.vmaild(tmp, data[n].store(), name="b%d" % n, answer_memory=0).start()
                running.append(bare[n])
                bench.warm_up(vmailds[n], data[n])
            flat = {n: "sqlite:" + flat_table(os.path.join(tmp, "%d.cf" % n), data[n].sqlite()) for n in form.sizes}
            for number in bench.rounds:
                for n in form.sizes:
                    for law, ours in (("uniform", bare[n]), ("strangers", vmailds[n])):
                        for name, one in (("echo", echo), ("vmaild", ours)):
                            wait_idle()
                            got = bench.load(one.address, data[n].keys(law), of=one, connections=100)
                            found[n, law, name].add(got["rate"])
                            found[n, law, name, "CPU"].add(got["cpu_us"])
                    found[n, "MiB"].add(private_kib(vmailds[n].pids[0]) / 1024)
                    tables = [("echo", echo.table), ("vmaild", bare[n].table), ("sqlite", flat[n])]
                    tables += [(kind, data[n].table(kind)) for kind in kinds]
                    for name, table in tables:
                        keys = data[n].keys if name in ("echo", "vmaild") else data[n].fixed
                        start = postmap_seconds(postfix.config, table, os.devnull)
                        took = postmap_seconds(postfix.config, table, keys("uniform", count, number))
                        found[n, "postmap", name].add((took - start) / count * 1e6)
        finally:
            close_all(running)
    report_size(bench, found, kinds, count)


def report_size(bench, found, kinds, count):
    sizes = bench.form.sizes
    small, large = sizes[0], sizes[-1]
    table = Table("Lookups a second by the size of the store, 100 connections", "addresses", "uniform",
                  "share of echo", "CPU, us", "zipf", "share of echo", "CPU, us", "private memory of the worker, MiB")
    for n in sizes:
        cells = []
        for law in ("uniform", "strangers"):
            ours, limit = found[n, law, "vmaild"], found[n, law, "echo"]
            cells += [ours.spread(0), "%.2f" % ours.over(limit), "%.1f" % found[n, law, "vmaild", "CPU"].median]
        table.row(n, *cells, "%.1f" % found[n, "MiB"].median)
    table.note = ("uniform: without a memory for answers, so that each is looked up. zipf: with one, and with strangers "
                  "as above. Private memory is all that a worker has written to and all that it has loaded of "
                  "programs, without the pages of the store's file: it maps these, and they are the kernel's copy of it.")
    bench.table(table)
    names = ["echo", "vmaild", "sqlite", *kinds]
    cost = Table("Cost of a recipient by the size of the store, one connection, postmap, us", "addresses", *names)
    for n in sizes:
        cost.row(n, *(found[n, "postmap", name].spread() for name in names))
    cost.note = "%d recipients each time; vmaild without a memory for answers." % count
    bench.table(cost)
    for law, name in (("uniform", "uniform"), ("strangers", "zipf")):
        bench.at_least("throughput at %d addresses, of that at %d, %s" % (large, small, name),
                       found[large, law, "vmaild"].over(found[small, law, "vmaild"]), 0.85)
    bench.at_most("private memory of a lookup worker at any size, MiB",
                  max(found[n, "MiB"].median for n in sizes), 32)
    bench.plots.append(Plot(
        "size.svg", "Cost of a recipient by addresses in the store, one connection (postmap)", "addresses",
        "us a recipient", {name: [(n, found[n, "postmap", name].median) for n in sizes] for name in names}))
    bench.plots.append(Plot(
        "memory.svg", "Private memory of a lookup worker by addresses in the store", "addresses", "MiB",
        {"lookup worker": [(n, found[n, "MiB"].median) for n in sizes], "allowed": [(n, 32) for n in sizes]}))


# --- two workers ------------------------------------------------------------------------------------------------

@part("workers", 15)
def workers(bench):
    """Server and clients share the CPUs: so it is not counted what came of a second, but what a worker did with a
    second of its own CPU time; and of two workers, the busier one is the end of it."""
    data = bench.data(bench.form.main)
    found = bench.series()
    seconds = max(bench.form.load, min(1, 20 * bench.form.load))
    for _ in bench.rounds:
        for n in (1, 2):
            with scratch() as tmp:
                vmaild = bench.vmaild(tmp, data.store(), workers=n, cpus=ALL_CPUS).start()
                loads = []
                try:
                    before = [cpu_seconds(pid) for pid in vmaild.pids]
                    for _ in CPUS[:2]:
                        loads.append(Load(bench, vmaild.address, data.keys("zipf"), connections=50,
                                          seconds=seconds, warm=0, cpu=ALL_CPUS))
                    got = [load.end(early=False) for load in loads]
                    spent = [cpu_seconds(pid) - b for pid, b in zip(vmaild.pids, before)]
                finally:
                    close_all([vmaild, *loads])
            answered = sum(one["lookups"] for one in got)
            found[n].add(answered / max(spent))
            found[n, "seen"].add(sum(one["rate"] for one in got))
            found[n, "share"].add(min(spent) / max(spent))
    table = Table("Two lookup workers", "workers", "lookups for a second of CPU of the busier worker",
                  "lookups a second, beside the clients", "CPU time of the idler, of the busier")
    for n in (1, 2):
        table.row(n, found[n].spread(0), found[n, "seen"].spread(0), "%.2f" % found[n, "share"].median)
    table.note = ("Two load generators of 50 connections each run on the same two CPUs. So the second column counts "
                  "lookups for each second of CPU time of the worker that used more: what that many workers would do "
                  "with a CPU each and clients elsewhere.")
    bench.table(table)
    bench.at_least("two workers, times one", found[2].over(found[1]), 1.7)
