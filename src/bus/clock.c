// SPDX-License-Identifier: MIT
#include "bus/clock.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/timex.h>
#include <unistd.h>

/* Made by systemd-timesyncd once it has set the clock. */
#define TIMESYNC "/run/systemd/timesync/synchronized"

enum clock_state clock_state(void)
{
	struct timex t = {0};
	const int state = adjtimex(&t);
	if (state >= 0)
		return state != TIME_ERROR && !(t.status & STA_UNSYNC) ? CLOCK_SYNCHRONISED
		                                                       : CLOCK_WRONG;
	/* a sandbox forbids even to ask the kernel */
	return access(TIMESYNC, F_OK) == 0 ? CLOCK_SYNCHRONISED : CLOCK_UNKNOWN;
}

static us_t clock_read(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (us_t)t.tv_sec * US_S + t.tv_nsec / 1000;
}

us_t clock_now(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

struct timespec clock_timespec(us_t t)
{
	return (struct timespec){.tv_sec = (time_t)(t / US_S), .tv_nsec = (long)(t % US_S) * 1000};
}

struct timespec clock_deadline(us_t until)
{
	const us_t left = until - clock_now();
	return clock_timespec(clock_read(CLOCK_MONOTONIC) + (left > 0 ? left : 0));
}

void clock_sleep(us_t until)
{
	const struct timespec t = clock_timespec(until);
	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &t, NULL) == EINTR)
		continue;
}

void clock_sharp(void)
{
	prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
}
