/* SPDX-License-Identifier: ISC
 *
 * The way to a PostgreSQL server.
 */
#include "store/pg_conn.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

enum {
	HOST_MS = 3000,   /* for one host, where connect_timeout does not say otherwise */
	OPTIONS_MAX = 64, /* that libpq knows */
	VALUE_MAX = 256   /* of a host's name, address or port */
};

/* --- the URI ------------------------------------------------------------------------------------
 */

/* The keyword form is what follows our scheme. */
static const char *
conninfo_of(const char *uri)
{
	const char *rest = strchr(uri, ':');

	return rest == NULL || strncmp(rest, "://", 3) == 0 ? uri : rest + 1;
}

static const char *
value_of(const PQconninfoOption *option, const char *keyword)
{
	for (; option != NULL && option->keyword != NULL; option++)
		if (strcmp(option->keyword, keyword) == 0)
			return option->val != NULL ? option->val : "";
	return "";
}

static void
show(struct pg_place *p)
{
	const char *host = value_of(p->option, "host");
	const char *service = value_of(p->option, "service");
	const char *database = value_of(p->option, "dbname");

	if (host[0] == '\0')
		host = value_of(p->option, "hostaddr");
	if (host[0] == '\0' && service[0] != '\0')
		snprintf(p->shown, sizeof p->shown, "postgresql:service=%.80s", service);
	else
		snprintf(p->shown, sizeof p->shown, "postgresql://%.80s/%.32s", host, database);
}

/* A password with a '/' or '@' of its own in it would be read as hosts, ports and a database, and
 * these are told to everybody. */
static bool
is_plain(const char *uri)
{
	const char *rest = strstr(uri, "://"), *at, *slash;
	size_t n;

	if (rest == NULL)
		return true;
	rest += 3;
	n = strcspn(rest, "?");
	at = memchr(rest, '@', n);
	slash = memchr(rest, '/', n);
	return at == NULL || ((slash == NULL || at < slash) && at == memrchr(rest, '@', n));
}

static bool
has_ports(const PQconninfoOption *option)
{
	const char *port = value_of(option, "port");

	return port[strspn(port, "0123456789,")] == '\0';
}

/* libpq's own text may quote a part of the URI, and that part may be the password. */
enum outcome
pg_place_init(struct pg_place *p, const char *uri, struct error *err)
{
	char *text = NULL;

	*p = (struct pg_place){ .option = NULL };
	p->option = PQconninfoParse(conninfo_of(uri), &text);
	if (p->option == NULL && text == NULL)
		return error_set(err, RETRY, "no memory to read the store's URI");
	PQfreemem(text);
	if (p->option != NULL && (!is_plain(uri) || !has_ports(p->option)))
		pg_place_release(p);
	if (p->option == NULL)
		return error_set(err, BAD,
		    "the store's URI cannot be read: write it as postgresql://user@host/database, "
		    "with other characters than letters and digits as %%XX");
	show(p);
	return FOUND;
}

void
pg_place_release(struct pg_place *p)
{
	PQconninfoFree(p->option);
	PQconninfoFree(p->all);
	*p = (struct pg_place){ .option = NULL };
}

bool
pg_uri_has_password(const char *uri)
{
	struct pg_place p;
	bool has;

	if (pg_place_init(&p, uri, NULL) != FOUND)
		return false;
	has = value_of(p.option, "password")[0] != '\0' ||
	      value_of(p.option, "sslpassword")[0] != '\0';
	pg_place_release(&p);
	return has;
}

bool
pg_place_prefers_standby(const struct pg_place *p)
{
	const PQconninfoOption *option = p->all != NULL ? p->all : p->option;

	return strcmp(value_of(option, "target_session_attrs"), "prefer-standby") == 0;
}

/* --- the way there ------------------------------------------------------------------------------
 */

static void
add_file(struct store_way *way, size_t *used, const char *directory, const char *name)
{
	size_t n = 0, room = sizeof way->text - *used;
	char *text = way->text + *used;

	while (n < STORE_FILES && way->readable[n] != NULL)
		n++;
	if (n == STORE_FILES || name[0] == '\0' ||
	    (size_t)snprintf(text, room, "%s%s", directory, name) >= room)
		return;
	way->readable[n] = text;
	*used += strlen(text) + 1;
}

/* What a service file and the environment say beside the URI; NULL when that cannot be read. libpq
 * tells it only of the service that the environment names. */
