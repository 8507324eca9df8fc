// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schedule_line.h"

static struct line_sim line;

static struct job write_of(uint64_t id, uint8_t unit, uint16_t addr, uint16_t value)
{
	return (struct job){
		.id = id,
		.key = 1u + addr,
		.span = {unit, TABLE_HOLDING, addr, 1},
		.fc = FC_WRITE_REGISTER,
		.replaceable = true,
		.expires = line.now + 10 * US_S,
		.value = {value},
	};
}

static enum submitted submit(struct job j)
{
	uint64_t old;
	return schedule_submit(line.schedule, &j, line.now, &old);
}

/* A line that is never idle: 4 units × 3 blocks, as fast as it goes. */
static void never_idle(uint32_t baud)
{
	sim_busy(&line, baud, 100 * US_MS);
	sim_measure(&line);
}

static void a_command_waits_for_the_exchange_under_way_and_no_longer(void **state)
{
	(void)state;
	never_idle(9600);
	us_t sum = 0;
	for (uint64_t id = 1; id <= 300; id++) {
		sim_run(&line, 300 * US_MS);
		/* it comes at some moment of the exchange that has just been simulated */
		const us_t start = line.now, came = start - (us_t)(id * 7919 % 38000);
		assert_int_equal(submit(write_of(id, 1, 7, 1)), SUBMIT_ACCEPTED);
		sim_step(&line, US_NEVER);
		assert_int_equal(line.job_id, id);
		assert_true(line.job_start - came <= line.longest);
		sum += line.job_start - came;
	}
	assert_true(sum / 300 <= line.longest / 2);
	sim_end(&line);
}

static void a_flood_of_commands_leaves_polls_every_second_turn(void **state)
{
	(void)state;
	never_idle(9600);
	uint64_t id = 1;
	int jobs_in_a_row = 0;
	for (int turn = 0; turn < 2000; turn++) {
		while (submit(write_of(id, (uint8_t)(1 + id % 4), (uint16_t)(id % 100), 1)) ==
		       SUBMIT_ACCEPTED)
			id++;
		sim_step(&line, US_NEVER);
		jobs_in_a_row = line.turn.kind == TURN_JOB ? jobs_in_a_row + 1 : 0;
		assert_true(jobs_in_a_row <= 1);
	}
	assert_true(line.reads >= 999);
	assert_true(line.jobs >= 999);
	for (size_t i = 0; i < line.n; i++)
		assert_true(line.reading[i].reads >= 80);
	sim_end(&line);
}

static void commands_and_read_backs_together_leave_polls_every_second_turn(void **state)
{
	(void)state;
	never_idle(9600);
	uint64_t id = 1;
	us_t polls = 0;
	for (int turn = 0; turn < 2000; turn++) {
		while (submit(write_of(id, 1, (uint16_t)(id % 100), 1)) == SUBMIT_ACCEPTED)
			id++;
		schedule_demand(
			line.schedule,
			&(struct span){2, TABLE_HOLDING, (uint16_t)(5000 + turn % 50 * 99), 1},
			line.now);
		sim_step(&line, US_NEVER);
		polls += line.turn.kind == TURN_READ && line.last_span.addr < 5000;
	}
	assert_true(polls >= 990);
	assert_true(line.jobs >= 600);
	assert_true(line.reads - polls >= 180);
	sim_end(&line);
}

static void masked_writes_owe_a_poll_for_each_of_their_exchanges(void **state)
{
	(void)state;
	never_idle(9600);
	for (int turn = 0; turn < 300; turn++) {
		struct job j = write_of((uint64_t)turn + 1, 1, (uint16_t)turn, 1);
		j.fc = FC_MASK_WRITE;
		submit(j);
		sim_step(&line, US_NEVER);
	}
	assert_true(line.jobs >= 99 && line.jobs <= 101);
	sim_end(&line);
}

