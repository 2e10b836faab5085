# SPDX-License-Identifier: ISC
#
# What is answered: every map on both protocols, and every way of asking on one connection.

import contextlib
import os
import resource
import select
import signal
import threading

from harness import (TIMEOUT, Skip, Socketmap, Site, TcpTable, check, check_eq, free_port, listener, netstring, scratch,
                     wait_until)
from world import fill, running, world

MAPS = ("domains", "alias-domains", "mailboxes", "aliases", "senders")

ANSWERS = [
    # what it shows, map, key, the value (None: not found)
    ("a mailbox domain", "domains", "example.com", "example.com"),
    ("a domain in other letters, with its dot", "domains", "EXAMPLE.com.", "example.com"),
    ("no domain of ours", "domains", "elsewhere.example", None),
    ("an alias domain is no mailbox domain", "domains", "example.net", None),
    ("a relay domain is no mailbox domain", "domains", "relay.example", None),
    ("a domain that stands for another", "alias-domains", "example.net", "example.net"),
    ("a domain of aliases", "alias-domains", "lists.example", "lists.example"),
    ("a mailbox domain is no alias domain", "alias-domains", "example.com", None),
    ("a mailbox", "mailboxes", "harry@example.com", "harry@example.com"),
    ("a mailbox in other letters", "mailboxes", "Harry@Example.COM", "harry@example.com"),
    ("a mailbox with an extension", "mailboxes", "harry+list@example.com", "harry@example.com"),
    ("an alias is no mailbox", "mailboxes", "post@example.com", None),
    ("nobody", "mailboxes", "nobody@example.com", None),
    ("an alias", "aliases", "post@example.com", "harry@example.com"),
    ("an alias passes its extension on", "aliases", "post+x@example.com", "harry+x@example.com"),
    ("an alias for one extension", "aliases", "post+special@example.com", "sally@example.com"),
    ("an alias with two targets", "aliases", "team@example.com", "harry@example.com, sally@example.com"),
    ("an alias in a domain of aliases", "aliases", "club@lists.example",
     "harry@example.com, friend@elsewhere.example"),
    ("a mailbox is no alias", "aliases", "harry@example.com", None),
    ("a catch-all", "aliases", "whoever@catch.example", "harry@example.com"),
    ("a catch-all takes no mailbox", "aliases", "real@catch.example", None),
    ("a catch-all takes no mailbox with an extension", "aliases", "real+x@catch.example", None),
    ("an alias domain", "aliases", "harry@example.net", "harry@example.com"),
    ("an alias domain takes only who is there", "aliases", "nobody@example.net", None),
    ("a stranger", "aliases", "somebody@elsewhere.example", None),
    ("senders: the mailbox itself", "senders", "harry@example.com", "harry@example.com"),
    ("senders: all an alias leads to", "senders", "team@example.com", "harry@example.com, sally@example.com"),
    ("senders: by an alias domain", "senders", "post@example.net", "harry@example.com"),
    ("senders: nobody", "senders", "nobody@example.com", None),
]


@contextlib.contextmanager
def all_maps(env):
    """(site, {map: tcp address}): the world with a tcp_table listener for every map."""
    with scratch() as tmp:
        ports = {name: free_port() for name in MAPS}
        listeners = [listener("unix:%s/maps.sock" % tmp)]
        listeners += [listener("inet:127.0.0.1:%d" % port, "tcp", map=name) for name, port in ports.items()]
        site = fill(Site(env.build, tmp, listeners=listeners))
        with site.start():
            yield site, {name: ("127.0.0.1", port) for name, port in ports.items()}


