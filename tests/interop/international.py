# SPDX-License-Identifier: ISC
#
# Mail beyond ASCII: a domain with an umlaut and mailboxes in it, stored once, asked for in every spelling.
# Postfix has SMTPUTF8 switched on by itself. Dovecot 2.3 takes no SMTPUTF8 by LMTP: a mail whose final
# recipient is not ASCII goes to the Python sink instead, by the map `transports`.

import contextlib
import imaplib
import re
import smtplib

import dovecot
from cases import case, rows
from closed_lists import uncomment
from harness import TIMEOUT, check, check_eq, check_in
from logins import HARRY, plain
from mailhost import letter
from postfix import Refused, fresh_sender
from sink import Sink

DOMAIN, ASCII = "münchen.test", "xn--mnchen-3ya.test"
JOERG, STREET, ANNA = "jörg@" + ASCII, "strasse@" + ASCII, "anna@" + ASCII
PASSWORD = "umläut"

# what no IDNA codec of Python's knows: the A-labels of a sharp s and of a final sigma
FOLDED = {"straße.test": "xn--strae-oqa.test", "ως.test": "xn--3xan.test"}


# symbols, which IDNA2008 has not, and DNS has: the domain, its A-labels, and how somebody may write it
SYMBOLS = "i❤.test", "xn--i-7iq.test", "I❤\ufe0f.Test"


def ascii_name(domain):
    return FOLDED[domain]


@contextlib.contextmanager
def munich(host):
    """The domain, typed with its umlaut, and its mailboxes are there inside of this."""
    host.site.ctl("domain", "add", DOMAIN)
    try:
        for mailbox in ("Jörg@München.test", "straße@" + DOMAIN, "anna@" + DOMAIN):
            host.site.user_add(mailbox, PASSWORD)
        host.site.ctl("alias", "add", "Größe@" + DOMAIN, "jörg@" + DOMAIN)
        yield
    finally:
        host.site.ctl("domain", "remove", DOMAIN, "--all")


@contextlib.contextmanager
def folded(host):
    """Two domains that Postfix folds into others before it asks, and a mailbox in each, inside of this."""
    for domain in FOLDED:
        done = host.site.ctl_run("domain", "add", domain)
        check_eq(done.returncode, 0, done.stderr)
        check_in("Postfix asks for '%s' as" % ascii_name(domain), done.stderr)
    try:
        for domain in FOLDED:
            host.site.user_add("anna@" + domain, PASSWORD)
            host.site.ctl("alias", "add", "info@" + domain, "anna@" + domain)
        yield
    finally:
        for domain in FOLDED:
            host.site.ctl("domain", "remove", domain, "--all")


@contextlib.contextmanager
def sink(host, domains=(DOMAIN,)):
    """Mail for the whole of DOMAINS goes to a Sink inside of this."""
    uncomment(host, "transport_maps")
    with Sink() as server, contextlib.ExitStack() as stack:
        for domain in domains:
            host.site.ctl("map", "set", "transports", domain, "smtp:[127.0.0.1]:%d" % server.port)
            stack.callback(host.site.ctl, "map", "unset", "transports", domain)
        yield server


def envelope(session, sender, recipient):
    """MAIL and RCPT of a mail that may have any letters in it."""
    session.expect("MAIL", "MAIL FROM:<%s> SMTPUTF8" % sender, 250)
    session.expect("RCPT", "RCPT TO:<%s>" % recipient, 250)


def offer(host, recipient):
    """Offer a mail and leave before DATA: (code, enhanced code) of RCPT."""
    with host.postfix.session() as session:
        try:
            envelope(session, fresh_sender(), recipient)
        except Refused as no:
            check_eq(no.stage, "RCPT", no)
            return no.code, no.text.split()[0]
        return 250, "2.1.5"


def home(host, address):
    """Where vmaild says that the mail of an address lives."""
    status, text = host.dovecot.doveadm("-o", "auth_socket_path=" + host.userdb, "user", "-f", "home", address)
    check_eq(status, 0, text)
    return text


def send(host, sender, recipient):
    """Send a mail and wait until Postfix is done with it: (its mark, the log lines of its deliveries)."""
    mark, text = letter(sender, "list@outside.test")
    with host.postfix.session() as session:
        envelope(session, sender, recipient)
        queue_id = session.content(text)
    return mark, host.postfix.wait_removed(queue_id)


