// SPDX-License-Identifier: MIT
/*
 * probe: which profiles fit a unit. Its identification (functions 43/14, 17, the profiles'
 * `identify`) proves one; otherwise each profile's most telling points are read, and what they
 * would mean is weighed. Reads only; what was read once is not read again for the next profile.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bus/clock.h"
#include "core/base/json.h"
#include "ctl/image.h"
#include "ctl/scan.h"
#include "ctl/stop.h"
#include "ctl/wording.h"

#define SAMPLE 8         /* points of a profile that are read */
#define TIMEOUTS_MOST 12 /* requests without a response: it does not like being asked */
#define SHOWN 5
#define FITS 0.5         /* of its sample */
#define REST (5 * US_MS) /* between two requests */
#define TIMEOUT (300 * US_MS)

enum { OPT_PROFILE = OPT_LINE_LAST, OPT_JSON };

struct known {
	struct span span;
	bool good;
	uint16_t word[8];
};

struct candidate {
	const char *name, *title;
	double score;
	unsigned fit, asked;
	bool identified;
	char example[96];
};

struct probe {
	struct scan scan; /* its target, line and catalogue: ident.c knows it */
	const char *profile;
	bool json;
	struct found found;
	us_t timeout;
	unsigned timeouts, tried;
	struct known *known;
	size_t nknown;
	struct candidate *candidate;
	size_t n;
};

static void help(void)
{
	puts("Usage: xnetctl probe [OPTION]... TARGET --id N\n"
	     "Which profiles fit this unit: by its identification, and by the values that their\n"
	     "points would have. It reads only.\n"
	     "\n" LINE_TARGETS "\n"
	     "      --profile NAME   only this one: all of its points, and what is doubtful\n"
	     "      --json           print JSON\n" LINE_HELP "\n"
	     "Exit status: 0 one fits; 1 none does, or the unit does not respond; 69 the line "
	     "cannot\n"
	     "be opened.");
}

/* -- plausible values -------------------------------------------------------------- */

/* Where a quantity of that unit can be; telling: by chance it seldom is. */
static const struct range {
	const char *unit;
	double least, most, weight;
} range[] = {
	{"V", 1, 1200, 1},
	{"mV", 100, 100000, 0.7},
	{"A", -1000, 1000, 0.7},
	{"Hz", 45, 65, 2},
	{"W", -200000, 200000, 0.5},
	{"kW", -500, 500, 0.5},
	{"VA", -200000, 200000, 0.5},
	{"var", -200000, 200000, 0.5},
	{"kWh", 0, 1e7, 0.5},
	{"\xC2\xB0"
         "C",
         -40, 120, 1},
	{"%", 0, 100, 0.7},
	{"hPa", 800, 1200, 2},
	{"ppm", 200, 5000, 0.7},
};

/* 0: impossible; else how characteristic it is. */
static double weigh(const struct point *p, const struct value *v)
{
	const double d = value_number(v);

	if (v->kind == VALUE_NONE)
		return 0;
	if (v->kind == VALUE_TEXT)
		return strlen(v->text) >= 3 ? 1 : 0;
	if (p->has_valid && (d < p->valid_min || d > p->valid_max))
		return 0;
	if (p->nlabel)
		return point_label(p, v) ? 0.7 : 0;
	if (v->kind == VALUE_BOOL || !isfinite(d))
		return isfinite(d) ? 0.2 : 0;
	if (d == 0)
		return 0.2; /* nothing is connected, or nothing is there */
	for (size_t i = 0; p->unit && i < sizeof(range) / sizeof(range[0]); i++)
		if (strcmp(range[i].unit, p->unit) == 0)
			return d >= range[i].least && d <= range[i].most ? range[i].weight : 0;
	return fabs(d) < 1e-6 || fabs(d) > 1e9 ? 0 : 0.3;
}

/* Before anything is read: how much a point may say, to choose from. */
static double telling(const struct device *d, const struct point *p)
{
	if (p->source != SOURCE_REGISTER || p->parts > 1 || p->absent || p->exponent_from >= 0 ||
	    p->factor_from >= 0 || (p->write && p->write->only) || model_span(d, p).count > 8)
		return -1;
	for (size_t i = 0; p->unit && i < sizeof(range) / sizeof(range[0]); i++)
		if (strcmp(range[i].unit, p->unit) == 0)
			return range[i].weight + (p->write ? 0 : 0.5) +
			       (p->rate == RATE_FAST ? 0.2 : 0);
	return p->nlabel ? 0.6 : 0.1;
}

