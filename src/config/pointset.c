// SPDX-License-Identifier: MIT
#include "config/pointset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/scalar.h"

#define NESTED_MAX 8 /* expressions in expressions */

/* -- rates, only, omit: keys of the device that its points depend on -- */

#define RATE(which)                                                                                \
	KEY_AT(struct ratings, period[which]), .min = 1 * US_MS, .max = 366 * 86400 * US_S
static const struct key rates_keys[] = {
	{"fast", KEY_DURATION, KEY_FASTEST, RATE(RATE_FAST), .preset = "2s",
         .doc = "Period of points that change within seconds."},
	{"normal", KEY_DURATION, KEY_FASTEST, RATE(RATE_NORMAL), .preset = "10s",
         .doc = "Period of points that change slowly."},
	{"slow", KEY_DURATION, KEY_FASTEST, RATE(RATE_SLOW), .preset = "5m",
         .doc = "Period of settings and statistics."},
};

const struct keyset keyset_rates = {.name = "rates", .key = rates_keys, .n = COUNT(rates_keys)};

static const struct key defaults_keys[] = {
	{"rates", .type = KEY_OTHER, .form = "{fast: 2s, normal: 10s, slow: 5m}",
         .doc = "Polling period of each rate class."},
};

const struct keyset keyset_defaults = {
	.name = "defaults",
	.key = defaults_keys,
	.n = COUNT(defaults_keys),
	.also = {&keyset_point},
	.also_flags = {KEY_INHERIT},
};

static struct ratings ratings_read(struct load *l, const struct layers *layers)
{
	struct ratings r = {.every = -1,
	                    .period = {[RATE_FAST] = 2 * US_S,
	                               [RATE_NORMAL] = 10 * US_S,
	                               [RATE_SLOW] = 300 * US_S}};
	struct hits hits;
	memset(&hits, 0, sizeof hits);
	for (unsigned i = 0; i < layers->ndevice; i++)
		keys_collect(l, &keyset_rates, node_get(layers->device[i], "rates"), i, 0, &hits);
	keys_collect(l, &keyset_rates, node_get(l->defaults, "rates"), LAYERS_MAX, 0, &hits);
	keys_apply(l, &keyset_rates, &hits, layers->where, &r);
	for (unsigned i = 0; i < layers->own && r.every < 0; i++) {
		const struct node *every = node_get(layers->device[i], "every");
		if (every && every->kind == NODE_SCALAR && strcmp(every->text, "fastest") == 0)
			r.every = PERIOD_FASTEST;
		else if (every && !scalar_duration(l->d, "every", every, 1 * US_MS,
		                                   366 * 86400 * US_S, &r.every))
			break;
	}
	return r;
}

void defaults_check(struct load *l)
{
	struct hits hits;
	struct ratings ratings;
	const struct node *rates = node_get(l->defaults, "rates");
	memset(&hits, 0, sizeof hits);
	keys_collect(l, &keyset_defaults, l->defaults, 0, 0, &hits);
	inherit_check(l, l->defaults);
	if (rates)
		keys_read(l, &keyset_rates, rates, rates->where, &ratings);
}

/* -- a set being made -------------------------------------------------------------------------- */

static int draft_find(const struct making *m, const char *name, size_t len)
{
	return name_table_find(&m->by_name, name, len);
}

static int draft_lookup(void *ctx, const char *name, size_t len)
{
	return draft_find(ctx, name, len);
}

const char *making_hint(const struct making *m, const char *name, char *buf, size_t size)
{
	if (m->l->d->n > HINTED_MAX)
		return "";
	const char **names = arena_array(m->l->scratch, m->n, sizeof *names);
	for (size_t i = 0; i < m->n; i++)
		names[i] = m->draft[i].p.name;
	return scalar_hint(name, names, m->n, buf, size);
}

/* Of lists the place that counts. False: none does. */
static bool recipe_pick(struct making *m, struct recipe *r, const struct parameter *parameter,
                        size_t nparameter)
{
	for (unsigned k = 0; k < r->n; k++) {
		if (r->map[k]->kind != NODE_LIST)
			continue;
		r->map[k] = alternative_pick(m->l, r->name, r->map[k], parameter, nparameter);
		if (!r->map[k])
			return false;
	}
	return true;
}

