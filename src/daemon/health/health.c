// SPDX-License-Identifier: MIT
#include "config.h"

#include "daemon/health/health.h"

#include "daemon/command/commands.h"

#include "core/base/json.h"
#include "daemon/base/log.h"
#include "daemon/base/process.h"
#include "daemon/devices/device.h"
#include "daemon/devices/suspect.h"
#include "daemon/health/health_bus.h"
#include "daemon/health/health_device.h"
#include "daemon/health/planned.h"

#include "mqtt/leaves.h"

#include <assert.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY_DEFAULT (10 * US_S) /* states of buses are judged though the tree is off */
#define DEVICES_EVERY (60 * US_S)
#define DEVICES_AT_ONCE 32 /* their figures: more would go before values that come meanwhile */
#define DEVICES_FIRST (50 * US_MS) /* until the next ones, in the first round */
#define INFO_EVERY (20 * US_MS)    /* long texts: the one before should be on its way */
#define INFOS_WAITING 2            /* no more are made while so many wait: 5 kB each */

#define CLOCK_SET 1000 /* ms: more than converting twice can differ */

/* The wall clock may be wrong at first, and set later. */
struct moment {
	us_t at;
	int64_t wall;
};

struct link_health {
	bool connected, dropping;
	struct moment since;
	uint64_t dropped; /* when it was looked at last */
};

struct health {
	struct moment started, loaded;
	uint64_t reloads;
	char *rejected; /* why the last reload was refused; NULL: it was not */
	struct lastgood kept;
	bool last_good; /* it runs in place of the file */
	us_t devices_due;
	uint32_t info_next;   /* the device whose info is published next */
	uint32_t device_next; /* and whose figures */
	us_t device_pace;     /* until those of the next DEVICES_AT_ONCE */
	struct link_health link[NORTH_LINKS];
	struct bus_health *bus; /* per bus of the model */
	struct device_health *device;
	struct planned *planned; /* being worked out; NULL: published */
};

void health_create(struct gateway *g)
{
	struct health *h = mem_alloc(1, sizeof *h);
	h->started.at = g->now;
	g->health = h;
}

void health_destroy(struct gateway *g)
{
	free(g->health->rejected);
	planned_drop(g->health->planned);
	free(g->health->bus);
	free(g->health->device);
	free(g->health);
}

void health_sys(struct gateway *g, const char *path, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	north_sys(g->north, path, text);
}

void health_sys_time(struct gateway *g, const char *path, int64_t unix_ms)
{
	char text[JW_TIME_SIZE];
	jw_time_text(unix_ms, text);
	north_sys(g->north, path, text);
}

static void publish_moment(struct gateway *g, const char *path, struct moment *m)
{
	const int64_t wall = gateway_wall_of(m->at);
	if (llabs(wall - m->wall) > CLOCK_SET)
		m->wall = wall;
	health_sys_time(g, path, m->wall);
}

bool health_on(const struct gateway *g)
{
	return g->model->mqtt.sys_interval > 0;
}

static void publish_config(struct gateway *g)
{
	struct health *h = g->health;
	if (!health_on(g))
		return;
	publish_moment(g, "config/loaded", &h->loaded);
	health_sys(g, "config/hash", "%s", g->model->hash);
	health_sys(g, "config/reloads", "%" PRIu64, h->reloads);
	health_sys(g, "config/rejected", "%s", h->rejected ? h->rejected : "no");
	char saved[JW_TIME_SIZE] = "none";
	if (h->kept.saved)
		jw_time_text(h->kept.saved, saved);
	health_sys(g, "config/last_good", "%s%s%s", saved,
	           h->kept.why[0] ? ": the newest cannot be kept: " : "", h->kept.why);
	health_sys(g, "config/source", "%s%s",
	           h->last_good ? "last good configuration of " : "file",
	           h->last_good ? saved : "");
}

void health_last_good(struct gateway *g, const struct lastgood *kept, const char *refused)
{
	struct health *h = g->health;
	if (kept->why[0] && strcmp(kept->why, h->kept.why) != 0)
		log_warn("this configuration cannot be kept as the last good one: %s", kept->why);
	h->kept = *kept;
	h->last_good = refused != NULL;
	if (refused) {
		free(h->rejected);
		h->rejected = mem_strdup(refused);
	}
	publish_config(g);
}

void health_reloaded(struct gateway *g, const char *rejected)
{
	struct health *h = g->health;
	free(h->rejected);
	h->rejected = rejected ? mem_strdup(rejected) : NULL;
	h->reloads += !rejected;
	g->status_changed = true;
	publish_config(g);
}

/* Once when it begins, and once when it is over. */
static void log_dropped(const char *name, struct link_health *h, const struct mqtt_figures *f)
{
	if (f->dropped > h->dropped && !h->dropping)
		log_warn("%s: messages are discarded, the oldest first: the buffer is full, or the "
		         "broker does not accept them",
		         name);
	else if (h->dropping && f->dropped == h->dropped && f->connected)
		log_info("%s: messages are no longer discarded (%" PRIu64 " since the start)", name,
		         f->dropped);
	else
		return;
	h->dropping = f->dropped > h->dropped;
}