static bool fetch(struct probe *p, const struct span *s, const struct unit_rule *rule,
                  uint16_t *words)
{
	uint16_t cells[CELLS_MAX] = {0};
	struct reply reply;

	for (size_t i = 0; i < p->nknown; i++)
		if (memcmp(&p->known[i].span, s, sizeof(*s)) == 0) {
			memcpy(words, p->known[i].word, sizeof(p->known[i].word));
			return p->known[i].good;
		}
	const bool good = image_fetch(p->scan.line, s,
	                              &(struct unit_rule){.read_function = rule->read_function},
	                              p->timeout, false, cells, &reply);
	p->timeouts += reply.outcome != OUT_OK && reply.outcome != OUT_REFUSED;
	p->known = mem_grow(p->known, p->nknown + 1, sizeof(*p->known));
	struct known *k = &p->known[p->nknown++];
	*k = (struct known){.span = *s, .good = good};
	memcpy(k->word, cells, sizeof(k->word));
	memcpy(words, cells, sizeof(k->word));
	clock_sleep(clock_now() + REST);
	return good;
}

static void take_example(struct candidate *c, const struct point *p, const struct value *v)
{
	char shown[VALUE_PRINT_MAX];
	const size_t n = strlen(c->example);

	point_print(p, v, NULL, shown, sizeof(shown));
	if (n + strlen(p->name) + strlen(shown) + 12 < sizeof(c->example))
		snprintf(c->example + n, sizeof(c->example) - n, "%s%.30s %.20s%s%.8s",
		         n ? ", " : "", p->name, shown, p->unit ? " " : "", p->unit ? p->unit : "");
}

/* The most characteristic points, each once. */
static size_t choose(const struct device *d, uint32_t chosen[SAMPLE])
{
	double best[SAMPLE];
	size_t n = 0;

	for (uint32_t i = 0; i < d->set->n; i++) {
		const double t = telling(d, &d->set->point[i]);
		size_t at = n;
		if (t < 0)
			continue;
		while (at > 0 && best[at - 1] < t)
			at--;
		if (at == SAMPLE)
			continue;
		n = n < SAMPLE ? n + 1 : n;
		memmove(&best[at + 1], &best[at], (n - at - 1) * sizeof(best[0]));
		memmove(&chosen[at + 1], &chosen[at], (n - at - 1) * sizeof(chosen[0]));
		best[at] = t;
		chosen[at] = i;
	}
	return n;
}

/* Reads a point, and weighs what it would be. False: the unit does not give it. */
static bool try_point(struct probe *p, const struct device *d, const struct point *pt,
                      struct candidate *c)
{
	uint16_t words[CELLS_MAX], gathered[CELLS_MAX];
	char text[VALUE_TEXT_MAX];
	struct span s = model_span(d, pt);
	struct value v;

	s.unit = p->found.unit;
	c->asked++;
	if (!fetch(p, &s, &d->rule, words))
		return false;
	model_gather(pt, &s, words, gathered);
	point_decode(pt, gathered, NULL, NULL, text, &v);
	const double w = weigh(pt, &v);
	c->score += w;
	c->fit += w > 0;
	if (w > 0.5)
		take_example(c, pt, &v);
	return true;
}

static void try_profile(struct probe *p, size_t which)
{
	const struct device *d = &p->scan.catalogue.profile[which].model->device[0];
	struct candidate c = {.name = p->scan.catalogue.profile[which].name, .title = d->title};
	uint32_t chosen[SAMPLE];
	unsigned missing = 0;

	c.identified = p->found.profile && strcmp(p->found.profile, c.name) == 0;
	if (d->set->sunspec && !c.identified)
		return;
	const size_t n = d->set->sunspec ? 0 : choose(d, chosen);
	for (size_t i = 0; i < n && missing < 2 && p->timeouts < TIMEOUTS_MOST && !stop_asked();
	     i++)
		missing += !try_point(p, d, &d->set->point[chosen[i]], &c);
	if (!c.identified && (missing >= 2 || !c.asked || c.fit < FITS * c.asked || c.score < 1))
		return;
	p->candidate = mem_grow(p->candidate, p->n + 1, sizeof(*p->candidate));
	p->candidate[p->n++] = c;
}

