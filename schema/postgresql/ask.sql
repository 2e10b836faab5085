-- SPDX-License-Identifier: ISC
--
-- A whole question of the resolver in one statement, so that it takes one way to the server and back, and all of
-- its facts are of one moment. Every candidate that exists is a row; which of them comes first is judged by who
-- asked (src/store/pg_ask.c). Named and compiled in as queries.sql.
--
-- Most of what a small statement costs a server is to open tables and indexes, and to begin and end their scans, found or
-- not. So what is known of a domain already is not asked again: from ask_domain to ask_both.

-- settings
-- What a connection is made to be; $1 is how long, in milliseconds, a statement may take, $2 the role of who asks. Its plans
-- shall not be made anew for every question. Who is no member of the role is a user of his own, and has what he has.
SELECT set_config('search_path', 'vmaild, pg_catalog, pg_temp', false), set_config('statement_timeout', $1, false),
    set_config('default_transaction_read_only', 'on', false), set_config('plan_cache_mode', 'force_generic_plan', false),
    set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false),
    (SELECT set_config('role', r.rolname, false) FROM pg_catalog.pg_roles r
        WHERE r.rolname = $2 AND pg_catalog.pg_has_role(r.oid, 'MEMBER'));

-- schema
-- The version of the schema; and 1 where a snapshot tells what all of our rows are (src/store/pg_memory.h): on a server that
-- has them, with tables and indexes of PostgreSQL's own making. What else speaks its protocol may call others by that name.
SELECT version, coalesce((
    SELECT (bool_and(c.relkind = 'r' AND m.amname = 'heap' OR c.relkind = 'i' AND m.amname = 'btree') AND count(*) = 10
        AND EXISTS (SELECT 1 FROM pg_catalog.pg_proc p WHERE p.proname = 'pg_current_snapshot'))::integer
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
    WHERE n.nspname = 'vmaild' AND c.relname IN ('store', 'domain', 'alias', 'alias_target', 'mailbox',
        'store_pkey', 'domain_pkey', 'alias_pkey', 'alias_target_pkey', 'mailbox_pkey')), 0)
FROM vmaild.store WHERE one = 1;

-- pulse
-- Asked of a standby, and of a server that does not say what it is: whether it is one; whether it is told nothing, or reads
-- nothing of what it is told; how far it has read; and how far its primary was by its last message, if we may see that
-- (pg_read_all_stats). Before the first message of a connection, when its two times are one, that is not known. Who
-- may not see it sees what has come: more than was read, or what was read before, where a connection begins (it
-- begins with a whole segment); what may change meanwhile is asked first. And for how many ms it may not have followed, at the
-- most: so long ago, by two hosts' clocks, the last transaction that it has read was committed.
SELECT pg_is_in_recovery()::integer,
    CASE WHEN pg_is_in_recovery() THEN (pg_is_wal_replay_paused() OR NOT EXISTS (SELECT 1 FROM pg_stat_wal_receiver WHERE
        CASE WHEN status IS NULL THEN NOT coalesce(pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()
            OR pg_last_wal_replay_lsn() > pg_last_wal_receive_lsn(), false)
        ELSE latest_end_lsn IS NOT NULL AND last_msg_send_time <> last_msg_receipt_time END))::integer ELSE 0 END,
    (pg_last_wal_replay_lsn() - '0/0')::bigint, (SELECT (latest_end_lsn - '0/0')::bigint FROM pg_stat_wal_receiver),
    (greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0) * 1000)::bigint;

-- ask_address
-- What most questions are: $1 domain, and in arrays $2 aliases and $3 mailboxes. It begins as all of them do: with the
-- state of the store, and the domain by its name or by the one that Postfix asks for it by. Each table and each column
-- of a statement costs time, asked for or not: so there is more than one statement, and what has several numbers to
-- tell packs them into one. All parts have columns of the same types, or each row would go through a step more; and
-- where EXISTS would do there is a LIMIT, for the planner may make a table of all aliases of an EXISTS.
SELECT 0 AS what, NULL::text AS key, NULL::text AS text, turn + 1 AS number, NULL::text AS target, NULL::text AS delimiters
FROM store
WHERE one = 1
UNION ALL
SELECT CASE WHEN name = $1 THEN 1 ELSE 2 END, name, kind, (2 * (coalesce(propagate, -1) + 1)
    + coalesce((SELECT 1 FROM alias p WHERE p.domain = d.name AND p.prefix IS NOT NULL LIMIT 1), 0))::bigint, target, delimiters
