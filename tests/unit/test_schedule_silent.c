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

#define SEED 20261121u

static struct line_sim line;
/* -- silent units ------------------------------------------------ */

static void one_silent_unit_of_four_costs_the_others_next_to_nothing(void **state)
{
	(void)state;
	sim_busy(&line, 9600, 100 * US_MS);
	sim_count(&line, MINUTE);
	const double before = (double)MINUTE / (double)line.reading[0].reads;
	const us_t scan = line.reading[0].worst;
	sim_measure(&line);
	sim_silence(&line, 4, line.now, 100 * MINUTE);
	sim_run(&line, 10 * US_S);
	assert_true(sim_worst_without(&line, 4) <= scan + 500 * US_MS);
	assert_int_equal(line.offline, 1);
	assert_int_equal(line.went, 4);
	sim_count(&line, 10 * MINUTE);
	const double after = (double)(10 * MINUTE) / (double)line.reading[0].reads;
	assert_true(after / before <= 0.85);
	assert_true(sim_worst_without(&line, 4) <= scan + 500 * US_MS);
	assert_true(line.silent_busy <= 10 * MINUTE / 20 + US_S);
	assert_true(line.silent_busy >= 10 * MINUTE / 25);
	sim_end(&line);
}

static void offline_is_three_requests_unanswered_over_three_seconds(void **state)
{
	(void)state;
	static const us_t period[] = {100 * US_MS, US_S, 60 * US_S};
	for (int i = 0; i < 3; i++) {
		sim_busy(&line, 9600, period[i]);
		line.n = 6;
		line.nrule = 2;
		sim_adopt(&line);
		sim_run(&line, MINUTE);
		sim_measure(&line);
		line.offline = 0;
		const us_t from = line.now;
		sim_silence(&line, 2, from, 100 * MINUTE);
		const us_t end = from + 2 * MINUTE;
		us_t first = 0;
		while (!line.offline && sim_step(&line, end))
			if (line.device[2].timeouts == 1 && !first)
				first = line.now - 500 * US_MS;
		assert_int_equal(line.offline, 1);
		assert_true(line.device[2].timeouts >= 3 && line.device[2].timeouts <= 5);
		assert_true(line.offline_at - first >= 3 * US_S);
		assert_true(line.offline_at - first <= 6 * US_S);
		sim_end(&line);
	}
}

static void a_unit_that_answers_within_its_time_out_is_not_offline(void **state)
{
	(void)state;
	static const us_t period[] = {100 * US_MS, US_S, 60 * US_S};
	for (int i = 0; i < 3; i++) {
		sim_busy(&line, 9600, period[i]);
		sim_run(&line, 10 * MINUTE);
		assert_int_equal(line.offline, 0);
		line.device[2].turnaround = 400 * US_MS; /* much slower than ever before */
		sim_count(&line, 10 * MINUTE);
		assert_int_equal(line.offline, 0);
		assert_true(line.device[2].timeouts < 3);
		sim_end(&line);
	}
}

static void a_lost_frame_or_two_does_not_take_a_unit_offline(void **state)
{
	(void)state;
	sim_busy(&line, 9600, US_S);
	sim_measure(&line);
	for (int i = 0; i < 50; i++) {
		sim_silence(&line, 3, line.now, 100 * US_MS);
		sim_run(&line, 7 * US_S + 37 * US_MS);
	}
	assert_int_equal(line.offline, 0);
	assert_true(line.device[3].timeouts > 0);
	sim_end(&line);
}

static void a_unit_is_back_within_two_seconds_or_a_probe_at_five_per_cent(void **state)
{
	(void)state;
	for (us_t timeout = 50 * US_MS; timeout <= 800 * US_MS; timeout *= 2) {
		sim_busy(&line, 9600, 100 * US_MS);
		for (size_t i = 0; i < line.nrule; i++)
			line.rule[i].timeout = timeout;
		sim_adopt(&line);
		const us_t cost = wire_read(&line.wire, TABLE_HOLDING, 1, timeout);
		const us_t most = 20 * cost > 2 * US_S ? 20 * cost : 2 * US_S;
		for (unsigned k = 0; k < 7; k++) {
			const us_t away = 20 * US_S + k * 777 * US_MS;
			const us_t from = line.now;
			sim_silence(&line, 2, from, away);
			line.online = 0;
			sim_run(&line, away);
			assert_int_equal(line.online, 0);
			sim_run(&line, most + 3 * line.longest);
			assert_int_equal(line.online, 1);
			sim_run(&line, 5 * US_S);
		}
		assert_false(line.barred);
		sim_end(&line);
	}
}

