// SPDX-License-Identifier: MIT
#include "command_rig.h"

static void a_write_is_acknowledged_settles_and_is_read_back(void **state)
{
	(void)state;
	rig_command(&g, P_SETPOINT, "45.5");
	assert_true(command_holds(g.t, P_SETPOINT, g.now));
	assert_false(command_holds(g.t, P_MODE, g.now));
	rig_step(&g);
	assert_int_equal(g.nwrite, 1);
	assert_int_equal(g.write[0].fc, FC_WRITE_REGISTER);
	assert_int_equal(g.write[0].value, 455);
	const us_t acknowledged = g.now;
	assert_int_equal(g.nreported, 0);
	assert_true(command_holds(g.t, P_SETPOINT,
	                          acknowledged + 100 * US_MS - 1)); /* before it has settled */
	assert_false(command_holds(g.t, P_SETPOINT, acknowledged + 100 * US_MS));
	expect(COMMAND_VERIFIED, "", 1);
	assert_true(rig_only(&g)->ended >= acknowledged + 100 * US_MS);
	assert_string_equal(g.value[0], "45.5");
	assert_int_equal(rig_only(&g)->span.addr, 40);
	assert_false(command_holds(g.t, P_SETPOINT, g.now));
}

static void an_older_read_does_not_verify(void **state)
{
	(void)state;
	const struct span block = {RIG_UNIT, TABLE_HOLDING, 30, 20};
	uint16_t words[20] = {0};
	rig_command(&g, P_SETPOINT, "45.5");
	rig_step(&g);
	command_read(g.t, 0, &block, words, 0, g.now + 50 * US_MS, g.now + 50 * US_MS);
	assert_int_equal(command_alive(g.t), 1);
	words[10] = 455;
	command_read(g.t, 1, &block, words, 0, g.now + 100 * US_MS,
	             g.now + 100 * US_MS); /* another line */
	assert_int_equal(command_alive(g.t), 1);
	command_read(g.t, 0, &block, words, 0, g.now + 100 * US_MS,
	             g.now + 100 * US_MS); /* a poll will do */
	assert_int_equal(command_alive(g.t), 0);
	rig_take(&g);
	assert_int_equal(rig_only(&g)->end, COMMAND_VERIFIED);
}

static void a_device_that_stores_another_value_is_reported(void **state)
{
	(void)state;
	fault(OTHER_VALUE, 1, 0);
	rig_command(&g, P_SETPOINT, "45.5");
	expect(COMMAND_DIFFERS, "not applied: device reports 45.6", 1);
	assert_string_equal(g.value[0], "45.6");
}

static void checks_come_before_the_wire(void **state)
{
	(void)state;
	rig_command(&g, P_SETPOINT, "80");
	expect(COMMAND_REFUSED, "above the maximum 75", 0);
	assert_true(rig_only(&g)->sent == 0);
	assert_int_equal(rig_only(&g)->span.count, 0);
	g.nreported = 0;
	rig_command(&g, P_READONLY, "1");
	expect(COMMAND_REFUSED, "read-only", 0);
}

static void a_lost_request_is_read_and_written_once_more(void **state)
{
	(void)state;
	fault(LOST_REQUEST, 1, 0);
	rig_command(&g, P_SETPOINT, "45.5");
	expect(COMMAND_VERIFIED, "", 1); /* the first never reached the device */
	assert_int_equal(g.submits, 2);
}

/* It may be in the queue of the connection it went through: what a newer one brings may have
 * overtaken it. */
static void what_a_newer_connection_brings_is_no_proof_against_a_write(void **state)
{
	(void)state;
	fault(LOST_REQUEST, 1, 0);
	g.linked = g.now + 1;
	rig_command(&g, P_SETPOINT, "45.5");
	expect(COMMAND_FAILED,
	       "no response; not known whether it was carried out: the connection was lost", 0);
	assert_int_equal(g.submits, 1);
	assert_int_equal(rig_only(&g)->effect, EFFECT_UNKNOWN);
	g.nreported = 0;
	fault(LOST_ANSWER, 1, 0);
	rig_command(&g, P_SETPOINT, "46.5");
	g.linked = g.now + 1;
	expect(COMMAND_VERIFIED, "", 1);
	assert_int_equal(g.submits, 2);
}

