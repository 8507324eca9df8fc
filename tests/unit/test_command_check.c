// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/command/command.h"

#define RULE .address = -1, .on = -1, .off = -1, .toggle = -1, .verify = true, .repeatable = true

static const struct write_rule any = {RULE};
static const struct write_rule limited = {RULE,      .has_min = true,  .min = 20,  .has_max = true,
                                          .max = 75, .has_step = true, .step = 0.5};
static const struct write_rule stepped = {RULE, .has_step = true, .step = 5};
static const struct write_rule toggled = {
	.address = -1, .on = -1, .off = -1, .toggle = 0x5500, .verify = true, .repeatable = true};
static const struct write_rule dangerous = {RULE, .confirm = "erase"};
static const struct write_rule action = {RULE, .raw = (const uint8_t *)"\x42", .raw_len = 1};
static const struct write_rule wide = {RULE, .has_max = true, .max = 100};

static const struct label mode[] = {
	{0, "off"}, {1, "local"}, {2, "remote"}, {10, "Max"}, {11, "max"}};
static const struct label pump[] = {{0, "idle"}, {1, "running"}};
static const struct layout clock_layout = {
	.n = 6,
	.part = {PART_YEAR, PART_MONTH, PART_DAY, PART_HOUR, PART_MIN, PART_SEC},
	.utc = true};

static const struct point setpoint = {.name = "SetPoint",
                                      .table = TABLE_HOLDING,
                                      .parts = 1,
                                      .unit = "°C",
                                      .codec = {.type = TYPE_U16, .scale = {1, 1}, .decimals = 1},
                                      .write = &limited,
                                      .exponent_from = -1,
                                      .factor_from = -1};
static const struct point modes = {.name = "Mode",
                                   .table = TABLE_HOLDING,
                                   .parts = 1,
                                   .codec = {.type = TYPE_S16},
                                   .label = mode,
                                   .nlabel = 5,
                                   .write = &any,
                                   .exponent_from = -1,
                                   .factor_from = -1};
static const struct point ranged_mode = {.name = "Mode",
                                         .table = TABLE_HOLDING,
                                         .parts = 1,
                                         .codec = {.type = TYPE_S16},
                                         .label = mode,
                                         .nlabel = 3,
                                         .write = &wide,
                                         .exponent_from = -1,
                                         .factor_from = -1};
static const struct point coil = {.name = "Coil",
                                  .table = TABLE_COIL,
                                  .parts = 1,
                                  .codec = {.type = TYPE_BOOL},
                                  .write = &toggled,
                                  .exponent_from = -1,
                                  .factor_from = -1};
static const struct point labelled = {.name = "Pump",
                                      .table = TABLE_COIL,
                                      .parts = 1,
                                      .codec = {.type = TYPE_BOOL},
                                      .label = pump,
                                      .nlabel = 2,
                                      .write = &any,
                                      .exponent_from = -1,
                                      .factor_from = -1};
static const struct point u64 = {.name = "U64",
                                 .table = TABLE_HOLDING,
                                 .parts = 1,
                                 .codec = {.type = TYPE_U64},
                                 .write = &any,
                                 .exponent_from = -1,
                                 .factor_from = -1};
static const struct point s64 = {.name = "S64",
                                 .table = TABLE_HOLDING,
                                 .parts = 1,
                                 .codec = {.type = TYPE_S64},
                                 .write = &any,
                                 .exponent_from = -1,
                                 .factor_from = -1};
static const struct point f32 = {.name = "F32",
                                 .table = TABLE_HOLDING,
                                 .parts = 1,
                                 .codec = {.type = TYPE_F32, .decimals = 3},
                                 .write = &any,
                                 .exponent_from = -1,
                                 .factor_from = -1};
static const struct point by_five = {.name = "Five",
                                     .table = TABLE_HOLDING,
                                     .parts = 1,
                                     .codec = {.type = TYPE_U16},
                                     .write = &stepped,
                                     .exponent_from = -1,
                                     .factor_from = -1};
static const struct point text = {.name = "Text",
                                  .table = TABLE_HOLDING,
                                  .parts = 1,
                                  .codec = {.type = TYPE_STRING, .length = 3},
                                  .write = &any,
                                  .exponent_from = -1,
                                  .factor_from = -1};
