/* SPDX-License-Identifier: ISC
 *
 * Accents are what Unicode calls combining marks, once a letter is taken apart (NFKD).
 */
#include "mail/alike.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "mail/address.h"

static bool
put_unmarked(struct sbuf *out, const char *text, size_t n)
{
	size_t length;
	uint8_t *apart = u8_normalize(UNINORM_NFKD, (const uint8_t *)text, n, NULL, &length);
	ucs4_t c;

	if (apart == NULL)
		return false;
	for (size_t i = 0; i < length;) {
		int size = u8_mbtouc(&c, apart + i, length - i);

		if (!uc_is_general_category(c, UC_MARK))
			sbuf_add(out, apart + i, (size_t)size);
		i += (size_t)size;
	}
	free(apart);
	return !out->failed;
}

static bool
put_domain(struct sbuf *out, struct slice domain)
{
	struct sbuf name;
	char *letters = NULL;
	bool ok;

	sbuf_init(&name, ADDRESS_DOMAIN_MAX + 1);
	ok = sbuf_add_slice(&name, domain) &&
	     idn2_to_unicode_8z8z(sbuf_cstr(&name), &letters, 0) == IDN2_OK &&
	     put_unmarked(out, letters, strlen(letters));
	idn2_free(letters);
	sbuf_release(&name);
	return ok;
}

/* Only an "xn--" or a byte beyond ASCII can hide an accent. */
static bool
is_suspect(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 128 ||
		    (i + 4 <= s.n && memcmp(s.p + i, "xn--", 4) == 0))
			return true;
	return false;
}

/* In canonical form again. */
static bool
fold(struct sbuf *out, struct slice text)
{
	struct address a;
	size_t at;

	if (slice_starts(text, "@")) {
		struct sbuf domain;
		bool ok;

		sbuf_init(&domain, ADDRESS_DOMAIN_MAX + 1);
		ok = domain_fold(&domain, slice_tail(text, 1)) && sbuf_add_chr(out, '@') &&
		     sbuf_add_slice(out, sbuf_slice(&domain));
		sbuf_release(&domain);
		return ok;
	}
	if (!slice_rchr(text, '@', &at))
		return domain_fold(out, text);
	return address_parse(&a, text) && address_print(out, &a);
}

bool
alike_plain(struct sbuf *out, struct slice address)
{
	struct slice local = slice_of(address.p, 0), domain = address;
	struct sbuf text;
	size_t at;
	bool ok;

	if (!is_suspect(address))
		return false;
	if (slice_rchr(address, '@', &at)) {
		local = slice_head(address, at + 1);
		domain = slice_tail(address, at + 1);
	}
	sbuf_init(&text, 4 * ADDRESS_MAX);
	ok = (local.n == 0 || put_unmarked(&text, local.p, local.n)) && put_domain(&text, domain) &&
	     fold(out, sbuf_slice(&text)) && !slice_eq(sbuf_slice(out), address);
	sbuf_release(&text);
	return ok;
}

/* Fold TEXT, that of a domain: letters of it may be two in the pattern that somebody looks for. */
static bool
put_folded(struct sbuf *out, const char *text)
{
	size_t n;
	uint8_t *folded =
	    u8_casefold((const uint8_t *)text, strlen(text), NULL, UNINORM_NFC, NULL, &n);
	bool ok = folded != NULL && sbuf_add(out, folded, n);

	free(folded);
	return ok;
}

bool
alike_letters(struct sbuf *out, struct slice address)
{
	struct slice domain = address;
	struct sbuf name;
	char *letters = NULL;
	size_t at;
	bool ok;

	if (slice_rchr(address, '@', &at))
		domain = slice_tail(address, at + 1);
	sbuf_init(&name, ADDRESS_DOMAIN_MAX + 1);
	ok = sbuf_add_slice(&name, domain) && strstr(sbuf_cstr(&name), "xn--") != NULL &&
	     idn2_to_unicode_8z8z(sbuf_cstr(&name), &letters, 0) == IDN2_OK &&
	     sbuf_add_slice(out, slice_head(address, address.n - domain.n)) &&
	     put_folded(out, letters);
	idn2_free(letters);
	sbuf_release(&name);
	return ok;
}
