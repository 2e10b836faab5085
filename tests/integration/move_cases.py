# SPDX-License-Identifier: ISC
#
# A store is moved to the other engine, and back, under a daemon that is asked, logged in to and edited all the time:
# no question is lost, no answer is wrong, and nothing that was acknowledged is gone.

import contextlib
import json
import re
import sqlite3
import threading

from daemon_cases import Load
from fleet_cases import answers
from harness import Asking, Auth, Site, Socketmap, check, check_eq, check_in, scratch, wait_gone, wait_until
from pgserver import servers, uri as uri_of
from postgres_cases import server, sql
from world import fill

PASSWORD = "alohomora"
AGAIN = 75  # EX_TEMPFAIL
PEOPLE = 10
LOGINS = 250  # of each of them 32 networks are remembered
HARRY = ("OK", "harry@example.com")


class Busy(threading.Thread):
    """Does one thing after the other until it is told to stop."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.site = site
        self.enough = threading.Event()
        self.done = 0
        self.failure = None
        self.start()

    def run(self):
        try:
            while not self.enough.is_set():
                self.do(self.done)
                self.done += 1
        except Exception as why:
            self.failure = why

    def goes_on(self):
        """Wait until it has done a few more."""
        mark = self.done + 3
        wait_until(lambda: self.done >= mark or self.failure, type(self).__name__ + " to go on")

    def finish(self):
        self.enough.set()
        self.join()
        if self.failure:
            raise self.failure


class Editing(Busy):
    """Makes aliases and takes some away again. What was acknowledged is what the daemon says, at once and for ever."""

    def __init__(self, site):
        self.refused = 0
        self.answers = {}
        super().__init__(site)

    def edit(self, *arguments):
        while True:
            done = self.site.ctl_run(*arguments)
            if done.returncode == 0:
                return
            check_eq(done.returncode, AGAIN, arguments, done.stderr)
            self.refused += 1
            self.enough.wait(0.05)

    def ask(self, key):
        """As Postfix does: once more when the connection is gone."""
        with contextlib.suppress(EOFError, ConnectionError), Socketmap(self.site.maps) as client:
            return client.ask("aliases", key)
        with Socketmap(self.site.maps) as client:
            return client.ask("aliases", key)

    def do(self, number):
        name = "edit%d@example.com" % number
        self.edit("alias", "add", name, "harry@example.com")
        self.answers[name] = HARRY
        check_eq(self.ask(name), HARRY, name)
        if number % 3 == 0:
            self.edit("alias", "remove", name)
            self.answers[name] = ("NOTFOUND", "")
            check_eq(self.ask(name), ("NOTFOUND", ""), name)

    def look_back(self):
        for name, answer in self.answers.items():
            check_eq(self.ask(name), answer, name, "was acknowledged")


class LoggingIn(Busy):
    """Logs people in, each time from another network."""

    def __init__(self, site):
        self.known = set()
        super().__init__(site)

    def do(self, number):
        if number >= LOGINS:
            self.enough.wait()
            return
        user = "user%d@example.com" % (number % PEOPLE)
        for attempt in (1, 2):
            try:
                with Auth(self.site.auth) as auth:
                    check_eq(auth.plain(user, PASSWORD, parameters=("rip=10.0.%d.1" % number,)).word, "OK", user)
                break
            except (EOFError, ConnectionError):
                if attempt == 2:
                    raise
        self.known.add((user, "10.0.%d.0/24" % number))
        self.enough.wait(0.05)


def logins(site, uri):
    """What the store remembers of logins."""
    query = "SELECT mailbox, network FROM login"
    if site.settings["store"].startswith("postgresql:"):
        text = sql(uri, query.replace("login", "vmaild.login"), "mail")
        return {tuple(line.split("|")) for line in text.splitlines()}
    with contextlib.closing(sqlite3.connect(site.settings["store"].partition(":")[2])) as store:
        return set(store.execute(query))


def copy(site, *arguments):
    """A step; again while somebody else holds a lock, for each may be done again."""
    def tried():
        done = site.ctl_run("copy", *arguments)
        return done if done.returncode != AGAIN else None

    done = wait_until(tried, "the lock")
    check_eq(done.returncode, 0, arguments, done.stderr)


def closed(site):
    wait_until(lambda: "takes no changes" in site.ctl_run("domain", "add", "more.test").stderr, "an edit to be refused")


def doctor(site):
    """What doctor finds of a store that takes no changes."""
    found = json.loads(site.ctl_run("doctor", "--json").stdout)
    return next(finding for finding in found if finding["code"] == "store-closed")


def move(site, daemon, editing, store):
    """All of docs/fleet's steps."""
    editing.goes_on()
    copy(site, "--catch-up", "-", store)
    editing.goes_on()
    copy(site, "--close", "--compare", "-", store)
    refused = editing.refused
    wait_until(lambda: editing.refused > refused or editing.failure, "an edit to be refused")
    closed(site)
    old, before = site.settings["store"], daemon.workers()
    site.configure(store=store)
    mark = daemon.mark()
    daemon.reload()
    daemon.wait_log("configuration reloaded", mark)
    closed(site)
    check_in("--open OLD -", doctor(site)["cure"])
    for pid in before:
        wait_gone(pid)
    copy(site, "--open", old, store)
    editing.goes_on()


