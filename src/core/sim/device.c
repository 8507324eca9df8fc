// SPDX-License-Identifier: MIT
#include "core/sim/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/devid.h"
#include "core/sim/chain.h"
#include "core/sim/server.h"
#include "core/sim/values.h"

#define STEP (100 * US_MS)

struct simdevice {
	const struct device *device;
	struct simvalues values;
	struct simimage image;
	bool *held; /* by point: written or set, no longer moved */
	us_t stepped;
	bool frozen;
	struct server server;
	char identity[DEVICE_ID_RULES][DEVICE_ID_TEXT_MAX + 1];
	char *object[SERVER_OBJECTS]; /* set by hand */
};

/* -- values that move ------------------------------------------------------------ */

static bool is_exponent(const struct simdevice *s, uint32_t point)
{
	for (uint32_t i = 0; i < s->device->set->n; i++)
		if (s->device->set->point[i].exponent_from == (int32_t)point)
			return true;
	return false;
}

/* How many of a repetition there are: all that the profile knows. 0: the point counts none. */
static int64_t repetitions(const struct simdevice *s, uint32_t point)
{
	int64_t most = 0;

	for (uint32_t i = 0; i < s->device->set->n; i++) {
		const struct point *p = &s->device->set->point[i];
		if (p->count_from == (int32_t)point && p->repeat_n > most)
			most = p->repeat_n;
	}
	return most;
}

static void move(struct simdevice *s, uint32_t i)
{
	char text[VALUE_TEXT_MAX];
	struct value v;

	simvalues_point(&s->values, &s->device->set->point[i], text, &v);
	if (is_exponent(s, i)) /* all scale registers report 10⁻¹ */
		v = value_int(-1);
	else if (repetitions(s, i))
		v = value_int(repetitions(s, i));
	/* a number too large for its registers: a tenth, a hundredth … of it */
	for (unsigned k = 0; k < 6 && !simimage_put(&s->image, i, &v); k++) {
		if (v.kind != VALUE_REAL)
			v = value_int(0);
		else
			v.real /= 10;
	}
}

static void move_all(struct simdevice *s)
{
	for (uint32_t i = 0; i < s->device->set->n; i++)
		if (simimage_has(&s->device->set->point[i]) && !s->held[i])
			move(s, i);
	if (s->device->set->sunspec)
		simchain_stamp(&s->device->set->sunspec->walk.chain, &s->image);
}

void simdevice_step(struct simdevice *s, us_t now, int64_t epoch)
{
	if (s->frozen || now - s->stepped < STEP)
		return;
	s->stepped = now;
	simvalues_step(&s->values, now, epoch);
	move_all(s);
}

void simdevice_freeze(struct simdevice *s, bool frozen)
{
	s->frozen = frozen;
}

/* -- requests -------------------------------------------------------------------- */

static uint8_t on_read(void *ctx, uint8_t table, uint16_t addr, uint16_t count, uint16_t *words)
{
	const struct simdevice *s = ctx;

	for (uint16_t i = 0; i < count; i++) {
		const uint16_t *c = simimage_cell(&s->image, table, (uint16_t)(addr + i));
		if (!c)
			return EXC_ADDRESS;
		if (!table_is_bits(table))
			words[i] = *c;
		else if (*c)
			words[i / 16] |= (uint16_t)(1u << i % 16);
	}
	return 0;
}

/* A point as it is written: from `addr`, `count` cells. */
struct target {
	uint16_t addr, count;
};

static struct target target_of(const struct point *p)
{
	const unsigned n = codec_words(&p->codec);

	return (struct target){(uint16_t)(p->write->address >= 0 ? p->write->address : p->addr[0]),
	                       (uint16_t)(p->parts > 1 ? 1 : n)};
}

static bool covers(uint16_t addr, uint16_t count, const struct target *t)
{
	return t->addr >= addr && t->addr + t->count <= addr + count;
}

static bool touches(uint16_t addr, uint16_t count, const struct target *t)
{
	return t->addr < addr + count && addr < t->addr + t->count;
}

