/* SPDX-License-Identifier: ISC
 *
 * Changes as rows of a table: each is made on a store of its own, and must leave its lines in the
 * change log, or no trace at all.
 */
#ifndef TESTS_STORE_STEPS_H
#define TESTS_STORE_STEPS_H

#include "fixture.h"

struct step;
typedef enum outcome act_fn(struct store *s, const struct step *step, struct error *err);

struct step {
	const char *name;
	act_fn *act;
	const char *a;
	const char *b;
	const char *c;
	enum outcome expected;
	const char *says;   /* a part of the error text */
	const char *logged; /* new lines of the log: what|subject|before|after, times as T */
};

/* Replace what stands behind "created": by T. */
static inline void
mask_times(struct sbuf *out, struct slice text)
{
	static const char key[] = "\"created\":";

	while (text.n > 0) {
		if (!slice_starts(text, key)) {
			sbuf_add_chr(out, text.p[0]);
			text = slice_tail(text, 1);
			continue;
		}
		sbuf_add_str(out, key);
		sbuf_add_chr(out, 'T');
		text = slice_tail(text, strlen(key));
		while (text.n > 0 && text.p[0] >= '0' && text.p[0] <= '9')
			text = slice_tail(text, 1);
	}
}

static inline int64_t
last_change(const char *path)
{
	struct sbuf out;
	int64_t id;

	sbuf_init(&out, 64);
	raw_rows(path, &out, "SELECT coalesce(max(id), 0) FROM change");
	id = atoll(sbuf_cstr(&out));
	sbuf_release(&out);
	return id;
}

static inline void
check_log(const char *path, int64_t after, const char *expected)
{
	struct sbuf rows, masked;
	char sql[160];

	sbuf_init(&rows, 1 << 20);
	sbuf_init(&masked, 1 << 20);
	snprintf(sql, sizeof sql,
	    "SELECT what, subject, before, after FROM change WHERE id > %lld ORDER BY id",
	    (long long)after);
	raw_rows(path, &rows, sql);
	mask_times(&masked, sbuf_slice(&rows));
	assert_string_equal(sbuf_cstr(&masked), expected);
	sbuf_release(&rows);
	sbuf_release(&masked);
}

static inline void
run_step(struct fixture *f, const struct step *step)
{
	struct error err = { "" };
	struct sbuf before, after;
	int64_t id = last_change(f->path);
	enum outcome o;

	dump(f->path, &before);
	o = step->act(f->s, step, &err);
	dump(f->path, &after);
	if (o != step->expected)
		fail_msg("'%s' is %s: %s", step->name, outcome_name(o), err.text);
	if (o != FOUND) {
		if (step->says == NULL || strstr(err.text, step->says) == NULL)
			fail_msg("'%s' says: %s", step->name, err.text);
		assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	} else {
		check_log(f->path, id, step->logged);
	}
	sbuf_release(&before);
	sbuf_release(&after);
}

/* Each on a store of its own, so that no row leans on another: populate()'s, with what PREPARE (may
 * be NULL) does to it. */
static inline void
run_steps(const struct step *steps, size_t n, void (*prepare)(struct store *s))
{
	for (size_t i = 0; i < n; i++) {
		void *state = NULL;

		print_message("# %s\n", steps[i].name);
		assert_int_equal(full_setup(&state), 0);
		if (prepare != NULL)
			prepare(((struct fixture *)state)->s);
		run_step(state, &steps[i]);
		teardown(&state);
	}
}

#endif
