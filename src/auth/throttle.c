/* SPDX-License-Identifier: ISC
 *
 * The table of failures and the rules over it. A record's place follows from a keyed hash of what
 * it is of; it stands in one of the few places of its bucket, and is told from its neighbours by
 * the hash and by its texts.
 *
 * Nothing read from the table is trusted: texts are cut at their size, counts at what the rules
 * allow, and times that are still to come are taken for now.
 */
#include "auth/throttle.h"

#include <sodium.h>
#include <string.h>

enum {
	VERSION = 1,
	WAYS = 8,   /* records to a bucket */
	TAGS = 4,   /* wrong passwords that are known again */
	ONE = 1000, /* a failure, in the parts that are forgotten */
	DOUBLINGS_MAX = 31
};

static const char magic[8] = "vmthrot";

struct throttle_header {
	char magic[8];
	uint32_t version;
	uint32_t record_size;
	uint64_t buckets;
	unsigned char seed[THROTTLE_SEED];
};

struct throttle_record {
	uint64_t hash;  /* 0: nobody's */
	int64_t last;   /* when the last failure was counted */
	int64_t heard;  /* when one was let through after a wait, and nothing is known of him yet */
	uint32_t score; /* failures at that time, in parts */
	uint32_t tag[TAGS];
	uint8_t kind;
	uint8_t next_tag;
	char user[THROTTLE_USER_MAX];
	char network[THROTTLE_NETWORK_MAX];
};

/* Wrong passwords of people come in threes and fours; of programs, by the thousand. With these
 * a guesser is heard a few hundred times a day from each network, and about once a minute whatever
 * he does against one user; where that one logged in before, once in three seconds. */
const struct throttle_rules throttle_default_rules = {
	.kind = {
		[THROTTLE_USER_NETWORK] = { 5, 4000, 900000, 300000 },
		[THROTTLE_NETWORK] = { 20, 4000, 300000, 60000 },
		[THROTTLE_USER] = { 20, 2000, 60000, 60000 },
	},
	.longest_known_ms = 3000,
};

/* The other two kinds may hit owners who did nothing wrong: they have shorter waits of their own.
 */
struct throttle_rules
throttle_rules_of(uint32_t user_network, uint32_t network, uint32_t user, uint32_t longest)
{
	struct throttle_rules rules = throttle_default_rules;

	rules.kind[THROTTLE_USER_NETWORK].free = user_network;
	rules.kind[THROTTLE_NETWORK].free = network;
	rules.kind[THROTTLE_USER].free = user;
	rules.kind[THROTTLE_USER_NETWORK].longest_ms = longest * 1000;
	for (int k = 0; k < THROTTLE_KINDS; k++) {
		struct throttle_rule *rule = &rules.kind[k];

		if (rule->longest_ms > longest * 1000)
			rule->longest_ms = longest * 1000;
		if (rule->first_ms > longest * 1000)
			rule->first_ms = longest * 1000;
	}
	return rules;
}

/* --- the table -------------------------------------------------------------------------------- */

size_t
throttle_size(size_t n)
{
	size_t buckets = n / WAYS + 1;

	return sizeof(struct throttle_header) + buckets * WAYS * sizeof(struct throttle_record);
}

static size_t
buckets_of(size_t size)
{
	if (size < sizeof(struct throttle_header))
		return 0;
	return (size - sizeof(struct throttle_header)) / (WAYS * sizeof(struct throttle_record));
}

static void
view(struct throttle *t, void *memory, size_t size)
{
	t->header = memory;
	t->record = (void *)((char *)memory + sizeof(struct throttle_header));
	t->buckets = buckets_of(size);
}

bool
throttle_attach(struct throttle *t, void *memory, size_t size)
{
	const struct throttle_header *h = memory;

	if (buckets_of(size) == 0)
		return false;
	view(t, memory, size);
	return memcmp(h->magic, magic, sizeof magic) == 0 && h->version == VERSION &&
	       h->record_size == sizeof(struct throttle_record) && h->buckets == t->buckets;
}

