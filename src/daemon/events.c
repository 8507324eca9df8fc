// SPDX-License-Identifier: MIT
#include "daemon/events.h"

#include "core/command/command.h"
#include "daemon/base/log.h"
#include "daemon/command/commands.h"
#include "daemon/command/keep.h"
#include "daemon/devices/ondemand.h"
#include "daemon/health/health.h"
#include "daemon/reload.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_ROOM 1024
#define EVENTS_BYTES (1024 * 1024) /* topics and payloads of what waits there */
#define EVENTS_PER_TURN 256
#define ID_CONFLICT_FOR (600 * US_S) /* since the last sight of it */
#define LOOK_AGAIN (2 * US_MS)
#define SETTLE (2 * US_S)        /* what is retained has come when so long none came */
#define FOREIGN_QUIET (5 * US_S) /* our own change of the status may still be on its way back */

struct source {
	struct events *events;
	uint8_t link;
	atomic_bool leaving;  /* main waits for the client's threads to end */
	atomic_uint left_out; /* what found no room; main reports it */
};

struct events {
	struct queue *queue;
	struct source source[NORTH_LINKS];
};

void events_create(struct gateway *g)
{
	struct events *v = mem_alloc(1, sizeof *v);
	v->queue = queue_create(sizeof(struct mqtt_event), EVENTS_ROOM);
	queue_weigh(v->queue, EVENTS_BYTES, mqtt_event_weight);
	for (uint8_t i = 0; i < NORTH_LINKS; i++) {
		v->source[i].events = v;
		v->source[i].link = i;
	}
	g->events = v;
}

void *events_source(struct gateway *g, unsigned link)
{
	return &g->events->source[link];
}

void events_destroy(struct gateway *g)
{
	queue_destroy(g->events->queue);
	free(g->events);
}

int events_fd(const struct gateway *g)
{
	return queue_fd(g->events->queue);
}

/* While the queue is full the client does not read on, and the broker keeps what floods us. */
void events_push(void *ctx, struct mqtt_event *e)
{
	struct source *s = ctx;
	const bool waits = s->link == 0 || e->kind != MQTT_MESSAGE;
	e->link = s->link;
	while (!queue_try_push(s->events->queue, e)) {
		if (!waits || atomic_load(&s->leaving)) {
			mqtt_event_free(e);
			atomic_fetch_add(&s->left_out, 1);
			return;
		}
		clock_sleep(clock_now() + LOOK_AGAIN);
	}
}

static const char *name_of(unsigned link)
{
	return link ? north_row[link]->name : "broker";
}

static void report_left_out(struct gateway *g, unsigned link, const char *when)
{
	const unsigned lost = atomic_exchange(&g->events->source[link].left_out, 0);
	if (lost)
		log_error("%s: %u messages that arrived %s were discarded", name_of(link), lost,
		          when);
}

void events_leave(struct gateway *g, unsigned link, bool begins)
{
	atomic_store(&g->events->source[link].leaving, begins);
	if (!begins)
		report_left_out(g, link, "while disconnecting");
}

static const char *foreign_source(const struct gateway *g, int32_t device)
{
	return device == NORTH_GATEWAY ? g->model->gateway : g->model->device[device].name;
}

static struct foreign *foreign_of(struct gateway *g, int32_t device)
{
	return device == NORTH_GATEWAY ? &g->foreign : &g->plant->device[device].foreign;
}

static void foreign_tick(struct gateway *g, int32_t device)
{
	struct foreign *f = foreign_of(g, device);
	const enum foreign_part part = foreign_take(f, g->now);
	if (part != FOREIGN_NOTHING)
		north_again(g->north, device, part == FOREIGN_ALL);
	if (foreign_over(f, g->now))
		gateway_alert_end(g, ALERT_WARNING, ALERT_FOREIGN_STATUS,
		                  foreign_source(g, device));
	gateway_wake(g, TIMER_FOREIGN, foreign_next(f));
}

static void foreign(struct gateway *g, const struct north_event *e)
{
	if (g->stopping)
		return;
	const bool sure = e->device == NORTH_GATEWAY ||
	                  g->now - g->plant->device[e->device].since >= FOREIGN_QUIET;
	const bool first = foreign_seen(foreign_of(g, e->device), g->now, sure);
	if (sure) {
		const char *source = foreign_source(g, e->device);
		char text[128];
		snprintf(text, sizeof text,
		         "another client publishes the status of %s (received %.32s)", source,
		         e->text ? e->text : "?");
		if (first)
			log_warn("%s: is there a second gateway with this name? Republishing the "
			         "correct status, at most every 10 s",
			         text);
		gateway_alert(g, ALERT_WARNING, ALERT_FOREIGN_STATUS, source, text);
	}
	foreign_tick(g, e->device);
}

static void set_level(struct gateway *g, const struct north_event *e)
{
	enum log_level level;
	const bool good = log_parse_level(e->text, &level);
	if (good) {
		/* before the change, and as a warning: a lower level is not set unseen */
		log_warn("log level is now %s, set by a message", e->text);
		log_set_level(level);
	}
	const struct north_outcome o = {
		.device = NORTH_GATEWAY,
		.param = "log",
		.value = e->text,
		.reason = good ? NULL : "must be error, warn, info or debug",
		.request = e->request,
	};
	north_outcome(g->north, &o);
}

