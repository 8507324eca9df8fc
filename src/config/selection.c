// SPDX-License-Identifier: MIT
/* Which of its points a device has: only, omit, and what the others need. */
#include <fnmatch.h>
#include <string.h>

#include "config/pointset.h"
#include "config/scalar.h"

/* The device's own, of which the most specific map has it. */
static const struct node *names_own(const struct making *m, const char *key)
{
	const struct node *v = NULL;
	for (unsigned i = 0; i < m->layers->own && !v; i++)
		v = node_get(m->layers->device[i], key);
	return v;
}

/* Only that name itself is meant. */
static bool pattern_plain(const char *pattern)
{
	return !strpbrk(pattern, "*?[\\") && strcmp(pattern, "essential") != 0;
}

static bool pattern_absent(const struct making *m, const char *pattern)
{
	if (pattern_plain(pattern))
		return making_absent(m, pattern, strlen(pattern));
	for (size_t i = 0; i < m->nabsent; i++)
		if (fnmatch(pattern, m->absent[i], 0) == 0)
			return true;
	return false;
}

/* What a controller reports while it works; not its settings (written, and polled slowly or once)
 * and its name plate (read once). Actions have no topic to be in the way. */
static bool is_essential(const struct draft *d)
{
	if (d->writable && d->w.only)
		return true;
	return d->p.rate != RATE_ONCE && !(d->writable && d->p.rate == RATE_SLOW);
}

static bool names_point(const struct draft *d, const char *key, const char *pattern)
{
	if (strcmp(pattern, "essential") == 0 && strcmp(key, "only") == 0)
		return is_essential(d);
	return fnmatch(pattern, d->p.name, 0) == 0;
}

/* False: it names none. */
static bool pattern_mark(const struct making *m, const char *key, const char *pattern, bool *marks)
{
	bool found = false;
	if (pattern_plain(pattern)) {
		const int32_t i = name_table_find(&m->by_name, pattern, strlen(pattern));
		if (i >= 0)
			marks[i] = true;
		return i >= 0;
	}
	for (size_t i = 0; i < m->n; i++)
		if (names_point(&m->draft[i], key, pattern))
			marks[i] = found = true;
	return found;
}

/* `only` or `omit`: marks[i] for each point it names. Wildcards as in a shell. */
static bool names_mark(struct making *m, const char *key, const struct node *v, bool *marks)
{
	if (!v)
		return false;
	const struct node *const *item = v->kind == NODE_LIST ? v->item : &v;
	for (uint32_t k = 0; k < (v->kind == NODE_LIST ? v->n : 1); k++) {
		char hint[96];
		const char *pattern = scalar_text(m->l->d, key, item[k]);
		if (!pattern || pattern_mark(m, key, pattern, marks))
			continue;
		if (!pattern_absent(m, pattern))
			diag_error(m->l->d, item[k]->where, "%s: there is no point \"%s\"%s", key,
			           pattern, making_hint(m, pattern, hint, sizeof hint));
		else if (strcmp(key, "only") == 0)
			diag_error(m->l->d, item[k]->where,
			           "only: point \"%s\" does not exist with these parameters",
			           pattern);
	}
	return true;
}

void drafts_select(struct making *m)
{
	bool *only = arena_array(m->l->scratch, m->n, sizeof *only);
	bool *omit = arena_array(m->l->scratch, m->n, sizeof *omit);
	const bool all = !names_mark(m, "only", names_own(m, "only"), only);
	names_mark(m, "omit", names_own(m, "omit"), omit);
	for (const struct profile *p = m->layers->profile; p; p = p->base)
		names_mark(m, "omit", p->omit, omit);
	m->wanted = arena_array(m->l->scratch, m->n, sizeof *m->wanted);
	m->kept = arena_array(m->l->scratch, m->n, sizeof *m->kept);
	for (size_t i = 0; i < m->n; i++)
		m->wanted[i] = m->kept[i] = (all || only[i]) && !omit[i];
}

/* -- what wanted points need -- */

/* Does the device itself need it: identify, unlock, setup? */
static bool is_named(const struct making *m, const char *name)
{
	const struct layers *of = m->layers;
	for (const struct profile *p = of->profile; p; p = p->base)
		if (node_is_text(node_get(p->identify, "point"), name))
			return true;
	for (unsigned i = 0; i < of->ndevice; i++) {
		const struct node *setup = node_get(of->device[i], "setup");
		if (node_is_text(node_get(node_get(of->device[i], "unlock"), "point"), name) ||
		    node_get(setup, name))
			return true;
		for (uint32_t k = 0; setup && setup->kind == NODE_LIST && k < setup->n; k++)
			if (node_get(setup->item[k], name))
				return true;
	}
	return false;
}

