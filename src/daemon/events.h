/*
 * events: what the MQTT client saw: connected, gone, a message. Pushed by the client's threads,
 * taken by main.
 */
#ifndef DAEMON_EVENTS_H
#define DAEMON_EVENTS_H

#include "daemon/plant.h"

/* For mqtt_create; ctx is the events queue. Any thread; never waits. */
void events_push(void *ctx, struct mqtt_event *e);

/* A bounded number per turn. */
void events_take(struct gateway *g);

/* The Alert about somebody else who publishes our status has stood long enough. */
void events_foreign_over(struct gateway *g);

#endif
