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

/* item_size: bytes; room: items. NULL: no file descriptor for the eventfd. */
struct queue *queue_create(size_t item_size, size_t room);
void queue_destroy(struct queue *q); /* NULL is fine; items inside are the caller's to free first */

/* Items that point to memory of their own: full is also when all of theirs together would be more
 * than `limit` bytes; one alone always fits. weight: what an item points to, bytes; called with the
 * queue's lock held. Before the first push. */
void queue_weigh(struct queue *q, size_t limit, size_t (*weight)(const void *item));

/* None of these waits. The item is copied. */
bool queue_try_push(struct queue *q, const void *item); /* false: full or closed */
bool queue_pop(struct queue *q, void *item);            /* false: empty */
void queue_close(struct queue *q);                      /* no item is accepted any more */
bool queue_closed(struct queue *q);
int queue_fd(const struct queue *q); /* readable while not empty */
size_t queue_used(struct queue *q);  /* items */

#endif
