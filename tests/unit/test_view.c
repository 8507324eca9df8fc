// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "view/names.h"
#include "view/view.h"

static us_t now;

static bool take(struct view *v, const char *topic, const char *payload, bool retained)
{
	return view_take(v, &(struct view_message){.topic = topic,
	                                           .payload = payload,
	                                           .len = strlen(payload),
	                                           .retained = retained,
	                                           .now = now,
	                                           .wall = 1795255200000});
}

static void house(struct view *v)
{
	static const char *const text[][2] = {
		{"xnet/sts/barn/status", "online"},
		{"xnet/sts/barn/Alerts", "{\"faults\":[],\"warnings\":[]}"},
		{"xnet/$SYS/barn/version", "0.2.0"},
		{"xnet/$SYS/barn/bus/rs485/state", "up"},
		{"xnet/$SYS/barn/bus/rs485/load/1min", "63.0"},
		{"xnet/$SYS/barn/device/meter1/state", "online"},
		{"xnet/$SYS/barn/device/meter1/last_seen", "2026-11-21T10:00:00.000Z"},
		{"xnet/$SYS/barn/device/meter1/info",
	         "{\"title\":\"Meter\",\"bus\":\"rs485\",\"id\":2,\"points\":["
	         "{\"name\":\"Volts\",\"type\":\"number\",\"unit\":\"V\",\"writable\":false},"
	         "{\"name\":\"Mode\",\"type\":\"enum\",\"writable\":true,\"min\":0,"
	         "\"labels\":[\"off\",\"on\"]}]}"},
		{"xnet/sts/meter1/status", "online"},
		{"xnet/sts/meter1/Volts", "230.5"},
	};
	now = 1000 * US_S;
	for (size_t i = 0; i < sizeof text / sizeof *text; i++)
		assert_true(take(v, text[i][0], text[i][1], true));
}

static void rows_come_of_topics(void **state)
{
	(void)state;
	struct view *v = view_create("xnet");
	struct view_sum sum;
	house(v);
	const struct view_gateway *g = view_gateway(v, "barn");
	const struct view_device *d = view_device(v, "meter1");
	assert_true(view_gateway_there(v, g) && view_device_there(v, d));
	assert_true(view_owns(v, g, d) && view_current(v, d));
	assert_false(view_device_there(v, view_device(v, "barn")));
	assert_string_equal(d->title, "Meter");
	assert_int_equal(d->unit, 2);
	assert_string_equal(view_point(d, "Volts")->text, "230.5");
	assert_string_equal(view_point(d, "Volts")->unit, "V");
	const struct view_point *mode = view_point(d, "Mode");
	assert_true(mode->writable && mode->has_min && !mode->has_max && mode->nlabel == 2);
	view_sum(v, g, &sum);
	assert_int_equal(sum.devices, 1);
	assert_int_equal(sum.online, 1);
	assert_false(sum.wrong);
	assert_string_equal(sum.worst->name, "rs485");
	assert_int_equal(v->ignored, 0);
	assert_false(take(v, "other/sts/meter1/Volts", "1", true));
	view_destroy(v);
	view_destroy(NULL);
}

/* A gateway that is gone leaves `online` on its devices: the Last Will is the gateway's only. */
static void a_gateway_that_is_gone_takes_its_devices_with_it(void **state)
{
	(void)state;
	struct view *v = view_create("xnet");
	struct view_sum sum;
	house(v);
	assert_true(take(v, "xnet/sts/barn/status", "offline", false));
	const struct view_device *d = view_device(v, "meter1");
	assert_false(view_current(v, d));
	assert_string_equal(view_trouble(v, d), "its gateway is offline");
	view_sum(v, view_gateway(v, "barn"), &sum);
	assert_int_equal(sum.online, 0);
	assert_true(sum.wrong);
	assert_int_equal(v->nlog, 1);
	assert_string_equal(v->log[0].source, "barn");
	view_destroy(v);
}

static void every_kind_of_trouble_is_wrong(void **state)
{
	(void)state;
	static const char *const text[][3] = {
		{"xnet/sts/meter1/status", "offline", "y"},
		{"xnet/sts/meter1/status", "", "y"},
		{"xnet/$SYS/barn/bus/rs485/state", "silent since 10:00", "y"},
		{"xnet/sts/meter1/Alerts", "{\"faults\":[{\"code\":4,\"desc\":\"hot\"}]}", "y"},
		{"xnet/sts/barn/Alerts", "{\"faults\":[{\"code\":1,\"desc\":\"port\"}]}", "y"},
		{"xnet/sts/meter1/Alerts", "{\"warnings\":[{\"code\":4,\"desc\":\"fan\"}]}", ""},
		{"xnet/$SYS/barn/device/meter1/state", "disabled", ""},
	};
	for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
		struct view *v = view_create("xnet");
		struct view_sum sum;
		house(v);
		take(v, text[i][0], text[i][1], false);
		view_sum(v, view_gateway(v, "barn"), &sum);
		assert_int_equal(sum.wrong, *text[i][2] != '\0');
		view_destroy(v);
	}
}

