// SPDX-License-Identifier: MIT
/*
 * How the cost of reading a configuration, and of taking it over while running, grows with it.
 * Counted are calls of what loops over names, points and inputs call (the linker puts the counting
 * ones in their place), never time.
 */
#include "daemon_rig.h"

#include <stdatomic.h>

#include "daemon/base/descriptors.h"
#include "daemon/devices/readings.h"

#define SMALL 100
#define LARGE (4 * SMALL)
#define MOST 5 /* times as many calls; comparing all with all would be 16 */

static atomic_ulong calls;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
#define COUNTED(type, name, parameters, ...)                                                       \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);                        \
		return __real_##name(__VA_ARGS__);                                                 \
	}

COUNTED(int, strcmp, (const char *a, const char *b), a, b)
COUNTED(int, strncmp, (const char *a, const char *b, size_t n), a, b, n)
COUNTED(unsigned, codec_words, (const struct codec *c), c)
COUNTED(struct span, model_span, (const struct device *d, const struct point *p), d, p)
COUNTED(bool, point_alerts, (const struct point *p), p)
COUNTED(void, jw_string, (struct json * j, const char *name, const char *text), j, name, text)
COUNTED(int, expr_next, (const struct expr *e, size_t *at), e, at)

/* What a reload does in main for each point that it takes over. */
static unsigned long lookups;
#define LOOKED_UP(type, name, parameters, ...)                                                     \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		lookups++;                                                                         \
		return __real_##name(__VA_ARGS__);                                                 \
	}

LOOKED_UP(slot_t, outbox_slot,
          (struct outbox * o, const char *topic, enum slot_class c, uint8_t qos, bool retain), o,
          topic, c, qos, retain)
LOOKED_UP(bool, outbox_differs, (struct outbox * o, slot_t id, const char *text), o, id, text)
LOOKED_UP(size_t, model_wants,
          (const struct model *m, uint32_t bus, const uint8_t *how, struct want **w,
           struct unit_rule **r, size_t *nr),
          m, bus, how, w, r, nr)

