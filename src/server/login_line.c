/* SPDX-License-Identifier: ISC
 *
 * Where a user is known and too many wrong passwords are tried, those who try wait in line, and the
 * guard hears one after the other: an owner among them must get his turn, whoever else is there.
 */
#include "login.h"

#include "clock.h"
#include "loop.h"

enum {
	/* Of those in line, in all; from one network for one user; of these, from one address: with
	 * one password, and with others. A mail program opens some connections at once. */
	LINE_MAX_ALL = 256,
	LINE_MAX_NETWORK = 32,
	LINE_MAX_ALIKE = 8,
	LINE_MAX_OTHERS = 2,

	/* How much later than possible they ask: those who stood there before come first, then
	 * others, then seconds from one address. */
	LINE_NEW_MS = 50,
	LINE_SECOND_MS = 100
};

/* Who stands in line: in all; of those, for this user and from this network; and of those again,
 * from this address, with this password and with others. */
struct line {
	size_t all, network, alike, others;
};

static bool
is_from_there(const struct login *o, const struct login *l)
{
	return slice_eq(sbuf_slice(&o->request.remote), sbuf_slice(&l->request.remote));
}

static bool
is_in_line_with(const struct login *o, const struct login *l)
{
	return o->in_line && slice_eq(o->try.user, l->try.user) &&
	       slice_eq(o->try.network, l->try.network);
}

static struct line
look_at_line(const struct login *l)
{
	struct line n = { 0, 0, 0, 0 };

	for (const struct login *o = l->worker->under_way; o != NULL; o = o->rival) {
		bool with = is_in_line_with(o, l), there = with && is_from_there(o, l);

		n.all += o->in_line;
		n.network += with;
		n.alike += there && o->tag == l->tag;
		n.others += there && o->tag != l->tag;
	}
	return n;
}

/* One address cannot fill the line, so that the owner at another one of his network finds room; nor
 * can those who wait for one user leave none for the others. */
static bool
has_room(const struct line *n)
{
	return n->all < LINE_MAX_ALL && n->network < LINE_MAX_NETWORK &&
	       n->alike < LINE_MAX_ALIKE && n->others < LINE_MAX_OTHERS;
}

bool
login_has_line(const struct login *l)
{
	return l->try.known && look_at_line(l).network > 0;
}

bool
login_stand_in_line(struct login *l, int64_t ms)
{
	int64_t waited = (int64_t)(clock_ms() - l->begun);
	struct line n = look_at_line(l);
	struct timeval after;

	if (waited + ms > l->worker->conf->login_deadline || (!l->stood && !has_room(&n)))
		return false;
	l->second = l->second || (!l->stood && n.others > 0);
	ms += (l->stood ? 0 : LINE_NEW_MS) + (l->second ? LINE_SECOND_MS : 0);
	after = (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	l->in_line = l->stood = true;
	login_under_way(l);
	loop_wait(&l->held, &after);
	return true;
}

void
login_leave_line(struct login *l)
{
	l->in_line = false;
	login_judged(l);
}

void
login_heard(const struct login *l)
{
	for (struct login *o = l->worker->under_way; o != NULL; o = o->rival)
		if (is_in_line_with(o, l) && is_from_there(o, l))
			o->second = true;
}
