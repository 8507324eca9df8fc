// SPDX-License-Identifier: MIT
#include "core/sim/image.h"

#include "core/sim/chain.h"

#include <stdlib.h>
#include <string.h>

#define HOLE_DEFAULT 32u /* cells that a real device answers with 0 between two points it has */

/* Cells next to each other that exist; one word a cell, also for bits. */
struct simblock {
	uint16_t first, count;
	uint16_t *cell;
};

bool simimage_has(const struct point *p)
{
	return p->source == SOURCE_REGISTER && !p->absent && !(p->write && p->write->only);
}

uint16_t *simimage_cell(const struct simimage *m, uint8_t table, uint16_t addr)
{
	for (size_t i = 0; i < m->table[table].n; i++) {
		const struct simblock *b = &m->table[table].block[i];
		if (addr >= b->first && addr - b->first < b->count)
			return &b->cell[addr - b->first];
	}
	return NULL;
}

/* -- making ---------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static unsigned words_of(const struct point *p)
{
	return codec_words(&p->codec);
}

/* One span a register part, so that the hole between the halves of a value is a hole. */
static size_t list_spans(const struct pointset *set, uint8_t table, struct span *span)
{
	size_t n = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		const struct point *p = &set->point[i];

		if (!simimage_has(p) || p->table != table)
			continue;
		const unsigned words = words_of(p) / p->parts;
		for (unsigned part = 0; part < p->parts; part++)
			span[n++] = (struct span){.table = table,
			                          .addr = p->addr[part],
			                          .count = (uint16_t)(words ? words : 1)};
	}
	return n;
}

/* Spans by address to blocks, over holes of at most `hole` cells. */
static size_t join(const struct span *span, size_t n, unsigned hole, struct simblock *block)
{
	size_t blocks = 0;

	for (size_t i = 0; i < n; i++) {
		const uint32_t end = (uint32_t)span[i].addr + span[i].count;
		struct simblock *b = blocks ? &block[blocks - 1] : NULL;

		if (!b || span[i].addr > (uint32_t)b->first + b->count + hole) {
			b = &block[blocks++];
			b->first = span[i].addr;
		}
		if (end > (uint32_t)b->first + b->count)
			b->count = (uint16_t)(end - b->first);
	}
	return blocks;
}

static void make_table(struct simimage *m, uint8_t table)
{
	const struct pointset *set = m->device->set;
	const uint16_t max_hole = m->device->rule.max_hole;
	struct span *span = mem_alloc(2 * (size_t)set->n + 1, sizeof(*span));
	size_t n = list_spans(set, table, span);

	if (set->sunspec && table == TABLE_HOLDING)
		span[n++] = simchain_span(&set->sunspec->walk.chain);

	qsort(span, n, sizeof(*span), by_address);
	m->table[table].block = mem_alloc(n, sizeof(struct simblock));
	m->table[table].n = join(span, n, max_hole == UINT16_MAX ? HOLE_DEFAULT : max_hole,
	                         m->table[table].block);
	for (size_t i = 0; i < m->table[table].n; i++) {
		struct simblock *b = &m->table[table].block[i];
		b->cell = mem_alloc(b->count, sizeof(uint16_t));
	}
	free(span);
}

void simimage_init(struct simimage *m, const struct device *d)
{
	*m = (struct simimage){.device = d};
	for (uint8_t t = 0; t < SIMIMAGE_TABLES; t++)
		make_table(m, t);
}

void simimage_free(struct simimage *m)
{
	for (unsigned t = 0; t < SIMIMAGE_TABLES; t++) {
		for (size_t i = 0; i < m->table[t].n; i++)
			free(m->table[t].block[i].cell);
		free(m->table[t].block);
	}
}

/* -- values ---------------------------------------------------------------------- */

/* Where word k of a point is. */
static uint16_t *point_cell(const struct simimage *m, const struct point *p, unsigned k)
{
	const unsigned words = words_of(p);
	const unsigned each = p->parts == 2 && words > 1 ? words / 2 : words ? words : 1;

	return simimage_cell(m, p->table, (uint16_t)(p->addr[k / each] + k % each));
}

/* The value that point p names as its exponent or factor; NULL: names none. */
static const struct value *named(const struct simimage *m, int32_t index, struct value *v)
{
	if (index < 0)
		return NULL;
	simimage_get(m, (uint32_t)index, NULL, v);
	return v;
}

static struct value input(void *ctx, int index)
{
	struct value v;

	simimage_get(ctx, (uint32_t)index, NULL, &v);
	return v;
}

void simimage_get(const struct simimage *m, uint32_t index, char *text, struct value *out)
{
	const struct point *p = &m->device->set->point[index];
	struct simimage copy = *m; /* an expression's context is not const */
	struct value exponent, factor;
	uint16_t word[CELLS_MAX];

	if (p->source == SOURCE_EXPR) {
		*out = expr_eval(p->expr, input, &copy);
		return;
	}
	*out = value_none();
	if (!simimage_has(p) || words_of(p) > CELLS_MAX)
		return;
	for (unsigned k = 0; k < words_of(p); k++)
		word[k] = *point_cell(m, p, k);
	point_decode(p, word, named(m, p->exponent_from, &exponent),
	             named(m, p->factor_from, &factor), text, out);
}

bool simimage_put(struct simimage *m, uint32_t index, const struct value *v)
{
	const struct point *p = &m->device->set->point[index];
	const unsigned n = words_of(p);
	uint16_t word[CELLS_MAX] = {0}, mask[CELLS_MAX] = {0};
	struct value exponent, factor;

	if (n > CELLS_MAX)
		return false;
	for (unsigned k = 0; k < n; k++)
		word[k] = *point_cell(m, p, k);
	if (point_encode(p, v, named(m, p->exponent_from, &exponent),
	                 named(m, p->factor_from, &factor), word, mask) != CODEC_OK)
		return false;
	for (unsigned k = 0; k < n; k++) {
		uint16_t *c = point_cell(m, p, k);
		*c = (uint16_t)((*c & ~mask[k]) | (word[k] & mask[k]));
	}
	return true;
}