static const char *link_name(unsigned link)
{
	return link ? north_row[link]->name : "mqtt";
}

static void link_leaf(struct gateway *g, unsigned link, const char *leaf, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void link_leaf(struct gateway *g, unsigned link, const char *leaf, const char *fmt, ...)
{
	char path[64], text[192];
	va_list ap;
	assert(leaf_known(LEAF_LINK, leaf));
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	snprintf(path, sizeof path, "%s/%s", link_name(link), leaf);
	north_sys(g->north, path, text);
}

static void publish_link(struct gateway *g, unsigned link, const struct mqtt_figures *f)
{
	struct link_health *h = &g->health->link[link];
	char path[64];
	snprintf(path, sizeof path, "%s/connected", link_name(link));
	if (f->connected)
		publish_moment(g, path, &h->since);
	link_leaf(g, link, "broker", "%s", f->broker);
	link_leaf(g, link, "protocol", "%s",
	          f->protocol == 5   ? "5"
	          : f->protocol == 4 ? "3.1.1"
	                             : "none");
	link_leaf(g, link, "reconnects", "%" PRIu64, f->reconnects);
	link_leaf(g, link, "last_error", "%s", f->last_error[0] ? f->last_error : "none");
	link_leaf(g, link, "published", "%" PRIu64, f->published);
	link_leaf(g, link, "received", "%" PRIu64, f->received);
	link_leaf(g, link, "queued", "%zu", f->queued);
	link_leaf(g, link, "dropped", "%" PRIu64, f->dropped);
}

static void look_at_links(struct gateway *g)
{
	for (unsigned i = 0; i < NORTH_LINKS; i++) {
		struct link_health *h = &g->health->link[i];
		struct mqtt_figures f;
		if (!g->link[i].mqtt)
			continue;
		mqtt_figures(g->link[i].mqtt, &f);
		if (f.connected && !h->connected)
			h->since = (struct moment){.at = g->now};
		h->connected = f.connected;
		if (i > 0)
			log_dropped(link_name(i), h, &f);
		h->dropped = f.dropped;
		if (health_on(g))
			publish_link(g, i, &f);
	}
}

/* Of a link that a reload has ended. */
static void clear_links(struct gateway *g)
{
	char path[64];
	for (unsigned i = 1; i < north_rows; i++) {
		if (g->link[i].mqtt)
			continue;
		g->health->link[i] = (struct link_health){0};
		for (size_t k = 0; leaf_name(LEAF_LINK, k); k++) {
			snprintf(path, sizeof path, "%s/%s", link_name(i), leaf_name(LEAF_LINK, k));
			north_sys(g->north, path, NULL);
		}
	}
}

void health_model(struct gateway *g, const struct model *old)
{
	struct health *h = g->health;
	const struct model *m = g->model;
	struct bus_health *bus = mem_alloc(m->nbus, sizeof *bus);
	struct device_health *device = mem_alloc(m->ndevice, sizeof *device);
	if (old) {
		health_bus_carry(g, old, h->bus, bus);
		health_device_carry(g, old, h->device, device);
	}
	free(h->bus);
	free(h->device);
	h->bus = bus;
	h->device = device;
	h->loaded = (struct moment){.at = g->now};
	h->devices_due = 0;
	h->device_next = 0;
	g->due[TIMER_DEVICES] = US_NEVER;
	planned_drop(h->planned);
	h->planned = planned_begin(g);
	clear_links(g);
	if (!health_on(g))
		return;
	health_sys(g, "version", "%s", PACKAGE_VERSION);
	publish_moment(g, "started", &h->started);
	publish_config(g);
	for (size_t i = 0; i < m->nbus; i++)
		health_bus_model(g, (uint32_t)i);
	health_connected(g);
	gateway_wake(g, TIMER_HEALTH, g->now);
}

void health_connected(struct gateway *g)
{
	g->health->info_next = 0;
	gateway_wake(g, TIMER_INFO, g->now);
}

/* In small lots spread over the time until they begin again, so that none of many devices waits
 * behind the figures of the others. */
void health_devices(struct gateway *g)
{
	struct health *h = g->health;
	const uint32_t n = g->model->ndevice;
	for (uint32_t i = 0; i < DEVICES_AT_ONCE && h->device_next < n; i++, h->device_next++)
		health_device_publish(g, h->device_next, &h->device[h->device_next]);
	if (h->device_next < n)
		gateway_wake(g, TIMER_DEVICES, g->now + h->device_pace);
	else
		h->device_next = 0;
}

static void devices_begin(struct gateway *g, us_t every)
{
	struct health *h = g->health;
	const bool first = h->devices_due == 0;
	const us_t round = first ? every : DEVICES_EVERY > every ? DEVICES_EVERY : every;
	const us_t lots = g->model->ndevice / DEVICES_AT_ONCE + 1;
	if (g->now < h->devices_due || h->device_next)
		return;
	h->devices_due = g->now + round;
	h->device_pace = first ? DEVICES_FIRST : round / (lots + 1);
	health_devices(g);
}

void health_infos(struct gateway *g)
{
	struct health *h = g->health;
	struct outbox_figures f;
	outbox_figures(g->outbox, &f);
	const bool more = h->info_next < g->model->ndevice;
	if (health_on(g) && g->link[0].connected && (more || f.passing)) {
		if (more && f.passing < INFOS_WAITING)
			health_device_info(g, h->info_next++);
		gateway_wake(g, TIMER_INFO, g->now + INFO_EVERY);
		return;
	}
	malloc_trim(0); /* a start, a reload or a reconnection is over: the largest use there is */
}

static void publish_commands(struct gateway *g)
{
	static const struct {
		const char *path;
		enum command_end end[3];
		size_t n;
	} row[] = {
		{"commands/verified", {COMMAND_VERIFIED}, 1},
		{"commands/acknowledged", {COMMAND_ACKNOWLEDGED}, 1},
		{"commands/sent", {COMMAND_SENT}, 1},
		{"commands/rejected", {COMMAND_REFUSED, COMMAND_BUSY}, 2},
		{"commands/superseded", {COMMAND_SUPERSEDED, COMMAND_REPEATED}, 2},
		{"commands/expired", {COMMAND_EXPIRED}, 1},
		{"commands/failed", {COMMAND_FAILED, COMMAND_DIFFERS}, 2},
	};
	struct command_figures f;
	commands_figures(g, &f);
	health_sys(g, "commands/received", "%" PRIu64, f.received);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		uint64_t n = 0;
		for (size_t k = 0; k < row[i].n; k++)
			n += f.ended[row[i].end[k]];
		health_sys(g, row[i].path, "%" PRIu64, n);
	}
	health_sys(g, "commands/last", "%s", f.last[0] ? f.last : "none");
}

