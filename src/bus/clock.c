#include "bus/clock.h"

#include <errno.h>
#include <sys/prctl.h>

us_t clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (us_t)t.tv_sec * US_S + t.tv_nsec / 1000;
}

struct timespec clock_timespec(us_t t)
{
	return (struct timespec){.tv_sec = (time_t)(t / US_S), .tv_nsec = (long)(t % US_S) * 1000};
}

void clock_sleep(us_t until)
{
	const struct timespec t = clock_timespec(until);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		continue;
}

void clock_sharp(void)
{
	prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
}
