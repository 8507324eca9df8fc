/* SPDX-License-Identifier: MIT */
/*
 * topic: MQTT topic names and filters ("MQTT Version 5.0", section 4.7). Pure text.
 */
#ifndef CORE_BASE_TOPIC_H
#define CORE_BASE_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#define TOPIC_LEVELS 8

/* A topic cut into levels; points into the topic. */
struct topic_levels {
	unsigned n; /* levels; TOPIC_LEVELS + 1: more than fit */
	const char *at[TOPIC_LEVELS];
	size_t len[TOPIC_LEVELS];
};

/* Cut what follows `prefix` and a slash. False: the topic does not begin so. */
bool topic_split(const char *topic, const char *prefix, struct topic_levels *out);

/* Is level i this word? */
bool topic_is(const struct topic_levels *t, unsigned i, const char *word);

/* Does a filter with + and # match the topic? A leading $ is never matched by a wildcard. */
bool topic_match(const char *filter, const char *topic);

/* May we publish to it: 1 to 65535 bytes of UTF-8, no wildcards, no control characters (text.h: a
 * broker may end the connection for one). */
bool topic_valid(const char *topic);

#endif
