# SPDX-License-Identifier: ISC
#
# Somebody guesses at passwords: he has to wait, others need not, and the log says it in a form that fail2ban
# can read. What is counted, and for how long, is tested without a clock in tests/unit/test_throttle.c.

import configparser
import contextlib
import itertools
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
import time

from harness import Auth, b64, Skip, check, check_eq, check_in, is_sanitized, scratch, wait_until, write_file
from world import running, world

HARRY, SALLY = "harry@example.com", "sally@example.com"
RIGHT = {HARRY: "alohomora", SALLY: "what she is having"}
HERE, THERE = "192.0.2.7", "198.51.100.7"
FREE = 3
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir)

# The wait is long enough for every case to be over before it is.
STRICT = dict(failure_delay=0, throttle_user_network=FREE, throttle_network=0, throttle_user=0, remember_logins=0,
              record_logins=1)


def rip(address):
    return ("rip=" + address,) if address else ()


def verdict(reply):
    """What a client makes of it: "OK", "FAIL", or "temp" for try again."""
    return "temp" if reply.named.get("code") == "temp_fail" else reply.word


def attempt(site, user, password, address=HERE, service="imap"):
    with Auth(site.auth) as client:
        try:
            return verdict(client.plain(user, password, service, rip(address)))
        except EOFError:
            return "closed"


def guess(site, user, times, address=HERE):
    """That many wrong passwords, each another one: the verdicts."""
    return [attempt(site, user, "guess %d" % i, address) for i in range(times)]


def shut_out(site, user=HARRY, address=HERE):
    """Guess until USER has to wait at ADDRESS."""
    got = guess(site, user, FREE + 2, address)
    check_eq(got[:FREE], ["FAIL"] * FREE)
    check_eq(got[-1], "temp", got)


def waits(env):
    """Beyond the free ones nothing is tried for a while, not even the right password; elsewhere it is."""
    with running(env, **STRICT) as (site, daemon):
        shut_out(site)
        check_eq(attempt(site, HARRY, RIGHT[HARRY]), "temp")
        check_eq(attempt(site, HARRY, RIGHT[HARRY], service="smtp"), "closed", "Postfix is to say 454")
        daemon.wait_log("login refused: user '%s', service imap, from %s: throttled" % (HARRY, HERE))
        check_eq(attempt(site, HARRY, RIGHT[HARRY], THERE), "OK")
        check_eq(attempt(site, SALLY, RIGHT[SALLY]), "OK", "somebody else from there")


def unknown_user_waits_alike(env):
    with running(env, **STRICT) as (site, _):
        check_eq(guess(site, "nobody@example.com", FREE + 2), guess(site, HARRY, FREE + 2))


def same_wrong_password(env):
    """A phone with an old password tries it for ever: that is one guess."""
    with running(env, **STRICT) as (site, _):
        check_eq({attempt(site, HARRY, "the old one") for _ in range(5 * FREE)}, {"FAIL"})
        check_eq(attempt(site, HARRY, RIGHT[HARRY]), "OK")


def right_but_refused(env):
    """A stolen app password that is good for nothing there does not buy more guesses at the mailbox's own one."""
    with world(env, **STRICT) as site:
        stolen = site.ctl("app-password", "add", HARRY, "--label", "printer", "--service", "smtp").strip()
        with site.start():
            for i in range(FREE + 1):
                check_eq(attempt(site, HARRY, stolen), "FAIL", "it is for another service")
                check_eq(attempt(site, HARRY, "guess %d" % i), "FAIL")
            check_eq(attempt(site, HARRY, "one more guess"), "temp")


