# SPDX-License-Identifier: ISC
#
# The manual's list of what differs on purpose from hash: tables against the cases that show it, both ways: an
# entry that no case shows, a case that is no more, a difference that the manual does not tell.

import os
import re

from cases import suite
from harness import check

MANUAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "vmaild-maps.7")
SECTION = r"\.Sh DIFFERENCES FROM HASH TABLES\n(.*?)\n\.Sh "
SHOWN_BY = '.\\" shown by: '


def entries(page):
    """The entries of the section: for each the cases that are named in front of it."""
    found, cases = [], []
    for line in re.search(SECTION, page, re.S)[1].split("\n"):
        if line.startswith(SHOWN_BY):
            cases.append(line[len(SHOWN_BY):])
        elif line.startswith(".It"):
            found.append(cases)
            cases = []
    check(not cases, "behind the last entry:", cases)
    return found


def complaints(page, names):
    """What is wrong between PAGE and the suite's NAMES."""
    written = entries(page)
    told = {case for cases in written for case in cases}
    return (["entry %d is shown by no case" % number for number, cases in enumerate(written, 1) if not cases]
            + ["there is no case '%s'" % case for case in sorted(told - names)]
            + ["the manual does not tell of '%s'" % name for name in sorted(names - told)
               if name.startswith("deliberate difference: ")]
            + (["the section has no entries"] if not written else []))


@suite.case("what differs from hash: on purpose: the manual and the cases tell the same")
def _(_):
    with open(MANUAL) as f:
        page = f.read()
    names = {name for name, _ in suite.cases}
    found = complaints(page, names)
    check(not found, "\n".join(found))
    # and this would have been seen
    first = entries(page)[0][0]
    check(complaints(page.replace(SHOWN_BY + first + "\n", ""), names))
    check(complaints(page, names - {first}))
    check(complaints(page, names | {"deliberate difference: another"}))
