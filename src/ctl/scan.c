// SPDX-License-Identifier: MIT
#include "ctl/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/clock.h"
#include "core/base/json.h"
#include "core/base/text.h"
#include "ctl/stop.h"
#include "ctl/wording.h"

#define LISTEN (2 * US_S)
#define WAIT (30 * US_MS) /* between a request and the next one, at least */
#define TCP_WAIT US_S
#define RESPONSE 7     /* characters of the shortest response with values */
#define COMMON 4       /* settings of the profiles; the others are seldom used */
#define SELDOM_LAST 16 /* at settings that few devices have */
#define DEEP_SETTINGS 3
#define HOLD 120                   /* s */
#define HOLD_AGAIN (60 * US_S)     /* then the gateway polls for a while */
#define HOLD_PAUSE (10300 * US_MS) /* the line cannot be held again before */

enum { OPT_DEEP = OPT_LINE_LAST, OPT_FORCE, OPT_ADD, OPT_YES, OPT_JSON, OPT_IDS, OPT_LINES };

static void help(void)
{
	puts("Usage: xnetctl scan [OPTION]... TARGET\n"
	     "Which units respond on this line, at which baud rate and format, and what they are.\n"
	     "It reads only. It listens for 2 s first, and sends nothing if another client is on "
	     "the\n"
	     "line. Ctrl-C stops and keeps what was found.\n"
	     "\n" LINE_TARGETS "\n"
	     "      --ids FIRST-LAST only these unit ids (default 1-247)\n"
	     "      --lines LIST     only these settings, as 9600,19200-8E1 (default: those of "
	     "the\n"
	     "                       profiles, the most frequent first)\n"
	     "      --deep           ask silent ids with other functions, too\n"
	     "      --force          send although another client is on the line\n"
	     "      --add            put what was found into the configuration and reload it\n"
	     "  -y, --yes            do not ask before that\n"
	     "      --json           print what was found as JSON\n" LINE_HELP "\n"
	     "Exit status: 0 something was found; 1 nothing, or another client is on the line; 69 "
	     "the\n"
	     "line cannot be opened.");
}

/* "1-247", "1..247" as in devices.yaml, "17" */
static bool take_ids(struct scan *s, char *text)
{
	unsigned long first, last;
	char *dots = strstr(text, ".."), *dash = dots ? dots + 1 : strchr(text, '-');

	if (dots)
		*dots = '\0';
	if (dash)
		*dash++ = '\0';
	if (whole_parse(text, SCAN_IDS - 1, &first) &&
	    whole_parse(dash ? dash : text, SCAN_IDS - 1, &last) && first >= 1 && first <= last) {
		s->first = (unsigned)first;
		s->last = (unsigned)last;
		return true;
	}
	fputs("xnetctl scan: --ids: expects unit ids from 1 to 247, like 1-32\n", stderr);
	return false;
}

/* "9600,19200-8E1" */
static bool take_lines(struct scan *s, char *text)
{
	for (char *save, *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		struct setting one = {.data = 8, .parity = 'N', .stop = 1};
		char *dash = strchr(w, '-');
		unsigned long baud;
		if (dash)
			*dash++ = '\0';
		if (s->nsetting == SCAN_SETTINGS || !whole_parse(w, 4000000, &baud) || baud < 300 ||
		    (dash && !format_parse(dash, &one))) {
			fputs("xnetctl scan: --lines: expects settings like 9600,19200-8E1\n",
			      stderr);
			return false;
		}
		one.baud = (uint32_t)baud;
		s->setting[s->nsetting++] = one;
	}
	return s->nsetting > 0;
}

static bool take(void *ctx, int c)
{
	struct scan *s = ctx;

	switch (c) {
	case OPT_DEEP:
		s->deep = true;
		return true;
	case OPT_FORCE:
		s->force = true;
		return true;
	case OPT_ADD:
		s->add = true;
		return true;
	case 'y':
		s->yes = true;
		return true;
	case OPT_JSON:
		s->json = true;
		return true;
	case OPT_IDS:
		return take_ids(s, optarg);
	case OPT_LINES:
		return take_lines(s, optarg);
	default:
		return false;
	}
}

