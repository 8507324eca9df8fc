// SPDX-License-Identifier: MIT
/* From checked values to jobs for the bus: functions, masks, neighbours in one request. */
#include <stdlib.h>
#include <string.h>

#include "core/command/private.h"

#define COIL_ON 0xFF00
#define CLOCK_OLD US_S /* a clock is not set so much too late */

static bool function_works(const struct device *d, unsigned fc)
{
	return !d->functions || (d->functions >> fc & 1);
}

static int32_t raw_word(const struct write_rule *w, const struct command_value *v)
{
	return v->toggle ? w->toggle : v->on ? w->on : w->off;
}

static void build_coil(const struct point *p, const struct command_value *v, struct job *j)
{
	const int32_t raw = raw_word(p->write, v);
	j->span.table = TABLE_COIL;
	if (p->codec.type == TYPE_ARRAY) {
		j->fc = FC_WRITE_COILS;
		j->span.count = v->n;
		for (unsigned i = 0; i < v->n; i++)
			j->value[i / 16] |= (uint16_t)((v->word[i] & 1) << i % 16);
		return;
	}
	if (p->codec.type != TYPE_BOOL &&
	    !v->toggle) { /* a vendor's number in place of on and off: a time */
		j->fc = FC_WRITE_COIL;
		j->value[0] = v->word[0];
		j->replaceable = false; /* nor one of several bits in one request */
		return;
	}
	j->fc = p->write->function == FC_WRITE_COILS && raw < 0 ? FC_WRITE_COILS : FC_WRITE_COIL;
	if (j->fc == FC_WRITE_COILS)
		j->value[0] = v->on;
	else
		j->value[0] = raw >= 0 ? (uint16_t)raw : v->on ? COIL_ON : 0;
}

static uint8_t register_function(const struct device *d, const struct point *p, unsigned n)
{
	const uint8_t stated = p->write->function ? p->write->function : d->write_function;
	const uint8_t fc = stated ? stated : n > 1 ? FC_WRITE_REGISTERS : FC_WRITE_REGISTER;
	if (fc == FC_READ_WRITE)
		return fc;
	if (n > 1 || !function_works(d, FC_WRITE_REGISTER))
		return fc == FC_MASK_WRITE ? fc : FC_WRITE_REGISTERS;
	if (fc == FC_WRITE_REGISTERS && !p->write->function &&
	    !function_works(d, FC_WRITE_REGISTERS))
		return FC_WRITE_REGISTER;
	return fc;
}

static void build_registers(const struct device *d, const struct point *p,
                            const struct command_value *v, struct job *j)
{
	const int32_t raw = p->codec.type == TYPE_BOOL ? raw_word(p->write, v) : -1;
	bool whole = true;
	j->span.table = TABLE_HOLDING;
	j->span.count = raw >= 0 ? 1 : v->n;
	memcpy(j->value, v->word, v->n * sizeof *v->word);
	memcpy(j->mask, v->mask, v->n * sizeof *v->mask);
	if (raw >= 0) {
		j->value[0] = (uint16_t)raw;
		j->mask[0] = UINT16_MAX;
	}
	for (unsigned i = 0; i < j->span.count; i++)
		whole &= j->mask[i] == UINT16_MAX;
	j->fc = whole ? register_function(d, p, j->span.count) : FC_MASK_WRITE;
}

/* Two neighbours listed with the more significant word first, though it lies behind. */
static void turn_parts(const struct point *p, struct job *j)
{
	const uint16_t value = j->value[0], mask = j->mask[0];
	if (p->parts != 2 || p->addr[1] > p->addr[0])
		return;
	if (p->write->address < 0)
		j->span.addr = p->addr[1];
	j->value[0] = j->value[1];
	j->mask[0] = j->mask[1];
	j->value[1] = value;
	j->mask[1] = mask;
}

void job_build(const struct device *d, const struct point *p, const struct command_value *v,
               struct job *j)
{
	const struct write_rule *w = p->write;
	memset(j, 0, sizeof *j);
	j->span = (struct span){.unit = d->id,
	                        .table = p->table,
	                        .count = 1,
	                        .addr = w->address >= 0 ? (uint16_t)w->address : p->addr[0]};
	j->merge_fc = w->function ? w->function : d->write_function;
	j->only_if_different = w->persistent;
	j->replaceable = !v->toggle && !w->raw && !(w->pulse && v->on);
	if (w->raw) {
		memcpy(j->raw, w->raw, w->raw_len);
		j->raw_len = w->raw_len;
		j->raw_answer = w->raw_answer;
		j->span.table = table_is_bits(p->table) ? TABLE_COIL : TABLE_HOLDING;
	} else if (table_is_bits(p->table)) {
		build_coil(p, v, j);
	} else {
		build_registers(d, p, v, j);
		turn_parts(p, j);
	}
}

