/* SPDX-License-Identifier: MIT */
/*
 * lastgood: the configuration that was accepted last, kept in the service's state directory
 * ($STATE_DIRECTORY, set by systemd), so that a mistake in devices.yaml does not leave the gateway
 * down at its next start. One file, written only when it changed, and replaced in one step.
 */
#ifndef DAEMON_BASE_LASTGOOD_H
#define DAEMON_BASE_LASTGOOD_H

#include "config/bundle.h"

#define LASTGOOD_TEXT 320

/* What is kept. */
struct lastgood {
	int64_t saved;           /* when, ms since 1970; 0: nothing */
	char why[LASTGOOD_TEXT]; /* why it is not the one accepted last; "": it is */
};

/* A bundle was accepted: keep it. Blocks while the disk writes. Without a state directory nothing
 * is kept, and nothing is wrong. */
void lastgood_keep(const struct bundle *b, struct lastgood *out);

/* The one kept of the configuration file `file`. NULL: out->why gets the reason. What is
 * wrong with one that is there goes to d. The model is the caller's. */
struct model *lastgood_load(const char *file, struct diag *d, struct lastgood *out);

#endif
