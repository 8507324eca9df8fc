/* SPDX-License-Identifier: MIT */
/*
 * north: what the gateway publishes and receives, whatever the convention on the broker. Main calls
 * these functions and no other; each northbound is one file and one row in north_rows.c.
 *
 * Main thread only. Nothing here sends: it fills the outbox, so call north_kick() once per turn.
 * `device` is an index into model->device, `point` one into that device's set->point.
 */
#ifndef MQTT_NORTH_H
#define MQTT_NORTH_H

#include "core/model/alerts.h"
#include "core/model/model.h"
#include "core/value/value.h"
#include "mqtt/client.h"
#include "mqtt/outbox.h"

#define NORTH_GATEWAY (-1)   /* in place of a device */
#define NORTH_ALL UINT32_MAX /* in place of a point: all of the device */
#define NORTH_LINKS 4        /* rows and connections at most; see struct north_link */

/* -- what is published ------------------------------------------------------------------------- */

struct north;

/* o: of the broker's connection; a northbound with a connection of its own has its own outbox. */
struct north *north_create(struct outbox *o);
void north_destroy(struct north *n); /* NULL is fine; the outbox keeps its slots */

/* The first model or a new one; it must live until the next adopt has returned. Topics of devices
 * and points that are gone are cleared, those that stay keep their text. Values and statuses of new
 * ones are not published before main publishes them. Northbounds that the model has not begin or
 * end; the client of an own connection that ends must have been destroyed before. same: by device
 * of m, which it was in the model before, if all of it is as it was, else -1; given only if nothing
 * that is set for northbounds has changed, else NULL. */
void north_adopt(struct north *n, const struct model *m, const int32_t *same);

/* The time of this turn of main: monotonic, and the wall clock in ms since 1970. */
void north_clock(struct north *n, us_t now, int64_t unix_ms);

/* At the end of each turn: deferred work. Gives when it wants to be called again. */
us_t north_turn(struct north *n);

/* outbox_kick() of all. */
void north_kick(struct north *n);

/* Link 0 is the connection to the broker of `mqtt:`, which the northbounds share; the others belong
 * to one northbound each. */
struct north_link {
	const char *name; /* "broker", or the northbound's */
	struct outbox *outbox;
	const char *will_topic, *will_text; /* NULL: no Last Will */
	const char *const *filter;          /* to subscribe */
	size_t nfilter;
};

/* The settings that this model has for a link; NULL: it has not got it. */
const struct mqtt_conf *north_connection(unsigned link, const struct model *m);

/* Of a link that the adopted model has. Valid until the next adopt. */
void north_link(struct north *n, unsigned link, struct north_link *out);

/* device NORTH_GATEWAY: the gateway's own. All devices before the gateway: at start and at stop. */
void north_status(struct north *n, int32_t device, bool online);

struct north_value {
	uint32_t device, point;
	const char *text;          /* as point_print gave it: without unit */
	const struct value *value; /* the same */
	int64_t unix_ms;           /* when it was read; 0: now */
	bool again;                /* even if it is what was published last: heartbeat, read-back */
};

/* Published if it differs from what was published last, or if `again`. */
void north_value(struct north *n, const struct north_value *v);

/* Would north_value publish it: does it differ from the last text? For filter_pass's `changed`. */
bool north_differs(struct north *n, uint32_t device, uint32_t point, const char *text);

/* It was written and not read since: what was published last is not published again. */
void north_outdated(struct north *n, uint32_t device, uint32_t point);

/* The point's topic becomes None (stale, offline device's unreadable point, unsubscribed). */
void north_none(struct north *n, uint32_t device, uint32_t point);

/* The point does not exist any more: its topic is cleared, if it was ever published. */
void north_gone(struct north *n, uint32_t device, uint32_t point);

/* A value published once and not retained: the acknowledged value of a write-only point. */
void north_passing(struct north *n, const struct north_value *v);

/* One entry of history, in order, kept through an outage as far as history_buffer goes. */
void north_history(struct north *n, uint32_t device, uint32_t point, const char *text,
                   int64_t unix_ms);