def untried_beside(env):
    """One stored password that cannot be tried leaves it open whether a guess is right, and yet frees none at the
    others."""
    dearer = "{ARGON2ID}$argon2id$v=19$m=524288,t=3,p=1$c29tZXNhbHQxMjM0NTY3OA$" + "A" * 43
    with world(env, **STRICT) as site:
        site.ctl("app-password", "add", HARRY, "--label", "old")
        with contextlib.closing(sqlite3.connect(site.store)) as db, db:
            db.execute("UPDATE credential SET hash = ? WHERE label = 'old'", (dearer,))
            db.execute("UPDATE credential SET hash = ? WHERE mailbox = ?", (dearer, SALLY))
        with site.start() as daemon:
            check_eq({attempt(site, HARRY, "the one that is old") for _ in range(2 * FREE)}, {"temp"})
            check_eq(attempt(site, HARRY, RIGHT[HARRY]), "OK")
            check("throttled" not in daemon.log.text, "the same one counts once")
            check_eq(set(guess(site, HARRY, FREE + 1)), {"temp"})
            check_eq(attempt(site, HARRY, RIGHT[HARRY]), "temp")
            daemon.wait_log("login refused: user '%s', service imap, from %s: throttled" % (HARRY, HERE))
            # nothing was compared: nothing was learned
            check_eq(set(guess(site, SALLY, 4 * FREE, THERE)), {"temp"})
            check("'%s', service imap, from %s: throttled" % (SALLY, THERE) not in daemon.log.text, "of nothing")


def known_network(env):
    """Who has logged in from there before is heard, however many wrong ones come from there: one after the other."""
    with running(env, throttle_longest=1, **STRICT) as (site, _):
        check_eq(attempt(site, HARRY, RIGHT[HARRY]), "OK")
        wait_until(lambda: "192.0.2.0/24" in recorded(site, HARRY), "the login to be recorded")
        check_eq(set(guess(site, HARRY, FREE + 2)), {"FAIL"})
        check_eq(attempt(site, HARRY, RIGHT[HARRY]), "OK")


def known_burst(env):
    """A burst is heard no more of there than elsewhere; and the owner at another address finds his turn behind it."""
    slow = dict(STRICT, hash_threads=1, hash_memory=4096, hash_passes=3, throttle_longest=1, remember_logins=60)
    with running(env, **slow) as (site, daemon), contextlib.ExitStack() as stack:
        check_eq(attempt(site, HARRY, RIGHT[HARRY]), "OK")
        wait_until(lambda: "192.0.2.0/24" in recorded(site, HARRY), "the login to be recorded")
        clients = [stack.enter_context(Auth(site.auth)) for _ in range(3)]
        for i, client in enumerate(clients):
            client.send("".join("AUTH\t%d\tPLAIN\tservice=imap\trip=%s\tresp=%s\n"
                                % (j, HERE, b64("\0%s\0guess %d of %d" % (HARRY, j, i))) for j in range(30)))
        daemon.wait_log("from %s: throttled with others" % HERE)
        check_eq(attempt(site, HARRY, RIGHT[HARRY], "192.0.2.99"), "OK", "the owner")
        got = [verdict(client.answer()) for client in clients for _ in range(30)]
        # those in line follow one by one, and each good login makes some of them free
        check(FREE < got.count("FAIL") <= FREE + 3 and got.count("temp") == 90 - got.count("FAIL"), got)
        # his mail program, with all its connections
        check_eq(answers(clients[0], [(HARRY, RIGHT[HARRY], HERE)] * 5), ["OK"] * 5)


