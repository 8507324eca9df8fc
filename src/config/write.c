// SPDX-License-Identifier: MIT
/* How a point is written. The keys may be in its `write` map; most of them beside it as well. */
#include <string.h>

#include "config/load.h"
#include "config/scalar.h"

#define DAY (86400 * US_S)
#define RAW_MAX 32 /* bytes a job holds, core/schedule/schedule.h */

struct writing {
	struct write_rule w;
	const struct recipe *recipe;
};

static void set_write_limit(struct load *l, const struct hit *h, void *object)
{
	struct write_rule *w = &((struct writing *)object)->w;
	const struct {
		const char *name;
		double *value;
		bool *has;
	} rows[] = {{"min", &w->min, &w->has_min},
	            {"max", &w->max, &w->has_max},
	            {"step", &w->step, &w->has_step}};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strcmp(rows[i].name, h->key->name) == 0)
			*rows[i].has = scalar_real(l->d, h->key->name, h->value, rows[i].value);
}

/* "fc16" or 16: the number, 0 after an error. */
static int64_t function_number(struct load *l, const char *key, const struct node *n)
{
	int64_t v;
	const char *text = scalar_text(l->d, key, n);
	if (!text)
		return 0;
	if (number_parse(strncmp(text, "fc", 2) == 0 ? text + 2 : text, &v) && v >= 1 && v <= 63)
		return v;
	diag_error(l->d, n->where, "%s: \"%s\" is not a function code like fc16", key, text);
	return 0;
}

void set_function(struct load *l, const struct hit *h, void *object)
{
	const int64_t v = function_number(l, h->key->name, h->value);
	if (v && (v > h->key->max || !((uint64_t)h->key->min >> v & 1)))
		diag_error(l->d, h->value->where, "%s: fc%d is none of %s", h->key->name, (int)v,
		           h->key->form);
	else if (v)
		*((uint8_t *)object + h->key->offset) = (uint8_t)v;
}

void set_functions(struct load *l, const struct hit *h, void *object)
{
	uint64_t *mask = (uint64_t *)(void *)((char *)object + h->key->offset);
	const struct node *v = h->value;
	const struct node *const *item = v->kind == NODE_LIST ? v->item : &v;
	*mask = 0;
	for (uint32_t i = 0; i < (v->kind == NODE_LIST ? v->n : 1); i++) {
		const int64_t code = function_number(l, h->key->name, item[i]);
		*mask |= code ? (uint64_t)1 << code : 0;
	}
}

static void set_address(struct load *l, const struct hit *h, void *object)
{
	struct writing *x = object;
	int64_t v;
	if (point_address(l, h, h->value, x->recipe, -1, &v))
		x->w.address = (int32_t)v;
}

static void set_raw(struct load *l, const struct hit *h, void *object)
{
	struct write_rule *w = &((struct writing *)object)->w;
	const struct node *v = h->value;
	if (v->kind != NODE_LIST || v->n == 0 || v->n > RAW_MAX) {
		diag_error(l->d, v->where,
		           "raw: expects a list of 1 to %d bytes, the function code first",
		           RAW_MAX);
		return;
	}
	uint8_t *bytes = arena_alloc(l->arena, v->n);
	for (uint32_t i = 0; i < v->n; i++) {
		int64_t byte = 0;
		scalar_int(l->d, "raw", v->item[i], 0, 255, &byte);
		bytes[i] = (uint8_t)byte;
	}
	w->raw = bytes;
	w->raw_len = (uint8_t)v->n;
}

static void set_when(struct load *l, const struct hit *h, void *object)
{
	static const char *const words[] = {"broker", "no_command", NULL};
	struct write_rule *w = object;
	const struct node *v = h->value;
	const struct node *const *item = v->kind == NODE_LIST ? v->item : &v;
	w->safe_on_broker = w->safe_on_no_command = false;
	for (uint32_t i = 0; i < (v->kind == NODE_LIST ? v->n : 1); i++) {
		const int k = scalar_choice(l->d, "when", item[i], words);
		w->safe_on_broker |= k == 0;
		w->safe_on_no_command |= k == 1;
	}
}

