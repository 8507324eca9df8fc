// SPDX-License-Identifier: MIT
#include "daemon/command/commands.h"

#include "daemon/base/log.h"
#include "daemon/command/keep.h"
#include "daemon/command/own.h"
#include "daemon/command/pulses.h"
#include "daemon/command/setup.h"
#include "daemon/devices/readings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_SHOWN 100 /* of a value in a line of the log: bytes */

struct commands {
	struct command_figures count;
};

void commands_create(struct gateway *g)
{
	g->commands = mem_alloc(1, sizeof *g->commands);
	own_create(g);
	keep_create(g);
	setup_create(g);
}

void commands_destroy(struct gateway *g)
{
	keep_destroy(g);
	setup_destroy(g);
	own_destroy(g);
	free(g->commands);
}

/* -- outcomes --------------------------------------------------------------------- */

/* Keep-alives and clocks that end well are no news. */
static bool routine(const struct gateway *g, const struct command_outcome *o)
{
	if (o->origin != COMMAND_FROM_GATEWAY || o->device == UINT32_MAX ||
	    !command_end_good(o->end))
		return false;
	const struct write_rule *w = g->model->device[o->device].set->point[o->point].write;
	return w && (w->rewrite || w->sync);
}

/* The password that unlocks a device is not logged. */
static bool secret(const struct gateway *g, const struct command_outcome *o)
{
	return o->origin == COMMAND_FROM_GATEWAY && o->device != UINT32_MAX &&
	       (int64_t)o->point == g->model->device[o->device].unlock_point;
}

static void audit(struct gateway *g, const struct command_outcome *o, const char *device)
{
	char place[64] = "nothing written", took[32] = "";
	if (o->span.count && o->sent)
		snprintf(place, sizeof place, "%s%u+%u",
		         table_is_bits(o->span.table) ? "coil " : "holding ", o->span.addr,
		         o->span.count);
	if (o->sent)
		snprintf(took, sizeof took, ", %d ms", (int)((o->ended - o->received) / US_MS));
	const char *end = command_end_name(o->end);
	if (o->origin == COMMAND_FROM_BROKER)
		snprintf(g->commands->count.last, sizeof g->commands->count.last, "%s/%s %.*s %s",
		         device, o->param, VALUE_SHOWN, o->sent_text, end);
	(routine(g, o) ? log_debug : log_info)(
		"command %s/%s = %.*s: %s (%s%s)%s%s", device, o->param, VALUE_SHOWN,
		secret(g, o) ? "(secret)" : o->sent_text, end, place, took, o->reason ? ": " : "",
		o->end == COMMAND_SENT ? " to all units, not confirmed"
		: o->reason            ? o->reason
				       : "");
}

/* What the command was read back as is on the topic now: published even if unchanged. Where the
 * last reading reports something else (a no-op by an older read), the device is read once more
 * instead. */
static void show(struct gateway *g, const struct command_outcome *o)
{
	const struct device *d = &g->model->device[o->device];
	const uint32_t point = d->point0 + o->point;
	char text[VALUE_PRINT_MAX];
	if (o->acknowledged_only) { /* polls publish the rest, where there are any */
		const struct value v = {.kind = VALUE_TEXT, .text = o->value};
		north_passing(g->north, &(struct north_value){.device = o->device,
		                                              .point = o->point,
		                                              .text = o->value,
		                                              .value = &v});
		return;
	}
	const bool known = command_end_good(o->end) || o->end == COMMAND_DIFFERS;
	if (!known || d->set->point[o->point].write->only || command_holds(g->table, point, g->now))
		return;
	reading_text(g->plant, point, text, sizeof text);
	if (strcmp(text, o->value) == 0) {
		reading_publish_again(g, point);
		return;
	}
	const struct span s = model_span(d, &d->set->point[o->point]);
	g->plant->reading[point].publish_next = true;
	bus_demand(g->plant->bus[d->bus].bus, &s, g->now);
}

/* What was read before is not published again, by a connect or a reload; what is read is. */
static void outdate(struct gateway *g, uint32_t device, uint32_t point)
{
	north_outdated(g->north, device, point);
	reading_overwritten(&g->plant->reading[g->model->device[device].point0 + point]);
}

static bool overlap(const struct span *a, const struct span *b)
{
	return a->table == b->table && a->addr < b->addr + b->count && b->addr < a->addr + a->count;
}

