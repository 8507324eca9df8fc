/* What an earlier life told, as it stands retained when we subscribe. */
#include "mqtt/xnet.h"

#include <stdio.h>
#include <string.h>

#include "core/base/topic.h"
#include "mqtt/json_parse.h"

static bool is_name(const char *s)
{
	const size_t n = strlen(s);
	return n > 0 && n <= NAME_MAX_LEN &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

static void clear_device(struct xnet *x, const char *name)
{
	static const char *const health[] = {
		"state",    "since",       "last_seen",  "last_error", "quality",
		"response", "timeouts",    "crc_errors", "exceptions", "invalid",
		"stale",    "unsupported", "requests",   "info",
	};
	char topic[XNET_TOPIC_MAX], path[NAME_MAX_LEN + 32];
	xnet_topic(x, "sts", name, "status", topic);
	xnet_clear(x, topic);
	xnet_topic(x, "sts", name, "Alerts", topic);
	xnet_clear(x, topic);
	for (size_t i = 0; i < sizeof health / sizeof *health; i++) {
		snprintf(path, sizeof path, "device/%s/%s", name, health[i]);
		xnet_sys_topic(x, path, topic);
		xnet_clear(x, topic);
	}
}

static bool names_hold(const struct json_members *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->member[i].name, name) == 0)
			return true;
	return false;
}

/* A point we told of in an earlier life, and that we still have: what stands retained on its topic
 * is cleared if nothing of ours is retained there now. */
static void was_told(struct xnet *x, uint32_t device, const char *name, bool retained)
{
	const struct device *d = &x->model->device[device];
	const int point = xnet_point(d, name);
	char topic[XNET_TOPIC_MAX];
	if (point < 0 || d->set->point[point].filter.mode == PUBLISH_NEVER) {
		xnet_topic(x, "sts", d->name, name, topic);
		xnet_clear(x, topic);
	} else if (retained) {
		outbox_wipe(x->outbox, x->value[d->point0 + (uint32_t)point]);
	}
}

static void statuses_were_retained(struct xnet *x, uint32_t device)
{
	outbox_wipe(x->outbox, x->device[device].status);
	outbox_wipe(x->outbox, x->device[device].alerts);
	if (x->gateway_wiped)
		return;
	x->gateway_wiped = true;
	outbox_wipe(x->outbox, x->gateway_status);
	outbox_wipe(x->outbox, x->gateway_alerts);
}

/* The points of the info of a device, and what it says of them. */
static void points_before(struct xnet *x, const char *name, const struct json_members *points,
                          const struct json_members *passing)
{
	const int device = model_find_device(x->model, name, strlen(name));
	const struct device *d = device < 0 ? NULL : &x->model->device[device];
	char topic[XNET_TOPIC_MAX];
	for (size_t i = 0; i < points->n; i++) {
		const char *point = points->member[i].name;
		const int known = d ? xnet_point(d, point) : -1;
		if (known >= 0)
			x->before[d->point0 + (uint32_t)known] = 1;
		if (!is_name(point))
			continue;
		if (d) {
			was_told(x, (uint32_t)device, point, !names_hold(passing, point));
			continue;
		}
		xnet_topic(x, "sts", name, point, topic);
		xnet_clear(x, topic);
	}
	if (!d)
		clear_device(x, name);
	else if (!names_hold(passing, "status"))
		statuses_were_retained(x, (uint32_t)device);
}

static void info_before(struct xnet *x, const char *name, const struct mqtt_event *e)
{
	struct json_members points, passing;
	if (!json_parse_list_of(e->payload, e->len, "points", "name", &points))
		return;
	json_parse_list_of(e->payload, e->len, "unretained", "name", &passing);
	points_before(x, name, &points, &passing);
	json_members_free(&passing);
	json_members_free(&points);
}

static void bus_before(struct xnet *x, const char *name)
{
	static const char *const health[] = {
		"state",     "port",     "line",       "load/planned", "load/1min",    "requests",
		"responses", "timeouts", "crc_errors", "garbled",      "late",         "exceptions",
		"retries",   "missed",   "reopened",   "errors/1min",  "errors/15min",
	};
	char topic[XNET_TOPIC_MAX], path[NAME_MAX_LEN + 32];
	if (xnet_bus_exists(x->model, name, strlen(name)))
		return;
	for (size_t i = 0; i < sizeof health / sizeof *health; i++) {
		snprintf(path, sizeof path, "bus/%s/%s", name, health[i]);
		xnet_sys_topic(x, path, topic);
		xnet_clear(x, topic);
	}
}

void xnet_before(struct xnet *x, const struct mqtt_event *e, const struct topic_levels *t)
{
	char name[NAME_MAX_LEN + 1];
	if (t->len[3] > NAME_MAX_LEN)
		return;
	snprintf(name, sizeof name, "%.*s", (int)t->len[3], t->at[3]);
	if (!is_name(name))
		return;
	if (topic_is(t, 2, "device") && topic_is(t, 4, "info"))
		info_before(x, name, e);
	else if (topic_is(t, 2, "bus") && topic_is(t, 4, "port"))
		bus_before(x, name);
}
