// SPDX-License-Identifier: MIT
/* A new configuration: what goes on, what is published anew, what is gone. */
#include "daemon_rig.h"

#define ONE(keys) "  meter: {bus: line, id: 1, every: 1s, profile: own" keys "}\n"
#define TWO "  other: {bus: line, id: 2, every: 1s, profile: own}\n"
#define HOST "broker: mqtt://h, client_id: c, sys_interval: 0"
#define BOARD "broker: mqtt://tb, token_file: own.yaml"
#define COUNTER                                                                                    \
	"points:\n  Watts: {holding: 0}\n  Kwh: {holding: 1, counter: {max_rise: 10000/h}}\n"
#define POINTS "points:\n  Watts: {holding: 0}\n  Kind: {holding: 1}\n"

static void begin(const char *devices, const char *profile)
{
	rig_begin(devices, profile);
	rig_read(0, 123);
	rig_read(1, 7);
	rig_said();
}

static void what_is_equal_publishes_nothing(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS);
	struct bus *const bus = rig_bus();
	rig_reload("devices:\n" ONE(""));
	assert_ptr_equal(rig_bus(), bus);
	assert_int_equal(bus->ndemand, 0); /* what did not change is not read anew */
	assert_string_equal(rig_said(), "");
	assert_ptr_equal(rig.g.model, rig.g.plant->model);
	rig_read(0, 123);
	assert_string_equal(rig_said(), "");
	rig_read(0, 124);
	assert_string_equal(rig_said(), "meter/Watts 124");
}

static void a_device_that_is_gone_is_cleared_and_a_new_one_begins(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS);
	rig_reload("devices:\n" TWO);
	assert_string_equal(rig_said(), "meter/status \nother/status offline\n"
	                                "meter/Watts \nmeter/Kind ");
	rig_read(0, 125); /* of unit 1, which is nobody's now */
	assert_string_equal(rig_said(), "");
	rig_unit(2, true);
	assert_string_equal(rig_said(), "other/status online");
}

static void other_decimals_are_published_at_once(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS);
	rig_write_profile("points:\n  Watts: {holding: 0, scale: 0.1}\n"
	                  "  Kind: {holding: 1, decimals: 1}\n");
	rig_reload("devices:\n" ONE(""));
	assert_string_equal(rig_said(), "meter/Kind 7.0");
	assert_int_equal(rig_bus()->ndemand, 1); /* Watts, at once: whatever its period */
	rig_read(0, 123);                        /* the same words mean something else */
	assert_string_equal(rig_said(), "meter/Watts 12.3");
}

static void other_limits_hold_from_the_next_read_on(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS);
	rig_write_profile("points:\n  Watts: {holding: 0, valid: {min: 0, max: 100}}\n  Kind: "
	                  "{holding: 1}\n");
	rig_reload("devices:\n" ONE(""));
	assert_string_equal(rig_said(), "");
	assert_int_equal(rig_bus()->ndemand, 1);
	rig_read(0, 123); /* the same words are looked at anew */
	assert_string_equal(rig_said(), "meter/Watts None");
}

/* Its device as it was behind a new one, then with another point that differs. */
static void a_counter_counts_on(void **state)
{
	(void)state;
	rig_begin("devices:\n" ONE(""), COUNTER);
	rig_unit(1, true);
	rig_read(1, 1000);
	rig_pass(US_S);
	rig_read(1, 1000);
	rig_said();
	rig_reload("devices:\n" TWO ONE(""));
	rig_said();
	rig_pass(US_S);
	rig_read(1, 1001);
	assert_string_equal(rig_said(), "meter/Kwh 1001");
	rig_read(1, 9000); /* that is to be confirmed */
	assert_string_equal(rig_said(), "");
	rig_pass(US_S);
	rig_read(1, 1002);
	assert_string_equal(rig_said(), "meter/Kwh 1002");
	rig_write_profile(COUNTER "  Kind: {holding: 2}\n");
	rig_reload("devices:\n" TWO ONE(""));
	rig_said();
	rig_pass(US_S);
	rig_read(1, 1003);
	assert_string_equal(rig_said(), "meter/Kwh 1003");
}

