# SPDX-License-Identifier: ISC
#
# A small mail host for cases that want a Postfix of their own: vmaild, Postfix, and sinks in which everything
# ends; no Dovecot. One is up at a time: the cases of one file follow each other, the next file's bench ends it.

import contextlib
import functools
import os
import uuid
from typing import NamedTuple

import postfix
from cases import comment, need, suite
from harness import Failed, Site, check, check_eq, listener, scratch, wait_until
from postfix import Postfix, Refused
from sink import Handler, Sink


# --- where mail ends ------------------------------------------------------------------------------

class Letter(NamedTuple):
    """One mail as it came out: its envelope, and its text with LF line ends."""
    sender: str
    recipients: list
    text: str

    def header(self, name):
        """The value of a header, unfolded; "" when there is none."""
        lines = self.text.partition("\n\n")[0].replace("\n ", " ").replace("\n\t", " ").split("\n")
        return next((line.partition(":")[2].strip() for line in lines
                     if line.lower().startswith(name.lower() + ":")), "")


class Keeper(Handler):
    """One client of a Mailroom."""

    def handle(self):
        self.say("220 sink.test ESMTP")
        sender, recipients = None, []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250-sink.test", "250-8BITMIME", "250 SMTPUTF8")
            elif verb == b"DATA":
                self.say("354 go on")
                self.server.keep(sender, recipients, self.text())
                self.say("250 2.0.0 ok")
            elif verb == b"QUIT":
                return
            else:
                if verb == b"MAIL":
                    sender, recipients = self.address(line), []
                elif verb == b"RCPT":
                    recipients.append(self.address(line))
                self.say("250 2.0.0 ok")

    def text(self):
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.decode("utf-8", "surrogateescape").rstrip("\r\n"))
        return "\n".join(lines) + "\n"


class Mailroom(Sink):
    """A sink that keeps the text as well: `letters`, in the order they came."""

    def __init__(self):
        super().__init__()
        self.RequestHandlerClass = Keeper
        self.letters = []

    def keep(self, sender, recipients, text):
        with self.lock:
            self.letters.append(Letter(sender, recipients, text))

    def transport(self):
        """How transport_maps and relayhosts call it, without the transport's name."""
        return "[127.0.0.1]:%d" % self.port

    def with_mark(self, mark):
        """The letters whose subject is MARK."""
        with self.lock:
            return [letter for letter in self.letters if "\nSubject: %s\n" % mark in "\n" + letter.text]


# --- the host -------------------------------------------------------------------------------------

