# SPDX-License-Identifier: ISC
#
# Whatever Postfix and Dovecot start and detach stays ours: this process adopts orphaned descendants, so that
# at the end every one of them can be found, ended and waited for, and nobody else's.

import ctypes
import os
import re
import signal

from harness import Failed, children, process_name, wait_gone

PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
SOON = 10  # seconds within which a stopped daemon's last processes go


def adopt_orphans():
    """To be called once, before anything is started."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def descendants(pid):
    """Every process below PID, parents first."""
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def reap():
    """Bury adopted children that have ended by themselves."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def still_running():
    """Descendants that have not ended, by pid; those that are on their way get the time to."""
    reap()
    left = descendants(os.getpid())
    for pid in left:
        try:
            wait_gone(pid, SOON)
        except Failed:
            pass
    reap()
    return {pid: process_name(pid) for pid in descendants(os.getpid())}


def end_all():
    """End every descendant at once."""
    reap()
    for pid in descendants(os.getpid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        wait_gone(pid)
    reap()


def root_directory(pid):
    """Where a process is chrooted to; "/" when it is not."""
    return os.readlink("/proc/%d/root" % pid)


def real_user(pid):
    """The uid of a process."""
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"(?m)^Uid:\s+(\d+)", f.read()).group(1))
