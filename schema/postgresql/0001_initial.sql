-- SPDX-License-Identifier: ISC
--
-- The first schema, as in schema/sqlite/0001_initial.sql, table by table; what differs is said here.
-- Texts that are keys are compared bytewise, as SQLite does and as the C in this program does: so
-- both engines give every list in the same order. A row that refers to another follows when that gets
-- another name. Everything is in the schema vmaild, which is first in the search path.

CREATE SCHEMA IF NOT EXISTS vmaild;

-- One row. Whoever writes holds it from his first statement to the end, so that changes
-- come one after the other, and the ids of the change log in the order of the commits.
CREATE TABLE store (
    one integer NOT NULL PRIMARY KEY,
    version integer NOT NULL,             -- of this schema
    turn bigint NOT NULL DEFAULT 0,       -- counts those who held it: another number, another state of everything
    CONSTRAINT store_one CHECK (one = 1)
);
INSERT INTO store (one, version) VALUES (1, 1);

CREATE TABLE domain (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    target text COLLATE "C" REFERENCES domain (name), -- the domain that this one stands for
    created bigint NOT NULL,              -- unix seconds, here and below
    CONSTRAINT domain_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT domain_lower_case_ascii CHECK (name = lower(name) AND name !~ '[^!-~]'),
    CONSTRAINT domain_without_at CHECK (strpos(name, '@') = 0),
    CONSTRAINT domain_kind CHECK (kind IN ('mailbox', 'alias', 'relay', 'local')),
    CONSTRAINT domain_target_of_alias_kind CHECK (target IS NULL OR kind = 'alias'),
    CONSTRAINT domain_target_other CHECK (target <> name)
);
CREATE INDEX domain_by_kind ON domain (kind, name);
CREATE INDEX domain_by_target ON domain (target, name) WHERE target IS NOT NULL;

CREATE TABLE mailbox (
    address text COLLATE "C" NOT NULL PRIMARY KEY,
    domain text COLLATE "C" NOT NULL REFERENCES domain (name),
    home text,                            -- where it differs from the template
    quota bigint NOT NULL DEFAULT 0,      -- bytes, 0 for none
    created bigint NOT NULL,
    CONSTRAINT mailbox_length CHECK (octet_length(address) <= 1000),
    CONSTRAINT mailbox_folded CHECK (address = lower(address)),
    CONSTRAINT mailbox_one_line CHECK (strpos(address, chr(10)) = 0),
    CONSTRAINT mailbox_in_domain CHECK (
        right(address, length(domain) + 1) = '@' || domain
        AND length(address) > length(domain) + 1),
    CONSTRAINT mailbox_home CHECK (home <> ''),
    CONSTRAINT mailbox_quota CHECK (quota >= 0)
);
CREATE INDEX mailbox_by_domain ON mailbox (domain, address);

-- A mailbox may have several: the one without a label is its password, others are named.
CREATE TABLE credential (
    mailbox text COLLATE "C" NOT NULL REFERENCES mailbox (address) ON DELETE CASCADE ON UPDATE CASCADE,
    label text COLLATE "C" NOT NULL,
    hash text COLLATE "C" NOT NULL,       -- {SCHEME}data
    created bigint NOT NULL,
    PRIMARY KEY (mailbox, label),
    CONSTRAINT credential_length CHECK (octet_length(hash) BETWEEN 1 AND 1024),
    CONSTRAINT credential_one_line CHECK (strpos(hash, chr(10)) = 0)
);

-- name@domain, @domain for the catch-all, or a bare name for the domains of the local kind.
CREATE TABLE alias (
    address text COLLATE "C" NOT NULL PRIMARY KEY,
    domain text COLLATE "C" REFERENCES domain (name), -- none for a bare name
    created bigint NOT NULL,
    CONSTRAINT alias_length CHECK (octet_length(address) BETWEEN 1 AND 1000),
    CONSTRAINT alias_folded CHECK (address = lower(address)),
    CONSTRAINT alias_one_line CHECK (strpos(address, chr(10)) = 0),
    CONSTRAINT alias_in_domain CHECK (
        CASE WHEN domain IS NULL THEN strpos(address, '@') = 0
        ELSE right(address, length(domain) + 1) = '@' || domain END)
);
CREATE INDEX alias_by_domain ON alias (domain, address);

CREATE TABLE alias_target (
    address text COLLATE "C" NOT NULL REFERENCES alias (address) ON DELETE CASCADE ON UPDATE CASCADE,
    position bigint NOT NULL,
    target text COLLATE "C" NOT NULL,     -- as it is handed out: spelling kept
    folded text COLLATE "C" NOT NULL,     -- the same in canonical form
    domain text COLLATE "C" NOT NULL,     -- of the target, which may be anywhere
    PRIMARY KEY (address, position),
    CONSTRAINT target_length CHECK (octet_length(target) BETWEEN 2 AND 1000),
    CONSTRAINT target_one_line CHECK (strpos(target, chr(10)) = 0),
    CONSTRAINT target_in_domain CHECK (
        right(folded, length(domain) + 1) = '@' || domain
        AND right(target, length(domain) + 1) = '@' || domain)
);
-- which aliases lead to an address, or into a domain; and the same target only once in an alias
CREATE UNIQUE INDEX alias_target_by_target ON alias_target (domain, folded, address);

-- What was changed, in the same transaction as the change. `before` and `after` are images of the
-- object in JSON, byte for byte those that SQLite makes: texts, so that no engine writes them anew.
-- The ids have no gaps: whoever writes one has the row of table store.
CREATE TABLE change (
    id bigint NOT NULL PRIMARY KEY,
    at bigint NOT NULL,
    who text COLLATE "C" NOT NULL,
    what text COLLATE "C" NOT NULL,       -- 'user add', ...
    subject text COLLATE "C" NOT NULL,    -- the domain or address
    before text,
    after text,
    secret_before text,
    secret_after text,
    CONSTRAINT change_who CHECK (who <> ''),
    CONSTRAINT change_what CHECK (what <> ''),
    CONSTRAINT change_of_something CHECK (before IS NOT NULL OR after IS NOT NULL)
);
