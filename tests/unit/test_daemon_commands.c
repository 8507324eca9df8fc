// SPDX-License-Identifier: MIT
/* What is published while a command is under way. */
#include "daemon_rig.h"

#define DEVICE "devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own}\n"

/* A read that ended before the write reports what was; it may be reported behind it. */
static void what_was_read_before_a_write_is_not_published_behind_it(void **state)
{
	(void)state;
	rig_begin(DEVICE, "points:\n  Level: {holding: 3, write: true}\n");
	rig_read(3, 10);
	rig_command("xnet/cmd/pump/Level", "20");
	const us_t before = rig.now;
	rig_pass(100 * US_MS);
	rig_job(3, 20, OUT_OK);
	rig_said();
	rig_report((struct report){.kind = REPORT_READ,
	                           .outcome = OUT_OK,
	                           .at = before,
	                           .span = {1, TABLE_HOLDING, 3, 1},
	                           .word = {9}});
	assert_null(strstr(rig_said(), "Level"));
	rig_pass(100 * US_MS);
	rig_read(3, 20);
	assert_non_null(strstr(rig_said(), "pump/Level 20"));
}

#define STEPS                                                                                      \
	"setup: [{Mode: 1}, {Level: 40}]\npoints:\n"                                               \
	"  Mode: {holding: 2, write: true, verify: false}\n"                                       \
	"  Level: {holding: 3, write: true, verify: false}\n"

/* Somebody's newer value is not undone by a step that comes after it, also not behind a reload. */
static void what_is_commanded_during_the_setup_stays(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		rig_begin(DEVICE, STEPS);
		rig_unit(1, true);
		if (i == 1) { /* the step itself fails first */
			rig_job(2, 1, OUT_OK);
			rig_job(3, 40, OUT_REFUSED);
		} else {
			rig_job(2, 1, OUT_REFUSED);
		}
		rig_command("xnet/cmd/pump/Level", "20");
		rig_job(3, 20, OUT_OK);
		if (i == 2)
			rig_reload(DEVICE);
		rig_pass(10 * US_S);
		if (i != 1)
			rig_job(2, 1, OUT_OK);
		rig_pass(600 * US_S);
		assert_int_equal(rig_bus()->njob, 0);
		if (i == 3) { /* when it comes again, it has forgotten perhaps */
			rig_unit(1, false);
			rig_unit(1, true);
			rig_job(2, 1, OUT_OK);
			rig_job(3, 40, OUT_OK);
			return;
		}
		rig_end(state);
	}
}

#define SELDOM                                                                                     \
	"points:\n  Level: {holding: 3, write: true, min_write_interval: 5min, "                   \
	"command_timeout: 10min, stale: 30s}\n"

/* It is read all the time; only what is read is older than what was commanded. */
static void a_write_that_waits_for_long_makes_no_value_stale(void **state)
{
	(void)state;
	rig_begin(DEVICE, SELDOM);
	rig_read(3, 10);
	rig_command("xnet/cmd/pump/Level", "20");
	rig_job(3, 20, OUT_OK);
	rig_pass(US_S);
	rig_read(3, 20);
	rig_command("xnet/cmd/pump/Level", "30");
	rig_said();
	for (int i = 0; i < 200; i++) {
		rig_pass(US_S);
		rig_read(3, 20);
		assert_null(strstr(rig_said(), "pump/Level"));
	}
	/* without any read it is */
	rig_pass(31 * US_S);
	assert_non_null(strstr(rig_said(), "pump/Level None"));
	rig_job(3, 30, OUT_OK);
	rig_pass(US_S);
	rig_read(3, 30);
	assert_non_null(strstr(rig_said(), "pump/Level 30"));
}

static struct mqtt_event get_level(void)
{
	return (struct mqtt_event){.kind = MQTT_MESSAGE,
	                           .topic = mem_strdup("xnet/get/pump/Level"),
	                           .payload = mem_strdup(""),
	                           .response_topic = mem_strdup("answer/me"),
	                           .since = rig.now};
}

/* Of a request that was under way the device may have taken the values before the `get` came. */
static void a_get_is_answered_with_what_was_requested_after_it(void **state)
{
	(void)state;
	rig_begin(DEVICE, "points:\n  Level: {holding: 3, write: true}\n");
	const us_t sent = rig.now;
	rig_pass(50 * US_MS);
	rig_event(get_level());
	rig_said();
	rig_pass(50 * US_MS);
	rig_report((struct report){.kind = REPORT_READ,
	                           .outcome = OUT_OK,
	                           .sent = sent,
	                           .span = {1, TABLE_HOLDING, 3, 1},
	                           .word = {10}});
	assert_null(strstr(rig_said(), "answer/me"));
	rig_pass(50 * US_MS);
	rig_read(3, 11);
	assert_non_null(
		strstr(rig_said(), "answer/me {\"ok\":true,\"param\":\"Level\",\"value\":\"11\""));
}

