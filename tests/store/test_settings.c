/* SPDX-License-Identifier: ISC
 *
 * What accounts may do, what aliases and domains are besides what they lead to: every setting with
 * its line in the log, every refusal, the loops that a setting would close, and what the maps make
 * of it.
 */
#include "steps.h"

#include "../lib/bytes.h"

/* --- settings as words --------------------------------------------------------------------------
 */

/* "disabled", "internal", "expires=N", "note=TEXT", "owner=TEXT", with semicolons between. */
static void
read_alias_settings(struct alias_settings *out, const char *text)
{
	struct slice rest = S(text);

	*out = (struct alias_settings){ .disabled = false };
	while (rest.n > 0) {
		struct slice value = slice_cut(&rest, ';');
		struct slice name = slice_cut(&value, '=');
		unsigned long long number = 0;

		if (slice_is(name, "disabled"))
			out->disabled = true;
		else if (slice_is(name, "internal"))
			out->internal = true;
		else if (slice_is(name, "expires") && slice_number(value, INT64_MAX, &number))
			out->expires = (int64_t)number;
		else if (slice_is(name, "note"))
			out->note = value;
		else if (slice_is(name, "owner"))
			out->owner = value;
		else
			fail_msg("no setting: %s", text);
	}
}

static enum outcome
set_alias(struct store *s, const struct step *step, struct error *err)
{
	struct alias_settings settings;

	read_alias_settings(&settings, step->b);
	return store_alias_set(s, S(step->a), &settings, err);
}

/* B: the delimiters, or NULL for none of its own; C: "1", "0" or "" for propagation. */
static enum outcome
set_domain(struct store *s, const struct step *step, struct error *err)
{
	struct domain_settings settings = {
		.own_delimiters = step->b != NULL,
		.delimiters = S(step->b),
		.propagate = step->c[0] == '\0' ? -1 : step->c[0] == '1',
	};

	return store_domain_set(s, S(step->a), &settings, err);
}

static enum outcome
set_state(struct store *s, const struct step *step, struct error *err)
{
	enum account_state state;

	assert_true(account_state_by_name(S(step->b), &state));
	return store_mailbox_state(s, S(step->a), state, S(step->c), err);
}

static enum outcome
set_quota(struct store *s, const struct step *step, struct error *err)
{
	return store_mailbox_quota(s, S(step->a), atoll(step->b), err);
}

static enum outcome
add_alias(struct store *s, const struct step *step, struct error *err)
{
	return alias_add(s, step->a, step->b, err);
}

/* --- changes and refusals -----------------------------------------------------------------------
 */

#define SALLY(quota, state, reason)                                                                \
	"{\"address\":\"sally@example.com\",\"home\":null,\"quota\":" quota ",\"state\":\"" state  \
	"\",\"reason\":" reason ",\"mail\":null,\"uid\":null,\"gid\":null,\"networks\":null,"      \
	"\"created\":T,\"credentials\":[]}"
#define ROOT(disabled, expires, internal, note, owner)                                             \
	"{\"address\":\"root\",\"disabled\":" disabled ",\"expires\":" expires                     \
	",\"internal\":" internal ",\"note\":" note ",\"owner\":" owner                            \
	",\"created\":T,\"targets\":[\"sally+root@example.com\"]}"
#define ROOT_AS_IS ROOT("0", "0", "0", "null", "null")
#define FWD(delimiters, propagate)                                                                 \
	"{\"name\":\"fwd.test\",\"kind\":\"alias\",\"target\":null,\"delimiters\":" delimiters     \
	",\"propagate\":" propagate ",\"created\":T}"
#define FWD_AS_IS FWD("null", "null")
#define LONG_100                                                                                   \
	"a123456789b123456789c123456789d123456789e123456789"                                       \
	"f123456789g123456789h123456789i123456789j123456789"

