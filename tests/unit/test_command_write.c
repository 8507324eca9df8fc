// SPDX-License-Identifier: MIT
#include "command_rig.h"

/* Several points in one command, the given ones of the rig's device. */
static void submit(size_t n, const struct command_item *item)
{
	struct command_request q = {.item = item, .n = n};
	rig_submit(&g, &q);
}

static void eeprom_is_written_seldom_and_only_when_different(void **state)
{
	(void)state;
	g.holding[70] = 5;
	rig_command(&g, P_EEPROM, "5");
	expect(COMMAND_VERIFIED, "", 0);
	g.nreported = 0;
	rig_command(&g, P_EEPROM, "6");
	rig_step(&g);
	rig_command(&g, P_EEPROM, "7");
	rig_command(&g, P_EEPROM, "8");
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_true(g.write[1].at - g.write[0].at >= 5 * US_S);
	assert_int_equal(g.holding[70], 8);
	assert_int_equal(g.nreported, 3);
	assert_int_equal(g.reported[1].end, COMMAND_SUPERSEDED);
	g.nreported = 0;
	const struct command_item item = {P_EEPROM, "9"};
	struct command_request q = {.item = &item, .n = 1, .expiry = US_S};
	g.now = g.write[1].at + 2 * US_S;
	rig_submit(&g, &q);
	expect(COMMAND_REFUSED, "written a moment ago; next write possible in 3 s", 2);
}

static void the_wire_is_never_hit_twice_within_the_interval(void **state)
{
	(void)state;
	rig_command(&g, P_EEPROM, "6"); /* perhaps on the wire right now */
	rig_command(&g, P_EEPROM, "7");
	rig_command(&g, P_EEPROM, "8");
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_true(g.write[1].at - g.write[0].at >= 5 * US_S);
	assert_int_equal(g.holding[70], 8);
	assert_int_equal(g.nreported, 3);
}

static void bits_of_a_word_leave_their_neighbours(void **state)
{
	(void)state;
	g.holding[80] = 0xFF0B;
	submit(2, (struct command_item[]){{P_FLAG_B, "on"}, {P_FLAG_A, "off"}});
	settle();
	assert_int_equal(g.nwrite, 1);
	assert_int_equal(g.write[0].fc, FC_MASK_WRITE);
	assert_int_equal(g.holding[80], 0xFF0D);
	assert_int_equal(g.nreported, 2);
	assert_int_equal(g.reported[0].end, COMMAND_VERIFIED);
	assert_int_equal(g.reported[1].end, COMMAND_VERIFIED);
}

static void neighbours_go_in_one_request(void **state)
{
	(void)state;
	const struct command_item item[] = {{P_VALVE2, "on"},
	                                    {P_MODE, "remote"},
	                                    {P_SETPOINT, "45"},
	                                    {P_VALVE1, "on"},
	                                    {P_ONCE, "7"}};
	struct command_request q = {.item = item, .n = 5, .request = &q};
	rig_submit(&g, &q);
	settle();
	assert_int_equal(g.nreported, 5);
	bool seen[5] = {false};
	for (size_t i = 0; i < g.nreported; i++) {
		assert_int_equal(g.reported[i].end, COMMAND_VERIFIED);
		assert_int_equal(g.reported[i].point, item[g.reported[i].item].point);
		assert_ptr_equal(g.reported[i].request, &q);
		assert_false(seen[g.reported[i].item]);
		seen[g.reported[i].item] = true;
	}
	assert_int_equal(g.nwrite, 3);
	assert_int_equal(g.write[0].fc, FC_WRITE_COILS);
	assert_int_equal(g.write[0].count, 2);
	assert_int_equal(g.write[1].fc, FC_WRITE_REGISTERS);
	assert_int_equal(g.write[1].count, 2);
	assert_int_equal(g.write[2].fc, FC_WRITE_REGISTER);
}

static void several_refused_at_once_are_written_one_by_one(void **state)
{
	(void)state;
	fault(EXCEPTION, 1, 1);
	submit(2, (struct command_item[]){{P_VALVE1, "on"}, {P_VALVE2, "on"}});
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.write[0].fc, FC_WRITE_COIL);
	assert_int_equal(g.nreported, 2);
	assert_int_equal(g.reported[0].end, COMMAND_VERIFIED);
	assert_int_equal(g.reported[1].end, COMMAND_VERIFIED);
}

