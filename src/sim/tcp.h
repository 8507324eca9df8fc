/* SPDX-License-Identifier: MIT */
/*
 * tcp: the simulated line as a Modbus TCP server: many connections, many units behind it.
 */
#ifndef SIM_TCP_H
#define SIM_TCP_H

#include <poll.h>
#include <stddef.h>

#include "core/sim/units.h"

#define SIM_TCP_CLIENTS 32
#define SIM_TCP_FDS (SIM_TCP_CLIENTS + 1)

struct sim_tcp;

/* A listening socket on 127.0.0.1; *port: wanted, 0 for any; becomes the one in use. -1: reported
 * on standard error. */
int sim_tcp_listen(int *port);
int sim_tcp_accept(int listener); /* without delay, not blocking; -1: no client */

/* Listens on 127.0.0.1; *port: wanted, 0 for any; becomes the one in use. NULL: reported on
 * standard error. */
struct sim_tcp *sim_tcp_open(int *port);
void sim_tcp_close(struct sim_tcp *t); /* NULL is fine */

/* Descriptors to wait for: room for SIM_TCP_FDS; returns how many. */
size_t sim_tcp_poll(const struct sim_tcp *t, struct pollfd *fd);

/* Serve what is ready; send answers whose time has come. epoch: seconds UTC. Returns when to call
 * again. */
us_t sim_tcp_step(struct sim_tcp *t, struct simunits *units, us_t now, int64_t epoch);

#endif