/* -- neighbours ---------------------------------------------------------------------- */

static bool coil_plain(const struct job *j)
{
	return j->fc == FC_WRITE_COILS ||
	       (j->fc == FC_WRITE_COIL && (j->value[0] == COIL_ON || !j->value[0]));
}

static bool append_coil(const struct device *d, struct job *j, const struct job *more)
{
	if (!function_works(d, FC_WRITE_COILS) || !coil_plain(j) || !coil_plain(more) ||
	    more->span.count != 1 || j->span.count >= 16 * d->max_write)
		return false;
	if (j->fc == FC_WRITE_COIL)
		j->value[0] = j->value[0] == COIL_ON;
	j->fc = FC_WRITE_COILS;
	const bool on = more->value[0] != 0;
	const unsigned at = j->span.count++;
	j->value[at / 16] = (uint16_t)(j->value[at / 16] | on << at % 16);
	return true;
}

static bool append_registers(const struct device *d, struct job *j, const struct job *more)
{
	const unsigned n = j->span.count, add = more->span.count;
	const unsigned most = d->max_write && d->max_write < WRITE_REGISTERS_MAX
	                              ? d->max_write
	                              : WRITE_REGISTERS_MAX;
	if (d->write_function == FC_WRITE_REGISTER || !function_works(d, FC_WRITE_REGISTERS) ||
	    n + add > most || j->fc == FC_MASK_WRITE || more->fc == FC_MASK_WRITE)
		return false;
	memcpy(j->value + n, more->value, add * sizeof *j->value);
	memcpy(j->mask + n, more->mask, add * sizeof *j->mask);
	j->span.count = (uint16_t)(n + add);
	j->fc = FC_WRITE_REGISTERS;
	return true;
}

/* Two fields of one register. */
static bool append_field(struct job *j, const struct job *more)
{
	if (j->fc != FC_MASK_WRITE || more->fc != FC_MASK_WRITE || j->span.count != 1 ||
	    more->span.count != 1 || (j->mask[0] & more->mask[0]))
		return false;
	j->value[0] = (uint16_t)((j->value[0] & j->mask[0]) | (more->value[0] & more->mask[0]));
	j->mask[0] |= more->mask[0];
	return true;
}

static bool job_append(const struct device *d, struct job *j, const struct job *more)
{
	if (j->raw_len || more->raw_len || j->span.table != more->span.table ||
	    j->only_if_different || more->only_if_different || !j->replaceable ||
	    !more->replaceable)
		return false;
	if (j->span.addr == more->span.addr)
		return append_field(j, more);
	if (j->span.addr + j->span.count != more->span.addr)
		return false;
	return table_is_bits(j->span.table) ? append_coil(d, j, more)
	                                    : append_registers(d, j, more);
}

/* -- launching ------------------------------------------------------------------------- */

static us_t launch_time(const struct command_table *t, const struct record *r)
{
	const us_t earliest = record_earliest(t, r);
	return r->not_before > earliest ? r->not_before : earliest;
}

/* What is written is not what is read: another register, another word. */
static bool writes_elsewhere(const struct point *p, const struct command_value *v)
{
	return p->table != (table_is_bits(p->table) ? TABLE_COIL : TABLE_HOLDING) ||
	       (p->write->address >= 0 && p->write->address != p->addr[0]) ||
	       (p->codec.type == TYPE_BOOL && raw_word(p->write, v) >= 0);
}

/* The value as it is read shows whether the device has it already. */
static void job_compare(const struct device *d, const struct point *p,
                        const struct command_value *v, struct job *j)
{
	if (!writes_elsewhere(p, v))
		return;
	j->held = model_span(d, p);
	for (unsigned i = 0; i < v->n; i++) {
		const unsigned at = p->parts == 2 ? (unsigned)p->addr[i] - j->held.addr : i;
		j->same[at] = v->word[i];
		j->same_mask[at] = v->mask[i];
	}
	if (table_is_bits(p->table))
		j->same_mask[0] = 1;
}

/* Sooner than the commands expire where one of them is the time of now. */
static us_t job_expires(struct record *const *r, size_t n, const struct job *j, us_t now)
{
	const us_t old = (j->not_before > now ? j->not_before : now) + CLOCK_OLD;
	for (size_t i = 0; i < n; i++)
		if (r[i]->value.now && (!j->expires || old < j->expires))
			return old;
	return j->expires;
}

