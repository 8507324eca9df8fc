// SPDX-License-Identifier: MIT
#include "bus/hub.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus/thread.h"
#include "bus/worker.h"
#include "core/base/arena.h"

#define EVENTS 64
#define NOWHERE SIZE_MAX
#define CONNECT_GAP (25 * US_MS) /* 40 a second, … */
#define CONNECT_BURST 10         /* … after a while without so many at once */
#define SPARE_MOST 32

/* Buses that wait for their turn to connect. */
struct line_up {
	struct bus *first, **end;
};

struct hub {
	pthread_t thread;
	int event;      /* written to wake it */
	int epoll;      /* -1: it has one bus */
	unsigned users; /* under shared_lock */

	pthread_mutex_t lock;
	pthread_cond_t left;
	struct bus *stirred;
	bool asleep, stop;

	/* The thread's own. */
	struct bus **heap; /* what is due first on top */
	size_t n, room;
	unsigned waits;                     /* after which nothing was left unreported */
	struct line_up waiting[2];          /* those that are down go behind the others */
	us_t connect_at;                    /* see connect_take() */
	struct turn_run *spare[SPARE_MOST]; /* see hub_lend(); the last one back goes first */
	size_t nspare;
};

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hub *shared; /* of the TCP endpoints; NULL: there are none */

/* -- turns ------------------------------------------------------------------------ */

struct turn_run *hub_lend(struct bus *b)
{
	struct hub *h = b->hub;
	if (!h->nspare)
		return mem_alloc(1, sizeof(struct turn_run));
	return memset(h->spare[--h->nspare], 0, sizeof(struct turn_run));
}

void hub_take_back(struct bus *b, struct turn_run *run)
{
	struct hub *h = b->hub;
	if (h->nspare < SPARE_MOST)
		h->spare[h->nspare++] = run;
	else
		free(run);
}

/* -- when each is due: a heap --------------------------------------------------- */

static void heap_set(struct hub *h, size_t i, struct bus *b)
{
	h->heap[i] = b;
	b->place = i;
}

static void heap_up(struct hub *h, size_t i)
{
	struct bus *b = h->heap[i];
	for (size_t above; i > 0 && h->heap[above = (i - 1) / 2]->due > b->due; i = above)
		heap_set(h, i, h->heap[above]);
	heap_set(h, i, b);
}

static void heap_down(struct hub *h, size_t i)
{
	struct bus *b = h->heap[i];
	for (size_t below; (below = 2 * i + 1) < h->n; i = below) {
		if (below + 1 < h->n && h->heap[below + 1]->due < h->heap[below]->due)
			below++;
		if (h->heap[below]->due >= b->due)
			break;
		heap_set(h, i, h->heap[below]);
	}
	heap_set(h, i, b);
}

/* b->due has changed. */
static void heap_put(struct hub *h, struct bus *b)
{
	if (b->place == NOWHERE) {
		if (h->n == h->room) {
			h->room = h->room ? 2 * h->room : 1;
			h->heap = mem_grow(h->heap, h->room, sizeof(struct bus *));
		}
		heap_set(h, h->n++, b);
	}
	heap_up(h, b->place);
	heap_down(h, b->place);
}

static void heap_remove(struct hub *h, struct bus *b)
{
	const size_t i = b->place;
	struct bus *last = h->heap[--h->n];
	b->place = NOWHERE;
	if (last == b)
		return;
	heap_set(h, i, last);
	heap_up(h, i);
	heap_down(h, last->place);
}

/* -- connects, one after the other ------------------------------------------------ */

static bool connect_take(struct hub *h, us_t now)
{
	const us_t earliest = now - (CONNECT_BURST - 1) * CONNECT_GAP;
	if (h->connect_at < earliest)
		h->connect_at = earliest;
	if (h->connect_at > now)
		return false;
	h->connect_at += CONNECT_GAP;
	return true;
}

static const struct line_up *connect_waiting(const struct hub *h)
{
	return &h->waiting[!h->waiting[0].first];
}

static void connect_enqueue(struct line_up *l, struct bus *b)
{
	b->next_waiting = NULL;
	*l->end = b;
	l->end = &b->next_waiting;
	b->permit = PERMIT_AWAITED;
}

static void connect_dequeue(struct hub *h, struct bus *b)
{
	if (b->permit == PERMIT_AWAITED)
		for (int i = 0; i < 2; i++) {
			struct line_up *l = &h->waiting[i];
			struct bus **at = &l->first;
			while (*at && *at != b)
				at = &(*at)->next_waiting;
			if (*at && !(*at = b->next_waiting))
				l->end = at;
		}
	b->permit = PERMIT_NONE;
}

