// SPDX-License-Identifier: MIT
#include "mqtt/client.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "core/base/arena.h"
#include "mqtt/client_private.h"

#define SHORTEST (10 * US_S)
#define GRACE (600 * US_MS) /* for DISCONNECT and the library's own end, behind the limit */

void mqtt_event_free(struct mqtt_event *e)
{
	if (!e)
		return;
	free(e->topic);
	free(e->payload);
	free(e->response_topic);
	free(e->correlation);
	e->topic = e->payload = e->response_topic = NULL;
	e->correlation = NULL;
}

size_t mqtt_event_weight(const void *event)
{
	const struct mqtt_event *e = event;
	return (e->topic ? strlen(e->topic) : 0) + (e->len <= MQTT_PAYLOAD_MAX ? e->len : 0) +
	       (e->response_topic ? strlen(e->response_topic) : 0) + e->correlation_len;
}

/* -- what the library reports, on its threads: note it, wake the publisher
 * -------------------------
 */

void client_wake(struct mqtt_client *c)
{
	c->woken = true;
	pthread_cond_signal(&c->cond);
}

static void on_kick(void *ctx)
{
	struct mqtt_client *c = ctx;
	pthread_mutex_lock(&c->lock);
	c->woken = true;
	pthread_mutex_unlock(&c->lock);
	pthread_cond_signal(&c->cond); /* not before: the publisher would wake only to wait again */
}

static void on_up(void *ctx, const struct paho_terms *t)
{
	struct mqtt_client *c = ctx;
	pthread_mutex_lock(&c->lock);
	c->terms = *t;
	if (!c->terms.keepalive)
		c->terms.keepalive = c->conf.keepalive;
	fresh_begin(&c->fresh, c->terms.keepalive, c->shortest,
	            c->doubt_since ? c->doubt_since : c->trying_since, client_now());
	c->news_up = true;
	client_wake(c);
	pthread_mutex_unlock(&c->lock);
}

static void on_down(void *ctx, enum retry_failure f, const char *why)
{
	struct mqtt_client *c = ctx;
	pthread_mutex_lock(&c->lock);
	c->news_down = true;
	c->failure = f;
	snprintf(c->why, sizeof c->why, "%s", why);
	client_wake(c);
	pthread_mutex_unlock(&c->lock);
}

static void deliver(struct mqtt_client *c, struct mqtt_event *e)
{
	pthread_mutex_lock(&c->push_lock);
	if (c->gone)
		mqtt_event_free(e);
	else
		c->push(c->push_ctx, e);
	pthread_mutex_unlock(&c->push_lock);
}

static void on_message(void *ctx, struct mqtt_event *e, uint8_t qos)
{
	struct mqtt_client *c = ctx;
	pthread_mutex_lock(&c->lock);
	e->number = ++c->received;
	e->since = fresh_message(&c->fresh, qos, client_now());
	segments_acknowledge(&c->segments);
	pthread_mutex_unlock(&c->lock);
	deliver(c, e);
	pthread_mutex_lock(&c->lock);
	fresh_taken(&c->fresh, client_now());
	pthread_mutex_unlock(&c->lock);
}

static void on_answer(void *ctx)
{
	struct mqtt_client *c = ctx;
	pthread_mutex_lock(&c->lock);
	fresh_answer(&c->fresh, client_now());
	segments_acknowledge(&c->segments);
	pthread_mutex_unlock(&c->lock);
}

static void report(struct mqtt_client *c, enum mqtt_event_kind kind, const char *topic,
                   const char *text)
{
	struct mqtt_event e = {.kind = (uint8_t)kind,
	                       .protocol = c->protocol,
	                       .packet_most = c->terms.maximum_packet};
	snprintf(e.text, sizeof e.text, "%s", text);
	e.topic = topic ? mem_strdup(topic) : NULL;
	deliver(c, &e);
}

/* Reported once a filter, not after each connect. */
static void on_not_subscribed(void *ctx, const char *filter, const char *why)
{
	struct mqtt_client *c = ctx;
	char text[192];
	for (size_t i = 0; i < c->ndenied; i++) {
		if (strcmp(c->denied[i], filter) == 0)
			return;
	}
	c->denied = mem_grow(c->denied, c->ndenied + 1, sizeof *c->denied);
	c->denied[c->ndenied++] = mem_strdup(filter);
	snprintf(text, sizeof text, "subscription refused: %s", why);
	report(ctx, MQTT_REFUSED, filter, text);
}

