// SPDX-License-Identifier: MIT
/* Ad-hoc requests on a line in virtual time: what the control socket asks for shows nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"
#include "schedule_line.h"

static struct line_sim line;
static us_t went, widest, adhoc_time;
static uint64_t next_id;

static struct job adhoc_job(uint8_t unit)
{
	return (struct job){
		.id = ++next_id,
		.adhoc = true,
		.span = {.unit = unit},
		.raw = {FC_READ_HOLDING, 0, 0, 0, 2},
		.raw_len = 5,
		.raw_answer = 6,
		.expires = line.now + 10 * US_S,
	};
}

static enum submitted submit(const struct job *j)
{
	uint64_t old;
	return schedule_submit(line.schedule, j, line.now, &old);
}

static void noted(struct line_sim *l, const struct job *j)
{
	if (!j->adhoc)
		return;
	if (went && l->now - went > widest)
		widest = l->now - went;
	went = l->now;
}

/* As many ad-hoc requests as it takes; their own time is kept. */
static void run_with_adhoc(us_t time, uint8_t unit)
{
	const us_t end = line.now + time;
	went = widest = adhoc_time = 0;
	line.on_job = noted;
	for (uint64_t id;;) {
		while (schedule_expired(line.schedule, line.now, &id))
			;
		const struct job j = adhoc_job(unit ? unit : (uint8_t)(100 + next_id % 100));
		submit(&j);
		const us_t start = line.now;
		if (!sim_step(&line, end))
			break;
		if (line.turn.kind == TURN_JOB)
			adhoc_time += line.now - start;
	}
}

static void drop_adhoc(void)
{
	uint64_t id;
	while (schedule_cancel(line.schedule, 0, &id))
		;
}

/* 70 % of the line in reads of one period each. */
static void seven_tenths(void)
{
	sim_begin(&line, 9600);
	for (uint8_t unit = 1; unit <= 4; unit++) {
		sim_unit(&line, unit, 5 * US_MS);
		for (unsigned i = 0; i < 2; i++)
			sim_want(&line, unit, (uint16_t)(i * 200), 10, 500 * US_MS);
	}
	sim_adopt(&line);
	sim_run(&line, 10 * US_S);
	sim_measure(&line);
}

static void adhoc_requests_make_no_due_read_late(void **state)
{
	(void)state;
	seven_tenths();
	sim_count(&line, 60 * US_S);
	assert_in_range(line.busy, 35 * US_S, 48 * US_S);
	us_t before = 0;
	for (size_t i = 0; i < line.n; i++)
		before = line.reading[i].worst > before ? line.reading[i].worst : before;
	sim_measure(&line);
	run_with_adhoc(60 * US_S, 1);
	const struct adhoc_figures f = schedule_adhoc(line.schedule);
	assert_true(f.requests >= 4 * 60);
	assert_true(widest <= 250 * US_MS);
	for (size_t i = 0; i < line.n; i++) {
		if (line.reading[i].worst > 550 * US_MS)
			fail_msg("want %zu: gap %d ms, without ad-hoc requests %d ms", i,
			         (int)(line.reading[i].worst / US_MS), (int)(before / US_MS));
		assert_true(line.reading[i].reads >= 118);
	}
	drop_adhoc();
	sim_end(&line);
}

static void a_full_line_has_a_place_for_one_every_250_ms(void **state)
{
	(void)state;
	sim_busy(&line, 9600, 100 * US_MS);
	sim_measure(&line);
	run_with_adhoc(60 * US_S, 2);
	assert_true(schedule_adhoc(line.schedule).requests >= 4 * 60);
	assert_true(widest <= 250 * US_MS);
	assert_true(adhoc_time <= 12 * US_S);
	assert_int_equal(schedule_adhoc(line.schedule).busy, adhoc_time);
	drop_adhoc();
	sim_end(&line);
}

static void adhoc_requests_have_a_fifth_of_the_line_at_most(void **state)
{
	(void)state;
	/* nobody answers them: each costs its whole timeout, on an idle line and on a full one */
	for (int full = 0; full < 2; full++) {
		sim_busy(&line, 9600, full ? 100 * US_MS : 3600 * US_S);
		for (int unit = 100; unit < 200; unit++)
			line.device[unit].silent_until = US_NEVER;
		run_with_adhoc(60 * US_S, 0);
		assert_true(adhoc_time <= 12 * US_S + US_S);
		assert_true(adhoc_time >= 9 * US_S);
		drop_adhoc();
		sim_end(&line);
	}
}

