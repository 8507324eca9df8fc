/* SPDX-License-Identifier: MIT */
/*
 * failover: which broker of a list is tried next: in order until one accepts, and back to the first
 * as soon as it can be had again. Pure: the time (µs) is a parameter.
 */
#ifndef MQTT_FAILOVER_H
#define MQTT_FAILOVER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/span.h"

struct failover {
	size_t n, at;    /* how many brokers, and which is in use or tried */
	us_t look_at;    /* the first is looked for; US_NEVER: it is the one */
	us_t look_first; /* at first so long */
	us_t look_after; /* so long after the connection to another was made, or the last look */
};

/* look: how soon after a connection to another the first is looked for. */
void failover_begin(struct failover *f, size_t n, us_t look);

/* The attempt failed, or the connection is lost: the next one in the list, at once (true), or after
 * the usual delay when all have been tried. was_up: the one in use is tried again first. */
bool failover_down(struct failover *f, bool was_up);

/* Connected. */
void failover_up(struct failover *f, us_t now);

/* Time to look whether the first can be had again? Asked once each time. */
bool failover_look(struct failover *f, us_t now);

/* It can: it is tried next. */
void failover_return(struct failover *f);

#endif
