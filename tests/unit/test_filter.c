// SPDX-License-Identifier: MIT
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
	filter_published(f, r, &v, now);
	return true;
}

static void a_change_is_published_and_sameness_only_after_the_heartbeat(void **state)
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

/* Reads of a point that wants one each 10 s. */
static void what_neighbours_bring_does_not_make_it_more(void **state)
{
	(void)state;
	const struct filter_rule r = {.mode = PUBLISH_ALWAYS, .period = 10 * US_S};
	const us_t every[] = {100 * US_MS, 1 * US_S, 4 * US_S, 10 * US_S};
	for (size_t i = 0; i < sizeof every / sizeof *every; i++) {
		struct filter f = {0};
		unsigned n = 0;
		for (us_t now = 1; now < 1000 * US_S; now += every[i])
			n += tell(&f, &r, (double)now, true, now);
		assert_in_range(n, 99, 101);
	}
	/* its own reads, some early and some late: none is lost */
	struct filter f = {0};
	for (us_t k = 0; k < 100; k++)
		assert_true(tell(&f, &r, 1, true, US_S + k * 10 * US_S + (k % 3) * US_S));
	/* what somebody asked for in between moves nothing; after an outage the grid begins anew */
	f = (struct filter){0};
	const struct value v = value_real(1);
	assert_true(tell(&f, &r, 1, true, US_S));
	filter_published(&f, &r, &v, 4 * US_S);
	assert_false(tell(&f, &r, 1, true, 8 * US_S));
	assert_true(tell(&f, &r, 1, true, 11 * US_S));
	assert_true(tell(&f, &r, 1, true, 95 * US_S));
	assert_false(tell(&f, &r, 1, true, 101 * US_S));
	assert_true(tell(&f, &r, 1, true, 105 * US_S));
}

/* A register of the counter says v. */
static bool count(struct counter *c, const struct counter_rule *r, double v, us_t now)
{
	return counter_pass(c, r, v, now, now);
}

static void a_counter_does_not_run_backwards_on_one_bad_read(void **state)
{
	(void)state;
	struct counter c = {0};
	const struct counter_rule r = {.max_rise = 50}; /* kWh an hour */
	us_t now = 0;
	count(&c, &r, 1000, now);
	assert_true(count(&c, &r, 1000, now += US_S));
	assert_true(count(&c, &r, 1000.1, now += US_S));
	assert_false(count(&c, &r, 0, now += US_S)); /* spoilt */
	assert_true(count(&c, &r, 1000.2, now += US_S));
	assert_false(count(&c, &r, 7553.6, now += US_S)); /* high word first: half updated */
	assert_true(count(&c, &r, 1000.3, now += US_S));
	assert_false(count(&c, &r, 7553.6, now += US_S));
	assert_false(count(&c, &r, 3, now += US_S)); /* another nonsense confirms nothing */
	assert_true(count(&c, &r, 1000.4, now += US_S));
	assert_false(count(&c, &r, NAN, now += US_S));
}

static void a_real_reset_passes_on_the_second_read(void **state)
{
	(void)state;
	struct counter c = {.last = 1000, .known = true};
	const struct counter_rule r = {.max_rise = 50}, any = {0};
	assert_false(count(&c, &r, 0, US_S));
	assert_true(count(&c, &r, 0.1, 2 * US_S));
	assert_true(count(&c, &r, 0.2, 3 * US_S));
	assert_false(count(&c, &r, 500, 4 * US_S));
	assert_true(count(&c, &r, 500.1, 5 * US_S)); /* the meter was replaced */
	assert_true(count(&c, &r, 549, 5 * US_S + 3600 * US_S));
	c = (struct counter){.last = 1000, .known = true};
	assert_true(count(&c, &any, 1e9, 1)); /* any rise is believed */
	assert_false(count(&c, &any, 0, 2));
	assert_true(count(&c, &any, 5, 3));
}

/* Reads of a life that has just begun, and which of them is the first to be believed. */
static const struct first {
	double max_rise;
	double read[5];
	int believed; /* index in read */
} firsts[] = {
	{0, {5000, 5000}, 1},
	{0, {5000, 5001}, 1},
	{0, {7, 5000, 5000}, 2}, /* the first was spoilt */
	{0, {7000000, 5000, 5000}, 2},
	{0, {5000, 7, 5000, 5000}, 3}, /* the second was */
	{0, {5000, 7000000, 5000, 5000}, 3},
	{0, {0, 0}, 1},
	{0, {0, 5, 12}, 2}, /* a pulse counter that has just begun */
	{0, {100, 150, 200}, 2},
	{50, {7, 5000, 5000.1}, 2},
	{50, {7000000, 5000, 5000.1}, 2},
	{50, {5000, 7, 5000, 5000}, 3},
	{50, {5000, 7000000, 5000, 5000}, 3},
	{50, {0, 0.4}, 1},
};

static void the_first_value_of_a_life_needs_a_second_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
		const struct counter_rule r = {.max_rise = firsts[i].max_rise};
		struct counter c = {0};
		/* long after the machine's start: it is no time that the counter had to rise in */
		us_t now = 86400 * US_S;
		for (int k = 0; k <= firsts[i].believed; k++, now += US_S)
			if (count(&c, &r, firsts[i].read[k], now) != (k == firsts[i].believed))
				fail_msg("row %zu, read %d", i, k);
	}
}

/* Of a sum only one part was read anew: the other may still be the spoilt one. */
static void the_same_read_confirms_nothing(void **state)
{
	(void)state;
	const struct counter_rule any = {0};
	struct counter c = {.last = 5000, .known = true};
	assert_false(counter_pass(&c, &any, 7, 10, 10));
	assert_false(counter_pass(&c, &any, 7, 10, 10)); /* looked at twice */
	assert_false(counter_pass(&c, &any, 8, 20, 10));
	assert_false(counter_pass(&c, &any, 8, 25, 9));
	assert_true(counter_pass(&c, &any, 9, 30, 20));
	c = (struct counter){0};
	assert_false(counter_pass(&c, &any, 7, 10, 10));
	assert_false(counter_pass(&c, &any, 7, 10, 10));
	assert_true(counter_pass(&c, &any, 7, 11, 11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_published_and_sameness_only_after_the_heartbeat),
		cmocka_unit_test(a_deadband_holds_back_what_is_nearer),
		cmocka_unit_test(modes_and_the_least_interval),
		cmocka_unit_test(what_neighbours_bring_does_not_make_it_more),
		cmocka_unit_test(a_counter_does_not_run_backwards_on_one_bad_read),
		cmocka_unit_test(a_real_reset_passes_on_the_second_read),
		cmocka_unit_test(the_first_value_of_a_life_needs_a_second_read),
		cmocka_unit_test(the_same_read_confirms_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
