// SPDX-License-Identifier: MIT
#include "daemon/command/setup.h"

#include "daemon/base/log.h"
#include "daemon/command/keep.h"
#include "daemon/command/own.h"

#include <stdlib.h>
#include <string.h>

#define AGAIN_FIRST (5 * US_S) /* after a step that failed; doubled each time */
#define TRIES_MAX 7            /* of one step: within about five minutes */

/* The progress of a device. */
struct progress {
	bool active;
	bool running; /* the step's command is alive */
	uint8_t tries;
	size_t step;
	us_t due;         /* of the step */
	char **commanded; /* points that a command wrote meanwhile: their steps are passed over */
	size_t ncommanded;
};

/* What a reload interrupts. */
struct unfinished {
	char *device;
	struct progress was;
};

struct setup {
	struct progress *progress; /* one a device */
	size_t n;
	struct unfinished *unfinished; /* during a reload */
	size_t nunfinished;
};

void setup_create(struct gateway *g)
{
	g->setup = mem_alloc(1, sizeof *g->setup);
}

static const struct device *device_of(const struct gateway *g, uint32_t device)
{
	return &g->model->device[device];
}

static void wait_until(struct gateway *g, struct progress *p, us_t due)
{
	p->running = false;
	p->due = due;
	gateway_wake(g, TIMER_COMMANDS, due);
}

static void end(struct progress *p)
{
	for (size_t i = 0; i < p->ncommanded; i++)
		free(p->commanded[i]);
	free(p->commanded);
	*p = (struct progress){0};
}

static void go_on(struct gateway *g, uint32_t device)
{
	struct progress *p = &g->setup->progress[device];
	p->tries = 0;
	if (++p->step < device_of(g, device)->nsetup)
		wait_until(g, p, g->now);
	else
		end(p);
}

static void begin(struct gateway *g, uint32_t device)
{
	struct progress *p = &g->setup->progress[device];
	p->active = device_of(g, device)->nsetup > 0;
	if (p->active)
		wait_until(g, p, g->now);
}

/* -- newer values of commands ------------------------------------------------------- */

static const char *name_of(const struct device *d, uint32_t point)
{
	return d->set->point[point].name;
}

static bool was_commanded(const struct progress *p, const char *point)
{
	for (size_t i = 0; i < p->ncommanded; i++)
		if (strcmp(p->commanded[i], point) == 0)
			return true;
	return false;
}

static void note_commanded(struct progress *p, const char *point)
{
	if (was_commanded(p, point))
		return;
	p->commanded = mem_grow(p->commanded, p->ncommanded + 1, sizeof *p->commanded);
	p->commanded[p->ncommanded++] = mem_strdup(point);
}

/* Of all devices that have something in common with what was written. */
static void commanded(struct gateway *g, const struct command_outcome *o)
{
	for (uint32_t i = 0; i < g->setup->n; i++) {
		const struct device *d = device_of(g, i);
		for (size_t k = 0; g->setup->progress[i].active && k < d->nsetup; k++) {
			const uint32_t point = d->setup[k].point;
			if ((i == o->device && point == o->point) ||
			    command_shares(g->model, i, point, o->device, o->point))
				note_commanded(&g->setup->progress[i], name_of(d, point));
		}
	}
}

/* -- reload ----------------------------------------------------------------------- */

void setup_destroy(struct gateway *g)
{
	for (size_t i = 0; i < g->setup->n; i++)
		end(&g->setup->progress[i]);
	free(g->setup->progress);
	free(g->setup);
}

void setup_model_ends(struct gateway *g)
{
	struct setup *s = g->setup;
	for (uint32_t i = 0; i < s->n; i++) {
		if (!s->progress[i].active)
			continue;
		s->unfinished = mem_grow(s->unfinished, s->nunfinished + 1, sizeof *s->unfinished);
		s->unfinished[s->nunfinished++] =
			(struct unfinished){mem_strdup(device_of(g, i)->name), s->progress[i]};
	}
	free(s->progress);
	s->progress = NULL;
	s->n = 0;
}

