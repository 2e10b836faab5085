# SPDX-License-Identifier: ISC
#
# Who may log in: IMAP and doveadm by the way that config dovecot takes for this Dovecot (the checkpassword helper in
# 2.3, Lua in 2.4), SASL in Postfix straight against vmaild.

import contextlib
import imaplib
import re
import sqlite3

import dovecot
import memory
from cases import case, rows
from harness import TIMEOUT, Auth, b64, check, check_eq, check_in, wait_until
from mailhost import PASSWORDS

HARRY, SALLY, ODD = "harry@example.test", "sally@example.test", "odd@example.test"
FRED, GEORGE = "fred@example.test", "george@example.test"
SECRET = PASSWORDS[HARRY]


# --- IMAP

@case("IMAP: the mail that came is read")
def _(host):
    mark, _, _ = host.deliver("post+inbox@example.test")
    imap = host.dovecot.login(HARRY, SECRET)
    imap.select("INBOX")
    numbers = imap.search(None, "SUBJECT", mark)[1][0].split()
    check_eq(len(numbers), 1)
    check_in("Hello, this is %s." % mark, imap.fetch(numbers[0], "(BODY[TEXT])")[1][0][1].decode())
    imap.logout()


@case("IMAP: capitals in the login name do not matter")
def _(host):
    host.dovecot.login("Harry@Example.Test", SECRET).logout()


@case("IMAP: a password of blanks, quotes, percent signs and UTF-8")
def _(host):
    imap = imaplib.IMAP4("127.0.0.1", host.dovecot.port, timeout=TIMEOUT)
    imap.authenticate("PLAIN", lambda _: ("\0%s\0%s" % (ODD, PASSWORDS[ODD])).encode())
    imap.logout()


@rows([
    ("IMAP: a wrong password fails", HARRY, "wrong"),
    ("IMAP: another user's password fails", HARRY, PASSWORDS[SALLY]),
    ("IMAP: an unknown user fails alike", "nobody@example.test", SECRET),
    ("IMAP: an alias is no login", "post@example.test", SECRET),
    ("IMAP: a name without a domain is no login", "harry", SECRET),
])
def fails(host, user, password):
    check_in("[AUTHENTICATIONFAILED] Authentication failed.", host.dovecot.refusal(user, password))


@case("IMAP: an unknown user and a wrong password get the same words")
def _(host):
    check_eq(host.dovecot.refusal("nobody@example.test", "wrong"), host.dovecot.refusal(HARRY, "wrong"))


@case("twenty logins sent in one go are each answered right")
def _(host):
    with Auth(host.dovecot.top + "/run/auth-client") as client:
        wanted = {}
        for n in range(20):
            password, word = (SECRET, "OK") if n % 2 == 0 else ("wrong", "FAIL")
            wanted[client.start("PLAIN", "\0%s\0%s" % (HARRY, password))] = word
        replies = [client.answer() for _ in wanted]
        check_eq({reply.id: reply.word for reply in replies}, wanted, replies)
        check(not [reply for reply in replies if "code" in reply.named], replies)


@case("a changed password counts from the next login on")
def _(host):
    host.site.ctl("user", "passwd", SALLY, "--password-stdin", stdin="new words\n")
    host.dovecot.login(SALLY, "new words").logout()
    check_in("AUTHENTICATIONFAILED", host.dovecot.refusal(SALLY, PASSWORDS[SALLY]))
    host.site.ctl("user", "passwd", SALLY, "--password-stdin", stdin=PASSWORDS[SALLY] + "\n")
    host.dovecot.login(SALLY, PASSWORDS[SALLY]).logout()


# --- doveadm

@rows([
    ("doveadm auth test: the right password", HARRY, SECRET, 0),
    ("doveadm auth test: a wrong one", HARRY, "wrong", 77),
    ("doveadm auth test: an unknown user", "nobody@example.test", SECRET, 77),
])
def auth_test(host, user, password, wanted):
    status, text = host.dovecot.doveadm("auth", "test", user, password)
    check_eq(status, wanted, text)


