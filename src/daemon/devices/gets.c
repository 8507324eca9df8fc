// SPDX-License-Identifier: MIT
#include "daemon/devices/gets.h"

#include "core/command/command.h"
#include "core/modbus/words.h"
#include "core/value/expr.h"
#include "daemon/devices/confirm.h"
#include "daemon/devices/devid.h"
#include "daemon/devices/readings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GETS_MAX 64            /* alive at once */
#define GET_WITHIN (10 * US_S) /* then it is answered, one way or the other */
#define TRIES_MAX 3            /* of one point */
#define TRY_AGAIN (300 * US_MS)
#define NESTED_MAX 8 /* expressions in expressions */

/* A point that is still to be read. */
struct awaited {
	uint32_t point; /* of the model */
	uint8_t part;   /* of one that is read in two requests */
	uint8_t tries;
};

struct get {
	struct north_request *request;
	char *param;
	uint32_t device;
	uint32_t point; /* of the model; NORTH_ALL: the whole device */
	us_t asked;
	uint8_t again; /* read once more for the second read of a counter */
	struct awaited *awaited;
	size_t n;
	uint8_t *times;   /* by point of the device: how often it is among them */
	char reason[256]; /* why a point could not be read; "": none yet */
};

struct gets {
	struct get *get[GETS_MAX];
	size_t n;
};

void gets_create(struct gateway *g)
{
	g->gets = mem_alloc(1, sizeof *g->gets);
}

bool gets_wait(const struct gateway *g)
{
	return g->gets->n > 0;
}

void gets_destroy(struct gateway *g)
{
	free(g->gets);
	g->gets = NULL;
}

static void outcome(struct gateway *g, uint32_t device, const char *param, const char *value,
                    const char *reason, struct north_request *request)
{
	const struct north_outcome o = {
		.device = (int32_t)device,
		.param = param,
		.value = value,
		.reason = reason,
		.request = request,
	};
	north_outcome(g->north, &o);
}

/* -- asking ----------------------------------------------------------------------- */

static struct span span_of(const struct plant *p, const struct awaited *a)
{
	const struct device *d = plant_device(p, a->point);
	const struct point *pt = plant_point(p, a->point);
	return plant_apart(p, a->point) ? model_part(d, pt, a->part) : model_span(d, pt);
}

static const char *demand(struct gateway *g, const struct awaited *a, us_t due)
{
	struct plant *p = g->plant;
	const struct device *d = plant_device(p, a->point);
	const struct span s = span_of(p, a);
	p->reading[a->point].publish_next = true;
	return bus_demand(p->bus[d->bus].bus, &s, due) ? NULL : "busy";
}

static void await(const struct gateway *g, struct get *t, const struct awaited *a)
{
	t->times[a->point - g->model->device[t->device].point0]++;
	t->awaited = mem_grow(t->awaited, t->n + 1, sizeof *t->awaited);
	t->awaited[t->n++] = *a;
}

/* Read with all the others of its device, by function 43/14. */
static const char *ask_text(struct gateway *g, struct get *t, uint32_t point)
{
	const uint32_t device = g->plant->reading[point].device;
	if (g->plant->device[device].phase != PHASE_ONLINE)
		return "the device is offline";
	g->plant->reading[point].publish_next = true;
	await(g, t, &(struct awaited){.point = point});
	devid_read(g, device);
	return NULL;
}

/* NULL: on its way. Of an expression its inputs are read. */
static const char *ask(struct gateway *g, struct get *t, uint32_t point, unsigned depth)
{
	struct plant *p = g->plant;
	const struct device *d = plant_device(p, point);
	const struct point *pt = plant_point(p, point);
	const char *fault = NULL;
	if (pt->source == SOURCE_EXPR) {
		p->reading[point].publish_next = true;
		size_t at = 0;
		for (int i; depth < NESTED_MAX && !fault && (i = expr_next(pt->expr, &at)) >= 0;)
			fault = ask(g, t, d->point0 + (uint32_t)i, depth + 1);
		return fault;
	}
	if (pt->absent)
		return "the device has no such point";
	if (pt->source == SOURCE_DEVICE_ID)
		return ask_text(g, t, point);
	if (plant_raw_words(pt) == 0)
		return "cannot be read";
	if (t->times[point - d->point0])
		return NULL;
	for (int part = plant_apart(p, point); part >= 0 && !fault; part--) {
		const struct awaited a = {.point = point, .part = (uint8_t)part};
		fault = demand(g, &a, t->again ? g->now + TRY_AGAIN : g->now);
		if (fault)
			break;
		await(g, t, &a);
	}
	return fault;
}

