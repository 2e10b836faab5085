# SPDX-License-Identifier: ISC
#
# Logins and userdb questions on PostgreSQL: the same answers, nobody waits for somebody else's, and on bad days those of
# another server, or "try again": never that somebody is not there, and never that his password is wrong.

import contextlib
import os
import pwd
import threading

from fleet_cases import fleet
from harness import Auth, Socketmap, Userdb, check, check_eq, check_in, listener, wait_until
from metrics_cases import Page
from pgserver import uri

HARRY, SALLY = "harry@example.com", "sally@example.com"
RIGHT = {HARRY: "alohomora", SALLY: "what she is having"}
PATIENT = 30000  # the longest lookup-deadline: a third of it is how long one server is waited for


def is_later(reply):
    return reply.word == "FAIL" and reply.named.get("code") == "temp_fail"


def verdicts(auth):
    """All kinds of logins: how many were answered by "try again"; whatever else is not right is a failure."""
    later = 0
    for user, password, word in ((HARRY, RIGHT[HARRY], "OK"), (SALLY, RIGHT[SALLY], "OK"), ("nobody@example.com", "x", "FAIL"),
                                 ("mute@example.com", "x", "FAIL")):
        reply = auth.plain(user, password)
        if is_later(reply):
            later += 1
        else:
            check_eq(reply.word, word, user)
    return later


def places(userdb):
    """The same for userdb questions."""
    later = 0
    for user, word in ((HARRY, "USER"), (SALLY, "USER"), ("nobody@example.com", "NOTFOUND")):
        reply = userdb.ask("USER", user)
        if reply.word == "FAIL":
            later += 1
        else:
            check_eq(reply.word, word, user)
    return later


@contextlib.contextmanager
def logged_in_throughout(site):
    """Somebody logs in all the time, and somebody asks where mailboxes are: [rounds, "try again"] of each."""
    counts, wrong, over = ([0, 0], [0, 0]), [], threading.Event()

    def go_on(client, path, ask, count):
        try:
            with client(path) as c:
                while not over.is_set():
                    count[1] += ask(c)
                    count[0] += 1
        except Exception as e:
            wrong.append(e)

    threads = [threading.Thread(target=go_on, args=a) for a in
               ((Auth, site.auth, verdicts, counts[0]), (Userdb, site.userdb, places, counts[1]))]

    def more():
        before = [c[0] for c in counts]
        wait_until(lambda: wrong or all(c[0] > b + 1 for c, b in zip(counts, before)), "more answers")

    for thread in threads:
        thread.start()
    try:
        more()
        yield counts, more
        more()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    check(not wrong, "throughout:", *wrong)


@contextlib.contextmanager
def locked(server, *tables):
    """Nobody can read these TABLES."""
    with server.session() as tell:
        tell("BEGIN; LOCK TABLE %s IN ACCESS EXCLUSIVE MODE;" % ", ".join("vmaild." + t for t in tables))
        yield


