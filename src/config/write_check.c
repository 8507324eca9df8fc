// SPDX-License-Identifier: MIT
/* Can a point be written as its keys define? */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/load.h"
#include "config/scalar.h"
#include "core/command/command.h"

#define COIL_ON 0xFF00 /* "MODBUS Application Protocol V1.1b3", 6.5 */

/* The place of a key of `write`, or of the point. */
static struct where at(const struct draft *d, const char *key)
{
	for (unsigned i = 0; i < d->recipe->n; i++) {
		const struct node *w = node_get(d->recipe->map[i], "write");
		const struct pair *p = w ? node_find(w, key) : NULL;
		p = p ? p : node_find(d->recipe->map[i], key);
		if (p)
			return p->value->where;
	}
	return d->p.where;
}

static void check_place(struct load *l, struct draft *d)
{
	const struct point *p = &d->p;
	const bool read_only = p->table == TABLE_INPUT || p->table == TABLE_DISCRETE;
	if (p->source != SOURCE_REGISTER)
		diag_error(l->d, at(d, "write"), "write: a point that is %s cannot be written",
		           p->source == SOURCE_EXPR ? "computed" : "part of the identification");
	else if (read_only && d->w.address < 0 && !d->w.raw)
		diag_error(l->d, at(d, "write"),
		           "write: %s cannot be written; give the address of a %s by address",
		           p->table == TABLE_INPUT ? "an input register" : "a discrete input",
		           p->table == TABLE_INPUT ? "holding register" : "coil");
	if (d->w.only && (p->codec.bits || p->codec.byte) && !table_is_bits(p->table) && !d->w.raw)
		diag_error(l->d, at(d, "write"),
		           "write: only: the other bits of the register could not be kept, since "
		           "it cannot be read");
	if (p->part && (d->w.address >= 0 || d->w.raw))
		diag_error(l->d, at(d, d->w.raw ? "raw" : "address"),
		           "%s: a point of a SunSpec model has no address that is always the same",
		           d->w.raw ? "raw" : "address");
	if (p->parts == 2 && p->addr[0] + 1 != p->addr[1] && p->addr[1] + 1 != p->addr[0])
		diag_error(l->d, at(d, "write"),
		           "write: two registers that are not adjacent cannot be written in one "
		           "request");
}

/* All of it goes out in one request, to where it is read. */
static void check_array(struct load *l, struct draft *d)
{
	const struct write_rule *w = &d->w;
	const char *key = w->address >= 0 ? "address" : w->raw ? "raw" : w->group ? "group" : NULL;
	if (d->p.codec.type != TYPE_ARRAY)
		return;
	if (key)
		diag_error(l->d, at(d, key),
		           "%s: not together with array; give each element a point of its own, see "
		           "repeat",
		           key);
	if (w->function == 5 || w->function == 22)
		diag_error(l->d, at(d, "function"),
		           "function: fc%u does not write an array; remove it", w->function);
}

static void check_function(struct load *l, struct draft *d)
{
	const uint8_t fc = d->w.function;
	const bool bits = table_is_bits(d->p.table);
	if (fc && bits != (fc == 5 || fc == 15))
		diag_error(l->d, at(d, "function"), "function: fc%u does not write a %s", fc,
		           bits ? "coil" : "register");
	else if ((fc == 6 || fc == 22) && codec_words(&d->p.codec) > 1)
		diag_error(l->d, at(d, "function"),
		           "function: fc%u writes one register, the point has %u", fc,
		           codec_words(&d->p.codec));
}

static bool is_number(const struct codec *array)
{
	const struct codec e = codec_element(array), *c = &e;
	return c->type != TYPE_STRING && c->type != TYPE_BYTES && c->type != TYPE_DATETIME &&
	       c->type != TYPE_BOOL;
}

static bool is_real(const struct codec *c)
{
	const struct codec e = codec_element(c);
	return e.type == TYPE_F16 || e.type == TYPE_F32 || e.type == TYPE_F64;
}

/* A limit between two steps of the register: a command that gives it would be refused. */
static void check_reached(struct load *l, struct draft *d, const char *key, double limit)
{
	struct value v = value_real(limit), held;
	const bool max = strcmp(key, "max") == 0;
	char text[VALUE_PRINT_MAX];
	const struct codec e = codec_element(&d->p.codec);
	if (is_real(&e) || !codec_round(&e, &v, &held))
		return;
	const double reached = value_number(&held), slack = 1e-9 * (1 + fabs(limit));
	value_print(&held, -1, text, sizeof text);
	if (max ? reached > limit + slack : reached < limit - slack)
		diag_error(l->d, at(d, key), "%s: the nearest the register can hold is %s, %s it",
		           key, text, max ? "above" : "below");
}

