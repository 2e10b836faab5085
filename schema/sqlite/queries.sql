-- SPDX-License-Identifier: ISC
--
-- Every statement the store runs. A comment line with nothing but a name opens one, the comment
-- after it says what it is for. Compiled in by src/store/queries.awk; tests/store/test_queries
-- reads the plan of each: no scans, but where a comment "scan:" says why.

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
--
-- Those that are "standing:" read the table `asked` (src/store/db_tables.c), which gives them one key after the other
-- for as long as a view is held. Their last column is one of the primary key: NULL where nothing matches, or nothing
-- more. Another one may be NULL in a store that somebody has spoiled, and that is not to be taken for no row.

-- ask_domain
-- What the resolver must know of a domain, whatever it looks for there; last, the sum of what it holds (enum holds).
SELECT kind, target, delimiters, coalesce(propagate, -1),
    EXISTS (SELECT 1 FROM alias WHERE domain = d.name AND prefix IS NOT NULL),
    EXISTS (SELECT 1 FROM alias WHERE address = '@' || d.name)
    + 2 * EXISTS (SELECT 1 FROM alias WHERE domain = d.name AND address <> '@' || d.name)
    + 4 * EXISTS (SELECT 1 FROM alias WHERE domain = d.name AND instr(address, '+') > 0)
    + 8 * EXISTS (SELECT 1 FROM alias WHERE domain = d.name AND (disabled <> 0 OR expires <> 0 OR internal <> 0))
    + 16 * EXISTS (SELECT 1 FROM mailbox WHERE domain = d.name)
    + 32 * EXISTS (SELECT 1 FROM mailbox WHERE domain = d.name AND instr(address, '+') > 0)
FROM domain d
WHERE name = ?1;

-- ask_domain_asked
-- The domain that Postfix asks for by another name than its own.
SELECT name FROM domain WHERE asked = ?1;

-- ask_domain_known
-- Whether a domain is one of ours.
SELECT 1 FROM domain WHERE name = ?1;

-- ask_alias
-- The targets of an alias in their order. What else it is stands in another place, where most lookups
-- would look for nothing: the index has the few that are something else.
SELECT t.target, coalesce(a.disabled, 0), coalesce(a.expires, 0), coalesce(a.internal, 0)
FROM alias_target t LEFT JOIN alias a INDEXED BY alias_special
    ON a.address = t.address AND (a.disabled <> 0 OR a.expires <> 0 OR a.internal <> 0)
WHERE t.address = ?1
ORDER BY t.position;

-- ask_targets
-- The same of an alias that is known to be nothing else.
-- standing: the rows of one key come as they lie in the index, which is in their order; to sort them one by one would
-- be to sort those of all keys.
SELECT t.target, t.position FROM asked LEFT JOIN alias_target t INDEXED BY alias_answer ON t.address = asked.key;

-- ask_alias_known
-- Whether there is such an alias: with no target, which should not be.
-- standing: as ask_targets.
SELECT a.address FROM asked LEFT JOIN alias a ON a.address = asked.key;

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
-- standing: as ask_targets.
SELECT m.state, m.address FROM asked LEFT JOIN mailbox m ON m.address = asked.key;

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
    EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.address AND c.label = ''), state, reason,
    mail, coalesce(uid, 0), coalesce(gid, 0), networks
FROM mailbox m
WHERE address = ?1;

-- credentials
-- The credentials of a mailbox, its own password first.
SELECT label, hash, services, networks, expires FROM credential WHERE mailbox = ?1 ORDER BY label;

-- app_password_key
-- What app passwords are hashed with.
SELECT value FROM secret WHERE name = 'app-password';

-- ## logins

-- login_known
-- Whether somebody logged in to a mailbox from a network (2).
SELECT 1 FROM login WHERE mailbox = ?1 AND network = ?2 LIMIT 1;

-- login_record
-- A good login, unless the mailbox went meanwhile, or the app password was revoked.
INSERT INTO login (mailbox, network, label, service, at)
SELECT ?1, ?2, ?3, ?4, ?5
WHERE EXISTS (SELECT 1 FROM mailbox WHERE address = ?1)
    AND (?3 = '' OR EXISTS (SELECT 1 FROM credential WHERE mailbox = ?1 AND label = ?3))
ON CONFLICT (mailbox, network, label, service) DO UPDATE SET at = max(at, excluded.at);

-- login_prune
-- The oldest goes when a mailbox has more than (2), but never the last of a credential. Exactly one: so
-- there are never many to look through, though a thousand came in the same second. (With min() SQLite
-- gives the other columns of the row that it is from.)
DELETE FROM login
WHERE mailbox = ?1 AND (SELECT count(*) FROM login WHERE mailbox = ?1) > ?2
    AND (network, label, service) = (SELECT network, label, service FROM
        (SELECT min(l.at), l.network, l.label, l.service FROM login l
            WHERE l.mailbox = ?1 AND EXISTS (SELECT 1 FROM login k
                WHERE k.mailbox = ?1 AND k.label = l.label
                    AND (k.at, k.network, k.service) > (l.at, l.network, l.service))));