static void of_fifty_slider_steps_the_last_is_on_the_wire_two_exchanges_later(void **state)
{
	(void)state;
	never_idle(9600);
	const us_t start = line.now;
	us_t last = 0;
	uint16_t step = 0;
	while (step < 50 || line.job_value != 50) {
		while (step < 50 && line.now >= start + step * 2 * US_MS) {
			step++;
			last = line.now;
			const enum submitted s = submit(write_of(step, 1, 7, step));
			assert_true(s == SUBMIT_ACCEPTED || s == SUBMIT_REPLACED);
		}
		assert_true(sim_step(&line, start + MINUTE));
	}
	assert_true(line.job_start - last <= 2 * line.longest);
	assert_true(line.jobs <= 6);
	assert_true(line.reads >= line.jobs - 1);
	sim_end(&line);
}

static void a_replaced_command_keeps_its_place_and_the_newest_value(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_adopt(&line);
	uint64_t old = 0;
	const struct job a = write_of(1, 1, 7, 10), b = write_of(2, 1, 8, 20),
			 c = write_of(3, 1, 7, 30);
	schedule_submit(line.schedule, &a, line.now, &old);
	schedule_submit(line.schedule, &b, line.now, &old);
	assert_int_equal(schedule_submit(line.schedule, &c, line.now, &old), SUBMIT_REPLACED);
	assert_int_equal(old, 1);
	sim_step(&line, US_NEVER);
	assert_int_equal(line.job_id, 3);
	assert_int_equal(line.job_value, 30);
	sim_step(&line, US_NEVER);
	assert_int_equal(line.job_id, 2);
	sim_end(&line);
}

static void toggles_are_never_replaced_and_keep_their_order(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_adopt(&line);
	struct job set = write_of(1, 1, 7, 10), toggle = write_of(2, 1, 7, 1),
		   again = write_of(3, 1, 7, 20);
	toggle.replaceable = false;
	set.not_before = line.now + US_S; /* the later ones must not overtake it */
	assert_int_equal(submit(set), SUBMIT_ACCEPTED);
	assert_int_equal(submit(toggle), SUBMIT_ACCEPTED);
	assert_int_equal(submit(again), SUBMIT_ACCEPTED);
	for (uint64_t id = 1; id <= 3; id++) {
		while (line.jobs < (us_t)id)
			assert_true(sim_step(&line, line.now + MINUTE));
		assert_int_equal(line.job_id, id);
	}
	assert_true(line.now >= set.not_before);
	sim_end(&line);
}

static void an_expired_command_is_never_sent_and_reported_once(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_adopt(&line);
	struct job j = write_of(9, 1, 7, 1);
	j.not_before = line.now + 20 * US_S;
	j.expires = line.now + 5 * US_S;
	submit(j);
	schedule_next(line.schedule, line.now, &line.turn);
	assert_int_equal(line.turn.kind, TURN_SLEEP);
	assert_true(line.turn.until == j.expires);
	uint64_t id = 0;
	assert_false(schedule_expired(line.schedule, line.now, &id));
	line.now = j.expires;
	schedule_next(line.schedule, line.now, &line.turn);
	assert_int_equal(line.turn.kind, TURN_SLEEP);
	assert_true(schedule_expired(line.schedule, line.now, &id));
	assert_int_equal(id, 9);
	assert_false(schedule_expired(line.schedule, line.now, &id));
	sim_run(&line, MINUTE);
	assert_int_equal(line.jobs, 0);
	sim_end(&line);
}

static void the_table_is_bounded_per_unit_and_per_bus(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_adopt(&line);
	int accepted = 0;
	for (uint16_t i = 0; i < 40; i++)
		accepted += submit(write_of(i + 1u, 1, i, 1)) == SUBMIT_ACCEPTED;
	assert_int_equal(accepted, 32);
	for (uint8_t unit = 2; unit < 40; unit++)
		for (uint16_t i = 0; i < 20; i++)
			accepted +=
				submit(write_of(1000u * unit + i, unit, (uint16_t)(100 * unit + i),
			                        1)) == SUBMIT_ACCEPTED;
	assert_int_equal(accepted, 256);
	uint64_t id;
	assert_true(schedule_cancel(line.schedule, 3, &id));
	assert_int_equal(id, 3);
	assert_false(schedule_cancel(line.schedule, 3, &id));
	int cancelled = 1;
	while (schedule_cancel(line.schedule, 0, &id))
		cancelled++;
	assert_int_equal(cancelled, 256);
	assert_int_equal(submit(write_of(1, 1, 1, 1)), SUBMIT_ACCEPTED);
	sim_end(&line);
}

