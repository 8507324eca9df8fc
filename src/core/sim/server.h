/* SPDX-License-Identifier: MIT */
/*
 * server: the device's side of a request. Takes a request PDU and gives the answer PDU, from a
 * register image behind two callbacks. Used by the simulator, by the simulated line of the tests.
 * Functions 1–8, 15, 16, 17, 22, 23, 43/14 ("MODBUS Application Protocol V1.1b3", section 6),
 * exceptions as in its state diagrams: 1 unknown function, 3 bad count or value, 2 addresses beyond
 * 65535 or refused by the image, 4 and others as the image decides.
 */
#ifndef CORE_SIM_SERVER_H
#define CORE_SIM_SERVER_H

#include "core/modbus/pdu.h"

#define SERVER_OBJECTS 256 /* 43/14: VendorName, ProductCode, MajorMinorRevision, VendorUrl, … */

/* A device's registers. Owned by the caller; every string and callback outlives the calls. */
struct server {
	void *ctx;
	/* words: registers, or bits packed 16 to a word (first in bit 0). 0 or an exception code.
	 */
	uint8_t (*read)(void *ctx, uint8_t table, uint16_t addr, uint16_t count, uint16_t *words);
	uint8_t (*write)(void *ctx, uint8_t table, uint16_t addr, uint16_t count,
	                 const uint16_t *words);
	const char *object[SERVER_OBJECTS]; /* NULL: not there; the first three NULL: no FC 43 */
	const char *id;                     /* FC 17; NULL: no FC 17 */
	uint8_t status;                     /* FC 7 */
	bool no_mask_write, no_read_write;  /* answers FC 22, FC 23 with exception 1 */
};

/* Answers one request PDU. answer: PDU_MAX bytes. Returns its length (an exception is an answer of
 * 2); 0: no answer (empty request, FC 8 sub-function 4). Broadcasts: call it and throw the answer
 * away. */
size_t server_answer(const struct server *s, const uint8_t *pdu, size_t len, uint8_t *answer);

#endif
