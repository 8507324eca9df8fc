// SPDX-License-Identifier: MIT
#include "mqtt/ha.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "mqtt/ha_docs.h"
#include "mqtt/json_parse.h"

#define QUIET (1 * US_S)      /* what is retained has come when so long none came */
#define QUIET_MOST (4 * US_S) /* and is not waited for longer */
/* Whatever the prefix, it stays as it is there. */
#define BIRTH_USUAL "homeassistant/status"
#define BIRTH_LEAST (1 * US_S) /* all gateways announce after a start of Home Assistant, */
#define BIRTH_MOST (6 * US_S)  /* but not all at once */
#define PACE (20 * US_MS)      /* so that documents do not heap up: … */
#define PACE_BYTES (64u << 10) /* … no more than these at a time */
#define LOOSE_AFTER (2 * US_S) /* what is not retained is published again so long after */
#define CLEARS_MAX 4096        /* documents of an earlier life, a connection */

/* -- what is not retained ---------------------------------------------------------------------- */

static void again(struct ha *h, const char *name, const char *leaf)
{
	char topic[HA_TOPIC_SIZE];
	snprintf(topic, sizeof topic, "%s/sts/%s/%s", h->model->mqtt.prefix, name, leaf);
	const slot_t s = outbox_find(h->outbox, topic);
	if (s)
		outbox_again(h->outbox, s);
}

static bool is_loose(const struct model *m)
{
	for (size_t i = 0; i < m->ndevice; i++)
		for (uint32_t k = 0; k < m->device[i].set->n; k++)
			if (!m->device[i].set->point[k].retain)
				return true;
	return !m->mqtt.retain;
}

/* Home Assistant subscribes when it has read a document; what it missed comes now. */
static void loose_again(struct ha *h)
{
	const struct model *m = h->model;
	for (size_t i = 0; i < m->ndevice; i++) {
		const struct device *d = &m->device[i];
		for (uint32_t k = 0; k < d->set->n; k++)
			if (!d->set->point[k].retain)
				again(h, d->name, d->set->point[k].name);
		if (m->mqtt.retain)
			continue;
		again(h, d->name, "Alerts");
		again(h, d->name, "status");
	}
	if (m->mqtt.retain)
		return;
	again(h, m->gateway, "Alerts");
	again(h, m->gateway, "status");
}

/* -- an earlier life --------------------------------------------------------------------------- */

/* A document that is retained below our node. Only what a gateway of this name made is touched.
 */
static void earlier(struct ha *h, const struct mqtt_event *e, const char *id, size_t len)
{
	struct json_announced a;
	char node[HA_ID_SIZE];
	int32_t device;
	unsigned part;
	bool ours;
	const bool known = ha_topic_device(h->model, id, len, &device, &part, &ours);
	ha_node(h->model, node);
	if (!ours || part > HA_PARTS_MAX || !json_parse_announced(e->payload, e->len, &a))
		return;
	if (strcmp(a.origin, HA_ORIGIN) == 0 && strncmp(a.id, node, strlen(node)) == 0) {
		struct doc *d = known ? &h->doc[device + 1] : NULL;
		uint32_t near = 0;
		if (!d && h->clears) {
			h->clears--;
			ha_clear_topic(h, e->topic);
		}
		if (d && part > d->parts)
			ha_docs_parts(d, part);
		for (size_t i = 0; d && i < a.entities.n; i++)
			ha_docs_earlier(h, (size_t)device + 1, a.entities.member[i].name,
			                a.entities.member[i].text, part, &near);
		if (d)
			ha_due(h, d, h->clock->now, false);
	}
	json_members_free(&a.entities);
}

static void earlier_waits(struct ha *h)
{
	const us_t last = h->quiet_last, quiet = h->clock->now + QUIET;
	h->quiet = quiet < last ? quiet : last;
}

/* -- of struct north_ops ----------------------------------------------------------------------- */

static bool enabled(const struct model *m)
{
	return m->homeassistant.on;
}

static void *create(struct outbox *o, const struct north_clock *clock)
{
	struct ha *h = mem_alloc(1, sizeof *h);
	h->outbox = o;
	h->clock = clock;
	h->due = h->loose_due = US_NEVER;
	h->clears = CLEARS_MAX;
	h->random = (uint32_t)clock->now | 1;
	return h;
}

static void destroy(void *self)
{
	struct ha *h = self;
	ha_docs_free(h);
	jw_free(&h->json);
	free(h);
}

static void retire(void *self)
{
	struct ha *h = self;
	for (size_t i = 0; i < h->ndoc; i++)
		ha_clear(h, h->model, &h->doc[i], i);
}

static bool same_broker(const struct model *a, const struct model *b)
{
	return strcmp(a->mqtt.host, b->mqtt.host) == 0 && a->mqtt.port == b->mqtt.port;
}

