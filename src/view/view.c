// SPDX-License-Identifier: MIT
#include "view/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/text.h"
#include "core/base/topic.h"
#include "view/inside.h"

#define NAME_MAX 64 /* bytes; core/model/model.h allows no longer ones */

struct view *view_create(const char *prefix)
{
	struct view *v = mem_alloc(1, sizeof *v);

	v->prefix = mem_strdup(prefix);
	return v;
}

/* -- memory ------------------------------------------------------------------------------------ */

static void free_point(struct view_point *p)
{
	free(p->name);
	free(p->text);
	view_point_undescribe(p);
}

static void free_device(struct view_device *d)
{
	for (size_t i = 0; i < d->npoint; i++)
		free_point(&d->point[i]);
	for (size_t i = 0; i < d->nclaim; i++)
		facts_free(&d->claim[i].facts);
	view_device_undescribe(d);
	view_alerts_free(d);
	names_free(&d->names);
	free(d->point);
	free(d->name);
}

static void free_gateway(struct view_gateway *g)
{
	for (size_t i = 0; i < g->nbus; i++) {
		facts_free(&g->bus[i].facts);
		free(g->bus[i].name);
	}
	facts_free(&g->facts);
	free(g->name);
}

void view_clear(struct view *v)
{
	for (size_t i = 0; i < v->ndevice; i++)
		free_device(&v->device[i]);
	for (size_t i = 0; i < v->ngateway; i++)
		free_gateway(&v->gateway[i]);
	free(v->device);
	free(v->gateway);
	v->device = NULL;
	v->gateway = NULL;
	v->ndevice = v->ngateway = v->npoint = 0;
	names_free(&v->devices);
	names_free(&v->gateways);
	v->epoch = ++v->rev;
	v->ignored = 0;
	v->full = false;
}

void view_destroy(struct view *v)
{
	if (!v)
		return;
	view_clear(v);
	for (size_t i = 0; i < VIEW_LOG; i++) {
		free(v->log[i].source);
		free(v->log[i].text);
	}
	free(v->prefix);
	free(v);
}

/* -- find or make ------------------------------------------------------------------------------ */

static const char *gateway_at(const void *array, size_t i)
{
	return ((const struct view_gateway *)array)[i].name;
}

static const char *device_at(const void *array, size_t i)
{
	return ((const struct view_device *)array)[i].name;
}

static const char *point_at(const void *array, size_t i)
{
	return ((const struct view_point *)array)[i].name;
}

static char *copy_name(const char *name, size_t len)
{
	char *s = mem_alloc(len + 1, 1);
	memcpy(s, name, len);
	return s;
}

/* Could it be one of a gateway's, and be shown anywhere? */
static bool fit(const char *name, size_t len)
{
	return len > 0 && len <= NAME_MAX && text_plain(name, len);
}

static bool full(struct view *v, bool reached)
{
	v->full |= reached;
	return reached;
}

static struct view_gateway *make_gateway(struct view *v, const char *name, size_t len)
{
	const long at = names_find(&v->gateways, gateway_at, v->gateway, name, len);

	if (at >= 0)
		return &v->gateway[at];
	if (!fit(name, len) || full(v, v->ngateway == VIEW_GATEWAYS))
		return NULL;
	v->gateway = mem_grow(v->gateway, v->ngateway + 1, sizeof *v->gateway);
	v->gateway[v->ngateway] = (struct view_gateway){.name = copy_name(name, len)};
	names_add(&v->gateways, gateway_at, v->gateway);
	return &v->gateway[v->ngateway++];
}

static struct view_device *make_device(struct view *v, const char *name, size_t len)
{
	const long at = names_find(&v->devices, device_at, v->device, name, len);

	if (at >= 0)
		return &v->device[at];
	if (!fit(name, len) || full(v, v->ndevice == VIEW_DEVICES))
		return NULL;
	if (v->ndevice % 64 == 0)
		v->device = mem_grow(v->device, v->ndevice + 64, sizeof *v->device);
	v->device[v->ndevice] = (struct view_device){.name = copy_name(name, len), .unit = -1};
	names_add(&v->devices, device_at, v->device);
	return &v->device[v->ndevice++];
}