static const struct step changes[] = {
	/* clang-format off */
	{ "suspended", set_state, "Sally@Example.com", "suspended", "bill unpaid", FOUND, NULL,
	  "user state|sally@example.com|" SALLY("0", "active", "null") "|"
	  SALLY("0", "suspended", "\"bill unpaid\"") "\n" },
	{ "without a reason", set_state, "sally@example.com", "send-only", "", FOUND, NULL,
	  "user state|sally@example.com|" SALLY("0", "active", "null") "|" SALLY("0", "send-only", "null") "\n" },
	{ "a reason for an active one", set_state, "sally@example.com", "active", "on probation", FOUND, NULL,
	  "user state|sally@example.com|" SALLY("0", "active", "null") "|"
	  SALLY("0", "active", "\"on probation\"") "\n" },
	{ "the state it has", set_state, "sally@example.com", "active", "", FOUND, NULL, "" },
	{ "quota", set_quota, "sally@example.com", "1000000", "", FOUND, NULL,
	  "user quota|sally@example.com|" SALLY("0", "active", "null") "|" SALLY("1000000", "active", "null") "\n" },
	{ "the quota it has", set_quota, "sally@example.com", "0", "", FOUND, NULL, "" },

	{ "disabled", set_alias, "Root", "disabled", "", FOUND, NULL,
	  "alias set|root|" ROOT_AS_IS "|" ROOT("1", "0", "0", "null", "null") "\n" },
	{ "everything", set_alias, "root", "disabled;internal;expires=1900000000;note=for the admins;owner=tom", "",
	  FOUND, NULL,
	  "alias set|root|" ROOT_AS_IS "|" ROOT("1", "1900000000", "1", "\"for the admins\"", "\"tom\"") "\n" },
	{ "as it is", set_alias, "root", "", "", FOUND, NULL, "" },

	{ "delimiters", set_domain, "Fwd.Test", "+-", "", FOUND, NULL,
	  "domain set|fwd.test|" FWD_AS_IS "|" FWD("\"+-\"", "null") "\n" },
	{ "no delimiters", set_domain, "fwd.test", "", "", FOUND, NULL,
	  "domain set|fwd.test|" FWD_AS_IS "|" FWD("\"\"", "null") "\n" },
	{ "as many as there can be", set_domain, "fwd.test", "+-=_~!#", "", FOUND, NULL,
	  "domain set|fwd.test|" FWD_AS_IS "|" FWD("\"+-=_~!#\"", "null") "\n" },
	{ "propagation on", set_domain, "fwd.test", NULL, "1", FOUND, NULL,
	  "domain set|fwd.test|" FWD_AS_IS "|" FWD("null", "1") "\n" },
	{ "propagation off", set_domain, "fwd.test", NULL, "0", FOUND, NULL,
	  "domain set|fwd.test|" FWD_AS_IS "|" FWD("null", "0") "\n" },
	{ "as configured", set_domain, "fwd.test", NULL, "", FOUND, NULL, "" },

	{ "a pattern", add_alias, "Sales-*@fwd.test", "sally@example.com", "", FOUND, NULL,
	  "alias add|sales-*@fwd.test|-|{\"address\":\"sales-*@fwd.test\",\"disabled\":0,\"expires\":0,"
	  "\"internal\":0,\"note\":null,\"owner\":null,\"created\":T,\"targets\":[\"sally@example.com\"]}\n" },
	/* clang-format on */
};

