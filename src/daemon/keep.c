#include "daemon/keep.h"

#include "daemon/commands.h"
#include "daemon/log.h"
#include "daemon/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAFE_RETRY (5 * US_S) /* a safe value that did not arrive is tried again */

/* One point with such a rule. */
struct kept {
	uint32_t device, point;
	char *last;       /* last value that was commanded and taken: what a keep-alive repeats */
	us_t rewrite_at, sync_at, safe_at, retry_at; /* US_NEVER: not due */
	bool safe;        /* the safe value is in force */
	bool commanded;   /* somebody has set it since the start */
};

/* Over a reload: the same by name. */
struct saved {
	char *device, *point;
	struct kept kept; /* its device and point are the old model's */
};

struct keep {
	struct kept *kept;
	size_t nkept;
	struct saved *saved;
	size_t nsaved;
	bool broker_up;
};

void keep_create(struct gateway *g)
{
	g->keep = mem_alloc(1, sizeof *g->keep);
}

static const struct point *point_of(const struct gateway *g, const struct kept *k)
{
	return &g->model->device[k->device].set->point[k->point];
}

static const struct write_rule *rule_of(const struct gateway *g, const struct kept *k)
{
	return point_of(g, k)->write;
}

static bool has_rule(const struct write_rule *w)
{
	return w && (w->rewrite || w->sync || w->safe_after);
}

static void arm_safe(struct gateway *g, struct kept *k)
{
	const struct write_rule *w = rule_of(g, k);
	const bool counts = (w->safe_on_no_command && !k->safe) || (w->safe_on_broker && !g->keep->broker_up);
	k->safe_at = w->safe_after && counts ? g->now + w->safe_after : US_NEVER;
	gateway_wake(g, TIMER_COMMANDS, k->safe_at);
}

/* What was in force before a reload still is. */
static bool restore(struct gateway *g, struct kept *k)
{
	struct keep *all = g->keep;
	for (size_t i = 0; i < all->nsaved; i++) {
		struct saved *s = &all->saved[i];
		if (strcmp(s->device, g->model->device[k->device].name) != 0 ||
		    strcmp(s->point, point_of(g, k)->name) != 0)
			continue;
		const struct kept at = *k;
		*k = s->kept;
		s->kept.last = NULL;
		k->device = at.device;
		k->point = at.point;
		return true;
	}
	return false;
}

static void begin_one(struct gateway *g, uint32_t device, uint32_t point)
{
	struct keep *all = g->keep;
	all->kept = mem_grow(all->kept, all->nkept + 1, sizeof *all->kept);
	struct kept *k = &all->kept[all->nkept++];
	*k = (struct kept){
		.device = device,
		.point = point,
		.rewrite_at = US_NEVER,
		.sync_at = US_NEVER,
		.safe_at = US_NEVER,
		.retry_at = US_NEVER,
	};
	if (restore(g, k))
		gateway_wake(g, TIMER_COMMANDS, g->now);
	else if (rule_of(g, k)->sync)
		k->sync_at = g->now;
	if (k->safe_at == US_NEVER)
		arm_safe(g, k);
}

static void forget_saved(struct keep *all)
{
	for (size_t i = 0; i < all->nsaved; i++) {
		free(all->saved[i].device);
		free(all->saved[i].point);
		free(all->saved[i].kept.last);
	}
	free(all->saved);
	all->saved = NULL;
	all->nsaved = 0;
}

void keep_model_begins(struct gateway *g)
{
	for (uint32_t i = 0; i < g->model->ndevice; i++) {
		const struct device *d = &g->model->device[i];
		for (uint32_t p = 0; d->enabled && p < d->set->n; p++)
			if (has_rule(d->set->point[p].write))
				begin_one(g, i, p);
	}
	forget_saved(g->keep);
}

void keep_model_ends(struct gateway *g)
{
	struct keep *all = g->keep;
	all->saved = mem_alloc(all->nkept, sizeof *all->saved);
	for (size_t i = 0; i < all->nkept; i++)
		all->saved[all->nsaved++] = (struct saved){
			.device = mem_strdup(g->model->device[all->kept[i].device].name),
			.point = mem_strdup(point_of(g, &all->kept[i])->name),
			.kept = all->kept[i],
		};
	all->nkept = 0;
}

void keep_destroy(struct gateway *g)
{
	for (size_t i = 0; i < g->keep->nkept; i++)
		free(g->keep->kept[i].last);
	free(g->keep->kept);
	forget_saved(g->keep);
	free(g->keep);
}

static void alert_source(const struct gateway *g, const struct kept *k, char *buf, size_t size)
{
	const struct device *d = &g->model->device[k->device];
	snprintf(buf, size, "%s/%s", d->name, d->set->point[k->point].name);
}

static void write_safe(struct gateway *g, struct kept *k)
{
	k->retry_at = US_NEVER;
	commands_own(g, k->device, k->point, rule_of(g, k)->safe_value, true);
}

