// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mqtt/reason.h"

/* Else each try would be told anew: only the thread differs. */
static void of_a_tls_error_only_the_words_are_reported(void **state)
{
	(void)state;
	static const char *const row[][2] = {
		{"error:0A000086:SSL routines::certificate verify failed\n",
	         "certificate verify failed"},
		{"C096DB4E1C7F0000:error:0A000086:SSL routines:tls_post_process_server_certificate:"
	         "certificate verify failed:../ssl/statem/statem_clnt.c:1889:\n",
	         "certificate verify failed"},
		{"140735:error:1416F086:SSL routines:tls_process_server_certificate:"
	         "certificate verify failed:../ssl/statem/statem_clnt.c:1919:",
	         "certificate verify failed"},
		{"error:0A000086:SSL routines", "error:0A000086:SSL routines"},
		{"error:0A000086:SSL routines:::", "error:0A000086:SSL routines:::"},
		{"no cipher\r\n", "no cipher"},
		{"", ""},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char buf[128];
		reason_tls(row[i][0], strlen(row[i][0]), buf, sizeof buf);
		assert_string_equal(buf, row[i][1]);
	}
}

/* mosquitto answers a wrong password so, too: what to look at must be in the line. */
static void a_refused_user_learns_what_to_check(void **state)
{
	(void)state;
	char buf[128];
	reason_connect(5, 0x87, buf, sizeof buf);
	assert_non_null(strstr(buf, "check user name, password"));
	reason_connect(4, 5, buf, sizeof buf);
	assert_non_null(strstr(buf, "check user name, password"));
	assert_string_equal(reason_text(0x87), "not authorised"); /* of a publication */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_tls_error_only_the_words_are_reported),
		cmocka_unit_test(a_refused_user_learns_what_to_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
