// SPDX-License-Identifier: MIT
/* Devices: ranges, overrides, and what the device forces on its bus. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "config/scalar.h"

#define WINDOWS_MAX 32

/* -- the table -- */

static void set_windows(struct load *l, const struct hit *h, void *object)
{
	struct unit_rule *r = &((struct device *)object)->rule;
	const struct node *v = h->value;
	if (v->kind != NODE_LIST || v->n == 0 || v->n > WINDOWS_MAX) {
		diag_error(l->d, v->where,
		           "windows: expects a list of 1 to %d ranges, like [0..124, 125..249]",
		           WINDOWS_MAX);
		return;
	}
	struct window *window = arena_array(l->arena, v->n, sizeof *window);
	for (uint32_t i = 0; i < v->n; i++) {
		int64_t first = 0, last = 0;
		if (!scalar_range(l->d, "windows", v->item[i], 0, 65535, &first, &last))
			continue;
		window[i] = (struct window){(uint16_t)first, (uint16_t)last};
		for (uint32_t k = 0; k < i; k++)
			if (window[k].first <= last && first <= window[k].last)
				diag_error(l->d, v->item[i]->where,
				           "windows: %s overlaps an earlier one", v->item[i]->text);
	}
	r->window = window;
	r->nwindow = (uint8_t)v->n;
}

/* They are written in the addresses of the layer they are in. */
static void windows_shift(struct load *l, const struct layers *layers, const struct hit *h,
                          struct unit_rule *r)
{
	const uint8_t base = h && h->layer < layers->ndevice ? layers->device_base[h->layer] : 0;
	if (!base || !r->nwindow)
		return;
	if (base == BASE_MODICON) {
		diag_error(l->d, h->value->where,
		           "windows: not with address_base: modicon, which names a table; count "
		           "from 0 or 1");
		return;
	}
	struct window *window = arena_array(l->arena, r->nwindow, sizeof *window);
	for (unsigned i = 0; i < r->nwindow; i++) {
		if (r->window[i].first < base)
			diag_error(l->d, h->value->where, "windows: addresses begin at %u here",
			           base);
		window[i] = (struct window){(uint16_t)(r->window[i].first - base),
		                            (uint16_t)(r->window[i].last - base)};
	}
	r->window = window;
}

#define DEVICE(field) KEY_AT(struct device, field)
#define ELSEWHERE(text) .type = KEY_OTHER, .form = (text)

