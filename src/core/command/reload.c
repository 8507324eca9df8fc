// SPDX-License-Identifier: MIT
/* What a new configuration leaves of the commands under way. */
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/command/private.h"

/* Behind another port or address is another device, whatever the bus is called. */
static bool bus_stays(const struct bus_conf *a, const struct bus_conf *b)
{
	return text_same(a->name, b->name) && a->kind == b->kind && text_same(a->port, b->port) &&
	       text_same(a->host, b->host) && a->tcp_port == b->tcp_port;
}

/* Of a SunSpec model the place in it: where that is in the device the new one does not know yet. */
bool address_stays(const struct device *da, const struct point *pa, const struct device *db,
                   const struct point *pb)
{
	if (!pa->part || !pb->part)
		return pa->part == pb->part &&
		       memcmp(pa->addr, pb->addr, pa->parts * sizeof *pa->addr) == 0;
	const struct sunspec_part *a = &da->set->sunspec->part[pa->part - 1];
	const struct sunspec_part *b = &db->set->sunspec->part[pb->part - 1];
	return a->id[0] == b->id[0] && a->nth == b->nth &&
	       memcmp(pa->offset, pb->offset, pa->parts * sizeof *pa->offset) == 0;
}

/* Is it still the same register of the same device on the same bus? */
static bool point_stays(const struct model *a, const struct device *da, const struct point *pa,
                        const struct model *b, const struct device *db, const struct point *pb)
{
	if (a->nbus && b->nbus && !bus_stays(&a->bus[da->bus], &b->bus[db->bus]))
		return false;
	return da->id == db->id && db->enabled && pb->write && pa->table == pb->table &&
	       pa->parts == pb->parts && address_stays(da, pa, db, pb) &&
	       pa->write->address == pb->write->address && pa->codec.type == pb->codec.type &&
	       pa->codec.bit == pb->codec.bit && pa->codec.bits == pb->codec.bits &&
	       pa->codec.byte == pb->codec.byte && pa->codec.of == pb->codec.of &&
	       codec_words(&pa->codec) == codec_words(&pb->codec);
}

/* Where it is in the new model; a lane of GONE: nowhere. */
static struct lane lane_in(const struct model *old, const struct model *m, const struct lane *l)
{
	struct lane to = *l;
	to.device = to.point = to.home = GONE;
	if (l->home != GONE) {
		const char *name = old->device[l->home].name;
		const int home = model_find_device(m, name, strlen(name));
		to.home = home < 0 ? GONE : (uint32_t)home;
	}
	to.shares = SHARES_UNKNOWN;
	if (l->device == GONE)
		return to;
	const struct device *d = &old->device[l->device];
	const struct point *p = &d->set->point[l->point];
	const int device = model_find_device(m, d->name, strlen(d->name));
	const struct pointset *set = device < 0 ? NULL : m->device[device].set;
	const int point = set ? model_find_point(set, p->name, strlen(p->name)) : -1;
	if (point < 0 || !point_stays(old, d, p, m, &m->device[device], &set->point[point]))
		return to;
	to.device = (uint32_t)device;
	to.point = (uint32_t)point;
	return to;
}

bool command_place_stays(const struct model *old, uint32_t device, uint32_t point,
                         const struct model *m)
{
	const struct lane l = {.device = device, .point = point, .home = device};
	return lane_in(old, m, &l).device != GONE;
}

static bool same_rule(const struct write_rule *a, const struct write_rule *b)
{
	return a->on == b->on && a->off == b->off && a->toggle == b->toggle &&
	       a->raw_len == b->raw_len && (!a->raw_len || memcmp(a->raw, b->raw, a->raw_len) == 0);
}

static bool same_value(const struct command_value *a, const struct command_value *b)
{
	return a->toggle == b->toggle && a->n == b->n && value_same(&a->v, &b->v) &&
	       memcmp(a->word, b->word, a->n * sizeof *a->word) == 0 &&
	       memcmp(a->mask, b->mask, a->n * sizeof *a->mask) == 0;
}

static us_t pulse_of(const struct write_rule *w, const struct command_value *v)
{
	return v->on ? w->pulse : 0;
}

/* Would the same payload write the same, and would it be taken? `now` is what it was. */
static bool still_meant(const struct command_table *t, const struct record *r,
                        const struct point *p)
{
	struct value exponent, factor;
	struct command_value v;
	char reason[COMMAND_REASON_MAX];
	struct command_input in =
		record_input(t, r->device, record_point(t, r), r->text, &exponent, &factor);
	in.now = r->value.v.kind == VALUE_TEXT ? r->value.text : NULL;
	in.own = r->origin == COMMAND_FROM_GATEWAY;
	return same_rule(record_point(t, r)->write, p->write) &&
	       command_check(p, &in, &v, reason, sizeof reason) && same_value(&r->value, &v) &&
	       pulse_of(p->write, &v) == r->pulse;
}

/* What we write ourselves, the configuration requests. */
static bool asked_for(const struct device *d, uint32_t point, const char *text)
{
	const struct write_rule *w = d->set->point[point].write;
	bool asked = w->rewrite || w->sync || (w->safe_after && text_same(w->safe_value, text)) ||
	             (d->unlock_point == (int64_t)point && text_same(d->unlock_value, text));
	for (size_t i = 0; i < d->nsetup && !asked; i++)
		asked = d->setup[i].point == point && text_same(d->setup[i].value, text);
	return asked;
}

