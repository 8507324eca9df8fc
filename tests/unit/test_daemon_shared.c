// SPDX-License-Identifier: MIT
/* Points that share a register: what is written by itself undoes nothing that is newer. */
#include "daemon_rig.h"

#include "daemon/command/commands.h"

#define DEVICE "devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own}\n"
#define WORD "  Word: {holding: 3, write: true, verify: false"
#define BIT "  Bit: {holding: 3, bit: 3, write: true, verify: false"

/* The only job of the bus: what it writes of register 3, and its bits. It is answered. */
static void wrote(uint16_t value, uint16_t mask, enum outcome outcome)
{
	struct bus *b = rig_bus();
	if (b->njob != 1)
		fail_msg("%zu jobs instead of one for %u", b->njob, value);
	const struct job j = b->job[0];
	b->njob = 0;
	assert_int_equal(j.span.addr, 3);
	assert_int_equal(j.mask[0], mask);
	if ((j.value[0] & mask) != value)
		fail_msg("%u instead of %u", j.value[0] & mask, value);
	rig_report((struct report){.kind = REPORT_JOB,
	                           .outcome = (uint8_t)outcome,
	                           .exception = outcome == OUT_REFUSED ? 2 : 0,
	                           .id = j.id,
	                           .sent = rig.now});
}

static void word(const char *text, uint16_t value)
{
	rig_command("xnet/cmd/pump/Word", text);
	wrote(value, 0xFFFF, OUT_OK);
}

static void bit(const char *text, uint16_t value)
{
	rig_command("xnet/cmd/pump/Bit", text);
	wrote(value, 8, OUT_OK);
}

static void begin(const char *profile)
{
	rig_begin(DEVICE, profile);
	rig_read(3, 0);
}

static void nothing_for(us_t time)
{
	rig_pass(time);
	if (rig_bus()->njob)
		fail_msg("%u written unasked", rig_bus()->job[0].value[0]);
}

static void a_keep_alive_has_a_newer_command_to_a_bit_of_it(void **state)
{
	(void)state;
	begin("points:\n" WORD ", rewrite: 60s}\n" BIT "}\n");
	word("20", 20);
	nothing_for(30 * US_S);
	bit("on", 8);
	nothing_for(29 * US_S);
	rig_pass(US_S);
	wrote(28, 0xFFFF, OUT_OK);
	bit("off", 0);
	rig_pass(60 * US_S);
	wrote(20, 0xFFFF, OUT_OK);
	/* refused: nothing has changed */
	rig_command("xnet/cmd/pump/Bit", "on");
	wrote(8, 8, OUT_REFUSED);
	rig_pass(60 * US_S);
	wrote(20, 0xFFFF, OUT_OK);
	/* not known: neither the old value nor the new one is right */
	rig_command("xnet/cmd/pump/Bit", "on");
	wrote(8, 8, OUT_LINK);
	nothing_for(300 * US_S);
	assert_non_null(strstr(rig_journal(), "pump/Word: keep-alive paused"));
	word("21", 21);
	/* what changes nothing pauses nothing */
	rig_command("xnet/cmd/pump/Bit", "off");
	wrote(0, 8, OUT_LINK);
	rig_pass(60 * US_S);
	wrote(21, 0xFFFF, OUT_OK);
}

static void a_keep_alive_of_a_bit_has_a_newer_command_to_its_register(void **state)
{
	(void)state;
	begin("points:\n" WORD "}\n" BIT ", rewrite: 60s}\n");
	bit("on", 8);
	rig_pass(60 * US_S);
	wrote(8, 8, OUT_OK);
	word("5", 5);
	rig_pass(60 * US_S);
	wrote(0, 8, OUT_OK);
	word("8", 8);
	rig_pass(60 * US_S);
	wrote(8, 8, OUT_OK);
}

/* Also of another device by the same unit id, and of two fields that share some bits. */
static void a_keep_alive_has_what_another_device_wrote(void **state)
{
	(void)state;
	rig_begin("devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own}\n"
	          "  same: {bus: line, id: 1, every: 1s, profile: own, shared: true}\n",
	          "points:\n  Low: {holding: 3, bits: 0..7, write: true, verify: false, "
	          "rewrite: 60s}\n  Mid: {holding: 3, bits: 4..11, write: true, verify: false}\n");
	rig_read(3, 0);
	rig_command("xnet/cmd/pump/Low", "255");
	wrote(0xFF, 0xFF, OUT_OK);
	rig_command("xnet/cmd/same/Mid", "5");
	wrote(0x50, 0xFF0, OUT_OK);
	rig_pass(60 * US_S);
	wrote(0x5F, 0xFF, OUT_OK);
	rig_command("xnet/cmd/same/Low", "7");
	wrote(7, 0xFF, OUT_OK);
	rig_pass(60 * US_S);
	wrote(7, 0xFF, OUT_OK); /* of both, as it serves the other one as well */
}

