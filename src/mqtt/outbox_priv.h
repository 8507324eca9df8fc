/*
 * outbox_priv: what outbox.c (slots, posts, hand-over) and outbox_list.c (the order in which they
 * go) share. All with the lock held. Nobody else includes this.
 */
#ifndef MQTT_OUTBOX_PRIV_H
#define MQTT_OUTBOX_PRIV_H

#include <pthread.h>

#include "mqtt/outbox.h"
#include "mqtt/posts.h"
#include "mqtt/slots.h"

#define POST_BIT 0x80000000u /* a list id with it names a post, without it a slot */

struct outbox {
	pthread_mutex_t lock;
	struct slots slots;
	uint32_t head, tail, redo; /* redo: the last failed message put back in front */
	size_t ndirty;
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

/* outbox_list.c */
void list_insert_after(struct outbox *o, uint32_t after, uint32_t id); /* after 0: first */
void list_remove(struct outbox *o, uint32_t id);
void slot_list(struct outbox *o, uint32_t id, uint32_t after);
void slot_unlist(struct outbox *o, uint32_t id);

#endif
