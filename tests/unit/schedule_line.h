/* SPDX-License-Identifier: MIT */
/*
 * schedule_line: a line with devices in virtual time, for the tests of the scheduler. It plays the
 * bus's part: asks schedule_next(), lets the turn take its wire time, tells schedule_done(); and
 * keeps the figures of the yardsticks.
 */
#ifndef TESTS_UNIT_SCHEDULE_LINE_H
#define TESTS_UNIT_SCHEDULE_LINE_H

#include <string.h>

#include "core/schedule/plan.h"
#include "core/schedule/schedule.h"

#define DEVICES 248
#define WANTS 600
#define FORBIDDEN 8
#define MINUTE (60 * US_S)

struct device {
	us_t turnaround;
	bool proves; /* what it does not answer it answers a proof before */
	us_t slow;   /* turnaround of reads that touch slow_addr; 0: the same */
	uint16_t slow_addr;
	us_t silent_from, silent_until; /* from == until: never */
	uint16_t longest;               /* registers; more is refused with 3; 0: no limit */
	uint16_t forbidden[FORBIDDEN];  /* addresses refused with 2 */
	uint8_t nforbidden;
	uint8_t exception; /* instead of 2 */
	bool mute;         /* silence instead */
	us_t busy_until;   /* exception 6 before */
	us_t queued; /* an answer is waited for so much longer: of a gateway with a queue, whose
	              * answers name their requests (Modbus TCP); 0: a line */
	us_t requests, timeouts;
};

struct reading {
	us_t last, worst; /* the longest between two reads */
	us_t reads, due_after_failure;
};

struct line_sim {
	struct wire wire;
	struct schedule *schedule;
	us_t now;
	struct device device[DEVICES];
	struct want want[WANTS];
	struct reading reading[WANTS];
	size_t n;
	struct unit_rule rule[DEVICES];
	size_t nrule;
	bool measure; /* gaps and counts are kept */
	us_t requests, reads, jobs, probes;
	us_t busy, silent_busy; /* line time: all, of unanswered requests */
	us_t longest;           /* exchange */
	us_t online, offline;   /* effects seen */
	us_t online_at, offline_at;
	uint8_t came, went; /* the units of those */
	us_t aside;
	struct span aside_span, last_span;
	struct turn turn;
	us_t job_start; /* of the last job */
	uint64_t job_id;
	uint16_t job_value;
	bool barred; /* a read was sent whose answer could be mistaken */
	void (*on_job)(struct line_sim *l, const struct job *j);
	bool (*lost)(struct line_sim *l); /* is this frame lost? */
};

static inline void sim_begin(struct line_sim *l, uint32_t baud)
{
	memset(l, 0, sizeof *l);
	wire_init(&l->wire, baud, 8, 'N', 1, 0);
	l->now = 1000 * US_S;
	l->schedule = schedule_create(&l->wire, 0, 1, l->now);
}

static inline void sim_end(struct line_sim *l)
{
	schedule_destroy(l->schedule);
}

static inline struct unit_rule *sim_unit(struct line_sim *l, uint8_t unit, us_t turnaround)
{
	l->device[unit].turnaround = turnaround;
	l->rule[l->nrule] = (struct unit_rule){
		.unit = unit,
		.timeout = 500 * US_MS,
		.retries = 1,
		.max_read = 125,
		.max_hole = UINT16_MAX,
	};
	return &l->rule[l->nrule++];
}

static inline void sim_want(struct line_sim *l, uint8_t unit, uint16_t addr, uint16_t len,
                            us_t period)
{
	l->want[l->n++] = (struct want){
		.unit = unit,
		.table = TABLE_HOLDING,
		.addr = addr,
		.len = len,
		.period = period,
		.prio = CLASS_NORMAL,
	};
}

static inline void sim_adopt(struct line_sim *l)
{
	schedule_adopt(l->schedule, l->want, l->n, l->rule, l->nrule, l->now);
}

