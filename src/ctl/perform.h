/* SPDX-License-Identifier: MIT */
/*
 * perform: one command to a point, carried out on a port of our own as the gateway does it: by the
 * same table (core/command) and the same bus thread. Unlocking, groups, masks, pulses and the
 * read-back are theirs.
 */
#ifndef CTL_PERFORM_H
#define CTL_PERFORM_H

#include "core/command/command.h"

struct performed {
	enum command_end end;
	bool sent; /* something was on the wire */
	us_t took; /* from its sending to its end; 0: unknown */
	char value[VALUE_PRINT_MAX];
	char reason[COMMAND_REASON_MAX];
};

/* current: values of exponents and factors of the device, by point; VALUE_NONE: unknown. A pulse is
 * waited for, and ended early at Ctrl-C. */
void perform(const struct model *m, uint32_t device, uint32_t point, const char *text,
             const struct value *current, struct performed *out);

#endif