-- logins_before
-- The latest logins before a time (2): those of one moment.
SELECT network, label, service, at FROM login
WHERE mailbox = ?1 AND at = (SELECT max(at) FROM login WHERE mailbox = ?1 AND at < ?2);

-- last_login
-- When somebody last logged in to a mailbox.
SELECT coalesce(max(at), 0) FROM login WHERE mailbox = ?1;

-- idle
-- The mailboxes, older than (4), into which nobody logged in since then.
SELECT address, (SELECT coalesce(max(at), 0) FROM login WHERE mailbox = m.address)
FROM mailbox m
WHERE address > ?1 AND created < ?4
    AND NOT EXISTS (SELECT 1 FROM login l WHERE l.mailbox = m.address AND l.at >= ?4)
ORDER BY address
LIMIT ?2;

-- idle_of
-- Those of a domain (3).
SELECT address, (SELECT coalesce(max(at), 0) FROM login WHERE mailbox = m.address)
FROM mailbox m
WHERE domain = ?3 AND address > ?1 AND created < ?4
    AND NOT EXISTS (SELECT 1 FROM login l WHERE l.mailbox = m.address AND l.at >= ?4)
ORDER BY address
LIMIT ?2;

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
    EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.address AND c.label = ''), state, reason,
    mail, coalesce(uid, 0), coalesce(gid, 0), networks
FROM mailbox m
WHERE address > ?1
ORDER BY address
LIMIT ?2;

-- accounts_of
-- The mailboxes of a domain (3).
SELECT address, home, quota, created,
    EXISTS (SELECT 1 FROM credential c WHERE c.mailbox = m.address AND c.label = ''), state, reason,
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
-- The first change of the same thing (2: its nouns, between blanks) after one of them (3: its subject).
SELECT id, what, who FROM change
WHERE subject = ?3 AND id > ?1 AND instr(?2, ' ' || substr(what, 1, instr(what, ' '))) > 0
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

-- ## lint: what is looked at once in a while, and then all of it. Columns: subject, detail, more, number.

-- lint_targets
-- Targets in domains of ours where at first sight nobody is, now (1): for the resolver to judge.
SELECT t.address, t.folded, t.target, 0
FROM alias_target t JOIN domain d ON d.name = t.domain JOIN alias o ON o.address = t.address
WHERE d.kind IN ('mailbox', 'alias') AND substr(t.folded, 1, 1) <> '@'
    AND o.disabled = 0 AND (o.expires = 0 OR o.expires > ?1)
    AND (t.folded = t.address OR NOT EXISTS (SELECT 1 FROM alias a
        WHERE a.address = t.folded AND a.disabled = 0 AND (a.expires = 0 OR a.expires > ?1)))
    AND NOT EXISTS (SELECT 1 FROM mailbox m
        WHERE m.address = t.folded AND m.state IN ('active', 'receive-only'));

-- lint_steps
-- Aliases that lead to something that may lead on: what could go round, or grow.
-- scan: every target of every alias is looked at
SELECT t.address, NULL, NULL, 0
FROM alias_target t JOIN domain d ON d.name = t.domain
WHERE t.folded <> t.address AND instr(t.address, '@') > 0
    AND (EXISTS (SELECT 1 FROM alias a WHERE a.address = t.folded)
        OR NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.address = t.folded))
GROUP BY t.address;

-- lint_local_steps
-- The same of bare names, in each of the local domains.
SELECT a.address || '@' || l.name, NULL, NULL, 0
FROM domain l JOIN alias a ON a.domain IS NULL
WHERE l.kind = 'local';

-- lint_external
-- Targets in domains that are not ours.
-- scan: every target of every alias is looked at
SELECT t.address, t.target, t.domain, 0
FROM alias_target t
WHERE NOT EXISTS (SELECT 1 FROM domain d WHERE d.name = t.domain);

-- lint_expired
-- Aliases that have expired by now (1).
-- scan: every alias is looked at
SELECT address, NULL, NULL, expires FROM alias WHERE expires <> 0 AND expires <= ?1;

-- lint_hidden
-- Mailboxes whose address is an alias as well, which does not lead to them.
-- scan: every alias is looked at
SELECT a.address, NULL, NULL, 0
FROM alias a JOIN mailbox m ON m.address = a.address
WHERE a.disabled = 0 AND (a.expires = 0 OR a.expires > ?1)
    AND NOT EXISTS (SELECT 1 FROM alias_target t
        WHERE t.domain = a.domain AND t.folded = a.address AND t.address = a.address);

