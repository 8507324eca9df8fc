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
/* -- refused ----------------------------------------------------- */

static void the_failing_register_is_found_and_the_rest_goes_on(void **state)
{
	(void)state;
	sim_blocks(&line, 9600, 5 * US_MS, 16, 1, 1, US_S);
	sim_refuse(&line, 1, 11);
	sim_adopt(&line);
	sim_count(&line, US_S);
	assert_int_equal(line.aside, 1);
	assert_int_equal(line.aside_span.addr, 11);
	struct unit_figures f;
	schedule_unit(line.schedule, 1, &f);
	assert_true(f.exceptions <= 2 + 4 + 1); /* to be sure, halving 16, to be sure */
	assert_int_equal(line.aside_span.count, 1);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(line.reading[i].reads, i != 11);
	sim_run(&line, 10 * US_S);
	sim_count(&line, 5 * MINUTE);
	assert_in_range(line.requests, 2 * 300, 2 * 300 + 6); /* 0 to 10 and 12 to 15 */
	schedule_unit(line.schedule, 1, &f);
	const uint32_t refusals = f.exceptions;
	sim_run(&line, 20 * 60 * MINUTE);
	assert_int_equal(line.aside, 1); /* told once, tried rarely */
	schedule_unit(line.schedule, 1, &f);
	assert_in_range(f.exceptions - refusals, 6, 9);
	line.device[1].nforbidden = 0;
	sim_run(&line, 6 * 60 * MINUTE);
	sim_count(&line, MINUTE);
	assert_int_equal(line.requests, 60);
	assert_int_equal(line.reading[11].reads, 60);
	assert_int_equal(line.offline, 0);
	sim_end(&line);
}

static void a_forbidden_hole_is_learned_and_nothing_set_aside(void **state)
{
	(void)state;
	for (uint16_t forbidden = 2; forbidden < 30; forbidden += 4) {
		sim_blocks(&line, 9600, 5 * US_MS, 8, 4, 2, US_S);
		sim_refuse(&line, 1, forbidden);
		sim_adopt(&line);
		sim_run(&line, 10 * US_S);
		sim_count(&line, MINUTE);
		assert_int_equal(line.aside, 0);
		assert_int_equal(line.requests,
		                 120); /* one hole is cut, the others are still bridged */
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(line.reading[i].reads, 60);
		sim_adopt(&line); /* what is learnt survives */
		sim_count(&line, MINUTE);
		assert_int_equal(line.requests, 120);
		sim_end(&line);
	}
}

static void
a_learnt_culprit_survives_a_reload_and_is_not_bridged_when_no_longer_wanted(void **state)
{
	(void)state;
	sim_blocks(&line, 9600, 5 * US_MS, 5, 2, 2, US_S);
	sim_refuse(&line, 1, 5);
	sim_adopt(&line);
	sim_run(&line, 10 * US_S);
	assert_int_equal(line.aside, 1);
	sim_adopt(&line);
	sim_count(&line, MINUTE);
	assert_in_range(line.requests, 120, 123);
	line.want[2] = line.want[4];
	line.n = 4;
	sim_adopt(&line);
	sim_count(&line, MINUTE);
	assert_int_equal(line.requests, 120);
	sim_end(&line);
}

/* As some devices do while they boot. */
static void what_was_read_before_is_tried_again_soon(void **state)
{
	(void)state;
	for (uint8_t exception = 2; exception <= 4; exception += 2) {
		sim_blocks(&line, 9600, 5 * US_MS, 4, 1, 100, 300 * US_MS);
		sim_adopt(&line);
		sim_run(&line, 10 * US_S);
		for (size_t i = 0; i < 4; i++)
			sim_refuse(&line, 1, line.want[i].addr);
		line.device[1].exception = exception;
		sim_run(&line, 15 * US_S);
		line.device[1].nforbidden = 0;
		sim_run(&line, 20 * US_S); /* the longest pause of any so far */
		sim_count(&line, 30 * US_S);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(line.reading[i].reads, 100);
		sim_end(&line);
	}
}

