// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"
#include "schedule_line.h"

#define HOUR (60 * MINUTE)
#define SEED 20261121u

static struct line_sim line;
/* The yardstick's plant: 4 units × 3 blocks of 10 registers, too far apart to be bridged. */
static void plant_of_twelve_blocks(us_t period, unsigned wants_a_block)
{
	for (uint8_t unit = 1; unit <= 4; unit++) {
		sim_unit(&line, unit, 5 * US_MS);
		for (uint16_t block = 0; block < 3; block++)
			for (uint16_t i = 0; i < wants_a_block; i++)
				sim_want(&line, unit,
				         (uint16_t)(1000 * block + i * 10 / wants_a_block),
				         (uint16_t)(10 / wants_a_block), period);
	}
	sim_adopt(&line);
}

/* -- the grid ------------------------------------------------------------------------------------
 */

static void first_reads_begin_at_once_and_take_one_scan(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	plant_of_twelve_blocks(10 * US_S, 5);
	const us_t scan = 12 * wire_read(&line.wire, TABLE_HOLDING, 10, 5 * US_MS);
	line.measure = true;
	sim_run(&line, scan);
	assert_int_equal(line.requests, 12);
	for (size_t i = 0; i < line.n; i++)
		assert_int_equal(line.reading[i].reads, 1);
	assert_int_equal(line.online, 4);
	sim_end(&line);
}

static void one_period_keeps_its_gaps_within_a_twentieth(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	plant_of_twelve_blocks(US_S, 5);
	sim_run(&line, MINUTE);
	sim_count(&line, HOUR);
	assert_true(sim_worst(&line, 0) <= 1.05);
	for (size_t i = 0; i < line.n; i++)
		assert_int_equal(line.reading[i].reads, 3600);
	sim_end(&line);
}

static void no_more_requests_are_made_than_the_least_possible(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	plant_of_twelve_blocks(2 * US_S, 5);
	sim_run(&line, MINUTE);
	sim_count(&line, HOUR);
	assert_int_equal(line.requests, 12 * 1800);
	sim_end(&line);
}

/* Two registers 40 apart: cheaper in two reads, unless the line then waits for the device. */
static us_t requests_with_a_pause(unsigned units, us_t pause)
{
	sim_begin(&line, 9600);
	for (uint8_t unit = 1; unit <= units; unit++) {
		sim_unit(&line, unit, 5 * US_MS)->pause = pause;
		sim_want(&line, unit, 0, 1, 2 * US_S);
		sim_want(&line, unit, 40, 1, 2 * US_S);
	}
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	sim_count(&line, MINUTE);
	const us_t requests = line.requests;
	sim_end(&line);
	return requests;
}

static void a_hole_is_read_over_where_a_pause_costs_more(void **state)
{
	(void)state;
	assert_int_equal(requests_with_a_pause(1, 0), 2 * 30);
	assert_int_equal(requests_with_a_pause(1, 200 * US_MS), 30);
	assert_int_equal(requests_with_a_pause(2, 200 * US_MS), 2 * 2 * 30);
}

static void periods_that_are_due_together_share_their_reads(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	static const us_t period[] = {US_S, 2 * US_S, 5 * US_S, 10 * US_S};
	for (uint16_t i = 0; i < 40; i++)
		sim_want(&line, 1, i, 1, period[i % 4]);
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	sim_count(&line, HOUR);
	assert_int_equal(line.requests, 3600);
	sim_end(&line);
}

static void a_bus_among_others_has_a_phase_of_its_own_and_one_for_all_its_periods(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	schedule_destroy(line.schedule);
	line.schedule = schedule_create(&line.wire, 3, 10, line.now);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 0, 1, US_S);
	sim_want(&line, 1, 1, 1, 10 * US_S);
	const us_t start = line.now;
	sim_adopt(&line);
	sim_run(&line, 5 * US_S);
	schedule_next(line.schedule, line.now, &line.turn);
	assert_int_equal((line.turn.until - start) % US_S, 300 * US_MS);
	sim_count(&line, 100 * US_S);
	assert_int_equal(line.requests, 100);
	sim_end(&line);
}

