// SPDX-License-Identifier: MIT
/* The keys of one point against each other: does the type fit its registers, can it be written so?
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/load.h"
#include "config/scalar.h"

/* The place of a key of this point, or of the point itself. */
static struct where at(const struct draft *d, const char *key)
{
	const struct hit *h = keys_hit(&keyset_point, d->hits, key);
	return h ? h->value->where : d->p.where;
}

static bool has(const struct draft *d, const char *key)
{
	return keys_hit(&keyset_point, d->hits, key);
}

static bool is_text(uint8_t type)
{
	return type == TYPE_STRING || type == TYPE_BYTES || type == TYPE_DATETIME;
}

static bool is_array(const struct draft *d)
{
	return d->p.codec.type == TYPE_ARRAY;
}

static bool is_float(uint8_t type)
{
	return type == TYPE_F16 || type == TYPE_F32 || type == TYPE_F64;
}

static const char computed[] = "a point that is computed";
static const char identification[] = "a text of the device's identification";

/* Keys that mean nothing on such a point; the first one there is reported. */
static void refuse(struct load *l, const struct draft *d, const char *const *keys, const char *on)
{
	for (; *keys; keys++)
		if (has(d, *keys))
			diag_error(l->d, keys_hit(&keyset_point, d->hits, *keys)->name->where,
			           "%s: has no effect on %s%s", *keys, on,
			           on == computed && strcmp(*keys, "every") == 0
			                   ? ", which follows its inputs; min_interval limits how "
			                     "often it is published"
			                   : "; remove it");
}

/* The same, where one map says both, or the device's own says it of this point: what is inherited,
 * or is in another profile, may be for others.
 */
static void refuse_beside(struct load *l, const struct draft *d, const char *const *keys,
                          const char *maker, const char *on)
{
	const struct hit *m = keys_hit(&keyset_point, d->hits, maker);
	for (; m && *keys; keys++) {
		const struct hit *h = keys_hit(&keyset_point, d->hits, *keys);
		if (h && (h->layer == m->layer || h->layer < d->recipe->of->own_points))
			diag_error(l->d, h->name->where, "%s: has no effect on %s; remove it",
			           *keys, on);
	}
}

/* Is there one under a wrong name, or no keys at all where some must be? Then that was reported. */
static bool source_meant(const struct recipe *r)
{
	static const char *const keys[] = {"coil",    "discrete", "input",
	                                   "holding", "expr",     "device_id"};
	for (unsigned i = 0; i < r->n; i++)
		for (size_t k = 0; k < COUNT(keys); k++)
			if ((r->map[i]->kind != NODE_MAP && !node_is_null(r->map[i])) ||
			    keys_meant(&keyset_point, r->map[i], keys[k]))
				return true;
	return false;
}

static void check_source(struct load *l, struct draft *d)
{
	char hint[96];
	const char *names[512];
	size_t n = 0;
	if (d->source_where.file || (d->writable && d->w.raw) || source_meant(d->recipe))
		return;
	const struct layers *of = d->recipe->of;
	for (unsigned i = of->own; i < of->npoints; i++)
		for (uint32_t k = 0;
		     of->points[i]->kind == NODE_MAP && k < of->points[i]->n && n < COUNT(names);
		     k++)
			if (strcmp(of->points[i]->pair[k].key->text, d->p.name) != 0)
				names[n++] = of->points[i]->pair[k].key->text;
	diag_error(l->d, d->p.where,
	           "point \"%s\" needs one of coil, discrete, input, holding, expr and "
	           "device_id%s",
	           d->p.name, scalar_hint(d->p.name, names, n, hint, sizeof hint));
}

static void check_bit_table(struct load *l, struct draft *d)
{
	static const char *const keys[] = {"length",      "byte", "bit",    "bits",
	                                   "order",       "na",   "layout", "exponent_from",
	                                   "factor_from", NULL};
	const bool word = d->writable && d->w.only && codec_words(&d->p.codec) == 1;
	if (d->stated.type != TYPE_BOOL && !word)
		diag_error(l->d, at(d, "type"),
		           "type: a coil or discrete input that is read is bool");
	for (size_t i = 0; keys[i]; i++) {
		const struct hit *h = keys_hit(&keyset_point, d->hits, keys[i]);
		if (h && h->layer < LAYERS_MAX)
			diag_error(l->d, h->name->where, "%s: has no effect on a bit; remove it",
			           keys[i]);
	}
	d->p.codec.order = ORDER_BIG;
	d->p.codec.length = 1;
}

