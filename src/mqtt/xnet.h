/* SPDX-License-Identifier: MIT */
/*
 * xnet: the MQTT contract as functions: every topic and payload of the xnet convention is made and
 * understood here (publishing) and in xnet_receive.c, and nowhere else. The first northbound; main
 * reaches it through north.h, which has the whole list of what can be published and received.
 */
#ifndef MQTT_XNET_H
#define MQTT_XNET_H

#include "mqtt/north.h"

extern const struct north_ops xnet_north;

#define XNET_PAYLOAD_MAX 4096 /* longer commands are refused */
#define XNET_TOPIC_MAX 512

struct xnet_device {
	slot_t status, alerts, snapshot;
};

/* One per row of north.c. All of it is replaced by an adopt, but the slots of what stays. */
struct xnet {
	struct outbox *outbox;
	struct arena *arena; /* of the texts below */
	const struct model *model;
	const char *prefix, *gateway, *will;
	slot_t *value;   /* by global point; 0: not published */
	uint8_t *before; /* by global point: it was published in an earlier life */
	struct xnet_device *device;
	slot_t gateway_status, gateway_alerts;
	bool gateway_wiped; /* what an earlier life may have left on these */
	uint8_t *is_sys;    /* by slot: a topic of the health tree */
	size_t nis_sys;
	const char **filter;
	size_t nfilter;
	struct xnet_past *past; /* xnet_before.c */
};

/* <prefix>/<class>/<name>[/<leaf>]; leaf NULL: none. */
void xnet_topic(const struct xnet *x, const char *class_, const char *name, const char *leaf,
                char buf[XNET_TOPIC_MAX]);

/* <prefix>/$SYS/<gateway>/<path> */
void xnet_sys_topic(const struct xnet *x, const char *path, char buf[XNET_TOPIC_MAX]);

/* Empty the retained message of a topic of ours that is published no more. */
void xnet_clear(struct xnet *x, const char *topic);

/* xnet_adopt.c: the slot of a value, with its properties. */
slot_t xnet_value_slot(struct xnet *x, const struct device *d, const struct point *p);
/* The user properties of a point's values, into buf; NULL: none, or they are not wanted. */
#define XNET_PROPERTIES_MAX 256
const char *xnet_properties(const struct xnet *x, const struct point *p,
                            char buf[XNET_PROPERTIES_MAX]);
/* Has the point a topic of its own? */
bool xnet_published(const struct point *p);
void xnet_adopt(void *self, const struct model *m, const int32_t *same); /* as north_ops has it */

/* xnet_before.c: topics below $SYS as they are retained when we subscribe. Of our own tree: what
 * is published no more, or retained no more, is cleared. Of another gateway's: it has that device
 * now. All of it may be forged: it has bounds, and never makes us clear what another gateway
 * reports it has. */
struct topic_levels;
struct xnet_past *xnet_past_create(void);
void xnet_past_destroy(struct xnet_past *p);
void xnet_before(struct xnet *x, const struct mqtt_event *e, const struct topic_levels *t);
void xnet_elsewhere_set(struct xnet *x, const struct mqtt_event *e, const struct topic_levels *t);
bool xnet_elsewhere(const struct xnet *x, const char *device, size_t len);

/* Of struct north_ops. */
void xnet_connected(void *self, uint32_t packet_most);
bool xnet_unsettled(const void *self);
bool xnet_settle(void *self);

/* See north_event; xnet_receive.c. True: the topic is one of this contract. */
bool xnet_event(struct xnet *x, const struct mqtt_event *e, struct north_event *out);

#endif
