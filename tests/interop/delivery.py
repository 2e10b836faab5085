# SPDX-License-Identifier: ISC
#
# Where a mail goes: through the chrooted smtpd and cleanup, and by LMTP into Dovecot's Maildirs.

import contextlib
import os

from cases import case, rows
from harness import TcpTable, check, check_eq, check_in
from postfix import fresh_sender

HARRY, SALLY, KEEP = "harry@example.test", "sally@example.test", "keep@example.test"
REAL, REST = "real@catch.test", "rest@catch.test"


@rows([
    # name, the address written to, final recipients, mailboxes that get it
    ("a plain address", HARRY, [HARRY], [HARRY]),
    ("an address in capitals", "Harry@Example.TEST", [HARRY], [HARRY]),
    ("user+tag", "harry+news@example.test", ["harry+news@example.test"], [HARRY]),
    ("an alias", "post@example.test", [HARRY], [HARRY]),
    ("alias+tag: the tag goes along", "post+bills@example.test", ["harry+bills@example.test"], [HARRY]),
    ("an alias with two targets", "team@example.test", [HARRY, SALLY], [HARRY, SALLY]),
    ("an alias of aliases: nobody gets it twice", "all@example.test", [HARRY, SALLY, KEEP],
     [HARRY, SALLY, KEEP]),
    ("a mailbox that forwards and keeps a copy", KEEP, [KEEP, SALLY], [KEEP, SALLY]),
    ("an alias in a domain without mailboxes", "sales@lists.test", [HARRY], [HARRY]),
    ("a catch-all", "anything@catch.test", [REST], [REST]),
    ("a catch-all drops the tag", "anything+x@catch.test", [REST], [REST]),
    ("a real mailbox beside a catch-all", REAL, [REAL], [REAL]),
    ("a real mailbox with a tag beside a catch-all", "real+x@catch.test", ["real+x@catch.test"], [REAL]),
    ("an alias domain: a mailbox", "harry@old.test", [HARRY], [HARRY]),
    ("an alias domain: user+tag", "harry+x@old.test", ["harry+x@example.test"], [HARRY]),
    ("an alias domain: an alias", "team@old.test", [HARRY, SALLY], [HARRY, SALLY]),
])
def delivered(host, address, final, mailboxes):
    _, recipients, places = host.deliver(address)
    check_eq(recipients, sorted(final), "final recipients")
    check_eq(places, sorted(mailboxes), "mailboxes")


@case("a mailbox with a name that came behind Dovecot's configuration, and that it takes only when told to")
def _(host):
    odd = "o'brien@example.test"
    host.site.user_add(odd, None)
    try:
        check_eq(host.deliver(odd)[1:], ([odd], [odd]))
    finally:
        host.site.ctl("user", "remove", odd)


@case("a mailbox with a delimiter in its name gets no mail, as vmaild-dovecot(7) says; by an alias another does")
def _(host):
    cut, other = "harry+lists@example.test", "harry.lists@example.test"
    host.site.user_add(cut, None)
    host.site.user_add(other, None)
    try:
        check_eq(host.deliver(cut)[1:], ([cut], [HARRY]))
        host.site.ctl("alias", "add", cut, other)
        check_eq(host.deliver(cut)[1:], ([other], [other]))
        host.site.ctl("user", "remove", cut)
        check_eq(host.deliver(cut)[1:], ([other], [other]))
    finally:
        host.site.ctl("alias", "remove", cut)
        host.site.ctl("user", "remove", other)


@case("a full mailbox is refused at RCPT, where Dovecot is asked as vmaild-dovecot(7) says; others are not")
def _(host):
    full = "full@example.test"
    host.site.user_add(full, None)
    try:
        host.site.ctl("user", "quota", full, "100K")
        check_eq(host.postfix.rcpt(full, host.careful), (250, ""))
        host.deliver(full)
        host.site.ctl("user", "quota", full, "1")
        code, text = host.postfix.rcpt(full, host.careful)
        check_eq(code, 552, text)
        check_in("5.2.2", text)
        for other in (HARRY, "harry+news@example.test", "post@example.test", "any@catch.test", "harry@old.test"):
            check_eq(host.postfix.rcpt(other, host.careful), (250, ""), other)
        check_eq(host.postfix.rcpt("nobody@example.test", host.careful)[0], 550)
    finally:
        host.site.ctl("user", "remove", full)


