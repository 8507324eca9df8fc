// SPDX-License-Identifier: MIT
/*
 * What becomes of several commands for one point, whatever the line does meanwhile: a job is on the
 * wire while others arrive. Each value is written once, so that a register says which command it is
 * of.
 */
#include "command_rig.h"
#include "rng.h"

#define SEEDS 250
#define BATCHES 20

static struct job wire; /* on it now */
static bool busy;
static uint32_t seed;
static void (*look)(void); /* at the registers, after each job */

static void wire_take(void)
{
	busy = busy || rig_next_job(&wire);
}

static void wire_done(void)
{
	static const uint8_t exceptions[] = {1, 4, 6, 6, 5};
	busy = false;
	if (wire.expires && wire.expires <= g.now) {
		command_job(g.t, wire.id, OUT_EXPIRED, 0, 0, g.now, g.now);
		rig_take(&g);
		return;
	}
	g.faults = below(3) == 0;
	g.fault = (enum fault)below(OTHER_VALUE);
	if (below(8) == 0)
		g.fault = LOST_READ;
	g.exception = exceptions[below(4)];
	const bool reads = wire.only_if_different || wire.fc == FC_MASK_WRITE;
	if (reads && below(4) == 0) /* refused before anything was written */
		command_job(g.t, wire.id, OUT_REFUSED, exceptions[below(5)], 0, g.now, g.now);
	else
		job_do(&g, &wire);
	look();
	rig_take(&g);
}

static void some_time(void)
{
	wire_take();
	g.now += (us_t)below(40000);
	if (below(3)) {
		if (busy)
			wire_done();
	} else {
		line_read(&g);
	}
	command_tick(g.t, g.now);
	rig_take(&g);
}

static void until_all_is_done(void)
{
	for (int i = 0; command_alive(g.t); i++) {
		assert_true(i < 100000);
		wire_take();
		if (busy)
			wire_done();
		line_read(&g);
		g.now += 20 * US_MS;
		command_tick(g.t, g.now);
		rig_take(&g);
	}
}

/* -- numbers: the last value wins ---------------------------------------------------------------
 */

static const uint32_t number[] = {P_SILENT, P_NOVERIFY, P_EEPROM, P_SIX1, P_SIX2, P_ONCE};

#define NUMBERS (sizeof number / sizeof *number)

static struct {
	uint16_t last;            /* commanded */
	uint16_t holds;           /* the register */
	uint8_t end[4 * BATCHES]; /* of each value: enum command_end + 1 */
	bool accepted[4 * BATCHES];
} of[NUMBERS];

static struct batch {
	unsigned first;
	uint16_t value[3];
} batch[BATCHES];

static unsigned batch_item(const struct batch *b, uint32_t item)
{
	return (b->first + item) % NUMBERS;
}

static void number_submit(struct batch *b)
{
	char text[3][8];
	struct command_item item[3];
	struct command_request q = {.item = item, .n = 1 + below(3), .request = b};
	b->first = below(NUMBERS);
	for (unsigned i = 0; i < q.n; i++) {
		const unsigned k = batch_item(b, i);
		b->value[i] = ++of[k].last;
		snprintf(text[i], sizeof text[i], "%u", of[k].last);
		item[i] = (struct command_item){number[k], text[i]};
	}
	const bool accepted = command_submit(g.t, &q, g.now);
	for (unsigned i = 0; i < q.n; i++)
		of[batch_item(b, i)].accepted[b->value[i]] = accepted;
	rig_take(&g);
}

/* No value is written behind a newer one. */
static void look_at_numbers(void)
{
	for (unsigned i = 0; i < NUMBERS; i++) {
		const uint16_t is = g.holding[points[number[i]].addr[0]];
		if (is < of[i].holds)
			fail_msg("seed %u: %s: %u written behind %u", seed, points[number[i]].name,
			         is, of[i].holds);
		of[i].holds = is;
	}
}

static void note_ends(void)
{
	for (size_t i = 0; i < g.nreported; i++) {
		const struct command_outcome *o = &g.reported[i];
		const struct batch *b = o->request;
		uint8_t *end = &of[batch_item(b, o->item)].end[b->value[o->item]];
		if (*end)
			fail_msg("seed %u: %s: two outcomes", seed, o->param);
		*end = (uint8_t)(o->end + 1);
	}
}

/* What was replaced had a successor that was tried, and what ended well is there. */
static void judge_number(unsigned k)
{
	bool tried = false;
	for (unsigned v = of[k].last; v > 0; v--) {
		const int end = of[k].end[v] - 1;
		if (end < 0)
			fail_msg("seed %u: %s %u: no outcome", seed, points[number[k]].name, v);
		if (end == COMMAND_SUPERSEDED && !tried)
			fail_msg("seed %u: %s %u: replaced by nothing", seed,
			         points[number[k]].name, v);
		if (command_end_good((enum command_end)end) && of[k].holds < v)
			fail_msg("seed %u: %s %u: well, but %u is there", seed,
			         points[number[k]].name, v, of[k].holds);
		tried |= end != COMMAND_SUPERSEDED && of[k].accepted[v];
	}
}

static void an_older_value_is_not_written_behind_a_newer(void **state)
{
	for (seed = 1; seed <= SEEDS; seed++) {
		rng = seed;
		memset(of, 0, sizeof of);
		look = look_at_numbers;
		for (unsigned i = 0; i < BATCHES; i++) {
			number_submit(&batch[i]);
			for (unsigned k = below(6); k > 0; k--)
				some_time();
		}
		until_all_is_done();
		note_ends();
		for (unsigned k = 0; k < NUMBERS; k++)
			judge_number(k);
		stop(state);
		start(state);
	}
}

/* -- a coil that is switched, toggled -----------------------------------------------------------
 */

static const char *const switching[] = {"on", "off", "toggle", "toggle"};

static uint8_t effect[3 * BATCHES];
static uint8_t said[3 * BATCHES]; /* index of switching */

static void nothing_to_look_at(void)
{
}

/* In the order in which they were sent; -1: not known. */
static int coil_should(unsigned n)
{
	int is = 0;
	for (unsigned i = 0; i < n; i++) {
		if (effect[i] == EFFECT_NONE)
			continue;
		if (effect[i] == EFFECT_UNKNOWN)
			is = -1;
		else if (said[i] < 2)
			is = said[i] == 0;
		else if (is >= 0)
			is = !is;
	}
	return is;
}

static void what_switches_keeps_its_order(void **state)
{
	const unsigned n = 3 * BATCHES;
	look = nothing_to_look_at;
	for (seed = 1; seed <= SEEDS; seed++) {
		rng = seed;
		for (unsigned i = 0; i < n; i++) {
			said[i] = (uint8_t)below(4);
			const struct command_item item = {P_RELAY, switching[said[i]]};
			struct command_request q = {.item = &item, .n = 1, .request = &effect[i]};
			rig_submit(&g, &q);
			for (unsigned k = below(6); k > 0; k--)
				some_time();
		}
		until_all_is_done();
		for (size_t i = 0; i < g.nreported; i++)
			*(uint8_t *)g.reported[i].request = g.reported[i].effect;
		const int should = coil_should(n);
		if (should >= 0 && g.coil[5] != should)
			fail_msg("seed %u: the coil is %d", seed, g.coil[5]);
		stop(state);
		start(state);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_older_value_is_not_written_behind_a_newer),
		T(what_switches_keeps_its_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
