-- SPDX-License-Identifier: ISC
--
-- The first schema. Addresses and domains are stored in the one canonical form of mail/address.h;
-- the CHECKs are the last fence, the rules with the helpful texts are in mail/rules.h. Every table
-- that is asked by its key keeps its rows in that key's order, so that an answer is one descent.

PRAGMA application_id = 0x766d6c64; -- "vmld"
PRAGMA user_version = 1;

CREATE TABLE domain (
    name TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    target TEXT REFERENCES domain (name), -- the domain that this one stands for
    created INTEGER NOT NULL,             -- unix seconds, here and below
    CONSTRAINT domain_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT domain_lower_case_ascii CHECK (name = lower(name) AND name NOT GLOB '*[^!-~]*'),
    CONSTRAINT domain_without_at CHECK (instr(name, '@') = 0),
    CONSTRAINT domain_kind CHECK (kind IN ('mailbox', 'alias', 'relay', 'local')),
    CONSTRAINT domain_target_of_alias_kind CHECK (target IS NULL OR kind = 'alias'),
    CONSTRAINT domain_target_other CHECK (target <> name)
) STRICT, WITHOUT ROWID;
CREATE INDEX domain_by_kind ON domain (kind);
CREATE INDEX domain_by_target ON domain (target) WHERE target IS NOT NULL;

CREATE TABLE mailbox (
    address TEXT NOT NULL PRIMARY KEY,
    domain TEXT NOT NULL REFERENCES domain (name),
    home TEXT,                            -- where it differs from the template
    quota INTEGER NOT NULL DEFAULT 0,     -- bytes, 0 for none
    created INTEGER NOT NULL,
    CONSTRAINT mailbox_length CHECK (length(CAST(address AS BLOB)) <= 1000),
    CONSTRAINT mailbox_folded CHECK (address = lower(address)),
    CONSTRAINT mailbox_one_line CHECK (instr(address, char(10)) = 0),
    CONSTRAINT mailbox_in_domain CHECK (
        substr(address, -length(domain) - 1) = '@' || domain
        AND length(address) > length(domain) + 1),
    CONSTRAINT mailbox_home CHECK (home <> ''),
    CONSTRAINT mailbox_quota CHECK (quota >= 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX mailbox_by_domain ON mailbox (domain);

-- A mailbox may have several: the one without a label is its password, others are named.
CREATE TABLE credential (
    id INTEGER PRIMARY KEY,
    mailbox TEXT NOT NULL REFERENCES mailbox (address) ON DELETE CASCADE,
    label TEXT NOT NULL,
    hash TEXT NOT NULL,                   -- {SCHEME}data
    created INTEGER NOT NULL,
    CONSTRAINT credential_length CHECK (length(CAST(hash AS BLOB)) BETWEEN 1 AND 1024),
    CONSTRAINT credential_one_line CHECK (instr(hash, char(10)) = 0),
    UNIQUE (mailbox, label)
) STRICT;

-- name@domain, @domain for the catch-all, or a bare name for the domains of the local kind.
CREATE TABLE alias (
    address TEXT NOT NULL PRIMARY KEY,
    domain TEXT REFERENCES domain (name), -- none for a bare name
    created INTEGER NOT NULL,
    CONSTRAINT alias_length CHECK (length(CAST(address AS BLOB)) BETWEEN 1 AND 1000),
    CONSTRAINT alias_folded CHECK (address = lower(address)),
    CONSTRAINT alias_one_line CHECK (instr(address, char(10)) = 0),
    CONSTRAINT alias_in_domain CHECK (
        CASE WHEN domain IS NULL THEN instr(address, '@') = 0
        ELSE substr(address, -length(domain) - 1) = '@' || domain END)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_by_domain ON alias (domain);

CREATE TABLE alias_target (
    address TEXT NOT NULL REFERENCES alias (address) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    target TEXT NOT NULL,                 -- as it is handed out: spelling kept
    folded TEXT NOT NULL,                 -- the same in canonical form
    domain TEXT NOT NULL,                 -- of the target, which may be anywhere
    PRIMARY KEY (address, position),
    CONSTRAINT target_length CHECK (length(CAST(target AS BLOB)) BETWEEN 2 AND 1000),
    CONSTRAINT target_one_line CHECK (instr(target, char(10)) = 0),
    CONSTRAINT target_in_domain CHECK (
        substr(folded, -length(domain) - 1) = '@' || domain
        AND substr(target, -length(domain) - 1) = '@' || domain)
) STRICT, WITHOUT ROWID;
-- which aliases lead to an address, or into a domain; and the same target only once in an alias
CREATE UNIQUE INDEX alias_target_by_target ON alias_target (domain, folded, address);

-- What was changed, in the same transaction as the change. `before` and `after` are images of the
-- object in JSON; password hashes stand apart from them, for whoever may undo a change. (No JSON
-- functions in the schema: the SQLite of Debian 12 does not trust them there.)
CREATE TABLE change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,                   -- 'user add', ...
    subject TEXT NOT NULL,                -- the domain or address
    before TEXT,
    after TEXT,
    secret_before TEXT,
    secret_after TEXT,
    CONSTRAINT change_who CHECK (who <> ''),
    CONSTRAINT change_what CHECK (what <> ''),
    CONSTRAINT change_of_something CHECK (before IS NOT NULL OR after IS NOT NULL)
) STRICT;
