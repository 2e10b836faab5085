#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# usage: run.py --build DIR [--full | --smoke] [--only PART] [--data DIR] [--out DIR] [--readme FILE]
#
# vmaild beside everybody else on the same data, all of them in turn within each round, so that a noisy minute hits
# everybody. Figures are medians of the rounds with their range; what counts is ratios. Whatever happens, nothing
# that was started here is left running.
#
# --smoke measures nothing worth knowing: it runs each part once in little, and speaks TAP, so that they do not rot.

import argparse
import datetime
import json
import os
import platform
import re
import signal
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, os.pardir, "lib"), os.path.join(HERE, os.pardir, "interop")]

import lookups  # noqa: E402  (the parts, in the order in which they run)
import remote  # noqa: E402, F401
import editing  # noqa: E402, F401
import passwords  # noqa: E402, F401
import mailing  # noqa: E402, F401
import inside  # noqa: E402, F401
from contestants import CLIENT_CPU, SERVER_CPU  # noqa: E402
from data import forget_older  # noqa: E402
from harness import scratch  # noqa: E402
from parts import Bench, OutOfTime  # noqa: E402
from processes import adopt_orphans, end_all  # noqa: E402
from report import figure, verdicts, write, write_readme  # noqa: E402

README_WIDTH = 60


def machine():
    with open("/proc/cpuinfo") as file:
        found = re.search(r"(?m)^model name\s*:\s*(.*)$", file.read())
    with open("/proc/meminfo") as file:
        gib = int(re.search(r"MemTotal:\s+(\d+)", file.read())[1]) / 2 ** 20
    return "%s, %d CPUs, %.0f GiB, Linux %s" % (found[1] if found else "unknown CPU", os.cpu_count(), gib,
                                                platform.release())


def end_on_signals():
    """Every way of being stopped is an exception, so that all that was started is ended."""
    def stop(number, _):
        raise KeyboardInterrupt(signal.Signals(number).name)

    def too_late(*_):
        raise OutOfTime
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    signal.signal(signal.SIGALRM, too_late)


# --- the run --------------------------------------------------------------------------------------------

def run_part(bench, one):
    """One part; whether it went well. What failed is told, and the others have their turn."""
    bench.part = one
    began = time.monotonic()
    try:
        one.function(bench)
        return True
    except Exception as why:
        traceback.print_exc(file=sys.stdout)
        bench.note("%s: FAILED: %s" % (one.name, str(why).split("\n", 1)[0][:300]))
        return False
    finally:
        bench.raw["seconds"][one.name] = round(time.monotonic() - began, 1)
        end_all()


def run_parts(bench):
    """All of them, until the time is up; the names of those that failed."""
    if bench.limit:
        signal.alarm(int(bench.limit))
    failed = []
    try:
        for one in bench.chosen:
            print("\n--- %s (%.0f s gone)" % (one.name, time.monotonic() - bench.began), flush=True)
            if not run_part(bench, one):
                failed.append(one.name)
    except OutOfTime:
        signal.alarm(0)
        bench.note("the time was up in the part '%s': it and those behind it are not in the report" % bench.part.name)
        failed.append(bench.part.name)
    finally:
        signal.alarm(0)
    return failed


HOW = """\
%d rounds in which all contestants take turns; figures are medians with [least-most]; ratios are medians of the ratios
within a round. The server runs on CPU %s and its clients on CPU %s, one connection alone on the same CPU, and what
wants all CPUs says so. Stores of %s addresses; imports of %d mailboxes; writers beside a store of %d addresses. There
are as many recipients: 60 %% of them are in the store as they stand, 15 %% with an extension, 5 %% are caught by a
catch-all and 20 %% are nobody. They are asked for uniformly (none again until all were), or by Zipf's law with 1/k."""


def words(bench, where):
    """The paragraphs in front of the numbers."""
    form = bench.form
    full = "-full" if bench.form_name == "full" else ""
    out = ["Measured on %s with `make bench%s`: %s." % (datetime.date.today().isoformat(), full, where),
           HOW % (form.rounds, SERVER_CPU, CLIENT_CPU, ", ".join("%d" % n for n in form.sizes), form.imported,
                  form.edited),
           bench.noise.words()]
    out += ["**%s**" % bench.noise.warning()] * bool(bench.noise.warning())
    if bench.short_rounds:
        out.append("Note: there was no time for all %d rounds in these parts: %s." % (
            form.rounds, ", ".join("%s %d" % item for item in bench.short_rounds.items())))
    return out + ["Note: %s." % note for note in bench.notes]


