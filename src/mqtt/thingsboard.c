// SPDX-License-Identifier: MIT
#include "mqtt/thingsboard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"

#define GATHER (200 * US_MS)     /* values of so long go in one message */
#define GATHER_ITEMS 2000        /* or so many */
#define MESSAGE_MAX (32u * 1024) /* the server's own limit is 64 KiB, with one sample more */

#define CONNECT "v1/gateway/connect"
#define DISCONNECT "v1/gateway/disconnect"
#define TELEMETRY "v1/gateway/telemetry"
#define ATTRIBUTES "v1/gateway/attributes"
#define OWN_ATTRIBUTES "v1/devices/me/attributes"

/* A slot holds the last text only, and is sent again after each connect. key: see outbox_slot. */
static slot_t slot_for(struct tb *t, const char *topic, const char *key, enum slot_class c)
{
	char *full = mem_alloc(strlen(topic) + strlen(key) + 2, 1);
	sprintf(full, "%s\n%s", topic, key);
	const slot_t s = outbox_slot(t->outbox, full, c, 1, false);
	free(full);
	return s;
}

/* -- telemetry --------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct tb_item *x = a, *y = b;
	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->unix_ms != y->unix_ms)
		return x->unix_ms < y->unix_ms ? -1 : 1;
	if (x->point != y->point)
		return x->point < y->point ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static bool same_sample(const struct tb_item *a, const struct tb_item *b)
{
	return a->device == b->device && a->unix_ms == b->unix_ms;
}

/* A key keeps its type: texts stay texts, also where they look like numbers. */
static void put_value(struct json *j, const struct point *p, const char *text)
{
	if (p->source == SOURCE_REGISTER && p->codec.type == TYPE_ARRAY && text[0] == '[')
		jw_raw(j, p->name, text);
	else if (point_is_words(p))
		jw_string(j, p->name, text);
	else if (strcmp(text, "on") == 0 || strcmp(text, "off") == 0)
		jw_bool(j, p->name, text[1] == 'n');
	else
		jw_value(j, p->name, text);
}

/* {"ts":…,"values":{…}}; gives the first item behind it. Of two values of a point the last. */
static size_t put_sample(struct tb *t, size_t i)
{
	const size_t first = i;
	const struct pointset *set = t->model->device[t->item[i].device].set;
	jw_open(&t->json, NULL, '{');
	jw_int(&t->json, "ts", t->item[i].unix_ms);
	jw_open(&t->json, "values", '{');
	for (; i < t->nitem && same_sample(&t->item[first], &t->item[i]); i++) {
		const struct tb_item *item = &t->item[i], *next = item + 1;
		if (t->json.len >= MESSAGE_MAX && i > first)
			break;
		if (i + 1 == t->nitem || !same_sample(item, next) || next->point != item->point)
			put_value(&t->json, &set->point[item->point], t->text + item->text);
	}
	jw_close(&t->json, '}');
	jw_close(&t->json, '}');
	return i;
}

/* "device":[…] */
static size_t put_device(struct tb *t, size_t i)
{
	const uint32_t device = t->item[i].device;
	jw_open(&t->json, t->device[device].name, '[');
	do
		i = put_sample(t, i);
	while (i < t->nitem && t->item[i].device == device && t->json.len < MESSAGE_MAX);
	jw_close(&t->json, ']');
	return i;
}

/* As history: kept while the connection is down, the oldest goes first when there is no room. */
static void post_in_order(struct tb *t, const char *topic, const char *payload)
{
	outbox_post(t->outbox,
	            &(struct post){.topic = topic, .payload = payload, .qos = 1, .history = true});
}

static void begin_json(struct tb *t, const char *device)
{
	jw_reset(&t->json);
	jw_open(&t->json, NULL, '{');
	jw_string(&t->json, "device", device);
}

static void post_disconnect(struct tb *t, const char *name)
{
	begin_json(t, name);
	jw_close(&t->json, '}');
	post_in_order(t, DISCONNECT, t->json.text);
}

