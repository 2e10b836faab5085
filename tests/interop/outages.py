# SPDX-License-Identifier: ISC
#
# Bad days: vmaild stopped, its store broken, its auth worker stuck. Everybody is told to try again, nothing
# is refused for good, and everything works again by itself, with Postfix and Dovecot running on.

import contextlib
import os
import signal
import smtplib
import threading

from cases import case, rows
from harness import check, check_eq, check_in, process_name, wait_until
from logins import HARRY, SALLY, SECRET, plain
from mailhost import HELPER, letter
from postfix import fresh_sender
from processes import descendants


def lmtp_rcpt(host, address):
    """What Dovecot's LMTP says to a recipient: the code."""
    with smtplib.LMTP(host.postfix.queue + "/private/dovecot-lmtp", local_hostname="client.test") as lmtp:
        lmtp.ehlo()
        lmtp.docmd("MAIL FROM:<someone@outside.test>")
        code, text = lmtp.docmd("RCPT TO:<%s>" % address)
        return "%d %s" % (code, text.decode()[:5])


def all_temporary(host):
    """Every way to ask is told to come back later, for people who exist and people who do not."""
    for address in (HARRY, "nobody@example.test", "post+x@example.test", "nobody@lists.test", "x@catch.test"):
        code, text = host.postfix.rcpt(address)
        check_eq(code, 451, address, text)
    for user, password in ((HARRY, SECRET), (HARRY, "wrong"), ("nobody@example.test", "wrong")):
        check_in("[UNAVAILABLE]", host.dovecot.refusal(user, password), user, password)
    for user in (HARRY, "nobody@example.test"):
        status, text = host.dovecot.doveadm("user", user)
        check_eq(status, 75, text)
        check_eq(lmtp_rcpt(host, user), "451 4.3.0")


def sasl_is_temporary(session):
    """A login in Postfix is told to come back later, with the right password and with a wrong one. The SESSION
    is from before: an smtpd that begins one and finds nobody to ask for mechanisms ends it without a word."""
    for password in (SECRET, "wrong"):
        code, text = plain(session, HARRY, password)
        check_eq(code, 454, text)


@case("vmaild stopped: 451, UNAVAILABLE and exit 75, and it all recovers by itself")
def _(host):
    host.works()
    with host.without_vmaild():
        all_temporary(host)
        check(host.postfix.postmap("socketmap:unix:%s:aliases" % host.maps, HARRY)[0] != 0)
    host.works()
    check_eq(host.postfix.rcpt("nobody@example.test")[0], 550)
    check_in("[AUTHENTICATIONFAILED]", host.dovecot.refusal(HARRY, "wrong"))
    check_eq(lmtp_rcpt(host, HARRY), "250 2.1.5")
    check_eq(lmtp_rcpt(host, "nobody@example.test"), "550 5.1.1")


@case("vmaild stopped in the middle of a session: 451, and in the same session it works again")
def _(host):
    with host.postfix.session() as session:
        session.envelope(fresh_sender(), HARRY)
        with host.without_vmaild():
            check_eq(session.command("RCPT TO:<%s>" % SALLY)[0], 451)
        check_eq(session.command("RCPT TO:<post@example.test>")[0], 250)
        check_eq(session.command("RCPT TO:<nobody@example.test>")[0], 550)


@case("a reload of vmaild in the middle of a session is not noticed")
def _(host):
    with host.postfix.session() as session:
        session.envelope(fresh_sender(), HARRY)
        host.vmaild.reload()
        check_eq(session.command("RCPT TO:<post@example.test>")[0], 250)
        check_eq(session.command("RCPT TO:<nobody@example.test>")[0], 550)
        session.content("Subject: all the same\n\n")
    host.works()


@case("after a restart of vmaild a session that was open goes on")
def _(host):
    # no mail is sent: cleanup may ask while nobody is there, and then says so at the end of data
    with host.postfix.session() as session:
        session.envelope(fresh_sender(), HARRY)
        with host.without_vmaild():
            pass
        check_eq(session.command("RCPT TO:<%s>" % SALLY)[0], 250)
        check_eq(session.command("RCPT TO:<nobody@example.test>")[0], 550)
    host.works()


@case("vmaild stopped while a mail is written: it waits in the queue and arrives later")
def _(host):
    mark, text = letter("someone@outside.test", SALLY)
    text += ("x" * 70 + "\n") * 1000  # more than smtpd keeps back

    def stop():
        host.postfix.log.wait("cleanup.*message-id=<" + mark)  # so cleanup has done its lookups
        host.stop_vmaild()

    with host.postfix.session() as session:
        session.envelope(fresh_sender(), SALLY)
        try:
            queue_id = session.content(text, before_end=stop)
            host.postfix.log.wait(queue_id + ": .*status=deferred")
        finally:
            host.vmaild = host.site.start()
    host.works()  # and so qmgr has forgotten its last answer, which was that there is none
    host.postfix.run("postqueue", "-f")
    host.postfix.log.wait(queue_id + ": removed")
    check_eq(host.mailboxes_with(mark), [SALLY])


