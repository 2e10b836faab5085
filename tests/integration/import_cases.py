# SPDX-License-Identifier: ISC
#
# Moving in: the tables and files of other systems (tests/fixtures/import), imported, and then the same recipients
# resolve and the same passwords log in, at the running daemon. Each is tried first without changing anything, and
# done twice: the second time changes nothing.

import contextlib
import grp
import json
import os
import pwd
import shutil
import sqlite3
import subprocess

import postgres_cases
from harness import Auth, Site, Skip, Socketmap, TIMEOUT, check, check_eq, check_in, scratch

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, os.pardir, "fixtures", "import")
DONE, SKIPPED, USAGE = 0, 1, 2
NOT = 1
NOTHING = None


def fixture(*path):
    return os.path.join(FIXTURES, *path)


def answer(client, map, key):
    word, text = client.ask(map, key)
    check_in(word, ("OK", "NOTFOUND"), map, key, text)
    return text if word == "OK" else NOTHING


# What it shows: the steps (arguments of `vmailctl import`; files are fixtures), the code of the last of them, what is
# resolved then (map, key, answer), who logs in (user, password; "!" before it: who does not), what is told.
class Move:
    def __init__(self, folder, *steps, code=DONE, resolves=(), logins=(), told=(), shows=None, counts=None):
        self.folder = folder
        self.steps = steps
        self.code = code
        self.resolves = resolves
        self.logins = logins
        self.told = told
        self.shows = shows or {}
        self.counts = counts


HORSE, UTF8 = "correct horse", "pässwörd"

SEEDS = {
    "the write-up with PostgreSQL and md5()": Move(
        "seeds/postgres-md5", ["--base", "/home/mailboxes", "mail.sql"],
        resolves=[("mailboxes", "foo@yourdomain.tld", "foo@yourdomain.tld"),
                  ("mailboxes", "nobody@yourdomain.tld", NOTHING),
                  ("domains", "yourdomain.tld", "yourdomain.tld"),
                  ("aliases", "postmaster@yourdomain.tld", "foo@yourdomain.tld"),
                  ("aliases", "all@yourdomain.tld", "foo@yourdomain.tld, bar@yourdomain.tld"),
                  ("aliases", "away@yourdomain.tld", "someone@elsewhere.example"),
                  ("transports", "yourdomain.tld", NOTHING),
                  ("transports", "lists.yourdomain.tld", "smtp:[lists.internal.example]")],
        logins=[("foo@yourdomain.tld", "password"), ("bar@yourdomain.tld", UTF8),
                ("!foo@yourdomain.tld", "5f4dcc3b5aa765d61d8327deb882cf99")],
        told=["virtual(8)"]),
    "the write-up with MariaDB and SHA256-CRYPT": Move(
        "seeds/mariadb-sha256", ["maildb.sql"],
        resolves=[("mailboxes", "harry@exec64.co.uk", "harry@exec64.co.uk"),
                  ("aliases", "harry@exec64.co.uk", NOTHING),
                  ("aliases", "anything@exec64.co.uk", "harry@exec64.co.uk"),
                  ("aliases", "postmaster@example.com", "harry@exec64.co.uk"),
                  ("aliases", "o'brien@example.com", "user@example.com"),
                  ("aliases", "anything@example.com", NOTHING),
                  ("domains", "exec64.co.uk", "exec64.co.uk"), ("domains", "example.com", "example.com")],
        logins=[("harry@exec64.co.uk", "plaintext_password"), ("user@example.com", "another one"),
                ("!user@example.com", "plaintext_password")]),
    "the write-up with hash: virtual and a users file": Move(
        "seeds/virtual-users",
        ["--domain", "coldfix.de", "--from", "passwd-file", "users"],
        ["--domain", "coldfix.de", "virtual"], ["--domain", "localhost", "aliases"],
        resolves=[("mailboxes", "thomas@coldfix.de", "thomas@coldfix.de"),
                  ("aliases", "whatever@coldfix.de", "thomas@coldfix.de"),
                  ("aliases", "whatever@coldfix.eu", "thomas@coldfix.de"),
                  ("aliases", "thomas@coldfix.de", NOTHING),
                  ("aliases", "postmaster@localhost", "root@localhost"),
                  ("aliases", "root@localhost", "thomas@localhost"),
                  ("aliases", "thomas@localhost", "thomas@coldfix.de")],
        logins=[("thomas@coldfix.de", "mypassword"), ("!thomas@coldfix.de", "{PLAIN}mypassword")]),
    "the write-up with MySQL, Courier and passwords in the clear": Move(
        "seeds/mysql-courier", ["--passwords", "plain", "domains.tsv", "forwardings.tsv", "users.tsv"],
        ["--from", "postfix-aliases", "--domain", "localhost", "virtual_alias"],
        resolves=[("mailboxes", "cactus@virtualdomain.tld", "cactus@virtualdomain.tld"),
                  ("aliases", "info@virtualdomain.tld", "cactus@virtualdomain.tld"),
                  ("aliases", "sales@virtualdomain.tld", "cactus@virtualdomain.tld, boss@elsewhere.example"),
                  ("aliases", "any@virtualdomain.tld", "cactus@virtualdomain.tld"),
                  ("aliases", "pear@virtualdomain.tld", NOTHING),
                  ("aliases", "abuse@localhost", "postmaster@localhost"),
                  ("aliases", "root@localhost", "cactus@virtualdomain.tld")],
        logins=[("cactus@virtualdomain.tld", "secret"), ("pear@virtualdomain.tld", "opuntia ficus")],
        shows={"cactus@virtualdomain.tld": {"quota": 20971520}, "pear@virtualdomain.tld": {"quota": 10000000}}),
    "the same with ENCRYPT()": Move(
        "seeds/mysql-courier", ["--passwords", "crypt", "users=users-crypt.tsv"],
        resolves=[("mailboxes", "cactus@virtualdomain.tld", "cactus@virtualdomain.tld")],
        logins=[("cactus@virtualdomain.tld", "secret"), ("!cactus@virtualdomain.tld", "abNANd1rDfiNc")]),
    "the write-up with flat files": Move(
        "seeds/flat-files", ["--base", "/var/vmail", "vmailbox"], ["users"], ["--domain", "6x9.fr", "virtual"],
        resolves=[("mailboxes", "moul@6x9.fr", "moul@6x9.fr"), ("domains", "b.6x9.fr", "b.6x9.fr"),
                  ("alias-domains", "old.6x9.fr", "old.6x9.fr"),
                  ("aliases", "postmaster@6x9.fr", "moul@6x9.fr"),
                  ("aliases", "contact@6x9.fr", "moul@6x9.fr, guest@b.6x9.fr"),
                  ("aliases", "x@b.6x9.fr", "moul@6x9.fr"), ("aliases", "guest@b.6x9.fr", NOTHING),
                  ("aliases", "m@old.6x9.fr", "moul@6x9.fr"), ("aliases", "n@old.6x9.fr", NOTHING)],
        logins=[("moul@6x9.fr", "for frak sake"), ("guest@b.6x9.fr", "guest")],
        shows={"moul@6x9.fr": {"quota": 1 << 30, "home": "/var/vmail/6x9.fr/moul"}}),
}

