// SPDX-License-Identifier: MIT
/* Home Assistant's modbus: section, alone or in a configuration.yaml. Keys and defaults as its
 * documentation has them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/convert.h"

static const char *const types[][2] = {{"int8", "s8"},     {"uint8", "u8"},      {"int16", "s16"},
                                       {"uint16", "u16"},  {"int32", "s32"},     {"uint32", "u32"},
                                       {"int64", "s64"},   {"uint64", "u64"},    {"int", "s16"},
                                       {"uint", "u16"},    {"float16", "f16"},   {"float32", "f32"},
                                       {"float64", "f64"}, {"string", "string"}, {NULL, NULL}};

static const char *const orders[][2] = {{"none", ""},
                                        {"byte", "big-swapped"},
                                        {"word", "little"},
                                        {"word_byte", "little-swapped"},
                                        {NULL, NULL}};

static const char *const tables[][2] = {{"holding", "holding"},
                                        {"input", "input"},
                                        {"coil", "coil"},
                                        {"discrete_input", "discrete"},
                                        {NULL, NULL}};

static long unit_id(const struct draft *d, const struct node *n)
{
	const long slave = node_number(n, "slave", -1);
	const long address = node_number(n, "device_address", slave);

	return address >= 0 ? address : d->default_id;
}

static struct draft_point *entity(struct draft *d, size_t bus, const struct node *n,
                                  const char *preset)
{
	const char *type = node_text(n, "input_type");
	const char *table = *type ? draft_word(tables, type) : preset;
	const long address = node_number(n, "address", -1);

	if (!table || address < 0 || address > 65535) {
		diag_warn(&d->d, n->where, "not converted: %s",
		          table ? "it has no address" : "this input_type is not known");
		return NULL;
	}
	const size_t device = draft_device_of(d, bus, unit_id(d, n), NULL);
	struct draft_point *p = draft_point(d, device, node_text(n, "name"));
	p->table = table;
	p->address = address;
	if (*node_text(n, "scan_interval"))
		p->every = draft_seconds(d, node_text(n, "scan_interval"));
	if (*node_text(n, "device_class"))
		p->class_ = draft_quoted(d, node_text(n, "device_class"));
	return p;
}

/* What would be read as another value is left out. */
static bool left_out(struct draft *d, const struct node *n, const char *what, const char *text)
{
	diag_warn(&d->d, n->where, "not converted: %s %.40s", what, text);
	return false;
}

/* `int` and `uint` are as wide as their count; also where no type is given. */
static const char *type_of(struct draft *d, const struct node *n)
{
	const char *data = node_text(n, "data_type");
	const long count = node_number(n, "count", 1);
	const bool plain = !*data || strcmp(data, "int") == 0 || strcmp(data, "uint") == 0;

	if (!plain)
		return draft_word(types, data);
	if (count != 1 && count != 2 && count != 4)
		return NULL;
	return arena_printf(d->arena, "%c%ld", *data == 'u' ? 'u' : 's', 16 * count);
}

/* False: it has an order of bytes that is not known. */
static bool order_of(const struct node *n, const char **order)
{
	const char *swap = node_text(n, "swap");

	if (!*swap && strcmp(node_text(n, "reverse_order"), "true") == 0)
		swap = "word";
	*order = *swap ? draft_word(orders, swap) : "";
	return *order;
}

static const char *known_text(const struct node *n, const char *key)
{
	return *node_text(n, key) ? node_text(n, key) : NULL;
}

static void sensor(struct draft *d, size_t bus, const struct node *n)
{
	static const char *const known[] = {"name",
	                                    "unique_id",
	                                    "address",
	                                    "slave",
	                                    "device_address",
	                                    "input_type",
	                                    "data_type",
	                                    "count",
	                                    "swap",
	                                    "scale",
	                                    "offset",
	                                    "precision",
	                                    "unit_of_measurement",
	                                    "device_class",
	                                    "state_class",
	                                    "scan_interval",
	                                    "nan_value",
	                                    "lazy_error_count",
	                                    "reverse_order",
	                                    NULL};
	const char *table = node_text(n, "input_type"), *order = NULL;
	const char *type = type_of(d, n);
	const bool good =
		(type || left_out(d, n, "data_type", node_text(n, "data_type"))) &&
		(order_of(n, &order) || left_out(d, n, "swap", node_text(n, "swap"))) &&
		(!*table || strcmp(table, "input") == 0 || strcmp(table, "holding") == 0 ||
	         left_out(d, n, "a sensor with input_type", table));
	struct draft_point *p = good ? entity(d, bus, n, "holding") : NULL;

	if (!p)
		return;
	draft_unknown(d, n, known, "sensor");
	p->type = type;
	if (strcmp(type, "string") == 0)
		p->length = (int)node_number(n, "count", 1);
	p->order = *order ? order : NULL;
	p->scale = known_text(n, "scale");
	p->offset = known_text(n, "offset");
	p->decimals = (int)node_number(n, "precision", -1);
	p->unit = known_text(n, "unit_of_measurement");
	p->state_class = known_text(n, "state_class");
	p->na = known_text(n, "nan_value");
}

