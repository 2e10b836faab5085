-- SPDX-License-Identifier: ISC
--
-- Every statement the store runs. A comment line with nothing but a name opens one, the comment
-- after it says what it is for. Compiled in by src/store/queries.awk; tests/store/test_queries
-- reads the plan of each: no scans.

-- begin_read
-- A read transaction; the first statement in it takes the view.
BEGIN;

-- begin_write
-- A write transaction, with the lock taken at once so that it cannot fail half way.
BEGIN IMMEDIATE;

-- commit
-- The end of either.
COMMIT;

-- rollback
-- The other end.
ROLLBACK;

-- savepoint
-- One change among the many of a write transaction.
SAVEPOINT one;

-- release
-- It stays,
RELEASE one;

-- rollback_to
-- or leaves no trace (and release ends it).
ROLLBACK TO one;

-- version
-- The schema's version. Also what makes a read transaction take its view.
PRAGMA user_version;

-- ## lookups: one statement per kind of row

-- ask_domain
-- What the resolver must know of a domain, whatever it looks for there.
SELECT kind, target, delimiters, coalesce(propagate, -1),
    EXISTS (SELECT 1 FROM alias WHERE domain = d.name AND prefix IS NOT NULL)
FROM domain d
WHERE name = ?1;

-- ask_domain_known
-- Whether a domain is one of ours.
SELECT 1 FROM domain WHERE name = ?1;

-- ask_alias
-- The targets of an alias in their order; a row of NULL for one that has none, which should not be.
SELECT t.target, a.disabled, a.expires, a.internal
FROM alias a LEFT JOIN alias_target t ON t.address = a.address
WHERE a.address = ?1
ORDER BY t.position;

-- ask_patterns
-- The patterns of a domain that begin with a text (2).
SELECT address FROM alias WHERE domain = ?1 AND prefix = ?2 ORDER BY address;

-- ask_member
-- Whether a closed list that is in force at a time (3) leads to an address (1: its domain).
SELECT 1
FROM alias_target t JOIN alias a ON a.address = t.address
WHERE t.domain = ?1 AND t.folded = ?2 AND a.internal = 1 AND a.disabled = 0
    AND (a.expires = 0 OR a.expires > ?3)
LIMIT 1;

-- ask_mailbox
-- Whether a mailbox exists, and what it may do.
SELECT state FROM mailbox WHERE address = ?1;

-- ask_entry
-- The value of a key (2) in a plain map.
SELECT value FROM entry WHERE map = ?1 AND key = ?2;

-- ask_map
-- How a map that an admin made is searched.
SELECT search FROM map WHERE name = ?1;

-- ## people

-- account
-- A mailbox, and whether it has a password.
SELECT address, home, quota, created,
    EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.address), state, reason,
    mail, coalesce(uid, 0), coalesce(gid, 0), networks
FROM mailbox m
WHERE address = ?1;

-- hashes
-- The password hashes of a mailbox, its own first.
SELECT hash FROM credential WHERE mailbox = ?1 ORDER BY label;

-- ## listings: a page of at most (2) rows behind the key (1)

-- domains
-- All domains with what is in them.
SELECT name, kind, target, (SELECT count(*) FROM mailbox m WHERE m.domain = d.name),
    (SELECT count(*) FROM alias a WHERE a.domain = d.name), created,
    delimiters, propagate
FROM domain d
WHERE name > ?1
ORDER BY name
LIMIT ?2;

-- domain
-- One of them.
SELECT name, kind, target, (SELECT count(*) FROM mailbox m WHERE m.domain = d.name),
    (SELECT count(*) FROM alias a WHERE a.domain = d.name), created,
    delimiters, propagate
FROM domain d
WHERE name = ?1;

-- accounts
-- All mailboxes.
SELECT address, home, quota, created,
    EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.address), state, reason,
    mail, coalesce(uid, 0), coalesce(gid, 0), networks
