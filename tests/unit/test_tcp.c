// SPDX-License-Identifier: MIT
/* Modbus TCP and RTU over TCP against a scripted server, in real time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus/port.h"
#include "bus_rig.h"
#include "tcp_peer.h"

#define UNIT 3
#define SHORT (200 * US_MS)
#define SOON US_S /* where an answer must not be taken for none, however late the peer's thread */

struct bench {
	struct tcp_peer peer;
	struct rig rig;
	struct bus_conf conf;
	bool up;
};

static bool right(void *ctx, const struct span *s, const uint16_t *words)
{
	(void)ctx;
	for (uint16_t i = 0; i < s->count; i++)
		if (words[i] != tcp_peer_value(s->unit, (unsigned)s->addr + i))
			return false;
	return true;
}

static void *bench_create(int family, bool rtu)
{
	struct bench *b = calloc(1, sizeof(*b));
	if (!tcp_peer_begin(&b->peer, family, rtu, 0)) {
		free(b);
		return NULL;
	}
	b->conf = (struct bus_conf){
		.name = "plant",
		.kind = rtu ? BUS_RTU_TCP : BUS_TCP,
		.host = family == AF_INET6 ? "::1" : "127.0.0.1",
		.tcp_port = b->peer.port,
		.baud = rtu ? 115200 : 0,
		.data = 8,
		.stop = 1,
		.parity = 'N',
		.timeout = 5 * US_S,
	};
	return b;
}

static void start(struct bench *b, us_t timeout, us_t period)
{
	struct unit_rule rule = rig_rule(UNIT);
	const struct want w = rig_want(UNIT, TABLE_HOLDING, 10, 20, period);
	rule.timeout = timeout;
	rig_begin(&b->rig, &b->conf);
	b->rig.right = right;
	b->up = true;
	bus_adopt(b->rig.bus, &w, 1, &rule, 1);
}

static int begin(void **state)
{
	*state = bench_create(AF_INET, false);
	return *state ? 0 : -1;
}

static int begin_rtu(void **state)
{
	*state = bench_create(AF_INET, true);
	return *state ? 0 : -1;
}

static int end(void **state)
{
	struct bench *b = *state;
	if (!b)
		return 0;
	const bool ended = !b->up || rig_end(&b->rig);
	const unsigned wrong = b->up ? b->rig.wrong : 0;
	tcp_peer_end(&b->peer);
	free(b);
	return ended && wrong == 0 ? 0 : -1;
}

/* A script is over when a right read comes after all its requests. */
static void passes(struct bench *b, enum tcp_peer_act act, int times)
{
	assert_true(rig_await_read(&b->rig, UNIT));
	tcp_peer_script(&b->peer, act, times);
	while (atomic_load(&b->peer.times) > 0)
		assert_true(rig_take(&b->rig, clock_now() + RIG_LIMIT));
	const us_t over = clock_now();
	do
		assert_true(rig_await_read(&b->rig, UNIT));
	while (b->rig.report.at < over);
	assert_int_equal(b->rig.wrong, 0);
}

static void registers_are_read(void **state)
{
	struct bench *b = *state;
	struct bus_figures f;
	start(b, 5 * US_S, PERIOD_FASTEST);
	for (int i = 0; i < 200; i++)
		assert_true(rig_await_read(&b->rig, UNIT));
	assert_int_equal(b->rig.wrong, 0);
	assert_int_equal(atomic_load(&b->peer.connections), 1);
	bus_figures(b->rig.bus, &f);
	assert_true(f.up);
	assert_string_equal(f.line_text, "tcp");
	assert_int_equal(f.reopened, 0);
}

static void a_name_is_looked_up(void **state)
{
	struct bench *b = *state;
	b->conf.host = "localhost";
	start(b, 5 * US_S, 20 * US_MS);
	assert_true(rig_await_read(&b->rig, UNIT));
}

static void an_unknown_host_name_is_reported(void **state)
{
	struct bench *b = *state;
	b->conf.host = "there.is.no.such.host.invalid";
	start(b, 5 * US_S, 20 * US_MS);
	assert_true(rig_await_port(&b->rig, false));
	assert_non_null(
		strstr(b->rig.report.text, "cannot connect to there.is.no.such.host.invalid"));
}

