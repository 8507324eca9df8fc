// SPDX-License-Identifier: MIT
/* The one part of the core that uses libc for it: the time zone's rules are its business
 * (localtime_r). */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/value/codec_kinds.h"

#define DAY 86400
#define NOT_GIVEN -1

enum field { FIELD_SEC, FIELD_MIN, FIELD_HOUR, FIELD_DAY, FIELD_MONTH, FIELD_YEAR, FIELDS };

/* What each part is: cells it takes in a layout of words and in one of bytes. */
static const struct {
	uint8_t words, bytes;
} part_size[] = {
	[PART_SEC] = {1, 1},   [PART_MIN] = {1, 1},  [PART_HOUR] = {1, 1},    [PART_DAY] = {1, 1},
	[PART_MONTH] = {1, 1}, [PART_YEAR] = {1, 1}, [PART_WEEKDAY] = {1, 1}, [PART_SKIP] = {1, 1},
	[PART_EPOCH] = {2, 4}, [PART_HHMM] = {1, 2}, [PART_YEAR2] = {1, 1},
};

/* Parts that are a field by themselves. */
static const uint8_t part_field[] = {
	[PART_SEC] = FIELD_SEC, [PART_MIN] = FIELD_MIN,     [PART_HOUR] = FIELD_HOUR,
	[PART_DAY] = FIELD_DAY, [PART_MONTH] = FIELD_MONTH,
};

struct civil {
	int field[FIELDS]; /* NOT_GIVEN: the layout has none */
	bool has_epoch;
	int64_t epoch; /* seconds UTC */
};

static unsigned layout_cells(const struct layout *l)
{
	unsigned n = 0;
	for (unsigned i = 0; i < l->n; i++)
		n += l->bytes ? part_size[l->part[i]].bytes : part_size[l->part[i]].words;
	return n;
}

unsigned time_words(const struct layout *l)
{
	const unsigned cells = layout_cells(l);
	return l->bytes ? (cells + 1) / 2 : cells;
}

/* -- the calendar -------------------------------------------------------------------- */