static const char *ask_all(struct gateway *g, struct get *t, const struct device *d)
{
	const char *fault = NULL;
	for (uint32_t i = 0; i < d->set->n && !fault; i++) {
		const struct point *pt = &d->set->point[i];
		const bool text = devid_point(pt) && !g->plant->reading[d->point0 + i].refused;
		if (!pt->hidden && !pt->absent && (text || plant_raw_words(pt)))
			fault = ask(g, t, d->point0 + i, 0);
	}
	return fault;
}

static void forget(struct get *t)
{
	free(t->param);
	free(t->awaited);
	free(t->times);
	free(t);
}

void gets_begin(struct gateway *g, const struct north_item *i, struct north_request *request)
{
	const struct device *d = &g->model->device[i->device];
	const char *fault = !d->enabled              ? "device is disabled"
	                    : g->gets->n == GETS_MAX ? "busy"
	                                             : NULL;
	if (!fault && !g->plant->bus[d->bus].up)
		fault = "the line is down";
	if (!fault && !model_bound(d))
		fault = "the device's SunSpec models are not found yet";
	struct get *t = mem_alloc(1, sizeof *t);
	t->request = request;
	t->device = i->device;
	t->param = mem_strdup(i->param);
	t->point = i->point == NORTH_ALL ? NORTH_ALL : d->point0 + i->point;
	t->asked = g->now;
	t->times = mem_alloc(d->set->n, 1);
	if (!fault)
		fault = i->point == NORTH_ALL ? ask_all(g, t, d) : ask(g, t, t->point, 0);
	if (fault) {
		outcome(g, i->device, i->param, "", fault, request);
		forget(t);
		return;
	}
	g->gets->get[g->gets->n++] = t;
	gateway_wake(g, TIMER_COMMANDS, t->asked + GET_WITHIN);
}

/* -- what became of it ------------------------------------------------------------ */

static void done(const struct gateway *g, struct get *t, size_t i)
{
	t->times[t->awaited[i].point - g->model->device[t->device].point0]--;
	t->awaited[i] = t->awaited[--t->n];
}

static bool touches(const struct span *s, const struct span *block, bool wholly)
{
	if (!s->count || s->unit != block->unit || s->table != block->table)
		return false;
	const unsigned end = s->addr + s->count, block_end = block->addr + block->count;
	return wholly ? s->addr >= block->addr && end <= block_end
	              : s->addr < block_end && block->addr < end;
}

/* alone: nothing else was read with it. Else the bus requests it alone next. */
static void failed(struct gateway *g, struct get *t, size_t i, bool alone, const struct report *r)
{
	if (!alone && g->plant->device[t->device].phase == PHASE_ONLINE)
		return;
	const char *name = plant_point(g->plant, t->awaited[i].point)->name;
	if (r->outcome != OUT_REFUSED && ++t->awaited[i].tries < TRIES_MAX &&
	    !demand(g, &t->awaited[i], g->now + TRY_AGAIN))
		return;
	char why[WORDS_MAX];
	if (!t->reason[0]) /* else the first is enough */
		snprintf(t->reason, sizeof t->reason, "%s: %s", name,
		         failure_words_of(r->outcome, r->exception, &r->instead, &r->span, false,
		                          why, sizeof why));
	done(g, t, i);
}

