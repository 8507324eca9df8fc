// SPDX-License-Identifier: MIT
#include "core/modbus/exception.h"

#include <stdbool.h>
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
