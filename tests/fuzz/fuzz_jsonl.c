/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a file of records in JSON lines. What is a record is written, read again, and
 * written the same; what is none is named by its line, and the file goes on.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmailctl/import.h"
#include "vmailctl/jsonl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of import.c only the names in messages are wanted. */
const char *
import_name(const char *file)
{
	return file;
}

void
import_name_line(struct error *err, const char *file, size_t line)
{
	struct error why = *err;

	error_set(err, BAD, "%s:%zu: %.400s", file, line, why.text);
}

static void
open_bytes(struct jsonl *j, const void *bytes, size_t n)
{
	*j = (struct jsonl){ .name = "file" };
	j->file = fmemopen((void *)bytes, n, "r");
	assert(j->file != NULL);
}

static void
check_record(const struct record *r)
{
	struct sbuf once, twice;
	struct error err = { "" };
	struct record same;
	struct jsonl j;

	sbuf_init(&once, 1 << 20);
	sbuf_init(&twice, 1 << 20);
	if (jsonl_put(&once, r, true)) {
		assert(memchr(once.p, '\n', once.n) == once.p + once.n - 1);
		open_bytes(&j, once.p, once.n);
		assert(jsonl_next(&j, &same, &err) == FOUND);
		assert(jsonl_put(&twice, &same, true));
		assert(slice_eq(sbuf_slice(&once), sbuf_slice(&twice)));
		assert(jsonl_next(&j, &same, &err) == NONE);
		jsonl_close(&j);
	}
	sbuf_release(&once);
	sbuf_release(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { "" };
	struct record r;
	struct jsonl j;
	enum outcome o;

	if (size == 0 || size > 1 << 16)
		return 0;
	open_bytes(&j, data, size);
	while ((o = jsonl_next(&j, &r, &err)) != NONE) {
		assert(o == FOUND || (o == BAD && strncmp(err.text, "file:", 5) == 0));
		if (o == FOUND)
			check_record(&r);
	}
	jsonl_close(&j);
	return 0;
}
