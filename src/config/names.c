// SPDX-License-Identifier: MIT
/* Which points there are: names of all layers, `repeat`, `if`. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "config/pointset.h"
#include "config/scalar.h"

/* -- names -- */

static void point_name_check(struct load *l, const struct node *key, const char *name)
{
	static const char *const reserved[] = {"status", "network", "Alerts", "Nak"};
	size_t n = 0;
	while (isalnum((unsigned char)name[n]) || name[n] == '_')
		n++;
	if (name[n] || n == 0 || n > NAME_MAX_LEN || !isalpha((unsigned char)*name)) {
		char echo[TEXT_ECHO_SIZE];
		diag_error_once(
			l->d, key->where,
			"%s is not a point's name: a letter, then letters, digits and _, at "
			"most %d",
			text_echo(name, echo), NAME_MAX_LEN);
		return;
	}
	for (size_t i = 0; i < COUNT(reserved); i++) {
		if (strcmp(name, reserved[i]) == 0) {
			diag_error(l->d, key->where,
			           "\"%s\" is reserved and cannot be a point's name", name);
		}
	}
}

/* -- repeat -- */

struct repetition {
	int64_t first, last, stride;
	struct reference count_from;
};

static void set_numbers(struct load *l, const struct hit *h, void *object)
{
	struct repetition *r = object;
	scalar_range(l->d, "n", h->value, 0, 9999, &r->first, &r->last);
}

static const struct key repeat_keys[] = {
	{"n", .type = KEY_OTHER, .flags = KEY_REQUIRED, .set = set_numbers, .form = "like 1..8",
         .doc = "The numbers that replace {n}."},
	{"stride", KEY_INT, KEY_AT(struct repetition, stride), .min = -65535, .max = 65535,
         .preset = "1", .doc = "Address offset from one number to the next."},
	{"count_from", .type = KEY_OTHER, .set = set_reference,
         .offset = offsetof(struct repetition, count_from), .form = "point",
         .doc = "Point with the number of points that exist; those above it are None."},
};

const struct keyset keyset_repeat = {
	.name = "point.repeat", .key = repeat_keys, .n = COUNT(repeat_keys)};

/* The rule for a pattern: the most specific layer's `repeat`; else that of the profile which has
 * the pattern, of several the one that all are made from. */
static const struct node *repeat_node(const struct layers *layers, const char *pattern)
{
	for (unsigned i = 0; i < layers->npoints; i++) {
		const struct node *repeat =
			node_get(node_get(layers->points[i], pattern), "repeat");
		if (repeat)
			return repeat;
	}
	for (unsigned i = layers->npoints; i-- > 0;)
		if (layers->repeat[i] && node_get(layers->points[i], pattern))
			return layers->repeat[i];
	for (unsigned i = 0; i < layers->npoints; i++)
		if (layers->repeat[i])
			return layers->repeat[i];
	return NULL;
}

/* -- the list -- */

static struct recipe *recipe_find(const struct recipes *all, const char *name)
{
	const int32_t i = name_table_find(&all->by_name, name, strlen(name));
	return i < 0 ? NULL : &all->recipe[i];
}

static void recipe_layer(struct recipe *r, const struct pair *p, unsigned layer)
{
	if (!p)
		return;
	if (r->n == 0)
		r->where = p->key->where;
	r->map[r->n] = p->value;
	r->key[r->n] = p->key;
	r->layer[r->n++] = layer;
}

/* A new point: in each layer its own name goes before the pattern it came from. */
static struct recipe *recipe_add(struct load *l, struct recipes *all, const struct layers *layers,
                                 const char *name, const char *pattern)
{
	if (all->n == all->room) {
		all->room = all->room ? 2 * all->room : 64;
		struct recipe *more = arena_array(l->scratch, all->room, sizeof *more);
		if (all->n)
			memcpy(more, all->recipe, all->n * sizeof *more);
		all->recipe = more;
	}
	name_table_add(l->scratch, &all->by_name, name, (int32_t)all->n);
	struct recipe *r = &all->recipe[all->n++];
	*r = (struct recipe){.name = name, .of = layers, .number = NO_NUMBER};
	for (unsigned i = 0; i < layers->npoints; i++) {
		recipe_layer(r, node_find(layers->points[i], name), i);
		if (pattern)
			recipe_layer(r, node_find(layers->points[i], pattern), i);
	}
	return r;
}

static void names_repeat(struct load *l, struct recipes *all, const struct layers *layers,
                         const struct node *key)
{
	const char *pattern = key->text, *mark = strstr(pattern, "{n}");
	const struct node *node = repeat_node(layers, pattern);
	struct repetition rep = {.first = 0, .last = -1, .stride = 1};
	if (!node) {
		char echo[TEXT_ECHO_SIZE];
		diag_error(l->d, key->where,
		           "point %s needs repeat, like repeat: {n: 1..8, stride: 1}",
		           text_echo(pattern, echo));
		return;
	}
	keys_read(l, &keyset_repeat, node, node->where, &rep);
	for (int64_t n = rep.first; n <= rep.last && all->n < POINTS_MAX; n++) {
		const char *name = arena_printf(l->scratch, "%.*s%" PRId64 "%s",
		                                (int)(mark - pattern), pattern, n, mark + 3);
		struct recipe *r = recipe_find(all, name);
		if (r)
			continue;
		point_name_check(l, key, name); /* what it has is checked as well */
		r = recipe_add(l, all, layers, name, pattern);
		r->number = n;
		r->place = (uint16_t)(n - rep.first + 1);
		r->shift = (n - rep.first) * rep.stride;
		r->count_from = rep.count_from;
	}
}

