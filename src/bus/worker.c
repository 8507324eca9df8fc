// SPDX-License-Identifier: MIT
#include "bus/worker.h"

#include <stdio.h>
#include <string.h>

#define REOPEN (400 * US_MS)   /* a serial port that is not there is tried again */
#define OWN_RETRY (20 * US_MS) /* the bus before a reload lets go of it */
#define BACKOFF_FIRST (100 * US_MS)
#define BACKOFF_MAX (2 * US_S)
#define JOB_RETRY (100 * US_MS) /* a command tries a port that is down, but not more often */
#define STRIKES 3               /* connections without an answer: the endpoint is down */
#define STEP_SLACK (10 * US_S)
#define FRESH US_MS          /* a link that was good so lately is not asked for again */
#define SPAN_MOST 8          /* answers a connection is good for, if a peer counts them */
#define SPAN_TIME (2 * US_S) /* an end that comes so soon behind an answer is the answer's */
#define CHOICE ((us_t)300)   /* so long before the silence ends it is chosen what goes next */

void worker_report(struct bus *b, enum report_kind kind)
{
	b->report.kind = kind;
	b->report.bus = b->tag;
	if (!b->report.at)
		b->report.at = clock_now();
	queue_push(b->reports, &b->report);
}

static void worker_step(struct bus *b, us_t limit)
{
	pthread_mutex_lock(&b->lock);
	b->shown.stepped = clock_now();
	b->shown.step_limit = limit;
	pthread_mutex_unlock(&b->lock);
}

static void worker_rest(struct bus *b, us_t until)
{
	const us_t now = clock_now();
	const us_t longest = b->port.ops->rest_most;
	const struct timespec t = clock_deadline(until < now + longest ? until : now + longest);
	pthread_mutex_lock(&b->lock);
	b->shown.stepped = now;
	b->shown.step_limit = longest + STEP_SLACK;
	if (!b->stirred && until > now)
		pthread_cond_timedwait(&b->wake, &b->lock, &t);
	b->stirred = false;
	pthread_mutex_unlock(&b->lock);
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
		b->report = (struct report){.id = id, .outcome = (uint8_t)o};
		worker_report(b, REPORT_JOB);
	}
}

static void worker_tidy(struct bus *b)
{
	worker_adopt(b);
	report_jobs(b, take_expired, OUT_EXPIRED);
}

/* -- the port comes and goes ------------------------------------------------------ */

static void report_port(struct bus *b, const char *text)
{
	b->report = (struct report){.online = b->reported};
	snprintf(b->report.text, sizeof(b->report.text), "%s", text);
	worker_report(b, REPORT_PORT);
}

/* Told once, and again when the reason changes. Waiting commands do not wait for its return. */
static void worker_down(struct bus *b)
{
	port_close(&b->port);
	if (b->port.waits) { /* no trouble of the port */
		b->open_at = clock_now() + OWN_RETRY;
		return;
	}
	pthread_mutex_lock(&b->lock);
	const bool news = b->reported || strcmp(b->shown.trouble, b->port.why) != 0;
	b->up = b->reported = false;
	b->shown.up = false;
	snprintf(b->shown.trouble, sizeof(b->shown.trouble), "%s", b->port.why);
	b->shown.note[0] = 0;
	schedule_port_lost(b->schedule, clock_now());
	b->job_came = false;
	pthread_mutex_unlock(&b->lock);
	if (news)
		report_port(b, b->port.why);
	report_jobs(b, take_any, OUT_LINK);
}

void worker_proven(struct bus *b)
{
	if (b->reported)
		return;
	pthread_mutex_lock(&b->lock);
	b->reported = true;
	b->shown.up = true;
	b->shown.trouble[0] = 0;
	snprintf(b->shown.note, sizeof(b->shown.note), "%s", b->port.why);
	pthread_mutex_unlock(&b->lock);
	report_port(b, b->port.why);
}

/* An endpoint that takes connections and drops them is not reported up each time. */
static void worker_up(struct bus *b, us_t now)
{
	line_reopened(&b->line, now);
	port_describe(&b->port, &b->line);
	pthread_mutex_lock(&b->lock);
	b->up = true;
	schedule_port_back(b->schedule, now);
	pthread_mutex_unlock(&b->lock);
	if (!b->port.ops->connects || b->fails <= STRIKES)
		worker_proven(b);
}

/* When a connection may be tried again if this one brings nothing. */
static us_t worker_backoff(const struct bus *b)
{
	if (!b->port.ops->connects)
		return REOPEN;
	const unsigned doublings = b->fails ? b->fails - 1 : 0;
	return doublings >= 5 ? BACKOFF_MAX : BACKOFF_FIRST << doublings;
}