static void a_mistake_changes_nothing(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS);
	const struct model *const m = rig.g.model;
	rig_reload("devices:\n" ONE(", points: {None: 3}"));
	assert_ptr_equal(rig.g.model, m);
	assert_non_null(strstr(rig_said(), "devices.yaml:6:"));
	assert_null(strstr(rig.said, "meter/"));
}

/* With another prefix all topics are others: each point is there again, also one nobody asks for.
 */
static void another_prefix_has_all_topics(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS "  Lazy: {holding: 2, poll: on-demand}\n");
	rig_read(2, 5); /* along with its neighbours */
	rig_said();
	rig.mqtt = HOST ", prefix: other";
	rig_reload("devices:\n" ONE(""));
	rig_broker(true);
	assert_non_null(strstr(rig_said(), "other/sts/meter/Lazy None"));
	rig_reload("devices:\n" ONE(""));
	assert_null(strstr(rig_said(), "Lazy"));
}

/* -- what is as it was, while something else changes ------------------------------------------- */

#define MORE                                                                                       \
	POINTS "  Sum: {expr: Watts + Kind}\n  Text: {holding: 10, type: string, length: 6}\n"     \
	       "  Lazy: {holding: 2, poll: on-demand}\n  Slow: {holding: 3, deadband: 5}\n"        \
	       "  Trip: {holding: 4, bit: 0, alert: fault, code: 3, desc: Tripped}\n"              \
	       "  Set: {holding: 5, write: {}}\n"

static void read_more(void)
{
	rig_read(0, 123);
	rig_read(1, 7);
	rig_read(3, 100);
	rig_read(3, 103);
	rig_read(4, 1);
	rig_read(5, 9);
	rig_report((struct report){.kind = REPORT_READ,
	                           .outcome = OUT_OK,
	                           .span = {1, TABLE_HOLDING, 10, 6},
	                           .word = {0x6162, 0x6364, 0x6566, 0x6768, 0x696A, 0x6B6C}});
}

static void begin_more(const char *devices)
{
	rig_begin(devices, MORE);
	rig_command("xnet/sub/meter", "[\"Lazy\"]");
	read_more();
	assert_non_null(strstr(rig_said(), "meter/Sum 130.000"));
	assert_non_null(strstr(rig.said, "Tripped"));
}

/* Nothing of it was read or published anew, and everything is still known. */
static void goes_on(void)
{
	read_more();
	assert_string_equal(rig_said(), "");
	rig_pass(100 * US_MS);
	rig_read(1, 8);
	assert_string_equal(rig_said(), "meter/Kind 8\nmeter/Sum 131.000");
	rig_read(2, 5);
	assert_string_equal(rig_said(), "meter/Lazy 5"); /* somebody asked for it before */
	rig_read(3, 110);
	assert_string_equal(rig_said(), "meter/Slow 110");
	rig_command("xnet/cmd/meter/Set", "4");
	rig_job(5, 4, OUT_OK);
	rig_read(5, 4);
	assert_string_equal(rig_said(), "meter/Set 4");
	rig_read(4, 0);
	assert_null(strstr(rig_said(), "Tripped"));
	assert_non_null(strstr(rig.said, "meter/Alerts"));
}

static void another_device_changes_and_nothing_else(void **state)
{
	(void)state;
	begin_more("devices:\n" ONE("") TWO);
	struct bus *const bus = rig_bus();
	bus->ndemand = 0;
	rig_reload("devices:\n" ONE("") "  other: {bus: line, id: 3, profile: own}\n");
	assert_ptr_equal(rig_bus(), bus);
	assert_null(strstr(rig_said(), "meter/"));
	rig_unit(3, true); /* what it is to read at once is asked for then */
	rig_said();
	goes_on();
}

