// SPDX-License-Identifier: MIT
#include "daemon/base/plant.h"

#include "daemon/base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

unsigned plant_raw_words(const struct point *p)
{
	if (p->source != SOURCE_REGISTER || (p->write && p->write->only))
		return 0;
	return codec_words(&p->codec);
}

static int place_compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->point < y->point ? -1 : x->point > y->point;
}

bool plant_apart(const struct plant *p, uint32_t point)
{
	return p->how[point] & WANT_APART ||
	       model_apart(plant_device(p, point), plant_point(p, point));
}

void plant_demand(const struct plant *p, uint32_t point, us_t due)
{
	const struct device *d = plant_device(p, point);
	const struct point *pt = plant_point(p, point);
	const bool apart = plant_apart(p, point);
	for (int part = apart; part >= 0; part--) {
		const struct span s = apart ? model_part(d, pt, (unsigned)part) : model_span(d, pt);
		bus_demand(p->bus[d->bus].bus, &s, due);
	}
}

static void index_point(const struct plant *plant, struct place *place, size_t *n,
                        const struct device *d, uint32_t i)
{
	const struct point *p = &d->set->point[i];
	const bool apart = plant_apart(plant, d->point0 + i);
	for (unsigned part = 0; part < (apart ? 2 : 1); part++) {
		const struct span s = apart ? model_part(d, p, part) : model_span(d, p);
		place[(*n)++] =
			(struct place){PLACE_KEY(s.unit, s.table, s.addr), s.count, d->point0 + i};
	}
}

static void index_points(const struct plant *p, struct place *place, size_t *n,
                         const struct device *d)
{
	if (!d->enabled || !model_bound(d))
		return;
	for (uint32_t i = 0; i < d->set->n; i++)
		if (plant_raw_words(&d->set->point[i]) && !d->set->point[i].absent)
			index_point(p, place, n, d, i);
}

static void index_bus(struct plant *p, uint32_t bus)
{
	struct plant_bus *b = &p->bus[bus];
	size_t n = 0, ndevice;
	const uint32_t *device = model_on_bus(p->model, bus, &ndevice);
	for (size_t d = 0; d < ndevice; d++)
		n += p->model->device[device[d]].set->n;
	b->place = mem_alloc(2 * n, sizeof *b->place); /* some have two places */
	for (size_t d = 0; d < ndevice; d++)
		index_points(p, b->place, &b->nplace, &p->model->device[device[d]]);
	if (b->nplace) /* most have one */
		b->place = mem_grow(b->place, b->nplace, sizeof *b->place);
	qsort(b->place, b->nplace, sizeof *b->place, place_compare);
}

size_t plant_place_from(const struct plant_bus *b, uint32_t key)
{
	size_t first = 0, end = b->nplace;
	while (first < end) {
		const size_t i = first + (end - first) / 2;
		if (b->place[i].key < key)
			first = i + 1;
		else
			end = i;
	}
	return first;
}

void plant_index(struct plant *p, uint32_t bus, uint8_t unit)
{
	struct plant_bus *b = &p->bus[bus];
	const size_t first = plant_place_from(b, PLACE_KEY(unit, 0, 0)),
		     end = plant_place_from(b, PLACE_KEY(unit + 1u, 0, 0)),
		     behind = b->nplace - end;
	size_t most = 0, n = 0;
	for (int32_t d = plant_first_of(b, unit); d >= 0; d = p->device[d].next_on_unit)
		most += 2 * (size_t)p->model->device[d].set->n;
	struct place *own = mem_alloc(most, sizeof *own);
	for (int32_t d = plant_first_of(b, unit); d >= 0; d = p->device[d].next_on_unit)
		index_points(p, own, &n, &p->model->device[d]);
	qsort(own, n, sizeof *own, place_compare);
	if (n > end - first)
		b->place = mem_grow(b->place, first + n + behind, sizeof *b->place);
	if (behind)
		memmove(b->place + first + n, b->place + end, behind * sizeof *own);
	if (n)
		memcpy(b->place + first, own, n * sizeof *own);
	b->nplace = first + n + behind;
	free(own);
}

static void index_device(struct plant *p, size_t d)
{
	const struct device *dev = &p->model->device[d];
	struct plant_bus *b = &p->bus[dev->bus];
	p->device[d].next_on_unit = -1;
	if (!dev->enabled)
		return;
	if (dev->id >= b->nunit) {
		const unsigned n = dev->id + 1u;
		b->unit_first = mem_grow(b->unit_first, n, sizeof *b->unit_first);
		while (b->nunit < n)
			b->unit_first[b->nunit++] = -1;
	}
	p->device[d].next_on_unit = b->unit_first[dev->id];
	b->unit_first[dev->id] = (int32_t)d;
	b->ndevice += !dev->broadcast;
}