-- lint_catch_all_hides
-- Catch-alls of domains that stand for another, which is never asked then.
SELECT a.address, d.target, NULL, 0
FROM domain d JOIN alias a ON a.address = '@' || d.name
WHERE d.target IS NOT NULL AND a.disabled = 0;

-- lint_catch_all_alone
-- Catch-alls of domains in which there is nothing else.
-- scan: every domain is looked at
SELECT a.address, NULL, NULL, 0
FROM domain d JOIN alias a ON a.address = '@' || d.name
WHERE d.target IS NULL AND a.disabled = 0
    AND NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.domain = d.name)
    AND (SELECT count(*) FROM (SELECT 1 FROM alias o WHERE o.domain = d.name LIMIT 2)) = 1;

-- lint_catch_all_never
-- Catch-alls of domains with a pattern that matches all there is.
-- scan: every domain is looked at
SELECT a.address, p.address, NULL, 0
FROM domain d JOIN alias a ON a.address = '@' || d.name JOIN alias p ON p.address = '*@' || d.name;

-- lint_misplaced
-- Mailboxes in domains that have none: nothing asks for them.
-- scan: every domain is looked at
SELECT m.address, d.kind, NULL, 0
FROM domain d JOIN mailbox m ON m.domain = d.name
WHERE d.kind <> 'mailbox';

-- lint_bare
-- Bare names while no domain is local.
SELECT address, NULL, NULL, 0
FROM alias
WHERE domain IS NULL AND NOT EXISTS (SELECT 1 FROM domain WHERE kind = 'local');

-- lint_entries
-- The maps that have entries and were not made: they should be the program's.
-- scan: every entry is looked at
SELECT map, NULL, NULL, count(*)
FROM entry
WHERE NOT EXISTS (SELECT 1 FROM map m WHERE m.name = entry.map)
GROUP BY map;

-- lint_domains
-- The domains in which RFC 2142 wants somebody to answer; what stands for another is that one.
SELECT name, kind, NULL, 0 FROM domain WHERE kind IN ('mailbox', 'alias') AND target IS NULL;

-- lint_mailbox_domains
-- Domains with mailboxes that stand for themselves, each with delimiters of its own, if it has such.
SELECT name, delimiters, NULL, 0 FROM domain WHERE kind = 'mailbox';

-- lint_dots
-- Addresses that differ from another only in dots.
-- scan: every address is looked at
SELECT x.address, replace(substr(x.address, 1, length(x.address) - length(x.domain) - 1), '.', '') || '@' || x.domain,
    NULL, 0
FROM (SELECT address, domain FROM mailbox UNION ALL
    SELECT address, domain FROM alias WHERE prefix IS NULL AND domain IS NOT NULL) x
WHERE instr(substr(x.address, 1, length(x.address) - length(x.domain) - 1), '.') > 0
    AND (EXISTS (SELECT 1 FROM mailbox m WHERE m.address =
            replace(substr(x.address, 1, length(x.address) - length(x.domain) - 1), '.', '') || '@' || x.domain)
        OR EXISTS (SELECT 1 FROM alias a WHERE a.address =
            replace(substr(x.address, 1, length(x.address) - length(x.domain) - 1), '.', '') || '@' || x.domain));

-- lint_all_domains
-- All domains, for their form to be checked.
-- scan: every domain is looked at
SELECT name, NULL, NULL, 0 FROM domain;

-- lint_all_mailboxes
-- All mailboxes, for theirs.
-- scan: every mailbox is looked at
SELECT address, NULL, NULL, 0 FROM mailbox;

-- lint_all_aliases
-- All aliases, for theirs.
-- scan: every alias is looked at
SELECT address, NULL, NULL, 0 FROM alias;

-- lint_hashes
-- Passwords that are not of our own making: the scheme, and what tells kinds of crypt(3) apart; never more.
-- scan: every password is looked at
SELECT mailbox, CASE WHEN substr(hash, 1, 1) = '{' AND instr(hash, '}') > 2 THEN upper(substr(hash, 2, instr(hash, '}') - 2)) ELSE '' END,
    CASE WHEN substr(hash, instr(hash, '}') + 1, 1) = '$'
        THEN substr(hash, instr(hash, '}') + 1, 1 + instr(substr(hash, instr(hash, '}') + 2), '$')) ELSE '' END, 0
FROM credential
WHERE label = '' AND hash NOT GLOB '{ARGON2ID}*';

-- lint_limited
-- Mailboxes whose own password is good for some services, from some places, or for a time.
-- scan: every password is looked at
SELECT mailbox, NULL, NULL, 0 FROM credential
WHERE label = '' AND (services IS NOT NULL OR networks IS NOT NULL OR expires <> 0)
ORDER BY mailbox;