static void what_was_read_in_the_same_turn_counts(void **state)
{
	(void)state;
	begin_more("devices:\n" ONE("") TWO);
	rig_pass(100 * US_MS);
	const struct report r = {.kind = REPORT_READ,
	                         .outcome = OUT_OK,
	                         .bus = rig_bus()->tag,
	                         .at = rig.now,
	                         .span = {1, TABLE_HOLDING, 0, 2},
	                         .word = {124, 7}};
	assert_true(queue_try_push(rig.g.reports, &r));
	rig_reload("devices:\n" ONE(""));
	assert_non_null(strstr(rig_said(), "meter/Sum 131.000"));
}

static void a_device_before_it_is_new(void **state)
{
	(void)state;
	begin_more("devices:\n" ONE(""));
	rig_reload("devices:\n  first: {bus: line, id: 9, profile: own}\n" ONE(""));
	assert_string_equal(rig_said(), "first/status offline\nfirst/Lazy None");
	goes_on();
	rig_reload("devices:\n" ONE(""));
	assert_non_null(strstr(rig_said(), "first/status \n"));
	rig_read(1, 7);
	assert_string_equal(rig_said(), "meter/Kind 7");
}

static void a_bus_before_its_own_is_new(void **state)
{
	(void)state;
	begin_more("  z: {tcp: h}\ndevices:\n" ONE("") "  other: {bus: z, id: 1, profile: own}\n");
	struct bus *const line = rig_bus(), *const z = rig.g.plant->bus[1].bus;
	const size_t adopted[] = {line->nadopt, z->nadopt};
	rig_reload("  a: {tcp: g}\n  z: {tcp: h}\ndevices:\n  new: {bus: a, id: 1, profile: own}\n"
	           "  other: {bus: z, id: 1, profile: own, every: 2s}\n" ONE(""));
	assert_ptr_equal(rig_bus(), line);
	assert_ptr_equal(rig.g.plant->bus[2].bus, z);
	assert_int_equal(line->nadopt, adopted[0]); /* it has them */
	assert_int_equal(z->nadopt, adopted[1] + 1);
	assert_int_equal(rig.g.plant->bus[1].bus->nadopt, 1);
	assert_null(strstr(rig_said(), "meter/"));
	goes_on();
	rig_reload("  a: {tcp: g}\n  z: {tcp: h}\ndevices:\n" ONE(""));
	assert_int_equal(line->nadopt, adopted[0]);
	assert_int_equal(z->nwant, 0); /* it has no devices any more */
}

/* The bus has them of a device that has left, too. */
static void its_neighbour_leaves(void **state)
{
	(void)state;
	begin_more("devices:\n" ONE("") TWO);
	const size_t wants = rig_bus()->nwant;
	rig_reload("devices:\n" ONE(""));
	assert_true(rig_bus()->nwant < wants);
	assert_null(strstr(rig_said(), "meter/"));
	goes_on();
}

/* A northbound that begins has nothing yet. */
static void what_is_published_changes_for_all(void **state)
{
	(void)state;
	begin_more("devices:\n" ONE(""));
	rig.mqtt = HOST ", payload: value+unit, qos: {value: 1}";
	rig_reload("devices:\n" ONE(""));
	assert_non_null(strstr(rig_said(), "meter/Watts 123"));
	rig.thingsboard = BOARD;
	rig_reload("devices:\n" ONE(""));
	rig_pass(US_S);
	assert_non_null(strstr(rig_said_on(rig.own.outbox), "\"Watts\":123"));
	rig_reload("devices:\n" ONE("") TWO);
	rig_pass(US_S);
	assert_null(strstr(rig_said_on(rig.own.outbox), "Watts"));
}

/* -- which keys need a new thread, a new connection ------------------------------------------- */

#define SERIAL "port: /dev/none"
#define TCP "tcp: h:502"
#define BOARDS "broker: mqtts://tb, token_file: own.yaml"
#define TLS "broker: mqtts://h, client_id: c, sys_interval: 0"

#define HASS(keys) "homeassistant: {" keys "}\n"