static PQconninfoOption *
surroundings(const PQconninfoOption *option)
{
	const char *service = value_of(option, "service"), *before = getenv("PGSERVICE");
	PQconninfoOption *found;
	char *kept;

	if (service[0] == '\0')
		return PQconndefaults();
	kept = before != NULL ? strdup(before) : NULL;
	if ((before != NULL && kept == NULL) || setenv("PGSERVICE", service, 1) != 0) {
		free(kept);
		return NULL;
	}
	found = PQconndefaults();
	if (kept != NULL)
		setenv("PGSERVICE", kept, 1);
	else
		unsetenv("PGSERVICE");
	free(kept);
	return found;
}

static const char *
either(const PQconninfoOption *option, const PQconninfoOption *around, const char *keyword)
{
	const char *value = value_of(option, keyword);

	return value[0] != '\0' ? value : value_of(around, keyword);
}

static void
add_files(struct store_way *way, const PQconninfoOption *option, const PQconninfoOption *around)
{
	static const char *const named[] = { "passfile", "sslcert", "sslkey", "sslrootcert",
		"sslcrl", "sslcrldir" };
	const char *home = getenv("HOME"), *service = getenv("PGSERVICEFILE");
	size_t used = 0;

	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
		add_file(way, &used, "", either(option, around, named[i]));
	add_file(way, &used, "", service != NULL ? service : "");
	if (home != NULL && home[0] == '/') {
		add_file(way, &used, home, "/.pgpass");
		add_file(way, &used, home, "/.pg_service.conf");
		add_file(way, &used, home, "/.postgresql");
	}
}

static void
add_ports(struct store_way *way, const PQconninfoOption *option, const PQconninfoOption *around)
{
	struct slice list = slice_str(either(option, around, "port"));

	for (size_t n = 0; n < STORE_PORTS && list.p != NULL; n++) {
		unsigned long long port = 0;

		if (!slice_number(slice_cut(&list, ','), 65535, &port) || port == 0)
			port = 5432;
		way->port[n] = (unsigned short)port;
	}
}

/* Of a service that is not there nothing is known; it may be when it is asked for. */
void
pg_way(const char *uri, struct store_way *out)
{
	PQconninfoOption *around;
	struct pg_place p;

	out->remote = true;
	if (pg_place_init(&p, uri, NULL) != FOUND)
		return;
	around = surroundings(p.option);
	if (around != NULL)
		add_ports(out, p.option, around);
	add_files(out, p.option, around);
	PQconninfoFree(around);
	pg_place_release(&p);
}

void
pg_secrets(const char *uri, store_secret_fn *fn, void *arg)
{
	static const char *const named[] = { "passfile", "sslkey" };
	PQconninfoOption *around;
	struct pg_place p;

	if (pg_place_init(&p, uri, NULL) != FOUND)
		return;
	around = surroundings(p.option);
	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
		const char *path = either(p.option, around, named[i]);

		if (path[0] == '/')
			fn(arg, path);
	}
	PQconninfoFree(around);
	pg_place_release(&p);
}

/* Those that say where it is and how to know it. What is not here may be a secret. */
static const char *const leading[] = { "service", "host", "hostaddr", "port", "dbname",
	"target_session_attrs", "load_balance_hosts", "connect_timeout", "sslmode",
	"sslnegotiation", "sslrootcert", "sslcrl", "sslcrldir", "sslsni",
	"ssl_min_protocol_version", "channel_binding", "gssencmode", "krbsrvname", "requirepeer",
	"tcp_user_timeout", "keepalives", "keepalives_idle", "keepalives_interval",
	"keepalives_count" };

void
pg_link(const char *uri, store_link_fn *fn, void *arg)
{
	struct pg_place p;

	if (pg_place_init(&p, uri, NULL) != FOUND)
		return;
	for (size_t i = 0; i < sizeof leading / sizeof leading[0]; i++) {
		const char *value = value_of(p.option, leading[i]);

		/* of several hosts without ports libpq has read the commas between */
		if (value[strspn(value, ",")] != '\0')
			fn(arg, leading[i], value);
	}
	pg_place_release(&p);
}

/* --- one host -----------------------------------------------------------------------------------
 */

/* What libpq is told. The values are borrowed. */
struct options {
	const char *keyword[OPTIONS_MAX + 1];
	const char *value[OPTIONS_MAX + 1];
	size_t n;
};

static void
set(struct options *o, const char *keyword, const char *value)
{
	size_t i = 0;

	while (i < o->n && strcmp(o->keyword[i], keyword) != 0)
		i++;
	if (i == OPTIONS_MAX)
		return;
	o->keyword[i] = keyword;
	o->value[i] = value;
	if (i == o->n)
		o->keyword[++o->n] = NULL;
}

