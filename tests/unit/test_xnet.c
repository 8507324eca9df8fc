// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "mqtt/north.h"
#include "mqtt/xnet.h"

/* -- a small model: relay1 (Relay1, Relay2, Reboot write-only, Secret hidden) and scc1, scc2 --- */

static const struct write_rule plain_write, kept_write = {.accept_retained = true},
					    only_write = {.only = true};

static const struct label mode_label[] = {{0, "0"}, {1, "local"}};

static const struct point relay_point[] = {
	{.name = "Relay1", .retain = true, .write = &plain_write, .codec.type = TYPE_BOOL},
	{.name = "Relay2", .retain = true, .write = &kept_write, .codec.type = TYPE_BOOL},
	{.name = "Reboot", .retain = true, .write = &only_write},
	{.name = "Secret", .retain = true, .hidden = true},
};

static const struct point scc_point[] = {
	{.name = "BattVolts", .retain = true, .unit = "V", .codec.type = TYPE_U16},
	{.name = "Mode", .retain = true, .label = mode_label, .nlabel = 2, .codec.type = TYPE_U16},
	{.name = "Serial", .retain = true, .codec.type = TYPE_STRING},
	{.name = "Total", .retain = true, .qos = 1, .codec.type = TYPE_U64},
	{.name = "Alarm", .retain = true, .alert = ALERT_FAULT, .filter.mode = PUBLISH_NEVER},
};

static const struct pointset relay_set = {.point = relay_point, .n = 4},
			     scc_set = {.point = scc_point, .n = 5};

static const struct device all_devices[] = {
	{.name = "relay1", .set = &relay_set, .point0 = 0},
	{.name = "scc1", .set = &scc_set, .point0 = 4, .json = true},
	{.name = "scc2", .set = &scc_set, .point0 = 9},
};

static const struct bus_conf one_bus[] = {{.name = "rs485"}};

static struct model full_model(void)
{
	return (struct model){
		.gateway = "pi-barn",
		.device = all_devices,
		.ndevice = 3,
		.npoint = 14,
		.bus = one_bus,
		.nbus = 1,
		.mqtt = {.prefix = "site7/xnet", .qos_status = 1, .retain = true},
	};
}

struct setup {
	struct model model;
	struct outbox *o;
	struct north *n;
	struct north_event event;
	struct mqtt_event message;
	char payload[200000];
};

static int set_up(void **state)
{
	struct setup *s = calloc(1, sizeof *s);
	s->model = full_model();
	s->o = outbox_create(100000);
	s->n = north_create(s->o);
	north_adopt(s->n, &s->model, NULL);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct setup *s = *state;
	north_event_free(&s->event);
	north_destroy(s->n);
	outbox_destroy(s->o);
	free(s);
	return 0;
}

static void value(struct setup *s, uint32_t device, uint32_t point, const char *text, bool again)
{
	const struct value v = {.kind = VALUE_TEXT, .text = text};
	north_value(s->n, &(struct north_value){device, point, text, &v, 0, again});
}

/* Everything that would be sent, one a line: topic, a star if retained, payload. */
static const char *told(struct setup *s)
{
	static char text[16384];
	struct outgoing m;
	size_t n = 0;
	text[0] = '\0';
	while (outbox_take(s->o, &m)) {
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%s %s", n ? "\n" : "",
		                      m.topic, m.retain ? "*" : "", m.payload);
		outbox_sent(s->o, m.item);
	}
	return text;
}

/* The same, once main has waited for what stands retained. */
static const char *settled(struct setup *s)
{
	while (!north_settle(s->n))
		;
	return told(s);
}

static struct north_event *on_message(struct setup *s, struct mqtt_event m, const char *topic)
{
	static char topic_copy[2048];
	north_event_free(&s->event);
	snprintf(topic_copy, sizeof topic_copy, "%s", topic);
	m.kind = MQTT_MESSAGE;
	m.topic = topic_copy;
	m.payload = s->payload;
	s->message = m;
	north_event(s->n, &s->message, &s->event);
	return &s->event;
}

static struct north_event *hear(struct setup *s, const char *topic, const char *payload)
{
	snprintf(s->payload, sizeof s->payload, "%s", payload);
	return on_message(s, (struct mqtt_event){.len = strlen(payload)}, topic);
}

static struct north_event *on_retained(struct setup *s, const char *topic, const char *payload)
{
	snprintf(s->payload, sizeof s->payload, "%s", payload);
	return on_message(s, (struct mqtt_event){.len = strlen(payload), .retained = true}, topic);
}

static void assert_refused(const struct north_event *e, int32_t device, const char *param,
                           const char *says)
{
	assert_int_equal(e->kind, NORTH_REFUSED);
	assert_int_equal(e->refused.device, device);
	assert_string_equal(e->refused.param, param);
	if (!strstr(e->refused.reason, says))
		fail_msg("reason: %s", e->refused.reason);
}

/* -- telling ----------------------------------------------------------------------------------- */

static void topics_and_payloads_are_those_of_the_contract(void **state)
{
	struct setup *s = *state;
	struct north_link l;
	north_link(s->n, 0, &l);
	assert_string_equal(l.will_topic, "site7/xnet/sts/pi-barn/status");
	assert_string_equal(l.will_text, "offline");
	assert_string_equal(told(s), "");
	north_status(s->n, 0, false);
	north_status(s->n, NORTH_GATEWAY, true);
	value(s, 1, 0, "13.28", false);
	north_none(s->n, 1, 2);
	north_sys(s->n, "bus/rs485/state", "up");
	north_passing(s->n, &(struct north_value){.device = 0, .point = 2, .text = "now"});
	north_history(s->n, 1, 0, "13.28", 1795255200123);
	assert_string_equal(
		told(s),
		"site7/xnet/sts/relay1/status* offline\n"
		"site7/xnet/sts/pi-barn/status* online\n"
		"site7/xnet/sts/scc1/BattVolts* 13.28\n"
		"site7/xnet/sts/scc1/Serial* None\n"
		"site7/xnet/sts/relay1/Reboot now\n"
		"site7/xnet/$SYS/pi-barn/bus/rs485/state* up\n"
		"site7/xnet/hist/scc1/BattVolts {\"ts\":\"2026-11-21T10:00:00.123Z\",\"v\":13.28}");
}

