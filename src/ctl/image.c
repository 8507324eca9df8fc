// SPDX-License-Identifier: MIT
#include "ctl/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/clock.h"
#include "core/base/arena.h"
#include "core/model/devid.h"
#include "core/schedule/plan.h"
#include "ctl/stop.h"

#define SILENT_MOST 3
#define TURNAROUND (5 * US_MS)

void image_init(struct image *m, struct wireline *l, const struct device *d, uint8_t unit,
                us_t timeout)
{
	*m = (struct image){.line = l, .device = d, .unit = unit, .timeout = timeout};
}

void image_free(struct image *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->block[i]);
	for (uint32_t i = 0; m->text && i < m->device->set->n; i++)
		free(m->text[i]);
	free((void *)m->text);
	free(m->block);
	m->block = NULL;
	m->text = NULL;
	m->text_reply = NULL;
	m->n = 0;
}

bool image_fetch(struct wireline *l, const struct span *s, const struct unit_rule *rule,
                 us_t timeout, bool once, uint16_t *words, struct reply *out)
{
	uint8_t table = s->table;
	struct request r;

	if (rule && rule->read_function && !table_is_bits(table))
		table = rule->read_function == FC_READ_HOLDING ? TABLE_HOLDING : TABLE_INPUT;
	*out = (struct reply){.outcome = OUT_REFUSED, .exception = EXC_VALUE};
	if (!pdu_read(&r, s->unit, table, s->addr, s->count))
		return false;
	line_ask(l, &r, timeout, once, out);
	if (rule && rule->pause)
		clock_sleep(clock_now() + rule->pause);
	if (out->outcome != OUT_OK)
		return false;
	pdu_cells(&r, out->pdu, out->len, words);
	return true;
}

static struct image_block *keep(struct image *m, struct image_block *b)
{
	const bool silent = b->reply.outcome != OUT_OK && b->reply.outcome != OUT_REFUSED;
	m->silent = silent ? m->silent + 1 : 0;
	m->dead = m->silent >= SILENT_MOST || b->reply.outcome == OUT_LINK;
	m->block = mem_grow(m->block, m->n + 1, sizeof(*m->block));
	m->block[m->n++] = b;
	return b;
}

static struct image_block *fetch(struct image *m, const struct span *s)
{
	struct image_block *b = mem_alloc(1, sizeof(*b));

	b->span = *s;
	b->span.unit = m->unit;
	image_fetch(m->line, &b->span, &m->device->rule, m->timeout, false, b->word, &b->reply);
	return keep(m, b);
}

static const struct image_block *find(const struct image *m, const struct span *s, bool good)
{
	for (size_t i = m->n; i-- > 0;) {
		const struct image_block *b = m->block[i];
		if (b->span.table == s->table && b->span.addr <= s->addr &&
		    b->span.addr + b->span.count >= s->addr + s->count &&
		    (b->reply.outcome == OUT_OK) == good)
			return b;
	}
	return NULL;
}

/* Where the models of a SunSpec device are. */
static void walk(struct image *m)
{
	struct sunspec *s = m->device->set->sunspec;

	sunspec_begin(s);
	while (sunspec_walks(s) && !m->dead && !stop_asked()) {
		const struct span at = {m->unit, TABLE_HOLDING, s->walk.next, SUNSPEC_HEAD};
		const struct image_block *b = fetch(m, &at);
		if (b->reply.outcome == OUT_OK)
			sunspec_take(s, b->word);
		else if (b->reply.outcome == OUT_REFUSED)
			sunspec_refused(s);
		else
			return;
	}
	if (s->walk.state == SUNSPEC_FOUND) {
		const struct sunspec_chain chain = s->walk.chain;
		sunspec_bind(m->device, &chain);
	}
}

static bool readable(const struct point *p)
{
	return p->source == SOURCE_REGISTER && !p->absent && !(p->write && p->write->only);
}

/* The registers of the points, by their two parts if these lie far apart. */
static size_t collect(const struct image *m, const bool *want, struct want *w)
{
	const struct pointset *set = m->device->set;
	size_t n = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		const struct point *p = &set->point[i];
		if ((want && !want[i]) || !readable(p))
			continue;
		const unsigned parts = model_apart(m->device, p) ? 2 : 1;
		for (unsigned k = 0; k < parts; k++) {
			const struct span s =
				parts == 2 ? model_part(m->device, p, k) : model_span(m->device, p);
			w[n++] = (struct want){.unit = m->unit,
			                       .table = s.table,
			                       .addr = s.addr,
			                       .len = s.count,
			                       .barrier = p->barrier};
		}
	}
	return n;
}

static int by_place(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->len < y->len ? -1 : x->len > y->len;
}

/* A block, and if the device refuses it the wants in it one by one. */
static void read_block(struct image *m, const struct span *s, const struct want *w, size_t n)
{
	const struct image_block *b = fetch(m, s);

	if (b->reply.outcome != OUT_REFUSED)
		return;
	for (size_t i = 0; i < n && !m->dead && !stop_asked(); i++) {
		const struct span one = {m->unit, w[i].table, w[i].addr, w[i].len};
		const bool inside =
			one.addr >= s->addr && one.addr + one.count <= s->addr + s->count;
		if (inside && one.count < s->count && !find(m, &one, true))
			fetch(m, &one);
	}
}

