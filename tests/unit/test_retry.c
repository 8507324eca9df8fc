// SPDX-License-Identifier: MIT
/* When and with which version the next connection is tried, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mqtt/retry.h"

#define S US_S
#define SOON (250 * US_MS) /* a broker's restart costs 0.4 s at most */

/* -- versions ---------------------------------------------------------------------------------- */

static uint8_t after(struct retry *r, enum retry_failure f)
{
	retry_down(r, f, false, S);
	return r->protocol;
}

static void one_close_without_an_answer_proves_nothing(void **state)
{
	(void)state;
	struct retry r;
	retry_begin(&r, 0, 0);
	assert_int_equal(r.protocol, 5);
	assert_int_equal(after(&r, RETRY_CLOSED), 5);
	assert_int_equal(after(&r, RETRY_CLOSED), 4);
	assert_int_equal(after(&r, RETRY_CLOSED), 5);
	assert_int_equal(after(&r, RETRY_CLOSED), 5);
	assert_int_equal(after(&r, RETRY_CLOSED), 4);
	assert_int_equal(after(&r, RETRY_NETWORK), 5);
}

static void a_guess_is_not_kept(void **state)
{
	(void)state;
	struct retry r;
	retry_begin(&r, 0, 0);
	after(&r, RETRY_CLOSED);
	assert_int_equal(after(&r, RETRY_CLOSED), 4);
	retry_up(&r, 10 * S);
	retry_down(&r, RETRY_NETWORK, true, 100 * S);
	assert_int_equal(r.protocol, 5);
	assert_int_equal(after(&r, RETRY_NETWORK), 5);
	assert_int_equal(after(&r, RETRY_CLOSED), 4); /* it works with that one: do not insist */
	retry_up(&r, 200 * S);
	retry_down(&r, RETRY_NETWORK, true, 300 * S);
	retry_up(&r, 301 * S); /* it knows 5 by now */
	retry_down(&r, RETRY_NETWORK, true, 400 * S);
	for (unsigned i = 0; i < 14; i++)
		assert_int_equal(after(&r, RETRY_CLOSED), 5);
	assert_int_equal(after(&r, RETRY_CLOSED), 4);
}

static void the_brokers_version_is_kept_until_it_reports_another(void **state)
{
	(void)state;
	struct retry r;
	retry_begin(&r, 0, 0);
	assert_true(retry_down(&r, RETRY_VERSION, false, S) == 0);
	assert_int_equal(r.protocol, 4);
	retry_up(&r, 2 * S);
	retry_down(&r, RETRY_NETWORK, true, 100 * S);
	assert_int_equal(r.protocol, 4);
	assert_int_equal(after(&r, RETRY_CLOSED), 4);
	assert_int_equal(after(&r, RETRY_VERSION), 5);
	retry_up(&r, 200 * S);
	retry_down(&r, RETRY_NETWORK, true, 300 * S);
	assert_int_equal(r.protocol, 5);
}

static void a_broker_that_offers_less_gets_a_modest_will(void **state)
{
	(void)state;
	struct retry r;
	retry_begin(&r, 0, 0);
	assert_true(retry_down(&r, RETRY_WILL_QOS, false, S) == 0);
	assert_true(r.plain_will && !r.passing_will);
	assert_true(retry_down(&r, RETRY_WILL_RETAIN, false, S) == 0);
	assert_true(r.plain_will && r.passing_will);
	assert_int_equal(r.protocol, 5);
	assert_true(retry_down(&r, RETRY_WILL_QOS, false, S) == S); /* it is never content */
	assert_true(retry_down(&r, RETRY_WILL_QOS, false, S) == 2 * S);
}

/* A broker that acknowledges nothing gets messages that need none, until the next connection ends.
 */
static void what_is_not_acknowledged_goes_without(void **state)
{
	(void)state;
	struct retry r;
	retry_begin(&r, 0, 0);
	retry_up(&r, S);
	assert_true(retry_down(&r, RETRY_UNACKED, true, 60 * S) == 0);
	assert_true(r.plain && r.protocol == 5);
	retry_up(&r, 60 * S);
	assert_true(r.plain);
	assert_true(retry_down(&r, RETRY_NETWORK, true, 3600 * S) == SOON);
	assert_false(r.plain);
}

static void a_configured_version_is_the_only_one(void **state)
{
	(void)state;
	for (uint8_t version = 4; version <= 5; version++) {
		struct retry r;
		retry_begin(&r, version, 0);
		for (unsigned f = RETRY_NETWORK; f <= RETRY_CLOSED; f++)
			assert_int_equal(after(&r, f), version);
	}
}