/* Which of the device's own maps has this key; SIZE_MAX: none has. */
static size_t own_with(const struct layers *layers, const char *key, const struct node *value)
{
	for (unsigned i = 0; i < layers->own; i++) {
		const struct node *v = node_get(layers->device[i], key);
		if (v && (!value || v == value))
			return i;
	}
	return SIZE_MAX;
}

/* A point is changed or added in vain where the same map, or one that holds for more devices,
 * leaves it out. */
static void drafts_check_left_out(const struct making *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct recipe *r = m->draft[i].recipe;
		const size_t own = own_with(m->layers, "points", m->layers->points[r->layer[0]]);
		if (m->kept[i] || own == SIZE_MAX || strstr(r->key[0]->text, "{n}") ||
		    (own_with(m->layers, "only", NULL) < own) ||
		    (own_with(m->layers, "omit", NULL) < own))
			continue;
		diag_error(m->l->d, r->key[0]->where, "point \"%s\" is excluded by only or omit",
		           r->name);
	}
}

/* Those of one group, one after the other. */
struct group_chain {
	struct name_table by_name; /* to the first */
	int32_t *next;             /* -1: no more */
	int32_t *first;            /* by the first: itself; -1: all of them are kept */
};

static const char *draft_group(const struct draft *d)
{
	return d->writable ? d->w.group : NULL;
}

static struct group_chain groups_chain(const struct making *m)
{
	struct group_chain c = {.next = arena_array(m->l->scratch, m->n, sizeof *c.next)};
	int32_t *last = arena_array(m->l->scratch, m->n, sizeof *last); /* by the first */
	c.first = arena_array(m->l->scratch, m->n, sizeof *c.first);
	for (size_t i = 0; i < m->n; i++) {
		const char *name = draft_group(&m->draft[i]);
		c.next[i] = -1;
		c.first[i] = (int32_t)i;
		if (!name)
			continue;
		const int32_t first = name_table_find(&c.by_name, name, strlen(name));
		if (first >= 0)
			c.next[last[first]] = (int32_t)i;
		else
			name_table_add(m->l->scratch, &c.by_name, name, (int32_t)i);
		last[first >= 0 ? first : (int32_t)i] = (int32_t)i;
	}
	return c;
}

struct keeping {
	struct making *m;
	struct group_chain groups;
	uint32_t *todo; /* kept; what they need is still to be looked at */
	size_t n;
};

static void keep(struct keeping *k, int32_t i, bool polled)
{
	if (k->m->kept[i])
		return;
	k->m->kept[i] = true;
	k->todo[k->n++] = (uint32_t)i;
	if (!polled)
		k->m->draft[i].p.poll = POLL_ON_DEMAND;
}

/* What they are computed from goes first: it is polled, also when a group needs it as well. */
static void keep_needed(struct keeping *k, size_t *from)
{
	for (; *from < k->n; (*from)++)
		for (const int32_t *need = k->m->needs[k->todo[*from]]; *need >= 0; need++)
			keep(k, *need, true);
}

static void keep_groups(struct keeping *k, size_t *from)
{
	const size_t end = k->n;
	for (; *from < end; (*from)++) {
		const char *name = draft_group(&k->m->draft[k->todo[*from]]);
		if (!name)
			continue;
		const int32_t first = name_table_find(&k->groups.by_name, name, strlen(name));
		int32_t *next = &k->groups.first[first]; /* once a group */
		for (; *next >= 0; *next = k->groups.next[*next])
			keep(k, *next, false);
	}
}

/* What wanted points need is kept, hidden; what only a group write needs is not even polled. */
void drafts_keep(struct making *m)
{
	struct keeping k = {.m = m,
	                    .groups = groups_chain(m),
	                    .todo = arena_array(m->l->scratch, m->n, sizeof *k.todo)};
	for (size_t i = 0; i < m->n; i++)
		if (m->kept[i])
			k.todo[k.n++] = (uint32_t)i;
	for (size_t needed = 0, grouped = 0; grouped < k.n;) {
		keep_needed(&k, &needed);
		keep_groups(&k, &grouped);
	}
	for (size_t i = 0; i < m->n; i++) {
		if (!m->kept[i] && is_named(m, m->draft[i].p.name))
			m->kept[i] = true;
		if (m->kept[i] && !m->wanted[i]) {
			m->draft[i].p.hidden = true;
			m->draft[i].p.filter.mode = PUBLISH_NEVER;
			m->draft[i].p.alert = ALERT_NONE;
		}
	}
	drafts_check_left_out(m);
}
