// SPDX-License-Identifier: MIT
/* mqmgateway: networks, and topics ("objects") with states and commands. A decimal register counts
 * from 1, a hexadecimal one from 0, by its README. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/scalar.h"
#include "core/base/text.h"
#include "ctl/convert.h"

static const char *const tables[][2] = {{"holding", "holding"},
                                        {"input", "input"},
                                        {"coil", "coil"},
                                        {"bit", "discrete"},
                                        {NULL, NULL}};

/* What an object, a state or a command is in. */
struct context {
	const char *topic, *network, *slave, *refresh;
};

static const char *text_of(const struct node *n, const char *key, const char *preset)
{
	return *node_text(n, key) ? node_text(n, key) : preset;
}

static size_t network(struct draft *d, const char *name)
{
	for (size_t i = 0; i < d->nbus; i++)
		if (strcmp(d->bus[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

/* [network.][slave.]register, the rest from the context. */
struct place {
	size_t bus;
	long id, address;
};

static long register_number(const char *text)
{
	int64_t n;

	if (!number_parse(text, &n))
		return ADDRESS_NONE;
	return (long)n - (text[0] == '0' && tolower((unsigned char)text[1]) == 'x' ? 0 : 1);
}

static bool place_of(struct draft *d, const struct node *n, const struct context *c,
                     struct place *p)
{
	char *text = arena_strdup(d->arena, node_text(n, "register"));
	const char *part[3] = {c->network, c->slave, NULL};
	char *word[3];
	size_t words = 0;
	int64_t id = d->default_id;

	for (char *w = strtok(text, "."); w && words < 3; w = strtok(NULL, "."))
		word[words++] = w;
	if (words == 0)
		return false;
	for (size_t i = 0; i < words; i++)
		part[3 - words + i] = word[i];
	p->bus = part[0] && *part[0] ? network(d, part[0]) : d->nbus ? 0 : SIZE_MAX;
	if (part[1] && *part[1] && !number_parse(part[1], &id))
		return false;
	p->id = (long)id;
	p->address = register_number(part[2]);
	return p->bus != SIZE_MAX && p->address >= 0 && p->address < 65536;
}

/* std.divide(10, 2): the name, and up to four arguments. */
struct call {
	char name[24];
	const char *arg[4];
	size_t n;
};

static void call_parse(struct draft *d, const char *text, struct call *c)
{
	*c = (struct call){0};
	if (strncmp(text, "std.", 4) == 0)
		text += 4;
	const size_t len = strcspn(text, "(");
	snprintf(c->name, sizeof c->name, "%.*s", (int)len, text);
	if (text[len] != '(')
		return;
	char *rest = arena_strdup(d->arena, text + len + 1);
	char *end = strrchr(rest, ')');
	if (end)
		*end = '\0';
	if (strcmp(c->name, "map") == 0) {
		c->arg[c->n++] = rest;
		return;
	}
	for (char *w = strtok(rest, ", "); w && c->n < 4; w = strtok(NULL, ", "))
		c->arg[c->n++] = w;
}

static bool has_arg(const struct call *c, const char *word)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->arg[i], word) == 0)
			return true;
	return false;
}

static void order_of(struct draft_point *p, const struct call *c)
{
	const bool low = has_arg(c, "low_first"), swap = has_arg(c, "swap_bytes");

	p->order = low ? (swap ? "little-swapped" : "little") : swap ? "big-swapped" : NULL;
}

/* '{1:11, 0x2:"two"}' to {1: 11, 2: two}. */
static const char *map_of(struct draft *d, const char *text)
{
	char *out = arena_alloc(d->arena, 2 * strlen(text) + 4);
	size_t n = 0;

	out[n++] = '{';
	for (const char *p = text; *p; p++) {
		if (strchr("'{}\\", *p))
			continue;
		out[n++] = *p;
		if ((*p == ':' || *p == ',') && p[1] != ' ')
			out[n++] = ' ';
	}
	out[n++] = '}';
	return out;
}

/* False: it cannot be said. */
static bool converter(struct draft *d, struct draft_point *p, const char *text, long count)
{
	struct call c;

	call_parse(d, text, &c);
	const bool two = count == 2;
	if (strcmp(c.name, "divide") == 0 || strcmp(c.name, "multiply") == 0) {
		p->scale = c.name[0] == 'm' ? c.n ? c.arg[0] : NULL : draft_inverse(d, c.arg[0]);
		p->type = two ? "s32" : NULL;
		if (c.n > 1 && isdigit((unsigned char)c.arg[1][0]))
			p->decimals = (int)strtol(c.arg[1], NULL, 10);
		order_of(p, &c);
		return p->scale != NULL;
	}
	if (strcmp(c.name, "int8") == 0 || strcmp(c.name, "uint8") == 0) {
		p->type = c.name[0] == 'i' ? "s8" : "u8";
		return !has_arg(&c, "first");
	}
	if (strcmp(c.name, "int16") == 0 || strcmp(c.name, "int32") == 0 ||
	    strcmp(c.name, "uint32") == 0 || strcmp(c.name, "float32") == 0) {
		p->type = strcmp(c.name, "int16") == 0   ? "s16"
		          : strcmp(c.name, "int32") == 0 ? "s32"
		          : c.name[0] == 'u'             ? "u32"
		                                         : "f32";
		order_of(p, &c);
		for (size_t i = 0; i < c.n && c.name[0] == 'f'; i++)
			if (isdigit((unsigned char)c.arg[i][0]))
				p->decimals = (int)strtol(c.arg[i], NULL, 10);
		return true;
	}
	if (strcmp(c.name, "bit") == 0 && c.n == 1) {
		p->bit = (int)strtol(c.arg[0], NULL, 10) - 1;
		return p->bit >= 0 && p->bit < 16;
	}
	if (strcmp(c.name, "string") == 0) {
		p->type = "string";
		p->length = (int)count;
		return true;
	}
	if (strcmp(c.name, "map") == 0 && c.n) {
		p->values = map_of(d, c.arg[0]);
		return true;
	}
	return false;
}

static void give_up(struct draft *d, const struct node *n, const char *why)
{
	diag_warn(&d->d, n->where, "not converted: %s", why);
}

static void no_converter(struct draft *d, const struct node *n)
{
	const struct node *c = node_get(n, "converter");

	diag_warn(&d->d, c->where,
	          "not converted: %.60s; an expr: over other points may do the same", c->text);
}

static const char *joined(struct draft *d, const char *topic, const char *name)
{
	const char *slash = strrchr(topic, '/');

	if (!*name || strcmp(name, "state") == 0 || strcmp(name, "value") == 0)
		return slash ? slash + 1 : topic;
	return arena_printf(d->arena, "%.60s %.60s", slash ? slash + 1 : topic, name);
}

static void state(struct draft *d, const struct node *n, const struct context *c)
{
	static const char *const known[] = {"name",      "register",     "register_type",
	                                    "registers", "count",        "refresh",
	                                    "converter", "publish_mode", NULL};
	const long count = node_number(n, "count", 1);
	const char *table = draft_word(tables, text_of(n, "register_type", "holding"));
	struct place at;

	draft_unknown(d, n, known, "state");
	if (node_get(n, "registers")) {
		give_up(d, n, "a topic made of several registers; each is a point of its own here");
		return;
	}
	if (!place_of(d, n, c, &at)) {
		give_up(d, n, "its register names no known network");
		return;
	}
	if (!table) {
		give_up(d, n, "this register_type is not known");
		return;
	}
	const size_t device = draft_device_of(d, at.bus, at.id, NULL);
	struct draft_point *p = draft_point(d, device, joined(d, c->topic, node_text(n, "name")));
	p->table = table;
	p->address = at.address;
	const char *refresh = text_of(n, "refresh", c->refresh);
	const char *min = refresh && *refresh ? strstr(refresh, "min") : NULL;
	p->every = refresh && *refresh
	                   ? arena_printf(d->arena, "%.*s%s",
	                                  (int)(min ? min - refresh : (long)strlen(refresh)),
	                                  refresh, min ? "m" : "")
	                   : NULL;
	const char *conv = node_text(n, "converter");
	if (*conv && !converter(d, p, conv, count)) {
		no_converter(d, n);
		draft_drop(d, device, p);
	} else if (!*conv && count > 1) {
		give_up(d, n, "a list of registers without a converter");
		draft_drop(d, device, p);
	}
}

/* What a command's converter makes of the register. A number is divided or multiplied on its way to
 * the register: the point is scaled the other way round. False: it cannot be said. */
static bool command_converter(struct draft *d, struct draft_point *p, const struct node *n)
{
	const char *text = node_text(n, "converter");
	struct call c;

	if (!*text)
		return true;
	if (!converter(d, p, text, node_number(n, "count", 1)))
		return false;
	call_parse(d, text, &c);
	if (strcmp(c.name, "divide") == 0)
		p->scale = c.arg[0];
	else if (strcmp(c.name, "multiply") == 0)
		p->scale = draft_inverse(d, c.arg[0]);
	p->decimals = -1;
	return strcmp(c.name, "divide") != 0 || p->scale;
}

/* A command goes to the point that reads this register in the same way, or is one that is only
 * written. */
static void command(struct draft *d, const struct node *n, const struct context *c)
{
	const char *table = draft_word(tables, text_of(n, "register_type", "holding"));
	struct place at;

	if (!place_of(d, n, c, &at) || !table) {
		give_up(d, n, "its register names no known network");
		return;
	}
	const size_t device = draft_device_of(d, at.bus, at.id, NULL);
	for (size_t i = 0; i < d->device[device].n; i++) {
		struct draft_point *p = &d->device[device].point[i];
		struct draft_point as = {.bit = -1, .decimals = -1, .length = -1};
		if (p->address != at.address || strcmp(p->table, table) != 0)
			continue;
		const bool plain = !*node_text(n, "converter") && text_same(p->type, "s16");
		p->write = command_converter(d, &as, n) && text_same(as.scale, p->scale) &&
		           (plain || text_same(as.type, p->type)) &&
		           text_same(as.order, p->order) && text_same(as.values, p->values) &&
		           as.bit == p->bit;
		if (!p->write)
			give_up(d, n, "it is written in another way than it is read");
		return;
	}
	struct draft_point *p = draft_point(d, device, joined(d, c->topic, node_text(n, "name")));
	p->table = table;
	p->address = at.address;
	p->write_only = true;
	if (!command_converter(d, p, n)) {
		no_converter(d, n);
		draft_drop(d, device, p);
	}
}

/* A map, or a list of maps. */
static void each(struct draft *d, const struct node *n, const struct context *c,
                 void (*one)(struct draft *, const struct node *, const struct context *))
{
	if (n && n->kind == NODE_MAP)
		one(d, n, c);
	for (uint32_t i = 0; n && n->kind == NODE_LIST && i < n->n; i++)
		if (n->item[i]->kind == NODE_MAP)
			one(d, n->item[i], c);
}

static void object(struct draft *d, const struct node *n, const struct context *outer)
{
	static const char *const known[] = {"topic",        "network",      "slave",
	                                    "refresh",      "commands",     "state",
	                                    "publish_mode", "availability", NULL};
	struct context c = {.topic = node_text(n, "topic"),
	                    .network = node_text(n, "network"),
	                    .slave = node_text(n, "slave"),
	                    .refresh = text_of(n, "refresh", outer->refresh)};
	const struct pair *availability = node_find(n, "availability");

	draft_unknown(d, n, known, "object");
	if (strpbrk(c.slave, ",-") || strchr(c.network, ',')) {
		give_up(d, n, "several slaves in one object; here a device is named pump(1..8)");
		return;
	}
	if (availability)
		diag_warn(&d->d, availability->key->where,
		          "availability is not converted: a device has a status of its own");
	each(d, node_get(n, "state"), &c, state);
	each(d, node_get(n, "commands"), &c, command);
}

static void one_network(struct draft *d, const struct node *n, const struct context *c)
{
	static const char *const known[] = {
		"name", "device", "baud", "parity", "data_bit", "stop_bit", "address", "port",
		"response_timeout",
		/* not needed here: pauses, retries and blocks are the gateway's own */
		"response_data_timeout", "delay_before_first_command", "delay_before_command",
		"read_retries", "write_retries", "watchdog", "rtu_serial_mode", "rtu_rts_mode",
		"rtu_rts_delay_us", "slaves", NULL};

	draft_unknown(d, n, known, "network");
	const char *name = node_text(n, "name");
	const size_t bus = draft_bus(d, name);
	struct draft_bus *b = &d->bus[bus];

	(void)c;
	if (strcmp(b->name, name) != 0) /* registers refer to it by this name */
		b->name = name;
	b->timeout = *node_text(n, "response_timeout") ? node_text(n, "response_timeout") : NULL;
	if (*node_text(n, "device")) {
		b->where = draft_quoted(d, node_text(n, "device"));
		b->baud = *node_text(n, "baud") ? node_text(n, "baud") : NULL;
		b->format = arena_printf(d->arena, "%ld%.1s%ld", node_number(n, "data_bit", 8),
		                         text_of(n, "parity", "N"), node_number(n, "stop_bit", 1));
		return;
	}
	b->kind = "tcp";
	b->where = arena_printf(d->arena, "%.200s:%ld", node_text(n, "address"),
	                        node_number(n, "port", 502));
}

void convert_mqmgateway(struct draft *d, const struct node *root)
{
	const struct node *mqtt = node_get(root, "mqtt");
	const struct node *broker = node_get(mqtt, "broker");
	struct context c = {.refresh = node_text(mqtt, "refresh")};

	each(d, node_get(node_get(root, "modbus"), "networks"), &c, one_network);
	if (broker && *node_text(broker, "host")) {
		const bool tls = node_get(broker, "tls") != NULL;
		d->broker = arena_printf(d->arena, "%s://%.200s:%ld", tls ? "mqtts" : "mqtt",
		                         node_text(broker, "host"),
		                         node_number(broker, "port", tls ? 8883 : 1883));
		d->username = *node_text(broker, "username") ? node_text(broker, "username") : NULL;
		const struct pair *password = node_find(broker, "password");
		if (password)
			diag_warn(
				&d->d, password->key->where,
				"the password is not converted: put it into a file and name it by "
				"password_file");
	}
	each(d, node_get(mqtt, "objects"), &c, object);
}