struct slot;
struct slots;
static unsigned long slots_seen;
struct slot *__real_slots_at(const struct slots *t, uint32_t id);
struct slot *__wrap_slots_at(const struct slots *t, uint32_t id);
struct slot *__wrap_slots_at(const struct slots *t, uint32_t id)
{
	slots_seen++;
	return __real_slots_at(t, id);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

struct texts {
	char *devices, *profile;
	size_t ndevices, nprofile;
};

/* What a kind of configuration puts into the two texts. */
typedef void write_kind(FILE *devices, FILE *profile, unsigned n);

static void buses_of_one_device(FILE *devices, FILE *profile, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fprintf(devices, "  b%u: {port: /dev/none%u}\n", i, i);
	fputs("devices:\n  d: {bus: line, id: 1, profile: own}\n", devices);
	for (unsigned i = 0; i < n; i++)
		fprintf(devices, "  d%u: {bus: b%u, id: 1, profile: own}\n", i, i);
	fputs("points:\n  P: {holding: 1}\n", profile);
}

static void devices_with_points_of_their_own(FILE *devices, FILE *profile, unsigned n)
{
	for (unsigned i = 0; i < n / 50; i++)
		fprintf(devices, "  b%u: {tcp: h%u}\n", i, i);
	fputs("devices:\n  d: {bus: line, id: 1, profile: own}\n", devices);
	for (unsigned i = 0; i < n; i++)
		fprintf(devices,
		        "  d%u: {bus: b%u, id: %u, profile: own, points: {X%u: {holding: %u}}}\n",
		        i, i / 50, i % 50 + 1, i, i + 9);
	fputs("points:\n  P: {holding: 1}\n", profile);
}

static void points_read_together(FILE *devices, FILE *profile, unsigned n)
{
	fputs("devices:\n  d: {bus: line, id: 1, profile: own}\n", devices);
	fputs("points:\n", profile);
	for (unsigned i = 0; i < n; i++)
		fprintf(profile, "  P%u: {holding: %u, together: g%u}\n", i, i, i / 2);
}

static void points_that_are_listed(FILE *devices, FILE *profile, unsigned n)
{
	fputs("devices:\n  d: {bus: line, id: 1, profile: own, only: [", devices);
	for (unsigned i = 0; i < n; i++)
		fprintf(devices, "%sP%u", i ? ", " : "", i);
	fputs("], omit: [P0", devices);
	for (unsigned i = 1; i < n / 2; i++)
		fprintf(devices, ", P%u", i);
	fputs("]}\n", devices);
	fputs("points:\n", profile);
	for (unsigned i = 0; i < n; i++)
		fprintf(profile, "  P%u: {holding: %u}\n", i, i);
}

static void expressions(FILE *devices, FILE *profile, unsigned n)
{
	fputs("devices:\n  d: {bus: line, id: 1, profile: own}\n", devices);
	fputs("points:\n  P0: {holding: 0}\n", profile);
	for (unsigned i = 1; i < n; i++)
		fprintf(profile, "  P%u: {expr: P%u + P0}\n", i, i % 5 ? i - 1 : 0);
}

static void expressions_upside_down(FILE *devices, FILE *profile, unsigned n)
{
	fputs("devices:\n  d: {bus: line, id: 1, profile: own}\n", devices);
	fputs("points:\n  P0: {holding: 0}\n", profile);
	for (unsigned i = 1; i < n; i++)
		fprintf(profile, "  P%u: {expr: P%u + 1}\n", i, i + 1 < n ? i + 1 : 0);
}

static struct texts texts_of(write_kind *kind, unsigned n)
{
	struct texts t;
	FILE *devices = open_memstream(&t.devices, &t.ndevices);
	FILE *profile = open_memstream(&t.profile, &t.nprofile);
	kind(devices, profile, n);
	fclose(devices);
	fclose(profile);
	return t;
}

/* Calls for a reload of the same configuration, with all that it reads. */
static unsigned long reload_calls(write_kind *kind, unsigned n)
{
	struct texts t = texts_of(kind, n);
	rig_begin(t.devices, t.profile);
	calls = 0;
	rig_reload(t.devices);
	const unsigned long counted = calls;
	assert_int_equal(rig_end(NULL), 0);
	free(t.devices);
	free(t.profile);
	return counted;
}

static void four_times_the_size_costs_four_times_as_much(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		write_kind *kind;
	} rows[] = {
		{"buses", buses_of_one_device},     {"devices", devices_with_points_of_their_own},
		{"together", points_read_together}, {"only, omit", points_that_are_listed},
		{"expressions", expressions},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const unsigned long small = reload_calls(rows[i].kind, SMALL),
				    large = reload_calls(rows[i].kind, LARGE);
		print_message("%s: %lu calls, %lu\n", rows[i].name, small, large);
		assert_true(small > SMALL);
		assert_true(large < MOST * small);
	}
}

static unsigned long read_calls(unsigned n)
{
	struct texts t = texts_of(expressions_upside_down, n);
	char first[32];
	rig_begin(t.devices, t.profile);
	calls = 0;
	rig_read(0, 1);
	const unsigned long counted = calls;
	reading_text(rig.g.plant, 1, first, sizeof first);
	assert_int_equal(atoi(first), (int)n);
	assert_int_equal(rig_end(NULL), 0);
	free(t.devices);
	free(t.profile);
	return counted;
}

/* Each uses the one below it. */
static void expressions_are_computed_once(void **state)
{
	(void)state;
	const unsigned long small = read_calls(SMALL), large = read_calls(LARGE);
	print_message("a read: %lu calls, %lu\n", small, large);
	assert_true(small > SMALL);
	assert_true(large < MOST * small);
}

/* What Home Assistant and ThingsBoard get of a new configuration, of the next, and at the stop. */
static void northbound_calls(unsigned n, unsigned long counted[3])
{
	char *devices = rig_devices(n, 50);
	rig_begin(devices, "points:\n  P: {holding: 1}\n"
	                   "  A: {holding: 2, bit: 0, alert: fault, code: 1}\n");
	calls = 0;
	rig.top = "homeassistant: true\n";
	rig.thingsboard = "broker: mqtt://tb, token_file: own.yaml";
	rig_reload(devices);
	rig_pass(10 * US_S);
	counted[0] = calls;
	calls = 0;
	rig.thingsboard = "broker: mqtt://tb, token_file: own.yaml, device_prefix: x";
	rig_reload(devices);
	rig_pass(10 * US_S);
	counted[1] = calls;
	calls = 0;
	assert_int_equal(rig_end(NULL), 0);
	counted[2] = calls;
	free(devices);
}

