// SPDX-License-Identifier: MIT
#include "sim/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/sim/chain.h"
#include "ctl/verb.h"

#define TURNAROUND (5 * US_MS)
#define SUNSPEC_OPTIONS 32

static void help(void)
{
	puts("Usage: xnetctl sim [OPTION]...\n"
	     "Simulate a line: every device of devices.yaml on that bus answers as its profile "
	     "says, with\n"
	     "true wire time, moving values, and writes that stick.\n"
	     "\n"
	     "  -c, --config FILE      the configuration (default " CONFIG_DIR "/devices.yaml)\n"
	     "  -P, --profiles DIR     where device profiles are; may be given up to three times\n"
	     "  -b, --bus NAME         which bus (not needed when there is one)\n"
	     "  -l, --link PATH        name of the line, a symbolic link (default: the bus's port, "
	     "unless\n"
	     "                         that is below /dev)\n"
	     "  -t, --tcp PORT         serve it on 127.0.0.1 instead, as RTU over TCP if the bus "
	     "is\n"
	     "                         that, else as Modbus TCP; 0: any free port\n"
	     "      --control PATH     take commands on this UNIX socket\n"
	     "      --stdin            take commands on standard input, end when it ends\n"
	     "      --write-log FILE   write every write request there, one JSON object a line\n"
	     "      --turnaround MS    of every device, in milliseconds (default 5)\n"
	     "      --seed N           other values (default 1)\n"
	     "      --sunspec DEV=BASE:ID,...  its SunSpec models, where and in which order, as "
	     "50000:1,160,103;\n"
	     "                         an id may have a length behind it, as 64001/8\n"
	     "\n"
	     "Commands: unplug DEV, plug DEV, fault DEV none|exception "
	     "N|crc|short|silent|mute|late TIME [xCOUNT],\n"
	     "delay DEV TIME, set DEV POINT VALUE|auto, chain DEV BASE:ID,..., freeze, thaw, "
	     "stats, "
	     "log.\n"
	     "It prints 'ready: NAME' when the line can be opened, and ends with Ctrl-C.");
}

enum { OPT_CONTROL = 256, OPT_STDIN, OPT_LOG, OPT_TURNAROUND, OPT_SEED, OPT_SUNSPEC };

struct arguments {
	struct config_paths paths;
	struct sim_conf conf;
	const char *bus, *log;
	const char *sunspec[SUNSPEC_OPTIONS];
	size_t nsunspec;
};

static bool number(const char *text, unsigned long most, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 0);
	if (end != text && *end == '\0' && errno == 0 && *out <= most)
		return true;
	fprintf(stderr, "xnetctl sim: '%s' is not a number from 0 to %lu\n", text, most);
	return false;
}

static bool take(struct arguments *a, int c)
{
	unsigned long n;

	switch (c) {
	case 'b':
		a->bus = optarg;
		return true;
	case 'l':
		a->conf.link = optarg;
		return true;
	case 't':
		if (!number(optarg, 65535, &n))
			return false;
		a->conf.tcp_port = (int)n;
		return true;
	case OPT_CONTROL:
		a->conf.control = optarg;
		return true;
	case OPT_STDIN:
		a->conf.stdin_commands = true;
		return true;
	case OPT_LOG:
		a->log = optarg;
		return true;
	case OPT_TURNAROUND:
		if (!number(optarg, 60000, &n))
			return false;
		a->conf.turnaround = (us_t)n * US_MS;
		return true;
	case OPT_SEED:
		if (!number(optarg, 0xFFFFFFFFul, &n))
			return false;
		a->conf.seed = n;
		return true;
	case OPT_SUNSPEC:
		if (a->nsunspec == SUNSPEC_OPTIONS)
			return false;
		a->sunspec[a->nsunspec++] = optarg;
		return true;
	default:
		return files_option(&a->paths, c);
	}
}

