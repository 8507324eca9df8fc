/* SPDX-License-Identifier: MIT */
/*
 * monitor: monitors of the control socket: frames from the bus threads to those who listen.
 */
#ifndef DAEMON_MONITOR_H
#define DAEMON_MONITOR_H

#include "daemon/clients.h"

void monitor_create(struct gateway *g);
void monitor_destroy(struct gateway *g);

void monitor_begin(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus);
bool monitor_listens(const struct gateway *g, client_t c);
void monitor_client_gone(struct gateway *g, client_t c);
void monitor_model_ends(struct gateway *g);

/* Frames that have come. */
void monitor_turn(struct gateway *g);

#endif
