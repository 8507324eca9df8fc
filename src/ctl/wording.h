/* SPDX-License-Identifier: MIT */
/*
 * wording: the texts of the verbs on a line for outcomes and exceptions: the same sentences
 * everywhere.
 */
#ifndef CTL_WORDING_H
#define CTL_WORDING_H

#include "ctl/line.h"

/* "exception 2, illegal data address: it does not have these registers". Returns buf. */
char *wording_exception(uint8_t code, char *buf, size_t size);

/* Fills in out->why if it was no success: what came, and what to do next. */
void wording_reply(const struct wireline *l, const struct request *r, struct reply *out);

/* "ok", "exception", "timeout", "corrupted", … for --json. */
const char *wording_outcome(uint8_t outcome);

/* "holding", … by enum table. */
extern const char *const wording_table[4];

/* A text of a device or a file, fit for a terminal, in a static buffer of a few. */
const char *wording_clean(const char *text);

#endif
