# SPDX-License-Identifier: ISC
#
# SIGHUP: the whole new configuration, or the old one and a word why.

import os
import resource
import signal
import stat

from harness import (Auth, Site, Skip, Socketmap, TcpTable, check, check_eq, check_in, free_port, is_sanitized,
                     listener, scratch, wait_gone, wait_until, write_file)
from daemon_cases import Load
from world import fill, running, world

HARRY = ("OK", "harry@example.com")


def new_rules(env):
    with running(env) as (site, daemon):
        before = daemon.workers()
        with Socketmap(site.maps) as client:
            check_eq(client.ask("mailboxes", "harry-x@example.com"), ("NOTFOUND", ""))
            site.configure(recipient_delimiter="-", lookup_workers=1)
            daemon.reload()
            check(client.closed(), "the old workers let go")
        with Socketmap(site.maps) as client:
            check_eq(client.ask("mailboxes", "harry-x@example.com"), HARRY)
        for pid in before:
            wait_gone(pid)
        wait_until(lambda: len(daemon.workers("lookup")) == 1, "one worker instead of two")


def new_listeners(env):
    with running(env) as (site, daemon):
        more, port = os.path.join(site.tmp, "more.sock"), free_port()
        kept = os.stat(site.maps).st_ino
        if os.geteuid() == 0:  # it has no right any more to make files there
            os.chmod(site.tmp, 0o777)
        gone, before = site.listeners[3], daemon.workers()
        site.listeners[3:] = [listener("unix:" + more), listener("inet:127.0.0.1:%d" % port, "tcp", map="senders")]
        site.configure()
        daemon.reload()
        daemon.wait_log("configuration reloaded")
        check_eq(os.stat(site.maps).st_ino, kept, "an unchanged socket stays")
        with Socketmap(more) as client:
            check_eq(client.ask("aliases", "post@example.com"), HARRY)
        with TcpTable(("127.0.0.1", port)) as client:
            check_eq(client.get("harry@example.com"), ("200", "harry@example.com"))
        for pid in before:
            wait_gone(pid)
        try:
            TcpTable(site.tcp)
            check(False, "the old port still answers")
        except ConnectionRefusedError:
            pass
        site.listeners[3:] = [gone]
        site.configure()
        daemon.reload()
        check(not os.path.exists(more), "the socket of a listener that went")
        with TcpTable(site.tcp) as client:
            check_eq(client.get("post@example.com"), ("200", "harry@example.com"))


def new_mode(env):
    """A socket that stays gets the mode that is asked for now, and what a link leads to does not."""
    with running(env) as (site, daemon):
        kept, other = os.stat(site.maps), os.path.join(site.tmp, "other")
        check_eq(stat.S_IMODE(kept.st_mode), 0o666)
        site.listeners[0] = listener("unix:" + site.maps, mode=0o600)
        site.configure()
        daemon.reload()
        now = os.stat(site.maps)
        check_eq((now.st_ino, stat.S_IMODE(now.st_mode)), (kept.st_ino, 0o600))
        os.rename(site.maps, other)
        os.symlink(other, site.maps)
        site.listeners[0] = listener("unix:" + site.maps, mode=0o666)
        site.configure()
        mark = daemon.mark()
        daemon.reload()
        daemon.wait_log("there is a file that is no socket", mark)
        check_eq(stat.S_IMODE(os.stat(other).st_mode), 0o600)


def under_load(env):
    with running(env) as (site, daemon):
        loads = [Load(site.maps) for _ in range(8)]
        for _ in range(5):
            daemon.reload()
        for load in loads:
            load.finish()


BAD = [
    ("no syntax", "listen {{{\n", "vmaild.conf"),
    ("an unknown key", "colour = red\n", "colour"),
    ("a socket that cannot be bound", listener("unix:/nonexistent/x.sock"), "/nonexistent/x.sock"),
    ("a name that no map can have", listener("inet:127.0.0.1:1", "tcp", map="non!sense"), "non!sense"),
]


def takes_restart(env):
    """What a reload cannot do is said, each time; all else of the new configuration is in effect."""
    with running(env) as (site, daemon):
        was = site.settings["user"]
        site.configure(user="daemon", recipient_delimiter="-")
        for _ in range(2):
            mark = daemon.mark()
            daemon.reload()
            daemon.wait_log("warning: user: 'daemon' takes a restart; until then it is '%s'" % was, mark)
        with Socketmap(site.maps) as client:
            check_eq(client.ask("mailboxes", "harry-x@example.com"), HARRY)
        site.configure(user=was)
        mark = daemon.mark()
        daemon.reload()
        daemon.wait_log("configuration reloaded", mark)
        check("restart" not in daemon.log.text[mark:])


