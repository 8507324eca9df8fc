// SPDX-License-Identifier: MIT
#include "daemon/health/planned.h"

#include "core/schedule/advise.h"
#include "daemon/base/log.h"
#include "daemon/health/health.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TURNAROUND (5 * US_MS) /* assumed of every device, as xnetctl plan does */
#define CHANGES 4
#define LEAST_PRIORITY 19 /* of this thread alone, as Linux has it */

struct line_plan {
	const char *name;
	struct wire wire;
	struct want *want;
	struct unit_rule *rule;
	size_t nwant, nrule;
	/* the result */
	double load, reached;
	struct load_change change[CHANGES];
	size_t nchange;
};

/* Held by main and by the thread; the last one frees. */
struct planned {
	atomic_int holders;
	atomic_bool done;
	atomic_bool unwanted; /* its model is gone */
	struct arena *arena;  /* names and windows */
	struct line_plan *line;
	size_t nline;
};

static void release(struct planned *p)
{
	if (atomic_fetch_sub(&p->holders, 1) > 1)
		return;
	for (size_t i = 0; i < p->nline; i++) {
		free(p->line[i].want);
		free(p->line[i].rule);
	}
	free(p->line);
	arena_destroy(p->arena);
	free(p);
}

/* A figure for people: every line and command goes first. */
static void be_patient(void)
{
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), LEAST_PRIORITY);
}

static void *work(void *arg)
{
	struct planned *p = arg;
	be_patient();
	for (size_t i = 0; i < p->nline && !atomic_load(&p->unwanted); i++) {
		struct line_plan *l = &p->line[i];
		l->load = schedule_load(&l->wire, l->want, l->nwant, l->rule, l->nrule, TURNAROUND);
		if (l->load > LOAD_LIMIT)
			l->nchange = load_advise(&l->wire, l->want, l->nwant, l->rule, l->nrule,
			                         TURNAROUND, LOAD_LIMIT, l->change, CHANGES,
			                         &l->reached);
	}
	atomic_store(&p->done, true);
	release(p);
	return NULL;
}

/* The rules' windows belong to a model that may end first. */
static void own_windows(struct planned *p, struct line_plan *l)
{
	for (size_t i = 0; i < l->nrule; i++) {
		struct unit_rule *r = &l->rule[i];
		struct window *w = arena_array(p->arena, r->nwindow, sizeof *w);
		if (r->nwindow)
			memcpy(w, r->window, r->nwindow * sizeof *w);
		r->window = w;
	}
}

static void add_line(struct planned *p, const struct gateway *g, uint32_t bus)
{
	const struct bus_conf *c = &g->model->bus[bus];
	struct line_plan *l = &p->line[p->nline++];
	l->name = arena_strdup(p->arena, c->name);
	wire_init(&l->wire, c->baud, c->data, c->parity, c->stop, c->silence);
	l->nwant = model_wants(g->model, bus, NULL, &l->want, &l->rule, &l->nrule);
	own_windows(p, l);
}

struct planned *planned_begin(const struct gateway *g)
{
	struct planned *p = mem_alloc(1, sizeof *p);
	p->arena = arena_create();
	p->line = mem_alloc(g->model->nbus, sizeof *p->line);
	for (uint32_t b = 0; b < g->model->nbus; b++)
		if (g->model->bus[b].baud)
			add_line(p, g, b);
	atomic_store(&p->holders, 2);
	pthread_t thread;
	if (p->nline && pthread_create(&thread, NULL, work, p) == 0) {
		pthread_detach(thread);
		return p;
	}
	release(p);
	release(p);
	return NULL;
}

static void warn(const struct line_plan *l)
{
	char text[256];
	load_print(l->change, l->nchange, text, sizeof text);
	if (l->nchange)
		log_warn("bus %s: the configuration needs %.0f %% of the line's time; to get to "
		         "%.0f %%, read %s",
		         l->name, l->load, l->reached, text);
	else
		log_warn("bus %s: the configuration needs %.0f %% of the line's time", l->name,
		         l->load);
}

struct planned *planned_publish(struct gateway *g, struct planned *p)
{
	if (!p || !atomic_load(&p->done))
		return p;
	for (size_t i = 0; i < p->nline; i++) {
		char path[160];
		snprintf(path, sizeof path, "bus/%s/load/planned", p->line[i].name);
		if (health_on(g))
			health_sys(g, path, "%.1f", p->line[i].load);
		if (p->line[i].load > LOAD_LIMIT)
			warn(&p->line[i]);
	}
	release(p);
	return NULL;
}

void planned_drop(struct planned *p)
{
	if (!p)
		return;
	atomic_store(&p->unwanted, true);
	release(p);
}
