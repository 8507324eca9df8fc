/* SPDX-License-Identifier: MIT */
/*
 * values: the values of a simulated device's points, in engineering units. A value is a
 * function of the seed and the time; only energy is summed up. Points of one subject (PvArray,
 * Batt, Line1) agree with each other: volts × amperes are watts, and the counters rise by them.
 */
#ifndef CORE_SIM_VALUES_H
#define CORE_SIM_VALUES_H

#include "core/model/model.h"

enum sim_subject {
	SUBJECT_MAINS,
	SUBJECT_SOLAR,
	SUBJECT_BATTERY,
	SUBJECT_CHARGER,
	SUBJECT_LOAD,
	SUBJECTS
};

struct simvalues {
	const struct device *device;
	uint64_t seed;
	us_t start, now;
	int64_t epoch;             /* wall clock now, seconds UTC, for clocks */
	double imported[SUBJECTS]; /* kWh since the meter was made */
	double exported[SUBJECTS];
};

void simvalues_init(struct simvalues *v, const struct device *d, uint64_t seed, us_t now);

/* Go on to `now`; epoch is the wall clock then. The day begins at eleven in the morning. */
void simvalues_step(struct simvalues *v, us_t now, int64_t epoch);

/* The value of point p now. text: VALUE_TEXT_MAX bytes, for strings. Never VALUE_NONE. */
void simvalues_point(const struct simvalues *v, const struct point *p, char *text,
                     struct value *out);

#endif