/* A command to the gateway itself that may be old. A request for values does no harm when late. */
static bool late_verb(struct gateway *g, const struct north_event *e)
{
	if ((e->kind != NORTH_RELOAD && e->kind != NORTH_LOG) ||
	    g->now - e->since < COMMAND_TIMEOUT)
		return false;
	const struct north_outcome o = {
		.device = NORTH_GATEWAY,
		.param = e->kind == NORTH_RELOAD ? "reload" : "log",
		.value = e->text ? e->text : "",
		.reason = "too late: it may have been delayed for more than 10 s",
		.request = e->request,
	};
	log_info("command %s/%s: refused: %s", g->model->gateway, o.param, o.reason);
	north_outcome(g->north, &o);
	return true;
}

static void dispatch(struct gateway *g, const struct north_event *e)
{
	if (late_verb(g, e))
		return;
	switch ((enum north_kind)e->kind) {
	case NORTH_NONE:
		break;
	case NORTH_COMMAND:
		commands_event(g, e);
		break;
	case NORTH_GET:
	case NORTH_SUB:
	case NORTH_UNSUB:
		ondemand_event(g, e);
		break;
	case NORTH_RELOAD:
		reload_begin(g, e->request, true);
		break;
	case NORTH_LOG:
		set_level(g, e);
		break;
	case NORTH_REFUSED:
		commands_refuse(g, e);
		break;
	case NORTH_FOREIGN:
		foreign(g, e);
		break;
	}
}

/* The broker lets only one of them in at a time. */
static void id_conflict(struct gateway *g, const char *why)
{
	char text[320];
	snprintf(
		text, sizeof text,
		"%s; give each gateway a name (gateway) or a client id (mqtt.client_id) of its own",
		why);
	gateway_alert(g, ALERT_WARNING, ALERT_CLIENT_ID, g->model->gateway, text);
	g->id_conflict_until = g->now + ID_CONFLICT_FOR;
	gateway_wake(g, TIMER_FOREIGN, g->id_conflict_until);
}

void events_id_conflict_over(struct gateway *g, const char *source)
{
	g->id_conflict_until = 0;
	gateway_alert_end(g, ALERT_WARNING, ALERT_CLIENT_ID, source);
}

static void id_conflict_tick(struct gateway *g)
{
	if (!g->id_conflict_until)
		return;
	if (g->now < g->id_conflict_until) {
		gateway_wake(g, TIMER_FOREIGN, g->id_conflict_until);
		return;
	}
	events_id_conflict_over(g, g->model->gateway);
}

void events_foreign_tick(struct gateway *g)
{
	id_conflict_tick(g);
	for (int32_t d = NORTH_GATEWAY; d < (int32_t)g->model->ndevice; d++)
		foreign_tick(g, d);
}

/* known: it goes on like that, and the Alert about it is there. */
static void log_connection(const struct gateway *g, const struct mqtt_event *e, bool known)
{
	const char *name = name_of(e->link);
	if (e->kind == MQTT_UP)
		(known ? log_debug : log_info)("%s: connected, MQTT %s", name,
		                               e->protocol == 5 ? "5" : "3.1.1");
	else if (g->link[e->link].connected)
		(known ? log_debug : log_warn)("%s: connection lost: %s", name, e->text);
	else
		log_warn("%s: not connected: %s", name, e->text);
}

/* The broker's: what waits for it, and is safe without it, depends on no other connection. */
static void broker_connection(struct gateway *g, const struct mqtt_event *e)
{
	const bool up = e->kind == MQTT_UP;
	const bool known = g->id_conflict_until && (up || e->id_conflict);
	if (e->id_conflict)
		id_conflict(g, e->text);
	log_connection(g, e, known);
	keep_broker(g, up);
	if (up)
		health_connected(g);
}

static void connection(struct gateway *g, const struct mqtt_event *e)
{
	if (!g->link[e->link].mqtt)
		return; /* of a client that a reload has ended */
	if (e->link == 0)
		broker_connection(g, e);
	else
		log_connection(g, e, false);
	g->link[e->link].connected = e->kind == MQTT_UP;
	g->status_changed = true;
	gateway_wake(g, TIMER_HEALTH, g->now);
	if (e->kind == MQTT_UP)
		north_connected(g->north, e->link, e->packet_most);
}

void events_settle(struct gateway *g)
{
	if (!north_settle(g->north))
		gateway_wake(g, TIMER_SETTLE, g->now + SETTLE);
}

static void message(struct gateway *g, struct mqtt_event *m)
{
	struct north_event e = {0};
	north_event(g->north, m, &e);
	dispatch(g, &e);
	north_event_free(&e);
	mqtt_event_free(m);
	if (north_unsettled(g->north))
		gateway_wake(g, TIMER_SETTLE, g->now + SETTLE);
}

static void take(struct gateway *g, size_t most)
{
	struct mqtt_event m;
	for (size_t n = 0; n < most && queue_pop(g->events->queue, &m); n++) {
		if (m.kind == MQTT_REFUSED)
			log_warn("%s: %s%s%s", name_of(m.link), m.topic ? m.topic : "",
			         m.topic ? ": " : "", m.text);
		else if (m.kind != MQTT_MESSAGE)
			connection(g, &m);
		else
			g->link[m.link].taken = m.number;
		message(g, &m);
	}
}

void events_take(struct gateway *g)
{
	take(g, EVENTS_PER_TURN);
	for (unsigned i = 1; i < NORTH_LINKS; i++)
		report_left_out(g, i, "faster than they can be handled");
}

void events_take_all(struct gateway *g)
{
	take(g, queue_used(g->events->queue));
}

size_t events_refuse_rest(struct gateway *g)
{
	struct mqtt_event m;
	size_t n = 0;
	for (; n < EVENTS_PER_TURN && queue_pop(g->events->queue, &m); n++) {
		if (m.kind == MQTT_MESSAGE)
			message(g, &m);
		else
			mqtt_event_free(&m);
	}
	return n;
}
