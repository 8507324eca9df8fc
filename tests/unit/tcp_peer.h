/* SPDX-License-Identifier: MIT */
/*
 * tcp_peer: a scripted TCP server for the tests of the bus: a thread that takes one connection
 * after the other and answers by a script. Listens on a free port of the loopback.
 */
#ifndef TESTS_UNIT_TCP_PEER_H
#define TESTS_UNIT_TCP_PEER_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/clock.h"
#include "core/modbus/mbap.h"
#include "core/modbus/pdu.h"

enum tcp_peer_act {
	PEER_ANSWER,
	PEER_OTHER_UNIT,        /* unit id of another, then nothing */
	PEER_OTHER_TRANSACTION, /* transaction id of another, then the right answer */
	PEER_NEVER,
	PEER_CLOSE,
	PEER_CLOSE_MIDFRAME,
	PEER_SPLIT,   /* byte by byte */
	PEER_GARBAGE, /* no Modbus */
	PEER_TWICE,   /* the answer, and at once again */
	PEER_HELD,    /* nothing now; the answer goes before that to the next request */
	PEER_WRONG_LENGTH,
	PEER_NO_PATH,      /* exception 0x0A of a gateway */
	PEER_OTHER_ECHO,   /* a write's answer names the next register */
	PEER_ANSWER_CLOSE, /* the answer, then the end of the connection, `pause` later */
	PEER_ANSWER_RESET, /* the same, but broken */
	PEER_TAIL,         /* three bytes behind the answer */
	PEER_BUSY,  /* `pause` of nothing for odd units, an answer to the others behind that */
	PEER_LATE,  /* the answer, `pause` later */
	PEER_PIECE, /* the first half of the answer */
	PEER_PAUSE, /* `pause` inside the answer */
};

struct tcp_peer {
	int listener;
	uint16_t port;
	bool rtu; /* RTU frames instead of MBAP */
	pthread_t thread;
	atomic_bool stop;
	atomic_int act, times; /* this act for so many requests (negative: for all) */
	atomic_uint connections, requests, dropped;
	atomic_bool refuse; /* close new connections at once */
	atomic_bool reset;  /* break the connection there is, without a farewell; once */
	atomic_int last_unit;
	atomic_llong pause; /* µs, of some acts */
	atomic_uint writes;
	atomic_llong request_at; /* the first one */
	uint8_t held[MBAP_MAX];  /* an answer held back */
	size_t nheld;
};

static inline uint16_t tcp_peer_value(unsigned unit, unsigned addr)
{
	return (uint16_t)(unit * 1000u + addr * 7u);
}

static inline size_t tcp_peer_pdu(const uint8_t *pdu, uint8_t unit, uint8_t *answer)
{
	const unsigned addr = (unsigned)(pdu[1] << 8 | pdu[2]),
		       n = (unsigned)(pdu[3] << 8 | pdu[4]);
	if (pdu[0] != FC_READ_HOLDING && pdu[0] != FC_READ_INPUT) {
		if (pdu[0] == FC_WRITE_REGISTER || pdu[0] == FC_WRITE_REGISTERS) {
			memcpy(answer, pdu, 5);
			return 5;
		}
		answer[0] = (uint8_t)(pdu[0] | 0x80);
		answer[1] = 1;
		return 2;
	}
	answer[0] = pdu[0];
	answer[1] = (uint8_t)(2 * n);
	for (unsigned i = 0; i < n; i++) {
		const uint16_t v = tcp_peer_value(unit, addr + i);
		answer[2 + 2 * i] = (uint8_t)(v >> 8);
		answer[3 + 2 * i] = (uint8_t)v;
	}
	return 2 + 2 * n;
}

static inline size_t tcp_peer_frame(const struct tcp_peer *p, uint8_t *out, uint16_t id,
                                    uint8_t unit, const uint8_t *pdu, size_t n)
{
	return p->rtu ? pdu_frame(unit, pdu, n, out) : mbap_build(out, id, unit, pdu, n);
}

