// SPDX-License-Identifier: MIT
/* The draft: made by the readers, printed as devices.yaml. */
#include "ctl/convert.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/keys.h"
#include "config/scalar.h"
#include "core/model/model.h"

/* -- the draft -------------------------------------------------------------------------------- */

/* Doubled when full. */
static void *grown(struct arena *a, void *old, size_t n, size_t size)
{
	if (n & (n - 1))
		return old;
	void *more = arena_array(a, n ? 2 * n : 1, size);
	if (n)
		memcpy(more, old, n * size);
	return more;
}

/* Letters, digits, - and _; words of a point begin with a capital. */
static char *fit_name(struct draft *d, const char *text, bool point)
{
	char *out = arena_alloc(d->arena, strlen(text) + 8);
	size_t n = 0;
	bool start = true;

	for (const char *p = text; *p && n < NAME_MAX_LEN - 4; p++) {
		const unsigned char c = (unsigned char)*p;
		if (c < 128 && (isalnum(c) || (!point && (c == '-' || c == '_')))) {
			if (n == 0 && isdigit(c))
				out[n++] = point ? 'P' : 'd';
			out[n++] = (char)(point && start ? toupper(c) : point ? c : tolower(c));
			start = false;
		} else {
			if (!point && n && out[n - 1] != '_')
				out[n++] = '_';
			start = true;
		}
	}
	while (n && out[n - 1] == '_')
		n--;
	out[n] = '\0';
	return out;
}

/* How many there are whose name begins so; the point's names "Alerts" and "Nak" are the gateway's.
 */
typedef size_t (*alike)(const struct draft *d, size_t in, const char *name, bool *same);

static void compare(const char *old, const char *name, size_t *n, bool *same)
{
	*n += strncmp(old, name, strlen(name)) == 0;
	*same = *same || strcmp(old, name) == 0;
}

static const char *unique(struct draft *d, const char *name, alike count, size_t in)
{
	const char *try = name;

	for (;;) {
		bool same = false;
		const size_t n = count(d, in, try, &same);
		if (!same)
			return try;
		try = arena_printf(d->arena, "%.*s%zu", NAME_MAX_LEN - 12, try, n + 1);
	}
}

static size_t buses_alike(const struct draft *d, size_t in, const char *name, bool *same)
{
	size_t n = 0;

	(void)in;
	for (size_t i = 0; i < d->nbus; i++)
		compare(d->bus[i].name, name, &n, same);
	return n;
}

static size_t devices_alike(const struct draft *d, size_t in, const char *name, bool *same)
{
	size_t n = 0;

	(void)in;
	for (size_t i = 0; i < d->ndevice; i++)
		compare(d->device[i].name, name, &n, same);
	return n;
}

static size_t points_alike(const struct draft *d, size_t in, const char *name, bool *same)
{
	size_t n = 0;

	compare("Alerts", name, &n, same);
	compare("Nak", name, &n, same);
	for (size_t i = 0; i < d->device[in].n; i++)
		compare(d->device[in].point[i].name, name, &n, same);
	return n;
}

static bool too_many(struct draft *d, size_t n, const char *what)
{
	if (n >= DRAFT_MAX && !d->d.errors)
		diag_error(&d->d, (struct where){0}, "more than %d %s", DRAFT_MAX, what);
	return n >= DRAFT_MAX;
}

size_t draft_bus(struct draft *d, const char *name)
{
	const char *fit = name ? fit_name(d, name, false) : "";

	if (too_many(d, d->nbus, "buses"))
		return 0;
	d->bus = grown(d->arena, d->bus, d->nbus, sizeof(*d->bus));
	fit = unique(d, *fit ? fit : "bus", buses_alike, 0);
	d->bus[d->nbus] = (struct draft_bus){.name = fit, .kind = "port"};
	return d->nbus++;
}

size_t draft_device(struct draft *d, const char *name, size_t bus, long id)
{
	const char *fit = name ? fit_name(d, name, false) : "";

	if (too_many(d, d->ndevice, "devices"))
		return 0;
	if (!*fit)
		fit = arena_printf(d->arena, "device%ld", id);
	d->device = grown(d->arena, d->device, d->ndevice, sizeof(*d->device));
	d->device[d->ndevice] = (struct draft_device){
		.name = unique(d, fit, devices_alike, 0), .bus = bus, .id = id};
	return d->ndevice++;
}

size_t draft_device_of(struct draft *d, size_t bus, long id, const char *name)
{
	for (size_t i = 0; i < d->ndevice; i++)
		if (d->device[i].bus == bus && d->device[i].id == id)
			return i;
	return draft_device(d, name, bus, id);
}

