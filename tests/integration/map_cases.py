# SPDX-License-Identifier: ISC
#
# Maps of keys and values, states of accounts, and what aliases and domains can be told, from the word of the
# admin to the answer of the running daemon: each is live with the next question, on connections that were open
# before.

import json
import os
import re
import shutil
import subprocess

from harness import (TIMEOUT, Auth, Site, Skip, Socketmap, TcpTable, Userdb, check, check_eq, check_in, free_port,
                     listener, scratch)
from world import PASSWORDS, fill, running, world

DONE, NOT, USAGE, AGAIN = 0, 1, 2, 75
HARRY, SALLY = "harry@example.com", "sally@example.com"
NOTHING = ("NOTFOUND", "")


def refused(site, code, arguments, says=(), stdin=""):
    """vmailctl must exit CODE and say each word of SAYS, and with --json give the same as its reason."""
    done = site.ctl_run(*arguments, stdin=stdin)
    check_eq((done.returncode, done.stdout), (code, ""), arguments, done.stderr)
    for word in says:
        check_in(word, done.stderr, arguments)
    if code == USAGE:
        return
    verdict = json.loads(site.ctl_run("--json", *arguments, stdin=stdin).stdout)
    check_eq(verdict["outcome"], {NOT: verdict["outcome"], AGAIN: "try again"}[code], arguments)
    check_in(verdict["outcome"], ("not found", "refused", "try again"), arguments)
    check_in(verdict["reason"], done.stderr, arguments)


def rows(site, *arguments):
    return json.loads(site.ctl("--json", *arguments))


def ok(value):
    return ("OK", value)


# --- the maps of the table ------------------------------------------------------------------------

# Maps with entries: what is set, what Postfix then asks, what it is told.
ENTRIES = {
    "senders": ("office@example.com", "sally@example.com, HARRY@example.com", "Office+x@example.com",
                "sally@example.com, harry@example.com"),
    "recipient-access": ("moved@example.com", "REJECT gone away", "moved+x@example.com", "REJECT gone away"),
    "relay-recipients": ("boss@relay.example", "yes", "Boss+x@relay.example", "yes"),
    "local-recipients": ("root@local.example", "yes", "root@local.example", "yes"),
    "transports": (".relay.example", "smtp:[mail.relay.example]:2525", "u@a.b.Relay.example",
                   "smtp:[mail.relay.example]:2525"),
    "sender-bcc": ("@example.com", "archive@example.org", "anybody@example.com", "archive@example.org"),
    "recipient-bcc": (HARRY, "archive@example.org", "Harry+x@Example.com", "archive@example.org"),
    "relayhosts": ("@example.com", "[smart.example]:587", "Harry@example.com", "[smart.example]:587"),
    "canonical": ("old@example.com", "new@example.org", "Old+X@example.com", "new+X@example.org"),
    "sender-canonical": ("@was.example", "@example.com", "Joe+x@was.example", "Joe+x@example.com"),
    "recipient-canonical": ("old@example.com", "new@example.org", "old@example.com", "new@example.org"),
    "generic": ("@inside.example", "@example.com", "Joe@inside.example", "Joe@example.com"),
    "relocated": ("left@example.com", "left@elsewhere.example", "left+x@example.com", "left@elsewhere.example"),
    "uids": (HARRY, "5001", "harry+x@example.com", "5001"),
    "gids": (HARRY, "5002", "harry+x@example.com", "5002"),
    "client-access": ("192.0.2", "REJECT", "192.0.2.77", "REJECT"),
    "helo-access": ("bad.example", "REJECT", "HOST.bad.example", "REJECT"),
    "sender-access": ("spam.example", "REJECT", "Joe@a.spam.example", "REJECT"),
    "sasl-access": ("Harry@Example.com", "HOLD", "harry@example.COM", "HOLD"),
    "tls-policy": ("[mail.relay.example]:587", "encrypt", "[Mail.relay.example]:587", "encrypt"),
}

# Maps that answer from domains, mailboxes and aliases: the command that makes the answer, the key, the answer.
DERIVED = {
    "domains": (("domain", "add", "new.example"), "New.example", "new.example"),
    "alias-domains": (("domain", "add", "new.example", "--kind", "alias"), "new.example", "new.example"),
    "local-domains": (("domain", "add", "new.example", "--kind", "local"), "new.example", "new.example"),
    "relay-domains": (("domain", "add", "new.example", "--kind", "relay"), "a.b.New.example", "new.example"),
    "mailboxes": (("user", "add", "--no-password", "new@example.com"), "New+x@example.com", "new@example.com"),
    "aliases": (("alias", "add", "new@example.com", HARRY), "New+x@example.com", "harry+x@example.com"),
    "members": (("domain", "add", "new.example"), "anybody@new.example", "OK"),
}


