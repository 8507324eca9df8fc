// SPDX-License-Identifier: MIT
/* Devices and their values: phases, staleness, what is derived, what is published and when. */
#include "daemon_rig.h"

#include "daemon/requests.h"

#define DEVICE(keys) "devices:\n  meter: {bus: line, id: 1, every: 1s, profile: own" keys "}\n"
#define POINTS                                                                                     \
	"points:\n"                                                                                \
	"  Watts: {holding: 0, scale: 0.1, stale: 5s}\n"                                           \
	"  Kind: {holding: 1}\n"
#define DERIVED POINTS "  Twice: {expr: \"Watts * 2\", decimals: 1}\n"
#define NAMED "identify: {point: Kind, equals: '7'}\n" POINTS

static void a_device_comes_and_goes_with_its_values(void **state)
{
	(void)state;
	rig_begin(DEVICE(", offline: {Watts: 0}"), POINTS);
	assert_string_equal(rig_said(), "meter/status offline\nhouse/status online\n"
	                                "house/Alerts {\"faults\":[],\"warnings\":[]}\n"
	                                "meter/Watts 0.0");
	rig_unit(1, true);
	assert_string_equal(rig_said(), "meter/status online");
	rig_read(0, 123);
	assert_string_equal(rig_said(), "meter/Watts 12.3");
	rig_read(0, 123);
	assert_string_equal(rig_said(), "");
	rig_unit(1, false);
	assert_string_equal(rig_said(), "meter/status offline\nmeter/Watts 0.0");
	/* it is back, with what it says now, not with what it said before */
	rig_unit(1, true);
	assert_string_equal(rig_said(), "meter/status online");
	rig_read(0, 123); /* the same words: published all the same */
	assert_string_equal(rig_said(), "meter/Watts 12.3");
	rig_port(false);
	assert_int_equal(strncmp(rig_said(), "meter/status offline\n", 21), 0);
	assert_non_null(strstr(rig.said, "\nmeter/Watts 0.0"));
}

static void what_is_not_read_any_more_has_no_value(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), DERIVED);
	rig_read(0, 123);
	rig_read(1, 9);
	assert_non_null(strstr(rig_said(), "meter/Watts 12.3\nmeter/Twice 24.6\nmeter/Kind 9"));
	rig_pass(4 * US_S);
	rig_read(1, 9); /* the device is there, but not this point */
	assert_string_equal(rig_said(), "");
	rig_pass(3 * US_S);
	assert_string_equal(rig_said(), "meter/Watts None\nmeter/Twice None");
	rig_read(0, 123);
	assert_string_equal(rig_said(), "meter/Watts 12.3\nmeter/Twice 24.6");
}

static void a_device_that_is_another_stays_offline(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), NAMED);
	rig_said();
	rig_unit(1, true);
	rig_read(0, 123);
	assert_string_equal(rig_said(), "");
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_IDENTIFYING);
	rig_read(1, 8);
	assert_int_equal(rig.g.plant->device[0].phase, PHASE_MISMATCH);
	assert_non_null(strstr(rig_said(), "identifies as 8"));
	assert_null(strstr(rig.said, "meter/"));
	rig_read(1, 9); /* another one again: said anew */
	assert_non_null(strstr(rig_said(), "identifies as 9"));
	rig_read(0, 124);
	assert_string_equal(rig_said(), "");
	const size_t asked = rig_bus()->ndemand;
	rig.now += US_MS;
	rig_read(1, 7);
	assert_non_null(strstr(rig_said(), "meter/status online"));
	assert_non_null(strstr(rig.said, "house/Alerts {\"faults\":[],\"warnings\":[]}"));
	assert_non_null(strstr(rig.said, "meter/Kind 7"));
	/* what the other one had is not its own; that is asked for at once */
	assert_null(strstr(rig.said, "meter/Watts"));
	assert_int_equal(rig_bus()->ndemand, asked + 1);
	rig_read(0, 125);
	assert_string_equal(rig_said(), "meter/Watts 12.5");
	rig_unit(1, false);
	assert_string_equal(rig_said(), "meter/status offline");
}

