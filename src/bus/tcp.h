/* SPDX-License-Identifier: MIT */
/*
 * tcp: one connection to one endpoint, with a time-out of its own and a peer's death seen in
 * seconds.
 */
#ifndef BUS_TCP_H
#define BUS_TCP_H

#include <stdatomic.h>

#include "core/base/span.h"

/* Looks the name up anew, tries its addresses one after the other (IPv6 too) for `timeout` each,
 * and returns a non-blocking socket, or -1 with a sentence in why. Blocks; gives up within 0.25 s
 * when *stop becomes true, except in the name look-up, which takes as long as the system lets it.
 */
int tcp_connect(const char *host, uint16_t port, us_t timeout, const atomic_bool *stop, char *why,
                size_t size);

#endif
