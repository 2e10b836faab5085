/* SPDX-License-Identifier: ISC
 *
 * What both ways of answering lookups do with a client.
 */
#include "lookup_client.h"

#include <sodium.h>
#include <stddef.h>

#include "loop.h"
#include "session/answers.h"
#include "sys/log.h"
#include "sys/mapped.h"

static void
hear(const struct lookup_ear *ear, struct slice map, struct slice key, enum outcome o,
    struct slice text)
{
	const struct lookup_client *c =
	    (const struct lookup_client *)((const char *)ear - offsetof(struct lookup_client, ear));

	lookup_log_tell(c->log, &c->conn, map, key, o, text);
}

void
lookup_client_init(struct lookup_client *c, struct loop *loop, const struct listener *from,
    const struct lookup_rules *rules, struct policy *policy, const struct lookup_log *log)
{
	lookup_session_init(&c->session, from->protocol, from->map, rules, policy);
	c->session.tally = &loop->slot->tally;
	c->log = log;
	c->ear = (struct lookup_ear){ hear };
	c->session.ear = log->rules > 0 ? &c->ear : NULL;
}

void
lookup_client_say_note(struct lookup_client *c, struct trouble *unsendable)
{
	struct lookup_session *s = &c->session;
	char key[400];

	if (s->note.n == 0)
		return;
	trouble_log(unsendable, "%s: key '%s': told to try again", sbuf_cstr(&s->note),
	    log_safe(sbuf_slice(&s->note_key), key, sizeof key));
	sbuf_clear(&s->note);
}

bool
lookup_client_never(const struct conn *conn)
{
	(void)conn;
	return false;
}

struct answers *
lookup_client_answers(long kib)
{
	size_t wanted = (size_t)kib * 1024, size = wanted < ANSWERS_LEAST ? ANSWERS_LEAST : wanted;
	unsigned char key[16];
	void *memory;

	if (kib == 0)
		return NULL;
	memory = mapped_large(size);
	if (memory == NULL) {
		log_warning("no memory to remember answers in");
		return NULL;
	}
	randombytes_buf(key, sizeof key);
	return answers_init(memory, size, key);
}

void
lookup_client_forget(struct answers *a)
{
	if (a != NULL)
		mapped_close(a, answers_size(a));
}
