/* SPDX-License-Identifier: MIT */
/*
 * fresh: how old may a message from the broker be, and is the broker still there? Pure: the time
 * (µs, of a clock that also counts while the machine sleeps) is a parameter.
 *
 * A message carries no time. But the broker answers in order: what comes behind its answer to a
 * probe of ours, it sent after the probe. So a probe goes out every few seconds, and a message
 * is at most as old as the last probe that was answered, whatever stood still meanwhile: the
 * link, the library, this process, the machine.
 */
#ifndef MQTT_FRESH_H
#define MQTT_FRESH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/span.h"

struct fresh {
	us_t every;        /* between two probes, about */
	us_t usual;        /* an age that nothing needs to have stood still for */
	us_t silence;      /* no answer and no other word for so long: the broker is gone */
	us_t sure[2];      /* what comes now the broker sent after this; [1]: at QoS 2 */
	us_t asked[2];     /* the last probe and the one before */
	uint64_t seen[2];  /* `received` then */
	uint64_t received; /* messages of QoS 1 and 2 */
	us_t life;         /* the last word of the broker, or since when we listen again */
	us_t planned;      /* when the next turn is due */
	bool twice;        /* QoS 2 is in use: the next probe is the second of a pair */
	bool second;
	us_t from;    /* no probe before this */
	us_t strict;  /* until then nothing may come between a probe and its answer */
	bool waiting; /* for an answer */
	bool busy;    /* a message is being taken: nothing behind it can be received */
};

/* Connected; the CONNECT went out at `asked` at the earliest. Or, where the connection before ended
 * in doubt: fresh_doubt() of it, as what the broker was sent since may still lie there. keepalive:
 * as the broker wants it. shortest: the shortest time that a command may take. */
void fresh_begin(struct fresh *f, us_t keepalive, us_t shortest, us_t asked, us_t now);

/* The connection is over: since when nothing was proven; 0: all is well. */
us_t fresh_doubt(const struct fresh *f, us_t now);

/* Another shortest time. */
void fresh_tune(struct fresh *f, us_t keepalive, us_t shortest);

/* A turn of the client. True: the broker is silent, and not because we stood still. */
bool fresh_silent(struct fresh *f, us_t now);

/* A turn of the client, planned or not: is a probe due, or nearly so? Then call fresh_ask() just
 * before it goes out. */
bool fresh_asks(const struct fresh *f, us_t now);
void fresh_ask(struct fresh *f, us_t now);
void fresh_answer(struct fresh *f, us_t now);

/* When the next turn is due at the latest. */
us_t fresh_due(struct fresh *f);

/* A message begins to be taken. Gives when its time began: now, or, if it may have been under way
 * for longer than usual, the earliest time at which the broker can have sent it. */
us_t fresh_message(struct fresh *f, uint8_t qos, us_t now);
void fresh_taken(struct fresh *f, us_t now); /* it was */

/* Another word of the broker: an acknowledgement. */
void fresh_life(struct fresh *f, us_t now);

#endif