static void a_lost_answer_is_read_and_not_written_again(void **state)
{
	(void)state;
	fault(LOST_ANSWER, 1, 0);
	rig_command(&g, P_SETPOINT, "45.5");
	expect(COMMAND_VERIFIED, "", 1);
	assert_int_equal(g.submits, 1);
}

static void a_lost_read_before_the_write_is_made_again(void **state)
{
	(void)state;
	fault(LOST_READ, 1, 0);
	rig_command(&g, P_FLAG_A, "on");
	expect(COMMAND_VERIFIED, "", 1);
	g.nreported = 0;
	fault(LOST_READ, 2, 0);
	rig_command(&g, P_FLAG_A, "off");
	expect(COMMAND_FAILED, "no response; nothing was written", 1);
}

static void two_lost_requests_are_enough(void **state)
{
	(void)state;
	fault(LOST_REQUEST, 99, 0);
	rig_command(&g, P_SETPOINT, "45.5");
	expect(COMMAND_FAILED, "no response, and not applied: device reports 0.0", 0);
	assert_int_equal(g.submits, 2);
}

static void the_effect_on_the_device_is_reported_whatever_the_outcome(void **state)
{
	(void)state;
	static const struct {
		uint32_t point;
		const char *text;
		enum fault fault;
		uint8_t exception;
		bool unread;
		enum command_end end;
		enum command_effect effect;
	} row[] = {
		{P_MODE, "local", GOOD, 0, false, COMMAND_VERIFIED, EFFECT_DONE},
		{P_WRITEONLY, "5", GOOD, 0, false, COMMAND_ACKNOWLEDGED, EFFECT_DONE},
		{P_SILENT, "5", OTHER_VALUE, 0, false, COMMAND_DIFFERS, EFFECT_DONE},
		{P_SILENT, "7", GOOD, 0, true, COMMAND_FAILED, EFFECT_DONE},
		{P_SILENT, "8", EXCEPTION, 4, false, COMMAND_REFUSED, EFFECT_NONE},
		{P_SILENT, "8", EXCEPTION, 6, false, COMMAND_REFUSED, EFFECT_NONE},
		{P_SILENT, "8", LINE_DOWN, 0, false, COMMAND_FAILED, EFFECT_NONE},
		{P_SILENT, "8", LOST_REQUEST, 0, false, COMMAND_FAILED, EFFECT_NONE},
		{P_SILENT, "9", LOST_ANSWER, 0, false, COMMAND_VERIFIED, EFFECT_DONE},
		{P_SILENT, "10", LOST_ANSWER, 0, true, COMMAND_FAILED, EFFECT_UNKNOWN},
		{P_WRITEONLY, "6", LOST_ANSWER, 0, false, COMMAND_FAILED, EFFECT_UNKNOWN},
		{P_ACTION, "on", LOST_REQUEST, 0, false, COMMAND_FAILED, EFFECT_UNKNOWN},
		{P_SETPOINT, "99", GOOD, 0, false, COMMAND_REFUSED, EFFECT_NONE},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		g.nreported = 0;
		g.reads_fail = row[i].unread;
		fault(row[i].fault, 99, row[i].exception);
		rig_command(&g, row[i].point, row[i].text);
		settle();
		if (rig_only(&g)->end != row[i].end || rig_only(&g)->effect != row[i].effect)
			fail_msg("row %zu: %s, effect %u", i, command_end_name(rig_only(&g)->end),
			         rig_only(&g)->effect);
	}
}

static void what_may_not_be_repeated_is_not(void **state)
{
	(void)state;
	fault(LOST_REQUEST, 1, 0);
	rig_command(&g, P_ONCE, "5");
	expect(COMMAND_FAILED, "no response, and not applied: device reports 0", 0);
	assert_int_equal(g.submits, 1);
	g.nreported = 0;
	fault(LOST_ANSWER, 1, 0);
	rig_command(&g, P_RELAY, "toggle");
	expect(COMMAND_FAILED, "no response; not repeated, since it may have been carried out", 1);
	assert_int_equal(g.submits, 2);
	g.nreported = 0;
	fault(LOST_ANSWER, 1, 0);
	rig_command(&g, P_WRITEONLY, "5");
	expect(COMMAND_FAILED, "no response; not known whether it was carried out", 2);
	g.nreported = 0;
	fault(LOST_ANSWER, 1, 0);
	rig_command(&g, P_ACTION, "on");
	expect(COMMAND_FAILED, "no response; not repeated, since it may have been carried out", 3);
}

