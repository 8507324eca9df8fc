/* SPDX-License-Identifier: MIT */
/*
 * advise: what to report when a line has more load than it can carry: which periods to lengthen.
 */
#ifndef CORE_SCHEDULE_ADVISE_H
#define CORE_SCHEDULE_ADVISE_H

#include "core/schedule/schedule.h"

#define LOAD_LIMIT 80.0 /* per cent; above it a line has no room for commands and retries */

/* All wants of one period: read them less often. */
struct load_change {
	us_t from, to;
	size_t wants;
};

/* The changes that bring the load (see schedule_load()) to `limit` per cent: as few wants as
 * possible, periods doubled so that they stay multiples of each other. change[]: room for `room`,
 * by period. *load gets what is reached, which is above the limit when nothing helps. Returns how
 * many; 0 also when the load is within the limit already. */
size_t load_advise(const struct wire *w, const struct want *wants, size_t n,
                   const struct unit_rule *r, size_t nr, us_t turnaround, double limit,
                   struct load_change *change, size_t room, double *load);

/* "12 of 1s every 4s, 30 of 5s every 10s"; returns the length as snprintf. */
int load_print(const struct load_change *change, size_t n, char *buf, size_t size);

/* A period as people write it: "100ms", "1.5s", "5m". */
int load_print_period(us_t period, char *buf, size_t size);

#endif
