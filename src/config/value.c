// SPDX-License-Identifier: MIT
/* The keys of a point that define where its raw word is and what it means. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "config/scalar.h"

#define LABELS_MAX 4096
#define NA_MAX 16

/* -- coil, discrete, input, holding -- */

/* Documentation often counts 40001, 40002 … where the wire has 0, 1 …: said of a device's first. */
static void address_hint(struct load *l, const char *key, const struct node *n, int64_t v,
                         uint8_t table, const struct layers *of)
{
	static const int64_t first[] = {[TABLE_COIL] = INT64_MAX,
	                                [TABLE_DISCRETE] = 10001,
	                                [TABLE_HOLDING] = 40001,
	                                [TABLE_INPUT] = 30001};
	if (v < first[table] || v > first[table] + 9998 || n->text[1] == 'x' ||
	    l->numbered == of->points[0])
		return;
	l->numbered = of->points[0];
	diag_warn(l->d, n->where,
	          "%s: if %s is a register number from documentation, the address is %" PRId64
	          " (or set address_base: modicon); if it is the address, write 0x%" PRIX64,
	          key, n->text, v - first[table], v);
}

bool point_address(struct load *l, const struct hit *h, const struct node *n,
                   const struct recipe *r, int table, int64_t *out)
{
	const uint8_t base = r->of->address_base[h->layer];
	const bool own = h->layer < r->of->own_points;
	int64_t v;
	if (!scalar_address(l->d, h->key->name, n, base, table, &v))
		return false;
	if (own && base == 0 && table >= 0)
		address_hint(l, h->key->name, n, v, (uint8_t)table, r->of);
	v += r->shift + (own ? 0 : r->block);
	if (v < 0 || v > 65535) {
		diag_error(l->d, n->where, "%s: %s leads to address %" PRId64 ", beyond 0 to 65535",
		           h->key->name, r->shift ? "the repetition" : "the stride", v);
		return false;
	}
	*out = v;
	return true;
}

static bool address_get(struct load *l, const struct hit *h, const struct node *n,
                        const struct recipe *r, struct point *p, unsigned i)
{
	uint16_t part;
	if (sunspec_named(r->of->profile, n)) {
		if (!sunspec_offset(l, r->of->profile, n, r->shift, &part, &p->offset[i]))
			return false;
		if (p->table != TABLE_HOLDING)
			diag_error(l->d, n->where, "%s: SunSpec models are in holding registers",
			           h->key->name);
		if (i > 0 && p->part != part)
			diag_error(l->d, n->where, "%s: two addresses in different models",
			           h->key->name);
		p->part = part;
		p->addr[i] = p->offset[i]; /* until the models are found */
		return true;
	}
	if (p->part) {
		diag_error(l->d, n->where, "%s: only one of two addresses is in a model",
		           h->key->name);
		return false;
	}
	int64_t v;
	if (!point_address(l, h, n, r, p->table, &v))
		return false;
	p->addr[i] = (uint16_t)v;
	return true;
}

void set_source(struct load *l, const struct hit *h, void *object)
{
	static const struct {
		const char *name;
		uint8_t table;
	} tables[] = {{"coil", TABLE_COIL},
	              {"discrete", TABLE_DISCRETE},
	              {"holding", TABLE_HOLDING},
	              {"input", TABLE_INPUT}};
	struct draft *d = object;
	for (size_t i = 0; i < COUNT(tables); i++)
		if (strcmp(tables[i].name, h->key->name) == 0)
			d->p.table = tables[i].table;
	d->p.source = SOURCE_REGISTER;
	d->source_where = h->name->where;
	d->p.parts = 1;
	const struct node *v = h->value;
	if (v->kind != NODE_LIST) {
		address_get(l, h, v, d->recipe, &d->p, 0);
		return;
	}
	if (v->n != 2) {
		diag_error(l->d, v->where,
		           "%s: expects one address, or two with the most significant first; "
		           "several of a kind are points of their own, see repeat",
		           h->key->name);
		return;
	}
	d->p.parts = 2;
	address_get(l, h, v->item[0], d->recipe, &d->p, 0);
	address_get(l, h, v->item[1], d->recipe, &d->p, 1);
}

/* -- bits -- */

