// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/sim/server.h"
#include "core/sim/units.h"

static const struct write_rule any = {.address = -1, .on = -1, .off = -1, .toggle = -1};
static const struct point point[] = {
	{.name = "SetPoint",
         .table = TABLE_HOLDING,
         .parts = 1,
         .addr = {40},
         .exponent_from = -1,
         .count_from = -1,
         .factor_from = -1,
         .codec = {.type = TYPE_U16, .length = 1},
         .write = &any},
};
static const struct point other_point[] = {
	{.name = "Elsewhere",
         .table = TABLE_HOLDING,
         .parts = 1,
         .addr = {900},
         .exponent_from = -1,
         .count_from = -1,
         .factor_from = -1,
         .codec = {.type = TYPE_U16, .length = 1},
         .write = &any},
};
static const struct pointset set = {.point = point, .n = 1},
			     other_set = {.point = other_point, .n = 1};
static const struct device device[] = {
	{.name = "a", .id = 1, .enabled = true, .identify_point = -1, .set = &set},
	{.name = "b", .id = 2, .enabled = true, .identify_point = -1, .set = &set},
	{.name = "b2",
         .id = 2,
         .enabled = true,
         .identify_point = -1,
         .shared = true,
         .set = &other_set},
	{.name = "off", .id = 3, .identify_point = -1, .set = &set},
	{.name = "elsewhere",
         .id = 4,
         .bus = 1,
         .enabled = true,
         .identify_point = -1,
         .set = &set},
};
static const struct model model = {.device = device, .ndevice = 5};
static struct simunits *units;
static char said[2048];

static void hear(void *ctx, const char *json)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%s", json);
}

static int setup(void **state)
{
	(void)state;
	said[0] = '\0';
	units = simunits_create(&model, 0, 1, 5 * US_MS, 0);
	simunits_on_write(units, hear, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	simunits_destroy(units);
	return 0;
}

static const char *command(const char *text)
{
	static char reply[2048];
	char line[200];

	snprintf(line, sizeof(line), "%s", text);
	simunits_command(units, line, 7, reply, sizeof(reply));
	return reply;
}

static size_t read_one(uint8_t unit, uint16_t addr, uint8_t *answer)
{
	struct request r;

	assert_true(pdu_read(&r, unit, TABLE_HOLDING, addr, 1));
	simunits_turn(units, unit);
	return simunits_answer(units, unit, r.pdu, r.len, US_S, 0, answer);
}

static size_t write_one(uint8_t unit, uint16_t value, uint8_t *answer)
{
	struct request r;

	assert_true(pdu_write_register(&r, 1, 40, value));
	simunits_turn(units, unit);
	return simunits_answer(units, unit, r.pdu, r.len, 1234567, 0, answer);
}

static void only_enabled_devices_of_this_bus_answer(void **state)
{
	uint8_t answer[PDU_MAX];

	(void)state;
	assert_int_equal(read_one(1, 40, answer), 4);
	assert_int_equal(read_one(3, 40, answer), 0);
	assert_int_equal(read_one(4, 40, answer), 0);
	assert_int_equal(read_one(9, 40, answer), 0);
}

static void devices_that_share_an_id_answer_as_one(void **state)
{
	uint8_t answer[PDU_MAX];

	(void)state;
	assert_int_equal(read_one(2, 40, answer), 4);
	assert_int_equal(read_one(2, 900, answer), 4);
	assert_int_equal(read_one(2, 500, answer), 2);
	assert_int_equal(answer[1], EXC_ADDRESS);
}

static void an_unplugged_device_is_silent_until_plugged_in(void **state)
{
	uint8_t answer[PDU_MAX];

	(void)state;
	assert_string_equal(command("unplug a"), "ok");
	assert_int_equal(read_one(1, 40, answer), 0);
	assert_int_equal(read_one(2, 40, answer), 4);
	assert_string_equal(command("plug a"), "ok");
	assert_int_equal(read_one(1, 40, answer), 4);
}

static void an_exception_fault_ends_after_its_count(void **state)
{
	uint8_t answer[PDU_MAX];

	(void)state;
	assert_string_equal(command("fault a exception 6 x2"), "ok");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(read_one(1, 40, answer), 2);
		assert_int_equal(answer[0], 0x83);
		assert_int_equal(answer[1], 6);
	}
	assert_int_equal(read_one(1, 40, answer), 4);
}

static void an_exception_fault_writes_nothing(void **state)
{
	uint8_t answer[PDU_MAX];

	(void)state;
	write_one(1, 77, answer);
	assert_string_equal(command("fault a exception 4"), "ok");
	write_one(1, 99, answer);
	assert_non_null(strstr(said, "\"words\":[99],\"exception\":4}"));
	assert_string_equal(command("fault a none"), "ok");
	assert_int_equal(read_one(1, 40, answer), 4);
	assert_int_equal(answer[3], 77);
}

