// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/command/safe.h"

#define NOW (1000 * US_S)
#define AFTER (60 * US_S)
#define BOTH AFTER, true, true

enum event {
	ALONE, /* nobody was in control for long enough */
	ITS_TIME,
	ITS_TIME_OFFLINE,
	ITS_TIME_PENDING,
	TAKEN,
	NOT_TAKEN,
	ONLINE,
	ACCEPTED,
	NEWER_DONE,
	NEWER_UNKNOWN,
	NEWER_NOTHING,
	OLDER_DONE,
	AWAY,
	BACK,
	OTHER_VALUE,
	SAME_VALUE,
	NO_RULE,
	STOP,
	EVENTS
};

static const char *const event_name[] = {
	"alone",
	"its time",
	"its time, offline",
	"its time, pending",
	"taken",
	"not taken",
	"online",
	"accepted",
	"newer done",
	"newer unknown",
	"newer nothing",
	"older done",
	"away",
	"back",
	"other value",
	"same value",
	"no rule",
	"stop",
};

#define N SAFE_NONE
#define W SAFE_WATCH
#define D SAFE_DUE
#define X SAFE_WRITING
#define T SAFE_TAKEN

/* What follows in each state: the state after it, and what is to be done. */
static const struct {
	uint8_t to, act;
} table[EVENTS][SAFE_TAKEN + 1] = {
	/*                     NONE     WATCH                DUE                  WRITING  TAKEN */
	[ALONE] = {{N, 0}, {X, SAFE_BEGINS}, {X, SAFE_WRITE}, {X, 0}, {T, 0}},
	[ITS_TIME] = {{N, 0}, {W, 0}, {X, SAFE_WRITE}, {X, 0}, {T, 0}},
	[ITS_TIME_OFFLINE] = {{N, 0}, {W, 0}, {D, 0}, {X, 0}, {T, 0}},
	[ITS_TIME_PENDING] = {{N, 0}, {W, 0}, {D, 0}, {X, 0}, {T, 0}},
	[TAKEN] = {{N, 0}, {W, 0}, {D, 0}, {T, 0}, {T, 0}},
	[NOT_TAKEN] = {{N, 0}, {W, 0}, {D, 0}, {D, 0}, {T, 0}},
	[ONLINE] = {{N, 0}, {W, 0}, {D, 0}, {X, 0}, {D, 0}},
	[ACCEPTED] = {{N, 0}, {W, 0}, {D, 0}, {X, 0}, {T, 0}},
	[NEWER_DONE] = {{N, 0}, {W, 0}, {W, 1}, {W, 1}, {W, 1}},
	[NEWER_UNKNOWN] = {{N, 0}, {W, 0}, {W, 1}, {W, 1}, {W, 1}},
	[NEWER_NOTHING] = {{N, 0}, {W, 0}, {D, 0}, {X, 0}, {T, 0}},
	[OLDER_DONE] = {{N, 0}, {W, 0}, {D, 0}, {X, 0}, {T, 0}},
	[AWAY] = {{N, 0}, {W, 0}, {D, 0}, {X, 0}, {T, 0}},
	[BACK] = {{N, 0}, {W, 0}, {D, 0}, {X, 0}, {T, 0}},
	[OTHER_VALUE] = {{W, 0}, {W, 0}, {D, 0}, {D, 0}, {D, 0}},
	[SAME_VALUE] = {{W, 0}, {W, 0}, {D, 0}, {D, 0}, {T, 0}},
	[NO_RULE] = {{N, 0}, {N, 0}, {N, 1}, {N, 1}, {N, 1}},
	[STOP] = {{N, 0}, {X, SAFE_BEGINS}, {X, SAFE_WRITE}, {X, SAFE_WRITE}, {T, 0}},
};

/* One in the given state: in force, if so, for a second. */
static struct safe safe_in(enum safe_state state)
{
	return (struct safe){
		.rule = {.after = state == SAFE_NONE ? 0 : AFTER, .on_broker = true},
		.state = (uint8_t)state,
		.alone = NOW - 10 * US_S,
		.commanded = NOW - 10 * US_S,
		.since = NOW - US_S,
		.write_at = state == SAFE_DUE ? NOW : 0,
	};
}