/* 0: go on; else the exit status + 1. */
static int parse(struct scan *s, int argc, char **argv)
{
	static const struct option table[] = {LINE_LONG_OPTIONS,
	                                      {"deep", no_argument, NULL, OPT_DEEP},
	                                      {"force", no_argument, NULL, OPT_FORCE},
	                                      {"add", no_argument, NULL, OPT_ADD},
	                                      {"yes", no_argument, NULL, 'y'},
	                                      {"json", no_argument, NULL, OPT_JSON},
	                                      {"ids", required_argument, NULL, OPT_IDS},
	                                      {"lines", required_argument, NULL, OPT_LINES},
	                                      {0}};

	const struct line_verb verb = {"scan", "y", table, help, take, s};
	const int status = line_options_take(&s->options, argc, argv, &verb);

	if (status)
		return status;
	if (s->options.unit > 0) /* as --ids */
		s->first = s->last = (unsigned)s->options.unit;
	if (s->options.unit >= SCAN_IDS)
		return line_usage(&verb, "unit ids are 1 to 247");
	if (optind + 1 == argc)
		return 0;
	return line_usage(&verb, optind == argc ? "which line? xnetctl ports lists the serial ports"
	                                        : "one line at a time");
}

/* What is configured or given comes first, then what profiles have, the most frequent first. */
static void choose_settings(struct scan *s)
{
	struct setting all[SCAN_SETTINGS];
	const struct setting first = line_setting(&s->target.conf);

	s->ncommon = SCAN_SETTINGS;
	if (s->nsetting)
		return;
	s->setting[s->nsetting++] = first;
	if (s->target.conf.kind == BUS_TCP || s->options.baud || s->options.format)
		return;
	const size_t n = catalogue_settings(&s->catalogue, all, SCAN_SETTINGS);
	s->ncommon = s->deep ? SCAN_SETTINGS : 1;
	for (size_t i = 0; i < n && s->nsetting < SCAN_SETTINGS; i++) {
		if (all[i].baud == first.baud && all[i].parity == first.parity)
			continue;
		s->setting[s->nsetting++] = all[i];
		s->ncommon += i < COMMON;
	}
}

static us_t wait_for(const struct scan *s)
{
	struct wire w;

	if (s->options.timeout)
		return s->options.timeout;
	if (s->line->conf.kind != BUS_SERIAL)
		return TCP_WAIT;
	wire_init(&w, s->now.baud, s->now.data, s->now.parity, s->now.stop, 0);
	/* beside the timeout a response's length is waited for, and the silence between frames */
	const us_t beside = wire_chars(&w, RESPONSE) + w.silence;
	return beside < WAIT / 2 ? WAIT - beside : WAIT / 2;
}

/* After another scan the gateway polls for a while before it lets the line be held again. */
static bool hold(struct scan *s)
{
	const us_t until = clock_now() + HOLD_PAUSE;

	for (bool said = false;; said = true) {
		s->held_at = clock_now();
		if (line_hold(s->line, HOLD))
			return true;
		if (!strstr(s->line->why, "held just now") || s->held_at >= until || stop_asked())
			return false;
		if (!said)
			fputs("The line was held just now: xnetd polls for at most 10 s, then this "
			      "goes on.\n",
			      stderr);
		clock_sleep(clock_now() + 500 * US_MS);
	}
}

/* A hold ends at its time, in the middle of whatever is asked. False: the line is gone. */
static bool hold_again(struct scan *s)
{
	if (!s->line->via[0] || clock_now() - s->held_at < HOLD_AGAIN)
		return true;
	progress_clear(&s->bar);
	fputs("xnetd polls for 10 s, then this goes on.\n", stderr);
	if (!line_hold(s->line, 0))
		return false;
	for (const us_t until = clock_now() + HOLD_PAUSE; clock_now() < until && !stop_asked();)
		clock_sleep(clock_now() + 100 * US_MS);
	return stop_asked() || hold(s);
}

static bool set_line(struct scan *s, const struct setting *to)
{
	if (!hold_again(s))
		return false;
	s->now = *to;
	if (!line_set(s->line, &s->now))
		return false;
	s->now = line_setting(&s->line->conf);
	s->wait = wait_for(s);
	return true;
}

