/* SPDX-License-Identifier: ISC
 *
 * Keys of plain maps: canonical texts, and the candidates of each kind of search.
 */
#include "mail/keys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

enum { KEY_MAX = 2 * ADDRESS_MAX, PARENTS_MAX = 128 };

static const char *const searches[SEARCHES] = {
	[SEARCH_EXACT] = "exact",
	[SEARCH_ADDRESS] = "address",
	[SEARCH_REWRITE] = "rewrite",
	[SEARCH_DOMAIN] = "domain",
	[SEARCH_TRANSPORT] = "transport",
	[SEARCH_ACCESS] = "access",
	[SEARCH_HOST] = "host",
	[SEARCH_NETWORK] = "network",
};

const char *
key_search_name(enum key_search s)
{
	return searches[s];
}

bool
key_search_by_name(struct slice name, enum key_search *out)
{
	for (int s = 0; s < SEARCHES; s++) {
		if (slice_is(name, searches[s])) {
			*out = (enum key_search)s;
			return true;
		}
	}
	return false;
}

/* --- canonical texts -------------------------------------------------------------------------- */

/* Tell whether any row could have such a key. */
static bool
is_keyable(struct slice text)
{
	size_t at;

	return text.n > 0 && text.n <= KEY_MAX && !slice_chr(text, '\n', &at) &&
	       !slice_chr(text, '\0', &at);
}

/* Anything that is neither address nor domain: login names, `[host]:25`, `*`, `<>`. */
static bool
fold_other(struct sbuf *out, struct slice text, bool *no_memory)
{
	uint8_t room[4 * KEY_MAX];
	size_t n = sizeof room;
	uint8_t *folded;

	if (u8_check((const uint8_t *)text.p, text.n) != NULL)
		return false;
	folded = u8_casefold((const uint8_t *)text.p, text.n, NULL, UNINORM_NFC, room, &n);
	if (folded != room) {
		*no_memory = folded == NULL && errno == ENOMEM;
		free(folded);
		return false;
	}
	return sbuf_add(out, room, n);
}

/* DOMAIN behind `prefix`: "", ".", "@". */
static bool
fold_domain(struct sbuf *out, const char *prefix, struct slice domain, bool *no_memory)
{
	struct address a;

	if (!domain_parse(&a, domain) || !domain_as_asked(&a)) {
		*no_memory = a.no_memory;
		return false;
	}
	return sbuf_add_str(out, prefix) && sbuf_add_slice(out, address_domain(&a));
}

/* `user@`, of access tables: the local part of any domain. */
static bool
fold_user(struct sbuf *out, struct slice text, bool *no_memory)
{
	struct address a;
	struct sbuf whole;
	bool ok;

	sbuf_init(&whole, KEY_MAX + 1);
	sbuf_add_slice(&whole, text);
	sbuf_add_chr(&whole, 'x');
	ok = !whole.failed && address_parse(&a, sbuf_slice(&whole));
	if (!ok)
		*no_memory = whole.failed || a.no_memory;
	sbuf_release(&whole);
	return ok && address_put(out, address_local(&a), slice_str(""));
}

static bool
fold_address(struct sbuf *out, struct slice text, bool *no_memory)
{
	struct address a;

	if (address_parse(&a, text) && domain_as_asked(&a)) {
		if (a.local_n == 0) /* `""@d`: the same as `@d` */
			return sbuf_add_chr(out, '@') && sbuf_add_slice(out, address_domain(&a));
		return address_print(out, &a);
	}
	*no_memory = a.no_memory;
	return !a.no_memory && fold_other(out, text, no_memory);
}

/* A domain with or without its leading dot, or something else without an `@`. */
static bool
fold_word(struct sbuf *out, struct slice text, bool *no_memory)
{
	bool dot = text.n > 1 && text.p[0] == '.';

	if (fold_domain(out, dot ? "." : "", slice_tail(text, dot), no_memory))
		return true;
	return !*no_memory && !out->failed && fold_other(out, text, no_memory);
}