static void an_adhoc_request_in_vain_takes_no_unit_offline(void **state)
{
	(void)state;
	sim_busy(&line, 9600, 100 * US_MS);
	sim_run(&line, US_S);
	const us_t offline = line.offline;
	struct turn t;
	for (int i = 0; i < 20; i++) {
		struct job j = adhoc_job(1);
		struct effects e;
		j.timeout = 30 * US_MS;
		assert_int_equal(submit(&j), SUBMIT_ACCEPTED);
		for (;;) {
			schedule_next(line.schedule, line.now, &t);
			if (t.kind == TURN_JOB)
				break;
			if (t.kind == TURN_SLEEP)
				line.now = t.until;
			else
				sim_turn(&line, &t);
		}
		assert_int_equal(t.timeout, 30 * US_MS);
		line.now += 30 * US_MS;
		schedule_done(line.schedule, &t, OUT_TIMEOUT, 0, 0, 30 * US_MS, line.now, &e);
		assert_false(e.offline || e.online || e.aside);
	}
	struct unit_figures f;
	assert_true(schedule_unit(line.schedule, 1, &f));
	assert_true(f.online);
	assert_int_equal(f.timeouts, 0);
	assert_int_equal(line.offline, offline);
	sim_end(&line);
}

static void a_command_goes_before_all_adhoc_requests(void **state)
{
	(void)state;
	sim_busy(&line, 9600, 3600 * US_S);
	sim_run(&line, 5 * US_S);
	for (int i = 0; i < 100; i++) {
		const struct job j = adhoc_job(1);
		submit(&j);
	}
	for (uint64_t id = 1000; id < 1100; id++) {
		const struct job j = {.id = id,
		                      .span = {2, TABLE_HOLDING, 7, 1},
		                      .fc = FC_WRITE_REGISTER,
		                      .value = {1}};
		submit(&j);
		sim_step(&line, US_NEVER);
		assert_int_equal(line.job_id, id);
		sim_run(&line, 20 * US_MS);
	}
	drop_adhoc();
	sim_end(&line);
}

/* -- commands beside ad-hoc requests: 20,000 of them, so that a p99 is exact
 * ---------------------------- */

#define COMMANDS 20000
/* Until the main thread has asked for the read-back; the line does not wait for that. */
#define HOP ((us_t)300)

static us_t took[COMMANDS];

/* 71 % of the line, in reads of 68 ms: that of tests/bench/adhoc. */
static void five_boards(void)
{
	sim_begin(&line, 9600);
	for (uint8_t unit = 1; unit <= 5; unit++) {
		sim_unit(&line, unit, 5 * US_MS);
		sim_want(&line, unit, 0, 20, 480 * US_MS);
	}
	sim_adopt(&line);
}

/* Short and long ones, of three periods. */
static void mixed(void)
{
	sim_begin(&line, 9600);
	for (uint8_t unit = 1; unit <= 4; unit++) {
		sim_unit(&line, unit, 5 * US_MS);
		sim_want(&line, unit, 0, 40, 1000 * US_MS);
		sim_want(&line, unit, 200, 4, 700 * US_MS);
		sim_want(&line, unit, 300, 60, 5000 * US_MS);
	}
	sim_adopt(&line);
}

/* Ten quick devices on a fast line. */
static void ten_quick(void)
{
	sim_begin(&line, 115200);
	for (uint8_t unit = 1; unit <= 10; unit++) {
		sim_unit(&line, unit, 20 * US_MS);
		sim_want(&line, unit, 0, 20, 370 * US_MS);
	}
	sim_adopt(&line);
}

static void an_adhoc_request_waits(bool adhoc)
{
	uint64_t id;
	while (schedule_expired(line.schedule, line.now, &id))
		;
	if (adhoc) {
		const struct job j = adhoc_job(2);
		submit(&j);
	}
}

