#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/value/filter.h"

static bool tell(struct filter *f, const struct filter_rule *r, double number, bool changed,
                 us_t now)
{
	const struct value v = isnan(number) ? value_none() : value_real(number);
	if (!filter_pass(f, r, &v, changed, now))
		return false;
	filter_told(f, &v, now);
	return true;
}

static void a_change_is_told_and_sameness_only_after_the_heartbeat(void **state)
{
	(void)state;
	struct filter f = {0};
	const struct filter_rule r = {.mode = PUBLISH_CHANGE, .heartbeat = 60 * US_S};
	assert_true(tell(&f, &r, 1, false, 0)); /* never told before */
	assert_false(tell(&f, &r, 1, false, 59 * US_S));
	assert_true(tell(&f, &r, 2, true, 59 * US_S));
	assert_false(tell(&f, &r, 2, false, 118 * US_S));
	assert_true(tell(&f, &r, 2, false, 119 * US_S));
	assert_true(tell(&f, &r, NAN, true, 120 * US_S));
	assert_true(tell(&f, &r, 2, true, 121 * US_S));
}

static void a_deadband_holds_back_what_is_nearer(void **state)
{
	(void)state;
	struct filter f = {0};
	const struct filter_rule r = {.mode = PUBLISH_CHANGE, .deadband = 0.2F};
	assert_true(tell(&f, &r, 20.0, true, 1));
	assert_false(tell(&f, &r, 20.1, true, 2));
	assert_true(tell(&f, &r, 20.2, true, 3)); /* exactly the deadband */
	assert_false(tell(&f, &r, 20.1, true, 4));
	assert_true(tell(&f, &r, NAN, true, 5));
	assert_true(tell(&f, &r, 20.1, true, 6));
	const struct filter_rule percent = {.mode = PUBLISH_CHANGE, .deadband = 1, .percent = true};
	f = (struct filter){0};
	assert_true(tell(&f, &percent, -200, true, 1));
	assert_false(tell(&f, &percent, -201.9, true, 2));
	assert_true(tell(&f, &percent, -202, true, 3));
}

static void modes_and_the_least_interval(void **state)
{
	(void)state;
	struct filter f = {0};
	struct filter_rule r = {.mode = PUBLISH_ALWAYS, .min_interval = 10};
	assert_true(tell(&f, &r, 1, true, 100));
	assert_false(tell(&f, &r, 2, true, 109));
	assert_true(tell(&f, &r, 2, false, 110));
	r.mode = PUBLISH_NEVER;
	assert_false(tell(&f, &r, 3, true, 1000));
}

static void a_counter_does_not_run_backwards_on_one_bad_read(void **state)
{
	(void)state;
	struct counter c = {0};
	const struct counter_rule r = {.max_rise = 50}; /* kWh an hour */
	us_t now = 0;
	assert_true(counter_pass(&c, &r, 1000, now));
	assert_true(counter_pass(&c, &r, 1000.1, now += US_S));
	assert_false(counter_pass(&c, &r, 0, now += US_S)); /* spoilt */
	assert_true(counter_pass(&c, &r, 1000.2, now += US_S));
	assert_false(counter_pass(&c, &r, 7553.6, now += US_S)); /* high word first: half updated */
	assert_true(counter_pass(&c, &r, 1000.3, now += US_S));
	assert_false(counter_pass(&c, &r, 7553.6, now += US_S));
	assert_false(counter_pass(&c, &r, 3, now += US_S)); /* another nonsense confirms nothing */
	assert_true(counter_pass(&c, &r, 1000.4, now += US_S));
	assert_false(counter_pass(&c, &r, NAN, now += US_S));
}

static void a_real_reset_passes_on_the_second_read(void **state)
{
	(void)state;
	struct counter c = {0};
	const struct counter_rule r = {.max_rise = 50}, any = {0};
	assert_true(counter_pass(&c, &r, 1000, 0));
	assert_false(counter_pass(&c, &r, 0, US_S));
	assert_true(counter_pass(&c, &r, 0.1, 2 * US_S));
	assert_true(counter_pass(&c, &r, 0.2, 3 * US_S));
	assert_false(counter_pass(&c, &r, 500, 4 * US_S));
	assert_true(counter_pass(&c, &r, 500.1, 5 * US_S)); /* the meter was replaced */
	assert_true(counter_pass(&c, &r, 549, 5 * US_S + 3600 * US_S));
	c = (struct counter){0};
	assert_true(counter_pass(&c, &any, 1000, 0));
	assert_true(counter_pass(&c, &any, 1e9, 1)); /* any rise is believed */
	assert_false(counter_pass(&c, &any, 0, 2));
	assert_true(counter_pass(&c, &any, 5, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_told_and_sameness_only_after_the_heartbeat),
		cmocka_unit_test(a_deadband_holds_back_what_is_nearer),
		cmocka_unit_test(modes_and_the_least_interval),
		cmocka_unit_test(a_counter_does_not_run_backwards_on_one_bad_read),
		cmocka_unit_test(a_real_reset_passes_on_the_second_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
