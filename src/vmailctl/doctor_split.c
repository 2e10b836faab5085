/* SPDX-License-Identifier: ISC
 *
 * doctor: whether the LMTP of this host's Dovecot takes the same names for mailboxes as vmaild.
 */
#include "mail/address.h"
#include "vmailctl/doctor.h"
#include "vmailctl/doveconf.h"
#include "vmailctl/split.h"

/* Mailboxes for which it looks by another name: how many, and the first. */
struct splits {
	struct slice delimiters;
	size_t n;
	struct sbuf first;
	struct sbuf first_other; /* what it looks for instead */
	struct sbuf other;
};

/* Find a setting in the block of a protocol; p is NULL when it has none. */
static struct slice
of_lmtp(struct slice conf, const char *name)
{
	bool within = false;

	while (conf.n > 0) {
		struct slice value = slice_cut(&conf, '\n'), word;

		if (slice_starts(value, "protocol ") || slice_is(value, "}"))
			within = slice_starts(value, "protocol lmtp ");
		word = slice_trim(slice_cut(&value, '='));
		if (within && value.p != NULL && slice_is(word, name))
			return doveconf_unquoted(slice_trim(value));
	}
	return slice_str(NULL);
}

static struct slice
cuts_at(const struct doctor *d)
{
	struct slice here = of_lmtp(sbuf_slice(&d->dovecot_conf), "recipient_delimiter");

	if (here.p == NULL)
		here = doctor_setting(d, "recipient_delimiter");
	return here.p != NULL ? here : slice_str("+");
}

static bool
look_at_mailbox(void *arg, const struct scan_row *row)
{
	struct splits *s = arg;

	sbuf_clear(&s->other);
	if (split_is_cut(&s->other, row->subject, s->delimiters) && s->n++ == 0) {
		sbuf_add_slice(&s->first, row->subject);
		sbuf_add_slice(&s->first_other, sbuf_slice(&s->other));
	}
	return true;
}

bool
check_dovecot_split(struct doctor *d, const struct check *c)
{
	struct splits s = { .delimiters = cuts_at(d) };
	struct error err = { "" };

	if (!d->has_store)
		return false;
	sbuf_init(&s.first, ADDRESS_MAX + 1);
	sbuf_init(&s.first_other, ADDRESS_MAX + 1);
	sbuf_init(&s.other, ADDRESS_MAX + 1);
	if (store_scan(d->ctl->store, SCAN_ALL_MAILBOXES, 0, look_at_mailbox, &s, &err) != FOUND)
		doctor_bad(d, c, slice_str(NULL), "%s", err.text);
	else if (s.n > 0)
		doctor_bad(d, c, sbuf_slice(&s.first),
		    "Dovecot's LMTP cuts names at its recipient_delimiter, '%.*s': mail for it "
		    "goes to '%s', or bounces if that is nobody; so it is with %zu mailboxes, of "
		    "which this is the first",
		    (int)s.delimiters.n, s.delimiters.p, sbuf_cstr(&s.first_other), s.n);
	sbuf_release(&s.other);
	sbuf_release(&s.first_other);
	sbuf_release(&s.first);
	return s.n == 0 && err.text[0] == '\0';
}

/* --- delimiters of a domain ---------------------------------------------------------------------
 */

struct domains {
	struct doctor *d;
	const struct check *c;
	struct slice delimiters; /* Dovecot's */
	bool ok;
};

static bool
look_at_domain(void *arg, const struct scan_row *row)
{
	struct domains *all = arg;
	struct sbuf more;

	sbuf_init(&more, ADDRESS_MAX);
	if (split_lacking(&more, row->detail, all->delimiters))
		all->ok = doctor_bad(all->d, all->c, row->subject,
		    "it splits at '%s', and " SPLIT_DOMAIN_LOST, sbuf_cstr(&more));
	sbuf_release(&more);
	return true;
}

bool
check_dovecot_domains(struct doctor *d, const struct check *c)
{
	struct domains all = { .d = d, .c = c, .delimiters = cuts_at(d), .ok = true };
	struct error err = { "" };

	if (!d->has_store)
		return false;
	if (store_scan(d->ctl->store, SCAN_MAILBOX_DOMAINS, 0, look_at_domain, &all, &err) != FOUND)
		return doctor_bad(d, c, slice_str(NULL), "%s", err.text);
	return all.ok;
}