def more_files(env):
    """The limit of open files is root's to raise, and there is none any more."""
    with world(env, max_connections=100) as site:
        with site.start(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))) as daemon:
            site.configure(max_connections=5000)
            daemon.reload()
            daemon.wait_log("warning: max-connections: 5000 may take a restart: .* no more than 1000 ")
            with Socketmap(site.maps) as client:
                check_eq(client.ask("aliases", "post@example.com"), HARRY)


def memory_of(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[0]) * resource.getpagesize()


def no_memory(env):
    """A configuration that wants more memory than there is does not cost us the supervisor."""
    if is_sanitized(env.program("vmaild")):
        raise Skip("needs a program without sanitizers: they take all addresses there are")
    with scratch() as tmp:
        site = fill(Site(env.build, tmp, listeners=[listener("unix:%s/maps.sock" % tmp)], lookup_workers=1))
        with site.start() as daemon:
            enough = memory_of(daemon.supervisors()[0]) + (4 << 20)
        with site.start(before=lambda: resource.setrlimit(resource.RLIMIT_AS, (enough, enough))) as daemon:
            for size in range(0, 1000000, 50000):
                site.configure(mail_home="/" + "x" * size + "/%u")
                daemon.reload()
            daemon.wait_log("the old configuration stays: .*out of memory")
            site.configure(mail_home="/%u")
            mark = daemon.mark()
            daemon.reload()
            daemon.wait_log("configuration reloaded", mark)
            with Socketmap(site.maps) as client:
                check_eq(client.ask("aliases", "post@example.com"), HARRY)


def no_descriptors(env):
    """When a worker cannot be started the old configuration stays, and the next reload works."""
    with world(env, max_connections=16, lookup_workers=1) as site:
        with site.start(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))) as daemon:
            for workers, said in ((60, "cannot start the lookup worker .*: Too many open files"), (2, "configuration reloaded")):
                site.configure(lookup_workers=workers)
                mark = daemon.mark()
                daemon.reload()
                daemon.wait_log(said, mark)
                with Socketmap(site.maps) as client:
                    check_eq(client.ask("aliases", "post@example.com"), HARRY)
            check_eq(daemon.log.text.count("the old configuration stays"), 1)


def bad_configuration(env):
    with running(env) as (site, daemon), Socketmap(site.maps) as client, Auth(site.auth) as auth:
        before = daemon.workers()
        more = os.path.join(site.tmp, "more.sock")
        if os.geteuid() == 0:
            os.chmod(site.tmp, 0o777)
        for name, text, said in BAD:
            mark = daemon.mark()
            with open(site.conf) as f:
                good = f.read()
            write_file(site.conf, good + listener("unix:" + more) + "\n" + text)
            daemon.reload()
            check_in(said, daemon.wait_log("the old configuration stays: .*", mark).group(), name)
            check(not os.path.exists(more), "half of a bad configuration stays behind:", name)
            check_eq(client.ask("aliases", "post@example.com"), HARRY, name)
            check_eq(auth.plain("harry@example.com", "alohomora").word, "OK", name)
            write_file(site.conf, good)
        check_eq(daemon.workers(), before)
        daemon.reload()
        daemon.wait_log("configuration reloaded")


def again_and_again(env):
    """Signals that come faster than generations start."""
    with running(env) as (site, daemon):
        for _ in range(20):
            daemon.signal(signal.SIGHUP)
        daemon.notify.wait("RELOADING=1")
        daemon.notify.wait("READY=1")
        with Socketmap(site.maps) as client:
            client.request("aliases", "post@example.com")
            try:
                check_eq(client.reply(), HARRY)
            except EOFError:  # a generation that was just leaving
                check_eq(Socketmap(site.maps).ask("aliases", "post@example.com"), HARRY)


def socket_came_back(env):
    """A socket file that somebody removed is bound again."""
    with running(env) as (site, daemon):
        if os.geteuid() == 0:
            os.chmod(site.tmp, 0o777)
        os.unlink(site.maps)
        daemon.reload()
        with Socketmap(site.maps) as client:
            check_eq(client.ask("aliases", "post@example.com"), HARRY)


def register(suite):
    suite.add("reload: new rules", new_rules)
    suite.add("reload: listeners come and go", new_listeners)
    suite.add("reload: a new mode", new_mode)
    suite.add("reload: under load nobody notices", under_load)
    suite.add("reload: what takes a restart is said", takes_restart)
    suite.add("reload: more connections than files are allowed", more_files)
    suite.add("reload: out of memory", no_memory)
    suite.add("reload: out of descriptors", no_descriptors)
    suite.add("reload: a bad configuration changes nothing", bad_configuration)
    suite.add("reload: again and again", again_and_again)
    suite.add("reload: a socket file that was removed", socket_came_back)
