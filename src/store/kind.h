/* SPDX-License-Identifier: ISC
 *
 * The marks by which our files are known among those of SQLite's: their application's id.
 */
#ifndef STORE_KIND_H
#define STORE_KIND_H

enum {
	STORE_MARK = 0x766d6c64, /* "vmld", as in schema/sqlite/0001_initial.sql */
	VIEWS_MARK = 0x766d7677  /* "vmvw", as in schema/sqlite/published.sql */
};

#endif
