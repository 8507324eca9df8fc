// SPDX-License-Identifier: MIT
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/value/value.h"

static uint64_t seed = 20261121;

static uint64_t random_word(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static struct value decimal(bool neg, uint64_t mant, uint8_t places)
{
	return (struct value){.kind = VALUE_DECIMAL, .neg = neg, .mant = mant, .places = places};
}

static void expect_print(struct value v, int decimals, const char *text)
{
	char buf[VALUE_PRINT_MAX];
	assert_int_equal(value_print(&v, decimals, buf, sizeof buf), strlen(text));
	assert_string_equal(buf, text);
}

static void decimals_print_exactly_as_many_digits_as_requested(void **state)
{
	(void)state;
	expect_print(decimal(false, 1328, 2), 2, "13.28");
	expect_print(decimal(false, 1328, 2), -1, "13.28");
	expect_print(decimal(false, 1328, 2), 4, "13.2800");
	expect_print(decimal(false, 1328, 2), 1, "13.3");
	expect_print(decimal(false, 1325, 2), 1, "13.3");
	expect_print(decimal(true, 1325, 2), 1, "-13.3");
	expect_print(decimal(false, 5, 3), 3, "0.005");
	expect_print(decimal(true, 5, 3), 2, "-0.01");
	expect_print(decimal(true, 4, 3), 2, "0.00");
	expect_print(decimal(true, 0, 0), 0, "0");
	expect_print(decimal(false, 0, 0), 3, "0.000");
	expect_print(decimal(false, 999, 1), 0, "100");
	expect_print(decimal(false, UINT64_MAX, 0), 0, "18446744073709551615");
	expect_print(decimal(true, UINT64_MAX, 19), 19, "-1.8446744073709551615");
	expect_print(decimal(false, UINT64_MAX, 19), 0, "2");
	expect_print(decimal(false, UINT64_MAX, 20), 0, "0");
	expect_print(decimal(false, UINT64_MAX, 200), 5, "0.00000");
	expect_print(value_int(INT64_MIN), 0, "-9223372036854775808");
	expect_print(value_int(4294967296), 0, "4294967296");
	expect_print(value_int(4294967295), 0, "4294967295");
	expect_print(decimal(false, 1, 0), 127, "1.0000000000000000000000000000000000000000");
}

static void reals_round_half_away_and_never_show_an_exponent(void **state)
{
	(void)state;
	expect_print(value_real(21.35), -1, "21.350");
	expect_print(value_real((double)21.3F), 3, "21.300");
	expect_print(value_real(0.5), 0, "1");
	expect_print(value_real(-2.5), 0, "-3");
	expect_print(value_real(0.125), 2, "0.13");
	expect_print(value_real(1.005), 2, "1.00"); /* the double lies below the tie */
	expect_print(value_real(-0.0), 1, "0.0");
	expect_print(value_real(-0.0004), 3, "0.000");
	expect_print(value_real(1e15), 0, "1000000000000000");
	expect_print(value_real(1e22), 1, "10000000000000000000000.0");
	expect_print(value_real(-1e-30), 20, "0.00000000000000000000");
	expect_print(value_real(NAN), 2, "None");
	expect_print(value_real(-INFINITY), 2, "None");
	char buf[8];
	struct value big = value_real(1.7e308);
	assert_int_equal(value_print(&big, 0, buf, sizeof buf), 309);
	assert_int_equal(strlen(buf), 7);
}

static void the_other_kinds_print_as_words(void **state)
{
	(void)state;
	expect_print(value_none(), 2, "None");
	expect_print(value_bool(true), 2, "on");
	expect_print(value_bool(false), 2, "off");
	expect_print((struct value){.kind = VALUE_TEXT, .text = "Tracer"}, 0, "Tracer");
	char buf[4];
	struct value v = value_int(12345);
	assert_int_equal(value_print(&v, 0, buf, sizeof buf), 5);
	assert_string_equal(buf, "123");
	assert_int_equal(value_print(&v, 0, NULL, 0), 5);
}

static void expect_number(const char *text, struct value want, const char *rest)
{
	const char *end = NULL;
	struct value got;
	assert_true(value_parse_number(text, &end, &got));
	assert_int_equal(got.kind, want.kind);
	assert_true(value_same(&got, &want));
	assert_string_equal(end, rest);
}

static void numbers_are_read_as_people_write_them(void **state)
{
	(void)state;
	expect_number("+5", value_int(5), "");
	expect_number(" 5 ", value_int(5), "");
	expect_number("1e3", value_int(1000), "");
	expect_number("-0.25", decimal(true, 25, 2), "");
	expect_number("1.5E-3", decimal(false, 15, 4), "");
	expect_number("21.50 °C", decimal(false, 215, 1), "°C");
	expect_number("5e", value_int(5), "e");
	expect_number("5 e3", value_int(5), "e3");
	expect_number("0x10", value_int(0), "x10");
	expect_number("5,5", value_int(5), ",5");
	expect_number("5.", value_int(5), "");
	expect_number(".5", decimal(false, 5, 1), "");
	expect_number("-0", value_int(0), "");
	expect_number("0e99999999999", value_int(0), "");
	expect_number("18446744073709551615", value_uint(UINT64_MAX), "");
	expect_number("-9223372036854775808", value_int(INT64_MIN), "");
	expect_number("18446744073709551616", value_real(18446744073709551616.0), "");
	expect_number("1.000000000000000000000000000000", value_int(1), "");
	expect_number("1e-40", value_real(1e-40), "");
	static const char *const bad[] = {"",  " ", "NaN", "nan", "inf",   "+",
	                                  "-", ".", "e3",  "on",  "1e400", "--5"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *end;
		struct value v;
		assert_false(value_parse_number(bad[i], &end, &v));
	}
}

static void decimals_of_the_configuration_keep_their_places(void **state)
{
	(void)state;
	struct decimal d;
	assert_true(decimal_parse("0.01", &d));
	assert_int_equal(d.mant, 1);
	assert_int_equal(d.places, 2);
	assert_true(decimal_parse("-5", &d));
	assert_int_equal(d.mant, -5);
	assert_true(decimal_parse("18.612", &d));
	assert_int_equal(d.mant, 18612);
	assert_true(decimal_parse("0.10", &d));
	assert_int_equal(d.mant, 10);
	assert_int_equal(d.places, 2);
	assert_true(fabs(decimal_real(&d) - 0.1) < 1e-15);
	assert_false(decimal_parse("1e3", &d));
	assert_false(decimal_parse("0x1", &d));
	assert_false(decimal_parse(" 1", &d));
	assert_false(decimal_parse("", &d));
	assert_false(decimal_parse("9223372036854775808", &d));
	assert_false(decimal_parse("0.00000000000000000000001", &d));
	struct decimal out;
	assert_true(decimal_shift(&(struct decimal){0, 0}, -2, &out));
	assert_int_equal(out.mant, 1);
	assert_int_equal(out.places, 2);
	assert_true(decimal_shift(&(struct decimal){5, 1}, 3, &out));
	assert_int_equal(out.mant, 500);
	assert_int_equal(out.places, 0);
	assert_false(decimal_shift(&(struct decimal){1, 0}, 19, &out));
	assert_false(decimal_shift(&(struct decimal){1, 0}, -20, &out));
}

static void equal_is_what_means_the_same(void **state)
{
	(void)state;
	struct value a = decimal(false, 150, 2), b = decimal(false, 15, 1), c = value_real(1.5),
		     d = value_none();
	struct value t = {.kind = VALUE_TEXT, .text = "x"}, u = {.kind = VALUE_TEXT, .text = "y"};
	struct value one = value_int(1), on = value_bool(true), zero = decimal(true, 0, 0),
		     nothing = value_int(0);
	struct value huge = value_uint(UINT64_MAX), small = decimal(false, 1, 19);
	assert_true(value_same(&a, &b));
	assert_true(value_same(&a, &c));
	assert_true(value_same(&d, &d));
	assert_false(value_same(&a, &d));
	assert_false(value_same(&t, &u));
	assert_false(value_same(&t, &a));
	assert_true(value_same(&t, &t));
	assert_true(value_same(&one, &on));
	assert_true(value_same(&zero, &nothing));
	assert_false(value_same(&huge, &small));
	assert_true(isnan(value_number(&t)));
	assert_true(isnan(value_number(&d)));
}

/* What is printed in full is read back as the same number. */
static void printing_and_reading_are_inverse(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		const uint64_t mant = random_word() >> (random_word() & 63);
		struct value v = decimal(random_word() & 1, mant, (uint8_t)(random_word() % 20)),
			     back;
		char buf[VALUE_PRINT_MAX];
		const char *end;
		value_print(&v, -1, buf, sizeof buf);
		if (!value_parse_number(buf, &end, &back) || *end || back.kind != VALUE_DECIMAL ||
		    !value_same(&v, &back))
			fail_msg("%s is not read back (seed %llu)", buf, (unsigned long long)seed);
	}
}