static void writes_get_the_configured_time_out(void **state)
{
	(void)state;
	never_idle(9600);
	submit(write_of(1, 1, 7, 1));
	schedule_next(line.schedule, line.now, &line.turn);
	assert_int_equal(line.turn.kind, TURN_JOB);
	assert_true(line.turn.timeout == 500 * US_MS);
	struct effects e;
	schedule_done(line.schedule, &line.turn, OUT_OK, 0, 5 * US_MS, 20 * US_MS,
	              line.now += 20 * US_MS, &e);
	schedule_next(line.schedule, line.now, &line.turn);
	assert_int_equal(line.turn.kind, TURN_READ);
	assert_true(line.turn.timeout == 50 * US_MS);
	assert_true(line.turn.configured == 500 * US_MS);
	schedule_done(line.schedule, &line.turn, OUT_OK, 0, 5 * US_MS, 20 * US_MS,
	              line.now += 20 * US_MS, &e);
	sim_end(&line);
}

static void a_unit_is_left_alone_after_a_write_and_others_go_on(void **state)
{
	(void)state;
	never_idle(9600);
	line.rule[0].pause_after_write = 400 * US_MS;
	sim_adopt(&line);
	submit(write_of(1, 1, 7, 1));
	sim_step(&line, US_NEVER);
	assert_int_equal(line.turn.kind, TURN_JOB);
	const us_t until = line.now + 400 * US_MS;
	int others = 0;
	while (line.now < until) {
		sim_step(&line, US_NEVER);
		assert_int_not_equal(line.last_span.unit, 1);
		others++;
	}
	assert_true(others >= 9);
	sim_end(&line);
}

static void what_was_never_answered_proves_no_unit_online(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_adopt(&line);
	struct effects e;
	/* a request that can not be built is refused by ourselves: no turnaround */
	submit(write_of(1, 1, 7, 1));
	schedule_next(line.schedule, line.now, &line.turn);
	schedule_done(line.schedule, &line.turn, OUT_REFUSED, 3, 0, 0, line.now, &e);
	assert_false(e.online);
	/* a broadcast */
	submit(write_of(2, 0, 7, 1));
	schedule_next(line.schedule, line.now, &line.turn);
	assert_int_equal(line.turn.kind, TURN_JOB);
	schedule_done(line.schedule, &line.turn, OUT_OK, 0, 0, 100 * US_MS, line.now += 100 * US_MS,
	              &e);
	assert_false(e.online);
	/* a refusal by the device does */
	submit(write_of(3, 1, 7, 1));
	schedule_next(line.schedule, line.now, &line.turn);
	schedule_done(line.schedule, &line.turn, OUT_REFUSED, 3, 5 * US_MS, 20 * US_MS,
	              line.now += 20 * US_MS, &e);
	assert_true(e.online);
	sim_end(&line);
}

static void a_demand_goes_before_polls_when_it_is_due_and_is_met_once(void **state)
{
	(void)state;
	never_idle(9600);
	const struct span span = {3, TABLE_HOLDING, 7000, 2};
	const us_t due = line.now + 200 * US_MS;
	assert_true(schedule_demand(line.schedule, &span, due));
	assert_true(schedule_demand(line.schedule, &span, due)); /* the same: met by one read */
	us_t at = 0;
	int reads = 0;
	const us_t end = line.now + 10 * US_S;
	while (sim_step(&line, end)) {
		if (line.last_span.addr != 7000 || line.turn.kind != TURN_READ)
			continue;
		at = line.now;
		reads++;
	}
	assert_int_equal(reads, 1);
	assert_true(at >= due && at <= due + 2 * line.longest);
	assert_false(
		schedule_demand(line.schedule, &(struct span){99, TABLE_HOLDING, 0, 1}, line.now));
	sim_end(&line);
}

static void a_demand_shares_its_read_with_neighbours_that_are_due(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 0, 4, 10 * US_S);
	sim_adopt(&line);
	sim_run(&line, 29 * US_S);
	sim_measure(&line);
	schedule_demand(line.schedule, &(struct span){1, TABLE_HOLDING, 4, 2}, line.now + US_S);
	sim_run(&line, 2 * US_S);
	assert_int_equal(line.requests, 1);
	assert_int_equal(line.last_span.addr, 0);
	assert_int_equal(line.last_span.count, 6);
	sim_end(&line);
}