struct view_point *view_make_point(struct view *v, struct view_device *d, const char *name,
                                   size_t len)
{
	const long at = names_find(&d->names, point_at, d->point, name, len);

	if (at >= 0)
		return &d->point[at];
	if (!fit(name, len) || full(v, v->npoint == VIEW_POINTS))
		return NULL;
	if (d->npoint % 16 == 0)
		d->point = mem_grow(d->point, d->npoint + 16, sizeof *d->point);
	d->point[d->npoint] = (struct view_point){.name = copy_name(name, len)};
	names_add(&d->names, point_at, d->point);
	v->npoint++;
	return &d->point[d->npoint++];
}

static struct view_bus *make_bus(struct view *v, struct view_gateway *g, const char *name,
                                 size_t len)
{
	for (size_t i = 0; i < g->nbus; i++)
		if (strncmp(g->bus[i].name, name, len) == 0 && g->bus[i].name[len] == '\0')
			return &g->bus[i];
	if (!fit(name, len) || full(v, g->nbus == VIEW_BUSES))
		return NULL;
	g->bus[g->nbus] = (struct view_bus){.name = copy_name(name, len)};
	return &g->bus[g->nbus++];
}

static struct view_claim *make_claim(struct view_device *d, uint32_t gateway)
{
	for (size_t i = 0; i < d->nclaim; i++)
		if (d->claim[i].gateway == gateway)
			return &d->claim[i];
	if (d->nclaim == VIEW_CLAIMS)
		return NULL;
	d->claim[d->nclaim] = (struct view_claim){.gateway = gateway};
	return &d->claim[d->nclaim++];
}

struct view_gateway *view_gateway(const struct view *v, const char *name)
{
	const long at = names_find(&v->gateways, gateway_at, v->gateway, name, strlen(name));
	return at < 0 ? NULL : &v->gateway[at];
}

struct view_device *view_device(const struct view *v, const char *name)
{
	const long at = names_find(&v->devices, device_at, v->device, name, strlen(name));
	return at < 0 ? NULL : &v->device[at];
}

struct view_point *view_point(const struct view_device *d, const char *name)
{
	const long at = names_find(&d->names, point_at, d->point, name, strlen(name));
	return at < 0 ? NULL : &d->point[at];
}

/* -- the log ----------------------------------------------------------------------------------- */

void view_log(struct view *v, enum view_event kind, bool bad, const char *source, const char *text,
              int64_t wall)
{
	struct view_entry *e = &v->log[v->nlog++ % VIEW_LOG];

	free(e->source);
	free(e->text);
	*e = (struct view_entry){
		.rev = ++v->rev,
		.wall = wall,
		.kind = kind,
		.bad = bad,
		.source = mem_strdup(source),
		.text = mem_strdup(text),
	};
}

/* -- messages ---------------------------------------------------------------------------------- */

static bool take_status(struct view *v, struct view_device *d, const struct view_message *m)
{
	const enum view_status was = d->status;

	d->status = m->len == 6 && memcmp(m->payload, "online", 6) == 0    ? VIEW_ONLINE
	            : m->len == 7 && memcmp(m->payload, "offline", 7) == 0 ? VIEW_OFFLINE
	                                                                   : VIEW_UNKNOWN;
	if (d->status == was)
		return false;
	d->rev = ++v->rev;
	if (!m->retained && d->status != VIEW_UNKNOWN)
		view_log(v, VIEW_STATUS, d->status == VIEW_OFFLINE, d->name,
		         d->status == VIEW_ONLINE ? "online" : "offline", m->wall);
	return true;
}

static bool take_value(struct view *v, struct view_device *d, const char *name, size_t len,
                       const struct view_message *m)
{
	char text[VIEW_TEXT];
	struct view_point *p;

	if (m->len == 0 && names_find(&d->names, point_at, d->point, name, len) < 0)
		return false;
	p = view_make_point(v, d, name, len);
	if (!p) {
		v->ignored++;
		return false;
	}
	text_clean(m->payload, m->len, text, sizeof text);
	free(p->text);
	p->text = m->len ? mem_strdup(text) : NULL;
	p->at = m->retained || !m->len ? 0 : m->now;
	if (p->at)
		d->seen = m->now;
	p->rev = ++v->rev;
	return true;
}

