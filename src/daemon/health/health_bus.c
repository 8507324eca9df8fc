// SPDX-License-Identifier: MIT
#include "daemon/health/health_bus.h"

#include "core/modbus/words.h"
#include "daemon/base/log.h"
#include "daemon/health/health.h"
#include "mqtt/leaves.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BRIEF_EVERY (9 * US_S)
#define LONG_EVERY (60 * US_S)
#define SILENT_AFTER (10 * US_S)
#define CALM_AFTER (5 * US_S)
#define LOAD_LEAST (10 * US_S)
#define NOISY_PERCENT 5.0
#define NOISY_MIN 20         /* requests in the window, else a share means nothing */
#define OVERLOADED_MISSED 10 /* grid points passed over in the window */

static void path_of(char *buf, size_t size, const char *bus, const char *topic)
{
	snprintf(buf, size, "bus/%s/%s", bus, topic);
}

static void put(struct gateway *g, const char *bus, const char *topic, const char *text)
{
	assert(leaf_known(LEAF_BUS, topic)); /* else nothing would clear it */
	char path[160];
	path_of(path, sizeof path, bus, topic);
	north_sys(g->north, path, text);
}

static void put_number(struct gateway *g, const char *bus, const char *topic, uint32_t n)
{
	char text[16];
	snprintf(text, sizeof text, "%" PRIu32, n);
	put(g, bus, topic, text);
}

static void put_percent(struct gateway *g, const char *bus, const char *topic, double percent)
{
	char text[16];
	snprintf(text, sizeof text, "%.1f", percent);
	put(g, bus, topic, text);
}

void health_bus_carry(struct gateway *g, const struct model *old, const struct bus_health *from,
                      struct bus_health *to)
{
	for (size_t i = 0; i < old->nbus; i++) {
		const char *name = old->bus[i].name;
		const int j = model_find_bus(g->model, name, strlen(name));
		/* a port opened anew counts anew: its samples would go backwards */
		if (j >= 0 && g->plant->bus[j].since != g->now)
			to[j] = from[i];
		else
			for (int a = ALERT_PORT_GONE; a <= ALERT_BUS_OVERLOADED; a++) {
				gateway_alert_end(g, ALERT_FAULT, (enum gateway_alert)a, name);
				gateway_alert_end(g, ALERT_WARNING, (enum gateway_alert)a, name);
			}
		for (size_t t = 0; j < 0 && leaf_name(LEAF_BUS, t); t++)
			put(g, name, leaf_name(LEAF_BUS, t), NULL);
	}
}

void health_bus_model(struct gateway *g, uint32_t bus)
{
	struct bus_figures f;
	bus_figures(g->plant->bus[bus].bus, &f);
	put(g, g->model->bus[bus].name, "port", f.port);
	put(g, g->model->bus[bus].name, "line", f.line_text);
	put(g, g->model->bus[bus].name, "description", g->model->bus[bus].description);
}

static void push(struct bus_sample *ring, uint8_t *n, uint8_t room, const struct bus_sample *s,
                 us_t every)
{
	if (*n && s->at - ring[*n - 1].at < every)
		return;
	if (*n == room) {
		memmove(ring, ring + 1, (room - 1u) * sizeof *ring);
		(*n)--;
	}
	ring[(*n)++] = *s;
}

static double share(uint32_t part, uint32_t whole)
{
	return whole ? 100.0 * part / whole : 0;
}

/* was: a line that is noisy or full stays so until it is clearly better, else the two would take
 * turns in the log. */
static enum bus_word judge(const struct plant_bus *b, const struct bus_figures *f, bool silent,
                           enum bus_word was, const struct bus_sample *then,
                           const struct bus_sample *now)
{
	const double noisy = was == WORD_NOISY ? NOISY_PERCENT / 2 : NOISY_PERCENT;
	const us_t full = (now->at - then->at) / 10 * (was == WORD_OVERLOADED ? 7 : 9);
	const uint32_t requests = now->requests - then->requests;
	if (!f->up)
		return WORD_DOWN;
	if (b->holder)
		return WORD_HELD;
	if (silent && b->ndevice)
		return WORD_SILENT;
	if (requests >= NOISY_MIN && share(now->garbled - then->garbled, requests) >= noisy)
		return WORD_NOISY;
	/* points are also missed while a device does not answer: only a full line is overloaded */
	if (now->missed - then->missed >= OVERLOADED_MISSED && now->busy - then->busy >= full)
		return WORD_OVERLOADED;
	return WORD_UP;
}

/* No device answers, though they were polled for a while. */
static bool silent(const struct gateway *g, const struct plant_bus *b)
{
	if (g->now - (b->answered > b->since ? b->answered : b->since) < SILENT_AFTER)
		return false;
	for (int u = 0; u < 256; u++)
		for (int32_t d = plant_first_of(b, u); d >= 0; d = g->plant->device[d].next_on_unit)
			if (g->plant->device[d].phase != PHASE_OFFLINE &&
			    !g->model->device[d].broadcast)
				return false;
	return true;
}

static void clock_text(us_t monotonic, char buf[8])
{
	const time_t t = (time_t)(gateway_wall_of(monotonic) / 1000);
	struct tm tm;
	localtime_r(&t, &tm);
	strftime(buf, 8, "%H:%M", &tm);
}

