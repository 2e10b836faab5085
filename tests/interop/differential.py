# SPDX-License-Identifier: ISC
#
# The same random aliases once as Postfix's own hash: tables and once in vmaild. Real smtpd, cleanup and qmgr
# expand both, and every mail must reach the same final recipients, or be refused alike.

import os
import random
import threading

import aliassets
import postfix
from aliassets import ALIAS_DOMAINS, LOCAL_DOMAIN, MAILBOX_DOMAINS, STANDS_FOR, address, folded, split
from cases import comment, need, suite
from harness import Site, check, check_eq, listener, scratch, wait_until
from mailhost import is_death
from postfix import Postfix, Refused
from sink import Sink

SEEDS = [0, 1, 2, 3]
ADDRESSES = 400  # at least so many are asked for, per seed


class Deliberate:
    """Where vmaild is meant to differ from a hash: table: the whole list, and what each does to this test.

    1. A catch-all never takes a mail for a real mailbox. A hash: table needs an identity alias for every
       such mailbox; those are added to it here. Such a line takes away capitals, and the extension when
       those are not propagated, while vmaild leaves the address alone; so both are compared without.
    2. A domain that stands for another one accepts only what resolves there. In a hash: table it is
       `@old -> @new`, which accepts everybody. So an address that is refused in the new domain must be
       refused in the old one; and where the expansion ends in the old domain, for nobody, hash: has
       gone on to the new one, for nobody as well."""

    def __init__(self, made, aliases):
        self.made = made
        self.aliases = dict(aliases)
        self.guarded = {m for m in made.mailboxes if self.needs_guard(m)}

    def base(self, a):
        local, domain = split(a)
        return address(aliassets.base(local, self.made.delimiters), domain)

    def needs_guard(self, mailbox):
        return ("@" + split(mailbox)[1] in self.aliases
                and mailbox not in self.aliases and self.base(mailbox) not in self.aliases)

    def hash_table(self):
        """The aliases as hash: has to have them."""
        table = dict(self.aliases)
        table.update((mailbox, [mailbox]) for mailbox in self.guarded)
        for old, new in STANDS_FOR.items():
            table.setdefault("@" + old, ["@" + new])
        return table

    def stands_for(self, a):
        """The address that A stands for by its domain alone; None when an alias takes it before that."""
        domain = split(folded(a))[1]
        if domain not in STANDS_FOR or {folded(a), self.base(folded(a)), "@" + domain} & set(self.aliases):
            return None
        return address(split(a)[0], STANDS_FOR[domain])

    def same(self, recipients):
        """Final recipients, in a form in which both sides must agree."""
        found = set()
        for a in recipients:
            a = self.stands_for(a) or a
            key = folded(a)
            if key in self.guarded or self.made.propagate and self.base(key) in self.guarded:
                a = key
            elif self.base(key) in self.guarded:
                a = self.base(key)
            found.add(a)
        return sorted(found)


class Side:
    """One of the two: an smtpd, a cleanup and a trivial-rewrite of its own, and what became of each mail."""

    def __init__(self, name, host, options):
        self.name = name
        rewrite, cleanup = "rewrite-" + name, "cleanup-" + name
        host.service(rewrite + " unix - - y - - trivial-rewrite", *options)
        host.service(cleanup + " unix n - y - 0 cleanup", "rewrite_service_name = " + rewrite, *options)
        self.port = host.smtpd("rewrite_service_name = " + rewrite, "cleanup_service_name = " + cleanup,
                               *options)
        self.results = {}
        self.trouble = None

    def sender(self, number):
        return "%s-%d@from.test" % (self.name, number)

    def ask_all(self, host, questions):
        """Write to all of them, in one session. Results: None for accepted, else why not."""
        try:
            with host.session(self.port) as session:
                for number, question in enumerate(questions):
                    try:
                        session.envelope(self.sender(number), question)
                        session.content("Subject: x\n\n")
                        self.results[question] = None
                    except Refused as no:
                        self.results[question] = "%s %d" % (no.stage, no.code)
        except Exception as e:  # a thread: it is raised again by who waits for it
            self.trouble = e


