// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "bus/clock.h"
#include "ctl/doctor.h"
#include "ctl/image.h"
#include "ctl/stop.h"
#include "ctl/wording.h"

#define LONG_MOST 24 /* registers of the long read */
#define GIVE_UP 5    /* requests without any response: it is not there */

static bool plain(const struct device *d, const struct point *p)
{
	return p->source == SOURCE_REGISTER && !p->absent && !table_is_bits(p->table) &&
	       !(p->write && p->write->only) && p->parts == 1 && model_bound(d);
}

/* One point's registers, and the longest run of neighbours of its table that may be read at once.
 * A device without registers, or an unknown one: holding register 0. */
static void choose(const struct device *d, struct span s[2])
{
	uint16_t most = d && d->rule.max_read && d->rule.max_read < LONG_MOST ? d->rule.max_read
	                                                                      : LONG_MOST;

	s[0] = s[1] = (struct span){.table = TABLE_HOLDING, .count = 1};
	s[1].count = d ? 0 : 1;
	for (uint32_t i = 0; d && i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (!plain(d, p))
			continue;
		struct span run = model_span(d, p);
		if (s[1].count == 0)
			s[0] = run;
		for (uint32_t k = i + 1; k < d->set->n && plain(d, &d->set->point[k]); k++) {
			const struct span next = model_span(d, &d->set->point[k]);
			if (next.table != run.table || next.addr != run.addr + run.count ||
			    run.count + next.count > most)
				break;
			run.count = (uint16_t)(run.count + next.count);
		}
		if (run.count > s[1].count) {
			s[1] = run;
			s[0] = model_span(d, p);
		}
	}
	if (s[1].count == 0)
		s[1].count = 1;
}

static void take(struct patient *p, unsigned which, const struct reply *r)
{
	const bool alive = r->outcome == OUT_OK || r->outcome == OUT_REFUSED;
	const bool gateway = r->outcome == OUT_REFUSED && (r->exception == EXC_GATEWAY_PATH ||
	                                                   r->exception == EXC_GATEWAY_TARGET);

	p->asked++;
	p->asked_of[which]++;
	p->lost_of[which] += !alive || gateway;
	p->good += r->outcome == OUT_OK;
	p->gateway += gateway;
	p->exceptions += r->outcome == OUT_REFUSED && !gateway;
	p->exception = r->outcome == OUT_REFUSED ? r->exception : p->exception;
	p->shorter += r->instead.kind == INSTEAD_SHORT;
	p->corrupted += r->outcome == OUT_GARBLED && r->instead.kind != INSTEAD_SHORT;
	p->timeouts += r->outcome == OUT_TIMEOUT || r->outcome == OUT_CLOSED;
	p->late += r->instead.kind == INSTEAD_LATE;
	if (r->instead.kind == INSTEAD_UNIT) {
		p->others++;
		p->other_unit = (uint8_t)r->instead.is;
	}
	if (!alive || gateway)
		return;
	const us_t t = r->turnaround ? r->turnaround : r->took;
	p->sum += t;
	p->most = t > p->most ? t : p->most;
	p->least = !p->least || t < p->least ? t : p->least;
}

bool patient_examine(struct doctor *d, struct patient *p, const struct device *device)
{
	const us_t timeout = target_timeout(&d->target, &d->options, p->unit);
	struct span s[2];
	uint16_t words[CELLS_MAX];
	struct reply reply;

	choose(device, s);
	for (unsigned i = 0; i < d->requests && !stop_asked(); i++) {
		struct span *one = &s[i % 2];
		one->unit = p->unit;
		p->count_of[i % 2] = one->count;
		image_fetch(d->line, one, device ? &device->rule : NULL, timeout, false, words,
		            &reply);
		if (reply.outcome == OUT_LINK)
			return false;
		d->echo = d->echo || reply.instead.kind == INSTEAD_ECHO;
		take(p, i % 2, &reply);
		if (p->asked == GIVE_UP && !p->good && !p->exceptions && !p->corrupted &&
		    !p->shorter)
			break;
	}
	return true;
}

static void append(char *buf, size_t size, unsigned n, const char *what)
{
	const size_t len = strlen(buf);

	if (n)
		snprintf(buf + len, size - len, "%s%u %s", len ? ", " : "", n, what);
}

static unsigned percent(unsigned part, unsigned of)
{
	return of ? (100 * part + of / 2) / of : 0;
}

void patient_say(struct doctor *d, const struct patient *p)
{
	const unsigned alive = p->good + p->exceptions;
	char name[96], bad[160] = "";

	snprintf(name, sizeof(name), "unit %u%s%.60s", p->unit, p->name ? " " : "",
	         p->name ? p->name : "");
	append(bad, sizeof(bad), p->timeouts, "no response");
	append(bad, sizeof(bad), p->corrupted, "CRC");
	append(bad, sizeof(bad), p->shorter, "cut short");
	append(bad, sizeof(bad), p->others, "from another unit id");
	append(bad, sizeof(bad), p->late, "too late");
	append(bad, sizeof(bad), p->gateway, "the gateway responds, not the unit");
	if (alive == 0) {
		doctor_say(d, CHECK_FAIL, name, "%u of %u; %s", alive, p->asked,
		           bad[0] ? bad : "not asked");
		return;
	}
	doctor_say(d, alive == p->asked ? CHECK_OK : CHECK_FAIL, name,
	           "%u of %u, %.0f ms (%.0f to %.0f)%s%s%s", alive, p->asked,
	           (double)p->sum / alive / 1e3, (double)p->least / 1e3, (double)p->most / 1e3,
	           bad[0] ? "; " : "", bad, p->exceptions ? "; exceptions: alive" : "");
	if (p->lost_of[0] + p->lost_of[1] && p->count_of[0] != p->count_of[1])
		doctor_say(d, CHECK_NOTE, name, "loss: %u registers %u %%, %u registers %u %%",
		           p->count_of[0], percent(p->lost_of[0], p->asked_of[0]), p->count_of[1],
		           percent(p->lost_of[1], p->asked_of[1]));
}
