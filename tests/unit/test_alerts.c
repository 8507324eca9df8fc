// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/alerts.h"
#include "core/model/model.h"

static const char *text(const struct alerts *a)
{
	static struct json j;
	jw_reset(&j);
	alerts_json(a, &j);
	return j.text;
}

static bool raise_one(struct alerts *a, uint8_t kind, int32_t code, const char *desc,
                      const char *source)
{
	return alerts_raise(a, &(struct alert){.kind = kind,
	                                       .code = code,
	                                       .desc = desc,
	                                       .source = source,
	                                       .since = 1795255200000});
}

static void an_empty_set_has_two_empty_lists(void **state)
{
	(void)state;
	struct alerts *a = alerts_create();
	assert_string_equal(text(a), "{\"faults\":[],\"warnings\":[]}");
	alerts_destroy(a);
	alerts_destroy(NULL);
}

static void alerts_stand_by_code_and_only_changes_are_changes(void **state)
{
	(void)state;
	struct alerts *a = alerts_create();
	assert_true(raise_one(a, ALERT_FAULT, 7, "Over-voltage", NULL));
	assert_true(raise_one(a, ALERT_WARNING, 3, "Fan", NULL));
	assert_true(raise_one(a, ALERT_FAULT, 4, "Burner \"A\"", NULL));
	assert_false(raise_one(a, ALERT_FAULT, 7, "Over-voltage", NULL));
	assert_string_equal(
		text(a),
		"{\"faults\":[{\"code\":4,\"desc\":\"Burner \\\"A\\\"\"},{\"code\":7,\"desc\":"
		"\"Over-voltage\"}],\"warnings\":[{\"code\":3,\"desc\":\"Fan\"}]}");
	assert_true(raise_one(a, ALERT_FAULT, 7, "Over-voltage on PV", NULL));
	assert_true(alerts_clear(a, ALERT_FAULT, 7, NULL));
	assert_false(alerts_clear(a, ALERT_FAULT, 7, NULL));
	assert_false(alerts_clear(a, ALERT_WARNING, 4, NULL));
	assert_true(alerts_clear_source(a, NULL));
	assert_false(alerts_clear_source(a, NULL));
	assert_string_equal(text(a), "{\"faults\":[],\"warnings\":[]}");
	alerts_destroy(a);
}

static void points_of_one_code_stand_beside_each_other(void **state)
{
	(void)state;
	struct alerts *a = alerts_create();
	struct alert pump = {.kind = ALERT_FAULT, .code = 4, .desc = "pump", .source = "Pump"};
	struct alert fan = {.kind = ALERT_FAULT, .code = 4, .desc = "fan", .source = "Fan"};
	assert_true(alerts_raise(a, &pump));
	assert_true(alerts_raise(a, &fan));
	assert_true(alerts_clear(a, ALERT_FAULT, 4, "Fan"));
	assert_string_equal(text(a),
	                    "{\"faults\":[{\"code\":4,\"desc\":\"pump\"}],\"warnings\":[]}");
	alerts_destroy(a);
}

static void the_gateways_alerts_name_source_and_since(void **state)
{
	(void)state;
	struct alerts *a = alerts_create();
	assert_true(raise_one(a, ALERT_FAULT, 1, "down", "rs485"));
	assert_true(raise_one(a, ALERT_FAULT, 1, "down", "plant"));
	/* a later one of the same keeps the first time */
	assert_true(alerts_raise(a, &(struct alert){.kind = ALERT_FAULT,
	                                            .code = 1,
	                                            .desc = "gone",
	                                            .source = "plant",
	                                            .since = 1795255299999}));
	assert_string_equal(
		text(a),
		"{\"faults\":[{\"code\":1,\"desc\":\"gone\",\"source\":\"plant\",\"since\":"
		"\"2026-11-21T10:00:00.000Z\"},{\"code\":1,\"desc\":\"down\",\"source\":\"rs485\","
		"\"since\":\"2026-11-21T10:00:00.000Z\"}],\"warnings\":[]}");
	assert_true(alerts_clear_source(a, "rs485"));
	assert_false(alerts_clear_source(a, "rs485"));
	alerts_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_set_has_two_empty_lists),
		cmocka_unit_test(alerts_stand_by_code_and_only_changes_are_changes),
		cmocka_unit_test(points_of_one_code_stand_beside_each_other),
		cmocka_unit_test(the_gateways_alerts_name_source_and_since),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