static void one_bad_value_stops_them_all(void **state)
{
	(void)state;
	submit(2, (struct command_item[]){{P_SETPOINT, "45"}, {P_MODE, "manual"}});
	settle();
	assert_int_equal(g.nwrite, 0);
	assert_int_equal(g.nreported, 2);
	assert_string_equal(g.reason[0], "nothing was written, because Mode was refused");
	assert_string_equal(g.reason[1], "no such label; one of: off, local, remote");
}

static void a_newer_set_takes_the_place_of_an_older_single(void **state)
{
	(void)state;
	rig_command(&g, P_SETPOINT, "45");
	submit(2, (struct command_item[]){{P_SETPOINT, "50"}, {P_MODE, "local"}});
	settle();
	assert_int_equal(g.cancels, 1);
	assert_int_equal(g.nwrite, 1);
	assert_int_equal(g.holding[40], 500);
	assert_int_equal(g.nreported, 3);
	assert_int_equal(g.reported[0].end, COMMAND_SUPERSEDED);
}

static void groups_are_written_whole_with_the_rest_as_read(void **state)
{
	(void)state;
	g.holding[122] = 0x1234;
	g.holding[123] = 0x5678;
	rig_command(&g, P_G1, "30");
	expect(COMMAND_VERIFIED, "", 1);
	assert_int_equal(g.write[0].fc, FC_MASK_WRITE);
	assert_int_equal(g.write[0].addr, 120);
	assert_int_equal(g.write[0].count, 4);
	assert_int_equal(g.holding[120], 10);
	assert_int_equal(g.holding[121], 30);
	assert_int_equal(g.holding[123], 0x5678);
	g.nreported = 0;
	rig_command(&g, P_G0, "31");
	expect(COMMAND_REFUSED, "violates the rule Start < Stop", 1);
	g.nreported = 0;
	submit(2, (struct command_item[]){{P_G0, "31"}, {P_G1, "40"}});
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.holding[120], 31);
	assert_int_equal(g.holding[121], 40);
}

/* Each alone would fit what was read, but not the other. */
static void the_rules_of_a_group_know_what_is_under_way(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		g.holding[120] = 10;
		g.holding[121] = 20;
		g.nreported = 0;
		if (i == 2)
			fault(EXCEPTION, 1, 6);
		rig_command(&g, P_G1, "15");
		if (i > 0)
			rig_step(&g); /* written, not read back; or to be sent again */
		if (i == 3) {
			fault(LOST_ANSWER, 1, 0);
			rig_command(&g, P_G1, "14");
			rig_step(&g);
		}
		rig_command(&g, P_G0, "17");
		settle();
		assert_int_equal(g.holding[120], 10);
		assert_string_equal(g.reason[i == 3], "violates the rule Start < Stop");
	}
	/* what may fail yet is not relied on */
	g.nreported = 0;
	rig_command(&g, P_G1, "30");
	rig_command(&g, P_G0, "25");
	assert_int_equal(rig_last(&g)->end, COMMAND_REFUSED);
	settle();
	rig_command(&g, P_G0, "25");
	settle();
	assert_int_equal(rig_last(&g)->end, COMMAND_VERIFIED);
}

/* What is sent again goes out as it went out first: the device sees no half of it. */
static void a_group_that_is_sent_again_stays_together(void **state)
{
	(void)state;
	static const enum fault row[] = {LOST_READ, EXCEPTION, LOST_REQUEST};
	for (unsigned i = 0; i < 3; i++) {
		g.holding[120] = 10;
		g.holding[121] = 20;
		g.nreported = g.nwrite = 0;
		fault(row[i], 1, 6);
		submit(2, (struct command_item[]){{P_G0, "31"}, {P_G1, "40"}});
		settle();
		assert_int_equal(g.nwrite, 1);
		assert_int_equal(g.holding[120], 31);
		assert_int_equal(g.holding[121], 40);
		assert_int_equal(g.nreported, 2);
		assert_int_equal(g.reported[0].end, COMMAND_VERIFIED);
		assert_int_equal(g.reported[1].end, COMMAND_VERIFIED);
	}
	/* neighbours, too */
	g.nreported = g.nwrite = 0;
	fault(EXCEPTION, 1, 6);
	submit(2, (struct command_item[]){{P_SETPOINT, "45"}, {P_MODE, "local"}});
	settle();
	assert_int_equal(g.nwrite, 1);
	assert_int_equal(g.nreported, 2);
}

