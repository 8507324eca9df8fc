// SPDX-License-Identifier: MIT
#include "daemon/devices/ondemand.h"

#include "daemon/devices/gets.h"
#include "daemon/devices/readings.h"

#include <string.h>

#define POLLED "is polled anyway: no subscription needed"

static void set_demand(struct gateway *g, uint32_t point, bool wanted)
{
	struct plant *p = g->plant;
	if (((p->how[point] & WANT_ON_DEMAND) != 0) == wanted)
		return;
	p->how[point] ^= WANT_ON_DEMAND;
	plant_rewant_soon(p, plant_device(p, point)->bus);
	if (!wanted) {
		reading_none(g, point, QUALITY_STALE);
		return;
	}
	reading_forget(&p->reading[point]); /* what a get brought was published in passing */
	p->reading[point].filter.published = 0;
}

/* These give NULL: done; else why not. */
static const char *sub_point(struct gateway *g, uint32_t point)
{
	struct reading *r = &g->plant->reading[point];
	if (plant_point(g->plant, point)->poll != POLL_ON_DEMAND)
		return POLLED;
	r->asked += r->asked < UINT16_MAX; /* none is kept out by those that count it up */
	set_demand(g, point, true);
	return NULL;
}

static const char *unsub_point(struct gateway *g, uint32_t point)
{
	struct reading *r = &g->plant->reading[point];
	if (plant_point(g->plant, point)->poll != POLL_ON_DEMAND)
		return POLLED;
	if (r->asked == 0)
		return "was not subscribed";
	if (--r->asked == 0)
		set_demand(g, point, false);
	return NULL;
}

static const char *unsub_all(struct gateway *g, uint32_t device)
{
	const struct device *d = &g->model->device[device];
	for (uint32_t i = 0; i < d->set->n; i++) {
		const uint32_t point = d->point0 + i;
		if (!g->plant->reading[point].asked)
			continue;
		g->plant->reading[point].asked--;
		if (!g->plant->reading[point].asked)
			set_demand(g, point, false);
	}
	return NULL;
}

static const char *sub_all(struct gateway *g, uint32_t device)
{
	const struct device *d = &g->model->device[device];
	const char *fault = NULL;
	for (uint32_t i = 0; i < d->set->n && !fault; i++)
		if (d->set->point[i].poll == POLL_ON_DEMAND)
			fault = sub_point(g, d->point0 + i);
	return fault;
}

static const struct {
	enum north_kind kind;
	const char *(*one)(struct gateway *g, uint32_t point);
	const char *(*all)(struct gateway *g, uint32_t device);
} verbs[] = {
	{NORTH_SUB, sub_point, sub_all},
	{NORTH_UNSUB, unsub_point, unsub_all},
};

static const char *serve(struct gateway *g, uint8_t kind, const struct north_item *i)
{
	if (g->stopping)
		return "shutting down";
	if (i->fault)
		return i->fault;
	for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
		if (verbs[v].kind != kind)
			continue;
		if (i->point == NORTH_ALL)
			return verbs[v].all(g, i->device);
		return verbs[v].one(g, g->model->device[i->device].point0 + i->point);
	}
	return "not known";
}

void ondemand_event(struct gateway *g, const struct north_event *e)
{
	for (size_t i = 0; i < e->nitem; i++) {
		if (e->kind == NORTH_GET && !e->item[i].fault && !g->stopping) {
			gets_begin(g, &e->item[i], e->request);
			continue;
		}
		const struct north_outcome o = {
			.device = (int32_t)e->item[i].device,
			.param = e->item[i].param,
			.value = "",
			.reason = serve(g, e->kind, &e->item[i]),
			.request = e->request,
		};
		north_outcome(g->north, &o);
	}
}
