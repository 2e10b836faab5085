/* SPDX-License-Identifier: ISC
 *
 * What may be written: names in canonical form, targets that Postfix can deliver to. Whether an
 * alias ends is found in expand.c.
 */
#include "mail/rules.h"

#include <limits.h>
#include <string.h>

#include <unistr.h>

#include "mail/keys.h"

enum { SHOWN = 80 }; /* bytes of a refused name that a message repeats */

static int
shown(struct slice s)
{
	return (int)(s.n < SHOWN ? s.n : SHOWN);
}

static bool
printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 32 || s.p[i] == 127)
			return false;
	return true;
}

/* What every name must pass before it may even be repeated in a message. */
static enum outcome
check_text(const char *what, struct slice typed, struct error *err)
{
	if (typed.n == 0)
		return error_set(err, BAD, "the %s is empty", what);
	if (!printable(typed))
		return error_set(err, BAD, "the %s has control characters in it", what);
	if (u8_check((const uint8_t *)typed.p, typed.n) != NULL)
		return error_set(err, BAD, "the %s is not proper UTF-8", what);
	return FOUND;
}

static enum outcome
no_memory(struct error *err)
{
	return error_set(err, RETRY, "no memory");
}

enum outcome
rules_domain(struct sbuf *out, struct slice typed, struct error *err)
{
	struct address a;
	enum outcome o = check_text("domain", typed, err);
	bool ok;

	if (o != FOUND)
		return o;
	ok = domain_parse(&a, typed);
	if (!ok && a.no_memory)
		return no_memory(err);
	if (!ok || a.domain[0] == '[')
		return error_set(err, BAD, "'%.*s' is no domain name: write it like 'example.com'",
		    shown(typed), typed.p);
	return sbuf_add_slice(out, address_domain(&a)) ? FOUND : no_memory(err);
}

static bool
looks_like_list(struct slice local)
{
	size_t at;

	return slice_chr(local, '@', &at) || slice_chr(local, ',', &at) ||
	       slice_chr(local, ';', &at) || slice_chr(local, ' ', &at);
}

/* A name that could stand before an '@' wherever an address is written. */
static bool
is_ordinary(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c < 128 && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && strchr("._+-=", c) == NULL)
			return false;
	}
	return name.p[0] != '.' && address_is_plain(name);
}

/* Advice that is followed must not lead to the next refusal: an odd name is not repeated. */
static enum outcome
refuse_bare(struct slice typed, struct error *err)
{
	struct slice like = is_ordinary(typed) ? typed : slice_str("name");

	return error_set(err, BAD,
	    "'%.*s' has no domain: write the whole address, like '%.*s@example.com'", shown(typed),
	    typed.p, shown(like), like.p);
}

static enum outcome
check_address(struct address *a, const char *what, struct slice typed, struct error *err)
{
	size_t at;
	enum outcome o = check_text(what, typed, err);

	if (o != FOUND)
		return o;
	if (!slice_chr(typed, '@', &at))
		return refuse_bare(typed, err);
	if (typed.n > ADDRESS_MAX)
		return error_set(err, BAD, "the %s is %zu bytes long: Postfix takes at most %d",
		    what, typed.n, ADDRESS_MAX);
	if (!address_parse(a, typed))
		return a->no_memory ? no_memory(err)
				    : error_set(err, BAD,
					  "'%.*s' is no address: write it like 'name@example.com'",
					  shown(typed), typed.p);
	if (typed.p[0] != '"' && looks_like_list(address_spelled(a)))
		return error_set(err, BAD,
		    "'%.*s' is not one address: give each as an argument of its own, and write odd "
		    "ones in "
		    "double quotes, like '\"a b\"@example.com'",
		    shown(typed), typed.p);
	return FOUND;
}

static enum outcome
print_stored(struct sbuf *out, const struct address *a, const char *what, struct error *err)
{
	if (a->local_n > ADDRESS_LOCAL_MAX)
		return error_set(err, BAD,
		    "the part before the '@' of the %s is %zu bytes long: at most %d are allowed",
		    what, a->local_n, ADDRESS_LOCAL_MAX);
	if (!address_print(out, a))
		return no_memory(err);
	return FOUND;
}

