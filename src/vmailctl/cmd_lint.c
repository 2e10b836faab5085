/* SPDX-License-Identifier: ISC
 *
 * lint: what is in the store and will not do what it seems to be there for. Each code is a row of a
 * table, and so is each pass over the store; judging uses the daemon's own resolver.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mail/alike.h"
#include "mail/rules.h"
#include "vmailctl/config.h"
#include "vmailctl/findings.h"
#include "vmailctl/pager.h"
#include "vmailctl/split.h"
#include "vmailctl/when.h"

enum { SHOWN_MAX = 20 }; /* of one code, without --all */

enum code {
	DANGLING,
	SILENT,
	LOOP,
	ENDLESS,
	TOO_MANY,
	NOT_CANONICAL,
	MISPLACED,
	HIDES_DOMAIN,
	NEVER,
	ALONE,
	HIDDEN,
	BARE,
	NO_MAP,
	WILDCARD,
	POSTMASTER,
	ABUSE,
	DOTS,
	ACCENTS,
	ODD_NAME,
	SPLIT_NAME,
	SPLIT_DOMAIN,
	WEAK,
	FOREIGN,
	LIMITED,
	EXPIRED,
	EXTERNAL,
	UNUSED,
	CODES,
	NOTHING = CODES
};

/* In text and cure %s is the subject, %d the detail, %m what is more, %n a number, %t a time. */
static const struct {
	const char *code;
	enum severity severity;
	const char *text;
	const char *cure;
} codes[CODES] = {
	[DANGLING] = { "dangling-target", SEVERITY_WARNING,
	    "it leads to '%m', where nobody is: mail to it bounces",
	    "add that mailbox, or: vmailctl alias remove %s %m" },
	[SILENT] = { "silent-target", SEVERITY_WARNING,
	    "it leads to '%m', a mailbox that gets no mail in its state: mail to it bounces",
	    "vmailctl user state %d active, or: vmailctl alias remove %s %m" },
	[LOOP] = { "loop", SEVERITY_ERROR, "it leads back to itself: %d",
	    "vmailctl explain %s shows the way round; take one of the targets out" },
	[ENDLESS] = { "endless", SEVERITY_ERROR, "it grows with every step: %d",
	    "vmailctl explain %s shows the steps; give it a target without the extension" },
	[TOO_MANY] = { "too-many-recipients", SEVERITY_ERROR, "it is too much for Postfix: %d",
	    "use a mailing list manager, or raise virtual_alias_expansion_limit in main.cf" },
	[NOT_CANONICAL] = { "not-canonical", SEVERITY_ERROR,
	    "it is not in canonical form, so no question can find it; somebody wrote to the store "
	    "without vmailctl",
	    "remove that row, and add it again with vmailctl" },
	[MISPLACED] = { "misplaced-mailbox", SEVERITY_ERROR,
	    "its domain is of the kind '%d', for which nobody asks for mailboxes",
	    "make the domain one of the kind mailbox, or move the mailbox" },
	[HIDES_DOMAIN] = { "catch-all-hides-domain", SEVERITY_WARNING,
	    "the domain stands for '%d', but this catch-all takes everything: nobody there gets "
	    "mail by this name",
	    "vmailctl alias remove %s, or take the target of the domain away" },
	[NEVER] = { "catch-all-never", SEVERITY_WARNING,
	    "nothing reaches it: the pattern '%d' comes first and matches everything",
	    "remove one of the two" },
	[ALONE] = { "catch-all-alone", SEVERITY_NOTICE,
	    "it takes every name in its domain, in which there is nothing else: also what is "
	    "guessed by senders of spam",
	    "if it need not be so, add the names that are wanted and remove it" },
	[HIDDEN] = { "hidden-mailbox", SEVERITY_NOTICE,
	    "an alias of the same name sends all its mail elsewhere: the mailbox gets none",
	    "if a copy is to be kept: vmailctl alias add %s %s" },
	[BARE] = { "bare-name-unused", SEVERITY_WARNING,
	    "a bare name counts in domains of the kind local, and there is none",
	    "write it with a domain, or: vmailctl domain add NAME --kind local" },
	[NO_MAP] = { "entries-of-no-map", SEVERITY_WARNING,
	    "%n entries belong to a map that does not exist: nobody can ask for them",
	    "vmailctl map create %s" },
	[WILDCARD] = { "transport-wildcard", SEVERITY_WARNING,
	    "it has no entry in transports, so that '%d', the one for '*', goes before "
	    "virtual_transport: mail for its mailboxes does not stay here",
	    "vmailctl map set transports %s :" },
	[POSTMASTER] = { "no-postmaster", SEVERITY_WARNING,
	    "nobody gets mail to 'postmaster@%s', which RFC 5321 and 2142 demand",
	    "vmailctl alias add postmaster@%s ADDRESS" },
	[ABUSE] = { "no-abuse", SEVERITY_NOTICE,
	    "nobody gets mail to 'abuse@%s', which RFC 2142 asks for",
	    "vmailctl alias add abuse@%s ADDRESS" },
	[DOTS] = { "similar-address", SEVERITY_NOTICE,
	    "only dots tell it from '%d': mail will go to the wrong one",
	    "if both belong to one person, make one an alias of the other" },
	[ACCENTS] = { "similar-name", SEVERITY_NOTICE,
	    "only accents tell it from '%d': people will mistake one for the other",
	    "if both are yours, make one stand for the other" },
	[ODD_NAME] = { "odd-name", SEVERITY_NOTICE,
	    "it has more in its name than letters, digits and .-_: " CONFIG_NAME_LOST,
	    CONFIG_NAME_CURE },
	[SPLIT_NAME] = { "split-name", SEVERITY_WARNING,
	    "Dovecot's LMTP cuts names at its recipient_delimiter: mail for it goes to '%d', which "
	    "%m",
	    SPLIT_CURE },
	[SPLIT_DOMAIN] = { "split-domain", SEVERITY_WARNING,
	    "it splits at '%m', and " SPLIT_DOMAIN_LOST, SPLIT_DOMAIN_CURE },
	[WEAK] = { "weak-hash", SEVERITY_WARNING,
	    "its password is stored as {%d}, which is found out in no time once it is stolen",
	    "vmailctl user passwd %s" },
	[FOREIGN] = { "foreign-hash", SEVERITY_NOTICE,
	    "its password is stored as {%d}, as another program left it",
	    "vmailctl user passwd %s" },
	[LIMITED] = { "limited-password", SEVERITY_WARNING,
	    "its own password has services, networks or a time to expire, which only an app "
	    "password can have now: vmaild keeps to them, and others who check passwords are not "
	    "told of this one",
	    "vmailctl user passwd %s" },
	[EXPIRED] = { "expired-alias", SEVERITY_NOTICE, "it has been nobody since %t",
	    "vmailctl alias remove %s, or: vmailctl alias set %s --expires TIME" },
	[EXTERNAL] = { "external-forward", SEVERITY_NOTICE,
	    "it leads to '%d' on another host, which may refuse it because SPF does not name "
	    "this one",
	    "rewrite senders with SRS (postsrsd), or let the owner fetch the mail" },
	[UNUSED] = { "unused-mailbox", SEVERITY_NOTICE,
	    "nobody has logged into it since that time; the last login: %t",
	    "vmailctl user state %s suspended, or: vmailctl user remove %s" },
};