static void check_limit(struct load *l, struct draft *d, const char *key, bool given, double limit)
{
	const struct codec e = codec_element(&d->p.codec), *c = &e;
	uint16_t words[CELLS_MAX] = {0}, mask[CELLS_MAX];
	const struct value v = value_real(limit);
	if (!given)
		return;
	if (!is_number(c))
		diag_error(l->d, at(d, key), "%s: only numbers have limits", key);
	else if (d->p.has_valid && (limit < d->p.valid_min || limit > d->p.valid_max))
		diag_error(l->d, at(d, key), "%s: is outside valid, it would be read as None", key);
	else if (d->exponent_from.name || d->factor_from.name)
		return;
	else if (codec_encode(c, &v, words, mask) == CODEC_RANGE)
		diag_error(l->d, at(d, key), "%s: the register cannot hold it", key);
	else
		check_reached(l, d, key, limit);
}

/* Steps finer than the register's are rounded to those; others would be rounded away from both. */
static void check_step(struct load *l, struct draft *d)
{
	const struct codec *c = &d->p.codec;
	const double scale = c->scale.mant ? fabs(decimal_real(&c->scale)) : 1;
	const double steps = d->w.step > scale ? d->w.step / scale : scale / d->w.step;
	if (!d->w.has_step)
		return;
	if (!(d->w.step > 0))
		diag_error(l->d, at(d, "step"), "step: must be above 0");
	else if (!is_number(c))
		diag_error(l->d, at(d, "step"), "step: only numbers have steps");
	else if (!is_real(c) && !d->exponent_from.name && !d->factor_from.name &&
	         fabs(steps - round(steps)) > 1e-6 * (1 + steps))
		diag_error(l->d, at(d, "step"), "step: the register holds only multiples of %.15g",
		           scale);
}

static void check_limits(struct load *l, struct draft *d)
{
	const struct write_rule *w = &d->w;
	check_limit(l, d, "min", w->has_min, w->min);
	check_limit(l, d, "max", w->has_max, w->max);
	if (w->has_min && w->has_max && w->min > w->max)
		diag_error(l->d, at(d, "min"), "min: is above max");
	check_step(l, d);
}

/* Is it read where it is written, whole? Else the words mean nothing for what is read. */
static bool reads_back(const struct draft *d)
{
	const struct point *p = &d->p;
	return !d->w.only && p->table != TABLE_INPUT && p->table != TABLE_DISCRETE &&
	       (d->w.address < 0 || d->w.address == p->addr[0]);
}

/* What is read where these words are written: on a coil 0 or 1; others act, and are not kept. */
static void words_read(struct draft *d, uint16_t on, uint16_t off)
{
	struct codec *c = &d->p.codec;
	const bool coil = table_is_bits(d->p.table);
	if (!reads_back(d) || (coil && ((on && on != COIL_ON) || (off && off != COIL_ON))))
		return;
	c->words = true;
	c->on = coil ? on == COIL_ON : on;
	c->off = coil ? off == COIL_ON : off;
}

/* On a coil 1 means on; other words go as they are (0x5500 toggles some). */
static void check_words(struct load *l, struct draft *d)
{
	struct write_rule *w = &d->w;
	const bool coil = table_is_bits(d->p.table);
	const char *key = w->on >= 0                ? "on"
	                  : w->off >= 0             ? "off"
	                  : w->toggle >= 0 && !coil ? "toggle"
	                                            : NULL;
	const bool part = d->p.codec.bits || d->p.codec.byte;
	/* a number is written as it is: nothing would ever write these */
	if (key && d->p.codec.type != TYPE_BOOL)
		diag_error(l->d, at(d, key),
		           "on, off and toggle are words for a bit; add type: bool");
	else if (key && part && !coil && reads_back(d))
		diag_error(l->d, at(d, key),
		           "%s: is the whole register, of which the point is a part; the other "
		           "bits would be lost",
		           key);
	if (coil && w->on == 1)
		w->on = COIL_ON;
	if (coil && w->off == 1)
		w->off = COIL_ON;
	const int32_t on = w->on >= 0 ? w->on : coil ? COIL_ON : 1, off = w->off >= 0 ? w->off : 0;
	if (key && on == off)
		diag_error(l->d, at(d, key), "on and off are the same word %d", (int)on);
	else if (w->toggle >= 0 && (w->toggle == on || w->toggle == off))
		diag_error(l->d, at(d, "toggle"), "toggle: is the same word as %s",
		           w->toggle == on ? "on" : "off");
	else if (w->on >= 0 || w->off >= 0)
		words_read(d, (uint16_t)on, (uint16_t)off);
}