/* A date, a time of day, or both; or the seconds since 1970 alone. */
static void check_layout_parts(struct load *l, const struct draft *d)
{
	unsigned n[PARTS] = {0};
	for (unsigned i = 0; i < d->layout->n; i++)
		n[d->layout->part[i]]++;
	const unsigned years = n[PART_YEAR] + n[PART_YEAR2];
	const unsigned hours = n[PART_HOUR] + n[PART_HHMM];
	const bool date = years && n[PART_MONTH] && n[PART_DAY];
	const bool some = years || n[PART_MONTH] || n[PART_DAY];
	bool good = (date || hours || n[PART_EPOCH]) && (date || !some);
	for (unsigned i = 0; i < PARTS; i++)
		good &= i == PART_SKIP || n[i] <= 1;
	good &= years <= 1 && hours <= 1;
	good &= !n[PART_EPOCH] || (!some && !hours && !n[PART_MIN] && !n[PART_SEC]);
	if (!good)
		diag_error(l->d, at(d, "layout"),
		           "layout: must contain year, month and day, or the hour, or both, each "
		           "once; or epoch alone");
}

/* The layout's form is given by `length`; both forms of one length need no word. */
static void check_layout(struct load *l, struct draft *d)
{
	struct codec *c = &d->p.codec;
	if (!d->layout) {
		diag_error(l->d, d->p.where, "point \"%s\": a datetime needs layout", d->p.name);
		return;
	}
	check_layout_parts(l, d);
	const uint8_t length = c->length;
	unsigned words[2];
	for (int bytes = 0; bytes < 2; bytes++) {
		d->layout->bytes = bytes;
		words[bytes] = codec_words(c);
	}
	d->layout->utc = d->zone;
	d->layout->bytes = length && length == words[1] && words[0] != words[1];
	c->length = (uint8_t)words[d->layout->bytes];
	if (length ? length != c->length : words[0] != words[1])
		diag_error(l->d, at(d, length ? "length" : "layout"),
		           "layout: these parts take %u registers, or %u when each is one byte: "
		           "set length",
		           words[0], words[1]);
}

static void check_length(struct load *l, struct draft *d)
{
	static const struct {
		uint8_t type;
		bool needed;
		uint8_t max;
	} rows[] = {{TYPE_STRING, true, 125},
	            {TYPE_BYTES, true, 63},
	            {TYPE_SIGNMAG, false, 4},
	            {TYPE_MOD10K, false, 4},
	            {TYPE_DATETIME, false, 8}};
	const bool in = d->p.codec.type != d->stated.type; /* a bit in a number, an array */
	const struct codec *c = in ? &d->stated : &d->p.codec;
	const unsigned words = c->type == TYPE_BOOL ? 1 : codec_words(c);
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].type != c->type)
			continue;
		if (rows[i].needed && !c->length)
			diag_error(l->d, d->p.where,
			           "point \"%s\": this type needs length, in registers", d->p.name);
		else if (c->length > rows[i].max)
			diag_error(l->d, at(d, "length"), "length: %u is more than %u registers",
			           c->length, rows[i].max);
		return;
	}
	if (has(d, "length") && c->length != words)
		diag_error(
			l->d, at(d, "length"),
			"length: this type always has %u register%s; several of a kind are points "
			"of their own, see repeat",
			words, words == 1 ? "" : "s");
}

