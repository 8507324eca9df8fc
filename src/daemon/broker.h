/* SPDX-License-Identifier: MIT */
/*
 * broker: the connection as main sees it: made at start, made anew when its settings change, ended
 * in order. And what is published on it first and last: the statuses.
 */
#ifndef DAEMON_BROKER_H
#define DAEMON_BROKER_H

#include "core/model/same.h"
#include "daemon/base/plant.h"

/* Devices offline first, then the gateway online; connects in the background. */
void broker_create(struct gateway *g);

/* After a reload: topics and subscriptions of g->model instead of old's. */
void broker_adopt(struct gateway *g, const struct model *old, const struct same *same);

/* The turn's end: what was asked there is answered there, where a broker of a list is in use. */
void broker_turn(struct gateway *g);

/* The gateway ends: commands are unsubscribed; those on their way still come. */
void broker_leaves(struct gateway *g);

/* Devices, then the gateway, offline; what still comes is answered; waits `limit`
 * µs at most for a broker that takes nothing, some seconds for one that is slow. */
void broker_destroy(struct gateway *g, us_t limit);

#endif
