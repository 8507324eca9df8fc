// SPDX-License-Identifier: MIT
#include "bus/tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/clock.h"

#define SLICE (250 * US_MS) /* between two looks at *stop */

/* A peer that vanished without a word: seen by probes while idle, by unacknowledged data otherwise.
 */
static const struct {
	int level, name, value;
} option[] = {
	{IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
	{IPPROTO_TCP, TCP_KEEPIDLE, 10}, {IPPROTO_TCP, TCP_KEEPINTVL, 3},
	{IPPROTO_TCP, TCP_KEEPCNT, 3},   {IPPROTO_TCP, TCP_USER_TIMEOUT, 8000}, /* ms */
};

/* A literal address needs no look-up, which would load half of the C library's name services. */
static int tcp_resolve(const char *host, uint16_t port, struct addrinfo **list)
{
	char service[8];
	snprintf(service, sizeof(service), "%u", port);
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM,
	                        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	if (getaddrinfo(host, service, &hint, list) == 0)
		return 0;
	hint.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
	return getaddrinfo(host, service, &hint, list);
}

/* 0 when connected, else an errno. */
static int tcp_await(int fd, us_t deadline, const atomic_bool *stop)
{
	for (;;) {
		const us_t left = deadline - clock_now();
		if (left <= 0)
			return ETIMEDOUT;
		if (atomic_load(stop))
			return ECANCELED;
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		if (poll(&p, 1, (int)((left < SLICE ? left : SLICE) / US_MS) + 1) <= 0)
			continue;
		int error = 0;
		socklen_t len = sizeof(error);
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		return error;
	}
}

static int tcp_try(const struct addrinfo *a, us_t timeout, const atomic_bool *stop, int *error)
{
	const int fd =
		socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	if (fd < 0) {
		*error = errno;
		return -1;
	}
	for (size_t i = 0; i < sizeof(option) / sizeof(option[0]); i++)
		setsockopt(fd, option[i].level, option[i].name, &option[i].value, sizeof(int));
	*error = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
	if (*error == EINPROGRESS)
		*error = tcp_await(fd, clock_now() + timeout, stop);
	if (*error == 0)
		return fd;
	close(fd);
	return -1;
}

static void tcp_explain(const char *host, uint16_t port, const char *reason, char *why, size_t size)
{
	const bool six = strchr(host, ':');
	snprintf(why, size, "cannot connect to %s%s%s:%u: %s", six ? "[" : "", host, six ? "]" : "",
	         port, reason);
}

int tcp_connect(const char *host, uint16_t port, us_t timeout, const atomic_bool *stop, char *why,
                size_t size)
{
	struct addrinfo *list = NULL;
	const int unknown = tcp_resolve(host, port, &list);
	if (unknown) {
		tcp_explain(host, port, gai_strerror(unknown), why, size);
		return -1;
	}
	int fd = -1, error = 0;
	for (const struct addrinfo *a = list; a && fd < 0 && !atomic_load(stop); a = a->ai_next)
		fd = tcp_try(a, timeout, stop, &error);
	freeaddrinfo(list);
	if (fd < 0)
		tcp_explain(host, port, error ? strerror(error) : "stopped", why, size);
	return fd;
}
