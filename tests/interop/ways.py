# SPDX-License-Identifier: ISC
#
# Every way of `vmailctl config dovecot` for the Dovecot that is installed, by a Dovecot that has been given exactly
# what is printed: who may log in, where mail lives, quotas, delivery, the list of all users, and each kind of
# failure in the words of IMAP, doveadm and LMTP.

import contextlib
import glob
import imaplib
import os
import re
import signal
import smtplib
import subprocess
import uuid

import dovecot
from cases import case, rows
from closed_lists import state
from harness import TIMEOUT, Auth, Skip, check, check_eq, check_in, write_file
from mailhost import PASSWORDS, letter
from outages import auth_worker_stopped

HARRY, SALLY = "harry@example.test", "sally@example.test"
SECRET = PASSWORDS[HARRY]
NOBODY = "nobody@example.test"

# The first of a version is what `config dovecot` takes by itself.
WAYS = {"2.3": ["checkpassword", "sql"], "2.4": ["lua", "sql"]}
HERE = WAYS.get(dovecot.VERSION, WAYS["2.3"])


def by(host, way):
    """The Dovecot that goes this way."""
    if way == "sql" and not dovecot.has_sqlite():
        raise Skip("needs Dovecot's sqlite driver (dovecot-sqlite)")
    return host.dovecot if way == HERE[0] else host.dovecot_by("--passdb", way)


def each_way(name, *only):
    """Decorator: FUNCTION(host, its Dovecot, way) as a case for every way, or for those of ONLY that there are."""
    def register(function):
        for way in HERE:
            if not only or way in only:
                case("%s: %s" % (way, name))(lambda host, way=way: function(host, by(host, way), way))
        return function
    return register


# --- who may log in

@each_way("the right password")
def _(host, server, way):
    for user, password in PASSWORDS.items():
        imap = imaplib.IMAP4("127.0.0.1", server.port, timeout=TIMEOUT)
        imap.authenticate("PLAIN", lambda _: ("\0%s\0%s" % (user, password)).encode())
        imap.logout()


@each_way("a name without a domain, where Dovecot is told one")
def _(host, server, way):
    realm = {"2.3": "auth_default_realm", "2.4": "auth_default_domain"}[dovecot.VERSION]
    server = host.dovecot_by("--passdb", way, more=realm + " = example.test\n")
    server.login("harry", SECRET).logout()
    server.login(HARRY, SECRET).logout()


@each_way("the wrong password, and nobody")
def _(host, server, way):
    words = {server.refusal(*who) for who in ((HARRY, "wrong"), (HARRY, PASSWORDS[SALLY]), (NOBODY, SECRET))}
    check_eq(words, {"b'[AUTHENTICATIONFAILED] Authentication failed.'"})


@each_way("doveadm auth test: exit 0, 77 and 77")
def _(host, server, way):
    for user, password, wanted in ((HARRY, SECRET, 0), (HARRY, "wrong", 77), (NOBODY, SECRET, 77)):
        status, text = server.doveadm("auth", "test", user, password)
        check_eq(status, wanted, text)


def asks_auth(server, user, password, service):
    """What Dovecot's own auth process says to a login: its AuthReply."""
    with Auth(server.top + "/run/auth-client") as client:
        return client.plain(user, password, service)


@each_way("twenty logins sent in one go are each answered right")
def _(host, server, way):
    with Auth(server.top + "/run/auth-client") as client:
        wanted = {}
        for n in range(20):
            password, word = (SECRET, "OK") if n % 3 else ("wrong", "FAIL")
            wanted[client.start("PLAIN", "\0%s\0%s" % (HARRY, password))] = word
        replies = [client.answer() for _ in wanted]
        check_eq({reply.id: reply.word for reply in replies}, wanted, replies)
        check(not [reply for reply in replies if "code" in reply.named], replies)


@each_way("a suspended account has no login anywhere, with the right password or a wrong one")
def _(host, server, way):
    with state(host, HARRY, "suspended"):
        reason = "[CONTACTADMIN] ask the office" if way == "lua" else "[AUTHENTICATIONFAILED]"
        check_in(reason, server.refusal(HARRY, SECRET))
        check_in("[AUTHENTICATIONFAILED]", server.refusal(HARRY, "wrong"))
        for service in ("smtp", "submission-server", "doveadm", ""):
            reply = asks_auth(server, HARRY, SECRET, service)
            check_eq((reply.word, reply.named.get("code") in (None, "user_disabled")), ("FAIL", True), service, reply)
    server.login(HARRY, SECRET).logout()


