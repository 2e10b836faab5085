#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# usage: run.py --build DIR [--seed N] [--faults] [--restarts] [--jobs N] [name-substring]
#
# A real Postfix and a real Dovecot, private ones, with the programs in DIR. Needs root, and says so aloud,
# case by case, when it is not. Speaks TAP.

import argparse
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import cases
import delivery  # noqa: F401  the cases register themselves, in this order
import logins  # noqa: F401
import outages  # noqa: F401
import closed_lists  # noqa: F401
import ways  # noqa: F401
import dovecot_pg  # noqa: F401
import checkpassword  # noqa: F401
import lua  # noqa: F401
import maps  # noqa: F401
import conformance
import differences  # noqa: F401
import bench
import international  # noqa: F401
import doctoring  # noqa: F401
import settingup  # noqa: F401
import moving  # noqa: F401
import exports  # noqa: F401
import fleet
import patroni
import differential
import processes
import restarts
import trouble
from harness import check


def options(parser):
    parser.add_argument("--seed", type=int, metavar="N", help="the differential tests with this seed alone")
    parser.add_argument("--restarts", action="store_true", help="the long run of restarts, not the short one")
    parser.add_argument("--fleet", action="store_true", help="the fleet of three nodes, and nothing else")
    parser.add_argument("--faults", action="store_true", help="the long fault runs under load, not the short one")


def nothing_is_left(_):
    """The shared mail host is stopped; whatever it started must be gone, and be gone by itself."""
    cases.need()
    bench.slot.close()
    cases.shared.close()
    left = processes.still_running()
    check(not left, "still running:", left)


def wanted():
    """The options decide which cases there are, so they are read before the suite reads them."""
    parser = argparse.ArgumentParser(add_help=False)
    options(parser)
    return parser.parse_known_args()[0]


def ended_by_signal(number, _):
    sys.exit(128 + number)


def main():
    cases.suite.in_each(processes.adopt_orphans)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ended_by_signal)
    try:
        if wanted().fleet:
            cases.suite.cases.clear()
            fleet.add_cases()
            patroni.add_cases()
            return cases.suite.main(options)
        trouble.add_cases(wanted().faults)
        restarts.add_cases(wanted().restarts)
        differential.add_cases(wanted().seed)
        conformance.add_cases(wanted().seed)
        cases.suite.at_end("everything that was started has ended", nothing_is_left)
        return cases.suite.main(options)
    finally:
        try:
            bench.slot.close()
            cases.shared.close()
        finally:
            processes.end_all()


if __name__ == "__main__":
    sys.exit(main())
