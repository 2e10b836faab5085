# SPDX-License-Identifier: ISC
#
# Every map, used by the main.cf parameter it is made for in one real Postfix, with its effect seen from outside:
# in what SMTP answers, in what is queued, or in what comes out. No reload, no postmap.

import contextlib
import re
import socket

from bench import Bench, Mailroom, on_bench
from harness import Skip, b64, check, check_eq, check_in
from postfix import fresh_sender

OUTSIDER = "someone@outside.test"

SECRETS = {
    "harry@box.test": "alohomora",
    "barred@box.test": "let me in",
    "listener@box.test": "only listening",  # receive-only
    "speaker@box.test": "only speaking",    # send-only
    "gone@box.test": "good bye",            # suspended
    "gone@catch.test": "good bye",
    "real@catch.test": "r3al",
}

STATES = {
    "listener@box.test": "receive-only",
    "speaker@box.test": "send-only",
    "gone@box.test": "suspended",
    "gone@catch.test": "suspended",
}

ALIASES = {
    "@catch.test": "real@catch.test",
    "all@lists.test": "harry@box.test",
    "sales-*@box.test": "harry@box.test",
    "sales-d*@box.test": "watcher@box.test",
    "sales-de@box.test": "copy@box.test",
    "team-*@catch.test": "harry@box.test",
    "off@catch.test": "harry@box.test",
    "past@catch.test": "harry@box.test",
    "coming@catch.test": "harry@box.test",
}

# What postmap would have in a file each. SINK and OTHER stand for the two sinks.
ENTRIES = {
    "local-recipients": {"joe": "x", "mary@local.test": "x"},
    "relay-recipients": {"known@relay.test": "x", "@all.relay.test": "x"},
    "transports": {"special@box.test": "smtp:OTHER", "far.test": "smtp:OTHER", ".far.test": "smtp:OTHER",
                   "closed@box.test": "error:5.1.1 this mailbox is closed", "later.test": "retry:4.2.1 come back",
                   "strict.test": "smtp:STRICT", ".policy.test": "smtp-named:", "policy.test": "smtp-named:",
                   "agent@box.test": "virtual"},
    "sender-bcc": {"watched@box.test": "watcher@box.test"},
    "recipient-bcc": {"copied@box.test": "copy@box.test", "@copied.test": "copy@copied-too.test"},
    "relayhosts": {"@by-other.test": "OTHER", "direct@by-other.test": "DUNNO"},
    "canonical": {"old@anywhere.test": "new@anywhere.test", "@whole.test": "@renamed.test"},
    "sender-canonical": {"login.name@inside.test": "First.Last@inside.test"},
    "recipient-canonical": {"first.last@inside.test": "login.name@inside.test"},
    "generic": {"me@intranet.test": "me@public.test", "@intranet.test": "office@public.test"},
    "relocated": {"mover@box.test": "mover@new-home.test", "@moved.test": "somewhere else"},
    "uids": {"harry@box.test": "5001", "@box.test": "5000"},
    "gids": {"harry@box.test": "6001"},
    "client-access": {"bad.example": "REJECT we know you", "192.0.2": "REJECT that network",
                      "192.0.2.7": "OK", "2001:db8:0:1": "REJECT that prefix"},
    "helo-access": {"liar.example": "550 5.7.1 not your name"},
    "sender-access": {"spammer@outside.test": "REJECT no more of that", "evil.test": "REJECT all of them",
                      "root@": "REJECT no roots", "<>": "DUNNO"},
    "recipient-access": {"quiet@box.test": "450 4.2.1 not now", "trap@": "REJECT it is a trap"},
    "sasl-access": {"barred@box.test": "REJECT you are barred"},
    "tls-policy": {".policy.test": "encrypt", "open.policy.test": "none", "[127.0.0.1]:STRICT": "encrypt"},
    "senders": {"shared@box.test": "harry@box.test, barred@box.test"},
}

# Maps that an admin makes: their search, and what is in them.
CUSTOM = {
    "networks": ("network", {"198.51.100.0/24": "REJECT not from there", "198.51.100.8/32": "OK"}),
    "freemail": ("domain", {"freemail.test": "REJECT no freemail"}),
    "greylist": ("address", {"grey@box.test": "450 4.7.1 come again"}),
    "routes": ("transport", {"*": "error:5.7.1 no mail leaves today", ".open.test": ":", "box.test": ":"}),
    "words": ("exact", {"Hello World": "yes"}),
    "hosts": ("host", {"hosts.test": "REJECT no hosts"}),
}


