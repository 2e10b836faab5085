-- SPDX-License-Identifier: ISC
--
-- What db_pg.c asks of a server for itself, beside the statements of queries.sql that every engine has.
-- Compiled in by src/store/queries.awk.

-- identify
-- What is in our schema: how much, whether it is a store, and whether who asks may look into it.
SELECT count(*), coalesce(max((c.relname = 'store' AND c.relkind = 'r')::integer), 0),
    coalesce(max(has_schema_privilege(n.oid, 'USAGE')::integer), 1)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'vmaild';

-- turn
-- Whoever changes anything does this first, and whoever comes next waits here for the end of it.
-- Readers tell by the number whether two of their questions fell on both sides of a change. Of SQL that is not ours,
-- and does not do this, they cannot tell (vmaild.conf(5) asks for it).
UPDATE store SET turn = turn + 1 WHERE one = 1 RETURNING version;

-- wait
-- The same for who writes what no lookup reads.
SELECT version FROM store WHERE one = 1 FOR NO KEY UPDATE;

-- size
-- How many bytes our tables take, with their indexes.
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'vmaild' AND c.relkind = 'r';