static void ipv6_is_spoken(void **state)
{
	struct bench *b = bench_create(AF_INET6, false);
	*state = b;
	if (!b)
		skip();
	start(b, 5 * US_S, 20 * US_MS);
	assert_true(rig_await_read(&b->rig, UNIT));
	struct bus_figures f;
	bus_figures(b->rig.bus, &f);
	assert_non_null(strstr(f.port, "[::1]:"));
}

static void an_answer_of_another_unit_is_no_answer(void **state)
{
	struct bench *b = *state;
	start(b, SHORT, 20 * US_MS);
	passes(b, PEER_OTHER_UNIT, 3);
	assert_true(b->rig.of_kind[REPORT_FAILED] >= 3);
}

static void an_answer_to_another_transaction_is_dropped(void **state)
{
	struct bench *b = *state;
	struct bus_figures f;
	start(b, 5 * US_S, 20 * US_MS);
	passes(b, PEER_OTHER_TRANSACTION, 5);
	bus_figures(b->rig.bus, &f);
	assert_true(f.line.late >= 5);
	assert_int_equal(b->rig.of_kind[REPORT_FAILED], 0);
}

static void a_late_answer_is_recognised_by_its_id(void **state)
{
	struct bench *b = *state;
	struct bus_figures f;
	start(b, SOON, 20 * US_MS);
	for (int i = 0; i < 3; i++)
		passes(b, PEER_HELD, 1);
	bus_figures(b->rig.bus, &f);
	assert_true(f.line.late >= 3);
	assert_int_equal(atomic_load(&b->peer.connections), 1);
}

/* It comes while nothing is asked. */
static void a_late_answer_breaks_no_connection(void **state)
{
	struct bench *b = *state;
	start(b, SOON, 1600 * US_MS);
	assert_true(rig_await_read(&b->rig, UNIT));
	atomic_store(&b->peer.pause, 1200 * US_MS);
	passes(b, PEER_LATE, 2);
	assert_int_equal(atomic_load(&b->peer.connections), 1);
}

static void a_piece_of_an_answer_is_reported_and_ends_the_connection(void **state)
{
	struct bench *b = *state;
	start(b, SHORT, 20 * US_MS);
	assert_true(rig_await_read(&b->rig, UNIT));
	tcp_peer_script(&b->peer, PEER_PIECE, 1);
	assert_true(rig_await(&b->rig, REPORT_FAILED));
	assert_int_equal(b->rig.report.instead.kind, INSTEAD_SHORT);
	assert_true(rig_await_read(&b->rig, UNIT));
	assert_int_equal(atomic_load(&b->peer.connections), 2);
}

static void a_connection_without_answers_is_made_anew(void **state)
{
	struct bench *b = *state;
	start(b, SOON, 20 * US_MS);
	passes(b, PEER_NEVER, 3);
	assert_int_equal(atomic_load(&b->peer.connections), 2);
}

/* What comes behind it in the same connection cannot overtake it; through a new one it could. */
static void a_connection_with_a_write_in_it_is_kept(void **state)
{
	struct bench *b = *state;
	start(b, SHORT, 60 * US_S);
	assert_true(rig_await_read(&b->rig, UNIT));
	b->rig.report.outcome = OUT_TIMEOUT;
	for (uint64_t id = 1; b->rig.report.outcome != OUT_OK; id++) {
		assert_true(id < 20); /* an answer may be late, too */
		tcp_peer_script(&b->peer, id < 4 ? PEER_NEVER : PEER_ANSWER, -1);
		const struct job j = rig_job(id, UNIT, 1, 1);
		assert_true(rig_job_submit(&b->rig, &j));
		assert_true(rig_await_job(&b->rig, id));
	}
	assert_int_equal(atomic_load(&b->peer.connections), 1);
}

/* Behind a piece no other answer can be distinguished, whatever it was a piece of. */
static void a_connection_with_a_piece_of_a_writes_answer_is_ended(void **state)
{
	struct bench *b = *state;
	start(b, SOON, 60 * US_S);
	assert_true(rig_await_read(&b->rig, UNIT));
	for (uint64_t id = 1; id <= 2; id++) {
		tcp_peer_script(&b->peer, id < 2 ? PEER_PIECE : PEER_ANSWER, -1);
		const struct job j = rig_job(id, UNIT, 1, 1);
		assert_true(rig_job_submit(&b->rig, &j));
		assert_true(rig_await_job(&b->rig, id));
		assert_int_equal(b->rig.report.outcome == OUT_OK, id == 2);
	}
	assert_int_equal(atomic_load(&b->peer.connections), 2);
}