def hash_options(aliases, mailboxes=""):
    """Everything from files. With no MAILBOXES every address of a mailbox domain is accepted."""
    return ["virtual_alias_maps = " + aliases,
            "virtual_alias_domains = " + " ".join(ALIAS_DOMAINS + list(STANDS_FOR)),
            "virtual_mailbox_maps = " + mailboxes,
            "virtual_mailbox_domains = " + " ".join(MAILBOX_DOMAINS)]


def vmaild_options(socket):
    """The same four questions to vmaild."""
    table = "socketmap:unix:%s:" % socket
    return ["virtual_alias_maps = %saliases" % table, "virtual_alias_domains = %salias-domains" % table,
            "virtual_mailbox_maps = %smailboxes" % table, "virtual_mailbox_domains = %sdomains" % table]


def probes(key, made):
    """Addresses that are answered by the alias KEY."""
    if key.startswith("@"):
        return [address("nobody-has-this-name", key[1:])]
    local, domain = split(key) if "@" in key else (key, LOCAL_DOMAIN)
    return [address(local, domain)] + [address(local + d + "tag", domain) for d in made.delimiters]


class Trial:
    """One random set in both, below TMP; SINK takes what is delivered."""

    def __init__(self, env, tmp, made, sink):
        self.tmp, self.made, self.sink = tmp, made, sink
        self.questions = made.questions(ADDRESSES)
        self.host = Postfix(os.path.join(tmp, "p"))
        socket = os.path.join(tmp, "vmaild.sock")
        self.site = Site(env.build, tmp, queue_directories=[self.host.queue],
                         recipient_delimiter=made.delimiters, propagate_extensions=made.propagate,
                         listeners=[listener("unix:" + socket, "socketmap", group="postfix", twin=True)])
        self.fill_store()
        self.model = Deliberate(made, self.taken)
        self.by_hash = Side("hash", self.host, hash_options(
            self.map_file("aliases", self.model.hash_table()),
            self.map_file("mailboxes", {mailbox: ["x"] for mailbox in made.mailboxes})))
        self.by_vmaild = Side("vmaild", self.host, vmaild_options(socket))
        self.endless = [self.endless_side(number, *refusal) for number, refusal in enumerate(self.refused)]
        self.configure_postfix()

    def fill_store(self):
        """All of it into vmaild's store: `taken` is the aliases that were accepted; `refused` those that were
        not, each with those it stands beside, for an expansion that would never end is refused on writing."""
        made, site = self.made, self.site
        site.init(*MAILBOX_DOMAINS, users={mailbox: None for mailbox in made.mailboxes})
        for domain in ALIAS_DOMAINS:
            site.ctl("domain", "add", domain, "--kind", "alias")
        site.ctl("domain", "add", LOCAL_DOMAIN, "--kind", "local")
        for old, new in STANDS_FOR.items():
            site.ctl("domain", "add", old, "--target", new)
        self.taken, self.refused = [], []
        for key, targets in made.aliases:
            done = site.ctl_run("alias", "add", key, *targets)
            if done.returncode == 0:
                self.taken.append((key, targets))
            else:
                check_eq(done.returncode, 1, "vmailctl alias add", key, targets, done.stderr)
                self.refused.append((key, self.taken + [(key, targets)], done.stderr))

    def map_file(self, name, table):
        """Write TABLE, {key: values}, as a hash: table; returns what main.cf calls it."""
        path = os.path.join(self.tmp, name)
        with open(path, "w") as f:
            f.writelines("%s\t%s\n" % (key, ", ".join(values)) for key, values in sorted(table.items()))
        self.host.configure("")
        done = self.host.run("postmap", "hash:" + path)
        check_eq((done.returncode, done.stderr), (0, ""), "postmap")
        return "hash:" + path

    def endless_side(self, number, key, aliases, why):
        """One more side with an alias that was refused, as a hash: table has no objection."""
        table = Deliberate(self.made, aliases).hash_table()
        name = "endless%d" % number
        return Side(name, self.host, hash_options(self.map_file(name, table))), key, why

    def configure_postfix(self):
        made, host = self.made, self.host
        # However an expansion ends, the mail goes to the sink: qmgr's own trivial-rewrite knows no domain.
        host.override("qmgr", "rewrite_service_name = rewrite-sink")
        host.service("rewrite-sink unix - - y - - trivial-rewrite", "mydestination =",
                     "default_transport = smtp:[127.0.0.1]:%d" % self.sink.port)
        host.configure("recipient_delimiter = %s\n"
                       "propagate_unmatched_extensions = canonical%s\n"
                       "myorigin = %s\n"
                       "mydestination = %s\n" % (made.delimiters, ", virtual" if made.propagate else "",
                                                 LOCAL_DOMAIN, LOCAL_DOMAIN))

    def run(self):
        with self.site.start() as daemon:
            self.daemon_log = daemon.log
            try:
                self.host.start()
                self.ask_both()
                for side, key, why in self.endless:
                    side.ask_all(self.host, probes(key, self.made))
                    check("end of data 451" in side.results.values(), "refused, but Postfix takes it:",
                          key, why, side.results, side.trouble)
            finally:
                self.host.stop()

    def ask_both(self):
        """Both sides at once; returns when every accepted mail has left the queue."""
        sides = [self.by_hash, self.by_vmaild]
        threads = [threading.Thread(target=side.ask_all, args=(self.host, self.questions)) for side in sides]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for side in sides:
            if side.trouble:
                raise side.trouble
        accepted = sum(why is None for side in sides for why in side.results.values())
        wait_until(lambda: self.delivered() == accepted, "%d mails to be delivered" % accepted)

    def delivered(self):
        text = self.host.log.text()
        check(" status=deferred" not in text and " status=bounced" not in text,
              "\n".join(self.host.log.lines(" status=(deferred|bounced)")[:5]))
        return text.count(": removed")

    # --- what came of it

    def outcome(self, side, number, question):
        """Why it was refused, or the final recipients in a comparable form."""
        return side.results[question] or self.model.same(self.sink.mails.get(side.sender(number), ()))

    def differences(self):
        """One line for each question that was answered differently."""
        found = []
        for number, question in enumerate(self.questions):
            expected = self.outcome(self.by_hash, number, question)
            other = self.model.stands_for(folded(question))
            if other and self.by_hash.results[other] is not None:
                expected = self.by_hash.results[other]
            got = self.outcome(self.by_vmaild, number, question)
            if got != expected:
                found.append("%s: hash %s, vmaild %s" % (question, expected, got))
        return found

    def repeated(self):
        """The mails that reached somebody twice."""
        return [(sender, recipients) for sender, recipients in self.sink.mails.items()
                if len(set(map(folded, recipients))) != len(recipients)]

    def accepted(self):
        return sum(why is None for why in self.by_vmaild.results.values())

    def summary(self):
        made = self.made
        return ("delimiters '%s', propagation %s, %d mailboxes, %d aliases (and %d refused), %d addresses "
                "(%d of them accepted)" % (made.delimiters, "on" if made.propagate else "off",
                                           len(made.mailboxes), len(self.taken), len(self.refused),
                                           len(self.questions), self.accepted()))

    def trouble(self):
        """What Postfix and vmaild had to complain of, to be shown when something differs."""
        return "\n".join(self.host.log.lines("warning:|fatal:|panic:")[:10] + [self.daemon_log.text[-3000:]])

    def described(self):
        """The whole set, likewise."""
        return "\n".join(["mailboxes: " + " ".join(self.made.mailboxes)]
                         + ["%s -> %s" % (key, ", ".join(targets)) for key, targets in sorted(self.taken)])


def differential(env, seed):
    need(postfix)
    with scratch() as tmp, Sink() as sink:
        trial = Trial(env, tmp, aliassets.AliasSet(seed), sink)
        trial.run()
        comment("seed %d: %s" % (seed, trial.summary()))
        check(not any(map(is_death, trial.daemon_log.text.splitlines())), trial.trouble())
        found = trial.differences()
        check(not found, "\n".join(["%d differ:" % len(found)] + found[:20]
                                   + [trial.trouble(), trial.described()]))
        check_eq(trial.repeated(), [])
        check(len(trial.questions) // 4 < trial.accepted() < len(trial.questions), "a poor set")


def add_cases(seed):
    """The cases for SEED alone; with None the usual ones and a new one."""
    for number in [seed] if seed is not None else SEEDS + [random.SystemRandom().randrange(10, 10**6)]:
        suite.add("differential: hash: and vmaild agree, seed %d" % number,
                  lambda env, number=number: differential(env, number))
