/* SPDX-License-Identifier: ISC
 *
 * Any text as a moment: what is taken as one to come is never (0) or a moment, and what is taken as
 * one that has passed is a moment.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmailctl/when.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1763737200 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	int64_t at = -1;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (when_parse(text, NOW, &at) && at < 0)
		abort();
	if (text[0] == '+' && when_parse(text, NOW, &at) && at < NOW)
		abort();
	when_past(text, NOW, &at);
	free(text);
	return 0;
}