/* Of a hundred with a period of 100 ms 20 wake at a time, whenever they were begun. */
static void the_phases_of_many_buses_lie_on_one_raster(void **state)
{
	(void)state;
	unsigned at[5] = {0};
	for (unsigned bus = 0; bus < 100; bus++) {
		sim_begin(&line, 0);
		schedule_destroy(line.schedule);
		line.now += bus * 7778;
		line.schedule = schedule_create(&line.wire, bus, 100, line.now);
		sim_unit(&line, 1, US_MS);
		sim_want(&line, 1, 0, 1, 100 * US_MS);
		sim_adopt(&line);
		sim_run(&line, US_S + 1); /* never on the raster */
		schedule_next(line.schedule, line.now, &line.turn);
		assert_int_equal(line.turn.kind, TURN_SLEEP);
		assert_int_equal(line.turn.until % (20 * US_MS), 0);
		at[line.turn.until / (20 * US_MS) % 5]++;
		sim_end(&line);
	}
	for (unsigned i = 0; i < 5; i++)
		assert_in_range(at[i], 15, 25);
}

static void a_line_is_idle_until_something_is_due_or_comes(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 0, 1, US_S);
	sim_adopt(&line);
	assert_false(schedule_idle(line.schedule, line.now, line.now));
	while (sim_step(&line, line.now + 5 * US_S) && line.turn.kind != TURN_SLEEP)
		;
	sim_run(&line, 100 * US_MS);
	schedule_next(line.schedule, line.now, &line.turn);
	const us_t due = line.turn.until;
	assert_true(schedule_idle(line.schedule, line.now, due - 1));
	assert_false(schedule_idle(line.schedule, line.now, due));
	const struct job j = {.id = 1, .span = {1, TABLE_HOLDING, 0, 1}, .fc = FC_WRITE_REGISTER};
	uint64_t old;
	assert_int_equal(schedule_submit(line.schedule, &j, line.now, &old), SUBMIT_ACCEPTED);
	assert_false(schedule_idle(line.schedule, line.now, line.now + 1));
	sim_end(&line);
}

static void hours_of_mixed_periods_stay_within_the_period_and_one_exchange(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	static const us_t period[] = {US_S, 10 * US_S, 300 * US_S};
	for (uint8_t unit = 1; unit <= 4; unit++) {
		sim_unit(&line, unit, (us_t)unit * 5 * US_MS);
		for (uint16_t i = 0; i < 30; i++)
			sim_want(&line, unit, (uint16_t)(i % 3 * 500 + i), 1 + i % 2,
			         i < 4    ? period[0]
			         : i < 16 ? period[1]
			                  : period[2]);
	}
	sim_adopt(&line);
	sim_run(&line, 10 * MINUTE);
	sim_count(&line, 4 * HOUR);
	assert_true(sim_worst(&line, line.longest) <= 1.05);
	for (size_t i = 0; i < line.n; i++)
		assert_true(line.reading[i].reads >= 4 * HOUR / line.want[i].period);
	assert_true(line.requests > 0);
	struct unit_figures f;
	assert_true(schedule_unit(line.schedule, 1, &f));
	assert_int_equal(f.missed, 0);
	sim_end(&line);
}

static void random_maps_below_overload_miss_nothing(void **state)
{
	(void)state;
	rng = SEED;
	for (int round = 0; round < 60; round++) {
		const uint32_t seed = rng;
		sim_begin(&line, below(2) ? 9600 : 19200);
		const unsigned units = 1 + below(5);
		for (uint8_t unit = 1; unit <= units; unit++)
			sim_unit(&line, unit, (us_t)below(20000));
		const unsigned n = 1 + below(60);
		for (unsigned i = 0; i < n; i++)
			sim_want(&line, (uint8_t)(1 + below(units)), (uint16_t)below(300),
			         (uint16_t)(1 + below(4)), (us_t)(3 + below(20)) * US_S);
		sim_adopt(&line);
		sim_run(&line, MINUTE);
		sim_count(&line, 10 * MINUTE);
		uint32_t missed = 0;
		for (uint8_t unit = 1; unit <= units; unit++) {
			struct unit_figures f;
			schedule_unit(line.schedule, unit, &f);
			missed += f.missed;
		}
		if (line.busy < 7 * MINUTE && (missed || sim_worst(&line, 2 * US_S) > 1.05))
			fail_msg("seed %u: %u missed, worst gap %.3f", seed, missed,
			         sim_worst(&line, 0));
		sim_end(&line);
	}
}

