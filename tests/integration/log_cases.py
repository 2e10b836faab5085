# SPDX-License-Identifier: ISC
#
# The log: one line for each event, in three forms; and lookups in it, for whoever looks for a fault.

import contextlib
import json
import os
import pwd
import re
import signal
import time

from harness import (Auth, Failed, Socketmap, TcpTable, Userdb, check, check_eq, check_in, listener, netstring,
                     wait_until)
from policy_cases import Policy
from world import running, world

HARRY = ("OK", "harry@example.com")
PAIR = re.compile(r'([a-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^ "=]+))(?: |$)')


def logfmt(line):
    """A line of logfmt as a dictionary; fails on anything else."""
    at, found = 0, {}
    while at < len(line):
        match = PAIR.match(line, at)
        check(match and match[1] not in found, "no logfmt:", line)
        quoted, bare = match[2], match[3]
        found[match[1]] = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = match.end()
    return found


def one_object(line):
    """A line of JSON as a dictionary of texts."""
    found = json.loads(line)
    check(all(isinstance(v, (str, int)) for v in found.values()), line)
    return {k: str(v) for k, v in found.items()}


READERS = {"logfmt": logfmt, "json": one_object}
SECRETS = ("alohomora", "hocuspocus", "$argon2")


def events(env, name):
    """A daemon that writes this format sees one of everything; the log as dictionaries."""
    with running(env, log_format=name, log_lookups=["*"], failure_delay=0) as (site, daemon):
        with Auth(site.auth) as client:
            client.plain("harry@example.com", "alohomora", "imap", ("rip=192.0.2.1",))
            client.plain('har"ry\n@exa\\mple.com', "hocuspocus", "imap", ("rip=192.0.2.1",))
            client.plain("harry@example.com", "hocuspocus", "smtp")
        with Socketmap(site.maps) as client:
            check_eq(client.ask("aliases", "post@example.com"), HARRY)
        worker = daemon.workers("lookup")[0]
        os.kill(worker, signal.SIGKILL)
        daemon.wait_log("worker died")
        daemon.reload()
        daemon.wait_log("configuration reloaded")
    text = daemon.log.text
    for secret in SECRETS:
        check(secret not in text, secret, "in", text)
    return worker, [READERS[name](line) for line in text.splitlines()]


def formats(env):
    for name in READERS:
        worker, lines = events(env, name)

        def one(msg, **fields):
            got = [line for line in lines if line["msg"] == msg and fields.items() <= line.items()]
            check_eq(len(got), 1, name, msg, fields, lines)
            return got[0]
        for line in lines:
            check({"time", "level", "program", "pid", "msg"} <= line.keys(), name, line)
            check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}", line["time"]), line)
            check_eq(line["program"], "vmaild")
        one("login", level="debug", role="auth worker", user="harry@example.com", service="imap", ip="192.0.2.1")
        one("login refused", user=r"har\x22ry\x0a@exa\x5cmple.com", reason="unknown user")
        check("ip" not in one("login refused", level="info", service="smtp", reason="wrong password"), "nobody knows")
        one("lookup", map="aliases", key="post@example.com", outcome="found", value="harry@example.com",
            uid=str(os.geteuid()), process=str(os.getpid()))
        one("worker died", level="warning", process=str(worker), signal="9")
        check_eq(one("ready")["listeners"], "4", name)
        one("configuration reloaded", workers="3")


def sentences(env):
    """The default is for people."""
    with running(env, log_lookups=["*"]) as (site, daemon):
        with Socketmap(site.maps) as client:
            client.ask("aliases", "po'st@example.com")
        daemon.wait_log(r"^\S+ vmaild\[lookup worker \d\]: lookup: map 'aliases', key 'po\\x27st@example\.com', "
                        r"from user %d \(process %d\): none$" % (os.geteuid(), os.getpid()))


# --- which lookups

def ask_everything(site):
    """Some lookups in each of the ways there are."""
    with Socketmap(site.maps) as client:
        for map in ("aliases", "mailboxes"):
            for key in ("post@example.com", "post@catch.example"):
                client.ask(map, key)
        client.send(netstring("aliases " + "x" * 9000))  # remembered or not, long or not
        client.reply()
        client.ask("nonsense", "post@example.com")
    with TcpTable(site.tcp) as client:
        client.get("post@example.com")
    with Userdb(site.userdb) as client:
        client.ask("USER", "harry@example.com")
    with Policy(site.policy) as client:
        client.ask("a@b.example", "post@example.com")


