// SPDX-License-Identifier: MIT
#include "web/frames.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/clock.h"
#include "core/base/arena.h"
#include "ctl/talk.h"
#include "ctl/traffic.h"
#include "ctl/verb.h"

#define LOOKED_AT (10 * US_S) /* after a request for its frames */
#define SLICE (100 * US_MS)
#define AGAIN (2 * US_S) /* after a connection that failed */

struct tap {
	char bus[80];
	us_t until;  /* a page shows it; 0: the place is free */
	int64_t id;  /* of its monitor; 0: none runs */
	bool failed; /* why gets the reason, for this connection */
	char why[200];
	struct traffic traffic;
	struct transaction
		kept[FRAMES_KEPT]; /* a ring: the newest is kept[(n - 1) % FRAMES_KEPT] */
	uint64_t n;
};

struct frames {
	const char *control;
	const struct config_paths *paths;
	pthread_t thread;
	pthread_mutex_t mutex; /* for what follows */
	pthread_cond_t change;
	bool end;
	bool renew;                 /* the connection has a monitor that no page shows any more */
	char gateway[80], why[200]; /* of the connection */
	struct tap tap[FRAMES_BUSES];
	/* the thread's own */
	struct talk *talk;
	struct model *model;
};

/* -- the thread: one connection ---------------------------------------------------------------- */

static void report(void *ctx, const struct transaction *x)
{
	struct tap *t = ctx;

	t->kept[t->n++ % FRAMES_KEPT] = *x;
}

static void tap_begin(struct frames *f, struct tap *t)
{
	static const struct bus_conf unknown = {.data = 8, .parity = 'N', .stop = 1};
	const struct bus_conf *conf = &unknown;

	t->traffic = (struct traffic){.gateway = true, .report = report, .ctx = t};
	for (uint32_t i = 0; f->model && i < f->model->nbus; i++)
		if (strcmp(f->model->bus[i].name, t->bus) == 0) {
			conf = &f->model->bus[i];
			t->traffic.model = f->model;
			t->traffic.bus = i;
		}
	traffic_init(&t->traffic, conf);
}

/* Starts the monitors that a page shows, and stops the others. False: the connection is gone. */
static bool follow(struct frames *f, bool *wanted)
{
	const us_t now = clock_now();

	*wanted = false;
	for (size_t i = 0; i < FRAMES_BUSES; i++) {
		struct tap *t = &f->tap[i];
		const bool looked_at = t->until > now;
		struct json j = {0};
		*wanted = *wanted || looked_at;
		if (looked_at == (t->id != 0) || t->failed)
			continue;
		talk_begin(f->talk, &j, "monitor");
		jw_string(&j, "bus", t->bus);
		jw_bool(&j, "on", looked_at);
		t->id = looked_at ? f->talk->id : 0;
		if (looked_at)
			tap_begin(f, t);
		const bool sent = talk_send(f->talk, &j);
		jw_free(&j);
		if (!sent)
			return false;
	}
	return true;
}

/* False: the monitors have ended, as after a reload: with the new configuration they start anew. */
static bool take(struct frames *f, const struct jread *line)
{
	uint8_t bytes[2 * ADU_RTU_MAX];
	const char *err = talk_text(line, "err");
	struct seen s;
	int64_t id = 0;

	talk_int(line, "id", &id);
	for (size_t i = 0; i < FRAMES_BUSES; i++) {
		struct tap *t = &f->tap[i];
		if (!t->id || t->id != id)
			continue;
		if (talk_seen(line, bytes, sizeof bytes, &s))
			traffic_take(&t->traffic, &s);
		else if (talk_failed(f->talk, line))
			snprintf(t->why, sizeof t->why, "%.190s", f->talk->why);
		t->failed = t->failed || err;
	}
	return !err || strcmp(err, "closed") != 0;
}

static void forget(struct frames *f)
{
	for (size_t i = 0; i < FRAMES_BUSES; i++) {
		struct tap *t = &f->tap[i];
		t->traffic.model = NULL;
		t->id = 0;
		t->failed = false;
		t->why[0] = '\0';
	}
}

/* Returns with the mutex held, as it was called. */
static void converse(struct frames *f)
{
	bool wanted, open = true;
	struct jread line;

	f->renew = false;
	while (!f->end && !f->renew && open && follow(f, &wanted) && wanted) {
		pthread_mutex_unlock(&f->mutex);
		line = (struct jread){0};
		const bool got = talk_next(f->talk, clock_now() + SLICE, &line, &open);
		pthread_mutex_lock(&f->mutex);
		if (got && !take(f, &line))
			open = false;
		jread_free(&line);
	}
	forget(f);
}

/* -- the thread: connections ------------------------------------------------------------------- */

static bool looked_at(const struct frames *f)
{
	for (size_t i = 0; i < FRAMES_BUSES; i++)
		if (f->tap[i].until > clock_now())
			return true;
	return false;
}

