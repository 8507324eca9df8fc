// SPDX-License-Identifier: MIT
#include "view/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"

struct sheet {
	const struct view *v;
	us_t now;
	bool openmetrics;
	FILE *out;
	const char *name, *suffix; /* of the family under way */
};

struct family {
	const char *name, *type, *unit, *help;
};

static void family(struct sheet *s, const struct family *f)
{
	const bool counter = strcmp(f->type, "counter") == 0;

	s->name = f->name;
	s->suffix = counter ? "_total" : "";
	/* the older format names a counter's family as its samples */
	const char *end = s->openmetrics ? "" : s->suffix;
	fprintf(s->out, "# HELP %s%s %s\n", f->name, end, f->help);
	fprintf(s->out, "# TYPE %s%s %s\n", f->name, end, f->type);
	if (s->openmetrics && f->unit)
		fprintf(s->out, "# UNIT %s %s\n", f->name, f->unit);
}

static void label(struct sheet *s, char before, const char *name, const char *text)
{
	fprintf(s->out, "%c%s=\"", before, name);
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			fputc('\\', s->out);
		fputc(*text, s->out); /* a new line is a blank by now (core/base/text.h) */
	}
	fputc('"', s->out);
}

static void open_labels(struct sheet *s, const char *name, const char *text)
{
	fputs(s->name, s->out);
	fputs(s->suffix, s->out);
	label(s, '{', name, text);
}

static void value(struct sheet *s, double x)
{
	char text[40];

	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, x);
		if (strtod(text, NULL) == x)
			break;
	}
	fprintf(s->out, "} %s\n", text);
}

/* -- gateways ---------------------------------------------------------------------------------- */

#define EACH_GATEWAY(s, g)                                                                         \
	for (const struct view_gateway *g = (s)->v->gateway;                                       \
	     g < (s)->v->gateway + (s)->v->ngateway; g++)                                          \
		if (view_gateway_there((s)->v, g))

static const struct {
	struct family family;
	const char *fact;
	double scale;
} gateway_facts[] = {
	{{"xnet_gateway_uptime_seconds", "gauge", "seconds", "Time since the gateway started."},
         "uptime",
         1},
	{{"xnet_gateway_resident_memory_bytes", "gauge", "bytes", "Memory in use."},
         "process/rss",
         1},
	{{"xnet_gateway_cpu_seconds", "counter", "seconds", "CPU time used."}, "process/cpu", 1},
	{{"xnet_gateway_mqtt_queued", "gauge", NULL, "Messages waiting to be published."},
         "mqtt/queued",
         1},
	{{"xnet_gateway_mqtt_published", "counter", NULL, "Messages published."},
         "mqtt/published",
         1},
	{{"xnet_gateway_mqtt_dropped", "counter", NULL, "Messages discarded."}, "mqtt/dropped", 1},
	{{"xnet_gateway_mqtt_reconnects", "counter", NULL,
          "Connections to the broker after the first one."},
         "mqtt/reconnects",
         1},
	{{"xnet_gateway_commands_received", "counter", NULL, "Commands received."},
         "commands/received",
         1},
};

static void gateways(struct sheet *s)
{
	family(s, &(struct family){"xnet_gateway_up", "gauge", NULL, "1: the gateway is online."});
	EACH_GATEWAY(s, g)
	{
		open_labels(s, "gateway", g->name);
		label(s, ',', "version", facts_text(&g->facts, "version", ""));
		value(s, view_gateway_status(s->v, g) == VIEW_ONLINE);
	}
	for (size_t i = 0; i < sizeof gateway_facts / sizeof *gateway_facts; i++) {
		family(s, &gateway_facts[i].family);
		EACH_GATEWAY(s, g)
		{
			double x;
			if (!facts_number(&g->facts, gateway_facts[i].fact, &x))
				continue;
			open_labels(s, "gateway", g->name);
			value(s, x * gateway_facts[i].scale);
		}
	}
}

