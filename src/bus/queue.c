// SPDX-License-Identifier: MIT
#include "bus/queue.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/arena.h"

struct queue {
	pthread_mutex_t lock;
	size_t size, room;  /* of one item, bytes; items */
	size_t first, used; /* ring: index of the oldest, how many */
	bool closed;
	size_t limit, weight;
	size_t (*weigh)(const void *item); /* NULL: items weigh nothing */
	uint64_t raises; /* written to the eventfd, or about to be, and not read yet */
	int fd;
	unsigned char *item;
};

struct queue *queue_create(size_t item_size, size_t room)
{
	const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return NULL;
	struct queue *q = mem_alloc(1, sizeof(*q));
	q->fd = fd;
	q->size = item_size;
	q->room = room;
	q->item = mem_alloc(room, item_size);
	pthread_mutex_init(&q->lock, NULL);
	return q;
}

void queue_weigh(struct queue *q, size_t limit, size_t (*weight)(const void *item))
{
	q->limit = limit;
	q->weigh = weight;
}

void queue_destroy(struct queue *q)
{
	if (!q)
		return;
	pthread_mutex_destroy(&q->lock);
	close(q->fd);
	free(q->item);
	free(q);
}

/* After the lock is released: who is woken would only wait for it. So it may come when the item
 * has been taken already; `raises` knows. */
static void queue_raise(struct queue *q)
{
	const uint64_t one = 1;
	if (write(q->fd, &one, sizeof(one)) < 0)
		abort();
}

/* With the lock held and the queue empty. What is not there yet is read by a later pop. */
static void queue_lower(struct queue *q)
{
	uint64_t count;
	if (q->raises && read(q->fd, &count, sizeof(count)) == sizeof(count))
		q->raises -= count;
}

/* With the lock held. */
static bool queue_fits(const struct queue *q, const void *item)
{
	if (q->used == q->room)
		return false;
	return !q->weigh || !q->used || q->weight + q->weigh(item) <= q->limit;
}

/* With the lock held. True: it was empty, raise. */
static bool queue_put(struct queue *q, const void *item)
{
	q->weight += q->weigh ? q->weigh(item) : 0;
	memcpy(q->item + (q->first + q->used) % q->room * q->size, item, q->size);
	if (q->used++ > 0)
		return false;
	q->raises++;
	return true;
}

bool queue_try_push(struct queue *q, const void *item)
{
	pthread_mutex_lock(&q->lock);
	const bool fits = !q->closed && queue_fits(q, item);
	const bool first = fits && queue_put(q, item);
	pthread_mutex_unlock(&q->lock);
	if (first)
		queue_raise(q);
	return fits;
}

bool queue_pop(struct queue *q, void *item)
{
	pthread_mutex_lock(&q->lock);
	const bool any = q->used > 0;
	if (any) {
		memcpy(item, q->item + q->first * q->size, q->size);
		q->first = (q->first + 1) % q->room;
		q->weight -= q->weigh ? q->weigh(item) : 0;
		if (--q->used == 0)
			q->first = 0; /* what was never used is never touched: no memory */
	}
	if (q->used == 0)
		queue_lower(q);
	pthread_mutex_unlock(&q->lock);
	return any;
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_mutex_unlock(&q->lock);
}

bool queue_closed(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	const bool closed = q->closed;
	pthread_mutex_unlock(&q->lock);
	return closed;
}

int queue_fd(const struct queue *q)
{
	return q->fd;
}

size_t queue_used(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	const size_t used = q->used;
	pthread_mutex_unlock(&q->lock);
	return used;
}
