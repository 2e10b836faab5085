/* SPDX-License-Identifier: ISC
 *
 * explain: where a mail to an address goes, and why. explain.c follows it, explain_print.c draws
 * it.
 */
#include "vmailctl/explain.h"
#include "vmailctl/output.h"

static enum exit_code
print(struct ctl *ctl, struct explain *x, enum outcome o)
{
	enum exit_code e;

	if (ctl->json)
		e = output_json(ctl, json_incref(x->journey));
	else
		e = explain_print(ctl, x->journey);
	if (e != EXIT_DONE || o == FOUND)
		return e;
	return o == NONE ? EXIT_NOT : EXIT_AGAIN;
}

enum exit_code
cmd_explain(struct ctl *ctl)
{
	const char *from = ctl_option(ctl, "from");
	struct explain x;
	enum exit_code e;
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot explain '%s'", ctl->args[0]);
	explain_init(&x, ctl, ctl_option(ctl, "live") != NULL);
	o = explain_run(&x, ctl->args[0], from);
	if (o == RETRY && json_object_get(x.journey, "outcome") == NULL)
		e = ctl_fail(ctl, o, "cannot explain '%s'", ctl->args[0]);
	else if (o == BAD)
		e = ctl_usage(ctl, "%s", ctl->err.text);
	else
		e = print(ctl, &x, o);
	explain_release(&x);
	return e;
}
