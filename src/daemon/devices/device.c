// SPDX-License-Identifier: MIT
#include "daemon/devices/device.h"

#include "core/modbus/words.h"
#include "daemon/base/log.h"
#include "daemon/devices/devid.h"
#include "daemon/devices/readings.h"
#include "daemon/devices/suspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDENTIFY_SOON (5 * US_S)   /* its identity is not known yet */
#define IDENTIFY_AGAIN (60 * US_S) /* it has said that it is another one */

char *device_error_text(const struct device_state *s, bool asked, char *buf, size_t size)
{
	if (asked)
		return failure_words_of(s->error, s->exception, &s->instead, &s->error_span,
		                        s->error_wrote, buf, size);
	return failure_words(s->error, s->exception, &s->instead, buf, size);
}

void device_state_text(const struct plant *p, uint32_t device, char *buf, size_t size)
{
	const struct device_state *s = &p->device[device];
	const struct plant_bus *b = &p->bus[p->model->device[device].bus];
	char error[WORDS_MAX];
	switch ((enum device_phase)s->phase) {
	case PHASE_DISABLED:
		snprintf(buf, size, "disabled");
		break;
	case PHASE_ONLINE:
		snprintf(buf, size, "online");
		if (s->suspected) {
			snprintf(buf, size, "online: wrong profile? ");
			suspect_text(p, device, buf + strlen(buf), size - strlen(buf));
		}
		break;
	case PHASE_MISMATCH:
		snprintf(buf, size, "offline: %s", s->identifies);
		break;
	case PHASE_IDENTIFYING:
		snprintf(buf, size, "offline: not identified yet");
		break;
	case PHASE_OFFLINE:
		if (b->held_offline)
			snprintf(buf, size, "offline: bus %s is held by %s", b->conf->name,
			         b->holder);
		else if (!b->up)
			snprintf(buf, size, "offline: bus %s is down", b->conf->name);
		else if (!s->error_at && !s->seen)
			snprintf(buf, size, "offline: not polled yet");
		else
			snprintf(buf, size, "offline: %s",
			         s->error_at ? device_error_text(s, false, error, sizeof error)
			                     : "no response");
		break;
	}
}

bool device_must_identify(const struct device *d)
{
	return ((d->identify_point >= 0 && d->nidentify) || d->ndevice_id) && !d->identify_ignore;
}

static void log_change(const struct gateway *g, uint32_t device, enum device_phase was,
                       const char *trouble)
{
	const struct device *d = &g->plant->model->device[device];
	const struct device_state *s = &g->plant->device[device];
	if (s->phase == PHASE_ONLINE)
		log_info("device %s: online", d->name);
	else if (was == PHASE_ONLINE && trouble)
		log_warn("device %s: offline: %s", d->name, trouble);
	if (s->phase == PHASE_MISMATCH)
		log_error("device %s: %s; stays offline; see xnetctl probe %s --id %u%s", d->name,
		          s->identifies, g->plant->bus[d->bus].conf->name, d->id,
		          device_must_identify(d) ? " (identify: ignore disables this check)" : "");
}

/* What was read of it before is no longer its own, or may not be: at the last response of the time
 * before; of another device all until it was known again. */
static us_t own_from(const struct plant *p, uint32_t device)
{
	const struct device *d = &p->model->device[device];
	const struct device_state *s = &p->device[device];
	const bool by_point = s->phase == PHASE_ONLINE && d->identify_point >= 0 && !d->ndevice_id;
	return by_point ? p->reading[d->point0 + (uint32_t)d->identify_point].at - 1 : s->seen;
}

void device_go(struct gateway *g, uint32_t device, enum device_phase phase, const char *trouble)
{
	struct plant *p = g->plant;
	struct device_state *s = &p->device[device];
	const enum device_phase was = s->phase;
	if (was == phase || was == PHASE_DISABLED)
		return;
	s->phase = (uint8_t)phase;
	s->since = g->now;
	if (phase == PHASE_OFFLINE || was == PHASE_MISMATCH)
		s->own_from = own_from(p, device);
	if (phase == PHASE_OFFLINE)
		devid_forget(s);
	g->status_changed = true;
	log_change(g, device, was, trouble);
	p->change = mem_grow(p->change, p->nchange + 1, sizeof *p->change);
	p->change[p->nchange++] = (struct phase_change){
		.device = device,
		.was = (uint8_t)was,
		.is = (uint8_t)phase,
	};
}