static bool writable(const struct point *p, uint8_t table)
{
	return p->write && !p->absent && !p->write->raw && p->source == SOURCE_REGISTER &&
	       p->table == table;
}

/* A device that takes its settings only together refuses a part of them. */
static bool group_whole(const struct simdevice *s, uint8_t table, uint16_t addr, uint16_t count,
                        const char *group)
{
	for (uint32_t i = 0; i < s->device->set->n; i++) {
		const struct point *p = &s->device->set->point[i];
		if (!writable(p, table) || !p->write->group || strcmp(p->write->group, group) != 0)
			continue;
		const struct target t = target_of(p);
		if (!covers(addr, count, &t))
			return false;
	}
	return true;
}

static bool in_range(const struct point *p, const uint16_t *words)
{
	char text[VALUE_TEXT_MAX];
	struct value v;

	if (p->parts > 1 || p->exponent_from >= 0 || p->factor_from >= 0)
		return true;
	codec_decode(&p->codec, words, text, &v);
	const double x = value_number(&v);
	if (v.kind == VALUE_NONE)
		return false;
	if (v.kind == VALUE_TEXT)
		return true;
	/* half a raw step of grace: the bound itself may not be a step */
	return !(p->write->has_min && x < p->write->min - 1e-6) &&
	       !(p->write->has_max && x > p->write->max + 1e-6);
}

static uint16_t cell_in(uint8_t table, const uint16_t *words, unsigned i)
{
	return (uint16_t)(table_is_bits(table) ? words[i / 16] >> i % 16 & 1 : words[i]);
}

/* May these cells be written? Every one must belong to a writable point. */
static uint8_t check_write(const struct simdevice *s, uint8_t table, uint16_t addr, uint16_t count,
                           const uint16_t *words)
{
	for (uint16_t a = 0; a < count; a++) {
		uint8_t e = EXC_ADDRESS;
		for (uint32_t i = 0; e == EXC_ADDRESS && i < s->device->set->n; i++) {
			const struct point *p = &s->device->set->point[i];
			if (!writable(p, table))
				continue;
			const struct target t = target_of(p);
			if (!touches((uint16_t)(addr + a), 1, &t))
				continue;
			if (p->write->group && !group_whole(s, table, addr, count, p->write->group))
				return EXC_FAILURE;
			e = !table_is_bits(table) && covers(addr, count, &t) && p->write->on < 0 &&
			                    !in_range(p, words + (t.addr - addr))
			            ? EXC_VALUE
			            : 0;
		}
		if (e)
			return e;
	}
	return 0;
}

/* Write values that are not read values: `on: 0x0100` reads back 1. */
static uint16_t as_read(const struct point *p, uint16_t word)
{
	if (p->write->on >= 0 && word == p->write->on && !table_is_bits(p->table))
		return 1;
	if (p->write->off >= 0 && word == p->write->off && !table_is_bits(p->table))
		return 0;
	return word;
}

static uint8_t on_write(void *ctx, uint8_t table, uint16_t addr, uint16_t count,
                        const uint16_t *words)
{
	struct simdevice *s = ctx;
	const uint8_t e = check_write(s, table, addr, count, words);

	if (e)
		return e;
	for (uint32_t i = 0; i < s->device->set->n; i++) {
		const struct point *p = &s->device->set->point[i];
		if (!writable(p, table))
			continue;
		const struct target t = target_of(p);
		if (!touches(addr, count, &t))
			continue;
		s->held[i] = true;
		for (uint16_t k = 0; k < t.count; k++) {
			const uint16_t at = (uint16_t)(t.addr + k);
			uint16_t *c = simimage_cell(&s->image, table, (uint16_t)(p->addr[0] + k));
			if (c && at >= addr && at < addr + count)
				*c = as_read(p, cell_in(table, words, (unsigned)(at - addr)));
		}
	}
	return 0;
}

static size_t refuse(const uint8_t *pdu, uint8_t exception, uint8_t *answer)
{
	answer[0] = pdu[0] | 0x80;
	answer[1] = exception;
	return 2;
}