/* All points of a device in one JSON object. text(ctx, point) gives each as point_print did, NULL:
 * not read, or not since the device is back (published as null). unix_ms: of the newest read in it.
 */
void north_snapshot(struct north *n, uint32_t device, int64_t unix_ms,
                    const char *(*text)(void *ctx, uint32_t point), void *ctx);

/* device NORTH_GATEWAY: the gateway's. Published if the JSON changed. */
void north_alerts(struct north *n, int32_t device, const struct alerts *a);

/* Publish the status again (NORTH_GATEWAY: the gateway's); all: also what else is retained of
 * the device. After NORTH_FOREIGN. */
void north_again(struct north *n, int32_t device, bool all);

/* path below the health tree: "uptime", "bus/rs485/state". Published if the text changed; NULL
 * clears it. */
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
	NORTH_REFUSED, /* a command that cannot even be understood; its one outcome is in
	                  `refused` */
	NORTH_FOREIGN, /* a status of ours was overwritten (device; text is what was seen): by
	                * another client, or it is our own of before, late on its way back.
	                * north_again puts it right */
};

struct north_item {
	uint32_t device, point; /* point NORTH_ALL: the whole device (get, unsub) */
	const char *text;       /* NORTH_COMMAND: the value as sent */
	const char *param;      /* the point as sent */
	const char *fault; /* NORTH_COMMAND: why this one is refused already (unknown point …); else
	                    * NULL. Then none of the items may be written. */
};

/* How one command ended. Reported exactly once per item. */
struct north_outcome {
	int32_t device;     /* NORTH_GATEWAY: a command to the gateway */
	const char *param;  /* the point as sent */
	const char *value;  /* as sent; or, done, as the device now has it */
	const char *reason; /* NULL: done (no Nak); else the Nak's reason */
	const char *end;    /* of a command, how it ended: "verified"; NULL: it is none */
	bool quiet;         /* no Nak, only the MQTT 5 answer: superseded */
	bool answered;      /* nor that: an earlier delivery of the same message gets it */
	struct north_request *request; /* of the event; NULL: no client waits */
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
	void *reply;     /* the northbound's, see its `answer`; north_event takes it over */
	struct north_outcome refused;
	char reason[320]; /* behind refused.reason */
	void *memory;     /* behind the items; north_event_free */
};

/* What does this message request? e->link is its connection. MQTT_UP and MQTT_DOWN give NORTH_NONE.
 * The texts in *out live until north_event_free, which must come before mqtt_event_free(e). The
 * request lives until its last outcome. Main answers NORTH_REFUSED with north_outcome(n,
 * &out->refused), after counting it; reload and log with one outcome each (param "reload" or "log",
 * device NORTH_GATEWAY). A request whose response topic we will not write to is NORTH_REFUSED; a
 * retained one gets no answer, only a Nak. */
void north_event(struct north *n, const struct mqtt_event *e, struct north_event *out);
void north_event_free(struct north_event *e);

/* Reports a command's end: Nak if there is a reason, the answer to a request when it was the last
 * outcome. A value set before this in the same turn is published before it. Frees the request with
 * the last one. */
void north_outcome(struct north *n, const struct north_outcome *o);

/* A request that did not come through a broker: its one outcome goes to done(), and no Nak to the
 * broker. The texts of the outcome live until done() returns. */
struct north_request *north_local(void (*done)(void *ctx, const struct north_outcome *o),
                                  void *ctx);

/* A connection begins: before any of its messages is given to north_event.
 * What is retained when we subscribe is of an earlier life: topics of devices that are gone are
 * cleared, but not those of a device that another gateway has now, which may arrive later. So main
 * calls north_settle some 2 s after each event that left it unsettled. */
void north_connected(struct north *n, unsigned link, uint32_t packet_most);
bool north_unsettled(const struct north *n);

/* False: more of it has come since the last call; call it again in 2 s. */
bool north_settle(struct north *n);

/* -- a northbound ------------------------------------------------------------------------------ */

