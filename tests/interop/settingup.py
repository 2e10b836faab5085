# SPDX-License-Identifier: ISC
#
# vmailctl setup: a Postfix and a Dovecot as Debian ships them are made to work with vmaild, by nothing but it.

import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import tempfile

from cases import case
from dovecot import VERSION, WORDS, Dovecot, number
from harness import TIMEOUT, check, check_eq, check_in, write_file
from mailhost import PASSWORDS
from postfix import Postfix

MAIN = """\
# what an admin wrote
myhostname = mx.host.test
virtual_alias_maps = hash:/etc/postfix/virtual
smtpd_sender_restrictions = permit_mynetworks,
    reject_unknown_sender_domain
# the end
"""


class Place:
    """/etc/postfix and /etc/dovecot of a fresh host, below TMP."""

    def __init__(self, host, tmp):
        self.host, self.tmp = host, tmp
        self.postfix = os.path.join(tmp, "postfix")
        self.main_cf = os.path.join(self.postfix, "main.cf")
        os.mkdir(self.postfix)
        self.write(self.main_cf, MAIN + "queue_directory = %s\n" % host.postfix.queue)
        shutil.copy(os.path.join(host.postfix.config, "master.cf"), self.postfix)
        self.dovecot_dir = os.path.join(tmp, "dovecot")
        shutil.copytree("/etc/dovecot" if os.path.isdir("/etc/dovecot/conf.d") else "/usr/share/dovecot",
                        self.dovecot_dir)
        self.dovecot = os.path.join(self.dovecot_dir, "dovecot.conf")
        self.auth = os.path.join(self.dovecot_dir, "conf.d", "10-auth.conf")
        self.ours = os.path.join(self.dovecot_dir, "conf.d", "99-vmaild.conf")
        self.conf = host.site.conf
        self.path = os.environ["PATH"]

    def write(self, path, text):
        with open(path, "w") as f:
            f.write(text)

    def read(self, path):
        with open(path) as f:
            return f.read()

    def command(self, *arguments):
        return [self.host.site.program("vmailctl"), "-c", self.conf, "setup", "--postfix", self.postfix,
                "--dovecot", self.dovecot, *arguments]

    def run(self, *arguments, code=0):
        done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=TIMEOUT,
                              env=dict(os.environ, PATH=self.path))
        check_eq(done.returncode, code, arguments, done.stdout, done.stderr)
        return done

    def program(self, name, text):
        """Put a program in front of all others of that name."""
        where = os.path.join(self.tmp, "bin")
        os.makedirs(where, exist_ok=True)
        write_file(os.path.join(where, name), "#!/bin/sh\n" + text + "\n", 0o755)
        self.path = where + ":" + os.environ["PATH"]

    def without_certificates(self):
        """They are made when the package is installed, and doctor looks no further without them."""
        path = os.path.join(self.dovecot_dir, "conf.d", "10-ssl.conf")
        self.write(path, re.sub(r"(?m)^(?=ssl)", "#", self.read(path)))

    def postconf(self, name):
        return subprocess.run(["postconf", "-c", self.postfix, "-h", name], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.strip()

    def doveconf(self):
        done = subprocess.run(["doveconf", "-c", self.dovecot, "-n"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        check_eq(done.returncode, 0, done.stdout)
        return done.stdout

    def files(self):
        """Every file below, with its content, mode and owner."""
        found = {}
        for folder, _, names in os.walk(self.tmp):
            for name in names:
                path = os.path.join(folder, name)
                st = os.stat(path)
                with open(path, "rb") as f:
                    found[os.path.relpath(path, self.tmp)] = (f.read(), stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid)
        return found


    def theirs(self):
        """The same without old files that were kept, and without programs."""
        return {n: v for n, v in self.files().items() if ".vmaild-" not in n and not n.startswith("bin/")}


@contextlib.contextmanager
def place(host):
    tmp = tempfile.mkdtemp(prefix="vm-set-", dir="/tmp")
    os.chmod(tmp, 0o755)
    try:
        yield Place(host, tmp)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def without_paths(text):
    """The helper of the build folder is not where the host fixture keeps its copy."""
    return re.sub(r"\S*/vmail-checkpassword", "HELPER", text)


@case("setup: a dry run shows all and changes nothing")
def _(host):
    with place(host) as p:
        before = p.files()
        done = p.run("--dry-run")
        check_eq(p.files(), before)
        for words in ("+virtual_transport = lmtp:unix:private/dovecot-lmtp", "-!include auth-system.conf.ext",
                      "+#!include auth-system.conf.ext", "+++ " + p.ours, "-virtual_alias_maps = hash:"):
            check_in(words, done.stdout)
        check_in("hash:/etc/postfix/virtual", done.stderr)
        j = json.loads(p.run("--dry-run", "--json").stdout)
        check_eq((j["written"], [f["path"] for f in j["files"]], [f["backup"] for f in j["files"]]),
                 (False, [p.main_cf, p.ours, p.auth], [None] * 3))
        check_eq(p.files(), before)


@case("setup: without a terminal it wants to be told")
def _(host):
    with place(host) as p:
        before = p.files()
        done = p.run(code=2)
        check_in("--yes", done.stderr)
        p.run("sendmail", "--yes", code=2)
        check_eq(p.files(), before)


@case("setup: Postfix and Dovecot as Debian ships them, then a second run")
def _(host):
    with place(host) as p:
        before = p.files()
        os.chmod(p.main_cf, 0o640)
        os.chown(p.main_cf, 0, 8)
        text = p.run("--yes").stdout
        check_in("now: postfix reload", text)
        after = p.files()
        # what config prints is in force
        for line in p.host.postfix_lines.splitlines():
            if line and not line.startswith("#"):
                name, value = [word.strip() for word in line.split("=", 1)]
                got = p.postconf(name)
                check_eq(got if name != "smtpd_sender_restrictions" else got.split(",")[0], value, name)
        check_eq(p.postconf("smtpd_sender_restrictions"), "reject_authenticated_sender_login_mismatch, "
                 "permit_mynetworks, reject_unknown_sender_domain")
        check_eq(without_paths(p.read(p.ours)), without_paths(p.host.dovecot_lines))
        check_in("\n#!include auth-system.conf.ext", p.read(p.auth))
        theirs = p.doveconf()
        check("driver = pam" not in theirs and "passdb pam" not in theirs, theirs)
        check_in({"2.3": "driver = checkpassword", "2.4": "passdb lua {"}[VERSION], theirs)
        # what an admin wrote stays, and the old file is kept
        check_in("# what an admin wrote\n", p.read(p.main_cf))
        st = os.stat(p.main_cf)
        check_eq((stat.S_IMODE(st.st_mode), st.st_gid), (0o640, 8))
        kept = sorted(set(after) - set(before))
        check_eq([re.sub(r"vmaild-\d{8}-\d{6}$", "OLD", name) for name in kept],
                 ["dovecot/conf.d/10-auth.conf.OLD", "dovecot/conf.d/99-vmaild.conf", "postfix/main.cf.OLD"])
        check_eq(after[kept[2]][0], before["postfix/main.cf"][0])
        check_eq(after[kept[0]][0], before["dovecot/conf.d/10-auth.conf"][0])
        # doctor has looked
        check_in("mail would", text)
        # again
        check_in("nothing is to be changed", p.run("--yes").stdout)
        check_eq(p.files(), after)
        j = json.loads(p.run("--yes", "--json").stdout)
        check_eq((j["files"], j["written"]), ([], False))
        check_in("main-cf", {f["code"] for f in j["findings"] if f["severity"] == "ok"})


@case("setup: of the lists and tables that it replaces it names what may be lost")
def _(host):
    with place(host) as p:
        p.write(p.main_cf, p.read(p.main_cf).replace("virtual_alias_maps = hash:/etc/postfix/virtual\n", "")
                + "virtual_maps = pgsql:/etc/postfix/virtual.cf\n"
                "virtual_mailbox_domains = Example.test, third.example\n  $mydomain, /etc/postfix/domains\n"
                "smtpd_sender_login_maps = inline:{ a@b.test=a, c@b.test=c }, proxy:hash:/etc/postfix/senders\n")
        said = [line.split(": ", 2)[2] for line in p.run("postfix", "--dry-run").stderr.splitlines()
                if " no more" in line]
        check_eq(said, [
            "virtual_mailbox_domains will ask '/etc/postfix/domains' no more: what is in there must be in the store",
            "virtual_mailbox_domains will name 'third.example, host.test' no more, which the store does not know: "
            "mail is refused for a domain that is not in the store",
            "virtual_alias_maps will ask 'pgsql:/etc/postfix/virtual.cf' no more: what is in there must be in the store",
            "smtpd_sender_login_maps will ask 'inline:{ a@b.test=a, c@b.test=c }, hash:/etc/postfix/senders' no more: "
            "what is in there must be in the store"])
        p.write(p.main_cf, MAIN + "virtual_mailbox_domains = %s\n" % ", ".join("d%d.test" % i for i in range(12)))
        check_in("'d0.test, d1.test, d2.test, d3.test, d4.test, d5.test, d6.test, d7.test, d8.test, d9.test' and 2 others "
                 "no more", p.run("postfix", "--dry-run").stderr)
        p.run("postfix", "--yes")
        check("no more" not in p.run("postfix", "--yes").stderr)


@case("setup: one program alone")
def _(host):
    with place(host) as p:
        before = p.files()
        p.run("postfix", "--yes")
        check_eq({n for n in p.files() if n not in before or p.files()[n] != before[n]} - {"postfix/main.cf"},
                 {n for n in p.files() if n.startswith("postfix/main.cf.vmaild-")})
        p.run("dovecot", "--yes")
        check(os.path.exists(p.ours))


@case("setup: a Dovecot with one file")
def _(host):
    with place(host) as p:
        shutil.rmtree(os.path.join(p.dovecot_dir, "conf.d"))
        own = WORDS[VERSION]["first"].format(number=number()) + "protocols = imap lmtp\nssl = no"
        p.write(p.dovecot, own)
        p.run("dovecot", "--yes")
        check_eq(p.read(p.dovecot), own + "\n!include vmaild.conf\n")
        check_in({"2.3": "vmail-checkpassword", "2.4": "vmaild.lua"}[VERSION], p.doveconf())
        check_in("nothing is to be changed", p.run("dovecot", "--yes").stdout)


# Who was asked before, as each version writes it; and the names of what stays.
BEFORE = {
    "2.3": ("passdb { # by hand\n  driver = passwd-file\n  args = username_format=%n /etc/dovecot/users\n}\n"
            "userdb {\n  driver = static\n  args = uid=vmail gid=vmail home=/var/vmail/%n\n}\n",
            "passdb {\n  driver = passwd-file\n  deny = yes\n  args = /etc/dovecot/deny\n}\n"
            "passdb {\n  driver = passwd-file\n  master = yes\n  args = /etc/dovecot/masters\n}\n"),
    "2.4": ("passdb passwd-file {\n  passwd_file_path = /etc/dovecot/users\n}\n"
            "userdb static {\n  fields {\n    home = /var/vmail/%{user | username}\n  }\n}\n",
            "passdb deny {\n  driver = passwd-file\n  deny = yes\n  passwd_file_path = /etc/dovecot/deny\n}\n"
            "passdb masters {\n  driver = passwd-file\n  master = yes\n  passwd_file_path = /etc/dovecot/m\n}\n"),
}


# Where the mail is: as an admin has said, as we say it when nobody has, and as vmaild.conf may say.
THEIRS = {"2.3": "mail_location = maildir:~\n", "2.4": "mail_driver = maildir\nmail_path = ~\nmail_inbox_path = ~\n"}
USUAL = {"2.3": "mail_location = maildir:~/Maildir\n",
         "2.4": "mail_driver = maildir\nmail_inbox_path = .\nmail_path = ~/Maildir\n"}
SAID = {"2.3": "mail_location = sdbox:~/box\n", "2.4": "mail_driver = sdbox\n"}


def told(text):
    """Where the mail is, of what doveconf prints."""
    return "".join(line + "\n" for line in text.splitlines()
                   if re.match(r"mail_(location|driver|path|inbox_path) =", line))


@case("setup: mail stays where Dovecot has it, unless vmaild.conf says where")
def _(host):
    with place(host) as p:
        shutil.rmtree(os.path.join(p.dovecot_dir, "conf.d"))
        first = WORDS[VERSION]["first"].format(number=number()) + "protocols = imap lmtp\nssl = no\n"
        p.write(p.dovecot, first + THEIRS[VERSION])
        p.run("dovecot", "--yes")
        check_eq(sorted(told(p.doveconf()).split()), sorted(THEIRS[VERSION].split()))
        check_in("nothing is to be changed", p.run("dovecot", "--yes").stdout)
        p.conf = os.path.join(p.tmp, "vmaild.conf")
        p.write(p.conf, 'mail-location = "sdbox:~/box"\n' + p.read(p.host.site.conf))
        p.run("dovecot", "--yes")
        check_in(SAID[VERSION], told(p.doveconf()))
        check_in("nothing is to be changed", p.run("dovecot", "--yes").stdout)


@case("setup: where nobody has said it but a package, mail is in ~/Maildir")
def _(host):
    with place(host) as p:
        check_in("mail_", told(p.doveconf()))
        p.run("dovecot", "--yes")
        check_eq(told(p.doveconf()), USUAL[VERSION])
        check_in("nothing is to be changed", p.run("dovecot", "--yes").stdout)
    with place(host) as p:
        os.unlink(os.path.join(p.dovecot_dir, "conf.d", "10-mail.conf"))
        check_eq(told(p.doveconf()), "")
        p.run("dovecot", "--yes")
        check_eq(told(p.doveconf()), USUAL[VERSION])


def commented(text):
    return "".join("#" + line for line in text.splitlines(True))


def others(p, ours):
    """What doctor says of whom Dovecot asks besides, when OUR file names the script that this build has: a Dovecot
    2.4 without it is not understood, and no further looked at."""
    p.write(ours, p.host.found_here(p.read(ours)))
    done = subprocess.run([p.command()[0], "-c", p.conf, "doctor", "--dovecot", p.dovecot, "--json"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT)
    return [(f["severity"], f["subject"]) for f in json.loads(done.stdout) if f["code"] == "dovecot-others"]


@case("setup: a Dovecot that asked somebody else asks vmaild only")
def _(host):
    theirs, stays = BEFORE[VERSION]
    with place(host) as p:
        shutil.rmtree(os.path.join(p.dovecot_dir, "conf.d"))
        first = WORDS[VERSION]["first"].format(number=number()) + "protocols = imap lmtp\nssl = no\n"
        p.write(p.dovecot, first + theirs + stays)
        done = p.run("dovecot", "--yes")
        check_in("will ask 'passwd-file' of %s no more" % p.dovecot, done.stderr)
        check_eq(done.stderr.count("no more"), 1, done.stderr)
        check_eq(p.read(p.dovecot), first + commented(theirs) + stays + "!include vmaild.conf\n")
        check("/var/vmail/%" not in p.doveconf().replace(p.host.dovecot_lines, ""), p.doveconf())
        check_in("nothing is to be changed", p.run("dovecot", "--yes").stdout)
        check_eq(others(p, os.path.join(p.dovecot_dir, "vmaild.conf")), [("ok", None)])


@case("setup: a Dovecot as Debian ships it that asked somebody else asks vmaild only")
def _(host):
    theirs, stays = BEFORE[VERSION]
    with place(host) as p:
        p.without_certificates()
        auth = p.read(p.auth) + "!include auth-master.conf.ext\n"
        p.write(p.auth, auth.replace("#!include auth-passwdfile", "!include auth-passwdfile"))
        main = p.read(p.dovecot)
        p.write(p.dovecot, main + theirs)
        done = p.run("dovecot", "--yes")
        check_in("'auth-passwdfile.conf.ext'", done.stderr)
        check_eq(p.read(p.dovecot), main + commented(theirs))
        check_eq(p.read(p.auth), auth.replace("\n!include auth-system", "\n#!include auth-system"))
        check_eq(others(p, p.ours), [("ok", None)])


@case("setup: whom it cannot take out doctor names")
def _(host):
    theirs, _ = BEFORE[VERSION]
    with place(host) as p:
        p.without_certificates()
        p.write(os.path.join(p.dovecot_dir, "conf.d", "20-mine.conf"), theirs)
        p.run("dovecot", "--yes")
        check_eq(others(p, p.ours), [("warning", "passdb passwd-file"), ("warning", "userdb static")])


@case("setup: a password that Dovecot knew before is good for nothing any more")
def _(host):
    with place(host) as p:
        mine = Dovecot(os.path.join(p.tmp, "mine"))
        p.write(os.path.join(p.tmp, "users"), "harry@example.test:{PLAIN}old:::::\n")
        os.chmod(os.path.join(p.tmp, "users"), 0o644)
        theirs = BEFORE[VERSION][0].replace("username_format=%n ", "").replace("/etc/dovecot/users",
                                                                              os.path.join(p.tmp, "users"))
        mine.configure(theirs + p.host.unlimited())
        p.run("dovecot", "--yes", "--dovecot", mine.file)
        ours = os.path.join(mine.top, "vmaild.conf")
        text = p.host.found_here(p.read(ours)).replace(p.host.postfix.queue + "/private/dovecot-lmtp", mine.lmtp)
        p.write(ours, text)
        mine.start()
        try:
            mine.refusal("harry@example.test", "old")
            mine.login("harry@example.test", PASSWORDS["harry@example.test"]).logout()
            home = mine.doveadm("user", "-f", "home", "harry@example.test")
            check_eq(home, (0, os.path.join(p.host.mail, "example.test/harry") + "\n"), text)
        finally:
            mine.stop()


@case("setup: where protocols have plugins of their own, IMAP goes on, and both keep to quotas")
def _(host):
    with place(host) as p:
        mine = Dovecot(os.path.join(p.tmp, "mine"))
        mine.configure("mail_plugins = notify\nprotocol imap {\n  mail_plugins = notify mail_log\n}\n"
                       "protocol lmtp {\n  mail_plugins = notify mail_log\n}\n" + p.host.unlimited())
        p.run("dovecot", "--yes", "--dovecot", mine.file)
        ours = os.path.join(mine.top, "vmaild.conf")
        text = p.host.found_here(p.read(ours)).replace(p.host.postfix.queue + "/private/dovecot-lmtp", mine.lmtp)
        p.write(ours, text)
        for protocol, plugins in (("imap", {"notify", "mail_log", "quota", "imap_quota"}),
                                  ("lmtp", {"notify", "mail_log", "quota"}), ("lda", {"quota"})):
            done = subprocess.run(["doveconf", "-c", mine.file, "-f", "protocol=" + protocol, "-h", "mail_plugins"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            check_eq(plugins - set(done.stdout.split()), set(), protocol, done.stdout, done.stderr)
        mine.start()
        try:
            session = mine.login("harry@example.test", PASSWORDS["harry@example.test"])
            check_eq(session.getquotaroot("INBOX")[0], "OK")
            session.logout()
        finally:
            mine.stop()


@case("setup: what would end each IMAP session is taken back")
def _(host):
    with place(host) as p:
        shutil.rmtree(os.path.join(p.dovecot_dir, "conf.d"))
        first = WORDS[VERSION]["first"].format(number=number()) + "protocols = imap lmtp\nssl = no\n"
        p.write(p.dovecot, first)
        # a doveconf that has no quota in IMAP's list, once our file is there
        p.program("doveconf", "case \"$*\" in *protocol=imap*) [ ! -e %s ] || echo notify imap_quota;; esac" %
                  os.path.join(p.dovecot_dir, "vmaild.conf"))
        done = p.run("dovecot", "--yes", code=75)
        check_in("imap_quota without quota", done.stderr)
        check_eq(p.read(p.dovecot), first)
        check("vmaild.conf" not in os.listdir(p.dovecot_dir), os.listdir(p.dovecot_dir))


@case("setup: what does not work is taken back")
def _(host):
    with place(host) as p:
        before = p.files()
        # a doveconf that understands everything but our file
        p.program("doveconf", "! [ -e %s ] || { echo 'Fatal: no' >&2; exit 89; }" % p.ours)
        done = p.run("--yes", code=75)
        check_in("nothing was changed", done.stderr)
        check_in("Fatal: no", done.stderr)
        after = p.theirs()
        check_eq(after, before)


@case("setup: a file that cannot be written")
def _(host):
    with place(host) as p:
        os.mkdir(p.ours)  # a directory where our file should be
        before = p.files()
        done = p.run("--yes", code=75)
        check_in(p.ours, done.stderr)
        check_eq({n: v for n, v in p.files().items() if ".vmaild-" not in n}, before)


@case("setup: neither program is here")
def _(host):
    with place(host) as p:
        where = os.path.join(p.tmp, "bin")
        os.mkdir(where)
        for name in ("postconf", "dovecot"):
            p.write(os.path.join(where, name), "#!/bin/sh\nexit 1\n")
            os.chmod(os.path.join(where, name), 0o755)
        p.path = where + ":" + p.path
        check_in("no postfix here", p.run("postfix", "--yes", code=1).stderr)
        check_in("no dovecot here", p.run("--yes").stderr)


@case("setup: a Postfix without a main.cf")
def _(host):
    with place(host) as p:
        os.unlink(p.main_cf)
        before = p.files()
        check_in("cannot read '%s'" % p.main_cf, p.run("--yes", code=75).stderr)
        check_eq(p.files(), before)


def on_terminal(command, answer, meanwhile=lambda: None):
    """Run COMMAND on a terminal and answer its question, after MEANWHILE: (exit status, what was shown)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(command[0], command, dict(os.environ, PAGER="cat"))
    shown, answered = b"", False
    while select.select([fd], [], [], TIMEOUT)[0]:
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if not answered and b"[y/N] " in shown:
            answered = True
            meanwhile()
            os.write(fd, answer)
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@case("setup: on a terminal it asks")
def _(host):
    with place(host) as p:
        before = p.files()
        status, shown = on_terminal(p.command(), b"n\n")
        check_eq(status, 1, shown)
        check_in("write 3 files", shown)
        check_eq(p.files(), before)
        status, shown = on_terminal(p.command(), b"y\n")
        check_eq(status, 0, shown)
        check(os.path.exists(p.ours), shown)


@case("setup: what somebody edits while it asks is not lost")
def _(host):
    with place(host) as p:
        before = p.files()
        for path in (p.main_cf, p.auth, p.ours):
            def edit(path=path):
                with open(path, "a") as f:
                    f.write("# meanwhile\n")
            status, shown = on_terminal(p.command(), b"y\n", edit)
            check_eq(status, 75, shown)
            check_in("'%s' is not what it was when read: see who edits it, then run this again" % path, shown)
            check(p.read(path).endswith("# meanwhile\n"), path)
            after = p.theirs()
            name = os.path.relpath(path, p.tmp)
            check_eq({n for n in after if after[n] != before.get(n)}, {name})
            before[name] = after[name]
            for name in p.files():
                if ".vmaild-" in name:
                    os.unlink(os.path.join(p.tmp, name))
        check_eq(on_terminal(p.command(), b"y\n")[0], 0)
        check_in("# meanwhile\n", p.read(p.main_cf))


@case("setup: what somebody edits while it is tried is not taken back")
def _(host):
    with place(host) as p:
        p.program("doveconf", "[ ! -e %s ] || { echo '# meanwhile' >>%s; exit 89; }" % (p.ours, p.main_cf))
        done = p.run("--yes", code=75)
        check_in("cannot put the old '%s' back, for it was edited meanwhile; it is in %s.vmaild-" %
                 (p.main_cf, p.main_cf), done.stderr)
        check(p.read(p.main_cf).endswith("# meanwhile\n"))
        check(not os.path.exists(p.ours))


@case("setup: who interrupts it finds nothing that is left behind, and nothing that was not tried")
def _(host):
    with place(host) as p:
        before, seen = p.files(), os.path.join(p.tmp, "bin", "seen")
        # each sends the signal while it works, and would be struck by it too
        for signum in (signal.SIGTERM, signal.SIGINT):
            for name, when in (("diff", "*"), ("postconf", "*-e*"), ("doveconf", "*-n*")):
                p.program(name, 'case "$*" in %s) [ "%s" != doveconf -o -e %s ] && { echo "$*" >>%s; kill -%d $PPID $$; };; esac\n'
                          'exec %s "$@"' % (when, name, p.ours, seen, signum, shutil.which(name)))
                p.run("--yes", code=-signum)
                for path in re.findall(r"/tmp/vmailctl-\w+", p.read(seen)):
                    check(not os.path.exists(path), path, "stays behind")
                check_eq(p.theirs(), before, name)
                for n in ("seen", name):
                    os.unlink(os.path.join(p.tmp, "bin", n))
        p.run("--yes")


@case("setup: a Postfix that it has set up asks vmaild, and keeps its own lines")
def _(host):
    with place(host) as p:
        mine = Postfix(os.path.join(p.tmp, "mine"))
        mine.configure("")
        planned = p.run("dovecot", "--dry-run", "--postfix", mine.config).stdout
        check_in("unix_listener %s/private/dovecot-lmtp {" % mine.queue, planned)
        p.run("postfix", "--yes", "--postfix", mine.config)
        table = mine.run("postconf", "-h", "virtual_alias_maps").stdout.strip()
        done = mine.run("postmap", "-q", "post@example.test", table)
        check_eq(done.stdout, "harry@example.test\n", done.stderr)
        check_in("\ndefault_transport = error:nothing leaves this machine\n",
                 p.read(os.path.join(mine.config, "main.cf")))
