# SPDX-License-Identifier: ISC
#
# What the parts of the bench share: how large and how long everything is in each form of it, how much time is
# left, the rounds with the noise of the machine around each, and what was found.

import collections
import json
import os
import shutil
import subprocess
import time
from typing import Callable, NamedTuple

from contestants import ALL_CPUS, CLIENT_CPU, Postgres, Vmaild, cpu_seconds, pinned
from data import Data
from harness import Site, ordinary_user, scratch
from noise import Noise
from report import Goal, Series


class Form(NamedTuple):
    """One form of the bench. Times are in seconds."""
    limit: float      # for all of it; 0 for none
    rounds: int
    main: int         # addresses in the store where nothing else is said
    sizes: tuple      # addresses in the stores that are compared
    imported: int     # mailboxes of an import
    edited: int       # addresses of the store that is written to
    asked: int        # recipients through postmap
    load: float       # one run of the load generator
    storm: float      # logins beside lookups
    logins: int       # at once in that
    crowd: int        # connections open at the most
    spawns: int       # of the helper
    mails: tuple      # of 1 recipient, of 50 recipients


FORMS = {
    "short": Form(limit=510, rounds=5, main=1_000_000, sizes=(1000, 100_000, 1_000_000), imported=100_000,
                  edited=100_000, asked=20_000, load=0.5, storm=2, logins=200, crowd=10_000, spawns=300,
                  mails=(500, 60)),
    "full": Form(limit=0, rounds=7, main=1_000_000, sizes=(1000, 100_000, 1_000_000, 5_000_000), imported=1_000_000,
                 edited=1_000_000, asked=100_000, load=3, storm=10, logins=200, crowd=10_000, spawns=2000,
                 mails=(5000, 500)),
    "smoke": Form(limit=300, rounds=1, main=1000, sizes=(1000,), imported=1000, edited=1000, asked=200, load=0.05,
                  storm=0.2, logins=4, crowd=200, spawns=5, mails=(5, 2)),
}


STRIDE = 150_001  # keys from where one run of the load generator begins to where the next does


class OutOfTime(BaseException):
    """Raised from wherever the bench is when its time is up; what was found until then is reported."""


class Part(NamedTuple):
    name: str
    seconds: float  # what it takes in the short form, roughly: its share of the time that is left
    function: Callable


PARTS = []


def part(name, seconds):
    """Register a FUNCTION(bench). Parts run in the order in which their files are imported."""
    def register(function):
        PARTS.append(Part(name, seconds, function))
        return function
    return register


