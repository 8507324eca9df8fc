// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus/clock.h"
#include "core/base/arena.h"
#include "core/base/json.h"
#include "ctl/as.h"
#include "ctl/image.h"
#include "ctl/rewatch.h"
#include "ctl/stop.h"
#include "ctl/target.h"
#include "ctl/wording.h"

#define EVERY US_S

enum { OPT_AS = OPT_LINE_LAST, OPT_JSON };

struct read {
	struct target target;
	struct line_options options;
	struct wireline *line;
	const char *as;
	bool json, watch;
	us_t every;
	uint8_t unit;
	bool raw;
	struct place at;
	uint16_t count;
	bool *want; /* points of target.device */
	struct rewatch *seen;
};

static void help(void)
{
	puts("Usage: xnetctl read [OPTION]... TARGET [REGISTER [COUNT]]\n"
	     "Read a device's points, one point, or registers: input:0x3100, holding:5, coil:0,\n"
	     "discrete:0, or as documents count: 40001, 3x1.\n"
	     "\n" LINE_TARGETS "\n"
	     "      --as TYPE        what the registers are: u16, s16, u32, s32, f32, u64, s64, "
	     "f64,\n"
	     "                       text; f32:little (low word first) and so on; all: each of "
	     "them\n"
	     "  -w, --watch[=S]      again every S seconds (default 1); only changes are printed, "
	     "and\n"
	     "                       at Ctrl-C what was lost and how long responses took\n"
	     "      --json           print JSON\n" LINE_HELP "\n"
	     "Exit status: 0 read; 1 no response, or an exception; 69 the line cannot be opened.");
}

static bool take_every(struct read *r)
{
	char *end = NULL;
	const double s = optarg ? strtod(optarg, &end) : 1;

	r->watch = true;
	r->every = (us_t)(s * 1e6);
	if (s >= 0.05 && s <= 86400 && (!end || !*end))
		return true;
	fputs("xnetctl read: --watch: expects seconds, from 0.05\n", stderr);
	return false;
}

static bool take(void *ctx, int c)
{
	struct read *r = ctx;

	switch (c) {
	case OPT_AS:
		r->as = optarg;
		if (as_known(optarg))
			return true;
		fprintf(stderr, "xnetctl read: --as %s: expects %s\n", wording_clean(optarg),
		        as_names());
		return false;
	case OPT_JSON:
		r->json = true;
		return true;
	case 'w':
		return take_every(r);
	default:
		return false;
	}
}

/* 0: go on; else the exit status + 1. */
static int parse(struct read *r, int argc, char **argv)
{
	static const struct option table[] = {LINE_LONG_OPTIONS,
	                                      {"as", required_argument, NULL, OPT_AS},
	                                      {"watch", optional_argument, NULL, 'w'},
	                                      {"json", no_argument, NULL, OPT_JSON},
	                                      {0}};

	const struct line_verb verb = {"read", "w::", table, help, take, r};
	const int status = line_options_take(&r->options, argc, argv, &verb);

	if (status)
		return status;
	if (optind < argc && argc - optind <= 3)
		return 0;
	return line_usage(&verb,
	                  "what? a point (device.point), a device, or a line and a register");
}

static bool take_register(struct read *r, int argc, char **argv)
{
	unsigned long n = 1;

	r->raw = true;
	if (!target_place(&r->target, "read", argv[0], &r->at))
		return false;
	const unsigned long most = table_is_bits(r->at.table) ? READ_BITS_MAX : READ_REGISTERS_MAX;
	const unsigned long rest = 65536ul - r->at.addr; /* the last one is 65535 */
	if (argc > 1 && (!whole_parse(argv[1], most < rest ? most : rest, &n) || n == 0)) {
		fprintf(stderr, "xnetctl read: %s: expects how many, from 1 to %lu\n",
		        wording_clean(argv[1]), most < rest ? most : rest);
		return false;
	}
	r->count = (uint16_t)n;
	if (r->at.counted && !r->json)
		fprintf(stderr, "%s is %s %u: documents count from 1, the wire from 0\n", argv[0],
		        wording_table[r->at.table], r->at.addr);
	return true;
}