static int by_score(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->identified != y->identified)
		return x->identified ? -1 : 1;
	return x->score > y->score ? -1 : x->score < y->score;
}

static void print_json(const struct probe *p)
{
	struct json j = {0};

	jw_open(&j, NULL, '{');
	jw_int(&j, "id", p->found.unit);
	jw_string(&j, "identity", p->found.identity);
	jw_bool(&j, "complete", !stop_asked());
	jw_open(&j, "profiles", '[');
	for (size_t i = 0; i < p->n && i < SHOWN; i++) {
		jw_open(&j, NULL, '{');
		jw_string(&j, "profile", p->candidate[i].name);
		jw_bool(&j, "identified", p->candidate[i].identified);
		jw_int(&j, "fit", p->candidate[i].fit);
		jw_int(&j, "asked", p->candidate[i].asked);
		jw_string(&j, "example", p->candidate[i].example);
		jw_close(&j, '}');
	}
	jw_close(&j, ']');
	jw_close(&j, '}');
	puts(j.text);
	jw_free(&j);
}

static void print_candidates(const struct probe *p)
{
	char line[32];
	const struct setting s = line_setting(&p->scan.line->conf);

	printf("unit %u at %s: %s\n", p->found.unit, setting_text(&s, line, sizeof(line)),
	       p->found.identity);
	if (stop_asked())
		printf("Interrupted: %u of %u profiles were compared.\n", p->tried,
		       (unsigned)p->scan.catalogue.n);
	if (!p->n && stop_asked())
		return;
	if (!p->n) {
		printf("No profile fits. Look at its registers: xnetctl read %s --id %u input:0 8 "
		       "--as all\nA profile of its own takes ten minutes: doc/profiles.md\n",
		       p->scan.target.name, p->found.unit);
		return;
	}
	printf("\n%-24s %-12s %s\n", "profile", "points", "for example");
	for (size_t i = 0; i < p->n && i < SHOWN; i++) {
		const struct candidate *c = &p->candidate[i];
		printf("%-24s %2u of %2u%s  %s\n", c->name, c->fit, c->asked,
		       c->identified ? "  identified"
		       : i == 0      ? "  likely"
		                     : "",
		       c->example);
	}
	if (p->n > 1 && !p->candidate[0].identified &&
	    p->candidate[1].score > 0.9 * p->candidate[0].score)
		puts("\nSeveral fit equally well: compare with the display, the name plate, or "
		     "--profile NAME.");
	const char *name = strchr(p->candidate[0].name, '-');
	printf("\n# for devices.yaml:\n  %s: {profile: %s, bus: %s, id: %u}\n",
	       name ? name + 1 : p->candidate[0].name, p->candidate[0].name,
	       p->scan.target.known ? p->scan.target.known->name : "rs485", p->found.unit);
}

/* -- one profile ---------------------------------------------------------------------- */

static int try_one(struct probe *p, const struct device *d)
{
	struct image m;
	unsigned good = 0, bad = 0;

	image_init(&m, p->scan.line, d, p->found.unit, p->timeout);
	image_read(&m, NULL);
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *pt = &d->set->point[i];
		char text[VALUE_TEXT_MAX], shown[VALUE_PRINT_MAX];
		const struct reply *why;
		struct value v;
		const enum image_state state = image_value(&m, i, text, &v, &why);
		if (state != IMAGE_VALUE && state != IMAGE_FAILED)
			continue;
		if (state == IMAGE_FAILED) {
			bad++;
			printf("%-24s -  (%s)\n", pt->name, why->why);
			continue;
		}
		const bool doubtful = weigh(pt, &v) <= 0;
		good += !doubtful;
		bad += doubtful;
		point_print(pt, &v, NULL, shown, sizeof(shown));
		printf("%-24s %s %s%s\n", pt->name, shown, pt->unit ? pt->unit : "",
		       doubtful ? "  <- doubtful" : "");
	}
	printf("%s%u points are plausible, %u are not\n",
	       stop_asked() ? "Interrupted; so far " : "", good, bad);
	image_free(&m);
	return stop_status(good > bad ? EXIT_SUCCESS : EXIT_FAILURE);
}

static const struct device *find_profile(const struct probe *p)
{
	for (size_t i = 0; i < p->scan.catalogue.n; i++)
		if (strcmp(p->scan.catalogue.profile[i].name, p->profile) == 0)
			return &p->scan.catalogue.profile[i].model->device[0];
	fprintf(stderr, "xnetctl probe: no profile '%s': xnetctl profiles lists them\n",
	        wording_clean(p->profile));
	return NULL;
}

