/* SPDX-License-Identifier: ISC
 *
 * Removes what was begun when a signal ends the program, and lets the signal end it all the same:
 * whoever waits for us sees what it was.
 */
#include "vmailctl/remains.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REMAINS_MAX = 128 }; /* tables for Postfix are 64 */

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

static char *volatile left[REMAINS_MAX];

/* What was noted first goes last: it may be the lock that keeps others from having such names. */
static void
on_signal(int number)
{
	for (size_t i = REMAINS_MAX; i-- > 0;)
		if (left[i] != NULL)
			unlink(left[i]);
	signal(number, SIG_DFL);
	raise(number); /* it strikes when this function is left */
}

/* Who was told to ignore a signal goes on doing so. */
static void
catch_signals(void)
{
	static bool caught;
	struct sigaction now, act = { .sa_handler = on_signal };

	if (caught)
		return;
	caught = true;
	sigfillset(&act.sa_mask);
	for (size_t i = 0; i < NUMBERS; i++)
		if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
			sigaction(numbers[i], &act, NULL);
}

static size_t
find(const char *path)
{
	size_t i = 0;

	while (i < REMAINS_MAX &&
	       (path == NULL ? left[i] != NULL : left[i] == NULL || strcmp(left[i], path) != 0))
		i++;
	return i;
}

static void
add(const char *path)
{
	size_t at = find(NULL);

	if (at < REMAINS_MAX)
		left[at] = strdup(path);
}

static void
drop(const char *path)
{
	size_t at = find(path);

	if (at == REMAINS_MAX)
		return;
	free(left[at]);
	left[at] = NULL;
}

void
remains_note(const char *path, bool there)
{
	sigset_t all, before;

	catch_signals();
	/* a handler must find no name that is half gone */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	if (there)
		add(path);
	else
		drop(path);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void
remains_hold(bool hold)
{
	static sigset_t before;
	sigset_t held;

	sigemptyset(&held);
	for (size_t i = 0; i < NUMBERS; i++)
		sigaddset(&held, numbers[i]);
	if (hold)
		sigprocmask(SIG_BLOCK, &held, &before);
	else
		sigprocmask(SIG_SETMASK, &before, NULL);
}

/* One that is ignored waits as well, and then does nothing. */
bool
remains_is_ending(void)
{
	struct sigaction now;
	sigset_t waiting;

	sigpending(&waiting);
	for (size_t i = 0; i < NUMBERS; i++)
		if (sigismember(&waiting, numbers[i]) == 1 &&
		    sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			return true;
	return false;
}

static void
drop_now(const char *path, bool there)
{
	unlink(path);
	remains_note(path, there);
}

static void
each_of_database(const char *path, void (*fn)(const char *path, bool there), bool there)
{
	static const char *const beside[] = { "", "-wal", "-shm", "-journal" };

	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
		char *name;

		if (asprintf(&name, "%s%s", path, beside[i]) < 0)
			continue;
		fn(name, there);
		free(name);
	}
}

void
remains_note_database(const char *path, bool there)
{
	each_of_database(path, remains_note, there);
}

void
remains_drop_database(const char *path)
{
	each_of_database(path, drop_now, false);
}