/* Without the mutex: the daemon may take its time. */
static bool connect_daemon(struct frames *f, char *why, size_t size)
{
	f->talk = talk_open(f->control, why, size);
	if (f->talk) {
		f->model = files_load(f->paths, true);
		return true;
	}
	if (talk_denied(f->control))
		snprintf(why, size,
		         "%.80s: permission denied: xnet-web needs the group xnet (xnet-web(8))",
		         f->control);
	else if (!why[0])
		snprintf(why, size,
		         "%.80s: xnetd does not run on this machine, or without `control`",
		         f->control);
	return false;
}

static void *run(void *ctx)
{
	struct frames *f = ctx;
	char why[256];

	pthread_mutex_lock(&f->mutex);
	while (!f->end) {
		if (!looked_at(f)) {
			pthread_cond_wait(&f->change, &f->mutex);
			continue;
		}
		pthread_mutex_unlock(&f->mutex);
		const bool good = connect_daemon(f, why, sizeof why);
		pthread_mutex_lock(&f->mutex);
		snprintf(f->why, sizeof f->why, "%.190s", good ? "" : why);
		if (good) {
			snprintf(f->gateway, sizeof f->gateway, "%s", f->talk->gateway);
			converse(f);
			f->gateway[0] = '\0';
			talk_close(f->talk);
			model_destroy(f->model);
			f->talk = NULL;
			f->model = NULL;
			continue;
		}
		const struct timespec until = clock_deadline(clock_now() + AGAIN);
		while (!f->end && pthread_cond_timedwait(&f->change, &f->mutex, &until) == 0)
			;
	}
	pthread_mutex_unlock(&f->mutex);
	return NULL;
}

/* -- the pages --------------------------------------------------------------------------------- */

/* The place of this bus; a new one takes the one that was requested longest ago. */
static struct tap *tap_of(struct frames *f, const char *bus)
{
	struct tap *old = &f->tap[0];

	for (size_t i = 0; i < FRAMES_BUSES; i++) {
		struct tap *t = &f->tap[i];
		if (strcmp(t->bus, bus) == 0)
			return t;
		if (t->until < old->until)
			old = t;
	}
	f->renew = f->renew || old->id;
	*old = (struct tap){0};
	snprintf(old->bus, sizeof old->bus, "%s", bus);
	return old;
}

static void put_transaction(const struct transaction *x, struct json *j)
{
	jw_open(j, NULL, '{');
	jw_int(j, "time", x->wall_us / 1000);
	if (x->unit >= 0)
		jw_int(j, "unit", x->unit);
	jw_string(j, "what", x->what);
	jw_string(j, "outcome", x->outcome);
	if (x->took)
		jw_real(j, "took", (double)x->took / 1e3);
	if (x->kind != TRAFFIC_OK)
		jw_bool(j, "bad", true);
	jw_close(j, '}');
}

void frames_put(struct frames *f, const char *gateway, const char *bus, struct json *j)
{
	char other[200];

	pthread_mutex_lock(&f->mutex);
	struct tap *t = tap_of(f, bus);
	const bool mine = !f->gateway[0] || strcmp(f->gateway, gateway) == 0;
	const uint64_t first = t->n > FRAMES_KEPT ? t->n - FRAMES_KEPT : 0;
	const char *trouble = f->why[0] ? f->why : t->why;

	if (mine) {
		t->until = clock_now() + LOOKED_AT;
	} else {
		snprintf(other, sizeof other,
		         "xnetd on this machine is %.80s; run xnet-web beside the other",
		         f->gateway);
		trouble = other;
	}
	jw_open(j, "frames", '[');
	for (uint64_t i = first; mine && i < t->n; i++)
		put_transaction(&t->kept[i % FRAMES_KEPT], j);
	jw_close(j, ']');
	jw_string(j, "trouble", trouble);
	pthread_cond_signal(&f->change);
	pthread_mutex_unlock(&f->mutex);
}

/* -- life -------------------------------------------------------------------------------------- */

struct frames *frames_create(const char *control, const struct config_paths *paths)
{
	struct frames *f = mem_alloc(1, sizeof *f);
	pthread_condattr_t a;

	f->control = control;
	f->paths = paths;
	pthread_mutex_init(&f->mutex, NULL);
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&f->change, &a);
	pthread_condattr_destroy(&a);
	errno = pthread_create(&f->thread, NULL, run, f);
	if (errno == 0)
		return f;
	pthread_cond_destroy(&f->change);
	pthread_mutex_destroy(&f->mutex);
	free(f);
	return NULL;
}

void frames_destroy(struct frames *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->mutex);
	f->end = true;
	pthread_cond_signal(&f->change);
	pthread_mutex_unlock(&f->mutex);
	pthread_join(f->thread, NULL);
	pthread_cond_destroy(&f->change);
	pthread_mutex_destroy(&f->mutex);
	free(f);
}
