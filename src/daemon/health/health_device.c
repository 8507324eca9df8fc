// SPDX-License-Identifier: MIT
#include "daemon/health/health_device.h"

#include "core/base/json.h"
#include "daemon/devices/device.h"
#include "daemon/health/health.h"
#include "mqtt/leaves.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put(struct gateway *g, const char *device, const char *topic, const char *text)
{
	assert(leaf_known(LEAF_DEVICE, topic)); /* else nothing would clear it */
	char path[160];
	snprintf(path, sizeof path, "device/%s/%s", device, topic);
	north_sys(g->north, path, text);
}

static void put_time(struct gateway *g, const char *device, const char *topic, us_t monotonic)
{
	/* whole seconds: converting twice must not look like a change */
	char text[JW_TIME_SIZE];
	jw_time_text((gateway_wall_of(monotonic) + 500) / 1000 * 1000, text);
	put(g, device, topic, text);
}

void health_device_carry(struct gateway *g, const struct model *old,
                         const struct device_health *from, struct device_health *to)
{
	for (size_t i = 0, next = 0; i < old->ndevice; i++) {
		const char *name = old->device[i].name;
		const int now = model_find_device_from(g->model, name, next);
		if (now >= 0) {
			next = (size_t)now + 1;
			to[now] = from[i];
			if (!g->plant->device[now].suspected)
				gateway_alert_end(g, ALERT_WARNING, ALERT_WRONG_PROFILE, name);
			continue;
		}
		gateway_alert_end(g, ALERT_FAULT, ALERT_WRONG_DEVICE, name);
		gateway_alert_end(g, ALERT_WARNING, ALERT_WRONG_PROFILE, name);
		gateway_alert_end(g, ALERT_WARNING, ALERT_FOREIGN_STATUS, name);
		gateway_alert_end(g, ALERT_WARNING, ALERT_SAFE_VALUE, name);
		for (size_t t = 0; leaf_name(LEAF_DEVICE, t); t++)
			put(g, name, leaf_name(LEAF_DEVICE, t), NULL);
	}
}

static void sample(struct device_health *h, const struct unit_figures *f)
{
	if (h->n && f->requests < h->asked[h->n - 1])
		h->n = 0; /* the bus was opened anew and counts anew */
	if (h->n == DEVICE_SAMPLES) {
		memmove(h->asked, h->asked + 1, sizeof h->asked - sizeof *h->asked);
		memmove(h->answered, h->answered + 1, sizeof h->answered - sizeof *h->answered);
		h->n--;
	}
	h->asked[h->n] = f->requests;
	h->answered[h->n++] = f->responses + f->exceptions;
}

static void publish_figures(struct gateway *g, uint32_t device, struct device_health *h)
{
	const struct device *d = &g->model->device[device];
	struct unit_figures f;
	if (!bus_unit_figures(g->plant->bus[d->bus].bus, d->id, &f))
		return;
	const struct {
		const char *topic;
		uint32_t n;
	} counters[] = {
		{"requests", f.requests},
		{"timeouts", f.timeouts},
		{"crc_errors", f.crc_errors},
		{"exceptions", f.exceptions},
	};
	char text[32];
	for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
		snprintf(text, sizeof text, "%" PRIu32, counters[i].n);
		put(g, d->name, counters[i].topic, text);
	}
	for (int k = 0; k < INSTEAD_KINDS; k++) {
		if (!f.instead[k] || !instead_topic((enum instead_kind)k))
			continue;
		snprintf(text, sizeof text, "%" PRIu32, f.instead[k]);
		put(g, d->name, instead_topic((enum instead_kind)k), text);
	}
	sample(h, &f);
	const uint32_t asked = f.requests - h->asked[0];
	const uint32_t answered = f.responses + f.exceptions - h->answered[0];
	if (asked) {
		snprintf(text, sizeof text, "%.2f",
		         answered < asked ? (double)answered / asked : 1.0);
		put(g, d->name, "quality", text);
	}
}

static uint32_t count_refused(const struct plant *p, const struct device *d)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < d->set->n; i++)
		n += p->reading[d->point0 + i].refused;
	return n;
}

static uint32_t count_stale(const struct plant *p, const struct device *d)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < d->set->n; i++)
		n += p->reading[d->point0 + i].quality == QUALITY_STALE;
	return n;
}