-- lint_unused
-- Mailboxes into which nobody has logged since a time (1), and that are older.
-- scan: every mailbox is looked at
SELECT m.address, NULL, NULL, coalesce((SELECT max(at) FROM login l WHERE l.mailbox = m.address), 0)
FROM mailbox m
WHERE m.created < ?1
    AND NOT EXISTS (SELECT 1 FROM login l WHERE l.mailbox = m.address AND l.at >= ?1);

-- alike
-- Whether an address is taken.
SELECT 1 FROM mailbox WHERE address = ?1 UNION ALL SELECT 1 FROM alias WHERE address = ?1 LIMIT 1;

-- quick_check
-- What is wrong with the file, or 'ok'.
PRAGMA quick_check(1);

-- newest
-- When the store was changed for the last time.
SELECT at FROM change WHERE id = (SELECT max(id) FROM change);

-- ## changing domains

-- domain_insert
-- A new domain.
INSERT INTO domain (name, kind, target, created, asked) VALUES (?1, ?2, ?3, ?4, ?5);

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

-- mailbox_set
-- Where a mailbox lives: home if (7), mail if (8), uid if (9), gid if (10), networks if (11).
UPDATE mailbox
SET home = CASE WHEN ?7 THEN ?2 ELSE home END, mail = CASE WHEN ?8 THEN ?3 ELSE mail END,
    uid = CASE WHEN ?9 THEN ?4 ELSE uid END, gid = CASE WHEN ?10 THEN ?5 ELSE gid END,
    networks = CASE WHEN ?11 THEN ?6 ELSE networks END
WHERE address = ?1;

-- mailbox_delete
-- A mailbox goes, its credentials with it.
DELETE FROM mailbox WHERE address = ?1;

-- mailboxes_delete
-- All mailboxes of a domain.
DELETE FROM mailbox WHERE domain = ?1;

-- credential_set
-- A credential (2: its label) gets a new hash, or is made. What limited the old one does not limit it.
INSERT INTO credential (mailbox, label, hash, created) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (mailbox, label) DO UPDATE
SET hash = excluded.hash, created = excluded.created, services = NULL, networks = NULL, expires = 0;

-- credential_replace
-- A credential gets a new hash (4) in the place of the one that was verified (3).
UPDATE credential SET hash = ?4 WHERE mailbox = ?1 AND label = ?2 AND hash = ?3;

-- app_passwords
-- The app passwords of a mailbox, and when each was last used.
SELECT label, services, networks, expires, created,
    (SELECT coalesce(max(at), 0) FROM login l WHERE l.mailbox = c.mailbox AND l.label = c.label)
FROM credential c
WHERE mailbox = ?1 AND label > ''
ORDER BY label;

-- app_password_counts
-- How many there are, and whether one has a label (2).
SELECT count(*), coalesce(max(label = ?2), 0) FROM credential WHERE mailbox = ?1 AND label > '';

-- app_password_known
-- Whether a mailbox has, or ever had, an app password of this hash (2): the log has all that were made here.
SELECT 1 FROM change
WHERE subject = ?1 AND (instr(secret_before, ?2) > 0 OR instr(secret_after, ?2) > 0)
LIMIT 1;

-- app_password_insert
-- A new one.
INSERT INTO credential (mailbox, label, hash, created, services, networks, expires)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- credential_delete
-- A credential (2: its label) goes,
DELETE FROM credential WHERE mailbox = ?1 AND label = ?2;

-- logins_delete
-- and what is remembered of its use.
DELETE FROM login WHERE mailbox = ?1 AND label = ?2;

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
-- The aliases with a target in a domain, or in one that stands for it, and that target; one may come
-- more than once.
SELECT address, folded FROM alias_target WHERE domain = ?1
UNION ALL
SELECT t.address, t.folded FROM domain d JOIN alias_target t ON t.domain = d.name WHERE d.target = ?1;

-- arrives_in
-- The same without targets that are mailboxes as they are written: no catch-all takes those.
SELECT t.address, t.folded FROM alias_target t
WHERE t.domain = ?1 AND NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.address = t.folded)
UNION ALL
SELECT t.address, t.folded FROM domain d JOIN alias_target t ON t.domain = d.name WHERE d.target = ?1;

-- alias_carries
-- Whether an alias leads to a whole domain.
SELECT a.address FROM alias a JOIN alias_target t ON t.address = a.address
WHERE a.address = ?1 AND a.disabled = 0 AND substr(t.folded, 1, 1) = '@'
LIMIT 1;

-- domain_carries
-- A catch-all or a pattern in a domain that leads to a whole domain.
SELECT a.address FROM alias a JOIN alias_target t ON t.address = a.address
WHERE a.address = '@' || ?1 AND a.disabled = 0 AND substr(t.folded, 1, 1) = '@'
UNION ALL
SELECT a.address FROM alias a JOIN alias_target t ON t.address = a.address
WHERE a.domain = ?1 AND a.prefix IS NOT NULL AND a.disabled = 0 AND substr(t.folded, 1, 1) = '@'
LIMIT 1;

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

