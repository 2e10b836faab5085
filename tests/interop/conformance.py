# SPDX-License-Identifier: ISC
#
# The same random tables once as hash: and once in vmaild, for every map that has a meaning as hash:. Postfix's own
# daemons ask both: smtpd answers, cleanup and smtp(8) rewrite, trivial-rewrite says where mail goes; what they do
# must be the same. Virtual aliases and mailboxes are compared in differential.py.

import contextlib
import os
import random
import socket

from aliassets import ATOMS, EXTENSIONS, QUOTED, address, base, folded, is_dot_string, split
from bench import Bench, on_bench, pretend
from cases import comment
from harness import TIMEOUT, check, check_eq, check_in, wait_until

SEEDS = [0, 1, 2, 3]
SETTINGS = [("+", True), ("+-", False), ("-", True), ("", True), ("+-", True), ("+", False)]

DOMAINS = ["d1.test", "d2.test", "sub.d1.test", "a.sub.d1.test", "far.example", "bücher.test"]
A_LABELS = {"bücher.test": "xn--bcher-kva.test"}
LOCAL_DOMAIN = "l.test"
LOGINS = ["one@log.test", "two+x@log.test", "three@log.test", "a.b@log.test"]


# --- random tables and questions ------------------------------------------------------------------

class Data:
    """Keys, values and questions for one map, all of them from SEED."""

    def __init__(self, seed, name):
        self.random = random.Random("%d %s" % (seed, name))
        self.bases = ["one." + name, "two." + name, "test-" + name]  # no map's domains are another's
        self.whole = self.random.sample(DOMAINS, 2) + [LOCAL_DOMAIN][:self.random.choice([0, 1])]

    def local(self, extended=0.25):
        name = self.random.choice(QUOTED if self.random.random() < 0.15 else ATOMS)
        if self.random.random() < extended:
            name += self.random.choice("+-") + self.random.choice(EXTENSIONS)
        return name

    def domain(self):
        return self.random.choice(DOMAINS + [LOCAL_DOMAIN] * 2)

    def address(self, extended=0.25, domains=None):
        return address(self.local(extended), self.random.choice(domains) if domains else self.domain())

    def some(self, count, *makers):
        """About COUNT different keys, each by one of MAKERS."""
        return list({folded(key): key for key in (self.random.choice(makers)() for _ in range(count))}.values())

    # keys of a table

    def bare(self):
        while True:
            name = self.local()
            if is_dot_string(name):
                return name

    def address_keys(self):
        return self.some(90, self.address, self.address, self.address, self.address, self.address, self.bare,
                         self.bare, lambda: "@" + self.random.choice(self.whole))

    def local_keys(self):
        mine = [LOCAL_DOMAIN]
        return self.some(30, lambda: self.address(domains=mine), lambda: self.address(domains=mine), self.bare)

    def access_keys(self):
        return self.some(60, self.address, self.address, self.address, lambda: address(self.local(), ""),
                         lambda: self.random.choice(DOMAINS + ["sub.d2.test", "example"]))

    def transport_keys(self):
        return self.some(60, self.address, self.address, self.address, self.domain,
                         lambda: "." + self.random.choice(DOMAINS + ["example", "d3.test"])) + self.random.choice(
                             [[], ["*"]])

    def host_keys(self):
        return self.some(60, self.below, self.below, self.below, self.ip, self.prefix, self.prefix)

    def login_keys(self):
        return self.some(40, self.login)

    def domain_keys(self):
        return self.some(25, self.below)

    def host(self, depths=(0, 1, 1, 2, 3)):
        labels = [self.random.choice(["a", "b", "c", "d", "mx-1", "mx-2", "www"])
                  for _ in range(self.random.choice(depths))]
        return ".".join(labels + [self.random.choice(self.bases)])

    def below(self):
        return self.host((1, 1, 2, 3))

    def ip(self):
        pick = self.random.choice
        if self.random.random() < 0.3:
            return "2001:db8:%s:%s::%s" % (pick("ab"), pick("123"), pick(["1", "2", "f"]))
        return "%s.%s.%s.%s" % (pick(["192", "10", "172", "100"]), pick("012"), pick("0123"), pick(["1", "2", "254"]))

    def prefix(self):
        """An address without its last parts, as Postfix shortens it."""
        ip = self.ip()
        return ip.rsplit(":" if ":" in ip else ".", self.random.choice([1, 1, 1, 1, 1, 2, 2, 3]))[0]

    def login(self):
        return self.bare() if self.random.random() < 0.3 else self.address()

    # values, each another one

    def exists(self, number):
        return "x"

    def reject(self, number):
        return "REJECT rule %d" % number

    def copy(self, number):
        return "copy%d@bcc.test" % number

    def moved(self, number):
        return "new%d@home.test" % number

    def relayhost(self, number):
        return "DUNNO" if self.random.random() < 0.1 else "[h%d.example]:25" % number

    def transport(self, number):
        return self.random.choice(["smtp:[h%d.example]", ":[h%d.example]:2525", "relay:h%d.example", "error:5.1.1 no %d",
                                   "retry:4.2.1 later %d", "lmtp:unix:private/x%d", "slow%d", "slow%d:"]) % number

    def rewritten(self, number):
        if self.random.random() < 0.15:
            return "@other%d.test" % number
        local = self.random.choice(["new%d", "New%d", "new%d+fix", "n w%d", "a-%d", "jörg%d"]) % number
        return address(local, self.random.choice(["out.test", "Out.Example"]))

    def logins(self, number):
        return self.random.choice([", ", " ", ","]).join(
            self.random.sample(LOGINS, self.random.choice([1, 1, 2, 3])))

    # questions

    def capitals(self, text):
        """TEXT, at times in capitals; an international domain at times as A-label."""
        for u_label, a_label in A_LABELS.items():
            if self.random.random() < 0.3:
                text = text.replace("@" + u_label, "@" + a_label)
        return text.upper() if text.isascii() and self.random.random() < 0.15 else text

    def questions(self, keys, ask, count=250):
        """KEYS, and COUNT questions that ASK() makes."""
        return list(dict.fromkeys(self.capitals(q) for q in keys + [ask() for _ in range(count)]))

    def addresses(self, keys, domains=None):
        """Addresses: those among KEYS, the same with an extension, and others."""
        found = [key for key in keys if "@" in key and not key.startswith("@") and not key.endswith("@")]
        found += [address(key, LOCAL_DOMAIN) for key in keys if "@" not in key and is_dot_string(key)]
        if domains:
            found = [key for key in found if split(key)[1] in domains]
        for key in list(found):
            local, domain = split(key)
            found.append(address(local + self.random.choice("+-") + self.random.choice(EXTENSIONS), domain))
        return self.questions(found, lambda: self.address(0.4, domains))

    def deep_addresses(self, keys):
        """Some of them below the domains that are in tables."""
        return [q.replace("@", "@" + self.random.choice(["deep.", "very.deep."])) if self.random.random() < 0.4 and
                q.count("@") == 1 else q for q in self.addresses(keys)]

    def local_addresses(self, keys):
        return self.addresses(keys, [LOCAL_DOMAIN])

    def foreign_addresses(self, keys):
        return self.addresses(keys, DOMAINS)

    def hosts(self, keys):
        return self.questions([key for key in keys if any(base in key for base in self.bases)], self.host)

    def clients(self, keys):
        """A name or none, a blank, an address."""
        names = [key for key in keys if any(base in key for base in self.bases)] + [""]
        return self.questions([], lambda: "%s %s" % (
            self.random.choice([self.random.choice(names), self.host(), ""]), self.ip()), 400)

    def some_logins(self, keys):
        return self.questions(keys, self.login)