def every_entry(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        site.ctl("domain", "add", "local.example", "--kind", "local")
        check_eq(sorted(list(ENTRIES) + list(DERIVED)), sorted(site.ctl("maps", "--names").split()),
                 "a map without a row here, or a row without a map:")
        for map, (key, value, asked, answer) in ENTRIES.items():
            check_eq(client.ask(map, asked), NOTHING, map)
            site.ctl("map", "set", map, key, value)
            check_eq(client.ask(map, asked), ok(answer), map)
            check_eq(site.ctl("lookup", map, asked), answer + "\n", map)
            site.ctl("map", "unset", map, key.upper() if "@" not in key else key)
            check_eq(client.ask(map, asked), NOTHING, map)


def every_derived(env):
    for map, (command, key, answer) in DERIVED.items():
        with running(env) as (site, _), Socketmap(site.maps) as client:
            check_eq(client.ask(map, key), NOTHING, map)
            site.ctl(*command)
            check_eq(client.ask(map, key), ok(answer), map)
            refused(site, NOT, ["map", "set", map, "k", "v"], ["'%s'" % map, "no entries of its own"])
            refused(site, NOT, ["map", "list", map], ["no entries of its own"])


def by_tcp(env):
    """Every map of the table has its tcp_table listener, an admin's too, made before the map is."""
    with scratch() as tmp:
        ports = {name: free_port() for name in list(ENTRIES) + ["words"]}
        listeners = [listener("inet:127.0.0.1:%d" % port, "tcp", map=name) for name, port in ports.items()]
        site = fill(Site(env.build, tmp, listeners=listeners))
        site.ctl("domain", "add", "local.example", "--kind", "local")
        with site.start():
            for map, (key, value, asked, answer) in ENTRIES.items():
                site.ctl("map", "set", map, key, value)
                with TcpTable(("127.0.0.1", ports[map])) as client:
                    check_eq(client.get(asked), ("200", answer), map)
                    check_eq(client.get("nobody@nowhere.example")[0], "500", map)
            with TcpTable(("127.0.0.1", ports["words"])) as client:
                check_eq(client.get("hello")[0], "400", "a map that nobody has made yet is no 'not found'")
                site.ctl("map", "create", "words")
                check_eq(client.get("hello")[0], "500")
                site.ctl("map", "set", "words", "hello", "wörld 100%")
                check_eq(client.get("Hello"), ("200", "wörld 100%"))


# --- searches -------------------------------------------------------------------------------------

SEARCHES = [
    # search, entries, {key: value, or None for not found}
    ("exact", {"Hello": "world", "a b": "blank", "*": "star"},
     {"hello": "world", "HELLO": "world", "a b": "blank", "*": "star", "hello+x": None, "x.hello": None}),
    ("address", {"u+e@example.com": "1", "u@example.com": "2", "@example.com": "3", "root": "4", "joe": "5"},
     {"U+E@example.com": "1", "u+f@example.com": "2", "u@Example.com.": "2", "v@example.com": "3",
      "root@local.example": "4", "joe+x@local.example": "5", "root@example.org": None, "u@example.org": None}),
    ("rewrite", {"u@example.com": "new@example.org", "@was.example": "@is.example"},
     {"U+Ext@example.com": "new+Ext@example.org", "Joe+x@was.example": "Joe+x@is.example", "v@example.com": None}),
    ("domain", {"example.com": "yes", "b.example.com": "more"},
     {"Example.COM": "yes", "x.example.com": "yes", "a.b.example.com": "more", "example": None,
      "xexample.com": None}),
    ("transport", {"u@t.example": "lmtp:one", "t.example": "smtp:two", ".t.example": "smtp:below", "*": "smtp:all"},
     {"u+x@t.example": "lmtp:one", "v@t.example": "smtp:two", "v@a.b.t.example": "smtp:below", "*": "smtp:all",
      "v@other.example": None}),
    ("access", {"u@s.example": "1", "s.example": "2", "info@": "3", "<>": "4"},
     {"u+x@s.example": "1", "v@a.s.example": "2", "info@s.example": "2", "Info+x@other.example": "3", "<>": "4",
      "v@other.example": None}),
    ("host", {"192.0.2": "net", "dyn.example": "dyn", "2001:db8": "six"},
     {"192.0.2.1": "net", "192.0.20.1": None, "h1.Dyn.example": "dyn", "2001:db8::1": "six", "unknown": None}),
    ("network", {"192.0.2.0/24": "wide", "192.0.2.128/25": "narrow", "2001:db8::/32": "six", "203.0.113.9": "one"},
     {"192.0.2.1": "wide", "192.0.2.200": "narrow", "192.0.3.1": None, "2001:db8:ffff::1": "six",
      "203.0.113.9": "one", "203.0.113.8": None, "unknown": None, "192.0.2": None}),
]


def searches(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        site.ctl("domain", "add", "local.example", "--kind", "local")
        for search, entries, asked in SEARCHES:
            site.ctl("map", "create", "my-" + search, "--search", search)
            for key, value in entries.items():
                site.ctl("map", "set", "my-" + search, key, value)
            for key, value in asked.items():
                check_eq(client.ask("my-" + search, key), NOTHING if value is None else ok(value), search, key)
        check_eq({r["map"]: r["search"] for r in rows(site, "map", "list") if r["parameter"] is None},
                 {"my-" + s[0]: s[0] for s in SEARCHES})


ODD_KEYS = ["", "*", "<>", '"<>"', '""', '""@example.com', "@", "@example.com", "@@", "example.com", ".example.com",
            "[192.0.2.1]", "u@[192.0.2.1]", "[h]:25", '"a b"@example.com', "a b@example.com", '"a\\"b"@example.com',
            "u@example.com.", "u@exa mple.com", "u@" + "x" * 300, "x" * 5000 + "@example.com", "\x07@example.com",
            b"\xff\xfe@example.com", b"\x00", "192.0.2.1", "::", "1.2.3.4.5.6", "straße@example.com",
            "u@bücher.example", "' OR 1=1 --", "%", "u+@example.com", "+x@example.com", "a" * 9000]


def odd_keys(env):
    """Whatever is asked of whatever map: an answer, and never 'try again' where trying again cannot help."""
    with running(env, lookup_workers=1) as (site, daemon), Socketmap(site.maps) as client:
        workers = daemon.workers("lookup")
        for search, _, _ in SEARCHES:
            site.ctl("map", "create", "my-" + search, "--search", search)
        for map in list(ENTRIES) + list(DERIVED) + ["my-" + s[0] for s in SEARCHES]:
            for key in ODD_KEYS:
                check_in(client.ask(map, key)[0], ("OK", "NOTFOUND"), map, key)
        check_eq(daemon.workers("lookup"), workers)


# --- maps of the admin's --------------------------------------------------------------------------

def custom(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        check_eq(client.ask("words", "hello")[0], "PERM")
        site.ctl("map", "create", "words")
        check_eq(client.ask("words", "hello"), NOTHING)
        site.ctl("map", "set", "words", "Hello", "  world ")
        check_eq(client.ask("words", "hello"), ok("world"))
        site.ctl("map", "set", "words", "HELLO", "there")
        check_eq(client.ask("words", "hello"), ok("there"))
        check_eq(site.ctl("map", "get", "words", "hellO"), "there\n")
        check_eq(rows(site, "map", "get", "words", "hello"),
                 {"outcome": "found", "map": "words", "key": "hello", "value": "there"})
        check_eq([(r["key"], r["value"]) for r in rows(site, "map", "list", "words")], [("hello", "there")])
        check_eq(site.ctl("map", "list", "words", "--names"), "hello\n")
        check_eq(site.ctl("lookup", "words", "hello"), "there\n")
        check_eq(site.ctl("lookup", "--live", "words", "hello"), "there\n")
        check_in("words", site.ctl("maps", "--all", "--names").split())
        check("words" not in site.ctl("maps", "--names").split())
        check_in("words", site.ctl("map", "list", "--names").split())
        site.ctl("map", "unset", "words", "hello")
        check_eq(client.ask("words", "hello"), NOTHING)
        check_eq(rows(site, "map", "list", "words"), [])
        site.ctl("map", "set", "words", "again", "x")
        site.ctl("map", "remove", "words")
        check_eq(client.ask("words", "again")[0], "PERM")
        site.ctl("map", "create", "words")
        check_eq(client.ask("words", "again"), NOTHING, "a map made anew is empty")
        check_eq([r["what"] for r in rows(site, "log")][-8:],
                 ["map create", "map set", "map set", "map unset", "map set", "map unset", "map remove",
                  "map create"])


SOURCE = """\
# a comment
key\tvalue
  # another, in the middle of what goes on
 and more

\t \n\
"a b"@Example.com   quoted\r
two   words in it
KEY   the second of its name
last one"""


def imports(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        path = os.path.join(site.tmp, "source")
        with open(path, "w") as f:
            f.write(SOURCE)
        site.ctl("map", "create", "words")
        site.ctl("map", "set", "words", "stays", "here")
        done = site.ctl_run("map", "import", "words", path)
        check_eq((done.returncode, done.stdout), (DONE, "set 4 entries in map 'words'\n"), done.stderr)
        check_in("%s:9: the key 'KEY' is in line 2 already" % path, done.stderr)
        for key, value in (("key", "value and more"), ('"a b"@example.com', "quoted"), ("two", "words in it"),
                           ("last", "one"), ("stays", "here")):
            check_eq(client.ask("words", key), ok(value))
        check_eq(rows(site, "map", "import", "words", path)["entries"], 4)
        site.ctl("map", "import", "words", "-", stdin="from stdin\n/not/a/pattern x\n")
        check_eq(client.ask("words", "from"), ok("stdin"))
        check_eq(site.ctl("map", "import", "words", "-", stdin=""), "set 0 entries in map 'words'\n")


def as_postmap(env):
    """The same source by postmap and by us: the same keys and values."""
    if shutil.which("postmap", path=os.environ["PATH"] + ":/usr/sbin") is None:
        raise Skip("postmap is not installed")
    with world(env) as site:
        path = os.path.join(site.tmp, "source")
        with open(path, "w") as f:
            f.write(SOURCE.replace("KEY ", "other ") + '\nback\\ slash x\n"un closed x\nq"u o"te v\n')
        with open(os.path.join(site.tmp, "main.cf"), "w") as f:
            f.write("compatibility_level = 3.6\n")
        env = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin")
        for options in (["hash:" + path], ["-s", "hash:" + path]):
            done = subprocess.run(["postmap", "-c", site.tmp, *options], stdout=subprocess.PIPE, env=env,
                                  stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
        theirs = dict(line.split("\t", 1) for line in done.stdout.splitlines())
        if '"un' in theirs or not theirs:
            raise Skip("this postmap splits keys in another way")
        site.ctl("map", "create", "words")
        # a quote that is not closed makes a line without a value: postmap warns and goes on, we refuse
        refused(site, NOT, ["map", "import", "words", path], ["a key without a value"])
        with open(path) as f:
            text = f.read().replace('"un closed x\n', "")
        site.ctl("map", "import", "words", "-", stdin=text)
        check_eq({r["key"]: r["value"] for r in rows(site, "map", "list", "words")},
                 {k.lower(): " ".join(re.split("[\t\r]", v)) for k, v in theirs.items()})


BAD_SOURCES = [
    # what it shows, map, source, what is said
    ("a key alone", "words", "a 1\nb\nc 3\n", ["source:2:", "value"]),
    ("a blank at the beginning", "words", "\n  a 1\n", ["source:2:", "begins with a blank"]),
    ("a host with the size of a network", "nets", "192.0.2.0/24 x\n192.0.3.5/24 y\n",
     ["source:2:", "'192.0.3.5/24'", "'192.0.3.0/24'", "the address alone"]),
    ("a key that is none", "nets", "192.0.2.0/24 x\n300.1.1.1 y\n", ["source:2:", "network"]),
    ("a value that is none", "transports", "# c\na.example smtp:x\n\nb.example\n\tSMTP:x\n", ["source:4:", "SMTP:x"]),
    ("two addresses for a bcc", "sender-bcc", "a@example.com b@example.com\nb@example.com c@x.example, d@x.example\n",
     ["source:2:"]),
    ("a control character", "words", "a 1\nb \x01\n", ["source:2:", "control"]),
    ("no UTF-8", "words", "a 1\nb\udcff 2\n", ["source:2:"]),
    ("an over-long value", "words", "a 1\nb " + "x" * 99998 + "\n", ["source:2:", "99998"]),
    ("a table of patterns", "sender-access", "a.example OK\n/^a b@(.*)$/i REJECT\n", ["source:2:", "'/^a'", "regexp"]),
    ("a pattern where keys are exact", "sasl-access", "!/^a/ REJECT\n", ["source:1:", "'!/^a/'", "regexp"]),
    ("a condition", "nets", "if /^a/ x\n", ["source:1:", "network"]),
    ("a map without entries", "aliases", "a b\n", ["no entries of its own"]),
]


def bad_imports(env):
    with world(env) as site:
        path = os.path.join(site.tmp, "source")
        site.ctl("map", "create", "words")
        site.ctl("map", "create", "nets", "--search", "network")
        before = rows(site, "log")
        for name, map, source, says in BAD_SOURCES:
            with open(path, "w", errors="surrogateescape") as f:
                f.write(source)
            done = subprocess.run([site.program("vmailctl"), "-c", site.conf, "map", "import", map, path],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                                  timeout=TIMEOUT)
            check_eq((done.returncode, done.stdout), (NOT, ""), name, done.stderr)
            for word in says:
                check_in(word, done.stderr, name)
        done = site.ctl_run("map", "import", "words", "-", stdin="a 1\nb\n")
        check_in("standard input:2:", done.stderr)
        refused(site, AGAIN, ["map", "import", "words", path + ".not"], [path + ".not", "No such file"])
        refused(site, AGAIN, ["map", "import", "words", site.tmp], [site.tmp, "directory"])
        check_eq(rows(site, "log"), before, "something was changed")


# --- states ---------------------------------------------------------------------------------------

STATES = {
    # state: gets mail, may send
    "active": (True, True),
    "receive-only": (True, False),
    "send-only": (False, True),
    "suspended": (False, False),
}


def states_in_maps(env):
    with running(env) as (site, _), Socketmap(site.maps) as client, Userdb(site.userdb) as userdb:
        site.ctl("alias", "add", "@example.com", SALLY)
        for state, (receives, sends) in STATES.items():
            check_eq(site.ctl("user", "state", HARRY, state), "")
            check_eq(client.ask("mailboxes", "harry+x@example.com"), ok(HARRY) if receives else NOTHING, state)
            check_eq(client.ask("aliases", HARRY), NOTHING, state, "a catch-all took it")
            check_eq(client.ask("senders", HARRY), ok(HARRY) if sends else NOTHING, state)
            check_eq(client.ask("senders", "team@example.com"), ok(HARRY + ", " + SALLY if sends else SALLY), state)
            check_eq(client.ask("aliases", "harry@example.net"), ok(HARRY) if receives else NOTHING, state)
            for service in ("lmtp", "lda"):
                for word in ("USER", "PASS"):
                    check_eq(userdb.ask(word, HARRY, "service=" + service).word, word if receives else "NOTFOUND",
                             state, service)
            for service in ("imap", "doveadm", "smtp"):
                check_eq(userdb.ask("USER", HARRY, "service=" + service).word, "USER", state, service)
            check_in(HARRY, userdb.list()[0])


SERVICES = {"smtp": True, "submission": True, "imap": False, "pop3": False, "sieve": False}  # True: it sends


def states_at_logins(env):
    password = PASSWORDS[HARRY]
    with running(env, failure_delay=0) as (site, daemon), Auth(site.auth) as client:
        for state, (receives, sends) in STATES.items():
            reason = [] if state == "active" else ["--reason", "unpaid bill of May"]
            site.ctl("user", "state", HARRY, state, *reason)
            for service, sending in SERVICES.items():
                mark = daemon.mark()
                reply = client.plain(HARRY, password, service=service)
                allowed = sends if sending else receives
                check_eq(reply.word, "OK" if allowed else "FAIL", state, service)
                check_eq(reply.named.get("reason"), None if allowed else "unpaid bill of May", state, service)
                if not allowed:
                    daemon.wait_log("login refused: user '%s', service %s, from unknown: %s$"
                                    % (HARRY, service, state), mark)
                reply = client.plain(HARRY, password + "x", service=service)
                check_eq((reply.word, reply.named), ("FAIL", {"user": HARRY}), state, "a stranger is told of it")
        site.ctl("user", "state", HARRY, "suspended")
        reply = client.login("Harry@example.com", password)
        check_eq((reply.word, reply.named), ("FAIL", {"user": "Harry@example.com"}), "there is no reason to tell")
        daemon.wait_log("user 'Harry@example.com'.*: suspended$")
        lines = re.findall("login refused: .*: (?:receive-only|send-only|suspended)$", daemon.log.text, re.M)
        check_eq(len(lines), 2 + 3 + 5 + 1, "one line for each refusal")


def states_shown(env):
    with world(env) as site:
        shown = rows(site, "user", "show", HARRY)
        check_eq((shown["state"], shown["reason"], shown["quota"]), ("active", None, None))
        check_eq(rows(site, "user", "state", HARRY, "suspended", "--reason", "unpaid")["outcome"], "done")
        check_eq(rows(site, "user", "quota", HARRY, "3G"),
                 {"outcome": "done", "what": "user quota", "subject": HARRY})
        shown = rows(site, "user", "show", HARRY)
        check_eq((shown["state"], shown["reason"], shown["quota"]), ("suspended", "unpaid", 3 << 30))
        check_eq({r["address"]: (r["state"], r["reason"]) for r in rows(site, "user", "list", "example.com")}[HARRY],
                 ("suspended", "unpaid"))
        check_in("unpaid", site.ctl("user", "list"))
        site.ctl("user", "state", HARRY, "active")
        site.ctl("user", "quota", HARRY, "0")
        shown = rows(site, "user", "show", HARRY)
        check_eq((shown["state"], shown["reason"], shown["quota"]), ("active", None, None))


# --- aliases --------------------------------------------------------------------------------------

def switched_off(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        site.ctl("alias", "add", "@example.com", SALLY)
        post = ok(HARRY)
        for off, on in ((["--disable"], ["--enable"]), (["--expires", "2020-01-31"], ["--expires", "never"]),
                        (["--expires", "2020-01-31T23:59"], ["--expires", "+1h"])):
            check_eq(client.ask("aliases", "post@example.com"), post, off)
            site.ctl("alias", "set", "post@example.com", *off)
            check_eq(client.ask("aliases", "post@example.com"), NOTHING, off, "a catch-all took it")
            check_eq(client.ask("aliases", "post@example.net"), NOTHING, off)
            check_eq(client.ask("senders", "post@example.com"), NOTHING, off)
            check_eq(client.ask("aliases", "post+special@example.com"), ok(SALLY), off, "another alias")
            site.ctl("alias", "set", "post@example.com", *on)
        check_eq(client.ask("aliases", "post@example.com"), post)
        check_in("is past", site.ctl_run("alias", "set", "post@example.com", "--expires", "2020-01-31").stderr)


def patterns(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        for alias in ("sales-*@example.com", "sales-eu-*@example.com", "*-bounce@example.com", "@example.com"):
            site.ctl("alias", "add", alias, "to-" + re.sub("[^a-z]", "", alias.split("@")[0]) + "@elsewhere.example")
        site.ctl("alias", "add", "sales-chief@example.com", HARRY)
        for key, value in (("Sales-asia@example.com", "to-sales@elsewhere.example"),
                           ("sales-eu-north@example.com", "to-saleseu@elsewhere.example"),
                           ("sales-chief@example.com", HARRY),
                           ("sales-chief+x@example.com", "harry+x@example.com"),
                           ("sales-asia+x@example.com", "to-sales@elsewhere.example"),
                           ("sales-bounce@example.com", "to-sales@elsewhere.example"),
                           ("any-bounce@example.com", "to-bounce@elsewhere.example"),
                           ("sales@example.com", "to-@elsewhere.example"),
                           ("sales-asia@example.net", "sales-asia@example.com")):
            check_eq(client.ask("aliases", key), ok(value), key)
        check_eq(client.ask("aliases", HARRY), NOTHING, "a pattern or the catch-all took a mailbox")
        site.ctl("alias", "set", "sales-eu-*@example.com", "--disable")
        check_eq(client.ask("aliases", "sales-eu-north@example.com"), NOTHING)
        site.ctl("alias", "remove", "sales-eu-*@example.com")
        check_eq(client.ask("aliases", "sales-eu-north@example.com"), ok("to-sales@elsewhere.example"))


def closed_lists(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        for list_ in ("club@lists.example", "club+x@lists.example"):
            check_eq(client.ask("recipient-access", list_), NOTHING)
        check_eq(client.ask("members", "friend@elsewhere.example"), NOTHING)
        site.ctl("alias", "set", "club@lists.example", "--internal")
        for list_ in ("Club@lists.example", "club+x@lists.example"):
            check_eq(client.ask("recipient-access", list_), ok("vmaild_closed_list"))
        for sender, answer in ((HARRY, ok("OK")), ("anybody@example.com", ok("OK")), ("x@example.net", ok("OK")),
                               ("Friend+x@elsewhere.example", ok("OK")), ("foe@elsewhere.example", NOTHING),
                               ("x@relay.example", NOTHING), ("<>", NOTHING)):
            check_eq(client.ask("members", sender), answer, sender)
        site.ctl("alias", "add", "staff-*@example.com", HARRY)
        for alias in ("post@example.com", "staff-*@example.com"):
            site.ctl("alias", "set", alias, "--internal")
        for key, answer in (("post@example.net", ok("vmaild_closed_list")), ("staff-uk@example.com",
                            ok("vmaild_closed_list")), ("staff-uk@example.net", ok("vmaild_closed_list")),
                            ("team@example.net", NOTHING), (HARRY, NOTHING), ("nobody@example.com", NOTHING)):
            check_eq(client.ask("recipient-access", key), answer, key)
        site.ctl("map", "set", "recipient-access", "club@lists.example", "REJECT closed for the summer")
        check_eq(client.ask("recipient-access", "club@lists.example"), ok("REJECT closed for the summer"))
        site.ctl("map", "unset", "recipient-access", "club@lists.example")
        site.ctl("alias", "set", "club@lists.example", "--open")
        check_eq(client.ask("recipient-access", "club@lists.example"), NOTHING)
        check_eq(client.ask("members", "friend@elsewhere.example"), NOTHING)


def alias_settings(env):
    with world(env) as site:
        def shown(*settings):
            if settings:
                check_eq(rows(site, "alias", "set", "Post@example.com", *settings)["outcome"], "done", settings)
            row = rows(site, "alias", "show", "post@example.com")
            return tuple(row[k] for k in ("disabled", "expires", "internal", "owner", "note"))
        check_eq(shown(), (False, None, False, None, None))
        check_eq(shown("--note", "spring sale", "--owner", "Ann in Sales"),
                 (False, None, False, "Ann in Sales", "spring sale"))
        check_eq(shown("--disable", "--internal"), (True, None, True, "Ann in Sales", "spring sale"))
        check_eq(shown("--enable", "--note", ""), (False, None, True, "Ann in Sales", None))
        date = subprocess.run(["date", "-u", "-d", "2031-02-03 04:05", "+%Y-%m-%dT%H:%M:00Z"], text=True,
                              stdout=subprocess.PIPE, timeout=TIMEOUT).stdout.strip()
        check_eq(shown("--expires", "2031-02-03T04:05")[1], date)
        check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown("--expires", "+30d")[1]))
        check_eq(shown("--open"), (False, shown()[1], False, "Ann in Sales", None))
        check_eq(shown("--expires", "never"), (False, None, False, "Ann in Sales", None))
        check_eq([r["owner"] for r in rows(site, "alias", "list") if r["address"] == "post@example.com"],
                 ["Ann in Sales"])
        site.ctl("alias", "add", "post@example.com", SALLY)
        check_eq(shown()[3], "Ann in Sales", "a new target drops the settings")


# --- domains --------------------------------------------------------------------------------------

def own_delimiters(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        def answers():
            return tuple(client.ask("aliases", "post%s@example.com" % e)[1] for e in ("+x", "-x", "=x"))
        check_eq(answers(), ("harry+x@example.com", "", ""))
        for delimiters, expected in (("-=", ("", "harry-x@example.com", "harry=x@example.com")),
                                     ("none", ("", "", "")), ("", ("", "", "")),
                                     ("default", ("harry+x@example.com", "", ""))):
            site.ctl("domain", "set", "Example.com", "--delimiters", delimiters)
            check_eq(answers(), expected, delimiters)
            check_eq(rows(site, "domain", "show", "example.com")["delimiters"], delimiters or "none")
        site.ctl("domain", "set", "example.com", "--delimiters", "-")
        check_eq(client.ask("mailboxes", "harry-x@example.com"), ok(HARRY))
        check_eq(client.ask("mailboxes", "harry+x@example.com"), NOTHING)
        check_eq(client.ask("mailboxes", "real+x@catch.example"), ok("real@catch.example"), "another domain")
        site.ctl("domain", "set", "example.com", "--propagate", "no")
        check_eq(answers(), ("", HARRY, ""))
        check_eq(tuple(rows(site, "domain", "show", "example.com")[k] for k in ("delimiters", "propagate")),
                 ("-", "no"), "what was not named has changed")
        site.ctl("domain", "set", "example.com", "--propagate", "yes", "--delimiters", "default")
        check_eq(answers(), ("harry+x@example.com", "", ""))
        site.ctl("domain", "set", "example.com", "--propagate", "default")
        check_eq(rows(site, "domain", "show", "example.com")["propagate"], "default")


# --- what a protocol cannot carry -----------------------------------------------------------------

def too_long(env):
    """400 or TEMP, and one log line with map and key; the other protocol, and other keys, go on."""
    with running(env, tcp_map="words", lookup_workers=1) as (site, daemon), Socketmap(site.maps) as client, \
            TcpTable(site.tcp) as table:
        site.ctl("map", "create", "words")
        # 4095 bytes with the code and its blank; a blank in the value takes three
        for value, code in (("x" * 4091, "200"), ("x" * 4092, "400"), ("x" * 4088 + " y", "400"),
                            ("x" * 4087 + " y", "200")):
            site.ctl("map", "import", "words", "-", stdin="long %s\n" % value)
            check_eq(table.get("long")[0], code, len(value))
            check_eq(client.ask("words", "long"), ok(value))
        site.ctl("map", "import", "words", "-", stdin="l\u00f6ng %s\n" % ("x" * 5000))
        check_eq(table.get("l\u00f6ng")[0], "400")
        check_eq(table.get("nothing")[0], "500")
        daemon.wait_log("cannot be sent")
        for line in [l for l in daemon.log.text.splitlines() if "cannot be sent" in l]:
            check(re.search(r"warning: map 'words': a value of \d+ bytes .*: key '(long|l\\xc3\\xb6ng)'", line), line)
            check("xxxx" not in line and "\u00f6" not in line, line)


def limits(env):
    with running(env) as (site, daemon), Socketmap(site.maps) as client:
        site.ctl("map", "create", "words")
        longest = "x" * 99997
        site.ctl("map", "import", "words", "-", stdin="long %s\n" % longest)
        check_eq(client.ask("words", "long"), ok(longest))
        check_in("99998", site.ctl_run("map", "import", "words", "-", stdin="long %sy\n" % longest).stderr)
        check_eq(client.ask("words", "long"), ok(longest), "what was refused left something")
        targets = ["%s%03d@%s.example" % ("m" * 60, i, "d" * 60) for i in range(800)]
        site.ctl("alias", "add", "many@lists.example", *targets[:700])
        check_eq(client.ask("aliases", "many@lists.example"), ok(", ".join(targets[:700])))
        check_in("lists of lists", site.ctl_run("alias", "add", "many@lists.example", *targets[700:]).stderr)
        # an extension makes every target longer, which nobody could know beforehand
        check_eq(client.ask("aliases", "many+%s@lists.example" % ("e" * 20))[0], "TEMP")
        line = daemon.wait_log("warning: .*cannot be sent.*").group()
        check_in("map 'aliases'", line)
        check_in("key 'many+eeee", line)
        check_eq(client.ask("aliases", "post@example.com"), ok(HARRY))


# --- wrong words ----------------------------------------------------------------------------------

MISUSES = [
    # exit code, command line, what is said
    (USAGE, ["map", "create"], ["NAME is missing"]),
    (USAGE, ["map", "create", "words", "--search", "regexp"], ["'regexp'", "exact address rewrite"]),
    (USAGE, ["map", "set", "words", "key"], ["VALUE is missing"]),
    (USAGE, ["map", "import", "words"], ["FILE is missing"]),
    (USAGE, ["map", "delete", "words"], ["did you mean 'remove'"]),
    (USAGE, ["map", "serach"], ["'serach'"]),
    (USAGE, ["ma", "list"], ["'ma' could be 'map' or 'maps'"]),
    (NOT, ["map", "create", "a b"], ["'a b'"]),
    (NOT, ["map", "create", ""], ["''"]),
    (NOT, ["map", "create", "x" * 65], ["64"]),
    (NOT, ["map", "create", "transports"], ["'transports'", "already"]),
    (NOT, ["map", "create", "mine"], ["'mine'", "already"]),
    (NOT, ["map", "remove", "transports"], ["program's own"]),
    (NOT, ["map", "remove", "nothing"], ["there is no map 'nothing'"]),
    (NOT, ["map", "set", "transprts", "a.example", "smtp:x"], ["did you mean 'transports'"]),
    (NOT, ["map", "list", "nothing"], ["there is no map 'nothing'"]),
    (NOT, ["map", "get", "nothing", "x"], ["there is no map 'nothing'"]),
    (NOT, ["map", "get", "mine", "x"], ["'mine'", "'x'"]),
    (NOT, ["map", "unset", "mine", "x"], ["'mine'", "'x'"]),
    (NOT, ["map", "set", "mine", "", "v"], ["key is empty"]),
    (NOT, ["map", "set", "mine", "k", " "], ["value is empty"]),
    (NOT, ["map", "set", "mine", "k", "a\nb"], ["control"]),
    (NOT, ["map", "set", "mine", "k\t", "v"], ["control"]),
    (NOT, ["map", "set", "mine", "k" * 1001, "v"], ["1001"]),
    (NOT, ["map", "set", "transports", "a.example", "SMTP:x"], ["SMTP:x", "lower case"]),
    (NOT, ["map", "set", "transports", "a.example", "mail.b.example"], ["'smtp:[mail.b.example]'", "master.cf"]),
    (NOT, ["map", "set", "tls-policy", "a.example", "encrpyt"], ["'encrpyt'", "dane-only"]),
    (NOT, ["map", "set", "canonical", "a@example.com", "b@example.com, c@example.com"], ["one address"]),
    (NOT, ["map", "set", "recipient-bcc", "a@example.com", "@example.org"], ["@example.org"]),
    (NOT, ["map", "set", "uids", HARRY, "root"], ["'root'", "number"]),
    (NOT, ["map", "set", "senders", HARRY, "joe"], ["'joe'"]),
    (USAGE, ["user", "state", HARRY], ["STATE is missing"]),
    (USAGE, ["user", "state", HARRY, "asleep"], ["'asleep'", "active receive-only"]),
    (USAGE, ["user", "state", HARRY, "active", "--reason", "x"], ["active"]),
    (USAGE, ["user", "suspend", HARRY], ["did you mean 'state'"]),
    (NOT, ["user", "state", "nobody@example.com", "suspended"], ["there is no mailbox 'nobody@example.com'"]),
    (NOT, ["user", "state", HARRY, "suspended", "--reason", "x" * 201], ["201"]),
    (NOT, ["user", "state", HARRY, "suspended", "--reason", "a\nb"], ["control"]),
    (USAGE, ["user", "quota", HARRY, "much"], ["'much'", "2G"]),
    (NOT, ["user", "quota", "nobody@example.com", "1G"], ["there is no mailbox"]),
    (USAGE, ["alias", "set", "post@example.com"], ["name one of the options", "--expires TIME"]),
    (USAGE, ["alias", "set", "post@example.com", "--disable", "--enable"], ["contradict"]),
    (USAGE, ["alias", "set", "post@example.com", "--open", "--internal"], ["contradict"]),
    (NOT, ["alias", "set", "nobody@example.com", "--disable"], ["there is no alias 'nobody@example.com'"]),
    (NOT, ["alias", "set", "post@example.com", "--note", "a\nb"], ["control"]),
    (NOT, ["alias", "set", "post@example.com", "--owner", "x" * 1001], ["1001"]),
    (NOT, ["alias", "add", "*@example.com", HARRY], ["@example.com", "catch-all"]),
    (NOT, ["alias", "add", "*a*b*c*d*@example.com", HARRY], ["at most 4"]),
    (NOT, ["alias", "add", "*", HARRY], ["'*'", "catch-all", "'@example.com'"]),
    (NOT, ["alias", "add", "sales-*", HARRY], ["has no domain", "'sales-*@example.com'"]),
    (NOT, ["alias", "add", "post@example.com", "|/bin/cat"], ["'|/bin/cat'", "local(8)"]),
    (NOT, ["map", "set", "canonical", "a@example.com", "b c"], ["'b c'", "'name@example.com'"]),
    (USAGE, ["domain", "set", "example.com"], ["--delimiters", "--propagate"]),
    (USAGE, ["domain", "set", "example.com", "--propagate", "maybe"], ["maybe", "default"]),
    (NOT, ["domain", "set", "example.com", "--delimiters", "x"], ["'x'"]),
    (NOT, ["domain", "set", "example.com", "--delimiters", "@"], ["'@'"]),
    (NOT, ["domain", "set", "example.com", "--delimiters", "+-=!#$%&"], ["8"]),
    (NOT, ["domain", "set", "nosuch.example", "--propagate", "no"], ["there is no domain 'nosuch.example'"]),
] + [(USAGE, ["alias", "set", "post@example.com", "--expires", time], ["'%s'" % time, "+30d", "never"])
     for time in ("soon", "", "2030-13-01", "2030-02-30", "2030-1-1", "2030-01-01T24:01", "2030-01-01 10:00",
                  "2030-01-01T10:00:00", "30d", "+30", "+d", "+30w", "+-3d", "+999999d", "1960-01-01")]


def misuses(env):
    with world(env) as site:
        site.ctl("map", "create", "mine")
        before = rows(site, "log")
        for code, arguments, says in MISUSES:
            refused(site, code, arguments, says)
        check_eq(rows(site, "log"), before, "something was changed")


def doubts(env):
    """What may be a restriction class is taken, with a warning; what Postfix knows without one."""
    with world(env) as site:
        done = site.ctl_run("map", "set", "client-access", "192.0.2", "BLAH go away")
        check_eq((done.returncode, done.stderr.count("warning")), (0, 1), done.stderr)
        check_in("'BLAH' for '192.0.2'", done.stderr)
        for map, value in (("client-access", "REJECT go away"), ("recipient-access", "reject_unverified_recipient"),
                           ("sender-access", "450 later"), ("relocated", "BLAH")):
            check_eq(site.ctl_run("map", "set", map, "x.example", value).stderr, "", map, value)
        path = os.path.join(site.tmp, "source")
        with open(path, "w") as f:
            f.write("a.example OK\nb.example OKAY\n")
        done = site.ctl_run("map", "import", "helo-access", path)
        check_eq((done.returncode, done.stderr.count("warning")), (0, 1), done.stderr)
        check_in("'OKAY' for 'b.example'", done.stderr)


def json_everywhere(env):
    with world(env) as site:
        for arguments in (["map", "create", "mine"], ["map", "set", "mine", "k", "v"], ["map", "unset", "mine", "k"],
                          ["map", "remove", "mine"], ["user", "state", HARRY, "send-only"],
                          ["alias", "set", "post@example.com", "--disable"],
                          ["domain", "set", "example.com", "--propagate", "no"]):
            verdict = rows(site, *arguments)
            check_eq((verdict["outcome"], verdict["what"]), ("done", " ".join(arguments[:2])), arguments)
        for arguments in (["map", "list"], ["map", "list", "transports"], ["maps", "--all"]):
            check_eq(type(rows(site, *arguments)), list, arguments)
        os.rename(site.store, site.store + ".away")
        for arguments in (["map", "list"], ["map", "list", "mine"], ["map", "set", "mine", "k", "v"],
                          ["map", "get", "mine", "k"], ["map", "unset", "mine", "k"], ["map", "create", "mine"],
                          ["map", "remove", "mine"], ["map", "import", "mine", "/dev/null"], ["maps", "--all"],
                          ["user", "state", HARRY, "active"], ["user", "quota", HARRY, "1G"],
                          ["alias", "set", "post@example.com", "--disable"],
                          ["domain", "set", "example.com", "--propagate", "no"]):
            refused(site, AGAIN, arguments, ["vmailctl init"])


# --- Postfix's lines ------------------------------------------------------------------------------

def postfix_lines(env):
    """config postfix has a line for every map, and the real Postfix takes them all."""
    with world(env) as site:
        text = site.ctl("config", "postfix")
        for row in rows(site, "maps"):
            check_eq(len(re.findall(r"socketmap:unix:%s:%s\b(?!-)" % (site.maps, row["map"]), text)), 1, row["map"])
            check_in(row["parameter"], text)
        plain, more = text.split("# -----", 1)
        check_eq(re.findall(r"(?m)^\w+_(?:maps|domains) = socketmap:\S*:(\S+)$", plain),
                 ["domains", "alias-domains", "mailboxes", "aliases", "senders"])
        check(not [l for l in more.splitlines()[1:] if l and not l.startswith("#")], "a line below is in force")
        for word in ("vmaild_closed_list = check_sender_access", ":members, reject", "virtual(8)", "'proxy:'"):
            check_in(word, text)
        postconf = shutil.which("postconf", path=os.environ["PATH"] + ":/usr/sbin")
        if postconf is None:
            raise Skip("postconf is not installed")
        with open(os.path.join(site.tmp, "main.cf"), "w") as f:
            f.write("compatibility_level = 3.6\n" + re.sub(r"(?m)^#(?=\w+ = )", "", text)
                    .replace("\nsmtpd_sender_restrictions = reject_authenticated_sender_login_mismatch\n", "\n"))
        open(os.path.join(site.tmp, "master.cf"), "w").close()
        done = subprocess.run([postconf, "-c", site.tmp, "-n"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=TIMEOUT)
        check_eq((done.returncode, done.stderr), (0, ""))
        for row in rows(site, "maps"):
            check_in("%s:%s" % (site.maps, row["map"]), done.stdout)


def register(suite):
    suite.add("maps: an entry of every map of the table is live at once", every_entry)
    suite.add("maps: those that answer from domains, mailboxes and aliases, live at once", every_derived)
    suite.add("maps: entries by tcp_table, in maps of the admin's too", by_tcp)
    suite.add("maps: every kind of search", searches)
    suite.add("maps: odd keys get an answer from every map", odd_keys)
    suite.add("maps: an admin's own, from its making to its end", custom)
    suite.add("maps: import of what postmap reads", imports)
    suite.add("maps: import takes a source apart as postmap does", as_postmap)
    suite.add("maps: an import with a bad line changes nothing and names it", bad_imports)
    suite.add("states: in every map and in the userdb", states_in_maps)
    suite.add("states: at logins, by service; the reason is for who knows the password", states_at_logins)
    suite.add("states: shown, with reason and quota", states_shown)
    suite.add("aliases: disabled and expired ones are nobody", switched_off)
    suite.add("aliases: patterns, by the longest beginning", patterns)
    suite.add("aliases: closed lists, their senders and members", closed_lists)
    suite.add("aliases: settings that are not named stay", alias_settings)
    suite.add("domains: delimiters and propagation of their own", own_delimiters)
    suite.add("limits: what tcp_table cannot carry is 400 and one log line", too_long)
    suite.add("limits: 99997 bytes by socketmap, no more", limits)
    suite.add("vmailctl: wrong words for maps, states and settings", misuses)
    suite.add("vmailctl: a value that may be right is taken with a warning", doubts)
    suite.add("vmailctl: JSON for maps, states and settings", json_everywhere)
    suite.add("vmailctl: config postfix has a line for every map", postfix_lines)
