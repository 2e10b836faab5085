# SPDX-License-Identifier: ISC
#
# The failure policy, under load: several clients send through a real Postfix, over and over until each mail is
# taken, while the store and the daemon go through what they may go through. Every reply is counted. Nobody who
# exists is ever refused for good, nobody else is ever accepted, and what was accepted arrives.
#
# Postfix may be asked to be patient, too: a mail is not lost while it is in its queue. Its queue manager keeps
# the last answer of the resolver for half a minute, even that there was none, so what is alone in the queue when
# all is well again is put off for so long; and a service that it takes for broken it leaves alone for a minute.

import collections
import contextlib
import fcntl
import itertools
import os
import re
import shutil
import signal
import smtplib
import sqlite3
import threading
import time

import postfix
from cases import comment, need, suite
from harness import TIMEOUT, Failed, Site, check, clock, lines_of, listener, scratch, wait_until
from mailhost import is_death, letter
from postfix import Postfix, Refused, Session, fresh_sender
from sink import Sink

USERS = ["harry@example.test", "sally@example.test", "rest@catch.test"]

ALIASES = {
    "post@example.test": ["harry@example.test"],
    "team@example.test": ["harry@example.test", "sally@example.test"],
    "sales@lists.test": ["sally@example.test"],
    "@catch.test": ["rest@catch.test"],
}

# Who exists, and where a mail to him must arrive.
EXIST = [
    ("harry@example.test", {"harry@example.test"}),
    ("sally+news@example.test", {"sally+news@example.test"}),
    ("post@example.test", {"harry@example.test"}),
    ("team@example.test", {"harry@example.test", "sally@example.test"}),
    ("sales@lists.test", {"sally@example.test"}),
    ("anything@catch.test", {"rest@catch.test"}),
    ("harry@old.test", {"harry@example.test"}),
    ("partner@relay.test", {"partner@relay.test"}),
]

NOBODY = ["nobody@example.test", "nobody+x@example.test", "nobody@lists.test", "nobody@old.test",
          "nobody@relay.test", "harry@elsewhere.test"]

CLIENTS = 4  # that send to those who exist, and one more that writes to the others
HELD = 20  # so many tries to write to those who exist see each trouble, and the calm behind it
MAILS_PER_SESSION = 20
FLUSH_EVERY = 5  # seconds
DEADLINE = 2000  # ms for one lookup: a store in good health is quicker on any machine
BEFORE, BEHIND = 4, 1  # seconds of the logs that are shown around a moment
LATEST = 240  # seconds after the last trouble, in which Postfix must have delivered everything

# Postfix waits minutes before it tries again.
MAIN_CF = """\
virtual_alias_maps = {table}aliases
virtual_alias_domains = {table}alias-domains
virtual_mailbox_maps = {table}mailboxes
virtual_mailbox_domains = {table}domains
relay_domains = {table}relay-domains
relay_recipient_maps = {table}relay-recipients
recipient_delimiter = +
virtual_transport = smtp:[127.0.0.1]:{sink}
relay_transport = smtp:[127.0.0.1]:{sink}
default_transport = error:nothing leaves this machine
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
transport_retry_time = 1s
notify_classes =
"""