#define SCALED                                                                                     \
	"points:\n"                                                                                \
	"  Watts: {holding: 0, exponent_from: Exp, write: {verify: false}}\n"                      \
	"  Exp: {holding: 9, type: s16, every: 5m}\n"                                              \
	"  Twice: {expr: \"Watts * 2\", decimals: 0}\n"                                            \
	"  Sum: {expr: \"Raw + Base\", decimals: 0}\n"                                             \
	"  Raw: {holding: 20}\n"                                                                   \
	"  Base: {holding: 21, every: 5m}\n"

/* Whatever comes back after it was away may be another device: with its own scale. */
static void what_is_back_is_not_scaled_as_before(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), SCALED);
	rig_read(9, 0);
	rig_read(0, 100);
	rig_read(21, 1000);
	rig_read(20, 1);
	assert_non_null(strstr(rig_said(), "meter/Watts 100\nmeter/Twice 200"));
	assert_non_null(strstr(rig.said, "meter/Sum 1001"));
	rig_pass(5 * US_S);
	rig_unit(1, false);
	rig_pass(5 * US_S);
	rig_command("xnet/cmd/meter/Watts", "500");
	rig_unit(1, true);
	rig_said();
	rig_command("xnet/cmd/meter/Watts", "500");
	assert_int_equal(rig_bus()->njob, 0);
	assert_non_null(strstr(rig_said(), "its scale has not been read yet"));
	rig_event((struct mqtt_event){.kind = MQTT_MESSAGE,
	                              .topic = mem_strdup("xnet/get/meter/Watts"),
	                              .payload = mem_strdup(""),
	                              .response_topic = mem_strdup("answer/me"),
	                              .since = rig.now});
	rig_read(0, 100);
	rig_read(20, 2);
	assert_string_equal(rig_said(), "meter/Raw 2"); /* nor is a get answered yet */
	rig_read(9, 1);
	assert_non_null(strstr(rig_said(), "meter/Exp 1\nmeter/Watts 1000\nmeter/Twice 2000"));
	assert_non_null(strstr(rig.said, "answer/me {\"ok\":true,\"param\":\"Watts\","
	                                 "\"value\":\"1000\"}"));
	rig_read(21, 3000);
	assert_string_equal(rig_said(), "meter/Base 3000\nmeter/Sum 3002");
	rig_command("xnet/cmd/meter/Watts", "500");
	rig_job(0, 50, OUT_OK);
	/* after a reload nothing is waited for again */
	rig_pass(US_S);
	rig_reload(DEVICE(""));
	rig_said();
	rig_read(0, 70);
	rig_read(20, 7);
	assert_non_null(strstr(rig_said(), "meter/Watts 700"));
	assert_non_null(strstr(rig.said, "meter/Sum 3007"));
	rig_unit(1, false);
	rig_unit(1, true);
	rig_read(0, 100); /* the scale is not there any more */
	rig_report((struct report){.kind = REPORT_ASIDE,
	                           .outcome = OUT_REFUSED,
	                           .exception = 2,
	                           .span = {1, TABLE_HOLDING, 9, 1}});
	rig_pass(120 * US_S);
	assert_non_null(strstr(rig_said(), "meter/Watts None"));
}

/* A driver without RS-485, for one: direction is switched by RTS. */
static void what_is_to_be_known_of_a_port_stands_in_the_state_of_its_bus(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), POINTS);
	rig.mqtt = "broker: mqtt://h, client_id: c, sys_interval: 10s";
	rig.note = "direction is switched by RTS";
	rig_reload(DEVICE(""));
	rig_unit(1, true);
	rig_pass(10 * US_S);
	assert_non_null(strstr(rig_said(), "bus/line/state up: direction is switched by RTS\n"));
}