static void look_at_member(struct gateway *g, const struct command_outcome *o, uint32_t device,
                           uint32_t k)
{
	const struct device *d = &g->model->device[device];
	const struct point *p = &d->set->point[k];
	const struct span s = model_span(d, p);
	if (plant_raw_words(p) == 0 || p->absent)
		return;
	if (overlap(&s, &o->span) && g->plant->device[device].phase == PHASE_ONLINE) {
		g->plant->reading[d->point0 + k].publish_next = true;
		bus_demand(g->plant->bus[d->bus].bus, &s, g->now);
	}
}

/* A broadcast has no answer: the devices of the line that have these registers are read, so that
 * their topics show what became of it. */
static void look_at_members(struct gateway *g, const struct command_outcome *o)
{
	const uint32_t bus = g->model->device[o->device].bus;
	for (uint32_t i = 0; i < g->model->ndevice; i++) {
		const struct device *d = &g->model->device[i];
		for (uint32_t k = 0; d->bus == bus && !d->broadcast && d->enabled && k < d->set->n;
		     k++)
			look_at_member(g, o, i, k);
	}
}

static void report(struct gateway *g, const struct command_outcome *o)
{
	const bool known = o->device != UINT32_MAX;
	if (o->origin == COMMAND_FROM_BROKER)
		g->commands->count.ended[o->end]++;
	audit(g, o, known ? g->model->device[o->device].name : "?");
	if (secret(g, o) && command_end_good(o->end))
		return;
	if (known) {
		if (o->unread)
			outdate(g, o->device, o->point);
		show(g, o);
		if (g->model->device[o->device].broadcast && o->effect != EFFECT_NONE)
			look_at_members(g, o);
		keep_ended(g, o);
		setup_ended(g, o);
		pulses_ended(g, o);
	}
	const struct north_outcome n = {
		.device = known ? (int32_t)o->device : NORTH_GATEWAY,
		.param = o->param,
		.value = secret(g, o)                           ? ""
	                 : command_end_good(o->end) && o->value ? o->value
	                                                        : o->sent_text,
		.reason = o->reason,
		.end = command_end_name(o->end),
		.quiet = o->end == COMMAND_SUPERSEDED || o->end == COMMAND_REPEATED,
		.answered = o->end == COMMAND_REPEATED,
		.request = o->request,
	};
	north_outcome(g->north, &n);
}

/* -- actions ---------------------------------------------------------------------- */

static void submit(struct gateway *g, const struct command_action *a)
{
	uint64_t old;
	pulses_submit(g, a);
	const enum submitted s = bus_submit(g->plant->bus[a->bus].bus, &a->job, &old);
	if (s == SUBMIT_REPLACED)
		command_replaced(g->table, old, g->now);
	else if (s == SUBMIT_BUSY)
		command_busy(g->table, a->job.id, g->now);
}

static void cancel(struct gateway *g, const struct command_action *a)
{
	if (bus_cancel(g->plant->bus[a->bus].bus, a->id))
		command_replaced(g->table, a->id, g->now);
}

void commands_act(struct gateway *g)
{
	static struct command_action a; /* large; main thread only */
	while (command_take(g->table, &a)) {
		switch (a.act) {
		case COMMAND_SUBMIT:
			submit(g, &a);
			break;
		case COMMAND_CANCEL:
			cancel(g, &a);
			break;
		case COMMAND_DEMAND:
			outdate(g, a.device, a.point);
			bus_demand(g->plant->bus[a.bus].bus, &a.span, a.due);
			break;
		case COMMAND_REPORT:
			report(g, &a.outcome);
			break;
		case COMMAND_STUCK:
			pulses_stuck(g, &a.outcome);
			break;
		}
	}
	gateway_wake(g, TIMER_COMMANDS, command_due(g->table));
}

/* -- what comes from the broker --------------------------------------------------- */

static void refuse_item(struct gateway *g, const struct north_item *i, const char *reason,
                        struct north_request *request)
{
	const struct north_outcome o = {
		.device = (int32_t)i->device,
		.param = i->param,
		.value = i->text,
		.reason = reason,
		.request = request,
	};
	g->commands->count.ended[COMMAND_REFUSED]++;
	log_info("command %s/%s = %.*s: refused (nothing written): %s",
	         g->model->device[i->device].name, i->param, VALUE_SHOWN, i->text, reason);
	north_outcome(g->north, &o);
}

/* All are checked before any is written: with one that cannot be, none is. */
static bool refuse_faulty(struct gateway *g, const struct north_event *e)
{
	bool faulty = g->stopping;
	for (size_t i = 0; i < e->nitem; i++)
		faulty |= e->item[i].fault != NULL;
	if (!faulty)
		return false;
	for (size_t i = 0; i < e->nitem; i++) {
		const char *reason = e->item[i].fault;
		if (!reason)
			reason = g->stopping ? "shutting down"
			                     : "not written: another value beside it is refused";
		refuse_item(g, &e->item[i], reason, e->request);
	}
	return true;
}

