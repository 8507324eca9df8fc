/* SPDX-License-Identifier: MIT */
/*
 * verb: what xnetctl can do, one file a verb, one row in main.c; and what verbs share: where the
 * configuration is, how it is loaded, the exit codes.
 */
#ifndef CTL_VERB_H
#define CTL_VERB_H

#include <getopt.h>
#include <stdio.h>

#include "config/config.h"

/* sysexits(3) */
#define EXIT_USAGE 64
#define EXIT_LINE 69
#define EXIT_CONFIG 78

/* argv[0] is "xnetctl VERB". Returns the exit status. */
int verb_acl(int argc, char **argv);
int verb_bridge(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_complete(int argc, char **argv);
int verb_convert(int argc, char **argv);
int verb_homeassistant(int argc, char **argv);
int verb_keys(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_monitor(int argc, char **argv);
int verb_plan(int argc, char **argv);
int verb_points(int argc, char **argv);
int verb_ports(int argc, char **argv);
int verb_probe(int argc, char **argv);
int verb_profiles(int argc, char **argv);
int verb_read(int argc, char **argv);
int verb_write(int argc, char **argv);
int verb_scan(int argc, char **argv);
int verb_recipe(int argc, char **argv);
int verb_schema(int argc, char **argv);
int verb_sim(int argc, char **argv);
int verb_fleet(int argc, char **argv);
int verb_forget(int argc, char **argv);
int verb_metrics(int argc, char **argv);
int verb_web(int argc, char **argv);
int verb_top(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_test(int argc, char **argv);

/* The verbs by number (NULL: no more) and by name (NULL: none). */
const char *verb_name(size_t i);
int (*verb_find(const char *name))(int argc, char **argv);

/* The paths of all serial ports, one a line. */
void ports_print_names(void);

/* The options every verb with a configuration has: -c, --config FILE; -P, --profiles DIR (up to
 * three). */
#define FILES_OPTIONS "c:P:"
#define FILES_LONG_OPTIONS                                                                         \
	{"config", required_argument, NULL, 'c'},                                                  \
	{                                                                                          \
		"profiles", required_argument, NULL, 'P'                                           \
	}

/* The defaults: the installed places. */
void files_init(struct config_paths *p);

/* Take option `c` with its optarg. False: not one of ours, or too many directories (reported). */
bool files_option(struct config_paths *p, int c);

/* Load; every message goes to standard error, unless quiet. NULL on error. */
struct model *files_load(const struct config_paths *p, bool quiet);
/* One profile as a model, without its tests. NULL: it has errors, which are on standard error
 * unless quiet. */
struct model *files_profile(const char *path, bool quiet);
void files_report(struct diag *d); /* sorts and prints to standard error */

/* "Try …": for wrong usage; returns EXIT_USAGE. */
int usage(const char *verb);

/* The same, behind what is wrong with the words that are no options: argv[most] is one too many, or
 * else one is missing (may be NULL where none can be). */
int usage_words(const char *verb, int argc, char **argv, int most, const char *missing);

#endif
