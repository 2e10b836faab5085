/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a key of a plain map: what folds is its own canonical form, what may be written is
 * found again by the same words, no question has more candidates than it may, and the domain behind
 * an @ is one of them. And any bytes as a pattern and a text, parted by the first LF: an answer,
 * soon.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/glob.h"
#include "mail/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_fold(struct slice in)
{
	struct sbuf once, twice;
	bool no_memory;

	sbuf_init(&once, 1 << 14);
	sbuf_init(&twice, 1 << 14);
	if (key_fold(&once, in, &no_memory) && once.n <= ADDRESS_MAX) {
		must(key_fold(&twice, sbuf_slice(&once), &no_memory));
		must(slice_eq(sbuf_slice(&once), sbuf_slice(&twice)));
	}
	must(!no_memory);
	sbuf_release(&once);
	sbuf_release(&twice);
}

static bool
ask(struct question *q, enum key_search search, struct slice key)
{
	struct address a;
	bool is_address = address_parse(&a, key);
	bool any;

	question_clear(q);
	any = key_candidates(q, search, key, is_address ? &a : NULL, "+-");
	must(!q->text.failed);
	must(q->n <= QUESTION_CANDIDATES && q->text.n <= QUESTION_TEXT);
	must(any == (q->n > 0));
	for (size_t i = 0; i < q->n; i++)
		must(q->candidate[i].key.n > 0);
	return any;
}

static bool
has_candidate(const struct question *q, struct slice key)
{
	for (size_t i = 0; i < q->n; i++)
		if (slice_eq(q->candidate[i].key, key))
			return true;
	return false;
}

/* What was written under the key is among what is looked for when Postfix asks for the same.
 * `user@` and, in most maps, `.d` are only ever parts of what it asks for. */
static void
check_search(enum key_search search, struct slice in)
{
	struct question q;
	struct error err;
	struct sbuf key;

	question_init(&q);
	sbuf_init(&key, 1 << 14);
	if (key_check(&key, search, in, &err) == FOUND) {
		must(key.n > 0 && key.n <= ADDRESS_MAX);
		if (search != SEARCH_NETWORK && search != SEARCH_DOMAIN &&
		    !slice_ends(sbuf_slice(&key), "@"))
			must(ask(&q, search, in) && has_candidate(&q, sbuf_slice(&key)));
	}
	ask(&q, search, in);
	sbuf_release(&key);
	question_release(&q);
}

/* Whatever stands in front of a domain, and is no address with it: the domain is looked for. */
static void
check_domain(enum key_search search, struct slice in)
{
	struct question q;
	struct sbuf key;
	bool addresses = search == SEARCH_ADDRESS || search == SEARCH_REWRITE;

	question_init(&q);
	sbuf_init(&key, 1 << 24);
	sbuf_add_slice(&key, in);
	sbuf_add_str(&key, "@Blocked.test");
	ask(&q, search, sbuf_slice(&key));
	must(has_candidate(&q, slice_str(addresses ? "@blocked.test" : "blocked.test")));
	sbuf_release(&key);
	question_release(&q);
}

static void
check_glob(struct slice in)
{
	struct slice text = in;
	struct slice pattern = slice_cut(&text, '\n');

	must(glob_match(pattern, pattern));
	must(glob_match(slice_str("*"), text));
	glob_match(pattern, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);

	check_fold(in);
	for (int search = 0; search < SEARCHES; search++)
		check_search((enum key_search)search, in);
	for (int search = SEARCH_ADDRESS; search <= SEARCH_ACCESS; search++)
		check_domain((enum key_search)search, in);
	if (size <= 4096)
		check_glob(in);
	return 0;
}