/* Behind their last values, which would connect them again. */
static void post_leaving(struct tb *t)
{
	for (size_t i = 0; t->leaving && i < t->ndevice; i++) {
		if (t->device[i].leaving)
			post_disconnect(t, t->device[i].name);
		t->device[i].leaving = false;
	}
	t->leaving = false;
}

static void flush(struct tb *t)
{
	if (t->nitem)
		qsort(t->item, t->nitem, sizeof *t->item, by_place);
	for (size_t i = 0; i < t->nitem;) {
		jw_reset(&t->json);
		jw_open(&t->json, NULL, '{');
		while (i < t->nitem && t->json.len < MESSAGE_MAX)
			i = put_device(t, i);
		jw_close(&t->json, '}');
		post_in_order(t, TELEMETRY, t->json.text);
	}
	t->nitem = 0;
	t->text_len = 0;
	post_leaving(t);
}

static size_t keep_text(struct tb *t, const char *text)
{
	const size_t n = strlen(text) + 1, at = t->text_len;
	if (at + n > t->text_room) {
		t->text_room = 2 * (at + n);
		t->text = mem_grow(t->text, t->text_room, 1);
	}
	memcpy(t->text + at, text, n);
	t->text_len += n;
	return at;
}

static bool is_published(const struct point *p)
{
	return !p->hidden && !p->absent && p->filter.mode != PUBLISH_NEVER;
}

static void passing(void *self, const struct north_value *v)
{
	struct tb *t = self;
	const struct tb_device *s = &t->device[v->device];
	const struct point *p = &t->model->device[v->device].set->point[v->point];
	if ((!s->online && !s->leaving) || !is_published(p) || v->value->kind == VALUE_NONE ||
	    strcmp(v->text, "None") == 0)
		return; /* a key without a value: the server keeps the last one, with its time */
	if (t->nitem == t->item_room) {
		t->item_room = t->item_room ? 2 * t->item_room : 64;
		t->item = mem_grow(t->item, t->item_room, sizeof *t->item);
	}
	if (t->nitem == 0)
		t->flush_at = t->clock->now + GATHER;
	t->item[t->nitem] = (struct tb_item){.device = v->device,
	                                     .point = v->point,
	                                     .order = (uint32_t)t->nitem,
	                                     .text = keep_text(t, v->text),
	                                     .unix_ms = v->unix_ms};
	if (++t->nitem == GATHER_ITEMS)
		flush(t);
}

static void value(void *self, const struct north_value *v)
{
	const struct tb *t = self;
	const struct device *d = &t->model->device[v->device];
	const struct write_rule *w = d->set->point[v->point].write;
	if (t->device[v->device].online)
		t->seen[d->point0 + v->point] = 1;
	if (!w || !w->only)
		passing(self, v);
}

/* What it has not seen yet is news, though the broker has it: a reload may have switched it on. */
static bool differs(void *self, uint32_t device, uint32_t point, const char *text)
{
	const struct tb *t = self;
	const struct device *d = &t->model->device[device];
	(void)text;
	return t->device[device].online && is_published(&d->set->point[point]) &&
	       !t->seen[d->point0 + point];
}

static us_t turn(void *self)
{
	struct tb *t = self;
	if ((t->nitem || t->leaving) && t->clock->now >= t->flush_at)
		flush(t);
	return t->nitem ? t->flush_at : US_NEVER;
}

/* -- devices ----------------------------------------------------------------------------------- */

/* Its profile here is its profile there, so that a dashboard of one fits all of its kind. */
static void set_connect(struct tb *t, uint32_t device)
{
	struct tb_device *s = &t->device[device];
	begin_json(t, s->name);
	if (t->model->device[device].profile)
		jw_string(&t->json, "type", t->model->device[device].profile);
	jw_close(&t->json, '}');
	outbox_set(t->outbox, s->connect, t->json.text, false);
}

