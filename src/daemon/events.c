#include "daemon/events.h"

#include "daemon/commands.h"
#include "daemon/log.h"
#include "daemon/reload.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_ROOM 8192
#define EVENTS_PER_TURN 256
#define PAYLOAD_KEPT 4097 /* one byte more than a command may have */
#define FOREIGN_STANDS (600 * US_S) /* how long the Alert stands after the last sight */
#define FOREIGN_QUIET (5 * US_S)    /* our own change of the status may still be on its way back */

struct events {
	struct queue *queue;     /* of struct mqtt_event * */
	atomic_uint_fast64_t lost;
	uint64_t lost_told;
	char trouble[192];       /* why there is no connection, as last logged */
};

void events_create(struct gateway *g)
{
	g->events = mem_alloc(1, sizeof *g->events);
	g->events->queue = queue_create(sizeof(struct mqtt_event *), EVENTS_ROOM);
}

static void discard(struct mqtt_event *e)
{
	mqtt_event_free(e);
	free(e);
}

void events_destroy(struct gateway *g)
{
	struct mqtt_event *e;
	while (queue_pop(g->events->queue, &e))
		discard(e);
	queue_destroy(g->events->queue);
	free(g->events);
}

int events_fd(const struct gateway *g)
{
	return queue_fd(g->events->queue);
}

void events_push(void *ctx, struct mqtt_event *e)
{
	struct events *all = ctx;
	struct mqtt_event *mine = mem_alloc(1, sizeof *mine);
	*mine = *e;
	if (mine->len > PAYLOAD_KEPT) { /* refused anyway; a flood of large ones must not fill the memory */
		mine->len = PAYLOAD_KEPT;
		mine->payload = mem_grow(mine->payload, PAYLOAD_KEPT + 1, 1);
		mine->payload[PAYLOAD_KEPT] = '\0';
	}
	if (queue_try_push(all->queue, &mine))
		return;
	discard(mine);
	atomic_fetch_add(&all->lost, 1);
}

static const char *foreign_source(const struct gateway *g, int32_t device)
{
	return device == NORTH_GATEWAY ? g->model->gateway : g->model->device[device].name;
}

static void foreign(struct gateway *g, const struct north_event *e)
{
	if (g->stopping)
		return;
	if (e->device != NORTH_GATEWAY && g->now - g->plant->device[e->device].since < FOREIGN_QUIET)
		return;
	const char *source = foreign_source(g, e->device);
	char text[128];
	snprintf(text, sizeof text, "somebody else publishes the status of %s (saw %.32s)", source,
		 e->text ? e->text : "?");
	log_warn("%s: told right again", text);
	gateway_alert(g, ALERT_WARNING, ALERT_FOREIGN_STATUS, source, text);
	gateway_wake(g, TIMER_FOREIGN, g->now + FOREIGN_STANDS);
}

void events_foreign_over(struct gateway *g)
{
	gateway_alert_end(g, ALERT_WARNING, ALERT_FOREIGN_STATUS, g->model->gateway);
	for (size_t i = 0; i < g->model->ndevice; i++)
		gateway_alert_end(g, ALERT_WARNING, ALERT_FOREIGN_STATUS, g->model->device[i].name);
}

static void set_level(struct gateway *g, const struct north_event *e)
{
	enum log_level level;
	const bool good = log_parse_level(e->text, &level);
	if (good) {
		log_set_level(level);
		log_info("log level is %s now", e->text);
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

static void dispatch(struct gateway *g, const struct north_event *e)
{
	switch ((enum north_kind)e->kind) {
	case NORTH_NONE:
		break;
	case NORTH_COMMAND:
	case NORTH_GET:
	case NORTH_SUB:
	case NORTH_UNSUB:
		commands_event(g, e);
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

static void connection(struct gateway *g, const struct mqtt_event *e)
{
	const bool up = e->kind == MQTT_UP;
	char *trouble = g->events->trouble;
	if (up)
		log_info("broker: connected, MQTT %s", e->protocol == 5 ? "5" : "3.1.1");
	else if (g->connected)
		log_warn("broker: connection lost: %s", e->text);
	else if (strcmp(trouble, e->text) != 0)
		log_warn("broker: not connected: %s", e->text); /* once, not at each try */
	snprintf(trouble, sizeof g->events->trouble, "%s", up ? "" : e->text);
	g->connected = up;
	g->status_changed = true;
	commands_broker(g, up);
	gateway_wake(g, TIMER_HEALTH, g->now);
}

static void take(struct gateway *g, struct mqtt_event *m)
{
	if (m->kind == MQTT_REFUSED)
		log_warn("broker: %s%s%s", m->topic ? m->topic : "", m->topic ? ": " : "", m->text);
	else if (m->kind != MQTT_MESSAGE)
		connection(g, m);
	struct north_event e = {0};
	north_event(g->north, m, &e);
	dispatch(g, &e);
	north_event_free(&e);
}

void events_take(struct gateway *g)
{
	struct events *all = g->events;
	struct mqtt_event *m;
	for (int n = 0; n < EVENTS_PER_TURN && queue_pop(all->queue, &m); n++) {
		take(g, m);
		discard(m);
	}
	const uint64_t lost = atomic_load(&all->lost);
	if (lost == all->lost_told)
		return;
	log_error("broker: flooded with messages; %" PRIu64 " could not be taken and were not carried out",
		  lost - all->lost_told);
	all->lost_told = lost;
}
