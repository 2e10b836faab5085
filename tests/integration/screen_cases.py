# SPDX-License-Identifier: ISC
#
# vmailctl on a terminal, as it looks: tmux is the terminal, at 80 and at 140 columns, and what is checked is
# what stands on its screen.
"""cases(build) gives (name, callable) pairs; a callable raises AssertionError when something is wrong."""
import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import (Site, Skip, Socketmap, check, check_eq, check_in, listener, scratch,  # noqa: E402
                     wait_until)

WIDTHS = (80, 140)
HEIGHT = 24
BOLD = "\x1b[1m"
REVERSE = "\x1b[7m"
MANY = ["user%03d@example.com" % i for i in range(60)]

CASES = []


def case(name):
    """Decorator: a case is a function of a site and of the width of the terminal."""
    def register(function):
        CASES.append((name, function))
        return function
    return register


def cases(build):
    return [("screen of %d: %s" % (width, name), functools.partial(looked_at, function, os.path.abspath(build), width))
            for name, function in CASES for width in WIDTHS]


class Screen:
    """A terminal with a shell in it."""

    def __init__(self, site, tmp, width, **environment):
        self.socket = os.path.join(tmp, "tmux")
        self.width = width
        self.site = site
        self.turn = 0
        home = {"HOME": tmp, "PATH": os.environ["PATH"], "TERM": "screen-256color", "LANG": "C.UTF-8", "PS1": "$ ",
                "CTL": site.program("vmailctl"), "CONF": site.conf, **environment}
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(HEIGHT), "/bin/sh",
                  environment=home)

    def tmux(self, *arguments, environment=None):
        return subprocess.run(["tmux", "-S", self.socket, *arguments], env=environment, check=True, text=True,
                              stdout=subprocess.PIPE, timeout=60).stdout

    def text(self, *options):
        return self.tmux("capture-pane", "-p", *options).rstrip("\n")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def export(self, setting):
        self.keys("-l", "export %s" % setting)
        self.keys("Enter")

    def wait(self, pattern):
        wait_until(lambda: re.search(pattern, self.text(), re.M), "'%s' on the screen" % pattern)
        return self.text()

    def start(self, line):
        """Type a command behind a clean prompt; what its exit status was will be told on a line of its own."""
        self.turn += 1
        self.tmux("clear-history")
        self.tmux("send-keys", "-l", 'clear; "$CTL" -c "$CONF" %s; echo "[%d:$?]"' % (line, self.turn))
        self.keys("Enter")

    def end(self, status):
        self.wait(r"^\[%d:%d\]$" % (self.turn, status))

    def run(self, line, status=0):
        self.start(line)
        self.end(status)
        return self.text()

    def close(self):
        with contextlib.suppress(subprocess.SubprocessError):
            self.tmux("kill-server")


def looked_at(function, build, width):
    if shutil.which("tmux") is None or shutil.which("less") is None:
        raise Skip("tmux and less are not here")
    with scratch() as tmp:
        site = Site(build, tmp)
        site.init("example.com", aliases={"info@example.com": [MANY[0], MANY[1]]})
        for address in MANY:
            site.ctl("user", "add", address, "--no-password")
        with contextlib.closing(Screen(site, tmp, width)) as screen:
            function(screen)


@case("a list that fits is there at once, with its heading in bold and nothing broken over two lines")
def short_list(screen):
    text = screen.run("domain list")
    check_in("example.com", text)
    check(not re.search(r"^[^ ]*\(END\)", text, re.M), text)
    check_in(BOLD, screen.text("-e"))
    rows = [line for line in text.split("\n") if line.startswith("example.com")]
    check_eq(len(rows), 1, text)
    check(all(len(line) <= screen.width for line in text.split("\n")), text)


@case("no colour where NO_COLOR asks for none")
def no_colour(screen):
    screen.export("NO_COLOR=1")
    screen.run("domain list")
    check(BOLD not in screen.text("-e"), screen.text("-e"))


@case("a list that does not fit is read page by page, and left in the middle with no complaint")
def long_list(screen):
    screen.start("user list")
    first = screen.wait(r"^:$|^lines |\(END\)|^:")
    check_in(MANY[0], first)
    check(MANY[-1] not in first, first)
    check_in(BOLD, screen.text("-e"))
    screen.keys("Space")
    screen.wait(re.escape(MANY[30]))
    screen.keys("q")
    screen.end(0)


@case("what is cut off of the log can be told, and is whole in a pipe")
def cut_log(screen):
    screen.export("PAGER=cat")
    text = screen.run("log --last 3")
    rows = [line for line in text.split("\n") if re.match(r" *\d+ \d{4}-", line)]
    check_eq(len(rows), 3, text)
    for row in rows:
        check(len(row) <= screen.width and re.search(r"\.\.\.( |$)", row), row, text)
    check_in("`| cat` or --json shows all of it", text)
    text = screen.run("log --last 3 | cat")
    check("..." not in text and "`| cat`" not in text, text)
    check_in('"credentials":[]}', text.replace("\n", ""))


