// SPDX-License-Identifier: MIT
#include "ctl/target.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/wording.h"

#define TIMEOUT_DEFAULT US_S
#define BAUD_DEFAULT 9600
#define MODBUS_PORT 502
#define KNOWN_MAX 512 /* names for "did you mean" */

void line_options_init(struct line_options *o)
{
	*o = (struct line_options){.control = CONTROL_PATH, .unit = -1};
	files_init(&o->paths);
}

bool format_parse(const char *text, struct setting *s)
{
	if (strlen(text) != 3 || !strchr("78", text[0]) || !strchr("NEO", text[1]) ||
	    !strchr("12", text[2]))
		return false;
	s->data = (uint8_t)(text[0] - '0');
	s->parity = text[1];
	s->stop = (uint8_t)(text[2] - '0');
	return true;
}

static bool take_number(const char *verb, const char *option, unsigned long least,
                        unsigned long most, unsigned long *n)
{
	if (whole_parse(optarg, most, n) && *n >= least)
		return true;
	const bool ids = strcmp(verb, "scan") == 0 && strcmp(option, "--id") == 0;
	fprintf(stderr, "xnetctl %s: %s %s: not a number from %lu to %lu%s\n", verb, option,
	        wording_clean(optarg), least, most, ids ? "; several ids are --ids 1-5" : "");
	return false;
}

static bool line_option(struct line_options *o, int c, const char *verb)
{
	struct setting s;
	unsigned long n;

	switch (c) {
	case 'i':
		if (!take_number(verb, "--id", 0, 255, &n))
			return false;
		o->unit = (int)n;
		return true;
	case 'b':
		if (!take_number(verb, "--baud", 300, 4000000, &n))
			return false;
		o->baud = (uint32_t)n;
		return true;
	case 't':
		if (!take_number(verb, "--timeout", 1, 60000, &n))
			return false;
		o->timeout = (us_t)n * US_MS;
		return true;
	case 'f':
		o->format = optarg;
		if (format_parse(optarg, &s))
			return true;
		fprintf(stderr,
		        "xnetctl %s: --format %s: expects data bits, parity, stop bits, "
		        "like 8N1 or 8E1\n",
		        verb, wording_clean(optarg));
		return false;
	case OPT_CONTROL_SOCKET:
		o->control = strcmp(optarg, "off") == 0 ? NULL : optarg;
		return true;
	case 'c':
		o->given = true;
		return files_option(&o->paths, c);
	default:
		return files_option(&o->paths, c);
	}
}

int line_options_take(struct line_options *o, int argc, char **argv, const struct line_verb *v)
{
	static const char ours[] = "ibftcP";
	char shorts[64];

	snprintf(shorts, sizeof(shorts), "%s%s", LINE_OPTIONS, v->shorts);
	for (int c; (c = getopt_long(argc, argv, shorts, v->table, NULL)) != -1;) {
		const bool own = c != OPT_CONTROL_SOCKET && (c > 127 || !strchr(ours, c));
		if (c == 'h') {
			v->help();
			return 1 + EXIT_SUCCESS;
		}
		if (c == '?' || !(own ? v->take(v->ctx, c) : line_option(o, c, v->name)))
			return 1 + usage(v->name);
	}
	return 0;
}

int line_usage(const struct line_verb *v, const char *missing)
{
	fprintf(stderr, "xnetctl %s: %s\n", v->name, missing);
	return 1 + usage(v->name);
}

/* The configuration is a help, not a condition, unless it was requested. */
static bool load(struct target *t, const struct line_options *o, const char *verb)
{
	struct diag d;

	if (!o->given && access(o->paths.file, R_OK) != 0) {
		if (errno == EACCES)
			fprintf(stderr,
			        "xnetctl %s: %s may not be read by this user, so names of devices "
			        "and points are not known: use sudo, or the group xnetd\n",
			        verb, o->paths.file);
		return true;
	}
	diag_init(&d);
	t->model = config_load(&o->paths, &d);
	if (!t->model && o->given)
		files_report(&d);
	else if (!t->model)
		fprintf(stderr,
		        "xnetctl %s: %s cannot be used, so names of devices and points are not "
		        "known: see xnetctl check\n",
		        verb, o->paths.file);
	diag_free(&d);
	return t->model || !o->given;
}

static bool same_port(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];

	if (strcmp(a, b) == 0)
		return true;
	return realpath(a, x) && realpath(b, y) && strcmp(x, y) == 0;
}

static void use_bus(struct target *t, uint32_t i)
{
	t->bus = i;
	t->known = &t->model->bus[i];
	t->conf = *t->known;
	snprintf(t->name, sizeof(t->name), "%s", t->known->name);
}

