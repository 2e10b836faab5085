#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# Numbers for logins, printed and not judged: a storm on the auth socket with lookups beside it, and how many
# logins a second there are that need no slow hash.
#
#   logins.py --build DIR [--clients 200] [--seconds 3]

import argparse
import os
import re
import selectors
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(HERE, os.pardir, "lib")]

from harness import Auth, Site, Socketmap, b64, check_eq, scratch

USER, PASSWORD = "user%d@example.com", "alohomora"
USERS = 20


def peak_kib(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1])


def at(times, part):
    """The time by which that PART of them was done, in milliseconds."""
    return sorted(times)[min(len(times) - 1, int(part * len(times)))] * 1000


def show(name, times):
    print("%-44s n %6d   p50 %8.2f   p99 %8.2f   max %8.2f ms" %
          (name, len(times), at(times, .5), at(times, .99), max(times) * 1000))


class Lookups(threading.Thread):
    """One client that asks for an alias again and again, and how long each answer took."""

    def __init__(self, site):
        super().__init__()
        self.client, self.times, self.on = Socketmap(site.maps), [], True

    def run(self):
        while self.on:
            begin = time.monotonic()
            self.client.ask("aliases", "post@example.com")
            self.times.append(time.monotonic() - begin)
            time.sleep(.001)

    def end(self):
        self.on = False
        self.join()
        return self.times


def request(number, user, password, address):
    return "AUTH\t%d\tPLAIN\tservice=imap\trip=%s\tresp=%s\n" % (number, address, b64("\0%s\0%s" % (user, password)))


def storm(site, clients, right):
    """All CLIENTS at the same moment, each with one login from a network of its own: (times, words)."""
    line = {}
    for i in range(clients):
        client = Auth(site.auth)
        line[client] = request(1, USER % (i % USERS), PASSWORD if right else "wrong %d" % i,
                               "10.%d.%d.1" % (i // 256, i % 256))
    times, words = [], []
    with selectors.DefaultSelector() as selector:
        begin = time.monotonic()
        for client, text in line.items():
            client.send(text)
            selector.register(client.socket, selectors.EVENT_READ, client)
        while len(times) < clients:
            for key, _ in selector.select():
                reply = key.data.answer()
                times.append(time.monotonic() - begin)
                words.append(reply.named.get("code", reply.word))
                selector.unregister(key.fileobj)
    for client in line:
        client.close()
    return times, words


def rate(site, user, password, seconds, connections=4, window=32):
    """Good logins a second, WINDOW of them under way on each connection."""
    clients = [Auth(site.auth) for _ in range(connections)]
    text = request(1, user, password, "10.0.0.1")
    done = 0
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.send(text * window)
            selector.register(client.socket, selectors.EVENT_READ, client)
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            for key, _ in selector.select():
                client = key.data
                client.more()
                n = client.pending.count(b"\n")
                check_eq(client.pending.count(b"OK\t"), n)
                client.pending = client.pending.rpartition(b"\n")[2]
                done += n
                client.send(text * n)
        spent = time.monotonic() - begin
    for client in clients:
        client.close()
    return done / spent


def storms(build, clients):
    with scratch() as tmp:
        site = Site(build, tmp, hash_memory=65536, hash_passes=3, failure_delay=0, log_level="warning",
                    remember_logins=0)
        site.init("example.com", users={USER % i: PASSWORD for i in range(USERS)},
                  aliases={"post@example.com": [USER % 0]})
        with site.start() as daemon:
            quiet = Lookups(site)
            quiet.start()
            time.sleep(1)
            show("lookups, nothing else going on", quiet.end())
            alone, _ = storm(site, 1, True)
            show("one login", alone)
            for name, right in (("right", True), ("wrong", False)):
                beside = Lookups(site)
                beside.start()
                times, words = storm(site, clients, right)
                show("%d %s passwords at once" % (clients, name), times)
                print("%-44s first %.2f ms, %.1f a second, %s" % ("", min(times) * 1000, clients / max(times),
                      ", ".join("%s %d" % (w, words.count(w)) for w in sorted(set(words)))))
                show("lookups beside them", beside.end())
            print("%-44s %d MiB" % ("peak memory of the auth worker", peak_kib(daemon.workers("auth")[0]) // 1024))


def rates(build, seconds):
    with scratch() as tmp:
        site = Site(build, tmp, hash_memory=65536, hash_passes=3, log_level="warning", remember_logins=600)
        site.init("example.com", users={USER % 0: PASSWORD, USER % 1: PASSWORD})
        out = site.ctl("user", "app-password", "add", USER % 1, "--label", "phone")
        phone = re.search(r"\b[a-z]{4}(?:-[a-z]{4}){5}\b", out)[0]
        with site.start():
            with Auth(site.auth) as client:
                check_eq(client.plain(USER % 0, PASSWORD, parameters=("rip=10.0.0.1",)).word, "OK")
            print("%-44s %8.0f a second" % ("remembered logins", rate(site, USER % 0, PASSWORD, seconds)))
            print("%-44s %8.0f a second" % ("app passwords", rate(site, USER % 1, phone, seconds)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    storms(options.build, options.clients)
    rates(options.build, options.seconds)


if __name__ == "__main__":
    main()