static void two_gateways_that_have_one_device_are_a_conflict_while_both_live(void **state)
{
	(void)state;
	struct view *v = view_create("site7/xnet");
	const char *a, *b;
	take(v, "site7/xnet/sts/north/status", "online", true);
	take(v, "site7/xnet/sts/south/status", "online", true);
	take(v, "site7/xnet/$SYS/north/device/pump/state", "online", true);
	take(v, "site7/xnet/sts/pump/status", "online", true);
	const struct view_device *d = view_device(v, "pump");
	assert_false(view_conflict(v, d, &a, &b));
	take(v, "site7/xnet/$SYS/south/device/pump/state", "online", true);
	assert_true(view_conflict(v, d, &a, &b));
	assert_string_equal(a, "north");
	assert_string_equal(b, "south");
	assert_true(view_owns(v, view_gateway(v, "north"), d));
	take(v, "site7/xnet/sts/north/status", "offline", false);
	assert_false(view_conflict(v, d, &a, &b));
	assert_true(view_owns(v, view_gateway(v, "south"), d));
	assert_true(view_current(v, d));
	take(v, "site7/xnet/$SYS/south/device/pump/state", "disabled", false);
	assert_true(view_owns(v, view_gateway(v, "north"), d));
	view_destroy(v);
}

static void
the_age_of_a_retained_value_is_not_known_and_of_a_device_by_its_gateways_clock(void **state)
{
	(void)state;
	struct view *v = view_create("xnet");
	house(v);
	struct view_device *d = view_device(v, "meter1");
	assert_int_equal(view_point(d, "Volts")->at, 0);
	assert_int_equal(view_age(v, d, now), -1);
	take(v, "xnet/$SYS/barn/time", "2026-11-21T10:00:30.500Z", true);
	assert_int_equal(view_age(v, d, now), 30500 * US_MS);
	take(v, "xnet/$SYS/barn/time", "2026-11-21T10:00:40.500Z", false);
	now += US_S;
	assert_int_equal(view_age(v, d, now), 41500 * US_MS);
	take(v, "xnet/sts/meter1/Volts", "230.6", false);
	now += 2 * US_S;
	assert_int_equal(view_age(v, d, now), 2 * US_S);
	/* a forged or wrong clock gives no negative age */
	take(v, "xnet/$SYS/barn/time", "1999-11-21T10:00:40.500Z", false);
	assert_true(view_age(v, d, now) >= 0);
	view_destroy(v);
}

static void what_is_gone_is_gone(void **state)
{
	(void)state;
	static const char *const topic[] = {
		"xnet/sts/meter1/status",
		"xnet/sts/meter1/Volts",
		"xnet/$SYS/barn/device/meter1/state",
		"xnet/$SYS/barn/device/meter1/last_seen",
		"xnet/$SYS/barn/device/meter1/info",
		"xnet/$SYS/barn/version",
		"xnet/$SYS/barn/bus/rs485/state",
		"xnet/$SYS/barn/bus/rs485/load/1min",
		"xnet/sts/barn/status",
	};
	struct view *v = view_create("xnet");
	house(v);
	const uint64_t epoch = v->epoch;
	for (size_t i = 0; i < sizeof topic / sizeof *topic; i++)
		assert_true(take(v, topic[i], "", false));
	assert_false(view_device_there(v, view_device(v, "meter1")));
	assert_false(view_gateway_there(v, view_gateway(v, "barn")));
	/* and never seen things that go leave nothing */
	assert_false(take(v, "xnet/sts/ghost/status", "", false));
	assert_false(take(v, "xnet/sts/meter1/Ghost", "", false));
	assert_false(take(v, "xnet/$SYS/barn/device/ghost/state", "", false));
	assert_null(view_device(v, "ghost"));
	view_clear(v);
	assert_true(v->epoch > epoch && v->ndevice == 0 && v->ngateway == 0);
	view_destroy(v);
}