static unsigned happen(struct safe *s, enum event e)
{
	const struct safe_rule rule = {BOTH}, none = {0};
	switch (e) {
	case ALONE:
		return safe_tick(s, true, false, NOW + AFTER);
	case ITS_TIME:
	case ITS_TIME_OFFLINE:
	case ITS_TIME_PENDING:
		return safe_tick(s, e != ITS_TIME_OFFLINE, e == ITS_TIME_PENDING, NOW);
	case TAKEN:
	case NOT_TAKEN:
		safe_written(s, e == TAKEN, NOW);
		return 0;
	case ONLINE:
		safe_online(s, NOW);
		return 0;
	case ACCEPTED:
		safe_accepted(s, NOW);
		return 0;
	case NEWER_DONE:
		return safe_ended(s, NOW - 1, EFFECT_DONE, NOW);
	case NEWER_UNKNOWN:
		return safe_ended(s, NOW - 1, EFFECT_UNKNOWN, NOW);
	case NEWER_NOTHING:
		return safe_ended(s, NOW - 1, EFFECT_NONE, NOW);
	case OLDER_DONE:
		return safe_ended(s, NOW - US_S, EFFECT_DONE, NOW);
	case AWAY:
	case BACK:
		safe_broker(s, e == BACK, NOW);
		return 0;
	case OTHER_VALUE:
	case SAME_VALUE:
		return safe_adopt(s, &rule, e == SAME_VALUE, NOW);
	case NO_RULE:
		return safe_adopt(s, &none, false, NOW);
	default:
		return safe_stop(s, NOW);
	}
}

static void every_event_in_every_state(void **state)
{
	(void)state;
	for (unsigned e = 0; e < EVENTS; e++) {
		for (unsigned from = SAFE_NONE; from <= SAFE_TAKEN; from++) {
			struct safe s = safe_in((enum safe_state)from);
			const unsigned act = happen(&s, (enum event)e);
			if (s.state != table[e][from].to || act != table[e][from].act)
				fail_msg("%s in state %u: state %u, act %u", event_name[e], from,
				         s.state, act);
			assert_true(safe_in_force(&s) == (s.state > SAFE_WATCH));
		}
	}
}

static struct safe s;

static void begin(us_t after, bool on_broker, bool on_no_command, bool broker_up)
{
	const struct safe_rule rule = {after, on_broker, on_no_command};
	safe_begin(&s, &rule, broker_up, NOW);
}

static void at_the_start_the_time_begins(void **state)
{
	(void)state;
	begin(AFTER, true, false, false);
	assert_true(safe_due(&s, true) == NOW + AFTER);
	assert_int_equal(safe_tick(&s, true, false, NOW + AFTER - 1), SAFE_REST);
	safe_broker(&s, true, NOW + US_S); /* in time: nothing is written, however long it runs */
	assert_true(safe_due(&s, true) == US_NEVER);
	assert_int_equal(safe_tick(&s, true, false, NOW + 1000 * AFTER), SAFE_REST);
	begin(AFTER, false, true, true);
	assert_true(safe_due(&s, true) == NOW + AFTER);
	begin(0, true, true, true);
	assert_true(safe_due(&s, true) == US_NEVER);
}

static void each_absence_of_the_broker_counts_anew(void **state)
{
	(void)state;
	begin(AFTER, true, false, true);
	for (us_t t = NOW; t < NOW + 10 * AFTER; t += AFTER) {
		safe_broker(&s, false, t);
		safe_broker(&s, false, t + US_S); /* it is still away */
		assert_true(safe_due(&s, true) == t + AFTER);
		assert_int_equal(safe_tick(&s, true, false, t + AFTER - 1), SAFE_REST);
		safe_broker(&s, true, t + AFTER - 1);
	}
	safe_broker(&s, false, NOW);
	assert_int_equal(safe_tick(&s, false, true, NOW + AFTER), SAFE_BEGINS);
	assert_string_equal(safe_why(&s), "the broker is unreachable");
}

static void a_command_that_came_counts_though_it_is_still_under_way(void **state)
{
	(void)state;
	begin(AFTER, false, true, true);
	safe_accepted(&s, NOW + AFTER - 1);
	assert_int_equal(safe_tick(&s, true, true, NOW + AFTER), SAFE_REST);
	assert_true(safe_due(&s, true) == NOW + 2 * AFTER - 1);
	assert_int_equal(safe_tick(&s, true, false, NOW + 2 * AFTER), SAFE_BEGINS);
	assert_string_equal(safe_why(&s), "no command arrived in time");
}

