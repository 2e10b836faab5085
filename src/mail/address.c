/* SPDX-License-Identifier: ISC
 *
 * Addresses: taking apart, quoting, folding to the one canonical form. What an address leads to is
 * lookup.c's business.
 */
#include "mail/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <idn2.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "mail/ulabel.h"

static void
lower_ascii(char *to, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		to[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
}

/* --- local parts ------------------------------------------------------------------------------ */

/* Control characters, the blank, and ()<>@,;:\"[] */
static bool
needs_quotes(char c)
{
	static const bool special[256] = { ['('] = true,
		[')'] = true,
		['<'] = true,
		['>'] = true,
		['@'] = true,
		[','] = true,
		[';'] = true,
		[':'] = true,
		['\\'] = true,
		['"'] = true,
		['['] = true,
		[']'] = true,
		[127] = true };

	return (unsigned char)c <= ' ' || special[(unsigned char)c];
}

/* A local part that stands for itself: atoms with single dots between them. */
bool
address_is_plain(struct slice local)
{
	char before = '.'; /* in front of the first one a dot must not stand */

	for (size_t i = 0; i < local.n; i++) {
		char c = local.p[i];

		if (needs_quotes(c) || (c == '.' && before == '.'))
			return false;
		before = c;
	}
	return before != '.';
}

static bool
is_escaped_in_quotes(char c)
{
	return c == '"' || c == '\\' || c == '\r';
}

static bool
put_local(struct sbuf *out, struct slice local)
{
	if (address_is_plain(local))
		return sbuf_add_slice(out, local);
	sbuf_add_chr(out, '"');
	for (size_t i = 0; i < local.n; i++) {
		if (is_escaped_in_quotes(local.p[i]))
			sbuf_add_chr(out, '\\');
		sbuf_add_chr(out, local.p[i]);
	}
	return sbuf_add_chr(out, '"') && !out->failed;
}

/* Unquote one complete quoted string into TO. False when QUOTED is none, or when it would not be
 * quoted the same way again: then the text stands for itself. */
static bool
unquote(char *to, size_t *n, struct slice quoted)
{
	struct slice in;

	if (quoted.n < 2 || quoted.p[0] != '"' || quoted.p[quoted.n - 1] != '"')
		return false;
	in = slice_of(quoted.p + 1, quoted.n - 2);
	*n = 0;
	for (size_t i = 0; i < in.n; i++) {
		bool escaped = in.p[i] == '\\';

		if (escaped && ++i == in.n)
			return false;
		if (escaped != is_escaped_in_quotes(in.p[i]))
			return false;
		to[(*n)++] = in.p[i];
	}
	return !address_is_plain(slice_of(to, *n));
}

bool
address_split(char *local, size_t size, size_t *n, struct slice *domain, struct slice text)
{
	size_t at;

	if (!slice_rchr(text, '@', &at) || at > size)
		return false;
	*domain = slice_tail(text, at + 1);
	text = slice_head(text, at);
	if (!unquote(local, n, text)) {
		memcpy(local, text.p, text.n);
		*n = text.n;
	}
	return true;
}

static bool
fold_local(struct address *a)
{
	struct slice spelled = address_spelled(a);
	size_t n = sizeof a->local;
	uint8_t *folded;

	if (slice_is_ascii(spelled)) {
		lower_ascii(a->local, spelled);
		a->local_n = spelled.n;
		return true;
	}
	if (u8_check((const uint8_t *)spelled.p, spelled.n) != NULL)
		return false;
	folded = u8_casefold(
	    (const uint8_t *)spelled.p, spelled.n, NULL, UNINORM_NFC, (uint8_t *)a->local, &n);
	if (folded == NULL) {
		a->no_memory = errno == ENOMEM;
		return false;
	}
	if (folded != (uint8_t *)a->local) {
		free(folded);
		return false;
	}
	a->local_n = n;
	return n <= ADDRESS_MAX;
}

/* --- domains ---------------------------------------------------------------------------------- */

static bool
is_domain_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* [127.0.0.1], [ipv6:2001:db8::1] */
static bool
is_literal(struct slice d)
{
	if (d.n < 3 || d.p[0] != '[' || d.p[d.n - 1] != ']')
		return false;
	for (size_t i = 1; i < d.n - 1; i++)
		if (!is_domain_byte(d.p[i]) && d.p[i] != ':')
			return false;
	return true;
}

static bool
is_label(size_t n)
{
	return n >= 1 && n <= 63;
}

static bool
is_domain(struct slice d)
{
	size_t label = 0; /* where it begins */

	if (is_literal(d))
		return true;
	for (size_t i = 0; i < d.n; i++) {
		if (d.p[i] == '.') {
			if (!is_label(i - label))
				return false;
			label = i + 1;
		} else if (!is_domain_byte(d.p[i])) {
			return false;
		}
	}
	return is_label(d.n - label);
}

/* U-labels to lower-case A-labels behind OUT, by way of a C string as the library wants it. */
static int
put_a_labels(struct sbuf *out, struct slice text)
{
	char in[ADDRESS_MAX + 1];
	char *ascii = NULL;
	int rc;

	if (text.n > ADDRESS_MAX || memchr(text.p, '\0', text.n) != NULL)
		return IDN2_TOO_BIG_DOMAIN;
	memcpy(in, text.p, text.n);
	in[text.n] = '\0';
	rc = idn2_to_ascii_8z(in, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc == IDN2_OK)
		sbuf_add_str(out, ascii);
	idn2_free(ascii);
	return rc;
}

/* What IDNA2008 forbids, and UTS 46, by which Postfix judges domains, does not: symbols, emoji and
 * what joins them, a mixture of directions, letters younger than the library. */
static bool
is_only_idna2008(int rc)
{
	return rc == IDN2_DISALLOWED || rc == IDN2_CONTEXTJ || rc == IDN2_CONTEXTJ_NO_RULE ||
	       rc == IDN2_CONTEXTO || rc == IDN2_CONTEXTO_NO_RULE || rc == IDN2_UNASSIGNED ||
	       rc == IDN2_BIDI;
}

/* Label by label: what the library knows is as it says. */
static int
put_labels(struct sbuf *out, struct slice text)
{
	bool no_memory = false;

	for (bool more = true; more;) {
		struct slice label = slice_cut(&text, '.');
		int rc = IDN2_OK;

		more = text.p != NULL;
		if (slice_is_ascii(label))
			sbuf_add_slice(out, label);
		else
			rc = put_a_labels(out, label);
		if (is_only_idna2008(rc) && ulabel_to_ascii(out, label, &no_memory))
			rc = IDN2_OK;
		if (rc != IDN2_OK)
			return no_memory ? IDN2_MALLOC : rc;
		if (more)
			sbuf_add_chr(out, '.');
	}
	return IDN2_OK;
}

static bool
fold_international(struct address *a, struct slice text)
{
	struct sbuf out;
	int rc;
	bool ok;

	sbuf_init(&out, 16 * ADDRESS_MAX); /* more than any text can become */
	rc = put_a_labels(&out, text);
	if (is_only_idna2008(rc))
		rc = put_labels(&out, text);
	a->no_memory = rc == IDN2_MALLOC || out.failed;
	ok = rc == IDN2_OK && !out.failed && out.n <= ADDRESS_DOMAIN_MAX;
	if (ok) {
		a->domain_n = out.n;
		lower_ascii(a->domain, sbuf_slice(&out));
	}
	sbuf_release(&out);
	return ok;
}

static bool
fold_domain(struct address *a, struct slice text)
{
	if (text.n > 1 && text.p[text.n - 1] == '.')
		text.n--;
	if (!slice_is_ascii(text)) {
		if (!fold_international(a, text))
			return false;
	} else {
		if (text.n > ADDRESS_DOMAIN_MAX)
			return false;
		lower_ascii(a->domain, text);
		a->domain_n = text.n;
	}
	return is_domain(address_domain(a));
}

bool
domain_parse(struct address *a, struct slice text)
{
	a->no_memory = false;
	return fold_domain(a, text);
}

/* Fold U-labels, and make a->domain of the result, if that is a name at all. */
static bool
take_folded(struct address *a, const char *unicode)
{
	uint8_t room[4 * ADDRESS_MAX];
	size_t n = sizeof room;
	uint8_t *folded;

	folded =
	    u8_casefold((const uint8_t *)unicode, strlen(unicode), NULL, UNINORM_NFC, room, &n);
	if (folded == NULL)
		a->no_memory = errno == ENOMEM;
	else if (folded == room)
		fold_international(a, slice_of((const char *)room, n));
	else
		free(folded);
	return !a->no_memory;
}

/* The domain of an address that was parsed ends like no C string. */
bool
domain_as_asked(struct address *a)
{
	char in[ADDRESS_DOMAIN_MAX + 1];
	char *unicode = NULL;
	bool ok = true;
	int rc;

	a->no_memory = false;
	memcpy(in, a->domain, a->domain_n);
	in[a->domain_n] = '\0';
	if (strstr(in, "xn--") == NULL)
		return true;
	rc = idn2_to_unicode_8z8z(in, &unicode, IDN2_NONTRANSITIONAL);
	if (rc == IDN2_OK)
		ok = take_folded(a, unicode);
	else
		ok = !(a->no_memory = rc == IDN2_MALLOC);
	idn2_free(unicode);
	return ok;
}

bool
domain_fold(struct sbuf *out, struct slice text)
{
	struct address a;

	sbuf_clear(out);
	return domain_parse(&a, text) && sbuf_add_slice(out, address_domain(&a));
}

/* --- whole addresses -------------------------------------------------------------------------- */

static bool
has_unstorable(struct slice s)
{
	size_t at;

	return slice_chr(s, '\0', &at) || slice_chr(s, '\n', &at);
}

bool
address_parse(struct address *a, struct slice text)
{
	struct slice domain;

	a->no_memory = false;
	if (text.n > ADDRESS_MAX + ADDRESS_DOMAIN_MAX + 1 || has_unstorable(text))
		return false;
	if (!address_split(a->spelled, ADDRESS_MAX, &a->spelled_n, &domain, text))
		return false;
	return fold_local(a) && fold_domain(a, domain);
}

struct slice
address_local(const struct address *a)
{
	return slice_of(a->local, a->local_n);
}

struct slice
address_domain(const struct address *a)
{
	return slice_of(a->domain, a->domain_n);
}

struct slice
address_spelled(const struct address *a)
{
	return slice_of(a->spelled, a->spelled_n);
}

bool
address_put(struct sbuf *out, struct slice local, struct slice domain)
{
	put_local(out, local);
	sbuf_add_chr(out, '@');
	return sbuf_add_slice(out, domain) && !out->failed;
}

bool
address_print(struct sbuf *out, const struct address *a)
{
	return address_put(out, address_local(a), address_domain(a));
}

/* Find the first of DELIMITERS; mostly there is but one. */
static bool
find_delimiter(struct slice local, const char *delimiters, size_t *at)
{
	if (delimiters[0] != '\0' && delimiters[1] == '\0')
		return slice_chr(local, delimiters[0], at);
	for (*at = 0; *at < local.n; ++*at)
		if (local.p[*at] != '\0' && strchr(delimiters, local.p[*at]) != NULL)
			return true;
	return false;
}

size_t
address_base(struct slice local, const char *delimiters)
{
	static const char *const whole[] = { "postmaster", "mailer-daemon", "double-bounce" };
	const size_t request = strlen("-request");
	size_t at;

	if (!find_delimiter(local, delimiters, &at) || at == 0)
		return local.n;
	for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
		if (slice_is_nocase(local, whole[i]))
			return local.n;
	if (strchr(delimiters, '-') != NULL) {
		if (slice_is_nocase(slice_head(local, strlen("owner-")), "owner-"))
			return local.n;
		if (local.n > request &&
		    slice_is_nocase(slice_tail(local, local.n - request), "-request"))
			return local.n;
	}
	return at;
}

static bool
has_control(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 32 || s.p[i] == 127)
			return true;
	return false;
}

bool
address_target(struct sbuf *out, struct slice text)
{
	struct address a;

	if (has_control(text))
		return false;
	if (!address_parse(&a, text)) {
		out->failed |= a.no_memory;
		return false;
	}
	if (a.spelled_n > 0)
		return address_put(out, address_spelled(&a), address_domain(&a));
	return text.p[0] == '@' && sbuf_add_chr(out, '@') &&
	       sbuf_add_slice(out, address_domain(&a));
}
