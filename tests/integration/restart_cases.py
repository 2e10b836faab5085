# SPDX-License-Identifier: ISC
#
# Sockets that a service manager holds, another program by SIGUSR2, the watchdog: what a daemon's end and beginning
# look like from outside. tests/interop/restarts.py does it under a load of real mail.

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess

from harness import (TIMEOUT, Auth, HeldSockets, Skip, Socketmap, TcpTable, another_program, check, check_eq, check_in,
                     group_of, listener, process_name, scratch, wait_gone, wait_until, write_file)
from daemon_cases import Load, status_of, stopped
from world import PASSWORDS, running, world

HARRY = ("OK", "harry@example.com")


# --- sockets of a service manager ------------------------------------------------------------------

def open_folder(site):
    """So that the daemon, which is not root any more, can take its socket files away."""
    os.chmod(site.tmp, 0o777)


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def given(env):
    """They are used in place of our own, opened as the configuration says, and left alone at the end."""
    with world(env) as site, HeldSockets(site.maps, site.tcp) as held:
        open_folder(site)
        files = os.stat(site.maps).st_ino
        for _ in range(2):
            with site.start(held=held), Socketmap(site.maps) as maps, TcpTable(site.tcp) as tcp:
                check_eq(maps.ask("aliases", "post@example.com"), HARRY)
                check_eq(tcp.get("post@example.com"), ("200", "harry@example.com"))
                check_eq(mode_of(site.maps), 0o666)
                check_eq(os.stat(site.auth).st_uid, os.stat(site.maps).st_uid, "owner")
            check_eq(os.stat(site.maps).st_ino, files, "the socket file")
            check(not os.path.exists(site.auth), "our own socket is taken away")


def backlog(env):
    """Who connects while there is no daemon is answered by the next one."""
    with world(env) as site, HeldSockets(site.maps, site.auth) as held:
        with site.start(held=held):
            pass
        with Socketmap(site.maps) as early:
            early.request("aliases", "post@example.com")
            with site.start(held=held):
                check_eq(early.reply(), HARRY)


def unused(env):
    """A socket that no listener is for is said, and a reload may begin to use it, and end it."""
    with world(env) as site:
        more = os.path.join(site.tmp, "more.sock")
        said = "warning: the service manager holds 'unix:%s' open, and there is no such listener" % more
        with HeldSockets(site.maps, more) as held, site.start(held=held) as daemon:
            if os.geteuid() == 0:  # only root could give it away later
                shutil.chown(more, site.user, group_of(site.user))
            daemon.wait_log(said)
            site.listeners.append(listener("unix:" + more, mode=0o666))
            for _ in range(2):
                site.configure()
                daemon.reload()
                with Socketmap(more) as client:
                    check_eq(client.ask("aliases", "post@example.com"), HARRY)
                gone, mark = site.listeners.pop(), daemon.mark()
                site.configure()
                daemon.reload()
                daemon.wait_log(said, mark)
                check(os.path.exists(more), "the file of a socket that is not ours was removed")
                site.listeners.append(gone)


def odd_ones(env):
    """What is no listening socket is put away, and the daemon starts all the same."""
    with world(env) as site, HeldSockets(site.maps) as held:
        held.sockets += [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), socket.socket(socket.AF_INET)]
        with site.start(held=held) as daemon, Socketmap(site.maps) as client:
            check_eq(client.ask("aliases", "post@example.com"), HARRY)
            check_eq(daemon.log.text.count("is no listening stream socket"), 2)


def not_for_us(env):
    """LISTEN_PID names another process: what it was given is none of ours."""
    with world(env) as site:
        with site.start(environment=dict(LISTEN_PID="1", LISTEN_FDS="1")) as daemon, Socketmap(site.maps) as client:
            check_eq(client.ask("aliases", "post@example.com"), HARRY)
            check("descriptor" not in daemon.log.text, daemon.log.text)


def by_systemd(env):
    """systemd's own program for it, which passes what it listens on at the first connection."""
    activate = shutil.which("systemd-socket-activate")
    if not activate:
        raise Skip("needs systemd-socket-activate")
    with world(env) as site:
        process = subprocess.Popen([activate, "-l", site.maps, "--fdname=vmaild", site.program("vmaild"), "-c", site.conf],
                                   stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True, text=True)
        try:
            wait_until(lambda: os.path.exists(site.maps), "the socket")
            with wait_until(lambda: connected(site.maps), "systemd-socket-activate") as client:
                check_eq(client.ask("aliases", "post@example.com"), HARRY)
            process.terminate()
            log = process.communicate(timeout=TIMEOUT)[1]
            check_eq(process.returncode, 0, log)
            check(os.path.exists(site.maps), "the socket file is systemd's")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def connected(path):
    try:
        return Socketmap(path)
    except ConnectionRefusedError:
        return None


# --- another program -------------------------------------------------------------------------------