/* What is left of it is checked again. */
static void a_half_of_a_group_is_not_sent_again_against_its_rules(void **state)
{
	(void)state;
	submit(2, (struct command_item[]){{P_G0, "31"}, {P_G1, "40"}});
	const struct job both = g.job[0];
	g.njob = 0; /* on the wire */
	rig_command(&g, P_G1, "50");
	fault(EXCEPTION, 1, 6);
	job_do(&g, &both);
	rig_take(&g);
	fault(EXCEPTION, 1, 3);
	settle();
	assert_int_equal(g.holding[120], 10);
	assert_int_equal(g.holding[121], 20);
	assert_int_equal(g.nreported, 3);
	assert_string_equal(g.reason[2], "violates the rule Start < Stop");
}

/* The members of a group, all of them with this rule: Start is `point`'s. */
static void seldom_together(uint32_t first, uint32_t last)
{
	change(first);
	rule_of.min_write_interval = 3 * US_S;
	for (uint32_t i = first; i <= last; i++)
		changed[i].write = &rule_of;
	reload(&next);
}

/* Each member may be written so seldom; the device sees no half of a group for that. */
static void a_group_that_must_wait_is_written_together(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		seldom_together(P_G0, P_G2);
		g.nreported = g.nwrite = 0;
		g.holding[120] = 10;
		g.holding[121] = 20;
		g.now += LONG;
		rig_command(&g, P_G1, "30");
		const struct job first = g.job[0];
		g.njob = 0; /* on the wire */
		submit(2, (struct command_item[]){{P_G0, "15"}, {P_G1, "40"}});
		assert_int_equal(g.njob, 0);
		if (i == 1) /* the last value wins, and takes the place in the group */
			rig_command(&g, P_G1, "50");
		if (i == 2)
			fault(LOST_ANSWER, 1, 0);
		job_do(&g, &first);
		rig_take(&g);
		settle();
		assert_int_equal(g.nwrite, 2);
		assert_true(g.write[1].at - g.write[0].at >= 3 * US_S);
		assert_int_equal(g.holding[120], 15);
		assert_int_equal(g.holding[121], i == 1 ? 50 : 40);
		assert_int_equal(g.nreported, i == 1 ? 4 : 3);
	}
}

/* Nor is a member written twice in a moment, because it waits with the others already. */
static void a_member_of_a_group_that_waits_keeps_its_interval(void **state)
{
	(void)state;
	seldom_together(P_G0, P_G2);
	rig_command(&g, P_G1, "30");
	rig_run(&g, g.now + US_S);
	submit(2, (struct command_item[]){{P_G0, "15"}, {P_G1, "40"}});
	rig_command(&g, P_G1, "50");
	settle();
	assert_int_equal(g.nwrite, 3);
	for (size_t i = 1; i < 3; i++)
		assert_true(g.write[i].at - g.write[i - 1].at >= 3 * US_S);
	assert_int_equal(g.holding[121], 50);
}

/* What is written first, because the device wants it so, is waited for. */
static void a_group_in_requests_of_their_own_waits_in_its_order(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		seldom_together(P_FAR0, P_FAR1);
		g.nwrite = 0;
		g.now += LONG;
		rig_command(&g, P_FAR1, "1");
		const struct job first = g.job[0];
		if (i == 0)
			settle();
		else
			g.njob = 0;
		g.now += i == 0 ? 0 : US_S;
		submit(2, (struct command_item[]){{P_FAR0, "2"}, {P_FAR1, "3"}});
		if (i == 1) {
			job_do(&g, &first);
			rig_take(&g);
		}
		settle();
		assert_int_equal(g.nwrite, 3);
		assert_int_equal(g.write[1].addr, 220);
		assert_int_equal(g.write[2].addr, 210);
	}
}