void set_bits(struct load *l, const struct hit *h, void *object)
{
	struct codec *c = &((struct draft *)object)->p.codec;
	int64_t first, last;
	if (!scalar_range(l->d, h->key->name, h->value, 0, 63, &first, &last))
		return;
	if (strcmp(h->key->name, "bit") == 0 && first != last) {
		diag_error(l->d, h->value->where,
		           "bit: expects one bit; a field of several is bits: %s", h->value->text);
		return;
	}
	c->bit = (uint8_t)first;
	c->bits = (uint8_t)(last - first + 1);
}

/* -- values -- */

static int label_compare(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	return (x->code > y->code) - (x->code < y->code);
}

/* A label may occur once, and be no other code's number: a command could not distinguish them. */
static void labels_check(struct load *l, const struct hit *h, const struct label *label, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int64_t number;
		if (!number_parse(label[i].text, &number))
			continue;
		for (size_t j = 0; j < n; j++)
			if (label[j].code == number && i != j)
				diag_error(l->d, h->value->where,
				           "values: the label \"%s\" of code %" PRId64
				           " is also the number of code "
				           "%" PRId64,
				           label[i].text, label[i].code, number);
	}
	for (size_t i = 1; i < n; i++)
		if (label[i].code == label[i - 1].code)
			diag_error(l->d, h->value->where,
			           "values: code %" PRId64 " has two labels, \"%s\" and \"%s\"",
			           label[i].code, label[i - 1].text, label[i].text);
}

static void label_same_check(struct load *l, const struct node *text, const struct label *label,
                             size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(label[i].text, text->text) == 0)
			diag_error(l->d, text->where,
			           "values: the label \"%s\" is given to code %" PRId64 " already",
			           text->text, label[i].code);
}

/* An empty text or "None" would mislead the readers of the topic. */
static bool label_good(struct load *l, const struct node *text, const char *s)
{
	const size_t n = strlen(s);
	if (n == 0 || strcmp(s, "None") == 0 || strcspn(s, " \t\r\n") == 0 ||
	    strchr(" \t\r\n", s[n - 1])) {
		diag_error(l->d, text->where,
		           "values: \"%s\" cannot be a label: it is empty, None, or has blanks "
		           "around it",
		           s);
		return false;
	}
	return true;
}

void set_values(struct load *l, const struct hit *h, void *object)
{
	struct point *p = &((struct draft *)object)->p;
	const struct node *v = h->value;
	if (v->kind == NODE_SCALAR || v->n == 0 || v->n > LABELS_MAX) {
		diag_error(l->d, v->where,
		           "values: expects codes and their labels, like {0: off, 1: on}");
		return;
	}
	struct label *label = arena_array(l->arena, v->n, sizeof *label);
	size_t n = 0;
	for (uint32_t i = 0; i < v->n; i++) {
		int64_t code = i;
		const struct node *text = v->kind == NODE_LIST ? v->item[i] : v->pair[i].value;
		if (v->kind == NODE_MAP && !number_parse(v->pair[i].key->text, &code)) {
			char echo[TEXT_ECHO_SIZE];
			diag_error(l->d, v->pair[i].key->where,
			           "values: %s is not a code, decimal or 0x",
			           text_echo(v->pair[i].key->text, echo));
			continue;
		}
		const char *s = scalar_text(l->d, "values", text);
		if (!s || !label_good(l, text, s))
			continue;
		label_same_check(l, text, label, n);
		label[n++] = (struct label){code, load_text(l, s)};
	}
	qsort(label, n, sizeof *label, label_compare);
	labels_check(l, h, label, n);
	p->label = label;
	p->nlabel = (uint16_t)n;
}

/* -- not available, valid, counter -- */

void set_na(struct load *l, const struct hit *h, void *object)
{
	struct codec *c = &((struct draft *)object)->p.codec;
	const struct node *v = h->value;
	const struct node *const *item = v->kind == NODE_LIST ? v->item : &v;
	const uint32_t n = v->kind == NODE_LIST ? v->n : 1;
	if (n > NA_MAX) {
		diag_error(l->d, v->where, "na: more than %d values", NA_MAX);
		return;
	}
	uint64_t *na = arena_array(l->arena, n, sizeof *na);
	for (uint32_t i = 0; i < n; i++)
		if (scalar_raw(l->d, "na", item[i], &na[c->nna]))
			c->nna++;
	c->na = na;
}

