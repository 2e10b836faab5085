-- SPDX-License-Identifier: ISC
--
-- What db_pg.c asks of a server for itself, beside the statements of queries.sql that every engine has.
-- Compiled in by src/store/queries.awk.

-- identify
-- What is in our schema: how much, and whether it is a store.
SELECT count(*), coalesce(max((c.relname = 'store' AND c.relkind = 'r')::integer), 0)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'vmaild';

-- turn
-- Whoever changes anything does this first, and whoever comes next waits here for the end of it.
-- Readers tell by the number whether two of their questions fell on both sides of a change.
UPDATE store SET turn = turn + 1 WHERE one = 1 RETURNING version;

-- wait
-- The same for who writes what no lookup reads.
SELECT version FROM store WHERE one = 1 FOR NO KEY UPDATE;
