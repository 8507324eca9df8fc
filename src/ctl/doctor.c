// SPDX-License-Identifier: MIT
#include "ctl/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bus/clock.h"
#include "config.h"
#include "core/modbus/frame.h"
#include "ctl/lasting.h"
#include "ctl/stop.h"
#include "ctl/wording.h"

#define LISTEN (2 * US_S)
#define REQUESTS 50
#define LATENCY_GOOD 1 /* ms, of a USB adapter */

enum { OPT_BUNDLE = OPT_LINE_LAST, OPT_JSON };

static void help(void)
{
	puts("Usage: xnetctl doctor [OPTION]... TARGET\n"
	     "What is wrong with this line: port, noise, echo, then each unit with short and long "
	     "reads;\n"
	     "one sentence of advice at the end. It reads only.\n"
	     "\n" LINE_TARGETS "\n"
	     "  -n, --requests N     to each unit (default 50)\n"
	     "      --bundle FILE    write all of it with versions and the list of devices to "
	     "FILE, for\n"
	     "                       a report; it has no passwords in it, nor anything else of "
	     "mqtt:\n"
	     "      --json           print JSON\n" LINE_HELP "\n"
	     "Exit status: 0 all is well; 1 something is wrong; 69 the line cannot be opened.");
}

void doctor_say(struct doctor *d, enum check_result r, const char *name, const char *fmt, ...)
{
	static const char *const words[] = {"ok", "note", "FAIL", "skip"};
	static const char *const json[] = {"ok", "note", "fail", "skipped"};
	char text[320], line[480];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->fails += r == CHECK_FAIL;
	snprintf(line, sizeof(line), " %-5s %.100s: %s\n", words[r], name, text);
	if (d->copy)
		fputs(line, d->copy);
	if (!d->json) {
		fputs(line, stdout);
		fflush(stdout);
		return;
	}
	jw_open(&d->out, NULL, '{');
	jw_string(&d->out, "check", name);
	jw_string(&d->out, "result", json[r]);
	jw_string(&d->out, "text", text);
	jw_close(&d->out, '}');
}

/* -- the port --------------------------------------------------------------------------- */

/* "latency timer 16 ms" of a USB adapter; -1: it has none. */
static long latency_of(const char *port)
{
	char real[PATH_MAX], path[PATH_MAX + 64], text[16] = "";
	const char *name = realpath(port, real) ? strrchr(real, '/') : NULL;

	if (!name)
		return -1;
	snprintf(path, sizeof(path), "/sys/class/tty/%.64s/device/latency_timer", name + 1);
	FILE *f = fopen(path, "re");
	if (!f)
		return -1;
	const bool good = fgets(text, sizeof(text), f) != NULL;
	fclose(f);
	return good ? strtol(text, NULL, 10) : -1;
}

static void check_port(struct doctor *d)
{
	const struct bus_conf *c = &d->target.conf;
	char lasting[PATH_MAX], line[32];
	const struct setting s = line_setting(&d->line->conf);
	const long latency = c->kind == BUS_SERIAL ? latency_of(c->port) : -1;

	setting_text(&s, line, sizeof(line));
	if (c->kind != BUS_SERIAL) {
		doctor_say(d, CHECK_OK, "connection", "%.100s accepts it", d->target.name);
		return;
	}
	const bool has = port_lasting(c->port, lasting, sizeof(lasting));
	const bool used = strncmp(c->port, "/dev/serial/", 12) == 0;
	doctor_say(d, CHECK_OK, "port", "%.100s %s, %s%s", c->port, line,
	           d->line->via[0] ? "used by xnetd" : "not used by another program",
	           used ? ", by-id name used" : "");
	if (has && !used)
		doctor_say(d, CHECK_NOTE, "port",
		           "its name changes when adapters change places: use %.200s", lasting);
	if (latency > LATENCY_GOOD)
		doctor_say(d, CHECK_NOTE, "port",
		           "latency timer %ld ms: each response is that much later; see "
		           "60-xnet-gateway.rules.example",
		           latency);
}

/* -- silence ------------------------------------------------------------------------------ */

struct heard {
	unsigned bytes, frames;
};

static bool take_heard(void *ctx, const struct seen *s)
{
	struct heard *h = ctx;
	struct frame f;

	h->bytes += (unsigned)s->n;
	h->frames += frame_find(s->bytes, s->n, 0, NULL, true, &f);
	return true;
}