bool hub_permits(struct bus *b, bool at_once)
{
	struct hub *h = b->hub;
	if (h->epoll < 0)
		return true;
	const bool next = b->permit == PERMIT_NONE && !connect_waiting(h)->first;
	if (at_once || b->permit == PERMIT_GIVEN || (next && connect_take(h, clock_now()))) {
		connect_dequeue(h, b);
		return true;
	}
	if (b->permit == PERMIT_NONE)
		connect_enqueue(&h->waiting[link_is_down(b)], b);
	return false;
}

/* -- one bus ---------------------------------------------------------------------- */

/* Its socket may be another one now; closed ones are no longer watched by themselves. Only changes
 * are reported: what comes unread must not wake the thread again and again. */
static void hub_watch(struct hub *h, struct bus *b)
{
	const int fd = port_waits_on(&b->port);
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = b};
	if (h->epoll < 0 || fd < 0 || b->watched == b->port.tcp.made)
		return;
	b->watched = b->port.tcp.made;
	if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		abort();
}

/* The thread that waited for that may free it. */
static void hub_remove(struct hub *h, struct bus *b)
{
	connect_dequeue(h, b);
	if (b->place != NOWHERE)
		heap_remove(h, b);
	pthread_mutex_lock(&h->lock);
	struct bus **at = &h->stirred;
	while (*at && *at != b)
		at = &(*at)->next_stirred;
	if (*at)
		*at = b->next_stirred;
	b->gone = true;
	pthread_cond_broadcast(&h->left);
	pthread_mutex_unlock(&h->lock);
}

static void hub_run(struct hub *h, struct bus *b)
{
	worker_go(b);
	if (worker_over(b)) {
		hub_remove(h, b);
		return;
	}
	hub_watch(h, b);
	heap_put(h, b);
}

unsigned hub_waits(const struct bus *b)
{
	return b->hub->waits;
}

/* Something happened on what it waits on. */
static void hub_happened(struct hub *h, struct bus *b, uint32_t events)
{
	const bool input = events & ~(uint32_t)EPOLLOUT, output = events & EPOLLOUT;
	b->port.ready |= input;
	b->port.ended |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	if ((input && (b->wait == WAIT_INPUT || b->wait == WAIT_LINK)) ||
	    ((input || output) && b->wait == WAIT_OUTPUT))
		hub_run(h, b);
}

/* -- the loop --------------------------------------------------------------------- */

/* One that others have stirred, the last one first: a command goes before what a reload has left.
 * NULL: none, and from now on they wake the hub. */
static struct bus *hub_take(struct hub *h, bool *stop)
{
	pthread_mutex_lock(&h->lock);
	struct bus *b = h->stirred;
	if (b) {
		h->stirred = b->next_stirred;
		b->is_stirred = false;
	}
	h->asleep = !b;
	*stop = h->stop;
	pthread_mutex_unlock(&h->lock);
	return b;
}

static void hub_grant(struct hub *h)
{
	struct bus *b;
	while ((b = connect_waiting(h)->first) && connect_take(h, clock_now())) {
		connect_dequeue(h, b);
		b->permit = PERMIT_GIVEN;
		hub_run(h, b);
	}
}

static void hub_run_due(struct hub *h)
{
	const us_t now = clock_now();
	for (size_t i = h->n; i > 0 && h->n && h->heap[0]->due <= now; i--)
		hub_run(h, h->heap[0]);
}

static void hub_woken(struct hub *h)
{
	uint64_t count;
	if (read(h->event, &count, sizeof(count)) < 0)
		return;
}

static void wait_one(struct hub *h, const struct timespec *left)
{
	struct bus *b = h->n ? h->heap[0] : NULL;
	struct pollfd f[] = {
		{.fd = h->event, .events = POLLIN},
		{.fd = b && b->wait != WAIT_TIME ? port_waits_on(&b->port) : -1,
	         .events = b && b->wait == WAIT_INPUT ? POLLIN : 0},
	};
	if (ppoll(f, 2, left, NULL) <= 0)
		return;
	if (f[0].revents)
		hub_woken(h);
	if (b && f[1].revents)
		hub_happened(h, b, EPOLLIN);
}

/* Before Linux 5.11 to the millisecond. */
static int epoll_until(int epoll, struct epoll_event *e, const struct timespec *left)
{
	const int n = epoll_pwait2(epoll, e, EVENTS, left, NULL);
	if (n >= 0 || errno != ENOSYS)
		return n;
	return epoll_wait(epoll, e, EVENTS,
	                  left ? (int)(left->tv_sec * 1000 + left->tv_nsec / 1000000 + 1) : -1);
}

