/* SPDX-License-Identifier: MIT */
/*
 * outbox_priv: what outbox.c (slots, posts, hand-over) and outbox_list.c (the order in which they
 * go) share. All with the lock held. No other file includes this.
 */
#ifndef MQTT_OUTBOX_PRIV_H
#define MQTT_OUTBOX_PRIV_H

#include <pthread.h>

#include "mqtt/outbox.h"
#include "mqtt/posts.h"
#include "mqtt/slots.h"

#define POST_BIT 0x80000000u /* a list id with it names a post, without it a slot */

/* What waits is in three lists, so that nothing urgent waits behind values, and no value behind
 * history. */
enum lane {
	LANE_URGENT, /* statuses, Alerts, posts */
	LANE_VALUES,
	LANE_BULK, /* history, health tree, long texts */
	LANES,
};

struct lane_list {
	uint32_t head, tail, redo; /* redo: the last failed message put back in front */
	int64_t owed;              /* bytes that it is behind its share of what has gone out */
};

struct outbox {
	uint32_t retried, asks; /* the last slot of outbox_retry_refused; not taken yet */
	pthread_mutex_t lock;
	struct slots slots;
	struct lane_list lane[LANES];
	uint32_t values_in, values_out; /* values listed and unlisted so far */
	uint32_t behind;                /* the first urgent one waits for that many values_out */
	uint32_t redone;                /* values_out, when the last failed value is out again */
	size_t ndirty;
	size_t passing; /* of them SLOT_PASSING */
	uint32_t clock, taken;
	struct posts posts;
	size_t limit[2]; /* bytes; [1]: history */
	uint64_t dropped;
	char *take; /* texts of the message taken last */
	size_t take_room;
	void (*wake)(void *ctx);
	void *wake_ctx;
};

static inline struct slot *slot_at(const struct outbox *o, uint32_t id)
{
	return slots_at(&o->slots, id);
}

static inline struct post_item *post_at(const struct outbox *o, uint32_t id)
{
	return o->posts.item[id & ~POST_BIT];
}

static inline struct link *link_at(const struct outbox *o, uint32_t id)
{
	return id & POST_BIT ? &post_at(o, id)->link : &slot_at(o, id)->link;
}

static inline enum lane lane_of(const struct outbox *o, uint32_t id)
{
	if (id & POST_BIT)
		return post_at(o, id)->history ? LANE_BULK : LANE_URGENT;
	const unsigned c = slot_at(o, id)->class_;
	return c < SLOT_VALUE ? LANE_URGENT : c == SLOT_VALUE ? LANE_VALUES : LANE_BULK;
}

static inline bool outbox_any(const struct outbox *o)
{
	return o->lane[LANE_URGENT].head || o->lane[LANE_VALUES].head || o->lane[LANE_BULK].head;
}

/* outbox_list.c */
void list_append(struct outbox *o, uint32_t id);
void list_redo(struct outbox *o, uint32_t id); /* in front, behind what was put there before */
void list_remove(struct outbox *o, uint32_t id);
void slot_list(struct outbox *o, uint32_t id);
void slot_unlist(struct outbox *o, uint32_t id);
uint32_t list_next(struct outbox *o);                        /* what goes next; 0: nothing can */
void list_gone(struct outbox *o, enum lane l, size_t bytes); /* that much of a lane went out */

/* outbox.c */
void slot_mark(struct outbox *o, uint32_t id); /* to be sent */
/* What was set goes: an empty text, and nothing to differ from. */
void slot_forget(struct outbox *o, struct slot *s);
/* As much of the text as has room, NUL-terminated. */
void outbox_copy(char *buf, size_t size, const char *text, size_t n);

#endif
