// SPDX-License-Identifier: MIT
#include "core/sim/chain.h"

#include <stdlib.h>

static bool number(const char **text, unsigned long most, unsigned long *out)
{
	char *end;

	*out = strtoul(*text, &end, 0);
	if (end == *text || **text == '-' || *out > most)
		return false;
	*text = end;
	return true;
}

/* As the profile has it; 0: not at all. */
static unsigned long known_length(const struct sunspec *s, unsigned long id)
{
	for (uint16_t i = 0; i < s->npart; i++)
		for (uint16_t k = 0; k < s->part[i].nid; k++)
			if (s->part[i].id[k] == id)
				return s->part[i].length;
	return 0;
}

const char *simchain_parse(const struct sunspec *s, const char *text, struct sunspec_chain *out)
{
	unsigned long base, id, length, at;

	if (!number(&text, UINT16_MAX, &base) || *text++ != ':')
		return "expects a base and ids, like 50000:1,160,103,64001/8";
	*out = (struct sunspec_chain){.base = (uint16_t)base};
	at = base + SUNSPEC_HEAD;
	for (;; text++) {
		if (!number(&text, SUNSPEC_END - 1, &id))
			return "expects ids behind the base, like 50000:1,160,103";
		length = known_length(s, id);
		if (*text == '/' && (text++, !number(&text, UINT16_MAX, &length)))
			return "expects a length behind /";
		if (out->n == SUNSPEC_MODELS_MAX || at + length + 2 * SUNSPEC_HEAD > 65536)
			return "does not fit into the registers";
		out->found[out->n++] =
			(struct sunspec_found){(uint16_t)id, (uint16_t)at, (uint16_t)length};
		at += SUNSPEC_HEAD + length;
		if (*text == '\0')
			return NULL;
		if (*text != ',')
			return "expects commas between the ids";
	}
}

struct span simchain_span(const struct sunspec_chain *c)
{
	const struct sunspec_found *last = &c->found[c->n - 1];
	const unsigned end = last->at + SUNSPEC_HEAD + last->length + SUNSPEC_HEAD;

	return (struct span){
		.table = TABLE_HOLDING, .addr = c->base, .count = (uint16_t)(end - c->base)};
}

static void stamp(struct simimage *m, unsigned at, uint16_t first, uint16_t second)
{
	*simimage_cell(m, TABLE_HOLDING, (uint16_t)at) = first;
	*simimage_cell(m, TABLE_HOLDING, (uint16_t)(at + 1)) = second;
}

void simchain_stamp(const struct sunspec_chain *c, struct simimage *m)
{
	unsigned at = c->base;

	stamp(m, at, SUNSPEC_MARK_HIGH, SUNSPEC_MARK_LOW);
	at += SUNSPEC_HEAD;
	for (uint16_t i = 0; i < c->n; i++) {
		stamp(m, at, c->found[i].id, c->found[i].length);
		at += SUNSPEC_HEAD + c->found[i].length;
	}
	stamp(m, at, SUNSPEC_END, 0);
}
