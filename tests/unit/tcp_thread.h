/*
 * tcp_thread: a Modbus TCP server (or RTU over TCP) in a thread that misbehaves when told to.
 */
#ifndef TESTS_UNIT_TCP_THREAD_H
#define TESTS_UNIT_TCP_THREAD_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/clock.h"
#include "core/mbap.h"

#define TCP_WRONG 0xDEAD /* in every answer that must not be believed */

enum tcp_mode {
	TCP_GOOD,
	TCP_WRONG_UNIT,
	TCP_WRONG_TRANSACTION, /* a wrong answer first, then the right one */
	TCP_LATE,              /* a wrong answer after the client has given up */
	TCP_TRAILING,          /* the right answer, and a wrong one behind it */
	TCP_NO_MODBUS,         /* a wrong protocol id */
	TCP_MUTE,
	TCP_CLOSE,             /* hangs up instead of answering */
	TCP_TORN,              /* the answer comes byte by byte */
};

struct tcp_thread {
	pthread_t thread;
	int listener;
	int stop[2];
	uint16_t port;
	bool rtu;
	us_t late;             /* of TCP_LATE */
	atomic_int mode;       /* of the next `times` requests; then TCP_GOOD again */
	atomic_int times;
	atomic_uint connections, requests, writes;
	_Atomic uint16_t value; /* of every register */
	uint8_t out[2 * MBAP_MAX]; /* what goes out in one piece */
	size_t nout;
};

static size_t tcp_answer(struct tcp_thread *t, const uint8_t *pdu, size_t len, bool wrong, uint8_t *out)
{
	if (pdu_is_write(pdu[0])) {
		atomic_fetch_add(&t->writes, 1);
		atomic_store(&t->value, (uint16_t)(pdu[3] << 8 | pdu[4]));
		memcpy(out, pdu, len);
		return 5;
	}
	const unsigned count = (unsigned)(pdu[3] << 8 | pdu[4]);
	const uint16_t value = wrong ? TCP_WRONG : atomic_load(&t->value);
	out[0] = pdu[0];
	out[1] = (uint8_t)(2 * count);
	for (unsigned i = 0; i < count; i++) {
		out[2 + 2 * i] = (uint8_t)(value >> 8);
		out[3 + 2 * i] = (uint8_t)value;
	}
	return 2 + 2 * count;
}

static void tcp_say(struct tcp_thread *t, int fd, bool torn)
{
	for (size_t i = 0; i < t->nout; i += torn ? 1 : t->nout) {
		if (send(fd, t->out + i, torn ? 1 : t->nout, MSG_NOSIGNAL) < 0)
			break;
		if (torn)
			clock_sleep(clock_now() + US_MS / 2);
	}
	t->nout = 0;
}

static void tcp_reply(struct tcp_thread *t, const struct mbap *q, bool wrong, unsigned transaction, uint8_t unit)
{
	uint8_t pdu[PDU_MAX], *frame = t->out + t->nout;
	const size_t len = tcp_answer(t, q->pdu, q->len, wrong, pdu);
	if (t->rtu)
		t->nout += pdu_frame(unit, pdu, len, frame);
	else
		t->nout += mbap_build(frame, (uint16_t)transaction, unit, pdu, len);
}

static enum tcp_mode tcp_mode(struct tcp_thread *t)
{
	if (atomic_load(&t->times) <= 0)
		return TCP_GOOD;
	atomic_fetch_sub(&t->times, 1);
	return (enum tcp_mode)atomic_load(&t->mode);
}

