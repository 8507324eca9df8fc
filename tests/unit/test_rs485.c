// SPDX-License-Identifier: MIT
/* Direction, speed of answers and exclusiveness of a port whose driver is played here: this
 * program's ioctl() stands before the C library's, also for libmodbus. The port itself is a
 * pseudo-terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bus/serial.h"

static struct {
	bool has_rs485, has_rts, high_only; /* what the driver can do */
	struct serial_rs485 rs485;
	struct serial_struct serial;
	int lines;
	char calls[1024]; /* what was asked of it, in order, without the questions */
} driver;

static void note(const char *text)
{
	strncat(driver.calls, text, sizeof(driver.calls) - strlen(driver.calls) - 1);
}

static int refuse(void)
{
	errno = ENOTTY;
	return -1;
}

static int set_rs485(struct serial_rs485 *r)
{
	if (!driver.has_rs485)
		return refuse();
	if (driver.high_only && r->flags & SER_RS485_ENABLED) { /* as the kernel does */
		r->flags |= SER_RS485_RTS_ON_SEND;
		r->flags &= ~(unsigned)SER_RS485_RTS_AFTER_SEND;
	}
	driver.rs485 = *r;
	char text[64];
	snprintf(text, sizeof(text), "rs485:%s%s%s%s:%u:%u ",
	         r->flags & SER_RS485_ENABLED ? "on" : "off",
	         r->flags & SER_RS485_RTS_ON_SEND ? "+send" : "",
	         r->flags & SER_RS485_RTS_AFTER_SEND ? "+after" : "",
	         r->flags & SER_RS485_RX_DURING_TX ? "+rx" : "", r->delay_rts_before_send,
	         r->delay_rts_after_send);
	note(text);
	return 0;
}

static int set_lines(int lines)
{
	if (!driver.has_rts)
		return refuse();
	driver.lines = lines;
	note(lines & TIOCM_RTS ? "RTS " : "rts ");
	return 0;
}

static int set_serial(const struct serial_struct *s)
{
	driver.serial = *s;
	note(s->flags & ASYNC_LOW_LATENCY ? "quick " : "slow ");
	return 0;
}

int played_ioctl(int fd, unsigned long request, ...);

/* By both its names: what is built for 64-bit times on a 32-bit machine calls it by the other one.
 */
__asm__(".globl ioctl\n.type ioctl, %function\n.set ioctl, played_ioctl\n"
        ".globl __ioctl_time64\n.type __ioctl_time64, %function\n"
        ".set __ioctl_time64, played_ioctl");

int played_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	va_start(ap, request);
	void *argument = va_arg(ap, void *);
	va_end(ap);
	switch (request) {
	case TIOCGRS485:
		if (driver.has_rs485)
			memcpy(argument, &driver.rs485, sizeof(driver.rs485));
		return driver.has_rs485 ? 0 : refuse();
	case TIOCSRS485:
		return set_rs485(argument);
	case TIOCMGET:
		if (driver.has_rts)
			memcpy(argument, &driver.lines, sizeof(driver.lines));
		return driver.has_rts ? 0 : refuse();
	case TIOCMSET:
		return set_lines(*(const int *)argument);
	case TIOCGSERIAL:
		memcpy(argument, &driver.serial, sizeof(driver.serial));
		return 0;
	case TIOCSSERIAL:
		return set_serial(argument);
	default:
		return (int)syscall(SYS_ioctl, fd, request, argument);
	}
}

struct bench {
	int master;
	char name[64], why[176];
	struct bus_conf conf;
	struct serial serial;
};

static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	b->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (b->master < 0 || grantpt(b->master) || unlockpt(b->master) ||
	    ptsname_r(b->master, b->name, sizeof(b->name)))
		return -1;
	b->conf = (struct bus_conf){
		.kind = BUS_SERIAL,
		.port = b->name,
		.baud = 9600,
		.data = 8,
		.stop = 1,
		.parity = 'N',
		.direction = DIRECTION_KERNEL,
		.rts_high = true,
	};
	memset(&driver, 0, sizeof(driver));
	driver.has_rs485 = driver.has_rts = true;
	driver.serial.flags = ASYNC_LOW_LATENCY | ASYNC_SKIP_TEST;
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;
	serial_close(&b->serial);
	close(b->master);
	free(b);
	return 0;
}

static bool opens(struct bench *b)
{
	driver.calls[0] = 0;
	b->why[0] = 0;
	return serial_open(&b->serial, &b->conf, b->why, sizeof(b->why));
}

static void closing_asks(struct bench *b, const char *calls)
{
	driver.calls[0] = 0;
	serial_close(&b->serial);
	assert_string_equal(driver.calls, calls);
}

