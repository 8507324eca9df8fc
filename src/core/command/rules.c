// SPDX-License-Identifier: MIT
/* The rules of a group: they hold in each state that the device may be in once a command is
 * written, whatever becomes of what is under way. */
#include <stdio.h>
#include <stdlib.h>

#include "core/command/private.h"

#define STATES_MAX 1024 /* that one rule is checked in; a flood of commands makes more */
#define MEMBERS_MAX 16  /* of one rule */

/* A value that a point may have. */
struct option {
	struct value v;
	const struct record *r; /* under way; NULL: read, or written before */
};

struct member {
	uint32_t point;
	size_t n, at; /* options, and the one in this state */
	struct option *option;
};

struct state_space {
	const struct command_table *t;
	struct record *const *draft; /* the command, as if it were carried out */
	size_t ndraft;
	uint32_t device;
	size_t n;
	struct member member[MEMBERS_MAX];
};

static void option_add(struct member *m, struct value v, const struct record *r)
{
	m->option = mem_grow(m->option, m->n + 1, sizeof *m->option);
	m->option[m->n++] = (struct option){v, r};
}

/* As commanded now; else as read last, or written since, or as what is under way will make it, in
 * order of arrival. */
static void member_options(const struct state_space *s, struct member *m)
{
	const struct command_table *t = s->t;
	for (size_t i = 0; i < s->ndraft; i++)
		if (s->draft[i]->point == m->point) {
			option_add(m, s->draft[i]->value.v, NULL);
			return;
		}
	option_add(m,
	           t->ops.current ? t->ops.current(t->ops.ctx, s->device, m->point) : value_none(),
	           NULL);
	const uint32_t lane = t->lane_of[t->model->device[s->device].point0 + m->point];
	if (!lane)
		return;
	const struct lane *l = &t->lane[lane - 1];
	for (size_t i = 0; i < l->nunread; i++)
		option_add(m, l->unread[i], NULL);
	for (const struct record *r = l->list.first; r; r = r->link[LIST_LANE].next)
		if (r->value.v.kind != VALUE_NONE)
			option_add(m, r->value.v, r);
}

/* Was the option carried out in this state? One before the last that was may have been. */
static int carried_out(const struct member *m, size_t option)
{
	return option == m->at ? 1 : option > m->at ? 0 : -1;
}

/* What went out in one request was carried out together, or not at all. */
static bool members_agree(const struct member *a, const struct member *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n && a->option[i].r && a->option[i].r->set; k++) {
			if (!b->option[k].r || b->option[k].r->set != a->option[i].r->set)
				continue;
			const int x = carried_out(a, i), y = carried_out(b, k);
			if (x >= 0 && y >= 0 && x != y)
				return false;
		}
	return true;
}

static bool state_possible(const struct state_space *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = i + 1; k < s->n; k++)
			if (!members_agree(&s->member[i], &s->member[k]))
				return false;
	return true;
}

/* False: that was the last one. */
static bool state_next(struct state_space *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (++s->member[i].at < s->member[i].n)
			return true;
		s->member[i].at = 0;
	}
	return false;
}

static struct value state_value(void *ctx, int index)
{
	const struct state_space *s = ctx;
	for (size_t i = 0; i < s->n; i++)
		if (s->member[i].point == (uint32_t)index)
			return s->member[i].option[s->member[i].at].v;
	return value_none();
}

/* False: there are too many. */
static bool states_find(struct state_space *s, const struct expr *rule)
{
	size_t at = 0, states = 1;
	for (int i; (i = expr_next(rule, &at)) >= 0;) {
		if (s->n == MEMBERS_MAX)
			return false;
		struct member *m = &s->member[s->n++];
		*m = (struct member){.point = (uint32_t)i};
		member_options(s, m);
		states *= m->n;
		if (states > STATES_MAX)
			return false;
	}
	return true;
}

static const char *rule_broken(struct state_space *s, const struct expr *rule)
{
	do {
		if (!state_possible(s))
			continue;
		const struct value v = expr_eval(rule, state_value, s);
		if (v.kind == VALUE_NONE)
			return "cannot be checked yet: other values of its group have not been "
			       "read: ";
		if (value_number(&v) == 0)
			return "violates the rule ";
	} while (state_next(s));
	return NULL;
}

static bool rule_holds(struct state_space *s, const struct group_rule *g, size_t i, char *reason,
                       size_t size)
{
	s->n = 0;
	const char *broken = states_find(s, g->rule[i])
	                             ? rule_broken(s, g->rule[i])
	                             : "busy: too many commands are waiting for the rule ";
	for (size_t k = 0; k < s->n; k++)
		free(s->member[k].option);
	if (broken)
		snprintf(reason, size, "%s%s", broken,
		         g->rule_text ? g->rule_text[i] : "of its group");
	return !broken;
}

bool group_rules_hold(const struct command_table *t, struct record *const *r, size_t n,
                      size_t which, char *reason, size_t size)
{
	const struct group_rule *g = group_find(record_device(t, r[which])->set,
	                                        record_point(t, r[which])->write->group);
	struct state_space s = {.t = t, .draft = r, .ndraft = n, .device = r[which]->device};
	for (size_t i = 0; g && i < g->nrule; i++)
		if (!rule_holds(&s, g, i, reason, size))
			return false;
	return true;
}

/* -- what was written and not read since --------------------------------------------------------
 */

void lane_unread(struct command_table *t, const struct record *r)
{
	struct lane *l = &t->lane[r->lane];
	if (r->device == GONE || !record_point(t, r)->write || record_point(t, r)->write->only ||
	    record_point(t, r)->write->raw)
		return; /* nothing is ever read of it */
	const bool number = r->value.v.kind != VALUE_NONE && r->value.v.kind != VALUE_TEXT;
	if (l->written == 0)
		t->nunread++;
	if (r->after > l->written)
		l->written = r->after;
	if (r->effect == EFFECT_DONE)
		l->nunread = 0;        /* what was written before is not there any more */
	if (l->nunread == UNREAD_KEPT) /* enough is known to refuse: nobody knows what it is */
		l->unread[0] = value_none();
	else
		l->unread[l->nunread++] = number ? r->value.v : value_none();
}

void command_was_read(struct command_table *t, uint32_t global_point, us_t at)
{
	struct lane *l = t->lane_of[global_point] ? &t->lane[t->lane_of[global_point] - 1] : NULL;
	if (!l || !l->written || at < l->written)
		return;
	t->nunread--;
	l->written = 0;
	l->nunread = 0;
}
