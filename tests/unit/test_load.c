// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/schedule/advise.h"
#include "rng.h"
#include "schedule_line.h"

#define TURN (5 * US_MS)
#define SEED 20261121u

static struct line_sim line;
static double load(void)
{
	return schedule_load(&line.wire, line.want, line.n, line.rule, line.nrule, TURN);
}

static bool near(double a, double b, double share)
{
	return a > b * (1 - share) && a < b * (1 + share);
}

static double percent(us_t cost, us_t period)
{
	return 100.0 * (double)cost / (double)period;
}

/* `units` units with `blocks` blocks of 10 registers each */
static void plant(unsigned units, unsigned blocks, us_t period)
{
	for (unsigned unit = 1; unit <= units; unit++) {
		sim_unit(&line, (uint8_t)unit, TURN);
		for (unsigned block = 0; block < blocks; block++)
			sim_want(&line, (uint8_t)unit, (uint16_t)(1000 * block), 10, period);
	}
}

static void a_block_a_second_loads_the_line_by_its_wire_time(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	plant(1, 1, US_S);
	assert_true(
		near(load(), percent(wire_read(&line.wire, TABLE_HOLDING, 10, TURN), US_S), 0.01));
	sim_end(&line);
}

static void neighbours_that_share_reads_are_counted_once(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, TURN);
	for (uint16_t i = 0; i < 20; i++)
		sim_want(&line, 1, i, 1, i % 2 ? 2 * US_S : US_S);
	const us_t one = wire_read(&line.wire, TABLE_HOLDING, 19, TURN);
	const us_t all = wire_read(&line.wire, TABLE_HOLDING, 20, TURN);
	assert_true(near(load(), percent(one + all, 2 * US_S), 0.01));
	sim_end(&line);
}

static void an_overloaded_line_shows_what_it_would_need(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	plant(4, 12, US_S);
	const double need = percent(48 * wire_read(&line.wire, TABLE_HOLDING, 10, TURN), US_S);
	assert_true(need > 200);
	assert_true(near(load(), need, 0.02));
	sim_end(&line);
}

static void what_is_read_as_fast_as_possible_or_once_is_left_out(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, TURN);
	assert_true(load() == 0);
	sim_want(&line, 1, 0, 10, PERIOD_FASTEST);
	assert_true(load() == 0);
	sim_want(&line, 1, 0, 10, PERIOD_ONCE);
	assert_true(load() < 0.001);
	sim_end(&line);
}

static void rare_reads_count_by_their_share(void **state)
{
	(void)state;
	sim_blocks(&line, 1200, TURN, 100, 500, 10, 60 * MINUTE);
	assert_true(near(load(),
	                 percent(100 * wire_read(&line.wire, TABLE_HOLDING, 10, TURN), 60 * MINUTE),
	                 0.01));
	sim_end(&line);
}

static void on_tcp_the_turnaround_is_the_load(void **state)
{
	(void)state;
	sim_begin(&line, 0);
	plant(1, 4, 100 * US_MS);
	assert_true(near(load(), percent(4 * TURN, 100 * US_MS), 0.02));
	sim_end(&line);
}

static void planned_load_is_what_the_line_then_uses(void **state)
{
	(void)state;
	rng = SEED;
	for (int round = 0; round < 40; round++) {
		const uint32_t seed = rng;
		sim_begin(&line, below(2) ? 9600 : 38400);
		const unsigned units = 1 + below(4);
		for (unsigned unit = 1; unit <= units; unit++)
			sim_unit(&line, (uint8_t)unit, TURN);
		const unsigned n = 5 + below(60);
		for (unsigned i = 0; i < n; i++)
			sim_want(&line, (uint8_t)(1 + below(units)), (uint16_t)below(400),
			         (uint16_t)(1 + below(4)),
			         (us_t[]){US_S, 2 * US_S, 5 * US_S, 10 * US_S, MINUTE}[below(5)]);
		const double planned = load();
		sim_adopt(&line);
		sim_run(&line, 2 * MINUTE);
		sim_count(&line, 10 * MINUTE);
		const double used = percent(line.busy, 10 * MINUTE);
		if (planned < 95 && !near(planned, used, 0.05))
			fail_msg("seed %u: planned %.2f %%, used %.2f %%", seed, planned, used);
		sim_end(&line);
	}
}

#define METERS 247
#define VALUES 80

static struct want meter_want[METERS * VALUES];
static struct unit_rule meter_rule[METERS];

/* Meters of 80 values in three rates; every `kinds`-th has them at the same addresses. */
static size_t meters(unsigned n, unsigned kinds)
{
	static const us_t period[] = {2 * US_S, 10 * US_S, 5 * MINUTE};
	size_t k = 0;
	for (unsigned unit = 1; unit <= n; unit++) {
		meter_rule[unit - 1] = (struct unit_rule){
			.unit = (uint8_t)unit, .max_read = 125, .max_hole = UINT16_MAX};
		for (unsigned i = 0; i < VALUES; i++)
			meter_want[k++] = (struct want){
				.unit = (uint8_t)unit,
				.table = TABLE_INPUT,
				.addr = (uint16_t)(4 * i + unit % kinds * i),
				.len = 2,
				.period = period[i % 3],
			};
	}
	return k;
}

