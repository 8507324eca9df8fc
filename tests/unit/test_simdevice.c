// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/devid.h"
#include "core/sim/device.h"
#include "core/sim/server.h"
#include "core/sim/values.h"

enum { VOLTS, CURRENT, POWER, ENERGY, STATE, SETPOINT, LOW, HIGH, RELAY, FLASH, ACTION, POINTS };

static const struct label stage[] = {{0, "Not Charging"}, {1, "Float"}, {2, "Bulk"}};
static const struct write_rule setting = {
	.has_min = true,
	.has_max = true,
	.min = 20,
	.max = 75,
	.address = -1,
	.on = -1,
	.off = -1,
	.toggle = -1,
};
static const struct write_rule grouped = {
	.group = "pair", .address = -1, .on = -1, .off = -1, .toggle = -1};
static const struct write_rule relay = {.address = -1, .on = 0xFF00, .off = 0, .toggle = 0x5500};
static const struct write_rule flash = {
	.only = true, .address = -1, .on = -1, .off = -1, .toggle = -1};
static const uint8_t reset[] = {0x42};
static const struct write_rule action = {
	.only = true,
	.raw = reset,
	.raw_len = 1,
	.raw_answer = 1,
	.address = -1,
	.on = -1,
	.off = -1,
	.toggle = -1,
};

#define REG(n, t, a, ty, mant_, unit_)                                                             \
	{                                                                                          \
		.name = n, .table = t, .parts = 1, .addr = {a}, .unit = unit_,                     \
		.exponent_from = -1, .factor_from = -1, .count_from = -1, .codec = {               \
			.type = ty,                                                                \
			.length = 1,                                                               \
			.scale = {mant_, mant_ == 1 ? 2 : 0}                                       \
		}                                                                                  \
	}

static struct point point[POINTS] = {
	[VOLTS] = REG("PvArrayVolts", TABLE_INPUT, 0x3100, TYPE_U16, 1, "V"),
	[CURRENT] = REG("PvArrayCurrent", TABLE_INPUT, 0x3101, TYPE_U16, 1, "A"),
	[POWER] = REG("PvArrayPower", TABLE_INPUT, 0x3102, TYPE_U32, 1, "W"),
	[ENERGY] = REG("GenEnergyLife", TABLE_INPUT, 0x3106, TYPE_F32, 0, "kWh"),
	[STATE] = REG("ChgOpState", TABLE_INPUT, 0x3200, TYPE_U16, 0, NULL),
	[SETPOINT] = REG("SetPoint", TABLE_HOLDING, 40, TYPE_U16, 1, "°C"),
	[LOW] = REG("Low", TABLE_HOLDING, 50, TYPE_U16, 0, NULL),
	[HIGH] = REG("High", TABLE_HOLDING, 51, TYPE_U16, 0, NULL),
	[RELAY] = REG("Relay1", TABLE_COIL, 0, TYPE_BOOL, 0, NULL),
	[FLASH] = REG("Relay1FlashOn", TABLE_COIL, 0x200, TYPE_U16, 0, "s"),
	[ACTION] = REG("Reset", TABLE_HOLDING, 0, TYPE_U16, 0, NULL),
};

static struct pointset set = {.point = point, .n = POINTS};
static struct device device = {.name = "scc1",
                               .id = 1,
                               .enabled = true,
                               .identify_point = -1,
                               .set = &set,
                               .rule = {.max_hole = UINT16_MAX}};
static struct simdevice *sim;
static uint8_t answer[PDU_MAX];

