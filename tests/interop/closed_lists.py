# SPDX-License-Identifier: ISC
#
# Who may write to a closed list, by the restriction class that `vmailctl config postfix` prints; and what the
# states of mailboxes and aliases mean to those who come by SMTP.

import contextlib
import os
import re

from cases import case, rows
from harness import check, check_eq, check_in
from logins import HARRY, SALLY, SECRET, plain
from mailhost import PASSWORDS, letter
from postfix import Refused, fresh_sender

REAL, REST = "real@catch.test", "rest@catch.test"

CLASS = "vmaild_closed_list"

# what RCPT says: (code, enhanced code)
OPEN, CLOSED, INCOMPLETE = (250, "2.1.5"), (554, "5.7.1"), (504, "5.5.2")

STAFF, CREW, GUEST = "staff@lists.test", "crew@example.test", "guest@partner.test"

LISTS = {
    STAFF: [HARRY, GUEST],
    CREW: [SALLY],
    "board-*@example.test": [HARRY],
}


# --- Postfix

def uncomment(host, *parameters):
    """Have Postfix obey lines that vmailctl has printed with a '#' in front. They stay in force: what they ask
    vmaild is nothing to the other cases."""
    with open(os.path.join(host.postfix.config, "main.cf")) as f:
        text = before = f.read()
    for parameter in parameters:
        text = re.sub(r"^#(%s = )" % parameter, r"\1", text, flags=re.M)
        check(re.search(r"^%s = " % parameter, text, re.M), "vmailctl prints no line for", parameter)
    if text != before:
        host.postfix.stop()  # and not `postfix reload`: behind that, an old smtpd may still answer
        host.postfix.configure(text)
        host.postfix.start()


def prepare(host):
    """The lines for closed lists; and a port where our own senders must have logged in, by what the comment
    above those lines says."""
    if not hasattr(host, "login_port"):
        line = re.search(r"^#(%s = .*)" % CLASS, host.postfix_lines, re.M)[1]
        check_in("reject_sender_login_mismatch, ", host.postfix_lines)
        host.login_port = host.postfix.smtpd(
            "smtpd_tls_auth_only = no",
            line.replace("check_sender_access", "reject_sender_login_mismatch, check_sender_access"))
    uncomment(host, "smtpd_restriction_classes", CLASS, "smtpd_recipient_restrictions")


@contextlib.contextmanager
def aliases(host, table):
    """There are the aliases of TABLE, {address: targets}, inside of this."""
    with contextlib.ExitStack() as stack:
        for address, targets in table.items():
            host.site.ctl("alias", "add", address, *targets)
            stack.callback(host.site.ctl, "alias", "remove", address)
        yield


@contextlib.contextmanager
def closed_lists(host):
    """LISTS are there and closed inside of this."""
    prepare(host)
    with aliases(host, LISTS):
        for address in LISTS:
            host.site.ctl("alias", "set", address, "--internal")
        yield


def offer(host, sender, recipient, port=None, login=None):
    """Offer a mail of SENDER and leave before DATA: (code, enhanced code) of RCPT."""
    with host.postfix.session(port) as session:
        if login:
            check_eq(plain(session, login, PASSWORDS[login])[0], 235)
        try:
            session.envelope(sender, recipient)
        except Refused as no:
            check_eq(no.stage, "RCPT", no)
            return no.code, no.text.split()[0]
        return 250, "2.1.5"


# --- closed lists

