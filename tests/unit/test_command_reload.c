// SPDX-License-Identifier: MIT
/* What changes while commands live: what the new configuration would write otherwise, or not at
 * all, and what another device would get, is not written any more. */
#include "command_rig.h"

/* What waits is taken back: nothing is written, and the sender gets to know. */
static void gone(uint32_t point, const char *text)
{
	g.nreported = g.nwrite = 0;
	rig_command(&g, point, text);
	assert_int_equal(g.njob, 1);
	reload(&next);
	expect(COMMAND_FAILED, "changed by a reload of the configuration", 0);
	reload(&rig_model);
}

static void what_stays_goes_on(uint32_t point, const char *text)
{
	g.nreported = g.nwrite = 0;
	rig_command(&g, point, text);
	reload(&next);
	settle();
	assert_int_equal(g.nreported, 1);
	assert_true(command_end_good(g.reported[0].end));
	assert_int_equal(g.nwrite, 1);
	reload(&rig_model);
}

static void another_meaning_of_the_registers(void **state)
{
	(void)state;
	change(P_SETPOINT)->codec.scale.places = 2;
	gone(P_SETPOINT, "45");
	change(P_SETPOINT)->codec.offset = (struct decimal){5, 0};
	gone(P_SETPOINT, "45");
	change(P_SETPOINT)->codec.byte = 2;
	gone(P_SETPOINT, "20");
	change(P_FIELD)->codec.bit = 4;
	gone(P_FIELD, "3");
	change(P_FIELD)->codec.bits = 8;
	gone(P_FIELD, "3");
	change(P_BOTH)->codec.order = ORDER_LITTLE;
	gone(P_BOTH, "70000");
	static const struct label others[] = {{0, "off"}, {1, "remote"}, {2, "local"}};
	change(P_MODE)->label = others;
	gone(P_MODE, "remote");
	change(P_ONOFF);
	rule_of.on = 0x400;
	gone(P_ONOFF, "on");
	change(P_RELAY);
	rule_of.toggle = 0x5501;
	gone(P_RELAY, "toggle");
	change(P_ACTION);
	rule_of.raw = (const uint8_t *)"\x43";
	gone(P_ACTION, "on");
	change(P_TURNED)->addr[1] = 232;
	gone(P_TURNED, "70000");
	change(P_DOOR); /* it would stay on, or be on for longer */
	rule_of.pulse = 0;
	gone(P_DOOR, "on");
	change(P_DOOR);
	rule_of.pulse = 60 * US_S;
	gone(P_DOOR, "on");
	change(P_PUMP);
	rule_of.pulse = 60 * US_S;
	gone(P_PUMP, "on");
}

/* What goes along, or is looked at, is not what it was. */
static void another_group(void **state)
{
	(void)state;
	static const struct expr *others[1];
	static const char *const text[] = {"Start <= Stop"};
	static const uint32_t turned[] = {P_FAR0, P_FAR1};
	static struct group_rule groups_of[2];
	unsigned column;
	char message[80];
	others[0] = expr_compile(arena, text[0], look_up, NULL, &column, message, sizeof message);
	for (int i = 0; i < 4; i++) {
		change(P_G2);
		memcpy(groups_of, groups, sizeof groups_of);
		set_of.group = groups_of;
		if (i == 0) { /* another rule */
			groups_of[0].rule = others;
			groups_of[0].rule_text = text;
		} else if (i == 1) { /* one more, one less */
			groups_of[0].nrule = 0;
		} else if (i == 2) { /* another member, */
			rule_of.group = NULL;
		} else { /* another meaning of a member that goes along */
			changed[P_G2].codec.scale = (struct decimal){1, 1};
		}
		gone(P_G0, "5");
	}
	change(P_FAR0);
	memcpy(groups_of, groups, sizeof groups_of);
	groups_of[1].order = turned;
	set_of.group = groups_of;
	gone(P_FAR0, "5");
	change(P_G2); /* nothing of it is another */
	set_of.group = memcpy(groups_of, groups, sizeof groups_of);
	what_stays_goes_on(P_G0, "5");
}

static void what_may_not_be_written_any_more(void **state)
{
	(void)state;
	change(P_SETPOINT);
	rule_of.max = 40;
	gone(P_SETPOINT, "45");
	change(P_SETPOINT);
	rule_of.has_step = true;
	rule_of.step = 10;
	gone(P_SETPOINT, "45");
	change(P_MODE);
	rule_of.confirm = "really";
	gone(P_MODE, "local");
	change(P_PUMP);
	device_of.commands = false;
	gone(P_PUMP, "on");
	change(P_PUMP);
	next.commands_off = true;
	gone(P_PUMP, "on");
}

