// SPDX-License-Identifier: MIT
#include "bus/bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/worker.h"
#include "core/base/arena.h"

static void describe(const struct bus_conf *c, const struct port_ops *ops, struct bus_figures *f)
{
	port_name(c, f->port, sizeof(f->port));
	if (!ops->wire)
		snprintf(f->line_text, sizeof(f->line_text), "tcp");
	else
		snprintf(f->line_text, sizeof(f->line_text), "%u %u%c%u", c->baud, c->data,
		         c->parity, c->stop);
}

static void copy_conf(struct bus_conf *to, const struct bus_conf *from)
{
	*to = *from;
	to->name = from->name ? mem_strdup(from->name) : NULL;
	to->port = from->port ? mem_strdup(from->port) : NULL;
	to->host = from->host ? mem_strdup(from->host) : NULL;
	to->description = NULL; /* main's affair */
	to->where = (struct where){0};
}

static void stir(struct bus *b)
{
	b->stirred = true;
	if (b->resting)
		hub_stir(b);
	b->resting = false;
}

/* A name was looked up. */
static void looked_up(void *bus)
{
	struct bus *b = bus;
	pthread_mutex_lock(&b->lock);
	stir(b);
	pthread_mutex_unlock(&b->lock);
}

struct bus *bus_create(const struct bus_conf *conf, uint32_t tag, unsigned index, unsigned of,
                       struct queue *reports)
{
	struct bus *b = mem_alloc(1, sizeof(*b));
	copy_conf(&b->conf, conf);
	b->tag = tag;
	b->reports = reports;
	atomic_init(&b->closing, false);
	atomic_init(&b->tap, NULL);
	pthread_mutex_init(&b->lock, NULL);

	const us_t now = clock_now();
	struct wire wire;
	port_init(&b->port, &b->conf, &b->closing);
	b->port.done = looked_up;
	b->port.ctx = b;
	wire_init(&wire, b->port.ops->wire ? conf->baud : 0, conf->data, conf->parity, conf->stop,
	          conf->silence);
	line_init(&b->line, &wire, now);
	backlog_init(&b->backlog);
	b->schedule = schedule_create(&wire, index, of, now);
	b->shown.stepped = now;
	b->shown.step_limit = US_NEVER;
	hub_join(b);
	return b;
}

void adoption_destroy(struct adoption *a)
{
	if (!a)
		return;
	free(a->want);
	free(a->rule);
	free(a->window);
	free(a);
}

static struct adoption *adoption_create(const struct want *w, size_t nw, const struct unit_rule *r,
                                        size_t nr)
{
	struct adoption *a = mem_alloc(1, sizeof(*a));
	size_t windows = 0;
	for (size_t i = 0; i < nr; i++)
		windows += r[i].nwindow;
	a->want = mem_alloc(nw, sizeof(*w));
	a->rule = mem_alloc(nr, sizeof(*r));
	a->window = mem_alloc(windows, sizeof(*a->window));
	a->nwant = nw;
	a->nrule = nr;
	if (nw)
		memcpy(a->want, w, nw * sizeof(*w));
	struct window *next = a->window;
	for (size_t i = 0; i < nr; i++) {
		a->rule[i] = r[i];
		a->rule[i].window = next;
		for (uint8_t k = 0; k < r[i].nwindow; k++)
			*next++ = r[i].window[k];
	}
	return a;
}

void bus_adopt(struct bus *b, const struct want *w, size_t nw, const struct unit_rule *r, size_t nr)
{
	struct adoption *a = adoption_create(w, nw, r, nr);
	pthread_mutex_lock(&b->lock);
	struct adoption *old = b->adoption;
	b->adoption = a;
	stir(b);
	pthread_mutex_unlock(&b->lock);
	adoption_destroy(old);
}

enum submitted bus_submit(struct bus *b, const struct job *j, uint64_t *old)
{
	pthread_mutex_lock(&b->lock);
	const enum submitted s =
		b->ended ? SUBMIT_BUSY : schedule_submit(b->schedule, j, clock_now(), old);
	if (s != SUBMIT_BUSY) {
		b->job_came = true;
		stir(b);
	}
	pthread_mutex_unlock(&b->lock);
	return s;
}

bool bus_demand(struct bus *b, const struct span *s, us_t due)
{
	pthread_mutex_lock(&b->lock);
	const bool taken = !b->ended && schedule_demand(b->schedule, s, due);
	if (taken)
		stir(b);
	pthread_mutex_unlock(&b->lock);
	return taken;
}

bool bus_cancel(struct bus *b, uint64_t id)
{
	uint64_t cancelled;
	pthread_mutex_lock(&b->lock);
	const bool found = id && schedule_cancel(b->schedule, id, &cancelled);
	pthread_mutex_unlock(&b->lock);
	return found;
}

void bus_forget(struct bus *b, uint8_t unit)
{
	pthread_mutex_lock(&b->lock);
	schedule_forget(b->schedule, unit, clock_now());
	stir(b);
	pthread_mutex_unlock(&b->lock);
}

void bus_hold(struct bus *b, bool held, const struct bus_tune *t)
{
	const us_t now = clock_now();
	const struct bus_tune tune = held && t ? *t : (struct bus_tune){0};
	pthread_mutex_lock(&b->lock);
	if (held != b->held || !bus_tune_same(&tune, &b->tune))
		schedule_hold(b->schedule, held, now);
	b->tune = tune;
	b->held = held;
	stir(b);
	pthread_mutex_unlock(&b->lock);
}

void bus_tap(struct bus *b, struct queue *frames)
{
	atomic_store(&b->tap, frames);
}

void bus_figures(struct bus *b, struct bus_figures *out)
{
	struct unit_figures f;
	const struct bus_shown *s = &b->shown;
	pthread_mutex_lock(&b->lock);
	*out = (struct bus_figures){
		.adhoc = schedule_adhoc(b->schedule),
		.line = s->line,
		.retries = s->retries,
		.reopened = s->reopened,
		.busy = s->busy,
		.stepped = s->stepped,
		.step_limit = s->step_limit,
		.up = s->up,
	};
	memcpy(out->instead, s->instead, sizeof(out->instead));
	describe(&b->conf, b->port.ops, out);
	snprintf(out->trouble, sizeof(out->trouble), "%s", s->trouble ? s->trouble : "");
	snprintf(out->note, sizeof(out->note), "%s", s->note ? s->note : "");
	for (unsigned unit = 0; unit <= UINT8_MAX; unit++)
		if (schedule_unit(b->schedule, (uint8_t)unit, &f))
			out->missed += f.missed;
	pthread_mutex_unlock(&b->lock);
}

bool bus_unit_figures(struct bus *b, uint8_t unit, struct unit_figures *out)
{
	pthread_mutex_lock(&b->lock);
	const bool known = schedule_unit(b->schedule, unit, out);
	pthread_mutex_unlock(&b->lock);
	return known;
}

void bus_close(struct bus *b)
{
	atomic_store(&b->closing, true);
	pthread_mutex_lock(&b->lock);
	stir(b);
	pthread_mutex_unlock(&b->lock);
}

void bus_destroy(struct bus *b)
{
	if (!b)
		return;
	bus_close(b);
	hub_leave(b);
	port_close(&b->port);
	schedule_destroy(b->schedule);
	free(b->seen);
	free(b->run);
	free(b->shown.trouble);
	free(b->shown.note);
	adoption_destroy(b->adoption);
	pthread_mutex_destroy(&b->lock);
	free((char *)b->conf.name);
	free((char *)b->conf.port);
	free((char *)b->conf.host);
	free(b);
}