static void
set_all(struct options *o, const PQconninfoOption *option)
{
	for (; option != NULL && option->keyword != NULL; option++)
		if (option->val != NULL && option->val[0] != '\0')
			set(o, option->keyword, option->val);
}

/* The Nth of a list with commas; one that has a single member is good for all. False behind the
 * last. */
static bool
nth(const char *list, size_t n, char out[VALUE_MAX])
{
	struct slice rest = slice_str(list), one;
	bool single = strchr(list, ',') == NULL;

	one = slice_cut(&rest, ',');
	for (size_t i = 0; i < n && !single; i++) {
		if (rest.p == NULL)
			return false;
		one = slice_cut(&rest, ',');
	}
	snprintf(out, VALUE_MAX, "%.*s", (int)one.n, one.p == NULL ? "" : one.p);
	return true;
}

static size_t
count(const char *list)
{
	size_t n = 1;

	for (; *list != '\0'; list++)
		n += *list == ',';
	return n < PG_HOSTS_MAX ? n : PG_HOSTS_MAX;
}

/* Which kind of server will do: what the URI says, but for a change always one that takes it. */
static const char *
wanted(const struct pg_attempt *a, const char *said)
{
	bool prefers = strcmp(said, "prefer-standby") == 0;

	if (a->need != PG_READS && !a->any)
		return strcmp(said, "primary") == 0 ? said : "read-write";
	if (a->need != PG_READS)
		return "any";
	if (prefers)
		return a->any ? "any" : "standby";
	return said[0] != '\0' ? said : "any";
}

static const struct {
	const char *keyword;
	const char *value;
} defaults[] = {
	{ "application_name", "vmaild" },
	{ "keepalives_idle", "10" }, /* a server that is gone without a word is missed within ... */
	{ "keepalives_interval", "5" }, { "keepalives_count", "3" },
	{ "tcp_user_timeout", "15000" }, /* ... some seconds, also while something is on its way */
};

static void
set_defaults(struct options *o, const PQconninfoOption *given)
{
	for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
		if (value_of(given, defaults[i].keyword)[0] == '\0')
			set(o, defaults[i].keyword, defaults[i].value);
	set(o, "client_encoding", "UTF8");
}

static void
keep_reason(struct pg_attempt *a)
{
	static const char no_password[] =
	    "it wants a password of this user, and none is at hand: .pgpass in his home, or what "
	    "passfile= names, must be his own, with mode 0600, and have a line for this server";
	const char *text = a->conn == NULL                      ? "no memory"
			   : PQconnectionNeedsPassword(a->conn) ? no_password
								: PQerrorMessage(a->conn);
	struct slice line = slice_str(text);

	/* of several lines the last is the reason, the others tell where */
	line = slice_trim(line);
	for (size_t i = 0; i < sizeof a->why; i++) {
		char c = i < line.n ? line.p[i] : '\0';

		a->why[i] = c == '\n' || c == '\t' ? ' ' : c;
	}
	a->why[sizeof a->why - 1] = '\0';
}

static void
let_go(struct pg_attempt *a)
{
	PQfinish(a->conn);
	a->conn = NULL;
}

/* A library does not speak. */
static void
say_nothing(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

/* Start with all that is known: libpq then tells what a service file and the environment add. A
 * service that is not there, or cannot be read, would be as good as none to it: what is named in it
 * is then in no option, the database's name for one, which it always has otherwise. */
static bool
look_up(struct pg_attempt *a)
{
	struct options o = { .n = 0 };

	if (a->place->all != NULL)
		return true;
	set_all(&o, a->place->option);
	set_defaults(&o, a->place->option);
	a->conn = PQconnectStartParams(o.keyword, o.value, 0);
	if (a->conn != NULL && PQdb(a->conn) != NULL)
		a->place->all = PQconninfo(a->conn);
	if (a->place->all == NULL)
		keep_reason(a);
	let_go(a);
	return a->place->all != NULL;
}

static void
set_host(struct options *o, const PQconninfoOption *all, size_t host, char texts[3][VALUE_MAX])
{
	static const char *const lists[] = { "host", "hostaddr", "port" };

	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		const char *list = value_of(all, lists[i]);

		if (list[0] != '\0' && nth(list, host, texts[i]))
			set(o, lists[i], texts[i]);
	}
	set(o, "service", ""); /* all that it says is in ALL */
}

