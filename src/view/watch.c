// SPDX-License-Identifier: MIT
#include "view/watch.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/topic.h"
#include "mqtt/client.h"

#define QUEUE_MAX (4u << 20) /* bytes that wait; then the connection is read no further */
#define QUIET (250 * US_MS)  /* no retained message for so long: all have come */
#define EMPTY (1000 * US_MS) /* none at all: there are none */
#define SECOND_TRY (1000 * US_MS)
#define END_LIMIT (300 * US_MS)
/* A broker ends a connection that said nothing for 1.5 times this: so a command that a link held up
 * for longer, as long as command_timeout (10 s) or more, goes nowhere. */
#define KEEPALIVE (5 * US_S)
#define FLUSH_LOOK (5 * US_MS)
#define FIFO (64u << 10)
#define SEND_LIMIT                                                                                 \
	(2 * US_S) /* a command that is not with the broker by then does not go at all             \
	            */

struct item {
	struct item *next;
	struct mqtt_event event;
};

struct watch {
	struct view *view;
	struct mqtt_conf conf;
	struct outbox *outbox;
	struct mqtt_client *mqtt;
	char *extra;
	int wake;
	bool connected;
	char trouble[192];
	void (*each)(void *ctx, const struct view_message *m);
	void *each_ctx;
	us_t sent_at; /* the last command; 0: none that may still wait */
	us_t down_at;
	us_t up_at, retained_at; /* when the last retained message came; 0: none */
	pthread_mutex_t lock;    /* of what follows */
	pthread_cond_t room;
	struct item *first, **last;
	size_t bytes;
	bool closing;
};

us_t watch_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (us_t)t.tv_sec * US_S + t.tv_nsec / 1000;
}

int64_t watch_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* On the client's threads. */
static void push(void *ctx, struct mqtt_event *e)
{
	struct watch *w = ctx;
	struct item *one = mem_alloc(1, sizeof *one);
	const uint64_t add = 1;

	one->event = *e;
	pthread_mutex_lock(&w->lock);
	while (w->bytes > QUEUE_MAX && !w->closing)
		pthread_cond_wait(&w->room, &w->lock);
	if (w->closing) {
		mqtt_event_free(&one->event);
		free(one);
	} else {
		w->bytes += mqtt_event_weight(&one->event) + sizeof *one;
		*w->last = one;
		w->last = &one->next;
	}
	pthread_mutex_unlock(&w->lock);
	if (write(w->wake, &add, sizeof add) < 0)
		return; /* it is readable already */
}

static struct item *take_all(struct watch *w)
{
	uint64_t n;

	if (read(w->wake, &n, sizeof n) < 0)
		n = 0;
	pthread_mutex_lock(&w->lock);
	struct item *list = w->first;
	w->first = NULL;
	w->last = &w->first;
	w->bytes = 0;
	pthread_cond_broadcast(&w->room);
	pthread_mutex_unlock(&w->lock);
	return list;
}

/* Two of us must not take each other's connection. */
static void client_id(char *buf, size_t size)
{
	uint32_t r[2];

	if (getrandom(r, sizeof r, 0) != sizeof r) {
		r[0] = (uint32_t)getpid();
		r[1] = (uint32_t)watch_now();
	}
	snprintf(buf, size, "xnet-view-%08x%08x", (unsigned)r[0], (unsigned)r[1]);
}

static void connect_it(struct watch *w)
{
	char id[48], filter[VIEW_FILTERS][VIEW_FILTER_SIZE];
	const char *filters[VIEW_FILTERS + 1] = {filter[0], filter[1], w->extra};

	client_id(id, sizeof id);
	view_filters(w->view, filter);
	w->outbox = outbox_create(FIFO);
	w->mqtt = mqtt_create(&w->conf, id, w->outbox, NULL, NULL, push, w);
	mqtt_subscribe(w->mqtt, filters, VIEW_FILTERS + (w->extra != NULL), 1);
}

static void drop_all(struct watch *w)
{
	for (struct item *i = take_all(w), *next; i; i = next) {
		next = i->next;
		mqtt_event_free(&i->event);
		free(i);
	}
}

static void set_closing(struct watch *w, bool closing)
{
	pthread_mutex_lock(&w->lock);
	w->closing = closing;
	pthread_cond_broadcast(&w->room);
	pthread_mutex_unlock(&w->lock);
}

static void disconnect(struct watch *w, us_t limit,
                       void (*end)(struct mqtt_client *c, int64_t limit))
{
	set_closing(w, true);
	end(w->mqtt, limit);
	outbox_destroy(w->outbox);
	drop_all(w);
	set_closing(w, false);
}

/* A command that waits would be sent when the connection is back, and switch something late. So a
 * connection that has one is given up with all that it holds. */
static void discard_late(struct watch *w)
{
	struct outbox_figures f;

	outbox_figures(w->outbox, &f);
	if (!f.posts && w->connected)
		w->sent_at = 0;
	if (!w->sent_at || (w->connected && watch_now() - w->sent_at < SEND_LIMIT))
		return;
	w->sent_at = 0;
	w->connected = false;
	snprintf(w->trouble, sizeof w->trouble, "the broker did not take a command in time");
	disconnect(w, 0, mqtt_leave);
	connect_it(w);
}

