// SPDX-License-Identifier: MIT
/* Messages from anybody to a gateway with many devices and points: what one of them costs has a
 * bound, however its list is made. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "mqtt/north.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if __has_feature(coverage_sanitizer) /* for libFuzzer: what is found must not take seconds a run  \
                                       */
#define DEVICES 30
#define POINTS 20
#define HUNDRED 4
#else
#define DEVICES 1000
#define POINTS 200
#define HUNDRED 100
#endif
#define PAYLOAD_MAX (MQTT_PAYLOAD_MAX + 1000)
#define TOPIC_MAX 65535
#define MEMORY_MAX (2u << 20) /* bytes an event */
#define TOLD_MAX 100000       /* messages that we send for it */

static const struct write_rule writable = {.min = 0};
static struct point points[POINTS];
static struct device devices[DEVICES];
static const struct pointset set = {.point = points, .n = POINTS};
static const struct model model = {
	.gateway = "gw",
	.device = devices,
	.ndevice = DEVICES,
	.npoint = (size_t)DEVICES * POINTS,
	.mqtt = {.prefix = "xnet", .retain = true},
};

static void make_model(void)
{
	static char name[DEVICES + POINTS][8];
	if (points[0].name)
		return;
	for (unsigned i = 0; i < POINTS; i++) {
		snprintf(name[i], sizeof name[i], "P%u", i);
		points[i] = (struct point){.name = name[i], .retain = i % 2, .write = &writable};
	}
	for (unsigned i = 0; i < DEVICES; i++) {
		snprintf(name[POINTS + i], sizeof name[i], "m%u", i);
		devices[i] = (struct device){
			.name = name[POINTS + i], .set = &set, .point0 = i * POINTS};
	}
}

/* A part up to the next newline; `#` becomes a number that counts up. */
static size_t part_put(const char *part, size_t len, unsigned number, char *to, size_t used,
                       size_t size)
{
	for (size_t i = 0; i < len && used + 12 < size; i++) {
		if (part[i] == '#')
			used += (size_t)sprintf(to + used, "%u", number);
		else
			to[used++] = part[i];
	}
	to[used] = '\0';
	return used;
}

struct parts {
	const char *at[5];
	size_t len[5];
};

static struct parts cut(const char *text, size_t n)
{
	struct parts p = {0};
	for (unsigned i = 0; i < 5; i++) {
		const char *end = i < 4 ? memchr(text, '\n', n) : NULL;
		p.at[i] = text;
		p.len[i] = end ? (size_t)(end - text) : n;
		const size_t skip = p.len[i] + (end != NULL);
		text += skip;
		n -= skip;
	}
	return p;
}

static void answer(struct north *n, const struct north_event *e)
{
	struct north_outcome o = {
		.device = e->device, .param = "", .reason = "fuzzed", .request = e->request};
	if (e->kind == NORTH_NONE || e->kind == NORTH_FOREIGN)
		return;
	if (e->kind == NORTH_REFUSED)
		o = e->refused;
	for (size_t i = 0; i < (e->nitem ? e->nitem : 1); i++)
		north_outcome(n, &o);
}

static void hear(struct north *n, char *topic, char *payload, size_t len, uint8_t flags)
{
	char answer_to[] = "me";
	struct north_event e;
	if (len > MQTT_PAYLOAD_MAX)
		payload[0] = '\0'; /* as the client gives it on */
	const struct mqtt_event m = {
		.kind = MQTT_MESSAGE,
		.topic = topic,
		.payload = payload,
		.len = len,
		.retained = flags & 1,
		.response_topic = flags & 2 ? answer_to : NULL,
	};
	north_event(n, &m, &e);
	if (e.memory && arena_used(e.memory) > MEMORY_MAX)
		abort();
	answer(n, &e);
	north_event_free(&e);
}

static void all_published(struct outbox *o)
{
	struct outgoing out;
	for (unsigned k = 0; outbox_take(o, &out); k++) {
		if (k == TOLD_MAX)
			abort();
		outbox_sent(o, out.item);
	}
}

/* flags; messages, in hundreds; repetitions of the unit, in tens; then, each a line: topic behind
 * "xnet/", head, unit, tail of the payload */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char topic[TOPIC_MAX + 1], payload[PAYLOAD_MAX];
	if (size < 3)
		return 0;
	make_model();
	struct outbox *o = outbox_create(10000);
	struct north *n = north_create(o);
	const struct parts p = cut((const char *)data + 3, size - 3);
	north_adopt(n, &model, NULL);
	north_connected(n, 0, 0);
	for (unsigned k = 0; k < 1 + data[1] * (unsigned)HUNDRED; k++) {
		part_put(p.at[0], p.len[0], k, topic, (size_t)sprintf(topic, "xnet/"),
		         sizeof topic);
		size_t used = part_put(p.at[1], p.len[1], 0, payload, 0, sizeof payload);
		for (unsigned i = 0; i < data[2] * 10u; i++)
			used = part_put(p.at[2], p.len[2], i, payload, used, sizeof payload);
		used = part_put(p.at[3], p.len[3], 0, payload, used, sizeof payload);
		hear(n, topic, payload, used, data[0]);
		all_published(o);
	}
	while (!north_settle(n))
		;
	all_published(o);
	north_destroy(n);
	outbox_destroy(o);
	return 0;
}