static void check_field(struct load *l, struct draft *d)
{
	const struct codec *c = &d->p.codec;
	const char *key = has(d, "bit") ? "bit" : "bits";
	const bool octet = c->byte || d->stated.type == TYPE_U8 || d->stated.type == TYPE_S8;
	const unsigned width = octet ? 8 : 16 * codec_words(c);
	const bool has_sign = d->stated.type == TYPE_S8 || d->stated.type == TYPE_S16 ||
	                      d->stated.type == TYPE_S32 || d->stated.type == TYPE_S64 ||
	                      d->stated.type == TYPE_SIGNMAG;
	if (c->bits == 1 && c->type == d->stated.type && has_sign)
		diag_error(l->d, at(d, key),
		           "bits: one bit has no sign; use bit: %u, or a type without sign",
		           c->bit);
	if (c->bits && (is_text(c->type) || is_float(c->type)))
		diag_error(l->d, at(d, key), "%s: only numbers without decimal point have bits",
		           key);
	else if (c->bits && c->bit + c->bits > width)
		diag_error(l->d, at(d, key), "%s: the raw value has bits 0 to %u", key, width - 1);
	const bool letters = c->type == TYPE_STRING || c->type == TYPE_BYTES;
	if (c->byte && !letters && (codec_words(c) != 1 || is_text(c->type) || is_float(c->type)))
		diag_error(l->d, at(d, "byte"), "byte: only for texts and types of one register");
}

static void check_model_end(struct load *l, struct draft *d)
{
	const struct profile *of = d->recipe->of->profile;
	const struct sunspec_part *part = d->p.part ? &of->sunspec->part[d->p.part - 1] : NULL;
	if (part && d->p.parts == 1 &&
	    d->p.offset[0] + codec_words(&d->p.codec) > part->length + SUNSPEC_HEAD)
		diag_error(l->d, d->source_where, "point \"%s\" ends after the model %s", d->p.name,
		           part->name);
}

static void check_address(struct load *l, struct draft *d)
{
	const struct point *p = &d->p;
	const unsigned words = codec_words(&p->codec);
	if (p->parts == 1 && p->addr[0] + words > 65536)
		diag_error(l->d, d->source_where, "point \"%s\" ends beyond address 65535",
		           p->name);
	check_model_end(l, d);
	if (p->parts != 2)
		return;
	if (table_is_bits(p->table) || words != 2 || is_text(p->codec.type) || is_array(d))
		diag_error(l->d, d->source_where,
		           "point \"%s\": two addresses are for numbers of 32 bits", p->name);
	if (p->codec.order == ORDER_LITTLE || p->codec.order == ORDER_LITTLE_SWAPPED)
		diag_error(l->d, at(d, "order"),
		           "order: of two addresses the first is the most significant word");
	if (p->addr[0] == p->addr[1])
		diag_error(l->d, d->source_where, "point \"%s\": the two addresses are the same",
		           p->name);
}

static void check_na(struct load *l, struct draft *d)
{
	const struct codec *c = &d->p.codec;
	const unsigned width = c->bits ? c->bits
	                       : c->byte || c->type == TYPE_U8 || c->type == TYPE_S8
	                               ? 8
	                               : 16 * codec_words(c);
	for (unsigned i = 0; i < c->nna && width < 64; i++) {
		const uint64_t above = c->na[i] >> width;
		if (above && above != UINT64_MAX >> width)
			diag_error(l->d, at(d, "na"),
			           "na: 0x%" PRIX64 " is wider than the raw value's %u bits",
			           c->na[i], width);
	}
}

/* A label of a code that the register can never give would never be seen. */
static void check_codes(struct load *l, struct draft *d)
{
	uint16_t words[CELLS_MAX] = {0}, mask[CELLS_MAX];
	const struct codec *c = &d->p.codec;
	struct value held;
	if (is_text(c->type) || is_float(c->type) || c->type == TYPE_BOOL || is_array(d) ||
	    d->exponent_from.name || d->factor_from.name)
		return;
	for (unsigned i = 0; i < d->p.nlabel; i++) {
		const struct value v = value_int(d->p.label[i].code);
		if (codec_encode(c, &v, words, mask) == CODEC_RANGE)
			diag_error(l->d, at(d, "values"),
			           "values: the register cannot hold %" PRId64 " (\"%s\")",
			           d->p.label[i].code, d->p.label[i].text);
		else if (codec_round(c, &v, &held) && !value_same(&v, &held))
			diag_error(l->d, at(d, "values"),
			           "values: scale and offset never give %" PRId64 " (\"%s\")",
			           d->p.label[i].code, d->p.label[i].text);
		else if (d->p.has_valid && ((double)d->p.label[i].code < d->p.valid_min ||
		                            (double)d->p.label[i].code > d->p.valid_max))
			diag_error(l->d, at(d, "values"),
			           "values: %" PRId64
			           " (\"%s\") is outside valid, it is read as None",
			           d->p.label[i].code, d->p.label[i].text);
	}
}

