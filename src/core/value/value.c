// SPDX-License-Identifier: MIT
#include "core/value/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 40                /* behind the point, whatever is requested */
#define REAL_FAST 4503599627370496.0 /* 2^52: below it a double's fraction is exact */

static const uint64_t ten[] = {
	1U,
	10U,
	100U,
	1000U,
	10000U,
	100000U,
	1000000U,
	10000000U,
	100000000U,
	1000000000U,
	10000000000U,
	100000000000U,
	1000000000000U,
	10000000000000U,
	100000000000000U,
	1000000000000000U,
	10000000000000000U,
	100000000000000000U,
	1000000000000000000U,
	10000000000000000000U,
};

#define TENS (sizeof ten / sizeof *ten)

bool value_ten(unsigned n, uint64_t *out)
{
	if (n >= TENS)
		return false;
	*out = ten[n];
	return true;
}

static bool mul_ten(uint64_t a, unsigned n, uint64_t *out)
{
	if (a == 0) {
		*out = 0;
		return true;
	}
	return n < TENS && !__builtin_mul_overflow(a, ten[n], out);
}

/* -- numbers in text ---------------------------------------------------------- */

struct digits {
	uint64_t mant;
	unsigned zeros;   /* read but not yet in mant: they only count if another digit follows */
	unsigned n, frac; /* digits in all, behind the point */
	bool neg, big;    /* big: does not fit mant */
};

static void digits_add(struct digits *d, unsigned digit)
{
	d->n++;
	if (digit == 0) {
		d->zeros++;
		return;
	}
	if (!mul_ten(d->mant, d->zeros + 1, &d->mant) ||
	    __builtin_add_overflow(d->mant, (uint64_t)digit, &d->mant))
		d->big = true;
	d->zeros = 0;
}

/* Sign, digits, point, digits. Returns what follows, NULL when there is no digit. */
static const char *digits_scan(const char *s, struct digits *d)
{
	*d = (struct digits){0};
	if (*s == '+' || *s == '-')
		d->neg = *s++ == '-';
	for (; *s >= '0' && *s <= '9'; s++)
		digits_add(d, (unsigned)(*s - '0'));
	if (*s == '.') {
		for (s++; *s >= '0' && *s <= '9'; s++, d->frac++)
			digits_add(d, (unsigned)(*s - '0'));
	}
	return d->n ? s : NULL;
}

bool decimal_parse(const char *text, struct decimal *out)
{
	struct digits d;
	const char *end = digits_scan(text, &d);
	uint64_t mant;
	if (!end || *end || d.big || d.frac >= TENS || !mul_ten(d.mant, d.zeros, &mant) ||
	    mant > INT64_MAX)
		return false;
	out->mant = d.neg ? -(int64_t)mant : (int64_t)mant;
	out->places = (uint8_t)d.frac;
	return true;
}

double decimal_real(const struct decimal *d)
{
	return d->places < TENS ? (double)d->mant / (double)ten[d->places]
	                        : (double)d->mant / pow(10, d->places);
}

bool decimal_shift(const struct decimal *d, int exponent, struct decimal *out)
{
	int places = d->places - exponent;
	int64_t mant = d->mant ? d->mant : 1;
	if (places < 0) {
		if (-places >= (int)TENS - 1 ||
		    __builtin_mul_overflow(mant, (int64_t)ten[-places], &mant))
			return false;
		places = 0;
	}
	if (places >= (int)TENS)
		return false;
	*out = (struct decimal){.mant = mant, .places = (uint8_t)places};
	return true;
}

/* "e3", "E-2": the exponent, bounded; s unchanged when it is none (a unit may begin with e). */
static const char *exponent_scan(const char *s, long *out)
{
	*out = 0;
	if (*s != 'e' && *s != 'E')
		return s;
	const char *p = s + 1;
	const bool neg = *p == '-';
	if (*p == '+' || *p == '-')
		p++;
	if (*p < '0' || *p > '9')
		return s;
	for (; *p >= '0' && *p <= '9'; p++)
		if (*out < 100000)
			*out = *out * 10 + (*p - '0');
	if (neg)
		*out = -*out;
	return p;
}

