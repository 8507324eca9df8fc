#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mqtt/reason.h"

static void assert_tls(const char *text, const char *reason)
{
	char buf[128];
	reason_tls(text, strlen(text), buf, sizeof buf);
	assert_string_equal(buf, reason);
}

static void a_tls_failure_is_told_in_the_same_words_each_time(void **state)
{
	(void)state;
	assert_tls("error:0A000086:SSL routines::certificate verify failed\n",
	           "certificate verify failed");
	assert_tls("C096DB4E1C7F0000:error:0A000086:SSL routines:"
	           "tls_post_process_server_certificate:certificate verify failed:"
	           "../ssl/statem/statem_clnt.c:1889:\n",
	           "certificate verify failed");
	assert_tls("error:0A000086", "");
	assert_tls("no such file\n", "no such file");
	assert_tls("", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tls_failure_is_told_in_the_same_words_each_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
