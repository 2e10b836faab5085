/* SPDX-License-Identifier: ISC
 *
 * Clients of a socketmap server, many in one thread: each sends a key and waits for the answer, as
 * Postfix does, or keeps several under way. What came of it is one line of JSON.
 *
 * With --rate the lookups are sent at given moments whether or not the server keeps up, and latency
 * counts from the moment a lookup was due: a server that stalls cannot hide it. With --first the
 * clients get a CPU before everybody else, so that what is measured beside other work is not their
 * own waiting.
 *
 * SIGTERM ends it early, with a report of what there was. With --again a client whose server closes
 * the connection comes back and asks again, as Postfix does.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "address.h"

enum {
	DEPTH_MAX = 64,
	REQUEST_MAX = 512,
	IN_MAX = 16384,
	EVENTS = 512,
	STEPS = 32, /* of a doubling: latencies are told to 3 % */
	BUCKETS = 40 * STEPS
};

static const char *map = "aliases", *to;
static unsigned depth = 1;
static bool again;
static int poller;
static volatile sig_atomic_t ended;

struct key {
	const char *p;
	size_t n;
};

struct client {
	int fd;
	unsigned under_way; /* sent and not answered */
	unsigned oldest;    /* its place in due and sent */
	uint64_t due[DEPTH_MAX];
	const struct key *sent[DEPTH_MAX];
	size_t n;
	char in[IN_MAX];
};

static struct {
	struct key *key;
	size_t n, next;
} keys;

static struct {
	uint64_t bucket[BUCKETS];
	uint64_t answered; /* with what is not counted */
	uint64_t count, ok, none, temp, other, longest, rejoined;
} seen;

static uint64_t began, ends; /* what is answered before or after is not counted */

static void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* One a line, used in the file's order again and again. */
static void
load_keys(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	const char *p, *end;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0)
		die(file);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		die(file);
	for (end = p + st.st_size; p < end; p++) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));

		if (lf == NULL)
			break;
		if (keys.n % 65536 == 0)
			keys.key = realloc(keys.key, (keys.n + 65536) * sizeof *keys.key);
		if (keys.key == NULL)
			die("keys");
		keys.key[keys.n++] = (struct key){ p, (size_t)(lf - p) };
		p = lf;
	}
	close(fd);
}

/* --- latencies: in buckets whose width grows with the value ----------------------------------- */

static size_t
bucket_of(uint64_t ns)
{
	unsigned shift = 0;

	while (ns >> shift >= 2 * STEPS)
		shift++;
	return shift * STEPS + (size_t)(ns >> shift);
}

static uint64_t
bucket_ns(size_t i)
{
	size_t shift = i < 2 * STEPS ? 0 : i / STEPS - 1;

	return (uint64_t)(i - shift * STEPS) << shift;
}

static double
percentile_us(double share)
{
	uint64_t rank = (uint64_t)((double)seen.count * share), sum = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		sum += seen.bucket[i];
		if (sum > rank)
			return (double)bucket_ns(i) / 1000;
	}
	return (double)seen.longest / 1000;
}

/* --- a client --------------------------------------------------------------------------------- */

static void
count(const char *text, size_t n, uint64_t due, uint64_t at)
{
	uint64_t took = at > due ? at - due : 0;
	size_t b = bucket_of(took);

	seen.answered++;
	if (at < began || at >= ends)
		return;
	seen.count++;
	seen.bucket[b < BUCKETS ? b : BUCKETS - 1]++;
	seen.longest = took > seen.longest ? took : seen.longest;
	if (n >= 3 && memcmp(text, "OK ", 3) == 0)
		seen.ok++;
	else if (n >= 8 && memcmp(text, "NOTFOUND", 8) == 0)
		seen.none++;
	else if (n >= 4 && memcmp(text, "TEMP", 4) == 0)
		seen.temp++;
	else
		seen.other++;
}

static int
join(struct client *c)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	int fd = -1;

	/* a full backlog says EAGAIN on a unix socket: the server is coming to it */
	for (int tries = 0; fd < 0 && tries < 10000; tries++) {
		fd = address_connect(to);
		if (fd < 0 && errno != EAGAIN)
			die(to);
		if (fd < 0)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	if (fd < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) != 0)
		die(to);
	return fd;
}

