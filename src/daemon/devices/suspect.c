// SPDX-License-Identifier: MIT
#include "daemon/devices/suspect.h"

#include "core/modbus/words.h"
#include "daemon/base/log.h"

#include <stdio.h>

#define SUSPECT_AFTER (10 * US_S)
#define LEAST 2 /* points: one alone proves nothing about the rest */

struct tally {
	uint32_t points;      /* that are polled */
	uint32_t denied;      /* that the device reports it does not have */
	uint32_t ranged;      /* that were read and have a range */
	uint32_t implausible; /* of these: outside it */
};

/* Silence, noise and "busy" prove nothing about the profile, nor does what is requested on demand.
 */
static struct tally count(const struct plant *p, uint32_t device)
{
	const struct device *d = &p->model->device[device];
	struct tally t = {0};
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *pt = &d->set->point[i];
		const struct reading *r = &p->reading[d->point0 + i];
		if (pt->source != SOURCE_REGISTER || pt->absent || pt->poll != POLL_ALWAYS ||
		    plant_raw_words(pt) == 0)
			continue;
		t.points++;
		t.denied += r->refused && r->denied;
		t.ranged += pt->has_valid && r->at && !r->refused;
		t.implausible += r->implausible && !r->refused;
	}
	return t;
}

/* All bits the same: many devices answer so while they sleep. */
static bool asleep(const struct reading *r, const struct point *pt)
{
	const unsigned n = plant_raw_words(pt);
	const uint16_t *w = n > RAW_INLINE ? r->words : r->word;
	bool same = true;
	for (unsigned i = 0; i < n; i++)
		same &= w[i] == w[0] && (w[i] == 0 || w[i] == UINT16_MAX);
	return same;
}

bool suspect_invalid(struct device_state *s, struct reading *r, const struct point *pt,
                     const struct value *v)
{
	const double x = value_number(v);
	const bool number = v->kind == VALUE_DECIMAL || v->kind == VALUE_REAL;
	const bool out = pt->has_valid && number && !(x >= pt->valid_min && x <= pt->valid_max);
	s->invalid += out;
	r->implausible = out && !asleep(r, pt);
	s->doubtful |= r->implausible;
	return out;
}

static bool most_denied(const struct tally *t)
{
	return t->denied >= LEAST && 2 * t->denied > t->points;
}

static bool all_implausible(const struct tally *t)
{
	return t->implausible >= LEAST && t->implausible == t->ranged;
}

void suspect_text(const struct plant *p, uint32_t device, char *buf, size_t size)
{
	const struct device *d = &p->model->device[device];
	const struct tally t = count(p, device);
	char what[160], by[WORDS_MAX];
	if (most_denied(&t))
		snprintf(what, sizeof what, "%u of %u points are refused (%s)", t.denied, t.points,
		         exception_words(p->device[device].denied_by, by, sizeof by));
	else
		snprintf(what, sizeof what, "all %u values that have a range are outside it",
		         t.implausible);
	snprintf(buf, size,
	         "%s: %s%.64s%s, or a different device has unit id %u; see xnetctl probe "
	         "%.64s --id %u",
	         what, d->profile ? "profile " : "",
	         d->profile ? d->profile : "the addresses may count from 1 (address_base)",
	         d->profile ? " may be wrong for this model or firmware" : "", d->id,
	         p->bus[d->bus].conf->name, d->id);
}

static void begins(struct gateway *g, uint32_t device)
{
	char text[512];
	suspect_text(g->plant, device, text, sizeof text);
	log_warn("device %s: wrong profile? %s", g->model->device[device].name, text);
	gateway_alert(g, ALERT_WARNING, ALERT_WRONG_PROFILE, g->model->device[device].name, text);
}

static void ends(struct gateway *g, uint32_t device)
{
	log_info("device %s: its profile fits", g->model->device[device].name);
	gateway_alert_end(g, ALERT_WARNING, ALERT_WRONG_PROFILE, g->model->device[device].name);
}

void suspect_look(struct gateway *g, uint32_t device)
{
	struct device_state *s = &g->plant->device[device];
	if (!s->doubtful || s->phase != PHASE_ONLINE)
		return; /* while it does not answer nothing new is known */
	const struct tally t = count(g->plant, device);
	const bool bad = most_denied(&t) || all_implausible(&t);
	if (!bad) {
		s->doubt_since = 0;
		s->doubtful = t.denied || t.implausible;
	} else if (!s->doubt_since) {
		s->doubt_since = g->now;
	}
	const bool suspected = bad && g->now - s->doubt_since >= SUSPECT_AFTER;
	if (suspected == s->suspected || (bad && s->suspected))
		return;
	s->suspected = suspected;
	if (suspected)
		begins(g, device);
	else
		ends(g, device);
}