class Office(Bench):
    """All maps at once, in one main.cf."""

    domains = ("box.test", "catch.test")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.other = self.stack.enter_context(Mailroom())
        self.strict = self.stack.enter_context(Mailroom())
        self.postfix.hosts = "127.0.0.1 a.policy.test open.policy.test\n"

    def fill(self):
        ctl = self.site.ctl
        for address, password in SECRETS.items():
            self.site.user_add(address, password)
        for local in ("special", "closed", "watched", "watcher", "copied", "copy", "mover", "quiet", "grey",
                      "agent", "hidden"):
            self.site.user_add(local + "@box.test", None)
        for address, state in STATES.items():
            ctl("user", "state", address, state)
        ctl("domain", "add", "local.test", "--kind", "local")
        ctl("domain", "add", "relay.test", "--kind", "relay")
        ctl("domain", "add", "lists.test", "--kind", "alias")
        for alias, target in ALIASES.items():
            ctl("alias", "add", alias, target)
        ctl("alias", "set", "off@catch.test", "--disable")
        ctl("alias", "set", "past@catch.test", "--expires", "2020-01-01")
        ctl("alias", "set", "coming@catch.test", "--expires", "+30d")
        for name, entries in ENTRIES.items():
            self.entries(**{name: {self.meant(key): self.meant(value) for key, value in entries.items()}})
        for name, (search, entries) in CUSTOM.items():
            ctl("map", "create", name, "--search", search)
            for key, value in entries.items():
                ctl("map", "set", name, key, value)

    def meant(self, text):
        """TEXT with the sinks' names made real."""
        text = text.replace("[127.0.0.1]:STRICT", self.strict.transport())
        return text.replace("SINK", self.sink.transport()).replace("OTHER", self.other.transport()).replace(
            "STRICT", self.strict.transport())

    def main_cf(self):
        table = {name: self.table(name) for name in list(CUSTOM) + [
            "domains", "mailboxes", "aliases", "alias-domains", "local-domains", "relay-domains", *ENTRIES]}
        host = self.postfix
        host.service("smtp-named unix - - y - - smtp", "smtp_tcp_port = %d" % self.sink.port,
                     "smtp_host_lookup = native")
        host.service("rewrite-routes unix - - y - - trivial-rewrite", "transport_maps = " + table["routes"])
        trusting = ["mynetworks = 127.0.0.1", "smtpd_relay_restrictions = permit_mynetworks, reject",
                    "smtpd_sender_restrictions =", "smtpd_recipient_restrictions ="]
        self.outbound = host.smtpd(*trusting)
        self.routed = host.smtpd("rewrite_service_name = rewrite-routes", *trusting)
        return MAIN_CF.format(sink=self.sink.transport(), auth=self.auth,
                              **{name.replace("-", "_"): at for name, at in table.items()})


MAIN_CF = """\
mynetworks =
inet_protocols = all
recipient_delimiter = +
mydestination = {local_domains}
local_recipient_maps = {local_recipients}
local_transport = smtp:{sink}
relay_domains = {relay_domains}
relay_recipient_maps = {relay_recipients}
relay_transport = smtp:{sink}
virtual_alias_domains = {alias_domains}
virtual_alias_maps = {aliases}
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = {mailboxes}
virtual_transport = smtp:{sink}
virtual_uid_maps = {uids}
virtual_gid_maps = {gids}
virtual_mailbox_base = /tmp
default_transport = smtp
relayhost = {sink}
transport_maps = {transports}
sender_bcc_maps = {sender_bcc}
recipient_bcc_maps = {recipient_bcc}
sender_dependent_relayhost_maps = {relayhosts}
canonical_maps = {canonical}
sender_canonical_maps = {sender_canonical}
recipient_canonical_maps = {recipient_canonical}
smtp_generic_maps = {generic}
relocated_maps = {relocated}
smtp_tls_policy_maps = {tls_policy}
smtp_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_sasl_auth_enable = yes
smtpd_sender_login_maps = {senders}
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_client_restrictions = check_client_access {client_access}, check_client_access {networks}
smtpd_helo_restrictions = check_helo_access {helo_access}, check_helo_access {hosts}
smtpd_sender_restrictions = check_sender_access {sender_access}, check_sender_access {freemail},
  reject_sender_login_mismatch
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = check_sasl_access {sasl_access}, check_recipient_access {recipient_access},
  check_recipient_access {greylist}
"""

