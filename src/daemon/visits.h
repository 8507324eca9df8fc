/* SPDX-License-Identifier: MIT */
/*
 * visits: requests of the control socket on the buses, and lines that are held.
 */
#ifndef DAEMON_VISITS_H
#define DAEMON_VISITS_H

#include "daemon/clients.h"

/* Ids of their jobs have this bit, those of commands do not. */
#define ADHOC_JOB ((uint64_t)1 << 63)

void visits_create(struct gateway *g);
void visits_destroy(struct gateway *g);

/* read, write or pdu, permitted: its answer follows when the bus has reported. */
void visits_submit(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus);
void visits_report(struct gateway *g, const struct report *r);

void visits_hold(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus);
void visits_release(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus);
/* Does this client hold a line? */
bool visits_holds(const struct gateway *g, client_t c);

void visits_client_gone(struct gateway *g, client_t c);
void visits_model_ends(struct gateway *g);
void visits_tick(struct gateway *g);

#endif
