// SPDX-License-Identifier: MIT
/*
 * verdict: from the pattern of failures to what to try first.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/doctor.h"

struct sums {
	unsigned units, silent, perfect, asked, good, corrupted, shorter, timeouts, exceptions,
		others, gateway;
	const struct patient *worst, *dumb, *mismatch, *refuser;
	bool by_length;
};

static unsigned lost(const struct patient *p)
{
	return p->asked - p->good - p->exceptions;
}

static struct sums sum_up(const struct doctor *d)
{
	struct sums s = {0};

	for (size_t i = 0; i < d->n; i++) {
		const struct patient *p = &d->patient[i];
		const bool silent = p->asked && lost(p) == p->asked && !p->corrupted && !p->shorter;
		s.units++;
		s.silent += silent;
		s.perfect += p->asked && lost(p) == 0;
		s.asked += p->asked;
		s.good += p->good + p->exceptions;
		s.corrupted += p->corrupted;
		s.shorter += p->shorter;
		s.timeouts += p->timeouts;
		s.exceptions += p->exceptions;
		s.others += p->others;
		s.gateway += p->gateway;
		if (silent && !s.dumb)
			s.dumb = p;
		if (p->others && !s.mismatch)
			s.mismatch = p;
		if (p->name && p->exceptions && !p->good &&
		    !s.refuser) /* it should know its registers */
			s.refuser = p;
		if (lost(p) && !silent && (!s.worst || lost(p) > lost(s.worst)))
			s.worst = p;
		s.by_length = s.by_length || (p->lost_of[1] > 2 * p->lost_of[0] + 2 &&
		                              p->count_of[1] > p->count_of[0]);
	}
	return s;
}

static const char *of_line(const struct doctor *d, const struct sums *s)
{
	const bool serial = d->target.conf.kind == BUS_SERIAL;

	if (d->client)
		return "a second client is on this line: two corrupt each other's responses. "
		       "Switch it "
		       "off; xnetctl monitor shows it.";
	if (!s->units)
		return "no unit is known on this line: xnetctl scan finds them.";
	if (s->gateway && s->gateway + s->good == s->asked && s->good == 0)
		return "the gateway responds, the units behind it do not: check its serial side "
		       "(baud "
		       "rate, format, A/B, power) and the ids.";
	if (s->good == 0 && s->corrupted + s->shorter > 0)
		return "something responds, but nothing is readable: wrong baud rate or format. "
		       "xnetctl scan tries them.";
	if (s->good == 0 && s->units > 1)
		return serial ? "no unit responds: swap A and B, then power, the right port "
		                "(xnetctl "
		                "ports), baud rate and format (xnetctl scan)."
		              : "no unit responds: check the unit ids and the device's Modbus "
		                "settings.";
	if (s->good == 0 && serial)
		return "it does not respond: id, power, A and B swapped, then baud rate and format "
		       "(xnetctl scan).";
	if (d->noise)
		return "bytes on the idle line: no bias, or A/B open. Put bias "
		       "resistors at one place, and 120 ohm at both ends.";
	return NULL;
}

bool verdict_give(const struct doctor *d, char *buf, size_t size)
{
	const struct sums s = sum_up(d);
	const char *line = of_line(d, &s);

	if (line)
		snprintf(buf, size, "%s", line);
	else if (s.mismatch)
		snprintf(buf, size,
		         "unit id %u responds in place of %u: check the ids; two devices may "
		         "have the same one.",
		         s.mismatch->other_unit, s.mismatch->unit);
	else if (s.dumb)
		snprintf(buf, size, "only unit %u does not respond: its id, its power, its stub.",
		         s.dumb->unit);
	else if (s.by_length && s.worst)
		snprintf(buf, size,
		         "loss grows with the length: 120 ohm at both ends of the cable, a "
		         "shorter stub at unit %u. Meanwhile max_read: %u makes it read in "
		         "small pieces.",
		         s.worst->unit, s.worst->count_of[1] > 8 ? s.worst->count_of[1] / 4U : 2U);
	else if (s.worst && s.perfect)
		snprintf(buf, size,
		         "only some units lose responses, unit %u the most: its end of the cable, "
		         "its "
		         "stub, its driver.",
		         s.worst->unit);
	else if (s.worst && s.corrupted + s.shorter >= s.timeouts)
		snprintf(buf, size,
		         "responses are corrupted on the way: noise, no termination, or a "
		         "baud rate that is slightly off. Keep power cables away.");
	else if (s.worst)
		snprintf(buf, size,
		         "responses are missing: a longer timeout (now %d ms), a loose "
		         "contact, or a device that needs a pause.",
		         (int)(d->target.conf.timeout / US_MS));
	else if (s.refuser)
		snprintf(buf, size,
		         "unit %u is alive, but refuses these registers (exception %u): "
		         "another profile? xnetctl probe %.60s --id %u",
		         s.refuser->unit, s.refuser->exception, d->target.name, s.refuser->unit);
	else if (d->echo)
		snprintf(buf, size,
		         "the adapter repeats what it sends; this is detected automatically. "
		         "All is well.");
	else
		snprintf(buf, size, "all is well.");
	return line || s.mismatch || s.dumb || s.worst || s.refuser;
}
