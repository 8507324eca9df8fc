/* SPDX-License-Identifier: MIT */
/*
 * identity: the default client id, the same at each start on this machine.
 */
#ifndef DAEMON_BASE_IDENTITY_H
#define DAEMON_BASE_IDENTITY_H

#include <stddef.h>

#define IDENTITY_MAX 288

/* "<prefix>-<gateway>-<8 hex digits>", / of the prefix as -, so that two gateways of one name and
 * machine do not take each other's connection where their prefixes differ. The digits come from the
 * machine's id (machine-id(5)): a network adapter that comes, goes or is renamed does not change
 * them. Without such an id: the host's name.
 */
void identity_client_id(const char *prefix, const char *gateway, char *buf, size_t size);

#endif
