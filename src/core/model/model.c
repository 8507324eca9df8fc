// SPDX-License-Identifier: MIT
#include "core/model/model.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT_LIMIT 10 /* SunSpec scale factors: −10 to 10 */

const char *model_size_text(const struct model *m, char buf[MODEL_SIZE_TEXT])
{
	snprintf(buf, MODEL_SIZE_TEXT, "%zu bus%s, %zu device%s, %zu point%s", m->nbus,
	         m->nbus == 1 ? "" : "es", m->ndevice, m->ndevice == 1 ? "" : "s", m->npoint,
	         m->npoint == 1 ? "" : "s");
	return buf;
}

void model_destroy(struct model *m)
{
	if (m)
		arena_destroy(m->arena);
}

/* Devices, buses or points: each begins with its name. */
struct named {
	const void *item;
	size_t n, size;
	const uint16_t *by_name; /* in the order of their names; NULL: not sorted */
};

static const char *name_of(const struct named *l, size_t i)
{
	return *(const char *const *)((const char *)l->item + i * l->size);
}

static int name_order(const void *a, const void *b, void *named)
{
	return strcmp(name_of(named, *(const uint16_t *)a), name_of(named, *(const uint16_t *)b));
}

static const uint16_t *names_sort(struct named l, struct arena *a)
{
	uint16_t *by_name = arena_array(a, l.n, sizeof *by_name);
	assert(l.n <= UINT16_MAX);
	for (size_t i = 0; i < l.n; i++)
		by_name[i] = (uint16_t)i;
	qsort_r(by_name, l.n, sizeof *by_name, name_order, &l);
	return by_name;
}

/* As strcmp(), of a name and one that is not terminated. */
static int name_compare(const char *name, const char *other, size_t len)
{
	const int order = strncmp(name, other, len);
	return order ? order : name[len] != '\0';
}

static int name_find(struct named l, const char *name, size_t len)
{
	size_t first = 0, end = l.n;
	while (first < end) {
		const size_t i = l.by_name ? first + (end - first) / 2 : first;
		const size_t at = l.by_name ? l.by_name[i] : i;
		const int order = name_compare(name_of(&l, at), name, len);
		if (order == 0)
			return (int)at;
		if (order < 0 || !l.by_name)
			first = i + 1;
		else
			end = i;
	}
	return -1;
}

static struct named devices_of(const struct model *m)
{
	static_assert(offsetof(struct device, name) == 0, "name_of");
	return (struct named){m->device, m->ndevice, sizeof *m->device, m->by_name};
}

static struct named buses_of(const struct model *m)
{
	static_assert(offsetof(struct bus_conf, name) == 0, "name_of");
	return (struct named){m->bus, m->nbus, sizeof *m->bus, m->bus_by_name};
}

static struct named points_of(const struct pointset *s)
{
	static_assert(offsetof(struct point, name) == 0, "name_of");
	return (struct named){s->point, s->n, sizeof *s->point, s->by_name};
}

static void index_buses(struct model *m, struct arena *a)
{
	uint32_t *end = arena_array(a, m->nbus, sizeof *end);
	uint32_t *device = arena_array(a, m->ndevice, sizeof *device);
	for (size_t i = 0; i < m->ndevice; i++)
		end[m->device[i].bus]++;
	for (size_t b = 1; b < m->nbus; b++)
		end[b] += end[b - 1];
	for (size_t i = m->ndevice; i-- > 0;)
		device[--end[m->device[i].bus]] = (uint32_t)i;
	/* now they are where each begins: the next one's begin is its end */
	for (size_t b = 0; b < m->nbus; b++)
		end[b] = b + 1 < m->nbus ? end[b + 1] : (uint32_t)m->ndevice;
	m->on_bus = device;
	m->bus_end = end;
}

void model_index(struct model *m, struct arena *a)
{
	m->by_name = names_sort(devices_of(m), a);
	m->bus_by_name = names_sort(buses_of(m), a);
	if (m->nbus)
		index_buses(m, a);
}

/* Expressions of a set in the order in which they are computed. */
struct ordering {
	const struct pointset *set;
	bool *seen;
	uint16_t *expr;
	uint32_t n;
};

static void order_put(struct ordering *o, uint32_t i)
{
	const struct point *p = &o->set->point[i];
	if (p->source != SOURCE_EXPR || o->seen[i])
		return;
	o->seen[i] = true;
	size_t at = 0;
	for (int k; p->expr && (k = expr_next(p->expr, &at)) >= 0;)
		order_put(o, (uint32_t)k);
	o->expr[o->n++] = (uint16_t)i;
}

static void exprs_order(struct pointset *s, struct arena *a)
{
	for (uint32_t i = 0; i < s->n; i++)
		s->nexpr += s->point[i].source == SOURCE_EXPR;
	if (!s->nexpr)
		return;
	struct ordering o = {s, mem_alloc(s->n, sizeof(bool)),
	                     arena_array(a, s->nexpr, sizeof *s->expr), 0};
	for (uint32_t i = 0; i < s->n; i++)
		order_put(&o, i);
	free(o.seen);
	s->expr = o.expr;
}