const char *device_forbids(const struct plant *p, uint32_t device)
{
	switch ((enum device_phase)p->device[device].phase) {
	case PHASE_MISMATCH:
		return "a different device responds at this unit id";
	case PHASE_OFFLINE:
	case PHASE_IDENTIFYING:
		return device_must_identify(&p->model->device[device])
		               ? "the device is not identified yet"
		               : NULL;
	case PHASE_DISABLED:
	case PHASE_ONLINE:
		break;
	}
	return NULL;
}

void device_mismatch(struct gateway *g, uint32_t device, const char *text)
{
	struct device_state *s = &g->plant->device[device];
	if (s->phase == PHASE_MISMATCH && strcmp(s->identifies, text) == 0)
		return;
	free(s->identifies);
	s->identifies = mem_strdup(text);
	s->phase = PHASE_IDENTIFYING; /* another mismatch is reported anew */
	device_go(g, device, PHASE_MISMATCH, text);
}

static void become_mismatch(struct gateway *g, uint32_t device, const char *as)
{
	char text[VALUE_PRINT_MAX + 32];
	snprintf(text, sizeof text, as ? "identifies as %s" : "does not report its identity", as);
	device_mismatch(g, device, text);
}

/* The text of the configuration may be written with other decimals than ours. */
static bool same(const char *is, const char *should)
{
	struct value a, b;
	const char *end_a, *end_b;
	if (strcmp(is, should) == 0)
		return true;
	return value_parse_number(is, &end_a, &a) && *end_a == '\0' &&
	       value_parse_number(should, &end_b, &b) && *end_b == '\0' &&
	       value_number(&a) == value_number(&b);
}

static bool identified(const struct device *d, const char *is)
{
	for (size_t i = 0; i < d->nidentify; i++) {
		const char *word = d->identify_word[i];
		if (d->identify_kind == IDENTIFY_STARTS ? strncmp(is, word, strlen(word)) == 0
		                                        : same(is, word))
			return true;
	}
	return false;
}

/* While it is not what it should be it is read again: just after power-up some return nothing, or
 * something else. */
static void ask_again(struct gateway *g, uint32_t device, us_t wait)
{
	const struct device *d = &g->plant->model->device[device];
	struct device_state *s = &g->plant->device[device];
	const struct span span = model_span(d, &d->set->point[d->identify_point]);
	if (g->now < s->identify_at)
		return;
	s->identify_at = g->now + wait;
	bus_demand(g->plant->bus[d->bus].bus, &span, g->now);
}

static void check_identity(struct gateway *g, uint32_t device)
{
	const struct device *d = &g->plant->model->device[device];
	const uint32_t point = d->point0 + (uint32_t)d->identify_point;
	const struct reading *r = &g->plant->reading[point];
	if (!r->known) {
		if (r->refused || d->set->point[d->identify_point].absent)
			become_mismatch(g, device, NULL);
		else if (g->plant->device[device].phase == PHASE_OFFLINE)
			device_go(g, device, PHASE_IDENTIFYING, NULL);
		ask_again(g, device, IDENTIFY_SOON);
		return;
	}
	char text[VALUE_PRINT_MAX];
	reading_text(g->plant, point, text, sizeof text);
	if (identified(d, text)) {
		device_go(g, device, PHASE_ONLINE, NULL);
		return;
	}
	if (g->plant->device[device].phase != PHASE_MISMATCH)
		g->plant->device[device].identify_at = g->now + IDENTIFY_SOON;
	become_mismatch(g, device, text);
	ask_again(g, device, r->quality == QUALITY_GOOD ? IDENTIFY_AGAIN : IDENTIFY_SOON);
}

static void still_walking(struct gateway *g, uint32_t device)
{
	if (g->plant->device[device].phase == PHASE_OFFLINE)
		device_go(g, device, PHASE_IDENTIFYING, NULL);
}

void device_answered(struct gateway *g, struct plant_bus *b, uint8_t unit)
{
	for (int32_t d = plant_first_of(b, unit); d >= 0; d = g->plant->device[d].next_on_unit) {
		const struct device *dev = &g->plant->model->device[d];
		if (b->held_offline && g->plant->device[d].phase == PHASE_OFFLINE)
			continue; /* it is not polled: until its line is released */
		if (g->plant->device[d].phase == PHASE_ONLINE)
			devid_texts(g, (uint32_t)d);
		if (!model_bound(dev))
			still_walking(g, (uint32_t)d);
		else if (!device_must_identify(dev))
			device_go(g, (uint32_t)d, PHASE_ONLINE, NULL);
		else if (g->plant->device[d].phase != PHASE_ONLINE && dev->ndevice_id)
			devid_check(g, (uint32_t)d);
		else if (g->plant->device[d].phase != PHASE_ONLINE)
			check_identity(g, (uint32_t)d);
	}
}
