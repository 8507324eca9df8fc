// SPDX-License-Identifier: MIT
#include "bus/worker.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"

#define STEP_SLACK (10 * US_S)
#define FRESH US_MS         /* a link that was good so lately is not probed again */
#define SLICE (250 * US_MS) /* while the port is opened: commands may expire */
#define FULL_RETRY US_MS    /* no room for a report */
#define ACTS_MOST 32        /* then it is the others' turn */
#define CHOICE ((us_t)300)  /* so long before the silence ends it is chosen what goes next */

/* -- reports, and rests ------------------------------------------------------------ */

void worker_report(struct bus *b, enum report_kind kind, struct report *r)
{
	r->kind = kind;
	r->bus = b->tag;
	if (!r->at)
		r->at = clock_now();
	if (!b->nunsent && queue_try_push(b->reports, r))
		return;
	b->unsent = mem_grow(b->unsent, b->nunsent + 1, sizeof(*b->unsent));
	b->unsent[b->nunsent++] = *r;
}

/* False: the queue is still full. */
static bool worker_reported(struct bus *b)
{
	size_t n = 0;
	while (n < b->nunsent && queue_try_push(b->reports, &b->unsent[n]))
		n++;
	if (queue_closed(b->reports)) /* not wanted any more */
		n = b->nunsent;
	b->nunsent -= n;
	memmove(b->unsent, b->unsent + n, b->nunsent * sizeof(*b->unsent));
	if (b->nunsent)
		return false;
	free(b->unsent);
	b->unsent = NULL;
	return true;
}

void worker_wait(struct bus *b, us_t until, enum bus_wait wait)
{
	const us_t now = clock_now(), longest = b->port.ops->rest_most;
	b->due = until < now + longest ? until : now + longest;
	b->wait = wait;
	pthread_mutex_lock(&b->lock);
	b->shown.stepped = now;
	b->shown.step_limit = (b->due > now ? b->due - now : 0) + STEP_SLACK;
	pthread_mutex_unlock(&b->lock);
}

/* True: something came meanwhile, look at it first. */
static bool worker_rest(struct bus *b, us_t until, enum bus_wait wait)
{
	pthread_mutex_lock(&b->lock);
	const bool stirred = b->stirred;
	b->stirred = false;
	b->resting = !stirred;
	pthread_mutex_unlock(&b->lock);
	if (!stirred)
		worker_wait(b, until, wait);
	return stirred;
}

/* -- what others have left for the thread -------------------------------------- */

/* With the lock held; the caller destroys what it gets. */
static struct adoption *adopt_locked(struct bus *b)
{
	struct adoption *a = b->adoption;
	b->adoption = NULL;
	if (a)
		schedule_adopt(b->schedule, a->want, a->nwant, a->rule, a->nrule, clock_now());
	return a;
}

static void worker_adopt(struct bus *b)
{
	pthread_mutex_lock(&b->lock);
	struct adoption *a = adopt_locked(b);
	pthread_mutex_unlock(&b->lock);
	adoption_destroy(a);
}

static bool take_expired(struct bus *b, uint64_t *id)
{
	pthread_mutex_lock(&b->lock);
	const bool any = schedule_expired(b->schedule, clock_now(), id);
	pthread_mutex_unlock(&b->lock);
	return any;
}

static bool take_any(struct bus *b, uint64_t *id)
{
	pthread_mutex_lock(&b->lock);
	const bool any = schedule_cancel(b->schedule, 0, id);
	pthread_mutex_unlock(&b->lock);
	return any;
}

static void report_jobs(struct bus *b, bool (*take)(struct bus *, uint64_t *), enum outcome o)
{
	uint64_t id;
	while (take(b, &id)) {
		struct report r = {.id = id, .outcome = (uint8_t)o};
		worker_report(b, REPORT_JOB, &r);
	}
}

void worker_drop_jobs(struct bus *b, enum outcome o)
{
	report_jobs(b, take_any, o);
}

static void worker_tidy(struct bus *b)
{
	worker_adopt(b);
	report_jobs(b, take_expired, OUT_EXPIRED);
}

/* -- a held line ------------------------------------------------------------------ */

