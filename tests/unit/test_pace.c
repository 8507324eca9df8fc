// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mqtt/pace.h"
#include "mqtt/packet.h"

/* -- a link in virtual time: so many bytes a second, a way of `trip`, a buffer without bounds -----
 */

#define SIZE 60 /* bytes of a message */
#define MARKS 4096

struct link_sim {
	struct pace p;
	us_t now, free_at, trip;
	double rate; /* bytes/s */
	struct {
		struct pace_mark m;
		us_t at;
		bool question;
	} answer[MARKS]; /* on their way back */
	unsigned first, last;
	bool deaf;
	us_t worst; /* age at arrival */
	uint64_t arrived;
};

static struct link_sim *link_make(double rate, us_t trip)
{
	struct link_sim *l = calloc(1, sizeof *l);
	pace_begin(&l->p);
	l->rate = rate;
	l->trip = trip;
	l->now = l->free_at = 1000 * US_S;
	return l;
}

static us_t link_send(struct link_sim *l, size_t bytes)
{
	if (l->free_at < l->now)
		l->free_at = l->now;
	l->free_at += (us_t)((double)bytes / l->rate * 1e6);
	return l->free_at + l->trip / 2; /* there */
}

static void link_back(struct link_sim *l, const struct pace_mark *m, us_t there, bool question)
{
	const unsigned i = l->last++ % MARKS;
	assert_true(l->last - l->first < MARKS);
	l->answer[i].m = *m;
	l->answer[i].at = there + l->trip / 2;
	l->answer[i].question = question;
}

static void link_ask(struct link_sim *l, bool urgent)
{
	if (!pace_asks(&l->p, urgent, l->now))
		return;
	const struct pace_mark m = pace_ask(&l->p, l->now);
	const us_t there = link_send(l, 30);
	if (!l->deaf)
		link_back(l, &m, there, true);
}

/* Hands over as much as may be, of at most `most` messages; gives how many. */
static unsigned link_pump(struct link_sim *l, unsigned most, bool qos1)
{
	unsigned n = 0;
	while (l->first != l->last && l->answer[l->first % MARKS].at <= l->now) {
		const unsigned i = l->first++ % MARKS;
		pace_proof(&l->p, &l->answer[i].m, l->answer[i].question, l->now);
	}
	link_ask(l, false);
	while (n < most && pace_room(&l->p, l->now)) {
		const struct pace_mark m = pace_hand(&l->p, 7, SIZE, qos1, l->now);
		const us_t there = link_send(l, SIZE);
		if (qos1)
			link_back(l, &m, there, false);
		if (there - l->now > l->worst)
			l->worst = there - l->now;
		l->arrived++;
		n++;
		link_ask(l, false);
	}
	if (n < most)
		link_ask(l, true);
	return n;
}

/* More than the link takes, for so long. Gives the messages that went. */
static uint64_t link_run(struct link_sim *l, us_t span, bool qos1)
{
	const uint64_t before = l->arrived;
	l->worst = 0;
	for (const us_t end = l->now + span; l->now < end; l->now += US_MS)
		link_pump(l, 1000, qos1);
	return l->arrived - before;
}

static void what_arrives_through_a_slow_link_is_fresh(void **state)
{
	(void)state;
	static const double rate[] = {1000, 2000, 8000, 20000, 100000, 1000000};
	static const us_t trip[] = {2 * US_MS, 60 * US_MS, 300 * US_MS, 700 * US_MS};
	for (size_t r = 0; r < sizeof rate / sizeof *rate; r++) {
		for (size_t t = 0; t < 8; t++) {
			struct link_sim *l = link_make(rate[r], trip[t % 4]);
			link_run(l, 30 * US_S, t >= 4);
			const uint64_t n = link_run(l, 60 * US_S, t >= 4);
			/* of the slowest the least window is felt */
			const us_t most =
				trip[t % 4] * 4 / 3 + 450 * US_MS + (us_t)(1200 / rate[r] * 1e6);
			if (l->worst > most)
				fail_msg("%.0f B/s, trip %lld: %lld µs old", rate[r],
				         (long long)trip[t % 4], (long long)l->worst);
			/* and it is used: at least a third; of fast ones the window is the bound */
			const double could = rate[r] * 60 / SIZE;
			const double window = PACE_MESSAGES / ((double)trip[t % 4] / 1e6) * 60;
			if ((double)n < 0.33 * (could < window ? could : window))
				fail_msg("%.0f B/s, trip %lld: only %llu of %.0f", rate[r],
				         (long long)trip[t % 4], (unsigned long long)n, could);
			free(l);
		}
	}
}

static void a_fast_link_is_not_held_back(void **state)
{
	(void)state;
	struct link_sim *l = link_make(50e6, 2 * US_MS);
	link_run(l, US_S, false);
	l->now += US_S;
	/* 10,000 messages a second, in bursts of 50: all go at once */
	for (int i = 0; i < 200; i++) {
		assert_int_equal(link_pump(l, 50, false), 50);
		l->now += 5 * US_MS;
	}
	free(l);
}

