/* SPDX-License-Identifier: MIT */
/*
 * tcp: one connection to one endpoint, with a time-out of its own and a peer's death seen in
 * seconds. It is made in steps that never wait (but see lookup.h).
 */
#ifndef BUS_TCP_H
#define BUS_TCP_H

#include "bus/lookup.h"

/* A connection on its way: the name is looked up anew, its addresses (IPv6 too) are tried one after
 * the other. */
struct tcp_opening {
	struct lookup *lookup; /* NULL: none waited for */
	struct addrinfo *list; /* what it has brought */
	const struct addrinfo *next;
	int fd;        /* connecting; -1: none */
	unsigned made; /* sockets made so far, over all openings */
	us_t until;    /* the one at hand gives up then */
	int error;     /* of the last one */
	us_t took;     /* the last look-up, µs */
};

#define TCP_OPENING (-2)

/* done: as for lookup_begin(). tcp_step() or tcp_abandon() ends it. */
void tcp_begin(struct tcp_opening *o, const char *host, uint16_t port, void (*done)(void *ctx),
               void *ctx);

/* Goes on, never waiting. A non-blocking socket; -1 with a sentence in why; or TCP_OPENING: call
 * again when o->fd is writable or o->until has passed, or, while the name is looked up (o->fd is
 * -1), after done(). timeout: for each address. */
int tcp_step(struct tcp_opening *o, const char *host, uint16_t port, us_t timeout, us_t now,
             char *why, size_t size);

void tcp_abandon(struct tcp_opening *o);

#endif
