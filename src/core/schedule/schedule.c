// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"

struct schedule *schedule_create(const struct wire *w, unsigned index, unsigned of, us_t now)
{
	struct schedule *s = mem_alloc(1, sizeof *s);
	s->wire = *w;
	s->index = index;
	s->of = of ? of : 1;
	s->origin = now;
	s->credit_at = now;
	memset(s->slot, UINT8_MAX, sizeof s->slot);
	return s;
}

void unit_becomes(struct schedule *s, struct unit *u, enum unit_state state)
{
	s->ndown += state == UNIT_DOWN;
	s->ndown -= u->state == UNIT_DOWN;
	u->state = state;
}

void unit_destroy(struct unit *u)
{
	for (uint8_t table = 0; table < 4; table++)
		kept_drop(u, table);
	free(u->page);
	free(u->window);
	free(u->learnt);
	free(u);
}

void schedule_destroy(struct schedule *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nunit; i++)
		unit_destroy(s->unit[i]);
	for (size_t i = 0; i < s->njob; i++)
		free(s->job[i]);
	adhoc_destroy(s);
	free(s->current);
	free(s->unit);
	free(s->job);
	free(s->node);
	free(s->demand);
	free(s->list);
	free(s->cut);
	free(s);
}

struct unit *unit_find(const struct schedule *s, uint8_t id)
{
	return s->slot[id] < s->nunit ? s->unit[s->slot[id]] : NULL;
}

struct unit *unit_get(struct schedule *s, uint8_t id, us_t now)
{
	struct unit *u = unit_find(s, id);
	if (u)
		return u;
	u = mem_alloc(1, sizeof *u);
	u->rule = (struct unit_rule){
		.unit = id,
		.timeout = 500 * US_MS,
		.max_read = READ_REGISTERS_MAX,
		.max_hole = UINT16_MAX,
	};
	u->probed = now;
	peer_init(&u->peer, now);
	peer_unsure(&u->peer, now, u->rule.timeout); /* the port may have been opened before */
	s->unit = mem_grow(s->unit, s->nunit + 1, sizeof(struct unit *));
	s->slot[id] = (uint8_t)s->nunit;
	s->unit[s->nunit++] = u;
	return u;
}

us_t unit_turnaround(const struct unit *u)
{
	const us_t measured = peer_turnaround(&u->peer);
	return measured ? measured : u->turn;
}

us_t unit_ready_at(const struct unit *u)
{
	return us_max(us_max(u->peer.ready_at, u->peer.mute_until), u->wait_until);
}

/* Came back: all it has is due, each as urgent as if it had just become so. */
void unit_due_now(struct schedule *s, struct unit *u, us_t now)
{
	for (size_t i = u->first; i < u->first + u->n; i++) {
		struct node *n = &s->node[i];
		if (n->aside)
			continue;
		const us_t period = n->want.period;
		/* what was passed over while none answered is no overload */
		if (n->due < now && period != PERIOD_FASTEST && period != PERIOD_ONCE)
			n->due += (now - n->due) / period * period;
		n->due = us_min(n->due, now);
		n->base = now - node_period(n);
	}
	unit_changed(u);
}

void scratch_begin(struct schedule *s, const struct unit *u)
{
	const size_t need = u->n + s->ndemand;
	if (need <= s->scratch)
		return;
	s->scratch = s->ndemand ? need + need / 4 : need;
	s->list = mem_grow(s->list, s->scratch, sizeof(struct want *));
}

/* A large one would be mapped anew each time, and there are few. */
void scratch_end(struct schedule *s)
{
	if (s->scratch > SCRATCH_MOST)
		return;
	free(s->list);
	free(s->cut);
	s->list = NULL;
	s->cut = NULL;
	s->scratch = s->cut_room = 0;
}

us_t grid_next(const struct schedule *s, const struct node *n, us_t now)
{
	const us_t period = n->want.period;
	const us_t behind = (now - s->origin - n->steps * s->pitch) % period;
	return now + period - (behind < 0 ? behind + period : behind);
}

