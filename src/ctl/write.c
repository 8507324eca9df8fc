// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/json.h"
#include "core/model/devid.h"
#include "ctl/image.h"
#include "ctl/perform.h"
#include "ctl/place.h"
#include "ctl/remote.h"
#include "ctl/says.h"
#include "ctl/scan.h"
#include "ctl/screen.h"
#include "ctl/stop.h"
#include "ctl/target.h"

enum { OPT_OVER = OPT_LINE_LAST, OPT_BLIND, OPT_JSON };

struct write {
	struct target target;
	struct line_options options;
	struct wireline *line;
	bool yes, over, blind, json;
	bool unread; /* the value before could not be read */
	uint8_t unit;
	struct place at;
	uint16_t count;
	uint16_t word[WRITE_REGISTERS_MAX];
	const char *value;
};

static void help(void)
{
	puts("Usage: xnetctl write [OPTION]... DEVICE.POINT VALUE\n"
	     "       xnetctl write [OPTION]... TARGET --id N REGISTER VALUE...\n"
	     "Write a point as a command over MQTT is written: checked, once, read back. Or "
	     "registers:\n"
	     "holding:5, coil:0 (on, off), 40001; VALUE is a word from 0 to 65535, or negative.\n"
	     "It shows the value before and after. It asks before registers that wear out or are\n"
	     "dangerous, and before registers nobody has described.\n"
	     "\n" LINE_TARGETS "\n"
	     "  -y, --yes            do not ask\n"
	     "      --over           write registers although a point of the configuration has "
	     "them\n"
	     "      --blind          write although the value before cannot be read\n"
	     "      --json           print the outcome as JSON\n" LINE_HELP "\n"
	     "Exit status: 0 written; 1 refused, failed, or the device has another value "
	     "afterwards;\n"
	     "69 the line cannot be opened.");
}

static bool take(void *ctx, int c)
{
	struct write *w = ctx;

	switch (c) {
	case 'y':
		w->yes = true;
		return true;
	case OPT_OVER:
		w->over = true;
		return true;
	case OPT_BLIND:
		w->blind = true;
		return true;
	case OPT_JSON:
		w->json = true;
		return true;
	default:
		return false;
	}
}

/* "-5" is a value: there are no options of digits. A blank before it is skipped when it is read. */
static void keep_negative(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-' || !strchr(".0123456789", argv[i][1]) || !argv[i][1])
			continue;
		char *value = mem_alloc(strlen(argv[i]) + 2, 1); /* as long as the program */
		sprintf(value, " %s", argv[i]);
		argv[i] = value;
	}
}

/* 0: go on; else the exit status + 1. */
static int parse(struct write *w, int argc, char **argv)
{
	static const struct option table[] = {LINE_LONG_OPTIONS,
	                                      {"yes", no_argument, NULL, 'y'},
	                                      {"over", no_argument, NULL, OPT_OVER},
	                                      {"blind", no_argument, NULL, OPT_BLIND},
	                                      {"json", no_argument, NULL, OPT_JSON},
	                                      {0}};

	const struct line_verb verb = {"write", "y", table, help, take, w};
	const int status = line_options_take(&w->options, argc, argv, &verb);

	if (status)
		return status;
	if (argc - optind >= 2)
		return 0;
	return line_usage(&verb, "expects a point and its value, or a line, a register and values");
}

static bool word_parse(const char *text, bool coil, uint16_t *out)
{
	char *end;
	const long n = strtol(text, &end, 0);

	if (coil && (strcmp(text, "on") == 0 || strcmp(text, "off") == 0)) {
		*out = strcmp(text, "on") == 0;
		return true;
	}
	if (end == text || *end || n < (coil ? 0 : -32768) || n > (coil ? 1 : 65535))
		return false;
	*out = (uint16_t)n;
	return true;
}

