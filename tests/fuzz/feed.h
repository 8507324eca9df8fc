/* SPDX-License-Identifier: MIT */
/*
 * feed: the bytes of a run, taken one after the other.
 */
#ifndef FUZZ_FEED_H
#define FUZZ_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/base/span.h"

struct feed {
	const uint8_t *at;
	size_t left;
	us_t now; /* where time passes */
};

/* 0: there are none left. */
static inline uint8_t next(struct feed *f)
{
	if (!f->left)
		return 0;
	f->left--;
	return *f->at++;
}

/* What does not hold ends the run as a finding. */
static inline void must(bool so)
{
	if (!so)
		abort();
}

#endif
