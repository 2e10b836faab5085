/* SPDX-License-Identifier: ISC
 *
 * What a credential is good for.
 */
#include "auth/credential.h"

#include <string.h>
#include <unistr.h>

#include "auth/network.h"

/* --- services --------------------------------------------------------------------------------- */

/* Dovecot and Postfix have different names for sending. */
static bool
same_service(struct slice a, struct slice b)
{
	bool sends = slice_is(a, "smtp") || slice_is(a, "submission");

	return slice_eq(a, b) || (sends && (slice_is(b, "smtp") || slice_is(b, "submission")));
}

static bool
services_have(struct slice list, struct slice service)
{
	while (list.n > 0)
		if (same_service(slice_cut(&list, ','), service))
			return true;
	return false;
}

bool
credential_is_service(struct slice word)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < word.n; i++)
		if (memchr(allowed, word.p[i], sizeof allowed - 1) == NULL)
			return false;
	return word.n > 0 && word.n <= CREDENTIAL_SERVICE_MAX;
}

enum outcome
credential_services_check(struct sbuf *out, struct slice text, struct error *err)
{
	struct sbuf list;
	enum outcome o = FOUND;

	sbuf_init(&list, CREDENTIAL_SERVICES_MAX);
	while (o == FOUND && text.n > 0) {
		struct slice word = slice_trim(slice_cut(&text, ','));

		if (!credential_is_service(word))
			o = error_set(err, BAD,
			    "'%.*s' is no name of a service: write them like imap,smtp",
			    (int)slice_head(word, CREDENTIAL_SERVICE_MAX).n, word.p);
		else if (!services_have(sbuf_slice(&list), word))
			sbuf_printf(&list, "%s%.*s", list.n > 0 ? "," : "", (int)word.n, word.p);
	}
	if (o == FOUND && list.failed)
		o = error_set(err, BAD, "the list of services is longer than %d bytes: shorten it",
		    CREDENTIAL_SERVICES_MAX);
	if (o == FOUND && !sbuf_add_slice(out, sbuf_slice(&list)))
		o = error_set(err, RETRY, "no memory for a list of services");
	sbuf_release(&list);
	return o;
}

/* --- labels ----------------------------------------------------------------------------------- */

enum outcome
credential_label_check(struct slice label, struct error *err)
{
	if (label.n == 0)
		return error_set(err, BAD,
		    "an app password needs a label that tells what it is for, like 'phone'");
	if (label.n > CREDENTIAL_LABEL_MAX)
		return error_set(err, BAD, "the label is %zu bytes long: at most %d", label.n,
		    CREDENTIAL_LABEL_MAX);
	if (u8_check((const uint8_t *)label.p, label.n) != NULL)
		return error_set(err, BAD, "the label is not UTF-8: write it again");
	if (slice_trim(label).n != label.n)
		return error_set(err, BAD, "the label begins or ends with a blank: leave it out");
	for (size_t i = 0; i < label.n; i++)
		if ((unsigned char)label.p[i] < ' ' || label.p[i] == 0x7f)
			return error_set(
			    err, BAD, "the label has a control character in it: leave it out");
	return FOUND;
}

/* --- use -------------------------------------------------------------------------------------- */

enum credential_use
credential_use(const struct credential *c, struct slice service, struct slice remote, int64_t now)
{
	if (c->expires != 0 && c->expires <= now)
		return CREDENTIAL_EXPIRED;
	if (c->services.n > 0 && !services_have(c->services, service))
		return CREDENTIAL_OTHER_SERVICE;
	if (!network_list_has(c->networks, remote))
		return CREDENTIAL_OTHER_NETWORK;
	return CREDENTIAL_GOOD;
}
