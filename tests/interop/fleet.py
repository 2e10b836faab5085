# SPDX-License-Identifier: ISC
#
# A fleet on one machine: three nodes, each with a PostgreSQL server and a vmaild that asks that server first, in
# network namespaces of their own; one of the servers is the primary. A real Postfix beside the second node takes
# mail all the time, somebody edits all the time, and clients of all three nodes ask all the time, while servers
# die, links are cut, and so on.
#
# What must hold: no mail is put off and no lookup fails as long as the node can reach a server that works; nobody
# who exists is refused; every edit that was acknowledged is there in the end. (A commit is acknowledged when one
# standby has it: synchronous_standby_names.)

import contextlib
import os
import socket
import subprocess
import threading
import time

import postfix
from cases import comment, need, suite
from harness import Failed, Site, Skip, Socketmap, TIMEOUT, check, listener, scratch, wait_until, write_file
from pgserver import Server, programs, uri
from postfix import Postfix
from sink import Sink
from trouble import ALIASES, EXIST, MAIN_CF, NOBODY, USERS, Load

NODES = ("one", "two", "three")
NETWORKS = "10.213.%d."  # one of them for each fleet on this machine
BRIDGE = 254  # its address there
POSTFIX = 1  # the place in NODES of the node that Postfix asks
SYNCHRONOUS = "synchronous_standby_names = 'ANY 1 (one, two, three)'\nsynchronous_commit = on\n"
DEADLINE = 9000  # ms for one lookup: enough for a machine that has other things to do for seconds
DISK = "400m"  # of each server