/* From the first step on, but for what commands wrote since the device came. */
static void resume(struct gateway *g, struct unfinished *u)
{
	const int device = model_find_device(g->model, u->device, strlen(u->device));
	if (device >= 0 && g->plant->device[device].phase == PHASE_ONLINE) {
		struct progress *p = &g->setup->progress[device];
		p->commanded = u->was.commanded;
		p->ncommanded = u->was.ncommanded;
		u->was = (struct progress){0};
		begin(g, (uint32_t)device);
	}
	end(&u->was);
	free(u->device);
}

void setup_model_begins(struct gateway *g)
{
	struct setup *s = g->setup;
	s->n = g->model->ndevice;
	s->progress = mem_alloc(s->n, sizeof *s->progress);
	for (size_t i = 0; i < s->nunfinished; i++)
		resume(g, &s->unfinished[i]);
	free(s->unfinished);
	s->unfinished = NULL;
	s->nunfinished = 0;
}

/* -- steps ------------------------------------------------------------------------ */

void setup_device_online(struct gateway *g, uint32_t device)
{
	if (device >= g->setup->n)
		return;
	end(&g->setup->progress[device]);
	begin(g, device);
	setup_tick(g);
}

void setup_device_offline(struct gateway *g, uint32_t device)
{
	if (device < g->setup->n)
		end(&g->setup->progress[device]); /* all of it again when it is back */
}

/* The device was busy or silent, or what the step depends on was not read yet: again, but what it
 * took and stored otherwise would be stored otherwise each time. */
static void try_again(struct gateway *g, uint32_t device, const struct command_outcome *o)
{
	struct progress *p = &g->setup->progress[device];
	if (o->end != COMMAND_DIFFERS && ++p->tries < TRIES_MAX) {
		wait_until(g, p, g->now + (AGAIN_FIRST << (p->tries - 1)));
		return;
	}
	log_warn("device %s: setup of %s = %s failed; retrying when it is online again: %s",
	         device_of(g, device)->name, o->param, o->sent_text, o->reason ? o->reason : "");
	go_on(g, device);
}

void setup_ended(struct gateway *g, const struct command_outcome *o)
{
	if (g->stopping || o->device >= g->setup->n)
		return;
	const struct device *d = device_of(g, o->device);
	struct progress *p = &g->setup->progress[o->device];
	if (o->origin == COMMAND_FROM_BROKER && o->effect != EFFECT_NONE)
		commanded(g, o);
	if (!p->active || !p->running || o->origin != COMMAND_FROM_GATEWAY ||
	    d->setup[p->step].point != o->point ||
	    strcmp(d->setup[p->step].value, o->sent_text) != 0)
		return;
	if (command_end_good(o->end) || o->end == COMMAND_SUPERSEDED)
		go_on(g, o->device); /* a command's newer value holds */
	else
		try_again(g, o->device, o);
}

static void run(struct gateway *g, uint32_t device)
{
	const struct device *d = device_of(g, device);
	const struct setup_step *s = &d->setup[g->setup->progress[device].step];
	/* its safe value goes before it, and so does a newer command */
	if (keep_rules(g, device, s->point) || command_pending_shared(g->table, device, s->point) ||
	    was_commanded(&g->setup->progress[device], name_of(d, s->point))) {
		go_on(g, device);
		return;
	}
	g->setup->progress[device].running = true;
	own_write(g, device, s->point, s->value, true);
}

void setup_tick(struct gateway *g)
{
	for (uint32_t i = 0; i < g->setup->n && !g->stopping; i++) {
		const struct progress *p = &g->setup->progress[i];
		if (!p->active || p->running)
			continue;
		if (p->due <= g->now)
			run(g, i);
		else
			gateway_wake(g, TIMER_COMMANDS, p->due);
	}
}
