# SPDX-License-Identifier: ISC
#
# One private mail host: vmaild, Postfix and Dovecot put together with the very lines that vmailctl prints for
# main.cf and dovecot.conf. The cases run on it one after the other; see cases.py.

import contextlib
import email.message
import os
import pwd
import re
import shutil
import sqlite3
import uuid

from dovecot import VERSION, Dovecot
from harness import Site, check, check_eq, free_port, is_sanitized, listener
from postfix import Postfix

PROGRAMS = ("vmaild", "vmailctl", "vmail-checkpassword")
MAIL_USER = "mail"  # owns the mail files here: Debian has him always
HELPER = "vmail-checkpassword"
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "contrib", "dovecot", "vmaild.lua")

QUERIES = "/etc/dovecot/vmaild-sql.conf.ext"

PASSWORDS = {
    "harry@example.test": "alohomora",
    "sally@example.test": "what she is having",
    "keep@example.test": "keep it",
    "real@catch.test": "r3al",
    "rest@catch.test": "the rest is silence",
    "fred@example.test": "mischief managed",
    "george@example.test": "also managed",
    "odd@example.test": "two  blanks, \"quotes\", 100%u, {PLAIN}\\ and pässwörd",
}

ALIASES = {
    "post@example.test": ["harry@example.test"],
    "team@example.test": ["harry@example.test", "sally@example.test"],
    "all@example.test": ["team@example.test", "keep@example.test"],
    "keep@example.test": ["keep@example.test", "sally@example.test"],
    "sales@lists.test": ["harry@example.test"],
    "@catch.test": ["rest@catch.test"],
}


# As vmaild-dovecot(7) has it, under Quotas.
QUOTA_STATUS = """
service quota-status {{
  executable = quota-status -p postfix
  client_limit = 1
  unix_listener {queue}/private/quota-status {{
    user = postfix
    mode = 0600
  }}
}}
%s
quota_status_success = DUNNO
quota_status_nouser = DUNNO
quota_status_overquota = 552 5.2.2 Mailbox is full
%s
""" % (("plugin {{", "}}") if VERSION == "2.3" else ("", ""))

# AddressSanitizer maps terabytes, Dovecot allows its children 256 MiB.
UNLIMITED = """
service auth {
  vsz_limit = 0
}
"""


def world_readable(programs, where):
    """Copy PROGRAMS to where Dovecot's own user may run them: a build folder may lie in somebody's home."""
    os.mkdir(where)
    os.chmod(where, 0o755)
    for program in programs:
        shutil.copy(program, where)
        os.chmod(os.path.join(where, os.path.basename(program)), 0o755)
    return where


def letter(sender, recipient):
    """A mail that can be told from every other: (its mark, its text)."""
    mark = uuid.uuid4().hex
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, mark
    message["Message-ID"] = "<%s@host.test>" % mark
    message.set_content("Hello, this is %s.\n" % mark)
    return mark, message.as_string()


def is_death(line):
    """Tell whether vmaild says in LINE that a worker is gone."""
    return re.search(r"worker.*(died|ended with)", line) is not None