static void the_kernel_gets_polarity_and_delays_and_loses_them_at_the_end(void **state)
{
	struct bench *b = *state;
	b->conf.rts_before = 100; /* rounded up: a driver counts in milliseconds */
	b->conf.rts_after = 2 * US_MS;
	assert_true(opens(b));
	assert_string_equal(driver.calls, "rs485:on+send:1:2 ");
	assert_string_equal(b->why, "");
	closing_asks(b, "rs485:off:0:0 ");
	b->conf.rts_high = false;
	b->conf.rts_before = b->conf.rts_after = 0;
	b->conf.echo = true;
	assert_true(opens(b));
	assert_string_equal(driver.calls, "rs485:on+after+rx:0:0 ");
}

static void what_the_device_tree_had_set_stands_again_when_closed(void **state)
{
	struct bench *b = *state;
	driver.rs485 = (struct serial_rs485){.flags = SER_RS485_ENABLED | SER_RS485_RTS_AFTER_SEND,
	                                     .delay_rts_after_send = 7};
	assert_true(opens(b));
	assert_string_equal(driver.calls, "rs485:on+send:0:0 ");
	closing_asks(b, "rs485:on+after:0:7 ");
	b->conf.direction = DIRECTION_OFF;
	assert_true(opens(b));
	assert_string_equal(driver.calls, "rs485:off:0:0 ");
	closing_asks(b, "rs485:on+after:0:7 ");
	b->conf.direction = DIRECTION_AUTO;
	assert_true(opens(b));
	assert_string_equal(driver.calls, "");
	closing_asks(b, "");
}

static void off_changes_nothing_of_a_driver_that_is_off(void **state)
{
	struct bench *b = *state;
	b->conf.direction = DIRECTION_OFF;
	assert_true(opens(b));
	assert_string_equal(driver.calls, "");
	closing_asks(b, "");
}

/* Around each request; the level that rests is the one that listens. */
static void without_the_kernels_mode_rts_does_it_and_that_is_reported(void **state)
{
	struct bench *b = *state;
	const struct request r = {.unit = 1, .len = 5, .pdu = {3, 0, 0, 0, 1}};
	uint8_t frame[16];
	driver.has_rs485 = false;
	assert_true(opens(b));
	assert_non_null(strstr(b->why, "direction is switched by RTS"));
	assert_string_equal(driver.calls, "rts ");
	driver.calls[0] = 0;
	assert_int_equal(rtu_send(b->serial.rtu, &r), 8);
	assert_string_equal(driver.calls, "RTS rts ");
	assert_int_equal(read(b->master, frame, sizeof(frame)), 8);
	closing_asks(b, "");
	b->conf.rts_high = false;
	assert_true(opens(b));
	assert_string_equal(driver.calls, "RTS ");
	driver.calls[0] = 0;
	assert_int_equal(rtu_send(b->serial.rtu, &r), 8);
	assert_string_equal(driver.calls, "rts RTS ");
}

/* A driver that cannot do the polarity does the other one, and reports success. */
static void a_polarity_the_driver_cannot_do_is_not_taken_for_done(void **state)
{
	struct bench *b = *state;
	driver.high_only = true;
	b->conf.rts_high = false;
	assert_true(opens(b));
	assert_non_null(strstr(b->why, "direction is switched by RTS"));
	assert_string_equal(driver.calls, "rs485:on+send:0:0 rs485:off:0:0 RTS ");
	closing_asks(b, "");
	driver.has_rts = false;
	assert_false(opens(b));
	assert_non_null(strstr(b->why, "adapter that switches direction itself"));
}

static void rts_alone_leaves_the_kernels_mode_off(void **state)
{
	struct bench *b = *state;
	b->conf.direction = DIRECTION_RTS;
	assert_true(opens(b));
	assert_string_equal(driver.calls, "rts ");
	serial_close(&b->serial);
	driver.has_rts = false;
	assert_false(opens(b));
	assert_non_null(strstr(b->why, "has no RTS line"));
}

static void low_latency_is_set_once_and_nothing_else_is_changed(void **state)
{
	struct bench *b = *state;
	b->conf.direction = DIRECTION_AUTO;
	driver.serial = (struct serial_struct){.flags = ASYNC_SKIP_TEST, .baud_base = 115200};
	assert_true(opens(b));
	assert_string_equal(driver.calls, "quick ");
	assert_int_equal(driver.serial.flags, ASYNC_SKIP_TEST | ASYNC_LOW_LATENCY);
	assert_int_equal(driver.serial.baud_base, 115200);
	serial_close(&b->serial);
	assert_true(opens(b));
	assert_string_equal(driver.calls, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_kernel_gets_polarity_and_delays_and_loses_them_at_the_end),
		TEST(what_the_device_tree_had_set_stands_again_when_closed),
		TEST(off_changes_nothing_of_a_driver_that_is_off),
		TEST(without_the_kernels_mode_rts_does_it_and_that_is_reported),
		TEST(a_polarity_the_driver_cannot_do_is_not_taken_for_done),
		TEST(rts_alone_leaves_the_kernels_mode_off),
		TEST(low_latency_is_set_once_and_nothing_else_is_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
