// SPDX-License-Identifier: MIT
/* What a ThingsBoard server may send, as an RPC: understood or refused without a fault, each is
 * answered at most once and in JSON, and what is to be written is a point of ours. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/jread.h"
#include "mqtt/north.h"

#define LINK 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct write_rule writable = {.min = 0};
static const struct point points[] = {{.name = "Relay1", .write = &writable}, {.name = "Volts"}};
static const struct pointset set = {.point = points, .n = 2};
static const struct device devices[] = {{.name = "d1", .set = &set},
                                        {.name = "d2", .set = &set, .point0 = 2}};
static const struct bus_conf bus = {.name = "line"};
static const struct model model = {
	.gateway = "gw",
	.bus = &bus,
	.nbus = 1,
	.device = devices,
	.ndevice = 2,
	.npoint = 4,
	.mqtt = {.prefix = "xnet"},
	.thingsboard = {.host = "tb", .prefix = ""},
};

/* Every item is answered once, as main would. */
static void answer(struct north *n, const struct north_event *e)
{
	struct north_outcome o = {
		.device = e->device, .param = "", .reason = "fuzzed", .request = e->request};
	if (e->kind == NORTH_NONE)
		return;
	if (e->kind == NORTH_REFUSED)
		o = e->refused;
	for (size_t i = 0; i < (e->nitem ? e->nitem : 1); i++) {
		if (i < e->nitem &&
		    (e->item[i].device >= 2 || (e->item[i].point >= 2 && !e->item[i].fault)))
			abort();
		if (i < e->nitem)
			o.param = e->item[i].param;
		north_outcome(n, &o);
	}
}

static void all_published(struct outbox *o)
{
	struct outgoing out;
	while (outbox_take(o, &out)) {
		struct jread r = {0};
		if (!jread_parse(&r, out.payload, out.len))
			abort();
		jread_free(&r);
		outbox_sent(o, out.item);
	}
}

/* flags, payload */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char topic[] = "v1/gateway/rpc";
	struct north_event e;
	struct north_link l;
	if (size < 1)
		return 0;
	char *payload = malloc(size);
	if (!payload)
		abort();
	memcpy(payload, data + 1, size - 1);
	payload[size - 1] = '\0';
	struct outbox *o = outbox_create(10000);
	struct north *n = north_create(o);
	north_adopt(n, &model, NULL);
	north_clock(n, 1000 * US_S, 1);
	for (int32_t i = 0; i < 2; i++)
		north_status(n, i, true);
	if (data[0] & 2) /* else it may be old */
		north_clock(n, 2000 * US_S, 1);
	const struct mqtt_event m = {
		.kind = MQTT_MESSAGE,
		.link = LINK,
		.topic = topic,
		.payload = payload,
		.len = size - 1,
		.retained = data[0] & 1,
	};
	north_event(n, &m, &e);
	answer(n, &e);
	north_event_free(&e);
	north_link(n, LINK, &l);
	all_published(l.outbox);
	north_destroy(n);
	outbox_destroy(o);
	free(payload);
	return 0;
}