static bool check_silence(struct doctor *d)
{
	struct heard h = {0};

	if (d->line->conf.kind == BUS_TCP)
		return true;
	if (d->line->via[0]) {
		doctor_say(d, CHECK_SKIPPED, "noise", "xnetd polls this line: xnetctl monitor %s",
		           d->target.name);
		return true;
	}
	if (!line_listen(d->line, clock_now() + LISTEN, take_heard, &h))
		return false;
	if (stop_asked()) /* a part of the silence proves nothing */
		return true;
	d->client = h.frames > 0;
	d->noise = !d->client && h.bytes > 0;
	if (d->client)
		doctor_say(d, CHECK_FAIL, "noise",
		           "%u frames in 2 s: ANOTHER CLIENT sends requests", h.frames);
	else
		doctor_say(d, h.bytes ? CHECK_FAIL : CHECK_OK, "noise",
		           h.bytes ? "%u bytes in 2 s of silence" : "no byte in 2 s of silence",
		           h.bytes);
	return true;
}

static void check_echo(struct doctor *d)
{
	if (d->line->conf.kind == BUS_SERIAL && d->n)
		doctor_say(d, d->echo ? CHECK_NOTE : CHECK_OK, "echo",
		           d->echo ? "the adapter repeats what is sent" : "none");
}

/* -- units -------------------------------------------------------------------------------- */

static bool check_units(struct doctor *d)
{
	const struct target *t = &d->target;

	d->patient = mem_alloc(UNITS_MAX + 1, sizeof(*d->patient));
	for (unsigned unit = 0; unit <= UNITS_MAX && !stop_asked(); unit++) {
		const struct device *device = target_device(t, (uint8_t)unit);
		const bool asked =
			t->unit >= 0 ? (unsigned)t->unit == unit : device && device->enabled;
		if (!asked || (unit == 0 && t->conf.kind != BUS_TCP))
			continue;
		struct patient *p = &d->patient[d->n++];
		*p = (struct patient){.unit = (uint8_t)unit, .name = device ? device->name : NULL};
		if (!patient_examine(d, p, device))
			return false;
		if (p->asked)
			patient_say(d, p);
	}
	if (!d->n && !stop_asked())
		doctor_say(d, CHECK_SKIPPED, "units", "none is configured here and no --id given");
	return true;
}

/* -- the bundle ---------------------------------------------------------------------------- */

