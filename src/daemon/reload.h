/* SPDX-License-Identifier: MIT */
/*
 * reload: a new configuration while everything runs. It is read by a short-lived thread; a bad one
 * leaves the running one in force and that is reported.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "daemon/base/plant.h"

void reload_create(struct gateway *g);
void reload_destroy(struct gateway *g); /* waits for a thread still reading */

/* Begin. command: a message requested it; it and its request (may be NULL) are answered at the end.
 * While one is being read, another one is begun after it. */
void reload_begin(struct gateway *g, struct north_request *request, bool command);

/* SIGTERM: clients that wait for a reload are answered. */
void reload_end(struct gateway *g);

/* Readable when the thread has finished; then reload_finish(). -1: none. */
int reload_fd(const struct gateway *g);
void reload_finish(struct gateway *g);

#endif