FROM domain d
WHERE name IN ($1, (SELECT o.name FROM domain o WHERE o.asked = $1))
UNION ALL
SELECT 3, address,
    array_to_string(ARRAY(SELECT t.target FROM alias_target t WHERE t.address = a.address ORDER BY t.position), E'\n'),
    4 * expires + 2 * disabled + internal, NULL::text, NULL::text
FROM alias a
WHERE address = ANY ($2::text[])
UNION ALL
SELECT 4, address, state, NULL::bigint, NULL::text, NULL::text
FROM mailbox
WHERE address = ANY ($3::text[]);

-- ask_domain
-- What is to be remembered of the domain $1: first in which snapshot, at which moment, by which of the server's processes.
-- The number of the domain is that of ask_address and 8 times what it holds (enum holds).
SELECT 0 AS what, pg_current_snapshot()::text AS key, (turn + 1)::text AS text, pg_backend_pid()::bigint AS number,
    $1::text AS target, NULL::text AS delimiters
FROM store
WHERE one = 1
UNION ALL
SELECT CASE WHEN name = $1 THEN 1 ELSE 2 END, name, kind, (2 * (coalesce(propagate, -1) + 1)
    + coalesce((SELECT 1 FROM alias p WHERE p.domain = d.name AND p.prefix IS NOT NULL LIMIT 1), 0)
    + coalesce((SELECT 8 FROM alias c WHERE c.address = '@' || d.name), 0)
    + coalesce((SELECT 16 FROM alias a WHERE a.domain = d.name AND a.address <> '@' || d.name LIMIT 1), 0)
    + coalesce((SELECT 32 FROM alias g WHERE g.domain = d.name AND strpos(g.address, '+') > 0 LIMIT 1), 0)
    + coalesce((SELECT 64 FROM alias s WHERE s.domain = d.name AND s.disabled + s.expires + s.internal > 0 LIMIT 1), 0)
    + coalesce((SELECT 128 FROM mailbox m WHERE m.domain = d.name LIMIT 1), 0)
    + coalesce((SELECT 256 FROM mailbox t WHERE t.domain = d.name AND strpos(t.address, '+') > 0 LIMIT 1), 0))::bigint,
    target, delimiters
FROM domain d
WHERE name IN ($1, (SELECT o.name FROM domain o WHERE o.asked = $1));

-- ask_moment
-- Where nothing of what is asked for can be there: the snapshot, and the process.
SELECT 0 AS what, pg_current_snapshot() AS key, NULL AS text, pg_backend_pid() AS number;

-- ask_target
-- The alias $1, of a domain with none that is anything else than its targets: one row, in which text is NULL when there
-- is no such alias, and empty when it has no target. Only for these two the alias itself is looked for.
SELECT 10 AS what, pg_current_snapshot() AS key,
    coalesce(nullif(array_to_string(ARRAY(SELECT target FROM alias_target WHERE address = $1 ORDER BY position), E'\n'), ''),
        (SELECT '' FROM alias WHERE address = $1)) AS text, pg_backend_pid() AS number;

-- ask_either
-- The same, and the mailbox $2: its state, or NULL.
SELECT 10 AS what, pg_current_snapshot() AS key,
    coalesce(nullif(array_to_string(ARRAY(SELECT target FROM alias_target WHERE address = $1 ORDER BY position), E'\n'), ''),
        (SELECT '' FROM alias WHERE address = $1)) AS text, pg_backend_pid() AS number,
    (SELECT state FROM mailbox WHERE address = $2) AS state;

-- ask_aliases
-- The aliases $1, whatever they are.
SELECT 0 AS what, pg_current_snapshot()::text AS key, NULL::text AS text, pg_backend_pid()::bigint AS number
UNION ALL
SELECT 3, address,
    array_to_string(ARRAY(SELECT t.target FROM alias_target t WHERE t.address = a.address ORDER BY t.position), E'\n'),
    4 * expires + 2 * disabled + internal