static void exceptions_are_reported_by_name(void **state)
{
	(void)state;
	static const struct {
		uint8_t code;
		const char *reason;
	} row[] = {
		{1, "refused by the device: exception 1, illegal function"},
		{2, "refused by the device: exception 2, illegal data address"},
		{3, "refused by the device: exception 3, illegal data value"},
		{4, "refused by the device: exception 4, device failure"},
		{9, "refused by the device: exception 9, not in the specification"},
		{200, "refused by the device: exception 200, not in the specification"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		g.nreported = 0;
		fault(EXCEPTION, 1, row[i].code);
		rig_command(&g, P_SETPOINT, "45.5");
		expect(COMMAND_REFUSED, row[i].reason, 0);
	}
}

static void a_busy_device_is_read_again(void **state)
{
	(void)state;
	fault(EXCEPTION, 3, 6);
	rig_command(&g, P_RELAY, "toggle"); /* it says that it has not done it: also for a toggle */
	expect(COMMAND_ACKNOWLEDGED, "", 1);
	assert_string_equal(g.value[0], "on");
	g.nreported = 0;
	fault(EXCEPTION, 1000, 6);
	rig_command(&g, P_SETPOINT, "45.5");
	expect(COMMAND_REFUSED, "refused by the device: exception 6, device is busy", 1);
	assert_true(g.submits < 30);
}

static void accepted_for_later_is_verified_too(void **state)
{
	(void)state;
	fault(EXCEPTION, 1, 5);
	g.holding[40] = 455;
	rig_command(&g, P_SETPOINT, "45.5");
	expect(COMMAND_VERIFIED, "", 0);
}

static void the_last_value_wins(void **state)
{
	(void)state;
	char text[16];
	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof text, "%d", 20 + i);
		rig_command(&g, P_SETPOINT, text);
		g.now += 2 * US_MS;
		if (i % 10 == 9)
			rig_step(&g); /* the line is slow */
	}
	settle();
	assert_int_equal(g.nreported, 50);
	assert_int_equal(rig_last(&g)->end, COMMAND_VERIFIED);
	assert_int_equal(g.holding[40], 690);
	assert_true(g.nwrite <= 6);
	unsigned count[COMMAND_ENDS] = {0};
	for (size_t i = 0; i < g.nreported; i++)
		count[g.reported[i].end]++;
	assert_int_equal(count[COMMAND_SUPERSEDED] + count[COMMAND_ACKNOWLEDGED], 49);
	assert_int_equal(count[COMMAND_SUPERSEDED], 50 - g.nwrite);
}

static void toggles_are_never_superseded(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		rig_command(&g, P_RELAY, "toggle");
	rig_command(&g, P_RELAY, "on");
	rig_command(&g, P_RELAY, "off");
	settle();
	assert_int_equal(g.nreported, 7);
	assert_int_equal(g.nwrite, 6); /* "on" was replaced by "off" */
	assert_int_equal(g.write[4].value, 0x5500);
	assert_int_equal(g.write[5].value, 0);
	assert_int_equal(g.coil[5], 0);
}

static void a_toggle_goes_behind_what_was_set_before(void **state)
{
	(void)state;
	const struct command_item both[] = {{P_RELAY, "toggle"}, {P_SILENT, "1"}};
	struct command_request q = {.item = both, .n = 2};
	rig_command(&g, P_RELAY, "on");
	rig_submit(&g, &q);
	settle();
	assert_int_equal(g.nwrite, 3);
	assert_int_equal(g.coil[5], 0);
	fault(EXCEPTION, 1, 6);
	rig_command(&g, P_RELAY, "on");
	rig_step(&g); /* busy: it will be sent again */
	rig_command(&g, P_RELAY, "toggle");
	assert_int_equal(rig_last(&g)->end, COMMAND_BUSY);
	settle();
	assert_int_equal(g.coil[5], 1);
}

