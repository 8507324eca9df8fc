// SPDX-License-Identifier: MIT
#include "view/names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/arena.h"

/* As FNV-1a, but from a seed, and with the high bits brought down: else names that meet with one
 * seed meet with others. */
static size_t hash(const struct names *h, const char *name, size_t len)
{
	uint64_t x = h->seed;

	for (size_t i = 0; i < len; i++) {
		x = (x ^ (unsigned char)name[i]) * 0x9E3779B97F4A7C15u;
		x ^= x >> 32;
	}
	return (size_t)x;
}

/* Without one where the system has none to give yet. */
static uint64_t seed_new(void)
{
	uint64_t seed = 0;

	return getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed ? seed : 0;
}

static void put(struct names *h, const char *name, uint32_t value)
{
	size_t i = hash(h, name, strlen(name)) & (h->room - 1);

	while (h->slot[i])
		i = (i + 1) & (h->room - 1);
	h->slot[i] = value;
}

long names_find(const struct names *h, names_at at, const void *array, const char *name, size_t len)
{
	if (!h->room)
		return -1;
	for (size_t i = hash(h, name, len) & (h->room - 1); h->slot[i];
	     i = (i + 1) & (h->room - 1)) {
		const char *have = at(array, h->slot[i] - 1);
		if (strncmp(have, name, len) == 0 && have[len] == '\0')
			return (long)h->slot[i] - 1;
	}
	return -1;
}

void names_add(struct names *h, names_at at, const void *array)
{
	if ((h->n + 1) * 2 > h->room) {
		free(h->slot);
		h->seed = h->room ? h->seed : seed_new();
		h->room = h->room ? h->room * 2 : 16;
		h->slot = mem_alloc(h->room, sizeof *h->slot);
		for (size_t i = 0; i < h->n; i++)
			put(h, at(array, i), (uint32_t)i + 1);
	}
	put(h, at(array, h->n), (uint32_t)h->n + 1);
	h->n++;
}

void names_free(struct names *h)
{
	free(h->slot);
	*h = (struct names){0};
}
