/* SPDX-License-Identifier: MIT */
/*
 * identity: the default client id, the same at each start on this machine.
 */
#ifndef DAEMON_IDENTITY_H
#define DAEMON_IDENTITY_H

#include <stddef.h>

#define IDENTITY_MAX 160

/* "xnet-<gateway>-<8 hex digits>", which come from the machine's id (machine-id(5)): a network
 * adapter that comes, goes or is renamed does not change them. Without such an id: the host's name.
 */
void identity_client_id(const char *gateway, char *buf, size_t size);

#endif