#define LISTEN (5 * US_MS) /* in one go: a request may come meanwhile */

/* A client that holds the line and monitors it is to see whether another client sends on it. */
static bool worker_listens(struct bus *b)
{
	if (b->port.fd < 0 || b->port.ops->connects || !atomic_load(&b->tap))
		return false;
	pthread_mutex_lock(&b->lock);
	const bool held = b->held;
	b->stirred &= !held;
	pthread_mutex_unlock(&b->lock);
	return held;
}

static void worker_listen(struct bus *b)
{
	uint8_t buf[ADU_RTU_MAX];
	const int n = port_take(&b->port, buf, sizeof(buf));
	const us_t now = clock_now();
	if (n > 0) {
		b->line.last_end = now;
		tap_in(b, buf, (size_t)n, now);
	} else if (tap_open(b) && now >= b->line.last_end + LISTEN) {
		tap_end(b, "not requested", now);
	}
	worker_wait(b, now + LISTEN, WAIT_INPUT);
}

/* -- turns ------------------------------------------------------------------------ */

/* The turn that was chosen; linked: the port is open. */
static void worker_start(struct bus *b, bool linked)
{
	const bool tuned = linked && link_tune(b, b->wanted);
	b->link = tuned ? LINK_THERE : LINK_NONE;
	b->state = BUS_TURNS;
	turn_start(b, tuned);
	if (linked && b->adhoc && !tuned)
		b->link = LINK_UNTUNED;
}

static void worker_finish(struct bus *b)
{
	const enum outcome o = turn_finish(b);
	b->state = BUS_CHOOSES;
	if (b->link == LINK_THERE)
		link_judge(b, o);
	else if (b->link == LINK_NONE)
		link_down(b);
	turn_over(b);
}

/* -- the port is opened ------------------------------------------------------------- */

static void worker_open(struct bus *b, enum bus_opens what)
{
	b->fails++;
	b->opens = what;
	b->begun = false;
	b->state = BUS_OPENS;
}

static void worker_go_on(struct bus *b, bool open)
{
	link_opened(b, open);
	switch (b->opens) {
	case OPENS_BUS:
		b->state = BUS_CHOOSES;
		if (!open)
			link_down(b);
		break;
	case OPENS_TURN:
		worker_start(b, open);
		break;
	case OPENS_EXCHANGE:
		b->state = BUS_TURNS;
		if (!open)
			turn_unlinked(b);
		break;
	}
}

static bool worker_opens(struct bus *b)
{
	const us_t now = clock_now();
	us_t until = now + SLICE;
	report_jobs(b, take_expired, OUT_EXPIRED);
	const enum port_opening o = link_step(b, now, &until);
	if (o == PORT_OPENING)
		return worker_rest(b, until < now + SLICE ? until : now + SLICE,
		                   b->port.fd < 0 ? WAIT_OUTPUT : WAIT_TIME);
	worker_go_on(b, o == PORT_OPENED);
	return true;
}

/* A connection that brought answers has ended, and nothing was lost with it: a new one. */
static void worker_relink(struct bus *b)
{
	if (!b->port.ops->connects || !b->port.answers) {
		turn_unlinked(b);
		return;
	}
	port_close(&b->port);
	b->fails = 0; /* it answers */
	worker_open(b, OPENS_EXCHANGE);
}

static bool worker_turns(struct bus *b)
{
	switch (turn_carry(b)) {
	case CARRIED_WAITS:
		return false;
	case CARRIED_OVER:
		worker_finish(b);
		break;
	case CARRIED_UNLINK:
		worker_relink(b);
		break;
	case CARRIED_ON:
		break;
	}
	return true;
}

/* -- what next? ------------------------------------------------------------------- */

/* Until there is something to do. An idle connection is closed meanwhile. */
static bool worker_sleep(struct bus *b)
{
	const bool closes = b->port.ops->connects && b->conf.close_idle && b->port.fd >= 0;
	us_t idle_at = closes ? b->used_at + b->conf.close_idle : US_NEVER;
	if (clock_now() >= idle_at) {
		port_close(&b->port);
		b->open_at = 0;
		idle_at = US_NEVER;
	}
	return worker_rest(b, b->turn.until < idle_at ? b->turn.until : idle_at, WAIT_LINK);
}

