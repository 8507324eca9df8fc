// SPDX-License-Identifier: MIT
#include "core/control/request.h"

#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

#define TIMEOUT_MIN 5 /* ms */
#define TIMEOUT_MAX 10000
#define UNIT_MAX 255

struct parsing {
	struct control_request *r;
	const struct jread_node *root;
	char *words;
	size_t size;
};

enum arg {
	ARG_BUS = 1,
	ARG_DEVICE = 2,
	ARG_POINT = 4,
	ARG_VALUE = 8,
	ARG_UNIT = 16,
	ARG_TABLE = 32,
	ARG_ADDR = 64,
	ARG_COUNT = 128,
	ARG_VALUES = 256,
	ARG_HEX = 512,
	ARG_LEVEL = 1024,
};

static const char *const error_names[CONTROL_ERRORS] = {
	[CONTROL_E_VERB] = "verb",       [CONTROL_E_ARGS] = "args",
	[CONTROL_E_BUS] = "bus",         [CONTROL_E_UNIT] = "unit",
	[CONTROL_E_BUSY] = "busy",       [CONTROL_E_TIMEOUT] = "timeout",
	[CONTROL_E_REFUSED] = "refused", [CONTROL_E_LINK] = "link",
	[CONTROL_E_DENIED] = "denied",   [CONTROL_E_LIMIT] = "limit",
	[CONTROL_E_CLOSED] = "closed",
};

const char *control_error_name(enum control_error e)
{
	return e < CONTROL_ERRORS ? error_names[e] : NULL;
}

static enum control_error fail(struct parsing *p, enum control_error e, const char *words)
{
	snprintf(p->words, p->size, "%s", words);
	return e;
}

static enum control_error bad(struct parsing *p, const char *name, const char *want)
{
	snprintf(p->words, p->size, "%s: must be %s", name, want);
	return CONTROL_E_ARGS;
}

static const struct jread_node *member(const struct parsing *p, const char *name)
{
	return jread_member(&p->r->tree, p->root, name);
}

/* -- arguments, each one ---------------------------------------------------------- */

static enum control_error text(struct parsing *p, const char *name, const char **out)
{
	*out = jread_text(member(p, name));
	return *out && **out ? CONTROL_GOOD : bad(p, name, "a name");
}

static enum control_error take_bus(struct parsing *p)
{
	return text(p, "bus", &p->r->bus);
}

static enum control_error take_device(struct parsing *p)
{
	return text(p, "device", &p->r->device);
}

static enum control_error take_point(struct parsing *p)
{
	return text(p, "point", &p->r->point);
}

static enum control_error take_level(struct parsing *p)
{
	return text(p, "level", &p->r->level);
}

static enum control_error take_value(struct parsing *p)
{
	const struct jread_node *n = member(p, "value");
	const char *as = !n                       ? NULL
	                 : n->kind == JREAD_TRUE  ? "true"
	                 : n->kind == JREAD_FALSE ? "false"
	                                          : n->text;
	if (!as)
		return bad(p, "value", "a text, a number, true or false");
	if (strlen(as) >= sizeof p->r->value)
		return bad(p, "value", "at most 255 bytes");
	strcpy(p->r->value, as);
	return CONTROL_GOOD;
}

static enum control_error take_unit(struct parsing *p)
{
	int64_t i;
	if (!jread_int(member(p, "unit"), 0, UNIT_MAX, &i)) {
		bad(p, "unit", "an id from 0 to 255");
		return CONTROL_E_UNIT;
	}
	p->r->unit = (uint8_t)i;
	return CONTROL_GOOD;
}

static enum control_error take_table(struct parsing *p)
{
	static const char *const names[] = {
		[TABLE_COIL] = "coil",
		[TABLE_DISCRETE] = "discrete",
		[TABLE_HOLDING] = "holding",
		[TABLE_INPUT] = "input",
	};
	const char *t = jread_text(member(p, "table"));
	for (uint8_t i = 0; t && i < sizeof names / sizeof *names; i++)
		if (strcmp(t, names[i]) == 0) {
			p->r->table = i;
			return CONTROL_GOOD;
		}
	return bad(p, "table", "coil, discrete, holding or input");
}

static enum control_error take_addr(struct parsing *p)
{
	int64_t i;
	if (!jread_int(member(p, "addr"), 0, UINT16_MAX, &i))
		return bad(p, "addr", "an address from 0 to 65535");
	p->r->addr = (uint16_t)i;
	return CONTROL_GOOD;
}

