/* SPDX-License-Identifier: MIT */
/*
 * segments: messages that are handed over together go in few TCP segments, a single one at once.
 * The MQTT library leaves its sockets as the kernel makes them (1.3.12, Socket.c): a small packet
 * waits until what was sent before is acknowledged (RFC 896), which the other side delays, Linux by
 * up to 40 ms. With TCP_NODELAY always on, each of 10,000 messages a second is a segment of its
 * own, for twice the CPU. So it is off during a burst, and between bursts that come more often than
 * 150 times a second.
 */
#ifndef MQTT_SEGMENTS_H
#define MQTT_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/span.h"

struct segments {
	int fd; /* the library's socket; -1: not found */
	uint16_t port;
	bool gathers;      /* TCP_NODELAY is off */
	bool busy;         /* bursts come so often that each pushes out the one before */
	bool urgent;       /* one of these messages is */
	unsigned together; /* messages since segments_end() */
	unsigned bursts;   /* since: */
	us_t since;
};

/* Looks for this process's TCP connection to that port; TCP_NODELAY is on from here. */
void segments_begin(struct segments *s, uint16_t port);

/* A message is handed over to the library; others may follow at once, until segments_end(). urgent:
 * it is not to wait, however many there are. now: µs, of any clock that goes on. */
void segments_add(struct segments *s, bool urgent, us_t now);
void segments_end(struct segments *s);

/* Something was received, and nothing will be sent soon that carries TCP's acknowledgement: it goes
 * now. The broker's side waits in the same way, and what it keeps back may be a command. From any
 * thread. */
void segments_acknowledge(const struct segments *s);

#endif
