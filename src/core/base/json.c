// SPDX-License-Identifier: MIT
#include "core/base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/text.h"

#define EXACT 9007199254740992 /* 2^53: what a double holds exactly, and so most JSON readers */

void jw_reset(struct json *j)
{
	j->len = 0;
	j->comma = false;
	if (j->text)
		j->text[0] = '\0';
}

void jw_free(struct json *j)
{
	free(j->text);
	*j = (struct json){0};
}

static void put(struct json *j, const char *s, size_t n)
{
	if (j->len + n + 1 > j->room) {
		j->room = (j->len + n + 1) * 2;
		j->text = mem_grow(j->text, j->room, 1);
	}
	memcpy(j->text + j->len, s, n);
	j->len += n;
	j->text[j->len] = '\0';
}

static void put_text(struct json *j, const char *s)
{
	put(j, s, strlen(s));
}

static void put_escaped(struct json *j, uint32_t c)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *at = c && c < 0x80 ? strchr(plain, (int)c) : NULL;
	char code[12];
	if (at)
		snprintf(code, sizeof code, "\\%c", letter[at - plain]);
	else
		snprintf(code, sizeof code, "\\u%04" PRIx32, c);
	put_text(j, code);
}

/* A reader gets back what was put in; but nothing in the text itself drives a terminal. */
static void put_string(struct json *j, const char *s, size_t n)
{
	put(j, "\"", 1);
	for (size_t i = 0; i < n;) {
		enum text_kind kind;
		const unsigned char c = (unsigned char)s[i];
		const size_t len = text_next(s + i, n - i, &kind);
		if (kind == TEXT_BROKEN)
			put_text(j, "\xEF\xBF\xBD"); /* U+FFFD */
		else if (c == '"' || c == '\\' || (kind == TEXT_CONTROL && len < 4))
			put_escaped(j, text_code(s + i, len));
		else
			put(j, s + i, len);
		i += len;
	}
	put(j, "\"", 1);
}

static void begin(struct json *j, const char *name)
{
	if (j->comma)
		put(j, ",", 1);
	j->comma = true;
	if (name) {
		put_string(j, name, strlen(name));
		put(j, ":", 1);
	}
}

void jw_open(struct json *j, const char *name, char bracket)
{
	begin(j, name);
	put(j, &bracket, 1);
	j->comma = false;
}

void jw_close(struct json *j, char bracket)
{
	put(j, &bracket, 1);
	j->comma = true;
}

void jw_text(struct json *j, const char *name, const char *text, size_t n)
{
	begin(j, name);
	put_string(j, text, n);
}

void jw_int(struct json *j, const char *name, int64_t i)
{
	char text[32];
	const bool exact = i >= -EXACT && i <= EXACT;
	snprintf(text, sizeof text, exact ? "%lld" : "\"%lld\"", (long long)i);
	begin(j, name);
	put_text(j, text);
}

/* The fewest digits that read back equal; an exponent only where a person would write one. */
static void real_text(double r, char *buf, size_t size)
{
	const double size_of_it = fabs(r);
	const bool plain = r == 0 || (size_of_it >= 1e-5 && size_of_it < 1e15);
	for (int digits = plain ? 0 : 1; digits <= 20; digits++) {
		snprintf(buf, size, plain ? "%.*f" : "%.*g", digits, r);
		if (strtod(buf, NULL) == r)
			return;
	}
}

void jw_real(struct json *j, const char *name, double r)
{
	char text[48] = "null";
	if (isfinite(r))
		real_text(r == 0 ? 0 : r, text, sizeof text); /* no "-0" */
	begin(j, name);
	put_text(j, text);
}

void jw_bool(struct json *j, const char *name, bool b)
{
	begin(j, name);
	put_text(j, b ? "true" : "false");
}

void jw_null(struct json *j, const char *name)
{
	begin(j, name);
	put_text(j, "null");
}

void jw_raw(struct json *j, const char *name, const char *json)
{
	begin(j, name);
	put_text(j, json);
}

void jw_string(struct json *j, const char *name, const char *text)
{
	if (text)
		jw_text(j, name, text, strlen(text));
	else
		jw_null(j, name);
}

/* -- texts that are numbers -------------------------------------------------------------------- */

static const char *digits(const char *s)
{
	while (*s >= '0' && *s <= '9')
		s++;
	return s;
}

/* RFC 8259, section 6. */
bool jw_is_number(const char *text)
{
	const char *s = text + (*text == '-');
	const char *end = digits(s);
	if (end == s || (*s == '0' && end > s + 1))
		return false;
	if (*end == '.') {
		s = end + 1;
		end = digits(s);
		if (end == s)
			return false;
	}
	if (*end == 'e' || *end == 'E') {
		s = end + 1;
		s += *s == '+' || *s == '-';
		end = digits(s);
		if (end == s)
			return false;
	}
	return *end == '\0';
}

static bool is_exact(const char *text)
{
	const char *s = text + (*text == '-');
	return fabs(strtod(text, NULL)) < (double)EXACT || strcmp(s, "9007199254740992") == 0;
}

void jw_value(struct json *j, const char *name, const char *text)
{
	if (strcmp(text, "None") == 0) {
		jw_null(j, name);
	} else if (jw_is_number(text) && is_exact(text)) {
		begin(j, name);
		put_text(j, text);
	} else {
		jw_string(j, name, text);
	}
}

/* -- time -------------------------------------------------------------------------------------- */

/* Days since 1970 to a date of the proleptic Gregorian calendar, counted in years from March. */
static void civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	days += 719468;
	const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	const unsigned doe = (unsigned)(days - era * 146097);
	const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	const unsigned mp = (5 * doy + 2) / 153;
	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int64_t)yoe + era * 400 + (*month <= 2);
}

void jw_time_text(int64_t unix_ms, char buf[JW_TIME_SIZE])
{
	const int64_t day_ms = 86400000;
	int64_t days = unix_ms / day_ms, ms = unix_ms % day_ms, year;
	unsigned month, day;
	if (ms < 0) {
		ms += day_ms;
		days--;
	}
	civil(days, &year, &month, &day);
	if (year < 0 || year > 9999) { /* no clock is so wrong, and no reader takes it */
		snprintf(buf, JW_TIME_SIZE, "0000-01-01T00:00:00.000Z");
		return;
	}
	snprintf(buf, JW_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)year % 10000,
	         month % 100, day % 100, (unsigned)(ms / 3600000) % 100,
	         (unsigned)(ms / 60000 % 60), (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000));
}

void jw_time(struct json *j, const char *name, int64_t unix_ms)
{
	char text[JW_TIME_SIZE];
	jw_time_text(unix_ms, text);
	jw_string(j, name, text);
}