static void a_device_that_refuses_everything_is_still_probed(void **state)
{
	(void)state;
	sim_blocks(&line, 9600, 5 * US_MS, 4, 1, 100, 300 * US_MS);
	for (size_t i = 0; i < 4; i++)
		sim_refuse(&line, 1, line.want[i].addr);
	sim_adopt(&line);
	sim_run(&line, 60 * MINUTE);
	assert_int_equal(line.offline, 0);
	line.device[1].silent_from = line.now;
	line.device[1].silent_until = US_NEVER;
	sim_count(&line, 2 * MINUTE);
	assert_int_equal(line.offline, 1);
	sim_end(&line);
}

static void a_device_that_refuses_long_reads_gets_shorter_ones(void **state)
{
	(void)state;
	sim_blocks(&line, 115200, 5 * US_MS, 100, 1, 1, US_S);
	line.device[1].longest = 40;
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	struct unit_figures before, after;
	schedule_unit(line.schedule, 1, &before);
	sim_count(&line, 10 * MINUTE);
	schedule_unit(line.schedule, 1, &after);
	assert_int_equal(line.aside, 0);
	assert_int_equal(after.exceptions, before.exceptions);
	assert_true(line.requests <= 4 * 600);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(line.reading[i].reads, 600);
	sim_end(&line);
}

static void random_forbidden_addresses_never_stop_the_rest(void **state)
{
	(void)state;
	rng = SEED;
	for (int round = 0; round < 150; round++) {
		const uint32_t seed = rng;
		sim_begin(&line, 19200);
		sim_unit(&line, 1, 5 * US_MS);
		const unsigned n = 1 + below(40);
		for (unsigned i = 0; i < n; i++)
			sim_want(&line, 1, (uint16_t)below(150), (uint16_t)(1 + below(4)),
			         (us_t)(1 + below(3)) * 2 * US_S);
		struct device *d = &line.device[1];
		d->nforbidden = (uint8_t)below(FORBIDDEN);
		for (int i = 0; i < d->nforbidden; i++)
			d->forbidden[i] = (uint16_t)below(150);
		sim_adopt(&line);
		sim_run(&line, 5 * MINUTE);
		sim_count(&line, 5 * MINUTE);
		for (size_t i = 0; i < line.n; i++) {
			bool bad = false;
			for (int k = 0; k < d->nforbidden; k++)
				bad |= d->forbidden[k] >= line.want[i].addr &&
				       d->forbidden[k] < line.want[i].addr + line.want[i].len;
			const bool ok =
				bad ? line.reading[i].reads == 0
				    : line.reading[i].reads >= 5 * MINUTE / line.want[i].period - 1;
			if (!ok)
				fail_msg("seed %u: want %zu (%u, %u) bad %d, %d reads", seed, i,
				         line.want[i].addr, line.want[i].len, bad,
				         (int)line.reading[i].reads);
		}
		sim_end(&line);
	}
}

static void a_passing_refusal_sets_nothing_aside(void **state)
{
	(void)state;
	sim_busy(&line, 9600, US_S);
	line.device[1].exception = 2;
	line.device[1].forbidden[0] = 3;
	line.device[1].nforbidden = 1;
	while (line.last_span.unit != 1)
		sim_step(&line, US_NEVER);
	line.device[1].nforbidden = 0;
	sim_run(&line, MINUTE);
	sim_count(&line, MINUTE);
	assert_int_equal(line.aside, 0);
	assert_int_equal(line.requests, 12 * 60);
	sim_end(&line);
}

static void a_busy_device_is_read_again_later_and_counts_as_online(void **state)
{
	(void)state;
	sim_busy(&line, 9600, US_S);
	sim_run(&line, US_S - line.now % US_S - 10 * US_MS);
	line.device[2].busy_until = line.now + 250 * US_MS;
	sim_count(&line, 3 * US_S);
	assert_true(line.device[2].requests <= 12);
	line.device[2].busy_until = line.now + 20 * US_S;
	sim_count(&line, 20 * US_S);
	assert_int_equal(line.offline, 0);
	assert_int_equal(line.aside, 0);
	assert_true(line.device[2].requests <= 20 * 9);
	assert_true(sim_worst_without(&line, 2) <= US_S * 105 / 100 + line.longest);
	sim_run(&line, 2 * US_S);
	sim_count(&line, 10 * US_S);
	assert_int_equal(line.requests, 120);
	sim_end(&line);
}

