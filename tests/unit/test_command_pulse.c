// SPDX-License-Identifier: MIT
#include "command_rig.h"

static void a_pulse_ends_by_itself(void **state)
{
	(void)state;
	rig_command(&g, P_DOOR, "on");
	rig_command(&g, P_DOOR, "on"); /* while it runs */
	assert_int_equal(rig_only(&g)->end, COMMAND_BUSY);
	rig_step(&g);
	assert_int_equal(g.coil[6], 1);
	const us_t on = g.write[0].at;
	assert_false(command_holds(g.t, P_DOOR, g.now)); /* that it is on may be seen */
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.coil[6], 0);
	assert_true(g.write[1].at >= on + 500 * US_MS && g.write[1].at <= on + 540 * US_MS);
	assert_int_equal(g.nreported, 3);
	assert_int_equal(g.reported[1].end, COMMAND_VERIFIED);
	assert_true(g.reported[1].pulse);
	assert_false(g.reported[0].pulse_over || g.reported[1].pulse_over);
	assert_true(g.reported[2].pulse_over);
	assert_int_equal(g.reported[2].origin, COMMAND_PULSE_END);
	assert_int_equal(g.reported[2].end, COMMAND_VERIFIED);
	assert_int_equal(g.pulses[1], 1);
	assert_int_equal(g.pulses[2], 1);
}

/* How often the point may be written is for commands. */
static void a_pulse_lasts_no_longer_than_it_should(void **state)
{
	(void)state;
	change(P_DOOR);
	rule_of.min_write_interval = 60 * US_S;
	reload(&next);
	rig_command(&g, P_DOOR, "on");
	rig_run(&g, g.now + US_S);
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.coil[6], 0);
	rig_command(&g, P_DOOR, "on");
	assert_int_equal(rig_last(&g)->end, COMMAND_REFUSED);
	settle();
	assert_int_equal(g.nwrite, 2);
	reload(&rig_model);
}

/* Later is never: a safe value. */
static void at_the_end_no_interval_is_waited_for(void **state)
{
	(void)state;
	const struct command_item item = {P_EEPROM, "9"};
	struct command_request q = {.item = &item, .n = 1, .origin = COMMAND_FROM_GATEWAY};
	rig_command(&g, P_EEPROM, "6");
	rig_run(&g, g.now + US_S);
	command_shutdown(g.t, g.now);
	rig_submit(&g, &q);
	rig_run(&g, g.now + US_S);
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.holding[70], 9);
}

static void a_pulse_that_is_not_taken_is_reported(void **state)
{
	(void)state;
	fault(OTHER_VALUE, 1, 0);
	rig_command(&g, P_DOOR, "on");
	settle();
	assert_int_equal(g.reported[0].end, COMMAND_DIFFERS);
	assert_string_equal(g.reason[0], "not applied: device reports off");
	assert_int_equal(g.reported[1].origin, COMMAND_PULSE_END); /* and is ended all the same */
	assert_int_equal(g.nreported, 2);
	assert_true(rig_last(&g)->pulse_over);
}

/* Over before it could be read, or unreadable all the time. */
static void a_pulse_that_cannot_be_read_back_in_time(void **state)
{
	(void)state;
	g.exchange = 600 * US_MS;
	rig_command(&g, P_DOOR, "on");
	settle();
	assert_int_equal(g.reported[0].end, COMMAND_ACKNOWLEDGED);
	assert_int_equal(g.nreported, 2);
	g.exchange = 20 * US_MS;
	g.nreported = 0;
	g.reads_fail = true;
	rig_command(&g, P_DOOR, "on");
	rig_run(&g, g.now + 600 * US_MS);
	assert_int_equal(g.reported[0].end, COMMAND_FAILED);
	assert_string_equal(g.reason[0], "acknowledged, but could not be read back");
	g.reads_fail = false;
	settle();
	assert_int_equal(g.coil[6], 0);
}

/* Between the attempts what is read is what the device has: its topic must not stay as it was. */
static void between_the_attempts_to_end_a_pulse_its_point_is_published(void **state)
{
	(void)state;
	fault(EXCEPTION, 99, 4);
	rig_command(&g, P_DOOR, "on");
	while (!g.stuck && rig_step(&g))
		;
	assert_int_equal(g.stuck, 1);
	assert_false(command_holds(g.t, P_DOOR, g.now));
	fault(GOOD, 0, 0);
	settle();
	assert_int_equal(g.coil[6], 0);
}

