// SPDX-License-Identifier: MIT
/* Facts of hardware that is not here, from a tree like the system's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "bus/holder.h"
#include "bus/serial.h"

static char dir[64];

static struct bus_conf settings(const char *port)
{
	return (struct bus_conf){
		.kind = BUS_SERIAL,
		.port = port,
		.baud = 9600,
		.data = 8,
		.stop = 1,
		.parity = 'N',
		.timeout = US_S,
	};
}

static void put(const char *path, const void *bytes, size_t n)
{
	char full[256];
	snprintf(full, sizeof(full), "%s/%s", dir, path);
	for (char *c = full + strlen(dir) + 1; *c; c++)
		if (*c == '/') {
			*c = 0;
			mkdir(full, 0700);
			*c = '/';
		}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fwrite(bytes, 1, n, f);
	fclose(f);
}

static void hardware_is_recognised_by_sysfs(void **state)
{
	(void)state;
	static const char mini[] = "brcm,bcm2835-aux-uart";
	static const char pl011[] = "arm,pl011\0arm,primecell";
	static const char consoles[] = "tty0                 -WU (EC  p  )    4:1\n"
				       "ttyAMA0              -W- (E   p a)  204:64\n";
	put("sys/dev/char/4:64/device/of_node/compatible", mini, sizeof(mini));
	put("sys/dev/char/204:64/device/of_node/compatible", pl011, sizeof(pl011));
	put("sys/dev/char/188:0/device/latency_timer", "16\n", 3);
	put("sys/dev/char/188:0/device/port_number", "0\n", 2);
	put("sys/dev/char/188:1/device/port_number", "0\n", 2);
	put("proc/consoles", consoles, sizeof(consoles) - 1);
	static const char event[] = "MAJOR=204\nMINOR=66\nDEVNAME=ttyAMA2\n";
	put("sys/dev/char/204:66/uevent", event, sizeof(event) - 1);
	put("sys/dev/char/204:67/uevent", "DEVNAME=ttyAMA22\n", 17);
	put("sys/fs/cgroup/system.slice/system-serial\\x2dgetty.slice/"
	    "serial-getty@ttyAMA2.service/cgroup.procs",
	    "7\n", 2);
	const struct {
		unsigned major, minor;
		struct tty_facts want;
	} row[] = {
		{4, 64, {.mini_uart = true, .timed = true}},
		{204, 64, {.console = true, .timed = true}},
		{204, 65, {.timed = true}},
		{204, 66, {.login = true, .timed = true}},
		{204, 67, {.timed = true}},
		{188, 0, {.timed = true, .latency = 17 * US_MS}},
		{188, 1, {.timed = true, .latency = 20 * US_MS}},
		{166, 0, {.timed = false}},
		{136, 3, {.timed = false, .pseudo = true}},
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct tty_facts f;
		tty_facts(dir, makedev(row[i].major, row[i].minor), &f);
		assert_int_equal(f.mini_uart, row[i].want.mini_uart);
		assert_int_equal(f.console, row[i].want.console);
		assert_int_equal(f.login, row[i].want.login);
		assert_int_equal(f.timed, row[i].want.timed);
		assert_int_equal(f.pseudo, row[i].want.pseudo);
		assert_int_equal(f.latency, row[i].want.latency);
	}
}

static void what_the_hardware_cannot_do_is_refused_with_the_reason(void **state)
{
	(void)state;
	char why[176];
	const struct tty_facts mini = {.mini_uart = true}, console = {.console = true}, plain = {0};
	struct bus_conf c = settings("/dev/ttyS0");
	assert_true(serial_able(&c, &mini, why, sizeof(why)));
	c.parity = 'E';
	assert_true(serial_able(&c, &plain, why, sizeof(why)));
	assert_false(serial_able(&c, &mini, why, sizeof(why)));
	assert_non_null(strstr(why, "mini UART, which has no parity"));
	c.parity = 'N';
	c.baud = 230400;
	assert_false(serial_able(&c, &mini, why, sizeof(why)));
	assert_false(serial_able(&c, &console, why, sizeof(why)));
	assert_non_null(strstr(why, "/dev/ttyS0 is the kernel's console"));
	const struct tty_facts login = {.login = true};
	c.port = "/dev/ttyS77";
	assert_false(serial_able(&c, &login, why, sizeof(why)));
	assert_string_equal(why, "/dev/ttyS77 has a login: sudo systemctl disable --now "
	                         "serial-getty@ttyS77");
}

static void who_has_a_port_is_found_by_its_lock(void **state)
{
	(void)state;
	struct stat st;
	struct holder h[2];
	char locks[256];
	assert_int_equal(stat("/dev/null", &st), 0);
	const int n = snprintf(locks, sizeof(locks),
	                       "1: POSIX  ADVISORY  WRITE 41 00:01:%llu 0 EOF\n"
	                       "2: FLOCK  ADVISORY  WRITE 4242 %02x:%02x:%llu 0 EOF\n"
	                       "2: -> FLOCK  ADVISORY  WRITE 43 %02x:%02x:%llu 0 EOF\n"
	                       "3: FLOCK  ADVISORY  WRITE 0 %02x:%02x:%llu 0 EOF\n",
	                       (unsigned long long)st.st_ino + 1, major(st.st_dev),
	                       minor(st.st_dev), (unsigned long long)st.st_ino, major(st.st_dev),
	                       minor(st.st_dev), (unsigned long long)st.st_ino, major(st.st_dev),
	                       minor(st.st_dev), (unsigned long long)st.st_ino);
	put("proc/locks", locks, (size_t)n);
	put("proc/4242/comm", "evil\33[2J\n", 10);
	put("run/lock/LCK..null", "      4242\n", 11);
	assert_int_equal(holder_list(dir, "/dev/null", 0, h, 2), 2);
	assert_int_equal(h[0].pid, 4242);
	assert_string_equal(h[0].name, "evil [2J");
	assert_int_equal(h[1].pid, 43);
	assert_string_equal(h[1].name, "");
	assert_int_equal(holder_list(dir, "/dev/null", 4242, h, 1), 1);
	assert_int_equal(h[0].pid, 43);
	assert_int_equal(holder_list(dir, "/dev/there-is-no-such-port", 0, h, 2), 0);
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_tty.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	char command[96];
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hardware_is_recognised_by_sysfs),
		cmocka_unit_test(what_the_hardware_cannot_do_is_refused_with_the_reason),
		cmocka_unit_test(who_has_a_port_is_found_by_its_lock),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
