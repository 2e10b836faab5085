# SPDX-License-Identifier: ISC
#
# The real daemon over real sockets, a real store made by the real vmailctl. Speaks TAP.
#
#   run.py --build DIR [--seed N] [--requests N] [name-substring]
#
# The cases stand in the modules below, one per question.

import importlib
import os
import resource
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, os.pardir, "lib")]

from harness import Suite

MODULES = ("lookup_cases", "junk_cases", "store_cases", "daemon_cases", "reload_cases", "restart_cases", "auth_cases",
           "userdb_cases", "map_cases", "policy_cases", "login_cases", "fleet_login_cases", "guess_cases", "explain_cases", "lint_cases",
           "import_cases", "metrics_cases", "peer_cases", "log_cases", "storm_cases",
           "postgres_cases", "engines_cases", "reach_cases", "move_cases", "fleet_cases", "demo_cases", "examples_cases")
PROGRAMS = ("helper_cases", "cli_cases", "people_cases", "records_cases", "screen_cases")


def program_cases(suite, env):
    """The cases of the other programs: their modules hand out (name, function without arguments)."""
    for module in PROGRAMS:
        for name, function in importlib.import_module(module).cases(env.build):
            suite.add(name, lambda _, f=function: f())


def options(parser):
    parser.add_argument("--seed", type=int, help="what the storm sends follows from it (default: another each time)")
    parser.add_argument("--requests", type=int, default=50000, help="of the storm")


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    suite = Suite("integration")
    for name in MODULES:
        importlib.import_module(name).register(suite)
    return suite.main(extra=options, more=program_cases)


if __name__ == "__main__":
    sys.exit(main())
