// SPDX-License-Identifier: MIT
/* Devices and their values: phases, staleness, what is derived, what is published and when. */
#include "daemon_rig.h"

#define DEVICE(keys) "devices:\n  meter: {bus: line, id: 1, every: 1s, profile: own" keys "}\n"
#define POINTS                                                                                     \
	"points:\n"                                                                                \
	"  Watts: {holding: 0, scale: 0.1, stale: 5s}\n"                                           \
	"  Kind: {holding: 1}\n"
#define DERIVED POINTS "  Twice: {expr: \"Watts * 2\", decimals: 1}\n"
#define NAMED "identify: {point: Kind, equals: '7'}\n" POINTS

static void a_device_comes_and_goes_with_its_values(void **state)
{
	(void)state;
	rig_begin(DEVICE(", offline: {Watts: 0}"), POINTS);
	assert_string_equal(rig_said(), "meter/status offline\nhouse/status online\n"
	                                "house/Alerts {\"faults\":[],\"warnings\":[]}\n"
	                                "meter/Watts 0.0");
	rig_unit(1, true);
	assert_string_equal(rig_said(), "meter/status online");
	rig_read(0, 123);
	assert_string_equal(rig_said(), "meter/Watts 12.3");
	rig_read(0, 123);
	assert_string_equal(rig_said(), "");
	rig_unit(1, false);
	assert_string_equal(rig_said(), "meter/status offline\nmeter/Watts 0.0");
	/* it is back, with what it says now, not with what it said before */
	rig_unit(1, true);
	assert_string_equal(rig_said(), "meter/status online");
	rig_read(0, 123); /* the same words: published all the same */
	assert_string_equal(rig_said(), "meter/Watts 12.3");
	rig_port(false);
	assert_int_equal(strncmp(rig_said(), "meter/status offline\n", 21), 0);
	assert_non_null(strstr(rig.said, "\nmeter/Watts 0.0"));
}

static void what_is_not_read_any_more_has_no_value(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), DERIVED);
	rig_read(0, 123);
	rig_read(1, 9);
	assert_non_null(strstr(rig_said(), "meter/Watts 12.3\nmeter/Twice 24.6\nmeter/Kind 9"));
	rig_pass(4 * US_S);
	rig_read(1, 9); /* the device is there, but not this point */
	assert_string_equal(rig_said(), "");
	rig_pass(3 * US_S);
	assert_string_equal(rig_said(), "meter/Watts None\nmeter/Twice None");
	rig_read(0, 123);
	assert_string_equal(rig_said(), "meter/Watts 12.3\nmeter/Twice 24.6");
}

static void a_device_that_is_another_stays_offline(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), NAMED);
	rig_said();
	rig_unit(1, true);
	rig_read(0, 123);
	assert_string_equal(rig_said(), "");
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_IDENTIFYING);
	rig_read(1, 8);
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_STRANGER);
	assert_non_null(strstr(rig_said(), "identifies as 8"));
	assert_null(strstr(rig.said, "meter/"));
	rig_read(1, 9); /* another one again: said anew */
	assert_non_null(strstr(rig_said(), "identifies as 9"));
	rig_read(0, 124);
	assert_string_equal(rig_said(), "");
	rig_read(1, 7);
	assert_non_null(strstr(rig_said(), "meter/status online"));
	assert_non_null(strstr(rig.said, "house/Alerts {\"faults\":[],\"warnings\":[]}"));
	assert_non_null(strstr(rig.said, "meter/Watts 12.4\nmeter/Kind 7"));
	rig_unit(1, false);
	assert_string_equal(rig_said(), "meter/status offline");
}

/* A driver without RS-485, for one: direction is switched by RTS. */
static void what_is_to_be_known_of_a_port_stands_in_the_state_of_its_bus(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), POINTS);
	rig.mqtt = "broker: mqtt://h, client_id: c, sys_interval: 10s";
	rig.note = "direction is switched by RTS";
	rig_reload(DEVICE(""));
	rig_unit(1, true);
	rig_pass(10 * US_S);
	assert_non_null(strstr(rig_said(), "bus/line/state up: direction is switched by RTS\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_device_comes_and_goes_with_its_values),
		RIG_TEST(what_is_not_read_any_more_has_no_value),
		RIG_TEST(a_device_that_is_another_stays_offline),
		RIG_TEST(what_is_to_be_known_of_a_port_stands_in_the_state_of_its_bus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