/* Where the point has no such value the repetition is given up. */
static void a_keep_alive_without_such_a_value_pauses(void **state)
{
	(void)state;
	static const struct {
		const char *point, *command;
	} of[] = {
		{"write: {verify: false}, values: {0: stop, 20: go}", "go"},
		{"write: {verify: false, min: 0, max: 25}", "20"},
		{"type: bool, write: {verify: false, on: 20, off: 0}", "on"},
	};
	char profile[256];
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		if (i)
			rig_end(NULL);
		snprintf(profile, sizeof profile,
		         "points:\n  Word: {holding: 3, %s, rewrite: 60s}\n" BIT "}\n",
		         of[i].point);
		begin(profile);
		word(of[i].command, 20);
		bit("on", 8);
		nothing_for(300 * US_S);
		assert_non_null(strstr(rig_journal(), "pump/Word: keep-alive paused"));
	}
}

/* One that waits or is under way: it is not known yet what is to be repeated. */
static void a_keep_alive_waits_for_a_command_under_way(void **state)
{
	(void)state;
	begin("points:\n" WORD ", rewrite: 60s}\n" BIT "}\n");
	word("20", 20);
	rig_pass(59 * US_S);
	rig_command("xnet/cmd/pump/Bit", "on");
	rig_pass(2 * US_S);
	wrote(8, 8, OUT_OK);
	rig_pass(60 * US_S);
	wrote(28, 0xFFFF, OUT_OK);
}

/* A toggle, a pulse and its end, a step of the set-up, another one's keep-alive. */
static void whatever_writes_a_bit_is_in_what_is_repeated(void **state)
{
	(void)state;
	begin("points:\n" WORD ", rewrite: 60s}\n"
	      "  Bit: {holding: 3, bit: 3, write: {verify: false, pulse: 2s}}\n");
	word("20", 20);
	bit("on", 8);
	assert_int_equal(rig_bus()->njob, 1); /* its end */
	rig_pass(2 * US_S);
	wrote(0, 8, OUT_OK);
	rig_pass(60 * US_S);
	wrote(20, 0xFFFF, OUT_OK);
}

#define SAFE_BIT                                                                                   \
	"points:\n" WORD ", rewrite: 60s}\n" BIT                                                   \
	", safe: {value: off, after: 10s, when: [broker]}}\n"

static void a_keep_alive_does_not_undo_a_safe_value(void **state)
{
	(void)state;
	begin(SAFE_BIT);
	word("28", 28);
	rig_broker(false);
	rig_pass(10 * US_S);
	wrote(0, 8, OUT_OK);
	rig_pass(50 * US_S);
	wrote(20, 0xFFFF, OUT_OK);
	rig_broker(true);
	/* a newer command to the register has lifted it: it is not written again */
	word("28", 28);
	rig_turn();
	assert_non_null(strstr(rig_said(), "house/Alerts {\"faults\":[],\"warnings\":[]}"));
	rig_unit(1, false);
	rig_unit(1, true);
	rig_pass(60 * US_S);
	wrote(28, 0xFFFF, OUT_OK);
}

/* Of the whole register: a newer command to a bit is not overwritten by it. */
static void an_older_safe_value_does_not_undo_a_bit(void **state)
{
	(void)state;
	begin("points:\n" WORD ", safe: {value: 0, after: 10s, when: [broker, no_command]}}\n" BIT
	      "}\n");
	word("28", 28);
	rig_broker(false);
	rig_pass(10 * US_S);
	wrote(0, 0xFFFF, OUT_OK);
	rig_broker(true);
	rig_pass(US_S);
	bit("on", 8);
	rig_unit(1, false);
	rig_unit(1, true);
	nothing_for(9 * US_S);
	bit("on", 8); /* somebody is in control */
	nothing_for(9 * US_S);
	rig_pass(US_S);
	wrote(0, 0xFFFF, OUT_OK);
}

/* What was commanded to a bit is not undone by the set-up of its register. */
static void set_up_leaves_a_commanded_bit(void **state)
{
	(void)state;
	begin("setup: [{Word: 0}]\npoints:\n" WORD "}\n" BIT ", rewrite: 60s}\n");
	rig_unit(1, true);
	wrote(0, 0xFFFF, OUT_OK);
	bit("on", 8);
	rig_unit(1, false);
	rig_pass(61 * US_S);
	rig_unit(1, true);
	wrote(8, 8, OUT_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_keep_alive_has_a_newer_command_to_a_bit_of_it),
		RIG_TEST(a_keep_alive_of_a_bit_has_a_newer_command_to_its_register),
		RIG_TEST(a_keep_alive_has_what_another_device_wrote),
		RIG_TEST(a_keep_alive_without_such_a_value_pauses),
		RIG_TEST(a_keep_alive_waits_for_a_command_under_way),
		RIG_TEST(whatever_writes_a_bit_is_in_what_is_repeated),
		RIG_TEST(a_keep_alive_does_not_undo_a_safe_value),
		RIG_TEST(an_older_safe_value_does_not_undo_a_bit),
		RIG_TEST(set_up_leaves_a_commanded_bit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
