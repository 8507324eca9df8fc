// SPDX-License-Identifier: MIT
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config_files.h"

static char *file_text(const char *path)
{
	static char text[65536];
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s is missing", path);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	return text;
}

/* Every file of the pattern must give exactly the messages of the .expect beside it, in that order.
 * XNET_WRITE_EXPECT in the environment writes them instead, to be read over. */
static size_t expect_messages(const char *pattern, bool profile, bool accepted)
{
	glob_t found;
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		char expect[256];
		struct diag d;
		struct profile_test *tests;
		size_t n;
		struct model *m;
		diag_init(&d);
		m = profile ? config_load_profile(path, &d, &tests, &n) : load(path, &d);
		snprintf(expect, sizeof expect, "%.*s.expect",
		         (int)(strlen(path) - strlen(".yaml")), path);
		char *got = messages(&d);
		if (getenv("XNET_WRITE_EXPECT")) {
			FILE *f = fopen(expect, "w");
			fputs(got, f);
			fclose(f);
		}
		if (!m == accepted)
			fail_msg("%s is %s", path, m ? "accepted" : "refused");
		model_destroy(m);
		if (strcmp(got, file_text(expect)) != 0)
			fail_msg("%s gives\n%sinstead of\n%s", path, got, file_text(expect));
		free(got);
		diag_free(&d);
	}
	const size_t n = found.gl_pathc;
	globfree(&found);
	return n;
}

static void each_mistake_has_its_message_and_place(void **state)
{
	(void)state;
	assert_true(expect_messages("bad/*.yaml", false, false) >= 35);
}

static void each_mistake_in_a_profile_has_its_message_and_place(void **state)
{
	(void)state;
	assert_true(expect_messages("profiles-bad/*.yaml", true, false) >= 2);
}

static void each_doubt_is_reported_and_the_rest_holds(void **state)
{
	(void)state;
	assert_true(expect_messages("doubtful/*.yaml", false, true) >= 1);
}

/* -- the reference -- */

struct reference_test {
	const char *manual;
	size_t lines;
};

/* "point.scale (number) [1]: Sentence." The section of the table must have the key, then the
 * sentence. */
static void reference_line(void *ctx, const char *text)
{
	struct reference_test *t = ctx;
	char section[96], key[512];
	const char *end = strchr(text, ' '), *dot = end;
	const char *sentence = text + strlen(text);
	t->lines++;
	assert_true(sentence[-1] == '.');
	while (strncmp(sentence, ": ", 2) != 0 || (sentence[-1] != ')' && sentence[-1] != ']'))
		sentence--;
	while (dot > text && dot[-1] != '.')
		dot--;
	snprintf(section, sizeof section, "\n.Ss %.*s\n", dot == text ? 9 : (int)(dot - text - 1),
	         dot == text ? "top level" : text);
	snprintf(key, sizeof key, "\n.It Ic %.*s\n%s\n", (int)(end - dot), dot, sentence + 2);
	const char *start = strstr(t->manual, section);
	if (!start)
		fail_msg("man/devices.yaml.5 has no section \"%s\"", section);
	const char *next = strstr(start + 1, "\n.Ss "), *found = strstr(start, key);
	if (!found || (next && found > next))
		fail_msg("man/devices.yaml.5 does not say \"%s\"", text);
}

static void the_manual_explains_every_key(void **state)
{
	(void)state;
	struct reference_test t = {.manual = file_text("../../man/devices.yaml.5")};
	config_print_keys(reference_line, &t);
	assert_true(t.lines > 120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_has_its_message_and_place),
		cmocka_unit_test(each_mistake_in_a_profile_has_its_message_and_place),
		cmocka_unit_test(each_doubt_is_reported_and_the_rest_holds),
		cmocka_unit_test(the_manual_explains_every_key),
	};
	const char *srcdir = getenv("srcdir");
	if (chdir(srcdir ? srcdir : ".") != 0 || chdir("tests/configs") != 0)
		return 99;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
