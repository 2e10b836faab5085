/* SPDX-License-Identifier: ISC
 *
 * Dovecot's sql driver for each engine of the store: how it gets there, and the queries of schema/,
 * with what Dovecot and vmaild.conf say in the place of their parameters.
 */
#include <string.h>

#include "store/store.h"
#include "sys/privs.h"
#include "vmailctl/config_dovecot.h"

#define PGSQL_PASSFILE "/etc/dovecot/vmaild.pgpass"

enum text {
#define Q(name, text) TEXT_##name,
#include "schema/sqlite_dovecot.h"
#undef Q
	TEXTS
};

static const char *const sqlite_texts[TEXTS] = {
#define Q(name, text) [TEXT_##name] = (text),
#include "schema/sqlite_dovecot.h"
#undef Q
};

static const char *const pgsql_texts[TEXTS] = {
#define Q(name, text) [TEXT_##name] = (text),
#include "schema/postgresql_dovecot.h"
#undef Q
};

enum { MEMORY_MIB = 1024 }; /* enough for the costliest hash that vmaild takes */

/* clang-format off */

static const char sqlite_needs[] =
	"# This needs Debian's dovecot-sqlite.\n";

static const char pgsql_needs[] =
	"# This needs Debian's dovecot-pgsql, and in the database a user for Dovecot, who reads two views:\n"
	"#   CREATE USER dovecot;\n"
	"#   GRANT USAGE ON SCHEMA vmaild TO dovecot;\n"
	"#   GRANT SELECT ON vmaild.v1_user, vmaild.v1_login TO dovecot;\n"
	"# If the server wants a password of him, that is a line '*:*:*:dovecot:PASSWORD' in a file which belongs\n"
	"# to Dovecot's user alone (mode 0600): " PGSQL_PASSFILE "\n";

static const char memory[] =
	"\n"
	"# A costly hash needs more than the usual limit of 256 MiB: without memory, the right password is\n"
	"# called wrong.\n";

static const char memory_of[] =
	"service %s {\n"
	"  vsz_limit = %ldM\n"
	"}\n";

/* clang-format on */

/* What the sql driver has to be for an engine of the store's. */
struct dovecot_engine {
	const char *driver;
	const char *needs;
	const char *const *texts;
	const char *percent; /* an expression for it: as a sign it means something to Dovecot */
	const char *const *services; /* that check passwords, to a NULL */
	void (*put_23)(struct sbuf *out, const struct dovecot *d);
	void (*put_24)(struct sbuf *out, const struct dovecot *d);
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
put_template(struct sbuf *out, const struct dovecot *d, struct slice template)
{
	const struct {
		char letter;
		const char *expression;
	} parts[] = { { 'u', "address" }, { 'n', "local_part" }, { 'd', "domain" },
		{ '%', d->engine->percent } };

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
		put_template(out, d, slice_str(d->conf->mail_home));
	else if (slice_is(name, "mail"))
		put_template(out, d, mail);
	else if (slice_is(name, "driver"))
		put_template(out, d, driver);
	else if (slice_is(name, "path"))
		put_template(out, d, slice_cut(&path, ':'));
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
	const char *p = d->engine->texts[words_of(d)->query[which]];

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
	sbuf_printf(out, "driver = %s\nconnect = ", d->engine->driver);
	d->engine->put_23(out, d);
	sbuf_add_chr(out, '\n');
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		sbuf_printf(out, "%s = ", names[i]);
		dovecot_put_query(out, d, (enum dovecot_query)i);
		sbuf_add_chr(out, '\n');
	}
}

/* --- engines ---------------------------------------------------------------------------------- */

static void
put_path(struct sbuf *out, const struct dovecot *d)
{
	bool has_scheme = slice_starts(slice_str(d->store), "sqlite:");

	sbuf_add_str(out, has_scheme ? d->store + strlen("sqlite:") : d->store);
}

static void
put_sqlite_24(struct sbuf *out, const struct dovecot *d)
{
	sbuf_add_str(out, "sql_driver = sqlite\nsqlite_path = ");
	put_path(out, d);
	sbuf_add_str(out, "\nsqlite_readonly = yes\n");
}

/* As libpq reads it: in quotes where it has to be. */
static void
put_pair_23(void *arg, const char *keyword, const char *value)
{
	struct sbuf *out = arg;
	bool plain = strpbrk(value, " '\\") == NULL;

	sbuf_printf(out, "%s=%s", keyword, plain ? "" : "'");
	for (; *value != '\0'; value++) {
		if (*value == '\'' || *value == '\\')
			sbuf_add_chr(out, '\\');
		sbuf_add_chr(out, *value);
	}
	sbuf_add_str(out, plain ? " " : "' ");
}

static void
put_pgsql_23(struct sbuf *out, const struct dovecot *d)
{
	store_link(d->store, put_pair_23, out);
	sbuf_add_str(out, "user=dovecot passfile=" PGSQL_PASSFILE);
}

/* As Dovecot reads a setting. */
static void
put_pair_24(void *arg, const char *keyword, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-_.,:/@+";
	struct sbuf *out = arg;
	bool quoted = value[strspn(value, plain)] != '\0';

	sbuf_printf(out, "    %s = %s", keyword, quoted ? "\"" : "");
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			sbuf_add_chr(out, '\\');
		sbuf_add_chr(out, *value);
	}
	sbuf_add_str(out, quoted ? "\"\n" : "\n");
}

/* The name in front is a host's, unless the parameters have one. */
static void
put_pgsql_24(struct sbuf *out, const struct dovecot *d)
{
	sbuf_add_str(out, "sql_driver = pgsql\npgsql vmaild {\n  parameters {\n");
	store_link(d->store, put_pair_24, out);
	sbuf_add_str(out, "    user = dovecot\n    passfile = " PGSQL_PASSFILE "\n  }\n}\n");
}

/* What waits for a file is done by workers; what is asked of a server, by the auth process itself.
 */
static const char *const sqlite_services[] = { "auth-worker", NULL };
static const char *const pgsql_services[] = { "auth", "auth-worker", NULL };

static const struct dovecot_engine engine_file = { "sqlite", sqlite_needs, sqlite_texts, "char(37)",
	sqlite_services, put_path, put_sqlite_24 };
static const struct dovecot_engine engine_server = { "pgsql", pgsql_needs, pgsql_texts, "chr(37)",
	pgsql_services, put_pgsql_23, put_pgsql_24 };

const struct dovecot_engine *
dovecot_engine_of(const struct dovecot *d)
{
	struct store_way way;

	store_way(d->store, &way);
	return way.remote ? &engine_server : &engine_file;
}

void
dovecot_put_needs(struct sbuf *out, const struct dovecot *d)
{
	sbuf_add_str(out, d->engine->needs);
}

void
dovecot_put_connection(struct sbuf *out, const struct dovecot *d)
{
	d->engine->put_24(out, d);
}

void
dovecot_put_memory(struct sbuf *out, const struct dovecot *d)
{
	long mib = d->conf->hash_memory / 1024 * 2;

	sbuf_add_str(out, memory);
	for (const char *const *s = d->engine->services; *s != NULL; s++)
		sbuf_printf(out, memory_of, *s, mib > MEMORY_MIB ? mib : MEMORY_MIB);
}