def same_file(pid, path):
    try:
        a, b = os.stat("/proc/%d/exe" % pid), os.stat(path)
    except FileNotFoundError:  # it has just ended
        return False
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)


def upgrades(env):
    """Each time another file: at the end every process runs it, under the number that it always had."""
    with world(env) as site:
        program = another_program(site, 0)
        open_folder(site)
        with site.start(program=program) as daemon:
            kept = os.stat(site.maps).st_ino
            for number in (1, 2):
                before = daemon.supervisors() + daemon.workers()
                another_program(site, number)
                site.configure(recipient_delimiter="-" if number == 1 else "+")
                daemon.upgrade()
                with Socketmap(site.maps) as client:
                    check_eq(client.ask("mailboxes", "harry%sx@example.com" % "-+"[number - 1]), HARRY)
                for pid in before:
                    wait_gone(pid)
                wait_until(lambda: same_file(daemon.pid, program), "the keeper to be the new program")
                for pid in daemon.supervisors() + daemon.workers():
                    check(same_file(pid, program), process_name(pid))
                    check_eq(status_of(pid)["NoNewPrivs"], "1")
                check_eq(os.stat(site.maps).st_ino, kept, "the socket file")
                with Auth(site.auth) as client:
                    check_eq(client.plain("harry@example.com", PASSWORDS["harry@example.com"]).word, "OK")
            daemon.reload()
        check(not os.path.exists(site.maps), "the socket of the last program is taken away")


def store_of_the_next(env):
    """Who leaves because another program serves in his place leaves the store to that: what lies beside the file stays
    there until the service ends."""
    with world(env) as site:
        program = another_program(site, 0)
        with site.start(program=program) as daemon, contextlib.closing(sqlite3.connect(site.store)) as db:
            with Auth(site.auth):  # its worker leaves when all the others are quiet
                before = daemon.supervisors()
                another_program(site, 1)
                db.execute("INSERT INTO domain (name, kind, created) VALUES ('late.example', 'mailbox', 1)")
                db.commit()
                log = os.stat(site.store + "-wal").st_size
                check(log > 0, "nothing lies beside the file")
                daemon.upgrade()
                for pid in before:
                    wait_gone(pid)
                check_eq(os.stat(site.store + "-wal").st_size, log, "what lies beside the file")
            daemon.stop()
            check_eq(os.stat(site.store + "-wal").st_size, 0, "at the end of the service")


BAD_PROGRAMS = [
    ("a script that fails", b"#!/bin/sh\nexit 3\n", "it ended with status 3"),
    ("no program at all", b"\x00\x01\x02", "it ended with status 1"),
    ("one that dies", b"#!/bin/sh\nkill -9 $$\n", "it died of signal 9"),
]


def bad_programs(env):
    """What does not start costs nothing but a line in the log."""
    with world(env) as site:
        program = another_program(site, 0)
        with site.start(program=program) as daemon, Socketmap(site.maps) as client, Auth(site.auth) as auth:
            before = daemon.supervisors() + daemon.workers()
            for name, content, why in BAD_PROGRAMS:
                with open(program + ".new", "wb") as f:
                    f.write(content)
                os.chmod(program + ".new", 0o755)
                os.rename(program + ".new", program)
                mark = daemon.mark()
                daemon.upgrade()
                check_in(why, daemon.wait_log("does not take over: .*", mark).group(), name)
                check_eq(client.ask("aliases", "post@example.com"), HARRY, name)
                check_eq(auth.plain("harry@example.com", "alohomora").word, "OK", name)
                check_eq(daemon.supervisors() + daemon.workers(), before, name)
            another_program(site, 1)
            with open(site.conf) as f:
                good = f.read()
            write_file(site.conf, good + "colour = red\n")
            daemon.upgrade()
            daemon.wait_log("colour")
            check_eq(client.ask("aliases", "post@example.com"), HARRY)
            check(os.path.exists(site.maps), "the socket of those who go on")
            write_file(site.conf, good)
            daemon.upgrade()
            check(client.closed(), "the old worker lets go")
            wait_until(lambda: [same_file(pid, program) for pid in daemon.supervisors()] == [True], "the old one to leave")


def together(env):
    """Signals that come faster than programs start: the last word counts, and nothing is lost."""
    with world(env) as site:
        program = another_program(site, 0)
        with site.start(program=program) as daemon:
            loads = [Load(site.maps) for _ in range(4)]
            for _ in range(5):
                daemon.signal(signal.SIGUSR2)
                daemon.signal(signal.SIGHUP)
                daemon.upgrade()
            for load in loads:
                load.finish()
            wait_until(lambda: len(daemon.supervisors()) == 1, "the others to leave")


def stopped_meanwhile(env):
    """SIGTERM while another program begins ends both."""
    with world(env) as site:
        daemon = site.start(program=another_program(site, 0))
        try:
            daemon.signal(signal.SIGUSR2)
            daemon.notify.wait("RELOADING=1")
            daemon.stop()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGKILL)


