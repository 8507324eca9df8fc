// SPDX-License-Identifier: MIT
#include "core/base/text.h"

#include <stdio.h>
#include <string.h>

#define REPEATED_MAX 64
#define ELLIPSIS "\xE2\x80\xA6"
#define REPLACEMENT "\xEF\xBF\xBD"

/* Rows of the table of well-formed sequences ("The Unicode Standard", table 3-7). */
static const struct {
	unsigned char first, last, low, high, len; /* first byte from..to; second byte from..to */
} utf8_row[] = {
	{0x01, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
	{0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
	{0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

size_t text_utf8_next(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	if (n == 0)
		return 0;
	for (size_t i = 0; i < sizeof utf8_row / sizeof *utf8_row; i++) {
		if (s[0] < utf8_row[i].first || s[0] > utf8_row[i].last)
			continue;
		const size_t len = utf8_row[i].len;
		if (len > n || (len > 1 && (s[1] < utf8_row[i].low || s[1] > utf8_row[i].high)))
			return 0;
		for (size_t k = 2; k < len; k++) {
			if ((s[k] & 0xC0) != 0x80)
				return 0;
		}
		return len;
	}
	return 0;
}

bool text_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool text_utf8(const char *text, size_t n)
{
	for (size_t i = 0; i < n;) {
		const size_t len = text_utf8_next(text + i, n - i);
		if (!len)
			return false;
		i += len;
	}
	return true;
}

/* The Unicode Standard, 23.1 to 23.3 and 23.7. */
static const struct {
	uint32_t first, last;
} control_row[] = {
	{0x00, 0x1F},     {0x7F, 0x9F},     {0x61C, 0x61C},   {0x200E, 0x200F},
	{0x2028, 0x202E}, {0x2066, 0x206F}, {0xFDD0, 0xFDEF}, {0xFEFF, 0xFEFF},
};

uint32_t text_code(const char *text, size_t len)
{
	static const unsigned char lead[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	uint32_t c = (unsigned char)text[0] & lead[len];
	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)text[i] & 0x3F);
	return c;
}

static bool is_control(uint32_t c)
{
	for (size_t i = 0; i < sizeof control_row / sizeof *control_row; i++) {
		if (c >= control_row[i].first && c <= control_row[i].last)
			return true;
	}
	return (c & 0xFFFE) == 0xFFFE; /* the last two of each plane */
}

size_t text_next(const char *text, size_t n, enum text_kind *kind)
{
	const size_t len = *text ? text_utf8_next(text, n) : 1;
	*kind = TEXT_BROKEN;
	if (!len)
		return 1;
	*kind = is_control(text_code(text, len)) ? TEXT_CONTROL : TEXT_PLAIN;
	return len;
}

bool text_plain(const char *text, size_t n)
{
	enum text_kind kind;
	for (size_t i = 0; i < n;) {
		i += text_next(text + i, n - i, &kind);
		if (kind != TEXT_PLAIN)
			return false;
	}
	return true;
}

size_t text_clean(const char *text, size_t n, char *buf, size_t size)
{
	size_t used = 0, room = 0; /* room: as far as the ellipsis would fit behind */
	for (size_t i = 0; i < n;) {
		enum text_kind kind;
		const size_t from = text_next(text + i, n - i, &kind);
		const char *put = kind == TEXT_PLAIN     ? text + i
		                  : kind == TEXT_CONTROL ? " "
		                                         : REPLACEMENT;
		const size_t len = kind == TEXT_PLAIN ? from : strlen(put);
		if (used + len >= size) {
			const size_t mark = room + strlen(ELLIPSIS) < size ? strlen(ELLIPSIS) : 0;
			memcpy(buf + room, ELLIPSIS, mark);
			used = room + mark;
			break;
		}
		memcpy(buf + used, put, len);
		used += len;
		i += from;
		if (used + strlen(ELLIPSIS) < size)
			room = used;
	}
	if (size)
		buf[used] = '\0';
	return used;
}

const char *text_echo(const char *word, char buf[TEXT_ECHO_SIZE])
{
	const size_t n = strlen(word);
	if (n > 0 && n <= REPEATED_MAX &&
	    strspn(word,
	           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/{}()*") == n)
		snprintf(buf, TEXT_ECHO_SIZE, "\"%s\"", word);
	else
		snprintf(buf, TEXT_ECHO_SIZE, "(%zu characters, not repeated)", n);
	return buf;
}
