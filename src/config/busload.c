// SPDX-License-Identifier: MIT
#include "config/busload.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/schedule/advise.h"

#define TURNAROUND (5 * US_MS) /* assumed; the running gateway measures it */
#define CHANGES_MAX 16
#define NAMED_MAX 4 /* points named of each period; the others are counted */

static bool polled(const struct device *dev, const struct point *p, uint32_t bus, us_t period)
{
	return dev->bus == bus && dev->enabled && p->period == period &&
	       !(p->write && p->write->only);
}

static int append(char *buf, size_t size, int at, const char *text)
{
	const int n = (size_t)at < size ? snprintf(buf + at, size - (size_t)at, "%s", text) : 0;
	return at + n;
}

/* "a/x, a/y and 12 more of 1s every 4s" */
static int print_change(const struct model *m, uint32_t bus, const struct load_change *c, char *buf,
                        size_t size, int at)
{
	char text[160], from[24], to[24];
	unsigned n = 0;
	for (size_t i = 0; i < m->ndevice; i++)
		for (uint32_t k = 0; k < m->device[i].set->n; k++) {
			const struct point *p = &m->device[i].set->point[k];
			if (!polled(&m->device[i], p, bus, c->from) || n++ >= NAMED_MAX)
				continue;
			snprintf(text, sizeof(text), "%s%s/%s", n > 1 ? ", " : "",
			         m->device[i].name, p->name);
			at = append(buf, size, at, text);
		}
	load_print_period(c->from, from, sizeof(from));
	load_print_period(c->to, to, sizeof(to));
	if (n > NAMED_MAX)
		snprintf(text, sizeof(text), " and %u more of %s every %s", n - NAMED_MAX, from,
		         to);
	else
		snprintf(text, sizeof(text), " of %s every %s", from, to);
	return append(buf, size, at, text);
}

static void warn(const struct model *m, uint32_t bus, double load, const struct load_change *change,
                 size_t n, double reached, struct diag *d)
{
	const struct bus_conf *b = &m->bus[bus];
	char advice[1024] = "";
	int at = 0;
	for (size_t i = 0; i < n; i++) {
		at = append(advice, sizeof(advice), at, i ? "; " : "");
		at = print_change(m, bus, &change[i], advice, sizeof(advice), at);
	}
	if (n)
		diag_warn(d, b->where,
		          "bus %s: its points need %.0f %% of the line's time; %.0f %% is "
		          "recommended. It comes to %.0f %% with %s",
		          b->name, load, LOAD_LIMIT, reached, advice);
	else
		diag_warn(d, b->where,
		          "bus %s: its points need %.0f %% of the line's time; %.0f %% is "
		          "recommended",
		          b->name, load, LOAD_LIMIT);
}

static void bus_check(const struct model *m, uint32_t bus, struct diag *d)
{
	const struct bus_conf *b = &m->bus[bus];
	struct load_change change[CHANGES_MAX];
	struct want *want = NULL;
	struct unit_rule *rule = NULL;
	struct wire wire;
	size_t nrule = 0;
	double reached = 0;
	wire_init(&wire, b->baud, b->data, b->parity, b->stop, b->silence);
	const size_t n = model_wants(m, bus, NULL, &want, &rule, &nrule);
	const double load = schedule_load(&wire, want, n, rule, nrule, TURNAROUND);
	if (load > LOAD_LIMIT) {
		const size_t changes = load_advise(&wire, want, n, rule, nrule, TURNAROUND,
		                                   LOAD_LIMIT, change, CHANGES_MAX, &reached);
		warn(m, bus, load, change, changes, reached, d);
	}
	free(want);
	free(rule);
}

void busload_warn(const struct model *m, struct diag *d)
{
	for (uint32_t i = 0; i < m->nbus; i++)
		if (m->bus[i].kind != BUS_TCP)
			bus_check(m, i, d);
}