/* It was still starting when they were asked for first. */
static void values_read_seldom_do_not_wait_for_their_next_period(void **state)
{
	(void)state;
	for (uint8_t exception = 4; exception <= 6; exception += 2) {
		sim_begin(&line, 9600);
		sim_unit(&line, 3, 5 * US_MS);
		sim_want(&line, 3, 0, 10, US_S);
		sim_want(&line, 3, 1000, 10, 10 * MINUTE);
		sim_adopt(&line);
		struct device *d = &line.device[3];
		d->exception = exception;
		d->forbidden[d->nforbidden++] = 1000;
		sim_run(&line, 2 * US_S);
		d->nforbidden = 0;
		sim_count(&line, 20 * US_S);
		assert_int_equal(d->requests, 20 + 1);
		sim_count(&line, 20 * US_S);
		assert_int_equal(d->requests, 20);
		sim_end(&line);
	}
}

static void a_failing_device_is_not_hammered(void **state)
{
	(void)state;
	sim_busy(&line, 9600, US_S);
	struct device *d = &line.device[3];
	d->exception = 4;
	d->forbidden[d->nforbidden++] = 0;
	d->forbidden[d->nforbidden++] = 1000;
	d->forbidden[d->nforbidden++] = 2000;
	sim_run(&line, 10 * US_S);
	sim_count(&line, MINUTE);
	assert_true(d->requests <= 180);
	assert_int_equal(line.offline, 0);
	sim_end(&line);
}

static void a_gateway_that_reaches_no_unit_counts_as_silence(void **state)
{
	(void)state;
	sim_busy(&line, 9600, US_S);
	struct device *d = &line.device[3];
	d->exception = 11;
	d->forbidden[d->nforbidden++] = 0;
	d->forbidden[d->nforbidden++] = 1000;
	d->forbidden[d->nforbidden++] = 2000;
	sim_run(&line, 10 * US_S);
	assert_int_equal(line.offline, 1);
	assert_int_equal(line.aside, 0);
	sim_end(&line);
}

static void another_device_behind_the_id_starts_unsuspected(void **state)
{
	(void)state;
	sim_blocks(&line, 9600, 5 * US_MS, 16, 1, 1, US_S);
	sim_refuse(&line, 1, 11);
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	assert_int_equal(line.aside, 1);
	line.device[1].nforbidden = 0;
	schedule_forget(line.schedule, 1, line.now);
	sim_run(&line, US_S);
	sim_count(&line, MINUTE);
	assert_int_equal(line.requests, 60);
	assert_int_equal(line.reading[11].reads, 60);
	sim_end(&line);
}

static void suspects_are_not_bridged_while_the_search_goes_on(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 40 * US_MS);
	for (uint16_t i = 0; i < 16; i++)
		sim_want(&line, 1, (uint16_t)(2 * i), 2, i % 8 == 3 ? 20 * US_MS : 60 * US_S);
	sim_refuse(&line, 1, 18);
	sim_adopt(&line);
	sim_run(&line, 4 * US_S);
	assert_int_equal(line.aside, 1);
	assert_int_equal(line.aside_span.addr, 18);
	struct unit_figures f;
	schedule_unit(line.schedule, 1, &f);
	assert_true(f.exceptions <= 2 + 4 + 1);
	sim_end(&line);
}

static void one_odd_exception_neither_splits_nor_repeats(void **state)
{
	(void)state;
	sim_blocks(&line, 9600, 5 * US_MS, 4, 1, 1, US_S);
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	line.device[1].exception = 4;
	sim_refuse(&line, 1, 2);
	sim_count(&line, 2 * US_S);
	assert_int_equal(line.requests, 2);
	assert_int_equal(line.last_span.count, 4);
	line.device[1].nforbidden = 0;
	sim_count(&line, MINUTE);
	assert_int_equal(line.requests, 60);
	sim_end(&line);
}

