# SPDX-License-Identifier: ISC
#
# The ways to a PostgreSQL server, in all three programs: TLS, password files, services, several hosts and what they
# may be, a standby; and what is said when one is wrong, which is never somebody's password.

import os
import shutil
import subprocess

from harness import Auth, Site, Socketmap, TIMEOUT, check, check_eq, check_in, scratch, wait_until
from helper_cases import Helper, as_dovecot
from pgserver import owner, servers, uri

PASSWORD, SECRET = "alohomora", "geheim"
FOUND = ("OK", "harry@example.com")
TRUSTED = "local all all trust\nhost all,replication postgres all trust\nhost replication all all trust\n"


def private(path, text, user=None):
    """A file that USER (a name; None: whoever runs the servers) alone can read."""
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o600)
    if os.geteuid() == 0 and user:
        shutil.chown(path, user)
    elif owner():
        os.chown(path, owner()["user"], owner()["group"])
    return path


def closed(server, how="host all all all scram-sha-256"):
    """Nobody but the servers' owner comes in without a password from here on; MAIL is a user with one."""
    server.sql("CREATE USER mail PASSWORD '%s' CREATEROLE" % SECRET)
    server.sql("CREATE DATABASE mail OWNER mail")
    with open(os.path.join(server.data, "pg_hba.conf"), "w") as f:
        f.write(TRUSTED + how + "\n")
    server.sql("SELECT pg_reload_conf()")


def ctl(site, *arguments, store=None, stdin="", **environment):
    """vmailctl with nobody's home, unless one is in ENVIRONMENT."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    env.update({"HOME": "/nonexistent", **environment})
    done = subprocess.run([site.program("vmailctl"), "-c", site.conf, *(["--store", store] if store else []), *arguments],
                          env=env, input=stdin, capture_output=True, text=True, timeout=TIMEOUT)
    check(SECRET not in done.stdout + done.stderr, "a password in:", arguments, done.stdout, done.stderr)
    return done


def fill(site, **environment):
    for arguments, stdin in ((("init",), ""), (("domain", "add", "example.com"), ""),
                             (("user", "add", "--password-stdin", "harry@example.com"), PASSWORD + "\n"),
                             (("alias", "add", "post@example.com", "harry@example.com"), "")):
        done = ctl(site, *arguments, stdin=stdin, **environment)
        check_eq((done.returncode, done.stderr), (0, ""), arguments)


def serves(site, **environment):
    """The daemon and the helper on this store: a lookup, logins, and an edit that the next lookup knows of."""
    with site.start(environment={"HOME": "/nonexistent", **environment}) as daemon:
        with Socketmap(site.maps) as maps, Auth(site.auth) as auth:
            check_eq(maps.ask("aliases", "post@example.com"), FOUND)
            check_eq(maps.ask("aliases", "nobody@example.com"), ("NOTFOUND", ""))
            check_eq(auth.plain("harry@example.com", PASSWORD).word, "OK")
            check_eq(auth.plain("harry@example.com", "wrong").word, "FAIL")
            check_eq(ctl(site, "alias", "add", "new@example.com", "harry@example.com", **environment).returncode, 0)
            check_eq(maps.ask("aliases", "new@example.com"), FOUND)
            check_eq(ctl(site, "alias", "remove", "new@example.com", **environment).returncode, 0)
        check_eq([helper(site, PASSWORD), helper(site, "wrong")], [0, 1])
    check(SECRET not in daemon.log.text, "a password in the log:", daemon.log.text)
    return daemon.log.text


def helper(site, password):
    """How vmail-checkpassword ends, as Dovecot runs it: it asks the daemon, whatever the store is."""
    input = b"harry@example.com\0" + password.encode() + b"\0\0"
    return Helper([site.program("vmail-checkpassword"), "-c", site.conf, shutil.which("true")], as_dovecot(), input).wait().code


def refused(site, says, *arguments, store=None, status=75, **environment):
    done = ctl(site, *(arguments or ("domain", "list")), store=store, **environment)
    check_eq(done.returncode, status, done.stdout, done.stderr)
    check_in(says, done.stderr)
    return done.stderr


# --- TLS

def openssl(*arguments, cwd):
    done = subprocess.run(["openssl", *arguments], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    check_eq(done.returncode, 0, arguments, done.stderr)


def authority(directory, name):
    """A CA of our own: its certificate."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
            "-days", "30", "-keyout", name + ".key", "-out", name + ".crt", cwd=directory)
    return os.path.join(directory, name + ".crt")


