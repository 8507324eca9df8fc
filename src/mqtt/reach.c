// SPDX-License-Identifier: MIT
#include "mqtt/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REACH_LIMIT_MS 500

/* 0: it can be reached, and *out is the connection. */
static int try_address(const struct addrinfo *a, int *out)
{
	const int fd =
		socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	if (fd < 0)
		return errno;
	int error = 0;
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
		error = errno;
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		socklen_t n = sizeof error;
		if (error == EINPROGRESS && poll(&p, 1, REACH_LIMIT_MS) == 1)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
		else if (error == EINPROGRESS)
			error = ETIMEDOUT;
	}
	*out = error ? -1 : fd;
	if (error)
		close(fd);
	return error;
}

/* 0, or an errno; *unknown: the result of getaddrinfo(). */
static int try_host(const char *host, uint16_t port, int *unknown, int *out)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	char service[8];
	*out = -1;
	snprintf(service, sizeof service, "%u", (unsigned)port);
	*unknown = getaddrinfo(host, service, &hints, &list);
	if (*unknown != 0)
		return ENOENT;
	const int error = try_address(list, out);
	freeaddrinfo(list);
	return error;
}

int reach_connect(const char *host, uint16_t port)
{
	int unknown, fd;
	if (try_host(host, port, &unknown, &fd) != 0)
		return -1;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

static void say_unknown(const char *host, int unknown, char *buf, size_t size)
{
	snprintf(buf, size, "cannot find %s: %s", host, gai_strerror(unknown));
}

bool reach_resolve(const char *host, char address[REACH_ADDRESS], char *buf, size_t size)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int unknown = getaddrinfo(host, NULL, &hints, &list);
	if (unknown == 0) {
		const struct addrinfo *a = list;
		while (a && a->ai_family != AF_INET)
			a = a->ai_next;
		a = a ? a : list;
		unknown = a ? getnameinfo(a->ai_addr, a->ai_addrlen, address, REACH_ADDRESS, NULL,
		                          0, NI_NUMERICHOST)
		            : EAI_NONAME;
		freeaddrinfo(list);
	}
	if (unknown != 0)
		say_unknown(host, unknown, buf, size);
	return unknown == 0;
}

bool reach_explain(const char *host, uint16_t port, char *buf, size_t size)
{
	int unknown, fd;
	const int error = try_host(host, port, &unknown, &fd);
	if (unknown != 0) {
		say_unknown(host, unknown, buf, size);
		return false;
	}
	if (fd >= 0)
		close(fd);
	buf[0] = '\0';
	if (error)
		snprintf(buf, size, "cannot connect to %s:%u: %s%s", host, (unsigned)port,
		         strerror(error),
		         error == ECONNREFUSED ? "; does the broker run, and listen on this port?"
		                               : "");
	return error == 0;
}

bool reach_file(const char *path, const char *what, char *buf, size_t size)
{
	if (!path || access(path, R_OK) == 0)
		return true;
	snprintf(buf, size, "cannot read the %s %s: %s", what, path, strerror(errno));
	return false;
}