static bool
path_trouble(struct slice local)
{
	size_t at;

	return slice_chr(local, '/', &at) || local.p[0] == '.';
}

enum outcome
rules_mailbox(struct sbuf *out, struct slice typed, struct error *err)
{
	struct address a;
	enum outcome o = check_address(&a, "mailbox", typed, err);

	if (o != FOUND)
		return o;
	if (a.local_n == 0)
		return error_set(err, BAD,
		    "'%.*s' names no user: for a catch-all use `vmailctl alias add %.*s TARGET`",
		    shown(typed), typed.p, shown(typed), typed.p);
	if (a.domain[0] == '[')
		return error_set(err, BAD,
		    "'%.*s' is at an IP address: a mailbox needs a domain name", shown(typed),
		    typed.p);
	if (path_trouble(address_local(&a)))
		return error_set(err, BAD,
		    "'%.*s' could not be a directory name: no '/' in it and no '.' at its start",
		    shown(typed), typed.p);
	return print_stored(out, &a, "mailbox", err);
}

/* A bare local part, for domains of the local kind: folded the way an address is. */
static enum outcome
bare_alias(struct sbuf *out, struct slice typed, struct error *err)
{
	struct address a;
	struct sbuf text;
	enum outcome o = FOUND;
	bool ok;

	sbuf_init(&text, 2 * ADDRESS_MAX);
	sbuf_add_slice(&text, typed);
	sbuf_add_str(&text, "@x");
	ok = !text.failed && address_parse(&a, sbuf_slice(&text));
	if (!ok && typed.n < ADDRESS_MAX && (text.failed || a.no_memory))
		o = no_memory(err);
	else if (!ok || a.local_n > ADDRESS_LOCAL_MAX || !address_is_plain(address_local(&a)))
		o = error_set(err, BAD, "'%.*s' is no address: write it like 'name@example.com'",
		    shown(typed), typed.p);
	else if (!sbuf_add_slice(out, address_local(&a)))
		o = no_memory(err);
	sbuf_release(&text);
	return o;
}

enum { STARS_MAX = 4 };

static enum outcome
check_pattern(struct slice local, struct slice domain, struct error *err)
{
	size_t stars = slice_count(local, '*');

	if (stars == 0 || !address_is_plain(local))
		return FOUND;
	if (stars == local.n)
		return error_set(err, BAD,
		    "a pattern of nothing but '*' is the catch-all: write '@%.*s'", shown(domain),
		    domain.p);
	if (stars > STARS_MAX)
		return error_set(err, BAD, "a pattern may have at most %d '*' in it", STARS_MAX);
	return FOUND;
}

bool
rules_is_pattern(struct slice alias, size_t *prefix)
{
	size_t at, star;

	if (!slice_rchr(alias, '@', &at) || !slice_chr(slice_head(alias, at), '*', &star) ||
	    !address_is_plain(slice_head(alias, at)))
		return false;
	*prefix = star;
	return true;
}

enum outcome
rules_alias(struct sbuf *out, struct slice typed, struct error *err)
{
	struct address a;
	size_t at;
	enum outcome o = check_text("alias", typed, err);

	if (o != FOUND)
		return o;
	if (!slice_chr(typed, '@', &at))
		return bare_alias(out, typed, err);
	o = check_address(&a, "alias", typed, err);
	if (o == FOUND)
		o = check_pattern(address_local(&a), address_domain(&a), err);
	if (o != FOUND)
		return o;
	if (a.local_n > 0)
		return print_stored(out, &a, "alias", err);
	/* without the first it would be another alias */
	if (!sbuf_add_chr(out, '@') || !sbuf_add_slice(out, address_domain(&a)))
		return no_memory(err);
	return FOUND;
}

static enum outcome
refuse_bare_pattern(struct slice typed, size_t stars, struct error *err)
{
	struct slice like = stars <= STARS_MAX ? typed : slice_str("sales-*");

	if (stars == typed.n)
		return error_set(err, BAD,
		    "'%.*s' is no pattern: for the catch-all of a domain write '@example.com'",
		    shown(typed), typed.p);
	return error_set(err, BAD,
	    "'%.*s' has no domain, and a pattern needs one: write it like '%.*s@example.com'",
	    shown(typed), typed.p, shown(like), like.p);
}

