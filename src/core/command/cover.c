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

/* Of another point of the same unit, and nothing is lost if it is not written. */
static bool may_cover(const struct command_table *t, const struct record *newer,
                      const struct record *older)
{
	return older->lane != newer->lane && older->origin != COMMAND_PULSE_END &&
	       !older->overtaken && same_unit(record_device(t, newer), record_device(t, older)) &&
	       !record_once_only(t, older);
}

static void record_job_of(const struct command_table *t, const struct record *r, struct job *j)
{
	job_build(record_device(t, r), record_point(t, r), &r->value, j);
}

void records_cover(struct command_table *t, const struct record *newer, us_t now)
{
	struct job job, older;
	bool built = false;
	if (newer->origin != COMMAND_FROM_BROKER || newer->value.toggle)
		return;
	for (size_t i = t->n; i-- > 0;) {
		struct record *r = t->record[i];
		if (!may_cover(t, newer, r))
			continue;
		if (!built)
			record_job_of(t, newer, &job);
		built = true;
		record_job_of(t, r, &older);
		if (!job_covers(&job, &older))
			continue;
		const bool waits = r->state == STATE_WAITING;
		r->covered = waits;
		record_overtake(t, r, now);
		if (waits && r->job && job_overtaken(t, r->job))
			act_cancel(t, r);
	}
}
