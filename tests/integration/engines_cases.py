# SPDX-License-Identifier: ISC
#
# One script of verbs on a store of each engine: what vmailctl says, and how it ends, is the same in both. What the
# two may differ in stands below, row by row; a verb that is in no script fails a case.

import contextlib
import os
import re
import shlex

from harness import Site, check, check_eq, scratch
from pgserver import servers, uri

# What is done: a line each, as it would be typed; and what is typed into it then. {tmp} is a folder of its own,
# {data} has files that are the same for both.
SCRIPT = [
    # --- nothing is there yet
    "domain list", "check", "lint", "export", "migrate", "status", "views publish {tmp}/early.db", "backup {tmp}/early",
    "init", "init", "migrate", "check", "lint", "log", "export", "undo", "diff {data}/empty.jsonl",
    # --- domains
    "domain add example.com", "domain add EXAMPLE.com", "domain add lists.test --kind alias", "domain add relay.test --kind relay",
    "domain add other.test --target example.com", "domain add third.test --target other.test", "domain add x.test --target none.test",
    "domain add local.test --kind local", "domain add ..bad", "domain add müller.example", "domain add --kind odd a.test",
    "domain add a.test --dry-run", "domain add a.test --json", "domain add a.test --json", ["domain add -", "b.test\nc.test\nb.test\n"],
    ["domain add -", "d.test\n..\n"],
    "domain list", "domain list --json", "domain list --names", "domain list --match 'e*'", "domain list --limit 2",
    "domain list --limit 2 --json", "domain show example.com", "domain show other.test --json", "domain show none.test",
    "domain set example.com --delimiters +- --propagate no", "domain set example.com --delimiters a", "domain set none.test --propagate yes",
    "domain set example.com --propagate no", "domain show example.com", "domain set example.com --delimiters default --propagate default",
    # --- mailboxes
    ["user add --password-stdin harry@example.com", "alohomora\n"], ["user add --password-stdin harry@example.com", "again\n"],
    "user add --no-password sally@example.com --quota 2G", "user add --no-password Ünïcode@example.com",
    "user add --no-password nobody@none.test", "user add --no-password in@lists.test", "user add --no-password bad", "user add --no-password o\\'neil%x@example.com",
    ["user add --no-password -", "a@example.com\nb@example.com\na@example.com\n"], ["user add --no-password -", "c@example.com\nd@example.com\n"],
    "user add --no-password e@example.com --json", "user add --no-password f@example.com --dry-run", "user show f@example.com",
    "user list", "user list --json", "user list example.com --names", "user list none.test", "user list --limit 2", "user list --match '*a*'",
    "user list --limit 3 --json", "user list --idle 1", "user show harry@example.com", "user show HARRY@Example.COM --json", "user show none@example.com",
    ["user passwd harry@example.com --password-stdin", "open sesame\n"], ["user passwd none@example.com --password-stdin", "x\n"],
    ["user passwd harry@example.com --password-stdin", ""], "user state harry@example.com suspended --reason 'unpaid bill'",
    "user state harry@example.com odd", "user state none@example.com active", "user show harry@example.com", "user state harry@example.com active",
    "user quota harry@example.com 500M", "user quota harry@example.com 500M", "user quota harry@example.com -1", "user quota none@example.com 1G",
    "user set harry@example.com --home /srv/mail/harry --mail maildir:~/Mail --uid 5000 --gid 5000 --networks 192.0.2.0/24,2001:db8::/32",
    "user set harry@example.com --home relative", "user set harry@example.com --uid 99999999999", "user set none@example.com --home /x",
    "user show harry@example.com --json", "user set harry@example.com --home '' --networks ''", "user logins harry@example.com",
    "user logins none@example.com", "app-password add harry@example.com --label phone --service imap,smtp", "app-password add harry@example.com --label phone",
    "app-password add harry@example.com --label old --expires 2001-01-01", "app-password add none@example.com --label x",
    "app-password add harry@example.com --label tablet --network 192.0.2.0/24 --expires +30d --json",
    "app-password list harry@example.com", "app-password list harry@example.com --json", "app-password list harry@example.com --names",
    "app-password remove harry@example.com phone", "app-password remove harry@example.com phone", "app-password list none@example.com",
    # --- aliases
    "alias add info@example.com harry@example.com", "alias add info@example.com harry@example.com Sally@example.com",
    "alias add @example.com harry@example.com", "alias add sales-*@example.com sally@example.com", "alias add root harry@example.com",
    "alias add loop1@example.com loop2@example.com", "alias add loop2@example.com loop1@example.com", "alias add self@example.com self@example.com",
    "alias add x@none.test harry@example.com", "alias add bad@ harry@example.com", "alias add a@lists.test 'not an address'",
    "alias add club@lists.test friend@elsewhere.test gone@example.com", "alias add harry@example.com sally@example.com", ["alias add -", "m@lists.test a@example.com\nn@lists.test b@example.com c@example.com\n"],
    "alias add z@lists.test a@example.com --dry-run", "alias list", "alias list --json", "alias list lists.test --names", "alias list none.test",
    "alias list --limit 2", "alias list --match 'i*'", "alias show info@example.com", "alias show info@example.com --json", "alias show none@example.com",
    "alias set info@example.com --note 'first line' --owner harry --internal", "alias set info@example.com --expires 2031-01-01", "alias set none@example.com --disable",
    "alias set info@example.com --disable", "alias show info@example.com", "alias set info@example.com --enable --open --expires never",
    "alias set m@lists.test --expires 2001-01-01", "alias remove info@example.com sally@example.com", "alias remove info@example.com sally@example.com",
    "alias remove none@example.com", "alias remove n@lists.test",
    # --- maps
    "map create blocked --search network", "map create blocked", "map create aliases", "map create Bad!", "map create codes", "map list",
    "map set blocked 192.0.2.0/24 'REJECT not from there'", "map set blocked nonsense REJECT", "map set none key value", "map set transports example.org 'smtp:[mail.example.org]'",
    "map set codes 'a key' 'ein Wert: ü'", "map set codes 'a key' 'ein Wert: ü'", "map set codes k ''", "map get codes 'a key'", "map get codes none", "map get none x", "map list codes", "map list codes --json",
    "map list --json", "map list --names", "map list none", "map import codes {data}/codes", "map import codes {data}/odd", "map import none {data}/codes", "map import codes {data}/none",
    "map list codes", "map unset codes one", "map unset codes one", "map create gone", "map remove gone", "map remove gone", "map remove aliases", "maps", "maps --all", "maps --all --names", "maps --all --json",
    # --- what a mail server is told, and why
    "lookup aliases info@example.com", "lookup aliases info+x@example.com", "lookup aliases anybody@example.com", "lookup aliases none@lists.test",
    "lookup aliases sales-north@example.com", "lookup aliases info@other.test", "lookup mailboxes harry@example.com", "lookup mailboxes none@example.com",
    "lookup domains example.com", "lookup domains relay.test", "lookup relay-domains relay.test", "lookup senders info@example.com", "lookup blocked 192.0.2.7",
    "lookup codes 'a key'", "lookup transports sub.example.org", "lookup none x", "lookup aliases bad", "lookup aliases info@example.com --json", "lookup aliases ''",
    "lookup aliases üb@example.com", "lookup mailboxes ü@example.com", "explain üb@example.com", "alias add üb-*@example.com harry@example.com",
    "lookup aliases üb-x@example.com", "lookup aliases ü@example.com", "user add --no-password üwe@example.com", "user remove üwe@example.com",
    "domain add i❤.test", "user add --no-password ann@I❤.test", "lookup domains i❤.test", "lookup mailboxes ann@xn--i-7iq.test", "map set transports .I❤.test smtp:x",
    "lookup transports a@b.i❤.test", "domain remove i❤.test --all", "map set sender-access example.org 'REJECT all'", "map set sender-access spam@ 'REJECT him'",
    "lookup sender-access " + "x" * 1001 + "@sub.example.org", "lookup sender-access spam+" + "x" * 1001 + "@else.test", "lookup sender-access 'spam@a b'",
    "lookup sender-access u@" + "a." * 200 + "example.org", "lookup sender-access '@a..b'", "lookup relayhosts 'u+x@a b.example.org'",
    "lookup aliases root", "lookup aliases m@lists.test", "lookup aliases info@example.com --live",
    "explain info+news@example.com", "explain info@example.com --json", "explain none@lists.test", "explain anybody@other.test --from harry@example.com",
    "explain loop1@example.com", "explain bad", "explain club@lists.test",
    "lint", "lint --json", "lint --all --since 1d", "lint example.com", "check", "check --json",
    # --- for other programs
    "config show", "config postfix", "config dovecot --version 2.3", "config dovecot --version 2.4", "config dovecot --version 2.3 --passdb none",
    "config dovecot --version 2.4 --passdb sql --sql-file", "config dovecot --passdb odd", "login throttled", "login clear harry@example.com", "status", "top --once", "formats", "formats --names",
    "completion bash", "completion odd", "help", "help user add", "help --all", "version", "setup --dry-run odd",
    # --- whole stores
    "views publish {tmp}/views.db", "views publish {tmp}/views.db --with-hashes", "views publish {tmp}/views.db --group nonsense", "views publish {data}/codes", "views publish {tmp}/no/such/place",
    "export", "export --no-hashes", "export --format csv", "export --format postfix {tmp}/tables", "export --format dovecot", "export --format odd", "export {tmp}/all.jsonl", "diff {tmp}/all.jsonl", "apply --yes {tmp}/all.jsonl",
    "backup {tmp}/backup.db", "backup {tmp}/backup.db", "diff {tmp}/backup.db", "user remove c@example.com", "diff {tmp}/backup.db", "diff {tmp}/backup.db --json",
    "apply --dry-run {data}/some.jsonl", "apply --yes {data}/some.jsonl", "apply --yes {data}/some.jsonl", "apply --yes --prune --dry-run {data}/some.jsonl", "apply --yes {data}/broken.jsonl", "diff {data}/some.jsonl",
    "import --dry-run {data}/more.jsonl", "import {data}/more.jsonl", "import {data}/more.jsonl", "import --strict {data}/broken.jsonl", "import {data}/none", "import {data}/new.csv --columns address,password --passwords plain",
    "import {data}/people.jsonl", "import {data}/people.jsonl", "app-password list p1@people.test", "check",
    "app-password remove p1@people.test ' phone'", "app-password remove p1@people.test phone", "app-password remove p1@people.test ''",
    "import --dry-run {data}/passwd --from passwd-file", "import {data}/passwd --from passwd-file --domain example.com",
    # --- what was done
    "log --last 5", "log harry@example.com", "log --json --last 3", "log --what 'user add' --last 2", "log --match '*lists*'", "log --after 40 --until 2001-01-01", "log --since 1d --last 2", "log --who nobody-such", "log none@example.com",
    "undo --dry-run", "undo", "undo --json", "undo 2", "undo --id 1", "undo --id 99999", "undo --id 2", "undo --since 1s --dry-run --anyone", "user remove b@example.com", "user add --no-password b@example.com",
    # --- and its end
    "user remove harry@example.com", "user remove harry@example.com --force", "user remove harry@example.com", "domain remove example.com", "domain remove example.com --all --dry-run", "domain remove relay.test", "domain remove none.test",
    "domain remove lists.test --all", "domain remove other.test", "undo", "undo 3", "undo --dry-run 3", "restore --yes {tmp}/none", "restore --yes {data}/codes", "restore --yes {tmp}/backup.db", "check", "log --last 3", "diff {tmp}/backup.db", "export",
    "copy - sqlite:{tmp}/copied.db", "copy - sqlite:{tmp}/copied.db", "--store sqlite:{tmp}/copied.db export", "--store sqlite:{tmp}/copied.db log --last 3", "--store sqlite:{tmp}/copied.db diff {tmp}/backup.db",
    # --- not a command
    "", "odd", "user", "user odd", "user list --odd", "user list a b", "domain add", "--json domain", "user show",
]