enum outcome
rules_new_alias(struct sbuf *out, struct slice typed, struct error *err)
{
	size_t at, stars = slice_count(typed, '*');
	enum outcome o = check_text("alias", typed, err);

	if (o == FOUND && stars > 0 && !slice_chr(typed, '@', &at))
		return refuse_bare_pattern(typed, stars, err);
	return o == FOUND ? rules_alias(out, typed, err) : o;
}

/* --- targets ---------------------------------------------------------------------------------- */

/* Spelled differently, the same to Postfix: it drops case-insensitive duplicates. */
static bool
same_target(struct slice text, const struct address *y, bool *failed)
{
	struct address x;

	if (!address_parse(&x, text)) {
		*failed |= x.no_memory;
		return false;
	}
	return slice_eq(address_local(&x), address_local(y)) &&
	       slice_eq(address_domain(&x), address_domain(y));
}

static bool
has_target(const struct sbuf *list, const struct address *target, bool *failed)
{
	struct slice rest = sbuf_slice(list);

	while (rest.n > 0)
		if (same_target(slice_cut(&rest, '\n'), target, failed))
			return true;
	return false;
}

/* Put TARGET behind the others, unless it is among them. */
static enum outcome
add_target(struct sbuf *out, const struct address *a, struct slice target, struct error *err)
{
	bool failed = false;

	if (!has_target(out, a, &failed) && !failed) {
		sbuf_add_slice(out, target);
		sbuf_add_chr(out, '\n');
	}
	return failed || out->failed ? no_memory(err) : FOUND;
}

/* What aliases(5) may have as a target, and virtual(5) may not. `/C=DE/S=joe@gateway.test` is an
 * address, and so is `"|x y"@gateway.test`. */
static bool
is_for_local(struct slice typed)
{
	size_t at;
	bool quoted = slice_starts(typed, "\"|") || slice_starts(typed, "\"/");

	if (!quoted && !slice_starts(typed, "|") && !slice_starts(typed, "/") &&
	    !slice_starts(typed, ":include:"))
		return false;
	return !slice_chr(typed, '@', &at) || (!quoted && slice_chr(typed, ' ', &at));
}

static enum outcome
refuse_for_local(struct slice typed, struct error *err)
{
	return error_set(err, BAD,
	    "'%.*s' is a command, a file or a list in a file, which only local(8) takes: write it "
	    "into aliases(5), and lead to its name there, in a domain of kind local",
	    shown(typed), typed.p);
}

static enum outcome
put_target(struct sbuf *out, struct slice typed, size_t n, struct error *err)
{
	struct address a;
	struct sbuf target;
	enum outcome o = check_text("target", typed, err);

	if (o == FOUND && is_for_local(typed))
		o = refuse_for_local(typed, err);
	if (o == FOUND)
		o = check_address(&a, "target", typed, err);
	if (o != FOUND)
		return o;
	if (a.local_n == 0 && n > 1)
		return error_set(err, BAD,
		    "'%.*s' stands for a whole domain and must be the only target: "
		    "give it an alias of "
		    "its own",
		    shown(typed), typed.p);
	sbuf_init(&target, 4 * ADDRESS_MAX); /* more than quotes make of it */
	if (!address_target(&target, typed) && target.failed)
		o = no_memory(err);
	else if (target.n == 0 || target.n > ADDRESS_MAX)
		o = error_set(err, BAD, "'%.*s' is no address that mail could be sent to",
		    shown(typed), typed.p);
	else
		o = add_target(out, &a, sbuf_slice(&target), err);
	sbuf_release(&target);
	return o;
}

enum outcome
rules_targets(struct sbuf *out, const struct slice *typed, size_t n, struct error *err)
{
	enum outcome o = FOUND;

	if (n == 0)
		return error_set(err, BAD, "an alias needs at least one target");
	if (n > RULES_TARGETS_MAX)
		return error_set(
		    err, BAD, "%zu targets: Postfix expands to at most %d", n, RULES_TARGETS_MAX);
	for (size_t i = 0; i < n && o == FOUND; i++)
		o = put_target(out, typed[i], n, err);
	return o;
}

