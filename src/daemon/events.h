/* SPDX-License-Identifier: MIT */
/*
 * events: what the MQTT client saw: connected, gone, a message. Pushed by the client's threads,
 * taken by main.
 */
#ifndef DAEMON_EVENTS_H
#define DAEMON_EVENTS_H

#include "daemon/base/plant.h"

struct events;

void events_create(struct gateway *g);
void events_destroy(struct gateway *g);

/* Readable when there are some. */
int events_fd(const struct gateway *g);

/* For mqtt_create, ctx: events_source() of the link. Any thread but main. Waits while the queue is
 * full; but a message of another link than the broker's is discarded then, and counted: the library
 * reads for all connections on one thread. */
void events_push(void *ctx, struct mqtt_event *e);
void *events_source(struct gateway *g, unsigned link);

/* Around mqtt_destroy(): while main waits for the client's threads they must not wait for main. */
void events_leave(struct gateway *g, unsigned link, bool begins);

/* A bounded number per turn; and all that are there now. */
void events_take(struct gateway *g);
void events_take_all(struct gateway *g);

/* Some of what came with the last words, and how many those were. Each is refused. */
size_t events_refuse_rest(struct gateway *g);

/* A status that another client has overwritten is put right, or the Alert about it has stood long
 * enough. */
void events_foreign_tick(struct gateway *g);

/* What was retained on the broker has come: north_settle. */
void events_settle(struct gateway *g);

/* Our client id is another one now. source: the name under which the Alert was raised. */
void events_id_conflict_over(struct gateway *g, const char *source);

#endif
