/* SPDX-License-Identifier: MIT */
/*
 * control: the control socket: who is connected, their lines in and out. Nothing here blocks. What
 * a line requests is done by control_verbs.c and requests.c. The protocol is doc/control.md.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include "daemon/clients.h"

#define CONTROL_PATH "/run/xnet/ctl"

void control_create(struct gateway *g);
void control_destroy(struct gateway *g);

int control_fd(const struct gateway *g);
/* A client waits for a device: reports are not gathered. */
bool control_waits(const struct gateway *g);

/* What has come, and what can go. */
void control_turn(struct gateway *g);
void control_tick(struct gateway *g);

/* The daemon ends: the socket is closed, what is open is answered. */
void control_stop(struct gateway *g);

#endif
