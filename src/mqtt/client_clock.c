// SPDX-License-Identifier: MIT
/* The clocks of the client. */
#include "mqtt/client_private.h"

#include <time.h>

static us_t read_clock(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * US_S + t.tv_nsec / 1000;
}

us_t client_now(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

struct timespec client_deadline(us_t until)
{
	const us_t left = until - client_now();
	const us_t t = read_clock(CLOCK_MONOTONIC) + (left > 0 ? left : 0);
	return (struct timespec){.tv_sec = t / US_S, .tv_nsec = t % US_S * 1000};
}
