// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#include <string.h>

#define SKIPS_MAX 8        /* turns of better classes before a lower one gets one */
#define DEMAND_WAITS_MAX 4 /* commands that go before a demand */
#define SUSPECT_SHARE                                                                              \
	20 /* a suspect waits for the others, but not longer than 20 × what it cost               \
	    */

/* The most urgent of each class. */
struct choice {
	struct node *best[RANKS];
	double urgency[RANKS];
};

/* All that is due now, seen once. */
struct survey {
	struct choice ready, passing, suspect;
	struct node *demand;
	us_t wake; /* when more is due or ready */
};

static double node_urgency(const struct node *n, us_t now)
{
	const us_t period = node_period(n);
	return period ? (double)(now - n->base) / (double)period : (double)(now - n->base);
}

/* Ties: the shorter period, then who waits longest, then the lower address (they come in that
 * order). */
static bool node_first(const struct node *a, double ua, const struct node *b, double ub)
{
	if (ua > ub || ua < ub)
		return ua > ub;
	if (node_period(a) != node_period(b))
		return node_period(a) < node_period(b);
	return a->last < b->last;
}

static void choice_offer(struct choice *c, struct node *n, double urgency)
{
	const enum rank r = node_rank(n);
	if (c->best[r] && !node_first(n, urgency, c->best[r], c->urgency[r]))
		return;
	c->best[r] = n;
	c->urgency[r] = urgency;
}

static bool choice_any(const struct choice *c)
{
	for (int r = 0; r < RANKS; r++)
		if (c->best[r])
			return true;
	return false;
}

static void choice_join(struct choice *c, const struct choice *other)
{
	for (int r = 0; r < RANKS; r++)
		if (other->best[r])
			choice_offer(c, other->best[r], other->urgency[r]);
}

static void survey_node(struct schedule *s, struct choice *c, size_t i, us_t now)
{
	struct node *n = &s->node[i];
	if (n->due <= now)
		choice_offer(c, n, node_urgency(n, now));
}

static void survey_unit(struct schedule *s, struct unit *u, us_t now, struct survey *v)
{
	const struct digest *d = unit_digest(s, u, now);
	const us_t ready = unit_ready_at(u);
	if (ready > now) {
		if (u->n)
			v->wake = us_min(v->wake, us_max(d->n ? 0 : d->wake, ready));
		return;
	}
	v->wake = us_min(v->wake, d->wake);
	struct choice *c = u->suspect ? &v->suspect : u->pass ? &v->passing : &v->ready;
	for (size_t k = 0; k < d->n && !d->many; k++)
		survey_node(s, c, d->first[k], now);
	for (size_t i = u->first; i < u->first + u->n && d->many; i++)
		survey_node(s, c, i, now);
	s->looked += d->many ? u->n : d->n;
}

static void survey_demands(struct schedule *s, us_t now, struct survey *v)
{
	for (size_t i = 0; i < s->ndemand; i++) {
		struct node *d = &s->demand[i];
		const struct unit *u = unit_find(s, d->want.unit);
		const us_t at = us_max(d->due, unit_ready_at(u));
		if (at > now)
			v->wake = us_min(v->wake, at);
		else if (!v->demand || d->due < v->demand->due)
			v->demand = d;
	}
}

static struct survey survey_all(struct schedule *s, us_t now)
{
	struct survey v = {.wake = US_NEVER};
	for (size_t i = 0; i < s->nunit && !s->held; i++)
		if (s->unit[i]->state != UNIT_DOWN)
			survey_unit(s, s->unit[i], now, &v);
	survey_demands(s, now, &v);
	s->looked += s->nunit;
	return v;
}

/* Does anybody who is due and well wait since before then? */
static bool waits_since(const struct schedule *s, us_t then, us_t now)
{
	for (size_t k = 0; k < s->nunit; k++) {
		const struct unit *u = s->unit[k];
		if (u->state == UNIT_DOWN || u->suspect || u->pass || unit_ready_at(u) > now)
			continue;
		for (size_t i = u->first; i < u->first + u->n; i++)
			if (s->node[i].due <= now && s->node[i].last < then)
				return true;
	}
	return false;
}

/* Which may be read now: those in doubt only when no other that is due still waits since then. */
static struct choice survey_eligible(struct schedule *s, const struct survey *v, us_t now)
{
	struct choice c = v->ready;
	if (!choice_any(&v->ready)) {
		choice_join(&c, &v->passing);
		choice_join(&c, &v->suspect);
		return c;
	}
	for (int r = 0; r < RANKS; r++) {
		struct node *n = v->suspect.best[r];
		const struct unit *u = n ? unit_find(s, n->want.unit) : NULL;
		if (u && (now >= u->failed_at + SUSPECT_SHARE * u->failed_cost ||
		          !waits_since(s, u->failed_at, now)))
			choice_offer(&c, n, v->suspect.urgency[r]);
	}
	for (size_t i = 0; i < s->nunit && s->passing; i++)
		s->unit[i]->pass = false;
	s->passing = false;
	return c;
}