struct draft_point *draft_point(struct draft *d, size_t device, const char *name)
{
	static struct draft_point beyond; /* what is too much is written nowhere */
	struct draft_device *at = &d->device[device];

	if (too_many(d, d->npoint, "points"))
		return &beyond;
	const char *fit = name ? fit_name(d, name, true) : "";

	at->point = grown(d->arena, at->point, at->n, sizeof(*at->point));
	fit = unique(d, *fit ? fit : "Point", points_alike, device);
	at->point[at->n] = (struct draft_point){.name = fit,
	                                        .address = ADDRESS_NONE,
	                                        .table = "holding",
	                                        .bit = -1,
	                                        .decimals = -1,
	                                        .length = -1};
	if (name && strcasecmp(name, fit) != 0)
		at->point[at->n].description = name;
	d->npoint++;
	return &at->point[at->n++];
}

void draft_drop(struct draft *d, size_t device, const struct draft_point *p)
{
	struct draft_device *at = &d->device[device];

	if (at->n == 0 || p != &at->point[at->n - 1])
		return;
	at->n--;
	d->npoint--;
}

/* -- helpers of the readers ------------------------------------------------------------------- */

const char *draft_word(const char *const (*pairs)[2], const char *word)
{
	for (; word && (*pairs)[0]; pairs++)
		if (strcasecmp((*pairs)[0], word) == 0)
			return (*pairs)[1];
	return NULL;
}

void draft_unknown(struct draft *d, const struct node *map, const char *const *known,
                   const char *what)
{
	for (uint32_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++) {
		size_t k = 0;
		while (known[k] && strcmp(known[k], map->pair[i].key->text) != 0)
			k++;
		if (!known[k])
			diag_warn(&d->d, map->pair[i].key->where, "%s: %.60s is not converted",
			          what, map->pair[i].key->text);
	}
}

const char *node_text(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_SCALAR && !node_is_null(n) ? n->text : "";
}

long node_number(const struct node *map, const char *key, long fallback)
{
	int64_t out;

	return number_parse(node_text(map, key), &out) ? (long)out : fallback;
}

static bool real(const char *text, double *out)
{
	char *end;

	errno = 0;
	*out = strtod(text, &end);
	return *text && !*end && errno == 0 && *out == *out;
}

const char *draft_seconds(struct draft *d, const char *text)
{
	double s;

	if (!real(text, &s) || s < 0.001 || s > 31e6)
		return NULL;
	if (s == (double)(long)s)
		return arena_printf(d->arena, "%lds", (long)s);
	return arena_printf(d->arena, "%ldms", (long)(s * 1000 + 0.5));
}

const char *draft_inverse(struct draft *d, const char *divisor)
{
	double by;

	if (!real(divisor, &by) || by == 0)
		return NULL;
	return arena_printf(d->arena, "%.12g", 1 / by);
}

/* In double quotes, with what is special there escaped. */
const char *draft_quoted(struct draft *d, const char *text)
{
	char *out = arena_alloc(d->arena, 4 * strlen(text) + 3);
	size_t n = 0;
	int64_t number;

	const bool plain =
		text[0] && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
	                                "XYZ0123456789_./ ") == strlen(text);
	if (plain && (isalpha((unsigned char)text[0]) || text[0] == '/') &&
	    text[strlen(text) - 1] != ' ')
		return text;
	if (number_parse(text, &number))
		return text;
	out[n++] = '"';
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			n += (size_t)sprintf(out + n, "\\x%02x", (unsigned)(unsigned char)*p);
			continue;
		}
		if (*p == '"' || *p == '\\')
			out[n++] = '\\';
		out[n++] = *p;
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}

bool draft_modicon(const char *text, const char **table, long *address)
{
	static const char *const by_digit[] = {"coil", "discrete", NULL, "input", "holding"};
	int64_t n;
	char *end;

	*table = NULL;
	if (text[0] >= '0' && text[0] <= '4' && (text[1] == 'x' || text[1] == 'X') &&
	    text[0] != '2' && strlen(text + 2) >= 4 && text[0] != '0') {
		*table = by_digit[text[0] - '0'];
		*address = strtol(text + 2, &end, 10) - 1;
		return !*end && *address >= 0 && *address < 65536;
	}
	const bool zero = text[0] == '0' && strspn(text, "0123456789") == strlen(text);
	if (zero && (strlen(text) == 5 || strlen(text) == 6)) {
		*table = by_digit[0];
		*address = strtol(text, NULL, 10) - 1;
		return *address >= 0 && *address < 65536;
	}
	if (!number_parse(text, &n) || n < 0)
		return false;
	const bool five = strlen(text) == 5, six = strlen(text) == 6;
	const int64_t base = six ? 100000 : 10000;
	if ((five || six) && strspn(text, "0123456789") == strlen(text) &&
	    (text[0] == '1' || text[0] == '3' || text[0] == '4') && n % base != 0) {
		*table = by_digit[text[0] - '0'];
		n = n % base - 1;
	}
	*address = (long)n;
	return n < 65536;
}

