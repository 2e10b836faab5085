/* SPDX-License-Identifier: ISC
 *
 * What it costs to run a program, again and again, as a mail server does that runs a helper for a
 *login.
 *
 *	spawn COUNT INPUT PROGRAM [ARGUMENT...]
 *
 * The program finds the contents of the file INPUT on descriptor 3. One line of JSON: microseconds
 *for each from the call to its end, its peak memory, and how many did not exit 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
die(const char *what, int code)
{
	fprintf(stderr, "spawn: %s: %s\n", what, strerror(code));
	exit(1);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Run it once: microseconds. */
static double
run(const char *input, char *argv[], long *peak_kib, int *failed)
{
	posix_spawn_file_actions_t actions;
	struct rusage use;
	double began = now_us();
	pid_t pid;
	int status, bad;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 3, input, O_RDONLY, 0);
	bad = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (bad != 0)
		die(argv[0], bad);
	if (wait4(pid, &status, 0, &use) != pid)
		die("wait4", errno);
	*peak_kib = use.ru_maxrss > *peak_kib ? use.ru_maxrss : *peak_kib;
	*failed += status != 0;
	return now_us() - began;
}

int
main(int argc, char *argv[])
{
	int count = argc > 3 ? atoi(argv[1]) : 0, failed = 0;
	long peak_kib = 0;
	double *us, sum = 0;

	if (count <= 0) {
		fprintf(stderr, "usage: spawn COUNT INPUT PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	us = calloc((size_t)count, sizeof *us);
	if (us == NULL)
		die("memory", ENOMEM);
	for (int i = 0; i < count; i++) {
		us[i] = run(argv[2], argv + 3, &peak_kib, &failed);
		sum += us[i];
	}
	qsort(us, (size_t)count, sizeof *us, by_value);
	printf("{\"median_us\":%.1f,\"mean_us\":%.1f,\"peak_kib\":%ld,\"failed\":%d}\n",
	    us[count / 2], sum / count, peak_kib, failed);
	free(us);
	return 0;
}
