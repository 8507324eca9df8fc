/* SPDX-License-Identifier: MIT */
/*
 * thingsboard: the northbound for a ThingsBoard server, on a connection of its own, by the
 * server's MQTT API for gateways: devices connect and disconnect, values are telemetry with the
 * time of their read, what a device is and its Alerts are attributes, and an RPC is a command or a
 * read. Main reaches it through north.h; doc/thingsboard.md is the contract.
 */
#ifndef MQTT_THINGSBOARD_H
#define MQTT_THINGSBOARD_H

#include "mqtt/north.h"

extern const struct north_ops thingsboard_north;

/* The server keeps RPCs for a device that is not connected, and delivers them when it is: what
 * comes so soon after may be old, and RPCs carry no time. */
#define TB_QUEUED (5 * US_S)

struct tb_device {
	char *name;                   /* as the server has it */
	slot_t connect, info, alerts; /* while it is online: the server connects what has others */
	char *alerts_json;            /* NULL: none known */
	bool online, leaving;         /* leaving: it is to be disconnected behind its last values */
	us_t since;                   /* online */
};

/* A value that waits for the others of this moment. */
struct tb_item {
	uint32_t device, point, order;
	size_t text; /* in tb.text */
	int64_t unix_ms;
};

struct tb {
	struct outbox *outbox;
	const struct north_clock *clock;
	const struct model *model;
	struct tb_device *device; /* by device of the model */
	size_t ndevice;
	uint8_t *seen; /* by global point: it was given since the model began */
	slot_t gateway, gateway_alerts;
	us_t up_at;
	struct tb_item *item;
	size_t nitem, item_room;
	char *text; /* of the items */
	size_t text_len, text_room;
	bool leaving; /* some device is */
	us_t flush_at;
	struct json json; /* kept for its memory */
};

/* thingsboard_rpc.c; of struct north_ops. */
bool tb_event(void *self, const struct mqtt_event *e, struct north_event *out);
void tb_answer(void *self, void *reply, const char *json);

#endif
