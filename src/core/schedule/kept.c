// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"

/*
 * The plan of a unit's table: which reads cover what is due. It holds until something else becomes
 * due: a read that was made takes its own wants out of it, and the others' reads stay the cheapest
 * (were there a cheaper way for the rest, it would have been one for all). What changes besides
 * due times drops it (unit_changed), and so does a read that takes wants out of another.
 */
struct kept {
	us_t until;      /* then something else can be read along */
	us_t turnaround; /* that it was made for */
	size_t nodes;    /* it was made of so many */
	uint32_t last;   /* of them */
	uint32_t n;
	struct kept_read {
		uint32_t first; /* node; its wants go up to the next read's first */
		struct span span;
	} read[];
};

void kept_drop(struct unit *u, uint8_t table)
{
	free(u->plan[table & 3]);
	u->plan[table & 3] = NULL;
}

/* Where a request more costs something else by now, other holes may pay. */
static bool turnaround_same(const struct schedule *s, us_t a, us_t b)
{
	const us_t differ = a > b ? a - b : b - a;
	return s->wire.baud == 0 || differ <= b / 8;
}

/* Was it made of just these? Of neighbours the ends decide. */
static bool kept_is_of(const struct schedule *s, const struct kept *k, size_t n, us_t turnaround)
{
	const size_t first = (size_t)(node_in(s, 0) - s->node),
		     last = (size_t)(node_in(s, n - 1) - s->node);
	return k && k->nodes == n && last - first + 1 == n && k->read[0].first == first &&
	       k->last == last && (s->wire.baud == 0 || turnaround == k->turnaround);
}

void kept_make(struct schedule *s, struct unit *u, const struct plan_limits *l, size_t n,
               us_t until)
{
	const uint8_t table = s->list[0]->table;
	if (kept_is_of(s, u->plan[table & 3], n, l->turnaround)) {
		u->plan[table & 3]->until = until; /* what was due together is so again */
		return;
	}
	struct share *share = mem_alloc(n, sizeof *share);
	const size_t reads = plan_shares(&s->wire, l, s->list, n, share);
	struct kept *k = mem_alloc(1, sizeof *k + reads * sizeof k->read[0]);
	k->until = until;
	k->turnaround = l->turnaround;
	k->nodes = n;
	k->last = (uint32_t)(node_in(s, n - 1) - s->node);
	k->n = (uint32_t)reads;
	for (size_t i = 0; i < reads; i++)
		k->read[i] = (struct kept_read){(uint32_t)(node_in(s, share[i].first) - s->node),
		                                share[i].span};
	free(share);
	kept_drop(u, table);
	u->plan[table & 3] = k;
	s->looked += n;
}

/* The last read that begins at this node or before. */
static size_t read_with(const struct kept *k, size_t node)
{
	size_t low = 0, high = k->n;
	while (high - low > 1) {
		const size_t mid = (low + high) / 2;
		if (k->read[mid].first <= node)
			low = mid;
		else
			high = mid;
	}
	return low;
}

bool kept_read(struct schedule *s, struct unit *u, const struct node *n, us_t turnaround, us_t now,
               struct span *out)
{
	const struct kept *k = u->plan[n->want.table & 3];
	if (!k || n->group || now >= k->until || !turnaround_same(s, turnaround, k->turnaround))
		return false;
	*out = k->read[read_with(k, (size_t)(n - s->node))].span;
	return node_inside(n, out);
}

void kept_was_read(struct unit *u, const struct span *span, size_t first, size_t last, us_t again)
{
	const struct kept *k = u->plan[span->table & 3];
	if (!k)
		return;
	const size_t i = read_with(k, first);
	const struct span *own = &k->read[i].span;
	if (own->addr == span->addr && own->count == span->count && k->read[i].first == first &&
	    (i + 1 == k->n || last < k->read[i + 1].first))
		u->plan[span->table & 3]->until = us_min(k->until, again);
	else
		kept_drop(u, span->table);
}
