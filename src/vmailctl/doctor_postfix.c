/* SPDX-License-Identifier: ISC
 *
 * doctor: what main.cf and master.cf say, as postconf understands them, against what vmaild serves.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mail/maps.h"
#include "vmailctl/doctor.h"
#include "vmailctl/host.h"
#include "vmailctl/listeners.h"

/* --- postconf -----------------------------------------------------------------------------------
 */

/* Run PROGRAM, which is one of Postfix's, on the configuration. */
static int
run(struct sbuf *out, const struct doctor *d, const char *program, const char *how,
    struct sbuf *trouble)
{
	const char *argv[6] = { program };
	size_t n = 1;

	if (d->postfix != NULL) {
		argv[n++] = "-c";
		argv[n++] = d->postfix;
	}
	argv[n++] = how;
	return host_run(out, trouble, argv);
}

/* The value in a line "name = value" of TEXT. */
static struct slice
value_of(struct slice text, const char *name)
{
	while (text.n > 0) {
		struct slice value = slice_cut(&text, '\n');
		struct slice word = slice_trim(slice_cut(&value, '='));

		if (value.p != NULL && slice_is(word, name))
			return slice_trim(value);
	}
	return slice_str(NULL);
}

struct slice
doctor_parameter(const struct doctor *d, const char *name)
{
	return value_of(sbuf_slice(&d->main_cf), name);
}

bool
check_postfix(struct doctor *d, const struct check *c)
{
	struct sbuf trouble;
	struct slice said, queue;
	int status;

	sbuf_init(&trouble, 1 << 16);
	status = run(&d->main_cf, d, "postconf", "-x", &trouble);
	run(&d->master_cf, d, "postconf", "-P", NULL);
	said = slice_trim(sbuf_slice(&trouble));
	if (status != 0)
		doctor_bad(d, c, slice_str(d->postfix), "postconf %s: %.*s",
		    status < 0 ? "cannot be run" : "fails", (int)(said.n < 300 ? said.n : 300),
		    said.p != NULL ? said.p : "");
	sbuf_release(&trouble);
	queue = doctor_parameter(d, "queue_directory");
	d->has_postfix = status == 0 && queue.n > 0 && sbuf_add_slice(&d->queue, queue);
	return d->has_postfix;
}

bool
check_running(struct doctor *d, const struct check *c)
{
	struct sbuf out;
	int status;

	if (geteuid() != 0)
		return doctor_unseen(
		    d, c, slice_str(NULL), "only root can ask Postfix whether it runs");
	sbuf_init(&out, 1 << 16);
	status = run(&out, d, "postfix", "status", NULL);
	sbuf_release(&out);
	if (status < 0)
		return doctor_say(d, c, SEVERITY_NOTICE, slice_str("postfix"), NULL,
		    "it cannot be run: whether Postfix runs was not tried");
	return status == 0 ||
	       doctor_bad(d, c, slice_str(NULL), "it does not: `postfix status` fails");
}

/* --- tables -------------------------------------------------------------------------------------
 */

/* Take the next word of a parameter off *REST: tables stand between blanks, commas and braces. */
static struct slice
next_word(struct slice *rest)
{
	static const char between[] = " \t,{}";
	struct slice word;
	size_t n = 0;

	while (rest->n > 0 && strchr(between, rest->p[0]) != NULL)
		*rest = slice_tail(*rest, 1);
	while (n < rest->n && strchr(between, rest->p[n]) == NULL)
		n++;
	word = slice_head(*rest, n);
	*rest = slice_tail(*rest, n);
	return slice_starts(word, "proxy:") ? slice_tail(word, 6) : word;
}

static bool
is_pattern_table(struct slice table)
{
	return slice_starts(table, "socketmap:") || slice_starts(table, "tcp:");
}

/* "127.0.0.1" and "localhost" are one host here. */
static bool
same_inet(struct slice a, struct slice b)
{
	size_t i, k;

	if (slice_eq(a, b))
		return true;
	return slice_rchr(a, ':', &i) && slice_rchr(b, ':', &k) &&
	       slice_eq(slice_tail(a, i), slice_tail(b, k)) &&
	       (slice_is(slice_head(a, i), "localhost") || slice_is(slice_head(b, k), "localhost"));
}

