// SPDX-License-Identifier: MIT
#include "core/schedule/advise.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/schedule/load.h"

#define FACTOR_MAX 64
#define WORTH 0.5 /* per cent less, or the change is not worth reporting */

/* Double the period of one class: of those that reach the limit the one with the fewest wants, else
 * the one that helps most. False: none is worth it. */
static bool step(struct line_load *l, us_t *factor, double limit, double *load)
{
	const size_t classes = line_load_classes(l);
	size_t best = classes;
	double reached = *load;
	for (size_t k = 0; k < classes; k++) {
		if (factor[k] == FACTOR_MAX)
			continue;
		factor[k] *= 2;
		const double with = line_load_percent(l, factor);
		factor[k] /= 2;
		const bool better = with > limit || reached > limit
		                            ? with < reached - WORTH
		                            : line_load_members(l, k) < line_load_members(l, best);
		if (!better)
			continue;
		best = k;
		reached = with;
	}
	if (best == classes)
		return false;
	factor[best] *= 2;
	*load = reached;
	return true;
}

size_t load_advise(const struct wire *w, const struct want *wants, size_t n,
                   const struct unit_rule *r, size_t nr, us_t turnaround, double limit,
                   struct load_change *change, size_t room, double *load)
{
	us_t factor[LOAD_CLASSES];
	for (size_t k = 0; k < LOAD_CLASSES; k++)
		factor[k] = 1;
	struct line_load *l = line_load_create(w, wants, n, r, nr, turnaround);
	*load = line_load_percent(l, factor);
	while (*load > limit && step(l, factor, limit, load))
		;
	size_t changes = 0;
	for (size_t k = 0; k < line_load_classes(l) && changes < room; k++)
		if (factor[k] > 1)
			change[changes++] = (struct load_change){
				.from = line_load_period(l, k),
				.to = line_load_period(l, k) * factor[k],
				.wants = line_load_members(l, k),
			};
	line_load_destroy(l);
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
