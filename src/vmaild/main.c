/* SPDX-License-Identifier: ISC
 *
 * The daemon's command line. What it then does is server/'s.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "server/server.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
	char **argv;
	const char *file;
	bool test;
};

static const char usage[] =
    "usage: vmaild [-c FILE] [-t]\n"
    "\n"
    "Answers Postfix's lookups and logs people in, from one store. Stays in the foreground.\n"
    "\n"
    "  -c FILE        read this configuration (default: " CONF_DEFAULT_FILE ", if it is there)\n"
    "  -t             check the configuration, say \"ok\" or what is wrong, and exit\n"
    "  -h, --help     print this and exit\n"
    "  -V, --version  print the version and exit\n"
    "\n"
    "SIGHUP reads the configuration again, SIGUSR2 starts the program anew without a pause,\n"
    "SIGTERM ends it. Manual: vmaild(8), vmaild.conf(5).\n";

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int
misuse(void)
{
	fprintf(stderr, "vmaild: see vmaild --help\n");
	return EXIT_USAGE;
}

/* Load and check; says what is wrong. */
static struct conf *
load(const char *file)
{
	struct conf *c = NULL;
	struct error err;

	if (conf_load(&c, file, &err) == FOUND && server_check(c, &err) == FOUND)
		return c;
	fprintf(stderr, "vmaild: %s\n", err.text);
	conf_free(c);
	return NULL;
}

static int
run(const struct options *o)
{
	struct conf *c = load(o->file);

	if (c == NULL)
		return EXIT_FAILED;
	if (o->test) {
		conf_free(c);
		puts("ok");
		return EXIT_OK;
	}
	server_log_open(c, "vmaild");
	return server_run(c, o->file, o->argv) == 0 ? EXIT_OK : EXIT_FAILED;
}

int
main(int argc, char **argv)
{
	struct options o = { .argv = argv };
	int option, status;

	if (server_resume(argv, &status))
		return status == 0 ? EXIT_OK : EXIT_FAILED;
	while ((option = getopt_long(argc, argv, "c:thV", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			o.file = optarg;
			break;
		case 't':
			o.test = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_OK;
		case 'V':
			puts("vmaild " VMAILD_VERSION);
			return EXIT_OK;
		default:
			return misuse();
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vmaild: what is '%s' for?\n", argv[optind]);
		return misuse();
	}
	return run(&o);
}
