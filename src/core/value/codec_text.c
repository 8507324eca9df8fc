#include <string.h>

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

/* Length of the well-formed UTF-8 sequence at s (at most n bytes), 0: none. RFC 3629, section 4. */
static unsigned utf8_length(const unsigned char *s, unsigned n)
{
	static const struct {
		unsigned char lead_low, lead_high, len, second_low, second_high;
	} row[] = {
		{0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
		{0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F},
		{0xEE, 0xEF, 3, 0x80, 0xBF}, {0xF0, 0xF0, 4, 0x90, 0xBF},
		{0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
	};
	if (s[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (s[0] < row[i].lead_low || s[0] > row[i].lead_high)
			continue;
		if (n < row[i].len || s[1] < row[i].second_low || s[1] > row[i].second_high)
			return 0;
		for (unsigned k = 2; k < row[i].len; k++)
			if ((s[k] & 0xC0) != 0x80)
				return 0;
		return row[i].len;
	}
	return 0;
}

void string_to_text(const struct codec *c, const uint16_t *words, char *text, struct value *out)
{
	unsigned char bytes[BYTES_MAX] = {0};
	unsigned n = byte_count(c), first = 0, used = 0;
	bytes_get(c, words, bytes);
	const unsigned char *nul = memchr(bytes, 0, n);
	if (nul)
		n = (unsigned)(nul - bytes);
	while (n && (bytes[n - 1] == ' ' || bytes[n - 1] == 0xFF)) /* 0xFF: never written memory */
		n--;
	while (first < n && bytes[first] == ' ')
		first++;
	for (unsigned i = first; i < n;) {
		const unsigned len = utf8_length(bytes + i, n - i);
		const unsigned need = len ? len : 3;
		if (used + need >= VALUE_TEXT_MAX)
			break;
		memcpy(text + used, len ? (const void *)(bytes + i) : "\xEF\xBF\xBD", need);
		used += need;
		i += len ? len : 1;
	}
	text[used] = '\0';
	if (used) /* nothing in it: the device has no text to tell */
		*out = (struct value){.kind = VALUE_TEXT, .text = text};
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
