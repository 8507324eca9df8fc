// SPDX-License-Identifier: MIT
#include "web/feed.h"

#include "view/json.h"

static void head(const struct feed_head *h, bool full, struct json *j)
{
	if (full) {
		jw_bool(j, "full", true);
		if (h->token)
			jw_string(j, "token", h->token);
		if (h->frames)
			jw_bool(j, "frames", true);
	}
	jw_open(j, "broker", '{');
	jw_string(j, "name", h->broker);
	jw_bool(j, "connected", h->connected);
	jw_string(j, "trouble", h->trouble);
	jw_close(j, '}');
}

/* Its own status, too, and that of its devices, which it counts. */
static bool gateway_changed(const struct view *v, const struct view_gateway *g, uint64_t since)
{
	const struct view_device *own = view_device(v, g->name);

	if (g->rev > since || (own && own->rev > since))
		return true;
	for (size_t i = 0; i < v->ndevice; i++)
		if (v->device[i].rev > since && view_owns(v, g, &v->device[i]))
			return true;
	return false;
}

static void gateways(const struct view *v, uint64_t since, struct json *j)
{
	jw_open(j, "gateways", '[');
	for (size_t i = 0; i < v->ngateway; i++) {
		const struct view_gateway *g = &v->gateway[i];
		const bool there = view_gateway_there(v, g);
		if (since ? !gateway_changed(v, g, since) : !there)
			continue;
		jw_open(j, NULL, '{');
		if (there) {
			view_json_gateway(v, g, j);
		} else {
			jw_string(j, "name", g->name);
			jw_bool(j, "gone", true);
		}
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

/* Whether a device is current depends on its gateways, too. */
static bool device_changed(const struct view *v, const struct view_device *d, uint64_t since)
{
	if (d->rev > since)
		return true;
	for (size_t i = 0; i < d->nclaim; i++) {
		const struct view_device *g = view_device(v, v->gateway[d->claim[i].gateway].name);
		if (g && g->rev > since)
			return true;
	}
	return false;
}

static void devices(const struct view *v, uint64_t since, us_t now, struct json *j)
{
	jw_open(j, "devices", '[');
	for (size_t i = 0; i < v->ndevice; i++) {
		const struct view_device *d = &v->device[i];
		const bool there = view_device_there(v, d);
		if (since ? !device_changed(v, d, since) : !there)
			continue;
		if (there) {
			view_json_device(v, d, now, !since || d->described_rev > since, j);
			continue;
		}
		jw_open(j, NULL, '{');
		jw_string(j, "name", d->name);
		jw_bool(j, "gone", true);
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

static void device_values(const struct view_device *d, uint64_t since, struct json *j)
{
	bool open = false;

	for (size_t i = 0; i < d->npoint; i++) {
		const struct view_point *p = &d->point[i];
		if (p->rev <= since)
			continue;
		if (!open)
			jw_open(j, d->name, '{');
		open = true;
		jw_string(j, p->name, p->text);
	}
	if (open)
		jw_close(j, '}');
}

static void values(const struct view *v, uint64_t since, struct json *j)
{
	jw_open(j, "values", '{');
	for (size_t i = 0; i < v->ndevice; i++)
		device_values(&v->device[i], since, j);
	jw_close(j, '}');
}

/* Oldest first. */
static void log_lines(const struct view *v, uint64_t since, struct json *j)
{
	const uint64_t first = v->nlog > VIEW_LOG ? v->nlog - VIEW_LOG : 0;

	jw_open(j, "log", '[');
	for (uint64_t i = first; i < v->nlog; i++)
		if (v->log[i % VIEW_LOG].rev > since)
			view_json_entry(&v->log[i % VIEW_LOG], j);
	jw_close(j, ']');
}

uint64_t feed(const struct view *v, const struct feed_head *h, uint64_t since, us_t now,
              struct json *j)
{
	if (since < v->epoch)
		since = 0;
	jw_open(j, NULL, '{');
	head(h, !since, j);
	gateways(v, since, j);
	devices(v, since, now, j);
	if (since)
		values(v, since, j);
	log_lines(v, since, j);
	jw_int(j, "ignored", (int64_t)v->ignored);
	jw_close(j, '}');
	return v->rev;
}