static const struct key device_keys[] = {
	{"profile", ELSEWHERE("profile"), .flags = KEY_ALONE,
         .doc = "Device profile; a device without one lists its own points."},
	{"parameters", ELSEWHERE("{name: value}"),
         .doc = "Values for the parameters of the profile."},
	{"bus", ELSEWHERE("bus"), .flags = KEY_ALONE,
         .doc = "Bus it is connected to; may be omitted if there is only one."},
	{"id", ELSEWHERE("1 to 255, 0, or 1..32 for a range of devices"), .flags = KEY_ALONE,
         .doc = "Modbus unit id; 0 on a tcp bus is the server itself, on others all units at once "
                "(broadcast)."},
	{"shared", KEY_BOOL, KEY_ALONE, DEVICE(shared), .preset = "false",
         .doc = "Another device shares this id on purpose."},
	{"only", ELSEWHERE("list of points"),
         .doc = "Use only these points; wildcards are allowed. The word essential selects all "
                "but "
                "settings and name plates: points that are written and polled slowly, or read "
                "once."},
	{"omit", ELSEWHERE("list of points"),
         .doc = "Use all points except these; wildcards are allowed."},
	{"rates", ELSEWHERE("{fast: 1s, normal: 10s, slow: 5m}"), .flags = KEY_PROFILE,
         .doc = "Polling period of each rate class for this device."},
	{"every", ELSEWHERE("duration, or fastest"),
         .doc = "Polling period of points that set neither rate nor every."},
	{"points", ELSEWHERE("map of points"),
         .doc = "Additional points, and changes to points of the profile."},
	{"address_base", ELSEWHERE("0, 1 or modicon"), .preset = "0",
         .doc = "Number of the first register as addresses count it; modicon: addresses are like "
                "40001 or 4x0001."},
	{"enabled", KEY_BOOL, KEY_ALONE, DEVICE(enabled), .preset = "true",
         .doc = "Poll this device; false: it is disabled."},
	{"commands", KEY_BOOL, KEY_ALONE, DEVICE(commands), .preset = "on",
         .doc = "Accept commands; off: they are refused."},
	{"json", KEY_BOOL, KEY_PROFILE | KEY_ALONE, DEVICE(json), .preset = "false",
         .doc = "Also publish all points as one JSON message."},
	{"setup", ELSEWHERE("list of {point: value}"), .flags = KEY_PROFILE,
         .doc = "Values to write, in order, each time it comes online, where they differ."},
	{"offline", ELSEWHERE("{point: value}"), .flags = KEY_PROFILE | KEY_ALONE,
         .doc = "Values to publish when it goes offline."},
	{"identify", ELSEWHERE("check or ignore"), .flags = KEY_ALONE, .preset = "check",
         .doc = "check: a device with a different identity stays offline."},
	{"unlock", ELSEWHERE("{point: name, value: text, lasts: 5m}"), .flags = KEY_PROFILE,
         .doc = "Password to write before other writes."},
	{"timeout", KEY_DURATION, KEY_FORCE, DEVICE(rule.timeout), .min = 10 * US_MS,
         .max = 60 * US_S, .preset = "500ms",
         .doc = "Longest wait for the first byte of a response."},
	{"retries", KEY_INT, KEY_FORCE, DEVICE(rule.retries), .min = 0, .max = 10, .preset = "1",
         .doc = "How often a failed read is retried at once."},
	{"pause", KEY_DURATION, KEY_FORCE, DEVICE(rule.pause), .min = 0, .max = 60 * US_S,
         .preset = "0ms",
         .doc = "Delay after a response before the next request to this device; the line serves "
                "others meanwhile."},
	{"pause_after_write", KEY_DURATION, KEY_FORCE, DEVICE(rule.pause_after_write), .min = 0,
         .max = 60 * US_S, .preset = "as pause", .doc = "Delay after the response to a write."},
	{"max_read", KEY_INT, KEY_FORCE, DEVICE(rule.max_read), .min = 1, .max = READ_REGISTERS_MAX,
         .preset = "125", .doc = "Maximum registers per read; 16 times as many bits."},
	{"max_write", KEY_INT, KEY_FORCE, DEVICE(max_write), .min = 1, .max = WRITE_REGISTERS_MAX,
         .preset = "123", .doc = "Maximum registers per write."},
	{"max_hole", KEY_INT, KEY_FORCE, DEVICE(rule.max_hole), .min = 0, .max = UINT16_MAX,
         .preset = "by cost", .doc = "Largest gap of unused registers merged into one read."},
	{"windows", KEY_OTHER, KEY_FORCE, .set = set_windows, .form = "like [0..124, 125..249]",
         .doc = "Address ranges that a single read must not leave."},
	{"write_function", KEY_OTHER, KEY_FORCE, DEVICE(write_function), .set = set_function,
         .form = "fc6 or fc16", .min = 1 << 6 | 1 << 16, .max = 16,
         .preset = "fc6 for one register, fc16 for more",
         .doc = "The only function code the device accepts for writing registers."},
	{"read_function", KEY_OTHER, KEY_FORCE, DEVICE(rule.read_function), .set = set_function,
         .form = "fc3 or fc4", .min = 1 << 3 | 1 << 4, .max = 4,
         .preset = "fc3 for holding, fc4 for input registers",
         .doc = "The only function code the device accepts for reading registers."},
	{"loose_echo", KEY_BOOL, KEY_FORCE, DEVICE(rule.loose_echo), .preset = "false",
         .doc = "Its response to fc6 has a different address or value than was written; such a "
                "write is read back."},
	{"functions", KEY_OTHER, KEY_FORCE, DEVICE(functions), .set = set_functions,
         .form = "list like [fc3, fc6, fc16]", .preset = "all but fc22",
         .doc = "Function codes that the device supports."},
};

const struct keyset keyset_device = {
	.name = "device",
	.key = device_keys,
	.n = COUNT(device_keys),
	.also = {&keyset_point},
	.also_flags = {KEY_INHERIT},
};

/* -- unlock, setup, offline: keys that name points --------------------------------------
 */

struct unlocking {
	const struct pointset *set;
	struct device *device;
};

static void set_unlock_point(struct load *l, const struct hit *h, void *object)
{
	const struct unlocking *x = object;
	x->device->unlock_point = pointset_index(l, x->set, "unlock", h->value);
}