#define HEALTH "broker: mqtt://h, client_id: c, sys_interval: 10s"

static void health_begin(const char *devices, const char *profile)
{
	rig_begin(devices, profile);
	rig.mqtt = HEALTH;
	rig_reload(devices);
	rig_said();
	rig_journal();
}

/* What came, by number and name, and to what. */
static void the_last_error_has_request_and_response(void **state)
{
	(void)state;
	static const struct {
		enum outcome outcome;
		uint8_t exception;
		struct instead instead;
		uint16_t n;
		const char *words;
	} row[] = {
		{OUT_REFUSED,
	         2,
	         {0},
	         1,
	         "exception 2, illegal data address, to holding register 0 of unit 1"},
		{OUT_REFUSED,
	         99,
	         {0},
	         1,
	         "exception 99, not in the specification, to holding register 0 of unit 1"},
		{OUT_TIMEOUT,
	         0,
	         {0},
	         2,
	         "no response; asked for holding registers 0 to 1 of unit 1"},
		{OUT_GARBLED,
	         0,
	         {.kind = INSTEAD_UNIT, .is = 9, .should = 1},
	         1,
	         "response from unit id 9 instead of 1: check id; asked for holding register 0 of "
	         "unit 1"},
		{OUT_TIMEOUT,
	         11,
	         {.kind = INSTEAD_PATH, .tcp = true, .is = 11},
	         1,
	         "exception 11, gateway target does not respond: the gateway responds, the unit "
	         "behind "
	         "it does not; asked for holding register 0 of unit 1"},
		{OUT_GARBLED,
	         0,
	         {0},
	         1,
	         "response corrupted; asked for holding register 0 of unit 1"},
		{OUT_DROPPED,
	         0,
	         {0},
	         1,
	         "another client is on the line; asked for holding register 0 of unit 1"},
	};
	health_begin(DEVICE(""), POINTS);
	rig_unit(1, true);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char line[256];
		rig_failed(0, row[i].n, row[i].outcome, row[i].exception, row[i].instead);
		rig_pass(10 * US_S);
		snprintf(line, sizeof line, "device/meter/last_error %s\n", row[i].words);
		if (!strstr(rig_said(), line))
			fail_msg("not %sbut %s", line, rig.said);
	}
}

static void the_last_error_may_be_of_a_write(void **state)
{
	(void)state;
	health_begin(DEVICE(""), "points:\n  Level: {holding: 4, write: {function: fc6}}\n");
	rig_unit(1, true);
	rig_command("xnet/cmd/meter/Level", "5");
	const struct job j = rig_bus()->job[0];
	rig_report((struct report){.kind = REPORT_JOB,
	                           .outcome = OUT_REFUSED,
	                           .exception = 3,
	                           .id = j.id,
	                           .span = j.span,
	                           .sent = rig.now});
	rig_pass(10 * US_S);
	assert_non_null(strstr(rig_said(), "\"reason\":\"refused by the device: exception 3, "
	                                   "illegal data value\""));
	assert_non_null(strstr(rig.said, "device/meter/last_error exception 3, illegal data value, "
	                                 "to a write of holding register 4 of unit 1\n"));
}