static void commands(struct sheet *s)
{
	static const char *const outcome[] = {"verified",   "acknowledged", "sent",  "rejected",
	                                      "superseded", "expired",      "failed"};

	family(s, &(struct family){"xnet_gateway_commands", "counter", NULL,
	                           "Commands by their outcome."});
	EACH_GATEWAY(s, g)
	for (size_t i = 0; i < sizeof outcome / sizeof *outcome; i++) {
		char path[40];
		double x;
		snprintf(path, sizeof path, "commands/%s", outcome[i]);
		if (!facts_number(&g->facts, path, &x))
			continue;
		open_labels(s, "gateway", g->name);
		label(s, ',', "outcome", outcome[i]);
		value(s, x);
	}
}

static void alerts(struct sheet *s)
{
	struct view_sum sum;

	family(s, &(struct family){"xnet_alerts", "gauge", NULL,
	                           "Alerts of a gateway and its devices."});
	EACH_GATEWAY(s, g)
	{
		view_sum(s->v, g, &sum);
		open_labels(s, "gateway", g->name);
		label(s, ',', "kind", "fault");
		value(s, (double)sum.faults);
		open_labels(s, "gateway", g->name);
		label(s, ',', "kind", "warning");
		value(s, (double)sum.warnings);
	}
}

/* -- lines ------------------------------------------------------------------------------------- */

static const struct {
	struct family family;
	const char *fact;
	double scale;
} bus_facts[] = {
	{{"xnet_line_load_ratio", "gauge", "ratio", "Share of the line's time used in a minute."},
         "load/1min",
         0.01},
	{{"xnet_line_planned_ratio", "gauge", "ratio",
          "Share of the line's time that the configuration needs."},
         "load/planned",
         0.01},
	{{"xnet_line_requests", "counter", NULL, "Requests sent."}, "requests", 1},
	{{"xnet_line_responses", "counter", NULL, "Responses, exceptions included."},
         "responses",
         1},
	{{"xnet_line_timeouts", "counter", NULL, "Requests without a response."}, "timeouts", 1},
	{{"xnet_line_crc_errors", "counter", NULL, "Responses with a wrong CRC."}, "crc_errors", 1},
	{{"xnet_line_garbled", "counter", NULL, "Responses otherwise corrupted."}, "garbled", 1},
	{{"xnet_line_late", "counter", NULL, "Responses after their timeout."}, "late", 1},
	{{"xnet_line_exceptions", "counter", NULL, "Exception responses."}, "exceptions", 1},
	{{"xnet_line_missed", "counter", NULL, "Polls skipped because the line was busy."},
         "missed",
         1},
	{{"xnet_line_reopened", "counter", NULL, "How often the port was opened again."},
         "reopened",
         1},
};

#define EACH_BUS(g, b)                                                                             \
	for (const struct view_bus *b = (g)->bus; b < (g)->bus + (g)->nbus; b++)                   \
		if (b->facts.n)

static void lines(struct sheet *s)
{
	family(s,
	       &(struct family){"xnet_line_up", "gauge", NULL, "1: the line is as it should be."});
	EACH_GATEWAY(s, g)
	EACH_BUS(g, b)
	{
		open_labels(s, "gateway", g->name);
		label(s, ',', "line", b->name);
		value(s, strcmp(facts_text(&b->facts, "state", ""), "up") == 0);
	}
	for (size_t i = 0; i < sizeof bus_facts / sizeof *bus_facts; i++) {
		family(s, &bus_facts[i].family);
		EACH_GATEWAY(s, g)
		EACH_BUS(g, b)
		{
			double x;
			if (!facts_number(&b->facts, bus_facts[i].fact, &x))
				continue;
			open_labels(s, "gateway", g->name);
			label(s, ',', "line", b->name);
			value(s, x * bus_facts[i].scale);
		}
	}
}

/* -- devices and points ------------------------------------------------------------------------ */

