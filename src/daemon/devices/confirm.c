// SPDX-License-Identifier: MIT
#include "daemon/devices/confirm.h"

#include "core/value/expr.h"

#define ASK_AFTER US_S   /* the same moment's noise, or a register half updated, is over */
#define SOON (10 * US_S) /* a poll that comes within this is waited for */
#define NESTED_MAX 8     /* expressions in expressions */

/* The next of the points it is made of; -1: no more. *at is 0 at first. */
static int32_t next_of(const struct point *pt, size_t *at)
{
	const int32_t from[] = {pt->exponent_from, pt->factor_from};
	if (pt->source == SOURCE_EXPR)
		return expr_next(pt->expr, at);
	while (*at < sizeof from / sizeof *from) {
		const int32_t i = from[(*at)++];
		if (i >= 0)
			return i;
	}
	return -1;
}

static bool polled(const struct plant *p, uint32_t point)
{
	const struct point *pt = plant_point(p, point);
	return pt->period != PERIOD_ONCE && !p->reading[point].refused &&
	       (pt->poll == POLL_ALWAYS || p->how[point] & WANT_ON_DEMAND);
}

/* When the oldest was read of the others that the point is made of; what is read just once is not
 * waited for. */
static us_t others_fresh(const struct plant *p, uint32_t point, unsigned depth)
{
	const struct device *d = plant_device(p, point);
	const struct point *pt = plant_point(p, point);
	us_t oldest = US_NEVER;
	if (pt->source == SOURCE_REGISTER && pt->exponent_from < 0 && pt->factor_from < 0)
		return oldest;
	size_t next = 0;
	for (int32_t i; depth < NESTED_MAX && (i = next_of(pt, &next)) >= 0;) {
		const uint32_t other = d->point0 + (uint32_t)i;
		const us_t below = others_fresh(p, other, depth + 1);
		const bool own = d->set->point[i].source == SOURCE_REGISTER && polled(p, other);
		const us_t at = own ? p->reading[other].at : US_NEVER;
		oldest = at < oldest ? at : oldest;
		oldest = below < oldest ? below : oldest;
	}
	return oldest;
}

bool confirm_pass(struct gateway *g, uint32_t point, double x, us_t at)
{
	const us_t others = others_fresh(g->plant, point, 0);
	if (counter_pass(plant_counter(g->plant, point), plant_point(g->plant, point)->counter, x,
	                 at, at < others ? at : others))
		return true;
	gateway_wake(g, TIMER_STALE, g->now + ASK_AFTER);
	return false;
}

bool confirm_awaited(const struct plant *p, uint32_t point)
{
	const struct counter *c = plant_counter(p, point);
	return c && c->holding;
}

static void ask(struct gateway *g, uint32_t point, us_t due, unsigned depth)
{
	struct plant *p = g->plant;
	const struct device *d = plant_device(p, point);
	const struct point *pt = plant_point(p, point);
	size_t next = 0;
	for (int32_t i; depth < NESTED_MAX && (i = next_of(pt, &next)) >= 0;)
		ask(g, d->point0 + (uint32_t)i, due, depth + 1);
	if (pt->source != SOURCE_REGISTER || plant_raw_words(pt) == 0 || pt->absent ||
	    p->reading[point].refused || (polled(p, point) && pt->period <= SOON) ||
	    (depth && !polled(p, point)))
		return;
	plant_demand(p, point, due);
}

void confirm_ask(struct gateway *g, uint32_t point)
{
	const struct reading *r = &g->plant->reading[point];
	const bool wanted =
		plant_point(g->plant, point)->poll == POLL_ALWAYS || r->asked || r->publish_next;
	if (!wanted || !confirm_awaited(g->plant, point) ||
	    g->plant->device[r->device].phase != PHASE_ONLINE)
		return;
	const us_t held_at = plant_counter(g->plant, point)->held_at;
	if (g->now - held_at < ASK_AFTER)
		gateway_wake(g, TIMER_STALE, g->now + ASK_AFTER);
	else
		ask(g, point, held_at + ASK_AFTER, 0);
}