static enum control_error take_count(struct parsing *p)
{
	const bool bits = table_is_bits(p->r->table);
	int64_t i;
	if (!jread_int(member(p, "count"), 1, bits ? READ_BITS_MAX : READ_REGISTERS_MAX, &i) ||
	    p->r->addr + i > UINT16_MAX + 1)
		return bad(p, "count",
		           bits ? "1 to 2000 bits, none beyond 65535"
		                : "1 to 125 registers, none beyond 65535");
	p->r->count = (uint16_t)i;
	return CONTROL_GOOD;
}

/* Into words of a request: registers, or bits packed as the builders want them. */
static enum control_error take_values(struct parsing *p)
{
	struct control_request *r = p->r;
	const bool bits = r->table == TABLE_COIL;
	const struct jread_node *list = member(p, "values"), *n = NULL;
	const bool several = member(p, "multiple") && member(p, "multiple")->kind == JREAD_TRUE;
	uint16_t word[CELLS_MAX] = {0};
	struct request q;
	int64_t i;
	size_t count = 0;
	if (r->table != TABLE_COIL && r->table != TABLE_HOLDING)
		return bad(p, "table", "coil or holding: others cannot be written");
	if (!list || list->kind != JREAD_LIST)
		return bad(p, "values", "a list of numbers");
	while ((n = jread_next(&r->tree, list, n))) {
		if (!jread_int(n, 0, bits ? 1 : UINT16_MAX, &i))
			return bad(p, "values", bits ? "0 or 1 each" : "0 to 65535 each");
		if (count == (bits ? WRITE_BITS_MAX : WRITE_REGISTERS_MAX))
			return bad(p, "values", "at most 123 registers or 1968 coils");
		if (bits)
			word[count / 16] |= (uint16_t)(i << count % 16);
		else
			word[count] = (uint16_t)i;
		count++;
	}
	if (count == 0 || r->addr + count > UINT16_MAX + 1)
		return bad(p, "values", "at least one, and none beyond address 65535");
	r->count = (uint16_t)count;
	const bool built =
		count == 1 && !several
			? (bits ? pdu_write_coil(&q, r->unit, r->addr, word[0] ? 0xFF00 : 0)
	                        : pdu_write_register(&q, r->unit, r->addr, word[0]))
			: (bits ? pdu_write_coils(&q, r->unit, r->addr, r->count, word)
	                        : pdu_write_registers(&q, r->unit, r->addr, r->count, word));
	if (!built)
		return bad(p, "values", "a request that Modbus allows");
	memcpy(r->pdu, q.pdu, q.len);
	r->len = q.len;
	return CONTROL_GOOD;
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *d = c ? strchr(digits, c | (c >= 'A' && c <= 'F' ? 0x20 : 0)) : NULL;
	return d && *d ? (int)(d - digits) : -1;
}

static enum control_error take_hex(struct parsing *p)
{
	const char *h = jread_text(member(p, "hex"));
	const size_t n = h ? strlen(h) : 0;
	static const char want[] = "the PDU as 1 to 253 bytes in hexadecimal, without unit and CRC";
	if (n == 0 || n % 2 || n / 2 > PDU_MAX)
		return bad(p, "hex", want);
	for (size_t i = 0; i < n; i += 2) {
		const int high = digit(h[i]), low = digit(h[i + 1]);
		if (high < 0 || low < 0)
			return bad(p, "hex", want);
		p->r->pdu[i / 2] = (uint8_t)(high << 4 | low);
	}
	if (p->r->pdu[0] == 0 || p->r->pdu[0] > 127)
		return bad(p, "hex", "a request: functions are 1 to 127");
	p->r->len = (uint8_t)(n / 2);
	return CONTROL_GOOD;
}

/* In this order: what a list may hold depends on what is before. */
static const struct {
	uint16_t arg;
	enum control_error (*take)(struct parsing *p);
	const char *name;
} args[] = {
	{ARG_BUS, take_bus, "bus"},          {ARG_DEVICE, take_device, "device"},
	{ARG_POINT, take_point, "point"},    {ARG_VALUE, take_value, "value"},
	{ARG_UNIT, take_unit, "unit"},       {ARG_TABLE, take_table, "table"},
	{ARG_ADDR, take_addr, "addr"},       {ARG_COUNT, take_count, "count"},
	{ARG_VALUES, take_values, "values"}, {ARG_HEX, take_hex, "hex"},
	{ARG_LEVEL, take_level, "level"},
};

