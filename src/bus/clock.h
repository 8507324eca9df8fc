/*
 * clock: the one place where the bus threads ask for the time and wait for it.
 */
#ifndef BUS_CLOCK_H
#define BUS_CLOCK_H

#include <time.h>

#include "core/base/span.h"

us_t clock_now(void);         /* CLOCK_MONOTONIC, µs */
void clock_sleep(us_t until); /* returns at once when `until` has passed */
void clock_sharp(void);       /* this thread's timers may be late by 1 µs, not by 50 */
struct timespec clock_timespec(us_t t);

#endif