static void all_it_has_is_read_when_a_unit_is_back(void **state)
{
	(void)state;
	sim_busy(&line, 9600, 60 * US_S);
	sim_silence(&line, 2, line.now, 70 * US_S);
	while (line.online < 5)
		assert_true(sim_step(&line, line.now + 10 * MINUTE));
	sim_count(&line, US_S);
	for (size_t i = 3; i < 6; i++)
		assert_int_equal(line.reading[i].reads, 1);
	sim_end(&line);
}

static void a_command_wakes_a_silent_unit_at_once(void **state)
{
	(void)state;
	sim_busy(&line, 9600, 100 * US_MS);
	sim_silence(&line, 4, line.now, 100 * MINUTE);
	sim_run(&line, MINUTE);
	sim_silence(&line, 4, line.now, 0);
	uint64_t old;
	const struct job j = {.id = 1, .span = {4, TABLE_HOLDING, 0, 1}, .fc = FC_WRITE_REGISTER};
	schedule_submit(line.schedule, &j, line.now, &old);
	line.online = 0;
	const us_t from = line.now;
	sim_step(&line, US_NEVER);
	sim_step(&line, US_NEVER);
	assert_int_equal(line.job_id, 1);
	assert_true(line.job_start - from <= line.longest);
	assert_int_equal(line.online, 1);
	sim_end(&line);
}

static void a_write_only_unit_goes_and_comes_by_its_commands(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 7, 5 * US_MS);
	sim_adopt(&line);
	uint64_t old;
	struct job j = {.span = {7, TABLE_HOLDING, 0, 1}, .fc = FC_WRITE_REGISTER};
	for (j.id = 1; j.id <= 9; j.id++) {
		j.value[0] = (uint16_t)j.id;
		sim_silence(&line, 7, 0, j.id >= 3 && j.id <= 6 ? US_NEVER : 0);
		schedule_submit(line.schedule, &j, line.now, &old);
		sim_run(&line, 2 * US_S);
		assert_int_equal(line.job_id, j.id);
	}
	assert_int_equal(line.requests, 9);
	assert_int_equal(line.online, 2);
	assert_int_equal(line.offline, 1);
	sim_end(&line);
}

static void ten_silent_units_together_cost_five_per_cent_and_all_get_their_turn(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	for (uint8_t unit = 1; unit <= 14; unit++) {
		sim_unit(&line, unit, 5 * US_MS)->timeout = 200 * US_MS;
		for (uint16_t block = 0; block < 3; block++)
			sim_want(&line, unit, (uint16_t)(1000 * block), 10, 100 * US_MS);
		if (unit > 4)
			sim_silence(&line, unit, line.now, 1000 * MINUTE);
	}
	sim_adopt(&line);
	line.measure = true;
	sim_run(&line, MINUTE);
	/* those that never answered are asked twice at once and then by the bucket */
	assert_true(line.silent_busy <= MINUTE / 20 + 10 * 2 * 220 * US_MS);
	assert_int_equal(line.online, 4);
	assert_int_equal(line.offline, 10); /* told, though they never were online */
	sim_count(&line, 30 * MINUTE);
	assert_true(line.silent_busy <= 30 * MINUTE / 20);
	for (uint8_t unit = 5; unit <= 14; unit++)
		assert_true(llabs(line.device[unit].requests - line.device[5].requests) <= 1);
	sim_end(&line);
}

static void when_all_were_silent_the_first_back_brings_the_others_at_once(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	for (uint8_t unit = 1; unit <= 10; unit++) {
		sim_unit(&line, unit, 5 * US_MS);
		sim_want(&line, unit, 0, 10, US_S);
	}
	sim_adopt(&line);
	sim_run(&line, 10 * US_S);
	for (uint8_t unit = 1; unit <= 10; unit++)
		sim_silence(&line, unit, line.now, 10 * MINUTE);
	line.online = 0;
	sim_run(&line, 10 * MINUTE);
	assert_int_equal(line.offline, 10);
	for (uint8_t unit = 3; unit <= 6; unit++)
		sim_silence(&line, unit, line.now,
		            MINUTE); /* these have more than the line in common */
	const us_t back = line.now;
	sim_run(&line, 5 * US_S);
	assert_int_equal(line.online, 6);
	assert_true(line.online_at - back <= 4 * US_S);
	sim_end(&line);
}

