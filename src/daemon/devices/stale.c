// SPDX-License-Identifier: MIT
#include "daemon/devices/stale.h"

#include "core/command/command.h"
#include "daemon/devices/confirm.h"
#include "daemon/devices/readings.h"

#define SWEEP_MIN US_S        /* not more often than this, whatever falls due */
#define SWEEP_MAX (30 * US_S) /* for those that came to life since */
#define NEVER_READ_LIMIT (60 * US_S)

/* Is it read again and again, so that its silence means something? Or was it never read, and what
 * is on its topic is of another life? */
static bool expected(const struct plant *p, uint32_t point)
{
	const struct point *pt = plant_point(p, point);
	const struct reading *r = &p->reading[point];
	const bool once = pt->source == SOURCE_EXPR || pt->period == PERIOD_ONCE;
	if (pt->absent || (pt->source == SOURCE_REGISTER && plant_raw_words(pt) == 0))
		return false;
	if (once)
		return r->quality == QUALITY_NEVER;
	return pt->stale != 0 && (pt->poll == POLL_ALWAYS || r->asked);
}

/* When it was read last, also where a command keeps that from being published. Words without their
 * scale are no value, nor is a count held back. */
static us_t last_read(const struct gateway *g, uint32_t point)
{
	const struct reading *r = &g->plant->reading[point];
	const us_t held = command_held_at(g->table, point);
	if (r->undecoded || r->quality == QUALITY_NEVER)
		return 0;
	return held > r->at ? held : r->at;
}

static us_t limit_of(const struct point *pt)
{
	const bool once = pt->source == SOURCE_EXPR || pt->period == PERIOD_ONCE;
	return once ? NEVER_READ_LIMIT : pt->stale;
}

void stale_sweep(struct gateway *g)
{
	struct plant *p = g->plant;
	us_t next = g->now + SWEEP_MAX;
	for (uint32_t i = 0; i < p->model->npoint; i++) {
		const struct reading *r = &p->reading[i];
		const struct device_state *s = &p->device[r->device];
		confirm_ask(g, i);
		if (s->phase != PHASE_ONLINE || r->quality == QUALITY_STALE || !expected(p, i))
			continue;
		const us_t read = last_read(g, i);
		const us_t from = read > s->since ? read : s->since;
		const us_t limit = limit_of(plant_point(p, i));
		const us_t due = limit > US_NEVER - from ? US_NEVER : from + limit;
		if (due <= g->now)
			reading_none(g, i, QUALITY_STALE);
		else if (due < next)
			next = due;
	}
	gateway_wake(g, TIMER_STALE, next > g->now + SWEEP_MIN ? next : g->now + SWEEP_MIN);
}
