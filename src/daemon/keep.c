#include "daemon/keep.h"

#include "daemon/commands.h"
#include "daemon/log.h"
#include "daemon/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAFE_AGAIN (10 * US_S)  /* a safe value that was not taken is tried again */
#define CLOCK_AGAIN (60 * US_S) /* our own clock is not right yet */

/* One point with such a rule. */
struct kept {
	uint32_t device, point;
	char *source; /* "device/point": it is known by that across a reload */
	char *last;   /* what was commanded last and taken: what a keep-alive repeats; NULL: nothing
	               */
	us_t rewrite_at, sync_at, safe_at; /* US_NEVER: not due */
	us_t safe_since;                   /* in force since then */
	us_t again_at;                     /* the safe value, which was not taken; US_NEVER */
	bool commanded; /* somebody's command was taken since the start, or since the safe value */
	bool safe;      /* the safe value is in force */
};

/* Main thread only; one gateway a process. `before` are those of the old model during a reload. */
static struct {
	struct kept *kept, *before;
	size_t n, nbefore;
	bool broker_up;
} keep;

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
	gateway_wake(g, TIMER_COMMANDS, k->safe_at);
	if (!there(g, k))
		return; /* the rest waits for the device */
	gateway_wake(g, TIMER_COMMANDS, k->sync_at);
	gateway_wake(g, TIMER_COMMANDS, k->again_at);
	if (k->last)
		gateway_wake(g, TIMER_COMMANDS, k->rewrite_at);
}

/* When does the safe value come into force? */
static void arm_safe(struct gateway *g, struct kept *k)
{
	const struct write_rule *w = rule_of(g, k);
	const bool counts = w->safe_on_no_command || (w->safe_on_broker && !keep.broker_up);
	k->safe_at = w->safe_after && counts && !k->safe ? g->now + w->safe_after : US_NEVER;
}

/* -- reload ----------------------------------------------------------------------- */

static void forget(struct kept *k)
{
	free(k->source);
	free(k->last);
}

static struct kept *find_before(const char *source)
{
	for (size_t i = 0; i < keep.nbefore; i++)
		if (keep.before[i].source && strcmp(keep.before[i].source, source) == 0)
			return &keep.before[i];
	return NULL;
}