def xtext(value):
    """A value of XCLIENT."""
    return "".join(chr(b) if 0x21 <= b <= 0x7E and b not in b"+=" else "+%02X" % b for b in value.encode())


def listed(header):
    """The addresses of a header, taken apart at the commas that are not quoted."""
    found, quoted, escaped = [""], False, False
    for c in header:
        if c == "," and not quoted:
            found.append("")
            continue
        quoted ^= c == '"' and not escaped
        escaped = c == "\\" and not escaped
        found[-1] += c
    return [one.strip() for one in found]


# --- what Postfix's daemons do --------------------------------------------------------------------

def records(path):
    """The records of a queue file: (type, data)."""
    with open(path, "rb") as f:
        content = f.read()
    at = 0
    while at < len(content):
        kind, at = chr(content[at]), at + 1
        length = shift = 0
        while True:
            byte, at = content[at], at + 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        yield kind, content[at:at + length].decode("utf-8", "surrogateescape")
        at += length


class Queued:
    """A mail as cleanup wrote it: `sender`, `recipients` [(what was asked for, what became of it)], `headers`."""

    def __init__(self, path):
        self.sender, self.recipients, self.headers = None, [], {}
        asked, name = "", None
        for kind, data in records(path):
            if kind == "S":
                self.sender = data
            elif kind == "O":
                asked = data
            elif kind == "R":
                self.recipients.append((asked, data))
                asked = ""
            elif kind in "NL" and data[:1] in (" ", "\t") and name:
                self.headers[name] += " " + data.strip()
            elif kind in "NL" and ":" in data:
                name, _, text = data.partition(":")
                self.headers[name] = text.strip()


