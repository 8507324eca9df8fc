// SPDX-License-Identifier: MIT
/* One point: all keys it may have, read from its layers. What its raw words mean is in value.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "config/scalar.h"

#define STALE_LEAST (60 * US_S)
#define YEAR (366 * 86400 * US_S)

/* -- setters -- */

void set_reference(struct load *l, const struct hit *h, void *object)
{
	struct reference *r = (struct reference *)(void *)((char *)object + h->key->offset);
	const char *text = scalar_text(l->d, h->key->name, h->value);
	if (text)
		*r = (struct reference){load_text(l, text), h->value->where};
}

static void set_expr(struct load *l, const struct hit *h, void *object)
{
	struct draft *d = object;
	set_reference(l, h, object);
	d->p.source = SOURCE_EXPR;
	d->source_where = h->name->where;
}

static void set_device_id(struct load *l, const struct hit *h, void *object)
{
	struct draft *d = object;
	d->p.source = SOURCE_DEVICE_ID;
	d->source_where = h->name->where;
	const int64_t named = device_id_object(l, h->value), n = named + d->recipe->shift;
	if (named >= 0 && (n < 0 || n > UINT8_MAX))
		diag_error(l->d, h->value->where,
		           "device_id: the repetition leads to object %" PRId64 ", beyond 0 to 255",
		           n);
	else if (named >= 0)
		d->p.addr[0] = (uint16_t)n;
}

/* "0.2" or "1%". */
static void set_deadband(struct load *l, const struct hit *h, void *object)
{
	struct filter_rule *f = &((struct draft *)object)->p.filter;
	const char *text = scalar_text(l->d, "deadband", h->value);
	if (!text)
		return;
	const size_t len = strcspn(text, "%");
	struct decimal dec;
	if (!decimal_parse(arena_strndup(l->scratch, text, len), &dec) || dec.mant < 0 ||
	    (text[len] && text[len + 1])) {
		diag_error(l->d, h->value->where,
		           "deadband: \"%s\" is not a number or per cent, like 0.2 or 1%%", text);
		return;
	}
	f->deadband = (float)decimal_real(&dec);
	f->percent = text[len] == '%';
}

static void set_decimals(struct load *l, const struct hit *h, void *object)
{
	int64_t v;
	if (scalar_int(l->d, "decimals", h->value, 0, 9, &v))
		((struct draft *)object)->decimals = (int8_t)v;
}

/* -- the table -- */

static const char *const type_words[] = {
	"bool", "u8",  "s8",    "u16",   "s16",    "u32",     "s32",    "u64",   "s64",      "f16",
	"f32",  "f64", "bcd16", "bcd32", "mod10k", "signmag", "string", "bytes", "datetime", NULL};
static const char *const order_words[] = {"big", "little", "big-swapped", "little-swapped", NULL};
static const char *const byte_words[] = {"both", "hi", "lo", NULL};
static const char *const zone_words[] = {"local", "utc", NULL};
static const char *const rate_words[] = {"fast", "normal", "slow", "once", NULL};
static const char *const poll_words[] = {"always", "on-demand", NULL};
static const char *const prio_words[] = {"high", "normal", "low", NULL};
static const char *const publish_words[] = {"change", "always", "never", NULL};
static const char *const category_words[] = {"auto", "none", "config", "diagnostic", NULL};
static const char *const announced_words[] = {"auto", "true", "false", NULL};
static const char *const alert_words[] = {"none", "fault", "warning", NULL};

#define P(field) KEY_AT(struct draft, p.field)
#define D(field) KEY_AT(struct draft, field)
#define SET(function, text) .type = KEY_OTHER, .set = (function), .form = (text)

