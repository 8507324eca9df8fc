// SPDX-License-Identifier: MIT
/* What only the whole model can show. */
#include <stdlib.h>
#include <string.h>

#include "config/load.h"

static bool same_windows(const struct unit_rule *a, const struct unit_rule *b)
{
	bool same = a->nwindow == b->nwindow;
	for (unsigned i = 0; same && i < a->nwindow; i++)
		same = a->window[i].first == b->window[i].first &&
		       a->window[i].last == b->window[i].last;
	return same;
}

/* What one sets for its unit and the other does not allow: the more careful value holds for both.
 */
static void check_careful(struct load *l, const struct device *a, const struct device *b)
{
	const struct unit_rule *x = &a->rule, *y = &b->rule;
	const struct {
		const char *key;
		int64_t a, b; /* the lesser is the more careful */
	} rows[] = {
		{"max_read", x->max_read, y->max_read},
		{"max_hole", x->max_hole, y->max_hole},
		{"retries", x->retries, y->retries},
		{"timeout", -x->timeout, -y->timeout},
		{"pause", -x->pause, -y->pause},
		{"pause_after_write", -x->pause_after_write, -y->pause_after_write},
	};
	for (size_t i = 0; l->stated && i < COUNT(rows); i++) {
		const struct device *loser = rows[i].a > rows[i].b ? a : b;
		const struct device *winner = loser == a ? b : a;
		if (rows[i].a != rows[i].b &&
		    device_states(l, (size_t)(loser - l->m->device), rows[i].key))
			diag_warn(l->d, loser->where,
			          "%s of \"%s\" is not used: \"%s\" has the same id and a more "
			          "careful setting",
			          rows[i].key, loser->name, winner->name);
	}
}

/* Two devices behind one id are one device on the line. */
static void check_alike(struct load *l, const struct device *a, const struct device *b)
{
	check_careful(l, a, b);
	if (a->rule.nwindow && b->rule.nwindow && !same_windows(&a->rule, &b->rule))
		diag_error(l->d, b->where, "\"%s\" and \"%s\" share an id, but not their windows",
		           a->name, b->name);
	if (a->rule.read_function && b->rule.read_function &&
	    a->rule.read_function != b->rule.read_function)
		diag_error(l->d, b->where,
		           "\"%s\" and \"%s\" share an id, but not their read_function", a->name,
		           b->name);
}

static void check_ids(struct load *l)
{
	const struct model *m = l->m;
	const struct device **first = arena_array(l->scratch, m->nbus * 256, sizeof *first);
	for (size_t i = 0; i < m->ndevice; i++) {
		const struct device *d = &m->device[i];
		const struct device **at = m->nbus ? &first[d->bus * 256U + d->id] : NULL;
		if (!at || (l->no_id && l->no_id[i]) || (!d->id && m->bus[d->bus].kind != BUS_TCP))
			continue;
		if (!*at)
			*at = d;
		else if (!d->shared && !(*at)->shared)
			diag_error_once(l->d, d->where,
			                "id %u on bus \"%s\" is used already by \"%s\" (%s:%u); if "
			                "intended, set shared: true",
			                d->id, m->bus[d->bus].name, (*at)->name, (*at)->where.file,
			                (*at)->where.line);
		else
			check_alike(l, *at, d);
	}
}

/* "MODBUS over serial line specification and implementation guide V1.02", 2.2: 248 to 255 are
 * reserved. */
static void check_reserved(struct load *l, const struct device *d)
{
	if (d->id >= 248 && l->m->nbus && l->m->bus[d->bus].kind != BUS_TCP)
		diag_warn(l->d, d->where,
		          "device \"%s\": id %u is reserved on a serial line; units have 1 to 247",
		          d->name, d->id);
}

/* After mistakes it may have them elsewhere. */
static void check_points(struct load *l, const struct device *d)
{
	uint32_t asked = 0;
	for (uint32_t i = 0; i < d->set->n; i++)
		asked += d->set->point[i].source == SOURCE_DEVICE_ID;
	if (d->set->n == 0 && l->d->errors == 0)
		diag_warn(l->d, d->where, "device \"%s\" has no points: it is never polled",
		          d->name);
	else if (asked == d->set->n && l->d->errors == 0)
		diag_warn(
			l->d, d->where,
			"device \"%s\" has only points with device_id, which are read when it has "
			"responded to another read: add a point in a register",
			d->name);
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

/* An array of coils or discrete inputs. */
static void check_coils(struct load *l, const struct device *d, const struct point *p)
{
	const unsigned n = codec_words(&p->codec), read = 16U * d->rule.max_read;
	if (!(p->write && p->write->only) && n > read)
		diag_error(l->d, p->where, "point \"%s\" has %u bits, max_read allows %u", p->name,
		           n, read);
	if (!p->write || p->codec.type != TYPE_ARRAY)
		return;
	if (n > 16U * d->max_write)
		diag_error(l->d, p->where, "point \"%s\" has %u bits, max_write allows %u", p->name,
		           n, 16U * d->max_write);
	if (d->functions && !(d->functions >> 15 & 1))
		diag_error(l->d, p->where,
		           "point \"%s\": an array of coils is written by fc15, which the device "
		           "does not have (functions); use repeat instead",
		           p->name);
}

/* Points wider than what the device reads or writes at once, or across a border of its windows. */
static void check_widths(struct load *l, const struct device *d)
{
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (p->source == SOURCE_REGISTER && model_apart(d, p) && !p->counter)
			diag_error(l->d, p->where,
			           "point \"%s\": its two registers cannot be read in one request; "
			           "only counters (counter: true) may be read in two",
			           p->name);
		if (p->source == SOURCE_REGISTER && table_is_bits(p->table))
			check_coils(l, d, p);
		if (p->source != SOURCE_REGISTER || table_is_bits(p->table))
			continue;
		const unsigned words = codec_words(&p->codec);
		const bool written = p->write && !p->write->raw;
		const bool single = written && !p->write->function && d->write_function == 6;
		if (single && words > 1)
			diag_error(l->d, p->where,
			           "point \"%s\" has %u registers, fc6 writes only one", p->name,
			           words);
		if (p->parts != 1)
			continue;
		const unsigned last = p->addr[0] + words - 1;
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
				           "point \"%s\" crosses a border of the windows", p->name);
		}
	}
}

