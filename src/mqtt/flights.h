/* SPDX-License-Identifier: MIT */
/*
 * flights: the messages that the MQTT library has and has not answered for yet. Each comes back to
 * the sink's done() exactly once. Taken by the publisher, landed on the library's threads.
 */
#ifndef MQTT_FLIGHTS_H
#define MQTT_FLIGHTS_H

#include <pthread.h>

#include "mqtt/paho.h"

struct flight {
	struct flights *of;
	void *item; /* NULL: a probe */
	uint8_t qos;
	uint8_t next; /* while it is free: the next free one */
	bool used;
	struct pace_mark mark;
};

#define FLIGHTS (PAHO_FLIGHTS + 10) /* probes, too */

struct flights {
	const struct paho_sink *sink;
	pthread_mutex_t lock; /* nothing is called while it is held */
	uint8_t free_;        /* the first free one; FLIGHTS: none */
	struct flight flight[FLIGHTS];
};

void flights_begin(struct flights *t, const struct paho_sink *sink);
/* NULL: all are used. */
struct flight *flights_take(struct flights *t, void *item, uint8_t qos,
                            const struct pace_mark *mark);
void flight_land(struct flight *f, bool ok, const char *refused); /* a second time: nothing */
void flights_end(struct flights *t);                              /* lands all, as failed */

#endif
