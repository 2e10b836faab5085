# SPDX-License-Identifier: ISC
#
# vmailctl as its callers meet it: command lines right and wrong, exit codes, messages that name the thing
# and the cure, JSON, passwords on a terminal, stores that are none. What the store then answers to a mail
# server is for other cases.
"""cases(build) gives (name, callable) pairs; a callable raises AssertionError when something is wrong."""
import contextlib
import fcntl
import functools
import grp
import json
import os
import pwd
import re
import select
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import termios
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import (SANITIZER, TIMEOUT, Auth, Site, Skip, check, check_eq, check_in, write_file,  # noqa: E402
                     need_root, netstring, ordinary_user, scratch)

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DONE, NOT, USAGE, AGAIN = 0, 1, 2, 75
HARRY, SALLY = "harry@example.com", "sally@example.com"

CASES = []


def case(name):
    """Decorator: a case is a function of the build folder."""
    def register(function):
        CASES.append((name, function))
        return function
    return register


def cases(build):
    """(name, callable without arguments) of every case here."""
    return [("vmailctl: " + name, functools.partial(function, os.path.abspath(build)))
            for name, function in CASES]


# --- helpers --------------------------------------------------------------------------------------

@contextlib.contextmanager
def place(build, **settings):
    """A site with no store yet."""
    with scratch() as tmp:
        yield Site(build, tmp, **settings)


@contextlib.contextmanager
def mail_host(build, **settings):
    """A site with a few rows of each kind."""
    with place(build, **settings) as site:
        site.init("example.com", users={HARRY: None, SALLY: None},
                  aliases={"info@example.com": [HARRY, SALLY]})
        site.ctl("domain", "add", "example.org", "--target", "example.com")
        yield site


def run(site, *arguments, **more):
    """Run vmailctl; whatever it says, it must not have crashed."""
    return sane(site.ctl_run(*arguments, **more), arguments)


def sane(done, arguments=()):
    text = done.stderr or ""
    check(not SANITIZER.search(text), arguments, text)
    check(done.returncode in (DONE, NOT, USAGE, AGAIN), arguments, "exit", done.returncode, text)
    return done


def refused(site, code, arguments, says=(), stdin=""):
    """It must exit CODE, leave stdout alone, and say each word of SAYS on stderr."""
    done = run(site, *arguments, stdin=stdin)
    check_eq(done.returncode, code, arguments, done.stderr)
    check_eq(done.stdout, "", arguments)
    check(done.stderr.startswith("vmailctl: "), arguments, done.stderr)
    for word in says:
        check_in(word, done.stderr, arguments)
    return done


def rows(site, *arguments):
    """What a command prints with --json."""
    return json.loads(site.ctl("--json", *arguments))