static int understand(struct read *r, int argc, char **argv)
{
	const int status = target_find(&r->target, &r->options, "read", argv[0]);

	if (status)
		return status;
	if (argc > 1 && !take_register(r, argc - 1, argv + 1))
		return EXIT_USAGE;
	if (r->target.unit < 0) {
		fprintf(stderr, "xnetctl read: which unit? --id N%s\n",
		        r->target.known ? ", or a device of the configuration" : "");
		return EXIT_USAGE;
	}
	r->unit = (uint8_t)r->target.unit;
	if (!r->raw && !r->target.device) {
		r->target.device = target_device(&r->target, r->unit);
		if (!r->target.device) {
			fprintf(stderr,
			        "xnetctl read: unit %u is not configured, so name the "
			        "register: input:0x3100, holding:0, 40001\n",
			        r->unit);
			return EXIT_USAGE;
		}
	}
	if (r->raw)
		return 0;
	const struct device *d = r->target.device;
	r->want = mem_alloc(d->set->n, sizeof(bool));
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		r->want[i] = r->target.point ? p == r->target.point : !p->hidden;
		if (r->want[i] && p->exponent_from >= 0)
			r->want[p->exponent_from] = true;
		if (r->want[i] && p->factor_from >= 0)
			r->want[p->factor_from] = true;
	}
	return 0;
}

/* -- registers ------------------------------------------------------------------------ */

static void print_bits(const struct read *r, const uint16_t *words)
{
	for (unsigned i = 0; i < r->count; i++)
		printf("%s %u  %s\n", wording_table[r->at.table], r->at.addr + i,
		       words[i / 16] >> (i % 16) & 1 ? "on" : "off");
}

static void print_registers(const struct read *r, const struct reply *reply, const uint16_t *words)
{
	if (!r->watch) {
		printf("%s 0x%04X of unit %u, %u %s, answered in %.0f ms",
		       wording_table[r->at.table], r->at.addr, r->unit, r->count,
		       table_is_bits(r->at.table) ? "bits"
		       : r->count > 1             ? "registers"
		                                  : "register",
		       (double)(reply->turnaround ? reply->turnaround : reply->took) / 1e3);
		printf("%s%s\n", r->line->via[0] ? "   " : "", r->line->via);
	}
	if (table_is_bits(r->at.table)) {
		print_bits(r, words);
		return;
	}
	if (r->as) {
		as_print(r->as, &r->at, words, r->count);
		return;
	}
	for (unsigned i = 0; i < r->count; i++) {
		printf("%s 0x%04X  %5u  hex %04X", wording_table[r->at.table], r->at.addr + i,
		       words[i], words[i]);
		if (words[i] >= 0x8000)
			printf("  s16 %d", (int16_t)words[i]);
		putchar('\n');
	}
}

static void json_registers(const struct read *r, const struct reply *reply, const uint16_t *words)
{
	struct json j = {0};

	jw_open(&j, NULL, '{');
	jw_int(&j, "unit", r->unit);
	jw_string(&j, "table", wording_table[r->at.table]);
	jw_int(&j, "addr", r->at.addr);
	jw_string(&j, "outcome", wording_outcome(reply->outcome));
	if (reply->outcome != OUT_OK) {
		if (reply->exception)
			jw_int(&j, "exception", reply->exception);
		jw_string(&j, "why", reply->why);
	} else {
		jw_open(&j, "values", '[');
		for (unsigned i = 0; i < r->count; i++)
			jw_int(&j, NULL,
			       table_is_bits(r->at.table) ? words[i / 16] >> (i % 16) & 1
			                                  : words[i]);
		jw_close(&j, ']');
		jw_real(&j, "turnaround_ms", (double)reply->turnaround / 1e3);
	}
	jw_close(&j, '}');
	puts(j.text);
	jw_free(&j);
}

static bool read_raw(struct read *r)
{
	const struct span span = {r->unit, r->at.table, r->at.addr, r->count};
	uint16_t words[CELLS_MAX] = {0};
	const struct device *d = target_device(&r->target, r->unit);
	struct reply reply;
	char name[32], text[64];
	const bool good =
		image_fetch(r->line, &span, d ? &d->rule : NULL,
	                    target_timeout(&r->target, &r->options, r->unit), false, words, &reply);

	rewatch_count(r->seen, &reply);
	if (r->json)
		json_registers(r, &reply, words);
	else if (!good)
		fprintf(stderr, "xnetctl read: %s\n", reply.why);
	else if (!r->watch)
		print_registers(r, &reply, words);
	const bool bits = table_is_bits(r->at.table);
	const char *as = r->as && strcmp(r->as, "all") != 0 ? r->as : "u16";
	for (unsigned i = 0, step = 1; good && r->watch && !r->json && i < r->count; i += step) {
		snprintf(name, sizeof(name), "%s 0x%04X", wording_table[r->at.table],
		         r->at.addr + i);
		if (bits)
			snprintf(text, sizeof(text), "%s",
			         words[i / 16] >> (i % 16) & 1 ? "on" : "off");
		else
			step = as_text(as, words + i, r->count - i, text, sizeof(text));
		if (!step)
			break;
		rewatch_value(r->seen, name, text);
	}
	return good;
}

