/* SPDX-License-Identifier: MIT */
/*
 * loop: the main thread. Everything that is neither wire nor broker happens here: one loop waits
 * for signals, reports of the buses, events of the MQTT client and the few times something is due.
 */
#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

#include "daemon/base/lastgood.h"

#include <signal.h>

/* The signals main reads; to be blocked before any thread starts. */
void loop_signals(sigset_t *set);

/* Where the model came from. */
struct loop_start {
	const char *control; /* where the control socket is; NULL: nowhere */
	struct lastgood kept;
	const char *refused; /* why it is the last good one, not the file's; NULL: the file's */
};

/* Runs until SIGTERM or SIGINT. Owns the model. Gives the exit code. */
int loop_run(struct model *m, const struct config_paths *paths, const struct loop_start *start);

/* Of that, for tests, whose time is their own. g: its model, paths and now are set. */
struct gateway;
void loop_create(struct gateway *g);
void loop_started(struct gateway *g, const struct loop_start *start);
void loop_destroy(struct gateway *g); /* when all buses have ended */

/* Everything that came in, then what follows from it, then one wake-up of the publisher. */
void loop_turn(struct gateway *g);

#endif
