// SPDX-License-Identifier: MIT
/* The age of messages in virtual time: a broker with its window, a link and a process that stand
 * still whenever they like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mqtt/fresh.h"
#include "rng.h"

#define MS US_MS
#define S US_S
#define KEEPALIVE (20 * S)
#define SHORTEST (10 * S)

/* -- the machine alone ------------------------------------------------------------------------- */

static void round_trip(struct fresh *f, us_t asked, us_t answered)
{
	fresh_ask(f, asked);
	fresh_answer(f, answered);
}

static us_t hear(struct fresh *f, uint8_t qos, us_t now)
{
	const us_t since = fresh_message(f, qos, now);
	fresh_taken(f, now);
	return since;
}

static void what_comes_as_usual_begins_now(void **state)
{
	(void)state;
	struct fresh f;
	fresh_begin(&f, KEEPALIVE, SHORTEST, 100 * S, 100 * S);
	for (us_t t = 101 * S; t < 200 * S; t += f.every) {
		round_trip(&f, t, t + 300 * MS);
		for (uint8_t qos = 0; qos <= 2; qos++)
			assert_true(hear(&f, qos, t + f.every) == t + f.every);
	}
}

static void what_comes_after_a_gap_began_at_the_last_answered_question(void **state)
{
	(void)state;
	struct fresh f;
	fresh_begin(&f, KEEPALIVE, SHORTEST, 100 * S, 100 * S);
	round_trip(&f, 101 * S, 102 * S);
	round_trip(&f, 103 * S, 104 * S);
	fresh_ask(&f, 105 * S);
	assert_true(hear(&f, 0, 145 * S) == 103 * S);
	assert_true(hear(&f, 1, 145 * S) == 103 * S);
	assert_true(hear(&f, 2, 145 * S) == 101 * S);
	fresh_answer(&f, 145 * S); /* of the question before the gap: proves nothing about it */
	assert_true(hear(&f, 0, 145 * S) == 103 * S);
}

static void a_gap_is_over_with_a_question_of_after_it(void **state)
{
	(void)state;
	struct fresh f;
	fresh_begin(&f, KEEPALIVE, SHORTEST, 100 * S, 100 * S);
	round_trip(&f, 101 * S, 102 * S);
	round_trip(&f, 140 * S, 140 * S + MS);
	assert_true(hear(&f, 1, 141 * S) == 141 * S);
	assert_true(hear(&f, 2, 141 * S) == 101 * S);
	assert_true(fresh_asks(&f, 141 * S)); /* in doubt it is not waited long */
	round_trip(&f, 141 * S, 141 * S + MS);
	round_trip(&f, 142 * S, 142 * S + MS);
	assert_true(hear(&f, 2, 142 * S + MS) == 142 * S + MS);
}

/* The broker may keep more behind a full window, and send it behind its answer. */
static void an_answer_among_messages_ends_no_doubt(void **state)
{
	(void)state;
	struct fresh f;
	fresh_begin(&f, KEEPALIVE, SHORTEST, 100 * S, 100 * S);
	fresh_ask(&f, 140 * S);
	hear(&f, 1, 140 * S);
	fresh_answer(&f, 140 * S + MS);
	assert_true(hear(&f, 1, 140 * S + MS) == 100 * S);
	fresh_ask(&f, 140 * S + 2 * MS);
	hear(&f, 0, 140 * S + 2 * MS); /* of these none is kept back */
	fresh_answer(&f, 140 * S + 3 * MS);
	assert_true(hear(&f, 1, 140 * S + 4 * MS) == 140 * S + 4 * MS);
}

/* A broker that stood still reads what other clients sent to it meanwhile bit by bit, and answers
 * us before it is done: at once, or behind the connection that we begin because it was silent. */
static void what_lay_at_a_broker_that_stood_still_is_old(void **state)
{
	(void)state;
	struct fresh f;
	fresh_begin(&f, KEEPALIVE, SHORTEST, 100 * S, 100 * S);
	round_trip(&f, 101 * S, 101 * S + MS);
	assert_true(fresh_doubt(&f, 103 * S) == 0);
	fresh_ask(&f, 103 * S);
	const us_t doubt = fresh_doubt(&f, 123 * S);
	assert_true(doubt == 101 * S);
	for (unsigned anew = 0; anew < 2; anew++) {
		const us_t up = 124 * S;
		if (anew)
			fresh_begin(&f, KEEPALIVE, SHORTEST, doubt, up);
		else
			fresh_answer(&f, up);
		assert_false(fresh_asks(&f, up + 99 * MS));
		assert_true(fresh_due(&f) == up + 100 * MS);
		assert_true(hear(&f, 1, up + 50 * MS) <= 103 * S);
		assert_true(fresh_asks(&f, up + 100 * MS));
		round_trip(&f, up + 100 * MS, up + 101 * MS);
		assert_true(hear(&f, 1, up + 102 * MS) == up + 102 * MS);
	}
}