static void set_unlock_value(struct load *l, const struct hit *h, void *object)
{
	const char *text = scalar_text(l->d, "value", h->value);
	((struct unlocking *)object)->device->unlock_value = arena_strdup(l->arena, text);
}

static void set_unlock_lasts(struct load *l, const struct hit *h, void *object)
{
	scalar_duration(l->d, "lasts", h->value, 0, 86400 * US_S,
	                &((struct unlocking *)object)->device->unlock_lasts);
}

static const struct key unlock_keys[] = {
	{"point", .type = KEY_OTHER, .flags = KEY_REQUIRED, .set = set_unlock_point,
         .form = "point", .doc = "Point to write the password to."},
	{"value", .type = KEY_OTHER, .flags = KEY_REQUIRED, .set = set_unlock_value, .form = "text",
         .doc = "The password or code."},
	{"lasts", .type = KEY_OTHER, .set = set_unlock_lasts, .form = "duration", .preset = "0s",
         .doc = "How long the unlock stays valid."},
};

const struct keyset keyset_unlock = {
	.name = "device.unlock", .key = unlock_keys, .n = COUNT(unlock_keys)};

/* The most specific map that has the key. */
static const struct node *layer_get(const struct layers *layers, const char *key, unsigned *layer)
{
	for (*layer = 0; *layer < layers->ndevice; (*layer)++) {
		const struct node *v = node_get(layers->device[*layer], key);
		if (v)
			return v;
	}
	return NULL;
}

static void step_read(struct load *l, const struct pointset *s, const char *key,
                      const struct pair *pair, bool written, bool lenient, struct setup_step *out,
                      size_t *n)
{
	if (lenient && pointset_omits(l, s, pair->key))
		return;
	const int i = pointset_index(l, s, key, pair->key);
	const char *text = scalar_text(l->d, pair->key->text, pair->value);
	if (i < 0 || !text)
		return;
	char buf[WRITE_PROBLEM_MAX];
	const char *problem = pointset_broken(l, s, (uint32_t)i) ? NULL
	                      : written ? write_problem(&s->point[i], text, buf, sizeof buf)
	                      : strcmp(text, "None") == 0 ? NULL
	                                                  : value_problem(&s->point[i], text);
	if (written && !s->point[i].write)
		diag_error(l->d, pair->key->where, "%s: point \"%s\" cannot be written", key,
		           pair->key->text);
	else if (problem)
		diag_error(l->d, pair->value->where, "%s: \"%s\" %s", key, text, problem);
	out[(*n)++] =
		(struct setup_step){(uint32_t)i, arena_strdup(l->arena, text), pair->key->where};
}

/* A map of points and values, or a list of such maps, in order. */
static size_t steps_read(struct load *l, const struct layers *layers, const struct pointset *s,
                         const char *key, bool written, const struct setup_step **out)
{
	unsigned layer = 0;
	const struct node *v = layer_get(layers, key, &layer);
	const bool lenient =
		layer >= layers->own; /* a profile may name what this device leaves out */
	if (!v || node_is_null(v))
		return 0;
	const struct node *const *item = v->kind == NODE_LIST ? v->item : &v;
	const uint32_t items = v->kind == NODE_LIST ? v->n : 1;
	size_t n = 0;
	struct setup_step *step = arena_array(l->arena, v->weight, sizeof *step);
	for (uint32_t i = 0; i < items; i++) {
		if (item[i]->kind != NODE_MAP)
			diag_error(l->d, item[i]->where,
			           "%s: expects points and values, like {Mode: remote}", key);
		else
			for (uint32_t k = 0; k < item[i]->n; k++)
				step_read(l, s, key, &item[i]->pair[k], written, lenient, step, &n);
	}
	*out = step;
	return n;
}

/* -- one device -- */

bool device_states(const struct load *l, size_t device, const char *key)
{
	for (size_t i = 0; i < COUNT(device_keys); i++)
		if (strcmp(device_keys[i].name, key) == 0)
			return l->stated && l->stated[device] >> i & 1;
	return false;
}

