# SPDX-License-Identifier: ISC
#
# vmailctl lint: each fault planted by itself, and its finding expected; and a clean store without any.

import contextlib
import json
import sqlite3

from harness import Site, check, check_eq, check_in, scratch

ME = "me@ex.test"


@contextlib.contextmanager
def clean(env, **settings):
    """A store of which lint has nothing to say."""
    with scratch() as tmp:
        site = Site(env.build, tmp, **settings)
        site.init("ex.test", users={ME: "a secret"},
                  aliases={"postmaster@ex.test": [ME], "abuse@ex.test": [ME]})
        yield site


def lint(site, *options, code=None):
    done = site.ctl_run("lint", "--json", *options)
    found = json.loads(done.stdout)
    bad = any(f["severity"] in ("warning", "error") for f in found)
    check_eq(done.returncode, 1 if bad else 0, done.stdout, done.stderr)
    if code is not None:
        check_eq(done.returncode, code, found)
    return found


def sql(site, *statements):
    """Write behind vmailctl's back."""
    db = sqlite3.connect(site.store)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def ctl(*words):
    return lambda site: site.ctl(*words)


def raw(*statements):
    return lambda site: sql(site, *statements)


def steps(*functions):
    return lambda site: [f(site) for f in functions] and None


def hashed(text):
    return raw("UPDATE credential SET hash = '%s'" % text)


def alias(address, domain, prefix="NULL"):
    """One to ME that vmailctl would refuse."""
    return raw("INSERT INTO alias (address, domain, created, prefix) VALUES ('%s', '%s', 0, %s)" % (address, domain, prefix),
               "INSERT INTO alias_target (address, position, target, folded, domain) "
               "VALUES ('%s', 1, '%s', '%s', 'ex.test')" % (address, ME, ME))


def later(**settings):
    return lambda site: site.configure(**settings)


