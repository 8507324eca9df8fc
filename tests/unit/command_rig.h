/* SPDX-License-Identifier: MIT */
/*
 * command_rig: a command table on a simulated line in virtual time. The device's registers, the
 * faults of the line, and a log of every write on the wire and every outcome told.
 */
#ifndef TESTS_COMMAND_RIG_H
#define TESTS_COMMAND_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/command/command.h"
#include "core/modbus/pdu.h"

#define RIG_UNIT 7
#define RIG_REGISTERS 400
#define RIG_LOG 200000
#define RIG_JOBS 32 /* as many as the bus takes for one unit */

enum rig_point {
	P_SETPOINT,
	P_MODE,
	P_PUMP,
	P_RELAY,
	P_DOOR,
	P_EEPROM,
	P_FLAG_A,
	P_FLAG_B,
	P_NAME,
	P_ONCE,
	P_G0,
	P_G1,
	P_G2,
	P_READONLY,
	P_SILENT,
	P_NOVERIFY,
	P_ONOFF,
	P_VALVE1,
	P_VALVE2,
	P_AFTER,
	P_WRITEONLY,
	P_CLOCK,
	P_ACTION,
	P_FAR0,
	P_FAR1,
	P_TURNED,
	P_POWER,
	P_POWEREXP,
	P_APART, /* in the group of G0 to G2, though in two registers of its own */
	P_SIX1,
	P_SIX2,
	P_FIELD,
	P_BOTH,
	RIG_POINTS
};

/* How the line treats the next jobs. */
enum fault {
	GOOD,
	LOST_REQUEST,
	LOST_ANSWER,
	EXCEPTION,
	OTHER_VALUE,
	IGNORED, /* acknowledged, and nothing happens */
	LINE_DOWN,
	LOST_READ,      /* the one before a masked or conditional write */
	DONE_EXCEPTION, /* an exception, though it was written */

	STUCK /* never reported */
};

struct wire_write {
	us_t at;
	uint8_t fc, table;
	uint16_t addr, count, value;
};

struct rig {
	us_t now;
	struct command_table *t;
	uint16_t holding[RIG_REGISTERS], coil[RIG_REGISTERS];
	enum fault fault;
	uint8_t exception;
	unsigned faults; /* how many jobs the fault hits; then the line is good again */
	bool reads_fail;
	bool lags; /* what is known of the registers is what was read of them */
	uint16_t known[RIG_REGISTERS];
	bool offline;
	bool clock_wrong;
	us_t linked;   /* since when there is the connection */
	bool no_bus;   /* bus_submit says busy */
	us_t exchange; /* time of one */
	struct job job[RIG_JOBS];
	size_t njob;
	struct {
		struct span span;
		us_t due;
	} demand[256];
	size_t ndemand;
	struct wire_write *write;
	size_t nwrite;
	struct command_outcome *reported;
	char (*reason)[COMMAND_REASON_MAX];
	char (*value)[VALUE_TEXT_MAX];
	size_t nreported;
	unsigned submits, cancels, stuck, pulses[3];
	char stuck_reason[COMMAND_REASON_MAX];
};

#define NONE .address = -1, .on = -1, .off = -1
#define USUAL NONE, .toggle = -1, .verify = true, .repeatable = true

static const struct write_rule limited = {USUAL,           .has_min = true, .min = 20,
                                          .has_max = true, .max = 75,       .settle = 100 * US_MS};
static const struct write_rule usual = {USUAL};
static const struct write_rule toggled = {NONE, .toggle = 0x5500, .verify = true,
                                          .repeatable = true};
static const struct write_rule pulsed = {USUAL, .pulse = 500 * US_MS};
static const struct write_rule eeprom = {USUAL, .persistent = true, .min_write_interval = 5 * US_S};
static const struct write_rule once = {NONE, .toggle = -1, .verify = true};
static const struct write_rule grouped = {USUAL, .group = "slot"};
static const struct write_rule by_six = {USUAL, .function = FC_WRITE_REGISTER};
static const struct write_rule by_23 = {USUAL, .function = FC_READ_WRITE};
static const struct write_rule by_mask = {USUAL, .function = FC_MASK_WRITE};
static const struct write_rule far = {USUAL, .group = "far"};
static const struct write_rule unverified = {NONE, .toggle = -1, .repeatable = true};
static const struct write_rule two_words = {.address = -1,
                                            .on = 0x100,
                                            .off = 0x200,
                                            .toggle = 0x300,
                                            .verify = true,
                                            .repeatable = true};
