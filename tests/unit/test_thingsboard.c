// SPDX-License-Identifier: MIT
/* A ThingsBoard server beside the broker, in virtual time. Each message is held against the shapes
 * that its MQTT API for gateways documents. */
#include "daemon_rig.h"

#include "core/base/arena.h"
#include "core/base/jread.h"

#define LINK 2
#define SECTION "thingsboard: {broker: mqtt://tb, token_file: own.yaml}\n"
#define METER "  meter: {bus: line, id: 1, every: 1s, profile: own}\n"
#define OTHER "  other: {bus: line, id: 2, every: 1s, profile: own}\n"
#define ONE SECTION "devices:\n" METER
#define POINTS                                                                                     \
	"points:\n"                                                                                \
	"  Watts: {holding: 0, scale: 0.1}\n"                                                      \
	"  Relay: {holding: 1, write: true}\n"                                                     \
	"  Mode: {holding: 2, values: {0: 7, 1: auto}}\n"                                          \
	"  Level: {holding: 3, na: 65535, write: true}\n"                                          \
	"  Bit: {holding: 4, type: bool}\n"                                                        \
	"  Fault: {holding: 5, alert: fault, code: 7}\n"                                           \
	"  Pair: {holding: 8, array: 2, write: true}\n"

/* -- the documented shapes --------------------------------------------------------------------- */

static bool only_has(const struct jread *r, const struct jread_node *o, const char *a,
                     const char *b, const char *c)
{
	const struct jread_node *n = NULL;
	while ((n = jread_next(r, o, n)))
		if (strcmp(n->name, a) != 0 && strcmp(n->name, b) != 0 && strcmp(n->name, c) != 0)
			return false;
	return true;
}

static bool is_text(const struct jread *r, const struct jread_node *o, const char *name)
{
	const struct jread_node *n = jread_member(r, o, name);
	return n && jread_text(n) && *jread_text(n);
}

/* {"ts": ms, "values": {"key": a number, a text, true or false}} */
static bool is_sample(const struct jread *r, const struct jread_node *s)
{
	int64_t ts;
	const struct jread_node *n = NULL, *values = jread_member(r, s, "values");
	const struct jread_node *time = jread_member(r, s, "ts");
	if (!time || !jread_int(time, 1600000000000, INT64_C(1) << 45, &ts) || !values ||
	    values->kind != JREAD_OBJECT || !jread_next(r, values, NULL) ||
	    !only_has(r, s, "ts", "values", "ts"))
		return false;
	while ((n = jread_next(r, values, n)))
		if (n->kind == JREAD_NULL || n->kind == JREAD_LIST || n->kind == JREAD_OBJECT)
			return false;
	return true;
}

static bool is_telemetry(const struct jread *r)
{
	const struct jread_node *device = NULL, *sample;
	while ((device = jread_next(r, r->node, device))) {
		if (device->kind != JREAD_LIST || !jread_next(r, device, NULL))
			return false;
		for (sample = NULL; (sample = jread_next(r, device, sample));)
			if (!is_sample(r, sample))
				return false;
	}
	return jread_next(r, r->node, NULL) != NULL;
}

static bool is_attributes(const struct jread *r)
{
	const struct jread_node *device = NULL;
	while ((device = jread_next(r, r->node, device)))
		if (device->kind != JREAD_OBJECT || !jread_next(r, device, NULL))
			return false;
	return jread_next(r, r->node, NULL) != NULL;
}

static bool is_answer(const struct jread *r)
{
	int64_t id;
	const struct jread_node *n = jread_member(r, r->node, "id");
	return n && jread_int(n, -(INT64_C(1) << 53), INT64_C(1) << 53, &id) &&
	       is_text(r, r->node, "device") && jread_member(r, r->node, "data") &&
	       only_has(r, r->node, "device", "id", "data");
}

