// SPDX-License-Identifier: MIT
/* What a bus is to read, and by which rules: out of the points of its devices. */
#include <stdlib.h>

#include "core/model/model.h"

#define HOLE_EXPONENT 64      /* to an exponent: a scale that changes is read with its value */
#define WALK_AGAIN (5 * US_S) /* a head that was not answered */

struct want_list {
	struct want *want;
	size_t n, room;
};

static void want_add(struct want_list *l, const struct want *w)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->want = mem_grow(l->want, l->room, sizeof *l->want);
	}
	l->want[l->n++] = *w;
}

static bool point_polled(const struct device *d, uint32_t i, const uint8_t *how)
{
	const struct point *p = &d->set->point[i];
	if (p->source != SOURCE_REGISTER || p->absent || (p->write && p->write->only))
		return false;
	return p->poll != POLL_ON_DEMAND || (how && how[d->point0 + i] & WANT_ON_DEMAND);
}

/* Can the device give this many cells from there in one answer? */
static bool span_readable(const struct device *d, const struct span *s)
{
	unsigned limit = d->rule.max_read ? d->rule.max_read : READ_REGISTERS_MAX;
	if (table_is_bits(s->table))
		limit = limit * 16 < READ_BITS_MAX ? limit * 16 : READ_BITS_MAX;
	if (s->count > limit)
		return false;
	const unsigned last = s->addr + s->count - 1U;
	for (unsigned i = 0; i < d->rule.nwindow; i++) {
		const struct window *w = &d->rule.window[i];
		const bool first_in = s->addr >= w->first && s->addr <= w->last;
		const bool last_in = last >= w->first && last <= w->last;
		if (first_in != last_in)
			return false;
	}
	return true;
}

/* Is what is between two spans small enough to be read for nothing? */
static bool hole_small(const struct device *d, struct span a, struct span b, unsigned most)
{
	const unsigned end = a.addr < b.addr ? a.addr + a.count : b.addr + b.count;
	const unsigned next = a.addr < b.addr ? b.addr : a.addr;
	const unsigned limit = d->rule.max_hole < most ? d->rule.max_hole : most;
	return next <= end + limit;
}

struct span model_part(const struct device *d, const struct point *p, unsigned part)
{
	return (struct span){.unit = d->id,
	                     .table = p->table,
	                     .addr = p->addr[part],
	                     .count = (uint16_t)model_part_words(p)};
}

bool model_apart(const struct device *d, const struct point *p)
{
	const struct span whole = model_span(d, p);
	return p->parts == 2 && !p->part && /* a model is read as one */
	       (!span_readable(d, &whole) ||
	        !hole_small(d, model_part(d, p, 0), model_part(d, p, 1), UINT16_MAX));
}

static struct span span_hull(struct span a, struct span b)
{
	const unsigned end_a = a.addr + a.count, end_b = b.addr + b.count;
	const uint16_t first = a.addr < b.addr ? a.addr : b.addr;
	a.count = (uint16_t)((end_a > end_b ? end_a : end_b) - first);
	a.addr = first;
	return a;
}

/* What is read for a point: of a SunSpec model its head as well. */
static struct span read_span(const struct device *d, const struct point *p)
{
	struct span head = model_span(d, p);
	if (!p->part)
		return head;
	const struct span own = head;
	head.addr = d->set->sunspec->part[p->part - 1].is.at;
	head.count = SUNSPEC_HEAD;
	return span_hull(head, own);
}

static struct want point_want(const struct point *p, struct span s)
{
	return (struct want){.unit = s.unit,
	                     .table = s.table,
	                     .addr = s.addr,
	                     .len = s.count,
	                     .period = p->period,
	                     .prio = p->prio,
	                     .barrier = p->barrier};
}

/* A point alone; its two parts, or its exponent, in the same request where the device can do that.
 */
static void want_point(struct want_list *l, const struct device *d, const struct point *p,
                       bool apart)
{
	const struct span span = read_span(d, p);
	struct want w = point_want(p, span);
	if (apart || model_apart(d, p)) {
		for (unsigned part = 0; part < 2; part++) {
			w = point_want(p, model_part(d, p, part));
			want_add(l, &w);
		}
		return;
	}
	if (p->exponent_from >= 0) {
		const struct point *e = &d->set->point[p->exponent_from];
		const struct span both = span_hull(span, model_span(d, e));
		if (e->source == SOURCE_REGISTER && e->table == p->table &&
		    span_readable(d, &both) &&
		    (p->part || hole_small(d, span, model_span(d, e), HOLE_EXPONENT)))
			w = point_want(p, both);
	}
	want_add(l, &w);
}

/* The points of one `together`, as one want. */
struct group_want {
	struct want want;
	bool any, added;
};

/* By the set's first point of each; NULL: there are none. The caller frees it. */
static struct group_want *groups_gather(const struct device *d, const uint8_t *how)
{
	struct group_want *group = NULL;
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (!p->together || !point_polled(d, i, how))
			continue;
		if (!group)
			group = mem_alloc(d->set->n, sizeof *group);
		struct group_want *g = &group[p->together_first];
		const struct span own = read_span(d, p);
		const struct want w = point_want(p, own);
		if (!g->any) {
			*g = (struct group_want){.want = w, .any = true};
			continue;
		}
		const struct span hull =
			span_hull((struct span){.addr = g->want.addr, .count = g->want.len}, own);
		g->want.addr = hull.addr;
		g->want.len = hull.count;
		g->want.period = w.period < g->want.period ? w.period : g->want.period;
		g->want.prio = w.prio < g->want.prio ? w.prio : g->want.prio;
		g->want.barrier |= w.barrier;
	}
	return group;
}

