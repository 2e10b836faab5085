/* SPDX-License-Identifier: ISC
 *
 * A piece of a domain has no form of its own in A-labels: whole ones are folded into them, and for
 * pieces the names are put into letters.
 */
#include "vmailctl/pattern.h"

#include "mail/alike.h"
#include "mail/glob.h"
#include "mail/keys.h"

enum { NAME_ROOM = 8 * ADDRESS_MAX };

bool
name_fold_whole(struct sbuf *out, struct slice typed, bool domains)
{
	struct slice domain = typed;
	struct address a;
	size_t at;
	bool has_at = slice_rchr(typed, '@', &at);

	if (has_at)
		domain = slice_tail(typed, at + 1);
	if (slice_chr(domain, '*', &at))
		return false;
	if (!has_at)
		return domains && domain_parse(&a, typed) &&
		       sbuf_add_slice(out, address_domain(&a));
	if (!address_parse(&a, typed))
		return false;
	if (a.local_n > 0)
		return address_print(out, &a);
	return sbuf_add_chr(out, '@') && sbuf_add_slice(out, address_domain(&a));
}

void
name_fold(struct sbuf *out, struct slice typed, bool domains)
{
	size_t before = out->n;
	struct error ignored;

	if (name_fold_whole(out, typed, domains))
		return;
	sbuf_truncate(out, before);
	/* whatever is no address is but folded by that search */
	if (key_check(out, SEARCH_ADDRESS, typed, &ignored) == FOUND)
		return;
	sbuf_truncate(out, before);
	sbuf_add_slice(out, typed);
}

void
pattern_init(struct pattern *p, const char *typed, bool domains)
{
	struct slice glob = slice_str(typed);

	p->letters = !slice_is_ascii(glob);
	sbuf_init(&p->glob, NAME_ROOM);
	sbuf_init(&p->name, NAME_ROOM);
	if (glob.n > 0)
		name_fold(&p->glob, glob, domains);
}

void
pattern_release(struct pattern *p)
{
	sbuf_release(&p->glob);
	sbuf_release(&p->name);
}

bool
pattern_given(const struct pattern *p)
{
	return p->glob.n > 0;
}

struct slice
pattern_prefix(const struct pattern *p)
{
	struct slice glob = sbuf_slice(&p->glob);
	size_t at;

	if (p->letters)
		return slice_str("");
	return slice_chr(glob, '*', &at) ? slice_head(glob, at) : glob;
}

bool
pattern_match(struct pattern *p, struct slice name)
{
	struct slice glob = sbuf_slice(&p->glob);

	if (glob_match(glob, name))
		return true;
	sbuf_clear(&p->name);
	return p->letters && alike_letters(&p->name, name) &&
	       glob_match(glob, sbuf_slice(&p->name));
}