static bool documented(const char *topic, const struct jread *r)
{
	if (r->node->kind != JREAD_OBJECT)
		return false;
	if (strcmp(topic, "v1/gateway/connect") == 0)
		return is_text(r, r->node, "device") &&
		       only_has(r, r->node, "device", "type", "type");
	if (strcmp(topic, "v1/gateway/disconnect") == 0)
		return is_text(r, r->node, "device") &&
		       only_has(r, r->node, "device", "device", "device");
	if (strcmp(topic, "v1/gateway/telemetry") == 0)
		return is_telemetry(r);
	if (strcmp(topic, "v1/gateway/attributes") == 0)
		return is_attributes(r);
	if (strcmp(topic, "v1/gateway/rpc") == 0)
		return is_answer(r);
	return strcmp(topic, "v1/devices/me/attributes") == 0 && jread_next(r, r->node, NULL);
}

/* -- what it gets ------------------------------------------------------------------------------ */

static char said[200000];

/* Its time is that of now: in its place stands T. */
static void hide_times(char *text)
{
	for (char *at = text; (at = strstr(at, "\"ts\":"));) {
		at += 5;
		const size_t n = strspn(at, "0123456789");
		*at++ = 'T';
		memmove(at, at + n - 1, strlen(at + n - 1) + 1);
	}
}

/* "topic payload" a line each, without "v1/gateway/"; each is checked. */
static const char *told(void)
{
	struct outgoing m;
	size_t n = 0;
	said[0] = '\0';
	while (outbox_take(rig.own.outbox, &m)) {
		struct jread r = {0};
		if (!jread_parse(&r, m.payload, m.len) || !documented(m.topic, &r))
			fail_msg("%s: %s: %s", m.topic, m.payload, r.error);
		jread_free(&r);
		assert_false(m.retain);
		assert_int_equal(m.qos, 1);
		const bool of_gateway = strncmp(m.topic, "v1/gateway/", 11) == 0;
		n += (size_t)snprintf(said + n, sizeof said - n, "%s%s %s", n ? "\n" : "",
		                      m.topic + (of_gateway ? 11 : 0), m.payload);
		assert_true(n < sizeof said);
		outbox_sent(rig.own.outbox, m.item);
	}
	hide_times(said);
	return said;
}

static void link_up(bool up)
{
	rig_event(
		(struct mqtt_event){.kind = up ? MQTT_UP : MQTT_DOWN, .link = LINK, .protocol = 4});
}

/* All of the beginning is over, so that commands are heard. */
static void begin(const char *devices)
{
	rig_begin(devices, POINTS);
	link_up(true);
	rig_read(1, 0);
	rig_pass(6 * US_S);
	told();
	rig_said();
}

static void rpc(const char *payload)
{
	rig_event((struct mqtt_event){.kind = MQTT_MESSAGE,
	                              .link = LINK,
	                              .topic = mem_strdup("v1/gateway/rpc"),
	                              .payload = mem_strdup(payload),
	                              .len = strlen(payload),
	                              .since = rig.now});
}

/* -- tests ------------------------------------------------------------------------------------- */

static void a_device_connects_reports_and_disconnects(void **state)
{
	(void)state;
	rig_begin(ONE, POINTS);
	assert_string_equal(rig.own.host, "tb");
	assert_string_equal(rig.own.will, "none");
	assert_string_equal(rig.own.filter, "v1/gateway/rpc");
	assert_non_null(strstr(told(), "v1/devices/me/attributes {\"gateway\":\"house\","
	                               "\"devices\":1,"));
	rig_read(0, 123);
	assert_string_equal(told(),
	                    "connect {\"device\":\"meter\",\"type\":\"own\"}\n"
	                    "attributes {\"meter\":{\"gateway\":\"house\",\"name\":\"meter\","
	                    "\"bus\":\"line\",\"unit\":1,\"title\":\"Own\",\"vendor\":\"Nobody\","
	                    "\"model\":\"P1\"}}");
	rig_pass(US_S);
	assert_string_equal(told(),
	                    "telemetry {\"meter\":[{\"ts\":T,\"values\":{\"Watts\":12.3}}]}");
	rig_unit(1, false);
	assert_string_equal(told(), "disconnect {\"device\":\"meter\"}");
	rig_unit(1, true);
	assert_non_null(strstr(told(), "connect {\"device\":\"meter\","));
}