SYSTEMS = {
    "PostfixAdmin": Move(
        "postfixadmin", ["--base", "/var/vmail", "postfix.sql"], code=SKIPPED,
        resolves=[("mailboxes", "anna@pfa.test", "anna@pfa.test"), ("mailboxes", "bert@pfa.test", NOTHING),
                  ("mailboxes", "y@dead.test", NOTHING), ("aliases", "x@dead.test", NOTHING),
                  ("aliases", "anna@pfa.test", NOTHING), ("aliases", "info@pfa.test", "anna@pfa.test, bert@pfa.test"),
                  ("aliases", "copy@pfa.test", "copy@pfa.test, copy@elsewhere.example"),
                  ("aliases", "any@pfa-catch.test", "anna@pfa.test"), ("aliases", "off@pfa.test", NOTHING),
                  ("aliases", "info@pfa-alias.test", "info@pfa.test"), ("alias-domains", "pfa-off.test", NOTHING),
                  ("relay-domains", "backup.test", "backup.test"), ("domains", "ALL", NOTHING),
                  ("transports", "backup.test", "smtp:[mx.backup.test]")],
        logins=[("anna@pfa.test", HORSE), ("away@pfa.test", HORSE), ("!bert@pfa.test", HORSE),
                ("!copy@pfa.test", HORSE), ("!y@dead.test", HORSE)],
        told=["mailbox:79: skipped: 'copy@pfa.test' comes without a password: the scheme '{CRAM-MD5}'",
              "alias:28: note: 'away@pfa.test' has an absence message"],
        shows={"anna@pfa.test": {"quota": 1 << 30, "state": "active", "created": "2020-02-29T12:00:00Z"},
               "bert@pfa.test": {"state": "suspended"}, "mute@pfa.test": {"state": "receive-only"},
               "y@dead.test": {"state": "suspended"}}),
    "mailcow": Move(
        "mailcow", ["mailcow.sql"], code=SKIPPED,
        resolves=[("mailboxes", "moo@cow.test", "moo@cow.test"), ("mailboxes", "room@cow.test", NOTHING),
                  ("mailboxes", "bull@cow.test", "bull@cow.test"), ("mailboxes", "calf@cow.test", NOTHING),
                  ("aliases", "moo@cow.test", NOTHING), ("aliases", "team@cow.test", "moo@cow.test, bull@cow.test"),
                  ("aliases", "closed@cow.test", NOTHING), ("aliases", "other@cow.test", "moo@cow.test"),
                  ("aliases", "tmp.x@cow.test", "moo@cow.test"), ("aliases", "keep.x@cow.test", "moo@cow.test"),
                  ("aliases", "team@cow-alias.test", "team@cow.test"),
                  ("relay-domains", "far.test", "far.test"), ("transports", "far.test", "smtp:[mx.far.test]:25"),
                  ("senders", "sales@cow.test", "moo@cow.test, bull@cow.test"),
                  ("sender-bcc", "moo@cow.test", "archive@cow.test"),
                  ("recipient-bcc", "bull@cow.test", "archive@cow.test"),
                  ("recipient-canonical", "old@cow.test", "moo@cow.test"),
                  ("tls-policy", "bank.test", "secure match=mx.bank.test"), ("transports", "paid.test", NOTHING)],
        logins=[("moo@cow.test", HORSE), ("!moo@cow.test", UTF8), ("!bull@cow.test", HORSE), ("!calf@cow.test", HORSE)],
        told=["'trash@cow.test' leads to 'null@localhost'", "may send as anybody", "smtp_sasl_password_maps",
              "'bull@cow.test' gets mail but may not log in", "good for no mail at all"],
        shows={"moo@cow.test": {"quota": 3221225472}, "bull@cow.test": {"state": "receive-only", "password": False},
               "calf@cow.test": {"state": "suspended"}}),
    "Mail-in-a-Box": Move(
        "mailinabox", ["users.sqlite"],
        resolves=[("mailboxes", "me@box.test", "me@box.test"), ("aliases", "info@box.test", "me@box.test, you@box.test"),
                  ("aliases", "any@second.test", "me@box.test"), ("aliases", "news@box.test", NOTHING),
                  ("aliases", "postmaster@box.test", "administrator@box.test"),
                  ("aliases", "me@www.box.test", "me@box.test"),
                  ("senders", "news@box.test", "you@box.test"), ("alias-domains", "second.test", "second.test")],
        logins=[("me@box.test", HORSE), ("you@box.test", HORSE)],
        shows={"you@box.test": {"quota": 5 << 30}, "me@box.test": {"quota": None}}),
    "Mailu": Move(
        "mailu", ["main.sqlite"],
        resolves=[("mailboxes", "ada@lu.test", "ada@lu.test"), ("aliases", "ada@lu.test", NOTHING),
                  ("aliases", "bob@lu.test", "bob@elsewhere.example, ada@lu.test, bob@lu.test"),
                  ("aliases", "press@lu.test", "ada@lu.test, bob@lu.test"),
                  ("aliases", "shop-books@lu.test", "ada@lu.test"), ("aliases", "shop@lu.test", NOTHING),
                  ("aliases", "any@bücher.test", "ada@lu.test"),
                  ("aliases", "press@lu-alias.test", "press@lu.test"),
                  ("relay-domains", "relayed.test", "relayed.test"), ("relay-domains", "by-mx.test", "by-mx.test"),
                  ("transports", "relayed.test", "smtp:[mx.relayed.test]:2525"), ("transports", "by-mx.test", NOTHING)],
        logins=[("ada@lu.test", "password"), ("ada@lu.test", "app pass"), ("bob@lu.test", HORSE), ("!gone@lu.test", "password")],
        told=["'bob@lu.test': mail fetched from elsewhere"],
        shows={"ada@lu.test": {"quota": 1000000000, "created": "2021-05-07T00:00:00Z"},
               "gone@lu.test": {"state": "suspended"}}),
    "Modoboa": Move(
        "modoboa", ["modoboa.sql"],
        resolves=[("mailboxes", "mia@boa.test", "mia@boa.test"), ("mailboxes", "robot@boa.test", NOTHING),
                  ("aliases", "mia@boa.test", NOTHING), ("aliases", "all@boa.test", "mia@boa.test, out@elsewhere.example"),
                  ("aliases", "fwd@boa.test", "fwd@boa.test, fwd@elsewhere.example"),
                  ("aliases", "any@boa.test", NOTHING), ("aliases", "all@boa-alias.test", "all@boa.test"),
                  ("relay-domains", "relay.boa.test", "relay.boa.test"),
                  ("transports", "relay.boa.test", "relay:[mx.relay.test]:25"),
                  ("senders", "boss@boa.test", "mia@boa.test")],
        logins=[("mia@boa.test", HORSE), ("fwd@boa.test", HORSE), ("!left@boa.test", HORSE)],
        shows={"mia@boa.test": {"quota": 50 << 20}, "robot@boa.test": {"state": "send-only"},
               "left@boa.test": {"state": "suspended"}}),
    "ViMbAdmin": Move(
        "vimbadmin", ["vimbadmin.sql"],
        resolves=[("mailboxes", "a@vim.test", "a@vim.test"), ("mailboxes", "d@vim.test", NOTHING),
                  ("aliases", "c@vim.test", "a@vim.test, out@elsewhere.example"), ("aliases", "any@vim.test", NOTHING)],
        logins=[("a@vim.test", HORSE), ("!b@vim.test", HORSE)],
        told=["to be deleted"],
        shows={"a@vim.test": {"home": "/srv/vmail/vim.test/a", "quota": 1 << 30}, "b@vim.test": {"state": "suspended"}}),
    "iRedMail": Move(
        "iredmail", ["vmail.sql"],
        resolves=[("mailboxes", "rosa@red.test", "rosa@red.test"), ("aliases", "rosa@red.test", NOTHING),
                  ("aliases", "rudi@red.test", "rudi@red.test, rudi@elsewhere.example"),
                  ("aliases", "staff@red.test", "rosa@red.test, rudi@red.test"),
                  ("aliases", "r@red.test", "rosa@red.test"), ("aliases", "any@red.test", "rosa@red.test"),
                  ("aliases", "open@red.test", NOTHING), ("aliases", "r@red-alias.test", "r@red.test"),
                  ("relay-domains", "spare.test", "spare.test"), ("transports", "spare.test", "relay:[192.0.2.1]:25"),
                  ("sender-bcc", "rudi@red.test", "rosa@red.test"), ("recipient-bcc", "x@red.test", "archive@red.test"),
                  ("relayhosts", "x@red.test", "[smtp.relay.test]:587")],
        logins=[("rosa@red.test", HORSE)],
        told=["mailing list of mlmmj", "'gone@elsewhere.example', to which 'staff@red.test' led, is switched off"],
        shows={"rosa@red.test": {"quota": 1 << 30, "home": "/var/vmail/vmail1/red.test/r/o/s/rosa-2022.01.01.00.00.00"},
               "rudi@red.test": {"state": "receive-only"}}),
    "docker-mailserver": Move(
        "docker-mailserver", ["postfix-accounts.cf", "postfix-virtual.cf", "dovecot-quotas.cf", "postfix-send-access.cf",
                              "postfix-receive-access.cf", "postfix-relaymap.cf", "postfix-regexp.cf"],
        resolves=[("mailboxes", "dora@dms.test", "dora@dms.test"), ("mailboxes", "deaf@dms.test", NOTHING),
                  ("aliases", "info@dms.test", "dora@dms.test, dirk@dms.test"),
                  ("aliases", "list@dms.test", "dora@dms.test, dirk@elsewhere.example"),
                  ("aliases", "any@second.test", "dora@dms.test"),
                  ("relayhosts", "dora@dms.test", "[smtp.relay.test]:587")],
        logins=[("dora@dms.test", HORSE), ("dirk@dms.test", HORSE)],
        told=["postfix-regexp.cf: note: not carried over"],
        shows={"dora@dms.test": {"quota": 5 << 30}, "mute@dms.test": {"state": "receive-only"},
               "deaf@dms.test": {"state": "send-only"}}),
}


