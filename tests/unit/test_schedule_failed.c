// SPDX-License-Identifier: MIT
/*
 * A register that gets no good answer while its device lives: by silence, "busy", an exception that
 * is not about addresses, or a gateway's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"
#include "schedule_line.h"

static struct line_sim line;

/* How a device may say that it does not give a register; 0: not at all. */
static const uint8_t codes[] = {0, 4, 5, 6, 7, 10, 11};
#define CODES (sizeof codes / sizeof codes[0])

static void sim_bad(uint8_t unit, uint16_t addr, uint8_t code)
{
	line.device[unit].exception = code;
	line.device[unit].mute = code == 0;
	sim_refuse(&line, unit, addr);
}

static void one_bad_register_is_found_and_its_neighbours_are_read(void **state)
{
	(void)state;
	static const us_t periods[] = {US_S, PERIOD_FASTEST, 200 * US_MS, 10 * US_S};
	for (size_t c = 0; c < CODES; c++)
		for (size_t p = 0; p < 4; p++)
			for (uint16_t bad = 30; bad < 43; bad += 3) {
				sim_begin(&line, 9600);
				sim_unit(&line, 1, 5 * US_MS);
				for (uint16_t i = 30; i < 43; i++)
					sim_want(&line, 1, i, 1, periods[p]);
				sim_bad(1, bad, codes[c]);
				sim_adopt(&line);
				sim_run(&line, (periods[p] == 10 * US_S ? 6 : 1) * MINUTE);
				assert_int_equal(line.aside, 1);
				assert_int_equal(line.aside_span.addr, bad);
				assert_int_equal(line.aside_span.count, 1);
				assert_true(line.offline <= 1);
				line.offline = 0;
				sim_count(&line, 5 * MINUTE);
				assert_int_equal(line.offline, 0);
				for (size_t i = 0; i < line.n; i++)
					if (line.want[i].addr == bad)
						assert_int_equal(line.reading[i].reads, 0);
					else if (line.reading[i].reads < 28 ||
					         line.reading[i].worst > 11 * US_S)
						fail_msg("code %u, period %d ms, bad %u: %u read "
						         "%d times, worst %d ms",
						         codes[c], (int)(periods[p] / 1000), bad,
						         line.want[i].addr,
						         (int)line.reading[i].reads,
						         (int)(line.reading[i].worst / 1000));
				sim_end(&line);
			}
}

static void a_good_register_that_turns_bad_comes_back(void **state)
{
	(void)state;
	for (size_t c = 0; c < CODES; c++) {
		sim_blocks(&line, 9600, 5 * US_MS, 13, 1, 1, US_S);
		sim_adopt(&line);
		sim_run(&line, MINUTE);
		sim_bad(1, 4, codes[c]);
		sim_run(&line, MINUTE);
		assert_int_equal(line.aside, 1);
		assert_int_equal(line.aside_span.addr, 4);
		assert_int_equal(line.offline, 0);
		line.device[1].nforbidden = 0;
		sim_run(&line, 2 * MINUTE);
		sim_count(&line, MINUTE);
		assert_int_equal(line.reading[4].reads, 60);
		assert_int_equal(line.requests, 60);
		sim_end(&line);
	}
}

static void two_bad_registers_and_a_bad_hole_are_found(void **state)
{
	(void)state;
	for (size_t c = 0; c < CODES; c++) {
		sim_begin(&line, 9600);
		sim_unit(&line, 1, 5 * US_MS);
		for (uint16_t i = 0; i < 12; i++)
			sim_want(&line, 1, (uint16_t)(i < 6 ? i : i + 3), 1, US_S);
		sim_bad(1, 0, codes[c]);
		sim_bad(1, 7, codes[c]); /* nobody wants it */
		sim_bad(1, 10, codes[c]);
		sim_adopt(&line);
		sim_run(&line, 2 * MINUTE);
		assert_int_equal(line.aside, 2);
		sim_count(&line, 5 * MINUTE);
		for (size_t i = 0; i < line.n; i++)
			if (i == 0 || i == 7)
				assert_int_equal(line.reading[i].reads, 0);
			else
				assert_true(line.reading[i].reads >= 290);
		sim_end(&line);
	}
}