/* At a seldom setting the usual ids, and all of them if anything was there. */
static bool sweep_seldom(struct scan *s, size_t i)
{
	const size_t found = s->nfound;

	if (!set_line(s, &s->setting[i]) || !sweep_setting(s, s->first, SELDOM_LAST))
		return false;
	s->partly[i] = s->nfound == found && !s->bursts;
	return s->partly[i] || stop_asked() || sweep_setting(s, SELDOM_LAST + 1, s->last);
}

/* What sweep_seldom has left out: asked if nothing was found anywhere, else it is said. */
static bool sweep_rest(struct scan *s)
{
	char line[32];
	unsigned n = 0;

	for (size_t i = 0; i < s->nsetting && !s->nfound && !stop_asked(); i++) {
		if (!s->partly[i])
			continue;
		s->partly[i] = false;
		if (!set_line(s, &s->setting[i]) || !sweep_setting(s, SELDOM_LAST + 1, s->last))
			return false;
	}
	for (size_t i = 0; i < s->nsetting; i++)
		if (s->partly[i])
			fprintf(stderr, "%s%s", n++ ? ", " : "",
			        setting_text(&s->setting[i], line, sizeof(line)));
	if (n)
		fprintf(stderr, ": only ids up to %d were probed; --deep probes all\n",
		        SELDOM_LAST);
	return true;
}

static bool sweep_all(struct scan *s)
{
	const bool seldom = s->first <= SELDOM_LAST && s->last > SELDOM_LAST;

	for (size_t i = 0; i < s->nsetting && !stop_asked() && !s->everybody; i++) {
		const struct setting *at = &s->setting[i];
		const bool good = i >= s->ncommon && seldom
		                          ? sweep_seldom(s, i)
		                          : set_line(s, at) && sweep_setting(s, s->first, s->last);
		if (!good)
			return false;
	}
	return sweep_rest(s);
}

/* Where something was found; if nothing was, at the settings that are the most likely. */
static bool deep_all(struct scan *s)
{
	const size_t found = s->nfound;

	for (size_t i = 0; i < s->nsetting && !stop_asked() && !s->everybody; i++) {
		bool here = s->deep || (!found && i < DEEP_SETTINGS);
		for (size_t k = 0; k < found; k++)
			here = here || setting_same(&s->found[k].setting, &s->setting[i]);
		if (here && (!set_line(s, &s->setting[i]) || !sweep_deep(s)))
			return false;
	}
	return true;
}

static bool identify_all(struct scan *s)
{
	for (size_t i = 0; i < s->nfound && !stop_asked(); i++) {
		if (!set_line(s, &s->found[i].setting))
			return false;
		ident_unit(s, &s->found[i]);
	}
	return true;
}

static int by_setting(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->setting.baud != y->setting.baud)
		return x->setting.baud < y->setting.baud ? -1 : 1;
	if (x->setting.parity != y->setting.parity)
		return x->setting.parity < y->setting.parity ? -1 : 1;
	return x->unit < y->unit ? -1 : x->unit > y->unit;
}

static void print_table(const struct scan *s)
{
	char line[32], first[24];
	bool several = false;

	printf("%4s  %-10s  %10s  %-29s  %s\n", "id", "line", "first byte", "identity", "profile");
	for (size_t i = 0; i < s->nfound; i++) {
		const struct found *f = &s->found[i];
		if (f->first)
			snprintf(first, sizeof(first), "%.0f ms", (double)f->first / 1e3);
		else
			snprintf(first, sizeof(first), "-");
		printf("%4u  %-10s  %10s  %-29.44s  %s\n", f->unit,
		       setting_text(&f->setting, line, sizeof(line)), first, f->identity,
		       f->profile ? f->profile : "-");
		several = several || !setting_same(&f->setting, &s->found[0].setting);
	}
	if (s->everybody)
		puts("\nThis device responds to every unit id: it is one device.");
	if (several)
		printf("\nTwo settings on one line cannot work together: set all to %s.\n",
		       setting_text(&s->found[0].setting, line, sizeof(line)));
	if (!scan_news(s)) {
		puts("\nAll of them are configured.");
		return;
	}
	puts("\n# for devices.yaml:");
	scan_yaml(s, stdout);
}