def bare(build, *arguments, env=None, **more):
    """vmailctl without a site."""
    done = subprocess.run([os.path.join(build, "vmailctl"), *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT,
                          env=dict(os.environ, **(env or {})), **more)
    return sane(done, arguments)


def table_of_help(build):
    """The rows of `help --all`."""
    return [line.split("\t") for line in bare(build, "help", "--all").stdout.splitlines()]


# --- the command line -----------------------------------------------------------------------------

MISUSES = [
    ("nothing at all", [], ["the commands are", "domain", "user"]),
    ("an unknown command", ["usr", "add", HARRY], ["'usr'", "did you mean 'user'"]),
    ("letters swapped", ["dmoain", "list"], ["did you mean 'domain'"]),
    ("nothing near it", ["xyzzy"], ["'xyzzy'", "the commands are"]),
    ("an empty word", [""], ["''"]),
    ("a noun without a verb", ["user"], ["'user' needs a verb", "passwd"]),
    ("an unknown verb", ["user", "ad-d", HARRY], ["'ad-d'", "did you mean 'add'"]),
    ("another word for remove", ["alias", "delete", HARRY], ["did you mean 'remove'"]),
    ("another word for add", ["domain", "create", "x.example"], ["did you mean 'add'"]),
    ("another word for list", ["user", "ls"], ["did you mean 'list'"]),
    ("an ambiguous command", ["co", "show"], ["'co' could be 'config' or 'completion'"]),
    ("a missing argument", ["user", "add"], ["ADDRESS is missing", "usage: vmailctl user add"]),
    ("a missing second argument", ["alias", "add", HARRY], ["TARGET is missing"]),
    ("too many arguments", ["user", "show", HARRY, SALLY], ["too many arguments: 2"]),
    ("a password as an argument", ["user", "add", HARRY, "secret"], ["too many arguments"]),
    ("an unknown option", ["user", "add", HARRY, "--frobnicate"], ["'--frobnicate'"]),
    ("an option misspelt", ["user", "add", HARRY, "--qouta", "1G"], ["did you mean '--quota'"]),
    ("an unknown letter", ["-x", "user", "list"], ["'-x'"]),
    ("an option of another command", ["user", "list", "--live"], ["'--live'"]),
    ("an option before its command", ["--live", "lookup"], ["come after"]),
    ("an option without its value", ["user", "add", HARRY, "--quota"], ["'--quota' needs SIZE"]),
    ("a file option at the end", ["user", "list", "-c"], ["'--config' needs FILE"]),
    ("a switch with a value", ["user", "list", "--names=yes"], ["takes no value"]),
    ("an ambiguous option", ["--he", "--ver", "--n"], ["'--n'"]),
    ("two sources of a password", ["user", "add", HARRY, "--no-password", "--password-stdin"],
     ["contradict"]),
    ("no source of a password", ["user", "add", HARRY], ["--password-stdin"]),
    ("no source of a new password", ["user", "passwd", HARRY], ["--password-stdin"]),
    ("a size that is none", ["user", "add", HARRY, "--no-password", "--quota", "much"], ["'much'", "2G"]),
    ("a negative size", ["user", "add", HARRY, "--no-password", "--quota", "-1"], ["'-1'"]),
    ("a size beyond all numbers", ["user", "add", HARRY, "--no-password", "--quota", "9999999T"],
     ["'9999999T'"]),
    ("a kind that is none", ["domain", "add", "x.example", "--kind", "vip"], ["'vip'", "relay"]),
    ("a target for the wrong kind",
     ["domain", "add", "x.example", "--kind", "relay", "--target", "example.com"], ["--target"]),
    ("an app password without a label", ["app-password", "add", HARRY], ["--label"]),
    ("an app password of the past", ["app-password", "add", HARRY, "--label", "x", "--expires", "2001-01-01"],
     ["over already"]),
    ("an app password of a time that is none", ["app-password", "add", HARRY, "--label", "x", "--expires", "soon"],
     ["'soon'", "+30d"]),
    ("another word for revoke", ["app-password", "revoke", HARRY, "x"], ["did you mean 'remove'"]),
    ("half a command in two words", ["user", "app-password"], ["'app-password' needs a verb", "add, list, remove"]),
    ("an unknown verb behind two words", ["user", "app-password", "hug"], ["'hug'", "add, list, remove"]),
    ("nothing to set of a mailbox", ["user", "set", HARRY], ["nothing to set"]),
    ("an id that is no number", ["user", "set", HARRY, "--uid", "vmail"], ["'vmail'", "--uid"]),
    ("an id that is nobody's", ["user", "set", HARRY, "--gid", "4294967295"], ["'4294967295'"]),
    ("nobody's wrong passwords", ["login", "clear"], ["--all"]),
    ("somebody's and everybody's wrong passwords", ["login", "clear", HARRY, "--all"], ["--all"]),
    ("an unknown map", ["lookup", "alises", HARRY], ["did you mean 'aliases'"]),
    ("a map far from any", ["lookup", "xyzzyx", HARRY], ["'xyzzyx'", "vmailctl maps"]),
    ("an id that is none", ["log", "--after", "yesterday"], ["'yesterday'"]),
    ("an unknown shell", ["completion", "tcsh"], ["'tcsh'", "bash zsh fish"]),
    ("help for what does not exist", ["help", "user", "hug"], ["'hug'"]),
]


@case("every misuse is told with its cure, and exits 2")
def _(build):
    with mail_host(build) as site:
        before = rows(site, "log")
        for name, arguments, says in MISUSES:
            done = refused(site, USAGE, arguments, says)
            check_in("\ntry: vmailctl", done.stderr, name)
        check_eq(rows(site, "log"), before)


@case("commands, verbs and options may be shortened while they are clear")
def _(build):
    with mail_host(build) as site:
        for arguments in (["dom", "l"], ["dom", "li", "--names"], ["dom", "l", "--n"]):
            check_in("example.com", site.ctl(*arguments))
        check_in("domains", site.ctl("maps", "--names"))
        check_eq(json.loads(site.ctl("us", "sh", HARRY, "--js"))["address"], HARRY)


@case("options that every command takes stand anywhere")
def _(build):
    with mail_host(build) as site:
        conf = site.conf
        for arguments in (["-c", conf, "--json", "domain", "list"], ["domain", "-c", conf, "list", "--json"],
                          ["domain", "list", "--json", "-c", conf], ["domain", "list", "--json", "-c" + conf],
                          ["--config=" + conf, "domain", "--json", "list"]):
            names = [row["name"] for row in json.loads(bare(build, *arguments).stdout)]
            check_eq(names, ["example.com", "example.org"], arguments)


@case("-- ends the options")
def _(build):
    with mail_host(build) as site:
        refused(site, NOT, ["user", "show", "--", "--json@example.com"], ["--json@example.com"])


@case("--store overrides the configuration everywhere")
def _(build):
    with mail_host(build) as site:
        other = "sqlite:" + os.path.join(site.tmp, "other", "vmail.db")
        site.ctl("--store", other, "init")
        site.ctl("domain", "add", "elsewhere.example", "--store", other)
        check_eq(site.ctl("--store=" + other, "domain", "list", "--names"), "elsewhere.example\n")
        check_eq(site.ctl("--store", other, "lookup", "domains", "elsewhere.example") != "", True)
        check_eq(site.ctl("domain", "list", "--names"), "example.com\nexample.org\n")


@case("every command has its help, with its options and an example")
def _(build):
    table = table_of_help(build)
    for kind, command, argument, _ in table:
        if kind != "command":
            continue
        done = bare(build, *command.split(), "--help")
        check_eq((done.returncode, done.stderr), (DONE, ""), command)
        check(done.stdout.startswith("usage: vmailctl " + command), done.stdout)
        check_in("example:\n  vmailctl ", done.stdout, command)
        check_in(argument, done.stdout)
        for _, owner, option, text in (row for row in table if row[0] != "command"):
            if owner in (command, ""):
                check_in(option, done.stdout, command)
                check_in(text, done.stdout, command)
        check_eq(bare(build, "help", *command.split()).stdout, done.stdout)


@case("help --all has four fields a line, and the whole help names every command")
def _(build):
    table = table_of_help(build)
    whole = bare(build, "--help").stdout
    for row in table:
        check_eq(len(row), 4, row)
        check_in(row[0], ("command", "option", "global"))
        if row[0] == "command":
            check_in("  " + row[1], whole)
    check_in("--quota SIZE", [row[2] for row in table if row[1] == "user add"])
    check_in("user passwd", bare(build, "user", "--help").stdout)


@case("--version is the same everywhere")
def _(build):
    for arguments in (["--version"], ["version"], ["user", "add", "--version"]):
        check(re.fullmatch(r"vmailctl \d+\.\d+\.\d+\n", bare(build, *arguments).stdout), arguments)


@case("help, version and completion are an object in JSON, with the same text")
def _(build):
    for arguments in (["version"], ["--version"], ["help"], ["help", "user", "add"], ["help", "--all"], ["user", "--help"],
                      ["completion", "bash"], ["completion", "zsh"], ["completion", "fish"]):
        text = bare(build, *arguments).stdout
        check(text, arguments)
        check_eq(json.loads(bare(build, "--json", *arguments).stdout), {"text": text}, arguments)
    done = bare(build, "--json", "completion", "csh")
    check_eq((done.returncode, done.stdout), (USAGE, ""))


@case("a configuration that cannot be used is no answer, and is told with its line")
def _(build):
    with place(build) as site:
        with open(site.conf, "a") as f:
            f.write("no-such-key = 1\n")
        for arguments in (["domain", "list"], ["user", "list"], ["user", "show", HARRY], ["log"], ["init"], ["migrate"],
                          ["alias", "add", "info@example.com", HARRY], ["config", "show"],
                          ["config", "postfix"], ["lookup", "aliases", HARRY],
                          ["lookup", "--live", "aliases", HARRY]):
            done = refused(site, AGAIN, arguments, [site.conf, "no-such-key"])
            check(re.search(r":\d+:", done.stderr), done.stderr)
        refused(site, AGAIN, ["-c", "/no/such/file", "user", "list"], ["/no/such/file"])


# --- domains, mailboxes, aliases ------------------------------------------------------------------

@case("domains: add, list, show, remove")
def _(build):
    with place(build) as site:
        site.ctl("init")
        for name, *options in (("Example.COM",), ("bücher.example",), ("a.example", "--kind", "alias"),
                               ("r.example", "--kind=relay"), ("l.example", "--kind", "local"),
                               ("o.example", "--target", "EXAMPLE.com."),
                               ("p.example", "--kind", "alias", "--target", "example.com")):
            check_eq(site.ctl("domain", "add", name, *options), "")
        check_eq({r["name"]: (r["kind"], r["target"]) for r in rows(site, "domain", "list")}, {
            "example.com": ("mailbox", None), "xn--bcher-kva.example": ("mailbox", None),
            "a.example": ("alias", None), "r.example": ("relay", None), "l.example": ("local", None),
            "o.example": ("alias", "example.com"), "p.example": ("alias", "example.com")})
        site.user_add(HARRY, None)
        shown = rows(site, "domain", "show", "EXAMPLE.com")
        check_eq((shown["name"], shown["mailboxes"], shown["aliases"]), ("example.com", 1, 0))
        check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown["created"]), shown)
        site.ctl("domain", "remove", "A.example")
        refused(site, NOT, ["domain", "show", "a.example"], ["there is no domain 'a.example'"])
        refused(site, NOT, ["domain", "remove", "example.com"], ["example.com"])
        site.ctl("domain", "remove", "o.example")
        site.ctl("domain", "remove", "p.example")
        refused(site, NOT, ["domain", "remove", "example.com"], ["1 mailbox", "--all"])
        site.ctl("domain", "remove", "example.com", "--all")
        check_eq(rows(site, "user", "list"), [])


@case("mailboxes: add, list, show, remove")
def _(build):
    with mail_host(build) as site:
        site.ctl("user", "add", "--no-password", "Ginny@Example.com", "--quota", "2g")
        site.ctl("user", "add", "--no-password", "ron@example.com", "--quota=500MiB")
        site.ctl("user", "add", "--no-password", "neville@example.com", "--quota", "0")
        check_eq({r["address"]: r["quota"] for r in rows(site, "user", "list", "EXAMPLE.com")}, {
            HARRY: None, SALLY: None, "ginny@example.com": 2 << 30, "ron@example.com": 500 << 20,
            "neville@example.com": None})
        shown = rows(site, "user", "show", "GINNY@example.COM")
        check_eq((shown["address"], shown["password"]), ("ginny@example.com", False))
        check_eq(shown["home"], "/var/vmail/example.com/ginny")
        check_in("2G", site.ctl("user", "show", "ginny@example.com"))
        check_eq(rows(site, "user", "list", "example.org"), [])
        refused(site, NOT, ["user", "list", "nosuch.example"], ["there is no domain 'nosuch.example'"])
        site.ctl("user", "remove", "ginny@example.com")
        refused(site, NOT, ["user", "show", "ginny@example.com"], ["there is no mailbox 'ginny@example.com'"])
        refused(site, NOT, ["user", "remove", "ginny@example.com"], ["there is no mailbox"])
        refused(site, NOT, ["user", "remove", HARRY], ["info@example.com", "--force"])
        site.ctl("user", "remove", HARRY, "--force")
        check_eq(rows(site, "alias", "show", "info@example.com")["targets"], [HARRY, SALLY])


@case("aliases: add, list, show, remove, with targets and without")
def _(build):
    with mail_host(build) as site:
        site.ctl("alias", "add", "INFO@example.com", "ron@elsewhere.example")
        check_eq(rows(site, "alias", "show", "info@Example.com")["targets"],
                 [HARRY, SALLY, "ron@elsewhere.example"])
        site.ctl("alias", "add", "info@example.com", SALLY)
        site.ctl("alias", "remove", "info@example.com", SALLY, HARRY)
        check_eq(rows(site, "alias", "show", "info@example.com")["targets"], ["ron@elsewhere.example"])
        site.ctl("alias", "add", "@example.com", HARRY)
        site.ctl("domain", "add", "l.example", "--kind", "local")
        site.ctl("alias", "add", "postmaster", HARRY)
        check_eq(sorted(site.ctl("alias", "list", "--names").split()),
                 ["@example.com", "info@example.com", "postmaster"])
        check_eq(sorted(r["address"] for r in rows(site, "alias", "list", "example.com")),
                 ["@example.com", "info@example.com"])
        refused(site, NOT, ["alias", "remove", "info@example.com", "nobody@example.com"],
                ["nobody@example.com"])
        refused(site, NOT, ["alias", "remove", "other@example.com"], ["other@example.com"])
        site.ctl("alias", "remove", "info@example.com")
        refused(site, NOT, ["alias", "show", "info@example.com"], ["there is no alias 'info@example.com'"])
        refused(site, NOT, ["alias", "list", "nosuch.example"], ["nosuch.example"])