static void a_value_is_published_when_it_differs_or_again(void **state)
{
	struct setup *s = *state;
	assert_true(north_differs(s->n, 1, 0, "13.28"));
	value(s, 1, 0, "13.28", false);
	told(s);
	assert_false(north_differs(s->n, 1, 0, "13.28"));
	value(s, 1, 0, "13.28", false);
	assert_string_equal(told(s), "");
	value(s, 1, 0, "13.28", true);
	assert_string_equal(told(s), "site7/xnet/sts/scc1/BattVolts* 13.28");
	/* write-only, hidden and never published points have no topic */
	value(s, 0, 2, "x", true);
	value(s, 0, 3, "x", true);
	value(s, 1, 4, "x", true);
	assert_false(north_differs(s->n, 0, 2, "x"));
	assert_string_equal(told(s), "");
}

static void numbers_get_their_unit_where_it_is_wanted(void **state)
{
	struct setup *s = *state;
	s->model.mqtt.payload_unit = true;
	value(s, 1, 0, "13.28", false);
	value(s, 1, 1, "Float", false);
	value(s, 2, 0, "None", false);
	assert_string_equal(
		told(s), "site7/xnet/sts/scc1/BattVolts* 13.28 V\nsite7/xnet/sts/scc1/Mode* Float\n"
			 "site7/xnet/sts/scc2/BattVolts* None");
	assert_false(north_differs(s->n, 1, 0, "13.28"));
}

/* Names and values of the next message's user properties, a blank after each. */
static const char *properties(struct setup *s)
{
	static char text[256];
	struct outgoing m;
	size_t n = 0;
	text[0] = '\0';
	if (!outbox_take(s->o, &m))
		return "nothing";
	for (const char *p = m.properties; p && *p; p += strlen(p) + 1)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s ", p);
	outbox_sent(s->o, m.item);
	return text;
}

static void values_carry_their_unit_and_class_where_it_is_wanted(void **state)
{
	struct setup *s = *state;
	char unit[] = "V";
	struct point own[] = {
		{.name = "BattVolts", .retain = true, .unit = unit, .class_ = "voltage"},
		{.name = "Odd", .retain = true, .unit = "\t"},
		{.name = "Plain", .retain = true, .unit = ""}};
	const struct pointset set = {.point = own, .n = 3};
	const struct device device = {.name = "scc1", .set = &set};
	struct model next = full_model();
	value(s, 1, 0, "13.28", false);
	assert_string_equal(properties(s), "");
	told(s);
	next.device = &device;
	next.ndevice = 1;
	next.npoint = 3;
	next.mqtt.properties = true;
	north_adopt(s->n, &next, NULL);
	unit[0] = 'X'; /* a reload frees what it does not adopt */
	const char *first = properties(s);
	while (strcmp(first, "") == 0) /* what is gone is cleared */
		first = properties(s);
	assert_string_equal(first, "unit V class voltage ");
	assert_null(strstr(told(s), "scc1/BattVolts"));
	unit[0] = 'V';
	value(s, 0, 1, "1", false);
	assert_string_equal(properties(s), ""); /* no broker would take it */
	value(s, 0, 2, "1", false);
	assert_string_equal(properties(s), "");
	north_passing(s->n, &(struct north_value){.device = 0, .point = 0, .text = "13.29"});
	assert_string_equal(properties(s), "unit V class voltage ");
	north_history(s->n, 0, 0, "13.28", 1795255200123);
	assert_string_equal(properties(s), "unit V class voltage ");
	next.mqtt.properties = false;
	north_adopt(s->n, &next, NULL);
	assert_string_equal(properties(s), "");
	assert_string_equal(told(s), "");
}

static const char *snapshot_text(void *ctx, uint32_t point)
{
	static const char *const text[] = {"13.28", "0", "0815", "18446744073709551615", "1"};
	const bool *missing = ctx;
	return *missing ? (point == 0 ? "None" : NULL) : text[point];
}

static void a_snapshot_has_numbers_texts_and_null(void **state)
{
	struct setup *s = *state;
	bool missing = false;
	north_snapshot(s->n, 1, 1795255200123, snapshot_text, &missing);
	assert_string_equal(
		told(s),
		"site7/xnet/sts/scc1 {\"ts\":\"2026-11-21T10:00:00.123Z\",\"BattVolts\":13.28,"
		"\"Mode\":\"0\",\"Serial\":\"0815\",\"Total\":\"18446744073709551615\"}");
	missing = true;
	north_snapshot(s->n, 1, 0, snapshot_text, &missing);
	assert_string_equal(
		told(s),
		"site7/xnet/sts/scc1 {\"ts\":\"1970-01-01T00:00:00.000Z\",\"BattVolts\":null,"
		"\"Mode\":null,\"Serial\":null,\"Total\":null}");
}

static void alerts_are_published_once(void **state)
{
	struct setup *s = *state;
	struct alerts *a = alerts_create();
	north_alerts(s->n, 1, a);
	north_alerts(s->n, 1, a);
	north_alerts(s->n, 0, a); /* maps no alerts: has no topic */
	alerts_raise(a, &(struct alert){.kind = ALERT_WARNING,
	                                .code = 2,
	                                .desc = "down",
	                                .source = "rs485",
	                                .since = 1000});
	north_alerts(s->n, NORTH_GATEWAY, a);
	assert_string_equal(
		told(s),
		"site7/xnet/sts/scc1/Alerts* {\"faults\":[],\"warnings\":[]}\n"
		"site7/xnet/sts/pi-barn/Alerts* {\"faults\":[],\"warnings\":[{\"code\":2,\"desc\":"
		"\"down\",\"source\":\"rs485\",\"since\":\"1970-01-01T00:00:01.000Z\"}]}");
	alerts_destroy(a);
}