/* -- optional ones ---------------------------------------------------------------- */

static enum control_error take_integer(struct parsing *p, const char *name, int64_t min,
                                       int64_t max, int64_t *out)
{
	const struct jread_node *n = member(p, name);
	char want[64];
	if (!n || jread_int(n, min, max, out))
		return CONTROL_GOOD;
	snprintf(want, sizeof want, "a whole number from %lld to %lld", (long long)min,
	         (long long)max);
	return bad(p, name, want);
}

static enum control_error take_bool(struct parsing *p, const char *name, bool *out)
{
	const struct jread_node *n = member(p, name);
	if (!n)
		return CONTROL_GOOD;
	if (n->kind != JREAD_TRUE && n->kind != JREAD_FALSE)
		return bad(p, name, "true or false");
	*out = n->kind == JREAD_TRUE;
	return CONTROL_GOOD;
}

/* "8E1" */
static enum control_error take_format(struct parsing *p)
{
	const struct jread_node *n = member(p, "format");
	const char *f = jread_text(n);
	if (!n)
		return CONTROL_GOOD;
	if (!f || strlen(f) != 3 || (f[0] != '7' && f[0] != '8') || !strchr("NEO", f[1]) ||
	    (f[2] != '1' && f[2] != '2'))
		return bad(p, "format", "like 8N1, 8E1, 8O1 or 8N2");
	p->r->data = (uint8_t)(f[0] - '0');
	p->r->parity = f[1];
	p->r->stop = (uint8_t)(f[2] - '0');
	return CONTROL_GOOD;
}

static enum control_error take_rest(struct parsing *p)
{
	struct control_request *r = p->r;
	int64_t from = 0, timeout = 0, baud = 0, lasts = 0;
	enum control_error e = take_integer(p, "from", 0, UINT32_MAX, &from);
	e = e ? e : take_integer(p, "timeout_ms", TIMEOUT_MIN, TIMEOUT_MAX, &timeout);
	e = e ? e : take_integer(p, "baud", 300, 4000000, &baud);
	e = e ? e : take_integer(p, "for", 1, CONTROL_HOLD_MAX, &lasts);
	e = e ? e : take_bool(p, "over", &r->over);
	e = e ? e : take_bool(p, "on", &r->on);
	e = e ? e : take_format(p);
	r->from = (uint32_t)from;
	r->timeout = timeout * US_MS;
	r->baud = (uint32_t)baud;
	r->lasts = lasts * US_S;
	return e;
}

/* -- verbs ------------------------------------------------------------------------ */

static const struct {
	const char *name;
	uint16_t args; /* that it needs */
} verbs[CONTROL_VERBS] = {
	[CONTROL_BUSES] = {"buses", 0},
	[CONTROL_DEVICES] = {"devices", 0},
	[CONTROL_POINTS] = {"points", ARG_DEVICE},
	[CONTROL_GET] = {"get", ARG_POINT},
	[CONTROL_SET] = {"set", ARG_POINT | ARG_VALUE},
	[CONTROL_READ] = {"read", ARG_BUS | ARG_UNIT | ARG_TABLE | ARG_ADDR | ARG_COUNT},
	[CONTROL_WRITE] = {"write", ARG_BUS | ARG_UNIT | ARG_TABLE | ARG_ADDR | ARG_VALUES},
	[CONTROL_PDU] = {"pdu", ARG_BUS | ARG_UNIT | ARG_HEX},
	[CONTROL_MONITOR] = {"monitor", ARG_BUS},
	[CONTROL_HOLD] = {"hold", ARG_BUS},
	[CONTROL_RELEASE] = {"release", ARG_BUS},
	[CONTROL_RELOAD] = {"reload", 0},
	[CONTROL_LOG] = {"log", ARG_LEVEL},
};

const char *control_verb_name(enum control_verb v)
{
	return v < CONTROL_VERBS ? verbs[v].name : "?";
}

