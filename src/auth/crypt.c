/* SPDX-License-Identifier: ISC
 *
 * Everything crypt(3) of libxcrypt knows. The text itself says which form it is; the names of the
 * schemes do not matter. What a form costs is read from the text before any of it is computed.
 */
#include <crypt.h>
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "auth/scheme.h"

static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum { DES_LENGTH = 13, BCRYPT_COST_MAX = 15 };

/* What a text asks for, by what follows its prefix; 0 when that cannot be read. */
typedef unsigned long long price_fn(struct slice rest);

/* The number of N letters, least significant first; false when they are none. */
static bool
read_letters(struct slice *rest, size_t n, unsigned long long *value)
{
	*value = 0;
	if (rest->n < n)
		return false;
	for (size_t i = n; i > 0; i--) {
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): 64 letters */
		const char *at = memchr(alphabet, rest->p[i - 1], 64);

		if (at == NULL)
			return false;
		*value = *value << 6 | (unsigned long long)(at - alphabet);
	}
	*rest = slice_tail(*rest, n);
	return true;
}

static unsigned long long
price_fixed(struct slice rest)
{
	(void)rest;
	return 1;
}

static unsigned long long
price_des(struct slice rest)
{
	unsigned long long ignored;

	/* more letters would be several hashes in a row */
	if (rest.n != DES_LENGTH)
		return 0;
	while (rest.n > 0)
		if (!read_letters(&rest, 1, &ignored))
			return 0;
	return 1;
}

/* J9..salt: rounds and salt of four letters each, and eleven of the hash */
static unsigned long long
price_extended(struct slice rest)
{
	unsigned long long rounds;

	return rest.n == 4 + 4 + 11 && read_letters(&rest, 4, &rounds) ? rounds : 0;
}

/* 05$... */
static unsigned long long
price_bcrypt(struct slice rest)
{
	unsigned long long cost;

	return slice_number(slice_cut(&rest, '$'), ULLONG_MAX, &cost) ? cost : 0;
}

/* 100000$... */
static unsigned long long
price_number(struct slice rest)
{
	unsigned long long rounds;

	return slice_number(slice_cut(&rest, '$'), ULLONG_MAX, &rounds) ? rounds : 0;
}

/* rounds=5000$... or ,rounds=5000$... or nothing of the sort */
static unsigned long long
price_rounds(struct slice rest)
{
	if (slice_starts(rest, ","))
		rest = slice_tail(rest, 1);
	return slice_starts(rest, "rounds=") ? price_number(slice_tail(rest, 7)) : 1;
}

/* scrypt's memory in KiB, times what it does with it. */
static unsigned long long
price_blocks(unsigned long long log2, unsigned long long blocks, unsigned long long lanes)
{
	if (log2 > 30 || blocks > 1024 || lanes > 1024)
		return ULLONG_MAX;
	return ((1ULL << log2) * blocks * lanes + 7) / 8;
}

/* CU..../....salt: one letter and two numbers of five */
static unsigned long long
price_scrypt(struct slice rest)
{
	unsigned long long log2, blocks, lanes;

	if (!read_letters(&rest, 1, &log2) || !read_letters(&rest, 5, &blocks) ||
	    !read_letters(&rest, 5, &lanes))
		return 0;
	return price_blocks(log2, blocks, lanes);
}

/* j9T$salt: the flavour everybody uses, and the two numbers, less one, in a letter each. Longer
 * lists have parameters that multiply the work, and nothing writes them. */
static unsigned long long
price_yescrypt(struct slice rest)
{
	struct slice list = slice_cut(&rest, '$');
	unsigned long long log2, blocks;

	if (list.n != 3 || !slice_starts(list, "j"))
		return 0;
	list = slice_tail(list, 1);
	if (!read_letters(&list, 1, &log2) || !read_letters(&list, 1, &blocks))
		return 0;
	return price_blocks(log2 + 1, blocks + 1, 1);
}

enum { MEMORY = 0 };