/* Not only what the bus has: also what waits for its time, or for a busy device. */
static void what_waits_in_the_table(void **state)
{
	(void)state;
	rig_command(&g, P_EEPROM, "6");
	settle();
	g.nreported = 0;
	fault(EXCEPTION, 1, EXC_BUSY);
	rig_command(&g, P_MODE, "local");
	rig_step(&g);                   /* again in 250 ms */
	rig_command(&g, P_EEPROM, "7"); /* in 5 s */
	change(P_MODE);
	device_of.commands = false;
	g.nwrite = 0;
	reload(&next);
	settle();
	assert_int_equal(g.nreported, 2);
	assert_int_equal(g.nwrite, 0);
	reload(&rig_model);
}

/* The scale it is read with is not the one it was written with. */
static void what_was_written_is_not_compared_with_another_meaning(void **state)
{
	(void)state;
	rig_command(&g, P_SETPOINT, "45");
	assert_true(rig_step(&g));
	change(P_SETPOINT)->codec.scale.places = 2;
	reload(&next);
	expect(COMMAND_ACKNOWLEDGED, "", 1);
	/* nor written again for it */
	g.nreported = g.nwrite = 0;
	reload(&rig_model);
	fault(LOST_ANSWER, 1, 0);
	rig_command(&g, P_SETPOINT, "50");
	assert_true(rig_step(&g));
	reload(&next);
	expect(COMMAND_FAILED, "no response; not known whether it was carried out", 1);
	reload(&rig_model);
}

static void what_means_the_same_goes_on(void **state)
{
	(void)state;
	change(P_SETPOINT)->codec.decimals = 2;
	rule_of.max = 50;
	what_stays_goes_on(P_SETPOINT, "45");
	static const struct label more[] = {{0, "off"}, {1, "local"}, {2, "remote"}, {3, "auto"}};
	change(P_MODE)->label = more;
	changed[P_MODE].nlabel = 4;
	what_stays_goes_on(P_MODE, "remote");
	change(P_CLOCK);
	what_stays_goes_on(P_CLOCK, "now");
	change(P_NAME);
	what_stays_goes_on(P_NAME, "barn");
	change(P_RELAY);
	what_stays_goes_on(P_RELAY, "toggle");
	change(P_ACTION);
	what_stays_goes_on(P_ACTION, "on");
	change(P_ONOFF);
	what_stays_goes_on(P_ONOFF, "on");
	g.holding[241] = 2;
	change(P_POWER);
	what_stays_goes_on(P_POWER, "1500");
}

/* A line that is slow, or waits for another unit, holds up no reload. The outcome comes after it.
 */
static void what_is_on_the_wire_all_the_time(uint32_t point, const char *text)
{
	g.nreported = g.nwrite = 0;
	rig_command(&g, point, text);
	const struct job j = g.job[0];
	g.njob = 0; /* not to be taken back */
	reload(&next);
	assert_int_equal(g.nreported, 0);
	job_do(&g, &j);
	rig_take(&g);
}

static void what_was_under_way_is_not_compared_with_another_meaning(void **state)
{
	(void)state;
	change(P_SETPOINT)->codec.scale.places = 2;
	what_is_on_the_wire_all_the_time(P_SETPOINT, "45");
	expect(COMMAND_ACKNOWLEDGED, "", 1);
	assert_string_equal(g.value[0], "45");
	assert_false(g.reported[0].acknowledged_only);
	reload(&rig_model);
	/* nor is a value that may be another one published for it */
	change(P_SETPOINT)->codec.scale.places = 2;
	rule_of.verify = false;
	what_is_on_the_wire_all_the_time(P_SETPOINT, "46");
	expect(COMMAND_ACKNOWLEDGED, "", 1);
	assert_false(g.reported[0].acknowledged_only);
	reload(&rig_model);
	change(P_SETPOINT)->codec.scale.places = 2;
	fault(LOST_ANSWER, 1, 0);
	what_is_on_the_wire_all_the_time(P_SETPOINT, "47");
	expect(COMMAND_FAILED, "no response; not known whether it was carried out", 1);
	reload(&rig_model);
}