static void drafts_read(struct making *m)
{
	struct load *l = m->l;
	const struct ratings rates = ratings_read(l, m->layers);
	const struct parameter *parameter = NULL;
	const size_t nparameter = profile_parameters(l, m->layers->profile, m->layers->device,
	                                             m->layers->own, &parameter);
	const int64_t block = parameters_block(parameter, nparameter);
	m->draft = arena_array(l->scratch, m->recipes.n, sizeof *m->draft);
	m->absent = arena_array(l->scratch, m->recipes.n, sizeof *m->absent);
	for (size_t i = 0; i < m->recipes.n; i++) {
		struct recipe *r = &m->recipes.recipe[i];
		const struct node *condition = NULL;
		r->block = block;
		const bool here = recipe_pick(m, r, parameter, nparameter);
		for (unsigned k = 0; here && k < r->n && !condition; k++)
			condition = node_get(r->map[k], "if");
		if (here && (!condition || condition_true(l, condition, parameter, nparameter))) {
			name_table_add(l->scratch, &m->by_name, r->name, (int32_t)m->n);
			point_read(l, r, &rates, &m->draft[m->n++]);
			continue;
		}
		name_table_add(l->scratch, &m->by_absent, r->name, (int32_t)m->nabsent);
		struct draft unused; /* its mistakes are mistakes all the same */
		m->absent[m->nabsent++] = r->name;
		if (here)
			point_read(l, r, &rates, &unused);
	}
}

bool making_absent(const struct making *m, const char *name, size_t len)
{
	return name_table_find(&m->by_absent, name, len) >= 0;
}

/* -- points that need others ------------------------------------------------------------------- */

int32_t making_reference(const struct making *m, const char *key, const struct reference *r)
{
	char hint[96];
	if (!r->name)
		return -1;
	const int i = draft_find(m, r->name, strlen(r->name));
	if (i < 0)
		diag_error(m->l->d, r->where, "%s: there is no point \"%s\"%s", key, r->name,
		           making_hint(m, r->name, hint, sizeof hint));
	return i;
}

const struct expr *making_expr(const struct making *m, struct arena *a, const char *key,
                               const struct reference *text, expr_lookup lookup, void *ctx)
{
	char message[256];
	unsigned column = 1;
	const struct expr *e =
		expr_compile(a, text->name, lookup, ctx, &column, message, sizeof message);
	if (!e)
		diag_error(m->l->d, text->where, "%s: %s, at character %u of \"%s\"", key, message,
		           column, text->name);
	return e;
}

/* A text is no number to compute with. */
static void draft_check_inputs(const struct making *m, const struct draft *d)
{
	for (const int32_t *k = m->needs[d - m->draft]; *k >= 0; k++) {
		const struct point *p = &m->draft[*k].p;
		if (p->source != SOURCE_EXPR && p->codec.type >= TYPE_STRING)
			diag_error(m->l->d, d->p.where,
			           "point \"%s\" is computed from \"%s\", which is %s", d->p.name,
			           p->name, p->codec.type == TYPE_ARRAY ? "an array" : "a text");
	}
}

static int index_order(const void *a, const void *b)
{
	const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

/* What it is computed from, each once, ascending, then -1. */
static int32_t *draft_needs(const struct making *m, const struct draft *d)
{
	const int32_t from[] = {d->p.exponent_from, d->p.factor_from, d->p.count_from};
	size_t n = 0, kept = 0, at = 0;
	while (d->p.expr && expr_next(d->p.expr, &at) >= 0)
		n++;
	int32_t *need = arena_array(m->l->scratch, n + COUNT(from) + 1, sizeof *need);
	n = at = 0;
	for (int k; d->p.expr && (k = expr_next(d->p.expr, &at)) >= 0;)
		need[n++] = k;
	for (size_t i = 0; i < COUNT(from); i++)
		if (from[i] >= 0)
			need[n++] = from[i];
	qsort(need, n, sizeof *need, index_order);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || need[kept - 1] != need[i])
			need[kept++] = need[i];
	need[kept] = -1;
	return need;
}

