// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#include <stdlib.h>

#define BUSY_FIRST (100 * US_MS)
#define ALTERNATE 6

/* The next point of the grid; neighbours mostly have the same one. */
struct next_point {
	us_t period, at;
	uint16_t steps;
};

static us_t next_point(const struct schedule *s, const struct node *n, us_t now,
                       struct next_point *p)
{
	if (p->period != n->want.period || p->steps != n->steps)
		*p = (struct next_point){n->want.period, grid_next(s, n, now), n->steps};
	return p->at;
}

/* vain: it was requested since it was due, and not answered: what was passed over is no overload.
 */
static void node_read(const struct schedule *s, struct unit *u, struct node *n, bool vain, us_t now,
                      struct next_point *point)
{
	const us_t period = n->want.period;
	n->last = now;
	n->group = n->refused = n->asides = n->unwell = n->strikes = 0;
	n->failed_at = 0;
	n->doubted = n->passed = false;
	if (n->aside) {
		n->aside = false;
		n->due = us_min(n->due, now);
	}
	if (period == PERIOD_ONCE) {
		n->due = US_NEVER;
		return;
	}
	if (period == PERIOD_FASTEST) {
		n->due = n->base = now;
		return;
	}
	if (now < n->due) {
		if (n->due - now > period / 20)
			return;
		n->base = n->due; /* pulled in; the grid stays */
		n->due += period;
		return;
	}
	const us_t next = next_point(s, n, now, point);
	const us_t passed = next - n->due < 2 * period ? 0 : (next - n->due) / period - 1;
	if (passed > 0 && !vain)
		u->count.missed += (uint32_t)passed;
	n->base = passed > 0 ? now : next - period;
	n->due = next;
}

/* A demand is met only by a request that went out when it was due. */
static void demands_met(struct schedule *s, const struct span *span)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->ndemand; i++) {
		const struct node *d = &s->demand[i];
		if (d->want.unit == span->unit && d->due <= s->turn_at && node_inside(d, span))
			continue;
		s->demand[kept++] = *d;
	}
	s->ndemand = kept;
}

static void span_read(struct schedule *s, struct unit *u, const struct span *span, us_t turnaround,
                      us_t now)
{
	const size_t kind = table_kind(span->table);
	us_t again = US_NEVER;
	struct next_point point = {0};
	size_t fastest = 0, rest = 0, first = SIZE_MAX, last = 0;
	bool well_again = false, others = u->nlearnt > 0;
	if (u->nlearnt)
		learnt_disproved(u, span);
	for (size_t i = nodes_from(s, u, span); nodes_within(s, u, i, span); i++) {
		struct node *n = &s->node[i];
		if (!node_inside(n, span))
			continue;
		const bool vain = n->vain || n->failed_at;
		well_again |= n->aside;
		others |= n->group != 0;
		if (n->vain)
			patience_answered(u, n, turnaround);
		node_read(s, u, n, vain, now, &point);
		first = first == SIZE_MAX ? i : first;
		last = i;
		if (n->want.period != PERIOD_FASTEST)
			again = us_min(again, n->due - node_slack(n));
		fastest += n->want.period == PERIOD_FASTEST;
		rest += n->want.period != PERIOD_FASTEST;
	}
	if (first <= last)
		nodes_changed(u, first, last);
	/* what is to be read again at once stays in the plan, the others leave it */
	kept_was_read(u, span, first, last, fastest && rest ? now : again);
	if (well_again)
		refused_look_again(s, u, now);
	if (others || well_again)
		unit_changed(u);
	demands_met(s, span);
	if (span->count > u->good[kind])
		u->good[kind] = span->count;
	if (u->searching)
		refused_search_ends(s, u);
	u->good_at = now;
	u->busy_wait = u->busy_sum = 0;
}

/* -- alive or not ------------------------------------------------ */

/* The first one back after all were silent: what ailed them was perhaps the line. */
static void units_look_again(struct schedule *s, const struct unit *back)
{
	for (size_t i = 0; i < s->nunit; i++)
		if (s->unit[i] != back && s->unit[i]->state == UNIT_UP)
			return;
	for (size_t i = 0; i < s->nunit; i++)
		s->unit[i]->free_probe = s->unit[i]->state == UNIT_DOWN;
}

static void unit_answered(struct schedule *s, struct unit *u, us_t now, struct effects *e)
{
	u->fails = 0;
	u->pass = u->suspect = u->reported_offline = false;
	u->wait_until = 0;
	if (u->state == UNIT_UP)
		return;
	const bool was_down = u->state == UNIT_DOWN;
	unit_becomes(s, u, UNIT_UP);
	u->count.online = true;
	u->free_probe = false;
	e->online = true;
	if (!was_down)
		return;
	unit_due_now(s, u, now);
	units_look_again(s, u);
}