static void print_json(const struct scan *s)
{
	struct json j = {0};
	char line[32];

	jw_open(&j, NULL, '{');
	jw_string(&j, "target", s->target.name);
	jw_bool(&j, "complete", !stop_asked());
	jw_open(&j, "found", '[');
	for (size_t i = 0; i < s->nfound; i++) {
		const struct found *f = &s->found[i];
		jw_open(&j, NULL, '{');
		jw_int(&j, "id", f->unit);
		jw_string(&j, "line", setting_text(&f->setting, line, sizeof(line)));
		if (f->first)
			jw_real(&j, "first_ms", (double)f->first / 1e3);
		jw_int(&j, "function", f->fc);
		if (f->exception)
			jw_int(&j, "exception", f->exception);
		jw_bool(&j, "corrupted", f->corrupted);
		jw_string(&j, "identity", f->identity);
		jw_string(&j, "profile", f->profile);
		jw_close(&j, '}');
	}
	jw_close(&j, ']');
	jw_close(&j, '}');
	puts(j.text);
	jw_free(&j);
}

static int report(struct scan *s)
{
	if (s->nfound > 1)
		qsort(s->found, s->nfound, sizeof(s->found[0]), by_setting);
	if (s->json)
		print_json(s);
	if (!s->nfound) {
		if (stop_asked() && !s->json)
			puts("Interrupted; until then nothing responded.");
		else if (!s->json)
			printf("Nothing responds. Check power and A/B (swap them), that this is "
			       "the right port (xnetctl ports)%s\n",
			       s->deep ? "." : ", and try --deep.");
		return stop_status(EXIT_FAILURE);
	}
	if (!s->json)
		print_table(s);
	fflush(stdout);
	return s->add ? scan_put(s) : EXIT_SUCCESS;
}

static int run(struct scan *s)
{
	if (s->line->via[0]) {
		fprintf(stderr,
		        "Its polling pauses while we scan; it goes on every %d s, and when this "
		        "ends.\n",
		        (int)(HOLD_AGAIN / US_S));
		if (!hold(s)) {
			fprintf(stderr, "xnetctl scan: %s\n", s->line->why);
			return EXIT_FAILURE;
		}
	}
	stop_catch();
	if (s->line->conf.kind != BUS_TCP) {
		const int heard = sweep_listen(s, LISTEN);
		if (heard < 0)
			goto gone;
		if (heard > 0 && !s->force)
			return EXIT_FAILURE;
	}
	if (stop_asked())
		return stop_status(EXIT_FAILURE);
	fputs("Reads only. Ctrl-C stops and keeps what was found.\n", stderr);
	if (!sweep_all(s) || !deep_all(s) || !identify_all(s))
		goto gone;
	return report(s);
gone:
	progress_clear(&s->bar);
	fprintf(stderr, "xnetctl scan: %s\n", s->line->why);
	s->add = false;
	if (s->nfound)
		report(s);
	return EXIT_LINE;
}

int verb_scan(int argc, char **argv)
{
	struct scan *s = mem_alloc(1, sizeof(*s));
	int status;

	s->first = 1;
	s->last = SCAN_IDS - 1;
	line_options_init(&s->options);
	status = parse(s, argc, argv);
	if (status) {
		status--;
		goto out;
	}
	/* --add makes a file that is not there, also one that -c names */
	if (s->add && access(s->options.paths.file, F_OK) != 0 && errno == ENOENT)
		s->options.given = false;
	status = target_find(&s->target, &s->options, "scan", argv[optind]);
	if (status)
		goto out;
	if (s->target.device) {
		s->first = s->last = s->target.device->id;
		fprintf(stderr, "Only id %u (%s). For the whole line: xnetctl scan %s\n", s->first,
		        s->target.device->name, s->target.name);
	}
	s->line = target_open(&s->target, &s->options, "scan");
	status = EXIT_LINE;
	if (s->line) {
		catalogue_load(&s->catalogue, &s->options.paths, true);
		choose_settings(s);
		status = run(s);
	}
	line_close(s->line);
out:
	catalogue_free(&s->catalogue);
	target_free(&s->target);
	free(s);
	return status;
}