@rows([
    # name, sender, recipient, what RCPT says
    ("closed list: not an outsider", "foe@outside.test", STAFF, CLOSED),
    ("closed list: not an outsider with a tag behind the list", "foe@outside.test", "staff+x@lists.test", CLOSED),
    ("closed list: not an outsider in capitals", "foe@outside.test", "STAFF@Lists.Test", CLOSED),
    ("closed list: not the empty sender", "", STAFF, CLOSED),
    ("closed list: not a neighbour of a member", "other@partner.test", STAFF, CLOSED),
    ("closed list: a sender of ours", HARRY, STAFF, OPEN),
    ("closed list: a sender of ours with a tag", "sally+x@example.test", STAFF, OPEN),
    ("closed list: a sender in an alias domain of ours", "harry@old.test", STAFF, OPEN),
    ("closed list: a member elsewhere", GUEST, STAFF, OPEN),
    ("closed list: a member elsewhere, with a tag", "Guest+x@partner.test", STAFF, OPEN),
    ("closed list: a member of another one", GUEST, CREW, OPEN),
    ("closed list in a mailbox domain: not an outsider", "foe@outside.test", CREW, CLOSED),
    ("closed list in a mailbox domain: a sender of ours", HARRY, CREW, OPEN),
    ("closed list behind an alias domain: not an outsider", "foe@outside.test", "crew@old.test", CLOSED),
    ("closed list behind an alias domain: a sender of ours", HARRY, "crew@old.test", OPEN),
    ("closed list by a pattern: not an outsider", "foe@outside.test", "board-uk@example.test", CLOSED),
    ("closed list by a pattern: a sender of ours", HARRY, "board-uk@example.test", OPEN),
    ("beside closed lists: an outsider to an open alias", "foe@outside.test", "post@example.test", OPEN),
    ("beside closed lists: an outsider to a mailbox that is a member", "foe@outside.test", HARRY, OPEN),
    ("beside closed lists: an outsider to nobody", "foe@outside.test", "nobody@example.test", (550, "5.1.1")),
])
def closed(host, sender, recipient, wanted):
    with closed_lists(host):
        check_eq(offer(host, sender, recipient), wanted)


@case("closed list: opened again, everybody may write, and its members are nothing special")
def _(host):
    with closed_lists(host):
        host.site.ctl("alias", "set", STAFF, "--open")
        check_eq(offer(host, "foe@outside.test", STAFF), OPEN)
        check_eq(offer(host, GUEST, CREW), CLOSED)


@case("closed list: a mail of one of us reaches its members")
def _(host):
    with closed_lists(host):
        mark, text = letter(SALLY, "board-uk@example.test")
        with host.postfix.session() as session:
            session.envelope(SALLY, "board-uk@example.test")
            host.postfix.wait_removed(session.content(text))
        check_eq(host.mailboxes_with(mark), [HARRY])


# --- exactly: the policy service that sees both, on a port of its own

DOOR, NEST, OUTER = "door@lists.test", "nest@lists.test", "outer@lists.test"
MATE, FRIEND = "mate@ship.test", "friend@team.test"

EXACT = dict(LISTS, **{
    CREW: [SALLY, MATE],
    NEST: [CREW, OUTER],   # closed: two lists are members of it
    OUTER: [FRIEND],       # open
    DOOR: [STAFF],         # open, leads to a closed one
})


@contextlib.contextmanager
def exact_lists(host):
    check_in("# smtpd_recipient_restrictions = reject_non_fqdn_recipient, check_policy_service "
             "unix:%s/policy.sock\n" % host.tmp, host.postfix_lines)
    with aliases(host, EXACT):
        for address in list(LISTS) + [NEST]:
            host.site.ctl("alias", "set", address, "--internal")
        yield