static const struct step refusals[] = {
	/* clang-format off */
	{ "the state of nobody", set_state, "tom@example.com", "suspended", "", NONE, "no mailbox 'tom@example.com'", NULL },
	{ "the state of an alias", set_state, "info@example.com", "suspended", "", NONE, "no mailbox", NULL },
	{ "a reason of two lines", set_state, "sally@example.com", "suspended", "a\nb", BAD, "control characters", NULL },
	{ "a reason that is too long", set_state, "sally@example.com", "suspended", LONG_100 LONG_100 "x", BAD,
	  "at most 200 can be told", NULL },
	{ "the quota of nobody", set_quota, "tom@example.com", "7", "", NONE, "no mailbox", NULL },
	{ "a negative quota", set_quota, "sally@example.com", "-1", "", BAD, "0 stands for none", NULL },

	{ "no alias", set_alias, "nobody@example.com", "disabled", "", NONE, "no alias 'nobody@example.com'", NULL },
	{ "a mailbox", set_alias, "sally@example.com", "disabled", "", NONE, "no alias", NULL },
	{ "a note of two lines", set_alias, "root", "note=a\nb", "", BAD, "control characters", NULL },
	{ "a note that is too long", set_alias, "root", "note=" LONG_100 LONG_100 LONG_100 LONG_100 LONG_100
	  LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 "x", "", BAD, "at most 1000", NULL },
	{ "an owner of two lines", set_alias, "root", "owner=a\rb", "", BAD, "control characters", NULL },

	{ "no domain", set_domain, "nowhere.test", "+", "", NONE, "no domain 'nowhere.test'", NULL },
	{ "too many delimiters", set_domain, "fwd.test", "+-=_~!#$", "", BAD, "at most 7", NULL },
	{ "a letter", set_domain, "fwd.test", "+x", "", BAD, "'+x' cannot separate", NULL },
	{ "a digit", set_domain, "fwd.test", "0", "", BAD, "cannot separate", NULL },
	{ "an @", set_domain, "fwd.test", "@", "", BAD, "cannot separate", NULL },
	{ "a dot", set_domain, "fwd.test", ".", "", BAD, "cannot separate", NULL },
	{ "a blank", set_domain, "fwd.test", "+ ", "", BAD, "cannot separate", NULL },
	{ "a byte of an umlaut", set_domain, "fwd.test", "\xc3\xb6", "", BAD, "cannot separate", NULL },

	{ "a pattern of stars", add_alias, "*@fwd.test", "sally@example.com", "", BAD, "write '@fwd.test'", NULL },
	{ "a pattern with five stars", add_alias, "a*b*c*d*e*@fwd.test", "sally@example.com", "", BAD,
	  "at most 4 '*'", NULL },
	{ "a pattern in a stand-in", add_alias, "a*@other.test", "sally@example.com", "", BAD,
	  "as 'a*@example.com'", NULL },
	/* clang-format on */
};

static void
test_changes(void **state)
{
	(void)state;
	run_steps(changes, ROWS(changes), NULL);
}

static void
test_refusals(void **state)
{
	(void)state;
	run_steps(refusals, ROWS(refusals), NULL);
}

/* --- what the listings say ----------------------------------------------------------------------
 */

static bool
see_alias(void *arg, const struct alias_row *row)
{
	sbuf_printf(arg, "%d %lld %d '%.*s' '%.*s'", row->settings.disabled,
	    (long long)row->settings.expires, row->settings.internal, (int)row->settings.note.n,
	    row->settings.note.p, (int)row->settings.owner.n, row->settings.owner.p);
	return true;
}

static bool
see_domain(void *arg, const struct domain_row *row)
{
	sbuf_printf(arg, "%d '%.*s' %d", row->own_delimiters, (int)row->delimiters.n,
	    row->delimiters.p, row->propagate);
	return true;
}

static void
check_listed(struct fixture *f, const struct step *step, const char *expected)
{
	struct sbuf seen;

	sbuf_init(&seen, 1000);
	must(step->act(f->s, step, &f->err), &f->err, step->name);
	if (step->act == set_alias)
		store_aliases(f->s, S(step->a), S(""), see_alias, &seen, &f->err);
	else
		store_domains(f->s, S(step->a), see_domain, &seen, &f->err);
	assert_string_equal(sbuf_cstr(&seen), expected);
	sbuf_release(&seen);
}