/* -- points --------------------------------------------------------------------------- */

static const char *const state_words[] = {[IMAGE_VALUE] = "",
                                          [IMAGE_COMPUTED] = "computed by xnetd from others",
                                          [IMAGE_WRITEONLY] = "cannot be read",
                                          [IMAGE_ABSENT] = "this device does not have it",
                                          [IMAGE_FAILED] = "",
                                          [IMAGE_UNREAD] = "not read"};

static void json_point(struct json *j, const struct point *p, enum image_state state,
                       const char *text, const struct reply *why)
{
	jw_open(j, NULL, '{');
	jw_string(j, "name", p->name);
	if (state == IMAGE_VALUE)
		point_json(j, p, "value", text);
	else
		jw_string(j, "why", why ? why->why : state_words[state]);
	if (p->unit)
		jw_string(j, "unit", p->unit);
	jw_close(j, '}');
}

static void print_point(const struct read *r, const struct point *p, enum image_state state,
                        const char *text, const struct reply *why)
{
	if (r->watch && state == IMAGE_VALUE)
		rewatch_value(r->seen, p->name, text);
	else if (state == IMAGE_VALUE)
		printf("%-24s %s%s%s\n", p->name, text,
		       p->unit && strcmp(text, "None") != 0 ? " " : "",
		       p->unit && strcmp(text, "None") != 0 ? p->unit : "");
	else if (!r->watch)
		printf("%-24s -  (%s)\n", p->name, why ? why->why : state_words[state]);
}

static bool read_points(struct read *r)
{
	const struct device *d = r->target.device;
	struct image m;
	struct json j = {0};
	unsigned bad = 0, good = 0;

	image_init(&m, r->line, d, r->unit, target_timeout(&r->target, &r->options, r->unit));
	image_read(&m, r->want);
	jw_open(&j, NULL, '{');
	jw_string(&j, "device", d->name);
	jw_open(&j, "points", '[');
	for (uint32_t i = 0; i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		char text[VALUE_TEXT_MAX], shown[VALUE_PRINT_MAX] = "";
		const struct reply *why;
		struct value v;
		const bool asked =
			r->target.point ? p == r->target.point : r->want[i] && !p->hidden;
		if (!asked)
			continue;
		const enum image_state state = image_value(&m, i, text, &v, &why);
		good += state == IMAGE_VALUE;
		bad += state == IMAGE_FAILED || state == IMAGE_UNREAD || r->target.point;
		if (!r->target.point &&
		    (state == IMAGE_COMPUTED || state == IMAGE_WRITEONLY || state == IMAGE_ABSENT))
			continue;
		if (state == IMAGE_VALUE)
			point_print(p, &v, NULL, shown, sizeof(shown));
		if (r->json)
			json_point(&j, p, state, shown, why);
		else
			print_point(r, p, state, shown, why);
	}
	jw_close(&j, ']');
	jw_close(&j, '}');
	if (r->json)
		puts(j.text);
	jw_free(&j);
	for (size_t i = 0; i < m.n; i++)
		rewatch_count(r->seen, &m.block[i]->reply);
	if (m.dead && !r->watch)
		fprintf(stderr, "xnetctl read: %s: %s\n", d->name, m.block[m.n - 1]->reply.why);
	image_free(&m);
	return good && (!bad || (r->target.point && bad == good));
}

static int run(struct read *r)
{
	bool good;

	if (r->watch)
		stop_catch();
	r->seen = rewatch_create();
	do {
		const us_t next = clock_now() + r->every;
		good = r->raw ? read_raw(r) : read_points(r);
		fflush(stdout);
		while (r->watch && !stop_asked() && clock_now() < next)
			clock_sleep(next < clock_now() + 100 * US_MS ? next
			                                             : clock_now() + 100 * US_MS);
	} while (r->watch && !stop_asked());
	if (r->watch)
		good = rewatch_end(r->seen);
	rewatch_destroy(r->seen);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int verb_read(int argc, char **argv)
{
	struct read r = {0};
	int status;

	line_options_init(&r.options);
	status = parse(&r, argc, argv);
	if (status)
		return status - 1;
	status = understand(&r, argc - optind, argv + optind);
	if (status == 0) {
		r.line = target_open(&r.target, &r.options, "read");
		status = r.line ? run(&r) : EXIT_LINE;
		line_close(r.line);
	}
	free(r.want);
	target_free(&r.target);
	return status;
}