@case("vmaild stopped: a mail written on this machine waits in the maildrop queue")
def _(host):
    mark, text = letter(HARRY, "post@example.test")
    with host.without_vmaild():
        since = host.postfix.log.mark()
        done = host.postfix.run("sendmail", "-f", HARRY, "post@example.test", stdin=text)
        check_eq((done.returncode, done.stderr), (0, ""))
        host.postfix.log.wait("message not accepted, try again later", since)
    # pickup looks again once a minute by itself; another such mail makes it look now.
    done = host.postfix.run("sendmail", "-f", HARRY, HARRY, stdin="Subject: wake up\n\n")
    check_eq((done.returncode, done.stderr), (0, ""))
    host.postfix.log.wait(r"orig_to=<post@example.test>.*status=sent", since)
    check_eq(host.mailboxes_with(mark), [HARRY])


@contextlib.contextmanager
def broken_store(host, breakage):
    """The store's directory is replaced by what BREAKAGE(path of the store) makes of an empty one."""
    directory = host.site.store_directory
    os.rename(directory, directory + ".good")
    os.mkdir(directory)
    os.chmod(directory, 0o755)
    breakage(host.site.store)
    try:
        yield
    finally:
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)
        os.rename(directory + ".good", directory)


def no_file(path):
    pass


def empty_file(path):
    open(path, "w").close()
    os.chmod(path, 0o644)


def junk(path):
    with open(path, "wb") as f:
        f.write(b"this is no store\n" * 1000)
    os.chmod(path, 0o644)


@rows([
    ("the store is missing: 451 and UNAVAILABLE, never 550 or a wrong password; it recovers", no_file),
    ("the store is an empty file: 451 and UNAVAILABLE; it recovers", empty_file),
    ("the store is junk: 451 and UNAVAILABLE; it recovers", junk),
])
def broken(host, breakage):
    with broken_store(host, breakage), host.postfix.session(host.submission) as session:
        all_temporary(host)
        sasl_is_temporary(session)
    host.works()
    check_eq(host.postfix.rcpt("nobody@example.test")[0], 550)


@case("a start without a store: 451 until there is one")
def _(host):
    host.stop_vmaild()
    try:
        with broken_store(host, no_file):
            host.vmaild = host.site.start()
            all_temporary(host)
        host.works()
    finally:
        host.stop_vmaild()
        host.vmaild = host.site.start()


@case("SASL with vmaild stopped: 454, not 535")
def _(host):
    with host.postfix.session(host.submission) as session:
        with host.without_vmaild():
            sasl_is_temporary(session)
        check_eq(plain(session, HARRY, SECRET)[0], 235)


@contextlib.contextmanager
def auth_worker_stopped(host):
    """The auth worker is stuck inside of this."""
    workers = host.vmaild.workers("auth")
    check_eq(len(workers), 1, "auth workers")
    os.kill(workers[0], signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(workers[0], signal.SIGCONT)


@case("a stuck auth worker: SASL 454, IMAP UNAVAILABLE, while mail still flows; then it recovers")
def _(host):
    with host.postfix.session(host.submission) as session:
        with auth_worker_stopped(host):
            answers = []
            thread = threading.Thread(target=lambda: answers.append(host.dovecot.refusal(HARRY, SECRET)))
            thread.start()
            code, text = plain(session, HARRY, SECRET)
            check_eq(code, 454, text)
            check_eq(host.postfix.rcpt(HARRY), (250, ""))
            thread.join()
            check_in("[UNAVAILABLE]", answers[0])
        host.works()
        check_eq(plain(session, HARRY, SECRET)[0], 235)


@case("a killed auth worker is replaced, a killed lookup worker too", deaths=True)
def _(host):
    for kind in ("auth", "lookup"):
        workers = host.vmaild.workers(kind)
        check(workers, "no %s worker" % kind)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: pid not in host.vmaild.workers(kind) and host.vmaild.workers(kind),
                       "another %s worker" % kind)
    host.works()


@case("Dovecot can be started again while a helper of the old one still hangs", version="2.3")
def _(host):
    since = host.dovecot.log.mark()
    with auth_worker_stopped(host):
        def hang():
            with contextlib.suppress(Exception):
                host.dovecot.login(HARRY, SECRET)
        thread = threading.Thread(target=hang)
        thread.start()
        wait_until(lambda: helpers(host), "a helper")
        host.dovecot.stop()
        host.dovecot.start()
        thread.join()
    check_eq(host.dovecot.log.lines("already running", since), [])
    host.works()


def helpers(host):
    """The process ids of the checkpassword helpers that run now."""
    return [pid for pid in descendants(host.dovecot.process.pid) if process_name(pid) == HELPER[:15]]