/* FC 5 with a word of the vendor's own: 0x5500 toggles, 0x0007 is a time. False: not such a case.
 */
static bool odd_coil(struct simdevice *s, const uint8_t *pdu, size_t len, uint8_t *answer,
                     size_t *n)
{
	if (pdu[0] != FC_WRITE_COIL || len != 5)
		return false;
	const uint16_t addr = (uint16_t)(pdu[1] << 8 | pdu[2]);
	const uint16_t raw = (uint16_t)(pdu[3] << 8 | pdu[4]);
	for (uint32_t i = 0; i < s->device->set->n; i++) {
		const struct point *p = &s->device->set->point[i];
		if (!writable(p, TABLE_COIL) || target_of(p).addr != addr)
			continue;
		const bool toggle = p->write->toggle >= 0 && raw == p->write->toggle;
		if (!toggle && (p->codec.type == TYPE_BOOL || p->codec.type >= TYPE_STRING))
			return false;
		uint16_t *c = simimage_cell(&s->image, TABLE_COIL, p->addr[0]);
		if (toggle && c)
			*c = !*c;
		s->held[i] = true;
		memcpy(answer, pdu, len);
		*n = len;
		return true;
	}
	return false;
}

/* An action by a request of its own: the answer is the request's beginning, as long as the profile
 * says. */
static bool raw_action(const struct simdevice *s, const uint8_t *pdu, size_t len, uint8_t *answer,
                       size_t *n)
{
	for (uint32_t i = 0; i < s->device->set->n; i++) {
		const struct write_rule *w = s->device->set->point[i].write;
		if (!w || !w->raw || w->raw_len != len || memcmp(w->raw, pdu, len) != 0)
			continue;
		*n = w->raw_answer ? w->raw_answer : len;
		memset(answer, 0, *n);
		memcpy(answer, pdu, *n < len ? *n : len);
		return true;
	}
	return false;
}

/* Functions this device does not have; a register function only, coils have their own. */
static bool lacks_function(const struct device *d, uint8_t fc)
{
	if (d->write_function == FC_WRITE_REGISTERS && fc == FC_WRITE_REGISTER)
		return true;
	if (d->write_function == FC_WRITE_REGISTER && fc == FC_WRITE_REGISTERS)
		return true;
	if (d->rule.read_function == FC_READ_HOLDING && fc == FC_READ_INPUT)
		return true;
	return d->rule.read_function == FC_READ_INPUT && fc == FC_READ_HOLDING;
}

static bool too_long(const struct device *d, const uint8_t *pdu, size_t len)
{
	return (pdu[0] == FC_READ_HOLDING || pdu[0] == FC_READ_INPUT) && len == 5 &&
	       d->rule.max_read && (pdu[3] << 8 | pdu[4]) > d->rule.max_read;
}

size_t simdevice_answer(struct simdevice *s, const uint8_t *pdu, size_t len, uint8_t *answer)
{
	size_t n = 0;

	if (len == 0)
		return 0;
	if (raw_action(s, pdu, len, answer, &n) || odd_coil(s, pdu, len, answer, &n))
		return n;
	if (lacks_function(s->device, pdu[0]))
		return refuse(pdu, EXC_FUNCTION, answer);
	if (too_long(s->device, pdu, len))
		return refuse(pdu, EXC_VALUE, answer);
	return server_answer(&s->server, pdu, len, answer);
}

bool simdevice_wanted(const struct simdevice *s, const uint8_t *pdu, size_t len)
{
	static const uint8_t table[] = {
		[FC_READ_COILS] = TABLE_COIL,
		[FC_READ_DISCRETE] = TABLE_DISCRETE,
		[FC_READ_HOLDING] = TABLE_HOLDING,
		[FC_READ_INPUT] = TABLE_INPUT,
	};

	if (len != 5 || pdu[0] < FC_READ_COILS || pdu[0] > FC_READ_INPUT)
		return false;
	const uint16_t addr = (uint16_t)(pdu[1] << 8 | pdu[2]);
	const uint16_t last = (uint16_t)(addr + (pdu[3] << 8 | pdu[4]) - 1);
	return simimage_cell(&s->image, table[pdu[0]], addr) &&
	       simimage_cell(&s->image, table[pdu[0]], last);
}

