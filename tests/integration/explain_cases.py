# SPDX-License-Identifier: ISC
#
# vmailctl explain: the whole journey of a mail, as JSON and as a tree, against the store and against the daemon.

import json
import sys

from harness import check, check_eq, check_in, listener
from world import running, world

sys.setrecursionlimit(10000)  # a journey in circles is JSON as deep as Postfix follows it

HARRY, SALLY = "harry@example.com", "sally@example.com"


def explain(site, address, *options, code=0):
    done = site.ctl_run("explain", address, "--json", *options)
    check_eq(done.returncode, code, address, done.stdout, done.stderr)
    return json.loads(done.stdout)


def told(answer):
    """What was tried, in short: "hit alias x@y" and the codes of rules."""
    return [note.get("rule") or "%(result)s %(row)s %(key)s" % note for note in answer["tried"]]


def ends(node):
    """(address, how it ends) of every place where the mail comes to rest."""
    found = [(node["address"], node["ends"])] if "ends" in node else []
    for child in node.get("leads", ()):
        found += ends(child)
    return found


JOURNEYS = [
    ("a mailbox", HARRY, 0, "delivered", [(HARRY, "mailbox")]),
    ("a mailbox with an extension", "Harry+X@Example.COM", 0, "delivered", [("harry+x@example.com", "mailbox")]),
    ("a list", "team@example.com", 0, "delivered", [(HARRY, "mailbox"), (SALLY, "mailbox")]),
    ("a domain that stands for another", "post@example.net", 0, "delivered", [(HARRY, "mailbox")]),
    ("an address with an alias of its own for the extension", "post+special@example.com", 0, "delivered",
     [(SALLY, "mailbox")]),
    ("one of them elsewhere", "club@lists.example", 0, "delivered",
     [(HARRY, "mailbox"), ("friend@elsewhere.example", "outside")]),
    ("a catch-all", "whoever@catch.example", 0, "delivered", [(HARRY, "mailbox")]),
    ("a mailbox that no catch-all takes", "real@catch.example", 0, "delivered",
     [("real@catch.example", "mailbox")]),
    ("a relayed domain", "who@relay.example", 0, "delivered", [("who@relay.example", "relay")]),
    ("nobody", "nobody@example.com", 1, "refused", [("nobody@example.com", "nobody")]),
    ("nobody in a domain of aliases", "nobody@lists.example", 1, "refused", [("nobody@lists.example", "nobody")]),
    ("itself, and nobody is there", "self@lists.example", 1, "refused", [("self@lists.example", "nobody")]),
    ("a domain of others", "who@nowhere.example", 1, "outside", [("who@nowhere.example", "outside")]),
]


def register(suite):
    for name, *row in JOURNEYS:
        suite.add("explain: " + name, lambda env, row=row: journey(env, *row))
    for name, function in (("the rules are told in order", rules),
                           ("a mailbox is shown with its state, home and quota", mailbox),
                           ("an alias that is off, and one that has expired", switched_off),
                           ("a recipient that gets no mail", partly),
                           ("a loop that came in by another door", loop),
                           ("closed lists and access maps, with --from", access),
                           ("rewriting, copies, transports and moves", other_maps),
                           ("who may send as it", senders),
                           ("what is no address", malformed),
                           ("the tree", tree),
                           ("--live says where the daemon differs", live),
                           ("a list that no reply can carry", too_long),
                           ("--live without a daemon", no_daemon)):
        suite.add("explain: " + name, function)


def journey(env, address, code, outcome, wanted):
    with world(env) as site:
        site.ctl("alias", "add", "self@lists.example", "self@lists.example")
        j = explain(site, address, code=code)
        check_eq((j["outcome"], ends(j["expansion"])), (outcome, wanted), j)
        check_eq(j["recipients"], len([1 for _, how in wanted if how != "nobody"]))
        check_eq("reason" in j, outcome != "delivered", j)
        check(not j.get("reason", "").endswith(": "), j)


def rules(env):
    with world(env) as site:
        j = explain(site, "post+x@example.com")
        check_eq((j["base"], j["extension"]), ("post@example.com", "+x"))
        check_eq(told(j["expansion"]), ["miss alias post+x@example.com", "hit alias post@example.com", "targets",
                                        "extension-kept"])
        check_eq(j["expansion"]["value"], "harry+x@example.com")
        check_eq(told(j["expansion"]["leads"][0])[-2:], ["hit mailbox harry@example.com", "mailbox-stays"])
        check_eq([a["map"] for a in j["domain"]["lookups"]], ["local-domains", "alias-domains", "domains"])
        # the same answers as `lookup` gives
        for map, key in (("aliases", "post+x@example.com"), ("senders", "post+x@example.com")):
            value = json.loads(site.ctl("lookup", map, key, "--json"))["value"]
            answer = j["expansion"] if map == "aliases" else j["sending"][0]
            check_eq(answer["value"], value, map)