static void values_of_one_moment_are_one_message(void **state)
{
	(void)state;
	begin(SECTION "devices:\n" METER OTHER);
	rig_read(0, 1);
	rig_read(3, 5);
	rig_report((struct report){.kind = REPORT_READ,
	                           .outcome = OUT_OK,
	                           .span = {2, TABLE_HOLDING, 0, 1},
	                           .word = {9}});
	assert_null(strstr(told(), "telemetry"));
	rig_pass(US_S);
	assert_string_equal(
		told(), "telemetry {\"meter\":[{\"ts\":T,\"values\":{\"Watts\":0.1,\"Level\":5}}],"
			"\"other\":[{\"ts\":T,\"values\":{\"Watts\":0.9}}]}");
	rig_read(0, 2);
	rig.now += 100 * US_MS;
	rig_read(0, 3);
	rig_pass(US_S);
	assert_string_equal(told(), "telemetry {\"meter\":[{\"ts\":T,\"values\":{\"Watts\":0.2}},"
	                            "{\"ts\":T,\"values\":{\"Watts\":0.3}}]}");
}

static void a_key_keeps_its_type(void **state)
{
	(void)state;
	begin(ONE);
	for (uint16_t word = 0; word < 2; word++) {
		rig_read(2, word); /* a label that looks like a number, and one that does not */
		rig_read(4, word);
	}
	rig_read(3, 65535); /* not available */
	rig_pass(US_S);
	assert_string_equal(told(), "telemetry {\"meter\":[{\"ts\":T,\"values\":{"
	                            "\"Mode\":\"auto\",\"Bit\":true}}]}");
}

static void alerts_are_an_attribute(void **state)
{
	(void)state;
	begin(ONE);
	rig_read(5, 1);
	assert_non_null(
		strstr(told(), "attributes {\"meter\":{\"Alerts\":{\"faults\":[{\"code\":7"));
	/* nothing of a device that is away: the server would connect it */
	rig_unit(1, false);
	rig_pass(300 * US_S);
	outbox_all_dirty(rig.own.outbox);
	assert_null(strstr(told(), "{\"meter\":{"));
	rig_unit(1, true);
	assert_non_null(strstr(told(), "{\"meter\":{\"Alerts\":{\"faults\":["));
}

static void last_values_go_before_the_disconnect(void **state)
{
	(void)state;
	rig_begin(ONE, POINTS "offline: {Watts: 0}\n");
	rig_read(0, 123);
	told();
	rig.now += 100 * US_MS;
	rig_unit(1, false);
	assert_string_equal(told(), "telemetry {\"meter\":[{\"ts\":T,\"values\":{\"Watts\":12.3}},"
	                            "{\"ts\":T,\"values\":{\"Watts\":0.0}}]}\n"
	                            "disconnect {\"device\":\"meter\"}");
}

static void an_rpc_is_a_command_with_its_outcome(void **state)
{
	(void)state;
	begin(ONE);
	rpc("{\"device\":\"meter\",\"data\":{\"id\":5,\"method\":\"Relay\",\"params\":1}}");
	assert_string_equal(told(), "");
	rig_job(1, 1, OUT_OK);
	rig_read(1, 1);
	rig_pass(US_S);
	assert_non_null(strstr(told(), "rpc {\"device\":\"meter\",\"id\":5,\"data\":"
	                               "{\"ok\":true,\"param\":\"Relay\",\"value\":\"1\"}}"));
	assert_non_null(strstr(said, "{\"Relay\":1}"));
	rpc("{\"device\":\"meter\",\"data\":{\"id\":6,\"method\":\"Watts\",\"params\":1}}");
	assert_non_null(
		strstr(told(), "rpc {\"device\":\"meter\",\"id\":6,\"data\":{\"ok\":false,"));
	assert_null(strstr(rig_said(), "Nak")); /* nobody there has asked */
}

