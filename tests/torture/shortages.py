# SPDX-License-Identifier: ISC
#
# Nothing left of something: descriptors, room on the disk, memory; and another time, or another file in the store's
# or a socket's place. Who is there is found or to be asked for again, and all is well when there is enough again.

import contextlib
import ctypes
import os
import re
import resource
import shutil
import socket
import stat
import subprocess
import sys
import traceback

from harness import (Site, Skip, Socketmap, check, check_eq, check_in, group_of, listener, need_root, scratch,
                     wait_until)
from kills import comment, hosted, integrity, put_in_place
from shim import Shim
from witness import PEOPLE, Watch, logs_in, must_be_sound, person, populate

HOUR, YEAR = 3600, 365 * 86400


# --- descriptors --------------------------------------------------------------------------------------------------

def set_limit(pid, files):
    """Let process PID have so many open files at most; tells how many it could have. Who has no right to set
    anybody's limits may set those of his own processes."""
    soft, hard = limits_of(pid)
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(OSError, ValueError):
            with open("/proc/%d/status" % pid) as f:
                ids = dict(line.split(":", 1) for line in f)
            os.setresgid(*[int(ids["Gid"].split()[0])] * 3)
            os.setresuid(*[int(ids["Uid"].split()[0])] * 3)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, hard))
            code = 0
        os._exit(code)
    check_eq(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, "prlimit of", pid)
    return soft


def limits_of(pid):
    with open("/proc/%d/limits" % pid) as f:
        words = next(line for line in f if line.startswith("Max open files")).split()
    return int(words[3]), int(words[4])


def open_files(pid):
    return max(map(int, os.listdir("/proc/%d/fd" % pid))) + 1


def no_descriptors(env):
    """Workers that can open nothing, while more clients come, the store is edited and another takes its place."""
    need_root()
    with hosted(env) as (host, journal, watch):
        site, rounds, crowd = host.site, env.rounds(3), 0
        for r in range(rounds):
            copy = os.path.join(site.tmp, "copy.db")
            site.ctl("backup", copy)
            were = {pid: set_limit(pid, open_files(pid)) for pid in host.daemon.workers()}
            clients = []
            for _ in range(20):
                s = socket.socket(socket.AF_UNIX)
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    s.connect(site.maps)
                clients.append(s)
            crowd += len(clients)
            watch.hold()
            site.ctl("user", "add", "--no-password", "files%d@example.com" % r)
            watch.hold()
            put_in_place(site, copy)  # which has everybody but the last one
            # who has given back the old one's descriptors may just have enough for it
            asked = sum(w.later + w.right for w in watch.witnesses)
            wait_until(lambda: sum(w.later + w.right for w in watch.witnesses) > asked + 100 or
                       any(w.wrong for w in watch.witnesses), "answers beside another store")
            for pid, files in were.items():
                set_limit(pid, files)
            for s in clients:
                s.close()
            watch.hold()
        must_be_sound(site, journal)
        comment("%d times without descriptors, %d clients came meanwhile" % (rounds, crowd))