/* Where printf's rounding has no ties to disagree about, it is the judge. */
static void reals_print_as_printf_does(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		const double r = ((double)(int64_t)random_word()) /
		                 (double)(1ULL << (20 + random_word() % 40));
		const int decimals = (int)(random_word() % 7);
		char buf[VALUE_PRINT_MAX], want[VALUE_PRINT_MAX];
		snprintf(want, sizeof want, "%.*f", decimals, r);
		struct value v = value_real(r);
		value_print(&v, decimals, buf, sizeof buf);
		const bool tie = fabs(fabs(fmod(r * pow(10, decimals), 1)) - 0.5) < 1e-6;
		if (!tie && want[strspn(want, "-0.")] && strcmp(buf, want) != 0)
			fail_msg("%s, printf says %s (seed %llu)", buf, want,
			         (unsigned long long)seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimals_print_exactly_as_many_digits_as_requested),
		cmocka_unit_test(reals_round_half_away_and_never_show_an_exponent),
		cmocka_unit_test(the_other_kinds_print_as_words),
		cmocka_unit_test(numbers_are_read_as_people_write_them),
		cmocka_unit_test(decimals_of_the_configuration_keep_their_places),
		cmocka_unit_test(equal_is_what_means_the_same),
		cmocka_unit_test(printing_and_reading_are_inverse),
		cmocka_unit_test(reals_print_as_printf_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
