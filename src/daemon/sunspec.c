// SPDX-License-Identifier: MIT
#include "daemon/sunspec.h"

#include "core/modbus/pdu.h"

#include "daemon/base/log.h"
#include "daemon/devices/carry.h"
#include "daemon/devices/device.h"
#include "daemon/devices/readings.h"
#include "daemon/health/health.h"
#include "daemon/health/health_device.h"

#include <stdio.h>
#include <string.h>

#define LOOK_AGAIN (10 * US_S) /* at a device that answers, but has no models */

static struct sunspec *models_of(const struct plant *p, uint32_t device)
{
	return p->model->device[device].set->sunspec;
}

/* -- the walk begins ---------------------------------------------------------------- */

/* What the bus learned of its registers is about other models, and so are its wants. */
static void walk_anew(struct gateway *g, uint32_t device)
{
	struct plant *p = g->plant;
	const struct device *d = &p->model->device[device];
	plant_unbind(p, device, g->now);
	bus_forget(p->bus[d->bus].bus, d->id);
	plant_index(p, d->bus, d->id);
	plant_rewant_soon(p, d->bus);
}

bool sunspec_unbind(struct gateway *g, uint32_t device)
{
	if (!models_of(g->plant, device))
		return false;
	walk_anew(g, device);
	return true;
}

void sunspec_tick(struct gateway *g)
{
	struct plant *p = g->plant;
	for (uint32_t d = 0; d < p->model->ndevice; d++) {
		const struct sunspec *s = models_of(p, d);
		if (!s || s->bound || s->walk.state != SUNSPEC_NONE)
			continue;
		if (g->now - p->device[d].walk_over >= LOOK_AGAIN)
			walk_anew(g, d);
		else
			gateway_wake(g, TIMER_SUNSPEC, p->device[d].walk_over + LOOK_AGAIN);
	}
}

/* -- the walk ends ------------------------------------------------------------------ */

static void models_text(const struct sunspec_chain *c, char *buf, size_t size)
{
	size_t len = 0;
	buf[0] = '\0';
	for (uint16_t i = 0; i < c->n && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%u", i ? ", " : "",
		                        c->found[i].id);
}

static void none(struct gateway *g, uint32_t device)
{
	const struct sunspec *s = models_of(g->plant, device);
	char models[256], text[320] = "has no SunSpec models";
	models_text(&s->walk.chain, models, sizeof models);
	if (s->walk.chain.n)
		snprintf(text, sizeof text, "has the SunSpec models %s, none of the profile's",
		         models);
	g->plant->device[device].walk_over = g->now;
	gateway_wake(g, TIMER_SUNSPEC, g->now + LOOK_AGAIN);
	device_mismatch(g, device, text);
}

/* Readings of the same points under other addresses, perhaps of another device. */
static void forget_readings(struct gateway *g, uint32_t device)
{
	struct plant *p = g->plant;
	const struct device *d = &p->model->device[device];
	for (uint32_t i = 0; i < d->set->n; i++) {
		reading_reset(p, d->point0 + i);
		if (d->set->point[i].absent)
			north_gone(g->north, device, i);
	}
}

static void log_bound(const struct gateway *g, uint32_t device)
{
	const struct device *d = &g->plant->model->device[device];
	const struct sunspec_chain *c = &d->set->sunspec->walk.chain;
	char models[256];
	uint32_t points = 0;
	for (uint32_t i = 0; i < d->set->n; i++)
		points += !d->set->point[i].absent;
	models_text(c, models, sizeof models);
	log_info("device %s: SunSpec models at %u: %s; it has %u of %u points", d->name, c->base,
	         models, points, d->set->n);
}

static void found(struct gateway *g, uint32_t device)
{
	struct plant *p = g->plant;
	const struct device *d = &p->model->device[device];
	struct sunspec *s = d->set->sunspec;
	if (sunspec_bind(d, &s->walk.chain) == 0) {
		s->bound = false;
		s->walk.state = SUNSPEC_NONE;
		none(g, device);
		return;
	}
	forget_readings(g, device);
	plant_look(p, device); /* which of its alerts are there at all has changed */
	plant_round(p, device);
	plant_index(p, d->bus, d->id);
	plant_rewant_soon(p, d->bus);
	log_bound(g, device);
	if (health_on(g))
		health_device_info(g, device);
}

static void stepped(struct gateway *g, uint32_t device)
{
	const struct sunspec *s = models_of(g->plant, device);
	if (sunspec_walks(s))
		plant_rewant_soon(g->plant, g->plant->model->device[device].bus);
	else if (s->walk.state == SUNSPEC_FOUND)
		found(g, device);
	else
		none(g, device);
}

/* -- what the bus reports -------------------------------------------------------------- */

static const uint16_t *head_in(const struct report *r, uint16_t at)
{
	const bool inside = r->span.table == TABLE_HOLDING && at >= r->span.addr &&
	                    at + SUNSPEC_HEAD <= (uint32_t)r->span.addr + r->span.count;
	return inside ? &r->word[at - r->span.addr] : NULL;
}

