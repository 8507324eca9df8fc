// SPDX-License-Identifier: MIT
#include "daemon/devices/derive.h"

#include "core/value/expr.h"
#include "daemon/devices/readings.h"

#include <math.h>

#define NESTED_MAX 8  /* expressions in expressions */
#define ROUNDS_MAX 4  /* an overloaded line stretches a period at most so far, for waiting */
#define TOGETHER_OF 4 /* inputs read within this part of their period belong together */

/* Was it read before its device was away, or was another one? awaited: and it will be read anew, if
 * the device does not refuse it. */
static bool outdated(const struct plant *p, uint32_t point, bool awaited, unsigned depth)
{
	const struct point *pt = plant_point(p, point);
	const struct reading *r = &p->reading[point];
	size_t next = 0;
	if (pt->source == SOURCE_REGISTER)
		return r->at <= p->device[r->device].own_from && !(awaited && r->refused) &&
		       (pt->poll == POLL_ALWAYS || p->how[point] & WANT_ON_DEMAND);
	for (int i; pt->source == SOURCE_EXPR && depth < NESTED_MAX &&
	            (i = expr_next(pt->expr, &next)) >= 0;)
		if (outdated(p, plant_device(p, point)->point0 + (uint32_t)i, awaited, depth + 1))
			return true;
	return false;
}

bool derive_outdated(const struct plant *p, uint32_t point)
{
	const struct reading *r = &p->reading[point];
	if (plant_point(p, point)->source == SOURCE_DEVICE_ID)
		return r->at <= p->device[r->device].own_from;
	return outdated(p, point, false, 0);
}

struct value derive_current(const struct plant *p, uint32_t point)
{
	const struct reading *r = &p->reading[point];
	return r->quality == QUALITY_GOOD && !outdated(p, point, false, 0) ? r->value
	                                                                   : value_none();
}

/* A repetition whose number is in another register: above that there is nothing. */
static bool counted(const struct point *pt, const struct value *count)
{
	const double n = value_number(count);
	return !isnan(n) && n >= pt->repeat_n;
}

/* A sibling that a scale or a count is taken from. */
struct needed {
	struct value v;
	const struct value *is; /* v; NULL: the point has none */
};

/* False: it was not read yet. */
static bool needed(const struct plant *p, uint32_t point, int32_t index, struct needed *out)
{
	out->is = NULL;
	if (index < 0)
		return true;
	const uint32_t from = plant_device(p, point)->point0 + (uint32_t)index;
	const struct reading *r = &p->reading[from];
	out->v = derive_current(p, from);
	out->is = &out->v;
	/* good, but not current */
	const bool old = r->quality == QUALITY_GOOD && out->v.kind == VALUE_NONE;
	return r->quality != QUALITY_NEVER && !(old && outdated(p, from, true, 0));
}

/* A value whose scale is in another register: without that, there is no value. */
static void settle_scaled(struct gateway *g, uint32_t point)
{
	struct plant *p = g->plant;
	struct reading *r = &p->reading[point];
	const struct point *pt = plant_point(p, point);
	struct needed exponent, factor, count;
	char text[VALUE_TEXT_MAX];
	struct value v;
	if (!needed(p, point, pt->exponent_from, &exponent) ||
	    !needed(p, point, pt->factor_from, &factor) ||
	    !needed(p, point, pt->count_from, &count))
		return; /* it comes with one of the next reads */
	point_scaled(pt, reading_raw(r, plant_raw_words(pt)), exponent.is, factor.is, text, &v);
	if (count.is && !counted(pt, count.is))
		v = value_none();
	r->undecoded = false;
	reading_settle(g, point, v, r->at);
}

/* -- expressions ------------------------------------------------------------------- */

/* How often the point is read again; PERIOD_ONCE: nothing to wait for. Of an expression: as its
 * fastest input. */
static us_t pace(const struct plant *p, uint32_t point, unsigned depth)
{
	const struct point *pt = plant_point(p, point);
	const struct device *d = plant_device(p, point);
	if (pt->source == SOURCE_REGISTER)
		return p->reading[point].refused || (pt->poll != POLL_ALWAYS &&
		                                     !(p->how[point] & WANT_ON_DEMAND))
		               ? PERIOD_ONCE
		               : pt->period;
	us_t fastest = PERIOD_ONCE;
	size_t at = 0;
	for (int i; depth < NESTED_MAX && (i = expr_next(pt->expr, &at)) >= 0;) {
		const us_t one = pace(p, d->point0 + (uint32_t)i, depth + 1);
		fastest = one < fastest ? one : fastest;
	}
	return fastest;
}