def make_database(folder, name, tmp):
    """The SQLite file NAME out of its dump, which is the fixture."""
    path = os.path.join(tmp, name)
    with open(os.path.join(folder, name.replace(".sqlite", ".sql"))) as dump:
        with sqlite3.connect(path) as db:
            db.executescript(dump.read())
    return path


def with_files(move, step, tmp):
    """The arguments of a step with the paths of its files."""
    folder = fixture(*move.folder.split("/"))
    out = []
    for word in step:
        name = word.rpartition("=")[2]
        if name.endswith(".sqlite"):
            word = make_database(folder, name, tmp) if not os.path.exists(os.path.join(tmp, name)) \
                else os.path.join(tmp, name)
        elif os.path.isfile(os.path.join(folder, name)) and not word.startswith("-"):
            word = word[:len(word) - len(name)] + os.path.join(folder, name)
        out.append(word)
    return out


def summary(done):
    return json.loads(done.stdout.splitlines()[-1])


def run_steps(site, move, tmp):
    told = ""
    for number, step in enumerate(move.steps):
        last = number == len(move.steps) - 1
        arguments = with_files(move, step, tmp)
        before = site.ctl("--json", "log")
        tried = site.ctl_run("--json", "import", "--dry-run", *arguments)
        check_eq(site.ctl("--json", "log"), before, "a dry run changed something")
        done = site.ctl_run("import", *arguments)
        check_eq(done.returncode, move.code if last else DONE, step, done.stdout, done.stderr)
        told += done.stderr
        foreseen = summary(tried)
        check_eq(done.stdout, "%(added)d added, %(changed)d changed, %(same)d the same, %(skipped)d skipped, "
                 "%(notes)d %%s\n" % foreseen % ("note" if foreseen["notes"] == 1 else "notes"), step)
        changes = [json.loads(line) for line in tried.stdout.splitlines() if '"change"' in line]
        check_eq(len(changes), foreseen["added"] + foreseen["changed"], "lines of a dry run", step)
    return told


