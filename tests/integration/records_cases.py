# SPDX-License-Identifier: ISC
#
# A store as a whole, by vmailctl: written out and brought back, compared, backed up under a running daemon; and
# changes that are looked at before, made many at a time, and taken back.
"""cases(build) gives (name, callable) pairs; a callable raises AssertionError when something is wrong."""
import contextlib
import csv
import fcntl
import functools
import json
import os
import random
import re
import resource
import shutil
import sqlite3
import signal
import stat
import struct
import subprocess
import termios
import threading

from cli_cases import (AGAIN, DONE, HARRY, NOT, SALLY, TIMEOUT, USAGE, dialogue, mail_host, place, refused, rows, run)
from harness import Auth, Socketmap, check, check_eq, check_in, wait_until, write_file

CASES = []


def case(name):
    def register(function):
        CASES.append((name, function))
        return function
    return register


def cases(build):
    return [("vmailctl: " + name, functools.partial(function, os.path.abspath(build))) for name, function in CASES]


def furnish(site):
    """One of everything, with all that it can have."""
    ctl = site.ctl
    ctl("domain", "set", "example.com", "--delimiters", "none", "--propagate", "no")
    ctl("domain", "add", "fwd.example", "--kind", "alias")
    ctl("domain", "add", "local.example", "--kind", "local")
    ctl("domain", "add", "relay.example", "--kind", "relay")
    ctl("user", "passwd", HARRY, "--password-stdin", stdin="alohomora\n")
    ctl("user", "quota", HARRY, "2G")
    ctl("user", "state", SALLY, "suspended", "--reason", 'unpaid "bill", büro')
    ctl("user", "add", '"a b"@example.com', "--no-password")
    ctl("alias", "set", "info@example.com", "--note", 'a "b", ç', "--owner", "me", "--internal", "--disable",
        "--expires", "2031-02-03T04:05")
    ctl("alias", "add", "sale-*@example.com", "Far.Away@ELSE.test")
    ctl("alias", "add", "@fwd.example", HARRY)
    ctl("alias", "add", "root", HARRY)
    ctl("map", "create", "blocked", "--search", "network")
    ctl("map", "set", "blocked", "192.0.2.0/24", "REJECT not from there")
    ctl("map", "set", "transports", "example.net", "smtp:[mail.example.net]")


def export(site, name="export.jsonl", *options):
    path = os.path.join(site.tmp, name)
    site.ctl("export", path, *options)
    return path