bool
throttle_format(
    struct throttle *t, void *memory, size_t size, const unsigned char seed[THROTTLE_SEED])
{
	_Static_assert(crypto_shorthash_KEYBYTES == THROTTLE_SEED, "a seed is a key");

	if (buckets_of(size) == 0)
		return false;
	memset(memory, 0, size);
	view(t, memory, size);
	t->header->version = VERSION;
	t->header->record_size = sizeof(struct throttle_record);
	t->header->buckets = t->buckets;
	memcpy(t->header->seed, seed, THROTTLE_SEED);
	/* last: what is half made is no table */
	memcpy(t->header->magic, magic, sizeof magic);
	return true;
}

static struct throttle_record *
record_at(const struct throttle *t, size_t i)
{
	return t->record + i;
}

static size_t
records(const struct throttle *t)
{
	return t->buckets * WAYS;
}

/* A text of a record, which may lack its end. */
static struct slice
text_of(const char *p, size_t size)
{
	return slice_of(p, strnlen(p, size));
}

/* What is kept of a text: no more than fits, and nothing behind a NUL. */
static struct slice
kept_of(struct slice text, size_t size)
{
	size_t nul;

	text = slice_head(text, size);
	return slice_chr(text, '\0', &nul) ? slice_head(text, nul) : text;
}

static void
put_text(char *to, size_t size, struct slice text)
{
	text = kept_of(text, size);
	memset(to, 0, size);
	if (text.n > 0)
		memcpy(to, text.p, text.n);
}

/* --- finding a record ------------------------------------------------------------------------- */

/* Whose failures: the parts of a try that count for a kind. */
struct whose {
	enum throttle_kind kind;
	struct slice user;
	struct slice network;
};

static struct whose
whose_of(const struct throttle_try *try, enum throttle_kind kind)
{
	static const struct slice nothing = { "", 0 };

	return (struct whose){
		kind,
		kind == THROTTLE_NETWORK ? nothing : try->user,
		kind == THROTTLE_USER ? nothing : try->network,
	};
}

/* Mix in the whole of a text, however long. */
static uint64_t
mix(const unsigned char *seed, uint64_t hash, struct slice text)
{
	struct {
		uint64_t before, text, n;
	} all = { hash, 0, text.n };
	uint64_t out;

	crypto_shorthash((unsigned char *)&all.text, (const unsigned char *)text.p, text.n, seed);
	crypto_shorthash((unsigned char *)&out, (const unsigned char *)&all, sizeof all, seed);
	return out;
}

static uint64_t
hash_of(const struct throttle *t, const struct whose *w)
{
	const unsigned char *seed = t->header->seed;
	uint64_t hash = mix(seed, mix(seed, (uint64_t)w->kind, w->user), w->network);

	return hash == 0 ? 1 : hash;
}

static bool
is_text(const char *p, size_t size, struct slice text)
{
	return slice_eq(text_of(p, size), kept_of(text, size));
}

static bool
is_of(const struct throttle_record *r, uint64_t hash, const struct whose *w)
{
	return r->hash == hash && r->kind == w->kind && is_text(r->user, sizeof r->user, w->user) &&
	       is_text(r->network, sizeof r->network, w->network);
}

static struct throttle_record *
find(const struct throttle *t, const struct whose *w)
{
	uint64_t hash = hash_of(t, w);
	struct throttle_record *bucket = record_at(t, hash % t->buckets * WAYS);

	for (size_t i = 0; i < WAYS; i++)
		if (is_of(bucket + i, hash, w))
			return bucket + i;
	return NULL;
}

/* --- counting --------------------------------------------------------------------------------- */

