// SPDX-License-Identifier: MIT
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/value/codec.h"

static uint64_t seed = 4711;

static uint64_t random_word(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static char text_buf[VALUE_TEXT_MAX];

static const char *show(const struct codec *c, const uint16_t *words, int decimals)
{
	static char buf[VALUE_PRINT_MAX];
	struct value v;
	codec_decode(c, words, text_buf, &v);
	value_print(&v, decimals, buf, sizeof buf);
	return buf;
}

#define WORDS(...) ((const uint16_t[]){__VA_ARGS__})

static struct codec plain(uint8_t type)
{
	return (struct codec){.type = type};
}

static struct codec scaled(uint8_t type, int64_t mant, uint8_t places)
{
	return (struct codec){.type = type, .scale = {mant, places}};
}

/* Real words of real devices (EPEVER, Deye, Renogy, ABB, Eastron, TriStar, PZEM ...). */
static void words_of_real_devices_decode(void **state)
{
	(void)state;
	struct codec c = scaled(TYPE_U32, 1, 2);
	c.order = ORDER_LITTLE;
	assert_string_equal(show(&c, WORDS(0x0539, 0x0001), 2), "668.73");
	c = scaled(TYPE_S16, 1, 2);
	assert_string_equal(show(&c, WORDS(0xFF9C), 2), "-1.00");
	c = (struct codec){.type = TYPE_U16, .scale = {1, 1}, .offset = {-100, 0}};
	assert_string_equal(show(&c, WORDS(1250), 1), "25.0");
	assert_string_equal(show(&c, WORDS(905), 1), "-9.5");
	c = plain(TYPE_SIGNMAG);
	c.byte = 1;
	assert_string_equal(show(&c, WORDS(0x8519), 0), "-5");
	c.byte = 2;
	assert_string_equal(show(&c, WORDS(0x8519), 0), "25");
	c = plain(TYPE_F32);
	assert_string_equal(show(&c, WORDS(0x4366, 0x0000), 1), "230.0");
	c.order = ORDER_LITTLE;
	assert_string_equal(show(&c, WORDS(0x0000, 0x4366), 1), "230.0");
	c.order = ORDER_BIG_SWAPPED;
	assert_string_equal(show(&c, WORDS(0x6643, 0x0000), 1), "230.0");
	c.order = ORDER_LITTLE_SWAPPED;
	assert_string_equal(show(&c, WORDS(0x0000, 0x6643), 1), "230.0");
	c = plain(TYPE_F16);
	assert_string_equal(show(&c, WORDS(0x4A66), 2), "12.80");
	assert_string_equal(show(&c, WORDS(0x0001), 9), "0.000000060");
	assert_string_equal(show(&c, WORDS(0x7C00), 2), "None");
	assert_string_equal(show(&c, WORDS(0x7E00), 2), "None");
	c = plain(TYPE_U64);
	assert_string_equal(show(&c, WORDS(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE), 0),
	                    "18446744073709551614");
	c.order = ORDER_LITTLE;
	assert_string_equal(show(&c, WORDS(1, 0, 0, 0x8000), 0), "9223372036854775809");
	c = scaled(TYPE_S64, 1, 3);
	assert_string_equal(show(&c, WORDS(0x8000, 0, 0, 0), 3), "-9223372036854775.808");
	c = plain(TYPE_F64);
	assert_string_equal(show(&c, WORDS(0x400C, 0xCCCC, 0xCCCC, 0xCCCD), 2), "3.60");
	c = plain(TYPE_BCD32);
	assert_string_equal(show(&c, WORDS(0x1234, 0x5678), 0), "12345678");
	assert_string_equal(show(&c, WORDS(0x1234, 0x567A), 0), "None");
	c = plain(TYPE_MOD10K);
	assert_string_equal(show(&c, WORDS(12, 3456), 0), "123456");
	c.order = ORDER_LITTLE;
	c.length = 3;
	assert_string_equal(show(&c, WORDS(3, 2, 1), 0), "100020003");
	assert_string_equal(show(&c, WORDS(10000, 2, 1), 0), "None");
	c = (struct codec){.type = TYPE_U16, .bit = 4, .bits = 4};
	assert_string_equal(show(&c, WORDS(0x12B4), 0), "11");
	c = (struct codec){.type = TYPE_BOOL, .bit = 2, .bits = 1};
	assert_string_equal(show(&c, WORDS(0x0004), 0), "on");
	assert_string_equal(show(&c, WORDS(0xFFFB), 0), "off");
	c = scaled(TYPE_S16, -1, 1); /* sign inverted */
	assert_string_equal(show(&c, WORDS(100), 1), "-10.0");
	c = scaled(TYPE_U32, 3125, 5);
	assert_string_equal(show(&c, WORDS(0, 3), 5), "0.09375");
}

static void decimal_digits_may_be_cut_short(void **state)
{
	(void)state;
	struct codec c = {.type = TYPE_BCD16, .bit = 0, .bits = 7}; /* seconds beside a flag */
	uint16_t word = 0x80, mask = 0;
	assert_string_equal(show(&c, WORDS(0x0059), 0), "59");
	assert_string_equal(show(&c, WORDS(0x00D9), 0), "59");
	struct value v = value_int(59);
	assert_int_equal(codec_encode(&c, &v, &word, &mask), CODEC_OK);
	assert_int_equal(word & mask, 0x59);
	assert_int_equal(mask, 0x7F);
	v = value_int(80); /* its tens would need the flag's bit */
	assert_int_equal(codec_encode(&c, &v, &word, &mask), CODEC_RANGE);
}

static void not_available_is_no_number(void **state)
{
	(void)state;
	static const uint64_t na[] = {0x8000, 0x7FFF, (uint64_t)-2};
	struct codec c = {.type = TYPE_S16, .na = na, .nna = 3};
	assert_string_equal(show(&c, WORDS(0x8000), 0), "None");
	assert_string_equal(show(&c, WORDS(0x7FFF), 0), "None");
	assert_string_equal(show(&c, WORDS(0xFFFE), 0), "None");
	assert_string_equal(show(&c, WORDS(0x7FFE), 0), "32766");
	struct value v = value_int(-32768);
	uint16_t word = 5, mask = 0;
	assert_int_equal(codec_encode(&c, &v, &word, &mask), CODEC_RANGE);
	assert_int_equal(word, 5);
	c.type = TYPE_F32;
	c.na = (const uint64_t[]){0xC479C000}; /* -999 */
	c.nna = 1;
	assert_string_equal(show(&c, WORDS(0xC479, 0xC000), 0), "None");
	assert_string_equal(show(&c, WORDS(0x7FC0, 0), 0), "None");
}

static void texts_lose_padding_and_bad_bytes(void **state)
{
	(void)state;
	struct codec c = {.type = TYPE_STRING, .length = 4};
	assert_string_equal(show(&c, WORDS(0x2020, 0x4D4C, 0x3430, 0x2000), 0), "ML40");
	assert_string_equal(show(&c, WORDS(0x4100, 0x4242, 0x4242, 0x4242), 0), "A");
	assert_string_equal(show(&c, WORDS(0x41FF, 0x42C3, 0xB600, 0), 0), "A\xEF\xBF\xBD"
	                                                                   "B\xC3\xB6");
	assert_string_equal(show(&c, WORDS(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF), 0), "None");
	assert_string_equal(show(&c, WORDS(0, 0, 0, 0), 0), "None");
	c.order = ORDER_BIG_SWAPPED;
	assert_string_equal(show(&c, WORDS(0x4241, 0x4443, 0, 0), 0), "ABCD");
	c.order = ORDER_LITTLE; /* the word order of numbers is not that of texts */
	assert_string_equal(show(&c, WORDS(0x4142, 0x4344, 0, 0), 0), "ABCD");
	c.order = ORDER_BIG;
	c.byte = 2;
	assert_string_equal(show(&c, WORDS(0xFF41, 0xFF42, 0xFF43, 0xFF44), 0), "ABCD");
	c = (struct codec){.type = TYPE_STRING, .length = 2};
	uint16_t words[2] = {0xAAAA, 0xAAAA}, mask[2];
	assert_int_equal(
		codec_encode(&c, &(struct value){.kind = VALUE_TEXT, .text = "abc"}, words, mask),
		CODEC_OK);
	assert_int_equal(words[0], 0x6162);
	assert_int_equal(words[1], 0x6300);
	assert_int_equal(mask[1], 0xFFFF);
	assert_int_equal(
		codec_encode(&c, &(struct value){.kind = VALUE_TEXT, .text = "abcde"}, words, mask),
		CODEC_LONG);
	struct value number = value_int(1);
	assert_int_equal(codec_encode(&c, &number, words, mask), CODEC_KIND);
	c = plain(TYPE_U16);
	assert_int_equal(
		codec_encode(&c, &(struct value){.kind = VALUE_TEXT, .text = "1"}, words, mask),
		CODEC_KIND);
	number = value_none();
	assert_int_equal(codec_encode(&c, &number, words, mask), CODEC_KIND);
	/* well-formed sequences stay, the rest of RFC 3629's table is replaced byte by byte */
	c = (struct codec){.type = TYPE_STRING, .length = 8};
	assert_string_equal(show(&c, WORDS(0xC2B0, 0xE282, 0xACF0, 0x9F98, 0x8000, 0, 0, 0), 0),
	                    "\xC2\xB0\xE2\x82\xAC\xF0\x9F\x98\x80");
	assert_string_equal(show(&c, WORDS(0xEDA0, 0x8041, 0xC080, 0, 0, 0, 0, 0), 0),
	                    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
	                    "A\xEF\xBF\xBD\xEF\xBF\xBD");
	c = (struct codec){.type = TYPE_STRING, .length = 125};
	uint16_t bad[125];
	memset(bad, 0xC0, sizeof bad);
	assert_true(strlen(show(&c, bad, 0)) < VALUE_TEXT_MAX);
}

static void control_characters_of_a_text_are_blanks(void **state)
{
	(void)state;
	static const struct {
		const char *bytes, *text;
	} row[] = {
		{"AB\x07\x1b[31mC\nD", "AB  [31mC D"},
		{"\r\nTracer\t4210\r\n", "Tracer 4210"},
		{"A\x7f"
	         "B",
	         "A B"},
		{"A\xC2\x9B"
	         "31mB",
	         "A 31mB"}, /* C1: the escape sequence in one character */
		{"\x1b", "None"},
		{"A\xE2\x80\xAE"
	         "B",
	         "A B"}, /* turns the direction of writing */
		{"\x01\xFF\xFF", "None"},
		{"\xC3\xA4\x02", "\xC3\xA4"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const struct codec c = {.type = TYPE_STRING, .length = 10};
		uint16_t words[10] = {0};
		for (size_t k = 0; row[i].bytes[k]; k++)
			words[k / 2] |=
				(uint16_t)((unsigned char)row[i].bytes[k] << (k % 2 ? 0 : 8));
		assert_string_equal(show(&c, words, 0), row[i].text);
	}
}

static void bytes_are_hexadecimal(void **state)
{
	(void)state;
	struct codec c = {.type = TYPE_BYTES, .length = 2};
	assert_string_equal(show(&c, WORDS(0x0A1B, 0xFF00), 0), "0a1bff00");
	c.order = ORDER_BIG_SWAPPED;
	assert_string_equal(show(&c, WORDS(0x0A1B, 0xFF00), 0), "1b0a00ff");
	uint16_t words[2], mask[2];
	static const struct {
		const char *text;
		enum codec_fault fault;
	} row[] = {
		{"1b0A00fF", CODEC_OK},    {"1b0a00f", CODEC_FORM},  {"", CODEC_FORM},
		{"1b0a00ff0", CODEC_LONG}, {"1b0a00fg", CODEC_FORM},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		assert_int_equal(
			codec_encode(&c, &(struct value){.kind = VALUE_TEXT, .text = row[i].text},
		                     words, mask),
			row[i].fault);
	assert_int_equal(words[0], 0x0A1B);
	assert_int_equal(words[1], 0xFF00);
}

static enum codec_fault encode_number(const struct codec *c, const char *number, uint16_t *words,
                                      uint16_t *mask)
{
	const char *end;
	struct value v;
	assert_true(value_parse_number(number, &end, &v));
	return codec_encode(c, &v, words, mask);
}

/* text, the raw pattern it gives, -1: refused */
static void values_are_rounded_to_a_step_or_refused(void **state)
{
	(void)state;
	static const struct {
		uint8_t type;
		struct decimal scale, offset;
		const char *text;
		int64_t raw;
	} row[] = {
		{TYPE_U16, {1, 1}, {0, 0}, "21.55", 216},
		{TYPE_U16, {1, 1}, {0, 0}, "21.54999999999999999", 215},
		{TYPE_U16, {1, 1}, {0, 0}, "6553.5", 65535},
		{TYPE_U16, {1, 1}, {0, 0}, "6553.54", 65535},
		{TYPE_U16, {1, 1}, {0, 0}, "6553.55", -1},
		{TYPE_U16, {0, 0}, {0, 0}, "-0.4", 0},
		{TYPE_U16, {0, 0}, {0, 0}, "-0.5", -1},
		{TYPE_U16, {0, 0}, {0, 0}, "65536", -1},
		{TYPE_U16, {0, 0}, {0, 0}, "1e19", -1},
		{TYPE_U16, {0, 0}, {0, 0}, "1e300", -1},
		{TYPE_S16, {0, 0}, {0, 0}, "-32768", 0x8000},
		{TYPE_S16, {0, 0}, {0, 0}, "32768", -1},
		{TYPE_S16, {0, 0}, {0, 0}, "-32769", -1},
		{TYPE_U16, {1, 1}, {-100, 0}, "25", 1250},
		{TYPE_U16, {1, 1}, {-100, 0}, "-100.1", -1},
		{TYPE_S16, {-1, 1}, {0, 0}, "-10", 100},
		{TYPE_U16, {3, 0}, {0, 0}, "10", 3},
		{TYPE_U16, {3, 0}, {0, 0}, "10.5", 4},
		{TYPE_U16, {2, 0}, {0, 0}, "1.8000000000000000000", 1},
		{TYPE_U16, {2, 0}, {0, 0}, "0.9999999999999999999", 0},
		{TYPE_U16, {2, 0}, {0, 0}, "1.0000000000000000001", 1},
		{TYPE_BCD16, {0, 0}, {0, 0}, "1234", 0x1234},
		{TYPE_BCD16, {0, 0}, {0, 0}, "10000", -1},
		{TYPE_BCD16, {0, 0}, {0, 0}, "-1", -1},
		{TYPE_SIGNMAG, {0, 0}, {0, 0}, "-5", 0x8005},
		{TYPE_SIGNMAG, {0, 0}, {0, 0}, "-0.2", 0},
		{TYPE_SIGNMAG, {0, 0}, {0, 0}, "32768", -1},
		{TYPE_F16, {0, 0}, {0, 0}, "12.8", 0x4A66},
		{TYPE_F16, {0, 0}, {0, 0}, "65504", 0x7BFF},
		{TYPE_F16, {0, 0}, {0, 0}, "65520", -1},
		{TYPE_F16, {0, 0}, {0, 0}, "-2", 0xC000},
		{TYPE_F16, {0, 0}, {0, 0}, "0", 0},
		{TYPE_BOOL, {0, 0}, {0, 0}, "1", 1},
		{TYPE_BOOL, {0, 0}, {0, 0}, "2", -1},
		{TYPE_U8, {0, 0}, {0, 0}, "256", -1},
		{TYPE_S8, {0, 0}, {0, 0}, "-128", 0x80},
		{TYPE_S8, {0, 0}, {0, 0}, "128", -1},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const struct codec c = {
			.type = row[i].type, .scale = row[i].scale, .offset = row[i].offset};
		uint16_t word = 0, mask = 0;
		const enum codec_fault fault = encode_number(&c, row[i].text, &word, &mask);
		if ((fault != CODEC_OK) != (row[i].raw < 0) ||
		    (row[i].raw >= 0 && word != row[i].raw))
			fail_msg("row %zu, %s: fault %d, raw %#x", i, row[i].text, fault, word);
	}
}

static void sixty_four_bits_stay_exact(void **state)
{
	(void)state;
	struct codec c = plain(TYPE_U64);
	uint16_t words[4] = {0}, mask[4];
	assert_int_equal(encode_number(&c, "18446744073709551615", words, mask), CODEC_OK);
	assert_string_equal(show(&c, words, 0), "18446744073709551615");
	assert_int_equal(encode_number(&c, "18446744073709551616", words, mask), CODEC_RANGE);
	c.scale = (struct decimal){1, 3};
	assert_int_equal(encode_number(&c, "18446744073709551.615", words, mask), CODEC_OK);
	assert_string_equal(show(&c, words, 3), "18446744073709551.615");
	c = scaled(TYPE_S64, 7, 2);
	assert_int_equal(encode_number(&c, "-92233720368547758.08", words, mask), CODEC_OK);
	assert_int_equal(
		codec_round(&c, &(struct value){.kind = VALUE_DECIMAL, .mant = 100, .places = 2},
	                    &(struct value){0}),
		true);
	c = plain(TYPE_S64);
	assert_int_equal(encode_number(&c, "-9223372036854775808", words, mask), CODEC_OK);
	assert_string_equal(show(&c, words, 0), "-9223372036854775808");
	assert_int_equal(encode_number(&c, "9223372036854775808", words, mask), CODEC_RANGE);
	struct value step;
	c = scaled(TYPE_U16, 5, 1);
	struct value v = {.kind = VALUE_DECIMAL, .mant = 213, .places = 1};
	assert_true(codec_round(&c, &v, &step));
	assert_int_equal(step.mant, 215);
	v = value_int(-1);
	assert_false(codec_round(&c, &v, &step));
}

static void a_field_leaves_its_neighbours_alone(void **state)
{
	(void)state;
	struct codec c = {.type = TYPE_U16, .bit = 4, .bits = 4};
	uint16_t words[2] = {0x1234, 0}, mask[2] = {0};
	assert_int_equal(encode_number(&c, "15", words, mask), CODEC_OK);
	assert_int_equal(words[0], 0x12F4);
	assert_int_equal(mask[0], 0x00F0);
	assert_int_equal(encode_number(&c, "16", words, mask), CODEC_RANGE);
	c = (struct codec){.type = TYPE_U8, .byte = 1};
	assert_int_equal(encode_number(&c, "1", words, mask), CODEC_OK);
	assert_int_equal(words[0], 0x01F4);
	assert_int_equal(mask[0], 0xFF00);
	c = (struct codec){.type = TYPE_U32, .bit = 16, .bits = 1, .order = ORDER_LITTLE};
	assert_int_equal(encode_number(&c, "1", words, mask), CODEC_OK);
	assert_int_equal(words[1], 1);
	assert_int_equal(mask[0], 0);
	assert_int_equal(mask[1], 1);
	c = (struct codec){.type = TYPE_S16, .bit = 0, .bits = 4};
	assert_int_equal(encode_number(&c, "-8", words, mask), CODEC_OK);
	assert_int_equal(words[0], 0x01F8);
	assert_string_equal(show(&c, words, 0), "-8");
}

/* encode(decode(x)) = x in the bits the value owns, and nothing else is touched. */
static void check_round_trip(const struct codec *c)
{
	uint16_t words[4], back[4], mask[4], before[4];
	struct value v, again;
	for (int i = 0; i < 4; i++) {
		words[i] = (uint16_t)random_word();
		if (c->type == TYPE_MOD10K || c->type == TYPE_BCD16 || c->type == TYPE_BCD32)
			words[i] &= (uint16_t)(random_word() & 0x1999); /* mostly valid */
		if (c->type == TYPE_BOOL && !c->bits)
			words[i] = c->byte == 1 ? words[i] & 0x100 : words[i] & 1;
		before[i] = back[i] = (uint16_t)random_word();
		if (c->order >= ORDER_BIG_SWAPPED && c->type == TYPE_BOOL && !c->bits)
			words[i] = (uint16_t)(words[i] << 8 | words[i] >> 8);
	}
	codec_decode(c, words, NULL, &v);
	if (v.kind == VALUE_NONE)
		return;
	if (v.kind == VALUE_REAL && c->type != TYPE_F16 && c->type != TYPE_F32 &&
	    c->type != TYPE_F64)
		return; /* beyond 64 bit */
	if (codec_encode(c, &v, back, mask) != CODEC_OK)
		fail_msg("type %u refuses its own value (seed %llu)", c->type,
		         (unsigned long long)seed);
	/* two doubles may become one value by a scale: then either is right */
	const bool merged = c->type == TYPE_F64 && c->scale.mant;
	for (unsigned i = 0; i < codec_words(c) && !merged; i++)
		if ((back[i] & mask[i]) != (words[i] & mask[i]) ||
		    (back[i] & (uint16_t)~mask[i]) != (before[i] & (uint16_t)~mask[i]))
			fail_msg("type %u order %u byte %u bits %u+%u word %u: %04x -> %04x mask "
			         "%04x (seed %llu)",
			         c->type, c->order, c->byte, c->bit, c->bits, i, words[i], back[i],
			         mask[i], (unsigned long long)seed);
	codec_decode(c, back, NULL, &again);
	assert_true(value_same(&v, &again));
}

static void what_was_read_is_written_back_bit_by_bit(void **state)
{
	(void)state;
	static const struct decimal scale[] = {{0, 0}, {1, 2}, {5, 1}, {-1, 0}, {3125, 5}, {10, 0}};
	static const struct decimal offset[] = {{0, 0}, {-100, 0}, {27315, 2}};
	for (int i = 0; i < 400000; i++) {
		struct codec c = {.type = (uint8_t)(random_word() % TYPE_STRING),
		                  .order = random_word() & 3,
		                  .scale = scale[random_word() % 6],
		                  .offset = offset[random_word() % 3]};
		const bool real = c.type >= TYPE_F16 && c.type <= TYPE_F64;
		if (real && random_word() % 2)
			c.scale.mant = c.offset.mant = 0;
		if (real || c.type == TYPE_SIGNMAG)
			c.offset.mant =
				0; /* adding loses bits of reals, and the sign of minus zero */
		if (c.type == TYPE_BOOL)
			c.scale.mant = c.offset.mant = 0;
		if (!real && random_word() % 4 == 0)
			c.byte = (uint8_t)(1 + random_word() % 2);
		const bool digits =
			c.type == TYPE_BCD16 || c.type == TYPE_BCD32 || c.type == TYPE_MOD10K;
		if (!real && !digits && random_word() % 3 == 0) {
			const unsigned width = c.byte ? 8 : 16;
			c.bit = (uint8_t)(random_word() % width);
			c.bits = (uint8_t)(1 + random_word() % (width - c.bit));
			if (c.type == TYPE_BOOL)
				c.bits = 1;
			if (c.bits == 1 && c.type == TYPE_SIGNMAG)
				c.bits = 0;
		}
		if (digits)
			c.byte = 0;
		if (c.byte && codec_words(&c) > 1)
			c.byte = 0;
		check_round_trip(&c);
	}
}

static void texts_survive_a_round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < 50000; i++) {
		struct codec c = {.type = random_word() & 1 ? TYPE_STRING : TYPE_BYTES,
		                  .length = 4,
		                  .order = random_word() & 3,
		                  .byte = (uint8_t)(random_word() % 3)};
		uint16_t words[4], back[4] = {0}, mask[4];
		char first[VALUE_TEXT_MAX], second[VALUE_TEXT_MAX];
		struct value v, w;
		for (int k = 0; k < 4; k++)
			words[k] = (uint16_t)(random_word() & random_word());
		codec_decode(&c, words, first, &v);
		if (v.kind == VALUE_NONE)
			continue;
		const enum codec_fault fault = codec_encode(&c, &v, back, mask);
		if (fault == CODEC_LONG && strstr(first, "\xEF\xBF\xBD"))
			continue;
		assert_int_equal(fault, CODEC_OK);
		codec_decode(&c, back, second, &w);
		assert_string_equal(first, second);
	}
}

/* -- clocks ------------------------------------------------------------------------ */

static void zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

#define PARTS(...) {__VA_ARGS__}, .n = sizeof((uint8_t[]){__VA_ARGS__})

static void clocks_of_all_layouts_are_read(void **state)
{
	(void)state;
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	static const struct layout epever = {
		.part = PARTS(PART_MIN, PART_SEC, PART_DAY, PART_HOUR, PART_YEAR, PART_MONTH),
		.bytes = true};
	static const struct layout six = {
		.part = PARTS(PART_YEAR, PART_MONTH, PART_DAY, PART_HOUR, PART_MIN, PART_SEC),
		.utc = true};
	static const struct layout hhmm = {.part = PARTS(PART_HHMM)};
	static const struct layout timer = {.part = PARTS(PART_HOUR, PART_MIN), .bytes = true};
	static const struct layout epoch = {.part = PARTS(PART_EPOCH)};
	static const struct layout date = {
		.part = PARTS(PART_YEAR2, PART_MONTH, PART_DAY, PART_WEEKDAY)};
	static const struct {
		const struct layout *l;
		uint8_t order;
		uint16_t words[6];
		const char *text;
	} row[] = {
		{&epever, 0, {0x1E05, 0x150A, 0x1A0B}, "2026-11-21T10:30:05+01:00"},
		{&epever, 0, {0x1E05, 0x150A, 0x1A06}, "2026-06-21T10:30:05+02:00"},
		{&epever, ORDER_BIG_SWAPPED, {0x051E, 0x0A15, 0x0B1A}, "2026-11-21T10:30:05+01:00"},
		{&epever, 0, {0x1E3C, 0x150A, 0x1A0B}, "None"},
		{&epever, 0, {0, 0, 0}, "None"},
		{&epever, 0, {0x1E05, 0x1E0A, 0x1A02}, "None"}, /* 30 February */
		{&epever,
	         0,
	         {0x1E05, 0x1D02, 0x1A03},
	         "None"}, /* 29 March 2026 02:30 does not exist */
		{&epever,
	         0,
	         {0x1E05, 0x1902, 0x1A0A},
	         "2026-10-25T02:30:05+02:00"}, /* the first of two */
		{&six, 0, {2026, 11, 21, 10, 0, 0}, "2026-11-21T10:00:00Z"},
		{&six, 0, {26, 11, 21, 10, 0, 0}, "2026-11-21T10:00:00Z"},
		{&six, 0, {2026, 13, 21, 10, 0, 0}, "None"},
		{&six, 0, {0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}, "None"},
		{&hhmm, 0, {1530}, "15:30"},
		{&hhmm, 0, {1575}, "None"},
		{&timer, 0, {0x0F1E}, "15:30"},
		{&epoch, 0, {0x6920, 0x4020}, "2025-11-21T11:34:08+01:00"},
		{&epoch, ORDER_LITTLE, {0x4020, 0x6920}, "2025-11-21T11:34:08+01:00"},
		{&date, 0, {28, 2, 29, 9}, "2028-02-29"},
		{&date, 0, {2028, 2, 29, 9}, "None"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const struct codec c = {
			.type = TYPE_DATETIME, .layout = row[i].l, .order = row[i].order};
		const char *text = show(&c, row[i].words, 0);
		if (strcmp(text, row[i].text) != 0)
			fail_msg("row %zu: %s, not %s", i, text, row[i].text);
	}
	assert_int_equal(codec_words(&(struct codec){.type = TYPE_DATETIME, .layout = &epever}), 3);
	assert_int_equal(codec_words(&(struct codec){.type = TYPE_DATETIME, .layout = &epoch}), 2);
}

static void clocks_are_set_from_any_iso_text(void **state)
{
	(void)state;
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	static const struct layout local = {
		.part = PARTS(PART_YEAR, PART_MONTH, PART_DAY, PART_HOUR, PART_MIN, PART_SEC)};
	static const struct layout utc = {
		.part = PARTS(PART_YEAR, PART_MONTH, PART_DAY, PART_HOUR, PART_MIN, PART_SEC),
		.utc = true};
	static const struct layout hhmm = {.part = PARTS(PART_HHMM)};
	static const struct layout date = {
		.part = PARTS(PART_YEAR2, PART_MONTH, PART_DAY, PART_WEEKDAY)};
	static const struct layout timer = {.part = PARTS(PART_HOUR, PART_MIN), .bytes = true};
	static const struct layout bytes = {
		.part = PARTS(PART_YEAR, PART_MONTH, PART_SKIP, PART_DAY), .bytes = true};
	static const struct {
		const struct layout *l;
		const char *text;
		bool good;
		uint16_t words[6];
	} row[] = {
		{&local, "2026-11-21T10:00:30", true, {2026, 11, 21, 10, 0, 30}},
		{&local, "2026-11-21 10:00", true, {2026, 11, 21, 10, 0, 0}},
		{&local, "2026-11-21T09:00:30Z", true, {2026, 11, 21, 10, 0, 30}},
		{&local, "2026-07-01T00:30:00.250+05:30", true, {2026, 6, 30, 21, 0, 0}},
		{&utc, "2026-07-01T00:30:00+0200", true, {2026, 6, 30, 22, 30, 0}},
		{&utc, "2026-07-01T00:30:00", true, {2026, 7, 1, 0, 30, 0}},
		{&utc, "2026-01-01", true, {2026, 1, 1, 0, 0, 0}},
		{&local, "2026-03-29T02:30:00", false, {0}},
		{&local, "2026-02-29", false, {0}},
		{&local, "2026-11-21T24:00", false, {0}},
		{&local, "2026-11-21T10:00+25:00", false, {0}},
		{&local, "2026-11-21T10:00 x", false, {0}},
		{&local, "now", false, {0}},
		{&local, "", false, {0}},
		{&timer, "15:30", true, {0x0F1E}},
		{&timer, "15:30:00", true, {0x0F1E}},
		{&timer, "1530", false, {0}},
		{&hhmm, "15:30", true, {1530}},
		{&date, "2028-02-29", true, {28, 2, 29, 2}},
		{&date, "2028-02-29T", false, {0}},
		{&date, "2028-2-29", false, {0}},
		{&local, "2026-11-21T10:00+1", false, {0}},
		{&local, "1969-12-31T10:00", false, {0}},
		{&bytes, "2026-11-21", true, {0x1A0B, 0x0015}},
		{&bytes, "2126-11-21", false, {0}},
		{&bytes, "1999-11-21", false, {0}},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const struct codec c = {.type = TYPE_DATETIME, .layout = row[i].l};
		uint16_t words[6] = {0}, mask[6];
		const struct value v = {.kind = VALUE_TEXT, .text = row[i].text};
		const enum codec_fault fault = codec_encode(&c, &v, words, mask);
		if ((fault == CODEC_OK) != row[i].good ||
		    memcmp(words, row[i].words, sizeof words) != 0)
			fail_msg("row %zu: %s: fault %d", i, row[i].text, fault);
		if (row[i].l == &bytes && row[i].good)
			assert_int_equal(mask[1], 0x00FF); /* skipped: kept as it is */
	}
}

static void clocks_survive_a_round_trip(void **state)
{
	(void)state;
	static const char *const zones[] = {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3",
	                                    "EST5EDT,M3.2.0,M11.1.0", "<+0545>-5:45", "<-03>3"};
	static const struct layout l[] = {
		{.part = PARTS(PART_MIN, PART_SEC, PART_DAY, PART_HOUR, PART_YEAR, PART_MONTH),
	         .bytes = true},
		{.part = PARTS(PART_EPOCH)},
		{.part = PARTS(PART_EPOCH, PART_WEEKDAY), .utc = true},
	};
	for (int i = 0; i < 20000; i++) {
		if (i % 4000 == 0)
			zone(zones[i / 4000]);
		struct codec epoch = {
			.type = TYPE_DATETIME, .layout = &l[1], .order = random_word() & 3};
		struct codec other = {.type = TYPE_DATETIME, .layout = &l[random_word() % 3]};
		uint16_t words[3] = {(uint16_t)(0x5000 + random_word() % 0x9000),
		                     (uint16_t)random_word(), 0};
		uint16_t set[3] = {0}, mask[3];
		char text[VALUE_TEXT_MAX], second[VALUE_TEXT_MAX];
		struct value v, w;
		codec_decode(&epoch, words, text, &v);
		if (v.kind == VALUE_NONE || memcmp(text, "20", 2) != 0 ||
		    memcmp(text, "2000", 4) == 0)
			continue;
		assert_int_equal(codec_encode(&epoch, &v, set, mask), CODEC_OK);
		assert_memory_equal(set, words, 4);
		memset(set, 0, sizeof set);
		assert_int_equal(codec_encode(&other, &v, set, mask), CODEC_OK);
		codec_decode(&other, set, second, &w);
		/* the hour that comes twice is told as the first; UTC is told as such */
		if (!other.layout->utc && strncmp(text, second, 19) != 0)
			fail_msg("%s became %s in %s (seed %llu)", text, second, getenv("TZ"),
			         (unsigned long long)seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_real_devices_decode),
		cmocka_unit_test(decimal_digits_may_be_cut_short),
		cmocka_unit_test(not_available_is_no_number),
		cmocka_unit_test(texts_lose_padding_and_bad_bytes),
		cmocka_unit_test(control_characters_of_a_text_are_blanks),
		cmocka_unit_test(bytes_are_hexadecimal),
		cmocka_unit_test(values_are_rounded_to_a_step_or_refused),
		cmocka_unit_test(sixty_four_bits_stay_exact),
		cmocka_unit_test(a_field_leaves_its_neighbours_alone),
		cmocka_unit_test(what_was_read_is_written_back_bit_by_bit),
		cmocka_unit_test(texts_survive_a_round_trip),
		cmocka_unit_test(clocks_of_all_layouts_are_read),
		cmocka_unit_test(clocks_are_set_from_any_iso_text),
		cmocka_unit_test(clocks_survive_a_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