static bool holds(const struct sunspec *s, const struct report *r)
{
	for (uint16_t i = 0; i < s->npart; i++) {
		const struct sunspec_part *part = &s->part[i];
		const uint16_t *head = part->here ? head_in(r, part->is.at) : NULL;
		if (head && !sunspec_holds(part, head))
			return false;
	}
	return true;
}

static bool read_device(struct gateway *g, uint32_t device, const struct report *r)
{
	struct sunspec *s = models_of(g->plant, device);
	if (r->at < g->plant->device[device].walk_from)
		return false; /* of the device that was there before */
	if (s->bound && !holds(s, r)) {
		device_go(g, device, PHASE_OFFLINE, "other SunSpec models than before");
		return false;
	}
	if (s->bound || !sunspec_walks(s))
		return true;
	const uint16_t *head = head_in(r, s->walk.next);
	if (head) {
		sunspec_take(s, head);
		stepped(g, device);
	}
	return true;
}

bool sunspec_read(struct gateway *g, struct plant_bus *b, const struct report *r)
{
	bool good = true;
	for (int32_t d = plant_first_of(b, r->span.unit); d >= 0;
	     d = g->plant->device[d].next_on_unit)
		if (models_of(g->plant, (uint32_t)d))
			good &= read_device(g, (uint32_t)d, r);
	return good;
}

/* A model, or only so long a read of it? Its head alone will show. */
static void ask_heads(struct gateway *g, uint32_t device, const struct report *r)
{
	const struct device *d = &g->plant->model->device[device];
	const struct sunspec *s = d->set->sunspec;
	for (uint16_t i = 0; i < s->npart; i++) {
		const struct span head = {d->id, TABLE_HOLDING, s->part[i].is.at, SUNSPEC_HEAD};
		if (s->part[i].here && head_in(r, head.addr))
			bus_demand(g->plant->bus[d->bus].bus, &head, g->now);
	}
}

void sunspec_aside(struct gateway *g, struct plant_bus *b, const struct report *r)
{
	for (int32_t d = plant_first_of(b, r->span.unit); d >= 0;
	     d = g->plant->device[d].next_on_unit) {
		struct sunspec *s = models_of(g->plant, (uint32_t)d);
		if (s && s->bound)
			ask_heads(g, (uint32_t)d, r);
		if (!s || s->bound || !sunspec_walks(s) || !head_in(r, s->walk.next))
			continue;
		sunspec_refused(s);
		stepped(g, (uint32_t)d);
	}
}

static bool head_refused(const struct sunspec *s, const struct report *r)
{
	if (r->outcome != OUT_REFUSED || r->exception > EXC_VALUE ||
	    r->span.table != TABLE_HOLDING || r->span.count != SUNSPEC_HEAD)
		return false;
	for (uint16_t i = 0; i < s->npart; i++)
		if (s->part[i].here && s->part[i].is.at == r->span.addr)
			return true;
	return false;
}

void sunspec_failed(struct gateway *g, struct plant_bus *b, const struct report *r)
{
	for (int32_t d = plant_first_of(b, r->span.unit); d >= 0;
	     d = g->plant->device[d].next_on_unit) {
		const struct sunspec *s = models_of(g->plant, (uint32_t)d);
		if (s && s->bound && r->at >= g->plant->device[d].walk_from && head_refused(s, r))
			device_go(g, (uint32_t)d, PHASE_OFFLINE, "its SunSpec models are gone");
	}
}

/* -- reload ------------------------------------------------------------------------- */

/* True: it has addresses now. */
static bool carry_one(const struct plant *from, struct plant *to, uint32_t device)
{
	const struct device *d = &to->model->device[device];
	const int was = carry_device_of(from, to, device);
	const struct sunspec *old = was < 0 ? NULL : models_of(from, (uint32_t)was);
	if (!old || !old->bound || !d->enabled)
		return false;
	if (sunspec_bind(d, &old->walk.chain) == 0) {
		plant_unbind(to, device, to->device[device].walk_from);
		return false;
	}
	to->device[device].walk_from = from->device[was].walk_from;
	plant_round(to, device);
	return true;
}

void sunspec_carry(struct plant *from, struct plant *to)
{
	for (uint32_t i = 0; i < to->model->ndevice; i++) {
		const struct device *d = &to->model->device[i];
		if (d->set->sunspec && carry_one(from, to, i))
			plant_index(to, d->bus, d->id);
	}
}

/* What was refused in the walk before, or under the profile as it was, means nothing now. */
void sunspec_carried(struct gateway *g)
{
	struct plant *p = g->plant;
	for (uint32_t i = 0; i < p->model->ndevice; i++) {
		const struct device *d = &p->model->device[i];
		if (!d->set->sunspec || d->set->sunspec->bound || !d->enabled)
			continue;
		if (p->device[i].phase == PHASE_ONLINE)
			p->device[i].phase = PHASE_IDENTIFYING;
		bus_forget(p->bus[d->bus].bus, d->id);
	}
}
