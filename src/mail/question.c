/* SPDX-License-Identifier: ISC
 *
 * Questions and facts: building and emptying them.
 */
#include "mail/question.h"

#include "mail/address.h"

/* --- words ------------------------------------------------------------------------------------ */

static const char *const kinds[] = {
	[DOMAIN_MAILBOX] = "mailbox",
	[DOMAIN_ALIAS] = "alias",
	[DOMAIN_RELAY] = "relay",
	[DOMAIN_LOCAL] = "local",
};

const char *
domain_kind_name(enum domain_kind k)
{
	return kinds[k];
}

bool
domain_kind_by_name(struct slice name, enum domain_kind *out)
{
	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		if (slice_is(name, kinds[k])) {
			*out = (enum domain_kind)k;
			return true;
		}
	}
	return false;
}

/* --- questions -------------------------------------------------------------------------------- */

void
question_init(struct question *q)
{
	q->n = 0;
	q->domain = q->map = slice_of(NULL, 0);
	sbuf_init(&q->text, QUESTION_TEXT);
}

void
question_release(struct question *q)
{
	sbuf_release(&q->text);
	question_init(q);
}

void
question_clear(struct question *q)
{
	q->n = 0;
	q->domain = q->map = slice_of(NULL, 0);
	sbuf_clear(&q->text);
}

/* All the room at once: keys are views, so the text must not move. */
static bool
reserve(struct question *q)
{
	return sbuf_room(&q->text, QUESTION_TEXT - q->text.n) != NULL;
}

static bool
add_key(struct question *q, enum row row, struct slice key, bool bare)
{
	if (q->n == QUESTION_CANDIDATES || q->text.failed) {
		q->text.failed = true;
		return false;
	}
	q->candidate[q->n++] = (struct candidate){ row, key, bare };
	return true;
}

static bool
set(struct question *q, struct slice *to, struct slice text)
{
	size_t from = q->text.n;

	if (!reserve(q) || !sbuf_add_slice(&q->text, text))
		return false;
	*to = slice_tail(sbuf_slice(&q->text), from);
	return true;
}

bool
question_set_domain(struct question *q, struct slice domain)
{
	return set(q, &q->domain, domain);
}

bool
question_set_map(struct question *q, struct slice map)
{
	return set(q, &q->map, map);
}

bool
question_add_address(
    struct question *q, enum row row, struct slice local, struct slice domain, bool bare)
{
	size_t from = q->text.n;

	if (!reserve(q))
		return false;
	if (local.n > 0) {
		address_put(&q->text, local, domain);
	} else {
		sbuf_add_chr(&q->text, '@');
		sbuf_add_slice(&q->text, domain);
	}
	return add_key(q, row, slice_tail(sbuf_slice(&q->text), from), bare);
}

bool
question_add_text(struct question *q, enum row row, struct slice text, bool bare)
{
	struct slice key;

	return set(q, &key, text) && add_key(q, row, key, bare);
}

bool
question_add_same(struct question *q, enum row row, size_t n)
{
	const struct candidate *same = &q->candidate[n];

	return n < q->n && add_key(q, row, same->key, same->bare);
}

bool
question_add_tail(struct question *q, size_t n)
{
	const struct candidate *last = &q->candidate[q->n - 1];

	return add_key(q, last->row, slice_tail(last->key, n), last->bare);
}

bool
question_add_head(struct question *q, size_t n)
{
	const struct candidate *last = &q->candidate[q->n - 1];

	return add_key(q, last->row, slice_head(last->key, n), last->bare);
}

/* --- facts ------------------------------------------------------------------------------------ */

void
facts_init(struct facts *f)
{
	*f = (struct facts){ .hit = false };
	sbuf_init(&f->targets, 1 << 20);
	sbuf_init(&f->value, 1 << 20);
	sbuf_init(&f->domain.name, ADDRESS_DOMAIN_MAX);
	sbuf_init(&f->domain.target, ADDRESS_DOMAIN_MAX);
	facts_clear(f);
}

void
facts_release(struct facts *f)
{
	sbuf_release(&f->targets);
	sbuf_release(&f->value);
	sbuf_release(&f->domain.name);
	sbuf_release(&f->domain.target);
}

void
facts_clear(struct facts *f)
{
	f->hit = f->disabled = f->internal = false;
	f->rank = 0;
	f->expires = 0;
	f->state = STATE_ACTIVE;
	f->kind = DOMAIN_MAILBOX;
	sbuf_clear(&f->targets);
	sbuf_clear(&f->value);
	f->domain.known = f->domain.patterns = f->domain.own_delimiters = false;
	f->domain.holds = 0;
	f->domain.kind = DOMAIN_MAILBOX;
	f->domain.delimiters[0] = '\0';
	f->domain.propagate = -1;
	sbuf_clear(&f->domain.name);
	sbuf_clear(&f->domain.target);
}