static const struct write_rule elsewhere = {
	.address = 301, .on = -1, .off = -1, .toggle = -1, .verify = true, .repeatable = true};
static const struct write_rule write_only = {NONE, .toggle = -1, .verify = true, .repeatable = true,
                                             .only = true};
static const struct write_rule action = {USUAL, .raw = (const uint8_t *)"\x42", .raw_len = 1,
                                         .raw_answer = 1};

static const struct label modes[] = {{0, "off"}, {1, "local"}, {2, "remote"}};
static const struct layout layout = {
	.n = 6,
	.part = {PART_YEAR, PART_MONTH, PART_DAY, PART_HOUR, PART_MIN, PART_SEC},
	.utc = true};

#define POINT(name_, table_, addr_, write_, ...)                                                   \
	{                                                                                          \
		.name = name_, .table = table_, .parts = 1, .addr = {addr_}, .write = write_,      \
		.exponent_from = -1, .factor_from = -1, .codec = {                                 \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

static const struct point points[RIG_POINTS] = {
	[P_SETPOINT] = POINT("SetPoint", TABLE_HOLDING, 40, &limited, .type = TYPE_U16,
                             .scale = {1, 1}, .decimals = 1),
	[P_MODE] = {.name = "Mode",
                    .table = TABLE_HOLDING,
                    .parts = 1,
                    .addr = {41},
                    .write = &usual,
                    .exponent_from = -1,
                    .factor_from = -1,
                    .codec = {.type = TYPE_S16},
                    .label = modes,
                    .nlabel = 3},
	[P_PUMP] = POINT("Pump", TABLE_COIL, 3, &usual, .type = TYPE_BOOL),
	[P_RELAY] = POINT("Relay", TABLE_COIL, 5, &toggled, .type = TYPE_BOOL),
	[P_DOOR] = POINT("Door", TABLE_COIL, 6, &pulsed, .type = TYPE_BOOL),
	[P_EEPROM] = POINT("Eeprom", TABLE_HOLDING, 70, &eeprom, .type = TYPE_U16),
	[P_FLAG_A] =
		POINT("FlagA", TABLE_HOLDING, 80, &usual, .type = TYPE_BOOL, .bit = 1, .bits = 1),
	[P_FLAG_B] =
		POINT("FlagB", TABLE_HOLDING, 80, &usual, .type = TYPE_BOOL, .bit = 2, .bits = 1),
	[P_NAME] = POINT("Name", TABLE_HOLDING, 100, &usual, .type = TYPE_STRING, .length = 4),
	[P_ONCE] = POINT("Once", TABLE_HOLDING, 110, &once, .type = TYPE_U16),
	[P_G0] = POINT("Start", TABLE_HOLDING, 120, &grouped, .type = TYPE_U16),
	[P_G1] = POINT("Stop", TABLE_HOLDING, 121, &grouped, .type = TYPE_U16),
	[P_G2] = POINT("Limit", TABLE_HOLDING, 122, &grouped, .type = TYPE_U32),
	[P_READONLY] = POINT("ReadOnly", TABLE_HOLDING, 130, NULL, .type = TYPE_U16),
	[P_SILENT] = POINT("Silent", TABLE_HOLDING, 131, &usual, .type = TYPE_U16),
	[P_NOVERIFY] = POINT("NoVerify", TABLE_HOLDING, 132, &unverified, .type = TYPE_U16),
	[P_ONOFF] = POINT("OnOff", TABLE_HOLDING, 140, &two_words, .type = TYPE_BOOL),
	[P_VALVE1] = POINT("Valve1", TABLE_COIL, 20, &usual, .type = TYPE_BOOL),
	[P_VALVE2] = POINT("Valve2", TABLE_COIL, 21, &usual, .type = TYPE_BOOL),
	[P_AFTER] = POINT("Elsewhere", TABLE_INPUT, 300, &elsewhere, .type = TYPE_U16),
	[P_WRITEONLY] = POINT("WriteOnly", TABLE_HOLDING, 150, &write_only, .type = TYPE_U16),
	[P_CLOCK] = POINT("Clock", TABLE_HOLDING, 200, &usual, .type = TYPE_DATETIME,
                          .layout = &layout),
	[P_ACTION] = POINT("Action", TABLE_HOLDING, 0, &action, .type = TYPE_U16),
	[P_FAR0] = POINT("Far0", TABLE_HOLDING, 210, &far, .type = TYPE_U16),
	[P_FAR1] = POINT("Far1", TABLE_HOLDING, 220, &far, .type = TYPE_U16),
	[P_TURNED] = {.name = "Turned",
                      .table = TABLE_HOLDING,
                      .parts = 2,
                      .addr = {231, 230},
                      .write = &usual,
                      .exponent_from = -1,
                      .factor_from = -1,
                      .codec = {.type = TYPE_U32}},
	[P_POWER] = {.name = "Power",
                     .table = TABLE_HOLDING,
                     .parts = 1,
                     .addr = {240},
                     .write = &usual,
                     .exponent_from = P_POWEREXP,
                     .factor_from = -1,
                     .codec = {.type = TYPE_S16, .decimals = -1}},
	[P_APART] = {.name = "Apart",
                     .table = TABLE_HOLDING,
                     .parts = 2,
                     .addr = {251, 250},
                     .write = &grouped,
                     .exponent_from = -1,
                     .factor_from = -1,
                     .codec = {.type = TYPE_U32}},
	[P_SIX1] = POINT("Six1", TABLE_HOLDING, 260, &by_six, .type = TYPE_U16),
	[P_SIX2] = POINT("Six2", TABLE_HOLDING, 261, &by_six, .type = TYPE_U16),
	[P_BOTH] = POINT("Both", TABLE_HOLDING, 270, &by_23, .type = TYPE_U32),
	[P_FIELD] =
		POINT("Field", TABLE_HOLDING, 262, &by_mask, .type = TYPE_U16, .bit = 0, .bits = 4),
	[P_POWEREXP] = POINT("PowerExp", TABLE_HOLDING, 241, NULL, .type = TYPE_S16),
};

static inline int look_up(void *ctx, const char *name, size_t len)
{
	(void)ctx;
	for (int i = 0; i < RIG_POINTS; i++)
		if (strlen(points[i].name) == len && memcmp(points[i].name, name, len) == 0)
			return i;
	return -1;
}

static const struct expr *rule[1];
static const char *const rule_text[] = {"Start < Stop"};
static const uint32_t far_order[] = {P_FAR1, P_FAR0};
static const struct group_rule groups[] = {
	{.name = "slot", .rule = rule, .rule_text = rule_text, .nrule = 1},
	{.name = "far", .order = far_order, .norder = 2},
};
static const struct pointset rig_set = {
	.point = points, .n = RIG_POINTS, .group = groups, .ngroup = 2};
static const struct bus_conf bus[] = {{.name = "rs485"}};
static const struct device rig_device = {
	.name = "dev",
	.id = RIG_UNIT,
	.enabled = true,
	.commands = true,
	.set = &rig_set,
	.max_write = 20,
	.unlock_point = -1,
	.identify_point = -1,
};
static const struct model rig_model = {
	.device = &rig_device, .ndevice = 1, .npoint = RIG_POINTS, .bus = bus, .nbus = 1};

static inline struct value current(void *ctx, uint32_t device, uint32_t point)
{
	const struct rig *g = ctx;
	struct value v;
	(void)device;
	const uint16_t *cells = table_is_bits(points[point].table) ? g->coil
	                        : g->lags                          ? g->known
	                                                           : g->holding;
	point_decode(&points[point], &cells[points[point].addr[0]], NULL, NULL, NULL, &v);
	return v;
}

static inline bool online(void *ctx, uint32_t device)
{
	(void)device;
	return !((const struct rig *)ctx)->offline;
}

/* The rig begins at 10:00:00, unless the clock is not right. */
static inline bool wall(void *ctx, us_t at, char text[COMMAND_TIME_SIZE])
{
	const struct rig *g = ctx;
	const int s = (int)(at / US_S) - 1000;
	snprintf(text, COMMAND_TIME_SIZE, "2026-11-21T%02d:%02d:%02dZ", 10 + s / 3600, s / 60 % 60,
	         s % 60);
	return !g->clock_wrong;
}

static struct arena *arena;

static inline void rig_start(struct rig *g)
{
	unsigned column;
	char message[80];
	memset(g, 0, sizeof *g);
	if (!arena) {
		arena = arena_create();
		rule[0] = expr_compile(arena, rule_text[0], look_up, NULL, &column, message,
		                       sizeof message);
	}
	g->now = 1000 * US_S;
	g->exchange = 20 * US_MS;
	g->write = mem_alloc(RIG_LOG, sizeof *g->write);
	g->reported = mem_alloc(RIG_LOG, sizeof *g->reported);
	g->reason = mem_alloc(RIG_LOG, sizeof *g->reason);
	g->value = mem_alloc(RIG_LOG, sizeof *g->value);
	g->holding[120] = 10;
	g->holding[121] = 20;
	g->t = command_create(
		&rig_model, &(struct command_ops){
				    .current = current, .online = online, .wall = wall, .ctx = g});
}

static inline void rig_stop(struct rig *g)
{
	command_destroy(g->t);
	free(g->write);
	free(g->reported);
	free(g->reason);
	free(g->value);
}

/* -- the bus -------------------------------------------------------------------------------- */

static inline void job_take(struct rig *g, const struct job *j, uint32_t device)
{
	(void)device;
	g->submits++;
	for (size_t i = g->njob; j->key && i-- > 0;) {
		if (g->job[i].key != j->key)
			continue;
		if (!g->job[i].replaceable || !j->replaceable)
			break;
		const uint64_t old = g->job[i].id;
		g->job[i] = *j;
		command_replaced(g->t, old, g->now);
		return;
	}
	if (g->no_bus || g->njob == RIG_JOBS) {
		command_busy(g->t, j->id, g->now);
		return;
	}
	g->job[g->njob++] = *j;
}

static inline void job_cancel(struct rig *g, uint64_t id)
{
	for (size_t i = 0; i < g->njob; i++) {
		if (g->job[i].id != id)
			continue;
		memmove(&g->job[i], &g->job[i + 1], (--g->njob - i) * sizeof *g->job);
		command_replaced(g->t, id, g->now);
		g->cancels++;
		return;
	}
}

static inline void outcome_note(struct rig *g, const struct command_action *a)
{
	if (g->nreported == RIG_LOG)
		abort();
	g->reported[g->nreported] = a->outcome;
	snprintf(g->reason[g->nreported], sizeof *g->reason, "%s",
	         a->outcome.reason ? a->outcome.reason : "");
	snprintf(g->value[g->nreported], sizeof *g->value, "%.250s", a->outcome.value);
	g->nreported++;
}

static inline void rig_take(struct rig *g)
{
	for (struct command_action a; command_take(g->t, &a);) {
		if (a.act == COMMAND_SUBMIT) {
			g->pulses[a.pulse]++;
			job_take(g, &a.job, a.device);
		} else if (a.act == COMMAND_CANCEL) {
			job_cancel(g, a.id);
		} else if (a.act == COMMAND_REPORT) {
			outcome_note(g, &a);
		} else if (a.act == COMMAND_STUCK) {
			g->stuck++;
			snprintf(g->stuck_reason, sizeof g->stuck_reason, "%s", a.outcome.reason);
		} else if (g->ndemand < 256) {
			g->demand[g->ndemand].span = a.span;
			g->demand[g->ndemand++].due = a.due;
		}
	}
}

static inline void rig_submit(struct rig *g, struct command_request *q)
{
	command_submit(g->t, q, g->now);
	rig_take(g);
}

static inline void rig_command(struct rig *g, uint32_t point, const char *text)
{
	const struct command_item item = {point, text};
	struct command_request q = {.item = &item, .n = 1};
	rig_submit(g, &q);
}

/* -- the device ------------------------------------------------------------------------------- */

static inline void device_coils(struct rig *g, const struct job *j, bool other)
{
	for (unsigned i = 0; i < j->span.count; i++) {
		uint16_t *c = &g->coil[j->span.addr + i];
		if (j->fc == FC_WRITE_COILS)
			*c = j->value[i / 16] >> i % 16 & 1;
		else
			*c = j->value[0] == 0x5500 ? !*c : j->value[0] == 0xFF00;
		*c ^= other;
	}
}

static inline void device_registers(struct rig *g, const struct job *j, bool other)
{
	for (unsigned i = 0; i < j->span.count; i++) {
		uint16_t *r = &g->holding[j->span.addr + i];
		const uint16_t mask = j->fc == FC_MASK_WRITE ? j->mask[i] : 0xFFFF;
		*r = (uint16_t)((*r & ~mask) | (j->value[i] & mask));
		*r = (uint16_t)(*r + other);
	}
	if (j->span.addr == 140) /* commands 0x100 and 0x200, reads back 1 and 0 */
		g->holding[140] = g->holding[140] == 0x100   ? 1
		                  : g->holding[140] == 0x200 ? 0
		                                             : !g->holding[140];
	g->holding[300] = g->holding[301];
}

static inline void device_write(struct rig *g, const struct job *j)
{
	if (g->nwrite == RIG_LOG)
		abort();
	g->write[g->nwrite++] = (struct wire_write){g->now,       j->fc,         j->span.table,
	                                            j->span.addr, j->span.count, j->value[0]};
	if (j->raw_len || g->fault == IGNORED)
		return;
	if (j->span.table == TABLE_COIL)
		device_coils(g, j, g->fault == OTHER_VALUE);
	else
		device_registers(g, j, g->fault == OTHER_VALUE);
}

static inline bool device_same(const struct rig *g, const struct job *j)
{
	for (unsigned i = 0; i < j->held.count; i++) {
		const uint16_t held = table_is_bits(j->held.table) ? g->coil[j->held.addr + i]
		                                                   : g->holding[j->held.addr + i];
		if ((held ^ j->same[i]) & j->same_mask[i])
			return false;
	}
	for (unsigned i = 0; i < j->span.count && !j->held.count; i++)
		if (j->span.table != TABLE_HOLDING || g->holding[j->span.addr + i] != j->value[i])
			return false;
	return true;
}

static inline void job_do(struct rig *g, const struct job *j)
{
	const us_t sent = g->now;
	const enum fault fault = g->faults ? g->fault : GOOD;
	enum outcome o = OUT_OK;
	g->fault = fault;
	g->faults -= g->faults > 0;
	if (fault == STUCK)
		return;
	if (fault == LOST_READ && (j->only_if_different || j->fc == FC_MASK_WRITE)) {
		g->now += g->exchange;
		command_job(g->t, j->id, OUT_TIMEOUT, 0, 0, g->now, g->now);
		return;
	}
	if (fault == LINE_DOWN) {
		command_job(g->t, j->id, OUT_LINK, 0, 0, g->now, g->now);
		return;
	}
	if (j->only_if_different && device_same(g, j)) {
		g->now += g->exchange;
		command_job(g->t, j->id, OUT_SAME, 0, 0, g->now, g->now);
		return;
	}
	if (fault == GOOD || fault == OTHER_VALUE || fault == IGNORED || fault == LOST_ANSWER ||
	    fault == LOST_READ || fault == DONE_EXCEPTION)
		device_write(g, j);
	g->now += g->exchange;
	if (fault == LOST_REQUEST || fault == LOST_ANSWER || g->offline)
		o = OUT_TIMEOUT;
	else if (fault == EXCEPTION || fault == DONE_EXCEPTION)
		o = OUT_REFUSED;
	command_job(g->t, j->id, o, o == OUT_REFUSED ? g->exception : 0, sent, g->now, g->now);
}

/* As the daemon does with each point that was read. */
static inline void points_read(struct rig *g, const struct span *s)
{
	for (uint32_t i = 0; i < RIG_POINTS; i++) {
		const struct span p = model_span(&rig_device, &points[i]);
		if (p.table == s->table && p.addr >= s->addr &&
		    p.addr + p.count <= s->addr + s->count && !command_holds(g->t, i, g->now)) {
			memcpy(&g->known[p.addr], &g->holding[p.addr], p.count * sizeof *g->known);
			command_was_read(g->t, i, g->now);
		}
	}
}

static inline void read_do(struct rig *g, const struct span *s)
{
	uint16_t words[CELLS_MAX] = {0};
	g->now += g->exchange;
	if (g->reads_fail || g->offline) {
		command_read_failed(g->t, 0, s, OUT_TIMEOUT, 0, g->now, g->now);
		return;
	}
	for (unsigned i = 0; i < s->count; i++) {
		if (table_is_bits(s->table))
			words[i / 16] = (uint16_t)(words[i / 16] | g->coil[s->addr + i] << i % 16);
		else
			words[i] = g->holding[s->addr + i];
	}
	command_read(g->t, 0, s, words, g->linked, g->now, g->now);
	points_read(g, s);
}

static inline bool line_job(struct rig *g)
{
	for (size_t i = 0; i < g->njob; i++) {
		const struct job j = g->job[i];
		if (j.not_before > g->now && !(j.expires && j.expires <= g->now))
			continue;
		memmove(&g->job[i], &g->job[i + 1], (--g->njob - i) * sizeof *g->job);
		if (j.expires && j.expires <= g->now)
			command_job(g->t, j.id, OUT_EXPIRED, 0, 0, g->now, g->now);
		else
			job_do(g, &j);
		return true;
	}
	return false;
}

static inline bool line_read(struct rig *g)
{
	for (size_t i = 0; i < g->ndemand; i++) {
		const struct span s = g->demand[i].span;
		if (g->demand[i].due > g->now)
			continue;
		g->demand[i] = g->demand[--g->ndemand];
		read_do(g, &s);
		return true;
	}
	return false;
}

static inline us_t next_event(const struct rig *g)
{
	us_t next = command_due(g->t);
	for (size_t i = 0; i < g->njob; i++) {
		const us_t at = g->job[i].not_before;
		const us_t ends = g->job[i].expires ? g->job[i].expires : US_NEVER;
		next = at < next ? at : next;
		next = ends < next ? ends : next;
	}
	for (size_t i = 0; i < g->ndemand; i++)
		next = g->demand[i].due < next ? g->demand[i].due : next;
	return next;
}

static inline bool rig_step(struct rig *g)
{
	const bool busy = line_job(g) || line_read(g);
	if (!busy) {
		const us_t next = next_event(g);
		if (next == US_NEVER)
			return false;
		g->now = next > g->now ? next : g->now + 1;
	}
	command_tick(g->t, g->now);
	rig_take(g);
	return true;
}

static inline void rig_run(struct rig *g, us_t until)
{
	while (g->now < until && rig_step(g))
		;
}

static inline const struct command_outcome *rig_only(struct rig *g)
{
	return g->nreported == 1 ? &g->reported[0] : NULL;
}

static inline const struct command_outcome *rig_last(struct rig *g)
{
	return g->nreported ? &g->reported[g->nreported - 1] : NULL;
}

/* -- what every test does ----------------------------------------------------------------- */

#define LONG (1000 * US_S)

static struct rig g;

static inline int start(void **state)
{
	(void)state;
	rig_start(&g);
	return 0;
}

static inline int stop(void **state)
{
	(void)state;
	rig_stop(&g);
	return 0;
}

/* The first job that may go out now, no older one of its key before it, leaves the queue. False:
 * none. */
static inline bool rig_next_job(struct job *out)
{
	for (size_t i = 0; i < g.njob; i++) {
		bool first = g.job[i].not_before <= g.now;
		for (size_t k = 0; k < i && first; k++)
			first = !g.job[i].key || g.job[k].key != g.job[i].key;
		if (!first)
			continue;
		*out = g.job[i];
		memmove(&g.job[i], &g.job[i + 1], (--g.njob - i) * sizeof *g.job);
		return true;
	}
	return false;
}

static inline void settle(void)
{
	rig_run(&g, g.now + LONG);
	assert_int_equal(command_alive(g.t), 0);
}

/* One outcome: its end, its reason ("" none), how many writes were on the wire. */
static inline void expect(enum command_end end, const char *reason, size_t writes)
{
	settle();
	if (g.nreported != 1 || g.reported[0].end != end || strcmp(g.reason[0], reason) != 0 ||
	    g.nwrite != writes)
		fail_msg("%zu outcomes, the last %s: %s; %zu writes", g.nreported,
		         g.nreported ? command_end_name(rig_last(&g)->end) : "-",
		         g.nreported ? g.reason[g.nreported - 1] : "", g.nwrite);
	assert_true(command_end_good(end) == (*reason == '\0'));
}

static inline void fault(enum fault f, unsigned n, uint8_t exception)
{
	g.fault = f;
	g.faults = n;
	g.exception = exception;
}

/* -- another configuration ------------------------------------------------------------------ */

static struct point changed[RIG_POINTS];
static struct write_rule rule_of;
static struct pointset set_of;
static struct device device_of;
static struct model next;

/* The configuration as it is, to be changed by the test. */
static inline struct point *change(uint32_t point)
{
	memcpy(changed, points, sizeof changed);
	if (points[point].write)
		rule_of = *points[point].write;
	changed[point].write = &rule_of;
	set_of = rig_set;
	set_of.point = changed;
	device_of = rig_device;
	device_of.set = &set_of;
	next = rig_model;
	next.device = &device_of;
	return &changed[point];
}

static inline void reload(const struct model *m)
{
	if (command_leave(g.t, m, g.now)) {
		rig_take(&g);
		command_leave(g.t, m, g.now);
	}
	rig_take(&g);
	command_adopt(g.t, m, g.now);
	rig_take(&g);
}

#endif
