/* SPDX-License-Identifier: MIT */
/*
 * image: the registers of a simulated device: only what its profile's points occupy, and the
 * holes between them that a real device answers with 0.
 */
#ifndef CORE_SIM_IMAGE_H
#define CORE_SIM_IMAGE_H

#include "core/model/model.h"

#define SIMIMAGE_TABLES 4

struct simblock;

struct simimage {
	const struct device *device;
	struct {
		struct simblock *block;
		size_t n;
	} table[SIMIMAGE_TABLES];
};

void simimage_init(struct simimage *m, const struct device *d);
void simimage_free(struct simimage *m);

/* A point that registers can be read for. */
bool simimage_has(const struct point *p);

/* One cell, also for bits; NULL: the device has none there. */
uint16_t *simimage_cell(const struct simimage *m, uint8_t table, uint16_t addr);

/* What the registers report for point `index`; needs no register for an expression. text as in
 * codec_decode(). */
void simimage_get(const struct simimage *m, uint32_t index, char *text, struct value *out);

/* Put a value into the registers of point `index`, in the units it is published in. False: does not
 * fit.
 */
bool simimage_put(struct simimage *m, uint32_t index, const struct value *v);

#endif
