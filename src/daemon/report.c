// SPDX-License-Identifier: MIT
#include "daemon/report.h"

#include "core/modbus/words.h"
#include "daemon/base/log.h"
#include "daemon/command/commands.h"
#include "daemon/devices/device.h"
#include "daemon/devices/devid.h"
#include "daemon/devices/gets.h"
#include "daemon/devices/readings.h"
#include "daemon/health/health_device.h"
#include "daemon/phases.h"
#include "daemon/requests.h"
#include "daemon/sunspec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATE_EXPLAINS (60 * US_S)
#define REPORTS_PER_TURN 512 /* then signals, events and the broker get their turn */

/* The first place that could begin inside the span. */
static size_t first_place(const struct plant_bus *b, const struct span *s)
{
	return plant_place_from(b, PLACE_KEY(s->unit, s->table, s->addr));
}

/* Is this place wholly inside? *over: it begins behind the span's end, and so do all that follow.
 */
static bool inside(const struct place *p, const struct span *s, bool *over)
{
	const uint32_t key = PLACE_KEY(s->unit, s->table, s->addr);
	*over = p->key >= key + s->count;
	return !*over && p->key + p->len <= key + s->count;
}

/* One that is older than a command's write is not published at all. */
static void take_point(struct gateway *g, uint32_t point, const struct report *r, bool live)
{
	if (!live || !command_holds(g->table, point, r->at)) {
		reading_take(g, point, &r->span, r->word, r->at);
		if (live)
			command_was_read(g->table, point, r->at);
		return;
	}
	reading_forget(&g->plant->reading[point]);
	command_held(g->table, point, r->at);
}

/* An answer that came too late explains the failure before. */
static void take_late(struct gateway *g, uint32_t device, const struct report *r)
{
	struct device_state *s = &g->plant->device[device];
	char text[128];
	if (r->instead.kind != INSTEAD_LATE)
		return;
	if (s->error == OUT_TIMEOUT && r->instead.after > r->instead.timeout)
		s->instead = r->instead;
	if (r->instead.after <= r->instead.timeout)
		return;
	s->late_at = r->at;
	if (s->late)
		return;
	s->late = true;
	log_warn("device %s: %s", g->model->device[device].name,
	         instead_text(&r->instead, text, sizeof text));
}

static void take_read(struct gateway *g, struct plant_bus *b, const struct report *r)
{
	b->answered = r->at;
	for (int32_t d = plant_first_of(b, r->span.unit); d >= 0;
	     d = g->plant->device[d].next_on_unit) {
		g->plant->device[d].seen = r->at;
		take_late(g, (uint32_t)d, r);
		if (r->turnaround > 0)
			response_add(&g->plant->device[d].response, r->turnaround);
	}
	const bool good = sunspec_read(g, b, r);
	phases_take(g);
	if (!good)
		return;
	const bool live = command_watches(g->table);
	if (live)
		command_read(g->table, (uint32_t)(b - g->plant->bus), &r->span, r->word, r->linked,
		             r->at, g->now);
	bool over = false;
	for (size_t i = first_place(b, &r->span); i < b->nplace && !over; i++)
		if (inside(&b->place[i], &r->span, &over))
			take_point(g, b->place[i].point, r, live);
	gets_read(g, (uint32_t)(b - g->plant->bus), r);
	device_answered(g, b, r->span.unit);
	phases_take(g);
	if (live)
		commands_act(g);
}

static void note_error(struct device_state *s, const struct report *r, bool wrote)
{
	s->error = r->outcome;
	s->exception = r->exception;
	s->error_span = r->span;
	s->error_wrote = wrote;
	/* what comes late most often looks like nothing at first */
	if (r->instead.kind || !s->late_at || r->at - s->late_at > LATE_EXPLAINS)
		s->instead = r->instead;
	s->error_at = r->at;
}

static void take_failed(struct gateway *g, struct plant_bus *b, const struct report *r)
{
	if (r->outcome == OUT_REFUSED)
		b->answered = r->at;
	for (int32_t d = plant_first_of(b, r->span.unit); d >= 0;
	     d = g->plant->device[d].next_on_unit) {
		struct device_state *s = &g->plant->device[d];
		if (r->outcome == OUT_REFUSED)
			s->seen = r->at;
		const bool news = !s->error_at || s->error != r->outcome ||
		                  s->instead.kind != r->instead.kind;
		note_error(s, r, false);
		take_late(g, (uint32_t)d, r);
		if (s->seen || r->outcome == OUT_LINK)
			s->failed_since = 0;
		else if (!s->failed_since)
			s->failed_since = r->at;
		if (news && s->phase == PHASE_OFFLINE)
			health_device_state(g, (uint32_t)d);
		if (s->failed_since && !s->unreached)
			gateway_wake(g, TIMER_REACH, g->now);
	}
	if (r->instead.kind || r->outcome == OUT_GARBLED || r->outcome == OUT_DROPPED) {
		b->invalid = (struct failure){r->outcome, r->instead, r->span};
		b->invalid_at = r->at;
	}
	sunspec_failed(g, b, r);
	phases_take(g);
	commands_read_failed(g, (uint32_t)(b - g->plant->bus), r);
	gets_read_failed(g, (uint32_t)(b - g->plant->bus), r);
}

/* A counter in two registers that are not neighbours: perhaps only what is between is refused.
 * Of other numbers the halves of two reads do not make one for sure. */
static bool try_apart(struct gateway *g, uint32_t point, const struct span *refused)
{
	const struct point *pt = plant_point(g->plant, point);
	const struct span s = model_span(plant_device(g->plant, point), pt);
	if (pt->parts != 2 || pt->part || !pt->counter || plant_apart(g->plant, point) ||
	    refused->addr != s.addr || refused->count != s.count)
		return false;
	g->plant->how[point] |= WANT_APART;
	char cells[48];
	log_info("device %s: point %s is read in two requests, as it refuses %s",
	         plant_device(g->plant, point)->name, pt->name,
	         cells_words(refused, cells, sizeof cells));
	return true;
}

