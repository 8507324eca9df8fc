/* SPDX-License-Identifier: MIT */
/*
 * north: what the gateway publishes and receives, whatever the convention on the broker. Main calls
 * these functions and no other; each northbound is one file and one row in north.c.
 *
 * Main thread only. Nothing here sends: it fills the outbox, so call outbox_kick() once per turn.
 * `device` is an index into model->device, `point` one into that device's set->point.
 */
#ifndef MQTT_NORTH_H
#define MQTT_NORTH_H

#include "core/model/alerts.h"
#include "core/model/model.h"
#include "mqtt/client.h"
#include "mqtt/outbox.h"

#define NORTH_GATEWAY (-1)   /* in place of a device */
#define NORTH_ALL UINT32_MAX /* in place of a point: all of the device */

/* -- what is published ------------------------------------------------------------------------- */

struct north;

struct north *north_create(struct outbox *o);
void north_destroy(struct north *n); /* NULL is fine; the outbox keeps its slots */

/* The first model or a new one; it must live until the next adopt has returned. Topics of devices
 * and points that are gone are cleared, those that stay keep their text. Values and statuses of new
 * ones are not published before main publishes them. */
void north_adopt(struct north *n, const struct model *m);

/* For mqtt_create and mqtt_subscribe. Valid until the next adopt. */
const char *north_will_topic(struct north *n);
const char *north_will_text(struct north *n);
size_t north_filters(struct north *n, const char *const **filters);

/* device NORTH_GATEWAY: the gateway's own. Tell all devices before the gateway: at start and at
 * stop. */
void north_status(struct north *n, int32_t device, bool online);

/* text as point_print gave it, without unit (the northbound adds what it wants). Told if it differs
 * from what was published last, or if `again` (heartbeat, read-back). */
void north_value(struct north *n, uint32_t device, uint32_t point, const char *text, bool again);

/* Would north_value publish it: does it differ from the last published text? For filter_pass's
 * `changed`.
 */
bool north_differs(struct north *n, uint32_t device, uint32_t point, const char *text);

/* The point's topic becomes None (stale, offline device's unreadable point, unsubscribed). */
void north_none(struct north *n, uint32_t device, uint32_t point);

/* The point does not exist any more: its topic is cleared, if it was ever published. */
void north_gone(struct north *n, uint32_t device, uint32_t point);

/* A value published once and not retained: the acknowledged value of a write-only point. */
void north_passing(struct north *n, uint32_t device, uint32_t point, const char *text);

/* One entry of history, in order, kept through an outage as far as history_buffer goes. */
void north_history(struct north *n, uint32_t device, uint32_t point, const char *text,
                   int64_t unix_ms);

/* All points of a device in one JSON object. text(ctx, point) gives each as point_print did, NULL:
 * never read (published as null). ts: of the newest read in it. */
void north_snapshot(struct north *n, uint32_t device, int64_t unix_ms,
                    const char *(*text)(void *ctx, uint32_t point), void *ctx);

/* device NORTH_GATEWAY: the gateway's. Told if the JSON changed. */
void north_alerts(struct north *n, int32_t device, const struct alerts *a);

/* Publish the status again (NORTH_GATEWAY: the gateway's); all: also what else stands retained of
 * the device. After NORTH_FOREIGN. */
void north_again(struct north *n, int32_t device, bool all);

/* path below the health tree: "uptime", "bus/rs485/state". Told if the text changed; NULL clears
 * it. */
void north_sys(struct north *n, const char *path, const char *text);

/* The same for a long text, which is not kept: publish it after each connect, and when it changed.
 */
void north_sys_passing(struct north *n, const char *path, const char *text);

/* -- what is received -------------------------------------------------------------------------- */

/* An MQTT 5 request that waits for its one answer; counts the outcomes still to come. */
struct north_request;

enum north_kind {
	NORTH_NONE,    /* not ours, empty, or dealt with inside */
	NORTH_COMMAND, /* write: items of one device, each with a text */
	NORTH_GET,     /* read now: items */
	NORTH_SUB,     /* one more for each item (on-demand points) */
	NORTH_UNSUB,   /* one less for each item */
	NORTH_RELOAD,
	NORTH_LOG,     /* text: error, warn, info or debug (checked) */
	NORTH_REFUSED, /* a command that cannot even be understood; its one outcome stands in
	                  `refused` */
	NORTH_FOREIGN, /* a status of ours was overwritten (device; text is what was seen): by
	                * somebody else, or it is our own of before, late on its way back.
	                * north_again puts it right */
};

struct north_item {
	uint32_t device, point; /* point NORTH_ALL: the whole device (get, unsub) */
	const char *text;       /* NORTH_COMMAND: the value as sent */
	const char *param;      /* the point as sent */
	const char *fault; /* NORTH_COMMAND: why this one is refused already (unknown point …); else
	                    * NULL. Then none of the items may be written. */
};