static void rule_read(struct load *l, struct layers *layers, const struct bus_draft *bus,
                      struct device *d)
{
	struct hits hits;
	memset(&hits, 0, sizeof hits);
	for (unsigned i = 0; i < layers->ndevice; i++)
		keys_collect(l, &keyset_device, layers->device[i], i,
		             i < layers->own ? 0 : KEY_FORCE | KEY_PROFILE, &hits);
	static_assert(COUNT(device_keys) <= 64, "a bit for each row");
	for (size_t i = 0; i < COUNT(device_keys); i++)
		layers->stated |= hits.hit[i].value ? (uint64_t)1 << i : 0;
	keys_collect(l, &keyset_device, bus ? bus->node : NULL, LAYERS_MAX, KEY_FORCE, &hits);
	keys_apply(l, &keyset_device, &hits, layers->where, d);
	windows_shift(l, layers, keys_hit(&keyset_device, &hits, "windows"), &d->rule);
	if (!keys_hit(&keyset_device, &hits, "pause_after_write"))
		d->rule.pause_after_write = d->rule.pause;
	d->rule.has_mask_write = d->functions >> 22 & 1;
	d->rule.functions = d->functions;
	const bool single = d->functions >> 6 & 1, several = d->functions >> 16 & 1;
	if (!d->write_function && single != several)
		d->write_function = single ? 6 : 16;
}

/* Without its profile a point cannot be read, but a wrong key is one with any. */
static void keys_known(struct load *l, const struct layers *layers)
{
	for (unsigned i = 0; i < layers->own_points; i++) {
		const struct node *map = layers->points[i];
		for (uint32_t k = 0; map->kind == NODE_MAP && k < map->n; k++) {
			struct hits point = {0}, write = {0};
			const struct node *v = map->pair[k].value, *w = node_get(v, "write");
			if (v->kind == NODE_MAP)
				keys_collect(l, &keyset_point, v, 0, 0, &point);
			if (w && w->kind == NODE_MAP)
				keys_collect(l, &keyset_write, w, 0, 0, &write);
		}
	}
}

static void unlock_check(struct load *l, const struct device *d, struct where where)
{
	const struct point *p = &d->set->point[d->unlock_point];
	char buf[WRITE_PROBLEM_MAX];
	if (!p->write)
		diag_error(l->d, where, "unlock: point \"%s\" cannot be written", p->name);
	else if (p->part)
		diag_error(l->d, where, "unlock: point \"%s\" is in a model that may be absent",
		           p->name);
	else if (d->unlock_value && !pointset_broken(l, d->set, (uint32_t)d->unlock_point) &&
	         write_problem(p, d->unlock_value, buf, sizeof buf))
		diag_error(l->d, where, "unlock: the value cannot be written to point \"%s\"",
		           p->name);
}

void device_make(struct load *l, struct layers *layers, struct device *d)
{
	const struct bus_draft *bus = l->buses.n ? &l->bus[d->bus] : NULL;
	d->enabled = d->commands = true;
	d->identify_point = d->unlock_point = -1;
	d->rule = (struct unit_rule){.unit = d->id,
	                             .timeout = 500 * US_MS,
	                             .retries = 1,
	                             .max_read = READ_REGISTERS_MAX,
	                             .max_hole = UINT16_MAX};
	d->max_write = WRITE_REGISTERS_MAX;
	rule_read(l, layers, bus, d);
	for (unsigned i = 0; i < layers->ndevice; i++)
		inherit_check(l, layers->device[i]);
	const struct profile *p = layers->profile;
	if (p) {
		d->profile = p->name;
		d->title = p->title;
		d->vendor = p->vendor;
		d->model = p->models;
		d->sources = p->sources;
		d->status = p->status;
	}
	d->set = layers->broken ? arena_alloc(l->arena, sizeof *d->set) : pointset_get(l, layers);
	struct sunspec_chain chain;
	if (p && d->set->sunspec && !p->sunspec_broken && sunspec_layout(d->set->sunspec, &chain))
		sunspec_bind(d, &chain); /* for all who have no device: its daemon finds another */
	if (layers->broken)
		keys_known(l, layers);
	if (layers->broken)
		return; /* without the profile's points every name would be unknown */
	identify_read(l, layers, d);
	d->nsetup = steps_read(l, layers, d->set, "setup", true, &d->setup);
	d->noffline = steps_read(l, layers, d->set, "offline", false, &d->offline);
	unsigned layer;
	const struct node *unlock = layer_get(layers, "unlock", &layer);
	struct unlocking x = {d->set, d};
	if (unlock)
		keys_read(l, &keyset_unlock, unlock, unlock->where, &x);
	if (d->unlock_point >= 0)
		unlock_check(l, d, unlock->where);
}