/* Send what is under way from the place FROM on, in one write. */
static bool
post(struct client *c, unsigned from)
{
	char out[DEPTH_MAX * REQUEST_MAX];
	size_t used = 0;

	for (unsigned i = from; i < c->under_way; i++) {
		const struct key *k = c->sent[(c->oldest + i) % DEPTH_MAX];

		used += (size_t)snprintf(out + used, sizeof out - used, "%zu:%s %.*s,",
		    strlen(map) + 1 + k->n, map, (int)k->n, k->p);
	}
	return used == 0 || (used <= sizeof out && write(c->fd, out, used) == (ssize_t)used);
}

/* The server closed the connection: make another, and ask again what was not answered. */
static void
rejoin(struct client *c)
{
	for (int tries = 0; again && tries < 100; tries++) {
		close(c->fd);
		c->n = 0;
		c->fd = join(c);
		seen.rejoined++;
		if (post(c, 0))
			return;
	}
	die("the server closed a connection");
}

/* Send N requests more. */
static void
ask(struct client *c, unsigned n, uint64_t due)
{
	unsigned from = c->under_way;

	for (unsigned i = 0; i < n; i++) {
		unsigned place = (c->oldest + c->under_way++) % DEPTH_MAX;

		c->sent[place] = &keys.key[keys.next];
		c->due[place] = due;
		keys.next = keys.next + 1 < keys.n ? keys.next + 1 : 0;
	}
	if (!post(c, from))
		rejoin(c);
}

/* Take the answers that are whole; how many. */
static unsigned
answers(struct client *c, uint64_t at)
{
	size_t used = 0;
	unsigned n = 0;

	for (;;) {
		char *colon = memchr(c->in + used, ':', c->n - used);
		size_t length, head;

		if (colon == NULL)
			break;
		length = strtoul(c->in + used, NULL, 10);
		head = (size_t)(colon + 1 - c->in);
		if (length > IN_MAX - 32) {
			errno = EMSGSIZE;
			die("an answer");
		}
		if (c->n < head + length + 1)
			break;
		count(colon + 1, length, c->due[c->oldest], at);
		c->oldest = (c->oldest + 1) % DEPTH_MAX;
		c->under_way--;
		used = head + length + 1;
		n++;
	}
	c->n -= used;
	memmove(c->in, c->in + used, c->n);
	return n;
}

static unsigned
on_input(struct client *c)
{
	ssize_t got = read(c->fd, c->in + c->n, sizeof c->in - c->n);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0) {
		rejoin(c);
		return 0;
	}
	c->n += (size_t)got;
	return answers(c, now());
}

/* --- all of them ------------------------------------------------------------------------------ */

/* As fast as the answers come. */
static void
run_closed(struct client *clients, unsigned n)
{
	struct epoll_event events[EVENTS];
	uint64_t at = now();

	for (unsigned i = 0; i < n; i++)
		ask(&clients[i], depth, at);
	while (at < ends && !ended) {
		int ready = epoll_wait(poller, events, EVENTS, 1000);

		for (int i = 0; i < ready; i++) {
			struct client *c = events[i].data.ptr;
			unsigned done = on_input(c);

			if (done > 0)
				ask(c, done, now());
		}
		at = now();
	}
}

/* At given moments; a client that is still waiting for answers gets more under way. */
static void
run_paced(struct client *clients, unsigned n, double rate)
{
	struct epoll_event events[EVENTS];
	double step = 1e9 / rate;
	uint64_t start = now(), at = start, sent = 0;

	while (at < ends && !ended) {
		uint64_t due = start + (uint64_t)((double)sent * step);
		int ready;

		if (due <= at) {
			struct client *c = &clients[sent % n];

			if (c->under_way < DEPTH_MAX) {
				ask(c, 1, due);
				sent++;
				at = now();
				continue;
			}
		}
		ready = epoll_pwait2(poller, events, EVENTS,
		    &(struct timespec){ .tv_nsec = due > at ? (long)(due - at) : 1000 }, NULL);
		for (int i = 0; i < ready; i++)
			on_input(events[i].data.ptr);
		at = now();
	}
}

