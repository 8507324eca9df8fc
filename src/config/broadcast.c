// SPDX-License-Identifier: MIT
/* A broadcast device (unit id 0): it is written only, and no unit responds. */
#include "config/load.h"

/* NULL: it can be written to all units at once. */
static const char *problem(const struct device *d, const struct point *p)
{
	const struct codec *c = &p->codec;
	const bool narrow = c->bits || c->byte || c->type == TYPE_U8 || c->type == TYPE_S8;
	if (p->source != SOURCE_REGISTER || !p->write)
		return "cannot be written; nothing is read of all units";
	if (p->part)
		return "is in a SunSpec model, which each device has at another address";
	if (p->exponent_from >= 0 || p->factor_from >= 0)
		return "has a scale that would have to be read of each unit";
	if (p->write->group)
		return "belongs to a group, whose other points would have to be read";
	if (narrow && !table_is_bits(p->table) && !d->rule.has_mask_write)
		return "is a part of a register, whose other bits would have to be read of each "
		       "unit";
	return NULL;
}

/* What the gateway would write by itself. From a profile each device has it, with the value that
 * was commanded to it: written to all units as well, it would undo that. */
static const char *unasked(const struct write_rule *w)
{
	return w->rewrite           ? "rewrite"
	       : w->safe_after      ? "safe"
	       : w->accept_retained ? "accept_retained"
	                            : NULL;
}

static void point_make(struct load *l, struct point *p)
{
	struct write_rule *w = arena_alloc(l->arena, sizeof *w);
	*w = *p->write;
	w->only = true;
	w->verify = false;
	w->rewrite = w->safe_after = 0;
	w->accept_retained = false;
	p->write = w;
}

static void not_there(struct load *l, const struct layers *layers, struct device *d)
{
	unsigned layer;
	static const char *const keys[] = {"setup", "offline"};
	for (size_t i = 0; i < COUNT(keys); i++) {
		for (layer = 0; layer < layers->own; layer++) {
			const struct node *v = node_get(layers->device[layer], keys[i]);
			if (v)
				diag_error(l->d, v->where,
				           "%s: has no effect on all units (id: 0), of which "
				           "nothing is known; give it to the devices",
				           keys[i]);
		}
	}
	d->nsetup = d->noffline = 0;
	d->identify_point = -1;
	d->nidentify = d->ndevice_id = 0;
	d->json = false;
}

void broadcast_make(struct load *l, const struct layers *layers, struct device *d)
{
	struct pointset *set = arena_alloc(l->arena, sizeof *set);
	struct point *point = arena_array(l->arena, d->set->n, sizeof *point);
	uint32_t usable = 0;
	if (layers->broken)
		return;
	*set = *d->set;
	set->point = point;
	set->sunspec = NULL;
	for (uint32_t i = 0; i < set->n; i++) {
		point[i] = d->set->point[i];
		const char *why = problem(d, &point[i]);
		usable += !why;
		const char *key = why ? NULL : unasked(point[i].write);
		if (key && !layers->profile)
			diag_error(l->d, point[i].where,
			           "point \"%s\": %s: has no effect on all units (id: 0), to which "
			           "only commands are written; give it to the devices",
			           point[i].name, key);
		if (!why)
			point_make(l, &point[i]);
		else
			point[i].absent = true;
		if (why && !layers->profile)
			diag_error(l->d, point[i].where, "point \"%s\" %s (id: 0)", point[i].name,
			           why);
	}
	if (!usable && layers->profile)
		diag_error(l->d, d->where,
		           "device \"%s\": its profile has no point that can be written to all "
		           "units (id: 0)",
		           d->name);
	d->set = set;
	not_there(l, layers, d);
}
