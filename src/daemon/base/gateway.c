// SPDX-License-Identifier: MIT
#include "daemon/base/gateway.h"

#include "bus/clock.h"

void gateway_wake(struct gateway *g, enum timer t, us_t when)
{
	if (when < g->due[t])
		g->due[t] = when;
}

int64_t gateway_wall_of(us_t monotonic)
{
	return gateway_wall() - (clock_now() - monotonic) / US_MS;
}

void gateway_alert(struct gateway *g, uint8_t kind, enum gateway_alert code, const char *source,
                   const char *desc)
{
	const struct alert a = {
		.kind = kind,
		.code = code,
		.desc = desc,
		.source = source,
		.since = gateway_wall(),
	};
	g->alerts_changed |= alerts_raise(g->alerts, &a);
}

void gateway_alert_end(struct gateway *g, uint8_t kind, enum gateway_alert code, const char *source)
{
	g->alerts_changed |= alerts_clear(g->alerts, kind, code, source);
}
