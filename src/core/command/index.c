// SPDX-License-Identifier: MIT
/* Which live commands an event can concern: those of a point, those that may share registers, those
 * that wait for a time. Each is a list in order of arrival, or a heap. */
#include <stdlib.h>

#include "core/command/private.h"

static struct list *list_of(struct command_table *t, const struct record *r, enum list_kind k)
{
	return k == LIST_LANE   ? &t->lane[r->lane].list
	       : k == LIST_NEAR ? &t->near[t->near_of[r->device]].list
	                        : &t->parked;
}

static void list_add(struct list *l, struct record *r, enum list_kind k)
{
	r->link[k] = (struct link){.prev = l->last};
	*(l->last ? &l->last->link[k].next : &l->first) = r;
	l->last = r;
}

static void list_remove(struct list *l, struct record *r, enum list_kind k)
{
	const struct link *at = &r->link[k];
	*(at->prev ? &at->prev->link[k].next : &l->first) = at->next;
	*(at->next ? &at->next->link[k].prev : &l->last) = at->prev;
}

void index_near(struct command_table *t, struct record *r)
{
	list_add(list_of(t, r, LIST_NEAR), r, LIST_NEAR);
}

void index_add(struct command_table *t, struct record *r)
{
	r->wake.owner = r->turn.owner = r;
	list_add(list_of(t, r, LIST_LANE), r, LIST_LANE);
	index_near(t, r);
}

void index_remove(struct command_table *t, struct record *r)
{
	list_remove(list_of(t, r, LIST_LANE), r, LIST_LANE);
	if (r->device != GONE)
		list_remove(list_of(t, r, LIST_NEAR), r, LIST_NEAR);
	if (r->parked)
		list_remove(&t->parked, r, LIST_PARKED);
	due_never(&t->wake, &r->wake);
	due_never(&t->turn, &r->turn);
}

static us_t record_due(const struct record *r)
{
	switch (r->state) {
	case STATE_PARKED:
		return r->expires ? r->expires : US_NEVER;
	case STATE_WAITING:
		if (!r->expires)
			return US_NEVER;
		return r->recalled ? r->expires + SILENT_BUS : r->expires;
	default:
		return r->due;
	}
}

void record_waits(struct command_table *t, struct record *r)
{
	const us_t at = record_due(r);
	const bool parked = r->state == STATE_PARKED;
	due_set(&t->wake, &r->wake, at);
	if (r->serial < t->ticking && at <= t->tick) /* its turn is still to come */
		due_set(&t->turn, &r->turn, -(us_t)r->serial);
	if (parked != r->parked)
		(parked ? list_add : list_remove)(&t->parked, r, LIST_PARKED);
	r->parked = parked;
}

/* -- who may share registers --------------------------------------------------------------------
 */

static int seat_compare(const void *pa, const void *pb)
{
	const struct seat *a = pa, *b = pb;
	if (a->bus != b->bus)
		return a->bus < b->bus ? -1 : 1;
	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	return a->device < b->device ? -1 : a->device > b->device;
}

static int device_compare(const void *pa, const void *pb)
{
	const uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	return a < b ? -1 : a > b;
}

/* The devices of a bus, of which seat[from] is the first: is one of them a broadcast? */
static bool bus_broadcast(const struct command_table *t, size_t from)
{
	for (size_t i = from; i < t->model->ndevice && t->seat[i].bus == t->seat[from].bus; i++)
		if (t->model->device[t->seat[i].device].broadcast)
			return true;
	return false;
}

static size_t near_end(const struct command_table *t, size_t from, bool whole_bus)
{
	const struct seat *s = t->seat;
	size_t end = from;
	while (end < t->model->ndevice && s[end].bus == s[from].bus &&
	       (whole_bus || s[end].unit == s[from].unit))
		end++;
	return end;
}

void index_fit(struct command_table *t)
{
	const size_t n = t->model->ndevice;
	index_free(t);
	t->seat = mem_alloc(n, sizeof *t->seat);
	t->near = mem_alloc(n, sizeof *t->near);
	t->near_of = mem_alloc(n, sizeof *t->near_of);
	t->near_device = mem_alloc(n, sizeof *t->near_device);
	for (uint32_t i = 0; i < n; i++)
		t->seat[i] = (struct seat){t->model->device[i].bus, t->model->device[i].id, i};
	qsort(t->seat, n, sizeof *t->seat, seat_compare);
	uint32_t near = 0;
	bool broadcast = false;
	for (size_t from = 0, end; from < n; from = end, near++) {
		if (from == 0 || t->seat[from].bus != t->seat[from - 1].bus)
			broadcast = bus_broadcast(t, from);
		end = near_end(t, from, broadcast);
		t->near[near] = (struct near){.from = from, .n = end - from};
		for (size_t i = from; i < end; i++) {
			t->near_device[i] = t->seat[i].device;
			t->near_of[t->seat[i].device] = near;
		}
		qsort(t->near_device + from, end - from, sizeof *t->near_device, device_compare);
	}
}

void index_free(struct command_table *t)
{
	free(t->seat);
	free(t->near);
	free(t->near_of);
	free(t->near_device);
}

const uint32_t *command_near(const struct command_table *t, uint32_t device, size_t *n)
{
	const struct near *near = &t->near[t->near_of[device]];
	*n = near->n;
	return t->near_device + near->from;
}

struct list records_near(const struct command_table *t, uint32_t device)
{
	const struct list none = {0};
	if (device == GONE)
		return none;
	return t->near[t->near_of[device]].list;
}

struct list records_of_unit(const struct command_table *t, uint32_t bus, uint8_t unit)
{
	size_t from = 0, to = t->model->ndevice;
	while (from < to) {
		const size_t mid = from + (to - from) / 2;
		const struct seat *s = &t->seat[mid];
		if (s->bus == bus && s->unit == unit)
			return records_near(t, s->device);
		if (s->bus < bus || (s->bus == bus && s->unit < unit))
			from = mid + 1;
		else
			to = mid;
	}
	return (struct list){0};
}

struct list records_of_lane(const struct command_table *t, uint32_t lane)
{
	return t->lane[lane].list;
}

/* -- jobs ----------------------------------------------------------------------------------------
 */

uint64_t job_id(struct command_table *t, uint32_t lane)
{
	return ++t->next_id << 32 | (lane + 1);
}

struct list records_of_job(const struct command_table *t, uint64_t id)
{
	const uint32_t lane = (uint32_t)id;
	return records_near(t, lane == 0 || lane > t->nlane ? GONE : t->lane[lane - 1].home);
}