static const struct point bytes = {.name = "Bytes",
                                   .table = TABLE_HOLDING,
                                   .parts = 1,
                                   .codec = {.type = TYPE_BYTES, .length = 1},
                                   .write = &any,
                                   .exponent_from = -1,
                                   .factor_from = -1};
static const struct point clock_point = {.name = "Clock",
                                         .table = TABLE_HOLDING,
                                         .parts = 1,
                                         .codec = {.type = TYPE_DATETIME, .layout = &clock_layout},
                                         .write = &any,
                                         .exponent_from = -1,
                                         .factor_from = -1};
static const struct point danger = {.name = "Danger",
                                    .table = TABLE_HOLDING,
                                    .parts = 1,
                                    .codec = {.type = TYPE_U16},
                                    .write = &dangerous,
                                    .exponent_from = -1,
                                    .factor_from = -1};
static const struct point raw_action = {.name = "Reset",
                                        .table = TABLE_HOLDING,
                                        .parts = 1,
                                        .codec = {.type = TYPE_U16},
                                        .write = &action,
                                        .exponent_from = -1,
                                        .factor_from = -1};
static const struct point read_only = {.name = "Ro",
                                       .table = TABLE_HOLDING,
                                       .parts = 1,
                                       .codec = {.type = TYPE_U16},
                                       .exponent_from = -1,
                                       .factor_from = -1};
static const struct point split = {.name = "Split",
                                   .table = TABLE_HOLDING,
                                   .parts = 2,
                                   .addr = {690, 625},
                                   .codec = {.type = TYPE_U32},
                                   .write = &any,
                                   .exponent_from = -1,
                                   .factor_from = -1};

/* Exactly one of `shown` (how it will be read back) and `reason`. */
struct row {
	const struct point *p;
	const char *payload, *shown, *reason;
};

static const struct row rows[] = {
	{&setpoint, "45.5", "45.5", NULL},
	{&setpoint, "4.55e1", "45.5", NULL},
	{&setpoint, "+45", "45.0", NULL},
	{&setpoint, " 45 ", "45.0", NULL},
	{&setpoint, "45 °C", "45.0", NULL},
	{&setpoint, "45°C\n", "45.0", NULL},
	{&setpoint, "45 °F", NULL, "not a number in °C"},
	{&setpoint, "45.5 °C °C", NULL, "not a number in °C"},
	{&setpoint, "75", "75.0", NULL},
	{&setpoint, "75.5", NULL, "above the maximum 75"},
	{&setpoint, "19.5", NULL, "below the minimum 20"},
	{&setpoint, "-45", NULL, "below the minimum 20"},
	{&setpoint, "45.3", NULL, "not 20 plus a multiple of the step 0.5"},
	{&setpoint, "0x10", NULL, "not a number in °C"},
	{&setpoint, "5,5", NULL, "not a number in °C"},
	{&setpoint, "NaN", NULL, "not a number"},
	{&setpoint, "inf", NULL, "not a number"},
	{&setpoint, "", NULL, "empty"},
	{&setpoint, " \t", NULL, "empty"},
	{&setpoint, "on", NULL, "not a number"},
	{&setpoint, "1e400", NULL, "not a number"},
	{&by_five, "35", "35", NULL},
	{&by_five, "33", NULL, "not a multiple of the step 5"},
	{&by_five, "65540", NULL, "does not fit the register"},
	{&by_five, "1e3", "1000", NULL},
	{&by_five, "-5", NULL, "does not fit the register"},
	{&modes, "remote", "remote", NULL},
	{&modes, "REMOTE", "remote", NULL},
	{&modes, "2", "remote", NULL},
	{&modes, "Max", "Max", NULL},
	{&modes, "MAX", NULL, "no such label; one of: off, local, remote, Max, max"},
	{&modes, "3", NULL, "no such label; one of: off, local, remote, Max, max"},
	{&modes, "2.5", NULL, "no such label; one of: off, local, remote, Max, max"},
	{&modes, "true", NULL, "no such label; one of: off, local, remote, Max, max"},
	{&ranged_mode, "50", "50", NULL},
	{&ranged_mode, "101", NULL, "above the maximum 100"},
	{&coil, "on", "on", NULL},
	{&coil, "TRUE", "on", NULL},
	{&coil, "1", "on", NULL},
	{&coil, "1.0", "on", NULL},
	{&coil, "off", "off", NULL},
	{&coil, "False", "off", NULL},
	{&coil, "0", "off", NULL},
	{&coil, "2", NULL, "must be on or off"},
	{&coil, "yes", NULL, "must be on or off"},
	{&coil, "toggle", "None", NULL},
	{&labelled, "running", "running", NULL},
	{&labelled, "1", "running", NULL},
	{&labelled, "on", NULL, "no such label; one of: idle, running"},
	{&labelled, "toggle", NULL, "no such label; one of: idle, running"},
	{&u64, "18446744073709551615", "18446744073709551615", NULL},
	{&u64, "18446744073709551616", NULL, "does not fit the register"},
	{&s64, "-9223372036854775808", "-9223372036854775808", NULL},
	{&s64, "9223372036854775808", NULL, "does not fit the register"},
	{&f32, "21.3", "21.300", NULL},
	{&f32, "1e39", NULL, "does not fit the register"},
	{&text, "pump 1", "pump 1", NULL},
	{&text, "pump 12", NULL, "longer than 6 characters"},
	{&text, "a\x1b[1m", NULL, "contains control characters or invalid UTF-8"},
	{&text, "a\nb", NULL, "contains control characters or invalid UTF-8"},
	{&text, "a\xC2\x9B", NULL, "contains control characters or invalid UTF-8"},
	{&bytes, "0aFF", "0aff", NULL},
	{&bytes, "0a", NULL, "not 4 hexadecimal digits"},
	{&bytes, "0aff00", NULL, "longer than 2 bytes"},
	{&clock_point, "now", "2026-11-21T09:30:00Z", NULL},
	{&clock_point, "2026-11-21 10:00", "2026-11-21T10:00:00Z", NULL},
	{&clock_point, "noon", NULL,
         "not a time this clock can hold; write it as 2026-11-21T10:00:00"},
	{&danger, "erase 1", "1", NULL},
	{&danger, "1", NULL, "confirmation required: write 'erase' before the value"},
	{&danger, "erase", NULL, "confirmation required: write 'erase' before the value"},
	{&danger, "erase1", NULL, "confirmation required: write 'erase' before the value"},
	{&raw_action, "on", "None", NULL},
	{&raw_action, "off", NULL, "an action: send 'on'"},
	{&read_only, "1", NULL, "read-only"},
	{&split, "1", NULL, "read-only: its two registers cannot be written together"},
};