/* The group of the point, with the first of its members; false: it cannot be read at once. */
static bool want_group(struct want_list *l, const struct device *d, const struct point *p,
                       struct group_want *group)
{
	struct group_want *g = p->together ? &group[p->together_first] : NULL;
	if (!g)
		return false;
	const struct span hull = {g->want.unit, g->want.table, g->want.addr, g->want.len};
	if (!span_readable(d, &hull))
		return false;
	if (!g->added)
		want_add(l, &g->want);
	g->added = true;
	return true;
}

static void want_points(struct want_list *l, const struct device *d, const uint8_t *how)
{
	struct group_want *group = groups_gather(d, how);
	for (uint32_t k = 0; k < d->set->n; k++)
		if (point_polled(d, k, how) && !want_group(l, d, &d->set->point[k], group))
			want_point(l, d, &d->set->point[k], how && how[d->point0 + k] & WANT_APART);
	free(group);
}

static int want_compare(const void *pa, const void *pb)
{
	const struct want *a = pa, *b = pb;
	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	if (a->len != b->len)
		return a->len > b->len ? -1 : 1;
	return (a->period > b->period) - (a->period < b->period);
}

/* b is within a and is read often enough with it. */
static bool want_covers(const struct want *a, const struct want *b)
{
	const bool same = a->addr == b->addr && a->len == b->len;
	return a->unit == b->unit && a->table == b->table && a->addr <= b->addr &&
	       a->addr + a->len >= b->addr + b->len && a->period <= b->period &&
	       (same || (!a->barrier && !b->barrier));
}

static void want_merge(struct want_list *l)
{
	size_t n = 0;
	unsigned longest = 1;
	for (size_t i = 0; i < l->n; i++)
		longest = l->want[i].len > longest ? l->want[i].len : longest;
	if (l->n)
		qsort(l->want, l->n, sizeof *l->want, want_compare);
	for (size_t i = 0; i < l->n; i++) {
		struct want *by = NULL;
		/* sorted: nothing further away than the longest one can reach it */
		for (size_t k = n; k-- > 0 && !by;) {
			struct want *w = &l->want[k];
			if (w->unit != l->want[i].unit || w->table != l->want[i].table ||
			    w->addr + longest <= l->want[i].addr)
				break;
			if (want_covers(w, &l->want[i]))
				by = w;
		}
		if (!by) {
			l->want[n++] = l->want[i];
			continue;
		}
		by->prio = l->want[i].prio < by->prio ? l->want[i].prio : by->prio;
		by->barrier |= l->want[i].barrier;
	}
	l->n = n;
}

static us_t later(us_t a, us_t b)
{
	return a > b ? a : b;
}

/* Two devices behind one id: the stricter of each. */
static void rule_add(struct unit_rule *rule, size_t *n, const struct device *d)
{
	struct unit_rule *r = rule;
	while (r < rule + *n && r->unit != d->id)
		r++;
	if (r == rule + *n) {
		*r = d->rule;
		r->unit = d->id;
		(*n)++;
		return;
	}
	r->timeout = later(r->timeout, d->rule.timeout);
	r->pause = later(r->pause, d->rule.pause);
	r->pause_after_write = later(r->pause_after_write, d->rule.pause_after_write);
	if (d->rule.max_read && d->rule.max_read < r->max_read)
		r->max_read = d->rule.max_read;
	if (d->rule.max_hole < r->max_hole)
		r->max_hole = d->rule.max_hole;
	r->has_mask_write &= d->rule.has_mask_write;
	r->functions = r->functions && d->rule.functions ? r->functions & d->rule.functions
	                                                 : r->functions | d->rule.functions;
	r->loose_echo |= d->rule.loose_echo;
	if (d->rule.retries < r->retries)
		r->retries = d->rule.retries;
	if (!r->read_function)
		r->read_function = d->rule.read_function;
	if (!r->nwindow) {
		r->window = d->rule.window;
		r->nwindow = d->rule.nwindow;
	}
}

/* The one read that is possible of a device whose chain is not known. */
static void want_walk(struct want_list *l, const struct device *d)
{
	const struct want w = {.unit = d->id,
	                       .table = TABLE_HOLDING,
	                       .addr = d->set->sunspec->walk.next,
	                       .len = SUNSPEC_HEAD,
	                       .period = WALK_AGAIN,
	                       .prio = CLASS_HIGH};
	want_add(l, &w);
}

size_t model_wants(const struct model *m, uint32_t bus, const uint8_t *how, struct want **wants,
                   struct unit_rule **rules, size_t *nrule)
{
	struct want_list list = {0};
	size_t n;
	const uint32_t *device = model_on_bus(m, bus, &n);
	*rules = mem_alloc(n, sizeof **rules);
	*nrule = 0;
	for (size_t i = 0; i < n; i++) {
		const struct device *d = &m->device[device[i]];
		if (!d->enabled)
			continue;
		rule_add(*rules, nrule, d);
		if (model_bound(d))
			want_points(&list, d, how);
		else
			want_walk(&list, d);
	}
	want_merge(&list);
	*wants = list.want ? list.want : mem_alloc(1, sizeof **wants);
	return list.n;
}