class Rewrite:
    """A client of trivial-rewrite, which speaks NUL-ended names and values."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")
        check_eq(self.answer(), {"protocol": "trivial_rewrite_protocol"})

    def text(self):
        found = b""
        while (byte := self.stream.read(1)) != b"\0":
            check(byte, "trivial-rewrite hung up after", found)
            found += byte
        return found.decode("utf-8", "surrogateescape")

    def answer(self):
        found = {}
        while name := self.text():
            found[name] = self.text()
        return found

    def resolve(self, sender, recipient):
        """Where a mail goes, both addresses without quoting: (transport, next hop, flags)."""
        words = ["request", "resolve", "sender", sender, "address", recipient, ""]
        self.socket.sendall("".join(word + "\0" for word in words).encode())
        answer = self.answer()
        return answer["transport"], answer["nexthop"], answer["flags"]

    def close(self):
        self.stream.close()
        self.socket.close()


def unquoted(a):
    """An address in the form in which daemons hand it to each other."""
    local, domain = split(a)
    return local + "@" + domain


# Each of the following is asked for the answers of one SIDE to QUESTIONS: {question: what is comparable}.

def at_mail(side, questions):
    """smtpd's answers to MAIL FROM."""
    with side.session() as session:
        return {q: mail_from(session, q) for q in questions}


def mail_from(session, sender):
    code, text = session.command("MAIL FROM:<%s> SMTPUTF8" % sender)
    session.command("RSET")
    return "%d %s" % (code, text)


def at_rcpt(side, questions):
    """smtpd's answers to RCPT TO."""
    found = {}
    with side.session() as session:
        session.expect("MAIL", "MAIL FROM:<x@from.test> SMTPUTF8", 250)
        for q in questions:
            found[q] = "%d %s" % session.command("RCPT TO:<%s>" % q)
    return found


def at_helo(side, questions):
    with side.session() as session:
        return {q: "%d %s" % session.command("HELO " + q) for q in questions}


def at_rcpt_of(client, side, questions):
    """smtpd's answers to a mail of the client that CLIENT(question) says."""
    found = {}
    with side.session() as session:
        for q in questions:
            pretend(session, **client(q))
            session.ehlo("client.test")
            session.expect("MAIL", "MAIL FROM:<x@from.test> SMTPUTF8", 250)
            found[q] = "%d %s" % session.command("RCPT TO:<x@to.test>")
            session.command("RSET")
    return found


def at_rcpt_of_host(side, questions):
    def client(question):
        name, _, ip = question.partition(" ")
        return {"name": name or "[UNAVAILABLE]", "addr": "IPV6:" + ip if ":" in ip else ip}
    return at_rcpt_of(client, side, questions)


def at_rcpt_of_login(side, questions):
    return at_rcpt_of(lambda question: {"login": xtext(question)}, side, questions)


def at_mail_by_login(side, questions):
    """Who may send as whom: answers to MAIL FROM for every login, and for none."""
    found = {}
    for login in LOGINS + [LOGINS[0].upper(), None]:
        with side.session() as session:
            if login:
                pretend(session, login=xtext(login))
                session.ehlo("client.test")
            found.update(("%s by %s" % (q, login), mail_from(session, q)) for q in questions)
    return found


def submit(side, sender, recipients, headers):
    """Queue a mail: (its id or None, what smtpd said to those that it refused {address: code and text})."""
    refused = {}
    with side.session() as session:
        code, text = session.command("MAIL FROM:<%s> SMTPUTF8" % sender)
        if code != 250:
            return None, {sender: "%d %s" % (code, text)}
        for recipient in recipients:
            code, text = session.command("RCPT TO:<%s>" % recipient)
            if code != 250:
                refused[recipient] = "%d %s" % (code, text)
        if len(refused) == len(recipients):
            return None, refused
        return session.content("".join("%s: %s\n" % item for item in headers.items()) + "\n"), refused


def pieces(questions, size):
    return [questions[at:at + size] for at in range(0, len(questions), size)]


def rewritten(queued, questions):
    """What became of QUESTIONS, which were recipients and stood in both headers. The sender was the first."""
    found = {"sender " + questions[0]: queued.sender}
    found.update(("recipient " + asked, became) for asked, became in queued.recipients)
    for header in ("From", "To"):
        addresses = listed(queued.headers[header])
        check_eq(len(addresses), len(questions), header, queued.headers[header])
        found.update(("%s %s" % (header, q), became) for q, became in zip(questions, addresses))
    return found


def by_cleanup(side, questions):
    """Envelope and headers as cleanup rewrites them."""
    found = {}
    for piece in pieces(questions, 25):
        names = ", ".join(piece)
        queue_id, refused = submit(side, piece[0], piece, {"From": names, "To": names})
        found.update(refused)
        if queue_id:
            found.update(rewritten(side.held(queue_id), piece))
    return found