static void a_member_that_fits_no_block_is_written_alone(void **state)
{
	(void)state;
	submit(2, (struct command_item[]){{P_APART, "70000"}, {P_G1, "40"}});
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.holding[121], 40);
	assert_int_equal(g.holding[251] << 16 | g.holding[250], 70000);
	assert_int_equal(g.nreported, 2);
}

static void the_write_function_of_a_point_is_used(void **state)
{
	(void)state;
	submit(2, (struct command_item[]){{P_SIX1, "5"}, {P_SIX2, "6"}});
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.write[0].fc, FC_WRITE_REGISTER);
	assert_int_equal(g.write[1].fc, FC_WRITE_REGISTER);
	rig_command(&g, P_BOTH, "70000");
	settle();
	assert_int_equal(g.nwrite, 3);
	assert_int_equal(g.write[2].fc, FC_READ_WRITE);
	assert_int_equal(g.write[2].count, 2);
	const struct command_item item = {P_FIELD, "3"};
	struct command_request q = {.item = &item, .n = 1};
	const struct unit_rule plain = {.unit = RIG_UNIT};
	command_submit(g.t, &q, g.now);
	struct command_action a;
	assert_true(command_take(g.t, &a));
	assert_true(job_by_mask(&a.job, &plain)); /* not read, merged and written */
	job_take(&g, &a.job, 0);
	settle();
}

static void groups_that_are_no_neighbours_keep_their_order(void **state)
{
	(void)state;
	submit(2, (struct command_item[]){{P_FAR0, "1"}, {P_FAR1, "2"}});
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.write[0].addr, 220);
	assert_int_equal(g.write[1].addr, 210);
}

static void the_profiles_words_and_addresses_are_used(void **state)
{
	(void)state;
	rig_command(&g, P_ONOFF, "on");
	expect(COMMAND_VERIFIED, "", 1);
	assert_int_equal(g.write[0].value, 0x100);
	g.nreported = 0;
	rig_command(&g, P_ONOFF, "toggle");
	expect(COMMAND_ACKNOWLEDGED, "", 2);
	assert_int_equal(g.write[1].value, 0x300);
	g.nreported = 0;
	rig_command(&g, P_AFTER, "9");
	expect(COMMAND_VERIFIED, "", 3);
	assert_int_equal(g.write[2].addr, 301);
	g.nreported = 0;
	rig_command(&g, P_NAME, "pump 1");
	expect(COMMAND_VERIFIED, "", 4);
	assert_int_equal(g.write[3].fc, FC_WRITE_REGISTERS);
	g.nreported = 0;
	rig_command(&g, P_ACTION, "on");
	expect(COMMAND_ACKNOWLEDGED, "", 5);
	assert_int_equal(g.write[4].fc, 0);
	g.nreported = 0;
	rig_command(&g, P_TURNED, "65538");
	expect(COMMAND_VERIFIED, "", 6);
	assert_int_equal(g.holding[230], 2);
	assert_int_equal(g.holding[231], 1);
}

static void a_scale_that_stands_in_the_device_is_used(void **state)
{
	(void)state;
	g.holding[241] = (uint16_t)-2;
	rig_command(&g, P_POWER, "-12.345");
	expect(COMMAND_VERIFIED, "", 1);
	assert_int_equal(g.write[0].value, (uint16_t)-1235);
	assert_string_equal(g.value[0], "-12.35");
}

static void what_cannot_be_read_back_is_reported_once(void **state)
{
	(void)state;
	rig_command(&g, P_WRITEONLY, "5");
	expect(COMMAND_ACKNOWLEDGED, "", 1);
	assert_true(rig_only(&g)->acknowledged_only);
	g.nreported = 0;
	rig_command(&g, P_NOVERIFY, " 5e0 ");
	expect(COMMAND_ACKNOWLEDGED, "", 2);
	assert_true(rig_only(&g)->acknowledged_only);
	assert_string_equal(g.value[0], "5");
}

