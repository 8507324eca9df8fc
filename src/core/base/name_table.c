// SPDX-License-Identifier: MIT
#include "core/base/name_table.h"

#include <string.h>

#define ROOM_FIRST 32

static uint32_t hash_of(const char *name, size_t len)
{
	uint32_t hash = 2166136261U; /* FNV-1a */
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)name[i]) * 16777619U;
	return hash;
}

/* Where it is, or the free slot where it belongs. */
static struct name_slot *slot_of(const struct name_table *l, const char *name, size_t len,
                                 uint32_t hash)
{
	uint32_t i = hash & (l->room - 1);
	for (; l->slot[i].name; i = (i + 1) & (l->room - 1))
		if (l->slot[i].hash == hash && strncmp(l->slot[i].name, name, len) == 0 &&
		    !l->slot[i].name[len])
			break;
	return &l->slot[i];
}

static void grow(struct arena *a, struct name_table *l)
{
	struct name_table more = {.room = l->room ? 2 * l->room : ROOM_FIRST, .n = l->n};
	more.slot = arena_array(a, more.room, sizeof *more.slot);
	for (uint32_t i = 0; i < l->room; i++) {
		const struct name_slot *s = &l->slot[i];
		if (s->name)
			*slot_of(&more, s->name, strlen(s->name), s->hash) = *s;
	}
	*l = more;
}

void name_table_add(struct arena *a, struct name_table *l, const char *name, int32_t value)
{
	const size_t len = strlen(name);
	const uint32_t hash = hash_of(name, len);
	if (2 * (l->n + 1) > l->room)
		grow(a, l);
	struct name_slot *s = slot_of(l, name, len, hash);
	if (s->name)
		return;
	*s = (struct name_slot){name, hash, value};
	l->n++;
}

int32_t name_table_find(const struct name_table *l, const char *name, size_t len)
{
	if (!l->room)
		return -1;
	const struct name_slot *s = slot_of(l, name, len, hash_of(name, len));
	return s->name ? s->value : -1;
}