/* A toggle that a busy device did not take yet is neither replaced nor overtaken. */
static void what_follows_a_busy_toggle_goes_behind_it(void **state)
{
	(void)state;
	fault(EXCEPTION, 1, 6);
	rig_command(&g, P_RELAY, "toggle");
	rig_step(&g);
	rig_command(&g, P_RELAY, "on");
	rig_command(&g, P_RELAY, "off"); /* in its place */
	settle();
	assert_int_equal(g.nreported, 3);
	assert_int_equal(g.reported[0].end, COMMAND_SUPERSEDED);
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.coil[5], 0);
	/* nor does it wait for ever, however the toggle ends */
	g.nreported = 0;
	g.coil[5] = 1;
	const struct command_item toggle = {P_RELAY, "toggle"};
	struct command_request q = {.item = &toggle, .n = 1, .expiry = 400 * US_MS};
	fault(EXCEPTION, 2, 6); /* longer than the toggle lives */
	rig_submit(&g, &q);
	rig_step(&g);
	rig_command(&g, P_RELAY, "off");
	settle();
	assert_int_equal(g.nreported, 2);
	assert_int_equal(g.reported[0].end, COMMAND_FAILED);
	assert_int_equal(g.reported[1].end, COMMAND_VERIFIED);
	assert_int_equal(g.coil[5], 0);
	g.nreported = 0;
	fault(EXCEPTION, 1, 6);
	rig_command(&g, P_RELAY, "toggle");
	rig_step(&g);
	rig_command(&g, P_RELAY, "on");
	command_offline(g.t, 0, g.now);
	rig_take(&g);
	settle();
	assert_int_equal(g.nreported, 2);
	assert_int_equal(g.reported[0].end, COMMAND_FAILED);
	assert_int_equal(g.reported[1].end, COMMAND_VERIFIED);
	assert_int_equal(g.coil[5], 1);
}

/* Each new connection would bring it again. */
static void what_acts_each_time_is_not_taken_from_a_retained_message(void **state)
{
	(void)state;
	static const struct {
		uint32_t point;
		const char *text;
		bool taken;
	} row[] = {{P_RELAY, "toggle", false},
	           {P_RELAY, "on", true},
	           {P_DOOR, "on", false},
	           {P_DOOR, "off", true},
	           {P_ACTION, "on", false}};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		change(row[i].point);
		rule_of.accept_retained = true;
		reload(&next);
		const struct command_item item = {row[i].point, row[i].text};
		struct command_request q = {.item = &item, .n = 1, .retained = true};
		g.nreported = g.nwrite = 0;
		rig_submit(&g, &q);
		settle();
		assert_int_equal(g.nwrite, row[i].taken);
		assert_int_equal(rig_only(&g)->end,
		                 row[i].taken ? COMMAND_VERIFIED : COMMAND_REFUSED);
		reload(&rig_model);
	}
}

static const char *mismatch(void *ctx, uint32_t device)
{
	(void)ctx;
	return device == 0 ? "a different device responds at this unit id" : NULL;
}

static void nothing_is_written_to_another_device(void **state)
{
	(void)state;
	command_destroy(g.t);
	g.t = command_create(&rig_model, &(struct command_ops){.forbids = mismatch});
	rig_command(&g, P_SETPOINT, "45");
	settle();
	expect(COMMAND_REFUSED, "a different device responds at this unit id", 0);
}

static void retained_and_repeated_deliveries_are_not_carried_out(void **state)
{
	(void)state;
	const struct command_item item = {P_RELAY, "toggle"};
	struct command_request q = {.item = &item, .n = 1, .retained = true};
	rig_submit(&g, &q);
	assert_int_equal(g.reported[0].end, COMMAND_REFUSED);
	q.retained = false;
	rig_submit(&g, &q);
	q.duplicate = true;
	rig_submit(&g, &q);
	settle();
	assert_int_equal(g.nwrite, 1);
	assert_int_equal(g.nreported, 3);
	assert_int_equal(g.reported[1].end, COMMAND_REPEATED);
	g.now += 100 * US_S;
	rig_submit(&g, &q); /* too late to be the same */
	settle();
	assert_int_equal(g.nwrite, 2);
}

