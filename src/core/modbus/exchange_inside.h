/*
 * exchange_inside: what the two halves of the exchange share: exchange.c (when and what to send)
 * and exchange_receive.c (what the bytes mean). For nobody else.
 */
#ifndef CORE_MODBUS_EXCHANGE_INSIDE_H
#define CORE_MODBUS_EXCHANGE_INSIDE_H

#include "core/modbus/exchange.h"

enum state { ST_WAIT, ST_DRAIN, ST_SEND, ST_RECEIVE, ST_REST, ST_REST_READ, ST_DONE };

/* The pieces of one frame may come so far apart. */
us_t exchange_split(const struct line *l);

/* Is it a proof that is under way, not the caller's request? */
bool exchange_proving(const struct exchange *x);

void exchange_append(struct exchange *x, const uint8_t *bytes, size_t n, us_t now);

/* Bytes that came while nothing was awaited, followed by silence. */
void exchange_take_drained(struct exchange *x, us_t now);

/* ST_RECEIVE: bytes came (n = 0: none), or time passed. */
void exchange_receive(struct exchange *x, const uint8_t *bytes, size_t n, us_t now);

/* When bytes, or the time-out, or the silence behind what came, are next to be looked at. */
us_t exchange_deadline(const struct exchange *x);

void exchange_done(struct exchange *x, enum outcome o);

#endif
