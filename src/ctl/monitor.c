// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bus/clock.h"
#include "core/base/json.h"
#include "ctl/pcapng.h"
#include "ctl/screen.h"
#include "ctl/stop.h"
#include "ctl/target.h"
#include "ctl/wording.h"

enum { OPT_PCAP = OPT_LINE_LAST, OPT_REPLAY, OPT_FOR, OPT_JSON };

struct monitor {
	struct target target;
	struct line_options options;
	struct wireline *line;
	struct traffic traffic;
	const char *pcap, *replay;
	FILE *out;
	us_t how_long;
	bool json, failed;
	unsigned frames;
	us_t first, last;
};

static void help(void)
{
	puts("Usage: xnetctl monitor [OPTION]... TARGET\n"
	     "       xnetctl monitor [OPTION]... --replay FILE\n"
	     "Show the requests and responses on the line in words, with the names of points. It\n"
	     "sends nothing. Ctrl-C ends it.\n"
	     "\n" LINE_TARGETS "\n"
	     "      --pcap FILE      write a capture for Wireshark or tshark instead; -: to "
	     "standard\n"
	     "                       output, for wireshark -k -i -\n"
	     "      --replay FILE    show such a capture\n"
	     "      --for TIME       end after 30s, 5m, 1h\n"
	     "      --json           one JSON object for each transaction\n" LINE_HELP "\n"
	     "Exit status: 0 something was seen; 1 nothing was; 69 the line cannot be opened.");
}

static bool take_time(struct monitor *m)
{
	static const struct {
		char unit;
		us_t us;
	} row[] = {{'\0', US_S}, {'s', US_S}, {'m', 60 * US_S}, {'h', 3600 * US_S}};
	char *end;
	const double n = strtod(optarg, &end);

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (*end == row[i].unit && (!*end || !end[1]) && end != optarg && n > 0 &&
		    n < 1e6) {
			m->how_long = (us_t)(n * (double)row[i].us);
			return true;
		}
	fprintf(stderr, "xnetctl monitor: --for %s: expects a time like 30s, 5m or 1h\n",
	        wording_clean(optarg));
	return false;
}

static bool take(void *ctx, int c)
{
	struct monitor *m = ctx;

	switch (c) {
	case OPT_PCAP:
		m->pcap = optarg;
		return true;
	case OPT_REPLAY:
		m->replay = optarg;
		return true;
	case OPT_FOR:
		return take_time(m);
	case OPT_JSON:
		m->json = true;
		return true;
	default:
		return false;
	}
}

/* 0: go on; else the exit status + 1. */
static int parse(struct monitor *m, int argc, char **argv)
{
	static const struct option table[] = {LINE_LONG_OPTIONS,
	                                      {"pcap", required_argument, NULL, OPT_PCAP},
	                                      {"replay", required_argument, NULL, OPT_REPLAY},
	                                      {"for", required_argument, NULL, OPT_FOR},
	                                      {"json", no_argument, NULL, OPT_JSON},
	                                      {0}};

	const struct line_verb verb = {"monitor", "", table, help, take, m};
	const int status = line_options_take(&m->options, argc, argv, &verb);

	if (status)
		return status;
	if (optind + !m->replay == argc)
		return 0;
	return line_usage(&verb, "which line? xnetctl ports lists the serial ports");
}

/* -- what is printed ------------------------------------------------------------------- */

static void print_json(const struct transaction *t)
{
	static const char *const kinds[] = {"ok",        "exception", "no response",
	                                    "corrupted", "stray",     "client"};
	struct json j = {0};

	jw_open(&j, NULL, '{');
	jw_time(&j, "time", t->wall_us / 1000);
	jw_string(&j, "kind", kinds[t->kind]);
	if (t->unit >= 0)
		jw_int(&j, "unit", t->unit);
	if (t->fc >= 0)
		jw_int(&j, "function", t->fc);
	jw_string(&j, "what", t->what);
	jw_string(&j, "outcome", t->outcome);
	if (t->took)
		jw_real(&j, "took_ms", (double)t->took / 1e3);
	jw_close(&j, '}');
	puts(j.text);
	jw_free(&j);
}