/* The line takes none of them meanwhile. */
static void of_a_flood_only_the_newest_is_written(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t point[2], n;
	} row[] = {
		{"one point", {P_SETPOINT}, 1},
		{"two neighbours in one request", {P_G0, P_G1}, 2},
		{"one of a group", {P_G2}, 1},
		{"two that are no neighbours", {P_SETPOINT, P_SILENT}, 2},
		{"a field of a register", {P_MODE}, 1},
	};
	for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
		unsigned busy = 0, good = 0;
		g.nreported = 0;
		for (int i = 0; i < 500; i++) {
			char text[2][16];
			snprintf(text[0], sizeof text[0], "%d",
			         row[k].point[0] == P_MODE ? i % 3 : i % 50 + 20);
			snprintf(text[1], sizeof text[1], "%d", i % 50 + 30);
			const struct command_item item[] = {{row[k].point[0], text[0]},
			                                    {row[k].point[1], text[1]}};
			struct command_request q = {.item = item, .n = row[k].n};
			rig_submit(&g, &q);
			g.now++;
		}
		settle();
		assert_int_equal(g.nreported, 500 * row[k].n);
		for (size_t i = 0; i < g.nreported; i++) {
			busy += g.reported[i].end == COMMAND_BUSY;
			good += command_end_good(g.reported[i].end);
		}
		if (busy || good != row[k].n)
			fail_msg("%s: %u busy, %u done", row[k].name, busy, good);
	}
}

static void a_full_device_still_takes_a_newer_value_of_what_waits(void **state)
{
	(void)state;
	rig_command(&g, P_SETPOINT, "30");
	for (int i = 0; i < COMMANDS_PER_DEVICE - 1; i++)
		rig_command(&g, P_RELAY, "toggle");
	rig_command(&g, P_SILENT, "1");
	assert_int_equal(rig_only(&g)->end, COMMAND_BUSY);
	rig_command(&g, P_SETPOINT, "40");
	assert_int_equal(rig_last(&g)->end, COMMAND_SUPERSEDED);
	settle();
	assert_int_equal(g.holding[40], 400);
}

static void a_flood_is_busy(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		rig_command(&g, P_RELAY, "toggle");
	assert_int_equal(command_alive(g.t), COMMANDS_PER_DEVICE);
	assert_int_equal(g.nreported, 100 - COMMANDS_PER_DEVICE);
	assert_int_equal(g.reported[0].end, COMMAND_BUSY);
	settle();
	assert_int_equal(g.nwrite, COMMANDS_PER_DEVICE);
	g.no_bus = true;
	g.nreported = 0;
	rig_command(&g, P_MODE, "local");
	expect(COMMAND_BUSY, "busy: too many commands are waiting on this line",
	       COMMANDS_PER_DEVICE);
}

static void time_runs_out(void **state)
{
	(void)state;
	const struct command_item item = {P_MODE, "local"};
	struct command_request q = {.item = &item, .n = 1, .expiry = 2 * US_S};
	rig_submit(&g, &q);
	assert_true(g.job[0].expires == g.now + 2 * US_S);
	g.now += 3 * US_S;
	expect(COMMAND_EXPIRED, "could not be sent in time", 0);
	g.nreported = 0;
	fault(STUCK, 1, 0);
	rig_command(&g, P_MODE, "local");
	expect(COMMAND_FAILED, "the line's thread does not respond", 0);
}

/* Its time began before it was here: the link, or the gateway, stood still. */
static void what_may_have_been_under_way_for_too_long_is_not_written(void **state)
{
	(void)state;
	const struct command_item item = {P_MODE, "local"};
	struct command_request q = {.item = &item, .n = 1, .since = g.now - 12 * US_S};
	rig_submit(&g, &q);
	expect(COMMAND_EXPIRED, "too late: it may have been delayed for 12 s", 0);
	g.nreported = 0;
	q.since = g.now - 4 * US_S;
	q.expiry = 3 * US_S;
	rig_submit(&g, &q);
	expect(COMMAND_EXPIRED, "too late: it may have been delayed for 4 s", 0);
	q.expiry = 0;
	rig_submit(&g, &q);
	assert_true(g.job[g.njob - 1].expires == g.now + 6 * US_S);
	settle();
	assert_int_equal(g.nwrite, 1);
	g.nreported = 0;
	const struct command_item toggle = {P_RELAY, "toggle"};
	q = (struct command_request){.item = &toggle, .n = 1, .since = g.now - 10 * US_S};
	rig_submit(&g, &q);
	expect(COMMAND_EXPIRED, "too late: it may have been delayed for 10 s", 1);
}