/* The wait after so many failures beyond the free ones, 0 for none. */
static int64_t
wait_after(const struct throttle_rule *rule, uint32_t over)
{
	uint32_t doublings = over == 0 ? 0 : over - 1;
	uint64_t wait;

	if (over == 0)
		return 0;
	if (doublings > DOUBLINGS_MAX)
		doublings = DOUBLINGS_MAX;
	wait = (uint64_t)rule->first_ms << doublings;
	return (int64_t)(wait < rule->longest_ms ? wait : rule->longest_ms);
}

/* More than these make no wait longer, and would only take longer to forget. */
static uint32_t
score_max(const struct throttle_rule *rule)
{
	uint32_t over = 1;

	while (over < DOUBLINGS_MAX && wait_after(rule, over) < (int64_t)rule->longest_ms)
		over++;
	return (rule->free > 1000000 ? 1000000 : rule->free) * ONE + over * ONE;
}

/* How long ago something was. What lies in the future was just now: the clock was put back. What
 * was before all time is as good as forgotten. */
static int64_t
since(int64_t then, int64_t now)
{
	if (then > now)
		return 0;
	return then < 0 ? now : now - then;
}

/* The failures that are not forgotten yet, in parts. */
static uint32_t
score_at(const struct throttle_record *r, const struct throttle_rule *rule, int64_t now)
{
	uint32_t score = r->score < score_max(rule) ? r->score : score_max(rule);
	int64_t passed = since(r->last, now);
	int64_t forgotten;

	if (rule->forget_ms == 0 || passed / rule->forget_ms > score / ONE)
		return 0;
	forgotten = passed * ONE / rule->forget_ms;
	return forgotten >= score ? 0 : score - (uint32_t)forgotten;
}

/* The same; a part of one is one. */
static uint32_t
failures_at(const struct throttle_record *r, const struct throttle_rule *rule, int64_t now)
{
	return (score_at(r, rule, now) + ONE - 1) / ONE;
}

/* How many of them are beyond the free ones. */
static uint32_t
over_of(uint32_t failures, const struct throttle_rule *rule)
{
	return failures > rule->free ? failures - rule->free : 0;
}

static uint32_t
over_at(const struct throttle_record *r, const struct throttle_rule *rule, int64_t now)
{
	return over_of(failures_at(r, rule, now), rule);
}

/* How long this record asks to wait still. */
static int64_t
left_of(const struct throttle_record *r, const struct throttle_rule *rule, int64_t now)
{
	int64_t wait = wait_after(rule, over_at(r, rule, now));
	int64_t last = since(r->last, now), heard = since(r->heard, now);
	int64_t passed = last < heard ? last : heard;

	return passed < wait ? wait - passed : 0;
}

/* A clock that was put back must not keep anybody waiting until it has caught up. */
static void
settle(struct throttle_record *r, int64_t now)
{
	if (r->last > now)
		r->last = now;
	if (r->heard > now)
		r->heard = now;
}

static bool
is_valid(const struct throttle_record *r)
{
	return r->hash != 0 && r->kind < THROTTLE_KINDS;
}

/* --- making room ------------------------------------------------------------------------------ */

static uint32_t
importance(const struct throttle_record *r, const struct throttle_rules *rules, int64_t now)
{
	return is_valid(r) ? score_at(r, &rules->kind[r->kind], now) : 0;
}

/* The place whose loss costs least: of the fewest failures, and of these the oldest. */
static struct throttle_record *
least_of(struct throttle_record *bucket, const struct throttle_rules *rules, int64_t now)
{
	struct throttle_record *least = bucket;

	for (size_t i = 1; i < WAYS; i++) {
		struct throttle_record *r = bucket + i;
		uint32_t a = importance(r, rules, now), b = importance(least, rules, now);

		if (a < b || (a == b && r->last < least->last))
			least = r;
	}
	return least;
}

static struct throttle_record *
find_or_make(
    struct throttle *t, const struct throttle_rules *rules, int64_t now, const struct whose *w)
{
	uint64_t hash = hash_of(t, w);
	struct throttle_record *r = find(t, w);