static void versions_are_not_swapped_in_a_storm(void **state)
{
	(void)state;
	struct retry r;
	unsigned at_once = 0;
	retry_begin(&r, 0, 0);
	for (unsigned i = 0; i < 100; i++)
		at_once += retry_down(&r, RETRY_VERSION, false, S) == 0;
	assert_int_equal(at_once, 50);
}

/* -- how soon ---------------------------------------------------------------------------------- */

static void a_broker_that_restarts_is_found_at_once(void **state)
{
	(void)state;
	struct retry r;
	retry_begin(&r, 0, 0);
	retry_up(&r, S);
	assert_true(retry_down(&r, RETRY_NETWORK, true, 1000 * S) == SOON);
	for (us_t t = 1000 * S; t <= 1008 * S; t += SOON)
		assert_true(retry_down(&r, RETRY_NETWORK, false, t) == SOON);
	assert_true(retry_down(&r, RETRY_NETWORK, false, 1060 * S) == S);
	assert_true(retry_down(&r, RETRY_NETWORK, false, 1179 * S) < 9 * S);
	us_t last = 0;
	for (unsigned i = 0; i < 20; i++)
		last = retry_down(&r, RETRY_NETWORK, false, 2000 * S);
	assert_true(last == 30 * S);
	retry_up(&r, 2100 * S);
	assert_true(retry_down(&r, RETRY_NETWORK, true, 3000 * S) == SOON);
}

#define FLEET 200

/* All lose their broker at the same moment, and it is back after `outage`. How long the last of
 * them takes then; *most: the most of them that came within a tenth of that time (50 ms at least).
 */
static us_t storm(us_t outage, unsigned seed, unsigned *most)
{
	us_t back[FLEET], last = 0;
	for (unsigned i = 0; i < FLEET; i++) {
		struct retry r;
		us_t t = 1000 * S;
		retry_begin(&r, 5, 0);
		retry_up(&r, 0);
		for (bool was_up = true; was_up || t < 1000 * S + outage; was_up = false)
			t += retry_jitter(retry_down(&r, RETRY_NETWORK, was_up, t),
			                  (unsigned)rand_r(&seed));
		back[i] = t - 1000 * S - outage;
		last = back[i] > last ? back[i] : last;
	}
	const us_t width = last / 10 > S / 20 ? last / 10 : S / 20;
	*most = 0;
	for (unsigned i = 0; i < FLEET; i++) {
		unsigned n = 0;
		for (unsigned k = 0; k < FLEET; k++)
			n += back[k] >= back[i] && back[k] < back[i] + width;
		*most = n > *most ? n : *most;
	}
	return last;
}

static void a_fleet_comes_back_spread(void **state)
{
	(void)state;
	static const struct {
		us_t outage, first, limit;
	} c[] = {{S / 10, SOON, S},
	         {5 * S, SOON, S},
	         {30 * S, SOON, 800 * US_MS}, /* and all is current within a second */
	         {60 * S, S, 1800 * US_MS},
	         {170 * S, 2 * S, 5 * S}};
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		for (unsigned seed = 1; seed <= 20; seed++) {
			unsigned most;
			const us_t last = storm(c[i].outage, seed, &most);
			if (last < c[i].first || last > c[i].limit || most > 3 * FLEET / 10)
				fail_msg("away %d s: all back after %d ms, %u of them at once",
				         (int)(c[i].outage / S), (int)(last / US_MS), most);
		}
	}
}

static void what_was_refused_is_tried_less_often(void **state)
{
	(void)state;
	struct retry r;
	retry_begin(&r, 0, 0);
	assert_true(retry_down(&r, RETRY_REFUSED, false, S) == S);
	assert_true(retry_down(&r, RETRY_REFUSED, false, S) == 2 * S);
	assert_true(retry_down(&r, RETRY_REFUSED, false, S) == 4 * S);
}

/* -- two of one client id ---------------------------------------------------------------------- */

/* Each connect of the one ends the connection of the other. Connects of both in the last hour. */
static unsigned duel(enum retry_failure f)
{
	struct retry r[2];
	us_t at[2] = {0, S}, now = 0; /* of the next connect */
	unsigned up = 0, connects = 0;
	retry_begin(&r[0], 5, 0);
	retry_begin(&r[1], 5, 0);
	retry_up(&r[0], 0);
	at[0] = US_NEVER;
	while (now < 7200 * S) {
		const unsigned next = at[0] < at[1] ? 0 : 1;
		now = at[next];
		retry_up(&r[next], now);
		at[next] = US_NEVER;
		at[up] = now + retry_down(&r[up], f, true, now);
		up = next;
		connects += now > 3600 * S;
	}
	assert_true(retry_id_conflict(&r[0], f) && retry_id_conflict(&r[1], f));
	return connects;
}

