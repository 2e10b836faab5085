# SPDX-License-Identifier: ISC
#
# A private Dovecot 2.3: IMAP on a port of its own, everything else below one directory. Where users and
# passwords come from, and where LMTP listens, is the caller's to say.

import imaplib
import os
import shutil
import signal
import socket
import subprocess

from harness import TIMEOUT, check, free_port, wait_until
from logfile import Log

# No penalties and no delay of Dovecot's own: failures of one case would hold up the next ones.
CONF = """\
base_dir = {top}/run
state_dir = {top}/state
log_path = {top}/log
auth_verbose = yes
auth_failure_delay = 0
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
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
"""


def installed():
    """Dovecot 2.3 with IMAP and LMTP: 2.4 has another configuration and no checkpassword."""
    program = shutil.which("dovecot")
    if program is None or not all(os.path.exists("/usr/lib/dovecot/" + name) for name in ("imap", "lmtp")):
        return False
    version = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True).stdout
    return version.startswith("2.3.")


class Dovecot:
    """TOP must not exist yet."""

    def __init__(self, top):
        self.top = top
        self.file = os.path.join(top, "conf")
        self.log = Log(os.path.join(top, "log"))
        self.port = free_port()
        self.process = None
        for name in ("", "run", "state"):
            os.mkdir(os.path.join(top, name))
            os.chmod(os.path.join(top, name), 0o755)

    def configure(self, text):
        """Write the configuration: our own lines, then TEXT. Of two lines the later wins."""
        with open(self.file, "w") as f:
            f.write(CONF.format(top=self.top, port=self.port) + text)

    # --- life

    def start(self):
        self.process = subprocess.Popen(["dovecot", "-F", "-c", self.file], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_until(self.answers, "Dovecot on port %d" % self.port)

    def answers(self):
        check(self.process.poll() is None, "dovecot ended:", self.log.tail())
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
