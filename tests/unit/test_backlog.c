// SPDX-License-Identifier: MIT
/* What a gateway that serves one request at a time is allowed: see core/modbus/backlog.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/modbus/backlog.h"

#define TIMEOUT (500 * US_MS)

/* A gateway that waits `hold` for a silent unit. */
struct gateway {
	us_t now, free_at, hold;
	struct backlog b;
};

/* True: answered within what was allowed. */
static bool ask(struct gateway *g, bool silent)
{
	const us_t sent = g->now, allowed = backlog_wait(&g->b, sent);
	const us_t begin = g->free_at > sent ? g->free_at : sent;
	g->free_at = begin + (silent ? g->hold : 20 * US_MS);
	if (!silent && g->free_at <= sent + TIMEOUT + allowed) {
		g->now = g->free_at;
		backlog_answered(&g->b, g->free_at > sent + TIMEOUT, g->now);
		return true;
	}
	g->now = sent + TIMEOUT + allowed;
	backlog_unanswered(&g->b, sent, allowed);
	return false;
}

static void a_living_unit_is_waited_for_behind_a_dead_one(void **state)
{
	(void)state;
	static const us_t hold[] = {300 * US_MS, US_S, 3 * US_S, 5 * US_S};
	for (size_t i = 0; i < sizeof hold / sizeof *hold; i++) {
		struct gateway g = {.now = 1000 * US_S, .hold = hold[i]};
		backlog_init(&g.b);
		for (int k = 0; k < 20; k++) {
			assert_false(ask(&g, true));
			if (k % 3 == 2)
				assert_false(ask(&g, true)); /* two of them */
			assert_true(ask(&g, false));
			g.now += US_S * (k % 4);
			assert_true(ask(&g, false));
			assert_int_equal(backlog_wait(&g.b, g.now), 0);
		}
	}
}

/* Where all are dead the guess costs little, and not again and again. */
static void no_unit_is_waited_for_in_vain_for_long(void **state)
{
	(void)state;
	struct gateway g = {.now = 1000 * US_S};
	backlog_init(&g.b);
	const us_t from = g.now;
	for (int k = 0; k < 100; k++)
		assert_false(ask(&g, true));
	assert_true(g.now - from - 100 * TIMEOUT <= 12 * US_S);
	g.hold = 0;
	assert_true(ask(&g, false));
}

/* What answers at once after an outage was not in anybody's queue: the next lost request delays
 * nothing by the length of that outage. */
static void an_outage_is_no_queue(void **state)
{
	(void)state;
	struct gateway g = {.now = 1000 * US_S};
	backlog_init(&g.b);
	for (int k = 0; k < 10; k++) {
		const us_t end = g.now + 9 * US_S;
		while (g.now < end)
			assert_false(ask(&g, true)); /* lost: it was never in a queue */
		assert_true(ask(&g, false));
		g.now += 10 * US_S;
		assert_false(ask(&g, true));
		assert_true(backlog_wait(&g.b, g.now) <= 6 * US_S >> (k > 0));
		assert_true(ask(&g, false));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_living_unit_is_waited_for_behind_a_dead_one),
		cmocka_unit_test(no_unit_is_waited_for_in_vain_for_long),
		cmocka_unit_test(an_outage_is_no_queue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