static void check_raw(struct load *l, struct draft *d)
{
	const struct write_rule *w = &d->w;
	if (w->raw && !w->only)
		diag_error(l->d, at(d, "raw"), "raw: is for actions; add only: true");
	if (w->raw && (w->function || w->address >= 0 || w->on >= 0))
		diag_error(l->d, at(d, "raw"),
		           "raw: is the whole request; not together with function, address or on");
	if (!w->raw && w->raw_answer)
		diag_error(l->d, at(d, "answer"), "answer: has no effect without raw");
}

static void check_rest(struct load *l, struct draft *d)
{
	const struct write_rule *w = &d->w;
	if (w->pulse && d->p.codec.type != TYPE_BOOL)
		diag_error(l->d, at(d, "pulse"), "pulse: is for bits");
	if (w->pulse && w->group)
		diag_error(l->d, at(d, "pulse"),
		           "pulse: not together with group, whose members are written at once");
	if (w->confirm && !*w->confirm)
		diag_error(l->d, at(d, "confirm"), "confirm: expects a word");
	if (w->sync && d->p.codec.type != TYPE_DATETIME)
		diag_error(l->d, at(d, "sync"), "sync: is for a datetime");
	if (w->rewrite && w->persistent)
		diag_error(l->d, at(d, "rewrite"), "rewrite: would wear out persistent memory");
	if (w->rewrite && w->pulse)
		diag_error(l->d, at(d, "rewrite"), "rewrite: would repeat the pulse");
	else if (w->rewrite && !w->repeatable)
		diag_error(l->d, at(d, "rewrite"), "rewrite: the write is not repeatable");
}

void write_check(struct load *l, struct draft *d)
{
	check_place(l, d);
	check_function(l, d);
	check_array(l, d);
	check_limits(l, d);
	check_words(l, d);
	check_raw(l, d);
	check_rest(l, d);
	const bool scaled = d->exponent_from.name || d->factor_from.name;
	struct point written = d->p;
	char buf[WRITE_PROBLEM_MAX];
	written.write = &d->w;
	const char *problem = d->w.safe_value && !scaled && !d->broken
	                              ? write_problem(&written, d->w.safe_value, buf, sizeof buf)
	                              : NULL;
	if (problem)
		diag_error(l->d, at(d, "safe"), "safe: \"%s\" %s", d->w.safe_value, problem);
}

const char *write_problem(const struct point *p, const char *text, char *buf, size_t size)
{
	const struct command_input in = {.text = text, .now = "2000-01-01T00:00:00Z", .own = true};
	struct command_value v;
	char reason[COMMAND_REASON_MAX];
	const char *problem = value_problem(p, text);
	const bool scaled = p->exponent_from >= 0 || p->factor_from >= 0;
	if (problem || scaled || !p->write || command_check(p, &in, &v, reason, sizeof reason))
		return problem;
	snprintf(buf, size, "cannot be written: %s", reason);
	return buf;
}

static bool label_known(const struct point *p, const char *text)
{
	unsigned same = 0;
	for (unsigned i = 0; i < p->nlabel; i++) {
		if (strcmp(p->label[i].text, text) == 0)
			return true;
		same += strcasecmp(p->label[i].text, text) == 0;
	}
	return same == 1;
}

static bool bool_known(const char *text)
{
	static const char *const words[] = {"on", "off", "true", "false", "1", "0", NULL};
	for (size_t i = 0; words[i]; i++)
		if (strcasecmp(words[i], text) == 0)
			return true;
	return false;
}

const char *value_problem(const struct point *p, const char *text)
{
	uint16_t words[CELLS_MAX] = {0}, mask[CELLS_MAX];
	struct value v = {.kind = VALUE_TEXT, .text = text};
	const char *end;
	if (p->nlabel && label_known(p, text))
		return NULL;
	if (p->codec.type == TYPE_BOOL)
		return bool_known(text) ? NULL : "is neither on nor off";
	if (p->codec.type == TYPE_DATETIME)
		return NULL;
	if (p->codec.type >= TYPE_STRING)
		return codec_encode(&p->codec, &v, words, mask) ? "does not fit the point" : NULL;
	if (!value_parse_number(text, &end, &v) || *end)
		return p->nlabel ? "is none of the point's values" : "is not a number";
	if (p->source == SOURCE_EXPR || p->exponent_from >= 0 || p->factor_from >= 0)
		return NULL;
	return codec_encode(&p->codec, &v, words, mask) ? "does not fit the point's registers"
	                                                : NULL;
}