static void index_units(struct plant *p)
{
	for (size_t d = p->model->ndevice; d-- > 0;)
		index_device(p, d);
}

void plant_round(struct plant *p, uint32_t device)
{
	const struct pointset *set = p->model->device[device].set;
	us_t round = US_NEVER;
	for (uint32_t i = 0; i < set->n; i++) {
		const struct point *pt = &set->point[i];
		if (pt->source == SOURCE_REGISTER && pt->poll == POLL_ALWAYS && !pt->absent &&
		    pt->period < round)
			round = pt->period;
	}
	p->device[device].round = round;
}

void plant_look(struct plant *p, uint32_t device)
{
	if (!p->device[device].looked)
		p->look[p->nlook++] = device;
	p->device[device].looked = true;
}

void plant_touch(struct plant *p, uint32_t device)
{
	p->device[device].touched = true;
	plant_look(p, device);
}

void plant_unbind(struct plant *p, uint32_t device, us_t now)
{
	struct sunspec *s = p->model->device[device].set->sunspec;
	s->bound = false;
	sunspec_begin(s);
	p->device[device].walk_from = now;
}

static size_t count_counters(const struct model *m)
{
	size_t n = 0;
	for (size_t d = 0; d < m->ndevice; d++)
		for (uint32_t i = 0; i < m->device[d].set->n; i++)
			n += m->device[d].set->point[i].counter != NULL;
	return n;
}

static int counter_order(const void *key, const void *of)
{
	const uint32_t point = *(const uint32_t *)key;
	const struct point_counter *c = of;
	return point < c->point ? -1 : point > c->point;
}

struct counter *plant_counter(const struct plant *p, uint32_t point)
{
	struct point_counter *c =
		plant_point(p, point)->counter
			? bsearch(&point, p->counter, p->ncounter, sizeof *c, counter_order)
			: NULL;
	return c ? &c->counter : NULL;
}

static void make_device(struct plant *p, size_t d)
{
	const struct device *dev = &p->model->device[d];
	struct device_state *s = &p->device[d];
	s->phase = dev->enabled ? PHASE_OFFLINE : PHASE_DISABLED;
	if (dev->set->sunspec)
		plant_unbind(p, (uint32_t)d, 0);
	plant_round(p, (uint32_t)d);
	for (uint32_t i = 0; i < dev->set->n; i++) {
		const struct point *pt = &dev->set->point[i];
		struct reading *r = &p->reading[dev->point0 + i];
		r->device = (uint32_t)d;
		if (plant_raw_words(pt) > RAW_INLINE)
			r->words = mem_alloc(plant_raw_words(pt), sizeof *r->words);
		if (pt->counter)
			p->counter[p->ncounter++].point = dev->point0 + i;
		s->derives |= pt->source == SOURCE_EXPR || point_derives(pt);
		s->alerting |= point_alerts(pt);
	}
	if (s->alerting) {
		s->alerts = alerts_create();
		s->alerts_changed = true;
		plant_look(p, (uint32_t)d);
	}
}

struct plant *plant_build(struct model *m)
{
	struct plant *p = mem_alloc(1, sizeof *p);
	p->model = m;
	p->bus = mem_alloc(m->nbus, sizeof *p->bus);
	p->device = mem_alloc(m->ndevice, sizeof *p->device);
	p->reading = mem_alloc(m->npoint, sizeof *p->reading);
	p->how = mem_alloc(m->npoint, 1);
	p->counter = mem_alloc(count_counters(m), sizeof *p->counter);
	p->rewant = mem_alloc(m->nbus, sizeof *p->rewant);
	p->look = mem_alloc(m->ndevice, sizeof *p->look);
	for (size_t d = 0; d < m->ndevice; d++)
		make_device(p, d);
	index_units(p);
	for (uint32_t b = 0; b < m->nbus; b++) {
		p->bus[b].conf = &m->bus[b];
		index_bus(p, b);
	}
	return p;
}

void plant_begin(struct plant *p, us_t now)
{
	for (size_t d = 0; d < p->model->ndevice; d++)
		p->device[d].since = p->device[d].walk_from = now;
	for (size_t b = 0; b < p->model->nbus; b++)
		p->bus[b].since = now;
}

