/* SPDX-License-Identifier: MIT */
/*
 * gets: xnet/get on its way: who requested which points, until all of them were read or could not
 * be.
 */
#ifndef DAEMON_DEVICES_GETS_H
#define DAEMON_DEVICES_GETS_H

#include "daemon/base/plant.h"

struct gets;

void gets_create(struct gateway *g);
void gets_destroy(struct gateway *g);

/* Reads the item's point (or all of its device) now; its one outcome follows when that is done. */
void gets_begin(struct gateway *g, const struct north_item *i, struct north_request *request);

/* A block of this bus was read, or could not be. Before what depends on it is computed. */
void gets_read(struct gateway *g, uint32_t bus, const struct report *r);
void gets_read_failed(struct gateway *g, uint32_t bus, const struct report *r);

/* A point with device_id was read, or why it could not be. */
void gets_text(struct gateway *g, uint32_t point, const char *why);

/* The turn's end, when all readings are published: answers those that are complete, or wait too
 * long. */
void gets_turn(struct gateway *g);

/* Are responses pending? */
bool gets_wait(const struct gateway *g);

/* Answers all that wait with this reason. */
void gets_end(struct gateway *g, const char *reason);

#endif