static bool still_permitted(const struct record *r, const struct model *m, const struct device *d)
{
	return r->origin != COMMAND_FROM_BROKER || (!m->commands_off && d->commands) ||
	       r->state == STATE_VERIFYING; /* it was written */
}

/* Does the command go on under the new configuration as it was accepted under this one? */
static bool record_stays(const struct command_table *t, const struct record *r,
                         const struct model *m)
{
	const struct lane to = lane_in(t->model, m, &t->lane[r->lane]);
	if (to.device == GONE || r->origin == COMMAND_PULSE_END)
		return to.device != GONE;
	const struct device *d = &m->device[to.device], *was = record_device(t, r);
	const struct point *p = &d->set->point[to.point];
	if (r->origin == COMMAND_FROM_GATEWAY && asked_for(was, r->point, r->text) &&
	    !asked_for(d, to.point, r->text))
		return false;
	return still_permitted(r, m, d) && still_meant(t, r, p) &&
	       group_stays(was, record_point(t, r), d, p);
}

/* One that does not go on is taken back while it waits. True: it may be on the wire. */
static bool record_leave(struct command_table *t, struct record *r, us_t now)
{
	if (r->state == STATE_WAITING && r->job) {
		if (!r->leaves)
			act_cancel(t, r);
		r->leaves = true;
		return true;
	}
	if (r->state == STATE_VERIFYING)
		record_end(t, r, COMMAND_ACKNOWLEDGED, NULL, NULL, now);
	else
		record_end(t, r, COMMAND_FAILED, NULL,
		           r->state == STATE_UNSURE ? record_not_known(r) : COMMAND_CHANGED, now);
	return false;
}

bool command_leave(struct command_table *t, const struct model *m, us_t now)
{
	bool any = false;
	for (size_t i = t->n; i-- > 0;) {
		struct record *r = t->record[i];
		if (record_stays(t, r, m))
			continue;
		if (r->origin == COMMAND_PULSE_END)
			pulse_hurry(t, r, now);
		any |= r->origin == COMMAND_PULSE_END || record_leave(t, r, now);
	}
	return any;
}

static const char *gone_reason(const struct record *r)
{
	if (r->origin == COMMAND_PULSE_END)
		return "not known whether it was switched off: its point was removed by a reload "
		       "of the configuration";
	if (r->leaves)
		return "not known whether it was carried out: its point was removed by a reload of "
		       "the configuration";
	return COMMAND_CHANGED;
}

/* Its point is elsewhere, by the same name: what was delivered for it may be delivered again. */
static void lane_moves(struct command_table *t, const struct model *old, const struct model *m,
                       const struct lane *from)
{
	if (from->device == GONE)
		return;
	const struct device *d = &old->device[from->device];
	const char *name = d->set->point[from->point].name;
	const int device = model_find_device(m, d->name, strlen(d->name));
	const struct pointset *set = device < 0 ? NULL : m->device[device].set;
	const int point = set ? model_find_point(set, name, strlen(name)) : -1;
	if (point < 0 || !set->point[point].write)
		return;
	const uint32_t lane = lane_get(t, (uint32_t)device, (uint32_t)point);
	memcpy(t->lane[lane].before, from->before, sizeof from->before);
	memcpy(t->lane[lane].nbefore, from->nbefore, sizeof from->nbefore);
}

void command_adopt(struct command_table *t, const struct model *m, us_t now)
{
	const struct model *old = t->model;
	struct device_state *was = t->device;
	free(t->lane_of);
	table_fit(t, m);
	for (size_t i = 0, next = 0; i < old->ndevice; i++) {
		const int k = model_find_device_from(m, old->device[i].name, next);
		if (k < 0)
			continue;
		t->device[k].unlocked = was[i].unlocked;
		next = (size_t)k + 1;
	}
	free(was);
	for (size_t i = 0, n = t->nlane; i < n; i++) {
		const struct lane from = t->lane[i];
		t->lane[i] = lane_in(old, m, &from);
		if (t->lane[i].device != GONE)
			t->lane_of[m->device[t->lane[i].device].point0 + t->lane[i].point] =
				(uint32_t)i + 1;
		else if (t->lane[i].written) {
			t->lane[i].written = 0;
			t->nunread--;
		}
		if (t->lane[i].device == GONE)
			lane_moves(t, old, m, &from);
	}
	for (size_t i = 0; i < t->n; i++) {
		struct record *r = t->record[i];
		r->device = t->lane[r->lane].device;
		r->point = t->lane[r->lane].point;
		if (r->device == GONE)
			continue;
		(*(r->overtaken ? &t->device[r->device].overtaken : &t->device[r->device].alive))++;
		index_near(t, r);
	}
	for (size_t i = t->n; i-- > 0;)
		if (t->record[i]->device == GONE)
			record_end(t, t->record[i], COMMAND_FAILED, NULL, gone_reason(t->record[i]),
			           now);
	for (uint32_t i = 0; i < m->ndevice; i++)
		if (t->device[i].alive || t->device[i].overtaken)
			device_bar(t, i, now); /* it may have to identify itself anew */
}
