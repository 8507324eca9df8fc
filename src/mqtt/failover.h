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
	unsigned brief;  /* connections in a row that the one in use closed soon */
};

/* look: how soon after a connection to another the first is looked for. */
void failover_begin(struct failover *f, size_t n, us_t look);

/* The attempt failed: the next one in the list, at once (true), or after the usual delay when all
 * have been tried. */
bool failover_down(struct failover *f);

/* The connection is lost after `life`: the same one is tried again first, after the usual delay
 * (false). One that accepts and closes again and again, each time sooner than `look`, counts as one
 * that refuses: then as failover_down(). */
bool failover_lost(struct failover *f, us_t life);

/* Connected. */
void failover_up(struct failover *f, us_t now);

/* Time to look whether the first can be had again? Called once each time. held: what came from the
 * one in use is not answered yet, so its answer would go to the first: not now, unless that takes
 * long. */
bool failover_look(struct failover *f, bool held, us_t now);

/* When to ask that. */
us_t failover_due(const struct failover *f, bool held);

/* It can: it is tried next. */
void failover_return(struct failover *f);

#endif
