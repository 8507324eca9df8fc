/* SPDX-License-Identifier: MIT */
/*
 * ondemand: xnet/get, xnet/sub, xnet/unsub: reading on request.
 */
#ifndef DAEMON_DEVICES_ONDEMAND_H
#define DAEMON_DEVICES_ONDEMAND_H

#include "daemon/base/plant.h"

/* A get, sub or unsub event; each of its items has its one outcome. */
void ondemand_event(struct gateway *g, const struct north_event *e);

#endif
