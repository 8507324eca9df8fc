// SPDX-License-Identifier: MIT
#include "core/value/codec.h"

#include <math.h>
#include <string.h>

#include "core/value/codec_kinds.h"

#define BITS_ALL UINT64_MAX

enum shape { SHAPE_INT, SHAPE_REAL, SHAPE_TEXT };

struct row {
	uint8_t words; /* 0: by codec.length */
	uint8_t width; /* bits of the raw pattern; 0: 16 × length */
	uint8_t shape;
	bool is_signed;
	/* Raw pattern to number and back; false: not a pattern, or not a number of this type.
	 * NULL: two's complement. */
	bool (*to_int)(uint64_t raw, unsigned width, bool *neg, uint64_t *mag);
	bool (*from_int)(bool neg, uint64_t mag, unsigned width, uint64_t *raw);
	double (*to_real)(uint64_t raw);
	bool (*from_real)(double r, uint64_t *raw);
	void (*to_text)(const struct codec *c, const uint16_t *words, char *text,
	                struct value *out);
	enum codec_fault (*from_text)(const struct codec *c, const char *text, uint16_t *words,
	                              uint16_t *mask);
};

/* One row a type: everything that distinguishes it. */
static const struct row table[] = {
	[TYPE_BOOL] = {.words = 1,
                       .width = 16,
                       .shape = SHAPE_INT,
                       .to_int = bool_to_int,
                       .from_int = bool_from_int},
	[TYPE_U8] = {.words = 1, .width = 8, .shape = SHAPE_INT},
	[TYPE_S8] = {.words = 1, .width = 8, .shape = SHAPE_INT, .is_signed = true},
	[TYPE_U16] = {.words = 1, .width = 16, .shape = SHAPE_INT},
	[TYPE_S16] = {.words = 1, .width = 16, .shape = SHAPE_INT, .is_signed = true},
	[TYPE_U32] = {.words = 2, .width = 32, .shape = SHAPE_INT},
	[TYPE_S32] = {.words = 2, .width = 32, .shape = SHAPE_INT, .is_signed = true},
	[TYPE_U64] = {.words = 4, .width = 64, .shape = SHAPE_INT},
	[TYPE_S64] = {.words = 4, .width = 64, .shape = SHAPE_INT, .is_signed = true},
	[TYPE_F16] = {.words = 1,
                      .width = 16,
                      .shape = SHAPE_REAL,
                      .is_signed = true,
                      .to_real = f16_to_real,
                      .from_real = f16_from_real},
	[TYPE_F32] = {.words = 2,
                      .width = 32,
                      .shape = SHAPE_REAL,
                      .is_signed = true,
                      .to_real = f32_to_real,
                      .from_real = f32_from_real},
	[TYPE_F64] = {.words = 4,
                      .width = 64,
                      .shape = SHAPE_REAL,
                      .is_signed = true,
                      .to_real = f64_to_real,
                      .from_real = f64_from_real},
	[TYPE_BCD16] = {.words = 1,
                        .width = 16,
                        .shape = SHAPE_INT,
                        .to_int = bcd_to_int,
                        .from_int = bcd_from_int},
	[TYPE_BCD32] = {.words = 2,
                        .width = 32,
                        .shape = SHAPE_INT,
                        .to_int = bcd_to_int,
                        .from_int = bcd_from_int},
	[TYPE_MOD10K] = {.shape = SHAPE_INT, .to_int = mod10k_to_int, .from_int = mod10k_from_int},
	[TYPE_SIGNMAG] = {.shape = SHAPE_INT,
                          .is_signed = true,
                          .to_int = signmag_to_int,
                          .from_int = signmag_from_int},
	[TYPE_STRING] = {.shape = SHAPE_TEXT,
                         .to_text = string_to_text,
                         .from_text = string_from_text},
	[TYPE_BYTES] = {.shape = SHAPE_TEXT,
                        .to_text = bytes_to_text,
                        .from_text = bytes_from_text},
	[TYPE_DATETIME] = {.shape = SHAPE_TEXT,
                           .to_text = time_to_text,
                           .from_text = time_from_text},
	[TYPE_ARRAY] = {.shape = SHAPE_TEXT,
                        .to_text = array_to_text,
                        .from_text = array_from_text},
};

