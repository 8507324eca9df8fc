// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "config/scalar.h"

#define MODBUS_PORT 502

/* What libmodbus passes to the kernel; anything else it opens as 9600 (modbus-rtu.c,
 * _modbus_rtu_connect). */
static const uint32_t bauds[] = {
	110,     300,     600,     1200,    2400,    4800,    9600,    19200,
	38400,   57600,   115200,  230400,  460800,  500000,  576000,  921600,
	1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
};

bool baud_check(struct load *l, const char *key, const struct node *n, uint32_t *out)
{
	int64_t v;
	if (!scalar_int(l->d, key, n, 1, 4000000, &v))
		return false;
	uint32_t nearest = bauds[0];
	for (size_t i = 0; i < COUNT(bauds); i++) {
		if (bauds[i] == v) {
			*out = bauds[i];
			return true;
		}
		if (llabs((int64_t)bauds[i] - v) < llabs((int64_t)nearest - v))
			nearest = bauds[i];
	}
	diag_error(l->d, n->where, "%s: %s is not a baud rate serial ports know; the nearest is %u",
	           key, n->text, nearest);
	return false;
}

bool format_check(struct load *l, const char *key, const struct node *n)
{
	const char *s = scalar_text(l->d, key, n);
	if (!s)
		return false;
	if ((s[0] == '7' || s[0] == '8') && s[1] && strchr("NEO", s[1]) && s[1] &&
	    (s[2] == '1' || s[2] == '2') && !s[3])
		return true;
	diag_error(l->d, n->where,
	           "%s: \"%s\" is not like 8N1: 7 or 8 data bits, N, E or O, 1 or 2 stop bits", key,
	           s);
	return false;
}

static void format_set(struct bus_conf *b, const char *format)
{
	b->data = (uint8_t)(format[0] - '0');
	b->parity = format[1];
	b->stop = (uint8_t)(format[2] - '0');
}

static void set_port(struct load *l, const struct hit *h, void *object)
{
	struct bus_conf *b = object;
	const char *path = scalar_text(l->d, "port", h->value);
	if (!path)
		return;
	if (*path != '/')
		diag_error(l->d, h->value->where, "port: \"%s\" is not a path like /dev/ttyUSB0%s",
		           path,
		           strpbrk(path, ":.") ? "; an address on the network is tcp: host:port"
		                               : "");
	b->kind = BUS_SERIAL;
	b->port = load_text(l, path);
}

static const char *endpoint_hint(const char *text)
{
	if (strstr(text, "://"))
		return ": remove what is before the host";
	return *text == '/' ? "; a serial line is port: /dev/..." : "";
}

/* "host:port", "[::1]:502"; TCP's default port is 502. */
static void set_endpoint(struct load *l, const struct hit *h, void *object)
{
	struct bus_conf *b = object;
	const char *text = scalar_text(l->d, h->key->name, h->value);
	if (!text)
		return;
	b->kind = strcmp(h->key->name, "tcp") == 0 ? BUS_TCP : BUS_RTU_TCP;
	const char *host;
	size_t len;
	bool has_port;
	int64_t port = MODBUS_PORT;
	if (!host_port_parse(text, &host, &len, &port, &has_port)) {
		diag_error(l->d, h->value->where, "%s: \"%s\" is not host or host:port%s",
		           h->key->name, text, endpoint_hint(text));
		return;
	}
	if (!has_port && b->kind == BUS_RTU_TCP)
		diag_error(l->d, h->value->where, "rtu_tcp: the port is missing, like %s:4196",
		           text);
	b->host = arena_strndup(l->arena, host, len);
	b->tcp_port = (uint16_t)port;
}

static void set_baud(struct load *l, const struct hit *h, void *object)
{
	baud_check(l, "baud", h->value, &((struct bus_conf *)object)->baud);
}

static void set_format(struct load *l, const struct hit *h, void *object)
{
	if (format_check(l, "format", h->value))
		format_set(object, h->value->text);
}