static void submit(struct command_table *t, struct record **r, size_t n, struct job *j,
                   bool comparable, us_t now)
{
	struct act_node *node = act_new(t, COMMAND_SUBMIT);
	const struct write_rule *w = record_point(t, r[0])->write;
	j->id = job_id(t, r[0]->lane);
	j->key = n == 1 ? t->lane[r[0]->lane].key : 0;
	j->replaceable = j->replaceable && n == 1 && r[0]->origin != COMMAND_PULSE_END;
	j->only_if_different = (j->only_if_different || r[0]->only_if_different) && !j->raw_len &&
	                       !w->only && !r[0]->value.toggle && comparable;
	if (!j->only_if_different)
		j->held.count = 0;
	j->not_before = launch_time(t, r[0]);
	j->expires = r[0]->expires;
	for (size_t i = 1; i < n; i++) {
		const us_t from = launch_time(t, r[i]);
		j->not_before = from > j->not_before ? from : j->not_before;
		j->expires = r[i]->expires < j->expires ? r[i]->expires : j->expires;
	}
	for (size_t i = 0; i < n; i++) {
		r[i]->job = j->id;
		r[i]->instead = (struct instead){0};
		r[i]->state = STATE_WAITING;
		r[i]->alone = n == 1;
		r[i]->set = n == 1 ? 0 : r[i]->set ? r[i]->set : j->id;
		r[i]->recalled = false;
		r[i]->expires = j->expires;
		r[i]->replaceable = j->replaceable;
		r[i]->written = j->span;
		r[i]->job_from = j->not_before;
		record_waits(t, r[i]);
	}
	j->expires = job_expires(r, n, j, now);
	node->a.bus = record_device(t, r[0])->bus;
	node->a.job = *j;
	node->a.device = r[0]->device;
	node->a.point = r[0]->point;
	node->a.pulse = r[0]->origin == COMMAND_PULSE_END ? 2 : r[0]->pulse ? 1 : 0;
	act_put(t, node);
}

/* A device that wants a password first gets it just before the write, which may have to wait. */
static void launch_unlock(struct command_table *t, const struct record *write, us_t now)
{
	const uint32_t device = write->device;
	const struct device *d = &t->model->device[device];
	struct device_state *s = &t->device[device];
	const us_t from = launch_time(t, write) > now ? launch_time(t, write) : now;
	if (d->unlock_point < 0 || !d->unlock_value ||
	    (s->unlocked && from >= s->unlocked && from - s->unlocked < d->unlock_lasts))
		return;
	const uint32_t point = (uint32_t)d->unlock_point;
	struct record *r = record_create(t, device, point, d->unlock_value);
	const struct command_input in = {.text = d->unlock_value, .own = true};
	struct job j;
	r->origin = COMMAND_FROM_GATEWAY;
	if (!command_check(&d->set->point[point], &in, &r->value, r->reason, sizeof r->reason)) {
		record_end(t, r, COMMAND_REFUSED, NULL, r->reason, now);
		return;
	}
	record_understood(t, r);
	record_insert(t, r, now);
	r->expires = from + COMMAND_TIMEOUT;
	r->not_before = from > now ? from : 0;
	job_build(d, &d->set->point[point], &r->value, &j);
	j.replaceable = false;
	j.only_if_different = false;
	submit(t, &r, 1, &j, false, now);
	s->unlocked = from;
}

static bool launch_alone(const struct command_table *t, const struct record *r)
{
	const struct write_rule *w = record_point(t, r)->write;
	const bool single = w->function == FC_WRITE_REGISTER || w->function == FC_WRITE_COIL ||
	                    w->function == FC_READ_WRITE;
	return single || w->min_write_interval || w->pulse || r->only_if_different ||
	       r->origin != COMMAND_FROM_BROKER;
}

static void job_put(struct job *j, const struct job *part)
{
	for (unsigned i = 0; i < part->span.count; i++) {
		const unsigned at = part->span.addr - j->span.addr + i;
		j->value[at] = (uint16_t)((j->value[at] & ~part->mask[i]) |
		                          (part->value[i] & part->mask[i]));
		j->mask[at] |= part->mask[i];
	}
}

/* As many of r[0..n) as go into one job with the first. Returns how many.
 *
 * Points of one command that are neighbours or of one group go out together, because a device may
 * look at them together (a clock, a set of limits). Each member keeps a record of its own and so an
 * outcome of its own; the job's compare and merge parts are built so that what the command does not
 * name stays as the device has it. */
static size_t launch_one(struct command_table *t, struct record **r, size_t n, us_t now)
{
	const struct device *d = record_device(t, r[0]);
	const struct point *p = record_point(t, r[0]);
	struct job job, more, block;
	size_t k = 1;
	bool comparable = true;
	job_build(d, p, &r[0]->value, &job);
	if (p->write->group && group_job(d, p, &block)) {
		job_put(&block, &job);
		for (; k < n; k++) {
			const struct point *q = record_point(t, r[k]);
			if (!group_holds(q, p))
				break;
			job_build(d, q, &r[k]->value, &more);
			job_put(&block, &more);
		}
		job = block;
		comparable = group_in_place(d, p);
	} else {
		for (; k < n && !launch_alone(t, r[0]) && !launch_alone(t, r[k]); k++) {
			job_build(d, record_point(t, r[k]), &r[k]->value, &more);
			if (!job_append(d, &job, &more))
				break;
		}
		if (k == 1)
			job_compare(d, p, &r[0]->value, &job);
	}
	submit(t, r, k, &job, comparable, now);
	return k;
}