/* Whatever the device does with it: tried at a bounded rate until it is done, told once. */
static void the_end_of_a_pulse_that_fails_is_reported_and_tried_again(void **state)
{
	(void)state;
	static const struct {
		enum fault fault;
		uint8_t exception;
		bool reads_fail;
		const char *why;
	} row[] = {
		{EXCEPTION, 1, false, "refused by the device: exception 1, illegal function"},
		{EXCEPTION, 4, false, "refused by the device: exception 4, device failure"},
		{EXCEPTION, 5, false, "not applied: device reports on"},
		{EXCEPTION, 6, false, "refused by the device: exception 6, device is busy"},
		{EXCEPTION, 11, false,
	         "refused by the device: exception 11, gateway target does not respond"},
		{OTHER_VALUE, 0, false, "not applied: device reports on"},
		{LOST_REQUEST, 0, false, "no response, and it is still on"},
		{LOST_REQUEST, 0, true, "the device does not respond"},
		{LINE_DOWN, 0, false, "the line is down"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		rig_stop(&g);
		rig_start(&g);
		rig_command(&g, P_DOOR, "on");
		rig_run(&g, g.now + 300 * US_MS);
		assert_int_equal(rig_only(&g)->end, COMMAND_VERIFIED);
		fault(row[i].fault, 100000, row[i].exception);
		g.reads_fail = row[i].reads_fail;
		const unsigned before = g.submits;
		rig_run(&g, g.now + 600 * US_S);
		if (g.submits - before < 90 || g.submits - before > 150 || g.stuck != 1 ||
		    g.nreported != 1 || strcmp(g.stuck_reason, row[i].why) != 0)
			fail_msg("row %zu: %u tries, told %u times, %s", i, g.submits - before,
			         g.stuck, g.stuck_reason);
		g.faults = 0;
		g.reads_fail = false;
		settle();
		assert_int_equal(g.coil[6], 0);
		assert_int_equal(rig_last(&g)->end, COMMAND_VERIFIED);
		assert_true(rig_last(&g)->pulse_over);
	}
}

static void at_the_end_of_the_gateway_it_is_tried_more_often(void **state)
{
	(void)state;
	rig_command(&g, P_DOOR, "on");
	rig_run(&g, g.now + 300 * US_MS);
	fault(EXCEPTION, 2, 4);
	command_shutdown(g.t, g.now);
	rig_take(&g);
	rig_run(&g, g.now + 700 * US_MS);
	assert_int_equal(g.coil[6], 0);
	assert_true(rig_last(&g)->pulse_over);
	rig_stop(&g);
	rig_start(&g);
	rig_command(&g, P_DOOR, "on");
	rig_run(&g, g.now + 300 * US_MS);
	fault(EXCEPTION, 99, 4);
	command_shutdown(g.t, g.now);
	rig_take(&g);
	rig_run(&g, g.now + 700 * US_MS);
	command_finish(g.t, g.now);
	rig_take(&g);
	assert_false(rig_last(&g)->pulse_over); /* the next life does it */
	assert_string_equal(g.reason[g.nreported - 1],
	                    "not known whether it was switched off: the gateway stopped");
}

static bool another_there;

static bool another(void *ctx, uint32_t device)
{
	(void)ctx;
	(void)device;
	return another_there;
}

/* It goes to a device that has not said yet what it is, but not to one that is another. */
static void the_end_of_a_pulse_is_not_written_to_another_device(void **state)
{
	(void)state;
	command_destroy(g.t);
	g.t = command_create(&rig_model, &(struct command_ops){.current = current,
	                                                       .online = online,
	                                                       .ctx = &g,
	                                                       .mismatch = another});
	another_there = false;
	rig_command(&g, P_DOOR, "on");
	rig_run(&g, g.now + 300 * US_MS);
	another_there = true;
	command_mismatch(g.t, 0, g.now);
	rig_take(&g);
	rig_run(&g, g.now + 100 * US_S);
	assert_int_equal(g.nwrite, 1);
	assert_int_equal(g.stuck, 1);
	another_there = false;
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.coil[6], 0);
}