class Host:
    """Below TMP: vmaild, a Postfix that asks it, and SINK, which takes all that is delivered."""

    def __init__(self, env, tmp, sink):
        self.sink = sink
        self.postfix = Postfix(os.path.join(tmp, "p"))
        self.socket = os.path.join(tmp, "vmaild.sock")
        self.site = Site(env.build, tmp, queue_directories=[self.postfix.queue], lookup_deadline=DEADLINE,
                         listeners=[listener("unix:" + self.socket, "socketmap", group="postfix", twin=True)])
        self.postfix.configure(self.main_cf())
        self.fill_store()
        self.good = self.copy("good.db", "WAL")
        self.rollback = self.copy("rollback.db", "DELETE")
        self.daemon = None
        self.past = ""  # what earlier daemons logged
        self.owned = threading.RLock()  # by whoever starts and stops the daemon

    def main_cf(self):
        return MAIN_CF.format(table="socketmap:unix:%s:" % self.socket, sink=self.sink.port)

    def fill_store(self):
        site = self.site
        site.init("example.test", "catch.test", users=dict.fromkeys(USERS))
        site.ctl("domain", "add", "lists.test", "--kind", "alias")
        site.ctl("domain", "add", "old.test", "--target", "example.test")
        site.ctl("domain", "add", "relay.test", "--kind", "relay")
        site.ctl("map", "set", "relay-recipients", "partner@relay.test", "OK")
        for address, targets in ALIASES.items():
            site.ctl("alias", "add", address, *targets)

    def copy(self, name, mode):
        """A backup of the store in SQLite's journal MODE: its path."""
        path = os.path.join(self.site.tmp, name)
        with contextlib.closing(sqlite3.connect(self.site.store)) as db, \
                contextlib.closing(sqlite3.connect(path)) as to:
            db.backup(to)
            to.execute("PRAGMA journal_mode = " + mode)
        return path

    def restore(self, path):
        """Put a copy of the file PATH in the place of the store: the name is never without a file."""
        status = os.stat(self.site.store)
        shutil.copyfile(path, self.site.store + ".new")
        os.chown(self.site.store + ".new", status.st_uid, status.st_gid)
        os.chmod(self.site.store + ".new", status.st_mode)
        os.rename(self.site.store + ".new", self.site.store)

    def start(self):
        with self.owned:
            self.daemon = self.site.start()

    def stop(self):
        with self.owned:
            if self.daemon:
                daemon, self.daemon = self.daemon, None
                try:
                    daemon.stop()
                finally:
                    self.past += daemon.log.text

    def log(self):
        return self.past + (self.daemon.log.text if self.daemon else "")


