-- SPDX-License-Identifier: ISC
--
-- What Dovecot's pgsql driver asks the views of vmaild-views(7), printed by `vmailctl config dovecot`.
-- Before that the parameters are replaced by what Dovecot and vmaild.conf say in their place: :user,
-- :service, and for what is NULL :home, :uid, :gid and :mail, of which 2.4 takes :driver and :path.
-- Dovecot is a user of its own, whose search path is not ours. Compiled in by src/store/queries.awk;
-- tests/interop/dovecot_pg.py has a Dovecot ask them.

-- passdb_23
-- A login, with all that a mail process needs to know. An account that may not is as good as none.
SELECT address AS user, password, networks AS allow_nets,
    coalesce(home, :home) AS userdb_home, coalesce(uid, :uid) AS userdb_uid,
    coalesce(gid, :gid) AS userdb_gid, coalesce(mail, :mail) AS userdb_mail,
    quota_rule AS userdb_quota_rule
FROM vmaild.v1_login
WHERE address = :user AND CASE WHEN :service IN ('smtp', 'submission') THEN sends ELSE receives END = 1;

-- userdb_23
-- Where mail lives. Nobody's, for those who deliver, when the account gets no mail.
SELECT address AS user, coalesce(home, :home) AS home, coalesce(uid, :uid) AS uid,
    coalesce(gid, :gid) AS gid, coalesce(mail, :mail) AS mail, quota_rule
FROM vmaild.v1_user
WHERE address = :user AND (receives = 1 OR :service NOT IN ('lmtp', 'lda'));

-- passdb_24
-- The same for Dovecot 2.4.
SELECT address AS user, password, networks AS allow_nets,
    coalesce(home, :home) AS userdb_home, coalesce(uid, :uid) AS userdb_uid,
    coalesce(gid, :gid) AS userdb_gid, coalesce(mail_driver, :driver) AS userdb_mail_driver,
    coalesce(mail_path, :path) AS userdb_mail_path, quota_storage_size AS userdb_quota_storage_size
FROM vmaild.v1_login
WHERE address = :user AND CASE WHEN :service IN ('smtp', 'submission') THEN sends ELSE receives END = 1;

-- userdb_24
-- The same for Dovecot 2.4.
SELECT address AS user, coalesce(home, :home) AS home, coalesce(uid, :uid) AS uid,
    coalesce(gid, :gid) AS gid, coalesce(mail_driver, :driver) AS mail_driver,
    coalesce(mail_path, :path) AS mail_path, quota_storage_size
FROM vmaild.v1_user
WHERE address = :user AND (receives = 1 OR :service NOT IN ('lmtp', 'lda'));

-- iterate
-- Everybody. A list of all is a walk through all, in the order they lie in.
SELECT address AS user FROM vmaild.v1_user WHERE address > '' ORDER BY address;
