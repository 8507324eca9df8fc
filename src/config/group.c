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

static bool group_used(const struct making *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->index[i] >= 0 && m->draft[i].writable && m->draft[i].w.group &&
		    strcmp(m->draft[i].w.group, name) == 0)
			return true;
	return false;
}

/* How many points are listed under each word of a key, in all layers; a name with {n} is several.
 */
struct word_users {
	struct name_table by_word; /* to the index of its number */
	unsigned *number;
	size_t n, room;
};

static void word_count(struct load *l, struct word_users *u, const struct node *word,
                       unsigned users)
{
	if (!word || word->kind != NODE_SCALAR)
		return;
	const int32_t i = name_table_find(&u->by_word, word->text, strlen(word->text));
	if (i >= 0 && u->number) {
		u->number[i] += users;
		return;
	}
	if (u->n == u->room) {
		u->room = 2 * u->room + 16;
		unsigned *more = arena_array(l->scratch, u->room, sizeof *more);
		if (u->n)
			memcpy(more, u->number, u->n * sizeof *more);
		u->number = more;
	}
	name_table_add(l->scratch, &u->by_word, word->text, (int32_t)u->n);
	u->number[u->n++] = users;
}

/* Of one point: also in its `write`, and in any of its places; a word counts once. */
static void words_of_point(struct load *l, struct word_users *u, const struct pair *p,
                           const char *key)
{
	const struct node *const *item = p->value->kind == NODE_LIST ? p->value->item : &p->value;
	const uint32_t n = p->value->kind == NODE_LIST ? p->value->n : 1;
	const unsigned users = strstr(p->key->text, "{n}") ? 2 : 1;
	const struct node **said = arena_array(l->scratch, 2 * (size_t)n, sizeof *said);
	size_t nsaid = 0;
	for (uint32_t i = 0; i < 2 * n; i++) {
		const struct node *map = i % 2 ? node_get(item[i / 2], "write") : item[i / 2];
		const struct node *word = node_get(map, key);
		bool again = !word || word->kind != NODE_SCALAR;
		for (size_t k = 0; k < nsaid && !again; k++)
			again = strcmp(said[k]->text, word->text) == 0;
		if (again)
			continue;
		said[nsaid++] = word;
		word_count(l, u, word, users);
	}
}

static struct word_users words_count(struct load *l, const struct layers *layers, const char *key)
{
	struct word_users u = {0};
	for (unsigned i = 0; i < layers->npoints; i++) {
		const struct node *map = layers->points[i];
		for (uint32_t k = 0; map->kind == NODE_MAP && k < map->n; k++)
			words_of_point(l, &u, &map->pair[k], key);
	}
	return u;
}

static unsigned word_users(const struct word_users *u, const char *word)
{
	const int32_t i = name_table_find(&u->by_word, word, strlen(word));
	return i < 0 || !u->number ? 0 : u->number[i];
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
                      struct group_rule *group, const struct word_users *users)
{
	for (uint32_t i = 0; i < p->groups->n; i++) {
		const struct pair *pair = &p->groups->pair[i];
		struct group_rule *g = &group[s->ngroup];
		if (!word_users(users, pair->key->text))
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
                        const char *word, const struct word_users *users)
{
	char hint[96], echo[TEXT_ECHO_SIZE];
	if (!word || word_users(users, word) != 1 || d->p.repeat_n)
		return;
	const char **names = arena_array(m->l->scratch, m->n, sizeof *names);
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++) {
		const char *other =
			strcmp(key, "group") == 0 ? m->draft[i].w.group : m->draft[i].p.together;
		if (other && strcmp(other, word) != 0)
			names[n++] = other;
	}
	diag_error(m->l->d, d->p.where, "%s: only point \"%s\" has %s%s", key, d->p.name,
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
	const struct word_users together = words_count(m->l, m->layers, "together");
	const struct word_users grouped = words_count(m->l, m->layers, "group");
	for (size_t i = 0; i < m->n; i++) {
		const struct draft *d = &m->draft[i];
		check_alone(m, d, "together", d->p.together, &together);
		if (d->w.group && !group_ruled(m->layers->profile, d->w.group))
			check_alone(m, d, "group", d->w.group, &grouped);
	}
	for (const struct profile *p = m->layers->profile; p; p = p->base)
		n += has_groups(p) ? p->groups->n : 0;
	if (n == 0)
		return;
	struct group_rule *group = arena_array(m->l->arena, n, sizeof *group);
	for (const struct profile *p = m->layers->profile; p; p = p->base)
		if (has_groups(p))
			groups_of(m, p, s, group, &grouped);
	s->group = group;
}