static void a_new_model_clears_what_is_gone_and_keeps_the_rest(void **state)
{
	struct setup *s = *state;
	struct model next = full_model();
	next.ndevice = 2;
	next.npoint = 9;
	next.nbus = 0;
	value(s, 1, 0, "13.28", false);
	value(s, 2, 0, "12", false);
	north_sys(s->n, "device/scc2/state", "online");
	north_sys(s->n, "device/scc1/state", "online");
	north_sys(s->n, "bus/rs485/state", "up");
	north_sys(s->n, "uptime", "5");
	told(s);
	north_adopt(s->n, &next, NULL);
	const char *cleared = told(s);
	assert_null(strstr(cleared, "scc1"));
	assert_non_null(strstr(cleared, "site7/xnet/sts/scc2/BattVolts* "));
	assert_non_null(strstr(cleared, "site7/xnet/sts/scc2/status* "));
	assert_non_null(strstr(cleared, "site7/xnet/sts/scc2/Alerts* "));
	assert_non_null(strstr(cleared, "site7/xnet/$SYS/pi-barn/device/scc2/state* "));
	assert_non_null(strstr(cleared, "site7/xnet/$SYS/pi-barn/bus/rs485/state* "));
	assert_null(strstr(cleared, "uptime"));
	assert_false(north_differs(s->n, 1, 0, "13.28"));
	north_sys(s->n, "uptime", NULL);
	north_sys(s->n, "never/told", NULL);
	assert_string_equal(told(s), "site7/xnet/$SYS/pi-barn/uptime* ");
	/* and back again: told anew */
	north_adopt(s->n, &s->model, NULL);
	assert_true(north_differs(s->n, 2, 0, "12"));
}

static void filters_name_only_own_topics(void **state)
{
	struct setup *s = *state;
	struct north_link l;
	north_link(s->n, 0, &l);
	const char *const *filter = l.filter;
	const size_t n = l.nfilter;
	assert_int_equal(n, 3 * 3 + 6);
	assert_string_equal(filter[0], "site7/xnet/cmd/relay1/#");
	assert_string_equal(filter[1], "site7/xnet/get/relay1/#");
	assert_string_equal(filter[2], "site7/xnet/sts/relay1/status");
	assert_string_equal(filter[n - 6], "site7/xnet/cmd/pi-barn/#");
	assert_string_equal(filter[n - 5], "site7/xnet/sts/pi-barn/status");
	assert_string_equal(filter[n - 4], "site7/xnet/sub/+");
	assert_string_equal(filter[n - 3], "site7/xnet/unsub/+");
	assert_string_equal(filter[n - 2], "site7/xnet/$SYS/pi-barn/bus/+/port");
	assert_string_equal(filter[n - 1], "site7/xnet/$SYS/+/device/+/info");
}

/* -- commands ---------------------------------------------------------------------------------- */

static void a_command_names_its_device_point_and_text(void **state)
{
	struct setup *s = *state;
	const struct north_event *e = hear(s, "site7/xnet/cmd/relay1/Relay2", " on ");
	assert_int_equal(e->kind, NORTH_COMMAND);
	assert_int_equal(e->device, 0);
	assert_int_equal(e->nitem, 1);
	assert_int_equal(e->item[0].device, 0);
	assert_int_equal(e->item[0].point, 1);
	assert_string_equal(e->item[0].text, " on ");
	assert_string_equal(e->item[0].param, "Relay2");
	assert_null(e->item[0].fault);
	assert_null(e->request);
}

static void what_is_not_ours_is_left_alone(void **state)
{
	struct setup *s = *state;
	static const char *const topic[] = {
		"site7/xnet/cmd/relay2/Relay1",   "xnet/cmd/relay1/Relay1",
		"site7/xnet/other/relay1/Relay1", "site7/xnet/cmd",
		"site7/xnet/get/nobody",          "site7/xnet/sub/inv*",
		"site7/xnet/sts/other/status",    "homeassistant/status",
		"site7/xnet/cmd/relay1x/Relay1",  "site7/xnet/sub",
		"site7/xnet/sub/scc1/x",          "site7/xnet/cmd/\xFF/Relay1",
	};
	for (size_t i = 0; i < sizeof topic / sizeof *topic; i++)
		assert_int_equal(hear(s, topic[i], "[\"BattVolts\"]")->kind, NORTH_NONE);
	assert_int_equal(hear(s, "site7/xnet/cmd/relay1/Relay1", "")->kind, NORTH_NONE);
	assert_int_equal(hear(s, "site7/xnet/cmd/relay1", "")->kind, NORTH_NONE);
	assert_string_equal(told(s), "");
}

static void unknown_points_are_faults_with_a_hint(void **state)
{
	struct setup *s = *state;
	assert_string_equal(hear(s, "site7/xnet/cmd/relay1/Relay9", "on")->item[0].fault,
	                    "no such point; did you mean Relay1?");
	assert_string_equal(hear(s, "site7/xnet/cmd/relay1/Pressure", "on")->item[0].fault,
	                    "no such point");
	assert_non_null(hear(s, "site7/xnet/cmd/relay1/Secret", "on")->item[0].fault);
	/* deeper than any topic of ours: not lost in silence */
	const struct north_event *e = hear(s, "site7/xnet/cmd/relay1/Relay1/x", "on");
	assert_int_equal(e->kind, NORTH_COMMAND);
	assert_string_equal(e->item[0].param, "Relay1/x");
	assert_non_null(e->item[0].fault);
}

static void a_json_command_has_one_item_a_point(void **state)
{
	struct setup *s = *state;
	const struct north_event *e = hear(s, "site7/xnet/cmd/relay1",
	                                   "{\"Relay2\": true, \"Relay1\": 0, \"Rely1\": 1, "
	                                   "\"Reboot\": null}");
	assert_int_equal(e->kind, NORTH_COMMAND);
	assert_int_equal(e->nitem, 4);
	assert_string_equal(e->item[0].param, "Relay2");
	assert_string_equal(e->item[0].text, "true");
	assert_int_equal(e->item[1].point, 0);
	assert_string_equal(e->item[1].text, "0");
	assert_non_null(strstr(e->item[2].fault, "Relay1"));
	assert_string_equal(e->item[3].fault, "null is not a value");
}

