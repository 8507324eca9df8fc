// SPDX-License-Identifier: MIT
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ascii.h"
#include "ctl/verb.h"

static const struct {
	const char *name, *does;
	int (*run)(int argc, char **argv);
} verb[] = {
	{"acl", "print an access list for the broker", verb_acl},
	{"bridge", "print a bridge to another broker", verb_bridge},
	{"check", "check the configuration and report every error", verb_check},
	{"completion-words", NULL, verb_complete},
	{"convert", "convert the configuration of another gateway", verb_convert},
	{"doctor", "find out what is wrong with a line", verb_doctor},
	{"fleet", "one table of all gateways; ends with 1 if one needs attention", verb_fleet},
	{"forget", "clear what a gateway that is gone has left on the broker", verb_forget},
	{"homeassistant", "print the discovery for Home Assistant", verb_homeassistant},
	{"keys", "print every key of devices.yaml and of profiles", verb_keys},
	{"metrics", "health and values as OpenMetrics, for Prometheus", verb_metrics},
	{"monitor", "show what is on a line, or capture it for Wireshark", verb_monitor},
	{"plan", "show what is read how often, and the load of each line", verb_plan},
	{"points", "list the points of the configured devices", verb_points},
	{"ports", "list serial ports with their stable names", verb_ports},
	{"probe", "find out which profiles fit a unit", verb_probe},
	{"profiles", "list the device profiles, or show one", verb_profiles},
	{"read", "read points or registers of a device", verb_read},
	{"recipe", "configurations of Node-RED, Grafana, openHAB and others", verb_recipe},
	{"scan", "find out which units respond on a line, and what they are", verb_scan},
	{"schema", "print the JSON schema of devices.yaml, for editors", verb_schema},
	{"sim", "simulate a line with the configured devices", verb_sim},
	{"status", "show how gateways, lines and devices are, over MQTT", verb_status},
	{"test", "run the tests inside profiles", verb_test},
	{"top", "watch gateways, lines and devices, over MQTT", verb_top},
	{"web", "serve a web page of the gateways (package xnet-web)", verb_web},
	{"write", "write a point or registers of a device, and read it back", verb_write},
};

#define VERBS (sizeof(verb) / sizeof(verb[0]))

/* What all verbs end with; the manual page has the same. */
static const struct {
	int status;
	const char *means;
} exits[] = {
	{EXIT_SUCCESS, "Success."},
	{EXIT_FAILURE, "It failed: nothing found, no response, an exception, a check that failed, "
                       "refused, or another client on the line."},
	{EXIT_USAGE, "Wrong usage."},
	{EXIT_LINE, "The port or connection cannot be opened, or is gone."},
	{EXIT_CONFIG, "The configuration has errors."},
	{128 + SIGINT,
         "Ended by Ctrl-C before it was done: nothing was written that was not reported."},
};

static void help(void)
{
	puts("Usage: xnetctl VERB [OPTION]...\nTools for the gateway xnetd.\n");
	for (size_t i = 0; i < VERBS; i++)
		if (verb[i].does) /* the others are for programs */
			printf("  %-13s %s\n", verb[i].name, verb[i].does);
	puts("\nExit status:");
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++)
		printf("  %-3d %s\n", exits[i].status, exits[i].means);
	puts("\n'xnetctl VERB --help' explains one. 'xnetctl --version' prints the version. See "
	     "xnetctl(1).");
}

static int unknown(const char *word)
{
	const char *known[VERBS];

	for (size_t i = 0; i < VERBS; i++)
		known[i] = verb[i].name;
	const char *near = diag_nearest(word, known, VERBS);
	fprintf(stderr, "xnetctl: no verb '%s'", word);
	if (near)
		fprintf(stderr, ": did you mean '%s'?", near);
	fputs("\nTry 'xnetctl --help'.\n", stderr);
	return EXIT_USAGE;
}

const char *verb_name(size_t i)
{
	for (size_t k = 0; k < VERBS; k++)
		if (verb[k].does && i-- == 0)
			return verb[k].name;
	return NULL;
}

int (*verb_find(const char *name))(int argc, char **argv)
{
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(verb[i].name, name) == 0)
			return verb[i].run;
	return NULL;
}

/* A full disk behind standard output is no success. */
static int printed(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("xnetctl: standard output");
	return status ? status : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static char name[40], explain[] = "--help";

	ascii_begin();
	if (argc > 2 && strcmp(argv[1], "help") == 0) { /* help VERB */
		argv[1] = argv[2];
		argv[2] = explain;
		argc = 3;
	}
	if (argc < 2) {
		fputs("xnetctl: a verb is missing\nTry 'xnetctl --help'.\n", stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		help();
		return EXIT_SUCCESS;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("xnetctl " PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	int (*run)(int, char **) = verb_find(argv[1]);
	if (!run)
		return unknown(argv[1]);
	snprintf(name, sizeof(name), "xnetctl %s", argv[1]); /* getopt(3) begins its messages so */
	argv[1] = name;
	return printed(run(argc - 1, argv + 1));
}