class Bench:
    """Below TMP, whose path is short. A subclass says what is in the store (fill) and in main.cf (main_cf);
    SETTINGS are vmaild's."""

    domains = ()  # mailbox domains, made by start()

    def __init__(self, env, tmp, stack, **settings):
        self.env, self.tmp, self.stack = env, tmp, stack
        self.sink = stack.enter_context(Mailroom())
        self.postfix = Postfix(os.path.join(tmp, "p"))
        self.maps = os.path.join(tmp, "vmaild.sock")
        self.auth = os.path.join(tmp, "auth.sock")
        self.site = Site(env.build, tmp, queue_directories=[self.postfix.queue],
                         listeners=[listener("unix:" + self.maps, "socketmap", group="postfix", twin=True),
                                    listener("unix:" + self.auth, "auth", group="postfix", twin=True)],
                         **settings)
        self.vmaild = None

    def fill(self):
        """Put into the store what the cases need; vmaild runs already."""

    def main_cf(self):
        """The lines for main.cf; services may be added to self.postfix."""
        return ""

    def start(self):
        self.site.init(*self.domains)
        self.stack.callback(self.stop_vmaild)
        self.vmaild = self.site.start()
        self.fill()
        self.postfix.configure("")
        self.postfix.configure(self.main_cf())
        self.stack.callback(self.postfix.stop)
        self.postfix.start()

    def stop_vmaild(self):
        if self.vmaild:
            daemon, self.vmaild = self.vmaild, None
            daemon.stop()

    @contextlib.contextmanager
    def without_vmaild(self):
        """vmaild is stopped inside of this, and runs again behind it."""
        self.stop_vmaild()
        try:
            yield
        finally:
            self.vmaild = self.site.start()

    # --- what is in the store

    def table(self, name):
        """What main.cf calls the map NAME."""
        return "socketmap:unix:%s:%s" % (self.maps, name)

    def write_table(self, name, entries):
        """Write ENTRIES {key: value} as a file that postmap and `vmailctl map import` both read."""
        path = os.path.join(self.tmp, "table-" + name)
        with open(path, "w") as f:
            f.writelines("%s\t%s\n" % item for item in entries.items())
        return path

    def entries(self, **maps):
        """Put entries {key: value} into maps; `_` in a name stands for `-`."""
        for name, entries in maps.items():
            name = name.replace("_", "-")
            self.site.ctl("map", "import", name, self.write_table(name, entries))

    # --- mail

    def session(self, port=None, helo="client.test", **client):
        """An SMTP session; CLIENT (name="a.test", addr="192.0.2.1", login=...) is who Postfix takes us for."""
        session = self.postfix.session(port)
        if client:
            pretend(session, **client)
        session.ehlo(helo)
        return session

    def say(self, sender, recipient, port=None, **client):
        """Offer a mail and leave before DATA: ("RCPT", 250, "") or the stage, code and text of a refusal."""
        with self.session(port, **client) as session:
            try:
                session.envelope(sender, recipient)
            except Refused as no:
                return no.stage, no.code, no.text
        return "RCPT", 250, ""

    def letters(self, sender, *recipients, port=None, sinks=None, header_to=None):
        """Send one mail, wait until Postfix is done with it: the letters that came of it, in each of SINKS
        (or in the usual one)."""
        mark = uuid.uuid4().hex
        text = "From: %s\nTo: %s\nSubject: %s\n\nHello.\n" % (
            sender, header_to or ", ".join(recipients), mark)
        with self.postfix.session(port) as session:
            session.expect("MAIL", "MAIL FROM:<%s>" % sender, 250)
            for recipient in recipients:
                session.expect("RCPT", "RCPT TO:<%s>" % recipient, 250)
            since = self.postfix.log.mark()
            self.postfix.wait_removed(session.content(text), since)
        found = [sink.with_mark(mark) for sink in sinks or [self.sink]]
        return found if sinks else found[0]

    # --- when something failed

    def marks(self):
        return self.postfix.log.mark(), self.vmaild.mark() if self.vmaild else 0

    def report(self, marks):
        """What the two have logged since MARKS."""
        pieces = ["postfix:", self.postfix.log.tail(marks[0])]
        if self.vmaild:
            pieces += ["vmaild:", self.vmaild.log.text[marks[1]:][-4000:]]
        return "\n".join(pieces)


def pretend(session, **client):
    """Let Postfix take us for another client by XCLIENT: name, addr, login."""
    words = " ".join("%s=%s" % (name.upper(), value) for name, value in client.items())
    code, text = session.command("XCLIENT " + words)
    check_eq(code, 220, text)


# --- one at a time --------------------------------------------------------------------------------

class Slot:
    """Holds the bench that is up, and why it could not be."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.key = self.bench = self.trouble = None

    def get(self, env, key, make):
        """The bench called KEY; MAKE(env, tmp, stack) makes it unless it is the one that is up."""
        if key != self.key:
            self.close()
            self.key = key
            try:
                bench = make(env, self.stack.enter_context(scratch()), self.stack)
                bench.start()
                self.bench = bench
            except Exception as e:
                self.trouble = str(e).split("\n")[0]
                raise
        if self.bench is None:
            raise Failed("there is no such mail host: " + self.trouble)
        return self.bench

    def close(self):
        self.key = self.bench = self.trouble = None
        self.stack.close()


slot = Slot()


def on_bench(key, make, *programs):
    """A decorator as cases.case(name) is one: its FUNCTION gets the bench called KEY, which needs Postfix and
    PROGRAMS."""
    def case(name):
        def register(function):
            @functools.wraps(function)
            def run(env):
                need(postfix, *programs)
                bench = slot.get(env, key, make)
                marks = bench.marks()
                try:
                    return function(bench)
                except Exception:
                    comment(bench.report(marks))
                    raise
            suite.add(name, run)
            return function
        return register
    return case
