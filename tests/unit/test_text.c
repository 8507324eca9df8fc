// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"
#include "rng.h"

static const struct {
	const char *text, *shown;
} clean_row[] = {
	{"", ""},
	{"plain text, 21.5 °C – ✓ 🔥", "plain text, 21.5 °C – ✓ 🔥"},
	{"A\n<0>forged \x1b[2J", "A <0>forged  [2J"},
	{"tab\tcr\rdel\x7f.", "tab cr del ."},
	{"C1 \xC2\x9b"
         "31m \xC2\x80\xC2\x9F\xC2\xA0.",
         "C1  31m   \xC2\xA0."},
	{"\xE2\x80\xA8line\xE2\x80\xA9paragraph", " line paragraph"},
	{"\xE2\x80\xAE"
         "txet\xE2\x81\xA6\xD8\x9C\xE2\x80\x8E",
         " txet   "}, /* turned round */
	{"\xEF\xBB\xBF"
         "bom \xEF\xBF\xBE \xF0\x9F\xBF\xBF",
         " bom    "},
	{"\x9b"
         "31m",
         "\xEF\xBF\xBD"
         "31m"},                                                  /* a C1 byte alone is no UTF-8 */
	{"\xC0\x8A.", "\xEF\xBF\xBD\xEF\xBF\xBD."},               /* an overlong newline */
	{"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* a surrogate */
	{"cut \xE2\x80", "cut \xEF\xBF\xBD\xEF\xBF\xBD"},
};

static void what_acts_on_a_terminal_is_a_blank(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof clean_row / sizeof *clean_row; i++) {
		char buf[200];
		const char *text = clean_row[i].text;
		const size_t n = text_clean(text, strlen(text), buf, sizeof buf);
		assert_string_equal(buf, clean_row[i].shown);
		assert_int_equal(n, strlen(buf));
		assert_int_equal(text_plain(text, strlen(text)),
		                 strcmp(text, clean_row[i].shown) == 0);
	}
	char buf[8];
	assert_int_equal(text_clean("a\0b", 3, buf, sizeof buf), 3);
	assert_string_equal(buf, "a b");
}

static void a_long_text_is_cut_between_characters(void **state)
{
	(void)state;
	static const struct {
		size_t size;
		const char *shown;
	} row[] = {
		{1, ""},   {2, ""},   {3, ""},    {4, "…"},    {5, "…"},
		{6, "é…"}, {7, "é…"}, {8, "éé…"}, {9, "éééé"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char buf[16];
		memset(buf, 'x', sizeof buf);
		text_clean("éééé", 8, buf, row[i].size);
		assert_string_equal(buf, row[i].shown);
		assert_int_equal(buf[row[i].size], 'x');
	}
	char untouched = 'x';
	assert_int_equal(text_clean("abc", 3, &untouched, 0), 0);
	assert_int_equal(untouched, 'x');
}

/* Whatever comes in, what comes out can be shown, and is as it was if it could be shown. */
static void any_bytes_give_a_text_that_can_be_shown(void **state)
{
	(void)state;
	rng = 20261130;
	for (unsigned round = 0; round < 20000; round++) {
		char text[24], buf[80], again[80];
		const size_t n = below(sizeof text + 1);
		const size_t size = below(sizeof buf) + 1;
		for (size_t i = 0; i < n; i++)
			text[i] = (char)(below(3) ? below(256) : 0xC2);
		const size_t len = text_clean(text, n, buf, size);
		assert_true(len < size && buf[len] == '\0' && strlen(buf) == len);
		assert_true(text_plain(buf, len));
		text_clean(buf, len, again, sizeof again);
		assert_string_equal(again, buf);
	}
}

static void only_a_word_is_repeated(void **state)
{
	(void)state;
	char buf[TEXT_ECHO_SIZE], longest[67];
	assert_string_equal(text_echo("poll-on_demand.2", buf), "\"poll-on_demand.2\"");
	assert_string_equal(text_echo("m(1..8)", buf), "\"m(1..8)\"");
	assert_string_equal(text_echo("Relay{n}", buf), "\"Relay{n}\"");
	assert_string_equal(text_echo("", buf), "(0 characters, not repeated)");
	assert_string_equal(text_echo("root:$6$abcdef$hash:19000:0:99999:7::", buf),
	                    "(37 characters, not repeated)");
	assert_string_equal(text_echo("a\n<0>forged", buf), "(11 characters, not repeated)");
	assert_string_equal(text_echo("two words", buf), "(9 characters, not repeated)");
	memset(longest, 'a', sizeof longest);
	longest[64] = '\0';
	assert_int_equal(strlen(text_echo(longest, buf)), 66);
	longest[64] = 'a';
	longest[65] = '\0';
	assert_string_equal(text_echo(longest, buf), "(65 characters, not repeated)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_acts_on_a_terminal_is_a_blank),
		cmocka_unit_test(a_long_text_is_cut_between_characters),
		cmocka_unit_test(any_bytes_give_a_text_that_can_be_shown),
		cmocka_unit_test(only_a_word_is_repeated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
