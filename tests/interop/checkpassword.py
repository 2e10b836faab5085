# SPDX-License-Identifier: ISC
#
# The checkpassword helper on a bad day, below a real Dovecot 2.3: it hangs or is killed wherever it waits, and many
# of them run at once. vmaild is played by a puppet.

import contextlib
import os
import signal
import threading

from cases import case
from harness import Auth, b64, check, check_eq, check_in, process_name, wait_until
from mailhost import HELPER
from processes import descendants
from puppet import SLOW, STEPS, stage

HARRY = "harry@example.test"

def helpers(server):
    """The process ids of the helpers that run now."""
    return [pid for pid in descendants(server.process.pid) if process_name(pid) == HELPER[:15]]


def still_hangs(pid):
    """Tell whether process PID has not ended, buried or not."""
    with contextlib.suppress(FileNotFoundError), open("/proc/%d/stat" % pid) as f:
        return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def ask_both(server):
    """Begin a login and a lookup: (the threads, the list that will hold what became of each)."""
    told = {}

    def log_in():
        told["login"] = server.refusal(HARRY, "any")

    def look_up():
        told["lookup"] = server.doveadm("user", HARRY)[0]
    threads = [threading.Thread(target=run) for run in (log_in, look_up)]
    for thread in threads:
        thread.start()
    return threads, told


def check_temporary(threads, told):
    for thread in threads:
        thread.join()
    check_in("[UNAVAILABLE]", told.get("login", ""))
    check_eq(told.get("lookup"), 75)


def killed(host, step, number):
    with stage(host) as (puppet, server):
        puppet.stops = step
        threads, told = ask_both(server)
        wait_until(lambda: puppet.waiting == 2 and len(helpers(server)) == 2, "two helpers that wait")
        for pid in helpers(server):
            os.kill(pid, number)
        check_temporary(threads, told)
        puppet.stops = None
        with Auth(server.top + "/run/auth-client") as client:
            check_eq(client.plain(HARRY, "any").word, "OK")


def hangs(host, step):
    with stage(host) as (puppet, server):
        puppet.stops = step
        threads, told = ask_both(server)
        wait_until(lambda: puppet.waiting == 2, "two helpers that wait")
        check_temporary(threads, told)
        wait_until(lambda: not helpers(server), "the helpers to end by themselves")
        puppet.stops = None
        check_eq(server.doveadm("user", HARRY)[0], 0)


for where in STEPS:
    for signal_name in ("SIGKILL", "SIGTERM"):
        case("a helper that gets %s, %s: temporary, and the next one works" % (signal_name, where), version="2.3")(
            lambda host, where=where, number=signal.Signals[signal_name]: killed(host, where, number))
    case("a helper that hangs, %s: temporary by its own deadline, and the next one works" % where, version="2.3")(
        lambda host, where=where: hangs(host, where))


@case("logins in one write, one of which hangs: the others do not wait for its end, whatever the order",
      version="2.3")
def _(host):
    # A helper inherits the write ends of the pipes of those before it: who reads to the end of file waits for it.
    with stage(host) as (puppet, server):
        for order in ((SLOW, HARRY), (HARRY, SLOW), (HARRY, SLOW, HARRY, HARRY)):
            puppet.waiting = 0
            with Auth(server.top + "/run/auth-client") as client:
                client.send("".join("AUTH\t%d\tPLAIN\tservice=imap\tresp=%s\n" % (n, b64("\0%s\0any" % user))
                                    for n, user in enumerate(order, 1)))
                quick = {str(n) for n, user in enumerate(order, 1) if user == HARRY}
                replies = [client.answer() for _ in quick]
                check_eq({reply.id for reply in replies}, quick, replies)
                check(all(reply.word == "OK" for reply in replies), replies)
                wait_until(lambda: puppet.waiting == 1, "the slow one to be asked about")
                slow = helpers(server)
                check_eq(len(slow), 1, "only the slow one still runs")
                os.kill(slow[0], signal.SIGKILL)
                check_eq(client.answer().named.get("code"), "temp_fail")


@case("a helper that hangs does not keep a Dovecot that crashed from being started again", version="2.3")
def _(host):
    # What a helper has inherited would hold the old one's sockets open: "Dovecot is already running?"
    with stage(host) as (puppet, server):
        puppet.stops = "greeted"
        thread = threading.Thread(target=lambda: server.doveadm("user", HARRY))
        thread.start()
        wait_until(lambda: puppet.waiting == 1, "a helper that waits")
        hanging = helpers(server)
        server.crash(spare=hanging)
        thread.join()
        puppet.stops = None
        server.start()
        check_eq(server.doveadm("user", HARRY)[0], 0)
        check(still_hangs(hanging[0]), "Dovecot waited for the helper's end")
        os.kill(hanging[0], signal.SIGKILL)
