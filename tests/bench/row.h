/* SPDX-License-Identifier: MIT */
/*
 * row: one yardstick: what was measured beside its limit. Printed, and gathered in the file
 * that BENCH_TABLE names, for the short table at the end of "make bench".
 */
#ifndef TESTS_BENCH_ROW_H
#define TESTS_BENCH_ROW_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void bench_row_to(FILE *out, const char *what, double value, const char *sign,
                                double limit, double ratio, bool good)
{
	fprintf(out, "%-62s %9.4g  %s %6g   %5.2f %s\n", what, value, sign, limit, ratio,
	        good ? "" : "<-- missed");
}

static inline void bench_row(const char *what, double value, const char *sign, double limit)
{
	const bool good = sign[0] == '<' ? value <= limit : value >= limit;
	const double ratio = limit != 0 ? value / limit : value; /* of a limit of 0: the count */
	const char *table = getenv("BENCH_TABLE");
	FILE *f = table ? fopen(table, "ae") : NULL;
	printf("  ");
	bench_row_to(stdout, what, value, sign, limit, ratio, good);
	if (!f)
		return;
	bench_row_to(f, what, value, sign, limit, ratio, good);
	fclose(f);
}

/* value <= limit, value >= limit */
static inline void bench_most(const char *what, double value, double limit)
{
	bench_row(what, value, "<=", limit);
}

static inline void bench_least(const char *what, double value, double limit)
{
	bench_row(what, value, ">=", limit);
}

#endif
