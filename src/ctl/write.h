/* SPDX-License-Identifier: MIT */
/*
 * write: what the files of this verb share: write.c takes the options and reports the outcome,
 * write_point.c writes a point, write_registers.c registers.
 */
#ifndef CTL_WRITE_H
#define CTL_WRITE_H

#include "ctl/place.h"
#include "ctl/target.h"

struct write {
	struct target target;
	struct line_options options;
	struct wireline *line;
	bool yes, over, blind, json;
	bool unread; /* the value before could not be read */
	uint8_t unit;
	struct place at;
	uint16_t count;
	uint16_t word[WRITE_REGISTERS_MAX];
	const char *value;
};

/* Prints the outcome; value and reason may be "". Returns the exit status. */
int write_report(const struct write *w, bool good, const char *outcome, const char *value,
                 const char *reason, us_t took);

/* The value before could not be read: why nothing is to be written, in reason. False: it may be. */
bool write_forbidden(const struct write *w, const struct reply *before, char *reason, size_t size);

int write_point(struct write *w);

/* A register and its values, as words of the command line. False: reported. */
bool write_take_registers(struct write *w, int argc, char **argv);
int write_registers(struct write *w);

#endif
