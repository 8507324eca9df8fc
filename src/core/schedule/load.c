// SPDX-License-Identifier: MIT
/*
 * Wants that could share a read have one phase on the grid (adopt.c), so what is due together
 * follows from the periods alone: at each moment the classes of wants whose period divides it. The
 * line's time is the sum over units and moments of what the planner's reads of just these take. Few
 * sets of classes occur, and units that are configured alike cost the same: each is planned once.
 */
#include "core/schedule/load.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/schedule/private.h"

#define HORIZON (600 * US_S) /* longer periods are added by their share */
#define MOMENTS_MAX 20000

typedef uint32_t classes_t; /* bit k: class k */

static_assert(LOAD_CLASSES == 8 * sizeof(classes_t), "a bit for each class");

/* What the reads take when these classes of a unit are due. */
struct cost {
	classes_t due;
	us_t time;
};

/* One unit, and how many more there are like it. */
struct unit_load {
	const struct unit_rule *rule;
	size_t first, n; /* its wants */
	size_t alike;
	classes_t has;
	struct cost *cost;
	size_t ncost;
};

struct line_load {
	struct wire wire;
	us_t turnaround;
	bool alone; /* one unit: its pauses are the line's */
	struct unit_rule standard;
	struct want *want; /* by unit, table, address */
	uint8_t *class_;   /* of each */
	size_t n;
	struct unit_load *unit;
	size_t nunit;
	us_t period[LOAD_CLASSES];
	size_t members[LOAD_CLASSES];
	size_t classes;
	/* scratch */
	const struct want **list;
	struct span *block;
	struct cut *cut;
};

/* -- who is alike, and who is due together ----------------------------------------------------- */

static bool rules_alike(const struct unit_rule *a, const struct unit_rule *b)
{
	return a->pause == b->pause && a->max_read == b->max_read && a->max_hole == b->max_hole &&
	       a->nwindow == b->nwindow &&
	       (a->nwindow == 0 ||
	        memcmp(a->window, b->window, a->nwindow * sizeof *a->window) == 0);
}

static bool units_alike(const struct line_load *l, const struct unit_load *a,
                        const struct unit_load *b)
{
	if (a->n != b->n || a->has != b->has || !rules_alike(a->rule, b->rule))
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct want *x = &l->want[a->first + i], *y = &l->want[b->first + i];
		if (x->table != y->table || x->addr != y->addr || x->len != y->len ||
		    x->period != y->period || x->barrier != y->barrier)
			return false;
	}
	return true;
}

static void unit_add(struct line_load *l, const struct unit_load *u)
{
	for (size_t i = 0; i < l->nunit; i++)
		if (units_alike(l, &l->unit[i], u)) {
			l->unit[i].alike++;
			return;
		}
	l->unit = mem_grow(l->unit, l->nunit + 1, sizeof *l->unit);
	l->unit[l->nunit++] = *u;
}

static void units_find(struct line_load *l, const struct unit_rule *r, size_t nr)
{
	size_t units = 0;
	for (size_t i = 0; i < l->n;) {
		struct unit_load u = {.rule = &l->standard, .first = i, .alike = 1};
		for (size_t k = 0; k < nr; k++)
			if (r[k].unit == l->want[i].unit)
				u.rule = &r[k];
		for (; i < l->n && l->want[i].unit == l->want[u.first].unit; i++) {
			u.has |= (classes_t)1 << l->class_[i];
			u.n++;
		}
		unit_add(l, &u);
		units++;
	}
	l->alone = units == 1;
}

static bool counts(us_t period)
{
	return period != PERIOD_FASTEST && period != PERIOD_ONCE;
}

