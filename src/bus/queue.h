/* SPDX-License-Identifier: MIT */
/*
 * queue: a bounded queue of fixed-size items between threads, with an eventfd that a poll() loop
 * can wait on. The only meeting point of bus threads and the main thread.
 */
#ifndef BUS_QUEUE_H
#define BUS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct queue;

struct queue *queue_create(size_t item_size, size_t room);
void queue_destroy(struct queue *q);

/* Items that point to memory of their own: full is also when all of theirs together would be more
 * than `limit` bytes; one alone always fits. weight: what an item points to, bytes; called with the
 * queue's lock held. Before the first push. */
void queue_weigh(struct queue *q, size_t limit, size_t (*weight)(const void *item));

bool queue_try_push(struct queue *q, const void *item); /* false: full or closed */
bool queue_push(struct queue *q, const void *item);     /* waits while full; false: closed */
bool queue_pop(struct queue *q, void *item);            /* never waits; false: empty */
void queue_close(struct queue *q);                      /* pushers stop waiting */
bool queue_closed(struct queue *q);
int queue_fd(const struct queue *q); /* readable while not empty */
size_t queue_used(struct queue *q);

#endif