@case("with PAGER=cat, or into a pipe, everything goes straight through")
def no_pager(screen):
    screen.export("PAGER=cat")
    check_in(MANY[-1], screen.run("user list"))
    screen.run("user list | tail -n 1")
    check_in(MANY[-1], screen.text())


@case("a pager that is none is named, and nothing is taken for shown")
def no_such_pager(screen):
    screen.export("PAGER=/no/such/pager")
    check_in("set PAGER to another", screen.run("user list", status=75))


@case("help, a record, a lookup and a refusal stand on the screen as lines")
def verbs(screen):
    screen.export("PAGER=cat")
    for line, status, words in (
            ("--help", 0, ("usage: vmailctl COMMAND", "--json")),
            ("user add --help", 0, ("usage: vmailctl user add", "example:")),
            ("user show " + MANY[0], 0, (MANY[0], "quota")),
            ("alias show info@example.com", 0, (MANY[0], MANY[1])),
            ("lookup aliases info@example.com", 0, (MANY[0] + ", " + MANY[1],)),
            ("maps", 0, ("aliases", "senders")),
            ("user add %s --no-password" % MANY[0], 1, ("there is a mailbox", "already")),
            ("usr list", 2, ("did you mean 'user'",))):
        screen.tmux("clear-history")
        screen.run(line, status)
        text = screen.text("-S", "-200")
        for word in words:
            check_in(word, text, line)
        check("\x1b" not in text and "\t" not in text, text)
        check(not re.search(r"^[a-z]+ ?[a-z]*$\n^[a-z]+$", text, re.M), "broken over two lines", text)


@case("a password is asked for twice and never shown")
def password(screen):
    screen.start("user passwd " + MANY[0])
    screen.wait(r"(?i)password")
    screen.keys("-l", "correct horse")
    screen.keys("Enter")
    screen.wait(r"(?i)again|repeat|once more")
    screen.keys("-l", "correct horse")
    screen.keys("Enter")
    screen.end(0)
    check("correct" not in screen.text("-S", "-200"), screen.text())


def metered(site):
    """The site with a metrics listener."""
    site.listeners.append(listener("unix:" + os.path.join(site.tmp, "metrics.sock"), "metrics", 0o666))
    site.configure()
    return site


@case("top fills the screen and no more, follows what is asked and the size of the window, and leaves on q")
def top(screen):
    site = metered(screen.site)
    with site.start() as daemon, Socketmap(site.maps) as client:
        screen.start("top --interval 1")
        first = screen.wait(r"averages since the start")
        for part in ("vmaild ", " ok", "MAP", "LATENCY", "LOGINS/s", "store up"):
            check_in(part, first)
        lines = first.split("\n")
        check(len(lines) <= HEIGHT and all(len(line) <= screen.width for line in lines), first)
        check_in(REVERSE, screen.text("-e"))
        rate = wait_until(lambda: client.ask("aliases", "info@example.com") and
                          re.search(r"^aliases +([0-9.]+) ", screen.text(), re.M), "aliases at the top")
        check(rate.start() < screen.text().index("LATENCY"), screen.text())
        wait_until(lambda: client.ask("aliases", "info@example.com") and
                   re.search(r"^MAP .*\naliases +[1-9]", screen.text(), re.M), "aliases as the busiest")
        screen.tmux("resize-window", "-x", "60", "-y", "16")
        screen.wait(r"^q quits")
        wait_until(lambda: len(screen.text().split("\n")) <= 16 and "LOGINS/s" in screen.text(), "a smaller screen")
        check_in("vmaild ", screen.text().split("\n")[0])
        os.kill(daemon.workers("metrics")[0], 9)
        screen.wait(r"1 replaced")
        screen.keys("q")
        screen.end(0)
        check("LATENCY" not in screen.text(), "the screen as it was before")
        screen.start("top")
        screen.wait(r"LOGINS/s")
        screen.keys("C-c")
        screen.wait(r"^\[%d:0\]$" % screen.turn)
    screen.run("top --once", 75)
    check_in("does it run?", screen.text())


@case("top waits for a daemon that went away")
def top_alone(screen):
    site = metered(screen.site)
    with site.start():
        screen.start("top --interval 1")
        screen.wait(r"LOGINS/s")
    screen.wait(r"FAILING: cannot ask vmaild")
    with site.start():
        screen.wait(r"^vmaild .* ok$")
        screen.keys("q")
        screen.end(0)
