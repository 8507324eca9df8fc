// SPDX-License-Identifier: MIT
#include "config/bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 2000 /* more than the loader reads */

/* One entry: "kind length-of-name length-of-text\n", the name, "\n", the text, "\n". Kinds: c the
 * configuration's name, p a directory of profiles, f a file, r one that is only named. */
struct bundle_entry {
	char kind;
	char *name;
	size_t at, len; /* of its text in the block */
};

struct bundle {
	char *bytes;
	size_t len, room;
	struct bundle_entry entry[ENTRIES_MAX];
	size_t n;
	bool stored, full;
};

static struct bundle_entry *entry_add(struct bundle *b, char kind, const char *name, size_t len)
{
	if (b->n == ENTRIES_MAX)
		return NULL;
	struct bundle_entry *e = &b->entry[b->n++];
	*e = (struct bundle_entry){.kind = kind, .name = mem_alloc(len + 1, 1)};
	memcpy(e->name, name, len);
	return e;
}

static void append(struct bundle *b, const char *bytes, size_t n)
{
	if (n == 0) /* then neither need be there */
		return;
	if (b->len + n > b->room) {
		b->room = 2 * (b->len + n);
		b->bytes = mem_grow(b->bytes, b->room, 1);
	}
	memcpy(b->bytes + b->len, bytes, n);
	b->len += n;
}

static void put(struct bundle *b, char kind, const char *name, const char *text, size_t n)
{
	char head[64];
	const size_t len = strlen(name);
	struct bundle_entry *e =
		b->len + len + n + sizeof head > BUNDLE_MAX ? NULL : entry_add(b, kind, name, len);
	if (!e) {
		b->full = true;
		return;
	}
	append(b, head, (size_t)snprintf(head, sizeof head, "%c %zu %zu\n", kind, len, n));
	append(b, name, len);
	append(b, "\n", 1);
	e->at = b->len;
	e->len = n;
	append(b, text, n);
	append(b, "\n", 1);
}

struct bundle *bundle_create(const struct config_paths *paths)
{
	struct bundle *b = mem_alloc(1, sizeof *b);
	put(b, 'c', paths->file, "", 0);
	for (size_t i = 0; i < sizeof paths->profiles / sizeof *paths->profiles; i++)
		if (paths->profiles[i])
			put(b, 'p', paths->profiles[i], "", 0);
	return b;
}

/* A decimal number, and what must be behind it. */
static bool take_number(const char **p, const char *end, char behind, size_t *out)
{
	size_t v = 0;
	const char *s = *p;
	for (; s < end && *s >= '0' && *s <= '9' && v <= BUNDLE_MAX; s++)
		v = 10 * v + (size_t)(*s - '0');
	if (s == *p || s == end || *s != behind || v > BUNDLE_MAX)
		return false;
	*p = s + 1;
	*out = v;
	return true;
}

static bool take_entry(struct bundle *b, const char **p)
{
	const char *end = b->bytes + b->len, kind = **p;
	size_t len, n;
	if (end - *p < 2 || !strchr("cpfr", kind) || (*p)[1] != ' ')
		return false;
	*p += 2;
	if (!take_number(p, end, ' ', &len) || !take_number(p, end, '\n', &n) ||
	    len + n + 2 > (size_t)(end - *p))
		return false;
	const char *name = *p, *text = name + len + 1;
	if (memchr(name, '\0', len) || name[len] != '\n' || text[n] != '\n')
		return false;
	struct bundle_entry *e = entry_add(b, kind, name, len);
	if (!e)
		return false;
	e->at = (size_t)(text - b->bytes);
	e->len = n;
	*p = text + n + 1;
	return true;
}

struct bundle *bundle_unpack(const char *bytes, size_t n)
{
	if (n > BUNDLE_MAX)
		return NULL;
	struct bundle *b = mem_alloc(1, sizeof *b);
	append(b, bytes, n);
	b->stored = true;
	const char *p = b->bytes;
	bool good = true;
	while (good && p < b->bytes + b->len)
		good = take_entry(b, &p);
	if (good && b->n > 0 && b->entry[0].kind == 'c')
		return b;
	bundle_destroy(b);
	return NULL;
}

void bundle_destroy(struct bundle *b)
{
	for (size_t i = 0; b && i < b->n; i++)
		free(b->entry[i].name);
	if (b)
		free(b->bytes);
	free(b);
}

const char *bundle_bytes(const struct bundle *b, size_t *n)
{
	*n = b->len;
	return b->full || !bundle_name(b, 0) ? NULL : b->bytes;
}

bool bundle_stored(const struct bundle *b)
{
	return b->stored;
}

void bundle_paths(const struct bundle *b, struct config_paths *out)
{
	size_t n = 0;
	*out = (struct config_paths){.file = b->entry[0].name};
	for (size_t i = 0; i < b->n && n < sizeof out->profiles / sizeof *out->profiles - 1; i++)
		if (b->entry[i].kind == 'p')
			out->profiles[n++] = b->entry[i].name;
}

void bundle_refer(struct bundle *b, const char *name)
{
	put(b, 'r', name, "", 0);
}

const char *bundle_any(const struct bundle *b, size_t i)
{
	for (size_t k = 0; k < b->n; k++)
		if ((b->entry[k].kind == 'f' || b->entry[k].kind == 'r') && i-- == 0)
			return b->entry[k].name;
	return NULL;
}

void bundle_add(struct bundle *b, const char *name, const char *text, size_t n)
{
	put(b, 'f', name, text, n);
}

const char *bundle_find(const struct bundle *b, const char *name, size_t *n)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->entry[i].kind == 'f' && strcmp(b->entry[i].name, name) == 0) {
			*n = b->entry[i].len;
			return b->bytes + b->entry[i].at;
		}
	return NULL;
}

const char *bundle_name(const struct bundle *b, size_t i)
{
	for (size_t k = 0; k < b->n; k++)
		if (b->entry[k].kind == 'f' && i-- == 0)
			return b->entry[k].name;
	return NULL;
}
