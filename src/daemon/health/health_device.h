/* SPDX-License-Identifier: MIT */
/*
 * health_device: state, counters and description of each device in the $SYS tree.
 */
#ifndef DAEMON_HEALTH_HEALTH_DEVICE_H
#define DAEMON_HEALTH_HEALTH_DEVICE_H

#include "daemon/base/plant.h"

#define DEVICE_SAMPLES 16 /* of a minute */

struct device_health {
	uint32_t asked[DEVICE_SAMPLES], answered[DEVICE_SAMPLES];
	uint8_t n; /* filled, the oldest first */
};

void health_device_carry(struct gateway *g, const struct model *old,
                         const struct device_health *from, struct device_health *to);
/* device/<dev>/info: what a generic panel needs. */
void health_device_info(struct gateway *g, uint32_t device);
/* Its state, since when, and its last error: when they change, and with the states of the buses. */
void health_device_state(struct gateway *g, uint32_t device);
void health_device_publish(struct gateway *g, uint32_t device, struct device_health *h);

#endif
