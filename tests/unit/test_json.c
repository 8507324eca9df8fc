// SPDX-License-Identifier: MIT
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/json.h"
#include "mqtt/json_parse.h"

static void texts_are_escaped_and_broken_utf8_is_replaced(void **state)
{
	(void)state;
	struct json j = {0};
	jw_string(&j, NULL, "a\"b\\c\n\t\x01\x7F é");
	assert_string_equal(j.text, "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f é\"");
	jw_reset(&j);
	jw_string(&j, NULL, "x\xFFy\xC3");
	assert_string_equal(j.text, "\"x\xEF\xBF\xBDy\xEF\xBF\xBD\"");
	jw_reset(&j);
	jw_string(&j, NULL,
	          "\xC2\x9B"
	          "31m \xE2\x80\xA8\xE2\x80\xAE \xEF\xBF\xBE \xC2\xA0");
	assert_string_equal(j.text, "\"\\u009b31m \\u2028\\u202e \\ufffe \xC2\xA0\"");
	jw_reset(&j);
	jw_string(&j, NULL, NULL);
	assert_string_equal(j.text, "null");
	jw_free(&j);
}

static void members_and_elements_are_parted_by_commas(void **state)
{
	(void)state;
	struct json j = {0};
	jw_open(&j, NULL, '{');
	jw_open(&j, "empty", '[');
	jw_close(&j, ']');
	jw_open(&j, "list", '[');
	jw_int(&j, NULL, 1);
	jw_bool(&j, NULL, true);
	jw_null(&j, NULL);
	jw_close(&j, ']');
	jw_int(&j, "n", -5);
	jw_close(&j, '}');
	assert_string_equal(j.text, "{\"empty\":[],\"list\":[1,true,null],\"n\":-5}");
	assert_int_equal(j.len, strlen(j.text));
	jw_free(&j);
}

static const char *real(double r)
{
	static struct json j;
	jw_reset(&j);
	jw_real(&j, NULL, r);
	return j.text;
}

static void reals_are_the_shortest_that_read_back_equal(void **state)
{
	(void)state;
	assert_string_equal(real(0.1), "0.1");
	assert_string_equal(real(20), "20");
	assert_string_equal(real(-0.0), "0");
	assert_string_equal(real(0.00001), "0.00001");
	assert_string_equal(real(1e15), "1e+15");
	assert_string_equal(real(-1.5e-7), "-1.5e-07");
	assert_string_equal(real(999999999999999), "999999999999999");
	assert_string_equal(real(1.0 / 3), "0.3333333333333333");
	assert_string_equal(real(NAN), "null");
	assert_string_equal(real(INFINITY), "null");
}

static const char *value(const char *text)
{
	static struct json j;
	jw_reset(&j);
	jw_value(&j, NULL, text);
	return j.text;
}

static void value_texts_become_numbers_where_a_reader_keeps_them_exact(void **state)
{
	(void)state;
	assert_string_equal(value("12.50"), "12.50");
	assert_string_equal(value("-0.5"), "-0.5");
	assert_string_equal(value("0"), "0");
	assert_string_equal(value("None"), "null");
	assert_string_equal(value("none"), "\"none\"");
	assert_string_equal(value("on"), "\"on\"");
	assert_string_equal(value("007"), "\"007\"");
	assert_string_equal(value("1."), "\"1.\"");
	assert_string_equal(value(".5"), "\".5\"");
	assert_string_equal(value("+5"), "\"+5\"");
	assert_string_equal(value("1e5"), "1e5");
	assert_string_equal(value("1e"), "\"1e\"");
	assert_string_equal(value(""), "\"\"");
	assert_string_equal(value("-"), "\"-\"");
	assert_string_equal(value("9007199254740992"), "9007199254740992");
	assert_string_equal(value("-9007199254740992"), "-9007199254740992");
	assert_string_equal(value("9007199254740993"), "\"9007199254740993\"");
	assert_string_equal(value("18446744073709551615"), "\"18446744073709551615\"");
	assert_string_equal(value("12.5 V"), "\"12.5 V\"");
}

static const char *integer(int64_t i)
{
	static struct json j;
	jw_reset(&j);
	jw_int(&j, NULL, i);
	return j.text;
}

static void integers_above_2_to_53_stand_as_text(void **state)
{
	(void)state;
	assert_string_equal(integer(9007199254740992), "9007199254740992");
	assert_string_equal(integer(9007199254740993), "\"9007199254740993\"");
	assert_string_equal(integer(INT64_MIN), "\"-9223372036854775808\"");
}

static void times_are_utc_with_milliseconds(void **state)
{
	(void)state;
	char t[JW_TIME_SIZE];
	jw_time_text(0, t);
	assert_string_equal(t, "1970-01-01T00:00:00.000Z");
	jw_time_text(1795255200123, t);
	assert_string_equal(t, "2026-11-21T10:00:00.123Z");
	jw_time_text(951782400000, t);
	assert_string_equal(t, "2000-02-29T00:00:00.000Z");
	jw_time_text(4107542399999, t);
	assert_string_equal(t, "2100-02-28T23:59:59.999Z");
	jw_time_text(4107542400000, t);
	assert_string_equal(t, "2100-03-01T00:00:00.000Z");
	jw_time_text(-1, t);
	assert_string_equal(t, "1969-12-31T23:59:59.999Z");
	jw_time_text(INT64_MAX, t);
	assert_string_equal(t, "0000-01-01T00:00:00.000Z");
	jw_time_text(INT64_MIN, t);
	assert_string_equal(t, "0000-01-01T00:00:00.000Z");
}

