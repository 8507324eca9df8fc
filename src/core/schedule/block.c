// SPDX-License-Identifier: MIT
#include "core/schedule/private.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"

#define FAR_BITS 8 /* bits differ in their answer's length only by whole bytes */

/* The wants one read may be made of, by address; lives in the schedule's scratch. */
struct set {
	struct unit *unit;
	const struct node *must; /* belongs to it, due or not */
	struct plan_limits limits;
	uint8_t table;
	uint8_t group;
	size_t n;
	us_t until; /* then a want more belongs to it */
};

/* The end of the page that begins at node i. */
static size_t page_end(const struct unit *u, size_t i)
{
	return i + PAGE_NODES < u->first + u->n ? i + PAGE_NODES : u->first + u->n;
}

static const struct digest *page_of(const struct unit *u, size_t i)
{
	return &u->page[(i - u->first) / PAGE_NODES];
}

static bool node_wanted(const struct node *n, uint8_t group, us_t now)
{
	return n->group == group && n->due - node_slack(n) <= now;
}

static void cut_add(struct schedule *s, size_t *n, struct cut c)
{
	if (*n == s->cut_room) {
		s->cut_room = 2 * s->cut_room + 8;
		s->cut = mem_grow(s->cut, s->cut_room, sizeof *s->cut);
	}
	s->cut[(*n)++] = c;
}

/* No read may touch what was refused, what is set aside, what must be read alone, and what is under
 * another suspicion. */
static void set_cuts(struct schedule *s, struct set *set)
{
	const struct unit *u = set->unit;
	size_t n = 0;
	for (size_t i = 0; i < u->nlearnt; i++)
		if (u->learnt[i].cut.table == set->table)
			cut_add(s, &n, u->learnt[i].cut);
	for (size_t i = u->first; i < u->first + u->n; i++) {
		if ((i - u->first) % PAGE_NODES == 0 && !set->group && !page_of(u, i)->walls) {
			i = page_end(u, i) - 1;
			continue;
		}
		const struct node *node = &s->node[i];
		const bool wall = node->aside || node->want.barrier || node->group != set->group;
		if (node->want.table == set->table && wall)
			cut_add(s, &n, (struct cut){set->table, node->want.addr, node->want.len});
	}
	set->limits.cut = s->cut;
	set->limits.ncut = (uint16_t)n;
}

static us_t turnaround(const struct schedule *s, const struct unit *u)
{
	return unit_turnaround(u) + unit_dead_time(s, u);
}

static void set_limits(struct schedule *s, struct set *set)
{
	const struct unit *u = set->unit;
	const uint16_t learnt = u->most[table_kind(set->table)];
	set->limits = (struct plan_limits){
		.max_read = u->rule.max_read,
		.max_cells = learnt,
		.max_hole = u->rule.max_hole,
		.turnaround = turnaround(s, u),
		.window = u->window,
		.nwindow = u->rule.nwindow,
	};
	set_cuts(s, set);
}

static int address_order(const void *a, const void *b)
{
	const struct want *const *x = a, *const *y = b;
	return (*x)->addr - (*y)->addr;
}

/* The demands, from `first` on, go among the wants by address. */
static void set_merge(struct schedule *s, const struct set *set, size_t first)
{
	const struct want **merged = mem_alloc(set->n, sizeof *merged);
	size_t i = 0, k = first;
	qsort(&s->list[first], set->n - first, sizeof *merged, address_order);
	for (size_t at = 0; at < set->n; at++) {
		const bool want =
			k == set->n || (i < first && s->list[i]->addr <= s->list[k]->addr);
		merged[at] = s->list[want ? i++ : k++];
	}
	memcpy(s->list, merged, set->n * sizeof *merged);
	free(merged);
}

static void set_add_page(struct schedule *s, struct set *set, size_t at, us_t now)
{
	const size_t end = page_end(set->unit, at);
	for (size_t i = at; i < end; i++) {
		struct node *n = &s->node[i];
		if (n->want.table != set->table || n->group != set->group)
			continue;
		if (n == set->must || node_wanted(n, set->group, now))
			s->list[set->n++] = &n->want;
		else
			set->until = us_min(set->until, n->due - node_slack(n));
	}
	s->looked += end - at;
}

static void set_add_demands(struct schedule *s, struct set *set, us_t now)
{
	const size_t wants = set->n;
	for (size_t i = 0; i < s->ndemand; i++) {
		struct node *d = &s->demand[i];
		if (d->want.unit == set->unit->rule.unit && d->want.table == set->table &&
		    node_wanted(d, set->group, now))
			s->list[set->n++] = &d->want;
	}
	if (set->n > wants)
		set_merge(s, set, wants);
}