def copies_by_cleanup(side, questions):
    """Who gets a copy of a mail from a question to itself."""
    found = {}
    for q in questions:
        queue_id, refused = submit(side, q, [q], {})
        found[q] = sorted(side.held(queue_id).recipients) if queue_id else refused[q]
    return found


def by_smtp(side, questions):
    """Envelope and headers as smtp(8) rewrites them."""
    sent, found = {}, {}
    for number, piece in enumerate(pieces(questions, 25)):
        names = ", ".join(piece)
        mark = "%s-%s-%d" % (side.map.name, side.name, number)
        queue_id, refused = submit(side, piece[0], piece[-1:], {"From": names, "To": names, "Subject": mark})
        found.update(refused)
        if queue_id:
            sent[mark] = queue_id, piece
    for mark, (queue_id, piece) in sent.items():
        side.bench.postfix.wait_removed(queue_id)
        letter, = wait_until(lambda: side.bench.sink.with_mark(mark), mark)
        found["sender " + piece[0]] = letter.sender
        found["recipient of " + piece[0]] = letter.recipients
        for header in ("From", "To"):
            found.update(("%s %s" % (header, q), a) for q, a in zip(piece, listed(letter.header(header))))
    return found


def resolved(side, questions):
    """Where trivial-rewrite sends a recipient."""
    with side.rewrite() as rewrite:
        return {q: rewrite.resolve("x@from.test", unquoted(q)) for q in questions}


def resolved_by_sender(side, questions):
    """Where it sends mail of a sender."""
    with side.rewrite() as rewrite:
        return {q: rewrite.resolve(unquoted(q), "x@to.example") for q in questions}


def resolved_domain(side, questions):
    with side.rewrite() as rewrite:
        return {q: rewrite.resolve("x@from.test", "x@" + q) for q in questions}


# --- the maps -------------------------------------------------------------------------------------

class Map:
    """A map to be compared: makers of its keys, values and questions; who is asked (see above); and which service
    gets which parameters, in which {} stands for the table."""

    def __init__(self, name, keys, values, questions, observe, **services):
        self.name, self.keys, self.values, self.questions = name, keys, values, questions
        self.observe, self.services = observe, services


HOLD = "smtpd_client_restrictions = check_client_access static:HOLD"
AT_ONCE = "smtpd_delay_reject = no"

MAPS = [
    Map("canonical", Data.address_keys, Data.rewritten, Data.addresses, by_cleanup,
        smtpd=[HOLD], cleanup=["canonical_maps = {}"]),
    Map("sender-canonical", Data.address_keys, Data.rewritten, Data.addresses, by_cleanup,
        smtpd=[HOLD], cleanup=["sender_canonical_maps = {}"]),
    Map("recipient-canonical", Data.address_keys, Data.rewritten, Data.addresses, by_cleanup,
        smtpd=[HOLD], cleanup=["recipient_canonical_maps = {}"]),
    Map("sender-bcc", Data.address_keys, Data.copy, Data.addresses, copies_by_cleanup,
        smtpd=[HOLD], cleanup=["sender_bcc_maps = {}"]),
    Map("recipient-bcc", Data.address_keys, Data.copy, Data.addresses, copies_by_cleanup,
        smtpd=[HOLD], cleanup=["recipient_bcc_maps = {}"]),
    Map("generic", Data.address_keys, Data.rewritten, Data.addresses, by_smtp,
        smtpd=[], smtp=["smtp_generic_maps = {}"]),
    Map("transports", Data.transport_keys, Data.transport, Data.deep_addresses, resolved,
        rewrite=["transport_maps = {}"]),
    Map("relocated", Data.address_keys, Data.moved, Data.addresses, resolved,
        rewrite=["relocated_maps = {}"]),
    Map("relayhosts", Data.address_keys, Data.relayhost, Data.addresses, resolved_by_sender,
        rewrite=["sender_dependent_relayhost_maps = {}"]),
    Map("local-domains", Data.domain_keys, Data.exists, Data.hosts, resolved_domain,
        rewrite=["mydestination = {}"]),
    Map("relay-domains", Data.domain_keys, Data.exists, Data.hosts, resolved_domain,
        rewrite=["relay_domains = {}"]),
    Map("relay-recipients", Data.address_keys, Data.exists, Data.foreign_addresses, at_rcpt,
        smtpd=["relay_recipient_maps = {}"]),
    Map("local-recipients", Data.local_keys, Data.exists, Data.local_addresses, at_rcpt,
        smtpd=["local_recipient_maps = {}"]),
    Map("sender-access", Data.access_keys, Data.reject, Data.deep_addresses, at_mail,
        smtpd=[AT_ONCE, "smtpd_sender_restrictions = check_sender_access {}"]),
    Map("recipient-access", Data.access_keys, Data.reject, Data.deep_addresses, at_rcpt,
        smtpd=["smtpd_recipient_restrictions = check_recipient_access {}"]),
    Map("client-access", Data.host_keys, Data.reject, Data.clients, at_rcpt_of_host,
        smtpd=["smtpd_client_restrictions = check_client_access {}"]),
    Map("helo-access", Data.host_keys, Data.reject, Data.hosts, at_helo,
        smtpd=[AT_ONCE, "smtpd_helo_restrictions = check_helo_access {}"]),
    Map("sasl-access", Data.login_keys, Data.reject, Data.some_logins, at_rcpt_of_login,
        smtpd=["smtpd_sasl_auth_enable = yes", "smtpd_recipient_restrictions = check_sasl_access {}"]),
    Map("senders", Data.address_keys, Data.logins, Data.addresses, at_mail_by_login,
        smtpd=[AT_ONCE, "smtpd_sasl_auth_enable = yes", "smtpd_sender_login_maps = {}",
               "smtpd_sender_restrictions = reject_sender_login_mismatch"]),
]