def certified(server, directory, ca):
    """SERVER speaks TLS by a certificate of CA that is for localhost alone."""
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
            "-keyout", "server.key", "-out", "server.csr", cwd=directory)
    with open(os.path.join(directory, "names"), "w") as f:
        f.write("subjectAltName = DNS:localhost\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", ca + ".crt", "-CAkey", ca + ".key", "-CAcreateserial",
            "-days", "30", "-extfile", "names", "-out", "server.crt", cwd=directory)
    for name in ("server.key", "server.crt"):
        with open(os.path.join(directory, name)) as f:
            private(os.path.join(server.data, name), f.read())
    server.sql("ALTER SYSTEM SET ssl = on")
    server.sql("SELECT pg_reload_conf()")


def tls(env):
    with scratch() as tmp, servers(tmp, "one") as (one,):
        ours, others = authority(tmp, "ours"), authority(tmp, "others")
        certified(one, tmp, "ours")
        closed(one, "hostssl all all all scram-sha-256")
        there = "postgresql://mail@%%s:%d/mail?sslmode=verify-full&sslrootcert=%%s" % one.port
        site = Site(env.build, tmp, store=there % ("localhost", ours), lookup_workers=1, lookup_deadline=10000)
        site.configure(store=site.settings["store"] + "&passfile=" + private(tmp + "/pass", "localhost:*:*:mail:%s\n" % SECRET, site.user))
        fill(site)
        log = serves(site)
        check("store" not in "".join(line for line in log.splitlines() if "warning" in line), log)
        check_eq(one.sql("SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'mail' AND NOT ssl"), "0")
        refused(site, "certificate verify failed", store=there % ("localhost", others))
        refused(site, "does not match host name", store=there % ("127.0.0.1", ours))
        refused(site, "root certificate file", store=there % ("localhost", tmp + "/none.crt"))
        refused(site, "no encryption", store="postgresql://mail@localhost:%d/mail?sslmode=disable" % one.port)


# --- passwords

def password_files(env):
    with scratch() as tmp, servers(tmp, "one") as (one,):
        closed(one)
        there = "postgresql://mail@127.0.0.1:%d/mail" % one.port
        site = Site(env.build, tmp, store=there, lookup_workers=1, lookup_deadline=10000)
        home = os.path.join(tmp, "home")
        os.mkdir(home)
        own = private(home + "/.pgpass", "127.0.0.1:%d:mail:mail:%s\n" % (one.port, SECRET), "root")
        fill(site, HOME=home)
        named = private(tmp + "/pass", "*:*:*:mail:%s\n" % SECRET, site.user)
        site.configure(store=there + "?passfile=" + named)
        serves(site)
        site.configure(store=there)
        wants = "wants a password"
        check_in(".pgpass", refused(site, wants))
        refused(site, "password authentication failed", PGPASSWORD="wrong")
        for mode in (0o644, 0o640, 0o604):
            os.chmod(own, mode)
            os.chmod(named, mode)
            check_in("0600", refused(site, wants, HOME=home))
            refused(site, wants, store=there + "?passfile=" + named)
        refused(site, wants, store=there + "?passfile=%s/none" % tmp)
        with open(named, "w") as f:
            f.write("*:*:*:mail:%s-no-more\n" % SECRET)
        os.chmod(named, 0o600)
        refused(site, "password authentication failed", store=there + "?passfile=" + named)