static void make_safe(struct gateway *g, struct kept *k, const char *why)
{
	char source[2 * NAME_MAX_LEN + 2], text[160];
	alert_source(g, k, source, sizeof source);
	snprintf(text, sizeof text, "safe value %s in force: %s", rule_of(g, k)->safe_value, why);
	k->safe = true;
	k->safe_at = US_NEVER;
	free(k->last); /* a keep-alive goes on with the safe value once it is taken */
	k->last = NULL;
	log_warn("%s: %s", source, text);
	gateway_alert(g, ALERT_WARNING, ALERT_SAFE_VALUE, source, text);
	write_safe(g, k);
}

static void commanded(struct gateway *g, struct kept *k, const struct command_outcome *o)
{
	const struct write_rule *w = rule_of(g, k);
	if (w->rewrite && o->origin != COMMAND_PULSE_END) {
		free(k->last);
		k->last = mem_strdup(o->sent_text);
		k->rewrite_at = g->now + w->rewrite;
		gateway_wake(g, TIMER_COMMANDS, k->rewrite_at);
	}
	if (o->origin != COMMAND_FROM_BROKER)
		return;
	char source[2 * NAME_MAX_LEN + 2];
	alert_source(g, k, source, sizeof source);
	if (k->safe)
		gateway_alert_end(g, ALERT_WARNING, ALERT_SAFE_VALUE, source);
	k->safe = false;
	k->commanded = true;
	k->retry_at = US_NEVER;
	arm_safe(g, k);
}

/* A safe value that the device did not take: it must come to it all the same. */
static void not_taken(struct gateway *g, struct kept *k, const struct command_outcome *o)
{
	if (!k->safe || o->origin != COMMAND_FROM_GATEWAY || g->stopping)
		return;
	k->retry_at = g->now + SAFE_RETRY;
	gateway_wake(g, TIMER_COMMANDS, k->retry_at);
}

void keep_ended(struct gateway *g, const struct command_outcome *o)
{
	for (size_t i = 0; i < g->keep->nkept; i++) {
		struct kept *k = &g->keep->kept[i];
		if (k->device != o->device || k->point != o->point)
			continue;
		if (command_end_good(o->end))
			commanded(g, k, o);
		else
			not_taken(g, k, o);
	}
}

void keep_device_online(struct gateway *g, uint32_t device)
{
	for (size_t i = 0; i < g->keep->nkept; i++) {
		struct kept *k = &g->keep->kept[i];
		if (k->device != device)
			continue;
		const struct write_rule *w = rule_of(g, k);
		if (w->sync)
			k->sync_at = g->now;
		if (w->safe_after && !k->commanded && !k->safe)
			make_safe(g, k, "nothing was commanded since the start");
		else if (k->safe) /* it may have forgotten while it was away */
			write_safe(g, k);
		gateway_wake(g, TIMER_COMMANDS, k->sync_at);
	}
}

void keep_broker(struct gateway *g, bool up)
{
	if (g->keep->broker_up == up)
		return;
	g->keep->broker_up = up;
	for (size_t i = 0; i < g->keep->nkept; i++)
		if (rule_of(g, &g->keep->kept[i])->safe_on_broker)
			arm_safe(g, &g->keep->kept[i]);
}

static void sync_clock(struct gateway *g, struct kept *k)
{
	struct process p;
	process_look(&p);
	const bool good = p.clock_known && p.synchronised;
	k->sync_at = g->now + (good ? rule_of(g, k)->sync : 60 * US_S);
	if (good)
		commands_own(g, k->device, k->point, "now", false);
}

static void tick(struct gateway *g, struct kept *k, bool there)
{
	if (there && k->rewrite_at <= g->now && k->last) {
		k->rewrite_at = g->now + rule_of(g, k)->rewrite;
		char *again = mem_strdup(k->last); /* the outcome replaces it */
		commands_own(g, k->device, k->point, again, false);
		free(again);
	}
	if (there && k->sync_at <= g->now)
		sync_clock(g, k);
	if (there && k->retry_at <= g->now)
		write_safe(g, k);
	if (k->safe_at <= g->now)
		make_safe(g, k, g->keep->broker_up ? "no command came in time" : "the broker is gone");
}

void keep_tick(struct gateway *g)
{
	for (size_t i = 0; i < g->keep->nkept; i++) {
		struct kept *k = &g->keep->kept[i];
		const bool there = g->plant->device[k->device].phase == PHASE_ONLINE;
		tick(g, k, there);
		gateway_wake(g, TIMER_COMMANDS, k->safe_at);
		if (!there)
			continue; /* the rest is looked at when it is back */
		gateway_wake(g, TIMER_COMMANDS, k->sync_at);
		gateway_wake(g, TIMER_COMMANDS, k->retry_at);
		if (k->last)
			gateway_wake(g, TIMER_COMMANDS, k->rewrite_at);
	}
}

void keep_stop(struct gateway *g)
{
	for (size_t i = 0; i < g->keep->nkept; i++) {
		struct kept *k = &g->keep->kept[i];
		if (rule_of(g, k)->safe_after && g->plant->device[k->device].phase == PHASE_ONLINE)
			make_safe(g, k, "the gateway ends");
	}
}
