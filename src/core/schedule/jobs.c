// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"

static bool job_expired(const struct job *j, us_t now)
{
	return j->expires && j->expires <= now;
}

/* Out of the table; the caller owns it now. */
static struct job *job_remove(struct schedule *s, size_t i)
{
	struct job *j = s->job[i];
	struct unit *u = unit_find(s, j->span.unit);
	if (u && u->jobs)
		u->jobs--;
	s->njob--;
	memmove(&s->job[i], &s->job[i + 1], (s->njob - i) * sizeof(struct job *));
	return j;
}

/* The last waiting one with this key: only it may be replaced, or the order would change. */
static struct job *job_with_key(const struct schedule *s, uint32_t key)
{
	for (size_t i = s->njob; key && i-- > 0;)
		if (s->job[i]->key == key)
			return s->job[i];
	return NULL;
}

enum submitted schedule_submit(struct schedule *s, const struct job *j, us_t now, uint64_t *old)
{
	if (j->adhoc)
		return adhoc_submit(s, j);
	struct job *waiting = job_with_key(s, j->key);
	if (waiting && waiting->replaceable && j->replaceable && !job_expired(waiting, now)) {
		*old = waiting->id;
		*waiting = *j; /* its place in the queue stays, or a slider would starve */
		return SUBMIT_REPLACED;
	}
	struct unit *u = unit_get(s, j->span.unit, now);
	if (s->njob == JOBS_MAX || u->jobs == JOBS_PER_UNIT)
		return SUBMIT_BUSY;
	if (s->njob == s->job_room) {
		s->job_room = s->job_room ? 2 * s->job_room : 8;
		s->job = mem_grow(s->job, s->job_room, sizeof(struct job *));
	}
	struct job *copy = mem_alloc(1, sizeof *copy);
	*copy = *j;
	s->job[s->njob++] = copy;
	u->jobs++;
	return SUBMIT_ACCEPTED;
}

static uint64_t job_end(struct job *j)
{
	const uint64_t id = j->id;
	free(j);
	return id;
}

bool schedule_expired(struct schedule *s, us_t now, uint64_t *id)
{
	for (size_t i = 0; i < s->njob; i++) {
		if (!job_expired(s->job[i], now))
			continue;
		*id = job_end(job_remove(s, i));
		return true;
	}
	for (size_t i = 0; i < s->adhoc.n; i++) {
		if (!job_expired(s->adhoc.job[i], now))
			continue;
		*id = job_end(adhoc_remove(s, i));
		return true;
	}
	return false;
}

bool schedule_has_job(const struct schedule *s)
{
	return s->njob > 0;
}

bool schedule_cancel(struct schedule *s, uint64_t id, uint64_t *cancelled)
{
	for (size_t i = 0; i < s->njob; i++) {
		if (id && s->job[i]->id != id)
			continue;
		*cancelled = job_end(job_remove(s, i));
		return true;
	}
	for (size_t i = 0; i < s->adhoc.n; i++) {
		if (id && s->adhoc.job[i]->id != id)
			continue;
		*cancelled = job_end(adhoc_remove(s, i));
		return true;
	}
	return false;
}

/* Jobs with one key keep their order, also when the first must wait. */
static bool job_behind(const struct schedule *s, size_t i, us_t now)
{
	for (size_t k = 0; k < i && s->job[i]->key; k++)
		if (s->job[k]->key == s->job[i]->key && !job_expired(s->job[k], now))
			return true;
	return false;
}

static us_t job_ready_at(const struct schedule *s, const struct job *j)
{
	const struct unit *u = unit_find(s, j->span.unit);
	/* not wait_until: a command wakes a unit that did not answer at once */
	const us_t unit = u ? us_max(u->peer.ready_at, u->peer.mute_until) : 0;
	return us_max(j->not_before, unit);
}

struct job *jobs_take(struct schedule *s, us_t now)
{
	for (size_t i = 0; i < s->njob; i++)
		if (!job_expired(s->job[i], now) && job_ready_at(s, s->job[i]) <= now &&
		    !job_behind(s, i, now))
			return job_remove(s, i);
	return NULL;
}

us_t jobs_wake(const struct schedule *s, us_t now)
{
	us_t wake = US_NEVER;
	for (size_t i = 0; i < s->njob; i++) {
		const struct job *j = s->job[i];
		if (j->expires)
			wake = us_min(wake, j->expires);
		if (!job_behind(s, i, now) && !s->lost)
			wake = us_min(wake, us_max(now, job_ready_at(s, j)));
	}
	return wake;
}

bool job_by_mask(const struct job *j, const struct unit_rule *rule)
{
	return j->fc == FC_MASK_WRITE && j->span.count == 1 &&
	       (rule->has_mask_write || j->merge_fc == FC_MASK_WRITE);
}

unsigned job_exchanges(const struct schedule *s, const struct job *j)
{
	const struct unit *u = unit_find(s, j->span.unit);
	const bool merged = j->fc == FC_MASK_WRITE && !(u && job_by_mask(j, &u->rule));
	const bool compared = j->only_if_different && !j->held.count; /* by the same read */
	return 1u + (merged || compared) + (j->held.count > 0);
}
