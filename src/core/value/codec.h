/* SPDX-License-Identifier: MIT */
/*
 * codec: register words to values and back, for every type a profile can name.
 *
 * encode(decode(x)) = x for every type; a value the register cannot hold is refused or rounded to
 * the nearest step, never wrapped or cut.
 */
#ifndef CORE_VALUE_CODEC_H
#define CORE_VALUE_CODEC_H

#include "core/base/span.h"
#include "core/value/value.h"

enum codec_type {
	TYPE_BOOL,
	TYPE_U8,
	TYPE_S8,
	TYPE_U16,
	TYPE_S16,
	TYPE_U32,
	TYPE_S32,
	TYPE_U64,
	TYPE_S64,
	TYPE_F16,
	TYPE_F32,
	TYPE_F64,
	TYPE_BCD16,
	TYPE_BCD32,
	TYPE_MOD10K,
	TYPE_SIGNMAG,
	TYPE_STRING,
	TYPE_BYTES,
	TYPE_DATETIME,
	TYPE_ARRAY, /* `array` numbers or bits of type `of`, as the text of a JSON list */
};

/* little: low word first; swapped: the bytes of each word exchanged. */
enum order { ORDER_BIG, ORDER_LITTLE, ORDER_BIG_SWAPPED, ORDER_LITTLE_SWAPPED };

/* A datetime's parts, in the order they are in the registers. Weekday: 0 is Sunday, never checked
 * when read. Skip: kept as it is. Without day or hour the value is "15:30" or "2026-11-21". */
enum time_part {
	PART_SEC,
	PART_MIN,
	PART_HOUR,
	PART_DAY,
	PART_MONTH,
	PART_YEAR /* year − 2000 in a byte, full in a word */,
	PART_WEEKDAY,
	PART_SKIP,
	PART_EPOCH /* u32 seconds UTC */,
	PART_HHMM /* decimal 1530 */,
	PART_YEAR2 /* year − 2000, also in a word */,
	PARTS
};

struct layout {
	uint8_t n;
	uint8_t part[8]; /* enum time_part */
	bool bytes;      /* each part one byte, high byte first; else one register each */
	bool utc;        /* zone: utc; else local time of the gateway */
};

struct codec {
	uint8_t type;  /* enum codec_type */
	uint8_t order; /* enum order */
	/* registers (1 for a bit table cell); of a bit: of the number it is in, 0: one */
	uint8_t length;
	uint8_t byte; /* 0 whole, 1 high, 2 low byte of the word */
	uint8_t bit,
		bits; /* field of the raw word(s), from bit `bit`, `bits` wide; bits 0: whole */
	uint8_t array, of; /* of TYPE_ARRAY: how many, and of which type */
	uint8_t nna;
	bool words;       /* of a bit that is its whole register: what on and off are; else 1, 0 */
	uint16_t on, off; /* other words are on if they are not 0, off where 0 is on */
	int8_t decimals;  /* published digits; the loader has resolved the default */
	struct decimal scale; /* mant 0 means 1 */
	struct decimal offset;
	const uint64_t
		*na; /* raw values that mean "not available" (bit pattern of the type's width) */
	const struct layout *layout;
};

unsigned codec_words(const struct codec *c); /* registers it occupies */

/* Words as read, most significant address first as listed in the point (already gathered if its two
 * registers are not neighbours; `order` must then be big or big-swapped). text: buffer of
 * VALUE_TEXT_MAX for text values, else it may be NULL. Gives VALUE_NONE for `na` patterns, NaN,
 * digits that are none, empty texts and impossible dates. A string's control characters are blanks;
 * those at its ends are left out. Datetime gives text
 * "2026-11-21T10:00:00+01:00", "…Z" where the layout is UTC. What scale and offset push beyond 64
 * bit becomes real. bytes: at most 63 registers. Word order does not apply to texts and bytes. */
void codec_decode(const struct codec *c, const uint16_t *words, char *text, struct value *out);

/* The text in bytes of a device: to the first NUL, without blanks at its ends, in UTF-8. text:
 * VALUE_TEXT_MAX; n: at most 255. Gives VALUE_NONE for an empty one. */
void codec_text(const unsigned char *bytes, size_t n, char *text, struct value *out);

enum codec_fault {
	CODEC_OK,
	CODEC_KIND,  /* a text where a number is needed, or the reverse */
	CODEC_RANGE, /* does not fit the register */
	CODEC_LONG,  /* text too long */
	CODEC_DATE,  /* not a date this layout can hold */
	CODEC_FORM,  /* not hexadecimal digits, two for each byte; not a list with so many elements
	              */
};

/* *words: in, the words now in the device (needed for byte and bit fields); out, with the value put
 * in. mask gets the bits this value owns (0xFFFF for whole words). Rounded to the nearest raw step.
 * A value whose pattern means "not available" is refused. On a fault words and mask are untouched.
 */
enum codec_fault codec_encode(const struct codec *c, const struct value *v, uint16_t *words,
                              uint16_t *mask);

/* The value a raw step is worth (for "rounded to"): decode(encode(v)). Numbers only. */
bool codec_round(const struct codec *c, const struct value *v, struct value *out);

/* Would the same words give the same value, but for those that mean "not available"? */
bool codec_same(const struct codec *x, const struct codec *y);

/* One element of an array; any other codec is its own. */
struct codec codec_element(const struct codec *c);

/* The next element of a JSON list as a command gives it: numbers, true, false, on, off. first: list
 * is its beginning; else as the call before returned. NULL: none there. Returns what is behind it.
 */
const char *codec_array_next(const char *list, bool first, struct value *v);

/* Two texts of a clock at most this far apart? A time of day alone or a date must be the same. */
bool codec_time_near(const struct codec *c, const char *a, const char *b, unsigned seconds);

#endif