/* What was not answered at the end has waited until then at least. */
static void
count_waiting(const struct client *clients, unsigned n, uint64_t at)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t due = clients[i].due[clients[i].oldest];

		if (clients[i].under_way > 0 && at > due && at - due > seen.longest)
			seen.longest = at - due;
	}
}

static void
report(double seconds)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	printf("{\"answered\":%" PRIu64 ",\"lookups\":%" PRIu64
	       ",\"seconds\":%.3f,\"rate\":%.0f,\"p50_us\":%.1f,"
	       "\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"ok\":%" PRIu64
	       ",\"none\":%" PRIu64 ",\"temp\":%" PRIu64 ",\"other\":%" PRIu64
	       ",\"rejoined\":%" PRIu64 ",\"cpu\":%.3f}\n",
	    seen.answered, seen.count, seconds, (double)seen.count / seconds, percentile_us(0.5),
	    percentile_us(0.9), percentile_us(0.99), percentile_us(0.999),
	    (double)seen.longest / 1000, seen.ok, seen.none, seen.temp, seen.other, seen.rejoined,
	    (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
		(double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
}

static void
on_term(int number)
{
	(void)number;
	ended = 1;
}

/* Before everybody else; where that is not allowed, as everybody else. */
static void
go_first(void)
{
	struct sched_param before = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &before) != 0)
		fprintf(stderr, "load: cannot go first: %s\n", strerror(errno));
}

static int
usage(void)
{
	fprintf(stderr,
	    "usage: load --to ADDRESS --keys FILE [--map NAME] [--connections N] [--idle N]\n"
	    "            [--depth N] [--rate N] [--warm SECONDS] [--seconds SECONDS] [--first 1]\n"
	    "            [--again 1] [--from N]\n");
	return 2;
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "to", 1, NULL, 't' },
		{ "keys", 1, NULL, 'k' },
		{ "map", 1, NULL, 'm' },
		{ "connections", 1, NULL, 'c' },
		{ "idle", 1, NULL, 'i' },
		{ "depth", 1, NULL, 'd' },
		{ "rate", 1, NULL, 'r' },
		{ "warm", 1, NULL, 'w' },
		{ "seconds", 1, NULL, 's' },
		{ "first", 1, NULL, 'f' },
		{ "again", 1, NULL, 'a' },
		{ "from", 1, NULL, 'o' },
		{ 0 },
	};
	const char *file = NULL;
	unsigned connections = 1, idle = 0;
	double rate = 0, warm = 0.2, seconds = 1;
	struct client *clients;
	bool first = false;
	size_t skip = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
			to = optarg;
			break;
		case 'k':
			file = optarg;
			break;
		case 'm':
			map = optarg;
			break;
		case 'c':
			connections = (unsigned)atoi(optarg);
			break;
		case 'i':
			idle = (unsigned)atoi(optarg);
			break;
		case 'd':
			depth = (unsigned)atoi(optarg);
			break;
		case 'r':
			rate = atof(optarg);
			break;
		case 'w':
			warm = atof(optarg);
			break;
		case 's':
			seconds = atof(optarg);
			break;
		case 'f':
			first = atoi(optarg) != 0;
			break;
		case 'o':
			skip = strtoul(optarg, NULL, 10);
			break;
		case 'a':
			again = atoi(optarg) != 0;
			break;
		default:
			return usage();
		}
	}
	if (to == NULL || file == NULL || connections == 0 || depth == 0 || depth > DEPTH_MAX)
		return usage();
	signal(SIGTERM, on_term);
	signal(SIGPIPE, SIG_IGN);
	load_keys(file);
	poller = epoll_create1(EPOLL_CLOEXEC);
	clients = calloc(connections + idle, sizeof *clients);
	if (clients == NULL || keys.n == 0)
		die("memory");
	keys.next = skip % keys.n;
	for (unsigned i = 0; i < connections + idle; i++)
		clients[i].fd = join(&clients[i]);
	if (first)
		go_first();
	began = now() + (uint64_t)(warm * 1e9);
	ends = began + (uint64_t)(seconds * 1e9);
	if (rate > 0)
		run_paced(clients, connections, rate);
	else
		run_closed(clients, connections);
	count_waiting(clients, connections, now());
	report((double)(now() - began) / 1e9);
	return 0;
}
