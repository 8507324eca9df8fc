/*
 * carry: what outlives a reload: the buses whose settings did not change, and the readings of
 * points that keep their name and place.
 */
#ifndef DAEMON_CARRY_H
#define DAEMON_CARRY_H

#include "daemon/plant.h"

/* The bus of the new plant that goes on with this one's thread; NULL: none, its thread ends. */
struct plant_bus *carry_bus(const struct plant_bus *from, struct plant *to);

/* After the buses: states of devices, readings, on-demand counts. Moves memory out of `from`. */
void carry_readings(struct plant *from, struct plant *to);

#endif