/* -- life ------------------------------------------------------------------------ */

static bool parse(const struct point *p, const char *text, struct value *v)
{
	const char *end;

	for (uint16_t i = 0; i < p->nlabel; i++) {
		if (strcmp(p->label[i].text, text) == 0) {
			*v = value_int(p->label[i].code);
			return true;
		}
	}
	if (p->codec.type == TYPE_STRING || p->codec.type == TYPE_BYTES ||
	    p->codec.type == TYPE_DATETIME || p->codec.type == TYPE_ARRAY) {
		*v = (struct value){.kind = VALUE_TEXT, .text = text};
		return true;
	}
	if (strcmp(text, "on") == 0 || strcmp(text, "off") == 0) {
		*v = value_bool(text[1] == 'n');
		return true;
	}
	return value_parse_number(text, &end, v) && *end == '\0';
}

static void set_object(struct simdevice *s, unsigned object, const char *text)
{
	free(s->object[object]);
	s->server.object[object] = s->object[object] = mem_strdup(text);
}

bool simdevice_set(struct simdevice *s, const char *point, const char *text, const char **why)
{
	const int i = model_find_point(s->device->set, point, strlen(point));
	struct value v;

	*why = "no such point";
	if (i < 0)
		return false;
	const struct point *p = &s->device->set->point[i];
	if (devid_point(p)) {
		set_object(s, p->addr[0], strcmp(text, "auto") == 0 ? p->name : text);
		return true;
	}
	if (!simimage_has(p))
		return false;
	s->held[i] = strcmp(text, "auto") != 0;
	if (!s->held[i])
		return true;
	*why = "no value of this point";
	if (!parse(p, text, &v))
		return false;
	*why = "does not fit its registers";
	return simimage_put(&s->image, (uint32_t)i, &v);
}

/* What function 43/14 must return for its profile to recognise it: the texts without their `*`; and
 * something for each point. */
static void say_identity(struct simdevice *s)
{
	const struct device *d = s->device;

	for (size_t i = 0; i < d->ndevice_id && i < DEVICE_ID_RULES; i++) {
		char *text = s->identity[i];
		size_t n = 0;
		for (const char *p = d->device_id[i].pattern; *p && n < DEVICE_ID_TEXT_MAX; p++)
			if (*p != '*')
				text[n++] = *p;
		text[n] = '\0';
		s->server.object[d->device_id[i].object] = text;
	}
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (devid_point(p) && !s->server.object[p->addr[0]])
			s->server.object[p->addr[0]] = p->name;
	}
}

struct simdevice *simdevice_create(const struct device *d, uint64_t seed, us_t now)
{
	struct simdevice *s = mem_alloc(1, sizeof(*s));
	const char *why;

	s->device = d;
	s->stepped = now - STEP;
	s->held = mem_alloc(d->set->n, sizeof(bool));
	s->server = (struct server){
		.ctx = s,
		.read = on_read,
		.write = on_write,
		.object = {d->vendor, d->model ? d->model : d->title, "1.0"},
		.no_mask_write = !d->rule.has_mask_write,
	};
	say_identity(s);
	simimage_init(&s->image, d);
	simvalues_init(&s->values, d, seed, now);
	move_all(s);
	move_all(s); /* what depends on exponents and factors, now that they are set */
	if (d->identify_point >= 0 && d->nidentify)
		simdevice_set(s, d->set->point[d->identify_point].name, d->identify_word[0], &why);
	return s;
}

void simdevice_destroy(struct simdevice *s)
{
	if (!s)
		return;
	simimage_free(&s->image);
	for (size_t i = 0; i < SERVER_OBJECTS; i++)
		free(s->object[i]);
	free(s->held);
	free(s);
}
