// SPDX-License-Identifier: MIT
#include "core/base/due.h"

#include <stdlib.h>

#include "core/base/arena.h"

static void put(struct due *d, size_t place, struct due_node *node)
{
	d->node[place - 1] = node;
	node->place = place;
}

static void rise(struct due *d, struct due_node *node)
{
	size_t place = node->place;
	for (; place > 1 && d->node[place / 2 - 1]->at > node->at; place /= 2)
		put(d, place, d->node[place / 2 - 1]);
	put(d, place, node);
}

static void sink(struct due *d, struct due_node *node)
{
	size_t place = node->place;
	for (size_t below; (below = 2 * place) <= d->n; place = below) {
		if (below < d->n && d->node[below]->at < d->node[below - 1]->at)
			below++;
		if (d->node[below - 1]->at >= node->at)
			break;
		put(d, place, d->node[below - 1]);
	}
	put(d, place, node);
}

void due_never(struct due *d, struct due_node *node)
{
	if (!node->place)
		return;
	struct due_node *last = d->node[--d->n];
	if (last != node) {
		put(d, node->place, last);
		rise(d, last);
		sink(d, last);
	}
	node->place = 0;
}

void due_set(struct due *d, struct due_node *node, us_t at)
{
	if (at == US_NEVER) {
		due_never(d, node);
		return;
	}
	if (!node->place && d->n == d->room) {
		d->room = d->room ? 2 * d->room : 16;
		d->node = mem_grow(d->node, d->room, sizeof(struct due_node *));
	}
	if (!node->place)
		put(d, ++d->n, node);
	node->at = at;
	rise(d, node);
	sink(d, node);
}

struct due_node *due_first(const struct due *d)
{
	return d->n ? d->node[0] : NULL;
}

void due_free(struct due *d)
{
	free(d->node);
	*d = (struct due){0};
}