@case("doveadm user: where a mailbox lives")
def _(host):
    status, text = host.dovecot.doveadm("user", HARRY)
    check_eq(status, 0, text)
    found = dict(line.split("\t", 1) for line in text.splitlines())
    check_eq((found["uid"], found["gid"], found["home"]),
             (str(host.owner.pw_uid), str(host.owner.pw_gid), host.mail + "/example.test/harry"))


@case("doveadm user: exit 67 for an unknown one")
def _(host):
    status, text = host.dovecot.doveadm("user", "nobody@example.test")
    check_eq(status, 67, text)


@case("doveadm user through the userdb socket: the same place")
def _(host):
    socket = "auth_socket_path=" + host.userdb
    answers = [host.dovecot.doveadm(*options, "user", HARRY) for options in ((), ("-o", socket))]
    check_eq(*((status, sorted(text.splitlines())) for status, text in answers))
    check_eq(host.dovecot.doveadm("-o", socket, "user", "nobody@example.test")[0], 67)


@case("doveadm user '*' through the userdb socket lists every mailbox")
def _(host):
    status, text = host.dovecot.doveadm("-o", "auth_socket_path=" + host.userdb, "user", "*")
    check_eq((status, sorted(text.split())), (0, sorted(PASSWORDS)))


# --- Postfix SASL, with no Dovecot in between

def plain(session, user, password):
    """AUTH PLAIN with the initial response: (code, text)."""
    return session.command("AUTH PLAIN " + b64("\0%s\0%s" % (user, password)))


def plain_in_two_steps(session, user, password):
    code, text = session.command("AUTH PLAIN")
    check_eq(code, 334, text)
    return session.command(b64("\0%s\0%s" % (user, password)))


def login(session, user, password):
    """AUTH LOGIN: (code, text)."""
    for line in ("AUTH LOGIN", b64(user)):
        code, text = session.command(line)
        check_eq(code, 334, text)
    return session.command(b64(password))


@case("SASL: smtpd offers PLAIN and LOGIN, from vmaild's socket below the queue directory")
def _(host):
    check_in("smtpd_sasl_path = " + host.auth, host.postfix_lines, "what vmailctl tells people to write")
    with host.postfix.session(host.submission) as session:
        check_eq(set(session.esmtp_features["auth"].split()), {"PLAIN", "LOGIN"})
        check(host.postfix.is_chrooted("smtpd"), "smtpd is not chrooted here")


@case("SASL: no login without TLS, by the lines that vmailctl prints")
def _(host):
    with host.postfix.session() as session:
        check("auth" not in session.esmtp_features, session.esmtp_features)


@rows([
    ("SASL PLAIN: the right password", plain, HARRY, SECRET, 235),
    ("SASL PLAIN in two steps: the right password", plain_in_two_steps, HARRY, SECRET, 235),
    ("SASL LOGIN: the right password", login, HARRY, SECRET, 235),
    ("SASL PLAIN: a password of blanks, quotes, percent signs and UTF-8", plain, ODD, PASSWORDS[ODD], 235),
    ("SASL LOGIN: a password of blanks, quotes, percent signs and UTF-8", login, ODD, PASSWORDS[ODD], 235),
    ("SASL PLAIN: a wrong password", plain, HARRY, "wrong", 535),
    ("SASL LOGIN: a wrong password", login, HARRY, "wrong", 535),
    ("SASL PLAIN: an unknown user", plain, "nobody@example.test", SECRET, 535),
    ("SASL LOGIN: an unknown user", login, "nobody@example.test", SECRET, 535),
])
def sasl(host, mechanism, user, password, wanted):
    with host.postfix.session(host.submission) as session:
        code, text = mechanism(session, user, password)
        check_eq(code, wanted, text)


@case("SASL: a wrong password and an unknown user get the same words")
def _(host):
    with host.postfix.session(host.submission) as session:
        check_eq(plain(session, "nobody@example.test", "wrong"), plain(session, HARRY, "wrong"))


