// SPDX-License-Identifier: MIT
#include "sim/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* Raw from the start: the line must not echo before it is opened. */
static bool make_raw(const char *name)
{
	const int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;
	bool good;

	if (fd < 0)
		return false;
	good = tcgetattr(fd, &t) == 0;
	cfmakeraw(&t);
	good = good && tcsetattr(fd, TCSANOW, &t) == 0;
	/* not kept open: the other end's TIOCEXCL must end with the one who set it */
	close(fd);
	return good;
}

/* Only what another simulator has left there is replaced: a link to a pseudo-terminal. NULL: free.
 */
static const char *what_is_there(const char *link)
{
	static const char pts[] = "/dev/pts/";
	char target[sizeof(pts)];
	struct stat st;

	if (lstat(link, &st) != 0)
		return NULL;
	if (!S_ISLNK(st.st_mode))
		return "exists and is not a symbolic link";
	if (readlink(link, target, sizeof(pts) - 1) != sizeof(pts) - 1 ||
	    memcmp(target, pts, sizeof(pts) - 1) != 0)
		return "exists and is not a link to a pseudo-terminal";
	return NULL;
}

static bool make_link(const struct sim_pty *p)
{
	char temporary[4096];
	const char *wrong = what_is_there(p->link);

	if (!wrong && snprintf(temporary, sizeof(temporary), "%s.%ld", p->link, (long)getpid()) >=
	                      (int)sizeof(temporary))
		wrong = strerror(ENAMETOOLONG);
	if (!wrong && symlink(p->name, temporary) != 0) {
		wrong = strerror(errno); /* a temporary that is there is not ours: it stays */
	} else if (!wrong && rename(temporary, p->link) != 0) {
		wrong = strerror(errno);
		unlink(temporary);
	}
	if (wrong)
		fprintf(stderr, "xnetctl: %s: %s\n", p->link, wrong);
	return !wrong;
}

bool sim_pty_open(struct sim_pty *p, const char *link)
{
	p->link = NULL;
	p->fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (p->fd < 0 || grantpt(p->fd) != 0 || unlockpt(p->fd) != 0 ||
	    ptsname_r(p->fd, p->name, sizeof(p->name)) != 0 || !make_raw(p->name)) {
		fprintf(stderr, "xnetctl: no pseudo-terminal: %s\n", strerror(errno));
		sim_pty_close(p);
		return false;
	}
	p->link = link;
	if (link && !make_link(p)) {
		p->link = NULL;
		sim_pty_close(p);
		return false;
	}
	return true;
}

void sim_pty_close(struct sim_pty *p)
{
	char target[sizeof(p->name)];
	const ssize_t n = p->link ? readlink(p->link, target, sizeof(target) - 1) : -1;

	if (n >= 0) {
		target[n] = '\0';
		if (strcmp(target, p->name) == 0)
			unlink(p->link);
	}
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->link = NULL;
}

bool sim_pty_speed_is(const struct sim_pty *p, unsigned baud)
{
	static const struct {
		unsigned baud;
		speed_t speed;
	} row[] = {
		{1200, B1200},   {2400, B2400},     {4800, B4800},
		{9600, B9600},   {19200, B19200},   {38400, B38400},
		{57600, B57600}, {115200, B115200}, {230400, B230400},
	};
	struct termios t;

	if (tcgetattr(p->fd, &t) != 0)
		return true;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].baud == baud)
			return cfgetospeed(&t) == row[i].speed;
	return true;
}
