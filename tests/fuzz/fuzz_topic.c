// SPDX-License-Identifier: MIT
/* A topic, a filter and a payload from anybody: classified without a fault, and what is taken is
 * ours. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/topic.h"
#include "mqtt/north.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct write_rule writable = {.min = 0};
static const struct point points[] = {{.name = "Relay1", .write = &writable}, {.name = "Volts"}};
static const struct pointset set = {.point = points, .n = 2};
static const struct device devices[] = {{.name = "d1", .set = &set},
                                        {.name = "d2", .set = &set, .point0 = 2}};
static const struct model model = {
	.gateway = "gw",
	.device = devices,
	.ndevice = 2,
	.npoint = 4,
	.mqtt = {.prefix = "xnet"},
};

static char *text_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Every item is answered once, as main would. */
static void answer(struct north *n, const struct north_event *e)
{
	struct north_outcome o = {
		.device = e->device, .param = "", .reason = "fuzzed", .request = e->request};
	if (e->kind == NORTH_NONE || e->kind == NORTH_FOREIGN)
		return;
	if (e->kind == NORTH_REFUSED)
		o = e->refused;
	for (size_t i = 0; i < (e->nitem ? e->nitem : 1); i++) {
		if (i < e->nitem && (e->item[i].device >= 2 ||
		                     (e->item[i].point != NORTH_ALL && e->item[i].point >= 2)))
			abort();
		if (i < e->nitem)
			o.param = e->item[i].param;
		north_outcome(n, &o);
	}
}

static void hear(struct north *n, char *topic, char *payload, size_t len, uint8_t flags)
{
	char answer_to[] = "me";
	struct north_event e;
	const struct mqtt_event m = {
		.kind = MQTT_MESSAGE,
		.topic = topic,
		.payload = payload,
		.len = len,
		.retained = flags & 1,
		.response_topic = flags & 2 ? answer_to : NULL,
	};
	north_event(n, &m, &e);
	answer(n, &e);
	north_event_free(&e);
}

/* flags, length of the topic's rest, topic behind "xnet/", payload */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || data[1] > size - 2)
		return 0;
	struct outbox *o = outbox_create(10000);
	struct north *n = north_create(o);
	struct outgoing out;
	char *rest = text_of(data + 2, data[1]),
	     *payload = text_of(data + 2 + data[1], size - 2 - data[1]);
	char topic[300] = "xnet/";
	strcat(topic, rest);
	north_adopt(n, &model, NULL);
	hear(n, topic, payload, size - 2 - data[1], data[0]);
	topic_match(payload, topic);
	if (topic_valid(topic) && !topic_match("#", topic))
		abort();
	while (outbox_take(o, &out)) {
		if (!topic_valid(out.topic))
			abort();
		outbox_sent(o, out.item);
	}
	north_destroy(n);
	outbox_destroy(o);
	free(rest);
	free(payload);
	return 0;
}
