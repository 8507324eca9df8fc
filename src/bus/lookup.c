// SPDX-License-Identifier: MIT
#include "bus/lookup.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "bus/clock.h"
#include "bus/thread.h"
#include "core/base/arena.h"

#define SLOW US_S

enum stage { WAITS, RUNS, ENDED, DROPPED };

struct lookup {
	struct lookup *next; /* while it waits */
	char *host;
	uint16_t port;
	us_t took;
	void (*done)(void *ctx);
	void *ctx;
	enum stage stage; /* under the lock */
	int error;
	struct addrinfo *list;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct lookup *waiting; /* the oldest first */
static unsigned helpers, slow; /* helpers there are; those that look up a slow name */

/* A literal address needs no look-up, which would load half of the C library's name services. */
static int look_up(const char *host, uint16_t port, int flags, struct addrinfo **list)
{
	char service[8];
	const struct addrinfo hint = {.ai_socktype = SOCK_STREAM,
	                              .ai_flags = flags | AI_NUMERICSERV};
	snprintf(service, sizeof(service), "%u", port);
	*list = NULL;
	return getaddrinfo(host, service, &hint, list);
}

static void lookup_free(struct lookup *l)
{
	if (l->list)
		freeaddrinfo(l->list);
	free(l->host);
	free(l);
}

static bool is_slow(const struct lookup *l)
{
	return l->took > SLOW;
}

/* With the lock held: the oldest that may go now, taken out. */
static struct lookup *next_locked(void)
{
	for (struct lookup **at = &waiting; *at; at = &(*at)->next) {
		struct lookup *l = *at;
		if (is_slow(l) && slow > 0)
			continue;
		*at = l->next;
		return l;
	}
	return NULL;
}

/* With the lock held, which is released meanwhile. */
static void run_locked(struct lookup *l)
{
	const bool slowly = is_slow(l);
	l->stage = RUNS;
	slow += slowly;
	pthread_mutex_unlock(&lock);
	struct addrinfo *list;
	const us_t from = clock_now();
	const int error = look_up(l->host, l->port, AI_ADDRCONFIG, &list);
	const us_t took = clock_now() - from;
	pthread_mutex_lock(&lock);
	slow -= slowly;
	l->error = error;
	l->list = list;
	l->took = took;
	if (l->stage == DROPPED) {
		lookup_free(l);
		return;
	}
	l->stage = ENDED;
	l->done(l->ctx);
}

static void *help(void *none)
{
	struct lookup *l;
	pthread_mutex_lock(&lock);
	while ((l = next_locked()))
		run_locked(l);
	helpers--;
	pthread_mutex_unlock(&lock);
	return none;
}

static void enqueue(struct lookup *l)
{
	struct lookup **end = &waiting;
	pthread_mutex_lock(&lock);
	while (*end)
		end = &(*end)->next;
	*end = l;
	const bool helped = helpers < LOOKUP_HELPERS && !(is_slow(l) && slow > 0);
	helpers += helped;
	pthread_mutex_unlock(&lock);
	if (helped)
		pthread_detach(thread_start("lookup", help, NULL));
}

struct lookup *lookup_begin(const char *host, uint16_t port, us_t took, void (*done)(void *ctx),
                            void *ctx)
{
	struct lookup *l = mem_alloc(1, sizeof(*l));
	l->host = mem_strdup(host);
	l->port = port;
	l->took = took;
	l->done = done;
	l->ctx = ctx;
	l->stage = ENDED;
	if (look_up(host, port, AI_NUMERICHOST, &l->list) == 0)
		return l;
	if (!done) {
		l->error = look_up(host, port, AI_ADDRCONFIG, &l->list);
		return l;
	}
	l->stage = WAITS;
	enqueue(l);
	return l;
}

bool lookup_take(struct lookup *l, int *error, struct addrinfo **list, us_t *took)
{
	pthread_mutex_lock(&lock);
	const bool ended = l->stage == ENDED;
	pthread_mutex_unlock(&lock);
	if (!ended)
		return false;
	*error = l->error;
	*list = l->list;
	*took = l->took;
	l->list = NULL;
	lookup_free(l);
	return true;
}

void lookup_drop(struct lookup *l)
{
	struct lookup **at = &waiting;
	if (!l)
		return;
	pthread_mutex_lock(&lock);
	const enum stage was = l->stage;
	if (was == RUNS)
		l->stage = DROPPED;
	while (*at && *at != l)
		at = &(*at)->next;
	if (*at)
		*at = l->next;
	pthread_mutex_unlock(&lock);
	if (was != RUNS)
		lookup_free(l);
}
