// SPDX-License-Identifier: MIT
#include "core/model/sunspec.h"

#include <string.h>

#include "core/model/model.h"

#define ADDRESSES 65536u
#define ZERO_ID 0 /* no model has it: registers behind a chain without end */

/* -- the walk ---------------------------------------------------------------------- */

static void walk_end(struct sunspec_walk *w)
{
	w->state = w->chain.n ? SUNSPEC_FOUND : SUNSPEC_NONE;
}

/* False: less than a head is left of the address space. */
static bool walk_to(struct sunspec_walk *w, uint32_t addr)
{
	if (addr + SUNSPEC_HEAD > ADDRESSES)
		return false;
	w->next = (uint16_t)addr;
	return true;
}

static void seek(struct sunspec *s)
{
	struct sunspec_walk *w = &s->walk;
	w->state = SUNSPEC_SEEKING;
	while (w->tried < s->nbase && !walk_to(w, s->base[w->tried]))
		w->tried++;
	if (w->tried == s->nbase)
		w->state = SUNSPEC_NONE;
}

void sunspec_begin(struct sunspec *s)
{
	memset(&s->walk, 0, sizeof s->walk);
	seek(s);
}

static void take_mark(struct sunspec *s, const uint16_t word[SUNSPEC_HEAD])
{
	struct sunspec_walk *w = &s->walk;
	if (word[0] != SUNSPEC_MARK_HIGH || word[1] != SUNSPEC_MARK_LOW) {
		w->tried++;
		seek(s);
		return;
	}
	w->state = SUNSPEC_WALKING;
	w->chain.base = w->next;
	if (!walk_to(w, (uint32_t)w->next + SUNSPEC_HEAD))
		walk_end(w);
}

/* A model that would run over the end of all registers is none, and nothing can follow it. */
static void take_head(struct sunspec *s, const uint16_t word[SUNSPEC_HEAD])
{
	struct sunspec_walk *w = &s->walk;
	const uint32_t end = (uint32_t)w->next + SUNSPEC_HEAD + word[1];
	if (word[0] == SUNSPEC_END || word[0] == ZERO_ID || end > ADDRESSES ||
	    w->chain.n == SUNSPEC_MODELS_MAX) {
		walk_end(w);
		return;
	}
	w->chain.found[w->chain.n++] = (struct sunspec_found){word[0], w->next, word[1]};
	if (!walk_to(w, end))
		walk_end(w);
}

void sunspec_take(struct sunspec *s, const uint16_t word[SUNSPEC_HEAD])
{
	if (s->walk.state == SUNSPEC_SEEKING)
		take_mark(s, word);
	else if (s->walk.state == SUNSPEC_WALKING)
		take_head(s, word);
}

void sunspec_refused(struct sunspec *s)
{
	if (s->walk.state == SUNSPEC_WALKING)
		walk_end(&s->walk);
	else if (s->walk.state == SUNSPEC_SEEKING) {
		s->walk.tried++;
		seek(s);
	}
}

/* -- the binding ------------------------------------------------------------------- */

bool sunspec_layout(const struct sunspec *s, struct sunspec_chain *out)
{
	uint32_t at = (uint32_t)s->base[0] + SUNSPEC_HEAD;
	*out = (struct sunspec_chain){.base = s->base[0]};
	for (uint16_t i = 0; i < s->npart; i++) {
		const struct sunspec_part *p = &s->part[i];
		const uint32_t end = at + SUNSPEC_HEAD + p->length;
		if (end + SUNSPEC_HEAD > ADDRESSES || i == SUNSPEC_MODELS_MAX)
			return false;
		out->found[out->n++] = (struct sunspec_found){p->id[0], (uint16_t)at, p->length};
		at = end;
	}
	return true;
}

static bool part_is(const struct sunspec_part *p, uint16_t id)
{
	for (uint16_t i = 0; i < p->nid; i++)
		if (p->id[i] == id)
			return true;
	return false;
}

static void part_find(struct sunspec_part *p, const struct sunspec_chain *c)
{
	uint16_t seen = 0;
	p->here = false;
	for (uint16_t i = 0; i < c->n && !p->here; i++) {
		if (!part_is(p, c->found[i].id) || ++seen < p->nth)
			continue;
		p->is = c->found[i];
		p->here = true;
	}
}

/* False: the device has no such registers. */
static bool point_place(const struct device *d, const struct sunspec_part *part, struct point *p)
{
	const unsigned words = codec_words(&p->codec) / p->parts;
	if (!part->here)
		return false;
	for (unsigned i = 0; i < p->parts; i++) {
		const uint32_t end = (uint32_t)p->offset[i] + words;
		const bool read = !p->write || !p->write->only;
		if (end > (uint32_t)part->is.length + SUNSPEC_HEAD ||
		    (read && end > d->rule.max_read))
			return false;
		p->addr[i] = (uint16_t)(part->is.at + p->offset[i]);
	}
	return true;
}

static bool absent(const struct sunspec *s, int32_t point)
{
	return point >= 0 && s->point[point].absent;
}

/* Members of a group are written together or not at all. */
static bool group_lacks(const struct sunspec *s, const struct point *p)
{
	for (uint32_t i = 0; p->write && p->write->group && i < s->npoint; i++) {
		const struct point *q = &s->point[i];
		if (q->absent && q->write && q->write->group &&
		    strcmp(q->write->group, p->write->group) == 0)
			return true;
	}
	return false;
}

static bool needs_absent(const struct sunspec *s, const struct point *p)
{
	if (absent(s, p->exponent_from) || absent(s, p->factor_from) || absent(s, p->count_from))
		return true;
	size_t at = 0;
	for (int i; p->expr && (i = expr_next(p->expr, &at)) >= 0;)
		if (absent(s, i))
			return true;
	return group_lacks(s, p);
}

unsigned sunspec_bind(const struct device *d, const struct sunspec_chain *c)
{
	struct sunspec *s = d->set->sunspec;
	unsigned here = 0;
	if (c != &s->walk.chain)
		s->walk.chain = *c;
	s->walk.state = SUNSPEC_FOUND;
	for (uint16_t i = 0; i < s->npart; i++) {
		part_find(&s->part[i], c);
		here += s->part[i].here;
	}
	for (uint32_t i = 0; i < s->npoint; i++) {
		struct point *p = &s->point[i];
		p->absent = p->part && !point_place(d, &s->part[p->part - 1], p);
	}
	for (bool more = true; more;) {
		more = false;
		for (uint32_t i = 0; i < s->npoint; i++) {
			struct point *p = &s->point[i];
			if (p->absent || !needs_absent(s, p))
				continue;
			p->absent = more = true;
		}
	}
	s->bound = true;
	return here;
}

bool sunspec_holds(const struct sunspec_part *p, const uint16_t word[SUNSPEC_HEAD])
{
	return word[0] == p->is.id && word[1] == p->is.length;
}