def come_from(session, address):
    """Let Postfix believe that the client of SESSION is at ADDRESS."""
    check_eq(session.command("XCLIENT ADDR=%s NAME=[UNAVAILABLE]" % address)[0], 220)
    session.ehlo()


def guess_until_throttled(host, user, address):
    """Try wrong passwords until Postfix is told to say something else than 535: what it says."""
    for i in range(20):
        with host.postfix.session(host.submission) as session:
            come_from(session, address)
            code, text = plain(session, user, "guess %d" % i)
        if code != 535:
            return code, text
    return 535, "twenty times"


@case("SASL: who guesses is told 454 in the end, with the right password as well; elsewhere it is good")
def _(host):
    code, text = guess_until_throttled(host, FRED, "192.0.2.7")
    check_eq(code, 454, text)
    with host.postfix.session(host.submission) as session:
        come_from(session, "192.0.2.8")  # the same network
        code, text = plain(session, FRED, PASSWORDS[FRED])
        check_eq(code, 454, text)
    with host.postfix.session(host.submission) as session:
        come_from(session, "192.0.2.7")
        check_eq(plain(session, SALLY, PASSWORDS[SALLY])[0], 235, "somebody else from there")
    with host.postfix.session(host.submission) as session:
        come_from(session, "198.51.100.7")
        check_eq(plain(session, FRED, PASSWORDS[FRED])[0], 235)


@case("SASL: the owner gets in when the wait is over, though he kept asking")
def _(host):
    check_eq(guess_until_throttled(host, GEORGE, "203.0.113.7")[0], 454)

    def gets_in():
        with host.postfix.session(host.submission) as session:
            come_from(session, "203.0.113.9")
            return plain(session, GEORGE, PASSWORDS[GEORGE])[0] == 235
    wait_until(gets_in, "the owner to get in")


@case("SASL: logins from the mailbox's networks only, by the client's address that Postfix tells")
def _(host):
    def allow(networks):
        with contextlib.closing(sqlite3.connect(host.site.store)) as db, db:
            db.execute("UPDATE mailbox SET networks = ? WHERE address = ?", (networks, ODD))
    allow("192.0.2.0/24")
    try:
        for address, password, wanted, said in (
                ("192.0.2.7", PASSWORDS[ODD], 235, "successful"),
                ("198.51.100.7", PASSWORDS[ODD], 535, "not allowed from this network"),
                ("198.51.100.7", "wrong", 535, "authentication failed")):
            with host.postfix.session(host.submission) as session:
                come_from(session, address)
                code, text = plain(session, ODD, password)
                check_eq(code, wanted, text)
                check_in(said, text)
        with host.postfix.session(host.submission) as session:
            come_from(session, "198.51.100.7")
            check("network" not in plain(session, ODD, "wrong")[1], "told to one who does not know the password")
    finally:
        allow(None)


@case("SASL: a suspended user is told why, who guesses is not")
def _(host):
    host.site.ctl("user", "state", ODD, "suspended", "--reason", "unpaid bill")
    try:
        with host.postfix.session(host.submission) as session:
            code, text = plain(session, ODD, PASSWORDS[ODD])
            check_eq(code, 535, text)
            check_in("unpaid bill", text)
            check("bill" not in plain(session, ODD, "wrong")[1], "told to one who does not know the password")
    finally:
        host.site.ctl("user", "state", ODD, "active")


@case("an app password for smtp is good in Postfix, and in IMAP it is not; and the other way round")
def _(host):
    def added(label, service):
        out = host.site.ctl("user", "app-password", "add", HARRY, "--label", label, "--service", service)
        return re.search(r"\b[a-z]{4}(?:-[a-z]{4}){5}\b", out)[0]
    sender, reader = added("sender", "smtp"), added("reader", "imap")
    with host.postfix.session(host.submission) as session:
        check_eq(plain(session, HARRY, sender)[0], 235)
    with host.postfix.session(host.submission) as session:
        code, text = login(session, HARRY, reader)
        check_eq(code, 535, text)
        check_in("not for this service", text)
    host.dovecot.login(HARRY, reader).logout()
    # by lua the reason is told, by the helper it cannot be
    check_in({"2.3": "AUTHENTICATIONFAILED", "2.4": "CONTACTADMIN"}[dovecot.VERSION],
             host.dovecot.refusal(HARRY, sender))


