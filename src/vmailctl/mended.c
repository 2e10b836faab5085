/* SPDX-License-Identifier: ISC
 *
 * What a record says in a form that no command would take.
 */
#include "vmailctl/mended.h"

#include <stdio.h>

#include "auth/credential.h"
#include "auth/network.h"

#define TEXT(s) (int)((s).n < 200 ? (s).n : 200), (s).p

struct telling {
	const struct record *r;
	mended_fn *fn;
	void *arg;
};

/* 192.0.2.5/24: whoever typed that may have meant the host. */
static void
look_at_networks(const struct telling *t, struct slice networks)
{
	struct sbuf list;
	struct error ignored;
	char text[700];

	sbuf_init(&list, NETWORK_LIST_MAX);
	if (networks.n > 0 && network_list_check(&list, networks, &ignored) == BAD &&
	    network_list_mend(&list, networks, &ignored) == FOUND) {
		snprintf(text, sizeof text,
		    "networks '%.*s' of '%.*s' are kept as '%.*s': a network is meant as a whole",
		    TEXT(networks), TEXT(t->r->name), TEXT(sbuf_slice(&list)));
		t->fn(t->arg, text);
	}
	sbuf_release(&list);
}

static void
look_at_label(const struct telling *t, struct slice label)
{
	struct slice kept = slice_trim(label);
	struct error ignored;
	char text[400];

	if (kept.n == label.n || credential_label_check(kept, &ignored) != FOUND)
		return;
	snprintf(text, sizeof text,
	    "app password '%.*s' of '%.*s' is called so without the blanks around it", TEXT(kept),
	    TEXT(t->r->name));
	t->fn(t->arg, text);
}

void
mended_tell(const struct record *r, mended_fn *fn, void *arg)
{
	const struct telling t = { .r = r, .fn = fn, .arg = arg };

	if (r->kind != RECORD_MAILBOX)
		return;
	look_at_networks(&t, r->networks);
	for (size_t i = 0; i < r->credentials; i++) {
		look_at_label(&t, r->credential[i].label);
		look_at_networks(&t, r->credential[i].networks);
	}
}
