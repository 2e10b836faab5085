/* SPDX-License-Identifier: ISC
 *
 * A view is a number that stands for one snapshot of one of the server's processes. There is one at
 * a time, and none comes again.
 */
#include "store/pg_memory.h"

#include <stdlib.h>
#include <string.h>

#include "store/known.h"

enum {
	SNAPSHOT_MAX =
	    240,       /* with a dozen transactions under way; longer ones are not remembered */
	LESSONS = 8,   /* on their way at a time: a burst shall not be doubled by them */
	CREDIT = 1024, /* more domains than that are asked about only when that has been of use */
	REST_MAX = 64
};

struct pg_memory {
	struct known *known;
	uint64_t view;  /* 0: nothing is known */
	uint64_t views; /* there ever were */
	char snapshot[SNAPSHOT_MAX];
	size_t snapshot_n;
	int64_t server, moment;
	unsigned long found, learned; /* in this view: how much of use it was, and what that cost */
	unsigned rest;                /* so many questions teach nothing, after it was of none */
	unsigned resting;             /* of these: still to come */
	struct lesson {
		char name[128]; /* longer ones are not */
		size_t n;
	} lesson[LESSONS]; /* a ring: which domains were asked about */
	size_t first, n;
};

struct pg_memory *
pg_memory_new(void)
{
	struct pg_memory *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->known = known_new();
	if (m->known == NULL) {
		free(m);
		return NULL;
	}
	return m;
}

void
pg_memory_free(struct pg_memory *m)
{
	if (m == NULL)
		return;
	known_free(m->known);
	free(m);
}

/* --- views ------------------------------------------------------------------------------------ */

/* To learn of a domain costs a server more than one answer by it saves, and an answer that comes
 * too late is asked for twice. So while others write all the time less and less is learned. */
static void
end_view(struct pg_memory *m)
{
	if (m->found >= 2 * m->learned)
		m->rest = 0;
	else if (m->rest == 0)
		m->rest = 1;
	else if (m->rest < REST_MAX)
		m->rest *= 2;
	m->resting = m->rest;
	m->view = 0;
	m->found = m->learned = 0;
}

/* XMIN:XMAX: with nothing behind it is a standby's, which may not have said all, unless the two are
 * the same: then nothing is under way. */
static bool
tells_all(struct slice snapshot)
{
	struct slice xmin = slice_cut(&snapshot, ':'), xmax = slice_cut(&snapshot, ':');

	return snapshot.n > 0 || (xmin.n > 0 && slice_eq(xmin, xmax));
}

static bool
is_now(const struct pg_memory *m, const struct pg_at *at)
{
	return m->view != 0 && m->server == at->server &&
	       slice_eq(at->snapshot, slice_of(m->snapshot, m->snapshot_n));
}

static void
begin_view(struct pg_memory *m, const struct pg_at *at, int64_t moment)
{
	m->view = ++m->views;
	m->snapshot_n = at->snapshot.n;
	memcpy(m->snapshot, at->snapshot.p, at->snapshot.n);
	m->server = at->server;
	m->moment = moment;
}

uint64_t
pg_memory_find(struct pg_memory *m, struct slice name, struct domain_facts *out)
{
	enum outcome o;

	return known_find(m->known, m->view, name, out, &o) ? m->view : 0;
}

enum outcome
pg_memory_confirm(struct pg_memory *m, uint64_t view, const struct pg_at *at, int64_t *moment)
{
	/* another view than this one is over, whatever the snapshot says: what was left out of the
	 * question was left out for what was known then */
	if (view != m->view)
		return NONE;
	if (!is_now(m, at)) {
		end_view(m);
		return NONE;
	}
	m->found++;
	*moment = m->moment;
	return FOUND;
}

/* --- lessons ---------------------------------------------------------------------------------- */

static bool
is_being_learned(const struct pg_memory *m, struct slice name)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct lesson *l = &m->lesson[(m->first + i) % LESSONS];

		if (slice_eq(slice_of(l->name, l->n), name))
			return true;
	}
	return false;
}

bool
pg_memory_wants(struct pg_memory *m, struct slice name)
{
	if (m->resting > 0) {
		m->resting--;
		return false;
	}
	return m->n < LESSONS && name.n <= sizeof m->lesson[0].name &&
	       m->learned <= m->found + CREDIT && !is_being_learned(m, name);
}

void
pg_memory_expect(struct pg_memory *m, struct slice name)
{
	struct lesson *l = &m->lesson[(m->first + m->n++) % LESSONS];

	memcpy(l->name, name.p, name.n);
	l->n = name.n;
}

static void
end_lesson(struct pg_memory *m)
{
	m->first = (m->first + 1) % LESSONS;
	m->n--;
	m->learned++;
}

/* Whatever fails takes the questions behind it along, which are asked again: that shall be seldom.
 */
void
pg_memory_miss(struct pg_memory *m)
{
	end_lesson(m);
	end_view(m);
	m->rest = m->resting = REST_MAX;
}

void
pg_memory_learn(struct pg_memory *m, struct slice name, const struct pg_at *at, int64_t moment,
    const struct domain_facts *found)
{
	bool tells = tells_all(at->snapshot) && at->snapshot.n <= SNAPSHOT_MAX;

	if (tells && !is_now(m, at)) {
		if (m->view != 0)
			end_view(m);
		begin_view(m, at, moment);
	}
	end_lesson(m);
	if (!tells)
		end_view(m);
	else
		known_put(m->known, m->view, name, found, found->known ? FOUND : NONE);
}
