# SPDX-License-Identifier: ISC
#
# What no client should send: the right answer, and the connection or at least the daemon lives on.

from harness import Auth, Client, Socketmap, TcpTable, Userdb, check, check_eq, netstring
from world import running

KEYS = [
    # what it is, the key; each is NOTFOUND in every map of addresses and of domains
    ("no key at all", b""),
    ("a star", b"*"),
    ("the null sender", b"<>"),
    ("the null sender, quoted", b'"<>"'),
    ("two quotes", b'""'),
    ("one quote", b'"'),
    ("an at sign", b"@"),
    ("at signs", b"@@@"),
    ("a local part alone", b"harry"),
    ("no domain", b"harry@"),
    ("an empty local part", b"@example.com"),
    ("an empty quoted local part", b'""@example.com'),
    ("a quoted local part that needs no quotes", b'"harry"@example.com'),
    ("a quote that does not end", b'"harry@example.com'),
    ("two addresses", b"harry@example.com, sally@example.com"),
    ("two at signs", b"harry@example.com@example.com"),
    ("a blank before", b" harry@example.com"),
    ("a blank behind", b"harry@example.com "),
    ("a newline behind", b"harry@example.com\n"),
    ("a NUL behind", b"harry@example.com\0"),
    ("a NUL within", b"har\0ry@example.com"),
    ("control characters", b"\x01\x02\x07\x1b[31m@example.com"),
    ("no UTF-8", b"\xff\xfe\x80@example.com"),
    ("UTF-8 cut short", b"harr\xc3@example.com"),
    ("dots", b"..@.."),
    ("a domain of dots", b"..."),
    ("a domain literal", b"harry@[127.0.0.1]"),
    ("an address as a domain", b"[127.0.0.1]"),
    ("a percent sign", b"%s%n%d@%s"),
    ("SQL", b"'; DROP TABLE mailbox; --@example.com"),
    ("a path", b"../../etc/passwd"),
    ("a long local part", b"a" * 1001 + b"@example.com"),
    ("a long domain", b"harry@" + b"a" * 300 + b".com"),
    ("as long as a key may be", b"a" * 9980 + b"@example.com"),
    ("many extensions", b"harry" + b"+" * 2000 + b"@nowhere.example"),
    ("a long list of labels", b"harry@" + b"a." * 5000 + b"com"),
]

MAPS = ("domains", "alias-domains", "mailboxes", "aliases", "senders")


def alive(client):
    check_eq(client.ask("aliases", "post@example.com"), ("OK", "harry@example.com"), "afterwards")


def socketmap_keys(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        for name, key in KEYS:
            for map in MAPS:
                check_eq(client.ask(map, key), ("NOTFOUND", ""), name, "in", map)
        alive(client)


def tcp_keys(env):
    with running(env) as (site, _), TcpTable(site.tcp) as client:
        for name, key in KEYS:
            check_eq(client.get(key)[0], "500", name)
        check_eq(client.get("post@example.com"), ("200", "harry@example.com"))


def literal_catch_all(env):
    """smtpd asks for `@domain` itself when the local part is empty."""
    with running(env) as (site, _), Socketmap(site.maps) as client:
        check_eq(client.ask("aliases", "@catch.example"), ("OK", "harry@example.com"))


def megabyte(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        for map, expected in (("aliases", "NOTFOUND"), ("domains", "NOTFOUND"), ("nonsense", "PERM")):
            client.send(netstring(map.encode() + b" " + b"x" * 1000000))
            check_eq(client.reply()[0], expected, map)
        client.send(netstring(b"x" * 1000000))
        check_eq(client.reply()[0], "PERM", "a map name of a megabyte")
        alive(client)


FRAMES = [
    ("letters", b"hello\n"),
    ("an HTTP request", b"GET / HTTP/1.0\r\n\r\n"),
    ("a negative length", b"-5:hello,"),
    ("an endless number", b"9" * 100),
    ("a length no machine has", b"99999999999999999999:x"),
    ("the wrong end", b"5:hello;"),
    ("a colon first", b":"),
    ("NULs", b"\0" * 64),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
]


def frames(env):
    with running(env) as (site, _):
        for name, data in FRAMES:
            with Socketmap(site.maps) as client:
                client.request("aliases", "post@example.com")
                client.send(data)
                check_eq(client.reply(), ("OK", "harry@example.com"), "before", name)
                check(client.closed(), name)
        with Socketmap(site.maps) as client:
            alive(client)


def empty_request(env):
    with running(env) as (site, _), Socketmap(site.maps) as client:
        for payload in (b"", b" ", b"aliases", b"  "):
            client.send(netstring(payload))
            check_eq(client.reply()[0], "NOTFOUND" if payload == b"aliases" else "PERM", payload)
        alive(client)


LINES = [
    ("no request", b"\n", "400"),
    ("another request", b"put harry@example.com x\n", "400"),
    ("a malformed code", b"get %zz\n", "400"),
    ("a code cut short", b"get harry%4\n", "400"),
    ("in other letters", b"GET post@example.com\n", "400"),
    ("no key", b"get \n", "500"),
    ("a NUL", b"get \0\n", "400"),
    ("a coded NUL", b"get post@example.com%00\n", "500"),
    ("a carriage return", b"get post@example.com\r\n", "400"),
]


def lines(env):
    with running(env) as (site, _), TcpTable(site.tcp) as client:
        for name, data, code in LINES:
            client.send(data)
            check_eq(client.reply()[0], code, name)
            check_eq(client.get("post@example.com"), ("200", "harry@example.com"), "after", name)


def endless_line(env):
    with running(env) as (site, _):
        with TcpTable(site.tcp) as client:
            client.send(b"get " + b"x" * 100000)
            check_eq(client.reply()[0], "400")
            check(client.closed())
        with TcpTable(site.tcp) as client:
            check_eq(client.get("post@example.com"), ("200", "harry@example.com"))


AUTH_LINES = [
    ("letters", b"hello\n"),
    ("a NUL", b"\0\n"),
    ("no version", b"AUTH\t1\tPLAIN\n"),
    ("another version", b"VERSION\t9\t0\n"),
    ("no number", b"VERSION\tx\ty\n"),
    ("a line without an end", b"x" * 20000),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"),
]


def auth_lines(env):
    with running(env) as (site, daemon):
        worker = daemon.workers("auth")
        for address in (site.auth, site.userdb):
            for name, data in AUTH_LINES:
                with Client(address) as client:
                    client.send(data)
                    client.end_of_input()
                    check(client.closed(), name)
        with Auth(site.auth) as client:
            check_eq(client.plain("harry@example.com", "alohomora").word, "OK")
        with Userdb(site.userdb) as client:
            check_eq(client.ask("USER", "harry@example.com").word, "USER")
        check_eq(daemon.workers("auth"), worker, "the worker")


def register(suite):
    suite.add("junk: socketmap keys", socketmap_keys)
    suite.add("junk: tcp_table keys", tcp_keys)
    suite.add("junk: a literal @domain is the catch-all", literal_catch_all)
    suite.add("junk: a megabyte of key", megabyte)
    suite.add("junk: what is no netstring ends the connection", frames)
    suite.add("junk: empty socketmap requests", empty_request)
    suite.add("junk: tcp_table lines", lines)
    suite.add("junk: a tcp_table line without end", endless_line)
    suite.add("junk: auth lines", auth_lines)
