/* SPDX-License-Identifier: MIT */
/*
 * lookup: the addresses of a host, without waiting for them. The system's look-up blocks for as
 * long as it likes, so it runs in helper threads that are there only while something is looked up:
 * at most LOOKUP_HELPERS, and all but one of them for names that were not slow the last time. One
 * that hangs holds up nothing, not even the end of the program.
 */
#ifndef BUS_LOOKUP_H
#define BUS_LOOKUP_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/span.h"

#define LOOKUP_HELPERS 4

struct lookup;

/* A literal address is there at once, and needs no helper. done: called by a helper when the answer
 * is there, which must not call anything here; NULL: looks up in place and blocks. took: so long
 * it took the last time, µs; 0: not known. */
struct lookup *lookup_begin(const char *host, uint16_t port, us_t took, void (*done)(void *ctx),
                            void *ctx);

/* Is the answer there? *error: 0 and the list, the caller's now, or what gai_strerror() explains.
 * True: the look-up is over and freed. */
bool lookup_take(struct lookup *l, int *error, struct addrinfo **list, us_t *took);

/* done() is not called after this. NULL is fine. */
void lookup_drop(struct lookup *l);

#endif
