/* SPDX-License-Identifier: ISC
 *
 * Every change with its line in the log, and every refusal with its advice; what is refused leaves
 * no trace.
 */
#include "steps.h"

#define LONG_64 "a123456789b123456789c123456789d123456789e123456789f123456789g123"

/* --- what can be done ------------------------------------------------------------------------- */

static enum outcome
add_domain(struct store *s, const struct step *step, struct error *err)
{
	return domain_add(s, step->a, step->b, step->c, err);
}

static enum outcome
remove_domain(struct store *s, const struct step *step, struct error *err)
{
	return store_domain_remove(s, S(step->a), strcmp(step->b, "--all") == 0, err);
}

static enum outcome
add_user(struct store *s, const struct step *step, struct error *err)
{
	return store_mailbox_add(s, S(step->a), S(step->b), atoi(step->c), err);
}

static enum outcome
set_password(struct store *s, const struct step *step, struct error *err)
{
	return store_mailbox_passwd(s, S(step->a), S(step->b), err);
}

static enum outcome
remove_user(struct store *s, const struct step *step, struct error *err)
{
	return store_mailbox_remove(s, S(step->a), strcmp(step->b, "--force") == 0, err);
}

static enum outcome
add_alias(struct store *s, const struct step *step, struct error *err)
{
	return alias_add(s, step->a, step->b, err);
}

static enum outcome
remove_alias(struct store *s, const struct step *step, struct error *err)
{
	return alias_remove(s, step->a, step->b, err);
}

/* --- changes, each on the store of populate() ------------------------------------------------- */

/* clang-format off */
/* What nobody has set. */
#define DOMAIN_AS_IS  "\"delimiters\":null,\"propagate\":null,"
#define MAILBOX_AS_IS                                                                              \
	"\"state\":\"active\",\"reason\":null,\"mail\":null,\"uid\":null,\"gid\":null,\"networks\":null,"
#define A_PASSWORD                                                                                 \
	"{\"label\":\"\",\"services\":null,\"networks\":null,\"expires\":0,\"created\":T}"
#define ALIAS_AS_IS   "\"disabled\":0,\"expires\":0,\"internal\":0,\"note\":null,\"owner\":null,"

#define HARRY_IMAGE                                                                                \
	"{\"address\":\"harry@example.com\",\"home\":null,\"quota\":0," MAILBOX_AS_IS             \
	"\"created\":T,\"credentials\":[" A_PASSWORD "]}"
#define SALLY_IMAGE                                                                                \
	"{\"address\":\"sally@example.com\",\"home\":null,\"quota\":0," MAILBOX_AS_IS             \
	"\"created\":T,\"credentials\":[]}"
#define ALIAS(address, targets)                                                                    \
	"{\"address\":\"" address "\"," ALIAS_AS_IS "\"created\":T,\"targets\":[" targets "]}"
#define INFO_IMAGE ALIAS("info@example.com", "\"harry@example.com\",\"Sally@else.test\"")
#define DOMAIN(name, kind, target)                                                                 \
	"{\"name\":\"" name "\",\"kind\":\"" kind "\",\"target\":" target "," DOMAIN_AS_IS           \
	"\"created\":T}"

