#include "core/schedule_priv.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"

static int node_order(const void *a, const void *b)
{
	const struct want *x = &((const struct node *)a)->want, *y = &((const struct node *)b)->want;
	if (x->unit != y->unit)
		return x->unit - y->unit;
	if (x->table != y->table)
		return x->table - y->table;
	if (x->addr != y->addr)
		return x->addr - y->addr;
	return x->len - y->len;
}

/* The grid's phase differs per bus, else a hundred of them wake in one instant; but on one bus all
 * periods keep one phase, so that what is due together can be read together. */
static void phase_set(struct schedule *s, us_t now)
{
	us_t shortest = US_NEVER;
	for (size_t i = 0; i < s->n; i++)
		if (s->node[i].want.period != PERIOD_FASTEST)
			shortest = us_min(shortest, s->node[i].want.period);
	if (s->phased || s->n == 0)
		return;
	s->origin = now;
	if (shortest != US_NEVER)
		s->origin += shortest / s->of * s->index;
	s->phased = true;
}

static void node_fresh(struct node *n, us_t now)
{
	n->due = now;
	n->last = NEVER_READ;
	n->base = now - node_period(n);
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
		n->due = us_min(grid_next(s, want.period, now), us_max(now, n->last + want.period));
	n->base = n->last;
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
			free(u->window);
			free(u->learnt);
			free(u);
			continue;
		}
		s->slot[u->rule.unit] = (uint16_t)kept;
		s->unit[kept++] = u;
	}
	s->nunit = kept;
}

static void units_range(struct schedule *s)
{
	for (size_t i = 0; i < s->nunit; i++)
		s->unit[i]->first = s->unit[i]->n = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct unit *u = unit_find(s, s->node[i].want.unit);
		if (u->n++ == 0)
			u->first = i;
	}
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
			nold ? bsearch(&s->node[i], old, nold, sizeof(struct node), node_order) : NULL;
		if (was)
			node_carry(s, &s->node[i], was, now);
		else
			node_fresh(&s->node[i], now);
	}
	free(old);
	units_adopt(s, r, nr, now);
	units_forget(s);
	units_range(s);
	schedule_scratch(s);
}