static void
test_listings(void **state)
{
	static const struct {
		struct step step;
		const char *listed;
	} rows[] = {
		{ { .name = "all",
		      .act = set_alias,
		      .a = "root",
		      .b = "disabled;internal;expires=5;note=n;owner=o" },
		    "1 5 1 'n' 'o'" },
		{ { .name = "none", .act = set_alias, .a = "root", .b = "" }, "0 0 0 '' ''" },
		{ { .name = "delimiters", .act = set_domain, .a = "fwd.test", .b = "+-", .c = "0" },
		    "1 '+-' 0" },
		{ { .name = "no delimiter", .act = set_domain, .a = "fwd.test", .b = "", .c = "1" },
		    "1 '' 1" },
		{ { .name = "as configured",
		      .act = set_domain,
		      .a = "fwd.test",
		      .b = NULL,
		      .c = "" },
		    "0 '' -1" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ROWS(rows); i++)
		check_listed(f, &rows[i].step, rows[i].listed);
}

/* Who logs in is told the state and its reason along with the hashes. */
static void
test_account_tells(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOGIN);
	struct account a;
	struct sbuf hashes;

	account_init(&a);
	sbuf_init(&hashes, 1000);
	must(find_login(s, "harry@example.com", &a, &hashes, &f->err), &f->err, "harry");
	assert_int_equal(a.state, STATE_ACTIVE);
	assert_string_equal(sbuf_cstr(&a.reason), "");
	must(store_mailbox_state(
		 f->s, S("harry@example.com"), STATE_SUSPENDED, S("unpaid"), &f->err),
	    &f->err, "suspend");
	must(store_mailbox_quota(f->s, S("harry@example.com"), 77, &f->err), &f->err, "quota");
	must(find_login(s, "harry@example.com", &a, &hashes, &f->err), &f->err, "harry");
	assert_int_equal(a.state, STATE_SUSPENDED);
	assert_string_equal(sbuf_cstr(&a.reason), "unpaid");
	assert_int_equal(a.quota, 77);
	/* the reason goes with the state */
	must(store_mailbox_state(f->s, S("harry@example.com"), STATE_ACTIVE, S(""), &f->err),
	    &f->err, "active");
	must(find_login(s, "harry@example.com", &a, &hashes, &f->err), &f->err, "harry");
	assert_string_equal(sbuf_cstr(&a.reason), "");
	account_release(&a);
	sbuf_release(&hashes);
	store_close(s);
}

/* --- what the maps make of it -------------------------------------------------------------------
 */

static const char *
look_up(struct store *s, struct lookup *l, const char *map, const char *key, int64_t now)
{
	struct lookup_rules rules = { "+", true, now };

	lookup_start(l, &rules, S(map), S(key));
	store_resolve(s, l);
	assert_false(l->asking);
	return l->outcome == FOUND ? sbuf_cstr(&l->value) : outcome_name(l->outcome);
}

static void
test_states(void **state)
{
	static const struct {
		const char *state;
		const char *mailboxes, *aliases, *senders;
	} rows[] = {
		{ "active", "sally@example.com", "none", "sally@example.com" },
		{ "receive-only", "sally@example.com", "none", "none" },
		{ "send-only", "none", "none", "sally@example.com" },
		{ "suspended", "none", "none", "none" },
	};
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	struct lookup l;

	lookup_init(&l);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct step step = { .a = "sally@example.com", .b = rows[i].state, .c = "why" };

		must(set_state(f->s, &step, &f->err), &f->err, rows[i].state);
		assert_string_equal(
		    look_up(s, &l, "mailboxes", "Sally+x@example.com", 0), rows[i].mailboxes);
		/* no catch-all takes it, whatever its state */
		assert_string_equal(
		    look_up(s, &l, "aliases", "sally@example.com", 0), rows[i].aliases);
		assert_string_equal(
		    look_up(s, &l, "senders", "sally@example.com", 0), rows[i].senders);
	}
	lookup_release(&l);
	store_close(s);
}

static void
test_aliases_that_are_off(void **state)
{
	static const struct {
		const char *settings;
		int64_t now;
		const char *value;
	} rows[] = {
		{ "", 1000, "harry@example.com, Sally@else.test" },
		{ "disabled", 1000, "none" },
		{ "expires=1001", 1000, "harry@example.com, Sally@else.test" },
		{ "expires=1000", 1000, "none" },
		{ "expires=999", 1000, "none" },
		{ "internal;note=x;owner=y", 1000, "harry@example.com, Sally@else.test" },
	};
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	struct lookup l;

	lookup_init(&l);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct step step = { .a = "info@example.com", .b = rows[i].settings };

		must(set_alias(f->s, &step, &f->err), &f->err, rows[i].settings);
		assert_string_equal(
		    look_up(s, &l, "aliases", "info@example.com", rows[i].now), rows[i].value);
	}
	lookup_release(&l);
	store_close(s);
}

