// SPDX-License-Identifier: MIT
#include "daemon/setup.h"

#include "daemon/keep.h"
#include "daemon/log.h"
#include "daemon/own.h"

#include <stdlib.h>
#include <string.h>

#define AGAIN_FIRST (5 * US_S) /* after a step that failed; doubled each time */
#define TRIES_MAX 7            /* of one step: within about five minutes */

/* Where a device stands. */
struct progress {
	bool active;
	bool running; /* the step's command is alive */
	uint8_t tries;
	size_t step;
	us_t due; /* of the step */
};

struct setup {
	struct progress *progress; /* one a device */
	size_t n;
	char **unfinished; /* during a reload: names of devices under way */
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

static void go_on(struct gateway *g, uint32_t device)
{
	struct progress *p = &g->setup->progress[device];
	p->tries = 0;
	p->active = ++p->step < device_of(g, device)->nsetup;
	if (p->active)
		wait_until(g, p, g->now);
}

static void begin(struct gateway *g, uint32_t device)
{
	g->setup->progress[device] = (struct progress){.active = device_of(g, device)->nsetup > 0};
	if (g->setup->progress[device].active)
		wait_until(g, &g->setup->progress[device], g->now);
}

/* -- reload ----------------------------------------------------------------------- */

void setup_destroy(struct gateway *g)
{
	free(g->setup->progress);
	free(g->setup);
}

void setup_model_ends(struct gateway *g)
{
	for (uint32_t i = 0; i < g->setup->n; i++) {
		if (!g->setup->progress[i].active)
			continue;
		g->setup->unfinished =
			mem_grow(g->setup->unfinished, g->setup->nunfinished + 1, sizeof(char *));
		g->setup->unfinished[g->setup->nunfinished++] = mem_strdup(device_of(g, i)->name);
	}
	free(g->setup->progress);
	g->setup->progress = NULL;
	g->setup->n = 0;
}

void setup_model_begins(struct gateway *g)
{
	g->setup->n = g->model->ndevice;
	g->setup->progress = mem_alloc(g->setup->n, sizeof *g->setup->progress);
	for (size_t i = 0; i < g->setup->nunfinished; i++) {
		const char *name = g->setup->unfinished[i];
		const int device = model_find_device(g->model, name, strlen(name));
		if (device >= 0 && g->plant->device[device].phase == PHASE_ONLINE)
			begin(g, (uint32_t)device);
		free(g->setup->unfinished[i]);
	}
	free(g->setup->unfinished);
	g->setup->unfinished = NULL;
	g->setup->nunfinished = 0;
}

/* -- steps ------------------------------------------------------------------------ */

void setup_device_online(struct gateway *g, uint32_t device)
{
	if (device >= g->setup->n)
		return;
	begin(g, device);
	setup_tick(g);
}

void setup_device_offline(struct gateway *g, uint32_t device)
{
	if (device < g->setup->n)
		g->setup->progress[device].active = false; /* all of it again when it is back */
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
	if (!p->active || !p->running || o->origin != COMMAND_FROM_GATEWAY ||
	    d->setup[p->step].point != o->point ||
	    strcmp(d->setup[p->step].value, o->sent_text) != 0)
		return;
	if (command_end_good(o->end) || o->end == COMMAND_SUPERSEDED)
		go_on(g, o->device); /* somebody's newer value stands */
	else
		try_again(g, o->device, o);
}

static void run(struct gateway *g, uint32_t device)
{
	const struct device *d = device_of(g, device);
	const struct setup_step *s = &d->setup[g->setup->progress[device].step];
	/* its safe value goes before it, and so does somebody's newer command */
	if (keep_rules(g, device, s->point) || command_pending_shared(g->table, device, s->point)) {
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