static void a_doubled_answer_is_never_the_next_ones(void **state)
{
	struct bench *b = *state;
	start(b, 5 * US_S, 20 * US_MS);
	passes(b, PEER_TWICE, 5);
}

static void an_answer_in_pieces_is_put_together(void **state)
{
	struct bench *b = *state;
	unsigned failed;
	int tries = 0;
	start(b, 5 * US_S, 20 * US_MS);
	do { /* a peer that rests for long within an answer is no better than one that cuts it off
	      */
		failed = b->rig.of_kind[REPORT_FAILED];
		passes(b, PEER_SPLIT, 3);
	} while (b->rig.of_kind[REPORT_FAILED] > failed && ++tries < RIG_TRIES);
	assert_true(tries < RIG_TRIES);
}

static void an_answer_of_the_wrong_length_is_no_answer(void **state)
{
	struct bench *b = *state;
	start(b, SHORT, 20 * US_MS);
	passes(b, PEER_WRONG_LENGTH, 3);
}

static void what_is_not_modbus_is_reported(void **state)
{
	struct bench *b = *state;
	start(b, SHORT, 20 * US_MS);
	passes(b, PEER_GARBAGE, 2);
	tcp_peer_script(&b->peer, PEER_GARBAGE, -1);
	assert_true(rig_await_port(&b->rig, false));
	assert_non_null(strstr(b->rig.report.text, "does not speak Modbus TCP"));
	tcp_peer_script(&b->peer, PEER_ANSWER, 0);
	assert_true(rig_await_port(&b->rig, true));
	assert_true(rig_await_read(&b->rig, UNIT));
}

static void a_gateway_without_a_path_is_a_silent_unit_not_a_broken_connection(void **state)
{
	struct bench *b = *state;
	start(b, SOON, 20 * US_MS);
	passes(b, PEER_NO_PATH, 3);
	assert_int_equal(atomic_load(&b->peer.connections), 1);
}

static void a_connection_that_closes_is_made_again(void **state)
{
	struct bench *b = *state;
	start(b, 5 * US_S, 20 * US_MS);
	passes(b, PEER_CLOSE, 1);
	passes(b, PEER_CLOSE_MIDFRAME, 1);
	assert_true(atomic_load(&b->peer.connections) >= 3);
	/* it came back at the first try: no news */
	assert_int_equal(b->rig.of_kind[REPORT_PORT], 1);
}

/* No other program gets this port, though nobody listens there. */
static int hold(uint16_t port)
{
	const int fd = tcp_peer_bind(AF_INET, &port);
	assert_true(fd >= 0);
	return fd;
}

/* Nothing is due for an hour. */
static void a_connection_that_breaks_unused_is_made_again_at_once(void **state)
{
	struct bench *b = *state;
	start(b, 5 * US_S, 3600 * US_S);
	assert_true(rig_await_read(&b->rig, UNIT));
	atomic_store(&b->peer.reset, true);
	const us_t limit = clock_now() + RIG_LIMIT;
	while (atomic_load(&b->peer.connections) < 2 && clock_now() < limit)
		clock_sleep(clock_now() + US_MS);
	assert_int_equal(atomic_load(&b->peer.connections), 2);
	assert_int_equal(b->rig.of_kind[REPORT_PORT], 1);
}

static void an_endpoint_that_vanishes_unused_is_reported(void **state)
{
	struct bench *b = *state;
	start(b, 5 * US_S, 3600 * US_S);
	assert_true(rig_await_read(&b->rig, UNIT));
	const uint16_t port = b->peer.port;
	shutdown(b->peer.listener, SHUT_RDWR); /* the next one finds nobody */
	const int held = hold(port);
	atomic_store(&b->peer.reset, true);
	assert_true(rig_await_port(&b->rig, false));
	assert_non_null(strstr(b->rig.report.text, "Connection refused"));
	tcp_peer_end(&b->peer);
	assert_true(tcp_peer_begin(&b->peer, AF_INET, false, port));
	close(held);
	assert_true(rig_await_port(&b->rig, true));
	assert_true(rig_await_read(&b->rig, UNIT));
}

