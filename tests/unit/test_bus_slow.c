// SPDX-License-Identifier: MIT
/* A slow unit behind a gateway that breaks its connections: whose answers are these? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus_rig.h"
#include "tcp_peer.h"

#define UNIT 3
#define QUEUE 64
#define SERVICE (400 * US_MS)    /* the unit's time for each request, one after the other */
#define CLOSE_AFTER (50 * US_MS) /* of the first requests, so much later */

struct answer {
	us_t due;
	size_t n;
	unsigned seq;
	uint8_t frame[ADU_RTU_MAX];
};

struct slow {
	int listener, fd;
	uint16_t port;
	pthread_t thread;
	atomic_bool stop;
	unsigned closes; /* so many requests are answered by closing the connection */
	us_t close_at;
	struct answer queue[QUEUE];
	size_t n;
	unsigned seq;           /* requests seen */
	atomic_bool stale[100]; /* by seq: when its answer went a newer request had come */
};

/* A register holds its address and the number of the request that read it. */
static void serve(struct slow *s, const uint8_t *frame, us_t now)
{
	struct answer *a = &s->queue[s->n];
	uint8_t pdu[PDU_MAX] = {(uint8_t)(frame[1] | 0x80), 1};
	const unsigned addr = (unsigned)(frame[2] << 8 | frame[3]), n = frame[5];
	const unsigned seq = ++s->seq;
	if (s->n == QUEUE)
		return;
	if (frame[1] == FC_READ_HOLDING) {
		pdu[0] = FC_READ_HOLDING;
		pdu[1] = (uint8_t)(2 * n);
		for (unsigned i = 0; i < n; i++) {
			const unsigned v = addr * 100 + seq % 100;
			pdu[2 + 2 * i] = (uint8_t)(v >> 8);
			pdu[3 + 2 * i] = (uint8_t)v;
		}
	}
	a->n = pdu_frame(UNIT, pdu, pdu[0] & 0x80 ? 2 : 2 + 2 * n, a->frame);
	a->due = (s->n ? a[-1].due : now) + SERVICE;
	a->seq = seq;
	s->n++;
	if (s->closes && !s->close_at)
		s->close_at = now + CLOSE_AFTER;
}

static void hear(struct slow *s, us_t now)
{
	uint8_t buf[512];
	const ssize_t n = recv(s->fd, buf, sizeof(buf), 0);
	for (ssize_t at = 0; n > 0 && at + 8 <= n; at += 8) /* all requests have 8 bytes */
		serve(s, buf + at, now);
	if (n <= 0) {
		close(s->fd);
		s->fd = -1;
	}
}

static void answer(struct slow *s, us_t now)
{
	while (s->n && s->queue[0].due <= now) {
		atomic_store(&s->stale[s->queue[0].seq % 100], s->seq > s->queue[0].seq);
		if (s->fd >= 0)
			send(s->fd, s->queue[0].frame, s->queue[0].n, MSG_NOSIGNAL);
		memmove(s->queue, s->queue + 1, --s->n * sizeof(*s->queue));
	}
	if (s->close_at && now >= s->close_at) {
		if (s->fd >= 0)
			close(s->fd);
		s->fd = -1;
		s->close_at = 0;
		s->closes--;
	}
}

static void *slow_main(void *arg)
{
	struct slow *s = arg;
	while (!atomic_load(&s->stop)) {
		struct pollfd p[] = {{.fd = s->listener, .events = POLLIN},
		                     {.fd = s->fd, .events = POLLIN}};
		poll(p, 2, 5); /* a negative descriptor is passed over */
		if (p[0].revents & POLLIN) {
			if (s->fd >= 0)
				close(s->fd);
			s->fd = accept(s->listener, NULL, NULL);
		} else if (p[1].revents) {
			hear(s, clock_now());
		}
		answer(s, clock_now());
	}
	if (s->fd >= 0)
		close(s->fd);
	close(s->listener);
	return NULL;
}

/* An answer that goes while a newer request waits for its own is not that one's. */
static bool right(void *ctx, const struct span *s, const uint16_t *word)
{
	const struct slow *slow = ctx;
	return word[0] / 100 == s->addr && !atomic_load(&slow->stale[word[0] % 100]);
}

static void answers_lost_with_connections_belong_to_no_request(void **state)
{
	(void)state;
	for (unsigned closes = 1; closes <= 3; closes++) {
		struct slow s = {.closes = closes, .fd = -1};
		s.listener = tcp_peer_listen(AF_INET, &s.port);
		assert_int_equal(pthread_create(&s.thread, NULL, slow_main, &s), 0);
		const struct bus_conf conf = {.name = "p",
		                              .kind = BUS_RTU_TCP,
		                              .host = "127.0.0.1",
		                              .tcp_port = s.port,
		                              .baud = 115200,
		                              .data = 8,
		                              .stop = 1,
		                              .parity = 'N',
		                              .timeout = 3 * US_S};
		struct unit_rule rule = rig_rule(UNIT);
		struct rig rig;
		rule.timeout = 3 * US_S;
		rule.max_hole = 0;
		const struct want w[] = {rig_want(UNIT, TABLE_HOLDING, 100, 4, US_S),
		                         rig_want(UNIT, TABLE_HOLDING, 200, 4, US_S),
		                         rig_want(UNIT, TABLE_HOLDING, 300, 4, US_S)};
		rig_begin(&rig, &conf);
		rig.right = right;
		rig.ctx = &s;
		for (uint16_t i = 0; i < 3; i++)
			bus_demand(
				rig.bus,
				&(struct span){UNIT, TABLE_HOLDING, (uint16_t)(400 + 100 * i), 4},
				clock_now() + i * 100 * US_MS);
		bus_adopt(rig.bus, w, 3, &rule, 1);
		for (int i = 0; i < 5; i++)
			assert_true(rig_await_read(&rig, UNIT));
		assert_int_equal(rig.wrong, 0);
		assert_true(rig_end(&rig));
		atomic_store(&s.stop, true);
		pthread_join(s.thread, NULL);
	}
}

/* The connection takes its time before the first request; the command's is over by then. */
static void no_write_goes_out_after_its_command_expired(void **state)
{
	(void)state;
	struct tcp_peer peer;
	struct rig rig;
	assert_true(tcp_peer_begin(&peer, AF_INET, false, 0));
	const struct bus_conf conf = {.name = "p",
	                              .kind = BUS_TCP,
	                              .host = "127.0.0.1",
	                              .tcp_port = peer.port,
	                              .data = 8,
	                              .stop = 1,
	                              .parity = 'N',
	                              .timeout = 5 * US_S,
	                              .connect_delay = US_S,
	                              .close_idle = 200 * US_MS};
	const struct unit_rule rule = rig_rule(UNIT);
	rig_begin(&rig, &conf);
	bus_adopt(rig.bus, NULL, 0, &rule, 1);
	for (uint64_t id = 1; id <= 3; id++) {
		struct job j = rig_job(id, UNIT, 5, 42);
		uint64_t old;
		j.expires = clock_now() + 300 * US_MS;
		assert_int_equal(bus_submit(rig.bus, &j, &old), SUBMIT_ACCEPTED);
		assert_true(rig_await_job(&rig, id));
		assert_true(rig.report.sent <= j.expires);
	}
	assert_true(rig_end(&rig));
	tcp_peer_end(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_lost_with_connections_belong_to_no_request),
		cmocka_unit_test(no_write_goes_out_after_its_command_expired),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