static const struct step changes[] = {
	{ "a domain", add_domain, "New.TEST.", "mailbox", "", FOUND, NULL,
	  "domain add|new.test|-|" DOMAIN("new.test", "mailbox", "null") "\n" },
	{ "a domain that is not ASCII", add_domain, "b\xc3\xbc""cher.test", "mailbox", "", FOUND, NULL,
	  "domain add|xn--bcher-kva.test|-|" DOMAIN("xn--bcher-kva.test", "mailbox", "null") "\n" },
	{ "a domain that stands for another", add_domain, "new.test", "alias", "EXAMPLE.com", FOUND, NULL,
	  "domain add|new.test|-|" DOMAIN("new.test", "alias", "\"example.com\"") "\n" },
	{ "an empty domain goes", remove_domain, "relay.test", "", "", FOUND, NULL,
	  "domain remove|relay.test|" DOMAIN("relay.test", "relay", "null") "|-\n" },
	{ "a stand-in goes", remove_domain, "other.test", "", "", FOUND, NULL,
	  "domain remove|other.test|" DOMAIN("other.test", "alias", "\"example.com\"") "|-\n" },
	{ "a domain goes with all that is in it", remove_domain, "fwd.test", "--all", "", FOUND, NULL,
	  "alias remove|x@fwd.test|" ALIAS("x@fwd.test", "\"sally@example.com\"") "|-\n"
	  "domain remove|fwd.test|" DOMAIN("fwd.test", "alias", "null") "|-\n" },
	{ "--all where there is nothing", remove_domain, "relay.test", "--all", "", FOUND, NULL,
	  "domain remove|relay.test|" DOMAIN("relay.test", "relay", "null") "|-\n" },
	{ "a mailbox", add_user, "Tom.Jones@Example.COM", "", "0", FOUND, NULL,
	  "user add|tom.jones@example.com|-|{\"address\":\"tom.jones@example.com\",\"home\":null,"
	  "\"quota\":0," MAILBOX_AS_IS "\"created\":T,\"credentials\":[]}\n" },
	{ "a mailbox with password and quota", add_user, "tom@example.com", "{PLAIN}x", "1000", FOUND, NULL,
	  "user add|tom@example.com|-|{\"address\":\"tom@example.com\",\"home\":null,"
	  "\"quota\":1000," MAILBOX_AS_IS "\"created\":T,\"credentials\":[" A_PASSWORD "]}\n" },
	{ "a mailbox that needs quotes", add_user, "\"a b\"@example.com", "", "0", FOUND, NULL,
	  "user add|\"a b\"@example.com|-|{\"address\":\"\\\"a b\\\"@example.com\",\"home\":null,"
	  "\"quota\":0," MAILBOX_AS_IS "\"created\":T,\"credentials\":[]}\n" },
	{ "the longest local part", add_user, LONG_64 "@example.com", "", "0", FOUND, NULL,
	  "user add|" LONG_64 "@example.com|-|{\"address\":\"" LONG_64 "@example.com\",\"home\":null,"
	  "\"quota\":0," MAILBOX_AS_IS "\"created\":T,\"credentials\":[]}\n" },
	{ "a mailbox where an alias of that name is", add_user, "info@example.com", "", "0", FOUND, NULL,
	  "user add|info@example.com|-|{\"address\":\"info@example.com\",\"home\":null,"
	  "\"quota\":0," MAILBOX_AS_IS "\"created\":T,\"credentials\":[]}\n" },
	{ "another password", set_password, "HARRY@example.com", "{PLAIN}two", "", FOUND, NULL,
	  "user passwd|harry@example.com|" HARRY_IMAGE "|" HARRY_IMAGE "\n" },
	{ "the first password", set_password, "sally@example.com", "{PLAIN}two", "", FOUND, NULL,
	  "user passwd|sally@example.com|" SALLY_IMAGE "|{\"address\":\"sally@example.com\",\"home\":null,"
	  "\"quota\":0," MAILBOX_AS_IS "\"created\":T,\"credentials\":[" A_PASSWORD "]}\n" },
	{ "a mailbox goes, by force", remove_user, "harry@example.com", "--force", "", FOUND, NULL,
	  "user remove|harry@example.com|" HARRY_IMAGE "|-\n" },
	{ "an alias that keeps the spelling of its targets", add_alias, "New@example.com", "Tom@Else.test", "",
	  FOUND, NULL, "alias add|new@example.com|-|" ALIAS("new@example.com", "\"Tom@else.test\"") "\n" },
	{ "a target more", add_alias, "info@example.com", "third@else.test", "", FOUND, NULL,
	  "alias add|info@example.com|" INFO_IMAGE "|"
	  ALIAS("info@example.com", "\"harry@example.com\",\"Sally@else.test\",\"third@else.test\"") "\n" },
	{ "a target it has already", add_alias, "info@example.com", "harry@example.com", "", FOUND, NULL, "" },
	{ "the same in another spelling", add_alias, "INFO@example.com", "HARRY@EXAMPLE.com sally@else.test", "",
	  FOUND, NULL, "" },
	{ "one of two is new", add_alias, "info@example.com", "harry@example.com third@else.test", "", FOUND, NULL,
	  "alias add|info@example.com|" INFO_IMAGE "|"
	  ALIAS("info@example.com", "\"harry@example.com\",\"Sally@else.test\",\"third@else.test\"") "\n" },
	{ "a whole domain", add_alias, "@fwd.test", "@example.com", "", FOUND, NULL,
	  "alias add|@fwd.test|-|" ALIAS("@fwd.test", "\"@example.com\"") "\n" },
	{ "a bare name", add_alias, "PostMaster", "root@local.test", "", FOUND, NULL,
	  "alias add|postmaster|-|" ALIAS("postmaster", "\"root@local.test\"") "\n" },
	{ "an alias in a domain that stands for another", add_alias, "x@other.test", "sally@example.com", "", FOUND,
	  NULL, "alias add|x@other.test|-|" ALIAS("x@other.test", "\"sally@example.com\"") "\n" },
	{ "an alias in a relay domain", add_alias, "x@relay.test", "sally@example.com", "", FOUND,
	  NULL, "alias add|x@relay.test|-|" ALIAS("x@relay.test", "\"sally@example.com\"") "\n" },
	{ "an alias to itself alone", add_alias, "new@example.com", "new@example.com", "", FOUND, NULL,
	  "alias add|new@example.com|-|" ALIAS("new@example.com", "\"new@example.com\"") "\n" },
	{ "a way back to one that leads to itself", add_alias, "harry@example.com", "info@example.com", "", FOUND,
	  NULL, "alias add|harry@example.com|"
	  ALIAS("harry@example.com", "\"harry@example.com\",\"copy@else.test\"") "|"
	  ALIAS("harry@example.com", "\"harry@example.com\",\"copy@else.test\",\"info@example.com\"") "\n" },
	{ "an alias that leads nowhere", add_alias, "new@example.com", "nobody@fwd.test", "", FOUND, NULL,
	  "alias add|new@example.com|-|" ALIAS("new@example.com", "\"nobody@fwd.test\"") "\n" },
	{ "a target goes", remove_alias, "info@example.com", "sally@ELSE.test", "", FOUND, NULL,
	  "alias remove|info@example.com|" INFO_IMAGE "|" ALIAS("info@example.com", "\"harry@example.com\"") "\n" },
	{ "all targets go, and the alias with them", remove_alias, "info@example.com",
	  "sally@else.test harry@example.com", "", FOUND, NULL,
	  "alias remove|info@example.com|" INFO_IMAGE "|-\n" },
	{ "an alias goes", remove_alias, "INFO@example.com", "", "", FOUND, NULL,
	  "alias remove|info@example.com|" INFO_IMAGE "|-\n" },
	{ "a catch-all goes", remove_alias, "@example.com", "", "", FOUND, NULL,
	  "alias remove|@example.com|" ALIAS("@example.com", "\"sally@example.com\"") "|-\n" },
	{ "a bare name goes", remove_alias, "Root", "", "", FOUND, NULL,
	  "alias remove|root|" ALIAS("root", "\"sally+root@example.com\"") "|-\n" },
	/* clang-format on */
};

