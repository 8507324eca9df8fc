// SPDX-License-Identifier: MIT
/* Configurations of other gateways, of anybody's making, through every reader of xnetctl convert.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const format[] = {"homeassistant", "mqmgateway", "wirenboard",
	                                     "telegraf", "csv"};
	char *out;
	size_t len;

	for (size_t i = 0; i < sizeof(format) / sizeof(format[0]); i++) {
		struct draft d = {.arena = arena_create(), .default_id = 1};
		char *text = arena_alloc(d.arena, size + 1);
		memcpy(text, data, size);
		diag_init(&d.d);
		convert_guess("x", text);
		if (!memchr(text, 0, size))
			convert_text(&d, format[i], "x", text, size);
		FILE *f = open_memstream(&out, &len);
		if (!f)
			abort();
		draft_print(&d, "x", f);
		fclose(f);
		free(out);
		diag_free(&d.d);
		arena_destroy(d.arena);
	}
	return 0;
}