/* Forget the figures, count from now. */
static inline void sim_measure(struct line_sim *l)
{
	l->measure = true;
	memset(l->reading, 0, sizeof l->reading);
	l->requests = l->reads = l->jobs = l->probes = l->busy = l->silent_busy = l->longest = 0;
	for (size_t i = 0; i < DEVICES; i++)
		l->device[i].requests = l->device[i].timeouts = 0;
}

static inline void sim_note(struct line_sim *l, const struct span *s)
{
	for (size_t i = 0; i < l->n && l->measure; i++) {
		const struct want *w = &l->want[i];
		if (w->unit != s->unit || w->table != s->table || w->addr < s->addr ||
		    w->addr + w->len > s->addr + s->count)
			continue;
		struct reading *r = &l->reading[i];
		if (r->reads++ && l->now - r->last > r->worst)
			r->worst = l->now - r->last;
		r->last = l->now;
	}
}

static inline uint8_t sim_refuses(const struct line_sim *l, const struct device *d,
                                  const struct span *s)
{
	if (l->now < d->busy_until)
		return 6;
	if (d->longest && s->count > d->longest)
		return 3;
	for (size_t i = 0; i < d->nforbidden; i++)
		if (d->forbidden[i] >= s->addr && d->forbidden[i] < s->addr + s->count)
			return d->exception ? d->exception : 2;
	return 0;
}

static inline struct signature sim_signature(const struct turn *t)
{
	struct request r;
	const struct job *j = t->job;
	if (t->kind != TURN_JOB)
		pdu_read(&r, t->span.unit, t->span.table, t->span.addr, t->span.count);
	else
		pdu_write_register(&r, j->span.unit, j->span.addr, j->value[0]);
	return pdu_signature(&r);
}

static inline void sim_effects(struct line_sim *l, const struct effects *e, uint8_t unit)
{
	if (e->online) {
		l->online++;
		l->online_at = l->now;
		l->came = unit;
	}
	if (e->offline) {
		l->offline++;
		l->offline_at = l->now;
		l->went = unit;
	}
	if (e->aside) {
		l->aside++;
		l->aside_span = e->aside_span;
	}
}

static inline us_t sim_turnaround(const struct device *d, const struct turn *t)
{
	const bool slow = d->slow && t->kind != TURN_JOB && t->span.addr <= d->slow_addr &&
	                  d->slow_addr < t->span.addr + t->span.count;
	return slow ? d->slow : d->turnaround;
}

static inline void sim_turn(struct line_sim *l, const struct turn *t)
{
	struct device *d = &l->device[t->span.unit];
	const struct signature sig = sim_signature(t);
	const us_t start = l->now, turnaround = sim_turnaround(d, t);
	const bool job = t->kind == TURN_JOB;
	if (!job && !t->second && peer_barred(t->peer, &sig, l->now))
		l->barred = true;
	l->requests++;
	l->reads += t->kind == TURN_READ;
	l->probes += t->kind == TURN_PROBE;
	l->jobs += job;
	d->requests++;
	if (job) {
		l->job_start = start;
		l->job_id = t->job->id;
		l->job_value = t->job->value[0];
		if (l->on_job)
			l->on_job(l, t->job);
	}
	enum outcome o = OUT_OK;
	uint8_t exception = 0;
	us_t took;
	const bool silent = l->now >= d->silent_from && l->now < d->silent_until;
	const bool late = !job && turnaround > t->timeout;
	const bool mute = d->mute && !job && sim_refuses(l, d, &t->span);
	if (silent || late || mute || (l->lost && l->lost(l))) {
		o = OUT_TIMEOUT;
		took = wire_chars(&l->wire, 8) + l->wire.silence + t->timeout + d->queued;
		l->silent_busy += took;
		d->timeouts++;
		if (!d->queued)
			peer_unanswered(t->peer, &sig, l->now + took, t->configured);
	} else {
		exception = job ? 0 : sim_refuses(l, d, &t->span);
		o = exception ? OUT_REFUSED : OUT_OK;
		took = exception ? wire_exchange(&l->wire, 5, 2, turnaround)
		       : job ? wire_exchange(&l->wire, 5, t->job->adhoc ? t->job->raw_answer : 5,
		                             turnaround)
		             : wire_read(&l->wire, t->span.table, t->span.count, turnaround);
		peer_turned(t->peer, turnaround);
		if (!exception)
			peer_in_step(t->peer, l->now + took, t->configured);
	}
	if (took == 0)
		took = 1;
	l->now += took;
	l->busy += took;
	l->longest = !silent && took > l->longest ? took : l->longest;
	if (o == OUT_OK && !job)
		sim_note(l, &t->span);
	l->last_span = t->span;
	struct effects e;
	schedule_done(l->schedule, t, o, exception,
	              o == OUT_TIMEOUT && !d->proves ? 0 : turnaround + 1, took, l->now, &e);
	sim_effects(l, &e, t->span.unit);
}