static int setup(void **state)
{
	(void)state;
	point[STATE].codec.bit = 2;
	point[STATE].codec.bits = 2;
	point[STATE].label = stage;
	point[STATE].nlabel = 3;
	point[SETPOINT].write = &setting;
	point[LOW].write = point[HIGH].write = &grouped;
	point[RELAY].write = &relay;
	point[FLASH].write = &flash;
	point[ACTION].write = &action;
	device.write_function = 0;
	sim = simdevice_create(&device, 7, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	simdevice_destroy(sim);
	return 0;
}

static size_t ask(const struct request *r)
{
	return simdevice_answer(sim, r->pdu, r->len, answer);
}

static uint8_t exception_of(const struct request *r)
{
	return ask(r) == 2 && answer[0] & 0x80 ? answer[1] : 0;
}

static void read_cells(uint8_t table, uint16_t addr, uint16_t count, uint16_t *words)
{
	struct request r;
	uint8_t exception;

	assert_true(pdu_read(&r, 1, table, addr, count));
	const size_t n = ask(&r);
	assert_true(pdu_answers(&r, answer, n, &exception));
	assert_int_equal(exception, 0);
	pdu_cells(&r, answer, n, words);
}

static void volts_times_amperes_are_watts(void **state)
{
	uint16_t w[4];

	(void)state;
	for (us_t t = 0; t < 600 * US_S; t += 7 * US_S) {
		simdevice_step(sim, t, 0);
		read_cells(TABLE_INPUT, 0x3100, 4, w);
		const double watts = (w[2] * 65536.0 + w[3]) / 100;
		assert_in_range(w[0], 3000, 4200);
		assert_true(watts > 100 && watts < 600);
		assert_true(watts - w[0] * w[1] / 1e4 < 1 && watts - w[0] * w[1] / 1e4 > -1);
	}
}

static double energy(void)
{
	uint16_t w[2];
	uint32_t raw;
	float f;

	read_cells(TABLE_INPUT, 0x3106, 2, w);
	raw = (uint32_t)w[0] << 16 | w[1];
	memcpy(&f, &raw, sizeof(f));
	return (double)f;
}

static void the_counter_rises_by_the_power(void **state)
{
	uint16_t w[2];
	double sum = 0, last = energy();
	const double first = last;

	(void)state;
	for (us_t t = US_S; t <= 3600 * US_S; t += US_S) {
		simdevice_step(sim, t, 0);
		read_cells(TABLE_INPUT, 0x3102, 2, w);
		sum += (w[0] * 65536.0 + w[1]) / 100 / 3.6e6;
		assert_true(energy() >= last);
		last = energy();
	}
	assert_true(sum > 0.2);
	assert_true(last - first - sum < 0.01 && last - first - sum > -0.01);
}

static void values_move_and_equal_seeds_move_alike(void **state)
{
	struct simdevice *twin = simdevice_create(&device, 7, 0);
	struct request r;
	uint8_t before[PDU_MAX], other[PDU_MAX];

	(void)state;
	assert_true(pdu_read(&r, 1, TABLE_INPUT, 0x3100, 2));
	const size_t n = ask(&r);
	memcpy(before, answer, n);
	simdevice_step(sim, 30 * US_S, 0);
	simdevice_step(twin, 30 * US_S, 0);
	assert_int_equal(ask(&r), n);
	assert_memory_not_equal(answer, before, n);
	assert_int_equal(simdevice_answer(twin, r.pdu, r.len, other), n);
	assert_memory_equal(answer, other, n);
	simdevice_destroy(twin);
}

static void frozen_values_stand_still(void **state)
{
	uint16_t a[4], b[4];

	(void)state;
	read_cells(TABLE_INPUT, 0x3100, 4, a);
	simdevice_freeze(sim, true);
	simdevice_step(sim, 60 * US_S, 0);
	read_cells(TABLE_INPUT, 0x3100, 4, b);
	assert_memory_equal(a, b, sizeof(a));
}

static void a_state_is_one_of_its_labels(void **state)
{
	uint16_t w;

	(void)state;
	read_cells(TABLE_INPUT, 0x3200, 1, &w);
	assert_int_equal(w >> 2 & 3, 2); /* Bulk */
}

static void holes_answer_zero_and_what_is_outside_answers_exception_2(void **state)
{
	uint16_t w[8];
	struct request r;

	(void)state;
	read_cells(TABLE_INPUT, 0x3100, 8, w);
	assert_int_equal(w[4], 0);
	assert_true(pdu_read(&r, 1, TABLE_INPUT, 0x3107, 2));
	assert_int_equal(exception_of(&r), EXC_ADDRESS);
	assert_true(pdu_read(&r, 1, TABLE_HOLDING, 0x3100, 1));
	assert_int_equal(exception_of(&r), EXC_ADDRESS);
}

static void no_hole_is_read_where_the_profile_forbids_it(void **state)
{
	struct request r;

	(void)state;
	device.rule.max_hole = 0;
	struct simdevice *strict = simdevice_create(&device, 7, 0);
	device.rule.max_hole = UINT16_MAX;
	assert_true(pdu_read(&r, 1, TABLE_INPUT, 0x3100, 8));
	assert_int_equal(simdevice_answer(strict, r.pdu, r.len, answer), 2);
	assert_int_equal(answer[1], EXC_ADDRESS);
	simdevice_destroy(strict);
}

static void a_write_sticks(void **state)
{
	struct request r;
	uint16_t w;

	(void)state;
	assert_true(pdu_write_register(&r, 1, 40, 5150));
	assert_int_equal(exception_of(&r), 0);
	simdevice_step(sim, 100 * US_S, 0);
	read_cells(TABLE_HOLDING, 40, 1, &w);
	assert_int_equal(w, 5150);
}

static void a_value_out_of_range_answers_exception_3(void **state)
{
	struct request r;

	(void)state;
	assert_true(pdu_write_register(&r, 1, 40, 7501));
	assert_int_equal(exception_of(&r), EXC_VALUE);
	assert_true(pdu_write_register(&r, 1, 40, 7500));
	assert_int_equal(exception_of(&r), 0);
}

static void what_is_not_writable_answers_exception_2(void **state)
{
	struct request r;

	(void)state;
	assert_true(pdu_write_register(&r, 1, 41, 1));
	assert_int_equal(exception_of(&r), EXC_ADDRESS);
	const uint16_t two[] = {5000, 1};
	assert_true(pdu_write_registers(&r, 1, 40, 2, two));
	assert_int_equal(exception_of(&r), EXC_ADDRESS);
}

static void a_group_is_written_whole_or_not_at_all(void **state)
{
	const uint16_t two[] = {5, 9};
	struct request r;
	uint16_t w[2];

	(void)state;
	assert_true(pdu_write_register(&r, 1, 50, 5));
	assert_int_equal(exception_of(&r), EXC_FAILURE);
	assert_true(pdu_write_registers(&r, 1, 50, 2, two));
	assert_int_equal(exception_of(&r), 0);
	read_cells(TABLE_HOLDING, 50, 2, w);
	assert_memory_equal(w, two, sizeof(two));
}

static void a_device_that_takes_only_one_function_refuses_the_other(void **state)
{
	const uint16_t one = 5000;
	struct request r;

	(void)state;
	device.write_function = 16;
	assert_true(pdu_write_register(&r, 1, 40, one));
	assert_int_equal(exception_of(&r), EXC_FUNCTION);
	assert_true(pdu_write_registers(&r, 1, 40, 1, &one));
	assert_int_equal(exception_of(&r), 0);
	device.write_function = 6;
	assert_true(pdu_write_registers(&r, 1, 40, 1, &one));
	assert_int_equal(exception_of(&r), EXC_FUNCTION);
}

static void a_coil_is_switched_and_toggled(void **state)
{
	static const uint16_t raw[] = {0xFF00, 0x5500, 0x5500, 0x0000, 0x5500};
	static const uint16_t stands[] = {1, 0, 1, 0, 1};
	struct request r;
	uint16_t w;

	(void)state;
	for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
		assert_true(pdu_write_coil(&r, 1, 0, raw[i]));
		assert_int_equal(exception_of(&r), 0);
		assert_memory_equal(answer, r.pdu, r.len);
		read_cells(TABLE_COIL, 0, 1, &w);
		assert_int_equal(w, stands[i]);
	}
	assert_true(pdu_write_coil(&r, 1, 0, 0x1234));
	assert_int_equal(exception_of(&r), EXC_VALUE);
}