def read_file(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


# --- written out and brought back -----------------------------------------------------------------

@case("a copy for which there is no room leaves nothing behind, and what was there")
def _(build):
    with mail_host(build) as site:
        def limit(size):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        furnish(site)
        folder = os.path.join(site.tmp, "new")
        os.mkdir(folder)
        path = os.path.join(folder, "new.db")
        for size in (0, 40960, 65536):
            done = subprocess.run([site.program("vmailctl"), "-c", site.conf, "copy", "-", "sqlite:" + path], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=TIMEOUT,
                                  preexec_fn=lambda n=size: limit(n), restore_signals=False)
            check_eq((done.returncode, os.listdir(folder)), (AGAIN, []), size, done.stderr)
        with open(os.path.join(folder, "letters"), "w", encoding="utf-8") as f:
            f.write("Dear Harry\n")
        refused(site, AGAIN, ["copy", "-", "sqlite:" + f.name], ["no store"])
        check_eq(read_file(f.name), "Dear Harry\n")
        site.ctl("copy", "-", "sqlite:" + path)
        check_eq(site.ctl("diff", path), "")


@case("of two copies into one new place one is made, and stays")
def _(build):
    with mail_host(build) as site:
        furnish(site)
        folder = os.path.join(site.tmp, "new")
        path = os.path.join(folder, "new.db")
        for _round in range(40):
            shutil.rmtree(folder, ignore_errors=True)
            os.mkdir(folder)
            both = [subprocess.Popen([site.program("vmailctl"), "-c", site.conf, "copy", "-", "sqlite:" + path], text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
            said = [one.communicate(timeout=TIMEOUT)[0] for one in both]
            if 0 in [one.returncode for one in both]:
                check(os.path.exists(path) and os.path.getsize(path) > 0, said)
        shutil.rmtree(folder)
        site.ctl("copy", "-", "sqlite:" + path)
        check_eq(site.ctl("diff", path), "")
        with open(path, "rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            refused(site, AGAIN, ["copy", "-", "sqlite:" + path], ["another program is copying to"])
        check_eq(site.ctl("diff", path), "")


@case("an export applied to an empty store exports the same")
def _(build):
    with mail_host(build) as site, place(build) as other:
        furnish(site)
        path = export(site)
        check_eq(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        other.ctl("init")
        other.ctl("apply", path)
        check_eq(read_file(export(other)), read_file(path))
        check_eq(other.ctl("diff", path), "")
        log = rows(other, "log")
        other.ctl("apply", path)
        check_eq(rows(other, "log"), log)  # nothing was left to do
        other.ctl("undo")
        check_eq(lines(export(other)), [{"vmaild": 1}])


@case("an export says what it is, and of each object all there is")
def _(build):
    with mail_host(build) as site:
        furnish(site)
        found = lines(export(site))
        check_eq(found[0], {"vmaild": 1})
        by_kind = {kind: [one for one in found[1:] if kind in one and (kind == "entry" or "entry" not in one)]
                   for kind in ("domain", "mailbox", "alias", "map", "entry")}
        check_eq({kind: len(some) for kind, some in by_kind.items()},
                 {"domain": 5, "mailbox": 3, "alias": 4, "map": 1, "entry": 2})
        harry = next(one for one in by_kind["mailbox"] if one["mailbox"] == HARRY)
        check_eq(harry["quota"], 2 << 30)
        check(harry["credentials"][0]["hash"].startswith("{"), harry)
        info = next(one for one in by_kind["alias"] if one["alias"] == "info@example.com")
        check_eq((info["note"], info["disabled"], info["internal"]), ('a "b", ç', True, True))
        for one in lines(export(site, "bare.jsonl", "--no-hashes")):
            check("credentials" not in one and "{" not in str(one.get("note", "")), one)


@case("hashes do not go to a terminal")
def _(build):
    with mail_host(build) as site:
        status, text = dialogue(site, "export").end()
        check_eq(status, USAGE, text)
        check_in("--no-hashes", text)
        status, text = dialogue(site, "export", "--no-hashes").end()
        check_eq(status, DONE, text)
        check_in(HARRY, text)


@case("a file that cannot be written is not there, and the old one still is")
def _(build):
    with mail_host(build) as site:
        path = export(site)
        before = read_file(path)
        refused(site, AGAIN, ["export", os.path.join(site.tmp, "no", "such", "place")], ["cannot write"])
        check_eq(read_file(path), before)
        check_eq([name for name in os.listdir(site.tmp) if ".new-" in name], [])


def furnish_refusals(site):
    """What neither an export nor a backup may replace: (path, what is said of it)."""
    def make(name, text):
        path = os.path.join(site.tmp, name)
        write_file(path, text)
        return path

    letters = make("letters", "Dear Harry\n")
    link, dangling = os.path.join(site.tmp, "link"), os.path.join(site.tmp, "dangling")
    os.symlink("letters", link)
    os.symlink("nowhere", dangling)
    hard = os.path.join(site.tmp, "hard")
    os.link(site.store, hard)
    return [(site.store, "the store itself"), (hard, "the store itself"), (site.store + "-wal", "belongs to the store"),
            (site.store + "-shm", "belongs to the store"), (site.store + "-throttle", "wrong passwords are counted"),
            (os.path.join(os.path.dirname(site.store), ".", os.path.basename(site.store) + "-wal"),
             "belongs to the store"),
            (site.conf, "is the configuration"), (letters, "is something else, and not an earlier"),
            (link, "is something else, and not an earlier"), (dangling, "is a link to what is not there"),
            (site.tmp, "is a directory")]


def contents(path):
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as f:
        return f.read()


@case("neither an export nor a backup takes the place of what is something else")
def _(build):
    with mail_host(build) as site:
        furnish(site)
        backup, jsonl = os.path.join(site.tmp, "b.db"), export(site)
        site.ctl("backup", backup)
        kept = furnish_refusals(site)
        for path, says in kept + [(backup, "is something else, and not an earlier export")]:
            before = contents(path)
            for form in ("jsonl", "csv", "dovecot"):
                refused(site, NOT, ["export", "--format", form, path], [says, path])
            check_eq(contents(path), before, path)
        other = os.path.join(site.tmp, "other", "vmail.db")
        run(site, "--store", other, "init")
        with contextlib.closing(sqlite3.connect(other)) as db:  # on a busy machine its mark may still be in the log
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for path, says in kept + [(jsonl, "is something else, and not an earlier backup"),
                                 (other, "is a store that was in use, and not an earlier backup")]:
            before = contents(path)
            refused(site, NOT, ["backup", path], [says, path])
            check_eq(contents(path), before, path)
        check_eq(site.ctl("check"), "")


@case("an export replaces what an export has made, and what is empty, behind links too")
def _(build):
    with mail_host(build) as site:
        path, link = os.path.join(site.tmp, "old"), os.path.join(site.tmp, "link")
        write_file(path, "")
        os.symlink("old", link)
        for form in ("jsonl", "csv", "dovecot", "jsonl"):
            site.ctl("export", "--format", form, link)
            check_eq(read_file(path), site.ctl("export", "--format", form))
            check(os.path.islink(link), link)
        folder = os.path.join(site.tmp, "tables")
        for _ in range(2):
            site.ctl("export", "--format", "postfix", folder)
        write_file(os.path.join(folder, "aliases"), "root: me\n")
        before = sorted(os.listdir(folder)), read_file(os.path.join(folder, "mailboxes"))
        refused(site, NOT, ["export", "--format", "postfix", folder], ["/aliases' is something else, and not an earlier"])
        check_eq((sorted(os.listdir(folder)), read_file(os.path.join(folder, "mailboxes"))), before)
        backup = os.path.join(site.tmp, "b.db")
        write_file(backup, "")
        for _ in range(2):
            site.ctl("backup", backup)
        check_eq(site.ctl("diff", backup), "")


@case("an export is written into a pipe, and a backup is not")
def _(build):
    with mail_host(build) as site:
        pipe, link = os.path.join(site.tmp, "pipe"), os.path.join(site.tmp, "link")
        os.mkfifo(pipe)
        os.symlink("pipe", link)
        refused(site, NOT, ["backup", link], ["is no file"])
        for path in (pipe, link):
            reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True)
            site.ctl("export", path)
            check_eq(reader.communicate(timeout=TIMEOUT)[0], site.ctl("export"))
        check(stat.S_ISFIFO(os.stat(pipe).st_mode) and os.path.islink(link), "the pipe is another")
        out = os.path.join(site.tmp, "stdout")
        os.symlink("/dev/stdout", out)
        check_eq(site.ctl("export", out), site.ctl("export"))
        check(os.path.islink(out), out)


@case("a table for a spreadsheet")
def _(build):
    with mail_host(build) as site:
        furnish(site)
        table = list(csv.DictReader(site.ctl("export", "--format", "csv").splitlines()))
        sally = next(row for row in table if row["name"] == SALLY)
        check_eq((sally["kind"], sally["state"], sally["reason"]), ("mailbox", "suspended", 'unpaid "bill", büro'))
        blocked = next(row for row in table if row["name"] == "192.0.2.0/24")
        check_eq((blocked["kind"], blocked["type"], blocked["value"]), ("entry", "blocked", "REJECT not from there"))


@case("app passwords of another store are told of, and one's own are not")
def _(build):
    with mail_host(build) as site, place(build) as other:
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin="alohomora\n")
        site.ctl("app-password", "add", HARRY, "--label", "phone")
        site.ctl("app-password", "add", HARRY, "--label", "tablet")
        path = export(site)
        for form in ("csv", "dovecot"):
            done = run(site, "export", "--format", form, "-")
            check_in("2 app passwords are left out", done.stderr, form)
            check("VMAILD-APP" not in done.stdout, done.stdout)
        check_eq(run(site, "export", "--format", "csv", "--no-hashes", "-").stderr, "")
        site.ctl("app-password", "remove", HARRY, "phone")
        done = run(site, "apply", path)
        check_eq((done.returncode, done.stderr), (DONE, ""))  # it had them all
        other.ctl("init")
        done = run(other, "apply", path)
        check_eq(done.returncode, DONE)
        check_in("2 app passwords in '%s' cannot be used here" % path, done.stderr)
        check_eq(run(other, "apply", path).stderr, "")  # that was told
        check_eq(read_file(export(other)), read_file(path))
        with place(build) as third:
            third.ctl("init")
            done = run(third, "import", "--from", "vmaild", path)
            check_eq(done.returncode, DONE, done.stderr)
            check_in("note: 2 app passwords of '%s' cannot be used here" % HARRY, done.stderr)
            check_in("1 note", done.stdout)
            check_eq(run(third, "import", "--from", "vmaild", path).stderr, "")


@case("labels of app passwords: as they can be typed, and the others can go")
def _(build):
    import sqlite3
    with mail_host(build) as site:
        line = '{"mailbox":"%s","credentials":[{"hash":"{PLAIN}x"},{"label":" phone","hash":"{PLAIN}y"}]}\n' % HARRY
        told = "app password 'phone' of '%s' is called so without the blanks around it" % HARRY
        done = run(site, "apply", "-", stdin="\n" + line)
        check_eq((done.returncode, done.stderr.count("standard input:2: " + told)), (DONE, 1), done.stderr)
        done = run(site, "import", "--from", "vmaild", "-", stdin=line)
        check_eq((done.returncode, "note: " + told in done.stderr), (DONE, True), done.stderr)
        check_in("1 the same", done.stdout)
        check_eq(site.ctl("app-password", "list", HARRY, "--names"), "phone\n")
        site.ctl("app-password", "remove", HARRY, "phone")
        done = run(site, "import", "--from", "vmaild", "-", stdin=line.replace(" phone", " "))
        check_eq(done.returncode, NOT)
        check_in("standard input:1: skipped: an app password needs a label", done.stderr)
        with contextlib.closing(sqlite3.connect(site.store)) as db, db:
            db.execute("INSERT INTO credential (mailbox, label, hash, created) VALUES (?, ' old', '{PLAIN}z', 1)", [HARRY])
        done = run(site, "check")
        check_eq(done.returncode, NOT, done.stderr)
        check_in("app password ' old': the label begins or ends with a blank", done.stdout)
        site.ctl("app-password", "remove", HARRY, " old")
        check_eq(site.ctl("check"), "")
        many = [{"label": "n%d" % i, "hash": "{PLAIN}%d" % i} for i in range(33)]
        for command in (["apply", "-"], ["diff", "-"], ["import", "--from", "vmaild", "-"]):
            done = run(site, *command, stdin=json.dumps({"mailbox": HARRY, "credentials": many}) + "\n")
            check_eq(done.returncode, NOT, command, done.stderr)
            check_in("would have 33 app passwords: leave out, or remove, all but 32", done.stderr, command)
        check_eq(site.ctl("app-password", "list", HARRY, "--names"), "")


@case("a passwd-file for Dovecot")
def _(build):
    with mail_host(build) as site:
        furnish(site)
        users = {line.split(":")[0]: line for line in site.ctl("export", "--format", "dovecot").splitlines()
                 if not line.startswith("#")}
        check_eq(set(users), {HARRY, SALLY, '"a b"@example.com'})
        check(users[HARRY].startswith(HARRY + ":{ARGON2ID}$argon2id$"), users[HARRY])
        check_in("userdb_quota_storage_size=2147483648B", users[HARRY])
        check_in(":{CRYPT}!:", users['"a b"@example.com'])  # nobody can log in
        check_in("nologin=y", users[SALLY])
        check("allow_nets" not in "".join(users.values()), users)


LIMITS = [("services", "imap"), ("networks", "192.0.2.0/24"), ("expires", 1000000000)]


@case("the own password of a mailbox has no limits; one that has some from earlier stays, and a new one has none")
def _(build):
    def limits(site):
        with contextlib.closing(sqlite3.connect(site.store)) as db:
            return db.execute("SELECT services, networks, expires FROM credential WHERE mailbox = ? AND label = ''",
                              (HARRY,)).fetchall()

    def passwd_line(site):
        return [line for line in site.ctl("export", "--format", "dovecot").splitlines() if line.startswith(HARRY)][0]

    with mail_host(build) as site:
        site.ctl("user", "passwd", "--password-stdin", HARRY, stdin="an old one\n")
        for field, value in LIMITS:
            for address in (HARRY, "new@example.com"):
                record = json.dumps({"mailbox": address, "credentials": [{"hash": "{PLAIN}x", field: value}]}) + "\n"
                for command in ("diff", "apply"):
                    done = run(site, command, "-", stdin=record)
                    check_eq(done.returncode, NOT, command, done.stderr)
                    check_in("only an app password can have", done.stderr)
                check_in("only an app password can have", run(site, "import", "-", stdin=record).stderr)
        check_eq(limits(site), [(None, None, 0)])
        check(":{ARGON2ID}" in passwd_line(site), passwd_line(site))
        record = {"mailbox": HARRY, "credentials": [{"hash": "{PLAIN}x"}] + [
            {"hash": "{PLAIN}x", "label": field, field: value} for field, value in LIMITS]}
        site.ctl("apply", "-", stdin=json.dumps(record) + "\n")
        for field, value in LIMITS:
            with contextlib.closing(sqlite3.connect(site.store)) as db, db:
                db.execute("UPDATE credential SET %s = ? WHERE mailbox = ? AND label = ''" % field, (value, HARRY))
            check_in(HARRY + ":{CRYPT}!:", passwd_line(site))
            check_eq(run(site, "apply", "-", stdin=site.ctl("export")).returncode, DONE, "what is there may stay")
            check(any(limits(site)[0]))
            site.ctl("user", "passwd", "--password-stdin", HARRY, stdin="a new one\n")
            check_eq(limits(site), [(None, None, 0)])
            check_in(HARRY + ":{ARGON2ID}", passwd_line(site))
            site.ctl("undo")
            check(any(limits(site)[0]), "an undo brings back what was there")
            site.ctl("user", "passwd", "--password-stdin", HARRY, stdin="a new one\n")
            check_eq(limits(site), [(None, None, 0)])


@case("what Dovecot and postmap would take for a comment, or for another key, is left out and told of")
def _(build):
    with mail_host(build) as site:
        furnish(site)
        folder, path = os.path.join(site.tmp, "tables"), os.path.join(site.tmp, "passwd")
        check_eq(run(site, "export", "--format", "postfix", folder).stderr, "")
        check_eq(run(site, "export", "--format", "dovecot", path).stderr, "")
        before = {name: read_file(os.path.join(folder, name)) for name in os.listdir(folder)}, read_file(path)
        site.ctl("user", "add", "#x@example.com", "--no-password")
        done = run(site, "export", "--format", "dovecot", path)
        check_in("1 mailboxes are left out", done.stderr)
        site.ctl("alias", "add", "#z@example.com", HARRY)
        site.ctl("alias", "add", "#bare", HARRY)
        site.ctl("map", "create", "free")
        for key in ("key with blank", " lead", 'quo"te', "back\\"):
            site.ctl("map", "set", "free", key, "v1")
        site.ctl("map", "set", "free", "plain", "v 2")
        done = run(site, "export", "--format", "postfix", folder)
        check_eq(done.returncode, DONE, done.stderr)
        check_in("warning: 7 records are left out, the first is '#x@example.com'", done.stderr)
        for form, file, n in (("postfix", folder, 7), ("dovecot", path, 1), ("jsonl", os.path.join(site.tmp, "all"), 0),
                              ("csv", os.path.join(site.tmp, "table"), 0)):
            check_eq(json.loads(site.ctl("--json", "export", "--format", form, file)),
                     {"outcome": "done", "what": "export", "subject": file, "left_out": n})
        check_eq(site.ctl("--json", "export"), site.ctl("export"))
        after = {name: read_file(os.path.join(folder, name)) for name in os.listdir(folder)}, read_file(path)
        check_eq(after[0].pop("free").splitlines()[1:], ["plain\tv 2"])
        check_eq(after, before)


@case("a map is not called like another file of an export, and one that is already stays out of it")
def _(build):
    with mail_host(build) as site:
        furnish(site)
        folder = os.path.join(site.tmp, "tables")
        site.ctl("export", "--format", "postfix", folder)
        files = set(os.listdir(folder))
        before = {name: read_file(os.path.join(folder, name)) for name in files}
        for name in (files - {"blocked"}) | {".", ".."}:
            refused(site, NOT, ["map", "create", name], ["'%s' is" % name])
            line = '{"map":"%s","search":"exact"}\n' % name
            for command in (["apply", "-"], ["import", "--from", "vmaild", "-"]):
                done = run(site, *command, stdin=line)
                check_eq(done.returncode, NOT, command, name)
                check_in("'%s' is" % name, done.stderr)
        old = ("patterns", "mx-recipients", "..")
        with contextlib.closing(sqlite3.connect(site.store)) as db, db:
            for name in old:
                db.execute("INSERT INTO map (name, search, created) VALUES (?, 'exact', 1)", [name])
        for name in old:
            site.ctl("map", "set", name, "spam@example.com", "REJECT x")
        done = run(site, "export", "--format", "postfix", folder)
        check_eq(done.returncode, DONE, done.stderr)
        for name in old:
            check_in("warning: map '%s' is left out" % name, done.stderr)
        check_eq({name: read_file(os.path.join(folder, name)) for name in os.listdir(folder)}, before)
        check_eq(rows(site, "export", "--format", "postfix", folder)["left_out"], len(old))
        check_eq(site.ctl("check"), "")
        kept = export(site)
        site.ctl("map", "remove", "mx-recipients")
        site.ctl("undo")
        check_eq(read_file(export(site, "again")), read_file(kept))
        check_eq(run(site, "apply", kept).returncode, DONE)


@case("a secondary MX is told of patterns, but of none that is off")
def _(build):
    with mail_host(build) as site:
        furnish(site)
        site.ctl("alias", "add", "old-*@example.com", HARRY)
        site.ctl("alias", "set", "old-*@example.com", "--disable")
        folder = os.path.join(site.tmp, "tables")
        site.ctl("export", "--format", "postfix", folder)
        check_eq(sorted(read_file(os.path.join(folder, "mx-patterns")).splitlines()[1:]),
                 ["/^sale-.*@example\\.com$/\tx", "/^sale-.*@example\\.org$/\tx"])
        check("sale" not in read_file(os.path.join(folder, "mx-recipients")), "a pattern among addresses")


@case("from where a mailbox may log in leaves with it, and comes back")
def _(build):
    nets = "10.0.0.0/8,192.0.2.1,2001:db8::/32"
    with mail_host(build) as site, place(build) as other:
        furnish(site)
        site.ctl("user", "set", HARRY, "--networks", nets)
        site.ctl("user", "set", HARRY, "--mail", "maildir:~/here:INDEX=/var/index")
        site.ctl("user", "set", SALLY, "--networks", "192.0.2.0/24")
        path = os.path.join(site.tmp, "passwd")
        site.ctl("export", "--format", "dovecot", path)
        users = {line.split(":")[0]: line for line in read_file(path).splitlines()}
        check(users[HARRY].endswith(" allow_nets=" + nets), users[HARRY])
        check(users[SALLY].endswith("allow_nets=192.0.2.0/24 nologin=y"), users[SALLY])
        other.ctl("init")
        other.ctl("import", "--from", "passwd-file", path)
        for who in (HARRY, SALLY):
            for field in ("networks", "mail"):
                check_eq(rows(other, "user", "show", who)[field], rows(site, "user", "show", who)[field])
        table = {row["name"]: row["networks"]
                 for row in csv.DictReader(site.ctl("export", "--format", "csv").splitlines())}
        check_eq((table[HARRY], table[SALLY], table["info@example.com"]), (nets, "192.0.2.0/24", ""))


# --- files of records -----------------------------------------------------------------------------

BAD_LINES = [
    ('{"domain":"a b"}', "'a b' is no domain name"),
    ('{"mailbox":1}', "'mailbox' must be a text"),
    ('{"mailbox":"a@example.com","quota":-1}', "'quota' must be a number"),
    ('{"mailbox":"a@example.com","quota":"2G"}', "'quota' must be a number"),
    ('{"mailbox":"a@example.com","state":"asleep"}', "there is no state 'asleep'"),
    ('{"mailbox":"a@example.com","credentials":[{"hush":"x"}]}', "a credential has no field 'hush'"),
    ('{"mailbox":"a@example.com","credentials":[{"label":"x"}]}', "is empty"),
    ('{"alias":"a@example.com","target":["b@example.com"]}', "alias has no field 'target'"),
    ('{"alias":"a@example.com","targets":"b@example.com"}', "'targets' must be a list"),
    ('{"alias":"a@example.com"}', "at least one target"),
    ('{"alias":"a@example.com","targets":["x@y.test"],"expires":"soon"}', "must be a time"),
    ('{"alias":"a@example.com","targets":["x@y.test"],"expires":"1970-01-01T00:00:00Z"}', "must be a time"),
    ('{"alias":"a@example.com","targets":["x@y.test"],"expires":"2030-02-31T00:00:00Z"}', "must be a time"),
    ('{"alias":"a@example.com","targets":["x@y.test"],"expires":"10000-01-01T00:00:00Z"}', "must be a time"),
    ('{"alias":"a@example.com","targets":["x@y.test"],"expires":253402300800}', "beyond the year 9999"),
    ('{"alias":"a@example.com","targets":["x@y.test"],"expires":9223372036854775807}', "beyond the year 9999"),
    ('{"mailbox":"a@example.com","created":1700000000000}', "looks like milliseconds"),
    ('{"mailbox":"a@example.com","created":-1}', "'created' must be"),
    ('{"mailbox":"a@example.com","credentials":[{"hash":"{PLAIN}x","label":"x","expires":1700000000000}]}',
     "looks like milliseconds"),
    ('{"entry":"k","value":"v"}', "no map"),
    ('{"entry":"k","map":"nobodys","value":"v"}', "no map 'nobodys'"),
    ('["domain"]', "it is no object"),
    ('domain example.com', "it is no JSON"),
    ('{"domain":"example.com","domain":"example.org"}', "duplicate"),
    ('{"name":"example.com"}', 'there is no "domain"'),
    ('{"vmaild":2}', "newer vmaild"),
]


@case("every line that cannot be is named, and nothing is changed")
def _(build):
    with mail_host(build) as site:
        before = rows(site, "log")
        for line, says in BAD_LINES:
            done = run(site, "apply", "-", stdin='{"domain":"new.example","kind":"relay"}\n\n# one\n' + line + "\n")
            check_eq(done.returncode, NOT, line, done.stderr)
            check_in(says, done.stderr, line)
            check("standard input:4:" in done.stderr or "no map" in says or "at least" in says, line, done.stderr)
        check_eq(rows(site, "log"), before)


@case("a time that an earlier release took comes out as one that can be read again")
def _(build):
    with mail_host(build) as site, place(build) as other:
        site.ctl("user", "passwd", "--password-stdin", HARRY, stdin="a secret\n")
        record = {"alias": "late@example.com", "targets": [HARRY], "expires": 253402300799, "created": 5}
        site.ctl("apply", "-", stdin=json.dumps(record) + "\n")
        check_in('"expires":"9999-12-31T23:59:59Z"', site.ctl("export"))
        check_in('"created":"1970-01-01T00:00:05Z"', site.ctl("export"))
        for far in (253402300800, 1700000000000, 2 ** 63 - 1):
            with contextlib.closing(sqlite3.connect(site.store)) as db, db:
                db.execute("UPDATE alias SET expires = ? WHERE address = 'late@example.com'", (far,))
                db.execute("UPDATE mailbox SET created = ? WHERE address = ?", (far, HARRY))
            text = site.ctl("export")
            check_eq(rows(site, "alias", "show", "late@example.com")["expires"], "9999-12-31T23:59:59Z")
            check_eq(rows(site, "user", "show", HARRY)["created"], "9999-12-31T23:59:59Z")
            check_in("9999-12-31", site.ctl("alias", "show", "late@example.com"))
            check_eq(run(site, "diff", "-", stdin=text).returncode, NOT, "its alias differs")
            site.ctl("apply", "-", stdin=text)
            check_eq(run(site, "diff", "-", stdin=text).returncode, DONE)
        other.ctl("init")
        other.ctl("apply", "-", stdin=text)
        check_eq(other.ctl("export"), text)


NEW_MAP = '{"map":"n1","search":"address"}\n'
ENTRY = '{"entry":"%s","map":"n1","value":"%s"}\n'


@case("entries of a map that the file makes are compared by the rules of that map")
def _(build):
    with mail_host(build) as site:
        before = rows(site, "log")
        one, other = ENTRY % ("K@x.example", "one"), ENTRY % ("k@X.example", "two")
        for text, line in ((NEW_MAP + one + other, 3), (one + NEW_MAP + other, 3), (one + other + NEW_MAP, 2)):
            for command in ("diff", "apply"):
                done = run(site, command, "-", stdin=text)
                check_eq(done.returncode, NOT, text)
                check_in("n1 k@x.example' is in line", done.stderr)
        net = NEW_MAP.replace("address", "network")
        for text, says in ((net + ENTRY % ("x", "v"), "standard input:2: "),
                           (ENTRY % ("x", "v") + "\n" + net, "standard input:1: "),
                           (NEW_MAP + ENTRY % ("k@x.example", "a\\nb"), "standard input:2: "),
                           ("\n" + ENTRY % ("k@x.example", "v"), "standard input:2: there is no map 'n1'")):
            for command in ("diff", "apply"):
                done = run(site, command, "-", stdin=text)
                check_eq(done.returncode, NOT, text, done.stderr)
                check_in(says, done.stderr)
        check_eq(rows(site, "log"), before)
        done = run(site, "apply", "--yes", "-", stdin=one + NEW_MAP)
        check_eq((done.returncode, done.stderr), (DONE, ""))
        check_in("n1 k@x.example", done.stdout)
        check_eq(rows(site, "map", "list", "n1")[0]["key"], "k@x.example")
        check_eq(run(site, "diff", "-", stdin=site.ctl("export")).returncode, DONE)
        for command in ("diff", "apply"):
            done = run(site, command, "-", stdin=ENTRY % ("k@x.example", "a\\nb"))
            check_eq(done.returncode, NOT, "what no entry of a map that is there can have")


@case("with nobody to ask that is what is said, whatever the file makes")
def _(build):
    with mail_host(build) as site:
        site.ctl("alias", "add", "a@example.com", HARRY)
        done = run(site, "apply", "--prune", "-", stdin='{"alias":"b@example.com","targets":["%s"]}\n' % HARRY +
                   NEW_MAP + ENTRY % ("k@x.example", "v"))
        check_eq(done.returncode, USAGE)
        check_in("there is nobody to ask", done.stderr)


@case("a loop that an earlier release let in stands in nobody's way")
def _(build):
    with mail_host(build) as site:
        site.ctl("domain", "add", "a.ex")
        site.ctl("domain", "add", "b.ex")
        site.ctl("alias", "add", "u2@a.ex", "@b.ex")
        refused(site, NOT, ["alias", "add", "@b.ex", "@a.ex"], ["circles", "u2@"])
        with contextlib.closing(sqlite3.connect(site.store)) as db, db:
            db.execute("INSERT INTO alias (address, domain, created) VALUES ('@b.ex', 'b.ex', 1)")
            db.execute("INSERT INTO alias_target VALUES ('@b.ex', 1, '@a.ex', '@a.ex', 'a.ex')")
        check_in("loop", run(site, "lint").stdout)
        path, backup = export(site), os.path.join(site.tmp, "b.db")
        before = rows(site, "log")
        for command in (["apply", path], ["import", "--from", "vmaild", path], ["apply", "--prune", path], ["backup", backup],
                        ["diff", backup]):
            check_eq(run(site, *command).returncode, DONE, command)
        check_eq(rows(site, "log"), before)
        site.ctl("alias", "add", "other@b.ex", HARRY)
        for command in (["alias", "remove", "u2@a.ex"], ["alias", "remove", "@b.ex"], ["domain", "remove", "a.ex", "--all"]):
            site.ctl(*command)
            site.ctl("undo")
        new = os.path.join(os.path.dirname(site.store), "new.db")
        site.ctl("copy", site.store, new)
        site.ctl("restore", backup, "--yes")
        check_eq(run(site, "diff", path).returncode, DONE)
        with place(build) as other:  # nothing lets it in anew
            other.ctl("init")
            check_in("circles", run(other, "apply", path).stderr)


@case("records come in any order")
def _(build):
    with mail_host(build) as site, place(build) as other:
        furnish(site)
        path = export(site)
        text = read_file(path).splitlines(keepends=True)
        for seed in range(3):
            random.Random(seed).shuffle(text)
            with place(build) as other:
                other.ctl("init")
                other.ctl("apply", "-", stdin="".join(text))
                check_eq(sorted(read_file(export(other)).splitlines()), sorted(read_file(path).splitlines()))


@case("what apply refuses is named with its line")
def _(build):
    with mail_host(build) as site:
        before = rows(site, "log")
        path = os.path.join(site.tmp, "wanted.jsonl")
        for text, says in (
                ('{"domain":"q.example"}\n\n{"mailbox":"a@nope.example"}\n{"domain":"r.example"}\n',
                 [":3: domain 'nope.example' is not in the store"]),
                ('{"domain":"q.example"}\n{"domain":"r.example"}\n\n{"domain":"q.example"}\n',
                 [":4: 'q.example' is in line 1 already"]),
                ('{"alias":"a@example.com","targets":["b@example.com"]}\n# and back\n'
                 '{"alias":"b@example.com","targets":["a@example.com"]}\n', [":3: ", "circles"])):
            with open(path, "w") as f:
                f.write(text)
            for name, stdin in ((path, ""), ("-", text)):
                done = run(site, "--yes", "apply", name, stdin=stdin)
                check_eq(done.returncode, NOT, done.stderr)
                for word in [("standard input" if name == "-" else path) + says[0]] + says[1:]:
                    check_in(word, done.stderr)
        check_eq(rows(site, "log"), before)


@case("a pipe is read whole before anything is held up")
def _(build):
    with mail_host(build) as site:
        text = site.ctl("export")
        path = os.path.join(site.tmp, "pipe")
        os.mkfifo(path)

        def through_pipe(command, pieces, between=lambda: None):
            vmailctl = subprocess.Popen([site.program("vmailctl"), "-c", site.conf, *command, path],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
            with open(path, "w") as pipe:
                for number, piece in enumerate(pieces):
                    if number > 0:
                        between()
                    pipe.write(piece)
                    pipe.flush()
            said = vmailctl.communicate(timeout=TIMEOUT)
            return vmailctl.returncode, *said

        def edit():
            site.ctl("user", "quota", HARRY, "3G")

        check_eq(through_pipe(["diff"], [text]), (DONE, "", ""))
        more = "# a comment of more than sixteen bytes\n" + '{"domain":"p.example"}\n'
        check_in("+ domain p.example\n", through_pipe(["apply", "--dry-run"], [more])[1])
        code, _, stderr = through_pipe(["apply", "--yes"], [more[:50], more[50:]], edit)
        check_eq(code, DONE, stderr)
        check_eq(rows(site, "domain", "show", "p.example")["kind"], "mailbox")
        code, _, stderr = through_pipe(["diff"], ['{"domain":"p.example"}\nx\n'])
        check_eq(code, NOT)
        check_in(path + ":2: ", stderr)
        with open(site.store, "rb") as store:
            code, _, stderr = through_pipe(["diff"], [store.read(16).decode("latin-1")])
        check_in("'%s' is a database, which can only be read as a file" % path, stderr)
        refused(site, AGAIN, ["diff", site.tmp], [site.tmp, "directory"])
        refused(site, AGAIN, ["diff", path + ".not"], [path + ".not", "No such file"])


@case("what is in no file stays, or goes when that is said twice")
def _(build):
    with mail_host(build) as site:
        bare = export(site, "bare.jsonl", "--no-hashes")
        site.ctl("user", "add", "ron@example.com", "--no-password")
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin="alohomora\n")
        site.ctl("map", "set", "transports", "example.net", "smtp:x")
        done = run(site, "apply", bare)
        check_eq(done.returncode, DONE)
        check_in("1 objects are not in", done.stderr)
        check_eq(run(site, "diff", bare).stdout, "- user ron@example.com\n")
        refused_done = run(site, "apply", "--prune", bare)
        check_eq((refused_done.returncode, refused_done.stdout), (USAGE, "- user ron@example.com\n"))
        check_in("--yes", refused_done.stderr)
        site.ctl("apply", "--prune", "--yes", bare)
        check_eq(site.ctl("user", "list", "--names").split(), [HARRY, SALLY])
        check_eq(rows(site, "user", "show", HARRY)["password"], True)  # the file says nothing of passwords
        check_eq(site.ctl("map", "get", "transports", "example.net"), "smtp:x\n")  # nor of maps


PRUNED = [
    ("a domain and its stand-in", ["a.ex", "b.ex --target a.ex", "k.ex"], [{"domain": "k.ex"}]),
    ("what becomes a stand-in itself", ["a.ex", "b.ex", "c.ex --target b.ex"],
     [{"domain": "a.ex"}, {"domain": "b.ex", "kind": "alias", "target": "a.ex"}]),
    ("a stand-in that would close a loop", ["c.ex", "x.ex --target c.ex"],
     [{"domain": "c.ex"}, {"alias": "@c.ex", "targets": ["@x.ex"]}]),
]


@case("stand-ins that are in no file go first")
def _(build):
    for name, domains, wanted in PRUNED:
        with place(build) as site:
            site.ctl("init")
            for domain in domains:
                site.ctl("domain", "add", *domain.split())
            text = "".join(json.dumps(one) + "\n" for one in wanted)
            done = run(site, "apply", "--prune", "--yes", "-", stdin=text)
            check_eq((done.returncode, done.stderr), (DONE, ""), name)
            check_eq(run(site, "diff", "-", stdin=text).returncode, DONE, name)
            site.ctl("undo")
            check_eq({row["name"] for row in rows(site, "domain", "list")}, {one.split()[0] for one in domains}, name)
    with place(build) as site:
        site.ctl("init")
        site.ctl("domain", "add", "full.ex")
        site.ctl("user", "add", "u@full.ex", "--no-password")
        path = os.path.join(site.tmp, "one.jsonl")
        write_file(path, '{"domain":"k.ex"}\n')
        done = run(site, "apply", "--prune", "--yes", path)
        check_eq(done.returncode, NOT, done.stderr)
        for says in ("domain 'full.ex' still has 1 mailbox", "not all can be removed", path):
            check_in(says, done.stderr)
        check("standard input" not in done.stderr, done.stderr)
        check_eq([row["name"] for row in rows(site, "domain", "list")], ["full.ex"])


@case("apply --prune says which aliases lead to what it removes")
def _(build):
    with mail_host(build) as site:
        path = os.path.join(site.tmp, "people.jsonl")
        for i in range(12):
            site.ctl("user", "add", "u%02d@example.com" % i, "--no-password")
            site.ctl("alias", "add", "a%02d@example.com" % i, "u%02d+x@example.com" % i)
        site.ctl("alias", "add", "box@example.com", "u00@example.com")
        write_file(path, '{"mailbox":"%s"}\n' % HARRY)
        done = run(site, "apply", "--prune", "--yes", path)
        check_eq(done.returncode, DONE, done.stderr)
        check_in("alias 'box@example.com' leads to mailbox 'u00@example.com', which is removed", done.stderr)
        check_in("alias 'a08@example.com' leads to mailbox 'u08@example.com', which is removed", done.stderr)
        check_in("3 more", done.stderr)
        check("a10@" not in done.stderr, done.stderr)
        site.ctl("undo", "1")
        write_file(path, '{"mailbox":"%s"}\n{"alias":"x@example.com","targets":["%s"]}\n' % (HARRY, HARRY))
        done = run(site, "apply", "--prune", "--yes", path)
        check_eq((done.returncode, "leads to" in done.stderr), (DONE, False), done.stderr)


@case("a backup has all kinds of objects, also those it has none of")
def _(build):
    with mail_host(build) as site:
        backup = os.path.join(site.tmp, "backup.db")
        for row in rows(site, "alias", "list"):
            site.ctl("alias", "remove", row["address"])
        site.ctl("backup", backup)
        site.ctl("alias", "add", "later@example.com", HARRY)
        check_eq(run(site, "diff", backup).returncode, NOT)
        site.ctl("apply", "--prune", "--yes", backup)
        check_eq(rows(site, "alias", "list"), [])


@case("on a terminal the plan is shown, and a no changes nothing")
def _(build):
    with mail_host(build) as site:
        bare = export(site, "bare.jsonl", "--no-hashes")
        site.ctl("user", "add", "ron@example.com", "--no-password")
        for answer, there in (("\n", True), ("n\n", True), ("y\n", False)):
            t = dialogue(site, "apply", "--prune", bare)
            check_in("- user ron@example.com", t.expect("REMOVE 1? [y/N] "))
            site.ctl("domain", "list")  # whoever thinks holds nobody up
            t.type(answer)
            status, text = t.end()
            check_eq(status, NOT if there else DONE, text)
            check_eq("ron@example.com" in site.ctl("user", "list", "--names"), there)


@case("a plan that is no longer true is not carried out")
def _(build):
    with mail_host(build) as site:
        bare = export(site, "bare.jsonl", "--no-hashes")
        site.ctl("user", "add", "ron@example.com", "--no-password")
        for meanwhile in (["user", "add", "tom@example.com", "--no-password"],  # one more would go
                          ["user", "quota", "ron@example.com", "5M"],  # the same one, but not as it was shown
                          ["user", "remove", "tom@example.com"]):
            t = dialogue(site, "apply", "--prune", bare)
            t.expect("[y/N] ")
            site.ctl(*meanwhile)
            before = rows(site, "log")
            t.type("y\n")
            status, text = t.end()
            check_eq(status, AGAIN, text)
            check_in("nothing was done", text)
            check_eq(rows(site, "log"), before)
        t = dialogue(site, "apply", "--prune", bare)
        t.expect("[y/N] ")
        site.ctl("user", "show", HARRY)  # who only looks changes nothing
        t.type("y\n")
        check_eq(t.end()[0], DONE)
        check_eq(site.ctl("user", "list", "--names").split(), [HARRY, SALLY])


@case("a diff names what differs, in an export and in a backup alike")
def _(build):
    with mail_host(build) as site:
        path, backup = export(site), os.path.join(site.tmp, "b.db")
        site.ctl("backup", backup)
        check_eq(site.ctl("diff", backup) + site.ctl("diff", path), "")
        site.ctl("user", "quota", HARRY, "5M")
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin="alohomora\n")
        site.ctl("alias", "add", "info@example.com", "x@y.test")
        site.ctl("alias", "add", "new@example.com", HARRY)
        site.ctl("user", "remove", SALLY, "--force")
        for file in (path, backup):
            done = run(site, "diff", file)
            check_eq(done.returncode, NOT)
            check_eq(sorted(done.stdout.splitlines()), sorted([
                "~ user harry@example.com: passwords, quota 5242880 -> none",
                "~ alias info@example.com: targets -'x@y.test'",
                "- alias new@example.com",
                "+ user sally@example.com"]))
            check_eq(json.loads(run(site, "--json", "diff", file).stdout),
                     {"outcome": "done", "added": 1, "changed": 2, "removed": 1})


@case("passwords that a file says nothing of are no difference")
def _(build):
    with mail_host(build) as site:
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin="alohomora\n")
        bare, whole = export(site, "bare.jsonl", "--no-hashes"), export(site)
        site.ctl("user", "quota", HARRY, "5M")
        change = "~ user %s: quota 5242880 -> none\n" % HARRY
        for command in (["diff", bare], ["diff", whole]):
            check_eq(run(site, *command).stdout, change, command)
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin="something else\n")
        check_eq(run(site, "diff", bare).stdout, change)
        check_eq(run(site, "diff", whole).stdout, change.replace("quota", "passwords, quota"))
        check_in(change, site.ctl("apply", bare))
        check_eq(run(site, "diff", bare).returncode, DONE)