static void another_unit_goes_before_the_second_try(void **state)
{
	(void)state;
	sim_busy(&line, 9600, 100 * US_MS);
	while (line.last_span.unit != 2)
		sim_step(&line, US_NEVER);
	sim_silence(&line, 2, line.now, 40 * US_MS);
	while (!line.device[2].timeouts)
		sim_step(&line, US_NEVER);
	sim_step(&line, US_NEVER);
	assert_int_not_equal(line.last_span.unit, 2);
	sim_end(&line);
}

static void on_a_slow_scan_one_silent_unit_costs_one_time_out_a_scan(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	for (uint8_t unit = 1; unit <= 12; unit++) {
		struct unit_rule *r = sim_unit(&line, unit, 60 * US_MS);
		r->timeout = 240 * US_MS;
		r->retries = 0;
		for (uint16_t block = 0; block < 3; block++)
			sim_want(&line, unit, (uint16_t)(1000 * block), 10, 100 * US_MS);
	}
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	sim_count(&line, MINUTE);
	const us_t scan = line.reading[0].worst;
	assert_true(scan > 3 * US_S);
	sim_measure(&line);
	sim_silence(&line, 4, line.now, 100 * MINUTE);
	line.offline = 0;
	while (!line.offline)
		sim_step(&line, US_NEVER);
	assert_true(line.device[4].timeouts >= 3);
	sim_run(&line, 3 * scan);
	assert_true(sim_worst_without(&line, 4) <= scan + 300 * US_MS);
	sim_end(&line);
}

static void a_port_that_comes_back_is_polled_at_once_and_all_units_are_reported_anew(void **state)
{
	(void)state;
	sim_busy(&line, 9600, 60 * US_S);
	schedule_port_lost(line.schedule, line.now);
	struct unit_figures f;
	schedule_unit(line.schedule, 1, &f);
	assert_false(f.online);
	schedule_next(line.schedule, line.now, &line.turn);
	assert_int_equal(line.turn.kind, TURN_SLEEP);
	assert_true(line.turn.until == US_NEVER);
	assert_false(
		schedule_demand(line.schedule, &(struct span){1, TABLE_HOLDING, 0, 1}, line.now));
	line.now += 10 * US_S;
	schedule_port_back(line.schedule, line.now);
	line.online = 0;
	sim_count(&line, US_S);
	assert_int_equal(line.online, 4);
	assert_int_equal(line.requests, 12);
	sim_end(&line);
}

/* -- a spoilt line ----------------------------------------------- */

static bool lose_some(struct line_sim *l)
{
	(void)l;
	return below(50) == 0;
}

static void no_read_is_sent_whose_answer_could_be_mistaken(void **state)
{
	(void)state;
	rng = SEED;
	for (int round = 0; round < 20; round++) {
		sim_begin(&line, 9600);
		line.lost = lose_some;
		for (uint8_t unit = 1; unit <= 4; unit++) {
			sim_unit(&line, unit, 5 * US_MS);
			for (uint16_t i = 0; i < 8; i++)
				sim_want(&line, unit, (uint16_t)below(200),
				         (uint16_t)(1 + below(4)),
				         (us_t)(1 + below(5)) * 500 * US_MS);
		}
		const uint32_t seed = rng;
		sim_adopt(&line);
		sim_run(&line, 10 * MINUTE);
		if (line.barred || line.offline)
			fail_msg("seed %u: barred %d, offline %d", seed, line.barred,
			         (int)line.offline);
		sim_end(&line);
	}
}

static void of_a_unit_with_one_register_one_more_is_read(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 100, 1, US_S);
	sim_adopt(&line);
	sim_run(&line, 5 * US_S);
	sim_silence(&line, 1, line.now, US_S);
	while (!line.device[1].timeouts)
		sim_step(&line, US_NEVER);
	schedule_next(line.schedule, line.now, &line.turn);
	if (line.turn.kind == TURN_SLEEP)
		schedule_next(line.schedule, line.now = line.turn.until, &line.turn);
	assert_int_equal(line.turn.span.addr, 100);
	assert_int_equal(line.turn.span.count, 2);
	assert_false(line.turn.second);
	line.rule[0].max_hole =
		0; /* nothing else may be asked for: the exchange must prove the step */
	sim_adopt(&line);
	schedule_next(line.schedule, line.now, &line.turn);
	assert_int_equal(line.turn.span.count, 1);
	assert_true(line.turn.second);
	sim_end(&line);
}

