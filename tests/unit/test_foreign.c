// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/model/foreign.h"

#define START (1000 * US_S)

static void the_first_is_answered_at_once(void **state)
{
	(void)state;
	struct foreign f = {0};
	assert_int_equal(foreign_next(&f), US_NEVER);
	assert_true(foreign_seen(&f, START, true));
	assert_int_equal(foreign_next(&f), START);
	assert_int_equal(foreign_take(&f, START), FOREIGN_ALL);
	assert_int_equal(foreign_take(&f, START), FOREIGN_NOTHING);
	assert_false(foreign_seen(&f, START + US_S, true));
	assert_int_equal(foreign_next(&f), START + 10 * US_S);
}

/* A mismatch, or a second gateway that answers each of ours, 100 times a second for an hour. */
static void a_storm_is_answered_seldom(void **state)
{
	(void)state;
	struct foreign f = {0};
	unsigned firsts = 0, status = 0, values = 0;
	us_t last_status = 0, last_values = 0;
	for (us_t now = START; now < START + 3600 * US_S; now += 10 * US_MS) {
		firsts += foreign_seen(&f, now, true);
		const enum foreign_part part = foreign_take(&f, now);
		if (part == FOREIGN_NOTHING)
			continue;
		assert_true(!status++ || now - last_status >= 10 * US_S);
		last_status = now;
		if (part == FOREIGN_STATUS)
			continue;
		assert_true(!values++ || now - last_values >= 10 * US_S);
		last_values = now;
		assert_false(foreign_over(&f, now));
	}
	assert_int_equal(firsts, 1);
	assert_in_range(status, 300, 361); /* it is put right again within 10 s, all the time */
	assert_in_range(values, 8, 12);    /* after 0, 10, 30, 70, … s */
}

static void what_was_kept_back_is_published_in_the_end(void **state)
{
	(void)state;
	struct foreign f = {0};
	for (us_t now = START; now < START + 35 * US_S; now += US_S) {
		foreign_seen(&f, now, true);
		foreign_take(&f, now);
	}
	us_t at = 0;
	for (us_t now = START + 35 * US_S; now < START + 200 * US_S; now += US_S) {
		if (foreign_take(&f, now) == FOREIGN_ALL)
			at = now;
	}
	assert_int_equal(at, START + 70 * US_S);
	assert_int_equal(foreign_next(&f), START + 34 * US_S + FOREIGN_STANDS);
	assert_true(foreign_over(&f, START + 634 * US_S));
	assert_false(foreign_over(&f, START + 635 * US_S));
	assert_int_equal(foreign_next(&f), US_NEVER);
	/* a new one, much later, is a first one again */
	assert_true(foreign_seen(&f, START + 5000 * US_S, true));
	assert_int_equal(foreign_take(&f, START + 5000 * US_S), FOREIGN_ALL);
	assert_int_equal(f.gap, 10 * US_S);
}

/* Our own status may come back to us after we have published another. */
static void one_that_may_be_our_own_costs_one_status(void **state)
{
	(void)state;
	struct foreign f = {0};
	assert_false(foreign_seen(&f, START, false));
	assert_int_equal(foreign_take(&f, START), FOREIGN_NOTHING);
	assert_int_equal(foreign_take(&f, START + 10 * US_S), FOREIGN_STATUS);
	assert_int_equal(foreign_take(&f, START + 99 * US_S), FOREIGN_NOTHING);
	assert_false(foreign_over(&f, START + 9999 * US_S));
	/* but one for sure is answered at once */
	foreign_seen(&f, START + 100 * US_S, false);
	assert_true(foreign_seen(&f, START + 101 * US_S, true));
	assert_int_equal(foreign_take(&f, START + 101 * US_S), FOREIGN_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_is_answered_at_once),
		cmocka_unit_test(a_storm_is_answered_seldom),
		cmocka_unit_test(what_was_kept_back_is_published_in_the_end),
		cmocka_unit_test(one_that_may_be_our_own_costs_one_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