-- ## rows of older releases, which get the names that are asked for now

-- defer_foreign_keys
-- In this transaction a row and what refers to it may be renamed one after the other.
PRAGMA defer_foreign_keys = ON;

-- refold_next_domain
-- The next domain that Postfix may ask for by another name.
SELECT name FROM domain WHERE name > ?1 AND asked IS NULL AND name GLOB '*xn--*' ORDER BY name LIMIT 1;

-- refold_next_mailbox
-- The next mailbox that is not plain ASCII, and so on.
SELECT address FROM mailbox WHERE address > ?1 AND address GLOB '*[^ -~]*' ORDER BY address LIMIT 1;

-- refold_next_alias
-- The next alias.
SELECT address FROM alias WHERE address > ?1 AND address GLOB '*[^ -~]*' ORDER BY address LIMIT 1;

-- refold_next_entry
-- The next entry, also one with an international domain: its map, a blank, and its key.
SELECT map || ' ' || key
FROM entry
WHERE (map, key) > (substr(?1, 1, instr(?1, ' ') - 1), substr(?1, instr(?1, ' ') + 1))
    AND (key GLOB '*[^ -~]*' OR key GLOB '*xn--*')
ORDER BY map, key
LIMIT 1;

-- refold_next_targets
-- The next alias with such a target.
SELECT address FROM alias_target WHERE address > ?1 AND folded GLOB '*[^ -~]*' ORDER BY address LIMIT 1;

-- refold_next_senders
-- The next address that somebody is allowed to send as whose login is such a one.
SELECT key FROM entry WHERE map = 'senders' AND key > ?1 AND value GLOB '*[^ -~]*' ORDER BY key LIMIT 1;

-- refold_domain
-- What Postfix asks for a domain by.
UPDATE domain SET asked = ?2 WHERE name = ?1;

-- refold_mailbox
-- A mailbox gets another name; where its mail is (3), if it goes by the template.
UPDATE mailbox SET address = ?2, home = coalesce(home, ?3) WHERE address = ?1;

-- refold_credentials
-- Its credentials follow,
UPDATE credential SET mailbox = ?2 WHERE mailbox = ?1;

-- refold_logins
-- and what is remembered of its logins.
UPDATE login SET mailbox = ?2 WHERE mailbox = ?1;

-- refold_alias
-- An alias gets another name, and if it is a pattern another beginning.
UPDATE alias SET address = ?2, prefix = ?3 WHERE address = ?1;

-- refold_alias_targets
-- Its targets follow.
UPDATE alias_target SET address = ?2 WHERE address = ?1;

-- refold_target
-- A target is found by another text; of two that are one, one stays.
UPDATE OR REPLACE alias_target SET folded = ?3 WHERE address = ?1 AND target = ?2 AND folded <> ?3;

-- refold_entry
-- An entry gets another key: each time the map, a blank, and the key.
UPDATE entry
SET key = substr(?2, instr(?2, ' ') + 1)
WHERE map = substr(?1, 1, instr(?1, ' ') - 1) AND key = substr(?1, instr(?1, ' ') + 1);

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

-- names_mailboxes
-- As many of the mailboxes as are worth it (1), to know which new one is new.
SELECT address FROM mailbox WHERE address > '' ORDER BY address LIMIT ?1;

-- names_aliases
-- The same of the aliases.
SELECT address FROM alias WHERE address > '' ORDER BY address LIMIT ?1;

-- names_domains
-- And of the domains, to know whose mail leaves.
SELECT name FROM domain WHERE name > '' ORDER BY name LIMIT ?1;

-- mailboxes_add
-- New mailboxes with all that is known of them, but their credentials. The rows are those that were put
-- aside (src/store/db_rows.h): one by one each would cost twice as much.
INSERT INTO mailbox (address, domain, created, quota, home, mail, uid, gid, networks, state, reason)
SELECT c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10 FROM pending;

-- credentials_add
-- Their credentials.
INSERT INTO credential (mailbox, label, hash, services, networks, expires, created)
SELECT c0, c1, c2, c3, c4, c5, c6 FROM pending;

-- log_added
-- Their lines in the change log.
INSERT INTO change (at, who, what, subject, undoes, batch, after, secret_after)
SELECT c0, c1, c2, c3, c4, c5, c6, c7 FROM pending;

-- record_mailbox_put
-- What is known of a mailbox that is there, but its credentials.
UPDATE mailbox
SET quota = ?2, home = ?3, mail = ?4, uid = ?5, gid = ?6, networks = ?7, state = ?8, reason = ?9
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
-- A backup (3) was brought back: the next line behind all that this log has had, and behind the change (4).
INSERT INTO change (id, at, who, what, subject, after)
VALUES (1 + max(?4, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'change'), 0)), ?1, ?2,
    'store restore', ?3, json_object('from', ?3));