def for_readme(bench, where):
    """The table in the README: the most telling goals, and all that were not reached."""
    rows = [goal for goal in bench.goals if goal.headline or not goal.met]
    lines = ["%s, %s" % (datetime.date.today().isoformat(), where)]
    lines += ["measured while other work used the same CPUs: a sketch, no more"] * bool(bench.noise.warning())
    lines += ["", "%-*s %8s  %s" % (README_WIDTH, "what", "measured", "wanted"),
              "%s %s  %s" % ("-" * README_WIDTH, "-" * 8, "-" * 22)]
    for goal in rows:
        lines.append("%-*s %8s  %s %s%s" % (
            README_WIDTH, goal.what, figure(goal.got), "at most " if goal.at_most else "at least", figure(goal.wanted),
            "" if goal.met else ", missed"))
    return lines + ["", "%d of %d goals are reached." % (sum(goal.met for goal in bench.goals), len(bench.goals))]


def report(bench, options, where):
    raw = {"date": datetime.datetime.now().isoformat(timespec="seconds"), "machine": where, "form": bench.form_name,
           "sizes": bench.form._asdict(), "noise": bench.noise.raw(), "notes": bench.notes,
           "fewer rounds": bench.short_rounds, "goals": [goal.raw() for goal in bench.goals], "series": bench.raw}
    print("\n" + verdicts(bench.goals).text())
    print("\n" + bench.noise.words() + "\n" + bench.noise.warning(), flush=True)
    if options.out:
        write(options.out, "vmaild, measured", words(bench, where), [table for _, table in bench.tables], bench.goals,
              bench.plots, raw)
    if options.readme:
        write_readme(options.readme, for_readme(bench, where))


# --- the smoke form -----------------------------------------------------------------------------------------

README_END = "\n\nMore words.\n\n\nNext\n----\n"


def smoke(bench, options):
    """Each part once, in little, and the report; TAP."""
    print("1..%d" % (len(bench.chosen) + 1))
    signal.alarm(int(bench.limit))
    bad = 0
    for number, one in enumerate(bench.chosen, 1):
        told = len(bench.notes)
        good = run_part(bench, one)
        if good and not any(name == one.name for name, _ in bench.tables):
            why = "; ".join(bench.notes[told:])
            name = "%d - bench, %s" % (number, one.name)
            print("ok %s # SKIP %s" % (name, why) if why else "not ok " + name)
            good = bool(why)
        else:
            print("%s %d - bench, %s" % ("ok" if good else "not ok", number, one.name), flush=True)
        bad += not good
    with scratch() as folder:
        options.out = folder
        options.readme = os.path.join(folder, "README")
        with open(options.readme, "w") as out:
            out.write("How fast\n--------\n\nWords.\n\n    a table" + README_END)
        report(bench, options, machine())
        with open(options.readme) as file:
            text = file.read()
            good = "goals are reached" in text and "a table" not in text and text.endswith(README_END)
        with open(os.path.join(folder, "results.json")) as file:
            good = good and len(json.load(file)["goals"]) == len(bench.goals)
        good = good and all(os.path.getsize(os.path.join(folder, plot.file)) for plot in bench.plots)
    print("%s %d - bench, the report" % ("ok" if good else "not ok", len(bench.chosen) + 1))
    return 1 if bad or not good else 0


def main():
    parser = argparse.ArgumentParser(description="vmaild beside everybody else")
    parser.add_argument("--build", required=True, metavar="DIR", help="folder with the programs")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--full", dest="form", action="store_const", const="full",
                      help="longer rounds, larger imports, 5 million addresses")
    form.add_argument("--smoke", dest="form", action="store_const", const="smoke", help="each part once and small; TAP")
    parser.add_argument("--limit", type=int, metavar="SECONDS", 
                        help="the time for all of it, 60 at least; the short form has 510, the full one none")
    parser.add_argument("--only", default="", metavar="PART", help="the parts with that in their name")
    parser.add_argument("--data", metavar="DIR", help="where the data is made, and found the next time")
    parser.add_argument("--out", metavar="DIR", help="where to write the report")
    parser.add_argument("--readme", metavar="FILE", help="whose table to write anew")
    parser.set_defaults(form="short")
    options = parser.parse_args()
    if os.geteuid() != 0:
        if options.form == "smoke":
            print("1..1\nok 1 - bench # SKIP needs root, for Postfix and for the users that servers run as")
            return 0
        sys.exit("bench: this needs root, for Postfix and for the users that servers run as")
    lookups.allow_descriptors()
    adopt_orphans()
    end_on_signals()
    where = machine()
    try:
        with scratch() as folder:
            top = folder if options.form == "smoke" else tempfile.gettempdir()
            data = options.data or os.path.join(top, "vmaild-bench")
            forget_older(data)
            bench = Bench(options.build, folder, options.form, data, options.only)
            if options.limit is not None:
                bench.limit = max(60, options.limit)
            if not bench.chosen:
                sys.exit("bench: no part has '%s' in its name" % options.only)
            if options.form == "smoke":
                return smoke(bench, options)
            print(where + "\n" + "data: " + data)
            failed = run_parts(bench)
            report(bench, options, where)
            return 1 if failed else 0
    except KeyboardInterrupt as why:
        print("\nbench: stopped by %s: nothing is written" % why, file=sys.stderr)
        return 130
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        end_all()


if __name__ == "__main__":
    sys.exit(main())
