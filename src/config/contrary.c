// SPDX-License-Identifier: MIT
/* Settings that contradict each other: each is valid, but beside the other it has no effect, or not
 * the one that was meant. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "config/scalar.h"
#include "core/base/name_table.h"

/* -- of one point ------------------------------------------------------------------------------ */

static const struct hit *hit_of(const struct draft *d, const char *key)
{
	return keys_hit(&keyset_point, d->hits, key);
}

/* What its registers can give at all, scaled. False: that is not known, or has no bounds. */
static bool range_of(const struct draft *d, double *low, double *high)
{
	static const struct {
		uint8_t type, width;
		bool has_sign;
	} rows[] = {{TYPE_U8, 8, false},   {TYPE_S8, 8, true},    {TYPE_U16, 16, false},
	            {TYPE_S16, 16, true},  {TYPE_U32, 32, false}, {TYPE_S32, 32, true},
	            {TYPE_U64, 64, false}, {TYPE_S64, 64, true}};
	const struct codec *c = &d->p.codec;
	if (d->p.source != SOURCE_REGISTER || d->exponent_from.name || d->factor_from.name)
		return false;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].type != c->type)
			continue;
		const unsigned width = c->bits ? c->bits : c->byte ? 8 : rows[i].width;
		const double n = (double)(UINT64_C(1) << (width - 1));
		const double scale = c->scale.mant ? decimal_real(&c->scale) : 1;
		const double a = (rows[i].has_sign ? -n : 0) * scale + decimal_real(&c->offset);
		const double b =
			(rows[i].has_sign ? n - 1 : 2 * n - 1) * scale + decimal_real(&c->offset);
		*low = a < b ? a : b;
		*high = a < b ? b : a;
		return true;
	}
	return false;
}

static void check_valid(struct load *l, const struct draft *d)
{
	const struct hit *valid = hit_of(d, "valid");
	double low, high;
	if (!valid || !d->p.has_valid || !range_of(d, &low, &high))
		return;
	if (d->p.valid_max < low || d->p.valid_min > high)
		diag_error(
			l->d, valid->value->where,
			"valid: the register holds %.15g to %.15g, so every value would be None; "
			"check type and scale",
			low, high);
	else if (low == 0 && d->p.valid_min < 0 && isfinite(d->p.valid_min))
		diag_warn(
			l->d, valid->value->where,
			"valid: min is below 0, but the type has no sign; check type, or set min: "
			"0");
	else if ((isfinite(d->p.valid_min) && d->p.valid_min < low) ||
	         (isfinite(d->p.valid_max) && d->p.valid_max > high))
		diag_warn(l->d, valid->value->where,
		          "valid: the register holds only %.15g to %.15g; check type and scale, or "
		          "remove the limit that is never reached",
		          low, high);
}

static void check_intervals(struct load *l, const struct draft *d)
{
	const struct hit *interval = hit_of(d, "min_interval"), *heartbeat = hit_of(d, "heartbeat");
	const struct filter_rule *f = &d->p.filter;
	if (interval && heartbeat && f->mode == PUBLISH_CHANGE && f->heartbeat &&
	    f->min_interval > f->heartbeat)
		diag_warn(l->d,
		          (interval->layer < heartbeat->layer ? interval : heartbeat)->value->where,
		          "min_interval is longer than heartbeat: the heartbeat has no effect; "
		          "shorten "
		          "the one or lengthen the other");
}

static void check_stale(struct load *l, const struct draft *d)
{
	char stale[32], period[32];
	if (!d->has_stale || d->p.stale == US_NEVER || d->p.source != SOURCE_REGISTER ||
	    d->p.period == PERIOD_ONCE || d->p.poll == POLL_ON_DEMAND || d->p.stale > d->p.period)
		return;
	duration_print(d->p.stale, stale, sizeof stale);
	duration_print(d->p.period, period, sizeof period);
	diag_warn(l->d, hit_of(d, "stale")->value->where,
	          "stale: the point is read every %s, so its value would be None after %s, before "
	          "each read; set stale to several periods",
	          period, stale);
}

static void check_writes(struct load *l, const struct draft *d)
{
	const struct write_rule *w = &d->w;
	const struct hit *h = hit_of(d, "write");
	if (!d->writable || !h)
		return;
	if (w->rewrite && w->min_write_interval > w->rewrite)
		diag_warn(l->d, h->value->where,
		          "min_write_interval is longer than rewrite: the value is repeated only "
		          "that often");
}

void point_contrary(struct load *l, const struct draft *d)
{
	check_valid(l, d);
	check_intervals(l, d);
	check_stale(l, d);
	check_writes(l, d);
}

/* -- of the whole model ------------------------------------------------------------------------ */

/* Points of one `together` are one read: the shortest period of them holds for all. */
static void check_periods(struct load *l, const struct device *d)
{
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		const struct point *first = &d->set->point[p->together_first];
		if (p->together && first->period != p->period)
			diag_warn(l->d, p->where,
			          "together: \"%s\" and \"%s\" have different periods; they "
			          "are read in one request, at the shorter one",
			          first->name, p->name);
	}
}

/* commands: off refuses commands only: safe values, setup and keep-alives are still written. */
static void check_commands_off(struct load *l, const struct device *d)
{
	for (uint32_t i = 0; !d->commands && i < d->set->n; i++) {
		const struct write_rule *w = d->set->point[i].write;
		if (w && w->safe_value)
			diag_warn(
				l->d, d->where,
				"device \"%s\": commands: off, but point \"%s\" has a safe value, "
				"which is written all the same; remove safe, or allow commands",
				d->name, d->set->point[i].name);
	}
}

/* users: of each id of each bus, how many devices have it. */
static void check_shared(struct load *l, const struct device *d, const uint16_t *users)
{
	if (d->shared && users[d->bus * 256U + d->id] < 2 && l->d->errors == 0)
		diag_warn(l->d, d->where,
		          "device \"%s\": shared: true, but no other device on its bus has id %u; "
		          "remove shared, or check id and bus",
		          d->name, d->id);
}

static void check_buses(struct load *l)
{
	bool *used = arena_array(l->scratch, l->m->nbus + 1, sizeof *used);
	for (size_t i = 0; i < l->m->ndevice; i++)
		used[l->m->device[i].bus] = true;
	for (size_t i = 0; i < l->m->nbus; i++)
		if (!used[i] && l->m->ndevice && l->d->errors == 0)
			diag_warn(
				l->d, l->m->bus[i].where,
				"bus \"%s\" has no devices: nothing is read from it; remove it, or "
				"set bus: %s in a device",
				l->m->bus[i].name, l->m->bus[i].name);
}

void model_contrary(struct load *l)
{
	uint16_t *users = arena_array(l->scratch, (l->m->nbus + 1) * 256, sizeof *users);
	for (size_t i = 0; i < l->m->ndevice; i++)
		users[l->m->device[i].bus * 256U + l->m->device[i].id]++;
	check_buses(l);
	for (size_t i = 0; i < l->m->ndevice; i++) {
		const struct device *d = &l->m->device[i];
		check_shared(l, d, users);
		check_commands_off(l, d);
		/* devices that are configured alike share a set */
		if (i == 0 || d->set != l->m->device[i - 1].set)
			check_periods(l, d);
	}
}