/* Of a map the keys with {n}. */
struct patterns {
	const struct node **key;
	size_t n;
};

static struct patterns patterns_find(struct load *l, const struct node *map)
{
	struct patterns p = {arena_array(l->scratch, map->n, sizeof *p.key), 0};
	for (uint32_t i = 0; i < map->n; i++)
		if (strstr(map->pair[i].key->text, "{n}"))
			p.key[p.n++] = map->pair[i].key;
	return p;
}

/* The pattern that makes a point of this name, or NULL. */
static const struct node *pattern_of(const struct patterns *p, const char *name)
{
	const size_t len = strlen(name);
	for (size_t i = 0; i < p->n; i++) {
		const char *pattern = p->key[i]->text, *mark = strstr(pattern, "{n}");
		const size_t before = (size_t)(mark - pattern), after = strlen(mark + 3);
		if (before + after >= len || strncmp(name, pattern, before) != 0 ||
		    strcmp(name + len - after, mark + 3) != 0)
			continue;
		if (strspn(name + before, "0123456789") >= len - before - after)
			return p->key[i];
	}
	return NULL;
}

/* A rule that is not asked: of a name without {n}, or in one of several places. */
static void repeat_check(struct load *l, const struct pair *p)
{
	const struct node *v = p->value;
	const struct node *const *item = v->kind == NODE_LIST ? v->item : &v;
	for (uint32_t i = 0; i < (v->kind == NODE_LIST ? v->n : 1); i++) {
		const struct node *repeat = node_get(item[i], "repeat");
		if (repeat && !strstr(p->key->text, "{n}"))
			diag_error(l->d, repeat->where,
			           "repeat: the name \"%s\" has no {n} to be replaced",
			           p->key->text);
		else if (repeat && v->kind == NODE_LIST)
			diag_error(l->d, repeat->where,
			           "repeat: not in one of several places; set it for the whole "
			           "profile");
	}
}

static void names_layer(struct load *l, struct recipes *all, const struct layers *layers,
                        const struct node *map)
{
	const struct patterns patterns = patterns_find(l, map);
	for (uint32_t i = 0; i < map->n && all->n < POINTS_MAX; i++) {
		const struct node *key = map->pair[i].key;
		const struct node *pattern = pattern_of(&patterns, key->text);
		if (pattern && !recipe_find(all, key->text))
			names_repeat(l, all, layers, pattern); /* it may be further down */
		if (strstr(key->text, "{n}")) {
			names_repeat(l, all, layers, key);
		} else if (!recipe_find(all, key->text)) {
			point_name_check(l, key, key->text); /* what it has is checked as well */
			recipe_add(l, all, layers, key->text, NULL);
		}
		repeat_check(l, &map->pair[i]);
	}
}

/* Is it the rule of some pattern? */
static bool repeat_used(const struct layers *layers, const struct node *repeat)
{
	for (unsigned i = 0; i < layers->npoints; i++) {
		const struct node *map = layers->points[i];
		for (uint32_t k = 0; map->kind == NODE_MAP && k < map->n; k++)
			if (strstr(map->pair[k].key->text, "{n}") &&
			    repeat_node(layers, map->pair[k].key->text) == repeat)
				return true;
	}
	return false;
}

void names_collect(struct load *l, const struct layers *layers, struct recipes *all)
{
	*all = (struct recipes){0};
	for (unsigned i = layers->npoints; i-- > 0;) {
		if (layers->points[i]->kind != NODE_MAP) {
			if (!node_is_null(layers->points[i]))
				diag_error(l->d, layers->points[i]->where,
				           "points: expects names and their keys");
			continue;
		}
		names_layer(l, all, layers, layers->points[i]);
	}
	for (unsigned i = 0; i < layers->npoints; i++)
		if (layers->repeat[i] && !repeat_used(layers, layers->repeat[i]))
			diag_error(l->d, layers->repeat[i]->where,
			           "repeat: no point with {n} in its name takes its numbers from "
			           "here");
	if (all->n >= POINTS_MAX)
		diag_error(l->d, layers->where, "more than %d points", POINTS_MAX);
}

/* -- if -- */

/* The next word at *s, quotes and blanks around it dropped; scratch memory. */
static const char *word_take(struct load *l, const char **s, const char *end_at)
{
	*s += strspn(*s, " \t\"'");
	const size_t len = strcspn(*s, end_at);
	size_t n = len;
	while (n && strchr(" \t\"'", (*s)[n - 1]))
		n--;
	const char *word = arena_strndup(l->scratch, *s, n);
	*s += len;
	return word;
}