static void take(struct gateway *g, uint32_t bus, const struct report *r, bool good)
{
	for (size_t k = 0; k < g->gets->n; k++) {
		struct get *t = g->gets->get[k];
		const struct device *d = &g->model->device[t->device];
		if (d->bus != bus || (good ? r->sent : r->at) < t->asked)
			continue; /* the request of a good one: the device may have answered before
			           */
		for (size_t i = t->n; i-- > 0;) {
			const struct span s = span_of(g->plant, &t->awaited[i]);
			if (!touches(&s, &r->span, good))
				continue;
			if (good)
				done(g, t, i);
			else
				failed(g, t, i, s.count == r->span.count, r);
		}
	}
}

void gets_read(struct gateway *g, uint32_t bus, const struct report *r)
{
	take(g, bus, r, true);
}

void gets_read_failed(struct gateway *g, uint32_t bus, const struct report *r)
{
	take(g, bus, r, false);
}

void gets_text(struct gateway *g, uint32_t point, const char *why)
{
	for (size_t k = 0; k < g->gets->n; k++) {
		struct get *t = g->gets->get[k];
		for (size_t i = t->n; i-- > 0;) {
			if (t->awaited[i].point != point)
				continue;
			if (why && !t->reason[0])
				snprintf(t->reason, sizeof t->reason, "%s: %s",
				         plant_point(g->plant, point)->name, why);
			done(g, t, i);
		}
	}
}

static void answer(struct gateway *g, const struct get *t, const char *reason)
{
	char text[VALUE_PRINT_MAX] = "";
	if (!reason && g->plant->device[t->device].phase != PHASE_ONLINE)
		reason = "the device is offline"; /* it answers, but is not what it should be */
	if (!reason && t->point != NORTH_ALL &&
	    g->plant->reading[t->point].quality == QUALITY_NEVER &&
	    confirm_awaited(g->plant, t->point))
		reason = "a second read did not confirm the count";
	if (!reason && t->point != NORTH_ALL)
		reading_text(g->plant, t->point, text, sizeof text);
	outcome(g, t->device, t->param, text, reason, t->request);
}

/* A counter's value that is held back wants another read. True: it was requested. */
static bool confirms(struct gateway *g, struct get *t)
{
	if (t->n || t->reason[0] || t->point == NORTH_ALL || t->again == TRIES_MAX ||
	    !confirm_awaited(g->plant, t->point))
		return false;
	t->again++;
	return !ask(g, t, t->point, 0) && t->n;
}

/* Was it read, but before a command that is under way, so that it is not published? */
static bool held(const struct gateway *g, const struct get *t)
{
	return !t->n && !t->reason[0] && t->point != NORTH_ALL &&
	       g->plant->reading[t->point].at < t->asked &&
	       command_held_at(g->table, t->point) >= t->asked;
}

/* Then it is read once more behind that. True: that is still to come. */
static bool behind(struct gateway *g, struct get *t)
{
	const uint32_t point0 = g->model->device[t->device].point0;
	return held(g, t) && (command_pending(g->table, t->device, t->point - point0) ||
	                      (!ask(g, t, t->point, 0) && t->n));
}

/* Its words are there, and the scale that they want is still to come. */
static bool undecoded(const struct gateway *g, const struct get *t)
{
	return t->point != NORTH_ALL && g->plant->reading[t->point].undecoded;
}

void gets_turn(struct gateway *g)
{
	struct gets *s = g->gets;
	for (size_t k = s->n; k-- > 0;) {
		struct get *t = s->get[k];
		const bool late = g->now - t->asked >= GET_WITHIN;
		const bool waits =
			t->n || (undecoded(g, t) && !t->reason[0]) || (late && held(g, t));
		if (!late && (waits || confirms(g, t) || behind(g, t))) {
			gateway_wake(g, TIMER_COMMANDS, t->asked + GET_WITHIN);
			continue;
		}
		answer(g, t, t->reason[0] ? t->reason : waits ? "not read in time" : NULL);
		forget(t);
		s->get[k] = s->get[--s->n];
	}
}

void gets_end(struct gateway *g, const char *reason)
{
	for (; g->gets->n; g->gets->n--) {
		struct get *t = g->gets->get[g->gets->n - 1];
		answer(g, t, reason);
		forget(t);
	}
}