static void a_peer_that_never_answers_is_offline_and_back(void **state)
{
	struct bench *b = *state;
	start(b, SHORT, 20 * US_MS);
	assert_true(rig_await_read(&b->rig, UNIT));
	tcp_peer_script(&b->peer, PEER_NEVER, -1);
	assert_true(rig_await_unit(&b->rig, UNIT, false));
	tcp_peer_script(&b->peer, PEER_ANSWER, 0);
	assert_true(rig_await_unit(&b->rig, UNIT, true));
	assert_true(rig_await_read(&b->rig, UNIT));
}

static void a_peer_that_only_accepts_is_not_reported_up_each_time(void **state)
{
	struct bench *b = *state;
	start(b, SHORT, 20 * US_MS);
	assert_true(rig_await_read(&b->rig, UNIT));
	atomic_store(&b->peer.refuse, true);
	tcp_peer_script(&b->peer, PEER_CLOSE, 1);
	assert_true(rig_await_port(&b->rig, false));
	const unsigned told = b->rig.of_kind[REPORT_PORT], from = atomic_load(&b->peer.connections);
	for (uint64_t id = 1; atomic_load(&b->peer.connections) < from + 4; id++) {
		const struct job j = rig_job(id, UNIT, 1, 1); /* each is a try at once */
		assert_true(rig_job_submit(&b->rig, &j));
		assert_true(rig_await_job(&b->rig, id));
		assert_int_not_equal(b->rig.report.outcome, OUT_OK);
	}
	assert_int_equal(b->rig.of_kind[REPORT_PORT], told);
	atomic_store(&b->peer.refuse, false);
	assert_true(rig_await_port(&b->rig, true));
	assert_true(rig_await_read(&b->rig, UNIT));
}

static void an_endpoint_that_refuses_is_reported_and_found_when_it_is_there(void **state)
{
	struct bench *b = *state;
	const uint16_t port = b->peer.port;
	tcp_peer_end(&b->peer); /* nobody listens there now */
	const int held = hold(port);
	start(b, 5 * US_S, 20 * US_MS);
	assert_true(rig_await_port(&b->rig, false));
	assert_non_null(strstr(b->rig.report.text, "Connection refused"));
	const struct job j = rig_job(1, UNIT, 1, 1);
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_LINK);
	assert_int_equal(b->rig.report.sent, 0);
	assert_true(tcp_peer_begin(&b->peer, AF_INET, false, port));
	close(held);
	assert_true(rig_await_port(&b->rig, true));
	assert_true(rig_await_read(&b->rig, UNIT));
}

static void a_write_lost_with_the_connection_is_reported_so(void **state)
{
	struct bench *b = *state;
	start(b, 5 * US_S, 10 * US_S);
	assert_true(rig_await_read(&b->rig, UNIT));
	tcp_peer_script(&b->peer, PEER_CLOSE, 1);
	const struct job j = rig_job(1, UNIT, 1, 1);
	const unsigned before = atomic_load(&b->peer.requests);
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_LINK);
	assert_true(b->rig.report.sent > 0); /* it may have been carried out */
	assert_int_equal(atomic_load(&b->peer.requests), before + 1);
}

/* loose: the rule says that its echo means nothing. */
static uint8_t write_with_other_echo(struct bench *b, bool loose)
{
	struct unit_rule rule = rig_rule(UNIT);
	const struct want w = rig_want(UNIT, TABLE_HOLDING, 10, 20, 10 * US_S);
	rule.loose_echo = loose;
	rig_begin(&b->rig, &b->conf);
	b->up = true;
	b->rig.right = right;
	bus_adopt(b->rig.bus, &w, 1, &rule, 1);
	assert_true(rig_await_read(&b->rig, UNIT));
	tcp_peer_script(&b->peer, PEER_OTHER_ECHO, -1);
	const struct job j = rig_job(1, UNIT, 1, 1);
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	return b->rig.report.outcome;
}

static void an_echo_of_another_register_is_no_answer(void **state)
{
	assert_int_not_equal(write_with_other_echo(*state, false), OUT_OK);
}

