// SPDX-License-Identifier: MIT
#include "ctl/look.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/verb.h"

#define SETTLE (10 * US_S)

int look_open(struct look *l, const struct broker_options *o)
{
	int status;

	*l = (struct look){0};
	screen_look(&l->screen);
	l->conf = broker_find(o, &l->model, &status);
	if (!l->conf)
		return status;
	l->view = view_create(l->conf->prefix);
	l->watch = watch_create(l->conf, l->view, NULL);
	return 0;
}

int look_options(int argc, char **argv, void (*help)(void), struct broker_options *o, bool *json)
{
	static const struct option table[] = {BROKER_LONG_OPTIONS,
	                                      {"json", no_argument, NULL, 'j'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {0}};

	*json = false;
	broker_options_init(o);
	for (int c; (c = getopt_long(argc, argv, BROKER_OPTIONS "h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (c == 'j')
			*json = true;
		else if (!broker_option(o, c))
			return usage(strrchr(argv[0], ' ') ? strrchr(argv[0], ' ') + 1 : argv[0]);
	}
	return LOOK_GOES_ON;
}

void look_full(struct look *l)
{
	const bool before = l->full;
	l->full = l->view->full;
	if (l->full && !before)
		fprintf(stderr,
		        "xnetctl: not all is included: at most %d gateways, %d buses of each, %d "
		        "devices, %d points\n",
		        VIEW_GATEWAYS, VIEW_BUSES, VIEW_DEVICES, VIEW_POINTS);
}

int look_begin(struct look *l, const struct broker_options *o)
{
	const int status = look_open(l, o);

	if (status)
		return status;
	if (watch_settle(l->watch, SETTLE)) {
		look_full(l);
		return 0;
	}
	fprintf(stderr, "xnetctl: broker %s:%u: %s\n", l->conf->host, (unsigned)l->conf->port,
	        watch_trouble(l->watch));
	look_end(l);
	return EXIT_FAILURE;
}

void look_end(struct look *l)
{
	watch_destroy(l->watch);
	view_destroy(l->view);
	model_destroy(l->model);
}

void look_json(struct json *j)
{
	puts(j->text);
	jw_free(j);
}

void look_nobody(const struct look *l)
{
	char text[512];

	snprintf(text, sizeof text, "No gateway has published below %s/ on %s.", l->view->prefix,
	         l->conf->host);
	screen_line(&l->screen, TONE_WARN, text);
	screen_line(&l->screen, TONE_WARN,
	            "Does it run, and reach this broker? journalctl -u xnet-gateway");
	snprintf(text, sizeof text, "Is another --prefix in use? May this user read %s/#?",
	         l->view->prefix);
	screen_line(&l->screen, TONE_WARN, text);
	if (*watch_trouble(l->watch))
		screen_line(&l->screen, TONE_WARN, watch_trouble(l->watch));
}

static us_t uptime(const struct view_gateway *g)
{
	double s;

	return facts_number(&g->facts, "uptime", &s) && s >= 0 && s < 1e10 ? (us_t)(s * 1e6) : -1;
}

void look_head(const struct look *l, const struct view_gateway *g)
{
	const enum view_status status = view_gateway_status(l->view, g);
	const char *reload = facts_text(&g->facts, "config/rejected", "no");
	char text[1024], up[24];

	snprintf(text, sizeof text, "%s  %s%s%s%s%s  MQTT %s, %s queued%s", g->name,
	         status == VIEW_ONLINE    ? "online"
	         : status == VIEW_OFFLINE ? "OFFLINE"
	                                  : "no status",
	         status == VIEW_ONLINE ? "  up " : "",
	         status == VIEW_ONLINE ? span_text(uptime(g), up) : "", "  xnetd ",
	         facts_text(&g->facts, "version", "?"), facts_text(&g->facts, "mqtt/protocol", "?"),
	         facts_text(&g->facts, "mqtt/queued", "?"), "");
	screen_line(&l->screen, status == VIEW_ONLINE ? TONE_HEAD : TONE_BAD, text);
	if (strcmp(reload, "no") != 0) {
		snprintf(text, sizeof text, "  the last reload was refused: %s", reload);
		screen_line(&l->screen, TONE_WARN, text);
	}
}

static const char *percent(const struct facts *f, const char *name, char buf[32])
{
	double value;

	if (!facts_number(f, name, &value))
		return NULL;
	snprintf(buf, 32, "%.*f %%", value < 10 && value > 0 ? 1 : 0, value);
	return buf;
}

static void add_bus(struct grid *t, const struct view_gateway *g, const struct view_bus *b,
                    double rate)
{
	const char *state = facts_text(&b->facts, "state", "?");
	const bool up = strcmp(state, "up") == 0;
	char load[32], errors[32], text[32] = "";

	if (rate >= 0)
		snprintf(text, sizeof text, "%.1f", rate);
	const char *const cell[] = {
		b->name,
		facts_get(&b->facts, "line"),
		percent(&b->facts, "load/1min", load),
		text,
		percent(&b->facts, "errors/1min", errors),
		facts_get(&b->facts, "late"),
		facts_get(&b->facts, "missed"),
		state,
	};
	(void)g;
	grid_row(t, cell, up ? TONE_GOOD : TONE_BAD, 7);
}

static void buses(const struct look *l, const struct view_gateway *g,
                  double (*rate)(void *ctx, const struct view_gateway *g, const struct view_bus *b),
                  void *ctx)
{
	static const struct column column[] = {
		{"line", false, 0},  {"settings", false, 3}, {"load", true, 2},
		{"req/s", true, 4},  {"errors", true, 2},    {"late", true, 6},
		{"missed", true, 5}, {"state", false, 0},
	};
	struct grid *t = grid_create(column, sizeof column / sizeof *column);

	for (size_t i = 0; i < g->nbus; i++)
		if (g->bus[i].facts.n)
			add_bus(t, g, &g->bus[i], rate ? rate(ctx, g, &g->bus[i]) : -1);
	grid_print(t, &l->screen, 0);
	grid_destroy(t);
}

/* What is remarkable about a device, in one line. */
static void note(const struct view *v, const struct view_device *d, char *buf, size_t size)
{
	const struct view_claim *c = view_owner(v, d);
	const char *trouble = view_trouble(v, d), *a, *b;
	double stale = 0, refused = 0;

	if (c) {
		facts_number(&c->facts, "stale", &stale);
		facts_number(&c->facts, "unsupported", &refused);
	}
	if (view_conflict(v, d, &a, &b))
		snprintf(buf, size, "both %s and %s publish it", a, b);
	else if (*trouble)
		snprintf(buf, size, "%s", trouble);
	else if (d->nalert)
		snprintf(buf, size, "%s %d: %s", d->alert[0].fault ? "fault" : "warning",
		         (int)d->alert[0].code, d->alert[0].desc);
	else if (stale > 0)
		snprintf(buf, size, "%.0f points could not be read", stale);
	else if (refused > 0)
		snprintf(buf, size, "%.0f points are not supported", refused);
	else
		*buf = '\0';
}

static void add_device(const struct look *l, struct grid *t, const struct view_device *d)
{
	const struct view_claim *c = view_owner(l->view, d);
	const struct facts none = {0}, *f = c ? &c->facts : &none;
	const bool good = view_current(l->view, d);
	const bool disabled = strcmp(facts_text(f, "state", ""), "disabled") == 0;
	char age[24], text[768];

	note(l->view, d, text, sizeof text);
	const char *const cell[] = {
		d->name,
		disabled ? "disabled"
		: good   ? "online"
			 : "OFFLINE",
		span_text(view_age(l->view, d, watch_now()), age),
		facts_get(f, "response"),
		facts_get(f, "quality"),
		text,
	};
	grid_row(t, cell, disabled ? TONE_DIM : good ? TONE_GOOD : TONE_BAD, 1);
}

static const struct column device_column[] = {
	{"device", false, 0},    {"state", false, 0},  {"last", true, 2},
	{"ms p50/p99", true, 4}, {"quality", true, 3}, {"note", false, 1},
};
#define DEVICE_COLUMNS (sizeof device_column / sizeof *device_column)

/* Those that need attention first: they must not be below the edge of the screen. */
static void devices(const struct look *l, const struct view_gateway *g, size_t most)
{
	struct grid *t = grid_create(device_column, DEVICE_COLUMNS);

	for (int good = 0; good < 2; good++)
		for (size_t i = 0; i < l->view->ndevice; i++) {
			const struct view_device *d = &l->view->device[i];
			if (view_device_there(l->view, d) && view_owns(l->view, g, d) &&
			    (*view_trouble(l->view, d) == '\0') == good)
				add_device(l, t, d);
		}
	grid_print(t, &l->screen, most);
	grid_destroy(t);
}

void look_tables(const struct look *l, const struct view_gateway *g,
                 double (*rate)(void *ctx, const struct view_gateway *g, const struct view_bus *b),
                 void *ctx, size_t most)
{
	buses(l, g, rate, ctx);
	devices(l, g, most);
}

static size_t print_alerts(const struct look *l, const struct view_device *d, size_t most)
{
	char text[VIEW_TEXT * 3];

	for (size_t i = 0; i < d->nalert; i++) {
		const struct view_alert *a = &d->alert[i];
		if (i == most)
			return 0;
		snprintf(text, sizeof text, "! %s %d of %s: %s", a->fault ? "fault" : "warning",
		         (int)a->code, a->source ? a->source : d->name, a->desc);
		screen_line(&l->screen, a->fault ? TONE_BAD : TONE_WARN, text);
	}
	return most - d->nalert;
}

void look_alerts(const struct look *l, const struct view_gateway *g, size_t most)
{
	const struct view_device *own = view_device(l->view, g->name);

	if (own)
		most = print_alerts(l, own, most);
	for (size_t i = 0; i < l->view->ndevice && most; i++) {
		const struct view_device *d = &l->view->device[i];
		if (d != own && view_owns(l->view, g, d))
			most = print_alerts(l, d, most);
	}
}

void look_commands(const struct look *l, const struct view_gateway *g)
{
	static const char *const row[][2] = {
		{"commands/verified", "verified"}, {"commands/acknowledged", "acknowledged"},
		{"commands/rejected", "rejected"}, {"commands/failed", "failed"},
		{"commands/expired", "expired"},   {"commands/superseded", "superseded"},
	};
	char text[1024];
	double n = 0;

	if (!facts_number(&g->facts, "commands/received", &n) || n <= 0)
		return;
	int at = snprintf(text, sizeof text, "commands  %.0f received", n);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (facts_number(&g->facts, row[i][0], &n) && n > 0)
			at += snprintf(text + at, sizeof text - (size_t)at, ", %.0f %s", n,
			               row[i][1]);
	snprintf(text + at, sizeof text - (size_t)at, "; last: %s",
	         facts_text(&g->facts, "commands/last", "none"));
	screen_line(&l->screen, TONE_PLAIN, text);
}

void look_others(const struct look *l, size_t most)
{
	struct grid *t = grid_create(device_column, DEVICE_COLUMNS);
	size_t n = 0;

	for (size_t i = 0; i < l->view->ndevice; i++) {
		const struct view_device *d = &l->view->device[i];
		if (!view_device_there(l->view, d) || view_owner(l->view, d))
			continue;
		add_device(l, t, d);
		n++;
	}
	if (n)
		screen_line(&l->screen, TONE_WARN,
		            "Of no gateway that publishes its health (sys_interval: off):");
	grid_print(t, &l->screen, most);
	grid_destroy(t);
}