@rows([
    # name, the address written to, the mailbox that it is
    ("IDN, into the sink: U-labels", "jörg@münchen.test", JOERG),
    ("IDN, into the sink: A-labels", "jörg@xn--mnchen-3ya.test", JOERG),
    ("IDN, into the sink: U-labels in capitals", "JÖRG@MÜNCHEN.TEST", JOERG),
    ("IDN, into the sink: A-labels in capitals", "Jörg@XN--MNCHEN-3YA.Test", JOERG),
    ("IDN, into the sink: with a tag", "jörg+x@münchen.test", JOERG),
    ("IDN, into the sink: a domain with a combining diaeresis", "anna@mu\u0308nchen.test", ANNA),
    ("IDN, into the sink: straße", "straße@münchen.test", STREET),
    ("IDN, into the sink: strasse", "strasse@münchen.test", STREET),
    ("IDN, into the sink: STRASSE", "STRASSE@MÜNCHEN.TEST", STREET),
    ("IDN, into the sink: STRAẞE with a capital sharp s", "STRAẞE@xn--mnchen-3ya.test", STREET),
    ("IDN, into the sink: an ASCII mailbox by U-labels", "anna@münchen.test", ANNA),
    ("IDN, into the sink: an alias", "größe@münchen.test", JOERG),
    ("IDN, into the sink: an alias, in capitals", "GRÖSSE@xn--mnchen-3ya.test", JOERG),
])
def to_the_sink(host, address, mailbox):
    with munich(host), sink(host) as server:
        sender = fresh_sender()
        _, lines = send(host, sender, address)
        check(all("status=sent" in line for line in lines), lines)
        final, = server.mails[sender]
        final = final.replace("+x@", "@")  # a tag is Postfix's and Dovecot's business
        # How a recipient is spelled is up to the sender; whose mail it is, vmaild says: always the same one's.
        table = "socketmap:unix:%s:mailboxes" % host.maps
        check_eq(host.postfix.postmap(table, final), (0, mailbox, ""))
        check_eq(home(host, final), home(host, mailbox))


@rows([
    # name, the address written to, the mailbox that it is
    ("IDN, a sharp s: by U-labels", "anna@straße.test", "straße.test"),
    ("IDN, a sharp s: by A-labels", "anna@xn--strae-oqa.test", "straße.test"),
    ("IDN, a sharp s: in capitals", "ANNA@STRASSE.TEST", "straße.test"),
    ("IDN, a sharp s: in capitals, itself too", "Anna@STRAẞE.Test", "straße.test"),
    ("IDN, a sharp s: with a tag", "anna+x@straße.test", "straße.test"),
    ("IDN, a sharp s: an alias by U-labels", "info@straße.test", "straße.test"),
    ("IDN, a sharp s: an alias by A-labels", "Info@XN--STRAE-OQA.test", "straße.test"),
    ("IDN, a final sigma: by U-labels", "anna@ως.test", "ως.test"),
    ("IDN, a final sigma: by A-labels", "anna@xn--3xan.test", "ως.test"),
    ("IDN, a final sigma: in capitals", "ANNA@ΩΣ.TEST", "ως.test"),
    ("IDN, a final sigma: an alias", "info@ως.test", "ως.test"),
])
def to_the_sink_folded(host, address, domain):
    with folded(host), sink(host, FOLDED) as server:
        sender = fresh_sender()
        _, lines = send(host, sender, address)
        check(all("status=sent" in line for line in lines), lines)
        final, = server.mails[sender]
        table = "socketmap:unix:%s:mailboxes" % host.maps
        mailbox = "anna@" + ascii_name(domain)
        check_eq(host.postfix.postmap(table, final), (0, mailbox, ""))


@rows([
    ("IDN, a sharp s: nobody by U-labels is refused at RCPT", "nobody@straße.test"),
    ("IDN, a sharp s: nobody by A-labels is refused at RCPT", "nobody@xn--strae-oqa.test"),
    ("IDN, a final sigma: nobody is refused at RCPT", "nobody@ως.test"),
])
def nobody_folded(host, address):
    with folded(host):
        check_eq(offer(host, address), (550, "5.1.1"))


