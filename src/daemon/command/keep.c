// SPDX-License-Identifier: MIT
#include "daemon/command/keep.h"

#include "core/command/safe.h"
#include "daemon/base/log.h"
#include "daemon/command/own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_AGAIN (60 * US_S) /* our own clock is not right yet */

/* One point with such a rule. */
struct kept {
	uint32_t device, point;
	char *source; /* "device/point": it is known by that across a reload */
	char *last;   /* what was commanded last and taken: what a keep-alive repeats; NULL: nothing
	               */
	char *safe_value;         /* of the model before, during a reload */
	us_t rewrite_at, sync_at; /* US_NEVER: not due */
	us_t sync_after; /* the clock was not set: so long after that it is tried again; 0: it was
	                  */
	bool missed;     /* the keep-alive was due, but a command was under way */
	bool commanded;  /* a command was accepted since the start, or since the safe value */
	struct safe safe;
};

struct keep {
	struct kept *kept, *before; /* before: those of the old model during a reload */
	size_t n, nbefore;
	size_t *from; /* by device, and behind the last: where its points begin; NULL: no model */
	size_t next;  /* of those before: behind the one found last, as they keep their order */
	bool broker_up;
};

void keep_create(struct gateway *g)
{
	g->keep = mem_alloc(1, sizeof *g->keep);
}

static const struct write_rule *rule_of(const struct gateway *g, const struct kept *k)
{
	return g->model->device[k->device].set->point[k->point].write;
}

static bool has_rule(const struct write_rule *w)
{
	return w && (w->rewrite || w->sync || w->safe_after);
}

static bool there(const struct gateway *g, const struct kept *k)
{
	return g->plant->device[k->device].phase == PHASE_ONLINE;
}

static void wake(struct gateway *g, const struct kept *k)
{
	gateway_wake(g, TIMER_COMMANDS, safe_due(&k->safe, there(g, k)));
	if (!there(g, k))
		return; /* the rest waits for the device */
	gateway_wake(g, TIMER_COMMANDS, k->sync_at);
	if (k->last)
		gateway_wake(g, TIMER_COMMANDS, k->rewrite_at);
}

static struct safe_rule safe_rule_of(const struct gateway *g, const struct kept *k)
{
	const struct write_rule *w = rule_of(g, k);
	return (struct safe_rule){
		.after = w->safe_after,
		.on_broker = w->safe_on_broker,
		.on_no_command = w->safe_on_no_command,
	};
}

/* -- those whose registers may be shared ------------------------------------------------ */

struct nearby {
	const uint32_t *device;
	size_t n; /* devices to come */
	size_t at, end;
};

static struct nearby nearby(const struct gateway *g, uint32_t device)
{
	struct nearby w = {0};
	if (g->keep->from)
		w.device = command_near(g->table, device, &w.n);
	return w;
}

/* In the order of kept[]; NULL: no more. */
static struct kept *nearby_next(const struct gateway *g, struct nearby *w)
{
	for (; w->at == w->end; w->n--, w->device++) {
		if (w->n == 0)
			return NULL;
		w->at = g->keep->from[*w->device];
		w->end = g->keep->from[*w->device + 1];
	}
	return &g->keep->kept[w->at++];
}

/* -- reload ----------------------------------------------------------------------- */

static void forget(struct kept *k)
{
	free(k->source);
	free(k->last);
	free(k->safe_value);
}

/* Another register or unit id by the same name is another: it was never commanded. */
static struct kept *find_before(const struct gateway *g, const struct model *old,
                                const char *source)
{
	struct keep *keep = g->keep;
	for (size_t i = 0; i < keep->nbefore; i++) {
		const size_t at = (keep->next + i) % keep->nbefore;
		struct kept *k = &keep->before[at];
		if (!k->source || strcmp(k->source, source) != 0)
			continue;
		keep->next = at + 1;
		return command_place_stays(old, k->device, k->point, g->model) ? k : NULL;
	}
	return NULL;
}

static void begin_safe(struct gateway *g, struct kept *k, bool was)
{
	const struct safe_rule rule = safe_rule_of(g, k);
	const char *value = rule_of(g, k)->safe_value;
	if (!was)
		safe_begin(&k->safe, &rule, g->keep->broker_up, g->now);
	else if (safe_adopt(&k->safe, &rule,
	                    value && k->safe_value && strcmp(value, k->safe_value) == 0, g->now))
		gateway_alert_end(g, ALERT_WARNING, ALERT_SAFE_VALUE, k->source);
	free(k->safe_value);
	k->safe_value = NULL;
}