static void a_clock_may_go_on_while_it_is_read_back(void **state)
{
	(void)state;
	rig_command(&g, P_CLOCK, "now");
	rig_step(&g);
	assert_int_equal(g.write[0].count, 6);
	g.holding[205] += 5;
	expect(COMMAND_VERIFIED, "", 1);
	g.nreported = 0;
	rig_command(&g, P_CLOCK, "now");
	rig_step(&g);
	g.holding[203]++;
	expect(COMMAND_DIFFERS, "not applied: device reports 2026-11-21T11:00:00Z", 2);
}

/* A broker that gets no acknowledgement repeats all that it sent, in order. */
static void none_of_several_repeated_deliveries_is_carried_out(void **state)
{
	(void)state;
	static const char *const text[] = {"on", "off", "on", "off"};
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < 4; i++) {
			const struct command_item item = {P_PUMP, text[i]};
			struct command_request q = {.item = &item, .n = 1, .duplicate = again};
			rig_submit(&g, &q);
			settle();
		}
		g.now += 30 * US_S;
	}
	assert_int_equal(g.nwrite, 4);
	assert_int_equal(g.nreported, 8);
	/* one that never came before is carried out */
	const struct command_item item = {P_PUMP, "1"};
	struct command_request q = {.item = &item, .n = 1, .duplicate = true};
	rig_submit(&g, &q);
	settle();
	assert_int_equal(g.nwrite, 5);
}

/* Nor one that was refused, though it would be accepted by now. */
static void what_was_refused_is_not_carried_out_when_it_comes_again(void **state)
{
	(void)state;
	const struct command_item item = {P_CLOCK, "now"};
	struct command_request q = {.item = &item, .n = 1, .duplicate = true};
	for (int i = 0; i < 2; i++) {
		g.nreported = 0;
		g.clock_wrong = i == 0;
		rig_submit(&g, &q);
		settle();
		assert_int_equal(rig_only(&g)->end, COMMAND_REFUSED);
		assert_int_equal(strstr(g.reason[0], "delivered twice") != NULL, i);
	}
	q.duplicate = false; /* somebody tries again */
	rig_submit(&g, &q);
	settle();
	assert_int_equal(g.nwrite, 1);
	g.nreported = 0;
	q.duplicate = true;
	rig_submit(&g, &q);
	assert_int_equal(rig_only(&g)->end, COMMAND_REPEATED);
}

/* Its sender sees the same reason twice, not two outcomes. */
static void what_is_refused_again_has_the_same_reason(void **state)
{
	(void)state;
	char first[COMMAND_REASON_MAX] = "";
	const struct command_item item = {P_SETPOINT, "99"};
	for (int i = 0; i < 2; i++) {
		struct command_request q = {.item = &item, .n = 1, .duplicate = i == 1};
		g.nreported = 0;
		rig_submit(&g, &q);
		settle();
		assert_int_equal(rig_only(&g)->end, COMMAND_REFUSED);
		if (i == 0)
			snprintf(first, sizeof first, "%s", g.reason[0]);
	}
	assert_non_null(strstr(first, "maximum"));
	assert_string_equal(g.reason[0], first);
}

static void a_password_goes_first(void **state)
{
	(void)state;
	struct device d = rig_device;
	d.unlock_point = P_WRITEONLY;
	d.unlock_value = "1234";
	d.unlock_lasts = 60 * US_S;
	const struct model m = {
		.device = &d, .ndevice = 1, .npoint = RIG_POINTS, .bus = rig_model.bus, .nbus = 1};
	command_adopt(g.t, &m, g.now);
	rig_command(&g, P_MODE, "local");
	settle();
	rig_command(&g, P_MODE, "remote");
	settle();
	assert_int_equal(g.nwrite, 3);
	assert_int_equal(g.write[0].addr, 150);
	assert_int_equal(g.write[0].value, 1234);
	assert_int_equal(g.write[1].addr, 41);
	assert_int_equal(g.write[2].addr, 41);
	assert_int_equal(g.reported[0].origin, COMMAND_FROM_GATEWAY);
	command_adopt(g.t, &rig_model, g.now);
}