static void the_earlier_of_two_conditions_counts(void **state)
{
	(void)state;
	begin(BOTH, true);
	safe_accepted(&s, NOW + 10 * US_S);
	safe_broker(&s, false, NOW + 20 * US_S);
	assert_true(safe_due(&s, true) == NOW + 10 * US_S + AFTER);
	safe_broker(&s, true, NOW + 30 * US_S);
	assert_true(safe_due(&s, true) == NOW + 10 * US_S + AFTER);
}

/* The broker was away; a command came after it was back; the device comes and goes: it keeps what
 * was commanded, whether that was verified or only acknowledged. */
static void an_acknowledged_command_stays(void **state)
{
	(void)state;
	begin(AFTER, true, false, false);
	assert_int_equal(safe_tick(&s, true, false, NOW + AFTER), SAFE_BEGINS);
	safe_written(&s, true, NOW + AFTER);
	safe_broker(&s, true, NOW + AFTER + US_S);
	assert_true(safe_in_force(&s)); /* its return alone says nothing */
	assert_true(safe_ended(&s, NOW + AFTER + 2 * US_S, EFFECT_DONE, NOW + AFTER + 3 * US_S));
	safe_online(&s, NOW + AFTER + 4 * US_S);
	assert_int_equal(safe_tick(&s, true, false, NOW + 100 * AFTER), SAFE_REST);
	safe_broker(&s, false, NOW + 100 * AFTER);
	assert_true(safe_due(&s, true) == NOW + 101 * AFTER);
}

static void it_is_written_until_it_is_taken_but_not_over_a_command(void **state)
{
	(void)state;
	us_t t = NOW + AFTER;
	begin(AFTER, true, false, false);
	assert_int_equal(safe_tick(&s, false, false, t), SAFE_BEGINS); /* one try at once */
	for (int i = 0; i < 5; i++) {
		safe_written(&s, false, t);
		assert_true(safe_due(&s, true) == t + SAFE_AGAIN);
		assert_true(safe_due(&s, false) == US_NEVER);
		assert_int_equal(safe_tick(&s, true, false, t + SAFE_AGAIN - 1), SAFE_REST);
		t += SAFE_AGAIN;
		assert_int_equal(safe_tick(&s, true, false, t), SAFE_WRITE);
	}
	safe_written(&s, false, t);
	safe_online(&s, t + US_S);
	safe_accepted(&s, t + US_S);
	assert_int_equal(safe_tick(&s, true, true, t + US_S), SAFE_REST); /* it may lift it */
	assert_false(safe_ended(&s, t + US_S, EFFECT_NONE, t + 2 * US_S));
	assert_int_equal(safe_tick(&s, true, false, t + US_S + SAFE_AGAIN), SAFE_WRITE);
}

static void a_reload_changes_the_time_that_runs(void **state)
{
	(void)state;
	const struct safe_rule sooner = {AFTER / 2, true, false}, other = {AFTER, false, true};
	begin(AFTER, true, false, false);
	assert_false(safe_adopt(&s, &sooner, false, NOW + US_S));
	assert_true(safe_due(&s, true) == NOW + AFTER / 2);
	assert_false(safe_adopt(&s, &other, false, NOW + US_S));
	assert_true(safe_due(&s, true) == NOW + AFTER);
	begin(0, false, false, true);
	assert_false(safe_adopt(&s, &other, false, NOW + US_S)); /* new: from now on */
	assert_true(safe_due(&s, true) == NOW + US_S + AFTER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_in_every_state),
		cmocka_unit_test(at_the_start_the_time_begins),
		cmocka_unit_test(each_absence_of_the_broker_counts_anew),
		cmocka_unit_test(a_command_that_came_counts_though_it_is_still_under_way),
		cmocka_unit_test(the_earlier_of_two_conditions_counts),
		cmocka_unit_test(an_acknowledged_command_stays),
		cmocka_unit_test(it_is_written_until_it_is_taken_but_not_over_a_command),
		cmocka_unit_test(a_reload_changes_the_time_that_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
