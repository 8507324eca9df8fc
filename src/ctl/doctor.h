/* SPDX-License-Identifier: MIT */
/*
 * doctor: what the parts of the verb share: doctor.c (the checks, in the order of a field
 * engineer), doctor_unit.c (one unit's responses), verdict.c (what it means: one sentence).
 */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include "core/base/json.h"
#include "ctl/target.h"

#define UNITS_MAX 247

enum check_result { CHECK_OK, CHECK_NOTE, CHECK_FAIL, CHECK_SKIPPED };

/* One unit under test: short and long reads in turns. */
struct patient {
	uint8_t unit;
	const char *name; /* of its device; NULL: not configured */
	unsigned asked, good, exceptions, timeouts, corrupted, shorter, others, late, gateway;
	uint8_t exception;  /* the last one */
	uint8_t other_unit; /* who answered in its place */
	unsigned asked_of[2], lost_of[2];
	uint16_t count_of[2]; /* registers */
	us_t least, most, sum;
};

struct doctor {
	struct target target;
	struct line_options options;
	struct wireline *line;
	unsigned requests; /* a unit */
	bool json;
	const char *bundle;
	FILE *copy; /* of what is printed, for the bundle */
	struct json out;
	unsigned fails;
	bool client, noise, echo, lasting, listened;
	struct patient *patient;
	size_t n;
};

/* Prints a check: " ok    port: FTDI, …". */
void doctor_say(struct doctor *d, enum check_result r, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Probes a unit; false: the line is gone. */
bool patient_examine(struct doctor *d, struct patient *p, const struct device *device);
void patient_say(struct doctor *d, const struct patient *p);

/* The sentence at the end; never NULL. Returns whether there is something to do. */
bool verdict_give(const struct doctor *d, char *buf, size_t size);

#endif