static void commands_that_cannot_be_understood_are_refused(void **state)
{
	struct setup *s = *state;
	assert_refused(hear(s, "site7/xnet/cmd/relay1", "{\"Relay1\":1,\"Relay1\":2}"), 0, "",
	               "duplicate");
	assert_refused(hear(s, "site7/xnet/cmd/relay1", "on"), 0, "", "not JSON");
	assert_refused(hear(s, "site7/xnet/cmd/relay1", "[1]"), 0, "", "object");
	assert_refused(hear(s, "site7/xnet/cmd/relay1", "{}"), 0, "", "names no point");
	assert_refused(hear(s, "site7/xnet/cmd/relay1/Relay1", "\xFF"), 0, "Relay1", "UTF-8");
	memset(s->payload, 'x', XNET_PAYLOAD_MAX + 1);
	s->payload[XNET_PAYLOAD_MAX + 1] = '\0';
	assert_refused(on_message(s, (struct mqtt_event){.len = XNET_PAYLOAD_MAX + 1},
	                          "site7/xnet/cmd/relay1/Relay1"),
	               0, "Relay1", "longer than 4096");
	assert_string_equal(s->event.refused.value, "");
	s->payload[XNET_PAYLOAD_MAX] = '\0';
	assert_int_equal(on_message(s, (struct mqtt_event){.len = XNET_PAYLOAD_MAX},
	                            "site7/xnet/cmd/relay1/Relay1")
	                         ->kind,
	                 NORTH_COMMAND);
	memcpy(s->payload, "on\0off", 7);
	assert_refused(on_message(s, (struct mqtt_event){.len = 6}, "site7/xnet/cmd/relay1/Relay1"),
	               0, "Relay1", "UTF-8");
}

static void retained_commands_are_refused_unless_accepted(void **state)
{
	struct setup *s = *state;
	assert_refused(on_retained(s, "site7/xnet/cmd/relay1/Relay1", "on"), 0, "Relay1",
	               "mosquitto_pub -r -n -t 'site7/xnet/cmd/relay1/Relay1'");
	assert_int_equal(on_retained(s, "site7/xnet/cmd/relay1/Relay2", "on")->kind, NORTH_COMMAND);
	assert_true(s->event.retained);
	assert_refused(on_retained(s, "site7/xnet/cmd/relay1", "{\"Relay1\":1,\"Relay2\":1}"), 0,
	               "", "retained");
	assert_int_equal(on_retained(s, "site7/xnet/cmd/relay1", "{\"Relay2\":1}")->kind,
	                 NORTH_COMMAND);
	assert_refused(on_retained(s, "site7/xnet/cmd/relay1/Unknown", "on"), 0, "Unknown",
	               "retained");
	assert_refused(on_retained(s, "site7/xnet/get/relay1", "x"), 0, "", "retained");
	assert_refused(on_retained(s, "site7/xnet/sub/scc1", "[\"Mode\"]"), 1, "", "retained");
	assert_refused(on_retained(s, "site7/xnet/cmd/pi-barn/reload", "x"), NORTH_GATEWAY,
	               "reload", "retained");
}

static void the_gateway_reloads_and_changes_its_log(void **state)
{
	struct setup *s = *state;
	assert_int_equal(hear(s, "site7/xnet/cmd/pi-barn/reload", "")->kind, NORTH_RELOAD);
	assert_int_equal(hear(s, "site7/xnet/cmd/pi-barn/log", "debug")->kind, NORTH_LOG);
	assert_string_equal(s->event.text, "debug");
	assert_refused(hear(s, "site7/xnet/cmd/pi-barn/log", "loud"), NORTH_GATEWAY, "log",
	               "error, warn, info or debug");
	assert_refused(hear(s, "site7/xnet/cmd/pi-barn/explode", "now"), NORTH_GATEWAY, "explode",
	               "no such command");
	assert_refused(hear(s, "site7/xnet/cmd/pi-barn", "now"), NORTH_GATEWAY, "",
	               "no such command");
	assert_refused(hear(s, "site7/xnet/cmd/pi-barn/reload/x", "now"), NORTH_GATEWAY, "reload/x",
	               "no such command");
}

static void get_requests_one_point_or_all(void **state)
{
	struct setup *s = *state;
	const struct north_event *e = hear(s, "site7/xnet/get/scc1", "anything \xFF");
	assert_int_equal(e->kind, NORTH_GET);
	assert_int_equal(e->item[0].device, 1);
	assert_int_equal(e->item[0].point, NORTH_ALL);
	e = hear(s, "site7/xnet/get/scc1/Mode", "");
	assert_int_equal(e->kind, NORTH_GET);
	assert_int_equal(e->item[0].point, 1);
	assert_non_null(hear(s, "site7/xnet/get/scc1/Nothing", "")->item[0].fault);
}

static void subscriptions_count_points_of_one_or_more_devices(void **state)
{
	struct setup *s = *state;
	const struct north_event *e =
		hear(s, "site7/xnet/sub/scc*", "[\"Mode\",\"Relay1\",\"BattVolts\"]");
	assert_int_equal(e->kind, NORTH_SUB);
	assert_int_equal(e->nitem, 4);
	assert_int_equal(e->item[0].device, 1);
	assert_int_equal(e->item[0].point, 1);
	assert_int_equal(e->item[3].device, 2);
	assert_int_equal(e->item[3].point, 0);
	e = hear(s, "site7/xnet/sub/scc1", "[\"Mode\",\"Nothing\"]");
	assert_int_equal(e->nitem, 2);
	assert_non_null(e->item[1].fault);
	e = hear(s, "site7/xnet/unsub/scc?", "null");
	assert_int_equal(e->kind, NORTH_UNSUB);
	assert_int_equal(e->nitem, 2);
	assert_int_equal(e->item[1].point, NORTH_ALL);
	assert_refused(hear(s, "site7/xnet/sub/scc1", "null"), 1, "", "list of points");
	assert_refused(hear(s, "site7/xnet/sub/scc1", "[1]"), 1, "", "list of points");
	assert_refused(hear(s, "site7/xnet/sub/scc*", "[\"Nothing\"]"), 1, "", "no such point");
	assert_refused(hear(s, "site7/xnet/sub/scc*", "[]"), 1, "", "names no point");
}

/* A few bytes of a message never ask for much: the points of all its devices have a bound, and what
 * they need grows as they do. */