	if (r != NULL)
		return r;
	r = least_of(record_at(t, hash % t->buckets * WAYS), rules, now);
	memset(r, 0, sizeof *r);
	r->kind = (uint8_t)w->kind;
	put_text(r->user, sizeof r->user, w->user);
	put_text(r->network, sizeof r->network, w->network);
	r->last = now;
	r->hash = hash;
	return r;
}

/* --- judging ---------------------------------------------------------------------------------- */

/* What counts for a try: an owner at a network of his is judged, and counted, by what he does
 * there; and without an address there is no network to count. */
static bool
counts(const struct throttle_try *try, const struct throttle_rules *rules, enum throttle_kind kind)
{
	if (rules->kind[kind].free == 0)
		return false;
	return kind == THROTTLE_USER_NETWORK ||
	       (!try->known && (kind == THROTTLE_USER || try->network.n > 0));
}

/* Whether he is somewhere where he logged in before, and that is no place of many. */
static bool
is_at_home(const struct throttle_try *try)
{
	return try->known && try->network.n > 0;
}

/* The rule that holds for a try: nobody waits long where he is known, for others are to be found
 * there as well. */
static struct throttle_rule
rule_for(
    const struct throttle_rules *rules, const struct throttle_try *try, enum throttle_kind kind)
{
	struct throttle_rule rule = rules->kind[kind];
	uint32_t longest =
	    is_at_home(try) ? rules->longest_known_ms : rules->kind[THROTTLE_USER].longest_ms;

	if (try->known && rule.longest_ms > longest)
		rule.longest_ms = longest;
	return rule;
}

static struct throttle_record *
record_for(struct throttle *t, const struct throttle_rules *rules, const struct throttle_try *try,
    enum throttle_kind kind)
{
	struct whose w = whose_of(try, kind);

	return counts(try, rules, kind) ? find(t, &w) : NULL;
}

/* Whoever is let through after a wait is the only one until it is known what became of him. */
static void
mark_heard(
    struct throttle *t, const struct throttle_rules *rules, int64_t now, struct throttle_try *try)
{
	for (enum throttle_kind k = 0; k < THROTTLE_KINDS; k++) {
		struct throttle_record *r = record_for(t, rules, try, k);

		if (r != NULL && over_at(r, &rules->kind[k], now) > 0)
			r->heard = try->heard = now;
	}
}

/* How long TRY has to wait for what is counted, and for those under way as if they had failed now:
 * else a burst would be heard whole. */
static int64_t
left_for(struct throttle *t, const struct throttle_rules *rules, int64_t now,
    const struct throttle_try *try, enum throttle_kind kind)
{
	struct throttle_rule rule = rule_for(rules, try, kind);
	struct throttle_record *r = record_for(t, rules, try, kind);
	uint32_t failures = try->under_way[kind];
	int64_t left = 0, wait;

	if (r != NULL) {
		settle(r, now);
		left = left_of(r, &rule, now);
		failures += failures_at(r, &rule, now);
	}
	if (try->under_way[kind] == 0 || !counts(try, rules, kind))
		return left;
	wait = wait_after(&rule, over_of(failures, &rule));
	return wait > left ? wait : left;
}

struct throttle_answer
throttle_check(
    struct throttle *t, const struct throttle_rules *rules, int64_t now, struct throttle_try *try)
{
	struct throttle_answer a = { THROTTLE_LET, 0, THROTTLE_USER_NETWORK };

	try->heard = 0;
	for (enum throttle_kind k = 0; k < THROTTLE_KINDS; k++) {
		int64_t left = left_for(t, rules, now, try, k);

		if (left <= a.ms)
			continue;
		if (a.verdict == THROTTLE_LET || a.by != THROTTLE_USER_NETWORK)
			a.by = k;
		a.verdict = is_at_home(try) ? THROTTLE_WAIT : THROTTLE_REFUSE;
		a.ms = left;
	}
	if (a.verdict == THROTTLE_LET)
		mark_heard(t, rules, now, try);
	return a;
}

/* --- what became of it ------------------------------------------------------------------------ */