# --- many at a time -------------------------------------------------------------------------------

@case("many are added from standard input, all or none")
def _(build):
    with mail_host(build) as site:
        site.ctl("user", "add", "-", "--no-password", "--quota", "5M",
                 stdin='ron@example.com\n\n# a comment\n"a b"@example.com\n  hermione@example.com  \n')
        check_eq(rows(site, "user", "show", '"a b"@example.com')["quota"], 5 << 20)
        before = rows(site, "log")
        check_eq(len({row["batch"] for row in before[-3:]}), 1)
        done = refused(site, NOT, ["user", "add", "-", "--no-password"],
                       ["line 2: ", "already", "line 3: ", "no domain 'none.example'", "nothing was changed"],
                       stdin="new@example.com\nron@example.com\nx@none.example\nother@example.com\n")
        check("line 1:" not in done.stderr and "line 4:" not in done.stderr, done.stderr)
        check_eq(rows(site, "log"), before)
        site.ctl("alias", "add", "-", stdin="all@example.com ron@example.com harry@example.com\n@example.com x@y.test\n")
        check_eq(rows(site, "alias", "show", "all@example.com")["targets"], ["ron@example.com", HARRY])
        refused(site, USAGE, ["alias", "add", "-"], ["line 1: ", "TARGET is missing"], stdin="x@example.com\n")
        site.ctl("user", "remove", "-", "--force", stdin="ron@example.com\n")
        site.ctl("map", "set", "-", stdin='transports example.net smtp:x\n')
        check_eq(site.ctl("map", "get", "transports", "example.net"), "smtp:x\n")
        site.ctl("undo", "4")
        check_eq(rows(site, "log")[-1]["undoes"] is not None, True)
        for nothing in ("", "# a comment\n\n"):  # is done, and that is said: unless there is no store
            check_eq(json.loads(site.ctl("--json", "alias", "add", "-", stdin=nothing))["outcome"], "done")
            check_eq(run(site, "--store", "sqlite:%s/none/x" % site.tmp, "alias", "add", "-", stdin=nothing).returncode, AGAIN)