static void on_disconnected(void *ctx)
{
	struct mqtt_client *c = ctx;
	pthread_mutex_lock(&c->lock);
	c->parted = true;
	client_wake(c);
	pthread_mutex_unlock(&c->lock);
}

void client_sink(struct mqtt_client *c, struct paho_sink *sink)
{
	*sink = (struct paho_sink){
		.up = on_up,
		.down = on_down,
		.done = pump_done,
		.message = on_message,
		.answer = on_answer,
		.not_subscribed = on_not_subscribed,
		.disconnected = on_disconnected,
		.ctx = c,
	};
}

void client_report_down(struct mqtt_client *c, const char *why, bool id_conflict)
{
	struct mqtt_event e = {
		.kind = MQTT_DOWN, .protocol = c->protocol, .id_conflict = id_conflict};
	snprintf(e.text, sizeof e.text, "%s", why);
	deliver(c, &e);
}

void client_report_topic(struct mqtt_client *c, enum mqtt_event_kind kind, const char *topic,
                         const char *text)
{
	report(c, kind, topic, text);
}

void client_report(struct mqtt_client *c, enum mqtt_event_kind kind, const char *text)
{
	report(c, kind, NULL, text);
}

/* -- life -------------------------------------------------------------------------------------- */

static void copy_conf(struct mqtt_client *c, const struct mqtt_conf *from)
{
	struct arena *a = c->arena;
	struct mqtt_conf *to = &c->conf;
	*to = *from;
	to->host = arena_strdup(a, from->host);
	to->path = arena_strdup(a, from->path);
	struct mqtt_broker *b = arena_array(a, from->nbroker, sizeof *b);
	for (size_t i = 0; i < from->nbroker; i++) {
		b[i] = from->broker[i];
		b[i].host = arena_strdup(a, b[i].host);
		b[i].path = arena_strdup(a, b[i].path);
	}
	to->broker = b;
	to->client_id = arena_strdup(a, from->client_id);
	to->prefix = arena_strdup(a, from->prefix);
	to->username = arena_strdup(a, from->username);
	to->password = arena_strdup(a, from->password);
	to->ca = arena_strdup(a, from->ca);
	to->cert = arena_strdup(a, from->cert);
	to->key = arena_strdup(a, from->key);
}

struct mqtt_client *mqtt_create(const struct mqtt_conf *conf, const char *client_id,
                                struct outbox *o, const char *will_topic, const char *will_text,
                                void (*push)(void *ctx, struct mqtt_event *e), void *ctx)
{
	struct mqtt_client *c = mem_alloc(1, sizeof *c);
	pthread_condattr_t attr;
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	signal(SIGPIPE, SIG_IGN);
	c->arena = arena_create();
	copy_conf(c, conf);
	c->client_id = arena_strdup(c->arena, client_id);
	c->will_topic = arena_strdup(c->arena, will_topic);
	c->will_text = arena_strdup(c->arena, will_text);
	c->outbox = o;
	c->push = push;
	c->push_ctx = ctx;
	c->shortest = SHORTEST;
	if (getrandom(&c->seed, sizeof c->seed, GRND_NONBLOCK) != sizeof c->seed)
		c->seed = (unsigned)client_now();
	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->push_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->cond, &attr);
	pthread_cond_init(&c->cond_ended, &attr);
	pthread_condattr_destroy(&attr);
	outbox_on_kick(o, on_kick, c);
	if (pthread_create(&c->thread, NULL, publisher_run, c) != 0) {
		fputs("<2>cannot start the publisher thread\n", stderr);
		abort();
	}
	return c;
}

/* c->wish is written by main alone, but for a look at it under the lock. */
static bool wished(const struct mqtt_client *c, const char *const *filters, size_t n, uint8_t qos)
{
	bool same = c->wish && c->nwish == n && c->wish_qos == qos;
	for (size_t i = 0; same && i < n; i++)
		same = strcmp(c->wish[i], filters[i]) == 0;
	return same;
}

void mqtt_subscribe(struct mqtt_client *c, const char *const *filters, size_t n, uint8_t qos)
{
	if (wished(c, filters, n, qos))
		return;
	char **copy = mem_alloc(n, sizeof *copy);
	for (size_t i = 0; i < n; i++)
		copy[i] = mem_strdup(filters[i]);
	pthread_mutex_lock(&c->lock);
	char **old = c->wish;
	const size_t nold = c->nwish;
	c->wish = copy;
	c->nwish = n;
	c->wish_qos = qos;
	c->new_wish = true;
	client_wake(c);
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < nold; i++)
		free(old[i]);
	free(old);
}