@each_way("who may only receive reads, and does not send; who may only send does not read")
def _(host, server, way):
    with state(host, HARRY, "receive-only"):
        server.login(HARRY, SECRET).logout()
        check_eq(asks_auth(server, HARRY, SECRET, "smtp").word, "FAIL")
    with state(host, HARRY, "send-only"):
        server.refusal(HARRY, SECRET)
        check_eq(asks_auth(server, HARRY, SECRET, "smtp").word, "OK")


@each_way("a name with quotes, percent signs and backslashes in it is nobody")
def _(host, server, way):
    for user in ("' OR 1=1 --@example.test", "%u@example.test", "harry@example.test' --", "a\\@example.test"):
        check_eq(asks_auth(server, user, SECRET, "imap").word, "FAIL", user)


@each_way("names that Dovecot takes only when told to, as config dovecot does, and what is no name for SQL")
def _(host, _, way):
    odd, password = "o'neil%u@example.test", "Dublin's"
    host.site.user_add(odd, password)
    try:
        check_in("\nauth_username_chars =\n", host.printed("config", "dovecot", "--passdb", way))
        server = host.dovecot_by("--passdb", way)
        server.login(odd, password).logout()
        server.login(HARRY, SECRET).logout()
        check_eq(place_of(server, odd)["home"], host.mail + "/example.test/o'neil%u")
        for name in ("' OR '1' = '1", "harry@example.test' --", "harry@example.test\\' --", "%u@example.test", "%"):
            check_in("[AUTHENTICATIONFAILED]", server.refusal(imaplib_quoted(name), SECRET), name)
            check_eq(server.doveadm("user", name)[0], 67, name)
    finally:
        host.site.ctl("user", "remove", odd)


def imaplib_quoted(name):
    """NAME for imaplib's login(), which sends it as it is."""
    return '"%s"' % name.replace("\\", "\\\\").replace('"', '\\"')


# --- where mail lives

def place_of(server, user):
    """What doveadm user tells: {field: value}."""
    status, text = server.doveadm("user", user)
    check_eq(status, 0, text)
    return dict(line.split("\t", 1) for line in text.splitlines())


@contextlib.contextmanager
def somebody(host, quota=None):
    """A user whose mailbox was nobody's before, inside of this: (address, password)."""
    address, password = "guest-%s@example.test" % uuid.uuid4().hex[:8], "be my guest"
    host.site.user_add(address, password)
    try:
        if quota:
            host.site.ctl("user", "quota", address, quota)
        yield address, password
    finally:
        host.site.ctl("user", "remove", address)


@each_way("doveadm user: home, uid, gid, and the quota in this version's words")
def _(host, server, way):
    with somebody(host, quota="20K") as (user, _):
        found = place_of(server, user)
        check_eq((found["uid"], found["gid"], found["home"]),
                 (str(host.owner.pw_uid), str(host.owner.pw_gid), host.mail + "/example.test/" + user.split("@")[0]))
        name, value = {"2.3": ("quota_rule", "*:bytes=20480"), "2.4": ("quota_storage_size", "20480B")}[dovecot.VERSION]
        check_eq(found[name], value)
    check("quota_rule" not in place_of(server, HARRY))


@each_way("a home and a mail location of a mailbox's own", "sql")
def _(host, server, way):
    with somebody(host) as (user, password):
        home = os.path.join(host.mail, "elsewhere", user)
        host.set_columns(user, home=home, mail="maildir:%s/letters" % home)
        check_eq(place_of(server, user)["home"], home)
        mark, text = letter("someone@outside.test", user)
        check_eq(lmtp(host, server, user, text), "250 2.0.0")
        imap = server.login(user, password)
        imap.select("INBOX")
        check_eq(len(imap.search(None, "SUBJECT", mark)[1][0].split()), 1)
        imap.logout()
        check(in_folder(home + "/letters", mark))