static void begin(struct gateway *g, const struct model *old, uint32_t device, uint32_t point)
{
	const struct device *d = &g->model->device[device];
	char source[2 * NAME_MAX_LEN + 2];
	snprintf(source, sizeof source, "%s/%s", d->name, d->set->point[point].name);
	g->keep->kept = mem_grow(g->keep->kept, g->keep->n + 1, sizeof *g->keep->kept);
	struct kept *k = &g->keep->kept[g->keep->n++];
	struct kept *was = find_before(g, old, source);
	*k = was ? *was
	         : (struct kept){.rewrite_at = US_NEVER,
	                         .sync_at = US_NEVER,
	                         .source = mem_strdup(source)};
	k->device = device;
	k->point = point;
	if (was)
		was->source = was->last = was->safe_value = NULL;
	begin_safe(g, k, was != NULL);
	if (!rule_of(g, k)->rewrite)
		k->rewrite_at = US_NEVER;
	else if (k->last && k->rewrite_at == US_NEVER)
		k->rewrite_at = g->now;
	if (!rule_of(g, k)->sync)
		k->sync_at = US_NEVER;
	else if (k->sync_at == US_NEVER && there(g, k))
		k->sync_at = g->now;
	wake(g, k);
}

void keep_model_begins(struct gateway *g, const struct model *old)
{
	size_t *from = mem_alloc(g->model->ndevice + 1, sizeof *from);
	for (uint32_t i = 0; i < g->model->ndevice; i++) {
		const struct device *d = &g->model->device[i];
		from[i] = g->keep->n;
		for (uint32_t p = 0; d->enabled && p < d->set->n; p++)
			if (has_rule(d->set->point[p].write))
				begin(g, old, i, p);
	}
	for (size_t i = 0; i < g->keep->nbefore; i++) {
		struct kept *k = &g->keep->before[i];
		if (k->source && k->last)
			log_warn("%s: keep-alive ended: a reload of the configuration removed or "
			         "moved it",
			         k->source);
		if (k->source && safe_in_force(&k->safe))
			gateway_alert_end(g, ALERT_WARNING, ALERT_SAFE_VALUE, k->source);
		forget(k);
	}
	from[g->model->ndevice] = g->keep->n;
	g->keep->from = from;
	free(g->keep->before);
	g->keep->before = NULL;
	g->keep->nbefore = 0;
}

void keep_model_ends(struct gateway *g)
{
	for (size_t i = 0; i < g->keep->n; i++) {
		const char *value = rule_of(g, &g->keep->kept[i])->safe_value;
		g->keep->kept[i].safe_value = value ? mem_strdup(value) : NULL;
	}
	g->keep->before = g->keep->kept;
	g->keep->nbefore = g->keep->n;
	g->keep->next = 0;
	g->keep->kept = NULL;
	g->keep->n = 0;
	free(g->keep->from);
	g->keep->from = NULL;
}

void keep_destroy(struct gateway *g)
{
	for (size_t i = 0; i < g->keep->n; i++)
		forget(&g->keep->kept[i]);
	free(g->keep->kept);
	free(g->keep->from);
	free(g->keep);
}

/* -- what a keep-alive repeats ------------------------------------------------------ */

static void pause(struct kept *k, const char *why)
{
	if (k->last)
		log_warn("%s: keep-alive paused until the next command: %s", k->source, why);
	free(k->last);
	k->last = NULL;
}

/* value NULL: what the device has is not known. */
static void repeat(struct gateway *g, struct kept *k, const char *value)
{
	if (!rule_of(g, k)->rewrite)
		return;
	char *last = value ? mem_strdup(value) : NULL;
	if (!last)
		pause(k, "the device's value is not known");
	free(k->last);
	k->last = last;
	k->rewrite_at = g->now + rule_of(g, k)->rewrite;
	k->missed = false;
}

static bool is(const struct kept *k, uint32_t device, uint32_t point)
{
	return k->device == device && k->point == point;
}

static bool shares(const struct gateway *g, const struct kept *k, uint32_t device, uint32_t point)
{
	return command_shares(g->model, k->device, k->point, device, point);
}

/* Another point has some of its bits and got another value. What is repeated is what the register
 * was commanded to be by both. done false, or a text that is NULL: that is not known. */