struct lint {
	struct ctl *ctl;
	struct findings findings;
	struct lookup lookup;
	struct expand expand;
	struct sbuf text;
	struct sbuf cure;
	struct sbuf name;
	bool all;
	size_t shown[CODES];
	enum outcome outcome; /* RETRY ends it */
	enum code now;        /* of the pass that is running */
	name_rule *rule;
};

/* --- telling ---------------------------------------------------------------------------------- */

static void
put_time(struct sbuf *out, int64_t at)
{
	char text[64];
	time_t when = (time_t)at;
	struct tm tm;

	if (at == 0 || localtime_r(&when, &tm) == NULL)
		sbuf_add_str(out, "never");
	else if (strftime(text, sizeof text, "%Y-%m-%d", &tm) > 0)
		sbuf_add_str(out, text);
}

static void
put_letter(struct sbuf *out, char letter, const struct scan_row *row)
{
	switch (letter) {
	case 's':
		sbuf_add_slice(out, row->subject);
		break;
	case 'd':
		sbuf_add_slice(out, row->detail);
		break;
	case 'm':
		sbuf_add_slice(out, row->more);
		break;
	case 'n':
		sbuf_printf(out, "%" PRId64, row->number);
		break;
	case 't':
		put_time(out, row->number);
		break;
	}
}