static void
test_patterns(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{ "sales-1@example.com", "harry@example.com" },
		{ "Sales-@example.com", "harry@example.com" },
		{ "sales-1-eu@example.com", "eu@else.test" },
		{ "sales-one@example.com", "one@else.test" },
		{ "sales-1+x@example.com", "harry@example.com" },
		{ "sales@example.com", "sally@example.com" },
		{ "sales-1@other.test", "sales-1@example.com" },
		{ "sally@example.com", "none" },
		{ "info@example.com", "harry@example.com, Sally@else.test" },
	};
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	struct lookup l;

	must(alias_add(f->s, "sales-*@example.com", "harry@example.com", &f->err), &f->err,
	    "sales-*");
	must(alias_add(f->s, "sales-*-eu@example.com", "eu@else.test", &f->err), &f->err,
	    "sales-*-eu");
	must(alias_add(f->s, "sales-o*e@example.com", "one@else.test", &f->err), &f->err,
	    "sales-o*e");
	must(alias_add(f->s, "s*y@example.com", "trap@else.test", &f->err), &f->err, "s*y");
	lookup_init(&l);
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_string_equal(look_up(s, &l, "aliases", rows[i].key, 0), rows[i].value);
	must(alias_remove(f->s, "sales-*@example.com", "", &f->err), &f->err, "gone");
	assert_string_equal(
	    look_up(s, &l, "aliases", "sales-1@example.com", 0), "sally@example.com");
	lookup_release(&l);
	store_close(s);
}

/* One setting after the other, and what becomes of the same addresses. */
static void
test_delimiters(void **state)
{
	static const struct {
		const char *delimiters; /* NULL: as configured, which is "+" */
		const char *propagate;
		const char *plus, *minus, *transport;
	} rows[] = {
		{ NULL, "", "sally+x@example.com", "none", "none" },
		{ "-", "", "none", "sally-x@example.com", "lmtp:here" },
		{ "+-", "", "sally+x@example.com", "sally-x@example.com", "lmtp:here" },
		{ "", "", "none", "none", "none" },
		{ "+-", "0", "sally@example.com", "sally@example.com", "lmtp:here" },
		{ NULL, "0", "sally@example.com", "none", "none" },
	};
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	struct lookup l;

	must(store_entry_set(f->s, S("transports"), S("x@fwd.test"), S("lmtp:here"), &f->err),
	    &f->err, "transport");
	lookup_init(&l);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct step step = {
			.a = "fwd.test", .b = rows[i].delimiters, .c = rows[i].propagate
		};

		must(set_domain(f->s, &step, &f->err), &f->err, "set");
		assert_string_equal(look_up(s, &l, "aliases", "x+x@fwd.test", 0), rows[i].plus);
		assert_string_equal(look_up(s, &l, "aliases", "x-x@fwd.test", 0), rows[i].minus);
		assert_string_equal(
		    look_up(s, &l, "transports", "x-x@fwd.test", 0), rows[i].transport);
	}
	lookup_release(&l);
	store_close(s);
}

/* What an alias domain accepts must be what the domain behind it takes, with the delimiters of
 * that. */
static void
test_delimiters_of_a_stand_in(void **state)
{
	struct step stand_in = { .a = "other.test", .b = "-", .c = "" };
	struct step behind = { .a = "example.com", .b = "-", .c = "" };
	struct fixture *f = *state;
	struct lookup l;

	must(alias_remove(f->s, "@example.com", "", &f->err), &f->err, "no catch-all");
	must(set_domain(f->s, &stand_in, &f->err), &f->err, "set");
	lookup_init(&l);
	assert_string_equal(look_up(f->s, &l, "aliases", "sally-x@other.test", 0), "none");
	assert_string_equal(
	    look_up(f->s, &l, "aliases", "sally+x@other.test", 0), "sally+x@example.com");
	must(set_domain(f->s, &behind, &f->err), &f->err, "set");
	assert_string_equal(
	    look_up(f->s, &l, "aliases", "sally-x@other.test", 0), "sally-x@example.com");
	lookup_release(&l);
}

/* --- loops that a setting would close -----------------------------------------------------------
 */

