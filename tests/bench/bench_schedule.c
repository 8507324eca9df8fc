// SPDX-License-Identifier: MIT
/* Turns a second of the scheduler on one core: schedule_next() and schedule_done(), no line. And
 * how a turn's cost grows with the points: its exponent, by three sizes. */
#include <math.h>
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

struct bench_line {
	uint32_t baud;
	unsigned wants, step, units;
	uint8_t table;
	us_t period;
};

static struct schedule *line_create(const struct bench_line *l, const struct wire *w, us_t now)
{
	const unsigned units = l->units;
	struct schedule *s = schedule_create(w, 0, 1, now);
	struct want *want = calloc(l->wants, sizeof *want);
	struct unit_rule rule[247];
	for (unsigned i = 0; i < units; i++)
		rule[i] = (struct unit_rule){
			.unit = (uint8_t)(i + 1),
			.timeout = 500 * US_MS,
			.max_read = 125,
			.max_hole = UINT16_MAX,
		};
	for (unsigned i = 0; i < l->wants; i++)
		want[i] = (struct want){
			.unit = (uint8_t)(i % units + 1),
			.table = l->table,
			.addr = (uint16_t)(i / units * l->step),
			.len = 1,
			.period = l->period,
			.prio = CLASS_NORMAL,
		};
	schedule_adopt(s, want, l->wants, rule, units, now);
	free(want);
	return s;
}

/* us a turn. */
static double turns_take(const struct bench_line *l, unsigned most, us_t *sleeps)
{
	struct wire w;
	wire_init(&w, l->baud, 8, 'N', 1, 0);
	us_t now = US_S;
	struct schedule *s = line_create(l, &w, now);
	const double start = seconds();
	*sleeps = 0;
	for (unsigned turns = 0; turns < most;) {
		struct turn t;
		struct effects e;
		schedule_next(s, now, &t);
		if (t.kind == TURN_SLEEP) {
			now = t.until;
			(*sleeps)++;
			continue;
		}
		const us_t took = wire_read(&w, t.span.table, t.span.count, 5 * US_MS);
		now += took;
		schedule_done(s, &t, OUT_OK, 0, 5 * US_MS, took, now, &e);
		turns++;
	}
	const double spent = seconds() - start;
	schedule_destroy(s);
	return spent / most * 1e6;
}

static void run(const char *what, uint32_t baud, unsigned step, unsigned units, us_t period)
{
	const struct bench_line l = {baud, WANTS, step, units, TABLE_HOLDING, period};
	us_t sleeps;
	const double us = turns_take(&l, TURNS, &sleeps);
	printf("%-58s %8.0f turns/s, %5.2f us a turn, %lld sleeps\n", what, 1e6 / us, us,
	       (long long)sleeps);
}

/* Exponents are of the last step: 0 is no growth, 1 is in proportion. */
static void grow(const char *what, uint8_t table, const unsigned *units, const unsigned *wants,
                 us_t period)
{
	double us[3];
	for (int i = 0; i < 3; i++) {
		const struct bench_line l = {0, wants[i], 1, units[i], table, period};
		us_t sleeps;
		us[i] = turns_take(&l, TURNS / 10, &sleeps);
	}
	printf("%-58s %5.2f, %5.2f, %5.2f us a turn at %u, %u, %u points, exponent %.2f\n", what,
	       us[0], us[1], us[2], wants[0], wants[1], wants[2],
	       log(us[2] / us[1]) / log((double)wants[2] / wants[1]));
}

int main(void)
{
	static const unsigned one[] = {1, 1, 1}, five[] = {1, 1, 5}, many[] = {1, 50, 240};
	static const unsigned device[] = {125, 1000, 4000}, bus[] = {125, 4000, 20000};
	static const unsigned meters[] = {87, 50 * 87, 240 * 87};
	run("TCP, 100 neighbours, as fast as possible", 0, 1, 1, PERIOD_FASTEST);
	run("TCP, 100 neighbours every 100 ms", 0, 1, 1, 100 * US_MS);
	run("9600, 100 wants with small holes, overloaded", 9600, 4, 1, 100 * US_MS);
	run("9600, 100 wants each alone, overloaded", 9600, 200, 1, 100 * US_MS);
	run("9600, 100 wants of 20 units, overloaded", 9600, 7, 20, 100 * US_MS);
	run("19200, 100 wants of 4 units, every 10 s", 19200, 5, 4, 10 * US_S);
	grow("one device, as fast as possible", TABLE_HOLDING, one, device, PERIOD_FASTEST);
	grow("one device, coils, as fast as possible", TABLE_COIL, one, device, PERIOD_FASTEST);
	grow("a bus, as fast as possible", TABLE_HOLDING, five, bus, PERIOD_FASTEST);
	grow("a bus, every second", TABLE_HOLDING, five, bus, US_S);
	grow("units of 87 points, as fast as possible", TABLE_HOLDING, many, meters,
	     PERIOD_FASTEST);
	return 0;
}
