// SPDX-License-Identifier: MIT
/* What an earlier life published, as it is retained when we subscribe. */
#include "mqtt/xnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/topic.h"
#include "mqtt/json_parse.h"
#include "mqtt/leaves.h"

#define CLEARS_MAX 16384   /* topics a connection; what is left over waits for the next */
#define STATUSES 2         /* of a device, beside its values and its health: status, Alerts */
#define ELSEWHERE_MAX 4096 /* devices of other gateways */

/* A device that an earlier life had, and its points. */
struct gone {
	char name[NAME_MAX_LEN + 1];
	struct json_members points;
};

/* "device/gateway", as the topics say. */
struct elsewhere {
	char *key;
	bool seen; /* since the connect */
};

struct xnet_past {
	struct gone *gone;
	size_t ngone;
	size_t clears;               /* still allowed */
	struct elsewhere *elsewhere; /* sorted by key */
	size_t nelsewhere;
	bool unsettled, moved; /* moved: something came since the last look */
};

struct xnet_past *xnet_past_create(void)
{
	struct xnet_past *p = mem_alloc(1, sizeof *p);
	p->clears = CLEARS_MAX;
	return p;
}

static void gone_drop(struct xnet_past *p)
{
	for (size_t i = 0; i < p->ngone; i++)
		json_members_free(&p->gone[i].points);
	p->ngone = 0;
}

void xnet_past_destroy(struct xnet_past *p)
{
	gone_drop(p);
	free(p->gone);
	for (size_t i = 0; i < p->nelsewhere; i++)
		free(p->elsewhere[i].key);
	free(p->elsewhere);
	free(p);
}

/* Forged or not: a connection does no more than so much of it. */
static bool may_clear(struct xnet_past *p, size_t n)
{
	if (n > p->clears)
		return false;
	p->clears -= n;
	return true;
}

static bool is_name(const char *s)
{
	const size_t n = strlen(s);
	return n > 0 && n <= NAME_MAX_LEN &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

/* A point we published in an earlier life, and that we still have: what is retained on its
 * topic is cleared if nothing of ours is retained there now. */
static void was_published(struct xnet *x, uint32_t device, const char *name, bool retained)
{
	const struct device *d = &x->model->device[device];
	const int point = north_point(d, name);
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

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct json_member *)a)->name, ((const struct json_member *)b)->name);
}

static bool names_hold(const struct json_members *sorted, const char *name)
{
	const struct json_member key = {.name = (char *)name};
	return sorted->n && bsearch(&key, sorted->member, sorted->n, sizeof key, by_name);
}

/* The points of the info of a device that we still have, and its facts of them. */
static void points_before(struct xnet *x, uint32_t device, const struct json_members *points,
                          struct json_members *passing)
{
	const struct device *d = &x->model->device[device];
	if (passing->n)
		qsort(passing->member, passing->n, sizeof *passing->member, by_name);
	for (size_t i = 0; i < points->n; i++) {
		const char *point = points->member[i].name;
		const int known = north_point(d, point);
		if (known >= 0)
			x->before[d->point0 + (uint32_t)known] = 1;
		if (is_name(point))
			was_published(x, device, point, !names_hold(passing, point));
	}
	if (!names_hold(passing, "status"))
		statuses_were_retained(x, device);
}

/* A device that is gone: whether another gateway has it now is not known yet. */
static void gone_add(struct xnet_past *p, const char *name, struct json_members *points)
{
	for (size_t i = 0; i < p->ngone; i++)
		if (strcmp(p->gone[i].name, name) == 0)
			return;
	p->gone = mem_grow(p->gone, p->ngone + 1, sizeof *p->gone);
	struct gone *g = &p->gone[p->ngone++];
	*g = (struct gone){.points = *points};
	snprintf(g->name, sizeof g->name, "%s", name);
	*points = (struct json_members){0};
}

static void info_before(struct xnet *x, const char *name, const struct mqtt_event *e)
{
	const int device = model_find_device(x->model, name, strlen(name));
	struct json_members points, passing;
	if (!json_parse_list_of(e->payload, e->len, "points", "name", &points))
		return;
	json_parse_list_of(e->payload, e->len, "unretained", "name", &passing);
	x->past->unsettled = x->past->moved = true;
	if (may_clear(x->past, points.n + leaf_count(LEAF_DEVICE) + STATUSES)) {
		if (device >= 0)
			points_before(x, (uint32_t)device, &points, &passing);
		else
			gone_add(x->past, name, &points);
	}
	json_members_free(&passing);
	json_members_free(&points);
}