def run_again(site, move, tmp):
    before = site.ctl("--json", "log")
    for step in move.steps:
        done = site.ctl_run("--json", "import", *with_files(move, step, tmp))
        again = summary(done)
        check_eq((again["added"], again["changed"]), (0, 0), "the second time", step, done.stdout)
    check_eq(site.ctl("--json", "log"), before, "the second time left a line in the log")


def look_at_mailboxes(site, move):
    for address, fields in move.shows.items():
        row = json.loads(site.ctl("--json", "user", "show", address))
        for field, expected in fields.items():
            check_eq(row[field], expected, address, field)


def ask_daemon(site, move):
    with site.start():
        with Socketmap(site.maps) as client:
            for map, key, expected in move.resolves:
                check_eq(answer(client, map, key), expected, map, key)
        with Auth(site.auth) as client:
            for user, password in move.logins:
                reply = client.plain(user.lstrip("!"), password)
                check_eq(reply.word, "FAIL" if user.startswith("!") else "OK", user)


def move_in(env, move):
    with scratch() as tmp:
        site = Site(env.build, tmp, failure_delay=0)
        site.init()
        told = run_steps(site, move, tmp)
        for text in move.told:
            check_in(text, told)
        for map, key, expected in move.resolves[:3]:
            done = site.ctl_run("lookup", map, key)
            check_eq(done.stdout.rstrip("\n") or NOTHING, expected, "vmailctl lookup", map, key)
        look_at_mailboxes(site, move)
        run_again(site, move, tmp)
        ask_daemon(site, move)


# --- what else an admin meets ---------------------------------------------------------------------

def import_text(site, name, text, *arguments, tmp):
    path = os.path.join(tmp, name)
    with open(path, "w") as file:
        file.write(text)
    return site.ctl_run("import", *arguments, path)


def unknown_passwords(env):
    """Nothing is stored that could never be verified, and nothing of a password is shown."""
    rows = {
        "{CRAM-MD5}38b57fd1a0c4b46c814aa05f20318edd": "'{CRAM-MD5}' is not known",
        "{SHA512-CRYPT}$6$salt$short": "malformed",
        "$2y$16$JrhTnT9zaTSmJLfE0o/zQO0qTCcm039h26mRY6ZIkyyz.eY/9cC2a": "costs more",
        "hunter2": "form of this password is not known",
        "{ROT13}uhagre2": "'{ROT13}' is not known",
    }
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init("example.com")
        text = "email\tpassword\n" + "".join("u%d@example.com\t%s\n" % (i, p) for i, p in enumerate(rows))
        done = import_text(site, "users.tsv", text, tmp=tmp)
        check_eq(done.returncode, SKIPPED, done.stderr)
        for i, (password, why) in enumerate(rows.items()):
            lines = [line for line in done.stderr.splitlines() if ".tsv:%d: skipped" % (i + 2) in line]
            check_eq(len(lines), 1, password, done.stderr)
            check_in(why, lines[0])
            check("hunter2" not in lines[0] and "uhagre2" not in lines[0] and "38b57" not in lines[0], lines)
            check_eq(json.loads(site.ctl("--json", "user", "show", "u%d@example.com" % i))["password"], False)


def strict(env):
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        text = "email,password\ngood@example.com,{PLAIN}x\nno address,{PLAIN}x\n"
        done = import_text(site, "users.csv", text, "--strict", tmp=tmp)
        check_eq(done.returncode, SKIPPED, done.stdout, done.stderr)
        check_in("nothing was changed", done.stderr)
        check_in("2 would be added", done.stdout)
        check_eq(json.loads(site.ctl("--json", "domain", "list")), [])
        done = import_text(site, "users.csv", text, tmp=tmp)
        check_eq(done.returncode, SKIPPED)
        check_eq(site.ctl("user", "list", "--names"), "good@example.com\n")


def merge(env):
    """A second import changes what its source says, and leaves what was made here."""
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        import_text(site, "users.csv", "email,password,quota\na@example.com,{PLAIN-MD5}"
                    "3cb4e732631f47e6eb961f34554b7cde,1G\n", tmp=tmp)
        site.ctl("user", "state", "a@example.com", "receive-only")
        done = import_text(site, "users.csv", "email,quota\na@example.com,2G\n", tmp=tmp)
        check_eq((done.returncode, done.stdout.split(",")[1]), (DONE, " 1 changed"), done.stderr)
        row = json.loads(site.ctl("--json", "user", "show", "a@example.com"))
        check_eq((row["quota"], row["state"], row["password"]), (2 << 30, "receive-only", True))


