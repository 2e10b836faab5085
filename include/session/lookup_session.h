/* SPDX-License-Identifier: ISC
 *
 * One Postfix client's conversation on a lookup listener: bytes in, questions out, facts in, bytes
 * out.
 */
#ifndef SESSION_LOOKUP_SESSION_H
#define SESSION_LOOKUP_SESSION_H

#include "base/protocol.h"
#include "mail/policy.h"

enum want {
	WANT_INPUT, /* nothing more to do with these bytes */
	WANT_FACTS, /* run the lookup on until !l->asking, then step again */
	WANT_CLOSE  /* send what is in OUT, then close */
};

struct answers;
struct tally;

/* Somebody who wants to hear of each lookup and what it was answered. */
struct lookup_ear {
	void (*hear)(const struct lookup_ear *ear, struct slice map, struct slice key,
	    enum outcome o, struct slice text);
};

struct lookup_session {
	enum protocol protocol;
	struct slice map; /* of a tcp listener */
	const struct lookup_rules *rules;
	struct answers *answers;      /* given before, to anybody; NULL: none are remembered */
	struct tally *tally;          /* where answers are counted; NULL: nowhere */
	uint64_t foreseen;            /* of the next request, for answers_fetch; 0: nothing */
	bool answering;               /* a lookup was started and not yet answered */
	size_t skip;                  /* bytes of an over-long request still to be dropped */
	struct sbuf key;              /* tcp: the decoded key */
	struct policy *policy;        /* the question at hand of a policy client */
	const struct lookup_ear *ear; /* NULL: nobody */
	struct sbuf asked;            /* for him: the map, a blank and the key; or empty */
	struct sbuf note;     /* what the caller should log once, or empty; cleared by the caller */
	struct sbuf note_key; /* the key it is about, as the client sent it: not to be logged raw */
};

void lookup_session_init(struct lookup_session *s, enum protocol protocol, struct slice map,
    const struct lookup_rules *rules, struct policy *policy);
void lookup_session_release(struct lookup_session *s);

/* Tell whether IN has one request at most: a client that waits for each answer. */
bool lookup_session_is_one(const struct lookup_session *s, struct slice in);

/* Have the CPU fetch what leads to the answer to the first request of IN, if that was given before.
 * answers_fetch goes on with `foreseen`. */
void lookup_session_foresee(struct lookup_session *s, struct slice in);

/* Go on: take requests off the front of *IN (a view that is advanced), append replies to OUT. L, as
 * POLICY above, is the caller's, may serve many sessions in turn, and is this one's from WANT_FACTS
 * on until the step after it: run it with lookup_tell or lookup_fail until !l->asking, then step
 * again with the same *IN. */
enum want lookup_session_step(
    struct lookup_session *s, struct lookup *l, struct slice *in, struct sbuf *out);

#endif
