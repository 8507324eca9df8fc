// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/name_table.h"

#define NAMES 5000

static void every_name_finds_its_own_number(void **state)
{
	(void)state;
	struct arena *a = arena_create();
	struct name_table l = {0};
	char name[16];
	assert_int_equal(name_table_find(&l, "P1", 2), -1);
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "P%d", i);
		assert_int_equal(name_table_find(&l, name, strlen(name)), -1);
		name_table_add(a, &l, arena_strdup(a, name), i);
	}
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "P%d", i);
		assert_int_equal(name_table_find(&l, name, strlen(name)), i);
	}
	assert_int_equal(l.n, NAMES);
	assert_true(l.room >= 2 * NAMES); /* so that none is looked for long */
	arena_destroy(a);
}

static void of_equal_names_the_first_stays_and_a_beginning_is_no_name(void **state)
{
	(void)state;
	struct arena *a = arena_create();
	struct name_table l = {0};
	name_table_add(a, &l, "Power", 1);
	name_table_add(a, &l, "Power", 2);
	name_table_add(a, &l, "", 3);
	assert_int_equal(name_table_find(&l, "Power", 5), 1);
	assert_int_equal(name_table_find(&l, "PowerFactor", 5), 1);
	assert_int_equal(name_table_find(&l, "PowerFactor", 11), -1);
	assert_int_equal(name_table_find(&l, "Powe", 4), -1);
	assert_int_equal(name_table_find(&l, "x", 0), 3);
	assert_int_equal(l.n, 2);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_finds_its_own_number),
		cmocka_unit_test(of_equal_names_the_first_stays_and_a_beginning_is_no_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
