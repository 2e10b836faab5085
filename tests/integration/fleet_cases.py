# SPDX-License-Identifier: ISC
#
# The daemon on PostgreSQL: the same answers, and on bad days those of another server, or "try again".

import contextlib
import os
import socket
import threading
import time

from harness import Auth, Site, Socketmap, check, check_eq, check_in, scratch, wait_until
from pgserver import servers, uri
from world import fill

HARRY = ("OK", "harry@example.com")
QUESTIONS = [
    (("aliases", "post@example.com"), HARRY),
    (("aliases", "post+tag@example.com"), ("OK", "harry+tag@example.com")),
    (("aliases", "team@example.com"), ("OK", "harry@example.com, sally@example.com")),
    (("aliases", "anybody@catch.example"), HARRY),
    (("aliases", "real@catch.example"), ("NOTFOUND", "")),
    (("aliases", "post@example.net"), ("OK", "post@example.com")),
    (("aliases", "nobody@example.com"), ("NOTFOUND", "")),
    (("mailboxes", "harry+tag@example.com"), HARRY),
    (("mailboxes", "nobody@example.com"), ("NOTFOUND", "")),
    (("domains", "example.com"), ("OK", "example.com")),
    (("domains", "elsewhere.example"), ("NOTFOUND", "")),
    (("relay-domains", "relay.example"), ("OK", "relay.example")),
]
DEADLINE = 10000  # ms: what is left in time is left long before that, on any machine


def answers(client, questions=QUESTIONS):
    """Ask all of QUESTIONS: how many were answered by "try again". Whatever else is not right is a failure. What is right
    is one answer, or a list of those that are."""
    later = 0
    for question, right in questions:
        said = client.ask(*question)
        if said[0] == "TEMP":
            later += 1
        else:
            check_in(said, right if isinstance(right, list) else [right], question)
    return later


@contextlib.contextmanager
def fleet(env, *names, options="", **settings):
    """(site, daemon, servers): the world in the first of these servers, and a daemon that asks them in their order."""
    with scratch() as tmp, servers(tmp, *names) as found:
        site = Site(env.build, tmp, store=uri(*found, options=options), lookup_workers=1, lookup_deadline=DEADLINE, **settings)
        fill(site)
        for standby in found[1:]:
            wait_until(lambda s=standby: s.has(found[0]), "the standby to follow")
        with site.start() as daemon:
            yield site, daemon, found


@contextlib.contextmanager
def asked_throughout(site, questions=QUESTIONS):
    """Somebody asks all the time; what he counts: [rounds, answers of "try again"]. A wrong answer fails the case."""
    count, wrong, over = [0, 0], [], threading.Event()

    def ask():
        try:
            with Socketmap(site.maps) as client:
                while not over.is_set():
                    count[1] += answers(client, questions)
                    count[0] += 1
        except Exception as e:
            wrong.append(e)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        wait_until(lambda: count[0] > 0 or wrong, "the first answers")
        yield count
        before = count[0]
        wait_until(lambda: count[0] > before + 1 or wrong, "more answers")
    finally:
        over.set()
        thread.join()
    check(not wrong, "asking throughout:", *wrong)


def same_answers(env):
    """All of the maps' kinds, logins, and an edit that the next lookup knows of."""
    with fleet(env, "one") as (site, _, found), Socketmap(site.maps) as client:
        check_eq(answers(client), 0)
        site.ctl("map", "create", "mine", "--search", "exact")
        site.ctl("map", "set", "mine", "a key", "a value")
        check_eq(client.ask("mine", "a key"), ("OK", "a value"))
        check_eq(client.ask("mine", "another"), ("NOTFOUND", ""))
        check_eq(client.ask("mine", "\xff\xfe"), ("NOTFOUND", ""))
        check_eq(client.ask("not-mine", "a key")[0], "PERM")
        site.ctl("alias", "add", "sales-*@example.com", "sally@example.com")
        check_eq(client.ask("aliases", "sales-north@example.com"), ("OK", "sally@example.com"))
        check_eq(client.ask("senders", "post@example.com"), ("OK", "harry@example.com"))
        for i in range(5):
            site.ctl("alias", "add", "new%d@example.com" % i, "harry@example.com")
            check_eq(client.ask("aliases", "new%d@example.com" % i), HARRY)
            site.ctl("alias", "remove", "new%d@example.com" % i)
            check_eq(client.ask("aliases", "new%d@example.com" % i), ("NOTFOUND", ""))
        with Auth(site.auth) as auth:
            check_eq(auth.plain("harry@example.com", "alohomora").word, "OK")
            check_eq(auth.plain("harry@example.com", "wrong").word, "FAIL")


