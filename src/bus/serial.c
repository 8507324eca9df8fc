// SPDX-License-Identifier: MIT
#include "bus/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MINI_UART_BAUD_MAX 115200

static const struct {
	int error;
	const char *sentence; /* with the port's name before it */
} open_error[] = {
	{ENOENT, "does not exist"},
	{ENXIO, "does not exist"},
	{ENODEV, "does not exist"},
	{EIO, "is gone"},
	{EACCES, "permission denied: add the user that runs xnetd to group dialout"},
	{EPERM, "permission denied: add the user that runs xnetd to group dialout"},
	{EBUSY, "is in use by another program"},
	{EWOULDBLOCK, "is in use by another program"},
	{EISDIR, "is not a serial port"},
	{ENOTTY, "is not a serial port"},
	{EINVAL, "does not support these line settings"},
};

static bool refuse(const char *port, int error, char *why, size_t size)
{
	for (size_t i = 0; i < sizeof(open_error) / sizeof(open_error[0]); i++)
		if (open_error[i].error == error) {
			snprintf(why, size, "%s %s", port, open_error[i].sentence);
			return false;
		}
	snprintf(why, size, "%s cannot be opened: %s", port, strerror(error));
	return false;
}

/* The lock comes before anything is changed, on a descriptor of its own: libmodbus sets the line
 * while it opens, and another program may be using it. */
static bool serial_lock(struct serial *s, const struct bus_conf *conf, char *why, size_t size)
{
	s->lock = open(conf->port, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (s->lock < 0 || !isatty(s->lock) || flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return refuse(conf->port, errno, why, size);
	return true;
}

bool serial_able(const struct bus_conf *conf, const struct tty_facts *f, char *why, size_t size)
{
	if (f->mini_uart && conf->parity != 'N')
		snprintf(why, size,
		         "%s is the Raspberry Pi's mini UART, which has no parity: use the PL011 "
		         "(dtoverlay=disable-bt) or parity N",
		         conf->port);
	else if (f->mini_uart && conf->baud > MINI_UART_BAUD_MAX)
		snprintf(why, size,
		         "%s is the Raspberry Pi's mini UART, too unsteady above %d baud",
		         conf->port, MINI_UART_BAUD_MAX);
	else if (f->console)
		snprintf(why, size,
		         "%s is the kernel's console: remove console= for it from the kernel "
		         "command line",
		         conf->port);
	else
		return true;
	return false;
}

/* libmodbus turns a rate it does not know into 9600 and reports success. A driver may round. */
static bool serial_speed(const struct serial *s, const struct bus_conf *conf, char *why,
                         size_t size)
{
	const uint32_t set = tty_speed(s->fd);
	const uint32_t off = set > conf->baud ? set - conf->baud : conf->baud - set;
	if (off <= conf->baud / 50)
		return true;
	snprintf(why, size, "%s cannot do %" PRIu32 " baud", conf->port, conf->baud);
	return false;
}

static bool serial_rts(struct serial *s, const struct bus_conf *conf)
{
	const us_t pause = conf->rts_before > conf->rts_after ? conf->rts_before : conf->rts_after;
	return tty_has_rts(s->fd) && rtu_drive_rts(s->rtu, conf->rts_high, pause);
}

static void serial_restore(struct serial *s)
{
	if (s->switched)
		tty_rs485_restore(s->fd, &s->found);
	s->switched = false;
}

/* The kernel's RS-485 mode. False: the driver cannot do that; it is as it was. */
static bool serial_kernel(struct serial *s, bool on, const struct bus_conf *conf)
{
	if (!tty_rs485_get(s->fd, &s->found))
		return !on;
	if (!on && !(s->found.flags & SER_RS485_ENABLED))
		return true;
	s->switched = true;
	if (tty_rs485_set(s->fd, on, conf))
		return true;
	serial_restore(s);
	return false;
}

/* Who lets go of the line after a request: the driver, else libmodbus by RTS, which is set up. */
static bool serial_direct(struct serial *s, const struct bus_conf *conf, char *why, size_t size)
{
	switch (conf->direction) {
	case DIRECTION_KERNEL:
		if (serial_kernel(s, true, conf))
			return true;
		if (serial_rts(s, conf)) {
			snprintf(why, size,
			         "the driver of %s has no such RS-485 mode: direction is switched "
			         "by "
			         "RTS, "
			         "as late as the scheduler is",
			         conf->port);
			return true;
		}
		snprintf(why, size,
		         "%s has neither such an RS-485 mode nor RTS: use an adapter that switches "
		         "direction "
		         "itself",
		         conf->port);
		return false;
	case DIRECTION_RTS:
		serial_kernel(s, false, conf);
		if (serial_rts(s, conf))
			return true;
		snprintf(why, size,
		         "%s has no RTS line: use an adapter that switches direction itself",
		         conf->port);
		return false;
	case DIRECTION_OFF:
		serial_kernel(s, false, conf);
		return true;
	default:
		/* auto: the adapter switches, or the device tree has said how. */
		return true;
	}
}

bool serial_open(struct serial *s, const struct bus_conf *conf, char *why, size_t size)
{
	struct tty_facts facts;
	struct stat st;
	*s = (struct serial){.fd = -1, .lock = -1};
	if (!serial_lock(s, conf, why, size) || fstat(s->lock, &st) < 0)
		goto out;
	tty_facts("", st.st_rdev, &facts);
	if (!serial_able(conf, &facts, why, size))
		goto out;
	s->rtu = rtu_open(conf);
	if (!s->rtu) {
		refuse(conf->port, errno, why, size);
		goto out;
	}
	s->fd = rtu_fd(s->rtu);
	if (!serial_speed(s, conf, why, size) || !serial_direct(s, conf, why, size))
		goto out;
	/* A real port forgets it when its last user dies; a pseudo-terminal would stay closed for
	 * as long as its other end lives. There the lock must do. */
	if (!facts.pseudo)
		ioctl(s->fd, TIOCEXCL);
	tty_low_latency("", s->fd, st.st_rdev);
	tty_facts("", st.st_rdev, &facts); /* the latency that holds now */
	s->latency = facts.latency;
	s->timed = facts.timed;
	return true;
out:
	serial_close(s);
	return false;
}

void serial_close(struct serial *s)
{
	if (s->fd >= 0) {
		serial_restore(s);
		/* or the next open finds it busy while a child still holds it */
		ioctl(s->fd, TIOCNXCL);
	}
	rtu_close(s->rtu);
	if (s->lock >= 0)
		close(s->lock);
	*s = (struct serial){.fd = -1, .lock = -1};
}