@each_way("mail is where mail-location in vmaild.conf says", "sql")
def _(host, _, way):
    conf = host.site.conf + ".location"
    with open(host.site.conf) as f:
        write_file(conf, 'mail-location = "maildir:~/letters:INDEX=~/index"\n' + f.read())
    server = host.dovecot_by("--passdb", way, conf=conf)
    with somebody(host) as (user, _):
        found = place_of(server, user)
        name, value = {"2.3": ("mail", "maildir:~/letters:INDEX=~/index"),
                       "2.4": ("mail_path", "~/letters")}[dovecot.VERSION]
        check_eq(found[name].replace(found["home"], "~"), value)
        mark, text = letter("someone@outside.test", user)
        check_eq(lmtp(host, server, user, text), "250 2.0.0")
        check(in_folder(found["home"] + "/letters", mark))
        check(os.path.isdir(found["home"] + "/index"))


@each_way("doveadm user: exit 67 for nobody")
def _(host, server, way):
    status, text = server.doveadm("user", NOBODY)
    check_eq(status, 67, text)


def all_users(host):
    return sorted(host.site.ctl("user", "list", "--names").split())


@each_way("doveadm user '*' lists everybody", "lua", "sql")
def _(host, server, way):
    status, text = server.doveadm("user", "*")
    check_eq((status, sorted(text.split())), (0, all_users(host)))


@each_way("doveadm user '*' through the userdb socket lists everybody")
def _(host, server, way):
    status, text = server.doveadm("-o", "auth_socket_path=" + host.userdb, "user", "*")
    check_eq((status, sorted(text.split())), (0, all_users(host)))


# --- delivery

def socket_of(host, server):
    return host.postfix.queue + "/private/dovecot-lmtp" if server is host.dovecot else server.lmtp


def lmtp(host, server, address, text=None):
    """What LMTP says to RCPT or, with TEXT, to that mail: "250 2.1.5"."""
    with smtplib.LMTP(socket_of(host, server), local_hostname="client.test") as client:
        client.ehlo()
        client.docmd("MAIL FROM:<someone@outside.test>")
        code, said = client.docmd("RCPT TO:<%s>" % address)
        if text is not None and code == 250:
            code, said = client.data(text)
        return "%d %s" % (code, said.decode().split()[0])


def in_folder(path, mark):
    """Tell whether a mail with MARK lies in the Maildir PATH itself."""
    for name in glob.glob(path + "/new/*") + glob.glob(path + "/cur/*"):
        with open(name, errors="replace") as f:
            if mark in f.read():
                return True
    return False


@each_way("LMTP: a mail comes and is read; a tag goes along")
def _(host, server, way):
    mark, text = letter("someone@outside.test", HARRY)
    check_eq(lmtp(host, server, "harry+news@example.test", text), "250 2.0.0")
    imap = server.login(HARRY, SECRET)
    imap.select("INBOX")
    check_eq(len(imap.search(None, "SUBJECT", mark)[1][0].split()), 1)
    imap.logout()
    check_eq(host.mailboxes_with(mark), [HARRY])
    check(in_folder(host.mail + "/example.test/harry/Maildir", mark), "not in the folder that 2.3 and 2.4 share")


@each_way("LMTP: nobody is 550, and so is who gets no mail")
def _(host, server, way):
    check_eq(lmtp(host, server, NOBODY), "550 5.1.1")
    for word, wanted in (("suspended", "550 5.1.1"), ("send-only", "550 5.1.1"), ("receive-only", "250 2.1.5")):
        with state(host, HARRY, word):
            check_eq(lmtp(host, server, HARRY), wanted, word)


@each_way("a quota is in force: for LMTP, and for what is stored by IMAP")
def _(host, server, way):
    filler = "x" * 70 + "\r\n"
    with somebody(host, quota="20K") as (user, password):
        check_eq(lmtp(host, server, user, letter("someone@outside.test", user)[1] + filler * 180), "250 2.0.0")
        check_eq(lmtp(host, server, user, letter("someone@outside.test", user)[1] + filler * 180), "552 5.2.2")
        imap = server.login(user, password)
        # half of it is there, and the user can see it
        status, said = imap.getquotaroot("INBOX")
        check_eq(status, "OK", said)
        check(re.search(rb"STORAGE 1[0-9] 20\b", said[1][0]), said)
        status, said = imap.append("INBOX", None, None, (letter(user, user)[1] + filler * 180).encode())
        check_eq(status, "NO")
        check_in("[OVERQUOTA]", said[0].decode())
        check_eq(imap.append("INBOX", None, None, letter(user, user)[1].encode())[0], "OK")
        imap.logout()
    check_eq(lmtp(host, server, HARRY, letter("someone@outside.test", HARRY)[1] + filler * 600), "250 2.0.0")