def many_clients(env):
    """Sixty at once, each with many questions in one piece, get their own answers in order."""
    with fleet(env, "one") as (site, _, _), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Socketmap(site.maps)) for _ in range(60)]
        for client in clients:
            for question, _ in QUESTIONS * 3:
                client.request(*question)
        for client in clients:
            for question, right in QUESTIONS * 3:
                check_eq(client.reply(), right, question)


def one_moment(env):
    """What an alias domain stands for changes, with all that is in it, in one transaction: nobody is lost between."""
    flip = """BEGIN;
        UPDATE vmaild.store SET turn = turn + 1;
        UPDATE vmaild.domain SET target = '%(to)s' WHERE name = 'a.example';
        UPDATE vmaild.alias SET address = 'post@%(to)s', domain = '%(to)s' WHERE address = 'post@%(from)s';
        COMMIT;
    """
    with fleet(env, "one") as (site, _, found):
        site.ctl("domain", "add", "b.example", "--kind", "alias")
        site.ctl("domain", "add", "c.example", "--kind", "alias")
        site.ctl("domain", "add", "a.example", "--target", "b.example")
        site.ctl("alias", "add", "post@b.example", "harry@example.com")
        found[0].sql("ALTER TABLE vmaild.alias_target DROP CONSTRAINT alias_target_address_fkey, ADD CONSTRAINT alias_target_address_fkey"
                     " FOREIGN KEY (address) REFERENCES vmaild.alias (address) ON UPDATE CASCADE ON DELETE CASCADE")
        flips = "".join(flip % {"from": f, "to": t} for f, t in (("b.example", "c.example"), ("c.example", "b.example")) * 400)
        with asked_throughout(site, [(("aliases", "post@a.example"), [("OK", "post@b.example"), ("OK", "post@c.example")])]) as count:
            found[0].sql(flips)
        check_eq(count[1], 0, "tries again in %d rounds" % count[0])


def primary_dies(env):
    """The primary is killed under the daemon's hands: the standby is asked; it becomes the primary, and takes edits."""
    with fleet(env, "one", "two") as (site, daemon, found):
        with asked_throughout(site) as count:
            found[0].kill()
            wait_until(lambda: "server 2 of" in daemon.log.text, "the daemon to ask the standby")
        check_eq(count[1], 0, "tries again")
        found[1].promote()
        site.ctl("alias", "add", "new@example.com", "harry@example.com")
        with Socketmap(site.maps) as client:
            check_eq(client.ask("aliases", "new@example.com"), HARRY)
            found[0].follow(found[1])
            found[0].start()
            wait_until(lambda: found[0].sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vmaild'") != "0",
                       "the daemon to come back to its first server")
            check_eq(answers(client), 0)


def server_is_silent(env):
    """A server that says nothing, but hangs up on nobody: the other is asked, before the deadline."""
    with fleet(env, "one", "two") as (site, daemon, found):
        with asked_throughout(site) as count:
            found[0].freeze()
            before = count[0]
            wait_until(lambda: count[0] > before + 3, "answers while the first server is silent")
            found[0].freeze(False)
        check_eq(count[1], 0, "tries again")


def lagging_standby(env):
    """A standby that does not follow is left for a server that does, and asked again when it does."""
    with fleet(env, "one", "two", max_lag=1) as (site, daemon, found):
        site.configure(store=uri(found[1], found[0]))
        daemon.reload()
        daemon.wait_log("server 1 of .*standby")
        found[1].sql("SELECT pg_wal_replay_pause()")
        site.ctl("alias", "add", "new@example.com", "harry@example.com")
        with asked_throughout(site) as count, Socketmap(site.maps) as client:
            wait_until(lambda: client.ask("aliases", "new@example.com") == HARRY, "the primary's answer")
            found[1].sql("SELECT pg_wal_replay_resume()")
            wait_until(lambda: found[1].has(found[0]), "the standby to follow")
            wait_until(lambda: found[0].sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vmaild'"
                                            " AND query LIKE '%AS key%'") == "0", "the standby to be asked again")
            check_eq(client.ask("aliases", "new@example.com"), HARRY)
        check_eq(count[1], 0, "tries again")


