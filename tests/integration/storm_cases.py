# SPDX-License-Identifier: ISC
#
# Requests that nobody in his right mind sends, by the ten thousand and on every listener, beside clients that are in
# theirs: those must not see a single error, and no process of the daemon may fall. What is sent follows from a seed.

import collections
import contextlib
import os
import random
import socket
import threading

from harness import (TIMEOUT, Auth, Socketmap, TcpTable, Userdb, b64, check, check_eq, is_sanitized, listener,
                     netstring, wait_until)
from policy_cases import DUNNO, Policy
from world import world

HARRY = ("OK", "harry@example.com")
ATTACKERS = 4
BATCH = 24  # requests of one connection

KEYS = [b"post@example.com", b"harry+tag@example.com", b"@catch.example", b"team@example.com", b"example.net", b"*",
        b'"har ry"@example.com', b"harry@xn--strae-oqa.example", "b\u00fcro@example.com".encode(), b"", b"a" * 300,
        b"harry@" + b"a." * 120 + b"com", b"\xff\xfe@example.com", b"<>", b"post+special@example.com"]
MAPS = [b"aliases", b"mailboxes", b"domains", b"senders", b"alias-domains", b"relay-domains", b"nonsense", b""]
NASTY = [b"\0", b"\n", b"\r\n", b"\t", b" ", b"%", b"%00", b"%zz", b",", b":", b"999999999:", b"-1:", b"\1", b"\x7f",
         b"\xff", b"'", b'"', b"\\", b"{", b"%s%n", b"=", b"\0" * 16, b"A" * 1000, b"\n\n", b"AUTH\t", b"get "]


def valid_socketmap(r):
    return r.choice(MAPS) + b" " + r.choice(KEYS)


def valid_tcp(r):
    return b"get " + TcpTable.coded(r.choice(KEYS))


def valid_policy(r):
    return b"request=smtpd_access_policy\nprotocol_state=RCPT\nsender=%s\nrecipient=%s" % (r.choice(KEYS), r.choice(KEYS))


def valid_auth(r):
    user = r.choice(["harry@example.com", "nobody@example.com", "mute@example.com", ""])
    word = r.choice(["AUTH", "AUTH", "AUTH", "CONT", "CANCEL", "CPID"])
    line = "%s\t%d\tPLAIN\tservice=%s\trip=192.0.2.%d\tresp=%s" % (
        word, r.randrange(1, 1 << 31), r.choice(["imap", "smtp", "pop3"]), r.randrange(256),
        b64("\0%s\0%s" % (user, r.choice(["alohomora", "x", ""]))))
    return line.encode()


def valid_userdb(r):
    word = r.choice(["USER", "USER", "PASS", "LIST"])
    return ("%s\t%d\t%s\tservice=%s" % (word, r.randrange(1, 1 << 31), r.choice(KEYS).decode("latin-1"),
                                        r.choice(["lmtp", "imap", "doveadm"]))).encode("latin-1")


def valid_metrics(r):
    return b"%s /%s HTTP/1.%d\r\nHost: x\r\n%s\r\n" % (
        r.choice([b"GET", b"HEAD", b"POST", b"get"]), r.choice([b"metrics", b"healthz", b"", b"../x", b"%00"]),
        r.randrange(3), r.choice([b"", b"Content-Length: 99999999999\r\n", b"Transfer-Encoding: chunked\r\n", b": \r\n"]))


def lines(payload):
    return payload + b"\n"


Kind = collections.namedtuple("Kind", "share hello valid frame")
KINDS = {
    "maps": Kind(40, b"", valid_socketmap, netstring),
    "tcp": Kind(20, b"", valid_tcp, lines),
    "policy": Kind(15, b"", valid_policy, lambda p: p + b"\n\n"),
    "auth": Kind(12, b"VERSION\t1\t0\nCPID\t1\n", valid_auth, lines),
    "userdb": Kind(12, b"VERSION\t1\t2\n", valid_userdb, lines),
    "metrics": Kind(1, b"", valid_metrics, lambda p: p),
}


def mutated(r, data, other):
    """DATA with one to four faults; pieces of OTHER may get into it."""
    data = bytearray(data)
    for _ in range(r.randrange(1, 5)):
        at, end = r.randrange(len(data) + 1), r.randrange(len(data) + 1)
        fault = r.randrange(7)
        if fault == 0 and data:
            data[at % len(data)] = r.randrange(256)
        elif fault == 1 and data:
            data[at % len(data)] ^= 1 << r.randrange(8)
        elif fault == 2:
            data[at:at] = r.choice(NASTY)
        elif fault == 3:
            del data[min(at, end):max(at, end)]
        elif fault == 4:
            data[at:at] = data[min(at, end):max(at, end)]
        elif fault == 5:
            data[at:] = other[r.randrange(len(other) + 1):]
        else:
            data[at:at] = r.randbytes(r.randrange(1, 40))
    return bytes(data)