case = on_bench("maps", Office)
shown = {"domains", "mailboxes", "aliases", "alias-domains", "members"}  # the others get in by shows()


def shows(*maps):
    """Decorator: the case below shows MAPS at work; the last case of this file looks whether any is missing."""
    shown.update(maps)
    return lambda function: function


# --- what is refused at RCPT, and what is not -----------------------------------------------------

def refusals(map, rows):
    """One case for every row: name, sender, recipient, what is said (250, or a code and a piece of text), and
    whom Postfix shall take us for."""
    shown.add(map)
    for name, sender, recipient, code, text, client in rows:
        def run(bench, sender=sender, recipient=recipient, code=code, text=text, client=client):
            stage, got, said = bench.say(sender, recipient, **client)
            check_eq(got, code, stage, said)
            check_in(text, said)
        case("%s: %s" % (map, name))(run)


refusals("local-domains", [
    ("a domain of the local kind is Postfix's own", OUTSIDER, "joe@local.test", 250, "", {}),
    ("in capitals too", OUTSIDER, "joe@LOCAL.test", 250, "", {}),
    ("a domain below it is not", OUTSIDER, "joe@sub.local.test", 554, "Relay access denied", {}),
])
refusals("local-recipients", [
    ("a bare name counts in a local domain", OUTSIDER, "joe+x@local.test", 250, "", {}),
    ("a whole address does", OUTSIDER, "mary@local.test", 250, "", {}),
    ("nobody else is taken", OUTSIDER, "nobody@local.test", 550, "unknown in local recipient table", {}),
])
refusals("relay-domains", [
    ("a relay domain is taken", OUTSIDER, "known@relay.test", 250, "", {}),
    ("a domain below it too", OUTSIDER, "anybody@all.relay.test", 250, "", {}),
    ("one that only ends alike is not", OUTSIDER, "known@norelay.test", 554, "Relay access denied", {}),
])
refusals("relay-recipients", [
    ("a recipient with an extension", OUTSIDER, "known+x@relay.test", 250, "", {}),
    ("nobody else in that domain", OUTSIDER, "other@relay.test", 550, "unknown in relay recipient table", {}),
])
refusals("relocated", [
    ("the new address is told", OUTSIDER, "mover@box.test", 550, "5.1.6 <mover@box.test>: Recipient address "
     "rejected: User has moved to mover@new-home.test", {}),
    ("with an extension too", OUTSIDER, "Mover+x@box.test", 550, "mover@new-home.test", {}),
])
refusals("client-access", [
    ("a host", OUTSIDER, "harry@box.test", 554, "we know you", {"name": "bad.example", "addr": "203.0.113.1"}),
    ("a host below", OUTSIDER, "harry@box.test", 554, "we know you", {"name": "a.b.Bad.Example",
                                                                      "addr": "203.0.113.1"}),
    ("a network by octets", OUTSIDER, "harry@box.test", 554, "that network", {"addr": "192.0.2.200"}),
    ("an address in it that may", OUTSIDER, "harry@box.test", 250, "", {"addr": "192.0.2.7"}),
    ("everybody else", OUTSIDER, "harry@box.test", 250, "", {"name": "notbad.example", "addr": "192.0.20.1"}),
])


@shows("client-access")
@case("client-access: an IPv6 prefix")
def _(bench):
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6):
        stage, code, text = bench.say(OUTSIDER, "harry@box.test", addr="IPV6:2001:db8:0:1::5")
        check_eq(code, 554, stage, text)
        return check_in("that prefix", text)
    raise Skip("needs IPv6 in the kernel")


