// SPDX-License-Identifier: MIT
/* The one look at the wall clock; tests have their own. */
#include "daemon/base/gateway.h"

#include <time.h>

enum clock_state gateway_clock(void)
{
	return clock_state();
}

int64_t gateway_wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