/* -- the writer ------------------------------------------------------------------------------- */

static void put(FILE *out, const char *key, const char *text, bool *comma)
{
	if (!text)
		return;
	fprintf(out, "%s%s: %s", *comma ? ", " : "", key, text);
	*comma = true;
}

static void put_number(FILE *out, const char *key, long n, bool *comma)
{
	char text[24];

	snprintf(text, sizeof text, "%ld", n);
	put(out, key, n < 0 ? NULL : text, comma);
}

static void put_write(FILE *out, const struct draft_point *p)
{
	bool comma = false;

	if (p->write_only && !p->min && !p->max && !p->on && !p->off) {
		fputs(", write: only", out);
		return;
	}
	if (!p->write && !p->write_only)
		return;
	if (!p->min && !p->max && !p->on && !p->off) {
		fputs(", write: true", out);
		return;
	}
	fputs(", write: {", out);
	put(out, "only", p->write_only ? "true" : NULL, &comma);
	put(out, "min", p->min, &comma);
	put(out, "max", p->max, &comma);
	put(out, "on", p->on, &comma);
	put(out, "off", p->off, &comma);
	fputc('}', out);
}

/* One register has no order of words. */
static const char *order_of(const struct draft_point *p)
{
	static const char *const one[] = {"u16", "s16", "u8", "s8", "f16", "bcd16", "bool", NULL};

	for (size_t i = 0; p->order && p->type && one[i]; i++)
		if (strcmp(p->type, one[i]) == 0)
			return strstr(p->order, "swapped") ? "big-swapped" : NULL;
	return p->order;
}

static void print_point(FILE *out, struct draft *d, const struct draft_point *p)
{
	bool comma = true;

	/* in decimal some would be taken for numbers of registers, which count from 40001 */
	fprintf(out, p->address > 10000 ? "      %s: {%s: 0x%lX" : "      %s: {%s: %ld", p->name,
	        p->table, p->address);
	put(out, "type", p->type, &comma);
	put_number(out, "length", p->length, &comma);
	put(out, "order", order_of(p), &comma);
	put_number(out, "bit", p->bit, &comma);
	put(out, "bits", p->bits, &comma);
	put(out, "scale", p->scale, &comma);
	put(out, "offset", p->offset, &comma);
	put_number(out, "decimals", p->decimals, &comma);
	put(out, "unit", p->unit && *p->unit ? draft_quoted(d, p->unit) : NULL, &comma);
	put(out, "values", p->values, &comma);
	put(out, "na", p->na, &comma);
	put(out, "class", p->class_, &comma);
	put(out, "state_class", p->state_class, &comma);
	put(out, "every", p->every, &comma);
	put_write(out, p);
	put(out, "description", p->description ? draft_quoted(d, p->description) : NULL, &comma);
	fputs("}\n", out);
}

static void print_bus(FILE *out, const struct draft_bus *b)
{
	bool comma = true;

	fprintf(out, "  %s: {%s: %s", b->name, b->kind, b->where ? b->where : "/dev/ttyUSB0");
	put(out, "baud", b->baud, &comma);
	put(out, "format", b->format, &comma);
	put(out, "timeout", b->timeout, &comma);
	fputs("}\n", out);
}

static void print_device(FILE *out, struct draft *d, const struct draft_device *dev)
{
	fprintf(out, "  %s:\n    bus: %s\n    id: %ld\n", dev->name, d->bus[dev->bus].name,
	        dev->id);
	if (dev->disabled)
		fputs("    enabled: false\n", out);
	fputs("    points:\n", out);
	for (size_t i = 0; i < dev->n; i++)
		print_point(out, d, &dev->point[i]);
}

void draft_print(struct draft *d, const char *file, FILE *out)
{
	fprintf(out, "# Made from %s by xnetctl convert. To check: xnetctl check FILE.\n",
	        draft_quoted(d, file));
	if (d->broker) {
		fprintf(out, "mqtt:\n  broker: %s\n", d->broker);
		if (d->username)
			fprintf(out, "  username: %s\n", draft_quoted(d, d->username));
	}
	fputs("buses:\n", out);
	for (size_t i = 0; i < d->nbus; i++)
		print_bus(out, &d->bus[i]);
	fputs("devices:\n", out);
	for (size_t i = 0; i < d->ndevice; i++)
		print_device(out, d, &d->device[i]);
}