static void binary_sensor(struct draft *d, size_t bus, const struct node *n)
{
	static const char *const known[] = {"name",         "unique_id",      "address",
	                                    "slave",        "device_address", "input_type",
	                                    "device_class", "scan_interval",  NULL};
	struct draft_point *p = entity(d, bus, n, "coil");

	if (!p)
		return;
	draft_unknown(d, n, known, "binary_sensor");
	if (strcmp(p->table, "holding") == 0 || strcmp(p->table, "input") == 0)
		p->bit = 0;
}

/* Also a light: both are one register that is on or off. */
static void switch_(struct draft *d, size_t bus, const struct node *n)
{
	static const char *const known[] = {
		"name",           "unique_id",  "address",    "slave",
		"device_address", "write_type", "command_on", "command_off",
		"scan_interval",  "verify",     NULL};
	const char *type = node_text(n, "write_type");
	const bool coil = strncmp(type, "coil", 4) == 0;
	struct draft_point *p = entity(d, bus, n, coil ? "coil" : "holding");

	if (!p)
		return;
	draft_unknown(d, n, known, "switch");
	p->write = true;
	p->type = coil ? NULL : "bool";
	p->on = known_text(n, "command_on");
	p->off = known_text(n, "command_off");
	const struct node *verify = node_get(n, "verify");
	if (verify && verify->kind == NODE_MAP && verify->n)
		diag_warn(&d->d, verify->where,
		          "switch: verify is not converted: what is written is read back where it "
		          "was written");
}

static void all(struct draft *d, size_t bus, const struct node *hub, const char *key,
                void (*one)(struct draft *, size_t, const struct node *))
{
	const struct node *list = node_get(hub, key);

	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		if (list->item[i]->kind == NODE_MAP)
			one(d, bus, list->item[i]);
}

static void connection(struct draft *d, struct draft_bus *b, const struct node *hub)
{
	const char *type = node_text(hub, "type");

	b->timeout = draft_seconds(d, node_text(hub, "timeout"));
	if (strcmp(type, "serial") == 0) {
		b->where = draft_quoted(d, node_text(hub, "port"));
		b->baud = known_text(hub, "baudrate");
		b->format = arena_printf(d->arena, "%ld%.1s%ld", node_number(hub, "bytesize", 8),
		                         *node_text(hub, "parity") ? node_text(hub, "parity") : "N",
		                         node_number(hub, "stopbits", 1));
		if (strcmp(node_text(hub, "method"), "ascii") == 0)
			diag_error(&d->d, hub->where, "Modbus ASCII is not supported");
		return;
	}
	if (strcmp(type, "udp") == 0)
		diag_error(&d->d, hub->where,
		           "Modbus over UDP is not supported; if the device "
		           "also takes TCP, use type: tcp");
	b->kind = strcmp(type, "rtuovertcp") == 0 ? "rtu_tcp" : "tcp";
	b->where = arena_printf(d->arena, "%.200s:%ld", node_text(hub, "host"),
	                        node_number(hub, "port", 502));
}

static void hub(struct draft *d, const struct node *n)
{
	static const char *const known[] = {
		"name", "type", "host", "port", "baudrate", "bytesize", "method", "parity",
		"stopbits", "timeout", "sensors", "binary_sensors", "switches", "lights",
		/* not needed here: pauses and retries are the gateway's own */
		"delay", "message_wait_milliseconds", "retries", "retry_on_empty",
		"close_comm_on_error", NULL};
	const size_t bus = draft_bus(d, node_text(n, "name"));

	connection(d, &d->bus[bus], n);
	draft_unknown(d, n, known, "hub");
	all(d, bus, n, "sensors", sensor);
	all(d, bus, n, "binary_sensors", binary_sensor);
	all(d, bus, n, "switches", switch_);
	all(d, bus, n, "lights", switch_);
}

void convert_homeassistant(struct draft *d, const struct node *root)
{
	const struct node *list = node_get(root, "modbus");

	list = list ? list : root;
	if (list->kind == NODE_MAP)
		hub(d, list);
	for (uint32_t i = 0; list->kind == NODE_LIST && i < list->n; i++)
		if (list->item[i]->kind == NODE_MAP)
			hub(d, list->item[i]);
}
