/* SPDX-License-Identifier: MIT */
/*
 * load: how much of a line's time its wants need. Worked out once for wants that are due together,
 * so that a call with other periods costs next to nothing.
 */
#ifndef CORE_SCHEDULE_LOAD_H
#define CORE_SCHEDULE_LOAD_H

#include "core/schedule/schedule.h"

#define LOAD_CLASSES 32 /* different periods of a line that are told apart, the shortest first */

struct line_load;

/* What each argument means: see schedule_load(). The windows of the rules must live as long. */
struct line_load *line_load_create(const struct wire *w, const struct want *wants, size_t n,
                                   const struct unit_rule *r, size_t nr, us_t turnaround);
void line_load_destroy(struct line_load *l);

/* The different periods, shortest first, without PERIOD_FASTEST and PERIOD_ONCE. How many. */
size_t line_load_classes(const struct line_load *l);
us_t line_load_period(const struct line_load *l, size_t class_);
size_t line_load_members(const struct line_load *l, size_t class_); /* wants that have it */

/* Per cent of the wire's time, if the period of class k were factor[k] times as long. */
double line_load_percent(struct line_load *l, const us_t *factor);

#endif