/* Whatever the new configuration calls it. */
static void a_pulse_under_way_is_ended(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		change(P_DOOR);
		rule_of.pulse = i == 0 ? 0 : 60 * US_S;
		g.coil[6] = 0;
		if (i == 2)
			fault(LOST_ANSWER, 1, 0);
		what_is_on_the_wire_all_the_time(P_DOOR, "on");
		const us_t on = g.now;
		assert_int_equal(g.coil[6], 1);
		while (g.coil[6] && rig_step(&g))
			;
		assert_int_equal(g.coil[6], 0);
		assert_true(g.now < on + US_S);
		settle();
		assert_int_equal(g.nreported, 2);
		reload(&rig_model);
	}
}

/* Where a SunSpec model is, the new configuration finds out, or takes over, after this. */
static void a_sunspec_point_is_known_by_its_model(void **state)
{
	(void)state;
	static const uint16_t id[] = {123, 124};
	static struct sunspec_part part[] = {{.id = &id[0], .nid = 1, .nth = 1},
	                                     {.id = &id[1], .nid = 1, .nth = 1}};
	static struct sunspec before = {.part = part, .npart = 2, .bound = true};
	static struct sunspec after = {.part = part, .npart = 2};
	static struct point p[RIG_POINTS];
	change(P_MODE)->part = 1;
	memcpy(p, changed, sizeof p);
	set_of.sunspec = &before;
	struct pointset set = set_of;
	set.point = p;
	struct device d = device_of;
	d.set = &set;
	struct model m = next;
	m.device = &d;
	reload(&m);
	changed[P_MODE].addr[0] = 0; /* not known yet */
	set_of.sunspec = &after;
	rig_command(&g, P_MODE, "local");
	assert_true(command_place_stays(&m, 0, P_MODE, &next));
	assert_false(command_leave(g.t, &next, g.now));
	changed[P_MODE].offset[0] = 3;
	assert_false(command_place_stays(&m, 0, P_MODE, &next));
	changed[P_MODE].offset[0] = 0;
	changed[P_MODE].part = 2;
	assert_false(command_place_stays(&m, 0, P_MODE, &next));
	settle();
	reload(&rig_model);
}

/* commands: off does not leave a pulse on, and stops nothing that the configuration asks for. */
static void writes_of_the_gateway_itself_go_on(void **state)
{
	(void)state;
	const struct command_item item = {P_MODE, "local"};
	struct command_request q = {.item = &item, .n = 1, .origin = COMMAND_FROM_GATEWAY};
	rig_command(&g, P_DOOR, "on");
	assert_true(rig_step(&g));
	rig_submit(&g, &q);
	change(P_DOOR);
	device_of.commands = false;
	reload(&next);
	settle();
	assert_int_equal(g.coil[6], 0);
	assert_int_equal(g.holding[41], 1);
	reload(&rig_model);
}

/* A keep-alive, safe value, clock, set-up or password that the configuration had, and has not now.
 */
static void what_is_no_longer_configured_is_not_written(void **state)
{
	(void)state;
	static const struct setup_step step = {P_MODE, "local", {0}};
	const struct command_item item = {P_MODE, "local"};
	struct command_request q = {.item = &item, .n = 1, .origin = COMMAND_FROM_GATEWAY};
	for (int i = 0; i < 5; i++) {
		change(P_MODE);
		rule_of.rewrite = i == 0 ? US_S : 0;
		rule_of.sync = i == 1 ? US_S : 0;
		rule_of.safe_after = i == 2 ? US_S : 0;
		rule_of.safe_value = "local";
		device_of.setup = &step;
		device_of.nsetup = i == 3;
		device_of.unlock_point = i == 4 ? P_MODE : -1;
		device_of.unlock_value = "local";
		reload(&next);
		g.nreported = g.nwrite = 0;
		rig_submit(&g, &q);
		reload(&next); /* still asked for */
		assert_int_equal(g.nreported, 0);
		assert_int_equal(g.njob, 1);
		reload(&rig_model);
		expect(COMMAND_FAILED, "changed by a reload of the configuration", 0);
	}
}

/* -- another device ---------------------------------------------------------------------------- */

static const char *unknown;

static const char *forbids(void *ctx, uint32_t device)
{
	(void)ctx, (void)device;
	return unknown;
}