/* --- entries of plain maps ----------------------------------------------------------------------
 */

static enum outcome
put_text(struct sbuf *out, struct slice text, struct error *err)
{
	return sbuf_add_slice(out, text) ? FOUND : no_memory(err);
}

static enum outcome
value_address(struct sbuf *out, struct slice typed, bool whole_domains, struct error *err)
{
	struct address a;
	enum outcome o = check_address(&a, "value", typed, err);

	if (o != FOUND)
		return o;
	if ((a.local_n > 0 || whole_domains) && address_target(out, typed))
		return FOUND;
	if (out->failed)
		return no_memory(err);
	return error_set(err, BAD, "'%.*s' is not one address that mail could be sent to",
	    shown(typed), typed.p);
}

/* Addresses with commas or blanks between them, in canonical form: logins are compared with it. */
static enum outcome
value_logins(struct sbuf *out, struct slice typed, struct error *err)
{
	size_t before = out->n;
	enum outcome o = FOUND;

	while (typed.n > 0 && o == FOUND) {
		size_t n = 0;

		while (n < typed.n && typed.p[n] != ',' && typed.p[n] != ' ')
			n++;
		if (n > 0) {
			sbuf_add_str(out, out->n > before ? ", " : "");
			o = rules_mailbox(out, slice_head(typed, n), err);
		}
		typed = slice_tail(typed, n + 1);
	}
	if (o == FOUND && out->n == before)
		o = error_set(
		    err, BAD, "the value names nobody: write logins, with commas between them");
	return o;
}

/* A host, most likely, before which the transport was forgotten: Postfix would look for a service
 * of that name, and mail would wait. */
static enum outcome
refuse_host(struct slice typed, struct error *err)
{
	return error_set(err, BAD,
	    "'%.*s' says no transport: write 'smtp:[%.*s]' for the host, or '%.*s:' for a service "
	    "of master.cf that is called so",
	    shown(typed), typed.p, shown(typed), typed.p, shown(typed), typed.p);
}

static enum outcome
value_transport(struct sbuf *out, struct slice typed, struct error *err)
{
	struct slice rest = typed;
	struct slice name = slice_cut(&rest, ':');
	size_t at;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			c == '.'))
			return error_set(err, BAD,
			    "'%.*s' is no transport: write it like 'smtp:[mail.example.com]', with "
			    "a name "
			    "of master.cf in lower case",
			    shown(typed), typed.p);
	}
	if (rest.p == NULL && slice_chr(name, '.', &at))
		return refuse_host(typed, err);
	return put_text(out, typed, err);
}

static struct slice
first_word(struct slice text)
{
	size_t n = 0;

	while (n < text.n && text.p[n] != ' ' && text.p[n] != '\t' && text.p[n] != ',')
		n++;
	return slice_head(text, n);
}

static enum outcome
value_tls(struct sbuf *out, struct slice typed, struct error *err)
{
	static const char *const levels[] = { "none", "may", "encrypt", "dane", "dane-only",
		"fingerprint", "verify", "secure" };
	struct slice level = first_word(typed);

	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (slice_is_nocase(level, levels[i]))
			return put_text(out, typed, err);
	return error_set(err, BAD,
	    "'%.*s' is no level of TLS: write none, may, encrypt, dane, dane-only, fingerprint, "
	    "verify or secure",
	    shown(level), level.p);
}

bool
rules_value_is_doubtful(enum map_value kind, struct slice value, struct slice *word)
{
	static const char *const actions[] = { "ok", "relay", "dunno", "reject", "defer",
		"defer_if_reject", "defer_if_permit", "discard", "hold", "filter", "prepend",
		"redirect", "bcc", "info", "warn", "permit", "sleep", "warn_if_reject",
		MAP_CLOSED_LIST };
	static const char *const families[] = { "permit_", "reject_", "defer_", "check_" };
	unsigned long long code;

	*word = first_word(value);
	if (kind != VALUE_ACTION || slice_number(*word, ULLONG_MAX, &code))
		return false;
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (slice_is_nocase(*word, actions[i]))
			return false;
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if (slice_starts(*word, families[i]))
			return false;
	return true;
}