static void adopt(void *self, const struct model *m, const int32_t *same)
{
	struct ha *h = self;
	char node[HA_ID_SIZE];
	h->settled = h->settled && ha_same_place(h->model, m) && same_broker(h->model, m);
	ha_docs_adopt(h, m, same);
	h->model = m;
	h->loose = is_loose(m);
	ha_node(m, node);
	snprintf(h->birth, sizeof h->birth, "%s/status", m->homeassistant.prefix);
	snprintf(h->mine, sizeof h->mine, "%s/device/%s/+/config", m->homeassistant.prefix, node);
	h->quiet_last = h->clock->now + QUIET_MOST;
	earlier_waits(h);
	if (h->up)
		ha_all_due(h, h->clock->now, false);
}

static size_t filters(void *self, const char *const **list)
{
	struct ha *h = self;
	h->filter[0] = h->mine;
	h->filter[1] = h->birth;
	h->filter[2] = BIRTH_USUAL;
	*list = h->filter;
	return strcmp(h->birth, BIRTH_USUAL) == 0 ? 2 : 3;
}

static void connected(void *self, uint32_t packet_most)
{
	struct ha *h = self;
	h->packet_most = packet_most;
	h->up = true;
	h->clears = CLEARS_MAX;
	h->quiet_last = h->clock->now + QUIET_MOST;
	earlier_waits(h);
	ha_all_due(h, h->clock->now, true);
}

/* A SunSpec device may have found its points, or others. */
static void status(void *self, int32_t device, bool online)
{
	struct ha *h = self;
	if (device >= 0 && online && h->up && h->model->device[device].set->sunspec)
		ha_due(h, &h->doc[device + 1], h->clock->now, false);
}

static void gone(void *self, uint32_t device, uint32_t point)
{
	struct ha *h = self;
	(void)point;
	if (h->up)
		ha_due(h, &h->doc[device + 1], h->clock->now, false);
}

static us_t birth_delay(struct ha *h)
{
	h->random ^= h->random << 13;
	h->random ^= h->random >> 17;
	h->random ^= h->random << 5;
	return BIRTH_LEAST + (us_t)(h->random % (uint32_t)(BIRTH_MOST - BIRTH_LEAST));
}

static bool event(void *self, const struct mqtt_event *e, struct north_event *out)
{
	struct ha *h = self;
	const size_t head = strlen(h->mine) - strlen("+/config");
	(void)out; /* nothing that main need do */
	if (strcmp(e->topic, h->birth) == 0 || strcmp(e->topic, BIRTH_USUAL) == 0) {
		/* one that is retained is as old as our connection, and so are the documents */
		if (!e->retained && strcmp(e->payload, "online") == 0)
			ha_all_due(h, h->clock->now + birth_delay(h), true);
		return true;
	}
	if (strncmp(e->topic, h->mine, head) != 0)
		return false;
	const char *id = e->topic + head, *slash = strchr(id, '/');
	if (e->retained && e->len && slash) {
		if (!h->settled)
			earlier_waits(h);
		earlier(h, e, id, (size_t)(slash - id));
	}
	return true;
}

/* Documents that are due, as many as may be under way at a time. */
static us_t act(struct ha *h)
{
	const us_t now = h->clock->now;
	us_t next = US_NEVER;
	size_t bytes = 0;
	h->due = US_NEVER;
	for (size_t i = 0; i < h->ndoc; i++) {
		if (h->doc[i].due <= now) {
			if (bytes < PACE_BYTES)
				bytes += ha_act(h, i);
			else
				h->doc[i].due = now + PACE;
		}
		next = h->doc[i].due < next ? h->doc[i].due : next;
	}
	if (bytes && h->loose)
		h->loose_due = now + LOOSE_AFTER;
	if (next > now + PACE)
		jw_free(&h->json); /* that was all, for a while */
	h->due = next;
	return next;
}

static us_t turn(void *self)
{
	struct ha *h = self;
	const us_t now = h->clock->now;
	if (!h->up)
		return US_NEVER;
	if (!h->settled && now < h->quiet)
		return h->quiet;
	h->settled = true;
	if (now >= h->loose_due) {
		h->loose_due = US_NEVER;
		loose_again(h);
	}
	const us_t next = now >= h->due ? act(h) : h->due;
	return next < h->loose_due ? next : h->loose_due;
}

/* What others answer must not end up among what is announced. */
static bool owns(void *self, const char *topic)
{
	const struct ha *h = self;
	const char *prefix = h->model->homeassistant.prefix;
	const size_t n = strlen(prefix);
	return strncmp(topic, prefix, n) == 0 && (topic[n] == '/' || !topic[n]);
}

const struct north_ops ha_north = {
	.name = "homeassistant",
	.enabled = enabled,
	.create = create,
	.retire = retire,
	.destroy = destroy,
	.adopt = adopt,
	.filters = filters,
	.connected = connected,
	.turn = turn,
	.status = status,
	.gone = gone,
	.event = event,
	.owns = owns,
};
