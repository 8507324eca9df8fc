// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus/clock.h"
#include "bus/port.h"
#include "bus/tty.h"

#define ROUNDS 2000

static struct bus_conf conf_of(const char *port)
{
	return (struct bus_conf){
		.kind = BUS_SERIAL,
		.port = port,
		.baud = 9600,
		.data = 8,
		.stop = 1,
		.parity = 'N',
		.rts_high = true,
	};
}

static int master_open(char *name, size_t size)
{
	const int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	assert_true(fd >= 0);
	assert_int_equal(grantpt(fd), 0);
	assert_int_equal(unlockpt(fd), 0);
	assert_int_equal(ptsname_r(fd, name, size), 0);
	return fd;
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

static void refused(const char *port, const char *words)
{
	const struct bus_conf c = conf_of(port);
	struct serial s;
	char why[128] = "";
	const unsigned before = descriptors();
	assert_false(serial_open(&s, &c, why, sizeof(why)));
	if (!strstr(why, words) || !strstr(why, port))
		fail_msg("\"%s\" does not say \"%s\"", why, words);
	assert_int_equal(s.fd, -1);
	assert_int_equal(s.lock, -1);
	assert_int_equal(descriptors(), before);
	serial_close(&s);
}

static void a_missing_port_is_reported(void **state)
{
	(void)state;
	refused("/dev/there-is-no-such-port", "does not exist: xnetctl ports lists the ports");
}

static void what_is_no_serial_port_is_reported(void **state)
{
	(void)state;
	refused("/dev/null", "is not a serial port");
	refused("/tmp", "is not a serial port");
}

static void a_port_locked_by_another_is_left_as_it_is(void **state)
{
	(void)state;
	char name[64];
	struct termios before = {0}, after = {0};
	const int master = master_open(name, sizeof(name));
	const int other = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(tcgetattr(other, &before), 0);
	refused(name, "is in use by another program");
	assert_int_equal(tcgetattr(other, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	close(other);
	close(master);
}

/* The program is named, in whatever way it has the port. */
static void who_has_the_port_is_named(void **state)
{
	(void)state;
	char name[64], words[64];
	int ready[2], done[2];
	const int master = master_open(name, sizeof(name));
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(done), 0);
	const pid_t child = fork();
	if (child == 0) {
		const int fd = open(name, O_RDWR | O_NOCTTY);
		char byte = 0;
		close(done[1]);
		prctl(PR_SET_NAME, "minicom");
		_exit(flock(fd, LOCK_EX) < 0 || write(ready[1], "", 1) != 1 ||
		      read(done[0], &byte, 1) != 0);
	}
	char byte;
	close(done[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	snprintf(words, sizeof(words), "is in use by minicom (process %d)", (int)child);
	refused(name, words);
	close(done[1]);
	close(ready[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(master);
}

/* Seen before it is opened: an open raises DTR and RTS. */
static void what_the_user_may_not_open_is_reported_with_the_group(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	char name[64], why[176] = "";
	const int master = master_open(name, sizeof(name));
	const struct group *dialout = getgrnam("dialout");
	const struct bus_conf c = conf_of(name);
	assert_int_equal(chown(name, 0, dialout ? dialout->gr_gid : 0), 0);
	assert_int_equal(chmod(name, 0660), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_false(serial_usable(&c, why, sizeof(why)));
	assert_non_null(strstr(why, "add the user that runs xnetd to group"));
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(name, 0600), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_false(serial_usable(&c, why, sizeof(why)));
	assert_non_null(strstr(why, "its mode is 0600, no group may use it"));
	assert_int_equal(seteuid(0), 0);
	assert_true(serial_usable(&c, why, sizeof(why)));
	close(master);
}

static void a_port_is_held_alone_and_free_again_when_closed(void **state)
{
	(void)state;
	char name[64], why[128] = "";
	const int master = master_open(name, sizeof(name));
	const struct bus_conf c = conf_of(name);
	struct serial a, b;
	assert_true(serial_open(&a, &c, why, sizeof(why)));
	assert_false(serial_open(&b, &c, why, sizeof(why)));
	assert_non_null(strstr(why, "is in use by another program"));
	serial_close(&a);
	assert_true(serial_open(&b, &c, why, sizeof(why)));
	serial_close(&b);
	serial_close(&b);
	close(master);
}

/* Only root would get in again, while the other end lives. */
static void a_killed_user_does_not_leave_a_pseudo_terminal_closed(void **state)
{
	(void)state;
	char name[64], why[128] = "";
	const int master = master_open(name, sizeof(name));
	const struct bus_conf c = conf_of(name);
	struct serial s;
	int closed = 1;
	assert_true(serial_open(&s, &c, why, sizeof(why)));
	assert_int_equal(ioctl(s.fd, TIOCGEXCL, &closed), 0);
	assert_int_equal(closed, 0);
	serial_close(&s);
	close(master);
}

static void a_rate_the_port_does_not_have_is_refused(void **state)
{
	(void)state;
	char name[64], why[128] = "";
	const int master = master_open(name, sizeof(name));
	struct bus_conf c = conf_of(name);
	struct serial s;
	static const uint32_t good[] = {1200, 9600, 19200, 38400, 57600, 115200, 230400};
	static const uint32_t bad[] = {7200, 14400, 28800, 56000, 250000};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		c.baud = good[i];
		assert_true(serial_open(&s, &c, why, sizeof(why)));
		serial_close(&s);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		c.baud = bad[i];
		assert_false(serial_open(&s, &c, why, sizeof(why)));
		assert_non_null(strstr(why, "cannot do"));
	}
	close(master);
}

static void a_driver_without_rs485_and_without_rts_is_reported(void **state)
{
	(void)state;
	char name[64], why[128] = "";
	const int master = master_open(name, sizeof(name));
	struct bus_conf c = conf_of(name);
	struct serial s;
	c.direction = DIRECTION_KERNEL;
	assert_false(serial_open(&s, &c, why, sizeof(why)));
	assert_non_null(strstr(why, "adapter that switches direction itself"));
	c.direction = DIRECTION_RTS;
	assert_false(serial_open(&s, &c, why, sizeof(why)));
	assert_non_null(strstr(why, "adapter that switches direction itself"));
	c.direction = DIRECTION_OFF;
	assert_true(serial_open(&s, &c, why, sizeof(why)));
	serial_close(&s);
	close(master);
}

static void a_pseudo_terminal_is_not_timed(void **state)
{
	(void)state;
	char name[64], why[128] = "";
	const int master = master_open(name, sizeof(name));
	const struct bus_conf c = conf_of(name);
	struct serial s;
	assert_true(serial_open(&s, &c, why, sizeof(why)));
	assert_false(s.timed);
	serial_close(&s);
	close(master);
}

static void opening_and_closing_leaks_no_descriptor(void **state)
{
	(void)state;
	char name[64], why[128] = "";
	const int master = master_open(name, sizeof(name));
	const struct bus_conf good = conf_of(name), bad = conf_of("/dev/there-is-no-such-port");
	struct bus_conf odd = conf_of(name);
	odd.baud = 7200;
	const unsigned before = descriptors();
	struct serial s;
	for (int i = 0; i < ROUNDS; i++) {
		assert_true(serial_open(&s, &good, why, sizeof(why)));
		serial_close(&s);
		if (i % 8)
			continue;
		assert_false(serial_open(&s, &bad, why, sizeof(why)));
		assert_false(serial_open(&s, &odd, why, sizeof(why)));
	}
	assert_int_equal(descriptors(), before);
	close(master);
}

/* -- a port that goes while it is open ---------------------------------------------- */

static void a_hang_up_is_seen_and_the_port_can_be_opened_again(void **state)
{
	(void)state;
	const unsigned before = descriptors();
	for (int i = 0; i < 20; i++) {
		char name[64];
		uint8_t buf[8];
		atomic_bool stop = false;
		const int master = master_open(name, sizeof(name));
		const struct bus_conf c = conf_of(name);
		struct port p;
		port_init(&p, &c, &stop);
		assert_true(port_open(&p));
		assert_true(port_alive(&p));
		assert_int_equal(port_read(&p, buf, sizeof(buf), 0), 0);
		assert_int_equal(write(master, "abc", 3), 3);
		assert_int_equal(port_read(&p, buf, sizeof(buf), clock_now() + 20 * US_S), 3);
		close(master);
		assert_int_equal(port_read(&p, buf, sizeof(buf), clock_now() + 20 * US_S), -1);
		assert_non_null(strstr(p.why, "is gone"));
		assert_false(port_alive(&p));
		const struct request r = {.unit = 1, .len = 5, .pdu = {3, 0, 0, 0, 1}};
		assert_int_equal(port_send(&p, &r), PORT_UNSENT);
		port_close(&p);
		port_close(&p);
		assert_false(port_alive(&p));
	}
	assert_int_equal(descriptors(), before);
}

/* -- what the system knows of a port ------------------------------------------------- */

struct root {
	char path[64];
};

static void root_write(const struct root *r, const char *name, const char *text, size_t n)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", r->path, name);
	for (char *slash = strchr(path + strlen(r->path) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0755);
		*slash = '/';
	}
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fwrite(text, 1, n, f);
	fclose(f);
}

static int root_begin(void **state)
{
	struct root *r = calloc(1, sizeof(*r));
	snprintf(r->path, sizeof(r->path), "/tmp/test_serial.XXXXXX");
	*state = r;
	return mkdtemp(r->path) ? 0 : -1;
}

static int root_end(void **state)
{
	static const char *const made[] = {
		"proc/consoles",
		"proc",
		"sys/dev/char/4:64/device/of_node/compatible",
		"sys/dev/char/4:64/device/of_node",
		"sys/dev/char/4:64/device",
		"sys/dev/char/4:64",
		"sys/dev/char/188:0/device/latency_timer",
		"sys/dev/char/188:0/device/port_number",
		"sys/dev/char/188:0/device",
		"sys/dev/char/188:0",
		"sys/dev/char",
		"sys/dev",
		"sys",
		".",
	};
	struct root *r = *state;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		char path[256];
		snprintf(path, sizeof(path), "%s/%s", r->path, made[i]);
		remove(made[i][0] == '.' ? r->path : path);
	}
	free(r);
	return 0;
}

static void the_mini_uart_is_known_by_the_device_tree(void **state)
{
	const struct root *r = *state;
	static const char list[] = "brcm,bcm2835-aux-uart";
	struct tty_facts f;
	tty_facts(r->path, makedev(4, 64), &f);
	assert_false(f.mini_uart);
	root_write(r, "sys/dev/char/4:64/device/of_node/compatible", list, sizeof(list));
	tty_facts(r->path, makedev(4, 64), &f);
	assert_true(f.mini_uart);
	assert_true(f.timed);
	tty_facts(r->path, makedev(4, 65), &f);
	assert_false(f.mini_uart);
}

static void the_kernels_console_is_known(void **state)
{
	const struct root *r = *state;
	static const char list[] = "tty0                 -WU (EC  p  )    4:7\n"
				   "ttyAMA0              -W- (E  p a)  204:64\n";
	struct tty_facts f;
	root_write(r, "proc/consoles", list, strlen(list));
	tty_facts(r->path, makedev(204, 64), &f);
	assert_true(f.console);
	tty_facts(r->path, makedev(204, 65), &f);
	assert_false(f.console);
}

static void an_adapters_latency_is_read(void **state)
{
	const struct root *r = *state;
	struct tty_facts f;
	tty_facts(r->path, makedev(188, 0), &f);
	assert_int_equal(f.latency, 0);
	root_write(r, "sys/dev/char/188:0/device/port_number", "0\n", 2);
	tty_facts(r->path, makedev(188, 0), &f);
	assert_true(f.latency >= 16 * US_MS);
	root_write(r, "sys/dev/char/188:0/device/latency_timer", "1\n", 2);
	tty_facts(r->path, makedev(188, 0), &f);
	assert_int_equal(f.latency, 2 * US_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_port_is_reported),
		cmocka_unit_test(what_is_no_serial_port_is_reported),
		cmocka_unit_test(a_port_locked_by_another_is_left_as_it_is),
		cmocka_unit_test(who_has_the_port_is_named),
		cmocka_unit_test(what_the_user_may_not_open_is_reported_with_the_group),
		cmocka_unit_test(a_port_is_held_alone_and_free_again_when_closed),
		cmocka_unit_test(a_killed_user_does_not_leave_a_pseudo_terminal_closed),
		cmocka_unit_test(a_rate_the_port_does_not_have_is_refused),
		cmocka_unit_test(a_driver_without_rs485_and_without_rts_is_reported),
		cmocka_unit_test(a_pseudo_terminal_is_not_timed),
		cmocka_unit_test(opening_and_closing_leaks_no_descriptor),
		cmocka_unit_test(a_hang_up_is_seen_and_the_port_can_be_opened_again),
		cmocka_unit_test_setup_teardown(the_mini_uart_is_known_by_the_device_tree,
	                                        root_begin, root_end),
		cmocka_unit_test_setup_teardown(the_kernels_console_is_known, root_begin, root_end),
		cmocka_unit_test_setup_teardown(an_adapters_latency_is_read, root_begin, root_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
