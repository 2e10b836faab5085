# SPDX-License-Identifier: ISC
#
# App passwords, the places of mailboxes, logins and wrong passwords, as an admin meets them in vmailctl. What
# the daemon makes of them is in login_cases and guess_cases.
"""cases(build) gives (name, callable) pairs; a callable raises AssertionError when something is wrong."""
import functools
import os
import re
import shutil
import sqlite3
import subprocess
import time

from cli_cases import AGAIN, DONE, HARRY, NOT, SALLY, TIMEOUT, USAGE, mail_host, refused, rows, run, sane
from harness import Auth, check, check_eq, check_in, write_file

SECRET = re.compile(r"^([bcdfghjkmnpqrstvwxz]{4}-){5}[bcdfghjkmnpqrstvwxz]{4}$")
HERE = "192.0.2.7"

CASES = []


def case(name):
    """Decorator: a case is a function of the build folder."""
    def register(function):
        CASES.append((name, function))
        return function
    return register


def cases(build):
    """(name, callable without arguments) of every case here."""
    return [("people: " + name, functools.partial(function, os.path.abspath(build))) for name, function in CASES]


def database(site):
    return sqlite3.connect(site.store, timeout=10)


def dump(site):
    """All that is in the store, as text."""
    with database(site) as db:
        return "\n".join(db.iterdump())


# --- app passwords --------------------------------------------------------------------------------

@case("an app password is printed once, and kept nowhere")
def _(build):
    with mail_host(build) as site:
        done = run(site, "user", "app-password", "add", HARRY, "--label", "phone")
        check_eq((done.returncode, done.stderr), (DONE, ""))
        secret = done.stdout.rstrip("\n")
        check(SECRET.match(secret), done.stdout)
        made = rows(site, "app-password", "add", "Harry@Example.com", "--label", "laptop")
        check(SECRET.match(made["password"]), made)
        check_eq({k: made[k] for k in made if k != "password"},
                 {"outcome": "done", "what": "app-password add", "subject": HARRY, "label": "laptop"})
        check(made["password"] != secret, "the same twice")
        everything = dump(site) + site.ctl("log") + site.ctl("log", "--json") + \
            site.ctl("app-password", "list", HARRY, "--json") + site.ctl("user", "show", HARRY, "--json")
        for text in (secret, made["password"]):
            for spelling in (text, text.replace("-", "")):
                check(spelling not in everything, "it is kept in clear")
        check("{VMAILD-APP}" not in site.ctl("log", "--json"), "its hash is in the log")


@case("an app password for a service that nobody has is made with a warning")
def _(build):
    with mail_host(build) as site:
        for number, (services, warned) in enumerate([
                ("imap,pop3, sieve", []), ("smtp,submission", []), ("imapp", ["'imapp'", "did you mean 'imap'"]),
                ("imap,managesieve", ["'managesieve'", "did you mean 'sieve'"]), ("xyzzy", ["'xyzzy'", "submission"])]):
            done = run(site, "app-password", "add", HARRY, "--label", str(number), "--service", services)
            check_eq((done.returncode, bool(SECRET.match(done.stdout.strip()))), (DONE, True))
            check_eq(done.stderr.count("warning"), int(warned != []), done.stderr)
            for word in warned:
                check_in(word, done.stderr)
        check_eq(len(rows(site, "app-password", "list", HARRY)), 5)


REFUSALS = [
    ("nobody's", NOT, ["nobody@example.com", "--label", "x"], ["'nobody@example.com'"]),
    ("no address", NOT, ["nobody", "--label", "x"], ["'nobody'"]),
    ("a label that is taken", NOT, [HARRY, "--label", "phone"], ["'phone'", "already"]),
    ("an empty label", NOT, [HARRY, "--label", ""], ["label"]),
    ("a label that is too long", NOT, [HARRY, "--label", "x" * 65], ["at most 64"]),
    ("a label of two lines", NOT, [HARRY, "--label", "a\nb"], ["control character"]),
    ("a service that is none", NOT, [HARRY, "--label", "x", "--service", "imap smtp"], ["'imap smtp'", "imap,smtp"]),
    ("a network that is none", NOT, [HARRY, "--label", "x", "--network", "home"], ["'home'", "192.0.2.0/24"]),
    ("a host with a prefix", NOT, [HARRY, "--label", "x", "--network", "10.1.2.3/8"], ["10.0.0.0/8"]),
]


