// SPDX-License-Identifier: MIT
/* Points that share registers: of one device, of two with one unit id, of all units of a line. */
#include "core/command/private.h"

/* A broadcast goes to all units. */
static bool same_unit(const struct device *newer, const struct device *older)
{
	return newer->bus == older->bus &&
	       (newer->id == older->id || (newer->broadcast && !older->broadcast));
}

/* Does one write all the bits that the other writes? */
static bool job_covers(const struct job *newer, const struct job *older)
{
	if (newer->raw_len || older->raw_len || newer->span.table != older->span.table ||
	    newer->span.addr > older->span.addr ||
	    newer->span.addr + newer->span.count < older->span.addr + older->span.count)
		return false;
	const unsigned from = (unsigned)older->span.addr - newer->span.addr;
	for (unsigned i = 0; i < older->span.count && newer->span.table == TABLE_HOLDING; i++)
		if (older->mask[i] & ~newer->mask[from + i])
			return false;
	return true;
}

static bool record_covers(const struct command_table *t, const struct record *newer,
                          const struct record *older)
{
	struct job a, b;
	if (older->lane == newer->lane || older->origin == COMMAND_PULSE_END || older->overtaken ||
	    !same_unit(record_device(t, newer), record_device(t, older)) ||
	    record_once_only(t, older))
		return false;
	job_build(record_device(t, newer), record_point(t, newer), &newer->value, &a);
	job_build(record_device(t, older), record_point(t, older), &older->value, &b);
	return job_covers(&a, &b);
}

void records_cover(struct command_table *t, const struct record *newer, us_t now)
{
	for (size_t i = t->n; i-- > 0 && newer->origin == COMMAND_FROM_BROKER;) {
		struct record *r = t->record[i];
		if (newer->value.toggle || !record_covers(t, newer, r))
			continue;
		const bool waits = r->state == STATE_WAITING;
		r->covered = waits;
		record_overtake(t, r, now);
		if (waits && r->job && job_overtaken(t, r->job))
			act_cancel(t, r);
	}
}