def standby_preferred(env):
    """The primary, though it is named first, is asked only while no standby can be, or none that follows."""
    with fleet(env, "one", "two", options="?target_session_attrs=prefer-standby", max_lag=1) as (site, daemon, (one, two)):
        daemon.wait_log("server 2 of .*a standby")
        with asked_throughout(site) as count, Socketmap(site.maps) as client:
            for leave, back in ((two.stop, two.start), (lambda: two.sql("SELECT pg_wal_replay_pause()"),
                                                        lambda: two.sql("SELECT pg_wal_replay_resume()"))):
                mark = daemon.mark()
                leave()
                address = "new%d@example.com" % mark
                site.ctl("alias", "add", address, "harry@example.com")
                daemon.wait_log("asked of server 1 of", mark)
                wait_until(lambda a=address: client.ask("aliases", a) == HARRY, "the primary's answer")
                back()
                daemon.wait_log("asked of server 2 of .*a standby", mark)
        check_eq(count[1], 0, "tries again")


def judged_first(env):
    """A standby that has been behind for too long is not asked at all by who comes to it, unless there is nobody else."""
    with scratch() as tmp, servers(tmp, "one", "two") as (one, two):
        site = Site(env.build, tmp, store=uri(one), lookup_workers=1, lookup_deadline=DEADLINE, max_lag=1)
        fill(site)
        wait_until(lambda: two.has(one), "the standby to follow")
        two.sql("SELECT pg_wal_replay_pause()")
        site.ctl("alias", "add", "new@example.com", "harry@example.com")
        wait_until(lambda: two.sql("SELECT clock_timestamp() > pg_last_xact_replay_timestamp() + '1s'") == "t", "a second")
        site.configure(store=uri(two, one))
        with site.start() as daemon:
            for _ in range(3):
                with Socketmap(site.maps) as client:
                    check_eq(client.ask("aliases", "new@example.com"), HARRY)
                mark = daemon.mark()
                daemon.reload()
                daemon.wait_log("asked of server 2 of", mark)
            check("a standby" not in daemon.log.text, daemon.log.text)
            mark = daemon.mark()
            one.kill()
            daemon.wait_log("asked of server 1 of .*a standby", mark)
            for _ in range(2):
                with Socketmap(site.maps) as client:
                    check_eq(client.ask("aliases", "post@example.com"), HARRY)
                    check_eq(client.ask("aliases", "new@example.com"), ("NOTFOUND", ""))
                mark = daemon.mark()
                daemon.reload()
                daemon.wait_log("asked of server 1 of .*a standby", mark)


