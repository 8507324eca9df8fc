// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "core/base/arena.h"
#include "core/model/devid.h"
#include "core/schedule/advise.h"
#include "core/schedule/plan.h"
#include "ctl/verb.h"

#define TURNAROUND (5 * US_MS) /* assumed; the running gateway measures it */

static void help(void)
{
	puts("Usage: xnetctl plan [OPTION]... [FILE]\n"
	     "What is read, how often, in how many requests, and how much of each line's time it "
	     "takes. A\n"
	     "turnaround of 5 ms is assumed.\n"
	     "\n"
	     "  -c, --config FILE    the configuration (default " CONFIG_DIR "/devices.yaml)\n"
	     "  -P, --profiles DIR   where device profiles are; may be given up to three times\n"
	     "      --points         list the points instead: device, point, published or "
	     "internal, "
	     "period");
}

static const char *device_of(const struct model *m, uint32_t bus, uint8_t unit)
{
	for (size_t i = 0; i < m->ndevice; i++)
		if (m->device[i].bus == bus && m->device[i].id == unit)
			return m->device[i].name;
	return "?";
}

static void print_period(us_t period)
{
	if (period == PERIOD_FASTEST)
		printf("  as fast as possible");
	else if (period == PERIOD_ONCE)
		printf("  once               ");
	else
		printf("  every %9.3f s   ", (double)period / 1e6);
}

/* alone: no other unit is served while this one pauses. */
static struct plan_limits limits_of(const struct unit_rule *r, bool alone)
{
	return (struct plan_limits){.max_read = r->max_read,
	                            .max_hole = r->max_hole,
	                            .turnaround = TURNAROUND + (alone ? r->pause : 0),
	                            .window = r->window,
	                            .nwindow = r->nwindow};
}

/* Wants of one unit, table and period, that are read together. */
static size_t same(const struct want *w, size_t n)
{
	size_t k = 1;

	while (k < n && w[k].unit == w[0].unit && w[k].table == w[0].table &&
	       w[k].period == w[0].period)
		k++;
	return k;
}

static int compare(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	if (x->period != y->period)
		return x->period < y->period ? -1 : 1;
	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void print_group(const struct model *m, uint32_t bus, const struct wire *wire,
                        const struct want *w, size_t n, const struct unit_rule *rule, bool alone)
{
	static const char *const table[] = {"coil", "discrete", "holding", "input"};
	const struct plan_limits limits = limits_of(rule, alone);
	const struct want **list = mem_alloc(n, sizeof *list);
	struct span *block = mem_alloc(n, sizeof *block);

	for (size_t i = 0; i < n; i++)
		list[i] = &w[i];
	const size_t blocks = plan_cover(wire, &limits, list, n, block);
	for (size_t i = 0; i < blocks; i++) {
		printf("  %-16s", device_of(m, bus, w->unit));
		print_period(w->period);
		printf("  %-8s %5u + %-4u", table[w->table], block[i].addr, block[i].count);
		const us_t took = wire_read(wire, w->table, block[i].count, TURNAROUND);
		printf("  %7.1f ms\n", (double)took / 1e3);
	}
	free(list);
	free(block);
}

/* The real scheduler's figure, and what would bring it below the limit. */
static void print_load(const struct wire *wire, const struct want *want, size_t n,
                       const struct unit_rule *rule, size_t nrule)
{
	const double load = schedule_load(wire, want, n, rule, nrule, TURNAROUND);
	struct load_change change[16];
	char text[512];
	double reached;

	printf("  %.1f %% of the line's time\n", load);
	const size_t changes = load_advise(wire, want, n, rule, nrule, TURNAROUND, LOAD_LIMIT,
	                                   change, sizeof(change) / sizeof(change[0]), &reached);
	if (changes == 0)
		return;
	load_print(change, changes, text, sizeof(text));
	printf("  to get to %.1f %%, read %s\n", reached, text);
}

static const struct unit_rule *rule_of(const struct unit_rule *r, size_t n, uint8_t unit)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].unit == unit)
			return &r[i];
	return NULL;
}

/* Points with device_id: read when nothing else needs the line. */
static void print_texts(const struct model *m, uint32_t bus)
{
	for (size_t i = 0; i < m->ndevice; i++) {
		const struct device *d = &m->device[i];
		unsigned n = 0;
		for (uint32_t k = 0; d->bus == bus && d->enabled && k < d->set->n; k++)
			n += devid_point(&d->set->point[k]);
		if (!n)
			continue;
		printf("  %-16s", d->name);
		print_period(PERIOD_ONCE);
		printf("  function 43/14, %u point%s\n", n, n == 1 ? "" : "s");
	}
}

static void print_bus(const struct model *m, uint32_t bus)
{
	const struct bus_conf *b = &m->bus[bus];
	struct want *want = NULL;
	struct unit_rule *rule = NULL;
	size_t nrule = 0;
	const size_t n = model_wants(m, bus, NULL, &want, &rule, &nrule);
	struct wire wire;

	wire_init(&wire, b->baud, b->data, b->parity, b->stop, b->silence);
	if (b->baud)
		printf("%s: %u %u%c%u\n", b->name, (unsigned)b->baud, b->data, b->parity, b->stop);
	else
		printf("%s: Modbus TCP\n", b->name);
	if (n)
		qsort(want, n, sizeof(*want), compare);
	for (size_t i = 0, k; i < n; i += k) {
		k = same(want + i, n - i);
		const struct unit_rule *r = rule_of(rule, nrule, want[i].unit);
		if (r)
			print_group(m, bus, &wire, want + i, k, r, nrule == 1);
	}
	print_texts(m, bus);
	print_load(&wire, want, n, rule, nrule);
	free(want);
	free(rule);
}

static void list_points(const struct model *m)
{
	for (size_t i = 0; i < m->ndevice; i++) {
		const struct device *d = &m->device[i];
		for (uint32_t k = 0; k < d->set->n; k++) {
			const struct point *p = &d->set->point[k];
			const bool published =
				p->filter.mode != PUBLISH_NEVER && !(p->write && p->write->only);
			printf("%-16s %-36s %-9s", d->name, p->name,
			       published ? "published" : "internal");
			print_period(p->period);
			putchar('\n');
		}
	}
}

int verb_plan(int argc, char **argv)
{
	static const struct option table[] = {FILES_LONG_OPTIONS,
	                                      {"points", no_argument, NULL, 'p'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {0}};
	struct config_paths paths;
	bool points = false;

	files_init(&paths);
	for (int c; (c = getopt_long(argc, argv, FILES_OPTIONS "h", table, NULL)) != -1;) {
		if (c == 'p') {
			points = true;
			continue;
		}
		if (c == 'h') {
			help();
			return EXIT_SUCCESS;
		}
		if (!files_option(&paths, c))
			return usage("plan");
	}
	if (optind < argc)
		paths.file = argv[optind++];
	if (optind < argc)
		return usage_words("plan", argc, argv, optind, NULL);
	struct model *m = files_load(&paths, false);
	if (!m)
		return EXIT_CONFIG;
	if (points)
		list_points(m);
	for (uint32_t i = 0; i < m->nbus && !points; i++)
		print_bus(m, i);
	model_destroy(m);
	return EXIT_SUCCESS;
}