def ctl_without(env):
    """vmailctl with so few descriptors: what it says is done is done."""
    with hosted(env) as (host, journal, _):
        site, done = host.site, 0
        limits = list(range(3, 24)) * env.rounds(1)
        for i, files in enumerate(limits):
            address = "few%d@example.com" % i
            ran = subprocess.run([site.program("vmailctl"), "-c", site.conf, "user", "add", "--no-password", address],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 preexec_fn=lambda n=files: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
            check(ran.returncode >= 0, files, "files: died of", ran.returncode, ran.stdout)
            if ran.returncode == 0:
                journal.add(address)
                done += 1
        there = must_be_sound(site, journal)
        check(done > 0 and done < len(limits), "a poor choice of limits:", done)
        more = [a for a in there if a.startswith("few")]
        check_eq(len(more), done, "edits that were told to have failed")
        comment("%d limits, %d edits done" % (len(limits), done))


# --- room ---------------------------------------------------------------------------------------------------------

def in_namespace(body):
    """Call BODY() in a process with mounts of its own."""
    need_root()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            new_mounts, private = 0x20000, 1 << 18 | 1 << 14
            if libc.unshare(new_mounts) or libc.mount(b"none", b"/", None, private, None):
                status = 77
            else:
                body(libc)
                status = 0
        except BaseException:
            for line in traceback.format_exc().splitlines():
                comment(line)
        finally:
            sys.stdout.flush()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == 77:
        raise Skip("no mounts of our own here")
    check_eq(status, 0, "see above")


def fill_up(path):
    """Write until there is no room at all."""
    with open(path, "wb", buffering=0) as f:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while f.write(b"x" * size):
                    pass


def small_disk(env, libc, tmp):
    site = Site(env.build, tmp)
    os.mkdir(site.store_directory)
    check_eq(libc.mount(b"tmpfs", site.store_directory.encode(), b"tmpfs", 0, b"size=3m,mode=2770"), 0, "tmpfs")
    shutil.chown(site.store_directory, site.user, group_of(site.user))
    journal = populate(site)
    refused = done = 0
    with site.start() as daemon, Watch(site, journal) as watch:
        for r in range(env.rounds(2)):
            full = os.path.join(site.store_directory, "full")
            fill_up(full)
            os.truncate(full, os.path.getsize(full) - r % 4 * 49152)  # room for some, or for none
            for i in range(20):
                address = "full%d-%d@example.com" % (r, i)
                ran = site.ctl_run("user", "add", "--no-password", address)
                if ran.returncode == 0:
                    journal.add(address)
                    done += 1
                else:
                    check("full" in ran.stderr or "could not be" in ran.stderr, ran.stderr)
                    refused += 1
            ran = site.ctl_run("backup", os.path.join(site.store_directory, "backup.db"))
            check(ran.returncode != 0, "a backup on a full disk")
            check(not os.path.exists(os.path.join(site.store_directory, "backup.db")), "half a backup")
            watch.hold()
            os.unlink(full)
            address = "room%d@example.com" % r
            site.ctl("user", "add", "--no-password", address)
            journal.add(address)
            watch.hold()
            must_be_sound(site, journal)
        check(refused > 0, "the disk was never full")
        check(all("died" not in line for line in daemon.log.text.splitlines()), "workers died")
    comment("%d edits refused on a full disk, %d done; %s" % (refused, done, watch.summary()))


def full_disk(env):
    with scratch() as tmp:
        in_namespace(lambda libc: small_disk(env, libc, tmp))


# --- time ---------------------------------------------------------------------------------------------------------

JUMPS = [HOUR, -HOUR, 10 * YEAR, -30 * YEAR, 2 ** 31, 0, -YEAR, 60 * YEAR]


def clock(env):
    """The wall clock jumps: lookups, logins and edits go on; what expires does so by the clock there is."""
    with scratch() as tmp:
        shim = Shim(env, tmp)
        site = Site(env.build, tmp, failure_delay=0)
        journal = populate(site)
        site.user_add("harry@example.com", "alohomora")
        site.ctl("alias", "add", "soon@example.com", "harry@example.com")
        site.ctl("alias", "set", "soon@example.com", "--expires", "2030-01-01")
        jumps = JUMPS * env.rounds(1)
        with site.start(environment=shim.environment) as daemon, Watch(site, journal) as watch:
            pids = daemon.workers()
            for i, jump in enumerate(jumps):
                shim.jump(jump)
                watch.hold()
                check(logs_in(site, "harry@example.com", "wrong") is False, "a wrong password, ", jump)
                wait_until(lambda: logs_in(site, "harry@example.com", "alohomora") is True, "a login")
                with Socketmap(site.maps) as client:
                    expired = jump >= 10 * YEAR
                    check_eq(client.ask("aliases", "soon@example.com")[0], "NOTFOUND" if expired else "OK", jump)
                address = "clock%d@example.com" % i
                ran = subprocess.run([site.program("vmailctl"), "-c", site.conf, "user", "add", "--no-password",
                                      address], env=dict(os.environ, **shim.environment), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                check_eq(ran.returncode, 0, ran.stdout)
                journal.add(address)
                watch.hold()
            shim.jump(0)
            check_eq(daemon.workers(), pids, "workers died")
            check_eq(sum(w.later + w.cut for w in watch.witnesses), 0, "`try again'")
            must_be_sound(site, journal)
        comment("%d jumps; %s" % (len(jumps), watch.summary()))


# --- memory -------------------------------------------------------------------------------------------------------

def hungry(env):
    """Allocations fail in all of the daemon's processes: an answer is right or to be asked for again, or the
    connection ends; and with memory again all is well by itself."""
    with scratch() as tmp:
        shim = Shim(env, tmp)
        site = Site(env.build, tmp, failure_delay=0, answer_memory=0)
        journal = populate(site)
        site.user_add("harry@example.com", "alohomora")
        failed = deaths = 0
        with site.start(environment=shim.environment) as daemon, Watch(site, journal) as watch:
            watch.hold()
            for _ in range(env.rounds(40)):
                shim.starve(env.rng.choice((1, env.rng.randrange(1, 50), env.rng.randrange(1, 1000))),
                            env.rng.choice((1, 1, 10, 100)))
                check(logs_in(site, "harry@example.com", "alohomora") is not False, "the right password is refused")
                check(logs_in(site, "harry@example.com", "wrong") is not True, "a wrong password is good")
                failed += shim.feed()
                watch.hold(10)
            wait_until(lambda: logs_in(site, "harry@example.com", "alohomora") is True, "a login")
            deaths = len(re.findall("died of|ended with|no memory to wait", daemon.log.text))
        must_be_sound(site, journal)
        check(failed > 0, "none failed")
        comment("%d allocations failed in the daemon, %d workers ended for it; %s" % (failed, deaths, watch.summary()))


# --- the file -----------------------------------------------------------------------------------------------------

def spoil(rng, path):
    """Cut the file at some page, or make junk of some."""
    size = os.path.getsize(path)
    pages = size // 4096
    if rng.randrange(3) == 0:
        os.truncate(path, rng.randrange(0, pages) * 4096)
        return
    with open(path, "r+b", buffering=0) as f:
        for _ in range(rng.randrange(1, 6)):
            os.pwrite(f.fileno(), rng.randbytes(64), rng.randrange(pages) * 4096)


def spoiled(env):
    """A damaged file takes the store's place; `vmailctl restore' brings back a good one while all ask."""
    with hosted(env) as (host, journal, watch):
        site = host.site
        good = os.path.join(site.tmp, "good.db")
        bad = os.path.join(site.tmp, "bad.db")
        site.ctl("backup", good)
        for _ in range(env.rounds(8)):
            shutil.copyfile(good, bad)
            spoil(env.rng, bad)
            put_in_place(site, bad)
            with Socketmap(site.maps) as client:
                for i in range(PEOPLE):
                    word, text = client.ask("mailboxes", person(i))
                    check(word in ("OK", "TEMP"), person(i), word, text)
            site.ctl("restore", "--yes", good)
            watch.hold()
            must_be_sound(site, journal)
        check(set(map(person, range(PEOPLE))) <= integrity(good), "the backup has changed")
        comment("%d damaged files" % env.rounds(8))


# --- the sockets --------------------------------------------------------------------------------------------------

def swapped(env):
    """Who may write where a socket is puts another file in its place while we are root: it is not given away, and
    nothing is."""
    need_root()
    for how in ("SYMLINK", "LINK"):
        for make in (lambda path: open(path, "w").close(), os.mkfifo, make_socket):
            with scratch() as tmp:
                shim, victim = Shim(env, tmp), os.path.join(tmp, "victim")
                make(victim)
                os.chmod(victim, 0o600)
                site = Site(env.build, tmp, listeners=[listener("unix:%s/maps.sock" % tmp, mode=0o660, group="daemon")])
                site.init("example.com")
                shim.environment["VMAILD_SHIM_" + how] = victim
                was = access_of(victim)
                daemon = site.start(wait=False, environment=shim.environment)
                try:
                    wait_until(lambda: daemon.process.poll() is not None or access_of(victim) != was, "the end")
                finally:
                    daemon.kill()
                check_eq(access_of(victim), was, how)
                check_in("another file was put in its place", daemon.log.text)
                check(os.path.lexists(site.tmp + "/maps.sock"), "what was not ours is taken away")


def access_of(path):
    status = os.stat(path)
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)


def register(suite):
    suite.add("no descriptors left in the workers", no_descriptors)
    suite.add("no descriptors left for vmailctl", ctl_without)
    suite.add("no room on the disk, which is a small one", full_disk)
    suite.add("the clock jumps", clock)
    suite.add("no memory for a moment", hungry)
    suite.add("the store's file is cut off, or has junk in it", spoiled)
    suite.add("another file in a socket's place while the daemon is root", swapped)