@contextlib.contextmanager
def busy(env, tmp, uri, store):
    sql(uri, "CREATE DATABASE mail")
    site = Site(env.build, tmp, store=store, lookup_workers=2, lookup_deadline=30000, record_logins=1)
    users = {"user%d@example.com" % i: PASSWORD for i in range(PEOPLE)}
    site.init("example.com", users={"harry@example.com": None, **users}, aliases={"post@example.com": ["harry@example.com"]})
    with site.start() as daemon:
        asking = [Load(site.maps) for _ in range(2)]
        asking.append(Asking(site.maps, "aliases", "nobody@example.com", ("NOTFOUND", "")))
        editing, logging_in = Editing(site), LoggingIn(site)
        try:
            yield site, daemon, editing
        finally:
            for thread in (*asking, editing, logging_in):
                thread.enough.set()
        for thread in (*asking, editing, logging_in):
            thread.finish()
        editing.look_back()
        check(logging_in.known)
        dropped = re.compile(".*logins are not recorded.*")
        wait_until(lambda: logging_in.known <= logins(site, uri) or dropped.search(daemon.log.text), "all logins to be remembered")
        check_eq(dropped.findall(daemon.log.text), [])
        check_eq(site.ctl("check"), "")


def there_and_back(env):
    """To PostgreSQL; and back to the file, which has only to catch up."""
    with server() as uri, scratch() as tmp:
        file, database = "sqlite:%s/store/vmail.db" % tmp, uri + " dbname=mail"
        with busy(env, tmp, uri, file) as (site, daemon, editing):
            copy(site, "-", database)
            move(site, daemon, editing, database)
            check_in("post@example.com", sql(uri, "SELECT address FROM vmaild.alias", "mail"))
            move(site, daemon, editing, file)


def to_a_file(env):
    with server() as uri, scratch() as tmp, busy(env, tmp, uri, uri + " dbname=mail") as (site, daemon, editing):
        file = "sqlite:%s/store/vmail.db" % tmp
        copy(site, "-", file)
        move(site, daemon, editing, file)


def stays(env):
    """Somebody thinks better of it, and nobody but him has noticed."""
    with server() as uri, scratch() as tmp:
        file, database = "sqlite:%s/store/vmail.db" % tmp, uri + " dbname=mail"
        with busy(env, tmp, uri, file) as (site, _, editing):
            copy(site, "-", database)
            copy(site, "--close", "-", database)
            closed(site)
            found = doctor(site)
            check_eq(found["severity"], "warning", found)
            check_in("--cancel '%s'" % file, found["cure"])
            copy(site, "--cancel", "-", database)
            check_eq(doctor(site)["severity"], "ok")
            editing.goes_on()
            done = site.ctl_run("copy", "--open", "-", database)
            check_eq(done.returncode, 1, done.stderr)
            check_in("still takes changes", done.stderr)


def standbys(env):
    """Who names a standby, on either side, is told to name its primary; only the first copy may be made of one."""
    with scratch() as tmp, servers(tmp, "one", "two") as (one, two):
        primary, standby, file = uri_of(one), uri_of(two), "sqlite:%s/copy/vmail.db" % tmp
        site = Site(env.build, tmp, store=primary)
        site.init("example.com", users={"harry@example.com": None})
        wait_until(lambda: two.has(one), "the standby to follow")
        copy(site, standby, file)
        for mode in (["--catch-up"], ["--close"], ["--open"], ["--open", "--force"], ["--cancel"], ["--cancel", "--force"]):
            for pair in ((standby, file), (file, standby)):
                done = site.ctl_run("copy", *mode, *pair)
                check_eq(done.returncode, AGAIN, mode, pair, done.stderr)
                check_in("is it a standby", done.stderr)
        done = site.ctl_run("copy", file, standby)
        check_eq(done.returncode, AGAIN, done.stderr)
        check_in("is a standby", done.stderr)
        # nothing came of all that, and who names both names the one that takes changes
        site.ctl("domain", "add", "late.test")
        copy(site, "--close", uri_of(two, one), file)
        closed(site)
        copy(site, "--open", uri_of(two, one), file)


def to_a_fleet(env):
    """To a primary that has a standby, which the node asks: it knows all that was moved, and edits from then on."""
    with scratch() as tmp, servers(tmp, "one", "two") as (one, two):
        site = fill(Site(env.build, tmp, store="sqlite:%s/store/vmail.db" % tmp, lookup_workers=1, lookup_deadline=30000))
        file, primary = site.settings["store"], uri_of(one)
        with site.start() as daemon:
            asking = Load(site.maps)
            copy(site, "-", primary)
            site.ctl("alias", "add", "before@example.com", "harry@example.com")
            copy(site, "--catch-up", "-", primary)
            site.ctl("alias", "add", "late@example.com", "harry@example.com")
            site.ctl("alias", "remove", "before@example.com")
            copy(site, "--close", "--compare", "-", primary)
            wait_until(lambda: two.has(one), "the standby to follow")
            site.configure(store=uri_of(two, one))
            mark = daemon.mark()
            daemon.reload()
            daemon.wait_log("server 1 of .*standby", mark)
            with Socketmap(site.maps) as client:
                check_eq(answers(client), 0)
                check_eq(client.ask("aliases", "late@example.com"), HARRY)
                check_eq(client.ask("aliases", "before@example.com"), ("NOTFOUND", ""))
                closed(site)
                copy(site, "--open", file, primary)
                site.ctl("alias", "add", "after@example.com", "harry@example.com")
                wait_until(lambda: client.ask("aliases", "after@example.com") == HARRY, "the standby to know of an edit")
                check_eq(answers(client), 0)
            asking.enough.set()
            asking.finish()


def register(suite):
    suite.add("move: from a file to PostgreSQL and back, under load", there_and_back)
    suite.add("move: from PostgreSQL to a file, under load", to_a_file)
    suite.add("move: it stays after all", stays)
    suite.add("move: to a primary, while the node asks its standby", to_a_fleet)
    suite.add("move: a standby is none to move from or to", standbys)
