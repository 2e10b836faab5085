# SPDX-License-Identifier: ISC
#
# Moving in: what was imported from other systems gets its mail, and its people read it with the passwords they had.

import os

from cases import rows
from harness import check, check_eq, check_in

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "fixtures", "import")


@rows([
    # name, what is imported, an address written to, who gets it, his password, nobody there
    ("moving in: MariaDB tables with SHA256-CRYPT, by the catch-all", ["seeds/mariadb-sha256/maildb.sql"],
     "anything@exec64.co.uk", "harry@exec64.co.uk", "plaintext_password", "nobody@example.com"),
    ("moving in: PostgreSQL tables with md5, by an alias", ["seeds/postgres-md5/mail.sql"],
     "postmaster@yourdomain.tld", "foo@yourdomain.tld", "password", "nobody@yourdomain.tld"),
    ("moving in: MySQL tables with DES", ["--passwords", "crypt", "users=seeds/mysql-courier/users-crypt.tsv"],
     "cactus@virtualdomain.tld", "cactus@virtualdomain.tld", "secret", "pear@virtualdomain.tld"),
    ("moving in: PostfixAdmin, by an alias domain", ["postfixadmin/postfix.sql"],
     "anna@pfa-alias.test", "anna@pfa.test", "correct horse", "bert@pfa.test"),
])
def moves_in(host, arguments, address, user, password, nobody):
    words = []
    for word in arguments:
        name, equals, path = word.rpartition("=")
        whole = os.path.join(FIXTURES, path)
        words.append(name + equals + whole if os.path.exists(whole) else word)
    done = host.site.ctl_run("import", *words)
    check(done.returncode in (0, 1), done.stdout, done.stderr)
    mark, recipients, places = host.deliver(address)
    check_eq((recipients, places), ([user], [user]))
    imap = host.dovecot.login(user, password)
    imap.select("INBOX")
    check_eq(len(imap.search(None, "SUBJECT", mark)[1][0].split()), 1)
    imap.logout()
    check_in("AUTHENTICATIONFAILED", host.dovecot.refusal(user, password + "x"))
    check_eq(host.postfix.rcpt(nobody)[0], 550)
