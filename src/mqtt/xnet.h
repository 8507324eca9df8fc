/*
 * xnet: the MQTT contract as functions: every topic and payload of the xnet convention is made and
 * understood here and nowhere else. The first northbound; main reaches it through north.h, which has
 * the whole list of what can be told and heard.
 */
#ifndef MQTT_XNET_H
#define MQTT_XNET_H

#include "mqtt/north.h"

extern const struct north_ops xnet_north;

#define XNET_PAYLOAD_MAX 4096 /* longer commands are refused */
#define XNET_TOPIC_MAX 512

enum xnet_class { XNET_STATUS, XNET_ALERTS, XNET_NAK, XNET_SNAPSHOT };

struct xnet;

/* What the row's create gives. */
struct xnet *xnet_create(struct outbox *o);
void xnet_destroy(struct xnet *x); /* NULL is fine */
void xnet_adopt(struct xnet *x, const struct model *m);

/* <prefix>/sts/<name>/status … (<prefix>/sts/<name> for the snapshot). Return the length as snprintf. */
int xnet_topic(const struct mqtt_conf *c, const char *name, enum xnet_class what, char *buf, size_t size);
int xnet_value_topic(const struct mqtt_conf *c, const char *device, const char *point, char *buf, size_t size);
int xnet_sys_topic(const struct mqtt_conf *c, const char *gateway, const char *path, char *buf, size_t size);

/* The slot of a point's topic, for xnet_differs and tests. */
bool xnet_differs(struct xnet *x, uint32_t device, uint32_t point, const char *text);

/* The Last Will and what to subscribe to: only topics of the model's own devices and gateway. */
const char *xnet_will_topic(const struct xnet *x);
size_t xnet_filters(struct xnet *x, const char *const **filters);

/* See north_event: true if the topic is one of this contract. */
bool xnet_event(struct xnet *x, const struct mqtt_event *e, struct north_event *out);

#endif
