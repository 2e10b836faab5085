# SPDX-License-Identifier: ISC
#
# Restarts that nobody notices. A real Postfix and clients that ask as it does are busy without a pause, while the
# daemon is restarted below a service manager that holds its sockets, reloaded, replaced by another program, and loses
# workers: no lookup fails, and no SMTP command is answered with a 4xx.

import collections
import contextlib
import os
import random
import signal
import smtplib
import threading
import time

import postfix
from cases import comment, need, suite
from harness import (Asking, HeldSockets, another_program, b64, check, clock, listener, scratch, wait_until)
from sink import Sink
from trouble import HELD, Failed, Host, Load

HARRY, PASSWORD = "harry@example.test", "alohomora"

# Who logs in where, and for how many sessions an smtpd keeps its connection to us: for its whole life.
SASL = """\
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_sasl_auth_enable = yes
smtpd_sasl_security_options = noanonymous
"""

RAW = 4      # clients of our own that ask as Postfix does
LOGINS = 3   # that log in again and again
KEYS = 200   # of one postmap
WORKERS = 3  # two for lookups, one for logins


class Held(Host):
    """The host of the bad days, on a good one: its sockets are held by somebody who outlives the daemon."""

    def __init__(self, env, tmp, sink):
        self.auth = os.path.join(tmp, "auth.sock")
        super().__init__(env, tmp, sink)
        self.site.listeners.append(listener("unix:" + self.auth, "auth", group="postfix", twin=True))
        self.site.configure(lookup_deadline=10000)  # nothing here is about a slow store
        self.site.ctl("user", "passwd", "--password-stdin", HARRY, stdin=PASSWORD + "\n")
        queue = self.postfix.queue
        self.held = HeldSockets(self.socket, queue + self.socket, self.auth, queue + self.auth)
        self.program = another_program(self.site, 0)

    def main_cf(self):
        return super().main_cf() + SASL.format(auth=self.auth)

    def start(self):
        self.daemon = self.site.start(held=self.held, program=self.program)

    def close(self):
        self.held.close()


class Busy(Load):
    """The clients of the bad days, and three kinds more."""

    def __init__(self, host):
        super().__init__(host)
        self.logins = self.postmaps = self.raw = self.anew = 0
        self.clients = []
        self.heard = []  # of them: those whose failure is known
        self.deeds = []  # what was done to the daemon, and when
        self.longest = collections.Counter()  # seconds
        self.login = threading.Lock()  # one at a time: a worker that is killed takes a login, or its beginning, with it

    def session(self):
        with self.login:
            return super().session()

    def log_in(self):
        """A thread: sessions that log in, in one step and in two."""
        try:
            while not self.ending.is_set():
                with self.session() as session:
                    for words in [["AUTH PLAIN " + b64("\0%s\0%s" % (HARRY, PASSWORD))],
                                  ["AUTH LOGIN", b64(HARRY), b64(PASSWORD)]][random.randrange(2)],:
                        with self.login:
                            codes = [session.command(word)[0] for word in words]
                        if codes != [334] * (len(words) - 1) + [235]:
                            self.blame("%s: %s" % (words[0][:10], codes))
                    self.logins += 1
        except (OSError, smtplib.SMTPException) as e:
            self.blame("a session with a login broke: %r" % e)

    def ask_postmap(self):
        """A thread: Postfix's own client, many keys at a time over one connection. Unlike Postfix's daemons it does not
        ignore SIGPIPE by itself, and would die of any server's end."""
        keys = ["harry@example.test", "nobody@example.test"] * (KEYS // 2)
        table = "socketmap:unix:%s:mailboxes" % self.host.socket
        while not self.ending.is_set():
            done = self.host.postfix.run("postmap", "-q", "-", table, stdin="".join(k + "\n" for k in keys),
                                         restore_signals=False)
            if done.returncode != 0 or done.stderr or len(done.stdout.splitlines()) != KEYS // 2:
                self.blame("postmap: %d, %s, %d answers" % (done.returncode, done.stderr[-300:],
                                                            len(done.stdout.splitlines())))
            self.postmaps += 1

    def hear(self):
        """Have it known what befell those who ask as Postfix does; tell whether anything is wrong."""
        for one in self.clients:
            if one.failure and one not in self.heard:
                self.heard.append(one)
                self.blame("a client that asks as Postfix does: %s" % one.failure, one.failed_at)
        return bool(self.wrong)

    def wait(self, condition, what):
        super().wait(lambda: self.hear() or condition(), what)

    def settle(self):
        """Wait until every client that may have lost a connection has asked again, and been answered."""
        asked, postmaps = [one.asked for one in self.clients], self.postmaps
        self.hold()
        self.wait(lambda: all(one.asked > was + 1 for one, was in zip(self.clients, asked)) and
                  self.postmaps > postmaps + 1, "every client's next answers")

    @contextlib.contextmanager
    def on(self):
        self.clients = raw = [Asking(self.host.socket, "aliases", "post@example.test", ("OK", HARRY)) for _ in range(RAW)]
        threads = [threading.Thread(target=self.log_in) for _ in range(LOGINS)]
        threads.append(threading.Thread(target=self.ask_postmap))
        for thread in threads:
            thread.start()
        try:
            with super().on():
                yield
        finally:
            self.ending.set()
            for thread in threads:
                thread.join()
            for one in raw:
                with contextlib.suppress(Failed):
                    one.finish()
                self.raw += one.asked
                self.anew += one.lost
            self.hear()

    def temporary(self):
        """How many replies were 4xx."""
        return sum(count for code, count in self.replies.items() if 400 <= code < 500)

    def summary(self):
        return super().summary() + (
            "; 4xx %d; %d logins by SASL; %d runs of postmap with %d keys; %d lookups of our own, for which %d "
            "connections were made anew, the first question up to %.2f s later; failed lookups %d; the longest took %s" % (
                self.temporary(), self.logins, self.postmaps, KEYS, self.raw, self.anew,
                max((one.hesitation for one in self.clients), default=0), len(self.wrong),
                ", ".join("%s %.1f s" % pair for pair in self.longest.items())))


# --- what nobody may notice: each is FUNCTION(host, load) -----------------------------------------------------------

def restart(host, load):
    host.stop()
    host.start()


def reload(host, load):
    host.daemon.reload()


def upgrade(host, load):
    before = host.daemon.supervisors()
    another_program(host.site, random.randrange(10 ** 6))
    host.daemon.upgrade()
    wait_until(lambda: not set(before) & set(host.daemon.supervisors()), "the old program to leave")


def kill(host, load, kind, alone=contextlib.nullcontext()):
    """Unlike the other deeds it is no polite one. Postfix asks once more, not twice: two in a row, or one on the heels
    of a reload, are not for one client to bear. ALONE keeps those away who would not bear one."""
    load.settle()
    # those who leave after a reload are gone in a moment
    wait_until(lambda: len(host.daemon.workers()) == WORKERS, "those who leave to be gone")
    with alone:
        old = random.choice(host.daemon.workers(kind))
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: old not in host.daemon.workers(kind) and host.daemon.workers(kind), "another %s worker" % kind)
    load.settle()