static void a_line_fault_is_reported_for_the_next_requests(void **state)
{
	struct sim_turn t;

	(void)state;
	assert_int_equal(simunits_turn(units, 1).fault, SIM_NONE);
	assert_string_equal(command("fault a late 700ms x1"), "ok");
	t = simunits_turn(units, 1);
	assert_int_equal(t.fault, SIM_LATE);
	assert_int_equal(t.delay, 700 * US_MS);
	assert_int_equal(simunits_turn(units, 1).fault, SIM_NONE);
	assert_string_equal(command("fault a crc"), "ok");
	for (int i = 0; i < 1000; i++)
		assert_int_equal(simunits_turn(units, 1).fault, SIM_BAD_CRC);
	assert_int_equal(simunits_turn(units, 2).fault, SIM_NONE);
}

static void a_delay_is_the_turnaround(void **state)
{
	(void)state;
	assert_int_equal(simunits_turn(units, 1).turnaround, 5 * US_MS);
	assert_string_equal(command("delay a 1.5s"), "ok");
	assert_int_equal(simunits_turn(units, 1).turnaround, 1500 * US_MS);
	assert_int_equal(simunits_turn(units, 2).turnaround, 5 * US_MS);
}

static void every_write_is_reported_with_its_time_and_words(void **state)
{
	uint8_t answer[PDU_MAX];
	const uint16_t two[] = {1, 65535};
	struct request r;

	(void)state;
	write_one(1, 513, answer);
	assert_string_equal(said,
	                    "{\"time\":1.234567,\"device\":\"a\",\"unit\":1,\"fc\":6,\"addr\":40,"
	                    "\"words\":[513],\"exception\":0}");
	assert_true(pdu_write_registers(&r, 1, 40, 2, two));
	simunits_turn(units, 1);
	simunits_answer(units, 1, r.pdu, r.len, 0, 0, answer);
	assert_non_null(strstr(said, "\"fc\":16,\"addr\":40,\"words\":[1,65535],\"exception\":2}"));
	said[0] = '\0';
	read_one(1, 40, answer);
	assert_string_equal(said, "");
}

static void a_broadcast_is_done_by_all_and_answered_by_none(void **state)
{
	uint8_t answer[PDU_MAX];

	(void)state;
	assert_int_equal(write_one(0, 321, answer), 0);
	assert_int_equal(read_one(1, 40, answer), 4);
	assert_int_equal(answer[2] << 8 | answer[3], 321);
	assert_int_equal(read_one(2, 40, answer), 4);
	assert_int_equal(answer[2] << 8 | answer[3], 321);
}

static void stats_count_by_device(void **state)
{
	uint8_t answer[PDU_MAX];

	(void)state;
	read_one(1, 40, answer);
	write_one(1, 1, answer);
	read_one(2, 40, answer);
	assert_string_equal(
		command("stats"),
		"{\"requests\":3,\"early\":7,\"devices\":{"
		"\"a\":{\"unit\":1,\"requests\":2,\"writes\":1,\"refused\":0,\"wanted_refused\":0},"
		"\"b\":{\"unit\":2,\"requests\":1,\"writes\":0,\"refused\":0,\"wanted_refused\":0},"
		"\"b2\":{\"unit\":2,\"requests\":0,\"writes\":0,\"refused\":0,\"wanted_refused\":0}"
		"}}");
}

