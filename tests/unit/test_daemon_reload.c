/* A new configuration: what goes on, what is published anew, what is gone. */
#include "daemon_rig.h"

#define ONE(keys) "  meter: {bus: line, id: 1, every: 1s, profile: own" keys "}\n"
#define TWO "  other: {bus: line, id: 2, every: 1s, profile: own}\n"
#define POINTS "points:\n  Watts: {holding: 0}\n  Kind: {holding: 1}\n"

static void begin(const char *devices, const char *profile)
{
	rig_begin(devices, profile);
	rig_read(0, 123);
	rig_read(1, 7);
	rig_said();
}

static void what_is_equal_says_nothing(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS);
	struct bus *const bus = rig_bus();
	rig_reload("devices:\n" ONE(""));
	assert_ptr_equal(rig_bus(), bus);
	assert_string_equal(rig_said(), "");
	assert_ptr_equal(rig.g.model, rig.g.plant->model);
	rig_read(0, 123);
	assert_string_equal(rig_said(), "");
	rig_read(0, 124);
	assert_string_equal(rig_said(), "meter/Watts 124");
}

static void a_device_that_is_gone_is_cleared_and_a_new_one_begins(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS);
	rig_reload("devices:\n" TWO);
	assert_string_equal(rig_said(), "meter/status \nother/status offline\n"
	                                "meter/Watts \nmeter/Kind ");
	rig_read(0, 125); /* of unit 1, which is nobody's now */
	assert_string_equal(rig_said(), "");
	rig_unit(2, true);
	assert_string_equal(rig_said(), "other/status online");
}

static void other_decimals_are_published_at_once(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS);
	rig_write_profile("points:\n  Watts: {holding: 0, scale: 0.1}\n"
	                  "  Kind: {holding: 1, decimals: 1}\n");
	rig_reload("devices:\n" ONE(""));
	assert_string_equal(rig_said(), "meter/Kind 7.0");
	rig_read(0, 123); /* the same words mean something else */
	assert_string_equal(rig_said(), "meter/Watts 12.3");
}

static void other_limits_hold_from_the_next_read_on(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS);
	rig_write_profile("points:\n  Watts: {holding: 0, valid: {min: 0, max: 100}}\n  Kind: "
	                  "{holding: 1}\n");
	rig_reload("devices:\n" ONE(""));
	assert_string_equal(rig_said(), "");
	rig_read(0, 123); /* the same words are looked at anew */
	assert_string_equal(rig_said(), "meter/Watts None");
}

static void a_mistake_changes_nothing(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS);
	const struct model *const m = rig.g.model;
	rig_reload("devices:\n" ONE(", points: {None: 3}"));
	assert_ptr_equal(rig.g.model, m);
	assert_non_null(strstr(rig_said(), "devices.yaml:6:"));
	assert_null(strstr(rig.said, "meter/"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(what_is_equal_says_nothing),
		RIG_TEST(a_device_that_is_gone_is_cleared_and_a_new_one_begins),
		RIG_TEST(other_decimals_are_published_at_once),
		RIG_TEST(other_limits_hold_from_the_next_read_on),
		RIG_TEST(a_mistake_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