static void wait_many(struct hub *h, const struct timespec *left)
{
	struct epoll_event e[EVENTS];
	const int n = epoll_until(h->epoll, e, left);
	h->waits += n >= 0 && n < EVENTS;
	for (int i = 0; i < n; i++)
		if (!e[i].data.ptr)
			hub_woken(h);
		else
			hub_happened(h, e[i].data.ptr, e[i].events);
}

static us_t hub_until(const struct hub *h)
{
	const us_t due = h->n ? h->heap[0]->due : US_NEVER;
	return connect_waiting(h)->first && h->connect_at < due ? h->connect_at : due;
}

static void hub_wait(struct hub *h, us_t until)
{
	const us_t now = clock_now();
	const struct timespec left = clock_timespec(until > now ? until - now : 0);
	(h->epoll < 0 ? wait_one : wait_many)(h, until == US_NEVER ? NULL : &left);
}

static void *hub_main(void *arg)
{
	struct hub *h = arg;
	bool stop = false;
	if (h->epoll < 0)
		clock_sharp();
	for (;;) {
		/* one at a time: a reload stirs them all, and may keep each busy for a while */
		struct bus *b = hub_take(h, &stop);
		if (stop)
			return NULL;
		if (b)
			hub_run(h, b);
		hub_grant(h);
		hub_run_due(h);
		hub_wait(h, b ? 0 : hub_until(h));
	}
}

/* -- for all threads -------------------------------------------------------------- */

void hub_stir(struct bus *b)
{
	struct hub *h = b->hub;
	const uint64_t one = 1;
	pthread_mutex_lock(&h->lock);
	const bool wake = h->asleep && !b->gone;
	if (!b->is_stirred && !b->gone) {
		b->next_stirred = h->stirred;
		h->stirred = b;
		b->is_stirred = true;
	}
	h->asleep &= !wake;
	pthread_mutex_unlock(&h->lock);
	if (wake && write(h->event, &one, sizeof(one)) < 0)
		abort();
}

static struct hub *hub_create(const struct bus *b)
{
	struct hub *h = mem_alloc(1, sizeof(*h));
	struct epoll_event e = {.events = EPOLLIN};
	char name[64] = "tcp";
	const bool many = b->port.ops->connects;
	h->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	h->epoll = many ? epoll_create1(EPOLL_CLOEXEC) : -1;
	if (h->event < 0 ||
	    (many && (h->epoll < 0 || epoll_ctl(h->epoll, EPOLL_CTL_ADD, h->event, &e) < 0))) {
		perror("<2>cannot wait for buses");
		abort();
	}
	for (int i = 0; i < 2; i++)
		h->waiting[i].end = &h->waiting[i].first;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->left, NULL);
	if (!many)
		snprintf(name, sizeof(name), "bus %s", b->conf.name ? b->conf.name : "");
	h->thread = thread_start(name, hub_main, h);
	return h;
}

static void hub_destroy(struct hub *h)
{
	const uint64_t one = 1;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_mutex_unlock(&h->lock);
	if (write(h->event, &one, sizeof(one)) < 0)
		abort();
	pthread_join(h->thread, NULL);
	if (h->epoll >= 0)
		close(h->epoll);
	close(h->event);
	pthread_cond_destroy(&h->left);
	pthread_mutex_destroy(&h->lock);
	while (h->nspare)
		free(h->spare[--h->nspare]);
	free(h->heap);
	free(h);
}

void hub_join(struct bus *b)
{
	const bool many = b->port.ops->connects;
	pthread_mutex_lock(&shared_lock);
	struct hub *h = many && shared ? shared : hub_create(b);
	if (many)
		shared = h;
	h->users++;
	pthread_mutex_unlock(&shared_lock);
	b->hub = h;
	b->place = NOWHERE;
	hub_stir(b);
}

void hub_leave(struct bus *b)
{
	struct hub *h = b->hub;
	pthread_mutex_lock(&h->lock);
	while (!b->gone)
		pthread_cond_wait(&h->left, &h->lock);
	pthread_mutex_unlock(&h->lock);
	pthread_mutex_lock(&shared_lock);
	const bool last = --h->users == 0;
	if (last && shared == h)
		shared = NULL;
	pthread_mutex_unlock(&shared_lock);
	if (last)
		hub_destroy(h);
}
