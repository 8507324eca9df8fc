/* SPDX-License-Identifier: MIT */
/*
 * json: writes JSON text into a growing buffer. It cannot write anything that is not JSON: strings
 * are escaped, invalid UTF-8 is replaced, NaN is null, numbers that a reader would round stand as
 * text.
 */
#ifndef CORE_BASE_JSON_H
#define CORE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct json {
	char *text; /* NUL-terminated after every call; NULL until the first */
	size_t len, room;
	bool comma; /* the next member needs one before it */
};

/* Start from zeroed memory. json_reset keeps the buffer for the next text. */
void json_reset(struct json *j);
void json_free(struct json *j);

/* bracket '{' or '['. name NULL: an element of an array, or the outermost value. */
void json_open(struct json *j, const char *name, char bracket);
void json_close(struct json *j, char bracket); /* '}' or ']' */

void json_put_string(struct json *j, const char *name, const char *text, size_t n);
void json_put_real(struct json *j, const char *name, double r);
void json_put_null(struct json *j, const char *name);

void json_int(struct json *j, const char *name, int64_t i); /* beyond 2^53 as text */
void json_bool(struct json *j, const char *name, bool b);

/* Inline: the JSON library that reads commands has functions of these names, and would call ours.
 */
static inline void json_null(struct json *j, const char *name)
{
	json_put_null(j, name);
}

static inline void json_string(struct json *j, const char *name, const char *text) /* NULL: null */
{
	if (text)
		json_put_string(j, name, text, strlen(text));
	else
		json_put_null(j, name);
}

static inline void json_real(struct json *j, const char *name,
                             double r) /* shortest that reads back equal */
{
	json_put_real(j, name, r);
}

/* A value's text as it stands on its topic: a plain number as a number (digits kept as they are,
 * beyond 2^53 as text), `None` as null, all else as a string. */
void json_value(struct json *j, const char *name, const char *text);

/* Milliseconds since 1970 as "2026-11-21T10:00:00.123Z". */
void json_time(struct json *j, const char *name, int64_t unix_ms);

#define JSON_TIME_SIZE 32
void json_time_text(int64_t unix_ms, char buf[JSON_TIME_SIZE]);

/* Is it a JSON number as a whole? */
bool json_is_number(const char *text);

#endif
