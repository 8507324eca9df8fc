// SPDX-License-Identifier: MIT
/* What the service manager receives, at a socket of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/base/systemd.h"

/* A manager that listens to `name`; '@': an abstract one. */
static int listen_to(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const size_t len = strlen(name);
	memcpy(at.sun_path, name, len);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
	                 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static const char *received(int fd)
{
	static char text[2048];
	const ssize_t n = recv(fd, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void check_words(int fd)
{
	systemd_ready("3 devices");
	assert_string_equal(received(fd), "READY=1\nSTATUS=3 devices");
	systemd_status("one line is down");
	assert_string_equal(received(fd), "STATUS=one line is down");
	systemd_watchdog();
	assert_string_equal(received(fd), "WATCHDOG=1");
	systemd_stopping();
	assert_string_equal(received(fd), "STOPPING=1");
	systemd_reloading();
	static const char reloading[] = "RELOADING=1\nMONOTONIC_USEC=";
	const char *text = received(fd);
	assert_memory_equal(text, reloading, sizeof reloading - 1);
	assert_true(strtoull(text + sizeof reloading - 1, NULL, 10) > 0);
}

static void a_socket_of_a_path_receives_each_word(void **state)
{
	char dir[] = "/tmp/xnet-systemd-XXXXXX", path[sizeof dir + 8];
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/notify", dir);
	const int fd = listen_to(path);
	check_words(fd);
	close(fd);
	unlink(path);
	rmdir(dir);
}

static void an_abstract_socket_receives_each_word(void **state)
{
	char name[64];
	(void)state;
	snprintf(name, sizeof name, "@xnet-systemd-%d", (int)getpid());
	const int fd = listen_to(name);
	check_words(fd);
	close(fd);
	systemd_status("the manager has gone"); /* no error */
}

static void without_a_manager_nothing_is_sent_and_nothing_fails(void **state)
{
	char longest[200];
	(void)state;
	memset(longest, '/', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	const char *names[] = {"", "/", "relative", "vsock:2:1", longest};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		systemd_ready("nobody listens");
	}
	unsetenv("NOTIFY_SOCKET");
	systemd_ready("nobody listens");
}

static us_t period(const char *usec, const char *pid)
{
	setenv("WATCHDOG_USEC", usec, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	else
		unsetenv("WATCHDOG_PID");
	return systemd_watchdog_period();
}

static void the_watchdog_is_fed_at_half_its_period(void **state)
{
	char me[16];
	(void)state;
	snprintf(me, sizeof me, "%d", (int)getpid());
	assert_true(period("30000000", NULL) == 15 * US_S);
	assert_true(period("30000000", me) == 15 * US_S);
	assert_true(period("30000000", "1") == US_NEVER); /* it is for another process */
	assert_true(period("30000000", "") == US_NEVER);
	const char *none[] = {"", "0", "1", "-5", "30s", " 30", "99999999999999999999"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_true(period(none[i], me) == US_NEVER);
	unsetenv("WATCHDOG_USEC");
	assert_true(systemd_watchdog_period() == US_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_of_a_path_receives_each_word),
		cmocka_unit_test(an_abstract_socket_receives_each_word),
		cmocka_unit_test(without_a_manager_nothing_is_sent_and_nothing_fails),
		cmocka_unit_test(the_watchdog_is_fed_at_half_its_period),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