/* It answered the proof before the request that failed: it is there. */
static void unit_proven(struct schedule *s, struct unit *u, us_t now, struct effects *e)
{
	if (u->state != UNIT_UP)
		unit_answered(s, u, now, e);
	u->good_at = u->first_fail = now;
}

static void unit_down(struct schedule *s, struct unit *u, us_t now, us_t took)
{
	unit_becomes(s, u, UNIT_DOWN);
	u->count.online = false;
	u->probed = now;
	u->pass = u->suspect = false;
	u->wait_until = 0;
	s->credit = us_max(0, s->credit - took);
	demands_drop(s, u->rule.unit);
}

static bool unit_gone(const struct unit *u, us_t now)
{
	return u->fails >= OFFLINE_REQUESTS && now - u->first_fail >= OFFLINE_TIME;
}

/* The shortest period of what was asked, at most a second: so long a unit in doubt is left alone.
 */
static us_t doubt_wait(const struct schedule *s, const struct unit *u, const struct span *span)
{
	us_t wait = ASK_AGAIN;
	for (size_t i = nodes_from(s, u, span); nodes_within(s, u, i, span); i++)
		if (node_inside(&s->node[i], span) && u->fails < OFFLINE_REQUESTS)
			wait = us_min(wait, node_period(&s->node[i]));
	return wait;
}

static void unit_doubted(struct schedule *s, struct unit *u, const struct span *span, us_t now,
                         us_t took)
{
	u->suspect = true;
	u->failed_at = now;
	u->failed_cost = took;
	u->wait_until = s->turn_at + doubt_wait(s, u, span);
}

/* A failed turn has two readings: the unit is gone, or it answers and does not deliver these
 * registers. Both are kept open. The registers are suspected as soon as the retries are used up (or
 * a search for the register is under way), the unit only by failures of which no register is
 * suspected: else one silent register would take its device offline, and a unit that was switched
 * off would have all its registers searched. What decides is the next good answer: it clears the
 * unit and leaves the registers that failed before it under suspicion. A unit counts as gone by
 * time and number together (unit_gone), so that a burst of quick failures is not yet an outage. */
static void unit_failed(struct schedule *s, struct unit *u, const struct turn *t, bool silent,
                        us_t took, us_t now, struct effects *e)
{
	const bool read = t->kind != TURN_JOB;
	const bool known = read && block_known_bad(s, u, &t->span);
	const bool suspected = known || (read && block_suspected(s, u, &t->span));
	const bool enough = u->fails >= u->rule.retries + (silent ? 0u : 1u);
	if (suspected || (read && (enough || t->kind == TURN_PROBE)))
		block_failed(s, u, &t->span, took, now, e);
	u->pass = s->passing = true;
	if (known) /* it answers: this is the one that it does not deliver */
		return;
	if (u->fails == 0)
		u->first_fail = s->turn_at;
	if (u->fails < UINT8_MAX)
		u->fails++;
	if (u->state == UNIT_DOWN) {
		if (t->kind == TURN_PROBE)
			s->credit -= us_max(took, silent ? s->hold : 0);
	} else if (enough && !suspected) {
		unit_doubted(s, u, &t->span, now, took);
		if (u->state == UNIT_NEW && silent)
			unit_down(s, u, now, took);
	}
	if (!silent || !unit_gone(u, now) || u->reported_offline)
		return;
	u->reported_offline = true;
	e->offline = true;
	if (u->state != UNIT_DOWN)
		unit_down(s, u, now, took);
}

/* Exceptions 5 and 6: wait, twice as long each time, within the time-out; then the next grid point.
 * It is not the unit that is busy if it answers others meanwhile. */
static void unit_busy(struct schedule *s, struct unit *u, const struct span *span, us_t now,
                      struct effects *e)
{
	u->busy_wait = u->busy_wait ? 2 * u->busy_wait : BUSY_FIRST;
	if (block_suspected(s, u, span) || u->busy_sum + u->busy_wait > u->rule.timeout) {
		u->busy_wait = u->busy_sum = 0;
		block_failed(s, u, span, 0, now, e);
		nodes_put_off(s, u, span, now);
		return;
	}
	u->busy_sum += u->busy_wait;
	u->peer.ready_at = us_max(u->peer.ready_at, now + u->busy_wait);
}

/* -- the turn's end ---------------------------------------------- */

static void count_turn(struct unit *u, enum outcome o)
{
	u->count.requests++;
	u->count.responses += o == OUT_OK || o == OUT_REFUSED || o == OUT_SAME;
	u->count.timeouts += o == OUT_TIMEOUT;
	u->count.crc_errors += o == OUT_GARBLED;
	u->count.exceptions += o == OUT_REFUSED;
}

static void turnaround_learn(struct unit *u, us_t turnaround)
{
	if (turnaround > 0)
		u->turn = u->turn ? (7 * u->turn + turnaround) / 8 : turnaround;
}

