/* SPDX-License-Identifier: MIT */
/*
 * words: what a failed request is called wherever a person reads it: the journal, $SYS, Alerts,
 * Nak, the control socket and xnetctl. Exceptions are in exception.h, what else may come in
 * instead.h.
 */
#ifndef CORE_MODBUS_WORDS_H
#define CORE_MODBUS_WORDS_H

#include "core/base/span.h"
#include "core/modbus/exception.h"
#include "core/modbus/instead.h"

#define WORDS_MAX 160 /* the longest of these texts, with its NUL */

/* "holding register 40", "coils 0 to 7". Returns buf, as all of these do. */
char *cells_words(const struct span *s, char *buf, size_t size);

/* What came of it: an exception, what came instead of a response, "no response" only if nothing
 * came; "none" of a good one. */
char *failure_words(enum outcome o, uint8_t exception, const struct instead *i, char *buf,
                    size_t size);

/* The same, with the request: "exception 2, illegal data address, to holding register 40 of unit
 * 3". span.count 0: not known. */
char *failure_words_of(enum outcome o, uint8_t exception, const struct instead *i,
                       const struct span *span, bool wrote, char *buf, size_t size);

#endif