static void a_password_waits_with_the_write_it_is_for(void **state)
{
	(void)state;
	struct device d = rig_device;
	d.unlock_point = P_WRITEONLY;
	d.unlock_value = "1234";
	d.unlock_lasts = US_S;
	const struct model m = {
		.device = &d, .ndevice = 1, .npoint = RIG_POINTS, .bus = rig_model.bus, .nbus = 1};
	command_adopt(g.t, &m, g.now);
	rig_command(&g, P_EEPROM, "6");
	settle();
	rig_command(&g, P_EEPROM, "7"); /* not within 5 s of the first */
	settle();
	assert_int_equal(g.nwrite, 4);
	assert_int_equal(g.write[2].addr, 150);
	assert_int_equal(g.write[3].addr, 70);
	assert_true(g.write[3].at - g.write[2].at < US_S);
	command_adopt(g.t, &rig_model, g.now);
}

/* Set by the gateway itself: read first, written only if it differs. */
static void want(uint32_t point, const char *text)
{
	const struct command_item item = {point, text};
	struct command_request q = {
		.item = &item, .n = 1, .origin = COMMAND_FROM_GATEWAY, .only_if_different = true};
	g.nreported = 0;
	rig_submit(&g, &q);
	settle();
	assert_int_equal(rig_only(&g)->end, COMMAND_VERIFIED);
}

/* What is compared is what is read, wherever and in whatever words it is written. */
static void a_value_is_compared_where_it_is_read(void **state)
{
	(void)state;
	want(P_AFTER, "7"); /* read at 300, written at 301 */
	assert_int_equal(g.nwrite, 1);
	want(P_AFTER, "7");
	assert_int_equal(g.nwrite, 1);
	g.holding[300] = 8; /* changed at the device itself: 301 still says 7 */
	want(P_AFTER, "7");
	assert_int_equal(g.nwrite, 2);
	want(P_ONOFF, "on"); /* written as 0x100, reads back 1 */
	assert_int_equal(g.nwrite, 3);
	want(P_ONOFF, "on");
	assert_int_equal(g.nwrite, 3);
	want(P_ONOFF, "off");
	assert_int_equal(g.nwrite, 4);
	want(P_ONOFF, "off");
	assert_int_equal(g.nwrite, 4);
	want(P_SETPOINT, "45");
	want(P_SETPOINT, "45");
	want(P_TURNED, "70000");
	assert_int_equal(g.nwrite, 6);
	g.holding[300] = 0;
	want(P_AFTER, "0");
	assert_int_equal(g.nwrite, 6);
}

/* What the device acknowledges and does not take is told, in every form of a write; who asked for
 * it makes no difference. What can never be read is told as acknowledged, and no more. */