# name, what is planted, the findings (code, subject) it must give and no others
FAULTS = [
    ("nothing", lambda site: None, []),
    ("a target where nobody is", ctl("alias", "add", "a@ex.test", "gone@ex.test"), [("dangling-target", "a@ex.test")]),
    ("the same with an extension", ctl("alias", "add", "a@ex.test", "Gone+x@Ex.Test"),
     [("dangling-target", "a@ex.test")]),
    ("somebody by the address without the extension", ctl("alias", "add", "a@ex.test", "me+x@ex.test"), []),
    ("a copy for a mailbox that is not there", ctl("alias", "add", "a@ex.test", "a@ex.test", ME),
     [("dangling-target", "a@ex.test")]),
    ("a target that is switched off", steps(ctl("alias", "add", "a@ex.test", "b@ex.test"),
                                             ctl("alias", "add", "b@ex.test", ME),
                                             ctl("alias", "set", "b@ex.test", "--disable")),
     [("dangling-target", "a@ex.test")]),
    ("a target where nobody is, of an alias that is off", steps(
        ctl("alias", "add", "a@ex.test", "gone@ex.test"), ctl("alias", "set", "a@ex.test", "--disable")), []),
    ("somebody by a catch-all", steps(ctl("alias", "add", "@ex.test", ME),
                                      ctl("alias", "add", "a@ex.test", "any@ex.test")), []),
    ("somebody by a pattern", steps(ctl("alias", "add", "s-*@ex.test", ME),
                                    ctl("alias", "add", "a@ex.test", "s-1@ex.test")), []),
    ("somebody in a domain that stands for another", steps(
        ctl("domain", "add", "two.test", "--target", "ex.test"),
        ctl("alias", "add", "a@ex.test", "me@two.test", "gone@two.test")), [("dangling-target", "a@ex.test")]),
    ("a target that gets no mail", steps(ctl("alias", "add", "a@ex.test", "me+x@ex.test"),
                                         ctl("user", "state", ME, "send-only")),
     [("silent-target", "a@ex.test"), ("silent-target", "abuse@ex.test"), ("silent-target", "postmaster@ex.test")]),
    ("a loop", steps(later(recipient_delimiter="", propagate_extensions=False),
                     ctl("alias", "add", "a@ex.test", "b+1@ex.test"),
                     ctl("alias", "add", "b@ex.test", "a+1@ex.test"), later(recipient_delimiter="+")),
     [("loop", "a@ex.test"), ("loop", "b@ex.test")]),
    ("growth", steps(later(recipient_delimiter=""), ctl("alias", "add", "a@ex.test", "a+1@ex.test"),
                     later(recipient_delimiter="+")), [("endless", "a@ex.test")]),
    ("a loop of bare names", steps(
        ctl("domain", "add", "loc.test", "--kind", "local"), later(recipient_delimiter="", propagate_extensions=False),
        ctl("alias", "add", "x", "y+1@loc.test"), ctl("alias", "add", "y", "x+1@loc.test"),
        later(recipient_delimiter="+")), [("loop", "x@loc.test"), ("loop", "y@loc.test")]),
    ("too many recipients", steps(
        *(raw("INSERT INTO alias (address, domain, created) VALUES ('l%d@ex.test', 'ex.test', 0)" % n,
              *("INSERT INTO alias_target (address, position, target, folded, domain) "
                "VALUES ('l%d@ex.test', %d, 'u%d@rel.test', 'u%d@rel.test', 'rel.test')" % (n, i, n * 600 + i, n * 600 + i)
                for i in range(600))) for n in (1, 2)),
        ctl("domain", "add", "rel.test", "--kind", "relay"),
        raw("INSERT INTO alias (address, domain, created) VALUES ('all@ex.test', 'ex.test', 0)",
            *("INSERT INTO alias_target (address, position, target, folded, domain) "
              "VALUES ('all@ex.test', %d, 'l%d@ex.test', 'l%d@ex.test', 'ex.test')" % (n, n, n) for n in (1, 2)))),
     [("too-many-recipients", "all@ex.test")]),
    ("a form that nothing finds", raw("PRAGMA ignore_check_constraints = 1",
                                      "INSERT INTO mailbox (address, domain, created) "
                                      "VALUES ('\"plain\"@ex.test', 'ex.test', 0)"),
     [("not-canonical", '"plain"@ex.test')]),
    ("a mailbox in a domain of aliases", steps(ctl("domain", "add", "al.test", "--kind", "relay"), raw(
        "INSERT INTO mailbox (address, domain, created) VALUES ('m@al.test', 'al.test', 0)")),
     [("misplaced-mailbox", "m@al.test")]),
    ("a catch-all before another domain", steps(ctl("domain", "add", "two.test", "--target", "ex.test"),
                                                alias("@two.test", "two.test")),
     [("catch-all-hides-domain", "@two.test")]),
    ("a catch-all behind a pattern", steps(alias("*@ex.test", "ex.test", "''"), ctl("alias", "add", "@ex.test", ME)),
     [("catch-all-never", "@ex.test"), ("not-canonical", "*@ex.test")]),
    ("a catch-all and nothing else", steps(ctl("domain", "add", "new.test"), ctl("alias", "add", "@new.test", ME)),
     [("catch-all-alone", "@new.test")]),
    ("a mailbox behind an alias", steps(ctl("user", "add", "--no-password", "you@ex.test"),
                                        ctl("alias", "add", "you@ex.test", ME)), [("hidden-mailbox", "you@ex.test")]),
    ("an alias that keeps a copy", steps(ctl("user", "add", "--no-password", "you@ex.test"),
                                         ctl("alias", "add", "you@ex.test", ME, "you@ex.test")), []),
    ("a bare name that counts nowhere", ctl("alias", "add", "root", ME), [("bare-name-unused", "root")]),
    ("entries of no map", raw("INSERT INTO entry (map, key, value, created) VALUES ('lost', 'a', 'b', 0)"),
     [("entries-of-no-map", "lost")]),
    ("a way for all mail", ctl("map", "set", "transports", "*", "smtp:[x.test]"), [("transport-wildcard", "ex.test")]),
    ("a way for all other mail", steps(ctl("map", "set", "transports", "*", "smtp:[x.test]"),
                                       ctl("map", "set", "transports", "ex.test", ":")), []),
    ("a way for all mail that leads to Dovecot", ctl("map", "set", "transports", "*", "lmtp:inet:d.test:24"), []),
    ("no postmaster, no abuse", ctl("domain", "add", "new.test"),
     [("no-postmaster", "new.test"), ("no-abuse", "new.test")]),
    ("a postmaster by a catch-all", steps(ctl("domain", "add", "new.test"), ctl("alias", "add", "@new.test", ME),
                                          ctl("user", "add", "--no-password", "a@new.test")), []),
    ("a dot more", steps(ctl("user", "add", "--no-password", "john.doe@ex.test"),
                         ctl("alias", "add", "johndoe@ex.test", ME)), [("similar-address", "john.doe@ex.test")]),
    ("an accent more", steps(ctl("user", "add", "--no-password", "jörg@ex.test"),
                             ctl("alias", "add", "jorg@ex.test", ME)), [("odd-name", "jörg@ex.test"), ("similar-name", "jörg@ex.test")]),
    ("a name that Dovecot may not take", steps(ctl("user", "add", "--no-password", "o'brien@ex.test"),
                                               ctl("alias", "add", "o'hara@ex.test", ME)),
     [("odd-name", "o'brien@ex.test")]),
    ("a name that Dovecot cuts to another", ctl("user", "add", "--no-password", "me+you@ex.test"),
     [("odd-name", "me+you@ex.test"), ("split-name", "me+you@ex.test")]),
    ("a name that Dovecot cuts to nothing", steps(ctl("user", "add", "--no-password", "+you@ex.test"),
                                                  ctl("alias", "add", "a+b@ex.test", ME)),
     [("odd-name", "+you@ex.test"), ("split-name", "+you@ex.test")]),
    ("a name that no domain splits, but Dovecot", steps(
        later(recipient_delimiter="-"), ctl("user", "add", "--no-password", "owner-me@ex.test"),
        ctl("domain", "set", "ex.test", "--delimiters", "none")), [("split-name", "owner-me@ex.test")]),
    ("delimiters that Dovecot has not", ctl("domain", "set", "ex.test", "--delimiters", "+-"), [("split-domain", "ex.test")]),
    ("fewer delimiters than Dovecot has", ctl("domain", "set", "ex.test", "--delimiters", "none"), []),
    ("a domain with an accent more", ctl("domain", "add", "èx.test", "--kind", "relay"),
     [("similar-name", "xn--x-7fa.test")]),
    ("a password in the clear", hashed("{PLAIN}x"), [("weak-hash", ME)]),
    ("DES", hashed("{CRYPT}ab01FAX.bQRSU"), [("weak-hash", ME)]),
    ("DES without a name", hashed("ab01FAX.bQRSU"), [("weak-hash", ME)]),
    ("MD5", hashed("{CRYPT}$1$salt$hash"), [("weak-hash", ME)]),
    ("SHA-1 in hex", hashed("{ssha.hex}00"), [("weak-hash", ME)]),
    ("SHA-512 crypt", hashed("{SHA512-CRYPT}$6$salt$hash"), [("foreign-hash", ME)]),
    ("SHA-512 crypt without a name", hashed("$6$salt$hash"), [("foreign-hash", ME)]),
    ("bcrypt", hashed("{BLF-CRYPT}$2y$05$x"), [("foreign-hash", ME)]),
    ("a password with a limit", raw("UPDATE credential SET services = 'imap'"), [("limited-password", ME)]),
    ("a password with an end", raw("UPDATE credential SET expires = 4000000000"), [("limited-password", ME)]),
    ("a password with networks", raw("UPDATE credential SET networks = '192.0.2.0/24'"), [("limited-password", ME)]),
    ("an app password with limits", raw("INSERT INTO credential (mailbox, label, hash, created, services) "
                                        "VALUES ('me@ex.test', 'x', 'x', 0, 'imap')"), []),
    ("an expired alias", steps(ctl("alias", "add", "a@ex.test", ME),
                               ctl("alias", "set", "a@ex.test", "--expires", "2001-02-03")),
     [("expired-alias", "a@ex.test")]),
    ("a forward to another host", ctl("alias", "add", "a@ex.test", "a@other.test"), [("external-forward", "a@ex.test")]),
    ("a forward below a relay domain", steps(ctl("domain", "add", "rel.test", "--kind", "relay"),
                                             ctl("alias", "add", "a@ex.test", "a@x.rel.test")), []),
]