static struct slice
fill(struct sbuf *out, const char *pattern, const struct scan_row *row)
{
	sbuf_clear(out);
	for (; *pattern != '\0'; pattern++) {
		if (*pattern == '%' && pattern[1] != '\0')
			put_letter(out, *++pattern, row);
		else
			sbuf_add_chr(out, *pattern);
	}
	return sbuf_slice(out);
}

/* Of many with one code, the first are enough for people. */
static void
report(struct lint *lint, enum code code, const struct scan_row *row)
{
	const struct finding one = {
		.code = codes[code].code,
		.severity = codes[code].severity,
		.subject = row->subject,
		.text = fill(&lint->text, codes[code].text, row),
		.cure = fill(&lint->cure, codes[code].cure, row),
	};

	if (lint->all || lint->ctl->json || lint->shown[code] < SHOWN_MAX)
		findings_add(&lint->findings, &one);
	else
		lint->findings.count[one.severity]++;
	lint->shown[code]++;
}

static bool
fail(struct lint *lint)
{
	lint->outcome = RETRY;
	return false;
}

/* --- judging: each is called for the rows of a pass ---------------------------------------------
 */

/* The row is the finding. */
static bool
judge_row(void *arg, const struct scan_row *row)
{
	struct lint *lint = arg;

	report(lint, lint->now, row);
	return true;
}

static enum outcome
resolve(struct lint *lint, const char *map, struct slice key)
{
	struct lookup *l = &lint->lookup;

	lookup_start(l, &lint->ctl->actor.rules, slice_str(map), key);
	store_resolve(lint->ctl->store, l);
	if (l->outcome == RETRY || l->outcome == BAD)
		error_set(&lint->ctl->err, RETRY, "%s", sbuf_cstr(&l->value));
	return l->outcome == BAD ? RETRY : l->outcome;
}

/* Does mail to ADDRESS reach anybody, by one more step or in a mailbox? */
static enum outcome
reaches(struct lint *lint, struct slice address, bool itself)
{
	enum outcome o = itself ? NONE : resolve(lint, "aliases", address);

	return o == NONE ? resolve(lint, "mailboxes", address) : o;
}

/* The mailbox that ADDRESS means without its extension, whatever its state: the resolver tells of
 * it even when it gets no mail. */
static void
take_hit(void *arg, const struct trace_note *note)
{
	struct sbuf *name = arg;

	if (note->kind != TRACE_HIT || note->row != ROW_MAILBOX)
		return;
	sbuf_clear(name);
	sbuf_add_slice(name, note->subject);
}

static bool
judge_target(void *arg, const struct scan_row *row)
{
	struct lint *lint = arg;
	struct scan_row told = *row;
	enum outcome o;

	sbuf_clear(&lint->name);
	lint->lookup.trace = (struct trace){ take_hit, &lint->name };
	o = reaches(lint, row->detail, slice_eq(row->subject, row->detail));
	lint->lookup.trace = (struct trace){ NULL, NULL };
	if (o == RETRY)
		return fail(lint);
	told.detail = sbuf_slice(&lint->name);
	if (o == NONE)
		report(lint, lint->name.n > 0 ? SILENT : DANGLING, &told);
	return true;
}

static bool
judge_steps(void *arg, const struct scan_row *row)
{
	static const enum code faults[] = {
		[EXPAND_LOOP] = LOOP, [EXPAND_GROWTH] = ENDLESS, [EXPAND_SIZE] = TOO_MANY
	};
	struct lint *lint = arg;
	struct expand *x = &lint->expand;
	struct scan_row told = *row;

	expand_start(x, &lint->ctl->actor.rules, row->subject);
	store_expand(lint->ctl->store, x);
	if (x->outcome == RETRY) {
		lint->ctl->err = x->why;
		return fail(lint);
	}
	told.detail = slice_str(x->why.text);
	if (x->outcome == BAD)
		report(lint, faults[x->fault], &told);
	return true;
}

