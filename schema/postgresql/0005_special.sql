-- SPDX-License-Identifier: ISC
--
-- An index that the other engine's lookups have. Here an alias is one row, and is read whole: only the number is new.

UPDATE store SET version = 5;