static void drafts_bind(struct making *m)
{
	m->needs = arena_array(m->l->scratch, m->n, sizeof *m->needs);
	for (size_t i = 0; i < m->n; i++) {
		struct draft *d = &m->draft[i];
		d->p.exponent_from = making_reference(m, "exponent_from", &d->exponent_from);
		d->p.factor_from = making_reference(m, "factor_from", &d->factor_from);
		d->p.count_from = making_reference(m, "count_from", &d->count_from);
		if (d->expr.name)
			d->p.expr =
				making_expr(m, m->l->scratch, "expr", &d->expr, draft_lookup, m);
		m->needs[i] = draft_needs(m, d);
		draft_check_inputs(m, d);
	}
}

/* The daemon follows each way from an expression down to its registers. */
#define WAYS_MAX 1000

struct descent {
	uint8_t *state; /* by draft: 0 new, 1 on the way, 2 done */
	uint32_t *ways; /* by draft */
};

static void ways_check(const struct making *m, const struct descent *w, size_t i)
{
	if (w->ways[i] <= WAYS_MAX)
		return;
	diag_error(m->l->d, m->draft[i].p.where,
	           "point \"%s\": its expressions in expressions come to more than %d inputs",
	           m->draft[i].p.name, WAYS_MAX);
	w->ways[i] = 1; /* said once */
}

/* Depth first. */
static void circle_from(const struct making *m, const struct descent *w, size_t i)
{
	w->state[i] = 1;
	w->ways[i] = 1;
	for (const int32_t *need = m->needs[i]; *need >= 0; need++) {
		const size_t k = (size_t)*need;
		if (w->state[k] == 0)
			circle_from(m, w, k);
		if (w->state[k] == 2)
			w->ways[i] += w->ways[k];
		else
			diag_error(m->l->d, m->draft[i].p.where,
			           "point \"%s\" is computed from \"%s\", which is "
			           "computed from it",
			           m->draft[i].p.name, m->draft[k].p.name);
	}
	ways_check(m, w, i);
	w->state[i] = 2;
}

static void drafts_check_circles(struct making *m)
{
	const struct descent w = {arena_array(m->l->scratch, m->n, sizeof *w.state),
	                          arena_array(m->l->scratch, m->n, sizeof *w.ways)};
	for (size_t i = 0; i < m->n; i++)
		if (w.state[i] == 0 &&
		    (m->draft[i].p.expr || m->draft[i].exponent_from.name ||
		     m->draft[i].factor_from.name || m->draft[i].count_from.name))
			circle_from(m, &w, i);
}

static bool rate_used(const struct making *m, unsigned rate)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->draft[i].p.source == SOURCE_REGISTER && m->draft[i].p.rate == rate)
			return true;
	return false;
}

/* Periods of classes that no point has. */
static void drafts_check_rates(const struct making *m)
{
	for (unsigned i = 0; i < m->layers->own; i++) {
		const struct node *rates = node_get(m->layers->device[i], "rates");
		for (size_t k = 0; k < COUNT(rates_keys); k++) {
			const struct pair *pair = node_find(rates, rates_keys[k].name);
			if (pair && !rate_used(m, (unsigned)k))
				diag_warn(m->l->d, pair->key->where,
				          "rates: no point of the device has rate: %s",
				          rates_keys[k].name);
		}
	}
}

/* -- the finished set -- */

int making_lookup(void *ctx, const char *name, size_t len)
{
	const struct making *m = ctx;
	const int i = draft_find(m, name, len);
	return i < 0 ? -1 : m->index[i];
}

static const struct write_rule *write_finish(const struct making *m, const struct draft *d)
{
	if (!d->writable)
		return NULL;
	struct write_rule *w = arena_alloc(m->l->arena, sizeof *w);
	*w = d->w;
	return w;
}

/* What is published with each read, or kept as history, is published as often as the point itself
 * asks to be read: neighbours may be read more often. An expression: as its fastest input. */
