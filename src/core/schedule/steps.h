/* SPDX-License-Identifier: MIT */
/*
 * steps: neighbours shared out to reads at least wire time. Only plan.c includes it.
 *
 * A read's time is a fixed part and one for each byte, so of two places where it could begin one is
 * better, and stays so wherever the read ends: those that can still be the best form a queue, and
 * each want enters and leaves it once. Bits share bytes: they have a queue for each bit of a byte.
 */
#ifndef CORE_SCHEDULE_STEPS_H
#define CORE_SCHEDULE_STEPS_H

#include "core/schedule/schedule.h"

struct read_cost {
	int64_t fixed, byte; /* of one read, ns */
	uint32_t most;       /* cells in one read */
	bool bits;           /* 8 cells to a byte, not half a one */
};

/* want[0..m), sorted by address: which go together at least time, then in the fewest reads, then
 * with the fewest cells? No want and no hole between them forbids a read; no want is longer than
 * `most`. end[] gets for each read the index behind its last want, ascending (room for m). Returns
 * how many reads. Takes time in proportion to m. */
size_t steps_share(const struct read_cost *c, const struct want *const *want, size_t m,
                   uint32_t *end);

#endif