/* Also to the sender of a command: "no response" only where nothing came. */
static void what_came_instead_of_the_response_to_a_command_is_in_its_nak(void **state)
{
	(void)state;
	static const struct {
		enum outcome outcome;
		bool sent;
		struct instead instead;
		const char *reason;
	} row[] = {
		{OUT_TIMEOUT, true, {0}, "no response; not known whether it was carried out"},
		{OUT_TIMEOUT,
	         true,
	         {.kind = INSTEAD_UNIT, .is = 9, .should = 1},
	         "response from unit id 9 instead of 1: check id; not known whether it was "
	         "carried out"},
		{OUT_GARBLED,
	         true,
	         {.kind = INSTEAD_VALUE},
	         "response to a write has another address or value: see loose_echo; not known "
	         "whether it was carried out"},
		{OUT_TIMEOUT,
	         true,
	         {.kind = INSTEAD_PATH, .tcp = true, .is = 11},
	         "exception 11, gateway target does not respond: the gateway responds, the unit "
	         "behind it does not; not known whether it was carried out"},
		{OUT_TIMEOUT,
	         false,
	         {.kind = INSTEAD_TRANSACTION, .tcp = true, .is = 6, .should = 5},
	         "response with transaction id 6 instead of 5; nothing was written"},
		{OUT_TIMEOUT, false, {0}, "no response; nothing was written"},
	};
	health_begin(DEVICE(""), "points:\n  Level: {holding: 4, write: only}\n");
	rig_unit(1, true);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char reason[256];
		if (!row[i].sent)
			rig_unit(1, false); /* else it would be sent again */
		rig_command("xnet/cmd/meter/Level", "5");
		const struct job j = rig_bus()->job[rig_bus()->njob - 1];
		rig_said();
		rig_report((struct report){.kind = REPORT_JOB,
		                           .outcome = (uint8_t)row[i].outcome,
		                           .instead = row[i].instead,
		                           .id = j.id,
		                           .span = j.span,
		                           .sent = row[i].sent ? rig.now : 0});
		snprintf(reason, sizeof reason, "\"reason\":\"%s\"", row[i].reason);
		if (!strstr(rig_said(), reason))
			fail_msg("not %s but %s", reason, rig.said);
	}
}

/* "None responds" is said only where nothing came. */
static void a_line_without_a_valid_response_reports_what_came(void **state)
{
	(void)state;
	static const struct {
		enum outcome outcome;
		struct instead instead;
		const char *words;
	} row[] = {
		{OUT_TIMEOUT, {0}, ": its only device does not respond; check A/B"},
		{OUT_GARBLED,
	         {0},
	         ": response corrupted; asked for holding register 0 of unit 1\n"},
		{OUT_DROPPED, {0}, ": another client is on the line; asked for"},
		{OUT_TIMEOUT,
	         {.kind = INSTEAD_NOISE, .is = 7},
	         ": 7 bytes received that are not Modbus"},
		{OUT_TIMEOUT,
	         {.kind = INSTEAD_PATH, .is = 10},
	         ": exception 10, gateway path unavailable:"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		health_begin(DEVICE(""), POINTS);
		rig_failed(0, 1, row[i].outcome, 0, row[i].instead);
		rig_pass(20 * US_S);
		const char *at = strstr(rig_said(), "bus/line/state ");
		if (!at || !strstr(at, row[i].words))
			fail_msg("%zu: %s", i, rig.said);
		assert_non_null(strstr(rig_journal(), row[i].words));
		rig_reload(DEVICE(", omit: [Kind]")); /* is no reason to say less */
		rig_said();
		rig_pass(10 * US_S);
		at = strstr(rig_said(), "bus/line/state ");
		assert_true(!at || strstr(at, row[i].words));
		if (i + 1 < sizeof row / sizeof *row)
			rig_end(state);
	}
}

static void a_device_never_reached_is_logged_once_with_the_likely_causes(void **state)
{
	(void)state;
	health_begin(DEVICE(""), POINTS);
	for (int i = 0; i < 9; i++) {
		rig_failed(0, 2, OUT_TIMEOUT, 0, (struct instead){0});
		rig_pass(US_S);
	}
	assert_null(strstr(rig_journal(), "unreachable"));
	rig_pass(2 * US_S);
	assert_non_null(
		strstr(rig_journal(),
	               "device meter: unreachable since the start (unit id 1 on bus line): no "
	               "response; asked for holding registers 0 to 1 of unit 1; check id, "
	               "baud, format, wiring (A/B), power, timeout\n"));
	for (int i = 0; i < 90; i++) {
		rig_failed(0, 2, OUT_TIMEOUT, 0, (struct instead){0});
		rig_pass(US_S);
	}
	assert_null(strstr(rig_journal(), "unreachable"));
}

static void the_description_of_a_bus_is_a_topic_of_it(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), POINTS);
	rig.mqtt = HEALTH;
	rig.line = "port: /dev/none, description: the cable in the cellar";
	rig_reload(DEVICE(""));
	assert_non_null(strstr(rig_said(), "bus/line/description the cable in the cellar\n"));
	rig.line = NULL;
	rig_reload(DEVICE(""));
	assert_non_null(strstr(rig_said(), "bus/line/description \n"));
}