static void several_points_are_set_or_none(void **state)
{
	(void)state;
	begin(ONE);
	rpc("{\"device\":\"meter\",\"data\":{\"id\":1,\"method\":\"set\","
	    "\"params\":{\"Level\":3,\"Nothing\":1}}}");
	assert_int_equal(rig_bus()->njob, 0);
	assert_non_null(strstr(told(), "\"id\":1,\"data\":{\"results\":[{\"ok\":false,"));
	assert_non_null(strstr(said, "no such point"));
	rpc("{\"device\":\"meter\",\"data\":{\"id\":2,\"method\":\"set\",\"params\":{\"Level\":3}}"
	    "}");
	rig_job(3, 3, OUT_OK);
	rig_read(3, 3);
	assert_non_null(strstr(told(), "\"id\":2,\"data\":{\"ok\":true,\"param\":\"Level\""));
}

static void an_array_is_set_by_a_list(void **state)
{
	static const char *const wrong[] = {
		"Level\",\"params\":[3,4]", "Pair\",\"params\":[3]", "Pair\",\"params\":[[3],4]",
		"Pair\",\"params\":[3,\"4\"]", "Pair\",\"params\":[3,null]"};
	(void)state;
	begin(ONE);
	rpc("{\"device\":\"meter\",\"data\":{\"id\":2,\"method\":\"Pair\",\"params\":[3, 4]}}");
	rig_job(8, 3, OUT_OK);
	rig_pass(US_MS);
	rig_report((struct report){.kind = REPORT_READ,
	                           .outcome = OUT_OK,
	                           .span = {1, TABLE_HOLDING, 8, 2},
	                           .word = {3, 4}});
	assert_non_null(strstr(told(), "\"ok\":true,\"param\":\"Pair\",\"value\":\"[3,4]\""));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char text[160];
		snprintf(text, sizeof text,
		         "{\"device\":\"meter\",\"data\":{\"id\":3,\"method\":\"%s}}", wrong[i]);
		rpc(text);
		assert_int_equal(rig_bus()->njob, 0);
		assert_non_null(strstr(told(), "\"id\":3,\"data\":{\"ok\":false,"));
	}
}

static void a_get_reads_now(void **state)
{
	(void)state;
	begin(ONE);
	rpc("{\"device\":\"meter\",\"data\":{\"id\":3,\"method\":\"get\",\"params\":\"Level\"}}");
	assert_int_equal(rig_bus()->ndemand, 1);
	rig_read(3, 44);
	assert_non_null(strstr(told(), "\"id\":3,\"data\":{\"ok\":true,\"param\":\"Level\","
	                               "\"value\":\"44\"}"));
}

/* The server keeps what it could not deliver, and says of nothing how old it is. */
static void what_may_be_old_is_not_written(void **state)
{
	static const char set[] =
		"{\"device\":\"meter\",\"data\":{\"id\":1,\"method\":\"Relay\",\"params\":1}}";
	(void)state;
	begin(ONE);
	link_up(false);
	rig_pass(20 * US_S);
	link_up(true);
	rpc(set);
	assert_int_equal(rig_bus()->njob, 0);
	assert_non_null(strstr(told(), "may have kept it"));
	rig_pass(6 * US_S);
	/* nor when the device was away */
	rig_unit(1, false);
	rig_unit(1, true);
	rpc(set);
	assert_int_equal(rig_bus()->njob, 0);
	assert_non_null(strstr(told(), "may have kept it"));
	rig_pass(6 * US_S);
	rpc(set);
	assert_int_equal(rig_bus()->njob, 1);
	rig_job(1, 1, OUT_REFUSED);
}

#define TO(data) "{\"device\":\"meter\",\"data\":" data "}"