static void set_safe(struct load *l, const struct hit *h, void *object)
{
	struct write_rule *w = &((struct writing *)object)->w;
	w->safe_after = 60 * US_S;
	w->safe_on_broker = true;
	keys_read(l, &keyset_safe, h->value, h->value->where, w);
}

#define W(field) KEY_AT(struct writing, w.field)
#define R(field) KEY_AT(struct write_rule, field)
#define SET(function, text) .type = KEY_OTHER, .set = (function), .form = (text)

static const struct key safe_keys[] = {
	{"after", KEY_DURATION, R(safe_after), .min = 1 * US_S, .max = 366 * DAY, .preset = "60s",
         .doc = "How long the condition must last."},
	{"value", KEY_TEXT, KEY_REQUIRED, R(safe_value), .doc = "Value to write."},
	{"when", SET(set_when, "broker, no_command, or a list"), .preset = "broker",
         .doc = "Condition: the broker is unreachable; no command arrived."},
};

const struct keyset keyset_safe = {.name = "point.safe", .key = safe_keys, .n = COUNT(safe_keys)};

static const struct key write_keys[] = {
	{"only", KEY_BOOL, W(only), .preset = "false", .doc = "The point cannot be read."},
	{"min", SET(set_write_limit, "number"), .doc = "Smallest value that a command may write."},
	{"max", SET(set_write_limit, "number"), .doc = "Largest value that a command may write."},
	{"step", SET(set_write_limit, "number"),
         .doc = "Accept only multiples of this, counted from min or 0."},
	{"function", SET(set_function, "fc5, fc6, fc15, fc16, fc22 or fc23"), W(function),
         .min = 1 << 5 | 1 << 6 | 1 << 15 | 1 << 16 | 1 << 22 | 1 << 23, .max = 23,
         .preset = "the device's write_function", .doc = "Function code for writing."},
	{"address", SET(set_address, "PDU address"), .preset = "where it is read",
         .doc = "Address to write to."},
	{"on", KEY_INT, W(on), .min = 0, .max = 65535, .preset = "1",
         .doc = "Raw word to write for on; the same word read back means on."},
	{"off", KEY_INT, W(off), .min = 0, .max = 65535, .preset = "0",
         .doc = "Raw word to write for off; the same word read back means off."},
	{"toggle", KEY_INT, W(toggle), .min = 0, .max = 65535,
         .doc = "Raw word to write for toggle."},
	{"raw", SET(set_raw, "list of bytes"),
         .doc = "Request bytes of this action, without unit id and CRC."},
	{"answer", KEY_INT, W(raw_answer), .min = 0, .max = 253, .preset = "0, it ends by silence",
         .doc = "Length of the response to raw in bytes, function code included."},
	{"settle", KEY_DURATION, KEY_PROFILE, W(settle), .min = 0, .max = 600 * US_S,
         .preset = "0s", .doc = "Delay from the acknowledgement to the read-back."},
	{"verify", KEY_BOOL, KEY_PROFILE, W(verify), .preset = "true",
         .doc = "Read the point back after a write."},
	{"group", KEY_TEXT, KEY_PROFILE, W(group),
         .doc = "Points with the same name here are written together, unchanged ones as last "
                "read."},
	{"persistent", KEY_BOOL, KEY_PROFILE, W(persistent), .preset = "false",
         .doc = "Stored in memory that wears out: not written if it already holds the value."},
	{"min_write_interval", KEY_DURATION, KEY_PROFILE, W(min_write_interval), .min = 0,
         .max = DAY, .preset = "0s",
         .doc = "Shortest time between two writes; the last value wins; the end of a pulse, or a "
                "safe value when the gateway stops, does not wait."},
	{"pulse", KEY_DURATION, KEY_PROFILE, W(pulse), .min = 10 * US_MS, .max = 3600 * US_S,
         .doc = "Write the off value after this time; not together with group or rewrite."},
	{"repeatable", KEY_BOOL, KEY_PROFILE, W(repeatable), .preset = "true, false for actions",
         .doc = "Whether repeating the same write is harmless."},
	{"confirm", KEY_TEXT, KEY_PROFILE, W(confirm),
         .doc = "A command must be this word, a blank and the value."},
	{"safe", SET(set_safe, "{after: 60s, value: 0, when: [broker, no_command]}"),
         .flags = KEY_PROFILE,
         .doc = "Value to write when nothing controls the point; a start alone never writes it."},
	{"rewrite", KEY_DURATION, KEY_PROFILE, W(rewrite), .min = 100 * US_MS, .max = DAY,
         .doc = "Write the last value again at this interval, as a keep-alive."},
	{"sync", KEY_DURATION, KEY_PROFILE, W(sync), .min = 60 * US_S, .max = 366 * DAY,
         .doc = "Set the device's clock at this interval, while the gateway's own is "
                "synchronised."},
	{"accept_retained", KEY_BOOL, KEY_PROFILE, W(accept_retained), .preset = "false",
         .doc = "Accept retained commands, except toggles, pulses and actions."},
	{"command_timeout", KEY_DURATION, KEY_PROFILE, W(command_timeout), .min = 100 * US_MS,
         .max = 3600 * US_S, .preset = "10s",
         .doc = "A command that is not on the wire within this time expires."},
};

