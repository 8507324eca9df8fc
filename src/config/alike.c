// SPDX-License-Identifier: MIT
/* One set of points for all devices that are configured alike. */
#include <assert.h>
#include <string.h>

#include "config/pointset.h"

#define BUCKETS 4096 /* as many as there are devices at most: a power of two */

/* A set that was made, and of what. */
struct cached {
	struct cached *next;     /* of those with the same hash */
	struct cached *next_set; /* of those whose sets' addresses have the same hash */
	const struct profile *profile;
	const struct node **node; /* two of each deciding key */
	const struct pointset *set;
	struct pointset_origin from;
	bool faulty; /* there were mistakes: each place of them is reported */
};

struct cache {
	struct cached *by_content[BUCKETS], *by_set[BUCKETS]; /* the newest first */
};

/* A key that is not marked as the device's alone decides: a forgotten flag costs time, no more. */
static size_t deciding_keys(const char *name[2 * KEYSET_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < keyset_device.n; i++)
		if (!(keyset_device.key[i].flags & (KEY_FORCE | KEY_ALONE)))
			name[n++] = keyset_device.key[i].name;
	for (size_t i = 0; i < keyset_point.n; i++)
		if (keyset_point.key[i].flags & KEY_INHERIT)
			name[n++] = keyset_point.key[i].name;
	return n;
}

/* What devices.yaml defines of the points of this device: two nodes a key, for a range and one of
 * it. How many. */
static size_t deciding_nodes(struct load *l, const struct layers *layers, const struct node ***node)
{
	const char *name[2 * KEYSET_MAX];
	const size_t n = deciding_keys(name);
	assert(layers->own <= 2);
	*node = arena_array(l->scratch, 2 * n, sizeof **node);
	for (size_t k = 0; k < n; k++) {
		/* an entry that defines nothing of points is as if it were not there */
		size_t at = 2 * k;
		for (unsigned i = 0; i < layers->own; i++) {
			(*node)[at] = node_get(layers->device[i], name[k]);
			at += (*node)[at] != NULL;
		}
	}
	return 2 * n;
}

static struct cached **content_of(struct load *l, const struct cached *c, size_t n)
{
	uint32_t hash = 0;
	for (size_t k = 0; k < n; k++)
		hash = 31 * hash + (c->node[k] ? c->node[k]->hash : 0);
	if (!l->cache)
		l->cache = arena_alloc(l->scratch, sizeof *l->cache);
	return &l->cache->by_content[hash % BUCKETS];
}

static struct cached **set_of(const struct load *l, const struct pointset *s)
{
	return &l->cache->by_set[(uintptr_t)s / sizeof *s % BUCKETS];
}

const struct pointset *pointset_get(struct load *l, const struct layers *layers)
{
	struct cached *c = arena_alloc(l->scratch, sizeof *c);
	c->profile = layers->profile;
	const size_t n = deciding_nodes(l, layers, &c->node);
	struct cached **first = content_of(l, c, n);
	for (const struct cached *old = *first; old; old = old->next) {
		/* where a SunSpec device has its models is its own affair */
		bool same = old->profile == c->profile && !old->set->sunspec;
		for (size_t k = 0; same && k < n; k++)
			same = node_same(old->node[k], c->node[k]);
		if (same && (!old->faulty || memcmp(old->node, c->node, n * sizeof *c->node) == 0))
			return old->set;
	}
	const size_t errors = l->d->errors;
	c->set = pointset_make(l, layers, &c->from);
	c->faulty = l->d->errors > errors;
	c->next = *first;
	*first = c;
	c->next_set = *set_of(l, c->set);
	*set_of(l, c->set) = c;
	return c->set;
}

static const struct cached *cached_find(const struct load *l, const struct pointset *s)
{
	const struct cached *c = l->cache ? *set_of(l, s) : NULL;
	while (c && c->set != s)
		c = c->next_set;
	return c;
}

bool pointset_broken(const struct load *l, const struct pointset *s, uint32_t point)
{
	const struct cached *c = cached_find(l, s);
	return c && c->from.broken[point];
}

bool pointset_omits(const struct load *l, const struct pointset *s, const struct node *name)
{
	const struct cached *c = cached_find(l, s);
	return c && name->kind == NODE_SCALAR &&
	       name_table_find(&c->from.all.by_name, name->text, strlen(name->text)) >= 0 &&
	       model_find_point(s, name->text, strlen(name->text)) < 0;
}
