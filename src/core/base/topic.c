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

bool topic_valid(const char *topic)
{
	const size_t n = strlen(topic);
	return n > 0 && n <= 65535 && !strpbrk(topic, "+#") && text_plain(topic, n);
}
