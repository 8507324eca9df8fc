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
		assert_true(failover_down(&f, false));
		assert_int_equal(f.at, 1);
		assert_true(failover_down(&f, false));
		assert_int_equal(f.at, 2);
		assert_false(failover_down(&f, false));
	}
}

static void one_alone_is_tried_again_and_again(void **state)
{
	(void)state;
	struct failover f;
	failover_begin(&f, 0, 30 * US_S);
	assert_false(failover_down(&f, false));
	failover_up(&f, 0);
	assert_false(failover_look(&f, US_NEVER - 1));
	assert_false(failover_down(&f, true));
	assert_int_equal(f.at, 0);
}

static void a_connection_that_is_lost_is_made_again_to_the_same(void **state)
{
	(void)state;
	struct failover f;
	failover_begin(&f, 2, 30 * US_S);
	failover_down(&f, false);
	failover_up(&f, 0);
	assert_false(failover_down(&f, true));
	assert_int_equal(f.at, 1);
	assert_false(failover_look(&f, 3600 * US_S)); /* not while there is none */
	assert_false(failover_down(&f, false));
	assert_int_equal(f.at, 0);
}

static void the_first_is_returned_to_and_less_and_less_often_if_it_refuses(void **state)
{
	(void)state;
	struct failover f;
	us_t now = 0, gap = 0;
	failover_begin(&f, 2, 30 * US_S);
	for (int i = 0; i < 12; i++) {
		assert_true(failover_down(&f, false)); /* the first refuses */
		failover_up(&f, now);
		assert_false(failover_look(&f, now));
		const us_t at = f.look_at;
		assert_true(at - now >= gap && at - now <= 1800 * US_S);
		gap = at - now;
		assert_false(failover_look(&f, at - 1));
		assert_true(failover_look(&f, at));
		assert_false(failover_look(&f, at + 1)); /* once */
		assert_true(failover_look(&f, at + gap));
		now = at + gap;
		failover_return(&f);
		assert_int_equal(f.at, 0);
	}
	assert_int_equal(gap, 1800 * US_S);
	failover_up(&f, now); /* at last */
	assert_false(failover_look(&f, US_NEVER - 1));
	failover_down(&f, false);
	failover_up(&f, now);
	assert_int_equal(f.look_at - now, 30 * US_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_tried_in_order_before_there_is_a_delay),
		cmocka_unit_test(one_alone_is_tried_again_and_again),
		cmocka_unit_test(a_connection_that_is_lost_is_made_again_to_the_same),
		cmocka_unit_test(the_first_is_returned_to_and_less_and_less_often_if_it_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