/* It answers to another request, but that is seldom due. */
static void a_unit_with_one_good_register_that_is_seldom_read_does_not_flap(void **state)
{
	(void)state;
	for (size_t c = 0; c < CODES; c++) {
		sim_begin(&line, 9600);
		sim_unit(&line, 1, 5 * US_MS);
		sim_want(&line, 1, 100, 1, 10 * MINUTE);
		sim_want(&line, 1, 3, 1, US_S);
		sim_bad(1, 3, codes[c]);
		sim_adopt(&line);
		sim_run(&line, 30 * MINUTE);
		assert_true(line.offline <= 1);
		assert_true(line.online <= 2);
		assert_int_equal(line.aside, 1);
		sim_end(&line);
	}
}

static void the_search_costs_the_others_little(void **state)
{
	(void)state;
	static const uint8_t silent[] = {0, 5, 6, 11};
	for (size_t c = 0; c < sizeof silent; c++) {
		sim_begin(&line, 9600);
		for (uint8_t unit = 1; unit <= 4; unit++) {
			sim_unit(&line, unit, 5 * US_MS);
			for (uint16_t i = 0; i < 13; i++)
				sim_want(&line, unit, i, 1, 200 * US_MS);
		}
		sim_adopt(&line);
		sim_run(&line, 10 * US_S);
		sim_count(&line, 3 * MINUTE);
		const double before = (double)line.reading[0].reads;
		sim_bad(4, 7, silent[c]);
		sim_count(&line, 3 * MINUTE);
		assert_int_equal(line.aside, 1);
		assert_int_equal(line.offline, 0);
		assert_true((double)line.reading[0].reads >= 0.95 * before);
		assert_true(line.silent_busy <= 3 * MINUTE / 20 + US_S);
		sim_end(&line);
	}
}

static void a_silent_unit_is_not_searched(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_unit(&line, 2, 5 * US_MS);
	for (uint16_t i = 0; i < 100; i++)
		sim_want(&line, 1, (uint16_t)(2 * i), 1, US_S);
	sim_want(&line, 2, 0, 1, US_S);
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	sim_silence(&line, 1, line.now, 10 * MINUTE);
	sim_measure(&line);
	while (!line.offline)
		sim_step(&line, US_NEVER);
	assert_true(line.device[1].timeouts <= 5);
	sim_run(&line, 12 * MINUTE);
	assert_int_equal(line.aside, 0);
	assert_int_equal(line.online, 3);
	sim_count(&line, MINUTE);
	for (size_t i = 0; i < line.n; i++)
		assert_int_equal(line.reading[i].reads, 60);
	sim_end(&line);
}

static void a_busy_unit_is_not_searched(void **state)
{
	(void)state;
	sim_blocks(&line, 9600, 5 * US_MS, 30, 1, 1, US_S);
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	line.device[1].busy_until = line.now + 2 * MINUTE;
	sim_count(&line, 2 * MINUTE);
	assert_int_equal(line.aside, 0);
	assert_true(line.requests <= 10 * 120);
	sim_run(&line, 10 * US_S);
	sim_count(&line, MINUTE);
	assert_int_equal(line.requests, 60);
	sim_end(&line);
}

/* Lost frames look like that, too. */
static bool one_of_ten(struct line_sim *l)
{
	(void)l;
	return below(10) == 0;
}

static void lost_frames_set_nothing_aside(void **state)
{
	(void)state;
	rng = 20261130u;
	sim_busy(&line, 9600, 100 * US_MS);
	for (uint16_t i = 0; i < 13; i++)
		sim_want(&line, 1, (uint16_t)(500 + i), 1, 300 * US_MS);
	sim_adopt(&line);
	line.lost = one_of_ten;
	sim_run(&line, 60 * MINUTE);
	assert_int_equal(line.aside, 0);
	sim_end(&line);
}

static void a_long_read_that_is_ignored_gets_shorter(void **state)
{
	(void)state;
	sim_blocks(&line, 115200, 5 * US_MS, 100, 1, 1, US_S);
	line.device[1].longest = 40;
	line.device[1].mute = true;
	sim_adopt(&line);
	sim_run(&line, 2 * MINUTE);
	sim_count(&line, 10 * MINUTE);
	assert_int_equal(line.aside, 0);
	assert_int_equal(line.device[1].timeouts, 0);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(line.reading[i].reads, 600);
	sim_end(&line);
}