def short(lines, most=60):
    """LINES, or the first and the last of them."""
    return lines if len(lines) <= most else lines[:most // 2] + ["..."] + lines[-most // 2:]


class Load:
    """The clients, what they were told, and when it may be "come back later"."""

    def __init__(self, host, short=False):
        self.host = host
        self.short = short
        self.lock = threading.Lock()
        self.replies = collections.Counter()
        self.tries = 0  # to write to those who exist
        self.good_in_row = 0  # of them, since somebody was put off
        self.taken = {}  # sender: where his mail must arrive
        self.ids = {}  # sender: the queue id of his mail
        self.asking = 0  # clients that wait for a reply
        self.late = 0  # seconds from the end of the load to the last mail's arrival
        self.turned_away = 0  # tries to write to nobody that were refused for good
        self.wrong = []
        self.blamed_at = []  # when, as time.time(): of each that is wrong
        self.faults = collections.Counter()
        self.troubles = 0  # that are on now
        self.begun = 0  # all that ever were
        self.ending = threading.Event()
        self.next = itertools.count()

    def blame(self, what, at=None):
        """Something went wrong (AT another time than now): every client stops for that."""
        with self.lock:
            self.blamed_at.append(at or time.time())
            self.wrong.append(what if at else "%s: %s" % (clock(), what))

    # --- trouble

    def rounds(self, often):
        """What to go through OFTEN, or once in a short run."""
        return range(1 if self.short else often)

    @contextlib.contextmanager
    def trouble(self, name):
        """Mail may be put off inside of this, and behind it until the clients are taken one after the other
        again; from then on it may not."""
        with self.lock:
            self.troubles += 1
            self.begun += 1
            self.faults[name] += 1
        yield
        with self.lock:
            self.good_in_row = 0
        self.wait(lambda: self.good_in_row >= HELD // 2, "recovery from: " + name)
        with self.lock:
            self.troubles -= 1

    def hold(self):
        """Wait until the clients have tried often enough in the present state of things."""
        enough = self.tries + HELD
        self.wait(lambda: self.tries >= enough, "the clients")

    def wait(self, condition, what):
        wait_until(lambda: self.wrong or condition(), what)
        check(not self.wrong, "gone wrong")

    # --- clients

    def session(self):
        load = self

        class Counted(Session):
            """Counts every reply, the greeting's as well."""

            def getreply(self):
                with load.lock:
                    load.asking += 1
                try:
                    code, text = super().getreply()
                finally:
                    with load.lock:
                        load.asking -= 1
                with load.lock:
                    load.replies[code] += 1
                return code, text

        session = Counted("127.0.0.1", self.host.postfix.port, local_hostname="client.test", timeout=TIMEOUT)
        session.ehlo()
        return session

    def offer(self, session, sender, recipient):
        """One transaction: the code that ended it, and the stage at which it did."""
        try:
            session.envelope(sender, recipient)
            self.ids[sender] = session.content(letter(sender, recipient)[1])
            return 250, "end of data"
        except Refused as no:
            return no.code, no.stage

    def attempt(self, session, recipient, wanted, arrives):
        """Offer one mail once. Tell whether it ended as WANTED (250, or 5 for any refusal for good)."""
        sender = fresh_sender()  # Postfix remembers what it could not find out about a pair
        with self.lock:
            begun, calm = self.begun, self.troubles == 0
        code, stage = self.offer(session, sender, recipient)
        with self.lock:
            self.tries += wanted == 250
            calm = calm and begun == self.begun
            if 400 <= code < 500:
                self.good_in_row = 0
            if 400 <= code < 500 and not calm:
                return False
            if wanted == 250 == code:
                self.taken[sender] = arrives
                self.good_in_row += 1
                return True
            if wanted == 5 == code // 100:
                self.turned_away += 1
                return True
        self.blame("%s from %s at %s: %d while %s" % (recipient, sender, stage, code,
                                                      "all is well" if calm else "there is trouble"))
        return True

    def write(self, questions):
        """Write to one after the other, each until it ends as it should, in sessions of some mails."""
        pause = threading.Event()
        while not self.ending.is_set():
            with self.session() as session:
                for recipient, wanted, arrives in itertools.islice(questions, MAILS_PER_SESSION):
                    while not self.attempt(session, recipient, wanted, arrives) and not self.wrong:
                        pause.wait(0.02)  # as a client does that was told to come back later
                    if wanted == 5:
                        pause.wait(0.02)  # refusals are quick: leave time for the mails
                    if self.ending.is_set():
                        break

    def client(self, questions):
        """A thread."""
        try:
            self.write(questions)
        except (OSError, smtplib.SMTPException, EOFError) as e:
            self.blame("a session broke: %r" % e)

    @contextlib.contextmanager
    def on(self):
        """The load is on inside of this; behind it every mail that was begun has been taken."""
        exist = [[(a, 250, arrives) for a, arrives in EXIST[n:] + EXIST[:n]] for n in range(CLIENTS)]
        nobody = [(a, 5, None) for a in NOBODY]
        threads = [threading.Thread(target=self.client, args=(itertools.cycle(questions),))
                   for questions in exist + [nobody]]
        for thread in threads:
            thread.start()
        try:
            self.hold()
            yield
            self.hold()
        finally:
            self.ending.set()
            for thread in threads:
                thread.join()

    # --- what came of it

    def missing(self):
        """The accepted mails that have not arrived everywhere."""
        mails = self.host.sink.mails
        return {sender: arrives for sender, arrives in self.taken.items()
                if not arrives <= set(mails.get(sender, ()))}

    def lost(self):
        """The accepted mails that Postfix is done with, and that have not arrived everywhere."""
        done = set(re.findall(r": (\w+): removed$", self.host.postfix.log.text(), re.M))  # first: then look
        return [sender for sender in self.missing() if self.ids[sender] in done]

    def arrive(self):
        """Wait until every accepted mail has arrived. In the queue it is only late: it is tried again."""
        begin = flush = time.monotonic()
        while self.missing():
            self.late = time.monotonic() - begin
            check(not self.lost(), "%d mails are lost" % len(self.lost()))
            check(self.late < LATEST, "%d mails are in the queue for ever" % len(self.missing()))
            if time.monotonic() >= flush:
                self.host.postfix.flush()
                flush = time.monotonic() + FLUSH_EVERY
            threading.Event().wait(0.1)

    def scene(self):
        """What vmaild and Postfix logged when the first things went wrong."""
        pieces, seen = [], 0
        for at in sorted(self.blamed_at)[:3]:
            begin, end = max(at - BEFORE, seen), at + BEHIND
            if end - begin < BEHIND / 2:
                continue  # that moment is there already
            seen = end
            said = lines_of(self.host.log(), begin, end)
            seconds = {time.strftime("%b %e %H:%M:%S", time.localtime(t)) for t in range(int(begin), int(end) + 1)}
            mail = [line for line in self.host.postfix.log.text().splitlines() if line[:15] in seconds]
            pieces += ["vmaild around %s:" % clock(at), *short(said), "Postfix around %s:" % clock(at), *short(mail)]
        return "\n".join(pieces)

    def history(self, sender):
        """What Postfix has logged of the mail from SENDER."""
        lines = self.host.postfix.log.lines(self.ids[sender])
        if len(lines) > 20:
            lines[10:-10] = ["..."]
        got = self.host.sink.mails.get(sender)
        return "\n".join(["missing: %s for %s, arrived: %s" % (sender, self.taken[sender], got)] + lines)

    def astray(self):
        """The accepted mails that arrived where they should not."""
        return [(sender, got) for sender, got in list(self.host.sink.mails.items())
                if sender in self.taken and not set(got) <= self.taken[sender]]

    def refusals(self):
        """How many replies were 5xx, whoever they were for."""
        return sum(count for code, count in self.replies.items() if code >= 500)

    def summary(self):
        replies = ", ".join("%d x %d" % (count, code) for code, count in sorted(self.replies.items()))
        faults = ", ".join("%s %d" % pair for pair in self.faults.items())
        return ("%d mails taken, %d arrived, the last %d s later; %d replies: %s; 5xx to who exists %d, to nobody %d; faults: %s" % (
            len(self.taken), len(self.taken) - len(self.missing()), self.late, sum(self.replies.values()), replies,
            self.refusals() - self.turned_away, self.turned_away, faults))


# --- faults: each is FUNCTION(host, load), and leaves all well ----------------------------------------------------

def locked(host, load):
    """Another connection keeps an exclusive lock; readers stop for that in a store without a -wal."""
    with load.trouble("replaced"):
        host.restore(host.rollback)
    for _ in load.rounds(2):
        with load.trouble("lock"), contextlib.closing(
                sqlite3.connect(host.site.store, timeout=TIMEOUT, isolation_level=None)) as db:
            db.execute("BEGIN EXCLUSIVE")
            load.hold()
            db.execute("ROLLBACK")
    with load.trouble("replaced"):
        host.restore(host.good)


def recovered(host, load):
    """Somebody is in the middle of recovering the -wal, as after a crash: its index is empty, and he has the locks
    of writer, checkpointer and recovery (https://sqlite.org/walformat.html, 2.3)."""
    wait_until(lambda: os.path.exists(host.site.store + "-shm"), "the index of the -wal")
    with load.trouble("recovery lock"), open(host.site.store + "-shm", "r+b") as f:
        def take():
            with contextlib.suppress(BlockingIOError):
                fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 3, 120)
                return True
        wait_until(take, "the locks of the store")
        f.write(bytes(96))
        f.flush()
        load.hold()


def replaced(host, load):
    for _ in load.rounds(3):
        with load.trouble("replaced"):
            host.restore(host.good)
            load.hold()


def damage(path, data=None):
    """Overwrite the head of every page but the first, or put back what DATA has there; returns what was there."""
    with open(path, "r+b", buffering=0) as f:
        was = f.read()
        for at in range(4096, len(was), 4096):
            os.pwrite(f.fileno(), data[at:at + 64] if data else b"\xa5" * 64, at)
    return was


def corrupted(host, load):
    """A damaged copy comes in, and is mended where it lies; then the store itself is damaged below workers that
    know it, with new ones who do not, and mended."""
    with load.trouble("corrupted"):
        bad = shutil.copyfile(host.good, os.path.join(host.site.tmp, "bad.db"))
        good = damage(bad)
        host.restore(bad)
        load.hold()
        damage(host.site.store, good)
    with load.trouble("corrupted"):
        good = damage(host.site.store)
        reload(host)
        load.hold()
        damage(host.site.store, good)


def removed(host, load):
    """First the file alone, then its directory."""
    for path in (host.site.store, host.site.store_directory):
        with load.trouble("removed"):
            os.rename(path, path + ".away")
            load.hold()
            os.rename(path + ".away", path)


def killed(host, load):
    """In the middle of an answer: they are stopped before, until every client waits for a reply."""
    for _ in load.rounds(8):
        with load.trouble("workers killed"), host.owned:
            old = host.daemon.workers("lookup")
            for pid in old:
                os.kill(pid, signal.SIGSTOP)
            load.wait(lambda: load.asking > CLIENTS, "every client to wait")
            for pid in old:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: set(host.daemon.workers("lookup")) - set(old), "another worker")