static void overwritten(struct gateway *g, struct kept *k, const struct command_text *newer,
                        bool done)
{
	char after[VALUE_PRINT_MAX];
	if (!k->last)
		return;
	const struct command_text last = {k->device, k->point, k->last};
	if (!newer->text || !command_after(g->table, &last, newer, after, sizeof after)) {
		pause(k, "what a command to another point made of it is not known, or no value of "
		         "it");
	} else if (strcmp(after, k->last) != 0 && !done) {
		pause(k, "it is not known whether a command to another point changed it");
	} else {
		free(k->last);
		k->last = mem_strdup(after);
	}
}

static void shared_changed(struct gateway *g, const struct command_text *newer, bool done)
{
	struct nearby w = nearby(g, newer->device);
	for (struct kept *k; (k = nearby_next(g, &w));)
		if (!is(k, newer->device, newer->point) &&
		    shares(g, k, newer->device, newer->point))
			overwritten(g, k, newer, done);
}

/* -- safe values ------------------------------------------------------------------ */

static void write_safe(struct gateway *g, const struct kept *k)
{
	own_write(g, k->device, k->point, rule_of(g, k)->safe_value, true);
}

static void safe_begins(struct gateway *g, struct kept *k, const char *why)
{
	char text[160];
	snprintf(text, sizeof text, "safe value %.64s in force: %s", rule_of(g, k)->safe_value,
	         why);
	k->commanded = false;
	free(k->last); /* a keep-alive goes on with the safe value once it is taken */
	k->last = NULL;
	log_warn("%s: %s", k->source, text);
	gateway_alert(g, ALERT_WARNING, ALERT_SAFE_VALUE, k->source, text);
	shared_changed(g, &(struct command_text){k->device, k->point, rule_of(g, k)->safe_value},
	               true);
	write_safe(g, k);
}

/* -- outcomes --------------------------------------------------------------------- */
/* Of a toggle what was read behind it: repeated, it would switch again. NULL: that is not known. */
static const char *lasting(const struct command_outcome *o)
{
	const bool read = o->value != o->sent_text && strcmp(o->value, "None") != 0;
	return !o->toggle ? o->sent_text : read ? o->value : NULL;
}

/* What a keep-alive repeats is the newest that the device took. Where that is not known neither the
 * old value is right, which would undo it, nor the new one, which its sender takes for failed. */
static void commanded(struct gateway *g, struct kept *k, const struct command_outcome *o)
{
	if (safe_in_force(&k->safe) && o->received <= k->safe.since)
		return; /* it was under way when the safe value came into force */
	if (safe_ended(&k->safe, o->received, o->effect, g->now))
		gateway_alert_end(g, ALERT_WARNING, ALERT_SAFE_VALUE, k->source);
	if (o->effect == EFFECT_NONE)
		return;
	k->commanded = true;
	repeat(g, k, o->effect == EFFECT_DONE ? lasting(o) : NULL);
}

/* A clock that was not set is not left alone for its whole interval; nor is one that refuses tried
 * again and again. What somebody else set it to meanwhile stays. */
static void sync_ended(struct gateway *g, struct kept *k, const struct command_outcome *o)
{
	const us_t interval = rule_of(g, k)->sync;
	if (!interval || strcmp(o->sent_text, "now") != 0 || o->end == COMMAND_SUPERSEDED)
		return;
	if (command_end_good(o->end)) {
		k->sync_after = 0;
		return;
	}
	k->sync_after = k->sync_after ? 2 * k->sync_after : CLOCK_AGAIN;
	if (k->sync_after > interval)
		k->sync_after = interval;
	if (g->now + k->sync_after < k->sync_at)
		k->sync_at = g->now + k->sync_after;
}

static void own_ended(struct gateway *g, struct kept *k, const struct command_outcome *o)
{
	const bool safe =
		rule_of(g, k)->safe_after && strcmp(o->sent_text, rule_of(g, k)->safe_value) == 0;
	const bool good = command_end_good(o->end);
	sync_ended(g, k, o);
	if (safe)
		safe_written(&k->safe, good, g->now);
	if (good && (safe || !safe_in_force(&k->safe)))
		repeat(g, k, o->sent_text);
}

/* Of another point, or of all units, which none of them confirms. */
static void shared_ended(struct gateway *g, struct kept *k, const struct command_outcome *o)
{
	const bool all = g->model->device[o->device].broadcast;
	const bool asked = o->origin == COMMAND_FROM_BROKER;
	if (o->effect == EFFECT_NONE ||
	    (asked && safe_in_force(&k->safe) && o->received <= k->safe.since))
		return;
	if (asked && safe_ended(&k->safe, o->received, o->effect, g->now))
		gateway_alert_end(g, ALERT_WARNING, ALERT_SAFE_VALUE, k->source);
	k->commanded |= asked;
	const struct command_text newer = {o->device, o->point, lasting(o)};
	overwritten(g, k, &newer, o->effect == EFFECT_DONE && !all);
}