refusals("helo-access", [
    ("a name", OUTSIDER, "harry@box.test", 550, "not your name", {"helo": "liar.example"}),
    ("a name below", OUTSIDER, "harry@box.test", 550, "not your name", {"helo": "mx.LIAR.example"}),
    ("another", OUTSIDER, "harry@box.test", 250, "", {"helo": "honest.example"}),
])
refusals("sender-access", [
    ("an address", "spammer@outside.test", "harry@box.test", 554, "no more of that", {}),
    ("an address with an extension", "Spammer+7@outside.test", "harry@box.test", 554, "no more of that", {}),
    ("a domain", "x@evil.test", "harry@box.test", 554, "all of them", {}),
    ("a domain below", "x@very.evil.test", "harry@box.test", 554, "all of them", {}),
    ("a name in every domain", "root@wherever.test", "harry@box.test", 554, "no roots", {}),
    ("the null sender", "", "harry@box.test", 250, "", {}),
])
refusals("recipient-access", [
    ("an address", OUTSIDER, "quiet@box.test", 450, "not now", {}),
    ("a name in every domain", OUTSIDER, "trap@lists.test", 554, "it is a trap", {}),
])
refusals("sasl-access", [
    ("a login is barred", "barred@box.test", "harry@box.test", 554, "you are barred", {"login": "barred@box.test"}),
    ("in capitals too", "barred@box.test", "harry@box.test", 554, "you are barred", {"login": "Barred@BOX.test"}),
    ("another is not", "harry@box.test", "quiet@box.test", 450, "not now", {"login": "harry@box.test"}),
])
refusals("senders", [
    ("a grant by hand", "shared@box.test", "harry@box.test", 250, "", {"login": "harry@box.test"}),
    ("nobody else may", "shared@box.test", "harry@box.test", 553, "not owned by user",
     {"login": "real@catch.test"}),
    ("nor anybody without a login", "shared@box.test", "harry@box.test", 553, "not logged in", {}),
    ("one's own address", "harry@box.test", "harry@box.test", 250, "", {"login": "harry@box.test"}),
    ("an address that leads to one", "all@lists.test", "harry@box.test", 250, "", {"login": "harry@box.test"}),
])
refusals("transports", [
    ("an error for an address", OUTSIDER, "closed+x@box.test", 550, "5.1.1 <closed+x@box.test>: Recipient address "
     "rejected: this mailbox is closed", {}),
])
refusals("a map by the admin", [
    ("networks", OUTSIDER, "harry@box.test", 554, "not from there", {"addr": "198.51.100.77"}),
    ("an address in one that may", OUTSIDER, "harry@box.test", 250, "", {"addr": "198.51.100.8"}),
    ("domains", "x@a.freemail.test", "harry@box.test", 554, "no freemail", {}),
    ("addresses", OUTSIDER, "grey+x@box.test", 450, "come again", {}),
    ("hosts", OUTSIDER, "harry@box.test", 554, "no hosts", {"helo": "a.hosts.test"}),
])


# --- aliases that people ask for ------------------------------------------------------------------

def lead(rows):
    """One case for every row: name, recipient, whom the mail comes out for."""
    for name, recipient, final in rows:
        case("aliases: " + name)(lambda bench, recipient=recipient, final=final: check_eq(
            [x.recipients for x in bench.letters(OUTSIDER, recipient)], [[final]]))


lead([
    ("a pattern", "sales-fr@box.test", "harry@box.test"),
    ("a pattern in capitals, with an extension", "Sales-FR+x@box.test", "harry@box.test"),
    ("of two patterns that with the longer beginning", "sales-dk@box.test", "watcher@box.test"),
    ("an exact alias before a pattern", "sales-de+x@box.test", "copy+x@box.test"),
    ("a pattern before the catch-all", "team-x@catch.test", "harry@box.test"),
    ("the catch-all after it", "teamx@catch.test", "real@catch.test"),
    ("one that is still to expire", "coming@catch.test", "harry@box.test"),
])
refusals("aliases", [
    ("what no pattern matches", OUTSIDER, "sales@box.test", 550, "5.1.1", {}),
    ("one that is switched off is nobody, beside a catch-all too", OUTSIDER, "off@catch.test", 550, "5.1.1", {}),
    ("one that has expired likewise", OUTSIDER, "past+x@catch.test", 550, "5.1.1", {}),
])


# --- states ---------------------------------------------------------------------------------------