static us_t published_each(const struct point *point, uint32_t i, unsigned depth)
{
	const struct point *p = &point[i];
	us_t least = PERIOD_ONCE;
	if (p->source == SOURCE_REGISTER)
		return p->period;
	size_t at = 0;
	for (int k; p->expr && depth < NESTED_MAX && (k = expr_next(p->expr, &at)) >= 0;) {
		const us_t one = published_each(point, (uint32_t)k, depth + 1);
		least = one < least ? one : least;
	}
	return least;
}

static void points_pace(struct point *point, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const bool each = point[i].filter.mode == PUBLISH_ALWAYS || point[i].history;
		const us_t period = each ? published_each(point, i, 0) : PERIOD_ONCE;
		point[i].filter.period = period < PERIOD_ONCE ? period : 0;
	}
}

/* i: of p in the set. */
static uint32_t together_first(struct load *l, struct name_table *together, const struct point *p,
                               uint32_t i)
{
	if (!p->together)
		return i;
	name_table_add(l->scratch, together, p->together, (int32_t)i);
	return (uint32_t)name_table_find(together, p->together, strlen(p->together));
}

static void points_finish(struct making *m, struct point *point)
{
	struct name_table together = {0}; /* to the first with that word */
	for (size_t i = 0; i < m->n; i++) {
		struct draft *d = &m->draft[i];
		if (m->index[i] < 0)
			continue;
		struct point *p = &point[m->index[i]];
		*p = d->p;
		p->together_first = together_first(m->l, &together, p, (uint32_t)m->index[i]);
		p->exponent_from = d->p.exponent_from < 0 ? -1 : m->index[d->p.exponent_from];
		p->factor_from = d->p.factor_from < 0 ? -1 : m->index[d->p.factor_from];
		p->count_from = d->p.count_from < 0 ? -1 : m->index[d->p.count_from];
		p->write = write_finish(m, d);
		if (d->p.expr) /* again, with the indexes that stay */
			p->expr = making_expr(m, m->l->arena, "expr", &d->expr, making_lookup, m);
	}
}

const struct pointset *pointset_make(struct load *l, const struct layers *layers,
                                     struct pointset_origin *from)
{
	struct making m = {.l = l, .layers = layers};
	struct pointset *s = arena_alloc(l->arena, sizeof *s);
	s->where = layers->where;
	names_collect(l, layers, &m.recipes);
	drafts_read(&m);
	drafts_select(&m);
	drafts_bind(&m);
	drafts_check_circles(&m);
	drafts_keep(&m);
	drafts_check_rates(&m);
	m.index = arena_array(l->scratch, m.n, sizeof *m.index);
	for (size_t i = 0; i < m.n; i++)
		m.index[i] = m.kept[i] ? (int32_t)s->n++ : -1;
	struct point *point = arena_array(l->arena, s->n, sizeof *point);
	points_finish(&m, point);
	points_pace(point, s->n);
	s->point = point;
	pointset_sort(s, l->arena);
	s->sunspec = sunspec_make(l, layers->profile, point, s->n);
	groups_finish(&m, s);
	from->all = m.recipes;
	from->broken = arena_array(l->scratch, s->n, sizeof *from->broken);
	for (size_t i = 0; i < m.n; i++)
		if (m.index[i] >= 0)
			from->broken[m.index[i]] = m.draft[i].broken;
	return s;
}

int pointset_index(struct load *l, const struct pointset *s, const char *key,
                   const struct node *name)
{
	char hint[96];
	const char *text = scalar_text(l->d, key, name);
	if (!text)
		return -1;
	const int found = model_find_point(s, text, strlen(text));
	if (found >= 0)
		return found;
	const size_t n = l->d->n > HINTED_MAX ? 0 : s->n;
	const char **names = mem_alloc(n, sizeof *names);
	for (size_t i = 0; i < n; i++)
		names[i] = s->point[i].name;
	diag_error(l->d, name->where, "%s: there is no point \"%s\"%s", key, text,
	           scalar_hint(text, names, n, hint, sizeof hint));
	free(names);
	return -1;
}