void pointset_sort(struct pointset *s, struct arena *a)
{
	s->by_name = names_sort(points_of(s), a);
	exprs_order(s, a);
}

const uint32_t *model_on_bus(const struct model *m, uint32_t bus, size_t *n)
{
	const uint32_t first = bus ? m->bus_end[bus - 1] : 0;
	*n = m->bus_end[bus] - first;
	return m->on_bus + first;
}

int model_find_device(const struct model *m, const char *name, size_t len)
{
	return name_find(devices_of(m), name, len);
}

int model_find_bus(const struct model *m, const char *name, size_t len)
{
	return name_find(buses_of(m), name, len);
}

int model_find_point(const struct pointset *s, const char *name, size_t len)
{
	return name_find(points_of(s), name, len);
}

int model_find_device_from(const struct model *m, const char *name, size_t first)
{
	if (first < m->ndevice && strcmp(m->device[first].name, name) == 0)
		return (int)first;
	return model_find_device(m, name, strlen(name));
}

int model_find_point_from(const struct pointset *s, const char *name, size_t first)
{
	if (first < s->n && strcmp(s->point[first].name, name) == 0)
		return (int)first;
	return model_find_point(s, name, strlen(name));
}

/* -- registers of a point ---------------------------------------------------------- */

struct span model_span(const struct device *d, const struct point *p)
{
	struct span s = {.unit = d->id, .table = p->table, .addr = p->addr[0]};
	if (p->source != SOURCE_REGISTER)
		return s;
	const unsigned words = model_part_words(p);
	uint16_t last = p->addr[0];
	if (p->parts == 2 && p->addr[1] < s.addr)
		s.addr = p->addr[1];
	if (p->parts == 2 && p->addr[1] > last)
		last = p->addr[1];
	s.count = (uint16_t)(last - s.addr + words);
	return s;
}

uint16_t model_word(const struct span *block, const uint16_t *words, unsigned addr)
{
	const unsigned cell = addr - block->addr;
	if (table_is_bits(block->table))
		return words[cell / 16] >> (cell % 16) & 1;
	return words[cell];
}

void model_gather(const struct point *p, const struct span *block, const uint16_t *words,
                  uint16_t *out)
{
	const unsigned n = model_part_words(p), parts = p->parts == 2 ? 2 : 1;
	for (unsigned part = 0; part < parts; part++)
		for (unsigned i = 0; i < n; i++)
			*out++ = model_word(block, words, p->addr[part] + i);
}

/* -- values --------------------------------------------------------------------------- */

/* The codec with its scale moved by an exponent read from the device. */
static bool codec_shifted(const struct codec *c, const struct value *exponent, struct codec *out)
{
	const double e = value_number(exponent);
	*out = *c;
	return e == trunc(e) && fabs(e) <= EXPONENT_LIMIT &&
	       decimal_shift(&c->scale, (int)e, &out->scale);
}

void point_scaled(const struct point *p, const uint16_t *words, const struct value *exponent,
                  const struct value *factor, char *text, struct value *out)
{
	struct codec shifted;
	const struct codec *c = &p->codec;
	*out = value_none();
	if (exponent) {
		if (!codec_shifted(c, exponent, &shifted))
			return;
		c = &shifted;
	}
	codec_decode(c, words, text, out);
	if (out->kind == VALUE_NONE || out->kind == VALUE_TEXT)
		return;
	if (factor) {
		const double r = value_number(out) * value_number(factor);
		*out = isfinite(r) ? value_real(r) : value_none();
	}
}

void point_decode(const struct point *p, const uint16_t *words, const struct value *exponent,
                  const struct value *factor, char *text, struct value *out)
{
	point_scaled(p, words, exponent, factor, text, out);
	if (out->kind == VALUE_NONE || out->kind == VALUE_TEXT)
		return;
	const double number = value_number(out);
	if (p->has_valid && !(number >= p->valid_min && number <= p->valid_max))
		*out = value_none();
}

enum codec_fault point_encode(const struct point *p, const struct value *v,
                              const struct value *exponent, const struct value *factor,
                              uint16_t *words, uint16_t *mask)
{
	struct codec shifted;
	const struct codec *c = &p->codec;
	struct value raw = *v;
	if (exponent) {
		if (!codec_shifted(c, exponent, &shifted))
			return CODEC_KIND;
		c = &shifted;
	}
	if (factor) {
		const double r = value_number(v) / value_number(factor);
		if (!isfinite(r))
			return CODEC_KIND;
		raw = value_real(r);
	}
	return codec_encode(c, &raw, words, mask);
}

void mqtt_use(struct mqtt_conf *m, size_t i)
{
	const struct mqtt_broker *b = &m->broker[i];
	m->host = b->host;
	m->port = b->port;
	m->use_tls = b->tls;
	m->use_ws = b->ws;
	m->path = b->path;
}

bool mqtt_tls(const struct mqtt_conf *m)
{
	bool tls = m->use_tls;
	for (size_t i = 0; i < m->nbroker; i++)
		tls |= m->broker[i].tls;
	return tls;
}