def lent_and_upgraded(env):
    """What the service manager lent stays its own over an upgrade."""
    with world(env) as site, HeldSockets(site.maps) as held:
        open_folder(site)
        with site.start(program=another_program(site, 0), held=held) as daemon:
            another_program(site, 1)
            daemon.upgrade()
            with Socketmap(site.maps) as client:
                check_eq(client.ask("aliases", "post@example.com"), HARRY)
        check(os.path.exists(site.maps))
        check(not os.path.exists(site.auth))


# --- the keeper ------------------------------------------------------------------------------------

def supervisor_dies(env):
    """With the supervisor the service ends, and says that something is wrong."""
    with world(env) as site:
        daemon = site.start()
        try:
            workers = daemon.workers()
            os.kill(daemon.supervisors()[0], signal.SIGKILL)
            check_eq(daemon.wait(), 1)
            check_in("died of signal 9", daemon.log.text)
            for pid in workers:
                wait_gone(pid)
        finally:
            daemon.kill()


def never_alarming(env):
    """A worker that is told to leave before it has begun leaves like any other."""
    with running(env) as (site, daemon):
        for _ in range(30):
            daemon.signal(signal.SIGHUP)
            daemon.signal(signal.SIGUSR2)
        daemon.reload()
        daemon.stop()
        check("died of signal" not in daemon.log.text, daemon.log.text[-2000:])


def fifo(env):
    """A configuration that can be read once is not waited for when it is to be read again."""
    with world(env) as site:
        path = os.path.join(site.tmp, "fifo")
        os.mkfifo(path, 0o666)
        with open(site.conf) as f:
            text = f.read()
        with site.start() as daemon:
            os.rename(site.conf, site.conf + ".away")
            os.rename(path, site.conf)
            mark = daemon.mark()
            daemon.reload()
            daemon.wait_log("the old configuration stays: .*no plain file", mark)
            os.unlink(site.conf)
            write_file(site.conf, text)


# --- the watchdog ----------------------------------------------------------------------------------

def beats(daemon):
    """How often WATCHDOG=1 lies there to be read."""
    found = 0
    daemon.notify.socket.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            found += daemon.notify.socket.recv(4096) == b"WATCHDOG=1"
    return found


def turns(pid):
    """How often a process has waited."""
    return int(status_of(pid)["voluntary_ctxt_switches"])


def watchdog(env):
    """It is told that all is well while everybody's loop turns, and not when one of them stands still."""
    with world(env) as site, site.start(environment=dict(WATCHDOG_USEC="1000000")) as daemon:
        for kind in ("lookup", "auth"):
            daemon.notify.wait("WATCHDOG=1")
            worker, supervisor = daemon.workers(kind)[0], daemon.supervisors()[0]
            mark = daemon.mark()
            stopped(worker)
            daemon.wait_log(r"the %s worker.* \(process %d\) stands still" % (kind, worker), mark)
            site.configure(colour="red")
            daemon.reload()  # it changes nothing, and is answered behind all that the keeper was told before
            site.settings.pop("colour")
            site.configure()
            beats(daemon)
            was = turns(supervisor)
            wait_until(lambda: turns(supervisor) > was + 10, "the supervisor to go on")
            check_eq(beats(daemon), 0, "with a worker that stands still")
            os.kill(worker, signal.SIGCONT)
        daemon.notify.wait("WATCHDOG=1")
        os.kill(worker, signal.SIGKILL)
        daemon.notify.wait("WATCHDOG=1")
        daemon.upgrade()
        daemon.notify.wait("WATCHDOG=1")


def no_watchdog(env):
    """One that waits for another process is none of ours."""
    with world(env) as site:
        with site.start(environment=dict(WATCHDOG_USEC="1000", WATCHDOG_PID="1")) as daemon:
            for _ in range(3):
                daemon.reload()
            check_eq(beats(daemon), 0)


def register(suite):
    suite.add("restart: sockets of a service manager", given)
    suite.add("restart: who comes while there is no daemon waits", backlog)
    suite.add("restart: a socket that nobody serves", unused)
    suite.add("restart: what is no listening socket", odd_ones)
    suite.add("restart: sockets for another process", not_for_us)
    suite.add("restart: systemd-socket-activate", by_systemd)
    suite.add("restart: another program takes over", upgrades)
    suite.add("restart: who makes room for another program leaves the store to it", store_of_the_next)
    suite.add("restart: a program that does not start changes nothing", bad_programs)
    suite.add("restart: signals faster than programs", together)
    suite.add("restart: SIGTERM while another program begins", stopped_meanwhile)
    suite.add("restart: what was lent stays lent", lent_and_upgraded)
    suite.add("restart: the supervisor is killed", supervisor_dies)
    suite.add("restart: who is told to leave early dies of nothing", never_alarming)
    suite.add("restart: a FIFO in the place of the configuration", fifo)
    suite.add("restart: the watchdog hears of those who go on", watchdog)
    suite.add("restart: the watchdog of another process", no_watchdog)
