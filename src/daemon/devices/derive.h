/* SPDX-License-Identifier: MIT */
/*
 * derive: values that are made of others: expressions, and numbers whose scale is in another
 * point.
 */
#ifndef DAEMON_DEVICES_DERIVE_H
#define DAEMON_DEVICES_DERIVE_H

#include "daemon/base/plant.h"

/* The point's value; NONE: it has none, or only that of before its device was away, and may be
 * another by now. What is not polled keeps the value that it has. */
struct value derive_current(const struct plant *p, uint32_t point);

/* Once per turn, when points of the device were read or lost their value. */
void derive_device(struct gateway *g, uint32_t device);

/* Is its value from before the device was away, or of another one? Of an expression: one of its
 * inputs. What is not read by itself is never. */
bool derive_outdated(const struct plant *p, uint32_t point);

#endif
