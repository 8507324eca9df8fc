/* SPDX-License-Identifier: MIT */
/*
 * as: registers without a description, read as every type they could be.
 */
#ifndef CTL_AS_H
#define CTL_AS_H

#include "ctl/place.h"

/* Is it "all" or the name of a type of ours ("f32", "u32:little")? */
bool as_known(const char *type);
const char *as_names(void); /* for a message */

/* Prints n words, which are at `at`, as that type. all: one line a type, the likely ones marked
 * and with a point of devices.yaml for each. */
void as_print(const char *type, const struct place *at, const uint16_t *words, unsigned n);

/* The value at words as that type ("u16"), as text. How many words it takes; 0: not enough. */
unsigned as_text(const char *type, const uint16_t *words, unsigned n, char *buf, size_t size);

#endif