struct condition {
	const char *name;
	bool negated;
	const char *value[16];
	size_t n;
};

static bool condition_parse(struct load *l, const char *s, struct condition *c)
{
	memset(c, 0, sizeof *c);
	c->name = word_take(l, &s, " \t=!");
	s += strspn(s, " \t");
	const bool in = strncmp(s, "in ", 3) == 0;
	c->negated = strncmp(s, "!=", 2) == 0;
	if (!*c->name || (!in && !c->negated && strncmp(s, "==", 2) != 0))
		return false;
	s += 2;
	s += strspn(s, " \t");
	if (!in) {
		c->value[c->n++] = word_take(l, &s, "");
		return *c->value[0];
	}
	if (*s++ != '[')
		return false;
	while (c->n < COUNT(c->value)) {
		c->value[c->n] = word_take(l, &s, ",]");
		if (!*c->value[c->n++] || !*s)
			return false;
		if (*s++ == ']')
			return !*s;
	}
	return false;
}

/* Parsed and its words checked; NULL: reported. */
static const struct parameter *condition_read(struct load *l, const struct node *n,
                                              const struct parameter *parameter, size_t nparameter,
                                              struct condition *c)
{
	char hint[96];
	const char *names[64];
	const char *text = scalar_text(l->d, "if", n);
	if (!text)
		return NULL;
	if (!condition_parse(l, text, c)) {
		diag_error(l->d, n->where,
		           "if: \"%s\" is not like \"model == b\", \"model != b\" or \"model in "
		           "[a, b]\"",
		           text);
		return NULL;
	}
	size_t i = 0;
	for (; i < nparameter && i < COUNT(names); i++) {
		names[i] = parameter[i].name;
		if (strcmp(c->name, names[i]) == 0)
			break;
	}
	if (i == nparameter || i == COUNT(names)) {
		diag_error(l->d, n->where, "if: there is no parameter \"%s\"%s", c->name,
		           scalar_hint(c->name, names, i, hint, sizeof hint));
		return NULL;
	}
	for (size_t k = 0; k < c->n; k++)
		if (parameter[i].choices && !choice_known(parameter[i].choices, c->value[k]))
			diag_error(l->d, n->where, "if: \"%s\" is not a choice of the parameter %s",
			           c->value[k], c->name);
	return &parameter[i];
}

static bool condition_holds(const struct condition *c, const char *value)
{
	bool found = false;
	for (size_t k = 0; k < c->n; k++)
		found |= strcmp(c->value[k], value) == 0;
	return found != c->negated;
}

bool condition_true(struct load *l, const struct node *n, const struct parameter *parameter,
                    size_t nparameter)
{
	struct condition c;
	const struct parameter *p = condition_read(l, n, parameter, nparameter, &c);
	return p && condition_holds(&c, p->value);
}

/* -- one name, several places -- */

#define ALTERNATIVES_MAX 16
#define OTHER "\n" /* a value that no condition names */

/* Is there a value of the parameter with which both hold? */
static bool both_can_hold(const struct condition *a, const struct condition *b,
                          const struct parameter *p)
{
	if (strcmp(a->name, b->name) != 0)
		return true;
	for (uint32_t i = 0; p->choices && i < p->choices->n; i++)
		if (p->choices->item[i]->kind == NODE_SCALAR &&
		    condition_holds(a, p->choices->item[i]->text) &&
		    condition_holds(b, p->choices->item[i]->text))
			return true;
	if (p->choices)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (condition_holds(a, a->value[i]) && condition_holds(b, a->value[i]))
			return true;
	for (size_t i = 0; i < b->n; i++)
		if (condition_holds(a, b->value[i]) && condition_holds(b, b->value[i]))
			return true;
	return condition_holds(a, OTHER) && condition_holds(b, OTHER);
}

const struct node *alternative_pick(struct load *l, const char *name, const struct node *list,
                                    const struct parameter *parameter, size_t nparameter)
{
	struct condition c[ALTERNATIVES_MAX];
	const struct parameter *p[ALTERNATIVES_MAX];
	const struct node *picked = NULL;
	if (list->n < 2 || list->n > ALTERNATIVES_MAX) {
		diag_error(l->d, list->where,
		           "point \"%s\": a list has 2 to %d places, each with its if", name,
		           ALTERNATIVES_MAX);
		return NULL;
	}
	for (uint32_t i = 0; i < list->n; i++) {
		const struct node *condition = node_get(list->item[i], "if");
		if (!condition)
			diag_error(l->d, list->item[i]->where,
			           "point \"%s\": each place in a list needs its if", name);
		p[i] = condition ? condition_read(l, condition, parameter, nparameter, &c[i])
		                 : NULL;
		if (p[i] && condition_holds(&c[i], p[i]->value))
			picked = list->item[i];
		for (uint32_t k = 0; p[i] && k < i; k++)
			if (p[k] && both_can_hold(&c[k], &c[i], p[i]))
				diag_error(l->d, condition->where,
				           "point \"%s\": can hold together with the if in line %u",
				           name, list->item[k]->where.line);
	}
	return picked;
}
