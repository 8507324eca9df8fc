/* SPDX-License-Identifier: MIT */
/*
 * exchange_inside: what the parts of the exchange share: exchange.c (when and what to send),
 * exchange_receive.c (what the bytes mean) and exchange_answer.c (whether an answer is accepted).
 * For no other file.
 */
#ifndef CORE_MODBUS_EXCHANGE_INSIDE_H
#define CORE_MODBUS_EXCHANGE_INSIDE_H

#include "core/modbus/exchange.h"
#include "core/modbus/frame.h"

#define NOISE_DOUBT 8 /* so much noise may have been another client's request */

enum state { ST_WAIT, ST_DRAIN, ST_SEND, ST_RECEIVE, ST_REST, ST_REST_READ, ST_DONE };

/* The pieces of one frame may come so far apart. */
us_t exchange_split(const struct line *l);

/* Is it a proof that is under way, not the caller's request? */
bool exchange_proving(const struct exchange *x);

/* Throw away the first n bytes of the buffer. */
void exchange_shift(struct exchange *x, size_t n, us_t now);

/* exchange_answer.c: a right answer to what was sent. False: not to be accepted, treat it as a
 * stray. fail: none came, or none that is accepted. */
bool exchange_answered(struct exchange *x, const struct frame *f, uint8_t exception, us_t now);
void exchange_fail(struct exchange *x, enum outcome o, us_t now);

void exchange_append(struct exchange *x, const uint8_t *bytes, size_t n, us_t now);

/* Bytes that came while nothing was awaited, followed by silence. */
void exchange_take_drained(struct exchange *x, us_t now);

/* ST_RECEIVE: bytes came (n = 0: none), or time passed. */
void exchange_receive(struct exchange *x, const uint8_t *bytes, size_t n, us_t now);

/* When bytes, or the time-out, or the silence behind what came, are next to be looked at. */
us_t exchange_deadline(const struct exchange *x);

/* Is it another client's request? Never where answers name their transaction (Modbus TCP). */
bool exchange_foreign(const struct exchange *x, const struct frame *f);

/* exchange_instead.c: what came instead of the answer. late: is it that to a request that was given
 * up? spoilt: an answer began, `got` bytes of `need` (0: not known) came. nothing: at the end. */
bool exchange_late(struct exchange *x, const struct signature *s, us_t at);
void exchange_instead_frame(struct exchange *x, const struct frame *f, us_t now);
void exchange_instead_spoilt(struct exchange *x, size_t got, size_t need);
void exchange_instead_nothing(struct exchange *x);

/* exchange_duplicate.c: units that send each answer twice. begin: a right answer, with the n bytes
 * behind it; false: they are to be barred as a copy that was not expected. take: bytes that came
 * before anything was sent; true: the expected copy. missed: something is to be sent now; true: the
 * copy of l->duplicate was expected and may still come. */
bool exchange_duplicate_begin(struct line *l, const struct frame *f, const uint8_t *rest, size_t n);
bool exchange_duplicate_take(struct line *l, const uint8_t *bytes, size_t n);
bool exchange_duplicate_missed(struct line *l);
bool exchange_duplicate_due(const struct line *l); /* is one expected? */

/* The like of an answer that came, or is due, of a unit. */
void exchange_stray(struct line *l, uint8_t unit, const struct signature *s, bool asked, us_t now,
                    us_t until);

void exchange_done(struct exchange *x, enum outcome o);

#endif