def kill_lookup(host, load):
    kill(host, load, "lookup")


def kill_auth(host, load):
    """Between two logins: the one that it has is gone with it, and Postfix says 454. Between two sessions as well: an
    smtpd that has just begun to ask what mechanisms there are ends without a word."""
    kill(host, load, "auth", load.login)


LONG = [(restart, 20), (reload, 20), (upgrade, 5), (kill_lookup, 20), (kill_auth, 5)]
SHORT = [(restart, 2), (reload, 2), (upgrade, 2), (kill_lookup, 2), (kill_auth, 1)]


def in_turn(host, load, deeds):
    """All of them; who fails is told which one was under way."""
    for deed in deeds:
        load.deeds.append("%s %s" % (clock(), deed.__name__))
        begin = time.monotonic()
        deed(host, load)
        load.deeds[-1] += " to " + clock()
        load.longest[deed.__name__] = max(load.longest[deed.__name__], time.monotonic() - begin)
        with load.lock:
            load.faults[deed.__name__] += 1
        load.wait(lambda: True, "")


def unnoticed(host, deeds):
    load = Busy(host)
    deeds = [deed for deed, count in deeds for _ in range(count)]
    random.Random(1).shuffle(deeds)
    try:
        with load.on():
            in_turn(host, load, deeds)
        load.arrive()
        check(not load.wrong, "seen by clients")
    except Failed as e:
        comment(load.scene())
        comment("\n".join(["vmaild, but for its logins:"] +
                          [line for line in host.log().splitlines() if "debug:" not in line][-40:]))
        raise Failed("\n".join([*load.wrong[:10], str(e), "deeds: " + ", ".join(load.deeds[-4:])])) from None
    finally:
        comment(load.summary())
    check(load.temporary() == 0, "4xx:", host.postfix.log.lines("warning|fatal|451|454")[-20:])
    check(load.refusals() == load.turned_away, "5xx for who exists")
    check(load.logins and load.postmaps and load.taken and load.anew, "a poor load")


def case(env, deeds):
    need(postfix)
    with scratch() as tmp, Sink() as sink, contextlib.ExitStack() as stack:
        host = Held(env, tmp, sink)
        stack.callback(host.close)
        stack.callback(host.stop)
        stack.callback(host.postfix.stop)
        try:
            host.start()
            host.postfix.start()
            unnoticed(host, deeds)
        except Exception:
            comment("\n".join([host.postfix.log.tail(), host.log()[-3000:]]))
            raise


def add_cases(long):
    """A few of each, or as many as are promised."""
    suite.add("restarts, reloads, upgrades and dead workers: no lookup fails, no 4xx", lambda env: case(env, LONG if long else SHORT))