static void what_is_no_rpc_writes_nothing(void **state)
{
	static const struct {
		const char *payload;
		bool answered;
	} hostile[] = {
		{"", false},
		{"{", false},
		{"[]", false},
		{"\"x\"", false},
		{"{\"device\":1,\"data\":{}}", false},
		{"{\"device\":\"meter\"}", false},
		{"{\"device\":\"meter\",\"id\":4,\"data\":{\"ok\":true}}", false}, /* our own */
		{TO("[1]"), false},
		{TO("{\"id\":1}"), false},
		{TO("{\"id\":\"1\",\"method\":\"Relay\",\"params\":1}"), false},
		{TO("{\"id\":1.5,\"method\":\"Relay\",\"params\":1}"), false},
		{TO("{\"id\":1,\"id\":2,\"method\":\"Relay\",\"params\":1}"), false},
		{TO("{\"id\":1,\"method\":7,\"params\":1}"), false},
		{TO("{\"id\":1,\"method\":\"Relay\"}"), true},
		{TO("{\"id\":1,\"method\":\"Relay\",\"params\":null}"), true},
		{TO("{\"id\":1,\"method\":\"Relay\",\"params\":{}}"), true},
		{TO("{\"id\":1,\"method\":\"Relay\",\"params\":[1]}"), true},
		{TO("{\"id\":1,\"method\":\"set\",\"params\":1}"), true},
		{TO("{\"id\":1,\"method\":\"set\",\"params\":{}}"), true},
		{TO("{\"id\":1,\"method\":\"set\",\"params\":{\"Relay\":{\"a\":1}}}"), true},
		{TO("{\"id\":1,\"method\":\"get\"}"), true},
		{TO("{\"id\":1,\"method\":\"get\",\"params\":[]}"), true},
		{TO("{\"id\":1,\"method\":\"get\",\"params\":[1]}"), true},
		{TO("{\"id\":1,\"method\":\"get\",\"params\":[\"Level\",{}]}"), true},
		{TO("{\"id\":1,\"method\":\"\",\"params\":1}"), true},
		{TO("{\"id\":1,\"method\":\"a\\u0000b\",\"params\":1}"), false},
		{TO("{\"id\":1,\"method\":\"Relay\\nxnetd: fine\",\"params\":1}"), true},
		{TO("{\"id\":1,\"method\":\"Relay\",\"params\":\"1\\\"}\"}"), true},
		{TO("{\"id\":-9007199254740993,\"method\":\"Relay\",\"params\":1}"), false},
		{"{\"device\":\"me\\\"ter\",\"data\":{\"id\":1,\"method\":\"Relay\",\"params\":1}}",
	         true},
		{"{\"device\":\"\",\"data\":{\"id\":1,\"method\":\"Relay\",\"params\":1}}", false},
		{TO("{\"id\":1,\"method\":\"Relay\",\"params\":[[[[[[[[[1]]]]]]]]]}"), false},
	};
	(void)state;
	begin(ONE);
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		rpc(hostile[i].payload);
		const char *text = hostile[i].payload;
		if (rig_bus()->njob || rig_bus()->ndemand)
			fail_msg("%s: something reached the bus", text);
		if ((strstr(told(), "\"ok\":false") != NULL) != hostile[i].answered)
			fail_msg("%s: answered %s", text, said);
		assert_null(strstr(rig_said(), "Nak"));
	}
}

static void too_long_a_message_is_no_rpc(void **state)
{
	static const char rpc_text[] = TO("{\"id\":1,\"method\":\"Relay\",\"params\":1}");
	(void)state;
	begin(ONE);
	char *text = mem_alloc(100000, 1);
	memset(text, ' ', 99999);
	memcpy(text, rpc_text, strlen(rpc_text));
	rpc(text);
	free(text);
	assert_int_equal(rig_bus()->njob, 0);
}

/* While the server is away the values are kept: so many, and no more. */
static void an_outage_is_bridged_within_bounds(void **state)
{
	(void)state;
	begin(SECTION "devices:\n" METER);
	link_up(false);
	struct outbox_figures f;
	for (unsigned i = 0; i < 30000; i++) {
		rig_read(0, (uint16_t)i);
		rig.now += US_S;
		rig_turn();
	}
	outbox_figures(rig.own.outbox, &f);
	assert_true(f.dropped > 1000);
	assert_true(f.bytes > 900000 && f.bytes <= 1 << 20);
	assert_true(rig.g.link[0].connected);
	rig_said();
	/* what was kept follows the connect, the oldest first */
	outbox_all_dirty(rig.own.outbox);
	link_up(true);
	struct outgoing m;
	double last = -1;
	unsigned n = 0;
	assert_true(outbox_take(rig.own.outbox, &m));
	assert_string_equal(m.topic, "v1/gateway/connect");
	outbox_sent(rig.own.outbox, m.item);
	for (; outbox_take(rig.own.outbox, &m); outbox_sent(rig.own.outbox, m.item)) {
		const char *at = strstr(m.payload, "\"Watts\":");
		if (!at)
			continue;
		const double x = atof(at + 8);
		assert_true(x > last);
		last = x;
		n++;
	}
	assert_true(last == 2999.9);
	assert_true(n == 30000 - f.dropped || n == 30000 - f.dropped + 1);
}

