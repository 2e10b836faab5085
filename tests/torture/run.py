# SPDX-License-Identifier: ISC
#
# The real programs while everything around them fails: processes killed at any moment, no descriptors, no room, no
# memory, another time, another file. Speaks TAP; how often is in the comments.
#
#   run.py --build DIR [--long] [--seed N] [name-substring]

import os
import random
import resource
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, os.pardir, "lib")]

import kills
import shortages
from harness import Suite


def extra(parser):
    parser.add_argument("--long", action="store_true", help="five times as often")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="decides what happens when, as far as that can be decided")


def more(_, env):
    env.rng = random.Random(env.options.seed)
    env.rounds = lambda n: 5 * n if env.options.long else n
    print("# seed %d" % env.options.seed, flush=True)


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    suite = Suite("torture")
    kills.register(suite)
    shortages.register(suite)
    return suite.main(extra, more)


if __name__ == "__main__":
    sys.exit(main())
