// SPDX-License-Identifier: MIT
/* The end of a pulse: made by the table itself, and tried until it is done. */
#include <stdio.h>

#include "core/command/private.h"

static void pulse_off(struct command_table *t, uint32_t device, uint32_t point, us_t not_before,
                      us_t now)
{
	struct record *r = record_create(t, device, point, "off");
	const struct point *p = record_point(t, r);
	r->origin = COMMAND_PULSE_END;
	r->value.v = value_bool(false);
	r->value.n = 1;
	codec_encode(&p->codec, &r->value.v, r->value.word, r->value.mask);
	r->not_before = not_before;
	record_insert(t, r, now);
	record_launch(t, r, now);
}

void pulse_end(struct command_table *t, struct record *on, us_t sent, us_t now)
{
	on->ends_later = true;
	pulse_off(t, on->device, on->point, t->closing ? 0 : sent + on->pulse, now);
}

void command_pulse_left(struct command_table *t, uint32_t device, uint32_t point, us_t now)
{
	const struct record *r = records_near(t, device).first;
	for (; r; r = r->link[LIST_NEAR].next)
		if (r->device == device && r->point == point && r->origin == COMMAND_PULSE_END)
			return;
	pulse_off(t, device, point, 0, now);
}

void pulse_hurry(struct command_table *t, struct record *off, us_t now)
{
	if (off->state == STATE_RETRYING && off->due > now + BUSY_AGAIN) {
		off->due = now + BUSY_AGAIN;
		record_waits(t, off);
	} else if (off->state == STATE_WAITING && off->not_before > now) {
		off->not_before = 0;
		act_cancel(t, off);
		record_launch(t, off, now);
	}
}

void pulse_soon(struct command_table *t, struct record *off, us_t now)
{
	record_retry(t, off, now + BUSY_AGAIN);
}

void pulse_again(struct command_table *t, struct record *off, const char *why, us_t now)
{
	record_retry(t, off, now + (t->closing ? BUSY_AGAIN : PULSE_AGAIN));
	if (!off->stuck)
		act_stuck(t, off, why);
	off->stuck = true;
}

/* A read of the point from now on may find it off. */
void pulse_off_sent(struct command_table *t, const struct record *off, us_t now)
{
	for (struct record *r = records_of_lane(t, off->lane).last, *older; r; r = older) {
		older = r->link[LIST_LANE].prev;
		if (r->origin == COMMAND_PULSE_END || r->state != STATE_VERIFYING ||
		    !record_pulses(r))
			continue;
		if (r->demands)
			record_end(t, r, COMMAND_FAILED, NULL,
			           "acknowledged, but could not be read back", now);
		else
			record_end(t, r, COMMAND_ACKNOWLEDGED, NULL, NULL, now);
	}
}

bool pulse_barred(const struct command_table *t, const struct record *r)
{
	return r->origin == COMMAND_PULSE_END && t->ops.mismatch &&
	       t->ops.mismatch(t->ops.ctx, r->device);
}

/* One on the wire is out of reach; its answer proves nothing about the device that is meant. */
void pulse_recall(struct command_table *t, struct record *off, us_t now)
{
	if (off->state == STATE_WAITING && off->job)
		act_cancel(t, off);
	pulse_again(t, off, "a different device responds at this unit id", now);
}

void command_mismatch(struct command_table *t, uint32_t device, us_t now)
{
	device_bar(t, device, now);
	for (struct record *r = records_near(t, device).last; r; r = r->link[LIST_NEAR].prev)
		if (r->device == device && pulse_barred(t, r))
			pulse_recall(t, r, now);
}