/* Is anybody there? */
static bool respond(struct probe *p)
{
	struct request r;
	struct reply reply;

	pdu_read(&r, p->found.unit, TABLE_HOLDING, 0, 1);
	line_ask(p->scan.line, &r, p->scan.options.timeout ? p->scan.options.timeout : US_S, true,
	         &reply);
	if (reply.outcome != OUT_OK && reply.outcome != OUT_REFUSED) {
		pdu_read(&r, p->found.unit, TABLE_INPUT, 0, 1);
		line_ask(p->scan.line, &r, US_S, true, &reply);
	}
	p->found.first = reply.turnaround;
	p->found.exception = reply.outcome == OUT_REFUSED ? reply.exception : 0;
	if (reply.outcome == OUT_OK || reply.outcome == OUT_REFUSED)
		return true;
	fprintf(stderr, "xnetctl probe: %s\n", reply.why);
	fprintf(stderr, "Which ids respond: xnetctl scan %s\n", p->scan.target.name);
	return false;
}

static int run(struct probe *p)
{
	if (!respond(p))
		return EXIT_FAILURE;
	p->timeout =
		p->scan.options.timeout ? p->scan.options.timeout : TIMEOUT + 2 * p->found.first;
	stop_catch();
	if (p->profile) {
		const struct device *d = find_profile(p);
		return d ? try_one(p, d) : EXIT_USAGE;
	}
	ident_unit(&p->scan, &p->found);
	progress_begin(&p->scan.bar, "profiles", (unsigned)p->scan.catalogue.n);
	for (size_t i = 0; i < p->scan.catalogue.n && p->timeouts < TIMEOUTS_MOST && !stop_asked();
	     i++) {
		try_profile(p, i);
		p->tried += !stop_asked();
		progress_show(&p->scan.bar, (unsigned)i + 1, "");
	}
	progress_clear(&p->scan.bar);
	if (p->timeouts >= TIMEOUTS_MOST)
		fprintf(stderr,
		        "It does not respond to registers it does not have; not all profiles "
		        "were tried. Try --profile NAME.\n");
	if (p->n > 1)
		qsort(p->candidate, p->n, sizeof(*p->candidate), by_score);
	if (p->json)
		print_json(p);
	else
		print_candidates(p);
	return stop_status(p->n ? EXIT_SUCCESS : EXIT_FAILURE);
}

static bool take(void *ctx, int c)
{
	struct probe *p = ctx;

	if (c == OPT_PROFILE)
		p->profile = optarg;
	else
		p->json = true;
	return true;
}

/* 0: go on; else the exit status + 1. */
static int parse(struct probe *p, int argc, char **argv)
{
	static const struct option table[] = {LINE_LONG_OPTIONS,
	                                      {"profile", required_argument, NULL, OPT_PROFILE},
	                                      {"json", no_argument, NULL, OPT_JSON},
	                                      {0}};

	const struct line_verb verb = {"probe", "", table, help, take, p};
	const int status = line_options_take(&p->scan.options, argc, argv, &verb);

	if (status)
		return status;
	if (optind + 1 == argc)
		return 0;
	return line_usage(&verb, "which unit? a device, or a line and --id N");
}

int verb_probe(int argc, char **argv)
{
	struct probe *p = mem_alloc(1, sizeof(*p));
	struct scan *s = &p->scan;
	int status;

	line_options_init(&s->options);
	status = parse(p, argc, argv);
	if (status) {
		status--;
		goto out;
	}
	status = target_find(&s->target, &s->options, "probe", argv[optind]);
	if (status == 0 && s->target.unit < 0) {
		fputs("xnetctl probe: which unit? --id N\n", stderr);
		status = EXIT_USAGE;
	}
	if (status)
		goto out;
	p->found.unit = (uint8_t)s->target.unit;
	s->line = target_open(&s->target, &s->options, "probe");
	if (s->line)
		catalogue_load(&s->catalogue, &s->options.paths, true);
	status = s->line ? run(p) : EXIT_LINE;
	line_close(s->line);
out:
	catalogue_free(&s->catalogue);
	target_free(&s->target);
	free(p->known);
	free(p->candidate);
	free(p);
	return status;
}