unsigned codec_words(const struct codec *c)
{
	const struct row *t = &table[c->type];
	if (t->words && c->type != TYPE_BOOL)
		return t->words;
	if (c->type == TYPE_ARRAY) {
		const struct codec e = codec_element(c);
		return c->array * codec_words(&e);
	}
	if (c->type == TYPE_BOOL)
		return c->length ? c->length : t->words;
	if (c->type == TYPE_DATETIME && c->layout)
		return time_words(c->layout);
	if (!c->length)
		return c->type == TYPE_MOD10K ? 2 : 1;
	return t->shape == SHAPE_INT && c->length > 4 ? 4 : c->length;
}

/* -- words and raw pattern ------------------------------------------------------- */

/* Bits of the pattern of an integer or real. */
static unsigned raw_width(const struct codec *c)
{
	if (c->byte)
		return 8;
	const unsigned width = table[c->type].width;
	return width ? width : 16 * codec_words(c);
}

static unsigned word_at(const struct codec *c, unsigned i, unsigned n)
{
	return c->order == ORDER_LITTLE || c->order == ORDER_LITTLE_SWAPPED ? n - 1 - i : i;
}

static uint16_t word_turned(const struct codec *c, uint16_t w)
{
	return (uint16_t)(c->order >= ORDER_BIG_SWAPPED ? w << 8 | w >> 8 : w);
}

/* All words as one number, most significant first. */
static uint64_t words_join(const struct codec *c, const uint16_t *words)
{
	const unsigned n = codec_words(c);
	uint64_t raw = 0;
	for (unsigned i = 0; i < n; i++)
		raw = raw << 16 | word_turned(c, words[word_at(c, i, n)]);
	return raw;
}

static void words_split(const struct codec *c, uint64_t raw, uint16_t *words)
{
	const unsigned n = codec_words(c);
	for (unsigned i = n; i-- > 0; raw >>= 16)
		words[word_at(c, i, n)] = word_turned(c, (uint16_t)raw);
}

static uint64_t ones(unsigned n)
{
	return n >= 64 ? BITS_ALL : ((uint64_t)1 << n) - 1;
}

/* Where the pattern is in the joined words: a byte, a field of it, or all. */
struct place {
	uint8_t shift, width;
};

static struct place codec_place(const struct codec *c)
{
	const unsigned base = c->byte == 1 ? 8 : 0;
	if (c->bits)
		return (struct place){(uint8_t)(base + c->bit), c->bits};
	return (struct place){(uint8_t)base, (uint8_t)raw_width(c)};
}

static uint64_t pattern_get(const struct codec *c, const uint16_t *words, struct place p)
{
	return p.shift < 64 ? words_join(c, words) >> p.shift & ones(p.width) : 0;
}

static bool pattern_is_na(const struct codec *c, uint64_t raw, unsigned width)
{
	for (unsigned i = 0; i < c->nna; i++)
		if (((c->na[i] ^ raw) & ones(width)) == 0)
			return true;
	return false;
}

/* -- integers ---------------------------------------------------------------------- */

static bool int_get(const struct codec *c, uint64_t raw, unsigned width, bool *neg, uint64_t *mag)
{
	const struct row *t = &table[c->type];
	*neg = false;
	*mag = raw;
	if (t->to_int)
		return t->to_int(raw, width, neg, mag);
	if (t->is_signed && raw >> (width - 1) & 1) {
		*neg = true;
		*mag = (0 - raw) & ones(width);
	}
	return true;
}

static bool int_put(const struct codec *c, bool neg, uint64_t mag, unsigned width, uint64_t *raw)
{
	const struct row *t = &table[c->type];
	if (t->from_int)
		return t->from_int(neg, mag, width, raw);
	if (mag == 0)
		neg = false;
	const uint64_t most = t->is_signed ? ones(width - 1) + neg : ones(width);
	if ((neg && !t->is_signed) || mag > most)
		return false;
	*raw = (neg ? 0 - mag : mag) & ones(width);
	return true;
}

/* 1 where no scale is given. */
static double scale_real(const struct codec *c)
{
	return c->scale.mant ? decimal_real(&c->scale) : 1;
}

static uint64_t magnitude(int64_t i)
{
	return i < 0 ? 0U - (uint64_t)i : (uint64_t)i;
}

