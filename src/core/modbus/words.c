// SPDX-License-Identifier: MIT
#include "core/modbus/words.h"

#include <stdio.h>

#include "core/modbus/pdu.h"

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

/* "holding register 40 of unit 3" */
static char *span_words(const struct span *s, char *buf, size_t size)
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
