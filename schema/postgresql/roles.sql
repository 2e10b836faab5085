-- SPDX-License-Identifier: ISC
--
-- Who may do what, as the roles that workers and admins connect as, or are members of. They belong to the
-- whole server, and each store gives them rights on its own tables. `vmailctl init` runs all of this, in
-- this order, and it may be run again. Compiled in by src/store/queries.awk.

-- count
-- How many of the roles there are, how many of them the store's owner can be, and who that is.
SELECT count(*), count(CASE WHEN pg_catalog.pg_has_role(n.nspowner, r.oid, 'MEMBER') THEN 1 END),
    coalesce(max(pg_catalog.pg_get_userbyid(n.nspowner)::text), '')
FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'vmaild'
WHERE r.rolname IN ('vmaild_lookup', 'vmaild_login', 'vmaild_recorder', 'vmaild_admin');

-- may
-- What no worker for lookups may, and what none for logins may, and as whom this one has connected.
SELECT pg_catalog.has_table_privilege('vmaild.credential', 'SELECT')::integer,
    pg_catalog.has_table_privilege('vmaild.mailbox', 'UPDATE')::integer, session_user;

-- make_lookup
-- For lookups: no passwords, no change log.
CREATE ROLE vmaild_lookup NOLOGIN;

-- make_login
-- For whoever checks passwords: these as well.
CREATE ROLE vmaild_login NOLOGIN IN ROLE vmaild_lookup;

-- make_recorder
-- The same, and writes what a login leaves behind: nothing else.
CREATE ROLE vmaild_recorder NOLOGIN IN ROLE vmaild_login;

-- make_admin
-- For whoever changes what is in the store, but not its tables.
CREATE ROLE vmaild_admin NOLOGIN;

-- be_all
-- Who made the store can be each of them, for workers that have no user of their own.
GRANT vmaild_lookup, vmaild_login, vmaild_recorder, vmaild_admin TO CURRENT_USER;

-- let_owner
-- The same where somebody else runs this, for the owner may make no roles.
DO $$ BEGIN EXECUTE pg_catalog.format('GRANT vmaild_lookup, vmaild_login, vmaild_recorder, vmaild_admin TO %I',
    (SELECT pg_catalog.pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'vmaild')); END $$;

-- enter
-- All of them find the tables,
GRANT USAGE ON SCHEMA vmaild TO vmaild_lookup, vmaild_login, vmaild_recorder, vmaild_admin;

-- lookup
-- and read what lookups are answered from.
GRANT SELECT ON store, domain, mailbox, alias, alias_target, map, entry TO vmaild_lookup;

-- login
-- Passwords, and what is remembered of logins.
GRANT SELECT ON credential, login, secret TO vmaild_login;

-- rehash
-- A hash of its own making in the place of an older one,
GRANT UPDATE (hash) ON credential TO vmaild_recorder;

-- remember
-- the last logins,
GRANT INSERT, DELETE, UPDATE (at) ON login TO vmaild_recorder;

-- log
-- a line in the change log, what it will be called, and whether the one before closed the store, but none of
-- what was changed,
GRANT INSERT, SELECT (id, what, subject) ON change TO vmaild_recorder;

-- turn
-- and to wait for its turn.
GRANT UPDATE (turn) ON store TO vmaild_recorder;

-- admin
-- Everything but the making of tables.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA vmaild TO vmaild_admin;