/* v += offset, exactly; false: does not fit 64 bits. */
static bool decimal_add(struct value *v, bool neg, uint64_t mag, unsigned places)
{
	uint64_t up;
	if (mag == 0)
		return true;
	if (places > v->places) {
		if (!value_ten(places - v->places, &up) ||
		    __builtin_mul_overflow(v->mant, up, &v->mant))
			return false;
		v->places = (uint8_t)places;
	} else if (!value_ten(v->places - places, &up) || __builtin_mul_overflow(mag, up, &mag)) {
		return false;
	}
	if (v->neg == neg)
		return !__builtin_add_overflow(v->mant, mag, &v->mant);
	if (v->mant >= mag) {
		v->mant -= mag;
	} else {
		v->mant = mag - v->mant;
		v->neg = neg;
	}
	return true;
}

static bool int_exact(const struct codec *c, bool neg, uint64_t mag, struct value *v)
{
	*v = (struct value){.kind = VALUE_DECIMAL, .neg = neg, .mant = mag};
	if (c->scale.mant) {
		v->neg ^= c->scale.mant < 0 && mag;
		v->places = c->scale.places;
		if (__builtin_mul_overflow(mag, magnitude(c->scale.mant), &v->mant))
			return false;
	}
	return decimal_add(v, c->offset.mant < 0, magnitude(c->offset.mant), c->offset.places);
}

static struct value int_scaled(const struct codec *c, bool neg, uint64_t mag)
{
	struct value v;
	if (int_exact(c, neg, mag, &v))
		return v;
	return value_real((neg ? -1 : 1) * (double)mag * scale_real(c) + decimal_real(&c->offset));
}

/* a × b / c, rounded half up; false: more than 64 bits. By hand, since 32-bit machines have no 128.
 */
static bool mul_div(uint64_t a, uint64_t b, uint64_t c, uint64_t *out)
{
	const uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
	const uint64_t mid = al * bh + (al * bl >> 32), mid2 = ah * bl + (uint32_t)mid;
	uint64_t high = ah * bh + (mid >> 32) + (mid2 >> 32), low = a * b, quotient = 0;
	if (high >= c)
		return false;
	for (int i = 0; i < 64; i++) {
		const bool carry = high >> 63;
		high = high << 1 | low >> 63;
		low <<= 1;
		quotient <<= 1;
		if (carry || high >= c) {
			high -= c;
			quotient |= 1;
		}
	}
	const bool up = high >= c - high;
	*out = quotient + up;
	return !(up && quotient == UINT64_MAX);
}

/* v / scale to the nearest integer, half away from zero. */
static bool decimal_unscale(const struct codec *c, struct value v, bool *neg, uint64_t *mag)
{
	const uint64_t scale = c->scale.mant ? magnitude(c->scale.mant) : 1;
	const unsigned places = c->scale.mant ? c->scale.places : 0;
	uint64_t up;
	*neg = v.neg ^ (c->scale.mant < 0);
	if (places >= v.places)
		return value_ten(places - v.places, &up) && mul_div(v.mant, up, scale, mag);
	unsigned drop = v.places - places;
	uint64_t divisor;
	/* Digits that can not change the result: the divisor's half is a multiple of ten as well.
	 */
	while (!value_ten(drop, &up) || __builtin_mul_overflow(scale, up, &divisor)) {
		if (drop < 2) {
			*mag = 0;
			return true;
		}
		v.mant /= 10;
		drop--;
	}
	return mul_div(v.mant, 1, divisor, mag);
}

static bool real_unscale(const struct codec *c, double r, bool *neg, uint64_t *mag)
{
	const double steps = round((r - decimal_real(&c->offset)) / scale_real(c));
	if (!(fabs(steps) < 18446744073709551616.0))
		return false;
	*neg = steps < 0;
	*mag = (uint64_t)fabs(steps);
	return true;
}

/* Minus zero stays only where it was requested: it is a pattern of its own in sign-magnitude. */
static bool int_unscaled(const struct codec *c, const struct value *v, bool *neg, uint64_t *mag)
{
	struct value d = *v;
	const bool done =
		v->kind != VALUE_REAL &&
		decimal_add(&d, c->offset.mant > 0, magnitude(c->offset.mant), c->offset.places);
	if (!(done ? decimal_unscale(c, d, neg, mag) : real_unscale(c, value_number(v), neg, mag)))
		return false;
	if (*mag == 0)
		*neg = done && v->neg && v->mant == 0 && !c->offset.mant;
	return true;
}

/* -- the public three ------------------------------------------------------------------ */

static bool bit_get(const struct codec *c, uint64_t raw)
{
	if (c->words && (raw == c->on || raw == c->off))
		return raw == c->on;
	return raw != 0 && !(c->words && c->on == 0);
}