static bool take_registers(struct write *w, int argc, char **argv)
{
	char why[256];

	if (!place_parse(argv[0], &w->at, why, sizeof(why))) {
		fprintf(stderr, "xnetctl write: %s\n", why);
		return false;
	}
	const bool coil = w->at.table == TABLE_COIL;
	if (!coil && w->at.table != TABLE_HOLDING) {
		fprintf(stderr,
		        "xnetctl write: %s: only holding registers and coils can be written\n",
		        argv[0]);
		return false;
	}
	if (argc - 1 > WRITE_REGISTERS_MAX || w->at.addr + argc - 1 > 65536) {
		fprintf(stderr, "xnetctl write: at most %d registers at once\n",
		        WRITE_REGISTERS_MAX);
		return false;
	}
	for (int i = 1; i < argc; i++)
		if (!word_parse(argv[i], coil, &w->word[w->count++])) {
			fprintf(stderr, "xnetctl write: %s: expects %s\n", says_clean(argv[i]),
			        coil ? "on or off" : "a word from -32768 to 65535");
			return false;
		}
	if (w->at.counted)
		fprintf(stderr, "%s is %s %u: documents count from 1, the wire from 0\n", argv[0],
		        says_table[w->at.table], w->at.addr);
	return true;
}

static int understand(struct write *w, int argc, char **argv)
{
	const int status = target_find(&w->target, &w->options, "write", argv[0]);

	if (status)
		return status;
	if (w->target.point && argc == 2) {
		w->value = argv[1];
		return 0;
	}
	if (w->target.point || argc < 3) {
		fprintf(stderr, "xnetctl write: expects %s\n",
		        w->target.point ? "one value"
		                        : "device.point and a value, or a register (holding:5) and "
		                          "values");
		return EXIT_USAGE;
	}
	if (w->target.unit < 0) {
		fputs("xnetctl write: which unit? --id N\n", stderr);
		return EXIT_USAGE;
	}
	w->unit = (uint8_t)w->target.unit;
	return take_registers(w, argc - 1, argv + 1) ? 0 : EXIT_USAGE;
}

