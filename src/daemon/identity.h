/*
 * identity: the default client id, the same at each start on this machine.
 */
#ifndef DAEMON_IDENTITY_H
#define DAEMON_IDENTITY_H

#include <stddef.h>

#define IDENTITY_MAX 96

/* "xnet-<gateway>-<last 4 hex digits of the first MAC address>"; 0000 where there is none. */
void identity_client_id(const char *gateway, char *buf, size_t size);

#endif
