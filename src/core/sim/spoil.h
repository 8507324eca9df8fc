/* SPDX-License-Identifier: MIT */
/*
 * spoil: what happens to the bytes of an answer on the simulated line. For line.c only.
 */
#ifndef CORE_SIM_SPOIL_H
#define CORE_SIM_SPOIL_H

#include "core/sim/line.h"

#define FRAME_MAX (ADU_RTU_MAX + 32)

/* Bytes that are to go on the wire at `at`. The gateway's own: a request that ends at `at`. */
struct event {
	struct event *next;
	us_t at;
	bool request;
	bool client; /* another client's request: its unit answers */
	bool lost;   /* a request that no unit will understand */
	size_t n;
	uint8_t bytes[FRAME_MAX];
};

/* Changes the answer's bytes and their number, nothing else. seed: of simline_draw(). */
void spoil(uint64_t *seed, struct event *e, enum sim_fault fault);

/* Puts a right checksum behind what was changed. */
void spoil_reframe(struct event *e, size_t pdu_len);

/* n random bytes at `at`, if there is room. */
void spoil_noise(uint64_t *seed, struct event *e, size_t at, size_t n);

#endif