static void northbounds_grow_with_their_devices(void **state)
{
	(void)state;
	static const char *const what[] = {"begun", "changed", "stop"};
	unsigned long small[3], large[3];
	northbound_calls(SMALL, small);
	northbound_calls(LARGE, large);
	for (size_t i = 0; i < 3; i++) {
		print_message("northbounds, %s: %lu calls, %lu\n", what[i], small[i], large[i]);
		assert_true(large[i] <= MOST * small[i]);
	}
}

#define UNITS 60

/* The same registers of all units, in one turn. */
static void read_of_all(unsigned n, uint16_t addr, uint16_t high, uint16_t low)
{
	for (unsigned i = 0; i < n; i++) {
		const struct report r = {.kind = REPORT_READ,
		                         .outcome = OUT_OK,
		                         .bus = rig_bus()->tag,
		                         .at = rig.now,
		                         .span = {(uint8_t)(i + 1), TABLE_HOLDING, addr, 2},
		                         .word = {high, low}};
		assert_true(queue_try_push(rig.g.reports, &r));
	}
	rig_turn();
}

/* All devices of a bus find their models. */
static unsigned long walk_calls(unsigned n)
{
	char *devices = rig_devices(n, 0);
	rig_begin(devices, "sunspec: {base: 0, models: {one: {id: 7, length: 4}}}\n"
	                   "points:\n  A: {holding: one+2}\n"
	                   "  B: {holding: one+3}\n  C: {holding: one+4}\n");
	calls = lookups = 0;
	read_of_all(n, 0, SUNSPEC_MARK_HIGH, SUNSPEC_MARK_LOW);
	read_of_all(n, 2, 7, 4);
	read_of_all(n, 8, SUNSPEC_END, 0);
	const unsigned long counted = calls;
	assert_true(model_bound(&rig.g.model->device[n - 1]));
	assert_int_equal(rig.g.plant->bus[0].nplace, 3 * n);
	assert_int_equal(rig_bus()->nwant, n); /* with the head */
	assert_true(lookups < 10);             /* plans: not one for each device */
	assert_int_equal(rig_end(NULL), 0);
	free(devices);
	return counted;
}

static void a_device_finds_its_models_alone(void **state)
{
	(void)state;
	const unsigned long small = walk_calls(UNITS), large = walk_calls(4 * UNITS);
	print_message("SunSpec: %lu calls, %lu\n", small, large);
	assert_true(large < MOST * small);
}

/* Messages before the gateway's `online` after a connect: those of devices that are not online. */
static unsigned before_online(unsigned n)
{
	char *devices;
	size_t size;
	struct outgoing m;
	unsigned before = 0;
	FILE *f = open_memstream(&devices, &size);
	fputs("devices:\n", f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "  d%u: {bus: line, id: %u, profile: own}\n", i, i + 1);
	fclose(f);
	rig_begin(devices, "points:\n  P: {holding: 1}\n");
	for (unsigned i = 1; i < n; i++)
		rig_unit((uint8_t)(i + 1), true);
	while (outbox_take(rig.g.outbox, &m))
		outbox_sent(rig.g.outbox, m.item);
	outbox_all_dirty(rig.g.outbox);
	while (outbox_take(rig.g.outbox, &m) && strcmp(m.topic, "xnet/sts/house/status") != 0) {
		assert_string_equal(m.topic, "xnet/sts/d0/status");
		outbox_sent(rig.g.outbox, m.item);
		before++;
	}
	outbox_sent(rig.g.outbox, m.item);
	assert_int_equal(rig_end(NULL), 0);
	free(devices);
	return before;
}

static void online_waits_for_no_device_that_is(void **state)
{
	(void)state;
	assert_int_equal(before_online(UNITS), 1);
	assert_int_equal(before_online(4 * UNITS), 1);
}