static void rewant(struct gateway *g, uint32_t bus)
{
	struct plant *p = g->plant;
	struct want *wants = NULL;
	struct unit_rule *rules = NULL;
	size_t nrule = 0;
	const size_t n = model_wants(p->model, bus, p->how, &wants, &rules, &nrule);
	bus_adopt(p->bus[bus].bus, wants, n, rules, nrule);
	free(wants);
	free(rules);
}

void plant_rewant_soon(struct plant *p, uint32_t bus)
{
	if (!p->bus[bus].rewant)
		p->rewant[p->nrewant++] = bus;
	p->bus[bus].rewant = true;
}

void plant_turn(struct gateway *g)
{
	struct plant *p = g->plant;
	for (size_t i = 0; i < p->nrewant; i++) {
		rewant(g, p->rewant[i]);
		p->bus[p->rewant[i]].rewant = false;
	}
	p->nrewant = 0;
}

static void start_bus(struct gateway *g, uint32_t bus)
{
	struct plant *p = g->plant;
	struct plant_bus *b = &p->bus[bus];
	b->tag = p->ntag++;
	p->tag_bus = mem_grow(p->tag_bus, p->ntag, sizeof *p->tag_bus);
	p->tag_thread = mem_grow(p->tag_thread, p->ntag, sizeof *p->tag_thread);
	p->tag_bus[b->tag] = (int32_t)bus;
	b->bus = bus_create(b->conf, b->tag, bus, (unsigned)p->model->nbus, g->reports);
	p->tag_thread[b->tag] = b->bus;
}

void plant_run(struct gateway *g, struct plant *p)
{
	g->plant = p;
	g->model = p->model;
	for (uint32_t b = 0; b < p->model->nbus; b++) {
		if (!p->bus[b].bus)
			start_bus(g, b);
		if (!p->bus[b].has_wants)
			rewant(g, b);
	}
}

void plant_end_bus(struct plant *p, const struct plant_bus *b)
{
	bus_close(b->bus);
	p->ending++;
}

void plant_release(struct plant *p)
{
	for (size_t i = 0; i < p->model->npoint; i++) {
		struct reading *r = &p->reading[i];
		if (plant_raw_words(plant_point(p, (uint32_t)i)) > RAW_INLINE)
			free(r->words);
		if (r->value.kind == VALUE_TEXT)
			free((char *)r->value.text);
	}
	for (size_t i = 0; i < p->model->ndevice; i++) {
		alerts_destroy(p->device[i].alerts);
		free(p->device[i].identifies);
	}
	for (size_t i = 0; i < p->model->nbus; i++) {
		free(p->bus[i].place);
		free(p->bus[i].unit_first);
		free(p->bus[i].trouble);
		free(p->bus[i].holder);
	}
	free(p->bus);
	free(p->device);
	free(p->reading);
	free(p->counter);
	free(p->how);
	free(p->rewant);
	free(p->look);
	assert(p->nchange == 0); /* each device_go() is followed by phases_take() */
	free(p->change);
	free(p->tag_bus);
	free(p->tag_thread);
	free(p);
}

void plant_close(struct gateway *g)
{
	struct plant *p = g->plant;
	for (size_t i = 0; i < p->model->nbus; i++)
		plant_end_bus(p, &p->bus[i]);
}

void plant_ended(struct gateway *g, uint32_t tag)
{
	struct plant *p = g->plant;
	if (tag >= p->ntag || !p->tag_thread[tag])
		return;
	if (p->tag_bus[tag] >= 0 && !g->stopping) {
		/* never a silent half: the service manager starts us again */
		log_error("bus %s: its thread ended unexpectedly",
		          p->bus[p->tag_bus[tag]].conf->name);
		abort();
	}
	p->ending--;
	if (p->tag_bus[tag] >= 0)
		return; /* its plant_bus owns it: figures are still asked, commands still given */
	bus_destroy(p->tag_thread[tag]);
	p->tag_thread[tag] = NULL;
}

void plant_destroy(struct gateway *g)
{
	for (size_t i = 0; i < g->plant->model->nbus; i++)
		bus_destroy(g->plant->bus[i].bus);
	plant_release(g->plant);
	g->plant = NULL;
}

struct plant_bus *plant_bus_of_tag(struct plant *p, uint32_t tag)
{
	return tag < p->ntag && p->tag_bus[tag] >= 0 ? &p->bus[p->tag_bus[tag]] : NULL;
}

bool plant_alive(struct plant *p, us_t now, const char **which)
{
	for (size_t i = 0; i < p->model->nbus; i++) {
		struct bus_figures f;
		bus_figures(p->bus[i].bus, &f);
		if (now - f.stepped <= f.step_limit)
			continue;
		*which = p->bus[i].conf->name;
		return false;
	}
	return true;
}
