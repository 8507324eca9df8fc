// SPDX-License-Identifier: MIT
#include "daemon/base/response.h"

#include <stdio.h>

#define FIRST_MS 0.5
#define WIDER 1.25
#define TOTAL_MAX 4000

void response_add(struct response *r, us_t turnaround)
{
	double limit = FIRST_MS;
	unsigned i = 0;
	for (; i < RESPONSE_STEPS - 1 && (double)turnaround / 1e3 > limit; i++)
		limit *= WIDER;
	if (r->total == TOTAL_MAX) {
		r->total = 0;
		for (unsigned k = 0; k < RESPONSE_STEPS; k++)
			r->total = (uint16_t)(r->total + (r->count[k] /= 2));
	}
	r->count[i]++;
	r->total++;
}

/* The time that `share` (0..1) of the answers kept to, ms; 0: none was measured. */
static double response_percentile(const struct response *r, double share)
{
	double limit = FIRST_MS, seen = 0;
	if (r->total == 0)
		return 0;
	for (unsigned i = 0; i < RESPONSE_STEPS; i++, limit *= WIDER) {
		seen += r->count[i];
		if (seen >= share * r->total)
			return limit;
	}
	return limit;
}

/* Three figures, no exponent. */
static int decimals(double ms)
{
	return ms < 10 ? 2 : ms < 100 ? 1 : 0;
}

void response_text(const struct response *r, char *buf, size_t size)
{
	const double half = response_percentile(r, 0.5), most = response_percentile(r, 0.99);
	snprintf(buf, size, "%.*f/%.*f", decimals(half), half, decimals(most), most);
}
