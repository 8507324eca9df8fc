/* SPDX-License-Identifier: MIT */
/*
 * paho_inside: what paho.c (a connection's life) and paho_messages.c (what goes over it) share.
 */
#ifndef MQTT_PAHO_INSIDE_H
#define MQTT_PAHO_INSIDE_H

#include <pthread.h>

#include "mqtt/flights.h"
#include "mqtt/paho.h"
#include "mqtt/paho_functions.h"

/* Filters of one SUBSCRIBE: as many as a broker of AWS takes, which has the lowest limit. */
#define PAHO_FILTERS 8

/* A SUBSCRIBE that is, or was, on its way. */
struct subscription {
	struct paho *paho;
	struct subscription *next; /* in paho.subscriptions */
	struct subscription *idle; /* in paho.idle, once it is answered */
	bool waits;
	size_t n;
	const char *filter[PAHO_FILTERS];
};

struct paho {
	struct paho_functions lib; /* the variant that made the handle */
	MQTTAsync handle;
	const struct mqtt_conf *conf;
	const char *will_topic, *will_text;
	uint8_t protocol;
	struct paho_sink sink;
	struct paho_terms terms;
	struct subscription *subscriptions; /* all there were: the library keeps their addresses */
	struct flights flights;
	pthread_mutex_t lock;      /* of what follows; nothing is called while it is held */
	bool settled;              /* down was reported for this connect */
	unsigned subscribing;      /* SUBSCRIBEs that are not answered */
	struct subscription *idle; /* of those that are */
	char tls_error[128];
};

/* A property of MQTT 5; the library copies it. */
void paho_property_int(struct paho *p, MQTTProperties *props, enum MQTTPropertyCodes id,
                       unsigned value);

/* The library's callback for a message that came in. */
int paho_on_message(void *ctx, char *topic, int topic_len, MQTTAsync_message *m);

#endif