/* -- overload -------------------------------------------------------------------------------------
 */

static void overload_stretches_all_periods_evenly_and_is_counted(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	/* 24 blocks of 38 ms; periods such that the wire would need 2.5 times what it has */
	double load = 0;
	for (uint8_t unit = 1; unit <= 4; unit++)
		sim_unit(&line, unit, 5 * US_MS);
	const double cost = (double)wire_read(&line.wire, TABLE_HOLDING, 4, 5 * US_MS);
	for (unsigned i = 0; i < 24; i++) {
		const us_t period = (us_t)(180 + 60 * i) * US_MS;
		sim_want(&line, (uint8_t)(1 + i % 4), (uint16_t)(i / 4 * 500), 4, period);
		load += cost / (double)period;
	}
	for (size_t i = 0; i < line.n; i++)
		line.want[i].period = (us_t)((double)line.want[i].period * load / 2.5);
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	sim_count(&line, HOUR);
	double least = 1e9, most = 0;
	for (size_t i = 0; i < line.n; i++) {
		const double stretch =
			(double)HOUR / (double)line.reading[i].reads / (double)line.want[i].period;
		least = stretch < least ? stretch : least;
		most = stretch > most ? stretch : most;
	}
	assert_true(least > 2.2);
	assert_true(most < 2.8);
	struct unit_figures f;
	schedule_unit(line.schedule, 1, &f);
	assert_true(f.missed > 1000);
	sim_end(&line);
}

static void overload_takes_from_the_low_class_first_but_never_all(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	for (uint16_t i = 0; i < 60; i++) {
		sim_want(&line, 1, (uint16_t)(i * 500), 4, US_S);
		line.want[i].prio = i < 20 ? CLASS_HIGH : i < 40 ? CLASS_NORMAL : CLASS_LOW;
	}
	sim_adopt(&line);
	sim_count(&line, HOUR);
	us_t reads[3] = {0};
	for (size_t i = 0; i < 60; i++)
		reads[i / 20] += line.reading[i].reads;
	assert_true(reads[0] > 70000);
	assert_true(reads[0] > reads[1] && reads[1] > reads[2]);
	assert_true(reads[2] > 1000);
	sim_end(&line);
}

static void all_lower_classes_get_turns_under_an_overloaded_high_one(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	for (uint16_t i = 0; i < 40; i++) {
		sim_want(&line, 1, (uint16_t)(i * 500), 4,
		         i < 30   ? US_S
		         : i < 35 ? 100 * US_MS
		                  : PERIOD_FASTEST);
		line.want[i].prio = i < 30 ? CLASS_HIGH : i < 32 ? CLASS_NORMAL : CLASS_LOW;
	}
	sim_adopt(&line);
	sim_count(&line, HOUR);
	for (size_t i = 0; i < line.n; i++)
		assert_true(line.reading[i].reads > 100);
	sim_end(&line);
}

/* -- fastest and once -------------------------------------------- */

static void fastest_takes_what_the_others_leave(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	plant_of_twelve_blocks(2 * US_S, 1);
	sim_want(&line, 1, 5000, 2, PERIOD_FASTEST);
	sim_want(&line, 2, 5000, 2, PERIOD_FASTEST);
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	sim_count(&line, HOUR);
	assert_true(line.busy >= HOUR - US_S);
	line.n -= 2;
	assert_true(sim_worst(&line, line.longest) <= 1.05);
	assert_true(line.reading[12].reads > 30000);
	assert_true(llabs(line.reading[12].reads - line.reading[13].reads) <= 2);
	sim_end(&line);
}

static void once_is_read_at_each_coming_online(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 0, 2, US_S);
	sim_want(&line, 1, 100, 8, PERIOD_ONCE);
	sim_adopt(&line);
	line.measure = true;
	sim_run(&line, MINUTE);
	assert_int_equal(line.reading[1].reads, 1);
	line.device[1].silent_from = line.now;
	line.device[1].silent_until = line.now + 30 * US_S;
	sim_run(&line, MINUTE + 30 * US_S);
	assert_int_equal(line.offline, 1);
	assert_int_equal(line.online, 2);
	assert_int_equal(line.reading[1].reads, 2);
	sim_end(&line);
}

