/* SPDX-License-Identifier: MIT */
/*
 * phases: what the coming and going of a device brings about: its status, its values, its commands,
 * its models, its line in the health tree. The one place that calls all that depend on it.
 */
#ifndef DAEMON_PHASES_H
#define DAEMON_PHASES_H

#include "daemon/base/plant.h"

/* What follows from each device_go() since the last call, in their order. Before anything else is
 * done that may depend on it. */
void phases_take(struct gateway *g);

/* Devices that represent all units of a line are online while it is up. */
void phases_broadcast(struct gateway *g);

/* TIMER_REACH: logs devices that were not reached since the start, once each, with likely causes.
 */
void phases_unreached(struct gateway *g);

#endif
