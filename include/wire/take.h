/* SPDX-License-Identifier: ISC
 *
 * What every codec says of the bytes it was shown.
 */
#ifndef WIRE_TAKE_H
#define WIRE_TAKE_H

enum take {
	MORE,     /* not all there yet; nothing was touched */
	TAKEN,    /* one whole message; the count of its bytes is in *used */
	TOO_LONG, /* well formed so far, but over the limit: skip *used bytes */
	MALFORMED /* can never become a message: close the connection */
};

#endif
