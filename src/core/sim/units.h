/* SPDX-License-Identifier: MIT */
/*
 * units: the devices behind one simulated line, their faults, and the commands that steer them.
 * Pure: requests, commands and the time come in, answers and lines of text go out.
 */
#ifndef CORE_SIM_UNITS_H
#define CORE_SIM_UNITS_H

#include "core/modbus/pdu.h"
#include "core/model/model.h"
#include "core/sim/line.h"

struct simunits;

/* What becomes of a request, decided when it comes. */
struct sim_turn {
	uint8_t fault;   /* enum sim_fault */
	us_t delay;      /* of SIM_LATE */
	us_t turnaround; /* end of the request to the first bit of the answer */
};

/* Every enabled device of bus `bus`; the model must outlive it. turnaround: of every device, µs. */
struct simunits *simunits_create(const struct model *m, uint32_t bus, uint64_t seed,
                                 us_t turnaround, us_t now);
void simunits_destroy(struct simunits *s); /* NULL is fine */

/* Every request that is no read becomes one line of JSON here. */
void simunits_on_write(struct simunits *s, void (*line)(void *ctx, const char *json), void *ctx);

/* A request to this unit comes: what fault it gets. Call once a request, before simunits_answer().
 */
struct sim_turn simunits_turn(struct simunits *s, uint8_t unit);

/* Answers a request PDU (0: to all, none answers; answer: PDU_MAX bytes). epoch: wall clock,
 * seconds UTC. Returns the answer's length; 0: no such unit on this line, or it does not answer. */
size_t simunits_answer(struct simunits *s, uint8_t unit, const uint8_t *pdu, size_t len, us_t now,
                       int64_t epoch, uint8_t *answer);

/* One command line; changed in place. reply: one line, "ok", "error: …" or JSON. early: requests
 * that broke the silence, as the line counted them. */
void simunits_command(struct simunits *s, char *line, uint32_t early, char *reply, size_t size);

#endif