/* 0: go on; else the exit status + 1. */
static int parse(struct arguments *a, int argc, char **argv)
{
	static const struct option table[] = {
		FILES_LONG_OPTIONS,
		{"bus", required_argument, NULL, 'b'},
		{"link", required_argument, NULL, 'l'},
		{"tcp", required_argument, NULL, 't'},
		{"control", required_argument, NULL, OPT_CONTROL},
		{"stdin", no_argument, NULL, OPT_STDIN},
		{"write-log", required_argument, NULL, OPT_LOG},
		{"turnaround", required_argument, NULL, OPT_TURNAROUND},
		{"seed", required_argument, NULL, OPT_SEED},
		{"sunspec", required_argument, NULL, OPT_SUNSPEC},
		{"help", no_argument, NULL, 'h'},
		{0},
	};

	for (int c; (c = getopt_long(argc, argv, FILES_OPTIONS "b:l:t:h", table, NULL)) != -1;) {
		if (c == 'h') {
			help();
			return 1 + EXIT_SUCCESS;
		}
		if (!take(a, c))
			return 1 + usage("sim");
	}
	return optind < argc ? 1 + usage_words("sim", argc, argv, optind, NULL) : 0;
}

static bool choose_bus(struct arguments *a, const struct model *m)
{
	for (uint32_t i = 0; i < m->nbus; i++)
		if (a->bus ? strcmp(m->bus[i].name, a->bus) == 0 : m->nbus == 1) {
			a->conf.bus = i;
			return true;
		}
	if (a->bus)
		fprintf(stderr, "xnetctl sim: %s has no bus '%s'\n", m->file, a->bus);
	else
		fprintf(stderr, "xnetctl sim: %s has %zu buses: choose one with --bus\n", m->file,
		        m->nbus);
	return false;
}

static bool choose_line(struct arguments *a, const struct model *m)
{
	const struct bus_conf *b = &m->bus[a->conf.bus];

	if (a->conf.tcp_port >= 0)
		return true;
	if (b->kind != BUS_SERIAL) {
		fprintf(stderr, "xnetctl sim: bus '%s' is a network connection: use --tcp PORT\n",
		        b->name);
		return false;
	}
	if (!a->conf.link && b->port && strncmp(b->port, "/dev/", 5) != 0)
		a->conf.link = b->port;
	return true;
}

/* "inv=50000:1,160,103" */
static bool place_models(const struct model *m, const char *text)
{
	const size_t len = strcspn(text, "=");
	const int i = model_find_device(m, text, len);
	struct sunspec_chain chain;
	const char *wrong = i < 0                        ? "no such device"
	                    : !m->device[i].set->sunspec ? "it has no SunSpec models"
	                    : text[len] == '\0'          ? "expects = and its models"
	                                                 : NULL;

	if (!wrong)
		wrong = simchain_parse(m->device[i].set->sunspec, text + len + 1, &chain);
	if (!wrong)
		sunspec_bind(&m->device[i], &chain);
	else
		fprintf(stderr, "xnetctl sim: --sunspec %s: %s\n", text, wrong);
	return !wrong;
}

static int run(struct arguments *a, const struct model *m)
{
	int status;

	a->conf.model = m;
	for (size_t i = 0; i < a->nsunspec; i++)
		if (!place_models(m, a->sunspec[i]))
			return EXIT_USAGE;
	if (!choose_bus(a, m) || !choose_line(a, m))
		return EXIT_USAGE;
	if (a->log && !(a->conf.write_log = fopen(a->log, "we"))) {
		fprintf(stderr, "xnetctl sim: %s: %s\n", a->log, strerror(errno));
		return EXIT_FAILURE;
	}
	status = sim_run(&a->conf);
	if (a->conf.write_log)
		fclose(a->conf.write_log);
	return status;
}

int verb_sim(int argc, char **argv)
{
	struct arguments a = {.conf = {.tcp_port = -1, .seed = 1, .turnaround = TURNAROUND}};

	files_init(&a.paths);
	int status = parse(&a, argc, argv);
	if (status)
		return status - 1;
	struct model *m = files_load(&a.paths, false);
	if (!m)
		return EXIT_CONFIG;
	status = run(&a, m);
	model_destroy(m);
	return status;
}
