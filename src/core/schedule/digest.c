// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#include <stdlib.h>

#include "core/base/arena.h"

/*
 * What is next, and until when nothing is, is computed before each read. Neighbours are therefore
 * taken together as pages, and what matters of a page is kept until one of its nodes changes or
 * becomes due. Of nodes of one class and one period the same one goes first whatever the time is:
 * only it has to be compared with the others.
 */

static bool lane_same(const struct node *a, const struct node *b)
{
	if (a->want.period == b->want.period) /* as of most neighbours */
		return a->want.prio == b->want.prio || a->want.period == PERIOD_FASTEST;
	return node_rank(a) == node_rank(b) && node_period(a) == node_period(b);
}

/* a comes behind b in the table. */
static bool node_sooner(const struct node *a, const struct node *b)
{
	return a->base != b->base ? a->base < b->base : a->last < b->last;
}

static void digest_offer(const struct schedule *s, struct digest *d, uint32_t i)
{
	for (size_t k = 0; k < d->n; k++) {
		if (!lane_same(&s->node[i], &s->node[d->first[k]]))
			continue;
		if (node_sooner(&s->node[i], &s->node[d->first[k]]))
			d->first[k] = i;
		return;
	}
	if (d->n < DIGEST_LANES)
		d->first[d->n++] = i;
	else
		d->many = true;
}

static const struct digest nothing = {.wake = US_NEVER, .pull = US_NEVER};

static void page_refresh(struct schedule *s, const struct unit *u, struct digest *d, us_t now)
{
	const size_t at = u->first + (size_t)(d - u->page) * PAGE_NODES;
	const size_t end = at + PAGE_NODES < u->first + u->n ? at + PAGE_NODES : u->first + u->n;
	*d = nothing;
	for (size_t i = at; i < end; i++) {
		const struct node *n = &s->node[i];
		d->walls |= n->aside || n->want.barrier || n->group;
		d->pull = us_min(d->pull, n->due - node_slack(n));
		if (n->due > now)
			d->wake = us_min(d->wake, n->due);
		else
			digest_offer(s, d, (uint32_t)i);
	}
	s->looked += end - at;
}

static void digest_add(const struct schedule *s, struct digest *to, const struct digest *d)
{
	to->wake = us_min(to->wake, d->wake);
	to->pull = us_min(to->pull, d->pull);
	to->walls |= d->walls;
	to->many |= d->many;
	for (size_t k = 0; k < d->n; k++)
		digest_offer(s, to, d->first[k]);
}

const struct digest *unit_digest(struct schedule *s, struct unit *u, us_t now)
{
	if (!u->all.stale && now < u->all.wake)
		return &u->all;
	u->all = nothing;
	for (size_t i = 0; i < u->npage; i++) {
		struct digest *d = &u->page[i];
		if (d->stale || now >= d->wake)
			page_refresh(s, u, d, now);
		digest_add(s, &u->all, d);
	}
	s->looked += u->npage;
	return &u->all;
}

void unit_changed(struct unit *u)
{
	for (size_t i = 0; i < u->npage; i++)
		u->page[i].stale = true;
	u->all.stale = true;
	for (uint8_t table = 0; table < 4; table++)
		kept_drop(u, table);
}

void nodes_changed(struct unit *u, size_t first, size_t last)
{
	for (size_t i = (first - u->first) / PAGE_NODES; i <= (last - u->first) / PAGE_NODES; i++)
		u->page[i].stale = true;
	u->all.stale = true;
}

void unit_pages(struct unit *u)
{
	free(u->page);
	u->npage = (u->n + PAGE_NODES - 1) / PAGE_NODES;
	u->page = mem_alloc(u->npage, sizeof *u->page);
	unit_changed(u);
}

/* Nodes are sorted: those that begin in the span are neighbours. */
size_t nodes_from(const struct schedule *s, const struct unit *u, const struct span *span)
{
	size_t low = u->first, high = u->first + u->n;
	while (low < high) {
		const size_t mid = (low + high) / 2;
		const struct want *w = &s->node[mid].want;
		if (w->table < span->table || (w->table == span->table && w->addr < span->addr))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
