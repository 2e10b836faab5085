# SPDX-License-Identifier: ISC
#
# contrib/dovecot/vmaild.lua below a real Dovecot 2.4, with a vmaild that says strange things, says them slowly, or
# says half of them. With a real vmaild it is in ways.py.

from cases import case, rows
from harness import Auth, check_eq, check_in
from mailhost import PASSWORDS
from puppet import GREETING, standing_stage

HARRY = "harry@example.test"
SECRET = PASSWORDS[HARRY]

TEMPORARY, WRONG = "[UNAVAILABLE]", "[AUTHENTICATIONFAILED]"


@rows([
    # name, what vmaild says to a login, what IMAP says to that
    ("lua, a login: cannot tell", "FAIL\t1\tuser=harry\tcode=temp_fail\n", TEMPORARY),
    ("lua, a login: wrong", "FAIL\t1\tuser=harry\n", WRONG),
    ("lua, a login: wrong, and nothing more", "FAIL\t1\n", WRONG),
    ("lua, a login: refused, with a reason", "FAIL\t1\treason=no, no\n", "[CONTACTADMIN] no, no"),
    ("lua, a login: disabled", "FAIL\t1\tcode=user_disabled\n", WRONG),
    ("lua, a login: right, but told to stay out", "OK\t1\tuser=harry@example.test\tnologin\treason=later\n",
     "[CONTACTADMIN] later"),
    ("lua, a login: not understood", "FAIL\t1\tcode=misuse\treason=malformed response\n", TEMPORARY),
    ("lua, a login: a code of another day", "FAIL\t1\tcode=moon\n", TEMPORARY),
    ("lua, a login: no to another question", "FAIL\t2\n", TEMPORARY),
    ("lua, a login: yes to another question", "OK\t2\tuser=harry@example.test\n", TEMPORARY),
    ("lua, a login: a question in return", "CONT\t1\t\n", TEMPORARY),
    ("lua, a login: a word of another protocol", "USER\t1\tharry@example.test\tuid=8\n", TEMPORARY),
    ("lua, a login: an empty line", "\n", TEMPORARY),
    ("lua, a login: half a line, and the end", "FAIL\t1", TEMPORARY),
    ("lua, a login: nothing at all", "", TEMPORARY),
], version="2.4")
def login(host, answer, wanted):
    puppet, server = standing_stage(host)
    puppet.says["auth"] = answer
    check_in(wanted, server.refusal(HARRY, SECRET))


@rows([
    ("lua, a login for Postfix: refused, with a reason", "FAIL\t1\treason=no, no\n"),
    ("lua, a login for Postfix: right, but told to stay out", "OK\t1\tuser=harry@example.test\tnologin\n"),
], version="2.4")
def by_postfix(host, answer):
    puppet, server = standing_stage(host)
    puppet.says["auth"] = answer
    with Auth(server.top + "/run/auth-client") as client:
        reply = client.plain(HARRY, SECRET, "smtp")
        check_eq((reply.word, reply.named.get("code")), ("FAIL", "user_disabled"), reply)


@rows([
    # name, what vmaild says to a lookup, how doveadm user ends
    ("lua, a lookup: somebody", "USER\t1\tharry@example.test\tuid=8\tgid=8\thome=/a\001tb\n", 0),
    ("lua, a lookup: nobody", "NOTFOUND\t1\n", 67),
    ("lua, a lookup: cannot tell", "FAIL\t1\n", 75),
    ("lua, a lookup: nobody, to another question", "NOTFOUND\t2\n", 75),
    ("lua, a lookup: somebody, to another question", "USER\t2\tharry@example.test\tuid=8\n", 75),
    ("lua, a lookup: a strange word", "HELLO\t1\n", 75),
    ("lua, a lookup: half a line, and the end", "NOTFOUND\t1", 75),
], version="2.4")
def lookup(host, answer, wanted):
    puppet, server = standing_stage(host)
    puppet.says["userdb"] = answer
    status, text = server.doveadm("user", HARRY)
    check_eq(status, wanted, text)
    if wanted == 0:
        check_in("home\t/a\tb\n", text)


@rows([
    # name, what vmaild says when asked for everybody, how doveadm user '*' ends
    ("lua, everybody: nobody at all", "DONE\t1\n", 0),
    ("lua, everybody: two", "LIST\t1\ta@example.test\nLIST\t1\tb@example.test\nDONE\t1\n", 0),
    ("lua, everybody: one, and a failure", "LIST\t1\ta@example.test\nDONE\t1\tfail\n", 75),
    ("lua, everybody: one, and the end", "LIST\t1\ta@example.test\nLIST\t1", 75),
    ("lua, everybody: one without a name", "LIST\t1\nDONE\t1\n", 75),
], version="2.4")
def everybody(host, answer, wanted):
    puppet, server = standing_stage(host)
    puppet.says["userdb"] = answer
    status, text = server.doveadm("user", "*")
    check_eq(status, wanted, text)
    if wanted == 0:
        check_eq(len(text.split()), answer.count("LIST"))


@case("lua: a socket where another version of the protocol is spoken", version="2.4")
def _(host):
    puppet, server = standing_stage(host)
    puppet.greets = {name: text.replace(b"VERSION\t1", b"VERSION\t2") for name, text in GREETING.items()}
    check_in(TEMPORARY, server.refusal(HARRY, SECRET))
    check_eq(server.doveadm("user", HARRY)[0], 75)
    check_in("speaks another version", server.log.text())


@case("lua: an answer that comes a byte at a time and never ends: temporary, by the script's deadline", version="2.4")
def _(host):
    puppet, server = standing_stage(host)
    puppet.dribbles.set()
    check_in(TEMPORARY, server.refusal(HARRY, SECRET))
    puppet.reset()
    check_eq(server.doveadm("user", HARRY)[0], 0)


@case("lua: an auth worker that is not root", version="2.4")
def _(host):
    server = host.dovecot_by("--passdb", "lua", more="service auth-worker {\n  user = $SET:default_internal_user\n}\n")
    server.login(HARRY, SECRET).logout()
    check_in(WRONG, server.refusal(HARRY, "wrong"))
    check_eq(server.doveadm("user", HARRY)[0], 0)