static void the_log_has_alerts_that_come_and_go_and_refusals(void **state)
{
	(void)state;
	struct view *v = view_create("xnet");
	house(v);
	take(v, "xnet/sts/meter1/Alerts",
	     "{\"faults\":[{\"code\":4,\"desc\":\"hot\"}],\"warnings\":[]}", false);
	take(v, "xnet/sts/meter1/Alerts",
	     "{\"faults\":[{\"code\":4,\"desc\":\"hot\"}],\"warnings\":[]}", false);
	take(v, "xnet/sts/meter1/Alerts", "{\"faults\":[],\"warnings\":[]}", false);
	take(v, "xnet/sts/meter1/Nak",
	     "{\"param\":\"Mode\",\"value\":\"9\",\"reason\":\"above the maximum 1\"}", false);
	take(v, "xnet/sts/barn/Nak",
	     "{\"device\":\"relay1\",\"param\":\"Relay1\",\"value\":\"on\",\"reason\":\"no\"}",
	     false);
	assert_int_equal(v->nlog, 4);
	assert_string_equal(v->log[0].text, "fault 4: hot");
	assert_string_equal(v->log[1].text, "fault 4 is over: hot");
	assert_false(v->log[1].bad);
	assert_string_equal(v->log[2].text, "Mode 9: above the maximum 1");
	assert_string_equal(v->log[3].source, "relay1");
	for (int i = 0; i < VIEW_LOG + 10; i++)
		view_log(v, VIEW_COMMAND, false, "meter1", "Mode on: verified", 1);
	assert_string_equal(v->log[3].text, "Mode on: verified");
	view_destroy(v);
}

static unsigned looked;

static const char *name_at(const void *array, size_t place)
{
	looked++;
	return ((const char(*)[8])array)[place];
}

/* As a peer may choose them that knows the function, but not the seed. */
static void names_that_meet_in_a_known_hash_do_not_meet(void **state)
{
	(void)state;
	enum { NAMES = 500, BITS = 0x7ff };
	static char name[NAMES][8];
	struct names h = {0};
	for (unsigned i = 0, n = 0; n < NAMES; i++) {
		uint32_t fnv = 2166136261u;
		snprintf(name[n], sizeof name[n], "%x", i);
		for (const char *s = name[n]; *s; s++)
			fnv = (fnv ^ (unsigned char)*s) * 16777619u;
		n += (fnv & BITS) == 0;
	}
	looked = 0;
	for (unsigned i = 0; i < NAMES; i++) {
		assert_int_equal(names_find(&h, name_at, name, name[i], strlen(name[i])), -1);
		names_add(&h, name_at, name);
	}
	for (unsigned i = 0; i < NAMES; i++)
		assert_int_equal(names_find(&h, name_at, name, name[i], strlen(name[i])), i);
	names_free(&h);
	assert_true(looked < 20 * NAMES);
}