static void bus_before(struct xnet *x, const char *name)
{
	char topic[XNET_TOPIC_MAX], path[NAME_MAX_LEN + 32];
	if (model_find_bus(x->model, name, strlen(name)) >= 0 ||
	    !may_clear(x->past, leaf_count(LEAF_BUS)))
		return;
	for (size_t i = 0; leaf_name(LEAF_BUS, i); i++) {
		snprintf(path, sizeof path, "bus/%s/%s", name, leaf_name(LEAF_BUS, i));
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

/* -- devices of other gateways ----------------------------------------------------------------- */

/* The first that is not before key. */
static size_t elsewhere_find(const struct xnet_past *p, const char *key)
{
	size_t low = 0, high = p->nelsewhere;
	while (low < high) {
		const size_t mid = (low + high) / 2;
		if (strcmp(p->elsewhere[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void elsewhere_remove(struct xnet_past *p, size_t at)
{
	free(p->elsewhere[at].key);
	p->nelsewhere--;
	memmove(&p->elsewhere[at], &p->elsewhere[at + 1],
	        (p->nelsewhere - at) * sizeof *p->elsewhere);
}

static void elsewhere_insert(struct xnet_past *p, size_t at, const char *key)
{
	if (p->nelsewhere == ELSEWHERE_MAX)
		return;
	p->elsewhere = mem_grow(p->elsewhere, p->nelsewhere + 1, sizeof *p->elsewhere);
	memmove(&p->elsewhere[at + 1], &p->elsewhere[at],
	        (p->nelsewhere - at) * sizeof *p->elsewhere);
	p->nelsewhere++;
	p->elsewhere[at] = (struct elsewhere){mem_strdup(key), true};
}

void xnet_elsewhere_set(struct xnet *x, const struct mqtt_event *e, const struct topic_levels *t)
{
	struct xnet_past *p = x->past;
	char key[2 * NAME_MAX_LEN + 2];
	if (!topic_is(t, 2, "device") || !topic_is(t, 4, "info") || t->len[1] > NAME_MAX_LEN ||
	    t->len[3] > NAME_MAX_LEN)
		return;
	snprintf(key, sizeof key, "%.*s/%.*s", (int)t->len[3], t->at[3], (int)t->len[1], t->at[1]);
	const size_t at = elsewhere_find(p, key);
	const bool known = at < p->nelsewhere && strcmp(p->elsewhere[at].key, key) == 0;
	const bool has = e->len > 0;
	p->moved |= e->retained;
	if (known && !has)
		elsewhere_remove(p, at);
	else if (known)
		p->elsewhere[at].seen = true;
	else if (has)
		elsewhere_insert(p, at, key);
}

bool xnet_elsewhere(const struct xnet *x, const char *device, size_t len)
{
	const struct xnet_past *p = x->past;
	char key[NAME_MAX_LEN + 2];
	if (len > NAME_MAX_LEN)
		return false;
	snprintf(key, sizeof key, "%.*s/", (int)len, device);
	const size_t at = elsewhere_find(p, key);
	return at < p->nelsewhere && strncmp(p->elsewhere[at].key, key, len + 1) == 0;
}

/* -- when all of it has come ------------------------------------------------------------------- */

static void clear_device(struct xnet *x, const struct gone *g)
{
	char topic[XNET_TOPIC_MAX], path[NAME_MAX_LEN + 32];
	for (size_t i = 0; leaf_name(LEAF_DEVICE, i); i++) {
		snprintf(path, sizeof path, "device/%s/%s", g->name, leaf_name(LEAF_DEVICE, i));
		xnet_sys_topic(x, path, topic);
		xnet_clear(x, topic);
	}
}

static void clear_values(struct xnet *x, const struct gone *g)
{
	char topic[XNET_TOPIC_MAX];
	xnet_topic(x, "sts", g->name, "status", topic);
	xnet_clear(x, topic);
	xnet_topic(x, "sts", g->name, "Alerts", topic);
	xnet_clear(x, topic);
	for (size_t i = 0; i < g->points.n; i++) {
		if (!is_name(g->points.member[i].name))
			continue;
		xnet_topic(x, "sts", g->name, g->points.member[i].name, topic);
		xnet_clear(x, topic);
	}
}

void xnet_connected(void *self, uint32_t packet_most)
{
	(void)packet_most;
	struct xnet_past *p = ((struct xnet *)self)->past;
	gone_drop(p);
	p->clears = CLEARS_MAX;
	for (size_t i = 0; i < p->nelsewhere; i++)
		p->elsewhere[i].seen = false;
	p->unsettled = p->moved = true;
}

bool xnet_unsettled(const void *self)
{
	return ((const struct xnet *)self)->past->unsettled;
}

bool xnet_settle(void *self)
{
	struct xnet *x = self;
	struct xnet_past *p = x->past;
	if (p->moved) {
		p->moved = false;
		return false;
	}
	for (size_t i = p->nelsewhere; i-- > 0;)
		if (!p->elsewhere[i].seen)
			elsewhere_remove(p, i);
	for (size_t i = 0; i < p->ngone; i++) {
		const struct gone *g = &p->gone[i];
		if (model_find_device(x->model, g->name, strlen(g->name)) >= 0)
			continue; /* a reload brought it back */
		if (!xnet_elsewhere(x, g->name, strlen(g->name)))
			clear_values(x, g);
		clear_device(x, g);
	}
	gone_drop(p);
	p->unsettled = false;
	return true;
}