/* The next turn of unit 1 after one of its requests was lost. */
static struct turn after_a_loss(void)
{
	sim_adopt(&line);
	sim_run(&line, 5 * US_S);
	sim_silence(&line, 1, line.now, US_S);
	while (!line.device[1].timeouts)
		sim_step(&line, US_NEVER);
	schedule_next(line.schedule, line.now, &line.turn);
	while (line.turn.kind == TURN_SLEEP)
		schedule_next(line.schedule, line.now = line.turn.until, &line.turn);
	return line.turn;
}

static void after_a_loss_another_block_that_is_due_goes_first(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 100, 2, US_S);
	sim_want(&line, 1, 500, 4, US_S);
	const struct turn t = after_a_loss();
	assert_int_equal(t.span.addr, 500);
	assert_int_equal(t.span.count, 4);
	sim_end(&line);
}

static void after_a_loss_a_block_goes_without_its_last_want(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	for (uint16_t i = 0; i < 3; i++)
		sim_want(&line, 1, (uint16_t)(100 + 4 * i), 4, US_S);
	const struct turn t = after_a_loss();
	assert_int_equal(t.span.addr, 100);
	assert_int_equal(t.span.count, 8);
	sim_end(&line);
}

static void after_a_loss_cells_that_others_want_make_a_block_longer(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS)->max_hole = 0;
	sim_want(&line, 1, 100, 1, US_S);
	sim_want(&line, 1, 101, 1, 3600 * US_S);
	const struct turn t = after_a_loss();
	assert_int_equal(t.span.addr, 100);
	assert_int_equal(t.span.count, 2);
	sim_end(&line);
}

static void a_longer_read_that_is_refused_is_not_tried_again(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 100, 1, US_S);
	struct turn t = after_a_loss();
	assert_int_equal(t.span.count, 2);
	struct effects e;
	peer_in_step(t.peer, line.now, 0);
	schedule_done(line.schedule, &t, OUT_REFUSED, 2, 5 * US_MS, 20 * US_MS,
	              line.now += 20 * US_MS, &e);
	assert_false(e.aside);
	sim_silence(&line, 1, 0, 0);
	sim_run(&line, MINUTE);
	assert_int_equal(line.aside, 0);
	line.device[1].timeouts = 0;
	sim_silence(&line, 1, line.now, 2 * US_S);
	while (!line.device[1].timeouts)
		sim_step(&line, US_NEVER);
	schedule_next(line.schedule, line.now, &line.turn);
	while (line.turn.kind == TURN_SLEEP)
		schedule_next(line.schedule, line.now = line.turn.until, &line.turn);
	assert_int_equal(line.turn.span.count, 1);
	sim_end(&line);
}

/* Its neighbours are quick, and far away: they are read on their own. */
static void a_slow_register_on_a_quick_unit_is_read(void **state)
{
	(void)state;
	static const us_t row[][2] = {/* it answers after, time-out */
	                              {400 * US_MS, 500 * US_MS},
	                              {700 * US_MS, US_S},
	                              {900 * US_MS, US_S},
	                              {60 * US_MS, 500 * US_MS}};
	static const uint32_t baud[] = {9600, 0};
	for (size_t i = 0; i < 2 * sizeof row / sizeof *row; i++) {
		sim_blocks(&line, baud[i % 2], 5 * US_MS, 4, 1000, 10, 500 * US_MS);
		line.rule[0].timeout = row[i / 2][1];
		line.device[1].slow = row[i / 2][0];
		line.device[1].slow_addr = 1003;
		line.want[1].period = 5 * US_S;
		sim_adopt(&line);
		sim_count(&line, 2 * MINUTE);
		assert_true(line.reading[1].reads >= 20);
		assert_true(line.device[1].timeouts <= 4);
		assert_int_equal(line.offline, 0);
		sim_count(&line, 10 * MINUTE); /* for good */
		assert_int_equal(line.device[1].timeouts, 0);
		sim_end(&line);
	}
}

/* A read lost now and then, or an outage, teaches nothing. */
static void a_lost_answer_makes_no_time_out_longer_for_good(void **state)
{
	(void)state;
	sim_blocks(&line, 9600, 5 * US_MS, 4, 1000, 10, 500 * US_MS);
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	sim_silence(&line, 1, line.now, 10 * US_S);
	sim_run(&line, MINUTE);
	assert_true(line.device[1].timeouts > 3);
	sim_measure(&line);
	sim_silence(&line, 1, line.now, 60 * US_MS);
	sim_run(&line, 5 * US_S);
	assert_in_range(line.device[1].timeouts, 1, 2);
	assert_true(line.silent_busy <= 250 * US_MS);
	sim_end(&line);
}

