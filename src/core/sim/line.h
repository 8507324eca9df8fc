/* SPDX-License-Identifier: MIT */
/*
 * line: a serial line with devices on it, simulated with true wire time, and everything that can
 * go wrong there. Pure: time is a parameter (µs, must not run backwards). Used by tests and
 * benches.
 *
 * What the gateway writes is on the wire from that moment, one character after the other. A
 * request that starts before the line was silent for the wire's silence is ignored and counted, as
 * real devices do. Two that send at once corrupt each other.
 */
#ifndef CORE_SIM_LINE_H
#define CORE_SIM_LINE_H

#include "core/modbus/pdu.h"
#include "core/modbus/wiretime.h"

enum sim_fault {
	SIM_NONE,
	SIM_LOST,      /* the request is corrupted on its way: not executed, no answer */
	SIM_SILENT,    /* executed, but no answer ever comes */
	SIM_LATE,      /* the answer comes `delay` after the request, later ones queue behind it */
	SIM_OVERTAKEN, /* the same, but later answers do not wait (random: a quarter of the delay)
	                */
	SIM_HELD, /* the answer is held back until the next request that is not, then comes first */
	SIM_BEHIND,  /* this request is answered with the answer before (the first: with nothing) */
	SIM_DOUBLED, /* the answer comes twice, less than a silence apart */
	SIM_OTHER_UNIT,     /* the answer bears another unit's id */
	SIM_WRONG_LENGTH,   /* the answer is two bytes longer, its byte count too */
	SIM_EXCEPTION,      /* exception 6 instead of the answer */
	SIM_HELD_EXCEPTION, /* as SIM_HELD, with exception 2 */
	SIM_BAD_CRC,        /* one bit of the answer is wrong */
	SIM_CUT,            /* only the first part of the answer comes */
	SIM_NOISE_BEFORE,   /* up to 12 random bytes some time before the answer */
	SIM_GLITCH,         /* up to 4 random bytes directly before it */
	SIM_NOISE_INSIDE,   /* a random byte within it */
	SIM_NOISE_AFTER,    /* up to 12 random bytes directly after it */
	SIM_CLIENT, /* another client's request goes over ours; its answer comes, ours does not */
	SIM_CLIENT_AFTER, /* another client's request, and its answer, right behind our answer */
	SIM_SHORT,        /* two or three bytes instead of the answer */
	SIM_PAUSE,        /* the answer's second half comes `delay` later */
	SIM_FAULTS,
};

struct simline;

/* Answers a request PDU to `unit`; returns the answer's length, 0: no such unit, no answer. */
typedef size_t simline_answer(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len,
                              uint8_t *answer);

struct simline_counters {
	uint32_t requests;   /* written by the gateway */
	uint32_t early;      /* began before the silence was over */
	uint32_t collisions; /* spoke while a device did */
	uint32_t delivered;  /* reached the devices */
	uint32_t faults;
	us_t busy; /* time with a character on the wire */
};

struct simline *simline_create(const struct wire *w, uint64_t seed, simline_answer *answer,
                               void *ctx);
void simline_destroy(struct simline *l); /* NULL is fine */

/* From the end of the request to the answer's first bit. */
void simline_turnaround(struct simline *l, uint8_t unit, us_t turnaround);
void simline_echo(struct simline *l, bool on);

/* The next n requests to this unit get this fault. delay: for SIM_LATE, SIM_OVERTAKEN and
 * SIM_PAUSE, µs. */
void simline_fault(struct simline *l, uint8_t unit, enum sim_fault fault, unsigned n, us_t delay);

/* From now on this many of a thousand requests get a fault out of the set (bit 1 << sim_fault). */
void simline_random(struct simline *l, unsigned permille, uint32_t set, us_t delay);

/* Bytes appear on the line at `at`, from no unit. */
void simline_inject(struct simline *l, const uint8_t *bytes, size_t n, us_t at);

void simline_write(struct simline *l, const uint8_t *bytes, size_t n, us_t now);
size_t simline_read(struct simline *l, us_t now, uint8_t *buf,
                    size_t size); /* fully arrived by now */

/* When something happens next: `now` if bytes can be read, US_NEVER if nothing will. */
us_t simline_next(struct simline *l, us_t now);
us_t simline_end(
	const struct simline *l); /* when the last byte now on its way arrives; US_NEVER: none is */
struct simline_counters simline_count(const struct simline *l);

/* The generator behind it: the same seed gives the same run. */
uint32_t simline_draw(uint64_t *state, uint32_t below);

#endif