static bool
fold_once(struct sbuf *out, struct slice text, bool *no_memory)
{
	size_t at;

	if (!slice_rchr(text, '@', &at))
		return fold_word(out, text, no_memory);
	if (at == 0)
		return fold_domain(out, "@", slice_tail(text, 1), no_memory);
	if (at == text.n - 1)
		return fold_user(out, text, no_memory);
	return fold_address(out, text, no_memory);
}

/* Letters that fold to ASCII ones can make a domain of what was none to the IDNA rules: that is
 * judged once more, so that a key as it is stored folds to itself. */
static bool
fold_twice(struct sbuf *out, struct slice text, bool *no_memory)
{
	struct sbuf once;
	bool ok;

	sbuf_init(&once, 4 * KEY_MAX);
	ok = fold_once(&once, text, no_memory);
	*no_memory |= once.failed;
	ok = ok && fold_once(out, sbuf_slice(&once), no_memory);
	sbuf_release(&once);
	return ok;
}

bool
key_fold(struct sbuf *out, struct slice text, bool *no_memory)
{
	bool ok;

	*no_memory = false;
	if (!is_keyable(text))
		return false;
	ok = slice_is_ascii(text) ? fold_once(out, text, no_memory)
				  : fold_twice(out, text, no_memory);
	*no_memory |= out->failed;
	return ok;
}

/* --- networks --------------------------------------------------------------------------------- */

struct network {
	int family;
	unsigned bits; /* of an address */
	unsigned char byte[16];
};

static bool
parse_ip(struct network *net, struct slice text)
{
	char s[INET6_ADDRSTRLEN + 1];

	if (text.n == 0 || text.n >= sizeof s || memchr(text.p, '\0', text.n) != NULL)
		return false;
	memcpy(s, text.p, text.n);
	s[text.n] = '\0';
	net->family = strchr(s, ':') != NULL ? AF_INET6 : AF_INET;
	net->bits = net->family == AF_INET6 ? 128 : 32;
	return inet_pton(net->family, s, net->byte) == 1;
}

static void
mask(struct network *net, unsigned prefix)
{
	for (unsigned i = 0; i < net->bits / 8; i++) {
		unsigned keep = prefix > 8 * i ? prefix - 8 * i : 0;

		if (keep < 8)
			net->byte[i] &= (unsigned char)(0xff00u >> keep);
	}
}

static bool
put_ip(struct sbuf *out, const struct network *net)
{
	char s[INET6_ADDRSTRLEN];

	return inet_ntop(net->family, net->byte, s, sizeof s) != NULL && sbuf_add_str(out, s);
}

static bool
put_network(struct sbuf *out, const struct network *net, unsigned prefix)
{
	struct network masked = *net;

	mask(&masked, prefix);
	return put_ip(out, &masked) && sbuf_printf(out, "/%u", prefix);
}

static bool
has_host_bits(const struct network *net, unsigned prefix)
{
	struct network masked = *net;

	mask(&masked, prefix);
	return memcmp(masked.byte, net->byte, net->bits / 8) != 0;
}

/* Whoever writes such a one may mean the host: he must not get, or lose, the whole network. */
static enum outcome
refuse_host_bits(const struct network *net, unsigned prefix, struct slice typed, struct error *err)
{
	struct sbuf whole;

	sbuf_init(&whole, INET6_ADDRSTRLEN + 8);
	put_network(&whole, net, prefix);
	error_set(err, BAD,
	    "'%.*s' names one host and the size of a network: write '%s' for the whole network, or "
	    "the address alone",
	    (int)typed.n, typed.p, sbuf_cstr(&whole));
	sbuf_release(&whole);
	return BAD;
}

/* a.b.c.d or a.b.c.d/n, in the canonical form of put_network. */
static enum outcome
check_network(struct sbuf *out, struct slice typed, struct error *err)
{
	struct slice rest = typed;
	struct slice ip = slice_cut(&rest, '/');
	struct network net;
	unsigned long long prefix;

	if (!parse_ip(&net, ip))
		return error_set(err, BAD, "'%.*s' is no network: write it like '192.0.2.0/24'",
		    (int)(typed.n < 80 ? typed.n : 80), typed.p);
	prefix = net.bits;
	if (rest.p != NULL && !slice_number(rest, net.bits, &prefix))
		return error_set(err, BAD, "the '/%.*s' of a network must be 0 to %u",
		    (int)(rest.n < 20 ? rest.n : 20), rest.p, net.bits);
	if (has_host_bits(&net, (unsigned)prefix))
		return refuse_host_bits(&net, (unsigned)prefix, typed, err);
	return put_network(out, &net, (unsigned)prefix) ? FOUND
							: error_set(err, RETRY, "no memory");
}

