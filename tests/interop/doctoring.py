# SPDX-License-Identifier: ISC
#
# vmailctl doctor on a real host: all is well on a good one; and each fault, planted by itself in a copy of the
# configuration, is found, under its own code and no other.

import contextlib
import json
import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import tempfile
import threading

from cases import case, rows
from dovecot import VERSION
from harness import Skip, check, check_eq, check_in, listener, write_file
from ways import HERE, by

# These depend on the machine that the tests run on.
WEATHER = {"clock", "disk", "postfix-disk"}


class Patient:
    """Copies of the configuration of HOST that may be spoiled. What is asked is the host itself."""

    def __init__(self, host, tmp):
        self.host, self.tmp = host, tmp
        self.postfix = os.path.join(tmp, "etc")
        shutil.copytree(host.postfix.config, self.postfix)
        self.dovecot = os.path.join(tmp, "dovecot.conf")
        shutil.copy(host.dovecot.file, self.dovecot)
        self.conf = os.path.join(tmp, "vmaild.conf")
        shutil.copy(host.site.conf, self.conf)
        self.path = os.environ["PATH"]

    def edit(self, path, pattern, text):
        with open(path) as f:
            old = f.read()
        new = re.sub(pattern, lambda _: text, old, flags=re.M)
        check(new != old, "no", pattern, "in", path)
        with open(path, "w") as f:
            f.write(new)

    def main_cf(self, *lines):
        """Later lines win."""
        path = os.path.join(self.postfix, "main.cf")
        with open(path, "a") as f:
            f.write("\n" + "\n".join(lines) + "\n")
        os.utime(path, (0, 0))

    def passdb(self, text):
        """TEXT in place of the passdb in the configuration of Dovecot."""
        self.edit(self.dovecot, r"^passdb .*{\n(?:.*\n)*?}\n", text)

    def program(self, name, text):
        """Put a program in front of all others of that name."""
        where = os.path.join(self.tmp, "bin")
        os.makedirs(where, exist_ok=True)
        write_file(os.path.join(where, name), "#!/bin/sh\n" + text + "\n", 0o755)
        self.path = where + ":" + os.environ["PATH"]

    def run(self, *options):
        return subprocess.run(
            [self.host.site.program("vmailctl"), "-c", self.conf, "doctor", "--postfix", self.postfix, "--dovecot",
             self.dovecot, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, timeout=120, env=dict(os.environ, PATH=self.path))

    def findings(self):
        done = self.run("--json")
        found = json.loads(done.stdout)
        flows = not any(f["severity"] == "error" for f in found)
        check_eq(done.returncode, 0 if flows else 1, found, done.stderr)
        return found


@contextlib.contextmanager
def patient(host):
    tmp = tempfile.mkdtemp(prefix="vm-doc-", dir="/tmp")
    os.chmod(tmp, 0o755)
    try:
        yield Patient(host, tmp)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


@case("doctor: a good host is well")
def _(host):
    with patient(host) as p:
        found = p.findings()
        bad = [f for f in found if f["severity"] != "ok" and f["code"] not in WEATHER]
        check_eq(bad, [])
        check_eq(len({f["code"] for f in found}), 38)
        text = p.run().stdout
        check_in("\nmail would flow\n", text)
        check_in("ok       listener\n", text)


# What each release says of logins that do not go to vmaild.
OF_OTHERS = {"2.3": "passdb {\n  driver = static\n  args = password=x\n}\n",
             "2.4": "passdb static {\n  password = x\n}\n"}
OF_THE_SYSTEM = {"2.3": "\npassdb {\n  driver = pam\n}\n", "2.4": "\npassdb pam {\n}\n"}
HOMES = {"2.3": "\nuserdb {\n  driver = static\n  args = uid=vmail gid=vmail home=/var/vmail/%n\n}\n",
         "2.4": "\nuserdb static {\n  fields {\n    home = /var/vmail/%{user | username}\n  }\n}\n"}
USERS = {"2.3": "\npassdb {\n  driver = passwd-file\n  args = username_format=%%n /etc/dovecot/users\n%s}\n",
         "2.4": "\npassdb old {\n  driver = passwd-file\n  passwd_file_path = /etc/dovecot/users\n%s}\n"}


def users(more=""):
    return USERS[VERSION or "2.3"] % more


def in_front(text):
    """TEXT before the databases that ask vmaild."""
    return dovecot(r"^(?=protocols = )", text)


def behind(text):
    return dovecot(r"\Z", text)


def nested(text):
    return "\nprotocol imap {%s}\n" % text


# --- faults -----------------------------------------------------------------------------------------

def main_cf(*lines):
    return lambda p: p.main_cf(*lines)


def no_submission(*lines):
    """What master.cf says of its own services for logins is gone, and main.cf has LINES."""
    def plant(p):
        p.edit(os.path.join(p.postfix, "master.cf"), r"^.*smtpd_tls_auth_only = no.*\n", "")
        os.utime(os.path.join(p.postfix, "master.cf"), (0, 0))
        p.main_cf(*lines)
    return plant


def conf(pattern, text):
    return lambda p: p.edit(p.conf, pattern, text)


def dovecot(pattern, text):
    return lambda p: p.edit(p.dovecot, pattern, text)


def dovecot_24(p):
    p.program("dovecot", "echo '2.4.1-4 (deadbeef)'")


def other_script(p):
    path = os.path.join(p.tmp, "other.lua")
    write_file(path, "-- it knows nobody\n")
    p.passdb("passdb lua {\n  lua_file = %s\n}\n" % path)


def fresh_store(p):
    """A store of our own to spoil."""
    where = os.path.join(p.tmp, "store")
    p.edit(p.conf, r"^store = .*", 'store = "sqlite:%s/vmail.db"' % where)
    subprocess.run([p.host.site.program("vmailctl"), "-c", p.conf, "init"], check=True)
    subprocess.run([p.host.site.program("vmailctl"), "-c", p.conf, "domain", "add", "example.test"], check=True)
    return os.path.join(where, "vmail.db")


def no_store(p):
    p.edit(p.conf, r"^store = .*", 'store = "sqlite:%s/none/vmail.db"' % p.tmp)


def damaged(p):
    path = fresh_store(p)
    size = os.path.getsize(path)
    with open(path, "r+b") as f:
        f.seek(size - 4096)
        f.write(b"\xff" * 4096)


def readable(p):
    os.chmod(fresh_store(p), 0o664)


def foreign(p):
    os.chown(fresh_store(p), 1, 1)


def cured(host):
    """What doctor says is to be done helps."""
    with patient(host) as p:
        foreign(p)
        cure = [f["cure"] for f in p.findings() if f["code"] == "store-permissions" and f["severity"] == "error"][0]
        subprocess.run(["sh", "-c", cure.removeprefix("as root: ")], check=True)
        check_eq([f["severity"] for f in p.findings() if f["code"] == "store-permissions"], ["ok"])


def odd_name(line):
    """A mailbox with a name, and the line by which Dovecot is told of names."""
    def plant(p):
        fresh_store(p)
        subprocess.run([p.host.site.program("vmailctl"), "-c", p.conf, "user", "add", "--no-password",
                        "o'brien@example.test"], check=True, stderr=subprocess.DEVNULL)
        if line != "auth_username_chars =":
            p.edit(p.dovecot, r"^auth_username_chars =.*", line)
    return plant


def own_plugins(**lists):
    """Protocols with lists of their own, which are not added to that of all."""
    return behind("".join("\nprotocol %s {\n  mail_plugins = %s\n}\n" % (name, lists[name]) for name in lists))


def name_with(delimiter, block):
    """A mailbox with it in its name, and what Dovecot is told of its LMTP."""
    def plant(p):
        fresh_store(p)
        subprocess.run([p.host.site.program("vmailctl"), "-c", p.conf, "user", "add", "--no-password",
                        "harry%slists@example.test" % delimiter], check=True, stderr=subprocess.DEVNULL)
        if block is not None:
            p.edit(p.dovecot, r"\Z", "\n%s\n" % block)
    return plant


def splits_at(delimiters):
    def plant(p):
        fresh_store(p)
        subprocess.run([p.host.site.program("vmailctl"), "-c", p.conf, "domain", "set", "example.test", "--delimiters",
                        delimiters], check=True, stderr=subprocess.DEVNULL)
    return plant


def other_owner(p):
    """Mail that was brought along, and is another user's."""
    where = os.path.join(p.tmp, "old", "example.test", "harry")
    os.makedirs(where)
    os.chown(where, 54321, 54321)
    p.edit(p.conf, r"^mail-home = .*", 'mail-home = "%s/old/%%d/%%n"' % p.tmp)


def no_setgid(p):
    os.chmod(os.path.dirname(fresh_store(p)), 0o700)


def late(p):
    db = sqlite3.connect(fresh_store(p))
    db.execute("UPDATE change SET at = at + 100000")
    db.commit()
    db.close()


def silent(p):
    """A socket where something else answers."""
    path = os.path.join(p.tmp, "other.sock")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    os.chmod(path, 0o666)
    server.listen()

    def serve():
        with contextlib.suppress(OSError):
            while True:
                with server.accept()[0] as s:
                    s.sendall(b"220 not me\r\n")
    threading.Thread(target=serve, daemon=True).start()
    with open(p.conf, "a") as f:
        f.write(listener("unix:" + path, "userdb") + "\n")


def small_disk(p):
    """A disk of one megabyte, as far as this machine lets us have one."""
    where = os.path.join(p.tmp, "small")
    os.mkdir(where)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", where]).returncode != 0:
        raise Skip("no file system can be mounted here")
    try:
        p.edit(p.conf, r"^mail-home = .*", 'mail-home = "%s/%%d/%%n"' % where)
        found = p.findings()
    finally:
        subprocess.run(["umount", where], check=True)
    p.findings = lambda: found


def no_sockets(p):
    p.edit(p.conf, r'^listen "unix:%s" {' % re.escape(p.host.maps), 'listen "unix:%s/nothing.sock" {' % p.tmp)


def unreachable(p):
    """The twin of a socket, and the socket itself, in a mode that Postfix's user cannot use."""
    paths = [p.host.maps, p.host.postfix.queue + p.host.maps]
    modes = [stat.S_IMODE(os.stat(path).st_mode) for path in paths]
    for path in paths:
        os.chmod(path, 0o600)
    try:
        found = p.findings()
    finally:
        for path, mode in zip(paths, modes):
            os.chmod(path, mode)
    p.findings = lambda: found


def unreachable_for_dovecot(p):
    path = p.host.userdb
    mode = stat.S_IMODE(os.stat(path).st_mode)
    os.chmod(path, 0o600)
    try:
        found = p.findings()
    finally:
        os.chmod(path, mode)
    p.findings = lambda: found


def no_twin(p):
    """Another queue directory than the one that vmaild knows."""
    queue = os.path.join(p.tmp, "q")
    os.mkdir(queue)
    p.main_cf("queue_directory = " + queue, "virtual_transport = lmtp:unix:%s/private/dovecot-lmtp" %
              p.host.postfix.queue)


FAULTS = [
    ("a configuration that cannot be read", conf(r"^user = .*", "nonsense"), {"configuration": "error"}),
    ("no store", no_store, {"store": "error"}),
    ("a damaged store", damaged, {"store-integrity": "error"}),
    ("a store that everybody reads", readable, {"store-permissions": "error"}),
    ("a store of somebody else", foreign, {"store-permissions": "error"}),
    ("a directory without its setgid bit", no_setgid, {"store-permissions": "error"}),
    ("a clock behind the store", late, {"clock": "warning"}),
    ("a full disk", small_disk, {"disk": "error"}),
    ("something else on a listener", silent, {"listener": "error"}),
    ("nobody on the socket that main.cf names", no_sockets,
     {"listener": "error", "twin": "error", "reach": "error", "main-cf": "error", "probe": "error"}),
    ("sockets that Postfix's user cannot use", unreachable, {"reach": "error"}),
    ("a socket that Dovecot's user cannot use", unreachable_for_dovecot, {"dovecot-reach": "error"}),
    ("another queue directory, where no Postfix runs", no_twin,
     {"twin": "error", "reach": "error", "postfix-running": "error"}),
    ("no Postfix", lambda p: p.program("postconf", "exit 1"), {"postfix": "error"}),
    ("a message bigger than the disk", main_cf("message_size_limit = 900000000000000"), {"postfix-disk": "error"}),
    ("mailboxes of a file", main_cf("virtual_mailbox_maps = hash:/etc/postfix/vmailbox"), {"main-cf": "error"}),
    ("a socket of nobody", main_cf("virtual_alias_maps = socketmap:unix:/run/other.sock:aliases"),
     {"main-cf": "error"}),
    ("the wrong map", lambda p: p.main_cf("virtual_mailbox_maps = socketmap:unix:%s:aliases" % p.host.maps),
     {"main-cf": "error"}),
    ("the same by proxymap", lambda p: p.main_cf("virtual_alias_maps = proxy:socketmap:unix:%s:aliases" %
                                                 p.host.maps), {}),
    ("the same by tcp", lambda p: p.main_cf("virtual_alias_maps = tcp:localhost:%d" % p.host.tcp), {}),
    ("domains by Postfix's defaults", main_cf("virtual_alias_domains = $virtual_alias_maps",
                                              "virtual_mailbox_domains = $virtual_mailbox_maps"), {}),
    ("a map that nobody made", lambda p: p.main_cf("relay_domains = socketmap:unix:%s:relaydomains" % p.host.maps),
     {"map-names": "error"}),
    ("virtual(8)", main_cf("virtual_transport = virtual"),
     {"virtual-transport": "error", "lmtp": "notice"}),
    ("local(8)", lambda p: p.main_cf("alias_maps = socketmap:unix:%s:aliases" % p.host.maps),
     {"alias-maps": "error"}),
    ("no LMTP there", main_cf("virtual_transport = lmtp:unix:private/nobody"), {"lmtp": "error"}),
    ("something else than LMTP there", lambda p: p.main_cf("virtual_transport = lmtp:unix:" + p.host.auth),
     {"lmtp": "error"}),
    ("a domain on both sides", main_cf("mydestination = localhost, Example.test"), {"mydestination": "error"}),
    ("another delimiter", main_cf("recipient_delimiter = -"), {"delimiter": "warning"}),
    ("no delimiter", main_cf("recipient_delimiter ="), {"delimiter": "warning"}),
    ("another delimiter here", conf(r"\A", 'recipient-delimiter = "+-"\n'),
     {"delimiter": "warning", "dovecot-delimiter": "warning"}),
    ("no propagation", main_cf("propagate_unmatched_extensions = canonical"), {"propagation": "warning"}),
    ("logins elsewhere", main_cf("smtpd_sasl_path = private/auth"), {"logins": "warning"}),
    ("logins over TLS, and no TLS", no_submission(), {"login-tls": "error"}),
    ("logins over TLS, and no certificate", no_submission("smtpd_tls_security_level = may"), {"login-tls": "error"}),
    ("logins over TLS, and a certificate that is not there", no_submission(
        "smtpd_tls_security_level = may", "smtpd_tls_cert_file = /nowhere.pem"), {"login-tls": "error"}),
    ("logins over TLS", no_submission("smtpd_tls_security_level = may", "smtpd_tls_cert_file = /etc/passwd"), {}),
    ("logins by Cyrus", main_cf("smtpd_sasl_type = cyrus"), {"logins": "warning"}),
    ("no postmap", lambda p: p.program("postmap", "echo postmap: fatal: no such table >&2; exit 1"), {"probe": "error"}),
    ("a postmap that finds nothing", lambda p: p.program("postmap", "exit 1"), {"probe": "error"}),
    ("no Dovecot", lambda p: p.program("dovecot", "exit 1"), {"dovecot": "notice"}),
    ("a Dovecot that does not understand", dovecot(r"\Z", "\nnonsense = 1\n"), {"dovecot-conf": "error"}),
    ("a Dovecot that does not run", lambda p: p.edit(p.dovecot, r"^base_dir = .*", "base_dir = %s/run" % p.tmp),
     {"dovecot-running": "error"}),
    ("a passdb of others", lambda p: p.passdb(OF_OTHERS[VERSION or "2.3"]), {"dovecot-passdb": "error"}),
    ("system users", dovecot(r"\Z", OF_THE_SYSTEM[VERSION or "2.3"]), {"dovecot-system-users": "notice"}),
    ("a users file that is asked first", in_front(users()), {"dovecot-others": "warning"}),
    ("a users file that is asked when vmaild has refused", behind(users()), {"dovecot-others": "warning"}),
    ("a users file for one protocol", behind(nested(users())), {"dovecot-others": "warning"}),
    ("masters, and who is denied", in_front(users("  master = yes\n") + users("  deny = yes\n").replace("old", "no")),
     {}),
    ("homes of others that are asked first", in_front(HOMES[VERSION or "2.3"]), {"dovecot-others": "warning"}),
    ("homes for whom vmaild does not know", behind(HOMES[VERSION or "2.3"]), {"dovecot-others": "notice"}),
    ("mail of system users", behind(OF_THE_SYSTEM[VERSION or "2.3"].replace("passdb", "userdb").replace("pam", "passwd")),
     {"dovecot-system-users": "notice"}),
    ("no LMTP in Dovecot", dovecot(r"^protocols = .*", "protocols = imap"), {"dovecot-lmtp": "error"}),
    ("protocols as Debian writes them", dovecot(r"^protocols = .*", 'protocols = " imap lmtp"'), {}),
    ("a name that Dovecot does not take", odd_name(""), {"dovecot-names": "error"}),
    ("a name that is not in Dovecot's list", odd_name("auth_username_chars = abc@."),
     {"dovecot-names": "error"}),
    ("a name that is in Dovecot's list", odd_name("auth_username_chars = abcdefghijklmnopqrstuvwxyz@.'"), {}),
    ("a name that is left to vmaild", odd_name("auth_username_chars ="), {}),
    ("a protocol with plugins of its own, and IMAP's quota without quota", own_plugins(imap="imap_quota"),
     {"dovecot-quota": "error"}),
    ("a protocol with plugins of its own, and delivery without quota", own_plugins(lmtp="mail_log notify"),
     {"dovecot-quota": "warning"}),
    ("a protocol with plugins of its own, and all with quota", own_plugins(
        imap="notify mail_log quota imap_quota", lmtp="quota notify mail_log"), {}),
    ("no quota anywhere", lambda p: p.edit(p.dovecot, r"^ *mail_plugins = .*|^ +(imap_)?quota = yes$", ""), {}),
    ("a name that Dovecot cuts", name_with("+", None), {"dovecot-split": "error"}),
    ("a name that Dovecot would cut, but not in LMTP", name_with("+", "protocol lmtp {\n  recipient_delimiter =\n}"), {}),
    ("a name that Dovecot cuts in LMTP only", name_with("=", "protocol lmtp {\n  recipient_delimiter = =\n}"),
     {"dovecot-split": "error"}),
    ("delimiters of a domain, which Dovecot has not", splits_at("+-"), {"dovecot-domains": "warning"}),
    ("no delimiters of a domain", splits_at("none"), {}),
    ("mail of another user", other_owner, {"mail-owner": "error"}),
    ("no user who owns the mail", conf(r"^mail-user = .*", 'mail-user = "nosuchuser"'), {"mail-owner": "error"}),
    ("another delimiter in Dovecot", dovecot(r"\Z", "\nrecipient_delimiter = -\n"),
     {"dovecot-delimiter": "warning"}),
]


# For one release each: a way to vmaild that it has, spoiled.
FAULTS_23 = [
    ("checkpassword and Dovecot 2.4", dovecot_24, {"dovecot-passdb": "error"}),
    ("a helper that is not there", dovecot(r"/\S*/vmail-checkpassword", "/nowhere/vmail-checkpassword"),
     {"dovecot-passdb": "error"}),
    ("a certificate of Dovecot's that is not there", dovecot(
        r"\Z", "\nssl = yes\nssl_cert = </nowhere/cert.pem\nssl_key = </nowhere/key.pem\n"), {"dovecot-conf": "error"}),
]
FAULTS_24 = [
    ("a script that is not there", dovecot(r"/\S*/vmaild\.lua", "/nowhere/vmaild.lua"), {"dovecot-conf": "error"}),
    ("a script of others", other_script, {"dovecot-passdb": "error"}),
    ("a certificate of Dovecot's that is not there", dovecot(
        r"\Z", "\nssl = yes\nssl_server_cert_file = /nowhere/cert.pem\n"), {"dovecot-conf": "error"}),
    ("the store, which is another, by sql", lambda p: p.passdb(
        "sql_driver = sqlite\nsqlite_path = /srv/other.db\npassdb sql {\n  query = SELECT password FROM user\n}\n"),
     {"dovecot-passdb": "error"}),
]
FAULTS += FAULTS_24 if VERSION == "2.4" else FAULTS_23


def planted(host, plant, wanted):
    with patient(host) as p:
        plant(p)
        found = p.findings()
        got = {f["code"]: f["severity"] for f in found
               if f["severity"] != "ok" and (f["code"] in wanted or f["code"] not in WEATHER)}
        check_eq(got, wanted, json.dumps(found, indent=1))
        for f in found:
            check(f["text"], f)
            check(f["severity"] not in ("error", "warning") or f["cure"], f)


@rows([("doctor: a host whose logins go by %s is well" % way, way) for way in HERE])
def goes_by(host, way):
    with patient(host) as p:
        shutil.copy(by(host, way).file, p.dovecot)
        check_eq([f for f in p.findings() if f["severity"] != "ok" and f["code"] not in WEATHER], [])


for name, *row in FAULTS:
    case("doctor: " + name)(lambda host, row=row: planted(host, *row))


case("doctor: the cure for a store of somebody else helps")(cured)


@case("doctor: of what is not there nothing is said to be right")
def _(host):
    with patient(host) as p:
        check_in("dovecot-reach", [f["code"] for f in p.findings()])
        p.passdb(OF_OTHERS[VERSION or "2.3"])
        p.edit(p.dovecot, r"vmail-checkpassword|vmaild\.lua", "other")
        codes = [f["code"] for f in p.findings()]
        check("dovecot-reach" not in codes, codes)


@case("doctor: the daemon is down")
def _(host):
    with patient(host) as p, host.without_vmaild():
        found = p.findings()
        codes = {f["code"] for f in found if f["severity"] == "error"}
        check({"listener", "twin", "reach", "probe"} <= codes, codes)
        check_in("mail would not flow\n", p.run().stdout)


@case("doctor: an ordinary user is told what he cannot see")
def _(host):
    with patient(host) as p:
        done = subprocess.run(["setpriv", "--reuid", "bin", "--regid", "bin", "--clear-groups",
                               p.host.site.program("vmailctl"), "-c", p.conf, "doctor", "--postfix", p.postfix,
                               "--dovecot", p.dovecot, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=120)
        found = json.loads(done.stdout)
        check_eq([f for f in found if f["severity"] == "error"], [])
        unseen = {f["code"] for f in found if f["severity"] == "notice" and "root" in (f["cure"] or "")}
        check_eq({"store", "listener", "twin", "reach", "lmtp", "probe", "postfix-running", "dovecot-running",
                  "dovecot-reach"} - unseen, set())
        check_eq(done.returncode, 75)
        done = subprocess.run([*done.args[:-1]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120)
        check_in("as far as this user can see", done.stdout)
        p.main_cf("virtual_transport = virtual")
        done = subprocess.run(done.args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120)
        check_in("mail would not flow\n", done.stdout)
        check_eq(done.returncode, 1)