static const struct {
	struct family family;
	const char *fact;
} device_facts[] = {
	{{"xnet_device_quality_ratio", "gauge", "ratio",
          "Share of requests answered in the last minutes."},
         "quality"},
	{{"xnet_device_requests", "counter", NULL, "Requests sent to it."}, "requests"},
	{{"xnet_device_timeouts", "counter", NULL, "Requests without a response."}, "timeouts"},
	{{"xnet_device_crc_errors", "counter", NULL, "Responses with a wrong CRC."}, "crc_errors"},
	{{"xnet_device_exceptions", "counter", NULL, "Exception responses."}, "exceptions"},
	{{"xnet_device_invalid", "counter", NULL, "Values outside what is valid."}, "invalid"},
	{{"xnet_device_stale", "gauge", NULL, "Points that could not be read."}, "stale"},
	{{"xnet_device_unsupported", "gauge", NULL, "Points that it does not deliver."},
         "unsupported"},
};

#define EACH_DEVICE(s, d)                                                                          \
	for (const struct view_device *d = (s)->v->device; d < (s)->v->device + (s)->v->ndevice;   \
	     d++)                                                                                  \
		if (view_device_there((s)->v, d))

static void open_device(struct sheet *s, const struct view_device *d)
{
	const struct view_claim *c = view_owner(s->v, d);

	open_labels(s, "gateway", c ? s->v->gateway[c->gateway].name : "");
	label(s, ',', "device", d->name);
}

static void devices(struct sheet *s)
{
	family(s, &(struct family){"xnet_device_up", "gauge", NULL,
	                           "1: the device and its gateway are online."});
	EACH_DEVICE(s, d)
	{
		open_device(s, d);
		value(s, view_current(s->v, d));
	}
	family(s, &(struct family){"xnet_device_response_age_seconds", "gauge", "seconds",
	                           "Time since the last response."});
	EACH_DEVICE(s, d)
	{
		const us_t age = view_age(s->v, d, s->now);
		if (age < 0)
			continue;
		open_device(s, d);
		value(s, (double)age / 1e6);
	}
	for (size_t i = 0; i < sizeof device_facts / sizeof *device_facts; i++) {
		family(s, &device_facts[i].family);
		EACH_DEVICE(s, d)
		{
			const struct view_claim *c = view_owner(s->v, d);
			double x;
			if (!c || !facts_number(&c->facts, device_facts[i].fact, &x))
				continue;
			open_device(s, d);
			value(s, x);
		}
	}
}

static bool is_on(const char *text, double *x)
{
	*x = strcmp(text, "on") == 0;
	return *x != 0 || strcmp(text, "off") == 0;
}

/* A number, perhaps with its unit behind a blank (`payload: value+unit`). */
static bool is_number(const struct view_point *p, double *x)
{
	char *end;

	*x = strtod(p->text, &end);
	if (end == p->text || !isfinite(*x) || !(jw_is_number(p->text) || *end == ' '))
		return false;
	return !*end || (p->unit && strcmp(end + 1, p->unit) == 0);
}

static void points(struct sheet *s, bool states)
{
	EACH_DEVICE(s, d)
	for (size_t i = 0; i < d->npoint && view_current(s->v, d); i++) {
		const struct view_point *p = &d->point[i];
		double x;
		if (!p->text || strcmp(p->text, "None") == 0)
			continue;
		const bool number = is_number(p, &x) || is_on(p->text, &x);
		if (number == states)
			continue;
		open_device(s, d);
		label(s, ',', "point", p->name);
		if (states)
			label(s, ',', "state", p->text);
		else
			label(s, ',', "unit", p->unit ? p->unit : "");
		value(s, states ? 1 : x);
	}
}

void view_metrics(const struct view *v, bool broker, us_t now, bool openmetrics, FILE *out)
{
	struct sheet s = {.v = v, .now = now, .openmetrics = openmetrics, .out = out};

	fputs("# HELP xnet_broker_up 1: connected to the broker.\n# TYPE xnet_broker_up gauge\n",
	      out);
	fprintf(out, "xnet_broker_up %d\n", broker);
	if (broker) {
		gateways(&s);
		commands(&s);
		alerts(&s);
		lines(&s);
		devices(&s);
		family(&s, &(struct family){"xnet_point", "gauge", NULL,
		                            "Value of a point; on is 1, off is 0."});
		points(&s, false);
		family(&s, &(struct family){"xnet_point_state", "gauge", NULL,
		                            "1: this label or text is the point's value."});
		points(&s, true);
	}
	if (openmetrics)
		fputs("# EOF\n", out);
}
