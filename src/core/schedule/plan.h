/* SPDX-License-Identifier: MIT */
/*
 * plan: which reads cover what is due, at least wire time. The optimum, in time proportional to
 * what is due (see steps.h).
 */
#ifndef CORE_SCHEDULE_PLAN_H
#define CORE_SCHEDULE_PLAN_H

#include "core/schedule/schedule.h"

#define PLAN_EXCHANGE_MAX (250 * US_MS) /* commands must get in: no longer exchange on the wire */

/* A learned or configured address no read may touch unless it is wanted itself. */
struct cut {
	uint8_t table;
	uint16_t addr, len;
};

struct plan_limits {
	uint16_t max_read;  /* registers */
	uint16_t max_cells; /* registers or bits; 0: by max_read */
	uint16_t max_hole;  /* cells; UINT16_MAX: by cost alone */
	us_t turnaround; /* and what else another request takes: a pause that no other unit uses */
	const struct window *window;
	uint8_t nwindow;
	const struct cut *cut;
	uint16_t ncut;
};

/* One read, and which wants are its own. */
struct share {
	size_t first; /* of them; they go up to the next share's first */
	struct span span;
};

/* Cover want[0..n), all of one unit and table, sorted by address (they may overlap), with reads of
 * least total wire time, to 1 us a read. share[] gets them in address order (room for n). Returns
 * how many. Every want is wholly inside its read. A want that is itself over a limit gets one
 * alone. */
size_t plan_shares(const struct wire *w, const struct plan_limits *l,
                   const struct want *const *want, size_t n, struct share *share);

/* The same, only the spans. */
size_t plan_cover(const struct wire *w, const struct plan_limits *l, const struct want *const *want,
                  size_t n, struct span *block);

/* The span to read now: the block of plan_cover() that holds want[which]. */
struct span plan_block(const struct wire *w, const struct plan_limits *l,
                       const struct want *const *want, size_t n, size_t which);

/* May a single read be this span, wanted or not: length, exchange time, windows, cuts. */
bool plan_allows(const struct wire *w, const struct plan_limits *l, const struct span *span);

#endif
