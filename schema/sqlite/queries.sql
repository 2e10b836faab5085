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

-- version
-- The schema's version. Also what makes a read transaction take its view.
PRAGMA user_version;

-- ## lookups: one statement per kind of row

-- ask_alias
-- The targets of an alias in their order; a row of NULL for one that has none, which should not be.
SELECT t.target
FROM alias a LEFT JOIN alias_target t ON t.address = a.address
WHERE a.address = ?1
ORDER BY t.position;

-- ask_local_alias
-- The same for a bare name (1), if the domain (2) is a local one. (The + keeps it on the primary
-- key, where one row is known to be all.)
SELECT t.target
FROM alias a LEFT JOIN alias_target t ON t.address = a.address
WHERE a.address = ?1 AND +a.domain IS NULL
    AND EXISTS (SELECT 1 FROM domain WHERE name = ?2 AND kind = 'local')
ORDER BY t.position;

-- ask_mailbox
-- Whether a mailbox exists.
SELECT 1 FROM mailbox WHERE address = ?1;

-- ask_domain
-- What a domain is, and the one it stands for.
SELECT kind, target FROM domain WHERE name = ?1;

-- ## people

-- account
-- A mailbox, and whether it has a password.
SELECT address, home, quota, created,
    EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.address)
FROM mailbox m
WHERE address = ?1;

-- hashes
-- The password hashes of a mailbox, its own first.
SELECT hash FROM credential WHERE mailbox = ?1 ORDER BY label;

-- ## listings: a page of at most (2) rows behind the key (1)

-- domains
-- All domains with what is in them.
SELECT name, kind, target, (SELECT count(*) FROM mailbox m WHERE m.domain = d.name),
    (SELECT count(*) FROM alias a WHERE a.domain = d.name), created
FROM domain d
WHERE name > ?1
ORDER BY name
LIMIT ?2;

-- domain
-- One of them.
SELECT name, kind, target, (SELECT count(*) FROM mailbox m WHERE m.domain = d.name),
    (SELECT count(*) FROM alias a WHERE a.domain = d.name), created
FROM domain d
WHERE name = ?1;

-- accounts
-- All mailboxes.
SELECT address, home, quota, created,
    EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.address)
FROM mailbox m
WHERE address > ?1
ORDER BY address
LIMIT ?2;

-- accounts_of
-- The mailboxes of a domain (3).
SELECT address, home, quota, created,
    EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.address)
FROM mailbox m
WHERE domain = ?3 AND address > ?1
ORDER BY address
LIMIT ?2;

-- aliases
-- All aliases with their targets.
SELECT address, (SELECT group_concat(target, char(10))
    FROM (SELECT target FROM alias_target t WHERE t.address = a.address ORDER BY position)), created
FROM alias a
WHERE address > ?1
ORDER BY address
LIMIT ?2;

-- aliases_of
-- The aliases of a domain (3).
SELECT address, (SELECT group_concat(target, char(10))
    FROM (SELECT target FROM alias_target t WHERE t.address = a.address ORDER BY position)), created
FROM alias a
WHERE domain = ?3 AND address > ?1
ORDER BY address
LIMIT ?2;

-- alias
-- One of them.
SELECT address, (SELECT group_concat(target, char(10))
    FROM (SELECT target FROM alias_target t WHERE t.address = a.address ORDER BY position)), created
FROM alias a
WHERE address = ?1;

-- changes
-- The change log, without the secrets.
SELECT id, at, who, what, subject, before, after FROM change WHERE id > ?1 ORDER BY id LIMIT ?2;

-- ## changing domains

-- domain_insert
-- A new domain.
INSERT INTO domain (name, kind, target, created) VALUES (?1, ?2, ?3, ?4);

-- domain_delete
-- An empty domain goes.
DELETE FROM domain WHERE name = ?1;

-- domain_counts
-- What is still in a domain.
SELECT (SELECT count(*) FROM mailbox WHERE domain = ?1),
    (SELECT count(*) FROM alias WHERE domain = ?1);

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
INSERT INTO alias (address, domain, created) VALUES (?1, ?2, ?3);

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
-- How many targets an alias has, and how many of them stand for a whole domain.
SELECT count(*), count(CASE WHEN substr(target, 1, 1) = '@' THEN 1 END)
FROM alias_target
WHERE address = ?1;

-- leads_into
-- The aliases with a target in a domain; one may come more than once.
SELECT address FROM alias_target WHERE domain = ?1;

-- ## the change log

-- domain_image
-- A domain as the log keeps it; it has no secrets.
SELECT json_object('name', name, 'kind', kind, 'target', target, 'created', created), NULL
FROM domain
WHERE name = ?1;

-- mailbox_image
-- A mailbox, and its hashes apart.
SELECT json_object('address', address, 'home', home, 'quota', quota, 'created', created,
        'credentials', (SELECT json_group_array(json_object('label', label, 'created', created))
            FROM (SELECT label, created FROM credential WHERE mailbox = address ORDER BY label))),
    (SELECT json_group_array(json_object('label', label, 'hash', hash, 'created', created))
        FROM (SELECT label, hash, created FROM credential WHERE mailbox = address ORDER BY label)
        HAVING count(*) > 0)
FROM mailbox
WHERE address = ?1;

-- alias_image
-- An alias with its targets.
SELECT json_object('address', address, 'created', created,
        'targets', (SELECT json_group_array(target)
            FROM (SELECT target FROM alias_target t WHERE t.address = a.address
                ORDER BY position))),
    NULL
FROM alias a
WHERE address = ?1;

-- log
-- One change.
INSERT INTO change (at, who, what, subject, before, after, secret_before, secret_after)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- log_mailboxes_gone
-- A change for every mailbox of a domain (4) that is about to go: its image as above.
INSERT INTO change (at, who, what, subject, before, secret_before)
SELECT ?1, ?2, ?3, address,
    json_object('address', address, 'home', home, 'quota', quota, 'created', created,
        'credentials', (SELECT json_group_array(json_object('label', label, 'created', created))
            FROM (SELECT label, created FROM credential WHERE mailbox = address ORDER BY label))),
    (SELECT json_group_array(json_object('label', label, 'hash', hash, 'created', created))
        FROM (SELECT label, hash, created FROM credential WHERE mailbox = address ORDER BY label)
        HAVING count(*) > 0)
FROM mailbox
WHERE domain = ?4
ORDER BY address;

-- log_aliases_gone
-- The same for its aliases.
INSERT INTO change (at, who, what, subject, before)
SELECT ?1, ?2, ?3, address,
    json_object('address', address, 'created', created,
        'targets', (SELECT json_group_array(target)
            FROM (SELECT target FROM alias_target t WHERE t.address = a.address ORDER BY position)))
FROM alias a
WHERE domain = ?4
ORDER BY address;
