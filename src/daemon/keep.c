#include "daemon/keep.h"

#include "daemon/commands.h"
#include "daemon/log.h"
#include "daemon/process.h"

#include <stdio.h>
#include <stdlib.h>

/* One point with such a rule. */
struct kept {
	uint32_t device, point;
	char *last;       /* last value that was commanded and taken: what a keep-alive repeats */
	us_t rewrite_at, sync_at, safe_at; /* US_NEVER: not due */
	bool safe;        /* the safe value is in force */
};

/* Main thread only; one gateway a process. */
static struct kept *kept;
static size_t nkept;
static bool broker_up;

static const struct write_rule *rule_of(const struct gateway *g, const struct kept *k)
{
	return g->model->device[k->device].set->point[k->point].write;
}

static bool has_rule(const struct write_rule *w)
{
	return w && (w->rewrite || w->sync || w->safe_after);
}

static void arm_safe(struct gateway *g, struct kept *k)
{
	const struct write_rule *w = rule_of(g, k);
	const bool counts = (w->safe_on_no_command && !k->safe) || (w->safe_on_broker && !broker_up);
	k->safe_at = w->safe_after && counts ? g->now + w->safe_after : US_NEVER;
	gateway_wake(g, TIMER_COMMANDS, k->safe_at);
}

void keep_model_begins(struct gateway *g)
{
	for (uint32_t i = 0; i < g->model->ndevice; i++) {
		const struct device *d = &g->model->device[i];
		for (uint32_t p = 0; d->enabled && p < d->set->n; p++) {
			if (!has_rule(d->set->point[p].write))
				continue;
			kept = mem_grow(kept, nkept + 1, sizeof *kept);
			kept[nkept] = (struct kept){.device = i, .point = p, .rewrite_at = US_NEVER,
						    .sync_at = US_NEVER};
			arm_safe(g, &kept[nkept++]);
		}
	}
}

void keep_model_ends(struct gateway *g)
{
	(void)g;
	for (size_t i = 0; i < nkept; i++)
		free(kept[i].last);
	free(kept);
	kept = NULL;
	nkept = 0;
}

void keep_destroy(struct gateway *g)
{
	keep_model_ends(g);
}

static void alert_source(const struct gateway *g, const struct kept *k, char *buf, size_t size)
{
	const struct device *d = &g->model->device[k->device];
	snprintf(buf, size, "%s/%s", d->name, d->set->point[k->point].name);
}

static void make_safe(struct gateway *g, struct kept *k, const char *why)
{
	const char *value = rule_of(g, k)->safe_value;
	char source[2 * NAME_MAX_LEN + 2], text[160];
	alert_source(g, k, source, sizeof source);
	snprintf(text, sizeof text, "safe value %s in force: %s", value, why);
	k->safe = true;
	k->safe_at = US_NEVER;
	free(k->last); /* a keep-alive goes on with the safe value once it is taken */
	k->last = NULL;
	log_warn("%s: %s", source, text);
	gateway_alert(g, ALERT_WARNING, ALERT_SAFE_VALUE, source, text);
	commands_own(g, k->device, k->point, value, true);
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
	arm_safe(g, k);
}

void keep_ended(struct gateway *g, const struct command_outcome *o)
{
	if (!command_end_good(o->end))
		return;
	for (size_t i = 0; i < nkept; i++)
		if (kept[i].device == o->device && kept[i].point == o->point)
			commanded(g, &kept[i], o);
}

void keep_device_online(struct gateway *g, uint32_t device)
{
	for (size_t i = 0; i < nkept; i++) {
		struct kept *k = &kept[i];
		if (k->device != device)
			continue;
		const struct write_rule *w = rule_of(g, k);
		if (w->sync)
			k->sync_at = g->now;
		if (w->safe_after && !k->last && !k->safe)
			make_safe(g, k, "nothing was commanded since the start");
		else if (k->safe) /* it may have forgotten while it was away */
			commands_own(g, device, k->point, w->safe_value, true);
		gateway_wake(g, TIMER_COMMANDS, k->sync_at);
	}
}

void keep_broker(struct gateway *g, bool up)
{
	if (broker_up == up)
		return;
	broker_up = up;
	for (size_t i = 0; i < nkept; i++)
		if (rule_of(g, &kept[i])->safe_on_broker)
			arm_safe(g, &kept[i]);
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

static void tick(struct gateway *g, struct kept *k)
{
	if (g->plant->device[k->device].phase == PHASE_ONLINE && k->rewrite_at <= g->now && k->last) {
		k->rewrite_at = g->now + rule_of(g, k)->rewrite;
		char *again = mem_strdup(k->last);
		commands_own(g, k->device, k->point, again, false);
		free(again);
	}
	if (g->plant->device[k->device].phase == PHASE_ONLINE && k->sync_at <= g->now)
		sync_clock(g, k);
	if (k->safe_at <= g->now)
		make_safe(g, k, broker_up ? "no command came in time" : "the broker is gone");
}

void keep_tick(struct gateway *g)
{
	for (size_t i = 0; i < nkept; i++) {
		struct kept *k = &kept[i];
		tick(g, k);
		const bool there = g->plant->device[k->device].phase == PHASE_ONLINE;
		if (there && k->last)
			gateway_wake(g, TIMER_COMMANDS, k->rewrite_at);
		if (there)
			gateway_wake(g, TIMER_COMMANDS, k->sync_at);
		gateway_wake(g, TIMER_COMMANDS, k->safe_at);
	}
}

void keep_stop(struct gateway *g)
{
	for (size_t i = 0; i < nkept; i++)
		if (rule_of(g, &kept[i])->safe_after && g->plant->device[kept[i].device].phase == PHASE_ONLINE)
			make_safe(g, &kept[i], "the gateway ends");
}