static void a_short_message_takes_little_memory(void **state)
{
	struct setup *s = *state;
	enum { DEVICES = 4096 };
	struct device *all = calloc(DEVICES, sizeof *all);
	char *name = calloc(DEVICES, 8);
	for (unsigned i = 0; i < DEVICES; i++) {
		snprintf(&name[8 * i], 8, "m%u", i + 1);
		all[i] = (struct device){.name = &name[8 * i], .set = &scc_set, .point0 = 5 * i};
	}
	struct model big = full_model();
	big.device = all;
	big.ndevice = DEVICES;
	big.npoint = (size_t)5 * DEVICES;
	north_adopt(s->n, &big, NULL);
	char list[4096] = "[\"Mode\"";
	while (strlen(list) < 4000)
		strcat(list, ",\"Mode\"");
	strcat(list, "]");
	const struct north_event *e = hear(s, "site7/xnet/sub/*", list);
	assert_int_equal(e->kind, NORTH_SUB);
	assert_int_equal(e->nitem, DEVICES); /* a name that comes twice counts once */
	assert_true(arena_used(e->memory) < 2 << 20);
	e = hear(s, "site7/xnet/sub/m1", list);
	assert_int_equal(e->nitem, 1);
	e = hear(s, "site7/xnet/sub/*", "[\"Mode\",\"BattVolts\",\"Serial\"]");
	assert_refused(e, 0, "", "more than 10000 points");
	assert_true(arena_used(e->memory) < 2 << 20);
	strcpy(list, "[");
	for (unsigned i = 0; strlen(list) < 4000; i++)
		sprintf(list + strlen(list), "%s\"n%u\"", i ? "," : "", i);
	strcat(list, "]");
	e = hear(s, "site7/xnet/sub/m1", list);
	assert_int_equal(e->kind, NORTH_SUB);
	assert_true(arena_used(e->memory) < 1 << 20);
	assert_refused(hear(s, "site7/xnet/sub/m*", list), 0, "", "no such point");
	char topic[500] = "site7/xnet/sub/";
	while (strlen(topic) < 400)
		strcat(topic, "*m");
	assert_int_equal(hear(s, topic, "[\"Mode\"]")->kind, NORTH_NONE); /* no name is so long */
	north_adopt(s->n, &s->model, NULL);
	free(name);
	free(all);
}

/* -- answers ----------------------------------------------------------------------------------- */

static void refusals_are_published_on_nak(void **state)
{
	struct setup *s = *state;
	north_outcome(s->n, &(struct north_outcome){.device = 0,
	                                            .param = "Relay1",
	                                            .value = "\"x\"",
	                                            .reason = "out of range: 0 to 1"});
	north_outcome(s->n, &(struct north_outcome){.device = NORTH_GATEWAY,
	                                            .param = "reload",
	                                            .reason = "2 errors"});
	north_outcome(s->n, &(struct north_outcome){.device = 0, .param = "Relay1", .value = "on"});
	north_outcome(s->n, &(struct north_outcome){.device = 0,
	                                            .param = "Relay1",
	                                            .reason = "superseded",
	                                            .quiet = true});
	assert_string_equal(
		told(s),
		"site7/xnet/sts/relay1/Nak "
		"{\"param\":\"Relay1\",\"value\":\"\\\"x\\\"\",\"reason\":"
		"\"out of range: 0 to 1\"}\n"
		"site7/xnet/sts/pi-barn/Nak {\"param\":\"reload\",\"value\":\"\",\"reason\":"
		"\"2 errors\",\"device\":\"pi-barn\"}");
}

static struct north_event *ask(struct setup *s, const char *topic, const char *payload,
                               char *answer_to)
{
	snprintf(s->payload, sizeof s->payload, "%s", payload);
	return on_message(s,
	                  (struct mqtt_event){.len = strlen(payload),
	                                      .response_topic = answer_to,
	                                      .correlation = answer_to,
	                                      .correlation_len = 3},
	                  topic);
}

static void a_request_gets_one_answer_with_its_correlation(void **state)
{
	struct setup *s = *state;
	char to[] = "me/answers";
	struct outgoing m;
	struct north_request *r = ask(s, "site7/xnet/cmd/relay1/Relay1", "on", to)->request;
	assert_non_null(r);
	north_event_free(&s->event); /* the request outlives it */
	north_outcome(s->n, &(struct north_outcome){
				    .device = 0, .param = "Relay1", .value = "on", .request = r});
	assert_true(outbox_take(s->o, &m));
	assert_string_equal(m.topic, "me/answers");
	assert_string_equal(m.payload, "{\"ok\":true,\"param\":\"Relay1\",\"value\":\"on\"}");
	assert_false(m.retain);
	assert_int_equal(m.correlation_len, 3);
	assert_memory_equal(m.correlation, "me/", 3);
	outbox_sent(s->o, m.item);
	/* superseded: the answer, but no Nak */
	r = ask(s, "site7/xnet/cmd/relay1/Relay1", "on", to)->request;
	north_outcome(s->n, &(struct north_outcome){.device = 0,
	                                            .param = "Relay1",
	                                            .value = "on",
	                                            .request = r,
	                                            .reason = "superseded",
	                                            .quiet = true});
	assert_string_equal(
		told(s),
		"me/answers {\"ok\":false,\"param\":\"Relay1\",\"value\":\"on\",\"reason\":"
		"\"superseded\"}");
	/* delivered twice: the outcome of the first delivery answers */
	r = ask(s, "site7/xnet/cmd/relay1/Relay1", "on", to)->request;
	north_outcome(s->n, &(struct north_outcome){.device = 0,
	                                            .param = "Relay1",
	                                            .value = "on",
	                                            .request = r,
	                                            .reason = "delivered twice",
	                                            .quiet = true,
	                                            .answered = true});
	assert_string_equal(told(s), "");
}

static void a_request_for_several_points_is_answered_when_all_have_ended(void **state)
{
	struct setup *s = *state;
	char to[] = "me";
	struct north_event *e = ask(s, "site7/xnet/cmd/relay1", "{\"Relay1\":1,\"Relay2\":0}", to);
	struct north_request *r = e->request;
	north_outcome(s->n, &(struct north_outcome){
				    .device = 0, .param = "Relay2", .value = "off", .request = r});
	assert_string_equal(told(s), "");
	north_outcome(s->n, &(struct north_outcome){.device = 0,
	                                            .param = "Relay1",
	                                            .value = "1",
	                                            .request = r,
	                                            .reason = "expired",
	                                            .quiet = true});
	assert_string_equal(
		told(s),
		"me "
		"{\"results\":[{\"ok\":true,\"param\":\"Relay2\",\"value\":\"off\"},{\"ok\":false,"
		"\"param\":\"Relay1\",\"value\":\"1\",\"reason\":\"expired\"}],\"ok\":false}");
}