refusals("mailboxes", [
    ("receive-only gets mail", OUTSIDER, "listener@box.test", 250, "", {}),
    ("send-only gets none", OUTSIDER, "speaker@box.test", 550, "5.1.1", {}),
    ("send-only with an extension gets none", OUTSIDER, "speaker+x@box.test", 550, "5.1.1", {}),
    ("suspended gets none", OUTSIDER, "gone@box.test", 550, "5.1.1", {}),
    ("suspended beside a catch-all gets none either", OUTSIDER, "gone@catch.test", 550, "5.1.1", {}),
    ("which takes everybody else", OUTSIDER, "whoever@catch.test", 250, "", {}),
])
refusals("senders", [
    ("send-only sends", "speaker@box.test", "harry@box.test", 250, "", {"login": "speaker@box.test"}),
    ("receive-only does not", "listener@box.test", "harry@box.test", 553, "", {"login": "listener@box.test"}),
    ("suspended does not", "gone@box.test", "harry@box.test", 553, "", {"login": "gone@box.test"}),
])


@case("states: who may log in to send")
def _(bench):
    for address, code in {"harry@box.test": 235, "speaker@box.test": 235, "listener@box.test": 535,
                          "gone@box.test": 535}.items():
        with bench.session() as session:
            answer = session.command("AUTH PLAIN " + b64("\0%s\0%s" % (address, SECRETS[address])))
        check_eq(answer[0], code, address, answer[1])


@case("states: an account that is active again gets its mail at once")
def _(bench):
    bench.site.ctl("user", "state", "gone@catch.test", "active")
    check_eq(bench.say(fresh_sender(), "gone@catch.test")[1], 250)
    bench.site.ctl("user", "state", "gone@catch.test", "suspended")
    check_eq(bench.say(fresh_sender(), "gone@catch.test")[1], 550)


# --- what comes out, and where --------------------------------------------------------------------

@shows("local-domains")
@case("local-domains: mail for one is delivered by local_transport")
def _(bench):
    check_eq([x.recipients for x in bench.letters(OUTSIDER, "joe@local.test")], [["joe@local.test"]])


@shows("transports")
@case("transports: an address, a domain, and domains below one")
def _(bench):
    for recipient in ("special+x@box.test", "x@far.test", "x@very.far.test"):
        here, there = bench.letters("a@b.test", recipient, port=bench.outbound, sinks=[bench.sink, bench.other])
        check_eq(([x.recipients for x in there], here), ([[recipient]], []), recipient)


@shows("transports")
@case("transports: '*' is what nothing else takes")
def _(bench):
    for recipient, code in {"x@anywhere.test": 550, "x@is.open.test": 250, "harry@box.test": 250}.items():
        stage, got, text = bench.say(OUTSIDER, recipient, port=bench.routed)
        check_eq(got, code, stage, text)
    check_in("no mail leaves today", bench.say(OUTSIDER, "y@anywhere.test", port=bench.routed)[2])


@shows("sender-bcc", "recipient-bcc")
@case("sender-bcc and recipient-bcc: who gets a copy")
def _(bench):
    for sender, recipient, copy in [("watched@box.test", "harry@box.test", ["watcher@box.test"]),
                                    (OUTSIDER, "copied+x@box.test", ["copy@box.test"]),
                                    (OUTSIDER, "any@copied.test", ["copy@copied-too.test"]),
                                    (OUTSIDER, "harry@box.test", [])]:
        letters = bench.letters(sender, recipient, port=bench.outbound)
        check_eq(sorted(r for x in letters for r in x.recipients), sorted([recipient] + copy), sender)


@shows("relayhosts")
@case("relayhosts: the sender decides by which host mail leaves")
def _(bench):
    for sender, by_other in [("x@by-other.test", 1), ("X@By-Other.test", 1), ("direct@by-other.test", 0),
                             (OUTSIDER, 0)]:
        here, there = bench.letters(sender, "someone@far-away.test", port=bench.outbound,
                                    sinks=[bench.sink, bench.other])
        check_eq((len(here), len(there)), (1 - by_other, by_other), sender)


@shows("canonical", "sender-canonical", "recipient-canonical")
@case("canonical maps: envelope and headers, extensions go along")
def _(bench):
    for sender, recipient, new_sender, new_recipient in [
            ("old@anywhere.test", "old+x@anywhere.test", "new@anywhere.test", "new+x@anywhere.test"),
            ("a+b@whole.test", "c@whole.test", "a+b@renamed.test", "c@renamed.test"),
            ("login.name@inside.test", "first.last+x@inside.test", "First.Last@inside.test",
             "login.name+x@inside.test")]:
        letter, = bench.letters(sender, recipient, port=bench.outbound)
        check_eq((letter.sender, letter.recipients), (new_sender, [new_recipient]))
        check_eq((letter.header("From"), letter.header("To")), (new_sender, new_recipient))


