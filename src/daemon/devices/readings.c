// SPDX-License-Identifier: MIT
#include "daemon/devices/readings.h"

#include "core/command/command.h"
#include "daemon/base/log.h"
#include "daemon/devices/confirm.h"
#include "daemon/devices/suspect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t local(const struct plant *p, uint32_t point)
{
	return point - plant_device(p, point)->point0;
}

static struct device_state *state_of(struct plant *p, uint32_t point)
{
	return &p->device[p->reading[point].device];
}

static bool is_number(const struct value *v)
{
	return v->kind == VALUE_DECIMAL || v->kind == VALUE_REAL;
}

/* Takes a copy of a text; false: it is the same value as before. */
static bool store(struct reading *r, const struct value *v)
{
	if (value_same(&r->value, v))
		return false;
	if (r->value.kind == VALUE_TEXT)
		free((char *)r->value.text);
	r->value = *v;
	if (v->kind == VALUE_TEXT)
		r->value.text = mem_strdup(v->text);
	return true;
}

uint16_t *reading_raw(struct reading *r, unsigned n)
{
	return n > RAW_INLINE ? r->words : r->word;
}

void reading_forget(struct reading *r)
{
	r->known = false;
	r->parts = 0;
	r->undecoded = false;
}

void reading_overwritten(struct reading *r)
{
	reading_forget(r);
	r->overwritten = true;
	r->filter.published = 0; /* the next value is news, however near to the last */
}

void reading_text(const struct plant *p, uint32_t point, char *buf, size_t size)
{
	const struct reading *r = &p->reading[point];
	const struct value none = value_none();
	point_print(plant_point(p, point), r->quality == QUALITY_GOOD ? &r->value : &none, NULL,
	            buf, size);
}

void reading_alert(struct plant *p, uint32_t point)
{
	const struct point *pt = plant_point(p, point);
	struct device_state *s = state_of(p, point);
	const struct reading *r = &p->reading[point];
	if (!point_alerts(pt) || r->quality == QUALITY_NEVER)
		return;
	const double x = value_number(&r->value);
	const bool active =
		r->quality == QUALITY_GOOD && (pt->poll != POLL_ON_DEMAND || r->asked) &&
		(r->value.kind == VALUE_BOOL ? r->value.mant != 0 : !isnan(x) && x != 0);
	const struct alert a = {
		.kind = pt->alert,
		.code = pt->alert_code,
		.desc = pt->alert_desc ? pt->alert_desc : pt->name,
		.source = pt->name, /* several points may share a code */
	};
	if (active ? alerts_raise(s->alerts, &a)
	           : alerts_clear(s->alerts, a.kind, a.code, pt->name)) {
		s->alerts_changed = true;
		plant_look(p, r->device);
	}
}

void reading_reset(struct plant *p, uint32_t point)
{
	struct reading *r = &p->reading[point];
	const struct value none = value_none();
	reading_forget(r);
	store(r, &none);
	r->quality = QUALITY_NONE;
	reading_alert(p, point);
	r->quality = QUALITY_NEVER;
	r->at = 0;
	r->refused = r->rounded = r->implausible = false;
	r->filter.published = 0;
	struct counter *c = plant_counter(p, point);
	if (c)
		*c = (struct counter){0};
}

/* Its last reading as the northbounds want it; text: as reading_text() gives it. */
static struct north_value north_of(const struct plant *p, uint32_t point, const char *text,
                                   bool again)
{
	static const struct value none = {.kind = VALUE_NONE};
	const struct reading *r = &p->reading[point];
	return (struct north_value){
		.device = r->device,
		.point = local(p, point),
		.text = text,
		.value = r->quality == QUALITY_GOOD ? &r->value : &none,
		.unix_ms = gateway_wall_of(r->at),
		.again = again,
	};
}

static void publish(struct gateway *g, uint32_t point, bool again)
{
	struct plant *p = g->plant;
	struct reading *r = &p->reading[point];
	const struct point *pt = plant_point(p, point);
	if (state_of(p, point)->phase != PHASE_ONLINE || r->quality == QUALITY_NEVER ||
	    pt->filter.mode == PUBLISH_NEVER || pt->hidden)
		return;
	char text[VALUE_PRINT_MAX];
	again |= r->publish_next;
	const bool lasting = pt->poll != POLL_ON_DEMAND || r->asked;
	if (!lasting && !again)
		return; /* a read for others passed over it */
	reading_text(p, point, text, sizeof text);
	r->publish_next = false;
	const bool changed = north_differs(g->north, r->device, local(p, point), text);
	if (!again && !filter_pass(&r->filter, &pt->filter, &r->value, changed, g->now)) {
		/* what was held back is looked at again with the next read, though that be equal */
		r->known &= !changed;
		return;
	}
	filter_published(&r->filter, &pt->filter, &r->value, g->now);
	const struct north_value v = north_of(p, point, text, true);
	if (lasting)
		north_value(g->north, &v);
	else /* it would not be renewed */
		north_passing(g->north, &v);
	if (pt->history)
		north_history(g->north, v.device, v.point, text, v.unix_ms);
}