/* Below a relay domain is not elsewhere. */
static bool
judge_external(void *arg, const struct scan_row *row)
{
	struct lint *lint = arg;
	enum outcome o = resolve(lint, "relay-domains", row->more);

	if (o == RETRY)
		return fail(lint);
	if (o == NONE)
		report(lint, EXTERNAL, row);
	return true;
}

static bool
judge_entries(void *arg, const struct scan_row *row)
{
	const struct map *map = map_by_name(row->subject);

	if (map == NULL || !map_has_entries(map))
		report(arg, NO_MAP, row);
	return true;
}

/* What leaves a mail where it would go anyway, or hands it to Dovecot. */
static bool
is_harmless(struct slice transport)
{
	return slice_is(transport, ":") || slice_starts(transport, "lmtp:");
}

/* A domain with mailboxes; without a wildcard there is nothing to be said of any. */
static bool
judge_transport(void *arg, const struct scan_row *row)
{
	struct lint *lint = arg;
	struct scan_row told = *row;
	enum outcome o = resolve(lint, "transports", slice_str("*"));

	sbuf_clear(&lint->name);
	sbuf_add_slice(&lint->name, sbuf_slice(&lint->lookup.value));
	told.detail = sbuf_slice(&lint->name);
	if (o == NONE || (o == FOUND && is_harmless(told.detail)))
		return false;
	if (o == FOUND)
		o = resolve(lint, "transports", row->subject);
	if (o == NONE)
		report(lint, WILDCARD, &told);
	return o != RETRY || fail(lint);
}

static bool
judge_role(struct lint *lint, const char *role, enum code code, const struct scan_row *row)
{
	struct sbuf address;
	enum outcome o = RETRY;

	sbuf_init(&address, ADDRESS_MAX);
	if (sbuf_printf(&address, "%s@%.*s", role, (int)row->subject.n, row->subject.p))
		o = reaches(lint, sbuf_slice(&address), false);
	sbuf_release(&address);
	if (o == NONE)
		report(lint, code, row);
	return o != RETRY || fail(lint);
}

static bool
judge_domain(void *arg, const struct scan_row *row)
{
	return judge_role(arg, "postmaster", POSTMASTER, row) &&
	       judge_role(arg, "abuse", ABUSE, row);
}

/* Is there one that looks the same without accents? */
static bool
judge_accents(struct lint *lint, const struct scan_row *row)
{
	struct scan_row told = *row;
	enum outcome o;

	sbuf_clear(&lint->name);
	if (!alike_plain(&lint->name, row->subject))
		return true;
	told.detail = sbuf_slice(&lint->name);
	if (lint->rule == rules_domain)
		o = resolve(lint, "domains", told.detail);
	else
		o = store_taken(lint->ctl->store, told.detail, &lint->ctl->err);
	if (o == FOUND)
		report(lint, ACCENTS, &told);
	return o != RETRY || fail(lint);
}

/* To whom Dovecot will give the mail of a mailbox; one that gets none is nobody to it. */
static bool
judge_split(struct lint *lint, const struct scan_row *row)
{
	struct scan_row told = *row;
	enum outcome o;

	sbuf_clear(&lint->name);
	if (!split_is_cut(
		&lint->name, row->subject, slice_str(lint->ctl->conf->recipient_delimiter)))
		return true;
	told.detail = sbuf_slice(&lint->name);
	o = resolve(lint, "mailboxes", told.detail);
	told.more =
	    slice_str(o == FOUND ? "is another mailbox" : "gets none, so that the mail bounces");
	if (o != RETRY)
		report(lint, SPLIT_NAME, &told);
	return o != RETRY || fail(lint);
}

