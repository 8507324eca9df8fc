#include "mqtt/reach.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REACH_LIMIT_MS 500

/* 0: it can be reached. */
static int try_address(const struct addrinfo *a)
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
	close(fd);
	return error;
}

bool reach_explain(const char *host, uint16_t port, char *buf, size_t size)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	char service[8];
	snprintf(service, sizeof service, "%u", (unsigned)port);
	const int rc = getaddrinfo(host, service, &hints, &list);
	if (rc != 0) {
		snprintf(buf, size, "cannot find %s: %s", host, gai_strerror(rc));
		return false;
	}
	const int error = try_address(list);
	freeaddrinfo(list);
	buf[0] = '\0';
	if (error)
		snprintf(buf, size, "cannot connect to %s:%u: %s", host, (unsigned)port,
		         strerror(error));
	return error == 0;
}

bool reach_file(const char *path, const char *what, char *buf, size_t size)
{
	if (!path || access(path, R_OK) == 0)
		return true;
	snprintf(buf, size, "cannot read the %s %s: %s", what, path, strerror(errno));
	return false;
}