static inline bool tcp_peer_say(int fd, const uint8_t *frame, size_t n)
{
	return send(fd, frame, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* Closing it then breaks the connection. */
static inline void tcp_peer_break(int fd)
{
	const struct linger none = {.l_onoff = 1};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

/* Waits for at least one byte. False: the other end is gone, or the test is over. */
static inline ssize_t tcp_peer_receive(struct tcp_peer *p, int fd, uint8_t *buf, size_t room)
{
	while (!atomic_load(&p->stop)) {
		struct pollfd f = {.fd = fd, .events = POLLIN};
		if (poll(&f, 1, 20) > 0)
			return recv(fd, buf, room, 0);
		if (atomic_exchange(&p->reset, false)) {
			tcp_peer_break(fd);
			return 0;
		}
	}
	return 0;
}

/* False: close the connection. */
static inline bool tcp_peer_act(struct tcp_peer *p, int fd, uint16_t id, uint8_t unit,
                                const uint8_t *pdu)
{
	uint8_t answer[PDU_MAX + 8], frame[MBAP_MAX + 8], odd[MBAP_MAX + 8];
	int act = atomic_load(&p->times) ? atomic_load(&p->act) : PEER_ANSWER;
	if (atomic_load(&p->times) > 0)
		atomic_fetch_sub(&p->times, 1);
	size_t len = tcp_peer_pdu(pdu, unit, answer);
	atomic_fetch_add(&p->writes, pdu_is_write(pdu[0]));
	if (act == PEER_OTHER_ECHO && pdu[0] == FC_WRITE_REGISTER)
		answer[2]++;
	const size_t n = tcp_peer_frame(p, frame, id, unit, answer, len);
	if (p->nheld && !tcp_peer_say(fd, p->held, p->nheld))
		return false;
	p->nheld = 0;
	switch (act) {
	case PEER_OTHER_UNIT:
		return tcp_peer_say(fd, odd,
		                    tcp_peer_frame(p, odd, id, (uint8_t)(unit + 1), answer, len));
	case PEER_OTHER_TRANSACTION:
		answer[2] ^= 0x55;
		return tcp_peer_say(
			       fd, odd,
			       tcp_peer_frame(p, odd, (uint16_t)(id - 1), unit, answer, len)) &&
		       tcp_peer_say(fd, frame, n);
	case PEER_NEVER:
		return true;
	case PEER_HELD:
		memcpy(p->held, frame, n);
		p->nheld = n;
		return true;
	case PEER_CLOSE:
		return false;
	case PEER_CLOSE_MIDFRAME:
		tcp_peer_say(fd, frame, n / 2);
		return false;
	case PEER_SPLIT:
		for (size_t i = 0; i < n; i++) {
			if (!tcp_peer_say(fd, frame + i, 1))
				return false;
			clock_sleep(clock_now() + 300);
		}
		return true;
	case PEER_GARBAGE:
		return tcp_peer_say(fd, (const uint8_t *)"HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	case PEER_TWICE:
		return tcp_peer_say(fd, frame, n) && tcp_peer_say(fd, frame, n);
	case PEER_WRONG_LENGTH:
		answer[1] = (uint8_t)(answer[1] + 2);
		len += 2;
		return tcp_peer_say(fd, odd, tcp_peer_frame(p, odd, id, unit, answer, len));
	case PEER_ANSWER_CLOSE:
	case PEER_ANSWER_RESET:
		tcp_peer_say(fd, frame, n);
		clock_sleep(clock_now() + atomic_load(&p->pause));
		if (act == PEER_ANSWER_RESET)
			tcp_peer_break(fd);
		return false;
	case PEER_TAIL:
		return tcp_peer_say(fd, frame, n) && tcp_peer_say(fd, (const uint8_t[3]){0}, 3);
	case PEER_BUSY:
		if (unit % 2 == 0)
			return tcp_peer_say(fd, frame, n);
		clock_sleep(clock_now() + atomic_load(&p->pause));
		return true;
	case PEER_LATE:
		clock_sleep(clock_now() + atomic_load(&p->pause));
		return tcp_peer_say(fd, frame, n);
	case PEER_PIECE:
		return tcp_peer_say(fd, frame, n / 2);
	case PEER_PAUSE:
		if (!tcp_peer_say(fd, frame, n / 2))
			return false;
		clock_sleep(clock_now() + atomic_load(&p->pause));
		return tcp_peer_say(fd, frame + n / 2, n - n / 2);
	case PEER_NO_PATH:
		answer[0] = (uint8_t)(pdu[0] | 0x80);
		answer[1] = 0x0A;
		return tcp_peer_say(fd, odd, tcp_peer_frame(p, odd, id, unit, answer, 2));
	default:
		return tcp_peer_say(fd, frame, n);
	}
}

static inline void tcp_peer_serve(struct tcp_peer *p, int fd)
{
	uint8_t buf[MBAP_MAX];
	size_t n = 0;
	for (;;) {
		const ssize_t got = tcp_peer_receive(p, fd, buf + n, sizeof(buf) - n);
		if (got <= 0)
			return;
		n += (size_t)got;
		struct mbap f;
		/* requests come whole and one by one */
		const int size = p->rtu ? (int)n : mbap_parse(buf, n, &f);
		if (size <= 0 || (p->rtu && (n < 4 || crc16(buf, n))))
			continue;
		if (!atomic_fetch_add(&p->requests, 1))
			atomic_store(&p->request_at, clock_now());
		const uint8_t unit = p->rtu ? buf[0] : f.unit;
		atomic_store(&p->last_unit, unit);
		n = 0;
		if (!tcp_peer_act(p, fd, p->rtu ? 0 : f.transaction, unit,
		                  p->rtu ? buf + 1 : f.pdu))
			return;
	}
}

static inline void *tcp_peer_main(void *arg)
{
	struct tcp_peer *p = arg;
	while (!atomic_load(&p->stop)) {
		struct pollfd f = {.fd = p->listener, .events = POLLIN};
		if (poll(&f, 1, 20) <= 0)
			continue;
		const int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		const int one = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		atomic_fetch_add(&p->connections, 1);
		if (!atomic_load(&p->refuse))
			tcp_peer_serve(p, fd);
		close(fd);
		atomic_fetch_add(&p->dropped, 1);
	}
	return NULL;
}

/* A socket bound to the loopback, of the given family, on *port (0: any free one, which is put
 * there). While it only is bound nobody else gets the port, and connects are refused. */
static inline int tcp_peer_bind(int family, uint16_t *port)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
	                           .sin6_addr = IN6ADDR_LOOPBACK_INIT,
	                           .sin6_port = htons(*port)};
	struct sockaddr_in four = {.sin_family = AF_INET,
	                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                           .sin_port = htons(*port)};
	const bool is_six = family == AF_INET6;
	const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	struct sockaddr *address = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
	socklen_t len = is_six ? sizeof(six) : sizeof(four);
	if (bind(fd, address, len) < 0 || getsockname(fd, address, &len) < 0) {
		close(fd);
		return -1;
	}
	*port = ntohs(is_six ? six.sin6_port : four.sin_port);
	return fd;
}

static inline int tcp_peer_listen(int family, uint16_t *port)
{
	const int fd = tcp_peer_bind(family, port);
	if (fd >= 0 && listen(fd, 16) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* port 0: any free one. False: the machine has no such addresses. */
static inline bool tcp_peer_begin(struct tcp_peer *p, int family, bool rtu, uint16_t port)
{
	memset(p, 0, sizeof(*p));
	p->rtu = rtu;
	p->port = port;
	p->listener = tcp_peer_listen(family, &p->port);
	if (p->listener < 0)
		return false;
	if (pthread_create(&p->thread, NULL, tcp_peer_main, p))
		abort();
	return true;
}

static inline void tcp_peer_end(struct tcp_peer *p)
{
	atomic_store(&p->stop, true);
	pthread_join(p->thread, NULL);
	close(p->listener);
}

static inline void tcp_peer_script(struct tcp_peer *p, enum tcp_peer_act act, int times)
{
	atomic_store(&p->act, (int)act);
	atomic_store(&p->times, times);
}

#endif
