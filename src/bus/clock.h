/* SPDX-License-Identifier: MIT */
/*
 * clock: the one place where the bus threads read the time and wait; and whether the wall clock is
 * right.
 */
#ifndef BUS_CLOCK_H
#define BUS_CLOCK_H

#include <time.h>

#include "core/base/span.h"

/* Is the wall clock synchronised with a time server, as the system reports? */
enum clock_state { CLOCK_UNKNOWN, CLOCK_WRONG, CLOCK_SYNCHRONISED };
enum clock_state clock_state(void);

/* µs, CLOCK_BOOTTIME: a deadline passes while the machine sleeps, too */
us_t clock_now(void);
void clock_sleep(us_t until); /* returns at once when `until` has passed */
void clock_sharp(void);       /* this thread's timers may be late by 1 µs, not by 50 */
struct timespec clock_timespec(us_t t);
/* A time of clock_now() as one of CLOCK_MONOTONIC, which condition variables wait by. */
struct timespec clock_deadline(us_t until);

#endif
