-- SPDX-License-Identifier: ISC
--
-- What lookups read, close together: of an alias its targets and nothing else, and of a domain what a lookup need
-- not look for in it.

PRAGMA user_version = 6;

CREATE INDEX alias_answer ON alias_target (address, position, target);
CREATE INDEX alias_special_of ON alias (domain) WHERE disabled <> 0 OR expires <> 0 OR internal <> 0;
CREATE INDEX alias_tagged ON alias (domain) WHERE instr(address, '+') > 0;
CREATE INDEX mailbox_tagged ON mailbox (domain) WHERE instr(address, '+') > 0;