static void wrong_commands_report_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *reply;
	} row[] = {
		{"", "error: commands: unplug plug fault delay set chain freeze thaw stats log"},
		{"jump",
	         "error: commands: unplug plug fault delay set chain freeze thaw stats log"},
		{"unplug", "error: words are missing"},
		{"unplug nobody", "error: no such device"},
		{"fault a strange", "error: no such fault: see xnetctl(1)"},
		{"fault a exception", "error: which exception? 1 to 255"},
		{"fault a exception 0", "error: which exception? 1 to 255"},
		{"fault a late", "error: how late? 700ms"},
		{"fault a late soon", "error: how late? 700ms"},
		{"delay a 5 s", "error: how long? 40ms"},
		{"delay a 5", "ok"},
		{"delay a x", "error: how long? 40ms"},
		{"set a Nothing 1", "error: no such point"},
		{"set a SetPoint warm", "error: no value of this point"},
		{"set a SetPoint 70000", "error: does not fit its registers"},
		{"set a SetPoint 65535", "ok"},
		{"freeze", "ok"},
		{"thaw", "ok"},
		{"chain a 40000:1", "error: it has no SunSpec models"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_string_equal(command(row[i].text), row[i].reply);
}

/* -- a SunSpec device ---------------------------------------------------------- */

static const uint16_t bases[] = {100}, common_id[] = {1}, inverter_id[] = {101, 103};
static struct sunspec_part part[] = {
	{.name = "common", .id = common_id, .nid = 1, .nth = 1, .length = 66},
	{.name = "inverter", .id = inverter_id, .nid = 2, .nth = 1, .length = 50},
};
static struct point sun_point[] = {
	{.name = "Watts",
         .table = TABLE_HOLDING,
         .parts = 1,
         .part = 2,
         .offset = {14},
         .exponent_from = -1,
         .count_from = -1,
         .factor_from = -1,
         .codec = {.type = TYPE_U16, .length = 1}},
};
static struct sunspec sun = {
	.base = bases, .nbase = 1, .part = part, .npart = 2, .point = sun_point, .npoint = 1};
static const struct pointset sun_set = {.point = sun_point, .n = 1, .sunspec = &sun};
static const struct device sun_device = {.name = "sun",
                                         .id = 1,
                                         .enabled = true,
                                         .identify_point = -1,
                                         .rule = {.max_read = 125},
                                         .set = &sun_set};
static const struct model sun_model = {.device = &sun_device, .ndevice = 1};

static int setup_sun(void **state)
{
	struct sunspec_chain c;

	(void)state;
	assert_true(sunspec_layout(&sun, &c));
	sunspec_bind(&sun_device, &c);
	units = simunits_create(&sun_model, 0, 1, 5 * US_MS, 0);
	return 0;
}

/* -1: refused. */
static long cell(uint16_t addr)
{
	uint8_t answer[PDU_MAX];

	if (read_one(1, addr, answer) != 4)
		return -1;
	return answer[2] << 8 | answer[3];
}

static void a_chain_stands_at_the_base_with_its_end(void **state)
{
	(void)state;
	assert_int_equal(cell(100), 0x5375);
	assert_int_equal(cell(101), 0x6E53);
	assert_int_equal(cell(102), 1);
	assert_int_equal(cell(103), 66);
	assert_int_equal(cell(170), 101);
	assert_int_equal(cell(171), 50);
	assert_int_equal(cell(222), 0xFFFF);
	assert_int_equal(cell(223), 0);
	assert_int_equal(cell(224), -1);
	assert_int_equal(cell(99), -1);
}

static void a_chain_can_be_replaced(void **state)
{
	(void)state;
	assert_string_equal(command("set sun Watts 1234"), "ok");
	assert_int_equal(cell(184), 1234);
	assert_string_equal(command("chain sun 5000:64001/8,103/52,1"), "ok");
	assert_string_equal(command("set sun Watts 4321"), "ok");
	assert_int_equal(cell(184), -1);
	assert_int_equal(cell(5000), 0x5375);
	assert_int_equal(cell(5002), 64001);
	assert_int_equal(cell(5012), 103);
	assert_int_equal(cell(5013), 52);
	assert_int_equal(cell(5026), 4321);
	assert_int_equal(cell(5066), 1);
	assert_string_equal(command("chain sun 5000:1"), "ok");
	assert_string_equal(command("set sun Watts 1"), "error: no such point");
}

static void a_wrong_chain_reports_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *reply;
	} row[] = {
		{"chain sun", "error: words are missing"},
		{"chain sun 5000", "error: expects a base and ids, like 50000:1,160,103,64001/8"},
		{"chain sun 70000:1",
	         "error: expects a base and ids, like 50000:1,160,103,64001/8"},
		{"chain sun 5000:", "error: expects ids behind the base, like 50000:1,160,103"},
		{"chain sun 5000:1,", "error: expects ids behind the base, like 50000:1,160,103"},
		{"chain sun 5000:1/x", "error: expects a length behind /"},
		{"chain sun 5000:1;2", "error: expects commas between the ids"},
		{"chain sun 65500:1", "error: does not fit into the registers"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_string_equal(command(row[i].text), row[i].reply);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(only_enabled_devices_of_this_bus_answer),
		TEST(devices_that_share_an_id_answer_as_one),
		TEST(an_unplugged_device_is_silent_until_plugged_in),
		TEST(an_exception_fault_ends_after_its_count),
		TEST(an_exception_fault_writes_nothing),
		TEST(a_line_fault_is_reported_for_the_next_requests),
		TEST(a_delay_is_the_turnaround),
		TEST(every_write_is_reported_with_its_time_and_words),
		TEST(a_broadcast_is_done_by_all_and_answered_by_none),
		TEST(stats_count_by_device),
		TEST(wrong_commands_report_what_is_wrong),
		cmocka_unit_test_setup_teardown(a_chain_stands_at_the_base_with_its_end, setup_sun,
	                                        teardown),
		cmocka_unit_test_setup_teardown(a_chain_can_be_replaced, setup_sun, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_chain_reports_what_is_wrong, setup_sun,
	                                        teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
