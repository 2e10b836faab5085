# SPDX-License-Identifier: ISC
#
# A private Dovecot, 2.3 or 2.4: IMAP on a port of its own, everything else below one directory. Where users and
# passwords come from, and where LMTP listens, is the caller's to say.

import imaplib
import os
import re
import shutil
import signal
import socket
import subprocess

from harness import TIMEOUT, Failed, check, check_eq, free_port, wait_until
from logfile import Log
from processes import descendants

# No penalties and no delay of Dovecot's own: failures of one case would hold up the next ones.
CONF = """\
{first}base_dir = {top}/run
state_dir = {top}/state
log_path = {top}/log
auth_verbose = yes
auth_failure_delay = 0
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
{cleartext} = {yes}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
protocol lmtp {{
  postmaster_address = postmaster@host.test
}}
{last}"""

# What each version wants to have said in its own words. A quota counts at once: 2.4 lets delivery go 10 MB beyond it.
WORDS = {
    "2.3": {"first": "", "last": "", "cleartext": "disable_plaintext_auth", "yes": "no"},
    "2.4": {"first": "dovecot_config_version = {number}\ndovecot_storage_version = {number}\n",
            "last": "quota_storage_grace = 0\n", "cleartext": "auth_allow_cleartext", "yes": "yes"},
}


def number():
    """The version of the Dovecot that is installed, "2.3.19.1", or "" for none."""
    program = shutil.which("dovecot")
    if program is None:
        return ""
    return subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True).stdout.split("-")[0].split()[0]


VERSION = ".".join(number().split(".")[:2])  # "2.3", "2.4"


def installed():
    """A Dovecot that we know, with IMAP and LMTP."""
    return VERSION in WORDS and all(os.path.exists("/usr/lib/dovecot/" + name) for name in ("imap", "lmtp"))


def has_sqlite():
    return any(os.path.exists("/usr/lib/dovecot/modules/" + name) for name in
               ("libdriver_sqlite.so", "auth/libdriver_sqlite.so"))


class Dovecot:
    """TOP must not exist yet."""

    def __init__(self, top):
        self.top = top
        self.file = os.path.join(top, "conf")
        self.log = Log(os.path.join(top, "log"))
        self.lmtp = os.path.join(top, "lmtp")
        self.port = free_port()
        self.process = None
        for name in ("", "run", "state"):
            os.mkdir(os.path.join(top, name))
            os.chmod(os.path.join(top, name), 0o755)

    def configure(self, text):
        """Write the configuration: our own lines, then TEXT. Of two lines the later wins."""
        self.write(self.file, self.own(number()) + text)
        self.check()

    def configure_stock(self, text):
        """The configuration as the package has it, with TEXT as a file in conf.d, as vmailctl's manual says; and
        last our own lines, without which it would be everybody's Dovecot."""
        etc = os.path.join(self.top, "etc")
        self.file = os.path.join(etc, "dovecot.conf")
        shutil.copytree("/usr/share/dovecot", etc, ignore=lambda _, names: [
            name for name in names if not re.search(r"^conf\.d$|\.conf$|\.ext$", name)])
        self.comment_out(os.path.join(etc, "conf.d", "10-auth.conf"), "!include auth-system")
        if VERSION == "2.3":  # wants to read a certificate that is made when the package is installed
            self.comment_out(os.path.join(etc, "conf.d", "10-ssl.conf"), "ssl_(cert|key) ")
        self.write(os.path.join(etc, "conf.d", "99-vmaild.conf"), text)
        self.write(os.path.join(etc, "conf.d", "99-zz-test.conf"), self.own(None))
        self.check()

    def comment_out(self, path, beginning):
        """Put a # before the lines of a file that have this BEGINNING."""
        with open(path) as f:
            text, n = re.subn("(?m)^(?=%s)" % beginning, "#", f.read())
        check(n > 0, "no", beginning, "in", path)
        self.write(path, text)

    def own(self, version):
        """Our own lines, in a file that begins with the VERSION it is for, or with none."""
        words = dict(WORDS[VERSION])
        words["first"] = words["first"].format(number=version) if version else ""
        return CONF.format(top=self.top, port=self.port, **words)

    @staticmethod
    def write(path, text):
        with open(path, "w") as f:
            f.write(text)

    def check(self):
        done = subprocess.run(["doveconf", "-n", "-c", self.file], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        check_eq((done.returncode, done.stderr), (0, ""), "doveconf -n:", done.stdout)

    # --- life

    def start(self):
        self.process = subprocess.Popen(["dovecot", "-F", "-c", self.file], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_until(self.answers, "Dovecot on port %d" % self.port)

    def answers(self):
        if self.process.poll() is not None:
            raise Failed("dovecot ended: %s%s" % (self.process.stderr.read(), self.log.tail()))
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as s:
                return s.recv(5) == b"* OK "
        except OSError:
            return False

    def stop(self):
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(TIMEOUT)
        finally:
            process.kill()
            process.communicate()

    def crash(self, spare=()):
        """End it at once, all but the processes SPARE."""
        process, self.process = self.process, None
        for pid in [process.pid, *descendants(process.pid)]:
            if pid not in spare:
                os.kill(pid, signal.SIGKILL)
        process.communicate()

    # --- people

    def doveadm(self, *arguments):
        """Run doveadm on this instance: (exit status, what it printed)."""
        done = subprocess.run(["doveadm", "-c", self.file, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT)
        return done.returncode, done.stdout

    def login(self, user, password):
        """Log in by IMAP: the open session, or imaplib's error with the server's own words."""
        imap = imaplib.IMAP4("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            imap.login(user, password)
        except imaplib.IMAP4.error:
            imap.shutdown()
            raise
        return imap

    def refusal(self, user, password):
        """What IMAP says to a login that is not to succeed."""
        try:
            self.login(user, password).logout()
        except imaplib.IMAP4.error as no:
            return str(no)
        raise AssertionError("%s could log in" % user)