@case("whoever takes his time with the lines holds nobody up")
def _(build):
    with mail_host(build) as site:
        many = subprocess.Popen([site.program("vmailctl"), "-c", site.conf, "user", "add", "-", "--no-password"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            many.stdin.write("ron@example.com\n")
            many.stdin.flush()
            wait_until(lambda: not struct.unpack("i", fcntl.ioctl(many.stdin, termios.FIONREAD, bytes(4)))[0],
                       "a line that is read")
            site.ctl("domain", "add", "meanwhile.example")
            check_eq(rows(site, "user", "list", "--match", "ron*"), [])
            said = many.communicate("ginny@example.com", TIMEOUT)
            check_eq((many.returncode, *said), (DONE, "", ""))
        finally:
            many.kill()
            many.wait()
        check_eq([row["address"] for row in rows(site, "user", "list")], ["ginny@example.com", HARRY, "ron@example.com", SALLY])
        before = rows(site, "log")
        refused(site, USAGE, ["user", "add", "-", "--password-stdin"], ["line 1: many are not asked", "--no-password"],
                stdin="tom@example.com\nalohomora\n")
        status, text = typed_lines(site, "user", "add", "-")
        check_eq(status, USAGE, text)
        check_in("many are not asked", text)
        status, text = typed_lines(site, "user", "add", "-", "--no-password")
        check_eq((status, len(rows(site, "log"))), (DONE, len(before) + 1), text)


def typed_lines(site, *arguments):
    t = dialogue(site, *arguments)
    t.type("tom@example.com\n\x04")
    return t.end()


@case("of many lines with --json there is one object, done or refused")
def _(build):
    with mail_host(build) as site:
        for lines, code, outcome, reason in (
                ("new.example\n", DONE, "done", None),
                ("x.example\nnew.example\nexample.com\n", NOT, "refused", "line 2: domain 'new.example' already exists"),
                ("# nothing\na.example b.example\nexample.com\n", USAGE, "refused", "line 2: too many arguments: 2")):
            done = run(site, "--json", "domain", "add", "-", stdin=lines)
            told = json.loads(done.stdout)
            check_eq((done.returncode, told["outcome"], told["what"], told.get("reason")),
                     (code, outcome, "domain add", reason), done.stderr)
            check_eq(done.stderr.count("line "), lines.count("\n") - 1 if code == NOT or code == USAGE else 0, done.stderr)
        done = run(site, "--json", "--dry-run", "domain", "add", "-", stdin="y.example\nexample.com\n")
        check_eq(json.loads(done.stdout)["reason"][:8], "line 2: ")
        with contextlib.closing(sqlite3.connect(site.store, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            done = run(site, "--json", "domain", "add", "-", stdin="y.example\nz.example\n")
            told = json.loads(done.stdout)
            check_eq((done.returncode, told["outcome"], told["reason"][:8]), (AGAIN, "try again", "line 1: "))


@case("a value with blanks comes from standard input without the quotes around it")
def _(build):
    with mail_host(build) as site:
        site.ctl("map", "create", "own")
        kept = {"a": "REJECT not from there", "key with blank": "v", "c": 'say "no" \\ and \\n', "d": 'half"of "it',
                "#e": "plain", "f": '"whole"', "g": "a\\b", '"h i"@example.com': '"x y"@example.com'}
        site.ctl("map", "set", "-", stdin='own a "REJECT not from there"\n# own b c\n\n  own "key with blank" v\n'
                 'own c "say \\"no\\" \\\\ and \\n"\n own d half"of "it \nown "#e" "plain"\nown f "\\"whole\\""\n'
                 'own g "a\\b"\nown "h i"@example.com "\\"x y\\"@example.com"')
        check_eq({row["key"]: row["value"] for row in rows(site, "map", "list", "own")}, kept)
        site.ctl("map", "unset", "-", stdin='own "key with blank"\n"own" "#e"\n')
        check_eq({row["key"] for row in rows(site, "map", "list", "own")}, set(kept) - {"key with blank", "#e"})
        site.ctl("alias", "add", "-", stdin='"#bare" harry@example.com "o p"@else.test\n"o p"@example.com "harry@example.com"\n')
        check_eq(rows(site, "alias", "show", "#bare")["targets"], [HARRY, '"o p"@else.test'])
        check_eq(rows(site, "alias", "show", '"o p"@example.com')["targets"], [HARRY])
        for line in ('own x ""', '"" x y', 'own "" y', 'own x y z', "own x"):
            done = run(site, "map", "set", "-", stdin=line + "\n")
            check(done.returncode in (NOT, USAGE), line, done.stderr)
            check_in("line 1: ", done.stderr, line)


# --- looked at before -----------------------------------------------------------------------------

DRY_RUNS = [
    (["domain", "add", "new.example"], "+ domain new.example\n"),
    (["domain", "set", "example.com", "--delimiters", "-"], "~ domain example.com: delimiters none -> '-'\n"),
    (["domain", "remove", "example.org"], "- domain example.org\n"),
    (["user", "add", "ron@example.com", "--no-password"], "+ user ron@example.com\n"),
    (["user", "quota", HARRY, "1K"], "~ user harry@example.com: quota 0 -> 1024\n"),
    (["user", "state", HARRY, "send-only"], "~ user harry@example.com: state 'active' -> 'send-only'\n"),
    (["user", "remove", HARRY, "--force"], "- user harry@example.com\n"),
    (["alias", "add", "new@example.com", HARRY], '+ alias new@example.com -> ["harry@example.com"]\n'),
    (["alias", "add", "info@example.com", "x@y.test"], "~ alias info@example.com: targets +'x@y.test'\n"),
    (["alias", "set", "info@example.com", "--note", "n"], "~ alias info@example.com: note none -> 'n'\n"),
    (["alias", "remove", "info@example.com", HARRY], "~ alias info@example.com: targets -'harry@example.com'\n"),
    (["map", "create", "mine"], "+ map mine\n"),
    (["map", "set", "transports", "example.net", "smtp:x"], "+ map transports example.net -> 'smtp:x'\n"),
    (["user", "quota", HARRY, "0"], ""),
]


@case("a dry run shows what would change, and changes nothing")
def _(build):
    with mail_host(build) as site:
        before = rows(site, "log")
        for arguments, expected in DRY_RUNS:
            check_eq(site.ctl("--dry-run", *arguments), expected, arguments)
            check_eq(len(json.loads(site.ctl("--json", "--dry-run", *arguments))), int(expected != ""), arguments)
        check_eq(site.ctl("--dry-run", "user", "add", "-", "--no-password", stdin="a@example.com\nb@example.com\n"),
                 "+ user a@example.com\n+ user b@example.com\n")
        # a password that is shown is one that somebody will try
        label = ["app-password", "add", HARRY, "--label", "phone"]
        done = run(site, "--dry-run", *label)
        check_eq((done.returncode, done.stdout), (DONE, "~ app-password harry@example.com: passwords\n"))
        check_eq(done.stderr, "an app password would be made and printed\n")
        done = run(site, "--dry-run", "--json", *label)
        check_eq((done.returncode, done.stderr, len(json.loads(done.stdout))), (DONE, "", 1))
        check_in("phone", done.stdout)
        check("password\":" not in done.stdout, done.stdout)
        check_eq(rows(site, "app-password", "list", HARRY), [])
        lines = "example.net smtp:x\nexample.com smtp:y\n"
        for options, expected in (((), "+ map transports example.net -> 'smtp:x'\n+ map transports example.com -> 'smtp:y'\n"),
                                  (("--json",), None)):
            done = run(site, "--dry-run", *options, "map", "import", "transports", "-", stdin=lines)
            check_eq((done.returncode, done.stderr), (DONE, ""))
            if expected is None:
                check_eq([row["after"]["value"] for row in json.loads(done.stdout)], ["smtp:x", "smtp:y"])
            else:
                check_eq(done.stdout, expected)
        refused(site, NOT, ["--dry-run", "domain", "add", "example.com"], ["already exists"])
        refused(site, USAGE, ["--dry-run", "user", "list"], ["--dry-run"])
        check_eq(rows(site, "log"), before)


# --- taken back -----------------------------------------------------------------------------------

@case("undo takes back the last thing, and then the one before")
def _(build):
    with mail_host(build) as site, site.start() as _, Auth(site.auth) as auth:
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin="alohomora\n")
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin="something else\n")
        check_eq(auth.plain(HARRY, "alohomora").word, "FAIL")
        site.ctl("undo")
        check_eq(auth.plain(HARRY, "alohomora").word, "OK")  # the hash is back
        site.ctl("domain", "remove", "example.org")
        site.ctl("domain", "remove", "example.com", "--all")
        check_eq(rows(site, "user", "list"), [])
        shown = site.ctl("--dry-run", "undo", "2")
        check_in("+ user harry@example.com\n", shown)
        check_in("+ domain example.org", shown)
        check_eq(site.ctl("undo", "2"), shown)
        check_eq([row["address"] for row in rows(site, "user", "list")], [HARRY, SALLY])
        check_eq(rows(site, "alias", "show", "info@example.com")["targets"], [HARRY, SALLY])
        check_eq(auth.plain(HARRY, "alohomora").word, "OK")
        last = rows(site, "log")[-1]["id"]
        check_in("- user sally@example.com\n", site.ctl("undo", "--id", str(last)))
        check_eq(rows(site, "user", "list"), [])
        check_eq(type(rows(site, "undo", "--id", str(rows(site, "log")[-1]["id"]))), dict)


@case("logins are in no log: an undo brings back the mailbox without them")
def _(build):
    with mail_host(build) as site:
        site.ctl("user", "passwd", HARRY, "--password-stdin", stdin="alohomora\n")
        with contextlib.closing(sqlite3.connect(site.store)) as db, db:
            db.execute("INSERT INTO login VALUES (?, '192.0.2.0/24', '', 'imap', 1000000000)", [HARRY])
        before = rows(site, "user", "show", HARRY)
        check(before["last_login"] is not None, before)
        site.ctl("user", "remove", HARRY, "--force")
        site.ctl("undo")
        check_eq(rows(site, "user", "logins", HARRY), [])
        check_eq(rows(site, "user", "show", HARRY), dict(before, last_login=None))


@case("what was changed since is not undone, and that is said")
def _(build):
    with mail_host(build) as site:
        site.ctl("user", "quota", HARRY, "1M")
        first = rows(site, "log")[-1]["id"]
        site.ctl("user", "state", HARRY, "suspended")
        before = rows(site, "log")
        refused(site, NOT, ["undo", "--id", str(first)], ["changed again", "user state", "--force"])
        check_eq(rows(site, "log"), before)
        site.ctl("undo", "--id", str(first), "--force")
        refused(site, NOT, ["undo", "--id", str(first)], ["undone already"])
        refused(site, NOT, ["undo", "--id", "4711"], ["no change 4711"])
        refused(site, USAGE, ["undo", "0"], ["'0'"])
        refused(site, USAGE, ["undo", "1", "--id", "2"], ["one of them"])


# --- the log --------------------------------------------------------------------------------------

@case("the log is filtered by what, who, when and whom")
def _(build):
    with mail_host(build) as site:
        site.ctl("user", "quota", HARRY, "1M")
        subprocess.run([site.program("vmailctl"), "-c", site.conf, "user", "quota", HARRY, "2M"],
                       env=dict(os.environ, SUDO_USER="ginny"), check=True)

        def ids(*arguments):
            return [row["id"] for row in rows(site, "log", *arguments)]

        everything = ids()
        ginny = rows(site, "log")[-1]
        check_eq(ids("--who", ginny["who"]), [ginny["id"]])
        check_eq(ids("--what", "user quota"), everything[-2:])
        check_eq(ids("--what", "user"), [row["id"] for row in rows(site, "log") if row["what"].startswith("user ")])
        check_eq(ids("--what", "use"), [])
        check_eq(ids("Harry@Example.COM"), ids("--match", "harry@*"))
        check_eq(len(ids("harry@example.com")), 3)
        check_eq(ids("--last", "2"), everything[-2:])
        check_eq(ids("--last", "9999"), everything)
        for number in ("0", "00", "-1", "x"):
            refused(site, USAGE, ["log", "--last", number], ["'%s' is no number" % number])
        users = ids("--what", "user")
        check(len(users) > 3 and users != everything[-len(users):], users, everything)
        site.ctl("domain", "add", "later.example")  # and what is asked for is not at the end
        check_eq(ids("--what", "user", "--last", "2"), users[-2:])
        check_eq(ids("--what", "user", "--last", str(len(users) + 1)), users)
        check_eq(ids("--what", "user", "--last", "2", "--after", str(users[-2])), users[-1:])
        check_eq(ids(HARRY, "--last", "1"), ids(HARRY)[-1:])
        check_eq(ids("--match", "harry@*", "--last", "2"), ids(HARRY)[-2:])
        check_eq(ids("--until", "2100-01-01", "--last", "1"), ids()[-1:])
        check_eq(ids("--who", "nobody-such", "--last", "2"), [])
        everything = everything + ids("--last", "1")
        check_eq(ids("--after", str(everything[-2])), everything[-1:])
        check_eq((ids("--since", "1h"), ids("--until", "1h"), ids("--since", "2100-01-01")), (everything, [], []))
        check_eq((ids("--since", "99999m"), ids("--until", "99999m")), (everything, []))
        refused(site, USAGE, ["log", "--since", "yesterday"], ["'yesterday'", "90d", "10m"])


@case("log --follow prints each change as it is made")
def _(build):
    with mail_host(build) as site:
        last = rows(site, "log")[-1]["id"]
        process = subprocess.Popen([site.program("vmailctl"), "-c", site.conf, "log", "--follow", "--after", str(last)],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            site.ctl("user", "quota", HARRY, "1M")
            check_in("~ user harry@example.com: quota 0 -> 1048576", process.stdout.readline())
            site.ctl("domain", "add", "new.example")
            check_in("+ domain new.example", process.stdout.readline())
        finally:
            process.terminate()
            process.wait(TIMEOUT)


# --- ended in the middle --------------------------------------------------------------------------

def under(folder):
    """Every file below FOLDER, but the store's own and the configuration."""
    return {os.path.join(where, name) for where, _, names in os.walk(folder) for name in names
            if not re.match(r"vmail\.db(-wal|-shm)?$|vmaild\.conf$", name)}


@case("an export that a signal ends leaves nothing behind")
def _(build):
    with mail_host(build) as site:
        furnish(site)
        folder = os.path.join(site.tmp, "tables")
        os.mkdir(folder)
        pipe = os.path.join(folder, "mx-recipients")
        os.mkfifo(pipe)  # which it waits to write into, when other files are begun
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process = subprocess.Popen([site.program("vmailctl"), "-c", site.conf, "export", "--format", "postfix", folder])
            try:
                wait_until(lambda: any("mx-domains.new-" in name for name in os.listdir(folder)), "files that are begun")
                wait_until(lambda: waits_to_open(process.pid), "an export that waits")
                process.send_signal(number)
                check_eq(process.wait(TIMEOUT), -number)
            finally:
                process.kill()
                process.wait()
            check_eq(os.listdir(folder), ["mx-recipients"])


def waits_to_open(pid):
    """Asleep, and not for a disk."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        return f.read().rsplit(")", 1)[1].split()[0] == "S"


def has_something(path):
    """Whether the file PATH is there, and not empty: others may remove it at any moment."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.getsize(path) > 0
    return False


def stopped_at(command, path):
    """Run COMMAND until there is something in the file PATH, and stop it there: the process, or None if it was done
    before that."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if has_something(path):
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            break
    if process.poll() is None and os.path.exists(path):
        return process
    process.send_signal(signal.SIGCONT)
    process.wait(TIMEOUT)
    return None


@case("a backup, a restore and a copy that a signal ends leave nothing behind")
def _(build):
    with mail_host(build) as site:
        site.ctl("map", "import", "transports", "-", stdin="".join(
            "x%d.example smtp:[mail%d.example.net]\n" % (i, i) for i in range(3000)))
        good, to = os.path.join(site.tmp, "good.db"), os.path.join(site.tmp, "to.db")
        site.ctl("backup", good)
        before, exported = under(site.tmp), site.ctl("export")
        for arguments, path in ((("backup", to), to + ".part"),
                                (("--yes", "restore", good), site.store + ".restoring.part"),
                                (("copy", "-", to), to)):
            caught = False
            while not caught:
                process = stopped_at([site.program("vmailctl"), "-c", site.conf, *arguments], path)
                if process is not None:
                    process.send_signal(signal.SIGTERM)
                    process.send_signal(signal.SIGCONT)
                    caught = process.wait(TIMEOUT) == -signal.SIGTERM
                if arguments[0] == "copy" and os.path.exists(to):  # just finished
                    check_eq(site.ctl("--store", to, "export"), exported)
                    os.unlink(to)
                    caught = False
                elif caught:
                    # one that was not caught has kept something, which is never empty
                    kept = {path for path in under(site.tmp) if ".before-restore" in path and os.path.getsize(path) > 0}
                    check_eq(under(site.tmp) - kept, before, arguments)
                elif os.path.exists(to):
                    os.unlink(to)
            check_eq(site.ctl("export"), exported)


@case("a copy of what is not there makes nothing")
def _(build):
    with mail_host(build) as site:
        before = under(site.tmp)
        for source in (os.path.join(site.tmp, "nope.db"), site.conf):
            refused(site, AGAIN, ["copy", source, os.path.join(site.tmp, "to.db")], [source])
            check_eq(under(site.tmp), before)


# --- backups --------------------------------------------------------------------------------------

@case("a backup is restored under a running daemon, and no answer is wrong")
def _(build):
    with mail_host(build) as site, site.start(), Socketmap(site.maps) as client:
        one, two = os.path.join(site.tmp, "one.db"), os.path.join(site.tmp, "two.db")
        site.ctl("backup", one)
        site.ctl("user", "add", "ron@example.com", "--no-password")
        site.ctl("user", "remove", SALLY, "--force")
        site.ctl("backup", two)
        wrong, done = [], threading.Event()

        def look():
            with Socketmap(site.maps) as other:
                while not done.is_set():
                    answer = other.ask("mailboxes", HARRY)
                    if answer[0] not in ("OK", "TEMP"):
                        wrong.append(answer)

        looker = threading.Thread(target=look)
        looker.start()
        try:
            for i in range(6):
                site.ctl("--yes", "restore", one if i % 2 == 0 else two)
                there, gone = (SALLY, "ron@example.com") if i % 2 == 0 else ("ron@example.com", SALLY)
                check_eq(client.ask("mailboxes", there)[0], "OK")
                check_eq(client.ask("mailboxes", gone)[0], "NOTFOUND")
        finally:
            done.set()
            looker.join(TIMEOUT)
        check_eq(wrong, [])
        check_eq(site.ctl("check"), "")
        check_eq(rows(site, "log")[-1]["what"], "store restore")
        refused(site, NOT, ["undo", "2"], ["restore"])


@case("a restore asks, and a backup of something else is refused")
def _(build):
    with mail_host(build) as site:
        backup, junk = os.path.join(site.tmp, "b.db"), os.path.join(site.tmp, "junk")
        site.ctl("backup", backup)
        check_eq(stat.S_IMODE(os.stat(backup).st_mode), 0o600)
        refused(site, USAGE, ["restore", backup], ["--yes"])
        refused(site, USAGE, ["--yes", "restore", site.store], ["the store itself"])
        refused(site, NOT, ["backup", site.store], ["the store itself"])
        write_file(junk, "no database\n" * 100)
        refused(site, NOT, ["--yes", "restore", junk], ["'%s' is no backup of a store: nothing was changed" % junk])
        check_eq(site.ctl("user", "list", "--names").split(), [HARRY, SALLY])
        t = dialogue(site, "restore", backup)
        t.expect("[y/N] ")
        t.type("y\n")
        status, text = t.end()
        check_eq(status, DONE, text)
        check(os.path.exists(site.store + ".before-restore"))


@case("a restore overwrites nothing that an earlier one kept")
def _(build):
    def people(path):
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as db:
            return {address for address, in db.execute("SELECT address FROM mailbox")}

    with mail_host(build) as site:
        kept = site.store + ".before-restore"
        wrong, right = os.path.join(site.tmp, "wrong.db"), os.path.join(site.tmp, "right.db")
        site.ctl("backup", wrong)
        site.ctl("user", "add", "ron@example.com", "--no-password")
        site.ctl("backup", right)
        site.ctl("user", "add", "ginny@example.com", "--no-password")
        check_eq(json.loads(site.ctl("--json", "--yes", "restore", wrong)),
                 {"outcome": "done", "what": "restore", "subject": wrong, "kept": kept})
        check_eq(json.loads(site.ctl("--json", "restore", "--dry-run", right))["kept"], kept + "-1")
        check_eq(json.loads(site.ctl("--json", "--yes", "restore", right))["kept"], kept + "-1")
        check_eq(people(kept), {HARRY, SALLY, "ron@example.com", "ginny@example.com"})
        check_eq(people(kept + "-1"), {HARRY, SALLY})
        site.ctl("--yes", "restore", kept)
        check_in("ginny@example.com", site.ctl("user", "list", "--names"))
        check_eq(people(kept), people(site.store))
        check_eq(people(kept + "-2"), {HARRY, SALLY, "ron@example.com"})
        os.unlink(site.store)
        told = json.loads(site.ctl("--json", "--yes", "restore", kept))
        check_eq(told, {"outcome": "done", "what": "restore", "subject": kept})
        check_eq(sorted(n for n in os.listdir(os.path.dirname(site.store)) if "restor" in n),
                 [os.path.basename(kept) + end for end in ("", "-1", "-2")])


@case("one restore at a time")
def _(build):
    with mail_host(build) as site:
        backup = os.path.join(site.tmp, "b.db")
        site.ctl("backup", backup)
        with open(site.store + ".restoring.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            refused(site, AGAIN, ["--yes", "restore", backup], ["another restore is under way"])
            check(not os.path.exists(site.store + ".before-restore"))
        site.ctl("--yes", "restore", backup)
        check(not os.path.exists(site.store + ".restoring.lock"))


@case("what is wrong with a backup is said of the backup, and before anything is asked")
def _(build):
    import sqlite3
    with mail_host(build) as site:
        tmp = site.tmp
        backup = os.path.join(tmp, "b.db")
        site.ctl("backup", backup)
        whole = contents(backup)
        rows_before = rows(site, "log"), sorted(os.listdir(os.path.dirname(site.store)))

        def make(name, data):
            with open(os.path.join(tmp, name), "wb") as f:
                f.write(data)
            return f.name

        foreign, newer = os.path.join(tmp, "foreign.db"), make("newer.db", whole)
        for path, statement in ((foreign, "CREATE TABLE x (y)"), (newer, "PRAGMA user_version = 99")):
            with contextlib.closing(sqlite3.connect(path)) as db:
                db.execute(statement)
        middle = len(whole) // 2
        for path, code, says in (
                (os.path.join(tmp, "nope"), AGAIN, "cannot read the backup"),
                (tmp, AGAIN, "cannot read the backup"),
                (make("empty", b""), NOT, "is empty, and no backup"),
                (make("letters", b"Dear Harry\n" * 1000), NOT, "is no backup of a store"),
                (make("half.db", whole[:middle]), NOT, "the backup '%s' is damaged" % os.path.join(tmp, "half.db")),
                (make("head.db", whole[:200]), NOT, "the backup '%s' is damaged" % os.path.join(tmp, "head.db")),
                (make("torn.db", whole[:4096] + b"\xa5" * (len(whole) - 4096)), NOT, "is damaged: nothing was changed"),
                (foreign, NOT, "is the database of another program, and no backup"),
                (newer, AGAIN, "the backup's schema is of version 99")):
            for options in (("--dry-run",), (), ("--yes",)):  # without an answer: nobody was asked
                done = refused(site, code, [*options, "restore", path], [says])
                check("the store '" not in done.stderr and "[y/N]" not in done.stderr, done.stderr)
                check(path in done.stderr or path == newer, done.stderr)
        check_eq((rows(site, "log"), sorted(os.listdir(os.path.dirname(site.store)))), rows_before)


@case("a dry restore tells what it would do, and changes nothing")
def _(build):
    with mail_host(build) as site:
        backup = os.path.join(site.tmp, "b.db")
        site.ctl("backup", backup)
        site.ctl("user", "add", "ron@example.com", "--no-password")
        before = sorted(os.listdir(os.path.dirname(site.store)))
        text = site.ctl("restore", "--dry-run", backup)
        for line in (r"schema version \d+\.", r"\.before-restore", r"mailboxes +3 +2\n", r"domains +\d+ +\d+\n"):
            check(re.search(line, text), line, text)
        told = json.loads(site.ctl("--json", "restore", "--dry-run", backup))
        check_eq((told["dry_run"], told["now"]["mailboxes"], told["then"]["mailboxes"]), (True, 3, 2))
        check_eq(told["version"], told["becomes"])
        check_eq(sorted(os.listdir(os.path.dirname(site.store))), before)
        check_in("ron@example.com", site.ctl("user", "list", "--names"))
        damaged = os.path.join(site.tmp, "half.db")
        with open(backup, "rb") as whole, open(damaged, "wb") as half:
            half.write(whole.read()[:40960])
        refused(site, NOT, ["restore", "--dry-run", damaged], ["the backup '%s' is damaged" % damaged])
        with open(site.store, "wb") as store:
            store.write(b"no store any more" * 1000)
        done = run(site, "restore", "--dry-run", backup)
        check_eq(done.returncode, DONE, done.stderr)
        check_in("cannot be counted", done.stderr)
        check(re.search(r"mailboxes +0 +2\n", done.stdout), done.stdout)


@case("check names what no lookup would find")
def _(build):
    with mail_host(build) as site:
        check_eq(site.ctl("check"), "")
        db = sqlite3.connect(site.store)
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("UPDATE mailbox SET address = 'Sally@example.com' WHERE address = ?", [SALLY])
        db.execute("UPDATE alias_target SET folded = 'x@example.com' WHERE folded = ?", [HARRY])
        db.execute("INSERT INTO mailbox (address, domain, created) VALUES ('a@none.example', 'none.example', 1)")
        db.commit()
        db.close()
        done = run(site, "check")
        check_eq(done.returncode, NOT, done.stderr)
        for says in ("'Sally@example.com' should be 'sally@example.com'", "not indexed in its canonical form",
                     "leads to a row that is not there"):
            check_in(says, done.stdout)
        check(len(rows_of_check(site)) >= 3)


def rows_of_check(site):
    return json.loads(run(site, "--json", "check").stdout)


# --- long lists -----------------------------------------------------------------------------------

@case("lists by pattern, in pieces, and counted")
def _(build):
    with mail_host(build) as site:
        names = sorted("user%03d@example.com" % i for i in range(120))
        site.ctl("user", "add", "-", "--no-password", stdin="\n".join(names))
        everybody = sorted(names + [HARRY, SALLY])

        def listed(*arguments):
            return site.ctl("user", "list", "--names", *arguments).split()

        check_eq(listed("--match", "user*"), names)
        check_eq(listed("--match", "user05*"), names[50:60])
        check_eq(listed("--match", "*9@*"), names[9::10])
        check_eq(listed("--match", HARRY), [HARRY])
        check_eq(listed("--match", "*", "--limit", "5"), everybody[:5])
        pieces, piece = [], listed("--limit", "50")
        while piece:
            pieces += piece
            piece = listed("--limit", "50", "--after", piece[-1])
        check_eq(pieces, everybody)
        check_eq(site.ctl("user", "list", "--count"), "122\n")
        check_eq(site.ctl("user", "list", "example.com", "--count", "--match", "user*"), "120\n")
        check_eq(rows(site, "alias", "list", "--count"), {"count": 1})
        check_eq(site.ctl("domain", "list", "--count"), "2\n")
        check_eq(site.ctl("domain", "list", "--names", "--match", "*.org"), "example.org\n")
        refused(site, USAGE, ["user", "list", "--limit", "0"], ["'0'"])


@case("lists by pattern and by name, however those are spelled")
def _(build):
    with mail_host(build) as site:
        for domain in ("m\u00fcnchen.example", "stra\u00dfe.example"):
            site.ctl("domain", "add", domain)
        site.ctl("user", "add", "j\u00f6rg@m\u00fcnchen.example", "--no-password")
        site.ctl("alias", "add", "J\u00f6rg", HARRY)
        munich, street = "xn--mnchen-3ya.example", "xn--strae-oqa.example"

        def listed(noun, *arguments):
            return site.ctl(noun, "list", "--names", *arguments).split()

        for pattern, names in (("EXAMPLE*", ["example.com", "example.org"]), ("Example.COM", ["example.com"]),
                               ("m\u00fcnchen*", [munich]), ("M\u00dcN*", [munich]), ("M\u00dcNCHEN.example", [munich]),
                               ("*\u00dfe*", [street]), ("Stra\u00dfe.example", [street]), ("m*", []), ("XN--M*", [munich]),
                               ("*", ["example.com", "example.org", munich, street])):
            check_eq(listed("domain", "--match", pattern), names, pattern)
        jorg = "j\u00f6rg@" + munich
        for pattern, names in (("HARRY@*", [HARRY]), ("J\u00d6*", [jorg]), ("*@M\u00fcnchen.example", [jorg]),
                               ("*@m\u00fcn*", [jorg]), ("J\u00f6rg@m\u00fcnchen.example", [jorg])):
            check_eq(listed("user", "--match", pattern), names, pattern)
        check_eq(listed("alias", "--match", "J\u00d6RG"), ["j\u00f6rg"])
        check_eq(listed("user", "--after", "HARRY@Example.COM", "--limit", "1"), [jorg])
        check_eq(listed("user", "--after", "J\u00d6RG@M\u00dcNCHEN.example"), [SALLY])
        check_eq(listed("domain", "--after", "M\u00dcNCHEN.example"), [street])
        check_eq(listed("alias", "--after", "INFO@example.com"), ["j\u00f6rg"])
        check_eq([row["subject"] for row in rows(site, "log", "--match", "J\u00d6*")], [jorg, "j\u00f6rg"])
        check_eq([row["subject"] for row in rows(site, "log", "--match", "M\u00dcN*")], [munich])
        check_eq(len(rows(site, "log", HARRY.upper())), 1)
        site.ctl("map", "create", "Words")
        site.ctl("map", "set", "Words", "k", "v")
        check_eq([row["subject"] for row in rows(site, "log", "--match", "Words *")], ["Words k"])
        check_eq([row["subject"] for row in rows(site, "log", "Words k")], ["Words k"])


@case("a long table has one heading, and every row")
def _(build):
    with mail_host(build) as site:
        site.ctl("user", "add", "-", "--no-password",
                 stdin="".join("user%04d@example.com\n" % i for i in range(2500)))
        text = site.ctl("user", "list").splitlines()
        check_eq(len(text), 2503)
        check_eq(len([line for line in text if re.match("address ", line)]), 1)
        check_eq({line.index("active") for line in text[1:1000]}, {text[1].index("active")})


@case("before many go one is asked on a terminal, with their number")
def _(build):
    with mail_host(build) as site:
        site.ctl("domain", "remove", "example.org")
        t = dialogue(site, "domain", "remove", "example.com", "--all")
        t.expect("with 2 mailboxes and 1 aliases? [y/N] ")
        t.type("n\n")
        status, text = t.end()
        check_eq(status, NOT, text)
        check_eq(site.ctl("user", "list", "--count"), "2\n")
        status, text = dialogue(site, "--yes", "domain", "remove", "example.com", "--all").end()
        check_eq(status, DONE, text)
        check_eq(site.ctl("user", "list", "--count"), "0\n")