/* However many values wait, an outcome comes soon, and the value it is about before it. */
static void an_outcome_overtakes_a_heap_but_not_its_value(void **state)
{
	struct setup *s = *state;
	char to[] = "me", topic[16];
	struct outgoing m;
	for (int i = 0; i < 1000; i++) {
		snprintf(topic, sizeof topic, "heap/%d", i);
		outbox_set(s->o, outbox_slot(s->o, topic, SLOT_VALUE, 0, true), "1", false);
	}
	struct north_request *r = ask(s, "site7/xnet/cmd/relay1/Relay1", "on", to)->request;
	value(s, 0, 0, "on", true);
	value(s, 0, 1, "off", true);
	north_outcome(s->n, &(struct north_outcome){
				    .device = 0, .param = "Relay1", .value = "on", .request = r});
	north_outcome(s->n, &(struct north_outcome){.device = 0,
	                                            .param = "Relay2",
	                                            .value = "on",
	                                            .reason = "not applied"});
	r = ask(s, "site7/xnet/get/scc1", "", to)->request;
	value(s, 1, 0, "13.28", true);
	value(s, 1, 2, "x", true);
	north_outcome(s->n,
	              &(struct north_outcome){.device = 1, .param = "", .value = "", .request = r});
	static const char *const order[] = {"site7/xnet/sts/relay1/Relay1",
	                                    "me",
	                                    "site7/xnet/sts/relay1/Relay2",
	                                    "site7/xnet/sts/relay1/Nak",
	                                    "site7/xnet/sts/scc1/BattVolts",
	                                    "site7/xnet/sts/scc1/Serial",
	                                    "me",
	                                    "heap/0"};
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		assert_true(outbox_take(s->o, &m));
		assert_string_equal(m.topic, order[i]);
		outbox_sent(s->o, m.item);
	}
}

static void a_refused_request_is_answered_too(void **state)
{
	struct setup *s = *state;
	char to[] = "me";
	struct north_event *e = ask(s, "site7/xnet/cmd/relay1", "nonsense", to);
	assert_int_equal(e->kind, NORTH_REFUSED);
	north_outcome(s->n, &e->refused);
	const char *all = told(s);
	assert_non_null(strstr(all,
	                       "site7/xnet/sts/relay1/Nak "
	                       "{\"param\":\"\",\"value\":\"nonsense\",\"reason\":\"not JSON"));
	assert_non_null(strstr(all, "me {\"ok\":false,\"param\":\"\""));
}

static void a_response_topic_is_bounded(void **state)
{
	static const struct {
		const char *topic, *says; /* says NULL: it is answered */
	} row[] = {
		{"me/#", "not a topic name"},
		{"me/+/x", "not a topic name"},
		{"", "not a topic name"},
		{"a\x01", "not a topic name"},
		{"$SYS/x", "begins with $"},
		{"$CONTROL/dynamic-security/v1", "begins with $"},
		{"site7/xnet/sts/pi-barn/status", "the gateway's own or a command"},
		{"site7/xnet/sts/other/status", "the gateway's own or a command"},
		{"site7/xnet/$SYS/other/device/x/info", "the gateway's own or a command"},
		{"site7/xnet/hist/scc1/x", "the gateway's own or a command"},
		{"site7/xnet/cmd/relay1", "the gateway's own or a command"},
		{"site7/xnet/get/relay1", "the gateway's own or a command"},
		{"site7/xnet/sub/relay1", "the gateway's own or a command"},
		{"site7/xnet/unsub/relay1", "the gateway's own or a command"},
		{"site7/xnet/answers/me", NULL},
		{"site7/xnets/sts/me", NULL},
	};
	struct setup *s = *state;
	char to[128];
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		snprintf(to, sizeof to, "%s", row[i].topic);
		const struct north_event *e = ask(s, "site7/xnet/cmd/relay1/Relay1", "on", to);
		if (row[i].says) {
			assert_refused(e, 0, "Relay1", row[i].says);
			assert_int_equal(e->nitem, 0);
			assert_string_equal(e->refused.value, "on");
		} else {
			assert_int_equal(e->kind, NORTH_COMMAND);
		}
		assert_int_equal(e->request == NULL, row[i].says != NULL);
		north_outcome(s->n, &(struct north_outcome){.device = 0,
		                                            .param = "Relay1",
		                                            .value = "on",
		                                            .request = e->request});
		told(s);
	}
}

/* n levels of one letter, or one level of n letters. */
static char *long_topic(char *buf, size_t n, bool levels)
{
	for (size_t i = 0; i < n; i++) {
		buf[i * (levels ? 2 : 1)] = 'a';
		if (levels)
			buf[i * 2 + 1] = '/';
	}
	buf[levels ? n * 2 - 1 : n] = '\0';
	return buf;
}

static void a_long_response_topic_is_refused(void **state)
{
	struct setup *s = *state;
	char buf[1200];
	const char *const topic = "site7/xnet/cmd/relay1/Relay1";
	assert_non_null(ask(s, topic, "on", long_topic(buf, 512, false))->request);
	north_outcome(s->n, &(struct north_outcome){.device = 0, .request = s->event.request});
	assert_refused(ask(s, topic, "on", long_topic(buf, 513, false)), 0, "Relay1", "512 bytes");
	assert_non_null(ask(s, topic, "on", long_topic(buf, 32, true))->request);
	north_outcome(s->n, &(struct north_outcome){.device = 0, .request = s->event.request});
	assert_refused(ask(s, topic, "on", long_topic(buf, 33, true)), 0, "Relay1", "32 levels");
	/* whatever the request is; and what is refused anyway says its own reason */
	assert_refused(ask(s, "site7/xnet/get/relay1", "", buf), 0, "", "32 levels");
	assert_refused(ask(s, "site7/xnet/cmd/pi-barn/reload", "", buf), NORTH_GATEWAY, "",
	               "32 levels");
	assert_refused(ask(s, "site7/xnet/cmd/relay1", "{", buf), 0, "", "not JSON");
	assert_null(s->event.request);
	/* the correlation data, too */
	s->message = (struct mqtt_event){.kind = MQTT_MESSAGE,
	                                 .topic = (char *)"site7/xnet/cmd/relay1/Relay1",
	                                 .payload = (char *)"on",
	                                 .len = 2,
	                                 .response_topic = (char *)"me",
	                                 .correlation = buf,
	                                 .correlation_len = 1025};
	north_event_free(&s->event);
	north_event(s->n, &s->message, &s->event);
	assert_refused(&s->event, 0, "Relay1", "1024 bytes");
}

