/* SPDX-License-Identifier: ISC
 *
 * Words, names and values of SQL, as dumps write them: a cursor that takes one after the other.
 * What statements mean is not known here.
 */
#ifndef FOREIGN_SQL_H
#define FOREIGN_SQL_H

#include "foreign/arena.h"

/* What texts are made of comes from the arena; where a value is never taken, there may be none. */
struct sql {
	struct arena *arena;
	struct slice rest;
	size_t line;
	bool backslashes; /* MySQL: they escape in every text */
	bool plain;       /* SQLite: they never do, however names are written */
	bool cut;         /* all of it ends within a text, a comment or a statement */
};

/* Pass over N bytes, or over all up to and with END. */
void sql_skip(struct sql *l, size_t n);
void sql_skip_to(struct sql *l, const char *end);

/* Pass over blanks and comments. `/ *!` of MySQL is a comment too: nothing in one brings rows. */
void sql_skip_blanks(struct sql *l);

/* Pass over what is left of a statement; tell whether WORD (or NULL) was in it. */
bool sql_skip_statement(struct sql *l, const char *word);

/* Take a character, or a word, if that is what comes next. */
bool sql_char(struct sql *l, char c);
bool sql_word(struct sql *l, const char *word);

/* Take name, "name", `name` or [name]; empty when none is there. Of schema.name, the name. */
struct slice sql_name(struct sql *l);
struct slice sql_table_name(struct sql *l);

/* Take ( a, b, c ): how many; 0 when there is no such list, or one of more than MAX. */
size_t sql_names(struct sql *l, struct slice *name, size_t max);

/* Take a value, p NULL for none, up to the comma or bracket that ends it. False: it is not in the
 * text, but computed when the statement runs. */
bool sql_value(struct sql *l, struct slice *out);

/* Pass over anything up to the comma or bracket that ends a value. */
void sql_skip_value(struct sql *l);

/* Undo the backslashes of a cell of COPY. */
struct slice sql_unescape(struct sql *l, struct slice raw);

#endif