/* Near to a label is nothing: what is inherited does not count, what is said here is a mistake. */
static void check_deadband(struct load *l, struct draft *d)
{
	const struct hit *h = keys_hit(&keyset_point, d->hits, "deadband");
	if (!h || (d->p.codec.type != TYPE_BOOL && !d->p.nlabel))
		return;
	d->p.filter.deadband = 0;
	if (h->layer < LAYERS_MAX)
		diag_error(l->d, h->name->where, "deadband: has no effect on %s; remove it",
		           d->p.nlabel ? "labels" : "a bit");
}

/* What would have to be said of each element, or of a number. */
static void check_array(struct load *l, struct draft *d)
{
	static const char *const keys[] = {
		"bit",           "bits",        "byte",   "valid",    "counter",
		"exponent_from", "factor_from", "values", "deadband", "alert",
		"class",         "state_class", NULL};
	const struct codec *c = &d->p.codec;
	const unsigned words = codec_words(c);
	if (!is_array(d))
		return;
	d->p.filter.deadband = 0;
	for (size_t i = 0; keys[i]; i++) {
		const struct hit *h = keys_hit(&keyset_point, d->hits, keys[i]);
		if (h && h->layer < LAYERS_MAX)
			diag_error(l->d, h->name->where,
			           "%s: not together with array; give each element that needs it a "
			           "point of its own, see repeat",
			           keys[i]);
	}
	static const char *const number[] = {"scale", "offset", "decimals", "na", "unit", NULL};
	if (c->of == TYPE_BOOL)
		refuse(l, d, number, "bits");
	if (is_text(c->of))
		diag_error(l->d, at(d, "array"),
		           "array: only of numbers and bits; texts are points of their own, see "
		           "repeat");
	else if (words > READ_REGISTERS_MAX || (d->writable && words > WRITE_REGISTERS_MAX))
		diag_error(l->d, at(d, "array"),
		           "array: %u registers, but one request %s at most %u; split it into "
		           "several points",
		           words, words > READ_REGISTERS_MAX ? "reads" : "writes",
		           words > READ_REGISTERS_MAX ? READ_REGISTERS_MAX : WRITE_REGISTERS_MAX);
}

static void check_meaning(struct load *l, struct draft *d)
{
	static const char *const numbers[] = {"scale",    "offset", "exponent_from", "factor_from",
	                                      "decimals", "na",     "valid",         "counter",
	                                      "values",   "unit",   "deadband",      NULL};
	const struct codec *c = &d->p.codec;
	const struct hit *scale = keys_hit(&keyset_point, d->hits, "scale");
	if (is_text(c->type))
		for (size_t i = 0; numbers[i]; i++) {
			const struct hit *h = keys_hit(&keyset_point, d->hits, numbers[i]);
			if (h && h->layer < LAYERS_MAX)
				diag_error(l->d, h->name->where,
				           "%s: has no effect on a text; remove it", numbers[i]);
		}
	struct decimal zero;
	if (scale && scale->value->kind == NODE_SCALAR &&
	    decimal_parse(scale->value->text, &zero) && zero.mant == 0)
		diag_error(l->d, scale->value->where, "scale: 0 would make every value 0");
	for (unsigned i = 0; c->type == TYPE_BOOL && i < d->p.nlabel; i++)
		if (d->p.label[i].code != 0 && d->p.label[i].code != 1)
			diag_error(l->d, at(d, "values"), "values: a bit is 0 or 1, not %" PRId64,
			           d->p.label[i].code);
	check_array(l, d);
	check_codes(l, d);
	check_deadband(l, d);
	if (d->p.counter && c->type == TYPE_BOOL)
		diag_error(l->d, at(d, "counter"), "counter: a bit does not count");
	if (c->type != TYPE_DATETIME) {
		static const char *const dates[] = {"layout", "zone", NULL};
		refuse(l, d, dates, "a point that is not a datetime");
	}
}

