/* SPDX-License-Identifier: MIT */
/*
 * suspect: does a device that answers look like another one than its profile describes?
 */
#ifndef DAEMON_DEVICES_SUSPECT_H
#define DAEMON_DEVICES_SUSPECT_H

#include "daemon/base/plant.h"

/* Looks at a device: most of its points refused as not there, or all that have a range outside it,
 * for 10 s at least. Logs when that begins and ends, with the Alert. Cheap where nothing is in
 * doubt. To be called now and then. */
void suspect_look(struct gateway *g, uint32_t device);

/* Is this value, of the words in the reading, outside its range? Counted, and taken note of. */
bool suspect_invalid(struct device_state *s, struct reading *r, const struct point *pt,
                     const struct value *v);

/* Why it is suspected and what to do next, for its state. */
void suspect_text(const struct plant *p, uint32_t device, char *buf, size_t size);

#endif
