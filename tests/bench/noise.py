# SPDX-License-Identifier: ISC
#
# Whether the machine was ours alone: what each CPU can do in an idle moment before and after every round, what the
# host has stolen, and the load.

import os
import statistics
import subprocess

SPIN_MS = 40
QUIET = 0.93   # a moment in which a CPU does less than that of its best was not quiet
LOUD = 0.1     # share of such moments from which on the numbers want a warning
STOLEN = 0.02  # share of the time, likewise


def ticks():
    """(all, stolen) of the machine's CPU time until now."""
    with open("/proc/stat") as file:
        fields = [int(x) for x in file.readline().split()[1:]]
    return sum(fields[:8]), fields[7]


class Noise:
    def __init__(self, spin):
        self.spin = spin
        self.cpus = [str(cpu) for cpu in sorted(os.sched_getaffinity(0))][:60]
        self.load = os.getloadavg()[0]
        self.began = ticks()
        self.taken = []  # (part, [what each CPU did])

    def take(self, part):
        """Let the CPUs spin for a moment."""
        done = subprocess.run([self.spin, str(SPIN_MS), *self.cpus], check=True, stdout=subprocess.PIPE, text=True)
        self.taken.append((part, [float(x) for x in done.stdout.split()]))

    def shares(self):
        """What the slower CPU had in each moment, of the best that this CPU ever had."""
        best = [max(column) for column in zip(*(row for _, row in self.taken))]
        return [min(x / b for x, b in zip(row, best)) for _, row in self.taken]

    def stolen(self):
        now = ticks()
        return (now[1] - self.began[1]) / max(1, now[0] - self.began[0])

    def loud(self):
        """The share of moments that were not quiet."""
        shares = self.shares()
        return sum(share < QUIET for share in shares) / len(shares) if shares else 0

    def words(self):
        """Two sentences for the report."""
        shares = self.shares()
        if not shares:
            return "No noise was measured."
        return ("Load of the machine %.2f before the bench; %.1f %% of the CPU time was stolen by the host. "
                "Idle spins before and after each round: the slower CPU did %.0f %% of its best in the median, "
                "%.0f %% at the worst; %d of %d moments were not quiet." % (
                    self.load, 100 * self.stolen(), 100 * statistics.median(shares), 100 * min(shares),
                    sum(share < QUIET for share in shares), len(shares)))

    def warning(self):
        """What to be told when the machine was not quiet; else nothing."""
        if self.loud() > LOUD or self.stolen() > STOLEN:
            return ("WARNING: the machine was not quiet while this was measured: other work took part of its CPUs. "
                    "Ratios are off by more than their ranges say; run it again.")
        return ""

    def raw(self):
        return {"load": self.load, "stolen": self.stolen(), "loud": self.loud(),
                "spins": [{"part": name, "cpus": row} for name, row in self.taken]}
