// SPDX-License-Identifier: MIT
#include "core/value/filter.h"

#include <math.h>

#define NEARLY 0.999999 /* a deadband is a float, a value decimal: 0.2 apart counts as 0.2 */
#define COUNTER_LEAST (60 * US_S) /* a slow counter's single steps are no jumps */
#define EARLY 4                   /* this part of a period */
#define HOUR_US 3600e6

static bool outside_deadband(const struct filter *f, const struct filter_rule *r, double v)
{
	if (isnan(v) || isnan(f->last) || r->deadband <= 0)
		return true;
	double band = (double)r->deadband;
	if (r->percent)
		band *= fabs(f->last) / 100;
	return fabs(v - f->last) >= band * NEARLY;
}

/* Reads come a little before their time, too. */
static bool grid_reached(const struct filter *f, const struct filter_rule *r, us_t now)
{
	return !f->published || now >= f->due - r->period / EARLY || f->due - now > 2 * r->period;
}

bool filter_pass(struct filter *f, const struct filter_rule *r, const struct value *v, bool changed,
                 us_t now)
{
	if (r->mode == PUBLISH_NEVER)
		return false;
	if (!f->published)
		return true;
	if (r->period && !grid_reached(f, r, now))
		return false;
	if (r->min_interval && now - f->published < r->min_interval)
		return false;
	if (r->mode == PUBLISH_ALWAYS)
		return true;
	if (changed && outside_deadband(f, r, value_number(v)))
		return true;
	return r->heartbeat && now - f->published >= r->heartbeat;
}

void filter_published(struct filter *f, const struct filter_rule *r, const struct value *v,
                      us_t now)
{
	const bool another = f->due - now > 2 * r->period; /* after a reload */
	if (!f->published || now >= f->due + r->period || another)
		f->due = now + r->period;
	else if (r->period && grid_reached(f, r, now))
		f->due += r->period;
	f->published = now ? now : 1; /* 0 means never */
	f->last = value_number(v);
}

/* What it may have risen by since then. */
static double counter_room(const struct counter_rule *r, us_t since, us_t now)
{
	const us_t passed = now - since;
	return r->max_rise / HOUR_US * (double)(passed > COUNTER_LEAST ? passed : COUNTER_LEAST);
}

static bool counter_goes_on(const struct counter *c, const struct counter_rule *r, double v,
                            us_t now)
{
	return c->known && v >= c->last &&
	       (r->max_rise <= 0 || v - c->last <= counter_room(r, c->at, now));
}

/* Does v go on from what was held back? After a fall it counts up from there. */
static bool counter_confirms(const struct counter *c, const struct counter_rule *r, double v,
                             us_t now)
{
	const double rise = v - c->held;
	const bool near = fabs(rise) <= fabs(c->held) / 100;
	if (c->known && (near || c->held >= c->last || v >= c->last))
		return near;
	if (rise < 0)
		return false;
	if (r->max_rise > 0)
		return rise <= counter_room(r, c->held_at, now);
	return c->known || near || c->rose;
}

bool counter_pass(struct counter *c, const struct counter_rule *r, double v, us_t now, us_t fresh)
{
	if (!isfinite(v))
		return false;
	const bool second = c->holding && fresh > c->held_at;
	if (!counter_goes_on(c, r, v, now) && !(second && counter_confirms(c, r, v, now))) {
		if (c->holding && !second)
			return false;
		c->rose = second && v > c->held;
		c->held = v;
		c->held_at = now;
		c->holding = true;
		return false;
	}
	*c = (struct counter){.last = v, .at = now, .known = true};
	return true;
}