FROM mailbox m
WHERE address > ?1
ORDER BY address
LIMIT ?2;

-- accounts_of
-- The mailboxes of a domain (3).
SELECT address, home, quota, created,
    EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.address), state, reason,
    mail, coalesce(uid, 0), coalesce(gid, 0), networks
FROM mailbox m
WHERE domain = ?3 AND address > ?1
ORDER BY address
LIMIT ?2;

-- aliases
-- All aliases with their targets.
SELECT address, (SELECT group_concat(target, char(10))
    FROM (SELECT target FROM alias_target t WHERE t.address = a.address ORDER BY position)), created,
    disabled, expires, internal, note, owner
FROM alias a
WHERE address > ?1
ORDER BY address
LIMIT ?2;

-- aliases_of
-- The aliases of a domain (3).
SELECT address, (SELECT group_concat(target, char(10))
    FROM (SELECT target FROM alias_target t WHERE t.address = a.address ORDER BY position)), created,
    disabled, expires, internal, note, owner
FROM alias a
WHERE domain = ?3 AND address > ?1
ORDER BY address
LIMIT ?2;

-- alias
-- One of them.
SELECT address, (SELECT group_concat(target, char(10))
    FROM (SELECT target FROM alias_target t WHERE t.address = a.address ORDER BY position)), created,
    disabled, expires, internal, note, owner
FROM alias a
WHERE address = ?1;

-- counts
-- How much there is of what.
SELECT (SELECT count(*) FROM domain WHERE name > ''), (SELECT count(*) FROM mailbox WHERE domain > ''),
    (SELECT count(*) FROM alias WHERE domain > '') + (SELECT count(*) FROM alias WHERE domain IS NULL);

-- changes
-- The change log, without the secrets.
SELECT id, at, who, what, subject, before, after, coalesce(undoes, 0), coalesce(batch, id)
FROM change
WHERE id > ?1
ORDER BY id
LIMIT ?2;

-- changes_of
-- The changes of a subject (3).
SELECT id, at, who, what, subject, before, after, coalesce(undoes, 0), coalesce(batch, id)
FROM change
WHERE subject = ?3 AND id > ?1
ORDER BY id
LIMIT ?2;

-- change
-- One of them.
SELECT id, at, who, what, subject, before, after, coalesce(undoes, 0), coalesce(batch, id)
FROM change
WHERE id = ?1;

-- changes_back
-- The newest before one of them (1) come first.
SELECT id, at, who, what, subject, before, after, coalesce(undoes, 0), coalesce(batch, id)
FROM change
WHERE id < ?1
ORDER BY id DESC;

-- change_before_last
-- The change before the last so many (1).
SELECT id FROM change WHERE id > 0 ORDER BY id DESC LIMIT 1 OFFSET ?1;

-- change_undone
-- By which change one of them was taken back last.
SELECT id FROM change WHERE undoes = ?1 ORDER BY id DESC LIMIT 1;

-- change_since
-- The first change of the same thing (2: the noun) after one of them (3: its subject).
SELECT id, what, who FROM change
WHERE subject = ?3 AND id > ?1 AND substr(what, 1, length(?2) + 1) = ?2 || ' '
ORDER BY id
LIMIT 1;

-- undo_leads_here
-- An alias that leads to a mailbox (1: its domain) now, and did not before a change (3).
SELECT t.address
FROM alias_target t
WHERE t.domain = ?1 AND t.folded = ?2
    AND EXISTS (SELECT 1 FROM change c WHERE c.subject = t.address AND c.id > ?3 AND substr(c.what, 1, 6) = 'alias ')
    AND NOT EXISTS (
        SELECT 1
        FROM json_each((SELECT c.before FROM change c
            WHERE c.subject = t.address AND c.id > ?3 AND substr(c.what, 1, 6) = 'alias '
            ORDER BY c.id LIMIT 1), '$.targets') j
        WHERE lower(j.value) = ?2)
