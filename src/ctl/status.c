// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "ctl/look.h"
#include "ctl/verb.h"
#include "view/json.h"

#define ALERTS 8

static void help(void)
{
	puts("Usage: xnetctl status [OPTION]... [GATEWAY]\n"
	     "How the gateways of a broker are, their lines and devices, on one screen. Ends with "
	     "1 "
	     "if anything\n"
	     "is wrong.\n"
	     "\n"
	     "      --json                 all of it, with the points, as JSON\n" BROKER_HELP);
}

static size_t rows(const struct look *l)
{
	return l->screen.terminal && l->screen.height > 12 ? l->screen.height - 8 : 0;
}

static void print_json(const struct look *l, const char *only)
{
	const struct view *v = l->view;
	struct json j = {0};

	jw_open(&j, NULL, '{');
	jw_open(&j, "gateways", '[');
	for (size_t i = 0; i < v->ngateway; i++) {
		if (!view_gateway_there(v, &v->gateway[i]) ||
		    (only && strcmp(only, v->gateway[i].name) != 0))
			continue;
		jw_open(&j, NULL, '{');
		view_json_gateway(v, &v->gateway[i], &j);
		jw_close(&j, '}');
	}
	jw_close(&j, ']');
	jw_open(&j, "devices", '[');
	for (size_t i = 0; i < v->ndevice; i++) {
		const struct view_claim *c = view_owner(v, &v->device[i]);
		if (view_device_there(v, &v->device[i]) &&
		    (!only || (c && strcmp(only, v->gateway[c->gateway].name) == 0)))
			view_json_device(v, &v->device[i], watch_now(), true, &j);
	}
	jw_close(&j, ']');
	jw_close(&j, '}');
	look_json(&j);
}

/* A line that needs attention: one that is not up, or one with a silent device; NULL: none. */
static const char *bad_line(const struct view *v, const struct view_gateway *g,
                            const struct view_sum *sum)
{
	if (sum->bus_down)
		return sum->worst->name;
	for (size_t i = 0; i < v->ndevice; i++) {
		const struct view_device *d = &v->device[i];
		if (d->bus && d->status != VIEW_ONLINE && view_owns(v, g, d) && *view_trouble(v, d))
			return d->bus;
	}
	return NULL;
}

/* The next step, for a first-time user. */
static void next_step(const struct look *l, const struct view_gateway *g,
                      const struct view_sum *sum)
{
	const char *line = bad_line(l->view, g, sum);
	char text[512];

	if (view_gateway_status(l->view, g) != VIEW_ONLINE)
		snprintf(text, sizeof text, "Next, on %s: journalctl -u xnet-gateway", g->name);
	else if (line)
		snprintf(text, sizeof text, "Next, on %s: sudo xnetctl doctor %s", g->name, line);
	else
		return;
	screen_line(&l->screen, TONE_WARN, text);
}

static bool print_gateway(const struct look *l, const struct view_gateway *g)
{
	struct view_sum sum;

	view_sum(l->view, g, &sum);
	look_head(l, g);
	look_tables(l, g, NULL, NULL, rows(l));
	look_alerts(l, g, ALERTS);
	look_commands(l, g);
	next_step(l, g, &sum);
	return !sum.wrong;
}

static int report(const struct look *l, const char *only, bool json)
{
	const struct view *v = l->view;
	bool good = true, any = false;
	struct view_sum sum;

	for (size_t i = 0; i < v->ngateway; i++) {
		if (!view_gateway_there(v, &v->gateway[i]) ||
		    (only && strcmp(only, v->gateway[i].name) != 0))
			continue;
		if (any && !json)
			putchar('\n');
		any = true;
		view_sum(v, &v->gateway[i], &sum);
		good = good && !sum.wrong;
		if (!json)
			print_gateway(l, &v->gateway[i]);
	}
	if (json)
		print_json(l, only);
	else if (!only)
		look_others(l, rows(l));
	for (size_t i = 0; i < v->ndevice && !only; i++)
		if (view_device_there(v, &v->device[i]) && !view_owner(v, &v->device[i])) {
			any = true;
			good = good && !*view_trouble(v, &v->device[i]);
		}
	if (!any && only)
		fprintf(stderr, "xnetctl: no gateway '%s' below %s/\n", only, v->prefix);
	else if (!any && !json)
		look_nobody(l);
	return any && good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int verb_status(int argc, char **argv)
{
	struct broker_options o;
	struct look l;
	bool json;

	int status = look_options(argc, argv, help, &o, &json);
	if (status != LOOK_GOES_ON)
		return status;
	const char *only = optind < argc ? argv[optind++] : NULL;
	if (optind < argc)
		return usage_words("status", argc, argv, optind, NULL);
	status = look_begin(&l, &o);
	if (status)
		return status;
	status = report(&l, only, json);
	look_end(&l);
	return status;
}