static void
test_changes(void **state)
{
	(void)state;
	run_steps(changes, sizeof changes / sizeof changes[0], NULL);
}

/* --- refusals --------------------------------------------------------------------------------- */

static const struct step refusals[] = {
	/* clang-format off */
	{ "an empty domain name", add_domain, "", "mailbox", "", BAD, "empty", NULL },
	{ "no domain name", add_domain, "a b.test", "mailbox", "", BAD, "no domain name", NULL },
	{ "a domain again", add_domain, "Example.com", "mailbox", "", BAD, "'example.com' already exists", NULL },
	{ "a domain again, for another", add_domain, "Other.test", "alias", "example.com", BAD,
	  "'other.test' already exists: to have it stand for another, remove it", NULL },
	{ "a domain again, of another kind", add_domain, "Example.com", "relay", "", BAD,
	  "'example.com' already exists: to make it of another kind, remove it", NULL },
	{ "standing for an unknown domain", add_domain, "new.test", "alias", "nowhere.test", BAD,
	  "add it first with `vmailctl domain add nowhere.test`", NULL },
	{ "standing for a stand-in", add_domain, "new.test", "alias", "other.test", BAD,
	  "let 'new.test' stand for 'example.com'", NULL },
	{ "standing for itself", add_domain, "new.test", "alias", "new.test", BAD, "itself", NULL },
	{ "standing for another with mailboxes of its own", add_domain, "new.test", "mailbox", "example.com", BAD,
	  "give 'new.test' the kind alias", NULL },
	{ "a domain that is not there", remove_domain, "nowhere.test", "", "", NONE, "'nowhere.test'", NULL },
	{ "a domain that another stands for", remove_domain, "example.com", "", "", BAD, "'other.test' stands for", NULL },
	{ "the same with --all", remove_domain, "example.com", "--all", "", BAD, "remove that one first", NULL },
	{ "a domain with an alias in it", remove_domain, "fwd.test", "", "", BAD,
	  "still has 1 alias: remove them first, or say --all", NULL },

	{ "an empty address", add_user, "", "", "0", BAD, "empty", NULL },
	{ "an address without a domain", add_user, "harry", "", "0", BAD, "harry@example.com", NULL },
	{ "a catch-all as a mailbox", add_user, "@example.com", "", "0", BAD, "vmailctl alias add @example.com", NULL },
	{ "a local part that is too long", add_user, LONG_64 "4@example.com", "", "0", BAD, "at most 64", NULL },
	{ "a mailbox again", add_user, "Harry@EXAMPLE.com", "", "0", BAD,
	  "mailbox 'harry@example.com' already exists", NULL },
	{ "a mailbox in an unknown domain", add_user, "harry@nowhere.test", "", "0", BAD,
	  "'nowhere.test' is not in the store: add it first with `vmailctl domain add nowhere.test`", NULL },
	{ "a mailbox in an alias domain", add_user, "tom@fwd.test", "", "0", BAD, "vmailctl alias add tom@fwd.test", NULL },
	{ "a mailbox in a stand-in", add_user, "tom@other.test", "", "0", BAD, "stands for 'example.com'", NULL },
	{ "a mailbox in a relay domain", add_user, "tom@relay.test", "", "0", BAD, "another host", NULL },
	{ "a mailbox in a local domain", add_user, "tom@local.test", "", "0", BAD, "this host's own users", NULL },
	{ "a negative quota", add_user, "tom@example.com", "", "-1", BAD, "negative", NULL },
	{ "a hash of two lines", add_user, "tom@example.com", "{PLAIN}a\nb", "0", BAD, "printable", NULL },
	{ "an empty hash", set_password, "harry@example.com", "", "", BAD, "empty", NULL },
	{ "a hash with a blank line in it", set_password, "harry@example.com", "{PLAIN}a\n", "", BAD, "printable", NULL },
	{ "the password of nobody", set_password, "nobody@example.com", "{PLAIN}a", "", NONE, "'nobody@example.com'", NULL },
	{ "removing nobody", remove_user, "nobody@example.com", "", "", NONE, "'nobody@example.com'", NULL },
	{ "removing whom an alias leads to", remove_user, "harry@example.com", "", "", BAD,
	  "leads to 'harry@example.com'", NULL },
	{ "removing whom a catch-all leads to", remove_user, "sally@example.com", "", "", BAD, "--force", NULL },

	{ "an alias without targets", add_alias, "new@example.com", "", "", BAD, "at least one target", NULL },
	{ "an alias in an unknown domain", add_alias, "x@nowhere.test", "harry@example.com", "", BAD,
	  "add it first with `vmailctl domain add nowhere.test`", NULL },
	{ "a catch-all in a stand-in", add_alias, "@other.test", "harry@example.com", "", BAD,
	  "add the catch-all or pattern there, as '@example.com'", NULL },
	{ "a target that is no address", add_alias, "new@example.com", "harry", "", BAD, "harry", NULL },
	{ "a whole domain among others", add_alias, "@fwd.test", "@example.com harry@example.com", "", BAD,
	  "must be the only target", NULL },
	{ "a whole domain added to others", add_alias, "info@example.com", "@fwd.test", "", BAD,
	  "must be the only one", NULL },
	{ "a loop through a stand-in", add_alias, "new@example.com", "new@other.test", "", BAD, "round in circles", NULL },
	{ "growth by an extension", add_alias, "new@example.com", "new+x@example.com", "", BAD, "new@example.com", NULL },
	{ "growth of a bare name", add_alias, "tom", "tom+x@local.test", "", BAD, "tom@local.test", NULL },
	{ "removing an alias that is not there", remove_alias, "new@example.com", "", "", NONE, "'new@example.com'", NULL },
	{ "removing a target that is not there", remove_alias, "info@example.com", "harry@example.com no@else.test", "",
	  NONE, "no target 'no@else.test'", NULL },
	{ "removing a target that is none", remove_alias, "info@example.com", "@@", "", NONE, "no target", NULL },
	/* clang-format on */
};