static const struct {
	const char *prefix;
	price_fn *price;
	unsigned long long most; /* MEMORY: what the configuration allows, in KiB */
	size_t tail;             /* letters behind the last $, of which none may be missing */
} forms[] = {
	{ "$2a$", price_bcrypt, BCRYPT_COST_MAX, 53 },
	{ "$2b$", price_bcrypt, BCRYPT_COST_MAX, 53 },
	{ "$2x$", price_bcrypt, BCRYPT_COST_MAX, 53 },
	{ "$2y$", price_bcrypt, BCRYPT_COST_MAX, 53 },
	{ "$6$", price_rounds, SCHEME_ROUNDS_MAX, 86 },
	{ "$5$", price_rounds, SCHEME_ROUNDS_MAX, 43 }, { "$y$", price_yescrypt, MEMORY, 43 },
	{ "$gy$", price_yescrypt, MEMORY, 43 }, { "$7$", price_scrypt, MEMORY, 43 },
	{ "$1$", price_fixed, 1, 22 }, { "$3$", price_fixed, 1, 32 },
	{ "$sha1$", price_number, SCHEME_ROUNDS_MAX, 28 },
	{ "$md5", price_rounds, SCHEME_ROUNDS_MAX, 22 },
	{ "_", price_extended, SCHEME_ROUNDS_MAX, 0 },
	{ "", price_des, 1, 0 }, /* last: it stands for whatever is left */
};

static size_t
form_of(struct slice data)
{
	size_t i = 0;

	while (!slice_starts(data, forms[i].prefix))
		i++;
	return i;
}

static unsigned long long
price_of(struct slice data)
{
	size_t i = form_of(data);

	return forms[i].price(slice_tail(data, strlen(forms[i].prefix)));
}

/* Tell whether the hash itself is all there; 0 letters: its price told already. */
static bool
is_whole(struct slice data, size_t letters)
{
	unsigned long long ignored;
	size_t at;

	if (letters == 0)
		return true;
	if (!slice_rchr(data, '$', &at))
		return false;
	data = slice_tail(data, at + 1);
	if (data.n != letters)
		return false;
	while (data.n > 0)
		if (!read_letters(&data, 1, &ignored))
			return false;
	return true;
}

static enum flaw
judge(const struct scheme *s, struct slice data, const struct password_cost *cost)
{
	size_t form = form_of(data), at;
	unsigned long long price = price_of(data);
	unsigned long long most =
	    forms[form].most == MEMORY ? cost->max_memory_kib : forms[form].most;

	(void)s;
	if (slice_chr(data, '\0', &at) || price == 0)
		return FLAW_MALFORMED;
	if (price > most)
		return FLAW_TOO_COSTLY;
	return is_whole(data, forms[form].tail) ? FLAW_NONE : FLAW_MALFORMED;
}

/* The library keeps what it computes in there, traces of the password too: not for the stack. */
static enum outcome
compute(const struct scheme *s, struct slice data, struct slice password, struct error *err)
{
	struct crypt_data *space = calloc(1, sizeof *space);
	struct slice computed;
	enum outcome o;

	if (space == NULL)
		return scheme_no_memory(s, err);
	computed = slice_str(crypt_rn(password.p, data.p, space, (int)sizeof *space));
	if (computed.p == NULL)
		o = errno == ENOMEM ? scheme_no_memory(s, err) : scheme_malformed(s, err);
	else if (computed.n != data.n)
		o = scheme_malformed(s, err); /* cut short, say: no password could match it */
	else
		o = scheme_compare(data, computed.p, computed.n);
	sodium_memzero(space, sizeof *space);
	free(space);
	return o;
}

/* Want of memory is seen to here, for the library calls it malformed text. */
static enum outcome
verify(const struct scheme *s, struct slice data, struct slice password,
    const struct password_cost *cost, struct error *err)
{
	struct sbuf text;
	enum outcome o;

	(void)cost;
	if (forms[form_of(data)].most == MEMORY && !scheme_room(price_of(data)))
		return scheme_no_memory(s, err);
	sbuf_init(&text, PASSWORD_MAX);
	if (sbuf_add_slice(&text, password)) /* crypt wants it ended by a NUL */
		o = compute(s, data, sbuf_slice(&text), err);
	else
		o = scheme_no_memory(s, err);
	sbuf_release_secret(&text);
	return o;
}

const struct family family_crypt = { judge, verify };
