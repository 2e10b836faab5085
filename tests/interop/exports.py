# SPDX-License-Identifier: ISC
#
# What vmailctl writes for the day without vmaild: tables that the real postmap takes, with vmaild's own answers.

import os
import shutil

from cases import case
from dovecot import VERSION, Dovecot
from harness import check, check_eq, check_in
from mailhost import PASSWORDS

MAPS = ("domains", "alias-domains", "relay-domains", "mailboxes", "aliases")


def exported(host):
    """The folder of the tables, each made by postmap: (folder, {name: [(key, value)]})."""
    folder = os.path.join(host.site.tmp, "tables")
    host.site.ctl("export", "--format", "postfix", folder)
    found = {}
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.endswith(".db"):
            continue
        with open(path, encoding="utf-8") as f:
            found[name] = [tuple(line.rstrip("\n").split("\t", 1)) for line in f if not line.startswith("#")]
        kind = "regexp" if name in ("patterns", "mx-patterns") else "hash"
        if kind == "hash":
            done = host.postfix.run("postmap", "hash:" + path)
            check_eq((done.returncode, done.stderr), (0, ""), name)
    return folder, found


@case("exported tables: postmap takes them, and they answer what vmaild answers")
def _(host):
    folder, tables = exported(host)
    asked = 0
    for name in MAPS:
        for key, value in tables[name]:
            if key.startswith("@"):
                continue  # Postfix never asks vmaild for those
            status, answer, _ = host.postfix.postmap("hash:%s/%s" % (folder, name), key)
            check_eq((status, answer), (0, value), name, key)
            status, other, trouble = host.postfix.postmap("socketmap:unix:%s:%s" % (host.maps, name), key)
            if name == "aliases" and value == key:
                check_eq((status, other), (1, ""), "a mailbox that is kept from a catch-all:", key, trouble)
            elif name == "aliases":
                check_eq(other, value, key, trouble)
            else:
                check_eq(status, 0, name, key, trouble)
            asked += 1
    check(asked > 10, asked)


@case("exported tables: a catch-all does not take what has a mailbox, and stand-ins stand in")
def _(host):
    _, tables = exported(host)
    aliases = dict(tables["aliases"])
    check_eq(aliases["real@catch.test"], "real@catch.test")
    check_eq(aliases["@catch.test"], "rest@catch.test")
    check_eq(aliases["@old.test"], "@example.test")
    check("harry@example.test" not in aliases)


@case("exported tables: a secondary MX accepts whom we accept")
def _(host):
    folder, tables = exported(host)
    recipients = dict(tables["mx-recipients"])
    for address in ("harry@example.test", "team@example.test", "harry@old.test", "team@old.test", "sales@lists.test",
                    "@catch.test"):
        check_in(address, recipients)
    check("nobody@example.test" not in recipients and "@old.test" not in recipients)
    for domain in ("example.test", "old.test", "lists.test", "catch.test"):
        check_in(domain, dict(tables["mx-domains"]))


@case("exported tables: a secondary MX accepts whom a pattern takes, and nobody else")
def _(host):
    for alias in ("sales-*@example.test", "a.b+*c@example.test"):
        host.site.ctl("alias", "add", alias, "harry@example.test")
    try:
        folder, _ = exported(host)
    finally:
        for alias in ("sales-*@example.test", "a.b+*c@example.test"):
            host.site.ctl("alias", "remove", alias)
    for address, is_taken in (("sales-x@example.test", True), ("SALES-@example.test", True), ("sales-x@old.test", True),
                              ("a.b+1c@old.test", True), ("sales@example.test", False), ("a.bb1c@example.test", False),
                              ("axb+1c@example.test", False), ("pre-sales-x@example.test", False),
                              ("sales-x@example.test.other", False), ("sales-x@exampleXtest", False),
                              ("sales-x@lists.test", False)):
        status, answer, _ = host.postfix.postmap("regexp:%s/mx-patterns" % folder, address)
        check_eq((status, answer), (0, "x") if is_taken else (1, ""), address)


