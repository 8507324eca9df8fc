// SPDX-License-Identifier: MIT
#include "core/base/topic.h"

#include <string.h>

#include "core/base/text.h"

bool topic_split(const char *topic, const char *prefix, struct topic_levels *out)
{
	const size_t n = strlen(prefix);
	out->n = 0;
	if (strncmp(topic, prefix, n) != 0 || topic[n] != '/')
		return false;
	for (const char *at = topic + n + 1;; at++) {
		const size_t len = strcspn(at, "/");
		if (out->n < TOPIC_LEVELS) {
			out->at[out->n] = at;
			out->len[out->n] = len;
		}
		if (out->n <= TOPIC_LEVELS)
			out->n++;
		at += len;
		if (*at == '\0')
			return true;
	}
}

bool topic_is(const struct topic_levels *t, unsigned i, const char *word)
{
	return i < t->n && i < TOPIC_LEVELS && t->len[i] == strlen(word) &&
	       memcmp(t->at[i], word, t->len[i]) == 0;
}

bool topic_match(const char *filter, const char *topic)
{
	if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#'))
		return false;
	for (;;) {
		const size_t f = strcspn(filter, "/"), t = strcspn(topic, "/");
		if (f == 1 && *filter == '#')
			return true;
		if (!(f == 1 && *filter == '+') && (f != t || memcmp(filter, topic, f) != 0))
			return false;
		filter += f;
		topic += t;
		if (*filter == '\0' || *topic == '\0')
			break;
		filter++;
		topic++;
	}
	/* "a/#" also matches its parent "a" */
	return *topic == *filter || (*topic == '\0' && strcmp(filter, "/#") == 0);
}

/* Rows of the table of well-formed sequences ("The Unicode Standard", table 3-7). */
static const struct {
	unsigned char first, last, low, high, len; /* first byte from..to; second byte from..to */
} utf8_row[] = {
	{0x01, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
	{0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
	{0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

size_t topic_utf8_next(const char *text, size_t n)
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

bool topic_utf8(const char *text, size_t n)
{
	for (size_t i = 0; i < n;) {
		const size_t len = topic_utf8_next(text + i, n - i);
		if (!len)
			return false;
		i += len;
	}
	return true;
}

bool topic_valid(const char *topic)
{
	const size_t n = strlen(topic);
	return n > 0 && n <= 65535 && !strpbrk(topic, "+#") && text_plain(topic, n);
}
