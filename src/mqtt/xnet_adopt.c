// SPDX-License-Identifier: MIT
/* A model becomes topics: which are published, which are subscribed, which are cleared. */
#include "mqtt/xnet.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/topic.h"

/* The slot of a topic in the state tree; leaf NULL: the device's own. */
static slot_t xnet_slot(struct xnet *x, const char *name, const char *leaf, enum slot_class c,
                        uint8_t qos, bool retain)
{
	char topic[XNET_TOPIC_MAX];
	xnet_topic(x, "sts", name, leaf, topic);
	return outbox_slot(x->outbox, topic, c, qos, retain);
}

/* One more pair, if there is a value that fits and is a text for MQTT ("MQTT Version 5.0", 1.5.4).
 */
static size_t pair(char *buf, size_t n, const char *name, const char *value)
{
	const size_t len = value ? strlen(value) : 0, more = strlen(name) + 1 + len + 1;
	if (!len || n + more >= XNET_PROPERTIES_MAX)
		return n;
	for (const char *s = value; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7F)
			return n;
	}
	memcpy(buf + n, name, strlen(name) + 1);
	memcpy(buf + n + strlen(name) + 1, value, len + 1);
	return n + more;
}

const char *xnet_properties(const struct xnet *x, const struct point *p,
                            char buf[XNET_PROPERTIES_MAX])
{
	if (!x->model->mqtt.properties)
		return NULL;
	size_t n = pair(buf, 0, "unit", p->unit);
	n = pair(buf, n, "class", p->class_);
	buf[n] = '\0';
	return n ? buf : NULL;
}

slot_t xnet_value_slot(struct xnet *x, const struct device *d, const struct point *p)
{
	char buf[XNET_PROPERTIES_MAX];
	const slot_t s = xnet_slot(x, d->name, p->name, SLOT_VALUE, p->qos, p->retain);
	outbox_properties(x->outbox, s, xnet_properties(x, p, buf));
	return s;
}

bool xnet_published(const struct point *p)
{
	return !p->hidden && !p->absent && p->filter.mode != PUBLISH_NEVER &&
	       !(p->write && p->write->only);
}

static bool has_alerts(const struct device *d)
{
	for (uint32_t i = 0; i < d->set->n; i++) {
		if (d->set->point[i].alert != ALERT_NONE)
			return true;
	}
	return false;
}

static void make_device(struct xnet *x, const struct device *d, struct xnet_device *s)
{
	const struct mqtt_conf *c = &x->model->mqtt;
	s->status = xnet_slot(x, d->name, "status", SLOT_STATUS, c->qos_status, c->retain);
	if (has_alerts(d))
		s->alerts = xnet_slot(x, d->name, "Alerts", SLOT_ALERTS, c->qos_status, c->retain);
	if (d->json)
		s->snapshot = xnet_slot(x, d->name, NULL, SLOT_VALUE, c->qos_value, false);
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (xnet_published(p))
			x->value[d->point0 + i] = xnet_value_slot(x, d, p);
	}
}

/* What an adopt replaces: the model before and its slots. */
struct before {
	const struct model *model; /* NULL: this one is the first */
	slot_t *value;
	struct xnet_device *device;
	slot_t gateway_status, gateway_alerts;
	bool *stays; /* by device: its slots are the new one's */
};

/* A device that is as it was has the topics it had. */
static void take_slots(struct xnet *x, struct before *old, size_t was, size_t now)
{
	const struct device *a = &old->model->device[was], *b = &x->model->device[now];
	x->device[now] = old->device[was];
	memcpy(&x->value[b->point0], &old->value[a->point0], b->set->n * sizeof *x->value);
	old->stays[was] = true;
}

static void make_slots(struct xnet *x, struct before *old, const int32_t *same)
{
	const struct model *m = x->model;
	x->value = mem_alloc(m->npoint, sizeof *x->value);
	free(x->before);
	x->before = mem_alloc(m->npoint, 1);
	x->device = mem_alloc(m->ndevice, sizeof *x->device);
	for (size_t i = 0; i < m->ndevice; i++) {
		if (same && same[i] >= 0)
			take_slots(x, old, (size_t)same[i], i);
		else
			make_device(x, &m->device[i], &x->device[i]);
	}
	x->gateway_status = xnet_slot(x, m->gateway, "status", SLOT_GATEWAY, m->mqtt.qos_status,
	                              m->mqtt.retain);
	x->gateway_alerts =
		xnet_slot(x, m->gateway, "Alerts", SLOT_ALERTS, m->mqtt.qos_status, m->mqtt.retain);
}

static void add_filter(struct xnet *x, const char *class_, const char *name, const char *leaf)
{
	char topic[XNET_TOPIC_MAX];
	xnet_topic(x, class_, name, leaf, topic);
	x->filter = mem_grow(x->filter, x->nfilter + 1, sizeof *x->filter);
	x->filter[x->nfilter++] = arena_strdup(x->arena, topic);
}

/* `#` also matches its parent, so cmd/<dev> and cmd/<dev>/<point> are one; what is deeper gets its
 * Nak. */
static void make_filters(struct xnet *x)
{
	const struct model *m = x->model;
	x->nfilter = 0;
	for (size_t i = 0; i < m->ndevice; i++) {
		add_filter(x, "cmd", m->device[i].name, "#");
		add_filter(x, "get", m->device[i].name, "#");
		add_filter(x, "sts", m->device[i].name, "status");
	}
	add_filter(x, "cmd", m->gateway, "#");
	add_filter(x, "sts", m->gateway, "status");
	add_filter(x, "sub", "+", NULL); /* the device level may hold shell wildcards */
	add_filter(x, "unsub", "+", NULL);
	add_filter(x, "$SYS", m->gateway, "bus/+/port");
	/* what we published in an earlier life; and which devices are other gateways' */
	add_filter(x, "$SYS", "+", "device/+/info");
}