@shows("generic")
@case("generic: what leaves by SMTP has public addresses, the queue has not")
def _(bench):
    since = bench.postfix.log.mark()
    letter, = bench.letters("me@intranet.test", "you@far-away.test", port=bench.outbound)
    check_eq((letter.sender, letter.header("From")), ("me@public.test", "me@public.test"))
    check(bench.postfix.log.lines("qmgr.*from=<me@intranet.test>", since))
    letter, = bench.letters("others@intranet.test", "you@far-away.test", port=bench.outbound)
    check_eq(letter.sender, "office@public.test")


@shows("tls-policy")
@case("tls-policy: a host that must have TLS and has none gets nothing")
def _(bench):
    since = bench.postfix.log.mark()
    bench.postfix.send("x@strict.test", "Subject: x\n\n", port=bench.outbound)
    line = bench.postfix.log.wait("to=<x@strict.test>.*status=deferred.*", since)[0]
    check_in("TLS is required, but was not offered", line)


@shows("tls-policy")
@case("tls-policy: domains below one, and one that is excepted")
def _(bench):
    since = bench.postfix.log.mark()
    bench.postfix.send("x@a.policy.test", "Subject: x\n\n", port=bench.outbound)
    check_in("TLS is required", bench.postfix.log.wait("to=<x@a.policy.test>.*status=.*", since)[0])
    check_eq([x.recipients for x in bench.letters(OUTSIDER, "x@open.policy.test", port=bench.outbound)],
             [["x@open.policy.test"]])


# --- postmap, and what cannot be ------------------------------------------------------------------

@shows("uids", "gids")
@case("uids and gids: postmap is answered")
def _(bench):
    for name, key, answer in [("uids", "harry@box.test", "5001"), ("uids", "harry+x@box.test", "5001"),
                              ("uids", "other@box.test", "5000"), ("uids", "x@other.test", ""),
                              ("gids", "Harry@Box.test", "6001"), ("gids", "other@box.test", "")]:
        check_eq(bench.postfix.postmap(bench.table(name), key), (0 if answer else 1, answer, ""), name, key)


@case("uids and gids: virtual(8) takes no such table, and the mail waits")
def _(bench):
    since = bench.postfix.log.mark()
    bench.postfix.send("agent@box.test", "Subject: x\n\n")
    check_in("mail system configuration error",
             bench.postfix.log.wait("to=<agent@box.test>.*status=deferred.*", since)[0])
    for name in ("mailboxes", "uids", "gids"):
        check(bench.postfix.log.lines("virtual.*:%s map is not allowed for security-sensitive data" % name, since),
              bench.postfix.log.tail(since))


@case("a map by the admin: words, in any case")
def _(bench):
    for key, answer in {"Hello World": "yes", "hello world": "yes", "Hello": ""}.items():
        check_eq(bench.postfix.postmap(bench.table("words"), key), (0 if answer else 1, answer, ""), key)


@case("a map by the admin is live at once: set, unset, and the map gone")
def _(bench):
    check_eq(bench.say(fresh_sender(), "hidden@box.test")[1], 250)
    bench.site.ctl("map", "set", "greylist", "hidden@box.test", "450 4.7.1 wait")
    check_eq(bench.say(fresh_sender(), "hidden@box.test")[1], 450)
    bench.site.ctl("map", "unset", "greylist", "hidden@box.test")
    check_eq(bench.say(fresh_sender(), "hidden@box.test")[1], 250)
    bench.site.ctl("map", "create", "passing", "--search", "exact")
    bench.site.ctl("map", "set", "passing", "a", "b")
    check_eq(bench.postfix.postmap(bench.table("passing"), "a"), (0, "b", ""))
    bench.site.ctl("map", "remove", "passing")
    status, value, error = bench.postfix.postmap(bench.table("passing"), "a")
    check(status != 0 and value == "" and error != "", "a map that is gone:", status, value, error)


@case("every map that vmailctl names was shown at work")
def _(bench):
    names = set(re.findall(r"socketmap:\S+:([-\w]+)", bench.site.ctl("config", "postfix")))
    names |= set(line.split()[0] for line in bench.site.ctl("maps").splitlines()[1:] if line.strip())
    check_eq(sorted(names - shown), [], "not shown here")