ALL = 9
ME = pwd.getpwuid(os.geteuid()).pw_name
RULES = [
    # the rules, how many of the lookups of ask_everything they choose
    ([], 0),
    (["*"], ALL),
    (["map=aliases"], 4),
    (["map=mailboxes", "map=nonsense"], 3),
    (["map=policy"], 1),
    (["map=userdb"], 1),
    (["address=post@example.com"], 5),
    (["address=*@catch.example"], 2),
    (["address=POST@example.com"], 0),
    (["map=aliases address=post@*"], 3),
    (["client=127.0.0.1"], 1),
    (["client=127.0.0.0/8 map=mailboxes"], 0),
    (["client=192.0.2.0/24,127.0.0.1"], 1),
    (["client=192.0.2.0/24"], 0),
    (["client=" + ME], ALL - 1),
    (["client=%d" % os.geteuid(), "client=127.0.0.1"], ALL),
    (["client=daemon"], 0 if ME != "daemon" else ALL - 1),
]


def reload(site, daemon, chosen):
    """Log the lookups that are CHOSEN from now on; where the log ends now."""
    site.configure(log_lookups=chosen)
    start = daemon.mark()
    daemon.reload()
    return daemon.wait_log("configuration reloaded", start).end()


def rules(env):
    """On and off while it serves, each time by a reload."""
    with world(env, lookup_workers=1) as site:
        site.policy = os.path.join(site.tmp, "policy.sock")
        site.listeners.append(listener("unix:" + site.policy, "policy", 0o666))
        site.configure()
        with site.start() as daemon:
            for chosen, number in RULES:
                start = reload(site, daemon, chosen)
                ask_everything(site)
                reload(site, daemon, [])  # and every line of the workers before is there
                said = re.findall("lookup: map.*", daemon.log.text[start:])
                check_eq(len(said), number, chosen, said)


def remembered(env):
    """What is answered out of memory is logged like everything else."""
    with running(env, lookup_workers=1, log_lookups=["map=aliases"]) as (site, daemon), Socketmap(site.maps) as client:
        for _ in range(20):
            client.ask("aliases", "post@example.com")
        daemon.wait_log("(?s)(key 'post@example.com'.*){20}")


def nobody(env):
    for rule, said in (("map=aliases client=nobody-of-that-name", "there is no user 'nobody-of-that-name'"),
                       ("client=127.0.0.1/8", "127.0.0.0/8"), ("client=10.0.0.0/8,x", "'x'")):
        with world(env, log_lookups=[rule]) as site:
            done = site.run("-t")
            check(done.returncode != 0)
            check_in("log-lookups: '%s': " % rule, done.stderr)
            check_in(said, done.stderr)


# --- how fast a client may send

def rate(env):
    """Who sends more than his share is answered late, and whole; the others do not notice."""
    kib, each = 2, netstring("aliases post@example.com")
    number = 3 * kib * 1024 // len(each)
    with running(env, lookup_workers=1, max_client_rate=kib) as (site, _), \
            Socketmap(site.maps) as greedy, Socketmap(site.maps) as other:
        start = time.monotonic()
        greedy.send(each * number)
        greedy.end_of_input()
        for _ in range(40):
            check_eq(other.ask("aliases", "post@example.com"), HARRY)
        for _ in range(number):
            check_eq(greedy.reply(), HARRY)
        check(greedy.closed())
        # never sooner, however fast the machine: the first second's worth at once, the last piece 4 KiB early
        check(time.monotonic() - start >= 0.9, "nobody was made to wait")


def rate_and_reload(env):
    """Who is made to wait is not forgotten when the worker goes."""
    each = netstring("aliases post@example.com")
    with running(env, lookup_workers=1, max_client_rate=1) as (site, daemon), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Socketmap(site.maps)) for _ in range(8)]
        for client in clients:
            client.send(each * 400)
            check_eq(client.reply(), HARRY)
        daemon.reload()
        for client in clients:
            for _ in range(399):
                check_eq(client.reply(), HARRY)


def register(suite):
    suite.add("log: for programs", formats)
    suite.add("log: for people", sentences)
    suite.add("log: lookups by map, address and client, on and off", rules)
    suite.add("log: lookups answered out of memory", remembered)
    suite.add("log: lookups of somebody who is not there", nobody)
    suite.add("rate: who sends too fast waits, and nobody else", rate)
    suite.add("rate: who waits is answered before the worker leaves", rate_and_reload)
