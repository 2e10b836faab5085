# SPDX-License-Identifier: ISC
#
# Whole mails through a real Postfix whose queue is in memory: what a recipient costs, all of Postfix's processes and
# the server of the map taken together, and how many mails a second there are.

import itertools
import os
import re
import shutil
import socket
import threading
import time

from contestants import ALL_CPUS
from cputime import CpuTime
from data import postmap as make_table
from editing import memory
from harness import check, wait_until
from lookups import flat_table, postfix_tables
from parts import close_all, part
from postfix import Postfix
from report import Table

CLIENTS = 4
TEXT = b"Subject: bench\r\n\r\n" + 16 * b"A line of a mail that is as long as lines of mails are.\r\n" + b".\r\n"


class Unchrooted(Postfix):
    """No daemon of it is chrooted: sqlite: opens its file when it is first asked, and would not find it."""

    def master_lines(self):
        chrooted = re.compile(r"^(\S+\s+(?:inet|unix|unix-dgram|fifo|pass)\s+\S+\s+\S+\s+)y\b")
        return [chrooted.sub(r"\1n", line) for line in super().master_lines()]

    def queued(self):
        """Whether a mail is on its way."""
        return any(os.listdir(os.path.join(self.queue, name)) for name in ("maildrop", "incoming", "active"))

    def master(self):
        with open(os.path.join(self.queue, "pid", "master.pid")) as file:
            return int(file.read())


def plain_name(name):
    return re.sub(r"\W", "-", name)


class Host:
    """A Postfix with one kind of table, what serves that table, and the CPU time of both."""

    def __init__(self, bench, name, table, domains, folder, server=None):
        self.name, self.server = name, server
        self.postfix = Unchrooted(os.path.join(folder, "p-" + plain_name(name)))
        self.postfix.configure(
            "recipient_delimiter = +\nmynetworks = 127.0.0.0/8\ndefault_transport = discard:all\n" +
            ("virtual_alias_domains = %s\nvirtual_alias_maps = %s\n" % (domains, table) if table else ""))
        self.postfix.start()
        self.time = CpuTime("vmaild-bench-%d-%s" % (os.getpid(), plain_name(name)))
        for root in [self.postfix.master()] + ([server.daemon.pid] if server else []):
            self.time.add(root)

    def send(self, recipients, each):
        """Send them, EACH to a mail: (seconds until the last was done with, seconds of CPU)."""
        mails = [recipients[i:i + each] for i in range(0, len(recipients), each)]
        before, began = self.time.seconds(), time.monotonic()
        deliver(self.postfix.port, mails)
        wait_until(lambda: not self.postfix.queued(), "an empty queue")
        took, spent = time.monotonic() - began, self.time.seconds() - before
        waiting = [files for _, _, files in os.walk(os.path.join(self.postfix.queue, "deferred")) if files]
        check(not waiting, self.name, "mail waits", self.postfix.log.tail())
        return took, spent

    def close(self):
        self.postfix.stop()
        if self.server:
            self.server.close()
        wait_until(lambda: not self.time.busy(), "the end of its processes", 20)
        self.time.close()


# --- sending ----------------------------------------------------------------------------------------

