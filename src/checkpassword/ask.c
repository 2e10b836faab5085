/* SPDX-License-Identifier: ISC
 *
 * Dovecot's auth-client and auth-userdb protocols, one question each. Anything the server says that
 * we do not expect is RETRY: a login is refused for a plain FAIL, and a user is unknown for
 * NOTFOUND only.
 */
#include "checkpassword/ask.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "checkpassword/client.h"
#include "checkpassword/guard.h"
#include "wire/authline.h"
#include "wire/base64.h"

enum {
	VALUE_MAX = 4096,
	SECRET_SIZE = 2048 /* a login's request line with an ordinary environment */
};

/* The largest uid but one: that means "no change" to chown and setuid. */
static const unsigned long long id_max = UINT32_MAX - 1;

static const struct {
	const char *login;  /* its key behind OK */
	const char *lookup; /* its key behind USER */
	bool number;
} fields[FIELDS] = {
	[FIELD_USER] = { "user", NULL, false }, /* behind USER it has a place and no key */
	[FIELD_HOME] = { "userdb_home", "home", false },
	[FIELD_UID] = { "userdb_uid", "uid", true },
	[FIELD_GID] = { "userdb_gid", "gid", true },
	[FIELD_MAIL] = { "userdb_mail", "mail", false },
	[FIELD_QUOTA_RULE] = { "userdb_quota_rule", "quota_rule", false },
	[FIELD_QUOTA_STORAGE_SIZE] = { "userdb_quota_storage_size", "quota_storage_size", false },
};

void
answer_init(struct answer *a)
{
	for (int f = 0; f < FIELDS; f++)
		sbuf_init(&a->field[f], VALUE_MAX);
}

void
answer_release(struct answer *a)
{
	for (int f = 0; f < FIELDS; f++)
		sbuf_release(&a->field[f]);
}

static enum outcome
strange(const struct client *c, struct error *err)
{
	return error_set(err, RETRY, "'%s' does not speak the protocol we expect there", c->path);
}

/* Keep what the fields behind OK or USER say. */
static bool
take_fields(struct answer *a, struct slice rest, bool lookup)
{
	struct slice value;

	if (lookup &&
	    !(authline_field(&rest, &value) && authline_unescape(&a->field[FIELD_USER], value)))
		return false;
	while (authline_field(&rest, &value)) {
		struct slice key = slice_cut(&value, '=');

		for (int f = 0; f < FIELDS; f++) {
			const char *name = lookup ? fields[f].lookup : fields[f].login;

			if (name == NULL || !slice_is(key, name))
				continue;
			sbuf_clear(&a->field[f]);
			if (!authline_unescape(&a->field[f], value))
				return false;
		}
	}
	return true;
}

/* Tell whether a field can be handed on: through an environment, and in lines. */
static bool
is_sound(struct slice value, bool number)
{
	unsigned long long id;

	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < ' ' || value.p[i] == 127)
			return false;
	return !number || value.n == 0 || slice_number(value, id_max, &id);
}

static enum outcome
check_answer(
    const struct answer *a, const struct question *q, const struct client *c, struct error *err)
{
	for (int f = 0; f < FIELDS; f++) {
		bool needed = f == FIELD_USER || (q->place_wanted && f <= FIELD_GID);

		if (!is_sound(sbuf_slice(&a->field[f]), fields[f].number))
			return error_set(err, RETRY, "'%s' sent a '%s' that cannot be used",
			    c->path, fields[f].login);
		if (needed && a->field[f].n == 0)
			return error_set(err, RETRY, "'%s' sent no '%s'", c->path, fields[f].login);
	}
	return FOUND;
}

/* Tell whether the fields behind FAIL say that the server could not look. */
static bool
is_temporary(struct slice rest)
{
	struct slice field;

	while (authline_field(&rest, &field))
		if (slice_is(field, "code=temp_fail") || slice_is(field, "temp"))
			return true;
	return false;
}

/* Read the one line that answers request 1. */
static enum outcome
read_verdict(struct client *c, struct slice line, const struct question *q, struct answer *a,
    struct error *err)
{
	struct slice word, id;

	if (!authline_field(&line, &word) || !authline_field(&line, &id) || !slice_is(id, "1"))
		return strange(c, err);
	if (slice_is(word, q->lookup ? "USER" : "OK")) {
		if (!take_fields(a, line, q->lookup))
			return strange(c, err);
		return check_answer(a, q, c, err);
	}
	if (q->lookup && slice_is(word, "NOTFOUND"))
		return NONE;
	if (!slice_is(word, "FAIL"))
		return strange(c, err);
	if (!q->lookup && !is_temporary(line))
		return NONE;
	return error_set(err, RETRY, "'%s' cannot tell just now", c->path);
}

