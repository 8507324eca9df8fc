// SPDX-License-Identifier: MIT
/* Points that are written together: the block they form, their order. rules.c has their rules. */
#include <string.h>

#include "core/base/text.h"
#include "core/command/private.h"

const struct group_rule *group_find(const struct pointset *set, const char *name)
{
	for (size_t i = 0; name && i < set->ngroup; i++)
		if (strcmp(set->group[i].name, name) == 0)
			return &set->group[i];
	return NULL;
}

size_t group_rank(const struct device *d, uint32_t point)
{
	const struct write_rule *w = d->set->point[point].write;
	const struct group_rule *g = group_find(d->set, w->group);
	for (size_t i = 0; g && i < g->norder; i++)
		if (g->order[i] == point)
			return i;
	return SIZE_MAX;
}

bool group_holds(const struct point *q, const struct point *p)
{
	return q->write && p->write->group && q->write->group && !table_is_bits(q->table) &&
	       q->parts != 2 && !q->write->raw && strcmp(q->write->group, p->write->group) == 0;
}

static unsigned write_addr(const struct point *p)
{
	return p->write->address >= 0 ? (unsigned)p->write->address : p->addr[0];
}

static bool group_owns(const struct device *d, const struct point *p, unsigned addr)
{
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *q = &d->set->point[i];
		if (group_holds(q, p) && addr >= write_addr(q) &&
		    addr < write_addr(q) + codec_words(&q->codec))
			return true;
	}
	return false;
}

bool group_in_place(const struct device *d, const struct point *p)
{
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *q = &d->set->point[i];
		if (group_holds(q, p) && (q->table != TABLE_HOLDING || write_addr(q) != q->addr[0]))
			return false;
	}
	return true;
}

bool group_job(const struct device *d, const struct point *p, struct job *j)
{
	unsigned first = UINT16_MAX, end = 0;
	const unsigned most = d->max_write && d->max_write < WRITE_REGISTERS_MAX
	                              ? d->max_write
	                              : WRITE_REGISTERS_MAX;
	if (!group_holds(p, p))
		return false;
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *q = &d->set->point[i];
		if (!group_holds(q, p))
			continue;
		const unsigned from = write_addr(q), to = from + codec_words(&q->codec);
		first = from < first ? from : first;
		end = to > end ? to : end;
	}
	if (end - first < 2 || end - first > most)
		return false; /* a single register needs no block */
	for (unsigned addr = first; addr < end; addr++)
		if (!group_owns(d, p, addr))
			return false;
	memset(j, 0, sizeof *j);
	j->span = (struct span){.unit = d->id,
	                        .table = TABLE_HOLDING,
	                        .addr = (uint16_t)first,
	                        .count = (uint16_t)(end - first)};
	j->fc = FC_MASK_WRITE;
	j->merge_fc = FC_WRITE_REGISTERS;
	j->only_if_different = p->write->persistent;
	return true;
}

/* -- two configurations ------------------------------------------------------------------ */

/* Has it the same name, and is its value read, and written, as before? */
static bool same_member(const struct device *da, const struct point *a, const struct device *db,
                        const struct point *b)
{
	const int32_t at = a->write ? a->write->address : -1,
		      to = b->write ? b->write->address : -1;
	return strcmp(a->name, b->name) == 0 && a->source == b->source && a->table == b->table &&
	       a->parts == b->parts && address_stays(da, a, db, b) && at == to &&
	       codec_same(&a->codec, &b->codec);
}

/* Do both expressions use the same points, in the same order? */
static bool same_points(const struct device *da, const struct expr *a, const struct device *db,
                        const struct expr *b)
{
	for (size_t at = 0, to = 0;;) {
		const int i = expr_next(a, &at), k = expr_next(b, &to);
		if (i < 0 || k < 0)
			return i == k;
		if (!same_member(da, &da->set->point[i], db, &db->set->point[k]))
			return false;
	}
}

static bool same_group(const struct device *da, const struct group_rule *a, const struct device *db,
                       const struct group_rule *b)
{
	if (!a || !b)
		return a == b;
	bool same = a->nrule == b->nrule && a->norder == b->norder;
	for (size_t i = 0; same && i < a->nrule; i++)
		same = text_same(a->rule_text ? a->rule_text[i] : NULL,
		                 b->rule_text ? b->rule_text[i] : NULL) &&
		       same_points(da, a->rule[i], db, b->rule[i]);
	for (size_t i = 0; same && i < a->norder; i++)
		same = text_same(da->set->point[a->order[i]].name,
		                 db->set->point[b->order[i]].name);
	return same;
}

/* The next member of p's group; set->n: no more. */
static uint32_t next_member(const struct pointset *set, const struct point *p, uint32_t i)
{
	while (i < set->n && !group_holds(&set->point[i], p))
		i++;
	return i;
}

bool group_stays(const struct device *da, const struct point *a, const struct device *db,
                 const struct point *b)
{
	const struct pointset *sa = da->set, *sb = db->set;
	if (!a->write->group && !b->write->group)
		return true;
	if (!text_same(a->write->group, b->write->group) ||
	    !same_group(da, group_find(sa, a->write->group), db, group_find(sb, b->write->group)))
		return false;
	size_t left = 0;
	for (uint32_t i = 0; (i = next_member(sb, b, i)) < sb->n; i++)
		left++;
	for (uint32_t i = 0; (i = next_member(sa, a, i)) < sa->n; i++, left--) {
		const char *name = sa->point[i].name;
		const int k = model_find_point(sb, name, strlen(name));
		if (k < 0 || !left || !group_holds(&sb->point[k], b) ||
		    !same_member(da, &sa->point[i], db, &sb->point[k]))
			return false;
	}
	return left == 0;
}
