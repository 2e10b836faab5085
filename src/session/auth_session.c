/* SPDX-License-Identifier: ISC
 *
 * The words of Dovecot's auth-client and auth-userdb protocols, and the SASL dialogues PLAIN and
 * LOGIN in them. Who may log in is found out by the caller, who is handed each request as a struct
 * to keep: copy it, then auth_request_init the session's, and release the copy once it is answered.
 */
#include "session/auth_session.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "wire/authline.h"
#include "wire/base64.h"

enum { USER_MAX = 1024, PARAMETER_MAX = 255, VERSION_MAJOR = 1, VERSION_MINOR = 2 };

void
auth_request_init(struct auth_request *r)
{
	*r = (struct auth_request){ .id = 0 };
	sbuf_init(&r->user, USER_MAX);
	sbuf_init(&r->password, AUTHLINE_MAX);
	sbuf_init(&r->service, PARAMETER_MAX);
	sbuf_init(&r->remote, PARAMETER_MAX);
	sbuf_init(&r->reason, PARAMETER_MAX);
}

void
auth_request_release(struct auth_request *r)
{
	sbuf_release(&r->user);
	sbuf_release_secret(&r->password);
	sbuf_release(&r->service);
	sbuf_release(&r->remote);
	sbuf_release(&r->reason);
	auth_request_init(r);
}

/* --- mechanisms ------------------------------------------------------------------------------- */

/* Take one response into the request; false when it is none of this mechanism's. */
typedef bool take_fn(struct auth_request *r, struct slice response);

static bool
take_user(struct auth_request *r, struct slice response)
{
	return response.n > 0 && sbuf_add_slice(&r->user, response);
}

static bool
take_password(struct auth_request *r, struct slice response)
{
	return sbuf_add_slice(&r->password, response);
}

/* [authzid] NUL authcid NUL password. Nobody may act for somebody else. */
static bool
take_plain(struct auth_request *r, struct slice response)
{
	struct slice authzid = slice_cut(&response, '\0'), authcid = slice_cut(&response, '\0');

	return response.p != NULL && (authzid.n == 0 || slice_eq(authzid, authcid)) &&
	       take_user(r, authcid) && take_password(r, response);
}

enum { STEPS_MAX = 2 };

/* Each step is a challenge and what takes the response to it. An initial response answers the first
 * challenge before it is put. */
static const struct mechanism {
	const char *name;
	struct {
		const char *challenge;
		take_fn *take;
	} steps[STEPS_MAX];
} mechanisms[] = {
	{ "PLAIN", { { "", take_plain }, { NULL, NULL } } },
	{ "LOGIN", { { "Username:", take_user }, { "Password:", take_password } } },
};

enum { MECHANISMS = sizeof mechanisms / sizeof mechanisms[0] };

static const struct mechanism *
mechanism_by_name(struct slice name)
{
	for (const struct mechanism *m = mechanisms; m < mechanisms + MECHANISMS; m++)
		if (slice_is_nocase(name, m->name))
			return m;
	return NULL;
}

/* --- dialogues under way ---------------------------------------------------------------------- */

struct auth_pending {
	struct auth_pending *next;
	const struct mechanism *mechanism;
	size_t step;
	struct auth_request request;
};

static struct auth_pending *
pending_new(void)
{
	struct auth_pending *p = calloc(1, sizeof *p);

	if (p != NULL)
		auth_request_init(&p->request);
	return p;
}

static void
pending_free(struct auth_pending *p)
{
	if (p == NULL)
		return;
	auth_request_release(&p->request);
	free(p);
}