LIMIT 1;

-- undo_secrets
-- What stands apart from the images.
SELECT secret_before, secret_after FROM change WHERE id = ?1;

-- undo_domain
-- A domain as it was before a change.
SELECT json_extract(before, '$.name'), json_extract(before, '$.kind'), json_extract(before, '$.target'),
    json_extract(before, '$.created'), json_extract(before, '$.delimiters'), json_extract(before, '$.propagate')
FROM change
WHERE id = ?1;

-- undo_mailbox
-- A mailbox, by the columns of record_mailbox.
SELECT json_extract(before, '$.address'), json_extract(before, '$.quota'), json_extract(before, '$.created'),
    json_extract(before, '$.home'), json_extract(before, '$.mail'), coalesce(json_extract(before, '$.uid'), 0),
    coalesce(json_extract(before, '$.gid'), 0), json_extract(before, '$.networks'),
    coalesce(json_extract(before, '$.state'), 'active'), json_extract(before, '$.reason')
FROM change
WHERE id = ?1;

-- undo_credentials
-- Its credentials, by the columns of record_credentials: the hashes from the secrets, their limits from the image.
SELECT json_extract(s.value, '$.label'), json_extract(s.value, '$.hash'), json_extract(i.value, '$.services'),
    json_extract(i.value, '$.networks'), coalesce(json_extract(i.value, '$.expires'), 0),
    json_extract(s.value, '$.created')
FROM change c, json_each(c.secret_before) s LEFT JOIN json_each(c.before, '$.credentials') i
    ON json_extract(i.value, '$.label') = json_extract(s.value, '$.label')
WHERE c.id = ?1;

-- undo_alias
-- An alias, by the columns of alias.
SELECT json_extract(before, '$.address'),
    (SELECT group_concat(value, char(10)) FROM json_each(before, '$.targets')),
    json_extract(before, '$.created'), coalesce(json_extract(before, '$.disabled'), 0),
    coalesce(json_extract(before, '$.expires'), 0), coalesce(json_extract(before, '$.internal'), 0),
    json_extract(before, '$.note'), json_extract(before, '$.owner')
FROM change
WHERE id = ?1;

-- undo_map
-- A map.
SELECT json_extract(before, '$.name'), json_extract(before, '$.search'), json_extract(before, '$.created')
FROM change
WHERE id = ?1;

-- undo_entry
-- An entry of one.
SELECT json_extract(before, '$.map'), json_extract(before, '$.key'), json_extract(before, '$.value'),
    json_extract(before, '$.created')
FROM change
WHERE id = ?1;

-- ## changing domains

-- domain_insert
-- A new domain.
INSERT INTO domain (name, kind, target, created) VALUES (?1, ?2, ?3, ?4);

-- domain_set
-- What a domain does in its own way: delimiters if (4), propagation if (5).
UPDATE domain
SET delimiters = CASE WHEN ?4 THEN ?2 ELSE delimiters END, propagate = CASE WHEN ?5 THEN ?3 ELSE propagate END
WHERE name = ?1;

-- domain_delete
-- An empty domain goes.
DELETE FROM domain WHERE name = ?1;

-- domain_counts
-- What is still in a domain.
SELECT (SELECT count(*) FROM mailbox WHERE domain = ?1),
    (SELECT count(*) FROM alias WHERE domain = ?1);

-- domain_has_catch_all
-- A catch-all or a pattern in a domain.
SELECT address FROM alias
WHERE domain = ?1 AND (prefix IS NOT NULL OR address = '@' || domain)
LIMIT 1;

-- domain_standing_for
-- A domain that stands for this one.
SELECT name FROM domain WHERE target = ?1 LIMIT 1;

-- local_domains
-- The domains in which bare names count.
SELECT name FROM domain WHERE kind = 'local';

-- ## changing mailboxes

-- mailbox_insert
-- A new mailbox.
INSERT INTO mailbox (address, domain, quota, created) VALUES (?1, ?2, ?3, ?4);

