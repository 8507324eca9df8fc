// SPDX-License-Identifier: MIT
#include "core/command/safe.h"

bool safe_in_force(const struct safe *s)
{
	return s->state > SAFE_WATCH;
}

/* When nothing will have controlled it for long enough, by each of the conditions. */
static us_t broker_due(const struct safe *s)
{
	return s->rule.on_broker && !s->broker_up ? s->alone + s->rule.after : US_NEVER;
}

static us_t command_due_at(const struct safe *s)
{
	return s->rule.on_no_command ? s->commanded + s->rule.after : US_NEVER;
}

static us_t watch_due(const struct safe *s)
{
	const us_t broker = broker_due(s), command = command_due_at(s);
	return broker < command ? broker : command;
}

const char *safe_why(const struct safe *s)
{
	return command_due_at(s) < broker_due(s) ? "no command arrived in time"
	                                         : "the broker is unreachable";
}

void safe_begin(struct safe *s, const struct safe_rule *r, bool broker_up, us_t now)
{
	*s = (struct safe){
		.rule = *r,
		.state = r->after ? SAFE_WATCH : SAFE_NONE,
		.broker_up = broker_up,
		.alone = now,
		.commanded = now,
	};
}

static void write_at(struct safe *s, us_t when)
{
	s->state = SAFE_DUE;
	s->write_at = when;
}

bool safe_adopt(struct safe *s, const struct safe_rule *r, bool same, us_t now)
{
	const bool in_force = safe_in_force(s);
	if (!r->after || s->state == SAFE_NONE) {
		safe_begin(s, r, s->broker_up, now);
		return in_force;
	}
	s->rule = *r;
	/* the outcome of a write under way may be lost with its point */
	if (in_force && (!same || s->state == SAFE_WRITING))
		write_at(s, now);
	return false;
}

void safe_broker(struct safe *s, bool up, us_t now)
{
	if (s->broker_up && !up)
		s->alone = now;
	s->broker_up = up;
}

void safe_accepted(struct safe *s, us_t now)
{
	s->commanded = now;
}

bool safe_ended(struct safe *s, us_t received, enum command_effect effect, us_t now)
{
	if (!safe_in_force(s) || received <= s->since || effect == EFFECT_NONE)
		return false;
	s->state = SAFE_WATCH;
	s->alone = now;
	return true;
}

void safe_written(struct safe *s, bool taken, us_t now)
{
	if (s->state != SAFE_WRITING)
		return;
	if (taken)
		s->state = SAFE_TAKEN;
	else
		write_at(s, now + SAFE_AGAIN);
}

/* It may have forgotten while it was away. */
void safe_online(struct safe *s, us_t now)
{
	if (s->state == SAFE_DUE || s->state == SAFE_TAKEN)
		write_at(s, now);
}

enum safe_act safe_tick(struct safe *s, bool online, bool pending, us_t now)
{
	if (s->state == SAFE_WATCH && watch_due(s) <= now) {
		s->state = SAFE_WRITING; /* once, also if the device is not known to be there */
		s->since = now;
		return SAFE_BEGINS;
	}
	if (s->state != SAFE_DUE || s->write_at > now || !online)
		return SAFE_REST;
	if (pending) {
		s->write_at = now + SAFE_AGAIN;
		return SAFE_REST;
	}
	s->state = SAFE_WRITING;
	return SAFE_WRITE;
}

enum safe_act safe_stop(struct safe *s, us_t now)
{
	const bool in_force = safe_in_force(s);
	if (s->state == SAFE_NONE || s->state == SAFE_TAKEN)
		return SAFE_REST;
	s->state = SAFE_WRITING;
	if (in_force)
		return SAFE_WRITE;
	s->since = now;
	return SAFE_BEGINS;
}

us_t safe_due(const struct safe *s, bool online)
{
	if (s->state == SAFE_WATCH)
		return watch_due(s);
	return s->state == SAFE_DUE && online ? s->write_at : US_NEVER;
}
