# SPDX-License-Identifier: ISC
#
# CPU time of a family of processes, those included that come and go: by a control group of version 2 where one can
# be made, else by what the kernel tells of each process and of its dead children.

import os
import re

from processes import descendants


def unified():
    """Our own control group of version 2, as a folder; None where there is none."""
    with open("/proc/self/mountinfo") as file:
        mounts = re.findall(r"(?m)^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 ", file.read())
    with open("/proc/self/cgroup") as file:
        own = re.search(r"(?m)^0::(.*)$", file.read())
    return mounts[0] + own[1].rstrip("/") if mounts and own else None


class CpuTime:
    def __init__(self, name):
        self.roots = []
        self.group = None
        top = unified()
        if top:
            path = os.path.join(top, name)
            try:
                os.mkdir(path)
                with open(os.path.join(path, "cpu.stat")) as file:
                    check = "usage_usec" in file.read()
                self.group = path if check else None
            except OSError:
                pass

    @property
    def how(self):
        return "a control group's" if self.group else "summed up from /proc"

    def add(self, root):
        """Count ROOT, all of its descendants, and all that they will have."""
        self.roots.append(root)
        while self.group:
            strangers = [pid for pid in [root, *descendants(root)] if not self.holds(pid)]
            if not strangers:
                return
            for pid in strangers:
                try:
                    with open(os.path.join(self.group, "cgroup.procs"), "w") as file:
                        file.write(str(pid))
                except ProcessLookupError:
                    pass
                except OSError:
                    self.close()

    def holds(self, pid):
        try:
            with open("/proc/%d/cgroup" % pid) as file:
                return os.path.basename(self.group) in file.read()
        except (FileNotFoundError, ProcessLookupError):
            return True

    def seconds(self):
        if self.group:
            with open(os.path.join(self.group, "cpu.stat")) as file:
                return int(re.search(r"usage_usec (\d+)", file.read())[1]) / 1e6
        return sum(self.of(pid) for root in self.roots for pid in [root, *descendants(root)])

    @staticmethod
    def of(pid):
        try:
            with open("/proc/%d/stat" % pid) as file:
                fields = file.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return sum(int(x) for x in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def busy(self):
        """Whether any of them is left."""
        if not self.group:
            return False
        with open(os.path.join(self.group, "cgroup.procs")) as file:
            return bool(file.read().strip())

    def close(self):
        if self.group:
            try:
                os.rmdir(self.group)
            except OSError:
                pass  # somebody is still in it: it goes with the machine
            self.group = None