void reading_publish_again(struct gateway *g, uint32_t point)
{
	publish(g, point, true);
}

/* What the device reports about itself (serial number, firmware) is not what it was before: what
 * was learned of its registers may be wrong now. */
static void forget_learnt(struct gateway *g, uint32_t point)
{
	const struct device *d = plant_device(g->plant, point);
	log_info("device %s: %s changed, so it may have been replaced: learned state discarded",
	         d->name, plant_point(g->plant, point)->name);
	bus_forget(g->plant->bus[d->bus].bus, d->id);
}

void reading_settle(struct gateway *g, uint32_t point, struct value v, us_t at)
{
	struct plant *p = g->plant;
	struct reading *r = &p->reading[point];
	const struct point *pt = plant_point(p, point);
	struct device_state *s = state_of(p, point);
	const double x = value_number(&v);
	if (suspect_invalid(s, r, pt, &v))
		v = value_none();
	if (pt->counter && is_number(&v) && !confirm_pass(g, point, x, at)) {
		r->known = false; /* the second read must be looked at, though it be equal */
		return;
	}
	if (pt->period == PERIOD_ONCE && !pt->write && r->quality == QUALITY_GOOD &&
	    v.kind != VALUE_NONE && !value_same(&r->value, &v))
		forget_learnt(g, point);
	r->at = at;
	r->quality = v.kind == VALUE_NONE ? QUALITY_NONE : QUALITY_GOOD;
	if (store(r, &v) || pt->alert != ALERT_NONE)
		reading_alert(p, point);
	publish(g, point, false);
}

/* Nothing new in the registers: only what a clock demands. */
static void renew(struct gateway *g, uint32_t point, struct reading *r, const struct point *pt,
                  us_t at)
{
	r->at = at;
	if (r->publish_next || pt->filter.mode == PUBLISH_ALWAYS ||
	    (pt->filter.heartbeat && g->now - r->filter.published >= pt->filter.heartbeat))
		publish(g, point, false);
}

static void note_read(struct plant *p, struct reading *r, const struct point *pt, us_t at)
{
	struct device_state *s = &p->device[r->device];
	plant_touch(p, r->device);
	if (at > s->newest)
		s->newest = at;
	if (pt->period != s->round)
		return;
	s->repeated |= r->rounded;
	r->rounded = true;
}

static void demand_part(struct gateway *g, uint32_t point, unsigned part)
{
	const struct device *d = plant_device(g->plant, point);
	const struct span s = model_part(d, plant_point(g->plant, point), part);
	bus_demand(g->plant->bus[d->bus].bus, &s, g->now);
}

/* A number whose two words come with two reads: it is one only where the more significant word was
 * the same before and after the other. What the order of the polls does not bring is requested.
 * False: not yet. */
static bool join_parts(struct gateway *g, uint32_t point, const struct span *block,
                       const uint16_t *words, uint16_t *now)
{
	struct reading *r = &g->plant->reading[point];
	const struct point *pt = plant_point(g->plant, point);
	const unsigned high = pt->addr[0];
	if (high < block->addr || high >= block->addr + block->count) {
		r->word[3] = model_word(block, words, pt->addr[1]);
		r->parts |= PART_LOW;
		if (r->parts & PART_HIGH && (high < pt->addr[1] || r->parts & PART_ASKED))
			demand_part(g, point, 0);
		return false;
	}
	now[0] = model_word(block, words, high);
	now[1] = r->word[3];
	const bool had_both = (r->parts & PART_HIGH) && (r->parts & PART_LOW);
	const bool whole = had_both && r->word[2] == now[0];
	const bool ask = !whole && !r->known && !(r->parts & PART_ASKED);
	r->word[2] = now[0];
	r->parts = PART_HIGH | (whole ? 0 : r->parts & PART_ASKED);
	if (ask) {
		r->parts |= PART_ASKED;
		demand_part(g, point, 1);
	}
	return whole;
}

static void take_words(struct gateway *g, uint32_t point, const struct point *pt,
                       const uint16_t *now, us_t at)
{
	struct plant *p = g->plant;
	struct reading *r = &p->reading[point];
	const unsigned n = plant_raw_words(pt);
	note_read(p, r, pt, at);
	r->refused = r->overwritten = false;
	const bool elsewhere = point_derives(pt);
	if (r->known && !elsewhere && memcmp(reading_raw(r, n), now, n * sizeof *now) == 0) {
		renew(g, point, r, pt, at);
		return;
	}
	memcpy(reading_raw(r, n), now, n * sizeof *now);
	r->known = true;
	if (elsewhere) {
		r->at = at;
		r->undecoded = true;
		return;
	}
	char text[VALUE_TEXT_MAX];
	struct value v;
	codec_decode(&pt->codec, now, text, &v);
	reading_settle(g, point, v, at);
}

void reading_take(struct gateway *g, uint32_t point, const struct span *block,
                  const uint16_t *words, us_t at)
{
	const struct point *pt = plant_point(g->plant, point);
	if (pt->parts != 2 && !table_is_bits(block->table)) { /* as most: they lie there as one */
		take_words(g, point, pt, words + (pt->addr[0] - block->addr), at);
		return;
	}
	const struct span s = model_span(plant_device(g->plant, point), pt);
	uint16_t now[CELLS_MAX];
	if (block->addr <= s.addr && block->addr + block->count >= s.addr + s.count)
		model_gather(pt, block, words, now);
	else if (!join_parts(g, point, block, words, now))
		return;
	take_words(g, point, pt, now, at);
}