/* Those beyond the last class are as often as the last. */
static void classes_find(struct line_load *l)
{
	for (us_t last = 0; l->classes < LOAD_CLASSES; l->classes++) {
		us_t next = US_NEVER;
		for (size_t i = 0; i < l->n; i++)
			if (l->want[i].period > last)
				next = us_min(next, l->want[i].period);
		if (next == US_NEVER)
			break;
		l->period[l->classes] = last = next;
	}
	for (size_t i = 0; i < l->n; i++) {
		size_t k = 0;
		while (k + 1 < l->classes && l->period[k] < l->want[i].period)
			k++;
		l->class_[i] = (uint8_t)k;
		l->members[k]++;
	}
}

struct line_load *line_load_create(const struct wire *w, const struct want *wants, size_t n,
                                   const struct unit_rule *r, size_t nr, us_t turnaround)
{
	struct line_load *l = mem_alloc(1, sizeof *l);
	l->wire = *w;
	l->turnaround = turnaround;
	l->standard = (struct unit_rule){.max_read = READ_REGISTERS_MAX, .max_hole = UINT16_MAX};
	l->want = mem_alloc(n, sizeof *l->want);
	l->class_ = mem_alloc(n, sizeof *l->class_);
	for (size_t i = 0; i < n; i++)
		if (counts(wants[i].period))
			l->want[l->n++] = wants[i];
	if (l->n)
		qsort(l->want, l->n, sizeof *l->want, want_order);
	classes_find(l);
	units_find(l, r, nr);
	l->list = mem_alloc(l->n, sizeof *l->list);
	l->block = mem_alloc(l->n, sizeof *l->block);
	l->cut = mem_alloc(l->n, sizeof *l->cut);
	return l;
}

void line_load_destroy(struct line_load *l)
{
	for (size_t i = 0; i < l->nunit; i++)
		free(l->unit[i].cost);
	free(l->unit);
	free(l->want);
	free(l->class_);
	free(l->list);
	free(l->block);
	free(l->cut);
	free(l);
}

size_t line_load_classes(const struct line_load *l)
{
	return l->classes;
}

us_t line_load_period(const struct line_load *l, size_t class_)
{
	assert(class_ < l->classes);
	return l->period[class_];
}

size_t line_load_members(const struct line_load *l, size_t class_)
{
	assert(class_ < l->classes);
	return l->members[class_];
}

/* -- what their reads take --------------------------------------------------------------------- */

/* As block.c has them: no read goes over what is always alone. */
static uint16_t barriers(struct line_load *l, const struct unit_load *u, uint8_t table)
{
	uint16_t n = 0;
	for (size_t i = u->first; i < u->first + u->n && n < UINT16_MAX; i++)
		if (l->want[i].table == table && l->want[i].barrier)
			l->cut[n++] = (struct cut){table, l->want[i].addr, l->want[i].len};
	return n;
}

static us_t table_time(struct line_load *l, const struct unit_load *u, size_t n)
{
	const uint8_t table = l->list[0]->table;
	const struct plan_limits limits = {
		.max_read = u->rule->max_read,
		.max_hole = u->rule->max_hole,
		.turnaround = l->turnaround + (l->alone ? u->rule->pause : 0),
		.window = u->rule->window,
		.nwindow = u->rule->nwindow,
		.ncut = barriers(l, u, table),
		.cut = l->cut,
	};
	const size_t blocks = plan_cover(&l->wire, &limits, l->list, n, l->block);
	us_t time = 0;
	for (size_t i = 0; i < blocks; i++)
		time += wire_read(&l->wire, table, l->block[i].count, l->turnaround);
	return time;
}

static us_t due_time(struct line_load *l, const struct unit_load *u, classes_t due)
{
	us_t time = 0;
	for (size_t i = u->first; i < u->first + u->n;) {
		const uint8_t table = l->want[i].table;
		size_t n = 0;
		for (; i < u->first + u->n && l->want[i].table == table; i++)
			if (due >> l->class_[i] & 1)
				l->list[n++] = &l->want[i];
		if (n)
			time += table_time(l, u, n);
	}
	return time;
}

