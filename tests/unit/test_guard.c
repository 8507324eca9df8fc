// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "web/guard.h"

static void only_addresses_localhost_and_our_names_are_hosts(void **state)
{
	(void)state;
	static const struct {
		const char *host;
		bool good;
	} row[] = {
		{"127.0.0.1:8502", true},
		{"localhost", true},
		{"LOCALHOST:80", true},
		{"[::1]:8502", true},
		{"[fe80::1]", true},
		{"192.168.1.7", true},
		{"plant.lan", true},
		{"Plant.LAN:443", true},
		{NULL, false},
		{"", false},
		{":8502", false},
		{"evil.example", false},
		{"plant.lan.evil", false},
		{"127.0.0.1.evil", false},
		{"localhost.evil", false},
		{"plant.lan:80x", false},
		{"plant.lan:123456", false},
		{"[::1", false},
		{"[::1]evil", false},
		{"[evil]", false},
		{"localhost@evil", false},
		{"1", false},
		{"evil:80@127.0.0.1", false},
	};
	const struct guard g = {.host = {"plant.lan"}, .nhost = 1};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (guard_host(&g, row[i].host) != row[i].good)
			fail_msg("%s", row[i].host);
}

static void the_origin_is_the_host(void **state)
{
	(void)state;
	assert_true(guard_origin(NULL, "a:1"));
	assert_true(guard_origin("http://a:1", "a:1"));
	assert_true(guard_origin("https://A", "a"));
	static const char *const bad[] = {"null",         "",           "http://b:1", "http://a:2",
	                                  "http://a:1.b", "ftp://a:1",  "http://a",   "a:1",
	                                  "http://",      "http://a:1/"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(guard_origin(bad[i], "a:1"));
	assert_false(guard_origin("http://", ""));
	assert_false(guard_origin("http://a", NULL));
}

static void the_token_is_the_whole_token(void **state)
{
	(void)state;
	const struct guard g = {.token = "0123456789abcdef0123456789abcdef"};
	const struct guard none = {.token = ""};
	assert_true(guard_token(&g, "0123456789abcdef0123456789abcdef"));
	assert_false(guard_token(&g, "0123456789abcdef0123456789abcdee"));
	assert_false(guard_token(&g, "0123456789abcdef"));
	assert_false(guard_token(
		&g, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
	assert_false(guard_token(&g, ""));
	assert_false(guard_token(&g, NULL));
	assert_false(guard_token(&none, ""));
}

static void a_login_is_basic_and_guessing_ends(void **state)
{
	(void)state;
	struct guard g = {.login = "me:secret"};
	struct guard open = {.login = ""};
	assert_int_equal(guard_login(&open, NULL, 0), LOGIN_GOOD);
	assert_int_equal(guard_login(&g, NULL, 0), LOGIN_WRONG);
	assert_int_equal(guard_login(&g, "Basic bWU6c2VjcmV0", 0), LOGIN_GOOD);
	assert_int_equal(guard_login(&g, "basic bWU6c2VjcmV0", 0), LOGIN_GOOD);
	static const char *const bad[] = {
		"Basic bWU6c2VjcmU=",  "Basic bWU6c2VjcmV0ZQ==", "Basic !",      "Basic ",
		"Bearer bWU6c2VjcmV0", "Basic bWU6c2VjcmV0 ",    "bWU6c2VjcmV0", "",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(guard_login(&g, bad[i], 1), LOGIN_WRONG);
	char longest[2000] = "Basic ";
	memset(longest + 6, 'A', sizeof longest - 7);
	assert_int_equal(guard_login(&g, longest, 1), LOGIN_WRONG);
	assert_int_equal(guard_login(&g, "Basic x", 1), LOGIN_WRONG);
	assert_int_equal(guard_login(&g, "Basic bWU6c2VjcmV0", 59), LOGIN_LATER);
	assert_int_equal(guard_login(&g, "Basic bWU6c2VjcmV0", 60), LOGIN_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_addresses_localhost_and_our_names_are_hosts),
		cmocka_unit_test(the_origin_is_the_host),
		cmocka_unit_test(the_token_is_the_whole_token),
		cmocka_unit_test(a_login_is_basic_and_guessing_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