static void actions_are_taken_and_cannot_be_read(void **state)
{
	struct request r;

	(void)state;
	assert_true(pdu_write_coil(&r, 1, 0x200, 7));
	assert_int_equal(ask(&r), r.len);
	assert_memory_equal(answer, r.pdu, r.len);
	assert_true(pdu_read(&r, 1, TABLE_COIL, 0x200, 1));
	assert_int_equal(exception_of(&r), EXC_ADDRESS);
	assert_int_equal(simdevice_answer(sim, reset, 1, answer), 1);
	assert_int_equal(answer[0], 0x42);
}

static void set_puts_a_value_and_auto_lets_it_move_again(void **state)
{
	const char *why;
	uint16_t w;

	(void)state;
	assert_true(simdevice_set(sim, "PvArrayVolts", "12.34", &why));
	simdevice_step(sim, 50 * US_S, 0);
	read_cells(TABLE_INPUT, 0x3100, 1, &w);
	assert_int_equal(w, 1234);
	assert_true(simdevice_set(sim, "PvArrayVolts", "auto", &why));
	simdevice_step(sim, 51 * US_S, 0);
	read_cells(TABLE_INPUT, 0x3100, 1, &w);
	assert_int_not_equal(w, 1234);
	assert_true(simdevice_set(sim, "ChgOpState", "Float", &why));
	read_cells(TABLE_INPUT, 0x3200, 1, &w);
	assert_int_equal(w >> 2 & 3, 1);
	assert_true(simdevice_set(sim, "Relay1", "on", &why));
	read_cells(TABLE_COIL, 0, 1, &w);
	assert_int_equal(w, 1);
	assert_false(simdevice_set(sim, "Nothing", "1", &why));
	assert_string_equal(why, "no such point");
	assert_false(simdevice_set(sim, "PvArrayVolts", "1000", &why));
	assert_string_equal(why, "does not fit its registers");
}

