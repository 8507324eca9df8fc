// SPDX-License-Identifier: MIT
#include "bus/tty.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define RS485_DIRECTION (SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND | SER_RS485_RTS_AFTER_SEND)
#define LATENCY_UNKNOWN (20 * US_MS) /* USB adapters may collect for 16 ms */

/* Drivers whose write() is not the start of a UART: pseudo-terminals, CDC-ACM, Bluetooth
 * (Linux Documentation/admin-guide/devices.txt). */
static const struct {
	unsigned first, last;
	bool pseudo;
} untimed_major[] = {{3, 3, true}, {128, 143, true}, {166, 166, false}, {216, 216, false}};

static ssize_t tty_attribute(const char *root, dev_t dev, const char *name, char *buf, size_t size)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/sys/dev/char/%u:%u/%s", root, major(dev), minor(dev),
	         name);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	const ssize_t n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return n;
}

/* "compatible" of the device tree is a list of strings, each with its NUL. */
static bool tty_is_mini_uart(const char *root, dev_t dev)
{
	char list[256];
	const ssize_t n = tty_attribute(root, dev, "device/of_node/compatible", list, sizeof(list));
	return n > 0 && memmem(list, (size_t)n, "bcm2835-aux-uart", strlen("bcm2835-aux-uart"));
}

/* A line is "ttyAMA0   -W- (EC p a)   204:64". */
static bool tty_is_console(const char *root, dev_t dev)
{
	char path[512], line[256];
	snprintf(path, sizeof(path), "%s/proc/consoles", root);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	bool found = false;
	while (!found && fgets(line, sizeof(line), f)) {
		char *end;
		const char *number = strrchr(line, ')');
		found = number && strtoul(number + 1, &end, 10) == major(dev) && *end == ':' &&
		        strtoul(end + 1, NULL, 10) == minor(dev);
	}
	fclose(f);
	return found;
}