const struct keyset keyset_write = {
	.name = "point.write", .key = write_keys, .n = COUNT(write_keys)};

/* Does any layer make it writable? The most specific one decides. */
static bool write_wanted(struct load *l, const struct recipe *r, bool *only)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct node *v = node_get(r->map[i], "write");
		bool wanted = true;
		if (!v)
			continue;
		if (v->kind == NODE_SCALAR && strcmp(v->text, "only") == 0)
			*only = true;
		else if (v->kind == NODE_SCALAR)
			scalar_bool(l->d, "write", v, &wanted);
		return wanted;
	}
	return false;
}

/* `write` maps of all layers and what is beside them, most specific first. */
static void write_collect(struct load *l, const struct recipe *r, struct hits *hits)
{
	memset(hits, 0, sizeof *hits);
	for (unsigned i = 0; i < r->n; i++) {
		const struct node *v = node_get(r->map[i], "write");
		if (v && v->kind != NODE_SCALAR)
			keys_collect(l, &keyset_write, v, r->layer[i], 0, hits);
		keys_collect(l, &keyset_write, r->map[i], r->layer[i], KEY_PROFILE, hits);
	}
}

void write_read(struct load *l, const struct recipe *r, struct draft *out)
{
	struct hits hits;
	bool only = false;
	write_collect(l, r, &hits);
	const bool wanted = write_wanted(l, r, &only);
	struct writing x = {
		.recipe = r,
		.w = {.address = -1,
	              .on = -1,
	              .off = -1,
	              .toggle = -1,
	              .verify = true,
	              .repeatable = true,
	              .only = only,
	              .command_timeout = 10 * US_S},
	};
	keys_apply(l, &keyset_write, &hits, r->where, &x);
	if (!keys_hit(&keyset_write, &hits, "repeatable") && (x.w.raw || x.w.pulse))
		x.w.repeatable = false;
	out->w = x.w;
	out->writable = wanted;
	for (size_t i = 0; i < keyset_write.n && !wanted; i++) {
		const struct hit *h = &hits.hit[i];
		/* an override with `write: false` leaves the profile's rules standing unused */
		if (h->value && !node_get(r->map[0], "write") && node_find(r->map[0], h->key->name))
			diag_error(l->d, h->name->where,
			           "%s: the point is not writable; set write: true", h->key->name);
	}
}
