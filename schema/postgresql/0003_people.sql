-- SPDX-License-Identifier: ISC
--
-- What a login may need to know of a mailbox and its credentials, what is remembered of logins, and
-- which change undid which. And what Postfix makes of some international domains.

UPDATE store SET version = 3;

-- How Postfix asks for the domain in U-labels, where that is another name (a sharp s, a final sigma).
ALTER TABLE domain ADD COLUMN asked text COLLATE "C"
    CONSTRAINT domain_asked CHECK (asked <> name);
CREATE UNIQUE INDEX domain_by_asked ON domain (asked) WHERE asked IS NOT NULL;

ALTER TABLE mailbox ADD COLUMN mail text -- where the mail is, when the template is not right
    CONSTRAINT mailbox_mail CHECK (length(mail) BETWEEN 1 AND 1000 AND strpos(mail, chr(10)) = 0);
ALTER TABLE mailbox ADD COLUMN uid bigint -- in place of the configured ones
    CONSTRAINT mailbox_uid CHECK (uid BETWEEN 1 AND 4294967294);
ALTER TABLE mailbox ADD COLUMN gid bigint
    CONSTRAINT mailbox_gid CHECK (gid BETWEEN 1 AND 4294967294);
ALTER TABLE mailbox ADD COLUMN networks text -- logins from these only: 192.0.2.0/24,2001:db8::/32
    CONSTRAINT mailbox_networks CHECK (length(networks) BETWEEN 1 AND 1000 AND strpos(networks, chr(10)) = 0);

-- Of an app password, which is a credential with a label.
ALTER TABLE credential ADD COLUMN services text -- good for these only: imap,smtp
    CONSTRAINT credential_services CHECK (length(services) BETWEEN 1 AND 200);
ALTER TABLE credential ADD COLUMN networks text
    CONSTRAINT credential_networks CHECK (length(networks) BETWEEN 1 AND 1000);
ALTER TABLE credential ADD COLUMN expires bigint NOT NULL DEFAULT 0; -- 0 for never

-- The last good login of a mailbox from a network (a /24, a /48, or nothing where none was told),
-- by which credential and to which service. No part of a change, and in no log.
CREATE TABLE login (
    mailbox text COLLATE "C" NOT NULL REFERENCES mailbox (address) ON DELETE CASCADE ON UPDATE CASCADE,
    network text COLLATE "C" NOT NULL,
    label text COLLATE "C" NOT NULL,      -- of the credential
    service text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (mailbox, network, label, service),
    CONSTRAINT login_length CHECK (length(network) <= 64 AND length(label) <= 64 AND length(service) <= 32)
);

-- Keys that this store's own hashes are made with: app passwords. What is random in a uuid is random
-- enough for anybody: 122 bits each.
CREATE TABLE secret (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    value text COLLATE "C" NOT NULL       -- in hex
);
INSERT INTO secret (name, value)
VALUES ('app-password', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

ALTER TABLE change ADD COLUMN undoes bigint REFERENCES change (id); -- the change that this one took back
ALTER TABLE change ADD COLUMN batch bigint; -- the first change of the same transaction; none: itself
CREATE INDEX change_by_subject ON change (subject, id);
CREATE INDEX change_by_undoes ON change (undoes, id) WHERE undoes IS NOT NULL;