/* Chrooted or not, both ends of a twin are the same listener. */
static bool
same_place(const struct doctor *d, struct slice place, const struct conf_listener *l)
{
	struct slice address = slice_str(l->address), path = slice_tail(place, 5);

	if (slice_starts(place, "inet:") && slice_starts(address, "inet:"))
		return same_inet(path, slice_tail(address, 5));
	if (!slice_starts(place, "unix:") || !listener_is_unix(l))
		return false;
	address = slice_tail(address, 5);
	if (slice_starts(path, sbuf_cstr(&d->queue)) &&
	    slice_eq(slice_tail(path, d->queue.n), address))
		return true;
	return slice_eq(path, address) || slice_eq(path, slice_tail(address, 1));
}

/* Find the listener that TABLE leads to, and the map that it asks for; NULL when it is not ours. */
static const struct conf_listener *
listener_of(const struct doctor *d, struct slice table, struct slice *map)
{
	const struct conf *conf = d->ctl->conf;
	size_t at;

	for (size_t i = 0; i < conf->listeners; i++) {
		const struct conf_listener *l = &conf->listener[i];

		if (l->protocol == PROTOCOL_TCP && slice_starts(table, "tcp:") &&
		    same_inet(slice_tail(table, 4), slice_tail(slice_str(l->address), 5))) {
			*map = slice_str(l->map);
			return l;
		}
		if (l->protocol == PROTOCOL_SOCKETMAP && slice_starts(table, "socketmap:") &&
		    slice_rchr(table, ':', &at) && at > 10 &&
		    same_place(d, slice_of(table.p + 10, at - 10), l)) {
			*map = slice_tail(table, at + 1);
			return l;
		}
	}
	return NULL;
}

/* What main.cf must ask for. By Postfix's defaults a list of domains is asked of the other map. */
static const struct {
	const char *parameter;
	const char *map, *or_map;
} core[] = {
	{ "virtual_mailbox_domains", "domains", "mailboxes" },
	{ "virtual_alias_domains", "alias-domains", "aliases" },
	{ "virtual_mailbox_maps", "mailboxes", "mailboxes" },
	{ "virtual_alias_maps", "aliases", "aliases" },
};

static bool
names_table(struct doctor *d, const struct check *c, size_t i)
{
	struct slice value = doctor_parameter(d, core[i].parameter), rest = value, map;
	struct slice other = slice_str(NULL);

	while (rest.n > 0) {
		struct slice table = next_word(&rest);

		if (!is_pattern_table(table))
			continue;
		if (listener_of(d, table, &map) == NULL)
			other = table;
		else if (slice_is(map, core[i].map) || slice_is(map, core[i].or_map))
			return true;
	}
	if (other.n > 0)
		return doctor_bad(d, c, slice_str(core[i].parameter),
		    "it names '%.*s', and no listener of vmaild.conf is there", (int)other.n,
		    other.p);
	return doctor_bad(d, c, slice_str(core[i].parameter),
	    "it does not ask vmaild for '%s': it is '%.*s'", core[i].map, (int)value.n,
	    value.p != NULL ? value.p : "");
}

bool
check_tables(struct doctor *d, const struct check *c)
{
	bool ok = true;

	for (size_t i = 0; i < sizeof core / sizeof *core; i++)
		ok = names_table(d, c, i) && ok;
	return ok;
}

/* A map that vmaild does not know is a configuration error to Postfix: every mail waits. */
static bool
is_map(const struct doctor *d, struct slice name)
{
	enum key_search search;
	enum map_value value;
	struct error err;

	if (map_by_name(name) != NULL || !d->has_store)
		return true;
	return map_name_ok(name) && store_map(d->ctl->store, name, &search, &value, &err) != NONE;
}

static bool
check_line(struct doctor *d, const struct check *c, struct slice line)
{
	struct slice rest = line, name = slice_trim(slice_cut(&rest, '=')), map;
	bool ok = true;

	while (rest.n > 0) {
		struct slice table = next_word(&rest);

		if (is_pattern_table(table) && listener_of(d, table, &map) != NULL &&
		    !is_map(d, map))
			ok = doctor_bad(d, c, name,
			    "there is no map '%.*s': every mail that needs it waits", (int)map.n,
			    map.p);
	}
	return ok;
}

