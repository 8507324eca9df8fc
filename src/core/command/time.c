// SPDX-License-Identifier: MIT
/* What time, a lost device, a closed line or the end of the daemon do to commands. */
#include "core/command/private.h"

#define SUSPENDED (2 * US_S) /* a busy machine is not so late */

/* What the device must not get now, because it is not known that it is the one that is meant. Ends
 * of pulses are another matter; what was written is still looked at. */
void device_bar(struct command_table *t, uint32_t device, us_t now)
{
	const char *why = t->ops.forbids ? t->ops.forbids(t->ops.ctx, device) : NULL;
	for (struct record *r = why ? records_near(t, device).last : NULL, *older; r; r = older) {
		older = r->link[LIST_NEAR].prev;
		if (r->device != device || r->origin == COMMAND_PULSE_END ||
		    r->state == STATE_VERIFYING)
			continue;
		r->moved = true;
		if (r->state == STATE_WAITING && r->job)
			act_cancel(t, r);
		else
			record_end(t, r, COMMAND_FAILED, NULL,
			           r->state == STATE_UNSURE ? record_not_known(r) : why, now);
	}
}

void command_offline(struct command_table *t, uint32_t device, us_t now)
{
	if (device < t->model->ndevice)
		t->device[device].unlocked = 0; /* it may come back locked */
	device_bar(t, device, now);
	for (struct record *r = records_near(t, device).last, *older; r; r = older) {
		older = r->link[LIST_NEAR].prev;
		if (r->device != device || r->state == STATE_WAITING || r->state == STATE_PARKED)
			continue; /* one try is due to each */
		if (r->origin != COMMAND_PULSE_END || r->state != STATE_RETRYING)
			record_unread(t, r, "the device is offline", now);
	}
}

/* One whose job may be on the wire ends with it: a pulse that began must be ended. */
void command_moved(struct command_table *t, uint32_t device, us_t now)
{
	for (struct record *r = records_near(t, device).last, *older; r; r = older) {
		older = r->link[LIST_NEAR].prev;
		if (r->device != device)
			continue;
		r->moved = r->origin != COMMAND_PULSE_END;
		if (r->origin == COMMAND_PULSE_END)
			pulse_recall(t, r, now);
		else if (r->state == STATE_WAITING && r->job)
			act_cancel(t, r);
		else
			record_end(t, r, COMMAND_FAILED, NULL, COMMAND_MOVED, now);
	}
}

/* The process or the machine was suspended when it fell due, and with it the line.
 * The read gets its whole time once more. */
static bool record_was_suspended(struct command_table *t, struct record *r, us_t now)
{
	if (now < r->due + SUSPENDED)
		return false;
	r->due = now + READ_BACK_WITHIN;
	record_waits(t, r);
	act_demand(t, r, now);
	return true;
}

/* Each state has one way to end by time, so that no command waits for ever. A job that the bus may
 * be sending is not declared dead at its expiry: it is recalled, and the bus reports whether it
 * went out; only a bus that reports nothing at all is abandoned. */
static void record_tick(struct command_table *t, struct record *r, us_t now)
{
	switch (r->state) {
	case STATE_PARKED:
		if (r->expires && now >= r->expires)
			record_end(t, r, COMMAND_EXPIRED, NULL,
			           "the previous write is not finished", now);
		break;
	case STATE_RETRYING:
		if (now < r->due)
			break;
		if (r->expires && now >= r->expires)
			record_end(t, r, COMMAND_FAILED, NULL, "the device is busy", now);
		else
			record_launch(t, r, now);
		break;
	case STATE_WAITING:
		if (r->expires && now >= r->expires + SILENT_BUS) {
			record_end(t, r, COMMAND_FAILED, NULL, "the line's thread does not respond",
			           now);
		} else if (r->expires && now >= r->expires && !r->recalled) {
			r->recalled = true; /* the bus may be busy for long with another */
			record_waits(t, r);
			act_cancel(t, r);
		}
		break;
	default:
		if (now >= r->due && !record_was_suspended(t, r, now))
			record_unread(t, r, "not read in time", now);
	}
}