/* How one command ended. Told exactly once per item. */
struct north_outcome {
	int32_t device;                /* NORTH_GATEWAY: a command to the gateway */
	const char *param;             /* the point as sent */
	const char *value;             /* as sent; or, done, as the device now has it */
	const char *reason;            /* NULL: done (no Nak); else the Nak's reason */
	bool quiet;                    /* no Nak, only the MQTT 5 answer: superseded */
	struct north_request *request; /* of the event; NULL: nobody waits */
};

struct north_event {
	uint8_t kind; /* enum north_kind */
	bool retained, dup;
	uint32_t expiry; /* seconds the sender gives it; 0: none */
	int64_t since;   /* when its time began, as struct mqtt_event has it */
	int32_t device;  /* NORTH_COMMAND, NORTH_FOREIGN, NORTH_REFUSED */
	const char *text;
	struct north_item *item;
	size_t nitem;
	struct north_request *
		request; /* give it on with each outcome: it expects nitem of them (at least one) */
	struct north_outcome refused;
	char reason[320]; /* behind refused.reason */
	void *memory;     /* behind the items; north_event_free */
};

/* What does this message want? MQTT_UP and MQTT_DOWN give NORTH_NONE. The texts in *out live until
 * north_event_free, which must come before mqtt_event_free(e). The request lives until its last
 * outcome. Main answers NORTH_REFUSED with north_outcome(n, &out->refused), after counting it;
 * reload and log with one outcome each (param "reload" or "log", device NORTH_GATEWAY).
 * A request whose response topic we will not write to is NORTH_REFUSED; a retained one gets no
 * answer, only a Nak. */
void north_event(struct north *n, const struct mqtt_event *e, struct north_event *out);
void north_event_free(struct north_event *e);

/* Tells a command's end: Nak if there is a reason, the MQTT 5 answer when it was the last outcome.
 * A value set before this in the same turn is published before it. Frees the request with the last
 * one. */
void north_outcome(struct north *n, const struct north_outcome *o);

/* What is retained when we subscribe is of an earlier life: topics of devices that are gone
 * are cleared, but not those of a device that another gateway has now, which may be said later. So
 * main says when a connection begins, and asks north_settle some 2 s after each event that left it
 * unsettled. */
void north_connected(struct north *n);
bool north_unsettled(const struct north *n);

/* False: more of it has come since the last call; ask again in 2 s. */
bool north_settle(struct north *n);

/* -- a northbound ------------------------------------------------------------------------------ */

/* What a Nak and an answer repeat of what was sent, in bytes; a device's own text fits. */
#define NORTH_ECHO_PARAM 128
#define NORTH_ECHO_VALUE 256

/* A member of JSON that repeats a stranger's text: at most `most` bytes of it, cut between two
 * characters and with U+2026 behind. NULL is "". */
struct json;
void north_echo(struct json *j, const char *name, const char *text, size_t most);

struct north_slots {
	slot_t *slot; /* malloc'ed */
	size_t n;
};

/* NULL in a row: this northbound does not care. self: what create gave. */
struct north_ops {
	const char *name;
	void *(*create)(struct outbox *o);
	void (*destroy)(void *self);
	void (*adopt)(void *self, const struct model *m);
	const char *(*will)(void *self); /* topic; the first row that has one says it */
	size_t (*filters)(void *self, const char *const **filters);
	void (*status)(void *self, int32_t device, bool online);
	void (*value)(void *self, uint32_t device, uint32_t point, const char *text, bool again);
	void (*gone)(void *self, uint32_t device, uint32_t point);
	void (*passing)(void *self, uint32_t device, uint32_t point, const char *text);
	void (*history)(void *self, uint32_t device, uint32_t point, const char *text,
	                int64_t unix_ms);
	void (*snapshot)(void *self, uint32_t device, int64_t unix_ms,
	                 const char *(*text)(void *ctx, uint32_t point), void *ctx);
	bool (*differs)(void *self, uint32_t device, uint32_t point, const char *text);
	void (*alerts)(void *self, int32_t device, const char *json);
	void (*again)(void *self, int32_t device, bool all);
	void (*sys)(void *self, const char *path, const char *text, bool passing);
	bool (*event)(void *self, const struct mqtt_event *e,
	              struct north_event *out); /* true: mine */
	void (*outcome)(void *self, const struct north_outcome *o);
	void (*connected)(void *self);
	bool (*unsettled)(const void *self);
	bool (*settle)(void *self);
	/* Adds the slots that must go before this outcome: of the values it is about. */
	void (*values_of)(void *self, const struct north_outcome *o, struct north_slots *s);
	/* Is the topic below one of the convention's own, which strangers must not make us write?
	 */
	bool (*owns)(void *self, const char *topic);
};

#endif
