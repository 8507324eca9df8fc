/* SPDX-License-Identifier: MIT */
/*
 * posts: messages that must all go out (Nak, answers, history), each in one piece of memory, with a
 * number that stays while it exists. The outbox's own: no lock; the outbox keeps their order.
 */
#ifndef MQTT_POSTS_H
#define MQTT_POSTS_H

#include "mqtt/outbox.h"
#include "mqtt/slots.h"

struct post_item {
	struct link link;
	uint32_t at; /* its number, from 1 */
	bool flying, history, retain, suspect;
	uint8_t qos;
	uint32_t taken;      /* when, of all that were taken */
	uint32_t behind;     /* the outbox's values_out, when all set before it are out */
	slot_t *after;       /* these go before it */
	size_t nafter, next; /* next: of them looked at first */
	size_t size;         /* counted against the bound */
	size_t payload_at, len, correlation_at, correlation_len;
	size_t response_at, response_len, properties_at, properties_len;
	bool correlation, response;
	char data[]; /* topic NUL payload NUL correlation response topic NUL properties */
};

struct posts {
	struct post_item **item; /* by number; NULL: free */
	uint32_t *next_free;
	uint32_t room, free_;
	size_t n, bytes[2]; /* [1]: history */
};

struct post_item *posts_make(const struct post *p); /* a copy, not yet in the table */
void posts_discard(struct post_item *i);            /* one that is not; NULL is fine */
void posts_add(struct posts *t, struct post_item *i);
void posts_free(struct posts *t, struct post_item *i);
void posts_destroy(struct posts *t);

#endif
