// SPDX-License-Identifier: MIT
/* Any payload to any kind of point: refused in words, or a value that is read back as told. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/command/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct write_rule rule = {
	.address = -1,
	.on = -1,
	.off = -1,
	.toggle = 0x5500,
	.has_min = true,
	.min = -1000,
	.has_max = true,
	.max = 1000,
};
static const struct label label[] = {{0, "off"}, {1, "local"}, {2, "Local"}, {-3, "remote"}};
static const struct layout layout = {
	.n = 6,
	.part = {PART_YEAR, PART_MONTH, PART_DAY, PART_HOUR, PART_MIN, PART_SEC},
	.utc = true,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char reason[COMMAND_REASON_MAX] = "", text[VALUE_TEXT_MAX];
	struct command_value v;
	struct value again;
	if (size < 4)
		return 0;
	struct point p = {
		.name = "P",
		.table = data[0] & 1 ? TABLE_COIL : TABLE_HOLDING,
		.parts = 1,
		.write = &rule,
		.exponent_from = -1,
		.factor_from = -1,
		.unit = data[0] & 2 ? "e" : NULL,
		.label = label,
		.nlabel = data[0] & 4 ? 4 : 0,
		.codec = {.type = data[1] % (TYPE_DATETIME + 1),
	                  .order = data[2] & 3,
	                  .scale = {(int8_t)data[3], data[2] >> 4},
	                  .layout = &layout},
	};
	if (p.codec.type >= TYPE_STRING)
		p.codec.length = 6;
	char *payload = malloc(size - 3);
	if (!payload)
		abort();
	memcpy(payload, data + 4, size - 4);
	payload[size - 4] = '\0';
	const struct command_input in = {.text = payload, .now = "2026-11-21T10:00:00Z"};
	if (!command_check(&p, &in, &v, reason, sizeof reason)) {
		if (!*reason)
			abort();
	} else if (!v.toggle) {
		codec_decode(&p.codec, v.word, text, &again);
		if (!value_same(&v.v, &again))
			abort();
	}
	free(payload);
	return 0;
}