FILES = {
    "empty.jsonl": "",
    "codes": "one  1\ntwo  2\n# three\nthree\n  3\n",
    "odd": "one 1\nthere is no value\nalone\n",
    "some.jsonl": '{"domain":"new.test","kind":"mailbox"}\n'
                  '{"mailbox":"harry@example.com","quota":4096}\n'
                  '{"alias":"post@new.test","targets":["harry@example.com"]}\n',
    "more.jsonl": '{"domain":"more.test","kind":"mailbox"}\n'
                  + "".join('{"mailbox":"u%d@more.test","quota":%d}\n' % (i, i) for i in range(150))
                  + "".join('{"alias":"a%d@more.test","targets":["u%d@more.test","x%d@else.test"]}\n' % (i, i, i) for i in range(150)),
    "people.jsonl": '{"domain":"people.test","kind":"mailbox"}\n'
                    '{"mailbox":"p1@people.test","networks":"192.0.2.5/24","credentials":['
                    '{"hash":"{PLAIN}x"},{"label":" phone ","hash":"{PLAIN}y","networks":"2001:DB8::7/32"}]}\n'
                    '{"mailbox":"p2@people.test","networks":"192.0.2.0/33"}\n',
    "broken.jsonl": '{"domain":"broken.test","kind":"mailbox"}\n{"mailbox":"nobody"}\n{"type":\n',
    "new.csv": "one@example.com,geheim\ntwo@example.com,auch\nbad,x\n",
    "passwd": "pw1:{PLAIN}secret:::::\npw2@example.com:$6$abcdefgh$x:::::\n",
}

