// SPDX-License-Identifier: MIT
/* Telegraf's inputs.modbus, in both of its styles ("register" and "request"). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "config/scalar.h"
#include "ctl/convert.h"

static const char *const types[][2] = {{"INT8L", "s8"},
                                       {"UINT8L", "u8"},
                                       {"INT16", "s16"},
                                       {"UINT16", "u16"},
                                       {"INT32", "s32"},
                                       {"UINT32", "u32"},
                                       {"INT64", "s64"},
                                       {"UINT64", "u64"},
                                       {"FLOAT16", "f16"},
                                       {"FLOAT16-IEEE", "f16"},
                                       {"FLOAT32", "f32"},
                                       {"FLOAT64", "f64"},
                                       {"FLOAT32-IEEE", "f32"},
                                       {"FLOAT64-IEEE", "f64"},
                                       {"STRING", "string"},
                                       {"BIT", "u16"},
                                       {NULL, NULL}};

static const char *const orders[][2] = {{"AB", ""},
                                        {"ABCD", ""},
                                        {"ABCDEFGH", ""},
                                        {"HGFEDCBA", "little-swapped"},
                                        {"BADCFEHG", "big-swapped"},
                                        {"GHEFCDAB", "little"},
                                        {"BA", "big-swapped"},
                                        {"DCBA", "little-swapped"},
                                        {"BADC", "big-swapped"},
                                        {"CDAB", "little"},
                                        {NULL, NULL}};

static const char *const tables[][2] = {{"coil", "coil"},
                                        {"discrete", "discrete"},
                                        {"holding", "holding"},
                                        {"input", "input"},
                                        {NULL, NULL}};

static const char *given(const struct node *n, const char *key)
{
	return *node_text(n, key) ? node_text(n, key) : NULL;
}

static long first_address(const struct node *n, uint32_t *count)
{
	const struct node *a = node_get(n, "address");
	int64_t out;

	*count = 1;
	if (!a)
		return ADDRESS_NONE;
	if (a->kind == NODE_LIST) {
		*count = a->n;
		for (uint32_t i = 1; i < a->n; i++) { /* one after the other, or it is no number */
			int64_t before, next;
			if (a->item[i]->kind != NODE_SCALAR ||
			    a->item[i - 1]->kind != NODE_SCALAR ||
			    !number_parse(a->item[i - 1]->text, &before) ||
			    !number_parse(a->item[i]->text, &next) || next != before + 1)
				return ADDRESS_NONE;
		}
		a = a->n ? a->item[0] : NULL;
	}
	return a && a->kind == NODE_SCALAR && number_parse(a->text, &out) && out >= 0 && out < 65536
	               ? (long)out
	               : ADDRESS_NONE;
}

/* FIXED and UFIXED are numbers as wide as their list of addresses; FLOAT32 is an old name of the
 * second. */
static const char *type_of(struct draft *d, const struct node *n, const char *key, uint32_t count)
{
	const char *text = node_text(n, key);

	if (strcmp(text, "FIXED") == 0 || strcmp(text, "UFIXED") == 0 ||
	    (strcmp(text, "FLOAT32") == 0 && strcmp(key, "data_type") == 0))
		return count != 1 && count != 2 && count != 4
		               ? NULL
		               : arena_printf(d->arena, "%c%u",
		                              text[0] == 'F' && text[1] == 'I' ? 's' : 'u',
		                              16 * count);
	return draft_word(types, text);
}

static void field(struct draft *d, size_t device, const struct node *n, const char *table,
                  const char *byte_order, const char *type_key)
{
	static const char *const known[] = {
		"name",        "address", "byte_order", "data_type", "type", "scale", "output",
		"measurement", "omit",    "length",     "register",  "bit",  NULL};
	const bool bit = strcmp(table, "coil") == 0 || strcmp(table, "discrete") == 0;
	uint32_t count;
	const long address = first_address(n, &count);

	if (strcmp(node_text(n, "omit"), "true") == 0)
		return;
	const char *type = bit ? NULL : type_of(d, n, type_key, count);
	const char *said = given(n, "byte_order") ? given(n, "byte_order") : byte_order;
	const char *order = *said ? draft_word(orders, said) : "";
	if (!order) {
		diag_warn(&d->d, n->where, "not converted: byte_order %.40s", said);
		return;
	}
	if (address == ADDRESS_NONE || (!bit && !type)) {
		diag_warn(&d->d, n->where, "not converted: %s %.40s",
		          address == ADDRESS_NONE ? "its address" : "type",
		          address == ADDRESS_NONE ? "" : node_text(n, type_key));
		return;
	}
	draft_unknown(d, n, known, "field");
	struct draft_point *p = draft_point(d, device, node_text(n, "name"));
	p->table = table;
	p->address = address;
	p->type = type;
	if (type && strcmp(type, "string") == 0)
		p->length = (int)node_number(n, "length", (long)count);
	p->order = *order && !bit ? order : NULL;
	if (!bit && strcmp(node_text(n, type_key), "BIT") == 0)
		p->bit = (int)node_number(n, "bit", 0);
	p->scale = bit || p->bit >= 0 ? NULL : given(n, "scale");
	if (p->scale && strcmp(p->scale, "1.0") == 0)
		p->scale = NULL;
}

