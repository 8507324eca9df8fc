// SPDX-License-Identifier: MIT
#include "command_rig.h"

/* -- many at random -----------------------------------------------------------------------------
 */

static uint64_t seed = 99;

static unsigned pick(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % n;
}

static const struct {
	uint32_t point;
	const char *text;
	uint16_t value;
} choice[] = {
	{P_SETPOINT, "45", 450}, {P_SETPOINT, "46", 460},     {P_SETPOINT, "200", 0},
	{P_MODE, "local", 1},    {P_MODE, "remote", 2},       {P_PUMP, "on", 0xFF00},
	{P_PUMP, "off", 0},      {P_RELAY, "toggle", 0x5500}, {P_RELAY, "on", 0xFF00},
	{P_DOOR, "on", 0xFF00},  {P_EEPROM, "3", 3},          {P_EEPROM, "4", 4},
	{P_ONCE, "7", 7},        {P_NOVERIFY, "8", 8},        {P_WRITEONLY, "9", 9},
	{P_ONOFF, "on", 0x100},  {P_READONLY, "1", 0},        {P_AFTER, "6", 6},
};

#define CHOICES (sizeof choice / sizeof *choice)

static uint16_t written_to(uint32_t point)
{
	const struct point *p = &rig_device.set->point[point];
	return p->write && p->write->address >= 0 ? (uint16_t)p->write->address : p->addr[0];
}

/* Every write on the wire is a value that was commanded for just that register. */
static void check_wire(const unsigned *commanded)
{
	unsigned toggles = 0, pulses = 0;
	for (size_t i = 0; i < g.nwrite; i++) {
		const struct wire_write *w = &g.write[i];
		bool known =
			w->table == TABLE_COIL && w->addr == 6 && w->value == 0; /* a pulse's end */
		for (size_t k = 0; k < CHOICES && !known; k++)
			known = commanded[k] && w->addr == written_to(choice[k].point) &&
			        (w->table == TABLE_COIL) ==
			                table_is_bits(
						rig_device.set->point[choice[k].point].table) &&
			        (w->value == choice[k].value || w->count > 1);
		if (!known)
			fail_msg("nobody commanded %u to %u (seed %llu)", w->value, w->addr,
			         (unsigned long long)seed);
		toggles += w->table == TABLE_COIL && w->value == 0x5500;
		pulses += w->table == TABLE_COIL && w->addr == 6 && w->value == 0xFF00;
	}
	assert_true(toggles <= commanded[7]);
	assert_true(pulses <= commanded[9]);
}

static void random_event(void)
{
	g.fault = pick(STUCK); /* a stuck line takes a minute each: not here */
	g.faults = pick(4) ? 0 : 1 + pick(3);
	g.exception = (uint8_t)(1 + pick(6));
	g.reads_fail = pick(10) == 0;
	g.no_bus = pick(50) == 0;
	g.offline = pick(40) == 0;
	if (g.offline)
		command_offline(g.t, 0, g.now);
	if (pick(300) == 0)
		command_adopt(g.t, &rig_model, g.now);
	rig_take(&g);
}

static void ten_thousand_commands_have_ten_thousand_outcomes(void **state)
{
	(void)state;
	static unsigned reported[10000];
	unsigned commanded[CHOICES] = {0}, items = 0;
	memset(reported, 0, sizeof reported);
	while (items < 10000) {
		struct command_item item[3];
		struct command_request q = {.item = item,
		                            .n = 1 + (pick(5) == 0) + (pick(9) == 0),
		                            .duplicate = pick(20) == 0};
		if (items + q.n > 10000)
			q.n = 1;
		for (unsigned i = 0; i < q.n; i++) {
			const unsigned k = pick(CHOICES);
			commanded[k]++;
			item[i] = (struct command_item){choice[k].point, choice[k].text};
		}
		q.request = (char *)reported +
		            items * sizeof *reported; /* where its items are counted */
		rig_submit(&g, &q);
		items += q.n;
		for (unsigned i = pick(4); i > 0; i--)
			rig_step(&g);
		if (pick(3) == 0)
			random_event();
		g.now += (us_t)pick(50000);
		assert_true(command_alive(g.t) <= 4 * COMMANDS_PER_DEVICE);
	}
	g.faults = 0;
	g.reads_fail = g.no_bus = g.offline = false;
	settle();
	for (size_t i = 0; i < g.nreported; i++)
		if (g.reported[i].origin == COMMAND_FROM_BROKER)
			((unsigned *)g.reported[i].request)[g.reported[i].item]++;
	for (unsigned i = 0; i < items; i++)
		if (reported[i] != 1)
			fail_msg("command %u has %u outcomes (seed %llu)", i, reported[i],
			         (unsigned long long)seed);
	check_wire(commanded);
	assert_int_equal(g.coil[6], 0); /* no door stays open */
}