@case("exported tables: what has a name that no table can have is in none, and postmap has no word to say")
def _(host):
    names = ("#x@catch.test", '"a b"@catch.test')
    for name in names:
        host.site.ctl("user", "add", name, "--no-password")
    host.site.ctl("map", "create", "free")
    for key in ("key with blank", " lead", "plain"):
        host.site.ctl("map", "set", "free", key, "x y")
    try:
        folder, tables = exported(host)
    finally:
        host.site.ctl("map", "remove", "free")
        for name in names:
            host.site.ctl("user", "remove", name)
    check_eq(tables["free"], [("plain", "x y")])
    check_eq(host.postfix.postmap("hash:%s/mailboxes" % folder, '"a b"@catch.test')[:2], (0, '"a b"@catch.test'))
    for name in tables:
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            check("#x@" not in f.read(), name)


FILES = {"2.3": "%s {\n  driver = passwd-file\n  args = %s\n}\n", "2.4": "%s passwd-file {\n  passwd_file_path = %s\n}\n"}


@case("an exported passwd-file: who may not send is refused when Postfix asks, who may not read when IMAP does")
def _(host):
    ctl = host.site.ctl
    may = {"active": (True, True), "receive-only": (True, False), "send-only": (False, True), "suspended": (False, False)}
    path = os.path.join(host.tmp, "states")
    for state in may:
        ctl("user", "add", state + "@example.test", "--password-stdin", stdin="pass word\n")
        ctl("user", "state", state + "@example.test", state)
    ctl("user", "set", "receive-only@example.test", "--networks", "10.0.0.0/8,2001:db8::/32")
    ctl("import", "--from", "passwd-file", "--keep-clear", "-", stdin="colon@example.test:{PLAIN.B64}cDpxOnI=\n")
    try:
        ctl("export", "--format", "dovecot", path)
    finally:
        for name in [*may, "colon"]:
            ctl("user", "remove", name + "@example.test")
    shutil.chown(path, "dovecot")
    dovecot = Dovecot(os.path.join(host.tmp, "states.d"))
    dovecot.configure("".join(FILES[VERSION] % (kind, path) for kind in ("passdb", "userdb")))
    dovecot.start()
    try:
        def login(who, service, password="pass word", address="10.1.2.3"):
            status, said = dovecot.doveadm("auth", "test", "-x", "service=" + service, "-x", "rip=" + address,
                                           who + "@example.test", password)
            return status == 0 and not (service != "smtp" and "nologin" in said)

        for state in may:
            check_eq((login(state, "imap"), login(state, "smtp")), may[state], state)
        for service, result in (("imap", True), ("sieve", True), ("submission", False), ("smtp", False)):
            check_eq(login("receive-only", service, address="2001:db8::7"), result, service)
            check_eq(login("receive-only", service, address="192.0.2.9"), False, service)
        check_eq((login("colon", "imap", "p:q:r"), login("colon", "imap", "p")), (True, False))
    finally:
        dovecot.stop()


@case("an exported passwd-file: Dovecot takes the passwords, and from where vmaild would", version="2.3")
def _(host):
    harry, home, away = "harry@example.test", "10.1.2.3", "192.0.2.9"
    mail = "maildir:~/elsewhere:INDEX=/var/empty"
    path = os.path.join(host.tmp, "passwd-file")
    host.site.ctl("user", "set", harry, "--networks", "10.0.0.0/8,2001:db8::/32", "--mail", mail)
    try:
        host.site.ctl("export", "--format", "dovecot", path)
    finally:
        host.site.ctl("user", "set", harry, "--networks", "", "--mail", "")
    shutil.chown(path, "dovecot")
    dovecot = Dovecot(os.path.join(host.tmp, "passwd-file.d"))
    dovecot.configure("".join("%s {\n  driver = passwd-file\n  args = %s\n}\n" % (kind, path)
                              for kind in ("passdb", "userdb")))
    dovecot.start()
    try:
        def login(who, password, address):
            return dovecot.doveadm("auth", "test", "-x", "rip=" + address, who, password)[0]

        check_eq([login(harry, PASSWORDS[harry], address) == 0 for address in (home, "2001:db8::7", away)],
                 [True, True, False])
        check(login(harry, "wrong", home) != 0, "a wrong password")
        check_eq(login("sally@example.test", PASSWORDS["sally@example.test"], away), 0)
        status, said = dovecot.doveadm("user", "-f", "mail", harry)
        check_eq((status, said.strip()), (0, mail))
    finally:
        dovecot.stop()
