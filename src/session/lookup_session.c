/* SPDX-License-Identifier: ISC
 *
 * A Postfix client's conversation: one request, one reply, in order, as often as it likes. All
 * lookup protocols; the words of each stand in wire/, the answers come from mail/lookup and
 * mail/policy.
 */
#include "session/lookup_session.h"

#include "session/answers.h"
#include "session/tally.h"
#include "wire/policy.h"
#include "wire/socketmap.h"
#include "wire/tcptable.h"

enum {
	MAP_IN_SIGHT = 256, /* bytes of an over-long request in which its map's name must end */
	NOTE_KEY_MAX = 256  /* bytes of a key that a note repeats */
};

void
lookup_session_init(struct lookup_session *s, enum protocol protocol, struct slice map,
    const struct lookup_rules *rules, struct policy *policy)
{
	*s = (struct lookup_session){
		.protocol = protocol, .map = map, .rules = rules, .policy = policy
	};
	sbuf_init(&s->key, TCPTABLE_LINE_MAX);
	sbuf_init(&s->asked, TCPTABLE_LINE_MAX);
	sbuf_init(&s->note, 512);
	sbuf_init(&s->note_key, NOTE_KEY_MAX);
}

void
lookup_session_release(struct lookup_session *s)
{
	sbuf_release(&s->key);
	sbuf_release(&s->asked);
	sbuf_release(&s->note);
	sbuf_release(&s->note_key);
}

static size_t
number_of(const struct map *map)
{
	return map_at(map_number(map)) != NULL ? map_number(map) : TALLY_OTHER;
}

/* Keep what is asked for whoever listens. Who asks for longer keys than fit is not heard. */
static void
keep_asked(struct lookup_session *s, struct slice map, struct slice key)
{
	if (s->ear == NULL)
		return;
	sbuf_clear(&s->asked);
	sbuf_add_slice(&s->asked, map);
	sbuf_add_chr(&s->asked, ' ');
	sbuf_add_slice(&s->asked, key);
}

static void
tell_ear(struct lookup_session *s, enum outcome o, struct slice text)
{
	struct slice key = sbuf_slice(&s->asked), map;

	if (s->ear == NULL || key.n == 0 || s->asked.failed)
		return;
	map = slice_cut(&key, ' ');
	s->ear->hear(s->ear, map, key, o, o == NONE ? slice_str("") : text);
	sbuf_clear(&s->asked);
}

static bool
put_reply(struct lookup_session *s, enum outcome o, size_t map, struct slice text, struct sbuf *out)
{
	if (s->tally != NULL)
		counter_add(&s->tally->answered[map][o], 1);
	tell_ear(s, o, text);
	if (s->protocol == PROTOCOL_TCP)
		return tcptable_put(out, o, text);
	/* that text Postfix passes on to whoever sends the mail: what is wrong here is not his */
	if (s->protocol == PROTOCOL_POLICY)
		return policy_put(out, o, o == RETRY ? slice_str("") : text);
	return socketmap_put(out, o, text);
}

static void
reply(struct lookup_session *s, const struct lookup *l, struct sbuf *out)
{
	const struct answered answer = { .outcome = l->outcome,
		.map = (uint16_t)number_of(l->map),
		.text = sbuf_slice(&l->value) };

	s->answering = false;
	if ((l->outcome == FOUND || l->outcome == NONE) && !l->timed)
		answers_add(s->answers, &answer);
	if (put_reply(s, l->outcome, answer.map, answer.text, out))
		return;
	sbuf_clear(&s->note);
	sbuf_clear(&s->note_key);
	sbuf_printf(&s->note, "map '%s': a value of %zu bytes cannot be sent by this protocol",
	    l->map->name, l->value.n);
	sbuf_add_slice(&s->note_key, slice_head(sbuf_slice(&l->key), NOTE_KEY_MAX));
}

/* Start the lookup of one request; it may be over at once. */
static void
start(struct lookup_session *s, struct lookup *l, struct slice map, struct slice key,
    struct sbuf *out)
{
	struct answered before;
	uint64_t foreseen = s->foreseen;

	s->foreseen = 0; /* it was of the first request only */
	keep_asked(s, map, key);
	if (answers_find(s->answers, map, key, foreseen, &before)) {
		if (s->tally != NULL)
			counter_add(&s->tally->remembered, 1);
		put_reply(s, before.outcome, before.map, before.text, out);
		return;
	}
	s->answering = true;
	lookup_start(l, s->rules, map, key);
	if (!l->asking)
		reply(s, l, out);
}