struct ranked {
	struct record *r;
	const char *group;
	size_t rank;
};

static int ranked_compare(const void *pa, const void *pb)
{
	const struct ranked *a = pa, *b = pb;
	const int group = strcmp(a->group, b->group);
	if (group)
		return group;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return a->r->serial < b->r->serial ? -1 : 1;
}

/* Neighbours side by side, groups together and in their own order. */
static void launch_sort(const struct command_table *t, struct record **r, size_t n)
{
	struct ranked *row = mem_alloc(n, sizeof *row);
	for (size_t i = 0; i < n; i++) {
		const struct point *p = record_point(t, r[i]);
		const size_t addr = p->write->address >= 0 ? (size_t)p->write->address : p->addr[0];
		row[i] = (struct ranked){r[i], p->write->group ? p->write->group : "",
		                         group_rank(record_device(t, r[i]), r[i]->point)};
		if (row[i].rank == SIZE_MAX)
			row[i].rank = (size_t)p->table << 16 | addr;
	}
	qsort(row, n, sizeof *row, ranked_compare);
	for (size_t i = 0; i < n; i++)
		r[i] = row[i].r;
	free(row);
}

/* The time of the moment at which it can be on the wire. False: it ended. */
static bool launch_clock(struct command_table *t, struct record *r, us_t now)
{
	const us_t from = launch_time(t, r);
	char wall[COMMAND_TIME_SIZE];
	struct value exponent, factor;
	if (!r->value.now)
		return true;
	struct command_input in =
		record_input(t, r->device, record_point(t, r), r->text, &exponent, &factor);
	in.now = record_wall(t, from > now ? from : now, wall);
	in.own = true; /* it was confirmed */
	if (command_check(record_point(t, r), &in, &r->value, r->reason, sizeof r->reason))
		return true;
	record_end(t, r, COMMAND_FAILED, NULL, r->reason, now);
	return false;
}

/* The order of a group also holds where one member may be written later than another. */
static void launch_together(const struct command_table *t, struct record **r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *group = record_point(t, r[i])->write->group;
		for (size_t k = 0; k < n && group; k++) {
			const char *other = record_point(t, r[k])->write->group;
			const us_t from = launch_time(t, r[k]);
			if (other && strcmp(group, other) == 0 && from > r[i]->not_before)
				r[i]->not_before = from;
		}
	}
}

void records_launch(struct command_table *t, struct record **r, size_t n, us_t now)
{
	size_t left = 0;
	for (size_t i = 0; i < n; i++)
		if (launch_clock(t, r[i], now))
			r[left++] = r[i];
	n = left;
	if (n == 0)
		return;
	launch_together(t, r, n);
	if ((int64_t)r[0]->point != record_device(t, r[0])->unlock_point)
		launch_unlock(t, r[0], now);
	launch_sort(t, r, n);
	for (size_t i = 0; i < n;)
		i += launch_one(t, r + i, n - i, now);
}

/* Of those that went out in one request none was carried out if one was not; and what waits
 * together goes together. */
static bool goes_along(const struct record *r, const struct record *o)
{
	return r->set && o->set == r->set && o != r && !o->reason[0] && !o->leaves &&
	       (o->state == STATE_RETRYING || o->state == STATE_UNSURE || o->state == STATE_PARKED);
}

static void launch_again(struct command_table *t, struct record *r, us_t now)
{
	struct record **all = mem_alloc(1, sizeof(struct record *));
	size_t n = 0;
	all[n++] = r;
	for (struct record *o = r->set ? records_near(t, r->device).first : NULL; o;
	     o = o->link[LIST_NEAR].next) {
		if (!goes_along(r, o))
			continue;
		o->tries = r->tries;
		o->effect = r->effect;
		all = mem_grow(all, n + 1, sizeof(struct record *));
		all[n++] = o;
	}
	/* a newer command may have taken the place of one of them, and failed or may fail */
	if (r->set && !group_rules_hold(t, all, n, 0, r->reason, sizeof r->reason))
		record_end(t, r, COMMAND_REFUSED, NULL, r->reason, now);
	else
		records_launch(t, all, n, now);
	free(all);
}

void record_launch(struct command_table *t, struct record *r, us_t now)
{
	if (pulse_barred(t, r)) {
		record_retry(t, r, now + PULSE_AGAIN);
		return;
	}
	if (r->leaves) { /* it was on the wire when the configuration changed */
		record_end(t, r, COMMAND_FAILED, NULL, COMMAND_CHANGED, now);
		return;
	}
	launch_again(t, r, now);
}