/* A key that is forgotten where settings are compared would be without effect until a restart. */
static const struct {
	const char *key, *before, *after;
	bool anew;
} keys[] = {
	{"bus.port", SERIAL, "port: /dev/other", true},
	{"bus.tcp", TCP, "tcp: h:503", true},
	{"bus.rtu_tcp", TCP, "rtu_tcp: h:502", true},
	{"bus.baud", SERIAL, SERIAL ", baud: 19200", true},
	{"bus.format", SERIAL, SERIAL ", format: 8E1", true},
	{"bus.direction", SERIAL, SERIAL ", direction: rts", true},
	{"bus.direction.rts", SERIAL ", direction: {kernel: {rts: high}}",
         SERIAL ", direction: {kernel: {rts: low}}", true},
	{"bus.direction.before", SERIAL ", direction: {kernel: {rts: high}}",
         SERIAL ", direction: {kernel: {rts: high, before: 1ms}}", true},
	{"bus.direction.after", SERIAL ", direction: {kernel: {rts: high}}",
         SERIAL ", direction: {kernel: {rts: high, after: 1ms}}", true},
	{"bus.silence", SERIAL, SERIAL ", silence: 9ms", true},
	{"bus.timeout", SERIAL, SERIAL ", timeout: 900ms", true},
	{"bus.retries", SERIAL, SERIAL ", retries: 3", true},
	{"bus.echo", SERIAL, SERIAL ", echo: true", true},
	{"bus.connect_delay", TCP, TCP ", connect_delay: 1s", true},
	{"bus.close_idle", TCP, TCP ", close_idle: 10s", true},
	{"bus.description", SERIAL, SERIAL ", description: by the door", false},
	{"mqtt.broker", HOST, "broker: mqtt://g, client_id: c, sys_interval: 0", true},
	{"mqtt.version", HOST, HOST ", version: 5", true},
	{"mqtt.client_id", HOST, "broker: mqtt://h, client_id: d, sys_interval: 0", true},
	{"mqtt.prefix", HOST, HOST ", prefix: a/b", true},
	{"mqtt.username", HOST, HOST ", username: me", true},
	{"mqtt.password_file", HOST ", username: me",
         HOST ", username: me, password_file: own.yaml", true},
	{"mqtt.tls.verify", TLS, TLS ", tls: {verify: false}", true},
	{"mqtt.keepalive", HOST, HOST ", keepalive: 9s", true},
	{"mqtt.qos.status", HOST, HOST ", qos: {status: 2}", true},
	{"mqtt.retain", HOST, HOST ", retain: false", true},
	{"mqtt.expiry", HOST, HOST ", expiry: 1d", true},
	{"mqtt.qos.value", HOST, HOST ", qos: {value: 1}", false},
	{"mqtt.qos.command", HOST, HOST ", qos: {command: 2}", false},
	{"mqtt.payload", HOST, HOST ", payload: value+unit", false},
	{"mqtt.properties", HOST, HOST ", properties: true", false},
	{"mqtt.history_buffer", HOST, HOST ", history_buffer: 2MiB", false},
	{"mqtt.sys_interval", HOST, "broker: mqtt://h, client_id: c, sys_interval: 1m", false},
	{"top.homeassistant", "", "homeassistant: true\n", false},
	{"homeassistant.prefix", HASS("names: words"), HASS("prefix: other"), false},
	{"homeassistant.min_version", HASS("names: words"), HASS("min_version: 2026.9"), false},
	{"homeassistant.max_bytes", HASS("names: words"), HASS("max_bytes: 64kB"), false},
	{"homeassistant.names", HASS("names: words"), HASS("names: points"), false},
	/* they need files that are certificates */
	{"mqtt.tls.ca", NULL, NULL, true},
	{"mqtt.tls.cert", NULL, NULL, true},
	{"mqtt.tls.key", NULL, NULL, true},
	{"thingsboard.broker", BOARD, "broker: mqtt://tb2, token_file: own.yaml", true},
	{"thingsboard.token_file", BOARD, "broker: mqtt://tb, token_file: devices.yaml", true},
	{"thingsboard.version", BOARD, BOARD ", version: 5", true},
	{"thingsboard.client_id", BOARD, BOARD ", client_id: d", true},
	{"thingsboard.device_prefix", BOARD, BOARD ", device_prefix: a", true},
	{"thingsboard.tls.verify", BOARDS, BOARDS ", tls: {verify: false}", true},
	{"thingsboard.keepalive", BOARD, BOARD ", keepalive: 9s", true},
	{"thingsboard.buffer", BOARD, BOARD ", buffer: 2MiB", false},
	{"thingsboard.tls.ca", NULL, NULL, true},
	{"thingsboard.tls.cert", NULL, NULL, true},
	{"thingsboard.tls.key", NULL, NULL, true},
};