/* All wants and demands due now or soon that may share a read with n, and n. */
static struct set set_of(struct schedule *s, struct unit *u, const struct node *n, us_t now)
{
	struct set set = {
		.unit = u, .must = n, .table = n->want.table, .group = n->group, .until = US_NEVER};
	unit_digest(s, u, now);
	scratch_begin(s, u);
	for (size_t i = u->first; i < u->first + u->n; i += PAGE_NODES) {
		const struct node *page = &s->node[i];
		if (page_of(u, i)->pull <= now || (n >= page && n < page + PAGE_NODES))
			set_add_page(s, &set, i, now);
		else
			set.until = us_min(set.until, page_of(u, i)->pull);
	}
	set_add_demands(s, &set, now);
	set_limits(s, &set);
	s->turn_group = set.group;
	s->looked += u->npage + set.n;
	return set;
}

static struct span set_block(struct schedule *s, const struct set *set, const struct node *n)
{
	size_t which = 0;
	while (node_in(s, which) != n)
		which++;
	return plan_block(&s->wire, &set->limits, s->list, set->n, which);
}

static bool demand_wanted(const struct schedule *s, const struct unit *u, const struct node *n,
                          us_t now)
{
	for (size_t i = 0; i < s->ndemand; i++)
		if (s->demand[i].want.unit == u->rule.unit &&
		    s->demand[i].want.table == n->want.table &&
		    node_wanted(&s->demand[i], n->group, now))
			return true;
	return false;
}

/* n's own read: as planned before if that still holds, or else as planned now, and kept. */
static struct span own_block(struct schedule *s, struct unit *u, const struct node *n, us_t now)
{
	struct span block;
	s->turn_group = n->group;
	if (!demand_wanted(s, u, n, now)) {
		if (kept_read(s, u, n, turnaround(s, u), now, &block))
			return block;
		if (node_wanted(n, 0, now)) {
			const struct set set = set_of(s, u, n, now);
			kept_make(s, u, &set.limits, set.n, set.until);
			if (kept_read(s, u, n, set.limits.turnaround, now, &block))
				return block;
		}
	}
	const struct set set = set_of(s, u, n, now);
	return set_block(s, &set, n);
}

bool span_barred(const struct unit *u, const struct span *span, us_t now)
{
	static const uint8_t function[] = {
		[TABLE_COIL] = FC_READ_COILS,
		[TABLE_DISCRETE] = FC_READ_DISCRETE,
		[TABLE_HOLDING] = FC_READ_HOLDING,
		[TABLE_INPUT] = FC_READ_INPUT,
	};
	const bool forced = u->rule.read_function && !table_is_bits(span->table);
	const struct signature sig = {
		.fc = forced ? u->rule.read_function : function[span->table & 3],
		.answer_len = (uint8_t)pdu_read_answer_len(span->table, span->count),
	};
	return peer_barred(&u->peer, &sig, now);
}

/* -- another answer length, when the block's own could be mistaken ----------------------------- */

/* Another due block of the unit. */
static bool vary_other(struct schedule *s, struct unit *u, us_t now, struct span *out)
{
	struct span tried = {.count = 0};
	for (size_t i = u->first; i < u->first + u->n; i++) {
		const struct node *n = &s->node[i];
		if (n->due > now || (tried.count && node_inside(n, &tried)))
			continue;
		const struct set set = set_of(s, u, n, now);
		tried = set_block(s, &set, n);
		if (!span_barred(u, &tried, now)) {
			*out = tried;
			return true;
		}
	}
	return false;
}

/* The block less some of its last wants, or some of its first ones. must: NULL, or the want that
 * has to stay in it: who is left out again and again would hold up all others. */
static bool vary_fewer(const struct schedule *s, const struct set *set, const struct span *block,
                       const struct node *must, us_t now, struct span *out)
{
	uint32_t end = 0;
	bool found = false;
	for (size_t i = 0; i < set->n; i++) {
		const struct node *n = node_in(s, i);
		if (!node_inside(n, block))
			continue;
		const uint32_t e = (uint32_t)n->want.addr + n->want.len;
		end = e > end ? e : end;
		struct span fewer = *block;
		fewer.count = (uint16_t)(end - block->addr);
		if (fewer.count < block->count && (!must || node_inside(must, &fewer)) &&
		    !span_barred(set->unit, &fewer, now)) {
			*out = fewer; /* the longest such */
			found = true;
		}
	}
	for (size_t i = 0; i < set->n && !found; i++) {
		struct span fewer = *block;
		fewer.addr = s->list[i]->addr;
		fewer.count = (uint16_t)(block->count - (fewer.addr - block->addr));
		if (!node_inside(node_in(s, i), block) || fewer.addr == block->addr ||
		    (must && !node_inside(must, &fewer)) || span_barred(set->unit, &fewer, now))
			continue;
		*out = fewer;
		found = true;
	}
	return found;
}

/* Does the unit have these cells, as far as its wants show? */
static bool cells_known(const struct schedule *s, const struct unit *u, uint8_t table,
                        uint32_t addr, uint32_t end)
{
	for (size_t i = u->first; i < u->first + u->n && addr < end; i++) {
		const struct want *w = &s->node[i].want;
		if (w->table == table && w->addr <= addr && (uint32_t)w->addr + w->len > addr)
			addr = (uint32_t)w->addr + w->len;
	}
	return addr >= end;
}

