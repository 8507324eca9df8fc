/* SPDX-License-Identifier: MIT */
/*
 * value: what a register holds, as a number, a bit or a text. Numbers are exact: sign, 64-bit
 * mantissa and decimal places; only floating point registers, expressions and what does not fit
 * are real. Never through double otherwise.
 */
#ifndef CORE_VALUE_VALUE_H
#define CORE_VALUE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VALUE_TEXT_MAX 1024  /* bytes of a text value, with its NUL */
#define VALUE_PRINT_MAX 1024 /* of one that is printed; the longest number has 350 digits */

enum value_kind {
	VALUE_NONE, /* "not available": published as `None` */
	VALUE_BOOL,
	VALUE_DECIMAL, /* (neg ? -1 : 1) × mant / 10^places */
	VALUE_REAL,
	VALUE_TEXT,
};

struct value {
	uint8_t kind;
	uint8_t places;
	bool neg;
	union {
		uint64_t mant; /* VALUE_DECIMAL, VALUE_BOOL (0, 1) */
		double real;
		const char
			*text; /* NUL-terminated UTF-8; owned by the caller that gave the buffer */
	};
};

/* mant × 10^-places, exactly as a person wrote it: 0.01 is {1, 2}. */
struct decimal {
	int64_t mant;
	uint8_t places;
};

/* "0.01", "-5", "18.612": false if not a plain decimal number that fits. */
bool decimal_parse(const char *text, struct decimal *out);
double decimal_real(const struct decimal *d);

/* d × 10^exponent (a mant of 0 counts as 1, as in a codec's scale). False: does not fit. */
bool decimal_shift(const struct decimal *d, int exponent, struct decimal *out);

/* 10^n; false above 10^19. */
bool value_ten(unsigned n, uint64_t *out);

struct value value_int(int64_t i);
struct value value_uint(uint64_t u);
struct value value_real(double r);
struct value value_bool(bool b);
struct value value_none(void);

/* As a double, for comparing, expressions and filters (NAN for none and text). */
double value_number(const struct value *v);
bool value_same(const struct value *a, const struct value *b);

/* Plain decimal text: no exponent, no separators, exactly `decimals` digits behind the point,
 * rounded half away from zero (decimals < 0: as the value has them; real: 3). None is "None". "-0"
 * never. Returns the length as snprintf. Real values beyond 1e15 print all their digits; NaN/inf
 * are None. */
int value_print(const struct value *v, int decimals, char *buf, size_t size);

/* A number as a person or program writes it in a command: "+5", " 5 ", "1e3", "-0.25". No hex, no
 * NaN, no inf, no comma. *end points behind it (blanks skipped). Exact when it fits, else real. */
bool value_parse_number(const char *text, const char **end, struct value *out);

#endif
