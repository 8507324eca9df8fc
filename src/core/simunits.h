/*
 * simunits: the devices behind one simulated line, their faults, and the commands that steer them.
 * Pure: requests, commands and the time come in, answers and lines of text go out.
 */
#ifndef CORE_SIMUNITS_H
#define CORE_SIMUNITS_H

#include "core/model.h"
#include "core/pdu.h"

struct simunits;

enum sim_spoil { SPOIL_NONE, SPOIL_CRC, SPOIL_SHORT };

struct sim_answer {
	uint8_t pdu[PDU_MAX];
	size_t len;      /* 0: no answer */
	us_t delay;      /* turnaround: end of the request to the first bit of the answer */
	uint8_t spoil;   /* enum sim_spoil */
};

/* Every enabled device of bus `bus`; the model must outlive it. turnaround: of every device, µs. */
struct simunits *simunits_create(const struct model *m, uint32_t bus, uint64_t seed, us_t turnaround, us_t now);
void simunits_destroy(struct simunits *s); /* NULL is fine */

/* Every request that is no read becomes one line of JSON here. */
void simunits_on_write(struct simunits *s, void (*line)(void *ctx, const char *json), void *ctx);

/* A request to a unit (0: to all, nobody answers). epoch: wall clock, seconds UTC. False: such a unit is
 * not on this line. */
bool simunits_answer(struct simunits *s, uint8_t unit, const uint8_t *pdu, size_t len, us_t now,
		     int64_t epoch, struct sim_answer *out);

/* One command line; changed in place. reply: one line, "ok", "error: …" or JSON. early: requests that
 * broke the silence, as the line counted them. */
void simunits_command(struct simunits *s, char *line, uint32_t early, char *reply, size_t size);

size_t simunits_count(const struct simunits *s);

#endif