@case("IDN, a sharp s, into Dovecot: by A-labels, where all is ASCII")
def _(host):
    with folded(host):
        mailbox = "anna@xn--strae-oqa.test"
        mark, lines = send(host, fresh_sender(), mailbox)
        check(all("status=sent" in line for line in lines), lines)
        check_eq(host.mailboxes_with(mark), [mailbox])


@case("IDN, a sharp s: the sender is his own in any spelling, and nobody else's")
def _(host):
    with folded(host):
        for sender, wanted in (("anna@straße.test", 250), ("anna@xn--strae-oqa.test", 250),
                               ("info@straße.test", 250), ("anna@ως.test", 553)):
            with host.postfix.session(host.submission) as session:
                check_eq(plain(session, "anna@straße.test", PASSWORD)[0], 235)
                session.expect("MAIL", "MAIL FROM:<%s> SMTPUTF8" % sender, 250)
                check_eq(session.command("RCPT TO:<%s>" % HARRY)[0], wanted, sender)


@case("IDN, a sharp s: the domain that Postfix could not tell from it is refused")
def _(host):
    with folded(host):
        done = host.site.ctl_run("domain", "add", "strasse.test")
        check_eq(done.returncode, 1)
        check_in("Postfix cannot tell domain 'strasse.test' from 'xn--strae-oqa.test'", done.stderr)


@contextlib.contextmanager
def symbols(host, typed):
    """The domain of symbols, TYPED by its admin, and a mailbox in it, inside of this."""
    host.site.ctl("domain", "add", typed)
    try:
        host.site.user_add("anna@" + typed, PASSWORD)
        yield
    finally:
        host.site.ctl("domain", "remove", typed, "--all")


@rows([("IDN, symbols: every spelling is one domain, typed as " + how, typed) for how, typed in zip(
    ("U-labels", "A-labels", "a picture"), SYMBOLS)])
def of_symbols(host, typed):
    with symbols(host, typed), sink(host, (typed,)) as server:
        check_in(SYMBOLS[1], host.site.ctl("domain", "list"))
        for domain in SYMBOLS:
            check_eq(offer(host, "nobody@" + domain), (550, "5.1.1"))
            sender = fresh_sender()
            _, lines = send(host, sender, "Anna@" + domain)
            check(all("status=sent" in line for line in lines), lines)
            final, = server.mails[sender]
            table = "socketmap:unix:%s:mailboxes" % host.maps
            check_eq(host.postfix.postmap(table, final), (0, "anna@" + SYMBOLS[1], ""))


@rows([
    ("IDN: a local part in decomposed letters is the composed one", "jo\u0308rg@münchen.test"),
    ("IDN: and so in capitals, domain and all", "JO\u0308RG@MU\u0308NCHEN.TEST"),
])
def decomposed(host, address):
    with munich(host), sink(host) as server:
        sender = fresh_sender()
        _, lines = send(host, sender, address)
        check(all("status=sent" in line for line in lines), lines)
        final, = server.mails[sender]
        check_eq(host.postfix.postmap("socketmap:unix:%s:mailboxes" % host.maps, final), (0, JOERG, ""))


@case("IDN: what was typed with an umlaut is stored once, with A-labels and folded")
def _(host):
    with munich(host):
        check_in(ASCII, host.site.ctl("domain", "list"))
        users = host.site.ctl("user", "list", DOMAIN)
        check_eq(sorted(re.findall(r"\S+@\S+", users)), sorted([JOERG, STREET, ANNA]))
        check_eq(host.site.ctl("user", "list", ASCII), users)
        for command in (("domain", "add", ASCII), ("domain", "add", "MÜNCHEN.test"),
                        ("user", "add", "--no-password", "JÖRG@" + ASCII),
                        ("user", "add", "--no-password", "STRASSE@" + DOMAIN)):
            check_eq(host.site.ctl_run(*command).returncode, 1, command)


