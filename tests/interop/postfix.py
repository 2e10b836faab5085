# SPDX-License-Identifier: ISC
#
# A private Postfix: its own configuration, queue, data directory, log and ports, all below one directory. The
# daemons are chrooted as Debian ships them: master.cf is the package's own, with another port for smtpd.
# What main.cf says of domains and lookups is the caller's.

import contextlib
import os
import re
import shutil
import smtplib
import socket
import subprocess
import uuid

from harness import TIMEOUT, Failed, check, free_port, process_name, wait_until
from logfile import Log
from processes import descendants, real_user, root_directory

MASTER_CF = "/usr/share/postfix/master.cf.dist"

# What every instance of ours says. There is no DNS here, and nothing may leave this machine.
MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {top}/q
data_directory = {top}/data
enable_long_queue_ids = yes
maillog_file = {top}/log
maillog_file_prefixes = {top}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.host.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
default_transport = error:nothing leaves this machine
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 10000
smtpd_hard_error_limit = 10000
smtpd_junk_command_limit = 10000
"""

# What Debian's start script copies into the queue directory for the chrooted daemons.
CHROOT_FILES = ("localtime", "services", "resolv.conf", "hosts", "host.conf", "nsswitch.conf")


def installed():
    return shutil.which("postfix") is not None and os.path.exists(MASTER_CF)


class Refused(Exception):
    """A mail was not taken: at which STAGE, with which CODE and TEXT."""

    def __init__(self, stage, code, text):
        super().__init__("%s: %d %s" % (stage, code, text))
        self.stage, self.code, self.text = stage, code, text


def fresh_sender():
    """A sender nobody has used. An smtpd remembers for its whole life to which class of domains a pair of
    sender and recipient belongs, even that it could not find out; so no answer may come from its memory."""
    return "someone-%s@outside.test" % uuid.uuid4().hex


class Session(smtplib.SMTP):
    """An SMTP session that sends every command as it is written; smtplib would tidy addresses up."""

    def command(self, line):
        """One command: (code, text)."""
        self.send(line.encode() + b"\r\n")
        code, text = self.getreply()
        return code, text.decode("utf-8", "replace")

    def expect(self, stage, line, wanted):
        code, text = self.command(line)
        if code != wanted:
            if line != "RSET":
                self.command("RSET")
            raise Refused(stage, code, text)

    def envelope(self, sender, recipient):
        self.expect("MAIL", "MAIL FROM:<%s>" % sender, 250)
        self.expect("RCPT", "RCPT TO:<%s>" % recipient, 250)

    def content(self, text, before_end=lambda: None):
        """The mail itself, behind an envelope, and BEFORE_END() before the dot; returns its queue id."""
        self.expect("DATA", "DATA", 354)
        self.send(text.replace("\n", "\r\n").encode() + b"\r\n")
        before_end()
        self.send(".\r\n")
        code, answer = self.getreply()
        answer = answer.decode("utf-8", "replace")
        if code != 250:
            raise Refused("end of data", code, answer)
        return answer.rsplit(" ", 1)[1]


class Postfix:
    """TOP must not exist yet. Its path should be short: sockets lie below the queue directory."""

    def __init__(self, top):
        self.top = top
        self.config = os.path.join(top, "etc")
        self.queue = os.path.join(top, "q")
        self.log = Log(os.path.join(top, "log"))
        self.port = free_port()
        self.services = []
        self.overrides = {}
        self.hosts = ""  # lines for the chroot's own /etc/hosts
        self.running = False
        for name in ("", "etc", "q", "q/etc", "data"):
            os.mkdir(os.path.join(top, name))
            os.chmod(os.path.join(top, name), 0o755)
        shutil.chown(os.path.join(top, "data"), "postfix")
        for name in CHROOT_FILES:
            if os.path.isfile("/etc/" + name):
                shutil.copyfile("/etc/" + name, os.path.join(self.queue, "etc", name))
                os.chmod(os.path.join(self.queue, "etc", name), 0o644)

    # --- configuration

    def service(self, line, *options):
        """Add LINE to master.cf, with -o OPTIONS."""
        self.services.append("\n".join([line] + ["  -o { %s }" % option for option in options]))

    def smtpd(self, *options):
        """Add one more smtpd, chrooted as well, with -o OPTIONS of its own; returns its port."""
        port = free_port()
        self.service("127.0.0.1:%d inet n - y - - smtpd" % port, *options)
        return port

    def override(self, service, *options):
        """Give a service that master.cf has already some -o OPTIONS."""
        self.overrides[service] = options

    def configure(self, text):
        """Write main.cf (TEXT, and those lines of our own that it does not speak of) and master.cf."""
        said = set(re.findall(r"^(\w+)\s*=", text, re.M))
        own = [line for line in MAIN_CF.format(top=self.top).splitlines() if line.split(" =")[0] not in said]
        self.write("main.cf", own + [text])
        self.write("master.cf", self.master_lines() + self.services)

    def write(self, name, lines):
        """Write a file of the configuration and make it look old: every Postfix program waits seconds for
        one that may still be being written."""
        path = os.path.join(self.config, name)
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        os.utime(path, (0, 0))

    def master_lines(self):
        lines = []
        with open(MASTER_CF) as f:
            for line in f.read().splitlines():
                name = line.split()[0] if line[:1].isalnum() else ""
                if name == "maildrop":
                    break  # from here on: pipes to programs that nobody has
                if re.match(r"smtp\s+inet\s", line):
                    line = line.replace("smtp", "127.0.0.1:%d" % self.port, 1)
                if not line.startswith("#"):
                    lines.append(line)
                    lines += ["  -o { %s }" % option for option in self.overrides.get(name, ())]
        return lines

    def run(self, program, *arguments, stdin="", **more):
        """Run one of Postfix's commands on this instance: the CompletedProcess (text). MORE is for subprocess.run."""
        return subprocess.run([program, *arguments], input=stdin, text=True, timeout=TIMEOUT, **more,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=dict(os.environ, MAIL_CONFIG=self.config))

    def postmap(self, table, key):
        """Ask TABLE for KEY outside of the chroot: (exit status, value, what went wrong)."""
        done = self.run("postmap", "-q", key, table)
        return done.returncode, done.stdout.rstrip("\n"), done.stderr

    # --- life

    def start(self):
        done = self.run("postfix", "start")
        check(done.returncode == 0, "postfix start:", done.stderr, self.log.tail())
        self.running = True
        # not before: Debian 13 copies the host's file into the chroot at every start
        with open(os.path.join(self.queue, "etc", "hosts"), "a") as f:
            f.write(self.hosts)
        wait_until(self.answers, "Postfix on port %d" % self.port)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as s:
                return s.recv(4) == b"220 "
        except OSError:
            return False

    def stop(self):
        if self.running:
            self.running = False
            done = self.run("postfix", "stop")
            check(done.returncode == 0, "postfix stop:", done.stderr)

    def daemons(self, name):
        """The process ids of this instance's daemons called NAME ("smtpd")."""
        with open(os.path.join(self.queue, "pid", "master.pid")) as f:
            master = int(f.read())
        return [pid for pid in descendants(master) if process_name(pid) == name]

    def is_chrooted(self, name):
        """Tell whether the daemons called NAME, at least one, run inside the queue directory. One that has just
        been forked does not count: it goes there first, and stops being root then."""
        roots = set()
        for pid in self.daemons(name):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                if real_user(pid) != 0:
                    roots.add(root_directory(pid))
        return roots == {os.path.realpath(self.queue)}

    # --- mail

    def session(self, port=None):
        """Open an SMTP session."""
        session = Session("127.0.0.1", port or self.port, local_hostname="client.test", timeout=TIMEOUT)
        session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session.ehlo()
        return session

    def rcpt(self, recipient, port=None):
        """Offer a mail in a session of its own and leave before DATA: (code, text) of the first refusal,
        or of RCPT."""
        with self.session(port) as session:
            try:
                session.envelope(fresh_sender(), recipient)
            except Refused as no:
                return no.code, no.text
            return 250, ""

    def send(self, recipient, text, port=None):
        """Send a mail in a session of its own; returns its queue id, or raises Refused."""
        with self.session(port) as session:
            session.envelope(fresh_sender(), recipient)
            return session.content(text)

    def flush(self):
        """Try everything in the queue now, whatever was said of it before."""
        done = self.run("postqueue", "-f")
        check(done.returncode == 0, "postqueue -f:", done.stderr)

    def places(self, queue_id):
        """In which queues a mail is: usually one."""
        return [os.path.basename(folder) for folder, _, names in os.walk(self.queue) if queue_id in names]

    def wait_removed(self, queue_id, since=0):
        """Wait until a mail is done with; returns the log lines of its deliveries. A mail that has to
        wait in the queue is a failure at once."""
        try:
            self.log.wait(r"%s: (removed|to=.*status=deferred)" % queue_id, since)
        except Failed as why:
            raise Failed("\n".join([str(why), "it is in: %s" % self.places(queue_id), *self.log.lines(queue_id),
                                    *self.log.lines("warning:|fatal:|panic:|throttl", since)[-20:]])) from None
        lines = self.log.lines(r"%s: to=" % queue_id, since)
        check(not [line for line in lines if "status=deferred" in line], "\n".join(lines))
        return lines