static int report(const struct write *w, bool good, const char *outcome, const char *value,
                  const char *reason, us_t took)
{
	struct json j = {0};

	if (w->json) {
		jw_open(&j, NULL, '{');
		jw_string(&j, "outcome", outcome);
		jw_value(&j, "value", value);
		if (reason[0])
			jw_string(&j, "reason", reason);
		jw_close(&j, '}');
		puts(j.text);
		jw_free(&j);
	} else if (good) {
		char ms[32] = "";
		if (took)
			snprintf(ms, sizeof(ms), " after %.0f ms", (double)took / 1e3);
		printf("  %s%s: %s\n", outcome, ms, value);
	} else {
		fprintf(stderr, "xnetctl write: %s%s%s%s%s\n", outcome, reason[0] ? ": " : "",
		        reason, value[0] ? "; it has " : "", value);
	}
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The value before could not be read. Somebody who sees an exception may know that the registers
 * can only be written; where nothing right came back, a write may end anywhere. */
static bool must_not(const struct write *w, const struct reply *before, char *reason, size_t size)
{
	if (w->blind || (!w->yes && before->outcome == OUT_REFUSED))
		return false;
	snprintf(reason, size,
	         "the value before cannot be read (%s); nothing was written, --blind writes all "
	         "the same",
	         before->why);
	return true;
}

/* -- a point -------------------------------------------------------------------------- */

/* By function 43/14, where its profile says so; else look() compares a point. */
static bool is_the_device(struct write *w)
{
	const struct device *d = w->target.device;
	char why[DEVID_WORDS_MAX];

	if (!d->ndevice_id || d->identify_ignore ||
	    ident_device_id(w->line, d, d->id, target_timeout(&w->target, &w->options, d->id), why,
	                    sizeof(why)))
		return true;
	fprintf(stderr, "xnetctl write: refused: id %u %s\n", d->id, says_clean(why));
	return false;
}

/* Reads the point, what its scale depends on, and who the device is. */
static bool look(struct write *w, char *before, size_t size, struct value *current)
{
	const struct device *d = w->target.device;
	const uint32_t n = (uint32_t)(w->target.point - d->set->point);
	const bool known = d->identify_point >= 0 && d->nidentify && !d->identify_ignore;
	bool *want = mem_alloc(d->set->n, sizeof(bool));
	char text[VALUE_TEXT_MAX], is[VALUE_PRINT_MAX] = "";
	const struct reply *why;
	struct image m;
	struct value v;
	bool good = true;
	char reason[400];

	want[n] = true;
	if (known)
		want[d->identify_point] = true;
	if (w->target.point->exponent_from >= 0)
		want[w->target.point->exponent_from] = true;
	if (w->target.point->factor_from >= 0)
		want[w->target.point->factor_from] = true;
	image_init(&m, w->line, d, d->id, target_timeout(&w->target, &w->options, d->id));
	image_read(&m, want);
	for (uint32_t i = 0; i < d->set->n; i++)
		current[i] = value_none();
	for (uint32_t i = 0; i < d->set->n; i++)
		if (want[i] && image_value(&m, i, text, &v, &why) == IMAGE_VALUE) {
			current[i] = v.kind == VALUE_TEXT ? value_none() : v;
			if (i == n)
				point_print(w->target.point, &v, NULL, before, size);
			if (known && i == (uint32_t)d->identify_point)
				point_print(&d->set->point[i], &v, NULL, is, sizeof(is));
		}
	if (known && !ident_matches(d, is)) {
		fprintf(stderr,
		        is[0] ? "xnetctl write: refused: id %u identifies as %s, not as a %s\n"
		              : "xnetctl write: refused: id %u%s does not say what it is; %s is "
		                "expected\n",
		        d->id, says_clean(is), d->profile);
		good = false;
	} else if (m.dead) {
		fprintf(stderr, "xnetctl write: %s\n", m.block[m.n - 1]->reply.why);
		good = false;
	} else if (image_value(&m, n, text, &v, &why) == IMAGE_FAILED) {
		w->unread = true;
		good = !must_not(w, why, reason, sizeof(reason));
		if (!good)
			report(w, false, "refused", "", reason, 0);
	}
	image_free(&m);
	free(want);
	return good;
}

static void print_range(const struct point *p)
{
	const struct write_rule *r = p->write;

	if (r->has_min && r->has_max)
		printf("      range %g to %g", r->min, r->max);
	else if (r->has_min || r->has_max)
		printf("      at %s %g", r->has_min ? "least" : "most",
		       r->has_min ? r->min : r->max);
	if (r->has_step && r->step > 0)
		printf("%s step %g", r->has_min || r->has_max ? "," : "     ", r->step);
}

/* Why a person is to be asked; NULL: no need. */
static const char *question(const struct write *w, const char *before, const char *then)
{
	const struct point *p = w->target.point;

	if (p->write->confirm || p->write->raw)
		return "This is an action that cannot be undone. Do it?";
	if (p->write->persistent && strcmp(before, then) != 0)
		return "This register wears out. Write?";
	return w->unread && !w->blind ? "The value before cannot be read. Write?" : NULL;
}

static void show(const struct write *w, const char *before, const char *then)
{
	const struct device *d = w->target.device;
	const struct point *p = w->target.point;
	const char *unit = p->unit ? p->unit : "";

	if (w->json)
		return;
	printf("%s.%s  %s 0x%04X of unit %u%s\n  now   %s %s\n  then  %s %s", d->name, p->name,
	       says_table[p->table], p->addr[0], d->id,
	       p->write->persistent ? ", kept in EEPROM" : "", before[0] ? before : "-",
	       before[0] ? unit : "", then, unit);
	print_range(p);
	putchar('\n');
	fflush(stdout);
}

/* The value as it will be read, or what is wrong with it. */
static bool check(const struct write *w, const struct value *current, char *then, size_t size,
                  char *reason, size_t room)
{
	const struct point *p = w->target.point;
	const struct value *e = p->exponent_from >= 0 ? &current[p->exponent_from] : NULL;
	const struct value *f = p->factor_from >= 0 ? &current[p->factor_from] : NULL;
	const struct command_input in = {.text = w->value,
	                                 .now = "2026-01-01T00:00:00", /* any: it is not sent */
	                                 .exponent = e,
	                                 .factor = f,
	                                 .own = true};
	struct command_value v;

	if (!command_check(p, &in, &v, reason, room))
		return false;
	if (v.toggle || p->write->raw || p->codec.type == TYPE_DATETIME)
		snprintf(then, size, "%s", w->value);
	else
		point_print(p, &v.v, NULL, then, size);
	return true;
}

static void carry_out(struct write *w, const struct value *current, struct performed *done)
{
	const struct device *d = w->target.device;
	const struct point *p = w->target.point;
	const char *confirm = p->write->confirm; /* has just been given, or by --yes */
	char payload[VALUE_TEXT_MAX + 64];

	if (confirm && strncmp(w->value, confirm, strlen(confirm)) != 0)
		snprintf(payload, sizeof(payload), "%s %s", confirm, w->value);
	else
		snprintf(payload, sizeof(payload), "%s", w->value);
	if (w->line->via[0]) {
		remote_set(w->line, d->name, p->name, payload, done);
		return;
	}
	line_close(w->line); /* the bus thread opens it again */
	w->line = NULL;
	stop_catch();
	perform(w->target.model, (uint32_t)(d - w->target.model->device),
	        (uint32_t)(p - d->set->point), payload, current, done);
}

static int write_point(struct write *w)
{
	struct value *current = mem_alloc(w->target.device->set->n, sizeof(*current));
	char before[VALUE_PRINT_MAX] = "", then[VALUE_PRINT_MAX], reason[COMMAND_REASON_MAX];
	struct performed done;
	int status = EXIT_FAILURE;

	if (!is_the_device(w) || !look(w, before, sizeof(before), current))
		goto out;
	if (!check(w, current, then, sizeof(then), reason, sizeof(reason))) {
		status = report(w, false, "refused", "", reason, 0);
		goto out;
	}
	show(w, before, then);
	const char *ask = question(w, before, then);
	if (ask && !w->yes && !screen_confirm(ask)) {
		fputs("Nothing was written (--yes writes without asking).\n", stderr);
		goto out;
	}
	carry_out(w, current, &done);
	status = report(w, command_end_good(done.end), command_end_name(done.end), done.value,
	                done.reason, done.took);
out:
	free(current);
	return status;
}

/* -- registers ------------------------------------------------------------------------ */

/* The points that have one of the registers. */
static bool owned(const struct write *w, char *names, size_t size)
{
	const struct device *d = target_device(&w->target, w->unit);
	size_t n = 0;

	names[0] = '\0';
	for (uint32_t i = 0; d && i < d->set->n; i++) {
		const struct point *p = &d->set->point[i];
		if (p->source != SOURCE_REGISTER || p->table != w->at.table || p->absent)
			continue;
		const struct span s = model_span(d, p);
		if (s.addr >= w->at.addr + w->count || w->at.addr >= s.addr + s.count || n >= size)
			continue;
		n += (size_t)snprintf(names + n, size - n, "%s%s.%s", n ? ", " : "", d->name,
		                      p->name);
	}
	return n > 0;
}

static bool read_registers(struct write *w, uint16_t *words, struct reply *reply)
{
	const struct span s = {w->unit, w->at.table, w->at.addr, w->count};
	uint16_t cells[CELLS_MAX] = {0};

	if (!image_fetch(w->line, &s, NULL, target_timeout(&w->target, &w->options, w->unit), false,
	                 cells, reply))
		return false;
	for (unsigned i = 0; i < w->count; i++)
		words[i] = w->at.table == TABLE_COIL ? cells[i / 16] >> (i % 16) & 1 : cells[i];
	return true;
}

static bool build(const struct write *w, struct request *r)
{
	uint16_t packed[CELLS_MAX] = {0};

	if (w->at.table == TABLE_HOLDING)
		return w->count == 1
		               ? pdu_write_register(r, w->unit, w->at.addr, w->word[0])
		               : pdu_write_registers(r, w->unit, w->at.addr, w->count, w->word);
	if (w->count == 1)
		return pdu_write_coil(r, w->unit, w->at.addr, w->word[0] ? 0xFF00 : 0);
	for (unsigned i = 0; i < w->count; i++)
		packed[i / 16] |= (uint16_t)(w->word[i] << (i % 16));
	return pdu_write_coils(r, w->unit, w->at.addr, w->count, packed);
}

static void print_words(const char *title, const uint16_t *words, unsigned n)
{
	printf("  %-5s", title);
	for (unsigned i = 0; i < n; i++)
		printf(" %u", words[i]);
	putchar('\n');
}

static int write_registers(struct write *w)
{
	uint16_t words[WRITE_REGISTERS_MAX];
	char names[256], text[400] = "";
	struct request r;
	struct reply reply;

	if (owned(w, names, sizeof(names)) && !w->over) {
		char reason[320];
		snprintf(reason, sizeof(reason),
		         "these registers belong to %s: xnetctl write %s checks the value; --over "
		         "writes them all the same",
		         names, strchr(names, ',') ? "DEVICE.POINT" : names);
		return report(w, false, "refused", "", reason, 0);
	}
	const bool readable = w->unit != 0 && read_registers(w, words, &reply);
	if (!w->json) {
		printf("%s %u of unit %u\n", says_table[w->at.table], w->at.addr, w->unit);
		if (readable)
			print_words("now", words, w->count);
		else
			printf("  now   -  (%s)\n",
			       w->unit ? reply.why : "all units: nobody responds");
		print_words("then", w->word, w->count);
		fflush(stdout);
	}
	if (!readable && w->unit && must_not(w, &reply, text, sizeof(text)))
		return report(w, false, "refused", "", text, 0);
	if (!w->yes && !screen_confirm("Write?")) {
		fputs("Nothing was written (--yes writes without asking).\n", stderr);
		return EXIT_FAILURE;
	}
	build(w, &r);
	w->line->over = w->over;
	line_ask(w->line, &r, target_timeout(&w->target, &w->options, w->unit), false, &reply);
	if (reply.outcome != OUT_OK)
		return report(w, false, reply.outcome == OUT_REFUSED ? "refused" : "failed", "",
		              reply.why, 0);
	const us_t took = reply.turnaround;
	if (!readable || !read_registers(w, words, &reply))
		return report(w, true, "acknowledged",
		              w->unit ? "could not be read back" : "sent to all", "", took);
	for (unsigned i = 0, n = 0; i < w->count && n < sizeof(text); i++)
		n += (unsigned)snprintf(text + n, sizeof(text) - n, "%s%u", i ? " " : "", words[i]);
	const bool same = memcmp(words, w->word, w->count * sizeof(words[0])) == 0;
	return report(w, same, same ? "verified" : "differs", text, "", took);
}

int verb_write(int argc, char **argv)
{
	struct write w = {0};
	int status;

	keep_negative(argc, argv);
	line_options_init(&w.options);
	status = parse(&w, argc, argv);
	if (status)
		return status - 1;
	status = understand(&w, argc - optind, argv + optind);
	if (status == 0) {
		w.line = target_open(&w.target, &w.options, "write");
		status = !w.line ? EXIT_LINE : w.value ? write_point(&w) : write_registers(&w);
		line_close(w.line);
	}
	target_free(&w.target);
	return status;
}