static enum want
step_socketmap(struct lookup_session *s, struct lookup *l, struct slice *in, struct sbuf *out)
{
	struct slice map, key;
	size_t used;

	switch (socketmap_take(*in, &map, &key, &used)) {
	case MORE:
		return WANT_INPUT;
	case TAKEN:
		start(s, l, map, key, out);
		break;
	case TOO_LONG:
		if (map.n == 0 && in->n < MAP_IN_SIGHT)
			return WANT_INPUT;
		/* nothing has a key so long, nor an empty one; an unknown map is still told from
		 * that */
		start(s, l, map, slice_str(""), out);
		s->skip = used;
		used = 0;
		break;
	case MALFORMED:
		return WANT_CLOSE;
	}
	*in = slice_tail(*in, used);
	return WANT_FACTS;
}

static enum want
step_tcp(struct lookup_session *s, struct lookup *l, struct slice *in, struct sbuf *out)
{
	bool bad_request;
	size_t used;

	switch (tcptable_take(*in, &s->key, &bad_request, &used)) {
	case MORE:
		return WANT_INPUT;
	case TAKEN:
		if (bad_request)
			put_reply(s, BAD, TALLY_OTHER, slice_str("no tcp_table request"), out);
		else
			start(s, l, s->map, sbuf_slice(&s->key), out);
		break;
	case TOO_LONG:
	case MALFORMED:
		put_reply(s, BAD, TALLY_OTHER, slice_str("the request is too long"), out);
		return WANT_CLOSE;
	}
	*in = slice_tail(*in, used);
	return WANT_FACTS;
}

/* One question can take many lookups: the reply is due behind the last. */
static void
reply_policy(struct lookup_session *s, struct sbuf *out)
{
	s->answering = s->policy->asking;
	if (!s->answering)
		put_reply(s, s->policy->outcome, TALLY_POLICY, slice_str(s->policy->action), out);
}

static enum want
step_policy(struct lookup_session *s, struct lookup *l, struct slice *in, struct sbuf *out)
{
	struct policy_request r;
	size_t used;

	switch (policy_take(*in, &r, &used)) {
	case MORE:
		return WANT_INPUT;
	case TAKEN:
		keep_asked(s, slice_str("policy"), r.recipient);
		policy_start(s->policy, l, s->rules, r.sender, r.recipient);
		reply_policy(s, out);
		break;
	case TOO_LONG:
	case MALFORMED:
		put_reply(s, BAD, TALLY_POLICY, slice_str("no policy request"), out);
		return WANT_CLOSE;
	}
	*in = slice_tail(*in, used);
	return WANT_FACTS;
}

static void
go_on(struct lookup_session *s, struct lookup *l, struct sbuf *out)
{
	if (s->protocol != PROTOCOL_POLICY) {
		reply(s, l, out);
		return;
	}
	policy_tell(s->policy);
	reply_policy(s, out);
}

static enum want
step(struct lookup_session *s, struct lookup *l, struct slice *in, struct sbuf *out)
{
	switch (s->protocol) {
	case PROTOCOL_TCP:
		return step_tcp(s, l, in, out);
	case PROTOCOL_POLICY:
		return step_policy(s, l, in, out);
	default:
		return step_socketmap(s, l, in, out);
	}
}

bool
lookup_session_is_one(const struct lookup_session *s, struct slice in)
{
	struct slice map, key;
	size_t n;

	if (s->skip > 0)
		return false;
	switch (s->protocol) {
	case PROTOCOL_SOCKETMAP:
		return socketmap_take(in, &map, &key, &n) == TAKEN && n == in.n;
	case PROTOCOL_TCP:
		return slice_chr(in, '\n', &n) && n + 1 == in.n;
	default:
		return false;
	}
}

void
lookup_session_foresee(struct lookup_session *s, struct slice in)
{
	struct slice map, key;
	size_t n;

	s->foreseen = 0;
	if (s->protocol == PROTOCOL_SOCKETMAP && s->skip == 0 &&
	    socketmap_take(in, &map, &key, &n) == TAKEN)
		s->foreseen =
		    answers_foresee(s->answers, slice_of(map.p, (size_t)(key.p + key.n - map.p)));
}

static void
skip(struct lookup_session *s, struct slice *in)
{
	size_t n = s->skip < in->n ? s->skip : in->n;

	*in = slice_tail(*in, n);
	s->skip -= n;
}

enum want
lookup_session_step(struct lookup_session *s, struct lookup *l, struct slice *in, struct sbuf *out)
{
	enum want want = WANT_FACTS;

	if (s->answering)
		go_on(s, l, out);
	while (want == WANT_FACTS && !s->answering) {
		skip(s, in);
		if (in->n == 0)
			return WANT_INPUT;
		want = step(s, l, in, out);
	}
	return want;
}