def mailbox(env):
    with world(env, mail_home="/srv/mail/%d/%n") as site:
        site.ctl("user", "quota", HARRY, "2G")
        end = explain(site, "post@example.com")["expansion"]["leads"][0]
        check_eq(end["mailbox"], {"address": HARRY, "state": "active", "home": "/srv/mail/example.com/harry",
                                  "password": True, "quota": 2 << 30})


def switched_off(env):
    with world(env) as site:
        site.ctl("alias", "set", "post@example.com", "--disable")
        j = explain(site, "post@example.com", code=1)
        check_in("switched off", j["reason"])
        check_in("disabled", told(j["expansion"]))
        site.ctl("alias", "set", "team@example.com", "--expires", "2001-01-01")
        j = explain(site, "team@example.com", code=1)
        check_in("expired", j["reason"])


def partly(env):
    with world(env) as site:
        site.ctl("user", "state", SALLY, "suspended", "--reason", "unpaid")
        j = explain(site, "team+x@example.com", code=1)
        check_eq((j["outcome"], j["recipients"]), ("partly", 1))
        check_eq(ends(j["expansion"]), [("harry+x@example.com", "mailbox"), ("sally+x@example.com", "nobody")])
        box = j["expansion"]["leads"][1]["mailbox"]
        check_eq((box["address"], box["state"], box["reason"]), (SALLY, "suspended", "unpaid"))


def loop(env):
    """Nobody can write a loop with vmailctl; a delimiter that comes later can make one."""
    with world(env, recipient_delimiter="") as site:
        site.ctl("alias", "add", "a@example.com", "b+1@example.com")
        site.ctl("alias", "add", "b@example.com", "a+1@example.com")
        site.configure(recipient_delimiter="+", propagate_extensions=False)
        j = explain(site, "a@example.com", code=1)
        check_eq(j["outcome"], "stuck")
        check_in("circles", j["reason"])
        check_eq(ends(j["expansion"])[-1][1], "loop")
        site.configure(propagate_extensions=True)
        j = explain(site, "a@example.com", code=1)
        check_in("never arrive", j["reason"])


def access(env):
    with world(env) as site:
        site.ctl("alias", "set", "team@example.com", "--internal")
        check_eq(explain(site, "team@example.com")["closed_list"], True)
        j = explain(site, "team@example.com", "--from", "stranger@elsewhere.example", code=1)
        check_eq((j["outcome"], j["access"]["may"]), ("refused", False))
        check_in("closed list", j["reason"])
        j = explain(site, "team@example.com", "--from", "Post@Example.com")
        check_eq((j["access"]["sender"], j["access"]["logins"]), ("post@example.com", HARRY))
        # a member of another list: the map of members lets him in, the policy server does not
        site.ctl("alias", "add", "inner@lists.example", "friend@elsewhere.example")
        site.ctl("alias", "set", "inner@lists.example", "--internal")
        j = explain(site, "team@example.com", "--from", "friend@elsewhere.example")
        check_eq((j["access"]["may"], j["access"]["policy"]["outcome"]), (True, "found"))
        site.listeners.append(listener("unix:" + site.tmp + "/policy.sock", "policy"))
        site.configure()
        j = explain(site, "team@example.com", "--from", "friend@elsewhere.example", code=1)
        check_eq((j["outcome"], j["access"]["may"]), ("refused", False))
        check_eq(explain(site, "inner@lists.example", "--from", "friend@elsewhere.example")["access"]["may"], True)
        check_in("policy server", site.ctl("explain", "inner@lists.example", "--from", "friend@elsewhere.example"))
        site.ctl("map", "set", "sender-access", "spam.example", "REJECT no spam")
        j = explain(site, HARRY, "--from", "x@spam.example", code=1)
        check_eq(j["reason"], "sender-access says 'REJECT no spam'")
        site.ctl("map", "set", "recipient-access", HARRY, "450 later")
        check_eq(explain(site, HARRY, "--from", "<>", code=1)["access"]["sender"], "<>")
        done = site.ctl_run("explain", HARRY, "--from", "nonsense")
        check_eq(done.returncode, 2, done.stderr)


