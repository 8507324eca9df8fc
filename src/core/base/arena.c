// SPDX-License-Identifier: MIT
#include "core/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_LEAST 1024
#define CHUNK_MOST 16384
#define ALIGN 16

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(ALIGN) unsigned char data[];
};

struct arena {
	struct chunk *chunk;
	size_t used;
};

static void *must(void *p)
{
	if (!p) {
		fputs("<2>out of memory\n", stderr);
		abort();
	}
	return p;
}

void *mem_alloc(size_t n, size_t size)
{
	return must(calloc(n ? n : 1, size ? size : 1));
}

void *mem_grow(void *p, size_t n, size_t size)
{
	return must(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *mem_strdup(const char *s)
{
	return must(strdup(s));
}

struct arena *arena_create(void)
{
	return mem_alloc(1, sizeof(struct arena));
}

void arena_destroy(struct arena *a)
{
	if (!a)
		return;
	while (a->chunk) {
		struct chunk *next = a->chunk->next;
		explicit_bzero(a->chunk->data, a->chunk->used);
		free(a->chunk);
		a->chunk = next;
	}
	free(a);
}

/* As much again as there is: many arenas have a few texts only. */
static size_t chunk_size(const struct arena *a)
{
	return a->used < CHUNK_LEAST ? CHUNK_LEAST : a->used < CHUNK_MOST ? a->used : CHUNK_MOST;
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (size > SIZE_MAX / 2)
		must(NULL);
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	struct chunk *c = a->chunk;
	if (!c || c->size - c->used < size) {
		const size_t open = chunk_size(a), room = size > open ? size : open;
		c = must(malloc(sizeof *c + room));
		c->used = 0;
		c->size = room;
		if (a->chunk && room > open) {
			/* a large piece goes behind, the open chunk stays in use */
			c->next = a->chunk->next;
			a->chunk->next = c;
		} else {
			c->next = a->chunk;
			a->chunk = c;
		}
	}
	void *p = c->data + c->used;
	c->used += size;
	a->used += size;
	return memset(p, 0, size);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		must(NULL);
	return arena_alloc(a, bytes ? bytes : 1);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = arena_alloc(a, n + 1);
	memcpy(p, s, n);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = NULL;
	if (vasprintf(&text, fmt, ap) < 0)
		must(NULL);
	va_end(ap);
	char *p = arena_strdup(a, text);
	free(text);
	return p;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