static void a_reload_adds_changes_and_removes_it(void **state)
{
	(void)state;
	rig_begin("devices:\n" METER, POINTS);
	assert_int_equal(rig.own.connects, 0);
	rig_read(0, 123);
	rig_reload(SECTION "devices:\n" METER OTHER);
	assert_int_equal(rig.own.connects, 1);
	rig_pass(US_S);
	assert_non_null(strstr(told(), "connect {\"device\":\"meter\","));
	assert_non_null(
		strstr(said, "telemetry {\"meter\":[{\"ts\":T,\"values\":{\"Watts\":12.3}}]}"));
	rig_reload("thingsboard: {broker: mqtt://tb2, token_file: own.yaml, device_prefix: 'a\"'}\n"
	           "devices:\n" METER);
	assert_int_equal(rig.own.ends, 1);
	assert_int_equal(rig.own.connects, 2);
	assert_string_equal(rig.own.host, "tb2");
	assert_non_null(strstr(told(), "disconnect {\"device\":\"meter\"}"));
	assert_non_null(strstr(said, "connect {\"device\":\"a\\\"meter\","));
	rig_reload("devices:\n" METER);
	assert_int_equal(rig.own.ends, 2);
	assert_int_equal(rig.connects, 1); /* the broker's goes on */
	rig_said();
	rig_read(0, 124);
	assert_string_equal(rig_said(), "meter/Watts 12.4");
}

static void the_gateway_ends_with_its_devices_disconnected(void **state)
{
	(void)state;
	begin(ONE);
	rig_read(0, 7);
	north_status(rig.g.north, 0, false); /* as broker_destroy() does */
	north_turn(rig.g.north);
	assert_string_equal(told(),
	                    "telemetry {\"meter\":[{\"ts\":T,\"values\":{\"Watts\":0.7}}]}\n"
	                    "disconnect {\"device\":\"meter\"}");
}

/* The pumps run without a dashboard. */
static void a_token_that_cannot_be_read_stops_nothing(void **state)
{
	(void)state;
	rig_begin("thingsboard: {broker: mqtt://tb, token_file: not-there}\ndevices:\n" METER,
	          POINTS);
	rig_read(0, 123);
	assert_string_equal(rig.own.host, "tb");
	link_up(false);
	assert_true(rig.g.link[0].connected);
	assert_non_null(strstr(rig_said(), "meter/Watts 12.3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_device_connects_reports_and_disconnects),
		RIG_TEST(values_of_one_moment_are_one_message),
		RIG_TEST(a_key_keeps_its_type),
		RIG_TEST(alerts_are_an_attribute),
		RIG_TEST(last_values_go_before_the_disconnect),
		RIG_TEST(an_rpc_is_a_command_with_its_outcome),
		RIG_TEST(several_points_are_set_or_none),
		RIG_TEST(an_array_is_set_by_a_list),
		RIG_TEST(a_get_reads_now),
		RIG_TEST(what_may_be_old_is_not_written),
		RIG_TEST(what_is_no_rpc_writes_nothing),
		RIG_TEST(too_long_a_message_is_no_rpc),
		RIG_TEST(an_outage_is_bridged_within_bounds),
		RIG_TEST(a_reload_adds_changes_and_removes_it),
		RIG_TEST(the_gateway_ends_with_its_devices_disconnected),
		RIG_TEST(a_token_that_cannot_be_read_stops_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