/* Each section of the file with what begins anew when it changes. */
static const struct {
	const char *name;
	const char **text;
} sections[] = {
	{"bus.", &rig.line},
	{"mqtt.", &rig.mqtt},
	{"homeassistant.", &rig.top},
	{"top.", &rig.top},
	{"thingsboard.", &rig.thingsboard},
};

static size_t section_of(const char *key)
{
	size_t i = 0;
	while (i < sizeof sections / sizeof *sections &&
	       strncmp(key, sections[i].name, strlen(sections[i].name)) != 0)
		i++;
	return i;
}

/* Another number: begun anew. */
static unsigned beginning(size_t section)
{
	return section == 0 ? rig_bus()->tag : section < 4 ? rig.connects : rig.own.connects;
}

#define KEYS (sizeof keys / sizeof *keys)

static void each_key_takes_effect_with_a_reload(void **state)
{
	(void)state;
	begin("devices:\n" ONE(""), POINTS);
	for (size_t i = 0; i < KEYS; i++) {
		if (!keys[i].before)
			continue;
		const size_t section = section_of(keys[i].key);
		*sections[section].text = keys[i].before;
		rig_reload("devices:\n" ONE(""));
		const unsigned was = beginning(section);
		const struct model *const old = rig.g.model;
		*sections[section].text = keys[i].after;
		rig_reload("devices:\n" ONE(""));
		if (rig.g.model == old)
			fail_msg("%s: %s", keys[i].key, rig_said());
		if ((beginning(section) != was) != keys[i].anew)
			fail_msg("%s: %s", keys[i].key,
			         keys[i].anew ? "has no effect before a restart"
			                      : "begins anew what could go on");
		rig.mqtt = rig.line = rig.top = rig.thingsboard = NULL;
		rig_reload("devices:\n" ONE(""));
		rig_said();
	}
}

static bool has_row(const char *key, size_t len)
{
	for (size_t i = 0; i < KEYS; i++)
		if (strncmp(keys[i].key, key, len) == 0 &&
		    (keys[i].key[len] == '\0' || keys[i].key[len] == '.'))
			return true;
	return false;
}

static void look_for_row(void *ctx, const char *line)
{
	(void)ctx;
	const size_t len = strcspn(line, " ");
	if (section_of(line) < sizeof sections / sizeof *sections && !has_row(line, len))
		fail_msg("%.*s: say in the table above what a reload does when it changes, and see "
		         "same_conf() and same_connection()",
		         (int)len, line);
}

static void no_key_is_forgotten(void **state)
{
	(void)state;
	config_print_keys(look_for_row, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(what_is_equal_publishes_nothing),
		RIG_TEST(a_device_that_is_gone_is_cleared_and_a_new_one_begins),
		RIG_TEST(other_decimals_are_published_at_once),
		RIG_TEST(other_limits_hold_from_the_next_read_on),
		RIG_TEST(a_counter_counts_on),
		RIG_TEST(a_mistake_changes_nothing),
		RIG_TEST(another_prefix_has_all_topics),
		RIG_TEST(another_device_changes_and_nothing_else),
		RIG_TEST(what_was_read_in_the_same_turn_counts),
		RIG_TEST(a_device_before_it_is_new),
		RIG_TEST(a_bus_before_its_own_is_new),
		RIG_TEST(its_neighbour_leaves),
		RIG_TEST(what_is_published_changes_for_all),
		RIG_TEST(each_key_takes_effect_with_a_reload),
		cmocka_unit_test(no_key_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
