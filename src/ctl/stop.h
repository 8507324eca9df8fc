/* SPDX-License-Identifier: MIT */
/*
 * stop: Ctrl-C ends what a verb does, and what was found so far is kept and printed. A second one
 * ends the program.
 */
#ifndef CTL_STOP_H
#define CTL_STOP_H

#include <stdatomic.h>
#include <stdbool.h>

/* SIGINT, SIGTERM and SIGHUP set the flag from now on. */
void stop_catch(void);
bool stop_asked(void);
/* The exit status of a verb that was ended before its end: 128 + the signal (130 for Ctrl-C), as
 * shells do; else `status`. */
int stop_status(int status);
const atomic_bool *stop_flag(void);

#endif
