/* SPDX-License-Identifier: MIT */
/*
 * json: writes JSON text into a growing buffer. It cannot write anything that is not JSON: strings
 * are escaped, invalid UTF-8 is replaced, NaN is null, numbers that a reader would round stand as
 * text. Its functions begin with jw_: the JSON library that reads commands owns json_.
 */
#ifndef CORE_BASE_JSON_H
#define CORE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	char *text; /* NUL-terminated after every call; NULL until the first */
	size_t len, room;
	bool comma; /* the next member needs one before it */
};

/* Start from zeroed memory. jw_reset keeps the buffer for the next text. */
void jw_reset(struct json *j);
void jw_free(struct json *j);

/* bracket '{' or '['. name NULL: an element of an array, or the outermost value. */
void jw_open(struct json *j, const char *name, char bracket);
void jw_close(struct json *j, char bracket); /* '}' or ']' */

void jw_string(struct json *j, const char *name, const char *text); /* NULL: null */
void jw_text(struct json *j, const char *name, const char *text, size_t n);
void jw_real(struct json *j, const char *name, double r); /* shortest that reads back equal */
void jw_null(struct json *j, const char *name);
void jw_int(struct json *j, const char *name, int64_t i); /* beyond 2^53 as text */
void jw_bool(struct json *j, const char *name, bool b);

/* JSON as it is. */
void jw_raw(struct json *j, const char *name, const char *json);

/* A value's text as it is on its topic: a plain number as a number (digits kept as they are,
 * beyond 2^53 as text), `None` as null, all else as a string. */
void jw_value(struct json *j, const char *name, const char *text);

/* Milliseconds since 1970 as "2026-11-21T10:00:00.123Z". */
void jw_time(struct json *j, const char *name, int64_t unix_ms);

#define JW_TIME_SIZE 32
void jw_time_text(int64_t unix_ms, char buf[JW_TIME_SIZE]);

/* Is it a JSON number as a whole? */
bool jw_is_number(const char *text);

#endif