/* A get of a point that nobody polls. */
static void a_demand_of_a_bad_register_ends_and_harms_no_other(void **state)
{
	(void)state;
	for (size_t c = 0; c < CODES; c++) {
		sim_blocks(&line, 9600, 5 * US_MS, 13, 1, 1, US_S);
		line.want[6] = line.want[--line.n];
		sim_bad(1, 6, codes[c]);
		sim_adopt(&line);
		sim_run(&line, MINUTE);
		sim_measure(&line);
		for (unsigned i = 0; i < 10; i++) {
			const struct span bad = {1, TABLE_HOLDING, 6, 1};
			const struct span good = {1, TABLE_HOLDING, 7, 1};
			assert_true(schedule_demand(line.schedule, &bad, line.now));
			assert_true(schedule_demand(line.schedule, &good, line.now));
			sim_run(&line, 10 * US_S);
		}
		assert_int_equal(line.offline, 0);
		assert_true(line.requests <= 100 * 2 + 10 * 20);
		for (size_t i = 0; i < line.n; i++)
			assert_true(line.reading[i].worst <= 2500 * US_MS);
		sim_end(&line);
	}
}

static unsigned loss; /* per cent */

static bool lost_at_random(struct line_sim *l)
{
	(void)l;
	return below(100) < loss;
}

/* What fails again and again there fails by chance: it is no register's fault. */
static void a_line_that_loses_answers_sets_nothing_aside(void **state)
{
	(void)state;
	static const uint16_t steps[] = {1, 5, 300};
	for (loss = 10; loss <= 50; loss += 20)
		for (size_t i = 0; i < 3; i++) {
			rng = loss + (unsigned)i;
			sim_blocks(&line, 9600, 5 * US_MS, 12, steps[i], 1, US_S);
			sim_unit(&line, 2, 5 * US_MS);
			sim_want(&line, 2, 0, 10, US_S);
			sim_adopt(&line);
			line.lost = lost_at_random;
			sim_count(&line, 60 * MINUTE);
			us_t least = line.reading[0].reads;
			for (size_t k = 0; k < line.n; k++)
				least = line.reading[k].reads < least ? line.reading[k].reads
				                                      : least;
			assert_int_equal(line.aside, 0);
			assert_true(least > 100);
			sim_end(&line);
		}
}

/* Two requests, and then those of the first block until that has failed twice more. */
static bool first_block_lost(struct line_sim *l)
{
	const us_t timeouts = l->device[1].timeouts;
	if (l->turn.span.unit != 1)
		return false;
	return timeouts < 2 || (timeouts < 4 && l->turn.span.addr == 0);
}

/* What is waited for because other requests lie before it in a gateway's queue is no cost of its
 * own: after an outage of seconds it would not be asked for for minutes. */
static void a_queue_makes_no_block_rest_for_long(void **state)
{
	(void)state;
	sim_blocks(&line, 9600, 5 * US_MS, 3, 1000, 1, US_S);
	sim_unit(&line, 2, 5 * US_MS);
	sim_want(&line, 2, 0, 1, US_S);
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	line.lost = first_block_lost;
	line.device[1].queued = 4 * US_S;
	sim_measure(&line);
	for (size_t i = 0; i < line.n; i++)
		line.reading[i] = (struct reading){.last = line.now, .reads = 1};
	sim_run(&line, 5 * MINUTE);
	assert_int_equal(line.device[1].timeouts, 4);
	for (size_t i = 0; i < line.n; i++)
		if (line.reading[i].worst > 40 * US_S) /* 4 failures, 2 rests */
			fail_msg("block %zu: not read for %d s", i,
			         (int)(line.reading[i].worst / US_S));
	assert_int_equal(line.aside, 0);
	sim_end(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_bad_register_is_found_and_its_neighbours_are_read),
		cmocka_unit_test(a_good_register_that_turns_bad_comes_back),
		cmocka_unit_test(two_bad_registers_and_a_bad_hole_are_found),
		cmocka_unit_test(a_unit_with_one_good_register_that_is_seldom_read_does_not_flap),
		cmocka_unit_test(the_search_costs_the_others_little),
		cmocka_unit_test(a_silent_unit_is_not_searched),
		cmocka_unit_test(a_busy_unit_is_not_searched),
		cmocka_unit_test(lost_frames_set_nothing_aside),
		cmocka_unit_test(a_long_read_that_is_ignored_gets_shorter),
		cmocka_unit_test(a_demand_of_a_bad_register_ends_and_harms_no_other),
		cmocka_unit_test(a_line_that_loses_answers_sets_nothing_aside),
		cmocka_unit_test(a_queue_makes_no_block_rest_for_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