/* Its registers may be elsewhere when it is back. */
static void a_device_that_moves_takes_no_pulse_with_it(void **state)
{
	(void)state;
	rig_command(&g, P_DOOR, "on");
	rig_run(&g, g.now + 300 * US_MS);
	command_moved(g.t, 0, g.now);
	rig_take(&g);
	settle();
	assert_int_equal(g.coil[6], 0);
	g.nreported = g.nwrite = 0;
	rig_command(&g, P_DOOR, "on");
	const struct job on = g.job[0];
	g.njob = 0; /* on the wire */
	command_moved(g.t, 0, g.now);
	rig_take(&g);
	assert_int_equal(g.nreported, 0);
	g.coil[6] = 1;
	command_job(g.t, on.id, OUT_OK, 0, g.now, g.now, g.now);
	rig_take(&g);
	settle();
	assert_int_equal(g.coil[6], 0);
	assert_int_equal(g.reported[0].end, COMMAND_FAILED);
	assert_int_equal(g.reported[0].effect, EFFECT_DONE);
	rig_command(&g, P_MODE, "local");
	command_moved(g.t, 0, g.now);
	rig_take(&g);
	settle();
	assert_string_equal(g.reason[g.nreported - 1],
	                    "the device is gone, or another one responds there");
	assert_int_equal(rig_last(&g)->effect, EFFECT_NONE);
}

static void the_journal_forgets_a_pulse_that_never_began(void **state)
{
	(void)state;
	fault(EXCEPTION, 1, 2);
	rig_command(&g, P_DOOR, "on");
	settle();
	expect(COMMAND_REFUSED, "refused by the device: exception 2, illegal data address", 0);
	assert_true(rig_only(&g)->pulse_over);
}

/* Not every exception says that nothing was switched. */
static void a_pulse_that_failed_may_be_on_and_is_ended(void **state)
{
	(void)state;
	static const uint8_t code[] = {4, 8, 9, 10, 11, 200};
	for (size_t i = 0; i < sizeof code; i++) {
		g.nreported = 0;
		fault(DONE_EXCEPTION, 1, code[i]);
		rig_command(&g, P_DOOR, "on");
		rig_step(&g);
		assert_int_equal(g.coil[6], 1);
		assert_int_equal(rig_only(&g)->end, COMMAND_REFUSED);
		assert_int_equal(rig_only(&g)->effect, EFFECT_UNKNOWN);
		assert_non_null(strstr(g.reason[0], "; not known whether it was carried out"));
		assert_false(rig_only(&g)->pulse_over);
		settle();
		if (g.coil[6])
			fail_msg("exception %u: it is still on", code[i]);
		assert_true(rig_last(&g)->pulse_over);
	}
}

/* What the device has says what became of it. */
static void a_write_that_failed_is_read(void **state)
{
	(void)state;
	static const char failed[] = "refused by the device: exception 4, device failure";
	fault(DONE_EXCEPTION, 1, 4);
	rig_command(&g, P_SETPOINT, "45");
	expect(COMMAND_VERIFIED, "", 1);
	g.nreported = 0;
	fault(EXCEPTION, 1, 4);
	rig_command(&g, P_SETPOINT, "46");
	expect(COMMAND_REFUSED, failed, 1); /* nor is it sent again */
	assert_int_equal(rig_only(&g)->effect, EFFECT_NONE);
	static const uint32_t blind[] = {P_NOVERIFY, P_WRITEONLY, P_RELAY, P_SETPOINT};
	for (size_t i = 0; i < 4; i++) {
		g.nreported = 0;
		g.reads_fail = i == 3;
		fault(EXCEPTION, 1, 11);
		rig_command(&g, blind[i], i == 2 ? "toggle" : "47");
		settle();
		assert_int_equal(rig_only(&g)->effect, EFFECT_UNKNOWN);
		if (!strstr(g.reason[0], "exception 11, gateway target does not respond; not known "
		                         "whether it was carried out"))
			fail_msg("%zu: %s", i, g.reason[0]);
	}
}

static void the_pulse_of_an_earlier_life_is_ended_until_it_is_done(void **state)
{
	(void)state;
	g.coil[6] = 1;
	fault(LOST_REQUEST, 2, 0);
	command_pulse_left(g.t, 0, P_DOOR, g.now);
	rig_take(&g);
	rig_run(&g, g.now + 60 * US_S);
	assert_int_equal(g.coil[6], 0);
	assert_int_equal(rig_only(&g)->end, COMMAND_VERIFIED);
	assert_true(rig_only(&g)->pulse_over);
}

