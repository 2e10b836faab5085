# SPDX-License-Identifier: ISC
#
# What a lookup worker does with its time: system calls for each lookup, and where the CPU is spent.

import os
import re
import shutil
import subprocess

from harness import scratch, wait_until
from parts import part
from report import Table

# (name, options of the load generator, whether it is the busy path of which the goal speaks)
WAYS = (("1 connection", {"connections": 1}, True), ("100 connections", {"connections": 100}, True),
        ("10 connections, 16 under way", {"connections": 10, "depth": 16}, False))
LOCKS = ("fcntl", "flock")
LINES = 15  # of the profile


def traced(bench, vmaild, keys, options, tmp):
    """({call: how many}, lookups) of a worker under strace."""
    counts = os.path.join(tmp, "calls")
    trace = subprocess.Popen(["strace", "-f", "-c", "-o", counts, "-p", str(vmaild.pids[0])],
                             stderr=subprocess.PIPE, text=True)
    try:
        trace.stderr.readline()  # it is attached
        got = bench.load(vmaild.address, keys, warm=0, seconds=4 * bench.form.load, **options)
        trace.terminate()
        trace.wait()
    finally:
        if trace.poll() is None:
            trace.kill()
            trace.wait()
        trace.stderr.close()
    with open(counts) as file:
        rows = [line.split() for line in file if re.match(r"\s*[\d.]+\s", line)]
    return {row[-1]: int(row[3]) for row in rows if row[-1] != "total"}, max(1, got["answered"])


@part("calls", 8)
def calls(bench):
    if shutil.which("strace") is None:
        bench.note("strace is not here: system calls are not counted")
        return
    data = bench.data(bench.form.main)
    seen = {}
    with scratch() as tmp:
        vmaild = bench.vmaild(tmp, data.store()).start()
        try:
            for name, options, _ in WAYS:
                seen[name] = traced(bench, vmaild, data.keys("uniform"), options, tmp)
        finally:
            vmaild.close()
    names = sorted({call for counts, _ in seen.values() for call, n in counts.items()},
                   key=lambda call: -max(counts.get(call, 0) / lookups for counts, lookups in seen.values()))
    table = Table("System calls of the worker for each lookup, uniform keys", "call", *seen)
    for call in names:
        each = [counts.get(call, 0) / lookups for counts, lookups in seen.values()]
        if max(each) >= 0.001:
            table.row(call, *("%.3f" % x for x in each))
    total = {name: sum(counts.values()) / lookups for name, (counts, lookups) in seen.items()}
    locks = {name: sum(counts.get(call, 0) for call in LOCKS) / lookups
             for name, (counts, lookups) in seen.items()}
    table.row("all", *("%.3f" % x for x in total.values()))
    bench.table(table)
    bench.raw["calls"] = {name: {"lookups": lookups, **counts} for name, (counts, lookups) in seen.items()}
    for name, _, busy in WAYS:
        if busy:
            bench.at_most("system calls for a lookup, %s" % name, total[name], 3.1)
            bench.at_most("file locks for a lookup, %s" % name, locks[name], 0.01, minor=True)


# --- perf ------------------------------------------------------------------------------------------------

def perf(*arguments):
    return subprocess.run(["perf", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


def profile_of(bench, vmaild, keys, path):
    """Lines of (share, where, what), the most expensive first; none where perf does not work."""
    record = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "2000", "-o", path, "-p",
                               str(vmaild.pids[0])], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: os.path.exists(path) and os.path.getsize(path) or record.poll() is not None, "perf to begin")
        bench.load(vmaild.address, keys, connections=100, seconds=max(0.5, 4 * bench.form.load))
        record.send_signal(2)
        record.wait()
    finally:
        if record.poll() is None:
            record.kill()
            record.wait()
    text = perf("report", "-i", path, "--stdio", "--no-children", "-F", "overhead,dso,symbol", "-g", "none").stdout
    return re.findall(r"(?m)^\s*([\d.]+)%\s+(\S+)\s+\[.\]\s+(.+?)\s*$", text)


@part("profile", 4)
def profile(bench):
    if shutil.which("perf") is None:
        bench.note("perf is not here: no profile")
        return
    data = bench.data(bench.form.main)
    with scratch() as tmp:
        vmaild = bench.vmaild(tmp, data.store()).start()
        try:
            rows = profile_of(bench, vmaild, data.keys("uniform"), os.path.join(tmp, "perf"))
        finally:
            vmaild.close()
    if not rows:
        bench.note("perf records nothing here: no profile")
        return
    places = {}
    for share, where, _ in rows:
        places[where] = places.get(where, 0) + float(share)
    table = Table("Where a lookup worker spends its time, 100 connections, uniform keys (perf)", "what", "where", "%")
    for share, where, what in rows[:LINES]:
        table.row(what, where, "%.1f" % float(share))
    table.note = "By program and library: %s." % ", ".join(
        "%s %.0f %%" % (where, share)
        for where, share in sorted(places.items(), key=lambda item: -item[1]) if share >= 1)
    bench.table(table)
    bench.raw["profile"] = [list(row) for row in rows[:60]]
