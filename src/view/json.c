// SPDX-License-Identifier: MIT
#include "view/json.h"

#include <string.h>

static const char *const statuses[] = {
	[VIEW_UNKNOWN] = "unknown",
	[VIEW_OFFLINE] = "offline",
	[VIEW_ONLINE] = "online",
};

static void optional(struct json *j, const char *name, const char *text)
{
	if (text && *text)
		jw_string(j, name, text);
}

static void put_facts(const struct facts *f, struct json *j)
{
	jw_open(j, "facts", '{');
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->fact[i].name, "info") != 0) /* it is not a text: see points */
			jw_value(j, f->fact[i].name, f->fact[i].text);
	jw_close(j, '}');
}

/* Its alerts, as an array named `name`. */
static void view_json_alerts(const struct view_device *d, const char *name, struct json *j)
{
	jw_open(j, name, '[');
	for (size_t i = 0; d && i < d->nalert; i++) {
		const struct view_alert *a = &d->alert[i];
		jw_open(j, NULL, '{');
		jw_string(j, "kind", a->fault ? "fault" : "warning");
		jw_int(j, "code", a->code);
		jw_string(j, "desc", a->desc);
		optional(j, "source", a->source);
		optional(j, "since", a->since);
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

void view_json_gateway(const struct view *v, const struct view_gateway *g, struct json *j)
{
	const struct view_device *own = view_device(v, g->name);
	struct view_sum sum;

	view_sum(v, g, &sum);
	jw_string(j, "name", g->name);
	jw_string(j, "status", statuses[view_gateway_status(v, g)]);
	jw_bool(j, "wrong", sum.wrong);
	jw_int(j, "devices_all", (int64_t)sum.devices);
	jw_int(j, "devices_online", (int64_t)sum.online);
	jw_int(j, "devices_disabled", (int64_t)sum.disabled);
	jw_int(j, "faults", (int64_t)sum.faults);
	jw_int(j, "warnings", (int64_t)sum.warnings);
	put_facts(&g->facts, j);
	view_json_alerts(own, "alerts", j);
	jw_open(j, "buses", '[');
	for (size_t i = 0; i < g->nbus; i++) {
		if (!g->bus[i].facts.n)
			continue;
		jw_open(j, NULL, '{');
		jw_string(j, "name", g->bus[i].name);
		put_facts(&g->bus[i].facts, j);
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

static void put_point(const struct view_point *p, us_t now, struct json *j)
{
	jw_open(j, NULL, '{');
	jw_string(j, "name", p->name);
	if (p->text)
		jw_string(j, "text", p->text);
	if (p->at)
		jw_int(j, "age", (now - p->at) / US_MS);
	optional(j, "unit", p->unit);
	optional(j, "type", p->type);
	optional(j, "description", p->description);
	optional(j, "confirm", p->confirm);
	if (p->writable)
		jw_bool(j, "writable", true);
	if (p->has_min)
		jw_real(j, "min", p->min);
	if (p->has_max)
		jw_real(j, "max", p->max);
	if (p->has_step)
		jw_real(j, "step", p->step);
	if (p->nlabel) {
		jw_open(j, "labels", '[');
		for (size_t i = 0; i < p->nlabel; i++)
			jw_string(j, NULL, p->label[i]);
		jw_close(j, ']');
	}
	jw_close(j, '}');
}

static void put_conflict(const struct view *v, const struct view_device *d, struct json *j)
{
	const char *a, *b;

	if (!view_conflict(v, d, &a, &b))
		return;
	jw_open(j, "conflict", '[');
	jw_string(j, NULL, a);
	jw_string(j, NULL, b);
	jw_close(j, ']');
}

void view_json_device(const struct view *v, const struct view_device *d, us_t now, bool points,
                      struct json *j)
{
	const struct view_claim *c = view_owner(v, d);
	const us_t age = view_age(v, d, now);

	jw_open(j, NULL, '{');
	jw_string(j, "name", d->name);
	if (c)
		jw_string(j, "gateway", v->gateway[c->gateway].name);
	jw_string(j, "status", statuses[d->status]);
	jw_bool(j, "current", view_current(v, d));
	optional(j, "trouble", view_trouble(v, d));
	if (age >= 0)
		jw_int(j, "age", age / US_MS);
	optional(j, "title", d->title);
	optional(j, "vendor", d->vendor);
	optional(j, "model", d->model);
	optional(j, "profile", d->profile);
	optional(j, "bus", d->bus);
	if (d->unit >= 0)
		jw_int(j, "id", d->unit);
	if (c)
		put_facts(&c->facts, j);
	view_json_alerts(d, "alerts", j);
	put_conflict(v, d, j);
	if (points) {
		jw_open(j, "points", '[');
		for (size_t i = 0; i < d->npoint; i++)
			if (d->point[i].text || d->point[i].described)
				put_point(&d->point[i], now, j);
		jw_close(j, ']');
	}
	jw_close(j, '}');
}

void view_json_entry(const struct view_entry *e, struct json *j)
{
	static const char *const kinds[] = {
		[VIEW_STATUS] = "status",
		[VIEW_ALERT] = "alert",
		[VIEW_NAK] = "nak",
		[VIEW_COMMAND] = "command",
	};
	jw_open(j, NULL, '{');
	jw_time(j, "time", e->wall);
	jw_string(j, "kind", kinds[e->kind]);
	jw_bool(j, "bad", e->bad);
	jw_string(j, "source", e->source);
	jw_string(j, "text", e->text);
	jw_close(j, '}');
}