static void every_payload_is_understood_or_refused_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		const struct command_input in = {.text = r->payload,
		                                 .now = "2026-11-21T10:30:00+01:00"};
		struct command_value v;
		char reason[COMMAND_REASON_MAX] = "", shown[VALUE_PRINT_MAX];
		const bool good = command_check(r->p, &in, &v, reason, sizeof reason);
		if (!good && (!r->reason || strcmp(reason, r->reason) != 0))
			fail_msg("%s '%s': %s", r->p->name, r->payload, reason);
		if (!good)
			continue;
		point_print(r->p, &v.v, NULL, shown, sizeof shown);
		if (!r->shown || strcmp(shown, r->shown) != 0)
			fail_msg("%s '%s' gives %s", r->p->name, r->payload, shown);
	}
}

static void a_long_payload_is_refused(void **state)
{
	(void)state;
	char payload[4097], reason[COMMAND_REASON_MAX];
	struct command_value v;
	memset(payload, '1', sizeof payload - 1);
	payload[sizeof payload - 1] = '\0';
	const struct command_input in = {.text = payload};
	assert_false(command_check(&u64, &in, &v, reason, sizeof reason));
	assert_string_equal(reason, "too long");
	assert_false(command_check(&text, &in, &v, reason, sizeof reason));
}

static void a_long_list_of_labels_ends_in_dots(void **state)
{
	(void)state;
	struct label many[60];
	char name[60][20], reason[64];
	struct command_value v;
	for (int i = 0; i < 60; i++) {
		snprintf(name[i], sizeof name[i], "label%d", i);
		many[i] = (struct label){i, name[i]};
	}
	struct point p = modes;
	p.label = many;
	p.nlabel = 60;
	const struct command_input in = {.text = "x"};
	assert_false(command_check(&p, &in, &v, reason, sizeof reason));
	assert_string_equal(reason + strlen(reason) - 3, "...");
}

