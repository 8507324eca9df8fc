/* SPDX-License-Identifier: MIT */
/*
 * names: from a name to its place in an array, for arrays that only grow. Pure but for the seed.
 */
#ifndef VIEW_NAMES_H
#define VIEW_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct names {
	uint32_t *slot; /* 0: free; else place + 1 */
	size_t room, n; /* room: a power of two, or 0 */
	uint64_t seed;  /* who publishes names must not know which of them meet */
};

/* The name at a place of the caller's array. */
typedef const char *(*names_at)(const void *array, size_t place);

/* Its place; -1: not there. */
long names_find(const struct names *h, names_at at, const void *array, const char *name,
                size_t len);

/* The name that is at the array's place h->n from now on. */
void names_add(struct names *h, names_at at, const void *array);
void names_free(struct names *h);

#endif