bool
check_map_names(struct doctor *d, const struct check *c)
{
	const struct sbuf *const texts[] = { &d->main_cf, &d->master_cf };
	bool ok = true;

	for (size_t i = 0; i < 2; i++) {
		struct slice rest = sbuf_slice(texts[i]);

		while (rest.n > 0)
			ok = check_line(d, c, slice_cut(&rest, '\n')) && ok;
	}
	return ok;
}

/* --- who delivers -------------------------------------------------------------------------------
 */

static bool
asks_pattern_table(const struct doctor *d, const char *parameter)
{
	struct slice rest = doctor_parameter(d, parameter);

	while (rest.n > 0)
		if (is_pattern_table(next_word(&rest)))
			return true;
	return false;
}

bool
check_transport(struct doctor *d, const struct check *c)
{
	static const char *const asked[] = { "virtual_mailbox_maps", "virtual_uid_maps",
		"virtual_gid_maps" };
	struct slice rest = doctor_parameter(d, "virtual_transport");

	if (!slice_is(slice_cut(&rest, ':'), "virtual"))
		return true;
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
		if (asks_pattern_table(d, asked[i]))
			return doctor_bad(d, c, slice_str(asked[i]),
			    "virtual_transport is virtual(8), which refuses socketmap and tcp "
			    "tables: "
			    "mail for mailboxes is deferred");
	return true;
}

bool
check_alias_maps(struct doctor *d, const struct check *c)
{
	return !asks_pattern_table(d, "alias_maps") ||
	       doctor_bad(d, c, slice_str("alias_maps"),
		   "it names a socketmap or tcp table, which local(8) refuses: mail for users of "
		   "this "
		   "host is deferred");
}

/* --- domains ------------------------------------------------------------------------------------
 */

static bool
is_virtual(struct doctor *d, struct slice name)
{
	struct question q;
	struct facts facts;
	struct sbuf folded;
	struct error err;
	bool found;

	question_init(&q);
	facts_init(&facts);
	sbuf_init(&folded, ADDRESS_DOMAIN_MAX + 1);
	found = domain_fold(&folded, name) && question_set_domain(&q, sbuf_slice(&folded)) &&
		store_ask(d->ctl->store, &q, &facts, &err) == FOUND && facts.domain.known &&
		facts.domain.kind != DOMAIN_LOCAL;
	sbuf_release(&folded);
	facts_release(&facts);
	question_release(&q);
	return found;
}

bool
check_mydestination(struct doctor *d, const struct check *c)
{
	struct slice rest = doctor_parameter(d, "mydestination"), word;
	bool ok = true;

	if (!d->has_store)
		return false;
	while (rest.n > 0) {
		word = next_word(&rest);
		if (word.n > 0 && memchr(word.p, ':', word.n) == NULL && is_virtual(d, word))
			ok = doctor_bad(d, c, word, "mydestination has it, and vmaild too");
	}
	return ok;
}

/* --- both sides the same -------------------------------------------------------------------------
 */

/* A set of characters, in any order. */
bool
doctor_same_delimiters(struct slice a, struct slice b)
{
	size_t at;

	for (size_t i = 0; i < a.n; i++)
		if (!slice_chr(b, a.p[i], &at))
			return false;
	for (size_t i = 0; i < b.n; i++)
		if (!slice_chr(a, b.p[i], &at))
			return false;
	return true;
}

bool
check_delimiter(struct doctor *d, const struct check *c)
{
	struct slice theirs = doctor_parameter(d, "recipient_delimiter");

	if (doctor_same_delimiters(theirs, slice_str(d->ctl->conf->recipient_delimiter)))
		return true;
	return doctor_bad(d, c, slice_str("recipient_delimiter"),
	    "main.cf says '%.*s', vmaild.conf says '%s'", (int)theirs.n,
	    theirs.p != NULL ? theirs.p : "", d->ctl->conf->recipient_delimiter);
}

bool
check_propagation(struct doctor *d, const struct check *c)
{
	struct slice rest = doctor_parameter(d, "propagate_unmatched_extensions");
	bool theirs = false, ours = d->ctl->conf->propagate_extensions;

	while (rest.n > 0)
		theirs |= slice_is(next_word(&rest), "virtual");
	return theirs == ours ||
	       doctor_bad(d, c, slice_str("propagate_unmatched_extensions"),
		   "%s there, and propagate-extensions is %s in vmaild.conf: tables of other kinds "
		   "treat extensions in another way than vmaild",
		   theirs ? "'virtual' is" : "'virtual' is not", ours ? "true" : "false");
}