/* A client of the control socket wants the line for so long (0: as long as it may). */
static bool holds(client_t client, us_t lasts)
{
	const struct control_request r = {.verb = CONTROL_HOLD, .lasts = lasts};
	requests_hold(&rig.g, client, &r, 0);
	rig_turn();
	return requests_holds(&rig.g, client);
}

/* After 10 s its devices are offline, after 120 s it is released by itself, and then rests. */
static void a_held_line_comes_back_by_itself(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), POINTS);
	rig_unit(1, true);
	rig_said();
	assert_true(holds(7, 0));
	assert_true(rig_bus()->held);
	assert_false(holds(8, 0)); /* one at a time */
	rig_pass(9900 * US_MS);
	assert_null(strstr(rig_said(), "status"));
	rig_pass(200 * US_MS);
	assert_non_null(strstr(rig_said(), "meter/status offline"));
	rig_pass(109700 * US_MS);
	assert_true(rig_bus()->held);
	rig_pass(400 * US_MS);
	assert_false(rig_bus()->held);
	assert_false(requests_holds(&rig.g, 7));
	assert_non_null(strstr(rig_journal(), "bus line is released after 120.0 s: time"));
	assert_false(holds(8, 0));
	rig_pass(9 * US_S);
	assert_false(holds(8, 0));
	rig_pass(2 * US_S);
	assert_true(holds(8, 5 * US_S));
	rig_unit(1, true);
	rig_pass(5 * US_S);
	assert_false(rig_bus()->held);
}

static void a_held_line_comes_back_when_its_holder_goes(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), POINTS);
	rig_unit(1, true);
	assert_true(holds(7, 0));
	requests_client_gone(&rig.g, 8); /* another */
	assert_true(rig_bus()->held);
	rig_pass(20 * US_S);
	rig_said();
	requests_client_gone(&rig.g, 7);
	rig_turn();
	assert_false(rig_bus()->held);
	assert_non_null(
		strstr(rig_journal(), "bus line is released after 20.0 s: its client has gone"));
	rig_unit(1, true); /* it answers the polls again */
	assert_string_equal(rig_said(), "meter/status online");
}

static void a_reload_gives_a_held_line_back(void **state)
{
	(void)state;
	rig_begin(DEVICE(""), POINTS);
	rig_unit(1, true);
	assert_true(holds(7, 0));
	rig_reload(DEVICE(", json: true"));
	assert_false(rig_bus()->held);
	assert_false(requests_holds(&rig.g, 7));
	assert_non_null(strstr(rig_journal(), "bus line is released after 0.0 s: reload"));
	assert_true(holds(8, 0)); /* after so short a hold there is no rest */
	rig_port(false);
	rig_pass(10 * US_S);
	assert_false(rig_bus()->held); /* nothing to hold any more */
}

#define MANY "points:\n  P{n}: {holding: 0, repeat: {n: 1..8}, valid: {min: 1, max: 100}}\n"

static void aside(uint16_t addr, enum outcome outcome, uint8_t exception)
{
	rig_report((struct report){.kind = REPORT_ASIDE,
	                           .outcome = (uint8_t)outcome,
	                           .exception = exception,
	                           .span = {1, TABLE_HOLDING, addr, 1}});
}

