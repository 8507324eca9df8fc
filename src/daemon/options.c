// SPDX-License-Identifier: MIT
#include "daemon/options.h"

#include "daemon/control.h"

#include <getopt.h>
#include <stdio.h>

#define PROFILES_MAX (sizeof((struct config_paths *)0)->profiles / sizeof(char *) - 1)

static const struct option table[] = {
	{"check", no_argument, NULL, 'C'},          {"config", required_argument, NULL, 'c'},
	{"profiles", required_argument, NULL, 'P'}, {"level", required_argument, NULL, 'l'},
	{"keys", no_argument, NULL, 'k'},           {"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},           {"strict", no_argument, NULL, 's'},
	{"control", required_argument, NULL, 'S'},  {0},
};

void options_help(void)
{
	puts("Usage: xnetd [OPTION]...\n"
	     "Read devices on Modbus lines and publish them over MQTT; write what is commanded.\n"
	     "\n"
	     "  -c, --config FILE    the configuration (default " CONFIG_DIR "/devices.yaml)\n"
	     "  -P, --profiles DIR   where device profiles are; may be given up to three times\n"
	     "                       (default " CONFIG_DIR "/profiles, then " PROFILE_DIR ")");
	puts("      --strict         with errors do not start with the last good configuration\n"
	     "      --control FILE   where the control socket is (default " CONTROL_PATH ")\n"
	     "      --check          check the configuration, report every error, and exit\n"
	     "      --keys           print every key of the configuration\n"
	     "  -l, --level LEVEL    log error, warn, info (default) or debug\n"
	     "  -V, --version        print the version\n"
	     "  -h, --help           print this\n"
	     "\n"
	     "Exit status: 0 good, 64 wrong usage, 78 wrong configuration.\n"
	     "See xnetd(8) and devices.yaml(5).");
}

static bool take(struct options *o, int c, size_t *nprofiles)
{
	switch (c) {
	case 'C':
		o->task = TASK_CHECK;
		return true;
	case 'k':
		o->task = TASK_KEYS;
		return true;
	case 'V':
		o->task = TASK_VERSION;
		return true;
	case 'h':
		o->task = TASK_HELP;
		return true;
	case 's':
		o->strict = true;
		return true;
	case 'S':
		o->control = optarg;
		return true;
	case 'c':
		o->paths.file = optarg;
		return true;
	case 'l':
		if (log_parse_level(optarg, &o->level))
			return true;
		fprintf(stderr, "xnetd: no log level '%s': use error, warn, info or debug\n",
		        optarg);
		return false;
	case 'P':
		if (*nprofiles < PROFILES_MAX) {
			o->paths.profiles[(*nprofiles)++] = optarg;
			return true;
		}
		fprintf(stderr, "xnetd: --profiles: at most %zu directories\n", PROFILES_MAX);
		return false;
	default:
		return false;
	}
}

void options_parse(struct options *o, int argc, char **argv)
{
	*o = (struct options){.task = TASK_RUN, .level = LEVEL_INFO, .control = CONTROL_PATH};
	o->paths.file = CONFIG_DIR "/devices.yaml";
	size_t nprofiles = 0;
	for (int c; (c = getopt_long(argc, argv, "c:P:l:Vh", table, NULL)) != -1;)
		if (!take(o, c, &nprofiles)) {
			o->task = TASK_USAGE;
			break;
		}
	if (o->task != TASK_USAGE && optind < argc) {
		fprintf(stderr, "xnetd: '%s': no such argument; the file is given by -c\n",
		        argv[optind]);
		o->task = TASK_USAGE;
	}
	if (o->task == TASK_USAGE)
		fputs("Try 'xnetd --help'.\n", stderr);
	if (nprofiles == 0) {
		o->paths.profiles[0] = CONFIG_DIR "/profiles";
		o->paths.profiles[1] = PROFILE_DIR;
	}
}
