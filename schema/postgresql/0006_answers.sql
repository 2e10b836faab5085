-- SPDX-License-Identifier: ISC
--
-- What a lookup need not look for in a domain.

UPDATE store SET version = 6;

-- The sum, for no other statement's condition implies it: a plan that was made while this was empty would read all of it.
CREATE INDEX alias_special_of ON alias (domain, address) WHERE disabled + expires + internal > 0;
CREATE INDEX alias_tagged ON alias (domain, address) WHERE strpos(address, '+') > 0;
CREATE INDEX mailbox_tagged ON mailbox (domain, address) WHERE strpos(address, '+') > 0;