static void
test_refusals(void **state)
{
	(void)state;
	run_steps(refusals, sizeof refusals / sizeof refusals[0], NULL);
}

/* --- stories ---------------------------------------------------------------------------------- */

static void
refused(enum outcome o, const struct error *err, const char *says)
{
	if (o != BAD || strstr(err->text, says) == NULL)
		fail_msg("expected a refusal with '%s': %s: %s", says, outcome_name(o), err->text);
}

static void
test_loop_of_two(void **state)
{
	struct fixture *f = *state;

	must(alias_add(f->s, "a@fwd.test", "b@fwd.test", &f->err), &f->err, "a");
	refused(alias_add(f->s, "b@fwd.test", "a@fwd.test", &f->err), &f->err, "round in circles");
	assert_int_equal(ask(f->s, ROW_ALIAS, "b", "fwd.test", &f->err), NONE);
}

/* The dangling targets of yesterday become a loop when their domain comes. */
static void
test_domain_closes_a_loop(void **state)
{
	struct fixture *f = *state;

	must(alias_add(f->s, "x@example.com", "x@late.test", &f->err), &f->err, "dangling");
	refused(domain_add(f->s, "late.test", "alias", "example.com", &f->err), &f->err,
	    "round in circles");
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "late.test", &f->err), NONE);
	must(domain_add(f->s, "late.test", "alias", "", &f->err), &f->err, "without a target");
}