static void print_line(const struct transaction *t)
{
	char clock[32], gap[16] = "-", unit[16] = "-", fc[16] = "-";
	const time_t s = (time_t)(t->wall_us / US_S);
	struct tm tm;

	localtime_r(&s, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (t->gap >= 0 && t->gap < 1e4)
		snprintf(gap, sizeof(gap), "%.1f", t->gap);
	if (t->unit >= 0)
		snprintf(unit, sizeof(unit), "%d", t->unit);
	if (t->fc >= 0)
		snprintf(fc, sizeof(fc), "%d", t->fc);
	printf("%s.%03d %6s  %4s %2s %-36s %s", clock, (int)(t->wall_us / 1000 % 1000), gap, unit,
	       fc, t->what, t->outcome);
	if (t->took)
		printf("  %.0f ms", (double)t->took / 1e3);
	putchar('\n');
}

static void report(void *ctx, const struct transaction *t)
{
	const struct monitor *m = ctx;

	if (m->out || (m->options.unit >= 0 && t->unit >= 0 && t->unit != m->options.unit))
		return;
	if (m->json)
		print_json(t);
	else
		print_line(t);
	fflush(stdout);
}

static void note(void *ctx, const struct frame_note *n)
{
	struct monitor *m = ctx;

	if (m->out && !pcapng_frame(m->out, n))
		m->failed = true;
}

static bool take_seen(void *ctx, const struct seen *s)
{
	struct monitor *m = ctx;

	m->frames += s->n > 0;
	m->first = m->first ? m->first : s->at;
	m->last = s->at;
	traffic_take(&m->traffic, s);
	return !m->failed && !stop_asked();
}

static void print_summary(struct monitor *m, us_t took)
{
	const unsigned *n = m->traffic.count;
	const unsigned requests = n[TRAFFIC_OK] + n[TRAFFIC_EXCEPTION] + n[TRAFFIC_SILENT] +
	                          n[TRAFFIC_CORRUPTED] + n[TRAFFIC_CLIENT];

	if (m->pcap && strcmp(m->pcap, "-") != 0)
		fprintf(stderr, "%u frames, %.0f s: %s.  Look: wireshark %s\n", m->frames,
		        (double)took / 1e6, m->pcap, m->pcap);
	fprintf(stderr, "%u requests %.1f s: %u ok, %u exceptions, %u no response, %u corrupted",
	        requests, (double)took / 1e6, n[TRAFFIC_OK], n[TRAFFIC_EXCEPTION],
	        n[TRAFFIC_SILENT], n[TRAFFIC_CORRUPTED]);
	if (n[TRAFFIC_STRAY])
		fprintf(stderr, ", %u that belong to nothing", n[TRAFFIC_STRAY]);
	if (n[TRAFFIC_CLIENT])
		fprintf(stderr, ", %u OF ANOTHER CLIENT", n[TRAFFIC_CLIENT]);
	if (m->traffic.wire.baud && took > 0)
		fprintf(stderr, "; line %d %% busy", (int)(100 * m->traffic.busy / took));
	fputc('\n', stderr);
}

/* -- the line, or a capture of one ------------------------------------------------------ */

static void traffic_for(struct monitor *m)
{
	traffic_init(&m->traffic, &m->target.conf);
	m->traffic.model = m->target.known ? m->target.model : NULL;
	m->traffic.bus = m->target.bus;
	m->traffic.report = report;
	m->traffic.note = note;
	m->traffic.ctx = m;
}

static bool open_capture(struct monitor *m)
{
	char line[32], text[256];
	const struct bus_conf *c = &m->line->conf;
	const struct setting s = line_setting(c);
	const char *port = c->kind == BUS_SERIAL ? c->port : c->host;

	m->out = strcmp(m->pcap, "-") == 0 ? stdout : fopen(m->pcap, "we");
	if (m->out == stdout && isatty(STDOUT_FILENO)) {
		fputs("xnetctl monitor: --pcap -: a capture is no text: | wireshark -k -i -\n",
		      stderr);
		return false;
	}
	snprintf(text, sizeof(text), "%.200s %s", port, setting_text(&s, line, sizeof(line)));
	if (m->out && pcapng_begin(m->out, m->target.name, text))
		return true;
	fprintf(stderr, "xnetctl monitor: %s: %s\n", m->pcap, strerror(errno));
	return false;
}

static int close_capture(struct monitor *m, int status)
{
	const bool file = m->out && m->out != stdout;

	if ((file && fclose(m->out) != 0) || m->failed) {
		fprintf(stderr, "xnetctl monitor: %s: %s\n", m->pcap, strerror(errno));
		status = EXIT_FAILURE;
	}
	m->out = NULL;
	return status;
}

static int watch(struct monitor *m)
{
	const us_t begun = clock_now();
	const us_t until = m->how_long ? begun + m->how_long : US_NEVER;

	if (m->line->conf.kind == BUS_TCP && !m->line->via[0]) {
		fputs("xnetctl monitor: on Modbus TCP only what xnetd sends can be seen, and it "
		      "does "
		      "not have this endpoint: sudo tcpdump port 502\n",
		      stderr);
		return EXIT_USAGE;
	}
	stop_catch();
	if (m->pcap && !open_capture(m))
		return EXIT_FAILURE;
	m->target.conf = m->line->conf;
	traffic_for(m);
	m->traffic.gateway = m->line->via[0] != '\0';
	if (!m->pcap && !m->json)
		printf("%-12s %6s  %4s %2s %-36s %s\n", "time", "gap", "unit", "fc", "what",
		       "outcome");
	fflush(stdout);
	const bool good = line_listen(m->line, until, take_seen, m);
	traffic_end(&m->traffic);
	print_summary(m, clock_now() - begun);
	if (!m->frames)
		fputs("Nothing was on the line: is it the right port, A/B, is the other client "
		      "on?\n",
		      stderr);
	if (!good)
		fprintf(stderr, "xnetctl monitor: %s\n", m->line->why);
	return close_capture(m, !good ? EXIT_LINE : m->frames ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void take_head(void *ctx, const char *name, const char *description)
{
	struct monitor *m = ctx;
	const char *format = strrchr(description, ' '), *baud = format;
	struct setting s = {0};

	for (uint32_t i = 0; m->target.model && i < m->target.model->nbus; i++)
		if (strcmp(m->target.model->bus[i].name, name) == 0) {
			m->target.bus = i;
			m->target.known = &m->target.model->bus[i];
		}
	while (baud && baud > description && baud[-1] != ' ')
		baud--;
	m->target.conf = (struct bus_conf){.data = 8, .parity = 'N', .stop = 1};
	if (format && format_parse(format + 1, &s)) {
		m->target.conf.baud = (uint32_t)strtoul(baud, NULL, 10);
		m->target.conf.data = s.data;
		m->target.conf.parity = s.parity;
		m->target.conf.stop = s.stop;
	}
	traffic_for(m);
	m->traffic.gateway = true;
}

static int replay(struct monitor *m)
{
	char why[128];
	struct diag d;
	FILE *in = strcmp(m->replay, "-") == 0 ? stdin : fopen(m->replay, "re");

	if (!in) {
		fprintf(stderr, "xnetctl monitor: %s: %s\n", wording_clean(m->replay),
		        strerror(errno));
		return EXIT_FAILURE;
	}
	diag_init(&d);
	m->target.model = config_load(&m->options.paths, &d); /* for names; may be missing */
	if (!m->target.model && m->options.given)
		files_report(&d);
	diag_free(&d);
	const bool good = pcapng_read(in, take_head, take_seen, m, why, sizeof(why));
	traffic_end(&m->traffic);
	if (in != stdin)
		fclose(in);
	if (!good)
		fprintf(stderr, "xnetctl monitor: %s: %s\n", wording_clean(m->replay), why);
	else
		print_summary(m, m->last - m->first);
	return good && m->frames ? EXIT_SUCCESS : EXIT_FAILURE;
}

int verb_monitor(int argc, char **argv)
{
	struct monitor *m = mem_alloc(1, sizeof(*m));
	int status;

	line_options_init(&m->options);
	status = parse(m, argc, argv);
	if (status) {
		status--;
	} else if (m->replay) {
		status = replay(m);
	} else {
		status = target_find(&m->target, &m->options, "monitor", argv[optind]);
		if (status == 0) {
			m->line = target_open(&m->target, &m->options, "monitor");
			status = m->line ? watch(m) : EXIT_LINE;
			line_close(m->line);
		}
	}
	target_free(&m->target);
	free(m);
	return status;
}