/* -- what comes from outside ---------------------------------------------------------------------
 */

static char error[256];

static bool object(const char *text, struct json_members *m)
{
	return json_parse_object(text, strlen(text), m, error, sizeof error);
}

static void an_object_gives_each_value_as_text(void **state)
{
	(void)state;
	struct json_members m;
	assert_true(object("{\"a\": 0.1, \"b\": 20.0, \"c\": \"Float\", \"d\": true, \"e\": "
	                   "-9223372036854775808}",
	                   &m));
	assert_int_equal(m.n, 5);
	assert_string_equal(m.member[0].name, "a");
	assert_string_equal(m.member[0].text, "0.1");
	assert_string_equal(m.member[1].text, "20");
	assert_string_equal(m.member[2].text, "Float");
	assert_string_equal(m.member[3].text, "true");
	assert_string_equal(m.member[4].text, "-9223372036854775808");
	for (size_t i = 0; i < m.n; i++)
		assert_null(m.member[i].fault);
	json_members_free(&m);
}

static void values_that_no_point_can_take_are_marked(void **state)
{
	(void)state;
	struct json_members m;
	assert_true(object("{\"a\": null, \"b\": [1], \"c\": {}}", &m));
	for (size_t i = 0; i < m.n; i++)
		assert_non_null(m.member[i].fault);
	json_members_free(&m);
	assert_true(object("{}", &m));
	assert_int_equal(m.n, 0);
	json_members_free(&m);
}

static const struct {
	const char *text, *says;
} bad_row[] = {
	{"", "not JSON"},
	{"{\"a\":1,\"a\":2}", "duplicate"},
	{"{\"a\":1} x", "not JSON"},
	{"{\"a\":1", "(column 6)"},
	{"{a:1}", "not JSON"},
	{"{\"a\":\"\\u0000\"}", "not JSON"},
	{"{\"a\":\"\xFF\"}", "not JSON"},
	{"{\"a\":18446744073709551616}", "send it as text"},
	{"{\"a\":1e999}", "send it as text"},
	{"[1]", "must be an object"},
	{"5", "must be an object"},
	{"null", "must be an object"},
};

static void what_is_no_object_is_refused_with_its_place(void **state)
{
	(void)state;
	struct json_members m;
	for (size_t i = 0; i < sizeof bad_row / sizeof *bad_row; i++) {
		assert_false(object(bad_row[i].text, &m));
		if (!strstr(error, bad_row[i].says))
			fail_msg("%s: %s", bad_row[i].text, error);
		assert_int_equal(m.n, 0);
	}
}

static bool names(const char *text, struct json_members *m)
{
	return json_parse_names(text, strlen(text), m, error, sizeof error);
}

static void a_list_gives_names_and_null_means_all(void **state)
{
	(void)state;
	struct json_members m;
	assert_true(names("[\"a\",\"b\"]", &m));
	assert_int_equal(m.n, 2);
	assert_false(m.null);
	assert_string_equal(m.member[1].name, "b");
	json_members_free(&m);
	assert_true(names("null", &m));
	assert_true(m.null);
	assert_false(names("[\"a\",1]", &m));
	assert_non_null(strstr(error, "list of points"));
	assert_int_equal(m.n, 0);
	assert_false(names("{}", &m));
	assert_false(names("[", &m));
}

static void a_list_of_objects_gives_their_names(void **state)
{
	(void)state;
	struct json_members m;
	const char *text = "{\"x\":1,\"points\":[{\"name\":\"A\",\"unit\":\"V\"},{\"unit\":\"A\"},"
			   "7,{\"name\":\"B\"}]}";
	assert_true(json_parse_list_of(text, strlen(text), "points", "name", &m));
	assert_int_equal(m.n, 2);
	assert_string_equal(m.member[0].name, "A");
	assert_string_equal(m.member[1].name, "B");
	json_members_free(&m);
	assert_false(json_parse_list_of("[]", 2, "points", "name", &m));
	assert_false(json_parse_list_of("{", 1, "points", "name", &m));
}

static void what_we_write_we_can_read(void **state)
{
	(void)state;
	struct json j = {0};
	struct json_members m;
	char all[256];
	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	jw_open(&j, NULL, '{');
	jw_string(&j, all, all);
	jw_close(&j, '}');
	assert_true(json_parse_object(j.text, j.len, &m, error, sizeof error));
	assert_int_equal(m.n, 1);
	assert_memory_equal(m.member[0].text, all, 127);
	json_members_free(&m);
	jw_free(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_escaped_and_broken_utf8_is_replaced),
		cmocka_unit_test(members_and_elements_are_parted_by_commas),
		cmocka_unit_test(reals_are_the_shortest_that_read_back_equal),
		cmocka_unit_test(value_texts_become_numbers_where_a_reader_keeps_them_exact),
		cmocka_unit_test(integers_above_2_to_53_stand_as_text),
		cmocka_unit_test(times_are_utc_with_milliseconds),
		cmocka_unit_test(an_object_gives_each_value_as_text),
		cmocka_unit_test(values_that_no_point_can_take_are_marked),
		cmocka_unit_test(what_is_no_object_is_refused_with_its_place),
		cmocka_unit_test(a_list_gives_names_and_null_means_all),
		cmocka_unit_test(a_list_of_objects_gives_their_names),
		cmocka_unit_test(what_we_write_we_can_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