static const char *os_name(char *buf, size_t size)
{
	FILE *f = fopen("/etc/os-release", "re");

	snprintf(buf, size, "unknown");
	while (f && fgets(buf, (int)size, f))
		if (strncmp(buf, "PRETTY_NAME=", 12) == 0)
			break;
	if (f)
		fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

/* Nothing of mqtt:, no unlock words, no values: only what is on which line. */
static void describe(struct doctor *d, FILE *f)
{
	struct utsname u;
	char os[128], line[32];
	const struct model *m = d->target.model;

	uname(&u);
	fprintf(f, "xnetctl " PACKAGE_VERSION "\n%s %s %s\n%s\n\n", u.sysname, u.release, u.machine,
	        os_name(os, sizeof(os)));
	for (size_t i = 0; m && i < m->nbus; i++) {
		const struct setting s = line_setting(&m->bus[i]);
		fprintf(f, "bus %s: %s %s, timeout %d ms\n", m->bus[i].name,
		        m->bus[i].port ? m->bus[i].port : m->bus[i].host,
		        setting_text(&s, line, sizeof(line)), (int)(m->bus[i].timeout / US_MS));
	}
	for (size_t i = 0; m && i < m->ndevice; i++)
		fprintf(f, "device %s: %s, bus %s, id %u, %u points\n", m->device[i].name,
		        m->device[i].profile ? m->device[i].profile : "no profile",
		        m->bus[m->device[i].bus].name, m->device[i].id,
		        (unsigned)m->device[i].set->n);
	fprintf(f, "\nxnetctl doctor %s\n", d->target.name);
}

static bool bundle_open(struct doctor *d)
{
	const int fd =
		d->bundle ? open(d->bundle, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

	if (!d->bundle)
		return true;
	d->copy = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!d->copy) {
		fprintf(stderr, "xnetctl doctor: %s: %s\n", wording_clean(d->bundle),
		        strerror(errno));
		return false;
	}
	describe(d, d->copy);
	return true;
}

static bool bundle_close(struct doctor *d)
{
	if (!d->copy)
		return true;
	const bool good = fclose(d->copy) == 0;
	d->copy = NULL;
	fprintf(stderr,
	        good ? "%s: written; look through it before you send it.\n"
	             : "xnetctl doctor: %s cannot be written\n",
	        wording_clean(d->bundle));
	return good;
}

/* -- the whole ------------------------------------------------------------------------------ */

static void head(struct doctor *d)
{
	char line[32];
	const struct setting s = line_setting(&d->line->conf);

	if (d->json) {
		jw_open(&d->out, NULL, '{');
		jw_string(&d->out, "target", d->target.name);
		jw_open(&d->out, "checks", '[');
		return;
	}
	printf("%s  %s%s%s\n", d->target.name, setting_text(&s, line, sizeof(line)),
	       d->line->via[0] ? "  " : "", d->line->via);
}

/* The last sentence. False: there is nothing to do. From half of the checks nothing follows. */
static bool conclude(const struct doctor *d, char *text, size_t size)
{
	if (!stop_asked())
		return verdict_give(d, text, size);
	snprintf(text, size, "interrupted before all was checked: run it again to its end.");
	return true;
}

static int examine(struct doctor *d)
{
	char text[320];

	head(d);
	check_port(d);
	bool good = check_silence(d);
	if (good && d->client)
		doctor_say(d, CHECK_SKIPPED, "units",
		           "nothing is sent while another client sends requests");
	else if (good)
		good = check_units(d);
	if (good && !d->client && !stop_asked())
		check_echo(d);
	if (!good)
		doctor_say(d, CHECK_FAIL, "line", "%.200s", d->line->why);
	const bool todo = conclude(d, text, sizeof(text)) || !good;
	if (d->copy)
		fprintf(d->copy, "Try: %s\n", text);
	if (d->json) {
		jw_close(&d->out, ']');
		jw_string(&d->out, "try", text);
		jw_close(&d->out, '}');
		puts(d->out.text);
		jw_free(&d->out);
	} else {
		printf("%s%s\n", todo ? "Try: " : "", text);
	}
	return stop_status(!good ? EXIT_LINE : d->fails || todo ? EXIT_FAILURE : EXIT_SUCCESS);
}

static bool take(void *ctx, int c)
{
	struct doctor *d = ctx;
	unsigned long n;

	if (c == OPT_BUNDLE)
		d->bundle = optarg;
	else if (c == OPT_JSON)
		d->json = true;
	else if (!whole_parse(optarg, 100000, &n) || n == 0) {
		fputs("xnetctl doctor: --requests: expects a number from 1\n", stderr);
		return false;
	} else
		d->requests = (unsigned)n;
	return true;
}

/* 0: go on; else the exit status + 1. */
static int parse(struct doctor *d, int argc, char **argv)
{
	static const struct option table[] = {LINE_LONG_OPTIONS,
	                                      {"requests", required_argument, NULL, 'n'},
	                                      {"bundle", required_argument, NULL, OPT_BUNDLE},
	                                      {"json", no_argument, NULL, OPT_JSON},
	                                      {0}};
	const struct line_verb verb = {"doctor", "n:", table, help, take, d};
	const int status = line_options_take(&d->options, argc, argv, &verb);

	if (status)
		return status;
	if (optind + 1 == argc)
		return 0;
	return line_usage(&verb, "which line? a bus, a device, or a port (xnetctl ports)");
}

int verb_doctor(int argc, char **argv)
{
	struct doctor d = {.requests = REQUESTS};
	int status;

	line_options_init(&d.options);
	status = parse(&d, argc, argv);
	if (status)
		return status - 1;
	status = target_find(&d.target, &d.options, "doctor", argv[optind]);
	if (status == 0 && bundle_open(&d)) {
		d.line = target_open(&d.target, &d.options, "doctor");
		stop_catch();
		status = d.line ? examine(&d) : EXIT_LINE;
		line_close(d.line);
		if (!bundle_close(&d) && status == 0)
			status = EXIT_FAILURE;
	} else if (status == 0) {
		status = EXIT_FAILURE;
	}
	free(d.patient);
	target_free(&d.target);
	return status;
}
