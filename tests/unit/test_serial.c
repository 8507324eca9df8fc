#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bus/clock.h"
#include "bus/port.h"
#include "bus/tty.h"

static atomic_bool stop;
static char dir[64];

static int pty(char *name, size_t size)
{
	const int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(grantpt(fd), 0);
	assert_int_equal(unlockpt(fd), 0);
	assert_int_equal(ptsname_r(fd, name, size), 0);
	return fd;
}

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

static const char *refusal(const struct bus_conf *c)
{
	static char why[128];
	struct serial s;
	assert_false(serial_open(&s, c, why, sizeof(why)));
	assert_int_equal(s.fd, -1);
	assert_int_equal(s.lock, -1);
	assert_null(s.rtu);
	return why;
}

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void what_cannot_be_opened_is_told_in_a_sentence(void **state)
{
	(void)state;
	struct bus_conf c = settings("/dev/tty-there-is-none");
	assert_string_equal(refusal(&c), "/dev/tty-there-is-none is not there");
	c.port = "/dev/null";
	assert_string_equal(refusal(&c), "/dev/null is not a serial port");
	c.port = "/dev";
	assert_string_equal(refusal(&c), "/dev is not a serial port");
}

static void a_port_in_use_is_left_alone(void **state)
{
	(void)state;
	char name[64], want[128], why[128];
	const int master = pty(name, sizeof(name));
	const struct bus_conf c = settings(name);
	struct serial first;
	assert_true(serial_open(&first, &c, why, sizeof(why)));
	snprintf(want, sizeof(want), "%s is in use by another program", name);
	assert_string_equal(refusal(&c), want);
	assert_int_equal(tty_speed(first.fd), 9600);
	int exclusive = 0;
	assert_int_equal(ioctl(first.fd, TIOCGEXCL, &exclusive), 0);
	assert_true(exclusive);
	serial_close(&first);
	assert_true(serial_open(&first, &c, why, sizeof(why)));
	serial_close(&first);
	close(master);
}

/* libmodbus would set 9600 and report success. */
static void a_speed_that_would_become_another_one_is_refused(void **state)
{
	(void)state;
	static const uint32_t good[] = {1200, 9600, 19200, 38400, 57600, 115200, 230400};
	static const uint32_t bad[] = {7200, 14400, 28800, 250000};
	char name[64], want[128], why[128];
	const int master = pty(name, sizeof(name));
	struct bus_conf c = settings(name);
	struct serial s;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		c.baud = good[i];
		assert_true(serial_open(&s, &c, why, sizeof(why)));
		assert_int_equal(tty_speed(s.fd), good[i]);
		serial_close(&s);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		c.baud = bad[i];
		snprintf(want, sizeof(want), "%s cannot do %u baud", name, bad[i]);
		assert_string_equal(refusal(&c), want);
	}
	close(master);
}

static void a_port_without_direction_lines_says_what_the_adapter_must_do(void **state)
{
	(void)state;
	char name[64];
	const int master = pty(name, sizeof(name));
	struct bus_conf c = settings(name);
	c.direction = DIRECTION_KERNEL;
	assert_non_null(strstr(refusal(&c), "has no RS-485 mode"));
	c.direction = DIRECTION_RTS;
	assert_non_null(strstr(refusal(&c), "adapter that switches direction itself"));
	close(master);
}

static void thousands_of_opens_leave_no_descriptor_behind(void **state)
{
	(void)state;
	char name[64], why[128];
	const int master = pty(name, sizeof(name));
	const struct bus_conf good = settings(name);
	struct bus_conf missing = settings("/dev/tty-there-is-none"), slow = settings(name);
	struct serial s;
	slow.baud = 7200;
	const unsigned before = descriptors();
	for (int i = 0; i < 2000; i++) {
		assert_true(serial_open(&s, &good, why, sizeof(why)));
		serial_close(&s);
		assert_false(serial_open(&s, &missing, why, sizeof(why)));
		if (i % 4 == 0)
			assert_false(serial_open(&s, &slow, why, sizeof(why)));
	}
	assert_int_equal(descriptors(), before);
	close(master);
}