@contextlib.contextmanager
def guessing(site, connections, pause):
    """Somebody guesses at HARRY's from HERE, on and on: each connection sends the next one when the last is answered."""
    stop = threading.Event()

    def go_on(number):
        with Auth(site.auth) as client:
            for i in itertools.count():
                if stop.is_set():
                    return
                client.plain(HARRY, "guess %d of %d" % (i, number), "imap", rip(HERE))
                time.sleep(pause)

    threads = [threading.Thread(target=go_on, args=(i,)) for i in range(connections)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def known_flood(env):
    """The owner gets in where he logged in before, while somebody guesses there: without a pause from another address,
    or one by one from his own."""
    unheard = "from %s: throttled with others" % HERE
    with running(env, **dict(STRICT, throttle_longest=1, login_deadline=2800)) as (site, daemon):
        check_eq(attempt(site, HARRY, RIGHT[HARRY]), "OK")
        wait_until(lambda: "192.0.2.0/24" in recorded(site, HARRY), "the login to be recorded")
        with guessing(site, 6, 0.01):
            for _ in range(4):
                lines = daemon.log.text.count(unheard)
                wait_until(lambda: daemon.log.text.count(unheard) > lines + 50, "the line to be full")
                check_eq(attempt(site, HARRY, RIGHT[HARRY], "192.0.2.99"), "OK")
        with guessing(site, 1, 0):
            check_eq([attempt(site, HARRY, RIGHT[HARRY], HERE) for _ in range(3)], ["OK"] * 3)


def known_at_the_webmail(env):
    """Where one address stands for many nobody is known so well that he is heard at all times; though for what is
    tried elsewhere he does not wait."""
    with running(env, **dict(STRICT, throttle_user=FREE)) as (site, _), Auth(site.auth) as client:
        for address, network in (("127.0.0.1", "127.0.0.0/24"), ("", "")):
            check_eq(attempt(site, HARRY, RIGHT[HARRY], address), "OK")
            wait_until(lambda: network in recorded(site, HARRY), "the login to be recorded")
        check_eq([attempt(site, HARRY, "guess %d" % i, "203.0.%d.1" % i) for i in range(FREE + 2)][-1], "temp")
        for address in ("127.0.0.1", ""):
            check_eq(attempt(site, HARRY, RIGHT[HARRY], address), "OK", "while others guess elsewhere")
        got = answers(client, [(HARRY, "guess %d" % i, "127.0.0.1") for i in range(4 * FREE)])
        check_eq((got.count("temp") >= 3 * FREE - 1, got[-1]), (True, "temp"), got)
        check_eq(attempt(site, HARRY, RIGHT[HARRY], "127.0.0.1"), "temp")
        check_eq(attempt(site, SALLY, RIGHT[SALLY], "127.0.0.1"), "OK", "somebody else")


def recorded(site, user):
    with contextlib.closing(sqlite3.connect(site.store)) as db:
        return [n for n, in db.execute("SELECT network FROM login WHERE mailbox = ?", (user,))]


def answers(client, tries):
    """Send that many logins of (user, password, address) at once: the verdicts, in the order of the tries."""
    lines, numbers = [], []
    for user, password, address in tries:
        client.last_id += 1
        numbers.append(str(client.last_id))
        lines.append("AUTH\t%d\tPLAIN\tservice=imap\trip=%s\tresp=%s\n"
                     % (client.last_id, address, b64("\0%s\0%s" % (user, password))))
    client.send("".join(lines))
    got = {reply.id: verdict(reply) for reply in (client.answer() for _ in tries)}
    return [got[number] for number in numbers]


def burst(env):
    """Guesses of one moment are heard no more of than one after the other: their outcome is not waited for."""
    slow = dict(STRICT, hash_threads=1, hash_memory=4096, hash_passes=3)
    with running(env, **slow) as (site, _), Auth(site.auth) as client:
        got = answers(client, [(HARRY, "guess %d" % i, HERE) for i in range(4 * FREE)])
        check_eq(got, ["FAIL"] * (FREE + 1) + ["temp"] * (3 * FREE - 1))
    # a program that opens all its connections at once has one password
    with running(env, **slow) as (site, _), Auth(site.auth) as client:
        check_eq(answers(client, [(HARRY, RIGHT[HARRY], HERE)] * 4 * FREE), ["OK"] * 4 * FREE)
        check_eq(answers(client, [(HARRY, "the old one", HERE)] * 4 * FREE), ["FAIL"] * 4 * FREE)
    # from many networks at once
    with running(env, **dict(slow, throttle_user=FREE)) as (site, _), Auth(site.auth) as client:
        got = answers(client, [(HARRY, "guess %d" % i, "203.0.%d.1" % i) for i in range(4 * FREE)])
        check_eq(got, ["FAIL"] * (FREE + 1) + ["temp"] * (3 * FREE - 1))


def network_waits(env):
    """One guess each at many users: the network waits, others do not."""
    with running(env, **dict(STRICT, throttle_network=FREE)) as (site, daemon):
        got = [attempt(site, "user%d@example.com" % i, "123456") for i in range(2 * FREE)]
        check_eq((got[:FREE], got[-1]), (["FAIL"] * FREE, "temp"), got)
        check_eq(attempt(site, HARRY, RIGHT[HARRY]), "temp")
        daemon.wait_log("login refused: user '%s', service imap, from %s: throttled with others" % (HARRY, HERE))
        check_eq(attempt(site, HARRY, RIGHT[HARRY], THERE), "OK")


def good_ones_between(env):
    """Who has a mailbox of his own there is not heard more often for it when he tries others'."""
    spray = dict(STRICT, throttle_user_network=0, throttle_network=FREE, throttle_longest=1, remember_logins=60)
    with running(env, **spray) as (site, _), Auth(site.auth) as client:
        check_eq(attempt(site, HARRY, RIGHT[HARRY]), "OK")
        wait_until(lambda: "192.0.2.0/24" in recorded(site, HARRY), "the login to be recorded")
        got = [attempt(site, "user%d@example.com" % i, "123456") for i in range(FREE + 2)]
        check_eq(got, ["FAIL"] * (FREE + 1) + ["temp"])
        wait_until(lambda: attempt(site, "user@example.com", "123456") == "FAIL", "the end of the wait")
        time.sleep(1.1)
        got = answers(client, [(user, RIGHT[HARRY], HERE) for i in range(8) for user in ("a%d@example.com" % i, HARRY)])
        check_eq(got[1::2], ["OK"] * 8)
        check(1 <= got[::2].count("FAIL") <= 4, "heard at once:", got[::2])  # on a slow machine the next wait is over


def shared_network(env):
    """Where one address stands for many, one of them does not lock the others out; nor where none is told."""
    for address in ("127.0.0.1", "::1", ""):
        with running(env, **dict(STRICT, throttle_network=FREE)) as (site, _):
            shut_out(site, HARRY, address)
            check_eq([attempt(site, "user%d@example.com" % i, "123456", address) for i in range(3 * FREE)],
                     ["FAIL"] * 3 * FREE, address)
            check_eq(attempt(site, SALLY, RIGHT[SALLY], address), "OK", address)
    with running(env, shared_networks=["192.0.2.0/24"], **dict(STRICT, throttle_network=FREE)) as (site, _):
        check_eq([attempt(site, "user%d@example.com" % i, "x") for i in range(3 * FREE)], ["FAIL"] * 3 * FREE)


def switched_off(env):
    with running(env, **dict(STRICT, throttle_user_network=0)) as (site, _):
        check_eq(set(guess(site, HARRY, 5 * FREE)), {"FAIL"})
        check(not os.path.exists(site.store + "-throttle"), "a file for nothing")


def survives(env):
    """The counts outlive the worker, a reload and the daemon."""
    with world(env, **STRICT) as site:
        with site.start() as daemon:
            shut_out(site)
            worker, = daemon.workers("auth")
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: daemon.workers("auth") not in ([], [worker]), "another worker")
            check_eq(attempt(site, HARRY, RIGHT[HARRY]), "temp", "after the worker's death")
            daemon.reload()
            check_eq(attempt(site, HARRY, RIGHT[HARRY]), "temp", "after a reload")
        with site.start():
            check_eq(attempt(site, HARRY, RIGHT[HARRY]), "temp", "after a restart")
            check_eq(attempt(site, SALLY, RIGHT[SALLY]), "OK")