/* The best class; of the lower ones now and then the one that waits longest. */
static struct node *choice_take(struct schedule *s, const struct choice *c)
{
	int best = 0;
	while (best < RANKS && !c->best[best])
		best++;
	if (best == RANKS)
		return NULL;
	int lower = RANKS;
	for (int r = best + 1; r < RANKS; r++)
		if (c->best[r] && (lower == RANKS || s->rank_turn[r] < s->rank_turn[lower]))
			lower = r;
	if (lower < RANKS && ++s->skips >= SKIPS_MAX) {
		s->skips = 0;
		best = lower;
	}
	s->rank_turn[best] = ++s->turns;
	return c->best[best];
}

/* -- silent units ------------------------------------------------ */

static us_t probe_cost(const struct schedule *s, const struct unit *u)
{
	const us_t cost =
		wire_read(&s->wire, TABLE_HOLDING, 1, peer_timeout(&u->peer, u->rule.timeout));
	return us_max(cost, s->hold);
}

/* The least recently probed one; those with a free try first. */
static struct unit *silent_next(const struct schedule *s)
{
	struct unit *next = NULL;
	for (size_t i = 0; i < s->nunit && s->ndown && !s->held; i++) {
		struct unit *u = s->unit[i];
		if (u->state != UNIT_DOWN || u->n == 0)
			continue;
		if (!next || u->free_probe > next->free_probe ||
		    (u->free_probe == next->free_probe && u->probed < next->probed))
			next = u;
	}
	return next;
}

static void credit_earn(struct schedule *s, us_t now)
{
	us_t dearest = 0;
	for (size_t i = 0; i < s->nunit && s->ndown; i++)
		if (s->unit[i]->state == UNIT_DOWN && s->unit[i]->n > 0)
			dearest = us_max(dearest, probe_cost(s, s->unit[i]));
	s->credit = us_min(dearest, s->credit + (now - s->credit_at) / silent_share(s, NULL));
	s->credit_at = now;
}

static us_t probe_at(const struct schedule *s, const struct unit *u, us_t now)
{
	const us_t lack = u->free_probe ? 0 : probe_cost(s, u) - s->credit;
	return us_max(now + us_max(lack, 0) * silent_share(s, NULL),
	              us_max(u->peer.ready_at, u->peer.mute_until));
}

/* -- the turn ---------------------------------------------------- */

/* The last request before it counts as offline: now its answer may take as long as the
 * configuration allows. */
static bool last_chance(const struct unit *u)
{
	return !u->reported_offline && u->fails + 1 >= OFFLINE_REQUESTS;
}

static void turn_for(struct turn *out, enum turn_kind kind, struct unit *u)
{
	out->kind = kind;
	out->peer = &u->peer;
	out->rule = &u->rule;
	out->configured = u->rule.timeout;
	out->timeout = kind == TURN_JOB || last_chance(u) ? u->rule.timeout
	                                                  : peer_timeout(&u->peer, u->rule.timeout);
}

static void turn_job(struct schedule *s, us_t now, struct turn *out)
{
	turn_for(out, TURN_JOB, unit_get(s, s->current->span.unit, now));
	out->span = s->current->span;
	out->job = s->current;
	if (s->current->adhoc && s->current->timeout) {
		out->timeout = s->current->timeout;
		out->configured = us_max(out->configured, out->timeout);
	}
}

/* The shortest value in it: by that the unit is proven in step, if need be. */
static void turn_value(const struct schedule *s, const struct unit *u, struct turn *out)
{
	if (!u->peer.unsure)
		return;
	for (size_t i = nodes_from(s, u, &out->span); nodes_within(s, u, i, &out->span); i++) {
		const struct want *w = &s->node[i].want;
		if (!node_inside(&s->node[i], &out->span) ||
		    (out->value_count && w->len >= out->value_count))
			continue;
		out->value_addr = w->addr;
		out->value_count = w->len;
	}
}

static void turn_read(struct schedule *s, struct node *n, us_t now, struct turn *out)
{
	struct unit *u = unit_find(s, n->want.unit);
	struct node *sample = sample_of(s, u, n);
	turn_for(out, TURN_READ, u);
	if (sample) {
		out->span = (struct span){u->rule.unit, sample->want.table, sample->want.addr,
		                          sample->want.len};
		out->second = span_barred(u, &out->span, now);
		s->turn_group = sample->group;
	} else {
		out->second = !read_block(s, u, n, now, &out->span);
	}
	out->timeout = us_max(out->timeout, patience_of(s, u, &out->span));
	turn_value(s, u, out);
	scratch_end(s);
}