void mqtt_shortest(struct mqtt_client *c, int64_t shortest)
{
	pthread_mutex_lock(&c->lock);
	c->shortest = shortest;
	fresh_tune(&c->fresh, c->terms.keepalive, shortest);
	pthread_mutex_unlock(&c->lock);
}

void mqtt_hold(struct mqtt_client *c, bool held, uint64_t taken)
{
	pthread_mutex_lock(&c->lock);
	if (c->held != held || (c->leaving && c->taken != taken))
		client_wake(c);
	c->held = held;
	c->taken = taken;
	pthread_mutex_unlock(&c->lock);
}

void mqtt_figures(struct mqtt_client *c, struct mqtt_figures *out)
{
	struct outbox_figures f;
	outbox_figures(c->outbox, &f);
	memset(out, 0, sizeof *out);
	pthread_mutex_lock(&c->lock);
	out->published = c->published;
	out->received = c->received;
	out->dropped = f.dropped + c->refusals;
	out->reconnects = c->connects > 1 ? c->connects - 1 : 0;
	out->queued = f.dirty + f.posts;
	out->connected = c->state == CLIENT_UP;
	out->protocol = c->state == CLIENT_UP ? c->protocol : 0;
	snprintf(out->last_error, sizeof out->last_error, "%s", c->last_error);
	static const char *const scheme[] = {"mqtt", "mqtts", "ws", "wss"};
	snprintf(out->broker, sizeof out->broker, "%s://%s:%u",
	         scheme[2 * c->conf.use_ws + c->conf.use_tls], c->conf.host,
	         (unsigned)c->conf.port);
	pthread_mutex_unlock(&c->lock);
}

bool mqtt_idle(struct mqtt_client *c)
{
	pthread_mutex_lock(&c->lock);
	const bool up = c->state == CLIENT_UP;
	const bool proven = c->leaving && !c->new_wish && c->proven == c->received && !c->flying;
	pthread_mutex_unlock(&c->lock);
	return !up || (proven && !outbox_waiting(c->outbox));
}

/* The library may hold the publisher for seconds (a name look-up): then it is left behind. */
static void join(struct mqtt_client *c)
{
	const struct timespec t = client_deadline(c->end_by + GRACE);
	pthread_mutex_lock(&c->lock);
	while (!c->ended && pthread_cond_timedwait(&c->cond_ended, &c->lock, &t) == 0)
		;
	const bool ended = c->ended;
	c->left_open |= !ended;
	const bool left = c->left_open;
	pthread_mutex_unlock(&c->lock);
	if (ended && !(left && c->lives_on))
		pthread_join(c->thread, NULL);
	else
		pthread_detach(c->thread);
}

static void client_free(struct mqtt_client *c)
{
	mqtt_subscribe(c, NULL, 0, 0);
	free(c->wish);
	for (size_t i = 0; i < c->nhave; i++)
		free(c->have[i]);
	for (size_t i = 0; i < c->nold; i++)
		free(c->old[i]);
	for (size_t i = 0; i < c->ndenied; i++)
		free(c->denied[i]);
	free(c->have);
	free(c->old);
	free(c->denied);
	arena_destroy(c->arena);
	pthread_cond_destroy(&c->cond);
	pthread_cond_destroy(&c->cond_ended);
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->push_lock);
	free(c);
}

void client_release(struct mqtt_client *c)
{
	pthread_mutex_lock(&c->lock);
	const bool last = --c->holders == 0;
	pthread_mutex_unlock(&c->lock);
	if (last)
		client_free(c);
}

static void finish(struct mqtt_client *c, int64_t limit, bool lives_on)
{
	if (!c)
		return;
	outbox_on_kick(c->outbox, NULL, NULL);
	outbox_statuses_first(c->outbox);
	pthread_mutex_lock(&c->lock);
	c->ending = true;
	c->lives_on = lives_on;
	c->holders = 2;
	c->end_by = client_now() + limit;
	client_wake(c);
	pthread_mutex_unlock(&c->lock);
	join(c);
	pthread_mutex_lock(&c->push_lock);
	c->gone = true;
	pthread_mutex_unlock(&c->push_lock);
	if (c->left_open) { /* the library still knows it */
		outbox_abandoned(c->outbox);
		if (lives_on)
			client_release(c);
		return;
	}
	client_free(c);
}

void mqtt_destroy(struct mqtt_client *c, int64_t limit)
{
	finish(c, limit, false);
}

void mqtt_leave(struct mqtt_client *c, int64_t limit)
{
	finish(c, limit, true);
}
