/*
 * events: what the MQTT client saw: connected, gone, a message. Pushed by the client's threads, taken
 * by main.
 */
#ifndef DAEMON_EVENTS_H
#define DAEMON_EVENTS_H

#include "daemon/plant.h"

struct events;

void events_create(struct gateway *g);

/* Frees also what nobody took. After the client has ended. */
void events_destroy(struct gateway *g);

/* For mqtt_create; ctx is g->events. Any thread; never waits. */
void events_push(void *ctx, struct mqtt_event *e);

/* Readable while there are some. */
int events_fd(const struct gateway *g);

/* A bounded number per turn. */
void events_take(struct gateway *g);

/* The Alert about somebody else who publishes our status has stood long enough. */
void events_foreign_over(struct gateway *g);

#endif