def untold_passwords(env):
    """However a URI is torn, no part of it that may be a password is told; a whole one may be in a closed file."""
    torn = ["postgresql://me:ge/heim@127.0.0.1:1/x", "postgresql://me:ge@heim@127.0.0.1:1/x", "postgresql://me:geheim%@db/x",
            "postgresql://127.0.0.1:geheim/x", "postgresql://me/geheim@db", "postgresql:host=x pasword=geheim", "postgresql:geheim",
            "postgresql:host=x password='geheim", "postgresql://me:geheim@127.0.0.1:1/x", "postgresql://127.0.0.1:1/x?password=geheim",
            "postgresql://127.0.0.1:1/x?sslpassword=geheim", "postgresql://me:geheim@[::1/x"]
    with scratch() as tmp:
        site = Site(env.build, tmp, store="postgresql://127.0.0.1:1/x", lookup_workers=1)
        for store in torn:
            told = ctl(site, "domain", "list", store=store).stderr
            check("heim" not in told and told, store, told)
            for mode in (0o640, 0o644):
                site.configure(store=store)
                os.chmod(site.conf, mode)
                for done in (ctl(site, "domain", "list"), site.run("-t"), ctl(site, "config", "show"), ctl(site, "doctor"),
                             ctl(site, "config", "dovecot", "--version", "2.4", "--passdb", "sql"),
                             ctl(site, "config", "dovecot", "--version", "2.3", "--passdb", "sql", "--sql-file")):
                    check("heim" not in done.stdout + done.stderr, store, done.args, done.stdout, done.stderr)


# --- services, and hosts

def services(env):
    with scratch() as tmp, servers(tmp, "one") as (one,):
        closed(one)
        passfile = private(tmp + "/pass", "*:*:*:mail:%s\n" % SECRET, "nobody")
        file = os.path.join(tmp, "services")
        site = Site(env.build, tmp, store="postgresql:service=mail", lookup_workers=1, lookup_deadline=10000)
        private(passfile, "*:*:*:mail:%s\n" % SECRET, site.user)

        def describe(*lines):
            with open(file, "w") as f:
                f.write("\n".join(["[mail]", *lines, ""]))

        describe("host=127.0.0.1", "port=%d" % one.port, "user=mail", "dbname=mail", "passfile=" + passfile)
        fill(site, PGSERVICEFILE=file)
        serves(site, PGSERVICEFILE=file)
        site.configure(store="postgresql://?service=mail")
        describe("host=127.0.0.1,127.0.0.1", "port=1,%d" % one.port, "user=mail", "dbname=mail", "passfile=" + passfile,
                 "target_session_attrs=read-write")
        serves(site, PGSERVICEFILE=file)
        # a service that is not there is not the server of this host, and not the database of this user
        refused(site, 'definition of service "mail" not found')
        refused(site, 'definition of service "other" not found', store="postgresql:service=other", PGSERVICEFILE=file)
        describe("host=127.0.0.1", "pasword=" + SECRET)
        refused(site, "syntax error in service file", PGSERVICEFILE=file)