KINDS = {"local-domains": "local", "relay-domains": "relay"}  # rows of the table of domains, not of a map


class Side:
    """The services that ask one of the two tables of a map."""

    def __init__(self, bench, map, name, table):
        self.bench, self.map, self.name = bench, map, name
        options = {service: [option.format(table) for option in given] for service, given in map.services.items()}
        host, tag = bench.postfix, "%s-%s" % (map.name, name)
        smtpd = options.get("smtpd", [])
        if "cleanup" in options:
            host.service("cleanup-%s unix n - y - 0 cleanup" % tag, *options["cleanup"])
            smtpd.append("cleanup_service_name = cleanup-" + tag)
        if "smtp" in options:
            host.service("smtp-%s unix - - y - - smtp" % tag, *options["smtp"])
            smtpd.append("content_filter = smtp-%s:%s" % (tag, bench.sink.transport()))
        if "rewrite" in options:
            host.service("rewrite-%s unix - - y - - trivial-rewrite" % tag, *options["rewrite"])
            self.socket = os.path.join(host.queue, "private", "rewrite-" + tag)
        self.port = host.smtpd(*smtpd) if "smtpd" in options else None

    def session(self):
        return self.bench.session(self.port)

    def rewrite(self):
        return contextlib.closing(Rewrite(self.socket))

    def held(self, queue_id):
        return Queued(os.path.join(self.bench.postfix.queue, "hold", queue_id))


class Comparison(Bench):
    """Both tables of every map of MAPS, once vmaild is filled."""

    def __init__(self, delimiters, propagate, *arguments):
        super().__init__(*arguments, recipient_delimiter=delimiters, propagate_extensions=propagate)
        self.delimiters, self.propagate, self.compared = delimiters, propagate, MAPS
        self.sides, self.tables = {}, {}

    def put(self, map, table):
        """One table into vmaild."""
        self.tables[map.name] = table
        if map.name not in KINDS:
            self.entries(**{map.name: table})
        else:
            for key in table:
                self.site.ctl("domain", "add", key, "--kind", KINDS[map.name])

    def as_file(self, table):
        """The same as hash: has to have it."""
        return table

    def main_cf(self):
        nothing = self.hash_table("nothing", {})
        for map in self.compared:
            by_hash = self.hash_table(map.name, self.as_file(self.tables[map.name]))
            self.sides[map.name] = [Side(self, map, "hash", by_hash),
                                    Side(self, map, "vmaild", self.table(map.name)),
                                    Side(self, map, "nobody", nothing)]
        return MAIN_CF.format(delimiters=self.delimiters, domains=" ".join(DOMAINS + list(A_LABELS.values())),
                              propagate="canonical, virtual" if self.propagate else "",
                              local=LOCAL_DOMAIN, auth=self.auth)

    def hash_table(self, name, table):
        """What main.cf calls TABLE as a file."""
        path = self.write_table(name + "-hash", table)
        done = self.postfix.run("postmap", "hash:" + path)
        check_eq(done.returncode, 0, "postmap", done.stderr)  # it warns of IPv6 prefixes that end in a colon
        return "hash:" + path