static void set_direction_map(struct load *l, const struct hit *h, void *object)
{
	((struct bus_conf *)object)->direction =
		strcmp(h->key->name, "rts") == 0 ? DIRECTION_RTS : DIRECTION_KERNEL;
	keys_read(l, &keyset_direction, h->value, h->value->where, object);
}

static const struct key direction_map_keys[] = {
	{"kernel", .type = KEY_OTHER, .set = set_direction_map, .form = "map"},
	{"rts", .type = KEY_OTHER, .set = set_direction_map, .form = "map"},
};

static const struct keyset keyset_direction_map = {
	.name = "direction",
	.key = direction_map_keys,
	.n = COUNT(direction_map_keys),
};

static void set_direction(struct load *l, const struct hit *h, void *object)
{
	static const char *const words[] = {"auto", "kernel", "rts", "off", NULL};
	if (h->value->kind == NODE_MAP) {
		keys_read(l, &keyset_direction_map, h->value, h->value->where, object);
		if (h->value->n != 1)
			diag_error(l->d, h->value->where,
			           "direction: expects either kernel or rts");
		return;
	}
	const int i = scalar_choice(l->d, "direction", h->value, words);
	if (i >= 0)
		((struct bus_conf *)object)->direction = (uint8_t)i;
}

#define BUS(field) KEY_AT(struct bus_conf, field)

static const struct key bus_keys[] = {
	{"port", .type = KEY_OTHER, .set = set_port, .form = "path",
         .doc = "Serial port; names below /dev/serial/by-id are stable."},
	{"tcp", .type = KEY_OTHER, .set = set_endpoint, .form = "host:port", .preset = "port 502",
         .doc = "Modbus TCP endpoint, with all units behind it."},
	{"rtu_tcp", .type = KEY_OTHER, .set = set_endpoint, .form = "host:port",
         .doc = "Converter that carries RTU frames over TCP."},
	{"baud", .type = KEY_OTHER, .set = set_baud, .form = "number",
         .preset = "as in the devices' profiles, else 9600",
         .doc = "Baud rate in bits per second."},
	{"format", .type = KEY_OTHER, .set = set_format, .form = "like 8N1",
         .preset = "as in the devices' profiles, else 8N1",
         .doc = "Data bits, parity (N, E, O) and stop bits."},
	{"direction", .type = KEY_OTHER, .set = set_direction,
         .form = "auto, kernel, rts or off; {kernel: {rts: high, before: 100us, after: 100us}}",
         .preset = "auto", .doc = "What switches the RS-485 driver between sending and receiving."},
	{"silence", KEY_DURATION, KEY_AUTO, BUS(silence), .min = 0, .max = 1 * US_S,
         .preset = "auto",
         .doc = "Silent time between two frames; auto: 3.5 characters, 1.75 ms above 19200 baud."},
	{"timeout", KEY_DURATION, BUS(timeout), .min = 10 * US_MS, .max = 60 * US_S,
         .preset = "500ms",
         .doc = "Longest wait for the first byte of a response; the timeout in use is learned from "
                "the device."},
	{"retries", KEY_INT, BUS(retries), .min = 0, .max = 10, .preset = "1",
         .doc = "How often a failed read is retried at once; writes never are."},
	{"description", KEY_TEXT, BUS(description), .doc = "Description of the bus for people."},
	{"echo", KEY_BOOL, BUS(echo), .preset = "off",
         .doc = "Whether the adapter echoes what it sends."},
	{"connect_delay", KEY_DURATION, BUS(connect_delay), .min = 0, .max = 60 * US_S,
         .preset = "0ms", .doc = "Delay between connecting and the first request."},
	{"close_idle", KEY_DURATION, KEY_OFF, BUS(close_idle), .min = 100 * US_MS,
         .max = 86400 * US_S, .preset = "off",
         .doc = "Close the connection after this time without a request."},
};

static const char *const level_words[] = {"low", "high", NULL};