static void words_of(const struct plant_bus *b, const struct bus_figures *f, enum bus_word w,
                     const struct bus_sample *then, const struct bus_sample *now, char *buf,
                     size_t size)
{
	char since[8], what[2 * WORDS_MAX];
	int n;
	const us_t from = b->answered > b->since ? b->answered : b->since;
	switch (w) {
	case WORD_UP:
		snprintf(buf, size, "up%s%s", f->note[0] ? ": " : "", f->note);
		break;
	case WORD_DOWN:
		snprintf(buf, size, "down: %s", f->trouble[0] ? f->trouble : "not open");
		break;
	case WORD_HELD:
		snprintf(buf, size, "held by %s", b->holder);
		break;
	case WORD_SILENT:
		clock_text(from, since);
		if (b->invalid_at && b->invalid_at >= from) {
			snprintf(buf, size, "no valid response since %s: %s", since,
			         failure_words_of(b->invalid.outcome, 0, &b->invalid.instead,
			                          &b->invalid.span, false, what, sizeof what));
			break;
		}
		n = snprintf(buf, size, "silent since %s: ", since);
		if (b->ndevice == 1)
			n += snprintf(buf + n, size - (size_t)n,
			              "its only device does not respond");
		else
			n += snprintf(buf + n, size - (size_t)n, "none of %zu devices responds",
			              b->ndevice);
		snprintf(buf + n, size - (size_t)n, "; check %s",
		         b->conf->kind == BUS_TCP ? "address, power, id, timeout"
		                                  : "A/B, power, termination, baud, id");
		break;
	case WORD_NOISY:
		snprintf(buf, size, "noisy: %.0f %% corrupted frames",
		         share(now->garbled - then->garbled, now->requests - then->requests));
		break;
	case WORD_OVERLOADED:
		snprintf(buf, size, "overloaded");
		break;
	}
}

static const struct {
	enum bus_word word;
	enum gateway_alert alert;
	uint8_t kind;
} word_alerts[] = {
	{WORD_SILENT, ALERT_BUS_SILENT, ALERT_FAULT},
	{WORD_NOISY, ALERT_BUS_NOISY, ALERT_WARNING},
	{WORD_OVERLOADED, ALERT_BUS_OVERLOADED, ALERT_WARNING},
};

static void word_changed(struct gateway *g, const char *bus, enum bus_word was, enum bus_word w,
                         const char *text)
{
	for (size_t i = 0; i < sizeof word_alerts / sizeof *word_alerts; i++) {
		if (word_alerts[i].word == w)
			gateway_alert(g, word_alerts[i].kind, word_alerts[i].alert, bus, text);
		else if (word_alerts[i].word == was)
			gateway_alert_end(g, word_alerts[i].kind, word_alerts[i].alert, bus);
	}
	if (w == WORD_DOWN || was == WORD_DOWN || w == WORD_HELD || was == WORD_HELD)
		return; /* said when it happened */
	if (w == WORD_UP)
		log_info("bus %s: OK again", bus);
	else
		log_warn("bus %s: %s", bus, text);
}

static void publish_counters(struct gateway *g, const char *name, const struct bus_figures *f)
{
	const struct {
		const char *topic;
		uint32_t n;
	} counters[] = {
		{"requests", f->line.requests},
		{"responses", f->line.responses},
		{"timeouts", f->line.timeouts},
		{"crc_errors", f->line.crc_errors},
		{"garbled", f->line.garbled},
		{"late", f->line.late},
		{"exceptions", f->line.exceptions},
		{"retries", f->retries},
		{"missed", f->missed},
		{"reopened", f->reopened},
		{"adhoc", f->adhoc.requests},
	};
	for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
		put_number(g, name, counters[i].topic, counters[i].n);
	for (int k = 0; k < INSTEAD_KINDS; k++)
		if (f->instead[k] && instead_topic((enum instead_kind)k))
			put_number(g, name, instead_topic((enum instead_kind)k), f->instead[k]);
}

/* A start reads everything at once: that, and a second or two, mean nothing for the line's load.
 */
static void publish_load(struct gateway *g, const struct plant_bus *b, struct bus_health *h,
                         const struct bus_sample *now)
{
	const struct bus_sample *minute = &h->brief[0];
	if (!h->calm.at && b->up && now->at - b->since >= CALM_AFTER)
		h->calm = *now;
	const struct bus_sample *from = minute->at > h->calm.at ? minute : &h->calm;
	if (h->calm.at && now->at - from->at >= LOAD_LEAST)
		put_percent(g, b->conf->name, "load/1min",
		            100.0 * (double)(now->busy - from->busy) /
		                    (double)(now->at - from->at));
}

void health_bus_publish(struct gateway *g, uint32_t bus, struct bus_health *h)
{
	const struct plant_bus *b = &g->plant->bus[bus];
	struct bus_figures f;
	bus_figures(b->bus, &f);
	const struct line_counters *l = &f.line;
	const struct bus_sample now = {
		.at = g->now,
		.busy = f.busy,
		.requests = l->requests,
		.bad = l->requests - l->responses,
		.garbled = l->crc_errors + l->garbled,
		.missed = f.missed,
	};
	push(h->brief, &h->nbrief, BUS_SHORT, &now, BRIEF_EVERY);
	push(h->lengthy, &h->nlong, BUS_LONG, &now, LONG_EVERY);
	const struct bus_sample *minute = &h->brief[0], *quarter = &h->lengthy[0];
	const enum bus_word w = judge(b, &f, silent(g, b), (enum bus_word)h->word, minute, &now);
	char text[2 * WORDS_MAX];
	words_of(b, &f, w, minute, &now, text, sizeof text);
	if (w != h->word)
		word_changed(g, b->conf->name, (enum bus_word)h->word, w, text);
	h->word = (uint8_t)w;
	if (!health_on(g))
		return;
	put(g, b->conf->name, "state", text);
	publish_counters(g, b->conf->name, &f);
	put_percent(g, b->conf->name, "errors/1min",
	            share(now.bad - minute->bad, now.requests - minute->requests));
	put_percent(g, b->conf->name, "errors/15min",
	            share(now.bad - quarter->bad, now.requests - quarter->requests));
	publish_load(g, b, h, &now);
}