static void wire_set(struct bus *b, const struct bus_tune *t)
{
	wire_init(&b->line.wire, t->baud, t->data, t->parity, t->stop, b->conf.silence);
	b->line.burst = 0;
}

/* False: port.why says why not. */
static bool worker_connect(struct bus *b)
{
	worker_step(b, US_NEVER); /* a name look-up takes as long as it takes */
	b->fails++;
	const bool open = port_open(&b->port);
	if (b->tuned.baud) /* it is as configured again */
		wire_set(b, &(struct bus_tune){b->conf.baud, b->conf.data, b->conf.stop,
		                               b->conf.parity});
	b->tuned = (struct bus_tune){0};
	const us_t now = clock_now();
	b->open_at = now + worker_backoff(b);
	b->fails -= b->port.waits;
	if (!open)
		return false;
	pthread_mutex_lock(&b->lock);
	b->shown.reopened += b->opened;
	pthread_mutex_unlock(&b->lock);
	b->opened = true;
	b->used_at = now;
	b->silent = 0;
	if (!b->up)
		worker_up(b, now);
	return true;
}

/* A serial port that is gone is down. A connection that broke is tried again first. */
static void worker_lost(struct bus *b)
{
	const bool connects = b->port.ops->connects;
	if (!connects)
		b->open_at = clock_now() + REOPEN;
	if (!connects || b->fails >= STRIKES)
		worker_down(b);
	else
		port_close(&b->port);
}

/* Each try may prove the unit in step first, or send twice, and wait for a noisy line. */
static us_t turn_limit(const struct bus *b)
{
	const us_t one = b->turn.configured + US_S + b->rule.pause;
	const us_t queued = backlog_wait(&b->backlog, clock_now());
	return (b->rule.retries + 2) * 3 * one + 2 * queued + STEP_SLACK;
}

/* -- peers that end each connection after so many answers ------------------------- */

void worker_link_ended(struct bus *b)
{
	const uint32_t answers = b->port.answers;
	const bool soon = clock_now() - b->answered_at < SPAN_TIME;
	if (!answers || answers > SPAN_MOST || !soon)
		return;
	b->spans = answers == b->span ? b->spans + 1 : 1;
	b->span = answers;
}

/* By what was seen twice it is about to be ended: a request would be lost with it. Once in a while,
 * after a rest, it is looked whether that still is so. */
static bool link_spent(const struct bus *b)
{
	return b->spans >= 2 && b->port.answers >= b->span &&
	       clock_now() - b->answered_at < SPAN_TIME;
}

bool worker_linked(struct bus *b)
{
	if (!b->port.ops->connects || !b->port.answers)
		return true;
	if (!port_alive(&b->port)) {
		worker_link_ended(b);
		return false;
	}
	if (b->port.answers > b->span)
		b->spans = 0;
	return !link_spent(b);
}

bool worker_relink(struct bus *b)
{
	if (!b->port.ops->connects || !b->port.answers)
		return false;
	port_close(&b->port);
	b->fails = 0; /* it answers */
	const bool open = worker_connect(b);
	worker_step(b, turn_limit(b));
	return open;
}

/* When the closed port may be opened: for a command sooner. */
static us_t worker_open_at(struct bus *b)
{
	const us_t sooner = b->open_at - worker_backoff(b) + JOB_RETRY;
	pthread_mutex_lock(&b->lock);
	const bool hurry = b->job_came && sooner < b->open_at;
	pthread_mutex_unlock(&b->lock);
	return hurry ? sooner : b->open_at;
}

/* -- turns ------------------------------------------------------------------------ */

/* Sleeps until there is something to do. A connection nobody uses is closed meanwhile. */
static void worker_sleep(struct bus *b)
{
	const bool closes = b->port.ops->connects && b->conf.close_idle && b->port.fd >= 0;
	const us_t idle_at = closes ? b->used_at + b->conf.close_idle : US_NEVER;
	if (clock_now() >= idle_at) {
		port_close(&b->port);
		b->open_at = 0;
		worker_rest(b, b->turn.until);
	} else {
		worker_rest(b, b->turn.until < idle_at ? b->turn.until : idle_at);
	}
}

/* -- a lent line ------------------------------------------------------------------ */

#define LISTEN (5 * US_MS) /* in one go: a request may come meanwhile */

/* The line's own settings (baud 0), or those it was lent with when the guest was chosen. False: the
 * port is not set so. */
static bool worker_tune(struct bus *b, struct bus_tune want)
{
	const struct bus_tune own = {b->conf.baud, b->conf.data, b->conf.stop, b->conf.parity};
	if (b->port.fd < 0 || !b->port.ops->tunes || bus_tune_same(&want, &b->tuned))
		return true;
	const struct bus_tune *t = want.baud ? &want : &own;
	if (!tty_tune(b->port.fd, t->baud, t->data, t->parity, t->stop))
		return false;
	wire_set(b, t);
	b->tuned = want;
	return true;
}

