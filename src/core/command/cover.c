// SPDX-License-Identifier: MIT
/* Points that share registers: of one device, of two with one unit id, of all units of a line. */
#include <stdio.h>
#include <string.h>

#include "core/command/private.h"

/* A broadcast goes to all units. */
static bool same_unit(const struct device *newer, const struct device *older)
{
	return newer->bus == older->bus &&
	       (newer->id == older->id || (newer->broadcast && !older->broadcast));
}

/* Does one write all the bits that the other writes? */
static bool job_covers(const struct job *newer, const struct job *older)
{
	if (newer->raw_len || older->raw_len || newer->span.table != older->span.table ||
	    newer->span.addr > older->span.addr ||
	    newer->span.addr + newer->span.count < older->span.addr + older->span.count)
		return false;
	const unsigned from = (unsigned)older->span.addr - newer->span.addr;
	for (unsigned i = 0; i < older->span.count && newer->span.table == TABLE_HOLDING; i++)
		if (older->mask[i] & ~newer->mask[from + i])
			return false;
	return true;
}

/* Of another point of the same unit, and nothing is lost if it is not written. */
static bool may_cover(const struct command_table *t, const struct record *newer,
                      const struct record *older)
{
	return older->lane != newer->lane && older->origin != COMMAND_PULSE_END &&
	       !older->overtaken && same_unit(record_device(t, newer), record_device(t, older)) &&
	       !record_once_only(t, older);
}

static void record_job_of(const struct command_table *t, const struct record *r, struct job *j)
{
	job_build(record_device(t, r), record_point(t, r), &r->value, j);
}

void records_cover(struct command_table *t, const struct record *newer, us_t now)
{
	struct job job, other;
	bool built = false;
	if (newer->value.toggle)
		return;
	for (struct record *r = records_near(t, newer->device).last, *older; r; r = older) {
		older = r->link[LIST_NEAR].prev;
		if (!may_cover(t, newer, r))
			continue;
		if (!built)
			record_job_of(t, newer, &job);
		built = true;
		record_job_of(t, r, &other);
		if (!job_covers(&job, &other))
			continue;
		const bool waits = r->state == STATE_WAITING;
		r->covered = waits;
		record_overtake(t, r, now);
		if (waits && r->job && job_overtaken(t, r->job))
			act_cancel(t, r);
	}
}

/* -- some of the bits ------------------------------------------------------------------------- */

/* Are on and off words of their own, for which the whole register is written? */
static bool has_words(const struct point *p)
{
	return p->codec.type == TYPE_BOOL && !table_is_bits(p->table) &&
	       (p->write->on >= 0 || p->write->off >= 0 || p->write->toggle >= 0);
}

/* The registers that the point writes, and which of their bits; of a coil all. */
static struct span write_span(const struct device *d, const struct point *p, uint16_t *mask)
{
	struct span s = model_span(d, p);
	struct codec c = p->codec;
	uint16_t zero[CELLS_MAX] = {0};
	s.table = table_is_bits(p->table) ? TABLE_COIL : TABLE_HOLDING;
	if (p->write->address >= 0)
		s.addr = (uint16_t)p->write->address;
	memset(mask, 0xFF, CELLS_MAX * sizeof *mask);
	if (p->write->raw || p->parts == 2 || has_words(p) || c.type >= TYPE_STRING ||
	    s.table == TABLE_COIL)
		return s;
	c.nna = 0; /* which bits they are does not depend on the value */
	c.scale = c.offset = (struct decimal){0};
	const struct value v = c.type == TYPE_BOOL ? value_bool(false) : value_int(0);
	codec_encode(&c, &v, zero, mask);
	return s;
}

static bool one_line(const struct device *a, const struct device *b)
{
	return a->bus == b->bus && (a->id == b->id || a->broadcast || b->broadcast);
}

bool command_shares(const struct model *m, uint32_t da, uint32_t pa, uint32_t db, uint32_t pb)
{
	const struct device *a = &m->device[da], *b = &m->device[db];
	const struct point *p = &a->set->point[pa], *q = &b->set->point[pb];
	uint16_t mask[CELLS_MAX], other[CELLS_MAX];
	if (!one_line(a, b) || !p->write || !q->write || p->source != SOURCE_REGISTER ||
	    q->source != SOURCE_REGISTER || table_is_bits(p->table) != table_is_bits(q->table))
		return false;
	const struct span s = write_span(a, p, mask), t = write_span(b, q, other);
	const unsigned from = s.addr > t.addr ? s.addr : t.addr;
	for (unsigned i = from; i < s.addr + s.count && i < t.addr + t.count; i++)
		if (mask[i - s.addr] & other[i - t.addr])
			return true;
	return false;
}

/* Does it write the words that are read of it, in their order? */
static bool plain(const struct point *p)
{
	const bool number = p->codec.type != TYPE_BOOL && p->codec.type != TYPE_ARRAY;
	return !p->write->raw && !has_words(p) && p->parts != 2 &&
	       !(table_is_bits(p->table) && number);
}

