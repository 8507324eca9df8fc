// SPDX-License-Identifier: MIT
/* Any words under any codec: decoding does no harm, and what was decoded can be written back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/value/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the loader lets through. */
static bool codec_sane(struct codec *c)
{
	const bool text = c->type >= TYPE_STRING, wide = c->byte == 0 && codec_words(c) > 1;
	const unsigned width = c->byte ? 8 : wide ? 32 : 16;
	if (c->type > TYPE_DATETIME || c->length > 125 || (c->type == TYPE_BYTES && c->length > 63))
		return false;
	if ((c->type == TYPE_MOD10K || c->type == TYPE_SIGNMAG) && c->length > 4)
		return false;
	if (!text && wide && c->byte)
		return false;
	if (c->type >= TYPE_F16 && c->type <= TYPE_MOD10K)
		return c->bits == 0 && c->byte == 0;
	return c->bits == 0 || c->bit + c->bits <= width;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint16_t words[128] = {0}, back[128] = {0}, mask[128] = {0};
	char text[VALUE_TEXT_MAX], second[VALUE_TEXT_MAX];
	struct layout layout = {0};
	struct value v, again;
	if (size < 24)
		return 0;
	struct codec c = {
		.type = data[0] % (TYPE_DATETIME + 1),
		.order = data[1] & 3,
		.length = data[2],
		.byte = data[3] % 3,
		.bit = data[4] & 63,
		.bits = data[5] % 65,
		.layout = &layout,
		.scale = {(int8_t)data[6], data[7] % 20},
		.offset = {(int8_t)data[8], data[9] % 20},
	};
	layout.n = data[10] % 9;
	layout.bytes = data[11] & 1;
	layout.utc = true;
	for (unsigned i = 0; i < layout.n; i++)
		layout.part[i] = data[12 + i] % (PART_YEAR2 + 1);
	if (!codec_sane(&c))
		return 0;
	memcpy(words, data + 20, size - 20 < sizeof words ? size - 20 : sizeof words);
	codec_decode(&c, words, text, &v);
	if (v.kind == VALUE_NONE)
		return 0;
	if (v.kind == VALUE_TEXT && strlen(text) >= sizeof text)
		abort();
	if (codec_encode(&c, &v, back, mask) != CODEC_OK) {
		if (v.kind == VALUE_DECIMAL || v.kind == VALUE_BOOL)
			abort();
		return 0;
	}
	codec_decode(&c, back, second, &again);
	if (v.kind != VALUE_REAL && c.type != TYPE_DATETIME && !value_same(&v, &again))
		abort();
	return 0;
}