static enum outcome
value_number(struct sbuf *out, struct slice typed, struct error *err)
{
	unsigned long long number;

	if (!slice_number(typed, 0xfffffffe, &number))
		return error_set(
		    err, BAD, "'%.*s' is no uid or gid: write a number", shown(typed), typed.p);
	return put_text(out, typed, err);
}

enum outcome
rules_value(struct sbuf *out, enum map_value kind, struct slice typed, struct error *err)
{
	enum outcome o;

	typed = slice_trim(typed);
	o = check_text("value", typed, err);
	if (o != FOUND)
		return o;
	if (typed.n > RULES_VALUE_MAX)
		return error_set(err, BAD, "the value is %zu bytes long: Postfix takes at most %d",
		    typed.n, RULES_VALUE_MAX);
	switch (kind) {
	case VALUE_TEXT:
	case VALUE_ACTION:
		return put_text(out, typed, err);
	case VALUE_ADDRESS:
		return value_address(out, typed, true, err);
	case VALUE_BCC:
		return value_address(out, typed, false, err);
	case VALUE_LOGINS:
		return value_logins(out, typed, err);
	case VALUE_TRANSPORT:
		return value_transport(out, typed, err);
	case VALUE_TLS:
		return value_tls(out, typed, err);
	case VALUE_NUMBER:
		return value_number(out, typed, err);
	}
	return BAD;
}

enum outcome
rules_note(struct slice typed, struct error *err)
{
	if (typed.n > 1000)
		return error_set(err, BAD, "a note of %zu bytes: at most 1000 are kept", typed.n);
	return check_text("note", typed, err);
}

enum outcome
rules_reason(struct slice typed, struct error *err)
{
	if (typed.n > 200)
		return error_set(
		    err, BAD, "a reason of %zu bytes: at most 200 can be told", typed.n);
	return check_text("reason", typed, err);
}

enum outcome
rules_delimiters(struct slice typed, struct error *err)
{
	static const char odd[] = "@.\"\\()<>[],;: ";

	if (typed.n > 7)
		return error_set(err, BAD, "%zu delimiters: at most 7 are allowed", typed.n);
	for (size_t i = 0; i < typed.n; i++) {
		char c = typed.p[i];
		bool letter =
		    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (letter || c < '!' || c > '~' || strchr(odd, c) != NULL)
			return error_set(err, BAD,
			    "'%.*s' cannot separate an extension: use characters like '+', '-' or "
			    "'='",
			    shown(typed), typed.p);
	}
	return FOUND;
}

enum outcome
rules_map_name(struct slice typed, struct error *err)
{
	if (!map_name_ok(typed))
		return error_set(err, BAD,
		    "'%.*s' is no name for a map: letters, digits, '-', '_' and '.', at most %d",
		    shown(typed), typed.p, MAP_NAME_MAX);
	if (map_by_name(typed) != NULL)
		return error_set(err, BAD, "'%.*s' is a map already: see `vmailctl maps`",
		    shown(typed), typed.p);
	return FOUND;
}

enum outcome
rules_new_map(struct slice typed, struct error *err)
{
	enum outcome o = rules_map_name(typed, err);

	if (o == FOUND && map_name_is_taken(typed))
		return error_set(err, BAD,
		    "'%.*s' is no name for a map: `vmailctl export --format postfix` writes a file "
		    "for each map, and could write none that is called so",
		    shown(typed), typed.p);
	return o;
}

/* --- who may log in --------------------------------------------------------------------------- */

enum outcome
rules_services(struct slice typed, struct error *err)
{
	struct slice rest = typed;

	if (typed.n > 200)
		return error_set(err, BAD, "services of %zu bytes: at most 200 are kept", typed.n);
	while (rest.n > 0 || rest.p != NULL) {
		struct slice name = slice_cut(&rest, ',');
		size_t n = 0;

		while (n < name.n && ((name.p[n] >= 'a' && name.p[n] <= 'z') ||
					 (name.p[n] >= '0' && name.p[n] <= '9') ||
					 name.p[n] == '-' || name.p[n] == '_'))
			n++;
		if (n == 0 || n < name.n)
			return error_set(err, BAD,
			    "'%.*s' is no list of services: write it like imap,smtp", shown(typed),
			    typed.p);
	}
	return FOUND;
}