static void a_retained_request_gets_no_answer(void **state)
{
	struct setup *s = *state;
	char to[] = "me";
	const struct mqtt_event m = {.len = 2, .retained = true, .response_topic = to};
	static const char *const topic[] = {"relay1/Relay1", "relay1/nosuch", "pi-barn/reload",
	                                    "relay1/Relay2"}; /* the last one is accepted */
	for (size_t i = 0; i < 4; i++) {
		char full[64];
		snprintf(full, sizeof full, "site7/xnet/cmd/%s", topic[i]);
		snprintf(s->payload, sizeof s->payload, "on");
		const struct north_event *e = on_message(s, m, full);
		assert_int_equal(e->kind, i == 3 ? NORTH_COMMAND : NORTH_REFUSED);
		assert_null(e->request);
	}
}

static void a_nak_repeats_only_the_beginning(void **state)
{
	struct setup *s = *state;
	char param[400], value[4000], to[] = "me";
	struct outgoing m;
	memset(param, 'p', sizeof param);
	param[sizeof param - 1] = '\0';
	for (size_t i = 0; i + 1 < sizeof value; i += 3)
		memcpy(value + i, "\xE2\x82\xAC", 3);
	value[3999 / 3 * 3] = '\0';
	struct north_request *r = ask(s, "site7/xnet/cmd/relay1/Relay1", "on", to)->request;
	north_outcome(s->n, &(struct north_outcome){.device = 0,
	                                            .param = param,
	                                            .value = value,
	                                            .reason = "no such point",
	                                            .request = r});
	for (int i = 0; i < 2; i++) { /* the Nak; the answer */
		assert_true(outbox_take(s->o, &m));
		assert_true(m.len > 128 + 255 && m.len < 128 + 256 + 120);
		assert_non_null(strstr(m.payload, "ppp\xE2\x80\xA6\""));
		assert_non_null(strstr(m.payload, "\xE2\x82\xAC\xE2\x80\xA6\""));
		assert_null(strstr(m.payload, "\xEF\xBF\xBD"));
		outbox_sent(s->o, m.item);
	}
}

/* -- our own topics ---------------------------------------------------------------------------- */

static void an_overwritten_status_is_published_again(void **state)
{
	struct setup *s = *state;
	north_status(s->n, NORTH_GATEWAY, true);
	north_status(s->n, 1, true);
	value(s, 1, 0, "13.28", false);
	told(s);
	assert_int_equal(hear(s, "site7/xnet/sts/pi-barn/status", "online")->kind, NORTH_NONE);
	assert_int_equal(on_retained(s, "site7/xnet/sts/pi-barn/status", "offline")->kind,
	                 NORTH_NONE);
	assert_string_equal(told(s), "");
	assert_int_equal(hear(s, "site7/xnet/sts/pi-barn/status", "offline")->kind, NORTH_FOREIGN);
	assert_int_equal(s->event.device, NORTH_GATEWAY);
	assert_string_equal(s->event.text, "offline");
	assert_string_equal(told(s), ""); /* main says when */
	north_again(s->n, NORTH_GATEWAY, true);
	assert_string_equal(told(s), "site7/xnet/sts/pi-barn/status* online");
	assert_int_equal(hear(s, "site7/xnet/sts/scc1/status", "")->kind, NORTH_FOREIGN);
	assert_int_equal(s->event.device, 1);
	north_again(s->n, 1, false);
	assert_string_equal(told(s), "site7/xnet/sts/scc1/status* online");
	north_again(s->n, 1, true);
	assert_string_equal(
		told(s),
		"site7/xnet/sts/scc1/status* online\nsite7/xnet/sts/scc1/BattVolts* 13.28");
}

static void what_an_earlier_run_published_is_cleared(void **state)
{
	struct setup *s = *state;
	on_retained(s, "site7/xnet/$SYS/pi-barn/device/scc1/info",
	            "{\"points\":[{\"name\":\"BattVolts\"},{\"name\":\"OldPoint\"},{\"name\":\".."
	            "/x\"}]}");
	assert_string_equal(told(s), "site7/xnet/sts/scc1/OldPoint* ");
	on_retained(s, "site7/xnet/$SYS/pi-barn/device/gone1/info",
	            "{\"points\":[{\"name\":\"Volts\"}]}");
	assert_string_equal(told(s), ""); /* is it perhaps another gateway's now? */
	const char *cleared = settled(s);
	assert_non_null(strstr(cleared, "site7/xnet/sts/gone1/Volts* \n"));
	assert_non_null(strstr(cleared, "site7/xnet/sts/gone1/status* \n"));
	assert_non_null(strstr(cleared, "site7/xnet/$SYS/pi-barn/device/gone1/info* "));
	assert_non_null(strstr(cleared, "/device/gone1/instead/late* "));
	on_retained(s, "site7/xnet/$SYS/pi-barn/bus/gone2/port", "/dev/ttyUSB0");
	on_retained(s, "site7/xnet/$SYS/pi-barn/bus/rs485/port", "/dev/ttyUSB0");
	cleared = told(s);
	assert_non_null(strstr(cleared, "site7/xnet/$SYS/pi-barn/bus/gone2/port* \n"));
	assert_non_null(strstr(cleared, "/bus/gone2/instead/other_unit* "));
	assert_null(strstr(cleared, "/rs485/"));
	/* only what stood retained; only of our own tree; only what is ours to read */
	hear(s, "site7/xnet/$SYS/pi-barn/device/gone1/info", "{\"points\":[{\"name\":\"Volts\"}]}");
	on_retained(s, "site7/xnet/$SYS/other/device/gone1/info",
	            "{\"points\":[{\"name\":\"Volts\"}]}");
	on_retained(s, "site7/xnet/$SYS/pi-barn/device/gone1/info", "{}");
	on_retained(s, "site7/xnet/$SYS/pi-barn/device/a+b/info", "{\"points\":[]}");
	assert_string_equal(settled(s), "");
}

/* A device that has moved to another gateway, or that was never ours: whose info comes first is the
 * broker's choice. */