def clear_passwords(env):
    """They are hashed, unless the admin wants them kept; --dry-run hashes nothing it would keep."""
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        text = "".join("u%d@example.com:{PLAIN}secret %d\n" % (i, i) for i in range(20))
        done = import_text(site, "users", text, tmp=tmp)
        check_eq(done.returncode, DONE, done.stderr)
        with sqlite3.connect(site.store) as db:
            hashes = [row[0] for row in db.execute("SELECT hash FROM credential")]
        check_eq((len(hashes), len(set(hashes))), (20, 20))
        check(all(h.startswith("{ARGON2ID}") for h in hashes), hashes[:2])
        check_eq(import_text(site, "users", text, tmp=tmp).stdout.split(",")[1], " 0 changed")
        done = import_text(site, "users", text.replace("secret", "other"), "--keep-clear", tmp=tmp)
        check_eq(done.stdout.split(",")[1], " 20 changed", done.stderr)
        with sqlite3.connect(site.store) as db:
            check_eq(db.execute("SELECT hash FROM credential WHERE mailbox = 'u7@example.com'").fetchall(),
                     [("{PLAIN}other 7",)])


def extra_fields(env):
    """What a passwd-file says behind the home, in Dovecot's words; and rows that say too little."""
    row = "%s@example.com:{PLAIN-MD5}3cb4e732631f47e6eb961f34554b7cde::::::%s\n"
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        done = import_text(site, "users", "".join([
            row % ("a", "userdb_quota_rule=*:bytes=1048576 userdb_home=/srv/a allow_nets=192.0.2.5/24,192.0.3.1 "
                        "userdb_uid=5001 userdb_gid=5002"),
            row % ("b", "userdb_quota_storage_size=2097152"),
            row % ("c", "userdb_home=c/relative"),
            row % ("e", "userdb_uid=nobody userdb_gid=%s" % grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name),
        ]), tmp=tmp)
        check_eq(done.returncode, DONE, done.stderr)
        a, b = (json.loads(site.ctl("--json", "user", "show", n + "@example.com")) for n in "ab")
        check_eq((a["quota"], a["home"], a["uid"], a["gid"], b["quota"]), (1 << 20, "/srv/a", 5001, 5002, 2 << 20), a)
        check_in("users:1: note: networks '192.0.2.5/24,192.0.3.1' of 'a@example.com' are kept as '192.0.2.0/24,192.0.3.1'",
                 done.stderr)
        nobody, e = pwd.getpwnam("nobody"), json.loads(site.ctl("--json", "user", "show", "e@example.com"))
        check_eq((e["uid"], e["gid"]), (nobody.pw_uid, nobody.pw_gid))
        check_eq(a["networks"], "192.0.2.0/24,192.0.3.1")
        done = import_text(site, "users.csv", "email,clear\nd@example.com,secret d\n,secret e\n", tmp=tmp)
        check_eq(done.returncode, SKIPPED, done.stderr)
        check_in("users.csv:3: skipped: there is no address in it", done.stderr)
        check_eq(json.loads(site.ctl("--json", "user", "show", "d@example.com"))["password"], True)


def alias_domains(env):
    """Domains of a table: one that stands for another, and one that has aliases only."""
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init("example.com")
        text = "domain,type,target_domain\nexample.net,,example.com\nexample.org,alias,\n"
        done = import_text(site, "domains.csv", text, "--from", "tables", tmp=tmp)
        check_eq(done.returncode, DONE, done.stdout, done.stderr)
        check_eq(json.loads(site.ctl("--json", "domain", "show", "example.net"))["target"], "example.com")
        check_eq(json.loads(site.ctl("--json", "domain", "show", "example.org"))["kind"], "alias")


def one_login_for_two_domains(env):
    """As docs/moving-from/virtual-and-users-file.md has it; and what is said when it is done too late."""
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        users, virtual = fixture("seeds", "virtual-users", "users"), fixture("seeds", "virtual-users", "virtual")
        site.ctl("import", "--domain", "coldfix.de", "--from", "passwd-file", users)
        site.ctl("domain", "add", "coldfix.eu", "--target", "coldfix.de")
        done = site.ctl_run("import", "--domain", "coldfix.de", virtual)
        check_eq(done.returncode, SKIPPED, done.stdout)
        check_in("'coldfix.eu' stands for 'coldfix.de'", done.stderr)
        check_eq(site.ctl("lookup", "aliases", "thomas@coldfix.eu").strip(), "thomas@coldfix.de")
        check_eq(site.ctl("lookup", "aliases", "any@coldfix.de").strip(), "thomas@coldfix.de")
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        site.ctl("import", "--domain", "coldfix.de", "--from", "passwd-file", users)
        site.ctl("import", "--domain", "coldfix.de", virtual)
        done = site.ctl_run("domain", "add", "coldfix.eu", "--target", "coldfix.de")
        check_eq(done.returncode, NOT, done.stdout)
        check_in("`vmailctl domain remove --all`", done.stderr)
        site.ctl("--yes", "domain", "remove", "coldfix.eu", "--all")
        site.ctl("domain", "add", "coldfix.eu", "--target", "coldfix.de")


def transports_of_mailboxes(env):
    """A transport for a domain with mailboxes is carried over, and said to keep the mail from them."""
    with open(fixture("seeds", "postgres-md5", "mail.sql")) as f:
        text = f.read().replace("yourdomain.tld\t500\tvirtual:", "yourdomain.tld\t500\tlmtp:unix:private/other")
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        done = import_text(site, "mail.sql", text, "--base", "/home/mailboxes", tmp=tmp)
        check_eq(done.returncode, DONE, done.stderr)
        check_in("`vmailctl map unset transports yourdomain.tld`", done.stderr)
        check_eq(done.stderr.count("virtual_transport"), 1, done.stderr)
        check_eq(site.ctl("lookup", "transports", "root@yourdomain.tld").strip(), "lmtp:unix:private/other")
        site.ctl("map", "unset", "transports", "yourdomain.tld")