static us_t unit_time(struct line_load *l, struct unit_load *u, classes_t due)
{
	due &= u->has;
	for (size_t i = 0; i < u->ncost; i++)
		if (u->cost[i].due == due)
			return u->cost[i].time;
	u->cost = mem_grow(u->cost, u->ncost + 1, sizeof *u->cost);
	u->cost[u->ncost] = (struct cost){due, due_time(l, u, due)};
	return u->cost[u->ncost++].time;
}

static us_t line_time(struct line_load *l, classes_t due)
{
	us_t time = 0;
	for (size_t i = 0; i < l->nunit; i++)
		time += (us_t)l->unit[i].alike * unit_time(l, &l->unit[i], due);
	return time;
}

/* -- how often --------------------------------------------------------------------------------- */

/* A set of classes that falls due together, and how often within the time looked at. */
struct moment {
	classes_t due;
	unsigned times;
};

struct moments {
	struct moment *moment;
	size_t n, room;
	size_t last; /* many in a row are alike */
};

static void moment_add(struct moments *m, classes_t due)
{
	if (m->n && m->moment[m->last].due == due) {
		m->moment[m->last].times++;
		return;
	}
	for (m->last = 0; m->last < m->n; m->last++)
		if (m->moment[m->last].due == due) {
			m->moment[m->last].times++;
			return;
		}
	if (m->n == m->room) {
		m->room = 2 * m->room + 16;
		m->moment = mem_grow(m->moment, m->room, sizeof *m->moment);
	}
	m->moment[m->n++] = (struct moment){due, 1};
}

static us_t gcd(us_t a, us_t b)
{
	while (b) {
		const us_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* After so long the pattern repeats, or what is beyond it is counted by its share. */
static us_t horizon(const us_t *period, size_t n)
{
	us_t lcm = 1;
	for (size_t k = 0; k < n; k++)
		if (period[k] <= HORIZON)
			lcm = us_min(HORIZON, lcm / gcd(lcm, period[k]) * period[k]);
	return lcm;
}

/* All moments behind 0 up to `end`, or so many as are enough; how far that was. */
static us_t moments_find(struct moments *m, const us_t *period, size_t n, us_t end)
{
	us_t next[LOAD_CLASSES], now = 0;
	memcpy(next, period, n * sizeof *next);
	for (unsigned i = 0; i < MOMENTS_MAX; i++) {
		us_t first = US_NEVER;
		for (size_t k = 0; k < n; k++)
			first = us_min(first, next[k]);
		if (first > end)
			return end;
		classes_t due = 0;
		for (size_t k = 0; k < n; k++)
			if (next[k] == first) {
				due |= (classes_t)1 << k;
				next[k] += period[k];
			}
		moment_add(m, due);
		now = first;
	}
	return now;
}

double line_load_percent(struct line_load *l, const us_t *factor)
{
	us_t period[LOAD_CLASSES] = {0};
	double share = 0;
	for (size_t k = 0; k < l->classes; k++)
		period[k] = l->period[k] * factor[k];
	struct moments m = {0};
	const us_t end = moments_find(&m, period, l->classes, horizon(period, l->classes));
	for (size_t k = 0; k < l->classes; k++)
		if (period[k] > end)
			share += (double)line_time(l, (classes_t)1 << k) / (double)period[k];
	for (size_t i = 0; i < m.n; i++)
		share += (double)m.moment[i].times * (double)line_time(l, m.moment[i].due) /
		         (double)end;
	free(m.moment);
	return 100 * share;
}

double schedule_load(const struct wire *w, const struct want *wants, size_t n,
                     const struct unit_rule *r, size_t nr, us_t turnaround)
{
	us_t factor[LOAD_CLASSES];
	for (size_t k = 0; k < LOAD_CLASSES; k++)
		factor[k] = 1;
	struct line_load *l = line_load_create(w, wants, n, r, nr, turnaround);
	const double percent = line_load_percent(l, factor);
	line_load_destroy(l);
	return percent;
}
