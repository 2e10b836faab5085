/* SPDX-License-Identifier: ISC
 *
 * The bare hash function on so many threads: what no server that checks passwords can exceed.
 *
 *	hashes THREADS SECONDS KIB PASSES	one line: argon2id hashes a second
 */
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 256, TAG = 32 };

struct worker {
	pthread_t thread;
	unsigned done;
	double last; /* when the last one was done */
};

static double began, ends;
static size_t memory;
static unsigned long long passes;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *
work(void *arg)
{
	static const unsigned char salt[crypto_pwhash_SALTBYTES] = "all the same one";
	static const char password[] = "alohomora";
	struct worker *w = arg;
	unsigned char tag[TAG];

	while (w->last < ends) {
		if (crypto_pwhash(tag, sizeof tag, password, strlen(password), salt, passes, memory,
			crypto_pwhash_ALG_ARGON2ID13) != 0) {
			fprintf(stderr, "hashes: out of memory\n");
			exit(1);
		}
		w->done++;
		w->last = now();
	}
	return NULL;
}

int
main(int argc, char *argv[])
{
	static struct worker workers[THREADS_MAX];
	int threads = argc == 5 ? atoi(argv[1]) : 0;
	double rate = 0;

	if (threads < 1 || threads > THREADS_MAX || sodium_init() < 0) {
		fprintf(stderr, "usage: hashes THREADS SECONDS KIB PASSES\n");
		return 2;
	}
	memory = (size_t)atoi(argv[3]) * 1024;
	passes = (unsigned long long)atoi(argv[4]);
	began = now();
	ends = began + atof(argv[2]);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			return 1;
	for (int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		rate += workers[i].done / (workers[i].last - began);
	}
	printf("%.2f\n", rate);
	return 0;
}
