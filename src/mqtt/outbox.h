/* SPDX-License-Identifier: MIT */
/*
 * outbox: what is to be published, between main and the publisher thread.
 *
 * One slot per retained topic holds its last text and whether it is dirty; a bounded FIFO holds
 * messages that must all go out (Nak, responses, history). Statuses, Alerts, Nak and answers keep
 * their order and overtake any number of values; values overtake history and the health tree; each
 * gets a quarter of what goes before it. It belongs to no model and survives reloads. Any thread
 * may call; nothing here blocks longer than a copy.
 */
#ifndef MQTT_OUTBOX_H
#define MQTT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outbox;
typedef uint32_t slot_t; /* 0: none */

/* In the order of publishing after a connect. The gateway comes after the devices that are not
 * online: who sees it online must not find one of them online, as it was before the outage. Those
 * that are come after it, as they may be thousands. */
enum slot_class {
	SLOT_STATUS,
	SLOT_GATEWAY,
	SLOT_ONLINE, /* the status of a device while it is online */
	SLOT_ALERTS,
	SLOT_VALUE,
	SLOT_SYS,
	SLOT_PASSING, /* its text, perhaps long, is discarded once sent: to be set again after each
	                 connect */
};

struct outbox *outbox_create(size_t fifo_bytes);
void outbox_destroy(struct outbox *o);

/* Another bound for history, from the next message on. */
void outbox_resize(struct outbox *o, size_t fifo_bytes);

/* Find or make the slot of a topic. One that is not retained any more is emptied first; one that is
 * now is published again. Several slots may share a topic: then a newline and a key of its own
 * are behind it, which are not sent. */
slot_t outbox_slot(struct outbox *o, const char *topic, enum slot_class c, uint8_t qos,
                   bool retain);

/* A status has another place in the order from now on: SLOT_STATUS or SLOT_ONLINE. */
void outbox_status(struct outbox *o, slot_t s, enum slot_class c);

/* A retained message of an earlier life is on the topic of this slot, which is not retained: an
 * empty one clears it, and the slot's text is published again. */
void outbox_wipe(struct outbox *o, slot_t s);

/* The slot of a topic if there is one, else 0; a slot's topic ("" if it has none). Copies. */
slot_t outbox_find(struct outbox *o, const char *topic);
void outbox_topic(struct outbox *o, slot_t s, char *buf, size_t size);

/* The MQTT 5 user properties of a slot's messages: names and values in turn, each with its NUL, an
 * empty name at the end; NULL: none. Copies. Others than before: its text is published again. */
void outbox_properties(struct outbox *o, slot_t s, const char *list);
size_t properties_size(const char *list); /* bytes of such a list, 0 of NULL */

/* Send its last text again, if it has one. */
void outbox_again(struct outbox *o, slot_t s);

/* New text: dirty. The same text again is published again only if `again`. */
void outbox_set(struct outbox *o, slot_t s, const char *text, bool again);

/* Its text is not true any more, and what is is not known: it is not sent, nor sent again, before
 * the slot is set. */
void outbox_outdated(struct outbox *o, slot_t s);

/* The topic no longer exists: an empty retained message, then the slot is free. */
void outbox_clear(struct outbox *o, slot_t s);

/* The topic is another gateway's now: the slot is free, and nothing more goes there. */
void outbox_leave(struct outbox *o, slot_t s);

/* Last text of a slot ("" if never set). Copies. */
void outbox_text(struct outbox *o, slot_t s, char *buf, size_t size);

struct post {
	const char *topic, *payload; /* both text, copied */
	uint8_t qos;
	bool retain;
	bool history; /* kept in fifo_bytes; all else has a bound of its own, so neither drowns the
	                 other */
	const void *correlation; /* MQTT 5; NULL: none */
	size_t correlation_len;
	const char *response_topic; /* MQTT 5; NULL: none */
	const char *properties;     /* as of outbox_properties() */
	const slot_t *after;        /* what of these is dirty goes before it, whatever waits */
	size_t nafter;
};