/* A command to unit 1 at this time, and its read-back: returns when that has come. */
static us_t command_until(us_t at, bool adhoc)
{
	const struct span cell = {1, TABLE_HOLDING, 0, 1};
	const struct job j = {
		.id = UINT64_MAX, .span = cell, .fc = FC_WRITE_REGISTER, .value = {1}};
	us_t next = at, done = 0; /* what the main thread does next, and when */
	bool submitted = false;
	for (;;) {
		an_adhoc_request_waits(adhoc);
		if (line.now >= next) {
			assert_true(submitted ? schedule_demand(line.schedule, &cell, done)
			                      : submit(&j) == SUBMIT_ACCEPTED);
			submitted = true;
			next = US_NEVER;
		}
		const us_t start = line.now;
		line.job_id = 0;
		sim_step(&line, next);
		if (line.job_id == UINT64_MAX) {
			done = line.now;
			next = done + HOP;
		} else if (done && start >= done && line.turn.kind == TURN_READ &&
		           line.turn.span.unit == 1 && line.turn.span.addr == 0) {
			return line.now;
		}
	}
}

static int shorter(const void *a, const void *b)
{
	const us_t x = *(const us_t *)a, y = *(const us_t *)b;
	return x < y ? -1 : x > y;
}

static us_t commands_p99(void (*make)(void), bool adhoc)
{
	make();
	sim_run(&line, 10 * US_S);
	rng = 5;
	for (int i = 0; i < COMMANDS; i++) {
		const us_t at = line.now + below(800) * US_MS + below(1000);
		took[i] = command_until(at, adhoc) - at;
	}
	drop_adhoc();
	qsort(took, COMMANDS, sizeof *took, shorter);
	return took[COMMANDS * 99 / 100];
}

static void a_command_takes_no_longer_beside_adhoc_requests(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		void (*make)(void);
	} lines[] = {{"five boards", five_boards}, {"mixed", mixed}, {"ten quick", ten_quick}};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		const us_t alone = commands_p99(lines[i].make, false);
		sim_end(&line);
		const us_t beside = commands_p99(lines[i].make, true);
		const double rate = (double)schedule_adhoc(line.schedule).requests * US_S /
		                    (double)(line.now - 1000 * US_S);
		sim_end(&line);
		const double ratio = (double)beside / (double)alone;
		printf("%s: p99 of a command %.1f ms, beside %.1f ad-hoc requests a second %.1f "
		       "ms: %.3f\n",
		       lines[i].name, (double)alone / US_MS, rate, (double)beside / US_MS, ratio);
		assert_true(ratio <= 1.05);
		assert_true(rate >= 4);
	}
}

/* Nor do ad-hoc requests starve, if there is always one more command. */
static void commands_without_end_leave_adhoc_requests_their_share(void **state)
{
	(void)state;
	five_boards();
	sim_run(&line, 10 * US_S);
	went = widest = 0;
	line.on_job = noted;
	const us_t start = line.now;
	for (int i = 0; i < 500; i++)
		command_until(line.now, true);
	const us_t time = line.now - start;
	assert_true(schedule_adhoc(line.schedule).requests >= 4 * time / US_S);
	assert_true(widest <= 450 * US_MS);
	drop_adhoc();
	sim_end(&line);
}

static void a_held_line_polls_nothing_and_still_carries_commands(void **state)
{
	(void)state;
	sim_busy(&line, 9600, 100 * US_MS);
	sim_run(&line, US_S);
	schedule_hold(line.schedule, true, line.now);
	sim_measure(&line);
	sim_run(&line, 5 * US_S);
	assert_int_equal(line.requests, 0);
	run_with_adhoc(5 * US_S, 1);
	assert_true(adhoc_time > 4 * US_S); /* all of it is theirs */
	drop_adhoc();
	const struct job j = {
		.id = 99, .span = {2, TABLE_HOLDING, 7, 1}, .fc = FC_WRITE_REGISTER, .value = {1}};
	submit(&j);
	sim_step(&line, US_NEVER);
	assert_int_equal(line.job_id, 99);
	assert_true(
		schedule_demand(line.schedule, &(struct span){2, TABLE_HOLDING, 7, 1}, line.now));
	sim_step(&line, US_NEVER);
	assert_int_equal(line.turn.kind, TURN_READ);
	assert_int_equal(line.reads, 1);
	struct unit_figures before, after;
	schedule_unit(line.schedule, 1, &before);
	schedule_hold(line.schedule, false, line.now);
	sim_run(&line, 30 * US_MS);
	assert_true(line.reads > 1);
	schedule_unit(line.schedule, 1, &after);
	assert_int_equal(after.missed, before.missed); /* a held line is not an overloaded one */
	sim_end(&line);
}

