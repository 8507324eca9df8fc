/* SPDX-License-Identifier: MIT */
/*
 * due: which of many things is next: a heap. What is in it holds the node and frees it, but not
 * before due_never().
 */
#ifndef CORE_BASE_DUE_H
#define CORE_BASE_DUE_H

#include "core/base/span.h"

#include <stddef.h>

struct due_node {
	us_t at;
	size_t place; /* in the heap, from 1; 0: it is not in it */
	void *owner;  /* the caller's */
};

/* All zero: empty. */
struct due {
	struct due_node **node;
	size_t n, room;
};

/* Puts it in, or moves it there. at US_NEVER: takes it out. */
void due_set(struct due *d, struct due_node *node, us_t at);
void due_never(struct due *d, struct due_node *node);

/* The first; NULL: none. Of several at one time, any. */
struct due_node *due_first(const struct due *d);

/* Frees the heap, not the nodes. */
void due_free(struct due *d);

#endif