static void a_pulse_ends_also_when_its_begin_was_not_answered(void **state)
{
	(void)state;
	fault(LOST_ANSWER, 3, 0); /* `on`, and `off` twice */
	rig_command(&g, P_DOOR, "on");
	settle();
	assert_int_equal(g.coil[6], 0);
	assert_int_equal(g.reported[0].end, COMMAND_FAILED);
	assert_int_equal(rig_last(&g)->end, COMMAND_VERIFIED);
}

static void the_end_of_a_pulse_is_not_given_up(void **state)
{
	(void)state;
	rig_command(&g, P_DOOR, "on");
	rig_step(&g);
	fault(LOST_REQUEST, 10, 0);
	g.reads_fail = true;
	rig_run(&g, g.now + 30 * US_S);
	command_offline(g.t, 0, g.now);
	rig_take(&g);
	assert_int_equal(g.coil[6], 1);
	assert_int_equal(command_alive(g.t), 1);
	fault(LINE_DOWN, 3, 0);
	rig_run(&g, g.now + 30 * US_S);
	g.faults = 0;
	g.reads_fail = false;
	settle();
	assert_int_equal(g.coil[6], 0);
	assert_int_equal(g.nreported, 2);
}

static void a_pulse_ends_also_when_its_line_is_opened_anew(void **state)
{
	(void)state;
	rig_command(&g, P_DOOR, "on");
	rig_step(&g);
	assert_int_equal(g.njob, 1);
	g.njob = 0;
	command_job(g.t, g.job[0].id, OUT_CLOSED, 0, 0, g.now, g.now);
	settle();
	assert_int_equal(g.coil[6], 0);
	assert_int_equal(rig_last(&g)->end, COMMAND_VERIFIED);
}

static void a_pulse_whose_point_goes_is_ended_first(void **state)
{
	(void)state;
	const struct model m = {.bus = rig_model.bus, .nbus = 1};
	rig_command(&g, P_SETPOINT, "45");
	settle();
	assert_false(command_leave(g.t, &m, g.now));
	rig_command(&g, P_DOOR, "on");
	assert_true(command_leave(g.t, &m, g.now)); /* it may be on the wire */
	rig_step(&g);
	assert_int_equal(g.coil[6], 1);
	assert_false(command_leave(g.t, &rig_model, g.now)); /* it stays */
	const us_t now = g.now;
	assert_true(command_leave(g.t, &m, g.now));
	rig_take(&g);
	for (int i = 0; i < 100 && command_leave(g.t, &m, g.now); i++)
		rig_step(&g);
	assert_int_equal(g.coil[6], 0);
	assert_true(g.now < now + 200 * US_MS && rig_last(&g)->pulse_over);
	assert_int_equal(g.nwrite, 3);
	assert_int_equal(g.submits, 4); /* its `off` was taken back, and given again for now */

	rig_command(&g, P_DOOR,
	            "on"); /* a device that does not answer is not waited for for ever */
	rig_step(&g);
	fault(LOST_REQUEST, 99, 0);
	for (int i = 0; i < 50; i++) {
		assert_true(command_leave(g.t, &m, g.now));
		rig_take(&g);
		rig_step(&g);
	}
	command_adopt(g.t, &m, g.now);
	rig_take(&g);
	assert_string_equal(g.reason[g.nreported - 1],
	                    "not known whether it was switched off: its point was removed by a "
	                    "reload of the configuration");
	assert_false(rig_last(&g)->pulse_over);
	command_adopt(g.t, &rig_model, g.now);
}

/* An `off` of somebody's behind it may fail. */
static void the_end_of_a_pulse_gives_way_to_nothing(void **state)
{
	(void)state;
	rig_command(&g, P_DOOR, "on");
	rig_run(&g, g.now + 500 * US_MS);
	assert_int_equal(g.njob, 1);
	g.now = g.job[0].not_before;
	const struct job off = g.job[0];
	g.njob = 0; /* on the wire */
	rig_command(&g, P_DOOR, "off");
	fault(EXCEPTION, 1, 6);
	job_do(&g, &off);
	rig_take(&g);
	fault(EXCEPTION, 1, 4);
	settle();
	assert_int_equal(g.coil[6], 0);
	assert_int_equal(g.nreported, 3);
}

