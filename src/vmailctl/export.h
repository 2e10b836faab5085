/* SPDX-License-Identifier: ISC
 *
 * The shapes in which a store can leave.
 */
#ifndef VMAILCTL_EXPORT_H
#define VMAILCTL_EXPORT_H

#include "store/record.h"
#include "vmailctl/cmd.h"
#include "vmailctl/outfile.h"

/* Write every record of the store, or say in ctl->err why not. WHERE is a file, or (for Postfix) a
 * directory; NULL: standard output. *LEFT_OUT: how many records that shape cannot say. */
enum outcome export_jsonl(struct ctl *ctl, const char *where, bool hashes, size_t *left_out);
enum outcome export_csv(struct ctl *ctl, const char *where, bool hashes, size_t *left_out);
enum outcome export_dovecot(struct ctl *ctl, const char *where, bool hashes, size_t *left_out);
enum outcome export_postfix(struct ctl *ctl, const char *where, bool hashes, size_t *left_out);

/* The frame of those that write one file: FN is called per record. */
struct export
{
	struct ctl *ctl;
	bool hashes;
	struct outfile out;
	struct sbuf text; /* of one record */
	enum outcome outcome;
	bool (*put)(struct export * e, const struct record *r);
	size_t left_out;      /* records that this shape cannot say */
	size_t app_passwords; /* of all mailboxes */
};

enum outcome export_file(
    struct export *e, const char *where, bool (*put)(struct export *e, const struct record *r));

/* Warn when there are app passwords, of which this shape has none. */
void export_warn_app_passwords(const struct export *e);

#endif
