// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"

#define PHASE_RASTERS 5 /* in the shortest period, within these limits */
#define PHASE_RASTER_LEAST (4 * US_MS)
#define PHASE_RASTER_MOST (20 * US_MS)
#define PHASE_TURNAROUND (50 * US_MS) /* blocks that a slow device would be sent at once */

int want_order(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	if (x->unit != y->unit)
		return x->unit - y->unit;
	if (x->table != y->table)
		return x->table - y->table;
	if (x->addr != y->addr)
		return x->addr - y->addr;
	return x->len - y->len;
}

static int node_order(const void *a, const void *b)
{
	return want_order(&((const struct node *)a)->want, &((const struct node *)b)->want);
}

/* The grid's phase differs per bus, else a hundred of them wake in one instant. But all lie on one
 * raster: those whose turn is within it are served by one wake-up of their thread, and main's. */
static void phase_set(struct schedule *s, us_t now)
{
	us_t shortest = US_NEVER;
	for (size_t i = 0; i < s->n; i++)
		if (s->node[i].want.period != PERIOD_FASTEST)
			shortest = us_min(shortest, s->node[i].want.period);
	if (s->phased || s->n == 0)
		return;
	s->pitch = shortest == US_NEVER ? US_S : shortest;
	s->origin = now + s->pitch / s->of * s->index;
	s->origin -= s->origin % us_min(us_max(s->pitch / PHASE_RASTERS, PHASE_RASTER_LEAST),
	                                PHASE_RASTER_MOST);
	s->phased = true;
}

static void node_fresh(struct node *n, us_t now)
{
	n->due = now;
	n->last = NEVER_READ;
	n->base = now - FIRST_URGENCY * node_period(n);
}

static void node_carry(const struct schedule *s, struct node *n, const struct node *old, us_t now)
{
	const struct want want = n->want;
	*n = *old;
	n->want = want;
	if (want.period == old->want.period || n->aside)
		return;
	if (n->last == NEVER_READ) {
		node_fresh(n, now);
		return;
	}
	if (want.period == PERIOD_ONCE)
		n->due = US_NEVER;
	else if (want.period == PERIOD_FASTEST)
		n->due = now;
	else
		n->due = us_min(grid_next(s, n, now), us_max(now, n->last + want.period));
	n->base = n->last;
}

/* Wants that could share a read keep one phase for all their periods, so that they do share it. The
 * next such block is one pitch later: the slow ones do not all come due in the same instant and do
 * not delay the fast ones. What is there already keeps its phase, and gives it to new neighbours.
 */
static void block_phase(struct schedule *s, const struct span *block, size_t *first,
                        uint16_t *steps)
{
	size_t end = *first;
	const struct node *old = NULL;
	while (end < s->n && s->node[end].want.unit == block->unit &&
	       node_inside(&s->node[end], block)) {
		if (s->node[end].last != NEVER_READ)
			old = &s->node[end];
		end++;
	}
	const uint16_t phase = old ? old->steps : (*steps)++;
	for (; *first < end; (*first)++)
		if (s->node[*first].last == NEVER_READ)
			s->node[*first].steps = phase;
}

static void phases_set(struct schedule *s)
{
	struct span *block = mem_alloc(s->n, sizeof *block);
	uint16_t steps = 0;
	for (size_t first = 0; first < s->n;) {
		const struct want *w = &s->node[first].want;
		const struct unit *u = unit_find(s, w->unit);
		size_t end = first;
		scratch_begin(s, u);
		while (end < s->n && s->node[end].want.unit == w->unit &&
		       s->node[end].want.table == w->table) {
			s->list[end - first] = &s->node[end].want;
			end++;
		}
		const struct plan_limits l = {
			.max_read = u->rule.max_read,
			.max_hole = u->rule.max_hole,
			.turnaround =
				us_max(unit_turnaround(u), PHASE_TURNAROUND) + unit_dead_time(s, u),
			.window = u->window,
			.nwindow = u->rule.nwindow,
		};
		const size_t blocks = plan_cover(&s->wire, &l, s->list, end - first, block);
		for (size_t i = 0; i < blocks; i++)
			block_phase(s, &block[i], &first, &steps);
		first = end;
	}
	scratch_end(s);
	free(block);
}

static void units_adopt(struct schedule *s, const struct unit_rule *r, size_t nr, us_t now)
{
	for (size_t i = 0; i < s->nunit; i++)
		s->unit[i]->kept = s->unit[i]->jobs > 0 ||
		                   (s->current && s->current->span.unit == s->unit[i]->rule.unit);
	for (size_t i = 0; i < nr; i++) {
		struct unit *u = unit_get(s, r[i].unit, now);
		free(u->window);
		u->window = NULL;
		u->kept = true;
		u->rule = r[i];
		if (r[i].nwindow) {
			u->window = mem_alloc(r[i].nwindow, sizeof(struct window));
			memcpy(u->window, r[i].window, r[i].nwindow * sizeof(struct window));
		}
		u->rule.window = u->window;
	}
	for (size_t i = 0; i < s->n; i++)
		unit_get(s, s->node[i].want.unit, now)->kept = true;
}

static void units_forget(struct schedule *s)
{
	size_t kept = 0;
	memset(s->slot, UINT8_MAX, sizeof s->slot);
	for (size_t i = 0; i < s->nunit; i++) {
		struct unit *u = s->unit[i];
		if (!u->kept) {
			demands_drop(s, u->rule.unit);
			unit_becomes(s, u, UNIT_NEW);
			unit_destroy(u);
			continue;
		}
		s->slot[u->rule.unit] = (uint8_t)kept;
		s->unit[kept++] = u;
	}
	s->nunit = kept;
}

static void units_range(struct schedule *s)
{
	for (size_t i = 0; i < s->nunit; i++)
		s->unit[i]->first = s->unit[i]->n = s->unit[i]->npatient = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct unit *u = unit_find(s, s->node[i].want.unit);
		if (u->n++ == 0)
			u->first = i;
		u->npatient += patience_own(&s->node[i]);
	}
	for (size_t i = 0; i < s->nunit; i++)
		unit_pages(s->unit[i]);
}

void schedule_adopt(struct schedule *s, const struct want *w, size_t nw, const struct unit_rule *r,
                    size_t nr, us_t now)
{
	struct node *old = s->node;
	const size_t nold = s->n;
	s->node = mem_alloc(nw, sizeof(struct node));
	s->n = nw;
	for (size_t i = 0; i < nw; i++) {
		s->node[i].want = w[i];
		if (s->node[i].want.prio > CLASS_LOW)
			s->node[i].want.prio = CLASS_LOW;
	}
	qsort(s->node, nw, sizeof(struct node), node_order);
	phase_set(s, now);
	for (size_t i = 0; i < nw; i++) {
		const struct node *was =
			nold ? bsearch(&s->node[i], old, nold, sizeof(struct node), node_order)
			     : NULL;
		if (was)
			node_carry(s, &s->node[i], was, now);
		else
			node_fresh(&s->node[i], now);
	}
	free(old);
	units_adopt(s, r, nr, now);
	units_forget(s);
	units_range(s);
	phases_set(s);
}