static const struct key point_keys[] = {
	/* where it is: exactly one of these */
	{"coil", SET(set_source, "PDU address"),
         .doc = "Address of a coil: a bit that can be read and written."},
	{"discrete", SET(set_source, "PDU address"),
         .doc = "Address of a discrete input: a bit that can only be read."},
	{"input", SET(set_source, "PDU address, or two"),
         .doc = "Address of an input register, read-only."},
	{"holding", SET(set_source, "PDU address, or two"),
         .doc = "Address of a holding register; two addresses: the most significant register "
                "first."},
	{"expr", SET(set_expr, "expression"), D(expr),
         .doc = "Computed from other points of the device: + - * / % < > == && || ?: min max abs "
                "round floor."},
	{"device_id", SET(set_device_id, "like vendor, product, revision, or 0 to 255"),
         .doc = "Text of this object of Read Device Identification (function 43/14); read each "
                "time "
                "the device comes online."},
	/* what it means */
	{"type", KEY_CHOICE, P(codec.type), .choice = type_words,
         .preset = "bool for bits, else u16", .doc = "Data type in the registers."},
	{"length", KEY_INT, P(codec.length), .min = 1, .max = 125, .preset = "by type",
         .doc = "Number of registers of a string, bytes, signmag, mod10k or datetime."},
	{"array", KEY_INT, P(codec.array), .min = 2, .max = 125,
         .doc = "That many numbers or bits of this type, side by side, as one JSON list; bits are "
                "1 "
                "and 0. Written with one request."},
	{"byte", KEY_CHOICE, P(codec.byte), .choice = byte_words, .preset = "both",
         .doc = "Use only the high or the low byte of the register."},
	{"order", KEY_CHOICE, KEY_INHERIT, P(codec.order), .choice = order_words, .preset = "big",
         .doc = "Word order; little: low word first; swapped: bytes exchanged in each word. For "
                "texts only swapped has an effect."},
	{"bit", SET(set_bits, "0 to 63"),
         .doc = "Bit number in a word as wide as its type; 0 is the least significant; the value "
                "is on or off."},
	{"bits", SET(set_bits, "like 4..7"),
         .doc = "Bit field as a number, also of one bit; with a signed type the highest bit is the "
                "sign."},
	{"scale", KEY_DECIMAL, P(codec.scale), .preset = "1",
         .doc = "Value = raw x scale + offset."},
	{"offset", KEY_DECIMAL, P(codec.offset), .preset = "0", .doc = "Added after scaling."},
	{"exponent_from", SET(set_reference, "point"), D(exponent_from),
         .doc = "Point that holds the exponent: the value is multiplied by ten to this power."},
	{"factor_from", SET(set_reference, "point"), D(factor_from),
         .doc = "Point that holds a factor for the value."},
	{"decimals", SET(set_decimals, "0 to 9"),
         .preset = "as scale is written; 3 for floats and expressions",
         .doc = "Digits after the decimal point."},
	{"unit", KEY_TEXT, P(unit), .doc = "Unit of the value, for people and for value+unit."},
	{"values", SET(set_values, "like {0: off, 1: on}"),
         .doc = "Labels for codes; other codes are published as numbers. A list labels 0, 1, 2 and "
                "so on."},
	{"na", SET(set_na, "raw number, or list"),
         .doc = "Raw values that mean \"not available\", published as None."},
	{"valid", SET(set_valid, "{min, max}"),
         .doc = "Out-of-range values are published as None."},
	{"counter", SET(set_counter, "true or {max_rise: 50/h}"),
         .doc = "Counter: its first value, a decrease or a steep rise is published only after a "
                "second read confirms it."},
	{"layout",
         SET(set_layout, "list of sec min hour day month year year2 weekday hhmm epoch skip"),
         .doc = "Parts of a datetime in register order."},
	{"zone", KEY_CHOICE, D(zone), .choice = zone_words, .preset = "local",
         .doc = "Time zone of a datetime."},
	/* reading */
	{"rate", KEY_CHOICE, P(rate), .choice = rate_words, .preset = "normal",
         .doc = "Rate class of the polling period; once: each time the device comes online."},
	{"every", KEY_DURATION, KEY_FASTEST, D(every), .min = 1 * US_MS, .max = YEAR,
         .doc = "Exact polling period; fastest: whenever the line is free."},
	{"poll", KEY_CHOICE, P(poll), .choice = poll_words, .preset = "always",
         .doc = "on-demand: poll only while subscribed by xnet/sub; the value read by a get is "
                "published once, not retained."},
	{"priority", KEY_CHOICE, P(prio), .choice = prio_words, .preset = "normal",
         .doc = "Which points are read first when the line is overloaded."},
	{"together", KEY_TEXT, P(together),
         .doc = "Points with the same name here are read in one request."},
	{"barrier", KEY_BOOL, P(barrier), .preset = "false",
         .doc = "Never merge this point with its neighbours into one read."},
	{"stale", KEY_DURATION, KEY_OFF, P(stale), .min = 1 * US_S, .max = YEAR,
         .preset = "3 periods, at least 60s", .doc = "Publish None if not read for this long."},
	/* publishing */
	{"publish", KEY_CHOICE, KEY_INHERIT, P(filter.mode), .choice = publish_words,
         .preset = "change",
         .doc = "When to publish a value that was read; always: in the point's own period, however "
                "often its neighbours are read."},
	{"deadband", SET(set_deadband, "number or per cent"), .flags = KEY_INHERIT, .preset = "0",
         .doc = "Changes smaller than this are not published."},
	{"heartbeat", KEY_DURATION, KEY_INHERIT | KEY_OFF, P(filter.heartbeat), .min = 1 * US_S,
         .max = YEAR, .preset = "60s",
         .doc = "Publish an unchanged value again after this, if it was read again."},
	{"min_interval", KEY_DURATION, KEY_INHERIT | KEY_OFF, P(filter.min_interval), .min = 0,
         .max = YEAR, .preset = "0s", .doc = "Shortest time between two publications."},
	{"retain", KEY_BOOL, KEY_INHERIT, P(retain), .preset = "mqtt.retain",
         .doc = "Publish this point as retained messages."},
	{"qos", KEY_INT, KEY_INHERIT, P(qos), .min = 0, .max = 2, .preset = "mqtt.qos.value",
         .doc = "MQTT QoS of this point's values."},
	{"history", KEY_BOOL, P(history), .preset = "false",
         .doc = "Also publish each value with its time on xnet/hist, in the point's own period; "
                "after a broker outage in order."},
	{"alert", KEY_CHOICE, P(alert), .choice = alert_words, .preset = "none",
         .doc = "Kind of alert in the device's Alerts while the value is not 0."},
	{"code", KEY_INT, P(alert_code), .min = INT32_MIN, .max = INT32_MAX, .preset = "0",
         .doc = "Numeric code of the alert."},
	{"desc", KEY_TEXT, P(alert_desc), .preset = "name of the point",
         .doc = "Description in the alert."},
	{"description", KEY_TEXT, P(description), .doc = "Description of the point for people."},
	{"class", KEY_TEXT, P(class_), .preset = "by unit and name",
         .doc = "Device class for Home Assistant; none: without one."},
	{"state_class", KEY_TEXT, P(state_class), .preset = "by unit and name",
         .doc = "State class for Home Assistant; none: without one."},
	{"icon", KEY_TEXT, P(icon), .doc = "Icon for Home Assistant, like mdi:fan."},
	{"name", KEY_TEXT, P(title), .preset = "the point's name in words",
         .doc = "Name of the entity in Home Assistant."},
	{"category", KEY_CHOICE, P(category), .choice = category_words, .preset = "auto",
         .doc = "Where Home Assistant shows the point: none is among the controls and sensors."},
	{"enabled_by_default", KEY_CHOICE, P(announced), .choice = announced_words,
         .preset = "auto",
         .doc = "Whether Home Assistant shows the point at once, or only after the user has "
                "enabled it."},
	/* writing: see the table in write.c */
	{"write", .type = KEY_OTHER, .form = "true, false, only, or {min, max, step, ...}",
         .preset = "false",
         .doc = "Whether and how the point can be written; only: it cannot be read."},
	/* which points there are: evaluated before the rest is read */
	{"repeat", .type = KEY_OTHER, .form = "{n: 1..8, stride: 1, count_from: point}",
         .doc = "Create one point per number, which replaces {n} in name and texts."},
	{"if", .type = KEY_OTHER, .form = "\"model == b\", \"model != b\" or \"model in [a, b]\"",
         .doc = "The point exists only if this condition on a profile parameter holds."},
};

