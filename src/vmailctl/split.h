/* SPDX-License-Identifier: ISC
 *
 * Where Dovecot's LMTP takes other names for mailboxes than vmaild does. It cuts each recipient at
 * the first of its recipient_delimiter and looks for what is left; vmaild takes the whole name
 * first, and splits by the delimiters of the domain.
 */
#ifndef VMAILCTL_SPLIT_H
#define VMAILCTL_SPLIT_H

#include "base/sbuf.h"

/* Tell whether a Dovecot with DELIMITERS looks for another than the mailbox ADDRESS, and append
 * for which. */
bool split_is_cut(struct sbuf *other, struct slice address, struct slice delimiters);

/* What to say of such a mailbox: twice its address, then the other one. */
#define SPLIT_LOST                                                                                 \
	"Dovecot's LMTP cuts names at its recipient_delimiter: mail for '%.*s' goes to '%.*s', "   \
	"or bounces if that is nobody"
#define SPLIT_CURE                                                                                 \
	"give the mailbox a name without such a character, and make this one an alias that leads " \
	"to it"

/* Append those of the delimiters OWN that THEIRS lacks; false if there are none. */
bool split_lacking(struct sbuf *out, struct slice own, struct slice theirs);

#define SPLIT_DOMAIN_LOST                                                                          \
	"Dovecot's LMTP does not: mail for a mailbox with such an extension is taken by Postfix, " \
	"and bounces then"
#define SPLIT_DOMAIN_CURE                                                                          \
	"name all characters in recipient-delimiter of vmaild.conf, and in recipient_delimiter "   \
	"of Postfix and Dovecot, and fewer of them for other domains; or have an alias for each "  \
	"such address"

#endif