static void an_echo_of_another_register_is_enough_where_it_is_loose(void **state)
{
	assert_int_equal(write_with_other_echo(*state, true), OUT_OK);
}

static void unit_zero_is_the_device_itself(void **state)
{
	struct bench *b = *state;
	struct unit_rule rule = rig_rule(0);
	const struct want w = rig_want(0, TABLE_HOLDING, 10, 20, 20 * US_MS);
	rig_begin(&b->rig, &b->conf);
	b->up = true;
	b->rig.right = right;
	bus_adopt(b->rig.bus, &w, 1, &rule, 1);
	assert_true(rig_await_read(&b->rig, 0));
	assert_int_equal(atomic_load(&b->peer.last_unit), 0);
	const struct job j = rig_job(1, 0, 1, 1);
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_OK);
}

static void the_first_request_waits_for_the_configured_delay(void **state)
{
	struct bench *b = *state;
	b->conf.connect_delay = 300 * US_MS;
	const us_t before = clock_now();
	start(b, 5 * US_S, 20 * US_MS);
	assert_true(rig_await_read(&b->rig, UNIT));
	assert_int_equal(atomic_load(&b->peer.connections), 1);
	assert_true(atomic_load(&b->peer.request_at) >= before + b->conf.connect_delay);
}

static void an_unused_connection_is_closed_and_made_again(void **state)
{
	struct bench *b = *state;
	b->conf.close_idle = 50 * US_MS;
	start(b, 5 * US_S, 400 * US_MS);
	while (atomic_load(&b->peer.dropped) < 2)
		assert_true(rig_await_read(&b->rig, UNIT));
	assert_int_equal(b->rig.of_kind[REPORT_PORT], 1);
	assert_int_equal(b->rig.of_kind[REPORT_FAILED], 0);
	assert_int_equal(b->rig.of_kind[REPORT_UNIT], 1);
}

static void connecting_gives_up_when_the_bus_is_closed(void **state)
{
	struct bench *b = *state;
	b->conf.connect_delay = 3600 * US_S;
	start(b, 5 * US_S, 20 * US_MS);
	const us_t limit = clock_now() + RIG_LIMIT;
	while (!atomic_load(&b->peer.connections) && clock_now() < limit)
		clock_sleep(clock_now() + US_MS);
	b->up = false;
	assert_true(rig_end(&b->rig));
}

static void rtu_over_tcp_is_read(void **state)
{
	struct bench *b = *state;
	start(b, SHORT, 20 * US_MS);
	passes(b, PEER_ANSWER, 0);
	passes(b, PEER_SPLIT, 2);
	passes(b, PEER_CLOSE_MIDFRAME, 1);
	passes(b, PEER_CLOSE, 1);
}

static void rtu_over_tcp_takes_no_late_or_doubled_answer_for_another(void **state)
{
	struct bench *b = *state;
	start(b, SHORT, 20 * US_MS);
	passes(b, PEER_HELD, 1);
	passes(b, PEER_TWICE, 3);
	passes(b, PEER_OTHER_UNIT, 2);
	passes(b, PEER_WRONG_LENGTH, 2);
	passes(b, PEER_GARBAGE, 2);
}

static void rtu_over_tcp_broadcasts(void **state)
{
	struct bench *b = *state;
	start(b, 5 * US_S, 20 * US_MS);
	assert_true(rig_await_read(&b->rig, UNIT));
	tcp_peer_script(&b->peer, PEER_NEVER, 1);
	struct job j = rig_job(1, 0, 1, 1);
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, 1));
	assert_int_equal(b->rig.report.outcome, OUT_OK);
	assert_true(rig_await_read(&b->rig, UNIT));
}