static void shutting_down_ends_pulses_at_once_and_answers_all(void **state)
{
	(void)state;
	rig_command(&g, P_DOOR, "on");
	rig_step(&g);
	rig_command(&g, P_SETPOINT, "45");
	rig_step(&g);
	assert_int_equal(command_alive(g.t), 3);
	rig_command(&g, P_MODE, "remote");
	const us_t now = g.now;
	command_shutdown(g.t, g.now);
	rig_take(&g);
	rig_command(&g, P_MODE, "off");
	assert_string_equal(g.reason[g.nreported - 1], "shutting down");
	rig_run(&g, g.now + 400 * US_MS); /* the wire finishes what it has, and is read back */
	assert_int_equal(command_alive(g.t), 0);
	assert_int_equal(g.coil[6], 0);
	assert_int_equal(g.write[g.nwrite - 1].addr, 6);
	assert_true(g.write[g.nwrite - 1].at < now + 100 * US_MS);
	assert_int_equal(g.nreported, 5);
	for (size_t i = 0; i < g.nreported; i++)
		if (g.reported[i].point == P_SETPOINT)
			assert_int_equal(g.reported[i].end, COMMAND_VERIFIED);
}

/* What was on the wire when the gateway ends ends as it did, or it is not known; what was not is
 * not begun. */
static void the_stop_reports_the_outcome_of_a_write(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t point;
		enum fault fault;
		bool reads_fail;
		unsigned steps; /* before the end */
		bool finish;    /* the line does nothing more */
		enum command_end end;
		enum command_effect effect;
		const char *reason;
	} row[] = {
		{"waits", P_MODE, GOOD, false, 0, false, COMMAND_FAILED, EFFECT_NONE,
	         "shutting down"},
		{"on the wire, no response yet", P_MODE, STUCK, false, 1, true, COMMAND_FAILED,
	         EFFECT_UNKNOWN,
	         "the gateway stopped before the response arrived; not known whether it was "
	         "carried out"},
		{"acknowledged", P_MODE, GOOD, false, 1, false, COMMAND_VERIFIED, EFFECT_DONE, ""},
		{"acknowledged, not taken", P_MODE, OTHER_VALUE, false, 1, false, COMMAND_DIFFERS,
	         EFFECT_DONE, "not applied: device reports remote"},
		{"acknowledged, not read back", P_MODE, GOOD, false, 1, true, COMMAND_FAILED,
	         EFFECT_DONE, "acknowledged, but not read back before the gateway stopped"},
		{"acknowledged, silent then", P_MODE, GOOD, true, 1, false, COMMAND_FAILED,
	         EFFECT_DONE,
	         "acknowledged, but could not be read back: the device does not respond"},
		{"no response", P_MODE, LOST_ANSWER, false, 1, false, COMMAND_VERIFIED, EFFECT_DONE,
	         ""},
		{"no response, not done", P_MODE, LOST_REQUEST, false, 1, false, COMMAND_FAILED,
	         EFFECT_NONE, "no response, and not applied: device reports off"},
		{"no response, not read", P_MODE, LOST_ANSWER, false, 1, true, COMMAND_FAILED,
	         EFFECT_UNKNOWN, "no response; not known whether it was carried out"},
		{"busy", P_MODE, EXCEPTION, false, 1, false, COMMAND_FAILED, EFFECT_NONE,
	         "shutting down"},
		{"cannot be read", P_WRITEONLY, GOOD, false, 1, false, COMMAND_ACKNOWLEDGED,
	         EFFECT_DONE, ""},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		rig_stop(&g);
		rig_start(&g);
		fault(row[i].fault, 1, EXC_BUSY);
		g.reads_fail = row[i].reads_fail;
		rig_command(&g, row[i].point, "1");
		for (unsigned n = 0; n < row[i].steps; n++)
			line_job(&g);
		rig_take(&g);
		command_shutdown(g.t, g.now);
		rig_take(&g);
		if (!row[i].finish)
			rig_run(&g, g.now + 5 * US_S);
		command_finish(g.t, g.now);
		rig_take(&g);
		if (g.nreported != 1 || g.reported[0].end != row[i].end ||
		    g.reported[0].effect != row[i].effect ||
		    strcmp(g.reason[0], row[i].reason) != 0)
			fail_msg("%s: %zu outcomes, %s, effect %u: %s", row[i].name, g.nreported,
			         command_end_name(g.reported[0].end), g.reported[0].effect,
			         g.reason[0]);
	}
}