/* A device that tells its own scale, how many cells it has, and what it is. */
static struct point told[] = {
	REG("PowerExp", TABLE_HOLDING, 0, TYPE_S16, 0, NULL),
	REG("Power", TABLE_HOLDING, 1, TYPE_S16, 0, "W"),
	REG("Cells", TABLE_HOLDING, 2, TYPE_U16, 0, NULL),
	REG("Cell1Volts", TABLE_HOLDING, 3, TYPE_U16, 1, "V"),
	REG("Cell2Volts", TABLE_HOLDING, 4, TYPE_U16, 1, "V"),
	REG("Model", TABLE_HOLDING, 5, TYPE_STRING, 0, NULL),
};

/* Its own profile recognises it, by function 43/14, and not one for another device. */
static void a_device_is_recognised_by_its_own_rules(void **state)
{
	static const struct device_id_rule own[] = {{0, "Schneider*"}, {1, "PM*10"}, {130, "x"}};
	static const struct device_id_rule other[] = {{1, "PM5*"}, {0, "Schneider"}};
	const struct pointset published_set = {.point = told, .n = sizeof(told) / sizeof(told[0])};
	struct device d = {.name = "d",
	                   .id = 1,
	                   .set = &published_set,
	                   .identify_point = -1,
	                   .device_id = own,
	                   .ndevice_id = 3,
	                   .rule = {.max_hole = UINT16_MAX}};
	struct devid state_of = {0};
	struct request r;
	char why[DEVID_WORDS_MAX];

	(void)state;
	struct simdevice *s = simdevice_create(&d, 1, 0);
	devid_request(&state_of, &d, &r);
	assert_int_equal(r.pdu[2], 3);
	size_t n = simdevice_answer(s, r.pdu, r.len, answer);
	assert_int_equal(devid_take(&state_of, &d, answer, n, why, sizeof(why)), DEVID_SAME);
	for (size_t cut = 0; cut < n; cut++) { /* nothing is read behind its end */
		uint8_t *part = mem_alloc(cut + 1, 1);
		memcpy(part, answer, cut);
		state_of = (struct devid){0};
		assert_int_not_equal(devid_take(&state_of, &d, part, cut, why, sizeof(why)),
		                     DEVID_SAME);
		free(part);
	}
	d.device_id = other;
	d.ndevice_id = 2;
	state_of = (struct devid){0};
	devid_request(&state_of, &d, &r);
	assert_int_equal(r.pdu[2], 1);
	n = simdevice_answer(s, r.pdu, r.len, answer);
	assert_int_equal(devid_take(&state_of, &d, answer, n, why, sizeof(why)), DEVID_OTHER);
	assert_string_equal(why, "identifies as product \"PM10\" instead of \"PM5*\"");
	simdevice_destroy(s);
}

