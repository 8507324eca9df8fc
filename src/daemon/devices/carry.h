/* SPDX-License-Identifier: MIT */
/*
 * carry: what outlives a reload: the buses whose settings did not change, and the readings of
 * points that keep their name and place.
 */
#ifndef DAEMON_DEVICES_CARRY_H
#define DAEMON_DEVICES_CARRY_H

#include "core/model/same.h"
#include "daemon/base/plant.h"

/* The threads and what is known of them. Those of buses that are gone, or have other settings, are
 * ended. */
void carry_buses(struct plant *from, struct plant *to);

/* The device of the old plant that this one of the new plant is: same name, same unit of the same
 * bus, same profile; -1: none. */
int carry_device_of(const struct plant *from, const struct plant *to, uint32_t device);

/* After the buses: states of devices, readings, on-demand counts. Moves memory out of `from`. A
 * device that is as it was goes on as it is, all others know what their new settings leave. */
void carry_readings(struct plant *from, struct plant *to, const struct same *same);

/* After the readings: which buses have their wants already. */
void carry_wants(const struct plant *from, struct plant *to, const struct same *same);

/* The new plant runs: what it does not know, or not as it is now, is read at once, and no more. */
void carry_demand(struct gateway *g);

#endif
