-- SPDX-License-Identifier: ISC
--
-- A whole question of the resolver in one statement, so that it takes one way to the server and back, and all of
-- its facts are of one moment. Every candidate that exists is a row; which of them comes first is judged by who
-- asked (src/store/pg_ask.c). Named and compiled in as queries.sql.

-- settings
-- What a connection is made to be; $1 is how long, in milliseconds, a statement may take, $2 the role of who asks. Its plans
-- shall not be made anew for every question. Who is no member of the role is a user of his own, and has what he has.
SELECT set_config('search_path', 'vmaild, pg_catalog, pg_temp', false), set_config('statement_timeout', $1, false),
    set_config('default_transaction_read_only', 'on', false), set_config('plan_cache_mode', 'force_generic_plan', false),
    set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false),
    (SELECT set_config('role', r.rolname, false) FROM pg_catalog.pg_roles r
        WHERE r.rolname = $2 AND pg_catalog.pg_has_role(r.oid, 'MEMBER'));

-- schema
-- The version of the schema.
SELECT version FROM vmaild.store WHERE one = 1;

-- pulse
-- Asked of a standby: whether what it knows may be old, for it is told nothing, or does not follow what it is told.
SELECT CASE WHEN pg_is_in_recovery() THEN (pg_is_wal_replay_paused() OR NOT EXISTS (SELECT 1 FROM pg_stat_wal_receiver)
    OR coalesce(pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn(), false))::integer ELSE 0 END;

-- ask
-- $1 domain, and in arrays what is asked for: $2 aliases, $3 mailboxes, $4 prefixes of patterns in the domain, $6 keys of the
-- entries of map $5, $7 maps, $8 other domains, $9 members of closed lists at the time $10.
SELECT 0 AS what, NULL AS key, NULL AS text, NULL AS target, NULL AS delimiters, 0 AS a, turn + 1 AS b, 0 AS c
FROM store
WHERE one = 1
UNION ALL
SELECT CASE WHEN name = $1 THEN 1 ELSE 2 END, name, kind, target, delimiters, coalesce(propagate, -1),
    CASE WHEN EXISTS (SELECT 1 FROM alias p WHERE p.domain = d.name AND p.prefix IS NOT NULL) THEN 1 ELSE 0 END, 0
FROM domain d
WHERE name = $1 OR asked = $1
UNION ALL
SELECT 3, address, (SELECT string_agg(t.target, E'\n' ORDER BY t.position) FROM alias_target t WHERE t.address = a.address),
    NULL, NULL, disabled, expires, internal
FROM alias a
WHERE address = ANY ($2::text[])
UNION ALL
SELECT 4, address, state, NULL, NULL, 0, 0, 0
FROM mailbox
WHERE address = ANY ($3::text[])
UNION ALL
SELECT 5, prefix, string_agg(address, E'\n' ORDER BY address), NULL, NULL, 0, 0, 0
FROM alias
WHERE domain = $1 AND prefix = ANY ($4::text[])
GROUP BY prefix
UNION ALL
SELECT 6, key, value, NULL, NULL, 0, 0, 0
FROM entry
WHERE map = $5 AND key = ANY ($6::text[])
UNION ALL
SELECT 7, name, search, NULL, NULL, 0, 0, 0
FROM map
WHERE name = ANY ($7::text[])
UNION ALL
SELECT 8, name, kind, asked, NULL, 0, 0, 0
FROM domain
WHERE name = ANY ($8::text[]) OR asked = ANY ($8::text[])
UNION ALL
SELECT 9, k, NULL, NULL, NULL, 0, 0, 0
FROM unnest($9::text[]) AS k
WHERE EXISTS (
    SELECT 1
    FROM alias_target t JOIN alias a ON a.address = t.address
    WHERE t.domain = $1 AND t.folded = k AND a.internal = 1 AND a.disabled = 0 AND (a.expires = 0 OR a.expires > $10));

-- login
-- All that a login to the mailbox $1 from the network $2 depends on (src/store/pg_person.c).
SELECT * FROM (SELECT 0 AS what, NULL::text AS a, (turn + 1)::text AS b, NULL::text AS c, NULL::text AS d, NULL::text AS e, NULL::text AS f,
    NULL::text AS g, NULL::text AS h, NULL::text AS i, NULL::text AS j, NULL::text AS k
FROM store
WHERE one = 1
UNION ALL
SELECT 1, address, home, quota::text, created::text,
    (EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.address AND c.label = ''))::integer::text, state, reason, mail,
    coalesce(uid, 0)::text, coalesce(gid, 0)::text, networks
FROM mailbox m
WHERE address = $1
UNION ALL
SELECT 2, label, hash, services, networks, expires::text, NULL, NULL, NULL, NULL, NULL, NULL
FROM credential
WHERE mailbox = $1
UNION ALL
SELECT 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
WHERE EXISTS (SELECT 1 FROM login WHERE mailbox = $1 AND network = $2)
UNION ALL
SELECT 4, value, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM secret
WHERE name = 'app-password') AS known
ORDER BY what, a COLLATE "C";

-- account
-- The mailbox $1, by the same columns.
SELECT 0 AS what, NULL::text AS a, (turn + 1)::text AS b, NULL::text AS c, NULL::text AS d, NULL::text AS e, NULL::text AS f,
    NULL::text AS g, NULL::text AS h, NULL::text AS i, NULL::text AS j, NULL::text AS k
FROM store
WHERE one = 1
UNION ALL
SELECT 1, address, home, quota::text, created::text,
    (EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.address AND c.label = ''))::integer::text, state, reason, mail,
    coalesce(uid, 0)::text, coalesce(gid, 0)::text, networks
FROM mailbox m
WHERE address = $1;

-- people
-- The mailboxes behind $1 in the order of their addresses, $2 of them at the most.
SELECT * FROM (SELECT 0 AS what, NULL::text AS a, (turn + 1)::text AS b
FROM store
WHERE one = 1
UNION ALL
SELECT 1, address, NULL
FROM (SELECT address FROM mailbox WHERE address > $1 ORDER BY address LIMIT $2::bigint) AS page) AS known
ORDER BY what, a COLLATE "C";