class SlowLink:
    """A way to SERVER that takes its time, until it is told not to."""

    def __init__(self, server):
        self.server, self.slow = server, True
        self.listener = socket.create_server((server.host, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, far = self.listener.accept()[0], socket.create_connection((self.server.host, self.server.port))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(32768):
                sink.sendall(data)
                if self.slow and len(data) > 4096:
                    threading.Event().wait(0.3)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def slow_standby(env):
    """A standby that was away reads at once all that it gets, but gets it late: it is left, whether it may say how late or not."""
    with scratch() as tmp, servers(tmp, "one", "two") as (one, two):
        site = Site(env.build, tmp, store=uri(one), lookup_workers=1, lookup_deadline=DEADLINE, max_lag=1)
        fill(site)
        link = SlowLink(one)
        with open(os.path.join(two.data, "postgresql.auto.conf"), "a") as f:
            f.write("primary_conninfo = 'host=%s port=%d user=postgres'\n" % (one.host, link.port))
        site.configure(store=uri(two, one))
        # of the segment that it begins with it has most
        one.sql("SELECT pg_switch_wal(); CREATE TABLE much AS SELECT repeat('x', 700) x, i FROM generate_series(1, 15000) i")
        for address in ("new@example.com", "newer@example.com"):
            wait_until(lambda: two.has(one), "the standby to follow")
            two.stop()
            site.ctl("alias", "add", address, "harry@example.com", "--store", uri(one))
            link.slow = True
            two.start()
            with site.start() as daemon, Socketmap(site.maps) as client:
                wait_until(lambda a=address: client.ask("aliases", a) == HARRY, "the primary's answer")
                check(not two.has(one), "the standby was not slow")
                mark = daemon.mark()
                link.slow = False
                daemon.wait_log("asked of server 1 of .*a standby", mark)
                check_eq(client.ask("aliases", address), HARRY)
            one.sql("GRANT pg_read_all_stats TO vmaild_lookup")


@contextlib.contextmanager
def under_way(server, text):
    """A transaction in which TEXT was done; what is given is to commit it."""
    with server.session() as tell:
        tell("BEGIN; %s;" % text)
        yield lambda: tell("COMMIT;")


def standby_in_between(env):
    """A standby's lookups know all that it has read: of somebody's SQL, and while others are not done with theirs."""
    catch = "INSERT INTO vmaild.alias (address, domain, created) VALUES ('@example.com', 'example.com', 1); INSERT INTO" \
        " vmaild.alias_target VALUES ('@example.com', 1, 'harry@example.com', 'harry@example.com', 'example.com')"
    other = "UPDATE vmaild.domain SET created = created WHERE name = 'relay.example'"
    with fleet(env, "one", "two") as (site, daemon, (one, two)):
        def follow():
            wait_until(lambda: two.has(one), "the standby to follow")
        site.configure(store=uri(two, one))
        daemon.reload()
        daemon.wait_log("server 1 of .*standby")
        asked = ("aliases", "nobody@example.com")
        with Socketmap(site.maps) as client:
            for _ in range(3):
                with under_way(one, other), under_way(one, catch) as commit:
                    one.sql("UPDATE vmaild.store SET version = version")
                    follow()
                    for _ in range(3):
                        check_eq(client.ask(*asked), ("NOTFOUND", ""))
                    commit()
                    follow()
                    for _ in range(3):
                        check_eq(client.ask(*asked), HARRY)
                one.sql("DELETE FROM vmaild.alias WHERE address = '@example.com'")
                follow()
                for _ in range(3):
                    check_eq(client.ask(*asked), ("NOTFOUND", ""))


def no_server(env):
    """No server: try again, whoever it is about; and all is well when it is back."""
    with fleet(env, "one") as (site, _, found), Socketmap(site.maps) as client:
        found[0].kill()
        check_eq(answers(client), len(QUESTIONS))
        check_eq(client.ask("aliases", "post@example.com")[0], "TEMP")
        found[0].start()
        wait_until(lambda: answers(client) == 0, "answers again")


def stale_answers(env):
    """With serve-stale, who was found is found on; nobody else is, and nobody is told that somebody is not there."""
    asked = [q for q in QUESTIONS if q[1][0] == "OK"]
    with fleet(env, "one", serve_stale=3600) as (site, daemon, found), Socketmap(site.maps) as client:
        site.ctl("alias", "add", "gone@example.com", "harry@example.com")
        check_eq(client.ask("aliases", "gone@example.com"), HARRY)
        site.ctl("alias", "remove", "gone@example.com")
        check_eq(client.ask("aliases", "gone@example.com"), ("NOTFOUND", ""))
        check_eq(answers(client), 0)
        found[0].kill()
        daemon.wait_log("no server of the store")
        check_eq(answers(client, asked), 0)
        for address in ("team+x@example.com", "nobody@example.com", "gone@example.com"):
            check_eq(client.ask("aliases", address)[0], "TEMP", address)
        site.configure(serve_stale=1)
        found[0].start()
        wait_until(lambda: client.ask("aliases", "gone@example.com")[0] == "NOTFOUND", "the server")


def register(suite):
    suite.add("fleet: PostgreSQL gives the same answers, and the next lookup knows of an edit", same_answers)
    suite.add("fleet: many clients at once", many_clients)
    suite.add("fleet: a lookup is of one moment, though it takes two questions", one_moment)
    suite.add("fleet: the primary is killed: no lookup fails, and the standby takes over", primary_dies)
    suite.add("fleet: a silent server is left in time", server_is_silent)
    suite.add("fleet: a standby that does not follow is left in time", lagging_standby)
    suite.add("fleet: a standby that is preferred is asked again when it is back, and left while it is behind", standby_preferred)
    suite.add("fleet: a standby that has been behind for long is not asked first", judged_first)
    suite.add("fleet: a standby that gets late what it should read is left", slow_standby)
    suite.add("fleet: a standby's lookups know what it has read, whatever else is under way", standby_in_between)
    suite.add("fleet: no server at all is try again, for everybody", no_server)
    suite.add("fleet: serve-stale gives what was found, and nothing else", stale_answers)