@rows([
    ("nobody in a mailbox domain is refused at RCPT", "nobody@example.test"),
    ("nobody+tag is refused at RCPT", "nobody+tag@example.test"),
    ("nobody in a domain of aliases is refused at RCPT", "nobody@lists.test"),
    ("nobody in an alias domain is refused at RCPT", "nobody@old.test"),
    ("nobody+tag in an alias domain is refused at RCPT", "nobody+tag@old.test"),
])
def refused(host, address):
    code, text = host.postfix.rcpt(address)
    check_eq(code, 550, text)
    check(text.startswith("5.1.1 "), text)


@case("the same line works in a chroot and outside of it")
def _(host):
    table = "socketmap:unix:%s:aliases" % host.maps
    check_in(table, host.postfix_lines, "what vmailctl tells people to write")
    check(os.path.exists(host.postfix.queue + host.maps), "no twin of the socket below the queue directory")
    with host.postfix.session() as session:
        session.envelope(fresh_sender(), "post@example.test")
        check(host.postfix.is_chrooted("smtpd"), "smtpd is not chrooted here")
    check_eq(host.postfix.postmap(table, "post@example.test"), (0, HARRY, ""))
    check_eq(host.postfix.postmap(table, "nobody@example.test"), (1, "", ""))


@case("through proxymap, outside of the chroot, the answers are the same")
def _(host):
    check_eq(host.postfix.rcpt("post@example.test", port=host.proxied), (250, ""))
    check_eq(host.postfix.rcpt("nobody@lists.test", port=host.proxied)[0], 550)
    check(not host.postfix.is_chrooted("proxymap"), "proxymap is chrooted here")


@case("a tcp_table listener answers postmap")
def _(host):
    table = "tcp:127.0.0.1:%d" % host.tcp
    check_eq(host.postfix.postmap(table, "team@example.test"), (0, "%s, %s" % (HARRY, SALLY), ""))
    check_eq(host.postfix.postmap(table, "nobody@example.test"), (1, "", ""))
    with TcpTable(("127.0.0.1", host.tcp)) as client:
        check_eq(client.get("100%@example.test")[0], "500")


@case("a map that does not exist is a configuration error, not an unknown user")
def _(host):
    status, value, error = host.postfix.postmap("socketmap:unix:%s:alaises" % host.maps, "post@example.test")
    check(status != 0 and value == "" and error != "", status, value, error)


@case("an edit by vmailctl is seen by the very next lookup")
def _(host):
    check_eq(host.postfix.rcpt("new@example.test")[0], 550)
    host.site.ctl("alias", "add", "new@example.test", SALLY)
    check_eq(host.deliver("new@example.test")[2], [SALLY])
    host.site.ctl("alias", "remove", "new@example.test")
    check_eq(host.postfix.rcpt("new@example.test")[0], 550)


@case("a new domain and a new user get mail and can log in at once")
def _(host):
    host.site.ctl("domain", "add", "fresh.test")
    host.site.user_add("first@fresh.test", "fresh fish")
    mark, _, places = host.deliver("first@fresh.test")
    check_eq(places, ["first@fresh.test"])
    imap = host.dovecot.login("first@fresh.test", "fresh fish")
    imap.select("INBOX")
    check_eq(len(imap.search(None, "SUBJECT", mark)[1][0].split()), 1)
    imap.logout()
    host.site.ctl("user", "remove", "first@fresh.test")
    check_eq(host.postfix.rcpt("first@fresh.test")[0], 550)


@case("sixty sessions at once are all answered")
def _(host):
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(host.postfix.session()) for _ in range(60)]
        for n, session in enumerate(sessions):
            session.envelope(fresh_sender(), "post+%d@example.test" % n)
        for session in sessions:
            session.content("Subject: one of many\n\n")


@case("postfix check has nothing to say of our sockets")
def _(host):
    done = host.postfix.run("postfix", "check")
    check_eq((done.returncode, done.stderr), (0, ""))