class RandomComparison(Comparison):
    """From a seed."""

    def __init__(self, seed, *arguments):
        super().__init__(*SETTINGS[seed % len(SETTINGS)], *arguments)
        self.seed = seed
        self.questions = {}

    def fill(self):
        self.site.ctl("domain", "add", LOCAL_DOMAIN, "--kind", "local")
        for map in MAPS:
            data = Data(self.seed, map.name)
            keys = map.keys(data)
            self.put(map, {key: map.values(data, number) for number, key in enumerate(keys)})
            self.questions[map.name] = map.questions(data, keys)

    def as_file(self, table):
        """vmaild has one row for both spellings of an international domain; hash: needs two."""
        more = dict(table)
        for key, value in table.items():
            for u_label, a_label in A_LABELS.items():
                if key.endswith(u_label):
                    more[key[:-len(u_label)] + a_label] = value
        return more

    def compare(self, map):
        """Ask both: (the differences, how many answers there were, how many of a sample would be others without
        the table, the size of the sample)."""
        questions = self.questions[map.name]
        sample = random.Random(self.seed).sample(questions, min(len(questions), 80))
        by_hash, by_vmaild, by_nobody = [map.observe(side, asked) for side, asked in zip(
            self.sides[map.name], [questions, questions, sample])]
        check_eq(sorted(by_vmaild), sorted(by_hash), "questions that were answered")
        check(not [q for q in by_hash if str(by_hash[q]).startswith("45")], "no answers:", by_hash)
        found = ["%s: hash %s, vmaild %s" % (q, by_hash[q], by_vmaild[q])
                 for q in by_hash if alike(by_hash[q]) != alike(by_vmaild[q])]
        both = [q for q in by_nobody if q in by_hash]
        return found, len(by_hash), sum(by_nobody[q] != by_hash[q] for q in both), len(both)


def alike(answer):
    """An answer in a form in which both sides must agree."""
    return folded(str(answer))


MAIN_CF = """\
mynetworks = 127.0.0.1
inet_protocols = all
default_transport = smtp
smtpd_relay_restrictions = permit_mynetworks, reject
in_flow_delay = 0
smtpd_authorized_xclient_hosts = 0.0.0.0/0, [::]/0
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
recipient_delimiter = {delimiters}
propagate_unmatched_extensions = {propagate}
myorigin = {local}
mydestination = {local}
relay_domains = {domains}
"""