/* What a Nak and an answer repeat of what was sent, in bytes; a device's own text fits. */
#define NORTH_ECHO_PARAM 128
#define NORTH_ECHO_VALUE 256

/* A member of JSON that repeats a client's text: at most `most` bytes of it, cut between two
 * characters and with U+2026 behind. NULL is "". */
struct json;
void north_echo(struct json *j, const char *name, const char *text, size_t most);

/* May commands and subscribers name it? */
static inline bool north_names(const struct point *p)
{
	return !p->hidden && !p->absent;
}

/* The point of this name, if it may be named; -1: none. */
int north_point(const struct device *d, const char *name);

/* Is a JSON list a value for it? Only for an array of numbers or bits. */
bool north_takes_list(const struct device *d, const struct north_item *item);

struct north_slots {
	slot_t *slot; /* malloc'ed */
	size_t n;
};

struct north_clock {
	us_t now;
	int64_t unix_ms;
};

/* NULL in a row: this northbound does not care. self: what create gave. */
struct north_ops {
	const char *name;
	/* NULL: always there. Else called at each adopt, and the northbound created or retired. */
	bool (*enabled)(const struct model *m);
	/* The settings of a connection of its own; NULL: it shares the broker's. */
	const struct mqtt_conf *(*connection)(const struct model *m);
	/* o: of its connection. clock: of this turn, whatever is called; lives as long as self. */
	void *(*create)(struct outbox *o, const struct north_clock *clock);
	/* A reload switches it off: clear what is retained. Then destroy follows, with the model of
	 * the last adopt still there. */
	void (*retire)(void *self);
	void (*destroy)(void *self);
	/* same: as of north_adopt(); NULL with its first model */
	void (*adopt)(void *self, const struct model *m, const int32_t *same);
	/* Topic and text; false: none. Of those that share a connection, the first row's. */
	bool (*will)(void *self, const char **topic, const char **text);
	size_t (*filters)(void *self, const char *const **filters);
	/* Its connection came up. packet_most: bytes of a packet that the broker takes; 0: not
	 * given
	 */
	void (*connected)(void *self, uint32_t packet_most);
	us_t (*turn)(void *self); /* see north_turn; called in every turn */
	void (*status)(void *self, int32_t device, bool online);
	void (*value)(void *self, const struct north_value *v);
	void (*outdated)(void *self, uint32_t device, uint32_t point);
	void (*gone)(void *self, uint32_t device, uint32_t point);
	void (*passing)(void *self, const struct north_value *v);
	void (*history)(void *self, uint32_t device, uint32_t point, const char *text,
	                int64_t unix_ms);
	void (*snapshot)(void *self, uint32_t device, int64_t unix_ms,
	                 const char *(*text)(void *ctx, uint32_t point), void *ctx);
	bool (*differs)(void *self, uint32_t device, uint32_t point, const char *text);
	void (*alerts)(void *self, int32_t device, const struct alerts *a, const char *json);
	void (*again)(void *self, int32_t device, bool all);
	void (*sys)(void *self, const char *path, const char *text, bool passing);
	/* Only messages of its own connection. True: mine. A request that is no MQTT 5 one sets
	 * out->reply (malloc'ed), which `answer` gets back. */
	bool (*event)(void *self, const struct mqtt_event *e, struct north_event *out);
	void (*outcome)(void *self, const struct north_outcome *o);
	/* The last outcome of out->reply's request is here: json has them all. Frees reply; self
	 * NULL: the northbound has ended meanwhile. */
	void (*answer)(void *self, void *reply, const char *json);
	bool (*unsettled)(const void *self);
	bool (*settle)(void *self);
	/* Adds the slots that must go before this outcome: of the values it is about. */
	void (*values_of)(void *self, const struct north_outcome *o, struct north_slots *s);
	/* Is the topic below one of the convention's own, which clients must not make us write?
	 */
	bool (*owns)(void *self, const char *topic);
};

/* north_rows.c: all there are, the first of them on link 0; link n is row n's. */
extern const struct north_ops *const north_row[];
extern const unsigned north_rows;

#endif
