// SPDX-License-Identifier: MIT
/* What commands cost as more of them are under way at once: counted are calls (the linker puts the
 * counting ones in their place), never time. */
#include "daemon_rig.h"

#include "core/command/command.h"
#include "daemon/command/commands.h"

struct record;

#define SMALL 100
#define LARGE (4 * SMALL)
#define MOST 5 /* times as many calls; looking at all for each would be 16 */

static unsigned long calls;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
#define COUNTED(type, name, parameters, ...)                                                       \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		calls++;                                                                           \
		return __real_##name(__VA_ARGS__);                                                 \
	}

COUNTED(const struct device *, record_device,
        (const struct command_table *t, const struct record *r), t, r)
COUNTED(const struct point *, record_point, (const struct command_table *t, const struct record *r),
        t, r)
COUNTED(bool, command_shares,
        (const struct model *m, uint32_t da, uint32_t pa, uint32_t db, uint32_t pb), m, da, pa, db,
        pb)
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static const struct write_rule rule = {
	.address = -1, .on = -1, .off = -1, .toggle = -1, .verify = true, .repeatable = true};
static const struct point point = {.name = "P",
                                   .table = TABLE_HOLDING,
                                   .parts = 1,
                                   .addr = {1},
                                   .write = &rule,
                                   .exponent_from = -1,
                                   .factor_from = -1,
                                   .codec = {.type = TYPE_U16}};
static const struct pointset set = {.point = &point, .n = 1};

static struct device *devices(uint32_t n)
{
	struct device *d = calloc(n, sizeof *d);
	for (uint32_t i = 0; i < n; i++)
		d[i] = (struct device){.name = "d",
		                       .id = 1,
		                       .bus = i,
		                       .enabled = true,
		                       .commands = true,
		                       .set = &set,
		                       .point0 = i,
		                       .max_write = 20,
		                       .unlock_point = -1};
	return d;
}

/* All actions. Returns how many commands were verified; id: of the jobs, by device. */
static uint32_t take(struct command_table *t, uint64_t *id)
{
	static struct command_action a;
	uint32_t good = 0;
	while (command_take(t, &a)) {
		if (a.act == COMMAND_SUBMIT)
			id[a.device] = a.job.id;
		good += a.act == COMMAND_REPORT && a.outcome.end == COMMAND_VERIFIED;
	}
	command_due(t);
	return good;
}

/* A command to each of n devices at once, from its payload to its outcome. */
static unsigned long commands_calls(uint32_t n)
{
	struct device *d = devices(n);
	const struct model m = {.device = d, .ndevice = n, .npoint = n};
	struct command_table *t = command_create(&m, &(struct command_ops){0});
	uint64_t *id = calloc(n, sizeof *id);
	us_t now = 1000 * US_S;
	uint32_t good = 0;
	calls = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct command_item item = {0, "7"};
		assert_true(command_submit(
			t, &(struct command_request){.device = i, .item = &item, .n = 1}, now));
		good += take(t, id);
	}
	assert_int_equal(command_alive(t), n);
	now += US_MS;
	for (uint32_t i = 0; i < n; i++) {
		command_job(t, id[i], OUT_OK, 0, now, now, now);
		command_tick(t, now);
		good += take(t, id);
	}
	for (uint32_t i = 0; i < n; i++) {
		const uint16_t word = 7;
		command_read(t, i, &(struct span){1, TABLE_HOLDING, 1, 1}, &word, 0, now, now);
		good += take(t, id);
	}
	assert_int_equal(good, n);
	command_destroy(t);
	free(id);
	free(d);
	return calls;
}

static void commands_at_once_look_at_their_own(void **state)
{
	(void)state;
	const unsigned long small = commands_calls(SMALL), large = commands_calls(LARGE);
	print_message("commands at once: %lu calls, %lu\n", small, large);
	assert_true(large < MOST * small);
}

/* Two commands to each of n devices whose point has a keep-alive: one is refused, one is accepted.
 */
static unsigned long kept_calls(unsigned n)
{
	char topic[64], *text = rig_devices(n, 8);
	rig_begin(text, "points:\n  P: {holding: 1, write: {rewrite: 60s}}\n");
	rig_pass(10 * US_S);
	calls = 0;
	for (unsigned i = 0; i < n; i++) {
		snprintf(topic, sizeof topic, "xnet/cmd/d%u/P", i);
		rig_command(topic, "x");
		rig_command(topic, "7");
	}
	const unsigned long counted = calls;
	struct command_figures count;
	commands_figures(&rig.g, &count);
	assert_int_equal(count.received, 2 * n);
	assert_int_equal(count.ended[COMMAND_REFUSED], n);
	assert_int_equal(rig_end(NULL), 0);
	free(text);
	return counted;
}

static void a_command_looks_at_keep_alives_near_it(void **state)
{
	(void)state;
	const unsigned long small = kept_calls(SMALL), large = kept_calls(LARGE);
	print_message("commands and keep-alives: %lu calls, %lu\n", small, large);
	assert_true(small > 0);
	assert_true(large < MOST * small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_at_once_look_at_their_own),
		cmocka_unit_test(a_command_looks_at_keep_alives_near_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