@each_way("in the package's own configuration: the same names, the same mail, nobody of this machine's users")
def _(host, _, way):
    server = host.dovecot_by("--passdb", way, stock=True)
    with somebody(host, quota="20K") as (user, password):
        mark, text = letter("someone@outside.test", user)
        check_eq(lmtp(host, server, user.upper(), text), "250 2.0.0")
        imap = server.login(user.capitalize(), password)
        imap.select("INBOX")
        check_eq(len(imap.search(None, "SUBJECT", mark)[1][0].split()), 1)
        imap.logout()
        check(in_folder(host.mail + "/example.test/%s/Maildir" % user.split("@")[0], mark))
        found = place_of(server, user)
        check_eq(found["home"], host.mail + "/example.test/" + user.split("@")[0])
        check_in("20480", found.get("quota_rule", "") + found.get("quota_storage_size", ""))
    check_eq(lmtp(host, server, NOBODY), "550 5.1.1")
    check_eq(lmtp(host, server, "root"), "550 5.1.1")
    check_eq(server.doveadm("user", "root")[0], 67)
    check_in("[AUTHENTICATIONFAILED]", server.refusal("harry", SECRET))


# --- failures that pass

def all_temporary(host, server):
    """A login, a lookup, a delivery and the list are told to come back, for those who exist and those who do not."""
    for user, password in ((HARRY, SECRET), (HARRY, "wrong"), (NOBODY, SECRET)):
        check_in("[UNAVAILABLE]", server.refusal(user, password), user, password)
    status, text = server.doveadm("auth", "test", HARRY, SECRET)
    check_eq(status, {"2.3": 77, "2.4": 75}[dovecot.VERSION], text)
    check_in("code=temp_fail", text)
    for user in (HARRY, NOBODY):
        check_eq(server.doveadm("user", user)[0], 75, user)
        check_eq(lmtp(host, server, user), "451 4.3.0")


@each_way("vmaild is away: UNAVAILABLE, exit 75, 451; and then it works again", "checkpassword", "lua")
def _(host, server, way):
    with host.without_vmaild():
        all_temporary(host, server)
        check_eq(server.doveadm("user", "*")[0], 75)
    server.login(HARRY, SECRET).logout()
    check_eq(lmtp(host, server, HARRY), "250 2.1.5")


@each_way("vmaild hangs: UNAVAILABLE and exit 75 within the deadline; and then it works again", "lua")
def _(host, server, way):
    with auth_worker_stopped(host):
        check_in("[UNAVAILABLE]", server.refusal(HARRY, SECRET))
        check_eq(server.doveadm("user", HARRY)[0], 75)
        check_eq(server.doveadm("user", "*")[0], 75)
    server.login(HARRY, SECRET).logout()
    check_in("no answer from '%s'" % host.userdb, server.log.text())


@each_way("vmaild is away: Dovecot goes on by itself", "sql")
def _(host, server, way):
    with host.without_vmaild():
        server.login(HARRY, SECRET).logout()
        check_in("[AUTHENTICATIONFAILED]", server.refusal(HARRY, "wrong"))
        check_eq(lmtp(host, server, HARRY), "250 2.1.5")
        check_eq(lmtp(host, server, NOBODY), "550 5.1.1")


@each_way("the store is away: UNAVAILABLE, exit 75, 451; and then it works again", "sql")
def _(host, server, way):
    away = host.site.store_directory + ".away"
    server.stop()  # who has the file open goes on reading it
    os.rename(host.site.store_directory, away)
    try:
        server.start()
        all_temporary(host, server)
    finally:
        os.rename(away, host.site.store_directory)
    server.login(HARRY, SECRET).logout()
    check_eq(lmtp(host, server, HARRY), "250 2.1.5")


@each_way("an edit by vmailctl is seen by the very next login, while Dovecot has the store open", "sql")
def _(host, server, way):
    server.login(HARRY, SECRET).logout()
    with somebody(host) as (user, password):
        server.login(user, password).logout()
        host.site.ctl("user", "passwd", user, "--password-stdin", stdin="new words\n")
        server.login(user, "new words").logout()
        check_in("[AUTHENTICATIONFAILED]", server.refusal(user, password))
    check_in("[AUTHENTICATIONFAILED]", server.refusal(user, "new words"))


# --- what Dovecot's limit of 256 MiB does not spoil