uint32_t
throttle_tag(const unsigned char key[16], struct slice user, struct slice password)
{
	uint64_t hash = mix(key, mix(key, 0, user), password);
	uint32_t tag = (uint32_t)(hash ^ hash >> 32);

	return tag == 0 ? 1 : tag;
}

static bool
has_tag(const struct throttle_record *r, uint32_t tag)
{
	for (size_t i = 0; i < TAGS; i++)
		if (tag != 0 && r->tag[i] == tag)
			return true;
	return false;
}

static void
count(struct throttle *t, const struct throttle_rules *rules, int64_t now,
    const struct throttle_try *try, enum throttle_kind kind, uint32_t tag)
{
	const struct throttle_rule *rule = &rules->kind[kind];
	struct whose w = whose_of(try, kind);
	struct throttle_record *r = find_or_make(t, rules, now, &w);

	settle(r, now);
	r->score = score_at(r, rule, now) + ONE;
	r->last = now;
	r->heard = 0;
	if (kind == THROTTLE_USER_NETWORK && tag != 0)
		r->tag[r->next_tag++ % TAGS] = tag;
}

void
throttle_failed(struct throttle *t, const struct throttle_rules *rules, int64_t now,
    const struct throttle_try *try, uint32_t tag)
{
	struct whose w = whose_of(try, THROTTLE_USER_NETWORK);
	const struct throttle_record *before = find(t, &w);

	if (before != NULL && has_tag(before, tag))
		return;
	for (enum throttle_kind k = 0; k < THROTTLE_KINDS; k++)
		if (counts(try, rules, k))
			count(t, rules, now, try, k, tag);
}

/* A record has one mark, and nobody else was let through at the moment of ours. */
void
throttle_unheard(struct throttle *t, const struct throttle_try *try)
{
	for (enum throttle_kind k = 0; k < THROTTLE_KINDS; k++) {
		struct whose w = whose_of(try, k);
		struct throttle_record *r = find(t, &w);

		if (r != NULL && r->heard == try->heard)
			r->heard = 0;
	}
}

void
throttle_succeeded(struct throttle *t, const struct throttle_try *try)
{
	struct whose w = whose_of(try, THROTTLE_USER_NETWORK);
	struct throttle_record *r = find(t, &w);

	throttle_unheard(t, try);
	if (r != NULL)
		r->score = 0; /* its tags stay: the phone has the old password still */
}

/* --- looking after it ------------------------------------------------------------------------- */

static struct throttle_row
row_of(const struct throttle_record *r, const struct throttle_rule *rule, int64_t now)
{
	int64_t left = left_of(r, rule, now);

	return (struct throttle_row){
		.kind = (enum throttle_kind)r->kind,
		.user = text_of(r->user, sizeof r->user),
		.network = text_of(r->network, sizeof r->network),
		.failures = failures_at(r, rule, now),
		.last = r->last > now ? now : r->last,
		.until = left > 0 ? now + left : 0,
	};
}

void
throttle_each(const struct throttle *t, const struct throttle_rules *rules, int64_t now,
    throttle_row_fn *fn, void *arg)
{
	for (size_t i = 0; i < records(t); i++) {
		/* a copy, for another process may be writing it */
		struct throttle_record r = *record_at(t, i);
		struct throttle_row row;

		if (!is_valid(&r))
			continue;
		row = row_of(&r, &rules->kind[r.kind], now);
		if (row.failures > 0 && !fn(arg, &row))
			return;
	}
}

size_t
throttle_clear(struct throttle *t, struct slice user, struct slice network)
{
	size_t cleared = 0;

	for (size_t i = 0; i < records(t); i++) {
		struct throttle_record *r = record_at(t, i);

		if (r->hash == 0 || (user.n > 0 && !is_text(r->user, sizeof r->user, user)) ||
		    (network.n > 0 && !is_text(r->network, sizeof r->network, network)))
			continue;
		r->hash = 0;
		cleared++;
	}
	return cleared;
}