@rows([
    ("IDN: nobody by U-labels is refused at RCPT", "nobody@münchen.test"),
    ("IDN: nobody by A-labels is refused at RCPT", "nobody@xn--mnchen-3ya.test"),
    ("IDN: nobody with an umlaut is refused at RCPT", "jürg@münchen.test"),
    ("IDN: jorg without his umlaut is nobody", "jorg@münchen.test"),
    ("IDN: joerg is somebody else, and nobody here", "JOERG@MÜNCHEN.TEST"),
])
def nobody(host, address):
    with munich(host):
        check_eq(offer(host, address), (550, "5.1.1"))
        check_eq(offer(host, "anna@" + DOMAIN), (250, "2.1.5"))


@rows([
    ("IDN, into Dovecot: an ASCII mailbox by A-labels", "anna@xn--mnchen-3ya.test", ANNA),
    ("IDN, into Dovecot: an ASCII mailbox by A-labels in capitals", "ANNA@XN--Mnchen-3ya.Test", ANNA),
    ("IDN, into Dovecot: an ASCII mailbox with a tag", "anna+x@xn--mnchen-3ya.test", ANNA),
    ("IDN, into Dovecot: straße, by the ASCII name that it is stored as", STREET, STREET),
])
def into_dovecot(host, address, mailbox):
    with munich(host):
        mark, lines = send(host, fresh_sender(), address)
        check(all("status=sent" in line for line in lines), lines)
        check_eq(host.mailboxes_with(mark), [mailbox])


@case("IDN, into Dovecot: no SMTPUTF8 there, so Postfix sends back what is not ASCII")
def _(host):
    with munich(host), smtplib.LMTP(host.postfix.queue + "/private/dovecot-lmtp") as lmtp:
        lmtp.ehlo("client.test")
        check(not lmtp.has_extn("smtputf8"), "this Dovecot takes SMTPUTF8: send it the mail of the other cases")
        mark, lines = send(host, fresh_sender(), JOERG)
        check_in("SMTPUTF8 is required, but was not offered", "\n".join(lines))
        check_eq(host.mailboxes_with(mark), [])


@case("IDN, into Dovecot: as plain bytes 2.3 takes no such address, and 2.4 does")
def _(host):
    with munich(host), smtplib.LMTP(host.postfix.queue + "/private/dovecot-lmtp") as lmtp:
        lmtp.ehlo("client.test")
        check_eq(lmtp.docmd("MAIL", "FROM:<x@outside.test>")[0], 250)
        lmtp.send(("RCPT TO:<%s>\r\n" % JOERG).encode())
        check_eq(lmtp.getreply()[0], {"2.3": 501, "2.4": 250}[dovecot.VERSION])


@case("IDN, into Dovecot: nor does an alias help, whose mailbox is ASCII")
def _(host):
    with munich(host):
        host.site.ctl("alias", "add", "jürgen@" + DOMAIN, ANNA)
        mark, lines = send(host, fresh_sender(), "jürgen@" + ASCII)
        check_in("SMTPUTF8 is required, but was not offered", "\n".join(lines))
        check_in("5.6.7", "\n".join(lines))
        check_eq(host.mailboxes_with(mark), [])


@case("IDN: a login in any spelling by SASL, and the sender is his own in any spelling")
def _(host):
    with munich(host):
        for user in ("jörg@münchen.test", "JÖRG@xn--mnchen-3ya.test"):
            for sender, wanted in (("jörg@münchen.test", 250), ("JÖRG@" + ASCII, 250), ("größe@" + DOMAIN, 250),
                                   ("anna@münchen.test", 553)):
                with host.postfix.session(host.submission) as session:
                    check_eq(plain(session, user, "wrong")[0], 535)
                    check_eq(plain(session, user, PASSWORD)[0], 235)
                    session.expect("MAIL", "MAIL FROM:<%s> SMTPUTF8" % sender, 250)
                    check_eq(session.command("RCPT TO:<%s>" % HARRY)[0], wanted, user, sender)


@case("IDN: IMAP with A-labels, where all is ASCII")
def _(host):
    with munich(host):
        mark, _ = send(host, fresh_sender(), ANNA)
        imap = imaplib.IMAP4("127.0.0.1", host.dovecot.port, timeout=TIMEOUT)
        imap.authenticate("PLAIN", lambda _: ("\0%s\0%s" % (ANNA, PASSWORD)).encode())
        imap.select("INBOX")
        check_eq(len(imap.search(None, "SUBJECT", mark)[1][0].split()), 1)
        imap.logout()