static void hostile_names_and_texts_do_no_harm(void **state)
{
	(void)state;
	static const char *const topic[] = {
		"xnet/sts/a\x1b[2J/Volts",
		"xnet/sts/meter1/a\342\200\256b",
		"xnet/sts/\xff\xfe/status",
		"xnet/sts//status",
		"xnet/sts/meter1/",
		"xnet/$SYS/\x1b]0;x\x07/version",
		"xnet/$SYS/barn/device/\x01/state",
		"xnet/$SYS//version",
		"xnet/$SYS/barn",
		"xnet/sts",
		"xnet/",
		"xnet",
		"",
		"xnet/sts/a/b/c/d/e/f/g/h/i/j",
		"xnet/$SYS/barn/device/x/info/y",
		"xnet/$SYS/barn/bus//state",
		"xnet/sts/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/P",
	};
	static const char *const payload[] = {
		"{\"points\":[{\"name\":5},{},7,{\"name\":\"\\u001b[2J\"}],\"id\":1e99}",
		"{\"faults\":[7,{\"code\":1e30},{\"desc\":{}}],\"warnings\":{}}",
		"{\"faults\":[",
		"[[[[[[",
		"\x1b[31mred",
		"\xff\xff",
		"null",
		"{\"param\":{}}",
		"<img src=x onerror=alert(1)>",
	};
	struct view *v = view_create("xnet");
	house(v);
	for (size_t i = 0; i < sizeof topic / sizeof *topic; i++)
		for (size_t k = 0; k < sizeof payload / sizeof *payload; k++)
			take(v, topic[i], payload[k], k % 2);
	static const char *const known[] = {
		"xnet/sts/meter1/Volts",
		"xnet/sts/meter1/Alerts",
		"xnet/sts/meter1/Nak",
		"xnet/sts/meter1/status",
		"xnet/$SYS/barn/device/meter1/info",
		"xnet/$SYS/barn/version",
		"xnet/$SYS/barn/time",
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		for (size_t k = 0; k < sizeof payload / sizeof *payload; k++)
			take(v, known[i], payload[k], k % 2);
	assert_null(view_device(v, "a\x1b[2J"));
	assert_null(view_device(v, ""));
	const struct view_device *d = view_device(v, "meter1");
	for (size_t i = 0; i < d->npoint; i++)
		assert_null(strchr(d->point[i].name, 0x1b));
	assert_string_equal(view_point(d, "Volts")->text, "<img src=x onerror=alert(1)>");
	take(v, "xnet/sts/meter1/Volts", "\x1b[31m5", false);
	assert_string_equal(view_point(d, "Volts")->text, " [31m5");
	assert_true(v->ignored > 0);
	/* a name that is markup is a name */
	assert_true(take(v, "xnet/sts/<b>x<b>/<img src=x onerror=alert(1)>", "1", true));
	assert_non_null(view_point(view_device(v, "<b>x<b>"), "<img src=x onerror=alert(1)>"));
	view_destroy(v);
}

static void there_are_bounds(void **state)
{
	(void)state;
	struct view *v = view_create("xnet");
	char topic[128], *big = calloc(1, 100001);
	assert_non_null(big);
	for (unsigned i = 0; i < VIEW_POINTS + 100; i++) {
		assert_int_equal(v->full, i > VIEW_POINTS); /* nothing is left out in silence */
		snprintf(topic, sizeof topic, "xnet/sts/d%u/p%u", i / 100, i);
		take(v, topic, "1", true);
	}
	assert_int_equal(v->npoint, VIEW_POINTS);
	assert_int_equal(v->ignored, 100);
	for (unsigned i = 0; i < VIEW_DEVICES + 10; i++) {
		snprintf(topic, sizeof topic, "xnet/sts/e%u/status", i);
		take(v, topic, "online", true);
	}
	assert_int_equal(v->ndevice, VIEW_DEVICES);
	for (unsigned i = 0; i < VIEW_GATEWAYS + 10; i++) {
		snprintf(topic, sizeof topic, "xnet/$SYS/g%u/version", i);
		take(v, topic, "1", true);
		snprintf(topic, sizeof topic, "xnet/$SYS/g0/bus/b%u/state", i);
		take(v, topic, "up", true);
		snprintf(topic, sizeof topic, "xnet/$SYS/g%u/device/d1/state", i);
		take(v, topic, "online", true);
		snprintf(topic, sizeof topic, "xnet/$SYS/g0/x%u", i);
		take(v, topic, "up", true);
	}
	assert_int_equal(v->ngateway, VIEW_GATEWAYS);
	assert_int_equal(view_gateway(v, "g0")->nbus, VIEW_BUSES);
	assert_int_equal(view_gateway(v, "g0")->facts.n, FACTS_MAX);
	assert_int_equal(view_device(v, "d1")->nclaim, VIEW_CLAIMS);
	memset(big, 'x', 100000);
	take(v, "xnet/sts/d1/p100", big, false);
	assert_true(strlen(view_point(view_device(v, "d1"), "p100")->text) < VIEW_TEXT);
	memcpy(big, "xnet/$SYS/g1/x", 14);
	big[60000] = '\0'; /* as a topic: a fact of a long name */
	const size_t facts = view_gateway(v, "g1")->facts.n;
	take(v, big, "1", true);
	assert_int_equal(view_gateway(v, "g1")->facts.n, facts);
	view_clear(v);
	assert_false(v->full);
	free(big);
	view_destroy(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_of_topics),
		cmocka_unit_test(a_gateway_that_is_gone_takes_its_devices_with_it),
		cmocka_unit_test(every_kind_of_trouble_is_wrong),
		cmocka_unit_test(two_gateways_that_have_one_device_are_a_conflict_while_both_live),
		cmocka_unit_test(
			the_age_of_a_retained_value_is_not_known_and_of_a_device_by_its_gateways_clock),
		cmocka_unit_test(what_is_gone_is_gone),
		cmocka_unit_test(the_log_has_alerts_that_come_and_go_and_refusals),
		cmocka_unit_test(names_that_meet_in_a_known_hash_do_not_meet),
		cmocka_unit_test(hostile_names_and_texts_do_no_harm),
		cmocka_unit_test(there_are_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
