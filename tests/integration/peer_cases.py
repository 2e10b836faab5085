# SPDX-License-Identifier: ISC
#
# Who may connect to a unix socket, how often, and that the slow and the silent hold up nobody.

import contextlib
import os
import socket

from harness import (Auth, Client, Failed, Site, Socketmap, check, check_eq, is_sanitized, listener, need_root, netstring,
                     process_name, scratch, wait_until)
from world import fill, running, world

HARRY = ("OK", "harry@example.com")
SOMEBODY, SOMEBODY_ELSE = 4711, 4712
BIN, MAIL = 2, 8  # groups of every Debian


@contextlib.contextmanager
def become(uid, gid=SOMEBODY, groups=()):
    """Be somebody else for a while: what a socket tells of its client is what he was when he connected."""
    before = os.getegid(), os.getgroups()
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[0])
        os.setgroups(before[1])


def answered(path):
    """Whether one who connects is answered, and not hung up on."""
    try:
        with Socketmap(path) as client:
            return client.ask("aliases", "post@example.com") == HARRY
    except (OSError, Failed):
        return False


PEERS = [
    # what is listed, who comes (user, group, other groups), whether he is let in
    (None, (SOMEBODY, SOMEBODY, ()), True),
    (["daemon"], (1, SOMEBODY, ()), True),
    (["daemon"], (SOMEBODY, 1, ()), False),
    (["daemon"], (0, 0, ()), True),
    (["4711"], None, None),
    (["@mail"], (SOMEBODY, MAIL, ()), True),
    (["@mail"], (SOMEBODY, SOMEBODY, (BIN, MAIL)), True),
    (["@mail"], (SOMEBODY, SOMEBODY, (BIN,)), False),
    (["@mail"], (MAIL, SOMEBODY, ()), False),
    (["@4712"], (SOMEBODY, SOMEBODY_ELSE, ()), True),
    (["daemon", "@mail"], (1, SOMEBODY, ()), True),
    (["daemon", "@mail"], (SOMEBODY, MAIL, ()), True),
    (["daemon", "@mail"], (SOMEBODY, SOMEBODY, ()), False),
]


def peers(env):
    need_root()
    with scratch() as tmp:
        path = os.path.join(tmp, "maps.sock")
        site = fill(Site(env.build, tmp, listeners=[]))

        def configure(listed):
            site.listeners = [listener("unix:" + path, mode=0o666, peers=listed)]
            site.configure()
        configure(None)
        with site.start() as daemon:
            for listed, who, let_in in PEERS:
                configure(listed)
                start = daemon.mark()
                daemon.reload()
                if who is None:  # nobody of that number: the old configuration stays
                    daemon.wait_log("there is no user '4711'", start)
                    continue
                with become(*who):
                    check_eq(answered(path), let_in, listed, who)
                if not let_in:
                    daemon.wait_log("user %d may not connect: not one of its peers" % who[0], start)


def peers_of_metrics(env):
    """Not by our own loop, and yet the same: who is none of them learns nothing."""
    need_root()
    with scratch() as tmp:
        path, open_path = os.path.join(tmp, "metrics.sock"), os.path.join(tmp, "open.sock")
        texts = [listener("unix:" + path, "metrics", mode=0o666, peers=["daemon"]),
                 listener("unix:" + open_path, "metrics", mode=0o666)]
        site = fill(Site(env.build, tmp, listeners=texts))
        with site.start() as daemon:
            for at, who, status in ((path, 1, b"200"), (path, 0, b"200"), (path, SOMEBODY, b"403"),
                                    (open_path, SOMEBODY, b"200")):
                for page in (b"metrics", b"healthz", b"other"):
                    with become(who), Client(at) as client:
                        client.send(b"GET /%s HTTP/1.0\r\n\r\n" % page)
                        while client.more():
                            pass
                    code = client.pending.split(b" ", 2)[1]
                    check_eq(code, b"404" if page == b"other" and status == b"200" else status, at, who, page)
                    check((b"vmaild_" in client.pending) == (page == b"metrics" and status == b"200"), at, who, page)
            daemon.wait_log("user %d may not connect: not one of its peers" % SOMEBODY)


def peers_of_twin(env):
    """A twin is the same listener."""
    need_root()
    with scratch() as tmp:
        path, queue = os.path.join(tmp, "maps.sock"), os.path.join(tmp, "q")
        os.mkdir(queue)
        text = listener("unix:" + path, mode=0o666, twin=True, peers=["daemon"])
        site = fill(Site(env.build, tmp, listeners=[text], queue_directories=[queue]))
        with site.start():
            for at in (path, queue + path):
                with become(1):
                    check(answered(at), at)
                with become(SOMEBODY):
                    check(not answered(at), at)


