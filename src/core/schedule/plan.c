// SPDX-License-Identifier: MIT
#include "core/schedule/plan.h"

#include <stdlib.h>

#include "core/base/arena.h"

#define STEPS_ON_STACK 48
#define ROUNDING 4 /* µs: wire times are rounded up, so estimates keep this far from a tie */

struct planner {
	const struct wire *wire;
	const struct plan_limits *limits;
	const struct want *const *want;
	size_t n;
	uint8_t table;
	uint32_t most; /* cells in one read, by count and by PLAN_EXCHANGE_MAX */
	us_t base;     /* what one more request costs, less its cells */
};

/* A run of wants that may share reads; no read that pays reaches beyond it. */
struct run {
	size_t first, last; /* inclusive */
	uint32_t end;       /* behind its last cell */
	uint32_t holes;     /* cells nobody wants, all together */
};

/* The cheapest way to read all wants before this one. */
struct step {
	us_t time;
	uint32_t blocks, cells;
	uint32_t from; /* the first want of the last block */
};

static uint32_t want_end(const struct want *w)
{
	return (uint32_t)w->addr + w->len;
}

static uint32_t cells_most(const struct wire *w, const struct plan_limits *l, uint8_t table)
{
	const uint32_t limit = table_is_bits(table) ? READ_BITS_MAX : READ_REGISTERS_MAX;
	uint32_t high = table_is_bits(table) ? 16u * l->max_read : l->max_read;
	if (high > limit)
		high = limit;
	if (l->max_cells && high > l->max_cells)
		high = l->max_cells;
	uint32_t low = 1;
	if (high <= low || wire_read(w, table, high, 0) <= PLAN_EXCHANGE_MAX)
		return high > 0 ? high : 1;
	while (high - low > 1) {
		const uint32_t mid = (low + high) / 2;
		if (wire_read(w, table, mid, 0) <= PLAN_EXCHANGE_MAX)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static struct planner planner(const struct wire *w, const struct plan_limits *l,
                              const struct want *const *want, size_t n)
{
	const uint8_t table = want[0]->table;
	return (struct planner){
		.wire = w,
		.limits = l,
		.want = want,
		.n = n,
		.table = table,
		.most = cells_most(w, l, table),
		.base = wire_read(w, table, 0, l->turnaround),
	};
}

static bool cut_between(const struct plan_limits *l, uint8_t table, uint32_t first, uint32_t end)
{
	for (size_t i = 0; i < l->ncut; i++) {
		const struct cut *c = &l->cut[i];
		if (c->table == table && c->addr < end && (uint32_t)c->addr + c->len > first)
			return true;
	}
	return false;
}

/* Behind the last cell that a read from `addr` may reach: the border of its window, or of the next.
 */
static uint32_t window_end(const struct plan_limits *l, uint32_t addr)
{
	uint32_t end = UINT16_MAX + 1;
	for (size_t i = 0; i < l->nwindow; i++) {
		const struct window *w = &l->window[i];
		if (addr >= w->first && addr <= w->last)
			return (uint32_t)w->last + 1;
		if (w->first > addr && w->first < end)
			end = w->first;
	}
	return end;
}

/* Wants that share no read: a barrier, a suspect (learnt to be refused), one over a limit by
 * itself. */
static bool want_alone(const struct planner *p, const struct want *w)
{
	return w->barrier || w->len > p->most || want_end(w) > window_end(p->limits, w->addr) ||
	       cut_between(p->limits, p->table, w->addr, want_end(w));
}

/* A hole's wire time lies between these two; bits share bytes with their neighbours. */
static us_t hole_least(const struct planner *p, uint32_t cells)
{
	if (!table_is_bits(p->table))
		return wire_chars(p->wire, 2 * cells) - 1;
	return cells > 14 ? wire_chars(p->wire, (cells - 14) / 8) - 1 : 0;
}

static us_t hole_most(const struct planner *p, uint32_t cells)
{
	return wire_chars(p->wire, table_is_bits(p->table) ? (cells + 14) / 8 : 2 * cells);
}

/* May one read go on over the hole from `end` to the next want? */
static bool hole_allowed(const struct planner *p, uint32_t end, const struct want *next)
{
	if (next->addr <= end)
		return true;
	return next->addr - end <= p->limits->max_hole &&
	       !cut_between(p->limits, p->table, end, next->addr);
}

/* The run that begins with want[first]. */
static struct run run_from(const struct planner *p, size_t first)
{
	struct run r = {.first = first, .last = first, .end = want_end(p->want[first])};
	if (want_alone(p, p->want[first]))
		return r;
	const uint32_t border = window_end(p->limits, p->want[first]->addr);
	for (size_t i = first + 1; i < p->n; i++) {
		const struct want *w = p->want[i];
		if (w->addr >= border || !hole_allowed(p, r.end, w) || want_alone(p, w))
			break;
		if (w->addr > r.end) {
			const uint32_t hole = w->addr - r.end;
			if (hole_least(p, hole) > p->base + ROUNDING)
				break;
			r.holes += hole;
		}
		if (want_end(w) > r.end)
			r.end = want_end(w);
		r.last = i;
	}
	return r;
}

/* Is one read for all of the run surely the cheapest? */
static bool run_is_one(const struct planner *p, const struct run *r)
{
	if (r->first == r->last)
		return true;
	if (r->end - p->want[r->first]->addr > p->most)
		return false;
	return r->holes == 0 || p->wire->baud == 0 || hole_most(p, r->holes) + ROUNDING <= p->base;
}

static bool step_better(const struct step *a, const struct step *b)
{
	if (a->time != b->time)
		return a->time < b->time;
	if (a->blocks != b->blocks)
		return a->blocks < b->blocks;
	return a->cells < b->cells;
}

/* What a read of so many cells takes, for all there may be: asked for many times. */
static void times_fill(const struct planner *p, us_t *time)
{
	for (uint32_t cells = 1; cells <= p->most; cells++)
		time[cells] = wire_read(p->wire, p->table, cells, p->limits->turnaround);
}

/* All blocks that begin with want[r->first + i], as long as they may grow. */
static void steps_extend(const struct planner *p, const struct run *r, const us_t *time,
                         struct step *step, size_t i)
{
	const struct want *const *want = &p->want[r->first];
	const size_t m = r->last - r->first + 1;
	const uint32_t addr = want[i]->addr;
	uint32_t end = want_end(want[i]);
	for (size_t j = i; j < m; j++) {
		if (j > i && !hole_allowed(p, end, want[j]))
			return;
		if (want_end(want[j]) > end)
			end = want_end(want[j]);
		if (end - addr > p->most)
			return;
		const struct step s = {
			.time = step[i].time + time[end - addr],
			.blocks = step[i].blocks + 1,
			.cells = step[i].cells + end - addr,
			.from = (uint32_t)i,
		};
		if (step[j + 1].blocks == 0 || step_better(&s, &step[j + 1]))
			step[j + 1] = s;
	}
}

static struct span span_of(const struct planner *p, size_t first, size_t last)
{
	uint32_t end = 0;
	for (size_t i = first; i <= last; i++)
		if (want_end(p->want[i]) > end)
			end = want_end(p->want[i]);
	return (struct span){
		.unit = p->want[first]->unit,
		.table = p->table,
		.addr = p->want[first]->addr,
		.count = (uint16_t)(end - p->want[first]->addr),
	};
}

/* The run's reads into block[], in address order; `holds` (if not NULL): only the one with that
 * want. */
static size_t run_cover(const struct planner *p, const struct run *r, struct span *block,
                        const size_t *holds)
{
	if (run_is_one(p, r)) {
		*block = span_of(p, r->first, r->last);
		return 1;
	}
	const size_t m = r->last - r->first + 1;
	struct step local[STEPS_ON_STACK];
	struct step *step = m < STEPS_ON_STACK ? local : mem_alloc(m + 1, sizeof *step);
	for (size_t i = 0; i <= m; i++)
		step[i] = (struct step){0};
	us_t time[READ_BITS_MAX + 1];
	times_fill(p, time);
	for (size_t i = 0; i < m; i++)
		steps_extend(p, r, time, step, i);
	const size_t n = holds ? 1 : step[m].blocks;
	size_t at = n;
	for (size_t end = m; end > 0; end = step[end].from) {
		const size_t first = r->first + step[end].from, last = r->first + end - 1;
		if (!holds)
			block[--at] = span_of(p, first, last);
		else if (*holds >= first && *holds <= last)
			*block = span_of(p, first, last);
	}
	if (step != local)
		free(step);
	return n;
}

size_t plan_cover(const struct wire *w, const struct plan_limits *l, const struct want *const *want,
                  size_t n, struct span *block)
{
	if (n == 0)
		return 0;
	const struct planner p = planner(w, l, want, n);
	size_t blocks = 0;
	for (size_t i = 0; i < n;) {
		const struct run r = run_from(&p, i);
		blocks += run_cover(&p, &r, &block[blocks], NULL);
		i = r.last + 1;
	}
	return blocks;
}

struct span plan_block(const struct wire *w, const struct plan_limits *l,
                       const struct want *const *want, size_t n, size_t which)
{
	const struct planner p = planner(w, l, want, n);
	struct run r = run_from(&p, 0);
	while (r.last < which)
		r = run_from(&p, r.last + 1);
	struct span block;
	run_cover(&p, &r, &block, &which);
	return block;
}

bool plan_allows(const struct wire *w, const struct plan_limits *l, const struct span *span)
{
	const uint32_t end = (uint32_t)span->addr + span->count;
	return span->count > 0 && span->count <= cells_most(w, l, span->table) &&
	       end <= window_end(l, span->addr) && !cut_between(l, span->table, span->addr, end);
}