/* Nothing can be sent before the line was silent: what comes until then is chosen among, too. With
 * nothing to do by then there is no need to wake up for it. */
static us_t worker_silence(struct bus *b)
{
	const us_t choice = b->line.last_end + b->line.wire.silence - CHOICE;
	const us_t now = clock_now();
	if (b->port.fd < 0 || now >= choice)
		return 0;
	pthread_mutex_lock(&b->lock);
	const bool idle = !b->adoption && schedule_idle(b->schedule, now, choice);
	pthread_mutex_unlock(&b->lock);
	return idle ? 0 : choice;
}

/* False: nothing to do now, b->turn.until is until when. */
static bool worker_chosen(struct bus *b)
{
	pthread_mutex_lock(&b->lock);
	/* A job that came behind new rules must meet them. */
	struct adoption *a = adopt_locked(b);
	schedule_next(b->schedule, clock_now(), &b->turn);
	const bool any = b->turn.kind != TURN_SLEEP;
	if (any)
		b->rule = *b->turn.rule;
	else
		b->job_came = false;
	const bool adhoc = b->turn.kind == TURN_JOB && b->turn.job->adhoc;
	b->wanted = adhoc && b->held ? b->tune : (struct bus_tune){0};
	pthread_mutex_unlock(&b->lock);
	adoption_destroy(a);
	return any;
}

static bool worker_choose(struct bus *b)
{
	const us_t choice = worker_silence(b);
	if (choice) {
		worker_wait(b, choice, WAIT_TIME);
		return false;
	}
	if (!worker_chosen(b)) {
		if (!worker_listens(b))
			return worker_sleep(b);
		worker_listen(b);
		return false;
	}
	if (b->port.fd >= 0)
		worker_start(b, true);
	else
		worker_open(b, OPENS_TURN);
	return true;
}

static void worker_end(struct bus *b)
{
	port_close(&b->port);
	pthread_mutex_lock(&b->lock);
	b->ended = true;
	pthread_mutex_unlock(&b->lock);
	worker_tidy(b);
	worker_drop_jobs(b, OUT_CLOSED);
	worker_report(b, REPORT_ENDED, &(struct report){0});
	b->state = BUS_ENDED;
}

/* Is it to be seen whether the link is still there? */
static bool worker_looks(const struct bus *b)
{
	if (b->port.fd < 0)
		return false;
	return b->port.ops->connects ? b->port.ready : clock_now() > b->used_at + FRESH;
}

static bool worker_chooses(struct bus *b)
{
	if (atomic_load(&b->closing)) {
		worker_end(b);
		return true;
	}
	worker_tidy(b);
	if (worker_looks(b) && !link_alive(b)) {
		link_ended(b);
		link_lost(b);
	}
	const us_t open_at = b->port.fd < 0 ? link_open_at(b) : 0;
	if (clock_now() < open_at)
		return worker_rest(b, open_at, WAIT_TIME);
	/* A peer may close what is not used. One that broke it may be gone: that is to be reported.
	 */
	if (b->up && !b->port.broken)
		return worker_choose(b);
	worker_open(b, OPENS_BUS);
	return true;
}

/* One thing. False: it waits. */
static bool worker_act(struct bus *b)
{
	if (b->nunsent && !worker_reported(b)) {
		worker_wait(b, clock_now() + FULL_RETRY, WAIT_TIME);
		return false;
	}
	switch (b->state) {
	case BUS_CHOOSES:
		return worker_chooses(b);
	case BUS_OPENS:
		return worker_opens(b);
	case BUS_TURNS:
		return worker_turns(b);
	case BUS_ENDED:
		break;
	}
	return false;
}

void worker_go(struct bus *b)
{
	for (int i = 0; i < ACTS_MOST; i++)
		if (!worker_act(b))
			return;
	worker_wait(b, clock_now(), WAIT_TIME);
}

bool worker_over(const struct bus *b)
{
	return b->state == BUS_ENDED && !b->nunsent;
}