def one_user(env):
    """He has his share, the others have theirs, and what he closes he may open again."""
    need_root()
    with running(env, lookup_workers=1, max_connections_per_user=3) as (site, daemon):
        for connect in (lambda: Socketmap(site.maps), lambda: Auth(site.auth)):
            start = daemon.mark()
            with contextlib.ExitStack() as stack:
                with become(SOMEBODY):
                    first = stack.enter_context(connect())
                    for _ in range(2):
                        stack.enter_context(connect())
                    raw = socket.socket(socket.AF_UNIX)
                    raw.connect(site.maps if isinstance(first, Socketmap) else site.auth)
                    raw.settimeout(20)
                    check_eq(raw.recv(1), b"", "the fourth is turned away")
                    raw.close()
                daemon.wait_log("user %d has 3 connections already" % SOMEBODY, start)
                with become(SOMEBODY_ELSE):
                    check(works(connect), "another user")
                check(works(connect), "root")
                first.close()
                with become(SOMEBODY):
                    wait_until(lambda: works(connect), "room again")


def works(connect):
    try:
        with connect() as client:
            if isinstance(client, Socketmap):
                return client.ask("aliases", "post@example.com") == HARRY
            return client.plain("harry@example.com", "alohomora").word == "OK"
    except (OSError, Failed):
        return False


def share(env):
    """By default three quarters: a user who takes all he can get leaves room."""
    need_root()
    with running(env, lookup_workers=1, max_connections=16) as (site, daemon), contextlib.ExitStack() as stack:
        with become(SOMEBODY):
            for _ in range(30):
                s = stack.enter_context(socket.socket(socket.AF_UNIX))
                s.connect(site.maps)
        daemon.wait_log("user %d has 12 connections already" % SOMEBODY)
        with become(SOMEBODY_ELSE):
            check(answered(site.maps))


STALLED = [
    # on which socket, what is sent before the client stalls
    ("maps", b""),
    ("maps", b"2"),
    ("maps", b"24:aliases post@exa"),
    ("maps", netstring("aliases post@example.com") + b"99"),
    ("tcp", b"get post@exa"),
    ("auth", b""),
    ("auth", b"VERSION\t1"),
    ("auth", b"VERSION\t1\t0\nCPID\t1\nAUTH\t1\tPLAIN\tservice=imap\tresp="),
    ("userdb", b"VERSION\t1\t0\nUSER\t1\tharry"),
    ("policy", b"request=smtpd_access_policy\nsender=a@b"),
]
EACH = 50  # of them: 500 clients
SLOT = 16 * 1024  # bytes that one of them may cost at the most


def resident(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def stalled(env):
    """Each of them has his slot and nothing else: everybody else is served, and the slow one in the end too."""
    with world(env, lookup_workers=1, max_connections=1024) as site, contextlib.ExitStack() as stack:
        site.policy = os.path.join(site.tmp, "policy.sock")
        site.listeners.append(listener("unix:" + site.policy, "policy", mode=0o666))
        site.configure()
        daemon = stack.enter_context(site.start())
        check(works(lambda: Socketmap(site.maps)) and works(lambda: Auth(site.auth)))
        workers = daemon.workers()
        before = {pid: resident(pid) for pid in workers}
        for where, sent in STALLED * EACH:
            stack.enter_context(Client(getattr(site, where))).send(sent)
        check(works(lambda: Socketmap(site.maps)))
        check(works(lambda: Auth(site.auth)))
        slow = stack.enter_context(Socketmap(site.maps))
        for byte in netstring("aliases post@example.com"):
            slow.send(bytes([byte]))
            check(works(lambda: Socketmap(site.maps)))
        check_eq(slow.reply(), HARRY)
        check_eq(daemon.workers(), workers)
        for pid in workers:
            grown = resident(pid) - before[pid]
            if not is_sanitized(env.program("vmaild")):
                check(grown < SLOT * EACH * len(STALLED), process_name(pid), "took", grown, "bytes")


def register(suite):
    suite.add("peers: who is listed may connect", peers)
    suite.add("peers: of metrics too", peers_of_metrics)
    suite.add("peers: a twin has the same ones", peers_of_twin)
    suite.add("peers: one user has so many connections and no more", one_user)
    suite.add("peers: nobody takes every slot", share)
    suite.add("peers: five hundred slow and silent ones hold up nobody", stalled)