@rows([
    # name, sender, recipient, what RCPT says
    ("closed list, exactly: not an outsider", "foe@outside.test", STAFF, CLOSED),
    ("closed list, exactly: not the empty sender", "", STAFF, CLOSED),
    ("closed list, exactly: not an outsider with a tag behind it", "foe@outside.test", "Staff+x@lists.test", CLOSED),
    ("closed list, exactly: not an outsider by a pattern", "foe@outside.test", "board-uk@example.test", CLOSED),
    ("closed list, exactly: not an outsider by an alias domain", "foe@outside.test", "crew@old.test", CLOSED),
    ("closed list, exactly: not an outsider by a route", "foe@outside.test", "@relay.test:" + STAFF, CLOSED),
    ("closed list, exactly: not an outsider by a quoted name", "foe@outside.test", '"staff"@lists.test', CLOSED),
    ("closed list, exactly: not an outsider by a percent sign", "foe@outside.test", "staff%lists.test", INCOMPLETE),
    ("closed list, exactly: not an outsider by an old path", "foe@outside.test", "lists.test!staff", INCOMPLETE),
    ("closed list, exactly: not an outsider without a domain", "foe@outside.test", "staff", INCOMPLETE),
    ("beside closed lists, exactly: an outsider to the postmaster", "foe@outside.test", "postmaster", OPEN),
    ("closed list, exactly: not an outsider by a dot", "foe@outside.test", STAFF + ".", CLOSED),
    ("closed list, exactly: a sender of ours", "sally+x@example.test", STAFF, OPEN),
    ("closed list, exactly: a member", "Guest+x@partner.test", STAFF, OPEN),
    ("closed list, exactly: not a member of another one", GUEST, CREW, CLOSED),
    ("closed list, exactly: a member of a list in it", MATE, NEST, OPEN),
    ("closed list, exactly: a member of an open list in it", FRIEND, NEST, OPEN),
    ("closed list, exactly: not a member of neither", GUEST, NEST, CLOSED),
    ("closed list, exactly: not an outsider by an alias", "foe@outside.test", DOOR, CLOSED),
    ("closed list, exactly: a member by an alias", GUEST, DOOR, OPEN),
    ("beside closed lists, exactly: an outsider to an open alias", "foe@outside.test", OUTER, OPEN),
    ("beside closed lists, exactly: an outsider to a mailbox", "foe@outside.test", HARRY, OPEN),
    ("beside closed lists, exactly: an outsider to nobody", "foe@outside.test", "nobody@example.test",
     (550, "5.1.1")),
])
def exactly(host, sender, recipient, wanted):
    with exact_lists(host):
        check_eq(offer(host, sender, recipient, host.policy_port), wanted)


@contextlib.contextmanager
def own_delimiters(host):
    """A domain with delimiters of its own and a closed list in it, inside of this."""
    host.site.ctl("domain", "add", "minus.test")
    host.site.ctl("domain", "set", "minus.test", "--delimiters", "-")
    try:
        host.site.ctl("alias", "add", "club@minus.test", GUEST, "twin-one@partner.test")
        host.site.ctl("alias", "set", "club@minus.test", "--internal")
        yield
    finally:
        host.site.ctl("domain", "remove", "minus.test", "--all")


@rows([
    # name, sender, recipient, what RCPT says
    ("closed list, own delimiters: a member with a tag", "guest+x@partner.test", "club@minus.test", OPEN),
    ("closed list, own delimiters: a member, it with one", GUEST, "club-x@minus.test", OPEN),
    ("closed list, own delimiters: both", "guest+y@partner.test", "club-x@minus.test", OPEN),
    ("closed list, own delimiters: not who is called alike", "guest-x@partner.test", "club@minus.test", CLOSED),
    ("closed list, own delimiters: not by the list's tag", "guest-x@partner.test", "club-x@minus.test", CLOSED),
    ("closed list, own delimiters: a member with such a name", "twin-one@partner.test", "club-x@minus.test", OPEN),
    ("closed list, own delimiters: not who bears a part of it", "twin@partner.test", "club@minus.test", CLOSED),
])
def of_own_delimiters(host, sender, recipient, wanted):
    with own_delimiters(host):
        check_eq(offer(host, sender, recipient, host.policy_port), wanted)


@case("closed list: a member in a relay domain with a sharp s, in every spelling")
def _(host):
    prepare(host)
    with contextlib.ExitStack() as stack:
        host.site.ctl_run("domain", "add", "straße.test", "--kind", "relay")
        stack.callback(host.site.ctl, "domain", "remove", "straße.test", "--all")
        stack.enter_context(aliases(host, {CREW: [SALLY, "m@straße.test"]}))
        host.site.ctl("alias", "set", CREW, "--internal")
        for port in (None, host.policy_port):
            for sender, wanted in (("m@straße.test", 250), ("m@xn--strae-oqa.test", 250), ("m+x@straße.test", 250),
                                   ("n@straße.test", 554)):
                with host.postfix.session(port) as session:
                    session.expect("MAIL", "MAIL FROM:<%s> SMTPUTF8" % sender, 250)
                    check_eq(session.command("RCPT TO:<%s>" % CREW)[0], wanted, sender, port)


