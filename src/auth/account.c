/* SPDX-License-Identifier: ISC
 *
 * A mailbox's particulars, and the fields a mail server is told of it. Where they come from is the
 * store's business, in which words they leave the session's.
 */
#include "auth/account.h"

#include <stdio.h>

enum { ADDRESS_SIZE_MAX = 1024, HOME_MAX = 4096, TEXT_MAX = 4096 };

void
account_init(struct account *a)
{
	*a = (struct account){ .quota = 0 };
	sbuf_init(&a->address, ADDRESS_SIZE_MAX);
	sbuf_init(&a->home, HOME_MAX);
	sbuf_init(&a->reason, TEXT_MAX);
	sbuf_init(&a->mail, TEXT_MAX);
	sbuf_init(&a->networks, TEXT_MAX);
}

void
account_release(struct account *a)
{
	sbuf_release(&a->address);
	sbuf_release(&a->home);
	sbuf_release(&a->reason);
	sbuf_release(&a->mail);
	sbuf_release(&a->networks);
	account_init(a);
}

void
account_clear(struct account *a)
{
	sbuf_clear(&a->address);
	sbuf_clear(&a->home);
	sbuf_clear(&a->reason);
	sbuf_clear(&a->mail);
	sbuf_clear(&a->networks);
	a->uid = a->gid = 0;
	a->state = STATE_ACTIVE;
	a->quota = a->created = 0;
	a->password = false;
}

/* A name may become one part of a path when it stays one, and does not mean a directory further up.
 */
static bool
is_path_part(struct slice name)
{
	bool only_dots = true;

	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '/' || name.p[i] == '\0')
			return false;
		only_dots = only_dots && name.p[i] == '.';
	}
	return !only_dots;
}

/* What %C stands for; false when it means nothing, or nothing safe. */
static bool
expand(struct sbuf *out, char c, struct slice address)
{
	struct slice value = address;
	size_t at;

	if (c == '%')
		return sbuf_add_chr(out, '%');
	if (!slice_rchr(address, '@', &at))
		return false;
	switch (c) {
	case 'u':
		break;
	case 'n':
		value = slice_head(address, at);
		break;
	case 'd':
		value = slice_tail(address, at + 1);
		break;
	default:
		return false;
	}
	return is_path_part(value) && sbuf_add_slice(out, value);
}

static bool
put_home(struct sbuf *out, const struct account *a, const char *template)
{
	if (a->home.n > 0)
		return sbuf_add_slice(out, sbuf_slice(&a->home));
	for (const char *p = template; *p != '\0'; p++) {
		if (*p != '%') {
			if (!sbuf_add_chr(out, *p))
				return false;
		} else if (*++p == '\0' || !expand(out, *p, sbuf_slice(&a->address))) {
			return false;
		}
	}
	return true;
}

static void
tell(account_field_fn *fn, void *arg, const char *key, const char *before, long long n,
    const char *behind)
{
	char text[64];

	snprintf(text, sizeof text, "%s%lld%s", before, n, behind);
	fn(arg, key, slice_str(text));
}

bool
account_fields(
    const struct account *a, const struct account_rules *rules, account_field_fn *fn, void *arg)
{
	struct sbuf home;
	bool ok;

	sbuf_init(&home, HOME_MAX);
	ok = put_home(&home, a, rules->home);
	if (ok && home.n > 0)
		fn(arg, "home", sbuf_slice(&home));
	sbuf_release(&home);
	if (!ok)
		return false;
	/* nobody's mail belongs to root, so 0 is no answer but the lack of one */
	if (rules->uid != 0)
		tell(fn, arg, "uid", "", rules->uid, "");
	if (rules->gid != 0)
		tell(fn, arg, "gid", "", rules->gid, "");
	if (a->quota > 0) {
		tell(fn, arg, "quota_rule", "*:bytes=", a->quota, "");
		tell(fn, arg, "quota_storage_size", "", a->quota, "B");
	}
	return true;
}
