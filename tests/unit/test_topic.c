// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"
#include "core/base/topic.h"

static void a_topic_is_cut_behind_its_prefix(void **state)
{
	(void)state;
	struct topic_levels t;
	assert_true(topic_split("xnet/cmd/relay1/Relay3", "xnet", &t));
	assert_int_equal(t.n, 3);
	assert_true(topic_is(&t, 0, "cmd"));
	assert_true(topic_is(&t, 1, "relay1"));
	assert_true(topic_is(&t, 2, "Relay3"));
	assert_false(topic_is(&t, 1, "relay"));
	assert_false(topic_is(&t, 1, "relay12"));
	assert_false(topic_is(&t, 3, ""));
	assert_true(topic_split("site7/xnet/a", "site7/xnet", &t));
	assert_int_equal(t.n, 1);
	assert_true(topic_split("xnet//", "xnet", &t));
	assert_int_equal(t.n, 2);
	assert_true(topic_is(&t, 0, ""));
	assert_false(topic_split("xnet", "xnet", &t));
	assert_false(topic_split("xnetz/a", "xnet", &t));
	assert_false(topic_split("", "xnet", &t));
	assert_true(topic_split("x/1/2/3/4/5/6/7/8/9/10", "x", &t));
	assert_int_equal(t.n, TOPIC_LEVELS + 1);
	assert_true(topic_is(&t, 7, "8"));
	assert_false(topic_is(&t, 8, "9"));
}

/* "MQTT Version 5.0", 4.7.1.2, 4.7.1.3, 4.7.2: the specification's own examples and their
 * neighbours. */
static const struct {
	const char *filter, *topic;
	bool match;
} match_row[] = {
	{"sport/tennis/player1/#", "sport/tennis/player1", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
	{"sport/tennis/player1/#", "sport/tennis/player12", false},
	{"sport/#", "sport", true},
	{"#", "a/b", true},
	{"sport/tennis/+", "sport/tennis/player1", true},
	{"sport/tennis/+", "sport/tennis/player1/ranking", false},
	{"sport/+", "sport", false},
	{"sport/+", "sport/", true},
	{"+/+", "/finance", true},
	{"/+", "/finance", true},
	{"+", "/finance", false},
	{"#", "$SYS/broker", false},
	{"+/monitor", "$SYS/monitor", false},
	{"$SYS/#", "$SYS/broker", true},
	{"xnet/#", "xnet/$SYS/gw", true},
	{"a/b", "a/b", true},
	{"a/b", "a/b/c", false},
	{"a/b/c", "a/b", false},
	{"a", "b", false},
	{"a/+/c", "a//c", true},
};

static void filters_match_as_specified(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof match_row / sizeof *match_row; i++) {
		if (topic_match(match_row[i].filter, match_row[i].topic) != match_row[i].match)
			fail_msg("%s and %s", match_row[i].filter, match_row[i].topic);
	}
}

static const struct {
	const char *text;
	size_t n;
	bool good;
} utf8_row[] = {
	{"", 0, true},
	{"plain", 5, true},
	{"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9, true},
	{"\xC0\x80", 2, false}, /* overlong NUL */
	{"\xC1\xBF", 2, false},
	{"\xE0\x9F\xBF", 3, false}, /* overlong */
	{"\xED\xA0\x80", 3, false}, /* surrogate */
	{"\xED\x9F\xBF", 3, true},
	{"\xF4\x8F\xBF\xBF", 4, true}, /* U+10FFFF */
	{"\xF4\x90\x80\x80", 4, false},
	{"\xF5\x80\x80\x80", 4, false},
	{"\xE2\x82", 2, false}, /* cut */
	{"\x80", 1, false},
	{"\xC3(", 2, false},
	{"a\0b", 3, false},
};

static void only_well_formed_utf8_without_nul_passes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof utf8_row / sizeof *utf8_row; i++) {
		if (text_utf8(utf8_row[i].text, utf8_row[i].n) != utf8_row[i].good)
			fail_msg("row %zu", i);
	}
}

static void topics_to_publish_have_no_wildcards_or_control_characters(void **state)
{
	(void)state;
	static char longest[65537];
	assert_true(topic_valid("xnet/sts/a/b"));
	assert_true(topic_valid("/"));
	assert_false(topic_valid(""));
	assert_false(topic_valid("a/+"));
	assert_false(topic_valid("a/#"));
	assert_false(topic_valid("a\n"));
	assert_false(topic_valid("a\x7F"));
	assert_false(topic_valid("a\xFF"));
	assert_false(topic_valid("a\xC2\x9B")); /* C1 */
	assert_false(topic_valid("a\xEF\xBF\xBF"));
	assert_false(topic_valid("\xEF\xBB\xBF"
	                         "a"));
	memset(longest, 'a', 65535);
	assert_true(topic_valid(longest));
	longest[65535] = 'a';
	assert_false(topic_valid(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_topic_is_cut_behind_its_prefix),
		cmocka_unit_test(filters_match_as_specified),
		cmocka_unit_test(only_well_formed_utf8_without_nul_passes),
		cmocka_unit_test(topics_to_publish_have_no_wildcards_or_control_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