def ip(*words, check_it=True):
    done = subprocess.run(["ip", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check_it and done.returncode != 0:
        raise Skip("ip %s: %s" % (" ".join(words), done.stdout.strip()))


def claimed_network():
    """A network that no other fleet on this machine has, and what shows that it is ours: a socket named after it."""
    for n in range(1, 255):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind("\0vmaild-test-" + NETWORKS % n)
            return claim, NETWORKS % n
        except OSError:
            claim.close()
    raise Skip("as many fleets as this machine has networks for")


class Net:
    """A bridge, and a namespace with an address for every node."""

    def __init__(self):
        self.mark = "vm%d" % (os.getpid() % 100000)
        self.nodes = []
        self.claim, self.prefix = claimed_network()

    def address(self, n):
        return self.prefix + str(n)

    def __enter__(self):
        try:
            ip("link", "add", self.bridge(), "type", "bridge")
            ip("addr", "add", self.address(BRIDGE) + "/24", "dev", self.bridge())
            ip("link", "set", self.bridge(), "up")
            for n in range(1, len(NODES) + 1):
                self.add(n)
        except Skip:
            self.__exit__()
            raise
        return self

    def add(self, n):
        name, outer = self.name(n), self.outer(n)
        ip("netns", "add", name)
        self.nodes.append(n)
        ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", outer, "master", self.bridge(), "up")
        for words in (("addr", "add", self.address(n) + "/24", "dev", "eth0"), ("link", "set", "lo", "up"), ("link", "set", "eth0", "up")):
            ip("-n", name, *words)

    def bridge(self):
        return self.mark

    def outer(self, n):
        return "%s-%d" % (self.mark, n)

    def name(self, n):
        return "%sn%d" % (self.mark, n)

    def cut(self, n, is_cut=True):
        """The cable of a node is pulled, or put in again."""
        ip("link", "set", self.outer(n), "down" if is_cut else "up")

    def __exit__(self, *_):
        for n in self.nodes:
            ip("netns", "del", self.name(n), check_it=False)
        ip("link", "del", self.bridge(), check_it=False)
        self.claim.close()


class Node:
    """One vmaild in the network of its server."""

    def __init__(self, env, tmp, net, number, servers, queue=None):
        self.tmp = os.path.join(tmp, "n%d" % number)
        os.mkdir(self.tmp)
        os.chmod(self.tmp, 0o755)
        self.socket = os.path.join(self.tmp, "vmaild.sock")
        order = servers[number - 1:number] + servers[:number - 1] + servers[number:]
        self.site = Site(env.build, self.tmp, store=uri(*order), lookup_workers=1, lookup_deadline=DEADLINE, max_lag=2,
                         queue_directories=[queue] if queue else [],
                         listeners=[listener("unix:" + self.socket, "socketmap", 0o666, twin=bool(queue))])
        self.inside = os.path.join(self.tmp, "inside")
        self.there = ["ip", "netns", "exec", net.name(number)]
        write_file(self.inside, "#!/bin/sh\nexec %s %s \"$@\"\n" % (" ".join(self.there), self.site.program("vmaild")), 0o755)
        self.daemon = None

    def start(self):
        self.site.program = lambda name, usual=self.site.program: self.inside if name == "vmaild" else usual(name)
        self.daemon = self.site.start()

    def stop(self):
        if self.daemon:
            daemon, self.daemon = self.daemon, None
            daemon.stop()

    def log(self):
        return self.daemon.log.text if self.daemon else ""

    def knows(self, address):
        with Socketmap(self.socket) as client:
            said = client.ask("aliases", address)
        check(said[0] != "PERM", said)
        return said == ("OK", "harry@example.test")

    def edit(self, address):
        """Somebody edits on this node; the one who does it, a process, tells in the end whether it was acknowledged."""
        return subprocess.Popen([*self.there, self.site.program("vmailctl"), "-c", self.site.conf, "alias", "add", address,
                                 "harry@example.test"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Asker(threading.Thread):
    """A client of one node that asks as fast as it is answered; what it asks for exists, or never will."""

    QUESTIONS = [(("aliases", "post+x@example.test"), ("OK", "harry+x@example.test")),
                 (("aliases", "sales@lists.test"), ("OK", "sally@example.test")),
                 (("aliases", "nobody@example.test"), ("NOTFOUND", "")),
                 (("mailboxes", "sally+news@example.test"), ("OK", "sally@example.test")),
                 (("domains", "example.test"), ("OK", "example.test"))]

    def __init__(self, node):
        super().__init__()
        self.node = node
        self.over = threading.Event()
        self.rounds = self.failed = 0
        self.good_in_row = 0  # answers since it was told to try again
        self.longest = 0.0
        self.wrong = []
        self.blind = False  # its node can reach no server: it may be told to try again

    def run(self):
        try:
            with Socketmap(self.node.socket) as client:
                while not self.over.is_set():
                    self.ask_all(client)
        except Exception as e:
            self.wrong.append("a client broke: %r" % e)

    def ask_all(self, client):
        for question, right in self.QUESTIONS:
            blind = self.blind
            begin = time.monotonic()
            said = client.ask(*question)
            self.longest = max(self.longest, time.monotonic() - begin)
            if said[0] == "TEMP":
                self.failed += 1
                self.good_in_row = 0
                if not blind and not self.blind:
                    self.wrong.append("%r: %r" % (question, said))
            elif said != right:
                self.wrong.append("%r: %r" % (question, said))
            else:
                self.good_in_row += 1
            time.sleep(0.002)  # one CPU is to be left for the rest of the fleet
        self.rounds += 1


class Editor(threading.Thread):
    """Adds one alias after the other; which of them was acknowledged is remembered."""

    def __init__(self, node):
        super().__init__()
        self.site = node.site
        self.over = threading.Event()
        self.acknowledged = []
        self.refused = 0
        self.wrong = []

    def run(self):
        try:
            self.edit_on()
        except Exception as e:
            self.wrong.append("the editor broke: %r" % e)

    def edit_on(self):
        n = 0
        while not self.over.is_set():
            n += 1
            address = "edit%d@example.test" % n
            if self.add(address):
                self.acknowledged.append(address)
            else:
                self.refused += 1

    def add(self, address):
        """Whether that was acknowledged."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.site.ctl_run("alias", "add", address, "harry@example.test").returncode == 0
        return False


class Fleet:
    """What trouble.Load calls a host: `postfix`, `sink`."""

    patience = TIMEOUT  # for what takes the servers more than a moment

    def __init__(self, net, sink):
        self.net, self.sink = net, sink
        self.servers, self.nodes, self.askers = [], [], []
        self.recovery = {}
        self.postfix = self.editor = None

    def make(self, env, tmp):
        """All but the start. What was made is ended by stop(), also when this fails half way."""
        self.make_servers(tmp)
        self.postfix = Postfix(os.path.join(tmp, "p"))
        self.nodes = [Node(env, tmp, self.net, n, self.servers, self.postfix.queue if n == POSTFIX + 1 else None) for n in (1, 2, 3)]
        self.postfix.configure(MAIN_CF.format(table="socketmap:unix:%s:" % self.nodes[POSTFIX].socket, sink=self.sink.port))
        self.fill()
        self.make_synchronous()

    def make_servers(self, tmp):
        for n, name in enumerate(NODES, 1):
            server = Server(tmp, name, of=self.servers[0] if self.servers else None, host=self.net.address(n), net=self.net.name(n),
                            disk=DISK)
            self.servers.append(server)
            server.start()
        self.primary = self.servers[0]

    def make_synchronous(self):
        for server in self.servers:
            server.settings = SYNCHRONOUS
            server.configure()
            server.sql("SELECT pg_reload_conf()")

    def fill(self):
        site = self.nodes[0].site
        site.init("example.test", "catch.test", users=dict.fromkeys(USERS))
        site.ctl("domain", "add", "lists.test", "--kind", "alias")
        site.ctl("domain", "add", "old.test", "--target", "example.test")
        site.ctl("domain", "add", "relay.test", "--kind", "relay")
        site.ctl("map", "set", "relay-recipients", "partner@relay.test", "OK")
        for address, targets in ALIASES.items():
            site.ctl("alias", "add", address, *targets)
        for standby in self.servers[1:]:
            wait_until(lambda s=standby: s.has(self.primary), "the standby to follow")

    def start(self):
        for node in self.nodes:
            node.start()
        self.postfix.start()
        self.askers = [Asker(node) for node in self.nodes]
        self.editor = Editor(self.nodes[POSTFIX])
        for thread in [*self.askers, self.editor]:
            thread.start()

    def rest(self):
        """Nobody asks and edits any more."""
        for thread in self.clients():
            thread.over.set()
        for thread in self.clients():
            thread.join()

    def clients(self):
        return [t for t in [*self.askers, self.editor] if t and t.ident]

    def stop(self):
        for node in self.nodes:
            with contextlib.suppress(Exception):
                node.stop()
        if self.postfix:
            self.postfix.stop()
        for server in self.servers:
            server.close()

    # --- what is waited for

    def wait_for(self, condition, what):
        return wait_until(condition, what, self.patience)

    def edits_go_on(self, since, what):
        """Until an edit is acknowledged again; how long that took since SINCE is told in the end."""
        before = len(self.editor.acknowledged)
        self.wait_for(lambda: len(self.editor.acknowledged) > before, "an edit: " + what)
        self.recovery[what] = time.monotonic() - since

    def hold(self, load):
        """Everybody has asked often enough."""
        load.hold()
        enough = [a.rounds + 20 for a in self.askers]
        load.wait(lambda: all(a.wrong or a.rounds >= n for a, n in zip(self.askers, enough)), "the clients of the nodes")
        wrong = self.wrong()
        check(not wrong, "\n".join(wrong[:5]))

    def wrong(self):
        return [w for client in self.clients() for w in client.wrong[:5]]

    def settle(self):
        """All is well again: every server has what the primary has, and that has all that was acknowledged."""
        for server in self.servers:
            if server is not self.primary:
                self.wait_for(lambda s=server: self.follows(s), "server %s to follow" % server.name)
        self.nothing_lost()

    def follows(self, standby):
        return standby.has(self.primary)

    def nothing_lost(self):
        known = list(self.editor.acknowledged)
        there = set(self.primary.sql("SELECT address FROM vmaild.alias").split())
        lost = [a for a in known if a not in there]
        check(known, "no edit was acknowledged")
        check(not lost, "%d of %d acknowledged edits are lost: %s" % (len(lost), len(known), lost[:5]))

    def number(self, server):
        return self.servers.index(server) + 1

    def standbys(self):
        return [s for s in self.servers if s is not self.primary]

    def asker(self, server):
        """Whoever asks the node beside SERVER."""
        return self.askers[self.servers.index(server)]

    @contextlib.contextmanager
    def blind(self, load, *servers):
        """The nodes beside SERVERS have none to ask for a while: "try again" is what they say, and nothing else."""
        askers = [self.asker(s) for s in servers]
        for asker in askers:
            asker.blind = True
        with load.trouble("no server") if self.askers[POSTFIX] in askers else contextlib.nullcontext():
            yield
            for asker in askers:  # a node finds its servers again in its own time
                load.wait(lambda a=asker: a.wrong or a.good_in_row > len(a.QUESTIONS), "a node to find a server")
        for asker in askers:
            asker.blind = False

    def frozen(self):
        """Which standby shall be silent: Postfix's node is beside it, if it is one."""
        return min(self.standbys(), key=lambda s: self.servers.index(s) != POSTFIX)

    def kill_all(self):
        for server in self.servers:
            server.kill()

    def start_all(self):
        for server in [self.primary, *self.servers]:
            if server.process is None:
                server.start()

    def take_over(self):
        """The standby that knows most becomes the primary, and the other one follows it."""
        old, new = sorted(self.standbys(), key=lambda s: int(s.sql("SELECT pg_last_wal_receive_lsn() - '0/0'")))
        new.promote()
        old.stop()
        old.follow(new)
        old.start()
        self.primary = new


# --- what happens to it: FUNCTION(fleet, load) ----------------------------------------------------------------

def primary_killed(fleet, load):
    since, dead = time.monotonic(), fleet.primary
    dead.kill()
    fleet.hold(load)
    fleet.take_over()
    fleet.edits_go_on(since, "primary killed")
    dead.follow(fleet.primary)
    dead.start()
    fleet.hold(load)


def standby_promoted(fleet, load):
    """By hand, while the primary lives, but is cut off. Whoever edits there is never told that it is done, for no
    standby has it; and it is fenced before it may come back."""
    since, old, edit = time.monotonic(), fleet.primary, "alone@example.test"
    fleet.net.cut(fleet.number(old))
    with fleet.nodes[fleet.servers.index(old)].edit(edit) as alone:
        try:
            fleet.hold(load)
            fleet.take_over()
            fleet.edits_go_on(since, "standby promoted")
            fleet.hold(load)
            check(alone.poll() != 0, "a primary that is cut off has acknowledged an edit")
        finally:
            alone.kill()
    with fleet.blind(load, old):
        old.kill()
        fleet.net.cut(fleet.number(old), False)
    old.follow(fleet.primary)
    old.start()
    fleet.hold(load)


def link_cut(fleet, load):
    """Of a node whose server is a standby: it is asked on, and who edits elsewhere does not notice."""
    since, n = time.monotonic(), fleet.number(fleet.standbys()[0])
    fleet.net.cut(n)
    fleet.hold(load)
    fleet.edits_go_on(since, "link of a standby cut")
    fleet.net.cut(n, False)
    fleet.hold(load)


def primary_link_cut(fleet, load):
    """It stays the primary: edits wait for the link."""
    since, n = time.monotonic(), fleet.number(fleet.primary)
    fleet.net.cut(n)
    fleet.hold(load)
    fleet.net.cut(n, False)
    fleet.edits_go_on(since, "link of the primary cut")


def replication_paused(fleet, load):
    """The node beside that server asks another one as soon as it has missed something."""
    since, standby = time.monotonic(), fleet.standbys()[0]
    standby.sql("SELECT pg_wal_replay_pause()")
    fleet.hold(load)
    fleet.edits_go_on(since, "replication paused")
    newest, node = fleet.editor.acknowledged[-1], fleet.nodes[fleet.servers.index(standby)]
    since = time.monotonic()
    fleet.wait_for(lambda: node.knows(newest), "the node to know of " + newest)
    comment("replication paused: the node knew of an edit %.1f s after it" % (time.monotonic() - since))
    standby.sql("SELECT pg_wal_replay_resume()")
    fleet.hold(load)


def long_lock(fleet, load):
    """Somebody holds what everybody needs who writes: edits are told to try again, lookups do not notice."""
    before = fleet.editor.refused
    with subprocess.Popen([os.path.join(programs(), "psql"), "-XAtq", "-h", fleet.primary.dir, "-p", str(fleet.primary.port), "-U", "postgres"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        session.stdin.write("BEGIN; SELECT 'held' FROM vmaild.store FOR UPDATE;\n")
        session.stdin.flush()
        check(session.stdout.readline() == "held\n", "the lock")
        fleet.hold(load)
        wait_until(lambda: fleet.editor.refused > before, "an edit that is told to try again")
        since = time.monotonic()
        session.stdin.write("ROLLBACK;\n")
        session.stdin.close()
    fleet.edits_go_on(since, "long lock")


def standby_frozen(fleet, load):
    """It says nothing any more, and hangs up on nobody: its node asks another server."""
    since, standby = time.monotonic(), fleet.frozen()
    standby.freeze()
    fleet.hold(load)
    fleet.edits_go_on(since, "standby silent")
    standby.freeze(False)
    fleet.hold(load)


def disk_full(fleet, load):
    """The primary's disk is full, and it does what servers do then: it refuses to write, or it gives up."""
    primary, filler = fleet.primary, os.path.join(fleet.primary.dir, "filler")
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as f:
        while f.write(bytes(1 << 20)):
            pass
    before = fleet.editor.refused

    def no_room():
        with contextlib.suppress(Failed):  # until the log's files that were made in advance are used up
            primary.sql("CREATE TABLE IF NOT EXISTS public.filler (t int); INSERT INTO public.filler VALUES (1); SELECT pg_switch_wal()")
        return fleet.editor.refused > before

    fleet.wait_for(no_room, "an edit that finds no room")
    fleet.hold(load)
    os.unlink(filler)
    since = time.monotonic()
    if primary.process.poll() is not None:
        primary.kill()
        primary.start()
    fleet.edits_go_on(since, "disk full")
    fleet.hold(load)


def all_restarted(fleet, load):
    """For once there is no server at all: try again is what everybody is told, and nothing else."""
    since = time.monotonic()
    with fleet.blind(load, *fleet.servers):
        fleet.kill_all()
        fleet.hold(load)
        fleet.start_all()
    fleet.edits_go_on(since, "everything restarted")
    fleet.hold(load)


EVENTS = [primary_killed, standby_promoted, link_cut, primary_link_cut, replication_paused, long_lock, standby_frozen, disk_full,
          all_restarted]


def judge(fleet, load):
    load.arrive()
    wrong = load.wrong + fleet.wrong()
    check(not wrong, "\n".join(wrong[:10]))
    check(load.refusals() == load.turned_away, "5xx for who exists")
    check(load.taken and load.turned_away and all(a.rounds for a in fleet.askers), "a poor load")
    fleet.nothing_lost()


def summary(fleet, load):
    if not fleet.editor:
        return
    comment(load.summary())
    comment("edits: %d acknowledged, %d told to try again; lookups by node: %s; \"try again\": %s; longest ms: %s" % (
        len(fleet.editor.acknowledged), fleet.editor.refused, [a.rounds * len(a.QUESTIONS) for a in fleet.askers],
        [a.failed for a in fleet.askers], [round(a.longest * 1000) for a in fleet.askers]))
    comment("from the event to the first edit acknowledged, seconds: " +
            ", ".join("%s %.1f" % pair for pair in fleet.recovery.items()))


def run(env, events, kind=Fleet):
    need(postfix)
    programs()
    with scratch() as tmp, Net() as net, Sink() as sink:
        fleet = kind(net, sink)
        load = Load(fleet)
        try:
            fleet.make(env, tmp)
            try:
                fleet.start()
                with load.on():
                    for event in events:
                        event(fleet, load)
                        fleet.settle()
            finally:
                fleet.rest()
                summary(fleet, load)
            judge(fleet, load)
        except Exception:
            comment("\n".join(["wrong: %s" % w for w in fleet.wrong()] + load.wrong[:5] +
                              ([fleet.postfix.log.tail()] if fleet.postfix else []) +
                              ["node %d:\n%s" % (n, node.log()[-2500:]) for n, node in enumerate(fleet.nodes, 1)] +
                              [server.report() for server in fleet.servers]))
            raise
        finally:
            fleet.stop()


def add_cases():
    for event in EVENTS:
        suite.add("a fleet of three: no lookup fails, no edit is lost: " + event.__name__.replace("_", " "),
                  lambda env, event=event: run(env, [event]))
    suite.add("a fleet of three: one thing after the other", lambda env: run(env, EVENTS))