static void what_another_gateway_has_now_is_not_cleared(void **state)
{
	static const char points[] = "{\"points\":[{\"name\":\"T\"}]}";
	struct setup *s = *state;
	for (unsigned first = 0; first < 2; first++) {
		north_connected(s->n, 0, 0);
		if (first)
			on_retained(s, "site7/xnet/$SYS/other/device/boiler/info", points);
		on_retained(s, "site7/xnet/$SYS/pi-barn/device/boiler/info", points);
		if (!first)
			on_retained(s, "site7/xnet/$SYS/other/device/boiler/info", points);
		const char *cleared = settled(s);
		assert_null(strstr(cleared, "/sts/"));
		assert_non_null(strstr(cleared, "site7/xnet/$SYS/pi-barn/device/boiler/info* "));
	}
	/* a reload that takes a device away which another gateway has begun to tell */
	struct model next = s->model;
	next.ndevice = 2;
	next.npoint = 9;
	north_status(s->n, 2, true);
	value(s, 2, 0, "12.1", false);
	north_sys(s->n, "device/scc2/state", "online");
	told(s);
	hear(s, "site7/xnet/$SYS/other/device/scc2/info", points);
	north_adopt(s->n, &next, NULL);
	assert_string_equal(told(s), "site7/xnet/$SYS/pi-barn/device/scc2/state* ");
	north_adopt(s->n, &s->model, NULL);
	assert_true(north_differs(s->n, 2, 0, "12.1"));
	/* and when the other has it no more */
	north_status(s->n, 2, true);
	told(s);
	hear(s, "site7/xnet/$SYS/other/device/scc2/info", "");
	north_adopt(s->n, &next, NULL);
	assert_non_null(strstr(told(s), "site7/xnet/sts/scc2/status* "));
	/* or did not say so again after a connect */
	hear(s, "site7/xnet/$SYS/other/device/gone1/info", points);
	north_connected(s->n, 0, 0);
	on_retained(s, "site7/xnet/$SYS/pi-barn/device/gone1/info", points);
	assert_non_null(strstr(settled(s), "site7/xnet/sts/gone1/T* "));
}

/* What a log or a Nak shows is perhaps pasted into a shell: nobody but us writes its lines. */
static void no_shell_line_is_made_of_a_foreign_topic(void **state)
{
	static const char *const topic[] = {
		"x'; touch pwned; '",
		"a b",
		"$(reboot)",
		"`reboot`",
		"a\\",
		"é",
		"a&b",
		"-e x",
		"~",
	};
	struct setup *s = *state;
	char name[400];
	const struct north_event *e = on_retained(s, "site7/xnet/cmd/scc1/Mode", "1");
	assert_refused(e, 1, "Mode", "mosquitto_pub -r -n -t 'site7/xnet/cmd/scc1/Mode'");
	for (size_t i = 0; i < sizeof topic / sizeof *topic; i++) {
		snprintf(name, sizeof name, "site7/xnet/cmd/scc1/%s", topic[i]);
		e = on_retained(s, name, "1");
		assert_refused(e, 1, topic[i], "clear it with an empty retained message");
		assert_null(strstr(e->refused.reason, "mosquitto_pub"));
	}
	memset(name + strlen("site7/xnet/cmd/scc1/"), 'a', 300); /* would be cut before its quote */
	name[320] = '\0';
	assert_null(strstr(on_retained(s, name, "1")->refused.reason, "mosquitto_pub"));
}

/* However much stands there: a connection clears so much and no more. */
static void forged_infos_clear_a_bounded_number_of_topics(void **state)
{
	struct setup *s = *state;
	char topic[100];
	size_t n = 0;
	struct outgoing m;
	static char many[200000] = "{\"points\":[{\"name\":\"p0\"}";
	char *end = many + strlen(many);
	for (unsigned i = 1; i < 8000; i++)
		end += sprintf(end, ",{\"name\":\"p%u\"}", i);
	strcpy(end, "]}");
	north_connected(s->n, 0, 0);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(topic, sizeof topic, "site7/xnet/$SYS/pi-barn/device/forged%u/info", i);
		on_retained(s, topic, many);
		snprintf(topic, sizeof topic, "site7/xnet/$SYS/pi-barn/bus/forged%u/port", i);
		on_retained(s, topic, "x");
	}
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(topic, sizeof topic, "site7/xnet/$SYS/other/device/forged%u/info",
		         100 + i);
		hear(s, topic, "x");
	}
	while (!north_settle(s->n))
		;
	for (; outbox_take(s->o, &m); n++)
		outbox_sent(s->o, m.item);
	assert_in_range(n, 16000, 16384);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(topics_and_payloads_are_those_of_the_contract),
		TEST(a_value_is_published_when_it_differs_or_again),
		TEST(numbers_get_their_unit_where_it_is_wanted),
		TEST(values_carry_their_unit_and_class_where_it_is_wanted),
		TEST(a_snapshot_has_numbers_texts_and_null),
		TEST(alerts_are_published_once),
		TEST(a_new_model_clears_what_is_gone_and_keeps_the_rest),
		TEST(filters_name_only_own_topics),
		TEST(a_command_names_its_device_point_and_text),
		TEST(what_is_not_ours_is_left_alone),
		TEST(unknown_points_are_faults_with_a_hint),
		TEST(a_json_command_has_one_item_a_point),
		TEST(commands_that_cannot_be_understood_are_refused),
		TEST(retained_commands_are_refused_unless_accepted),
		TEST(the_gateway_reloads_and_changes_its_log),
		TEST(get_requests_one_point_or_all),
		TEST(subscriptions_count_points_of_one_or_more_devices),
		TEST(a_short_message_takes_little_memory),
		TEST(refusals_are_published_on_nak),
		TEST(a_request_gets_one_answer_with_its_correlation),
		TEST(a_request_for_several_points_is_answered_when_all_have_ended),
		TEST(an_outcome_overtakes_a_heap_but_not_its_value),
		TEST(a_refused_request_is_answered_too),
		TEST(a_response_topic_is_bounded),
		TEST(a_long_response_topic_is_refused),
		TEST(a_retained_request_gets_no_answer),
		TEST(a_nak_repeats_only_the_beginning),
		TEST(an_overwritten_status_is_published_again),
		TEST(what_an_earlier_run_published_is_cleared),
		TEST(what_another_gateway_has_now_is_not_cleared),
		TEST(no_shell_line_is_made_of_a_foreign_topic),
		TEST(forged_infos_clear_a_bounded_number_of_topics),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
