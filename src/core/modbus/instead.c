// SPDX-License-Identifier: MIT
#include "core/modbus/instead.h"

#include <stdio.h>

void instead_note(struct instead *i, const struct instead *other)
{
	if (other->kind >= i->kind)
		*i = *other;
}

static int ms(us_t t)
{
	return (int)(t / US_MS);
}

char *instead_text(const struct instead *i, char *buf, size_t size)
{
	const char *look = i->tcp ? "check the device or gateway" : "check baud, format, wiring";

	switch ((enum instead_kind)i->kind) {
	case INSTEAD_ECHO:
		snprintf(buf, size, "only the echo of the request was received: check %s",
		         i->tcp ? "the address" : "A/B, power, id");
		break;
	case INSTEAD_NOISE:
		snprintf(buf, size, "%u bytes received that are not Modbus: %s", i->is, look);
		break;
	case INSTEAD_UNIT:
		snprintf(buf, size, "response from unit id %u instead of %u: check id", i->is,
		         i->should);
		break;
	case INSTEAD_TRANSACTION:
		snprintf(buf, size, "response with transaction id %u instead of %u", i->is,
		         i->should);
		break;
	case INSTEAD_FUNCTION:
		snprintf(buf, size, "response with function %u instead of %u", i->is, i->should);
		break;
	case INSTEAD_CORRUPTED:
		snprintf(buf, size, "response corrupted (wrong CRC): check format, baud, wiring");
		break;
	case INSTEAD_SHORT:
		if (i->should)
			snprintf(buf, size, "response incomplete, %u of %u bytes: %s", i->is,
			         i->should, look);
		else
			snprintf(buf, size,
			         "response incomplete, only its first %u bytes were received: %s",
			         i->is, look);
		break;
	case INSTEAD_LENGTH:
		snprintf(buf, size, "response with wrong length: %u bytes instead of %u: %s", i->is,
		         i->should, look);
		break;
	case INSTEAD_COUNT:
		snprintf(buf, size, "response with byte count %u instead of %u", i->is, i->should);
		break;
	case INSTEAD_VALUE:
		snprintf(buf, size,
		         "response to a write has another address or value: see loose_echo");
		break;
	case INSTEAD_LATE:
		snprintf(buf, size,
		         i->after > i->timeout ? "response too late, %d ms after the request: set "
		                                 "timeout above that"
		                               : "response late, %d ms after the request",
		         ms(i->after));
		break;
	case INSTEAD_PATH:
		snprintf(buf, size,
		         "exception %u: the gateway responds, the unit behind it does not", i->is);
		break;
	case INSTEAD_NOTHING:
	case INSTEAD_KINDS:
		snprintf(buf, size, "no response");
		break;
	}
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
