// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>

/* Virtual time. */
static struct timespec clock_now = {.tv_sec = 1000};

static int fake_clock(clockid_t id, struct timespec *t)
{
	(void)id;
	*t = clock_now;
	return 0;
}

#define clock_gettime fake_clock
#include "daemon/base/log.c"
#undef clock_gettime

static int tube[2], standard_error;

static int set_up(void **state_)
{
	(void)state_;
	if (pipe2(tube, O_NONBLOCK | O_CLOEXEC) != 0)
		return -1;
	standard_error = dup(STDERR_FILENO);
	dup2(tube[1], STDERR_FILENO);
	log_open(LEVEL_INFO);
	clock_now.tv_sec += 100000; /* all buckets are full */
	log_debug("fills up");
	return 0;
}

static int tear_down(void **state_)
{
	(void)state_;
	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	close(tube[0]);
	close(tube[1]);
	return 0;
}

/* What was written since; static. */
static const char *written(void)
{
	static char text[200000];
	size_t n = 0;
	ssize_t got;
	while ((got = read(tube[0], text + n, sizeof text - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	return text;
}

static unsigned lines(const char *text)
{
	unsigned n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void foreign_text_forges_no_line(void **state_)
{
	(void)state_;
	log_info("%s", "a\n<0>forged\x1b[2J\xC2\x9b\x7f\xFF");
	assert_string_equal(written(), "<6>a <0>forged [2J  \xEF\xBF\xBD\n");
}

static void a_flood_is_summed_up_and_drowns_no_warning(void **state_)
{
	(void)state_;
	for (unsigned i = 0; i < 1000; i++)
		log_info("flood");
	assert_int_equal(lines(written()), 100);
	log_error("true trouble");
	assert_non_null(strstr(written(), "<4>900 messages suppressed\n<3>true trouble\n"));
}

static void warnings_are_never_suppressed_in_silence(void **state_)
{
	(void)state_;
	for (unsigned i = 0; i < 1500; i++) {
		log_warn("bus b%u is down", i);
		if (i % 100 == 0)
			written();
	}
	written();
	log_suppressed(); /* nothing else is logged any more */
	assert_string_equal(written(),
	                    "<4>500 messages suppressed, 500 of them warnings; the last: "
	                    "bus b1499 is down\n");
	log_suppressed();
	assert_string_equal(written(), "");
}

static void debug_by_message_ends_and_is_limited(void **state_)
{
	(void)state_;
	log_set_level(LEVEL_DEBUG);
	for (unsigned i = 0; i < 10000; i++) {
		if (i % 100 == 0)
			assert_true(lines(written()) <= 101);
		log_debug("flood");
	}
	assert_int_equal(lines(written()), 0); /* 1000 at once */
	clock_now.tv_sec += 1;
	for (unsigned i = 0; i < 1000; i++)
		log_debug("flood");
	assert_int_equal(lines(written()), 51);
	clock_now.tv_sec += 598;
	log_debug("still");
	assert_non_null(strstr(written(), "still"));
	clock_now.tv_sec += 1;
	log_debug("no more");
	const char *text = written();
	assert_non_null(strstr(text, "debug has ended"));
	assert_null(strstr(text, "no more"));
	log_info("info as before");
	assert_non_null(strstr(written(), "info as before"));
}

static void other_levels_by_message_stay(void **state_)
{
	(void)state_;
	log_set_level(LEVEL_DEBUG);
	log_set_level(LEVEL_WARN);
	clock_now.tv_sec += 100000;
	log_info("unseen");
	log_warn("seen");
	assert_string_equal(written(), "<4>seen\n");
}

static void debug_on_the_command_line_is_whole(void **state_)
{
	(void)state_;
	log_open(LEVEL_DEBUG);
	log_set_level(LEVEL_INFO);
	log_set_level(LEVEL_DEBUG);
	clock_now.tv_sec += 100000;
	for (unsigned i = 0; i < 3000; i++) {
		log_debug("wanted");
		if (i % 100 == 99)
			assert_int_equal(lines(written()), 100);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(foreign_text_forges_no_line),
		TEST(a_flood_is_summed_up_and_drowns_no_warning),
		TEST(warnings_are_never_suppressed_in_silence),
		TEST(debug_by_message_ends_and_is_limited),
		TEST(other_levels_by_message_stay),
		TEST(debug_on_the_command_line_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