static void no_form_of_a_write_is_taken_for_verified(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t point;
		const char *text;
		uint8_t fc;
		bool ignored; /* else another value is taken */
		enum command_end end;
	} row[] = {
		{"coil", P_PUMP, "on", FC_WRITE_COIL, false, COMMAND_DIFFERS},
		{"coil, ignored", P_PUMP, "on", FC_WRITE_COIL, true, COMMAND_DIFFERS},
		{"register", P_MODE, "local", FC_WRITE_REGISTER, false, COMMAND_DIFFERS},
		{"register, ignored", P_MODE, "local", FC_WRITE_REGISTER, true, COMMAND_DIFFERS},
		{"register by force", P_SIX1, "5", FC_WRITE_REGISTER, true, COMMAND_DIFFERS},
		{"registers", P_NAME, "abc", FC_WRITE_REGISTERS, true, COMMAND_DIFFERS},
		{"both at once (23)", P_BOTH, "70000", FC_READ_WRITE, true, COMMAND_DIFFERS},
		{"bit by mask", P_FLAG_A, "on", FC_MASK_WRITE, true, COMMAND_DIFFERS},
		{"field by mask", P_FIELD, "5", FC_MASK_WRITE, true, COMMAND_DIFFERS},
		{"words of on and off", P_ONOFF, "on", FC_WRITE_REGISTER, true, COMMAND_DIFFERS},
		{"elsewhere", P_AFTER, "6", FC_WRITE_REGISTER, true, COMMAND_DIFFERS},
		{"persistent", P_EEPROM, "6", FC_WRITE_REGISTER, true, COMMAND_DIFFERS},
		{"once only", P_ONCE, "6", FC_WRITE_REGISTER, true, COMMAND_DIFFERS},
		{"in words turned", P_TURNED, "70000", FC_WRITE_REGISTERS, true, COMMAND_DIFFERS},
		{"group in one block", P_G0, "5", FC_MASK_WRITE, true, COMMAND_DIFFERS},
		{"group one by one", P_FAR0, "5", FC_WRITE_REGISTER, true, COMMAND_DIFFERS},
		{"scaled by the device", P_POWER, "5", FC_WRITE_REGISTER, true, COMMAND_DIFFERS},
		{"clock", P_CLOCK, "2026-11-21T10:00:00Z", FC_WRITE_REGISTERS, true,
	         COMMAND_DIFFERS},
		{"toggle", P_RELAY, "toggle", FC_WRITE_COIL, true, COMMAND_DIFFERS},
		{"pulse", P_DOOR, "on", FC_WRITE_COIL, true, COMMAND_DIFFERS},
		{"action", P_ACTION, "on", 0, true, COMMAND_ACKNOWLEDGED},
		{"write only", P_WRITEONLY, "5", FC_WRITE_REGISTER, true, COMMAND_ACKNOWLEDGED},
		{"not to be verified", P_NOVERIFY, "5", FC_WRITE_REGISTER, true,
	         COMMAND_ACKNOWLEDGED},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		for (int own = 0; own < 4; own++) {
			const struct command_item item = {row[i].point, row[i].text};
			struct command_request q = {
				.item = &item,
				.n = 1,
				.origin = own & 1 ? COMMAND_FROM_GATEWAY : COMMAND_FROM_BROKER,
				.only_if_different = own & 2,
			};
			rig_stop(&g);
			rig_start(&g);
			fault(row[i].ignored ? IGNORED : OTHER_VALUE, 1, 0);
			rig_submit(&g, &q);
			settle();
			if (g.reported[0].end != row[i].end || g.write[0].fc != row[i].fc ||
			    g.reported[0].effect != EFFECT_DONE)
				fail_msg("%s: %s, function %u, effect %u", row[i].name,
				         command_end_name(g.reported[0].end), g.write[0].fc,
				         g.reported[0].effect);
			assert_true(g.reported[0].acknowledged_only ==
			            (row[i].end == COMMAND_ACKNOWLEDGED && row[i].fc != 0));
		}
	}
	rig_stop(&g);
	rig_start(&g);
	fault(IGNORED, 1, 0);
	submit(2, (struct command_item[]){{P_VALVE1, "on"}, {P_VALVE2, "on"}});
	settle();
	assert_int_equal(g.write[0].fc, FC_WRITE_COILS);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(g.reported[i].end, COMMAND_DIFFERS);
}

/* Of a set that goes out at once the longest counts. */
static void an_interval_of_one_member_holds_for_the_set(void **state)
{
	(void)state;
	const struct command_item both[] = {{P_G0, "5"}, {P_G1, "22"}};
	struct command_request q = {.item = both, .n = 2};
	change(P_G1);
	rule_of.min_write_interval = 5 * US_S;
	reload(&next);
	rig_command(&g, P_G1, "21");
	settle();
	rig_submit(&g, &q);
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_true(g.write[1].at - g.write[0].at >= 5 * US_S);
	reload(&rig_model);
}

