// SPDX-License-Identifier: MIT
#include "core/schedule/advise.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/arena.h"

#define CLASSES_MAX 16 /* periods of one line that are looked at, the shortest first */
#define FACTOR_MAX 64
#define WORTH 0.5 /* per cent less, or the change is not worth reporting */

struct advice {
	const struct wire *wire;
	const struct want *wants;
	size_t n;
	const struct unit_rule *rules;
	size_t nrules;
	us_t turnaround;
	struct want *slower; /* the wants with changed periods */
	us_t period[CLASSES_MAX];
	size_t members[CLASSES_MAX];
	us_t factor[CLASSES_MAX];
	size_t classes;
};

static bool advisable(us_t period)
{
	return period != PERIOD_FASTEST && period != PERIOD_ONCE;
}

static size_t class_of(const struct advice *a, us_t period)
{
	size_t k = 0;
	while (k < a->classes && a->period[k] != period)
		k++;
	return k;
}

static us_t shortest_above(const struct advice *a, us_t period)
{
	us_t next = US_NEVER;
	for (size_t i = 0; i < a->n; i++)
		if (advisable(a->wants[i].period) && a->wants[i].period > period &&
		    a->wants[i].period < next)
			next = a->wants[i].period;
	return next;
}

static void classes_find(struct advice *a)
{
	us_t period = 0;
	while (a->classes < CLASSES_MAX && (period = shortest_above(a, period)) != US_NEVER) {
		a->period[a->classes] = period;
		a->factor[a->classes++] = 1;
	}
	for (size_t i = 0; i < a->n; i++) {
		const size_t k = class_of(a, a->wants[i].period);
		if (k < a->classes)
			a->members[k]++;
	}
}

static double load_now(struct advice *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const size_t k = class_of(a, a->wants[i].period);
		a->slower[i] = a->wants[i];
		if (k < a->classes)
			a->slower[i].period *= a->factor[k];
	}
	return schedule_load(a->wire, a->slower, a->n, a->rules, a->nrules, a->turnaround);
}

/* Double the period of one class: of those that reach the limit the one with the fewest wants, else
 * the one that helps most. False: none is worth it. */
static bool step(struct advice *a, double limit, double *load)
{
	size_t best = a->classes;
	double reached = *load;
	for (size_t k = 0; k < a->classes; k++) {
		if (a->factor[k] == FACTOR_MAX)
			continue;
		a->factor[k] *= 2;
		const double with = load_now(a);
		a->factor[k] /= 2;
		const bool better = with > limit || reached > limit
		                            ? with < reached - WORTH
		                            : a->members[k] < a->members[best];
		if (!better)
			continue;
		best = k;
		reached = with;
	}
	if (best == a->classes)
		return false;
	a->factor[best] *= 2;
	*load = reached;
	return true;
}

size_t load_advise(const struct wire *w, const struct want *wants, size_t n,
                   const struct unit_rule *r, size_t nr, us_t turnaround, double limit,
                   struct load_change *change, size_t room, double *load)
{
	struct advice a = {
		.wire = w,
		.wants = wants,
		.n = n,
		.rules = r,
		.nrules = nr,
		.turnaround = turnaround,
		.slower = mem_alloc(n, sizeof(struct want)),
	};
	classes_find(&a);
	*load = load_now(&a);
	while (*load > limit && step(&a, limit, load))
		;
	free(a.slower);
	size_t changes = 0;
	for (size_t k = 0; k < a.classes && changes < room; k++)
		if (a.factor[k] > 1)
			change[changes++] = (struct load_change){
				.from = a.period[k],
				.to = a.period[k] * a.factor[k],
				.wants = a.members[k],
			};
	return changes;
}

int load_print_period(us_t period, char *buf, size_t size)
{
	if (period % (60 * US_S) == 0)
		return snprintf(buf, size, "%" PRId64 "m", period / (60 * US_S));
	if (period >= US_S)
		return snprintf(buf, size, "%gs", (double)period / 1e6);
	return snprintf(buf, size, "%gms", (double)period / 1e3);
}

int load_print(const struct load_change *change, size_t n, char *buf, size_t size)
{
	size_t len = 0;
	if (size)
		buf[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		char from[24], to[24];
		load_print_period(change[i].from, from, sizeof from);
		load_print_period(change[i].to, to, sizeof to);
		const size_t left = len < size ? size - len : 0;
		len += (size_t)snprintf(left ? buf + len : NULL, left, "%s%zu of %s every %s",
		                        i ? ", " : "", change[i].wants, from, to);
	}
	return (int)len;
}
