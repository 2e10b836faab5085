# SPDX-License-Identifier: ISC
#
# The fleet of fleet.py with its servers in the hands of Patroni: who is the primary is agreed on in etcd, and nobody
# here promotes anybody. The configuration is the one that docs/fleet shows.

import contextlib
import http.client
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import fleet
from cases import comment, suite
from harness import TIMEOUT, Failed, Skip, check, free_port, wait_gone, wait_until, write_file
from pgserver import Server, hand_over, owner
from processes import real_user

PATRONI_PORT = 8008  # on an address that only this node has
STAYS = "failsafe mode is enabled and all members are accessible"  # what it logs when etcd does not answer
STEPS_DOWN = "because DCS is not accessible"  # and when it has stepped down
DISK = "500m"  # of each server
PATIENCE = 3 * TIMEOUT  # a standby is made anew in this time, on a machine that has other things to do

INIT = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "init.py")]
DOCUMENTED = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "fleet")
FIRST_LINE = "scope: mail\n"
TIMES = "    wal_sender_timeout: 10s\n"
FASTER = "    wal_retrieve_retry_interval: 100ms\n    fsync: 'off'\n    log_min_messages: fatal\n"
UNTRUSTED = "    - host all,replication all samenet scram-sha-256\n"


def documented():
    """The patroni.yml of docs/fleet."""
    with open(DOCUMENTED) as f:
        text = f.read()
    begin = text.index(FIRST_LINE)
    margin = text[text.rindex("\n", 0, begin) + 1:begin]
    lines = itertools.takewhile(lambda line: line.startswith(margin), text[begin - len(margin):].splitlines(True))
    return "".join(line[len(margin):] for line in lines)


def configuration(server):
    """The documented one, in another place, and faster: who is on this machine need not show a password, but standbys must."""
    text = documented()
    for theirs, ours in (("name: host1", "name: " + server.name),
                         ("10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379", server.etcd.place()),
                         ("10.0.0.1:5432", "%s:%d" % (server.host, server.port)),
                         ("10.0.0.1:", server.host + ":"),
                         ("/var/lib/postgresql/15/mail", server.data),
                         ("/usr/lib/postgresql/15/bin", server.bin),
                         ("/var/lib/postgresql/.pgpass-patroni", os.path.join(server.dir, "pgpass")),
                         ("/var/run/postgresql", server.dir),
                         ("password: ...", "password: none-of-yours"),
                         ("local all all peer", "local all all trust"),
                         (UNTRUSTED, "    - host postgres postgres samenet trust\n" + UNTRUSTED),
                         (TIMES, TIMES + FASTER)):
        check(theirs in text, "docs/fleet has no", theirs)
        text = text.replace(theirs, ours)
    return text


def ask(host, port, path):
    """What a page says: its status, 0 when nobody answers, and its text."""
    line = http.client.HTTPConnection(host, port, timeout=5)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        line.close()