/* sts/<name>/<leaf> */
static bool take_sts(struct view *v, const struct topic_levels *t, const struct view_message *m)
{
	struct view_device *d;

	if (t->n != 3)
		return false;
	if (m->len == 0 && names_find(&v->devices, device_at, v->device, t->at[1], t->len[1]) < 0)
		return false;
	d = make_device(v, t->at[1], t->len[1]);
	if (!d) {
		v->ignored++;
		return false;
	}
	if (topic_is(t, 2, "status"))
		return take_status(v, d, m);
	if (topic_is(t, 2, "Alerts"))
		return view_take_alerts(v, d, m);
	if (topic_is(t, 2, "Nak"))
		return view_take_nak(v, d, m);
	return take_value(v, d, t->at[2], t->len[2], m);
}

static bool take_device_fact(struct view *v, size_t gateway, const struct topic_levels *t,
                             const char *end, const struct view_message *m)
{
	if (m->len == 0 && names_find(&v->devices, device_at, v->device, t->at[3], t->len[3]) < 0)
		return false;
	struct view_device *d = make_device(v, t->at[3], t->len[3]);
	struct view_claim *c = d ? make_claim(d, (uint32_t)gateway) : NULL;

	if (!c) {
		v->ignored++;
		return false;
	}
	if (topic_is(t, 4, "info") && t->n == 5)
		return view_take_info(v, d, c, m);
	if (!facts_set(&c->facts, t->at[4], (size_t)(end - t->at[4]), m->payload, m->len))
		return false;
	d->rev = ++v->rev;
	return true;
}

static bool take_bus_fact(struct view *v, struct view_gateway *g, const struct topic_levels *t,
                          const char *end, const struct view_message *m)
{
	struct view_bus *b = make_bus(v, g, t->at[3], t->len[3]);

	if (!b || !facts_set(&b->facts, t->at[4], (size_t)(end - t->at[4]), m->payload, m->len))
		return false;
	g->rev = ++v->rev;
	return true;
}

/* $SYS/<gateway>/… */
static bool take_sys(struct view *v, const struct topic_levels *t, const struct view_message *m)
{
	const char *end = m->topic + strlen(m->topic);
	struct view_gateway *g;

	if (t->n < 3 || t->n > TOPIC_LEVELS)
		return false;
	if (m->len == 0 &&
	    names_find(&v->gateways, gateway_at, v->gateway, t->at[1], t->len[1]) < 0)
		return false;
	g = make_gateway(v, t->at[1], t->len[1]);
	if (!g) {
		v->ignored++;
		return false;
	}
	if (t->n > 4 && topic_is(t, 2, "device"))
		return take_device_fact(v, (size_t)(g - v->gateway), t, end, m);
	if (t->n > 4 && topic_is(t, 2, "bus"))
		return take_bus_fact(v, g, t, end, m);
	if (!facts_set(&g->facts, t->at[2], (size_t)(end - t->at[2]), m->payload, m->len))
		return false;
	if (t->n == 3 && topic_is(t, 2, "time")) {
		g->time = view_time(facts_text(&g->facts, "time", ""));
		g->time_at = m->now;
	}
	g->rev = ++v->rev;
	return true;
}

bool view_take(struct view *v, const struct view_message *m)
{
	struct topic_levels t;

	if (!topic_split(m->topic, v->prefix, &t) || t.n < 2)
		return false;
	if (topic_is(&t, 0, "sts"))
		return take_sts(v, &t, m);
	return topic_is(&t, 0, "$SYS") && take_sys(v, &t, m);
}

void view_filters(const struct view *v, char filter[VIEW_FILTERS][VIEW_FILTER_SIZE])
{
	snprintf(filter[0], VIEW_FILTER_SIZE, "%s/sts/#", v->prefix);
	snprintf(filter[1], VIEW_FILTER_SIZE, "%s/$SYS/#", v->prefix);
}
