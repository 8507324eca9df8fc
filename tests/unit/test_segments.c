// SPDX-License-Identifier: MIT
/* When small packets wait for each other: the socket is real, the time is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mqtt/segments.h"

struct line {
	int listener, fd;
	uint16_t port;
};

static struct line line_open(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	struct line l = {.listener = socket(AF_INET, SOCK_STREAM, 0),
	                 .fd = socket(AF_INET, SOCK_STREAM, 0)};
	assert_int_equal(bind(l.listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(l.listener, 1), 0);
	assert_int_equal(getsockname(l.listener, (struct sockaddr *)&a, &n), 0);
	assert_int_equal(connect(l.fd, (struct sockaddr *)&a, sizeof a), 0);
	l.port = ntohs(a.sin_port);
	return l;
}

static void line_close(struct line *l)
{
	close(l->fd);
	close(l->listener);
}

static int option(const struct line *l, int name)
{
	int on = -1;
	socklen_t n = sizeof on;
	assert_int_equal(getsockopt(l->fd, IPPROTO_TCP, name, &on, &n), 0);
	return on != 0;
}

static int nodelay(const struct line *l)
{
	return option(l, TCP_NODELAY);
}

static void a_single_message_does_not_wait(void **state)
{
	(void)state;
	struct line l = line_open();
	struct segments s;
	assert_false(nodelay(&l));
	segments_begin(&s, l.port);
	assert_true(nodelay(&l));
	for (us_t t = 0; t < 20 * US_S; t += 20 * US_MS) {
		segments_add(&s, false, t);
		assert_true(nodelay(&l));
		segments_end(&s);
		assert_true(nodelay(&l));
	}
	line_close(&l);
}

static void what_is_handed_over_together_is_sent_together_and_then_at_once(void **state)
{
	(void)state;
	struct line l = line_open();
	struct segments s;
	segments_begin(&s, l.port);
	for (us_t t = 0; t < 5 * US_S; t += 50 * US_MS) {
		for (unsigned i = 0; i < 10; i++)
			segments_add(&s, false, t);
		assert_false(nodelay(&l));
		segments_end(&s);
		assert_true(nodelay(&l));
	}
	line_close(&l);
}

/* A device of 100 points each 200 ms: what a command changes comes between two of them. */
static void a_message_behind_a_burst_does_not_wait(void **state)
{
	(void)state;
	struct line l = line_open();
	struct segments s;
	segments_begin(&s, l.port);
	for (us_t t = 0; t < 5 * US_S; t += 200 * US_MS) {
		for (unsigned i = 0; i < 100; i++)
			segments_add(&s, false, t);
		segments_end(&s);
		assert_true(nodelay(&l));
		segments_add(&s, false, t + 150 * US_MS);
		assert_true(nodelay(&l));
		segments_end(&s);
	}
	line_close(&l);
}

static void bursts(struct segments *s, us_t from, us_t to)
{
	for (us_t t = from; t < to; t += 5 * US_MS) {
		for (unsigned i = 0; i < 50; i++)
			segments_add(s, false, t);
		segments_end(s);
	}
}

static void of_ten_thousand_a_second_only_the_urgent_do_not_wait(void **state)
{
	(void)state;
	struct line l = line_open();
	struct segments s;
	segments_begin(&s, l.port);
	bursts(&s, 0, US_S);
	assert_false(nodelay(&l));
	segments_add(&s, true, US_S);
	segments_end(&s);
	assert_true(nodelay(&l));
	bursts(&s, US_S, 2 * US_S);
	assert_false(nodelay(&l));
	/* and once it is quiet, none does */
	segments_add(&s, false, 2 * US_S + 300 * US_MS);
	segments_end(&s);
	assert_true(nodelay(&l));
	line_close(&l);
}

static void a_socket_that_took_its_number_is_left_alone(void **state)
{
	(void)state;
	struct line l = line_open();
	struct segments s;
	segments_begin(&s, l.port);
	struct line other = line_open();
	assert_int_equal(dup2(other.fd, l.fd), l.fd);
	const int on = 1;
	setsockopt(other.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	segments_add(&s, false, 0);
	segments_add(&s, false, 0);
	assert_true(nodelay(&other));
	segments_end(&s);
	line_close(&l);
	line_close(&other);
}

/* Whoever answers what he receives acknowledges with his answer, as the kernel learns. */
static void what_is_received_is_acknowledged_at_once(void **state)
{
	(void)state;
	struct line l = line_open();
	struct segments s;
	segments_begin(&s, l.port);
	const int broker = accept(l.listener, NULL, NULL);
	char byte = 0;
	for (unsigned i = 0; i < 100 && option(&l, TCP_QUICKACK); i++) {
		assert_int_equal(send(broker, &byte, 1, 0), 1);
		assert_int_equal(recv(l.fd, &byte, 1, 0), 1);
		assert_int_equal(send(l.fd, &byte, 1, 0), 1);
		assert_int_equal(recv(broker, &byte, 1, 0), 1);
	}
	assert_false(option(&l, TCP_QUICKACK));
	segments_acknowledge(&s);
	assert_true(option(&l, TCP_QUICKACK));
	close(broker);
	line_close(&l);
}

static void without_a_connection_nothing_happens(void **state)
{
	(void)state;
	struct line l = line_open();
	struct segments s;
	close(l.fd);
	segments_begin(&s, l.port);
	assert_int_equal(s.fd, -1);
	segments_add(&s, false, 0);
	segments_add(&s, false, 0);
	segments_end(&s);
	close(l.listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_single_message_does_not_wait),
		cmocka_unit_test(what_is_handed_over_together_is_sent_together_and_then_at_once),
		cmocka_unit_test(a_message_behind_a_burst_does_not_wait),
		cmocka_unit_test(of_ten_thousand_a_second_only_the_urgent_do_not_wait),
		cmocka_unit_test(a_socket_that_took_its_number_is_left_alone),
		cmocka_unit_test(what_is_received_is_acknowledged_at_once),
		cmocka_unit_test(without_a_connection_nothing_happens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