void keep_ended(struct gateway *g, const struct command_outcome *o)
{
	struct nearby w = nearby(g, o->device);
	for (struct kept *k; (k = nearby_next(g, &w));) {
		if (!is(k, o->device, o->point)) {
			if (!shares(g, k, o->device, o->point))
				continue;
			shared_ended(g, k, o);
		} else if (o->origin == COMMAND_FROM_BROKER) {
			commanded(g, k, o);
		} else if (o->origin == COMMAND_FROM_GATEWAY) {
			own_ended(g, k, o);
		}
		if (k->missed) /* what was under way was not written, or was another point's */
			k->rewrite_at = g->now;
		wake(g, k);
	}
}

bool keep_pause(struct gateway *g, uint32_t device, uint32_t point, const char *why)
{
	bool paused = false;
	for (size_t i = 0; i < g->keep->n; i++) {
		struct kept *k = &g->keep->kept[i];
		if (!is(k, device, point) || !k->last || !rule_of(g, k)->rewrite)
			continue;
		pause(k, why);
		paused = true;
	}
	return paused;
}

/* -- events ----------------------------------------------------------------------- */

void keep_accepted(struct gateway *g, uint32_t device, uint32_t point)
{
	struct nearby w = nearby(g, device);
	for (struct kept *k; (k = nearby_next(g, &w));)
		if (shares(g, k, device, point))
			safe_accepted(&k->safe, g->now);
}

bool keep_rules(const struct gateway *g, uint32_t device, uint32_t point)
{
	struct nearby w = nearby(g, device);
	for (const struct kept *k; (k = nearby_next(g, &w));)
		if (shares(g, k, device, point) && (k->commanded || safe_in_force(&k->safe)))
			return true;
	return false;
}

void keep_broker(struct gateway *g, bool up)
{
	g->keep->broker_up = up;
	for (size_t i = 0; i < g->keep->n; i++) {
		safe_broker(&g->keep->kept[i].safe, up, g->now);
		wake(g, &g->keep->kept[i]);
	}
}

static void sync_clock(struct gateway *g, struct kept *k)
{
	const bool good = gateway_clock() == CLOCK_SYNCHRONISED;
	k->sync_at = g->now + (good ? rule_of(g, k)->sync : CLOCK_AGAIN);
	if (good && !command_pending_shared(g->table, k->device, k->point))
		own_write(g, k->device, k->point, "now", false);
}

static void rewrite(struct gateway *g, struct kept *k)
{
	k->rewrite_at = g->now + rule_of(g, k)->rewrite;
	k->missed =
		command_pending_shared(g->table, k->device, k->point); /* it may serve as well */
	if (!k->missed)
		own_write(g, k->device, k->point, k->last, false);
}

static void tick(struct gateway *g, struct kept *k)
{
	const bool pending = command_pending_shared(g->table, k->device, k->point);
	const enum safe_act act = safe_tick(&k->safe, there(g, k), pending, g->now);
	if (act == SAFE_BEGINS)
		safe_begins(g, k, safe_why(&k->safe));
	else if (act == SAFE_WRITE)
		write_safe(g, k);
	if (there(g, k) && k->rewrite_at <= g->now && k->last)
		rewrite(g, k);
	if (there(g, k) && k->sync_at <= g->now)
		sync_clock(g, k);
	wake(g, k);
}

void keep_device_online(struct gateway *g, uint32_t device)
{
	for (size_t i = 0; i < g->keep->n; i++) {
		struct kept *k = &g->keep->kept[i];
		if (k->device != device)
			continue;
		if (rule_of(g, k)->sync)
			k->sync_at = g->now;
		safe_online(&k->safe, g->now);
		tick(g, k);
	}
}

void keep_tick(struct gateway *g)
{
	for (size_t i = 0; i < g->keep->n && !g->stopping; i++)
		tick(g, &g->keep->kept[i]);
}

void keep_stop(struct gateway *g)
{
	for (size_t i = 0; i < g->keep->n; i++) {
		struct kept *k = &g->keep->kept[i];
		const enum safe_act act = there(g, k) ? safe_stop(&k->safe, g->now) : SAFE_REST;
		if (act == SAFE_BEGINS)
			safe_begins(g, k, "the gateway stops");
		else if (act == SAFE_WRITE)
			write_safe(g, k);
	}
}