@case("no password stays with vmaild after logins through Postfix and Dovecot")
def _(host):
    memory.need_search(host.site.program("vmaild"))

    def clean(what):
        check_eq(memory.traces([host.vmaild.pid] + host.vmaild.supervisors() + host.vmaild.workers(), password), [], what)
    password = memory.secret(1)
    host.site.ctl("user", "passwd", FRED, "--password-stdin", stdin=password + "\n")
    try:
        with host.postfix.session(host.submission) as session:
            come_from(session, "198.51.100.7")
            check_eq(plain(session, FRED, password)[0], 235)
            clean("PLAIN by Postfix")
        with host.postfix.session(host.submission) as session:
            come_from(session, "198.51.100.7")
            check_eq(login(session, FRED, password)[0], 235)
            clean("LOGIN by Postfix")
        imap = host.dovecot.login(FRED, password)
        clean("IMAP by Dovecot's helper")
        imap.logout()
        password = memory.secret(2)
        check_in("AUTHENTICATIONFAILED", host.dovecot.refusal(FRED, password))
        clean("a wrong one")
    finally:
        host.site.ctl("user", "passwd", FRED, "--password-stdin", stdin=PASSWORDS[FRED] + "\n")


@case("SASL: who has logged in sends mail that arrives")
def _(host):
    with host.postfix.session(host.submission) as session:
        check_eq(plain(session, HARRY, SECRET)[0], 235)
        session.envelope(HARRY, SALLY)
        queue_id = session.content("Subject: by submission\n\nHello.\n")
    check_in("status=sent", "\n".join(host.postfix.wait_removed(queue_id)))


# --- senders

@rows([
    # name, who is logged in, who he says he is, may he
    ("sender: oneself", HARRY, HARRY, True),
    ("sender: oneself with a tag", HARRY, "harry+tag@example.test", True),
    ("sender: an own alias", HARRY, "post@example.test", True),
    ("sender: an alias with several people, the first", HARRY, "team@example.test", True),
    ("sender: an alias with several people, the second", SALLY, "team@example.test", True),
    ("sender: an alias of aliases", SALLY, "all@example.test", True),
    ("sender: an alias in another domain", HARRY, "sales@lists.test", True),
    ("sender: oneself in an alias domain", HARRY, "harry@old.test", True),
    ("sender: the owner of a catch-all, any address of it", "rest@catch.test", "whoever@catch.test", True),
    ("sender: not another user", HARRY, SALLY, False),
    ("sender: not another user's alias", SALLY, "post@example.test", False),
    ("sender: not another user with a tag", HARRY, "sally+harry@example.test", False),
    ("sender: not a mailbox beside the own catch-all", "rest@catch.test", "real@catch.test", False),
    ("sender: not somebody who does not exist", HARRY, "nobody@example.test", False),
    ("sender: not another user in an alias domain", HARRY, "sally@old.test", False),
])
def sender(host, user, address, allowed):
    with host.postfix.session(host.submission) as session:
        check_eq(plain(session, user, PASSWORDS[user])[0], 235)
        check_eq(session.command("MAIL FROM:<%s>" % address)[0], 250)
        code, text = session.command("RCPT TO:<%s>" % SALLY)
        check_eq(code, 250 if allowed else 553, text)
        check_in("Ok" if allowed else "not owned by user " + user, text)


@case("sender: the owner may not be used without logging in")
def _(host):
    with host.postfix.session(host.submission) as session:
        check_eq(session.command("MAIL FROM:<%s>" % HARRY)[0], 250)
        code, text = session.command("RCPT TO:<%s>" % SALLY)
        check_eq(code, 553, text)
        check_in("not logged in", text)
