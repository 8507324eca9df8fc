// SPDX-License-Identifier: MIT
/* wb-mqtt-serial: a template of one device, or a configuration with ports and devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/scalar.h"
#include "ctl/convert.h"

static const char *const formats[][2] = {{"u16", "u16"},       {"s16", "s16"},   {"u8", "u8"},
                                         {"s8", "s8"},         {"u32", "u32"},   {"s32", "s32"},
                                         {"u64", "u64"},       {"s64", "s64"},   {"bcd16", "bcd16"},
                                         {"bcd32", "bcd32"},   {"float", "f32"}, {"double", "f64"},
                                         {"string", "string"}, {NULL, NULL}};

static const char *const tables[][2] = {{"holding", "holding"},
                                        {"holding_single", "holding"},
                                        {"holding_multi", "holding"},
                                        {"input", "input"},
                                        {"coil", "coil"},
                                        {"discrete", "discrete"},
                                        {NULL, NULL}};

/* The unit that the kind of a control implies, where `units` does not. */
static const char *const units[][2] = {
	{"temperature", "°C"}, {"rel_humidity", "%"}, {"voltage", "V"},
	{"current", "A"},      {"power", "W"},        {"power_consumption", "kWh"},
	{"lux", "lx"},         {"resistance", "Ohm"}, {"concentration", "ppm"},
	{NULL, NULL}};

/* 12, "0x0C", "12:4" or "12:4:2": register, first bit, number of bits. */
static bool address_of(struct draft *d, const char *text, struct draft_point *p)
{
	char *word = arena_strdup(d->arena, text);
	char *bit = strchr(word, ':');
	int64_t n, first = 0, width = 1;

	if (bit) {
		*bit++ = '\0';
		char *count = strchr(bit, ':');
		if (count)
			*count++ = '\0';
		if (!number_parse(bit, &first) || first < 0 || first > 15 ||
		    (count && (!number_parse(count, &width) || width < 1 || first + width > 16)))
			return false;
		if (width == 1)
			p->bit = (int)first;
		else
			p->bits = arena_printf(d->arena, "%ld..%ld", (long)first,
			                       (long)(first + width - 1));
	}
	if (!number_parse(word, &n) || n < 0 || n > 65535)
		return false;
	p->address = (long)n;
	return true;
}

/* "enum": [0, 1] with "enum_titles": ["off", "on"]. */
static const char *labels(struct draft *d, const struct node *n)
{
	const struct node *code = node_get(n, "enum"), *title = node_get(n, "enum_titles");
	const char *text = "";

	if (!code || !title || code->kind != NODE_LIST || title->kind != NODE_LIST ||
	    code->n != title->n || code->n > 64)
		return NULL;
	for (uint32_t i = 0; i < code->n; i++) {
		if (code->item[i]->kind != NODE_SCALAR || title->item[i]->kind != NODE_SCALAR)
			return NULL;
		text = arena_printf(d->arena, "%s%s%s: %s", text, i ? ", " : "",
		                    code->item[i]->text, draft_quoted(d, title->item[i]->text));
	}
	return code->n ? arena_printf(d->arena, "{%s}", text) : NULL;
}

/* Digits after the point of 0.01. */
static int decimals_of(const char *round_to)
{
	const char *point = strchr(round_to, '.');

	return point ? (int)strlen(point + 1) : -1;
}

static const char *given(const struct node *n, const char *key)
{
	return *node_text(n, key) ? node_text(n, key) : NULL;
}

static void numbers(struct draft *d, struct draft_point *p, const struct node *n)
{
	p->scale = given(n, "scale");
	p->offset = given(n, "offset");
	p->na = given(n, "error_value");
	p->values = labels(d, n);
	p->unit = given(n, "units");
	if (!p->unit)
		p->unit = draft_word(units, node_text(n, "type"));
	if (given(n, "round_to"))
		p->decimals = decimals_of(node_text(n, "round_to"));
	const bool words = strcmp(node_text(n, "word_order"), "little_endian") == 0;
	const bool bytes = strcmp(node_text(n, "byte_order"), "little_endian") == 0;
	p->order = words ? (bytes ? "little-swapped" : "little") : bytes ? "big-swapped" : NULL;
	const long period = node_number(n, "read_period_ms", node_number(n, "poll_interval", 0));
	if (period > 0)
		p->every = arena_printf(d->arena, "%ldms", period);
}

static void access_of(struct draft_point *p, const struct node *n)
{
	const char *kind = node_text(n, "type"), *readonly = node_text(n, "readonly");
	const bool writable = strcmp(p->table, "holding") == 0 || strcmp(p->table, "coil") == 0;
	const bool acts = strcmp(kind, "switch") == 0 || strcmp(kind, "range") == 0 ||
	                  strcmp(kind, "rgb") == 0 || strcmp(kind, "pushbutton") == 0;

	p->write = writable && strcmp(readonly, "true") != 0 &&
	           (acts || strcmp(readonly, "false") == 0);
	p->on = given(n, "on_value");
	p->off = given(n, "off_value");
	if (strcmp(kind, "range") == 0 || p->write) {
		p->min = given(n, "min");
		p->max = given(n, "max");
	}
	if (!p->write)
		p->on = p->off = p->min = p->max = NULL;
}

