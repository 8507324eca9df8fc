// SPDX-License-Identifier: MIT
/* Any text as a number: what is read, printed and read again is the same number. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/value/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[512], printed[VALUE_PRINT_MAX + 400];
	const char *end;
	struct value v, again;
	struct decimal d;
	if (size < 1 || size > sizeof text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (decimal_parse(text, &d) && !value_parse_number(text, &end, &v))
		abort();
	if (!value_parse_number(text, &end, &v))
		return 0;
	if (end < text || end > text + strlen(text))
		abort();
	value_print(&v, (int8_t)data[0], printed, 7);
	value_print(&v, (int8_t)data[0], printed, sizeof printed);
	value_print(&v, -1, printed, sizeof printed);
	if (v.kind == VALUE_DECIMAL &&
	    (!value_parse_number(printed, &end, &again) || *end || !value_same(&v, &again)))
		abort();
	return 0;
}