static bool digits_value(const struct digits *d, long exponent, const char *text, struct value *out)
{
	const long shift = exponent + (long)d->zeros - (long)d->frac;
	uint64_t mant;
	if (d->mant == 0 && !d->big) {
		*out = value_uint(0);
		return true;
	}
	if (!d->big && shift >= -19 && shift <= 19 &&
	    mul_ten(d->mant, shift > 0 ? (unsigned)shift : 0, &mant)) {
		*out = (struct value){.kind = VALUE_DECIMAL,
		                      .neg = d->neg,
		                      .mant = mant,
		                      .places = (uint8_t)(shift < 0 ? -shift : 0)};
		return true;
	}
	*out = value_real(strtod(text, NULL));
	return isfinite(out->real);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool value_parse_number(const char *text, const char **end, struct value *out)
{
	while (is_blank(*text))
		text++;
	struct digits d;
	long exponent;
	const char *s = digits_scan(text, &d);
	if (!s)
		return false;
	s = exponent_scan(s, &exponent);
	if (!digits_value(&d, exponent, text, out))
		return false;
	while (is_blank(*s))
		s++;
	*end = s;
	return true;
}

/* -- making and comparing ------------------------------------------------------ */

struct value value_int(int64_t i)
{
	return (struct value){.kind = VALUE_DECIMAL,
	                      .neg = i < 0,
	                      .mant = i < 0 ? 0U - (uint64_t)i : (uint64_t)i};
}

struct value value_uint(uint64_t u)
{
	return (struct value){.kind = VALUE_DECIMAL, .mant = u};
}

struct value value_real(double r)
{
	return (struct value){.kind = VALUE_REAL, .real = r};
}

struct value value_bool(bool b)
{
	return (struct value){.kind = VALUE_BOOL, .mant = b};
}

struct value value_none(void)
{
	return (struct value){.kind = VALUE_NONE};
}

double value_number(const struct value *v)
{
	if (v->kind == VALUE_REAL)
		return v->real;
	if (v->kind == VALUE_BOOL)
		return v->mant ? 1 : 0;
	if (v->kind != VALUE_DECIMAL)
		return NAN;
	double r = (double)v->mant;
	if (v->places)
		r /= v->places < TENS ? (double)ten[v->places] : pow(10, v->places);
	return v->neg ? -r : r;
}

static bool decimal_same(const struct value *a, const struct value *b)
{
	if (a->places > b->places)
		return decimal_same(b, a);
	uint64_t mant;
	if (!mul_ten(a->mant, (unsigned)(b->places - a->places), &mant) || mant != b->mant)
		return false;
	return mant == 0 || a->neg == b->neg;
}

bool value_same(const struct value *a, const struct value *b)
{
	const bool exact_a = a->kind == VALUE_DECIMAL || a->kind == VALUE_BOOL;
	const bool exact_b = b->kind == VALUE_DECIMAL || b->kind == VALUE_BOOL;
	if (exact_a && exact_b)
		return decimal_same(a, b);
	if (a->kind == VALUE_TEXT || b->kind == VALUE_TEXT)
		return a->kind == b->kind && strcmp(a->text, b->text) == 0;
	if (a->kind == VALUE_NONE || b->kind == VALUE_NONE)
		return a->kind == b->kind;
	const double ra = value_number(a), rb = value_number(b);
	return ra == rb || (isnan(ra) && isnan(rb));
}

/* -- printing ------------------------------------------------------------------ */

static int give(const char *s, size_t len, char *buf, size_t size)
{
	if (size) {
		const size_t n = len < size ? len : size - 1;
		memcpy(buf, s, n);
		buf[n] = '\0';
	}
	return (int)len;
}

/* Digits of u before `end`, returns the first. 32-bit steps: 64-bit division is slow on small ARM.
 */
static char *digits_before(char *end, uint64_t u)
{
	while (u > UINT32_MAX) {
		uint32_t low = (uint32_t)(u % 1000000000U);
		u /= 1000000000U;
		for (int i = 0; i < 9; i++, low /= 10)
			*--end = (char)('0' + low % 10);
	}
	uint32_t rest = (uint32_t)u;
	do {
		*--end = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	return end;
}

/* (neg) mant / 10^places, places of them shown, then `pad` zeros. */
static int print_fixed(bool neg, uint64_t mant, unsigned places, unsigned pad, char *buf,
                       size_t size)
{
	char text[128];
	char *end = text + 64, *digit = digits_before(end, mant);
	while ((unsigned)(end - digit) <= places)
		*--digit = '0';
	if (places + pad) {
		digit--; /* the whole part moves one to the left to make room for the point */
		const size_t whole = (size_t)(end - digit) - 1 - places;
		memmove(digit, digit + 1, whole);
		digit[whole] = '.';
	}
	if (neg && mant)
		*--digit = '-';
	memset(end, '0', pad);
	return give(digit, (size_t)(end - digit) + pad, buf, size);
}

static int print_decimal(const struct value *v, int decimals, char *buf, size_t size)
{
	unsigned places = v->places, shown = decimals < 0 ? places : (unsigned)decimals;
	uint64_t mant = v->mant;
	if (shown > DIGITS_MAX)
		shown = DIGITS_MAX;
	if (shown >= places)
		return print_fixed(v->neg, mant, places, shown - places, buf, size);
	const unsigned drop = places - shown;
	if (drop >= TENS) {
		mant = 0; /* below half a step, 2^64 < 10^20 / 2 */
	} else {
		const uint64_t step = ten[drop], rest = mant % step;
		mant = mant / step + (rest >= step - rest);
	}
	return print_fixed(v->neg, mant, shown, 0, buf, size);
}

static int print_real(double r, unsigned shown, char *buf, size_t size)
{
	if (!isfinite(r))
		return give("None", 4, buf, size);
	if (shown > DIGITS_MAX)
		shown = DIGITS_MAX;
	const double a = fabs(r);
	if (shown < 16 && a < REAL_FAST / (double)ten[shown]) {
		const double scale = (double)ten[shown], p = a * scale;
		uint64_t mant = (uint64_t)p;
		const double rest = p - (double)mant;
		/* a tie may be the product's own rounding: the exact remainder knows */
		if (rest > 0.5 || (rest == 0.5 && fma(a, scale, -p) >= 0))
			mant++;
		return print_fixed(r < 0, mant, shown, 0, buf, size);
	}
	char text[400]; /* 309 digits, sign, point, DIGITS_MAX */
	int len = snprintf(text, sizeof text, "%.*f", (int)shown, r);
	const char *s = text;
	if (*s == '-' && strspn(s, "-0.") == (size_t)len) {
		s++;
		len--;
	}
	return give(s, (size_t)len, buf, size);
}

int value_print(const struct value *v, int decimals, char *buf, size_t size)
{
	switch (v->kind) {
	case VALUE_DECIMAL:
		return print_decimal(v, decimals, buf, size);
	case VALUE_REAL:
		return print_real(v->real, decimals < 0 ? 3 : (unsigned)decimals, buf, size);
	case VALUE_BOOL:
		return give(v->mant ? "on" : "off", v->mant ? 2 : 3, buf, size);
	case VALUE_TEXT:
		return give(v->text, strlen(v->text), buf, size);
	default:
		return give("None", 4, buf, size);
	}
}
