/* SPDX-License-Identifier: MIT */
/*
 * pace: how much may be handed over to the library and not yet taken by the broker? What is in
 * the library, in the socket, in a modem is out of the outbox's reach: newer values cannot replace
 * it, and urgent messages are behind it. So the bytes under way are bounded by the time that they
 * take: the window grows while the broker's answers come at once, and shrinks when they are late.
 *
 * The broker answers in order. An acknowledgement (QoS 1 and 2), or the answer to a probe sent
 * between messages of QoS 0, proves that it has taken all that was handed over before. Pure: the
 * time (µs, any clock that goes on) is a parameter. One struct a connection; the caller locks.
 */
#ifndef MQTT_PACE_H
#define MQTT_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/span.h"

#define PACE_MESSAGES 2048 /* under way at most */

/* A place in the stream of what was handed over. */
struct pace_mark {
	uint64_t bytes; /* up to here */
	uint32_t number;
	us_t at;
};

struct pace_entry {
	uint32_t id;
	uint32_t ms;
};

struct pace {
	uint64_t handed, taken, asked; /* bytes: handed over; proven; behind a mark */
	uint32_t number, proven;       /* messages: handed over; proven */
	uint32_t questions;            /* not answered yet */
	size_t window;                 /* bytes */
	us_t trip;                     /* the shortest time that an answer took; 0: none came */
	us_t asked_at, first_asked;    /* probes; 0: none */
	bool answered;                 /* one of them ever was */
	bool limited;                  /* the window kept something back */
	uint64_t shrunk;               /* `handed` when it last did */
	struct pace_entry entry[PACE_MESSAGES];
};

void pace_begin(struct pace *p);

/* May another message be handed over? False: not before the next proof, or pace_wait(). */
bool pace_room(struct pace *p, us_t now);

/* A message goes: id is given back by pace_unproven; 0: it need not. proves: it is acknowledged
 * itself. Gives its mark, for pace_proof. */
struct pace_mark pace_hand(struct pace *p, uint32_t id, size_t bytes, bool proves, us_t now);

/* Is a probe due? urgent: as soon as it can prove anything. Then call pace_ask and send it. */
bool pace_asks(const struct pace *p, bool urgent, us_t now);
struct pace_mark pace_ask(struct pace *p, us_t now);

/* The broker has answered what was marked. */
void pace_proof(struct pace *p, const struct pace_mark *m, bool question, us_t now);

/* Has the window so much room that going on is worth a wake-up? */
bool pace_worth(const struct pace *p);

/* The probe could not be sent. */
void pace_unasked(struct pace *p);

/* Was everything taken, and did the connection prove that it works? Was what this number names
 * taken? (Of a broker that does not report it: true.) */
bool pace_clear(const struct pace *p, us_t now);
bool pace_proven(const struct pace *p, uint32_t number, us_t now);

/* When a broker that leaves probes unanswered is not probed any more; US_NEVER: it is not one. */
us_t pace_wait(const struct pace *p);

/* The ids, in order, of what was handed over in the last 10 s and not proven: what a broker that
 * ended the connection may have disliked. Room for PACE_MESSAGES. */
size_t pace_unproven(const struct pace *p, us_t now, uint32_t *id);

#endif