static bool
judge_split_domain(void *arg, const struct scan_row *row)
{
	struct lint *lint = arg;
	struct scan_row told = *row;

	sbuf_clear(&lint->name);
	if (split_lacking(
		&lint->name, row->detail, slice_str(lint->ctl->conf->recipient_delimiter))) {
		told.more = sbuf_slice(&lint->name);
		report(lint, SPLIT_DOMAIN, &told);
	}
	return true;
}

static bool
judge_form(void *arg, const struct scan_row *row)
{
	struct lint *lint = arg;
	struct error ignored;

	sbuf_clear(&lint->name);
	if (lint->rule(&lint->name, row->subject, &ignored) != FOUND ||
	    !slice_eq(sbuf_slice(&lint->name), row->subject)) {
		report(lint, NOT_CANONICAL, row);
		return true;
	}
	if (lint->rule == rules_mailbox && !config_dovecot_takes(row->subject))
		report(lint, ODD_NAME, row);
	if (lint->rule == rules_mailbox && !judge_split(lint, row))
		return false;
	return judge_accents(lint, row);
}

/* What has no scheme may be a password as it is: only what is surely none is shown of it. */
static bool
is_crypt(struct slice begins)
{
	static const char *const known[] = { "$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$",
		"$7$", "$md5$", "$sha1$", "$argon2i$", "$argon2id$" };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_is(begins, known[i]))
			return true;
	return false;
}

/* What a thief turns into passwords by the million, or need not. Of crypt(3) the hash tells. */
static bool
is_weak(struct slice scheme, struct slice begins)
{
	struct slice coding = scheme, name = slice_cut(&coding, '.');
	static const char *const weak[] = { "PLAIN", "CLEARTEXT", "CLEAR", "PLAIN-TRUNC",
		"DES-CRYPT", "MD5", "MD5-CRYPT", "LDAP-MD5", "PLAIN-MD5", "SMD5", "SHA", "SHA1",
		"SSHA", "NT", "LANMAN", "CRAM-MD5", "DIGEST-MD5", "HMAC-MD5", "RPA", "SHA256",
		"SSHA256", "SHA512", "SSHA512" };

	for (size_t i = 0; i < sizeof weak / sizeof *weak; i++)
		if (slice_is(name, weak[i]))
			return true;
	if (scheme.n == 0 || slice_is(scheme, "CRYPT"))
		return !is_crypt(begins) || slice_is(begins, "$1$");
	return false;
}

static bool
judge_hash(void *arg, const struct scan_row *row)
{
	struct scan_row told = *row;

	if (row->detail.n == 0)
		told.detail = is_crypt(row->more) ? row->more : slice_str("nothing named");
	report(arg, is_weak(row->detail, row->more) ? WEAK : FOREIGN, &told);
	return true;
}

/* --- passes -------------------------------------------------------------------------------------
 */

enum time { TIME_NONE, TIME_NOW, TIME_SINCE };

static const struct {
	enum store_scan scan;
	store_scan_fn *judge;
	enum code code; /* for judge_row */
	enum time time;
	name_rule *rule; /* for judge_form */
} passes[] = {
	{ SCAN_ALL_DOMAINS, judge_form, NOTHING, TIME_NONE, rules_domain },
	{ SCAN_ALL_MAILBOXES, judge_form, NOTHING, TIME_NONE, rules_mailbox },
	{ SCAN_ALL_ALIASES, judge_form, NOTHING, TIME_NONE, rules_alias },
	{ SCAN_STEPS, judge_steps, NOTHING, TIME_NONE, NULL },
	{ SCAN_LOCAL_STEPS, judge_steps, NOTHING, TIME_NONE, NULL },
	{ SCAN_TARGETS, judge_target, NOTHING, TIME_NOW, NULL },
	{ SCAN_MISPLACED, judge_row, MISPLACED, TIME_NONE, NULL },
	{ SCAN_CATCH_ALL_HIDES, judge_row, HIDES_DOMAIN, TIME_NONE, NULL },
	{ SCAN_CATCH_ALL_NEVER, judge_row, NEVER, TIME_NONE, NULL },
	{ SCAN_CATCH_ALL_ALONE, judge_row, ALONE, TIME_NONE, NULL },
	{ SCAN_BARE, judge_row, BARE, TIME_NONE, NULL },
	{ SCAN_ENTRIES, judge_entries, NOTHING, TIME_NONE, NULL },
	{ SCAN_MAILBOX_DOMAINS, judge_transport, NOTHING, TIME_NONE, NULL },
	{ SCAN_MAILBOX_DOMAINS, judge_split_domain, NOTHING, TIME_NONE, NULL },
	{ SCAN_DOMAINS, judge_domain, NOTHING, TIME_NONE, NULL },
	{ SCAN_HASHES, judge_hash, NOTHING, TIME_NONE, NULL },
	{ SCAN_LIMITED, judge_row, LIMITED, TIME_NONE, NULL },
	{ SCAN_HIDDEN, judge_row, HIDDEN, TIME_NOW, NULL },
	{ SCAN_DOTS, judge_row, DOTS, TIME_NONE, NULL },
	{ SCAN_EXPIRED, judge_row, EXPIRED, TIME_NOW, NULL },
	{ SCAN_EXTERNAL, judge_external, NOTHING, TIME_NONE, NULL },
	{ SCAN_UNUSED, judge_row, UNUSED, TIME_SINCE, NULL },
};

