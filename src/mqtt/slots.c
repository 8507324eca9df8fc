// SPDX-License-Identifier: MIT
#include "mqtt/slots.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "mqtt/outbox.h"

#define BLOCK 256
#define LONG 1024 /* bytes */

struct slot *slots_at(const struct slots *t, uint32_t id)
{
	return &t->block[(id - 1) / BLOCK][(id - 1) % BLOCK];
}

const char *slots_text_of(const struct slot *s)
{
	return s->text + s->topic_len + 1;
}

static uint32_t hash_of(const char *topic, size_t n)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)topic[i]) * 16777619u;
	return h ^ h >> 15;
}

static uint32_t *bucket(const struct slots *t, const char *topic, size_t n)
{
	return &t->hash[hash_of(topic, n) & (t->hash_size - 1)];
}

static void link_in(struct slots *t, uint32_t id)
{
	struct slot *s = slots_at(t, id);
	uint32_t *head = bucket(t, s->text, s->topic_len);
	s->chain = *head;
	*head = id;
}

static void grow(struct slots *t)
{
	const uint32_t size = t->hash_size ? t->hash_size * 2 : 64;
	free(t->hash);
	t->hash = mem_alloc(size, sizeof *t->hash);
	t->memory += (size - t->hash_size) * sizeof *t->hash;
	t->hash_size = size;
	for (uint32_t id = 1; id <= t->n; id++) {
		if (slots_at(t, id)->text)
			link_in(t, id);
	}
}

/* What malloc gives anyway for n bytes, so that a text may change its length a little in place. */
static size_t room_for(size_t n)
{
	const size_t head = sizeof(size_t);
	return ((n + head + 15) & ~(size_t)15) - head;
}

/* Elsewhere: where the long text was there would be a hole as large, and never so large a text
 * again (a device's info, once published, is not needed any more). */
static char *small_again(const struct slot *s, size_t room)
{
	char *text = memcpy(mem_alloc(room, 1), s->text, s->topic_len + 1u);
	free(s->text);
	return text;
}

void slots_text(struct slots *t, struct slot *s, const char *text)
{
	const size_t n = strlen(text);
	const size_t old = room_for(s->topic_len + s->text_len + 2u),
		     room = room_for(s->topic_len + n + 2);
	if (old != room) {
		s->text = old > LONG && room <= LONG ? small_again(s, room)
		                                     : mem_grow(s->text, room, 1);
		t->memory += room - old;
	}
	memcpy(s->text + s->topic_len + 1, text, n + 1);
	s->text_len = (uint32_t)n;
}

size_t properties_size(const char *list)
{
	size_t n = 0;
	while (list && list[n])
		n += strlen(list + n) + 1;
	return list ? n + 1 : 0;
}

const char *slots_properties(const struct slots *t, uint32_t id)
{
	return id <= t->nproperties ? t->properties[id - 1] : NULL;
}

bool slots_set_properties(struct slots *t, uint32_t id, const char *list)
{
	const char *old = slots_properties(t, id);
	const size_t before = properties_size(old), size = properties_size(list);
	if (before == size && (!list || (old && memcmp(old, list, size) == 0)))
		return false;
	if (id > t->nproperties) {
		t->properties = mem_grow(t->properties, t->n, sizeof *t->properties);
		memset(t->properties + t->nproperties, 0,
		       (t->n - t->nproperties) * sizeof *t->properties);
		t->memory += (t->n - t->nproperties) * sizeof *t->properties;
		t->nproperties = t->n;
	}
	char **p = &t->properties[id - 1];
	free(*p);
	*p = list ? memcpy(mem_alloc(size, 1), list, size) : NULL;
	t->memory += size - before;
	return true;
}

static void add_block(struct slots *t)
{
	const uint32_t nblock = t->n / BLOCK;
	t->block = mem_grow(t->block, nblock + 1, sizeof(struct slot *));
	t->block[nblock] = mem_alloc(BLOCK, sizeof(struct slot));
	t->memory += BLOCK * sizeof(struct slot);
	for (uint32_t i = BLOCK; i > 0; i--) {
		t->block[nblock][i - 1].chain = t->free_;
		t->free_ = t->n + i;
	}
	t->n += BLOCK;
}

uint32_t slots_make(struct slots *t, const char *topic, size_t n)
{
	if (t->used >= t->hash_size)
		grow(t);
	if (!t->free_)
		add_block(t);
	const uint32_t id = t->free_;
	struct slot *s = slots_at(t, id);
	const size_t room = room_for(n + 2);
	t->free_ = s->chain;
	t->used++;
	t->memory += room;
	memset(s, 0, sizeof *s);
	s->topic_len = (uint16_t)n;
	s->text = mem_alloc(room, 1);
	memcpy(s->text, topic, n);
	link_in(t, id);
	return id;
}

void slots_free(struct slots *t, uint32_t id)
{
	struct slot *s = slots_at(t, id);
	uint32_t *at = bucket(t, s->text, s->topic_len);
	while (*at != id)
		at = &slots_at(t, *at)->chain;
	*at = s->chain;
	slots_set_properties(t, id, NULL);
	t->memory -= room_for(s->topic_len + s->text_len + 2u);
	free(s->text);
	memset(s, 0, sizeof *s);
	s->chain = t->free_;
	t->free_ = id;
	t->used--;
}

uint32_t slots_find(const struct slots *t, const char *topic, size_t n)
{
	uint32_t id = t->hash_size ? *bucket(t, topic, n) : 0;
	while (id) {
		const struct slot *s = slots_at(t, id);
		if (s->topic_len == n && memcmp(s->text, topic, n) == 0)
			return id;
		id = s->chain;
	}
	return 0;
}

void slots_destroy(struct slots *t)
{
	for (uint32_t id = 1; id <= t->n; id++)
		free(slots_at(t, id)->text);
	for (uint32_t b = 0; b < t->n / BLOCK; b++)
		free(t->block[b]);
	for (uint32_t i = 0; i < t->nproperties; i++)
		free(t->properties[i]);
	free(t->properties);
	free(t->block);
	free(t->hash);
}

static uint8_t digit_of(const struct pending *p, unsigned digit)
{
	return digit < sizeof p->age ? (uint8_t)(p->age >> 8 * digit) : p->class_;
}

/* By class, then by age: a digit after the other from the last on, what is equal in its order.
 * Comparing would take several times as long, and main waits for the lock. */
static void pending_sort(struct pending *t, size_t n)
{
	struct pending *other = mem_alloc(n, sizeof *other), *from = t, *to = other;
	for (unsigned digit = 0; digit <= sizeof t->age; digit++) {
		size_t at[256] = {0}, sum = 0;
		for (size_t i = 0; i < n; i++)
			at[digit_of(&from[i], digit)]++;
		for (unsigned d = 0; d < 256; d++) {
			const size_t count = at[d];
			at[d] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			to[at[digit_of(&from[i], digit)]++] = from[i];
		struct pending *const sorted = to;
		to = from;
		from = sorted;
	}
	if (from != t)
		memcpy(t, from, n * sizeof *t);
	free(other);
}

size_t slots_pending(const struct slots *s, uint32_t clock, struct pending *t)
{
	size_t n = 0;
	for (uint32_t id = 1; id <= s->n; id++) {
		const struct slot *one = slots_at(s, id);
		if (one->text && !one->barred && (one->set || one->listed || one->gone))
			t[n++] = (struct pending){
				id, one->class_ == SLOT_VALUE ? clock - one->fresh : 0,
				one->class_};
	}
	pending_sort(t, n);
	return n;
}
