-- SPDX-License-Identifier: ISC
--
-- Plain maps of keys and values, states of accounts, aliases that can be switched off, that expire or that are
-- patterns, and domains with settings of their own.

PRAGMA user_version = 2;

ALTER TABLE domain ADD COLUMN delimiters TEXT -- in place of recipient-delimiter; none: as configured
    CONSTRAINT domain_delimiters CHECK (length(delimiters) <= 7);
ALTER TABLE domain ADD COLUMN propagate INTEGER -- in place of propagate-extensions; none: as configured
    CONSTRAINT domain_propagate CHECK (propagate IN (0, 1));

ALTER TABLE mailbox ADD COLUMN state TEXT NOT NULL DEFAULT 'active'
    CONSTRAINT mailbox_state CHECK (state IN ('active', 'receive-only', 'send-only', 'suspended'));
ALTER TABLE mailbox ADD COLUMN reason TEXT -- what its user is told of the state
    CONSTRAINT mailbox_reason CHECK (length(reason) BETWEEN 1 AND 200 AND instr(reason, char(10)) = 0);

ALTER TABLE alias ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0
    CONSTRAINT alias_disabled CHECK (disabled IN (0, 1));
ALTER TABLE alias ADD COLUMN expires INTEGER NOT NULL DEFAULT 0; -- 0 for never
ALTER TABLE alias ADD COLUMN internal INTEGER NOT NULL DEFAULT 0 -- only our own senders may write to it
    CONSTRAINT alias_internal CHECK (internal IN (0, 1));
ALTER TABLE alias ADD COLUMN prefix TEXT; -- of a pattern: what its local part begins with
ALTER TABLE alias ADD COLUMN note TEXT
    CONSTRAINT alias_note CHECK (length(note) BETWEEN 1 AND 1000);
ALTER TABLE alias ADD COLUMN owner TEXT
    CONSTRAINT alias_owner CHECK (length(owner) BETWEEN 1 AND 1000);
CREATE INDEX alias_by_prefix ON alias (domain, prefix) WHERE prefix IS NOT NULL;

-- Maps that an admin made; those of the program need no row.
CREATE TABLE map (
    name TEXT NOT NULL PRIMARY KEY,
    search TEXT NOT NULL,
    created INTEGER NOT NULL,
    CONSTRAINT map_name CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^-_.a-zA-Z0-9]*'),
    CONSTRAINT map_search CHECK (search <> '')
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
    map TEXT NOT NULL,                    -- one of the program's, or of table map
    key TEXT NOT NULL,                    -- in the canonical form of mail/keys.h
    value TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (map, key),
    CONSTRAINT entry_key CHECK (length(CAST(key AS BLOB)) BETWEEN 1 AND 2000 AND instr(key, char(10)) = 0),
    CONSTRAINT entry_value CHECK (
        length(CAST(value AS BLOB)) BETWEEN 1 AND 99997 AND instr(value, char(10)) = 0)
) STRICT, WITHOUT ROWID;
