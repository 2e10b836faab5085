# SPDX-License-Identifier: ISC
#
# Where mail lives, and the list of all users, as Dovecot's LMTP and doveadm ask for them.

import contextlib
import os
import pwd
import sqlite3

from harness import Auth, Userdb, check, check_eq, ordinary_user
from world import PASSWORDS, running, world

USERS = 20000


def users(env):
    with running(env, mail_home="/var/vmail/%d/%n") as (site, _), Userdb(site.userdb) as client:
        for word in ("USER", "PASS"):
            for user in ("harry@example.com", "Harry@EXAMPLE.com", "mute@example.com"):
                reply = client.ask(word, user)
                check_eq(reply.word, word, user)
            for user in ("nobody@example.com", "post@example.com", "harry", "", "x" * 900, "harry@example.net"):
                check_eq(client.ask(word, user).word, "NOTFOUND", word, user)


def fields(env):
    with running(env, mail_home="/srv/%d/%n/%u") as (site, _), Userdb(site.userdb) as client:
        site.ctl("user", "add", "--no-password", "--quota", "1G", "roomy@example.com")
        who = pwd.getpwnam(ordinary_user())
        reply = client.ask("USER", "Roomy@Example.com")
        check_eq((reply.word, reply.words), ("USER", ["roomy@example.com"]))
        check_eq(reply.named["home"], "/srv/example.com/roomy/roomy@example.com")
        if who.pw_uid != 0:
            check_eq((reply.named["uid"], reply.named["gid"]), (str(who.pw_uid), str(who.pw_gid)))
        check_eq(reply.named["quota_rule"], "*:bytes=%d" % 2**30)
        reply = client.ask("PASS", "roomy@example.com")
        check_eq(reply.named["user"], "roomy@example.com")
        check(not [k for k in reply.named if "pass" in k.lower()], "a password leaves:", reply)


def no_mail_user(env):
    """Nobody knows whose the files would be: mail waits. Logging in for Postfix needs no files."""
    for user in ("nosuchuser", "root"):
        with running(env, mail_user=user, failure_delay=0) as (site, daemon):
            daemon.wait_log("warning: mail-user: .*'%s'.*but Postfix's is told to try again" % user)
            with Userdb(site.userdb) as client:
                check_eq(client.ask("USER", "harry@example.com").word, "FAIL")
                check_eq(client.ask("USER", "nobody@example.com").word, "NOTFOUND")
            with Auth(site.auth) as client:
                check_eq(client.plain("harry@example.com", "alohomora", service="smtp").word, "OK")
                reply = client.plain("harry@example.com", "alohomora", service="imap")
                check_eq((reply.word, reply.named.get("code")), ("FAIL", "temp_fail"))
                daemon.wait_log("login failed: .*imap.*mail-user, which is '%s'" % user)
                reply = client.plain("harry@example.com", "wrong", service="imap")
                check_eq((reply.word, reply.named.get("code")), ("FAIL", None))


def listing(env):
    with running(env) as (site, _), Userdb(site.userdb) as client:
        for _ in range(2):
            everybody, end = client.list()
            check_eq((everybody, end.word), (sorted(PASSWORDS), "DONE"))
        check_eq(client.ask("USER", "harry@example.com").word, "USER")


def add_many(site):
    with contextlib.closing(sqlite3.connect(site.store)) as db, db:
        db.executemany("INSERT INTO mailbox (address, domain, created) VALUES (?, 'example.com', 0)",
                       (("user%06d@example.com" % i,) for i in range(USERS)))
    return sorted(list(PASSWORDS) + ["user%06d@example.com" % i for i in range(USERS)])


def long_listing(env):
    with world(env) as site:
        expected = add_many(site)
        with site.start(), Userdb(site.userdb) as client:
            everybody, end = client.list()
            check_eq(end.word, "DONE")
            check(everybody == expected, "the list of %d users is another one" % USERS)


def lists_side_by_side(env):
    """Many lists at once, unread: nobody waits for them, each is whole in the end."""
    with world(env) as site:
        expected = add_many(site)
        with site.start() as daemon, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Userdb(site.userdb)) for _ in range(8)]
            for client in clients:
                client.request("LIST", "service=doveadm")
            with Userdb(site.userdb) as other:
                check_eq(other.ask("USER", "harry@example.com").word, "USER")
            for client in clients:
                got = []
                while (line := client.line()) != "DONE\t1":
                    got.append(line.split("\t")[2])
                check(got == expected, "the list of %d users is another one" % USERS)


def two_on_one_connection(env):
    with running(env) as (site, _), Userdb(site.userdb) as client:
        first, second = client.request("LIST"), client.request("LIST")
        client.request("USER", "harry@example.com")
        client.end_of_input()
        lines = []
        with contextlib.suppress(EOFError):
            while True:
                lines.append(client.line().split("\t"))
        for number in (first, second):
            check_eq([l[2] for l in lines if l[:2] == ["LIST", number]], sorted(PASSWORDS))
            check_eq(len([l for l in lines if l == ["DONE", number]]), 1)
        check_eq(len([l for l in lines if l[0] == "USER"]), 1)


def left_half_way(env):
    with world(env) as site:
        add_many(site)
        with site.start() as daemon:
            worker = daemon.workers("auth")
            for _ in range(10):
                client = Userdb(site.userdb)
                client.request("LIST")
                client.line()
                client.close()
            with Userdb(site.userdb) as client:
                check_eq(client.ask("USER", "harry@example.com").word, "USER")
            check_eq(daemon.workers("auth"), worker)


def lost_half_way(env):
    """The store goes while a list is being told: the end of the list says so."""
    with world(env) as site:
        add_many(site)
        with site.start(), Userdb(site.userdb) as client:
            client.request("LIST")
            client.line()
            os.rename(site.store, site.store + ".away")
            last = ""
            while not last.startswith(("DONE", "FAIL")):
                last = client.line()
            check_eq(last, "DONE\t1\tfail")
            os.rename(site.store + ".away", site.store)
            check_eq(len(client.list()[0]), USERS + len(PASSWORDS))


def register(suite):
    suite.add("userdb: who is there and who is not", users)
    suite.add("userdb: the fields", fields)
    suite.add("userdb: no mail user", no_mail_user)
    suite.add("userdb: the list of all", listing)
    suite.add("userdb: a long list", long_listing)
    suite.add("userdb: long lists side by side", lists_side_by_side)
    suite.add("userdb: two lists on one connection", two_on_one_connection)
    suite.add("userdb: clients that leave half way through a list", left_half_way)
    suite.add("userdb: the store is lost half way through a list", lost_half_way)
