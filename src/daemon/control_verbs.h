/* SPDX-License-Identifier: MIT */
/*
 * control_verbs: what a line of the control socket requests. Each request gets its answer here, or
 * later through requests.c, or when its command, read or reload has its outcome.
 */
#ifndef DAEMON_CONTROL_VERBS_H
#define DAEMON_CONTROL_VERBS_H

#include "daemon/clients.h"

/* The request is the caller's. */
void verb_begin(struct gateway *g, client_t c, const struct control_request *r);

#endif
