/* SPDX-License-Identifier: MIT */
/*
 * chain: which SunSpec models a simulated device has, where, and in which order.
 */
#ifndef CORE_SIM_CHAIN_H
#define CORE_SIM_CHAIN_H

#include "core/sim/image.h"

/* "50000:1,160,103,64001/8": the base, then ids, with their lengths where the profile has another
 * or none. NULL, or what is wrong. */
const char *simchain_parse(const struct sunspec *s, const char *text, struct sunspec_chain *out);

/* Registers of the whole chain, from the mark to the end's head: one span. */
struct span simchain_span(const struct sunspec_chain *c);

/* The mark, the head of each model and the end, over whatever is there. */
void simchain_stamp(const struct sunspec_chain *c, struct simimage *m);

#endif