static void read_table(struct image *m, const struct want *w, size_t n)
{
	const struct unit_rule *r = &m->device->rule;
	const struct bus_conf *c = &m->line->conf;
	const struct plan_limits limits = {.max_read = r->max_read,
	                                   .max_hole = r->max_hole,
	                                   .turnaround = TURNAROUND + r->pause,
	                                   .window = r->window,
	                                   .nwindow = r->nwindow};
	const struct want **list = mem_alloc(n, sizeof(struct want *));
	struct span *block = mem_alloc(n, sizeof(*block));
	struct wire wire;

	wire_init(&wire, c->baud, c->data, c->parity, c->stop, c->silence);
	for (size_t i = 0; i < n; i++)
		list[i] = &w[i];
	const size_t blocks = plan_cover(&wire, &limits, list, n, block);
	for (size_t i = 0; i < blocks && !m->dead && !stop_asked(); i++)
		read_block(m, &block[i], w, n);
	free(block);
	free((void *)list);
}

/* -- points with device_id --------------------------------------------------------------- */

static void take_text(void *ctx, uint8_t object, const struct value *v)
{
	const struct image *m = ctx;

	for (uint32_t i = 0; i < m->device->set->n; i++) {
		const struct point *p = &m->device->set->point[i];
		if (devid_point(p) && p->addr[0] == object && !m->text[i])
			m->text[i] = mem_strdup(v->kind == VALUE_TEXT ? v->text : "");
	}
}

static void read_texts(struct image *m)
{
	struct devid_read state;
	struct request r;
	struct image_block *b = NULL;

	m->text = mem_alloc(m->device->set->n, sizeof(char *));
	devid_read_begin(&state, m->device);
	while (!m->dead && !stop_asked() && devid_read_next(&state, m->device, &r)) {
		b = mem_alloc(1, sizeof(*b));
		r.unit = m->unit;
		line_ask(m->line, &r, m->timeout, false, &b->reply);
		keep(m, b);
		if (b->reply.outcome == OUT_OK)
			devid_read_take(&state, b->reply.pdu, b->reply.len, take_text, m);
		else
			devid_read_failed(&state,
			                  b->reply.outcome == OUT_REFUSED ? b->reply.exception : 0);
	}
	m->text_reply = b ? &b->reply : NULL;
	if (b && (b->reply.outcome == OUT_OK || b->reply.outcome == OUT_REFUSED))
		devid_read_why(&state, b->reply.why, sizeof(b->reply.why));
}

static bool texts_wanted(const struct image *m, const bool *want)
{
	for (uint32_t i = 0; i < m->device->set->n; i++)
		if (devid_point(&m->device->set->point[i]) && (!want || want[i]))
			return true;
	return false;
}

static void read_registers(struct image *m, const bool *want)
{
	struct want *w = mem_alloc(2u * m->device->set->n + 1, sizeof(*w));
	const size_t n = collect(m, want, w);
	if (n)
		qsort(w, n, sizeof(*w), by_place);
	for (size_t i = 0, k; i < n && !m->dead; i += k) {
		for (k = 1; i + k < n && w[i + k].table == w[i].table;)
			k++;
		read_table(m, w + i, k);
	}
	free(w);
}

void image_read(struct image *m, const bool *want)
{
	if (m->device->set->sunspec)
		walk(m);
	if (model_bound(m->device))
		read_registers(m, want);
	if (!m->dead && texts_wanted(m, want))
		read_texts(m);
}

static bool gather(const struct image *m, const struct point *p, uint16_t *out,
                   const struct reply **why)
{
	struct span s = model_span(m->device, p);
	const struct image_block *b = find(m, &s, true);

	*why = NULL;
	if (b) {
		model_gather(p, &b->span, b->word, out);
		return true;
	}
	for (unsigned k = 0; k < p->parts; k++) {
		s = model_part(m->device, p, k);
		b = find(m, &s, true);
		if (b && p->parts == 2) {
			out[k] = model_word(&b->span, b->word, s.addr);
			continue;
		}
		s = p->parts == 2 ? s : model_span(m->device, p);
		b = find(m, &s, false);
		*why = b ? &b->reply : NULL;
		return false;
	}
	return p->parts == 2;
}

const uint16_t *image_words(const struct image *m, uint32_t point, uint16_t out[CELLS_MAX])
{
	const struct reply *why;
	const struct point *p = &m->device->set->point[point];

	return readable(p) && gather(m, p, out, &why) ? out : NULL;
}

static enum image_state text_value(const struct image *m, uint32_t point, char *text,
                                   struct value *v, const struct reply **why)
{
	*v = value_none();
	if (!m->text)
		return IMAGE_UNREAD;
	if (!m->text[point]) {
		*why = m->text_reply;
		return IMAGE_FAILED;
	}
	snprintf(text, VALUE_TEXT_MAX, "%s", m->text[point]);
	if (*text)
		*v = (struct value){.kind = VALUE_TEXT, .text = text};
	return IMAGE_VALUE;
}

enum image_state image_value(const struct image *m, uint32_t point, char *text, struct value *v,
                             const struct reply **why)
{
	const struct point *p = &m->device->set->point[point];
	uint16_t words[CELLS_MAX];
	char other[VALUE_TEXT_MAX];
	struct value e, f;
	const struct reply *skip;

	*why = NULL;
	if (devid_point(p))
		return text_value(m, point, text, v, why);
	if (p->source != SOURCE_REGISTER)
		return IMAGE_COMPUTED;
	if (p->write && p->write->only)
		return IMAGE_WRITEONLY;
	if (p->absent || !model_bound(m->device))
		return IMAGE_ABSENT;
	if (!gather(m, p, words, why))
		return *why ? IMAGE_FAILED : IMAGE_UNREAD;
	e = f = value_none();
	if (p->exponent_from >= 0)
		image_value(m, (uint32_t)p->exponent_from, other, &e, &skip);
	if (p->factor_from >= 0)
		image_value(m, (uint32_t)p->factor_from, other, &f, &skip);
	point_decode(p, words, p->exponent_from >= 0 ? &e : NULL, p->factor_from >= 0 ? &f : NULL,
	             text, v);
	return IMAGE_VALUE;
}