def deliver(port, mails):
    """Send MAILS, lists of recipients, over a few connections at once."""
    trouble = []

    def client(own):
        try:
            converse(port, own)
        except Exception as why:  # it is told by the thread that waits
            trouble.append(why)
    threads = [threading.Thread(target=client, args=(mails[i::CLIENTS],)) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if trouble:
        raise trouble[0]


def converse(port, mails):
    """One session, in which commands are sent together as RFC 2920 has it, and mail servers do."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s, s.makefile("rb") as replies:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        expect(replies, b"220")
        s.sendall(b"EHLO client.test\r\n")
        expect(replies, b"250")
        for recipients in mails:
            s.sendall("".join(["MAIL FROM:<bench@outside.test>\r\n", *("RCPT TO:<%s>\r\n" % who for who in recipients),
                               "DATA\r\n"]).encode())
            for _ in range(1 + len(recipients)):
                expect(replies, b"250")
            expect(replies, b"354")
            s.sendall(TEXT)
            expect(replies, b"250")


def expect(replies, code):
    while True:
        line = replies.readline()
        check(line.startswith(code), "Postfix says", line)
        if line[3:4] == b" ":
            return


# --- the part ------------------------------------------------------------------------------------------

def hosts(bench, data, folder):
    """One after another, as they are started."""
    kinds = postfix_tables()
    domains = os.path.join(folder, "domains")
    with open(data.keys()) as asked, open(domains, "w") as out:
        out.writelines("%s x\n" % name for name in sorted({who.rstrip("\n").partition("@")[2] for who in asked}))
    common = next(kind for kind in ("lmdb", "hash") if kind in kinds)
    make_table(common, domains)
    domains = "%s:%s" % (common, domains)
    database = os.path.join(folder, "flat", "flat.db")
    os.mkdir(os.path.dirname(database))
    shutil.copyfile(data.sqlite(), database)
    for path in (database, os.path.dirname(database)):
        shutil.chown(path, "postfix")
    flat = flat_table(os.path.join(folder, "flat.cf"), database)
    yield Host(bench, "no table", None, domains, folder)
    for kind in ("lmdb", "hash"):
        if kind in kinds:
            yield Host(bench, kind, data.table(kind), domains, folder)
    if "sqlite" in kinds:
        yield Host(bench, "sqlite", "sqlite:" + flat, domains, folder)
        yield Host(bench, "proxy:sqlite", "proxy:sqlite:" + flat, domains, folder)
    vmaild = bench.vmaild(folder, data.store(), cpus=ALL_CPUS).start()
    yield Host(bench, "vmaild", vmaild.table, domains, folder, vmaild)


def people(data):
    """Recipients that exist, as they are written: with extensions too."""
    with open(data.keys()) as asked:
        return itertools.cycle([line.rstrip("\n") for line in asked if line.startswith("user")])


@part("mails", 60)
def mails(bench):
    data = bench.data(bench.form.main)
    one, fifty = bench.form.mails
    found, running = bench.series(), []
    who = people(data)
    with memory() as folder:
        try:
            for host in hosts(bench, data, folder):
                running.append(host)
            for host in running:
                host.send(list(itertools.islice(who, 3 * CLIENTS)), 1)  # its daemons run
            for _ in bench.rounds:
                for each, count in ((1, one), (50, fifty)):
                    recipients = list(itertools.islice(who, each * count))
                    for host in running:
                        took, spent = host.send(recipients, each)
                        found[each, host.name, "us"].add(spent / len(recipients) * 1e6)
                        found[each, host.name, "rate"].add(count / took)
            how = running[0].time.how
        finally:
            close_all(running)
    report(bench, found, [host.name for host in running], how)


def report(bench, found, names, how):
    for each in (1, 50):
        size = "1 recipient" if each == 1 else "%d recipients" % each
        table = Table("Mails of %s through Postfix, %d addresses" % (size, bench.form.main),
                      "virtual_alias_maps", "CPU, us a recipient", "over lmdb, us", "mails a second")
        floor = found[each, "lmdb", "us"] if "lmdb" in names else found[each, "no table", "us"]
        for name in names:
            series = found[each, name, "us"]
            table.row(name, series.spread(0), "%+.0f" % series.less(floor), found[each, name, "rate"].spread(0))
        table.note = ("CPU time of all of Postfix's processes and of the map's server (%s). Queue in memory, %d SMTP "
                      "sessions, mail ends in discard(8). virtual_alias_domains is the same table everywhere." % (
                          how, CLIENTS))
        bench.table(table)
        ours = found[each, "vmaild", "us"]
        if "sqlite" in names:
            bench.at_most("mails of %d, CPU of a recipient, times sqlite's" % each,
                          ours.over(found[each, "sqlite", "us"]), 1)
        bench.at_most("mails of %d, CPU of a recipient over lmdb's, us" % each, ours.less(floor), 100, minor=True)
        if each == 50 and "proxy:sqlite" in names:
            bench.at_least("mails of 50, mails a second, times proxy:sqlite's",
                           found[each, "vmaild", "rate"].over(found[each, "proxy:sqlite", "rate"]), 1.1)
