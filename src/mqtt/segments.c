// SPDX-License-Identifier: MIT
#include "mqtt/segments.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define WINDOW (100 * US_MS)
#define BUSY 15 /* bursts in a window */

static bool leads_to(int fd, uint16_t port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} peer = {.v6 = {0}};
	socklen_t n = sizeof peer;
	if (getpeername(fd, &peer.any, &n) != 0)
		return false;
	return (peer.any.sa_family == AF_INET && peer.v4.sin_port == htons(port)) ||
	       (peer.any.sa_family == AF_INET6 && peer.v6.sin6_port == htons(port));
}

/* The library closes its socket when it likes, and its number may be another's by now. */
static bool set(const struct segments *s, int option, int on)
{
	return leads_to(s->fd, s->port) &&
	       setsockopt(s->fd, IPPROTO_TCP, option, &on, sizeof on) == 0;
}

static bool set_nodelay(const struct segments *s, int on)
{
	return set(s, TCP_NODELAY, on);
}

/* Of several (a connection that a reload left is still ending) all have it; the last is ours, or
 * what it costs is CPU. */
void segments_begin(struct segments *s, uint16_t port)
{
	*s = (struct segments){.fd = -1, .port = port};
	DIR *all = opendir("/proc/self/fd");
	for (const struct dirent *e; all && (e = readdir(all));) {
		struct segments one = {.fd = (int)strtol(e->d_name, NULL, 10), .port = port};
		if (set_nodelay(&one, 1))
			*s = one;
	}
	if (all)
		closedir(all);
}

static void count_burst(struct segments *s, us_t now)
{
	if (now - s->since >= WINDOW) {
		s->busy = s->bursts >= BUSY && now - s->since < 2 * WINDOW;
		s->since = now;
		s->bursts = 0;
	}
	s->busy |= ++s->bursts >= BUSY;
}

void segments_add(struct segments *s, bool urgent, us_t now)
{
	s->urgent |= urgent;
	if (++s->together == 2) {
		count_burst(s, now);
		s->gathers = s->gathers || set_nodelay(s, 0);
	}
}

/* To set it sends what waits (Linux, tcp(7)). */
void segments_end(struct segments *s)
{
	const bool follows = s->busy && s->together > 1;
	if (s->gathers && (s->urgent || !follows)) {
		set_nodelay(s, 1);
		s->gathers = false;
	}
	s->urgent = false;
	s->together = 0;
}

/* Not for good: the kernel goes back to waiting for something to send it with (tcp(7)). */
void segments_acknowledge(const struct segments *s)
{
	set(s, TCP_QUICKACK, 1);
}
