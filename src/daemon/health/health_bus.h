/* SPDX-License-Identifier: MIT */
/*
 * health_bus: the state of a bus in words, its rates and counters, and the Alerts that follow.
 */
#ifndef DAEMON_HEALTH_HEALTH_BUS_H
#define DAEMON_HEALTH_HEALTH_BUS_H

#include "daemon/base/plant.h"

#define BUS_SHORT 8 /* samples of about 10 s */
#define BUS_LONG 16 /* samples of a minute */

/* Counters at one time. */
struct bus_sample {
	us_t at, busy;
	uint32_t requests, bad, garbled, missed;
};

enum bus_word { WORD_UP, WORD_DOWN, WORD_SILENT, WORD_NOISY, WORD_OVERLOADED, WORD_HELD };

struct bus_health {
	struct bus_sample brief[BUS_SHORT], lengthy[BUS_LONG];
	struct bus_sample calm; /* when all was read that a start reads at once; at 0: not yet */
	uint8_t nbrief, nlong;  /* filled, the oldest first */
	uint8_t word;           /* enum bus_word, as last published */
};

/* After a reload: figures of buses that go on; topics of those that are gone are cleared. */
void health_bus_carry(struct gateway *g, const struct model *old, const struct bus_health *from,
                      struct bus_health *to);
void health_bus_model(struct gateway *g, uint32_t bus);
void health_bus_publish(struct gateway *g, uint32_t bus, struct bus_health *h);

#endif
