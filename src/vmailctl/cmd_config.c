/* SPDX-License-Identifier: ISC
 *
 * config show, postfix and dovecot: the configuration in effect, and the lines that other programs
 * need to work with it, which are written in config_postfix.c and config_dovecot.c.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "vmailctl/config.h"
#include "vmailctl/output.h"

enum { CONFIG_MAX = 1 << 20 };

/* --- show ------------------------------------------------------------------------------------- */

static void
put_all(struct sbuf *out, const struct conf *conf)
{
	const struct conf_key *key;

	for (size_t i = 0; (key = conf_key_at(i)) != NULL; i++) {
		sbuf_printf(out, "%s = ", key->name);
		conf_put_value(out, conf, i);
		sbuf_add_chr(out, '\n');
	}
	for (size_t i = 0; i < conf->listeners; i++) {
		conf_put_listener(out, &conf->listener[i]);
		sbuf_add_chr(out, '\n');
	}
}

/* Numbers, booleans and quoted strings are written as in JSON, lists with other brackets, words
 * without quotes. */
static json_t *
json_written(struct sbuf *text)
{
	json_t *j;

	if (text->n > 1 && text->p[0] == '{') {
		text->p[0] = '[';
		text->p[text->n - 1] = ']';
	}
	j = json_loadb(text->p, text->n, JSON_DECODE_ANY, NULL);
	return j != NULL ? j : json_stringn(text->p, text->n);
}

static json_t *
json_listener(const struct conf_listener *l)
{
	char mode[16];

	snprintf(mode, sizeof mode, "%04o", l->mode);
	return json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:b}", "address", l->address, "protocol",
	    protocol_name(l->protocol), "map", l->map, "mode",
	    strncmp(l->address, "unix:", 5) == 0 ? mode : NULL, "group", l->group, "postfix-twin",
	    (int)l->twin);
}

static json_t *
json_conf(const struct conf *conf)
{
	const struct conf_key *key;
	json_t *all = json_object(), *listen = json_array();
	struct sbuf text;

	sbuf_init(&text, CONFIG_MAX);
	for (size_t i = 0; (key = conf_key_at(i)) != NULL; i++) {
		sbuf_clear(&text);
		conf_put_value(&text, conf, i);
		json_object_set_new(all, key->name, json_written(&text));
	}
	for (size_t i = 0; i < conf->listeners; i++)
		json_array_append_new(listen, json_listener(&conf->listener[i]));
	json_object_set_new(all, "listen", listen);
	sbuf_release(&text);
	return all;
}

static enum exit_code
print_text(struct ctl *ctl, struct sbuf *text)
{
	enum exit_code e;

	if (text->failed)
		e = ctl_fail(ctl, RETRY, "no memory for the text");
	else
		e = output_text(ctl, "text", sbuf_slice(text));
	sbuf_release(text);
	return e;
}

enum exit_code
cmd_config_show(struct ctl *ctl)
{
	struct sbuf text;
	enum outcome o = ctl_conf(ctl);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot read the configuration");
	if (ctl->json)
		return output_json(ctl, json_conf(ctl->conf));
	sbuf_init(&text, CONFIG_MAX);
	put_all(&text, ctl->conf);
	return print_text(ctl, &text);
}

/* --- for other programs ----------------------------------------------------------------------- */

enum exit_code
cmd_config_postfix(struct ctl *ctl)
{
	struct sbuf text;
	enum outcome o = ctl_conf(ctl);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot read the configuration");
	sbuf_init(&text, CONFIG_MAX);
	config_put_postfix(&text, ctl->conf, NULL);
	return print_text(ctl, &text);
}

static bool
look_at_name(void *arg, const struct account *row)
{
	bool *beyond_ascii = arg;

	*beyond_ascii = !slice_is_ascii(sbuf_slice(&row->address));
	return !*beyond_ascii;
}

/* A store that is not made yet has no names. */
static bool
has_names_beyond_ascii(struct ctl *ctl)
{
	struct slice all = slice_str(NULL);
	bool beyond_ascii = false;

	if (ctl_store(ctl, STORE_ADMIN) == FOUND)
		store_accounts(ctl->store, all, all, look_at_name, &beyond_ascii, &ctl->err);
	return beyond_ascii;
}

enum outcome
config_dovecot_text(struct ctl *ctl, struct sbuf *out)
{
	struct dovecot_wish wish = { .version = ctl_option(ctl, "version"),
		.passdb = ctl_option(ctl, "passdb"),
		.sql_file = ctl_option(ctl, "sql-file") != NULL,
		.conf_file = ctl->conf_file,
		.dovecot_file = ctl_option(ctl, "dovecot"),
		.postfix = ctl_option(ctl, "postfix") };
	enum outcome o = ctl_conf(ctl);

	if (o != FOUND)
		return o;
	wish.beyond_ascii = has_names_beyond_ascii(ctl);
	wish.store = ctl_uri(ctl);
	return config_put_dovecot(out, ctl->conf, &wish, &ctl->err);
}

enum exit_code
cmd_config_dovecot(struct ctl *ctl)
{
	struct sbuf text;
	enum outcome o = ctl_conf(ctl);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot read the configuration");
	sbuf_init(&text, CONFIG_MAX);
	if (config_dovecot_text(ctl, &text) == FOUND)
		return print_text(ctl, &text);
	sbuf_release(&text);
	return ctl_usage(ctl, "%s", ctl->err.text);
}
