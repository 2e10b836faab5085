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
FAILSAFE = "failsafe mode is enabled and all members are accessible"  # what it logs when it has tried
PATIENCE = 3 * TIMEOUT  # a standby is made anew in this time, on a machine that has other things to do

INIT = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "init.py")]
DOCUMENTED = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "fleet")
FIRST_LINE = "scope: mail\n"
TIMES = "    wal_receiver_timeout: 3s\n"
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

    def start(self):
        """Start it, and wait until it has a role."""
        self.process = log_to(self.log, [*self.inside, *INIT, *self.as_owner(), "patroni", self.configuration])
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


class PatroniFleet(fleet.Fleet):
    """Three servers with Patroni, and one etcd on the bridge."""

    etcd = None

    def make_servers(self, tmp):
        self.etcd = Etcd(tmp, self.net.address(fleet.BRIDGE))
        self.etcd.start()
        for n, name in enumerate(fleet.NODES, 1):
            server = Managed(tmp, name, self.etcd, host=self.net.address(n), net=self.net.name(n))
            self.servers.append(server)
            server.start()
        self.primary = self.servers[0]

    def make_synchronous(self):
        """Patroni sees to it."""
        self.wait_for(self.standby, "a synchronous standby")

    def wait_for(self, condition, what):
        return wait_until(condition, what, PATIENCE)

    def standby(self):
        """The one that has every edit, or None."""
        return next((s for s in self.servers if s.process and s.is_synchronous()), None)

    def promoted(self):
        """Whom Patroni has made the primary, or None."""
        return next((s for s in self.servers if s.process and s.is_primary()), None)

    def stop(self):
        super().stop()
        if self.etcd:
            self.etcd.kill()


# --- what happens to it ---------------------------------------------------------------------------------------

def primary_killed(fleet, load):
    """Patroni promotes one of the others by itself, and makes a standby of the old primary when that comes back."""
    since, dead, heir = time.monotonic(), fleet.primary, fleet.wait_for(fleet.standby, "a synchronous standby")
    dead.kill()
    fleet.hold(load)
    fleet.primary = fleet.wait_for(fleet.promoted, "Patroni to promote a standby")
    check(fleet.primary is heir, "not the synchronous standby was promoted, but", fleet.primary.name)
    comment("Patroni promoted server %s after %.1f s" % (fleet.primary.name, time.monotonic() - since))
    fleet.edits_go_on(since, "primary killed, promoted by Patroni")
    dead.start()
    follow(fleet)
    fleet.wait_for(dead.is_standby, "the old primary to come back as a standby")
    fleet.hold(load)


def etcd_killed(fleet, load):
    """Nobody can agree on another primary any more; the one that there is stays (failsafe_mode), for all Patronis
    can see each other. Nobody notices."""
    before = fleet.editor.refused
    fleet.etcd.kill()
    fleet.wait_for(lambda: FAILSAFE in fleet.primary.whole_log(), "the primary to do without etcd")
    fleet.edits_go_on(time.monotonic(), "etcd killed")
    fleet.hold(load)
    fleet.etcd.start()
    since = time.time() + 1  # it counts whole seconds
    for server in fleet.servers:
        fleet.wait_for(lambda s=server: s.has_seen_etcd(since), "Patroni to find etcd again")
    check(fleet.promoted() is fleet.primary, "another primary")
    follow(fleet)
    fleet.hold(load)
    check(fleet.editor.refused == before, "%d edits were told to try again" % (fleet.editor.refused - before))


def follows(server, primary):
    """Whether SERVER has what PRIMARY has, and gets the rest. An old primary may be up for a moment before it is
    rewound: it has more, but gets nothing."""
    try:
        return primary.sql("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND application_name = '%s'" %
                           server.name) == "1" and server.has(primary)
    except Failed:
        return False  # Patroni has taken it down to do something to it


def follow(fleet):
    """Each standby gets what the primary has now."""
    for server in fleet.servers:
        if server is not fleet.primary:
            fleet.wait_for(lambda s=server: follows(s, fleet.primary), "server %s to follow" % server.name)


EVENTS = [primary_killed, etcd_killed]


def run(env):
    for program, package in (("patroni", "patroni"), ("etcd", "etcd-server"), ("ip", "iproute2")):
        if not shutil.which(program):
            raise Skip("needs %s (the package %s)" % (program, package))
    if not owner().get("user"):
        raise Skip("needs root, and a user for the servers")
    fleet.run(env, EVENTS, PatroniFleet)


def add_cases():
    suite.add("a fleet of three under Patroni: one thing after the other, and nobody promotes by hand", run)