FROM alias a
WHERE address = ANY ($1::text[]);

-- ask_mailboxes
-- The mailboxes $1.
SELECT 0 AS what, pg_current_snapshot()::text AS key, NULL::text AS text, pg_backend_pid()::bigint AS number
UNION ALL
SELECT 4, address, state, NULL::bigint
FROM mailbox
WHERE address = ANY ($1::text[]);

-- ask_both
-- The aliases $1 and the mailboxes $2.
SELECT 0 AS what, pg_current_snapshot()::text AS key, NULL::text AS text, pg_backend_pid()::bigint AS number
UNION ALL
SELECT 3, address,
    array_to_string(ARRAY(SELECT t.target FROM alias_target t WHERE t.address = a.address ORDER BY t.position), E'\n'),
    4 * expires + 2 * disabled + internal
FROM alias a
WHERE address = ANY ($1::text[])
UNION ALL
SELECT 4, address, state, NULL::bigint
FROM mailbox
WHERE address = ANY ($2::text[]);

-- ask_entry
-- Entries of a plain map: $1 domain, $2 the map, $3 keys.
SELECT 0 AS what, NULL::text AS key, NULL::text AS text, turn + 1 AS number, NULL::text AS target, NULL::text AS delimiters
FROM store
WHERE one = 1
UNION ALL
SELECT CASE WHEN name = $1 THEN 1 ELSE 2 END, name, kind, (2 * (coalesce(propagate, -1) + 1)
    + coalesce((SELECT 1 FROM alias p WHERE p.domain = d.name AND p.prefix IS NOT NULL LIMIT 1), 0))::bigint, target, delimiters
FROM domain d
WHERE name IN ($1, (SELECT o.name FROM domain o WHERE o.asked = $1))
UNION ALL
SELECT 6, key, value, NULL::bigint, NULL::text, NULL::text
FROM entry
WHERE map = $2 AND key = ANY ($3::text[]);

-- ask_anything
-- All that can be asked, in any mixture: $1 domain, and in arrays $2 aliases, $3 mailboxes, $4 prefixes of patterns in the
-- domain, $6 keys of the entries of map $5, $7 maps, $8 other domains, $9 members of closed lists at the time $10.
SELECT 0 AS what, NULL::text AS key, NULL::text AS text, turn + 1 AS number, NULL::text AS target, NULL::text AS delimiters
FROM store
WHERE one = 1
UNION ALL
SELECT CASE WHEN name = $1 THEN 1 ELSE 2 END, name, kind, (2 * (coalesce(propagate, -1) + 1)
    + coalesce((SELECT 1 FROM alias p WHERE p.domain = d.name AND p.prefix IS NOT NULL LIMIT 1), 0))::bigint, target, delimiters
FROM domain d
WHERE name IN ($1, (SELECT o.name FROM domain o WHERE o.asked = $1))
UNION ALL
SELECT 3, address,
    array_to_string(ARRAY(SELECT t.target FROM alias_target t WHERE t.address = a.address ORDER BY t.position), E'\n'),
    4 * expires + 2 * disabled + internal, NULL::text, NULL::text
FROM alias a
WHERE address = ANY ($2::text[])
UNION ALL
SELECT 4, address, state, NULL::bigint, NULL::text, NULL::text
FROM mailbox
WHERE address = ANY ($3::text[])
UNION ALL
SELECT 5, prefix, string_agg(address, E'\n' ORDER BY address), NULL::bigint, NULL::text, NULL::text
FROM alias
WHERE domain = $1 AND prefix = ANY ($4::text[])
GROUP BY prefix
UNION ALL
SELECT 6, key, value, NULL::bigint, NULL::text, NULL::text
FROM entry
WHERE map = $5 AND key = ANY ($6::text[])
UNION ALL
SELECT 7, name, search, NULL::bigint, NULL::text, NULL::text
FROM map
WHERE name = ANY ($7::text[])
UNION ALL
SELECT 8, name, kind, NULL::bigint, asked, NULL::text
FROM domain
WHERE name = ANY ($8::text[]) OR asked = ANY ($8::text[])
UNION ALL
SELECT 9, k, NULL::text, NULL::bigint, NULL::text, NULL::text
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
