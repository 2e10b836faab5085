/* SPDX-License-Identifier: ISC
 *
 * Records as JSON, one a line: what exports, declarative files and imports of our own are made of.
 *
 * The first field names the object by its kind: "domain", "mailbox", "alias", "map" or "entry".
 * What is not there is not said. Blank lines and lines that begin with # are nothing.
 */
#ifndef VMAILCTL_JSONL_H
#define VMAILCTL_JSONL_H

#include <stdio.h>

#include "base/sbuf.h"
#include "store/record.h"

/* What a record of a kind is called: the name of its first field. */
const char *jsonl_kind(enum record_kind kind);

/* Append the line that begins a file: what it is, and of which version. */
bool jsonl_put_head(struct sbuf *out);

/* Append a record as a line, with the hashes of its passwords if HASHES. What is as for a new
 * object is left out. False without memory, or when it holds something that is no text. */
bool jsonl_put(struct sbuf *out, const struct record *r, bool hashes);

/* A file of them that is being read. */
struct jsonl {
	const char *name; /* for messages */
	FILE *file;
	size_t line; /* the number of the one that was read last */
	char *text;
	size_t size;
	struct json_t *json;
	struct record_credential *credential;
	struct slice *target;
};

/* Open FILE ("-": standard input). RETRY with a text when it cannot be read. */
enum outcome jsonl_open(struct jsonl *j, const char *file, struct error *err);

/* Read the next record, whose texts are good until the next call. FOUND; NONE at the end; BAD, with
 * "FILE:LINE: " before the text, when the line is none; RETRY when it cannot be read. After BAD one
 * may read on. */
enum outcome jsonl_next(struct jsonl *j, struct record *out, struct error *err);

void jsonl_close(struct jsonl *j);

#endif