static void
test_local_domain_closes_a_loop(void **state)
{
	struct fixture *f = *state;

	must(alias_add(f->s, "tom", "jerry@late.test", &f->err), &f->err, "tom");
	must(alias_add(f->s, "jerry", "tom@late.test", &f->err), &f->err, "jerry");
	refused(domain_add(f->s, "late.test", "local", "", &f->err), &f->err, "round in circles");
}

static void
test_too_many_targets(void **state)
{
	struct fixture *f = *state;
	struct slice list[500];
	char text[500][24];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 500; i++) {
			snprintf(text[i], sizeof text[i], "u%d@else.test", round * 500 + i);
			list[i] = S(text[i]);
		}
		must(store_alias_add(f->s, S("all@fwd.test"), list, 500, &f->err), &f->err, "500");
	}
	refused(
	    alias_add(f->s, "all@fwd.test", "more@else.test", &f->err), &f->err, "at most 1000");
	must(alias_remove(f->s, "all@fwd.test", "u17@else.test", &f->err), &f->err, "one less");
	must(alias_add(f->s, "all@fwd.test", "more@else.test", &f->err), &f->err, "one more");
}

static void
test_whole_domain_stays_alone(void **state)
{
	struct fixture *f = *state;

	must(alias_add(f->s, "@fwd.test", "@else.test", &f->err), &f->err, "whole domain");
	must(alias_add(f->s, "@fwd.test", "@ELSE.test", &f->err), &f->err, "again");
	refused(alias_add(f->s, "@fwd.test", "x@else.test", &f->err), &f->err, "the only one");
}

static void
test_counts_of_a_domain(void **state)
{
	struct fixture *f = *state;

	must(store_domain_remove(f->s, S("other.test"), false, &f->err), &f->err, "stand-in");
	refused(store_domain_remove(f->s, S("example.com"), false, &f->err), &f->err,
	    "domain 'example.com' still has 2 mailboxes and 3 aliases: remove them first, or "
	    "say --all");
	must(store_domain_remove(f->s, S("example.com"), true, &f->err), &f->err, "--all");
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), NONE);
	assert_int_equal(ask(f->s, ROW_ALIAS, "", "example.com", &f->err), NONE);
}

static void
test_all_logs_each(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	must(store_domain_remove(f->s, S("other.test"), false, &f->err), &f->err, "stand-in");
	id = last_change(f->path);
	must(store_domain_remove(f->s, S("example.com"), true, &f->err), &f->err, "--all");
	check_log(f->path, id,
	    "alias remove|@example.com|" ALIAS("@example.com",
		"\"sally@example.com\"") "|-\n"
					 "alias remove|harry@example.com|" ALIAS(
					     "harry@example.com",
					     "\"harry@example.com\",\"copy@else."
					     "test\"") "|-\n"
						       "alias "
						       "remove|info@example."
						       "com|" INFO_IMAGE "|-\n"
						       "user "
						       "remove|harry@example."
						       "com|" HARRY_IMAGE "|-\n"
						       "user "
						       "remove|sally@example."
						       "com|" SALLY_IMAGE "|-\n"
						       "domain "
						       "remove|example.com|" DOMAIN("example.com",
							   "mailbox", "null") "|-\n");
}