const struct keyset keyset_point = {
	.name = "point",
	.key = point_keys,
	.n = COUNT(point_keys),
	.also = {&keyset_write},
	.also_flags = {KEY_PROFILE},
};

/* -- layers -- */

/* Of keys that exclude each other the most specific layer's one is left; two in one layer are an
 * error. */
static void exclusive(struct load *l, struct hits *hits, const char *const *names)
{
	struct hit *found[8], *best = NULL;
	size_t n = 0;
	for (; *names; names++) {
		struct hit *h = (struct hit *)keys_hit(&keyset_point, hits, *names);
		if (!h)
			continue;
		found[n++] = h;
		if (!best || h->layer < best->layer)
			best = h;
	}
	for (size_t i = 0; i < n; i++) {
		if (found[i] == best)
			continue;
		if (found[i]->layer == best->layer)
			diag_error(l->d, found[i]->name->where, "%s: not together with %s",
			           found[i]->key->name, best->key->name);
		found[i]->value = NULL;
	}
}

static void hits_collect(struct load *l, const struct recipe *r, struct hits *hits)
{
	static const char *const sources[] = {"coil", "discrete",  "input", "holding",
	                                      "expr", "device_id", NULL};
	static const char *const fields[] = {"bit", "bits", NULL};
	static const char *const periods[] = {"every", "rate", NULL};
	memset(hits, 0, sizeof *hits);
	for (unsigned i = 0; i < r->n; i++)
		keys_collect(l, &keyset_point, r->map[i], r->layer[i], 0, hits);
	for (unsigned i = 0; i < r->of->ndevice; i++)
		keys_collect(l, &keyset_point, r->of->device[i], LAYERS_MAX + i, KEY_INHERIT, hits);
	keys_collect(l, &keyset_point, l->defaults, 2 * LAYERS_MAX, KEY_INHERIT, hits);
	exclusive(l, hits, sources);
	exclusive(l, hits, fields);
	exclusive(l, hits, periods);
}

