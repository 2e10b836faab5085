/* SPDX-License-Identifier: ISC
 *
 * The checkpassword interface: its input and its exit codes.
 */
#include "wire/checkpw.h"

enum { FIELDS = 3 };

enum take
checkpw_take(struct slice in, bool eof, struct checkpw_input *out)
{
	struct slice rest = slice_head(in, CHECKPW_MAX);
	struct slice field[FIELDS];
	size_t nuls = 0, end;

	while (nuls < FIELDS && slice_chr(rest, '\0', &end)) {
		field[nuls++] = slice_head(rest, end);
		rest = slice_tail(rest, end + 1);
	}
	if (nuls < FIELDS) {
		if (in.n > CHECKPW_MAX)
			return TOO_LONG;
		if (!eof)
			return MORE;
		if (nuls < FIELDS - 1)
			return MALFORMED;
	}
	*out = (struct checkpw_input){ field[0], field[1] };
	return TAKEN;
}

enum checkpw_exit
checkpw_exit_code(enum outcome o, bool lookup)
{
	if (o == FOUND)
		return CHECKPW_OK;
	if (o == NONE)
		return lookup ? CHECKPW_UNKNOWN : CHECKPW_REFUSED;
	return CHECKPW_TEMPORARY;
}
