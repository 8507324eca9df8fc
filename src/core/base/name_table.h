/* SPDX-License-Identifier: MIT */
/*
 * name_table: from a name to a number, at the same cost however many names there are. Lives in an
 * arena; the names belong to others and outlive it. All zero is an empty one.
 */
#ifndef CORE_BASE_NAME_TABLE_H
#define CORE_BASE_NAME_TABLE_H

#include <stdint.h>

#include "core/base/arena.h"

struct name_slot {
	const char *name; /* NULL: free */
	uint32_t hash;
	int32_t value;
};

struct name_table {
	struct name_slot *slot;
	uint32_t room, n; /* room is a power of two */
};

/* Of several with one name the first stays. value >= 0. */
void name_table_add(struct arena *a, struct name_table *l, const char *name, int32_t value);

/* -1: there is none. */
int32_t name_table_find(const struct name_table *l, const char *name, size_t len);

#endif