struct watch *watch_create(const struct mqtt_conf *conf, struct view *v, const char *extra)
{
	struct watch *w = mem_alloc(1, sizeof *w);

	w->view = v;
	w->conf = *conf;
	w->conf.expiry = 0;
	w->conf.keepalive = KEEPALIVE;
	w->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->room, NULL);
	w->extra = extra ? mem_strdup(extra) : NULL;
	connect_it(w);
	return w;
}

void watch_destroy(struct watch *w)
{
	if (!w)
		return;
	disconnect(w, END_LIMIT, mqtt_destroy);
	close(w->wake);
	free(w->extra);
	pthread_cond_destroy(&w->room);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int watch_fd(const struct watch *w)
{
	return w->wake;
}

static void take_event(struct watch *w, const struct mqtt_event *e,
                       void (*other)(void *ctx, const struct view_message *m), void *ctx)
{
	switch ((enum mqtt_event_kind)e->kind) {
	case MQTT_UP:
		w->connected = true;
		w->up_at = watch_now();
		w->retained_at = 0;
		w->trouble[0] = '\0';
		view_clear(w->view);
		break;
	case MQTT_DOWN:
		w->connected = false;
		w->down_at = watch_now();
		snprintf(w->trouble, sizeof w->trouble, "%s", e->text);
		break;
	case MQTT_REFUSED:
		snprintf(w->trouble, sizeof w->trouble, "%.100s: %.80s",
		         e->topic ? e->topic : "the broker", e->text);
		break;
	case MQTT_MESSAGE:
		if (e->retained)
			w->retained_at = watch_now();
		if (e->len >
		    MQTT_PAYLOAD_MAX) /* it is not there; that does not mean that it is empty */
			break;
		const struct view_message m = {.topic = e->topic,
		                               .payload = e->payload,
		                               .len = e->len,
		                               .retained = e->retained,
		                               .now = watch_now(),
		                               .wall = watch_wall()};
		if (w->each)
			w->each(w->each_ctx, &m);
		if (w->extra && topic_match(w->extra, e->topic)) {
			if (other)
				other(ctx, &m);
		} else {
			view_take(w->view, &m);
		}
		break;
	}
}

void watch_tap(struct watch *w, void (*each)(void *ctx, const struct view_message *m), void *ctx)
{
	w->each = each;
	w->each_ctx = ctx;
}

void watch_turn(struct watch *w, void (*other)(void *ctx, const struct view_message *m), void *ctx)
{
	for (struct item *i = take_all(w), *next; i; i = next) {
		next = i->next;
		take_event(w, &i->event, other, ctx);
		mqtt_event_free(&i->event);
		free(i);
	}
	discard_late(w);
}

bool watch_connected(const struct watch *w)
{
	return w->connected;
}

const char *watch_trouble(const struct watch *w)
{
	return w->trouble;
}

static void wait_until(struct watch *w, us_t until)
{
	struct pollfd p = {.fd = w->wake, .events = POLLIN};
	const us_t left = until - watch_now();

	if (left > 0)
		poll(&p, 1, (int)(left / US_MS) + 1);
	watch_turn(w, NULL, NULL);
}

/* Takes what comes for `span` µs. Blocks. */
static void watch_for(struct watch *w, us_t span)
{
	const us_t until = watch_now() + span;

	while (watch_now() < until)
		wait_until(w, until);
}

bool watch_settle(struct watch *w, us_t limit)
{
	const us_t until = watch_now() + limit;

	for (us_t now = watch_now(), quiet; now < until; now = watch_now()) {
		quiet = !w->connected && w->trouble[0] ? w->down_at + SECOND_TRY + US_MS
		        : !w->connected                ? until
		        : w->retained_at               ? w->retained_at + QUIET
		                                       : w->up_at + EMPTY;
		if (w->connected && now >= quiet)
			return true;
		/* a broker that refuses will refuse again, but to another version of MQTT */
		if (!w->connected && w->trouble[0] && now - w->down_at > SECOND_TRY)
			return false;
		wait_until(w, quiet < until ? quiet : until);
	}
	if (!w->connected && !w->trouble[0])
		snprintf(w->trouble, sizeof w->trouble, "the broker does not answer");
	return w->connected;
}

bool watch_send(struct watch *w, const char *topic, const char *payload, const char *response,
                const char *correlation)
{
	if (!w->connected || !topic_valid(topic) || (response && !topic_valid(response)))
		return false;
	w->sent_at = watch_now();
	outbox_post(w->outbox,
	            &(struct post){.topic = topic,
	                           .payload = payload,
	                           .response_topic = response,
	                           .correlation = correlation,
	                           .correlation_len = correlation ? strlen(correlation) : 0});
	outbox_kick(w->outbox);
	return true;
}

void watch_clear(struct watch *w, const char *topic)
{
	outbox_post(w->outbox,
	            &(struct post){.topic = topic, .payload = "", .qos = 1, .retain = true});
}

bool watch_flush(struct watch *w, us_t limit)
{
	const us_t until = watch_now() + limit;
	struct outbox_figures f;

	outbox_kick(w->outbox);
	for (outbox_figures(w->outbox, &f); f.posts; outbox_figures(w->outbox, &f)) {
		if (watch_now() >= until || !w->connected)
			return false;
		watch_for(w, FLUSH_LOOK);
	}
	return true;
}
