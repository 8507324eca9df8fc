// SPDX-License-Identifier: MIT
#include "ctl/write.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/json.h"

enum { OPT_OVER = OPT_LINE_LAST, OPT_BLIND, OPT_JSON };

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
	return write_take_registers(w, argc - 1, argv + 1) ? 0 : EXIT_USAGE;
}

int write_report(const struct write *w, bool good, const char *outcome, const char *value,
                 const char *reason, us_t took)
{
	struct json j = {0};

	if (w->json) {
		jw_open(&j, NULL, '{');
		jw_string(&j, "outcome", outcome);
		if (w->target.point)
			point_json(&j, w->target.point, "value", value);
		else
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

/* The value before could not be read. A user who sees an exception may know that the registers
 * can only be written; where nothing right came back, a write may end anywhere. */
bool write_forbidden(const struct write *w, const struct reply *before, char *reason, size_t size)
{
	if (w->blind || (!w->yes && before->outcome == OUT_REFUSED))
		return false;
	snprintf(reason, size,
	         "the value before cannot be read (%s); nothing was written, --blind writes all "
	         "the same",
	         before->why);
	return true;
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
