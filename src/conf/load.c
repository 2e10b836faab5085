/* SPDX-License-Identifier: ISC
 *
 * Reading the file: libconfuse parses, the tables of keys.c judge each value while its line is
 * known, and the whole is checked at the end. Nothing is printed, whatever the file holds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confuse.h>

#include "base/sbuf.h"
#include "keys.h"
#include "source.h"

enum { KEYS_MAX = 64 };

/* libconfuse leaves the high bits of an option's flags alone. */
enum { GIVEN = 1 << 30 };

struct reader {
	const char *file;
	struct error *err;
	enum outcome outcome; /* FOUND until something was wrong */
};

/* libconfuse hands its callbacks no pointer of ours. So the reader rides on an option that no file
 * can name, because '|' separates section names there; it is the first of every section. */
static cfg_opt_t
rider(struct reader *r)
{
	return (cfg_opt_t){ .name = "|", .type = CFGT_PTR, .simple_value.ptr = (void **)r };
}

static struct reader *
reader_of(cfg_t *cfg)
{
	return (struct reader *)cfg->opts[0].simple_value.ptr;
}

/* --- complaints ------------------------------------------------------------------------------ */

/* The first complaint stays: those after it are its consequences. */
static void
complain(struct reader *r, enum outcome o, int line, const char *text)
{
	if (r->outcome != FOUND)
		return;
	r->outcome = o;
	if (line > 0)
		error_set(r->err, o, "%s:%d: %s", r->file, line, text);
	else
		error_set(r->err, o, "%s: %s", r->file, text);
	if (r->err == NULL)
		return;
	for (char *c = r->err->text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

static void on_error(cfg_t *cfg, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void
on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct error why;

	vsnprintf(why.text, sizeof why.text, fmt, ap);
	complain(reader_of(cfg), BAD, cfg->line, why.text);
}

/* --- one value ------------------------------------------------------------------------------- */

static const struct key *
row_of(cfg_t *cfg, cfg_opt_t *opt)
{
	return key_by_name(cfg->title == NULL ? conf_keys : conf_listen_keys, opt->name);
}

static enum outcome
take(const struct key *key, void *structure, cfg_opt_t *opt, struct error *err)
{
	enum outcome o = FOUND;

	for (unsigned i = 0; i < cfg_opt_size(opt) && o == FOUND; i++)
		o = key->kind->set(key, key_field(key, structure), cfg_opt_getnstr(opt, i), err);
	return o;
}

/* Judge a value as soon as it was read; it is taken over when the whole file was. */
static int
on_value(cfg_t *cfg, cfg_opt_t *opt)
{
	union {
		struct conf conf;
		struct conf_listener listener;
	} scratch;
	const struct key *key = row_of(cfg, opt);
	struct error why;
	enum outcome o;

	if (cfg->line == 0) /* one of our own presets */
		return 0;
	if (!key->kind->list && (opt->flags & GIVEN) != 0) {
		cfg_error(cfg, "%s: is set twice", opt->name);
		return -1;
	}
	opt->flags |= GIVEN;
	memset(&scratch, 0, sizeof scratch);
	o = take(key, &scratch, opt, &why);
	if (key->kind->release != NULL)
		key->kind->release(key_field(key, &scratch));
	if (o != FOUND)
		complain(reader_of(cfg), o, cfg->line, why.text);
	return o == FOUND ? 0 : -1;
}

/* --- the option arrays, from the tables ------------------------------------------------------ */

static void
options(cfg_opt_t *out, const struct key *table, struct reader *r)
{
	*out++ = rider(r);
	for (const struct key *k = table; k->shown.name != NULL; k++, out++) {
		*out = (cfg_opt_t){ .name = k->shown.name, .type = CFGT_STR, .validcb = on_value };
		if (k->kind->list)
			out->flags |= CFGF_LIST;
		if (table == conf_keys)
			out->def.parsed = (char *)k->shown.preset;
		else
			out->flags |= CFGF_NODEFAULT;
	}
	*out = (cfg_opt_t)CFG_END();
}

static cfg_t *
parser_new(struct reader *r)
{
	cfg_opt_t section[KEYS_MAX], root[KEYS_MAX];
	cfg_opt_t listen =
	    CFG_SEC("listen", section, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
	cfg_t *cfg;
	int n;

	options(section, conf_listen_keys, r);
	options(root, conf_keys, r);
	n = cfg_numopts(root);
	root[n] = listen;
	root[n + 1] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(root, CFGF_NONE);
	if (cfg == NULL)
		complain(r, RETRY, 0, "out of memory");
	else
		cfg_set_error_function(cfg, on_error);
	return cfg;
}

static void
parse(cfg_t *cfg, struct sbuf *text, struct reader *r)
{
	if (cfg_parse_buf(cfg, sbuf_cstr(text)) != CFG_SUCCESS)
		complain(r, BAD, cfg->line, "this is not understood");
}

/* --- listeners ------------------------------------------------------------------------------- */

static const struct {
	const char *address;
	enum protocol protocol;
	const char *group;
	bool twin;
} builtin[] = {
	{ "unix:/run/vmaild.sock", PROTOCOL_SOCKETMAP, "postfix", true },
	{ "unix:/run/vmaild-auth.sock", PROTOCOL_AUTH, "postfix", true },
	{ "unix:/run/vmaild-dovecot.sock", PROTOCOL_AUTH, "dovecot", false },
	{ "unix:/run/vmaild-userdb.sock", PROTOCOL_USERDB, "dovecot", false },
	{ "unix:/run/vmaild-metrics.sock", PROTOCOL_METRICS, NULL, false },
};

/* What Postfix itself connects to. */
static bool
postfix_asks(enum protocol p)
{
	return p == PROTOCOL_SOCKETMAP || p == PROTOCOL_POLICY || p == PROTOCOL_AUTH;
}

static enum outcome
add_builtin(struct conf *c, struct error *err)
{
	for (size_t i = 0; i < sizeof builtin / sizeof *builtin; i++) {
		struct conf_listener *l = &c->listener[c->listeners++];

		l->address = strdup(builtin[i].address);
		/* NOANALYZER(-Wanalyzer-malloc-leak): conf_free knows all of c->listeners */
		l->protocol = builtin[i].protocol;
		l->mode = 0660;
		l->group = builtin[i].group != NULL ? strdup(builtin[i].group) : NULL;
		/* NOANALYZER(-Wanalyzer-malloc-leak): the same */
		l->twin = builtin[i].twin;
		l->builtin = true;
		if (l->address == NULL || (l->group == NULL && builtin[i].group != NULL))
			return error_set(err, RETRY, "out of memory");
	}
	return FOUND;
}

static enum outcome
take_address(struct conf_listener *l, const char *title, struct error *err)
{
	static const char prefix[] = "unix:";

	if (strncmp(title, prefix, strlen(prefix)) == 0)
		return absolute(&l->address, prefix, title + strlen(prefix), err);
	l->address = strdup(title);
	return l->address == NULL ? error_set(err, RETRY, "out of memory") : FOUND;
}

static enum outcome
take_listener(struct conf_listener *l, cfg_t *section, struct error *err)
{
	enum outcome o = take_address(l, cfg_title(section), err);
	bool is_unix = o == FOUND && strncmp(l->address, "unix:", 5) == 0;

	l->protocol = PROTOCOLS; /* which is none: check_listener finds it */
	for (const struct key *k = conf_listen_keys; o == FOUND && k->shown.name != NULL; k++) {
		cfg_opt_t *opt = cfg_getopt(section, k->shown.name);

		if (cfg_opt_size(opt) > 0)
			o = take(k, l, opt, err);
		else if (k->shown.preset[0] != '\0' && (is_unix || !k->unix_only))
			o = k->kind->set(k, key_field(k, l), k->shown.preset, err);
	}
	if (is_unix && cfg_opt_size(cfg_getopt(section, "postfix-twin")) == 0)
		l->twin = postfix_asks(l->protocol);
	return o;
}

static enum outcome
check_listener(const struct conf *c, const struct conf_listener *l, struct error *err)
{
	struct conf_endpoint at;

	if (conf_endpoint(&at, l->address, err) != FOUND)
		return BAD;
	if (l->protocol == PROTOCOLS)
		return error_set(err, BAD, "needs a protocol: %s", conf_listen_keys[0].shown.value);
	if (l->protocol == PROTOCOL_TCP && l->map == NULL)
		return error_set(err, BAD, "protocol tcp needs a map: its clients cannot name one");
	if (l->protocol != PROTOCOL_TCP && l->map != NULL)
		return error_set(err, BAD, "map is for protocol tcp only");
	if (!at.is_unix && (l->mode != 0 || l->group != NULL || l->peer[0] != NULL || l->twin))
		return error_set(
		    err, BAD, "mode, group, peers and postfix-twin are for unix sockets only");
	if (l->twin && !postfix_asks(l->protocol))
		return error_set(err, BAD, "postfix-twin is for socketmap, policy and auth only");
	for (const struct conf_listener *before = c->listener; before < l; before++)
		if (strcmp(before->address, l->address) == 0)
			return error_set(err, BAD, "this address has a listen section already");
	for (char *const *queue = c->queue_directory; l->twin && *queue != NULL; queue++)
		if (strlen(*queue) + strlen(at.path) >= sizeof at.path)
			return error_set(err, BAD,
			    "its twin below '%s' would have a path of more than %zu bytes: "
			    "shorten it, or say postfix-twin = false",
			    *queue, sizeof at.path - 1);
	return FOUND;
}

static void
blame_listener(
    struct reader *r, cfg_t *section, enum outcome o, const char *title, const struct error *why)
{
	struct error full;

	error_set(&full, o, "listen '%s': %s", title, why->text);
	complain(r, o, section == NULL ? 0 : section->line, full.text);
}

/* --- the whole ------------------------------------------------------------------------------- */

static void
take_keys(struct conf *c, cfg_t *cfg, struct reader *r)
{
	struct error why;

	for (const struct key *k = conf_keys; k->shown.name != NULL; k++) {
		enum outcome o = take(k, c, cfg_getopt(cfg, k->shown.name), &why);

		if (o != FOUND)
			complain(r, o, 0, why.text);
	}
}

static void
take_listeners(struct conf *c, cfg_t *cfg, struct reader *r)
{
	unsigned sections = cfg_size(cfg, "listen");
	struct error why;

	if (sections > CONF_LISTENERS_MAX) {
		complain(r, BAD, cfg_getnsec(cfg, "listen", CONF_LISTENERS_MAX)->line,
		    "more than 32 listen sections");
		return;
	}
	for (unsigned i = 0; i < sections; i++) {
		cfg_t *section = cfg_getnsec(cfg, "listen", i);
		enum outcome o = take_listener(&c->listener[c->listeners++], section, &why);

		if (o != FOUND)
			blame_listener(r, section, o, cfg_title(section), &why);
	}
	if (sections == 0 && add_builtin(c, &why) != FOUND)
		complain(r, RETRY, 0, why.text);
}

static void
check_listeners(const struct conf *c, cfg_t *cfg, struct reader *r)
{
	struct error why;

	for (size_t i = 0; i < c->listeners && r->outcome == FOUND; i++) {
		const struct conf_listener *l = &c->listener[i];
		cfg_t *section = l->builtin ? NULL : cfg_getnsec(cfg, "listen", (unsigned)i);

		if (check_listener(c, l, &why) != FOUND)
			blame_listener(r, section, BAD, l->address, &why);
	}
}

static struct conf *
conf_of(cfg_t *cfg, struct reader *r)
{
	struct conf *c = calloc(1, sizeof *c);

	if (c == NULL) {
		complain(r, RETRY, 0, "out of memory");
		return NULL;
	}
	take_keys(c, cfg, r);
	take_listeners(c, cfg, r);
	check_listeners(c, cfg, r);
	if (r->outcome == FOUND)
		return c;
	conf_free(c);
	return NULL;
}

enum outcome
conf_load(struct conf **out, const char *file, struct error *err)
{
	struct reader r = { .file = file == NULL ? CONF_DEFAULT_FILE : file, .err = err };
	struct conf *c = NULL;
	struct sbuf text;
	cfg_t *cfg = NULL;
	bool closed = false;

	sbuf_init(&text, SOURCE_MAX);
	r.outcome = source_read(&text, file, &closed, err);
	if (r.outcome != FOUND)
		goto out;
	cfg = parser_new(&r);
	if (cfg == NULL)
		goto out;
	parse(cfg, &text, &r);
	if (r.outcome == FOUND)
		c = conf_of(cfg, &r);
	if (c != NULL) {
		c->closed = closed;
		*out = c;
	}
out:
	if (cfg != NULL)
		cfg_free(cfg);
	sbuf_release(&text);
	return r.outcome;
}

const char *
conf_store_for_lookups(const struct conf *c)
{
	return c->store_lookup[0] != '\0' ? c->store_lookup : c->store;
}

const char *
conf_store_for_logins(const struct conf *c)
{
	return c->store_login[0] != '\0' ? c->store_login : c->store;
}

const char *
conf_store_file(const struct conf *c)
{
	static const char scheme[] = "sqlite:";
	bool named = slice_starts(slice_str(c->store), scheme);
	const char *path = named ? c->store + strlen(scheme) : c->store;

	return path[0] == '/' ? path : NULL;
}

bool
conf_throttle_file(struct sbuf *out, const struct conf *c)
{
	static const char elsewhere[] = "/var/lib/vmaild/throttle";
	const char *store = conf_store_file(c);

	if (c->throttle_file[0] != '\0')
		return sbuf_add_str(out, c->throttle_file);
	if (store == NULL)
		return sbuf_add_str(out, elsewhere);
	return sbuf_add_str(out, store) && sbuf_add_str(out, "-throttle");
}

void
conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->listeners; i++) {
		free(c->listener[i].address);
		keys_release(conf_listen_keys, &c->listener[i]);
	}
	keys_release(conf_keys, c);
	free(c);
}