static void jobs_closed_by_the_stop_are_reported_so(void **state)
{
	(void)state;
	rig_command(&g, P_MODE, "remote");
	command_shutdown(g.t, g.now);
	command_job(g.t, g.job[0].id, OUT_CLOSED, 0, 0, g.now, g.now);
	rig_take(&g);
	g.njob = 0;
	expect(COMMAND_FAILED, "shutting down", 0);
}

static void at_the_very_end_nothing_is_left_unanswered(void **state)
{
	(void)state;
	rig_command(&g, P_DOOR, "on");
	rig_step(&g);
	rig_command(&g, P_SETPOINT, "45");
	fault(EXCEPTION, 99, 6);
	rig_command(&g, P_RELAY, "toggle");
	for (int i = 0; i < 4; i++)
		rig_step(&g);
	command_shutdown(g.t, g.now);
	command_finish(g.t, g.now);
	rig_take(&g);
	assert_int_equal(command_alive(g.t), 0);
	assert_int_equal(g.nreported, 4);
	assert_true(command_due(g.t) == US_NEVER);
	assert_string_equal(command_end_name(rig_last(&g)->end), "failed");
}

/* The process, or the machine, stood still: a read that had no chance to come says nothing. */
static void time_that_stood_still_ends_no_reading_back(void **state)
{
	(void)state;
	rig_command(&g, P_SETPOINT, "45");
	rig_command(&g, P_DOOR, "on");
	while (g.nwrite < 3)
		rig_step(&g);
	g.now += 60 * US_S;
	command_tick(g.t, g.now);
	rig_take(&g);
	settle();
	assert_int_equal(g.stuck, 0);
	assert_int_equal(g.nreported, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(g.reported[i].end, COMMAND_VERIFIED);
}

/* A bus that reads nothing at all, and a stop in between: it ends all the same. */
static void a_write_that_is_never_read_back_ends(void **state)
{
	(void)state;
	rig_command(&g, P_SETPOINT, "45");
	while (g.nwrite < 1)
		rig_step(&g);
	for (int i = 0; i < 2 && command_alive(g.t); i++) {
		g.ndemand = 0;
		g.now = command_due(g.t) + (i == 0 ? 60 * US_S : 0);
		command_tick(g.t, g.now);
		rig_take(&g);
	}
	assert_int_equal(rig_only(&g)->end, COMMAND_FAILED);
	assert_string_equal(g.reason[0],
	                    "acknowledged, but could not be read back: not read in time");
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_pulse_ends_by_itself),
		T(a_pulse_lasts_no_longer_than_it_should),
		T(at_the_end_no_interval_is_waited_for),
		T(a_pulse_that_is_not_taken_is_reported),
		T(a_pulse_that_cannot_be_read_back_in_time),
		T(between_the_attempts_to_end_a_pulse_its_point_is_published),
		T(the_end_of_a_pulse_that_fails_is_reported_and_tried_again),
		T(at_the_end_of_the_gateway_it_is_tried_more_often),
		T(the_end_of_a_pulse_is_not_written_to_another_device),
		T(a_device_that_moves_takes_no_pulse_with_it),
		T(the_journal_forgets_a_pulse_that_never_began),
		T(a_pulse_that_failed_may_be_on_and_is_ended),
		T(a_write_that_failed_is_read),
		T(the_pulse_of_an_earlier_life_is_ended_until_it_is_done),
		T(a_pulse_ends_also_when_its_begin_was_not_answered),
		T(the_end_of_a_pulse_is_not_given_up),
		T(a_pulse_ends_also_when_its_line_is_opened_anew),
		T(a_pulse_whose_point_goes_is_ended_first),
		T(the_end_of_a_pulse_gives_way_to_nothing),
		T(shutting_down_ends_pulses_at_once_and_answers_all),
		T(the_stop_reports_the_outcome_of_a_write),
		T(jobs_closed_by_the_stop_are_reported_so),
		T(at_the_very_end_nothing_is_left_unanswered),
		T(time_that_stood_still_ends_no_reading_back),
		T(a_write_that_is_never_read_back_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