/* -- defaults that depend on other keys -- */

/* With `bit` the type only gives the width of the number that the bit is in. */
static void resolve_type(struct draft *d)
{
	struct codec *c = &d->p.codec;
	const bool cell = d->p.source == SOURCE_REGISTER && table_is_bits(d->p.table);
	if (d->p.source == SOURCE_DEVICE_ID)
		c->type = TYPE_STRING;
	else if (!d->has_type)
		c->type = cell ? TYPE_BOOL : c->byte ? TYPE_U8 : TYPE_U16;
	d->stated = *c;
	if (c->array) {
		c->of = c->type;
		c->type = TYPE_ARRAY;
	}
	if (!keys_hit(&keyset_point, d->hits, "bit") || cell || c->array)
		return;
	if (c->type == TYPE_STRING || c->type == TYPE_BYTES || c->type == TYPE_DATETIME ||
	    c->type == TYPE_F16 || c->type == TYPE_F32 || c->type == TYPE_F64)
		return; /* no bits: said later */
	c->length = (uint8_t)codec_words(c);
	c->type = TYPE_BOOL;
}

static void resolve_decimals(struct draft *d)
{
	struct codec *c = &d->p.codec;
	const struct codec e = codec_element(c);
	const bool real = d->p.source == SOURCE_EXPR || d->factor_from.name || e.type == TYPE_F16 ||
	                  e.type == TYPE_F32 || e.type == TYPE_F64;
	if (d->decimals >= 0)
		c->decimals = d->decimals;
	else if (d->exponent_from.name)
		c->decimals = -1;
	else if (real && (!c->scale.mant || d->factor_from.name))
		c->decimals = 3;
	else
		c->decimals = (int8_t)(c->scale.places > c->offset.places ? c->scale.places
		                                                          : c->offset.places);
}

