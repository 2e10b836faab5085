# SPDX-License-Identifier: ISC
#
# The little world most cases live in: who is in the store, and a running daemon on it.

import contextlib

from harness import Site, scratch

PASSWORDS = {
    "harry@example.com": "alohomora",
    "sally@example.com": "what she is having",
    "mute@example.com": None,  # a mailbox without a password
    "real@catch.example": "r3al",
}

ALIASES = {
    "post@example.com": ["harry@example.com"],
    "team@example.com": ["harry@example.com", "sally@example.com"],
    "post+special@example.com": ["sally@example.com"],
    "club@lists.example": ["harry@example.com", "friend@elsewhere.example"],
    "@catch.example": ["harry@example.com"],
}


def fill(site):
    """Make the store of SITE and put the world into it."""
    site.init("example.com", "catch.example")
    site.ctl("domain", "add", "example.net", "--target", "example.com")
    site.ctl("domain", "add", "lists.example", "--kind", "alias")
    site.ctl("domain", "add", "relay.example", "--kind", "relay")
    for address, password in PASSWORDS.items():
        site.user_add(address, password)
    for address, targets in ALIASES.items():
        site.ctl("alias", "add", address, *targets)
    return site


@contextlib.contextmanager
def world(env, **settings):
    """A filled Site in a folder of its own, nothing started."""
    with scratch() as tmp:
        yield fill(Site(env.build, tmp, **settings))


@contextlib.contextmanager
def running(env, **settings):
    """(site, daemon): the world with the daemon serving it."""
    with world(env, **settings) as site, site.start() as daemon:
        yield site, daemon