/* A read-back that is due soon, or the end of a pulse, does not wait for who does not respond. */
static void a_held_line_lets_what_is_due_soon_go_first(void **state)
{
	(void)state;
	sim_busy(&line, 9600, 100 * US_MS);
	sim_run(&line, US_S);
	schedule_hold(line.schedule, true, line.now);
	struct job request = adhoc_job(200), pulse = {.id = 99,
	                                              .span = {2, TABLE_HOLDING, 7, 1},
	                                              .fc = FC_WRITE_REGISTER,
	                                              .not_before = line.now + 300 * US_MS};
	const struct span back = {2, TABLE_HOLDING, 7, 1};
	line.device[200].silent_until = US_NEVER;
	request.timeout = US_S;
	submit(&request);
	assert_true(schedule_demand(line.schedule, &back, line.now + 20 * US_MS));
	submit(&pulse);
	sim_measure(&line);
	const us_t begun = line.now;
	while (line.job_id != 99)
		assert_true(sim_step(&line, begun + 3 * US_S));
	assert_int_equal(line.reads, 1);
	assert_in_range(line.job_start - begun, 300 * US_MS, 310 * US_MS);
	while (line.job_id != request.id) /* and it goes then */
		assert_true(sim_step(&line, begun + US_S));
	/* it is not put off for ever */
	request = adhoc_job(200);
	request.timeout = US_S;
	submit(&request);
	const us_t again = line.now;
	while (line.job_id != request.id) {
		schedule_demand(line.schedule, &back, line.now + 50 * US_MS);
		assert_true(sim_step(&line, again + 4 * US_S));
	}
	sim_end(&line);
}

/* Its settings would be other ones than those it was meant for: another device might take it. */
static void an_adhoc_request_that_waits_does_not_outlive_a_hold(void **state)
{
	(void)state;
	sim_busy(&line, 9600, 100 * US_MS);
	for (unsigned i = 0; i < 3; i++) { /* held, with other settings, given back */
		uint64_t id = 0;
		struct job j = adhoc_job(1), command = adhoc_job(2);
		command.adhoc = false;
		submit(&j);
		submit(&command);
		schedule_hold(line.schedule, i < 2, line.now);
		assert_true(schedule_expired(line.schedule, line.now, &id));
		assert_int_equal(id, j.id);
		assert_false(schedule_expired(line.schedule, line.now, &id));
		drop_adhoc();
	}
	sim_end(&line);
}

static void adhoc_requests_expire_and_are_taken_back(void **state)
{
	(void)state;
	uint64_t id;
	sim_busy(&line, 9600, 100 * US_MS);
	struct job j = adhoc_job(1);
	j.expires = line.now + 5;
	submit(&j);
	assert_false(schedule_expired(line.schedule, line.now, &id));
	assert_true(schedule_expired(line.schedule, line.now + 5, &id));
	assert_int_equal(id, j.id);
	j = adhoc_job(1);
	submit(&j);
	assert_true(schedule_cancel(line.schedule, j.id, &id));
	assert_false(schedule_cancel(line.schedule, 0, &id));
	/* their table is not that of commands */
	while (submit(&j) == SUBMIT_ACCEPTED)
		;
	j.adhoc = false;
	assert_int_equal(submit(&j), SUBMIT_ACCEPTED);
	sim_end(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adhoc_requests_make_no_due_read_late),
		cmocka_unit_test(a_full_line_has_a_place_for_one_every_250_ms),
		cmocka_unit_test(adhoc_requests_have_a_fifth_of_the_line_at_most),
		cmocka_unit_test(an_adhoc_request_in_vain_takes_no_unit_offline),
		cmocka_unit_test(a_command_goes_before_all_adhoc_requests),
		cmocka_unit_test(a_command_takes_no_longer_beside_adhoc_requests),
		cmocka_unit_test(commands_without_end_leave_adhoc_requests_their_share),
		cmocka_unit_test(a_held_line_polls_nothing_and_still_carries_commands),
		cmocka_unit_test(a_held_line_lets_what_is_due_soon_go_first),
		cmocka_unit_test(an_adhoc_request_that_waits_does_not_outlive_a_hold),
		cmocka_unit_test(adhoc_requests_expire_and_are_taken_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
