// SPDX-License-Identifier: MIT
#include "daemon/loop.h"

#include "bus/bus.h"
#include "core/base/json.h"
#include "daemon/base/descriptors.h"
#include "daemon/base/log.h"
#include "daemon/base/plant.h"
#include "daemon/base/systemd.h"
#include "daemon/broker.h"
#include "daemon/command/commands.h"
#include "daemon/control.h"
#include "daemon/devices/gets.h"
#include "daemon/devices/readings.h"
#include "daemon/devices/stale.h"
#include "daemon/events.h"
#include "daemon/health/health.h"
#include "daemon/phases.h"
#include "daemon/reload.h"
#include "daemon/report.h"
#include "daemon/sunspec.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define REPORTS_ROOM 256
#define STATUS_EVERY US_S
#define LAST_WRITES (800 * US_MS)  /* for safe values, ends of pulses, reading back */
#define DRAIN_LIMIT (1200 * US_MS) /* for the buses to end, from the beginning of the stop */
#define FLUSH_LIMIT (600 * US_MS)  /* for the last messages */
#define ALERTS_FEW 16
#define ALERT_PACE US_MS
#define GATHER (4 * US_MS) /* reports that come faster than this are taken together */

void loop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

static void feed_watchdog(struct gateway *g)
{
	const char *which;
	if (plant_alive(g->plant, g->now, &which))
		systemd_watchdog();
	else
		log_error("bus %s: its thread is stuck; the watchdog is no longer served", which);
	gateway_wake(g, TIMER_WATCHDOG, g->now + systemd_watchdog_period());
}

static void publish_status(struct gateway *g)
{
	char line[160];
	health_status_line(g, line, sizeof line);
	systemd_status(line);
	g->status_changed = false;
	g->status_published = g->now;
}

static const struct {
	enum timer timer;
	void (*job)(struct gateway *g);
} timers[] = {
	{TIMER_STALE, stale_sweep},      {TIMER_HEALTH, health_publish},
	{TIMER_STATUS, publish_status},  {TIMER_WATCHDOG, feed_watchdog},
	{TIMER_COMMANDS, commands_tick}, {TIMER_FOREIGN, events_foreign_tick},
	{TIMER_REACH, phases_unreached}, {TIMER_SUNSPEC, sunspec_tick},
	{TIMER_CONTROL, control_tick},   {TIMER_INFO, health_infos},
	{TIMER_DEVICES, health_devices}, {TIMER_SETTLE, events_settle},
};

static void run_timers(struct gateway *g)
{
	for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) {
		if (g->due[timers[i].timer] > g->now)
			continue;
		g->due[timers[i].timer] = US_NEVER; /* the job requests its next time itself */
		timers[i].job(g);
	}
}

static void take_signals(struct gateway *g)
{
	struct signalfd_siginfo s;
	while (read(g->signals, &s, sizeof s) == sizeof s) {
		if (s.ssi_signo == SIGHUP) {
			reload_begin(g, NULL, false);
			continue;
		}
		if (!g->stopping)
			log_info("ending");
		g->stopping = true;
	}
}

/* The document is made and sent whole. Where hundreds of Alerts come one after the other (a second
 * gateway with the same devices) each change would cost as much as there are. */
static us_t publish_alerts(struct gateway *g)
{
	const size_t n = alerts_count(g->alerts);
	if (!g->alerts_changed)
		return US_NEVER;
	if (g->now < g->alerts_due && !g->stopping)
		return g->alerts_due;
	g->alerts_changed = false;
	g->alerts_due = n > ALERTS_FEW ? g->now + (us_t)n * ALERT_PACE : 0;
	north_alerts(g->north, NORTH_GATEWAY, g->alerts);
	return US_NEVER;
}

void loop_turn(struct gateway *g)
{
	g->now = clock_now();
	north_clock(g->north, g->now, gateway_wall());
	reports_take(g);
	events_take(g);
	reload_finish(g);
	run_timers(g);
	readings_turn(g);
	plant_turn(g);
	gets_turn(g);
	control_turn(g);
	g->due[TIMER_ALERTS] = publish_alerts(g);
	if (g->status_changed)
		gateway_wake(g, TIMER_STATUS, g->status_published + STATUS_EVERY);
	g->due[TIMER_NORTH] = north_turn(g->north);
	north_kick(g->north);
	broker_turn(g);
}

static us_t next_due(const struct gateway *g)
{
	us_t next = US_NEVER;
	for (size_t i = 0; i < TIMERS; i++)
		if (g->due[i] < next)
			next = g->due[i];
	return next;
}

/* A wake-up for each read, of us and of the publisher, would cost more than the read itself: when
 * they come thick and fast the next ones are waited for. Not while a command is under way. */
static bool gathers(struct gateway *g)
{
	const bool dense = g->reported - g->reported_before < 2 * GATHER;
	return dense && g->reported == g->now && command_alive(g->table) == 0 && !control_waits(g);
}