/* A `get` is not answered with what was read before it. */
static void a_get_beside_a_command_is_answered_with_what_is_read_behind_it(void **state)
{
	(void)state;
	rig_begin(DEVICE, "points:\n  Level: {holding: 3, write: true}\n");
	rig_read(3, 10);
	rig_pass(5 * US_S);
	rig_command("xnet/cmd/pump/Level", "20");
	rig_event(get_level());
	rig_said();
	rig_pass(US_MS);
	rig_read(3, 11);
	assert_string_equal(rig_said(), "");
	rig_job(3, 20, OUT_OK);
	rig_pass(100 * US_MS);
	rig_read(3, 20);
	assert_non_null(
		strstr(rig_said(), "answer/me {\"ok\":true,\"param\":\"Level\",\"value\":\"20\""));
	/* also one that is not read back; and not for ever */
	rig_write_profile(SELDOM);
	rig_reload(DEVICE);
	for (int i = 0; i < 2; i++) {
		rig_pass(US_S);
		rig_command("xnet/cmd/pump/Level", "30");
		rig_event(get_level());
		rig_said();
		rig_pass(US_MS);
		rig_read(3, 12);
		assert_string_equal(rig_said(), "");
		if (i == 0)
			rig_job(3, 30, OUT_REFUSED);
		else
			rig_pass(10 * US_S);
		if (i == 0)
			rig_read(3, 13);
		assert_non_null(strstr(rig_said(), i == 0 ? "\"value\":\"13\""
		                                          : "\"reason\":\"not read in time\""));
	}
}

/* What cannot be read back is published once it is acknowledged, but not behind a newer command. */
static void a_slider_that_is_not_read_back_does_not_jump_back(void **state)
{
	(void)state;
	rig_begin(DEVICE, "points:\n  Level: {holding: 3, write: true, verify: false}\n");
	rig_read(3, 10);
	rig_command("xnet/cmd/pump/Level", "20");
	const struct job first = rig_bus()->job[0]; /* on the wire */
	rig_bus()->njob = 0;
	rig_command("xnet/cmd/pump/Level", "30");
	rig_said();
	rig_report((struct report){
		.kind = REPORT_JOB, .outcome = OUT_OK, .id = first.id, .sent = rig.now});
	assert_string_equal(rig_said(), "");
	rig_job(3, 30, OUT_OK);
	assert_string_equal(rig_said(), "pump/Level 30");
}

/* Until then the gateway does not return to the first broker of a list. */
static void what_is_asked_of_a_broker_is_held_until_it_is_answered(void **state)
{
	(void)state;
	rig_begin(DEVICE, "points:\n  Level: {holding: 3, write: true}\n");
	rig_read(3, 10);
	assert_false(rig.held);
	rig_command("xnet/cmd/pump/Level", "20");
	assert_true(rig.held);
	rig_job(3, 20, OUT_OK);
	assert_true(rig.held);
	rig_pass(US_S);
	rig_read(3, 20);
	assert_false(rig.held);
	static const char *const refused[][2] = {{"Level", "high"}, {"Depth", "1"}};
	for (size_t i = 0; i < 2; i++) {
		char topic[64];
		snprintf(topic, sizeof topic, "xnet/cmd/pump/%s", refused[i][0]);
		rig_command(topic, refused[i][1]);
		assert_false(rig.held);
	}
	rig_command("xnet/get/pump/Level", "");
	assert_true(rig.held);
	rig_pass(US_S);
	rig_read(3, 21);
	assert_false(rig.held);
	/* nobody waits for what the gateway writes by itself */
	rig_broker(false);
	rig_pass(US_S);
	assert_false(rig.held);
}

#define GROUP(more)                                                                                \
	"points:\n  Low: {holding: 3, write: {group: w" more "}}\n"                                \
	"  High: {holding: 4, write: {group: w" more "}}\n"                                        \
	"groups: {w: {rules: [Low < High]}}\n"

/* The oldest job, with this answer, though others wait behind it. */
static void answer(enum outcome outcome)
{
	struct bus *b = rig_bus();
	assert_true(b->njob > 0);
	const struct job j = b->job[0];
	memmove(&b->job[0], &b->job[1], --b->njob * sizeof *b->job);
	rig_report((struct report){.kind = REPORT_JOB,
	                           .outcome = (uint8_t)outcome,
	                           .exception = outcome == OUT_REFUSED ? EXC_ADDRESS : 0,
	                           .id = j.id,
	                           .sent = rig.now});
}

/* The other member must fit each value that the first may have, now or in a moment: of two that
 * were commanded, the one on the wire or the one behind it. */