/* Take the dialogue of that id out of the list; NULL when there is none. */
static struct auth_pending *
pending_take(struct auth_session *s, uint32_t id)
{
	for (struct auth_pending **at = &s->pending; *at != NULL; at = &(*at)->next) {
		struct auth_pending *p = *at;

		if (p->request.id == id) {
			*at = p->next;
			p->next = NULL;
			return p;
		}
	}
	return NULL;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* End what was appended since BEFORE as one line, or take all of it back when it did not fit. */
static bool
end_line(struct sbuf *out, size_t before)
{
	if (sbuf_add_chr(out, '\n') && !out->failed)
		return true;
	sbuf_truncate(out, before);
	return false;
}

static bool
put_fail(struct sbuf *out, const struct auth_request *r, const char *code, struct slice reason)
{
	size_t before = out->n;

	sbuf_printf(out, "FAIL\t%" PRIu32, r->id);
	if (r->user.n > 0)
		authline_add(out, "user", sbuf_slice(&r->user));
	if (code != NULL)
		authline_add(out, "code", slice_str(code));
	if (reason.n > 0)
		authline_add(out, "reason", reason);
	return end_line(out, before);
}

/* What this protocol gets wrong is told, for it is a program that errs; whose password is wrong
 * never. A reason alone is for whoever knows the password: this one has a code before it. */
static bool
put_misuse(struct sbuf *out, const struct auth_request *r, const char *reason)
{
	return put_fail(out, r, "misuse", slice_str(reason));
}

static bool
put_challenge(struct sbuf *out, const struct auth_pending *p)
{
	size_t before = out->n;

	sbuf_printf(out, "CONT\t%" PRIu32 "\t", p->request.id);
	base64_encode(out, slice_str(p->mechanism->steps[p->step].challenge));
	return end_line(out, before);
}

/* Wait for the client's next word. Clients may give up without saying so (Postfix does): the
 * dialogue that has waited longest makes room for a new one. */
static bool
pending_wait(struct auth_session *s, struct auth_pending *p, struct sbuf *out)
{
	struct auth_pending **end = &s->pending;
	size_t n = 1;
	bool ok = put_challenge(out, p);

	for (; *end != NULL; end = &(*end)->next)
		n++;
	*end = p;
	if (n > AUTH_PENDING_MAX) {
		struct auth_pending *oldest = s->pending;

		s->pending = oldest->next;
		ok = put_misuse(out, &oldest->request, "given up for a newer one") && ok;
		pending_free(oldest);
	}
	return ok;
}

/* --- requests --------------------------------------------------------------------------------- */

static enum auth_want
want_input_if(bool ok)
{
	return ok ? AUTH_WANT_INPUT : AUTH_WANT_CLOSE;
}

static bool
take_number(struct slice *rest, uint32_t *n)
{
	unsigned long long number;
	struct slice field;

	if (!authline_field(rest, &field) || !slice_number(field, UINT32_MAX, &number))
		return false;
	*n = (uint32_t)number;
	return true;
}

/* Take one more field of a request. False: it cannot be kept, so the request cannot be understood.
 */
static bool
take_parameter(struct auth_request *r, struct slice field)
{
	struct slice value = field, key = slice_cut(&value, '=');
	struct sbuf *to = NULL;

	if (slice_is(key, "service") || slice_is(key, "protocol"))
		to = &r->service;
	else if (slice_is(key, "rip"))
		to = &r->remote;
	else if (slice_is(key, "no-penalty"))
		r->no_delay = true;
	if (to == NULL)
		return true;
	sbuf_clear(to);
	return authline_unescape(to, value);
}

/* End the dialogue P, which is in no list. */
static enum auth_want
refuse(struct auth_pending *p, const char *reason, struct sbuf *out)
{
	bool ok = put_misuse(out, &p->request, reason);

	pending_free(p);
	return want_input_if(ok);
}

/* Tell whether a response was not taken for want of memory alone: it would have fitted. */
static bool
is_starved(const struct auth_session *s, const struct auth_request *r)
{
	return s->scratch.failed ||
	       ((r->user.failed || r->password.failed) && s->scratch.n <= USER_MAX);
}

/* Take a coded response into the dialogue P, which is the session's from here on. */
static enum auth_want
respond(struct auth_session *s, struct auth_pending *p, struct slice coded, struct sbuf *out)
{
	bool ok = base64_decode(&s->scratch, coded) &&
		  p->mechanism->steps[p->step].take(&p->request, sbuf_slice(&s->scratch));
	bool starved = !ok && is_starved(s, &p->request);

	sbuf_release_secret(&s->scratch);
	if (starved) { /* no answer is right: he asks again */
		pending_free(p);
		return AUTH_WANT_CLOSE;
	}
	if (!ok)
		return refuse(p, "malformed response", out);
	p->step++;
	if (p->step < STEPS_MAX && p->mechanism->steps[p->step].take != NULL)
		return want_input_if(pending_wait(s, p, out));
	s->request = p->request;
	auth_request_init(&p->request);
	pending_free(p);
	return AUTH_WANT_ANSWER;
}

/* AUTH id mechanism [parameters] [resp=base64], which comes last: the `=` of the padding is its
 * own. An empty one is none. */
static enum auth_want
begin(struct auth_session *s, struct auth_pending *p, struct slice rest, struct sbuf *out)
{
	struct slice field, response = slice_of(NULL, 0);
	const char *reason = NULL;

	while (response.n == 0 && authline_field(&rest, &field)) {
		if (slice_starts(field, "resp=")) {
			response = slice_tail(field, 5);
		} else if (!take_parameter(&p->request, field)) {
			pending_free(p);
			return AUTH_WANT_CLOSE;
		}
	}
	if (rest.p != NULL)
		reason = "malformed request";
	else if (p->mechanism == NULL)
		reason = "unknown mechanism";
	if (reason != NULL)
		return refuse(p, reason, out);
	if (response.n > 0)
		return respond(s, p, response, out);
	return want_input_if(pending_wait(s, p, out));
}

static enum auth_want
take_auth(struct auth_session *s, enum auth_ask ask, struct slice rest, struct sbuf *out)
{
	struct auth_pending *p;
	struct slice name;
	uint32_t id;

	if (!take_number(&rest, &id) || !authline_field(&rest, &name))
		return AUTH_WANT_CLOSE;
	p = pending_take(s, id);
	if (p != NULL) /* which of the two would an answer be to: neither goes on */
		return refuse(p, "duplicate id", out);
	p = pending_new();
	if (p == NULL)
		return AUTH_WANT_CLOSE;
	p->request.ask = ask;
	p->request.id = id;
	p->mechanism = mechanism_by_name(name);
	return begin(s, p, rest, out);
}

/* CONT id base64 */
static enum auth_want
take_cont(struct auth_session *s, enum auth_ask ask, struct slice rest, struct sbuf *out)
{
	struct auth_pending *p;
	struct auth_request r;
	struct slice coded;

	(void)ask;
	auth_request_init(&r);
	if (!take_number(&rest, &r.id))
		return AUTH_WANT_CLOSE;
	p = pending_take(s, r.id);
	if (p == NULL)
		return want_input_if(put_misuse(out, &r, "unknown id"));
	if (!authline_field(&rest, &coded))
		coded = slice_of("", 0);
	return respond(s, p, coded, out);
}

/* CANCEL id: the client wants no answer. One that is with the caller just now is answered all the
 * same. */
static enum auth_want
take_cancel(struct auth_session *s, enum auth_ask ask, struct slice rest, struct sbuf *out)
{
	uint32_t id;

	(void)ask;
	(void)out;
	if (!take_number(&rest, &id))
		return AUTH_WANT_CLOSE;
	pending_free(pending_take(s, id));
	return AUTH_WANT_INPUT;
}

/* USER id user [parameters], PASS id user [parameters], LIST id [parameters] */
static enum auth_want
take_lookup(struct auth_session *s, enum auth_ask ask, struct slice rest, struct sbuf *out)
{
	struct auth_request *r = &s->request;
	struct slice field;

	(void)out;
	r->ask = ask;
	if (!take_number(&rest, &r->id))
		return AUTH_WANT_CLOSE;
	if (ask != AUTH_ASK_LIST &&
	    !(authline_field(&rest, &field) && authline_unescape(&r->user, field)))
		return AUTH_WANT_CLOSE;
	while (authline_field(&rest, &field))
		if (!take_parameter(r, field))
			return AUTH_WANT_CLOSE;
	return AUTH_WANT_ANSWER;
}

static const struct command {
	enum protocol protocol;
	const char *name;
	enum auth_want (*take)(
	    struct auth_session *s, enum auth_ask ask, struct slice rest, struct sbuf *out);
	enum auth_ask ask;
} commands[] = {
	{ PROTOCOL_AUTH, "AUTH", take_auth, AUTH_ASK_PASSWORD },
	{ PROTOCOL_AUTH, "CONT", take_cont, AUTH_ASK_PASSWORD },
	{ PROTOCOL_AUTH, "CANCEL", take_cancel, AUTH_ASK_PASSWORD },
	{ PROTOCOL_USERDB, "USER", take_lookup, AUTH_ASK_USER },
	{ PROTOCOL_USERDB, "PASS", take_lookup, AUTH_ASK_PASS },
	{ PROTOCOL_USERDB, "LIST", take_lookup, AUTH_ASK_LIST },
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

/* VERSION major minor: first of all, and the minor number may be any. */
static enum auth_want
take_version(struct auth_session *s, struct slice word, struct slice rest)
{
	uint32_t major;

	s->versioned =
	    slice_is(word, "VERSION") && take_number(&rest, &major) && major == VERSION_MAJOR;
	return want_input_if(s->versioned);
}

static enum auth_want
take_line(struct auth_session *s, struct slice line, struct sbuf *out)
{
	struct slice rest = line, word;

	if (!authline_field(&rest, &word))
		return AUTH_WANT_INPUT;
	if (!s->versioned)
		return take_version(s, word, rest);
	for (const struct command *c = commands; c < commands + COMMANDS; c++)
		if (c->protocol == s->protocol && slice_is(word, c->name))
			return c->take(s, c->ask, rest, out);
	/* CPID, and what later versions may have to say */
	return AUTH_WANT_INPUT;
}

/* --- the session ------------------------------------------------------------------------------ */

void
auth_session_init(struct auth_session *s, enum protocol protocol)
{
	assert(protocol == PROTOCOL_AUTH || protocol == PROTOCOL_USERDB);
	*s = (struct auth_session){ .protocol = protocol };
	auth_request_init(&s->request);
	sbuf_init(&s->scratch, AUTHLINE_MAX);
}

void
auth_session_release(struct auth_session *s)
{
	while (s->pending != NULL) {
		struct auth_pending *p = s->pending;

		s->pending = p->next;
		pending_free(p);
	}
	auth_request_release(&s->request);
	sbuf_release_secret(&s->scratch);
}

bool
auth_session_greet(struct auth_session *s, unsigned long pid, unsigned long connection,
    const unsigned char cookie[16], struct sbuf *out)
{
	size_t before = out->n;

	s->greeted = true;
	sbuf_printf(out, "VERSION\t%d\t%d\n", VERSION_MAJOR, VERSION_MINOR);
	/* Postfix takes a server without MECH before SPID for the wrong socket */
	for (size_t i = 0; s->protocol == PROTOCOL_AUTH && i < MECHANISMS; i++)
		sbuf_printf(out, "MECH\t%s\tplaintext\n", mechanisms[i].name);
	sbuf_printf(out, "SPID\t%lu", pid);
	if (s->protocol == PROTOCOL_USERDB)
		return end_line(out, before);
	/* Dovecot reads this as 32 bits */
	sbuf_printf(out, "\nCUID\t%lu\nCOOKIE\t", connection & UINT32_MAX);
	for (size_t i = 0; i < 16; i++)
		sbuf_printf(out, "%02x", cookie[i]);
	sbuf_add_str(out, "\nDONE");
	return end_line(out, before);
}

enum auth_want
auth_session_step(struct auth_session *s, struct slice *in, struct sbuf *out)
{
	enum auth_want want = AUTH_WANT_INPUT;
	struct slice line;
	size_t used;

	assert(s->greeted);
	auth_request_release(&s->request);
	while (want == AUTH_WANT_INPUT) {
		switch (authline_take(*in, &line, &used)) {
		case MORE:
			return AUTH_WANT_INPUT;
		case TAKEN:
			want = take_line(s, line, out);
			*in = slice_tail(*in, used);
			break;
		default:
			return AUTH_WANT_CLOSE;
		}
	}
	return want;
}

/* --- answers to requests -----------------------------------------------------------------------
 */

static const struct words {
	const char *found;
	const char *user;   /* what stands before the user's name */
	const char *prefix; /* what stands before the names of the account's fields */
} words[] = {
	[AUTH_ASK_PASSWORD] = { "OK", "user=", "userdb_" },
	[AUTH_ASK_USER] = { "USER", "", "" },
	[AUTH_ASK_PASS] = { "PASS", "user=", "userdb_" },
};

struct field_line {
	struct sbuf *out;
	const char *prefix;
};

static void
put_field(void *arg, const char *key, struct slice value)
{
	struct field_line *line = arg;

	sbuf_printf(line->out, "\t%s%s=", line->prefix, key);
	authline_escape(line->out, value);
}

static bool
is_postfix(const struct auth_request *r)
{
	return r->ask == AUTH_ASK_PASSWORD && slice_is(sbuf_slice(&r->service), "smtp");
}

/* False when the account cannot be told. Postfix has no use for where mail lives. Who asks without
 * a password has to see for himself who may log in, and from where. */
static bool
put_account(struct sbuf *out, const struct auth_request *r, const struct account *account,
    const struct account_rules *rules)
{
	const struct words *w = &words[r->ask];
	struct field_line line = { out, w->prefix }, login = { out, "" };

	sbuf_printf(out, "%s\t%" PRIu32 "\t%s", w->found, r->id, w->user);
	authline_escape(out, sbuf_slice(&account->address));
	if (r->ask == AUTH_ASK_PASS &&
	    !account_login_fields(account, sbuf_slice(&r->service), put_field, &login))
		return false;
	return is_postfix(r) || account_fields(account, rules, put_field, &line);
}

static bool
put_none(struct sbuf *out, const struct auth_request *r)
{
	size_t before = out->n;

	if (r->ask == AUTH_ASK_PASSWORD)
		return put_fail(out, r, NULL, sbuf_slice(&r->reason));
	sbuf_printf(out, "NOTFOUND\t%" PRIu32, r->id);
	return end_line(out, before);
}

static bool
put_retry(struct sbuf *out, const struct auth_request *r)
{
	size_t before = out->n;

	if (is_postfix(r))
		return false;
	if (r->ask == AUTH_ASK_PASSWORD)
		return put_fail(out, r, "temp_fail", slice_of("", 0));
	sbuf_printf(out, "FAIL\t%" PRIu32, r->id);
	return end_line(out, before);
}

bool
auth_session_answer(struct auth_session *s, const struct auth_request *r, enum outcome o,
    const struct account *account, const struct account_rules *rules, struct sbuf *out)
{
	size_t before = out->n;

	assert((s->protocol == PROTOCOL_AUTH) == (r->ask == AUTH_ASK_PASSWORD));
	assert(r->ask != AUTH_ASK_LIST);
	switch (o) {
	case FOUND:
		if (put_account(out, r, account, rules))
			return end_line(out, before);
		sbuf_truncate(out, before);
		return put_retry(out, r);
	case RETRY:
		return put_retry(out, r);
	case NONE:
	case BAD:
		break;
	}
	return put_none(out, r);
}

bool
auth_session_list_user(const struct auth_request *r, struct slice user, struct sbuf *out)
{
	size_t before = out->n;

	sbuf_printf(out, "LIST\t%" PRIu32 "\t", r->id);
	authline_escape(out, user);
	return end_line(out, before);
}

bool
auth_session_list_end(const struct auth_request *r, enum outcome o, struct sbuf *out)
{
	size_t before = out->n;

	sbuf_printf(out, "DONE\t%" PRIu32 "%s", r->id, o == FOUND || o == NONE ? "" : "\tfail");
	return end_line(out, before);
}
