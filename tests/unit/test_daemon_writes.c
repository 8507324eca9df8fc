// SPDX-License-Identifier: MIT
/* What nobody sends: keep-alive, safe values, set-up. */
#include "daemon_rig.h"

#include "daemon/commands.h"
#include "daemon/visits.h"

#define DEVICE "devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own}\n"
#define KEPT "points:\n  Level: {holding: 3, write: true, rewrite: 60s, verify: false}\n"
#define SAFE                                                                                       \
	"points:\n  Level: {holding: 3, write: true, verify: false, "                              \
	"safe: {value: 5, after: 10s, when: [broker]}}\n"
#define SETUP "setup: [{Level: 40}]\npoints:\n  Level: {holding: 3, write: true, verify: false}\n"

static void command(const char *text, uint16_t word)
{
	rig_command("xnet/cmd/pump/Level", text);
	rig_job(3, word, OUT_OK);
}

static void a_keep_alive_repeats_what_was_commanded(void **state)
{
	(void)state;
	rig_begin(DEVICE, KEPT);
	rig_read(3, 10);
	rig_pass(300 * US_S);
	assert_int_equal(rig_bus()->njob, 0); /* nobody has commanded anything */
	command("20", 20);
	rig_pass(59 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	rig_pass(US_S);
	rig_job(3, 20, OUT_OK);
	rig_pass(59 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	rig_pass(US_S);
	rig_job(3, 20, OUT_OK);
	/* not while the device is away; when it is back, at once */
	rig_unit(1, false);
	rig_pass(300 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	rig_unit(1, true);
	rig_job(3, 20, OUT_OK);
}

static void a_reload_keeps_what_is_repeated_and_when(void **state)
{
	(void)state;
	rig_begin(DEVICE, KEPT);
	rig_read(3, 10);
	command("20", 20);
	rig_pass(30 * US_S);
	rig_reload(DEVICE);
	rig_pass(29 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	rig_pass(US_S);
	rig_job(3, 20, OUT_OK);
	/* without the rule nothing is repeated, with it again only what is commanded from then on
	 */
	rig_write_profile("points:\n  Level: {holding: 3, write: true, verify: false}\n");
	rig_reload(DEVICE);
	rig_pass(120 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	rig_write_profile(KEPT);
	rig_reload(DEVICE);
	rig_pass(120 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
}

static void a_stop_leaves_the_safe_value(void **state)
{
	(void)state;
	rig_begin(DEVICE, SAFE);
	rig_read(3, 10);
	command("20", 20);
	commands_stop(&rig.g);
	rig_job(3, 5, OUT_OK);
}

static void a_safe_value_is_written_when_the_broker_stays_away(void **state)
{
	(void)state;
	rig_begin(DEVICE, SAFE);
	rig_read(3, 10);
	command("20", 20);
	rig_broker(false);
	rig_pass(9 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	rig_pass(US_S);
	rig_job(3, 5, OUT_OK);
	rig_broker(true);
	assert_non_null(strstr(rig_said(), "safe value 5 in force"));
	rig_pass(60 * US_S);
	assert_int_equal(rig_bus()->njob, 0); /* it stays until somebody commands */
	command("30", 30);
	rig_turn();
	assert_non_null(strstr(rig_said(), "house/Alerts {\"faults\":[],\"warnings\":[]}"));
}

static void a_short_outage_of_the_broker_is_none(void **state)
{
	(void)state;
	rig_begin(DEVICE, SAFE);
	rig_read(3, 10);
	command("20", 20);
	rig_broker(false);
	rig_pass(9 * US_S);
	rig_broker(true);
	rig_pass(60 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
}

static void set_up_is_written_each_time_the_device_comes(void **state)
{
	(void)state;
	rig_begin(DEVICE, SETUP);
	assert_int_equal(rig_bus()->njob, 0);
	rig_unit(1, true);
	assert_true(rig_bus()->job[0].only_if_different);
	rig_job(3, 40, OUT_OK);
	rig_pass(60 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	rig_unit(1, false);
	rig_unit(1, true);
	rig_job(3, 40, OUT_REFUSED); /* tried again, a little later */
	assert_int_equal(rig_bus()->njob, 0);
	rig_pass(5 * US_S);
	assert_int_equal(rig_bus()->njob, 1);
}

static us_t guest_timeout(uint8_t unit, us_t wanted)
{
	const struct control_request r = {
		.unit = unit, .timeout = wanted, .pdu = {3, 0, 0, 0, 1}, .len = 5};
	visits_submit(&rig.g, 0, &r, 0);
	assert_int_equal(rig_bus()->njob, 1);
	const struct job j = rig_bus()->job[0];
	rig_bus()->njob = 0;
	rig_report((struct report){.kind = REPORT_JOB, .outcome = OUT_TIMEOUT, .id = j.id});
	return j.timeout;
}

/* A safe value that is due while a guest waits for its response waits as long as for a poll. */
static void a_guest_holds_the_line_no_longer_than_a_poll(void **state)
{
	(void)state;
	rig_begin("devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own}\n"
	          "  slow: {bus: line, id: 2, every: 1s, profile: own, timeout: 700ms}\n",
	          SAFE);
	assert_int_equal(guest_timeout(1, 0), 500 * US_MS); /* the bus's */
	assert_int_equal(guest_timeout(1, 10 * US_S), 500 * US_MS);
	assert_int_equal(guest_timeout(9, 10 * US_S), 500 * US_MS);
	assert_int_equal(guest_timeout(9, 30 * US_MS), 30 * US_MS);
	assert_int_equal(guest_timeout(2, 10 * US_S), 700 * US_MS);
	assert_int_equal(guest_timeout(2, 0), 700 * US_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_keep_alive_repeats_what_was_commanded),
		RIG_TEST(a_reload_keeps_what_is_repeated_and_when),
		RIG_TEST(a_stop_leaves_the_safe_value),
		RIG_TEST(a_safe_value_is_written_when_the_broker_stays_away),
		RIG_TEST(a_short_outage_of_the_broker_is_none),
		RIG_TEST(a_guest_holds_the_line_no_longer_than_a_poll),
		RIG_TEST(set_up_is_written_each_time_the_device_comes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
