// SPDX-License-Identifier: MIT
/* Groups: points that are written together, in which order and by which rules. */
#include <string.h>

#include "config/pointset.h"
#include "config/scalar.h"

/* The same for rules of a group: with a point that does not exist the rule is dropped. */
struct rule_names {
	struct making *m;
	bool absent;
};

static int rule_lookup(void *ctx, const char *name, size_t len)
{
	struct rule_names *names = ctx;
	if (!making_absent(names->m, name, len))
		return making_lookup(names->m, name, len);
	names->absent = true;
	return 0;
}

struct grouping {
	struct making *m;
	struct group_rule *rule;
};

static void set_order(struct load *l, const struct hit *h, void *object)
{
	const struct grouping *g = object;
	const struct node *v = h->value;
	if (v->kind != NODE_LIST) {
		diag_error(l->d, v->where, "order: expects a list of points");
		return;
	}
	uint32_t *order = arena_array(l->arena, v->n, sizeof *order);
	for (uint32_t i = 0; i < v->n; i++) {
		const char *name = scalar_text(l->d, "order", v->item[i]);
		const struct reference r = {name, v->item[i]->where};
		const bool there = name && !making_absent(g->m, name, strlen(name));
		const int32_t k = there ? making_reference(g->m, "order", &r) : -1;
		if (k >= 0 && g->m->index[k] >= 0)
			order[g->rule->norder++] = (uint32_t)g->m->index[k];
	}
	g->rule->order = order;
}

static void set_rules(struct load *l, const struct hit *h, void *object)
{
	const struct grouping *g = object;
	const struct node *v = h->value;
	if (v->kind != NODE_LIST) {
		diag_error(l->d, v->where, "rules: expects a list of comparisons, like [A > B]");
		return;
	}
	const struct expr **rule = arena_array(l->arena, v->n, sizeof *rule);
	const char **text = arena_array(l->arena, v->n, sizeof *text);
	for (uint32_t i = 0; i < v->n; i++) {
		const char *s = scalar_text(l->d, "rules", v->item[i]);
		const struct reference r = {s, v->item[i]->where};
		struct rule_names names = {g->m, false};
		const struct expr *e =
			s ? making_expr(g->m, l->arena, "rules", &r, rule_lookup, &names) : NULL;
		if (!e || names.absent)
			continue;
		rule[g->rule->nrule] = e;
		text[g->rule->nrule++] = arena_strdup(l->arena, s);
	}
	g->rule->rule = rule;
	g->rule->rule_text = text;
}

static const struct key group_keys[] = {
	{"order", .type = KEY_OTHER, .set = set_order, .form = "list of points",
         .doc = "Write order if one request cannot hold them all."},
	{"rules", .type = KEY_OTHER, .set = set_rules, .form = "list of comparisons like A > B",
         .doc = "Conditions that the values to be written must meet."},
};

const struct keyset keyset_group = {
	.name = "profile.groups", .key = group_keys, .n = COUNT(group_keys)};

static bool says(const struct node *map, const char *key, const char *word)
{
	return node_is_text(node_get(map, key), word);
}

/* Also in its `write`, and in any of its places. */
static bool point_says(const struct node *point, const char *key, const char *word)
{
	const struct node *const *item = point->kind == NODE_LIST ? point->item : &point;
	for (uint32_t i = 0; i < (point->kind == NODE_LIST ? point->n : 1); i++)
		if (says(item[i], key, word) || says(node_get(item[i], "write"), key, word))
			return true;
	return false;
}

static bool group_used(const struct making *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->index[i] >= 0 && m->draft[i].writable && m->draft[i].w.group &&
		    strcmp(m->draft[i].w.group, name) == 0)
			return true;
	return false;
}

/* How many names of points say this word by the key, in whatever layer; {n} stands for several. */
static unsigned word_users(const struct layers *layers, const char *key, const char *word)
{
	unsigned n = 0;
	for (unsigned i = 0; i < layers->npoints; i++) {
		const struct node *map = layers->points[i];
		for (uint32_t k = 0; map->kind == NODE_MAP && k < map->n; k++)
			if (point_says(map->pair[k].value, key, word))
				n += strstr(map->pair[k].key->text, "{n}") ? 2 : 1;
	}
	return n;
}

static bool group_known(const struct pointset *s, const struct group_rule *group, const char *name)
{
	for (size_t i = 0; i < s->ngroup; i++)
		if (strcmp(group[i].name, name) == 0)
			return true;
	return false;
}

/* Its rules would hold for nothing. */
static void group_unused(const struct making *m, const struct node *key)
{
	char hint[96], echo[TEXT_ECHO_SIZE];
	const char **names = arena_array(m->l->scratch, m->n, sizeof *names);
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++)
		if (m->draft[i].w.group)
			names[n++] = m->draft[i].w.group;
	diag_error(m->l->d, key->where, "groups: no point has group: %s%s",
	           text_echo(key->text, echo), scalar_hint(key->text, names, n, hint, sizeof hint));
}

static void groups_of(struct making *m, const struct profile *p, struct pointset *s,
                      struct group_rule *group)
{
	for (uint32_t i = 0; i < p->groups->n; i++) {
		const struct pair *pair = &p->groups->pair[i];
		struct group_rule *g = &group[s->ngroup];
		if (!word_users(m->layers, "group", pair->key->text))
			group_unused(m, pair->key);
		else if (!group_used(m, pair->key->text) || group_known(s, group, pair->key->text))
			continue;
		*g = (struct group_rule){.name = arena_strdup(m->l->arena, pair->key->text),
		                         .where = pair->key->where};
		struct grouping grouping = {m, g};
		keys_read(m->l, &keyset_group, pair->value, g->where, &grouping);
		s->ngroup++;
	}
}

static bool has_groups(const struct profile *p)
{
	return p->groups && p->groups->kind == NODE_MAP;
}

/* A word that points share, said by one alone: it was meant to be another's. */
static void check_alone(const struct making *m, const struct draft *d, const char *key,
                        const char *word)
{
	char hint[96], echo[TEXT_ECHO_SIZE];
	if (!word || word_users(m->layers, key, word) != 1 || d->p.repeat_n)
		return;
	const char **names = arena_array(m->l->scratch, m->n, sizeof *names);
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++) {
		const char *other =
			strcmp(key, "group") == 0 ? m->draft[i].w.group : m->draft[i].p.together;
		if (other && strcmp(other, word) != 0)
			names[n++] = other;
	}
	diag_error(m->l->d, d->p.where, "%s: point \"%s\" alone says %s%s", key, d->p.name,
	           text_echo(word, echo), scalar_hint(word, names, n, hint, sizeof hint));
}

static bool group_ruled(const struct profile *p, const char *name)
{
	for (; p; p = p->base)
		if (has_groups(p) && node_find(p->groups, name))
			return true;
	return false;
}

/* Those of the profile and of all it is made from; of one name the most specific. */
void groups_finish(struct making *m, struct pointset *s)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++) {
		const struct draft *d = &m->draft[i];
		check_alone(m, d, "together", d->p.together);
		if (d->w.group && !group_ruled(m->layers->profile, d->w.group))
			check_alone(m, d, "group", d->w.group);
	}
	for (const struct profile *p = m->layers->profile; p; p = p->base)
		n += has_groups(p) ? p->groups->n : 0;
	if (n == 0)
		return;
	struct group_rule *group = arena_array(m->l->arena, n, sizeof *group);
	for (const struct profile *p = m->layers->profile; p; p = p->base)
		if (has_groups(p))
			groups_of(m, p, s, group);
	s->group = group;
}