static void what_is_gone_is_reported(void **state)
{
	(void)state;
	fault(LINE_DOWN, 1, 0);
	rig_command(&g, P_MODE, "local");
	expect(COMMAND_FAILED, "the line is down", 0);
	g.nreported = 0;
	rig_command(&g, P_MODE, "local");
	rig_step(&g);
	command_offline(g.t, 0, g.now);
	rig_take(&g);
	expect(COMMAND_FAILED, "acknowledged, but could not be read back: the device is offline",
	       1);
	g.nreported = 0;
	g.reads_fail = true;
	rig_command(&g, P_MODE, "remote");
	expect(COMMAND_FAILED,
	       "acknowledged, but could not be read back: the device does not respond", 2);
	g.nreported = 0;
	g.offline = true;
	rig_command(&g, P_MODE, "off"); /* one immediate try */
	expect(COMMAND_FAILED, "no response; not known whether it was carried out", 3);
}

static void what_still_lives_is_freed_with_the_table(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		rig_command(&g, P_RELAY, "toggle");
	command_submit(
		g.t,
		&(struct command_request){.item = &(struct command_item){P_MODE, "local"}, .n = 1},
		g.now); /* its action is never taken */
	assert_int_equal(command_alive(g.t), 21);
}

static void a_reload_keeps_what_still_exists(void **state)
{
	(void)state;
	struct point p[3];
	struct pointset set;
	struct device d[2];
	p[0] = rig_device.set->point[P_READONLY];
	p[1] = rig_device.set->point[P_SETPOINT];
	p[2] = rig_device.set->point[P_MODE];
	p[2].addr[0] = 45;
	set = (struct pointset){.point = p, .n = 3};
	d[0] = rig_device;
	d[0].name = "other";
	d[1] = rig_device;
	d[1].set = &set;
	d[1].point0 = d[0].set->n;
	const struct model m = {.device = d,
	                        .ndevice = 2,
	                        .npoint = d[0].set->n + 3,
	                        .bus = rig_model.bus,
	                        .nbus = 1};
	rig_command(&g, P_SETPOINT, "45");
	rig_command(&g, P_MODE, "local");
	rig_command(&g, P_ONCE, "1");
	command_adopt(g.t, &m, g.now);
	rig_take(&g);
	assert_int_equal(g.nreported, 2);
	assert_string_equal(g.reason[0], "changed by a reload of the configuration");
	assert_true(g.reported[0].device == UINT32_MAX);
	assert_true(command_holds(g.t, d[1].point0 + 1, g.now));
	assert_false(command_holds(g.t, P_SETPOINT, g.now));
	settle();
	assert_int_equal(rig_last(&g)->end, COMMAND_VERIFIED);
	assert_int_equal(rig_last(&g)->device, 1);
	assert_int_equal(rig_last(&g)->point, 1);
	command_adopt(g.t, &rig_model, g.now);
}

static void what_waits_for_a_point_that_goes_is_not_written(void **state)
{
	(void)state;
	struct point p[RIG_POINTS];
	struct pointset set = rig_set;
	struct device d = rig_device;
	memcpy(p, points, sizeof p);
	p[P_MODE].write = NULL; /* a reload makes it read-only */
	set.point = p;
	d.set = &set;
	const struct model m = {
		.device = &d, .ndevice = 1, .npoint = RIG_POINTS, .bus = rig_model.bus, .nbus = 1};
	const struct command_item item[] = {{P_MODE, "local"}, {P_SETPOINT, "45"}};
	struct command_request q = {.item = item, .n = 2};
	rig_submit(&g, &q);
	assert_int_equal(g.njob, 1); /* neighbours: one job */
	assert_true(command_leave(g.t, &m, g.now));
	rig_take(&g);
	assert_int_equal(g.reported[0].end, COMMAND_FAILED);
	assert_string_equal(g.reason[0], "changed by a reload of the configuration");
	assert_false(command_leave(g.t, &m, g.now));
	command_adopt(g.t, &m, g.now);
	settle();
	assert_int_equal(rig_last(&g)->end, COMMAND_VERIFIED); /* the other one goes on */
	assert_int_equal(g.nwrite, 1);
	assert_int_equal(g.nreported, 2);
	command_adopt(g.t, &rig_model, g.now);
}

static void a_write_to_a_point_that_goes_is_reported_as_not_known(void **state)
{
	(void)state;
	const struct model m = {.bus = rig_model.bus, .nbus = 1};
	rig_command(&g, P_MODE, "local");
	const uint64_t id = g.job[0].id;
	g.njob = 0; /* it is on the wire: not to be taken back */
	assert_true(command_leave(g.t, &m, g.now));
	rig_take(&g);
	assert_true(command_leave(g.t, &m, g.now));
	command_job(g.t, id, OUT_OK, 0, g.now, g.now, g.now);
	assert_false(command_leave(g.t, &m, g.now));
	rig_take(&g);
	assert_int_equal(rig_only(&g)->end, COMMAND_ACKNOWLEDGED);
	command_adopt(g.t, &m, g.now);
	command_adopt(g.t, &rig_model, g.now);
}

