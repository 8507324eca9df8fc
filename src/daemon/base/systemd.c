// SPDX-License-Identifier: MIT
/*
 * The protocol of sd_notify(3), a datagram of lines to the socket that NOTIFY_SOCKET names.
 * That page gives it for programs that do without libsystemd: it loads six libraries more, 1.2 MB
 * resident.
 */
#include "daemon/base/systemd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void notify(const char *lines)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const size_t len = path ? strlen(path) : 0;
	if (len < 2 || len >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@') /* no file: an abstract name */
		to.sun_path[0] = '\0';
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	while (sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&to, size) < 0 &&
	       errno == EINTR)
		;
	close(fd);
}

void systemd_ready(const char *status)
{
	char lines[1024];
	snprintf(lines, sizeof lines, "READY=1\nSTATUS=%s", status);
	notify(lines);
}

void systemd_status(const char *status)
{
	char lines[1024];
	snprintf(lines, sizeof lines, "STATUS=%s", status);
	notify(lines);
}

void systemd_reloading(void)
{
	char lines[64];
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	const int64_t now = (int64_t)t.tv_sec * US_S + t.tv_nsec / 1000;
	snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, now);
	notify(lines);
}

void systemd_stopping(void)
{
	notify("STOPPING=1");
}

/* A whole decimal number above 0, or 0. */
static uint64_t number(const char *text)
{
	char *end;
	if (!text || text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	const unsigned long long n = strtoull(text, &end, 10);
	return *end || errno ? 0 : n;
}

us_t systemd_watchdog_period(void)
{
	const char *pid = getenv("WATCHDOG_PID"); /* not set: any process */
	const uint64_t usec = number(getenv("WATCHDOG_USEC"));
	if (usec < 2 || usec > INT64_MAX || (pid && number(pid) != (uint64_t)getpid()))
		return US_NEVER;
	return (us_t)(usec / 2);
}

void systemd_watchdog(void)
{
	notify("WATCHDOG=1");
}
