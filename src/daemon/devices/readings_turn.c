// SPDX-License-Identifier: MIT
/* The turn's end: what follows from the readings of a whole device. */
#include "daemon/devices/readings.h"

#include "daemon/devices/derive.h"

#include <stdlib.h>

struct snapshot {
	const struct plant *plant;
	uint32_t point0;
	char text[VALUE_PRINT_MAX];
};

static const char *snapshot_text(void *ctx, uint32_t point)
{
	struct snapshot *s = ctx;
	const struct reading *r = &s->plant->reading[s->point0 + point];
	const bool demanded = plant_point(s->plant, s->point0 + point)->poll == POLL_ON_DEMAND;
	if (r->quality == QUALITY_NEVER || r->overwritten || (demanded && !r->asked) ||
	    derive_outdated(s->plant, s->point0 + point))
		return NULL;
	reading_text(s->plant, s->point0 + point, s->text, sizeof s->text);
	return s->text;
}

static bool round_over(const struct plant *p, const struct device *d, const struct device_state *s)
{
	if (s->repeated)
		return true;
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *pt = &d->set->point[i];
		if (plant_raw_words(pt) && !pt->absent && pt->poll == POLL_ALWAYS &&
		    pt->period == s->round && !p->reading[d->point0 + i].rounded)
			return false;
	}
	return true;
}

static void snapshot(struct gateway *g, uint32_t device)
{
	struct plant *p = g->plant;
	const struct device *d = &p->model->device[device];
	struct device_state *s = &p->device[device];
	if (s->phase != PHASE_ONLINE || !round_over(p, d, s))
		return;
	struct snapshot snap = {.plant = p, .point0 = d->point0};
	north_snapshot(g->north, device, gateway_wall_of(s->newest), snapshot_text, &snap);
	s->repeated = false;
	for (uint32_t i = 0; i < d->set->n; i++)
		p->reading[d->point0 + i].rounded = false;
}

/* Until each alert was read it is not known that there is none. Where one was missing the next
 * look goes on, when something of the device was read, or is read no more. */
static bool alerts_known(const struct plant *p, uint32_t device)
{
	const struct device *d = &p->model->device[device];
	struct device_state *s = &p->device[device];
	for (; s->alerts_read < d->set->n; s->alerts_read++) {
		const struct point *pt = &d->set->point[s->alerts_read];
		const struct reading *r = &p->reading[d->point0 + s->alerts_read];
		if (point_alerts(pt) && !pt->absent && r->quality == QUALITY_NEVER && !r->refused &&
		    (pt->poll == POLL_ALWAYS || r->asked))
			return false;
	}
	return true;
}

static void publish_alerts(struct gateway *g, uint32_t device)
{
	struct device_state *s = &g->plant->device[device];
	if (!alerts_known(g->plant, device))
		return;
	s->alerts_changed = false;
	north_alerts(g->north, (int32_t)device, s->alerts);
}

static void turn_of(struct gateway *g, uint32_t device)
{
	struct device_state *s = &g->plant->device[device];
	if (s->touched && s->derives)
		derive_device(g, device);
	if (s->touched && g->model->device[device].json)
		snapshot(g, device);
	s->touched = false;
	if (s->alerts_changed)
		publish_alerts(g, device);
	s->looked = false;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* In the order of the configuration, whoever was read first. What is done for one device concerns
 * no other. */
void readings_turn(struct gateway *g)
{
	struct plant *p = g->plant;
	if (p->nlook > 1)
		qsort(p->look, p->nlook, sizeof *p->look, by_number);
	for (size_t i = 0; i < p->nlook; i++)
		turn_of(g, p->look[i]);
	p->nlook = 0;
}
