/* SPDX-License-Identifier: MIT */
/*
 * device: a device as its profile defines, made of registers. Only what the profile names exists;
 * values move (simvalues), writes stick, and what real devices refuse is refused: a function the
 * device does not have, one member of a group alone, a value out of range.
 */
#ifndef CORE_SIM_DEVICE_H
#define CORE_SIM_DEVICE_H

#include "core/modbus/pdu.h"
#include "core/model/model.h"

struct simdevice;

/* d and its points must outlive it. Equal seeds give equal values. */
struct simdevice *simdevice_create(const struct device *d, uint64_t seed, us_t now);
void simdevice_destroy(struct simdevice *s); /* NULL is fine */

/* Bring the moving registers to `now`; cheap when called again within 100 ms. epoch: wall clock,
 * seconds UTC. */
void simdevice_step(struct simdevice *s, us_t now, int64_t epoch);

/* Values are frozen, or move again. */
void simdevice_freeze(struct simdevice *s, bool frozen);

/* Answers one request PDU (answer: PDU_MAX bytes). Returns its length; 0: no answer. */
size_t simdevice_answer(struct simdevice *s, const uint8_t *pdu, size_t len, uint8_t *answer);

/* A read from a register that exists to one that exists, as wants make it; one that ends beyond is
 * a client's proof that the answer is its own. */
bool simdevice_wanted(const struct simdevice *s, const uint8_t *pdu, size_t len);

/* Put a value into a point's registers as a person writes it: a number, a label, a text, "auto"
 * (moves again). False: no such point, or it does not fit; *why then gets what is wrong. */
bool simdevice_set(struct simdevice *s, const char *point, const char *text, const char **why);

#endif