static bool
network_candidates(struct question *q, struct slice key)
{
	struct network net;
	struct sbuf text;

	if (!parse_ip(&net, key))
		return false;
	sbuf_init(&text, INET6_ADDRSTRLEN + 8);
	for (unsigned prefix = net.bits + 1; prefix-- > 0;) {
		sbuf_clear(&text);
		if (put_network(&text, &net, prefix))
			question_add_text(q, ROW_ENTRY, sbuf_slice(&text), false);
		else
			q->text.failed = true;
	}
	sbuf_release(&text);
	return true;
}

/* --- kinds of maps ---------------------------------------------------------------------------- */

/* The canonical text of a key in a map of that search. Where addresses are looked for, a word is a
 * local part of local domains and no domain; where hosts are, an IP address has one spelling. */
static bool
fold_for(struct sbuf *out, enum key_search search, struct slice text, bool *no_memory)
{
	bool addresses = search == SEARCH_ADDRESS || search == SEARCH_REWRITE;
	struct network net;
	size_t at;
	bool ok;

	if (search == SEARCH_HOST && parse_ip(&net, text))
		ok = put_ip(out, &net);
	else if (addresses && is_keyable(text) && !slice_chr(text, '@', &at))
		ok = fold_other(out, text, no_memory);
	else
		return key_fold(out, text, no_memory);
	*no_memory |= out->failed;
	return ok;
}

/* --- writing ---------------------------------------------------------------------------------- */

static enum outcome
too_long(size_t n, struct error *err)
{
	return error_set(
	    err, BAD, "the key is %zu bytes long: at most %d are allowed", n, ADDRESS_MAX);
}

static enum outcome
check_text(enum key_search search, struct slice typed, struct error *err)
{
	size_t at;

	if (typed.n == 0)
		return error_set(err, BAD, "the key is empty");
	for (size_t i = 0; i < typed.n; i++)
		if ((unsigned char)typed.p[i] < 32 || typed.p[i] == 127)
			return error_set(err, BAD, "the key has control characters in it");
	if (typed.n > ADDRESS_MAX)
		return too_long(typed.n, err);
	if (search == SEARCH_HOST && slice_chr(typed, '/', &at))
		return error_set(err, BAD,
		    "'%.*s' has a '/' in it: leave octets out at the end instead, as in "
		    "'192.0.2', or make a map that is searched by network",
		    (int)(typed.n < 80 ? typed.n : 80), typed.p);
	return FOUND;
}

enum outcome
key_check(struct sbuf *out, enum key_search search, struct slice typed, struct error *err)
{
	bool no_memory = false;
	size_t before = out->n;
	enum outcome o = check_text(search, typed, err);

	if (o != FOUND)
		return o;
	if (search == SEARCH_NETWORK)
		return check_network(out, typed, err);
	if (!fold_for(out, search, typed, &no_memory)) {
		if (no_memory)
			return error_set(err, RETRY, "no memory");
		return error_set(err, BAD,
		    "'%.*s' can be no key: it is not proper UTF-8, or no address",
		    (int)(typed.n < 80 ? typed.n : 80), typed.p);
	}
	/* folding and quoting can make it longer */
	return out->n - before > ADDRESS_MAX ? too_long(out->n - before, err) : FOUND;
}

/* --- searching -------------------------------------------------------------------------------- */

/* DOMAIN, and each parent behind it; with DOTS the parents begin with their dot. Without them, an
 * IP address has no parents: Postfix makes the same difference. */
