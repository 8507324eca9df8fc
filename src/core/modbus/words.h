/* SPDX-License-Identifier: MIT */
/*
 * words: what a failed request is called wherever a person reads it: the journal, $SYS, Alerts,
 * Nak, the control socket and xnetctl. One table of exceptions; what else may come is in instead.h.
 */
#ifndef CORE_MODBUS_WORDS_H
#define CORE_MODBUS_WORDS_H

#include "core/base/span.h"
#include "core/modbus/instead.h"

#define WORDS_MAX 160 /* the longest of these texts, with its NUL */

/* "illegal data address"; "not in the specification" for codes that are not in it. */
const char *exception_name(uint8_t code);

/* What it means for who asked: "it does not have these registers". NULL: its name says enough. */
const char *exception_advice(uint8_t code);

/* "exception 2, illegal data address". Returns buf, as all of these do. */
char *exception_words(uint8_t code, char *buf, size_t size);

/* "holding register 40", "coils 0 to 7" */
char *cells_words(const struct span *s, char *buf, size_t size);
/* "holding register 40 of unit 3" */
char *span_words(const struct span *s, char *buf, size_t size);

/* What came of it: an exception, what came instead of a response, "no response" only if nothing
 * came; "none" of a good one. */
char *failure_words(enum outcome o, uint8_t exception, const struct instead *i, char *buf,
                    size_t size);

/* The same, with what was asked: "exception 2, illegal data address, to holding register 40 of unit
 * 3". span.count 0: not known. */
char *failure_words_of(enum outcome o, uint8_t exception, const struct instead *i,
                       const struct span *span, bool wrote, char *buf, size_t size);

#endif