static bool vary_longer(const struct schedule *s, const struct set *set, const struct span *block,
                        bool known, us_t now, struct span *out)
{
	const uint32_t step = table_is_bits(block->table) ? FAR_BITS : 1;
	if (!known && set->unit->no_longer)
		return false;
	for (uint32_t more = step; more <= step * (PEER_BARS + 1); more += step) {
		const uint32_t end = (uint32_t)block->addr + block->count;
		if (end + more > UINT16_MAX + 1u || (!known && more > set->limits.max_hole))
			return false;
		struct span longer = *block;
		longer.count = (uint16_t)(block->count + more);
		if (!plan_allows(&s->wire, &set->limits, &longer))
			return false;
		if ((!known || cells_known(s, set->unit, block->table, end, end + more)) &&
		    !span_barred(set->unit, &longer, now)) {
			*out = longer;
			return true;
		}
	}
	return false;
}

static bool vary_shorter(const struct set *set, const struct span *block, us_t now,
                         struct span *out)
{
	const uint32_t step = table_is_bits(block->table) ? FAR_BITS : 1;
	for (uint32_t less = step; less <= step * (PEER_BARS + 1) && less < block->count;
	     less += step) {
		struct span shorter = *block;
		shorter.count = (uint16_t)(block->count - less);
		if (!span_barred(set->unit, &shorter, now)) {
			*out = shorter;
			return true;
		}
	}
	return false;
}

/* While requests are unanswered no refusal can be accepted: nothing that no want has is read if
 * there is another way. Later a cell more is cheaper than another request for what was left out. */
static bool vary(struct schedule *s, const struct set *set, const struct span *block,
                 const struct node *n, us_t now, struct span *out)
{
	const bool outstanding = peer_outstanding(&set->unit->peer);
	s->varied = true;
	if (vary_longer(s, set, block, true, now, out) ||
	    (!outstanding && vary_longer(s, set, block, false, now, out)))
		return true;
	s->varied = false;
	if (vary_fewer(s, set, block, n, now, out) ||
	    (!n->passed && vary_fewer(s, set, block, NULL, now, out)))
		return true;
	s->varied = true;
	/* what covers no want brings nothing but the proof that the unit is in step: once that is
	 * given, the exchange proves, and the block is read */
	return (outstanding && !n->passed && vary_shorter(set, block, now, out)) ||
	       vary_longer(s, set, block, false, now, out);
}

/* The cells to read for n. False: whatever is read, its answer could be mistaken. n is passed over
 * once at most: then it is read, whatever the proof before it costs. */
bool read_block(struct schedule *s, struct unit *u, struct node *n, us_t now, struct span *out)
{
	const struct span block = own_block(s, u, n, now);
	*out = block;
	s->varied = false;
	if (!span_barred(u, &block, now))
		return true;
	/* The exchange proves before anything: it is no dearer; or just this is to be known. */
	if (u->peer.doubt || n->failed_at)
		return false;
	const bool passed = n->passed;
	n->passed = true;
	if (!passed && vary_other(s, u, now, out))
		return true;
	n->passed = passed;
	const struct set set = set_of(s, u, n, now);
	if (vary(s, &set, &block, n, now, out)) {
		n->passed = true;
		return true;
	}
	s->varied = false;
	*out = block;
	return false;
}

/* Its first cell, or as few more as make the answer unmistakable. */
static bool probe_node(const struct unit *u, const struct node *n, us_t now, struct span *out)
{
	const uint16_t step = table_is_bits(n->want.table) ? FAR_BITS : 1;
	for (uint16_t count = 1; count <= n->want.len; count = (uint16_t)(count + step)) {
		*out = (struct span){u->rule.unit, n->want.table, n->want.addr, count};
		if (!span_barred(u, out, now))
			return true;
	}
	out->count = 1;
	return false;
}

/* One cell of a silent unit: each time another one, as this may be the one it cannot give. */
bool probe_block(struct schedule *s, struct unit *u, us_t now, struct span *out)
{
	const struct node *first = NULL;
	bool aside = true; /* nothing else is left: a refusal, too, proves that it is there */
	for (size_t i = u->first; i < u->first + u->n; i++)
		aside &= s->node[i].aside;
	for (size_t i = u->first; i < u->first + u->n; i++) {
		const struct node *n = &s->node[i];
		if (n->aside == aside && (!first || n->failed_at < first->failed_at))
			first = n;
	}
	out->count = 0;
	if (!first)
		return false;
	s->turn_group = first->group;
	if (probe_node(u, first, now, out))
		return true;
	for (size_t i = u->first; i < u->first + u->n; i++)
		if (s->node[i].aside == aside && probe_node(u, &s->node[i], now, out))
			return true;
	*out = (struct span){u->rule.unit, first->want.table, first->want.addr, 1};
	const struct span one = *out;
	struct set set = {.unit = u, .table = one.table};
	set_limits(s, &set);
	if (vary_longer(s, &set, &one, true, now, out) ||
	    vary_longer(s, &set, &one, false, now, out))
		return true;
	*out = one;
	return false;
}
