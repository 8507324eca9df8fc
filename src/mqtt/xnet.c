// SPDX-License-Identifier: MIT
#include "mqtt/xnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/topic.h"

void xnet_topic(const struct xnet *x, const char *class_, const char *name, const char *leaf,
                char buf[XNET_TOPIC_MAX])
{
	snprintf(buf, XNET_TOPIC_MAX, "%s/%s/%s%s%s", x->prefix, class_, name, leaf ? "/" : "",
	         leaf ? leaf : "");
}

void xnet_sys_topic(const struct xnet *x, const char *path, char buf[XNET_TOPIC_MAX])
{
	snprintf(buf, XNET_TOPIC_MAX, "%s/$SYS/%s/%s", x->prefix, x->gateway, path);
}

void xnet_clear(struct xnet *x, const char *topic)
{
	slot_t s = outbox_find(x->outbox, topic);
	if (!s)
		s = outbox_slot(x->outbox, topic, SLOT_SYS, 0, true);
	if (s < x->nis_sys)
		x->is_sys[s] = 0;
	outbox_clear(x->outbox, s);
}

static slot_t slot_for(struct xnet *x, const char *name, const char *leaf, enum slot_class c,
                       uint8_t qos, bool retain)
{
	char topic[XNET_TOPIC_MAX];
	xnet_topic(x, "sts", name, leaf, topic);
	return outbox_slot(x->outbox, topic, c, qos, retain);
}

/* -- adopting a model -------------------------------------------------------------------------- */

static bool is_published(const struct point *p)
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
	s->status = slot_for(x, d->name, "status", SLOT_STATUS, c->qos_status, c->retain);
	if (has_alerts(d))
		s->alerts = slot_for(x, d->name, "Alerts", SLOT_ALERTS, c->qos_status, c->retain);
	if (d->json)
		s->snapshot = slot_for(x, d->name, NULL, SLOT_VALUE, c->qos_value, false);
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (is_published(p))
			x->value[d->point0 + i] =
				slot_for(x, d->name, p->name, SLOT_VALUE, p->qos, p->retain);
	}
}

