/* SPDX-License-Identifier: MIT */
/*
 * requests: those of the control socket to the buses, and the lines that it holds.
 */
#ifndef DAEMON_REQUESTS_H
#define DAEMON_REQUESTS_H

#include "daemon/clients.h"

/* Ids of their jobs have this bit, those of commands do not. */
#define ADHOC_JOB ((uint64_t)1 << 63)

void requests_create(struct gateway *g);
void requests_destroy(struct gateway *g);

/* read, write or pdu, permitted: its answer follows when the bus has reported. */
void requests_submit(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus);
void requests_report(struct gateway *g, const struct report *r);

void requests_hold(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus);
void requests_release(struct gateway *g, client_t c, const struct control_request *r, uint32_t bus);
/* Does this client hold a line? */
bool requests_holds(const struct gateway *g, client_t c);

void requests_client_gone(struct gateway *g, client_t c);
void requests_model_ends(struct gateway *g);
void requests_tick(struct gateway *g);

#endif
