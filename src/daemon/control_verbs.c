// SPDX-License-Identifier: MIT
#include "daemon/control_verbs.h"

#include "daemon/base/log.h"
#include "daemon/command/commands.h"
#include "daemon/devices/device.h"
#include "daemon/devices/gets.h"
#include "daemon/devices/readings.h"
#include "daemon/monitor.h"
#include "daemon/reload.h"
#include "daemon/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 6000 /* bytes of a list: then it goes on in the next answer */

/* In tenths: more would only be noise. */
static void put_seconds(struct json *j, const char *name, us_t t)
{
	const us_t tenths = t / (US_S / 10);

	jw_real(j, name, (double)tenths / 10);
}

static void fail(struct gateway *g, client_t c, const struct control_request *r,
                 enum control_error e, const char *words)
{
	client_fail(g, c, r, e, words);
}

static struct json *begin(struct gateway *g, const struct control_request *r)
{
	struct json *j = client_line(g);
	control_begin(j, r->has_id, r->id);
	return j;
}

static void finish(struct gateway *g, client_t c)
{
	control_end(client_line(g));
	client_send(g, c, true);
}

static int bus_named(const struct model *m, const char *name)
{
	return model_find_bus(m, name, strlen(name));
}

/* -- lists ------------------------------------------------------------------------ */

static void format_of(const struct bus_conf *b, char buf[8])
{
	snprintf(buf, 8, "%u%c%u", b->data, b->parity, b->stop);
}

static void put_bus(struct gateway *g, struct json *j, uint32_t i)
{
	static const char *const kinds[] = {
		[BUS_SERIAL] = "serial", [BUS_TCP] = "tcp", [BUS_RTU_TCP] = "rtu_tcp"};
	const struct plant_bus *b = &g->plant->bus[i];
	struct bus_figures f;
	char format[8];
	bus_figures(b->bus, &f);
	format_of(b->conf, format);
	jw_string(j, "name", b->conf->name);
	jw_string(j, "kind", kinds[b->conf->kind]);
	jw_string(j, "port", f.port);
	jw_string(j, "line", f.line_text);
	if (b->conf->kind == BUS_SERIAL) {
		jw_int(j, "baud", b->conf->baud);
		jw_string(j, "format", format);
	}
	jw_string(j, "state", b->holder ? "held" : b->up ? "up" : "down");
	jw_bool(j, "up", b->up);
	if (!b->up)
		jw_string(j, "trouble", b->trouble ? b->trouble : f.trouble);
	jw_int(j, "timeout_ms", b->conf->timeout / US_MS);
	jw_int(j, "devices", (int64_t)b->ndevice);
	if (b->conf->description)
		jw_string(j, "description", b->conf->description);
	if (b->holder)
		jw_string(j, "holder", b->holder);
	jw_open(j, "adhoc", '{');
	jw_int(j, "requests", f.adhoc.requests);
	jw_int(j, "busy_ms", f.adhoc.busy / US_MS);
	jw_close(j, '}');
}

static void put_device(struct gateway *g, struct json *j, uint32_t i)
{
	const struct device *d = &g->model->device[i];
	const struct device_state *s = &g->plant->device[i];
	char text[256];
	device_state_text(g->plant, i, text, sizeof text);
	jw_string(j, "name", d->name);
	jw_string(j, "bus", g->model->bus[d->bus].name);
	jw_int(j, "unit", d->id);
	if (d->profile)
		jw_string(j, "profile", d->profile);
	jw_string(j, "state", text);
	jw_bool(j, "online", s->phase == PHASE_ONLINE);
	if (s->seen)
		put_seconds(j, "seen_s", g->now - s->seen);
	jw_int(j, "points", d->set->n);
}

static void put_place(struct json *j, const struct device *d, const struct point *p)
{
	static const char *const tables[] = {"coil", "discrete", "holding", "input"};
	const struct span s = model_span(d, p);
	if (devid_point(p))
		jw_int(j, "device_id", p->addr[0]);
	if (p->source != SOURCE_REGISTER || !model_bound(d))
		return;
	jw_string(j, "table", tables[s.table]);
	jw_int(j, "addr", s.addr);
	jw_int(j, "count", s.count);
}

static void put_point(struct gateway *g, struct json *j, const struct device *d, uint32_t i)
{
	const struct point *p = &d->set->point[i];
	const struct reading *r = &g->plant->reading[d->point0 + i];
	char text[VALUE_PRINT_MAX];
	jw_string(j, "name", p->name);
	if (r->quality == QUALITY_NEVER) {
		jw_null(j, "value");
	} else {
		reading_text(g->plant, d->point0 + i, text, sizeof text);
		jw_string(j, "value", text);
	}
	if (r->at)
		put_seconds(j, "age_s", g->now - r->at);
	if (p->unit)
		jw_string(j, "unit", p->unit);
	put_place(j, d, p);
	jw_bool(j, "writable", p->write != NULL);
	if (p->description)
		jw_string(j, "description", p->description);
}