/* A value that vanishes at the broker must be published again well before. False: reported. */
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
		           "point; \"%s\" of \"%s\" is published too rarely",
		           p->name, d->name);
		return false;
	}
	return true;
}

/* Which function code reads or writes it; 0: none of the ordinary ones. */
static uint8_t read_code(const struct device *d, const struct point *p)
{
	static const uint8_t reads[] = {
		[TABLE_COIL] = 1, [TABLE_DISCRETE] = 2, [TABLE_HOLDING] = 3, [TABLE_INPUT] = 4};
	if (p->write && p->write->only)
		return 0;
	return d->rule.read_function && !table_is_bits(p->table) ? d->rule.read_function
	                                                         : reads[p->table];
}

static uint8_t write_code(const struct device *d, const struct point *p)
{
	if (!p->write || p->write->raw)
		return 0;
	if (p->write->function)
		return p->write->function;
	if (table_is_bits(p->table))
		return 5;
	if (d->write_function)
		return d->write_function;
	return codec_words(&p->codec) > 1 ? 16 : 6;
}

/* Where the answer proves nothing, only the read-back shows what was written. */
static void check_echo(struct load *l, const struct device *d)
{
	for (uint32_t i = 0; d->rule.loose_echo && i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (p->write && !p->write->only && !p->write->verify && write_code(d, p) == 6)
			diag_error(l->d, p->where,
			           "point \"%s\": verify: false cannot be combined with loose_echo",
			           p->name);
	}
}

static void check_functions(struct load *l, const struct device *d)
{
	for (uint32_t i = 0; d->functions && i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		const uint8_t reads = read_code(d, p), writes = write_code(d, p);
		if (p->source != SOURCE_REGISTER)
			continue;
		if (reads && !(d->functions >> reads & 1))
			diag_error(l->d, p->where,
			           "point \"%s\" is read by fc%u, which is not among functions",
			           p->name, reads);
		if (writes && !(d->functions >> writes & 1))
			diag_error(l->d, p->where,
			           "point \"%s\" is written by fc%u, which is not among functions",
			           p->name, writes);
	}
}

/* The points of one `together`. */
struct group_reach {
	uint32_t from, end; /* cells; end 0: no such group */
	bool mixed;         /* not all in one table: reported */
};

/* The group with this first point: `together` promises one request. */
static void check_group(struct load *l, const struct device *d, const struct point *first,
                        const struct group_reach *g)
{
	const uint32_t bits = 16U * d->rule.max_read;
	const uint32_t most = !table_is_bits(first->table) ? d->rule.max_read
	                      : bits < READ_BITS_MAX       ? bits
	                                                   : READ_BITS_MAX;
	if (g->end - g->from > most)
		diag_error(l->d, first->where,
		           "together: the points \"%s\" lie %u apart, one read takes %u",
		           first->together, g->end - g->from, most);
	for (unsigned i = 0; i < d->rule.nwindow; i++) {
		const struct window *w = &d->rule.window[i];
		const bool begins = g->from >= w->first && g->from <= w->last;
		if (begins && g->end - 1 > w->last)
			diag_error(l->d, first->where,
			           "together: the points \"%s\" cross a border of the windows",
			           first->together);
	}
}

static void reach_add(struct load *l, const struct device *d, const struct point *p,
                      struct group_reach *g)
{
	const struct point *first = &d->set->point[p->together_first];
	const struct span s = model_span(d, p);
	const uint32_t end = s.addr + s.count;
	if (g->mixed)
		return;
	if (p->table != first->table) {
		g->mixed = true;
		diag_error(l->d, p->where, "together: \"%s\" and \"%s\" are not in the same table",
		           p->name, first->name);
		return;
	}
	g->from = p == first || s.addr < g->from ? s.addr : g->from;
	g->end = end > g->end ? end : g->end;
}

static void check_together(struct load *l, const struct device *d)
{
	struct group_reach *group = NULL; /* by its first point */
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (!p->together)
			continue;
		if (!group)
			group = mem_alloc(d->set->n, sizeof *group);
		reach_add(l, d, p, &group[p->together_first]);
	}
	for (uint32_t i = 0; group && i < d->set->n; i++)
		if (d->set->point[i].together && d->set->point[i].together_first == i &&
		    !group[i].mixed)
			check_group(l, d, &d->set->point[i], &group[i]);
	free(group);
}

void check_model(struct load *l)
{
	check_ids(l);
	check_names(l);
	for (size_t i = 0; i < l->m->ndevice; i++) {
		check_reserved(l, &l->m->device[i]);
		check_points(l, &l->m->device[i]);
		check_widths(l, &l->m->device[i]);
		check_functions(l, &l->m->device[i]);
		check_echo(l, &l->m->device[i]);
		check_together(l, &l->m->device[i]);
	}
	model_contrary(l);
	for (size_t i = 0; i < l->m->ndevice && check_expiry(l, &l->m->device[i]); i++)
		;
}