-- log_unrestore
-- That line, as the last of all, goes again.
DELETE FROM change WHERE id = (SELECT max(id) FROM change) AND what = 'store restore';

-- log_end
-- The last change that there has been.
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'change'), 0);

-- next_change
-- What the next change will be called; and what the last one is, which may be that the store takes no more.
SELECT 1 + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'change'), 0),
    (SELECT what FROM change WHERE id > 0 ORDER BY id DESC LIMIT 1),
    (SELECT subject FROM change WHERE id > 0 ORDER BY id DESC LIMIT 1);

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

-- ## the public views, to be copied into a file of their own: all rows behind the key (1)

-- published_domains
-- Columns as of v1_domain.
SELECT domain, kind, target, created FROM v1_domain WHERE domain > ?1 ORDER BY domain;

-- published_users
-- Columns as of v1_user.
SELECT address, local_part, domain, state, receives, sends, reason, home, mail, mail_driver,
    mail_path, uid, gid, quota, quota_rule, quota_storage_size, networks, created
FROM v1_user
WHERE address > ?1
ORDER BY address;

-- published_logins
-- Columns as of v1_login.
SELECT address, password, local_part, domain, state, receives, sends, reason, home, mail,
    mail_driver, mail_path, uid, gid, quota, quota_rule, quota_storage_size, networks, created
FROM v1_login
WHERE address > ?1
ORDER BY address;

-- published_aliases
-- Columns as of v1_alias.
SELECT address, domain, position, target, folded, target_domain, disabled, expires, internal
FROM v1_alias
WHERE address > ?1
ORDER BY address;

-- ## whole stores: every column of every table, in an order in which nothing refers to what is not there yet

-- copy_domain
-- Domains, those that stand for another behind all others.
-- scan: it is everything there is
SELECT * FROM (SELECT name, kind, target, created, delimiters, propagate, asked
    FROM domain
    WHERE target IS NULL
    ORDER BY name)
UNION ALL
SELECT * FROM (SELECT name, kind, target, created, delimiters, propagate, asked
    FROM domain
    WHERE +target IS NOT NULL
    ORDER BY name);

-- copy_domain_put
-- A row of them, in the place of an older one.
INSERT INTO domain (name, kind, target, created, delimiters, propagate, asked)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (name) DO UPDATE
SET kind = excluded.kind, target = excluded.target, created = excluded.created, delimiters = excluded.delimiters,
    propagate = excluded.propagate, asked = excluded.asked;

-- copy_mailbox
-- Mailboxes.
-- scan: it is everything there is
SELECT address, domain, home, quota, created, state, reason, mail, uid, gid, networks
FROM mailbox
ORDER BY address;

-- copy_mailbox_put
-- A row of them.
INSERT INTO mailbox (address, domain, home, quota, created, state, reason, mail, uid, gid, networks)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- copy_credential
-- Their credentials.
-- scan: it is everything there is
SELECT mailbox, label, hash, created, services, networks, expires
FROM credential
ORDER BY mailbox, label;

-- copy_credential_put
-- A row of them.
INSERT INTO credential (mailbox, label, hash, created, services, networks, expires)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- copy_alias
-- Aliases.
-- scan: it is everything there is
SELECT address, domain, created, disabled, expires, internal, prefix, note, owner
FROM alias
ORDER BY address;

-- copy_alias_put
-- A row of them.
INSERT INTO alias (address, domain, created, disabled, expires, internal, prefix, note, owner)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);

-- copy_alias_target
-- Their targets.
-- scan: it is everything there is
SELECT address, position, target, folded, domain
FROM alias_target
ORDER BY address, position;

-- copy_alias_target_put
-- A row of them.
INSERT INTO alias_target (address, position, target, folded, domain)
VALUES (?1, ?2, ?3, ?4, ?5);

-- copy_map
-- Maps.
-- scan: it is everything there is
SELECT name, search, created
FROM map
ORDER BY name;

-- copy_map_put
-- A row of them.
INSERT INTO map (name, search, created)
VALUES (?1, ?2, ?3);

-- copy_entry
-- Their entries.
-- scan: it is everything there is
SELECT map, key, value, created
FROM entry
ORDER BY map, key;

-- copy_entry_put
-- A row of them.
INSERT INTO entry (map, key, value, created)
VALUES (?1, ?2, ?3, ?4);

-- copy_change
-- The change log, with its secrets; a copy does not follow anybody by itself.
-- scan: it is everything there is
SELECT id, at, who, what, subject, before, after, secret_before, secret_after, undoes, batch
FROM change
WHERE what <> 'store follow'
ORDER BY id;