/* systemd's control group of that service is there while it runs, for everyone to see. */
static bool tty_has_login(const char *root, dev_t dev)
{
	static const char *const tree[] = {"", "/systemd", "/unified"};
	char event[512], path[1024];
	if (tty_attribute(root, dev, "uevent", event, sizeof(event)) <= 0)
		return false;
	const char *name = strstr(event, "DEVNAME=");
	name = name ? name + strlen("DEVNAME=") : "";
	for (size_t i = 0; *name && i < sizeof(tree) / sizeof(tree[0]); i++) {
		snprintf(path, sizeof(path),
		         "%s/sys/fs/cgroup%s/system.slice/system-serial\\x2dgetty.slice/"
		         "serial-getty@%.*s.service",
		         root, tree[i], (int)strcspn(name, "\n"), name);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static us_t tty_latency(const char *root, dev_t dev)
{
	char text[64];
	if (tty_attribute(root, dev, "device/latency_timer", text, sizeof(text)) > 0)
		return (strtol(text, NULL, 10) + 1) * US_MS;
	/* Only serial ports on USB have this attribute. */
	if (tty_attribute(root, dev, "device/port_number", text, sizeof(text)) > 0)
		return LATENCY_UNKNOWN;
	return 0;
}

void tty_facts(const char *root, dev_t dev, struct tty_facts *out)
{
	*out = (struct tty_facts){
		.mini_uart = tty_is_mini_uart(root, dev),
		.console = tty_is_console(root, dev),
		.login = tty_has_login(root, dev),
		.latency = tty_latency(root, dev),
		.timed = true,
	};
	for (size_t i = 0; i < sizeof(untimed_major) / sizeof(untimed_major[0]); i++)
		if (major(dev) >= untimed_major[i].first && major(dev) <= untimed_major[i].last) {
			out->timed = false;
			out->pseudo = untimed_major[i].pseudo;
		}
}

uint32_t tty_speed(int fd)
{
	struct termios2 t;
	return ioctl(fd, TCGETS2, &t) < 0 ? 0 : t.c_ospeed;
}

/* A rate that has a code is set by it: drivers and pseudo-terminals that keep what they are given
 * would show BOTHER to everybody who looks. */
static tcflag_t speed_code(uint32_t baud)
{
	static const struct {
		uint32_t baud;
		tcflag_t code;
	} row[] = {
		{300, B300},       {600, B600},       {1200, B1200},       {2400, B2400},
		{4800, B4800},     {9600, B9600},     {19200, B19200},     {38400, B38400},
		{57600, B57600},   {115200, B115200}, {230400, B230400},   {460800, B460800},
		{500000, B500000}, {921600, B921600}, {1000000, B1000000},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].baud == baud)
			return row[i].code;
	return BOTHER;
}

bool tty_tune(int fd, uint32_t baud, uint8_t data, char parity, uint8_t stop)
{
	struct termios2 t;
	if (ioctl(fd, TCGETS2, &t) < 0)
		return false;
	t.c_cflag &= ~(tcflag_t)(CBAUD | (CBAUD << IBSHIFT) | CSIZE | PARENB | PARODD | CSTOPB);
	t.c_cflag |= speed_code(baud) | (data == 7 ? CS7 : CS8) | (stop == 2 ? CSTOPB : 0u);
	if (parity != 'N')
		t.c_cflag |= PARENB | (parity == 'O' ? PARODD : 0u);
	t.c_iflag = parity == 'N' ? t.c_iflag & ~(tcflag_t)INPCK : t.c_iflag | INPCK;
	t.c_ispeed = t.c_ospeed = baud;
	return ioctl(fd, TCSETS2, &t) == 0;
}

void tty_low_latency(const char *root, int fd, dev_t dev)
{
	struct serial_struct s;
	if (ioctl(fd, TIOCGSERIAL, &s) == 0 && !(s.flags & ASYNC_LOW_LATENCY)) {
		s.flags |= ASYNC_LOW_LATENCY;
		ioctl(fd, TIOCSSERIAL, &s);
	}
	char path[512];
	snprintf(path, sizeof(path), "%s/sys/dev/char/%u:%u/device/latency_timer", root, major(dev),
	         minor(dev));
	const int timer = open(path, O_WRONLY | O_CLOEXEC);
	if (timer < 0)
		return;
	if (write(timer, "1\n", 2) < 0) {
		/* It stays as slow as it is; tty_facts() reads what holds. */
	}
	close(timer);
}

bool tty_rs485_get(int fd, struct serial_rs485 *out)
{
	return ioctl(fd, TIOCGRS485, out) == 0;
}

void tty_rs485_restore(int fd, const struct serial_rs485 *found)
{
	struct serial_rs485 r = *found;
	ioctl(fd, TIOCSRS485, &r);
}

static uint32_t whole_ms(us_t t)
{
	return (uint32_t)((t + US_MS - 1) / US_MS);
}

bool tty_rs485_set(int fd, bool on, const struct bus_conf *conf)
{
	struct serial_rs485 r = {0};
	if (on) {
		r.flags = SER_RS485_ENABLED |
		          (conf->rts_high ? SER_RS485_RTS_ON_SEND : SER_RS485_RTS_AFTER_SEND);
		r.flags |= conf->echo ? SER_RS485_RX_DURING_TX : 0;
		r.delay_rts_before_send = whole_ms(conf->rts_before);
		r.delay_rts_after_send = whole_ms(conf->rts_after);
	}
	/* A driver without that polarity takes the other one and reports which it took. */
	const uint32_t wanted = r.flags & ~(uint32_t)SER_RS485_RX_DURING_TX;
	return ioctl(fd, TIOCSRS485, &r) == 0 && (r.flags & RS485_DIRECTION) == wanted;
}

bool tty_has_rts(int fd)
{
	int lines;
	return ioctl(fd, TIOCMGET, &lines) == 0;
}
