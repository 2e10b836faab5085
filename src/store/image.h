/* SPDX-License-Identifier: ISC
 *
 * The image of an object in the change log, made of what is known of it.
 */
#ifndef STORE_IMAGE_H
#define STORE_IMAGE_H

#include "base/sbuf.h"
#include "store/record.h"

/* Append the image of mailbox R, and of its hashes if it has any: byte for byte what the statement
 * mailbox_image gives for it. Its name is canonical, all is said, and all times are set. */
void image_mailbox(struct sbuf *image, struct sbuf *secret, const struct record *r);

/* Append the image of alias R, which has targets of which no two are one: byte for byte what the
 * statement alias_image gives for it. */
void image_alias(struct sbuf *image, const struct record *r);

/* Append TEXT as a JSON string, as SQLite writes it. */
void image_text(struct sbuf *out, struct slice text);

#endif