/* From here on the device refuses a read of this address. */
static inline void sim_refuse(struct line_sim *l, uint8_t unit, uint16_t addr)
{
	struct device *d = &l->device[unit];
	d->forbidden[d->nforbidden++] = addr;
}

/* The device does not answer in [from, from + time). */
static inline void sim_silence(struct line_sim *l, uint8_t unit, us_t from, us_t time)
{
	l->device[unit].silent_from = from;
	l->device[unit].silent_until = from + time;
}

/* One turn, or sleep; false: `end` is reached. */
static inline bool sim_step(struct line_sim *l, us_t end)
{
	if (l->now >= end)
		return false;
	const us_t ahead = l->now + 4 * US_MS;
	const bool idle = schedule_idle(l->schedule, l->now, ahead);
	schedule_next(l->schedule, l->now, &l->turn);
	if (idle) { /* what it promises, in every test */
		assert_int_equal(l->turn.kind, TURN_SLEEP);
		assert_true(l->turn.until >= ahead);
	}
	if (l->turn.kind == TURN_SLEEP) {
		l->now = l->turn.until < end ? l->turn.until : end;
		return l->now < end;
	}
	sim_turn(l, &l->turn);
	return true;
}

static inline void sim_run(struct line_sim *l, us_t time)
{
	const us_t end = l->now + time;
	while (sim_step(l, end))
		;
}

/* The figures of the next `time`. */
static inline void sim_count(struct line_sim *l, us_t time)
{
	sim_measure(l);
	sim_run(l, time);
}

/* A line with unit 1, of which n blocks of len registers are wanted, each step behind the last. */
static inline void sim_blocks(struct line_sim *l, uint32_t baud, us_t turnaround, unsigned n,
                              unsigned step, uint16_t len, us_t period)
{
	sim_begin(l, baud);
	sim_unit(l, 1, turnaround);
	for (unsigned i = 0; i < n; i++)
		sim_want(l, 1, (uint16_t)(i * step), len, period);
}

/* The yardstick's line: 4 units × 3 blocks, in its tenth second. */
static inline void sim_busy(struct line_sim *l, uint32_t baud, us_t period)
{
	sim_begin(l, baud);
	for (uint8_t unit = 1; unit <= 4; unit++) {
		sim_unit(l, unit, 5 * US_MS);
		for (uint16_t block = 0; block < 3; block++)
			sim_want(l, unit, (uint16_t)(1000 * block), 10, period);
	}
	sim_adopt(l);
	sim_run(l, 10 * US_S);
}

/* The longest gap of any want, but those of this unit. */
static inline us_t sim_worst_without(const struct line_sim *l, uint8_t unit)
{
	us_t worst = 0;
	for (size_t i = 0; i < l->n; i++)
		if (l->want[i].unit != unit && l->reading[i].worst > worst)
			worst = l->reading[i].worst;
	return worst;
}

/* The worst (gap / period) of all wants, less `grace` of each gap. */
static inline double sim_worst(const struct line_sim *l, us_t grace)
{
	double worst = 0;
	for (size_t i = 0; i < l->n; i++) {
		const double gap =
			(double)(l->reading[i].worst - grace) / (double)l->want[i].period;
		worst = gap > worst ? gap : worst;
	}
	return worst;
}

#endif