static void publish_process(struct gateway *g)
{
	struct process p;
	process_look(&p);
	health_sys(g, "uptime", "%" PRId64, (g->now - g->health->started.at) / US_S);
	publish_moment(g, "started", &g->health->started);
	publish_moment(g, "config/loaded", &g->health->loaded);
	health_sys_time(g, "time", gateway_wall());
	health_sys(g, "process/rss", "%" PRIu64, p.rss);
	health_sys(g, "process/cpu", "%.2f", p.cpu);
	const enum clock_state clock = gateway_clock();
	if (clock != CLOCK_UNKNOWN)
		health_sys(g, "clock", clock == CLOCK_WRONG ? "not synchronised" : "synchronised");
	if (p.throttled[0])
		health_sys(g, "host/throttled", "%s", p.throttled);
}

void health_publish(struct gateway *g)
{
	struct health *h = g->health;
	const us_t every = health_on(g) ? g->model->mqtt.sys_interval : EVERY_DEFAULT;
	for (size_t i = 0; i < g->model->nbus; i++)
		health_bus_publish(g, (uint32_t)i, &h->bus[i]);
	for (size_t i = 0; i < g->model->ndevice; i++) {
		suspect_look(g, (uint32_t)i);
		health_device_state(g, (uint32_t)i);
	}
	devices_begin(g, every);
	h->planned = planned_publish(g, h->planned);
	look_at_links(g);
	if (health_on(g)) {
		publish_process(g);
		publish_commands(g);
	}
	log_suppressed();
	gateway_wake(g, TIMER_HEALTH, g->now + every);
}

void health_stopped(struct gateway *g, const struct model *m)
{
	char path[160];
	if (m->mqtt.sys_interval == 0)
		return;
	for (size_t i = 0; i < m->nbus; i++) {
		snprintf(path, sizeof path, "bus/%s/state", m->bus[i].name);
		north_sys(g->north, path, "down: the gateway is stopped");
	}
	for (size_t i = 0; i < m->ndevice; i++) {
		if (!m->device[i].enabled)
			continue;
		snprintf(path, sizeof path, "device/%s/state", m->device[i].name);
		north_sys(g->north, path, "offline: the gateway is stopped");
	}
}

void health_status_line(struct gateway *g, char *buf, size_t size)
{
	const struct model *m = g->model;
	size_t up = 0, online = 0, devices = 0;
	for (size_t i = 0; i < m->nbus; i++)
		up += g->plant->bus[i].up;
	for (size_t i = 0; i < m->ndevice; i++) {
		devices += g->plant->device[i].phase != PHASE_DISABLED;
		online += g->plant->device[i].phase == PHASE_ONLINE;
	}
	snprintf(buf, size, "%zu/%zu buses up, %zu/%zu devices online, broker %s%s", up, m->nbus,
	         online, devices, g->link[0].connected ? "connected" : "not connected",
	         g->health->last_good  ? ", last good configuration: the file has errors"
	         : g->health->rejected ? ", last reload refused"
	                               : "");
}