static void a_silent_broker_is_left_before_it_closes_the_connection(void **state)
{
	(void)state;
	static const us_t keepalive[] = {S, 2 * S, 5 * S, 20 * S, 3600 * S};
	for (size_t i = 0; i < sizeof keepalive / sizeof *keepalive; i++) {
		struct fresh f;
		us_t t = 100 * S;
		fresh_begin(&f, keepalive[i], SHORTEST, t, t);
		round_trip(&f, t, t);
		us_t last = t; /* what the broker heard last: the link breaks at 101 s */
		while (!fresh_silent(&f, t)) {
			if (fresh_asks(&f, t)) {
				fresh_ask(&f, t);
				if (t < 101 * S)
					fresh_answer(&f, last = t);
			}
			assert_true(fresh_due(&f) > t);
			t = fresh_due(&f);
		}
		assert_true(t - last <= keepalive[i] * 3 / 2);
		assert_true(t - last >= keepalive[i]);
	}
}

/* Values go out every second, now and then a little early or late. */
static void the_probe_goes_with_values_that_wake_the_client(void **state)
{
	(void)state;
	struct fresh f;
	us_t last = 100 * S, value = last;
	unsigned alone = 0, probes = 0;
	fresh_begin(&f, KEEPALIVE, SHORTEST, last, last);
	for (us_t n = 1; n <= 60;) {
		const us_t due = fresh_due(&f);
		const us_t now = due < value ? due : value;
		alone += due < value;
		if (now == value)
			value = (100 + n) * S + (n * 7919 % 41 - 20) * MS;
		n += now != due;
		if (!fresh_asks(&f, now))
			continue;
		fresh_ask(&f, now);
		fresh_answer(&f, now);
		assert_true(now - last <= f.every * 9 / 8);
		last = now;
		probes++;
	}
	assert_int_equal(alone, 0);
	assert_in_range(probes, 28, 32);
}

static void after_a_standstill_what_was_received_is_read_first(void **state)
{
	(void)state;
	struct fresh f;
	fresh_begin(&f, KEEPALIVE, SHORTEST, 100 * S, 100 * S);
	fresh_ask(&f, 100 * S);
	assert_false(fresh_silent(&f, 100 * S));
	const us_t due = fresh_due(&f);
	assert_false(fresh_silent(&f, due + 3600 * S));
	fresh_due(&f);
	assert_true(fresh_silent(&f, due + 3600 * S + KEEPALIVE));
}

static void while_a_message_is_taken_nothing_is_silent(void **state)
{
	(void)state;
	struct fresh f;
	fresh_begin(&f, KEEPALIVE, SHORTEST, 100 * S, 100 * S);
	fresh_ask(&f, 100 * S);
	fresh_message(&f, 1, 101 * S);
	for (us_t t = 102 * S; t < 200 * S; t += 500 * MS) {
		assert_false(fresh_silent(&f, t));
		fresh_due(&f);
	}
	fresh_taken(&f, 200 * S);
	assert_false(fresh_silent(&f, 200 * S));
}

static void short_command_timeouts_make_probes_more_frequent(void **state)
{
	(void)state;
	struct fresh f;
	fresh_begin(&f, KEEPALIVE, 2 * S, 100 * S, 100 * S);
	assert_true(f.every <= 400 * MS && f.usual <= S);
	fresh_begin(&f, 0, 100 * MS, 100 * S, 100 * S);
	assert_true(f.every >= 100 * MS); /* but no storm */
	assert_false(fresh_silent(&f, 10000 * S));
}

/* -- a broker, a link, a process --------------------------------------------------------------- */

enum what { PUBLISH, RELEASE, ANSWER, ASK, ACK, RECEIVED, COMPLETE };

struct item {
	enum what what;
	us_t sent; /* PUBLISH, RELEASE: by the sender */
	us_t due;
};

struct pipe {
	struct item item[8192];
	size_t first, n;
};

struct world {
	struct fresh f;
	struct pipe up, down, queue;
	unsigned window, in_flight;
	uint8_t qos;
	us_t now, latency, connected;
	unsigned heard, fresh, reconnects;
};

static void put(struct pipe *p, enum what what, us_t sent, us_t due)
{
	assert_true(p->n < 8192);
	p->item[(p->first + p->n++) % 8192] = (struct item){what, sent, due};
}

static bool get(struct pipe *p, us_t now, struct item *out)
{
	if (!p->n || p->item[p->first].due > now)
		return false;
	*out = p->item[p->first];
	p->first = (p->first + 1) % 8192;
	p->n--;
	return true;
}

static void say(struct world *w, struct pipe *p, enum what what, us_t sent)
{
	put(p, what, sent, w->now + w->latency);
}

static void broker_sends(struct world *w)
{
	struct item m;
	while ((w->qos == 0 || w->in_flight < w->window) && get(&w->queue, w->now, &m)) {
		say(w, &w->down, PUBLISH, m.sent);
		w->in_flight += w->qos > 0;
	}
}