void command_tick(struct command_table *t, us_t now)
{
	t->tick = now;
	for (struct due_node *d; (d = due_first(&t->wake)) && d->at <= now;) {
		struct record *r = d->owner;
		due_never(&t->wake, &r->wake);
		due_set(&t->turn, &r->turn, -(us_t)r->serial); /* the newest first */
	}
	for (struct due_node *d; (d = due_first(&t->turn));) {
		struct record *r = d->owner;
		due_never(&t->turn, &r->turn);
		t->ticking = r->serial;
		record_waits(t, r);
		record_tick(t, r, now);
	}
	t->ticking = 0;
	/* the one before it may have ended without its job */
	for (const struct record *r; (r = parked_next(t));)
		lane_wake(t, r->lane, now);
}

us_t command_due(const struct command_table *t)
{
	const struct due_node *first = due_first(&t->wake);
	return parked_next(t) ? 0 : first ? first->at : US_NEVER;
}

bool command_holds(const struct command_table *t, uint32_t global_point, us_t at)
{
	if (!t->lane_of[global_point])
		return false;
	const struct lane *l = &t->lane[t->lane_of[global_point] - 1];
	if (at < l->written || !l->alive)
		return at < l->written;
	for (const struct record *r = l->list.first; r; r = r->link[LIST_LANE].next) {
		const bool stuck = r->origin == COMMAND_PULSE_END && r->state == STATE_RETRYING;
		if (stuck || r->state == STATE_VERIFYING || r->state == STATE_UNSURE
		            ? at < r->after
		            : r->origin != COMMAND_PULSE_END || at >= r->not_before)
			return true;
	}
	return false;
}

void command_held(struct command_table *t, uint32_t global_point, us_t at)
{
	if (t->lane_of[global_point])
		t->lane[t->lane_of[global_point] - 1].held = at;
}

us_t command_held_at(const struct command_table *t, uint32_t global_point)
{
	return t->lane_of[global_point] ? t->lane[t->lane_of[global_point] - 1].held : 0;
}

bool command_pending(const struct command_table *t, uint32_t device, uint32_t point)
{
	const uint32_t lane = t->lane_of[t->model->device[device].point0 + point];
	return lane && t->lane[lane - 1].alive;
}

void command_shutdown(struct command_table *t, us_t now)
{
	t->closing = true;
	for (size_t i = t->n; i-- > 0;) {
		struct record *r = t->record[i];
		if (r->origin == COMMAND_PULSE_END) {
			if (r->state == STATE_WAITING)
				act_cancel(t, r);
			r->not_before = 0;
			record_launch(t, r, now);
		} else if (r->state == STATE_WAITING) {
			act_cancel(t, r); /* one on the wire is finished, the others not begun */
		} else if (r->state != STATE_VERIFYING && r->state != STATE_UNSURE) {
			record_end(t, r, COMMAND_FAILED, NULL, SHUTTING_DOWN, now);
		}
	}
}

static const char *finish_reason(struct record *r)
{
	if (r->origin == COMMAND_PULSE_END)
		return "not known whether it was switched off: the gateway stopped";
	switch (r->state) {
	case STATE_WAITING:
		return "the gateway stopped before the response arrived; not known whether it was "
		       "carried out";
	case STATE_VERIFYING:
		return "acknowledged, but not read back before the gateway stopped";
	case STATE_UNSURE:
		return record_not_known(r);
	default:
		return SHUTTING_DOWN;
	}
}

void command_finish(struct command_table *t, us_t now)
{
	t->closing = true;
	while (t->n) {
		struct record *r = t->record[t->n - 1];
		if (r->state == STATE_WAITING && r->job)
			r->effect = EFFECT_UNKNOWN;
		record_end(t, r, COMMAND_FAILED, NULL, finish_reason(r), now);
	}
}