REFUSALS = [
    ("an empty domain", ["domain", "add", ""], ["empty"]),
    ("a domain that is none", ["domain", "add", "a b"], ["'a b'", "example.com"]),
    ("an address for a domain", ["domain", "add", HARRY], [HARRY]),
    ("an over-long domain", ["domain", "add", "a." * 127 + "ab"], ["domain name"]),
    ("a domain twice", ["domain", "add", "EXAMPLE.com"], ["example.com", "already"]),
    ("a target that is not there", ["domain", "add", "x.example", "--target", "y.example"],
     ["y.example", "domain add"]),
    ("a target that stands for another", ["domain", "add", "x.example", "--target", "example.org"],
     ["example.org", "example.com"]),
    ("a domain for itself", ["domain", "add", "x.example", "--target", "x.example"], ["x.example"]),
    ("a domain others stand for", ["domain", "remove", "example.com", "--all"], ["example.org"]),
    ("a domain with mailboxes", ["domain", "remove", "full.example"], ["1 mailbox", "--all"]),
    ("an empty mailbox", ["user", "add", "--no-password", ""], ["empty"]),
    ("a mailbox without a domain", ["user", "add", "--no-password", "bob"],
     ["'bob'", "whole address", "bob@example.com"]),
    ("a mailbox of nobody", ["user", "add", "--no-password", "@example.com"], ["alias add"]),
    ("a mailbox in an unknown domain", ["user", "add", "--no-password", "bob@nosuch.example"],
     ["nosuch.example", "domain add"]),
    ("a mailbox in an alias domain", ["user", "add", "--no-password", "bob@example.org"],
     ["example.org", "example.com"]),
    ("a mailbox twice", ["user", "add", "--no-password", "HARRY@example.com"], [HARRY, "already"]),
    ("an over-long local part", ["user", "add", "--no-password", "a" * 65 + "@example.com"], ["64"]),
    ("an over-long address", ["user", "add", "--no-password", "a" * 2000 + "@example.com"], ["1000"]),
    ("a mailbox that climbs out of its folder", ["user", "add", "--no-password", "../x@example.com"],
     ["../x@example.com"]),
    ("control characters", ["user", "add", "--no-password", "a\nb@example.com"], ["control characters"]),
    ("a new password for nobody", ["user", "passwd", "--password-stdin", "nobody@example.com"],
     ["there is no mailbox 'nobody@example.com'"]),
    ("an alias in an unknown domain", ["alias", "add", "a@nosuch.example", HARRY],
     ["nosuch.example", "domain add"]),
    ("an empty alias", ["alias", "add", "", HARRY], ["empty"]),
    ("an empty target", ["alias", "add", "a@example.com", ""], ["empty"]),
    ("a target without a domain", ["alias", "add", "a@example.com", "bob"], ["'bob'"]),
    ("an over-long target", ["alias", "add", "a@example.com", "b" * 1000 + "@example.com"], ["1000"]),
    ("a whole domain inside a list", ["alias", "add", "a@example.com", HARRY, "@elsewhere.example"],
     ["@elsewhere.example", "only target"]),
    ("a loop", ["alias", "add", "two@example.com", "one@example.com"], ["@example.com", "circles"]),
    ("growth", ["alias", "add", "grow@example.com", "grow+x@example.com"], ["grow", "without end"]),
    ("more targets than Postfix takes",
     ["alias", "add", "many@example.com"] + ["u%d@elsewhere.example" % i for i in range(1001)], ["1000"]),
    ("a catch-all of an alias domain", ["alias", "add", "@example.org", HARRY], ["@example.com"]),
]


@case("what could never work is refused with what to do instead, and changes nothing")
def _(build):
    with mail_host(build) as site:
        site.ctl("domain", "add", "full.example")
        site.user_add("x@full.example", None)
        site.ctl("alias", "add", "one@example.com", "two@example.com")
        before = rows(site, "log")
        for name, arguments, says in REFUSALS:
            refused(site, NOT, arguments, says, stdin="secret\n")
        check_eq(rows(site, "log"), before)


@case("a refusal with --json says so on stdout as well")
def _(build):
    with mail_host(build) as site:
        for code, arguments, outcome in ((NOT, ["user", "add", "--no-password", "bob"], "refused"),
                                         (NOT, ["user", "show", "bob@example.com"], "not found"),
                                         (NOT, ["domain", "remove", "nosuch.example"], "not found"),
                                         (AGAIN, ["--store", "sqlite:/no/such/vmail.db", "user", "list"],
                                          "try again")):
            done = run(site, "--json", *arguments)
            verdict = json.loads(done.stdout)
            check_eq((done.returncode, verdict["outcome"]), (code, outcome), arguments)
            check_eq(done.stderr, "vmailctl: %s\n" % verdict["reason"])


@case("every command speaks JSON")
def _(build):
    with place(build) as site:
        for arguments in (["init"], ["migrate"], ["domain", "add", "example.com"],
                          ["user", "add", "--no-password", HARRY], ["user", "remove", HARRY],
                          ["user", "add", "--no-password", HARRY],
                          ["alias", "add", "info@example.com", HARRY],
                          ["alias", "remove", "info@example.com"]):
            check_eq(rows(site, *arguments)["outcome"], "done", arguments)
        verdict = json.loads(run(site, "--json", "user", "passwd", "--password-stdin", HARRY,
                                 stdin="secret\n").stdout)
        check_eq(verdict, {"outcome": "done", "what": "user passwd", "subject": HARRY})
        for arguments in (["domain", "list"], ["user", "list"], ["alias", "list"], ["log"], ["maps"]):
            check_eq(type(rows(site, *arguments)), list, arguments)
        for arguments in (["domain", "show", "example.com"], ["user", "show", HARRY], ["config", "show"],
                          ["config", "postfix"], ["config", "dovecot"], ["lookup", "mailboxes", HARRY]):
            check_eq(type(rows(site, *arguments)), dict, arguments)
        check_eq(json.loads(run(site, "--json", "lookup", "aliases", "x@example.com").stdout),
                 {"outcome": "none", "map": "aliases", "key": "x@example.com"})
        key = os.fsdecode(b"\xff@example.com")
        check_eq(json.loads(run(site, "--json", "lookup", "aliases", key).stdout)["key"], "?@example.com")


@case("tables have a heading, and nothing but the rows with --names")
def _(build):
    with mail_host(build) as site:
        lines = site.ctl("user", "list").splitlines()
        check_eq(lines[0].split(), ["address", "quota", "password", "state", "reason", "created",
                                     "last_login"])
        check_eq([line.split()[0] for line in lines[1:]], [HARRY, SALLY])
        check_eq(site.ctl("user", "list", "--names"), "%s\n%s\n" % (HARRY, SALLY))
        check_eq(site.ctl("alias", "list").splitlines()[1].split()[:3],
                 ["info@example.com", HARRY + ",", SALLY])
        check_eq(site.ctl("user", "list", "example.org"), "")


@case("a long list comes whole")
def _(build):
    with place(build) as site:
        site.ctl("init")
        site.ctl("domain", "add", "example.com")
        targets = ["u%04d@elsewhere.example" % i for i in range(1000)]
        site.ctl("alias", "add", "all@example.com", *targets)
        check_eq(rows(site, "alias", "show", "all@example.com")["targets"], targets)
        check_in(targets[-1], site.ctl("alias", "list"))


# --- the change log -------------------------------------------------------------------------------

@case("the log tells who did what, with before and after, and no secrets")
def _(build):
    with place(build) as site:
        site.init("example.com")
        program = site.program("vmailctl")
        env = dict(os.environ, SUDO_USER="ginny")
        subprocess.run([program, "-c", site.conf, "user", "add", "--password-stdin", HARRY], env=env,
                       input="xyzzy\n", text=True, check=True, stderr=subprocess.PIPE)
        me = pwd.getpwuid(os.geteuid()).pw_name
        log = rows(site, "log")
        check_eq([(r["what"], r["subject"], r["who"]) for r in log if r["what"] != "init"],
                 [("domain add", "example.com", me), ("user add", HARRY, "ginny (%s)" % me)])
        check_eq(log[-1]["before"], None)
        check_eq(log[-1]["after"]["address"], HARRY)
        text = json.dumps(log) + site.ctl("log")
        check("xyzzy" not in text and "ARGON2" not in text and "argon2" not in text, text)
        check_eq(rows(site, "log", "--after", str(log[-1]["id"])), [])
        check_eq(rows(site, "log", "--after", str(log[0]["id"])), log[1:])