static void a_hang_up_is_seen_and_the_port_comes_back(void **state)
{
	(void)state;
	char name[64], link[128], want[160];
	snprintf(link, sizeof(link), "%s/line", dir);
	int master = pty(name, sizeof(name));
	assert_int_equal(symlink(name, link), 0);
	const struct bus_conf c = settings(link);
	struct port p;
	uint8_t buf[ADU_RTU_MAX];
	port_init(&p, &c, &stop);
	assert_true(port_open(&p));
	assert_true(port_alive(&p));
	assert_int_equal(port_read(&p, buf, sizeof(buf), 0), 0);
	assert_int_equal(port_read(&p, buf, sizeof(buf), clock_now() + 2 * US_MS), 0);

	close(master);
	assert_int_equal(port_read(&p, buf, sizeof(buf), clock_now() + 10 * US_S), -1);
	snprintf(want, sizeof(want), "%s is gone", link);
	assert_string_equal(p.why, want);
	assert_false(port_alive(&p));
	struct request r;
	assert_true(pdu_read(&r, 1, TABLE_HOLDING, 0, 1));
	assert_int_equal(port_send(&p, &r), PORT_UNSENT);
	port_close(&p);
	assert_false(port_open(&p));

	unlink(link);
	master = pty(name, sizeof(name));
	assert_int_equal(symlink(name, link), 0);
	assert_true(port_open(&p));
	assert_int_equal(port_send(&p, &r), PORT_SENT);
	uint8_t frame[ADU_RTU_MAX], want_frame[ADU_RTU_MAX];
	const size_t n = pdu_frame(r.unit, r.pdu, r.len, want_frame);
	for (size_t got = 0; got < n;)
		got += (size_t)read(master, frame + got, n - got);
	assert_memory_equal(frame, want_frame, n);
	port_close(&p);
	close(master);
	unlink(link);
}

/* -- facts of hardware we do not have, in a tree of our own ----------------------------- */

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

static void hardware_is_known_by_what_the_system_says(void **state)
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
	const struct {
		unsigned major, minor;
		struct tty_facts want;
	} row[] = {
		{4, 64, {.mini_uart = true, .timed = true}},
		{204, 64, {.console = true, .timed = true}},
		{204, 65, {.timed = true}},
		{188, 0, {.timed = true, .latency = 17 * US_MS}},
		{188, 1, {.timed = true, .latency = 20 * US_MS}},
		{166, 0, {.timed = false}},
		{136, 3, {.timed = false}},
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct tty_facts f;
		tty_facts(dir, makedev(row[i].major, row[i].minor), &f);
		assert_int_equal(f.mini_uart, row[i].want.mini_uart);
		assert_int_equal(f.console, row[i].want.console);
		assert_int_equal(f.timed, row[i].want.timed);
		assert_int_equal(f.latency, row[i].want.latency);
	}
}

static void what_the_hardware_cannot_do_is_refused_with_the_reason(void **state)
{
	(void)state;
	char why[128];
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
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_serial.XXXXXX");
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
		cmocka_unit_test(what_cannot_be_opened_is_told_in_a_sentence),
		cmocka_unit_test(a_port_in_use_is_left_alone),
		cmocka_unit_test(a_speed_that_would_become_another_one_is_refused),
		cmocka_unit_test(a_port_without_direction_lines_says_what_the_adapter_must_do),
		cmocka_unit_test(thousands_of_opens_leave_no_descriptor_behind),
		cmocka_unit_test(a_hang_up_is_seen_and_the_port_comes_back),
		cmocka_unit_test(hardware_is_known_by_what_the_system_says),
		cmocka_unit_test(what_the_hardware_cannot_do_is_refused_with_the_reason),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
