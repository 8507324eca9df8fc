// SPDX-License-Identifier: MIT
#include "daemon/devices/carry.h"

#include "core/base/text.h"
#include "daemon/devices/device.h"
#include "daemon/devices/devid.h"
#include "daemon/devices/readings.h"

#include <string.h>

/* Everything a port is opened with. */
static bool same_conf(const struct bus_conf *a, const struct bus_conf *b)
{
	return a->kind == b->kind && text_same(a->port, b->port) && text_same(a->host, b->host) &&
	       a->tcp_port == b->tcp_port && a->baud == b->baud && a->data == b->data &&
	       a->stop == b->stop && a->parity == b->parity && a->direction == b->direction &&
	       a->rts_high == b->rts_high && a->rts_before == b->rts_before &&
	       a->rts_after == b->rts_after && a->silence == b->silence &&
	       a->timeout == b->timeout && a->retries == b->retries && a->echo == b->echo &&
	       a->connect_delay == b->connect_delay && a->close_idle == b->close_idle;
}

/* The bus of the new plant that goes on with this one's thread; NULL: none, its thread ends. */
static struct plant_bus *bus_of(const struct plant_bus *from, struct plant *to)
{
	const char *name = from->conf->name;
	const int i = model_find_bus(to->model, name, strlen(name));
	return i >= 0 && same_conf(to->bus[i].conf, from->conf) ? &to->bus[i] : NULL;
}

static void carry_one_bus(struct plant_bus *from, struct plant_bus *to)
{
	to->bus = from->bus;
	to->tag = from->tag;
	to->up = from->up;
	to->reported_down = from->reported_down;
	to->since = from->since;
	to->answered = from->answered;
	to->invalid = from->invalid;
	to->invalid_at = from->invalid_at;
	to->silent_since = from->silent_since;
	to->trouble = from->trouble;
	from->trouble = NULL;
}

void carry_buses(struct plant *from, struct plant *to)
{
	to->tag_bus = from->tag_bus;
	to->tag_thread = from->tag_thread;
	to->ntag = from->ntag;
	to->ending = from->ending;
	from->tag_bus = NULL;
	from->tag_thread = NULL;
	for (size_t i = 0; i < from->model->nbus; i++) {
		struct plant_bus *old = &from->bus[i], *b = bus_of(old, to);
		to->tag_bus[old->tag] = b ? (int32_t)(b - to->bus) : -1;
		if (b)
			carry_one_bus(old, b);
		else
			plant_end_bus(to, old);
	}
}

/* Would the same registers give the same value? */
static bool same_place(const struct point *a, const struct point *b)
{
	if (a->source == SOURCE_DEVICE_ID && b->source == SOURCE_DEVICE_ID)
		return a->addr[0] == b->addr[0];
	return a->source == SOURCE_REGISTER && b->source == SOURCE_REGISTER &&
	       a->table == b->table && a->parts == b->parts &&
	       memcmp(a->addr, b->addr, a->parts * sizeof *a->addr) == 0 &&
	       codec_same(&a->codec, &b->codec) && plant_raw_words(a) == plant_raw_words(b) &&
	       a->alert == b->alert && !point_derives(a) && !point_derives(b);
}

static void carry_counter(const struct counter *from, struct counter *to, const struct reading *r)
{
	if (from && to)
		*to = *from;
	else if (to && r->quality == QUALITY_GOOD)
		*to = (struct counter){.last = value_number(&r->value), .at = r->at, .known = true};
}

static void carry_reading(struct reading *from, struct reading *to)
{
	to->at = from->at;
	to->value = from->value;
	to->filter = from->filter;
	to->quality = from->quality;
	to->refused = from->refused;
	to->denied = from->denied;
	to->implausible = from->implausible;
	to->overwritten = from->overwritten;
	from->value = value_none();
	/* labels, decimals or limits may differ: the next read is decoded anew */
	to->known = false;
}

/* May what was read still be what it is now: the same words mean None, or are out of range? */
static bool same_limits(const struct point *a, const struct point *b)
{
	const struct codec *x = &a->codec, *y = &b->codec;
	const bool limits = a->valid_min == b->valid_min && a->valid_max == b->valid_max;
	return a->has_valid == b->has_valid && (!a->has_valid || limits) && x->nna == y->nna &&
	       (x->nna == 0 || memcmp(x->na, y->na, x->nna * sizeof *x->na) == 0);
}