class MailHost:
    """Below TMP, whose path is short: sockets lie there, and once more below Postfix's queue directory."""

    def __init__(self, env, tmp):
        self.tmp = tmp
        self.owner = pwd.getpwnam(MAIL_USER)
        self.mail = os.path.join(tmp, "mail")
        os.mkdir(self.mail)
        os.chown(self.mail, self.owner.pw_uid, self.owner.pw_gid)
        self.bin = world_readable([env.program(name) for name in PROGRAMS] + [SCRIPT], os.path.join(tmp, "bin"))
        self.postfix = Postfix(os.path.join(tmp, "p"))
        self.dovecot = Dovecot(os.path.join(tmp, "d"))
        self.maps = os.path.join(tmp, "vmaild.sock")
        self.auth = os.path.join(tmp, "auth.sock")
        self.userdb = os.path.join(tmp, "userdb.sock")
        self.tcp = free_port()
        self.site = Site(
            self.bin, tmp, mail_user=MAIL_USER, mail_home=self.mail + "/%d/%n",
            queue_directories=[self.postfix.queue],
            listeners=[
                listener("unix:" + self.maps, "socketmap", group="postfix", twin=True),
                listener("unix:" + self.auth, "auth", group="postfix", twin=True),
                listener("unix:" + os.path.join(tmp, "policy.sock"), "policy", group="postfix", twin=True),
                listener("unix:" + os.path.join(tmp, "dovecot.sock"), "auth", group="dovecot"),
                listener("unix:" + self.userdb, "userdb", group="dovecot"),
                listener("inet:127.0.0.1:%d" % self.tcp, "tcp", map="aliases"),
            ])
        self.others = {}
        self.vmaild = None
        self.past = ""  # what earlier daemons logged

    def start(self):
        self.fill_store()
        self.vmaild = self.site.start()
        self.configure_postfix()
        self.configure_dovecot()
        self.postfix.start()
        self.dovecot.start()

    def fill_store(self):
        self.site.init("example.test", "catch.test", users=PASSWORDS)
        self.site.ctl("domain", "add", "lists.test", "--kind", "alias")
        self.site.ctl("domain", "add", "old.test", "--target", "example.test")
        for address, targets in ALIASES.items():
            self.site.ctl("alias", "add", address, *targets)

    def printed(self, *arguments, conf=None):
        """What vmailctl prints on a host whose Postfix is ours."""
        done = self.postfix.run(self.site.program("vmailctl"), "-c", conf or self.site.conf, *arguments)
        check_eq((done.returncode, done.stderr), (0, ""), arguments)
        check("WARNING" not in done.stdout, done.stdout)
        return done.stdout

    def configure_postfix(self):
        """main.cf as vmailctl prints it. Beside it: a submission port, where one may log in without TLS and
        nobody may use an address that is somebody's without logging in, and where we may say from where we
        come; and one that asks by proxymap."""
        table = "proxy:socketmap:unix:%s:aliases" % self.maps
        self.submission = self.postfix.smtpd("smtpd_tls_auth_only = no",
                                             "smtpd_authorized_xclient_hosts = 127.0.0.1",
                                             "smtpd_sender_restrictions = reject_sender_login_mismatch",
                                             "smtpd_relay_restrictions = permit_sasl_authenticated, reject")
        self.policy_port = self.postfix.smtpd(
            "smtpd_recipient_restrictions = reject_non_fqdn_recipient, check_policy_service unix:%s/policy.sock"
            % self.tmp)
        self.careful = self.postfix.smtpd(
            "smtpd_recipient_restrictions = reject_unlisted_recipient, check_policy_service unix:private/quota-status")
        self.proxied = self.postfix.smtpd("virtual_alias_maps = " + table)
        self.postfix.configure("")
        self.postfix_lines = self.printed("config", "postfix")
        self.postfix.configure(self.postfix_lines + "proxy_read_maps = " + table)

    def configure_dovecot(self):
        self.dovecot_lines = self.configure_by(self.dovecot, more=QUOTA_STATUS.format(queue=self.postfix.queue))

    def configure_by(self, dovecot, *options, more="", conf=None, stock=False):
        """dovecot.conf likewise, by `config dovecot OPTIONS`; what belongs to this build is not where `make
        install` would put it. Behind it stands MORE. STOCK: in conf.d of the package's own configuration.
        Returns the lines as they were printed."""
        printed = self.printed("config", "dovecot", *options, conf=conf)
        lines = self.found_here(printed)
        if dovecot is not self.dovecot:
            lines = lines.replace(self.postfix.queue + "/private/dovecot-lmtp", dovecot.lmtp)
        if QUERIES in lines:
            lines = lines.replace(QUERIES, dovecot.top + "/vmaild-sql.conf.ext")
            with open(dovecot.top + "/vmaild-sql.conf.ext", "w") as f:
                f.write(self.printed("config", "dovecot", *options, "--sql-file"))
        configure = dovecot.configure_stock if stock else dovecot.configure
        configure(lines + more + self.unlimited())
        return printed

    def unlimited(self):
        """What Dovecot needs to be told for this build's helper."""
        return UNLIMITED if is_sanitized(os.path.join(self.bin, HELPER)) else ""

    def found_here(self, lines):
        """LINES with the paths of this build's helper and script."""
        for name in (HELPER, os.path.basename(SCRIPT)):
            paths = {word for word in lines.split() if word.endswith("/" + name)}
            check(len(paths) < 2, "paths of", name, "in:", lines)
            for path in paths:
                lines = lines.replace(path, os.path.join(self.bin, name))
        return lines

    def dovecot_by(self, *options, **more):
        """Another Dovecot on the same mail, configured by configure_by(OPTIONS, MORE); it is started once, and
        stays."""
        key = (*options, *more.items())
        if key not in self.others:
            dovecot = Dovecot(os.path.join(self.tmp, "d%d" % len(self.others)))
            self.others[key] = dovecot
            self.configure_by(dovecot, *options, **more)
            dovecot.start()
        return self.others[key]

    def stop(self):
        """Stop whatever runs; every part is tried, the first trouble is raised at the end."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.stop_vmaild)
            stack.callback(self.postfix.stop)
            for dovecot in [self.dovecot, *self.others.values()]:
                stack.callback(dovecot.stop)

    def stop_vmaild(self):
        if self.vmaild:
            daemon, self.vmaild = self.vmaild, None
            try:
                daemon.stop()
            finally:
                self.past += daemon.log.text

    @contextlib.contextmanager
    def without_vmaild(self):
        """vmaild is stopped inside of this, and runs again behind it."""
        self.stop_vmaild()
        try:
            yield
        finally:
            self.vmaild = self.site.start()

    def set_columns(self, user, **columns):
        """Set COLUMNS of the mailbox USER."""
        with contextlib.closing(sqlite3.connect(self.site.store)) as db, db:
            for name, value in columns.items():
                db.execute("UPDATE mailbox SET %s = ? WHERE address = ?" % name, (value, user))

    def hash_of(self, user):
        """The stored password of USER."""
        with contextlib.closing(sqlite3.connect(self.site.store)) as db:
            return db.execute("SELECT hash FROM credential WHERE mailbox = ? AND label = ''", (user,)).fetchone()[0]

    def set_hash(self, user, text):
        """Make TEXT the stored password of USER, who has one, as an import would."""
        with contextlib.closing(sqlite3.connect(self.site.store)) as db, db:
            changed = db.execute("UPDATE credential SET hash = ? WHERE mailbox = ? AND label = ''", (text, user))
            check_eq(changed.rowcount, 1, user)

    # --- what became of it

    def deliver(self, recipient):
        """Send a mail to RECIPIENT and wait until Postfix is done with it: (its mark, the final recipients by
        Postfix's log, the mailboxes that have it)."""
        since = self.postfix.log.mark()
        mark, text = letter("someone@outside.test", recipient)
        lines = self.postfix.wait_removed(self.postfix.send(recipient, text), since)
        check(all("status=sent" in line for line in lines), "\n".join(lines))
        recipients = sorted({re.search(": to=<(.*?)>,", line)[1].lower() for line in lines})
        return mark, recipients, self.mailboxes_with(mark)

    def mailboxes_with(self, mark):
        """The addresses of all mailboxes that hold a mail with MARK; it must belong to the mail user."""
        found = []
        for folder, _, files in os.walk(self.mail):
            if os.path.basename(folder) not in ("new", "cur"):
                continue
            for name in files:
                path = os.path.join(folder, name)
                with open(path, errors="replace") as f:
                    if "Subject: " + mark not in f.read():
                        continue
                check_eq(os.stat(path).st_uid, self.owner.pw_uid, "owner of", path)
                domain, local = os.path.relpath(folder, self.mail).split("/")[:2]
                found.append(local + "@" + domain)
        return sorted(found)

    def works(self):
        """Fail unless a mail and a login go through, as on any good day."""
        _, _, mailboxes = self.deliver("harry@example.test")
        check_eq(mailboxes, ["harry@example.test"])
        self.dovecot.login("harry@example.test", PASSWORDS["harry@example.test"]).logout()

    # --- when something failed

    def vmaild_log(self):
        return self.past + (self.vmaild.log.text if self.vmaild else "")

    def marks(self):
        return self.postfix.log.mark(), self.dovecot.log.mark(), len(self.vmaild_log()), \
            {dovecot: dovecot.log.mark() for dovecot in self.others.values()}

    def deaths(self, marks):
        """Workers that have ended since MARKS although nobody told them to. One that leaves for another that may
        use a new directory of the store says so before: that is no death."""
        lines = self.vmaild_log()[marks[2]:].splitlines()
        leaving = sum("leaving, for a worker that may use it" in line for line in lines)
        gone = [line for line in lines if is_death(line)]
        left = [line for line in gone if line.endswith("ended with status 0")]
        return [line for line in gone if line not in left] + left[leaving:]

    def report(self, marks):
        """What the three have logged since MARKS."""
        said = ["postfix:", self.postfix.log.tail(marks[0]), "dovecot:", self.dovecot.log.tail(marks[1])]
        for options, dovecot in self.others.items():
            said += ["dovecot by %s:" % " ".join(map(str, options)), dovecot.log.tail(marks[3].get(dovecot, 0))]
        return "\n".join(said + ["vmaild:", self.vmaild_log()[marks[2]:][-4000:]])
