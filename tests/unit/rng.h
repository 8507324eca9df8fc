/* SPDX-License-Identifier: MIT */
/* rng: numbers that repeat, from a seed of the test's. */
#ifndef TESTS_UNIT_RNG_H
#define TESTS_UNIT_RNG_H

#include <stdint.h>

static uint32_t rng;

/* Below n. */
static inline unsigned below(unsigned n)
{
	rng = rng * 1664525u + 1013904223u;
	return (unsigned)(((uint64_t)(rng >> 4) * n) >> 28);
}

#endif