/* Words of texts are in the order of their letters, those of a date in that of its layout. */
static bool has_word_order(const struct draft *d)
{
	const struct codec e = codec_element(&d->p.codec);
	if (!is_text(d->p.codec.type))
		return codec_words(&e) > 1;
	return d->layout && d->layout->n && d->layout->part[0] == PART_EPOCH;
}

/* Keys without effect: who wrote them beside the other meant something by it. */
static void check_vain(struct load *l, const struct draft *d)
{
	static const char *const number[] = {"scale", "offset",        "decimals",    "unit",
	                                     "valid", "exponent_from", "factor_from", NULL};
	static const char *const makers[] = {"coil", "discrete", "bit", "type"};
	static const char *const words[] = {"order", NULL};
	static const char *const again[] = {"heartbeat", NULL};
	static const char *const values[] = {"scale", "offset",  "decimals", "na",
	                                     "valid", "counter", "deadband", NULL};
	static const char *const of_numbers[] = {"order", "deadband", "heartbeat", NULL};
	static const char *const of_change[] = {"deadband", "heartbeat", NULL};
	static const char *const of_publishing[] = {"history", "heartbeat", "min_interval", NULL};
	for (size_t i = 0; d->p.codec.type == TYPE_BOOL && i < COUNT(makers); i++)
		refuse_beside(l, d, number, makers[i], "a bit");
	if (d->p.source == SOURCE_EXPR)
		refuse_beside(l, d, words, "expr", computed);
	else if (d->p.source == SOURCE_DEVICE_ID)
		refuse_beside(l, d, of_numbers, "device_id", identification);
	else if (d->p.period == PERIOD_ONCE)
		refuse_beside(l, d, again, "rate", "a point that is read once");
	if (d->p.filter.mode == PUBLISH_NEVER)
		refuse_beside(l, d, of_publishing, "publish", "a point that is never published");
	else if (d->p.filter.mode == PUBLISH_ALWAYS)
		refuse_beside(l, d, of_change, "publish", "a point that is published at each read");
	const struct hit *order = keys_hit(&keyset_point, d->hits, "order");
	const uint8_t o = d->p.codec.order;
	if (order && order->layer < LAYERS_MAX && d->p.source == SOURCE_REGISTER &&
	    !has_word_order(d) && (o == ORDER_LITTLE || o == ORDER_LITTLE_SWAPPED))
		diag_error(l->d, order->name->where, "order: %s has no order of words%s",
		           is_text(d->p.codec.type) ? "a text" : "one register",
		           o == ORDER_LITTLE ? "" : "; exchanged bytes are big-swapped");
	if (d->writable && d->w.raw)
		refuse(l, d, values, "an action");
	if (!d->p.alert) {
		static const char *const alerts[] = {"code", "desc", NULL};
		refuse(l, d, alerts, "a point without alert");
	}
}

void point_check(struct load *l, struct draft *d, size_t errors)
{
	static const char *const registers[] = {
		"type",   "length",        "array",       "byte",     "bit",    "bits", "scale",
		"offset", "exponent_from", "factor_from", "na",       "layout", "zone", "rate",
		"every",  "barrier",       "together",    "priority", NULL};
	static const char *const values[] = {"values",   "unit", "na",    "valid", "counter",
	                                     "decimals", "poll", "stale", NULL};
	check_source(l, d);
	if (d->p.source != SOURCE_REGISTER) {
		refuse(l, d, registers, d->p.source == SOURCE_EXPR ? computed : identification);
		if (d->p.source == SOURCE_DEVICE_ID)
			refuse(l, d, values, identification);
	} else {
		if (table_is_bits(d->p.table))
			check_bit_table(l, d);
		if (d->p.codec.type == TYPE_DATETIME)
			check_layout(l, d);
		check_length(l, d);
		check_field(l, d);
		check_address(l, d);
		check_na(l, d);
		check_meaning(l, d);
	}
	check_vain(l, d);
	d->broken = l->d->errors > errors;
	if (d->writable)
		write_check(l, d);
	if (l->d->errors == errors)
		point_contrary(l, d);
}
