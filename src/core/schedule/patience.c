// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

/* A unit's time-out follows its recent turnarounds. Some registers take much longer than their
 * neighbours (the device reads a sensor first), so each want has a time-out of its own as well:
 * twice what was waited in vain, then the configured one; and once an answer has shown that
 * less was too short, never that little again. Time-outs are a minute at most, kept as ms in 16
 * bits: what is waited for is rounded up, what was waited for down, so that no answer is missed for
 * it. */

static uint16_t whole_ms(us_t t)
{
	return (uint16_t)us_min((t + US_MS - 1) / US_MS, UINT16_MAX);
}

static uint16_t part_ms(us_t t)
{
	return (uint16_t)us_max(1, us_min(t / US_MS, UINT16_MAX)); /* 0 means none */
}

bool patience_own(const struct node *n)
{
	return n->patience || n->least;
}

us_t patience_of(const struct schedule *s, const struct unit *u, const struct span *span)
{
	us_t t = 0;
	if (!u->npatient)
		return 0;
	for (size_t i = nodes_from(s, u, span); nodes_within(s, u, i, span); i++)
		if (node_inside(&s->node[i], span))
			t = us_max(t, US_MS * us_max(s->node[i].patience, s->node[i].least));
	return us_min(t, u->rule.timeout);
}

void patience_failed(struct schedule *s, struct unit *u, const struct turn *t)
{
	for (size_t i = nodes_from(s, u, &t->span); nodes_within(s, u, i, &t->span); i++) {
		struct node *n = &s->node[i];
		if (!node_inside(n, &t->span))
			continue;
		u->npatient -= patience_own(n);
		/* the whole time in vain: it is not the time; from the beginning */
		if (t->timeout >= u->rule.timeout)
			n->patience = 0;
		else
			n->patience = whole_ms(n->patience ? u->rule.timeout : 2 * t->timeout);
		n->vain = (uint16_t)us_max(n->vain, part_ms(t->timeout));
		u->npatient += patience_own(n);
	}
}

void patience_answered(struct unit *u, struct node *n, us_t turnaround)
{
	u->npatient -= patience_own(n);
	if (2 * turnaround > n->vain * US_MS)
		n->least = (uint16_t)us_max(n->least, whole_ms(2 * turnaround));
	n->vain = n->patience = 0;
	u->npatient += patience_own(n);
}