/* Who is in the way of a removal, by every road. */
static void
test_who_leads_here(void **state)
{
	static const struct {
		const char *name;
		const char *alias;
		const char *target;
	} roads[] = {
		{ "straight", "a1@fwd.test", "tom@example.com" },
		{ "with an extension", "a2@fwd.test", "Tom+news@example.com" },
		{ "through a domain that stands for his", "a3@fwd.test", "tom@other.test" },
		{ "from a bare name", "tom", "tom@example.com" },
		{ "from a catch-all", "@fwd.test", "tom@example.com" },
	};
	struct fixture *f = *state;

	must(mailbox_add(f->s, "tom@example.com", "", &f->err), &f->err, "tom");
	must(alias_add(f->s, "n@fwd.test", "tomb@example.com tom-x@example.com", &f->err), &f->err,
	    "others who only look alike");
	for (size_t i = 0; i < sizeof roads / sizeof roads[0]; i++) {
		char says[80];

		print_message("# %s\n", roads[i].name);
		snprintf(
		    says, sizeof says, "alias '%s' leads to 'tom@example.com'", roads[i].alias);
		must(alias_add(f->s, roads[i].alias, roads[i].target, &f->err), &f->err, "road");
		refused(store_mailbox_remove(f->s, S("tom@example.com"), false, &f->err), &f->err,
		    says);
		must(alias_remove(f->s, roads[i].alias, "", &f->err), &f->err, "no road");
	}
	must(store_mailbox_remove(f->s, S("tom@example.com"), false, &f->err), &f->err, "removed");
}

/* Hashes are in the log for an undo, but never in the images. */
static void
test_secrets(void **state)
{
	struct fixture *f = *state;
	struct sbuf out;

	must(store_mailbox_passwd(f->s, S("harry@example.com"), S("{PLAIN}two"), &f->err), &f->err,
	    "passwd");
	must(store_mailbox_remove(f->s, S("harry@example.com"), true, &f->err), &f->err, "remove");
	sbuf_init(&out, 1 << 20);
	raw_rows(f->path, &out,
	    "SELECT what, json_extract(secret_before, '$[0].hash'), "
	    "json_extract(secret_after, '$[0].hash') FROM change "
	    "WHERE subject = 'harry@example.com' AND what LIKE 'user%' ORDER BY id");
	assert_string_equal(sbuf_cstr(&out), "user add|-|{PLAIN}one\n"
					     "user passwd|{PLAIN}one|{PLAIN}two\n"
					     "user remove|{PLAIN}two|-\n");
	sbuf_clear(&out);
	raw_rows(f->path, &out,
	    "SELECT count(*) FROM change WHERE before LIKE '%PLAIN%' OR after LIKE '%PLAIN%'");
	assert_string_equal(sbuf_cstr(&out), "0\n");
	sbuf_clear(&out);
	raw_rows(f->path, &out, "SELECT count(*) FROM credential WHERE mailbox LIKE 'harry%'");
	assert_string_equal(sbuf_cstr(&out), "0\n");
	sbuf_release(&out);
}

static void
test_log_says_who_and_when(void **state)
{
	struct fixture *f = *state;
	struct store_actor other = { "root via sudo", { "", false, 0 }, NULL };
	struct sbuf out;

	store_act_as(f->s, &other);
	must(domain_add(f->s, "new.test", "relay", "", &f->err), &f->err, "add");
	sbuf_init(&out, 1 << 10);
	raw_rows(f->path, &out,
	    "SELECT who, abs(at - CAST(strftime('%s', 'now') AS INTEGER)) < 600 FROM change "
	    "ORDER BY id DESC LIMIT 1");
	assert_string_equal(sbuf_cstr(&out), "root via sudo|1\n");
	sbuf_release(&out);
}

/* The rules of the actor decide: without a delimiter `new+x` is just another name. */
static void
test_rules_of_the_actor(void **state)
{
	struct fixture *f = *state;
	struct store_actor plain = { "tester", { "", false, 0 }, NULL };

	store_act_as(f->s, &plain);
	must(alias_add(f->s, "new@fwd.test", "new+x@fwd.test", &f->err), &f->err, "no extension");
}

