// SPDX-License-Identifier: MIT
/* Turns a second of the scheduler on one core: schedule_next() and schedule_done(), no line. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/schedule/schedule.h"

#define TURNS 200000
#define WANTS 100

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(const char *what, uint32_t baud, unsigned step, unsigned units, us_t period)
{
	struct wire w;
	wire_init(&w, baud, 8, 'N', 1, 0);
	us_t now = US_S;
	struct schedule *s = schedule_create(&w, 0, 1, now);
	struct want want[WANTS];
	struct unit_rule rule[WANTS];
	for (unsigned i = 0; i < units; i++)
		rule[i] = (struct unit_rule){
			.unit = (uint8_t)(i + 1),
			.timeout = 500 * US_MS,
			.max_read = 125,
			.max_hole = UINT16_MAX,
		};
	for (unsigned i = 0; i < WANTS; i++)
		want[i] = (struct want){
			.unit = (uint8_t)(i % units + 1),
			.table = TABLE_HOLDING,
			.addr = (uint16_t)(i * step),
			.len = 1,
			.period = period,
			.prio = CLASS_NORMAL,
		};
	schedule_adopt(s, want, WANTS, rule, units, now);
	const double start = seconds();
	us_t sleeps = 0;
	for (unsigned turns = 0; turns < TURNS;) {
		struct turn t;
		struct effects e;
		schedule_next(s, now, &t);
		if (t.kind == TURN_SLEEP) {
			now = t.until;
			sleeps++;
			continue;
		}
		const us_t took = wire_read(&w, t.span.table, t.span.count, 5 * US_MS);
		now += took;
		schedule_done(s, &t, OUT_OK, 0, 5 * US_MS, took, now, &e);
		turns++;
	}
	const double spent = seconds() - start;
	printf("%-58s %8.0f turns/s, %5.2f us a turn, %lld sleeps\n", what, TURNS / spent,
	       spent / TURNS * 1e6, (long long)sleeps);
	schedule_destroy(s);
}

int main(void)
{
	run("TCP, 100 neighbours, as fast as possible", 0, 1, 1, PERIOD_FASTEST);
	run("TCP, 100 neighbours every 100 ms", 0, 1, 1, 100 * US_MS);
	run("9600, 100 wants with small holes, overloaded", 9600, 4, 1, 100 * US_MS);
	run("9600, 100 wants each alone, overloaded", 9600, 200, 1, 100 * US_MS);
	run("9600, 100 wants of 20 units, overloaded", 9600, 7, 20, 100 * US_MS);
	run("19200, 100 wants of 4 units, every 10 s", 19200, 5, 4, 10 * US_S);
	return 0;
}
