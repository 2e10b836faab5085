/* SPDX-License-Identifier: ISC
 *
 * Questions and facts: building and emptying them.
 */
#include "mail/question.h"

#include "mail/address.h"

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

void
question_init(struct question *q)
{
	q->n = 0;
	sbuf_init(&q->text, QUESTION_TEXT);
}

void
question_release(struct question *q)
{
	q->n = 0;
	sbuf_release(&q->text);
}

void
question_clear(struct question *q)
{
	q->n = 0;
	sbuf_clear(&q->text);
}

bool
question_add(struct question *q, enum row row, struct slice local, struct slice domain, bool bare)
{
	struct candidate *c = &q->candidate[q->n];
	size_t from = q->text.n;

	/* all the room at once: the keys are views, so the text must not move */
	if (q->n == QUESTION_CANDIDATES || sbuf_room(&q->text, QUESTION_TEXT - from) == NULL)
		return false;
	if (row == ROW_DOMAIN) {
		sbuf_add_slice(&q->text, domain);
	} else if (row == ROW_LOCAL_ALIAS) {
		sbuf_add_slice(&q->text, local);
		sbuf_add_slice(&q->text, domain);
	} else if (local.n == 0) {
		sbuf_add_chr(&q->text, '@');
		sbuf_add_slice(&q->text, domain);
	} else {
		address_put(&q->text, local, domain);
	}
	if (q->text.failed)
		return false;
	c->row = row;
	c->bare = bare;
	c->key = slice_tail(sbuf_slice(&q->text), from);
	c->domain = slice_of(NULL, 0);
	if (row == ROW_LOCAL_ALIAS) {
		c->domain = slice_tail(c->key, local.n);
		c->key = slice_head(c->key, local.n);
	}
	q->n++;
	return true;
}

void
facts_init(struct facts *f)
{
	*f = (struct facts){ .hit = false };
	sbuf_init(&f->targets, 1 << 20);
	sbuf_init(&f->target, ADDRESS_DOMAIN_MAX);
}

void
facts_release(struct facts *f)
{
	sbuf_release(&f->targets);
	sbuf_release(&f->target);
}

void
facts_clear(struct facts *f)
{
	f->hit = false;
	f->rank = 0;
	f->kind = DOMAIN_MAILBOX;
	sbuf_clear(&f->targets);
	sbuf_clear(&f->target);
}