/* Begin with the host that is next. */
static bool
start_host(struct pg_attempt *a, int64_t now)
{
	const PQconninfoOption *all = a->place->all;
	struct options o = { .n = 0 };
	char texts[3][VALUE_MAX];
	long seconds = strtol(value_of(all, "connect_timeout"), NULL, 10);

	a->give_up = now + (seconds > 0 ? (int64_t)seconds * 1000 : HOST_MS);
	/* so that there is time for the others, if there are any */
	if (a->place->host_ms > 0 && a->hosts > 1 && a->give_up > now + a->place->host_ms)
		a->give_up = now + a->place->host_ms;
	set_all(&o, all);
	set_host(&o, all, a->host, texts);
	set(&o, "target_session_attrs", wanted(a, value_of(all, "target_session_attrs")));
	a->conn = PQconnectStartParams(o.keyword, o.value, 0);
	if (a->conn != NULL)
		PQsetNoticeProcessor(a->conn, say_nothing, NULL);
	if (a->conn != NULL && PQstatus(a->conn) != CONNECTION_BAD)
		return true;
	keep_reason(a);
	let_go(a);
	return false;
}

/* --- one after the other ------------------------------------------------------------------------
 */

/* Where no standby answers, what answers will do; and who reads and writes can read where there is
 * no primary. Go round once more. */
static bool
lower_wishes(struct pg_attempt *a)
{
	const char *said = value_of(a->place->all, "target_session_attrs");
	bool reads = a->need == PG_READS && strcmp(said, "prefer-standby") == 0;

	if (a->any || !(reads || (a->need == PG_ALL && a->spoke)))
		return false;
	a->any = true;
	a->tried = 0;
	return true;
}

/* Of more hosts than there are bits the last are tried again. */
unsigned
pg_host_bit(size_t host)
{
	return host < 8 * sizeof(unsigned) ? 1u << host : 0;
}

/* Begin with the next host that can be begun with. */
static enum pg_progress
next_host(struct pg_attempt *a, int64_t now)
{
	let_go(a);
	do {
		for (; a->tried < a->hosts; a->host = (a->host + 1) % a->hosts) {
			a->tried++;
			/* who said nothing is not waited for a second time */
			if ((a->silent & pg_host_bit(a->host)) == 0 && start_host(a, now))
				return a->waits = PG_WRITE;
		}
	} while (lower_wishes(a));
	return PG_FAILED;
}

static enum pg_progress
start(struct pg_attempt *a, size_t first, int64_t now)
{
	const struct pg_place *place = a->place;
	const char *list;

	if (!look_up(a))
		return PG_FAILED;
	list = value_of(place->all, "hostaddr");
	a->hosts = count(list[0] != '\0' ? list : value_of(place->all, "host"));
	a->host = first % a->hosts;
	return next_host(a, now);
}

enum pg_progress
pg_attempt_start(
    struct pg_attempt *a, struct pg_place *place, enum pg_need need, size_t first, int64_t now)
{
	*a = (struct pg_attempt){ .place = place, .need = need };
	return start(a, first, now);
}

enum pg_progress
pg_attempt_start_but(
    struct pg_attempt *a, struct pg_place *place, size_t first, unsigned but, int64_t now)
{
	*a = (struct pg_attempt){ .place = place, .need = PG_READS, .silent = but };
	return start(a, first, now);
}

/* The one that is being tried will not do. */
static enum pg_progress
leave_host(struct pg_attempt *a, int64_t now)
{
	a->host = (a->host + 1) % a->hosts;
	return next_host(a, now);
}

/* What has come is looked at before the clock: it may be us who were late. */
static bool
is_ready(const struct pg_attempt *a)
{
	struct pollfd p = { .fd = PQsocket(a->conn),
		.events = a->waits == PG_READ ? POLLIN : POLLOUT };

	return poll(&p, 1, 0) > 0;
}

enum pg_progress
pg_attempt_go(struct pg_attempt *a, int64_t now)
{
	bool spoke;

	if (now >= a->give_up && !is_ready(a)) {
		a->silent |= pg_host_bit(a->host);
		snprintf(a->why, sizeof a->why, "'%.100s' does not answer",
		    PQhost(a->conn) != NULL ? PQhost(a->conn) : "");
		return leave_host(a, now);
	}
	spoke = PQstatus(a->conn) == CONNECTION_AWAITING_RESPONSE ||
		PQstatus(a->conn) == CONNECTION_AUTH_OK;
	switch (PQconnectPoll(a->conn)) {
	case PGRES_POLLING_READING:
		return a->waits = PG_READ;
	case PGRES_POLLING_WRITING:
		return a->waits = PG_WRITE;
	case PGRES_POLLING_OK:
		return PG_DONE;
	default:
		a->spoke |= spoke && !PQconnectionNeedsPassword(a->conn);
		keep_reason(a);
		return leave_host(a, now);
	}
}

void
pg_attempt_stop(struct pg_attempt *a)
{
	let_go(a);
}
