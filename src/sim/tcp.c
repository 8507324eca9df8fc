// SPDX-License-Identifier: MIT
#include "sim/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER                                                                                     \
	7 /* transaction, protocol, length, unit: Modbus Messaging on TCP/IP V1.0b, 3.1.3          \
	   */
#define FRAME_MAX (HEADER + PDU_MAX)
#define WAITING 8

/* A request whose answer's time has not come. */
struct waiting {
	us_t due;
	size_t n;
	uint8_t frame[FRAME_MAX];
};

struct client {
	int fd;
	size_t n;
	uint8_t in[FRAME_MAX];
	size_t nwaiting;
	struct waiting waiting[WAITING];
};

struct sim_tcp {
	int fd;
	size_t n;
	struct client *client[SIM_TCP_CLIENTS];
};

int sim_tcp_listen(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	                        .sin_port = htons((uint16_t)*port),
	                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	const int on = 1;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 16) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &size) != 0) {
		fprintf(stderr, "xnetctl: TCP port %d: %s\n", *port, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*port = ntohs(a.sin_port);
	return fd;
}

int sim_tcp_accept(int listener)
{
	const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;

	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

struct sim_tcp *sim_tcp_open(int *port)
{
	const int fd = sim_tcp_listen(port);

	if (fd < 0)
		return NULL;
	struct sim_tcp *t = mem_alloc(1, sizeof(*t));
	t->fd = fd;
	return t;
}

static void drop(struct sim_tcp *t, size_t i)
{
	close(t->client[i]->fd);
	free(t->client[i]);
	t->client[i] = t->client[--t->n];
}

void sim_tcp_close(struct sim_tcp *t)
{
	if (!t)
		return;
	while (t->n)
		drop(t, 0);
	close(t->fd);
	free(t);
}

size_t sim_tcp_poll(const struct sim_tcp *t, struct pollfd *fd)
{
	size_t n = 0;

	if (t->n < SIM_TCP_CLIENTS)
		fd[n++] = (struct pollfd){.fd = t->fd, .events = POLLIN};
	for (size_t i = 0; i < t->n; i++)
		if (t->client[i]->nwaiting < WAITING)
			fd[n++] = (struct pollfd){.fd = t->client[i]->fd, .events = POLLIN};
	return n;
}

static void take_clients(struct sim_tcp *t)
{
	while (t->n < SIM_TCP_CLIENTS) {
		const int fd = sim_tcp_accept(t->fd);
		if (fd < 0)
			return;
		t->client[t->n] = mem_alloc(1, sizeof(struct client));
		t->client[t->n++]->fd = fd;
	}
}

static void answer(struct client *c, struct simunits *units, size_t len, us_t now, int64_t epoch)
{
	struct waiting *w = &c->waiting[c->nwaiting];
	const struct sim_turn turn = simunits_turn(units, c->in[6]);
	size_t n;

	if (turn.fault == SIM_LOST)
		return;
	n = simunits_answer(units, c->in[6], c->in + HEADER, len, now, epoch, w->frame + HEADER);
	if (n == 0 || turn.fault == SIM_SILENT)
		return;
	if ((turn.fault == SIM_SHORT || turn.fault == SIM_CUT) && n > 1)
		n--;
	memcpy(w->frame, c->in, HEADER);
	w->frame[4] = (uint8_t)((n + 1) >> 8);
	w->frame[5] = (uint8_t)(n + 1);
	if (turn.fault == SIM_BAD_CRC) /* TCP has no CRC: the wrong transaction */
		w->frame[0] ^= 0xFF;
	w->n = HEADER + n;
	w->due = now + (turn.fault == SIM_LATE ? turn.delay : turn.turnaround);
	c->nwaiting++;
}

/* False: not Modbus TCP, the connection is at its end. */
static bool take_frames(struct client *c, struct simunits *units, us_t now, int64_t epoch)
{
	while (c->n >= HEADER && c->nwaiting < WAITING) {
		const size_t len = (size_t)(c->in[4] << 8 | c->in[5]);
		if (c->in[2] || c->in[3] || len < 2 || len > PDU_MAX + 1)
			return false;
		const size_t whole = HEADER - 1 + len;
		if (c->n < whole)
			break;
		answer(c, units, len - 1, now, epoch);
		c->n -= whole;
		memmove(c->in, c->in + whole, c->n);
	}
	return true;
}

static bool serve(struct client *c, struct simunits *units, us_t now, int64_t epoch)
{
	const ssize_t n = read(c->fd, c->in + c->n, sizeof(c->in) - c->n);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return c->n == sizeof(c->in); /* full: its answers must go first */
	if (n > 0)
		c->n += (size_t)n;
	return take_frames(c, units, now, epoch);
}

static bool send_due(struct client *c, us_t now, us_t *next)
{
	for (size_t i = 0; i < c->nwaiting;) {
		struct waiting *w = &c->waiting[i];
		if (w->due > now) {
			*next = w->due < *next ? w->due : *next;
			i++;
			continue;
		}
		if (send(c->fd, w->frame, w->n, MSG_NOSIGNAL) != (ssize_t)w->n)
			return false;
		memmove(w, w + 1, (--c->nwaiting - i) * sizeof(*w));
	}
	return true;
}

us_t sim_tcp_step(struct sim_tcp *t, struct simunits *units, us_t now, int64_t epoch)
{
	us_t next = US_NEVER;

	take_clients(t);
	for (size_t i = 0; i < t->n;) {
		struct client *c = t->client[i];
		if (serve(c, units, now, epoch) && send_due(c, now, &next))
			i++;
		else
			drop(t, i);
	}
	return next;
}
