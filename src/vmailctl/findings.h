/* SPDX-License-Identifier: ISC
 *
 * What lint and doctor have found: one shape for people and for programs.
 */
#ifndef VMAILCTL_FINDINGS_H
#define VMAILCTL_FINDINGS_H

#include "vmailctl/cmd.h"

enum severity {
	SEVERITY_OK,      /* looked at, and right */
	SEVERITY_NOTICE,  /* worth knowing */
	SEVERITY_WARNING, /* something does not work as it seems to be meant */
	SEVERITY_ERROR,   /* mail is lost, refused or held up */
	SEVERITIES
};

struct finding {
	const char *code; /* for programs: never changes */
	enum severity severity;
	struct slice subject; /* what it is about, or empty */
	struct slice text;
	struct slice cure; /* what to do, or empty */
};

struct findings {
	struct ctl *ctl;
	size_t rows;
	size_t count[SEVERITIES];
	struct json_t *list; /* where they are kept instead of being printed, or NULL */
};

/* Start. With LIST, JSON objects are put there; else, with --json, they leave as an array. */
void findings_init(struct findings *f, struct ctl *ctl, struct json_t *list);

/* Print one, as it is found. */
void findings_add(struct findings *f, const struct finding *one);

/* End the array, or say on a terminal how many there were of each. */
void findings_end(struct findings *f);

/* Print TEXT on stdout behind INDENT blanks, at words that fit the terminal; elsewhere in one line.
 */
void findings_wrap(struct slice text, int indent);

#endif