static bool understood(const struct command_table *t, const struct command_text *c,
                       struct command_value *v)
{
	const struct point *p = &t->model->device[c->device].set->point[c->point];
	struct value exponent, factor;
	char reason[COMMAND_REASON_MAX];
	struct command_input in = record_input(t, c->device, p, c->text, &exponent, &factor);
	in.own = true;
	return plain(p) && command_check(p, &in, v, reason, sizeof reason) && !v->toggle;
}

/* The words with the newer one's bits in them. True: they are others. */
static bool overlay(const struct span *s, const struct command_value *v, const struct span *newer,
                    const struct command_value *new, uint16_t *word)
{
	bool changed = false;
	memcpy(word, v->word, v->n * sizeof *word);
	for (unsigned i = 0; i < v->n; i++) {
		const unsigned k = s->addr + i - newer->addr; /* huge, where it is before it */
		if (k >= new->n)
			continue;
		const uint16_t m = s->table == TABLE_COIL ? 1 : v->mask[i] & new->mask[k];
		word[i] = (uint16_t)((word[i] & ~m) | (new->word[k] & m));
		changed |= word[i] != v->word[i];
	}
	return changed;
}

static bool same_words(const struct command_value *v, const uint16_t *word)
{
	for (unsigned i = 0; i < v->n; i++)
		if ((v->word[i] ^ word[i]) & v->mask[i])
			return false;
	return true;
}

bool command_after(const struct command_table *t, const struct command_text *older,
                   const struct command_text *newer, char *out, size_t size)
{
	const struct device *d = &t->model->device[older->device];
	const struct device *n = &t->model->device[newer->device];
	const struct point *p = &d->set->point[older->point];
	uint16_t mask[CELLS_MAX], word[CELLS_MAX];
	struct command_value v, new;
	struct value exponent, factor, got;
	char buffer[VALUE_TEXT_MAX];
	if (!understood(t, older, &v) || !understood(t, newer, &new))
		return false;
	const struct span s = write_span(d, p, mask);
	const struct span over = write_span(n, &n->set->point[newer->point], mask);
	if (!overlay(&s, &v, &over, &new, word)) {
		snprintf(out, size, "%s", older->text);
		return true;
	}
	const struct command_input in = record_input(t, older->device, p, "", &exponent, &factor);
	point_decode(p, word, in.exponent, in.factor, buffer, &got);
	if (got.kind == VALUE_NONE)
		return false;
	point_print(p, &got, NULL, out, size);
	return understood(t, &(struct command_text){older->device, older->point, out}, &v) &&
	       same_words(&v, word);
}

/* -- order ------------------------------------------------------------------------------------ */

static bool lane_shares(const struct command_table *t, uint32_t lane)
{
	struct lane *l = &t->lane[lane];
	const struct model *m = t->model;
	size_t n;
	const uint32_t *near = command_near(t, l->device, &n);
	if (l->shares != SHARES_UNKNOWN)
		return l->shares == SHARES;
	l->shares = SHARES_NOT;
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < m->device[near[i]].set->n; k++)
			if ((near[i] != l->device || k != l->point) &&
			    command_shares(m, l->device, l->point, near[i], k))
				l->shares = SHARES;
	return l->shares == SHARES;
}

static bool records_share(const struct command_table *t, const struct record *a,
                          const struct record *b)
{
	return a->lane != b->lane &&
	       command_shares(t->model, a->device, a->point, b->device, b->point);
}

/* May it still be written, or once more? The end of a pulse has its own time. */
static bool undone(const struct record *r)
{
	return r->origin != COMMAND_PULSE_END && !r->covered &&
	       (r->state == STATE_PARKED || r->state == STATE_RETRYING ||
	        r->state == STATE_UNSURE || (r->state == STATE_WAITING && r->job));
}

bool record_behind(const struct command_table *t, const struct record *r)
{
	if (t->closing || !lane_shares(t, r->lane))
		return false;
	const struct record *o = records_near(t, r->device).first;
	for (; o && o != r; o = o->link[LIST_NEAR].next)
		if (undone(o) && records_share(t, o, r))
			return true;
	return false;
}

bool record_before(const struct command_table *t, const struct record *r)
{
	if (!lane_shares(t, r->lane))
		return false;
	const struct record *o = records_near(t, r->device).last;
	for (; o && o != r; o = o->link[LIST_NEAR].prev)
		if (o->origin != COMMAND_PULSE_END && records_share(t, r, o))
			return true;
	return false;
}

void records_unread(struct command_table *t, const struct record *newer, us_t now)
{
	if (!lane_shares(t, newer->lane))
		return;
	for (struct record *r = records_near(t, newer->device).last, *older; r; r = older) {
		older = r->link[LIST_NEAR].prev;
		if (r->state == STATE_VERIFYING && records_share(t, r, newer))
			record_end(t, r, COMMAND_ACKNOWLEDGED, NULL, NULL, now);
	}
}

bool command_pending_shared(const struct command_table *t, uint32_t device, uint32_t point)
{
	const struct record *r = records_near(t, device).first;
	for (; r; r = r->link[LIST_NEAR].next)
		if (command_shares(t->model, device, point, r->device, r->point))
			return true;
	return false;
}