/* Who has the line lent and looks on wants to know whether another client talks on it. */
static bool worker_listens(struct bus *b)
{
	uint8_t buf[ADU_RTU_MAX];
	const us_t now = clock_now();
	if (b->port.fd < 0 || b->port.ops->connects || !atomic_load(&b->tap))
		return false;
	pthread_mutex_lock(&b->lock);
	const bool lent = b->lent;
	b->shown.stepped = now;
	b->shown.step_limit = STEP_SLACK;
	b->stirred &= !lent;
	pthread_mutex_unlock(&b->lock);
	if (!lent)
		return false;
	const int n = port_read(&b->port, buf, sizeof(buf), now + LISTEN);
	if (n > 0) {
		b->line.last_end = clock_now();
		tap_in(b, buf, (size_t)n, b->line.last_end);
	} else if (b->seen.n) {
		tap_end(b, "nobody asked for it", now);
	}
	return true;
}

static void worker_judge(struct bus *b, enum outcome o)
{
	b->used_at = clock_now();
	if (o == OUT_LINK) {
		worker_lost(b);
		return;
	}
	if (o == OUT_OK || o == OUT_REFUSED || o == OUT_SAME || b->run.exception) {
		b->fails = 0;
		b->silent = 0;
		b->open_at = 0;
		return;
	}
	const unsigned limit = b->port.ops->silence_limit;
	/* behind a piece of an answer no other can be distinguished */
	const bool piece = b->port.ops->ids && b->port.nrx;
	if (limit && ((!b->guest && ++b->silent >= limit) || piece))
		port_close(&b->port);
}

/* Nothing can be sent before the line was silent: what comes until then is chosen among, too. With
 * nothing to do by then there is no need to wake up for it. */
static void worker_silence(struct bus *b)
{
	const us_t choice = b->line.last_end + b->line.wire.silence - CHOICE;
	const us_t now = clock_now();
	if (b->port.fd < 0 || now >= choice)
		return;
	pthread_mutex_lock(&b->lock);
	const bool idle = !b->adoption && schedule_idle(b->schedule, now, choice);
	pthread_mutex_unlock(&b->lock);
	if (!idle)
		clock_sleep(choice);
}

static void worker_turn(struct bus *b)
{
	worker_silence(b);
	pthread_mutex_lock(&b->lock);
	/* A job that came behind new rules must meet them. */
	struct adoption *a = adopt_locked(b);
	schedule_next(b->schedule, clock_now(), &b->turn);
	if (b->turn.kind == TURN_SLEEP)
		b->job_came = false;
	else
		b->rule = *b->turn.rule;
	const bool guest = b->turn.kind == TURN_JOB && b->turn.job->guest;
	const struct bus_tune tune = guest && b->lent ? b->tune : (struct bus_tune){0};
	pthread_mutex_unlock(&b->lock);
	adoption_destroy(a);
	if (b->turn.kind == TURN_SLEEP) {
		if (!worker_listens(b))
			worker_sleep(b);
		return;
	}
	const bool linked = b->port.fd >= 0 || worker_connect(b);
	worker_step(b, turn_limit(b));
	const bool tuned = linked && worker_tune(b, tune);
	const enum outcome o = turn_run(b, tuned);
	if (linked && guest && !tuned)
		return; /* the port cannot have these settings */
	if (tuned)
		worker_judge(b, o);
	else
		worker_down(b);
}

static void worker_end(struct bus *b)
{
	port_close(&b->port);
	pthread_mutex_lock(&b->lock);
	b->ended = true;
	pthread_mutex_unlock(&b->lock);
	worker_tidy(b);
	report_jobs(b, take_any, OUT_CLOSED);
	b->report = (struct report){0};
	worker_report(b, REPORT_ENDED);
}

void *worker_main(void *arg)
{
	struct bus *b = arg;
	clock_sharp();
	while (!atomic_load(&b->closing)) {
		worker_tidy(b);
		if (b->port.fd >= 0 && clock_now() > b->used_at + FRESH && !port_alive(&b->port)) {
			worker_link_ended(b);
			worker_lost(b);
		}
		const us_t open_at = b->port.fd < 0 ? worker_open_at(b) : 0;
		if (clock_now() < open_at)
			worker_rest(b, open_at);
		/* A peer may close what is not used. One that broke it may be gone: that is to be
		 * reported. */
		else if ((b->up && !b->port.broken) || worker_connect(b))
			worker_turn(b);
		else
			worker_down(b);
	}
	worker_end(b);
	return NULL;
}
