// SPDX-License-Identifier: MIT
#include <string.h>

#include "core/base/text.h"
#include "core/value/codec_kinds.h"

#define BYTES_MAX 256 /* more than any read can bring */

static bool bytes_swapped(const struct codec *c)
{
	return c->order >= ORDER_BIG_SWAPPED;
}

/* Byte i of the text: which word, and how far up in it. */
struct seat {
	unsigned word, shift;
};

static struct seat byte_seat(const struct codec *c, unsigned i)
{
	if (c->byte)
		return (struct seat){i, c->byte == 1 ? 8 : 0};
	return (struct seat){i / 2, (i % 2 == 0) != bytes_swapped(c) ? 8 : 0};
}

static unsigned byte_count(const struct codec *c)
{
	const unsigned n = codec_words(c) * (c->byte ? 1 : 2);
	return n < BYTES_MAX ? n : BYTES_MAX;
}

static void bytes_get(const struct codec *c, const uint16_t *words, unsigned char *bytes)
{
	for (unsigned i = 0; i < byte_count(c); i++) {
		const struct seat s = byte_seat(c, i);
		bytes[i] = (unsigned char)(words[s.word] >> s.shift);
	}
}

static void bytes_put(const struct codec *c, const unsigned char *bytes, uint16_t *words,
                      uint16_t *mask)
{
	memset(mask, 0, codec_words(c) * sizeof *mask);
	for (unsigned i = 0; i < byte_count(c); i++) {
		const struct seat s = byte_seat(c, i);
		const uint16_t field = (uint16_t)(0xFF << s.shift);
		words[s.word] = (uint16_t)((words[s.word] & ~field) | bytes[i] << s.shift);
		mask[s.word] |= field;
	}
}

/* What a device reports goes to terminals and data bases: no control characters, no broken UTF-8.
 */
void codec_text(const unsigned char *bytes, size_t n, char *text, struct value *out)
{
	const unsigned char *nul = memchr(bytes, 0, n);
	*out = value_none();
	if (nul)
		n = (size_t)(nul - bytes);
	while (n && (bytes[n - 1] == ' ' || bytes[n - 1] == 0xFF)) /* 0xFF: never written memory */
		n--;
	size_t used = text_clean((const char *)bytes, n, text, VALUE_TEXT_MAX);
	const size_t blanks = strspn(text, " ");
	memmove(text, text + blanks, used - blanks + 1);
	for (used -= blanks; used && text[used - 1] == ' '; used--)
		text[used - 1] = '\0';
	if (used) /* nothing in it: the device has no text */
		*out = (struct value){.kind = VALUE_TEXT, .text = text};
}

void string_to_text(const struct codec *c, const uint16_t *words, char *text, struct value *out)
{
	unsigned char bytes[BYTES_MAX] = {0};
	bytes_get(c, words, bytes);
	codec_text(bytes, byte_count(c), text, out);
}

enum codec_fault string_from_text(const struct codec *c, const char *text, uint16_t *words,
                                  uint16_t *mask)
{
	unsigned char bytes[BYTES_MAX] = {0};
	const size_t len = strlen(text);
	if (len > byte_count(c))
		return CODEC_LONG;
	memcpy(bytes, text, len);
	bytes_put(c, bytes, words, mask);
	return CODEC_OK;
}

void bytes_to_text(const struct codec *c, const uint16_t *words, char *text, struct value *out)
{
	static const char digit[] = "0123456789abcdef";
	unsigned char bytes[BYTES_MAX] = {0};
	const unsigned n = byte_count(c);
	if (2 * n >= VALUE_TEXT_MAX)
		return; /* the loader does not let such a point through */
	bytes_get(c, words, bytes);
	for (unsigned i = 0; i < n; i++) {
		text[2 * i] = digit[bytes[i] >> 4];
		text[2 * i + 1] = digit[bytes[i] & 0xF];
	}
	text[2 * n] = '\0';
	*out = (struct value){.kind = VALUE_TEXT, .text = text};
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	const char low = (char)(c | 0x20);
	return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

enum codec_fault bytes_from_text(const struct codec *c, const char *text, uint16_t *words,
                                 uint16_t *mask)
{
	unsigned char bytes[BYTES_MAX] = {0};
	const unsigned n = byte_count(c);
	for (unsigned i = 0; i < n; i++, text += 2) {
		const int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return CODEC_FORM;
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	if (*text)
		return CODEC_LONG;
	bytes_put(c, bytes, words, mask);
	return CODEC_OK;
}