@case("an app password that is refused leaves nothing, and prints none")
def _(build):
    with mail_host(build) as site:
        site.ctl("app-password", "add", HARRY, "--label", "phone")
        before = dump(site)
        for _name, code, arguments, says in REFUSALS:
            refused(site, code, ["app-password", "add", *arguments], says)
        check_eq(dump(site), before)


@case("an app password that nobody could see is not kept")
def _(build):
    with mail_host(build) as site:
        site.ctl("user", "quota", HARRY, "5M")
        for options in ((), ("--json",)):
            command = [site.program("vmailctl"), "-c", site.conf, *options, "app-password", "add", HARRY, "--label", "phone"]
            reader, gone = os.pipe()
            os.close(reader)
            for out in (gone, os.open("/dev/full", os.O_WRONLY), None):
                shut = ["sh", "-c", 'exec "$@" >&-', "sh"] if out is None else []
                done = sane(subprocess.run(shut + command, stdout=out, stderr=subprocess.PIPE, text=True,
                                           stdin=subprocess.DEVNULL, timeout=TIMEOUT))
                check_eq(done.returncode, AGAIN, done.stderr)
                check_in("the app password 'phone' of '%s' could not be shown: it was removed again" % HARRY, done.stderr)
                check_eq(rows(site, "app-password", "list", HARRY), [])
                if out is not None:
                    os.close(out)
        site.ctl("undo")  # of the quota: what nobody has seen does not come back
        check_eq(rows(site, "app-password", "list", HARRY), [])
        check_eq(rows(site, "user", "show", HARRY)["quota"], None)
        check(SECRET.match(site.ctl("app-password", "add", HARRY, "--label", "phone").strip()), "none was made")
        site.ctl("undo")
        check_eq(rows(site, "app-password", "list", HARRY), [])


@case("app passwords are listed with their limits and their last use, and revoked")
def _(build):
    with mail_host(build) as site:
        site.ctl("app-password", "add", HARRY, "--label", "phone", "--service", "imap, smtp", "--network",
                 "192.0.2.0/24 2001:DB8::/32", "--expires", "2099-12-31")
        site.ctl("app-password", "add", HARRY, "--label", "old phone")
        site.ctl("app-password", "add", SALLY, "--label", "phone")
        with database(site) as db:
            db.execute("INSERT INTO login VALUES (?, '192.0.2.0/24', 'phone', 'imap', 1600000000)", (HARRY,))
            db.execute("INSERT INTO login VALUES (?, '192.0.2.0/24', '', 'imap', 1700000000)", (HARRY,))
        first, second = rows(site, "app-password", "list", HARRY)
        check_eq([first[k] for k in ("label", "services", "networks", "expires", "last_used")],
                 ["old phone", None, None, None, None])
        check_eq([second[k] for k in ("label", "services", "networks", "last_used")],
                 ["phone", "imap,smtp", "192.0.2.0/24,2001:db8::/32", "2020-09-13T12:26:40Z"])
        check_in("2099-12-3", second["expires"])
        check_eq(site.ctl("app-password", "list", HARRY, "--names"), "old phone\nphone\n")
        check_eq(run(site, "app-password", "remove", HARRY, "phone").returncode, DONE)
        refused(site, NOT, ["app-password", "remove", HARRY, "phone"], ["'phone'"])
        refused(site, NOT, ["app-password", "remove", HARRY, ""], ["label"])
        check_eq(site.ctl("app-password", "list", HARRY, "--names"), "old phone\n")
        check_eq(site.ctl("app-password", "list", SALLY, "--names"), "phone\n")
        with database(site) as db:
            check_eq(db.execute("SELECT label FROM login").fetchall(), [("",)])
        refused(site, NOT, ["app-password", "list", "nobody@example.com"], ["'nobody@example.com'"])
        site.ctl("app-password", "remove", HARRY, "old phone")
        check_eq(rows(site, "app-password", "list", HARRY), [])
        check_eq([row["what"] for row in rows(site, "log")][-5:],
                 ["app-password add"] * 3 + ["app-password remove"] * 2)