-- mailbox_state
-- What a mailbox may do, and why.
UPDATE mailbox SET state = ?2, reason = ?3 WHERE address = ?1;

-- mailbox_quota
-- How much it may hold.
UPDATE mailbox SET quota = ?2 WHERE address = ?1;

-- mailbox_delete
-- A mailbox goes, its credentials with it.
DELETE FROM mailbox WHERE address = ?1;

-- mailboxes_delete
-- All mailboxes of a domain.
DELETE FROM mailbox WHERE domain = ?1;

-- credential_set
-- A credential (2: its label) gets a new hash, or is made.
INSERT INTO credential (mailbox, label, hash, created) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (mailbox, label) DO UPDATE SET hash = excluded.hash, created = excluded.created;

-- leads_to
-- An alias with this target (1: its domain).
SELECT address FROM alias_target WHERE domain = ?1 AND folded = ?2 LIMIT 1;

-- leads_to_between
-- An alias with a target between two texts: the addresses with an extension.
SELECT address FROM alias_target WHERE domain = ?1 AND folded >= ?2 AND folded < ?3 LIMIT 1;

-- leads_through
-- An alias with a target in a domain that stands for this one (1); the local part is (2).
SELECT t.address
FROM domain d JOIN alias_target t ON t.domain = d.name AND t.folded = ?2 || '@' || d.name
WHERE d.target = ?1
LIMIT 1;

-- ## changing aliases

-- alias_insert
-- A new alias; its targets follow.
INSERT INTO alias (address, domain, created, prefix) VALUES (?1, ?2, ?3, ?4);

-- alias_set
-- What an alias is besides its targets; a number that is NULL stays, and so do note and owner unless (7) and (8).
UPDATE alias
SET disabled = coalesce(?2, disabled), expires = coalesce(?3, expires), internal = coalesce(?4, internal),
    note = CASE WHEN ?7 THEN ?5 ELSE note END, owner = CASE WHEN ?8 THEN ?6 ELSE owner END
WHERE address = ?1;

-- alias_delete
-- An alias goes, its targets with it.
DELETE FROM alias WHERE address = ?1;

-- aliases_delete
-- All aliases of a domain.
DELETE FROM alias WHERE domain = ?1;

-- target_insert
-- One more target at the end, unless it is there already.
INSERT INTO alias_target (address, position, target, folded, domain)
SELECT ?1, 1 + coalesce(max(position), 0), ?2, ?3, ?4 FROM alias_target WHERE address = ?1
ON CONFLICT (domain, folded, address) DO NOTHING;

-- target_delete
-- A target goes.
DELETE FROM alias_target WHERE domain = ?3 AND folded = ?2 AND address = ?1;

-- target_counts
-- How many targets an alias has, how many of them stand for a whole domain, and their length as a list.
SELECT count(*), count(CASE WHEN substr(target, 1, 1) = '@' THEN 1 END),
    total(length(CAST(target AS BLOB)) + 2)
FROM alias_target
WHERE address = ?1;

-- leads_into
-- The aliases with a target in a domain, or in one that stands for it; one may come more than once.
SELECT address FROM alias_target WHERE domain = ?1
UNION ALL
SELECT t.address FROM domain d JOIN alias_target t ON t.domain = d.name WHERE d.target = ?1;

-- targets_delete
-- All targets of an alias go; others follow.
DELETE FROM alias_target WHERE address = ?1;

-- ## plain maps

-- maps
-- The maps that an admin made.
SELECT name, search, created FROM map WHERE name > ?1 ORDER BY name LIMIT ?2;

-- map_insert
-- A new one.
INSERT INTO map (name, search, created) VALUES (?1, ?2, ?3);

-- map_delete
-- One goes; its entries went before.
DELETE FROM map WHERE name = ?1;

