/* SPDX-License-Identifier: MIT */
/*
 * options: the command line of xnetd.
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include "config/config.h"
#include "daemon/base/log.h"

/* sysexits(3) */
#define EXIT_USAGE 64
#define EXIT_CONFIG 78

enum task { TASK_RUN, TASK_CHECK, TASK_KEYS, TASK_VERSION, TASK_HELP, TASK_USAGE };

struct options {
	enum task task;
	struct config_paths paths;
	enum log_level level;
	const char *control; /* where its socket is */
	bool strict;         /* no start with the last good configuration */
};

/* wrong usage is reported on standard error and gives TASK_USAGE. Strings belong to argv. */
void options_parse(struct options *o, int argc, char **argv);
void options_help(void);

#endif
