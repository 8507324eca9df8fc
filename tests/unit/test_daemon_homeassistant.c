// SPDX-License-Identifier: MIT
/* What Home Assistant is sent, and when. */
#include "daemon_rig.h"

#define HA "homeassistant: true\n"
#define ONE "devices:\n  meter: {bus: line, id: 1, profile: own}\n"
#define OTHER "devices:\n  pump: {bus: line, id: 1, profile: own}\n"
#define POINTS "points:\n  Watts: {holding: 0, unit: W}\n  Relay: {coil: 1, write: true}\n"
#define FEWER "points:\n  Watts: {holding: 0, unit: W}\n"
#define NODE "homeassistant/device/xnet_house/"
#define METER NODE "xnet_house_meter/config"
#define GATEWAY NODE "xnet_house/config"

static char said[RIG_SAID];

/* The topics below homeassistant/ and their documents, a line each. */
static const char *announced(void)
{
	char *at = said;
	char *line = (char *)rig_said(), *rest;
	*at = '\0';
	for (line = strtok_r(line, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "homeassistant/", 14) == 0 || strncmp(line, "ha2/", 4) == 0)
			at += sprintf(at, "%s%s", at == said ? "" : "\n", line);
	return said;
}

static unsigned lines(const char *text)
{
	unsigned n = *text != '\0';
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static const char *line_of(const char *text, unsigned n)
{
	while (n-- && text)
		text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL;
	return text ? text : "";
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void settled(const char *devices, const char *profile)
{
	rig_begin(devices, profile);
	rig_pass(3 * US_S);
	announced();
}

static void stood(const char *topic, const char *payload)
{
	rig_event((struct mqtt_event){.kind = MQTT_MESSAGE,
	                              .retained = true,
	                              .topic = mem_strdup(topic),
	                              .payload = mem_strdup(payload),
	                              .len = strlen(payload),
	                              .since = rig.now});
}

static void off_it_publishes_nothing(void **state)
{
	(void)state;
	rig_begin(ONE, POINTS);
	rig_command("homeassistant/status", "online");
	rig_pass(10 * US_S);
	assert_string_equal(announced(), "");
}

static void all_devices_are_announced_after_a_connect(void **state)
{
	(void)state;
	rig_begin(HA ONE, POINTS);
	rig_pass(900 * US_MS); /* what stands retained may still come */
	assert_string_equal(announced(), "");
	rig_pass(200 * US_MS);
	announced();
	assert_int_equal(lines(said), 2);
	assert_true(begins(said, GATEWAY " {\"dev\":{\"ids\":[\"xnet_house\"]"));
	const char *meter = line_of(said, 1);
	assert_true(begins(meter, METER " {\"dev\":{\"ids\":[\"xnet_house_meter\"]"));
	assert_non_null(strstr(meter, "\"via_device\":\"xnet_house\""));
	assert_non_null(strstr(meter, "\"def_ent_id\":\"sensor.house_meter_watts\""));
	assert_non_null(strstr(meter, "\"dev_cla\":\"power\""));
	assert_non_null(strstr(meter, "\"pl_on\":\"on\""));
	assert_non_null(strstr(meter, "\"avty_mode\":\"all\""));
	assert_null(strstr(meter, "object_id"));
	rig_pass(60 * US_S);
	assert_string_equal(announced(), "");
	rig_broker(false);
	rig_broker(true);
	rig_pass(50 * US_MS);
	assert_int_equal(lines(announced()), 2);
}

static void a_birth_is_answered_once_after_a_while(void **state)
{
	(void)state;
	settled(HA ONE, POINTS);
	rig_command("homeassistant/status", "online");
	rig_pass(990 * US_MS);
	assert_string_equal(announced(), "");
	rig_pass(5100 * US_MS);
	assert_int_equal(lines(announced()), 2);
	rig_command("homeassistant/status", "offline");
	stood("homeassistant/status", "online");
	rig_pass(10 * US_S);
	assert_string_equal(announced(), "");
}

static void two_births_in_a_row_are_one(void **state)
{
	(void)state;
	settled(HA ONE, POINTS);
	rig_command("homeassistant/status", "online");
	rig_command("homeassistant/status", "online");
	rig_pass(7 * US_S);
	assert_int_equal(lines(announced()), 2);
}

static void a_reload_that_changes_nothing_publishes_nothing(void **state)
{
	(void)state;
	settled(HA ONE, POINTS);
	rig_reload(HA ONE);
	rig_pass(10 * US_S);
	assert_string_equal(announced(), "");
}

static void a_point_that_is_gone_takes_two_messages(void **state)
{
	(void)state;
	settled(HA ONE, POINTS);
	rig_write_profile(FEWER);
	rig_reload(HA ONE);
	rig_pass(900 * US_MS);
	announced();
	assert_int_equal(lines(said), 1);
	assert_true(begins(said, METER));
	assert_non_null(strstr(said, "\"Relay\":{\"p\":\"switch\"}"));
	assert_non_null(strstr(said, "\"Watts\":{\"p\":\"sensor\",\"uniq_id\""));
	rig_pass(10 * US_S);
	announced();
	assert_int_equal(lines(said), 1);
	assert_null(strstr(said, "Relay"));
	assert_non_null(strstr(said, "\"Watts\":{"));
}

/* While the broker is away a newer document must not replace what is to be forgotten. */
static void what_is_gone_is_removed_after_an_outage_too(void **state)
{
	(void)state;
	settled(HA ONE, POINTS);
	rig_write_profile(FEWER);
	rig_reload(HA ONE);
	rig_pass(30 * US_S);
	assert_non_null(strstr(announced(), "\"Relay\":{\"p\":\"switch\"}"));
	rig_pass(3 * US_S);
	announced();
	assert_int_equal(lines(said), 1);
	assert_null(strstr(said, "Relay"));
}

static void another_kind_of_entity_is_removed_first(void **state)
{
	(void)state;
	settled(HA ONE, POINTS);
	rig_write_profile("points:\n  Watts: {holding: 0, unit: W}\n  Relay: {discrete: 1}\n");
	rig_reload(HA ONE);
	rig_pass(900 * US_MS);
	announced();
	assert_int_equal(lines(said), 1);
	assert_non_null(strstr(said, "\"Relay\":{\"p\":\"switch\"}"));
	assert_null(strstr(said, "binary_sensor"));
	rig_pass(10 * US_S);
	announced();
	assert_int_equal(lines(said), 1);
	assert_non_null(strstr(said, "\"Relay\":{\"p\":\"binary_sensor\""));
}

static void a_renamed_device_is_cleared_and_the_other_announced(void **state)
{
	(void)state;
	settled(HA ONE, POINTS);
	rig_reload(HA OTHER);
	rig_pass(10 * US_S);
	announced();
	assert_int_equal(lines(said), 2);
	assert_non_null(strstr(said, METER " \n") ? said : strstr(said, "\n" METER " "));
	assert_non_null(strstr(said, NODE "xnet_house_pump/config {"));
}

static void switched_off_all_is_cleared(void **state)
{
	(void)state;
	settled(HA ONE, POINTS);
	rig_reload(ONE);
	rig_pass(US_S);
	assert_string_equal(announced(), GATEWAY " \n" METER " ");
	rig_command("homeassistant/status", "online");
	rig_pass(10 * US_S);
	assert_string_equal(announced(), "");
}

static void switched_on_by_a_reload_all_is_announced(void **state)
{
	(void)state;
	settled(ONE, POINTS);
	rig_reload(HA ONE);
	rig_pass(3 * US_S);
	assert_int_equal(lines(announced()), 2);
}

static void another_prefix_clears_the_old_one(void **state)
{
	(void)state;
	settled(HA ONE, POINTS);
	rig_reload("homeassistant: {prefix: ha2}\n" ONE);
	rig_pass(10 * US_S);
	announced();
	assert_int_equal(lines(said), 4);
	assert_true(begins(said, GATEWAY " \n" METER " \n"));
	assert_true(begins(line_of(said, 2), "ha2/device/xnet_house/xnet_house/config {"));
	rig_command("homeassistant/status", "online"); /* it stays there, whatever the prefix */
	rig_pass(7 * US_S);
	assert_int_equal(lines(announced()), 2);
}

#define OURS(id, entities)                                                                         \
	"{\"dev\":{\"ids\":[\"" id "\"]},\"o\":{\"name\":\"xnet-gateway\"},\"cmps\":{" entities "}}"

static void what_an_earlier_run_published_is_removed(void **state)
{
	(void)state;
	rig_begin(HA ONE, POINTS);
	stood(METER,
	      OURS("xnet_house_meter", "\"Old\":{\"p\":\"number\"},\"Watts\":{\"p\":\"sensor\"}"));
	stood(NODE "xnet_house_gone/config", OURS("xnet_house_gone", "\"A\":{\"p\":\"sensor\"}"));
	stood(NODE "xnet_house_meter_2/config",
	      OURS("xnet_house_meter", "\"B\":{\"p\":\"sensor\"}"));
	rig_pass(1100 * US_MS);
	announced();
	assert_non_null(strstr(said, NODE "xnet_house_gone/config \n"));
	assert_non_null(strstr(said, "\n" NODE "xnet_house_meter_2/config "));
	assert_non_null(strstr(said, "\"Old\":{\"p\":\"number\"}"));
	assert_null(strstr(said, "\"Relay\""));
	rig_pass(5 * US_S);
	announced();
	assert_int_equal(lines(said), 1);
	assert_null(strstr(said, "\"Old\""));
	assert_non_null(strstr(said, "\"Relay\":{"));
}

/* Only what we made is ours, whoever published it there. */
static void what_others_announced_is_left_alone(void **state)
{
	(void)state;
	static const char *const foreign[] = {
		"{\"dev\":{\"ids\":[\"xnet_house_x\"]},\"o\":{\"name\":\"other\"},\"cmps\":{}}",
		"{\"dev\":{\"ids\":[\"zigbee_1\"]},\"o\":{\"name\":\"xnet-gateway\"},\"cmps\":{}}",
		"{\"dev\":{},\"o\":{\"name\":\"xnet-gateway\"},\"cmps\":{}}",
		"{\"cmps\":{\"A\":{\"p\":\"sensor\"}}}",
		"[]",
		"{",
		"null",
		"\"\\u0000\"",
	};
	rig_begin(HA ONE, POINTS);
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
		stood(NODE "xnet_house_x/config", foreign[i]);
	stood(NODE "lamp/config", OURS("xnet_house_lamp", ""));
	stood(NODE "xnet_house-x/config", OURS("xnet_house-x", ""));
	stood(NODE "xnet_house_meter_x/config", OURS("xnet_house_meter", ""));
	stood(NODE "xnet_house_meter_1/config", OURS("xnet_house_meter", ""));
	stood("homeassistant/device/xnet_other/xnet_other_m/config", OURS("xnet_other_m", ""));
	rig_pass(10 * US_S);
	announced();
	assert_int_equal(lines(said), 2);
	assert_true(begins(said, GATEWAY " {"));
	assert_true(begins(line_of(said, 1), METER " {"));
}

#define MANY "points:\n  P{n}: {holding: 0, repeat: {n: 1..20}, unit: W}\n"
#define SMALL "homeassistant: {max_bytes: 4096}\n"

/* What moves into another document is forgotten by the old one before the new one has it. */
static void a_large_device_has_several_documents(void **state)
{
	(void)state;
	rig_begin(SMALL ONE, MANY);
	rig_pass(1100 * US_MS);
	announced();
	assert_int_equal(lines(said), 3);
	assert_true(begins(line_of(said, 1), METER " {\"dev\":{\"ids\":[\"xnet_house_meter\"]"));
	assert_true(begins(line_of(said, 2), NODE
	                   "xnet_house_meter_2/config {\"dev\":{\"ids\":[\"xnet_house_meter\"]"));
	for (unsigned i = 1; i < 3; i++)
		assert_true(strcspn(line_of(said, i), "\n") < 4096 + 100);
	rig_pass(2 * US_S);
	rig_reload(HA ONE);
	rig_pass(900 * US_MS);
	announced();
	assert_string_equal(said, NODE "xnet_house_meter_2/config ");
	rig_pass(2 * US_S);
	announced();
	assert_int_equal(lines(said), 1);
	assert_non_null(strstr(said, "\"P20\":{\"p\":\"sensor\",\"uniq_id\""));
	rig_pass(2 * US_S);
	rig_reload(SMALL ONE);
	rig_pass(900 * US_MS);
	announced();
	assert_int_equal(lines(said), 1);
	assert_non_null(strstr(said, "\"P20\":{\"p\":\"sensor\"}"));
	rig_pass(2 * US_S);
	assert_int_equal(lines(announced()), 2);
}

/* Documents fit into the packets that the broker takes, also after another one has come. */
static void a_broker_of_small_packets_gets_small_documents(void **state)
{
	(void)state;
	rig_begin(HA ONE, MANY);
	rig_pass(5 * US_S);
	assert_int_equal(lines(announced()), 2);
	rig_broker(false);
	rig_event((struct mqtt_event){.kind = MQTT_UP, .protocol = 5, .packet_most = 3000});
	rig_pass(3 * US_S);
	announced(); /* what moves is forgotten by the first */
	rig_pass(3 * US_S);
	announced();
	assert_non_null(strstr(said, "xnet_house_meter_2/config {"));
	for (unsigned i = 0; i < lines(said); i++) {
		/* the line is topic, blank, document; a packet has up to 16 bytes beside them */
		const size_t n = strcspn(line_of(said, i), "\n");
		if (n + 15 > 3000)
			fail_msg("%zu bytes: %.60s", n, line_of(said, i));
	}
	rig_broker(false);
	rig_broker(true);
	rig_pass(3 * US_S);
	announced();
	const char *second = strstr(said, NODE "xnet_house_meter_2/config ");
	assert_non_null(second); /* … is empty: one document holds all again */
	assert_int_equal(strcspn(second, "\n"), strlen(NODE "xnet_house_meter_2/config "));
}

/* Without retain nobody would say what came before Home Assistant did. */
static void what_is_not_retained_is_published_again(void **state)
{
	(void)state;
	rig_begin(HA "defaults: {retain: false}\n" ONE, POINTS);
	rig_unit(1, true);
	rig_read(0, 123);
	rig_pass(5 * US_S);
	rig_said();
	rig_command("homeassistant/status", "online");
	rig_pass(9 * US_S);
	assert_non_null(strstr(rig_said(), "meter/Watts 123"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(off_it_publishes_nothing),
		RIG_TEST(all_devices_are_announced_after_a_connect),
		RIG_TEST(a_birth_is_answered_once_after_a_while),
		RIG_TEST(two_births_in_a_row_are_one),
		RIG_TEST(a_reload_that_changes_nothing_publishes_nothing),
		RIG_TEST(a_point_that_is_gone_takes_two_messages),
		RIG_TEST(what_is_gone_is_removed_after_an_outage_too),
		RIG_TEST(another_kind_of_entity_is_removed_first),
		RIG_TEST(a_renamed_device_is_cleared_and_the_other_announced),
		RIG_TEST(switched_off_all_is_cleared),
		RIG_TEST(switched_on_by_a_reload_all_is_announced),
		RIG_TEST(another_prefix_clears_the_old_one),
		RIG_TEST(what_an_earlier_run_published_is_removed),
		RIG_TEST(what_others_announced_is_left_alone),
		RIG_TEST(a_large_device_has_several_documents),
		RIG_TEST(a_broker_of_small_packets_gets_small_documents),
		RIG_TEST(what_is_not_retained_is_published_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
