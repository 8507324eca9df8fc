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

/* A register behind the clock, which goes out in one request with it. */
static void neighbour(uint32_t point)
{
	change(P_CLOCK);
	changed[point].addr[0] = points[P_CLOCK].addr[0] + 6;
	reload(&next);
}

static void clock_and(uint32_t point, const char *text)
{
	const struct command_item item[] = {{P_CLOCK, "now"}, {point, text}};
	struct command_request q = {.item = item, .n = 2};
	rig_submit(&g, &q);
	assert_int_equal(g.njob, 1);
}

/* The request waits so long that it has another time by then. */
static void what_goes_with_it_does_not_follow_a_newer_command(void **state)
{
	(void)state;
	neighbour(P_SILENT);
	clock_and(P_SILENT, "1");
	rig_command(&g, P_SILENT, "2");
	assert_int_equal(g.njob, 2);
	g.now += 2 * US_S;
	settle();
	assert_int_equal(g.nreported, 3);
	assert_int_equal(g.reported[0].end, COMMAND_SUPERSEDED);
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.holding[206], 2);
	assert_int_equal(g.holding[200], 2026);
	reload(&rig_model);
}

/* Nor is it written once a reload has changed what would be. */
static void what_goes_with_it_is_not_written_after_a_reload(void **state)
{
	(void)state;
	struct point kept[RIG_POINTS];
	neighbour(P_SILENT);
	clock_and(P_SILENT, "9");
	const struct job j = g.job[0];
	g.njob = 0; /* it has just been taken */
	memcpy(kept, changed, sizeof kept);
	struct write_rule lower = usual;
	struct pointset set = set_of;
	struct device device = device_of;
	struct model limited_to_5 = next;
	lower.has_max = true;
	lower.max = 5;
	kept[P_SILENT].write = &lower;
	set.point = kept;
	device.set = &set;
	limited_to_5.device = &device;
	assert_true(command_leave(g.t, &limited_to_5, g.now));
	rig_take(&g);
	g.now += 2 * US_S;
	command_job(g.t, j.id, OUT_EXPIRED, 0, 0, g.now, g.now);
	rig_take(&g);
	settle();
	assert_int_equal(g.nreported, 2);
	assert_int_equal(g.holding[206], 0);
	assert_int_equal(g.holding[200], 2026);
	reload(&rig_model);
}

static void two_clocks_end_together(void **state)
{
	(void)state;
	static const enum fault again[] = {EXCEPTION, LOST_REQUEST};
	for (size_t i = 0; i < 2; i++) {
		change(P_CLOCK);
		changed[P_SILENT] = points[P_CLOCK];
		changed[P_SILENT].name = points[P_SILENT].name;
		changed[P_SILENT].addr[0] = points[P_CLOCK].addr[0] + 6;
		reload(&next);
		g.nreported = 0;
		g.holding[200] = 2000;
		fault(again[i], 1, 6);
		clock_and(P_SILENT, "now");
		rig_step(&g);
		g.clock_wrong = true;
		settle();
		assert_int_equal(g.nreported, 2);
		for (size_t k = 0; k < 2; k++)
			assert_string_equal(g.reason[k], not_right);
		g.clock_wrong = false;
		reload(&rig_model);
	}
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
		T(what_waited_in_a_queue_is_right),
		T(what_a_busy_device_takes_later_is_right),
		T(what_waits_for_its_interval_is_right),
		T(it_expires_like_any_other),
		T(what_goes_with_it_does_not_follow_a_newer_command),
		T(what_goes_with_it_is_not_written_after_a_reload),
		T(two_clocks_end_together),
		T(a_clock_that_is_not_right_sets_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
