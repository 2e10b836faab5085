-- SPDX-License-Identifier: ISC
--
-- The file that `vmailctl views publish` makes: the views of vmaild-views(7) as tables of the same
-- names, columns and types, with nothing else in it. Compiled in by src/store/queries.awk.

-- open
-- A file that nobody reads before it is complete needs no journal.
PRAGMA journal_mode = OFF;

-- mark
-- "vmvw": what tells such a file from every other.
PRAGMA application_id = 0x766d7677;

-- begin
-- All of it is one transaction.
BEGIN;

-- commit
-- The end.
COMMIT;

-- domain
-- The view v1_domain.
CREATE TABLE v1_domain (
    domain TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, target TEXT, created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- domain_row
-- One of its rows.
INSERT INTO v1_domain VALUES (?1, ?2, ?3, ?4);

-- user
-- The view v1_user.
CREATE TABLE v1_user (
    address TEXT NOT NULL PRIMARY KEY, local_part TEXT NOT NULL, domain TEXT NOT NULL,
    state TEXT NOT NULL, receives INTEGER NOT NULL, sends INTEGER NOT NULL, reason TEXT, home TEXT, mail TEXT,
    mail_driver TEXT, mail_path TEXT, uid INTEGER, gid INTEGER, quota INTEGER, quota_rule TEXT, quota_storage_size TEXT, networks TEXT,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- user_by_domain
-- The users of a domain.
CREATE INDEX v1_user_by_domain ON v1_user (domain);

-- user_row
-- One of its rows.
INSERT INTO v1_user VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18);

-- login
-- The view v1_login.
CREATE TABLE v1_login (
    address TEXT NOT NULL PRIMARY KEY, password TEXT NOT NULL, local_part TEXT NOT NULL,
    domain TEXT NOT NULL, state TEXT NOT NULL, receives INTEGER NOT NULL, sends INTEGER NOT NULL, reason TEXT,
    home TEXT, mail TEXT, mail_driver TEXT, mail_path TEXT, uid INTEGER, gid INTEGER, quota INTEGER, quota_rule TEXT, quota_storage_size TEXT,
    networks TEXT, created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- login_by_domain
-- The same of those who have a password.
CREATE INDEX v1_login_by_domain ON v1_login (domain);

-- login_row
-- One of its rows.
INSERT INTO v1_login VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
    ?19);

-- alias
-- The view v1_alias.
CREATE TABLE v1_alias (
    address TEXT NOT NULL, domain TEXT, position INTEGER NOT NULL, target TEXT NOT NULL, folded TEXT NOT NULL,
    target_domain TEXT NOT NULL, disabled INTEGER NOT NULL, expires INTEGER, internal INTEGER NOT NULL,
    PRIMARY KEY (address, position)
) STRICT, WITHOUT ROWID;

-- alias_by_domain
-- The aliases of a domain.
CREATE INDEX v1_alias_by_domain ON v1_alias (domain);

-- alias_by_target
-- Which aliases lead to an address, or into a domain.
CREATE INDEX v1_alias_by_target ON v1_alias (target_domain, folded);

-- alias_row
-- One of its rows.
INSERT INTO v1_alias VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
