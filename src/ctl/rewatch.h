/* SPDX-License-Identifier: MIT */
/*
 * rewatch: values that are read again and again: only what changed is printed, with the time since
 * the change before; at the end, what was lost and how long responses took.
 */
#ifndef CTL_REWATCH_H
#define CTL_REWATCH_H

#include "ctl/line.h"

struct rewatch;

struct rewatch *rewatch_create(void);
void rewatch_destroy(struct rewatch *w);

void rewatch_value(struct rewatch *w, const char *name, const char *text);
void rewatch_count(struct rewatch *w, const struct reply *reply);

/* Prints the statistics. False: nothing was ever answered. */
bool rewatch_end(struct rewatch *w);

#endif