def by_socketmap(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        for name, map, key, value in ANSWERS:
            expected = ("NOTFOUND", "") if value is None else ("OK", value)
            check_eq(client.ask(map, key), expected, name)


def by_tcp_table(env):
    with all_maps(env) as (_, ports):
        for name, map, key, value in ANSWERS:
            with TcpTable(ports[map]) as client:
                code, text = client.get(key)
                check_eq(code, "500" if value is None else "200", name)
                if value is not None:
                    check_eq(text, value, name)


def unknown_map(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        for map in ("nonsense", "", "Aliases", "aliases:", "credential"):
            check_eq(client.ask(map, "harry@example.com")[0], "PERM", map)
        check_eq(client.ask("mailboxes", "harry@example.com")[0], "OK")


def no_hash_leaves(env):
    """Whatever is asked, no answer holds what only the auth worker may read."""
    with running(env) as (site, _), Socketmap(site.maps) as client:
        for map in MAPS + ("credential", "passwords", "users"):
            for key in ("harry@example.com", "credential", "1", "' OR 1=1 --", "@example.com", "*", "%"):
                check("argon2" not in client.ask(map, key)[1].lower(), map, key)


def pipelined(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        asked = [row for row in ANSWERS * 20]
        client.send(b"".join(netstring("%s %s" % (map, key)) for _, map, key, _ in asked))
        for name, _, _, value in asked:
            check_eq(client.reply(), ("NOTFOUND", "") if value is None else ("OK", value), name)


def pipelined_tcp(env):
    with running(env) as (site, _), TcpTable(site.tcp) as client:
        client.send(b"get post@example.com\nget nobody@example.com\n" * 300)
        for _ in range(300):
            check_eq(client.reply(), ("200", "harry@example.com"))
            check_eq(client.reply()[0], "500")


def byte_at_a_time(env):
    with running(env) as (site, _), Socketmap(site.maps) as client, TcpTable(site.tcp) as table:
        for _ in range(3):
            for byte in netstring("aliases post@example.com"):
                client.send(bytes([byte]))
            check_eq(client.reply(), ("OK", "harry@example.com"))
            for byte in b"get post%40example.com\n":
                table.send(bytes([byte]))
            check_eq(table.reply(), ("200", "harry@example.com"))


def half_closed(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        client.send(netstring("aliases post@example.com") * 3 + b"22:aliases post@ex")
        client.end_of_input()
        for _ in range(3):
            check_eq(client.reply(), ("OK", "harry@example.com"))
        check(client.closed())


def slow_reader(env):
    """Much more is asked than is read: the daemon stops reading, holds no heap of answers, loses none."""
    targets = ["member%03d@far-away.example" % i for i in range(200)]
    rounds = 4000
    with running(env, lookup_workers=1) as (site, _), Socketmap(site.maps) as client:
        site.ctl("alias", "add", "many@example.com", *targets)
        request = netstring("aliases many@example.com")

        def ask():
            for _ in range(rounds):
                client.send(request)
            client.end_of_input()
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        with Socketmap(site.maps) as other:  # nobody else waits for the slow one
            check_eq(other.ask("aliases", "post@example.com"), ("OK", "harry@example.com"))
        for _ in range(rounds):
            check_eq(client.reply(), ("OK", ", ".join(targets)))
        asking.join()
        check(client.closed())


def is_stopped(pid):
    with open("/proc/%d/stat" % pid) as f:
        return f.read().rpartition(") ")[2].startswith("T")


def turns(site, worker):
    """One client asks much at once, another one thing: who was done first, as their sockets."""
    asked = 200
    with Socketmap(site.maps) as many, Socketmap(site.maps) as one, select.epoll() as order:
        for client in (many, one):  # so both are known to the worker
            check_eq(client.ask("domains", "example.com"), ("OK", "example.com"))
        os.kill(worker, signal.SIGSTOP)
        try:
            wait_until(lambda: is_stopped(worker), "the worker to stop")
            many.send(netstring("domains x.y") * asked + b"no netstring")  # for that it is hung up on: at the end
            one.request("domains", "example.com")
            order.register(many.socket, select.EPOLLRDHUP)  # told in the order in which it happens
            order.register(one.socket, select.EPOLLIN)
        finally:
            os.kill(worker, signal.SIGCONT)
        for _ in range(asked):
            check_eq(many.reply(), ("NOTFOUND", ""))
        check(many.closed())
        select.select([one.socket], [], [], TIMEOUT)
        done = [{many.socket.fileno(): "many", one.socket.fileno(): "one"}[fd] for fd, _ in order.poll()]
        check_eq(one.reply(), ("OK", "example.com"))
        return done


def in_turns(env):
    """Who asks much at once is not answered to the end before somebody else is answered at all. What is remembered
    takes no time worth a turn."""
    with running(env, lookup_workers=1, answer_memory=0) as (site, daemon):
        worker, = daemon.workers("lookup")
        for _ in range(10):
            check_eq(turns(site, worker), ["one", "many"])


def many_connections(env):
    wanted = 2000
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + 100:
        raise Skip("needs %d open files, %d are allowed" % (wanted + 100, soft))
    with running(env) as (site, _), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Socketmap(site.maps)) for _ in range(wanted)]
        for round in range(2):
            for client in clients:
                client.request("aliases", "post@example.com")
            for client in clients:
                check_eq(client.reply(), ("OK", "harry@example.com"))


def crowd(env):
    """Over max-connections nobody is refused: he waits until somebody leaves."""
    with running(env, lookup_workers=1, max_connections=16, max_connections_per_user=16) as (site, daemon):
        clients = [Socketmap(site.maps) for _ in range(40)]
        for client in clients:
            client.request("aliases", "post@example.com")
        daemon.wait_log("max-connections")  # for nobody has left yet
        for client in clients:
            check_eq(client.reply(), ("OK", "harry@example.com"))
            client.close()


def may_raise_limits():
    with open("/proc/self/status") as f:
        effective = next(line for line in f if line.startswith("CapEff:")).split()[1]
    return int(effective, 16) & 1 << 24 != 0  # CAP_SYS_RESOURCE


def no_descriptors(env):
    """Out of descriptors: who is connected is served, and the others when there are more."""
    if may_raise_limits():
        raise Skip("needs an ordinary user: the limit of open files is raised by this one")
    with world(env, lookup_workers=1, max_connections=1000) as site:
        with site.start(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))) as daemon:
            daemon.wait_log("warning: .* open files are needed")
            clients = [Socketmap(site.maps) for _ in range(60)]
            daemon.wait_log("no more connections for a moment: Too many open files")
            for client in clients:
                check_eq(client.ask("aliases", "post@example.com"), ("OK", "harry@example.com"))
                check_eq(client.ask("aliases", "nobody@example.com"), ("NOTFOUND", ""))
                client.close()


def register(suite):
    suite.add("lookup: every map by socketmap", by_socketmap)
    suite.add("lookup: every map by tcp_table", by_tcp_table)
    suite.add("lookup: an unknown map is a permanent error", unknown_map)
    suite.add("lookup: no answer ever holds a password hash", no_hash_leaves)
    suite.add("lookup: pipelined requests are answered in order", pipelined)
    suite.add("lookup: pipelined tcp_table requests are answered in order", pipelined_tcp)
    suite.add("lookup: requests that come byte by byte", byte_at_a_time)
    suite.add("lookup: a half-closed client gets its answers", half_closed)
    suite.add("lookup: a client that does not read holds up nobody and loses nothing", slow_reader)
    suite.add("lookup: who asks much at once takes turns with the others", in_turns)
    suite.add("lookup: 2000 connections at once, all answered", many_connections)
    suite.add("lookup: more connections than allowed wait their turn", crowd)
    suite.add("lookup: out of descriptors", no_descriptors)