static void the_rules_of_a_group_hold_whatever_becomes_of_what_is_under_way(void **state)
{
	static const char refused[] =
		"\"value\":\"17\",\"reason\":\"violates the rule Low < High\"";
	for (int i = 0; i < 6; i++) {
		rig_begin(DEVICE, i < 3 ? GROUP("") : GROUP(", verify: false"));
		rig_read(3, 10);
		rig_read(4, 20);
		rig_command("xnet/cmd/pump/High", "15");
		if (i == 1 || i == 3 || i == 4)
			answer(OUT_OK);
		else if (i == 2 || i == 5)
			answer(OUT_LINK);
		if (i < 3 || i == 4)
			rig_command("xnet/cmd/pump/High", "30");
		if (i == 4)
			answer(OUT_REFUSED);
		rig_said();
		rig_command("xnet/cmd/pump/Low", "17");
		if (!strstr(rig_said(), refused))
			fail_msg("%d: Low 17 is written: High may be 15", i);
		rig_command("xnet/cmd/pump/Low", "14");
		assert_null(strstr(rig_said(), "Nak"));
		if (i >= 3) { /* what was read is known */
			rig_bus()->njob = 0;
			rig_pass(US_S);
			rig_read(4, 30);
			rig_command("xnet/cmd/pump/Low", "25");
			assert_null(strstr(rig_said(), "Nak"));
		}
		if (i < 5)
			rig_end(state);
	}
}

/* It was written and not read since: what was read before is wrong. A new connection gets every
 * topic again, a reload publishes what is current. */
static void what_was_read_before_a_write_is_not_published_by_a_connect(void **state)
{
	static const struct {
		const char *write; /* keys of the point */
		enum outcome outcome;
	} row[] = {
		{"verify: false", OUT_OK},
		{"verify: false", OUT_LINK},
		{"settle: 1min", OUT_OK},
		{"", OUT_TIMEOUT},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char points[128];
		snprintf(points, sizeof points, "points:\n  Level: {holding: 3, write: {%s}}\n",
		         row[i].write);
		rig_begin(DEVICE, points);
		rig_read(3, 10);
		assert_non_null(strstr(rig_said(), "pump/Level 10"));
		rig_command("xnet/cmd/pump/Level", "20");
		rig_pass(US_S);
		rig_job(3, 20, row[i].outcome);
		rig_said();
		rig_broker(false);
		rig_broker(true);
		outbox_all_dirty(rig.g.outbox); /* as the publisher does */
		const char *said = rig_said();
		if (strstr(said, "pump/Level 10") || !strstr(said, "pump/status online"))
			fail_msg("%zu: %s", i, said);
		rig_reload(DEVICE);
		if (strstr(rig_said(), "pump/Level 10"))
			fail_msg("%zu: published by the reload", i);
		/* what is read then is, though it is what was read before */
		rig_pass(61 * US_S);
		rig_said();
		rig_read(3, 10);
		assert_non_null(strstr(rig_said(), "pump/Level 10"));
		rig_pass(US_S);
		rig_read(3, 10);
		assert_null(strstr(rig_said(), "pump/Level"));
		if (i + 1 < sizeof row / sizeof *row)
			rig_end(state);
	}
}

/* Nor does the object of all points have it: its time is that of the newest read in it. */
static void what_was_read_before_a_write_is_not_in_the_json_behind_it(void **state)
{
	(void)state;
	rig_begin("devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own, json: true}\n",
	          "points:\n  Level: {holding: 3, write: {verify: false}}\n  Flow: {holding: 5}\n");
	rig_read(3, 10);
	rig_read(5, 1);
	assert_non_null(strstr(rig_said(), "\"Level\":10,\"Flow\":1}"));
	rig_command("xnet/cmd/pump/Level", "20");
	rig_job(3, 20, OUT_OK);
	rig_read(5, 2);
	rig_read(5, 3);
	assert_non_null(strstr(rig_said(), "\"Level\":null,\"Flow\":3}"));
	rig_read(3, 20);
	rig_read(5, 4);
	assert_non_null(strstr(rig_said(), "\"Level\":20,\"Flow\":"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(what_was_read_before_a_write_is_not_published_behind_it),
		RIG_TEST(what_is_commanded_during_the_setup_stays),
		RIG_TEST(what_is_asked_of_a_broker_is_held_until_it_is_answered),
		RIG_TEST(a_write_that_waits_for_long_makes_no_value_stale),
		RIG_TEST(the_rules_of_a_group_hold_whatever_becomes_of_what_is_under_way),
		RIG_TEST(what_was_read_before_a_write_is_not_published_by_a_connect),
		RIG_TEST(what_was_read_before_a_write_is_not_in_the_json_behind_it),
		RIG_TEST(a_slider_that_is_not_read_back_does_not_jump_back),
		RIG_TEST(a_get_is_answered_with_what_was_requested_after_it),
		RIG_TEST(a_get_beside_a_command_is_answered_with_what_is_read_behind_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
