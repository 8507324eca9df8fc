/* SPDX-License-Identifier: MIT */
/*
 * derive: values that are made of others: expressions, and numbers whose scale stands in another
 * point.
 */
#ifndef DAEMON_DERIVE_H
#define DAEMON_DERIVE_H

#include "daemon/plant.h"

/* Once per turn, when points of the device were read or lost their value. */
void derive_device(struct gateway *g, uint32_t device);

#endif