# What looks at the host's Postfix and Dovecot: tests/interop asks them.
ELSEWHERE = {"doctor"}

# What every engine may call by its own name, and what is not the same twice.
SAME = [
    (r"\$argon2id\$[\w$+/=,]*", "HASH"),
    (r"\b[a-z2-9]{4}(-[a-z2-9]{4}){3,}\b", "APP-PASSWORD"),
    (r"\{VMAILD-APP\}[\w+/=]*", "APP-HASH"),
    (r"\b2026-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?Z?\b", "TIME"),
    (r"\b20[23]\d-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?Z?\b", "TIME"),
    (r"\b1[789]\d{8}\b", "SECONDS"),
    (r"\b\d+(\.\d+)? ?(ms|s|seconds)\b", "N SECONDS"),
]


class Engine:
    """A site on a store of one engine, and what it calls itself."""

    def __init__(self, env, tmp, store=None):
        os.mkdir(tmp)
        settings = {"store": store} if store else {}
        self.site = Site(env.build, tmp, mail_home="/var/vmail/%d/%n", lookup_deadline=20000,
                         throttle_file=os.path.join(tmp, "throttle"), **settings)
        self.tmp = tmp
        os.makedirs(os.path.join(tmp, "store"), exist_ok=True)
        self.data = os.path.join(os.path.dirname(tmp), "data")
        self.names = sorted([self.site.settings["store"], self.shown(self.site.settings["store"]), str(self.site.tcp[1])],
                            key=len, reverse=True)

    @staticmethod
    def shown(store):
        """As texts call it: nobody's name, no option."""
        if store.startswith("sqlite:"):
            return store.partition(":")[2]
        return re.sub(r"//.*@([^/]*?)/([^?]*).*", lambda m: "//%s/%s" % (re.sub(r":\d+", "", m[1]), m[2]), store)

    def run(self, step, stdin=""):
        words = shlex.split(step.format(tmp=self.tmp, data=self.data))
        done = self.site.ctl_run(*words, stdin=stdin)
        return done.returncode, self.plain(done.stdout), self.plain(done.stderr)

    def plain(self, text):
        for name in self.names:
            text = text.replace(name, "STORE")
        text = text.replace(self.tmp, "TMP").replace(self.data, "DATA")
        for pattern, name in SAME:
            text = re.sub(pattern, name, text)
        return text


