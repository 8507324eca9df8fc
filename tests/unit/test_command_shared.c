// SPDX-License-Identifier: MIT
/* Two points with some bits of one register: they are written in the order of their commands. */
#include "command_rig.h"

#define AT 262 /* Mode is all of the register, Field its bits 0 to 3 */

static void share(void)
{
	change(P_MODE)->addr[0] = AT;
	changed[P_MODE].nlabel = 0;
	reload(&next);
	g.nreported = g.nwrite = 0;
	g.holding[AT] = 0;
}

static void both_good(uint16_t is)
{
	settle();
	assert_int_equal(g.nreported, 2);
	for (size_t i = 0; i < 2; i++)
		if (!command_end_good(g.reported[i].end))
			fail_msg("%zu: %s", i, g.reason[i]);
	assert_int_equal(g.reported[0].point, P_MODE);
	assert_int_equal(g.holding[AT], is);
	reload(&rig_model);
}

/* It would be sent again behind the newer one. */
static void a_busy_device_takes_them_in_order(void **state)
{
	(void)state;
	share();
	fault(EXCEPTION, 3, 6);
	rig_command(&g, P_MODE, "255");
	rig_step(&g);
	rig_command(&g, P_FIELD, "1");
	both_good(0xF1);
	share(); /* also if it is on the wire when the newer one comes */
	fault(EXCEPTION, 1, 6);
	rig_command(&g, P_MODE, "255");
	const struct job j = g.job[0];
	g.njob = 0;
	rig_command(&g, P_FIELD, "1");
	job_do(&g, &j);
	rig_take(&g);
	both_good(0xF1);
}

static void a_lost_response_is_cleared_up_first(void **state)
{
	(void)state;
	static const enum fault lost[] = {LOST_REQUEST, LOST_ANSWER};
	for (size_t i = 0; i < 2; i++) {
		share();
		fault(lost[i], 1, 0);
		rig_command(&g, P_MODE, "255");
		rig_step(&g);
		rig_command(&g, P_FIELD, "1");
		both_good(0xF1);
	}
}

static void what_waits_for_its_interval_goes_first(void **state)
{
	(void)state;
	share();
	rule_of.min_write_interval = 5 * US_S;
	rig_command(&g, P_MODE, "15");
	settle();
	g.nreported = 0;
	g.now += US_S;
	rig_command(&g, P_MODE, "255");
	rig_command(&g, P_FIELD, "1");
	both_good(0xF1);
}

/* The device has taken it; that it is no more as it was written says nothing. */
static void what_a_newer_one_changed_is_not_read_back(void **state)
{
	(void)state;
	share();
	rig_command(&g, P_MODE, "255");
	rig_step(&g);
	rig_command(&g, P_FIELD, "1");
	both_good(0xF1);
	assert_int_equal(g.reported[0].end, COMMAND_ACKNOWLEDGED);
	share();
	rig_command(&g, P_MODE, "255");
	rig_command(&g, P_FIELD, "1"); /* before it is on the wire */
	both_good(0xF1);
}

/* Its end is not held up by what came meanwhile, nor does it hold that up. */
static void a_pulse_of_a_bit_holds_up_nothing(void **state)
{
	(void)state;
	change(P_DOOR)->addr[0] = AT;
	changed[P_DOOR].table = TABLE_HOLDING;
	changed[P_DOOR].codec.bits = 1;
	changed[P_MODE].addr[0] = AT;
	changed[P_MODE].nlabel = 0;
	reload(&next);
	g.holding[AT] = 0;
	rig_command(&g, P_DOOR, "on");
	const us_t from = g.now;
	while (!g.nreported)
		rig_step(&g); /* it is read back */
	rig_command(&g, P_MODE, "255");
	rig_step(&g);
	assert_int_equal(g.holding[AT], 255);
	settle();
	assert_int_equal(g.holding[AT], 254);
	assert_true(g.write[g.nwrite - 1].at < from + US_S);
	assert_int_equal(g.nreported, 3);
	reload(&rig_model);
}

/* What is to be written at the very end does not wait. */
static void at_the_stop_nothing_waits(void **state)
{
	(void)state;
	share();
	fault(LOST_ANSWER, 1, 0);
	rig_command(&g, P_MODE, "255");
	rig_step(&g);
	command_shutdown(g.t, g.now);
	const struct command_item item = {P_FIELD, "0"};
	struct command_request q = {.item = &item, .n = 1, .origin = COMMAND_FROM_GATEWAY};
	rig_submit(&g, &q);
	assert_int_equal(g.njob, 1);
	settle();
	assert_int_equal(g.holding[AT], 0xF0);
}

/* A safe value takes the place of what it writes wholly. */
static void a_safe_value_replaces_what_waits_for_a_part(void **state)
{
	(void)state;
	share();
	fault(EXCEPTION, 1, 6);
	rig_command(&g, P_FIELD, "1");
	rig_step(&g);
	const struct command_item item = {P_MODE, "0"};
	struct command_request q = {.item = &item, .n = 1, .origin = COMMAND_FROM_GATEWAY};
	rig_submit(&g, &q);
	settle();
	assert_int_equal(g.nreported, 2);
	assert_int_equal(g.reported[0].end, COMMAND_SUPERSEDED);
	assert_int_equal(g.holding[AT], 0);
	reload(&rig_model);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_busy_device_takes_them_in_order),
		T(a_lost_response_is_cleared_up_first),
		T(what_waits_for_its_interval_goes_first),
		T(what_a_newer_one_changed_is_not_read_back),
		T(a_pulse_of_a_bit_holds_up_nothing),
		T(at_the_stop_nothing_waits),
		T(a_safe_value_replaces_what_waits_for_a_part),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