struct limits {
	double min, max;
	bool has_min, has_max;
};

static void set_limit(struct load *l, const struct hit *h, void *object)
{
	struct limits *m = object;
	const bool max = strcmp(h->key->name, "max") == 0;
	if (scalar_real(l->d, h->key->name, h->value, max ? &m->max : &m->min))
		*(max ? &m->has_max : &m->has_min) = true;
}

static const struct key valid_keys[] = {
	{"min", .type = KEY_OTHER, .set = set_limit, .form = "number",
         .doc = "Values below this are published as None."},
	{"max", .type = KEY_OTHER, .set = set_limit, .form = "number",
         .doc = "Values above this are published as None."},
};

const struct keyset keyset_valid = {
	.name = "point.valid", .key = valid_keys, .n = COUNT(valid_keys)};

void set_valid(struct load *l, const struct hit *h, void *object)
{
	struct point *p = &((struct draft *)object)->p;
	struct limits m = {-1e300, 1e300, false, false};
	keys_read(l, &keyset_valid, h->value, h->value->where, &m);
	if (m.min >= m.max)
		diag_error(l->d, h->value->where, "valid: min is not below max");
	p->has_valid = m.has_min || m.has_max;
	p->valid_min = m.min;
	p->valid_max = m.max;
}

/* "50/h": published per hour. */
static void set_max_rise(struct load *l, const struct hit *h, void *object)
{
	static const struct {
		const char *unit;
		double per_hour;
	} units[] = {{"/s", 3600}, {"/m", 60}, {"/min", 60}, {"/h", 1}, {"/d", 1.0 / 24}};
	const char *text = scalar_text(l->d, "max_rise", h->value);
	if (!text)
		return;
	const size_t len = strcspn(text, "/");
	struct decimal dec;
	const bool number =
		decimal_parse(arena_strndup(l->scratch, text, len), &dec) && dec.mant > 0;
	for (size_t i = 0; number && i < COUNT(units); i++) {
		if (strcmp(text + len, units[i].unit) == 0) {
			((struct counter_rule *)object)->max_rise =
				decimal_real(&dec) * units[i].per_hour;
			return;
		}
	}
	diag_error(l->d, h->value->where, "max_rise: \"%s\" is not a rise in a time like 50/h",
	           text);
}

static const struct key counter_keys[] = {
	{"max_rise", .type = KEY_OTHER, .set = set_max_rise, .form = "like 50/h",
         .preset = "any rise is accepted",
         .doc = "A steeper rise is published only after a second read confirms it."},
};

const struct keyset keyset_counter = {
	.name = "point.counter", .key = counter_keys, .n = COUNT(counter_keys)};

void set_counter(struct load *l, const struct hit *h, void *object)
{
	struct point *p = &((struct draft *)object)->p;
	bool wanted = true;
	struct counter_rule *rule = arena_alloc(l->arena, sizeof *rule);
	if (h->value->kind == NODE_SCALAR) {
		if (!scalar_bool(l->d, "counter", h->value, &wanted))
			return;
	} else {
		keys_read(l, &keyset_counter, h->value, h->value->where, rule);
	}
	p->counter = wanted ? rule : NULL;
}

/* -- layout of a datetime -- */

void set_layout(struct load *l, const struct hit *h, void *object)
{
	static const char *const words[] = {"sec",     "min",  "hour",  "day",  "month", "year",
	                                    "weekday", "skip", "epoch", "hhmm", "year2", NULL};
	struct draft *d = object;
	const struct node *v = h->value;
	struct layout *layout = arena_alloc(l->arena, sizeof *layout);
	if (v->kind != NODE_LIST || v->n == 0 || v->n > COUNT(layout->part)) {
		diag_error(l->d, v->where,
		           "layout: expects a list of 1 to %zu parts, like [hour, min, sec]",
		           COUNT(layout->part));
		return;
	}
	for (uint32_t i = 0; i < v->n; i++) {
		const int part = scalar_choice(l->d, "layout", v->item[i], words);
		layout->part[i] = (uint8_t)(part < 0 ? PART_SKIP : part);
	}
	layout->n = (uint8_t)v->n;
	d->layout = layout;
	d->p.codec.layout = layout;
}