/* -- reload ------------------------------------------------------ */

static void a_reload_keeps_the_phase_and_reads_only_what_is_new(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 0, 2, 10 * US_S);
	sim_want(&line, 1, 500, 2, 10 * US_S);
	sim_adopt(&line);
	sim_run(&line, 25 * US_S);
	sim_want(&line, 1, 1000, 2, 10 * US_S);
	line.want[1].period = 5 * US_S;
	const us_t start = 1000 * US_S;
	sim_adopt(&line);
	sim_count(&line, US_S);
	assert_int_equal(line.requests, line.reading[2].reads + line.reading[1].reads);
	assert_int_equal(line.reading[2].reads, 1);
	assert_int_equal(line.reading[0].reads, 0);
	sim_run(&line, 3 * US_S);
	sim_count(&line, start + 31 * US_S - line.now);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(line.reading[i].reads, 1);
	assert_int_equal(line.online, 1);
	sim_end(&line);
}

static void a_unit_left_out_by_a_reload_is_forgotten(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	plant_of_twelve_blocks(US_S, 1);
	sim_run(&line, 5 * US_S);
	line.n = 3;
	line.nrule = 1;
	sim_adopt(&line);
	struct unit_figures f;
	assert_true(schedule_unit(line.schedule, 1, &f));
	assert_false(schedule_unit(line.schedule, 2, &f));
	sim_count(&line, 10 * US_S);
	assert_int_equal(line.requests, 30);
	sim_end(&line);
}

/* Also of one that came after the port was opened, or comes back: what was asked of it before may
 * still be answered. */
static void a_new_unit_is_to_be_proven_in_step(void **state)
{
	(void)state;
	struct turn t;
	sim_begin(&line, 9600);
	schedule_port_back(line.schedule, line.now);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 10, 4, US_S);
	sim_want(&line, 1, 14, 1, US_S);
	sim_adopt(&line);
	schedule_next(line.schedule, line.now, &t);
	assert_int_equal(t.kind, TURN_READ);
	assert_true(t.peer->unsure);
	assert_int_equal(t.span.count, 5);
	assert_int_equal(t.value_addr, 14); /* by its shortest value */
	assert_int_equal(t.value_count, 1);
	sim_end(&line);
}

static void nothing_to_do_sleeps_and_never_spins(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	schedule_next(line.schedule, line.now, &line.turn);
	assert_int_equal(line.turn.kind, TURN_SLEEP);
	assert_true(line.turn.until == US_NEVER);
	plant_of_twelve_blocks(US_S, 5);
	int sleeps = 0;
	const us_t end = line.now + MINUTE;
	while (sim_step(&line, end))
		sleeps += line.turn.kind == TURN_SLEEP;
	assert_true(sleeps <= 61);
	sim_end(&line);
}

static void of_two_that_come_due_together_the_faster_goes_first(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_unit(&line, 2, 5 * US_MS);
	sim_want(&line, 1, 0, 2, 10 * US_S);
	sim_want(&line, 2, 0, 2, 2 * US_S);
	sim_adopt(&line);
	sim_run(&line, 5 * US_S);
	const us_t end = line.now + 10 * MINUTE;
	us_t together = 0, at = 0;
	while (sim_step(&line, end)) {
		if (line.turn.kind != TURN_READ)
			at = line.now; /* of coming due */
		else if (line.last_span.unit == 1)
			assert_true(line.now > at + 50 * US_MS || !together++);
	}
	sim_end(&line);
}

static void a_neighbour_that_is_due_soon_is_read_along(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 0, 2, 10 * US_S);
	sim_want(&line, 1, 2, 2, 9900 * US_MS);
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	sim_count(&line, HOUR);
	/* phases drift past each other: one time in ten they are half a second apart or less */
	const us_t reads = line.reading[0].reads + line.reading[1].reads;
	assert_true(line.requests < reads - reads / 30);
	assert_true(sim_worst(&line, line.longest) <= 1.05);
	sim_end(&line);
}

