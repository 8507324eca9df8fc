// SPDX-License-Identifier: MIT
#include "ctl/wording.h"

#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/modbus/words.h"

const char *const wording_table[4] = {"coil", "discrete", "holding", "input"};

char *wording_exception(uint8_t code, char *buf, size_t size)
{
	const char *advice = exception_advice(code);

	snprintf(buf, size, "exception %u, %s%s%s", code, exception_name(code), advice ? ": " : "",
	         advice ? advice : "");
	return buf;
}

const char *wording_outcome(uint8_t outcome)
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

static void wording_failure(const struct wireline *l, const struct request *r, struct reply *out)
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

void wording_reply(const struct wireline *l, const struct request *r, struct reply *out)
{
	switch (out->outcome) {
	case OUT_OK:
	case OUT_SAME:
		return;
	case OUT_REFUSED:
		wording_exception(out->exception, out->why, sizeof(out->why));
		return;
	case OUT_DROPPED:
		snprintf(out->why, sizeof(out->why),
		         "another client sends requests on this line: see xnetctl monitor");
		return;
	case OUT_LINK:
		snprintf(out->why, sizeof(out->why), "%.170s", l->why);
		return;
	default:
		wording_failure(l, r, out);
	}
}

const char *wording_clean(const char *text)
{
	static char buf[4][256];
	static unsigned at;
	char *b = buf[at++ % 4];

	text_clean(text, strlen(text), b, sizeof(buf[0]));
	return b;
}
