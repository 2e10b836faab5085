# SPDX-License-Identifier: ISC
#
# The log file of another program: wait for lines, quote its end.

import os
import re

from harness import wait_until


class Log:
    """A log file that somebody else writes; it need not be there yet."""

    def __init__(self, path):
        self.path = path

    def text(self, since=0):
        try:
            with open(self.path, errors="replace") as f:
                f.seek(since)
                return f.read()
        except FileNotFoundError:
            return ""

    def mark(self):
        """Where the log ends now: a SINCE for the others."""
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def wait(self, pattern, since=0):
        """Wait for a line that matches PATTERN; return the match."""
        return wait_until(lambda: re.search(pattern, self.text(since), re.M),
                          "%r in %s" % (pattern, self.path))

    def lines(self, pattern, since=0):
        """The lines in which PATTERN is found."""
        return [line for line in self.text(since).splitlines() if re.search(pattern, line)]

    def tail(self, since=0, lines=40):
        """The end of it, to be shown when something failed."""
        return "\n".join(self.text(since).splitlines()[-lines:])