/* false: full, oldest of its kind dropped and counted. Copies. */
bool outbox_post(struct outbox *o, const struct post *p);

/* Differs this text from the last one set (a slot never set differs from all)? */
bool outbox_differs(struct outbox *o, slot_t s, const char *text);

/* Do Naks or responses wait, or are they on their way? */
bool outbox_answers(struct outbox *o);

/* Once per turn of main: wakes the publisher if anything is dirty. */
void outbox_kick(struct outbox *o);

struct outbox_figures {
	size_t slots, dirty; /* dirty: slots waiting to be sent, those on the way not counted */
	size_t passing;      /* of the dirty ones: SLOT_PASSING */
	size_t posts, bytes; /* FIFO; those on the way are counted */
	uint64_t dropped;    /* posts lost because the FIFO was full */
	size_t memory;       /* bytes of all slots, their topics and texts, and the hash */
};

void outbox_figures(struct outbox *o, struct outbox_figures *out);

/* -- the publisher's side (client only) -------------------------------------------------------- */

/* A message on its way. Texts are valid until the next outbox_take; every message taken gets
 * exactly one outbox_sent or outbox_failed. */
struct outgoing {
	const char *topic, *payload;
	size_t len;
	uint8_t qos;
	bool retain;
	bool value;   /* a point's value: message expiry applies */
	bool once;    /* it is not sent again, whatever becomes of it */
	bool suspect; /* outbox_blame */
	const void *correlation;
	size_t correlation_len;
	const char *response_topic;
	const char *properties; /* of MQTT 5, as outbox_properties() has them; NULL: none */
	void *item;             /* the outbox's own */
};

/* The next message to send. False: nothing is dirty. A slot that is on its way is not taken again
 * before outbox_sent or outbox_failed, so that one topic's texts never overtake each other. */
bool outbox_take(struct outbox *o, struct outgoing *out);
/* Is there anything to send, even if it cannot be taken yet? */
bool outbox_waiting(struct outbox *o);

void outbox_sent(struct outbox *o, void *item);
void outbox_failed(struct outbox *o, void *item); /* dirty again (a newer text wins) */

/* The broker refused it, with a reason: it is gone, as by outbox_sent. A topic is remembered, so
 * that what it held is not lost when the broker's rules change. */
void outbox_refused(struct outbox *o, void *item);
/* Another of these topics goes again, and is to be acknowledged. False: there is none. */
bool outbox_retry_refused(struct outbox *o);
/* Acknowledged (before outbox_sent). True: its topic was refused before, so what was refused
 * without a word may go again, too: outbox_all_dirty, which discards the refusals. */
bool outbox_permitted(struct outbox *o, void *item);

/* The connection ended when this (its item) was under way. The second time true: it is not sent any
 * more, and counted as dropped: a post is gone; a topic stays silent until outbox_pardon, a status
 * until it changes. Gives its topic. */
bool outbox_blame(struct outbox *o, uint32_t item, char *topic, size_t size);
void outbox_trust(struct outbox *o, uint32_t item); /* it was not this one */
void outbox_pardon(struct outbox *o);               /* topics may be tried again */

/* The outcome of what is on its way will not be known any more: it goes again. */
void outbox_abandoned(struct outbox *o);

/* After a connect: every slot that has a text is dirty, in the order of its class; in a class as
 * they were made, values the last set first. Posts keep their order: history before the health
 * tree, all others behind the Alerts, and behind the values if these are few. */
void outbox_all_dirty(struct outbox *o);

/* Before the end: statuses that wait go first, in their order. */
void outbox_statuses_first(struct outbox *o);

/* Called from outbox_kick, on the caller's thread, if something is dirty. */
void outbox_on_kick(struct outbox *o, void (*wake)(void *ctx), void *ctx);

#endif
