/* SPDX-License-Identifier: MIT */
/*
 * planned: how much of each serial line's time the map needs, worked out beside the main thread, in
 * one of least priority: thousands of points can take a second.
 */
#ifndef DAEMON_HEALTH_PLANNED_H
#define DAEMON_HEALTH_PLANNED_H

#include "daemon/base/plant.h"

struct planned;

/* For g->model; takes copies of all it needs. */
struct planned *planned_begin(const struct gateway *g);

/* Ready? Then publishes bus/<bus>/load/planned, logs what is above 80 % with what would help,
 * frees, and gives NULL; else gives p back. */
struct planned *planned_publish(struct gateway *g, struct planned *p);

/* Its model is gone: the thread ends with the line it is at. NULL is fine. */
void planned_drop(struct planned *p);

#endif