static void take_aside(struct gateway *g, struct plant_bus *b, const struct report *r)
{
	char why[2 * WORDS_MAX];
	bool over = false, apart = false;
	sunspec_aside(g, b, r);
	phases_take(g);
	for (size_t i = first_place(b, &r->span); i < b->nplace && !over; i++) {
		if (!inside(&b->place[i], &r->span, &over))
			continue;
		const uint32_t point = b->place[i].point;
		struct reading *rd = &g->plant->reading[point];
		if (rd->refused)
			continue;
		if (try_apart(g, point, &r->span)) {
			apart = true;
			continue;
		}
		rd->refused = true;
		rd->denied = r->outcome == OUT_REFUSED && r->exception <= EXC_VALUE;
		if (rd->denied) {
			g->plant->device[rd->device].doubtful = true;
			g->plant->device[rd->device].denied_by = r->exception;
		}
		plant_touch(g->plant, rd->device); /* expressions wait for it no longer */
		log_warn("device %s: point %s is skipped, retried after 5 s, then less often: %s",
		         plant_device(g->plant, point)->name, plant_point(g->plant, point)->name,
		         failure_words_of(r->outcome, r->exception, &r->instead, &r->span, false,
		                          why, sizeof why));
	}
	if (apart) {
		plant_index(g->plant, (uint32_t)(b - g->plant->bus), r->span.unit);
		plant_rewant_soon(g->plant, (uint32_t)(b - g->plant->bus));
	}
	device_answered(g, b, r->span.unit);
	phases_take(g);
}

static void take_unit(struct gateway *g, struct plant_bus *b, const struct report *r)
{
	if (r->online) {
		device_answered(g, b, r->span.unit);
		phases_take(g);
		return;
	}
	char text[WORDS_MAX];
	for (int32_t d = plant_first_of(b, r->span.unit); d >= 0;
	     d = g->plant->device[d].next_on_unit)
		device_go(g, (uint32_t)d, PHASE_OFFLINE,
		          device_error_text(&g->plant->device[d], false, text, sizeof text));
	phases_take(g);
}

static void take_port(struct gateway *g, struct plant_bus *b, const struct report *r)
{
	const char *text = r->text[0] ? r->text : "closed";
	free(b->trouble);
	b->trouble = r->online ? NULL : mem_strdup(text);
	if (r->online != b->up)
		b->since = g->now;
	g->status_changed = true;
	if (r->online) {
		log_info("bus %s: up%s%s", b->conf->name, r->text[0] ? ": " : "", r->text);
		gateway_alert_end(g, ALERT_FAULT, ALERT_PORT_GONE, b->conf->name);
		b->up = true;
		b->reported_down = false;
		phases_broadcast(g);
		return;
	}
	b->up = false;
	if (!b->reported_down) {
		log_warn("bus %s: down: %s", b->conf->name, text);
		b->reported_down = true;
	}
	gateway_alert(g, ALERT_FAULT, ALERT_PORT_GONE, b->conf->name, text);
	for (int u = 0; u < 256; u++)
		for (int32_t d = plant_first_of(b, u); d >= 0; d = g->plant->device[d].next_on_unit)
			if (g->plant->device[d].phase == PHASE_OFFLINE)
				health_device_state(g, (uint32_t)d); /* for another reason now */
			else
				device_go(g, (uint32_t)d, PHASE_OFFLINE, NULL);
	phases_take(g);
}

/* A write that failed is its device's last error, too. */
static void take_job(struct gateway *g, const struct report *r)
{
	const struct plant_bus *b = plant_bus_of_tag(g->plant, r->bus);
	const bool bad =
		r->outcome == OUT_REFUSED || r->outcome == OUT_TIMEOUT || r->outcome == OUT_GARBLED;
	for (int32_t d = b && bad && r->sent ? plant_first_of(b, r->span.unit) : -1; d >= 0;
	     d = g->plant->device[d].next_on_unit)
		note_error(&g->plant->device[d], r, true);
	commands_report(g, r); /* also of a bus that is ending: each command has its end */
}

static void take_identification(struct gateway *g, const struct report *r)
{
	devid_report(g, r);
	phases_take(g);
}

static void take(struct gateway *g, const struct report *r)
{
	if (r->kind == REPORT_ENDED) {
		plant_ended(g, r->bus);
		return;
	}
	if (r->kind == REPORT_JOB) {
		if (r->id & DEVID_JOB)
			take_identification(g, r);
		else if (r->id & ADHOC_JOB)
			requests_report(g, r);
		else
			take_job(g, r);
		return;
	}
	struct plant_bus *b = plant_bus_of_tag(g->plant, r->bus);
	if (!b)
		return;
	switch ((enum report_kind)r->kind) {
	case REPORT_READ:
		take_read(g, b, r);
		break;
	case REPORT_FAILED:
		take_failed(g, b, r);
		break;
	case REPORT_UNIT:
		take_unit(g, b, r);
		break;
	case REPORT_ASIDE:
		take_aside(g, b, r);
		break;
	case REPORT_PORT:
		take_port(g, b, r);
		break;
	case REPORT_JOB:
	case REPORT_ENDED:
		break;
	}
}

void reports_take(struct gateway *g)
{
	struct report r;
	int n = 0;
	for (; n < REPORTS_PER_TURN && queue_pop(g->reports, &r); n++)
		take(g, &r);
	if (n == 0)
		return;
	g->reported_before = g->reported;
	g->reported = g->now;
}