class Bench:
    def __init__(self, build, folder, form, data, only=""):
        self.build = os.path.abspath(build)
        self.folder = folder
        self.form_name = form
        self.form = FORMS[form]
        self.limit = self.form.limit
        self.data_folder = data
        self.chosen = [one for one in PARTS if only in one.name]
        self.began = time.monotonic()
        self.noise = Noise(os.path.join(self.build, "tests/bench/spin"))
        self.tables, self.goals, self.plots, self.notes = [], [], [], []
        self.raw = collections.defaultdict(dict)
        self.part = None
        self.runs = 0  # of the load generator
        self.short_rounds = {}

    # --- time

    def left(self):
        """Seconds that are left of the bench's time."""
        return self.limit - (time.monotonic() - self.began) if self.limit else float("inf")

    def share(self):
        """Seconds that the rounds of this part may take."""
        behind = self.chosen[self.chosen.index(self.part):]
        return max(0, self.left() - 10) * self.part.seconds / sum(one.seconds for one in behind)

    @property
    def rounds(self):
        """The rounds of a part, with the noise around each. They end early when the part's share of the time is used
        up: the report says so."""
        begin, allowed, done = time.monotonic(), self.share(), 0
        while done < self.form.rounds:
            self.noise.take(self.part.name)
            start = time.monotonic()
            yield done
            done += 1
            now = time.monotonic()
            if done < self.form.rounds and now - begin + (now - start) > allowed:
                self.short_rounds[self.part.name] = done
                break
        self.noise.take(self.part.name)

    # --- what was found

    def series(self):
        """A Series for every key that is asked for; they are in the raw numbers under this part's name."""
        name, raw = self.part.name, self.raw

        class Found(dict):
            def __missing__(self, key):
                series = self[key] = Series()
                raw[name][", ".join(str(k) for k in key) if isinstance(key, tuple) else str(key)] = series.rounds
                return series
        return Found()

    def table(self, table):
        print("\n" + table.text(), flush=True)
        self.tables.append((self.part.name, table))

    def at_least(self, what, got, wanted, minor=False):
        """A goal; MINOR ones are in the README only when they are missed."""
        self.goals.append(Goal(what, got, wanted, False, not minor))

    def at_most(self, what, got, wanted, minor=False):
        self.goals.append(Goal(what, got, wanted, True, not minor))

    def note(self, text):
        print("\nnote: " + text, flush=True)
        self.notes.append(text)

    # --- what the parts do

    def data(self, n):
        def init(path):
            shutil.chown(os.path.dirname(path), ordinary_user())
            with scratch() as tmp:
                Site(self.build, tmp, store="sqlite:" + path).ctl("init")
        return Data(self.data_folder, n, init)

    def store_on_postgres(self, data, folder):
        """A server with the store of DATA, its sockets below FOLDER; or None where there is none."""
        if not Postgres.installed():
            self.note("PostgreSQL is not here: left out")
            return None

        def init(uri):
            with scratch() as tmp:
                Site(self.build, tmp, store=uri).ctl("init")
        with scratch() as tmp:
            kept = data.postgres(lambda path: Postgres(tmp, ordinary_user(), os.path.join(path, "data"), ALL_CPUS), init)
        server = Postgres(folder, ordinary_user(), kept)
        server.warm()
        return server

    def vmaild(self, folder, store, **more):
        return Vmaild(self.build, folder, store, **more)

    def postgres(self, data):
        """A PostgreSQL with the data in it, or None where there is none."""
        if not Postgres.installed():
            self.note("PostgreSQL is not here: left out")
            return None
        postgres = Postgres(self.folder, ordinary_user())
        postgres.fill(data.copy_text())
        return postgres

    def load_command(self, to, keys, seconds=None, cpu=CLIENT_CPU, **options):
        command = [os.path.join(self.build, "tests/bench/load"), "--to", to, "--keys", keys, "--seconds",
                   str(seconds or self.form.load)]
        self.runs += 1
        default = {"warm": min(0.1, self.form.load / 2), "from": self.runs * STRIDE}
        for name, value in dict(default, **options).items():
            command += ["--" + name, str(value)]
        return pinned(cpu, *command)

    def load(self, *arguments, of=None, **options):
        """One run of the load generator; its numbers, and the CPU time that the server OF spent on each lookup."""
        before = cpu_seconds(of.pids[0]) if of else 0
        got = json.loads(subprocess.run(self.load_command(*arguments, **options), check=True, stdout=subprocess.PIPE,
                                        text=True).stdout)
        if of:
            got["cpu_us"] = (cpu_seconds(of.pids[0]) - before) / max(1, got["answered"]) * 1e6
        return got


    def warm_up(self, vmaild, data):
        """Let it see what is asked for often, as a server that has run for a while has."""
        self.load(vmaild.address, data.keys("zipf"), connections=10, depth=16, seconds=4 * self.form.load)


class Load:
    """The load generator beside something else, until it is ended: its numbers."""

    def __init__(self, bench, *arguments, **options):
        self.process = subprocess.Popen(bench.load_command(*arguments, **options), stdout=subprocess.PIPE, text=True)

    def end(self, early=True):
        if early:
            self.process.terminate()
        with self.process:
            return json.loads(self.process.stdout.read())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def close_all(things):
    for thing in reversed(things):
        thing.close()