/* --- logins -------------------------------------------------------------------------------------
 */

/* master.cf may switch logins on for a service alone: "submission/inet/smtpd_sasl_... = yes". */
static bool
takes_logins(const struct doctor *d)
{
	struct slice rest = sbuf_slice(&d->master_cf);

	if (slice_is(doctor_parameter(d, "smtpd_sasl_auth_enable"), "yes"))
		return true;
	while (rest.n > 0) {
		struct slice value = slice_cut(&rest, '\n');
		struct slice name = slice_trim(slice_cut(&value, '='));

		if (slice_ends(name, "/smtpd_sasl_auth_enable") &&
		    slice_is(slice_trim(value), "yes"))
			return true;
	}
	return false;
}

bool
check_logins(struct doctor *d, const struct check *c)
{
	const struct conf *conf = d->ctl->conf;
	struct slice path = doctor_parameter(d, "smtpd_sasl_path");
	struct slice type = doctor_parameter(d, "smtpd_sasl_type");

	if (!takes_logins(d))
		return doctor_say(d, c, SEVERITY_NOTICE, slice_str("smtpd_sasl_auth_enable"),
		    c->cure, "nobody may log in to send mail");
	for (size_t i = 0; slice_is(type, "dovecot") && i < conf->listeners; i++) {
		const struct conf_listener *l = &conf->listener[i];
		struct slice where = slice_str(listener_where(l));

		if (l->protocol == PROTOCOL_AUTH &&
		    (slice_eq(path, where) || slice_eq(path, slice_str(l->address)) ||
			slice_eq(path, slice_tail(where, 1))))
			return true;
	}
	return doctor_bad(d, c, slice_str("smtpd_sasl_path"),
	    "logins are asked of '%.*s' (%.*s), which is no listener of vmaild.conf", (int)path.n,
	    path.p != NULL ? path.p : "", (int)type.n, type.p != NULL ? type.p : "");
}

/* A parameter as it is for SERVICE, "submission/inet"; empty: for those that master.cf says nothing
 * of. */
static struct slice
parameter_of(const struct doctor *d, struct slice service, const char *name)
{
	char key[256];
	struct slice value = slice_str(NULL);

	if ((size_t)snprintf(key, sizeof key, "%.*s/%s", (int)service.n, service.p, name) <
	    sizeof key)
		value = value_of(sbuf_slice(&d->master_cf), key);
	return value.p != NULL ? value : doctor_parameter(d, name);
}

/* Names a parameter a file that is there, or a list of such? "none" stands for no certificate. */
static bool
is_certificate(struct slice value)
{
	char path[4096];

	if (value.n == 0 || value.n >= sizeof path || slice_is(value, "none"))
		return false;
	memcpy(path, value.p, value.n);
	path[value.n] = '\0';
	path[strcspn(path, ", ")] = '\0';
	return access(path, F_OK) == 0 || errno != ENOENT;
}