static void set_defaults(struct target *t, uint8_t kind)
{
	t->conf = (struct bus_conf){.name = t->name,
	                            .kind = kind,
	                            .baud = kind == BUS_TCP ? 0 : BAUD_DEFAULT,
	                            .data = 8,
	                            .parity = 'N',
	                            .stop = 1,
	                            .timeout = TIMEOUT_DEFAULT};
}

static bool find_port(struct target *t, const char *word)
{
	if (word[0] != '/' && strncmp(word, "./", 2) != 0)
		return false;
	for (uint32_t i = 0; t->model && i < t->model->nbus; i++)
		if (t->model->bus[i].kind == BUS_SERIAL && same_port(t->model->bus[i].port, word)) {
			use_bus(t, i);
			return true;
		}
	set_defaults(t, BUS_SERIAL);
	t->conf.port = word;
	snprintf(t->name, sizeof(t->name), "%.150s", word);
	return true;
}

/* "host", "host:502", "[::1]:502" */
static bool split_host(struct target *t, const char *text, uint16_t *port)
{
	const char *colon = strrchr(text, ':'), *bracket = strchr(text, ']');
	size_t len = strlen(text);
	unsigned long n = MODBUS_PORT;

	if (colon && (!bracket || colon > bracket)) {
		if (!whole_parse(colon + 1, 65535, &n) || n == 0)
			return false;
		len = (size_t)(colon - text);
	}
	if (text[0] == '[' && bracket) {
		text++;
		len = (size_t)(bracket - text);
	}
	if (len == 0 || len >= sizeof(t->host))
		return false;
	memcpy(t->host, text, len);
	t->host[len] = '\0';
	*port = (uint16_t)n;
	return true;
}

static bool find_host(struct target *t, const char *word)
{
	static const char *const prefix[] = {"rtu-over-tcp:", "rtu_tcp:", "tcp:"};
	uint8_t kind = BUS_TCP;
	const char *text = word;
	uint16_t port;

	for (size_t i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++)
		if (strncmp(word, prefix[i], strlen(prefix[i])) == 0) {
			kind = i < 2 ? BUS_RTU_TCP : BUS_TCP;
			text = word + strlen(prefix[i]);
			break;
		}
	if ((text == word && !strchr(word, ':')) || !split_host(t, text, &port))
		return false;
	for (uint32_t i = 0; t->model && i < t->model->nbus; i++) {
		const struct bus_conf *b = &t->model->bus[i];
		if (b->kind == kind && b->host && strcmp(b->host, t->host) == 0 &&
		    b->tcp_port == port) {
			use_bus(t, i);
			return true;
		}
	}
	set_defaults(t, kind);
	t->conf.host = t->host;
	t->conf.tcp_port = port;
	snprintf(t->name, sizeof(t->name), "%.150s", word);
	return true;
}

static bool find_bus(struct target *t, const char *word)
{
	const struct model *m = t->model;

	for (uint32_t i = 0; m && i < m->nbus; i++)
		if (strcmp(m->bus[i].name, word) == 0) {
			use_bus(t, i);
			return true;
		}
	return false;
}

/* device, device.point, device/point */
static bool find_device(struct target *t, const char *word)
{
	const struct model *m = t->model;
	const size_t len = strcspn(word, "./");
	const int i = m ? model_find_device(m, word, len) : -1;

	if (i < 0)
		return false;
	const struct device *d = &m->device[i];
	const int p =
		word[len] ? model_find_point(d->set, word + len + 1, strlen(word + len + 1)) : -1;
	if (word[len] && p < 0)
		return false;
	use_bus(t, d->bus);
	t->device = d;
	t->point = p >= 0 ? &d->set->point[p] : NULL;
	t->unit = d->id;
	return true;
}

/* A bus and a device may have one name: who wants a unit means the device, unless it is given. */
static bool find_name(struct target *t, const struct line_options *o, const char *verb,
                      const char *word)
{
	const bool unit = strcmp(verb, "read") == 0 || strcmp(verb, "write") == 0 ||
	                  strcmp(verb, "probe") == 0;

	if (unit && o->unit < 0)
		return find_device(t, word) || find_bus(t, word);
	return find_bus(t, word) || find_device(t, word);
}

/* The device before the point; NULL: none. */
static const struct device *named_device(const struct target *t, const char *word)
{
	const size_t len = strcspn(word, "./");
	const int i = t->model && word[len] ? model_find_device(t->model, word, len) : -1;

	return i < 0 ? NULL : &t->model->device[i];
}

