// SPDX-License-Identifier: MIT
#include "ctl/says.h"

#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

const char *const says_table[4] = {"coil", "discrete", "holding", "input"};

/* "MODBUS Application Protocol V1.1b3", section 7. */
static const char *const exception_words[] = {
	[EXC_FUNCTION] = "illegal function: the device does not know this request",
	[EXC_ADDRESS] = "illegal data address: it does not have these registers",
	[EXC_VALUE] = "illegal data value: it refuses this value or this many registers",
	[EXC_FAILURE] = "server device failure",
	[EXC_ACKNOWLEDGE] = "accepted, but it takes long",
	[EXC_BUSY] = "device busy: try again",
	[EXC_NEGATIVE_ACKNOWLEDGE] = "negative acknowledge",
	[EXC_PARITY] = "memory parity error",
	[EXC_GATEWAY_PATH] = "gateway path unavailable",
	[EXC_GATEWAY_TARGET] =
		"the gateway responds, the unit behind it does not: check its id and wiring",
};

const char *says_exception(uint8_t code)
{
	const char *words = code < sizeof(exception_words) / sizeof(exception_words[0])
	                            ? exception_words[code]
	                            : NULL;

	return words ? words : "not an exception of the specification";
}

const char *says_outcome(uint8_t outcome)
{
	static const char *const words[] = {
		[OUT_OK] = "ok",           [OUT_REFUSED] = "exception",
		[OUT_TIMEOUT] = "timeout", [OUT_GARBLED] = "corrupted",
		[OUT_DROPPED] = "dropped", [OUT_LINK] = "link",
		[OUT_EXPIRED] = "expired", [OUT_CLOSED] = "closed",
		[OUT_SAME] = "same",
	};

	return outcome < sizeof(words) / sizeof(words[0]) ? words[outcome] : "unknown";
}

static void says_failure(const struct wireline *l, const struct request *r, struct reply *out)
{
	char text[160];

	if (out->instead.kind != INSTEAD_NOTHING) {
		snprintf(out->why, sizeof(out->why), "%s",
		         instead_text(&out->instead, text, sizeof(text)));
		return;
	}
	snprintf(out->why, sizeof(out->why),
	         l->conf.kind == BUS_SERIAL
	                 ? "no response from unit %u: check id, baud and format, A/B, power"
	                 : "no response from unit %u: check its id and its power",
	         r->unit);
}

void says_reply(const struct wireline *l, const struct request *r, struct reply *out)
{
	switch (out->outcome) {
	case OUT_OK:
	case OUT_SAME:
		return;
	case OUT_REFUSED:
		snprintf(out->why, sizeof(out->why), "exception %u, %s", out->exception,
		         says_exception(out->exception));
		return;
	case OUT_DROPPED:
		snprintf(out->why, sizeof(out->why),
		         "another client sends requests on this line: see xnetctl monitor");
		return;
	case OUT_LINK:
		snprintf(out->why, sizeof(out->why), "%.170s", l->why);
		return;
	default:
		says_failure(l, r, out);
	}
}

const char *says_clean(const char *text)
{
	static char buf[4][256];
	static unsigned at;
	char *b = buf[at++ % 4];

	text_clean(text, strlen(text), b, sizeof(buf[0]));
	return b;
}
