// SPDX-License-Identifier: MIT
#include "core/schedule/steps.h"

#include <stdlib.h>

#include "core/base/arena.h"

#define STEPS_ON_STACK 48
#define QUEUES 8
#define NONE UINT32_MAX

/* What reads cost, all together: time first, then their number, then their cells. */
struct sum {
	int64_t time, blocks, cells;
};

/* The cheapest way to read all wants before this one; and its place in the queue of beginnings. */
struct step {
	struct sum sum;
	struct sum key; /* less what a read would cost from cell 0 on: compares with its queue's */
	uint32_t from;  /* the first want of the last read */
	uint32_t next, before;
};

struct queue {
	uint32_t first, last;
};

struct sharing {
	const struct read_cost *cost;
	const struct want *const *want;
	struct step *step;
	struct queue queue[QUEUES];
};

static int compare(const struct sum *a, const struct sum *b)
{
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->blocks != b->blocks)
		return a->blocks < b->blocks ? -1 : 1;
	return a->cells < b->cells ? -1 : a->cells > b->cells;
}

static struct queue *queue_of(struct sharing *s, uint32_t i)
{
	return &s->queue[s->cost->bits ? s->want[i]->addr % QUEUES : 0];
}

/* A read may begin with want[i]. A dearer one before it will never be taken any more. */
static void begin_at(struct sharing *s, uint32_t i)
{
	struct queue *q = queue_of(s, i);
	struct step *step = &s->step[i];
	const int64_t bytes = s->cost->bits ? s->want[i]->addr / 8 : 2 * (int64_t)s->want[i]->addr;
	step->key = (struct sum){step->sum.time - bytes * s->cost->byte, step->sum.blocks,
	                         step->sum.cells - s->want[i]->addr};
	while (q->first != NONE && compare(&s->step[q->last].key, &step->key) > 0) {
		q->last = s->step[q->last].before;
		if (q->last == NONE)
			q->first = NONE;
	}
	step->before = q->last;
	step->next = NONE;
	if (q->first == NONE)
		q->first = i;
	else
		s->step[q->last].next = i;
	q->last = i;
}

/* The first of the queue from which a read can still reach `end`. */
static uint32_t queue_first(struct sharing *s, struct queue *q, uint32_t end)
{
	while (q->first != NONE && end - s->want[q->first]->addr > s->cost->most) {
		q->first = s->step[q->first].next;
		if (q->first == NONE)
			q->last = NONE;
		else
			s->step[q->first].before = NONE;
	}
	return q->first;
}

static struct sum sum_with(const struct sharing *s, uint32_t i, uint32_t end)
{
	const struct sum *before = &s->step[i].sum;
	const uint32_t cells = end - s->want[i]->addr;
	const int64_t bytes = s->cost->bits ? (cells + 7) / 8 : 2 * (int64_t)cells;
	return (struct sum){before->time + s->cost->fixed + bytes * s->cost->byte,
	                    before->blocks + 1, before->cells + cells};
}

/* The best read that ends with want[j], whose cells reach to `end`. */
static void step_to(struct sharing *s, uint32_t j, uint32_t end)
{
	struct step *to = &s->step[j + 1];
	to->from = NONE;
	for (size_t k = 0; k < (s->cost->bits ? QUEUES : 1); k++) {
		const uint32_t i = queue_first(s, &s->queue[k], end);
		if (i == NONE)
			continue;
		const struct sum sum = sum_with(s, i, end);
		const int better = to->from == NONE ? -1 : compare(&sum, &to->sum);
		if (better > 0 || (better == 0 && i > to->from))
			continue;
		to->sum = sum;
		to->from = i;
	}
}

static void steps_fill(struct sharing *s, size_t m)
{
	uint32_t end = 0;
	for (uint32_t j = 0; j < m; j++) {
		const uint32_t own = (uint32_t)s->want[j]->addr + s->want[j]->len;
		/* inside what came before: it goes with that, and no read begins with it */
		if (j && own <= end) {
			s->step[j + 1] = s->step[j];
			continue;
		}
		end = own;
		begin_at(s, j);
		step_to(s, j, end);
	}
}

size_t steps_share(const struct read_cost *c, const struct want *const *want, size_t m,
                   uint32_t *end)
{
	struct step local[STEPS_ON_STACK];
	struct sharing s = {
		.cost = c,
		.want = want,
		.step = m < STEPS_ON_STACK ? local : mem_alloc(m + 1, sizeof *s.step),
	};
	s.step[0] = (struct step){0};
	for (size_t k = 0; k < QUEUES; k++)
		s.queue[k] = (struct queue){NONE, NONE};
	steps_fill(&s, m);
	const size_t n = (size_t)s.step[m].sum.blocks;
	size_t at = n;
	for (uint32_t last = (uint32_t)m; last > 0; last = s.step[last].from)
		end[--at] = last;
	if (s.step != local)
		free(s.step);
	return n;
}
