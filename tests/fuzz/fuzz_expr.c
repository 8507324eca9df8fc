// SPDX-License-Identifier: MIT
/* Any text as an expression: compiles or says why, and runs without harm. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/value/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look_up(void *ctx, const char *name, size_t len)
{
	(void)ctx;
	return len == 1 && *name >= 'A' && *name <= 'H' ? *name - 'A' : -1;
}

static struct value input(void *ctx, int index)
{
	(void)ctx;
	static const struct value v[] = {
		{.kind = VALUE_NONE},
		{.kind = VALUE_DECIMAL, .mant = UINT64_MAX},
		{.kind = VALUE_DECIMAL},
		{.kind = VALUE_REAL, .real = 1e308},
		{.kind = VALUE_TEXT, .text = "x"},
		{.kind = VALUE_BOOL, .mant = 1},
		{.kind = VALUE_DECIMAL, .neg = true, .mant = 5, .places = 1},
		{.kind = VALUE_REAL, .real = -0.0},
	};
	return v[index];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), message[160] = "";
	unsigned column = 0;
	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	struct arena *a = arena_create();
	const struct expr *e =
		expr_compile(a, text, look_up, NULL, &column, message, sizeof message);
	if (e) {
		const struct value v = expr_eval(e, input, NULL);
		if (v.kind != VALUE_NONE && v.kind != VALUE_BOOL && v.kind != VALUE_REAL)
			abort();
	} else if (!column || column > strlen(text) + 1 || !*message) {
		abort();
	}
	arena_destroy(a);
	free(text);
	return 0;
}