static void turn_probe(struct schedule *s, struct unit *u, us_t now, struct turn *out)
{
	u->probed = now;
	u->free_probe = false;
	turn_for(out, TURN_PROBE, u);
	out->second = !probe_block(s, u, now, &out->span);
	scratch_end(s);
}

/* What failed in the turn before, if it is to be read at once. */
static bool turn_again(struct schedule *s, us_t now, struct turn *out)
{
	struct unit *u = s->again.count && !s->held ? unit_find(s, s->again.unit) : NULL;
	const struct span span = s->again;
	s->again.count = 0;
	if (!u || us_max(u->peer.ready_at, u->peer.mute_until) > now)
		return false;
	if (u->state == UNIT_DOWN && u->n > 0) {
		turn_probe(s, u, now, out);
		return true;
	}
	for (size_t i = nodes_from(s, u, &span); nodes_within(s, u, i, &span); i++) {
		struct node *n = &s->node[i];
		if (n->aside || !node_inside(n, &span))
			continue;
		turn_read(s, n, now, out);
		return true;
	}
	return false;
}

static void turn_sleep(const struct schedule *s, us_t wake, us_t now, struct turn *out)
{
	out->kind = TURN_SLEEP;
	out->until = us_max(now + 1, us_min(wake, jobs_wake(s, now)));
}

/* Polls get every second turn: commands and demands run up a debt. A command does not wait for the
 * poll that a demand owes, it only owes one more. */
static bool take_command(struct schedule *s, bool polls, bool demands, us_t now)
{
	if (s->debt > (s->last_was_demand ? 1 : 0))
		return false;
	if (demands && s->debt == 0 && s->demand_waits >= DEMAND_WAITS_MAX)
		return false;
	s->current = jobs_take(s, now);
	if (!s->current)
		return false;
	s->demand_waits = demands ? (uint8_t)(s->demand_waits + 1) : 0;
	s->debt = (uint8_t)(s->debt + (polls ? job_exchanges(s, s->current) : 0));
	s->last_was_demand = false;
	return true;
}

static bool take_demand(struct schedule *s, bool polls, bool demands)
{
	if (!demands || s->debt > 0)
		return false;
	s->debt = polls;
	s->last_was_demand = true;
	s->demand_waits = 0;
	return true;
}

/* What is due next, or ready, besides ad-hoc requests. */
static us_t others_next(const struct schedule *s, const struct survey *v, us_t now)
{
	return us_min(v->wake, jobs_wake(s, now));
}

static bool take_adhoc(struct schedule *s, const struct survey *v, bool polls, us_t now)
{
	const us_t until = others_next(s, v, now);
	s->current = until > now ? adhoc_take(s, polls, until, now) : NULL;
	return s->current;
}

/* When the first read can go: not before `now`. */
static us_t reads_wake(struct schedule *s, us_t now)
{
	const struct survey v = survey_all(s, now);
	const bool any = choice_any(&v.ready) || choice_any(&v.passing) || choice_any(&v.suspect);
	return any || v.demand ? now : v.wake;
}

bool schedule_idle(struct schedule *s, us_t now, us_t until)
{
	if (s->lost || silent_next(s) || s->adhoc.n || s->again.count || jobs_wake(s, now) < until)
		return false;
	return reads_wake(s, now) > until;
}

void schedule_next(struct schedule *s, us_t now, struct turn *out)
{
	memset(out, 0, sizeof *out);
	s->turn_at = now;
	s->varied = false;
	if (s->lost) {
		turn_sleep(s, US_NEVER, now, out);
		return;
	}
	credit_earn(s, now);
	struct survey v = survey_all(s, now);
	const bool polls = choice_any(&v.ready) || choice_any(&v.passing) || choice_any(&v.suspect);
	if (!polls)
		s->debt = 0;
	if (take_command(s, polls, v.demand, now)) {
		turn_job(s, now, out);
		return;
	}
	if (take_demand(s, polls, v.demand)) {
		turn_read(s, v.demand, now, out);
		return;
	}
	s->last_was_demand = false;
	if (turn_again(s, now, out))
		return;
	struct unit *silent = silent_next(s);
	const us_t probe = silent ? probe_at(s, silent, now) : US_NEVER;
	if (probe <= now) {
		turn_probe(s, silent, now, out);
		return;
	}
	if (take_adhoc(s, &v, polls, now)) {
		turn_job(s, now, out);
		return;
	}
	if (!polls) {
		const us_t adhoc = adhoc_wake(s, others_next(s, &v, now), now);
		turn_sleep(s, us_min(us_min(v.wake, probe), adhoc), now, out);
		return;
	}
	if (s->debt > 0)
		s->debt--;
	const struct choice c = survey_eligible(s, &v, now);
	turn_read(s, choice_take(s, &c), now, out);
}
