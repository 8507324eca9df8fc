// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/jread.h"

static bool parses(const char *text)
{
	struct jread r;
	const bool good = jread_parse(&r, text, strlen(text));
	assert_int_equal(good, r.error[0] == '\0');
	jread_free(&r);
	return good;
}

static void members_are_found_by_name(void **state)
{
	(void)state;
	static const char text[] =
		" {\"id\": 7, "
		"\"verb\":\"read\",\"deep\":{\"id\":8,\"list\":[1,[2,3],{}]},\"on\":true,"
		"\"off\":false,\"none\":null} \r";
	struct jread r;
	int64_t i;
	assert_true(jread_parse(&r, text, sizeof text - 1));
	const struct jread_node *root = r.node;
	assert_int_equal(root->kind, JREAD_OBJECT);
	assert_true(jread_int(jread_member(&r, root, "id"), 0, 100, &i));
	assert_int_equal(i, 7);
	assert_string_equal(jread_text(jread_member(&r, root, "verb")), "read");
	const struct jread_node *deep = jread_member(&r, root, "deep");
	assert_true(jread_int(jread_member(&r, deep, "id"), 0, 100, &i));
	assert_int_equal(i, 8);
	const struct jread_node *list = jread_member(&r, deep, "list"), *m = NULL;
	size_t n = 0;
	while ((m = jread_next(&r, list, m)))
		n++;
	assert_int_equal(n, 3);
	assert_int_equal(jread_member(&r, root, "on")->kind, JREAD_TRUE);
	assert_int_equal(jread_member(&r, root, "off")->kind, JREAD_FALSE);
	assert_int_equal(jread_member(&r, root, "none")->kind, JREAD_NULL);
	assert_null(jread_member(&r, root, "list"));
	assert_null(jread_member(&r, list, "id"));
	jread_free(&r);
}

static void escapes_become_characters(void **state)
{
	(void)state;
	static const char text[] = "[\"a\\\"\\\\\\/\\n\\u00e9\\u20AC\\ud83d\\ude00\xC3\xA9\"]";
	struct jread r;
	assert_true(jread_parse(&r, text, sizeof text - 1));
	assert_string_equal(r.node[1].text, "a\"\\/\n\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xA9");
	jread_free(&r);
}

static void only_whole_numbers_within_their_range_are_integers(void **state)
{
	(void)state;
	static const char *const no[] = {"1.0",  "1e3", "-1", "256", "99999999999999999999",
	                                 "\"5\""};
	struct jread r;
	int64_t i;
	for (size_t k = 0; k < sizeof no / sizeof *no; k++) {
		assert_true(jread_parse(&r, no[k], strlen(no[k])));
		assert_false(jread_int(r.node, 0, 255, &i));
		jread_free(&r);
	}
	assert_true(jread_parse(&r, "255", 3));
	assert_true(jread_int(r.node, 0, 255, &i));
	jread_free(&r);
	assert_false(jread_int(NULL, 0, 255, &i));
}

static void what_is_not_json_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"{",
		"}",
		"[1,]",
		"[1 2]",
		"{\"a\":1,}",
		"{a:1}",
		"{\"a\" 1}",
		"{\"a\":1,\"a\":2}",
		"{\"a\":{\"b\":1,\"b\":2}}",
		"{} {}",
		"\"",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\ud800\"",
		"\"\\ud800\\u0041\"",
		"\"\\udc00\"",
		"\"\\u0000\"",
		"\"\x01\"",
		"\"\xFF\"",
		"01",
		"+1",
		".5",
		"1.",
		"NaN",
		"nul",
		"truex",
		"[[[[[[[[[1]]]]]]]]]",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (parses(bad[i]))
			fail_msg("taken: %s", bad[i]);
	assert_true(parses("[[[[[[[[1]]]]]]]]"));
	assert_true(parses("{\"a\":{\"a\":1},\"b\":{\"a\":1}}"));
}

/* Each piece of a good text lies in memory of just its size: a read beyond it is seen. */
static void a_text_cut_anywhere_is_refused(void **state)
{
	(void)state;
	static const char text[] =
		"{\"id\":7,\"t\":\"\\ud83d\\ude00\\n\",\"l\":[-1.5e3,true,null]}";
	for (size_t n = 0; n < sizeof text - 1; n++) {
		struct jread r;
		char *piece = malloc(n ? n : 1);
		assert_non_null(piece);
		memcpy(piece, text, n);
		assert_false(jread_parse(&r, piece, n));
		jread_free(&r);
		free(piece);
	}
	assert_true(parses(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_by_name),
		cmocka_unit_test(escapes_become_characters),
		cmocka_unit_test(only_whole_numbers_within_their_range_are_integers),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(a_text_cut_anywhere_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
