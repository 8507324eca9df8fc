// SPDX-License-Identifier: MIT
#include "core/schedule/plan.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/schedule/steps.h"

#define CUTS_ON_STACK 16
#define ROUNDING 4 /* µs: wire times are rounded up, so estimates keep this far from a tie */

/* Cells [first, end). */
struct gap {
	uint32_t first, end;
};

struct planner {
	const struct wire *wire;
	const struct plan_limits *limits;
	const struct want *const *want;
	size_t n;
	uint8_t table;
	uint32_t most;   /* cells in one read, by count and by PLAN_EXCHANGE_MAX */
	us_t base;       /* what one more request costs, less its cells */
	struct gap *gap; /* the cuts of this table: ascending, none touches the next */
	size_t ngap;
	struct gap local[CUTS_ON_STACK];
};

/* A run of wants that may share reads; no read that pays reaches beyond it. */
struct run {
	size_t first, last; /* inclusive */
	uint32_t end;       /* behind its last cell */
	uint32_t holes;     /* cells that no want has, all together */
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

static int gap_order(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;
	return x->first < y->first ? -1 : x->first > y->first;
}

static void gaps_find(struct planner *p)
{
	const struct plan_limits *l = p->limits;
	size_t n = 0, kept = 0;
	p->gap = l->ncut <= CUTS_ON_STACK ? p->local : mem_alloc(l->ncut, sizeof *p->gap);
	for (size_t i = 0; i < l->ncut; i++)
		if (l->cut[i].table == p->table && l->cut[i].len)
			p->gap[n++] = (struct gap){l->cut[i].addr,
			                           (uint32_t)l->cut[i].addr + l->cut[i].len};
	if (n)
		qsort(p->gap, n, sizeof *p->gap, gap_order);
	for (size_t i = 0; i < n; i++) {
		if (kept && p->gap[i].first <= p->gap[kept - 1].end) {
			if (p->gap[i].end > p->gap[kept - 1].end)
				p->gap[kept - 1].end = p->gap[i].end;
			continue;
		}
		p->gap[kept++] = p->gap[i];
	}
	p->ngap = kept;
}

/* To be ended: it may own memory. */
static void planner_begin(struct planner *p, const struct wire *w, const struct plan_limits *l,
                          const struct want *const *want, size_t n)
{
	p->wire = w;
	p->limits = l;
	p->want = want;
	p->n = n;
	p->table = want[0]->table;
	p->most = cells_most(w, l, p->table);
	p->base = wire_read(w, p->table, 0, l->turnaround);
	gaps_find(p);
}

static void planner_end(struct planner *p)
{
	if (p->gap != p->local)
		free(p->gap);
}

static bool cut_between(const struct planner *p, uint32_t first, uint32_t end)
{
	size_t low = 0, high = p->ngap; /* the first that ends behind `first` */
	while (low < high) {
		const size_t mid = (low + high) / 2;
		if (p->gap[mid].end > first)
			high = mid;
		else
			low = mid + 1;
	}
	return low < p->ngap && p->gap[low].first < end;
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

/* Wants that share no read: a barrier, a suspect (learned to be refused), one over a limit by
 * itself. */
static bool want_alone(const struct planner *p, const struct want *w)
{
	return w->barrier || w->len > p->most || want_end(w) > window_end(p->limits, w->addr) ||
	       cut_between(p, w->addr, want_end(w));
}

/* A hole's wire time is between these two; bits share bytes with their neighbours. */
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
	return next->addr - end <= p->limits->max_hole && !cut_between(p, end, next->addr);
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
			if (hole >= p->most || hole_least(p, hole) > p->base + ROUNDING)
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

/* The wire time of reads as a straight line: less than 1 us from what it is, rounded up. */
static struct read_cost cost_of(const struct planner *p)
{
	return (struct read_cost){
		.fixed = (int64_t)p->base * 1000,
		.byte = p->wire->baud ? p->wire->char_ns : 0,
		.most = p->most,
		.bits = table_is_bits(p->table),
	};
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

/* The reads of the run: end[] gets the index behind the last want of each. */
static size_t run_share(const struct planner *p, const struct run *r, uint32_t *end)
{
	const uint32_t m = (uint32_t)(r->last - r->first + 1);
	if (run_is_one(p, r)) {
		end[0] = m;
		return 1;
	}
	const struct read_cost cost = cost_of(p);
	return steps_share(&cost, &p->want[r->first], m, end);
}

size_t plan_shares(const struct wire *w, const struct plan_limits *l,
                   const struct want *const *want, size_t n, struct share *share)
{
	if (n == 0)
		return 0;
	struct planner p;
	planner_begin(&p, w, l, want, n);
	uint32_t *end = mem_alloc(n, sizeof *end);
	size_t shares = 0;
	for (size_t i = 0; i < n;) {
		const struct run r = run_from(&p, i);
		const size_t reads = run_share(&p, &r, end);
		for (size_t k = 0; k < reads; k++) {
			const size_t next = r.first + end[k];
			share[shares++] = (struct share){i, span_of(&p, i, next - 1)};
			i = next;
		}
	}
	free(end);
	planner_end(&p);
	return shares;
}

size_t plan_cover(const struct wire *w, const struct plan_limits *l, const struct want *const *want,
                  size_t n, struct span *block)
{
	struct share *share = mem_alloc(n, sizeof *share);
	const size_t blocks = plan_shares(w, l, want, n, share);
	for (size_t i = 0; i < blocks; i++)
		block[i] = share[i].span;
	free(share);
	return blocks;
}

struct span plan_block(const struct wire *w, const struct plan_limits *l,
                       const struct want *const *want, size_t n, size_t which)
{
	struct planner p;
	planner_begin(&p, w, l, want, n);
	struct run r = run_from(&p, 0);
	while (r.last < which)
		r = run_from(&p, r.last + 1);
	uint32_t *end = mem_alloc(r.last - r.first + 1, sizeof *end);
	const size_t reads = run_share(&p, &r, end);
	size_t k = 0;
	while (k + 1 < reads && r.first + end[k] <= which)
		k++;
	const size_t first = r.first + (k ? end[k - 1] : 0);
	const struct span block = span_of(&p, first, r.first + end[k] - 1);
	free(end);
	planner_end(&p);
	return block;
}

static bool span_cut(const struct plan_limits *l, const struct span *span)
{
	for (size_t i = 0; i < l->ncut; i++) {
		const struct cut *c = &l->cut[i];
		if (c->table == span->table && c->addr < (uint32_t)span->addr + span->count &&
		    (uint32_t)c->addr + c->len > span->addr)
			return true;
	}
	return false;
}

bool plan_allows(const struct wire *w, const struct plan_limits *l, const struct span *span)
{
	const uint32_t end = (uint32_t)span->addr + span->count;
	return span->count > 0 && span->count <= cells_most(w, l, span->table) &&
	       end <= window_end(l, span->addr) && !span_cut(l, span);
}
