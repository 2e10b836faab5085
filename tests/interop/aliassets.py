# SPDX-License-Identifier: ISC
#
# Random stores for the differential test, everything from one seed: mailboxes, aliases, and the addresses to
# write to. It knows how an address is spelled and split, and neither Postfix nor vmaild.

import random

# Few names, so that they meet: as alias, as mailbox, with and without an extension, in several domains.
ATOMS = ["u", "v", "w", "x.y", "o'brien", "j=k", "postmaster", "owner-list", "list-request", "u-v", "+lead",
         "jörg", "straße"]
QUOTED = ["a b", 'q"t', "back\\slash", "x..y", ".dot", "dot.", "a,b", "at@sign", "A B"]
EXTENSIONS = ["e", "f", "e.g", "E", "e+f", "e-f", "", "+"]

# recipient-delimiter and propagate-extensions, in turn
SETTINGS = [("+", True), ("+-", True), ("+-", False), ("-", True), ("+", False), ("", True)]

MAILBOX_DOMAINS = ["m1.test", "m2.test"]
ALIAS_DOMAINS = ["a1.test", "a2.test"]
STANDS_FOR = {"o1.test": "m1.test", "o2.test": "a1.test"}
LOCAL_DOMAIN = "l.test"
OUTSIDE = "out.test"

ATEXT = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~")


def is_dot_string(local):
    return all(part and all(c in ATEXT or ord(c) > 127 for c in part) for part in local.split("."))


def address(local, domain):
    """In the form it has on the wire: quoted where it must be."""
    if not is_dot_string(local):
        local = '"%s"' % local.replace("\\", "\\\\").replace('"', '\\"')
    return local + "@" + domain


def folded(text):
    """Two addresses that differ in capitals only are the same one."""
    return text.casefold()


class AliasSet:
    """What SEED makes. `aliases` is a list of (key, targets) in the order they are to be added; a key is an
    address, `@domain` or, for the local domain, a bare name."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seed = seed
        self.delimiters, self.propagate = SETTINGS[seed % len(SETTINGS)]
        self.mailboxes = self.make_mailboxes()
        self.aliases = self.make_aliases()

    @property
    def domains(self):
        return MAILBOX_DOMAINS + ALIAS_DOMAINS + list(STANDS_FOR) + [LOCAL_DOMAIN]

    # --- names

    def local(self, extended):
        """A random local part; EXTENDED is how likely an extension is."""
        name = self.random.choice(QUOTED if self.random.random() < 0.2 else ATOMS)
        if self.random.random() < extended:
            name += self.random.choice("+-") + self.random.choice(EXTENSIONS)
        return name

    def make_mailboxes(self):
        names = [self.local(0.1) for _ in range(14)]
        return sorted({folded(address(name, self.random.choice(MAILBOX_DOMAINS))) for name in names
                       if not name.startswith(".")})  # vmaild makes no directory of such a name

    def target(self):
        return address(self.local(0.25), self.random.choice(self.domains + [OUTSIDE] * 4))

    def targets(self):
        if self.random.random() < 0.1:
            return ["@" + self.random.choice(self.domains + [OUTSIDE])]
        return [self.target() for _ in range(self.random.choice([1, 1, 1, 2, 3]))]

    def make_aliases(self):
        table = {}
        for _ in range(60):
            key = address(self.local(0.25), self.random.choice(self.domains))
            table.setdefault(folded(key), self.targets())
        for domain in MAILBOX_DOMAINS[:1] + ALIAS_DOMAINS[:1] + [LOCAL_DOMAIN]:  # the others refuse somebody
            if self.random.random() < 0.6:
                table["@" + domain] = self.targets()
        for _ in range(6):
            name = self.local(0.3)
            if is_dot_string(name):
                table.setdefault(folded(name), self.targets())
        entries = sorted(table.items())
        self.random.shuffle(entries)
        return entries

    def questions(self, count):
        """Addresses to write to: all that are stored, with and without extensions, and others."""
        found = [key for key, _ in self.aliases if not key.startswith("@") and "@" in key] + self.mailboxes
        for key in list(found):
            local, domain = split(key)
            found.append(address(local + self.random.choice("+-") + self.random.choice(EXTENSIONS), domain))
        while len(found) < count:
            found.append(address(self.local(0.4), self.random.choice(self.domains)))
        found = [a.upper() if self.random.random() < 0.1 and a.isascii() else a for a in found]
        # what stands for another domain is compared with that domain
        found += [address(local, STANDS_FOR[domain]) for local, domain in map(split, map(folded, found))
                  if domain in STANDS_FOR]
        return list(dict.fromkeys(found))


def split(text):
    """(local part without quoting, domain)."""
    local, domain = text.rsplit("@", 1)
    if local.startswith('"') and local.endswith('"') and len(local) > 1:
        plain, escaped = "", False
        for c in local[1:-1]:
            if c == "\\" and not escaped:
                escaped = True
            else:
                plain, escaped = plain + c, False
        local = plain
    return local, domain


def base(local, delimiters):
    """A local part without its extension, as Postfix splits it."""
    if local.lower() in ("postmaster", "mailer-daemon", "double-bounce"):
        return local
    if "-" in delimiters and (local.lower().startswith("owner-") or local.lower().endswith("-request")):
        return local
    for at, c in enumerate(local):
        if c in delimiters:
            return local[:at] or local
    return local