/* What is known of an expression's inputs. */
struct round {
	bool incomplete; /* one has not been read yet */
	bool missing;    /* one has no value */
	us_t newest;     /* read of all */
	us_t period;     /* of the fastest that was read since the expression was computed */
	bool lagging;    /* another one of that pace was not */
	us_t oldest;     /* read of those with that pace */
};

static struct round look(const struct plant *p, uint32_t point)
{
	const struct device *d = plant_device(p, point);
	const struct expr *e = plant_point(p, point)->expr;
	const us_t at = p->reading[point].at;
	struct round o = {.period = PERIOD_ONCE, .oldest = US_NEVER};
	size_t next = 0;
	for (int i; (i = expr_next(e, &next)) >= 0;) {
		const uint32_t one_of = d->point0 + (uint32_t)i;
		const struct reading *in = &p->reading[one_of];
		const bool good = in->quality == QUALITY_GOOD;
		const bool old = good && outdated(p, one_of, false, 0);
		o.incomplete |= !in->refused && (in->quality == QUALITY_NEVER || in->undecoded);
		o.incomplete |= old && outdated(p, one_of, true, 0);
		o.missing |= !good || old;
		o.newest = in->at > o.newest ? in->at : o.newest;
		const us_t one = in->at > at ? pace(p, one_of, 0) : PERIOD_ONCE;
		o.period = one < o.period ? one : o.period;
	}
	next = 0;
	for (int i; o.period != PERIOD_ONCE && (i = expr_next(e, &next)) >= 0;) {
		const struct reading *in = &p->reading[d->point0 + (uint32_t)i];
		if (pace(p, d->point0 + (uint32_t)i, 0) != o.period)
			continue;
		o.lagging |= in->at <= at;
		o.oldest = in->at < o.oldest ? in->at : o.oldest;
	}
	return o;
}

/* Must the expression wait for inputs that are read a little later in the same round? Not for ever:
 * one round more than the one before took to come. */
static bool waits(struct reading *r, const struct round *o)
{
	if (r->at == 0 || !o->lagging || o->newest - o->oldest <= o->period / TOGETHER_OF)
		return false;
	if (r->begun <= r->at)
		r->begun = o->newest;
	const us_t most = ROUNDS_MAX * o->period + US_S; /* an outage is no round */
	us_t limit = r->begun - r->at;
	limit = limit > most ? most : limit;
	limit = limit < o->period ? o->period : limit;
	return o->newest - r->begun < limit || o->newest == r->begun;
}

struct inputs {
	const struct plant *plant;
	uint32_t point0;
};

static struct value input(void *ctx, int index)
{
	const struct inputs *in = ctx;
	return derive_current(in->plant, in->point0 + (uint32_t)index);
}

static void settle_expr(struct gateway *g, uint32_t point)
{
	struct plant *p = g->plant;
	struct reading *r = &p->reading[point];
	const struct round o = look(p, point);
	const bool lost = o.missing && (r->quality == QUALITY_GOOD || r->quality == QUALITY_NEVER);
	if (o.incomplete || (o.newest <= r->at && !lost) || (!lost && waits(r, &o)))
		return;
	struct inputs in = {p, plant_device(p, point)->point0};
	const us_t at = o.newest > r->at ? o.newest : r->at;
	r->known = true;
	reading_settle(g, point, expr_eval(plant_point(p, point)->expr, input, &in), at);
	r->at = at; /* also of what is held back: it is computed again when an input was read */
}

void derive_device(struct gateway *g, uint32_t device)
{
	struct plant *p = g->plant;
	const struct device *d = &p->model->device[device];
	for (uint32_t i = 0; i < d->set->n; i++)
		if (p->reading[d->point0 + i].undecoded)
			settle_scaled(g, d->point0 + i);
	for (uint32_t i = 0; i < d->set->nexpr; i++)
		settle_expr(g, d->point0 + d->set->expr[i]);
}
