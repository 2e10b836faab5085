/* SPDX-License-Identifier: ISC
 *
 * Networks as text. Within this file a v4 address is a v6 one of the mapped kind, so that there is
 * one way to compare them.
 */
#include "auth/network.h"

#include <arpa/inet.h>
#include <string.h>

enum { BYTES = 16, V4_AT = 12, V4_PREFIX = 8 * V4_AT, ALL_BITS = 8 * BYTES };

static const unsigned char mapped[V4_AT] = { [10] = 0xff, [11] = 0xff };

struct network {
	unsigned char address[BYTES];
	unsigned prefix;
	bool v4;
};

/* --- reading ---------------------------------------------------------------------------------- */

static bool
read_address(unsigned char out[BYTES], struct slice text)
{
	char copy[INET6_ADDRSTRLEN];
	struct slice bare = slice_cut(&text, '%');

	if (bare.n == 0 || bare.n >= sizeof copy || memchr(bare.p, '\0', bare.n) != NULL)
		return false;
	memcpy(copy, bare.p, bare.n);
	copy[bare.n] = '\0';
	if (inet_pton(AF_INET6, copy, out) == 1)
		return true;
	memcpy(out, mapped, sizeof mapped);
	return text.p == NULL && inet_pton(AF_INET, copy, out + V4_AT) == 1;
}

static bool
is_mapped(const unsigned char address[BYTES])
{
	return memcmp(address, mapped, sizeof mapped) == 0;
}

/* An address with or without a prefix; the prefix of a v4 one counts from its own first bit. */
static bool
read_network(struct network *out, struct slice text)
{
	struct slice length = text, address = slice_cut(&length, '/');
	size_t at;
	bool dotted = !slice_chr(address, ':', &at);
	unsigned long long n = ALL_BITS;

	if (slice_chr(address, '%', &at) || !read_address(out->address, address))
		return false;
	if (length.p != NULL) {
		if (!slice_number(length, dotted ? ALL_BITS - V4_PREFIX : ALL_BITS, &n))
			return false;
		n += dotted ? V4_PREFIX : 0;
	}
	out->prefix = (unsigned)n;
	out->v4 = is_mapped(out->address) && n >= V4_PREFIX;
	return true;
}

static struct slice
next_word(struct slice *rest)
{
	size_t n = 0;

	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): three bytes */
	while (rest->n > 0 && memchr(", \t", rest->p[0], 3) != NULL)
		*rest = slice_tail(*rest, 1);
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): three bytes */
	while (n < rest->n && memchr(", \t", rest->p[n], 3) == NULL)
		n++;
	*rest = slice_tail(*rest, n);
	return slice_of(rest->p - n, n);
}

/* --- bits ------------------------------------------------------------------------------------- */

static unsigned char
mask_of(unsigned prefix, unsigned byte)
{
	unsigned left = prefix > 8 * byte ? prefix - 8 * byte : 0;

	return left >= 8 ? 0xff : (unsigned char)(0xff00 >> left);
}

static void
cut(unsigned char address[BYTES], unsigned prefix)
{
	for (unsigned i = 0; i < BYTES; i++)
		address[i] &= mask_of(prefix, i);
}

static bool
has_host_bits(const struct network *n)
{
	unsigned char masked[BYTES];

	memcpy(masked, n->address, BYTES);
	cut(masked, n->prefix);
	return memcmp(masked, n->address, BYTES) != 0;
}

static bool
network_has(const struct network *n, const unsigned char address[BYTES])
{
	unsigned char masked[BYTES];

	memcpy(masked, address, BYTES);
	cut(masked, n->prefix);
	return n->v4 == is_mapped(address) && memcmp(masked, n->address, BYTES) == 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool
put_network(struct sbuf *out, const struct network *n)
{
	char text[INET6_ADDRSTRLEN];

	if (n->v4)
		inet_ntop(AF_INET, n->address + V4_AT, text, sizeof text);
	else
		inet_ntop(AF_INET6, n->address, text, sizeof text);
	sbuf_add_str(out, text);
	if (n->prefix < ALL_BITS)
		sbuf_printf(out, "/%u", n->v4 ? n->prefix - V4_PREFIX : n->prefix);
	return !out->failed;
}

static enum outcome
refuse_host_bits(const struct network *n, struct slice word, struct error *err)
{
	struct network whole = *n;
	struct sbuf text;

	cut(whole.address, whole.prefix);
	sbuf_init(&text, NETWORK_GROUP_MAX);
	put_network(&text, &whole);
	error_set(err, BAD,
	    "'%.*s' names one host and the size of a network: write %s for the whole network, or "
	    "the address alone",
	    (int)word.n, word.p, sbuf_cstr(&text));
	sbuf_release(&text);
	return BAD;
}

/* What comes from elsewhere is not refused for the bits of a host, which count nowhere. */
static enum outcome
check_word(struct sbuf *list, struct slice word, bool mend, struct error *err)
{
	struct network n;

	if (!read_network(&n, word))
		return error_set(err, BAD,
		    "'%.*s' is no network: write it like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1, "
		    "with commas between several",
		    (int)slice_head(word, NETWORK_GROUP_MAX).n, word.p);
	if (!mend && has_host_bits(&n))
		return refuse_host_bits(&n, word, err);
	cut(n.address, n.prefix);
	if (list->n > 0)
		sbuf_add_chr(list, ',');
	put_network(list, &n);
	return FOUND;
}

static enum outcome
put_list(struct sbuf *out, struct slice text, bool mend, struct error *err)
{
	struct slice word;
	struct sbuf list;
	enum outcome o = FOUND;

	sbuf_init(&list, NETWORK_LIST_MAX);
	while (o == FOUND && (word = next_word(&text)).n > 0)
		o = check_word(&list, word, mend, err);
	if (o == FOUND && list.failed)
		o = error_set(err, BAD,
		    "a list of networks is longer than %d bytes: write it with fewer, larger ones",
		    NETWORK_LIST_MAX);
	if (o == FOUND && !sbuf_add_slice(out, sbuf_slice(&list)))
		o = error_set(err, RETRY, "no memory for a list of networks");
	sbuf_release(&list);
	return o;
}

enum outcome
network_list_check(struct sbuf *out, struct slice text, struct error *err)
{
	return put_list(out, text, false, err);
}

enum outcome
network_list_mend(struct sbuf *out, struct slice text, struct error *err)
{
	return put_list(out, text, true, err);
}

/* --- asking ----------------------------------------------------------------------------------- */

bool
network_list_has(struct slice list, struct slice remote)
{
	unsigned char address[BYTES];
	struct slice word;
	struct network n;
	bool found = false;

	if (list.n == 0)
		return true;
	if (!read_address(address, remote))
		return false;
	while ((word = next_word(&list)).n > 0) {
		if (!read_network(&n, word))
			return false;
		cut(n.address, n.prefix);
		found |= network_has(&n, address);
	}
	return found;
}

bool
network_group(struct sbuf *out, struct slice remote)
{
	struct network n;

	if (!read_address(n.address, remote))
		return true;
	n.v4 = is_mapped(n.address);
	n.prefix = n.v4 ? V4_PREFIX + 24 : 48;
	cut(n.address, n.prefix);
	return put_network(out, &n);
}