/* Nobody knows what became of it; it is not sent again, and the next one goes. */
static void a_broadcast_with_which_the_connection_ends_goes_out_once(void **state)
{
	struct bench *b = *state;
	uint64_t id = 1;
	start(b, 5 * US_S, 60 * US_S);
	assert_true(rig_await_read(&b->rig, UNIT));
	for (int ended = 0; ended < 2; id++) {
		const struct job j = rig_job(id, 0, 1, 1);
		const unsigned dropped = atomic_load(&b->peer.dropped);
		tcp_peer_script(&b->peer, PEER_CLOSE, 1);
		assert_true(rig_job_submit(&b->rig, &j));
		assert_true(rig_await_job(&b->rig, id));
		assert_true(b->rig.report.sent > 0);
		/* OUT_OK: the peer was too late for it */
		ended += b->rig.report.outcome == OUT_LINK;
		while (atomic_load(&b->peer.dropped) == dropped)
			clock_sleep(clock_now() + US_MS);
		assert_int_equal(atomic_load(&b->peer.writes), id);
		assert_true(id < RIG_TRIES);
	}
	const struct job j = rig_job(id, 0, 1, 1);
	assert_true(rig_job_submit(&b->rig, &j));
	assert_true(rig_await_job(&b->rig, id));
	assert_int_equal(b->rig.report.outcome, OUT_OK);
	assert_int_equal(atomic_load(&b->peer.writes), id);
}

/* A peer of one answer a connection: it is read, and written once, and nobody takes it for down. */
static void one_answer_a_connection(struct bench *b, enum tcp_peer_act act, us_t pause)
{
	atomic_store(&b->peer.pause, pause);
	tcp_peer_script(&b->peer, act, -1);
	start(b, 5 * US_S, 20 * US_MS);
	for (int i = 0; i < 20; i++)
		assert_true(rig_await_read(&b->rig, UNIT));
	const unsigned failed = b->rig.of_kind[REPORT_FAILED];
	for (uint64_t id = 1; id <= 5; id++) {
		const struct job j = rig_job(id, UNIT, 1, (uint16_t)id);
		assert_true(rig_job_submit(&b->rig, &j));
		assert_true(rig_await_job(&b->rig, id));
		assert_int_equal(b->rig.report.outcome, OUT_OK);
	}
	assert_int_equal(atomic_load(&b->peer.writes), 5);
	assert_int_equal(b->rig.of_kind[REPORT_FAILED], failed);
	assert_true(failed <= 3);
	assert_int_equal(b->rig.of_kind[REPORT_PORT], 1);
	assert_int_equal(b->rig.of_kind[REPORT_UNIT], 1);
}

static void a_peer_that_closes_after_each_answer_is_read_and_written(void **state)
{
	one_answer_a_connection(*state, PEER_ANSWER_CLOSE, 0);
}

static void a_peer_that_closes_a_while_after_each_answer_is_read_and_written(void **state)
{
	one_answer_a_connection(*state, PEER_ANSWER_CLOSE, 30 * US_MS);
}

static void a_peer_that_breaks_off_after_each_answer_is_read_and_written(void **state)
{
	one_answer_a_connection(*state, PEER_ANSWER_RESET, 0);
}

static void bytes_behind_each_answer_do_no_harm(void **state)
{
	one_answer_a_connection(*state, PEER_TAIL, 0);
}

/* From the first one on, before anything is learnt. A peer that is late as well makes the pause
 * longer than is allowed for; then a new bus tries. */
static void rtu_over_tcp_with_a_pause_inside_the_answers_is_read(void **state)
{
	struct bench *b = *state;
	atomic_store(&b->peer.pause, 200 * US_MS);
	tcp_peer_script(&b->peer, PEER_PAUSE, -1);
	for (int tries = 0; tries < RIG_TRIES; tries++) {
		start(b, 5 * US_S, 20 * US_MS);
		for (int i = 0; i < 3 && b->rig.of_kind[REPORT_FAILED] == 0; i++)
			assert_true(rig_await_read(&b->rig, UNIT));
		if (b->rig.of_kind[REPORT_FAILED] == 0)
			return;
		b->up = false;
		assert_int_equal(b->rig.wrong, 0);
		assert_true(rig_end(&b->rig));
	}
	fail_msg("an answer with a pause of 200 ms is never read at once");
}

/* A gateway that waits for a dead unit serves the living one behind it: for 5 s in a row nothing
 * else fails. Somebody's lateness may spoil one such time. */
static bool only_the_dead_one_fails(struct bench *b)
{
	const us_t end = clock_now() + 5 * US_S;
	const unsigned reads = b->rig.of_kind[REPORT_READ];
	while (clock_now() < end && rig_take(&b->rig, end))
		if (b->rig.report.kind == REPORT_FAILED && b->rig.report.span.unit != 3)
			return false;
	return b->rig.of_kind[REPORT_READ] >= reads + 15;
}