static void note_text(void *ctx, uint8_t object, const struct value *v)
{
	char *to = ctx;
	snprintf(to + strlen(to), 1000 - strlen(to), "%u=%s ", object,
	         v->kind == VALUE_TEXT ? v->text : "-");
}

/* Points with device_id: long texts, in several answers; an object set by hand. */
static void it_reports_the_objects_of_its_points(void **state)
{
	static const struct point texts[] = {
		{.name = "Vendor", .source = SOURCE_DEVICE_ID, .addr = {0}, .parts = 1},
		{.name = "Own", .source = SOURCE_DEVICE_ID, .addr = {200}, .parts = 1},
		{.name = "Other", .source = SOURCE_DEVICE_ID, .addr = {201}, .parts = 1},
	};
	const struct pointset texts_set = {.point = texts, .n = 3};
	const struct device d = {.name = "d",
	                         .id = 1,
	                         .vendor = "Acme",
	                         .set = &texts_set,
	                         .identify_point = -1,
	                         .rule = {.max_hole = UINT16_MAX}};
	struct devid_read reading;
	struct request r;
	const char *why;
	char text[1000] = "", longest[241] = "", expected[600];
	unsigned requests = 0;

	(void)state;
	struct simdevice *s = simdevice_create(&d, 1, 0);
	memset(longest, 'x', sizeof(longest) - 1);
	assert_true(simdevice_set(s, "Own", longest, &why));
	devid_read_begin(&reading, &d);
	for (; devid_read_next(&reading, &d, &r); requests++) {
		const size_t n = simdevice_answer(s, r.pdu, r.len, answer);
		devid_read_take(&reading, answer, n, note_text, text);
	}
	assert_int_equal(requests, 3);
	snprintf(expected, sizeof(expected), "0=Acme 2=1.0 200=%s 201=Other ", longest);
	assert_string_equal(text, expected);
	simdevice_destroy(s);
}

static void scales_counts_and_names_fit_together(void **state)
{
	static const char *const word[] = {"SDM630"};
	const struct pointset published_set = {.point = told, .n = sizeof(told) / sizeof(told[0])};
	struct device d = {.name = "d",
	                   .id = 1,
	                   .set = &published_set,
	                   .identify_point = 5,
	                   .nidentify = 1,
	                   .identify_word = word,
	                   .rule = {.max_hole = UINT16_MAX}};
	uint16_t w[8];
	struct request r;

	(void)state;
	told[1].exponent_from = 0;
	told[3].count_from = told[4].count_from = 2;
	told[3].repeat_n = 1;
	told[4].repeat_n = 2;
	told[5].codec.length = 3;
	struct simdevice *s = simdevice_create(&d, 1, 0);
	assert_true(pdu_read(&r, 1, TABLE_HOLDING, 0, 8));
	const size_t n = simdevice_answer(s, r.pdu, r.len, answer);
	pdu_cells(&r, answer, n, w);
	assert_int_equal((int16_t)w[0], -1);
	assert_in_range(w[1], 2500, 25000); /* tenths of a watt, of a house */
	assert_int_equal(w[2], 2);
	assert_memory_equal(answer + 2 + 2 * 5, "SDM630", 6);
	simdevice_destroy(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(volts_times_amperes_are_watts),
		TEST(the_counter_rises_by_the_power),
		TEST(values_move_and_equal_seeds_move_alike),
		TEST(frozen_values_stand_still),
		TEST(a_state_is_one_of_its_labels),
		TEST(holes_answer_zero_and_what_is_outside_answers_exception_2),
		TEST(no_hole_is_read_where_the_profile_forbids_it),
		TEST(a_write_sticks),
		TEST(a_value_out_of_range_answers_exception_3),
		TEST(what_is_not_writable_answers_exception_2),
		TEST(a_group_is_written_whole_or_not_at_all),
		TEST(a_device_that_takes_only_one_function_refuses_the_other),
		TEST(a_coil_is_switched_and_toggled),
		TEST(actions_are_taken_and_cannot_be_read),
		cmocka_unit_test(scales_counts_and_names_fit_together),
		cmocka_unit_test(a_device_is_recognised_by_its_own_rules),
		cmocka_unit_test(it_reports_the_objects_of_its_points),
		TEST(set_puts_a_value_and_auto_lets_it_move_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
