/* SPDX-License-Identifier: MIT */
/*
 * paho: one handle of the MQTT library, for one protocol version. The only file that uses the
 * library. Everything here is called by the publisher thread alone; the sink's functions are called
 * on the library's threads with its lock held: they must not wait, nor call back.
 */
#ifndef MQTT_PAHO_H
#define MQTT_PAHO_H

#include "mqtt/client.h"
#include "mqtt/outbox.h"
#include "mqtt/pace.h"
#include "mqtt/retry.h"

#define PAHO_FLIGHTS                                                                               \
	90 /* messages handed over and not yet acknowledged; the library stalls above its limit */
#define PAHO_FLIGHTS_V5 20

struct paho_terms {               /* what the broker reported when it accepted */
	uint16_t receive_maximum; /* 0: not given */
	uint32_t maximum_packet;  /* bytes; 0: not given */
	uint8_t maximum_qos;
	bool retain;
	us_t keepalive; /* as the broker wants it; 0: not given */
};

/* What became of a message of the outbox, or of a probe (item NULL). */
struct paho_done {
	void *item;
	uint8_t qos;         /* of the message, as it was sent */
	bool ok;             /* acknowledged; QoS 0: written */
	const char *refused; /* the broker refuses it: why. Neither: it was lost */
	struct pace_mark mark;
};

struct paho_sink {
	void (*up)(void *ctx, const struct paho_terms *t);
	/* The attempt failed or the connection is lost; once per connect. why: for people. */
	void (*down)(void *ctx, enum retry_failure f, const char *why);
	void (*done)(void *ctx, const struct paho_done *d);
	void (*message)(void *ctx, struct mqtt_event *e, uint8_t qos);
	void (*answer)(void *ctx); /* to paho_ask() */
	void (*not_subscribed)(void *ctx, const char *filter, const char *why);
	void (*disconnected)(void *ctx);
	void *ctx;
};

struct paho;

/* Strings of conf must live as long as the handle. address: of conf's host, as a number: a look-up
 * by the library would hold up all its connections. NULL: *why is the reason. Waits while
 * another client ends the library's last handle: some seconds at most. */
struct paho *paho_create(const struct mqtt_conf *conf, const char *address, const char *client_id,
                         uint8_t protocol, const char *will_topic, const char *will_text,
                         const struct paho_sink *sink, const char **why);

/* Frees; sends DISCONNECT if still connected. No sink function is called after it. Messages without
 * an answer are given to done() as failed. */
void paho_destroy(struct paho *p);

/* plain: the Last Will at QoS 0; passing: not retained. */
bool paho_connect(struct paho *p, bool plain, bool passing, char *why, size_t size);
/* m->qos: what the broker offers. mark comes back with done(). */
bool paho_send(struct paho *p, const struct outgoing *m, uint32_t expiry,
               const struct pace_mark *mark);

/* A probe as paho_ask's, whose answer comes to done(). False: not now. */
bool paho_mark(struct paho *p, const struct pace_mark *mark);

/* n filters, which must live as long as p; several go in one packet. */
void paho_subscribe(struct paho *p, const char *const *filter, size_t n, uint8_t qos);
unsigned paho_subscribing(struct paho *p); /* how many packets are not answered yet */
void paho_unsubscribe(struct paho *p, const char *const *filter, size_t n);

/* A probe that the broker must answer, in its turn: after all that was handed over before, and
 * before all that it sends us afterwards. Changes nothing. */
void paho_ask(struct paho *p);

bool paho_disconnect(struct paho *p, int timeout_ms);

#endif