def waiting(server):
    """How many of the daemon's questions wait for a lock."""
    return int(server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vmaild' AND wait_event_type = 'Lock'"))


def own_folder(site):
    """A folder that the daemon may write into."""
    path = os.path.join(site.tmp, "own")
    os.mkdir(path)
    if os.geteuid() == 0:
        os.chown(path, pwd.getpwnam(site.user).pw_uid, -1)
    return path


# --- the cases ------------------------------------------------------------------------------------

def nobody_waits(env):
    """While the store keeps one login waiting, another is answered that needs nothing of it, and so is a userdb question."""
    with fleet(env, "one", login_deadline=9000) as (site, daemon, found):
        site.configure(lookup_deadline=PATIENT)
        daemon.reload()
        for _ in range(3):
            with Auth(site.auth) as slow, Auth(site.auth) as quick, Userdb(site.userdb) as userdb:
                verdicts(quick)
                with locked(found[0], "login"):
                    slow.start("PLAIN", "\0%s\0%s" % (HARRY, RIGHT[HARRY]))
                    wait_until(lambda: waiting(found[0]) > 0, "the login to wait")
                    check_eq(quick.plain("no address at all", "x").word, "FAIL")
                    # on another connection of the pool, or behind the one that waits: but answered first
                    slow.socket.setblocking(False)
                    try:
                        first = not slow.more()
                    except BlockingIOError:
                        first = True
                    slow.socket.setblocking(True)
                slow.socket.settimeout(60)
                reply = slow.answer()
                check(reply.word == "OK" or is_later(reply), reply)
                check_eq(userdb.ask("USER", HARRY).word, "USER")
                if first and reply.word == "OK":
                    return
        check(False, "whoever asks waits for the login that the store keeps waiting")


def many_at_once(env):
    """Hundreds of questions on a few connections, each with its own answer; and the list of all."""
    with fleet(env, "one") as (site, _, found), contextlib.ExitStack() as stack:
        found[0].sql("INSERT INTO vmaild.mailbox (address, domain, created) SELECT 'u' || n || '@example.com', 'example.com', 1"
                     " FROM generate_series(1, 1200) n")
        clients = [stack.enter_context(Userdb(site.userdb)) for _ in range(10)]
        for client in clients:
            for i in range(1, 101):
                client.request("USER", "u%d@example.com" % i if i % 3 else "x%d@example.com" % i, "service=imap")
        for client in clients:
            answers = {}
            for _ in range(100):
                fields = client.line().split("\t")
                answers[int(fields[1])] = fields[0], fields[2] if len(fields) > 2 else ""
            for i in range(1, 101):
                check_eq(answers[i], ("USER", "u%d@example.com" % i) if i % 3 else ("NOTFOUND", ""))
        users, end = clients[0].list()
        check_eq(end.word, "DONE")
        check_eq(users, sorted(users))
        check_eq(len(users), 1200 + 4)
        clients[1].request("LIST", "service=doveadm")
        clients[1].close()
        check_eq(clients[2].ask("USER", HARRY, "service=imap").word, "USER")


def server_dies(env):
    """The only server is killed under logins, and started again: "try again" in between, and nothing else."""
    with fleet(env, "one") as (site, daemon, found):
        with logged_in_throughout(site) as (counts, _):
            for _ in range(3):
                found[0].kill()
                before = [c[1] for c in counts]
                wait_until(lambda: all(c[1] > b for c, b in zip(counts, before)), "answers of 'try again'")
                found[0].start()
                with Auth(site.auth) as auth, Userdb(site.userdb) as userdb:
                    wait_until(lambda: verdicts(auth) == 0 and places(userdb) == 0, "logins as before")
        check("login refused: user '%s'" % HARRY not in daemon.log.text, "somebody was refused")


def server_is_silent(env):
    """A server that says nothing, but hangs up on nobody: the next one is asked, and asked alone as long as that lasts."""
    with fleet(env, "one", "two") as (site, daemon, found):
        with logged_in_throughout(site) as (counts, more):
            found[0].freeze()
            more()
            with Auth(site.auth) as auth, Userdb(site.userdb) as userdb:
                wait_until(lambda: verdicts(auth) == 0 and places(userdb) == 0, "the other server's answers")
            found[0].freeze(False)
            more()


def only_one_is_silent(env):
    """The only server stands still: everybody is told to try again, in time, and is let in when it goes on."""
    with fleet(env, "one") as (site, _, found):
        with logged_in_throughout(site) as (counts, more):
            found[0].freeze()
            before = [c[1] for c in counts]
            wait_until(lambda: all(c[1] > b for c, b in zip(counts, before)), "answers of 'try again'")
            found[0].freeze(False)
            with Auth(site.auth) as auth, Userdb(site.userdb) as userdb:
                wait_until(lambda: verdicts(auth) == 0 and places(userdb) == 0, "logins as before")


def server_is_slow(env):
    """A server that is at work for longer than the deadline says "try again", and that alone."""
    with fleet(env, "one") as (site, _, found):
        with logged_in_throughout(site) as (counts, more):
            with locked(found[0], "mailbox"):
                before = [c[1] for c in counts]
                wait_until(lambda: all(c[1] > b for c, b in zip(counts, before)), "answers of 'try again'")
            with Auth(site.auth) as auth, Userdb(site.userdb) as userdb:
                wait_until(lambda: verdicts(auth) == 0 and places(userdb) == 0, "logins as before")


def writes_to_the_primary(env):
    """Who logs in by a standby is written down at the primary; and, when that falls silent, at its successor."""
    with fleet(env, "one", "two", record_logins=1) as (site, daemon, found):
        one, two = found
        site.configure(store=uri(two, one))
        daemon.reload()
        with Auth(site.auth) as auth:
            wait_until(lambda: auth.plain(HARRY, RIGHT[HARRY]).word == "OK", "a login")
            wait_until(lambda: one.sql("SELECT mailbox FROM vmaild.login") == HARRY, "the login to be written down")
        wait_until(lambda: two.has(one), "the standby to follow")
        site.configure(store=uri(one, two))
        daemon.reload()
        one.freeze()
        try:
            two.promote()
            with Auth(site.auth) as auth:
                wait_until(lambda: auth.plain(SALLY, RIGHT[SALLY]).word == "OK", "a login at the successor")
                wait_until(lambda: two.sql("SELECT count(*) FROM vmaild.login WHERE mailbox = '%s'" % SALLY) == "1",
                           "that login to be written down there")
        finally:
            one.freeze(False)


def rehashed(env):
    """A hash of an older kind is replaced at the primary, though the login went by the standby; an app password is used."""
    with fleet(env, "one", "two", record_logins=1) as (site, daemon, found):
        one, two = found
        secret = site.ctl("app-password", "add", HARRY, "--label", "phone").split()[-1]
        one.sql("UPDATE vmaild.credential SET hash = '{PLAIN}%s' WHERE mailbox = '%s' AND label = ''" % (RIGHT[HARRY], HARRY))
        wait_until(lambda: two.has(one), "the standby to follow")
        site.configure(store=uri(two, one))
        daemon.reload()
        with Auth(site.auth) as auth:
            wait_until(lambda: auth.plain(HARRY, RIGHT[HARRY]).word == "OK", "a login")
            wait_until(lambda: "{ARGON2" in one.sql("SELECT hash FROM vmaild.credential WHERE mailbox = '%s' AND label = ''" % HARRY),
                       "the new hash")
            wait_until(lambda: auth.plain(HARRY, secret).word == "OK", "a login by app password")
            wait_until(lambda: one.sql("SELECT count(*) FROM vmaild.login WHERE label = 'phone'") == "1", "its use to be written down")


def drained(env):
    """A reload while the store answers nobody: whatever was sent is answered, if with "try again", before the connection ends."""
    many = 100  # more than are taken at once, fewer than a socket holds
    with fleet(env, "one") as (site, daemon, found):
        site.configure(lookup_deadline=PATIENT)
        daemon.reload()
        with Socketmap(site.maps) as maps, Auth(site.auth) as auth, Userdb(site.userdb) as userdb:
            check_eq(maps.ask("aliases", "post@example.com"), ("OK", HARRY))
            verdicts(auth)
            with locked(found[0], "mailbox", "alias"):
                for i in range(many):
                    maps.request("aliases", "somebody.with.a.name%d@example.com" % i)
                    auth.start("PLAIN", "\0%s\0%s" % (HARRY, RIGHT[HARRY]))
                    userdb.request("USER", HARRY, "service=imap")
                userdb.request("LIST", "service=doveadm")
                wait_until(lambda: waiting(found[0]) > 1, "the questions to wait")
                daemon.reload()
                check_eq([maps.reply()[0] for _ in range(many)], ["TEMP"] * many)
                check_eq([is_later(auth.answer()) for _ in range(many)], [True] * many)
                ends = [userdb.line().split("\t") for _ in range(many + 1)]
                check_eq({word for word, *_ in ends}, {"FAIL", "DONE"})
                check_eq({int(number) for _, number, *_ in ends}, set(range(1, many + 2)))
                check_in(["DONE", str(many + 1), "fail"], ends)
                for client in (maps, auth, userdb):
                    check(client.closed())


def counted_per_host(env):
    """Wrong passwords are counted on: over a reload, a dead worker and a new daemon, and for vmailctl to see."""
    def wrong(auth, n):
        for i in range(n):
            auth.plain(HARRY, "wrong %d" % i, parameters=("rip=192.0.2.1",))

    with fleet(env, "one", throttle_user_network=3, throttle_longest=3600) as (site, daemon, found):
        with Auth(site.auth) as auth:
            wrong(auth, 8)
        check_in(HARRY, site.ctl("login", "throttled"))
        daemon.reload()
        for again in ("reload", "dead worker"):
            with Auth(site.auth) as auth:
                check(is_later(auth.plain(HARRY, "wrong again " + again, parameters=("rip=192.0.2.1",))), again)
            worker = daemon.workers("auth")[0]
            os.kill(worker, 9)
            wait_until(lambda w=worker: daemon.workers("auth") not in ([], [w]), "another worker")
        daemon.stop()
        with site.start() as another:
            with Auth(site.auth) as auth:
                check(is_later(auth.plain(HARRY, "wrong once more", parameters=("rip=192.0.2.1",))), "after a restart")
                check_in("throttled", another.log.text)
                site.ctl("login", "clear", HARRY)
                check_eq(auth.plain(HARRY, RIGHT[HARRY], parameters=("rip=192.0.2.1",)).word, "OK")
        check("counted until" not in another.log.text, another.log.text)


def told(env):
    """Metrics and log say which server is asked, how connections fare, and that a standby lags."""
    with fleet(env, "one", "two", max_lag=1) as (site, daemon, found):
        one, two = found
        site.metrics = os.path.join(own_folder(site), "metrics.sock")
        site.listeners.append(listener("unix:" + site.metrics, "metrics", 0o666))
        site.configure(store=uri(two, one), store_connections=2)
        daemon.reload()

        def lines(page, server, kind):
            return page.sum("vmaild_store_connections", server=server, kind=kind)

        # one lookup worker, one for logins
        page = wait_until(lambda: (p := Page(site.metrics)) and lines(p, "1", "standby") == 4 and p, "four connections to the standby")
        check_eq(lines(page, "1", "primary"), 0)
        check_eq(lines(page, "2", "primary"), 0)
        connects, lost = page.sum("vmaild_store_connects_total"), page.sum("vmaild_store_disconnects_total")
        check(connects >= 4, connects)
        mark = daemon.mark()
        two.sql("SELECT pg_wal_replay_pause()")
        one.sql("CREATE TABLE something (a integer)")
        daemon.wait_log("server 1 of the store .* has not followed its primary", mark)
        daemon.wait_log("is asked of server 2", mark)
        wait_until(lambda: lines(Page(site.metrics), "2", "primary") == 4, "all connections to the primary")
        check(Page(site.metrics).sum("vmaild_store_connects_total") >= connects + 4)
        one.kill()
        wait_until(lambda: Page(site.metrics).sum("vmaild_store_disconnects_total") >= lost + 4, "the connections to be lost")
        wait_until(lambda: Page(site.metrics).sum("vmaild_store_lag_seconds") > 0, "the lag of what is left")
        mark = daemon.mark()
        two.sql("SELECT pg_wal_replay_resume()")
        two.promote()
        wait_until(lambda: lines(Page(site.metrics), "1", "primary") == 4, "the new primary")
        wait_until(lambda: Page(site.metrics).sum("vmaild_store_lag_seconds") == 0, "no lag")


def register(suite):
    suite.add("fleet logins: nobody waits for whom the store keeps waiting", nobody_waits)
    suite.add("fleet logins: many questions at once, and the list of all", many_at_once)
    suite.add("fleet logins: the only server dies, and comes back", server_dies)
    suite.add("fleet logins: a silent server is left for the next", server_is_silent)
    suite.add("fleet logins: the only server is silent", only_one_is_silent)
    suite.add("fleet logins: a server that is too slow", server_is_slow)
    suite.add("fleet logins: what logins leave behind goes to the primary", writes_to_the_primary)
    suite.add("fleet logins: a new hash, and the use of an app password", rehashed)
    suite.add("fleet logins: a reload hangs up on nobody's questions", drained)
    suite.add("fleet logins: wrong passwords are counted per host, and on", counted_per_host)
    suite.add("fleet logins: which server is asked, and how it fares, is told", told)
