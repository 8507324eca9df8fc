// SPDX-License-Identifier: MIT
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/value/expr.h"

static const struct {
	const char *name;
	struct value v;
} point[] = {
	{"Power", {.kind = VALUE_DECIMAL, .mant = 1500, .places = 0}},
	{"Gas", {.kind = VALUE_DECIMAL, .mant = 25, .places = 1}},
	{"Zero", {.kind = VALUE_DECIMAL}},
	{"Missing", {.kind = VALUE_NONE}},
	{"Name", {.kind = VALUE_TEXT, .text = "x"}},
	{"On", {.kind = VALUE_BOOL, .mant = 1}},
	{"Real", {.kind = VALUE_REAL, .real = -0.5}},
	{"Big", {.kind = VALUE_DECIMAL, .mant = 9007199254740992}},
};

static int look_up(void *ctx, const char *name, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < sizeof point / sizeof *point; i++)
		if (strlen(point[i].name) == len && memcmp(point[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

static struct value input(void *ctx, int index)
{
	(void)ctx;
	return point[index].v;
}

static struct value evaluate(const char *text)
{
	struct arena *a = arena_create();
	unsigned column = 0;
	char message[160] = "";
	struct expr *e = expr_compile(a, text, look_up, NULL, &column, message, sizeof message);
	if (!e)
		fail_msg("%s: column %u: %s", text, column, message);
	const struct value v = expr_eval(e, input, NULL);
	arena_destroy(a);
	return v;
}

static void arithmetic_binds_as_everywhere(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double want;
	} row[] = {
		{"1 + 2 * 3", 7},
		{"(1 + 2) * 3", 9},
		{"10 - 4 - 3", 3},
		{"2 * 3 % 4", 2},
		{"-Power / 2", -750},
		{"--1", 1},
		{"+5", 5},
		{"1e3+.5", 1000.5},
		{"Power / max(Gas, 1)", 600},
		{"min(3, 1, 2)", 1},
		{"max(3)", 3},
		{"abs(Real)", 0.5},
		{"round(Real)", -1},
		{"floor(Real)", -1},
		{"Gas > 2 ? 10 : 20", 10},
		{"Gas > 3 ? 10 : Zero ? 1 : 20", 20},
		{"Gas>3?10:20", 20},
		{"1 - -1", 2},
		{"Big + 0", 9007199254740992},
		{"Zero ? Missing : 4", 4},
		{"(On ? 1 : 0) + 1", 2},
		{"1 ? 2 : 3 + 10", 2},
		{"7.5 % 2", 1.5},
		{"\t1\n+ 1 ", 2},
		{"min(Power, Gas > 1 ? 3 : 4, max(1, 2)) + 1", 3},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const struct value v = evaluate(row[i].text);
		if (v.kind != VALUE_REAL || fabs(v.real - row[i].want) > 1e-12)
			fail_msg("%s is %g", row[i].text, value_number(&v));
	}
}

static void comparisons_give_bits(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool want;
	} row[] = {
		{"Power > 1000", true},
		{"Power >= 1500", true},
		{"Power < 1500", false},
		{"Power <= 1500", true},
		{"Gas == 2.5", true},
		{"Gas != 2.5", false},
		{"!On", false},
		{"!Zero", true},
		{"On && Gas > 1", true},
		{"Zero || Gas > 3", false},
		{"Zero && Missing", false},
		{"On || Missing", true},
		{"1 + 1 == 2 && 2 > 1", true},
		{"!(1 > 2) && On", true},
		{"On", true},
		{"On && 5", true},
		{"0 || 0 && 1 || 3", true},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const struct value v = evaluate(row[i].text);
		if (v.kind != VALUE_BOOL || v.mant != row[i].want)
			fail_msg("%s is kind %u, %g", row[i].text, v.kind, value_number(&v));
	}
}

static void what_is_missing_makes_the_result_missing(void **state)
{
	(void)state;
	static const char *const text[] = {
		"Missing",
		"Missing + 1",
		"1 / Zero",
		"5 % Zero",
		"Name * 2",
		"max(1, Missing)",
		"Missing ? 1 : 2",
		"Missing == Missing",
		"Missing && Zero",
		"Zero || Missing",
		"1e308 * 10 - 1e308 * 10",
		"1e308 * 100",
	};
	for (size_t i = 0; i < sizeof text / sizeof *text; i++)
		if (evaluate(text[i]).kind != VALUE_NONE)
			fail_msg("%s is something", text[i]);
}

static void errors_name_the_column(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned column;
		const char *message;
	} row[] = {
		{"", 1, "the expression ends too early"},
		{"1 +", 4, "the expression ends too early"},
		{"1 + Powre", 5, "no point 'Powre' in this device"},
		{"mean(1)", 1, "no function 'mean'; there are min, max, abs, round, floor"},
		{"1 + 0x10", 6, "'x10' behind a number; write decimal numbers"},
		{"Power = 3", 7, "'=' does not compare; write '=='"},
		{"1 2", 3, "an operator expected"},
		{"(1 + 2", 7, "')' expected"},
		{"abs(1, 2)", 6, "')' expected"},
		{"1 ? 2", 6, "':' expected"},
		{"* 2", 1, "a number, a point or '(' expected"},
		{"1e999", 1, "a number is too large"},
		{"min()", 5, "a number, a point or '(' expected"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct arena *a = arena_create();
		unsigned column = 0;
		char message[160] = "";
		assert_null(expr_compile(a, row[i].text, look_up, NULL, &column, message,
		                         sizeof message));
		assert_string_equal(message, row[i].message);
		assert_int_equal(column, row[i].column);
		arena_destroy(a);
	}
}

static void no_text_is_too_deep_or_too_long(void **state)
{
	(void)state;
	struct arena *a = arena_create();
	static char text[100000];
	unsigned column;
	char message[160];
	memset(text, '(', sizeof text - 1);
	assert_null(expr_compile(a, text, look_up, NULL, &column, message, sizeof message));
	assert_string_equal(message, "nested too deep");
	memset(text, '-', sizeof text - 1);
	assert_null(expr_compile(a, text, look_up, NULL, &column, message, sizeof message));
	assert_string_equal(message, "nested too deep");
	for (size_t i = 0; i + 1 < sizeof text; i += 2)
		memcpy(text + i, "1+", 2);
	assert_null(expr_compile(a, text, look_up, NULL, &column, message, sizeof message));
	assert_string_equal(message, "too long an expression");
	arena_destroy(a);
}

static void an_expression_knows_its_inputs(void **state)
{
	(void)state;
	struct arena *a = arena_create();
	unsigned column;
	char message[160];
	struct expr *e = expr_compile(a, "Gas * Gas + Power + (Zero ? Gas : 1)", look_up, NULL,
	                              &column, message, sizeof message);
	size_t at = 0;
	for (int i = 0; i < 3; i++)
		assert_int_equal(expr_next(e, &at), i);
	assert_int_equal(expr_next(e, &at), -1);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arithmetic_binds_as_everywhere),
		cmocka_unit_test(comparisons_give_bits),
		cmocka_unit_test(what_is_missing_makes_the_result_missing),
		cmocka_unit_test(errors_name_the_column),
		cmocka_unit_test(no_text_is_too_deep_or_too_long),
		cmocka_unit_test(an_expression_knows_its_inputs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