/* A second gateway with the same devices: each status that it publishes is an Alert. */
static unsigned long foreign_calls(unsigned n)
{
	char topic[64], *devices = rig_devices(n, 50);
	rig_begin(devices, "points:\n  P: {holding: 1}\n");
	rig_pass(10 * US_S);
	calls = 0;
	for (unsigned i = 0; i < n; i++) {
		snprintf(topic, sizeof topic, "xnet/sts/d%u/status", i);
		rig_command(topic, "online");
	}
	rig_pass((us_t)n * US_MS);
	const unsigned long counted = calls;
	char last[64];
	struct json j = {0};
	snprintf(last, sizeof last, "status of d%u (", n - 1);
	alerts_json(rig.g.alerts, &j);
	const slot_t s = outbox_find(rig.g.outbox, "xnet/sts/house/Alerts");
	assert_non_null(strstr(j.text, last));
	assert_false(outbox_differs(rig.g.outbox, s, j.text)); /* all of it is published */
	jw_free(&j);
	assert_int_equal(rig_end(NULL), 0);
	free(devices);
	return counted;
}

static unsigned long raise_calls(unsigned n)
{
	struct alerts *a = alerts_create();
	char source[16];
	calls = 0;
	for (unsigned i = 0; i < 2 * n; i++) {
		snprintf(source, sizeof source, "d%u", i % n);
		const struct alert one = {.kind = ALERT_FAULT, .code = 1, .source = source};
		assert_int_equal(alerts_raise(a, &one), i < n);
	}
	assert_int_equal(alerts_count(a), n);
	const unsigned long counted = calls;
	alerts_destroy(a);
	return counted;
}

static void alerts_grow_with_what_they_are_about(void **state)
{
	(void)state;
	unsigned long small = raise_calls(SMALL), large = raise_calls(LARGE);
	print_message("Alerts: %lu calls, %lu\n", small, large);
	assert_true(large < (MOST + 1) * small); /* n log n */
	small = foreign_calls(SMALL);
	large = foreign_calls(LARGE);
	print_message("a second gateway: %lu calls, %lu\n", small, large);
	assert_true(large < MOST * small);
}

/* Devices that never answered, whose Alerts nobody knows yet. */
static unsigned long turn_calls(unsigned points)
{
	char *profile;
	size_t size;
	FILE *f = open_memstream(&profile, &size);
	fputs("points:\n", f);
	for (unsigned i = 0; i < points; i++)
		fprintf(f, "  P%u: {holding: %u}\n", i, i);
	fputs("  A: {holding: 999, bit: 0, alert: fault, code: 1}\n", f);
	fclose(f);
	rig_begin("devices:\n  d: {bus: line, id: 1, profile: own}\n", profile);
	calls = 0;
	for (unsigned i = 0; i < SMALL; i++)
		rig_turn();
	const unsigned long counted = calls;
	rig_read(999, 1);
	assert_non_null(strstr(rig_said(), "d/Alerts {\"faults\":[{\"code\":1"));
	assert_int_equal(rig_end(NULL), 0);
	free(profile);
	return counted;
}

static void a_turn_does_not_search_who_never_answered(void **state)
{
	(void)state;
	const unsigned long small = turn_calls(SMALL), large = turn_calls(LARGE);
	print_message("turns: %lu calls, %lu\n", small, large);
	assert_true(large <= small);
}

/* Turns in which one device is read; none of the others has answered yet. */
static unsigned long turns_of_one(unsigned n)
{
	char *devices = rig_devices(n, 0);
	rig_begin(devices, "points:\n  P: {holding: 1}\n"
	                   "  A: {holding: 9, bit: 0, alert: fault, code: 1}\n");
	rig_turn();
	calls = 0;
	for (unsigned i = 0; i < SMALL; i++)
		rig_read(1, (uint16_t)i);
	const unsigned long counted = calls;
	rig_said();
	rig_read(9, 1);
	assert_non_null(strstr(rig_said(), "d0/Alerts {\"faults\":[{\"code\":1"));
	assert_int_equal(rig_end(NULL), 0);
	free(devices);
	return counted;
}

static void a_turn_looks_at_what_was_read(void **state)
{
	(void)state;
	const unsigned long small = turns_of_one(UNITS), large = turns_of_one(4 * UNITS);
	print_message("turns of one device: %lu calls, %lu\n", small, large);
	assert_true(small > 0);
	assert_true(large <= small);
}

