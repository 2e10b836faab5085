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

enum { KEY_MAX = 2 * ADDRESS_MAX, LABELS_MAX = 128 };

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

/* Tell whether a whole text fits into a row, or how much of its end does: what rows can have for a
 * name are the last labels. With DOTS that begins with its dot. */
static struct slice
keyable_tail(struct slice text, bool dots)
{
	size_t from = text.n, labels = 0;
	const uint8_t *odd;
	size_t at;

	for (size_t i = text.n; i-- > 0 && text.n - i <= KEY_MAX;) {
		if (text.p[i] == '\n' || text.p[i] == '\0' || labels == LABELS_MAX)
			break;
		if (i == 0)
			from = 0;
		else if (text.p[i] == '.' && ++labels < LABELS_MAX)
			from = dots ? i : i + 1;
	}
	text = slice_tail(text, from);
	while ((odd = u8_check((const uint8_t *)text.p, text.n)) != NULL) {
		text = slice_tail(text, (size_t)(odd - (const uint8_t *)text.p));
		if (!slice_chr(text, '.', &at))
			return slice_of(NULL, 0);
		text = slice_tail(text, dots ? at : at + 1);
	}
	return text;
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

/* `user@`: the local part of TEXT, which is an address in any domain. */
static bool
fold_local(struct sbuf *out, struct slice text, bool *no_memory)
{
	struct address a;

	if (!address_parse(&a, text)) {
		*no_memory |= a.no_memory;
		return false;
	}
	return address_put(out, address_local(&a), slice_str(""));
}

/* The same as it is typed for access tables. */
static bool
fold_user(struct sbuf *out, struct slice text, bool *no_memory)
{
	struct sbuf whole;
	bool ok;

	sbuf_init(&whole, KEY_MAX + 1);
	sbuf_add_slice(&whole, text);
	sbuf_add_chr(&whole, 'x');
	*no_memory = whole.failed;
	ok = !whole.failed && fold_local(out, sbuf_slice(&whole), no_memory);
	sbuf_release(&whole);
	return ok;
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

/* What is left of the last candidate without its first label; with DOTS it begins with its dot. */
static struct slice
last_parent(const struct question *q, bool dots)
{
	struct slice name = q->candidate[q->n - 1].key;
	size_t at;

	/* `at` counts from the second byte: the dot itself is at + 1 */
	if (!slice_chr(slice_tail(name, 1), '.', &at))
		return slice_of(NULL, 0);
	return slice_tail(name, dots ? at + 1 : at + 2);
}

/* Write the parent of what is no domain as rows have it, where it is one itself, and is written in
 * another way. */
static bool
fold_parent(struct sbuf *out, struct slice parent, bool *no_memory)
{
	bool dot = parent.n > 1 && parent.p[0] == '.';

	if (slice_is_ascii(parent) && !slice_ends(parent, "."))
		return false;
	return fold_domain(out, dot ? "." : "", slice_tail(parent, dot), no_memory) &&
	       slice_count(sbuf_slice(out), '.') <= slice_count(parent, '.');
}

/* DOMAIN, and each parent behind it; with DOTS the parents begin with their dot. Without them, an
 * IP address has no parents: Postfix makes the same difference. */
static void
domain_candidates(struct question *q, struct slice domain, bool dots)
{
	struct network net;
	struct slice parent;
	struct sbuf folded;
	bool no_memory = false;

	question_add_text(q, ROW_ENTRY, domain, false);
	if (!dots && parse_ip(&net, domain))
		return;
	sbuf_init(&folded, 4 * KEY_MAX);
	while (!q->text.failed && (parent = last_parent(q, dots)).n > 0) {
		sbuf_clear(&folded);
		if (fold_parent(&folded, parent, &no_memory))
			question_add_text(q, ROW_ENTRY, sbuf_slice(&folded), false);
		else
			question_add_tail(q, q->candidate[q->n - 1].key.n - parent.n);
		q->text.failed |= no_memory || folded.failed;
	}
	sbuf_release(&folded);
}

/* The same of what need not be one: what of its end could be, and what is above that. */
static void
name_candidates(struct question *q, struct slice name, bool dots)
{
	struct sbuf folded;
	struct slice tail;
	bool no_memory;
	bool whole;

	sbuf_init(&folded, 4 * KEY_MAX);
	whole = key_fold(&folded, name, &no_memory);
	tail = keyable_tail(whole ? sbuf_slice(&folded) : name, dots);
	if (whole && tail.n < folded.n)
		question_add_text(q, ROW_ENTRY, sbuf_slice(&folded), false);
	if (!whole && !no_memory) {
		sbuf_clear(&folded);
		if (key_fold(&folded, tail, &no_memory))
			tail = sbuf_slice(&folded);
		else
			tail.n = 0;
	}
	if (tail.n > 0 && !no_memory)
		domain_candidates(q, tail, dots);
	q->text.failed |= no_memory;
	sbuf_release(&folded);
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
candidates_of_word(struct question *q, enum key_search search, struct slice key)
{
	struct network net;
	struct sbuf folded;
	bool no_memory = false;

	sbuf_init(&folded, 4 * KEY_MAX);
	if (search != SEARCH_EXACT && search != SEARCH_ADDRESS && search != SEARCH_REWRITE &&
	    !(search == SEARCH_HOST && parse_ip(&net, key)))
		name_candidates(q, key, search == SEARCH_TRANSPORT);
	else if (!fold_for(&folded, search, key, &no_memory))
		q->text.failed |= no_memory;
	else if (search == SEARCH_HOST)
		octet_candidates(q, sbuf_slice(&folded), net.family == AF_INET6 ? ':' : '.');
	else
		question_add_text(q, ROW_ENTRY, sbuf_slice(&folded), false);
	sbuf_release(&folded);
}

/* --- searching for what is no address, and has an @ ------------------------------------------- */

/* Postfix takes it apart as any other: only the parts that can be no key find nothing. */
struct parts {
	struct slice key;
	struct sbuf whole;  /* as a row would have it */
	struct sbuf user;   /* `user+ext@`; empty where no row can have it, as all of these */
	struct sbuf bare;   /* `user@` */
	struct sbuf domain; /* what is behind the @ */
	bool is_domain;
	bool no_memory;
};

/* Append `LOCAL@`, canonical. */
static void
put_user(struct parts *p, struct sbuf *out, struct slice local)
{
	struct sbuf text;

	if (local.n == 0 || local.n > ADDRESS_MAX)
		return;
	sbuf_init(&text, 4 * KEY_MAX);
	address_put(&text, local, slice_str("x"));
	p->no_memory |= text.failed;
	if (!fold_local(out, sbuf_slice(&text), &p->no_memory)) {
		p->no_memory |= out->failed;
		sbuf_clear(out);
	}
	sbuf_release(&text);
}

static void
take_users(struct parts *p, const char *delimiters)
{
	struct slice local, domain;
	struct sbuf text;
	size_t base;

	sbuf_init(&text, QUESTION_TEXT);
	if (sbuf_room(&text, p->key.n) != NULL &&
	    address_split(text.p, p->key.n, &text.n, &domain, p->key)) {
		local = sbuf_slice(&text);
		base = address_base(local, delimiters);
		put_user(p, &p->user, local);
		if (base < local.n)
			put_user(p, &p->bare, slice_head(local, base));
	}
	p->no_memory |= text.failed;
	sbuf_release(&text);
}

static void
take_domain(struct question *q, struct parts *p, enum key_search search, struct slice text)
{
	struct address a;
	bool no_memory = false;

	p->is_domain = domain_parse(&a, text);
	if (p->is_domain && search != SEARCH_DOMAIN)
		question_set_domain(q, address_domain(&a));
	if (p->is_domain && domain_as_asked(&a))
		sbuf_add_slice(&p->domain, address_domain(&a));
	p->no_memory |= a.no_memory;
	if (!p->is_domain && is_keyable(text))
		fold_other(&p->domain, text, &no_memory);
	p->no_memory |= no_memory || p->domain.failed;
}

static void
parts_init(struct parts *p, struct slice key)
{
	*p = (struct parts){ .key = key };
	sbuf_init(&p->whole, 4 * KEY_MAX);
	sbuf_init(&p->user, 4 * KEY_MAX);
	sbuf_init(&p->bare, 4 * KEY_MAX);
	sbuf_init(&p->domain, 4 * KEY_MAX);
}

static void
parts_release(struct parts *p)
{
	sbuf_release(&p->whole);
	sbuf_release(&p->user);
	sbuf_release(&p->bare);
	sbuf_release(&p->domain);
}

/* `user@` and DOMAIN behind it, unless one of them can be in no row. */
static void
add_at(struct question *q, const struct sbuf *user, struct slice domain, bool bare)
{
	struct sbuf text;

	if (user->n == 0 || domain.n == 0)
		return;
	sbuf_init(&text, QUESTION_TEXT);
	sbuf_add_slice(&text, sbuf_slice(user));
	sbuf_add_slice(&text, domain);
	q->text.failed |= text.failed;
	if (text.n <= ADDRESS_MAX)
		question_add_text(q, ROW_ENTRY, sbuf_slice(&text), bare);
	sbuf_release(&text);
}

static void
add_user(struct question *q, const struct sbuf *user, enum row row, bool bare)
{
	struct slice text = sbuf_slice(user);

	if (row == ROW_LOCAL_ENTRY)
		text = slice_head(text, text.n - (text.n > 0));
	if (text.n > 0 && (row == ROW_ENTRY || address_is_plain(text)))
		question_add_text(q, row, text, bare);
}

/* The order is that of candidates_of_address. */
static void
candidates_of_parts(struct question *q, enum key_search search, const struct parts *p)
{
	struct slice domain = sbuf_slice(&p->domain), text = p->key;
	bool addresses = search == SEARCH_ADDRESS || search == SEARCH_REWRITE;
	size_t at;

	if (p->whole.n > 0)
		question_add_text(q, ROW_ENTRY, sbuf_slice(&p->whole), false);
	if (search != SEARCH_DOMAIN)
		add_at(q, &p->bare, domain, true);
	if (addresses && p->is_domain) {
		add_user(q, &p->user, ROW_LOCAL_ENTRY, false);
		add_user(q, &p->bare, ROW_LOCAL_ENTRY, true);
		question_add_address(q, ROW_ENTRY, slice_str(""), domain, false);
	}
	if (addresses)
		return;
	if (slice_rchr(text, '@', &at))
		text = slice_tail(text, at + 1);
	if (p->is_domain)
		domain_candidates(q, domain, search == SEARCH_TRANSPORT);
	else
		name_candidates(q, text, search == SEARCH_TRANSPORT);
	if (search == SEARCH_ACCESS) {
		add_user(q, &p->user, ROW_ENTRY, false);
		add_user(q, &p->bare, ROW_ENTRY, true);
	}
}

static void
take_parts(
    struct question *q, enum key_search search, struct slice key, size_t at, const char *delimiters)
{
	struct parts p;

	parts_init(&p, key);
	if (is_keyable(key) && !fold_for(&p.whole, search, key, &p.no_memory))
		sbuf_clear(&p.whole);
	take_users(&p, delimiters);
	take_domain(q, &p, search, slice_tail(key, at + 1));
	q->text.failed |= p.no_memory;
	candidates_of_parts(q, search, &p);
	parts_release(&p);
}

bool
key_candidates(struct question *q, enum key_search search, struct slice key,
    const struct address *a, const char *delimiters)
{
	bool whole = search == SEARCH_EXACT || search == SEARCH_HOST;
	size_t at;

	if (search == SEARCH_NETWORK)
		return network_candidates(q, key);
	if (a != NULL && !whole)
		candidates_of_address(q, search, a, address_base(address_local(a), delimiters));
	else if (!whole && slice_rchr(key, '@', &at) && at < key.n - 1)
		take_parts(q, search, key, at, delimiters);
	else
		candidates_of_word(q, search, key);
	return q->n > 0 || q->text.failed;
}
