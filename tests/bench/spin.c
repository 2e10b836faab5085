/* SPDX-License-Identifier: ISC
 *
 * How much of each CPU there is to be had just now: everyone of them counts for some milliseconds,
 *at the same time. Less than a moment ago means that somebody else was running, here or on the
 *host.
 *
 *	spin MILLISECONDS CPU...		one line: a number for each CPU
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Steps a microsecond; the clock is looked at rarely, for it is no part of the work. */
static double
spin(uint64_t ns)
{
	volatile uint64_t x = 1;
	uint64_t began = now(), at = began, steps = 0;

	while (at - began < ns) {
		for (int i = 0; i < 10000; i++)
			x = x * 6364136223846793005u + 1442695040888963407u;
		steps += 10000;
		at = now();
	}
	return (double)steps * 1000 / (double)(at - began);
}

/* A child that spins on CPU; what it found comes out of the descriptor. */
static int
start(int cpu, uint64_t ns)
{
	int ends[2];
	cpu_set_t set;

	if (pipe(ends) != 0)
		return -1;
	if (fork() == 0) {
		double found;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		sched_setaffinity(0, sizeof set, &set);
		found = spin(ns);
		_exit(write(ends[1], &found, sizeof found) != sizeof found);
	}
	close(ends[1]);
	return ends[0];
}

int
main(int argc, char *argv[])
{
	int fd[64];
	double found;

	if (argc < 3 || argc > 64) {
		fprintf(stderr, "usage: spin MILLISECONDS CPU...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		fd[i] = start(atoi(argv[i]), (uint64_t)atoi(argv[1]) * 1000000);
	for (int i = 2; i < argc; i++) {
		if (read(fd[i], &found, sizeof found) != sizeof found)
			return 1;
		printf("%s%.2f", i > 2 ? " " : "", found);
	}
	puts("");
	while (wait(NULL) > 0)
		;
	return 0;
}
