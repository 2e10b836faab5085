/* SPDX-License-Identifier: ISC
 *
 * What the families of schemes share: comparing, decoding, a look for memory, and how they say that
 * they could not tell.
 */
#include "auth/scheme.h"

#include <sodium.h>
#include <sys/mman.h>

enum outcome
scheme_compare(struct slice stored, const void *computed, size_t n)
{
	return stored.n == n && sodium_memcmp(stored.p, computed, n) == 0 ? FOUND : NONE;
}

enum outcome
scheme_malformed(const struct scheme *s, struct error *err)
{
	return error_set(err, RETRY,
	    "cannot verify a password: what is stored as '{%s}' is malformed; set it again",
	    s->name);
}

enum outcome
scheme_too_costly(const struct scheme *s, struct error *err)
{
	return error_set(err, RETRY,
	    "cannot verify a password: what is stored as '{%s}' costs more than is allowed; "
	    "set it again",
	    s->name);
}

enum outcome
scheme_no_memory(const struct scheme *s, struct error *err)
{
	return error_set(err, RETRY,
	    "cannot verify a password: no memory for a '{%s}'; free some or hash fewer at once",
	    s->name);
}

enum outcome
scheme_unavailable(const struct scheme *s, struct error *err)
{
	return error_set(err, RETRY,
	    "cannot verify a password: libcrypto would not compute '{%s}'; see whether it is "
	    "switched off there",
	    s->name);
}

bool
scheme_room(unsigned long long kib)
{
	size_t n = (size_t)(kib + 1024) * 1024;
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, n);
	return true;
}

static bool
decode_hex(unsigned char *to, size_t *n, struct slice data)
{
	return sodium_hex2bin(to, data.n, data.p, data.n, NULL, n, NULL) == 0;
}

/* With or without the padding: both are seen in the wild. */
static bool
decode_base64(unsigned char *to, size_t *n, struct slice data)
{
	for (int i = 0; i < 2 && slice_ends(data, "="); i++)
		data.n--;
	return sodium_base642bin(to, data.n, data.p, data.n, NULL, n, NULL,
		   sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0;
}

bool
scheme_decode(struct sbuf *out, enum coding coding, const struct hash *hash, struct slice data)
{
	unsigned char *to = (unsigned char *)sbuf_room(out, data.n);
	size_t n = 0;

	if (to == NULL)
		return false;
	if (coding == CODING_TEXT)
		return sbuf_add_slice(out, data);
	if (coding == CODING_DIGEST)
		coding = data.n == 2 * hash->n ? CODING_HEX : CODING_BASE64;
	if (!(coding == CODING_HEX ? decode_hex : decode_base64)(to, &n, data))
		return false;
	out->n += n;
	out->p[out->n] = '\0';
	return true;
}