static void a_refused_demand_is_dropped(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 0, 4, 10 * US_S);
	sim_adopt(&line);
	sim_refuse(&line, 1, 500);
	sim_run(&line, 5 * US_S);
	sim_measure(&line);
	schedule_demand(line.schedule, &(struct span){1, TABLE_HOLDING, 500, 1}, line.now);
	sim_run(&line, 3 * US_S);
	assert_int_equal(line.requests, 1);
	sim_end(&line);
}

static void a_read_under_way_does_not_meet_a_demand_that_came_due_meanwhile(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 0, 4, 60 * US_S);
	sim_adopt(&line);
	sim_run(&line, 10 * US_S);
	sim_measure(&line);
	const struct span span = {1, TABLE_HOLDING, 0, 2};
	schedule_demand(line.schedule, &span, line.now);
	schedule_demand(line.schedule, &span, line.now + 10 * US_MS);
	sim_run(&line, 10 * US_S);
	assert_int_equal(line.requests, 2);
	sim_end(&line);
}

static void a_command_does_not_wait_for_the_poll_that_a_demand_owes(void **state)
{
	(void)state;
	never_idle(9600);
	schedule_demand(line.schedule, &(struct span){3, TABLE_HOLDING, 7000, 2}, line.now);
	sim_step(&line, US_NEVER);
	assert_int_equal(line.last_span.addr, 7000);
	submit(write_of(1, 1, 7, 1));
	sim_step(&line, US_NEVER);
	assert_int_equal(line.turn.kind, TURN_JOB);
	sim_end(&line);
}

static void a_demand_dies_with_its_unit(void **state)
{
	(void)state;
	sim_begin(&line, 9600);
	sim_unit(&line, 1, 5 * US_MS);
	sim_want(&line, 1, 0, 4, US_S);
	sim_adopt(&line);
	sim_run(&line, 10 * US_S);
	schedule_demand(line.schedule, &(struct span){1, TABLE_HOLDING, 7000, 2},
	                line.now + 15 * US_S);
	line.device[1].silent_from = line.now;
	line.device[1].silent_until = line.now + 30 * US_S;
	sim_run(&line, 29 * US_S);
	assert_int_equal(line.offline, 1);
	const us_t end = line.now + 60 * US_S;
	while (sim_step(&line, end))
		assert_int_not_equal(line.last_span.addr, 7000);
	assert_int_equal(line.online, 2);
	sim_end(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_waits_for_the_exchange_under_way_and_no_longer),
		cmocka_unit_test(a_flood_of_commands_leaves_polls_every_second_turn),
		cmocka_unit_test(commands_and_read_backs_together_leave_polls_every_second_turn),
		cmocka_unit_test(masked_writes_owe_a_poll_for_each_of_their_exchanges),
		cmocka_unit_test(of_fifty_slider_steps_the_last_is_on_the_wire_two_exchanges_later),
		cmocka_unit_test(a_replaced_command_keeps_its_place_and_the_newest_value),
		cmocka_unit_test(toggles_are_never_replaced_and_keep_their_order),
		cmocka_unit_test(an_expired_command_is_never_sent_and_reported_once),
		cmocka_unit_test(the_table_is_bounded_per_unit_and_per_bus),
		cmocka_unit_test(writes_get_the_configured_time_out),
		cmocka_unit_test(a_unit_is_left_alone_after_a_write_and_others_go_on),
		cmocka_unit_test(what_was_never_answered_proves_no_unit_online),
		cmocka_unit_test(a_demand_goes_before_polls_when_it_is_due_and_is_met_once),
		cmocka_unit_test(a_demand_shares_its_read_with_neighbours_that_are_due),
		cmocka_unit_test(a_refused_demand_is_dropped),
		cmocka_unit_test(a_read_under_way_does_not_meet_a_demand_that_came_due_meanwhile),
		cmocka_unit_test(a_command_does_not_wait_for_the_poll_that_a_demand_owes),
		cmocka_unit_test(a_demand_dies_with_its_unit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
