/* SPDX-License-Identifier: ISC
 *
 * vmail-checkpassword: a login by the checkpassword interface, asked of vmaild.
 *
 * Started once per login by Dovecot 2.3, or by any caller of the classic interface. It reads a name
 * and a password, asks the daemon's auth socket, and becomes the program it was given, or says with
 * its exit code what went wrong. No database, no hashing, no secret but the one it was handed.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpassword/ask.h"
#include "checkpassword/guard.h"
#include "checkpassword/handover.h"
#include "wire/checkpw.h"

enum { INPUT_FD = 3, DOVECOT_REPLY_FD = 4 };

#define USAGE "usage: vmail-checkpassword [-c FILE] [--] program [argument...]"

/* Who started us, as the environment tells. */
struct caller {
	bool dovecot;
	bool lookup; /* where does this user's mail live: there is no password to check */
	const char *service;
	const char *remote;
};

struct secret {
	char bytes[CHECKPW_MAX + 1];
	struct checkpw_input input;
};

static struct caller
find_caller(void)
{
	const char *authorized = getenv("AUTHORIZED"), *service = getenv("SERVICE");
	bool dovecot = getenv("ORIG_UID") != NULL;

	return (struct caller){
		.dovecot = dovecot,
		/* without Dovecot's reply program behind it, a lookup would let anybody in */
		.lookup = dovecot && authorized != NULL && strcmp(authorized, "1") == 0,
		.service = service != NULL ? service : "checkpassword",
		.remote = getenv("TCPREMOTEIP"),
	};
}

/* Object to what we cannot answer, however right the password is. */
static enum outcome
check_caller(const struct caller *c, struct error *err)
{
	const char *authorized = getenv("AUTHORIZED"), *scheme = getenv("SCHEME");

	if (authorized != NULL && !c->lookup)
		return error_set(err, RETRY,
		    "AUTHORIZED is '%s': only Dovecot may set it, and to 1", authorized);
	if (c->lookup && getenv("CREDENTIALS_LOOKUP") != NULL && scheme != NULL && *scheme != '\0')
		return error_set(err, RETRY,
		    "mechanism '%s' needs the plain password, which is not kept", scheme);
	if (!c->lookup && getenv("MASTER_USER") != NULL)
		return error_set(
		    err, NONE, "a master user's login was refused: there are none here");
	return FOUND;
}

/* Write one line for the administrator, in printable ASCII whatever was put into it. */
static void
complain(const char *text)
{
	char line[sizeof(struct error) + 32];
	int n = snprintf(line, sizeof line, "vmail-checkpassword: %s", text);
	ssize_t ignored;

	for (int i = 0; i < n; i++)
		if (line[i] < ' ' || line[i] > '~')
			line[i] = '?';
	line[n] = '\n';
	ignored = write(STDERR_FILENO, line, (size_t)n + 1);
	(void)ignored;
}

/* Read descriptor 3 to the third NUL; BAD when that is not to be had. Its end may be long in
 * coming: Dovecot leaks the other side of it to the helpers of other logins. */
static enum outcome
read_input(struct secret *s, struct error *err)
{
	enum take got = MORE;

	for (size_t n = 0; got == MORE;) {
		ssize_t r = read(INPUT_FD, s->bytes + n, sizeof s->bytes - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return error_set(err, errno == EBADF ? BAD : RETRY,
			    "cannot read descriptor 3: %s", strerror(errno));
		n += (size_t)r;
		got = checkpw_take(slice_of(s->bytes, n), r == 0, &s->input);
	}
	close(INPUT_FD);
	if (got == TOO_LONG)
		return error_set(err, BAD, "more than %d bytes on descriptor 3", CHECKPW_MAX);
	if (got == MALFORMED)
		return error_set(err, BAD, "no name and password on descriptor 3");
	return FOUND;
}

static enum outcome
ask_daemon(const struct caller *c, const char *file, struct secret *secret, struct answer *a,
    struct error *err)
{
	struct question q = {
		.lookup = c->lookup,
		.user = secret->input.user,
		.password = secret->input.password,
		.secret = secret->bytes,
		.secret_size = sizeof secret->bytes,
		.service = c->service,
		.remote = c->remote,
		.no_penalty = c->dovecot,
		/* where the mail lives is not told, nor asked, of a login to send */
		.place_wanted = !c->dovecot || c->lookup || strcmp(c->service, "smtp") != 0,
	};
	struct conf *conf = NULL;
	enum outcome o;

	if (conf_load(&conf, file, err) != FOUND)
		return RETRY;
	o = ask(conf, &q, a, err);
	conf_free(conf);
	return o;
}

/* Learn whether this is a login, and whose. BAD: the caller does not keep to the interface. */
static enum outcome
learn(const struct caller *c, const char *file, struct answer *a, struct error *err)
{
	struct secret secret;
	enum outcome o;

	guard_lock(&secret, sizeof secret);
	o = read_input(&secret, err);
	if (o == FOUND)
		o = check_caller(c, err);
	if (o == FOUND)
		o = ask_daemon(c, file, &secret, a, err);
	explicit_bzero(&secret, sizeof secret);
	return o;
}

/* Do what we were started for; returns only when the program is not to be run, or cannot be. */
static enum checkpw_exit
serve(const struct caller *c, const char *file, char *const *program)
{
	struct error err = { "" };
	struct answer answer;
	struct guard guard;
	enum outcome o;

	guard_secrets(&guard);
	answer_init(&answer);
	o = learn(c, file, &answer, &err);
	if (o == FOUND && c->dovecot)
		o = handover_dovecot(&answer, c->lookup, &guard, program, &err);
	else if (o == FOUND)
		o = handover_classic(&answer, &guard, program, &err);
	answer_release(&answer);
	if (err.text[0] != '\0')
		complain(err.text);
	/* to a lookup MISUSED would be "found" */
	return o == BAD && !c->lookup ? CHECKPW_MISUSED : checkpw_exit_code(o, c->lookup);
}

static int
help(void)
{
	printf(USAGE
	    "\n\n"
	    "Reads a name and a password from descriptor 3, asks vmaild, and runs the program.\n\n"
	    "  -c FILE    the configuration file (%s)\n"
	    "  --help     this text\n"
	    "  --version  the version\n\n"
	    "Exit codes: 1 refused, 2 misused, 3 unknown user (of a lookup), 111 try again.\n",
	    CONF_DEFAULT_FILE);
	return CHECKPW_OK;
}

static int
misused(const char *text)
{
	complain(text);
	return CHECKPW_MISUSED;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	struct caller caller = find_caller();
	const char *file = NULL;
	int option;

	guard_descriptors(caller.dovecot ? DOVECOT_REPLY_FD + 1 : INPUT_FD + 1);
	guard_deadline();
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+c:", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			file = optarg;
			break;
		case 'h':
			return help();
		case 'v':
			puts("vmail-checkpassword " VMAILD_VERSION);
			return CHECKPW_OK;
		default:
			return misused("unknown option, or one without its value; " USAGE);
		}
	}
	if (argv[optind] == NULL)
		return misused("no program to run; " USAGE);
	/* no exit handler runs with what this process has seen */
	_exit(serve(&caller, file, argv + optind));
}