void demands_drop(struct schedule *s, uint8_t unit)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->ndemand; i++)
		if (s->demand[i].want.unit != unit)
			s->demand[kept++] = s->demand[i];
	s->ndemand = kept;
}

bool schedule_demand(struct schedule *s, const struct span *span, us_t due)
{
	const struct unit *u = unit_find(s, span->unit);
	if (s->lost || !u || u->state == UNIT_DOWN || span->count == 0 || s->ndemand == DEMANDS_MAX)
		return false;
	/* many demands come at one time: those of another time are not compared */
	for (size_t i = s->ndemand; i-- > 0 && s->demand[i].due == due;) {
		const struct node *d = &s->demand[i];
		if (d->want.unit == span->unit && d->want.table == span->table &&
		    d->want.addr == span->addr && d->want.len == span->count)
			return true;
	}
	if (s->ndemand == s->demand_room) {
		s->demand_room = s->demand_room ? 2 * s->demand_room : 8;
		s->demand = mem_grow(s->demand, s->demand_room, sizeof(struct node));
	}
	s->demand[s->ndemand++] = (struct node){
		.want =
			{
				.unit = span->unit,
				.table = span->table,
				.addr = span->addr,
				.len = span->count,
				.period = PERIOD_ONCE,
				.prio = CLASS_HIGH,
			},
		.due = due,
		.base = due - PERIOD_OF_ONCE,
		.last = NEVER_READ,
	};
	return true;
}

void schedule_instead(struct schedule *s, uint8_t unit, enum instead_kind kind)
{
	struct unit *u = unit_find(s, unit);
	if (u)
		u->count.instead[kind]++;
}

void schedule_gateway(struct schedule *s, us_t hold)
{
	s->hold = hold;
}

void schedule_port_lost(struct schedule *s, us_t now)
{
	(void)now;
	s->lost = true;
	s->ndemand = 0;
	for (size_t i = 0; i < s->nunit; i++) {
		unit_becomes(s, s->unit[i], UNIT_NEW);
		s->unit[i]->reported_offline = false;
		s->unit[i]->count.online = false;
	}
}

void schedule_port_back(struct schedule *s, us_t now)
{
	s->lost = false;
	s->debt = 0;
	s->credit = 0;
	s->credit_at = now;
	for (size_t i = 0; i < s->nunit; i++) {
		struct unit *u = s->unit[i];
		peer_unsure(&u->peer, now, u->rule.timeout);
		u->peer.ready_at = 0;
		unit_becomes(s, u, UNIT_NEW);
		u->fails = 0;
		u->wait_until = u->busy_wait = u->busy_sum = 0;
		u->pass = u->suspect = u->free_probe = false;
		u->count.online = false;
		unit_due_now(s, u, now);
	}
}

void schedule_forget(struct schedule *s, uint8_t unit, us_t now)
{
	struct unit *u = unit_find(s, unit);
	if (!u)
		return;
	u->nlearnt = 0;
	u->searching = u->no_longer = false;
	u->split.count = 0;
	memset(u->most, 0, sizeof u->most);
	memset(u->good, 0, sizeof u->good);
	for (size_t i = u->first; i < u->first + u->n; i++) {
		struct node *n = &s->node[i];
		n->group = n->refused = n->asides = n->unwell = n->strikes = 0;
		n->failed_at = 0;
		n->doubted = false;
		n->due = n->aside ? now : n->due;
		n->aside = false;
	}
	unit_changed(u);
}

void schedule_count(struct schedule *s, uint8_t unit, const struct unit_figures *more)
{
	struct unit *u = unit_find(s, unit);
	if (!u)
		return;
	u->count.requests += more->requests;
	u->count.responses += more->responses;
	u->count.timeouts += more->timeouts;
	u->count.crc_errors += more->crc_errors;
}

bool schedule_unit(const struct schedule *s, uint8_t unit, struct unit_figures *out)
{
	const struct unit *u = unit_find(s, unit);
	if (!u)
		return false;
	*out = u->count;
	return true;
}