/* False: hang up. */
static bool tcp_serve(struct tcp_thread *t, int fd, const struct mbap *q)
{
	const enum tcp_mode mode = tcp_mode(t);
	const bool right = mode == TCP_GOOD || mode == TCP_TORN || mode == TCP_TRAILING;
	atomic_fetch_add(&t->requests, 1);
	if (mode == TCP_LATE)
		clock_sleep(clock_now() + t->late);
	if (right)
		tcp_reply(t, q, false, q->transaction, q->unit);
	if (mode == TCP_WRONG_TRANSACTION) {
		tcp_reply(t, q, true, q->transaction - 1u, q->unit);
		tcp_reply(t, q, false, q->transaction, q->unit);
	}
	if (mode == TCP_WRONG_UNIT)
		tcp_reply(t, q, true, q->transaction, q->unit + 1);
	if (mode == TCP_LATE || mode == TCP_TRAILING || mode == TCP_NO_MODBUS)
		tcp_reply(t, q, true, q->transaction, q->unit);
	if (mode == TCP_NO_MODBUS)
		t->out[2] = 1;
	tcp_say(t, fd, mode == TCP_TORN);
	return mode != TCP_CLOSE;
}

/* The request at the head of n bytes; its size, 0: not all there yet. */
static size_t tcp_parse(const struct tcp_thread *t, const uint8_t *bytes, size_t n, struct mbap *q)
{
	if (!t->rtu) {
		const int size = mbap_parse(bytes, n, q);
		return size > 0 ? (size_t)size : 0;
	}
	const size_t len = n > 2 ? pdu_request_size(bytes + 1, n - 1) : 0;
	if (!len || n < len + 3)
		return 0;
	*q = (struct mbap){.unit = bytes[0], .pdu = bytes + 1, .len = (uint8_t)len};
	return len + 3;
}

static bool tcp_take(struct tcp_thread *t, int fd, uint8_t *bytes, size_t *n)
{
	struct mbap q;
	size_t size;
	const ssize_t got = recv(fd, bytes + *n, 512 - *n, 0);
	if (got <= 0)
		return false;
	*n += (size_t)got;
	while ((size = tcp_parse(t, bytes, *n, &q))) {
		if (!tcp_serve(t, fd, &q))
			return false;
		*n -= size;
		memmove(bytes, bytes + size, *n);
	}
	return true;
}

static void *tcp_main(void *arg)
{
	struct tcp_thread *t = arg;
	uint8_t bytes[512];
	size_t n = 0;
	int fd = -1;
	for (;;) {
		struct pollfd f[3] = {{.fd = t->stop[0], .events = POLLIN},
				      {.fd = t->listener, .events = POLLIN},
				      {.fd = fd, .events = POLLIN}};
		poll(f, 3, -1);
		if (f[0].revents)
			break;
		if (fd >= 0 && f[2].revents && !tcp_take(t, fd, bytes, &n)) {
			close(fd);
			fd = -1;
		}
		if (f[1].revents) {
			if (fd >= 0)
				close(fd);
			fd = accept(t->listener, NULL, NULL);
			n = 0;
			atomic_fetch_add(&t->connections, 1);
		}
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* port 0: any free one. */
static inline void tcp_start(struct tcp_thread *t, bool rtu, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t len = sizeof(a);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memset(t, 0, sizeof(*t));
	t->rtu = rtu;
	atomic_store(&t->value, 77);
	t->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(t->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(t->listener, (struct sockaddr *)&a, sizeof(a)) || listen(t->listener, 4) ||
	    getsockname(t->listener, (struct sockaddr *)&a, &len) || pipe2(t->stop, O_CLOEXEC) ||
	    pthread_create(&t->thread, NULL, tcp_main, t))
		abort();
	t->port = ntohs(a.sin_port);
}

static inline void tcp_misbehave(struct tcp_thread *t, enum tcp_mode mode, int times)
{
	atomic_store(&t->mode, mode);
	atomic_store(&t->times, times);
}

static inline void tcp_stop(struct tcp_thread *t)
{
	if (write(t->stop[1], "", 1) != 1)
		abort();
	pthread_join(t->thread, NULL);
	close(t->listener);
	close(t->stop[0]);
	close(t->stop[1]);
}

#endif