static bool
has_certificate(const struct doctor *d, struct slice service)
{
	static const char *const names[] = { "smtpd_tls_chain_files", "smtpd_tls_cert_file",
		"smtpd_tls_eccert_file", "smtpd_tls_dcert_file" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (is_certificate(parameter_of(d, service, names[i])))
			return true;
	return false;
}

static bool
has_tls(const struct doctor *d, struct slice service)
{
	static const char *const switches[] = { "smtpd_tls_wrappermode", "smtpd_use_tls",
		"smtpd_enforce_tls" };
	struct slice level = parameter_of(d, service, "smtpd_tls_security_level");
	bool on = level.n > 0 && !slice_is(level, "none");

	for (size_t i = 0; level.n == 0 && i < sizeof switches / sizeof *switches; i++)
		on = on || slice_is(parameter_of(d, service, switches[i]), "yes");
	return on && has_certificate(d, service);
}

static bool
offers_login(const struct doctor *d, struct slice service)
{
	return slice_is(parameter_of(d, service, "smtpd_sasl_auth_enable"), "yes") &&
	       (!slice_is(parameter_of(d, service, "smtpd_tls_auth_only"), "yes") ||
		   has_tls(d, service));
}

/* One service that offers it is enough: where people log in is not for us to say. */
bool
check_login_tls(struct doctor *d, const struct check *c)
{
	struct slice rest = sbuf_slice(&d->master_cf), level;
	bool offered = offers_login(d, slice_str(NULL));

	if (!takes_logins(d))
		return false;
	while (!offered && rest.n > 0) {
		struct slice line = slice_cut(&rest, '\n'), name = slice_cut(&line, '=');
		size_t at;

		offered = slice_rchr(name, '/', &at) && offers_login(d, slice_head(name, at));
	}
	level = doctor_parameter(d, "smtpd_tls_security_level");
	return offered ||
	       doctor_bad(d, c, slice_str("smtpd_tls_auth_only"),
		   "passwords are taken over TLS only, and no smtpd has TLS "
		   "(smtpd_tls_security_level is '%.*s', and there is %s certificate): nobody can "
		   "log in to send mail",
		   (int)level.n, level.p != NULL ? level.p : "",
		   has_certificate(d, slice_str(NULL)) ? "a" : "no");
}

/* --- the probe ----------------------------------------------------------------------------------
 */

static bool
take_domain(void *arg, const struct scan_row *row)
{
	sbuf_add_slice(arg, row->subject);
	return false;
}

/* A key that has an answer, where there is one. */
static bool
probe_key(struct doctor *d, struct sbuf *key)
{
	struct error err;

	if (d->has_store)
		store_scan(d->ctl->store, SCAN_MAILBOX_DOMAINS, 0, take_domain, key, &err);
	if (key->n > 0)
		return true;
	sbuf_add_str(key, "vmaild.invalid");
	return false;
}

static int
postmap(const struct doctor *d, const char *key, const char *table, struct sbuf *out,
    struct sbuf *trouble)
{
	const char *argv[8] = { "postmap" };
	size_t n = 1;

	if (d->postfix != NULL) {
		argv[n++] = "-c";
		argv[n++] = d->postfix;
	}
	argv[n++] = "-q";
	argv[n++] = key;
	argv[n++] = table;
	return host_run(out, trouble, argv);
}

/* postmap exits 1 both for "no" and for trouble; of trouble it says that it is fatal. */
static bool
judge_probe(struct doctor *d, const struct check *c, const char *key, bool there, int status,
    struct slice out, struct slice trouble)
{
	if (status < 0)
		return doctor_say(d, c, SEVERITY_NOTICE, slice_str("postmap"), NULL,
		    "it cannot be run: Postfix's view was not tried");
	if (status > 1 || (status == 1 && memmem(trouble.p, trouble.n, "fatal:", 6) != NULL))
		return doctor_bad(d, c, slice_str(key), "%.*s",
		    (int)(trouble.n < 400 ? trouble.n : 400), trouble.p);
	if (there == (status == 0))
		return true;
	return doctor_bad(d, c, slice_str(key), "it is %s the store, and postmap %s%.*s",
	    there ? "in" : "not in", status == 0 ? "gets " : "gets nothing", (int)out.n,
	    out.p != NULL ? out.p : "");
}

bool
check_probe(struct doctor *d, const struct check *c)
{
	const struct conf_listener *l = listener_for(d->ctl->conf, PROTOCOL_SOCKETMAP, NULL);
	struct sbuf key, out, trouble;
	char table[512];
	bool ok, there;
	int status;

	if (l == NULL)
		return doctor_say(d, c, SEVERITY_NOTICE, slice_str(NULL), NULL,
		    "no listener of vmaild.conf speaks socketmap: there is nothing to try");
	sbuf_init(&key, 1 << 16);
	sbuf_init(&out, 1 << 16);
	sbuf_init(&trouble, 1 << 16);
	there = probe_key(d, &key);
	snprintf(table, sizeof table, "socketmap:%s:domains", l->address);
	status = postmap(d, sbuf_cstr(&key), table, &out, &trouble);
	ok = judge_probe(d, c, sbuf_cstr(&key), there, status, slice_trim(sbuf_slice(&out)),
	    slice_trim(sbuf_slice(&trouble)));
	sbuf_release(&trouble);
	sbuf_release(&out);
	sbuf_release(&key);
	return ok;
}