def system_users(env):
    """As docs/moving-from/postgresql-tables.md has it: one domain for mailboxes and users of the host."""
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        site.ctl("import", "--base", "/home/mailboxes", fixture("seeds", "postgres-md5", "mail.sql"))
        site.ctl("domain", "add", "localhost", "--kind", "local")
        site.ctl("alias", "add", "vincent@yourdomain.tld", "vincent@localhost")
        site.ctl("alias", "add", "admin@yourdomain.tld", "vincent@yourdomain.tld")
        check_eq(site.ctl("lookup", "aliases", "vincent@yourdomain.tld").strip(), "vincent@localhost")
        told = site.ctl("explain", "admin@yourdomain.tld")
        check_in("delivered", told.splitlines()[-1], told)
        check("leaves this host" not in told, told)


def names_of_the_host(env):
    """As docs/moving-from/mysql-and-courier.md has it: a name alone is asked for at domains of the kind local."""
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        site.ctl("import", "--from", "postfix-aliases", "--domain", "localhost",
                 fixture("seeds", "mysql-courier", "virtual_alias"))
        check_eq(site.ctl("lookup", "aliases", "root@localhost").strip(), "cactus@virtualdomain.tld")
        check_eq(site.ctl_run("lookup", "aliases", "root@nospam.net").returncode, NOT)
        site.ctl("domain", "add", "nospam.net", "--kind", "local")
        check_eq(site.ctl("lookup", "aliases", "root@nospam.net").strip(), "cactus@virtualdomain.tld")


def refusals(env):
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        done = site.ctl_run("import", os.path.join(tmp, "missing"))
        check_eq(done.returncode, 75, done.stderr)
        done = site.ctl_run("import", "--from", "postfixadmni", "x")
        check_eq(done.returncode, USAGE)
        check_in("did you mean 'postfixadmin'", done.stderr)
        check_eq(site.ctl_run("import", "--from", "postfix-map", "x").returncode, USAGE)
        done = import_text(site, "whatever", "one two\nthree four\n", tmp=tmp)
        check_eq(done.returncode, SKIPPED)
        check_in("--from", done.stderr)
        done = import_text(site, "broken.sql", "CREATE TABLE mailbox (username text", "--from", "postfixadmin", tmp=tmp)
        check_eq(done.returncode, SKIPPED, done.stdout, done.stderr)
        done = import_text(site, "users.sql", "INSERT INTO users (email, password) VALUES "
                           "('a@example.com', md5('x')), (lower('B@example.com'), 'y');", tmp=tmp)
        check_eq(done.returncode, SKIPPED, done.stdout, done.stderr)
        check_in("'a@example.com' comes without a password: it is computed", done.stderr)
        check_in("its 'email' is computed", done.stderr)


def postfix_tables(env):
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init("example.com")
        done = import_text(site, "transport", "example.org\tsmtp:[mx.example.org]\n.example.org smtp:[mx.example.org]\n"
                           "example.org other:\nno-value\n*  smtp:[out.example.com]\n", tmp=tmp)
        check_eq(done.returncode, SKIPPED)
        check_in("transport:3: skipped: the key 'example.org' is in line 1 already", done.stderr)
        check_in("transport:4: skipped: there is no value", done.stderr)
        check_eq(site.ctl("lookup", "transports", "a.example.org"), "smtp:[mx.example.org]\n")
        check_eq(site.ctl("lookup", "transports", "*"), "smtp:[out.example.com]\n")
        done = import_text(site, "access", "spam.example REJECT\n", "--from", "postfix-map", "--map", "sender-access",
                           tmp=tmp)
        check_eq(done.returncode, DONE, done.stderr)
        check_eq(site.ctl("lookup", "sender-access", "a@spam.example"), "REJECT\n")
        done = import_text(site, "virtual", "a@example.com\tb@example.com\na@example.com c@example.com\n"
                           "/^x/ a@example.com\n@example.com a@example.com\nsup@example.com |cmd, b@example.com\n", tmp=tmp)
        check_in("virtual:2: skipped: 'a@example.com' is in line 1 already", done.stderr)
        check_in("virtual:3: skipped: '/^x/' is a regular expression", done.stderr)
        check_in("virtual:5: skipped: 'sup@example.com' leads to '|cmd", done.stderr)
        check_eq(site.ctl("lookup", "aliases", "a@example.com"), "b@example.com\n")


def own_lines(env):
    """What was exported is what is imported; a line that cannot be is named, and the others count."""
    with scratch() as tmp, scratch() as other:
        one, two = Site(env.build, tmp), Site(env.build, other)
        one.init()
        two.init()
        one.ctl("import", with_files(SYSTEMS["iRedMail"], ["vmail.sql"], tmp)[0])
        text = one.ctl("export")
        objects = len(text.splitlines()) - 1
        done = import_text(two, "all.jsonl", text, "--dry-run", tmp=tmp)
        check_eq((done.returncode, done.stdout.count("\n+ ") + 1), (DONE, objects), done.stdout, done.stderr)
        check_in("%d would be added, 0 would be changed, 0 the same" % objects, done.stdout)
        check_in("%d added" % objects, import_text(two, "all.jsonl", text, tmp=tmp).stdout)
        check_eq(two.ctl("export"), text)
        text = text.replace('"quota":1073741824', '"quota":7') + '{"mailbox":7}\n{"mailbox":"x@nowhere.test"}\n'
        done = import_text(two, "all.jsonl", text, "--dry-run", tmp=tmp)
        check_eq(done.returncode, SKIPPED)
        check_in("~ user rosa@red.test: quota 1073741824 -> 7  (", done.stdout)
        check_in("all.jsonl:%d: skipped: 'mailbox' must be a text" % (objects + 2), done.stderr)
        check_in("all.jsonl:%d: skipped: domain 'nowhere.test'" % (objects + 3), done.stderr)