/* Keys of a channel that are converted, or have no counterpart and lose nothing. */
static const char *const channel_keys[] = {
	"name",
	"id",
	"enabled",
	"reg_type",
	"address",
	"type",
	"format",
	"scale",
	"offset",
	"round_to",
	"units",
	"word_order",
	"byte_order",
	"error_value",
	"readonly",
	"on_value",
	"off_value",
	"enum",
	"enum_titles",
	"min",
	"max",
	"read_period_ms",
	"poll_interval",
	"string_data_size",
	"group",
	"order",
	"title",
	"description",
	"read_rate_limit_ms",
	"semi_active",
	"sporadic",
	"write_address",
	NULL,
};

static void channel(struct draft *d, size_t device, const struct node *n)
{
	const char *format = node_text(n, "format");
	const char *type = *format ? draft_word(formats, format) : "u16";
	const char *table = draft_word(tables, node_text(n, "reg_type"));

	if (!type || !table) {
		diag_warn(&d->d, n->where, "not converted: %s %.40s", type ? "reg_type" : "format",
		          type ? node_text(n, "reg_type") : format);
		return;
	}
	struct draft_point *p = draft_point(d, device, node_text(n, "name"));
	p->table = table;
	if (!address_of(d, node_text(n, "address"), p)) {
		diag_warn(&d->d, n->where, "not converted: address \"%.40s\"",
		          node_text(n, "address"));
		draft_drop(d, device, p);
		return;
	}
	draft_unknown(d, n, channel_keys, "channel");
	const bool bits = strcmp(table, "coil") == 0 || strcmp(table, "discrete") == 0;
	p->type = bits ? NULL : type;
	if (strcmp(type, "string") == 0)
		p->length = (int)node_number(n, "string_data_size", 1);
	numbers(d, p, n);
	if (bits || p->bit >= 0)
		p->scale = p->offset = p->na = NULL;
	access_of(p, n);
	if (given(n, "write_address") && p->write) {
		diag_warn(&d->d, n->where,
		          "it is written at another address (write_address): not writable here; a "
		          "point "
		          "with write: only at that address can be added");
		p->write = false;
		p->on = p->off = p->min = p->max = NULL;
	}
}

static void channels(struct draft *d, size_t device, const struct node *list)
{
	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		if (list->item[i]->kind == NODE_MAP)
			channel(d, device, list->item[i]);
}

static void one_device(struct draft *d, size_t bus, const struct node *n)
{
	const char *name = *node_text(n, "id") ? node_text(n, "id") : node_text(n, "name");
	const size_t device = draft_device(d, name, bus, node_number(n, "slave_id", d->default_id));

	if (node_get(n, "setup"))
		diag_warn(&d->d, n->where,
		          "setup is not converted: nothing is written when a device comes online");
	d->device[device].disabled = strcmp(node_text(n, "enabled"), "false") == 0;
	channels(d, device, node_get(n, "channels"));
	if (d->device[device].n)
		return;
	diag_warn(&d->d, n->where,
	          "device_type %.60s: convert its template file, too, and move its "
	          "points here (or look for a profile: xnetctl profiles)",
	          node_text(n, "device_type"));
	if (device == d->ndevice - 1)
		d->ndevice--;
}

static void port(struct draft *d, const struct node *n)
{
	const char *kind = node_text(n, "port_type");
	const size_t bus = draft_bus(d, NULL);
	struct draft_bus *b = &d->bus[bus];
	const struct node *devices = node_get(n, "devices");

	if (*node_text(n, "path")) {
		b->where = draft_quoted(d, node_text(n, "path"));
		b->baud = given(n, "baud_rate");
		b->format = arena_printf(d->arena, "%ld%.1s%ld", node_number(n, "data_bits", 8),
		                         *node_text(n, "parity") ? node_text(n, "parity") : "N",
		                         node_number(n, "stop_bits", 1));
	} else {
		b->kind = strcmp(kind, "modbus tcp") == 0 ? "tcp" : "rtu_tcp";
		b->where = arena_printf(d->arena, "%.200s:%ld", node_text(n, "address"),
		                        node_number(n, "port", 502));
	}
	for (uint32_t i = 0; devices && devices->kind == NODE_LIST && i < devices->n; i++)
		if (devices->item[i]->kind == NODE_MAP)
			one_device(d, bus, devices->item[i]);
}

void convert_wirenboard(struct draft *d, const struct node *root)
{
	const struct node *ports = node_get(root, "ports"), *device = node_get(root, "device");

	for (uint32_t i = 0; ports && ports->kind == NODE_LIST && i < ports->n; i++)
		if (ports->item[i]->kind == NODE_MAP)
			port(d, ports->item[i]);
	if (!device)
		return;
	if (node_get(device, "parameters"))
		diag_warn(&d->d, node_find(device, "parameters")->key->where,
		          "parameters are not converted: settings of the device are points with "
		          "write: here");
	one_device(d, draft_bus(d, "rs485"), device);
}