@case("a noun behind another one is the same command")
def _(build):
    with mail_host(build) as site:
        site.ctl("user", "app-password", "add", HARRY, "--label", "phone")
        for words in (["user", "app-password"], ["app-password"], ["user", "app"], ["us", "app-p"]):
            check_eq(site.ctl(*words, "list", HARRY, "--names"), "phone\n", words)
        one = site.ctl("app-password", "add", "--help")
        check_in("usage: vmailctl app-password add", one)
        check_eq(site.ctl("user", "app-password", "add", "--help"), one)
        check_eq(site.ctl("help", "user", "app-password", "add"), one)
        check_eq(site.ctl("help", "user", "app-password"), site.ctl("app-password", "--help"))
        check_in("app-password add", site.ctl("help", "user"))


# --- where a mailbox lives ------------------------------------------------------------------------

SETTINGS = [
    (["--home", "/srv/harry"], {"home": "/srv/harry"}),
    (["--mail", "mdbox:~/m:INDEX=/i"], {"mail": "mdbox:~/m:INDEX=/i"}),
    (["--uid", "70", "--gid", "71"], {"uid": 70, "gid": 71}),
    (["--networks", "10.0.0.0/8 ::1"], {"networks": "10.0.0.0/8,::1"}),
]


@case("what is set of a mailbox is shown, and goes again")
def _(build):
    with mail_host(build, mail_home="/var/vmail/%d/%n", mail_location="maildir:~/Maildir") as site:
        before = rows(site, "user", "show", HARRY)
        check_eq([before[k] for k in ("home", "mail", "uid", "gid", "networks", "last_login")],
                 ["/var/vmail/example.com/harry", "maildir:~/Maildir", None, None, None, None])
        expected = dict(before)
        for options, changed in SETTINGS:
            site.ctl("user", "set", HARRY, *options)
            expected.update(changed)
            check_eq(rows(site, "user", "show", HARRY), expected, options)
        site.ctl("user", "set", HARRY, "--home", "", "--mail", "", "--uid", "0", "--gid", "0", "--networks", "")
        check_eq(rows(site, "user", "show", HARRY), before)
        for options, says in ((["--home", "srv"], ["slash"]), (["--mail", "/var/mail"], ["maildir:"]),
                              (["--networks", "10.0.0.1/8"], ["10.0.0.0/8"])):
            refused(site, NOT, ["user", "set", HARRY, *options], says)
        refused(site, NOT, ["user", "set", "nobody@example.com", "--uid", "7"], ["'nobody@example.com'"])
        check_eq(rows(site, "user", "show", HARRY), before)


# --- who logged in --------------------------------------------------------------------------------

@case("the last login is in every listing, and all that are kept in one")
def _(build):
    with mail_host(build) as site:
        with database(site) as db:
            db.executemany("INSERT INTO login VALUES (?, ?, ?, ?, ?)",
                           [(HARRY, "192.0.2.0/24", "", "imap", 1600000000),
                            (HARRY, "2001:db8:1::/48", "phone", "smtp", 1600000100),
                            (HARRY, "", "", "imap", 1500000000)])
        check_eq({row["address"]: row["last_login"] for row in rows(site, "user", "list")},
                 {HARRY: "2020-09-13T12:28:20Z", SALLY: None})
        check_eq(rows(site, "user", "show", HARRY)["last_login"], "2020-09-13T12:28:20Z")
        check_eq(rows(site, "user", "logins", HARRY),
                 [{"at": "2020-09-13T12:28:20Z", "network": "2001:db8:1::/48", "service": "smtp",
                   "app_password": "phone"},
                  {"at": "2020-09-13T12:26:40Z", "network": "192.0.2.0/24", "service": "imap", "app_password": None},
                  {"at": "2017-07-14T02:40:00Z", "network": None, "service": "imap", "app_password": None}])
        check_eq(rows(site, "user", "logins", SALLY), [])
        refused(site, NOT, ["user", "logins", "nobody@example.com"], ["'nobody@example.com'"])


