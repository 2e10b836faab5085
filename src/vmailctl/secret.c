/* SPDX-License-Identifier: ISC
 *
 * Reading passwords. Echo comes back whatever ends the asking: the signals that could are held
 * while it is off, and raised again when it is on.
 */
#include "vmailctl/secret.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "auth/password.h"

enum {
	SECRET_MAX =
	    2 * PASSWORD_MAX, /* more is refused anyway, this much tells how far it is over */
	INTERRUPTED = -2
};

static enum outcome
secret_new(struct secret *s, struct error *err)
{
	s->n = 0;
	s->p = sodium_malloc(SECRET_MAX);
	return s->p != NULL ? FOUND : error_set(err, RETRY, "no memory for a password");
}

void
secret_free(struct secret *s)
{
	sodium_free(s->p);
	*s = (struct secret){ 0 };
}

struct slice
secret_slice(const struct secret *s)
{
	return slice_of(s->p, s->n);
}

/* --- one line --------------------------------------------------------------------------------- */

/* Read what there is, but first see whether SIGNALS (-1: none) has one for us. */
static ssize_t
read_some(struct secret *s, int signals)
{
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN } };
	ssize_t n;

	if (signals >= 0 && poll(fds, 2, -1) < 0)
		return -1;
	if (fds[0].revents != 0)
		return INTERRUPTED;
	do
		n = read(STDIN_FILENO, s->p + s->n, SECRET_MAX - s->n);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Cut the line end off, when it is there. */
static bool
end_line(struct secret *s)
{
	char *end = memchr(s->p, '\n', s->n);

	if (end == NULL)
		return false;
	sodium_memzero(end, s->n - (size_t)(end - s->p));
	s->n = (size_t)(end - s->p);
	return true;
}

/* NONE when a signal came in between. */
static enum outcome
read_line(struct secret *s, int signals, struct error *err)
{
	s->n = 0;
	while (s->n < SECRET_MAX) {
		ssize_t n = read_some(s, signals);

		if (n == INTERRUPTED)
			return NONE;
		if (n < 0)
			return error_set(
			    err, RETRY, "cannot read the password: %s", strerror(errno));
		s->n += (size_t)n;
		if (end_line(s) || (n == 0 && s->n > 0))
			return FOUND;
		if (n == 0)
			return error_set(err, BAD, "no password was given");
	}
	return error_set(err, BAD, "the password is too long: at most %d bytes", PASSWORD_MAX);
}

enum outcome
secret_read(struct secret *out, struct error *err)
{
	enum outcome o = secret_new(out, err);

	return o == FOUND ? read_line(out, -1, err) : o;
}

/* --- a dialogue ------------------------------------------------------------------------------- */

struct dialogue {
	int signals; /* only looked at: what is pending strikes when it is let go */
	sigset_t before;
	struct termios echo;
};

/* Give the terminal back, then let a signal that came do its work. Whoever stops us with ^Z and
 * lets us go on comes back from here. */
static void
dialogue_close(struct dialogue *d)
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &d->echo);
	sigprocmask(SIG_SETMASK, &d->before, NULL);
	close(d->signals);
}

static enum outcome
dialogue_open(struct dialogue *d, struct error *err)
{
	static const int held[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP };
	struct termios quiet;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof held / sizeof *held; i++)
		sigaddset(&set, held[i]);
	if (tcgetattr(STDIN_FILENO, &d->echo) < 0 ||
	    (d->signals = signalfd(-1, &set, SFD_CLOEXEC)) < 0)
		return error_set(err, RETRY, "cannot ask for a password: %s", strerror(errno));
	sigprocmask(SIG_BLOCK, &set, &d->before);
	quiet = d->echo;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0)
		return FOUND;
	dialogue_close(d);
	return error_set(err, RETRY, "cannot turn the terminal's echo off: %s", strerror(errno));
}

static enum outcome
ask(struct dialogue *d, struct secret *s, const char *prompt, const char *address,
    struct error *err)
{
	enum outcome o;

	fprintf(stderr, "%s for %s: ", prompt, address);
	o = read_line(s, d->signals, err);
	fputc('\n', stderr);
	return o;
}

static enum outcome
ask_twice(struct dialogue *d, struct secret *s, const char *address, struct error *err)
{
	struct secret again;
	enum outcome o = secret_new(&again, err);

	if (o == FOUND)
		o = ask(d, s, "password", address, err);
	if (o == FOUND)
		o = ask(d, &again, "once more, password", address, err);
	if (o == FOUND && (s->n != again.n || sodium_memcmp(s->p, again.p, s->n) != 0))
		o = error_set(err, BAD, "the two passwords differ: nothing was changed");
	secret_free(&again);
	return o;
}

enum outcome
secret_ask(struct secret *out, const char *address, struct error *err)
{
	struct dialogue d;
	enum outcome o = secret_new(out, err);

	if (o != FOUND)
		return o;
	do {
		o = dialogue_open(&d, err);
		if (o != FOUND)
			return o;
		o = ask_twice(&d, out, address, err);
		dialogue_close(&d);
	} while (o == NONE);
	return o;
}
