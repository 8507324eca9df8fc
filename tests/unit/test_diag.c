// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/diag.h"

static struct where at(const char *file, unsigned line, unsigned column)
{
	return (struct where){file, line, column};
}

static void messages_come_sorted_by_place_and_once(void **state)
{
	(void)state;
	struct diag d;
	char text[128];
	diag_init(&d);
	diag_error(&d, at("b.yaml", 1, 1), "in another file");
	diag_error(&d, at("a.yaml", 7, 3), "second %d", 2);
	diag_error(&d, at("a.yaml", 7, 3), "other");
	diag_error(&d, at("a.yaml", 7, 3), "second 2");
	diag_warn(&d, at("a.yaml", 2, 30), "first");
	diag_error(&d, at(NULL, 0, 0), "nowhere");
	diag_error(&d, at("a.yaml", 0, 0), "the file itself");
	assert_int_equal(d.errors, 6);
	diag_sort(&d);
	assert_int_equal(d.n, 6);
	assert_int_equal(d.errors, 5);
	static const char *const expect[] = {
		"nowhere",
		"a.yaml: the file itself",
		"a.yaml:2:30: warning: first",
		"a.yaml:7:3: second 2",
		"a.yaml:7:3: other",
		"b.yaml:1:1: in another file",
	};
	for (size_t i = 0; i < d.n; i++) {
		assert_int_equal(diag_print(&d.message[i], text, sizeof text), strlen(expect[i]));
		assert_string_equal(text, expect[i]);
	}
	diag_free(&d);
	assert_int_equal(d.n, 0);
	diag_sort(&d);
	diag_free(&d);
}

/* Files may be anybody's: what stands in them, and how they are called, drives no terminal. */
static void no_control_characters_come_out(void **state)
{
	(void)state;
	struct diag d;
	char text[3000], longest[3000];
	diag_init(&d);
	diag_error(&d, at("a\x1b[2J\n.yaml", 1, 1),
	           "\n<0>forged \xC2\x9B"
	           "2J \x7F %s",
	           "\xFF");
	diag_print(&d.message[0], text, sizeof text);
	assert_string_equal(text, "a [2J .yaml:1:1:  <0>forged  2J   \xEF\xBF\xBD");
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	memcpy(longest + 697, "éééé", 8);
	diag_error(&d, at(NULL, 0, 0), "%s", longest);
	assert_int_equal(strlen(d.message[1].text), 697 + 2 + 3);
	assert_string_equal(d.message[1].text + 697, "é…");
	diag_free(&d);
}

static void so_many_messages_and_no_more(void **state)
{
	(void)state;
	struct diag d;
	diag_init(&d);
	for (unsigned i = 0; i < 100000; i++)
		diag_error(&d, at("a.yaml", i + 1, 1), "unknown key %u", i);
	diag_sort(&d);
	assert_int_equal(d.n, 1000);
	assert_int_equal(d.errors, 1000);
	assert_string_equal(d.message[0].text, "99001 more messages are left out");
	assert_string_equal(d.message[999].text, "unknown key 998");
	diag_free(&d);
}

static void a_slip_of_the_finger_finds_its_word(void **state)
{
	(void)state;
	static const char *const known[] = {"timeout", "retries", "pause", "pause_after_write",
	                                    "id"};
	static const struct {
		const char *word, *nearest;
	} row[] = {
		{"timout", "timeout"},
		{"Timeout", "timeout"},
		{"tiemout", "timeout"},
		{"retrys", "retries"},
		{"puase", "pause"},
		{"pause-after-write", "pause_after_write"},
		{"ix", "id"},
		{"frobnicate", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const char *found = diag_nearest(row[i].word, known, 5);
		if (row[i].nearest)
			assert_string_equal(found, row[i].nearest);
		else
			assert_null(found);
	}
	char longest[200];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_null(diag_nearest(longest, known, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_sorted_by_place_and_once),
		cmocka_unit_test(no_control_characters_come_out),
		cmocka_unit_test(so_many_messages_and_no_more),
		cmocka_unit_test(a_slip_of_the_finger_finds_its_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
