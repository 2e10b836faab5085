/* SPDX-License-Identifier: ISC
 *
 * The daemon: a supervisor, its lookup workers and its auth worker, from a configuration to the
 * end.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "base/outcome.h"
#include "conf/conf.h"
#include "sys/sandbox.h"

/* Judge whether C could be served on this host: its users, groups, maps and addresses. FOUND, or
 * BAD with a text. Nothing is bound, opened or changed. */
enum outcome server_check(const struct conf *c, struct error *err);

/* Serve until told to end, and return the exit status. FILE is what SIGHUP reads again (NULL: as
 * conf_load), ARGV with what SIGUSR2 starts the program anew. Takes C over. Logs; the caller has
 * opened the log. */
int server_run(struct conf *c, const char *file, char **argv);

/* When this process was a server before, and has become a newer program since: go on, and put the
 * exit status into STATUS. False when not; then it only closes what whoever started us had open. To
 * be called before anything else. */
bool server_resume(char **argv, int *status);

/* Have as many files allowed as C needs. FOUND, or why it may not be enough. */
enum outcome server_files(const struct conf *c, struct error *err);

/* Enter the sandbox of ROLE with what C needs within reach; outcomes as sandbox_enter. */
enum outcome server_shut_in(enum sandbox_role role, const struct conf *c, struct error *err);

/* Open the log as C says, for the program NAME. */
void server_log_open(const struct conf *c, const char *name);

#endif