@each_way("a hash that takes 256 MiB logs in, and a wrong password for it does not")
def _(host, server, way):
    check_eq("vsz_limit" in host.printed("config", "dovecot", "--passdb", way), way == "sql")
    with somebody(host) as (user, password):
        with open(host.site.conf) as f:
            costly = re.sub(r"(?m)^hash-memory = .*$", "hash-memory = 262144", f.read())
        write_file(host.site.conf + ".costly", costly)
        host.site.ctl("-c", host.site.conf + ".costly", "user", "passwd", user, "--password-stdin", stdin=password)
        check_in("m=262144,", host.hash_of(user))
        server.login(user, password).logout()
        check_in("[AUTHENTICATIONFAILED]", server.refusal(user, "in" + password))


# --- no logins

# Where logins go is not said by --passdb none, and Dovecot wants to know it.
ELSEWHERE = {"2.3": "passdb {\n  driver = static\n  args = password=elsewhere\n}\n",
             "2.4": "passdb static {\n  password = elsewhere\n}\n"}


@case("none: LMTP and doveadm by the userdb socket alone, each kind of answer")
def _(host):
    server = host.dovecot_by("--passdb", "none", more=ELSEWHERE[dovecot.VERSION])
    mark, text = letter("someone@outside.test", HARRY)
    check_eq(lmtp(host, server, HARRY, text), "250 2.0.0")
    check_eq(host.mailboxes_with(mark), [HARRY])
    check_eq(lmtp(host, server, NOBODY), "550 5.1.1")
    with state(host, HARRY, "suspended"):
        check_eq(lmtp(host, server, HARRY), "550 5.1.1")
    check_eq(place_of(server, HARRY)["home"], host.mail + "/example.test/harry")
    check_eq(server.doveadm("user", NOBODY)[0], 67)
    status, text = server.doveadm("user", "*")
    check_eq((status, sorted(text.split())), (0, all_users(host)))
    with host.without_vmaild():
        check_eq(lmtp(host, server, HARRY), "451 4.3.0")
        check_eq(server.doveadm("user", HARRY)[0], 75)
        # doveadm of 2.3 ends in an assertion of its own when nobody listens there
        check_eq(server.doveadm("user", "*")[0], {"2.3": -signal.SIGABRT, "2.4": 75}[dovecot.VERSION])


# --- hashes of Dovecot's own making

SUPPORTED = """ARGON2I ARGON2ID BLF-CRYPT CRYPT DES-CRYPT MD5 MD5-CRYPT SHA256-CRYPT SHA512-CRYPT
    SHA SHA1 SHA256 SHA512 SSHA SSHA256 SSHA512 SMD5 PLAIN-MD5 LDAP-MD5 PBKDF2 SCRAM-SHA-1 SCRAM-SHA-256
    PLAIN CLEAR CLEARTEXT""".split()
NEWER = {"2.3": [], "2.4": ["ARGON2"]}.get(dovecot.VERSION, [])
# Good for other mechanisms than a password, or for nothing at all.
OTHERS = "HMAC-MD5 CRAM-MD5 DIGEST-MD5 OTP PLAIN-MD4 PLAIN-TRUNC".split()


@case("doveadm pw -l has no scheme that we have no opinion on")
def _(host):
    status, text = host.dovecot.doveadm("pw", "-l")
    check_eq((status, sorted(text.split())), (0, sorted(SUPPORTED + NEWER + OTHERS)))


@rows([("a hash by doveadm pw logs in: %s%s" % (scheme, suffix), scheme, suffix)
       for scheme in SUPPORTED + NEWER for suffix in ("", ".HEX", ".B64")
       if not suffix or scheme in ("SHA", "SSHA512", "SMD5", "PLAIN", "PLAIN-MD5")])
def hashed(host, scheme, suffix):
    password = "correct horse " + scheme
    done = subprocess.run(["doveadm", "pw", "-s", scheme + suffix, "-p", password, "-u", SALLY],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
    check_eq(done.returncode, 0, done.stderr)
    text = done.stdout.strip()
    check_in("{%s%s}" % (scheme, suffix), text)
    with somebody(host) as (user, _):
        host.set_hash(user, text)
        imap = imaplib.IMAP4("127.0.0.1", host.dovecot.port, timeout=TIMEOUT)
        imap.login(user, password)
        imap.logout()
        host.set_hash(user, text)
        check_in("[AUTHENTICATIONFAILED]", host.dovecot.refusal(user, "in" + password))