static void carry_points(struct plant *from, const struct device *old, struct plant *to,
                         const struct device *dev, bool stays)
{
	size_t next = 0;
	for (uint32_t i = 0; i < dev->set->n; i++) {
		const struct point *p = &dev->set->point[i];
		const int was = model_find_point_from(old->set, p->name, next);
		if (was < 0)
			continue;
		next = (size_t)was + 1;
		struct reading *a = &from->reading[old->point0 + (uint32_t)was];
		struct reading *b = &to->reading[dev->point0 + i];
		b->asked = a->asked;
		if (a->asked)
			to->how[dev->point0 + i] |= WANT_ON_DEMAND;
		if (!stays || p->absent || !same_place(&old->set->point[was], p))
			continue;
		carry_reading(a, b);
		carry_counter(plant_counter(from, old->point0 + (uint32_t)was),
		              plant_counter(to, dev->point0 + i), b);
		b->publish_next = !same_limits(&old->set->point[was], p);
		reading_alert(to, dev->point0 + i);
	}
}

static bool same_words(const struct device *a, const struct device *b)
{
	bool same = a->nidentify == b->nidentify && a->identify_kind == b->identify_kind &&
	            a->ndevice_id == b->ndevice_id;
	for (size_t i = 0; same && i < a->ndevice_id; i++)
		same = a->device_id[i].object == b->device_id[i].object &&
		       strcmp(a->device_id[i].pattern, b->device_id[i].pattern) == 0;
	for (size_t i = 0; same && i < a->nidentify; i++)
		same = strcmp(a->identify_word[i], b->identify_word[i]) == 0;
	return same;
}

/* Is the device asked the same question about itself, and must it give the same answer? */
static bool same_identity(const struct device *a, const struct device *b)
{
	if (!device_must_identify(a) || !device_must_identify(b))
		return device_must_identify(a) == device_must_identify(b);
	return same_words(a, b) && (a->ndevice_id || same_place(&a->set->point[a->identify_point],
	                                                        &b->set->point[b->identify_point]));
}

/* Without `judged` it is still to be found out what the device is. */
static void carry_device(struct device_state *from, struct device_state *to, bool judged)
{
	if (judged) {
		to->phase = from->phase;
		to->since = from->since;
		to->identifies = from->identifies;
		from->identifies = NULL;
	}
	to->texts_due = from->texts_due;
	to->seen = from->seen;
	to->own_from = from->phase == PHASE_MISMATCH ? from->seen : from->own_from;
	to->newest = from->newest;
	to->error = from->error;
	to->exception = from->exception;
	to->error_wrote = from->error_wrote;
	to->error_span = from->error_span;
	to->error_at = from->error_at;
	to->instead = from->instead;
	to->failed_since = from->failed_since;
	to->unreached = from->unreached;
	to->late = from->late;
	to->invalid = from->invalid;
	to->doubtful = from->doubtful;
	to->suspected = from->suspected;
	to->denied_by = from->denied_by;
	to->doubt_since = from->doubt_since;
	to->response = from->response;
}

static bool same_unit(const struct plant *from, const struct device *old, const struct plant *to,
                      const struct device *dev)
{
	const struct plant_bus *bus = &to->bus[dev->bus];
	return bus->bus && from->bus[old->bus].tag == bus->tag && old->id == dev->id &&
	       text_same(old->profile, dev->profile);
}

int carry_device_of(const struct plant *from, const struct plant *to, uint32_t device)
{
	const struct device *dev = &to->model->device[device];
	const int was = model_find_device_from(from->model, dev->name, device);
	return was >= 0 && same_unit(from, &from->model->device[was], to, dev) ? was : -1;
}

/* Nothing that was read or learned of it is looked at anew, its expressions neither. What of `from`
 * is to be freed goes there. */
static void move_points(struct plant *from, uint32_t was, struct plant *to, uint32_t device)
{
	const struct device *old = &from->model->device[was], *dev = &to->model->device[device];
	struct reading *a = &from->reading[old->point0], *b = &to->reading[dev->point0];
	for (uint32_t i = 0; i < dev->set->n; i++) {
		const struct reading fresh = b[i];
		b[i] = a[i];
		a[i] = fresh;
		a[i].device = was;
		b[i].device = device;
		carry_counter(plant_counter(from, old->point0 + i),
		              plant_counter(to, dev->point0 + i), &b[i]);
	}
	memcpy(&to->how[dev->point0], &from->how[old->point0], dev->set->n);
}