/* The last fence: what comes in past the rules. */
static void
test_schema_refuses(void **state)
{
	static const char *const bad[] = {
		"INSERT INTO domain (name, kind, target, created) VALUES ('', 'mailbox', NULL, 1)",
		"INSERT INTO domain (name, kind, target, created) VALUES ('Upper.test', 'mailbox', "
		"NULL, 1)",
		"INSERT INTO domain (name, kind, target, created) VALUES ('b\xc3\xbc.test', "
		"'mailbox', NULL, 1)",
		"INSERT INTO domain (name, kind, target, created) VALUES ('a b', 'mailbox', NULL, "
		"1)",
		"INSERT INTO domain (name, kind, target, created) VALUES ('a@b', 'mailbox', NULL, "
		"1)",
		"INSERT INTO domain (name, kind, target, created) VALUES ('k.test', 'virtual', "
		"NULL, 1)",
		"INSERT INTO domain (name, kind, target, created) VALUES ('k.test', 'mailbox', "
		"'example.com', 1)",
		"INSERT INTO domain (name, kind, target, created) VALUES ('k.test', 'alias', "
		"'nowhere.test', 1)",
		"INSERT INTO domain (name, kind, target, created) VALUES ('k.test', 'alias', "
		"'k.test', 1)",
		"INSERT INTO domain (name, kind, target, created) VALUES ('k.test', 'alias', NULL, "
		"'now')",
		"INSERT INTO mailbox (address, domain, home, quota, created) "
		"VALUES ('a@nowhere.test', 'nowhere.test', NULL, 0, 1)",
		"INSERT INTO mailbox (address, domain, home, quota, created) "
		"VALUES ('A@example.com', 'example.com', NULL, 0, 1)",
		"INSERT INTO mailbox (address, domain, home, quota, created) "
		"VALUES ('@example.com', 'example.com', NULL, 0, 1)",
		"INSERT INTO mailbox (address, domain, home, quota, created) "
		"VALUES ('a@fwd.test', 'example.com', NULL, 0, 1)",
		"INSERT INTO mailbox (address, domain, home, quota, created) "
		"VALUES ('a@example.com', 'example.com', '', 0, 1)",
		"INSERT INTO mailbox (address, domain, home, quota, created) "
		"VALUES ('a@example.com', 'example.com', NULL, -1, 1)",
		"INSERT INTO credential (mailbox, label, hash, created) VALUES ("
		"'no@example.com', '', '{PLAIN}x', 1)",
		"INSERT INTO credential (mailbox, label, hash, created) VALUES ("
		"'harry@example.com', '', '{PLAIN}x', 1)",
		"INSERT INTO credential (mailbox, label, hash, created) VALUES ("
		"'harry@example.com', 'x', '', 1)",
		"INSERT INTO credential (mailbox, label, hash, created) VALUES ("
		"'harry@example.com', 'x', 'a\n', "
		"1)",
		"INSERT INTO alias (address, domain, created) VALUES ('a@example.com', NULL, 1)",
		"INSERT INTO alias (address, domain, created) VALUES ('a', 'example.com', 1)",
		"INSERT INTO alias (address, domain, created) VALUES ('', NULL, 1)",
		"INSERT INTO alias (address, domain, created) VALUES ('A', NULL, 1)",
		"INSERT INTO alias_target VALUES ('no@example.com', 1, 'a@b.c', 'a@b.c', 'b.c')",
		"INSERT INTO alias_target VALUES ('root', 2, '', '', '')",
		"INSERT INTO alias_target VALUES ('root', 2, 'a@b.c', 'a@x.y', 'x.y')",
		"INSERT INTO alias_target VALUES ('root', 2, 'sally+root@example.com', "
		"'sally+root@example.com', 'example.com')",
		"INSERT INTO change (at, who, what, subject) VALUES (1, 'a', 'b', 'c')",
		"UPDATE domain SET delimiters = '+-=_.!#$'",
		"UPDATE domain SET propagate = 2",
		"UPDATE mailbox SET state = 'asleep'",
		"UPDATE mailbox SET state = NULL",
		"UPDATE mailbox SET reason = ''",
		"UPDATE mailbox SET reason = 'a\n'",
		"UPDATE alias SET disabled = 2",
		"UPDATE alias SET internal = NULL",
		"UPDATE alias SET expires = 'never'",
		"UPDATE alias SET note = ''",
		"UPDATE alias SET owner = ''",
		"INSERT INTO map VALUES ('', 'exact', 1)",
		"INSERT INTO map VALUES ('a b', 'exact', 1)",
		"INSERT INTO map VALUES ('a', '', 1)",
		"INSERT INTO entry VALUES ('a', '', 'x', 1)",
		"INSERT INTO entry VALUES ('a', 'a\n', 'x', 1)",
		"INSERT INTO entry VALUES ('a', 'a', '', 1)",
		"INSERT INTO entry VALUES ('a', 'a', 'x\n', 1)",
		"INSERT INTO entry VALUES ('a', 'a', printf('%0100000d', 1), 1)",
		"DELETE FROM domain WHERE name = 'example.com'",
	};
	struct fixture *f = *state;
	struct other other = other_open(f->path);

	if (other.sq != NULL)
		other_exec(&other, "PRAGMA foreign_keys = ON");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (!other_is_refused(&other, bad[i]))
			fail_msg("let through: %s", bad[i]);
	other_close(&other);
}