void health_device_state(struct gateway *g, uint32_t device)
{
	char text[VALUE_PRINT_MAX + 256];
	if (!health_on(g))
		return;
	device_state_text(g->plant, device, text, sizeof text);
	put(g, g->model->device[device].name, "state", text);
	put_time(g, g->model->device[device].name, "since", g->plant->device[device].since);
	put(g, g->model->device[device].name, "last_error",
	    device_error_text(&g->plant->device[device], true, text, sizeof text));
}

void health_device_publish(struct gateway *g, uint32_t device, struct device_health *h)
{
	const struct device *d = &g->model->device[device];
	const struct device_state *s = &g->plant->device[device];
	char text[64];
	if (!health_on(g))
		return;
	health_device_state(g, device);
	if (s->seen)
		put_time(g, d->name, "last_seen", s->seen);
	if (s->response.total) {
		response_text(&s->response, text, sizeof text);
		put(g, d->name, "response", text);
	}
	snprintf(text, sizeof text, "%" PRIu32, s->invalid);
	put(g, d->name, "invalid", text);
	snprintf(text, sizeof text, "%" PRIu32, count_stale(g->plant, d));
	put(g, d->name, "stale", text);
	snprintf(text, sizeof text, "%" PRIu32, count_refused(g->plant, d));
	put(g, d->name, "unsupported", text);
	if (d->enabled)
		publish_figures(g, device, h);
}

static const char *const types[] = {
	[TYPE_BOOL] = "bool",         [TYPE_STRING] = "string", [TYPE_BYTES] = "bytes",
	[TYPE_DATETIME] = "datetime", [TYPE_ARRAY] = "list",
};

static const char *type_of(const struct point *p)
{
	if (p->nlabel && p->source == SOURCE_REGISTER)
		return p->codec.type == TYPE_BOOL ? "bool" : "enum";
	const unsigned n = sizeof types / sizeof *types;
	if (p->source != SOURCE_EXPR && p->codec.type < n && types[p->codec.type])
		return types[p->codec.type];
	return "number";
}

static void info_write(struct json *j, const struct write_rule *w)
{
	jw_bool(j, "writable", w != NULL);
	if (!w)
		return;
	if (w->has_min)
		jw_real(j, "min", w->min);
	if (w->has_max)
		jw_real(j, "max", w->max);
	if (w->has_step)
		jw_real(j, "step", w->step);
	if (w->confirm)
		jw_string(j, "confirm", w->confirm);
}

static void optional(struct json *j, const char *name, const char *text)
{
	if (text)
		jw_string(j, name, text);
}

static void info_point(struct json *j, const struct point *p)
{
	jw_open(j, NULL, '{');
	jw_string(j, "name", p->name);
	jw_string(j, "type", type_of(p));
	optional(j, "unit", p->unit);
	optional(j, "description", p->description);
	optional(j, "class", p->class_);
	info_write(j, p->write);
	if (p->nlabel) {
		jw_open(j, "labels", '[');
		for (uint16_t i = 0; i < p->nlabel; i++)
			jw_string(j, NULL, p->label[i].text);
		jw_close(j, ']');
	}
	jw_close(j, '}');
}

/* What a later life finds no retained message of. */
static void info_unretained(struct json *j, const struct mqtt_conf *c, const struct device *d)
{
	jw_open(j, "unretained", '[');
	for (int64_t i = -1; i < (int64_t)d->set->n; i++) {
		const struct point *p = i < 0 ? NULL : &d->set->point[i];
		if (p ? p->retain || p->hidden : c->retain)
			continue;
		jw_open(j, NULL, '{');
		jw_string(j, "name", p ? p->name : "status");
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

void health_device_info(struct gateway *g, uint32_t device)
{
	const struct device *d = &g->model->device[device];
	struct json j = {0};
	jw_open(&j, NULL, '{');
	optional(&j, "title", d->title);
	optional(&j, "vendor", d->vendor);
	optional(&j, "model", d->model);
	optional(&j, "profile", d->profile);
	jw_string(&j, "bus", g->model->bus[d->bus].name);
	jw_int(&j, "id", d->id);
	jw_open(&j, "points", '[');
	for (uint32_t i = 0; i < d->set->n; i++)
		if (!d->set->point[i].hidden && !d->set->point[i].absent &&
		    d->set->point[i].filter.mode != PUBLISH_NEVER)
			info_point(&j, &d->set->point[i]);
	jw_close(&j, ']');
	info_unretained(&j, &g->model->mqtt, d);
	jw_close(&j, '}');
	char path[160];
	snprintf(path, sizeof path, "device/%s/info", d->name);
	north_sys_passing(g->north, path, j.text);
	jw_free(&j);
}
