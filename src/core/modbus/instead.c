// SPDX-License-Identifier: MIT
#include "core/modbus/instead.h"

#include <assert.h>
#include <stdio.h>

#include "core/modbus/exception.h"

void instead_note(struct instead *i, const struct instead *other)
{
	if (other->kind >= i->kind)
		*i = *other;
}

static int ms(us_t t)
{
	return (int)(t / US_MS);
}

/* Only one number of the response is not what it should be. */
static const char *part_of(uint8_t kind)
{
	static const char *const parts[INSTEAD_KINDS] = {
		[INSTEAD_TRANSACTION] = "transaction id",
		[INSTEAD_FUNCTION] = "function",
		[INSTEAD_COUNT] = "byte count",
	};
	return parts[kind];
}

static const char *fixed_text(uint8_t kind)
{
	static const char *const texts[INSTEAD_KINDS] = {
		[INSTEAD_NOTHING] = "no response",
		[INSTEAD_CORRUPTED] = "response corrupted (wrong CRC): check format, baud, wiring",
		[INSTEAD_VALUE] =
			"response to a write has another address or value: see loose_echo",
	};
	return texts[kind];
}

char *instead_text(const struct instead *i, char *buf, size_t size)
{
	const char *look = i->tcp ? "check the device or gateway" : "check baud, format, wiring";
	assert(i->kind < INSTEAD_KINDS);
	if (fixed_text(i->kind))
		snprintf(buf, size, "%s", fixed_text(i->kind));
	else if (part_of(i->kind))
		snprintf(buf, size, "response with %s %u instead of %u", part_of(i->kind), i->is,
		         i->should);
	else if (i->kind == INSTEAD_ECHO)
		snprintf(buf, size, "only the echo of the request was received: check %s",
		         i->tcp ? "the address" : "A/B, power, id");
	else if (i->kind == INSTEAD_NOISE)
		snprintf(buf, size, "%u bytes received that are not Modbus: %s", i->is, look);
	else if (i->kind == INSTEAD_UNIT)
		snprintf(buf, size, "response from unit id %u instead of %u: check id", i->is,
		         i->should);
	else if (i->kind == INSTEAD_SHORT && i->should)
		snprintf(buf, size, "response incomplete, %u of %u bytes: %s", i->is, i->should,
		         look);
	else if (i->kind == INSTEAD_SHORT)
		snprintf(buf, size,
		         "response incomplete, only its first %u bytes were received: %s", i->is,
		         look);
	else if (i->kind == INSTEAD_LENGTH)
		snprintf(buf, size, "response with wrong length: %u bytes instead of %u: %s", i->is,
		         i->should, look);
	else if (i->kind == INSTEAD_LATE)
		snprintf(buf, size,
		         i->after > i->timeout ? "response too late, %d ms after the request: set "
		                                 "timeout above that"
		                               : "response late, %d ms after the request",
		         ms(i->after));
	else
		snprintf(buf, size,
		         "exception %u, %s: the gateway responds, the unit behind it does not",
		         i->is, exception_name((uint8_t)i->is));
	return buf;
}

const char *instead_topic(enum instead_kind kind)
{
	static const char *const topics[INSTEAD_KINDS] = {
		[INSTEAD_ECHO] = "instead/echo",
		[INSTEAD_NOISE] = "instead/noise",
		[INSTEAD_UNIT] = "instead/other_unit",
		[INSTEAD_TRANSACTION] = "instead/other_transaction",
		[INSTEAD_FUNCTION] = "instead/other_function",
		[INSTEAD_CORRUPTED] = "instead/corrupted",
		[INSTEAD_SHORT] = "instead/short",
		[INSTEAD_LENGTH] = "instead/wrong_length",
		[INSTEAD_COUNT] = "instead/other_count",
		[INSTEAD_VALUE] = "instead/other_value",
		[INSTEAD_LATE] = "instead/late",
		[INSTEAD_PATH] = "instead/gateway",
	};
	return kind < INSTEAD_KINDS ? topics[kind] : NULL;
}
