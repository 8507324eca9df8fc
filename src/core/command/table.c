// SPDX-License-Identifier: MIT
/* The records of live commands, the lanes of their points, and the actions to be taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/command/private.h"

static const struct {
	const char *name;
	bool good;
} ends[COMMAND_ENDS] = {
	[COMMAND_VERIFIED] = {"verified", true},
	[COMMAND_ACKNOWLEDGED] = {"acknowledged", true},
	[COMMAND_SENT] = {"sent", true},
	[COMMAND_DIFFERS] = {"differs", false},
	[COMMAND_REFUSED] = {"refused", false},
	[COMMAND_FAILED] = {"failed", false},
	[COMMAND_SUPERSEDED] = {"superseded", false},
	[COMMAND_REPEATED] = {"repeated", false},
	[COMMAND_EXPIRED] = {"expired", false},
	[COMMAND_BUSY] = {"busy", false},
};

const char *command_end_name(enum command_end e)
{
	return ends[e].name;
}

bool command_end_good(enum command_end e)
{
	return ends[e].good;
}

/* -- actions ---------------------------------------------------------------------------- */

struct act_node *act_new(struct command_table *t, enum command_act act)
{
	(void)t;
	struct act_node *n = mem_alloc(1, sizeof *n);
	n->a.act = act;
	return n;
}

void act_put(struct command_table *t, struct act_node *n)
{
	if (t->nact == t->act_room) {
		const size_t room = t->act_room ? 2 * t->act_room : 16;
		struct act_node **ring = mem_alloc(room, sizeof *ring);
		for (size_t i = 0; i < t->nact; i++)
			ring[i] = t->act[(t->act_first + i) % t->act_room];
		free(t->act);
		t->act = ring;
		t->act_room = room;
		t->act_first = 0;
	}
	t->act[(t->act_first + t->nact++) % t->act_room] = n;
}

bool command_take(struct command_table *t, struct command_action *out)
{
	free(t->given);
	t->given = NULL;
	if (!t->nact)
		return false;
	struct act_node *n = t->act[t->act_first];
	t->act_first = (t->act_first + 1) % t->act_room;
	t->nact--;
	*out = n->a;
	if (n->a.act == COMMAND_REPORT || n->a.act == COMMAND_STUCK) {
		t->given = n->param;
		out->outcome.param = n->param;
		out->outcome.sent_text = n->param + strlen(n->param) + 1;
		out->outcome.value = n->has_value ? out->text : out->outcome.sent_text;
		out->outcome.reason = n->has_reason ? out->reason : NULL;
	}
	free(n);
	return true;
}

void act_demand(struct command_table *t, const struct record *r, us_t due)
{
	struct act_node *n = act_new(t, COMMAND_DEMAND);
	n->a.bus = record_device(t, r)->bus;
	n->a.span = model_span(record_device(t, r), record_point(t, r));
	n->a.due = due;
	n->a.device = r->device;
	n->a.point = r->point;
	act_put(t, n);
}

void act_cancel(struct command_table *t, const struct record *r)
{
	struct act_node *n = act_new(t, COMMAND_CANCEL);
	n->a.bus = record_device(t, r)->bus;
	n->a.id = r->job;
	act_put(t, n);
}

void act_stuck(struct command_table *t, const struct record *r, const char *why)
{
	struct act_node *n = act_new(t, COMMAND_STUCK);
	n->a.outcome = (struct command_outcome){
		.origin = r->origin, .device = r->device, .point = r->point, .effect = r->effect};
	n->has_reason = true;
	snprintf(n->a.reason, sizeof n->a.reason, "%s", why);
	n->param = mem_alloc(strlen(r->param) + strlen(r->text) + 2, 1);
	sprintf(n->param, "%s%c%s", r->param, '\0', r->text);
	act_put(t, n);
}

/* -- records ------------------------------------------------------------------------------ */

const struct device *record_device(const struct command_table *t, const struct record *r)
{
	return &t->model->device[r->device];
}

const struct point *record_point(const struct command_table *t, const struct record *r)
{
	return &record_device(t, r)->set->point[r->point];
}

struct record *record_create(const struct command_table *t, uint32_t device, uint32_t point,
                             const char *text)
{
	struct record *r = mem_alloc(1, sizeof *r);
	const char *name = t->model->device[device].set->point[point].name;
	const size_t len = strlen(name) + 1, size = len + strlen(text) + 1;
	r->device = device;
	r->point = point;
	r->param = mem_alloc(size, 1);
	memcpy(r->param, name, len);
	strcpy(r->param + len, text);
	r->text = r->param + len;
	return r;
}

bool record_once_only(const struct command_table *t, const struct record *r)
{
	return r->value.toggle || r->pulse || record_point(t, r)->write->raw;
}

bool record_pulses(const struct record *r)
{
	return r->origin == COMMAND_PULSE_END || r->pulse;
}

const char *record_wall(const struct command_table *t, us_t at, char *text)
{
	return t->ops.wall && t->ops.wall(t->ops.ctx, at, text) ? text : NULL;
}

/* The pulse stays what it is when a reload changes the rule. */
void record_understood(const struct command_table *t, struct record *r)
{
	r->pulse = r->value.on ? record_point(t, r)->write->pulse : 0;
}

/* The end of a pulse does not wait, nor what is to be written at the very end. */
us_t record_earliest(const struct command_table *t, const struct record *r)
{
	const us_t interval = record_point(t, r)->write->min_write_interval;
	const us_t last = t->lane[r->lane].last_sent;
	const bool at_once = r->origin == COMMAND_PULSE_END || t->closing;
	return interval && last && !at_once ? last + interval : 0;
}