def stopped(host, load):
    for _ in load.rounds(2):
        with load.trouble("stopped"), host.owned:
            host.stop()
            load.hold()
            host.start()


def busy(host, load):
    """Somebody writes all the time, and brings what he wrote into the file. Nobody may notice."""
    with contextlib.closing(sqlite3.connect(host.site.store, timeout=TIMEOUT, isolation_level=None)) as db:
        for _ in load.rounds(5):
            enough = load.tries + HELD
            while load.tries < enough and not load.wrong:
                db.execute("BEGIN IMMEDIATE")
                db.execute("UPDATE mailbox SET quota = quota + 1")
                db.execute("COMMIT")
                db.execute("PRAGMA wal_checkpoint")
            load.faults["busy"] += 1


def reload(host):
    with host.owned:
        host.daemon.reload()


def reloaded(host, load):
    """This is no trouble: nobody may notice."""
    for _ in load.rounds(5):
        reload(host)
        load.faults["reload"] += 1
        load.hold()


STORE = [locked, recovered, replaced, corrupted, removed]
DAEMON = [killed, stopped, reloaded]


def together(host, load):
    """The store and the daemon have their bad day at the same time."""
    failures = []

    def run(faults):
        try:
            for fault in faults:
                fault(host, load)
        except Exception as e:  # a thread: it is raised again below
            failures.append(e)

    threads = [threading.Thread(target=run, args=(faults,)) for faults in (STORE, DAEMON)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


# --- cases --------------------------------------------------------------------------------------------------------

def under_load(host, fault, short):
    load = Load(host, short)
    try:
        with load.on():
            fault(host, load)
        load.arrive()
    except Failed as e:
        raise Failed("\n".join([str(e)] + load.wrong[:10] + [load.history(sender) for sender in list(load.missing())[:3]]
                               + host.postfix.log.lines("throttling|fatal|panic")[-10:])) from None
    finally:
        comment(load.summary())
    check(not load.wrong, "\n".join(load.wrong[:10]))
    check(not load.astray(), load.astray()[:5])
    given_up = host.postfix.log.lines("status=(bounced|expired)")
    check(not given_up, "\n".join(given_up[:5]))
    check(load.refusals() == load.turned_away, "5xx for who exists")
    check(load.taken and load.turned_away, "a poor load")


def trouble(env, fault, short=False):
    need(postfix)
    with scratch() as tmp, Sink() as sink:
        host = Host(env, tmp, sink)
        try:
            host.start()
            host.postfix.start()
            under_load(host, fault, short)
            check(fault in (killed, together) or not any(map(is_death, host.log().splitlines())), "workers died")
        except Exception:
            comment("\n".join([host.postfix.log.tail(), host.log()[-3000:]]))
            raise
        finally:
            with contextlib.ExitStack() as stack:
                stack.callback(host.stop)
                stack.callback(host.postfix.stop)


LONG = [
    ("the store is locked", locked),
    ("the store is being recovered", recovered),
    ("the store is replaced by a restored copy", replaced),
    ("the store is corrupted and mended", corrupted),
    ("the store is removed and put back", removed),
    ("the store is written to all the time, which nobody notices", busy),
    ("lookup workers are killed again and again", killed),
    ("the daemon is stopped and started", stopped),
    ("the daemon is reloaded, which nobody notices", reloaded),
    ("all of it together", together),
]


def add_cases(long):
    """One bad day in short, or the LONG runs."""
    if not long:
        suite.add("a bad day in short: no 5xx for who exists, no mail lost", lambda env: trouble(env, together, True))
        return
    for name, fault in LONG:
        suite.add("under load: no 5xx for who exists, no mail lost: " + name,
                  lambda env, fault=fault: trouble(env, fault))
