// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "ctl/look.h"
#include "ctl/verb.h"
#include "view/json.h"

static void help(void)
{
	puts("Usage: xnetctl fleet [OPTION]...\n"
	     "One table of all gateways below a prefix. Ends with 1 if a gateway or a device is "
	     "offline, a line is\n"
	     "not up, a fault is reported, or two gateways publish the same device.\n"
	     "\n"
	     "      --json                 the same as JSON\n" BROKER_HELP);
}

static void add(struct grid *t, const struct view *v, const struct view_gateway *g,
                const struct view_sum *sum)
{
	const enum view_status status = view_gateway_status(v, g);
	char up[24] = "", count[48], line[600] = "", alerts[64] = "";
	double s, load = 0;

	if (status == VIEW_ONLINE && facts_number(&g->facts, "uptime", &s) && s >= 0 && s < 1e10)
		span_text((long long)(s * 1e6), up);
	snprintf(count, sizeof count, "%zu/%zu", sum->online, sum->devices - sum->disabled);
	if (sum->worst && sum->bus_down)
		snprintf(line, sizeof line, "%s: %s", sum->worst->name,
		         facts_text(&sum->worst->facts, "state", "?"));
	else if (sum->worst && facts_number(&sum->worst->facts, "load/1min", &load))
		snprintf(line, sizeof line, "%s %.0f %%", sum->worst->name, load);
	else if (sum->worst)
		snprintf(line, sizeof line, "%s", sum->worst->name);
	if (sum->faults || sum->warnings)
		snprintf(alerts, sizeof alerts, "%zu fault%s, %zu warning%s", sum->faults,
		         sum->faults == 1 ? "" : "s", sum->warnings, sum->warnings == 1 ? "" : "s");
	const char *const cell[] = {
		g->name,
		status == VIEW_ONLINE    ? "online"
		: status == VIEW_OFFLINE ? "OFFLINE"
					 : "?",
		facts_get(&g->facts, "version"),
		up,
		count,
		alerts,
		line,
	};
	grid_row(t, cell, sum->wrong ? TONE_BAD : TONE_GOOD, 1);
}

static size_t conflicts(const struct look *l, struct json *j)
{
	const struct view *v = l->view;
	const char *a, *b;
	char text[512];
	size_t n = 0;

	for (size_t i = 0; i < v->ndevice; i++) {
		if (!view_conflict(v, &v->device[i], &a, &b))
			continue;
		n++;
		if (j) {
			jw_open(j, NULL, '{');
			jw_string(j, "device", v->device[i].name);
			jw_open(j, "gateways", '[');
			jw_string(j, NULL, a);
			jw_string(j, NULL, b);
			jw_close(j, ']');
			jw_close(j, '}');
			continue;
		}
		snprintf(
			text, sizeof text,
			"! device %s is published by both %s and %s: give one of them another name",
			v->device[i].name, a, b);
		screen_line(&l->screen, TONE_BAD, text);
	}
	return n;
}

/* The next device of no gateway that publishes its health (sys_interval: off), or such a gateway's
 * own name; from *i on. NULL: no more. */
static const struct view_device *next_other(const struct view *v, size_t *i)
{
	while (*i < v->ndevice) {
		const struct view_device *d = &v->device[(*i)++];
		if (view_device_there(v, d) && !view_owner(v, d))
			return d;
	}
	return NULL;
}

/* True: there are some; then in a row of their own. */
static bool others(const struct view *v, struct grid *t, bool *wrong)
{
	size_t n = 0, online = 0, faults = 0;
	const struct view_device *d;
	char count[48], alerts[48] = "";

	for (size_t i = 0; (d = next_other(v, &i)); n++) {
		online += view_current(v, d);
		for (size_t k = 0; k < d->nalert; k++)
			faults += d->alert[k].fault;
	}
	snprintf(count, sizeof count, "%zu/%zu", online, n);
	if (faults)
		snprintf(alerts, sizeof alerts, "%zu fault%s", faults, faults == 1 ? "" : "s");
	const char *const cell[] = {"(sys_interval: off)",
	                            online < n ? "OFFLINE" : "online",
	                            NULL,
	                            NULL,
	                            count,
	                            alerts,
	                            ""};
	if (n)
		grid_row(t, cell, online < n || faults ? TONE_BAD : TONE_GOOD, 1);
	*wrong = *wrong || online < n || faults;
	return n > 0;
}

static void print_json(const struct look *l)
{
	struct json j = {0};
	const struct view_device *d;

	jw_open(&j, NULL, '{');
	jw_open(&j, "gateways", '[');
	for (size_t i = 0; i < l->view->ngateway; i++) {
		if (!view_gateway_there(l->view, &l->view->gateway[i]))
			continue;
		jw_open(&j, NULL, '{');
		view_json_gateway(l->view, &l->view->gateway[i], &j);
		jw_close(&j, '}');
	}
	jw_close(&j, ']');
	jw_open(&j, "others", '[');
	for (size_t i = 0; (d = next_other(l->view, &i));)
		view_json_device(l->view, d, watch_now(), false, &j);
	jw_close(&j, ']');
	jw_open(&j, "conflicts", '[');
	conflicts(l, &j);
	jw_close(&j, ']');
	jw_close(&j, '}');
	look_json(&j);
}

static int report(const struct look *l, bool json)
{
	static const struct column column[] = {
		{"gateway", false, 0},    {"state", false, 0},  {"version", false, 4},
		{"up", true, 3},          {"devices", true, 0}, {"alerts", false, 2},
		{"worst line", false, 1},
	};
	struct grid *t = grid_create(column, sizeof column / sizeof *column);
	bool any = false, wrong = false;
	struct view_sum sum;

	for (size_t i = 0; i < l->view->ngateway; i++) {
		const struct view_gateway *g = &l->view->gateway[i];
		if (!view_gateway_there(l->view, g))
			continue;
		view_sum(l->view, g, &sum);
		add(t, l->view, g, &sum);
		any = true;
		wrong = wrong || sum.wrong;
	}
	any = others(l->view, t, &wrong) || any;
	if (json) {
		print_json(l);
	} else {
		grid_print(t, &l->screen, 0);
		conflicts(l, NULL);
		if (!any)
			look_nobody(l);
	}
	grid_destroy(t);
	return any && !wrong ? EXIT_SUCCESS : EXIT_FAILURE;
}

int verb_fleet(int argc, char **argv)
{
	struct broker_options o;
	struct look l;
	bool json;

	int status = look_options(argc, argv, help, &o, &json);
	if (status != LOOK_GOES_ON)
		return status;
	if (optind < argc)
		return usage_words("fleet", argc, argv, optind, NULL);
	status = look_begin(&l, &o);
	if (status)
		return status;
	status = report(&l, json);
	look_end(&l);
	return status;
}