static int month_days(int year, int month)
{
	static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970-01-01; proleptic Gregorian, years counted from March so that leap days come last.
 */
static int64_t days_from_civil(int year, int month, int day)
{
	const int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400,
		      of_era = y - era * 400;
	const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(int64_t days, int *field)
{
	days += 719468;
	const int64_t era = (days >= 0 ? days : days - 146096) / 146097,
		      of_era = days - era * 146097;
	const int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const int64_t of_year = of_era - (365 * y + y / 4 - y / 100),
		      month = (5 * of_year + 2) / 153;
	field[FIELD_DAY] = (int)(of_year - (153 * month + 2) / 5 + 1);
	field[FIELD_MONTH] = (int)(month < 10 ? month + 3 : month - 9);
	field[FIELD_YEAR] = (int)(y + era * 400 + (field[FIELD_MONTH] <= 2));
}

/* Seconds as if the fields were UTC. */
static int64_t civil_seconds(const int *f)
{
	return days_from_civil(f[FIELD_YEAR], f[FIELD_MONTH], f[FIELD_DAY]) * DAY +
	       f[FIELD_HOUR] * 3600 + f[FIELD_MIN] * 60 + f[FIELD_SEC];
}

static void civil_from_seconds(int64_t seconds, int *f)
{
	int64_t days = seconds / DAY, rest = seconds % DAY;
	if (rest < 0) {
		rest += DAY;
		days--;
	}
	civil_from_days(days, f);
	f[FIELD_HOUR] = (int)(rest / 3600);
	f[FIELD_MIN] = (int)(rest / 60 % 60);
	f[FIELD_SEC] = (int)(rest % 60);
}

/* Seconds that local time is ahead of UTC at that moment. */
static int64_t zone_offset(int64_t utc)
{
	const time_t t = (time_t)utc;
	struct tm tm;
	return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

/* The offset in force at a local wall clock time. The first of two when clocks go back. False when
 * clocks went forward over it: there is no such time. */
static bool zone_offset_local(int64_t local, int64_t *offset)
{
	const int64_t before = zone_offset(local - DAY), after = zone_offset(local + DAY);
	*offset = before;
	if (zone_offset(local - before) == before)
		return true;
	*offset = after;
	return zone_offset(local - after) == after;
}

static bool civil_valid(const int *f)
{
	static const struct {
		int low, high;
	} limit[FIELDS] = {
		{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {1970, 9999},
	};
	for (int i = 0; i < FIELDS; i++)
		if (f[i] != NOT_GIVEN && (f[i] < limit[i].low || f[i] > limit[i].high))
			return false;
	return f[FIELD_DAY] == NOT_GIVEN || f[FIELD_MONTH] == NOT_GIVEN ||
	       f[FIELD_DAY] <= month_days(f[FIELD_YEAR] == NOT_GIVEN ? 2000 : f[FIELD_YEAR],
	                                  f[FIELD_MONTH]);
}

static bool has_date(const struct layout *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->part[i] == PART_DAY || l->part[i] == PART_EPOCH)
			return true;
	return false;
}

static bool has_time(const struct layout *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->part[i] == PART_HOUR || l->part[i] == PART_HHMM || l->part[i] == PART_EPOCH)
			return true;
	return false;
}

/* -- reading a clock ------------------------------------------------------------------ */

static uint16_t word_swapped(const struct codec *c, uint16_t w)
{
	return (uint16_t)(c->order >= ORDER_BIG_SWAPPED ? w << 8 | w >> 8 : w);
}

/* The number in `cells` cells from cell `at`. A long one obeys the word order. */
static uint32_t cells_get(const struct codec *c, const uint16_t *words, unsigned at, unsigned cells)
{
	const bool little = c->order == ORDER_LITTLE || c->order == ORDER_LITTLE_SWAPPED;
	uint32_t n = 0;
	for (unsigned i = 0; i < cells; i++) {
		if (c->layout->bytes) {
			const uint16_t w = word_swapped(c, words[(at + i) / 2]);
			n = n << 8 | ((at + i) % 2 ? w & 0xFF : w >> 8);
		} else {
			n = n << 16 | word_swapped(c, words[at + (little ? cells - 1 - i : i)]);
		}
	}
	return n;
}

static void civil_take(struct civil *t, unsigned part, uint32_t n, bool bytes)
{
	switch (part) {
	case PART_YEAR:
	case PART_YEAR2:
		if (n >= 100 && (bytes || part == PART_YEAR2))
			n = 0; /* not a year: civil_valid() is false */
		t->field[FIELD_YEAR] = (int)(n && n < 100 ? n + 2000 : n);
		break;
	case PART_EPOCH:
		t->has_epoch = true;
		t->epoch = n;
		break;
	case PART_HHMM:
		t->field[FIELD_HOUR] = (int)(n / 100);
		t->field[FIELD_MIN] = (int)(n % 100);
		break;
	case PART_WEEKDAY:
	case PART_SKIP:
		break;
	default:
		t->field[part_field[part]] = (int)n;
	}
}

static int print_offset(int64_t offset, char *buf, size_t size)
{
	const int64_t minutes = (offset < 0 ? -offset : offset) / 60;
	return snprintf(buf, size, "%c%02d:%02d", offset < 0 ? '-' : '+', (int)(minutes / 60),
	                (int)(minutes % 60));
}

static void civil_print(const struct layout *l, const int *f, int64_t offset, char *text)
{
	int n = 0;
	const bool date = has_date(l);
	if (date)
		n = snprintf(text, VALUE_TEXT_MAX, "%04d-%02d-%02d", f[FIELD_YEAR], f[FIELD_MONTH],
		             f[FIELD_DAY]);
	if (date && has_time(l))
		text[n++] = 'T';
	if (has_time(l) && (date || f[FIELD_SEC] != NOT_GIVEN))
		n += snprintf(text + n, VALUE_TEXT_MAX - (size_t)n, "%02d:%02d:%02d", f[FIELD_HOUR],
		              f[FIELD_MIN], f[FIELD_SEC] == NOT_GIVEN ? 0 : f[FIELD_SEC]);
	else if (has_time(l))
		n += snprintf(text + n, VALUE_TEXT_MAX - (size_t)n, "%02d:%02d", f[FIELD_HOUR],
		              f[FIELD_MIN]);
	if (!date || !has_time(l))
		return;
	if (l->utc)
		snprintf(text + n, VALUE_TEXT_MAX - (size_t)n, "Z");
	else
		print_offset(offset, text + n, VALUE_TEXT_MAX - (size_t)n);
}

void time_to_text(const struct codec *c, const uint16_t *words, char *text, struct value *out)
{
	const struct layout *l = c->layout;
	struct civil t = {
		.field = {NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, NOT_GIVEN}};
	int64_t offset = 0;
	unsigned at = 0;
	for (unsigned i = 0; i < l->n; i++) {
		const unsigned cells =
			l->bytes ? part_size[l->part[i]].bytes : part_size[l->part[i]].words;
		civil_take(&t, l->part[i], cells_get(c, words, at, cells), l->bytes);
		at += cells;
	}
	if (t.has_epoch) {
		offset = l->utc ? 0 : zone_offset(t.epoch);
		civil_from_seconds(t.epoch + offset, t.field);
	} else {
		/* a clock without years or seconds is published with what it has */
		if (has_date(l) &&
		    (t.field[FIELD_YEAR] == NOT_GIVEN || t.field[FIELD_MONTH] == NOT_GIVEN))
			return;
		if (has_time(l) && t.field[FIELD_MIN] == NOT_GIVEN)
			t.field[FIELD_MIN] = 0;
		if (!civil_valid(t.field))
			return;
		int full[FIELDS];
		for (int i = 0; i < FIELDS; i++)
			full[i] = t.field[i] == NOT_GIVEN ? 0 : t.field[i];
		if (has_date(l) && has_time(l) && !l->utc &&
		    !zone_offset_local(civil_seconds(full), &offset))
			return;
	}
	civil_print(l, t.field, offset, text);
	*out = (struct value){.kind = VALUE_TEXT, .text = text};
}

/* -- setting a clock -------------------------------------------------------------------- */

static const char *number_scan(const char *s, int digits, int *out)
{
	*out = 0;
	for (int i = 0; i < digits; i++, s++) {
		if (*s < '0' || *s > '9')
			return NULL;
		*out = *out * 10 + (*s - '0');
	}
	return s;
}

/* "2026-11-21" */
static const char *date_scan(const char *s, int *f)
{
	if (!(s = number_scan(s, 4, &f[FIELD_YEAR])) || *s++ != '-' ||
	    !(s = number_scan(s, 2, &f[FIELD_MONTH])) || *s++ != '-')
		return NULL;
	return number_scan(s, 2, &f[FIELD_DAY]);
}

/* "10:00", "10:00:59", "10:00:59.123" (the fraction is dropped) */
static const char *clock_scan(const char *s, int *f)
{
	f[FIELD_SEC] = 0;
	if (!(s = number_scan(s, 2, &f[FIELD_HOUR])) || *s++ != ':' ||
	    !(s = number_scan(s, 2, &f[FIELD_MIN])))
		return NULL;
	if (*s != ':')
		return s;
	s = number_scan(s + 1, 2, &f[FIELD_SEC]);
	if (s && *s == '.')
		for (s++; *s >= '0' && *s <= '9';)
			s++;
	return s;
}

/* "Z", "+01:00", "+0100", "+01", or nothing. */
static const char *offset_scan(const char *s, bool *given, int64_t *offset)
{
	*given = *s != '\0';
	*offset = 0;
	if (!*given)
		return s;
	if (*s == 'Z' || *s == 'z')
		return s + 1;
	if (*s != '+' && *s != '-')
		return NULL;
	const int sign = *s++ == '-' ? -1 : 1;
	int hours, minutes = 0;
	if (!(s = number_scan(s, 2, &hours)))
		return NULL;
	if (*s == ':')
		s++;
	if (*s && !(s = number_scan(s, 2, &minutes)))
		return NULL;
	*offset = sign * (hours * 3600 + minutes * 60);
	return hours < 24 && minutes < 60 ? s : NULL;
}

/* The wall clock the device is to show, and the moment. A text without a zone is in the layout's.
 */
static bool civil_parse(const struct layout *l, const char *s, struct civil *t)
{
	bool zoned = false;
	int64_t given = 0, offset = 0;
	*t = (struct civil){0};
	if (has_date(l)) {
		if (!(s = date_scan(s, t->field)))
			return false;
		if ((*s == 'T' || *s == 't' || *s == ' ') && !(s = clock_scan(s + 1, t->field)))
			return false;
		if (!(s = offset_scan(s, &zoned, &given)))
			return false;
	} else {
		t->field[FIELD_YEAR] = 2000;
		t->field[FIELD_MONTH] = t->field[FIELD_DAY] = 1;
		if (!(s = clock_scan(s, t->field)))
			return false;
	}
	if (*s || !civil_valid(t->field))
		return false;
	t->epoch = civil_seconds(t->field);
	if (!has_date(l) || !has_time(l) || (!zoned && l->utc))
		return true;
	if (!zoned && !zone_offset_local(t->epoch, &given))
		return false;
	t->epoch -= given;
	offset = l->utc ? 0 : zone_offset(t->epoch);
	civil_from_seconds(t->epoch + offset, t->field);
	return true;
}

/* What is in a part; false: no room for it there. */
static bool part_value(const struct layout *l, unsigned part, const struct civil *t, uint32_t *n)
{
	const int *f = t->field;
	const int year2 = f[FIELD_YEAR] - 2000;
	switch (part) {
	case PART_YEAR:
		*n = (uint32_t)(l->bytes ? year2 : f[FIELD_YEAR]);
		return !l->bytes || (year2 > 0 && year2 < 100);
	case PART_YEAR2:
		*n = (uint32_t)year2;
		return year2 > 0 && year2 < 100;
	case PART_HHMM:
		*n = (uint32_t)(f[FIELD_HOUR] * 100 + f[FIELD_MIN]);
		return true;
	case PART_EPOCH:
		*n = (uint32_t)t->epoch;
		return t->epoch >= 0 && t->epoch <= UINT32_MAX;
	case PART_WEEKDAY: /* 1970-01-01 was a Thursday */
		*n = (uint32_t)((days_from_civil(f[FIELD_YEAR], f[FIELD_MONTH], f[FIELD_DAY]) + 4) %
		                7);
		return true;
	case PART_SKIP:
		*n = 0;
		return true;
	default:
		*n = (uint32_t)f[part_field[part]];
		return true;
	}
}

static void cells_put(const struct codec *c, unsigned at, unsigned cells, uint32_t n,
                      uint16_t *words, uint16_t *mask)
{
	const bool little = c->order == ORDER_LITTLE || c->order == ORDER_LITTLE_SWAPPED;
	for (unsigned i = cells; i-- > 0;) {
		uint16_t field = 0xFFFF, w = (uint16_t)n;
		unsigned word = at + (little ? cells - 1 - i : i);
		if (c->layout->bytes) {
			word = (at + i) / 2;
			field = (at + i) % 2 ? 0x00FF : 0xFF00;
			w = (uint16_t)((n & 0xFF) << ((at + i) % 2 ? 0 : 8));
			n >>= 8;
		} else {
			n >>= 16;
		}
		field = word_swapped(c, field);
		words[word] = (uint16_t)((words[word] & ~field) | word_swapped(c, w));
		mask[word] |= field;
	}
}

enum codec_fault time_from_text(const struct codec *c, const char *text, uint16_t *words,
                                uint16_t *mask)
{
	const struct layout *l = c->layout;
	uint32_t n[sizeof l->part];
	struct civil t;
	if (!civil_parse(l, text, &t))
		return CODEC_DATE;
	for (unsigned i = 0; i < l->n; i++)
		if (!part_value(l, l->part[i], &t, &n[i]))
			return CODEC_DATE;
	memset(mask, 0, codec_words(c) * sizeof *mask);
	unsigned at = 0;
	for (unsigned i = 0; i < l->n; i++) {
		const unsigned cells =
			l->bytes ? part_size[l->part[i]].bytes : part_size[l->part[i]].words;
		if (l->part[i] != PART_SKIP)
			cells_put(c, at, cells, n[i], words, mask);
		at += cells;
	}
	return CODEC_OK;
}

bool codec_time_near(const struct codec *c, const char *a, const char *b, unsigned seconds)
{
	struct civil ta, tb;
	if (!has_date(c->layout) || !has_time(c->layout))
		return strcmp(a, b) == 0;
	if (!civil_parse(c->layout, a, &ta) || !civil_parse(c->layout, b, &tb))
		return false;
	const int64_t apart = ta.epoch - tb.epoch;
	return apart <= (int64_t)seconds && -apart <= (int64_t)seconds;
}
