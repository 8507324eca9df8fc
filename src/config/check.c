/* What only the whole model can tell. */
#include <string.h>

#include "config/load.h"

static void check_ids(struct load *l)
{
	const struct model *m = l->m;
	const struct device **first = arena_array(l->scratch, m->nbus * 256, sizeof *first);
	for (size_t i = 0; i < m->ndevice; i++) {
		const struct device *d = &m->device[i];
		const struct device **at = m->nbus ? &first[d->bus * 256U + d->id] : NULL;
		if (!at || (!d->id && m->bus[d->bus].kind != BUS_TCP))
			continue;
		if (!*at)
			*at = d;
		else if (!d->shared && !(*at)->shared)
			diag_error(l->d, d->where,
			           "id %u on bus \"%s\" is used already by \"%s\" (%s:%u); shared: "
			           "true if that is "
			           "meant",
			           d->id, m->bus[d->bus].name, (*at)->name, (*at)->where.file,
			           (*at)->where.line);
	}
}

static void check_names(struct load *l)
{
	const struct model *m = l->m;
	for (size_t i = 0; i < m->ndevice; i++)
		if (strcmp(m->device[i].name, m->gateway) == 0)
			diag_error(l->d, m->device[i].where,
			           "device \"%s\" has the gateway's name: their status "
			           "topics would be one",
			           m->gateway);
}

/* Points wider than what the device reads or writes at once, or across a border of its windows. */
static void check_widths(struct load *l, const struct device *d)
{
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (p->source != SOURCE_REGISTER || p->parts != 1 || table_is_bits(p->table))
			continue;
		const unsigned words = codec_words(&p->codec);
		const unsigned last = p->addr[0] + words - 1;
		const bool written = p->write && !p->write->raw;
		const bool single = written && !p->write->function && d->write_function == 6;
		if (!(p->write && p->write->only) && words > d->rule.max_read)
			diag_error(l->d, p->where, "point \"%s\" has %u registers, max_read is %u",
			           p->name, words, d->rule.max_read);
		if (written && words > d->max_write)
			diag_error(l->d, p->where, "point \"%s\" has %u registers, max_write is %u",
			           p->name, words, d->max_write);
		if (single && words > 1)
			diag_error(l->d, p->where,
			           "point \"%s\" has %u registers, fc6 writes only one", p->name,
			           words);
		for (unsigned k = 0; k < d->rule.nwindow; k++) {
			const struct window *w = &d->rule.window[k];
			if ((p->addr[0] < w->first && last >= w->first) ||
			    (p->addr[0] <= w->last && last > w->last))
				diag_error(l->d, p->where,
				           "point \"%s\" lies across a border of the windows",
				           p->name);
		}
	}
}

/* A value that vanishes at the broker must be told again well before. False: told. */
static bool check_expiry(struct load *l, const struct device *d)
{
	const us_t expiry = l->m->mqtt.expiry;
	for (uint32_t i = 0; expiry && i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		const us_t again =
			p->filter.heartbeat > p->period ? p->filter.heartbeat : p->period;
		if (p->filter.mode != PUBLISH_CHANGE || p->period == PERIOD_ONCE ||
		    p->source == SOURCE_EXPR)
			continue;
		if (p->filter.heartbeat && expiry >= 3 * again)
			continue;
		diag_error(l->d, l->m->mqtt.where,
		           "mqtt: expiry must be at least 3 times the heartbeat and period of each "
		           "point; \"%s\" of "
		           "\"%s\" is told too rarely",
		           p->name, d->name);
		return false;
	}
	return true;
}

static void check_functions(struct load *l, const struct device *d)
{
	static const uint8_t reads[] = {
		[TABLE_COIL] = 1, [TABLE_DISCRETE] = 2, [TABLE_HOLDING] = 3, [TABLE_INPUT] = 4};
	for (uint32_t i = 0; d->functions && i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		uint8_t fc = reads[p->table];
		if (d->rule.read_function && !table_is_bits(p->table))
			fc = d->rule.read_function;
		if (p->source != SOURCE_REGISTER || (p->write && p->write->only))
			continue;
		if (!(d->functions >> fc & 1))
			diag_error(l->d, p->where,
			           "point \"%s\" is read by fc%u, which is not among functions",
			           p->name, fc);
	}
}

void check_model(struct load *l)
{
	check_ids(l);
	check_names(l);
	for (size_t i = 0; i < l->m->ndevice; i++) {
		check_widths(l, &l->m->device[i]);
		check_functions(l, &l->m->device[i]);
	}
	for (size_t i = 0; i < l->m->ndevice && check_expiry(l, &l->m->device[i]); i++)
		;
}
