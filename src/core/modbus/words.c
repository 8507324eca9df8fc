// SPDX-License-Identifier: MIT
#include "core/modbus/words.h"

#include <stdio.h>

#include "core/modbus/pdu.h"

/* "MODBUS Application Protocol V1.1b3", section 7. */
static const struct {
	const char *name, *advice;
} exceptions[] = {
	[EXC_FUNCTION] = {"illegal function", "the device does not know this request"},
	[EXC_ADDRESS] = {"illegal data address", "it does not have these registers"},
	[EXC_VALUE] = {"illegal data value", "it refuses this value or this many registers"},
	[EXC_FAILURE] = {"device failure", NULL},
	[EXC_ACKNOWLEDGE] = {"accepted, still in progress", NULL},
	[EXC_BUSY] = {"device is busy", "try again"},
	[EXC_NEGATIVE_ACKNOWLEDGE] = {"negative acknowledge", NULL},
	[EXC_PARITY] = {"memory parity error", NULL},
	[EXC_GATEWAY_PATH] = {"gateway path unavailable",
                              "the gateway responds, its line to the unit does not"},
	[EXC_GATEWAY_TARGET] = {"gateway target does not respond",
                                "the gateway responds, the unit behind it does not: check its id "
                                "and wiring"},
};

const char *exception_name(uint8_t code)
{
	const bool known = code < sizeof exceptions / sizeof *exceptions && exceptions[code].name;
	return known ? exceptions[code].name : "not in the specification";
}

const char *exception_advice(uint8_t code)
{
	return code < sizeof exceptions / sizeof *exceptions ? exceptions[code].advice : NULL;
}

char *exception_words(uint8_t code, char *buf, size_t size)
{
	snprintf(buf, size, "exception %u, %s", code, exception_name(code));
	return buf;
}

char *cells_words(const struct span *s, char *buf, size_t size)
{
	static const char *const tables[] = {
		[TABLE_COIL] = "coil",
		[TABLE_DISCRETE] = "discrete input",
		[TABLE_HOLDING] = "holding register",
		[TABLE_INPUT] = "input register",
	};
	if (s->count > 1)
		snprintf(buf, size, "%ss %u to %u", tables[s->table], s->addr,
		         s->addr + s->count - 1u);
	else
		snprintf(buf, size, "%s %u", tables[s->table], s->addr);
	return buf;
}

char *span_words(const struct span *s, char *buf, size_t size)
{
	char cells[48];
	snprintf(buf, size, "%s of unit %u", cells_words(s, cells, sizeof cells), s->unit);
	return buf;
}

char *failure_words(enum outcome o, uint8_t exception, const struct instead *i, char *buf,
                    size_t size)
{
	static const char *const fixed[] = {
		[OUT_OK] = "none",
		[OUT_DROPPED] = "another client is on the line",
		[OUT_LINK] = "port or connection lost",
		[OUT_EXPIRED] = "not sent in time",
		[OUT_CLOSED] = "the line was closed",
		[OUT_SAME] = "none",
	};
	if (o == OUT_REFUSED)
		return exception_words(exception, buf, size);
	if (o == OUT_TIMEOUT || (o == OUT_GARBLED && i->kind))
		return instead_text(i, buf, size);
	snprintf(buf, size, "%s", o == OUT_GARBLED ? "response corrupted" : fixed[o]);
	return buf;
}

char *failure_words_of(enum outcome o, uint8_t exception, const struct instead *i,
                       const struct span *span, bool wrote, char *buf, size_t size)
{
	char what[WORDS_MAX], place[64];
	failure_words(o, exception, i, what, sizeof what);
	if (o == OUT_OK || o == OUT_SAME || !span->count)
		snprintf(buf, size, "%s", what);
	else
		snprintf(buf, size, "%s%s %s%s", what, o == OUT_REFUSED ? ", to" : "; asked for",
		         wrote ? "a write of " : "", span_words(span, place, sizeof place));
	return buf;
}