static enum outcome
run_passes(struct lint *lint, int64_t since)
{
	const int64_t times[] = {
		[TIME_NONE] = 0, [TIME_NOW] = lint->ctl->actor.rules.now, [TIME_SINCE] = since
	};
	enum outcome o = FOUND;

	lint->outcome = FOUND;
	for (size_t i = 0; o == FOUND && i < sizeof passes / sizeof *passes; i++) {
		if (passes[i].time == TIME_SINCE && since == 0)
			continue;
		lint->now = passes[i].code;
		lint->rule = passes[i].rule;
		o = store_scan(lint->ctl->store, passes[i].scan, times[passes[i].time],
		    passes[i].judge, lint, &lint->ctl->err);
		if (o == FOUND)
			o = lint->outcome;
	}
	return o;
}

static void
tell_rest(const struct lint *lint)
{
	bool more = false;

	for (size_t i = 0; i < CODES && !lint->all && !lint->ctl->json; i++) {
		if (lint->shown[i] <= SHOWN_MAX)
			continue;
		printf("... and %zu more of %s\n", lint->shown[i] - SHOWN_MAX, codes[i].code);
		more = true;
	}
	if (more)
		puts("... --all shows all of them");
}

static enum exit_code
finish(struct lint *lint, enum outcome o)
{
	if (o != FOUND) {
		if (lint->ctl->json && lint->findings.rows > 0)
			findings_end(&lint->findings);
		return ctl_fail(lint->ctl, o, "cannot look through the store");
	}
	tell_rest(lint);
	findings_end(&lint->findings);
	return lint->findings.count[SEVERITY_WARNING] + lint->findings.count[SEVERITY_ERROR] > 0
		   ? EXIT_NOT
		   : EXIT_DONE;
}

enum exit_code
cmd_lint(struct ctl *ctl)
{
	struct lint lint = { .ctl = ctl, .all = ctl_option(ctl, "all") != NULL };
	const char *typed = ctl_option(ctl, "since");
	int64_t since = 0;
	enum exit_code e;
	enum outcome o;

	if (typed != NULL && !when_past(typed, time(NULL), &since))
		return ctl_usage(ctl, "'%s' is no time: write it as " WHEN_PAST_FORMS, typed);
	o = ctl_store(ctl, STORE_ADMIN);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot look through the store");
	lookup_init(&lint.lookup);
	expand_init(&lint.expand);
	sbuf_init(&lint.text, LOOKUP_VALUE_MAX);
	sbuf_init(&lint.cure, LOOKUP_VALUE_MAX);
	sbuf_init(&lint.name, QUESTION_TEXT);
	if (!ctl->json)
		pager_start();
	findings_init(&lint.findings, ctl, NULL);
	e = finish(&lint, run_passes(&lint, since));
	sbuf_release(&lint.name);
	sbuf_release(&lint.cure);
	sbuf_release(&lint.text);
	expand_release(&lint.expand);
	lookup_release(&lint.lookup);
	return e;
}
