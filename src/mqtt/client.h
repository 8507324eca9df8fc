/* SPDX-License-Identifier: MIT */
/*
 * client: the MQTT connection. Owns the publisher thread, the only caller of the MQTT library;
 * takes dirty slots from the outbox, keeps the window of unacknowledged messages, reconnects by
 * itself, subscribes again after each connect. Its callbacks only push events.
 */
#ifndef MQTT_CLIENT_H
#define MQTT_CLIENT_H

#include "core/model/model.h"
#include "mqtt/outbox.h"

/* Sent in CONNECT: MQTT 5 brokers deliver nothing larger (3.1.1 has no such word). Far above what
 * we want to have: a large device's `info`, which is read back after a start. */
#define MQTT_PACKET_MAX (1024 * 1024)

/* Of a longer payload only the length is kept. */
#define MQTT_PAYLOAD_MAX (256 * 1024)

enum mqtt_event_kind {
	MQTT_UP,
	MQTT_DOWN, /* the connection is lost, or could not be made: reported when the reason changes
	            */
	MQTT_MESSAGE,
	MQTT_REFUSED, /* the broker refuses a subscription or a publication (topic; text: why);
	                 reported once a topic */
};

struct mqtt_event {
	uint8_t kind;
	uint8_t link; /* which connection: the receiver's own number for it */
	bool retained;
	bool id_conflict;     /* MQTT_DOWN: another client took the client id, or seems to */
	bool dup;             /* MQTT_MESSAGE: the broker reports it may have delivered it before */
	uint8_t protocol;     /* MQTT_UP: 4 or 5 */
	uint32_t packet_most; /* MQTT_UP: bytes of a packet that the broker takes; 0: not given */
	char *topic;          /* MQTT_MESSAGE; malloc'ed, the receiver frees: mqtt_event_free() */
	char *payload;        /* NUL-terminated, may hold NULs inside: see len */
	size_t len;           /* above MQTT_PAYLOAD_MAX: payload is "" */
	char *response_topic; /* MQTT 5; NULL: none */
	void *correlation;
	size_t correlation_len;
	uint32_t expiry; /* seconds; 0: none */
	int64_t since;   /* MQTT_MESSAGE: when its time began, µs of CLOCK_BOOTTIME; see fresh.h */
	uint64_t number; /* MQTT_MESSAGE: counted from 1 by each client */
	char text[192];  /* MQTT_DOWN, MQTT_REFUSED: why, for people */
};

/* Frees what the event points to, not the struct itself. */
void mqtt_event_free(struct mqtt_event *e);

/* Bytes that an event points to. For queue_weigh. */
size_t mqtt_event_weight(const void *event);

struct mqtt_figures {
	uint64_t published, received, dropped,
		reconnects; /* published: acknowledged, or written (QoS 0) */
	size_t queued;      /* waiting and on their way */
	bool connected;
	char broker[128], last_error[192];
	uint8_t protocol;
};

struct mqtt_client;

/* Starts the publisher thread and returns; connects in the background, and again for ever. conf is
 * copied. Clears http_proxy and https_proxy (the library would obey them) and ignores SIGPIPE, so
 * call it before other threads that read the environment.
 * push: called on the client's threads, must only queue the event and wake; it may wait for room,
 * but not once main is in mqtt_destroy(). It copies *e and takes over
 * what it points to.
 * will_topic, will_text: the Last Will (retained, QoS 1); NULL: none. Several clients may exist at
 * a time.
 */
struct mqtt_client *mqtt_create(const struct mqtt_conf *conf, const char *client_id,
                                struct outbox *o, const char *will_topic, const char *will_text,
                                void (*push)(void *ctx, struct mqtt_event *e), void *ctx);

/* Replace the list of subscriptions (copied); the difference is (un)subscribed. */
void mqtt_subscribe(struct mqtt_client *c, const char *const *filters, size_t n, uint8_t qos);

/* The shortest time that a command may take, µs (10 s if never called): how old a message may be is
 * known well enough for that. */
void mqtt_shortest(struct mqtt_client *c, int64_t shortest);

/* Is something under way whose outcome belongs to the broker in use? Until then the first of a list
 * is not returned to, for a minute at most. taken: the number of the last message that was
 * looked at for this. */
void mqtt_hold(struct mqtt_client *c, bool held, uint64_t taken);

void mqtt_figures(struct mqtt_client *c, struct mqtt_figures *out);

/* After mqtt_subscribe() of nothing: the broker has acknowledged all that was published, and all
 * that it delivered was given to push. Always true while there is no connection. */
bool mqtt_idle(struct mqtt_client *c);

/* Publish what is dirty for at most `limit` µs, DISCONNECT if all is acknowledged, else just end
 * and let the broker publish the Last Will. Frees. NULL is fine. */
void mqtt_destroy(struct mqtt_client *c, int64_t limit);

/* The same where the process goes on: a connection that does not end in time is given up behind
 * main's back, with the Last Will's message, so that nothing more is delivered to it. */
void mqtt_leave(struct mqtt_client *c, int64_t limit);

#endif