static const struct key direction_keys[] = {
	{"rts", KEY_CHOICE, BUS(rts_high), .choice = level_words, .preset = "high",
         .doc = "Level of RTS while sending."},
	{"before", KEY_DURATION, BUS(rts_before), .min = 0, .max = 100 * US_MS, .preset = "0us",
         .doc = "Delay from switching on to the first bit."},
	{"after", KEY_DURATION, BUS(rts_after), .min = 0, .max = 100 * US_MS, .preset = "0us",
         .doc = "Delay from the last bit to switching back."},
};

const struct keyset keyset_bus = {
	.name = "bus",
	.key = bus_keys,
	.n = COUNT(bus_keys),
	.also = {&keyset_device},
	.also_flags = {KEY_FORCE},
};
const struct keyset keyset_direction = {
	.name = "bus.direction",
	.key = direction_keys,
	.n = COUNT(direction_keys),
};

/* Keys that mean nothing on this kind of bus. */
static void kind_check(struct load *l, const struct bus_conf *b, const struct hits *hits)
{
	static const struct {
		const char *key;
		uint8_t kinds; /* bit by enum bus_kind */
	} rows[] = {
		{"baud", 1 << BUS_SERIAL | 1 << BUS_RTU_TCP},
		{"format", 1 << BUS_SERIAL | 1 << BUS_RTU_TCP},
		{"silence", 1 << BUS_SERIAL | 1 << BUS_RTU_TCP},
		{"direction", 1 << BUS_SERIAL},
		{"echo", 1 << BUS_SERIAL | 1 << BUS_RTU_TCP},
		{"connect_delay", 1 << BUS_TCP | 1 << BUS_RTU_TCP},
		{"close_idle", 1 << BUS_TCP | 1 << BUS_RTU_TCP},
	};
	static const char *const kinds[] = {"a serial port", "tcp", "rtu_tcp"};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct hit *h = keys_hit(&keyset_bus, hits, rows[i].key);
		if (h && !(rows[i].kinds & 1 << b->kind))
			diag_error(l->d, h->name->where, "%s: has no effect on a bus that is %s",
			           rows[i].key, kinds[b->kind]);
	}
}

static bool bus_meant(const struct node *map)
{
	return keys_meant(&keyset_bus, map, "port") || keys_meant(&keyset_bus, map, "tcp") ||
	       keys_meant(&keyset_bus, map, "rtu_tcp");
}

static void bus_load(struct load *l, const struct entry *e, struct bus_draft *out)
{
	struct bus_conf *b = &out->conf;
	struct hits hits;
	memset(&hits, 0, sizeof hits);
	*b = (struct bus_conf){
		.name = arena_strdup(l->arena, e->name),
		.where = e->key->where,
		.baud = 9600,
		.data = 8,
		.parity = 'N',
		.stop = 1,
		.rts_high = true,
		.timeout = 500 * US_MS,
		.retries = 1,
	};
	out->node = e->node;
	name_check(l, "a bus's name", e->key);
	keys_collect(l, &keyset_bus, e->node, 0, 0, &hits);
	keys_apply(l, &keyset_bus, &hits, b->where, b);
	const struct hit *which[] = {keys_hit(&keyset_bus, &hits, "port"),
	                             keys_hit(&keyset_bus, &hits, "tcp"),
	                             keys_hit(&keyset_bus, &hits, "rtu_tcp")};
	const int n = !!which[0] + !!which[1] + !!which[2];
	if (n == 0 && bus_meant(e->node))
		return;
	if (n != 1) {
		diag_error(l->d, b->where,
		           n ? "bus \"%s\" has more than one of port, tcp and rtu_tcp"
		             : "bus \"%s\" needs port, tcp or rtu_tcp",
		           b->name);
		return;
	}
	kind_check(l, b, &hits);
	out->has_baud = keys_hit(&keyset_bus, &hits, "baud");
	out->has_format = keys_hit(&keyset_bus, &hits, "format");
	if (b->kind == BUS_TCP)
		b->baud = 0;
}