def planted(env, plant, wanted):
    with clean(env) as site:
        plant(site)
        found = lint(site)
        check_eq(sorted({(f["code"], f["subject"]) for f in found}), sorted(wanted), found)
        for f in found:
            check(f["text"] and f["cure"] and "%" not in f["text"] + f["cure"], f)


def cut_names(env):
    """Whether anybody gets the mail that Dovecot takes for another's."""
    with clean(env) as site:
        site.ctl("user", "add", "--no-password", "me+you@ex.test")
        def told():
            return [f["text"] for f in lint(site) if f["code"] == "split-name"][0]
        check_in("goes to 'me@ex.test', which is another mailbox", told())
        site.ctl("user", "state", ME, "suspended")
        check_in("goes to 'me@ex.test', which gets none, so that the mail bounces", told())


def unused(env):
    with clean(env) as site:
        for name in ("new", "old", "never"):
            site.ctl("user", "add", "--no-password", name + "@ex.test")
        sql(site, "UPDATE mailbox SET created = 900000000 WHERE address <> 'new@ex.test'",
            "INSERT INTO login VALUES ('old@ex.test', '', '', 'imap', 1000000000)",
            "INSERT INTO login VALUES ('me@ex.test', '', '', 'imap', unixepoch())")
        check_eq([(f["code"], f["subject"]) for f in lint(site, "--since", "30d", code=0)],
                 [("unused-mailbox", "never@ex.test"), ("unused-mailbox", "old@ex.test")])
        check_in("2001-09-0", lint(site, "--since", "30d")[1]["text"])
        check_in("never", lint(site, "--since", "30d")[0]["text"])
        check_eq(lint(site, "--since", "1990-01-01"), [])
        check_eq(lint(site), [])
        done = site.ctl_run("lint", "--since", "+30d")
        check_eq(done.returncode, 2)
        check_in("90d", done.stderr)