/* One that waits in each way: for the bus, for its time, for a busy device, for the one before. */
static void wait_in_all_ways(void)
{
	command_destroy(g.t);
	unknown = NULL;
	g.t = command_create(&rig_model, &(struct command_ops){.current = current,
	                                                       .online = online,
	                                                       .forbids = forbids,
	                                                       .ctx = &g});
	rig_command(&g, P_EEPROM, "6");
	settle();
	fault(EXCEPTION, 1, EXC_BUSY);
	rig_command(&g, P_MODE, "local");
	rig_step(&g);
	rig_command(&g, P_EEPROM, "7");
	rig_command(&g, P_PUMP, "on");
	g.nwrite = g.nreported = 0;
	unknown = "the device is not identified yet";
}

static void nothing_went_out(void)
{
	rig_take(&g);
	settle();
	assert_int_equal(g.nwrite, 0);
	assert_int_equal(g.nreported, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(g.reported[i].end, COMMAND_FAILED);
}

static void what_waits_does_not_go_to_a_device_that_must_identify_itself(void **state)
{
	(void)state;
	wait_in_all_ways();
	command_offline(g.t, 0, g.now); /* whatever answers next may be another one */
	nothing_went_out();
	wait_in_all_ways();
	command_mismatch(g.t, 0, g.now);
	nothing_went_out();
	wait_in_all_ways();
	reload(&rig_model); /* it is asked for its identity from now on */
	nothing_went_out();
}

/* One try is due to a device that need not say what it is. */
static void what_waits_goes_to_an_offline_device_once(void **state)
{
	(void)state;
	wait_in_all_ways();
	unknown = NULL;
	command_offline(g.t, 0, g.now);
	rig_take(&g);
	settle();
	assert_int_equal(g.nwrite, 2);
	assert_int_equal(g.nreported, 3);
}

static void what_is_on_the_wire_is_not_known(void **state)
{
	(void)state;
	wait_in_all_ways();
	unknown = NULL;
	settle();
	g.nreported = 0;
	rig_command(&g, P_PUMP, "off");
	const uint64_t id = g.job[0].id;
	g.njob = 0; /* not to be taken back */
	unknown = "the device is not identified yet";
	command_offline(g.t, 0, g.now);
	rig_take(&g);
	assert_int_equal(g.nreported, 0);
	command_job(g.t, id, OUT_TIMEOUT, 0, g.now, g.now, g.now);
	rig_take(&g);
	assert_int_equal(g.nreported, 1);
	assert_non_null(strstr(g.reason[0], "not known whether it was carried out"));
	assert_int_equal(g.reported[0].effect, EFFECT_UNKNOWN);
}

/* Neither is what was carried out, at the old place, carried out at the new one, nor what was
 * refused there. */
static void what_comes_again_behind_a_reload_is_not_carried_out(void **state)
{
	(void)state;
	static const struct {
		uint32_t point;
		const char *text;
		enum command_end first, again;
	} row[] = {
		{P_SILENT, "5", COMMAND_VERIFIED, COMMAND_REPEATED},
		{P_SETPOINT, "99", COMMAND_REFUSED, COMMAND_REFUSED},
	};
	for (size_t i = 0; i < 2; i++) {
		const struct command_item item = {row[i].point, row[i].text};
		struct command_request q = {.item = &item, .n = 1};
		g.nreported = 0;
		rig_submit(&g, &q);
		settle();
		assert_int_equal(rig_only(&g)->end, row[i].first);
		change(row[i].point)->addr[0] = 135;
		rule_of.max = 200;
		reload(&next);
		g.nreported = g.nwrite = 0;
		q.duplicate = true;
		rig_submit(&g, &q);
		expect(row[i].again, g.reason[0], 0);
		reload(&rig_model);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(another_meaning_of_the_registers),
		T(another_group),
		T(what_may_not_be_written_any_more),
		T(what_waits_in_the_table),
		T(what_was_written_is_not_compared_with_another_meaning),
		T(what_comes_again_behind_a_reload_is_not_carried_out),
		T(what_means_the_same_goes_on),
		T(what_was_under_way_is_not_compared_with_another_meaning),
		T(a_pulse_under_way_is_ended),
		T(a_sunspec_point_is_known_by_its_model),
		T(writes_of_the_gateway_itself_go_on),
		T(what_is_no_longer_configured_is_not_written),
		T(what_waits_does_not_go_to_a_device_that_must_identify_itself),
		T(what_waits_goes_to_an_offline_device_once),
		T(what_is_on_the_wire_is_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
