-- SPDX-License-Identifier: ISC
--
-- Whoever checks a password by v1_login knows of no limits to it. An own password that an earlier release let have some
-- is good nowhere but in vmaild, which keeps to them: so it is not among these.

PRAGMA user_version = 7;

DROP VIEW v1_login;

CREATE VIEW v1_login (address, password, local_part, domain, state, receives, sends, reason, home, mail,
    mail_driver, mail_path, uid, gid, quota, quota_rule, quota_storage_size, networks, created) AS
SELECT u.address,
    CASE WHEN c.hash GLOB '{*' THEN c.hash
        WHEN c.hash GLOB '$argon2id$*' THEN '{ARGON2ID}' || c.hash
        WHEN c.hash GLOB '$argon2i$*' THEN '{ARGON2I}' || c.hash
        ELSE '{CRYPT}' || c.hash END,
    u.local_part, u.domain, u.state, u.receives, u.sends, u.reason, u.home, u.mail,
    u.mail_driver, u.mail_path, u.uid, u.gid, u.quota, u.quota_rule, u.quota_storage_size, u.networks, u.created
FROM v1_user u JOIN credential c ON c.mailbox = u.address AND c.label = ''
    AND c.services IS NULL AND c.networks IS NULL AND c.expires = 0;
