// SPDX-License-Identifier: MIT
/* What nobody sends: keep-alive, safe values, set-up. */
#include "daemon_rig.h"

#include "daemon/command/commands.h"
#include "daemon/requests.h"

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

/* A command that is under way when it is due serves as well only if the device took it. */
static void a_keep_alive_does_not_miss_its_time_for_a_refused_command(void **state)
{
	(void)state;
	rig_begin(DEVICE, KEPT);
	rig_read(3, 10);
	command("20", 20);
	rig_pass(59 * US_S);
	rig_command("xnet/cmd/pump/Level", "30");
	rig_pass(2 * US_S);
	rig_job(3, 30, OUT_REFUSED);
	rig_pass(0);
	rig_job(3, 20, OUT_OK);
	rig_pass(59 * US_S);
	rig_command("xnet/cmd/pump/Level", "40");
	rig_pass(2 * US_S);
	rig_job(3, 40, OUT_OK);
	rig_pass(59 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	rig_pass(US_S);
	rig_job(3, 40, OUT_OK);
}

#define RELAY(more) "points:\n  Relay: {coil: 3, write: {toggle: 0x5500" more "}, rewrite: 60s}\n"

/* What it made of the relay is repeated. */
static void a_keep_alive_does_not_toggle_again(void **state)
{
	(void)state;
	struct report is = {.kind = REPORT_READ, .outcome = OUT_OK, .span = {1, TABLE_COIL, 3, 1}};
	rig_begin(DEVICE, RELAY(""));
	rig_report(is);
	rig_command("xnet/cmd/pump/Relay", "toggle");
	rig_job(3, 0x5500, OUT_OK);
	is.word[0] = 1;
	rig_report(is);
	rig_pass(60 * US_S);
	rig_job(3, 0xFF00, OUT_OK);
	/* where nobody knows that, nothing is */
	rig_write_profile(RELAY(", verify: false"));
	rig_reload(DEVICE);
	rig_command("xnet/cmd/pump/Relay", " Toggle ");
	rig_job(3, 0x5500, OUT_OK);
	rig_pass(300 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	assert_non_null(strstr(rig_journal(), "keep-alive paused"));
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

/* The same name at another unit id, register or port is another device, which nobody commanded. */
static void a_keep_alive_does_not_go_to_another_device(void **state)
{
	(void)state;
	static const struct {
		const char *device, *profile, *line;
	} other[] = {
		{"devices:\n  pump: {bus: line, id: 2, every: 1s, profile: own}\n", KEPT, NULL},
		{DEVICE,
	         "points:\n  Level: {holding: 4, write: true, rewrite: 60s, verify: false}\n",
	         NULL},
		{DEVICE, KEPT, "port: /dev/other"},
	};
	rig_begin(DEVICE, KEPT);
	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		rig_unit(1, true);
		command("20", 20);
		rig_write_profile(other[i].profile);
		rig.line = other[i].line;
		rig_reload(other[i].device);
		rig_unit(1, true);
		rig_unit(2, true);
		rig_pass(200 * US_S);
		if (rig_bus()->njob)
			fail_msg("%zu: %u written unasked", i, rig_bus()->job[0].value[0]);
		rig.line = NULL;
		rig_write_profile(KEPT);
		rig_reload(DEVICE);
		rig_pass(US_S); /* the other line ends */
	}
}

/* Nor a safe value: what is in force was of the other one. */
static void a_safe_value_does_not_go_to_another_device(void **state)
{
	(void)state;
	rig_begin(DEVICE, SAFE);
	rig_unit(1, true);
	command("20", 20);
	rig_broker(false);
	rig_pass(10 * US_S);
	rig_job(3, 5, OUT_OK);
	rig_broker(true);
	rig_reload("devices:\n  pump: {bus: line, id: 2, every: 1s, profile: own}\n");
	rig_unit(2, true);
	rig_pass(60 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	assert_non_null(strstr(rig_said(), "house/Alerts {\"faults\":[],\"warnings\":[]}"));
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

static us_t adhoc_timeout(uint8_t unit, us_t wanted)
{
	const struct control_request r = {
		.unit = unit, .timeout = wanted, .pdu = {3, 0, 0, 0, 1}, .len = 5};
	requests_submit(&rig.g, 0, &r, 0);
	assert_int_equal(rig_bus()->njob, 1);
	const struct job j = rig_bus()->job[0];
	rig_bus()->njob = 0;
	rig_report((struct report){.kind = REPORT_JOB, .outcome = OUT_TIMEOUT, .id = j.id});
	return j.timeout;
}

/* A safe value that is due while an ad-hoc request waits for its response waits as long as for a
 * poll. */
static void an_adhoc_request_holds_the_line_no_longer_than_a_poll(void **state)
{
	(void)state;
	rig_begin("devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own}\n"
	          "  slow: {bus: line, id: 2, every: 1s, profile: own, timeout: 700ms}\n",
	          SAFE);
	assert_int_equal(adhoc_timeout(1, 0), 500 * US_MS); /* the bus's */
	assert_int_equal(adhoc_timeout(1, 10 * US_S), 500 * US_MS);
	assert_int_equal(adhoc_timeout(9, 10 * US_S), 500 * US_MS);
	assert_int_equal(adhoc_timeout(9, 30 * US_MS), 30 * US_MS);
	assert_int_equal(adhoc_timeout(2, 10 * US_S), 700 * US_MS);
	assert_int_equal(adhoc_timeout(2, 0), 700 * US_MS);
}

#define CLOCK                                                                                      \
	"points:\n  Clock: {holding: 3, type: datetime, length: 2, layout: [epoch], "              \
	"write: true, verify: false, sync: 1d}\n"

/* Nor for its whole interval left wrong, nor asked in vain all the time. */
static void a_clock_that_was_not_set_is_set_a_little_later(void **state)
{
	(void)state;
	rig_begin(DEVICE, CLOCK);
	rig.clock = CLOCK_SYNCHRONISED;
	rig_unit(1, true);
	rig_pass(61 * US_S);
	for (us_t wait = 60 * US_S; wait < 600 * US_S; wait *= 2) {
		assert_int_equal(rig_bus()->njob, 1);
		rig_job(3, rig_bus()->job[0].value[0], OUT_REFUSED);
		rig_pass(wait - US_S);
		assert_int_equal(rig_bus()->njob, 0);
		rig_pass(2 * US_S);
	}
	rig_job(3, rig_bus()->job[0].value[0], OUT_OK);
	rig_pass(20 * 3600 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
}

static void adhoc_write(uint8_t unit, enum outcome outcome, uint8_t exception)
{
	const struct control_request r = {
		.unit = unit, .pdu = {FC_WRITE_REGISTER, 0, 3, 0, 99}, .len = 5};
	requests_submit(&rig.g, 0, &r, 0);
	const struct job j = rig_bus()->job[--rig_bus()->njob];
	rig_report((struct report){.kind = REPORT_JOB,
	                           .outcome = (uint8_t)outcome,
	                           .exception = exception,
	                           .id = j.id,
	                           .sent = rig.now});
}

/* What somebody wrote on purpose is not undone a minute later; what was not written changes
 * nothing. */
static void a_keep_alive_does_not_undo_what_the_control_socket_wrote(void **state)
{
	static const struct {
		uint8_t unit;
		enum outcome outcome;
		uint8_t exception;
		bool pauses;
	} row[] = {
		{1, OUT_OK, 0, true},       {1, OUT_TIMEOUT, 0, true}, {1, OUT_REFUSED, 4, true},
		{1, OUT_REFUSED, 2, false}, {2, OUT_OK, 0, false},     {0, OUT_OK, 0, true},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		rig_begin(DEVICE, KEPT);
		rig_read(3, 10);
		command("20", 20);
		rig_pass(US_S);
		rig_journal();
		adhoc_write(row[i].unit, row[i].outcome, row[i].exception);
		const bool paused = strstr(rig_journal(), "keep-alive paused") != NULL;
		rig_pass(60 * US_S);
		if (paused != row[i].pauses || rig_bus()->njob != !row[i].pauses)
			fail_msg("%zu: %s, %zu written", i, paused ? "paused" : "goes on",
			         rig_bus()->njob);
		rig_bus()->njob = 0;
		if (row[i].pauses) { /* until the next command */
			command("30", 30);
			rig_pass(60 * US_S);
			rig_job(3, 30, OUT_OK);
		}
		if (i + 1 < sizeof row / sizeof *row)
			rig_end(state);
	}
}

/* A list is written by one request, and verified by what is read of it. */
static void an_array_is_written_at_once_and_read_back(void **state)
{
	(void)state;
	rig_begin(DEVICE,
	          "points:\n  Relays: {coil: 4, array: 10, write: true}\n"
	          "  Levels: {holding: 8, array: 3, scale: 0.1, write: {min: 0, max: 50}}\n");
	rig_unit(1, true);
	rig_said();
	static const char *const payload[] = {"[1, 0,true,false,on,off,1,1,0,1]",
	                                      "{\"Relays\":[1,0,1,0,1,0,1,1,0,true]}"};
	for (int i = 0; i < 2; i++) {
		rig_command(i ? "xnet/cmd/pump" : "xnet/cmd/pump/Relays", payload[i]);
		assert_int_equal(rig_bus()->njob, 1);
		struct job j = rig_bus()->job[0];
		rig_bus()->njob = 0;
		assert_int_equal(j.fc, FC_WRITE_COILS);
		assert_int_equal(j.span.table, TABLE_COIL);
		assert_int_equal(j.span.addr, 4);
		assert_int_equal(j.span.count, 10);
		assert_int_equal(j.value[0], 0x2D5);
		rig_pass(US_S);
		rig_report((struct report){
			.kind = REPORT_JOB, .outcome = OUT_OK, .id = j.id, .sent = rig.now});
		rig_pass(US_MS);
		rig_report((struct report){.kind = REPORT_READ,
		                           .outcome = OUT_OK,
		                           .span = {1, TABLE_COIL, 4, 10},
		                           .word = {i ? 0x2D4 : 0x2D5}});
		if (i)
			assert_non_null(strstr(rig_said(), "not applied: device reports "
			                                   "[0,0,1,0,1,0,1,1,0,1]"));
		else
			assert_string_equal(rig_said(), "pump/Relays [1,0,1,0,1,0,1,1,0,1]");
	}
	static const char *const wrong[][2] = {
		{"Relays", "1"},
		{"Relays", "[1,0]"},
		{"Relays", "[1,0,1,0,1,0,1,1,0,2]"},
		{"Relays", "[]"},
		{"Relays", "[1,0,1,0,1,0,1,1,0,1"},
		{"Levels", "[1,2,51]"},
		{"Levels", "[1,2,-1]"},
		{"Levels", "[1,2,3,4]"},
		{"Levels", "[1,2,3]x"},
		{"Levels", "[1,2,null]"},
		{"Levels", "[[1],2,3]"},
		{"Levels", "[1,,3]"},
		{"Levels", "[1 2 3]"},
		{"Levels", "[on,2,3]"},
		{"Levels", "[1,true,3]"},
		{"Levels", "[1,2,\"off\"]"},
		{"Levels", "[1,2,nan]"},
		{"Levels", "[1,2,1e999]"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char topic[64];
		snprintf(topic, sizeof topic, "xnet/cmd/pump/%s", wrong[i][0]);
		rig_command(topic, wrong[i][1]);
		assert_int_equal(rig_bus()->njob, 0);
		if (!strstr(rig_said(), "pump/Nak"))
			fail_msg("%s: no Nak", wrong[i][1]);
	}
	rig_command("xnet/cmd/pump", "{\"Levels\": [0.1, 2.3, true]}");
	assert_non_null(strstr(rig_said(), "\"value\":\"[0.1,2.3,true]\""));
	rig_command("xnet/cmd/pump/Levels", "[1,2.04,50]");
	const struct job j = rig_bus()->job[0];
	assert_int_equal(rig_bus()->njob, 1);
	assert_int_equal(j.fc, FC_WRITE_REGISTERS);
	assert_int_equal(j.span.count, 3);
	assert_memory_equal(j.value, ((const uint16_t[]){10, 20, 500}), 6);
}

/* Also one whose first bit is the same. */
static void each_bit_of_an_array_is_seen(void **state)
{
	(void)state;
	rig_begin(DEVICE, "points:\n  Inputs: {discrete: 4, array: 20}\n");
	rig_unit(1, true);
	rig_said();
	static const uint16_t word[][2] = {{0, 0}, {4, 0}, {4, 8}, {4, 0}};
	static const char *const text[] = {"pump/Inputs [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
	                                   "pump/Inputs [0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
	                                   "pump/Inputs [0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]",
	                                   "pump/Inputs [0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]"};
	for (int i = 0; i < 4; i++) {
		rig_pass(US_S);
		rig_report((struct report){.kind = REPORT_READ,
		                           .outcome = OUT_OK,
		                           .span = {1, TABLE_DISCRETE, 4, 20},
		                           .word = {word[i][0], word[i][1]}});
		assert_string_equal(rig_said(), text[i]);
	}
}

/* In the JSON of a device it is a list, in the history, too. */
static void an_array_is_a_list_in_json(void **state)
{
	(void)state;
	rig_begin("devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own, json: true}\n",
	          "points:\n  Temps: {holding: 8, type: s16, na: -32768, array: 3, scale: 0.1, "
	          "history: true}\n");
	rig_unit(1, true);
	rig_said();
	rig_report((struct report){.kind = REPORT_READ,
	                           .outcome = OUT_OK,
	                           .span = {1, TABLE_HOLDING, 8, 3},
	                           .word = {215, 0x8000, 0xFFFF}});
	assert_non_null(strstr(rig_said(), "pump/Temps [21.5,null,-0.1]"));
	assert_non_null(strstr(rig.said, "\"v\":[21.5,null,-0.1]}"));
	assert_non_null(strstr(rig.said, "\"Temps\":[21.5,null,-0.1]}"));
}

#define GROUP                                                                                      \
	"devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own}\n"                          \
	"  all: {bus: line, id: 0, profile: own}\n"
#define MEMBERS                                                                                    \
	"points:\n  Level: {holding: 3, write: true}\n  Watts: {holding: 9}\n"                     \
	"  Field: {holding: 5, bits: 0..3, write: true}\n"

/* Sent once, to nobody in particular: so much is reported, and the members are read. */
static void a_broadcast_is_sent_and_not_confirmed(void **state)
{
	(void)state;
	rig_begin(GROUP, MEMBERS);
	assert_non_null(strstr(rig_said(), "all/status online"));
	rig_unit(1, true);
	rig_read(3, 10);
	rig_said();
	rig_journal();
	rig_event((struct mqtt_event){.kind = MQTT_MESSAGE,
	                              .topic = mem_strdup("xnet/cmd/all/Level"),
	                              .payload = mem_strdup("20"),
	                              .len = 2,
	                              .response_topic = mem_strdup("answer/me"),
	                              .since = rig.now});
	assert_int_equal(rig_bus()->njob, 1);
	assert_int_equal(rig_bus()->job[0].span.unit, 0);
	const size_t asked = rig_bus()->ndemand;
	rig_job(3, 20, OUT_OK);
	assert_int_equal(rig_bus()->ndemand, asked + 1); /* of the member */
	assert_string_equal(rig_said(), "answer/me {\"ok\":true,\"param\":\"Level\",\"value\":"
	                                "\"20\",\"confirmed\":false}");
	assert_non_null(strstr(rig_journal(), "command all/Level = 20: sent (holding 3+1"));
	rig_read(3, 20);
	assert_string_equal(rig_said(), "pump/Level 20");
	rig_pass(60 * US_S);
	assert_int_equal(rig_bus()->njob, 0); /* never again */
	rig_command("xnet/cmd/all/Level", "30");
	rig_job(3, 30, OUT_LINK);
	assert_non_null(strstr(rig_said(), "the line went down; not known whether it was carried"));
	rig_pass(60 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
}

#define KEPT_BY_EACH                                                                               \
	"points:\n  Level: {holding: 3, write: true, verify: false, rewrite: 60s, "                \
	"safe: {value: 5, after: 10s, when: [broker]}, accept_retained: true}\n"

/* What a profile has written by itself is written by each device, not once more to all of them:
 * that would undo what was commanded to one. */
static void nothing_is_written_to_all_units_unasked(void **state)
{
	(void)state;
	rig_begin(GROUP, KEPT_BY_EACH);
	rig_unit(1, true);
	rig_command("xnet/cmd/all/Level", "20");
	rig_job(3, 20, OUT_OK);
	rig_pass(300 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	rig_broker(false);
	rig_pass(11 * US_S);
	assert_int_equal(rig_bus()->njob, 1);
	assert_int_equal(rig_bus()->job[0].span.unit, 1);
	rig_job(3, 5, OUT_OK);
	rig_broker(true);
	rig_said();
	rig_event((struct mqtt_event){.kind = MQTT_MESSAGE,
	                              .topic = mem_strdup("xnet/cmd/all/Level"),
	                              .payload = mem_strdup("20"),
	                              .len = 2,
	                              .retained = true,
	                              .since = rig.now});
	assert_int_equal(rig_bus()->njob, 0);
	assert_non_null(strstr(rig_said(), "retained"));
}

/* What is retained lies at the broker for as long as it likes, and comes first of all when it did
 * not respond for a while. */
static void a_retained_command_is_not_too_late(void **state)
{
	(void)state;
	rig_begin(DEVICE, "points:\n  Level: {holding: 3, write: true, accept_retained: true}\n");
	rig_unit(1, true);
	rig_pass(60 * US_S);
	rig_event((struct mqtt_event){.kind = MQTT_MESSAGE,
	                              .topic = mem_strdup("xnet/cmd/pump/Level"),
	                              .payload = mem_strdup("20"),
	                              .len = 2,
	                              .retained = true,
	                              .since = rig.now - 30 * US_S});
	rig_job(3, 20, OUT_OK);
}

/* Its keep-alive would undo a newer command to all units. */
static void a_broadcast_pauses_the_keep_alive_of_the_members(void **state)
{
	(void)state;
	rig_begin(GROUP, KEPT);
	rig_unit(1, true);
	rig_read(3, 10);
	command("20", 20);
	rig_pass(30 * US_S);
	rig_journal();
	rig_command("xnet/cmd/all/Level", "30");
	rig_job(3, 30, OUT_OK);
	assert_non_null(strstr(rig_journal(), "pump/Level: keep-alive paused"));
	rig_pass(300 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	command("40", 40);
	rig_pass(60 * US_S);
	rig_job(3, 40, OUT_OK);
	/* nor is it known what one did that may have been lost */
	rig_command("xnet/cmd/all/Level", "30");
	rig_report((struct report){.kind = REPORT_JOB,
	                           .outcome = OUT_LINK,
	                           .id = rig_bus()->job[0].id,
	                           .sent = rig.now});
	rig_bus()->njob = 0;
	rig_pass(300 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
}

/* Nor is what would need an answer, or what is too late. */
static void a_broadcast_is_refused_where_something_would_have_to_be_read(void **state)
{
	(void)state;
	static const char *const points[] = {"Field", "Watts"};
	rig_begin(GROUP, MEMBERS);
	rig_said();
	for (size_t i = 0; i < 2; i++) {
		char topic[64];
		snprintf(topic, sizeof topic, "xnet/cmd/all/%s", points[i]);
		rig_command(topic, "1");
		assert_int_equal(rig_bus()->njob, 0);
		assert_non_null(strstr(rig_said(), "all/Nak"));
	}
	rig_port(false);
	assert_non_null(strstr(rig_said(), "all/status offline"));
	rig_command("xnet/cmd/all/Level", "1");
	const struct job j = rig_bus()->job[0];
	rig_report((struct report){.kind = REPORT_JOB, .outcome = OUT_EXPIRED, .id = j.id});
	assert_non_null(strstr(rig_said(), "could not be sent in time"));
	rig_bus()->njob = 0;
	rig_port(true);
	assert_non_null(strstr(rig_said(), "all/status online"));
	rig_pass(60 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	/* one that a reload brings is there at once */
	rig_reload("devices:\n  every: {bus: line, id: broadcast, profile: own}\n");
	assert_non_null(strstr(rig_said(), "every/status online"));
}

/* At the top level: each command has an outcome, nothing is written, whatever a device says. */
static void commands_off_writes_nothing(void **state)
{
	(void)state;
	rig_begin(DEVICE, KEPT);
	rig.top = "commands: off\n";
	rig_reload("devices:\n  pump: {bus: line, id: 1, every: 1s, profile: own, commands: on}\n");
	rig_unit(1, true);
	rig_said();
	rig_command("xnet/cmd/pump/Level", "20");
	rig_command("xnet/cmd/pump", "{\"Level\": 21, \"Other\": 1}");
	rig_command("xnet/cmd/pump/Level", "nonsense");
	unsigned naks = 0;
	for (const char *s = rig_said(); (s = strstr(s, "pump/Nak ")); s++)
		naks++;
	assert_int_equal(naks, 4);
	assert_non_null(strstr(rig.said, "commands to all devices are disabled (commands: off at "
	                                 "the top level)"));
	rig_pass(120 * US_S);
	assert_int_equal(rig_bus()->njob, 0);
	rig.top = NULL;
	rig_reload(DEVICE);
	command("20", 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_clock_that_was_not_set_is_set_a_little_later),
		RIG_TEST(a_keep_alive_does_not_undo_what_the_control_socket_wrote),
		RIG_TEST(an_array_is_written_at_once_and_read_back),
		RIG_TEST(an_array_is_a_list_in_json),
		RIG_TEST(each_bit_of_an_array_is_seen),
		RIG_TEST(a_broadcast_is_sent_and_not_confirmed),
		RIG_TEST(a_broadcast_is_refused_where_something_would_have_to_be_read),
		RIG_TEST(nothing_is_written_to_all_units_unasked),
		RIG_TEST(a_retained_command_is_not_too_late),
		RIG_TEST(a_broadcast_pauses_the_keep_alive_of_the_members),
		RIG_TEST(commands_off_writes_nothing),
		RIG_TEST(a_keep_alive_repeats_what_was_commanded),
		RIG_TEST(a_keep_alive_does_not_miss_its_time_for_a_refused_command),
		RIG_TEST(a_keep_alive_does_not_toggle_again),
		RIG_TEST(a_reload_keeps_what_is_repeated_and_when),
		RIG_TEST(a_keep_alive_does_not_go_to_another_device),
		RIG_TEST(a_safe_value_does_not_go_to_another_device),
		RIG_TEST(a_stop_leaves_the_safe_value),
		RIG_TEST(a_safe_value_is_written_when_the_broker_stays_away),
		RIG_TEST(a_short_outage_of_the_broker_is_none),
		RIG_TEST(an_adhoc_request_holds_the_line_no_longer_than_a_poll),
		RIG_TEST(set_up_is_written_each_time_the_device_comes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