-- entries
-- The entries of a map (3).
SELECT key, value, created FROM entry WHERE map = ?3 AND key > ?1 ORDER BY key LIMIT ?2;

-- entry_set
-- A key (2) gets a value.
INSERT INTO entry (map, key, value, created) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (map, key) DO UPDATE SET value = excluded.value, created = excluded.created;

-- entry_delete
-- A key (2) goes.
DELETE FROM entry WHERE map = ?1 AND key = ?2;

-- entries_delete
-- All of a map.
DELETE FROM entry WHERE map = ?1;

-- ## records: an object with all that is known of it, and everything in a store

-- record_domain
-- One domain.
SELECT name, kind, target, created, delimiters, propagate FROM domain WHERE name = ?1;

-- record_domains
-- The domains that stand for none.
SELECT name, kind, target, created, delimiters, propagate
FROM domain
WHERE name > '' AND target IS NULL
ORDER BY name;

-- record_stand_ins
-- Those that do.
SELECT name, kind, target, created, delimiters, propagate
FROM domain
WHERE name > '' AND target IS NOT NULL
ORDER BY name;

-- record_mailbox
-- One mailbox.
SELECT address, quota, created, home, mail, coalesce(uid, 0), coalesce(gid, 0), networks, state, reason
FROM mailbox
WHERE address = ?1;

-- record_mailboxes
-- All of them.
SELECT address, quota, created, home, mail, coalesce(uid, 0), coalesce(gid, 0), networks, state, reason
FROM mailbox
WHERE address > ''
ORDER BY address;

-- record_credentials
-- What one can log in to a mailbox with.
SELECT label, hash, services, networks, expires, created FROM credential WHERE mailbox = ?1 ORDER BY label;

-- record_map
-- One map that an admin made.
SELECT name, search, created FROM map WHERE name = ?1;

-- record_entry
-- One entry.
SELECT map, key, value, created FROM entry WHERE map = ?1 AND key = ?2;

-- record_entries
-- The entries of all maps.
SELECT map, key, value, created FROM entry WHERE map > '' ORDER BY map, key;

-- record_domain_put
-- What a domain is and does.
UPDATE domain SET kind = ?2, target = ?3, delimiters = ?4, propagate = ?5 WHERE name = ?1;

-- record_mailbox_add
-- A mailbox with all that is known of it, but its credentials.
INSERT INTO mailbox (address, domain, created, quota, home, mail, uid, gid, networks, state, reason)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- record_mailbox_put
-- The same for one that is there.
UPDATE mailbox
SET quota = ?4, home = ?5, mail = ?6, uid = ?7, gid = ?8, networks = ?9, state = ?10, reason = ?11
WHERE address = ?1;

-- record_credential_put
-- A credential with all that is known of it.
INSERT INTO credential (mailbox, label, hash, services, networks, expires, created)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (mailbox, label) DO UPDATE
SET hash = excluded.hash, services = excluded.services, networks = excluded.networks,
    expires = excluded.expires, created = excluded.created;

-- record_credential_drop
-- One goes.
DELETE FROM credential WHERE mailbox = ?1 AND label = ?2;

-- check_mailboxes
-- Mailboxes where none can be.
SELECT address FROM mailbox m JOIN domain d ON d.name = m.domain
WHERE m.address > '' AND d.kind <> 'mailbox'
ORDER BY m.address;

-- check_targets
-- All targets, as they are handed out and as they are indexed.
SELECT address, target, folded FROM alias_target WHERE address > '' ORDER BY address, position;

-- check_prefixes
-- All aliases, and what a pattern is indexed by.
SELECT address, prefix FROM alias WHERE address > '' ORDER BY address;

-- ## the change log

-- log_restore
-- A backup (3) was brought back.
INSERT INTO change (at, who, what, subject, after)
VALUES (?1, ?2, 'store restore', ?3, json_object('from', ?3));

-- next_change
-- What the next change will be called.
SELECT 1 + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'change'), 0);