static bool reads_apart(const struct plant *p, const struct device *d)
{
	bool apart = false;
	for (uint32_t i = 0; i < d->set->n; i++)
		apart |= (p->how[d->point0 + i] & WANT_APART) != 0;
	return apart;
}

/* One that is as it was goes on as if nothing had happened. */
static bool carry_same(struct plant *from, int32_t was, struct plant *to, uint32_t device)
{
	const struct device *dev = &to->model->device[device];
	if (was < 0 || !dev->enabled || !same_unit(from, &from->model->device[was], to, dev) ||
	    reads_apart(from, &from->model->device[was])) /* that is found out anew */
		return false;
	struct device_state *a = &from->device[was], *b = &to->device[device];
	struct alerts *fresh = b->alerts;
	b->foreign = a->foreign;
	carry_device(a, b, true);
	b->alerts = a->alerts;
	a->alerts = fresh;
	b->alerts_read = a->alerts_read;
	b->repeated = a->repeated;
	if (a->touched) /* by a report of this turn */
		plant_touch(to, device);
	b->same = true;
	move_points(from, (uint32_t)was, to, device);
	return true;
}

void carry_readings(struct plant *from, struct plant *to, const struct same *same)
{
	for (size_t i = 0, next = 0; i < to->model->ndevice; i++) {
		const struct device *dev = &to->model->device[i];
		if (carry_same(from, same->device[i], to, (uint32_t)i))
			continue;
		const int was = model_find_device_from(from->model, dev->name, next);
		if (was < 0)
			continue;
		next = (size_t)was + 1;
		const struct device *old = &from->model->device[was];
		const bool stays = same_unit(from, old, to, dev);
		to->device[i].foreign = from->device[was].foreign;
		if (stays && dev->enabled && old->enabled)
			carry_device(&from->device[was], &to->device[i], same_identity(old, dev));
		carry_points(from, old, to, dev, stays);
	}
}

/* Its devices are those it had, in the same order, and each is as it was: so are its wants. */
static bool same_wants(const struct plant *from, uint32_t was, const struct plant *to, uint32_t bus,
                       const struct same *same)
{
	size_t n, nold;
	const uint32_t *device = model_on_bus(to->model, bus, &n);
	const uint32_t *old = model_on_bus(from->model, was, &nold);
	bool equal = n == nold && !from->bus[was].rewant;
	for (size_t i = 0; equal && i < n; i++)
		equal = same->device[device[i]] == (int32_t)old[i] &&
		        (to->device[device[i]].same || !to->model->device[device[i]].enabled);
	return equal;
}

void carry_wants(const struct plant *from, struct plant *to, const struct same *same)
{
	for (uint32_t i = 0; i < from->model->nbus; i++) {
		const int32_t bus = to->tag_bus[from->bus[i].tag];
		if (bus >= 0)
			to->bus[bus].has_wants = same_wants(from, i, to, (uint32_t)bus, same);
	}
}

/* -- what is not known any more ---------------------------------------------------------------- */

static void demand(struct gateway *g, uint32_t point)
{
	struct plant *p = g->plant;
	const struct point *pt = plant_point(p, point);
	if (devid_point(pt))
		devid_read(g, p->reading[point].device);
	if (pt->source == SOURCE_REGISTER && !pt->absent && plant_raw_words(pt))
		plant_demand(p, point, g->now);
}

/* Of an expression what it is made of: it is not carried. */
static void demand_unknown(struct gateway *g, const struct device *d, uint32_t i)
{
	const struct reading *r = &g->plant->reading[d->point0 + i];
	const struct point *pt = &d->set->point[i];
	const bool polled =
		pt->poll == POLL_ALWAYS || g->plant->how[d->point0 + i] & WANT_ON_DEMAND;
	if (!polled || r->refused || (r->at && !r->publish_next))
		return;
	demand(g, d->point0 + i);
	size_t at = 0;
	for (int k; pt->source == SOURCE_EXPR && (k = expr_next(pt->expr, &at)) >= 0;)
		demand(g, d->point0 + (uint32_t)k);
}

void carry_demand(struct gateway *g)
{
	for (size_t i = 0; i < g->model->ndevice; i++) {
		const struct device *d = &g->model->device[i];
		if (g->plant->device[i].texts_due) { /* as the reload came */
			g->plant->device[i].texts_due = false;
			devid_read(g, (uint32_t)i);
		}
		if (g->plant->device[i].same || !d->enabled || !model_bound(d))
			continue;
		for (uint32_t k = 0; k < d->set->n; k++)
			demand_unknown(g, d, k);
	}
}