/* Sleeps until something comes in or is due, `limit` at the latest. */
static void sleep_until(struct gateway *g, us_t limit)
{
	const bool later = gathers(g);
	struct pollfd fds[] = {
		{.fd = g->signals, .events = POLLIN},
		{.fd = events_fd(g), .events = POLLIN},
		{.fd = reload_fd(g), .events = POLLIN},
		{.fd = control_fd(g), .events = POLLIN},
		{.fd = later ? -1 : queue_fd(g->reports), .events = POLLIN},
	};
	const us_t timer = next_due(g), full = later ? g->now + GATHER : US_NEVER;
	const us_t due = timer < full ? timer : full;
	const us_t until = due < limit ? due : limit;
	const us_t wait = until == US_NEVER ? -1 : until - clock_now();
	struct timespec t = {.tv_sec = wait / US_S, .tv_nsec = wait % US_S * 1000};
	if (until != US_NEVER && wait < 0)
		t = (struct timespec){0};
	if (ppoll(fds, sizeof fds / sizeof *fds, until == US_NEVER ? NULL : &t, NULL) < 0 &&
	    errno != EINTR)
		abort();
}

/* Turns until `limit`, or until there is nothing left to wait for. */
static void turn_until(struct gateway *g, us_t limit, bool (*waits)(const struct gateway *))
{
	while (waits(g) && clock_now() < limit) {
		loop_turn(g);
		take_signals(g); /* another one would keep us awake */
		if (waits(g))
			sleep_until(g, limit);
	}
}

static bool commands_live(const struct gateway *g)
{
	return command_alive(g->table) > 0;
}

static bool buses_end(const struct gateway *g)
{
	return g->plant->ending > 0;
}

/* Refuse commands, let each bus finish its exchange, then publish offline. */
static void stop(struct gateway *g)
{
	const us_t begun = clock_now();
	systemd_stopping();
	control_stop(g);
	broker_leaves(g);
	commands_stop(g);
	turn_until(g, begun + LAST_WRITES, commands_live);
	plant_close(g);
	turn_until(g, begun + DRAIN_LIMIT, buses_end);
	if (g->plant->ending)
		log_warn("%zu buses did not stop in time", g->plant->ending);
	events_take_all(g); /* what came in meanwhile is answered, too */
	commands_finish(g);
	reload_end(g);
	gets_end(g, "shutting down");
	broker_destroy(g, FLUSH_LIMIT);
}

void loop_create(struct gateway *g)
{
	sigset_t set;
	loop_signals(&set);
	g->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (g->signals < 0)
		abort();
	for (size_t i = 0; i < TIMERS; i++)
		g->due[i] = US_NEVER;
	g->reports = queue_create(sizeof(struct report), REPORTS_ROOM);
	events_create(g);
	g->alerts = alerts_create();
	g->alerts_changed = true;
	reload_create(g);
	commands_create(g);
	gets_create(g);
	struct plant *p = plant_build(g->model);
	plant_begin(p, g->now);
	plant_run(g, p);
	broker_create(g);
	health_create(g);
	health_model(g, NULL);
	commands_model_begins(g, NULL);
	control_create(g);
	if (systemd_watchdog_period() != US_NEVER)
		gateway_wake(g, TIMER_WATCHDOG, g->now);
	gateway_wake(g, TIMER_HEALTH, g->now);
}

void loop_destroy(struct gateway *g)
{
	control_stop(g);
	reload_destroy(g);
	queue_close(g->reports);
	commands_destroy(g);
	gets_destroy(g);
	health_destroy(g);
	plant_destroy(g);
	control_destroy(g);
	alerts_destroy(g->alerts);
	events_destroy(g);
	queue_destroy(g->reports);
	model_destroy(g->model);
	close(g->signals);
}

void loop_started(struct gateway *g, const struct loop_start *start)
{
	char saved[JW_TIME_SIZE], text[LASTGOOD_TEXT];
	health_last_good(g, &start->kept, start->refused);
	if (!start->refused)
		return;
	jw_time_text(start->kept.saved, saved);
	snprintf(text, sizeof text, "the last good configuration, of %s, is in use: %.200s", saved,
	         start->refused);
	log_error("%s has errors: the last good configuration, of %s, is in use until a reload "
	          "succeeds",
	          g->paths.file, saved);
	gateway_alert(g, ALERT_WARNING, ALERT_LAST_GOOD, g->paths.file, text);
}

int loop_run(struct model *m, const struct config_paths *paths, const struct loop_start *start)
{
	struct gateway g = {
		.paths = *paths, .model = m, .now = clock_now(), .control_path = start->control};
	loop_create(&g);
	loop_started(&g, start);
	char why[320], line[160], size[MODEL_SIZE_TEXT];
	log_info("%s: %s", m->gateway, model_size_text(m, size));
	if (descriptors_lack(m, why, sizeof why))
		log_error("%s", why);
	health_status_line(&g, line, sizeof line);
	systemd_ready(line);
	while (!g.stopping) {
		loop_turn(&g);
		take_signals(&g);
		if (!g.stopping)
			sleep_until(&g, US_NEVER);
	}
	stop(&g);
	if (g.plant->ending)
		_exit(EXIT_SUCCESS); /* their threads may still touch what would be freed */
	loop_destroy(&g);
	return EXIT_SUCCESS;
}