static void a_living_unit_waits_its_turn_behind_a_dead_one(void **state)
{
	struct bench *b = *state;
	struct unit_rule rule[] = {rig_rule(3), rig_rule(4)};
	const struct want w[] = {rig_want(3, TABLE_HOLDING, 10, 2, 100 * US_MS),
	                         rig_want(4, TABLE_HOLDING, 10, 2, 100 * US_MS)};
	atomic_store(&b->peer.pause, 900 * US_MS);
	tcp_peer_script(&b->peer, PEER_BUSY, -1);
	rule[0].timeout = rule[1].timeout = SHORT;
	rig_begin(&b->rig, &b->conf);
	b->up = true;
	b->rig.right = right;
	bus_adopt(b->rig.bus, w, 2, rule, 2);
	assert_true(rig_await_read(&b->rig, 4));
	for (int tries = 0; !only_the_dead_one_fails(b); tries++)
		assert_true(tries < RIG_TRIES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define TEST_RTU(name) cmocka_unit_test_setup_teardown(name, begin_rtu, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registers_are_read),
		TEST(a_living_unit_waits_its_turn_behind_a_dead_one),
		TEST(a_name_is_looked_up),
		TEST(an_unknown_host_name_is_reported),
		cmocka_unit_test_teardown(ipv6_is_spoken, end),
		TEST(an_answer_of_another_unit_is_no_answer),
		TEST(an_answer_to_another_transaction_is_dropped),
		TEST(a_late_answer_is_recognised_by_its_id),
		TEST(a_late_answer_breaks_no_connection),
		TEST(a_piece_of_an_answer_is_reported_and_ends_the_connection),
		TEST(a_connection_without_answers_is_made_anew),
		TEST(a_connection_with_a_write_in_it_is_kept),
		TEST(a_connection_with_a_piece_of_a_writes_answer_is_ended),
		TEST(a_doubled_answer_is_never_the_next_ones),
		TEST(an_answer_in_pieces_is_put_together),
		TEST(an_answer_of_the_wrong_length_is_no_answer),
		TEST(what_is_not_modbus_is_reported),
		TEST(a_gateway_without_a_path_is_a_silent_unit_not_a_broken_connection),
		TEST(a_connection_that_closes_is_made_again),
		TEST(a_connection_that_breaks_unused_is_made_again_at_once),
		TEST(an_endpoint_that_vanishes_unused_is_reported),
		TEST(a_peer_that_never_answers_is_offline_and_back),
		TEST(a_peer_that_only_accepts_is_not_reported_up_each_time),
		TEST(an_endpoint_that_refuses_is_reported_and_found_when_it_is_there),
		TEST(a_write_lost_with_the_connection_is_reported_so),
		TEST(an_echo_of_another_register_is_no_answer),
		TEST(an_echo_of_another_register_is_enough_where_it_is_loose),
		TEST(unit_zero_is_the_device_itself),
		TEST(the_first_request_waits_for_the_configured_delay),
		TEST(an_unused_connection_is_closed_and_made_again),
		TEST(connecting_gives_up_when_the_bus_is_closed),
		TEST(a_peer_that_closes_after_each_answer_is_read_and_written),
		TEST(a_peer_that_closes_a_while_after_each_answer_is_read_and_written),
		TEST(a_peer_that_breaks_off_after_each_answer_is_read_and_written),
		TEST(bytes_behind_each_answer_do_no_harm),
		TEST_RTU(a_peer_that_closes_after_each_answer_is_read_and_written),
		TEST_RTU(a_peer_that_closes_a_while_after_each_answer_is_read_and_written),
		TEST_RTU(a_peer_that_breaks_off_after_each_answer_is_read_and_written),
		TEST_RTU(rtu_over_tcp_with_a_pause_inside_the_answers_is_read),
		TEST_RTU(rtu_over_tcp_is_read),
		TEST_RTU(rtu_over_tcp_takes_no_late_or_doubled_answer_for_another),
		TEST_RTU(rtu_over_tcp_broadcasts),
		TEST_RTU(a_broadcast_with_which_the_connection_ends_goes_out_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
