// SPDX-License-Identifier: MIT
#include "daemon/phases.h"

#include "core/modbus/words.h"
#include "daemon/base/log.h"
#include "daemon/command/commands.h"
#include "daemon/devices/device.h"
#include "daemon/devices/devid.h"
#include "daemon/devices/readings.h"
#include "daemon/health/health_device.h"
#include "daemon/sunspec.h"

#define UNREACHED_AFTER (10 * US_S)

/* Another device was there: what was read of that is gone, and requested anew. */
static void begin_anew(struct gateway *g, uint32_t device)
{
	struct plant *p = g->plant;
	const struct device *d = &p->model->device[device];
	for (uint32_t i = 0; i < d->set->n; i++) {
		const uint32_t point = d->point0 + i;
		const struct point *pt = &d->set->point[i];
		if (p->reading[point].at > p->device[device].own_from)
			continue;
		reading_reset(p, point);
		if (pt->source == SOURCE_REGISTER && !pt->absent && plant_raw_words(pt) &&
		    (pt->poll == POLL_ALWAYS || p->how[point] & WANT_ON_DEMAND))
			plant_demand(p, point, g->now);
	}
}

static void came(struct gateway *g, uint32_t device)
{
	gateway_alert_end(g, ALERT_FAULT, ALERT_WRONG_DEVICE, g->plant->model->device[device].name);
	north_status(g->north, (int32_t)device, true);
	readings_publish_device(g, device);
	devid_read(g, device);
	commands_device_online(g, device);
	gateway_wake(g, TIMER_STALE, g->now + US_S);
}

static void went(struct gateway *g, uint32_t device)
{
	north_status(g->north, (int32_t)device, false);
	readings_forget_device(g->plant, device);
	readings_publish_offline(g, device);
	commands_device_offline(g, device);
}

static void mismatched(struct gateway *g, uint32_t device)
{
	gateway_alert(g, ALERT_FAULT, ALERT_WRONG_DEVICE, g->plant->model->device[device].name,
	              g->plant->device[device].identifies);
	commands_device_mismatch(g, device);
}

static void take(struct gateway *g, const struct phase_change *c)
{
	if (c->is == PHASE_ONLINE && c->was == PHASE_MISMATCH)
		begin_anew(g, c->device);
	if (c->is == PHASE_ONLINE)
		came(g, c->device);
	else if (c->was == PHASE_ONLINE)
		went(g, c->device);
	else if (c->is == PHASE_OFFLINE)
		readings_forget_device(g->plant, c->device);
	if (c->is == PHASE_MISMATCH)
		mismatched(g, c->device);
	if (c->is == PHASE_OFFLINE && sunspec_unbind(g, c->device))
		commands_device_moved(g, c->device);
	health_device_state(g, c->device);
}

void phases_take(struct gateway *g)
{
	struct plant *p = g->plant;
	for (size_t i = 0; i < p->nchange; i++) {
		const struct phase_change c = p->change[i];
		take(g, &c);
	}
	p->nchange = 0;
}

void phases_broadcast(struct gateway *g)
{
	for (uint32_t i = 0; i < g->model->ndevice; i++) {
		const struct device *d = &g->model->device[i];
		if (d->broadcast && d->enabled && g->plant->bus[d->bus].up)
			device_go(g, i, PHASE_ONLINE, NULL);
	}
	phases_take(g);
}

/* Where to look when nothing at all comes. */
static const char *causes(const struct bus_conf *c)
{
	return c->kind == BUS_TCP ? "check id, power, the wiring behind a gateway, timeout"
	                          : "check id, baud, format, wiring (A/B), power, timeout";
}

static bool unreached(const struct device_state *s)
{
	return s->phase == PHASE_OFFLINE && !s->seen && s->failed_since && !s->unreached;
}

void phases_unreached(struct gateway *g)
{
	char text[2 * WORDS_MAX];
	us_t next = US_NEVER;
	for (uint32_t i = 0; i < g->model->ndevice; i++) {
		struct device_state *s = &g->plant->device[i];
		const struct device *d = &g->model->device[i];
		if (!unreached(s))
			continue;
		if (g->now < s->failed_since + UNREACHED_AFTER) {
			next = s->failed_since + UNREACHED_AFTER < next
			               ? s->failed_since + UNREACHED_AFTER
			               : next;
			continue;
		}
		s->unreached = true;
		device_error_text(s, true, text, sizeof text);
		log_warn("device %s: unreachable since the start (unit id %u on bus %s): %s%s%s",
		         d->name, d->id, g->plant->bus[d->bus].conf->name, text,
		         s->instead.kind ? "" : "; ",
		         s->instead.kind ? "" : causes(g->plant->bus[d->bus].conf));
		health_device_state(g, i);
	}
	if (next != US_NEVER)
		gateway_wake(g, TIMER_REACH, next);
}