/* As most devices report it, 1 or 0, if that is not what the other state is. */
static uint64_t bit_put(const struct codec *c, bool on)
{
	if (bit_get(c, on) == on)
		return on ? 1 : 0;
	return on ? c->on : c->off;
}

static void decode_int(const struct codec *c, uint64_t raw, unsigned width, struct value *out)
{
	bool neg;
	uint64_t mag;
	if (!int_get(c, raw, width, &neg, &mag))
		return;
	*out = c->type == TYPE_BOOL ? value_bool(bit_get(c, raw)) : int_scaled(c, neg, mag);
}

static void decode_real(const struct codec *c, uint64_t raw, struct value *out)
{
	double r = table[c->type].to_real(raw);
	if (c->scale.mant)
		r *= decimal_real(&c->scale);
	if (c->offset.mant)
		r += decimal_real(&c->offset);
	if (isfinite(r))
		*out = value_real(r);
}

void codec_decode(const struct codec *c, const uint16_t *words, char *text, struct value *out)
{
	const struct row *t = &table[c->type];
	*out = value_none();
	if (t->shape == SHAPE_TEXT) {
		t->to_text(c, words, text, out);
		return;
	}
	const struct place p = codec_place(c);
	const uint64_t raw = pattern_get(c, words, p);
	if (c->nna && pattern_is_na(c, raw, p.width))
		return;
	if (t->shape == SHAPE_REAL)
		decode_real(c, raw, out);
	else
		decode_int(c, raw, p.width, out);
}

static enum codec_fault encode_real(const struct codec *c, const struct value *v, uint64_t *raw)
{
	const struct row *t = &table[c->type];
	const double want = value_number(v);
	double r = want;
	if (c->offset.mant)
		r -= decimal_real(&c->offset);
	if (c->scale.mant)
		r /= decimal_real(&c->scale);
	if (!isfinite(r) || !t->from_real(r, raw))
		return CODEC_RANGE;
	/* Undoing scale and offset may land one step beside the pattern that is read as this value.
	 */
	const double nearby[] = {nextafter(r, -INFINITY), nextafter(r, INFINITY)};
	struct value back = value_none();
	decode_real(c, *raw, &back);
	for (int i = 0; i < 2 && back.real != want; i++) {
		uint64_t other;
		if (!t->from_real(nearby[i], &other))
			continue;
		decode_real(c, other, &back);
		if (back.real == want)
			*raw = other;
	}
	return CODEC_OK;
}

static enum codec_fault encode_int(const struct codec *c, const struct value *v, unsigned width,
                                   uint64_t *raw)
{
	bool neg = false;
	uint64_t mag;
	if (c->type == TYPE_BOOL && v->kind == VALUE_BOOL) {
		*raw = bit_put(c, v->mant);
		return CODEC_OK;
	}
	if (!int_unscaled(c, v, &neg, &mag) || !int_put(c, neg, mag, width, raw))
		return CODEC_RANGE;
	if (c->type == TYPE_BOOL)
		*raw = bit_put(c, mag);
	return CODEC_OK;
}

enum codec_fault codec_encode(const struct codec *c, const struct value *v, uint16_t *words,
                              uint16_t *mask)
{
	const struct row *t = &table[c->type];
	if (t->shape == SHAPE_TEXT)
		return v->kind == VALUE_TEXT ? t->from_text(c, v->text, words, mask) : CODEC_KIND;
	if (v->kind == VALUE_TEXT || v->kind == VALUE_NONE ||
	    (v->kind == VALUE_REAL && !isfinite(v->real)))
		return CODEC_KIND;
	const struct place p = codec_place(c);
	uint64_t raw = 0;
	const enum codec_fault fault =
		t->shape == SHAPE_REAL ? encode_real(c, v, &raw) : encode_int(c, v, p.width, &raw);
	if (fault)
		return fault;
	if (pattern_is_na(c, raw, p.width))
		return CODEC_RANGE; /* the device would take it for "not available" */
	const uint64_t field = ones(p.width) << p.shift;
	words_split(c, (words_join(c, words) & ~field) | raw << p.shift, words);
	words_split(c, field, mask);
	return CODEC_OK;
}

bool codec_round(const struct codec *c, const struct value *v, struct value *out)
{
	uint16_t words[CELLS_MAX] = {0}, mask[CELLS_MAX];
	if (table[c->type].shape == SHAPE_TEXT || codec_encode(c, v, words, mask))
		return false;
	codec_decode(c, words, NULL, out);
	return out->kind != VALUE_NONE;
}