/* What the device behind the old port took is not compared with what another one holds. */
static void a_bus_with_another_port_is_another(void **state)
{
	(void)state;
	const struct bus_conf other = {.name = "rs485", .kind = BUS_TCP, .host = "10.0.0.9"};
	const struct model m = {.device = &rig_device,
	                        .ndevice = 1,
	                        .npoint = RIG_POINTS,
	                        .bus = &other,
	                        .nbus = 1};
	rig_command(&g, P_MODE, "local");
	const uint64_t id = g.job[0].id;
	g.njob = 0; /* it is on the wire */
	command_job(g.t, id, OUT_OK, 0, g.now, g.now, g.now);
	assert_false(command_leave(g.t, &m, g.now));
	rig_take(&g);
	assert_int_equal(rig_only(&g)->end, COMMAND_ACKNOWLEDGED);
	command_adopt(g.t, &m, g.now);
	command_adopt(g.t, &rig_model, g.now);
}

static void permissions_are_looked_at(void **state)
{
	(void)state;
	struct device d = rig_device;
	const struct model m = {
		.device = &d, .ndevice = 1, .npoint = RIG_POINTS, .bus = rig_model.bus, .nbus = 1};
	d.commands = false;
	command_adopt(g.t, &m, g.now);
	rig_command(&g, P_MODE, "local");
	expect(COMMAND_REFUSED, "commands to this device are disabled (commands: off)", 0);
	const struct command_item item = {P_MODE, "local"};
	struct command_request q = {
		.item = &item, .n = 1, .origin = COMMAND_FROM_GATEWAY, .only_if_different = true};
	rig_submit(&g, &q);
	settle();
	assert_int_equal(rig_last(&g)->end, COMMAND_VERIFIED);
	assert_int_equal(g.nwrite, 1);
	rig_submit(&g, &q);
	settle();
	assert_int_equal(rig_last(&g)->end, COMMAND_VERIFIED);
	assert_int_equal(g.nwrite, 1);
	d.enabled = false;
	g.nreported = 0;
	rig_submit(&g, &q);
	expect(COMMAND_REFUSED, "the device is disabled", 1);
	command_adopt(g.t, &rig_model, g.now);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_write_is_acknowledged_settles_and_is_read_back),
		T(an_older_read_does_not_verify),
		T(a_device_that_stores_another_value_is_reported),
		T(checks_come_before_the_wire),
		T(a_lost_request_is_read_and_written_once_more),
		T(what_a_newer_connection_brings_is_no_proof_against_a_write),
		T(a_lost_answer_is_read_and_not_written_again),
		T(a_lost_read_before_the_write_is_made_again),
		T(two_lost_requests_are_enough),
		T(the_effect_on_the_device_is_reported_whatever_the_outcome),
		T(what_may_not_be_repeated_is_not),
		T(exceptions_are_reported_by_name),
		T(a_busy_device_is_read_again),
		T(accepted_for_later_is_verified_too),
		T(the_last_value_wins),
		T(toggles_are_never_superseded),
		T(a_toggle_goes_behind_what_was_set_before),
		T(what_follows_a_busy_toggle_goes_behind_it),
		T(what_acts_each_time_is_not_taken_from_a_retained_message),
		T(nothing_is_written_to_another_device),
		T(retained_and_repeated_deliveries_are_not_carried_out),
		T(of_a_flood_only_the_newest_is_written),
		T(a_full_device_still_takes_a_newer_value_of_what_waits),
		T(a_flood_is_busy),
		T(time_runs_out),
		T(what_may_have_been_under_way_for_too_long_is_not_written),
		T(what_is_gone_is_reported),
		T(what_still_lives_is_freed_with_the_table),
		T(a_reload_keeps_what_still_exists),
		T(what_waits_for_a_point_that_goes_is_not_written),
		T(a_write_to_a_point_that_goes_is_reported_as_not_known),
		T(a_bus_with_another_port_is_another),
		T(permissions_are_looked_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