def hosts(env):
    """A primary and its standby: changes find the primary wherever it stands, and a standby alone can be read."""
    with scratch() as tmp, servers(tmp, "one", "two") as (one, two):
        site = Site(env.build, tmp, store=uri(two, one), lookup_workers=1, lookup_deadline=10000)
        fill(site)
        wait_until(lambda: two.has(one), "the standby to follow")
        for options in ("?target_session_attrs=prefer-standby", "?target_session_attrs=standby", "?target_session_attrs=read-only",
                        "?target_session_attrs=primary", "?target_session_attrs=read-write", "?target_session_attrs=any", ""):
            for store in (uri(two, one, options=options), uri(one, two, options=options)):
                domain = "d%d.test" % len(ctl(site, "domain", "list", "--names", store=store).stdout.splitlines())
                done = ctl(site, "domain", "add", domain, store=store)
                check_eq((done.returncode, done.stderr), (0, ""), store)
                check_in(domain, ctl(site, "domain", "list", "--names", store=store).stdout)
        site.configure(store=uri(two, one, options="?target_session_attrs=prefer-standby"))
        wait_until(lambda: two.has(one), "the standby to follow")
        with site.start(), Socketmap(site.maps) as maps, Auth(site.auth) as auth:
            check_eq(maps.ask("aliases", "post@example.com"), FOUND)
            check_eq(auth.plain("harry@example.com", PASSWORD).word, "OK")
            wait_until(lambda: one.sql("SELECT mailbox FROM vmaild.login") == "harry@example.com", "the login to be written")
        alone = uri(two)
        wait_until(lambda: two.has(one), "the standby to follow")
        check_in("example.com", ctl(site, "domain", "list", store=alone).stdout)
        check_eq(ctl(site, "lookup", "aliases", "post@example.com", store=alone).stdout, "harry@example.com\n")
        check_eq(ctl(site, "backup", tmp + "/backup", store=alone).returncode, 0)
        for change in (("domain", "add", "x.test"), ("user", "remove", "harry@example.com"), ("undo",), ("restore", "--yes", tmp + "/backup")):
            refused(site, "primary", *change, store=alone)
        check_in("standby", refused(site, "primary", "init", store=alone))
        one.stop()
        check_in("harry", ctl(site, "user", "list").stdout)
        refused(site, "primary", "domain", "add", "x.test")
        two.promote()
        check_eq(ctl(site, "domain", "add", "x.test").returncode, 0)


def bad_days(env):
    """What a store that cannot be used is called, in the terms of whoever has to mend it."""
    with scratch() as tmp, servers(tmp, "one") as (one,):
        closed(one, "host all all all trust")
        one.sql("CREATE USER poor")
        there = "postgresql://%%s@127.0.0.1:%d/%%s" % one.port
        site = Site(env.build, tmp, store=there % ("mail", "mail"), lookup_workers=1)
        refused(site, "vmailctl init")
        fill(site)
        refused(site, 'database "nowhere" does not exist', store=there % ("mail", "nowhere"))
        refused(site, 'role "stranger" does not exist', store=there % ("stranger", "mail"))
        check_in("GRANT vmaild_admin", refused(site, "'poor'", store=there % ("poor", "mail")))
        check_in("GRANT vmaild_admin", refused(site, "'poor'", "init", store=there % ("poor", "mail")))
        one.sql("GRANT vmaild_admin TO poor")
        check_eq(ctl(site, "domain", "add", "poor.test", store=there % ("poor", "mail")).returncode, 0)
        refused(site, "Connection refused", store="postgresql://mail@127.0.0.1:1,127.0.0.1:2/mail")
        refused(site, "no.such.host.invalid", store="postgresql://mail@no.such.host.invalid/mail")
        psql = ["psql", "-XAtqh", one.dir, "-p", str(one.port), "-U", "postgres", "mail", "-c"]
        known = subprocess.run([*psql, "SELECT version FROM vmaild.store"], check=True, stdout=subprocess.PIPE, text=True).stdout
        for version, says in ((4, "vmailctl migrate"), (99, "newer")):
            subprocess.run([*psql, "UPDATE vmaild.store SET version = %d" % version], check=True)
            refused(site, says)
            refused(site, says, "lookup", "aliases", "post@example.com")
        subprocess.run([*psql, "UPDATE vmaild.store SET version = %s; DROP TABLE vmaild.entry CASCADE" % known], check=True)
        refused(site, "not complete", "map", "list", "transports")


def register(suite):
    suite.add("reach: TLS with a certificate that is checked, in all three programs", tls)
    suite.add("reach: passwords come from files that others cannot read", password_files)
    suite.add("reach: no text has a password in it, however a URI is torn", untold_passwords)
    suite.add("reach: service files, and several hosts in one", services)
    suite.add("reach: changes go to the primary, and a standby alone can be read", hosts)
    suite.add("reach: what is wrong is said plainly", bad_days)
