/* SPDX-License-Identifier: ISC
 *
 * user logins; login throttled, clear: who logged in, and who tries to. What failed is counted by
 * the daemon in a file (throttle-file), which is read and cleared here while it is in use.
 */
#include <string.h>
#include <time.h>

#include "auth/network.h"
#include "auth/throttle.h"
#include "mail/rules.h"
#include "store/logins.h"
#include "sys/mapped.h"
#include "vmailctl/output.h"

/* --- good ones -------------------------------------------------------------------------------- */

static const struct column login_columns[] = {
	{ "at", CELL_TIME },
	{ "network", CELL_TEXT },
	{ "service", CELL_TEXT },
	{ "app_password", CELL_TEXT },
	{ 0 },
};

static bool
put_login(void *arg, const struct login_row *row)
{
	const struct value values[] = {
		{ .number = row->at },
		{ .text = row->network },
		{ .text = row->service },
		{ .text = row->label },
	};

	return table_row(arg, values);
}

static enum exit_code
list_logins(struct ctl *ctl, const struct sbuf *address, void *arg)
{
	struct table table;
	enum outcome o;

	(void)arg;
	table_list(&table, ctl, login_columns);
	o = store_logins(ctl->store, sbuf_slice(address), put_login, &table, &ctl->err);
	return table_end(&table, o);
}

enum exit_code
cmd_user_logins(struct ctl *ctl)
{
	return ctl_on_known_mailbox(ctl, list_logins, NULL);
}

/* --- the file --------------------------------------------------------------------------------- */

struct counts {
	struct throttle table;
	void *memory;
	size_t size;
};

/* NONE: nothing was ever counted. */
static enum outcome
counts_open(struct counts *c, struct ctl *ctl)
{
	struct sbuf path;
	struct conf conf;
	enum outcome o = ctl_conf(ctl);

	*c = (struct counts){ .memory = NULL };
	if (o != FOUND)
		return o;
	conf = *ctl->conf;
	conf.store = (char *)ctl_uri(ctl); /* which may be another one */
	sbuf_init(&path, 4096);
	if (conf_throttle_file(&path, &conf))
		o = mapped_existing(&c->memory, sbuf_cstr(&path), &c->size, &ctl->err);
	else
		o = error_set(&ctl->err, RETRY, "no memory for the path of the counts");
	if (o == FOUND && !throttle_attach(&c->table, c->memory, c->size)) {
		mapped_close(c->memory, c->size);
		o = error_set(&ctl->err, RETRY,
		    "'%s' is no count of wrong passwords of this program version: start the daemon",
		    sbuf_cstr(&path));
	}
	sbuf_release(&path);
	if (o == NONE)
		ctl->err.text[0] = '\0'; /* where it would be is nobody's business */
	return o;
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- throttled -------------------------------------------------------------------------------- */

static const struct column throttled_columns[] = {
	{ "user", CELL_TEXT },
	{ "network", CELL_TEXT },
	{ "failures", CELL_COUNT },
	{ "last", CELL_TIME },
	{ "refused_until", CELL_TIME },
	{ 0 },
};

static bool
put_throttled(void *arg, const struct throttle_row *row)
{
	const struct value values[] = {
		{ .text = row->user },
		{ .text = row->network },
		{ .number = row->failures },
		{ .number = row->last / 1000 },
		{ .number = (row->until + 999) / 1000 },
	};

	return table_row(arg, values);
}

static struct throttle_rules
rules_of(const struct conf *c)
{
	return throttle_rules_of((uint32_t)c->throttle_user_network, (uint32_t)c->throttle_network,
	    (uint32_t)c->throttle_user, (uint32_t)c->throttle_longest);
}

enum exit_code
cmd_login_throttled(struct ctl *ctl)
{
	struct throttle_rules rules;
	struct counts c;
	struct table table;
	enum outcome o = counts_open(&c, ctl);

	table_list(&table, ctl, throttled_columns);
	if (o == FOUND) {
		rules = rules_of(ctl->conf);
		throttle_each(&c.table, &rules, now_ms(), put_throttled, &table);
		mapped_close(c.memory, c.size);
	}
	return table_end(&table, o);
}

/* --- clear ------------------------------------------------------------------------------------ */

/* Whose failures: a network, or else a user, in the form that they are counted by. */
struct whose {
	struct sbuf user;
	struct sbuf network;
};

static bool
is_network(struct slice typed, struct sbuf *out)
{
	struct error err;
	size_t at;

	if (typed.n == 0 || slice_chr(typed, ',', &at) || slice_chr(typed, ' ', &at))
		return false;
	if (slice_chr(typed, '/', &at))
		return network_list_check(out, typed, &err) == FOUND;
	return network_group(out, typed) && out->n > 0;
}

static void
whose_read(struct whose *w, const char *typed)
{
	struct error err;

	sbuf_init(&w->user, 2 * ADDRESS_MAX);
	sbuf_init(&w->network, NETWORK_LIST_MAX);
	if (typed == NULL || is_network(slice_str(typed), &w->network))
		return;
	sbuf_clear(&w->network);
	if (rules_mailbox(&w->user, slice_str(typed), &err) != FOUND) {
		sbuf_clear(&w->user);
		sbuf_add_str(&w->user, typed);
	}
}

static void
whose_release(struct whose *w)
{
	sbuf_release(&w->user);
	sbuf_release(&w->network);
}

static enum outcome
clear(struct ctl *ctl, const struct whose *w)
{
	struct counts c;
	enum outcome o = counts_open(&c, ctl);

	if (o != FOUND)
		return o;
	if (throttle_clear(&c.table, sbuf_slice(&w->user), sbuf_slice(&w->network)) == 0)
		o = error_set(&ctl->err, NONE, "no wrong password is counted of '%s'",
		    ctl->n > 0 ? ctl->args[0] : "anybody");
	mapped_close(c.memory, c.size);
	return o;
}

enum exit_code
cmd_login_clear(struct ctl *ctl)
{
	bool all = ctl_option(ctl, "all") != NULL;
	const char *who = ctl->n > 0 ? ctl->args[0] : NULL;
	struct whose w;
	enum exit_code e;
	enum outcome o;

	if (all == (who != NULL && who[0] != '\0'))
		return ctl_usage(ctl, "say whose wrong passwords are to be forgotten, or --all");
	whose_read(&w, who);
	o = clear(ctl, &w);
	if (o == FOUND)
		e = ctl_done(ctl, slice_str(who), "forgot the wrong passwords of '%s'",
		    who != NULL ? who : "everybody");
	else
		e = ctl_fail(ctl, o, "no wrong password was ever counted");
	whose_release(&w);
	return e;
}
