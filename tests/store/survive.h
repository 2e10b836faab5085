/* SPDX-License-Identifier: ISC
 *
 * What must hold while a work is done and things go wrong, and behind it: nobody who is known is
 * answered NONE, what was told to be done is there, and the store passes its own check.
 */
#ifndef TESTS_STORE_SURVIVE_H
#define TESTS_STORE_SURVIVE_H

#include "faultvfs.h"
#include "works.h"

/* Where we are, for whoever has to find out. */
static struct {
	const char *work;
	unsigned at;
	const char *crash;
} here;

#define FAIL(...)                                                                                  \
	do {                                                                                       \
		print_error("%s, call %u, %s: ", here.work, here.at, here.crash);                  \
		fail_msg(__VA_ARGS__);                                                             \
	} while (0)

/* --- who is known ----------------------------------------------------------------------------- */

static const char *const known[][2] = {
	{ "mailboxes", "harry@example.com" },
	{ "mailboxes", "sally@example.com" },
	{ "aliases", "info@example.com" },
	{ "aliases", "any@example.com" },
	{ "aliases", "x@fwd.test" },
	{ "domains", "example.com" },
};

static unsigned asked, unanswered;

static inline enum outcome
look_up(struct store *s, const char *map, const char *key)
{
	struct lookup l;
	enum outcome o;

	lookup_init(&l);
	lookup_start(&l, &tester.rules, S(map), S(key));
	store_resolve(s, &l);
	o = l.outcome;
	lookup_release(&l);
	asked++;
	unanswered += o == RETRY;
	return o;
}

/* Ask for all that is known when DONE of the steps are; only if SURE an answer is due. */
static inline void
ask_all(struct store *s, const struct work *w, size_t done, bool sure)
{
	for (size_t i = 0; !w->empty && i < sizeof known / sizeof known[0]; i++) {
		enum outcome o = look_up(s, known[i][0], known[i][1]);

		if (o != FOUND && (sure || o != RETRY))
			FAIL("%s:%s is %s", known[i][0], known[i][1], outcome_name(o));
	}
	for (size_t i = 0; i < done; i++) {
		const struct step *step = &w->steps[i];
		enum outcome o = step->map != NULL ? look_up(s, step->map, step->key) : FOUND;

		if (o != FOUND && (sure || o != RETRY))
			FAIL("%s:%s is %s", step->map, step->key, outcome_name(o));
	}
	if (look_up(s, "mailboxes", "nobody@example.com") == FOUND)
		FAIL("nobody was found");
}

static inline struct store *
reader_at(const char *path)
{
	struct error err = { "" };
	struct store *s;

	must(store_new(&s, path, STORE_LOOKUP, &err), &err, "a reader");
	store_keep_views(s);
	return s;
}

/* --- what must hold behind it -------------------------------------------------------------------
 */

static struct sbuf states[STEPS_MAX + 1]; /* when so many steps are done */

static inline bool
tell_trouble(void *arg, struct slice where, struct slice name, const char *text)
{
	(void)arg;
	print_message("# %.*s %.*s: %s\n", (int)where.n, where.p, (int)name.n, name.p, text);
	return true;
}

static inline void
must_be_sound(struct fixture *f)
{
	struct store *s;
	enum outcome o = store_open(&s, f->path, STORE_ADMIN, &f->err);

	if (o == FOUND)
		o = store_check(s, tell_trouble, NULL, &f->err);
	if (o != NONE)
		FAIL("check: %s %s", outcome_name(o), f->err.text);
	store_close(s);
}

static inline void
tell_difference(const char *got, const char *wanted, size_t done)
{
	const char *line = wanted;

	for (size_t i = 0; wanted[i] != '\0' && got[i] == wanted[i]; i++) {
		if (wanted[i] == '\n') {
			line = &wanted[i + 1];
			got += line - wanted;
			wanted = line;
			i = (size_t)-1;
		}
	}
	FAIL("after %zu steps the store has '%.*s' in place of '%.*s'", done,
	    (int)strcspn(got, "\n"), got, (int)strcspn(line, "\n"), line);
}

/* The store must be in one of the states from DONE steps to MOST. */
static inline void
must_be_between(struct fixture *f, size_t done, size_t most)
{
	struct sbuf now;
	size_t at = done;

	state_of(f->path, &now);
	while (at <= most && strcmp(sbuf_cstr(&now), sbuf_cstr(&states[at])) != 0)
		at++;
	if (at > most)
		tell_difference(sbuf_cstr(&now), sbuf_cstr(&states[done]), done);
	sbuf_release(&now);
}

static inline void
check_end(struct fixture *f, const struct work *w)
{
	struct store *s;

	must_be_sound(f);
	must_be_between(f, w->n, w->n);
	s = reader_at(f->path);
	ask_all(s, w, w->n, true);
	store_close(s);
	if (w->look != NULL)
		w->look(f, w->n);
}

/* --- a work -------------------------------------------------------------------------------------
 */

/* Let the work be done once, and note what comes of it. */
static inline void
begin_work(struct fixture *f, const struct work *w)
{
	faults_remove();
	w->prepare(f);
	faults_keep(f->dir);
	faults_install();
	faults_begin();
	for (size_t i = 0; i <= w->n; i++) {
		sbuf_release(&states[i]);
		if (i == w->n || (!w->other && !w->fresh))
			state_of(f->path, &states[i]);
		if (i < w->n)
			must(w->steps[i].run(f, &f->err), &f->err, w->name);
		if (i + 1 == w->n)
			leave_store(f, NULL);
	}
}

#endif
