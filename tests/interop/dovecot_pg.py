# SPDX-License-Identifier: ISC
#
# A Dovecot whose sql driver asks a PostgreSQL store, given exactly what `vmailctl config dovecot --passdb sql` prints:
# as a user of his own with a password, who may read two views and nothing else.

import glob
import imaplib
import os
import pwd
import re

import dovecot
from cases import need, suite
from dovecot import Dovecot
from harness import Skip, Site, check, check_eq, check_in, scratch, wait_until
from mailhost import MAIL_USER
from pgserver import programs, servers, uri

SECRET, PASSWORDS = "pq-geheim", {"harry@example.test": "alohomora", "o'neil%x@example.test": "Dublin's"}
HARRY = "harry@example.test"
FILES = {"/etc/dovecot/vmaild-sql.conf.ext": "vmaild-sql.conf.ext", "/etc/dovecot/vmaild.pgpass": "vmaild.pgpass"}


def printed(site, *options):
    done = site.ctl_run("config", "dovecot", "--passdb", "sql", *options)
    check_eq((done.returncode, done.stderr), (0, ""), options)
    return done.stdout


def grants(site):
    """What the comment says is to be done in the database."""
    return "".join(re.findall(r"(?m)^#   ((?:CREATE USER|GRANT) .*;)$", printed(site)))


def moved(text, top):
    """TEXT with the files of /etc/dovecot below TOP."""
    for path, name in FILES.items():
        text = text.replace(path, os.path.join(top, name))
    return text


def configure(site, server, top):
    """A Dovecot below TOP, not started."""
    there = Dovecot(top)
    private = os.path.join(top, "vmaild.pgpass")
    with open(private, "w") as f:
        f.write("*:*:*:dovecot:%s\n" % SECRET)
    os.chmod(private, 0o600)
    os.chown(private, pwd.getpwnam("dovecot").pw_uid, -1)
    if dovecot.VERSION == "2.3":
        with open(os.path.join(top, "vmaild-sql.conf.ext"), "w") as f:
            f.write(moved(printed(site, "--sql-file"), top))
    lines = re.sub(r"\S+/private/dovecot-lmtp", there.lmtp, moved(printed(site), top))
    there.configure(lines)
    return there


def close_to_strangers(server):
    with open(os.path.join(server.data, "pg_hba.conf"), "w") as f:
        f.write("local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256\n")
    server.sql("SELECT pg_reload_conf()")


def sql_on_a_server(env):
    need(dovecot)
    if not glob.glob("/usr/lib/dovecot/modules/**/libdriver_pgsql.so", recursive=True):
        raise Skip("needs Dovecot's pgsql driver (dovecot-pgsql)")
    programs()
    with scratch() as tmp, servers(tmp, "one") as (one,):
        mail = os.path.join(tmp, "mail")
        os.mkdir(mail)
        owner = pwd.getpwnam(MAIL_USER)
        os.chown(mail, owner.pw_uid, owner.pw_gid)
        site = Site(env.build, tmp, store=uri(one, options="?connect_timeout=5"), mail_user=MAIL_USER, mail_home=mail + "/%d/%n")
        site.init("example.test", users=PASSWORDS)
        site.ctl("user", "quota", HARRY, "1M")
        one.sql(grants(site) + "ALTER USER dovecot PASSWORD '%s'" % SECRET)
        close_to_strangers(one)
        there = configure(site, one, os.path.join(tmp, "d"))
        there.start()
        try:
            examine(site, there, one, mail)
        finally:
            there.stop()


def examine(site, there, server, mail):
    for user, password in PASSWORDS.items():
        there.login(user, password).logout()
        check_in("[AUTHENTICATIONFAILED]", there.refusal(user, password + "x"))
    for name in ('"\' OR \'1\' = \'1"', '"harry@example.test\' --"', '"%u@example.test"'):
        check_in("[AUTHENTICATIONFAILED]", there.refusal(name, PASSWORDS[HARRY]))
    status, text = there.doveadm("user", HARRY)
    check_eq(status, 0, text)
    place = dict(line.split("\t", 1) for line in text.splitlines())
    check_eq((place["home"], place["uid"]), (mail + "/example.test/harry", str(pwd.getpwnam(MAIL_USER).pw_uid)))
    check("quota_rule" in place or "quota_storage_size" in place, text)
    check_eq(there.doveadm("user", "nobody@example.test")[0], 67)
    check_eq(there.doveadm("user", "*"), (0, "".join("%s\n" % user for user in sorted(PASSWORDS))))
    # an edit counts at the next login
    site.ctl("user", "state", HARRY, "send-only")
    check_in("[AUTHENTICATIONFAILED]", there.refusal(HARRY, PASSWORDS[HARRY]))
    site.ctl("user", "state", HARRY, "active")
    site.ctl("user", "passwd", HARRY, "--password-stdin", stdin="another\n")
    there.login(HARRY, "another").logout()
    check_in("[AUTHENTICATIONFAILED]", there.refusal(HARRY, PASSWORDS[HARRY]))
    # and the user of the database sees no more than that
    may = server.sql("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                     " WHERE nspname = 'vmaild' AND relkind IN ('r', 'v') AND has_table_privilege('dovecot', pg_class.oid, 'SELECT')")
    check_eq(may, "v1_login v1_user")
    findings = site.ctl_run("doctor", "--dovecot", there.file, "--json").stdout
    check_in('"dovecot-passdb","severity":"ok"', findings.replace('": "', '":"').replace('", "', '","'))
    # no server is no answer, and then it goes on
    server.stop()
    check_in("[UNAVAILABLE]", there.refusal(HARRY, "another"))
    server.start()
    wait_until(lambda: goes(there, HARRY, "another"), "logins again")


def goes(there, user, password):
    try:
        there.login(user, password).logout()
    except imaplib.IMAP4.error as no:
        check_in("UNAVAILABLE", str(no))
        return False
    return True


suite.add("sql on PostgreSQL: Dovecot reads the views as a user of its own", sql_on_a_server)
