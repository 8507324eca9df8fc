// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"

#define ADHOC_SHARE 5              /* at most 1/5 of the line's time */
#define ADHOC_CREDIT (200 * US_MS) /* that an idle line has saved up for them */
#define ADHOC_EVERY                                                                                \
	(200 * US_MS)         /* a full line waits for one so often; it may be in a turn then      \
	                       */
#define HELD_EVERY (2 * US_S) /* the same of a held line */
/* So much longer it waits for a command, its read-back and the poll between them … */
#define PUT_OFF (150 * US_MS)
#define READ_BACK (20 * US_MS) /* … that is requested within this time of the command */

enum submitted adhoc_submit(struct schedule *s, const struct job *j)
{
	struct adhoc *g = &s->adhoc;
	if (g->n == ADHOC_MAX)
		return SUBMIT_BUSY;
	if (g->n == g->room) {
		g->room = g->room ? 2 * g->room : 8;
		g->job = mem_grow(g->job, g->room, sizeof(struct job *));
	}
	struct job *copy = mem_alloc(1, sizeof *copy);
	*copy = *j;
	g->job[g->n++] = copy;
	return SUBMIT_ACCEPTED;
}

struct job *adhoc_remove(struct schedule *s, size_t i)
{
	struct adhoc *g = &s->adhoc;
	struct job *j = g->job[i];
	g->n--;
	memmove(&g->job[i], &g->job[i + 1], (g->n - i) * sizeof(struct job *));
	if (!g->n)
		g->since = 0;
	return j;
}

void adhoc_destroy(struct schedule *s)
{
	for (size_t i = 0; i < s->adhoc.n; i++)
		free(s->adhoc.job[i]);
	free(s->adhoc.job);
}

static us_t ready_at(const struct schedule *s, const struct job *j)
{
	const struct unit *u = unit_find(s, j->span.unit);
	return u ? us_max(u->peer.ready_at, u->peer.mute_until) : 0;
}

/* How long it will take: who does not answer costs the whole timeout. */
static us_t cost(const struct schedule *s, const struct job *j)
{
	const struct unit *u = unit_find(s, j->span.unit);
	const us_t usual = u && u->state == UNIT_UP ? unit_turnaround(u) : 0;
	const us_t most = j->timeout ? j->timeout : u ? u->rule.timeout : 500 * US_MS;
	const unsigned answer = j->raw_answer ? j->raw_answer : usual ? PDU_MAX : 0;
	return wire_exchange(&s->wire, j->raw_len, answer, usual ? us_min(usual, most) : most);
}

static us_t credit(const struct schedule *s, us_t now)
{
	const struct adhoc *g = &s->adhoc;
	return us_min(ADHOC_CREDIT, g->credit + (now - g->credit_at) / ADHOC_SHARE);
}

/* On a full line it is waited for by force: since the last one, or since the first one waits. On a
 * held one only commands, read-backs and ends of pulses can be in the way. */
static us_t forced_at(const struct schedule *s)
{
	const struct adhoc *g = &s->adhoc;
	return us_max(g->went_at, g->since) + (s->held ? HELD_EVERY : ADHOC_EVERY);
}

static struct job *first_ready(struct schedule *s, us_t now, size_t *at)
{
	struct adhoc *g = &s->adhoc;
	for (size_t i = 0; i < g->n; i++)
		if (ready_at(s, g->job[i]) <= now &&
		    (!g->job[i]->expires || g->job[i]->expires > now)) {
			*at = i;
			return g->job[i];
		}
	return NULL;
}

/* A read-back will follow, or polls are owed their turn for one: by an ad-hoc request in between
 * the command would take longer. */
static bool beside_command(const struct schedule *s, us_t now)
{
	return s->debt > 0 || now < s->command_at + READ_BACK;
}

struct job *adhoc_take(struct schedule *s, bool polls, us_t until, us_t now)
{
	struct adhoc *g = &s->adhoc;
	size_t at;
	const struct job *j = g->n ? first_ready(s, now, &at) : NULL;
	if (!j)
		return NULL;
	if (!g->since)
		g->since = now;
	const bool fits = !polls && until - now > cost(s, j);
	if (!s->held) {
		g->credit = credit(s, now);
		g->credit_at = now;
		if (g->credit <= 0)
			return NULL;
	}
	const us_t late = now - forced_at(s);
	if (beside_command(s, now) ? late < PUT_OFF : !fits && late < 0)
		return NULL;
	g->went_at = now - us_min(us_max(late, 0), PUT_OFF); /* the next one is not late, too */
	return adhoc_remove(s, at);
}

us_t adhoc_wake(const struct schedule *s, us_t until, us_t now)
{
	const struct adhoc *g = &s->adhoc;
	us_t wake = US_NEVER;
	for (size_t i = 0; i < g->n; i++) {
		const struct job *j = g->job[i];
		us_t at = us_max(now, ready_at(s, j));
		if (!s->held) {
			const us_t lack = -credit(s, now);
			at = lack >= 0 ? us_max(at, now + (lack + 1) * ADHOC_SHARE) : at;
		}
		if (s->command_at)
			at = us_max(at, us_min(s->command_at + READ_BACK, forced_at(s) + PUT_OFF));
		if (until - at <= cost(s, j)) /* a read comes first; if not: by force */
			at = us_max(at, g->since ? forced_at(s) : at);
		wake = us_min(wake, at);
		if (j->expires)
			wake = us_min(wake, j->expires);
	}
	return wake;
}

void adhoc_done(struct schedule *s, us_t took)
{
	s->adhoc.count.requests++;
	s->adhoc.count.busy += took;
	if (!s->held)
		s->adhoc.credit -= took;
}

struct adhoc_figures schedule_adhoc(const struct schedule *s)
{
	return s->adhoc.count;
}

void schedule_hold(struct schedule *s, bool held, us_t now)
{
	for (size_t i = 0; i < s->adhoc.n; i++)
		s->adhoc.job[i]->expires = now;
	if (s->held == held)
		return;
	s->held = held;
	s->debt = 0;
	s->adhoc.credit_at = s->credit_at = now;
	for (size_t i = 0; i < s->nunit && !held; i++)
		if (s->unit[i]->state != UNIT_DOWN)
			unit_due_now(s, s->unit[i], now); /* what it passed over is no overload */
}