struct loop {
	const char *name;
	const char *aliases[4][2]; /* what is there, each added without trouble */
	struct step first;         /* what makes that possible, if anything */
	struct step closing;
};

static const struct loop loops[] = {
	/* clang-format off */
	{ "enabled again", { { "a@fwd.test", "b@fwd.test" } },
	  { .act = set_alias, .a = "a@fwd.test", .b = "disabled" },
	  { .act = set_alias, .a = "a@fwd.test", .b = "" } },
	{ "a delimiter makes an extension of it",
	  { { "a@fwd.test", "a-x@fwd.test" } }, { .act = NULL },
	  { .act = set_domain, .a = "fwd.test", .b = "-", .c = "" } },
	{ "the same by way of another domain",
	  { { "a@fwd.test", "b@example.com" }, { "b@example.com", "a-x@fwd.test" } }, { .act = NULL },
	  { .act = set_domain, .a = "fwd.test", .b = "+-", .c = "0" } },
	{ "the same by way of a stand-in",
	  { { "a@example.com", "a-x@other.test" } }, { .act = NULL },
	  { .act = set_domain, .a = "example.com", .b = "-", .c = "" } },
	{ "the same by way of a bare name",
	  { { "a", "a-x@local.test" } }, { .act = NULL },
	  { .act = set_domain, .a = "local.test", .b = "-", .c = "" } },
	{ "propagation lets it grow", { { NULL, NULL } },
	  { .act = set_domain, .a = "fwd.test", .b = NULL, .c = "0" },
	  { .act = set_domain, .a = "fwd.test", .b = NULL, .c = "1" } },
	{ "propagation as configured does so too", { { NULL, NULL } },
	  { .act = set_domain, .a = "fwd.test", .b = NULL, .c = "0" },
	  { .act = set_domain, .a = "fwd.test", .b = NULL, .c = "" } },
	/* clang-format on */
};

static void
check_loop(struct fixture *f, const struct loop *loop)
{
	struct sbuf before, after;

	for (size_t i = 0; i < 4 && loop->aliases[i][0] != NULL; i++)
		must(alias_add(f->s, loop->aliases[i][0], loop->aliases[i][1], &f->err), &f->err,
		    loop->name);
	if (loop->first.act != NULL)
		must(loop->first.act(f->s, &loop->first, &f->err), &f->err, loop->name);
	/* only possible now */
	if (loop->first.act == set_alias)
		must(alias_add(f->s, "b@fwd.test", "a@fwd.test", &f->err), &f->err, loop->name);
	if (loop->first.act == set_domain)
		must(alias_add(f->s, "a@fwd.test", "a+x@fwd.test", &f->err), &f->err, loop->name);
	dump(f->path, &before);
	f->err.text[0] = '\0';
	if (loop->closing.act(f->s, &loop->closing, &f->err) != BAD || f->err.text[0] == '\0')
		fail_msg("%s: %s", loop->name, f->err.text);
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	sbuf_release(&before);
	sbuf_release(&after);
}

static void
test_loops(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(loops); i++) {
		void *each = NULL;

		print_message("# %s\n", loops[i].name);
		assert_int_equal(full_setup(&each), 0);
		check_loop(each, &loops[i]);
		teardown(&each);
	}
}

/* A pattern takes addresses that led nowhere before. */
static void
test_pattern_closes_a_loop(void **state)
{
	struct fixture *f = *state;

	must(alias_add(f->s, "a@fwd.test", "sales-1@fwd.test", &f->err), &f->err,
	    "leads nowhere yet");
	assert_int_equal(alias_add(f->s, "sales-*@fwd.test", "a@fwd.test", &f->err), BAD);
	must(alias_add(f->s, "sales-*@fwd.test", "sally@example.com", &f->err), &f->err,
	    "elsewhere");
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_refusals),
		CASE(test_listings),
		CASE(test_account_tells),
		CASE(test_states),
		CASE(test_aliases_that_are_off),
		CASE(test_patterns),
		CASE(test_delimiters),
		CASE(test_delimiters_of_a_stand_in),
		cmocka_unit_test(test_loops),
		CASE(test_pattern_closes_a_loop),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