@case("closed list, exactly: without the store the mail comes again, and nobody is refused for good")
def _(host):
    with exact_lists(host):
        store = os.path.join(host.tmp, "store", "vmail.db")
        os.rename(store, store + ".away")
        try:
            for recipient in (STAFF, HARRY):
                check_eq(offer(host, "foe@outside.test", recipient, host.policy_port)[0] // 100, 4, recipient)
        finally:
            os.rename(store + ".away", store)
        check_eq(offer(host, "foe@outside.test", STAFF, host.policy_port), CLOSED)


@rows([
    # name, the entry of recipient-access, who may then write
    ("closed list: the entry DUNNO opens it for all", "DUNNO", OPEN, OPEN),
    ("closed list: the entry REJECT closes it for us too", "REJECT closed for the summer", CLOSED, CLOSED),
    ("closed list: an entry that names the class again", CLASS, CLOSED, OPEN),
])
def entry(host, value, outsider, insider):
    with closed_lists(host), contextlib.ExitStack() as stack:
        host.site.ctl("map", "set", "recipient-access", STAFF, value)
        stack.callback(host.site.ctl, "map", "unset", "recipient-access", STAFF)
        check_eq(offer(host, "foe@outside.test", STAFF), outsider)
        check_eq(offer(host, HARRY, STAFF), insider)
        check_eq(offer(host, "foe@outside.test", CREW), CLOSED, "another list")


@rows([
    # name, login, sender, recipient, what RCPT says
    ("closed list with logins: our sender forged without one", None, HARRY, STAFF, (553, "5.7.1")),
    ("closed list with logins: our sender forged by another", SALLY, HARRY, STAFF, (553, "5.7.1")),
    ("closed list with logins: our sender", HARRY, HARRY, STAFF, OPEN),
    ("closed list with logins: a member elsewhere needs none", None, GUEST, STAFF, OPEN),
    ("closed list with logins: not an outsider", None, "foe@outside.test", STAFF, CLOSED),
    ("closed list with logins: elsewhere our sender needs none", None, HARRY, SALLY, OPEN),
])
def with_login(host, login, sender, recipient, wanted):
    with closed_lists(host):
        check_eq(offer(host, sender, recipient, host.login_port, login), wanted)


# --- states of mailboxes; they need none of the above

@contextlib.contextmanager
def state(host, mailbox, word):
    """MAILBOX is in the state WORD inside of this."""
    host.site.ctl("user", "state", mailbox, word, "--reason", "ask the office")
    try:
        yield
    finally:
        host.site.ctl("user", "state", mailbox, "active")


@rows([
    ("a suspended mailbox is refused at RCPT, even beside a catch-all", "suspended", 550),
    ("a send-only mailbox is refused at RCPT, even beside a catch-all", "send-only", 550),
    ("a receive-only mailbox gets its mail", "receive-only", 250),
])
def receives(host, word, wanted):
    addresses = (REAL, "real+x@catch.test", HARRY, "harry@old.test", "Harry@Example.Test")
    with state(host, REAL, word), state(host, HARRY, word):
        for address in addresses:
            check_eq(host.postfix.rcpt(address)[0], wanted, address)
        check_eq(host.deliver("another@catch.test")[2], [REST])
        check_eq(host.deliver(SALLY)[2], [SALLY])
    check_eq(host.deliver(REAL)[2], [REAL])
    check_eq(host.deliver(HARRY)[2], [HARRY])


@rows([
    # name, state, what submission says, may he read
    ("receive-only: no login for submission, but for IMAP", "receive-only", 535, True),
    ("send-only: a login for submission, but not for IMAP", "send-only", 235, False),
    ("suspended: no login at all", "suspended", 535, False),
])
def logs_in(host, word, wanted, reads):
    with state(host, HARRY, word):
        with host.postfix.session(host.submission) as session:
            code, text = plain(session, HARRY, SECRET)
            check_eq(code, wanted, text)
            check_eq("ask the office" in text, wanted == 535, "the reason:", text)
            if wanted == 235:
                session.envelope(HARRY, SALLY)
                host.postfix.wait_removed(session.content("Subject: only sent\n\n"))
        if reads:
            host.dovecot.login(HARRY, SECRET).logout()
        else:
            host.dovecot.refusal(HARRY, SECRET)
    host.works()


@case("receive-only: nobody sends in that name any more, not even who could before")
def _(host):
    with state(host, HARRY, "receive-only"), host.postfix.session(host.submission) as session:
        check_eq(plain(session, SALLY, PASSWORDS[SALLY])[0], 235)
        check_eq(session.command("MAIL FROM:<team@example.test>")[0], 250)
        check_eq(session.command("RCPT TO:<%s>" % SALLY)[0], 250, "a list that leads to SALLY as well")
        session.command("RSET")
        check_eq(session.command("MAIL FROM:<post@example.test>")[0], 250)
        check_eq(session.command("RCPT TO:<%s>" % SALLY)[0], 553, "an alias that leads to nobody else")


# --- states of aliases

@rows([
    ("a disabled alias is 550 even beside a catch-all, and comes back", ["--disable"], ["--enable"]),
    ("an expired alias is 550 even beside a catch-all, and comes back", ["--expires", "2020-01-31"],
     ["--expires", "never"]),
])
def switched_off(host, off, on):
    for address, targets in (("shop@catch.test", [REAL]), ("shop@lists.test", [SALLY])):
        with aliases(host, {address: targets}):
            check_eq(host.deliver(address)[2], targets)
            host.site.ctl("alias", "set", address, *off)
            code, text = host.postfix.rcpt(address)
            check_eq((code, text[:5]), (550, "5.1.1"), address)
            host.site.ctl("alias", "set", address, *on)
            check_eq(host.deliver(address)[2], targets)


@case("a disabled alias in the middle of a session: 550, and then 250 again")
def _(host):
    with aliases(host, {"shop@example.test": [SALLY]}), host.postfix.session() as session:
        for switch, wanted in (("--enable", 250), ("--disable", 550), ("--enable", 250)):
            host.site.ctl("alias", "set", "shop@example.test", switch)
            session.command("MAIL FROM:<%s>" % fresh_sender())
            check_eq(session.command("RCPT TO:<shop@example.test>")[0], wanted, switch)
            session.command("RSET")


@rows([
    # name, the address written to, the mailboxes that get it
    ("a pattern delivers", "sales-asia@catch.test", [HARRY]),
    ("a pattern, in capitals", "Sales-ASIA@Catch.Test", [HARRY]),
    ("a pattern: the one with the longer prefix", "sales-eu-north@catch.test", [SALLY]),
    ("a pattern: an alias by its very name comes first", "sales-chief@catch.test", [REAL]),
    ("a pattern: what it does not match goes to the catch-all", "sales@catch.test", [REST]),
])
def pattern(host, address, wanted):
    with aliases(host, {"sales-*@catch.test": [HARRY], "sales-eu-*@catch.test": [SALLY],
                        "sales-chief@catch.test": [REAL]}):
        check_eq(host.deliver(address)[2], wanted)


@case("a pattern takes no mail of a mailbox, and where it is alone the rest is 550")
def _(host):
    with aliases(host, {"h*y@example.test": [SALLY], "x-*@lists.test": [SALLY]}):
        check_eq(host.deliver(HARRY)[2], [HARRY])
        check_eq(host.deliver("hickory@example.test")[2], [SALLY])
        check_eq(host.deliver("x-1@lists.test")[2], [SALLY])
        check_eq(host.postfix.rcpt("y-1@lists.test")[0], 550)
