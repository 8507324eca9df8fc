// SPDX-License-Identifier: MIT
#include "mqtt/xnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/topic.h"

void xnet_topic(const struct xnet *x, const char *class_, const char *name, const char *leaf,
                char buf[XNET_TOPIC_MAX])
{
	const char *const part[] = {x->prefix, "/", class_, "/", name, "/", leaf};
	const size_t n = sizeof part / sizeof *part - (leaf ? 0 : 2);
	size_t len = 0;
	for (size_t i = 0; i < n; i++) { /* printf took a third of a reload with another prefix */
		const size_t more = strnlen(part[i], XNET_TOPIC_MAX - 1 - len);
		memcpy(buf + len, part[i], more);
		len += more;
	}
	buf[len] = '\0';
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
	if (device >= 0)
		outbox_status(x->outbox, s, online ? SLOT_ONLINE : SLOT_STATUS);
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
	if (!*s && xnet_published(p))
		*s = xnet_value_slot(x, d, p);
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

static void outdated(void *self, uint32_t device, uint32_t point)
{
	struct xnet *x = self;
	outbox_outdated(x->outbox, value_slot(x, device, point));
}

static void passing(void *self, const struct north_value *v)
{
	struct xnet *x = self;
	char topic[XNET_TOPIC_MAX], buf[VALUE_PRINT_MAX + NAME_MAX_LEN];
	char properties[XNET_PROPERTIES_MAX];
	const struct point *p = point_of(x, v->device, v->point);
	xnet_topic(x, "sts", x->model->device[v->device].name, p->name, topic);
	outbox_post(x->outbox, &(struct post){.topic = topic,
	                                      .qos = p->qos,
	                                      .properties = xnet_properties(x, p, properties),
	                                      .payload = with_unit(x, v->device, v->point, v->text,
	                                                           buf, sizeof buf)});
}

static void history(void *self, uint32_t device, uint32_t point, const char *text, int64_t unix_ms)
{
	struct xnet *x = self;
	const struct point *p = point_of(x, device, point);
	char topic[XNET_TOPIC_MAX], properties[XNET_PROPERTIES_MAX];
	struct json j = {0};
	jw_open(&j, NULL, '{');
	jw_time(&j, "ts", unix_ms);
	point_json(&j, p, "v", text);
	jw_close(&j, '}');
	xnet_topic(x, "hist", x->model->device[device].name, p->name, topic);
	outbox_post(x->outbox, &(struct post){.topic = topic,
	                                      .payload = j.text,
	                                      .qos = 1,
	                                      .history = true,
	                                      .properties = xnet_properties(x, p, properties)});
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
		if (xnet_published(&d->set->point[i]))
			point_json(&j, &d->set->point[i], d->set->point[i].name, text(ctx, i));
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

/* What overwrote the status has perhaps cleared the rest too. */
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

/* No point named, and done: all of the device were requested. */
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
	.adopt = xnet_adopt,
	.will = will,
	.filters = filters,
	.status = status,
	.value = value,
	.differs = differs,
	.gone = gone,
	.outdated = outdated,
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
