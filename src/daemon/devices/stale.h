/* SPDX-License-Identifier: MIT */
/*
 * stale: a point of an online device that could not be read for too long becomes None.
 */
#ifndef DAEMON_DEVICES_STALE_H
#define DAEMON_DEVICES_STALE_H

#include "daemon/base/plant.h"

/* Looks at all readings, and sets its timer to when the next could be stale. */
void stale_sweep(struct gateway *g);

#endif