uint32_t lane_get(struct command_table *t, uint32_t device, uint32_t point)
{
	uint32_t *slot = &t->lane_of[t->model->device[device].point0 + point];
	if (*slot)
		return *slot - 1;
	if (t->nlane == t->lane_room) {
		t->lane_room = t->lane_room ? 2 * t->lane_room : 16;
		t->lane = mem_grow(t->lane, t->lane_room, sizeof *t->lane);
	}
	t->lane[t->nlane] = (struct lane){
		.device = device, .point = point, .home = device, .key = (uint32_t)t->nlane + 1};
	*slot = (uint32_t)++t->nlane;
	return *slot - 1;
}

void record_insert(struct command_table *t, struct record *r, us_t now)
{
	if (t->n == t->room) {
		t->room = t->room ? 2 * t->room : 16;
		t->record = mem_grow(t->record, t->room, sizeof(struct record *));
	}
	r->lane = lane_get(t, r->device, r->point);
	r->serial = ++t->next_serial;
	r->received = now;
	r->state = STATE_WAITING;
	t->record[t->n++] = r;
	t->lane[r->lane].alive++;
	t->device[r->device].alive++;
	index_add(t, r);
}

bool record_newer(const struct record *r)
{
	if (r->covered)
		return true;
	const struct record *o = r->state == STATE_DRAFT ? NULL : r->link[LIST_LANE].next;
	while (o && o->origin == COMMAND_PULSE_END)
		o = o->link[LIST_LANE].next;
	return o;
}

/* Where it is in record[]: they are in the order of their serial numbers. */
static size_t record_place(const struct command_table *t, const struct record *r)
{
	size_t from = 0, to = t->n;
	while (to - from > 1) {
		const size_t mid = from + (to - from) / 2;
		*(t->record[mid]->serial > r->serial ? &to : &from) = mid;
	}
	return from;
}

static void record_remove(struct command_table *t, struct record *r)
{
	const size_t i = record_place(t, r);
	memmove(&t->record[i], &t->record[i + 1], (t->n - i - 1) * sizeof(struct record *));
	t->n--;
	index_remove(t, r);
	t->lane[r->lane].alive--;
	if (r->device != GONE)
		(*(r->overtaken ? &t->device[r->device].overtaken : &t->device[r->device].alive))--;
}

/* Can what was written never be read back? Then the acknowledged value is published once. */
static bool reported_once(const struct command_table *t, const struct record *r)
{
	if (r->device == GONE)
		return false;
	const struct write_rule *w = record_point(t, r)->write;
	return w && (w->only || !w->verify);
}

/* Is nothing left to be switched off? One whose job the bus still has may be on the wire. */
static bool pulse_over(const struct record *r, enum command_end end)
{
	if (r->origin == COMMAND_PULSE_END)
		return command_end_good(end);
	return r->pulse && r->state != STATE_DRAFT && !r->ends_later && !r->job;
}

void record_end(struct command_table *t, struct record *r, enum command_end end, const char *value,
                const char *reason, us_t now)
{
	struct act_node *n = act_new(t, COMMAND_REPORT);
	const bool gone = r->device == GONE;
	n->a.outcome = (struct command_outcome){
		.end = end,
		.origin = r->origin,
		.effect = end == COMMAND_VERIFIED ? EFFECT_DONE : r->effect,
		.device = r->device,
		.point = r->point,
		.item = r->item,
		.request = r->request,
		.span = r->sent ? r->written : (struct span){0},
		.received = r->received ? r->received : now,
		.ended = now,
		.sent = r->sent,
		.acknowledged_only = end == COMMAND_ACKNOWLEDGED && !r->leaves &&
	                             reported_once(t, r) &&
	                             !record_newer(r), /* else it would jump back */
		.unread =
			r->sent && !r->read && end != COMMAND_VERIFIED && r->effect != EFFECT_NONE,
		.toggle = r->value.toggle,
		.pulse = r->origin == COMMAND_PULSE_END || (r->sent && r->pulse),
		.pulse_over = pulse_over(r, end),
	};
	n->has_value = value;
	n->has_reason = reason && *reason && !command_end_good(end);
	snprintf(n->a.text, sizeof n->a.text, "%s", value ? value : "");
	snprintf(n->a.reason, sizeof n->a.reason, "%s", reason ? reason : "");
	n->param = r->param;
	act_put(t, n);
	if (n->a.outcome.unread)
		lane_unread(t, r);
	if (!gone && (int64_t)r->point == record_device(t, r)->unlock_point &&
	    !command_end_good(end))
		t->device[r->device].unlocked = 0;
	if (r->state != STATE_DRAFT)
		record_remove(t, r);
	free(r);
}

/* -- the table ------------------------------------------------------------------------------- */

void table_fit(struct command_table *t, const struct model *m)
{
	t->model = m;
	t->lane_of = mem_alloc(m->npoint, sizeof *t->lane_of);
	t->device = mem_alloc(m->ndevice, sizeof *t->device);
	index_fit(t);
}

struct command_table *command_create(const struct model *m, const struct command_ops *ops)
{
	struct command_table *t = mem_alloc(1, sizeof *t);
	t->ops = *ops;
	table_fit(t, m);
	return t;
}

void command_destroy(struct command_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		free(t->record[i]->param);
		free(t->record[i]);
	}
	for (struct command_action a; command_take(t, &a);)
		;
	free(t->record);
	free(t->lane);
	free(t->lane_of);
	free(t->device);
	index_free(t);
	due_free(&t->wake);
	due_free(&t->turn);
	free(t->act);
	free(t->given);
	free(t);
}

bool command_watches(const struct command_table *t)
{
	return t->n > 0 || t->nunread > 0;
}

size_t command_alive(const struct command_table *t)
{
	return t->n;
}