def log_to(path, words):
    """Start WORDS; what they say goes into the file PATH."""
    with open(path, "ab") as log:
        return subprocess.Popen(words, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


class Etcd:
    """One alone, which is enough to try things; three make sense where it is serious."""

    def __init__(self, tmp, host):
        self.dir = os.path.join(tmp, "etcd")
        os.mkdir(self.dir)
        hand_over(self.dir)
        self.log = os.path.join(self.dir, "log")
        self.host, self.port, peers = host, free_port(), "http://127.0.0.1:%d" % free_port()
        clients = "http://" + self.place()
        self.words = [*Server.as_owner(), "etcd", "--name", "only", "--data-dir", os.path.join(self.dir, "data"),
                      "--log-level", "error", "--listen-client-urls", clients, "--advertise-client-urls", clients,
                      "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "only=" + peers]
        self.process = None

    def tail(self):
        with open(self.log, errors="replace") as f:
            return f.read()[-2000:]

    def start(self):
        self.process = log_to(self.log, self.words)
        wait_until(self.is_ready, "etcd")

    def is_ready(self):
        check(self.process.poll() is None, "etcd ended:", self.tail())
        return ask(self.host, self.port, "/health")[0] == 200

    def place(self):
        return "%s:%d" % (self.host, self.port)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait(TIMEOUT)
            self.process = None


class Managed(Server):
    """A server that Patroni makes, starts and promotes. What is started here is Patroni."""

    def __init__(self, tmp, name, etcd, **more):
        self.etcd = etcd
        super().__init__(tmp, name, **more)

    def make(self, of):
        """Its data are for Patroni to make."""
        self.configuration = os.path.join(self.dir, "patroni.yml")
        write_file(self.configuration, configuration(self), 0o644)

    def begin(self):
        self.process = log_to(self.log, [*self.inside, *INIT, *self.as_owner(), "patroni", self.configuration])

    def start(self):
        """Start it, and wait until it has a role."""
        self.begin()
        wait_until(lambda: self.is_primary() or self.is_standby(), "Patroni to start server %s" % self.name, PATIENCE)
        return self

    def says(self, path):
        check(self.process.poll() is None, "Patroni ended:", self.tail())
        return ask(self.host, PATRONI_PORT, path)[0] == 200

    def has_seen_etcd(self, since):
        """Whether its Patroni has spoken with etcd SINCE (in seconds of the clock)."""
        status, text = ask(self.host, PATRONI_PORT, "/patroni")
        return status and json.loads(text).get("dcs_last_seen", 0) > since

    def whole_log(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def said(self, what):
        """How often it has logged WHAT."""
        return self.whole_log().count(what)

    def is_primary(self):
        return self.says("/primary")

    def is_standby(self):
        return self.says("/replica")

    def is_synchronous(self):
        return self.says("/synchronous")

    def members(self):
        """All processes of the server and of its Patroni, whose child it is not for long: nobody else in the
        namespace has this user."""
        found = subprocess.run(["ip", "netns", "pids", self.inside[3]], stdout=subprocess.PIPE, text=True, check=False).stdout
        mine = []
        for pid in map(int, found.split()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if real_user(pid) == owner()["user"]:
                    mine.append(pid)
        return mine

    def freeze(self, frozen=True):
        """The whole host says nothing any more."""
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def kill(self):
        """Patroni and all of the server, as a power cut would. Who was being started meanwhile goes as well."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait(TIMEOUT)
        while pids := self.members():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for pid in pids:
                wait_gone(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)  # ours since its parent is gone
        self.process = None

    def report(self):
        """All that may tell why it is not what it should be: what Patroni and the server said, what runs there, and
        what the server's data are."""
        pids = ",".join(map(str, self.members())) or "0"
        looks = (["ps", "-o", "pid,ppid,stat,wchan:20,etimes,args", "-p", pids],
                 ["ip", "netns", "exec", self.inside[3], "ss", "-tnp"],
                 [os.path.join(self.bin, "pg_controldata"), "-D", self.data])
        said = [subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
                for words in looks]
        return "\n".join(["server %s at %s:" % (self.name, self.host), self.whole_log(), *said])

    def close(self):
        self.kill()
        super().close()


class PatroniFleet(fleet.Fleet):
    """Three servers with Patroni, and one etcd on the bridge."""

    etcd = None
    patience = PATIENCE

    def make_servers(self, tmp):
        self.etcd = Etcd(tmp, self.net.address(fleet.BRIDGE))
        self.etcd.start()
        for n, name in enumerate(fleet.NODES, 1):
            server = Managed(tmp, name, self.etcd, host=self.net.address(n), net=self.net.name(n), disk=DISK)
            self.servers.append(server)
            server.start()
        self.primary = self.servers[0]

    def make_synchronous(self):
        """Patroni sees to it."""
        self.synchronous()

    def synchronous(self):
        """The one that has every edit."""
        return self.wait_for(self.standby, "a synchronous standby")

    def standby(self):
        return next((s for s in self.standbys() if s.process and s.is_synchronous()), None)

    def frozen(self):
        return self.synchronous()

    def promoted(self):
        """Whom Patroni has made the primary, or None."""
        return next((s for s in self.servers if s.process and s.is_primary()), None)

    def follows(self, standby):
        """Whether it has what the primary has, and gets the rest. An old primary may be up for a moment before it is
        rewound: it has more, but gets nothing."""
        try:
            return self.primary.sql("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND application_name = '%s'" %
                                    standby.name) == "1" and standby.is_standby() and standby.has(self.primary)
        except Failed:
            return False  # Patroni has taken it down to do something to it

    def settle(self):
        self.primary = self.wait_for(self.promoted, "a primary")
        super().settle()
        self.synchronous()

    def kill_all(self):
        super().kill_all()
        self.etcd.kill()

    def start_all(self):
        self.etcd.start()
        for server in self.servers:
            server.begin()

    def stop(self):
        super().stop()
        if self.etcd:
            self.etcd.kill()


# --- what happens to it ---------------------------------------------------------------------------------------

def another_takes_over(fleet, since, what, ask=lambda: None):
    """Patroni promotes one of the others, by itself or because somebody ASKs for that."""
    old = fleet.primary

    def promoted():
        ask()
        return next((s for s in fleet.standbys() if s.process and s.is_primary()), None)

    fleet.primary = fleet.wait_for(promoted, "Patroni to promote a standby")
    comment("%s: server %s in the place of %s after %.1f s" % (what, fleet.primary.name, old.name, time.monotonic() - since))
    fleet.edits_go_on(since, what)


def primary_killed(fleet, load):
    """The old primary comes back at once, as a standby."""
    since, dead = time.monotonic(), fleet.primary
    fleet.synchronous()
    dead.kill()
    fleet.hold(load)
    another_takes_over(fleet, since, "primary killed")
    dead.start()


def standby_promoted(fleet, load):
    """As before maintenance: the primary steps down."""
    def switch_over():
        heir = fleet.synchronous()
        subprocess.run(["patronictl", "-c", heir.configuration, "switchover", "mail", "--leader", fleet.primary.name,
                        "--candidate", heir.name, "--force"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False)

    another_takes_over(fleet, time.monotonic(), "switchover", switch_over)
    fleet.hold(load)


def primary_link_cut(fleet, load):
    """It steps down by itself, for it reaches neither etcd nor the others; its node has nobody to ask while its server
    is started anew as a standby."""
    since, old = time.monotonic(), fleet.primary
    with fleet.blind(load, old):
        fleet.net.cut(fleet.number(old))
        fleet.hold(load)
        another_takes_over(fleet, since, "link of the primary cut")
        fleet.net.cut(fleet.number(old), False)
    fleet.hold(load)


def etcd_killed(fleet, load):
    """Nobody can agree on another primary any more; the one that there is stays (failsafe_mode), for all Patronis
    can see each other, and nobody notices. They give each other two seconds: where a machine is too busy for that,
    the primary steps down, and edits wait for etcd."""
    before, primary = fleet.editor.refused, fleet.primary
    stayed, gone = primary.said(STAYS), primary.said(STEPS_DOWN)

    def steps_down():
        return primary.said(STEPS_DOWN) > gone

    fleet.etcd.kill()
    fleet.wait_for(lambda: primary.said(STAYS) > stayed or steps_down(), "the primary to do without etcd")
    done = len(fleet.editor.acknowledged)
    fleet.wait_for(lambda: len(fleet.editor.acknowledged) > done or steps_down(), "an edit: etcd killed")
    fleet.hold(load)
    since = time.time() + 1  # it counts whole seconds
    fleet.etcd.start()
    for server in fleet.servers:
        fleet.wait_for(lambda s=server: s.has_seen_etcd(since), "Patroni to find etcd again")
    if steps_down():
        comment("etcd killed: this machine was too busy for failsafe_mode")
        return
    check(fleet.promoted() is primary, "another primary")
    check(fleet.editor.refused == before, "%d edits were told to try again" % (fleet.editor.refused - before))


EVENTS = [primary_killed, standby_promoted, fleet.link_cut, primary_link_cut, fleet.replication_paused, fleet.long_lock,
          fleet.standby_frozen, etcd_killed, fleet.disk_full, fleet.all_restarted]


def run(env):
    for program, package in (("patroni", "patroni"), ("etcd", "etcd-server"), ("ip", "iproute2")):
        if not shutil.which(program):
            raise Skip("needs %s (the package %s)" % (program, package))
    if not owner().get("user"):
        raise Skip("needs root, and a user for the servers")
    fleet.run(env, EVENTS, PatroniFleet)


def add_cases():
    suite.add("a fleet of three under Patroni: one thing after the other, and nobody promotes by hand", run)
