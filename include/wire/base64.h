/* SPDX-License-Identifier: ISC
 *
 * Base64 of the standard alphabet, as SASL messages travel in.
 */
#ifndef WIRE_BASE64_H
#define WIRE_BASE64_H

#include "base/sbuf.h"

/* Append IN coded, padded to a multiple of four. */
bool base64_encode(struct sbuf *out, struct slice in);

/* Append IN decoded; false, and OUT as it was, unless IN is exactly what base64_encode makes of
 * something: no blanks, no missing padding, no stray bits in the last letter. */
bool base64_decode(struct sbuf *out, struct slice in);

#endif