/* A block whose like is barred is not replaced, again and again, by a read that nobody wants. */
static void a_barred_block_makes_no_storm(void **state)
{
	(void)state;
	sim_blocks(&line, 115200, US_MS, 1, 1, 2, US_S);
	line.rule[0].timeout = 5 * US_S;
	line.rule[0].max_hole = 0;
	sim_adopt(&line);
	do
		sim_step(&line, US_NEVER);
	while (line.turn.kind != TURN_READ);
	const struct signature sig = sim_signature(&line.turn);
	peer_left_over(line.turn.peer, &sig, line.now, 5 * US_S);
	sim_count(&line, 10 * US_S);
	assert_true(line.requests <= 12);
	assert_true(line.reading[0].reads >= 9);
	sim_end(&line);
}

/* A `get` of a whole device: a demand for each point, among the wants of its neighbours. */
static void thousands_of_demands_are_met_in_blocks(void **state)
{
	(void)state;
	const struct want want = {
		.unit = 1, .table = TABLE_HOLDING, .addr = 4000, .len = 2, .period = US_S};
	const struct unit_rule rule = {
		.unit = 1, .timeout = US_S, .max_read = 125, .max_hole = UINT16_MAX};
	struct wire w;
	wire_init(&w, 9600, 8, 'N', 1, 0);
	struct schedule *s = schedule_create(&w, 0, 1, 0);
	schedule_adopt(s, &want, 1, &rule, 1, 0);
	for (uint16_t i = 4096; i-- > 0;) /* the last address first */
		assert_true(schedule_demand(
			s, &(struct span){1, TABLE_HOLDING, (uint16_t)(2 * i), 2}, 0));
	us_t now = 0;
	uint32_t cells = 0, reads = 0;
	struct turn t;
	struct effects e;
	for (schedule_next(s, now, &t); now < 600 * US_S && cells < 8192;
	     schedule_next(s, now, &t)) {
		if (t.kind == TURN_SLEEP) {
			now = t.until;
			continue;
		}
		const us_t took = wire_read(&w, t.span.table, t.span.count, 5 * US_MS);
		now += took;
		reads++;
		cells += t.span.count > 2 ? t.span.count : 0;
		schedule_done(s, &t, OUT_OK, 0, 5 * US_MS, took, now, &e);
	}
	assert_in_range(cells, 8192, 8192 + 250);
	assert_in_range(reads, 65, 200); /* and the poll of every second turn */
	schedule_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_reads_begin_at_once_and_take_one_scan),
		cmocka_unit_test(one_period_keeps_its_gaps_within_a_twentieth),
		cmocka_unit_test(no_more_requests_are_made_than_the_least_possible),
		cmocka_unit_test(a_hole_is_read_over_where_a_pause_costs_more),
		cmocka_unit_test(periods_that_are_due_together_share_their_reads),
		cmocka_unit_test(
			a_bus_among_others_has_a_phase_of_its_own_and_one_for_all_its_periods),
		cmocka_unit_test(the_phases_of_many_buses_lie_on_one_raster),
		cmocka_unit_test(a_line_is_idle_until_something_is_due_or_comes),
		cmocka_unit_test(hours_of_mixed_periods_stay_within_the_period_and_one_exchange),
		cmocka_unit_test(random_maps_below_overload_miss_nothing),
		cmocka_unit_test(overload_stretches_all_periods_evenly_and_is_counted),
		cmocka_unit_test(overload_takes_from_the_low_class_first_but_never_all),
		cmocka_unit_test(all_lower_classes_get_turns_under_an_overloaded_high_one),
		cmocka_unit_test(fastest_takes_what_the_others_leave),
		cmocka_unit_test(once_is_read_at_each_coming_online),
		cmocka_unit_test(a_reload_keeps_the_phase_and_reads_only_what_is_new),
		cmocka_unit_test(a_unit_left_out_by_a_reload_is_forgotten),
		cmocka_unit_test(a_new_unit_is_to_be_proven_in_step),
		cmocka_unit_test(nothing_to_do_sleeps_and_never_spins),
		cmocka_unit_test(of_two_that_come_due_together_the_faster_goes_first),
		cmocka_unit_test(a_neighbour_that_is_due_soon_is_read_along),
		cmocka_unit_test(a_barred_block_makes_no_storm),
		cmocka_unit_test(thousands_of_demands_are_met_in_blocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