static void set_info(struct tb *t, uint32_t device)
{
	const struct device *d = &t->model->device[device];
	struct json *j = &t->json;
	jw_reset(j);
	jw_open(j, NULL, '{');
	jw_open(j, t->device[device].name, '{');
	jw_string(j, "gateway", t->model->gateway);
	jw_string(j, "name", d->name);
	jw_string(j, "bus", t->model->bus[d->bus].name);
	jw_int(j, "unit", d->id);
	if (d->title)
		jw_string(j, "title", d->title);
	if (d->vendor)
		jw_string(j, "vendor", d->vendor);
	if (d->model)
		jw_string(j, "model", d->model);
	jw_close(j, '}');
	jw_close(j, '}');
	outbox_set(t->outbox, t->device[device].info, j->text, false);
}

/* {"device":{"Alerts":…}}; name NULL: the gateway's own. */
static void set_alerts(struct tb *t, const char *name, slot_t s, const char *json)
{
	struct json *j = &t->json;
	jw_reset(j);
	jw_open(j, NULL, '{');
	if (name)
		jw_open(j, name, '{');
	jw_null(j, "Alerts");
	j->len -= strlen("null"); /* in its place what is JSON already */
	char *text = mem_alloc(j->len + strlen(json) + sizeof "}}", 1);
	sprintf(text, "%.*s%s%s", (int)j->len, j->text, json, name ? "}}" : "}");
	outbox_set(t->outbox, s, text, false);
	free(text);
}

static void device_alerts(struct tb *t, struct tb_device *s)
{
	char *key = mem_alloc(strlen(s->name) + sizeof " Alerts", 1);
	sprintf(key, "%s Alerts", s->name);
	s->alerts = slot_for(t, ATTRIBUTES, key, SLOT_ALERTS);
	free(key);
	set_alerts(t, s->name, s->alerts, s->alerts_json);
}

static void connects(struct tb *t, uint32_t device)
{
	struct tb_device *s = &t->device[device];
	s->online = true;
	s->leaving = false;
	s->since = t->clock->now;
	s->connect = slot_for(t, CONNECT, s->name, SLOT_STATUS);
	s->info = slot_for(t, ATTRIBUTES, s->name, SLOT_ALERTS);
	set_connect(t, device);
	set_info(t, device);
	if (s->alerts_json)
		device_alerts(t, s);
}

static void leaves(struct tb *t, struct tb_device *s)
{
	outbox_leave(t->outbox, s->connect);
	outbox_leave(t->outbox, s->info);
	outbox_leave(t->outbox, s->alerts);
	s->connect = s->info = s->alerts = 0;
	s->online = false;
	s->leaving = t->leaving = true;
	t->flush_at = t->clock->now; /* at the end of this turn */
}

static void status(void *self, int32_t device, bool online)
{
	struct tb *t = self;
	if (device < 0 || t->device[device].online == online)
		return;
	if (online)
		connects(t, (uint32_t)device);
	else
		leaves(t, &t->device[device]);
}

static void alerts(void *self, int32_t device, const struct alerts *a, const char *json)
{
	struct tb *t = self;
	(void)a;
	if (device < 0) {
		set_alerts(t, NULL, t->gateway_alerts, json);
		return;
	}
	struct tb_device *s = &t->device[device];
	free(s->alerts_json);
	s->alerts_json = mem_strdup(json);
	if (s->online)
		device_alerts(t, s);
}

/* -- life -------------------------------------------------------------------------------------- */

static void *create(struct outbox *o, const struct north_clock *clock)
{
	struct tb *t = mem_alloc(1, sizeof *t);
	t->outbox = o;
	t->clock = clock;
	t->gateway = slot_for(t, OWN_ATTRIBUTES, "gateway", SLOT_GATEWAY);
	t->gateway_alerts = slot_for(t, OWN_ATTRIBUTES, "Alerts", SLOT_ALERTS);
	return t;
}

static void device_free(struct tb_device *s)
{
	free(s->name);
	free(s->alerts_json);
}

static void destroy(void *self)
{
	struct tb *t = self;
	for (size_t i = 0; i < t->ndevice; i++)
		device_free(&t->device[i]);
	free(t->device);
	free(t->seen);
	free(t->item);
	free(t->text);
	jw_free(&t->json);
	free(t);
}