-- copy_change_put
-- A row of them.
INSERT INTO change (id, at, who, what, subject, before, after, secret_before, secret_after, undoes, batch)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- copy_login
-- What is remembered of logins.
-- scan: it is everything there is
SELECT mailbox, network, label, service, at
FROM login
ORDER BY mailbox, network, label, service;

-- copy_login_put
-- A row of them.
INSERT INTO login (mailbox, network, label, service, at)
VALUES (?1, ?2, ?3, ?4, ?5);

-- copy_secret
-- The keys that hashes are made with.
-- scan: it is everything there is
SELECT name, value
FROM secret
ORDER BY name;

-- copy_secret_put
-- A row of them.
INSERT INTO secret (name, value)
VALUES (?1, ?2);

-- copy_secret_clear
-- All of them go: others take their place.
DELETE FROM secret;

-- copy_login_clear
-- All of them go: others take their place.
DELETE FROM login;

-- copy_change_clear
-- All of them go: others take their place.
DELETE FROM change;

-- copy_entry_clear
-- All of them go: others take their place.
DELETE FROM entry;

-- copy_map_clear
-- All of them go: others take their place.
DELETE FROM map;

-- copy_alias_target_clear
-- All of them go: others take their place.
DELETE FROM alias_target;

-- copy_alias_clear
-- All of them go: others take their place.
DELETE FROM alias;

-- copy_credential_clear
-- All of them go: others take their place.
DELETE FROM credential;

-- copy_mailbox_clear
-- All of them go: others take their place.
DELETE FROM mailbox;

-- copy_domain_clear
-- All of them go: others take their place.
DELETE FROM domain;

-- copy_count
-- How many rows there are, but for logins: those come and go.
-- scan: it is everything there is
SELECT (SELECT count(*) FROM domain)
    + (SELECT count(*) FROM mailbox)
    + (SELECT count(*) FROM credential)
    + (SELECT count(*) FROM alias)
    + (SELECT count(*) FROM alias_target)
    + (SELECT count(*) FROM map)
    + (SELECT count(*) FROM entry)
    + (SELECT count(*) FROM change)
    + (SELECT count(*) FROM secret);

-- ## whole stores, moved while they are in use: of each table the rows that the log names behind a change (1)

-- since_change
-- Those lines of the log.
SELECT id, at, who, what, subject, before, after, secret_before, secret_after, undoes, batch
FROM change
WHERE id > ?1 AND what <> 'store follow'
ORDER BY id;

-- since_domain
-- Domains, in the order of copy_domain.
SELECT * FROM (SELECT name, kind, target, created, delimiters, propagate, asked
    FROM domain
    WHERE name IN (SELECT subject FROM change WHERE id > ?1 AND substr(what, 1, 7) = 'domain ') AND target IS NULL
    ORDER BY name)
UNION ALL
SELECT * FROM (SELECT name, kind, target, created, delimiters, propagate, asked
    FROM domain
    WHERE name IN (SELECT subject FROM change WHERE id > ?1 AND substr(what, 1, 7) = 'domain ') AND +target IS NOT NULL
    ORDER BY name);

-- since_mailbox
-- Mailboxes.
SELECT address, domain, home, quota, created, state, reason, mail, uid, gid, networks
FROM mailbox
WHERE address IN (SELECT subject FROM change
    WHERE id > ?1 AND (substr(what, 1, 5) = 'user ' OR substr(what, 1, 13) = 'app-password '))
ORDER BY address;

-- since_credential
-- All their credentials.
SELECT mailbox, label, hash, created, services, networks, expires
FROM credential
WHERE mailbox IN (SELECT subject FROM change
    WHERE id > ?1 AND (substr(what, 1, 5) = 'user ' OR substr(what, 1, 13) = 'app-password '))
ORDER BY mailbox, label;

-- since_alias
-- Aliases.
SELECT address, domain, created, disabled, expires, internal, prefix, note, owner
FROM alias
WHERE address IN (SELECT subject FROM change WHERE id > ?1 AND substr(what, 1, 6) = 'alias ')
ORDER BY address;

-- since_alias_target
-- All their targets.
SELECT address, position, target, folded, domain
FROM alias_target
WHERE address IN (SELECT subject FROM change WHERE id > ?1 AND substr(what, 1, 6) = 'alias ')
ORDER BY address, position;

-- since_map
-- Maps.
SELECT name, search, created
FROM map
WHERE name IN (SELECT subject FROM change WHERE id > ?1 AND substr(what, 1, 4) = 'map ')
ORDER BY name;

-- since_login
-- What is remembered of these mailboxes' logins.
SELECT mailbox, network, label, service, at
FROM login
WHERE mailbox IN (SELECT subject FROM change
    WHERE id > ?1 AND (substr(what, 1, 5) = 'user ' OR substr(what, 1, 13) = 'app-password '))
ORDER BY mailbox, network, label, service;

