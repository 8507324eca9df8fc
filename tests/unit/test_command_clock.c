// SPDX-License-Identifier: MIT
/* A clock is set to the time at which it is written, not at which somebody asked for it. */
#include "command_rig.h"

static const char not_right[] =
	"the gateway's clock is not synchronised; write the time itself, as "
	"2026-11-21T10:00:00";

/* Was the only write right? Its last register has the seconds of a minute. */
static void expect_right(void)
{
	settle();
	assert_int_equal(rig_only(&g)->end, COMMAND_VERIFIED);
	const size_t last = g.nwrite - 1;
	const int should = (int)((g.write[last].at / US_S - 1000) % 3600);
	const int is = g.holding[204] * 60 + g.holding[205];
	if (is > should || is + 1 < should)
		fail_msg("%d s instead of %d", is, should);
}

static void what_waited_in_a_queue_is_right(void **state)
{
	(void)state;
	for (int seconds = 1; seconds < 9; seconds++) {
		g.nreported = 0;
		rig_command(&g, P_CLOCK, " Now");
		for (int i = 0; i < 4 * seconds; i++) { /* the line is busy with others */
			g.now += 250 * US_MS;
			command_tick(g.t, g.now);
			rig_take(&g);
		}
		expect_right();
	}
	assert_int_equal(g.nwrite, 8);
}

static void what_a_busy_device_takes_later_is_right(void **state)
{
	(void)state;
	fault(EXCEPTION, 15, 6);
	rig_command(&g, P_CLOCK, "now");
	expect_right();
	g.nreported = 0;
	fault(LOST_REQUEST, 1, 0);
	g.exchange = 2 * US_S;
	g.holding[200] = 2000; /* what is read back is not near */
	rig_command(&g, P_CLOCK, "now");
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_true(g.holding[205] > 5);
}

static void what_waits_for_its_interval_is_right(void **state)
{
	(void)state;
	change(P_CLOCK);
	rule_of.min_write_interval = 5 * US_S;
	reload(&next);
	rig_command(&g, P_CLOCK, "2026-11-21T08:00:00Z");
	settle();
	g.nreported = 0;
	rig_command(&g, P_CLOCK, "now");
	expect_right();
	assert_int_equal(g.nwrite, 2);
	assert_true(g.write[1].at - g.write[0].at >= 5 * US_S);
	reload(&rig_model);
}

/* Its own time limits it, not the renewals; each line in between gets it once. */
static void it_expires_like_any_other(void **state)
{
	(void)state;
	rig_command(&g, P_CLOCK, "now");
	const us_t from = g.now;
	while (!g.nreported && g.now < from + 60 * US_S) {
		g.now += 500 * US_MS;
		for (size_t i = 0; i < g.njob; i++) {
			const struct job j = g.job[i];
			if (j.expires > g.now)
				continue;
			memmove(&g.job[i], &g.job[i + 1], (--g.njob - i) * sizeof *g.job);
			command_job(g.t, j.id, OUT_EXPIRED, 0, 0, g.now, g.now);
			break;
		}
		command_tick(g.t, g.now);
		rig_take(&g);
	}
	expect(COMMAND_EXPIRED, "could not be sent in time", 0);
	assert_true(g.now <= from + 11 * US_S);
}

static void a_clock_that_is_not_right_sets_none(void **state)
{
	(void)state;
	g.clock_wrong = true;
	rig_command(&g, P_CLOCK, "now");
	expect(COMMAND_REFUSED, not_right, 0);
	g.nreported = 0;
	rig_command(&g, P_CLOCK, "2026-11-21T10:00:00");
	expect(COMMAND_VERIFIED, "", 1);
	/* also if it is so only when it could be written */
	g.nreported = 0;
	g.clock_wrong = false;
	fault(EXCEPTION, 1, 6);
	rig_command(&g, P_CLOCK, "now");
	rig_step(&g);
	g.clock_wrong = true;
	expect(COMMAND_FAILED, not_right, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_waited_in_a_queue_is_right),      T(what_a_busy_device_takes_later_is_right),
		T(what_waits_for_its_interval_is_right), T(it_expires_like_any_other),
		T(a_clock_that_is_not_right_sets_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
