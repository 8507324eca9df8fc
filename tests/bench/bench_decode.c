// SPDX-License-Identifier: MIT
/* What a point's value costs from words to text. Printed, never judged. */
#include <stdio.h>
#include <time.h>

#include "core/model/model.h"

#define ROUNDS 2000000

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void bench(const char *name, struct codec c)
{
	const struct point p = {.codec = c, .exponent_from = -1, .factor_from = -1};
	uint16_t words[8] = {0x4142, 0x4344, 0x4546, 0x4748, 0x4950, 0x5152, 0x5354, 0x5556};
	char text[VALUE_TEXT_MAX], buf[VALUE_PRINT_MAX];
	struct value v;
	unsigned sum = 0;
	double from = seconds();
	for (unsigned i = 0; i < ROUNDS; i++) {
		words[0] = (uint16_t)(0x4142 + i % 100);
		point_decode(&p, words, NULL, NULL, text, &v);
		sum += v.kind;
	}
	const double decode = seconds() - from;
	from = seconds();
	for (unsigned i = 0; i < ROUNDS; i++)
		sum += (unsigned)point_print(&p, &v, NULL, buf, sizeof buf);
	const double print = seconds() - from;
	printf("decode %-22s %6.1f ns   print %6.1f ns   %s%s\n", name, decode * 1e9 / ROUNDS,
	       print * 1e9 / ROUNDS, buf, sum ? "" : "!");
}

int main(void)
{
	bench("u16", (struct codec){.type = TYPE_U16});
	bench("s16 x 0.1", (struct codec){.type = TYPE_S16, .scale = {1, 1}, .decimals = 1});
	bench("u32 little x 0.01 - 100", (struct codec){.type = TYPE_U32,
	                                                .order = ORDER_LITTLE,
	                                                .scale = {1, 2},
	                                                .offset = {-100, 0},
	                                                .decimals = 2});
	bench("s64 x 0.001", (struct codec){.type = TYPE_S64, .scale = {1, 3}, .decimals = 3});
	bench("bit", (struct codec){.type = TYPE_BOOL, .bit = 3, .bits = 1});
	bench("f32", (struct codec){.type = TYPE_F32, .decimals = 3});
	bench("f64 x 0.01", (struct codec){.type = TYPE_F64, .scale = {1, 2}, .decimals = 3});
	bench("bcd32", (struct codec){.type = TYPE_BCD32});
	bench("string of 16", (struct codec){.type = TYPE_STRING, .length = 8});
	return 0;
}