/* The values of a `get` of a whole device, and its answer behind them. */
static unsigned long slots_of_get(unsigned n)
{
	struct outbox *o = outbox_create(1000);
	struct outgoing m;
	char topic[32];
	slot_t *after = mem_alloc(n, sizeof *after);
	for (unsigned i = 0; i < n; i++) {
		snprintf(topic, sizeof topic, "v%u", i);
		after[i] = outbox_slot(o, topic, SLOT_VALUE, 0, true);
		outbox_set(o, after[i], "1", true);
	}
	outbox_post(
		o,
		&(struct post){
			.topic = "answer", .payload = "", .qos = 1, .after = after, .nafter = n});
	slots_seen = 0;
	for (unsigned i = 0; i < n; i++) {
		assert_true(outbox_take(o, &m));
		assert_string_not_equal(m.topic, "answer");
		outbox_sent(o, m.item);
	}
	assert_true(outbox_take(o, &m));
	assert_string_equal(m.topic, "answer");
	outbox_sent(o, m.item);
	const unsigned long counted = slots_seen;
	outbox_destroy(o);
	free(after);
	return counted;
}

static void an_answer_finds_its_values(void **state)
{
	(void)state;
	const unsigned long small = slots_of_get(SMALL), large = slots_of_get(LARGE);
	print_message("an answer behind its values: %lu slots looked at, %lu\n", small, large);
	assert_true(small > SMALL);
	assert_true(large < MOST * small);
}

static unsigned long lookups_of_one_change(unsigned n)
{
	char *text[2];
	for (unsigned t = 0; t < 2; t++) {
		size_t size;
		FILE *f = open_memstream(&text[t], &size);
		for (unsigned i = 0; i <= n / 50; i++)
			fprintf(f, "  b%u: {tcp: h%u}\n", i, i);
		fputs("devices:\n  d: {bus: line, id: 1, profile: own}\n", f);
		for (unsigned i = 0; i < n; i++)
			fprintf(f, "  d%u: {bus: b%u, id: %u, profile: own, every: %s}\n", i,
			        i / 50, i % 50 + 1, i == n / 2 && t ? "2s" : "1s");
		fclose(f);
	}
	rig_begin(text[0], "points:\n  P: {holding: 1}\n  Q: {holding: 2}\n  R: {holding: 3}\n");
	lookups = 0;
	rig_reload(text[1]);
	const unsigned long counted = lookups;
	assert_int_equal(rig_end(NULL), 0);
	free(text[0]);
	free(text[1]);
	return counted;
}

static void a_reload_takes_over_what_changed(void **state)
{
	(void)state;
	const unsigned long small = lookups_of_one_change(SMALL),
			    large = lookups_of_one_change(LARGE);
	print_message("a device changed: %lu topics and plans looked up, %lu\n", small, large);
	assert_true(small > 0);
	assert_true(large <= small);
}

static void buses_need_descriptors(void **state)
{
	(void)state;
	char why[320];
	struct bus_conf bus[1100] = {{.kind = BUS_TCP}};
	struct model m = {.bus = bus, .nbus = 1100};
	for (size_t i = 0; i < m.nbus; i++)
		bus[i].kind = BUS_TCP;
	assert_true(descriptors_beyond(&m, 1024, why, sizeof why));
	assert_non_null(strstr(why, "1100 buses need 1164 file descriptors and 1024 are allowed"));
	assert_non_null(strstr(why, "LimitNOFILE=1164"));
	assert_false(descriptors_beyond(&m, 1164, why, sizeof why));
	bus[0].kind = BUS_SERIAL;
	assert_true(descriptors_beyond(&m, 1165, why, sizeof why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_times_the_size_costs_four_times_as_much),
		cmocka_unit_test(expressions_are_computed_once),
		cmocka_unit_test(northbounds_grow_with_their_devices),
		cmocka_unit_test(a_device_finds_its_models_alone),
		cmocka_unit_test(online_waits_for_no_device_that_is),
		cmocka_unit_test(alerts_grow_with_what_they_are_about),
		cmocka_unit_test(a_turn_does_not_search_who_never_answered),
		cmocka_unit_test(a_turn_looks_at_what_was_read),
		cmocka_unit_test(an_answer_finds_its_values),
		cmocka_unit_test(a_reload_takes_over_what_changed),
		cmocka_unit_test(buses_need_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
