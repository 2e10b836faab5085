# SPDX-License-Identifier: ISC
#
# What a lookup worker does with its time: system calls for each lookup, and where the CPU is spent.

import os
import re
import shutil
import signal
import socket
import subprocess

from harness import scratch, wait_until
from parts import part
from report import Table

# (name, options of the load generator, whether it is the busy path of which the goal speaks)
WAYS = (("1 connection", {"connections": 1}, True), ("100 connections", {"connections": 100}, True),
        ("10 connections, 16 under way", {"connections": 10, "depth": 16}, False))
LOCKS = ("fcntl", "flock")
LINES = 15  # of the profile


def counted(pid, run, tmp):
    """({call: how many}, what RUN returns) of a worker, counted in the kernel: it goes on at its own pace. Nothing where
    that is not allowed."""
    counts = os.path.join(tmp, "counts")
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(
                ["perf", "stat", "-x", ",", "-e", "syscalls:sys_enter_*", "-D", "-1", "--control",
                 "fd:%d,%d" % (theirs.fileno(), theirs.fileno()), "-o", counts, "-p", str(pid)],
                pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            if not told(ours, b"enable\n"):
                return {}, None
            got = run()
            told(ours, b"disable\n")
            process.send_signal(signal.SIGINT)
            process.wait()
        finally:
            ended(process)
    with open(counts) as file:
        rows = [line.split(",") for line in file if ",syscalls:sys_enter_" in line]
    return {row[2].partition("sys_enter_")[2]: int(row[0]) for row in rows if row[0].isdigit() and int(row[0])}, got


def told(control, word):
    """Whether perf did as it was told."""
    try:
        control.sendall(word)
        return control.recv(100) != b""
    except OSError:
        return False


def traced(pid, run, tmp):
    """The same by strace, which stops the worker at every call."""
    counts = os.path.join(tmp, "calls")
    trace = subprocess.Popen(["strace", "-f", "-c", "-o", counts, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    try:
        trace.stderr.readline()  # it is attached
        got = run()
        trace.terminate()
        trace.wait()
    finally:
        ended(trace)
        trace.stderr.close()
    with open(counts) as file:
        rows = [line.split() for line in file if re.match(r"\s*[\d.]+\s", line)]
    return {row[-1]: int(row[3]) for row in rows if row[-1] != "total"}, got


def ended(process):
    if process.poll() is None:
        process.kill()
        process.wait()


def counters():
    """(how, by what) they can be counted here, the better first."""
    return [one for one in (("perf", counted), ("strace", traced)) if shutil.which(one[0])]


def calls_of(bench, pid, load, tmp):
    """({call: how many}, lookups, by what) while LOAD runs, which has run before: it is not about beginnings."""
    load()
    for how, count in counters():
        counts, got = count(pid, load, tmp)
        if counts:
            return counts, max(1, got["answered"]), how
    return {}, 1, "nothing"


@part("calls", 8)
def calls(bench):
    data = bench.data(bench.form.main)
    seen = {}
    with scratch() as tmp:
        vmaild = bench.vmaild(tmp, data.store()).start()
        try:
            for name, options, _ in WAYS:
                def load(options=options):
                    return bench.load(vmaild.address, data.keys("uniform"), warm=0, seconds=4 * bench.form.load,
                                      **options)
                *seen[name], how = calls_of(bench, vmaild.pids[0], load, tmp)
        finally:
            vmaild.close()
    if how == "nothing":
        bench.note("neither perf nor strace counts anything here: system calls are not counted")
        return
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
    table.note = "Counted by %s, while the worker is busy." % how
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
