/* SPDX-License-Identifier: MIT */
/*
 * arena: memory of one lifetime. A model lives in one and is freed at once. Out of memory ends the
 * program (systemd starts it again): no function here returns NULL.
 */
#ifndef CORE_BASE_ARENA_H
#define CORE_BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_create(void);
void arena_destroy(struct arena *a); /* wiped: it may hold passwords; NULL is fine */

/* Zeroed memory, aligned for any type, owned by the arena. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t n, size_t size);
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t arena_used(const struct arena *a);

/* The same promise for plain heap. */
void *mem_alloc(size_t n, size_t size);         /* zeroed; free() */
void *mem_grow(void *p, size_t n, size_t size); /* realloc */
char *mem_strdup(const char *s);

#endif
