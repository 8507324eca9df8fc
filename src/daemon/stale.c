#include "daemon/stale.h"

#include "daemon/readings.h"

#define SWEEP_MIN US_S        /* not more often than this, whatever falls due */
#define SWEEP_MAX (30 * US_S) /* for those that came to life since */

/* Is it read again and again, so that its silence means something? */
static bool expected(const struct plant *p, uint32_t point)
{
	const struct point *pt = plant_point(p, point);
	if (plant_raw_words(pt) == 0 || pt->absent || pt->stale == 0 || pt->period == PERIOD_ONCE)
		return false;
	return pt->poll == POLL_ALWAYS || p->reading[point].asked;
}

void stale_sweep(struct gateway *g)
{
	struct plant *p = g->plant;
	us_t next = g->now + SWEEP_MAX;
	for (uint32_t i = 0; i < p->model->npoint; i++) {
		const struct reading *r = &p->reading[i];
		const struct device_state *s = &p->device[r->device];
		if (s->phase != PHASE_ONLINE || r->quality == QUALITY_STALE || !expected(p, i))
			continue;
		const us_t read =
			r->undecoded ? 0 : r->at; /* words without their scale are no value */
		const us_t from = read > s->since ? read : s->since;
		const us_t due = from + plant_point(p, i)->stale;
		if (due <= g->now)
			reading_none(g, i, QUALITY_STALE);
		else if (due < next)
			next = due;
	}
	gateway_wake(g, TIMER_STALE, next > g->now + SWEEP_MIN ? next : g->now + SWEEP_MIN);
}