-- domain_image
-- A domain as the log keeps it; it has no secrets.
SELECT json_object('name', name, 'kind', kind, 'target', target, 'delimiters', delimiters,
        'propagate', propagate, 'created', created), NULL
FROM domain
WHERE name = ?1;

-- mailbox_image
-- A mailbox, and its hashes apart.
SELECT json_object('address', address, 'home', home, 'quota', quota, 'state', state, 'reason', reason,
        'mail', mail, 'uid', uid, 'gid', gid, 'networks', networks, 'created', created,
        'credentials', (SELECT json_group_array(json_object('label', label, 'services', services,
                'networks', networks, 'expires', expires, 'created', created))
            FROM (SELECT label, services, networks, expires, created
                FROM credential WHERE mailbox = address ORDER BY label))),
    (SELECT json_group_array(json_object('label', label, 'hash', hash, 'created', created))
        FROM (SELECT label, hash, created FROM credential WHERE mailbox = address ORDER BY label)
        HAVING count(*) > 0)
FROM mailbox
WHERE address = ?1;

-- alias_image
-- An alias with its targets.
SELECT json_object('address', address, 'disabled', disabled, 'expires', expires, 'internal', internal,
        'note', note, 'owner', owner, 'created', created,
        'targets', (SELECT json_group_array(target)
            FROM (SELECT target FROM alias_target t WHERE t.address = a.address
                ORDER BY position))),
    NULL
FROM alias a
WHERE address = ?1;

-- map_image
-- A map as the log keeps it.
SELECT json_object('name', name, 'search', search, 'created', created), NULL FROM map WHERE name = ?1;

-- entry_image
-- An entry; the subject is the map, a blank, and the key, of which no map's name has one.
SELECT json_object('map', map, 'key', key, 'value', value, 'created', created), NULL
FROM entry
WHERE map = substr(?1, 1, instr(?1, ' ') - 1) AND key = substr(?1, instr(?1, ' ') + 1);

-- log_entries_gone
-- A change for every entry of a map (4) that is about to go.
INSERT INTO change (at, who, what, subject, batch, before)
SELECT ?1, ?2, ?3, map || ' ' || key, ?5, json_object('map', map, 'key', key, 'value', value, 'created', created)
FROM entry
WHERE map = ?4
ORDER BY key;

-- log
-- One change.
INSERT INTO change (at, who, what, subject, undoes, batch, before, after, secret_before, secret_after)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);

-- log_mailboxes_gone
-- A change for every mailbox of a domain (4) that is about to go: its image as above.
INSERT INTO change (at, who, what, subject, batch, before, secret_before)
SELECT ?1, ?2, ?3, address, ?5,
    json_object('address', address, 'home', home, 'quota', quota, 'state', state, 'reason', reason,
        'mail', mail, 'uid', uid, 'gid', gid, 'networks', networks, 'created', created,
        'credentials', (SELECT json_group_array(json_object('label', label, 'services', services,
                'networks', networks, 'expires', expires, 'created', created))
            FROM (SELECT label, services, networks, expires, created
                FROM credential WHERE mailbox = address ORDER BY label))),
    (SELECT json_group_array(json_object('label', label, 'hash', hash, 'created', created))
        FROM (SELECT label, hash, created FROM credential WHERE mailbox = address ORDER BY label)
        HAVING count(*) > 0)
FROM mailbox
WHERE domain = ?4
ORDER BY address;

-- log_aliases_gone
-- The same for its aliases.
INSERT INTO change (at, who, what, subject, batch, before)
SELECT ?1, ?2, ?3, address, ?5,
    json_object('address', address, 'disabled', disabled, 'expires', expires, 'internal', internal,
        'note', note, 'owner', owner, 'created', created,
        'targets', (SELECT json_group_array(target)
            FROM (SELECT target FROM alias_target t WHERE t.address = a.address ORDER BY position)))
FROM alias a
WHERE domain = ?4
ORDER BY address;