-- since_entry
-- Entries: their names are the map, a blank, and the key.
SELECT e.map, e.key, e.value, e.created
FROM change c CROSS JOIN entry e
    ON e.map = substr(c.subject, 1, instr(c.subject, ' ') - 1) AND e.key = substr(c.subject, instr(c.subject, ' ') + 1)
WHERE c.subject IN (SELECT subject FROM change
        WHERE id > ?1 AND substr(what, 1, 4) = 'map ' AND instr(subject, ' ') > 0)
    AND c.id = (SELECT max(x.id) FROM change x WHERE x.subject = c.subject)
ORDER BY c.subject;

-- since_alias_clear
-- They go, their targets with them: others take their place.
DELETE FROM alias WHERE address IN (SELECT subject FROM change WHERE id > ?1 AND substr(what, 1, 6) = 'alias ');

-- since_mailbox_clear
-- They go, their credentials and logins with them.
DELETE FROM mailbox
WHERE address IN (SELECT subject FROM change
    WHERE id > ?1 AND (substr(what, 1, 5) = 'user ' OR substr(what, 1, 13) = 'app-password '));

-- since_map_clear
-- They go.
DELETE FROM map WHERE name IN (SELECT subject FROM change WHERE id > ?1 AND substr(what, 1, 4) = 'map ');

-- since_entry_clear
-- They go.
DELETE FROM entry
WHERE (map, key) IN (SELECT substr(subject, 1, instr(subject, ' ') - 1), substr(subject, instr(subject, ' ') + 1)
    FROM change
    WHERE id > ?1 AND substr(what, 1, 4) = 'map ' AND instr(subject, ' ') > 0);

-- since_domain_loosen
-- Domains lead nowhere until each is what it is to be: so the order does not matter.
UPDATE domain
SET target = NULL, asked = NULL
WHERE name IN (SELECT subject FROM change WHERE id > ?1 AND substr(what, 1, 7) = 'domain ');

-- since_domain_clear
-- Those go that are no more, as the last line about each says: to the others something may belong.
DELETE FROM domain
WHERE name IN (SELECT subject FROM change WHERE id > ?1 AND substr(what, 1, 7) = 'domain ')
    AND (SELECT c.after FROM change c
        WHERE c.subject = domain.name AND c.id > ?1 AND substr(c.what, 1, 7) = 'domain '
        ORDER BY c.id DESC
        LIMIT 1) IS NULL;

-- since_unknown
-- A line of which nobody can tell here what it is about.
SELECT id, what
FROM change
WHERE id > ?1 AND NOT (substr(what, 1, 7) = 'domain ' OR substr(what, 1, 5) = 'user '
    OR substr(what, 1, 13) = 'app-password ' OR substr(what, 1, 6) = 'alias ' OR substr(what, 1, 4) = 'map '
    OR what IN ('store close', 'store open', 'store follow'))
ORDER BY id
LIMIT 1;

-- change_last
-- The last change, but that the store follows another: of that only its own log tells.
SELECT id, what, subject FROM change WHERE id > 0 AND what <> 'store follow' ORDER BY id DESC LIMIT 1;

-- change_closing
-- Since when the store takes no changes: its last line says so. And where it moves to, or what it follows.
SELECT at, what, subject
FROM change
WHERE id = (SELECT max(id) FROM change) AND what IN ('store close', 'store follow');

-- copy_reopen
-- A copy at another place (1) than the one that the store was closed for is none that moves.
DELETE FROM change WHERE id = (SELECT max(id) FROM change) AND what = 'store close' AND subject <> ?1;

-- move_unfollow
-- It does not follow any more.
DELETE FROM change WHERE id = (SELECT max(id) FROM change) AND what = 'store follow';

-- change_whole
-- One change (1) with its secrets: the columns of copy_change.
SELECT id, at, who, what, subject, before, after, secret_before, secret_after, undoes, batch
FROM change
WHERE id = ?1;

-- logins_behind
-- What is remembered of logins, behind one of them.
SELECT mailbox, network, label, service, at
FROM login
WHERE (mailbox, network, label, service) > (?1, ?2, ?3, ?4)
ORDER BY mailbox, network, label, service;

-- login_set
-- A login as it is in another store.
INSERT INTO login (mailbox, network, label, service, at)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (mailbox, network, label, service) DO UPDATE SET at = excluded.at;

-- login_drop
-- One that is not there.
DELETE FROM login WHERE mailbox = ?1 AND network = ?2 AND label = ?3 AND service = ?4;

-- log_move
-- The store was closed or opened (3) on its way to or from another one (4), or follows that. The lines are in order,
-- whatever was called as this one will be and is gone.
INSERT INTO change (id, at, who, what, subject, after)
VALUES ((SELECT 1 + coalesce(max(id), 0) FROM change), ?1, ?2, ?3, ?4, json_object('store', ?4));