static void a_line_of_equal_meters_needs_as_much_as_all_of_them(void **state)
{
	(void)state;
	struct wire w;
	wire_init(&w, 9600, 8, 'N', 1, 0);
	const double two = schedule_load(&w, meter_want, meters(2, 1), meter_rule, 2, TURN);
	const double all =
		schedule_load(&w, meter_want, meters(METERS, 1), meter_rule, METERS, TURN);
	assert_true(two > 1 && near(all, METERS * two / 2, 0.001));
}

/* The scheduler in virtual time took a minute for it. */
static void a_full_line_is_worked_out_at_once(void **state)
{
	(void)state;
	struct load_change change[8];
	struct wire w;
	double reached;
	wire_init(&w, 9600, 8, 'N', 1, 0);
	const size_t n = meters(METERS, 40);
	const clock_t begun = clock();
	assert_true(load_advise(&w, meter_want, n, meter_rule, METERS, TURN, LOAD_LIMIT, change, 8,
	                        &reached) > 0);
	assert_true(clock() - begun < 10 * CLOCKS_PER_SEC);
}

/* -- what to change ---------------------------------------------- */

static size_t advise(struct load_change *change, double *reached)
{
	return load_advise(&line.wire, line.want, line.n, line.rule, line.nrule, TURN, LOAD_LIMIT,
	                   change, 8, reached);
}

static void a_line_within_the_limit_needs_no_advice(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	plant(2, 3, US_S);
	struct load_change change[8];
	double reached;
	assert_int_equal(advise(change, &reached), 0);
	assert_true(reached < LOAD_LIMIT);
	char text[64];
	assert_int_equal(load_print(change, 0, text, sizeof text), 0);
	assert_string_equal(text, "");
	sim_end(&line);
}

static void the_period_that_helps_is_doubled_until_it_fits(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	plant(4, 12, US_S);
	for (uint16_t i = 0; i < 5; i++)
		sim_want(&line, 1, (uint16_t)(20000 + 500 * i), 4, MINUTE);
	struct load_change change[8];
	double reached;
	assert_int_equal(advise(change, &reached), 1);
	assert_true(change[0].from == US_S);
	assert_true(change[0].to == 4 * US_S);
	assert_int_equal(change[0].wants, 48);
	assert_true(reached < LOAD_LIMIT);
	for (size_t i = 0; i < 48; i++)
		line.want[i].period = change[0].to;
	assert_true(near(load(), reached, 0.001));
	char text[64];
	load_print(change, 1, text, sizeof text);
	assert_string_equal(text, "48 of 1s every 4s");
	sim_end(&line);
}

static void of_two_ways_the_one_with_fewer_wants_is_reported(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	plant(1, 10, US_S);               /* 43 % */
	for (uint16_t i = 0; i < 22; i++) /* as much again, by more wants */
		sim_want(&line, 1, (uint16_t)(20000 + 500 * i), 10, 2 * US_S);
	struct load_change change[8];
	double reached;
	assert_int_equal(advise(change, &reached), 1);
	assert_true(change[0].from == US_S);
	assert_int_equal(change[0].wants, 10);
	sim_end(&line);
}

static void a_line_that_nothing_helps_is_reported_as_such(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	plant(4, 12, 10 * US_MS);
	struct load_change change[8];
	double reached;
	assert_int_equal(advise(change, &reached), 1);
	assert_true(change[0].to == 640 * US_MS);
	assert_true(reached > LOAD_LIMIT);
	sim_end(&line);
}

static void periods_are_printed_as_people_write_them(void **state)
{
	(void)state;
	char text[24];
	load_print_period(100 * US_MS, text, sizeof text);
	assert_string_equal(text, "100ms");
	load_print_period(1500 * US_MS, text, sizeof text);
	assert_string_equal(text, "1.5s");
	load_print_period(5 * MINUTE, text, sizeof text);
	assert_string_equal(text, "5m");
	const struct load_change two[] = {{US_S, 2 * US_S, 3}, {5 * MINUTE, 10 * MINUTE, 12}};
	char all[64], cut[8];
	assert_int_equal(load_print(two, 2, all, sizeof all),
	                 strlen("3 of 1s every 2s, 12 of 5m every 10m"));
	assert_string_equal(all, "3 of 1s every 2s, 12 of 5m every 10m");
	assert_int_equal(load_print(two, 2, cut, sizeof cut), strlen(all));
	assert_string_equal(cut, "3 of 1s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_a_second_loads_the_line_by_its_wire_time),
		cmocka_unit_test(neighbours_that_share_reads_are_counted_once),
		cmocka_unit_test(an_overloaded_line_shows_what_it_would_need),
		cmocka_unit_test(what_is_read_as_fast_as_possible_or_once_is_left_out),
		cmocka_unit_test(rare_reads_count_by_their_share),
		cmocka_unit_test(on_tcp_the_turnaround_is_the_load),
		cmocka_unit_test(planned_load_is_what_the_line_then_uses),
		cmocka_unit_test(a_line_of_equal_meters_needs_as_much_as_all_of_them),
		cmocka_unit_test(a_full_line_is_worked_out_at_once),
		cmocka_unit_test(a_line_within_the_limit_needs_no_advice),
		cmocka_unit_test(the_period_that_helps_is_doubled_until_it_fits),
		cmocka_unit_test(of_two_ways_the_one_with_fewer_wants_is_reported),
		cmocka_unit_test(a_line_that_nothing_helps_is_reported_as_such),
		cmocka_unit_test(periods_are_printed_as_people_write_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
