// SPDX-License-Identifier: MIT
#include "daemon/broker.h"

#include "core/base/text.h"
#include "core/command/command.h"
#include "daemon/base/identity.h"
#include "daemon/base/log.h"
#include "daemon/command/commands.h"
#include "daemon/devices/gets.h"
#include "daemon/devices/readings.h"
#include "daemon/events.h"
#include "daemon/health/health.h"

#include <string.h>

#define FIFO_MAX (256u << 10) /* of Naks, responses and history, if the model does not set more */
#define CHANGE_LIMIT (500 * US_MS)
#define LOOK_AGAIN (2 * US_MS)
#define LAST_MOST (3 * US_S) /* for the answers at the end, of a broker that takes them slowly */
#define ANSWERS_MOST 256

static void publish_statuses(struct gateway *g, bool alive)
{
	for (size_t i = 0; i < g->model->ndevice; i++)
		north_status(g->north, (int32_t)i,
		             alive && g->plant->device[i].phase == PHASE_ONLINE);
	north_status(g->north, NORTH_GATEWAY, alive);
}

static void connect_link(struct gateway *g, unsigned link)
{
	char id[IDENTITY_MAX];
	struct north_link l;
	const struct mqtt_conf *c = north_connection(link, g->model);
	north_link(g->north, link, &l);
	if (!c->client_id) /* of another link the prefix is that of its devices' names */
		identity_client_id(link == 0 ? c->prefix : "xnet", g->model->gateway, id,
		                   sizeof id);
	g->link[link].mqtt =
		mqtt_create(c, c->client_id ? c->client_id : id, l.outbox, l.will_topic,
	                    l.will_text, events_push, events_source(g, link));
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

static size_t room_of(const struct mqtt_conf *c)
{
	return c->history_buffer > FIFO_MAX ? c->history_buffer : FIFO_MAX;
}

/* What the model has is connected, if it is not yet, and subscribed as configured. */
static void connect_links(struct gateway *g)
{
	for (unsigned i = 0; i < NORTH_LINKS; i++) {
		const struct mqtt_conf *c = north_connection(i, g->model);
		struct north_link l;
		if (!c)
			continue;
		if (!g->link[i].mqtt)
			connect_link(g, i);
		north_link(g->north, i, &l);
		outbox_resize(l.outbox, room_of(c));
		mqtt_shortest(g->link[i].mqtt, shortest_command(g->model));
		mqtt_subscribe(g->link[i].mqtt, l.filter, l.nfilter, c->qos_command);
	}
}

void broker_create(struct gateway *g)
{
	g->outbox = outbox_create(room_of(&g->model->mqtt));
	g->north = north_create(g->outbox);
	north_clock(g->north, g->now, gateway_wall());
	north_adopt(g->north, g->model, NULL);
	publish_statuses(g, true);
	readings_publish_current(g, false);
	connect_links(g);
}

static bool same_brokers(const struct mqtt_conf *a, const struct mqtt_conf *b)
{
	bool same = text_same(a->host, b->host) && a->port == b->port && a->use_tls == b->use_tls &&
	            a->use_ws == b->use_ws && text_same(a->path, b->path) &&
	            a->nbroker == b->nbroker;
	for (size_t i = 0; same && i < a->nbroker; i++)
		same = text_same(a->broker[i].host, b->broker[i].host) &&
		       a->broker[i].port == b->broker[i].port &&
		       a->broker[i].tls == b->broker[i].tls && a->broker[i].ws == b->broker[i].ws &&
		       text_same(a->broker[i].path, b->broker[i].path);
	return same;
}

/* Everything a connection is made with, and its Last Will. */
static bool same_conf(const struct mqtt_conf *a, const struct mqtt_conf *b)
{
	return same_brokers(a, b) && a->version == b->version &&
	       text_same(a->client_id, b->client_id) && text_same(a->prefix, b->prefix) &&
	       text_same(a->username, b->username) && text_same(a->password, b->password) &&
	       text_same(a->ca, b->ca) && text_same(a->cert, b->cert) &&
	       text_same(a->key, b->key) && a->tls_verify == b->tls_verify &&
	       a->keepalive == b->keepalive && a->retain == b->retain &&
	       a->qos_status == b->qos_status && a->expiry == b->expiry;
}

static bool same_connection(unsigned link, const struct model *x, const struct model *y)
{
	const struct mqtt_conf *a = north_connection(link, x), *b = north_connection(link, y);
	return a && b && same_conf(a, b) && text_same(x->gateway, y->gateway);
}

/* Ends a link whose settings have changed, or that the model has no more. */
static void leave(struct gateway *g, unsigned link, us_t limit,
                  void (*end)(struct mqtt_client *c, int64_t limit))
{
	struct link *l = &g->link[link];
	events_leave(g, link, true);
	end(l->mqtt, limit);
	events_leave(g, link, false);
	*l = (struct link){0};
}

/* The old connection's last word is `offline`, under the old names. */
static void leave_broker(struct gateway *g, const struct model *old)
{
	for (size_t i = 0; i < old->ndevice; i++)
		north_status(g->north, (int32_t)i, false);
	north_status(g->north, NORTH_GATEWAY, false);
	health_stopped(g, old);
	outbox_kick(g->outbox);
	leave(g, 0, CHANGE_LIMIT, mqtt_leave);
	events_id_conflict_over(g, old->gateway);
}

static void leave_changed(struct gateway *g, const struct model *old)
{
	for (unsigned i = 0; i < NORTH_LINKS; i++) {
		if (!g->link[i].mqtt || same_connection(i, old, g->model))
			continue;
		const bool ends = !north_connection(i, g->model);
		log_info("%s: %s", i ? north_row[i]->name : "broker",
		         ends ? "no longer configured, disconnecting"
		              : "settings changed, reconnecting");
		if (i == 0)
			leave_broker(g, old);
		else
			leave(g, i, CHANGE_LIMIT, mqtt_leave);
	}
}

void broker_adopt(struct gateway *g, const struct model *old, const struct same *same)
{
	leave_changed(g, old);
	north_adopt(g->north, g->model, same->north ? same->device : NULL);
	publish_statuses(g, true);
	g->alerts_changed = true;
	connect_links(g);
}

void broker_turn(struct gateway *g)
{
	const bool held = commands_wait(g) || gets_wait(g);
	for (unsigned i = 0; i < NORTH_LINKS; i++)
		if (g->link[i].mqtt)
			mqtt_hold(g->link[i].mqtt, held, g->link[i].taken);
}

void broker_leaves(struct gateway *g)
{
	for (unsigned i = 0; i < NORTH_LINKS; i++) {
		if (g->link[i].mqtt)
			mqtt_subscribe(g->link[i].mqtt, NULL, 0, 0);
	}
}

static bool links_idle(const struct gateway *g)
{
	bool idle = true;
	for (unsigned i = 0; i < NORTH_LINKS; i++)
		idle = idle && (!g->link[i].mqtt || mqtt_idle(g->link[i].mqtt));
	return idle;
}

/* Changes while brokers take something, or deliver. */
static uint64_t links_moved(const struct gateway *g)
{
	struct mqtt_figures f;
	uint64_t moved = 0;
	for (unsigned i = 0; i < NORTH_LINKS; i++) {
		if (!g->link[i].mqtt)
			continue;
		mqtt_figures(g->link[i].mqtt, &f);
		moved += f.published + f.received;
	}
	return moved;
}

/* Refuses what still comes, until all of it has, and the broker has the answers; as long as it
 * takes some of them, but not for ever. While many wait nothing more is taken: the broker keeps it.
 */
static void await_last(struct gateway *g, us_t quiet)
{
	const us_t end = clock_now() + LAST_MOST;
	uint64_t moved = links_moved(g);
	for (us_t until = clock_now() + quiet; clock_now() < until;) {
		struct outbox_figures f;
		const bool idle = links_idle(g); /* before what has come by then is looked for */
		outbox_figures(g->outbox, &f);
		if (f.posts < ANSWERS_MOST && events_refuse_rest(g) == 0 && idle)
			return;
		north_kick(g->north);
		clock_sleep(clock_now() + LOOK_AGAIN);
		const uint64_t before = moved;
		moved = links_moved(g);
		if (moved != before)
			until = clock_now() + quiet < end ? clock_now() + quiet : end;
	}
	if (!links_idle(g))
		log_warn("broker: not all of the last messages were acknowledged before the "
		         "stop");
}

void broker_destroy(struct gateway *g, us_t limit)
{
	publish_statuses(g, false);
	health_stopped(g, g->model);
	for (uint32_t i = 0; i < g->model->ndevice; i++)
		readings_publish_offline(g, i);
	north_turn(g->north);
	await_last(g, limit / 2);
	const us_t end = clock_now() + limit / 2;
	for (unsigned i = 0; i < NORTH_LINKS; i++) {
		const us_t left = end - clock_now();
		if (g->link[i].mqtt)
			leave(g, i, left > 0 ? left : 0, mqtt_destroy);
	}
	while (events_refuse_rest(g)) /* no client is left: the journal has them */
		;
	north_destroy(g->north);
	outbox_destroy(g->outbox);
}