void reading_none(struct gateway *g, uint32_t point, enum quality q)
{
	struct plant *p = g->plant;
	struct reading *r = &p->reading[point];
	const struct point *pt = plant_point(p, point);
	const struct value none = value_none();
	const bool ends = pt->history && r->quality == QUALITY_GOOD && !pt->hidden &&
	                  pt->filter.mode != PUBLISH_NEVER;
	reading_forget(r);
	store(r, &none);
	r->quality = (uint8_t)q;
	r->filter.published = 0; /* the next value is news, however near to the last */
	plant_touch(p, r->device);
	reading_alert(p, point);
	north_none(g->north, r->device, local(p, point));
	if (ends) /* else the gap would look like a value that did not change */
		north_history(g->north, r->device, local(p, point), "None",
		              gateway_wall_of(g->now));
}

void readings_publish_device(struct gateway *g, uint32_t device)
{
	struct plant *p = g->plant;
	const struct device *d = &p->model->device[device];
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct reading *r = &p->reading[d->point0 + i];
		const bool passed_over = d->set->point[i].poll == POLL_ON_DEMAND && !r->asked;
		if (r->known && !r->undecoded && !passed_over)
			publish(g, d->point0 + i, true);
	}
}

void readings_forget_device(struct plant *p, uint32_t device)
{
	const struct device *d = &p->model->device[device];
	for (uint32_t i = 0; i < d->set->n; i++)
		reading_forget(&p->reading[d->point0 + i]);
}

static bool published_when_offline(const struct device *d, uint32_t point)
{
	for (size_t i = 0; i < d->noffline; i++)
		if (d->offline[i].point == point)
			return true;
	return false;
}

/* Of a device that is away: is what was read last its own? Else another one may have said it. */
static bool last_word(const struct plant *p, uint32_t device)
{
	return p->device[device].phase == PHASE_OFFLINE &&
	       p->model->device[device].identify_point < 0 && !p->model->device[device].ndevice_id;
}

static void publish_current(struct gateway *g, uint32_t device, uint32_t point)
{
	const struct plant *p = g->plant;
	const struct device *d = &p->model->device[device];
	const struct point *pt = &d->set->point[point];
	struct reading *r = &p->reading[d->point0 + point];
	char text[VALUE_PRINT_MAX];
	if (pt->absent || pt->hidden || pt->filter.mode == PUBLISH_NEVER)
		return;
	if (pt->poll == POLL_ON_DEMAND && !r->asked) {
		if (north_differs(g->north, device, point,
		                  "None")) /* whatever neighbours brought */
			north_none(g->north, device, point);
		return;
	}
	if (r->quality == QUALITY_NEVER || command_holds(g->table, d->point0 + point, r->at) ||
	    (p->device[device].phase != PHASE_ONLINE && !last_word(p, device)))
		return;
	reading_text(p, d->point0 + point, text, sizeof text);
	if (!north_differs(g->north, device, point, text))
		return;
	filter_published(&r->filter, &pt->filter, &r->value, g->now);
	const struct north_value v = north_of(p, d->point0 + point, text, false);
	north_value(g->north, &v);
}

void readings_publish_current(struct gateway *g, bool changed)
{
	for (uint32_t i = 0; i < g->plant->model->ndevice; i++) {
		if (changed && g->plant->device[i].same)
			continue;
		const struct device *d = &g->plant->model->device[i];
		const bool online = g->plant->device[i].phase == PHASE_ONLINE;
		for (uint32_t k = 0; k < d->set->n; k++)
			if (online || !published_when_offline(d, k))
				publish_current(g, i, k);
		if (!online)
			readings_publish_offline(g, i);
	}
}

/* As it would be published had it been read: a profile writes 0, the point's decimals make it 0.00.
 */
static struct value print_configured(const struct point *pt, const char *text, char *buf,
                                     size_t size)
{
	struct value v;
	const char *end;
	if (value_parse_number(text, &end, &v) && *end == '\0') {
		point_print(pt, &v, NULL, buf, size);
		return v;
	}
	snprintf(buf, size, "%s", text);
	return (struct value){.kind = VALUE_TEXT, .text = buf};
}

void readings_publish_offline(struct gateway *g, uint32_t device)
{
	struct plant *p = g->plant;
	const struct device *d = &p->model->device[device];
	for (size_t i = 0; i < d->noffline; i++) {
		const uint32_t point = d->offline[i].point;
		char text[VALUE_PRINT_MAX];
		if (d->set->point[point].absent)
			continue;
		const struct value v = print_configured(&d->set->point[point], d->offline[i].value,
		                                        text, sizeof text);
		north_value(g->north,
		            &(struct north_value){
				    .device = device, .point = point, .text = text, .value = &v});
		p->reading[d->point0 + point].filter.published = 0;
	}
}