/* Something came back. Broadcasts get no answer, nor does what could not even be sent (no
 * turnaround was measured). */
static bool turn_answered(const struct unit *u, enum outcome o, us_t turnaround)
{
	if (o == OUT_REFUSED)
		return turnaround > 0;
	return o == OUT_SAME || (o == OUT_OK && (u->rule.unit != 0 || u->n > 0));
}

static void read_refused(struct schedule *s, struct unit *u, const struct turn *t,
                         uint8_t exception, us_t now, struct effects *e)
{
	if (t->kind != TURN_READ)
		return;
	if (exception == EXC_ACKNOWLEDGE || exception == EXC_BUSY)
		unit_busy(s, u, &t->span, now, e);
	else
		refused_by_unit(s, u, &t->span, exception, now, e);
}

static void unit_pause(struct unit *u, enum turn_kind kind, us_t now)
{
	const us_t pause =
		kind == TURN_JOB ? us_max(u->rule.pause, u->rule.pause_after_write) : u->rule.pause;
	if (pause)
		u->peer.ready_at = us_max(u->peer.ready_at, now + pause);
}

/* It proves nothing about the unit: others chose the request, and how long it was waited for. */
static void adhoc_end(struct schedule *s, struct unit *u, us_t took, us_t now)
{
	adhoc_done(s, took);
	if (u)
		unit_pause(u, pdu_is_write(s->current->raw[0]) ? TURN_JOB : TURN_READ, now);
}

static bool current_done(struct schedule *s, struct unit *u, us_t took, us_t now)
{
	const bool adhoc = s->current && s->current->adhoc;
	if (adhoc)
		adhoc_end(s, u, took, now);
	else if (s->current)
		s->command_at = now;
	free(s->current);
	s->current = NULL;
	return adhoc;
}

/* A converter may forget every second request: of two units that are asked in turns one then never
 * gets an answer. What failed is read again at once. */
static void alternation_note(struct schedule *s, const struct turn *t, enum outcome o)
{
	const bool failed = o == OUT_TIMEOUT;
	if (failed == s->failed)
		s->changes = 0;
	else if (s->changes < ALTERNATE)
		s->changes++;
	s->failed = failed;
	s->again.count = 0;
	if (failed && s->changes == ALTERNATE && t->kind != TURN_JOB)
		s->again = t->span;
}

/* The order matters: what the turn means for the unit as such (answered, how fast, alternating) is
 * noted before what it means for the registers, because the search for a bad register asks whether
 * the unit has answered since. A gateway's exceptions 0x0A and 0x0B are the converter's word, not
 * the unit's: silence, and no response time. Jobs touch no register's record: a refused write says
 * nothing of reads. */
void schedule_done(struct schedule *s, const struct turn *t, enum outcome o, uint8_t exception,
                   us_t turnaround, us_t took, us_t now, struct effects *e)
{
	*e = (struct effects){0};
	struct unit *u = unit_find(s, t->span.unit);
	if (current_done(s, u, took, now))
		return;
	if (!u || s->lost || t->kind == TURN_SLEEP)
		return;
	if (o == OUT_REFUSED &&
	    (exception == EXC_GATEWAY_PATH || exception == EXC_GATEWAY_TARGET)) {
		o = OUT_TIMEOUT;
		turnaround = 0; /* the gateway's */
	}
	alternation_note(s, t, o);
	count_turn(u, o);
	turnaround_learn(u, turnaround);
	unit_pause(u, t->kind, now);
	if (turn_answered(u, o, turnaround))
		unit_answered(s, u, now, e);
	switch (o) {
	case OUT_OK:
		if (t->kind == TURN_JOB)
			break;
		loss_learn(s, u, &t->span, false);
		span_read(s, u, &t->span, turnaround, now);
		break;
	case OUT_REFUSED:
		read_refused(s, u, t, exception, now, e);
		break;
	case OUT_TIMEOUT:
	case OUT_GARBLED:
		if (o == OUT_TIMEOUT && t->kind == TURN_READ)
			patience_failed(s, u, t);
		if (turnaround > 0)
			unit_proven(s, u, now, e);
		if (t->kind == TURN_READ && u->state == UNIT_UP)
			loss_learn(s, u, &t->span, true);
		unit_failed(s, u, t, o == OUT_TIMEOUT, took, now, e);
		break;
	case OUT_DROPPED:
		u->pass = s->passing = true;
		break;
	case OUT_SAME:
	case OUT_LINK:
	case OUT_EXPIRED:
	case OUT_CLOSED:
		break;
	}
	scratch_end(s);
	if (o == OUT_REFUSED || o == OUT_TIMEOUT || o == OUT_GARBLED)
		unit_changed(u);
	e->aside_for = o;
	e->aside_exception = exception;
}
