/* SPDX-License-Identifier: ISC
 *
 * What a file is by the header that SQLite gives it.
 */
#include "store/kind.h"

#include "store/store.h"

enum {
	WRITTEN_BY = 18, /* 1: with a journal that is gone, 2: with a -wal */
	MARK = 68,       /* the application's id */
	JOURNAL_OF_A_BACKUP = 1
};

static unsigned
mark_of(struct slice head)
{
	unsigned mark = 0;

	for (size_t i = 0; i < 4; i++)
		mark = mark << 8 | (unsigned char)head.p[MARK + i];
	return mark;
}

enum store_file
store_file_of(struct slice head)
{
	if (!slice_starts(head, "SQLite format 3"))
		return STORE_FILE_OTHER;
	if (head.n < STORE_HEAD)
		return STORE_FILE_FOREIGN;
	switch (mark_of(head)) {
	case STORE_MARK:
		return head.p[WRITTEN_BY] == JOURNAL_OF_A_BACKUP ? STORE_FILE_BACKUP
								 : STORE_FILE_STORE;
	case VIEWS_MARK:
		return STORE_FILE_VIEWS;
	default:
		return STORE_FILE_FOREIGN;
	}
}