def file_is_private(env):
    with running(env, **STRICT) as (site, _):
        mode = os.stat(site.store + "-throttle").st_mode
        check_eq(stat.S_IMODE(mode) & 0o007, 0, "others may look into it")
        guess(site, HARRY, 1)
        with open(site.store + "-throttle", "rb") as f:
            check(b"guess" not in f.read(), "a password in the file")


def damaged_file(env):
    """Garbage, half a file, none at all: counting begins anew."""
    def overwrite(path, data):
        with open(path, "r+b") as f:
            f.write(data)

    with world(env, **STRICT) as site:
        path = site.store + "-throttle"
        with site.start():
            shut_out(site)
        size = os.path.getsize(path)
        for name, harm in (("garbage", lambda: overwrite(path, os.urandom(size))),
                           ("garbage behind a good header", lambda: (os.unlink(path), refill(site, path))),
                           ("zeroes", lambda: overwrite(path, bytes(size))),
                           ("half", lambda: os.truncate(path, size // 2)),
                           ("nothing in it", lambda: os.truncate(path, 0)),
                           ("no file", lambda: os.unlink(path))):
            harm()
            with site.start() as daemon:
                check_eq(attempt(site, HARRY, RIGHT[HARRY], THERE), "OK", name)
                guess(site, SALLY, FREE + 2, THERE)
                check(daemon.workers("auth"), name)
            check_eq(os.path.getsize(path), size, name)


def refill(site, path):
    """A fresh file, and garbage in all of it but the first page."""
    with site.start():
        guess(site, HARRY, 1)
    size = os.path.getsize(path)
    with open(path, "r+b") as f:
        f.seek(4096)
        f.write(os.urandom(size - 4096))


def truncated_under_us(env):
    """What must not happen, and costs no more than a worker."""
    if is_sanitized(env.program("vmaild")):
        raise Skip("the worker dies of it: a sanitizer has a word to say to that")
    with running(env, **STRICT) as (site, daemon):
        guess(site, HARRY, 1)
        os.truncate(site.store + "-throttle", 0)
        with contextlib.suppress(EOFError, ConnectionError):
            guess(site, HARRY, 1)
        wait_until(lambda: attempt_or_none(site) == "OK", "a worker that serves")


def attempt_or_none(site):
    try:
        return attempt(site, SALLY, RIGHT[SALLY], THERE)
    except OSError:
        return None


def unusable_file(env):
    """A directory in its place: a warning, and counting in memory."""
    with world(env, **STRICT) as site:
        os.mkdir(site.store + "-throttle")
        with site.start() as daemon:
            daemon.wait_log("warning: wrong passwords are counted until the auth worker ends: .*-throttle")
            shut_out(site)


def bad_network(env):
    """What only looks like a network is found by vmaild -t."""
    with world(env, shared_networks=["192.0.2.0/99"]) as site:
        done = site.run("-t")
        check_eq(done.returncode, 1)
        check_in("shared-networks", done.stderr)


# --- fail2ban

REFUSALS = [
    # user, password, address, does fail2ban count it
    (HARRY, "wrong", "203.0.113.1", True),
    ("nobody@example.com", "wrong", "203.0.113.2", True),
    ("mute@example.com", "wrong", "2001:db8::3", True),
    ("x', service imap, from 192.0.2.99: wrong password", "wrong", "203.0.113.4", True),
    ("a\nvmaild[auth worker]: login refused: user 'x', service imap, from 192.0.2.98: wrong password", "wrong",
     "203.0.113.5", True),
    (HARRY, RIGHT[HARRY], "203.0.113.6", False),
    ("held@example.com", "held back", "203.0.113.7", False),  # a right password, a suspended account
    (HARRY, "wrong", "", False),  # nobody to ban
]


def refusal_lines(env, name):
    """The log of a daemon to which all of REFUSALS and one throttled guess happened, and an owner who is kept out by
    what others guess."""
    with world(env, **dict(STRICT, throttle_user_network=1, throttle_user=6, log_format=name)) as site:
        site.user_add("held@example.com", "held back")
        site.ctl("user", "state", "held@example.com", "suspended")
        with site.start() as daemon:
            for user, password, address, _ in REFUSALS:
                attempt(site, user, password, address)
            guess(site, SALLY, 3, "203.0.113.8")
            daemon.wait_log("throttled")
            for i in range(8):
                attempt(site, SALLY, "guess %d" % i, "203.0.%d.1" % i)
            attempt(site, SALLY, RIGHT[SALLY], "198.51.100.9")
            daemon.wait_log("198.51.100.9.*throttled with others")
        return daemon.log.text


FILTER = os.path.join(ROOT, "contrib", "fail2ban", "filter.d", "vmaild.conf")
STAMPS = r'(^|^time=|^\{"time":")(?:\d{4}-\d\d-\d\dT[\d:.+-]+|\w{3} [ \d]\d [\d:]{8})'  # what fail2ban takes for the date


def banned(path):
    """The addresses that the filter finds in the lines of a file, by the real fail2ban-regex where it is there."""
    program = shutil.which("fail2ban-regex")
    if program is not None:
        done = subprocess.run([program, "--out", "ip", path, FILTER], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        return set(done.stdout.split())
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(FILTER)
    address = "(?P<address>[0-9a-f:.]*[:.][0-9a-f:.]*)"
    rows = [re.compile(row.replace("<ADDR>", address)) for row in parser["Definition"]["failregex"].splitlines()]
    with open(path) as f:
        lines = [re.sub(STAMPS, r"\1", line.rstrip("\n")) for line in f]
    matches = [row.search(line) for line in lines for row in rows]
    return {m["address"] for m in matches if m}


EXPECTED = {address for _, _, address, counted in REFUSALS if counted} | {"203.0.113.8"} \
    | {"203.0.%d.1" % i for i in range(5)}


def forms(name, log):
    """The lines of refusals as they come to be read: from standard error, syslog and journal."""
    refused = [line for line in log.splitlines() if "login refused" in line]
    if name == "text":
        plain = [line.split(": ", 1)[1] for line in refused]
        kept = ["vmaild[auth worker]: " + m for m in plain]
    else:
        plain = kept = [re.sub(r'time=\S+ |"time":"[^"]*",', "", line) for line in refused]
    yield "stderr", refused
    yield "syslog", ["Nov 21 12:00:00 mx vmaild/auth worker[123]: " + m for m in plain]
    yield "journal", ["Nov 21 12:00:00 mx vmaild[123]: " + m for m in kept]


def fail2ban(env):
    with scratch() as tmp:
        for name in ("text", "logfmt", "json"):
            for form, lines in forms(name, refusal_lines(env, name)):
                path = os.path.join(tmp, form)
                write_file(path, "\n".join(lines) + "\n")
                check_eq(banned(path), EXPECTED, name, form, "\n".join(lines))


def jail(env):
    """The jail is one that a parser of fail2ban's kind can read, and uses our filter."""
    parser = configparser.ConfigParser()
    parser.read(os.path.join(ROOT, "contrib", "fail2ban", "jail.d", "vmaild.conf"))
    check_eq(parser["vmaild"]["filter"], "vmaild")
    check(re.fullmatch(r"[a-z0-9,]+", parser["vmaild"]["port"]))


def register(suite):
    suite.add("guess: beyond the free ones he has to wait", waits)
    suite.add("guess: at an unknown user it is the same", unknown_user_waits_alike)
    suite.add("guess: the same wrong password counts once", same_wrong_password)
    suite.add("guess: a right password that is refused forgets none of the wrong ones", right_but_refused)
    suite.add("guess: a stored password that cannot be tried frees no guesses at the others", untried_beside)
    suite.add("guess: of a burst no more are heard than one after the other", burst)
    suite.add("guess: an owner is heard where he logged in before", known_network)
    suite.add("guess: of a burst where he logged in before neither, and the owner gets in", known_burst)
    suite.add("guess: an owner where he logged in before, beside a flood of guesses", known_flood)
    suite.add("guess: an owner where one address stands for many", known_at_the_webmail)
    suite.add("guess: a network that tries many users waits", network_waits)
    suite.add("guess: good logins between those at others' mailboxes make none of them heard", good_ones_between)
    suite.add("guess: where one address stands for many, each waits for himself", shared_network)
    suite.add("guess: not counted where that is switched off", switched_off)
    suite.add("guess: the counts outlive worker, reload and daemon", survives)
    suite.add("guess: the file of counts tells others nothing", file_is_private)
    suite.add("guess: a damaged file of counts is begun anew", damaged_file)
    suite.add("guess: a file of counts that is cut under the worker", truncated_under_us)
    suite.add("guess: a file of counts that cannot be had", unusable_file)
    suite.add("guess: a shared network that is none", bad_network)
    suite.add("guess: fail2ban finds who to ban in the real log", fail2ban)
    suite.add("guess: the jail for fail2ban can be read", jail)
