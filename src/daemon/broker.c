// SPDX-License-Identifier: MIT
#include "daemon/broker.h"

#include "core/command/command.h"
#include "daemon/events.h"
#include "daemon/health.h"
#include "daemon/identity.h"
#include "daemon/log.h"
#include "daemon/readings.h"

#include <string.h>

#define FIFO_MAX (256u << 10) /* of Naks, responses and history, if the model does not say more */
#define CHANGE_LIMIT (500 * US_MS)
#define LOOK_AGAIN (2 * US_MS)

static void publish_statuses(struct gateway *g, bool alive)
{
	for (size_t i = 0; i < g->model->ndevice; i++)
		north_status(g->north, (int32_t)i,
		             alive && g->plant->device[i].phase == PHASE_ONLINE);
	north_status(g->north, NORTH_GATEWAY, alive);
}

static void connect_broker(struct gateway *g)
{
	char id[IDENTITY_MAX];
	const struct mqtt_conf *c = &g->model->mqtt;
	if (!c->client_id)
		identity_client_id(g->model->gateway, id, sizeof id);
	g->mqtt = mqtt_create(c, c->client_id ? c->client_id : id, g->outbox,
	                      north_will_topic(g->north), north_will_text(g->north), events_push,
	                      g->events);
}

static us_t shortest_command(const struct model *m)
{
	us_t shortest = COMMAND_TIMEOUT;
	for (size_t d = 0; d < m->ndevice; d++) {
		const struct pointset *s = m->device[d].set;
		for (uint32_t i = 0; i < s->n; i++) {
			const struct write_rule *w = s->point[i].write;
			if (w && w->command_timeout && w->command_timeout < shortest)
				shortest = w->command_timeout;
		}
	}
	return shortest;
}

static void subscribe(struct gateway *g)
{
	const char *const *filters;
	const size_t n = north_filters(g->north, &filters);
	mqtt_shortest(g->mqtt, shortest_command(g->model));
	mqtt_subscribe(g->mqtt, filters, n, g->model->mqtt.qos_command);
}

static size_t history_room(const struct gateway *g)
{
	const size_t room = g->model->mqtt.history_buffer;
	return room > FIFO_MAX ? room : FIFO_MAX;
}

void broker_create(struct gateway *g)
{
	g->outbox = outbox_create(history_room(g));
	g->north = north_create(g->outbox);
	north_adopt(g->north, g->model);
	publish_statuses(g, true);
	readings_publish_current(g);
	connect_broker(g);
	subscribe(g);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Everything a connection is made with, and what its Last Will says. */
static bool same_connection(const struct model *x, const struct model *y)
{
	const struct mqtt_conf *a = &x->mqtt, *b = &y->mqtt;
	return same_text(a->host, b->host) && a->port == b->port && a->use_tls == b->use_tls &&
	       a->version == b->version && same_text(a->client_id, b->client_id) &&
	       same_text(a->prefix, b->prefix) && same_text(x->gateway, y->gateway) &&
	       same_text(a->username, b->username) && same_text(a->password, b->password) &&
	       same_text(a->ca, b->ca) && same_text(a->cert, b->cert) &&
	       same_text(a->key, b->key) && a->tls_verify == b->tls_verify &&
	       a->keepalive == b->keepalive && a->retain == b->retain &&
	       a->qos_status == b->qos_status && a->expiry == b->expiry;
}

/* The old connection's last word is `offline`, under the old names. */
static void leave(struct gateway *g, const struct model *old)
{
	log_info("broker: settings changed, reconnecting");
	for (size_t i = 0; i < old->ndevice; i++)
		north_status(g->north, (int32_t)i, false);
	north_status(g->north, NORTH_GATEWAY, false);
	health_stopped(g, old);
	outbox_kick(g->outbox);
	events_leave(g, true);
	mqtt_destroy(g->mqtt, CHANGE_LIMIT);
	events_leave(g, false);
	g->mqtt = NULL;
	g->connected = false;
	events_rival_over(g, old->gateway);
}

void broker_adopt(struct gateway *g, const struct model *old)
{
	const bool same = same_connection(old, g->model);
	if (!same)
		leave(g, old);
	outbox_resize(g->outbox, history_room(g));
	north_adopt(g->north, g->model);
	publish_statuses(g, true);
	g->alerts_changed = true;
	if (!same)
		connect_broker(g);
	subscribe(g);
}

void broker_leaves(struct gateway *g)
{
	mqtt_subscribe(g->mqtt, NULL, 0, 0);
}

/* Until the broker has acknowledged what was published after the subscriptions were given up:
 * by then everything is here that it had delivered. */
static void await_last(struct gateway *g, us_t until)
{
	struct mqtt_figures f;
	outbox_kick(g->outbox);
	for (mqtt_figures(g->mqtt, &f); f.connected && f.queued && clock_now() < until;
	     mqtt_figures(g->mqtt, &f))
		clock_sleep(clock_now() + LOOK_AGAIN);
	events_refuse_rest(g);
}

void broker_destroy(struct gateway *g, us_t limit)
{
	const us_t begun = clock_now();
	publish_statuses(g, false);
	health_stopped(g, g->model);
	for (uint32_t i = 0; i < g->model->ndevice; i++)
		readings_publish_offline(g, i);
	await_last(g, begun + limit / 2);
	outbox_kick(g->outbox);
	events_leave(g, true);
	mqtt_destroy(g->mqtt, begun + limit - clock_now());
	events_leave(g, false);
	events_refuse_rest(g);
	north_destroy(g->north);
	outbox_destroy(g->outbox);
}