static void
domain_candidates(struct question *q, struct slice domain, bool dots)
{
	struct network net;
	size_t at;

	question_add_text(q, ROW_ENTRY, domain, false);
	if (!dots && parse_ip(&net, domain))
		return;
	for (int i = 0; i < PARENTS_MAX && !q->text.failed; i++) {
		struct slice last = q->candidate[q->n - 1].key;

		if (!slice_chr(slice_tail(last, 1), '.', &at))
			return;
		/* `at` counts from the second byte: the dot itself is at + 1 */
		if (!dots && at + 2 == last.n)
			return;
		question_add_tail(q, dots ? at + 1 : at + 2);
	}
}

static void
both_addresses(struct question *q, const struct address *a, size_t base, struct slice domain)
{
	struct slice local = address_local(a);

	question_add_address(q, ROW_ENTRY, local, domain, false);
	if (base < local.n)
		question_add_address(q, ROW_ENTRY, slice_head(local, base), domain, true);
}

static void
address_candidates(struct question *q, const struct address *a, size_t base)
{
	struct slice local = address_local(a);

	both_addresses(q, a, base, address_domain(a));
	if (address_is_plain(local)) {
		question_add_text(q, ROW_LOCAL_ENTRY, local, false);
		if (base < local.n)
			question_add_text(q, ROW_LOCAL_ENTRY, slice_head(local, base), true);
	}
	question_add_address(q, ROW_ENTRY, slice_str(""), address_domain(a), false);
}

static void
transport_candidates(struct question *q, const struct address *a, size_t base)
{
	both_addresses(q, a, base, address_domain(a));
	domain_candidates(q, address_domain(a), true);
}

static void
access_candidates(struct question *q, const struct address *a, size_t base)
{
	both_addresses(q, a, base, address_domain(a));
	domain_candidates(q, address_domain(a), false);
	if (a->local_n > 0)
		both_addresses(q, a, base, slice_str(""));
}

/* 192.0.2.1, 192.0.2, 192.0, 192; 2001:db8::1, 2001:db8:, 2001:db8, 2001. */
static void
octet_candidates(struct question *q, struct slice ip, char separator)
{
	size_t at;

	question_add_text(q, ROW_ENTRY, ip, false);
	while (!q->text.failed && slice_rchr(q->candidate[q->n - 1].key, separator, &at) && at > 0)
		question_add_head(q, at);
}

/* The address decides where the extension begins: its domain may have delimiters of its own. The
 * domain stands in keys as Postfix asks for it. */
static void
candidates_of_address(
    struct question *q, enum key_search search, const struct address *a, size_t base)
{
	struct address asked = *a;

	if (search != SEARCH_DOMAIN)
		question_set_domain(q, address_domain(a));
	if (!domain_as_asked(&asked))
		q->text.failed = true;
	else if (search == SEARCH_DOMAIN)
		domain_candidates(q, address_domain(&asked), false);
	else if (search == SEARCH_TRANSPORT)
		transport_candidates(q, &asked, base);
	else if (search == SEARCH_ACCESS)
		access_candidates(q, &asked, base);
	else
		address_candidates(q, &asked, base);
}

/* A key that is no address, or none to this kind of map: domains and words stand for themselves. */
static void
candidates_of_text(struct question *q, enum key_search search, struct slice text)
{
	struct network net;

	if (search == SEARCH_HOST && parse_ip(&net, text))
		octet_candidates(q, text, net.family == AF_INET6 ? ':' : '.');
	else if (search == SEARCH_EXACT || search == SEARCH_ADDRESS || search == SEARCH_REWRITE)
		question_add_text(q, ROW_ENTRY, text, false);
	else
		domain_candidates(q, text, search == SEARCH_TRANSPORT);
}

bool
key_candidates(struct question *q, enum key_search search, struct slice key,
    const struct address *a, size_t base)
{
	struct sbuf folded;
	bool no_memory = false;
	bool ok;

	if (search == SEARCH_NETWORK)
		return network_candidates(q, key);
	if (a != NULL && search != SEARCH_EXACT && search != SEARCH_HOST) {
		candidates_of_address(q, search, a, base);
		return true;
	}
	sbuf_init(&folded, 4 * KEY_MAX);
	ok = fold_for(&folded, search, key, &no_memory);
	if (ok)
		candidates_of_text(q, search, sbuf_slice(&folded));
	q->text.failed |= no_memory;
	sbuf_release(&folded);
	return ok || no_memory;
}
