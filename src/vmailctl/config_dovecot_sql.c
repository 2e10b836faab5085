/* SPDX-License-Identifier: ISC
 *
 * The queries for Dovecot's sql driver: those of schema/, with what Dovecot and vmaild.conf say in
 * the place of their parameters.
 */
#include <string.h>

#include "sys/privs.h"
#include "vmailctl/config_dovecot.h"

enum text {
#define Q(name, text) TEXT_##name,
#include "schema/sqlite_dovecot.h"
#undef Q
	TEXTS
};

static const char *const texts[TEXTS] = {
#define Q(name, text) [TEXT_##name] = (text),
#include "schema/sqlite_dovecot.h"
#undef Q
};

/* What each version calls the name and the service of a request, and which queries are its own. */
static const struct words {
	const char *version;
	const char *user;
	const char *service;
	enum text query[3];
} words[] = {
	{ "2.3", "'%u'", "'%s'", { TEXT_passdb_23, TEXT_userdb_23, TEXT_iterate } },
	{ "2.4", "'%{user}'", "'%{protocol}'", { TEXT_passdb_24, TEXT_userdb_24, TEXT_iterate } },
};

static const struct words *
words_of(const struct dovecot *d)
{
	const struct words *w = words;

	while (strcmp(w->version, d->way->version) != 0)
		w++;
	return w;
}

/* --- parameters ------------------------------------------------------------------------------- */

/* Append a template as an expression: '/var/vmail/' || domain || '/' || local_part; NULL for none.
 * A percent sign of its own would mean something to Dovecot. */
static void
put_template(struct sbuf *out, struct slice template)
{
	static const struct {
		char letter;
		const char *expression;
	} parts[] = { { 'u', "address" }, { 'n', "local_part" }, { 'd', "domain" },
		{ '%', "char(37)" } };

	sbuf_add_str(out, template.n > 0 ? "'" : "NULL");
	for (size_t k = 0; k < template.n; k++) {
		const char *p = template.p + k;

		if (*p == '%' && ++k < template.n) {
			for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
				if (parts[i].letter == p[1])
					sbuf_printf(out, "' || %s || '", parts[i].expression);
		} else {
			sbuf_add_str(out, *p == '\'' ? "''" : (char[]){ *p, '\0' });
		}
	}
	sbuf_add_str(out, template.n > 0 ? "'" : "");
}

static void
put_id(struct sbuf *out, const struct conf *conf, bool group)
{
	struct identity id;

	if (identity_of_user(&id, conf->mail_user, NULL) == FOUND)
		sbuf_printf(out, "%lu", (unsigned long)(group ? id.gid : id.uid));
	else
		sbuf_add_str(out, "NULL"); /* a warning says so */
}

static void
put_parameter(struct sbuf *out, const struct dovecot *d, struct slice name)
{
	struct slice mail = slice_str(d->conf->mail_location), path = mail;
	struct slice driver = slice_cut(&path, ':');

	if (slice_is(name, "user"))
		sbuf_add_str(out, words_of(d)->user);
	else if (slice_is(name, "service"))
		sbuf_add_str(out, words_of(d)->service);
	else if (slice_is(name, "home"))
		put_template(out, slice_str(d->conf->mail_home));
	else if (slice_is(name, "mail"))
		put_template(out, mail);
	else if (slice_is(name, "driver"))
		put_template(out, driver);
	else if (slice_is(name, "path"))
		put_template(out, slice_cut(&path, ':'));
	else
		put_id(out, d->conf, slice_is(name, "gid"));
}

/* --- queries ---------------------------------------------------------------------------------- */

/* A line of its own for each clause, as Dovecot lets them be written. */
static void
break_line(struct sbuf *out, const char *rest)
{
	static const char *const clauses[] = { "FROM ", "WHERE ", "ORDER BY " };

	for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++)
		if (strncmp(rest, clauses[i], strlen(clauses[i])) == 0)
			sbuf_add_str(out, "\\\n    ");
}

void
dovecot_put_query(struct sbuf *out, const struct dovecot *d, enum dovecot_query which)
{
	const char *p = texts[words_of(d)->query[which]];

	while (*p != '\0') {
		size_t n = *p == ':' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz") : 0;

		if (n > 0) {
			put_parameter(out, d, slice_of(p + 1, n));
			p += 1 + n;
			continue;
		}
		break_line(out, p);
		sbuf_add_chr(out, *p++);
	}
}

void
dovecot_put_sql_file(struct sbuf *out, const struct dovecot *d)
{
	static const char *const names[] = { [DOVECOT_PASSDB] = "password_query",
		[DOVECOT_USERDB] = "user_query",
		[DOVECOT_ITERATE] = "iterate_query" };

	sbuf_add_str(out, "# /etc/dovecot/vmaild-sql.conf.ext, made by 'vmailctl config dovecot "
			  "--passdb sql --sql-file'.\n");
	sbuf_printf(out, "driver = sqlite\nconnect = %s\n", d->file);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		sbuf_printf(out, "%s = ", names[i]);
		dovecot_put_query(out, d, (enum dovecot_query)i);
		sbuf_add_chr(out, '\n');
	}
}