@case("nobody can write control characters into the log by his name")
def _(build):
    with place(build) as site:
        site.ctl("init")
        subprocess.run([site.program("vmailctl"), "-c", site.conf, "domain", "add", "example.com"],
                       env=dict(os.environ, SUDO_USER="\x1b[2J\n" + "x" * 5000), check=True)
        who = rows(site, "log")[-1]["who"]
        check("\x1b" not in who and "\n" not in who and len(who) < 200, who)


# --- passwords ------------------------------------------------------------------------------------

class Terminal:
    """vmailctl with a terminal for its standard input, output and error."""

    def __init__(self, *command, env=None):
        self.fd, theirs = os.openpty()
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs,
                                        env=dict(os.environ, TERM="xterm", **(env or {})),
                                        start_new_session=True, preexec_fn=self.log_in)
        self.theirs = theirs  # open until the end: what state it left the terminal in can then be read
        self.text = ""

    @staticmethod
    def log_in():
        """In the child: be as a shell on that terminal would start it, whatever we were started by."""
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def more(self):
        """Read once; False at the end."""
        check(select.select([self.fd], [], [], TIMEOUT)[0], "nothing more on the terminal:", self.text)
        try:
            piece = os.read(self.fd, 4096).decode("utf-8", "replace")
        except OSError:
            return False
        self.text += piece
        return bool(piece)

    def wait(self):
        """Wait for its end; the exit status, or minus the signal."""
        return self.process.wait(TIMEOUT)

    def expect(self, text):
        """Read until TEXT has come, and forget what came up to its end."""
        while text not in self.text:
            check(self.more(), "no", repr(text), "in", repr(self.text))
        before, self.text = self.text.split(text, 1)
        return before

    def echo(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """Read to the end; (exit status or minus the signal, what came)."""
        status = self.wait()
        os.close(self.theirs)
        while self.more():
            pass
        os.close(self.fd)
        check(not SANITIZER.search(self.text), self.text)
        return status, self.text


def dialogue(site, *arguments, env=None):
    return Terminal(site.program("vmailctl"), "-c", site.conf, *arguments, env=env)


@case("a password is asked for twice, with echo off")
def _(build):
    with mail_host(build) as site:
        t = dialogue(site, "user", "add", "ron@example.com")
        t.expect("password for ron@example.com: ")
        check_eq(t.echo(), False)
        site.ctl("domain", "add", "x.example")  # whoever thinks about his password holds nobody up
        t.type("hunter2\n")
        t.expect("once more, password for ron@example.com: ")
        t.type("hunter2\n")
        status, text = t.end()
        check_eq(status, DONE, text)
        check_in("added mailbox 'ron@example.com'", text)
        check("hunter2" not in text, text)
        check_eq(rows(site, "user", "show", "ron@example.com")["password"], True)


@case("two passwords that differ change nothing")
def _(build):
    with mail_host(build) as site:
        t = dialogue(site, "user", "add", "ron@example.com")
        t.expect(": ")
        t.type("hunter2\n")
        t.expect(": ")
        t.type("hunter3\n")
        status, text = t.end()
        check_eq(status, NOT)
        check_in("the two passwords differ", text)
        refused(site, NOT, ["user", "show", "ron@example.com"], ["no mailbox"])


@case("nobody is asked for a password that could not be used")
def _(build):
    with mail_host(build) as site:
        for arguments in (["user", "add", "bob"], ["user", "add", HARRY], ["user", "add", "bob@nosuch.example"],
                          ["user", "passwd", "bob@example.com"]):
            status, text = dialogue(site, *arguments).end()
            check_eq(status, NOT, arguments)
            check("password for" not in text, text)


@case("the terminal has its echo back whatever ends the asking")
def _(build):
    with mail_host(build) as site:
        for ending, expected in (("\x03", -signal.SIGINT), ("\x1c", -signal.SIGQUIT),
                                 (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)):
            t = dialogue(site, "user", "passwd", HARRY)
            t.expect(": ")
            check_eq(t.echo(), False)
            if isinstance(ending, str):
                t.type(ending)
            else:
                t.process.send_signal(ending)
            check_eq(t.wait(), expected)
            check_eq(t.echo(), True, "after", repr(ending))
            t.end()
        t = dialogue(site, "user", "passwd", HARRY)
        t.expect(": ")
        t.type("\x04")
        status, text = t.end()
        check_eq(status, NOT)
        check_in("no password was given", text)


@case("after ^Z the password is asked for anew")
def _(build):
    with mail_host(build) as site:
        t = dialogue(site, "user", "passwd", HARRY)
        t.expect("password for " + HARRY + ": ")
        t.type("half\x1a")
        # nobody stops the leader of a session: he goes on at once
        t.expect("password for " + HARRY + ": ")
        for _ in range(2):
            t.type("hunter2\n")
            t.expect(": " if _ == 0 else "set the password")
        check_eq(t.end()[0], DONE)


@case("a password from standard input is one line, and is the one that logs in")
def _(build):
    with mail_host(build) as site:
        for text, password in (("hunter2\n", "hunter2"), ("no newline", "no newline"),
                               ("first\nsecond\n", "first"), (" pass wörd ", " pass wörd "),
                               ("x" * 400 + "\n", "x" * 400)):
            site.ctl("user", "passwd", "--password-stdin", HARRY, stdin=text)
            with site.start(), Auth(site.auth) as client:
                check_eq(client.plain(HARRY, password).word, "OK", repr(text))
                check_eq(client.plain(HARRY, password + "!").word, "FAIL", repr(text))


@case("a password that could never log in is refused when it is set")
def _(build):
    with mail_host(build) as site:
        before = rows(site, "log")
        for text in ("", "\n", "a\tb\n", "a\rb\n", "a\x01b\n", "x" * 491 + "\n", "x" * 100000 + "\n", "a\0b\n"):
            for arguments in (["user", "passwd", HARRY], ["user", "add", "ron@example.com"]):
                done = refused(site, NOT, [*arguments, "--password-stdin"], ["password"], stdin=text)
                check(text.strip() == "" or text.strip() not in done.stderr, done.stderr)
        check_eq(rows(site, "log"), before)


@case("a password is neither in the arguments, the environment nor the files")
def _(build):
    with mail_host(build) as site:
        process = subprocess.Popen([site.program("vmailctl"), "-c", site.conf, "user", "passwd",
                                    "--password-stdin", HARRY], stdin=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdin.write(b"alohomora")
        process.stdin.flush()
        for name in ("cmdline", "environ"):
            with contextlib.suppress(PermissionError), open("/proc/%d/%s" % (process.pid, name), "rb") as f:
                check(b"alohomora" not in f.read(), name)
        process.stdin.write(b"\n")
        process.stdin.close()
        check_eq(process.wait(TIMEOUT), DONE, process.stderr.read())
        process.stderr.close()
        for name in os.listdir(site.store_directory):
            with open(os.path.join(site.store_directory, name), "rb") as f:
                check(b"alohomora" not in f.read(), name)


@case("what Dovecot would stumble over is warned about")
def _(build):
    with mail_host(build, hash_memory=205 * 1024) as site:
        done = run(site, "user", "passwd", "--password-stdin", HARRY, stdin="hunter2\n")
        check_eq(done.returncode, DONE)
        check_in("warning", done.stderr)
        check_in("hash-memory", done.stderr)
        site.configure(hash_memory=8)
        done = run(site, "user", "add", "--password-stdin", "o'neil+x@example.com", stdin="hunter2\n")
        check_eq(done.returncode, DONE)
        check_in("bounces mail", done.stderr)
        done = run(site, "user", "add", "--no-password", "o'brien@example.com")
        check_eq(done.returncode, DONE)
        check_in("'o'brien@example.com' has more in it", done.stderr)
        check_in("bounces mail", done.stderr)
        record = json.dumps({"mailbox": "o'hara@example.com"}) + "\n"
        done = run(site, "import", "--dry-run", "-", stdin=record)
        check_eq(done.returncode, DONE)
        check_in("note: mailbox 'o'hara@example.com' has more in its name", done.stderr)
        check_in("1 note", done.stdout)
        done = run(site, "apply", "-", stdin=record)
        check_eq(done.returncode, DONE, done.stderr)
        check_in("'o'hara@example.com' is the first", done.stderr)
        check_in("bounces mail", done.stderr)
        check_eq(run(site, "apply", "-", stdin=record).stderr.count("o'hara"), 0)
        done = run(site, "user", "add", "--password-stdin", "plain.name-1_2@example.com", stdin="hunter2\n")
        check_eq((done.returncode, done.stderr), (DONE, ""))


@case("names that Dovecot's LMTP cuts")
def _(build):
    with mail_host(build) as site:
        cut = "'harry+lists@example.com' goes to 'harry@example.com'"
        done = run(site, "user", "add", "--no-password", "harry+lists@example.com")
        check_eq(done.returncode, DONE)
        check_in(cut, done.stderr)
        check("goes to" not in run(site, "user", "add", "--no-password", "harry-lists@example.com").stderr)
        record = json.dumps({"mailbox": "+a@example.com"}) + "\n"
        check_in("'+a@example.com' goes to '@example.com'", run(site, "import", "--dry-run", "-", stdin=record).stderr)
        check_in("'+a@example.com' goes to '@example.com'", run(site, "apply", "-", stdin=record).stderr)
        check("goes to" not in run(site, "apply", "-", stdin=record).stderr, "it is no new one")
        for given, said in (("-", ["splits at '-'", "does not split at '+'"]), ("none", ["does not split at '+'"]),
                            ("+=-", ["splits at '=-'"]), ("+", []), ("default", [])):
            done = run(site, "domain", "set", "example.com", "--delimiters", given)
            check_eq(done.returncode, DONE)
            for text in said:
                check_in(text, done.stderr)
            check_eq(done.stderr.count("split"), len(said), given, done.stderr)
        check_eq(run(site, "domain", "set", "example.com", "--propagate", "no").stderr, "")
        site.configure(recipient_delimiter="-")
        check_in("'owner-list@example.com' goes to 'owner@example.com'",
                 run(site, "user", "add", "--no-password", "owner-list@example.com").stderr)
        check_eq(run(site, "user", "add", "--no-password", "a+b@example.com").stderr.count("goes to"), 0)


# --- the store ------------------------------------------------------------------------------------

@case("init makes the store, brings it up to date, and does no harm a second time")
def _(build):
    with place(build) as site:
        refused(site, AGAIN, ["user", "list"], [site.store, "vmailctl init"])
        refused(site, AGAIN, ["migrate"], [site.store, "vmailctl init"])
        check_eq(site.ctl("init"), "")
        site.ctl("domain", "add", "example.com")
        check_eq(rows(site, "init")["outcome"], "done")
        site.ctl("migrate")
        check_eq(site.ctl("domain", "list", "--names"), "example.com\n")


@case("init says on a terminal what it did")
def _(build):
    with place(build) as site:
        for text in ("made the store", "up to date"):
            status, said = dialogue(site, "init").end()
            check_eq(status, DONE)
            check_in(text, said)
            check_in(site.store, said)


@case("root makes the store for the daemon's user, and neither locks the other out")
def _(build):
    need_root()
    with place(build) as site:
        owner = pwd.getpwnam(ordinary_user())
        status, said = dialogue(site, "init").end()
        check_eq(status, DONE, said)
        check_in("for user '%s'" % owner.pw_name, said)
        for path, mode in ((site.store_directory, 0o2770), (site.store, 0o660)):
            s = os.stat(path)
            check_eq((s.st_uid, s.st_gid, stat.S_IMODE(s.st_mode)), (owner.pw_uid, owner.pw_gid, mode), path)

        def as_owner(*arguments):
            return sane(subprocess.run([site.program("vmailctl"), "-c", site.conf, *arguments], text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, user=owner.pw_uid,
                                       group=owner.pw_gid, extra_groups=[], cwd="/", timeout=TIMEOUT))

        for turn in range(3):
            site.ctl("domain", "add", "root%d.example" % turn)
            done = as_owner("domain", "add", "owner%d.example" % turn)
            check_eq(done.returncode, DONE, done.stderr)
            for name in os.listdir(site.store_directory):
                check_eq(os.stat(os.path.join(site.store_directory, name)).st_gid, owner.pw_gid, name)
        check_eq(len(rows(site, "domain", "list")), 6)
        check_eq(rows(site, "log")[-1]["who"], owner.pw_name)


@case("init as root for a user that is not there says how to make him")
def _(build):
    need_root()
    with place(build, user="no-such-user") as site:
        refused(site, NOT, ["init"], ["no-such-user", "useradd"])
        check(not os.path.exists(site.store))


@case("somebody else may not even look, and is told so")
def _(build):
    need_root()
    with mail_host(build) as site:
        done = subprocess.run([site.program("vmailctl"), "-c", site.conf, "user", "list"], text=True, cwd="/",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT,
                              user=pwd.getpwnam("daemon").pw_uid, group=grp.getgrnam("daemon").gr_gid,
                              extra_groups=[])
        sane(done)
        check_eq((done.returncode, done.stdout), (AGAIN, ""))
        check_in("not allowed", done.stderr)


def spoil(path, what):
    """Make of the store at PATH what the name of the row says."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        if what == "newer":
            db.execute("PRAGMA user_version = 999")
        elif what == "foreign":
            db.execute("PRAGMA application_id = 7")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if what == "text":
        with open(path, "w") as f:
            f.write("this is no database at all\n" * 100)
    if what == "empty":
        open(path, "w").close()


@case("a newer or foreign store is refused, and left as it is")
def _(build):
    for what, word, code in (("newer", "newer", NOT), ("foreign", "another program", NOT),
                             ("text", "no store", AGAIN), ("empty", "empty", AGAIN)):
        with mail_host(build) as site:
            spoil(site.store, what)
            with open(site.store, "rb") as f:
                before = f.read()
            for arguments in (["user", "list"], ["user", "add", "--no-password", "x@example.com"],
                              ["lookup", "aliases", HARRY]):
                refused(site, AGAIN, arguments, [word])
            for arguments in (["init"], ["migrate"]):
                if what != "empty":
                    refused(site, code, arguments, [word])
            with open(site.store, "rb") as f:
                check_eq(f.read() == before, True, what)


@case("a store that is a directory, or cannot be reached, is no answer")
def _(build):
    with place(build) as site:
        os.mkdir(os.path.join(site.tmp, "d"))
        for path in (os.path.join(site.tmp, "d"), os.path.join(site.tmp, "no", "such", "vmail.db"), "/dev/null"):
            refused(site, AGAIN, ["--store", "sqlite:" + path, "lookup", "aliases", HARRY], ["'"])
        refused(site, AGAIN, ["--store", "mysql:host=x", "user", "list"], ["'mysql:...'", "sqlite:"])


# --- lookups --------------------------------------------------------------------------------------

LOOKUPS = [
    ("domains", "example.com", "example.com"),
    ("domains", "EXAMPLE.com", "example.com"),
    ("domains", "example.org", None),
    ("alias-domains", "example.org", "example.org"),
    ("mailboxes", "Harry+tag@example.com", HARRY),
    ("mailboxes", "nobody@example.com", None),
    ("aliases", "info+tag@example.com", "harry+tag@example.com, sally+tag@example.com"),
    ("aliases", "harry@example.org", HARRY),
    ("aliases", "nobody@example.org", None),
    ("aliases", "no address", None),
    ("aliases", "", None),
    ("aliases", "*", None),
    ("senders", "info@example.com", None),
]


def look(site, *options):
    for map_name, key, value in LOOKUPS:
        done = run(site, "lookup", *options, map_name, key)
        if value is None and map_name != "senders":
            check_eq((done.returncode, done.stdout, done.stderr), (NOT, "", ""), map_name, key)
        else:
            check_eq(done.returncode, DONE, map_name, key, done.stderr)
            check(done.stdout.endswith("\n") and done.stdout.count("\n") == 1, done.stdout)
        if map_name == "aliases" and value:
            check_eq(re.split(r", *|\s+", done.stdout.strip()), re.split(r", *", value), key)


@case("lookup answers by the daemon's own resolver")
def _(build):
    with mail_host(build) as site:
        look(site)


@case("lookup --live asks the running daemon, and says when there is none")
def _(build):
    with mail_host(build) as site:
        done = refused(site, AGAIN, ["lookup", "--live", "aliases", HARRY], ["vmaild"])
        check_in("does it run?", done.stderr)
        with site.start():
            look(site, "--live")
            site.ctl("alias", "add", "new@example.com", HARRY)
            check_eq(site.ctl("lookup", "--live", "aliases", "new@example.com"), HARRY + "\n")
            check_eq(json.loads(site.ctl("lookup", "--live", "--json", "aliases", "new@example.com"))["value"],
                     HARRY)
        refused(site, AGAIN, ["lookup", "--live", "aliases", HARRY], ["does it run?"])


REPLIES = [
    ("a value", netstring("OK a@b.example, c@d.example"), DONE, "a@b.example, c@d.example\n", ""),
    ("a byte at a time", netstring("OK " + "x" * 5000), DONE, "x" * 5000 + "\n", ""),
    ("nothing there", netstring("NOTFOUND "), NOT, "", ""),
    ("trouble", netstring("TEMP the store is locked"), AGAIN, "", "the store is locked"),
    ("a slow store", netstring("TIMEOUT too slow"), AGAIN, "", "too slow"),
    ("a wrong map", netstring("PERM no such map"), NOT, "", "no such map"),
    ("another protocol", netstring("220 hello"), AGAIN, "", "protocol"),
    ("no netstring", b"220 hello\r\n", AGAIN, "", "netstring"),
    ("an over-long answer", b"200000:OK ", AGAIN, "", "netstring"),
    ("half an answer", b"20:OK half", AGAIN, "", "closed"),
    ("no answer", b"", AGAIN, "", "closed"),
]


@case("lookup --live makes of every answer its own exit code")
def _(build):
    with place(build) as site, contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(site.maps)
        server.listen()
        for name, reply, code, out, says in REPLIES:
            asked = []

            def answer():
                client, _ = server.accept()
                with client:
                    asked.append(client.recv(4096))
                    size = 1 if "byte" in name else max(1, len(reply))
                    for i in range(0, len(reply), size):
                        client.sendall(reply[i:i + size])
            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            done = run(site, "lookup", "--live", "aliases", "a key@with blanks")
            thread.join(TIMEOUT)
            check_eq((done.returncode, done.stdout), (code, out), name, done.stderr)
            check_in(says, done.stderr, name)
            check_eq(asked, [netstring("aliases a key@with blanks")])


@case("maps lists the maps, and each can be asked")
def _(build):
    with mail_host(build) as site:
        names = site.ctl("maps", "--names").split()
        check_eq([row["map"] for row in rows(site, "maps")], names)
        check_in("aliases", names)
        for name in names:
            run(site, "lookup", name, HARRY)


# --- configuration --------------------------------------------------------------------------------

@case("config show prints what can be read again")
def _(build):
    with place(build, recipient_delimiter="+-", queue_directories=["/a", "/b"]) as site:
        shown = site.ctl("config", "show")
        other = os.path.join(site.tmp, "other.conf")
        with open(other, "w") as f:
            f.write(shown)
        check_eq(bare(build, "-c", other, "config", "show").stdout, shown)
        values = rows(site, "config", "show")
        check_eq((values["recipient-delimiter"], values["queue-directories"], values["hash-memory"]),
                 ("+-", ["/a", "/b"], 8))
        check_eq(values["listen"][0], {"address": "unix:" + site.maps, "protocol": "socketmap", "mode": "0666",
                                       "postfix-twin": False})


def fake(directory, name, output):
    """A program called NAME that prints OUTPUT."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, name)
    with open(path, "w") as f:
        f.write("#!/bin/sh\ncat <<'.'\n%s\n.\n" % output)
    os.chmod(path, 0o755)


@contextlib.contextmanager
def other_programs(**outputs):
    """An environment whose PATH begins with such programs."""
    with scratch() as tmp:
        for name, output in outputs.items():
            fake(tmp, name, output)
        yield {"PATH": tmp + ":" + os.environ["PATH"]}


def settings(text):
    return dict(line.split(" = ", 1) for line in text.splitlines() if re.match(r"[a-z_]+ = ", line))


@case("config postfix asks every map by the socket of this host")
def _(build):
    with other_programs(postconf="/var/spool/postfix") as env:
        text = bare(build, "config", "postfix", env=env).stdout
    maps = json.loads(bare(build, "maps", "--json").stdout)
    values = settings(text)
    for row in maps:  # those that not everybody needs are commented out
        table = "socketmap:unix:/run/vmaild.sock:" + row["map"]
        check(values.get(row["parameter"]) == table or re.search("(?m)^#.*%s" % re.escape(table), text), row)
    check_eq(values["virtual_mailbox_maps"], "socketmap:unix:/run/vmaild.sock:mailboxes")
    check_eq(values["smtpd_sasl_path"], "/run/vmaild-auth.sock")
    check_eq(values["recipient_delimiter"], "+")
    check_eq(values["virtual_transport"], "lmtp:unix:private/dovecot-lmtp")
    check("WARNING" not in text, text)
    check_in("virtual(8)", text)


@case("config postfix follows the configuration, and warns where a chroot would be cut off")
def _(build):
    listen = ['listen "inet:127.0.0.1:7777" { protocol = tcp  map = aliases }']
    with place(build, listeners=listen) as site, other_programs(postconf="/srv/queue") as env:
        text = bare(build, "-c", site.conf, "config", "postfix", env=env).stdout
        check_eq(settings(text)["virtual_alias_maps"], "tcp:127.0.0.1:7777")
        check_in("no listener of the configuration serves 'senders'", text)
        check_in("no listener of the configuration has 'protocol = auth'", text)
        check_in("no listener of vmaild.conf has 'protocol = policy'", text)
    listen = ['listen "unix:/run/p.sock" { protocol = policy }']
    with place(build, listeners=listen) as site, other_programs(postconf="/srv/queue") as env:
        check_in("\n# smtpd_recipient_restrictions = reject_non_fqdn_recipient, check_policy_service "
                 "unix:/run/p.sock\n", bare(build, "-c", site.conf, "config", "postfix", env=env).stdout)
    listen = ['listen "unix:/run/x.sock" { protocol = socketmap }',
              'listen "unix:/run/y.sock" { protocol = auth  postfix-twin = false }']
    with place(build, listeners=listen, queue_directories=["/a"]) as site, \
            other_programs(postconf="/srv/queue") as env:
        text = bare(build, "-c", site.conf, "config", "postfix", env=env).stdout
        check_in("WARNING: Postfix's queue directory here is '/srv/queue'", text)
        check_in("WARNING: 'unix:/run/y.sock' has no twin", text)
        site.configure(queue_directories=["/a", "/srv/queue"])
        check("'/srv/queue'" not in bare(build, "-c", site.conf, "config", "postfix", env=env).stdout)


def program_of(name):
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if path is None:
        raise Skip(name + " is not installed")
    return path


@case("the real Postfix takes the lines of config postfix")
def _(build):
    postconf = program_of("postconf")
    with scratch() as tmp:
        with open(os.path.join(tmp, "main.cf"), "w") as f:
            f.write("compatibility_level = 3.6\n" + bare(build, "config", "postfix").stdout)
        open(os.path.join(tmp, "master.cf"), "w").close()
        done = subprocess.run([postconf, "-c", tmp, "-n"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=TIMEOUT)
        check_eq((done.returncode, done.stderr), (0, ""))
        check_in("virtual_alias_maps = socketmap:unix:/run/vmaild.sock:aliases\n", done.stdout)


@case("the real Dovecot takes the lines of config dovecot, for every way that it has")
def _(build):
    doveconf = program_of("doveconf")
    version = subprocess.run([program_of("dovecot"), "--version"], stdout=subprocess.PIPE, text=True).stdout
    first, ways = ("", ["checkpassword", "sql", "none"]) if version.startswith("2.3") else \
        ("dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n", ["lua", "sql", "none"])
    for way in ways:
        with scratch() as tmp:
            path = os.path.join(tmp, "dovecot.conf")
            with open(path, "w") as f:
                f.write(first + bare(build, "config", "dovecot", "--passdb", way).stdout)
            done = subprocess.run([doveconf, "-c", path, "-n"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, timeout=TIMEOUT)
            check_eq((done.returncode, done.stderr), (0, ""), way)
            check_in("private/dovecot-lmtp", done.stdout)


@case("config dovecot names a helper that exists, and the configuration only when it is another")
def _(build):
    with place(build) as site, other_programs(dovecot="2.3.21 (47349e2482)", postconf="/srv/queue") as env:
        text = bare(build, "-c", site.conf, "config", "dovecot", env=env).stdout
        words = re.search(r"args = (.*)", text).group(1).split()
        check_eq(words[1:], ["-c", site.conf])
        check(os.path.isabs(words[0]) and os.access(words[0], os.X_OK), words)
        check_in("unix_listener /srv/queue/private/dovecot-lmtp", text)
        check_in("auth_socket_path=" + site.userdb, text)
        check("vsz_limit" not in text, text)
        check(" -c " not in bare(build, "config", "dovecot", env=env).stdout)
        site.configure(hash_memory=300 * 1024, mail_user="daemon", recipient_delimiter="-")
        text = bare(build, "-c", site.conf, "config", "dovecot", env=env).stdout
        check("vsz_limit" not in text, "vmaild has the memory that hashes take:", text)
        text += bare(build, "-c", site.conf, "config", "dovecot", "--passdb", "sql", env=env).stdout
        check_in("vsz_limit = 1024M", text)
        check_in("first_valid_uid = %d" % pwd.getpwnam("daemon").pw_uid, text)
        check_in("recipient_delimiter = -", text)
        site.configure(mail_user="no-such-user")
        check_in("useradd", bare(build, "-c", site.conf, "config", "dovecot", env=env).stdout)


@case("config dovecot leaves names to vmaild, and tells of SMTPUTF8")
def _(build):
    with mail_host(build) as site, other_programs(dovecot="2.3.21 (47349e2482)", postconf="/srv/queue") as env:
        def text(*options):
            return bare(build, "-c", site.conf, "config", "dovecot", *options, env=env).stdout
        for way in ("checkpassword", "sql", "none"):
            check_in("\nauth_username_chars =\n", text("--passdb", way))
        site.user_add("o'neil@example.com", None)
        check("SMTPUTF8" not in text(), text())
        site.user_add("jörg@example.com", None)
        check_in("has no SMTPUTF8", text())
    with mail_host(build) as site, other_programs(dovecot="2.4.1-4 (7d8c0e5759)", postconf="/srv/queue") as env:
        site.user_add("a+b@example.com", None)
        check_in("\nauth_username_chars =\n", bare(build, "-c", site.conf, "config", "dovecot", env=env).stdout)


DOVECOTS = [
    # what is installed, arguments, "version (way)" of the first line
    ("2.3.21 (47349e2482)", [], "2.3 on vmaild (checkpassword)"),
    ("2.3.21 (47349e2482)", ["--passdb", "sql"], "2.3 on vmaild (sql)"),
    ("2.3.21 (47349e2482)", ["--version", "2.4"], "2.4 on vmaild (lua)"),
    ("2.2.36 (1f10bfa63)", [], "2.3 on vmaild (checkpassword)"),
    ("2.4.1-4 (7d8c0e5759)", [], "2.4 on vmaild (lua)"),
    ("2.4.1-4 (7d8c0e5759)", ["--passdb=sql"], "2.4 on vmaild (sql)"),
    ("2.4.1-4 (7d8c0e5759)", ["--passdb", "none"], "2.4 on vmaild (none)"),
    ("2.4.1-4 (7d8c0e5759)", ["--version=2.3"], "2.3 on vmaild (checkpassword)"),
    ("2.5.0 (1234567890)", [], "2.4 on vmaild (lua)"),
    ("", [], "2.3 on vmaild (checkpassword)"),
]


@case("config dovecot is for the Dovecot that is here, or the one that is asked for")
def _(build):
    for installed, arguments, wanted in DOVECOTS:
        with other_programs(postconf="/srv/queue", dovecot=installed) as env:
            text = bare(build, "config", "dovecot", *arguments, env=env).stdout
        check_in("# Dovecot %s:" % wanted, text, installed, arguments)
        check_eq("no Dovecot here" in text, not installed, text)
        check_eq("auth = /run/vmaild-dovecot.sock\n" in text, "(lua)" in wanted)


@case("config dovecot refuses what there is not, and says what there is")
def _(build):
    for arguments, says in ((["--version", "2.2"], "for 2.3 and 2.4"),
                            (["--version", "2.4", "--passdb", "checkpassword"], "take 'lua', 'sql' or 'none'"),
                            (["--version", "2.3", "--passdb", "lua"], "take 'checkpassword', 'sql' or 'none'"),
                            (["--version", "2.4", "--passdb", "sql", "--sql-file"], "only in version 2.3"),
                            (["--version"], "needs RELEASE")):
        done = bare(build, "config", "dovecot", *arguments)
        check_eq((done.returncode, done.stdout), (2, ""), arguments)
        check_in(says, done.stderr)


@case("an option of a command comes before everybody's of the same name; ours is in front of the command")
def _(build):
    version = bare(build, "version").stdout
    check_eq(bare(build, "--version", "config", "dovecot").stdout, version)
    check_eq(bare(build, "config", "--version").stdout, version)
    check_in("# Dovecot 2.4 on", bare(build, "config", "dovecot", "--vers", "2.4").stdout)


def user_query(printed):
    """The query for a userdb in what config dovecot has PRINTED, with names for the variables."""
    query = re.search(r"(?ms)^(?:user_query|  query) = ((?:(?!^(?:user_query|  query)).)*?)^ *iterate_query",
                      printed).group(1).replace("\\\n", "\n")
    for variable, name in (("'%{user}'", ":user"), ("'%u'", ":user"), ("'%{protocol}'", ":service"),
                           ("'%s'", ":service")):
        query = query.replace(variable, name)
    check("%" not in query, query)
    return query


def asked_for(db, query, user):
    """What the QUERY says of USER: {field: value}."""
    cursor = db.execute(query, {"user": user, "service": "imap"})
    row, = cursor
    return {column[0]: value for column, value in zip(cursor.description, row)}


LOCATION = "maildir:/o'brien/%n/%%:INDEX=/i/%u:LAYOUT=fs:UTF-8"


@case("config dovecot: templates in SQL and in settings, whatever is in them")
def _(build):
    daemon = pwd.getpwnam("daemon")
    with place(build, mail_home="/o'brien/%d/100%%/%n/%u", mail_location=LOCATION, mail_user="daemon") as site:
        def printed(version, *more):
            return bare(build, "-c", site.conf, "config", "dovecot", "--version", version, "--passdb", "sql",
                        *more).stdout
        site.ctl("init")
        site.ctl("domain", "add", "example.com")
        site.ctl("user", "add", "--no-password", HARRY)
        site.ctl("user", "add", "--no-password", SALLY)
        site.ctl("user", "set", SALLY, "--home", "/s", "--mail", "mbox:~/m")
        with contextlib.closing(sqlite3.connect(site.store)) as db:
            old, new = user_query(printed("2.3", "--sql-file")), user_query(printed("2.4"))
            common = {"user": HARRY, "home": "/o'brien/example.com/100%/harry/" + HARRY, "uid": daemon.pw_uid,
                      "gid": daemon.pw_gid}
            check_eq(asked_for(db, old, HARRY), dict(
                common, mail="maildir:/o'brien/harry/%%:INDEX=/i/%s:LAYOUT=fs:UTF-8" % HARRY, quota_rule=None))
            check_eq(asked_for(db, new, HARRY), dict(
                common, mail_driver="maildir", mail_path="/o'brien/harry/%", quota_storage_size=None))
            check_eq(asked_for(db, old, SALLY)["mail"], "mbox:~/m")
            check_eq([asked_for(db, new, SALLY)[name] for name in ("home", "mail_driver", "mail_path")],
                     ["/s", "mbox", "~/m"])
            check_in("\nmail_location = %s\n" % LOCATION, printed("2.3"))
            check_in("\nmail_driver = maildir\nmail_path = /o'brien/%{user | username}/%%\nmail_inbox_path = .\n"
                     "mail_index_path = /i/%{user}\nmailbox_list_layout = fs\n", printed("2.4"))
            site.configure(mail_location="")
            check_eq(asked_for(db, user_query(printed("2.3", "--sql-file")), HARRY)["mail"], None)
            check_eq(asked_for(db, user_query(printed("2.4")), HARRY)["mail_driver"], None)
            check_in("\nmail_location = maildir:~/Maildir\n", printed("2.3"))
            check_in("\nmail_driver = maildir\nmail_path = ~/Maildir\nmail_inbox_path = .\n", printed("2.4"))


# --- views ----------------------------------------------------------------------------------------

@case("views publish: a file for others, without a trace of a password unless it is asked for")
def _(build):
    with mail_host(build) as site:
        path = os.path.join(site.tmp, "users.db")
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin="alohomora\n")
        with contextlib.closing(sqlite3.connect(site.store)) as db:
            stored, = db.execute("SELECT hash FROM credential WHERE mailbox = ?", (HARRY,)).fetchone()
        salt = stored.split("$")[4]
        for arguments, there in (([], False), (["--with-hashes"], True), ([], False)):
            site.ctl("views", "publish", path, *arguments)
            with open(path, "rb") as f:
                content = f.read()
            for part in (stored, salt, "argon2", "v1_login"):
                check_eq(part.encode() in content, there, part, arguments)
            check_in(HARRY.encode(), content)
            check_eq(os.stat(path).st_mode & 0o7777, 0o640)
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as db:
            check_eq(db.execute("SELECT address FROM v1_user ORDER BY address").fetchall(), [(HARRY,), (SALLY,)])
        check_eq([name for name in os.listdir(site.tmp) if name.startswith("users.db")], ["users.db"])


@case("views publish never takes the place of anything else")
def _(build):
    with mail_host(build) as site:
        before = site.ctl("user", "list", "--names")
        done = run(site, "views", "publish", site.store)
        check_eq(done.returncode, 1)
        check_in("'%s' is the store itself" % site.store, done.stderr)
        check_eq(site.ctl("user", "list", "--names"), before)
        for suffix, says in (("-wal", "belongs to the store"), ("-journal", "belongs to the store"),
                             ("-throttle", "wrong passwords are counted")):
            there = os.path.exists(site.store + suffix)
            done = run(site, "views", "publish", site.store + suffix)
            check_eq((done.returncode, os.path.exists(site.store + suffix)), (1, there), suffix)
            check_in(says, done.stderr)
        path, link, letters = (os.path.join(site.tmp, name) for name in ("users.db", "link", "letters"))
        write_file(letters, "Dear Harry\n")
        backup = os.path.join(site.tmp, "backup.db")
        site.ctl("backup", backup)
        for file in (letters, backup):
            done = run(site, "views", "publish", file)
            check_eq(done.returncode, 1)
            check_in("'%s' is something else, and not an earlier file of views" % file, done.stderr)
        os.symlink("users.db", link)
        write_file(path, "")
        for _ in range(2):
            site.ctl("views", "publish", link)
            with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as db:
                check_eq(db.execute("SELECT count(*) FROM v1_user").fetchone(), (2,))
        check(os.path.islink(link) and not os.path.islink(path), link)
        done = run(site, "views", "publish", os.path.join(site.tmp, "no", "such", "place"))
        check_eq(done.returncode, 75)
        done = run(site, "views", "publish", "--group", "no-such-group", os.path.join(site.tmp, "x"))
        check_eq((done.returncode, os.path.exists(os.path.join(site.tmp, "x"))), (1, False))
        check_in("there is no group 'no-such-group': name another one with --group", done.stderr)


# --- completion -----------------------------------------------------------------------------------

@case("the completions in contrib are those of the program")
def _(build):
    for shell, name in (("bash", "vmailctl.bash"), ("zsh", "_vmailctl"), ("fish", "vmailctl.fish")):
        with open(os.path.join(TOP, "contrib", "completion", name)) as f:
            check_eq(bare(build, "completion", shell).stdout == f.read(), True,
                     "make it anew: vmailctl completion %s >contrib/completion/%s;" % (shell, name))


COMPLETIONS = [
    ("vmailctl us", ["user"]),
    ("vmailctl ", ["init", "user", "version"]),
    ("vmailctl user ", ["add", "list", "passwd", "remove", "show"]),
    ("vmailctl user show harry@e", [HARRY]),
    ("vmailctl --json -c x user show ", [HARRY]),
    ("vmailctl user app", ["app-password"]),
    ("vmailctl user app-password ", ["add", "list", "remove"]),
    ("vmailctl user app-password list harry@e", [HARRY]),
    ("vmailctl app-password add harry@example.com --la", ["--label"]),
    ("vmailctl domain add --kind rel", ["relay"]),
    ("vmailctl domain add x.example --target ", ["example.com"]),
    ("vmailctl user add --q", ["--quota"]),
    ("vmailctl user add --quota ", []),
    ("vmailctl user remove a --f", ["--force"]),
    ("vmailctl completion z", ["zsh"]),
]


@case("bash completes words and names, and expands nothing it is given")
def _(build):
    bash = program_of("bash")
    script = bare(build, "completion", "bash").stdout
    with other_programs(vmailctl="") as env:
        fake(env["PATH"].split(":")[0], "vmailctl",
             "%s\nexample.com\n`touch pwned`@example.com\n$(touch pwned)@example.com" % HARRY)
        for line, expected in COMPLETIONS:
            probe = script + (
                '\ncompopt() { :; }; COMP_LINE=$1 COMP_POINT=${#1}; COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]}'
                '-1)); case $1 in *" ") COMP_WORDS+=(""); COMP_CWORD=$((COMP_CWORD+1)) ;; esac\n_vmailctl\n'
                'printf "%s\\n" "${COMPREPLY[@]}"\n')
            with scratch() as here:
                done = subprocess.run([bash, "-c", probe, "bash", line], text=True, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, env=dict(os.environ, **env), cwd=here,
                                      timeout=TIMEOUT)
                check_eq((done.returncode, done.stderr), (0, ""), line)
                got = done.stdout.split("\n")
                check(all(word in got for word in expected), line, got)
                check(expected or got == ["", ""], line, got)
                check_eq(os.listdir(here), [])


# --- odd surroundings -----------------------------------------------------------------------------

@case("a reader that has gone, a full disk, closed files: no crash, and no false success")
def _(build):
    with mail_host(build) as site:
        command = [site.program("vmailctl"), "-c", site.conf]
        lists = (["user", "list"], ["--json", "user", "list"], ["user", "list", "--names"], ["log"], ["--help"],
                 ["config", "postfix"], ["lookup", "mailboxes", HARRY], ["completion", "zsh"], ["help", "--all"])
        for arguments in lists:
            reader, writer = os.pipe()
            os.close(reader)
            for out in (writer, os.open("/dev/full", os.O_WRONLY)):
                done = sane(subprocess.run(command + arguments, stdout=out, stderr=subprocess.PIPE, text=True,
                                           stdin=subprocess.DEVNULL, timeout=TIMEOUT), arguments)
                check_eq(done.returncode, AGAIN, arguments, done.stderr)
                check_eq("No space left" in done.stderr, out != writer, arguments, done.stderr)
                os.close(out)
            done = sane(subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh"] + command + arguments, text=True,
                                       stderr=subprocess.PIPE, timeout=TIMEOUT), arguments)
            check_eq(done.returncode, AGAIN, arguments)
        for number, redirect in enumerate(("<&-", "2>&-", "<&- >&- 2>&-")):
            done = sane(subprocess.run(["sh", "-c", 'exec "$@" ' + redirect, "sh", *command, "domain", "add",
                                        "x%d.example" % number], stderr=subprocess.PIPE, text=True,
                                       timeout=TIMEOUT))
            check_eq(done.returncode, DONE, redirect)
        check_eq(len(rows(site, "domain", "list")), 5)


@case("a change that was made is done, though nobody hears of it")
def _(build):
    with mail_host(build) as site:
        reader, writer = os.pipe()
        os.close(reader)
        done = sane(subprocess.run([site.program("vmailctl"), "-c", site.conf, "--json", "domain", "add",
                                    "x.example"], stdout=writer, stderr=subprocess.PIPE, text=True,
                                   timeout=TIMEOUT))
        os.close(writer)
        check_eq(done.returncode, DONE)
        check_in("x.example", site.ctl("domain", "list", "--names"))


@case("headings are bold on a terminal only, and never with NO_COLOR")
def _(build):
    with mail_host(build) as site:
        check_in("\x1b[", dialogue(site, "user", "list").end()[1])
        check("\x1b[" not in dialogue(site, "user", "list", env={"NO_COLOR": "1", "PAGER": "cat"}).end()[1])
        check("\x1b[" not in site.ctl("user", "list"))


@case("two admins at once: every change is made")
def _(build):
    with place(build) as site:
        site.ctl("init")
        started = [subprocess.Popen([site.program("vmailctl"), "-c", site.conf, "domain", "add",
                                     "d%d.example" % i], stderr=subprocess.PIPE, text=True) for i in range(12)]
        for process in started:
            _, said = process.communicate(timeout=TIMEOUT)
            check_eq(process.returncode, DONE, said)
        check_eq(len(rows(site, "domain", "list")), 12)
        check_eq(len([r for r in rows(site, "log") if r["what"] == "domain add"]), 12)


if __name__ == "__main__":
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    for title, function in cases(sys.argv[1]):
        if only in title:
            try:
                function()
                print("ok - " + title)
            except Skip as why:
                print("ok - %s # SKIP %s" % (title, why))
