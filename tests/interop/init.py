#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# usage: init.py COMMAND...
#
# COMMAND as on a machine of its own: whom its processes leave behind is buried here at once, as the first process
# does everywhere. The tests' own process adopts orphans as well, but buries them only in the end, and who waits until
# a process that is not his child has gone (Patroni, for a server) waits until it is buried.

import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import processes


def main():
    processes.adopt_orphans()
    child = subprocess.Popen(sys.argv[1:])
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            return abs(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    sys.exit(main())