/* What is removed may be all that kept a catch-all from an address. */
static void
test_removals_close_loops(void **state)
{
	struct fixture *f = *state;
	struct store *s = f->s;

	must(domain_add(s, "d.test", "mailbox", "", &f->err), &f->err, "d");
	must(domain_add(s, "e.test", "mailbox", "", &f->err), &f->err, "e");
	must(alias_add(s, "u@e.test", "out@else.test", &f->err), &f->err, "u");
	must(alias_add(s, "@d.test", "u@e.test", &f->err), &f->err, "catch-all of d");
	must(alias_add(s, "@e.test", "v@d.test", &f->err), &f->err, "catch-all of e");
	assert_int_equal(alias_remove(s, "u@e.test", "", &f->err), BAD);
	assert_non_null(strstr(f->err.text, "circles"));

	must(mailbox_add(s, "u@e.test", "", &f->err), &f->err, "a mailbox");
	must(alias_remove(s, "u@e.test", "", &f->err), &f->err, "the alias beside it");
	assert_int_equal(store_mailbox_remove(s, S("u@e.test"), true, &f->err), BAD);
	assert_non_null(strstr(f->err.text, "circles"));
}

/* A list that no protocol could carry is refused when it is written. */
static void
test_targets_too_long(void **state)
{
	struct fixture *f = *state;
	static char text[900][130];
	struct slice list[900];

	for (int i = 0; i < 900; i++) {
		snprintf(text[i], sizeof text[i], "%0110d@else.test", i);
		list[i] = S(text[i]);
	}
	assert_int_equal(store_alias_add(f->s, S("long@example.com"), list, 900, &f->err), BAD);
	assert_non_null(strstr(f->err.text, "lists of lists"));
	must(store_alias_add(f->s, S("long@example.com"), list, 700, &f->err), &f->err, "700");
	assert_int_equal(
	    store_alias_add(f->s, S("long@example.com"), list + 700, 200, &f->err), BAD);
}

/* An alias that leads to a mailbox by an extension of its domain's own kind. */
static void
test_who_leads_here_by_own_delimiter(void **state)
{
	static const struct domain_settings minus = { true, { "-", 1 }, -1, 0 };
	struct fixture *f = *state;

	must(store_domain_set(f->s, S("example.com"), &minus, &f->err), &f->err, "minus");
	must(mailbox_add(f->s, "bob@example.com", "", &f->err), &f->err, "bob");
	must(alias_add(f->s, "to@example.com", "bob-x@example.com", &f->err), &f->err, "alias");
	assert_int_equal(store_mailbox_remove(f->s, S("bob@example.com"), false, &f->err), BAD);
	assert_non_null(strstr(f->err.text, "'to@example.com'"));
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_refusals),
		CASE(test_loop_of_two),
		CASE(test_domain_closes_a_loop),
		CASE(test_local_domain_closes_a_loop),
		CASE(test_too_many_targets),
		CASE(test_whole_domain_stays_alone),
		CASE(test_counts_of_a_domain),
		CASE(test_all_logs_each),
		CASE(test_who_leads_here),
		CASE(test_removals_close_loops),
		CASE(test_targets_too_long),
		CASE(test_who_leads_here_by_own_delimiter),
		CASE(test_secrets),
		CASE(test_log_says_who_and_when),
		CASE(test_rules_of_the_actor),
		CASE(test_schema_refuses),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
