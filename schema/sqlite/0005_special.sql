-- SPDX-License-Identifier: ISC
--
-- Which aliases are more than their targets. A lookup reads the targets of an alias, and only of these anything else.

PRAGMA user_version = 5;

CREATE INDEX alias_special ON alias (address, disabled, expires, internal)
    WHERE disabled <> 0 OR expires <> 0 OR internal <> 0;