static int by_tb_name(const void *a, const void *b)
{
	const struct tb_device *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

/* Devices that the server knows under the same name go on. */
static void inherit(struct tb *t, struct tb_device *old, size_t n)
{
	struct tb_device **by_name = mem_alloc(n, sizeof(struct tb_device *));
	for (size_t i = 0; i < n; i++)
		by_name[i] = &old[i];
	if (n)
		qsort(by_name, n, sizeof *by_name, by_tb_name);
	for (size_t i = 0; n && i < t->ndevice; i++) {
		const struct tb_device *key = &t->device[i];
		struct tb_device **was = bsearch(&key, by_name, n, sizeof *by_name, by_tb_name);
		if (!was)
			continue;
		char *name = t->device[i].name;
		t->device[i] = **was;
		(*was)->name = name; /* the same; kept for the search */
		(*was)->online = false;
		(*was)->alerts_json = NULL;
	}
	free(by_name);
}

static void drop(struct tb *t, struct tb_device *s)
{
	if (s->online) {
		leaves(t, s);
		post_disconnect(t, s->name);
	}
	device_free(s);
}

static void set_gateway(struct tb *t)
{
	jw_reset(&t->json);
	jw_open(&t->json, NULL, '{');
	jw_string(&t->json, "gateway", t->model->gateway);
	jw_int(&t->json, "devices", (int64_t)t->model->ndevice);
	jw_string(&t->json, "configuration", t->model->hash);
	jw_close(&t->json, '}');
	outbox_set(t->outbox, t->gateway, t->json.text, false);
}

static struct tb_device *devices_make(const struct model *m)
{
	struct tb_device *device = mem_alloc(m->ndevice, sizeof *device);
	const char *prefix = m->thingsboard.prefix;
	for (size_t i = 0; i < m->ndevice; i++) {
		device[i].name = mem_alloc(strlen(prefix) + strlen(m->device[i].name) + 1, 1);
		sprintf(device[i].name, "%s%s", prefix, m->device[i].name);
	}
	return device;
}

/* What was seen of devices that are as they were; all else is to be given anew. */
static uint8_t *seen_make(const struct tb *t, const struct model *m, const int32_t *same)
{
	uint8_t *seen = mem_alloc(m->npoint, 1);
	for (size_t i = 0; t->model && same && i < m->ndevice; i++) {
		const struct device *d = &m->device[i];
		if (same[i] >= 0)
			memcpy(seen + d->point0, t->seen + t->model->device[same[i]].point0,
			       d->set->n);
	}
	return seen;
}

static void adopt(void *self, const struct model *m, const int32_t *same)
{
	struct tb *t = self;
	struct tb_device *old = t->device;
	const size_t nold = old ? t->ndevice : 0;
	if (old)
		flush(t); /* in the words of the old model */
	uint8_t *seen = seen_make(t, m, same);
	free(t->seen);
	t->seen = seen;
	t->model = m;
	t->ndevice = m->ndevice;
	t->device = devices_make(m);
	inherit(t, old, nold);
	for (uint32_t i = 0; i < m->ndevice; i++) {
		if (!t->device[i].online || (same && same[i] >= 0))
			continue;
		set_connect(t, i);
		set_info(t, i);
	}
	for (size_t i = 0; i < nold; i++)
		drop(t, &old[i]);
	free(old);
	set_gateway(t);
}

static bool enabled(const struct model *m)
{
	return m->thingsboard.host != NULL;
}

static const struct mqtt_conf *connection(const struct model *m)
{
	return &m->thingsboard;
}

static size_t filters(void *self, const char *const **list)
{
	static const char *const filter[] = {"v1/gateway/rpc"};
	(void)self;
	*list = filter;
	return 1;
}

static void connected(void *self, uint32_t packet_most)
{
	(void)packet_most;
	struct tb *t = self;
	t->up_at = t->clock->now;
}

const struct north_ops thingsboard_north = {
	.name = "thingsboard",
	.enabled = enabled,
	.connection = connection,
	.create = create,
	.destroy = destroy,
	.adopt = adopt,
	.filters = filters,
	.connected = connected,
	.turn = turn,
	.status = status,
	.value = value,
	.differs = differs,
	.passing = passing,
	.alerts = alerts,
	.event = tb_event,
	.answer = tb_answer,
};