/* Items from r->from on, as many as one answer takes. shows: does item i belong to the list? */
static void
list(struct gateway *g, client_t c, const struct control_request *r, const char *name, size_t n,
     bool (*put)(struct gateway *g, struct json *j, uint32_t i, const struct control_request *r))
{
	struct json *j = begin(g, r);
	uint32_t i = r->from;
	jw_open(j, name, '[');
	for (; i < n && j->len < PIECE; i++)
		put(g, j, i, r);
	jw_close(j, ']');
	if (i < n)
		jw_int(j, "next", i);
	finish(g, c);
}

static bool item_bus(struct gateway *g, struct json *j, uint32_t i, const struct control_request *r)
{
	(void)r;
	jw_open(j, NULL, '{');
	put_bus(g, j, i);
	jw_close(j, '}');
	return true;
}

static bool item_device(struct gateway *g, struct json *j, uint32_t i,
                        const struct control_request *r)
{
	if (r->bus && strcmp(g->model->bus[g->model->device[i].bus].name, r->bus) != 0)
		return false;
	jw_open(j, NULL, '{');
	put_device(g, j, i);
	jw_close(j, '}');
	return true;
}

static bool item_point(struct gateway *g, struct json *j, uint32_t i,
                       const struct control_request *r)
{
	const int d = model_find_device(g->model, r->device, strlen(r->device));
	const struct device *dev = &g->model->device[d];
	if (dev->set->point[i].hidden || dev->set->point[i].absent)
		return false;
	jw_open(j, NULL, '{');
	put_point(g, j, dev, i);
	jw_close(j, '}');
	return true;
}

static void buses(struct gateway *g, client_t c, const struct control_request *r)
{
	list(g, c, r, "buses", g->model->nbus, item_bus);
}

static void devices(struct gateway *g, client_t c, const struct control_request *r)
{
	if (r->bus && bus_named(g->model, r->bus) < 0)
		fail(g, c, r, CONTROL_E_BUS, "no such bus");
	else
		list(g, c, r, "devices", g->model->ndevice, item_device);
}

static void points(struct gateway *g, client_t c, const struct control_request *r)
{
	const int d = model_find_device(g->model, r->device, strlen(r->device));
	if (d < 0)
		fail(g, c, r, CONTROL_E_ARGS, "no such device");
	else
		list(g, c, r, "points", g->model->device[d].set->n, item_point);
}

/* -- commands, reads, reloads: their outcome comes later -------------------------- */

struct asked {
	struct gateway *g;
	client_t client;
	struct control_request r; /* without its tree */
	char name[128];           /* the point; "": no command */
};

static void outcome(void *ctx, const struct north_outcome *o)
{
	struct asked *a = ctx;
	struct gateway *g = a->g;
	if (o->reason) {
		fail(g, a->client, &a->r, CONTROL_E_REFUSED, o->reason);
	} else {
		struct json *j = begin(g, &a->r);
		const char *key = a->r.verb == CONTROL_RELOAD ? "hash"
		                  : a->r.verb == CONTROL_LOG  ? "level"
		                                              : "value";
		jw_string(j, key, o->value);
		if (o->end)
			jw_string(j, "outcome", o->end);
		finish(g, a->client);
	}
	free(a);
}

static struct north_request *asks(struct gateway *g, client_t c, const struct control_request *r)
{
	struct asked *a = mem_alloc(1, sizeof *a);
	*a = (struct asked){.g = g, .client = c, .r = *r};
	a->r.tree = (struct jread){0};
	a->r.bus = a->r.device = a->r.point = a->r.level = NULL;
	return north_local(outcome, a);
}

/* "device.point". False: answered. */
static bool point_named(struct gateway *g, client_t c, const struct control_request *r,
                        struct north_item *item)
{
	const char *dot = strchr(r->point, '.');
	const int d = dot ? model_find_device(g->model, r->point, (size_t)(dot - r->point)) : -1;
	if (d < 0) {
		fail(g, c, r, CONTROL_E_ARGS,
		     dot ? "no such device" : "point: must be device.point");
		return false;
	}
	const struct pointset *set = g->model->device[d].set;
	const int p = model_find_point(set, dot + 1, strlen(dot + 1));
	if (p < 0 || set->point[p].hidden || set->point[p].absent) {
		fail(g, c, r, CONTROL_E_ARGS, "the device has no such point");
		return false;
	}
	*item = (struct north_item){
		.device = (uint32_t)d,
		.point = (uint32_t)p,
		.param = set->point[p].name,
		.text = r->value,
	};
	return true;
}

