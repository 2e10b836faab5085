/* SPDX-License-Identifier: ISC
 *
 * A queue in which origins take turns. The first of each origin stands in a list of its own, with
 * the others of its origin behind it. A few hundred may wait at the most, so the list is walked.
 */
#include "queue.h"

void
queue_init(struct queue *q)
{
	*q = (struct queue){ .end = &q->first };
}

static struct queued *
first_of(const struct queue *q, uint64_t origin)
{
	for (struct queued *f = q->first; f != NULL; f = f->turn)
		if (f->origin == origin)
			return f;
	return NULL;
}

static void
append_first(struct queue *q, struct queued *f)
{
	f->turn = NULL;
	*q->end = f;
	q->end = &f->turn;
}

void
queue_put(struct queue *q, struct queued *w)
{
	struct queued *f = first_of(q, w->origin);

	q->n++;
	w->next = NULL;
	if (f != NULL) {
		f->last->next = w;
		f->last = w;
		f->n++;
		return;
	}
	w->last = w;
	w->n = 1;
	append_first(q, w);
}

struct queued *
queue_take(struct queue *q)
{
	struct queued *f = q->first, *heir;

	if (f == NULL)
		return NULL;
	q->n--;
	q->first = f->turn;
	if (q->first == NULL)
		q->end = &q->first;
	heir = f->next;
	if (heir != NULL) {
		heir->last = f->last;
		heir->n = f->n - 1;
		append_first(q, heir);
	}
	return f;
}

/* Of an origin with two at least. */
static struct queued *
take_last(struct queue *q, struct queued *first)
{
	struct queued *before = first, *last = first->last;

	while (before->next != last)
		before = before->next;
	before->next = NULL;
	first->last = before;
	first->n--;
	q->n--;
	return last;
}

struct queued *
queue_crowd_out(struct queue *q, uint64_t origin)
{
	const struct queued *own = first_of(q, origin);
	struct queued *most = q->first;

	for (struct queued *f = most; f != NULL; f = f->turn)
		if (f->n > most->n)
			most = f;
	if (most == NULL || most->n <= (own == NULL ? 0 : own->n) + 1)
		return NULL;
	return take_last(q, most);
}