static bool suspected(void)
{
	rig_pass(25 * US_S);
	const bool is = strstr(rig_said(), "online: wrong profile? ");
	const bool logged = strstr(rig_journal(), "device meter: wrong profile? ");
	assert_int_equal(is, logged);
	assert_int_equal(is, strstr(rig.said, "\"code\":12") != NULL);
	return is;
}

static void a_wrong_profile_is_suspected_until_it_is_right(void **state)
{
	(void)state;
	health_begin(DEVICE(""), MANY);
	rig_unit(1, true);
	for (uint16_t i = 0; i < 5; i++)
		aside(i, OUT_REFUSED, 2);
	assert_true(suspected());
	assert_non_null(strstr(rig.said, "5 of 8 points are refused (exception 2, illegal data "
	                                 "address): profile own may be wrong for this model or "
	                                 "firmware, or a different device has unit id 1; see "
	                                 "xnetctl probe line --id 1"));
	assert_false(suspected()); /* said once */
	rig_reload(DEVICE(", json: true"));
	rig_said();
	rig_read(0, 50);
	rig_pass(10 * US_S);
	assert_non_null(strstr(rig_journal(), "device meter: its profile fits"));
	assert_non_null(strstr(rig_said(), "device/meter/state online\n"));
	assert_non_null(strstr(rig.said, "house/Alerts {\"faults\":[],\"warnings\":[]}"));
}

static void values_that_are_all_implausible_are_suspected(void **state)
{
	(void)state;
	health_begin(DEVICE(""), MANY);
	rig_unit(1, true);
	for (uint16_t i = 0; i < 8; i++)
		rig_read(i, 1000);
	assert_true(suspected());
	assert_non_null(strstr(rig.said, "all 8 values that have a range are outside it"));
	rig_read(3, 7);
	rig_pass(10 * US_S);
	assert_non_null(strstr(rig_journal(), "its profile fits"));
}

/* A reload that changes the profile has another device in its place. */
static void another_profile_ends_the_suspicion(void **state)
{
	(void)state;
	health_begin(DEVICE(""), MANY);
	rig_unit(1, true);
	for (uint16_t i = 0; i < 8; i++)
		aside(i, OUT_REFUSED, 2);
	assert_true(suspected());
	rig_reload("devices:\n  meter: {bus: line, id: 1, points: {A: {holding: 0}, B: {holding: "
	           "1}}}\n");
	assert_non_null(strstr(rig_said(), "house/Alerts "));
	assert_null(strstr(rig.said, "\"code\":12"));
	rig_unit(1, true);
	aside(0, OUT_REFUSED, 2);
	aside(1, OUT_REFUSED, 2);
	assert_true(suspected());
	assert_non_null(strstr(rig.said, "the addresses may count from 1 (address_base)"));
	rig_reload("devices:\n  other: {bus: line, id: 1, points: {A: {holding: 0}}}\n");
	assert_non_null(strstr(rig_said(), "house/Alerts "));
	assert_null(strstr(rig.said, "\"code\":12"));
}

static void no_profile_is_suspected_for_less(void **state)
{
	(void)state;
	static const struct {
		unsigned asides;
		enum outcome outcome;
		uint8_t exception;
		unsigned reads;
		uint16_t word;
	} row[] = {
		{4, OUT_REFUSED, 2, 0, 0}, /* some blocks are not there */
		{8, OUT_TIMEOUT, 0, 0, 0}, /* a bad line */
		{8, OUT_GARBLED, 0, 0, 0}, /* a bad line */
		{8, OUT_REFUSED, EXC_BUSY, 0, 0},
		{8, OUT_REFUSED, EXC_FAILURE, 0, 0},
		{8, OUT_REFUSED, EXC_GATEWAY_TARGET, 0, 0},
		{0, OUT_OK, 0, 8, 0xFFFF}, /* it sleeps */
		{0, OUT_OK, 0, 8, 0},      /* it sleeps */
		{0, OUT_OK, 0, 1, 1000},   /* one alone */
		{0, OUT_OK, 0, 0, 0},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		health_begin(DEVICE(""), MANY);
		rig_unit(1, true);
		for (uint16_t k = 0; k < row[i].asides; k++)
			aside(k, row[i].outcome, row[i].exception);
		for (uint16_t k = 0; k < row[i].reads; k++)
			rig_read(k, row[i].word);
		if (suspected())
			fail_msg("row %zu: %s", i, rig.said);
		if (i + 1 < sizeof row / sizeof *row)
			rig_end(state);
	}
}

