// SPDX-License-Identifier: MIT
#include "bus/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/holder.h"

#define GROUP_OVERFLOW 65534 /* user_namespaces(7) */
#define MINI_UART_BAUD_MAX 115200

static const struct {
	int error;
	const char *sentence; /* with the port's name before it */
} open_error[] = {
	{ENOENT, "does not exist: xnetctl ports lists the ports"},
	{ENXIO, "does not exist: xnetctl ports lists the ports"},
	{ENODEV, "does not exist: xnetctl ports lists the ports"},
	{EIO, "is gone"},
	{EPERM, "is not allowed by the service's unit: DeviceAllow= in xnetd(8)"},
	{EISDIR, "is not a serial port"},
	{ENOTTY, "is not a serial port"},
	{EINVAL, "does not support these line settings"},
};

/* In a user namespace other groups than our own have no name, but one for all. */
static bool group_known(gid_t gid, char *buf, size_t size)
{
	struct group g, *found = NULL;
	char room[1024];
	if (gid == GROUP_OVERFLOW || getgrgid_r(gid, &g, room, sizeof(room), &found) != 0 || !found)
		return false;
	snprintf(buf, size, "%s", g.gr_name);
	return true;
}

static void not_permitted(const char *port, char *why, size_t size)
{
	struct stat st;
	char group[32] = "dialout";
	const bool there = stat(port, &st) == 0;
	if (there && (st.st_mode & 0060) != 0060)
		snprintf(why, size, "%s: permission denied: its mode is %04o, no group may use it",
		         port, (unsigned)st.st_mode & 07777);
	else if (there && !group_known(st.st_gid, group, sizeof(group)))
		snprintf(why, size,
		         "%s: permission denied: add the user that runs xnetd to its group (%s?)",
		         port, group);
	else
		snprintf(why, size,
		         "%s: permission denied: add the user that runs xnetd to group %s", port,
		         group);
}

static void in_use(const char *port, char *why, size_t size)
{
	struct holder h;
	if (holder_list("", port, getpid(), &h, 1) == 0)
		snprintf(why, size, "%s is in use by another program: sudo xnetctl ports", port);
	else if (!h.name[0])
		snprintf(why, size, "%s is in use by process %d", port, (int)h.pid);
	else
		snprintf(why, size, "%s is in use by %s (process %d)", port, h.name, (int)h.pid);
}

static bool refuse(const char *port, int error, char *why, size_t size)
{
	for (size_t i = 0; i < sizeof(open_error) / sizeof(open_error[0]); i++)
		if (open_error[i].error == error) {
			snprintf(why, size, "%s %s", port, open_error[i].sentence);
			return false;
		}
	if (error == EACCES)
		not_permitted(port, why, size);
	else if (error == EBUSY || error == EWOULDBLOCK)
		in_use(port, why, size);
	else
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

/* As systemd's units call it: "ttyS0", also of /dev/serial0. */
static const char *terminal(const char *port, char real[PATH_MAX])
{
	const char *name = realpath(port, real) ? real : port, *slash = strrchr(name, '/');
	return slash ? slash + 1 : name;
}

bool serial_able(const struct bus_conf *conf, const struct tty_facts *f, char *why, size_t size)
{
	char real[PATH_MAX];
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
	else if (f->login)
		snprintf(why, size, "%s has a login: sudo systemctl disable --now serial-getty@%s",
		         conf->port, terminal(conf->port, real));
	else
		return true;
	return false;
}

bool serial_fit(const struct bus_conf *conf, char *why, size_t size)
{
	struct tty_facts facts;
	struct stat st;
	if (stat(conf->port, &st) < 0 || !S_ISCHR(st.st_mode))
		return true;
	tty_facts("", st.st_rdev, &facts);
	return serial_able(conf, &facts, why, size);
}

bool serial_usable(const struct bus_conf *conf, char *why, size_t size)
{
	struct stat st;
	if (stat(conf->port, &st) < 0 || (eaccess(conf->port, R_OK | W_OK) < 0 && errno != EROFS))
		return refuse(conf->port, errno, why, size);
	if (!S_ISCHR(st.st_mode))
		return refuse(conf->port, ENOTTY, why, size);
	return serial_fit(conf, why, size);
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

/* What releases the line after a request: the driver, else libmodbus by RTS, which is set up. */
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
	if (!serial_usable(conf, why, size) || !serial_lock(s, conf, why, size) ||
	    fstat(s->lock, &st) < 0)
		goto out;
	tty_facts("", st.st_rdev, &facts);
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