static void two_of_one_client_id_wear_themselves_out(void **state)
{
	(void)state;
	assert_in_range(duel(RETRY_TAKEN), 20, 130);
	assert_in_range(duel(RETRY_NETWORK), 20, 130);
}

static void a_reason_of_the_broker_is_no_sign_of_a_rival(void **state)
{
	(void)state;
	struct retry r;
	retry_begin(&r, 5, 0);
	for (us_t t = S; t < 10 * S; t += S) {
		retry_up(&r, t);
		retry_down(&r, RETRY_ENDED, true, t);
		assert_false(retry_id_conflict(&r, RETRY_ENDED));
	}
}

static void a_rival_that_is_gone_is_forgotten(void **state)
{
	(void)state;
	struct retry r;
	us_t t = S;
	retry_begin(&r, 5, 0);
	for (unsigned i = 0; i < 20; i++, t += 10 * S) {
		retry_up(&r, t);
		retry_down(&r, RETRY_TAKEN, true, t);
	}
	retry_up(&r, t);
	t += 700 * S;
	assert_true(retry_down(&r, RETRY_NETWORK, true, t) == SOON);
	assert_false(retry_id_conflict(&r, RETRY_NETWORK));
}

/* It accepts the connection and says nothing to a CONNECT of 5. */
static void a_broker_that_ignores_5_twice_gets_3_1_1(void **state)
{
	(void)state;
	struct retry r;
	retry_begin(&r, 0, 0);
	assert_true(retry_patience(&r, false) <= 1500 * US_MS);
	assert_true(retry_patience(&r, true) <= 3 * US_S);
	/* a busy machine, or a broker that is starting, is late once: 3.1.1 would be without expiry
	 * and response topics for as long as the connection lives */
	const us_t first = retry_patience(&r, false);
	assert_true(retry_down(&r, RETRY_IGNORED, false, 0) <= US_S);
	assert_int_equal(r.protocol, 5);
	assert_true(retry_patience(&r, false) >= 2 * first);
	assert_true(retry_patience(&r, false) <= 5 * US_S);
	assert_int_equal(retry_down(&r, RETRY_IGNORED, false, 0), 0);
	assert_int_equal(r.protocol, 4);
	assert_true(retry_patience(&r, false) == US_NEVER);
	/* that was it not: the next round begins with 5 again, with a delay */
	assert_true(retry_down(&r, RETRY_NETWORK, false, US_S) > 0);
	assert_int_equal(r.protocol, 5);
	/* a slow link: the attempt may take the library's time, this one only */
	r.patient = true;
	assert_true(retry_patience(&r, false) == US_NEVER);
	retry_down(&r, RETRY_NETWORK, false, 2 * US_S);
	assert_true(retry_patience(&r, false) < US_NEVER);
	/* where 3.1.1 has worked it is known, and goes at once */
	struct retry known = r;
	known.protocol = 4;
	retry_up(&known, 2 * US_S);
	retry_down(&known, RETRY_NETWORK, true, 3 * US_S);
	assert_int_equal(known.protocol, 5);
	assert_int_equal(retry_down(&known, RETRY_IGNORED, false, 4 * US_S), 0);
	assert_int_equal(known.protocol, 4);
	/* one that has answered to 5 is not given up */
	retry_up(&r, 3 * US_S);
	retry_down(&r, RETRY_NETWORK, true, 4 * US_S);
	assert_true(retry_patience(&r, false) == US_NEVER);
	retry_begin(&r, 5, 0);
	assert_true(retry_patience(&r, false) == US_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_close_without_an_answer_proves_nothing),
		cmocka_unit_test(a_guess_is_not_kept),
		cmocka_unit_test(the_brokers_version_is_kept_until_it_reports_another),
		cmocka_unit_test(a_broker_that_offers_less_gets_a_modest_will),
		cmocka_unit_test(what_is_not_acknowledged_goes_without),
		cmocka_unit_test(a_configured_version_is_the_only_one),
		cmocka_unit_test(versions_are_not_swapped_in_a_storm),
		cmocka_unit_test(a_broker_that_restarts_is_found_at_once),
		cmocka_unit_test(a_fleet_comes_back_spread),
		cmocka_unit_test(what_was_refused_is_tried_less_often),
		cmocka_unit_test(two_of_one_client_id_wear_themselves_out),
		cmocka_unit_test(a_reason_of_the_broker_is_no_sign_of_a_rival),
		cmocka_unit_test(a_rival_that_is_gone_is_forgotten),
		cmocka_unit_test(a_broker_that_ignores_5_twice_gets_3_1_1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