/* Tell whether LINE is part of a greeting. *DONE: it ends one. *ALIKE is changed by a VERSION line:
 * whether that is ours. */
static bool
is_greeting(struct slice line, bool *done, bool *alike)
{
	static const char *const words[] = { "VERSION", "MECH", "SPID", "CUID", "COOKIE", "DONE" };
	struct slice word, major;

	if (!authline_field(&line, &word))
		return false;
	*done = slice_is(word, "DONE");
	if (slice_is(word, "VERSION"))
		*alike = authline_field(&line, &major) && slice_is(major, "1");
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (slice_is(word, words[i]))
			return true;
	return false;
}

/* Read the greeting of an auth socket to its end: nobody else shall see a password. It is there at
 * once; ours goes with the request, which spares both sides a turn. */
static enum outcome
read_greeting(struct client *c, struct error *err)
{
	bool done = false, alike = false;

	while (!done) {
		struct slice line;
		enum outcome o = client_line(c, &line, err);

		if (o != FOUND)
			return o;
		if (!is_greeting(line, &done, &alike))
			return strange(c, err);
	}
	return alike ? FOUND : strange(c, err);
}

/* A buffer that is going to hold a password. */
static void
secret_init(struct sbuf *b)
{
	sbuf_init(b, AUTHLINE_MAX);
	sbuf_room(b, SECRET_SIZE);
	guard_lock(b->p, b->size);
}

/* Append who we are, and the request for a login: its last field is the PLAIN message. */
static bool
put_login(struct sbuf *out, const struct question *q)
{
	struct sbuf plain;
	bool fits;

	secret_init(&plain);
	sbuf_add_chr(&plain, '\0');
	sbuf_add_slice(&plain, q->user);
	sbuf_add_chr(&plain, '\0');
	sbuf_add_slice(&plain, q->password);
	fits = !plain.failed &&
	       sbuf_printf(out, "VERSION\t1\t0\nCPID\t%ld\nAUTH\t1\tPLAIN", (long)getpid()) &&
	       authline_add(out, "service", slice_str(q->service)) &&
	       (q->remote == NULL || authline_add(out, "rip", slice_str(q->remote))) &&
	       (!q->no_penalty || sbuf_add_str(out, "\tno-penalty")) &&
	       sbuf_add_str(out, "\tresp=") && base64_encode(out, sbuf_slice(&plain)) &&
	       sbuf_add_chr(out, '\n');
	sbuf_release_secret(&plain);
	return fits;
}

static bool
put_lookup(struct sbuf *out, const struct question *q)
{
	return sbuf_add_str(out, "VERSION\t1\t0\nUSER\t1\t") && authline_escape(out, q->user) &&
	       authline_add(out, "service", slice_str(q->service)) && sbuf_add_chr(out, '\n');
}

static enum outcome
send_request(struct client *c, const struct question *q, struct error *err)
{
	enum outcome o;
	struct sbuf out;

	secret_init(&out);
	if (q->lookup ? put_lookup(&out, q) : put_login(&out, q))
		o = client_send(c, sbuf_slice(&out), err);
	else
		o = error_set(err, RETRY, "the request is too long for '%s'", c->path);
	sbuf_release_secret(&out);
	return o;
}

/* Wait for the line that is no greeting: a userdb socket ends its own with no word. */
static enum outcome
wait_verdict(struct client *c, const struct question *q, struct answer *a, struct error *err)
{
	bool done, alike = true;
	struct slice line;
	enum outcome o;

	while ((o = client_line(c, &line, err)) == FOUND) {
		if (!q->lookup || !is_greeting(line, &done, &alike))
			return alike ? read_verdict(c, line, q, a, err) : strange(c, err);
	}
	return o;
}

enum outcome
ask(const struct conf *conf, const struct question *q, struct answer *a, struct error *err)
{
	struct client c;
	enum outcome o = client_open(&c, conf, q->lookup ? PROTOCOL_USERDB : PROTOCOL_AUTH, err);

	if (o == FOUND && !q->lookup)
		o = read_greeting(&c, err);
	if (o == FOUND)
		o = send_request(&c, q, err);
	explicit_bzero(q->secret, q->secret_size); /* an answer may take its time */
	if (o == FOUND)
		o = wait_verdict(&c, q, a, err);
	client_close(&c);
	return o;
}