static void give(struct gateway *g, const struct north_event *e)
{
	struct command_item *item = mem_alloc(e->nitem, sizeof *item);
	for (size_t i = 0; i < e->nitem; i++)
		item[i] = (struct command_item){.point = e->item[i].point, .text = e->item[i].text};
	const struct command_request r = {
		.device = (uint32_t)e->device,
		.item = item,
		.n = (uint32_t)e->nitem,
		.origin = COMMAND_FROM_BROKER,
		.retained = e->retained,
		.duplicate = e->dup,
		.expiry = (us_t)e->expiry * US_S,
		.since = e->retained ? g->now : e->since, /* it lies there as long as it may */
		.request = e->request,
	};
	if (command_submit(g->table, &r, g->now))
		for (size_t i = 0; i < e->nitem; i++)
			keep_accepted(g, r.device, item[i].point);
	free(item);
}

void commands_event(struct gateway *g, const struct north_event *e)
{
	g->commands->count.received += e->nitem;
	if (refuse_faulty(g, e))
		return;
	give(g, e);
	commands_act(g);
}

void commands_refuse(struct gateway *g, const struct north_event *e)
{
	g->commands->count.received++;
	g->commands->count.ended[COMMAND_REFUSED]++;
	log_info("command %s/%s: refused: %s",
	         e->refused.device >= 0 ? g->model->device[e->refused.device].name
	                                : g->model->gateway,
	         e->refused.param ? e->refused.param : "",
	         e->refused.reason ? e->refused.reason : "");
	north_outcome(g->north, &e->refused);
}

/* -- what comes from the buses ---------------------------------------------------- */

void commands_report(struct gateway *g, const struct report *r)
{
	command_instead(g->table, r->id, &r->instead);
	command_job(g->table, r->id, r->outcome, r->exception, r->sent, r->at, g->now);
	commands_act(g);
}

void commands_read_failed(struct gateway *g, uint32_t bus, const struct report *r)
{
	command_read_failed(g->table, bus, &r->span, r->outcome, r->exception, r->at, g->now);
	commands_act(g);
}

void commands_device_online(struct gateway *g, uint32_t device)
{
	setup_device_online(g, device);
	pulses_device_online(g, device);
	keep_device_online(g, device);
	commands_act(g);
}

void commands_device_offline(struct gateway *g, uint32_t device)
{
	setup_device_offline(g, device);
	command_offline(g->table, device, g->now);
	commands_act(g);
}

void commands_device_mismatch(struct gateway *g, uint32_t device)
{
	command_mismatch(g->table, device, g->now);
	commands_act(g);
}

void commands_device_moved(struct gateway *g, uint32_t device)
{
	command_moved(g->table, device, g->now);
	commands_act(g);
}

/* -- the rest --------------------------------------------------------------------- */

bool commands_hold_reload(struct gateway *g, const struct model *next)
{
	if (!command_leave(g->table, next, g->now)) {
		commands_act(g);
		return false;
	}
	commands_act(g); /* takes back what is not on the wire yet */
	const bool hold = command_leave(g->table, next, g->now);
	commands_act(g);
	return hold;
}

void commands_model_ends(struct gateway *g)
{
	keep_model_ends(g);
	setup_model_ends(g);
}

void commands_model_begins(struct gateway *g, const struct model *old)
{
	command_adopt(g->table, g->model, g->now);
	commands_act(g); /* what ended with its point is reported, and out of the journal */
	keep_model_begins(g, old);
	setup_model_begins(g);
	pulses_model_begins(g);
	commands_act(g);
}

void commands_tick(struct gateway *g)
{
	command_tick(g->table, g->now);
	keep_tick(g);
	setup_tick(g);
	commands_act(g);
}

void commands_stop(struct gateway *g)
{
	command_shutdown(g->table, g->now);
	commands_act(g);
	keep_stop(g);
	commands_act(g);
}

void commands_finish(struct gateway *g)
{
	command_finish(g->table, g->now);
	commands_act(g);
}

bool commands_wait(const struct gateway *g)
{
	uint64_t ended = 0;
	for (size_t i = 0; i < COMMAND_ENDS; i++)
		ended += g->commands->count.ended[i];
	return g->commands->count.received > ended;
}

void commands_figures(const struct gateway *g, struct command_figures *out)
{
	*out = g->commands->count;
}