static void broker_turn(struct world *w)
{
	struct item m;
	broker_sends(w);
	while (get(&w->up, w->now, &m)) {
		if (m.what == ASK)
			say(w, &w->down, ANSWER, 0);
		else if (m.what == RECEIVED)
			say(w, &w->down, RELEASE, m.sent);
		else
			w->in_flight--;
		broker_sends(w);
	}
}

static void gateway_receives(struct world *w, us_t sent)
{
	const us_t since = hear(&w->f, w->qos, w->now);
	w->heard++;
	w->fresh += since == w->now;
	if (since == w->now)
		assert_true(w->now - sent <= w->f.usual);
	else
		assert_true(since <= sent);
}

static void gateway_reads(struct world *w)
{
	struct item m;
	while (get(&w->down, w->now, &m)) {
		if (m.what == ANSWER) {
			fresh_answer(&w->f, w->now);
		} else if (m.what == PUBLISH && w->qos == 2) {
			say(w, &w->up, RECEIVED, m.sent);
		} else {
			if (w->qos)
				say(w, &w->up, w->qos == 2 ? COMPLETE : ACK, 0);
			gateway_receives(w, m.sent);
		}
	}
}

static void connect_anew(struct world *w)
{
	w->up.n = w->down.n = w->queue.n = 0;
	w->in_flight = 0;
	w->reconnects++;
	fresh_begin(&w->f, KEEPALIVE, SHORTEST, w->now, w->now);
}

static void gateway_asks(struct world *w)
{
	if (fresh_silent(&w->f, w->now))
		connect_anew(w);
	if (fresh_asks(&w->f, w->now)) {
		fresh_ask(&w->f, w->now);
		say(w, &w->up, ASK, 0);
	}
	fresh_due(&w->f);
}

/* Goes on for `length` in steps; the link and the process stand still until then. */
static void live(struct world *w, us_t length, us_t link, us_t process, unsigned per_thousand)
{
	for (const us_t end = w->now + length; w->now < end; w->now += 20 * MS) {
		if (below(1000) < per_thousand)
			put(&w->queue, PUBLISH, w->now, w->now);
		const bool first = below(2);
		if (w->now >= link)
			broker_turn(w);
		else
			broker_sends(w);
		if (w->now < process)
			continue;
		if (first)
			gateway_asks(w);
		if (w->now >= link)
			gateway_reads(w);
		if (!first)
			gateway_asks(w);
	}
}

static void begin(struct world *w, uint8_t qos, unsigned window)
{
	memset(w, 0, sizeof *w);
	w->now = 100 * S;
	w->qos = qos;
	w->window = window;
	w->latency = (us_t)below(300) * MS;
	connect_anew(w);
}

static void nothing_old_begins_now(void **state)
{
	(void)state;
	static struct world w;
	rng = 4711;
	for (unsigned run = 0; run < 300; run++) {
		begin(&w, run % 3, 10 + below(40));
		for (unsigned i = 0; i < 6; i++) {
			const us_t link = w.now + (us_t)below(3) * below(40000) * MS;
			const us_t process = w.now + (us_t)below(3) * below(20000) * MS;
			live(&w, (us_t)below(60000) * MS, link, process, below(300));
		}
	}
}

static void in_peace_all_begins_now(void **state)
{
	(void)state;
	static struct world w;
	rng = 4711;
	for (unsigned run = 0; run < 60; run++) {
		begin(&w, run % 3, 20);
		live(&w, 300 * S, 0, 0, 20 + below(30));
		assert_true(w.heard > 100);
		assert_int_equal(w.fresh, w.heard);
		assert_int_equal(w.reconnects, 1);
	}
}

static void after_a_gap_peace_returns(void **state)
{
	(void)state;
	static struct world w;
	rng = 4711;
	for (unsigned run = 0; run < 60; run++) {
		begin(&w, run % 3, 20);
		live(&w, 30 * S, 0, 0, 20);
		live(&w, 15 * S, run & 1 ? w.now + 15 * S : 0, run & 1 ? 0 : w.now + 15 * S, 200);
		live(&w, 20 * S, 0, 0, 20);
		w.heard = w.fresh = 0;
		live(&w, 60 * S, 0, 0, 20);
		assert_int_equal(w.fresh, w.heard);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_as_usual_begins_now),
		cmocka_unit_test(what_comes_after_a_gap_began_at_the_last_answered_question),
		cmocka_unit_test(a_gap_is_over_with_a_question_of_after_it),
		cmocka_unit_test(an_answer_among_messages_ends_no_doubt),
		cmocka_unit_test(what_lay_at_a_broker_that_stood_still_is_old),
		cmocka_unit_test(a_silent_broker_is_left_before_it_closes_the_connection),
		cmocka_unit_test(the_probe_goes_with_values_that_wake_the_client),
		cmocka_unit_test(after_a_standstill_what_was_received_is_read_first),
		cmocka_unit_test(while_a_message_is_taken_nothing_is_silent),
		cmocka_unit_test(short_command_timeouts_make_probes_more_frequent),
		cmocka_unit_test(nothing_old_begins_now),
		cmocka_unit_test(in_peace_all_begins_now),
		cmocka_unit_test(after_a_gap_peace_returns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
