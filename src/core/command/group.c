// SPDX-License-Identifier: MIT
/* Points that are written together: the block they form, their order, the rules between them. */
#include <stdio.h>
#include <string.h>

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

/* -- rules ------------------------------------------------------------------------------- */

struct intended {
	const struct command_table *t;
	struct record *const *r;
	size_t n;
	uint32_t device;
};

/* What the point will be: as commanded now, else as it stands. */
static struct value intended_value(void *ctx, int index)
{
	const struct intended *in = ctx;
	for (size_t i = 0; i < in->n; i++)
		if (in->r[i]->point == (uint32_t)index)
			return in->r[i]->value.v;
	if (!in->t->ops.current)
		return value_none();
	return in->t->ops.current(in->t->ops.ctx, in->device, (uint32_t)index);
}

bool group_rules_hold(const struct command_table *t, struct record *const *r, size_t n,
                      size_t which, char *reason, size_t size)
{
	const struct device *d = record_device(t, r[which]);
	const struct group_rule *g = group_find(d->set, record_point(t, r[which])->write->group);
	struct intended in = {t, r, n, r[which]->device};
	for (size_t i = 0; g && i < g->nrule; i++) {
		const struct value v = expr_eval(g->rule[i], intended_value, &in);
		if (v.kind != VALUE_NONE && value_number(&v) != 0)
			continue;
		snprintf(reason, size,
		         v.kind == VALUE_NONE ? "cannot be checked yet: other values of its group "
		                                "have not been read: %s"
		                              : "violates the rule %s",
		         g->rule_text ? g->rule_text[i] : "of its group");
		return false;
	}
	return true;
}