static void begin(struct gateway *g, uint32_t device, uint32_t point)
{
	const struct device *d = &g->model->device[device];
	char source[2 * NAME_MAX_LEN + 2];
	snprintf(source, sizeof source, "%s/%s", d->name, d->set->point[point].name);
	keep.kept = mem_grow(keep.kept, keep.n + 1, sizeof *keep.kept);
	struct kept *k = &keep.kept[keep.n++];
	struct kept *was = find_before(source);
	*k = was ? *was
	         : (struct kept){.rewrite_at = US_NEVER,
	                         .sync_at = US_NEVER,
	                         .again_at = US_NEVER,
	                         .source = mem_strdup(source)};
	k->device = device;
	k->point = point;
	if (was)
		was->source = was->last = NULL;
	if (!was || (k->safe_at == US_NEVER) != (rule_of(g, k)->safe_after == 0))
		arm_safe(g, k);
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

void keep_model_begins(struct gateway *g)
{
	for (uint32_t i = 0; i < g->model->ndevice; i++) {
		const struct device *d = &g->model->device[i];
		for (uint32_t p = 0; d->enabled && p < d->set->n; p++)
			if (has_rule(d->set->point[p].write))
				begin(g, i, p);
	}
	for (size_t i = 0; i < keep.nbefore; i++) {
		struct kept *k = &keep.before[i];
		if (k->source && k->safe)
			gateway_alert_end(g, ALERT_WARNING, ALERT_SAFE_VALUE, k->source);
		forget(k);
	}
	free(keep.before);
	keep.before = NULL;
	keep.nbefore = 0;
}

void keep_model_ends(struct gateway *g)
{
	(void)g;
	keep.before = keep.kept;
	keep.nbefore = keep.n;
	keep.kept = NULL;
	keep.n = 0;
}

void keep_destroy(struct gateway *g)
{
	(void)g;
	for (size_t i = 0; i < keep.n; i++)
		forget(&keep.kept[i]);
	free(keep.kept);
	keep.kept = NULL;
	keep.n = 0;
}

/* -- safe values ------------------------------------------------------------------ */

static void make_safe(struct gateway *g, struct kept *k, const char *why)
{
	const char *value = rule_of(g, k)->safe_value;
	char text[160];
	snprintf(text, sizeof text, "safe value %.64s in force: %s", value, why);
	k->safe = true;
	k->safe_since = g->now;
	k->commanded = false;
	k->safe_at = k->again_at = US_NEVER;
	free(k->last); /* a keep-alive goes on with the safe value once it is taken */
	k->last = NULL;
	log_warn("%s: %s", k->source, text);
	gateway_alert(g, ALERT_WARNING, ALERT_SAFE_VALUE, k->source, text);
	commands_own(g, k->device, k->point, value, true);
}

static void commanded(struct gateway *g, struct kept *k, const struct command_outcome *o)
{
	const struct write_rule *w = rule_of(g, k);
	/* what was under way when the safe value came into force does not count any more */
	const bool older = k->safe && (o->origin == COMMAND_FROM_GATEWAY
	                                       ? strcmp(o->sent_text, w->safe_value) != 0
	                                       : o->received <= k->safe_since);
	if (o->origin == COMMAND_PULSE_END || older)
		return;
	if (w->rewrite) {
		char *last = mem_strdup(o->sent_text);
		free(k->last);
		k->last = last;
		k->rewrite_at = g->now + w->rewrite;
	}
	k->again_at = US_NEVER;
	if (o->origin == COMMAND_FROM_BROKER) {
		if (k->safe)
			gateway_alert_end(g, ALERT_WARNING, ALERT_SAFE_VALUE, k->source);
		k->safe = false;
		k->commanded = true;
		arm_safe(g, k);
	}
	wake(g, k);
}

/* The safe value was not taken by a device that is there. */
static void not_taken(struct gateway *g, struct kept *k, const struct command_outcome *o)
{
	if (!k->safe || o->origin != COMMAND_FROM_GATEWAY || o->end == COMMAND_SUPERSEDED ||
	    g->stopping)
		return;
	k->again_at = g->now + SAFE_AGAIN;
	wake(g, k);
}

void keep_ended(struct gateway *g, const struct command_outcome *o)
{
	for (size_t i = 0; i < keep.n; i++) {
		struct kept *k = &keep.kept[i];
		if (k->device != o->device || k->point != o->point)
			continue;
		if (command_end_good(o->end))
			commanded(g, k, o);
		else
			not_taken(g, k, o);
	}
}

/* -- events ----------------------------------------------------------------------- */

void keep_broker(struct gateway *g, bool up)
{
	if (keep.broker_up == up)
		return;
	keep.broker_up = up;
	for (size_t i = 0; i < keep.n; i++) {
		struct kept *k = &keep.kept[i];
		const struct write_rule *w = rule_of(g, k);
		/* the time without a command runs on, whatever the broker does */
		if (w->safe_on_broker && !(w->safe_on_no_command && k->safe_at != US_NEVER))
			arm_safe(g, k);
		wake(g, k);
	}
}

static void sync_clock(struct gateway *g, struct kept *k)
{
	struct process p;
	process_look(&p);
	const bool good = p.clock_known && p.synchronised;
	k->sync_at = g->now + (good ? rule_of(g, k)->sync : CLOCK_AGAIN);
	if (good && !commands_pending(g, k->device, k->point))
		commands_own(g, k->device, k->point, "now", false);
}

static void rewrite(struct gateway *g, struct kept *k)
{
	char *again = mem_strdup(k->last); /* an outcome may come at once and change k->last */
	k->rewrite_at = g->now + rule_of(g, k)->rewrite;
	if (!commands_pending(g, k->device, k->point)) /* it serves as well */
		commands_own(g, k->device, k->point, again, false);
	free(again);
}

/* A command that came since may end it; if that fails the safe value comes back. */
static void make_safe_again(struct gateway *g, struct kept *k)
{
	const bool pending = commands_pending(g, k->device, k->point);
	k->again_at = pending ? g->now + SAFE_AGAIN : US_NEVER;
	if (!pending)
		commands_own(g, k->device, k->point, rule_of(g, k)->safe_value, true);
}

static void tick(struct gateway *g, struct kept *k)
{
	if (k->safe_at <= g->now)
		make_safe(g, k, keep.broker_up ? "no command came in time" : "the broker is gone");
	if (there(g, k) && k->again_at <= g->now)
		make_safe_again(g, k);
	if (there(g, k) && k->rewrite_at <= g->now && k->last)
		rewrite(g, k);
	if (there(g, k) && k->sync_at <= g->now)
		sync_clock(g, k);
	wake(g, k);
}

void keep_device_online(struct gateway *g, uint32_t device)
{
	for (size_t i = 0; i < keep.n; i++) {
		struct kept *k = &keep.kept[i];
		if (k->device != device)
			continue;
		const struct write_rule *w = rule_of(g, k);
		if (w->sync)
			k->sync_at = g->now;
		if (w->safe_after && !k->commanded && !k->safe)
			make_safe(g, k, "nothing was commanded since the start");
		else if (k->safe) /* it may have forgotten while it was away */
			k->again_at = g->now;
		tick(g, k);
	}
}

void keep_tick(struct gateway *g)
{
	for (size_t i = 0; i < keep.n && !g->stopping; i++)
		tick(g, &keep.kept[i]);
}

void keep_stop(struct gateway *g)
{
	for (size_t i = 0; i < keep.n; i++)
		if (rule_of(g, &keep.kept[i])->safe_after && there(g, &keep.kept[i]))
			make_safe(g, &keep.kept[i], "the gateway ends");
}
