// SPDX-License-Identifier: MIT
#include "ctl/as.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/value/codec.h"
#include "ctl/wording.h"

#define CELL 8 /* columns of one register */
#define ROW 8  /* registers on one line */

static const struct kind {
	const char *name, *yaml;
	uint8_t type, order, words; /* 0: all of them */
} kind[] = {
	{"u16", "", TYPE_U16, ORDER_BIG, 1},
	{"s16", "type: s16", TYPE_S16, ORDER_BIG, 1},
	{"f32", "type: f32", TYPE_F32, ORDER_BIG, 2},
	{"f32:little", "type: f32, order: little", TYPE_F32, ORDER_LITTLE, 2},
	{"u32", "type: u32", TYPE_U32, ORDER_BIG, 2},
	{"u32:little", "type: u32, order: little", TYPE_U32, ORDER_LITTLE, 2},
	{"s32", "type: s32", TYPE_S32, ORDER_BIG, 2},
	{"s32:little", "type: s32, order: little", TYPE_S32, ORDER_LITTLE, 2},
	{"u64", "type: u64", TYPE_U64, ORDER_BIG, 4},
	{"s64", "type: s64", TYPE_S64, ORDER_BIG, 4},
	{"f64", "type: f64", TYPE_F64, ORDER_BIG, 4},
	{"text", "type: string", TYPE_STRING, ORDER_BIG, 0},
};

#define KINDS (sizeof(kind) / sizeof(kind[0]))

static const struct kind *find(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kind[i].name, name) == 0)
			return &kind[i];
	return NULL;
}

bool as_known(const char *type)
{
	return strcmp(type, "all") == 0 || find(type);
}

const char *as_names(void)
{
	return "u16, s16, u32, s32, f32, u64, s64, f64, text; u32:little, s32:little, f32:little "
	       "(low word first); or all";
}

static void decode(const struct kind *k, const uint16_t *words, unsigned n, char *text,
                   struct value *v)
{
	const struct codec c = {.type = k->type,
	                        .order = k->order,
	                        .length = (uint8_t)(k->words ? k->words : n),
	                        .decimals = -1};

	codec_decode(&c, words, text, v);
}

/* As the registers hold it, whatever it is. */
static void print_bytes(const uint16_t *words, unsigned n, char *buf, size_t size)
{
	size_t k = 0;

	buf[k++] = '"';
	for (unsigned i = 0; i < 2 * n && k + 2 < size; i++) {
		const uint8_t b = (uint8_t)(i % 2 ? words[i / 2] : words[i / 2] >> 8);
		buf[k++] = b >= ' ' && b <= '~' ? (char)b : '.';
	}
	buf[k++] = '"';
	buf[k] = '\0';
}

static void print_value(const struct kind *k, const struct value *v, char *buf, size_t size)
{
	const double d = value_number(v);

	if (k->type != TYPE_F32 && k->type != TYPE_F64)
		value_print(v, -1, buf, size);
	else if (v->kind == VALUE_NONE)
		snprintf(buf, size, "NaN");
	else
		snprintf(buf, size, "%.7g", d);
}

unsigned as_text(const char *type, const uint16_t *words, unsigned n, char *buf, size_t size)
{
	const struct kind *k = find(type);
	char text[VALUE_TEXT_MAX];
	struct value v;

	if (!k || n < k->words || n == 0)
		return 0;
	if (k->type == TYPE_STRING) {
		print_bytes(words, n, buf, size);
		return n;
	}
	decode(k, words, n, text, &v);
	print_value(k, &v, buf, size);
	return k->words ? k->words : n;
}

/* -- which are likely -------------------------------------------------------------- */

/* A measured quantity as a float: neither tiny nor huge; by chance, that is rare. */
static bool likely_float(const struct kind *k, const uint16_t *words, unsigned n)
{
	bool any = false;

	for (unsigned i = 0; i + k->words <= n; i += k->words) {
		struct value v;
		decode(k, words + i, n - i, NULL, &v);
		const double d = fabs(value_number(&v));
		if (v.kind == VALUE_NONE || (d != 0 && (d < 1e-4 || d > 1e8)))
			return false;
		any = any || d != 0;
	}
	return any;
}