/* Which slots a model has, by number: what is gone is cleared in the order of the numbers, and
 * sorting them took as long as finding them. */
struct marks {
	uint8_t *of; /* BEFORE, NOW */
	size_t n;
};

#define BEFORE 1
#define NOW 2

static void mark(struct marks *m, slot_t slot, uint8_t as)
{
	if (!slot)
		return;
	if (slot >= m->n) {
		const size_t n = 2 * ((size_t)slot + 1);
		m->of = mem_grow(m->of, n, 1);
		memset(m->of + m->n, 0, n - m->n);
		m->n = n;
	}
	m->of[slot] |= as;
}

static void mark_device(struct marks *m, const struct device *d, const slot_t *value,
                        const struct xnet_device *own, uint8_t as)
{
	for (size_t i = 0; i < d->set->n; i++)
		mark(m, value[d->point0 + i], as);
	mark(m, own->status, as);
	mark(m, own->alerts, as);
	mark(m, own->snapshot, as);
}

/* The slots of the model before, but of devices whose slots stay. */
static void mark_before(struct marks *t, const struct before *old)
{
	const struct model *m = old->model;
	for (size_t i = 0; m && i < m->ndevice; i++)
		if (!old->stays[i])
			mark_device(t, &m->device[i], old->value, &old->device[i], BEFORE);
	mark(t, m ? old->gateway_status : 0, BEFORE);
	mark(t, m ? old->gateway_alerts : 0, BEFORE);
}

static void mark_now(struct marks *t, const struct xnet *x, const int32_t *same)
{
	const struct model *m = x->model;
	for (size_t i = 0; i < m->ndevice; i++)
		if (!same || same[i] < 0)
			mark_device(t, &m->device[i], x->value, &x->device[i], NOW);
	mark(t, x->gateway_status, NOW);
	mark(t, x->gateway_alerts, NOW);
}

/* A topic of a device that another gateway has now. */
static bool is_elsewhere(const struct xnet *x, slot_t s)
{
	char topic[XNET_TOPIC_MAX];
	struct topic_levels t;
	outbox_topic(x->outbox, s, topic, sizeof topic);
	return topic_split(topic, x->prefix, &t) && topic_is(&t, 0, "sts") && t.n > 1 &&
	       xnet_elsewhere(x, t.at[1], t.len[1]) &&
	       model_find_device(x->model, t.at[1], t.len[1]) < 0;
}

static void clear_gone(struct xnet *x, const struct marks *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const slot_t slot = (slot_t)i;
		if (t->of[i] != BEFORE)
			continue;
		if (is_elsewhere(x, slot))
			outbox_leave(x->outbox, slot);
		else
			outbox_clear(x->outbox, slot);
	}
}

/* Does a topic of the health tree still belong to something? */
static bool sys_lives(const struct xnet *x, const char *topic)
{
	struct topic_levels t;
	if (!topic_split(topic, x->prefix, &t) || !topic_is(&t, 0, "$SYS") ||
	    !topic_is(&t, 1, x->gateway))
		return false;
	if (t.n > 4 && topic_is(&t, 2, "device"))
		return model_find_device(x->model, t.at[3], t.len[3]) >= 0;
	if (t.n > 4 && topic_is(&t, 2, "bus"))
		return model_find_bus(x->model, t.at[3], t.len[3]) >= 0;
	return true;
}

/* Is there still each device and bus that there was, and all under the same topics? */
static bool none_left(const struct xnet *x, const struct before *old, const int32_t *same)
{
	const struct model *a = old->model, *b = x->model;
	bool stay = same != NULL;
	for (size_t i = 0; stay && i < a->ndevice; i++)
		stay = old->stays[i] || model_find_device_from(b, a->device[i].name, i) >= 0;
	for (size_t i = 0; stay && i < a->nbus; i++)
		stay = model_find_bus(b, a->bus[i].name, strlen(a->bus[i].name)) >= 0;
	return stay;
}

static void clear_sys(struct xnet *x)
{
	char topic[XNET_TOPIC_MAX];
	for (size_t s = 0; s < x->nis_sys; s++) {
		if (!x->is_sys[s])
			continue;
		outbox_topic(x->outbox, (slot_t)s, topic, sizeof topic);
		if (sys_lives(x, topic))
			continue;
		outbox_clear(x->outbox, (slot_t)s);
		x->is_sys[s] = 0;
	}
}

static void clear_left(struct xnet *x, const struct before *old, const int32_t *same)
{
	struct marks t = {0};
	mark_before(&t, old);
	mark_now(&t, x, same);
	clear_gone(x, &t);
	free(t.of);
	if (!none_left(x, old, same))
		clear_sys(x);
}

void xnet_adopt(void *self, const struct model *m, const int32_t *same)
{
	struct xnet *x = self;
	struct arena *old_arena = x->arena;
	struct before old = {
		x->model,          x->value,
		x->device,         x->gateway_status,
		x->gateway_alerts, mem_alloc(x->model ? x->model->ndevice : 0, sizeof(bool))};
	char will[XNET_TOPIC_MAX];
	x->model = m;
	x->arena = arena_create();
	x->prefix = arena_strdup(x->arena, m->mqtt.prefix);
	x->gateway = arena_strdup(x->arena, m->gateway);
	xnet_topic(x, "sts", m->gateway, "status", will);
	x->will = arena_strdup(x->arena, will);
	const int32_t *from = old.model ? same : NULL;
	make_slots(x, &old, from);
	make_filters(x);
	clear_left(x, &old, from);
	free(old.value);
	free(old.device);
	free(old.stays);
	arena_destroy(old_arena);
}