static enum control_error take_verb(struct parsing *p)
{
	const char *name = jread_text(member(p, "verb"));
	for (uint8_t v = 0; name && v < CONTROL_VERBS; v++)
		if (strcmp(name, verbs[v].name) == 0) {
			p->r->verb = v;
			return CONTROL_GOOD;
		}
	return fail(p, CONTROL_E_VERB, name ? "no such verb in this version" : "verb is missing");
}

static enum control_error take_args(struct parsing *p)
{
	struct control_request *r = p->r;
	const uint16_t needed = verbs[r->verb].args;
	for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
		if (!(needed & args[i].arg))
			continue;
		if (!member(p, args[i].name)) {
			snprintf(p->words, p->size, "%s: %s is missing", verbs[r->verb].name,
			         args[i].name);
			return CONTROL_E_ARGS;
		}
		const enum control_error e = args[i].take(p);
		if (e != CONTROL_GOOD)
			return e;
	}
	if (r->verb == CONTROL_DEVICES)
		r->bus = jread_text(member(p, "bus"));
	return take_rest(p);
}

static void take_common(struct parsing *p)
{
	struct control_request *r = p->r;
	const char *as = jread_text(member(p, "as"));
	r->has_id = jread_int(member(p, "id"), 0, (int64_t)1 << 53, &r->id);
	if (as)
		text_clean(as, strlen(as), r->as, sizeof r->as);
}

static void build_read(struct control_request *r)
{
	struct request q;
	if (!pdu_read(&q, r->unit, r->table, r->addr, r->count))
		return;
	memcpy(r->pdu, q.pdu, q.len);
	r->len = q.len;
}

enum control_error control_parse(struct control_request *r, const char *line, size_t len,
                                 char *words, size_t size)
{
	struct parsing p = {.r = r, .words = words, .size = size};
	*r = (struct control_request){.on = true};
	if (size)
		words[0] = '\0';
	if (!jread_parse(&r->tree, line, len)) {
		snprintf(words, size, "not JSON: %s", r->tree.error);
		return CONTROL_E_ARGS;
	}
	p.root = r->tree.node;
	if (p.root->kind != JREAD_OBJECT)
		return fail(&p, CONTROL_E_ARGS, "must be an object: {\"verb\": …}");
	take_common(&p);
	enum control_error e = take_verb(&p);
	e = e ? e : take_args(&p);
	if (!e && r->verb == CONTROL_READ)
		build_read(r);
	return e;
}

void control_request_free(struct control_request *r)
{
	jread_free(&r->tree);
}

/* -- what a PDU does -------------------------------------------------------------- */

bool control_pdu_reads(const uint8_t *pdu, size_t len)
{
	switch (len ? pdu[0] : 0) {
	case FC_READ_COILS:
	case FC_READ_DISCRETE:
	case FC_READ_HOLDING:
	case FC_READ_INPUT:
	case FC_READ_EXCEPTION_STATUS:
	case 11: /* event counter */
	case 12: /* event log */
	case FC_REPORT_SERVER_ID:
	case 20: /* file record */
	case 24: /* FIFO queue */
		return true;
	case FC_DIAGNOSTICS: /* all but "return query data" change something, or clear it */
		return len >= 3 && pdu[1] == 0 && pdu[2] == 0;
	case FC_DEVICE_ID:
		return len >= 2 && pdu[1] == 14;
	default:
		return false;
	}
}

static uint16_t word_at(const uint8_t *pdu, size_t at)
{
	return (uint16_t)(pdu[at] << 8 | pdu[at + 1]);
}

struct span control_pdu_cells(uint8_t unit, const uint8_t *pdu, size_t len)
{
	struct span s = {.unit = unit, .table = TABLE_HOLDING};
	if (len < 5)
		return s;
	s.addr = word_at(pdu, 1);
	switch (pdu[0]) {
	case FC_WRITE_COIL:
		s.table = TABLE_COIL;
		s.count = 1;
		break;
	case FC_WRITE_REGISTER:
	case FC_MASK_WRITE:
		s.count = 1;
		break;
	case FC_WRITE_COILS:
		s.table = TABLE_COIL;
		s.count = word_at(pdu, 3);
		break;
	case FC_WRITE_REGISTERS:
		s.count = word_at(pdu, 3);
		break;
	case FC_READ_WRITE:
		if (len >= 9) {
			s.addr = word_at(pdu, 5);
			s.count = word_at(pdu, 7);
		}
		break;
	default:
		break;
	}
	return s;
}
