// SPDX-License-Identifier: MIT
#include "bus/worker.h"

#include "core/base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REOPEN (400 * US_MS)   /* a serial port that is not there is tried again */
#define OWN_RETRY (20 * US_MS) /* the bus before a reload lets go of it */
#define BACKOFF_FIRST (100 * US_MS)
#define BACKOFF_MAX (2 * US_S)
#define JOB_RETRY (100 * US_MS) /* a command tries a port that is down, but not more often */
#define STRIKES 3               /* connections without an answer: the endpoint is down */
#define SPAN_MOST 8             /* answers a connection is good for, if a peer counts them */
/* So long a connection is kept for an unanswered write: as backlog.c waits for a gateway. */
#define WRITE_PATIENCE (15 * US_S)
#define SPAN_TIME (2 * US_S) /* an end that comes so soon behind an answer is the answer's */

/* -- it comes and goes -------------------------------------------------------------- */

static void report_port(struct bus *b, const char *text)
{
	struct report r = {.online = b->reported};
	snprintf(r.text, sizeof(r.text), "%s", text);
	worker_report(b, REPORT_PORT, &r);
}

static void text_set(char **text, const char *to)
{
	free(*text);
	*text = to[0] ? mem_strdup(to) : NULL;
}

/* Reported once, and again when the reason changes. Commands that wait end with OUT_LINK. */
void link_down(struct bus *b)
{
	port_close(&b->port);
	if (atomic_load(&b->closing)) /* no trouble of the port; its end is reported next */
		return;
	if (b->port.waits) { /* no trouble of the port */
		b->open_at = clock_now() + OWN_RETRY;
		return;
	}
	pthread_mutex_lock(&b->lock);
	const bool news =
		b->reported || strcmp(b->shown.trouble ? b->shown.trouble : "", b->port.why) != 0;
	b->up = b->reported = false;
	b->shown.up = false;
	text_set(&b->shown.trouble, b->port.why);
	text_set(&b->shown.note, "");
	schedule_port_lost(b->schedule, clock_now());
	b->job_came = false;
	pthread_mutex_unlock(&b->lock);
	if (news)
		report_port(b, b->port.why);
	worker_drop_jobs(b, OUT_LINK);
}

void link_proven(struct bus *b)
{
	if (b->reported)
		return;
	pthread_mutex_lock(&b->lock);
	b->reported = true;
	b->shown.up = true;
	text_set(&b->shown.trouble, "");
	text_set(&b->shown.note, b->port.why);
	pthread_mutex_unlock(&b->lock);
	report_port(b, b->port.why);
}

/* An endpoint that takes connections and drops them is not reported up each time. */
static void link_up(struct bus *b, us_t now)
{
	line_reopened(&b->line, now);
	port_describe(&b->port, &b->line);
	pthread_mutex_lock(&b->lock);
	b->up = true;
	schedule_port_back(b->schedule, now);
	pthread_mutex_unlock(&b->lock);
	if (!b->port.ops->connects || b->fails <= STRIKES)
		link_proven(b);
}

/* A serial port that is gone is down. A connection that broke is tried again first. */
void link_lost(struct bus *b)
{
	const bool connects = b->port.ops->connects;
	if (!connects)
		b->open_at = clock_now() + REOPEN;
	if (!connects || b->fails >= STRIKES)
		link_down(b);
	else
		port_close(&b->port);
}

/* -- peers that end each connection after so many answers ------------------------- */

void link_ended(struct bus *b)
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

bool link_alive(struct bus *b)
{
	b->looked = hub_waits(b);
	return port_alive(&b->port);
}

/* Since it was last read from the hub has waited, and nothing came: a read goes without another
 * look; so it does at once behind an answer, if the peer is none that ends connections after a few.
 * A command has a look of its own. */
static bool link_quiet(const struct bus *b)
{
	const struct port *p = &b->port;
	return b->turn.kind != TURN_JOB && !p->ready && !p->ended && !p->nrx &&
	       (hub_waits(b) != b->looked || p->answers > SPAN_MOST);
}

bool link_holds(struct bus *b)
{
	if (!b->port.ops->connects || !b->port.answers)
		return true;
	if (!link_quiet(b) && !link_alive(b)) {
		link_ended(b);
		return false;
	}
	if (b->port.answers > b->span)
		b->spans = 0;
	return !link_spent(b);
}