/* The last value wins also where it is another point that has the register. */
static void a_newer_write_of_the_same_register_counts(void **state)
{
	(void)state;
	struct device two[2];
	for (int i = 0; i < 3; i++) { /* of one device, of another with its id, of all units */
		change(P_MODE)->addr[0] = i == 0 ? 40 : 41;
		two[0] = two[1] = device_of;
		two[1].name = "other";
		two[1].point0 = RIG_POINTS;
		two[1].id = i == 2 ? 0 : RIG_UNIT;
		two[1].broadcast = i == 2;
		next.device = two;
		next.ndevice = 2;
		next.npoint = 2 * RIG_POINTS;
		reload(&next);
		const uint32_t older = i == 0 ? P_SETPOINT : P_MODE;
		const struct command_item item = {P_MODE, "1"};
		struct command_request q = {.device = i > 0, .item = &item, .n = 1};
		g.nreported = g.nwrite = 0;
		fault(EXCEPTION, 1, 6);
		rig_command(&g, older, i == 0 ? "45" : "2");
		rig_step(&g); /* busy: it would be sent again */
		rig_submit(&g, &q);
		settle();
		assert_int_equal(g.holding[i == 0 ? 40 : 41], 1);
		assert_int_equal(g.nreported, 2);
		assert_int_equal(g.reported[0].end, COMMAND_SUPERSEDED);
		assert_int_equal(g.nwrite, 1);
		/* also one that the bus has, but not what is on the wire */
		g.nreported = g.nwrite = 0;
		rig_command(&g, older, i == 0 ? "45" : "2");
		rig_submit(&g, &q);
		assert_int_equal(g.njob, 1);
		settle();
		assert_int_equal(g.nreported, 2);
		assert_int_equal(g.reported[0].end, COMMAND_SUPERSEDED);
		g.nreported = 0;
		fault(EXCEPTION, 1, 6);
		rig_command(&g, older, i == 0 ? "45" : "2");
		const struct job j = g.job[0];
		g.njob = 0;
		rig_submit(&g, &q);
		job_do(&g, &j); /* busy, after all */
		rig_take(&g);
		settle();
		assert_int_equal(g.nreported, 2);
		assert_int_equal(g.holding[i == 0 ? 40 : 41], 1);
		reload(&rig_model);
	}
}

/* Not what it leaves as it is, nor its neighbours in one command. */
static void a_newer_write_of_a_part_takes_nothing_back(void **state)
{
	(void)state;
	const struct command_item both[] = {{P_SETPOINT, "45"}, {P_MODE, "1"}};
	struct command_request q = {.item = both, .n = 2};
	change(P_MODE)->addr[0] = 40;
	reload(&next);
	rig_submit(&g, &q);
	settle();
	assert_int_equal(g.nreported, 2);
	assert_int_not_equal(g.reported[0].end, COMMAND_SUPERSEDED);
	reload(&rig_model);
	change(P_MODE)->addr[0] = 262;
	reload(&next);
	g.nreported = g.nwrite = 0;
	rig_command(&g, P_MODE, "2");
	rig_command(&g, P_FIELD, "1");
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_int_not_equal(g.reported[0].end, COMMAND_SUPERSEDED);
	reload(&rig_model);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_value_is_compared_where_it_is_read),
		T(eeprom_is_written_seldom_and_only_when_different),
		T(the_wire_is_never_hit_twice_within_the_interval),
		T(bits_of_a_word_leave_their_neighbours),
		T(neighbours_go_in_one_request),
		T(several_refused_at_once_are_written_one_by_one),
		T(one_bad_value_stops_them_all),
		T(a_newer_set_takes_the_place_of_an_older_single),
		T(groups_are_written_whole_with_the_rest_as_read),
		T(the_rules_of_a_group_know_what_is_under_way),
		T(a_group_that_is_sent_again_stays_together),
		T(a_half_of_a_group_is_not_sent_again_against_its_rules),
		T(a_group_that_must_wait_is_written_together),
		T(a_member_of_a_group_that_waits_keeps_its_interval),
		T(a_group_in_requests_of_their_own_waits_in_its_order),
		T(a_member_that_fits_no_block_is_written_alone),
		T(the_write_function_of_a_point_is_used),
		T(groups_that_are_no_neighbours_keep_their_order),
		T(the_profiles_words_and_addresses_are_used),
		T(a_scale_that_stands_in_the_device_is_used),
		T(what_cannot_be_read_back_is_reported_once),
		T(a_clock_may_go_on_while_it_is_read_back),
		T(none_of_several_repeated_deliveries_is_carried_out),
		T(what_was_refused_is_not_carried_out_when_it_comes_again),
		T(what_is_refused_again_has_the_same_reason),
		T(a_password_goes_first),
		T(a_password_waits_with_the_write_it_is_for),
		T(no_form_of_a_write_is_taken_for_verified),
		T(an_interval_of_one_member_holds_for_the_set),
		T(a_newer_write_of_the_same_register_counts),
		T(a_newer_write_of_a_part_takes_nothing_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
