# SPDX-License-Identifier: ISC
#
# What was told to be done, kept outside of the store; and who asks for it all the time meanwhile. A wrong answer is a
# "no such" about somebody who is there, or a password that is right and refused for good.

import contextlib
import itertools
import sqlite3
import threading

from harness import Auth, Failed, Socketmap, check, check_eq, wait_until

PEOPLE = 300


class Journal:
    """Addresses that must be there. What is in between is nobody's business: `there` is told to be done."""

    def __init__(self, there):
        self.there = set(there)
        self.lock = threading.Lock()

    def add(self, *addresses):
        with self.lock:
            self.there.update(addresses)

    def forget(self, *addresses):
        """Before it is begun that they go."""
        with self.lock:
            self.there.difference_update(addresses)

    def has(self, address):
        with self.lock:
            return address in self.there

    def all(self):
        with self.lock:
            return sorted(self.there)


def person(i):
    return "user%04d@example.com" % i


def populate(site, people=PEOPLE):
    """A store with some hundred mailboxes, and the journal of them."""
    site.init("example.com")
    with contextlib.closing(sqlite3.connect(site.store)) as db, db:
        db.executemany("INSERT INTO mailbox (address, domain, created) VALUES (?, 'example.com', 1)",
                       [(person(i),) for i in range(people)])
    return Journal(person(i) for i in range(people))


class Witness(threading.Thread):
    """Asks for what the journal has, one address after the other, and connects again when it is cut off."""

    def __init__(self, site, journal):
        super().__init__(daemon=True)
        self.site = site
        self.journal = journal
        self.ending = threading.Event()
        self.right = self.later = self.cut = 0
        self.wrong = []

    def ask(self, client, address):
        word, text = client.ask("mailboxes", address)
        if word == "OK" and text == address:
            self.right += 1
        elif word == "TEMP":
            self.later += 1
        elif self.journal.has(address):  # still
            self.wrong.append("%s: %s %s" % (address, word, text))

    def run(self):
        pause = threading.Event()
        while not self.ending.is_set():
            try:
                with Socketmap(self.site.maps) as client:
                    for address in itertools.chain.from_iterable(map(lambda _: self.journal.all(), itertools.count())):
                        self.ask(client, address)
                        if self.ending.is_set() or len(self.wrong) > 20:
                            return
            except (OSError, EOFError):
                self.cut += 1
                pause.wait(0.005)
            except Failed as e:
                self.wrong.append(str(e))
                return


class Watch:
    """Witnesses at work; at its end none of them may have seen a wrong answer."""

    def __init__(self, site, journal, n=2):
        self.site = site
        self.journal = journal
        self.witnesses = [Witness(site, journal) for _ in range(n)]

    def __enter__(self):
        for w in self.witnesses:
            w.start()
        return self

    def __exit__(self, *_):
        for w in self.witnesses:
            w.ending.set()
        for w in self.witnesses:
            w.join()
        wrong = [line for w in self.witnesses for line in w.wrong]
        check(not wrong, len(wrong), "wrong answers:", wrong[:5])
        check(self.right() > 0, "nobody was answered")

    def right(self):
        return sum(w.right for w in self.witnesses)

    def hold(self, n=50):
        """Wait until N more right answers were given."""
        enough = self.right() + n
        wait_until(lambda: self.right() >= enough or any(w.wrong for w in self.witnesses), "right answers")

    def summary(self):
        return "%d right answers, %d times `try again', %d connections cut, 0 wrong" % (
            self.right(), sum(w.later for w in self.witnesses), sum(w.cut for w in self.witnesses))


def must_be_sound(site, journal):
    """The store passes its check, and all that was told to be done is in it."""
    done = site.ctl_run("check")
    check_eq(done.returncode, 0, "vmailctl check:", done.stdout[-1000:], done.stderr[-1000:])
    with contextlib.closing(sqlite3.connect(site.store)) as db:
        there = {a for a, in db.execute("SELECT address FROM mailbox")}
    lost = set(journal.all()) - there
    check(not lost, len(lost), "edits lost:", sorted(lost)[:5])
    return there


def logs_in(site, user, password):
    """Tell whether the login is good; None: to be tried again."""
    try:
        with Auth(site.auth) as client:
            reply = client.plain(user, password)
    except (OSError, EOFError):
        return None
    if reply.word == "OK":
        return True
    return None if reply.named.get("code") == "temp_fail" else False