@case("mailboxes into which nobody logs in any more are found")
def _(build):
    with mail_host(build) as site:
        site.ctl("domain", "add", "example.net")
        site.user_add("ann@example.net", None)
        now = int(time.time())
        with database(site) as db:
            db.execute("UPDATE mailbox SET created = 1000 WHERE address LIKE '%@example.com'")
            db.execute("INSERT INTO login VALUES (?, '', '', 'imap', ?)", (HARRY, now - 10 * 86400))
        check_eq(rows(site, "user", "list", "--idle", "9")[0]["address"], HARRY)
        for options, names in ((["--idle", "9"], [HARRY, SALLY]), (["--idle", "11"], [SALLY]),
                               (["--idle", "9", "example.net"], []), (["--idle", "10000"], [SALLY])):
            check_eq(site.ctl("user", "list", "--names", *options).splitlines(), names, options)
        refused(site, USAGE, ["user", "list", "--idle", "soon"], ["'soon'", "days"])


# --- who tries ------------------------------------------------------------------------------------

def guess(site, user, password, address=HERE):
    with Auth(site.auth) as client:
        client.login(user, password, parameters=["service=imap", "rip=" + address])


@case("wrong passwords are listed and cleared while the daemon counts them")
def _(build):
    with mail_host(build, failure_delay=0, throttle_user_network=2) as site:
        check_eq(rows(site, "login", "throttled"), [])
        refused(site, NOT, ["login", "clear", HARRY], ["ever counted"])
        with site.start():
            for n in range(3):
                guess(site, "Harry@Example.com", "guess %d" % n)
            guess(site, SALLY, "guess", "2001:db8:1:2::3")
            listed = rows(site, "login", "throttled")
            one = [row for row in listed if row["user"] == HARRY and row["network"] == "192.0.2.0/24"]
            check_eq(len(one), 1, listed)
            check_eq(one[0]["failures"], 3, listed)
            check(one[0]["refused_until"] is not None and one[0]["last"] is not None, listed)
            check(any(row["user"] is None and row["network"] == "192.0.2.0/24" for row in listed), listed)
            check(any(row["user"] == HARRY and row["network"] is None for row in listed), listed)
            check_in("2001:db8:1::/48", site.ctl("login", "throttled"))
            check("guess" not in site.ctl("login", "throttled"), "a password is listed")
            if os.geteuid() == 0:
                # a build folder may lie in somebody's home
                copy = shutil.copy(site.program("vmailctl"), os.path.dirname(site.conf))
                done = subprocess.run(["setpriv", "--reuid", "bin", "--regid", "bin", "--clear-groups", copy, "-c",
                                       site.conf, "login", "throttled"], capture_output=True, text=True)
                check_eq(done.returncode, AGAIN)
                check_in("be root", done.stderr)

            check_eq(run(site, "login", "clear", "harry@EXAMPLE.com").returncode, DONE)
            left = rows(site, "login", "throttled")
            check(all(row["user"] != HARRY for row in left), left)
            check_eq(run(site, "login", "clear", HERE).returncode, DONE)
            check(all(row["network"] != "192.0.2.0/24" for row in rows(site, "login", "throttled")), left)
            check_eq(run(site, "login", "clear", "2001:db8:1::/48").returncode, DONE)
            check_eq([row["user"] for row in rows(site, "login", "throttled")], [SALLY])
            check_eq(run(site, "login", "clear", "--all").returncode, DONE)
            check_eq(rows(site, "login", "throttled"), [])
            refused(site, NOT, ["login", "clear", "--all"], ["no wrong password"])
            guess(site, HARRY, "again")
            check(rows(site, "login", "throttled") != [], "the daemon counts no more")


@case("a count of wrong passwords that is none is said to be so")
def _(build):
    with mail_host(build) as site:
        for content in (b"x" * 100, b"\0" * 5000000):
            with open(site.store + "-throttle", "wb") as f:
                f.write(content)
            refused(site, AGAIN, ["login", "clear", "--all"], ["-throttle", "start the daemon"])
        os.unlink(site.store + "-throttle")
        write_file(site.store + "-throttle", "")
        refused(site, AGAIN, ["login", "clear", HARRY], ["-throttle"])