/* What it may have been meant to be. */
static const char *nearest(const struct target *t, const char *word, char *buf, size_t size)
{
	const char *known[KNOWN_MAX];
	const struct model *m = t->model;
	const struct device *d = named_device(t, word);
	size_t n = 0;

	if (d) {
		for (uint32_t k = 0; k < d->set->n && n < KNOWN_MAX; k++)
			known[n++] = d->set->point[k].name;
		const char *near = diag_nearest(word + strlen(d->name) + 1, known, n);
		if (near)
			snprintf(buf, size, "%s.%s", d->name, near);
		return near ? buf : NULL;
	}
	for (size_t k = 0; m && k < m->ndevice && n < KNOWN_MAX; k++)
		known[n++] = m->device[k].name;
	const char *dot = strchr(word, '.');
	if (dot) { /* device.point of a device that is not there */
		char device[80];
		snprintf(device, sizeof(device), "%.*s", (int)(dot - word), word);
		const char *near = diag_nearest(device, known, n);
		if (near)
			snprintf(buf, size, "%s%s", near, wording_clean(dot));
		return near ? buf : NULL;
	}
	for (size_t k = 0; m && k < m->nbus && n < KNOWN_MAX; k++)
		known[n++] = m->bus[k].name;
	return diag_nearest(word, known, n);
}

static int unknown(const struct target *t, const char *verb, const char *word)
{
	char buf[160];
	const char *near = nearest(t, word, buf, sizeof(buf));
	const struct device *d = named_device(t, word);

	if (d)
		fprintf(stderr, "xnetctl %s: device %s has no point '%s'", verb, d->name,
		        wording_clean(word + strlen(d->name) + 1));
	else
		fprintf(stderr, "xnetctl %s: there is no device, bus or port '%s'", verb,
		        wording_clean(word));
	if (near)
		fprintf(stderr, ": did you mean '%s'?\n", near);
	else if (!d && *word && strspn(word, "0123456789.") == strlen(word) && strchr(word, '.'))
		fprintf(stderr, ": a Modbus TCP server is given with its port: %s:502\n", word);
	else if (d)
		fprintf(stderr, ": xnetctl points %s lists them\n", d->name);
	else if (t->model)
		fprintf(stderr, " in %s: xnetctl ports lists the serial ports\n", t->model->file);
	else
		fprintf(stderr, " (no configuration): give a port as xnetctl ports lists them\n");
	return EXIT_USAGE;
}

int target_find(struct target *t, const struct line_options *o, const char *verb, const char *word)
{
	struct setting s;

	*t = (struct target){.unit = -1};
	if (!load(t, o, verb))
		return EXIT_CONFIG;
	if (!find_port(t, word) && !find_name(t, o, verb, word) && !find_host(t, word))
		return unknown(t, verb, word);
	if (o->unit >= 0)
		t->unit = o->unit;
	if (t->conf.kind == BUS_TCP)
		return 0;
	if (o->baud)
		t->conf.baud = o->baud;
	if (o->format && format_parse(o->format, &s)) {
		t->conf.data = s.data;
		t->conf.parity = s.parity;
		t->conf.stop = s.stop;
	}
	return 0;
}

void target_free(struct target *t)
{
	model_destroy(t->model);
	t->model = NULL;
}

struct wireline *target_open(const struct target *t, const struct line_options *o, const char *verb)
{
	char why[256];
	struct wireline *l = line_open(&t->conf, o->control, why, sizeof(why));

	if (!l)
		fprintf(stderr, "xnetctl %s: %s\n", verb, why);
	else if (l->via[0])
		fprintf(stderr, "%s is used by xnetd: sending requests through it\n", t->name);
	return l;
}

const struct device *target_device(const struct target *t, uint8_t unit)
{
	for (size_t i = 0; t->known && i < t->model->ndevice; i++)
		if (t->model->device[i].bus == t->bus && t->model->device[i].id == unit)
			return &t->model->device[i];
	return NULL;
}

us_t target_timeout(const struct target *t, const struct line_options *o, uint8_t unit)
{
	const struct device *d = target_device(t, unit);

	if (o->timeout)
		return o->timeout;
	if (d && d->rule.timeout)
		return d->rule.timeout;
	return t->conf.timeout ? t->conf.timeout : TIMEOUT_DEFAULT;
}

bool target_place(const struct target *t, const char *verb, const char *text, struct place *p)
{
	char why[256];

	if (place_parse(text, p, why, sizeof(why)))
		return true;
	if (t->device && model_find_point(t->device->set, text, strlen(text)) >= 0)
		fprintf(stderr, "xnetctl %s: a point is one word with its device: %s.%s\n", verb,
		        t->device->name, text);
	else
		fprintf(stderr, "xnetctl %s: %s\n", verb, why);
	return false;
}