static void a_scale_that_stands_in_the_device_must_be_known(void **state)
{
	(void)state;
	struct point p = u64;
	struct value exponent = value_none();
	struct command_input in = {.text = "12.5", .exponent = &exponent};
	struct command_value v;
	char reason[COMMAND_REASON_MAX];
	p.exponent_from = 1;
	assert_false(command_check(&p, &in, &v, reason, sizeof reason));
	assert_string_equal(reason, "its scale has not been read yet");
	exponent = value_int(-1);
	assert_true(command_check(&p, &in, &v, reason, sizeof reason));
	assert_int_equal(v.word[3], 125);
	in.now = NULL;
	in.text = "now";
	assert_false(command_check(&clock_point, &in, &v, reason, sizeof reason));
	assert_string_equal(reason, "the gateway's clock is not synchronised; write the time "
	                            "itself, as 2026-11-21T10:00:00");
}

static void a_configured_write_needs_no_confirmation(void **state)
{
	(void)state;
	struct command_value v;
	char reason[COMMAND_REASON_MAX];
	struct command_input in = {.text = "3", .own = true};
	assert_true(command_check(&danger, &in, &v, reason, sizeof reason));
	assert_int_equal(v.word[0], 3);
	in.text = "erase 4"; /* a keep-alive repeats what was commanded */
	assert_true(command_check(&danger, &in, &v, reason, sizeof reason));
	assert_int_equal(v.word[0], 4);
}

static void what_the_register_rounds_to_must_be_allowed_too(void **state)
{
	(void)state;
	static const struct write_rule tight = {RULE, .has_max = true, .max = 74.96};
	struct point p = setpoint;
	struct command_value v;
	char reason[COMMAND_REASON_MAX];
	p.write = &tight;
	const struct command_input in = {.text = "74.96"};
	assert_false(command_check(&p, &in, &v, reason, sizeof reason));
	assert_string_equal(reason, "the nearest the register can hold is above the maximum 74.96");
}

/* Neither what doubles lose is held against a value, nor is half a step of a large number let by.
 */
static void a_step_counts_also_in_large_numbers(void **state)
{
	(void)state;
	static const struct {
		double min, step;
		const char *text;
		bool good;
	} row[] = {
		{0, 2, "4000000000", true},        {0, 2, "4000000001", false},
		{1, 10, "2000000001", true},       {1, 10, "2000000003", false},
		{0, 0.1, "300000000.3", true},     {0, 0.1, "300000000.35", false},
		{1000000, 0.1, "1000000.3", true}, {0.1, 0.1, "400000000.7", true},
	};
	struct write_rule w = {RULE, .has_min = true, .has_step = true};
	struct point p = setpoint;
	struct command_value v;
	char reason[COMMAND_REASON_MAX];
	p.write = &w;
	p.codec = (struct codec){.type = TYPE_U64, .scale = {1, 2}};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const struct command_input in = {.text = row[i].text};
		w.min = row[i].min;
		w.step = row[i].step;
		if (command_check(&p, &in, &v, reason, sizeof reason) != row[i].good)
			fail_msg("%s: %s", row[i].text, reason);
	}
}

static void what_would_be_read_as_no_value_is_not_written(void **state)
{
	(void)state;
	const struct point narrow = {.name = "Narrow",
	                             .table = TABLE_HOLDING,
	                             .parts = 1,
	                             .codec = {.type = TYPE_U16},
	                             .has_valid = true,
	                             .valid_max = 10,
	                             .write = &any,
	                             .exponent_from = -1,
	                             .factor_from = -1};
	const struct command_input in = {.text = "50"};
	struct command_value v;
	char reason[COMMAND_REASON_MAX];
	assert_false(command_check(&narrow, &in, &v, reason, sizeof reason));
	assert_string_equal(reason, "outside the valid range");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_payload_is_understood_or_refused_in_words),
		cmocka_unit_test(a_long_payload_is_refused),
		cmocka_unit_test(a_long_list_of_labels_ends_in_dots),
		cmocka_unit_test(a_scale_that_stands_in_the_device_must_be_known),
		cmocka_unit_test(a_configured_write_needs_no_confirmation),
		cmocka_unit_test(what_the_register_rounds_to_must_be_allowed_too),
		cmocka_unit_test(a_step_counts_also_in_large_numbers),
		cmocka_unit_test(what_would_be_read_as_no_value_is_not_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