void buses_load(struct load *l)
{
	l->bus = arena_array(l->scratch, l->buses.n, sizeof *l->bus);
	for (size_t i = 0; i < l->buses.n; i++)
		bus_load(l, &l->buses.entry[i], &l->bus[i]);
}

int bus_find(const struct load *l, const char *name)
{
	return name_table_find(&l->buses.by_name, name, strlen(name));
}

static void use_baud(struct load *l, struct bus_draft *b, uint32_t baud, const char *device,
                     struct where where)
{
	if (b->has_baud || !baud)
		return;
	if (!b->baud_device) {
		b->baud_device = device;
		b->conf.baud = baud;
	} else if (b->conf.baud != baud) {
		diag_error_once(l->d, where,
		                "%s expects %u baud on bus \"%s\", but %s expects %u: set all "
		                "devices to the same and give it as baud of the bus",
		                device, baud, b->conf.name, b->baud_device, b->conf.baud);
	}
}

static void use_format(struct load *l, struct bus_draft *b, const char *format, const char *device,
                       struct where where)
{
	struct bus_conf *c = &b->conf;
	if (b->has_format || !format)
		return;
	const char now[] = {(char)('0' + c->data), c->parity, (char)('0' + c->stop), '\0'};
	if (!b->format_device) {
		b->format_device = device;
		format_set(c, format);
	} else if (strcmp(now, format) != 0) {
		diag_error_once(l->d, where,
		                "%s expects %s on bus \"%s\", but %s expects %s: set all devices "
		                "to the same and give it as format of the bus",
		                device, format, c->name, b->format_device, now);
	}
}

void bus_use(struct load *l, size_t bus, const struct profile *p, const char *device,
             struct where where)
{
	struct bus_draft *b = &l->bus[bus];
	if (b->conf.kind == BUS_TCP || !p)
		return;
	use_baud(l, b, p->baud, device, where);
	use_format(l, b, p->format, device, where);
}

/* Its kind and what is at its end, so that two can be compared; NULL: not known. */
static const char *bus_end(struct load *l, const struct bus_conf *b)
{
	char real[PATH_MAX];
	if (b->kind == BUS_SERIAL && b->port)
		return arena_printf(l->scratch, "%d %s", b->kind,
		                    realpath(b->port, real) ? real : b->port);
	return b->kind != BUS_SERIAL && b->host
	               ? arena_printf(l->scratch, "%d %s:%u", b->kind, b->host, b->tcp_port)
	               : NULL;
}

/* Two masters on one line: neither would get an answer that is surely its own. */
static void check_ends(struct load *l)
{
	struct name_table by_end = {0};
	for (size_t i = 0; i < l->buses.n; i++) {
		const struct bus_conf *b = &l->bus[i].conf;
		const char *end = bus_end(l, b);
		const int32_t k = end ? name_table_find(&by_end, end, strlen(end)) : -1;
		if (end)
			name_table_add(l->scratch, &by_end, end, (int32_t)i);
		if (k < 0)
			continue;
		if (b->kind == BUS_TCP)
			diag_warn(l->d, b->where,
			          "bus \"%s\" has the same endpoint as bus \"%s\": one bus serves "
			          "all units behind it",
			          b->name, l->bus[k].conf.name);
		else
			diag_error(l->d, b->where, "bus \"%s\" has the %s of bus \"%s\"", b->name,
			           b->kind == BUS_SERIAL ? "port" : "converter",
			           l->bus[k].conf.name);
	}
}

void buses_finish(struct load *l)
{
	check_ends(l);
	struct bus_conf *b = arena_array(l->arena, l->buses.n, sizeof *b);
	for (size_t i = 0; i < l->buses.n; i++)
		b[i] = l->bus[i].conf;
	l->m->bus = b;
	l->m->nbus = l->buses.n;
	model_index(l->m, l->arena);
}
