-- SPDX-License-Identifier: ISC
--
-- Plain maps of keys and values, states of accounts, aliases that can be switched off, that expire or that are
-- patterns, and domains with settings of their own.

UPDATE store SET version = 2;

ALTER TABLE domain ADD COLUMN delimiters text COLLATE "C" -- in place of recipient-delimiter; none: as configured
    CONSTRAINT domain_delimiters CHECK (length(delimiters) <= 7);
ALTER TABLE domain ADD COLUMN propagate integer -- in place of propagate-extensions; none: as configured
    CONSTRAINT domain_propagate CHECK (propagate IN (0, 1));

ALTER TABLE mailbox ADD COLUMN state text COLLATE "C" NOT NULL DEFAULT 'active'
    CONSTRAINT mailbox_state CHECK (state IN ('active', 'receive-only', 'send-only', 'suspended'));
ALTER TABLE mailbox ADD COLUMN reason text -- what its user is told of the state
    CONSTRAINT mailbox_reason CHECK (length(reason) BETWEEN 1 AND 200 AND strpos(reason, chr(10)) = 0);

ALTER TABLE alias ADD COLUMN disabled integer NOT NULL DEFAULT 0
    CONSTRAINT alias_disabled CHECK (disabled IN (0, 1));
ALTER TABLE alias ADD COLUMN expires bigint NOT NULL DEFAULT 0; -- 0 for never
ALTER TABLE alias ADD COLUMN internal integer NOT NULL DEFAULT 0 -- only our own senders may write to it
    CONSTRAINT alias_internal CHECK (internal IN (0, 1));
ALTER TABLE alias ADD COLUMN prefix text COLLATE "C"; -- of a pattern: what its local part begins with
ALTER TABLE alias ADD COLUMN note text
    CONSTRAINT alias_note CHECK (length(note) BETWEEN 1 AND 1000);
ALTER TABLE alias ADD COLUMN owner text
    CONSTRAINT alias_owner CHECK (length(owner) BETWEEN 1 AND 1000);
CREATE INDEX alias_by_prefix ON alias (domain, prefix, address) WHERE prefix IS NOT NULL;

-- Maps that an admin made; those of the program need no row.
CREATE TABLE map (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    search text COLLATE "C" NOT NULL,
    created bigint NOT NULL,
    CONSTRAINT map_name CHECK (length(name) BETWEEN 1 AND 64 AND name !~ '[^-_.a-zA-Z0-9]'),
    CONSTRAINT map_search CHECK (search <> '')
);

CREATE TABLE entry (
    map text COLLATE "C" NOT NULL,        -- one of the program's, or of table map
    key text COLLATE "C" NOT NULL,        -- in the canonical form of mail/keys.h
    value text COLLATE "C" NOT NULL,
    created bigint NOT NULL,
    PRIMARY KEY (map, key),
    CONSTRAINT entry_key CHECK (octet_length(key) BETWEEN 1 AND 2000 AND strpos(key, chr(10)) = 0),
    CONSTRAINT entry_value CHECK (octet_length(value) BETWEEN 1 AND 99997 AND strpos(value, chr(10)) = 0)
);