/* One job is on the wire: it is not taken back any more, and no other goes out. */
static void random_wire(struct job *wire, bool *busy)
{
	if (*busy) {
		*busy = false;
		job_do(&g, wire);
		rig_take(&g);
	} else if (g.njob && g.job[0].not_before <= g.now && pick(2)) {
		*wire = g.job[0];
		*busy = true;
		memmove(&g.job[0], &g.job[1], --g.njob * sizeof *g.job);
	} else {
		rig_step(&g);
	}
}

static void random_limits(void)
{
	static const uint32_t limit[] = {P_G0, P_G1};
	char text[2][8];
	const unsigned n = pick(5) ? 1 : 2, first = n == 2 ? 0 : pick(2);
	struct command_item item[2];
	for (unsigned i = 0; i < n; i++) {
		snprintf(text[i], sizeof *text, "%u", 1 + pick(40));
		item[i] = (struct command_item){limit[first + i], text[i]};
	}
	rig_submit(&g, &(struct command_request){.item = item, .n = n});
}

static void random_faults(void)
{
	static const enum fault row[] = {LOST_REQUEST, LOST_ANSWER, EXCEPTION,
	                                 LINE_DOWN,    LOST_READ,   DONE_EXCEPTION};
	g.exception = (uint8_t)(1 + pick(6));
	g.fault = row[pick(6)];
	g.faults = pick(3) ? 0 : 1 + pick(3);
	if (g.fault == DONE_EXCEPTION)
		g.exception = 4; /* the others prove that nothing was done */
	g.reads_fail = pick(8) == 0;
}

/* Whatever becomes of what is under way, and however long nobody reads what became of it. */
static void three_hundred_worlds_keep_the_rule_of_their_group(void **state)
{
	static struct write_rule seldom;
	unsigned done = 0;
	for (unsigned world = 0; world < 300; world++) {
		struct job wire;
		bool busy = false;
		const uint64_t first = seed;
		rig_stop(&g);
		start(state);
		change(P_G0);
		seldom = *points[P_G0].write;
		seldom.verify = pick(3) > 0;
		seldom.min_write_interval = pick(2) ? 0 : 300 * US_MS;
		for (uint32_t i = P_G0; i <= P_G2; i++)
			changed[i].write = &seldom;
		reload(&next);
		g.lags = true;
		memcpy(g.known, g.holding, sizeof g.known);
		for (unsigned i = 0; i < 60; i++) {
			if (pick(2))
				random_limits();
			if (pick(4) == 0)
				random_faults();
			if (pick(8) == 0 && !busy)
				read_do(&g, &(struct span){RIG_UNIT, TABLE_HOLDING, 120, 4});
			rig_take(&g);
			random_wire(&wire, &busy);
			g.now += (us_t)pick(50000);
			if (g.holding[120] >= g.holding[121])
				fail_msg("%u is not below %u (world %u, seed %llu)", g.holding[120],
				         g.holding[121], world, (unsigned long long)first);
		}
		done += (unsigned)g.nwrite;
		if (busy)
			random_wire(&wire, &busy);
		g.faults = 0;
		g.reads_fail = false;
		settle();
	}
	assert_true(done > 1500); /* it is not kept by refusing everything */
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ten_thousand_commands_have_ten_thousand_outcomes),
		T(three_hundred_worlds_keep_the_rule_of_their_group),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