static void a_unit_that_answers_proofs_is_not_offline(void **state)
{
	(void)state;
	for (int proves = 0; proves < 2; proves++) {
		sim_blocks(&line, 9600, 5 * US_MS, 4, 1000, 10, 500 * US_MS);
		line.device[1].proves = proves;
		sim_adopt(&line);
		sim_run(&line, MINUTE);
		sim_silence(&line, 1, line.now, MINUTE);
		sim_run(&line, MINUTE);
		assert_int_equal(line.offline, !proves);
		sim_run(&line, 10 * US_S);
		assert_int_equal(line.online, proves ? 1 : 2);
		sim_end(&line);
	}
}

static bool every_second(struct line_sim *l)
{
	return l->requests % 2 == 0;
}

/* A converter that forgets every second request: with two units in turns it was always the same.
 * What is passed over meanwhile is no overload. */
static void every_second_request_of_a_line_unanswered_starves_no_unit(void **state)
{
	(void)state;
	static const us_t periods[] = {PERIOD_FASTEST, 200 * US_MS, US_S, 2 * US_S};
	for (uint8_t units = 1; units <= 4; units++)
		for (size_t p = 0; p < 4; p++) {
			sim_begin(&line, 9600);
			for (uint8_t u = 1; u <= units; u++) {
				sim_unit(&line, u, 5 * US_MS);
				sim_want(&line, u, 0, 10, periods[p]);
			}
			line.lost = every_second;
			sim_adopt(&line);
			sim_run(&line, MINUTE);
			sim_count(&line, 5 * MINUTE);
			for (size_t i = 0; i < line.n; i++) {
				assert_true(line.reading[i].reads >= 140);
				assert_true(line.reading[i].worst < 5 * US_S);
			}
			struct unit_figures f;
			for (uint8_t u = 1; u <= units && periods[p] == US_S; u++) {
				assert_true(schedule_unit(line.schedule, u, &f));
				assert_true(f.missed <= 3);
			}
			sim_end(&line);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_unit_that_answers_proofs_is_not_offline),
		cmocka_unit_test(a_slow_register_on_a_quick_unit_is_read),
		cmocka_unit_test(a_lost_answer_makes_no_time_out_longer_for_good),
		cmocka_unit_test(one_silent_unit_of_four_costs_the_others_next_to_nothing),
		cmocka_unit_test(offline_is_three_requests_unanswered_over_three_seconds),
		cmocka_unit_test(a_unit_that_answers_within_its_time_out_is_not_offline),
		cmocka_unit_test(a_lost_frame_or_two_does_not_take_a_unit_offline),
		cmocka_unit_test(a_unit_is_back_within_two_seconds_or_a_probe_at_five_per_cent),
		cmocka_unit_test(all_it_has_is_read_when_a_unit_is_back),
		cmocka_unit_test(a_command_wakes_a_silent_unit_at_once),
		cmocka_unit_test(a_write_only_unit_goes_and_comes_by_its_commands),
		cmocka_unit_test(
			ten_silent_units_together_cost_five_per_cent_and_all_get_their_turn),
		cmocka_unit_test(when_all_were_silent_the_first_back_brings_the_others_at_once),
		cmocka_unit_test(
			a_port_that_comes_back_is_polled_at_once_and_all_units_are_reported_anew),
		cmocka_unit_test(no_read_is_sent_whose_answer_could_be_mistaken),
		cmocka_unit_test(of_a_unit_with_one_register_one_more_is_read),
		cmocka_unit_test(another_unit_goes_before_the_second_try),
		cmocka_unit_test(on_a_slow_scan_one_silent_unit_costs_one_time_out_a_scan),
		cmocka_unit_test(after_a_loss_another_block_that_is_due_goes_first),
		cmocka_unit_test(after_a_loss_a_block_goes_without_its_last_want),
		cmocka_unit_test(after_a_loss_cells_that_others_want_make_a_block_longer),
		cmocka_unit_test(a_longer_read_that_is_refused_is_not_tried_again),
		cmocka_unit_test(every_second_request_of_a_line_unanswered_starves_no_unit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