static void fields(struct draft *d, size_t device, const struct node *list, const char *table,
                   const char *byte_order, const char *type_key)
{
	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		if (list->item[i]->kind == NODE_MAP)
			field(d, device, list->item[i], table, byte_order, type_key);
}

static void request(struct draft *d, size_t bus, const struct node *n, const char *name)
{
	const char *word = given(n, "register");
	const char *table = word ? draft_word(tables, word) : "holding";
	const size_t device =
		draft_device_of(d, bus, node_number(n, "slave_id", d->default_id), name);

	if (!table) {
		diag_warn(&d->d, n->where, "request: register \"%.40s\" is not known",
		          node_text(n, "register"));
		return;
	}
	fields(d, device, node_get(n, "fields"), table, node_text(n, "byte_order"), "type");
}

/* Each field names its register. */
static void metric(struct draft *d, size_t bus, const struct node *n)
{
	const size_t device =
		draft_device_of(d, bus, node_number(n, "slave_id", d->default_id), NULL);
	const struct node *list = node_get(n, "fields");

	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *one = list->item[i];
		if (one->kind != NODE_MAP)
			continue;
		const char *word = given(one, "register");
		const char *table = word ? draft_word(tables, word) : "holding";
		if (table)
			field(d, device, one, table, node_text(n, "byte_order"), "type");
		else
			diag_warn(&d->d, one->where, "not converted: register %.40s", word);
	}
}

static void connection(struct draft *d, struct draft_bus *b, const struct node *n)
{
	const char *controller = node_text(n, "controller"),
		   *mode = node_text(n, "transmission_mode");

	if (strncmp(mode, "ASCII", 5) == 0)
		diag_error(&d->d, n->where, "Modbus ASCII is not supported");
	b->timeout = given(n, "timeout");
	if (strncmp(controller, "file://", 7) == 0) {
		b->where = draft_quoted(d, controller + 7);
		b->baud = given(n, "baud_rate");
		b->format = arena_printf(d->arena, "%ld%.1s%ld", node_number(n, "data_bits", 8),
		                         given(n, "parity") ? given(n, "parity") : "N",
		                         node_number(n, "stop_bits", 1));
		return;
	}
	b->kind = strcmp(mode, "RTUoverTCP") == 0 ? "rtu_tcp" : "tcp";
	b->where = strncmp(controller, "tcp://", 6) == 0 ? controller + 6 : controller;
}

static void input(struct draft *d, const struct node *n)
{
	static const char *const lists[][2] = {{"coils", "coil"},
	                                       {"discrete_inputs", "discrete"},
	                                       {"holding_registers", "holding"},
	                                       {"input_registers", "input"}};
	static const char *const known[] = {"name",
	                                    "slave_id",
	                                    "timeout",
	                                    "controller",
	                                    "baud_rate",
	                                    "data_bits",
	                                    "parity",
	                                    "stop_bits",
	                                    "transmission_mode",
	                                    "configuration_type",
	                                    "coils",
	                                    "discrete_inputs",
	                                    "holding_registers",
	                                    "input_registers",
	                                    "request",
	                                    "metric",
	                                    "busy_retries",
	                                    "busy_retries_wait",
	                                    "debug_connection",
	                                    "optimization",
	                                    "workarounds",
	                                    "name_override",
	                                    "tags",
	                                    "interval",
	                                    NULL};
	const char *name = node_text(n, "name");
	const size_t bus = draft_bus(d, name);
	const struct node *requests = node_get(n, "request"), *metrics = node_get(n, "metric");

	connection(d, &d->bus[bus], n);
	draft_unknown(d, n, known, "inputs.modbus");
	for (size_t i = 0; i < COUNT(lists); i++)
		if (node_get(n, lists[i][0]))
			fields(d,
			       draft_device_of(d, bus, node_number(n, "slave_id", d->default_id),
			                       name),
			       node_get(n, lists[i][0]), lists[i][1], "", "data_type");
	for (uint32_t i = 0; requests && requests->kind == NODE_LIST && i < requests->n; i++)
		request(d, bus, requests->item[i], NULL);
	for (uint32_t i = 0; metrics && metrics->kind == NODE_LIST && i < metrics->n; i++)
		metric(d, bus, metrics->item[i]);
	for (size_t i = 0; given(n, "interval") && i < d->ndevice; i++)
		for (size_t k = 0; d->device[i].bus == bus && k < d->device[i].n; k++)
			d->device[i].point[k].every = given(n, "interval");
}

void convert_telegraf(struct draft *d, const struct node *root)
{
	const struct node *list = node_get(node_get(root, "inputs"), "modbus");

	if (list && list->kind == NODE_MAP)
		input(d, list);
	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		if (list->item[i]->kind == NODE_MAP)
			input(d, list->item[i]);
}
