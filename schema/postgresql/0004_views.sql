-- SPDX-License-Identifier: ISC
--
-- What other software may read: see vmaild-views(7), which promises every name and meaning here. A
-- change that would break a reader makes views v2_..., and these stay beside them.

UPDATE store SET version = 4;

CREATE VIEW v1_domain (domain, kind, target, created) AS
SELECT name, kind, target, created FROM domain;

-- No secrets here. What is NULL is as configured, in vmaild.conf. mail is maildir:/path:MORE, of which
-- Dovecot 2.4 takes the first two parts by themselves.
CREATE VIEW v1_user (address, local_part, domain, state, receives, sends, reason, home, mail, mail_driver,
    mail_path, uid, gid, quota, quota_rule, quota_storage_size, networks, created) AS
SELECT address,
    substr(address, 1, length(address) - length(domain) - 1),
    domain, state,
    (state IN ('active', 'receive-only'))::integer,
    (state IN ('active', 'send-only'))::integer,
    reason, home, mail,
    nullif(CASE WHEN strpos(mail, ':') > 0 THEN split_part(mail, ':', 1) END, ''),
    split_part(substr(mail, strpos(mail, ':') + 1), ':', 1),
    uid, gid,
    nullif(quota, 0),
    CASE WHEN quota > 0 THEN '*:bytes=' || quota::text END,
    CASE WHEN quota > 0 THEN quota::text || 'B' END,
    networks, created
FROM mailbox;

-- The same with the password, for whoever has to check one: always {SCHEME}data. App passwords are
-- not among them, for only vmaild can check those.
CREATE VIEW v1_login (address, password, local_part, domain, state, receives, sends, reason, home, mail,
    mail_driver, mail_path, uid, gid, quota, quota_rule, quota_storage_size, networks, created) AS
SELECT u.address,
    CASE WHEN c.hash LIKE '{%' THEN c.hash
        WHEN c.hash LIKE '$argon2id$%' THEN '{ARGON2ID}' || c.hash
        WHEN c.hash LIKE '$argon2i$%' THEN '{ARGON2I}' || c.hash
        ELSE '{CRYPT}' || c.hash END,
    u.local_part, u.domain, u.state, u.receives, u.sends, u.reason, u.home, u.mail,
    u.mail_driver, u.mail_path, u.uid, u.gid, u.quota, u.quota_rule, u.quota_storage_size, u.networks, u.created
FROM v1_user u JOIN credential c ON c.mailbox = u.address AND c.label = '';

-- A row for every target. folded is the target in the form that an address is stored in.
CREATE VIEW v1_alias (address, domain, position, target, folded, target_domain, disabled, expires, internal) AS
SELECT a.address, a.domain, t.position, t.target, t.folded, t.domain, a.disabled, nullif(a.expires, 0),
    a.internal
FROM alias a JOIN alias_target t ON t.address = a.address;