def secrets(env):
    """Nothing of a hash is shown but its scheme."""
    with clean(env) as site:
        for stored in ("{PLAIN}sesame", "sesame", "{CRYPT}sesame", "sesame}x", "{sesame", "$sesame$1", "{}sesame"):
            sql(site, "UPDATE credential SET hash = '%s'" % stored)
            done = site.ctl_run("lint", "--all")
            check("sesame" not in done.stdout.lower(), stored, done.stdout)
            check_eq(done.returncode, 1)


def text(env):
    with clean(env) as site:
        check_eq(site.ctl("lint"), "")
        for i in range(25):
            site.ctl("alias", "add", "a%d@ex.test" % i, "x@other.test")
        site.ctl("alias", "add", "b@ex.test", "gone@ex.test")
        done = site.ctl_run("lint")
        check_eq((done.returncode, done.stdout.count("external-forward: ")), (1, 20))
        check_in("warning  dangling-target: b@ex.test\n", done.stdout)
        check_in("... and 5 more of external-forward", done.stdout)
        check_eq(site.ctl_run("lint", "--all").stdout.count("external-forward: "), 25)
        check_eq(len(lint(site)), 26)


def register(suite):
    for name, *row in FAULTS:
        suite.add("lint: " + name, lambda env, row=row: planted(env, *row))
    suite.add("lint: whose mail a cut name is", cut_names)
    suite.add("lint: mailboxes nobody logged into", unused)
    suite.add("lint: no secret is shown", secrets)
    suite.add("lint: for people", text)