static void resolve_period(struct draft *d, const struct ratings *rates)
{
	struct point *p = &d->p;
	if (p->source == SOURCE_DEVICE_ID) {
		p->rate = RATE_ONCE;
		p->period = PERIOD_ONCE;
	} else if (d->has_every) {
		p->period = d->every;
		p->rate = RATE_NONE;
	} else if (!d->has_rate && rates->every >= 0) {
		p->period = rates->every;
		p->rate = RATE_NONE;
	} else {
		p->period = p->rate == RATE_ONCE ? PERIOD_ONCE : rates->period[p->rate];
	}
	if (d->has_stale)
		p->stale = p->stale ? p->stale : US_NEVER;
	else if (p->period == PERIOD_ONCE || p->source == SOURCE_EXPR)
		p->stale = US_NEVER;
	else
		p->stale = 3 * p->period > STALE_LEAST ? 3 * p->period : STALE_LEAST;
}

void inherit_check(struct load *l, const struct node *map)
{
	struct hits hits;
	struct draft draft = {.recipe = NULL};
	memset(&hits, 0, sizeof hits);
	keys_collect(l, &keyset_point, map, 0, KEY_INHERIT, &hits);
	if (map)
		keys_apply(l, &keyset_point, &hits, map->where, &draft);
}

static void draft_begin(struct load *l, const struct recipe *r, struct hits *hits,
                        struct draft *out)
{
	const struct mqtt_conf *mqtt = &l->m->mqtt;
	*out = (struct draft){
		.recipe = r,
		.decimals = -1,
		.count_from = r->count_from,
		.hits = hits,
		.has_type = keys_hit(&keyset_point, hits, "type"),
		.has_rate = keys_hit(&keyset_point, hits, "rate"),
		.has_every = keys_hit(&keyset_point, hits, "every"),
		.has_stale = keys_hit(&keyset_point, hits, "stale"),
	};
	struct point *p = &out->p;
	p->name = arena_strdup(l->arena, r->name);
	p->where = r->where;
	p->exponent_from = p->factor_from = p->count_from = -1;
	p->repeat_n = r->place;
	p->rate = RATE_NORMAL;
	p->prio = CLASS_NORMAL;
	p->filter.heartbeat = 60 * US_S;
	p->retain = mqtt->retain;
	p->qos = mqtt->qos_value;
}

/* What no key defines, or what follows from several. */
static void draft_resolve(const struct ratings *rates, struct draft *d)
{
	const struct hit *order = keys_hit(&keyset_point, d->hits, "order");
	/* two addresses define the order of the words themselves; that of the bytes is the device's
	 */
	if (d->p.parts == 2 && order && order->layer >= LAYERS_MAX)
		d->p.codec.order =
			d->p.codec.order >= ORDER_BIG_SWAPPED ? ORDER_BIG_SWAPPED : ORDER_BIG;
	resolve_type(d);
	resolve_decimals(d);
	resolve_period(d, rates);
	if (d->p.alert && !d->p.alert_desc)
		d->p.alert_desc = d->p.name;
	if (d->p.alert && d->p.repeat_n)
		d->p.alert_code += d->p.repeat_n - 1;
}

void point_read(struct load *l, const struct recipe *r, const struct ratings *rates,
                struct draft *out)
{
	struct hits hits;
	const size_t errors = l->d->errors;
	hits_collect(l, r, &hits);
	l->n = r->number;
	draft_begin(l, r, &hits, out);
	keys_apply(l, &keyset_point, &hits, r->where, out);
	draft_resolve(rates, out);
	write_read(l, r, out);
	point_check(l, out, errors);
	l->n = NO_NUMBER;
	out->hits = NULL;
}
