// SPDX-License-Identifier: MIT
/* What a turn costs as a line grows: counted, not timed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/schedule/private.h"

struct plant {
	uint32_t baud;
	unsigned units, points; /* points of each */
	uint8_t table;
	uint16_t step;          /* between their addresses */
	const us_t *period;     /* in turns … */
	unsigned each, nperiod; /* … of so many points */
};

static struct schedule *plant_create(const struct plant *p, us_t now)
{
	struct wire w;
	wire_init(&w, p->baud, 8, 'N', 1, 0);
	struct schedule *s = schedule_create(&w, 0, 1, now);
	struct want *want = calloc((size_t)p->units * p->points, sizeof *want);
	struct unit_rule rule[247];
	size_t n = 0;
	for (unsigned u = 0; u < p->units; u++) {
		rule[u] = (struct unit_rule){.unit = (uint8_t)(u + 1),
		                             .timeout = 500 * US_MS,
		                             .max_read = 125,
		                             .max_hole = UINT16_MAX};
		for (unsigned i = 0; i < p->points; i++)
			want[n++] = (struct want){.unit = (uint8_t)(u + 1),
			                          .table = p->table,
			                          .addr = (uint16_t)(i * p->step),
			                          .len = 1,
			                          .period = p->period[i / p->each % p->nperiod],
			                          .prio = CLASS_NORMAL};
	}
	schedule_adopt(s, want, n, rule, p->units, now);
	free(want);
	return s;
}

/* Nodes and pages looked at for each read, and cells read, of `reads` in steady work. */
struct spent {
	double looked, cells;
};

static struct spent plant_run(const struct plant *p, unsigned reads)
{
	us_t now = 1000 * US_S;
	struct schedule *s = plant_create(p, now);
	uint64_t from = 0, cells = 0;
	for (unsigned done = 0; done < 2 * reads;) {
		struct turn t;
		struct effects e;
		schedule_next(s, now, &t);
		if (t.kind == TURN_SLEEP) {
			now = t.until;
			continue;
		}
		const us_t took = us_max(20, wire_read(&s->wire, t.span.table, t.span.count, 100));
		now += took;
		schedule_done(s, &t, OUT_OK, 0, 100, took, now, &e);
		if (++done == reads)
			from = s->looked;
		cells += done > reads ? t.span.count : 0;
	}
	const struct spent spent = {(double)(s->looked - from) / reads, (double)cells / reads};
	schedule_destroy(s);
	return spent;
}

static const us_t fastest[] = {PERIOD_FASTEST};
static const us_t second[] = {US_S};
static const us_t several[] = {US_S, 10 * US_S, 60 * US_S, 2 * US_S};

static void a_read_of_many_points_costs_what_one_of_few_costs(void **state)
{
	(void)state;
	static const struct {
		struct plant few, many;
	} cases[] = {
		{{0, 1, 100, TABLE_HOLDING, 1, fastest, 1, 1},
	         {0, 5, 4000, TABLE_HOLDING, 1, fastest, 1, 1}},
		{{0, 1, 100, TABLE_HOLDING, 1, second, 1, 1},
	         {0, 5, 4000, TABLE_HOLDING, 1, second, 1, 1}},
		{{0, 1, 100, TABLE_HOLDING, 1, several, 25, 4},
	         {0, 5, 4000, TABLE_HOLDING, 1, several, 25, 4}},
		{{0, 1, 100, TABLE_COIL, 1, fastest, 1, 1},
	         {0, 5, 4000, TABLE_COIL, 1, fastest, 1, 1}},
		{{115200, 1, 100, TABLE_INPUT, 3, second, 1, 1},
	         {115200, 5, 4000, TABLE_INPUT, 3, second, 1, 1}},
		{{0, 1, 87, TABLE_INPUT, 2, fastest, 1, 1},
	         {0, 230, 87, TABLE_INPUT, 2, fastest, 1, 1}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct spent few = plant_run(&cases[i].few, 2000);
		const struct spent many = plant_run(&cases[i].many, 2000);
		/* who reads more cells at once looks at more of them; not at all that there are */
		if (few.looked > 10 * few.cells || many.looked > 10 * many.cells)
			fail_msg("case %zu: %.0f and %.0f looked at for a read of %.0f and %.0f", i,
			         few.looked, many.looked, few.cells, many.cells);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_of_many_points_costs_what_one_of_few_costs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
