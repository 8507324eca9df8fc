// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mqtt/failover.h"

static void all_are_tried_in_order_before_there_is_a_delay(void **state)
{
	(void)state;
	struct failover f;
	failover_begin(&f, 3, 30 * US_S);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(f.at, 0);
		assert_true(failover_down(&f));
		assert_int_equal(f.at, 1);
		assert_true(failover_down(&f));
		assert_int_equal(f.at, 2);
		assert_false(failover_down(&f));
	}
}

static void one_alone_is_tried_again_and_again(void **state)
{
	(void)state;
	struct failover f;
	failover_begin(&f, 0, 30 * US_S);
	assert_false(failover_down(&f));
	failover_up(&f, 0);
	assert_false(failover_look(&f, false, US_NEVER - 1));
	assert_false(failover_lost(&f, 30 * US_S));
	assert_int_equal(f.at, 0);
}

static void a_connection_that_is_lost_is_made_again_to_the_same(void **state)
{
	(void)state;
	struct failover f;
	failover_begin(&f, 2, 30 * US_S);
	failover_down(&f);
	failover_up(&f, 0);
	assert_false(failover_lost(&f, 30 * US_S));
	assert_int_equal(f.at, 1);
	assert_false(failover_look(&f, false, 3600 * US_S)); /* not while there is none */
	assert_false(failover_down(&f));
	assert_int_equal(f.at, 0);
}

static void the_first_is_returned_to_and_less_and_less_often_if_it_refuses(void **state)
{
	(void)state;
	struct failover f;
	us_t now = 0, gap = 0;
	failover_begin(&f, 2, 30 * US_S);
	for (int i = 0; i < 12; i++) {
		assert_true(failover_down(&f)); /* the first refuses */
		failover_up(&f, now);
		assert_false(failover_look(&f, false, now));
		const us_t at = f.look_at;
		assert_true(at - now >= gap && at - now <= 1800 * US_S);
		gap = at - now;
		assert_false(failover_look(&f, false, at - 1));
		assert_true(failover_look(&f, false, at));
		assert_false(failover_look(&f, false, at + 1)); /* once */
		assert_true(failover_look(&f, false, at + gap));
		now = at + gap;
		failover_return(&f);
		assert_int_equal(f.at, 0);
	}
	assert_int_equal(gap, 1800 * US_S);
	failover_up(&f, now); /* at last */
	assert_false(failover_look(&f, false, US_NEVER - 1));
	assert_false(
		failover_lost(&f, 30 * US_S)); /* it was good: tried again, and soon looked for */
	failover_down(&f);
	failover_up(&f, now);
	assert_int_equal(f.look_at - now, 30 * US_S);
}

/* It would keep a gateway from the second for ever. */
static void one_that_accepts_and_closes_counts_as_one_that_refuses(void **state)
{
	(void)state;
	struct failover f;
	us_t now = 0, gap = 0;
	failover_begin(&f, 2, 30 * US_S);
	for (int i = 0; i < 8; i++) {
		failover_up(&f, now);
		assert_false(failover_lost(&f, US_S)); /* once may be a restart */
		failover_up(&f, now);
		assert_true(failover_lost(&f, US_S));
		assert_int_equal(f.at, 1);
		failover_up(&f, now);
		assert_true(f.look_at - now > gap || gap == 1800 * US_S);
		gap = f.look_at - now;
		now = f.look_at;
		assert_true(failover_look(&f, false, now));
		failover_return(&f);
	}
	assert_int_equal(gap, 1800 * US_S);
}

static void a_last_one_that_closes_is_left_for_the_first_after_a_delay(void **state)
{
	(void)state;
	struct failover f;
	failover_begin(&f, 2, 30 * US_S);
	failover_down(&f);
	for (int i = 0; i < 2; i++) {
		failover_up(&f, 0);
		assert_false(failover_lost(&f, US_S));
	}
	assert_int_equal(f.at, 0);
	failover_begin(&f, 1, 30 * US_S);
	for (int i = 0; i < 5; i++)
		assert_false(failover_lost(&f, US_S));
	assert_int_equal(f.at, 0);
}

/* The answer would go to the first. But not for ever: commands may come without end. */
static void what_is_under_way_is_answered_before_the_return(void **state)
{
	(void)state;
	struct failover f;
	failover_begin(&f, 2, 30 * US_S);
	failover_down(&f);
	failover_up(&f, 0);
	assert_int_equal(failover_due(&f, true), 90 * US_S);
	assert_int_equal(failover_due(&f, false), 30 * US_S);
	assert_false(failover_look(&f, true, 30 * US_S));
	assert_false(failover_look(&f, true, 90 * US_S - 1));
	assert_true(failover_look(&f, false, 90 * US_S - 1));
	failover_up(&f, 0);
	assert_false(failover_look(&f, true, 90 * US_S - 1));
	assert_true(failover_look(&f, true, 90 * US_S));
	failover_return(&f);
	failover_up(&f, 100 * US_S);
	assert_true(failover_due(&f, true) == US_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_tried_in_order_before_there_is_a_delay),
		cmocka_unit_test(one_alone_is_tried_again_and_again),
		cmocka_unit_test(a_connection_that_is_lost_is_made_again_to_the_same),
		cmocka_unit_test(the_first_is_returned_to_and_less_and_less_often_if_it_refuses),
		cmocka_unit_test(one_that_accepts_and_closes_counts_as_one_that_refuses),
		cmocka_unit_test(what_is_under_way_is_answered_before_the_return),
		cmocka_unit_test(a_last_one_that_closes_is_left_for_the_first_after_a_delay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