/* A link of a phone: quick, then slow, then quick again. */
static void a_link_that_changes_is_followed(void **state)
{
	(void)state;
	struct link_sim *l = link_make(1e6, 50 * US_MS);
	const uint64_t quick = link_run(l, 20 * US_S, false);
	l->rate = 8000;
	link_run(l, 20 * US_S, false);
	link_run(l, 10 * US_S, false);
	assert_true(l->worst < 600 * US_MS);
	l->rate = 1e6;
	link_run(l, 5 * US_S, false);
	assert_true(link_run(l, 20 * US_S, false) > quick / 3);
	free(l);
}

/* Nothing is taken for a minute: not more than a window lies before it. */
static void a_link_that_stands_still_takes_no_heap(void **state)
{
	(void)state;
	struct link_sim *l = link_make(20000, 50 * US_MS);
	link_run(l, 20 * US_S, false);
	l->free_at = l->now + 60 * US_S;
	const uint64_t n = link_run(l, 59 * US_S, false);
	assert_true(n * SIZE <= 8192);
	free(l);
}

static void a_broker_that_answers_no_question_gets_everything(void **state)
{
	(void)state;
	struct link_sim *l = link_make(1e6, 2 * US_MS);
	l->deaf = true;
	assert_in_range(link_run(l, 4 * US_S, false), 10, 100);
	assert_true(link_run(l, 3 * US_S, false) > 10000);
	uint32_t id[PACE_MESSAGES];
	assert_int_equal(pace_unproven(&l->p, l->now, id), PACE_MESSAGES);
	free(l);
}

static void what_is_not_proven_is_known(void **state)
{
	(void)state;
	struct pace p;
	uint32_t id[PACE_MESSAGES];
	us_t now = 1000 * US_S;
	pace_begin(&p);
	pace_hand(&p, 1, 100, false, now);
	const struct pace_mark two = pace_hand(&p, 2, 100, true, now);
	pace_hand(&p, 0, 100, false, now);
	const struct pace_mark four = pace_hand(&p, 4, 100, false, now + 9 * US_S);
	pace_hand(&p, 5, 100, false, now + 11 * US_S);
	assert_int_equal(pace_unproven(&p, now + 9 * US_S, id), 3);
	pace_proof(&p, &two, false, now);
	assert_int_equal(pace_unproven(&p, now + 11 * US_S, id), 2);
	assert_int_equal(id[0], 4);
	assert_int_equal(id[1], 5);
	/* what lay there for long died with the link, not of its contents */
	assert_int_equal(pace_unproven(&p, now + 20 * US_S, id), 1);
	assert_true(pace_proven(&p, two.number, now) && !pace_proven(&p, four.number, now));
	pace_proof(&p, &four, true, now);
	pace_proof(&p, &two, false, now); /* late, out of order: nothing */
	assert_false(pace_clear(&p, now));
	assert_int_equal(pace_unproven(&p, now + 12 * US_S, id), 1);
}

/* What is suspected goes only where the broker has said a word: one that ends connections at once,
 * whatever comes, convicts no message. */
static void a_connection_without_a_word_is_not_clear(void **state)
{
	(void)state;
	struct pace p;
	us_t now = 1000 * US_S;
	pace_begin(&p);
	assert_false(pace_clear(&p, now));
	const struct pace_mark q = pace_ask(&p, now);
	assert_false(pace_clear(&p, now));
	assert_true(pace_clear(&p, pace_wait(&p))); /* it never says one */
	pace_proof(&p, &q, true, now);
	assert_true(pace_clear(&p, now));
}

static void a_packet_is_as_long_as_it_is(void **state)
{
	(void)state;
	struct outgoing m = {.topic = "a/b", .payload = "12", .len = 2};
	assert_int_equal(packet_size(&m, 4, 0), 9);
	assert_int_equal(packet_size(&m, 4, 60), 9); /* has no properties */
	assert_int_equal(packet_size(&m, 5, 0), 10);
	m.qos = 1;
	assert_int_equal(packet_size(&m, 4, 0), 11);
	assert_int_equal(packet_size(&m, 5, 60), 12 + 5);
	m.correlation = "x";
	m.correlation_len = 200;
	assert_int_equal(packet_size(&m, 5, 0), 1 + 2 + 2 + 3 + 2 + 2 + 203 + 2);
	m.correlation = NULL;
	m.properties = "unit\0V\0class\0voltage\0";
	assert_int_equal(packet_size(&m, 5, 0), 1 + 1 + 2 + 3 + 2 + 2 + 1 + 5 + 5 + 5 + 12);
	assert_int_equal(packet_size(&m, 4, 0), 11);
	m.len = 16384;
	m.correlation = NULL;
	assert_int_equal(packet_size(&m, 4, 0), 1 + 3 + 2 + 3 + 2 + 16384);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_arrives_through_a_slow_link_is_fresh),
		cmocka_unit_test(a_fast_link_is_not_held_back),
		cmocka_unit_test(a_link_that_changes_is_followed),
		cmocka_unit_test(a_link_that_stands_still_takes_no_heap),
		cmocka_unit_test(a_broker_that_answers_no_question_gets_everything),
		cmocka_unit_test(what_is_not_proven_is_known),
		cmocka_unit_test(a_connection_without_a_word_is_not_clear),
		cmocka_unit_test(a_packet_is_as_long_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