@contextlib.contextmanager
def both(env, options=""):
    """(SQLite, PostgreSQL)"""
    with scratch() as tmp, servers(tmp, "one") as found:
        os.mkdir(os.path.join(tmp, "data"))
        for name, text in FILES.items():
            with open(os.path.join(tmp, "data", name), "w") as f:
                f.write(text)
        yield (Engine(env, os.path.join(tmp, "a")), Engine(env, os.path.join(tmp, "b"), uri(found[0], options=options)))


def compare(env, steps):
    wrong = []
    with both(env) as (file, server):
        for step in steps:
            line, stdin = step if isinstance(step, list) else (step, "")
            one, other = file.run(line, stdin), server.run(line, stdin)
            if one != other:
                wrong.append("%s\n  sqlite: %r\n  postgresql: %r" % (line, one, other))
    check(not wrong, "\n".join(wrong))


def same(env):
    compare(env, SCRIPT)


def complete(env):
    """Whoever adds a verb adds it to the script."""
    with scratch() as tmp:
        said = Engine(env, os.path.join(tmp, "a")).site.ctl("help", "--all")
    verbs = {line.split("\t")[1] for line in said.splitlines() if line.startswith("command\t")}
    typed = [step[0] if isinstance(step, list) else step for step in SCRIPT]
    missing = {verb for verb in verbs if not any(re.match(verb + r"\b", line) for line in typed)}
    check_eq(missing, ELSEWHERE)


def register(suite):
    suite.add("engines: one script of verbs, the same words", same)
    suite.add("engines: every verb is in the script", complete)