static void get(struct gateway *g, client_t c, const struct control_request *r)
{
	struct north_item item;
	if (g->stopping)
		fail(g, c, r, CONTROL_E_CLOSED, "the daemon ends");
	else if (point_named(g, c, r, &item))
		gets_begin(g, &item, asks(g, c, r));
}

static void set(struct gateway *g, client_t c, const struct control_request *r)
{
	struct north_item item;
	if (!point_named(g, c, r, &item))
		return;
	log_info("control: %s: set %s = %.100s", client_who(g, c), r->point, r->value);
	const struct north_event e = {
		.kind = NORTH_COMMAND,
		.device = (int32_t)item.device,
		.item = &item,
		.nitem = 1,
		.request = asks(g, c, r),
	};
	commands_event(g, &e);
}

static void reload(struct gateway *g, client_t c, const struct control_request *r)
{
	log_info("control: %s: reload", client_who(g, c));
	reload_begin(g, asks(g, c, r), true);
}

static void level(struct gateway *g, client_t c, const struct control_request *r)
{
	enum log_level l;
	if (!log_parse_level(r->level, &l)) {
		fail(g, c, r, CONTROL_E_ARGS, "level: must be error, warn, info or debug");
		return;
	}
	log_warn("log level is now %s, set by %s", r->level, client_who(g, c));
	log_set_level(l);
	jw_string(begin(g, r), "level", r->level);
	finish(g, c);
}

/* -- on a bus --------------------------------------------------------------------- */

/* Why this write may not be; NULL: it may. */
static const char *write_denied(struct gateway *g, const struct control_request *r, uint32_t bus)
{
	static char words[256];
	char owner[160];
	const struct span s = control_pdu_cells(r->unit, r->pdu, r->len);
	if (g->model->commands_off)
		return "commands: off in the configuration";
	if (r->over || !control_owner(g->model, bus, &s, owner, sizeof owner))
		return NULL;
	snprintf(words, sizeof words,
	         "point %s owns it: set checks and verifies; \"over\":true writes nevertheless",
	         owner);
	return words;
}

static void on_bus(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus)
{
	const char *denied = NULL;
	if (!control_pdu_reads(r->pdu, r->len))
		denied = write_denied(g, r, bus);
	if (denied) {
		log_info("control: %s: %s to unit %u of bus %s denied: %s", client_who(g, c),
		         control_verb_name(r->verb), r->unit, r->bus, denied);
		fail(g, c, r, CONTROL_E_DENIED, denied);
		return;
	}
	requests_submit(g, c, r, bus);
}

static const struct {
	uint8_t verb;
	void (*begin)(struct gateway *g, client_t c, const struct control_request *r);
	void (*begin_bus)(struct gateway *g, client_t c, const struct control_request *r,
	                  uint32_t bus);
	bool changes; /* denied with control: read */
} verbs[] = {
	{CONTROL_BUSES, buses, NULL, false},
	{CONTROL_DEVICES, devices, NULL, false},
	{CONTROL_POINTS, points, NULL, false},
	{CONTROL_GET, get, NULL, false},
	{CONTROL_SET, set, NULL, true},
	{CONTROL_READ, NULL, on_bus, false},
	{CONTROL_WRITE, NULL, on_bus, true},
	{CONTROL_PDU, NULL, on_bus, false},
	{CONTROL_MONITOR, NULL, monitor_begin, false},
	{CONTROL_HOLD, NULL, requests_hold, true},
	{CONTROL_RELEASE, NULL, requests_release, false},
	{CONTROL_RELOAD, reload, NULL, true},
	{CONTROL_LOG, level, NULL, true},
};

void verb_begin(struct gateway *g, client_t c, const struct control_request *r)
{
	const size_t v = r->verb; /* the table is in the verbs' order */
	const bool changes =
		verbs[v].changes || (r->verb == CONTROL_PDU && !control_pdu_reads(r->pdu, r->len));
	if (changes && g->model->control == CONTROL_READ_ONLY) {
		fail(g, c, r, CONTROL_E_DENIED, "control: read in the configuration");
		return;
	}
	if (verbs[v].begin) {
		verbs[v].begin(g, c, r);
		return;
	}
	const int bus = bus_named(g->model, r->bus);
	if (bus < 0)
		fail(g, c, r, CONTROL_E_BUS, "no such bus");
	else
		verbs[v].begin_bus(g, c, r, (uint32_t)bus);
}