/* -- in use ------------------------------------------------------------------------- */

static void wire_set(struct bus *b, const struct bus_tune *t)
{
	wire_init(&b->line.wire, t->baud, t->data, t->parity, t->stop, b->conf.silence);
	b->line.burst = 0;
}

/* The line's own settings (baud 0), or those it was held with when the ad-hoc request was chosen.
 * False: the port is not set so. */
bool link_tune(struct bus *b, struct bus_tune want)
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

/* A write that was not answered may lie in the connection's queue: what comes behind it there
 * cannot overtake it, through a new connection it can. */
static bool link_owes(const struct bus *b)
{
	return b->write_at && clock_now() < b->write_at + WRITE_PATIENCE;
}

void link_judge(struct bus *b, enum outcome o)
{
	b->used_at = clock_now();
	if (o == OUT_LINK) {
		link_lost(b);
		return;
	}
	if (o == OUT_OK || o == OUT_REFUSED || o == OUT_SAME || b->run->exception) {
		b->fails = 0;
		b->write_at = 0;
		b->silent = 0;
		b->open_at = 0;
		return;
	}
	if (b->turn.kind == TURN_JOB && b->run->sent)
		b->write_at = b->run->sent;
	const unsigned limit = b->port.ops->silence_limit;
	/* behind a piece of an answer no other can be distinguished */
	const bool piece = b->port.ops->ids && b->port.nrx;
	b->silent += !b->adhoc;
	if (limit && ((b->silent >= limit && !link_owes(b)) || piece))
		port_close(&b->port);
}

/* -- it is opened ------------------------------------------------------------------- */

/* When a connection may be tried again if this one brings nothing. */
static us_t link_backoff(const struct bus *b)
{
	if (!b->port.ops->connects)
		return REOPEN;
	const unsigned doublings = b->fails ? b->fails - 1 : 0;
	return doublings >= 5 ? BACKOFF_MAX : BACKOFF_FIRST << doublings;
}

/* When the closed port may be opened: for a command sooner. */
us_t link_open_at(struct bus *b)
{
	const us_t sooner = b->open_at - link_backoff(b) + JOB_RETRY;
	pthread_mutex_lock(&b->lock);
	const bool hurry = b->job_came && sooner < b->open_at;
	pthread_mutex_unlock(&b->lock);
	return hurry ? sooner : b->open_at;
}

bool link_is_down(const struct bus *b)
{
	return b->fails > STRIKES;
}

/* For a command, and of a peer that answers but ends its connections (or ours were ended), a
 * connect does not wait for those of others. */
static bool link_hurries(struct bus *b)
{
	const bool job = b->opens == OPENS_TURN && b->turn.kind == TURN_JOB;
	const bool ends = b->spans > 0 || (b->conf.close_idle && b->opened);
	if (job || b->opens == OPENS_EXCHANGE || (ends && b->fails <= 1))
		return true;
	pthread_mutex_lock(&b->lock);
	const bool waits = schedule_has_job(b->schedule);
	pthread_mutex_unlock(&b->lock);
	return waits;
}

void link_opened(struct bus *b, bool open)
{
	const us_t now = clock_now();
	if (b->tuned.baud) /* it is as configured again */
		wire_set(b, &(struct bus_tune){b->conf.baud, b->conf.data, b->conf.stop,
		                               b->conf.parity});
	b->tuned = (struct bus_tune){0};
	b->open_at = now + link_backoff(b);
	b->fails -= b->port.waits;
	if (!open)
		return;
	pthread_mutex_lock(&b->lock);
	b->shown.reopened += b->opened;
	pthread_mutex_unlock(&b->lock);
	b->opened = true;
	b->used_at = now;
	b->linked_at = b->port.ops->connects ? now : 0;
	b->write_at = 0;
	b->silent = 0;
	if (!b->up)
		link_up(b, now);
}

enum port_opening link_step(struct bus *b, us_t now, us_t *until)
{
	if (atomic_load(&b->closing)) {
		port_close(&b->port);
		snprintf(b->port.why, sizeof(b->port.why), "stopped");
		return PORT_FAILED;
	}
	if (!b->begun && !hub_permits(b, link_hurries(b)))
		return PORT_OPENING;
	if (!b->begun)
		port_begin(&b->port);
	b->begun = true;
	return port_step(&b->port, now, until);
}
