// SPDX-License-Identifier: MIT
#include "bus/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A peer that vanished without a word: seen by probes while idle, by unacknowledged data otherwise.
 */
static const struct {
	int level, name, value;
} option[] = {
	{IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
	{IPPROTO_TCP, TCP_KEEPIDLE, 10}, {IPPROTO_TCP, TCP_KEEPINTVL, 3},
	{IPPROTO_TCP, TCP_KEEPCNT, 3},   {IPPROTO_TCP, TCP_USER_TIMEOUT, 8000}, /* ms */
};

/* Gives up what there is of the address at hand. */
static void tcp_drop(struct tcp_opening *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

/* 0: on its way or connected already, else an errno. */
static int tcp_start(struct tcp_opening *o, const struct addrinfo *a)
{
	o->fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	if (o->fd < 0)
		return errno;
	o->made++;
	for (size_t i = 0; i < sizeof(option) / sizeof(option[0]); i++)
		setsockopt(o->fd, option[i].level, option[i].name, &option[i].value, sizeof(int));
	const int error = connect(o->fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
	return error == EINPROGRESS ? 0 : error;
}

/* 0 when connected, EINPROGRESS, or why not. */
static int tcp_look(const struct tcp_opening *o, us_t now)
{
	struct pollfd p = {.fd = o->fd, .events = POLLOUT};
	int error = 0;
	socklen_t len = sizeof(error);
	if (poll(&p, 1, 0) <= 0)
		return now < o->until ? EINPROGRESS : ETIMEDOUT;
	getsockopt(o->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

static void tcp_explain(const char *host, uint16_t port, const char *reason, char *why, size_t size)
{
	const bool six = strchr(host, ':');
	snprintf(why, size, "cannot connect to %s%s%s:%u: %s", six ? "[" : "", host, six ? "]" : "",
	         port, reason);
}

void tcp_begin(struct tcp_opening *o, const char *host, uint16_t port, void (*done)(void *ctx),
               void *ctx)
{
	tcp_abandon(o);
	o->lookup = lookup_begin(host, port, o->took, done, ctx);
	o->error = 0;
	o->until = US_NEVER;
}

/* The addresses one after the other. A socket, -1 when none is left, or TCP_OPENING. */
static int tcp_try(struct tcp_opening *o, us_t timeout, us_t now)
{
	for (;;) {
		if (o->fd >= 0)
			o->error = tcp_look(o, now);
		if (o->fd >= 0 && o->error == EINPROGRESS)
			return TCP_OPENING;
		if (o->fd >= 0 && o->error == 0)
			return o->fd;
		tcp_drop(o);
		if (!o->next)
			return -1;
		o->error = tcp_start(o, o->next);
		o->next = o->next->ai_next;
		o->until = now + timeout;
		if (o->error)
			tcp_drop(o);
	}
}

int tcp_step(struct tcp_opening *o, const char *host, uint16_t port, us_t timeout, us_t now,
             char *why, size_t size)
{
	int unknown = 0;
	if (o->lookup && !lookup_take(o->lookup, &unknown, &o->list, &o->took))
		return TCP_OPENING;
	if (o->lookup)
		o->next = o->list;
	o->lookup = NULL;
	if (unknown) {
		tcp_explain(host, port, gai_strerror(unknown), why, size);
		return -1;
	}
	const int fd = tcp_try(o, timeout, now);
	if (fd == TCP_OPENING)
		return fd;
	if (fd < 0)
		tcp_explain(host, port, strerror(o->error), why, size);
	o->fd = -1; /* the caller's */
	tcp_abandon(o);
	return fd;
}

void tcp_abandon(struct tcp_opening *o)
{
	lookup_drop(o->lookup);
	o->lookup = NULL;
	tcp_drop(o);
	if (o->list)
		freeaddrinfo(o->list);
	o->list = NULL;
	o->next = NULL;
}