def batch(r, kind):
    """Some requests in one piece. What breaks the framing comes last: the rest of such a connection is not read."""
    out = [kind.hello]
    for i in range(BATCH):
        request = kind.valid(r)
        if r.random() < 0.9:
            request = mutated(r, request, kind.valid(r))
        if i == BATCH - 1 and r.random() < 0.5:
            out.append(mutated(r, kind.frame(request), kind.frame(kind.valid(r))))
        else:
            out.append(kind.frame(request))
    if r.random() < 0.02:
        out[0] = mutated(r, kind.hello or kind.frame(kind.valid(r)), b"")
    return b"".join(out)


class Worker(threading.Thread):
    """A thread whose exception is raised in join()."""

    def __init__(self, function):
        super().__init__(daemon=True)
        self.function, self.failure = function, None
        self.start()

    def run(self):
        try:
            self.function()
        except BaseException as why:  # the case fails with it
            self.failure = why

    def join(self, timeout=None):
        super().join(timeout)
        check(not self.is_alive(), "it did not come to its end")
        if self.failure:
            raise self.failure


def attack(site, seed, requests, count):
    """Send so many requests and read whatever comes, until the daemon hangs up on each of us."""
    r = random.Random(seed)
    names, shares = list(KINDS), [k.share for k in KINDS.values()]
    while requests > 0:
        name = r.choices(names, shares)[0]
        data = batch(r, KINDS[name])
        address = getattr(site, name)
        with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as s:
            s.settimeout(TIMEOUT)
            s.connect(address)
            with contextlib.suppress(ConnectionError):  # hung up on: that is an answer
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(1 << 16):
                    pass
        requests -= BATCH
        count[name] += BATCH


def real(stop, count, connect, ask):
    """A client that keeps his connection and asks what he knows the answer of."""
    with connect() as client:
        while not stop.is_set():
            ask(client)
            count[ask.__name__] += 1


def aliases(client):
    check_eq(client.ask("aliases", "post+x@example.com"), ("OK", "harry+x@example.com"))
    check_eq(client.ask("mailboxes", "nobody@example.com"), ("NOTFOUND", ""))


def table(client):
    check_eq(client.get("team@example.com"), ("200", "harry@example.com, sally@example.com"))
    check_eq(client.get("nobody@example.com")[0], "500")


def policy(client):
    check_eq(client.ask("foe@elsewhere.example", "harry@example.com"), DUNNO)
    check(client.ask("foe@elsewhere.example", "club@lists.example").startswith("REJECT 5.7.1"))


def login(client):
    check_eq(client.plain("harry@example.com", "alohomora").word, "OK")
    refused = client.plain("harry@example.com", "wrong")
    check(refused.word == "FAIL" and "code" not in refused.named, refused)


def userdb(client):
    check_eq(client.ask("USER", "harry@example.com").word, "USER")
    check_eq(client.ask("USER", "nobody@example.com").word, "NOTFOUND")


def storm(env):
    requests = env.options.requests
    seed = env.options.seed if env.options.seed is not None else random.SystemRandom().randrange(1 << 31)
    print("# seed %d, %d requests" % (seed, requests), flush=True)
    with world(env, log_level="error", failure_delay=0, throttle_user_network=0, throttle_network=0, throttle_user=0,
               record_logins=1) as site:
        site.policy, site.metrics = (os.path.join(site.tmp, name + ".sock") for name in ("policy", "metrics"))
        site.listeners += [listener("unix:" + site.policy, "policy", 0o666),
                           listener("unix:" + site.metrics, "metrics", 0o666)]
        site.ctl("alias", "set", "club@lists.example", "--internal")
        site.configure()
        with site.start() as daemon:
            before = daemon.workers()
            stop, sent, asked = threading.Event(), collections.Counter(), collections.Counter()
            clients = [Worker(lambda c=connect, a=ask: real(stop, asked, c, a)) for connect, ask in (
                (lambda: Socketmap(site.maps), aliases), (lambda: TcpTable(site.tcp), table),
                (lambda: Policy(site.policy), policy), (lambda: Auth(site.auth), login),
                (lambda: Userdb(site.userdb), userdb))]
            attackers = [Worker(lambda n=n: attack(site, seed * ATTACKERS + n, requests // ATTACKERS, sent))
                         for n in range(ATTACKERS)]
            for worker in attackers:
                worker.join(3600)
            wait_until(lambda: len(asked) == len(clients) or any(not c.is_alive() for c in clients), "real clients")
            stop.set()
            for client in clients:
                client.join(TIMEOUT)
            for count in (sent, asked):
                print("# %s: %s" % ("sent" if count is sent else "asked beside it",
                                    ", ".join("%s %d" % c for c in sorted(count.items()))), flush=True)
            check_eq(daemon.workers(), before, "the same processes; log:", daemon.log.text[-3000:])
            check_eq(sum(sent.values()) >= requests - ATTACKERS * BATCH, True)
            site.ctl("check")


def register(suite):
    suite.add("storm: mutated requests on every listener, and real clients beside them", storm)
