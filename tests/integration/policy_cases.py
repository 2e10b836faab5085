# SPDX-License-Identifier: ISC
#
# The policy protocol, from the word of the admin to the answer of the running daemon.

import os

from harness import Client, Site, check, check_eq, check_in, listener, scratch
from world import fill

DUNNO = "DUNNO"
REJECT = "REJECT 5.7.1 only members may write to this list"
CLUB, FRIEND, FOE = "club@lists.example", "friend@elsewhere.example", "foe@elsewhere.example"


class Policy(Client):
    """A client as Postfix is one."""

    def request(self, sender, recipient, **more):
        """Send a request and do not wait."""
        lines = dict(request="smtpd_access_policy", protocol_state="RCPT", sender=sender, recipient=recipient, **more)
        self.send("".join("%s=%s\n" % line for line in lines.items()).encode() + b"\n")

    def reply(self):
        text = b""
        while not text.endswith(b"\n\n"):
            text += self.take(1)
        check(text.startswith(b"action=") and text.count(b"\n") == 2, text)
        return text.decode()[len("action="):-2]

    def ask(self, sender, recipient):
        self.request(sender, recipient)
        return self.reply()


def served(env, function):
    with scratch() as tmp:
        socket = os.path.join(tmp, "policy.sock")
        site = Site(env.build, tmp, listeners=[listener("unix:" + socket, "policy")])
        fill(site)
        site.ctl("alias", "set", CLUB, "--internal")
        with site.start() as daemon, Policy(socket) as client:
            function(site, daemon, socket, client)


def live(site, daemon, socket, client):
    for sender, wanted in ((FOE, REJECT), ("", REJECT), (FRIEND, DUNNO), ("harry@example.com", DUNNO)):
        check_eq(client.ask(sender, CLUB), wanted, sender)
    check_eq(client.ask(FOE, "harry@example.com"), DUNNO)
    check_eq(client.ask(FOE, ""), DUNNO)
    site.ctl("alias", "add", CLUB, FOE)
    check_eq(client.ask(FOE, CLUB), DUNNO, "a member now")
    site.ctl("alias", "remove", CLUB, FOE)
    check_eq(client.ask(FOE, CLUB), REJECT)
    site.ctl("alias", "set", CLUB, "--open")
    check_eq(client.ask(FOE, CLUB), DUNNO, "open")


def many_at_once(site, daemon, socket, client):
    """A burst is answered in its order, also when a reply takes many lookups."""
    site.ctl("alias", "add", "big@lists.example", CLUB, *["a%d@lists.example" % n for n in range(50)])
    for n in range(50):
        site.ctl("alias", "add", "a%d@lists.example" % n, "m%d@elsewhere.example" % n)
    site.ctl("alias", "set", "big@lists.example", "--internal")
    asked = [(FOE, REJECT), ("m49@elsewhere.example", DUNNO), (FRIEND, DUNNO), ("harry@example.com", DUNNO)] * 250
    for sender, _ in asked:
        client.request(sender, "big@lists.example", client_name="x" * 500)
    check_eq([client.reply() for _ in asked], [wanted for _, wanted in asked])


def no_store(site, daemon, socket, client):
    os.rename(site.store, site.store + ".away")
    for sender in (FOE, FRIEND, "harry@example.com"):
        check_eq(client.ask(sender, CLUB), "DEFER_IF_PERMIT 4.3.0 try again later")
    os.rename(site.store + ".away", site.store)
    check_eq(client.ask(FOE, CLUB), REJECT)


def junk(site, daemon, socket, client):
    for data in (b"hello\n\n", b"\n", b"request=other\n\n", b"x" * 40000, b"\0" * 40000, b"GET / HTTP/1.1\r\n\r\n\n\n"):
        with Policy(socket) as other:
            other.send(data)
            check_in("DEFER_IF_PERMIT", other.reply())
            check(other.closed(), data[:20])
    check_eq(client.ask(FOE, CLUB), REJECT)


def register(suite):
    for name, function in (("who may write to a closed list, live", live),
                           ("a burst is answered in its order", many_at_once),
                           ("without a store everybody comes again", no_store),
                           ("what is no request is told to come again, and hung up on", junk)):
        suite.add("policy: " + name, lambda env, function=function: served(env, function))