static void make_slots(struct xnet *x)
{
	const struct model *m = x->model;
	x->value = mem_alloc(m->npoint, sizeof *x->value);
	free(x->before);
	x->before = mem_alloc(m->npoint, 1);
	x->device = mem_alloc(m->ndevice, sizeof *x->device);
	for (size_t i = 0; i < m->ndevice; i++)
		make_device(x, &m->device[i], &x->device[i]);
	x->gateway_status =
		slot_for(x, m->gateway, "status", SLOT_GATEWAY, m->mqtt.qos_status, m->mqtt.retain);
	x->gateway_alerts =
		slot_for(x, m->gateway, "Alerts", SLOT_ALERTS, m->mqtt.qos_status, m->mqtt.retain);
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

struct slots_of {
	slot_t *slot;
	size_t n;
};

static void collect(struct slots_of *s, slot_t slot)
{
	if (slot)
		s->slot[s->n++] = slot;
}

static int by_number(const void *a, const void *b)
{
	const slot_t x = *(const slot_t *)a, y = *(const slot_t *)b;
	return x < y ? -1 : x > y;
}

/* All slots of the model, sorted. */
static struct slots_of slots_of(const struct xnet *x)
{
	const struct model *m = x->model;
	struct slots_of s = {0};
	if (!m)
		return s;
	s.slot = mem_alloc(m->npoint + 3 * m->ndevice + 2, sizeof *s.slot);
	for (size_t i = 0; i < m->npoint; i++)
		collect(&s, x->value[i]);
	for (size_t i = 0; i < m->ndevice; i++) {
		collect(&s, x->device[i].status);
		collect(&s, x->device[i].alerts);
		collect(&s, x->device[i].snapshot);
	}
	collect(&s, x->gateway_status);
	collect(&s, x->gateway_alerts);
	qsort(s.slot, s.n, sizeof *s.slot, by_number);
	return s;
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

static void clear_gone(struct xnet *x, const struct slots_of *old, const struct slots_of *now)
{
	size_t k = 0;
	for (size_t i = 0; i < old->n; i++) {
		while (k < now->n && now->slot[k] < old->slot[i])
			k++;
		if (k < now->n && now->slot[k] == old->slot[i])
			continue;
		if (is_elsewhere(x, old->slot[i]))
			outbox_leave(x->outbox, old->slot[i]);
		else
			outbox_clear(x->outbox, old->slot[i]);
	}
}

bool xnet_bus_exists(const struct model *m, const char *name, size_t len)
{
	for (size_t i = 0; i < m->nbus; i++) {
		if (strlen(m->bus[i].name) == len && memcmp(m->bus[i].name, name, len) == 0)
			return true;
	}
	return false;
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
		return xnet_bus_exists(x->model, t.at[3], t.len[3]);
	return true;
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

static void adopt(void *self, const struct model *m)
{
	struct xnet *x = self;
	struct arena *old_arena = x->arena;
	slot_t *old_value = x->value;
	struct xnet_device *old_device = x->device;
	char will[XNET_TOPIC_MAX];
	const struct slots_of old = slots_of(x);
	x->model = m;
	x->arena = arena_create();
	x->prefix = arena_strdup(x->arena, m->mqtt.prefix);
	x->gateway = arena_strdup(x->arena, m->gateway);
	xnet_topic(x, "sts", m->gateway, "status", will);
	x->will = arena_strdup(x->arena, will);
	make_slots(x);
	make_filters(x);
	const struct slots_of now = slots_of(x);
	clear_gone(x, &old, &now);
	clear_sys(x);
	free(old.slot);
	free(now.slot);
	free(old_value);
	free(old_device);
	arena_destroy(old_arena);
}

static void *create(struct outbox *o, const struct north_clock *clock)
{
	struct xnet *x = mem_alloc(1, sizeof *x);
	(void)clock;
	x->outbox = o;
	x->past = xnet_past_create();
	return x;
}

static void destroy(void *self)
{
	struct xnet *x = self;
	free(x->value);
	free(x->before);
	free(x->device);
	free(x->is_sys);
	free(x->filter);
	xnet_past_destroy(x->past);
	arena_destroy(x->arena);
	free(x);
}

static size_t filters(void *self, const char *const **list)
{
	struct xnet *x = self;
	*list = x->filter;
	return x->nfilter;
}

static bool will(void *self, const char **topic, const char **text)
{
	*topic = ((struct xnet *)self)->will;
	*text = "offline";
	return true;
}

/* -- publishing -------------------------------------------------------------------------------- */

static void status(void *self, int32_t device, bool online)
{
	struct xnet *x = self;
	const slot_t s = device < 0 ? x->gateway_status : x->device[device].status;
	outbox_set(x->outbox, s, online ? "online" : "offline", false);
}

static const struct point *point_of(const struct xnet *x, uint32_t device, uint32_t point)
{
	return &x->model->device[device].set->point[point];
}

/* A point that was absent has none yet. */
static slot_t value_slot(struct xnet *x, uint32_t device, uint32_t point)
{
	const struct device *d = &x->model->device[device];
	const struct point *p = &d->set->point[point];
	slot_t *s = &x->value[d->point0 + point];
	if (!*s && is_published(p))
		*s = slot_for(x, d->name, p->name, SLOT_VALUE, p->qos, p->retain);
	return *s;
}

static void gone(void *self, uint32_t device, uint32_t point)
{
	struct xnet *x = self;
	const struct device *d = &x->model->device[device];
	const uint32_t global = d->point0 + point;
	char topic[XNET_TOPIC_MAX], text[2];
	xnet_topic(x, "sts", d->name, d->set->point[point].name, topic);
	outbox_text(x->outbox, x->value[global], text, sizeof text);
	if (text[0] || x->before[global])
		xnet_clear(x, topic);
	x->value[global] = 0;
	x->before[global] = 0;
}

/* `payload: value+unit` appends the unit to numbers. */
static const char *with_unit(const struct xnet *x, uint32_t device, uint32_t point,
                             const char *text, char *buf, size_t size)
{
	if (!x->model->mqtt.payload_unit)
		return text;
	const struct point *p = point_of(x, device, point);
	if (!p->unit || !p->unit[0] || !jw_is_number(text))
		return text;
	snprintf(buf, size, "%s %s", text, p->unit);
	return buf;
}

static void value(void *self, const struct north_value *v)
{
	struct xnet *x = self;
	char buf[VALUE_PRINT_MAX + NAME_MAX_LEN];
	outbox_set(x->outbox, value_slot(x, v->device, v->point),
	           with_unit(x, v->device, v->point, v->text, buf, sizeof buf), v->again);
}

static bool differs(void *self, uint32_t device, uint32_t point, const char *text)
{
	struct xnet *x = self;
	char buf[VALUE_PRINT_MAX + NAME_MAX_LEN];
	return outbox_differs(x->outbox, value_slot(x, device, point),
	                      with_unit(x, device, point, text, buf, sizeof buf));
}

static void passing(void *self, const struct north_value *v)
{
	struct xnet *x = self;
	char topic[XNET_TOPIC_MAX], buf[VALUE_PRINT_MAX + NAME_MAX_LEN];
	const struct point *p = point_of(x, v->device, v->point);
	xnet_topic(x, "sts", x->model->device[v->device].name, p->name, topic);
	outbox_post(x->outbox, &(struct post){.topic = topic,
	                                      .qos = p->qos,
	                                      .payload = with_unit(x, v->device, v->point, v->text,
	                                                           buf, sizeof buf)});
}

/* Texts that look like numbers stay texts where the point's type says so. */
static void member(struct json *j, const struct point *p, const char *name, const char *text)
{
	const uint8_t t = p->codec.type;
	const bool words = p->source == SOURCE_REGISTER &&
	                   (p->nlabel || t == TYPE_STRING || t == TYPE_BYTES || t == TYPE_DATETIME);
	if (!text)
		jw_null(j, name);
	else if (words && strcmp(text, "None") != 0)
		jw_string(j, name, text);
	else
		jw_value(j, name, text);
}

static void history(void *self, uint32_t device, uint32_t point, const char *text, int64_t unix_ms)
{
	struct xnet *x = self;
	const struct point *p = point_of(x, device, point);
	char topic[XNET_TOPIC_MAX];
	struct json j = {0};
	jw_open(&j, NULL, '{');
	jw_time(&j, "ts", unix_ms);
	member(&j, p, "v", text);
	jw_close(&j, '}');
	xnet_topic(x, "hist", x->model->device[device].name, p->name, topic);
	outbox_post(x->outbox,
	            &(struct post){.topic = topic, .payload = j.text, .qos = 1, .history = true});
	jw_free(&j);
}

static void snapshot(void *self, uint32_t device, int64_t unix_ms,
                     const char *(*text)(void *ctx, uint32_t point), void *ctx)
{
	struct xnet *x = self;
	const struct device *d = &x->model->device[device];
	struct json j = {0};
	jw_open(&j, NULL, '{');
	jw_time(&j, "ts", unix_ms);
	for (uint32_t i = 0; i < d->set->n; i++) {
		if (is_published(&d->set->point[i]))
			member(&j, &d->set->point[i], d->set->point[i].name, text(ctx, i));
	}
	jw_close(&j, '}');
	outbox_set(x->outbox, x->device[device].snapshot, j.text, true);
	jw_free(&j);
}

static void alerts(void *self, int32_t device, const struct alerts *a, const char *json)
{
	(void)a;
	struct xnet *x = self;
	outbox_set(x->outbox, device < 0 ? x->gateway_alerts : x->device[device].alerts, json,
	           false);
}

/* Who overwrites the status has perhaps cleared the rest too. */
static void again(void *self, int32_t device, bool all)
{
	struct xnet *x = self;
	if (device < 0) {
		outbox_again(x->outbox, x->gateway_status);
		return;
	}
	outbox_again(x->outbox, x->device[device].status);
	if (!all)
		return;
	const struct device *d = &x->model->device[device];
	outbox_again(x->outbox, x->device[device].alerts);
	for (uint32_t i = 0; i < d->set->n; i++)
		outbox_again(x->outbox, x->value[d->point0 + i]);
}

static void remember_sys(struct xnet *x, slot_t s)
{
	if (s >= x->nis_sys) {
		const size_t n = (s | 255) + 1;
		x->is_sys = mem_grow(x->is_sys, n, 1);
		memset(x->is_sys + x->nis_sys, 0, n - x->nis_sys);
		x->nis_sys = n;
	}
	x->is_sys[s] = 1;
}

static void sys(void *self, const char *path, const char *text, bool passing)
{
	struct xnet *x = self;
	char topic[XNET_TOPIC_MAX];
	xnet_sys_topic(x, path, topic);
	if (text) {
		const slot_t s =
			outbox_slot(x->outbox, topic, passing ? SLOT_PASSING : SLOT_SYS, 0, true);
		remember_sys(x, s);
		outbox_set(x->outbox, s, text, false);
		return;
	}
	const slot_t s = outbox_find(x->outbox, topic);
	if (s && s < x->nis_sys && x->is_sys[s]) {
		outbox_clear(x->outbox, s);
		x->is_sys[s] = 0;
	}
}

static void add_slot(struct north_slots *s, slot_t slot)
{
	if (!slot)
		return;
	if ((s->n & (s->n + 1)) == 0) /* room is doubled */
		s->slot = mem_grow(s->slot, s->n * 2 + 1, sizeof *s->slot);
	s->slot[s->n++] = slot;
}

/* No point named, and done: all of the device were asked for. */
static void values_of(void *self, const struct north_outcome *o, struct north_slots *s)
{
	const struct xnet *x = self;
	if (o->device < 0 || !o->param)
		return;
	const struct device *d = &x->model->device[o->device];
	const int p = north_point(d, o->param);
	if (p >= 0)
		add_slot(s, x->value[d->point0 + (uint32_t)p]);
	for (uint32_t i = 0; i < d->set->n && !o->param[0] && !o->reason; i++)
		add_slot(s, x->value[d->point0 + i]);
}

static void outcome(void *self, const struct north_outcome *o)
{
	struct north_slots after = {0};
	struct xnet *x = self;
	const char *name = o->device < 0 ? x->gateway : x->model->device[o->device].name;
	char topic[XNET_TOPIC_MAX];
	struct json j = {0};
	jw_open(&j, NULL, '{');
	north_echo(&j, "param", o->param, NORTH_ECHO_PARAM);
	north_echo(&j, "value", o->value, NORTH_ECHO_VALUE);
	jw_string(&j, "reason", o->reason);
	if (o->device < 0)
		jw_string(&j, "device", name);
	jw_close(&j, '}');
	xnet_topic(x, "sts", name, "Nak", topic);
	values_of(self, o, &after);
	outbox_post(x->outbox, &(struct post){.topic = topic,
	                                      .payload = j.text,
	                                      .qos = 1,
	                                      .after = after.slot,
	                                      .nafter = after.n});
	free(after.slot);
	jw_free(&j);
}

/* What any gateway of this prefix publishes, and what commands one: an answer is no command. */
static bool owns(void *self, const char *topic)
{
	static const char *const class_[] = {"sts", "$SYS", "hist", "cmd", "get", "sub", "unsub"};
	const struct xnet *x = self;
	struct topic_levels t;
	if (!topic_split(topic, x->prefix, &t))
		return false;
	for (size_t i = 0; i < sizeof class_ / sizeof *class_; i++) {
		if (topic_is(&t, 0, class_[i]))
			return true;
	}
	return false;
}

static bool event(void *self, const struct mqtt_event *e, struct north_event *out)
{
	return xnet_event(self, e, out);
}

const struct north_ops xnet_north = {
	.name = "xnet",
	.create = create,
	.destroy = destroy,
	.adopt = adopt,
	.will = will,
	.filters = filters,
	.status = status,
	.value = value,
	.differs = differs,
	.gone = gone,
	.passing = passing,
	.history = history,
	.snapshot = snapshot,
	.alerts = alerts,
	.again = again,
	.sys = sys,
	.event = event,
	.outcome = outcome,
	.connected = xnet_connected,
	.unsettled = xnet_unsettled,
	.settle = xnet_settle,
	.values_of = values_of,
	.owns = owns,
};
