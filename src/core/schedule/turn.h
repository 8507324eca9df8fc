/* SPDX-License-Identifier: MIT */
/*
 * turn: how what schedule_next() chose is carried out, as a pure machine: a read with its retries,
 * or a job's compare, merge and write. It decides which exchange goes next, and what the one that
 * has ended means. It does no I/O and reads no clock: who drives it carries out run->exchange (see
 * core/modbus/exchange.h), one turn at a time on a serial line, many at a time in one loop.
 */
#ifndef CORE_SCHEDULE_TURN_H
#define CORE_SCHEDULE_TURN_H

#include "core/modbus/backlog.h"
#include "core/schedule/schedule.h"

/* What the transport changes in it. */
struct turn_way {
	us_t patience;     /* no time-out is shorter than this, or the configured one; 0: no such */
	bool zero_answers; /* unit 0 is the device itself and answers (Modbus TCP) */
};

enum turn_act {
	TURN_EXCHANGE, /* run->exchange has begun: carry it out, then turn_exchanged() */
	TURN_ENDED,    /* see run->outcome */
};

struct turn_run {
	/* The caller's; they outlive the turn. */
	struct turn *turn;
	const struct unit_rule *rule;
	const struct turn_way *way;
	struct line *line;
	struct backlog *backlog; /* of the endpoint; NULL: nothing is between us and the units */
	/* What is read or written; the job itself is gone after schedule_done(). */
	struct span span;
	uint64_t job; /* its id; 0: a read */
	bool raw;
	/* Its progress. */
	uint8_t stage;
	uint8_t retried; /* of the read at hand */
	uint8_t again;   /* times the job was prepared anew */
	us_t held_at;    /* when what the write depends on was requested; 0: it was not */
	/* The exchange at hand, or the last one. */
	struct request request;
	struct exchange exchange;
	bool zero; /* its request is to unit 0, and shown as 255 */
	/* What came of it. */
	enum outcome outcome;
	uint8_t exception; /* 0: none; EXC_VALUE, too, where such a request cannot be */
	us_t turnaround;   /* as the last exchange measured it; 0: nothing of the unit came */
	us_t sent;         /* when the request that `outcome` is of went out last; 0: it did not */
	uint32_t retries;  /* reads requested again */
	uint16_t word[CELLS_MAX]; /* OUT_OK of a read: the cells; of a job: what was written */
};

/* t as given out by schedule_next(), not to sleep; t->timeout of a read may be raised. The outcome
 * is OUT_LINK until an exchange brings another. */
void turn_begin(struct turn_run *r, struct turn *t, const struct unit_rule *rule,
                const struct turn_way *way, struct line *line, struct backlog *backlog);

enum turn_act turn_next(struct turn_run *r, us_t now);

/* The exchange is at EX_DONE; or (linked: false) the connection has ended under it, or could not be
 * had for it. */
void turn_exchanged(struct turn_run *r, bool linked, us_t now);

#endif
