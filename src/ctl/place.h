/* SPDX-License-Identifier: MIT */
/*
 * place: registers as people write them: input:0x3100, holding:5, or as documents count them:
 * 40001, 3x1, 400001. And the same words back.
 */
#ifndef CTL_PLACE_H
#define CTL_PLACE_H

#include "core/base/span.h"

struct place {
	uint8_t table; /* enum table */
	uint16_t addr;
	bool counted; /* it was written as documents count, from 1 */
};

/* False: why is a sentence. */
bool place_parse(const char *text, struct place *p, char *why, size_t size);

/* Whole number of text, 0x… too; false: none, or above most. */
bool whole_parse(const char *text, unsigned long most, unsigned long *out);

#endif