/* Of how many devices this was published. */
static unsigned devices_said(const char *topic)
{
	struct outgoing m;
	unsigned n = 0;
	while (outbox_take(rig.g.outbox, &m)) {
		const char *leaf = strrchr(m.topic, '/');
		n += strstr(m.topic, "/device/meter") && strcmp(leaf, topic) == 0;
		outbox_sent(rig.g.outbox, m.item);
	}
	return n;
}

static void figures_of_many_devices_leave_room_for_values(void **state)
{
	(void)state;
	unsigned all = 0, most = 0;
	rig_begin(DEVICE(""), POINTS);
	rig.mqtt = "broker: mqtt://h, client_id: c, sys_interval: 10s";
	rig_reload("devices:\n  meter(1..200): {bus: line, id: 1..200, profile: own}\n");
	for (int i = 0; i < 200; i++) {
		const unsigned n = devices_said("/invalid");
		all += n;
		most = n > most ? n : most;
		rig_pass(10 * US_MS);
	}
	assert_int_equal(all, 200);
	assert_in_range(most, 1, 40);
}

/* They are long; while values go first none is made to wait behind another. */
static void infos_of_many_devices_do_not_wait_together(void **state)
{
	(void)state;
	unsigned all = 0;
	rig_begin(DEVICE(""), POINTS);
	rig.mqtt = HEALTH;
	rig_reload("devices:\n  meter(1..20): {bus: line, id: 1..20, profile: own}\n");
	rig_pass(5 * US_S);
	assert_in_range(all = devices_said("/info"), 1, 2);
	for (int i = 0; i < 60; i++) {
		rig_pass(20 * US_MS);
		all += devices_said("/info");
	}
	assert_int_equal(all, 20);
	rig_broker(false);
	rig_broker(true);
	for (int i = 0; i < 60; i++) {
		rig_pass(20 * US_MS);
		all += devices_said("/info");
	}
	assert_int_equal(all, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_device_comes_and_goes_with_its_values),
		RIG_TEST(what_is_not_read_any_more_has_no_value),
		RIG_TEST(a_device_that_is_another_stays_offline),
		RIG_TEST(what_is_back_is_not_scaled_as_before),
		RIG_TEST(what_is_to_be_known_of_a_port_stands_in_the_state_of_its_bus),
		RIG_TEST(a_wrong_profile_is_suspected_until_it_is_right),
		RIG_TEST(values_that_are_all_implausible_are_suspected),
		RIG_TEST(another_profile_ends_the_suspicion),
		RIG_TEST(no_profile_is_suspected_for_less),
		RIG_TEST(the_description_of_a_bus_is_a_topic_of_it),
		RIG_TEST(a_held_line_comes_back_by_itself),
		RIG_TEST(a_held_line_comes_back_when_its_holder_goes),
		RIG_TEST(a_reload_gives_a_held_line_back),
		RIG_TEST(the_last_error_has_request_and_response),
		RIG_TEST(the_last_error_may_be_of_a_write),
		RIG_TEST(what_came_instead_of_the_response_to_a_command_is_in_its_nak),
		RIG_TEST(a_line_without_a_valid_response_reports_what_came),
		RIG_TEST(a_device_never_reached_is_logged_once_with_the_likely_causes),
		RIG_TEST(figures_of_many_devices_leave_room_for_values),
		RIG_TEST(infos_of_many_devices_do_not_wait_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