def stores_are_no_tables(env):
    """A backup, or a store, has what tables of others have no columns for: it is sent to where it belongs."""
    with scratch() as tmp, scratch() as other:
        one, two = Site(env.build, tmp), Site(env.build, other)
        one.init("a.example", users={"u@a.example": "alohomora"}, aliases={"info@a.example": ["u@a.example"]})
        one.ctl("domain", "add", "b.example", "--target", "a.example")
        two.init()
        backup = os.path.join(tmp, "bk.db")
        one.ctl("backup", backup)
        for site in (one, two):
            before = site.ctl("export"), site.ctl("log")
            for file in (backup, one.store):
                for options in ((), ("--from", "vmaild"), ("--from", "tables"), ("--dry-run",)):
                    done = site.ctl_run("import", *options, file)
                    check_eq((done.returncode, done.stdout, done.stderr.count("\n")), (NOT, "", 1), done.stderr)
                    check_in("'%s' is a store of vmaild's: `vmailctl restore`" % file, done.stderr)
            check_eq((site.ctl("export"), site.ctl("log")), before)
        with open(backup, "rb") as f:
            done = subprocess.run([two.program("vmailctl"), "-c", two.conf, "import", "-"], stdin=f,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
        check_eq(done.returncode, NOT, done.stderr)
        check_in("which can only be read as a file", done.stderr)
        foreign = os.path.join(tmp, "other.db")
        with contextlib.closing(sqlite3.connect(foreign)) as db:
            db.execute("CREATE TABLE users (email TEXT)")
        done = two.ctl_run("import", "--from", "vmaild", foreign)
        check_eq((done.returncode, done.stderr.count("\n")), (NOT, 1), done.stderr)
        check_in("'%s' is a database" % foreign, done.stderr)
        # the way that is told of
        two.ctl("apply", backup)
        check_eq(two.ctl("diff", backup), "")


def strange_texts(env):
    """What a source is told of by cannot be lost for its bytes, nor speak to the terminal."""
    text = b'source,destination\na@b.example,"""|/bin/\x1b]0;owned\x07\xc2\x9b1m"""\n' \
           b'b@b.example,"""|/bin/\xfcx"""\nc@b.example,"""|x' + "ü".encode() * 400 + b'"""\n'
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        path = os.path.join(os.fsencode(tmp), b"al\x1bias\xfc.csv")
        with open(path, "wb") as file:
            file.write(text)
        arguments = [os.fsencode(site.program("vmailctl")), b"-c", os.fsencode(site.conf), b"import", b"--from", b"tables",
                     b"aliases=" + path]
        done = subprocess.run(arguments, capture_output=True)
        check_eq((done.returncode, done.stderr.count(b"skipped: ")), (SKIPPED, 3), done.stderr)
        check(not [byte for byte in done.stderr if byte < 32 and byte != 10 or byte == 127], done.stderr)
        check_in("al?ias?.csv:2: skipped: 'a@b.example' leads to '\"|/bin/?]0;owned??1m\"'", done.stderr.decode())
        done = subprocess.run(arguments[:3] + [b"--json"] + arguments[3:] + [b"--strict"], capture_output=True)
        lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
        check_eq([line.get("remark") for line in lines], ["skipped"] * 3 + [None], done.stdout)
        check_in("'b@b.example' leads to '\"|/bin/?x\"'", lines[1]["reason"])
        check_in('"|x' + "ü" * 98 + "?'", lines[2]["reason"])
        check_in("would have been skipped", done.stderr.decode())


def newer_dump(env):
    """What was ended in the source since the first import ends here too, and what it does not speak of stays."""
    def dump(goto, forward, active, networks, note, quota):
        return """
            CREATE TABLE domain (domain text); INSERT INTO domain VALUES ('x.example');
            CREATE TABLE alias_domain (alias_domain text, target_domain text, active int);
            INSERT INTO alias_domain VALUES ('al.example', 'x.example', %(active)d);
            CREATE TABLE mailbox (username text, allow_nets text, quota int, storagenode text);
            INSERT INTO mailbox VALUES ('a@x.example', %(networks)s, %(quota)s, NULL), ('b@x.example', NULL, 1, NULL);
            CREATE TABLE alias (address text, name text);
            INSERT INTO alias VALUES ('list@x.example', %(note)s);
            CREATE TABLE forwardings (address text, forwarding text, is_forwarding int);
            INSERT INTO forwardings VALUES ('a@x.example', 'a@x.example', 1)%(goto)s, ('b@x.example', 'b@x.example', 1);
            %(forward)s
            CREATE TABLE recipient_bcc_user (username text, bcc_address text, active int);
            INSERT INTO recipient_bcc_user VALUES ('a@x.example', 'boss@y.example', %(active)d);""" % locals()

    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.init()
        done = import_text(site, "x.sql", dump(
            ", ('a@x.example', 'spy@y.example', 1)", "INSERT INTO forwardings VALUES ('list@x.example', 'b@x.example', 1);",
            1, "'10.0.0.0/8'", "'our list'", "7"), tmp=tmp)
        check_eq((done.returncode, done.stderr), (DONE, ""))
        site.ctl("alias", "add", "b@x.example", "b@x.example", "mine@y.example")
        site.ctl("alias", "add", "own@x.example", "a@x.example")
        newer = dump("", "", 0, "NULL", "NULL", "NULL")
        tried = import_text(site, "x.sql", newer, "--dry-run", tmp=tmp)
        check_in("- alias a@x.example  (", tried.stdout)
        done = import_text(site, "x.sql", newer, tmp=tmp)
        check_eq(done.returncode, DONE, done.stderr)
        # the alias of b goes too: of its forwards the source speaks as well
        check_in("0 added, 1 changed, 5 removed, 2 the same, 0 skipped", done.stdout)
        check_eq(site.ctl_run("lookup", "aliases", "a@x.example").stdout, "")
        check_eq(site.ctl("alias", "list", "--names"), "own@x.example\n")
        check_eq(site.ctl_run("lookup", "recipient-bcc", "a@x.example").stdout, "")
        check_eq(site.ctl_run("lookup", "alias-domains", "al.example").stdout, "")
        row = json.loads(site.ctl("--json", "user", "show", "a@x.example"))
        check_eq((row["networks"], row["quota"]), (None, None), row)
        check_in("0 added, 0 changed, 3 the same", import_text(site, "x.sql", newer, tmp=tmp).stdout)
        site.ctl("undo", "--yes")
        check_eq(site.ctl("lookup", "aliases", "a@x.example"), "a@x.example, spy@y.example\n")


def tables_of_postgres(env):
    """What pg_dump itself writes, whatever it has come to put around it."""
    with postgres_cases.server() as uri, scratch() as tmp:
        postgres_cases.sql(uri, "CREATE DATABASE theirs")
        postgres_cases.sql(uri, """
            CREATE TABLE users (email text, home text);
            CREATE TABLE aliases (id int GENERATED ALWAYS AS IDENTITY, source text, destination text, note text);
            CREATE FUNCTION greet() RETURNS text LANGUAGE sql AS $_$ SELECT 'INSERT INTO aliases (' || $1 $_$;
            INSERT INTO users VALUES ('ox@example.com', E'/home/it\\'s\\\\slash'), ('null@example.com', NULL);
            INSERT INTO aliases (source, destination, note) VALUES
                ('info@example.com', 'null@example.com', E'two\\nlines\\tand \\f more'),
                ('dot@example.com', 'null@example.com', E'\\\\.')""".replace("$1", "''"), "theirs")
        for options in ((), ("--inserts",), ("--column-inserts",)):
            folder = os.path.join(tmp, "site" + "".join(options))
            os.mkdir(folder)
            site = Site(env.build, folder)
            site.init()
            dump = subprocess.run(["pg_dump", *options, uri.partition(":")[2] + " dbname=theirs"],
                                  capture_output=True, text=True)
            check_eq(dump.returncode, 0, dump.stderr)
            done = import_text(site, "theirs.sql", dump.stdout, tmp=tmp)
            check_eq((done.returncode, done.stderr), (DONE, ""), options, dump.stdout)
            check_in("5 added", done.stdout)
            row = json.loads(site.ctl("--json", "user", "show", "ox@example.com"))
            check_eq(row["home"], "/home/it's\\slash")
            notes = [json.loads(site.ctl("--json", "alias", "show", name + "@example.com"))["note"]
                     for name in ("info", "dot")]
            check_eq(notes, ["two lines and   more", "\\."], options)


def dump_of_sqlite(env):
    """sqlite3 writes a text of several lines as a call of a function."""
    if shutil.which("sqlite3") is None:
        raise Skip("sqlite3 is not there")
    with scratch() as tmp:
        path = os.path.join(tmp, "theirs.db")
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE users (email text)")
            db.execute("CREATE TABLE aliases (source text, destination text, note text)")
            db.execute("CREATE TRIGGER t AFTER INSERT ON users BEGIN INSERT INTO aliases SELECT 'a', 'b', 'c'; END")
            db.execute("DELETE FROM aliases")
            db.execute("INSERT INTO aliases VALUES (?, ?, ?)", ("a@example.com", "b@example.com", "it's\r\n\\n 2"))
            db.commit()
        dump = subprocess.run(["sqlite3", path, ".dump"], capture_output=True, text=True, check=True).stdout
        site = Site(env.build, tmp)
        site.init()
        done = import_text(site, "theirs.sql", dump, tmp=tmp)
        check_eq((done.returncode, done.stderr), (DONE, ""), dump)
        check_eq(json.loads(site.ctl("--json", "alias", "show", "a@example.com"))["note"], "it's  \\n 2")


def formats_are_listed(env):
    with scratch() as tmp:
        site = Site(env.build, tmp)
        names = site.ctl("formats", "--names").split()
        check_eq(len(names), len(set(names)))
        for name in ("vmaild", "tables", "passwd-file", "postfixadmin", "mailcow", "docker-mailserver"):
            check_in(name, names)


def register(suite):
    for name, move in SEEDS.items():
        suite.add("import: " + name, lambda env, m=move: move_in(env, m))
    for name, move in SYSTEMS.items():
        suite.add("import: moving from " + name, lambda env, m=move: move_in(env, m))
    suite.add("import: passwords that nobody could verify", unknown_passwords)
    suite.add("import: passwords in the clear", clear_passwords)
    suite.add("import: --strict", strict)
    suite.add("import: what the source does not say stays", merge)
    suite.add("import: Postfix tables, line by line", postfix_tables)
    suite.add("import: extra fields of a passwd-file", extra_fields)
    suite.add("import: domains of a table", alias_domains)
    suite.add("import: one login for two domains", one_login_for_two_domains)
    suite.add("import: transports of domains with mailboxes", transports_of_mailboxes)
    suite.add("import: mailboxes and system users in one domain", system_users)
    suite.add("import: names of the host, at each of its domains", names_of_the_host)
    suite.add("import: what is refused", refusals)
    suite.add("import: our own export", own_lines)
    suite.add("import: a store is no table", stores_are_no_tables)
    suite.add("import: a newer dump", newer_dump)
    suite.add("import: texts that are none", strange_texts)
    suite.add("import: a dump of pg_dump", tables_of_postgres)
    suite.add("import: a dump of sqlite3", dump_of_sqlite)
    suite.add("import: the formats", formats_are_listed)