def conforms(bench, map):
    table = bench.tables[map.name]
    found, answers, others, sample = bench.compare(map)
    comment("delimiters '%s', propagation %s, %d keys, %d answers; without the table %d of %d are others" % (
        bench.delimiters, "on" if bench.propagate else "off", len(table), answers, others, sample))
    check(not found, "%d of %d differ:\n%s\n%s" % (
        len(found), answers, "\n".join(found[:20]), "\n".join("%s\t%s" % item for item in sorted(table.items()))))
    check(others > sample // 20, "a poor set")


def add_cases(seed):
    """The cases for SEED alone; with None the usual ones, whose data are known to be worth comparing."""
    for number in [seed] if seed is not None else SEEDS:
        case = on_bench("conformance %d" % number,
                        lambda *arguments, number=number: RandomComparison(number, *arguments))
        for map in MAPS:
            case("conformance: %s as hash: has it, seed %d" % (map.name, number))(
                lambda bench, map=map: conforms(bench, map))


# --- addresses that are none ----------------------------------------------------------------------

def envelope_by_cleanup(side, questions):
    """The envelope of a mail from a question to itself, as cleanup rewrites it."""
    found = {}
    for q in questions:
        queue_id, refused = submit(side, q, [q], {})
        queued = side.held(queue_id) if queue_id else None
        found[q] = (queued.sender, queued.recipients) if queued else refused[q]
    return found


LONG, LABEL, MANY = "x" * 1001, "l" * 64, "a." * 150
SYMBOL, A_SYMBOL = "★.test", "xn--p3h.test"

# What no row can have is only one part of each: too long, bytes that no name has, a label that is none.
ODD_ADDRESSES = [form % where for where in ("blocked.test", "sub.blocked.test", "bücher.test", "ok.test", SYMBOL)
                 for form in ("x@%s", LONG + "@%s", "spam@%s", "Spam+" + LONG + "@%s", '"sp am+' + LONG + '"@%s',
                              "x@" + LABEL + ".%s", "spam+x@" + LABEL + ".%s", "x@-ü.%s", "spam+x@sub..%s",
                              "x@" + MANY + "%s", "x@★.%s", "x@-★.%s", '""@-★.%s', "x@a!b.%s")]
ODD_HOSTS = [form % where for where in ("blocked.test", "ok.test") for form in (
    "%s", "x" * 1990 + ".%s", MANY + "%s", "-ü.%s", "★.%s", "a!b.%s", LABEL + ".%s", "a..b.%s")]


def odd_map(name, observe, table, **services):
    return Map(name, lambda _: None, table, ODD_ADDRESSES, observe, **services)


ODD = [
    odd_map("sender-access", at_mail,
            {"blocked.test": "REJECT domain", "spam@": "REJECT user", "spam@sub..ok.test": "REJECT odd",
             "bücher.test": "REJECT umlaut", '"sp am"@': "REJECT quoted", SYMBOL: "REJECT symbol"},
            smtpd=[AT_ONCE, "smtpd_sender_restrictions = check_sender_access {}"]),
    odd_map("recipient-access", at_rcpt,
            {"blocked.test": "REJECT domain", "spam@": "REJECT user", "spam@ok.test": "REJECT address",
             SYMBOL: "REJECT symbol"},
            smtpd=["smtpd_recipient_restrictions = check_recipient_access {}"]),
    odd_map("transports", resolved,
            {"blocked.test": "smtp:one", ".blocked.test": "smtp:below", "spam@ok.test": "smtp:two",
             ".bücher.test": "smtp:umlaut", SYMBOL: "smtp:symbol"},
            rewrite=["transport_maps = {}"]),
    odd_map("relayhosts", resolved_by_sender,
            {"@blocked.test": "[one.example]", "spam@ok.test": "[two.example]", "@" + SYMBOL: "[three.example]"},
            rewrite=["sender_dependent_relayhost_maps = {}"]),
    odd_map("sender-bcc", copies_by_cleanup,
            {"@blocked.test": "one@bcc.test", "spam@ok.test": "two@bcc.test", "@" + SYMBOL: "three@bcc.test"},
            smtpd=[HOLD], cleanup=["sender_bcc_maps = {}"]),
    odd_map("canonical", envelope_by_cleanup,
            {"@blocked.test": "@one.test", "spam@ok.test": "two@out.test", "spam@sub.blocked.test": "@four.test",
             "@" + SYMBOL: "three@out.test"},
            smtpd=[HOLD], cleanup=["canonical_maps = {}"]),
    Map("helo-access", lambda _: None, {"blocked.test": "REJECT host"}, ODD_HOSTS, at_helo,
        smtpd=[AT_ONCE, "smtpd_helo_restrictions = check_helo_access {}"]),
]


class OddComparison(Comparison):
    """What ODD says, in both."""

    def __init__(self, *arguments):
        super().__init__("+", True, *arguments)
        self.compared = ODD

    def fill(self):
        for map in ODD:
            self.put(map, map.values)

    def as_file(self, table):
        """As random ones, with the symbol too."""
        return {**table, **{key.replace(SYMBOL, A_SYMBOL): value for key, value in table.items()}}


def odd_conforms(bench, map):
    by_hash, by_vmaild, by_nobody = [map.observe(side, map.questions) for side in bench.sides[map.name]]
    found = ["%s: hash %s, vmaild %s" % (q, by_hash[q], by_vmaild[q])
             for q in by_hash if alike(by_hash[q]) != alike(by_vmaild[q])]
    others = sum(by_nobody[q] != by_hash[q] for q in by_hash)
    comment("%d answers, %d are others without the table" % (len(by_hash), others))
    check(not found, "%d of %d differ:" % (len(found), len(by_hash)), "\n".join(line[:300] for line in found))
    check(others > len(by_hash) // 8, "a poor set", others)


for odd in ODD:
    on_bench("odd", OddComparison)("conformance: %s as hash: has it, of addresses that are none" % odd.name)(
        lambda bench, map=odd: odd_conforms(bench, map))


# --- where vmaild is meant to differ --------------------------------------------------------------

# Name and reason; the map, what it has; who is asked for, and what hash: and vmaild make of it. Each stands in
# vmaild-maps.7, see differences.py. What the first two do to random aliases is told by differential.Deliberate.
DELIBERATE = [
    ("a catch-all takes no mail of a mailbox",
     "aliases", {"@catch.test": "rest@out.test"}, "recipient real+x@catch.test", "rest@out.test", "real+x@catch.test"),
    ("a domain that stands for another takes only what that one would",
     "aliases", {"@old.test": "@catch.test", "@older.test": "@own.test"},
     "recipient nobody@older.test", "nobody@own.test", "nobody@older.test"),
    ("both spellings of an international domain are one: a key as U-label",
     "canonical", {"x@bücher.test": "found@out.test"},
     "recipient x@xn--bcher-kva.test", "x@xn--bcher-kva.test", "found@out.test"),
    ("both spellings of an international domain are one: a key as A-label",
     "relocated", {"y@xn--bcher-kva.test": "new home"},
     "y@bücher.test", ("relay", "bücher.test", "2048"), ("error", "5.1.6 User has moved to new home", "2048")),
    ("both spellings of a domain with a sharp s are one",
     "canonical", {"x@straße.test": "found@out.test"},
     "recipient x@xn--strae-oqa.test", "x@xn--strae-oqa.test", "found@out.test"),
    ("decomposed letters are the composed ones",
     "canonical", {"jörg@d1.test": "found@out.test"},
     "recipient jo\u0308rg@d1.test", "jo\u0308rg@d1.test", "found@out.test"),
    ("a domain's own delimiters: Postfix has one set for all",
     "sender-canonical", {"u@own.test": "new@out.test"}, "From u=x@own.test", "u=x@own.test", "new=x@out.test"),
    ("a domain that does not hand extensions on: Postfix does so for all or none",
     "recipient-canonical", {"u@stop.test": "new@out.test"}, "To u+x@stop.test", "new+x@out.test", "new@out.test"),
    ("owner-... is never split at '-', whatever owner_request_special says",
     "sender-access", {"owner@d1.test": "REJECT owner"}, "owner-x@d1.test",
     "554 5.7.1 <owner-x@d1.test>: Sender address rejected: owner", "250 2.1.0 Ok"),
    ("which domains are local, where bare names count, is said by the store, not by mydestination",
     "local-recipients", {"joe": "x"}, "joe@mine.test", "250 2.1.5 Ok",
     "550 5.1.1 <joe@mine.test>: Recipient address rejected: User unknown in local recipient table"),
    ("a domain of its own below a relay domain is none: a hash: table takes every domain below",
     "relay-domains", {"relay.test": "x"}, "box.relay.test", ("relay", "box.relay.test", "2048"),
     ("smtp", "box.relay.test", "4096")),
    ("who may send as a mailbox or an alias follows from both, without an entry",
     "senders", {"all@log.test": "three@log.test"}, "all@log.test by one@log.test",
     "553 5.7.1 <all@log.test>: Sender address rejected: not owned by user one@log.test", "250 2.1.0 Ok"),
]


# Its aliases are compared at random in differential.py.
ALIASES = Map("aliases", None, None, None, by_cleanup, smtpd=[HOLD], cleanup=["virtual_alias_maps = {}"])


class Apart(Comparison):
    """What DELIBERATE says, in both."""

    def __init__(self, *arguments):
        super().__init__("+-", True, *arguments)
        self.compared = MAPS + [ALIASES]

    def put(self, map, table):
        if map is not ALIASES:
            return super().put(map, table)
        self.tables[map.name] = table
        self.site.ctl("domain", "add", "catch.test")
        self.site.user_add("real@catch.test", None)
        for key, value in table.items():
            if value.startswith("@"):
                self.site.ctl("domain", "add", key[1:], "--target", value[1:])
            else:
                self.site.ctl("alias", "add", key, value)

    def fill(self):
        ctl = self.site.ctl
        for domain in ("own.test", "stop.test", "log.test", "box.relay.test"):
            ctl("domain", "add", domain)
        ctl("domain", "set", "own.test", "--delimiters", "=")
        ctl("domain", "set", "stop.test", "--propagate", "no")
        self.site.user_add("one@log.test", None)
        ctl("alias", "add", "all@log.test", "one@log.test")
        for map in self.compared:
            self.put(map, {key: value for _, name, table, *_ in DELIBERATE if name == map.name
                           for key, value in table.items()})

    def main_cf(self):
        text = super().main_cf() + "owner_request_special = no\n"
        return text.replace("mydestination =", "mydestination = mine.test")


def apart(name):
    return on_bench("apart", Apart)("deliberate difference: " + name)


def deliberate(name, map_name, table, question, by_hash, by_vmaild):
    @apart(name)
    def _(bench):
        map = next(map for map in bench.compared if map.name == map_name)
        asked = question.split()[-1] if " by " not in question else question.split()[0]
        for side, expected in zip(bench.sides[map_name], [by_hash, by_vmaild]):
            check_eq(map.observe(side, [asked])[question], expected, side.name)


for row in DELIBERATE:
    deliberate(*row)


@apart("the quoted and the raw spelling of a local part are one")
def _(bench):
    bench.entries(relocated={'"a b"@d1.test': "new"})
    by_hash = bench.hash_table("quoted", {'"a b"@d1.test': "new"})
    for key, hash_has_it in (('"a b"@d1.test', True), ("a b@d1.test", False)):
        check_eq(bench.postfix.postmap(by_hash, key)[:2], (0, "new") if hash_has_it else (1, ""), key)
        check_eq(bench.postfix.postmap(bench.table("relocated"), key), (0, "new", ""), key)


@apart("what can never be delivered is refused when it is written")
def _(bench):
    bench.site.ctl("alias", "add", "a@catch.test", "b@catch.test")
    many = ["r%d@out.test" % number for number in range(1001)]
    for alias, targets, why in (
            ("b@catch.test", ["a@catch.test"], "round in circles"),
            ("g@catch.test", ["g+x@catch.test"], "without end"),
            ("l@catch.test", many, "expands to at most 1000"),
            ("w@catch.test", ["x@out.test", "@out.test"], "only target"),
            ("e@catch.test", [""], "empty")):
        by_hash = bench.hash_table("refused", {alias: ", ".join(targets) or ","})
        check_eq(bench.postfix.postmap(by_hash, alias)[0], 0, "hash: has no objection to", alias)
        done = bench.site.ctl_run("alias", "add", alias, *targets)
        check_eq(done.returncode, 1, alias)
        check_in(why, done.stderr)