/* The exchange vouches for it. What it had to send for that may leave answers over, for ever. */
static void a_refusal_is_accepted_whatever_is_unanswered(void **state)
{
	(void)state;
	unsigned aside = 0;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 0, 2, US_S);
	sim_adopt(&line);
	for (int i = 0; i < 3; i++) {
		struct effects e;
		do
			schedule_next(line.schedule, line.now, &line.turn);
		while (line.turn.kind == TURN_SLEEP && (line.now = line.turn.until));
		peer_unanswered(line.turn.peer, &(struct signature){3, 200, 0, 0}, line.now, 0);
		schedule_done(line.schedule, &line.turn, OUT_REFUSED, 2, 5 * US_MS, 20 * US_MS,
		              line.now += 20 * US_MS, &e);
		aside += e.aside;
	}
	assert_int_equal(aside, 1);
	sim_end(&line);
}

static void a_failing_register_that_was_found_changes_no_length(void **state)
{
	(void)state;
	sim_blocks(&line, 9600, 5 * US_MS, 16, 1, 1, US_S);
	line.device[1].forbidden[0] = 11;
	line.device[1].nforbidden = 1;
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	line.device[1].nforbidden = 0;
	sim_run(&line, 20 * MINUTE); /* it is tried again and wanted as before */
	line.device[1].nforbidden = 1;
	while (line.turn.kind != TURN_READ || !sim_refuses(&line, &line.device[1], &line.last_span))
		sim_step(&line, US_NEVER);
	line.device[1].nforbidden = 0;
	sim_run(&line, MINUTE);
	sim_count(&line, MINUTE);
	assert_int_equal(line.requests, 60);
	sim_end(&line);
}

/* While it starts up, or saves its settings. */
static void a_device_that_refuses_everything_for_a_moment_is_soon_read_again(void **state)
{
	(void)state;
	const struct {
		uint8_t exception;
		us_t time;
	} spell[] = {{2, US_S}, {4, 3 * US_S}, {2, 20 * US_S}};
	for (size_t i = 0; i < sizeof spell / sizeof *spell; i++) {
		sim_begin(&line, 9600);
		sim_unit(&line, 1, 5 * US_MS);
		sim_want(&line, 1, 1, 1, 300 * US_MS);
		sim_want(&line, 1, 1000, 1, 300 * US_MS);
		sim_want(&line, 1, 2000, 1, 60 * US_S);
		sim_adopt(&line);
		sim_run(&line, 10 * US_S);
		line.device[1].exception = spell[i].exception;
		sim_refuse(&line, 1, 1);
		sim_refuse(&line, 1, 1000);
		sim_refuse(&line, 1, 2000);
		sim_run(&line, spell[i].time);
		line.device[1].nforbidden = 0;
		sim_run(&line, 10 * US_S + spell[i].time);
		sim_count(&line, 2 * MINUTE);
		assert_true(line.reading[0].reads >= 399);
		assert_true(line.reading[1].reads >= 399);
		assert_int_equal(line.reading[2].reads, 2);
		assert_int_equal(line.offline, 0);
		sim_end(&line);
	}
}

static void a_unit_that_refuses_everything_and_falls_silent_is_offline(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	for (uint16_t i = 0; i < FORBIDDEN; i++) {
		sim_want(&line, 1, (uint16_t)(100 * i), 1, US_S);
		sim_refuse(&line, 1, (uint16_t)(100 * i));
	}
	sim_adopt(&line);
	sim_run(&line, 15 * MINUTE);
	sim_count(&line, MINUTE);
	assert_in_range(line.requests, 5, 13); /* one of them is asked now and then: is it there? */
	sim_silence(&line, 1, line.now, 10 * MINUTE);
	sim_run(&line, 20 * US_S);
	assert_int_equal(line.offline, 1);
	sim_end(&line);
}