def other_maps(env):
    with world(env) as site:
        site.ctl("map", "set", "canonical", "was@example.com", "post@example.com")
        site.ctl("map", "set", "recipient-bcc", "post@example.com", "archive@example.com")
        site.ctl("map", "set", "transports", "elsewhere.example", "smtp:[relay.example]")
        site.ctl("map", "set", "relocated", "gone@example.com", "gone@elsewhere.example")
        j = explain(site, "was@example.com")
        check_eq((j["copy"], ends(j["expansion"])), ("archive@example.com", [(HARRY, "mailbox")]))
        friend = explain(site, "club@lists.example")["expansion"]["leads"][1]
        check_eq(friend["transport"], "smtp:[relay.example]")
        check("transport" not in explain(site, HARRY)["expansion"], "no entry is for him")
        site.ctl("map", "set", "transports", "*", "smtp:[way.example]")
        check_eq(explain(site, HARRY)["expansion"]["transport"], "smtp:[way.example]")
        check_in("smtp:[way.example]", site.ctl("explain", HARRY))
        friend = explain(site, "club@lists.example")["expansion"]["leads"][1]
        check_eq(friend["transport"], "smtp:[relay.example]")
        site.ctl("map", "set", "transports", "example.com", ":")
        check_eq(explain(site, HARRY)["expansion"]["transport"], ":")
        j = explain(site, "gone@example.com", code=1)
        check_eq((ends(j["expansion"]), j["reason"]),
                 ([("gone@example.com", "relocated")], "'gone@example.com' has moved to gone@elsewhere.example"))


def senders(env):
    with world(env) as site:
        check_eq(explain(site, "team@example.com")["senders"], [HARRY, SALLY])
        check_eq(explain(site, "nobody@example.com", code=1)["senders"], [])


def malformed(env):
    with world(env) as site:
        for address in ("", "harry", "harry@", "a@b..c", "\x01@\x02", "x" * 2000 + "@example.com"):
            j = explain(site, address, code=1)
            check_eq((j["typed"], j["outcome"]), (address, "refused"))


def tree(env):
    with world(env) as site:
        text = site.ctl_run("explain", "team@example.com").stdout
        for words in ("team@example.com", "ours: mailboxes live there", "hit", "mailbox-stays", "delivered",
                      "to 2 recipients", "may send as it"):
            check_in(words, text)
        rows = [line for line in text.splitlines() if "harry@example.com" in line]
        check(all(line.index("harry") > 2 for line in rows), text)
        check_eq("\x1b" in text, False)
        bad = site.ctl_run("explain", "nobody@example.com")
        check_eq(bad.returncode, 1)
        check_in("there is nobody of that name", bad.stdout)


def live(env):
    with running(env) as (site, daemon):
        j = explain(site, "team@example.com", "--live")
        check_eq(j["differs"], 0, j)
        check_eq(j["expansion"]["live"]["same"], True)
        # another store than the daemon's: it knows nothing of the alias
        other = "sqlite:" + site.tmp + "/other/vmail.db"
        site.ctl("--store", other, "init")
        site.ctl("--store", other, "domain", "add", "example.com")
        j = explain(site, "team@example.com", "--live", "--store", other, code=1)
        check(j["differs"] > 0, j)
        check_eq(j["expansion"]["live"], {"outcome": "found", "same": False, "value": HARRY + ", " + SALLY})
        text = site.ctl_run("explain", "team@example.com", "--live", "--store", other).stdout
        check_in("DIFFERS:", text)
        check_in("the daemon differs", text)
        daemon.signal(0)


def too_long(env):
    """What fits as it is, and not with an extension behind each target: lookup, explain and the daemon agree."""
    why = "the value is too long for a reply"
    targets = ["t%03d%s@%s.out.example" % (i, "x" * 50, ".".join(["y" * 60] * 3)) for i in range(390)]
    with running(env) as (site, daemon):
        site.ctl("alias", "add", "long@example.com", *targets)
        key = "long+" + "e" * 30 + "@example.com"
        for live in ([], ["--live"]):
            check_eq(site.ctl("lookup", "aliases", "long@example.com", *live), ", ".join(targets) + "\n")
            done = site.ctl_run("lookup", "aliases", key, *live)
            check_eq((done.returncode, done.stdout), (75, ""), live)
            check_in(why, done.stderr)
            check_eq(explain(site, "long@example.com", *live)["recipients"], 390)
            j = explain(site, key, *live, code=75)
            check_eq((j["outcome"], j["expansion"]["outcome"], j["expansion"]["reason"]), ("unknown", "retry", why))
            check_in(why, j["reason"])
            check_eq(j.get("differs", 0), 0, j["expansion"].get("live"))


def no_daemon(env):
    with world(env) as site:
        done = site.ctl_run("explain", HARRY, "--live")
        check_eq((done.returncode, done.stdout), (75, ""))
        check_in("does it run?", done.stderr)