/* The high words have nothing but the sign. */
static bool likely_long(const struct kind *k, const uint16_t *words, unsigned n)
{
	bool any = false;

	for (unsigned i = 0; i + 2 <= n; i += 2) {
		const uint16_t high = words[i + (k->order == ORDER_LITTLE)];
		const uint16_t low = words[i + (k->order != ORDER_LITTLE)];
		const bool negative = k->type == TYPE_S32 && high == 0xFFFF && low >= 0x8000;
		if (!negative && high > 0x00FF)
			return false;
		any = any || negative || (k->type == TYPE_U32 && low);
	}
	return any;
}

static bool likely_text(const uint16_t *words, unsigned n)
{
	unsigned good = 0, letters = 0, bytes = 0;

	for (unsigned i = 0; i < 2 * n; i++) {
		const uint8_t b = (uint8_t)(i % 2 ? words[i / 2] : words[i / 2] >> 8);
		if (b == 0)
			break;
		bytes++;
		good += b >= ' ' && b <= '~';
		letters +=
			(b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z') || (b >= '0' && b <= '9');
	}
	return bytes >= 3 && good == bytes && 2 * letters >= bytes;
}

static bool likely_short(const struct kind *k, const uint16_t *words, unsigned n)
{
	bool negative = false;

	for (unsigned i = 0; i < n; i++)
		negative = negative || words[i] >= 0xFC00;
	return (k->type == TYPE_S16) == negative;
}

/* bit i: kind[i] is likely. Words are single registers only where nothing longer explains them. */
static unsigned likely_of(const uint16_t *words, unsigned n)
{
	unsigned found = 0;

	for (unsigned i = 0; i < KINDS; i++) {
		const struct kind *k = &kind[i];
		bool is = false;
		if (k->words && n % k->words)
			continue;
		if (k->type == TYPE_F32 || k->type == TYPE_F64)
			is = likely_float(k, words, n);
		else if (k->type == TYPE_U32 || k->type == TYPE_S32)
			is = n >= 2 && likely_long(k, words, n);
		else if (k->type == TYPE_STRING)
			is = likely_text(words, n);
		found |= (unsigned)is << i;
	}
	for (unsigned i = 0; i < 2 && !found; i++)
		if (likely_short(&kind[i], words, n))
			return 1U << i;
	return found;
}

/* -- printing ------------------------------------------------------------------------ */

static void print_row(const struct kind *k, const uint16_t *words, unsigned n, bool likely)
{
	char shown[VALUE_PRINT_MAX];
	const unsigned step = k->words ? k->words : n;

	printf("%-11s", k->name);
	for (unsigned i = 0; i + step <= n; i += step) {
		as_text(k->name, words + i, n - i, shown, sizeof(shown));
		printf(" %-*s", (int)(step * CELL) - 1, shown);
	}
	puts(likely ? "  <- likely" : "");
}

static void print_head(const struct place *at, const uint16_t *words, unsigned n)
{
	printf("%-11s", "");
	for (unsigned i = 0; i < n; i++)
		printf(" 0x%04X ", at->addr + i);
	printf("\n%-11s", "hex");
	for (unsigned i = 0; i < n; i++)
		printf(" %04X   ", words[i]);
	putchar('\n');
}

static void print_all(const struct place *at, const uint16_t *words, unsigned n)
{
	const unsigned likely = likely_of(words, n);

	for (int turn = 1; turn >= 0; turn--) /* the likely ones first */
		for (unsigned i = 0; i < KINDS; i++)
			if (n >= kind[i].words && (int)(likely >> i & 1) == turn)
				print_row(&kind[i], words, n, turn);
	for (unsigned i = 0; i < KINDS; i++) {
		if (!(likely >> i & 1))
			continue;
		const char *yaml = kind[i].yaml;
		printf("# a point for it:   Name: {%s: 0x%04X%s%s", wording_table[at->table],
		       at->addr, *yaml ? ", " : "", yaml);
		if (!kind[i].words)
			printf(", length: %u", n);
		puts("}");
	}
}

void as_print(const char *type, const struct place *at, const uint16_t *words, unsigned n)
{
	for (unsigned i = 0; i < n; i += ROW) {
		const struct place here = {at->table, (uint16_t)(at->addr + i), false};
		const unsigned some = n - i < ROW ? n - i : ROW;
		print_head(&here, words + i, some);
		if (strcmp(type, "all") == 0)
			print_all(&here, words + i, some);
		else
			print_row(find(type), words + i, some, false);
	}
}