/* Turns of no cells would be taken for ever, before all polls. */
static void a_silent_unit_whose_wants_are_all_aside_is_probed_at_one_of_them(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	for (uint8_t unit = 1; unit <= 2; unit++) {
		sim_unit(&line, unit, 5 * US_MS);
		sim_want(&line, unit, 100, 1, US_S);
	}
	sim_refuse(&line, 1, 100);
	sim_adopt(&line);
	sim_run(&line, MINUTE);
	sim_silence(&line, 1, line.now, 100 * MINUTE);
	sim_measure(&line);
	const us_t end = line.now + 60 * MINUTE;
	while (sim_step(&line, end))
		assert_true(line.turn.kind == TURN_SLEEP || line.turn.span.count > 0);
	assert_true(line.device[1].requests > 60);
	assert_true(line.reading[1].reads >= 3590);
	line.device[1].silent_until = line.now;
	sim_run(&line, 5 * MINUTE);
	assert_int_equal(line.came, 1); /* a refusal proves it alive */
	sim_end(&line);
}

static void a_barrier_is_never_read_with_others(void **state)
{
	(void)state;
	sim_blocks(&line, 9600, 5 * US_MS, 3, 1, 1, US_S);
	line.want[1].barrier = true;
	line.want[1].period = MINUTE;
	sim_adopt(&line);
	const us_t end = line.now + 10 * MINUTE;
	while (sim_step(&line, end)) {
		const struct span *s = &line.last_span;
		assert_true(s->count == 1 || s->addr > 1 || s->addr + s->count < 2);
	}
	sim_end(&line);
}

static void a_learned_length_of_bits_holds(void **state)
{
	(void)state;
	for (uint16_t most = 1; most <= 64; most = (uint16_t)(most + 7)) {
		sim_blocks(&line, 9600, 5 * US_MS, 40, 1, 1, US_S);
		for (size_t i = 0; i < line.n; i++)
			line.want[i].table = TABLE_COIL;
		line.device[1].longest = most;
		sim_adopt(&line);
		sim_run(&line, 10 * MINUTE);
		struct unit_figures before, after;
		schedule_unit(line.schedule, 1, &before);
		sim_run(&line, 10 * MINUTE);
		schedule_unit(line.schedule, 1, &after);
		assert_int_equal(after.exceptions, before.exceptions);
		sim_end(&line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_read_before_is_tried_again_soon),
		cmocka_unit_test(a_device_that_refuses_everything_is_still_probed),
		cmocka_unit_test(the_failing_register_is_found_and_the_rest_goes_on),
		cmocka_unit_test(a_forbidden_hole_is_learned_and_nothing_set_aside),
		cmocka_unit_test(
			a_learnt_culprit_survives_a_reload_and_is_not_bridged_when_no_longer_wanted),
		cmocka_unit_test(a_device_that_refuses_long_reads_gets_shorter_ones),
		cmocka_unit_test(random_forbidden_addresses_never_stop_the_rest),
		cmocka_unit_test(a_passing_refusal_sets_nothing_aside),
		cmocka_unit_test(a_busy_device_is_read_again_later_and_counts_as_online),
		cmocka_unit_test(values_read_seldom_do_not_wait_for_their_next_period),
		cmocka_unit_test(a_failing_device_is_not_hammered),
		cmocka_unit_test(a_gateway_that_reaches_no_unit_counts_as_silence),
		cmocka_unit_test(another_device_behind_the_id_starts_unsuspected),
		cmocka_unit_test(suspects_are_not_bridged_while_the_search_goes_on),
		cmocka_unit_test(one_odd_exception_neither_splits_nor_repeats),
		cmocka_unit_test(a_refusal_is_accepted_whatever_is_unanswered),
		cmocka_unit_test(a_failing_register_that_was_found_changes_no_length),
		cmocka_unit_test(a_device_that_refuses_everything_for_a_moment_is_soon_read_again),
		cmocka_unit_test(a_unit_that_refuses_everything_and_falls_silent_is_offline),
		cmocka_unit_test(a_silent_unit_whose_wants_are_all_aside_is_probed_at_one_of_them),
		cmocka_unit_test(a_barrier_is_never_read_with_others),
		cmocka_unit_test(a_learned_length_of_bits_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
