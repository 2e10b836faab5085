/* SPDX-License-Identifier: ISC
 *
 * log: who changed what, and when.
 */
#include "vmailctl/output.h"

static const struct column columns[] = {
	{ "id", CELL_COUNT },
	{ "at", CELL_TIME },
	{ "who", CELL_TEXT },
	{ "what", CELL_TEXT },
	{ "subject", CELL_TEXT },
	{ "before", CELL_JSON },
	{ "after", CELL_JSON },
	{ 0 },
};

static bool
put_change(void *arg, const struct change_row *row)
{
	const struct value values[] = {
		{ .number = row->id },
		{ .number = row->at },
		{ .text = row->who },
		{ .text = row->what },
		{ .text = row->subject },
		{ .text = row->before },
		{ .text = row->after },
	};

	return table_row(arg, values);
}

enum exit_code
cmd_log(struct ctl *ctl)
{
	const char *after = ctl_option(ctl, "after");
	unsigned long long id = 0;
	struct table table;
	enum outcome o;

	if (after != NULL && !slice_number(slice_str(after), INT64_MAX, &id))
		return ctl_usage(ctl, "'%s' is no number of a change", after);
	o = ctl_store(ctl, STORE_ADMIN);
	table_list(&table, ctl, columns);
	if (o == FOUND)
		o = store_changes(ctl->store, (int64_t)id, put_change, &table, &ctl->err);
	return table_end(&table, o);
}
